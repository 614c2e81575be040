/* SPDX-License-Identifier: MIT */
/* SET_INFO. [MS-SMB2] 3.3.5.21, [MS-FSA] 2.1.5.15 */
#include <errno.h>
#include <string.h>

#include "engine/caching.h"
#include "engine/fileops.h"
#include "engine/posix.h"

#define TIME_KEEP UINT64_MAX         /* -1: no updates by this open */
#define TIME_RESUME (UINT64_MAX - 1) /* -2: updates again */
/* READONLY, HIDDEN, SYSTEM, ARCHIVE, TEMPORARY, OFFLINE, NOT_CONTENT_INDEXED */
#define SET_ATTRIBUTES 0x3127u

struct set_work {
	struct smb2_set_info_request body;
	struct file_basic_information basic;
	struct files_node *probe; /* of a directory that is to be deleted */
	bool delete_on_close;
	uint32_t filter; /* what to announce */
	bool basic_set, size_set;
};

void set_info_reply(struct request *req, uint32_t status)
{
	struct smb2_set_info_response response = {0};

	if (status) {
		request_fail(req, status);
		return;
	}
	request_reply(
		req, STATUS_SUCCESS, &smb2_set_info_response_type, &response);
}

static uint64_t set_time(uint64_t time)
{
	return time >= TIME_RESUME || !RULE(CORE_SETINFO_0004) ? 0 : time;
}

/* Others hear of it, whether or not the open is still there. */
static void set_told(struct open *open, const struct set_work *work)
{
	if (work->size_set) {
		caching_changed(open, MODEL_LEASE_REASON_SIZE);
	}
	if (work->filter) {
		notify_modified(open, work->filter);
	}
	if (work->size_set) {
		dirlease_done(open, MODEL_OPERATION_SIZE_SET);
	} else if (work->basic_set) {
		dirlease_done(
			open, work->filter || set_time(work->basic.change_time)
				      ? MODEL_OPERATION_ATTRIBUTES_SET
				      : MODEL_OPERATION_NOTHING_SET);
	}
}

static void set_done(struct files_op *op)
{
	struct request *req = op->ctx;
	const struct set_work *work = req->work;

	if (op->result == 0) {
		set_told(req->open, work);
	}
	if (!op_failed(req)) {
		set_info_reply(req, STATUS_SUCCESS);
	}
}

/* ---- FileBasicInformation ---- */

/* What broken rules make of times that a POSIX open sets. */
static void set_spoil_times(struct request *req)
{
	struct files_stat *stat = &req->op.stat;

	if (!req->open->posix) {
		return;
	}
	if (!RULE(PSX_TIME_0001)) {
		stat->write_time -= stat->write_time % TICKS_PER_SECOND;
		stat->access_time -= stat->access_time % TICKS_PER_SECOND;
	}
	if (!RULE(PSX_TIME_0002)) {
		stat->write_time =
			stat->write_time ? stat->write_time : req->engine->now;
		stat->access_time = stat->access_time ? stat->access_time
						      : req->engine->now;
	}
}

/* UserSetModificationTime in [MS-FSA]; POSIX opens know no such thing. */
static void set_hold_write_time(struct request *req, uint64_t time)
{
	if (req->open->posix || time == 0) {
		return;
	}
	if (time == TIME_RESUME) {
		req->op.free_write_time = RULE(CORE_SETINFO_0033);
	} else {
		req->op.hold_write_time = RULE(CORE_SETINFO_0032);
	}
}

static void set_basic_now(struct request *req, uint32_t kept)
{
	struct set_work *work = req->work;
	const struct file_basic_information *basic = &work->basic;

	/* A change time that was set stays for this open (UserSetChangeTime in
	 * [MS-FSA]) until it gives it up. */
	if (basic->change_time == TIME_RESUME) {
		req->open->change_time = 0;
	} else if (set_time(basic->change_time)) {
		req->open->change_time = basic->change_time;
	}
	work->filter = basic->file_attributes ? NOTIFY_ATTRIBUTES : 0;
	work->filter |= set_time(basic->creation_time) ? NOTIFY_CREATION : 0;
	work->filter |=
		set_time(basic->last_access_time) ? NOTIFY_LAST_ACCESS : 0;
	work->filter |=
		set_time(basic->last_write_time) ? NOTIFY_LAST_WRITE : 0;
	req->op.stat = (struct files_stat){
		.create_time = set_time(basic->creation_time),
		.access_time = set_time(basic->last_access_time),
		.write_time = set_time(basic->last_write_time),
		.change_time = req->open->change_time,
		.dos_attributes =
			(basic->file_attributes & SET_ATTRIBUTES) | kept,
	};
	work->basic_set = true;
	req->op.set_attributes =
		basic->file_attributes && RULE(CORE_SETINFO_0006);
	req->open->set_write_time = set_time(basic->last_write_time);
	set_hold_write_time(req, basic->last_write_time);
	set_spoil_times(req);
	req->op.node = req->open->node;
	request_submit(req, FILES_SET_STAT, set_done);
}

static void set_basic_known(struct files_op *op)
{
	struct request *req = op->ctx;

	if (op_failed(req)) {
		return;
	}
	/* What only its own control code changes. */
	set_basic_now(
		req, op->stat.dos_attributes & FILE_ATTRIBUTE_SPARSE_FILE);
}

static bool set_time_valid(uint64_t time)
{
	return time <= INT64_MAX || time >= TIME_RESUME ||
	       !RULE(CORE_SETINFO_0005);
}

static void set_basic(struct request *req)
{
	struct set_work *work = req->work;
	struct file_basic_information *basic = &work->basic;
	bool directory = req->open->file->directory;

	if (req->open->posix && req->open->file->special &&
		!RULE(PSX_TIME_0006)) {
		set_info_reply(req, STATUS_SUCCESS);
		return;
	}
	if (file_basic_information_decode(work->body.buffer, basic) < 0) {
		set_info_reply(req, RULE(CORE_SETINFO_0002)
					    ? STATUS_INFO_LENGTH_MISMATCH
					    : STATUS_INVALID_PARAMETER);
		return;
	}
	if (RULE(CORE_SETINFO_0003) &&
		!(req->open->granted_access & FILE_WRITE_ATTRIBUTES)) {
		set_info_reply(req, STATUS_ACCESS_DENIED);
		return;
	}
	if (!set_time_valid(basic->creation_time) ||
		!set_time_valid(basic->last_access_time) ||
		!set_time_valid(basic->last_write_time) ||
		!set_time_valid(basic->change_time)) {
		set_info_reply(req, STATUS_INVALID_PARAMETER);
		return;
	}
	if (RULE(CORE_SETINFO_0007) &&
		((!directory &&
			 (basic->file_attributes & FILE_ATTRIBUTE_DIRECTORY)) ||
			(directory && (basic->file_attributes &
					      FILE_ATTRIBUTE_TEMPORARY)))) {
		set_info_reply(req, STATUS_INVALID_PARAMETER);
		return;
	}
	if (!basic->file_attributes) {
		set_basic_now(req, 0);
		return;
	}
	req->op.node = req->open->node;
	request_submit(req, FILES_STAT, set_basic_known);
}

/* ---- sizes ---- */

static bool set_size_allowed(struct request *req)
{
	if (RULE(CORE_SETINFO_0008) &&
		!(req->open->granted_access & FILE_WRITE_DATA) &&
		!posix_append_changes(req->open)) {
		set_info_reply(req, STATUS_ACCESS_DENIED);
		return false;
	}
	if (req->open->file->directory) {
		set_info_reply(req, STATUS_INVALID_PARAMETER);
		return false;
	}
	return true;
}

static void set_end_of_file(struct request *req)
{
	struct set_work *work = req->work;
	struct file_end_of_file_information end;

	if (file_end_of_file_information_decode(work->body.buffer, &end) < 0) {
		set_info_reply(req, RULE(CORE_SETINFO_0002)
					    ? STATUS_INFO_LENGTH_MISMATCH
					    : STATUS_INVALID_PARAMETER);
		return;
	}
	if (!set_size_allowed(req)) {
		return;
	}
	if (end.end_of_file > INT64_MAX) {
		set_info_reply(req, STATUS_INVALID_PARAMETER);
		return;
	}
	if (!RULE(CORE_SETINFO_0009)) {
		set_info_reply(req, STATUS_SUCCESS);
		return;
	}
	if (caching_wait(req, MODEL_LEASE_REASON_SIZE, set_end_of_file)) {
		return;
	}
	work->filter = NOTIFY_SIZE;
	work->size_set = true;
	req->op.node = req->open->node;
	req->op.offset = end.end_of_file;
	request_submit(req, FILES_TRUNCATE, set_done);
}

static void set_allocation_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct set_work *work = req->work;

	if (op_failed(req)) {
		return;
	}
	work->filter = op->offset < op->stat.size ? NOTIFY_SIZE : 0;
	request_submit(req,
		op->offset < op->stat.size ? FILES_TRUNCATE : FILES_ALLOCATE,
		set_done);
}

static void set_allocation(struct request *req)
{
	struct set_work *work = req->work;
	struct file_allocation_information allocation;

	if (file_allocation_information_decode(work->body.buffer, &allocation) <
		0) {
		set_info_reply(req, STATUS_INFO_LENGTH_MISMATCH);
		return;
	}
	if (!set_size_allowed(req)) {
		return;
	}
	if (allocation.allocation_size > INT64_MAX) {
		set_info_reply(req, STATUS_INVALID_PARAMETER);
		return;
	}
	if (caching_wait(req, MODEL_LEASE_REASON_SIZE, set_allocation)) {
		return;
	}
	work->size_set = true;
	req->op.node = req->open->node;
	req->op.offset = allocation.allocation_size;
	request_submit(req, FILES_STAT, set_allocation_known);
}

/* ---- disposition ---- */

static void set_marked(struct request *req)
{
	const struct set_work *work = req->work;
	struct open *open = req->open;

	if (caching_wait(req, MODEL_LEASE_REASON_DELETE, set_marked)) {
		return;
	}
	dirlease_done(open, MODEL_OPERATION_MARKED);
	if (work->delete_on_close) {
		open->delete_on_close = true;
		set_info_reply(req, STATUS_SUCCESS);
		return;
	}
	open->link->delete_pending = true;
	open->link->marker = open;
	open->link->marker_parent = open->parent;
	notify_deleted(open->file, open->link);
	set_info_reply(req, STATUS_SUCCESS);
}

/* Who may not look into a directory may remove it all the same: when the name
 * is to go the file system will say. */
static void set_unseen(struct request *req)
{
	if (!open_lost(req)) {
		set_marked(req);
	}
}

static void set_probed(struct files_op *op)
{
	struct request *req = op->ctx;
	struct set_work *work = req->work;

	node_close(req->engine, op->port, work->probe);
	if (op->result == -EACCES && req->open->posix) {
		set_unseen(req);
		return;
	}
	if (op_failed(req)) {
		return;
	}
	if (op->entry_count > 0 &&
		(req->open->posix ? RULE(PSX_DELETE_0004)
				  : RULE(CORE_SETINFO_0012))) {
		set_info_reply(req, STATUS_DIRECTORY_NOT_EMPTY);
		return;
	}
	set_marked(req);
}

static void set_probe(struct files_op *op)
{
	struct request *req = op->ctx;
	struct set_work *work = req->work;

	if (op->result == -EACCES && req->open->posix) {
		set_unseen(req);
		return;
	}
	if (op->result == -ELOOP && op->posix && !req->open->posix) {
		/* An ordinary open has come here through a link. */
		op->posix = false;
		request_submit(req, FILES_OPEN, set_probe);
		return;
	}
	if (op->result < 0) {
		set_info_reply(req, status_of_errno(op->result));
		return;
	}
	work->probe = op->node;
	op->rewind = true;
	op->entry_cap = 1;
	op->entries = request_alloc(req, sizeof *op->entries);
	op->text_cap = LIMIT_PATH;
	op->text = request_alloc(req, op->text_cap);
	if (!op->entries || !op->text) {
		node_close(req->engine, op->port, work->probe);
		set_info_reply(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	request_submit(req, FILES_READDIR, set_probed);
}

/* A node of its own: the scan of this open goes on undisturbed. */
static void set_delete_directory(struct files_op *op)
{
	struct request *req = op->ctx;

	op->node = NULL;
	op->path = req->open->link->path;
	op->stream = NULL;
	/* Whoever asks: what the file system has in it counts. */
	op->posix = true;
	op->open = (struct files_open){
		.how = FILES_OPEN_EXISTING, .type = FILES_DIRECTORY};
	request_submit(req, FILES_OPEN, set_probe);
}

static void set_delete_posix(struct files_op *op)
{
	struct request *req = op->ctx;
	uint32_t status = posix_delete_check(req->open, &op->stat);

	if (status) {
		set_info_reply(req, status);
		return;
	}
	if (op->stat.nlink > 1 && !op->stat.directory &&
		!RULE(PSX_DELETE_0016)) {
		/* Broken: a file with several names keeps all. */
		set_info_reply(req, STATUS_SUCCESS);
		return;
	}
	if (req->open->file->directory && !req->open->link->gone) {
		set_delete_directory(op);
		return;
	}
	set_marked(req);
}

static void set_delete_known(struct files_op *op)
{
	struct request *req = op->ctx;
	const struct set_work *work = req->work;
	struct file *file = req->open->file;
	bool readonly = op->stat.dos_attributes & FILE_ATTRIBUTE_READONLY;

	if (op_failed(req)) {
		return;
	}
	if (req->open->posix) {
		set_delete_posix(op);
		return;
	}
	if (!RULE(PSX_VIEW_0008) && posix_has_open(file)) {
		readonly = false;
	}
	if (RULE(CORE_SETINFO_0011) && readonly &&
		!(work->body.file_info_class == FileDispositionInformationEx &&
			(wire_get32(work->body.buffer.p) &
				FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE))) {
		set_info_reply(req, STATUS_CANNOT_DELETE);
		return;
	}
	if (req->open->link->path[0] == 0 && !file->stream) {
		set_info_reply(req, STATUS_CANNOT_DELETE);
		return;
	}
	if (!file->directory) {
		set_marked(req);
		return;
	}
	set_delete_directory(op);
}

static void set_disposition(struct request *req)
{
	struct set_work *work = req->work;
	struct wire_view buffer = work->body.buffer;
	bool extended =
		work->body.file_info_class == FileDispositionInformationEx;
	uint32_t flags;

	if (buffer.n < (extended ? 4 : 1)) {
		set_info_reply(req, STATUS_INFO_LENGTH_MISMATCH);
		return;
	}
	flags = extended ? wire_get32(buffer.p) : buffer.p[0] != 0;
	if (RULE(CORE_SETINFO_0010) && !(req->open->granted_access & DELETE)) {
		set_info_reply(req, STATUS_ACCESS_DENIED);
		return;
	}
	work->delete_on_close = extended && (flags & FILE_DISPOSITION_ON_CLOSE);
	if (!(flags & FILE_DISPOSITION_DELETE)) {
		if (work->delete_on_close) {
			req->open->delete_on_close = false;
		} else if (req->open->posix ? RULE(PSX_DELETE_0003)
					    : RULE(CORE_SETINFO_0014)) {
			req->open->link->delete_pending = false;
		}
		set_info_reply(req, STATUS_SUCCESS);
		return;
	}
	req->op.node = req->open->node;
	request_submit(req, FILES_STAT, set_delete_known);
}

/* ---- the rest ---- */

static void set_position(struct request *req)
{
	struct set_work *work = req->work;
	struct file_position_information position;

	if (file_position_information_decode(work->body.buffer, &position) <
		0) {
		set_info_reply(req, STATUS_INFO_LENGTH_MISMATCH);
		return;
	}
	if (position.current_byte_offset > INT64_MAX) {
		set_info_reply(req, STATUS_INVALID_PARAMETER);
		return;
	}
	req->open->position = position.current_byte_offset;
	set_info_reply(req, STATUS_SUCCESS);
}

static void set_mode(struct request *req)
{
	struct set_work *work = req->work;
	struct file_mode_information mode;
	uint32_t may = FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY |
		       FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT;

	if (file_mode_information_decode(work->body.buffer, &mode) < 0) {
		set_info_reply(req, STATUS_INFO_LENGTH_MISMATCH);
		return;
	}
	if ((mode.mode & ~may) ||
		(mode.mode & (FILE_SYNCHRONOUS_IO_ALERT |
				     FILE_SYNCHRONOUS_IO_NONALERT)) ==
			(FILE_SYNCHRONOUS_IO_ALERT |
				FILE_SYNCHRONOUS_IO_NONALERT)) {
		set_info_reply(req, STATUS_INVALID_PARAMETER);
		return;
	}
	req->open->mode = (req->open->mode & ~may) | mode.mode;
	set_info_reply(req, STATUS_SUCCESS);
}

void set_info_ea(struct request *req, struct wire_view buffer)
{
	struct set_work *work = req->work;

	if (req->open->posix && req->open->file->special) {
		set_info_reply(req, RULE(PSX_EA_0005) ? STATUS_ACCESS_DENIED
						      : STATUS_SUCCESS);
		return;
	}
	if (RULE(CORE_SETINFO_0024) &&
		!(req->open->granted_access & FILE_WRITE_EA)) {
		set_info_reply(req, STATUS_ACCESS_DENIED);
		return;
	}
	if (!RULE(CORE_SETINFO_0026)) {
		set_info_reply(req, STATUS_SUCCESS);
		return;
	}
	work->filter = NOTIFY_EA;
	req->op.node = req->open->node;
	if (ea_store(req, buffer, set_done) < 0) {
		set_info_reply(req, RULE(CORE_SETINFO_0025)
					    ? STATUS_EA_LIST_INCONSISTENT
					    : STATUS_SUCCESS);
	}
}

static void set_file(struct request *req)
{
	struct set_work *work = req->work;

	if (req->open->link->gone && req->open->posix &&
		!RULE(PSX_DELETE_0026)) {
		set_info_reply(req, STATUS_FILE_CLOSED);
		return;
	}
	if (posix_class_refused(req->open, work->body.file_info_class)) {
		set_info_reply(req, STATUS_INVALID_INFO_CLASS);
		return;
	}
	switch (work->body.file_info_class) {
	case FileBasicInformation:
		set_basic(req);
		break;
	case FileRenameInformation:
	case FileRenameInformationEx:
	case FileLinkInformation:
		set_info_rename(
			req, work->body.file_info_class, work->body.buffer);
		break;
	case FileDispositionInformation:
	case FileDispositionInformationEx:
		set_disposition(req);
		break;
	case FilePositionInformation:
		set_position(req);
		break;
	case FileFullEaInformation:
		set_info_ea(req, work->body.buffer);
		break;
	case FileModeInformation:
		set_mode(req);
		break;
	case FileAllocationInformation:
		set_allocation(req);
		break;
	case FileEndOfFileInformation:
		set_end_of_file(req);
		break;
	case FileValidDataLengthInformation:
		set_info_reply(req, STATUS_PRIVILEGE_NOT_HELD);
		break;
	case FilePosixInformation:
		set_info_reply(req, RULE(PSX_INFO_0006)
					    ? STATUS_INVALID_INFO_CLASS
					    : STATUS_NOT_SUPPORTED);
		break;
	case FilePipeInformation:
	case FileShortNameInformation:
		set_info_reply(req, STATUS_NOT_SUPPORTED);
		break;
	default:
		set_info_reply(req, RULE(CORE_SETINFO_0001)
					    ? STATUS_INVALID_INFO_CLASS
					    : STATUS_NOT_SUPPORTED);
		break;
	}
}

void cmd_set_info(struct request *req)
{
	struct set_work *work = request_alloc(req, sizeof *work);

	if (!work) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	req->work = work;
	if (!request_decode(req, &smb2_set_info_request_type, &work->body) ||
		!request_charge(req, work->body.buffer_length)) {
		return;
	}
	if (!request_open(req, work->body.file_id)) {
		return;
	}
	if (work->body.buffer_length > req->conn->max_transact) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	switch (work->body.info_type) {
	case SMB2_0_INFO_FILE:
		set_file(req);
		break;
	case SMB2_0_INFO_FILESYSTEM:
		set_info_reply(req,
			work->body.file_info_class == FileFsPosixInformation &&
					RULE(PSX_FS_0009)
				? STATUS_INVALID_INFO_CLASS
				: STATUS_NOT_SUPPORTED);
		break;
	case SMB2_0_INFO_SECURITY:
		set_info_security(req, work->body.additional_information,
			work->body.buffer);
		break;
	case SMB2_0_INFO_QUOTA:
		set_info_reply(req, RULE(CORE_SETINFO_0031)
					    ? STATUS_NOT_SUPPORTED
					    : STATUS_INVALID_PARAMETER);
		break;
	default:
		set_info_reply(req, STATUS_INVALID_PARAMETER);
		break;
	}
}

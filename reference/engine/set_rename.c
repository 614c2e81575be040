/* SPDX-License-Identifier: MIT */
/* FileRenameInformation and FileLinkInformation. [MS-FSA] 2.1.5.15.11,
 * 2.1.5.15.6 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/caching.h"
#include "engine/fileops.h"
#include "engine/posix.h"

struct rename_work {
	bool link, replace, stream, directory;
	size_t below; /* opens below the directory, see caching_break_below() */
	bool moves, replaces, enters; /* has waited for that */
	struct wire_view utf16;       /* the new name as it came */
	struct file_name name;
	char from[LIMIT_PATH];
};

static uint32_t rename_status(const struct files_op *op)
{
	switch (op->result) {
	case -EEXIST:
		return RULE(CORE_SETINFO_0019) ? STATUS_OBJECT_NAME_COLLISION
					       : STATUS_ACCESS_DENIED;
	case -ENOENT:
		return op->parent_missing && RULE(CORE_SETINFO_0022)
			       ? STATUS_OBJECT_PATH_NOT_FOUND
			       : STATUS_OBJECT_NAME_NOT_FOUND;
	case -EISDIR:
	case -ENOTDIR:
	case -ENOTEMPTY:
		return STATUS_ACCESS_DENIED;
	case -EINVAL:
		return STATUS_INVALID_PARAMETER;
	default:
		return status_of_errno(op->result);
	}
}

static void rename_failed(struct files_op *op)
{
	struct request *req = op->ctx;
	struct rename_work *work = req->work;

	if (!req->open->posix) {
		set_info_reply(req, rename_status(op));
		return;
	}
	if (op->result == -ELOOP && RULE(PSX_LINK_0017)) {
		if (RULE(PSX_LINK_0018)) {
			posix_stop(req, work->utf16, work->name.path,
				op->link_end);
		} else {
			set_info_reply(req, STATUS_STOPPED_ON_SYMLINK);
		}
		return;
	}
	set_info_reply(req, op->result == -ELOOP
				    ? STATUS_OBJECT_PATH_NOT_FOUND
				    : posix_rename_status(op, work->link));
}

static bool rename_within(const char *from, const char *to)
{
	const char *a = strrchr(from, '/'), *b = strrchr(to, '/');
	size_t n = a ? (size_t)(a - from) : 0, m = b ? (size_t)(b - to) : 0;

	return n == m && memcmp(from, to, n) == 0;
}

/* The leases of both directories. */
static void rename_told(struct request *req, const char *to)
{
	const struct rename_work *work = req->work;
	const struct open *open = req->open;
	struct files_port *port = open_port(open);
	bool within = rename_within(work->from, to);
	struct parent_key key = open->parent;

	if (work->stream || (open->closing && !RULE(DIRL_BREAK_0017))) {
		return;
	}
	key.set = key.set && RULE(DIRL_RENAME_0003);
	if (!within) {
		dirlease_event(req->engine, port, work->from,
			work->link ? MODEL_OPERATION_LINKED_AWAY
				   : MODEL_OPERATION_RENAMED,
			&key, open);
	}
	if (within || RULE(DIRL_RENAME_0002)) {
		dirlease_event(req->engine, port, to,
			work->link ? MODEL_OPERATION_LINKED_INTO
				   : MODEL_OPERATION_RENAMED,
			&key, open);
	}
}

/* Those who watch. */
static void rename_notify(struct request *req, const char *to)
{
	const struct rename_work *work = req->work;
	const struct files_port *port = open_port(req->open);
	uint32_t filter = work->directory ? NOTIFY_DIR_NAME : NOTIFY_FILE_NAME;

	if (work->stream || (req->open->closing && !RULE(CORE_NOTIFY_0017))) {
		return;
	}
	if (work->link) {
		notify_event(req->engine, port, to, filter, FILE_ACTION_ADDED);
	} else if (!req->open->posix || strcmp(work->from, to) != 0) {
		notify_renamed(req->engine, port, work->from, to, filter);
	}
}

static void rename_stream(struct file *file, const char *stream)
{
	char *name = file ? strdup(stream) : NULL;

	if (name) {
		free(file->stream);
		file->stream = name;
	}
}

static void rename_done(struct files_op *op)
{
	struct request *req = op->ctx;
	struct rename_work *work = req->work;
	struct file *file = open_file(req->open);

	if (op->result < 0) {
		rename_failed(op);
		return;
	}
	if (!work->link && !work->stream) {
		file_moved(req->engine, op->port, work->from, op->actual_name);
	}
	if (req->open->posix && !work->link && !RULE(PSX_RENAME_0013) &&
		strcmp(op->actual_name, work->name.path) != 0) {
		/* Broken: the other name of the file is in the way. */
		set_info_reply(req, STATUS_OBJECT_NAME_COLLISION);
		return;
	}
	if (work->link) {
		file_lost_name(req->engine, op->port, op->actual_name, file);
	}
	rename_told(req, op->actual_name);
	if (work->stream) {
		rename_stream(file, work->name.stream);
	}
	rename_notify(req, op->actual_name);
	if (!open_lost(req)) {
		set_info_reply(req, STATUS_SUCCESS);
	}
}

/* The three layouts have these fields in the same places. */
static uint32_t rename_decode(struct request *req, uint8_t info_class,
	struct wire_view buffer, struct wire_view *ret_name)
{
	struct rename_work *work = req->work;
	struct file_rename_information info;
	uint32_t length;

	if (buffer.n < 20) {
		return RULE(CORE_SETINFO_0002) ? STATUS_INFO_LENGTH_MISMATCH
					       : STATUS_INVALID_PARAMETER;
	}
	length = wire_get32(buffer.p + 16);
	if (RULE(CORE_SETINFO_0017) &&
		(length == 0 || length % 2 != 0 || length > buffer.n - 20)) {
		return STATUS_INVALID_PARAMETER;
	}
	/* FILE_RENAME_INFORMATION_TYPE_2 is padded to 24 bytes. */
	if (RULE(CORE_SETINFO_0002) && buffer.n < 24) {
		return STATUS_INFO_LENGTH_MISMATCH;
	}
	if (file_rename_information_decode(buffer, &info) < 0) {
		return STATUS_INVALID_PARAMETER;
	}
	if (RULE(CORE_SETINFO_0016) && info.root_directory != 0) {
		return STATUS_INVALID_PARAMETER;
	}
	work->replace =
		info_class == FileRenameInformationEx
			? wire_get32(buffer.p) & FILE_RENAME_REPLACE_IF_EXISTS
			: info.replace_if_exists != 0;
	*ret_name = info.file_name;
	return STATUS_SUCCESS;
}

static uint32_t rename_parse(struct request *req, struct wire_view name)
{
	struct rename_work *work = req->work;
	uint32_t status;

	work->utf16 = name;
	if (req->open->posix && (work->link ? RULE(PSX_HARDLINK_0001)
					    : RULE(PSX_RENAME_0001))) {
		status = posix_name_parse(req, name,
			work->link ? POSIX_NAME_LINK : POSIX_NAME_RENAME,
			&work->name);
		return status || work->name.path[0] ? status
						    : STATUS_INVALID_PARAMETER;
	}
	if (name.n >= 2 && name.p[0] == ':' && name.p[1] == 0) {
		work->stream = true;
		if (!req->open->file->stream || work->link) {
			return STATUS_INVALID_PARAMETER;
		}
		return name_parse_stream(name, work->name.stream);
	}
	if (!RULE(CORE_SETINFO_0018) && name.n > 2 && name.p[0] == '\\') {
		name = wire_view_sub(name, 2, name.n - 2);
	}
	status = name_parse(name, &work->name);
	if (!status && (work->name.stream[0] || req->open->file->stream)) {
		return STATUS_INVALID_PARAMETER;
	}
	if (!status && work->name.path[0] == 0) {
		return STATUS_INVALID_PARAMETER;
	}
	return status;
}

/* The directory of the new name, if it is open. */
static struct file *rename_directory(const struct request *req)
{
	const struct rename_work *work = req->work;
	const char *slash = strrchr(work->name.path, '/');
	size_t n = slash ? (size_t)(slash - work->name.path) : 0;
	char path[LIMIT_PATH];

	memcpy(path, work->name.path, n);
	path[n] = 0;
	return file_at(
		req->engine, open_port(req->open), path, req->open->posix);
}

static uint32_t rename_check_directory(const struct request *req)
{
	struct file *directory = rename_directory(req);

	if (!directory) {
		return STATUS_SUCCESS;
	}
	list_each(open, &directory->opens, struct open, in_file)
	{
		if (rename_kept_out(req->open, open)) {
			return STATUS_SHARING_VIOLATION;
		}
	}
	return STATUS_SUCCESS;
}

/* The file that would be replaced, if it is open. */
static struct file *rename_target(const struct request *req)
{
	const struct rename_work *work = req->work;
	const struct file *file = req->open->file;
	struct file *target = file_at(req->engine, open_port(req->open),
		work->name.path, req->open->posix);

	if (!target || !work->replace ||
		(target->inode == file->inode &&
			target->device == file->device) ||
		(!RULE(PSX_VIEW_0007) && posix_has_open(target))) {
		return NULL;
	}
	return target;
}

static uint32_t rename_check(struct request *req)
{
	struct rename_work *work = req->work;
	struct file *file = req->open->file;
	struct files_port *port = open_port(req->open);
	uint32_t status;

	if (req->open->posix) {
		status = posix_rename_check(
			req, work->name.path, work->link, work->replace);
		return status || work->link ? status
					    : rename_check_directory(req);
	}
	if (work->link) {
		return file->directory ? STATUS_FILE_IS_A_DIRECTORY
				       : STATUS_SUCCESS;
	}
	if (work->stream) {
		return STATUS_SUCCESS;
	}
	if (file->directory &&
		file_below(req->engine, port, req->open->link->path,
			!req->open->posix)) {
		return STATUS_ACCESS_DENIED;
	}
	if (RULE(CORE_SETINFO_0021) && rename_target(req)) {
		return STATUS_ACCESS_DENIED;
	}
	return rename_check_directory(req);
}

/* Broken: a link is not replaced. */
static void rename_target_known(struct files_op *op)
{
	struct request *req = op->ctx;
	const struct rename_work *work = req->work;

	if (op->result == -ELOOP) {
		set_info_reply(req, STATUS_OBJECT_NAME_COLLISION);
		return;
	}
	op->node = req->open->node;
	request_submit(
		req, work->link ? FILES_LINK : FILES_RENAME, rename_done);
}

static void rename_go(struct request *req);

static bool rename_wait_for(struct request *req, const struct file *file)
{
	break_wait(req, file, rename_go, request_fail);
	return true;
}

/* Others give up what they hold on to the names for. */
static bool rename_waits(struct request *req)
{
	struct rename_work *work = req->work;
	const struct open *open = req->open;
	struct file *file;

	if (caching_wait(req,
		    work->link ? MODEL_LEASE_REASON_LINK
			       : MODEL_LEASE_REASON_RENAME,
		    rename_go)) {
		return true;
	}
	if (work->link || work->stream) {
		return false;
	}
	file = open->file->directory && !open->posix
		       ? caching_break_below(open, &work->below)
		       : NULL;
	if (file) {
		work->moves = true;
		return rename_wait_for(req, file);
	}
	file = open->posix ? NULL : rename_target(req);
	if (file && caching_break_replaced(open, file)) {
		work->replaces = true;
		return rename_wait_for(req, file);
	}
	file = rename_directory(req);
	if (file && caching_break_entered(open, file)) {
		work->enters = true;
		return rename_wait_for(req, file);
	}
	return false;
}

/* Broken: what was in the way is taken to be there still. */
static uint32_t rename_waited_in_vain(const struct request *req)
{
	const struct rename_work *work = req->work;

	if ((work->moves && !RULE(DIRL_RENAME_0006)) ||
		(work->replaces && !RULE(LEASE_BREAK_0037))) {
		return STATUS_ACCESS_DENIED;
	}
	return work->enters && !RULE(DIRL_RENAME_0009)
		       ? STATUS_SHARING_VIOLATION
		       : STATUS_SUCCESS;
}

static void rename_go(struct request *req)
{
	struct rename_work *work = req->work;
	uint32_t status;

	if (rename_waits(req)) {
		return;
	}
	status = rename_waited_in_vain(req);
	if (!status) {
		status = rename_check(req);
	}
	if (status) {
		set_info_reply(req, status);
		return;
	}
	work->directory = req->open->file->directory;
	memcpy(work->from, req->open->link->path,
		strlen(req->open->link->path) + 1);
	req->op.node = req->open->node;
	req->op.path = work->name.path;
	req->op.stream = work->stream ? work->name.stream : NULL;
	req->op.replace = work->replace && RULE(CORE_SETINFO_0020);
	if (req->open->posix) {
		req->op.replace = posix_replaces(
			req->open, work->name.path, work->link, work->replace);
	}
	req->op.open.nocase = true;
	if (req->open->posix && work->replace && !RULE(PSX_RENAME_0018)) {
		req->op.posix = true;
		req->op.open = (struct files_open){0};
		request_submit(req, FILES_LOOKUP, rename_target_known);
		return;
	}
	if (!RULE(CORE_SETINFO_0023) ||
		(req->open->posix && !work->link &&
			posix_same_name(req->open, work->name.path))) {
		set_info_reply(req, STATUS_SUCCESS);
		return;
	}
	request_submit(
		req, work->link ? FILES_LINK : FILES_RENAME, rename_done);
}

void set_info_rename(
	struct request *req, uint8_t info_class, struct wire_view buffer)
{
	struct rename_work *work = request_alloc(req, sizeof *work);
	struct wire_view name = {0};
	uint32_t status;

	if (!work) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	req->work = work;
	work->link = info_class == FileLinkInformation;
	status = rename_decode(req, info_class, buffer, &name);
	if (!status && !work->link && RULE(CORE_SETINFO_0015) &&
		!(req->open->granted_access & DELETE)) {
		status = STATUS_ACCESS_DENIED;
	}
	if (!status) {
		status = rename_parse(req, name);
	}
	if (status) {
		set_info_reply(req, status);
		return;
	}
	rename_go(req);
}

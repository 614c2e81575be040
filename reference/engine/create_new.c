/* SPDX-License-Identifier: MIT */
/* CREATE of something new. [MS-FSA] 2.1.5.1.1 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/create.h"
#include "engine/posix.h"

#define CREATE_TRIES 4
/* READONLY, HIDDEN, SYSTEM, ARCHIVE, TEMPORARY, OFFLINE, NOT_CONTENT_INDEXED */
#define CREATE_KEPT_ATTRIBUTES 0x3127u

static bool create_is_directory(const struct create_work *work)
{
	return !work->stream &&
	       ((work->options & FILE_DIRECTORY_FILE) || work->name.directory);
}

static void create_announce(struct request *req)
{
	struct create_work *work = req->work;
	struct files_port *port = req->tree->share->config.files;
	uint32_t filter = work->stream           ? NOTIFY_STREAM_NAME
			  : work->stat.directory ? NOTIFY_DIR_NAME
						 : NOTIFY_FILE_NAME;

	if (work->stream && !work->base_exists) {
		notify_event(req->engine, port, work->path, NOTIFY_FILE_NAME,
			FILE_ACTION_ADDED);
	}
	notify_event(req->engine, port, work->path, filter,
		work->stream ? FILE_ACTION_ADDED_STREAM : FILE_ACTION_ADDED);
}

static void create_finished(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;

	if (open_lost(req)) {
		return;
	}
	if (op->verb == FILES_STAT && op->result == 0) {
		work->stat = op->stat;
	}
	work->action = FILE_CREATED;
	if (!RULE(CORE_CREATE_0032)) {
		work->action = FILE_OPENED;
	}
	create_announce(req);
	create_reply(req);
}

static void create_allocated(struct files_op *op)
{
	struct request *req = op->ctx;

	if (open_lost(req)) {
		return;
	}
	/* A disk that is full has no room: the file goes again. */
	if (op->result == -ENOSPC) {
		req->open->delete_on_close = true;
		open_close(req->open, NULL, NULL);
		request_fail(req, STATUS_DISK_FULL);
		return;
	}
	request_submit(req, FILES_STAT, create_finished);
}

static void create_allocate(struct request *req)
{
	struct create_work *work = req->work;

	req->op.node = req->open->node;
	if (!work->contexts.allocation || work->stat.directory ||
		!RULE(CORE_CREATE_0055)) {
		create_allocated(&req->op);
		return;
	}
	req->op.offset = work->contexts.allocation_size;
	req->op.result = 0;
	request_submit(req, FILES_ALLOCATE, create_allocated);
}

static void create_attributed(struct files_op *op)
{
	struct request *req = op->ctx;

	if (open_lost(req)) {
		return;
	}
	if (op->result < 0) {
		uint32_t status = status_of_errno(op->result);

		req->open->delete_on_close = true;
		open_close(req->open, NULL, NULL);
		request_fail(req, status);
		return;
	}
	create_allocate(req);
}

static void create_secured(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;

	if (open_lost(req)) {
		return;
	}
	if (op->verb == FILES_SET_BLOB && op->result < 0) {
		request_log(req, LOG_WARN, "create.security", "result=%d",
			op->result);
	}
	op->result = 0;
	if (!work->contexts.attributes || !RULE(CORE_CREATE_0052) ||
		(work->posix && !RULE(PSX_CREATE_0013))) {
		create_allocate(req);
		return;
	}
	op->node = req->open->node;
	if (ea_store(req, work->contexts.attribute_data, create_attributed) <
		0) {
		req->open->delete_on_close = true;
		open_close(req->open, NULL, NULL);
		request_fail(req, STATUS_EA_LIST_INCONSISTENT);
	}
}

/* What the client's descriptor lacks comes from the directory, or is what a
 * file has by itself. [MS-DTYP] 2.5.3.4.1 */
static struct wire_view create_descriptor(struct request *req)
{
	struct create_work *work = req->work;
	struct wire_view asked = work->contexts.security_data;
	struct wire_view inherited =
		wire_view_of(work->inherited, work->inherited_size);
	uint8_t *usual = request_alloc(req, 1024);
	uint8_t *out = request_alloc(req, SD_MAX);
	struct sd sd, base;
	int n;

	if (!usual || !out || sd_parse(asked, &sd) < 0) {
		return asked;
	}
	if (inherited.n == 0) {
		n = sd_default(&work->stat, usual, 1024);
		inherited = wire_view_of(usual, n > 0 ? (size_t)n : 0);
	}
	if (sd_parse(inherited, &base) < 0) {
		return asked;
	}
	sd.owner = sd.owner.n ? sd.owner : base.owner;
	sd.group = sd.group.n ? sd.group : base.group;
	if (!(sd.control & SE_DACL_PRESENT)) {
		sd.dacl = base.dacl;
		sd.control |= base.control &
			      (SE_DACL_PRESENT | SE_DACL_AUTO_INHERITED);
	}
	n = sd_build(&sd, out, SD_MAX);
	return n > 0 ? wire_view_of(out, (size_t)n) : asked;
}

/* Phase 3: the security descriptor first, then EAs, then the size. */
static void create_contexts_after(struct request *req)
{
	struct create_work *work = req->work;
	struct wire_view sd =
		wire_view_of(work->inherited, work->inherited_size);

	if (work->contexts.security && RULE(CORE_CREATE_0054) &&
		(!work->posix || RULE(PSX_CREATE_0014))) {
		sd = create_descriptor(req);
	}
	req->op.node = req->open->node;
	req->op.result = 0;
	if (sd.n == 0 || (work->stream && work->base_exists)) {
		create_secured(&req->op);
		return;
	}
	req->op.blob = FILES_BLOB_SECURITY;
	req->op.data = (uint8_t *)sd.p;
	req->op.size = sd.n;
	request_submit(req, FILES_SET_BLOB, create_secured);
}

static void create_shown_again(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;

	if (!open_lost(req)) {
		work->stat = op->result == 0 ? op->stat : work->stat;
		create_contexts_after(req);
	}
}

/* Broken: a POSIX open gives attributes to what it makes, or takes the group
 * of the directory away. */
static void create_attributes_set(struct files_op *op)
{
	struct request *req = op->ctx;

	if (!open_lost(req)) {
		req->op.set_attributes = false;
		request_submit(req, FILES_STAT, create_shown_again);
	}
}

static bool create_spoils(struct request *req)
{
	const struct create_work *work = req->work;
	struct files_op *op = &req->op;
	bool setgid = work->parent_stat.mode & S_ISGID;

	op->node = req->open->node;
	op->set_attributes = op->set_mode = op->set_group = false;
	op->stat = work->stat;
	if (!work->posix) {
		return false;
	}
	if (!RULE(PSX_CREATE_0015)) {
		op->stat.dos_attributes =
			work->body.file_attributes & CREATE_KEPT_ATTRIBUTES;
		op->set_attributes = true;
	}
	if (setgid && !RULE(PSX_MODE_0009)) {
		op->stat.gid = work->parent_stat.gid + 1;
		op->set_group = true;
	}
	if (setgid && work->stat.directory && !RULE(PSX_MODE_0010)) {
		op->stat.mode &= ~(uint32_t)S_ISGID;
		op->set_mode = true;
	}
	return op->set_attributes || op->set_mode || op->set_group;
}

void create_enter(struct request *req)
{
	struct create_work *work = req->work;
	struct files_port *port = req->tree->share->config.files;
	uint32_t status;

	/* Others may have opened it before this was known. */
	if (file_find(req->engine, port, &work->stat,
		    work->stream ? work->name.stream : NULL) &&
		create_waits(req)) {
		return;
	}
	status = create_attach(req);
	if (status) {
		if (RULE(CORE_NOTIFY_0017)) {
			create_announce(req);
		}
		dirlease_event(req->engine, port, work->path,
			MODEL_OPERATION_CREATED, &work->contexts.lease.parent,
			NULL);
		create_fail(req, status);
		return;
	}
	req->open->unannounced = true;
	if (create_spoils(req)) {
		request_submit(req, FILES_SET_STAT, create_attributes_set);
		return;
	}
	create_contexts_after(req);
}

static void create_made(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;

	if (op->result == -EEXIST && work->tries++ < CREATE_TRIES) {
		/* Somebody was faster: now it exists. */
		create_find(req);
		return;
	}
	if (op->result < 0 && work->posix) {
		create_fail(req, posix_create_status(op));
		return;
	}
	if (op->result < 0) {
		create_fail(req, op->result == -ENOENT && op->parent_missing
					 ? STATUS_OBJECT_PATH_NOT_FOUND
					 : status_of_errno(op->result));
		return;
	}
	work->node = op->node;
	work->stat = op->stat;
	work->created = true;
	memcpy(work->path, op->actual_name, strlen(op->actual_name) + 1);
	work->granted = work->desired;
	work->maximal = ACCESS_FILE_ALL & (req->tree->maximal_access);
	if (work->maximum) {
		work->granted |= work->maximal;
	}
	create_enter(req);
}

static void create_make(struct request *req)
{
	struct create_work *work = req->work;
	struct files_op *op = &req->op;
	bool directory = create_is_directory(work);
	uint32_t attributes =
		RULE(CORE_CREATE_0040) ? work->body.file_attributes : 0;

	attributes &= CREATE_KEPT_ATTRIBUTES;
	if (directory) {
		attributes &=
			~(FILE_ATTRIBUTE_ARCHIVE | FILE_ATTRIBUTE_TEMPORARY);
	} else if (RULE(CORE_CREATE_0039)) {
		attributes |= FILE_ATTRIBUTE_ARCHIVE;
	}
	op->node = NULL;
	op->path = work->name.path;
	op->stream = work->stream ? work->name.stream : NULL;
	op->open = (struct files_open){
		.how = FILES_CREATE_NEW,
		.type = directory ? FILES_DIRECTORY : FILES_FILE,
		.nocase = RULE(CORE_CREATE_0014),
		.read = true,
		.write = true,
		.dos_attributes = attributes,
		.mode = directory ? 0777 : 0666,
		.no_follow = work->posix,
	};
	op->posix = work->posix || work->exact;
	if (work->posix) {
		op->open.mode = posix_new_mode(
			req->tree, work->contexts.posix_mode, directory);
	}
	request_submit(req, FILES_OPEN, create_made);
}

static void create_parent_secured(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;
	bool directory = create_is_directory(work);
	const struct auth_identity *who = &req->session->identity;
	bool stored = op->result == 0;
	uint32_t maximal;
	struct sd sd;
	int n = 0;

	node_close(req->engine, op->port, work->parent);
	work->parent = NULL;
	if (sd_loaded(op, &work->stat, &sd) < 0) {
		create_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	maximal = sd_maximal(&sd, who);
	if (RULE(CORE_CREATE_0029) &&
		!(maximal &
			(directory ? FILE_ADD_SUBDIRECTORY : FILE_ADD_FILE))) {
		create_fail(req, STATUS_ACCESS_DENIED);
		return;
	}
	/* What a POSIX open makes has the rights that its mode gives. */
	if (stored && !work->posix) {
		work->inherited = request_alloc(req, 16384);
		n = work->inherited ? sd_inherit(&sd, who, directory,
					      work->inherited, 16384)
				    : 0;
	}
	work->inherited_size = n > 0 ? (size_t)n : 0;
	create_make(req);
}

static void create_parent_found(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;

	if (op->result < 0) {
		create_fail(req, op->result == -ENOENT || op->result == -ENOTDIR
					 ? STATUS_OBJECT_PATH_NOT_FOUND
					 : status_of_errno(op->result));
		return;
	}
	work->parent = op->node;
	work->stat = work->parent_stat = op->stat;
	sd_load(req, create_parent_secured);
}

static void create_ask_parent(struct request *req)
{
	struct create_work *work = req->work;
	const char *slash = strrchr(work->name.path, '/');
	size_t n = slash ? (size_t)(slash - work->name.path) : 0;

	memcpy(work->path, work->name.path, n);
	work->path[n] = 0;
	req->op.node = NULL;
	req->op.path = work->path;
	req->op.stream = NULL;
	req->op.open = (struct files_open){
		.how = FILES_OPEN_EXISTING,
		.type = FILES_DIRECTORY,
		.nocase = RULE(CORE_CREATE_0014),
	};
	request_submit(req, FILES_OPEN, create_parent_found);
}

/* Broken: names that differ in case are not two. */
static void create_twin_known(struct files_op *op)
{
	struct request *req = op->ctx;

	if (op->result == 0) {
		create_fail(req, STATUS_OBJECT_NAME_COLLISION);
		return;
	}
	op->posix = true;
	create_ask_parent(req);
}

static void create_base_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;

	work->base_exists = op->result == 0;
	if (work->base_exists) {
		if (op->stat.dos_attributes & FILE_ATTRIBUTE_READONLY) {
			create_fail(req, STATUS_ACCESS_DENIED);
			return;
		}
		create_make(req);
		return;
	}
	create_ask_parent(req);
}

void create_new(struct request *req)
{
	struct create_work *work = req->work;

	if (work->name.path[0] == 0 && !work->stream) {
		create_fail(req, STATUS_OBJECT_NAME_NOT_FOUND);
		return;
	}
	if (lease_refused(req->conn, &work->contexts.lease, NULL)) {
		create_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	if (RULE(CORE_CREATE_0042) && !work->posix &&
		(work->body.file_attributes & FILE_ATTRIBUTE_READONLY) &&
		(work->options & FILE_DELETE_ON_CLOSE)) {
		create_fail(req, STATUS_CANNOT_DELETE);
		return;
	}
	if (create_is_directory(work) && !work->posix &&
		(work->body.file_attributes & FILE_ATTRIBUTE_TEMPORARY)) {
		create_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	if (work->posix && !RULE(PSX_PATH_0013)) {
		req->op.node = NULL;
		req->op.path = work->name.path;
		req->op.posix = false;
		req->op.open = (struct files_open){.nocase = true};
		request_submit(req, FILES_LOOKUP, create_twin_known);
		return;
	}
	if (!work->stream) {
		create_ask_parent(req);
		return;
	}
	req->op.node = NULL;
	req->op.path = work->name.path;
	req->op.open = (struct files_open){.nocase = RULE(CORE_CREATE_0014)};
	request_submit(req, FILES_LOOKUP, create_base_known);
}

/* SPDX-License-Identifier: MIT */
/* CREATE of something that is there. [MS-FSA] 2.1.5.1.2 */
#include <errno.h>
#include <string.h>

#include "engine/create.h"
#include "engine/posix.h"

#define CREATE_READS (FILE_READ_DATA | FILE_EXECUTE)
#define CREATE_WRITES (FILE_WRITE_DATA | FILE_APPEND_DATA)

/* Broken: what was there takes on a new mode. */
static void create_changed(struct files_op *op)
{
	struct request *req = op->ctx;

	if (!open_lost(req)) {
		create_reply(req);
	}
}

static void create_opened(struct request *req)
{
	struct create_work *work = req->work;

	switch (work->body.create_disposition) {
	case FILE_SUPERSEDE:
		work->action = FILE_SUPERSEDED;
		break;
	case FILE_OVERWRITE:
	case FILE_OVERWRITE_IF:
		work->action = FILE_OVERWRITTEN;
		break;
	default:
		work->action = FILE_OPENED;
		break;
	}
	if (!RULE(CORE_CREATE_0033)) {
		work->action = FILE_CREATED;
	}
	if (work->posix && work->contexts.posix_mode && !RULE(PSX_MODE_0007)) {
		req->op.node = req->open->node;
		req->op.stat = (struct files_stat){
			.mode = work->contexts.posix_mode & POSIX_MODE_ALL};
		req->op.set_attributes = false;
		req->op.set_mode = true;
		request_submit(req, FILES_SET_STAT, create_changed);
		return;
	}
	create_reply(req);
}

static void create_resized(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;

	if (open_lost(req)) {
		return;
	}
	if (op->result == 0) {
		work->stat = op->stat;
	}
	create_opened(req);
}

static void create_allocated(struct files_op *op)
{
	struct request *req = op->ctx;

	if (!open_lost(req)) {
		request_submit(req, FILES_STAT, create_resized);
	}
}

static void create_allocate(struct request *req)
{
	struct create_work *work = req->work;

	if (!work->contexts.allocation || !RULE(CORE_CREATE_0055)) {
		create_opened(req);
		return;
	}
	req->op.offset = work->contexts.allocation_size;
	request_submit(req, FILES_ALLOCATE, create_allocated);
}

static void create_attributed(struct files_op *op)
{
	struct request *req = op->ctx;
	uint32_t status =
		op->result < 0 ? status_of_errno(op->result) : STATUS_SUCCESS;

	if (open_lost(req)) {
		return;
	}
	if (status) {
		open_close(req->open, NULL, NULL);
		request_fail(req, status);
		return;
	}
	create_allocate(req);
}

/* Attributes, EAs and allocation of an overwritten file. */
static void create_overwritten(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;

	if (open_lost(req)) {
		return;
	}
	if (op->result == 0) {
		work->stat.dos_attributes = op->stat.dos_attributes;
	}
	notify_modified(
		req->open, NOTIFY_SIZE | NOTIFY_LAST_WRITE | NOTIFY_ATTRIBUTES);
	/* notify_modified() may let others run. */
	if (open_lost(req)) {
		return;
	}
	if (!work->contexts.attributes || !RULE(CORE_CREATE_0052)) {
		create_allocate(req);
		return;
	}
	op->node = req->open->node;
	if (ea_store(req, work->contexts.attribute_data, create_attributed) <
		0) {
		open_close(req->open, NULL, NULL);
		request_fail(req, STATUS_EA_LIST_INCONSISTENT);
	}
}

static void create_truncated(struct request *req)
{
	struct create_work *work = req->work;

	if (work->stream) {
		notify_modified(req->open, NOTIFY_SIZE);
		create_opened(req);
		return;
	}
	req->op.node = req->open->node;
	req->op.stat = (struct files_stat){
		.dos_attributes = (work->body.file_attributes & 0x3127) |
				  FILE_ATTRIBUTE_ARCHIVE |
				  (work->stat.dos_attributes &
					  FILE_ATTRIBUTE_SPARSE_FILE)};
	req->op.set_attributes = true;
	request_submit(req, FILES_SET_STAT, create_overwritten);
}

/* What was in the file is gone, whatever becomes of the open. */
static void create_lost_data(struct request *req)
{
	const struct create_work *work = req->work;

	req->open->emptied = true;
	caching_overwritten(req->open, &work->contexts.lease);
}

/* What a POSIX open empties keeps attributes, EAs and mode. */
static void create_emptied(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;

	if (op->verb == FILES_TRUNCATE && op->result == 0) {
		create_lost_data(req);
	}
	if (open_lost(req)) {
		return;
	}
	if (op->result < 0) {
		uint32_t status = status_of_errno(op->result);

		open_close(req->open, NULL, NULL);
		request_fail(req, status);
		return;
	}
	if (op->verb == FILES_TRUNCATE) {
		request_submit(req, FILES_STAT, create_emptied);
		return;
	}
	if (op->verb == FILES_STAT && !RULE(PSX_MODE_0008)) {
		op->stat = (struct files_stat){.uid = op->stat.uid + 1};
		op->set_attributes = false;
		op->set_owner = true;
		request_submit(req, FILES_SET_STAT, create_emptied);
		return;
	}
	if (op->verb == FILES_STAT) {
		work->stat = op->stat;
	}
	create_overwritten(op);
}

static void create_empty(struct request *req)
{
	req->op.offset = 0;
	request_submit(req, FILES_TRUNCATE, create_emptied);
}

static void create_reopen(struct request *req);

static void create_reopened(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;
	uint32_t granted = req->open->granted_access;

	if (work->truncate && !work->posix && op->result == 0) {
		create_lost_data(req);
	}
	if (open_lost(req)) {
		return;
	}
	if (op->result == -EACCES && work->maximum &&
		(granted & CREATE_WRITES & ~work->desired)) {
		/* Everything that is allowed does not include writing. */
		work->granted &= ~(CREATE_WRITES & ~work->desired);
		req->open->granted_access = work->granted;
		create_reopen(req);
		return;
	}
	if (op->result < 0) {
		work->node = req->open->node;
		create_fail(req, status_of_errno(op->result));
		return;
	}
	work->stat = op->stat;
	if (work->truncate && work->posix) {
		create_empty(req);
	} else if (work->truncate) {
		create_truncated(req);
	} else {
		create_opened(req);
	}
}

static void create_reopen(struct request *req)
{
	struct create_work *work = req->work;
	uint32_t granted = work->granted;
	struct files_op *op = &req->op;

	if (work->posix && posix_is_special(&work->stat) &&
		RULE(PSX_LINK_0022)) {
		/* It has no data that anybody but the client could reach. */
		create_opened(req);
		return;
	}
	if (!work->truncate && !(granted & (CREATE_READS | CREATE_WRITES))) {
		create_opened(req);
		return;
	}
	op->node = req->open->node;
	op->open = (struct files_open){
		.how = work->truncate && !work->posix && RULE(CORE_CREATE_0034)
			       ? FILES_TRUNCATE_EXISTING
			       : FILES_OPEN_EXISTING,
		.read = granted & CREATE_READS,
		.write = (granted & CREATE_WRITES) ||
			 (work->posix && work->truncate),
	};
	request_submit(req, FILES_REOPEN, create_reopened);
}

struct share_claim create_claim(const struct create_work *work)
{
	struct share_claim claim = {work->granted, work->body.share_access};

	if (work->truncate && RULE(CORE_SHAREMODE_0014)) {
		claim.access |= work->body.create_disposition == FILE_SUPERSEDE
					? DELETE
					: FILE_WRITE_DATA;
	}
	return claim;
}

/* What overwriting takes, whatever DesiredAccess says. */
static uint32_t create_implied(const struct create_work *work)
{
	uint32_t base =
		work->stream ? 0 : FILE_WRITE_EA | FILE_WRITE_ATTRIBUTES;

	if (!work->truncate) {
		return 0;
	}
	if (work->body.create_disposition == FILE_SUPERSEDE) {
		return RULE(CORE_CREATE_0067) ? base | DELETE : 0;
	}
	return RULE(CORE_CREATE_0066) ? base | FILE_WRITE_DATA : 0;
}

/* The rights that are granted, or STATUS_ACCESS_DENIED. */
static uint32_t create_grant(struct request *req)
{
	struct create_work *work = req->work;
	uint32_t allowed = work->maximal &
			   (req->tree->maximal_access | ACCESS_SYSTEM_SECURITY);

	if (RULE(CORE_CREATE_0027) &&
		(work->desired & ~allowed & ~SYNCHRONIZE)) {
		return STATUS_ACCESS_DENIED;
	}
	if (create_implied(work) & ~allowed) {
		return STATUS_ACCESS_DENIED;
	}
	if (work->posix && (work->options & FILE_DELETE_ON_CLOSE) &&
		(work->stat.dos_attributes & FILE_ATTRIBUTE_READONLY) &&
		!(allowed & FILE_WRITE_ATTRIBUTES && RULE(PSX_DELETE_0007))) {
		return STATUS_CANNOT_DELETE;
	}
	work->granted = work->desired;
	if (work->maximum && RULE(CORE_CREATE_0028)) {
		work->granted |= allowed & ~ACCESS_SYSTEM_SECURITY;
		if (work->stat.dos_attributes & FILE_ATTRIBUTE_READONLY &&
			!work->stat.directory) {
			work->granted &= ~(CREATE_WRITES | FILE_DELETE_CHILD);
		}
	}
	return STATUS_SUCCESS;
}

static void create_judge(struct request *req)
{
	uint32_t status = create_grant(req);

	if (!status) {
		status = app_instance_apply(req);
	}
	if (!status && create_waits(req)) {
		return;
	}
	if (!status) {
		status = create_attach(req);
	}
	if (status) {
		create_fail(req, status);
		return;
	}
	create_reopen(req);
}

/* Two rights to a file also come from its directory. [MS-FSA] 2.1.5.1.2.1 */
static bool create_wants_parent(const struct create_work *work)
{
	uint32_t wanted = work->maximum ? ~0u : work->desired;

	if (work->body.create_disposition == FILE_SUPERSEDE) {
		wanted |= DELETE;
	}
	return (wanted & ~work->maximal & (DELETE | FILE_READ_ATTRIBUTES)) &&
	       work->path[0] != 0;
}

static void create_parent_secured(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;
	uint32_t rights;
	struct sd sd;

	node_close(req->engine, op->port, work->parent);
	work->parent = NULL;
	if (sd_loaded(op, &work->parent_stat, &sd) < 0) {
		create_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	rights = sd_maximal(&sd, &req->session->identity);
	if (rights & FILE_DELETE_CHILD) {
		work->maximal |= DELETE;
	}
	if (rights & FILE_LIST_DIRECTORY) {
		work->maximal |= FILE_READ_ATTRIBUTES;
	}
	create_judge(req);
}

static void create_parent_found(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;

	if (op->result < 0) {
		/* Gone meanwhile, or not to be seen: it gives no rights. */
		create_judge(req);
		return;
	}
	work->parent = op->node;
	work->parent_stat = op->stat;
	sd_load(req, create_parent_secured);
}

static void create_ask_parent(struct request *req)
{
	struct create_work *work = req->work;
	const char *slash = strrchr(work->path, '/');
	size_t n = slash ? (size_t)(slash - work->path) : 0;

	memcpy(work->parent_path, work->path, n);
	work->parent_path[n] = 0;
	req->op.node = NULL;
	req->op.path = work->parent_path;
	req->op.stream = NULL;
	req->op.open = (struct files_open){
		.how = FILES_OPEN_EXISTING, .type = FILES_DIRECTORY};
	request_submit(req, FILES_OPEN, create_parent_found);
}

static void create_secured(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;
	struct sd sd;

	if (sd_loaded(op, &work->stat, &sd) < 0) {
		create_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	work->maximal = sd_maximal(&sd, &req->session->identity);
	if (create_wants_parent(work)) {
		create_ask_parent(req);
		return;
	}
	create_judge(req);
}

static void create_stopped(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;
	struct files_port *port = op->port;
	struct wire_view error = {0};

	if (op->result == 0) {
		error = symlink_error(req,
			wire_view_of(op->data, op->transferred),
			work->unparsed);
	}
	node_close(req->engine, port, work->node);
	work->node = NULL;
	if (error.n == 0) {
		request_fail(req, STATUS_STOPPED_ON_SYMLINK);
		return;
	}
	request_fail_with(req, STATUS_STOPPED_ON_SYMLINK, 0, error);
}

static void create_tell_link(struct request *req)
{
	struct create_work *work = req->work;

	req->op.node = work->node;
	req->op.blob = FILES_BLOB_REPARSE;
	req->op.size = 16384;
	req->op.data = request_alloc(req, req->op.size);
	if (!req->op.data) {
		create_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	request_submit(req, FILES_GET_BLOB, create_stopped);
}

static void create_link_opened(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;

	if (op->result < 0) {
		create_fail(req, status_of_errno(op->result));
		return;
	}
	work->node = op->node;
	create_tell_link(req);
}

/* Bytes of the name from the backslash that ends its first n components. */
static uint16_t create_behind(struct wire_view name, unsigned int n)
{
	size_t i;

	for (i = 0; i + 1 < name.n; i += 2) {
		if (wire_get16(name.p + i) == '\\' && --n == 0) {
			return (uint16_t)(name.n - i);
		}
	}
	return 0;
}

void create_stop(struct request *req, size_t n)
{
	struct create_work *work = req->work;
	unsigned int components = 1;
	size_t i;

	for (i = 0; i < n; i++) {
		components += work->name.path[i] == '/';
	}
	work->unparsed = create_behind(work->body.name, components);
	memcpy(work->path, work->name.path, n);
	work->path[n] = 0;
	req->op.path = work->path;
	req->op.stream = NULL;
	request_submit(req, FILES_OPEN, create_link_opened);
}

/* true: the request is taken care of. */
static bool create_reparse(struct request *req)
{
	struct create_work *work = req->work;

	if (work->posix) {
		/* Links were met by the driver; the client itself opens what
		 * is neither file nor directory. */
		if (!posix_reparse_refused(&work->stat, work->options)) {
			return false;
		}
		create_fail(req, STATUS_IO_REPARSE_TAG_NOT_HANDLED);
		return true;
	}
	if (posix_is_node_tag(work->stat.reparse_tag) && RULE(PSX_VIEW_0005) &&
		!(work->options & FILE_OPEN_REPARSE_POINT)) {
		create_fail(req, STATUS_IO_REPARSE_TAG_NOT_HANDLED);
		return true;
	}

	if (!work->stat.reparse_tag || !RULE(CORE_CREATE_0016) ||
		(RULE(CORE_CREATE_0017) &&
			(work->options & FILE_OPEN_REPARSE_POINT))) {
		return false;
	}
	if (work->stat.reparse_tag != IO_REPARSE_TAG_SYMLINK) {
		/* Tags that mean something to others only do not stop. */
		return false;
	}
	create_tell_link(req);
	return true;
}

static bool create_name_leaves(const struct file *file, const char *path)
{
	const struct file_link *link = file ? file_link_find(file, path) : NULL;

	return link && link->delete_pending;
}

/* Is the stream, or the file that it belongs to, marked for deletion? */
static bool create_is_leaving(const struct request *req)
{
	const struct create_work *work = req->work;
	const struct files_port *port = req->tree->share->config.files;
	const struct file *file = file_find(req->engine, port, &work->stat,
		work->stream ? work->name.stream : NULL);
	const struct file *base =
		file_find(req->engine, port, &work->stat, NULL);

	return (work->posix ? RULE(PSX_DELETE_0002) : RULE(CORE_CREATE_0044)) &&
	       (create_name_leaves(file, work->path) ||
		       create_name_leaves(base, work->path));
}

void create_existing(struct request *req)
{
	struct create_work *work = req->work;
	uint32_t disposition = work->body.create_disposition;
	uint32_t status = create_check_type(req);

	work->truncate = disposition == FILE_SUPERSEDE ||
			 disposition == FILE_OVERWRITE ||
			 disposition == FILE_OVERWRITE_IF;
	if (!status && create_reparse(req)) {
		return;
	}
	if (!status && create_is_leaving(req)) {
		status = STATUS_DELETE_PENDING;
	}
	if (!status) {
		status = create_check_existing(work);
	}
	if (status) {
		create_fail(req, status);
		return;
	}
	req->op.node = work->node;
	sd_load(req, create_secured);
}

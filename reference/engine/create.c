/* SPDX-License-Identifier: MIT */
/*
 * CREATE: the way through its phases. [MS-SMB2] 3.3.5.9
 *
 *	create_check()     form, name, contexts, options, access bits
 *	create_find()      OPEN of what exists
 *	create_existing()  type, rights, share modes, truncation   (or)
 *	create_new()       rights to the directory, creation, contexts
 *	create_reply()     contexts of the answer
 */
#include <errno.h>
#include <string.h>

#include "engine/create.h"
#include "engine/posix.h"
#include "engine/secure.h"

void create_fail(struct request *req, uint32_t status)
{
	struct create_work *work = req->work;
	struct files_port *port = req->tree->share->config.files;
	struct open *open = req->open;

	if (open && !open->closing) {
		struct file *file = open->file;

		open->node = NULL;
		list_remove(&open->in_file);
		open->file = NULL;
		file_link_release(open->link);
		open->link = NULL;
		open_remove(open);
		if (file) {
			file_drop(req->engine, file);
		}
	}
	if (work->parent) {
		node_close(req->engine, port, work->parent);
	}
	if (work->node) {
		node_close(req->engine, port, work->node);
	}
	request_fail(req, status);
}

/* What the wanted access means for the file system. */
static uint32_t create_status(const struct files_op *op)
{
	if (op->result == -ENOENT && op->parent_missing) {
		return RULE(CORE_CREATE_0013) ? STATUS_OBJECT_PATH_NOT_FOUND
					      : STATUS_OBJECT_NAME_NOT_FOUND;
	}
	return status_of_errno(op->result);
}

static bool create_may_make(const struct create_work *work)
{
	uint32_t disposition = work->body.create_disposition;

	return disposition != FILE_OPEN && disposition != FILE_OVERWRITE;
}

static void create_found(struct files_op *op);

/* Broken: links are followed (to their own folder, in place of a walk), or
 * names found that differ in case. */
static bool create_tries_windows(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;
	bool link = op->result == -ELOOP && !RULE(PSX_SAFETY_0001);
	bool twin = op->result == -ENOENT &&
		    (!RULE(PSX_PATH_0012) ||
			    posix_is_like(req->tree, POSIX_LIKE_KSMBD));

	if (work->tries++ > 0 || (!link && !twin)) {
		return false;
	}
	if (link) {
		char *slash;

		work->name.path[op->link_end] = 0;
		slash = strrchr(work->name.path, '/');
		*(slash ? slash : work->name.path) = 0;
	} else {
		op->posix = false;
		op->open.nocase = true;
	}
	request_submit(req, FILES_OPEN, create_found);
	return true;
}

/* A POSIX open has not found its name. */
static void create_found_nothing(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;

	if (create_tries_windows(op)) {
		return;
	}
	if (op->result == -ELOOP) {
		if (op->link_end < strlen(work->name.path) &&
			!RULE(PSX_LINK_0007)) {
			create_fail(req, STATUS_OBJECT_PATH_NOT_FOUND);
			return;
		}
		if (posix_is_like(req->tree, POSIX_LIKE_KSMBD)) {
			create_fail(req, STATUS_ACCESS_DENIED);
			return;
		}
		posix_stop(req, work->body.name, work->name.path, op->link_end);
		return;
	}
	if (op->result != -ENOENT || op->parent_missing) {
		create_fail(req, posix_create_status(op));
		return;
	}
	if (!create_may_make(work)) {
		create_fail(req, RULE(PSX_CREATE_0016)
					 ? STATUS_OBJECT_NAME_NOT_FOUND
					 : STATUS_OBJECT_PATH_NOT_FOUND);
		return;
	}
	if (!RULE(PSX_DELETE_0022) &&
		posix_name_lingers(req->engine, op->port, work->name.path)) {
		create_fail(req, STATUS_DELETE_PENDING);
		return;
	}
	create_new(req);
}

static void create_found(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;

	if (op->result == 0) {
		work->node = op->node;
		work->stat = op->stat;
		memcpy(work->path, op->actual_name,
			strlen(op->actual_name) + 1);
		create_existing(req);
		return;
	}
	if (work->posix) {
		create_found_nothing(op);
		return;
	}
	if (op->result == -ENOENT && op->link_end > 0 &&
		RULE(CORE_CREATE_0016)) {
		create_stop(req, op->link_end);
		return;
	}
	if (op->result != -ENOENT || op->parent_missing) {
		create_fail(req, create_status(op));
		return;
	}
	if (!RULE(PSX_VIEW_0006) &&
		posix_name_lingers(req->engine, op->port, work->name.path)) {
		create_fail(req, STATUS_DELETE_PENDING);
		return;
	}
	if (!create_may_make(work) && (work->stream ? RULE(CORE_CREATE_0047)
						    : RULE(CORE_CREATE_0030))) {
		create_fail(req, STATUS_OBJECT_NAME_NOT_FOUND);
		return;
	}
	create_new(req);
}

/* Is a link at the end of the path meant itself? What has to be new exists
 * already when there is one. */
static bool create_takes_links(const struct request *req)
{
	const struct create_work *work = req->work;
	bool asked = work->options & FILE_OPEN_REPARSE_POINT;

	if (!work->posix) {
		return asked;
	}
	if (work->body.create_disposition == FILE_CREATE) {
		return (asked || !posix_is_like(req->tree, POSIX_LIKE_SAMBA)) &&
		       RULE(PSX_LINK_0009);
	}
	return asked ? RULE(PSX_LINK_0010) : !RULE(PSX_LINK_0008);
}

/* Broken: the spelling says nothing. */
static void create_swap_case(char *path)
{
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path | 0x20;

		*path ^= c >= 'a' && c <= 'z' ? 0x20 : 0;
	}
}

void create_find(struct request *req)
{
	struct create_work *work = req->work;
	struct files_op *op = &req->op;

	op->node = NULL;
	op->path = work->name.path;
	op->stream = work->stream ? work->name.stream : NULL;
	op->open = (struct files_open){
		.how = FILES_OPEN_EXISTING,
		.type = FILES_ANY,
		.nocase = RULE(CORE_CREATE_0014) &&
			  (RULE(PSX_VIEW_0001) || !req->conn->posix),
		.no_follow = create_takes_links(req),
	};
	op->posix = work->posix || work->exact;
	if (!work->posix && req->conn->posix && !RULE(PSX_VIEW_0002) &&
		work->body.create_disposition == FILE_OPEN) {
		create_swap_case(work->name.path);
	}
	request_submit(req, FILES_OPEN, create_found);
}

void cmd_create(struct request *req)
{
	struct create_work *work = request_alloc(req, sizeof *work);
	uint32_t status;

	if (!work) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	req->work = work;
	if (!request_decode(req, &smb2_create_request_type, &work->body)) {
		return;
	}
	if (req->tree->share->pipe && !RULE(PSX_TREE_0003) &&
		posix_tag_within(work->body.create_contexts)) {
		request_fail(req, STATUS_NOT_SUPPORTED);
		return;
	}
	/* No pipes are served. */
	if (req->tree->share->pipe) {
		request_fail(req, secure_refuses_pipes(req->conn)
					  ? STATUS_ACCESS_DENIED
					  : STATUS_OBJECT_NAME_NOT_FOUND);
		return;
	}
	if (reconnect(req)) {
		return;
	}
	status = create_check(req);
	if (status) {
		request_fail(req, status);
		return;
	}
	if (!replay_create(req)) {
		create_find(req);
	}
}

static uint32_t create_join(struct request *req, struct file *file)
{
	const struct open *open = req->open;
	struct share_claim mine = create_claim(req->work);

	if (open->link->delete_pending &&
		(open->posix ? RULE(PSX_DELETE_0002)
			     : RULE(CORE_CREATE_0044))) {
		return STATUS_DELETE_PENDING;
	}
	if (sharemode_streams_disagree(req->engine, file, mine)) {
		return STATUS_SHARING_VIOLATION;
	}
	if (open->posix && !RULE(PSX_CREATE_0024)) {
		return STATUS_SUCCESS;
	}
	return sharemode_check(file, open, mine);
}

uint32_t create_attach(struct request *req)
{
	struct create_work *work = req->work;
	struct files_port *port = req->tree->share->config.files;
	struct open *open = open_create(req);
	struct file *file;
	uint32_t status;

	if (!open) {
		return STATUS_INSUFFICIENT_RESOURCES;
	}
	req->open = open_hold(open);
	open->granted_access = work->granted;
	open->share_access = work->body.share_access;
	open->create_options = work->options;
	open->posix = work->posix;
	open->posix_append = posix_is_append(open);
	open->delete_on_close = work->options & FILE_DELETE_ON_CLOSE;
	open->parent = work->contexts.lease.parent;
	open->mode =
		work->options &
		(FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY |
			FILE_NO_INTERMEDIATE_BUFFERING | FILE_DELETE_ON_CLOSE);
	file = file_get(req->engine, port, &work->stat,
		work->stream ? work->name.stream : NULL);
	if (!file) {
		return STATUS_INSUFFICIENT_RESOURCES;
	}
	open->link = file_link_get(file, work->path);
	status = open->link ? create_join(req, file)
			    : STATUS_INSUFFICIENT_RESOURCES;
	if (status) {
		file_link_release(open->link);
		open->link = NULL;
		file_drop(req->engine, file);
		return status;
	}
	file->special = posix_is_special(&work->stat);
	open->nlink = work->stat.nlink;
	open->write_time = work->stat.write_time;
	open->file = file;
	open->node = work->node;
	work->node = NULL;
	list_add(&file->opens, &open->in_file);
	return STATUS_SUCCESS;
}

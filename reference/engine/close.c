/* SPDX-License-Identifier: MIT */
/* CLOSE, and every other end of an open. [MS-SMB2] 3.3.5.10, [MS-FSA] 2.1.5.5
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/caching.h"
#include "engine/durable.h"
#include "engine/fileops.h"
#include "engine/posix.h"

/* The way of an open from closing to gone. */
struct closing {
	struct files_op op;
	struct engine *engine;
	struct open *open;      /* held */
	struct file *file;      /* held */
	struct file_link *link; /* the name of the open, held; while file is */
	bool told;              /* those who wait for breaks */
	bool changed, removed;  /* for the lease of the directory */
	void (*done)(void *ctx);
	void *ctx;
};

static void closing_submit(struct closing *closing, enum files_verb verb,
	void (*done)(struct files_op *op));
static void closing_unlinked(struct files_op *op);

/* The file whose deletion waits, when a stream of it has been closed. */
static struct file *closing_base(const struct closing *closing)
{
	const struct file *file = closing->file;
	struct file *base = NULL;

	if (file && file->stream) {
		base = file_find(closing->engine, file->port,
			&(struct files_stat){
				.inode = file->inode, .device = file->device},
			NULL);
	}
	return base && base->doomed ? base : NULL;
}

static enum model_operation closing_operation(const struct open *open)
{
	if (open->unannounced) {
		return MODEL_OPERATION_CREATED;
	}
	if (open->emptied) {
		return MODEL_OPERATION_OVERWRITTEN;
	}
	return open->written ? MODEL_OPERATION_CLOSED_AFTER_WRITE
			     : MODEL_OPERATION_CLOSED;
}

/* What a CREATE request has made or emptied that ended before its answer. */
static void closing_announce(const struct closing *closing)
{
	const struct open *open = closing->open;

	if (closing->link->gone || !RULE(CORE_NOTIFY_0017)) {
		return;
	}
	if (open->unannounced) {
		notify_event(closing->engine, closing->op.port,
			closing->link->path,
			closing->file->directory ? NOTIFY_DIR_NAME
						 : NOTIFY_FILE_NAME,
			FILE_ACTION_ADDED);
	} else if (open->emptied) {
		notify_event(closing->engine, closing->op.port,
			closing->link->path, NOTIFY_SIZE | NOTIFY_LAST_WRITE,
			FILE_ACTION_MODIFIED);
	}
}

/* The holders of the directory's lease learn of it after the answer. */
static void closing_tell_directory(struct closing *closing)
{
	const struct open *open = closing->open;

	if (!closing->file || closing->file->stream) {
		return;
	}
	if (closing->removed) {
		dirlease_removed(
			closing->engine, closing->op.port, closing->link, open);
	}
	if (closing->changed) {
		dirlease_event(closing->engine, closing->op.port,
			closing->link->path, closing_operation(open),
			&open->parent, open);
	}
	closing->changed = closing->removed = false;
}

/* Its streams are open still: the file stays, and nobody opens it. */
static void closing_wait(struct closing *closing)
{
	void (*done)(void *ctx) = closing->done;

	closing->file->doomed = closing;
	closing->done = NULL;
	closing->engine->background--;
	closing_tell_directory(closing);
	if (done) {
		done(closing->ctx);
	}
	break_wake(closing->engine, (uintptr_t)closing->file);
}

static void closing_resume(struct file *base)
{
	struct closing *closing = base->doomed;

	base->doomed = NULL;
	closing->engine->background++;
	closing_submit(closing, FILES_UNLINK, closing_unlinked);
}

static void closing_end(struct closing *closing)
{
	struct open *open = closing->open;
	struct file *base = closing_base(closing);
	void (*done)(void *ctx) = closing->done;
	void *ctx = closing->ctx;
	struct engine *engine = closing->engine;
	bool waited_for = closing->told || open->durable.parked;
	uintptr_t wake = waited_for ? (uintptr_t)closing->file : 0;

	closing->engine->background--;
	closing_tell_directory(closing);
	open->node = NULL;
	open->past = (struct open_past){0};
	if (closing->file) {
		file_link_release(closing->link);
		closing->file->holders--;
		file_drop(closing->engine, closing->file);
	}
	if (base && !file_has_streams(closing->engine, base)) {
		closing_resume(base);
	}
	open_release(open);
	free(closing);
	if (done) {
		done(ctx);
	}
	if (wake) {
		break_wake(engine, wake);
	}
}

static void closing_closed(struct files_op *op)
{
	struct closing *closing = op->ctx;

	if (closing->file && !closing->file->stream) {
		closing_announce(closing);
	}
	closing_end(closing);
}

/* The file system may give the inode to a new file as soon as the node is
 * closed, long before that is known here. */
static void closing_close(struct closing *closing)
{
	if (closing->file && !closing->file->stream &&
		list_empty(&closing->file->opens) &&
		!closing->link->delete_pending) {
		file_forget(closing->engine, closing->file);
	}
	closing_submit(closing, FILES_CLOSE, closing_closed);
}

static void closing_submit(struct closing *closing, enum files_verb verb,
	void (*done)(struct files_op *op))
{
	closing->op.verb = verb;
	closing->op.done = done;
	closing->op.port->submit(closing->op.port, &closing->op);
}

static void closing_told(struct closing *closing)
{
	struct file *file = closing->file;
	uint32_t filter = file->stream      ? NOTIFY_STREAM_NAME
			  : file->directory ? NOTIFY_DIR_NAME
					    : NOTIFY_FILE_NAME;

	if (!RULE(PSX_NOTIFY_0004) && !list_empty(&file->opens)) {
		return;
	}
	notify_event(closing->engine, closing->op.port, closing->link->path,
		filter,
		file->stream ? FILE_ACTION_REMOVED_STREAM
			     : FILE_ACTION_REMOVED);
}

static void closing_unlinked(struct files_op *op)
{
	struct closing *closing = op->ctx;
	struct file_link *link = closing->link;

	if (op->result == 0) {
		closing->removed = true;
		link->gone = true;
		closing_told(closing);
	} else {
		engine_log(closing->engine, LOG_WARN, "file.delete",
			"path=%s result=%d", link->path, op->result);
		/* A name that became another file's is gone as well. */
		link->gone = op->result == -ENOENT;
		if (closing->open->posix && op->result != -ENOENT &&
			RULE(PSX_DELETE_0018)) {
			closing->open->close_status =
				status_of_errno(op->result);
		}
		if (!RULE(PSX_DELETE_0019)) {
			/* Broken: the file stays as if it were open. */
			closing->file->holders++;
			link->holders++;
			closing_close(closing);
			return;
		}
	}
	link->delete_pending = false;
	closing_close(closing);
}

/* Is the name to be deleted now? Other POSIX opens go on without it. */
static bool closing_deletes(const struct closing *closing)
{
	const struct file *file = closing->file;
	const struct file_link *link = closing->link;

	if (link->gone) {
		/* Broken: whatever has the name now goes. */
		return closing->open->posix && !RULE(PSX_DELETE_0023);
	}
	return link->delete_pending && !file->doomed &&
	       posix_name_goes(file, link, closing->open) &&
	       RULE(CORE_SETINFO_0013);
}

/* Takes the open off its file; true: the name is to be deleted now. */
static bool closing_detach(struct closing *closing, struct open *open)
{
	struct file *file = open->file;

	if (!file) {
		return false;
	}
	if (RULE(CORE_CREATE_0043) && open->delete_on_close) {
		if (!open->link->delete_pending) {
			open->link->marker_parent = open->parent;
		}
		open->link->delete_pending = true;
		notify_deleted(file, open->link);
	}
	if (!RULE(CORE_SHAREMODE_0011)) {
		/* Broken: the open stays in the list of its file. */
		open_hold(open)->file = NULL;
		return false;
	}
	list_remove(&open->in_file);
	open->past.file = closing->file = file;
	open->past.link = closing->link = open->link;
	open->file = NULL;
	open->link = NULL;
	file->holders++;
	if (!list_empty(&file->opens)) {
		lock_retry(file);
	}
	return closing_deletes(closing);
}

void open_close(struct open *open, void (*done)(void *ctx), void *ctx)
{
	struct closing *closing = calloc(1, sizeof *closing);
	bool delete, told;

	open->closing = true;
	durable_close(open);
	notify_close(open, STATUS_NOTIFY_CLEANUP);
	lock_close(open);
	if (open->delete_on_close && open->file) {
		caching_doomed(open);
	}
	told = caching_close(open);
	dir_search_close(open);
	if (!closing) {
		/* Nothing can be done for the node; let the server live. */
		list_remove(&open->in_file);
		open_remove(open);
		if (done) {
			done(ctx);
		}
		return;
	}
	closing->told = told;
	closing->changed = true;
	closing->engine = open->session->engine;
	closing->open = open_hold(open);
	closing->done = done;
	closing->ctx = ctx;
	closing->op.port = open_port(open);
	closing->op.node = open->node;
	closing->op.who = open->posix && !RULE(PSX_DELETE_0027)
				  ? NULL
				  : &open->session->identity;
	closing->op.ctx = closing;
	closing->engine->background++;
	delete = closing_detach(closing, open);
	open_remove(open);
	if (!closing->op.node) {
		closing_end(closing);
	} else if (delete &&!closing->file->stream &&
		   file_has_streams(closing->engine, closing->file)) {
		closing_wait(closing);
	} else if (delete) {
		closing_submit(closing, FILES_UNLINK, closing_unlinked);
	} else {
		closing_close(closing);
	}
}

struct close_work {
	struct smb2_close_response response;
	bool with_attributes;
};

static void close_done(void *ctx)
{
	struct request *req = ctx;
	struct close_work *work = req->work;

	if (req->open->close_status) {
		request_fail(req, req->open->close_status);
		return;
	}
	request_reply(req, STATUS_SUCCESS, &smb2_close_response_type,
		&work->response);
}

static void close_with_stat(struct files_op *op)
{
	struct request *req = op->ctx;
	struct close_work *work = req->work;
	struct smb2_close_response *response = &work->response;

	if (op->result == 0) {
		if (RULE(CORE_CLOSE_0002)) {
			response->flags = SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB;
		}
		if (RULE(CORE_CLOSE_0003)) {
			response->creation_time = op->stat.create_time;
			response->last_access_time = op->stat.access_time;
			response->last_write_time = op->stat.write_time;
			response->change_time = op->stat.change_time;
			response->allocation_size = op->stat.allocation;
			response->endof_file = op->stat.size;
			response->file_attributes =
				attributes_to_wire(&op->stat);
		}
	}
	if (!RULE(CORE_CLOSE_0004) && !work->with_attributes) {
		response->flags = SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB;
	} else if (!work->with_attributes) {
		response->flags = 0;
	}
	if (req->open->closing) {
		/* Somebody else was faster. */
		request_fail(req, STATUS_FILE_CLOSED);
		return;
	}
	open_close(req->open, close_done, req);
}

void cmd_close(struct request *req)
{
	struct smb2_close_request body;
	struct close_work *work;

	if (!request_decode(req, &smb2_close_request_type, &body) ||
		!request_open(req, body.file_id)) {
		return;
	}
	work = request_alloc(req, sizeof *work);
	if (!work) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	req->work = work;
	work->with_attributes = body.flags & SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB;
	if (work->with_attributes || !RULE(CORE_CLOSE_0004)) {
		req->op.node = req->open->node;
		request_submit(req, FILES_STAT, close_with_stat);
		return;
	}
	open_close(req->open, close_done, req);
}

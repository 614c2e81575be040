/* SPDX-License-Identifier: MIT */
/*
 * CHANGE_NOTIFY: watches on directories. A watch begins with the first request
 * of an open and keeps what happens between requests.
 * [MS-SMB2] 3.3.5.19, [MS-FSA] 2.1.5.11, 2.1.4.1
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/fileops.h"
#include "engine/posix.h"

/* Changes as the answer holds them, NextEntryOffset not yet set. */
struct watch {
	struct list_link in_engine;
	struct open *open;
	uint32_t filter;
	bool tree;
	bool deleted;        /* the directory is marked for deletion */
	bool overflow;       /* more happened than was kept */
	struct list waiting; /* requests, by notify_work.in_watch */
	size_t n, last;      /* bytes of changes; where the last one starts */
	size_t limit;        /* OutputBufferLength of the first request */
	uint8_t *changes;    /* LIMIT_NOTIFY_BYTES at most */
};

struct notify_work {
	struct smb2_change_notify_request body;
	struct list_link in_watch;
	struct request *req;
	struct watch *watch;
};

static void notify_answer(struct request *req, struct watch *watch)
{
	struct notify_work *work = req->work;
	struct smb2_change_notify_response response = {0};
	uint32_t status = STATUS_SUCCESS;

	if (RULE(CORE_NOTIFY_0014) &&
		(watch->overflow ||
			watch->n > work->body.output_buffer_length)) {
		status = STATUS_NOTIFY_ENUM_DIR;
	} else if (watch->n > 0) {
		uint8_t *copy = request_alloc(req, watch->n);

		if (copy) {
			memcpy(copy, watch->changes, watch->n);
			response.buffer = wire_view_of(copy, watch->n);
		} else {
			status = STATUS_NOTIFY_ENUM_DIR;
		}
	}
	watch->n = 0;
	watch->overflow = false;
	request_reply(
		req, status, &smb2_change_notify_response_type, &response);
}

/* Gives what is there to the request that waits longest. */
static void notify_deliver(struct watch *watch)
{
	struct notify_work *work;

	if (watch->n == 0 && !watch->overflow) {
		return;
	}
	work = list_first(&watch->waiting, struct notify_work, in_watch);
	if (work && !RULE(CORE_NOTIFY_0013)) {
		work = list_entry(
			watch->waiting.last, struct notify_work, in_watch);
	}
	if (work) {
		list_remove(&work->in_watch);
		notify_answer(work->req, watch);
	}
}

static void notify_cancelled(struct request *req)
{
	struct notify_work *work = req->work;

	list_remove(&work->in_watch);
	request_fail(req, req->cancel_status);
}

/* The path below the watched directory; NULL: not for this watch. */
static const char *notify_relative(const struct watch *watch, const char *path)
{
	const char *top = watch->open->link->path;
	size_t n = strlen(top);
	const char *rest;

	if (n == 0) {
		rest = path;
	} else if (strncmp(path, top, n) == 0 && path[n] == '/') {
		rest = path + n + 1;
	} else {
		return NULL;
	}
	if (*rest == 0) {
		return NULL;
	}
	if (strchr(rest, '/')) {
		bool below = watch->tree ? RULE(CORE_NOTIFY_0008)
					 : !RULE(CORE_NOTIFY_0009);

		if (!below) {
			return NULL;
		}
	}
	return RULE(CORE_NOTIFY_0010) ? rest : path;
}

/* The same change twice in a row says nothing new. */
static bool notify_repeats(
	const struct watch *watch, const struct file_notify_information *change)
{
	const uint8_t *last = watch->changes + watch->last;
	struct wire_view name;

	if (watch->n == 0 || change->action != FILE_ACTION_MODIFIED ||
		wire_get32(last + 4) != change->action) {
		return false;
	}
	name = wire_view_of(last + 12, wire_get32(last + 8));
	return wire_view_equal(name, change->file_name);
}

/* Appends a FILE_NOTIFY_INFORMATION. [MS-FSCC] 2.7.1 */
static void notify_record(
	struct watch *watch, const char *name, uint32_t action)
{
	struct file_notify_information change = {.action = action};
	uint8_t text[2 * LIMIT_PATH];
	bool posix = watch->open->posix &&
		     !posix_is_like(watch->open->tree, POSIX_LIKE_SAMBA);
	size_t align = RULE(CORE_NOTIFY_0011) ? 4 : 1;
	size_t at = (watch->n + align - 1) / align * align;
	int i, n = wire_utf8_to_utf16(name, text, sizeof text);
	struct wire_buf out = {.p = watch->changes + at};

	for (i = 0; i + 1 < n; i += 2) {
		uint16_t c = wire_get16(text + i);

		if (c == '/' && !(posix && RULE(PSX_NOTIFY_0001))) {
			text[i] = '\\';
		} else if (c == '\\' && posix && !RULE(PSX_NOTIFY_0002)) {
			text[i] = '_';
		}
	}
	change.file_name = wire_view_of(text, n > 0 ? (size_t)n : 0);
	if (notify_repeats(watch, &change)) {
		return;
	}
	if (n < 0 || at + 12 + (size_t)n > watch->limit) {
		watch->overflow = true;
		watch->n = 0;
		return;
	}
	out.cap = watch->limit - at;
	if (file_notify_information_encode(&change, &out) < 0) {
		watch->overflow = true;
		watch->n = 0;
		return;
	}
	memset(watch->changes + watch->n, 0, at - watch->n);
	if (at > 0) {
		wire_put32(watch->changes + watch->last,
			(uint32_t)(at - watch->last));
	}
	watch->last = at;
	watch->n = at + out.n;
}

/* Does this watch keep changes of this kind now? */
static bool notify_keeps(
	const struct watch *watch, const struct files_port *port)
{
	return !watch->overflow && open_port(watch->open) == port &&
	       watch->open->link && !watch->open->link->gone &&
	       (RULE(CORE_NOTIFY_0012) || !list_empty(&watch->waiting));
}

static bool notify_wants(const struct watch *watch, uint32_t filter)
{
	return (watch->filter & filter) || !RULE(CORE_NOTIFY_0003);
}

/* Answers what can be answered. Answers may end watches: from the start. */
static void notify_flush(struct engine *engine)
{
	bool again = true;

	while (again) {
		again = false;
		list_each(watch, &engine->watches, struct watch, in_engine)
		{
			if ((watch->n > 0 || watch->overflow) &&
				!list_empty(&watch->waiting)) {
				notify_deliver(watch);
				again = true;
				break;
			}
		}
	}
}

static bool notify_marked(uint32_t filter, uint32_t action)
{
	if (filter == NOTIFY_FILE_NAME) {
		return RULE(CORE_NOTIFY_0004) ||
		       (action != FILE_ACTION_ADDED &&
			       action != FILE_ACTION_REMOVED);
	}
	if (filter & NOTIFY_SIZE) {
		return RULE(CORE_NOTIFY_0007);
	}
	return !(filter & NOTIFY_ATTRIBUTES) || RULE(CORE_NOTIFY_0006);
}

void notify_event(struct engine *engine, const struct files_port *port,
	const char *path, uint32_t filter, uint32_t action)
{
	if (!notify_marked(filter, action)) {
		return;
	}
	list_each(watch, &engine->watches, struct watch, in_engine)
	{
		const char *name;

		if (!notify_keeps(watch, port) ||
			!notify_wants(watch, filter)) {
			continue;
		}
		name = notify_relative(watch, path);
		if (name) {
			notify_record(watch, name, action);
		}
	}
	notify_flush(engine);
}

/* Do both lie in the same directory? */
static bool notify_beside(const char *a, const char *b)
{
	const char *x = strrchr(a, '/'), *y = strrchr(b, '/');

	if (!x || !y) {
		return !x && !y;
	}
	return x - a == y - b && strncmp(a, b, (size_t)(x - a)) == 0;
}

/* A file that gets another name gets ARCHIVE too: to those who watch
 * attributes and not names it was modified. [MS-FSA] 2.1.5.15.12 */
static void notify_archived(
	struct watch *watch, const char *path, uint32_t filter)
{
	const char *name = notify_relative(watch, path);

	if (name && filter == NOTIFY_FILE_NAME &&
		(watch->filter & NOTIFY_ATTRIBUTES)) {
		notify_record(watch, name, FILE_ACTION_MODIFIED);
	}
}

void notify_renamed(struct engine *engine, const struct files_port *port,
	const char *from, const char *to, uint32_t filter)
{
	list_each(watch, &engine->watches, struct watch, in_engine)
	{
		const char *old, *fresh;

		if (!notify_keeps(watch, port)) {
			continue;
		}
		if (!notify_wants(watch, filter)) {
			notify_archived(watch, to, filter);
			continue;
		}
		old = notify_relative(watch, from);
		fresh = notify_relative(watch, to);
		if (old && fresh && RULE(CORE_NOTIFY_0005) &&
			notify_beside(from, to)) {
			notify_record(watch, old, FILE_ACTION_RENAMED_OLD_NAME);
			notify_record(
				watch, fresh, FILE_ACTION_RENAMED_NEW_NAME);
			continue;
		}
		if (old) {
			notify_record(watch, old, FILE_ACTION_REMOVED);
		}
		if (fresh) {
			notify_record(watch, fresh, FILE_ACTION_ADDED);
		}
	}
	notify_flush(engine);
}

void notify_modified(struct open *open, uint32_t filter)
{
	struct file *file = open_file(open);
	struct file_link *link = open_name(open);
	char path[LIMIT_PATH + NAME_STREAM_MAX];
	uint32_t stream = 0;

	/* Nobody sees a file that has no name. */
	if (!file || link->gone || (open->closing && !RULE(CORE_NOTIFY_0017))) {
		return;
	}
	if (!file->stream) {
		notify_event(open->session->engine, open_port(open), link->path,
			filter, FILE_ACTION_MODIFIED);
		return;
	}
	stream |= filter & NOTIFY_SIZE ? NOTIFY_STREAM_SIZE : 0;
	stream |= filter & NOTIFY_LAST_WRITE ? NOTIFY_STREAM_WRITE : 0;
	snprintf(path, sizeof path, "%s:%s", link->path, file->stream);
	if (stream) {
		notify_event(open->session->engine, open_port(open), path,
			stream, FILE_ACTION_MODIFIED_STREAM);
	}
}

void notify_close(struct open *open, uint32_t status)
{
	struct watch *watch = open->watch;
	struct notify_work *work;

	if (!watch) {
		return;
	}
	open->watch = NULL;
	list_remove(&watch->in_engine);
	while ((work = list_first(
			&watch->waiting, struct notify_work, in_watch))) {
		struct smb2_change_notify_response response = {0};

		list_remove(&work->in_watch);
		if (RULE(CORE_NOTIFY_0015)) {
			request_reply(work->req, status,
				&smb2_change_notify_response_type, &response);
		} else {
			request_fail(work->req, STATUS_CANCELLED);
		}
	}
	free(watch->changes);
	free(watch);
}

void notify_deleted(struct file *file, const struct file_link *link)
{
	bool again = RULE(CORE_NOTIFY_0016);

	while (again) {
		again = false;
		list_each(open, &file->opens, struct open, in_file)
		{
			struct notify_work *work =
				open->watch && open->link == link
					? list_first(&open->watch->waiting,
						  struct notify_work, in_watch)
					: NULL;

			if (work) {
				list_remove(&work->in_watch);
				request_fail(work->req, STATUS_DELETE_PENDING);
				again = true;
				break;
			}
		}
	}
}

static struct watch *watch_create(
	struct open *open, const struct smb2_change_notify_request *body)
{
	struct watch *watch = calloc(1, sizeof *watch);
	size_t limit = body->output_buffer_length;

	if (!watch) {
		return NULL;
	}
	limit = limit < LIMIT_NOTIFY_BYTES ? limit : LIMIT_NOTIFY_BYTES;
	watch->changes = malloc(limit ? limit : 1);
	if (!watch->changes) {
		free(watch);
		return NULL;
	}
	watch->limit = limit;
	watch->open = open;
	watch->filter = body->completion_filter;
	watch->tree = body->flags & SMB2_WATCH_TREE;
	list_add(&open->session->engine->watches, &watch->in_engine);
	open->watch = watch;
	return watch;
}

static uint32_t notify_check(
	struct request *req, const struct smb2_change_notify_request *body)
{
	const struct open *open = req->open;

	if (body->output_buffer_length > req->conn->max_transact) {
		return STATUS_INVALID_PARAMETER;
	}
	if (!open->file->directory) {
		return RULE(CORE_NOTIFY_0001) ? STATUS_INVALID_PARAMETER
					      : STATUS_NOT_SUPPORTED;
	}
	if (RULE(CORE_NOTIFY_0002) &&
		!(open->granted_access & FILE_LIST_DIRECTORY)) {
		return STATUS_ACCESS_DENIED;
	}
	if (open->link->delete_pending) {
		return STATUS_DELETE_PENDING;
	}
	return STATUS_SUCCESS;
}

void cmd_change_notify(struct request *req)
{
	struct notify_work *work = request_alloc(req, sizeof *work);
	struct watch *watch;
	struct open *open;
	uint32_t status;

	if (!work) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	req->work = work;
	if (!request_decode(
		    req, &smb2_change_notify_request_type, &work->body) ||
		!request_charge(req, work->body.output_buffer_length)) {
		return;
	}
	open = request_open(req, work->body.file_id);
	if (!open) {
		return;
	}
	status = notify_check(req, &work->body);
	if (status) {
		request_fail(req, status);
		return;
	}
	watch = open->watch ? open->watch : watch_create(open, &work->body);
	if (!watch) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	work->req = req;
	work->watch = watch;
	if ((watch->n > 0 || watch->overflow) && list_empty(&watch->waiting)) {
		notify_answer(req, watch);
		return;
	}
	/* One that may not wait ends through notify_cancelled(). */
	list_add(&watch->waiting, &work->in_watch);
	request_park(req, notify_cancelled);
}

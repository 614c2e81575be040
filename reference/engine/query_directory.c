/* SPDX-License-Identifier: MIT */
/* QUERY_DIRECTORY. [MS-SMB2] 3.3.5.18, [MS-FSA] 2.1.5.6.3 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/dir_entry.h"
#include "engine/fileops.h"
#include "engine/posix.h"

#define DIR_BATCH 64
#define DIR_TEXT 32768 /* at least one name of the longest kind */

/* The scan of one open. */
struct dir_search {
	char pattern[1024];
	bool posix;        /* of a POSIX open */
	bool started;      /* a pattern is set */
	bool found;        /* something was returned */
	bool rewind;       /* the next batch starts anew */
	bool ended;        /* the driver has no more */
	bool busy;         /* a request works on it */
	bool orphaned;     /* the open is gone: free it when not busy */
	unsigned int dots; /* of "." and ".." that were passed */
	size_t next, count;
	struct files_stat self, above; /* for "." and ".." */
	struct list waiting;           /* requests, by dir_work.in_waiting */
	struct files_entry entries[DIR_BATCH];
	char text[DIR_TEXT];
};

struct dir_work {
	struct smb2_query_directory_request body;
	struct list_link in_waiting;
	struct request *req;
	struct dir_search *search;
	const struct wire_type *type;
	struct wire_buf out;
	size_t last; /* where the last entry starts */
	unsigned int count;
	bool cut; /* the name of the only entry was shortened */
};

static void dir_begin(struct request *req);

/* The request is answered; the next one may use the scan. */
static void dir_leave(struct dir_search *search)
{
	struct dir_work *next;

	search->busy = false;
	if (search->orphaned) {
		free(search);
		return;
	}
	next = list_first(&search->waiting, struct dir_work, in_waiting);
	if (next) {
		list_remove(&next->in_waiting);
		dir_begin(next->req);
	}
}

void dir_search_close(struct open *open)
{
	struct dir_search *search = open->search;
	struct dir_work *work;

	if (!search) {
		return;
	}
	open->search = NULL;
	search->orphaned = true;
	while ((work = list_first(
			&search->waiting, struct dir_work, in_waiting))) {
		list_remove(&work->in_waiting);
		request_fail(work->req, STATUS_FILE_CLOSED);
	}
	if (!search->busy) {
		free(search);
	}
}

static void dir_fail(struct request *req, uint32_t status)
{
	struct dir_work *work = req->work;
	struct dir_search *search = work->search;

	/* While it is busy the scan outlives its open. */
	request_fail(req, status);
	dir_leave(search);
}

static void dir_reply(struct request *req)
{
	struct dir_work *work = req->work;
	struct dir_search *search = work->search;
	struct smb2_query_directory_response response = {0};
	uint32_t status = work->cut ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;

	if (work->count == 0) {
		bool first = !search->found && RULE(CORE_QUERYDIR_0006);

		dir_fail(req, first || !RULE(CORE_QUERYDIR_0007)
				      ? STATUS_NO_SUCH_FILE
				      : STATUS_NO_MORE_FILES);
		return;
	}
	search->found = true;
	response.buffer = wire_view_of(work->out.p, work->out.n);
	request_reply(
		req, status, &smb2_query_directory_response_type, &response);
	dir_leave(search);
}

/* The name as the open sees it; negative: not at all. */
static int dir_name(const struct dir_search *search, const char *name,
	uint8_t *ret_name, size_t size)
{
	int i, n = wire_utf8_to_utf16(name, ret_name, size);

	if (!search->posix) {
		return n;
	}
	for (i = 0; i + 1 < n; i += 2) {
		uint16_t c = wire_get16(ret_name + i);

		if (!RULE(PSX_PATH_0015) && c >= 'A' && c <= 'Z') {
			ret_name[i] |= 0x20;
		}
		if (!RULE(PSX_INFO_0032) && c < 128 && strchr(":\\*?", c)) {
			ret_name[i] = '~';
		}
	}
	return n;
}

/* Appends an entry; false: it does not fit and nothing changed. */
static bool dir_append(
	struct request *req, const char *name, const struct files_stat *stat)
{
	struct dir_work *work = req->work;
	bool aligned = work->search->posix ? RULE(PSX_INFO_0011)
					   : RULE(CORE_QUERYDIR_0019);
	size_t align = aligned ? 8 : 4;
	size_t at = (work->out.n + align - 1) / align * align, need;
	size_t fixed = dir_entry_size(work->type);
	uint8_t wire_name[1024];
	struct wire_buf entry = {.cap = work->out.cap - at};
	int n = dir_name(work->search, name, wire_name, sizeof wire_name);
	struct files_stat shown = *stat;

	if (n < 0) {
		return true; /* no such name in this protocol */
	}
	if (!RULE(CORE_QUERYDIR_0020)) {
		shown.inode++;
	}
	need = fixed + (size_t)n;
	if (at > work->out.cap || need > work->out.cap - at) {
		if (work->count > 0 || work->out.cap < fixed ||
			!RULE(CORE_QUERYDIR_0005)) {
			return false;
		}
		n = (int)((work->out.cap - fixed) & ~1ul);
		work->cut = true;
	}
	entry.p = work->out.p + at;
	if (work->search->posix && strcmp(name, "..") == 0 &&
		req->open->link->path[0] == 0 && RULE(PSX_INFO_0025)) {
		shown = (struct files_stat){.mode = S_IFDIR, .directory = true};
	}
	if (dir_entry_encode(work->type, &shown,
		    wire_view_of(wire_name, (size_t)n), &entry) < 0) {
		return false;
	}
	if (work->count > 0) {
		wire_put32(
			work->out.p + work->last, (uint32_t)(at - work->last));
	}
	memset(work->out.p + work->out.n, 0, at - work->out.n);
	work->last = at;
	work->out.n = at + entry.n;
	work->count++;
	return true;
}

static bool dir_matches_posix(const struct dir_search *search, const char *name)
{
	const char *pattern = search->pattern;

	if (!RULE(PSX_INFO_0029) && strcmp(pattern, "*") != 0) {
		return strcmp(pattern, name) == 0;
	}
	return RULE(PSX_INFO_0028) ? pattern_match_exact(pattern, name)
				   : pattern_match(pattern, name);
}

static bool dir_matches(const struct dir_search *search, const char *name)
{
	if (search->pattern[0] == 0) {
		return RULE(CORE_QUERYDIR_0013);
	}
	if (search->posix) {
		return dir_matches_posix(search, name);
	}
	if (RULE(PSX_VIEW_0003) && name_is_posix_only(name)) {
		return false;
	}
	return pattern_match(search->pattern, name);
}

static bool dir_full(const struct dir_work *work)
{
	return work->cut ||
	       (RULE(CORE_QUERYDIR_0012) && work->count > 0 &&
		       (work->body.flags & SMB2_RETURN_SINGLE_ENTRY));
}

/* "." and ".."; false: the buffer is full. */
static bool dir_dots(struct request *req)
{
	static const char *const names[] = {".", ".."};
	struct dir_work *work = req->work;
	struct dir_search *search = work->search;

	while (search->dots < 2) {
		const char *name = names[search->dots];

		if ((search->posix ? RULE(PSX_INFO_0024)
				   : RULE(CORE_QUERYDIR_0017)) &&
			dir_matches(search, name)) {
			if (dir_full(work) ||
				!dir_append(req, name,
					search->dots ? &search->above
						     : &search->self)) {
				return false;
			}
		}
		search->dots++;
	}
	return !dir_full(work);
}

/* Broken: what is neither file nor directory is left out, */
static bool dir_shows(
	const struct dir_search *search, const struct files_stat *stat)
{
	return !search->posix || !posix_is_special(stat) || RULE(PSX_INFO_0027);
}

/* or what is not understood ends the listing. */
static bool dir_breaks_off(
	const struct dir_search *search, const struct files_stat *stat)
{
	return search->posix && stat->reparse_tag && !posix_is_special(stat) &&
	       !RULE(PSX_LINK_0042);
}

static void dir_filled(struct files_op *op);

static void dir_fill(struct request *req)
{
	struct dir_work *work = req->work;
	struct dir_search *search = work->search;
	struct files_op *op = &req->op;

	op->node = req->open->node;
	op->rewind = search->rewind;
	op->entries = search->entries;
	op->entry_cap = DIR_BATCH;
	op->text = search->text;
	op->text_cap = DIR_TEXT;
	search->rewind = false;
	request_submit(req, FILES_READDIR, dir_filled);
}

/* Goes on until the answer is full or the directory ends. */
static void dir_run(struct request *req)
{
	struct dir_work *work = req->work;
	struct dir_search *search = work->search;

	if (!dir_dots(req)) {
		dir_reply(req);
		return;
	}
	while (search->next < search->count) {
		struct files_entry *entry = &search->entries[search->next];

		if (dir_breaks_off(search, &entry->stat)) {
			search->ended = true;
			break;
		}
		if (dir_shows(search, &entry->stat) &&
			dir_matches(search, entry->name)) {
			if (dir_full(work) ||
				!dir_append(req, entry->name, &entry->stat)) {
				dir_reply(req);
				return;
			}
			if (!RULE(CORE_QUERYDIR_0008)) {
				dir_append(req, entry->name, &entry->stat);
			}
		}
		search->next++;
	}
	if (search->ended || dir_full(work)) {
		dir_reply(req);
		return;
	}
	dir_fill(req);
}

static void dir_filled(struct files_op *op)
{
	struct request *req = op->ctx;
	struct dir_work *work = req->work;
	struct dir_search *search = work->search;

	if (req->open->closing || op->result < 0) {
		dir_fail(req, op->result < 0 ? status_of_errno(op->result)
					     : STATUS_FILE_CLOSED);
		return;
	}
	search->next = 0;
	search->count = op->entry_count;
	search->ended = op->entry_count == 0;
	dir_run(req);
}

static void dir_above_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct dir_work *work = req->work;

	if (req->open->closing) {
		dir_fail(req, STATUS_FILE_CLOSED);
		return;
	}
	if (op->result == 0) {
		work->search->above = op->stat;
	}
	dir_run(req);
}

static void dir_self_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct dir_work *work = req->work;
	const char *path = req->open->link ? req->open->link->path : "";
	const char *slash = strrchr(path, '/');

	if (req->open->closing || op->result < 0) {
		dir_fail(req, op->result < 0 ? status_of_errno(op->result)
					     : STATUS_FILE_CLOSED);
		return;
	}
	work->search->self = work->search->above = op->stat;
	if (!work->search->posix || path[0] == 0 || !RULE(PSX_INFO_0026)) {
		/* What is above the share's root is nobody's business. */
		dir_run(req);
		return;
	}
	op->path = request_alloc(req, LIMIT_PATH);
	if (!op->path) {
		dir_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	memcpy((char *)op->path, path, slash ? (size_t)(slash - path) : 0);
	op->posix = true;
	op->open = (struct files_open){0};
	request_submit(req, FILES_LOOKUP, dir_above_known);
}

static void dir_restart(struct dir_search *search)
{
	search->rewind = true;
	search->ended = search->found = false;
	search->next = search->count = 0;
	search->dots = 0;
}

/* Is it no pattern for a POSIX open? */
static bool dir_pattern_posix(const struct request *req,
	const struct dir_search *search, const char *pattern)
{
	if (strchr(pattern, '/')) {
		return RULE(PSX_INFO_0031);
	}
	if (strchr(pattern, '\\')) {
		return !RULE(PSX_INFO_0030) ||
		       posix_is_like(req->tree, POSIX_LIKE_SAMBA);
	}
	return !search->started && pattern[0] == 0;
}

/* The pattern of the request, or why not. */
static uint32_t dir_pattern(struct request *req)
{
	struct dir_work *work = req->work;
	struct dir_search *search = work->search;
	uint8_t flags = work->body.flags;
	bool again = (flags & SMB2_REOPEN) && RULE(CORE_QUERYDIR_0011);
	bool restart = (flags & SMB2_RESTART_SCANS) && RULE(CORE_QUERYDIR_0010);
	char pattern[sizeof search->pattern];
	int n = wire_utf16_to_utf8(
		work->body.buffer, pattern, sizeof pattern - 1);

	if (n < 0) {
		return STATUS_OBJECT_NAME_INVALID;
	}
	pattern[n] = 0;
	if (search->posix ? dir_pattern_posix(req, search, pattern)
			  : RULE(CORE_QUERYDIR_0016) &&
				    (strchr(pattern, '\\') ||
					    strchr(pattern, '/'))) {
		return STATUS_OBJECT_NAME_INVALID;
	}
	if (!search->started || again || restart) {
		dir_restart(search);
	}
	/* An empty pattern goes on with the one before. */
	if (!search->started || ((again || restart) && n > 0) ||
		(!RULE(CORE_QUERYDIR_0009) && n > 0)) {
		memcpy(search->pattern, pattern, strlen(pattern) + 1);
	}
	search->started = true;
	return STATUS_SUCCESS;
}

static void dir_begin(struct request *req)
{
	struct dir_work *work = req->work;
	struct dir_search *search = work->search;
	uint32_t status;

	search->busy = true;
	status = dir_pattern(req);
	if (status) {
		dir_fail(req, status);
		return;
	}
	if (search->dots == 0) {
		req->op.node = req->open->node;
		request_submit(req, FILES_STAT, dir_self_known);
		return;
	}
	dir_run(req);
}

/* Class 0x64 is for POSIX opens, the others are for all. */
static bool dir_class_refused(const struct request *req, uint8_t info_class)
{
	if (info_class != FilePosixInformation) {
		return req->open->posix && !RULE(PSX_INFO_0033);
	}
	if (posix_like(req->tree) == POSIX_LIKE_KSMBD && req->conn->posix) {
		return false;
	}
	return !posix_applies(req) && RULE(PSX_INFO_0004);
}

static uint32_t dir_check(struct request *req)
{
	struct dir_work *work = req->work;
	const struct smb2_query_directory_request *body = &work->body;
	struct open *open = req->open;

	work->type = dir_entry_type(body->file_information_class);
	if (!open->file->directory) {
		return RULE(CORE_QUERYDIR_0001) ? STATUS_INVALID_PARAMETER
						: STATUS_NOT_SUPPORTED;
	}
	if (body->output_buffer_length > req->conn->max_transact) {
		return STATUS_INVALID_PARAMETER;
	}
	if (RULE(CORE_QUERYDIR_0002) &&
		!(open->granted_access & FILE_LIST_DIRECTORY)) {
		return STATUS_ACCESS_DENIED;
	}
	if (!work->type) {
		return RULE(CORE_QUERYDIR_0003) ? STATUS_INVALID_INFO_CLASS
						: STATUS_NOT_SUPPORTED;
	}
	if (dir_class_refused(req, body->file_information_class)) {
		return posix_like(req->tree) == POSIX_LIKE_SAMBA
			       ? STATUS_INVALID_LEVEL
			       : STATUS_INVALID_INFO_CLASS;
	}
	if (body->output_buffer_length < dir_entry_size(work->type)) {
		return RULE(CORE_QUERYDIR_0004) ? STATUS_INFO_LENGTH_MISMATCH
						: STATUS_BUFFER_OVERFLOW;
	}
	return STATUS_SUCCESS;
}

/* Broken rule: a scan goes on where that of another open stands. */
static void dir_mix(struct open *open)
{
	list_each(other, &open->file->opens, struct open, in_file)
	{
		if (other != open && other->search) {
			open->search->started = true;
			open->search->ended = other->search->ended;
			open->search->dots = other->search->dots;
		}
	}
}

void cmd_query_directory(struct request *req)
{
	struct dir_work *work = request_alloc(req, sizeof *work);
	struct open *open;
	uint32_t status;

	if (!work) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	req->work = work;
	if (!request_decode(
		    req, &smb2_query_directory_request_type, &work->body) ||
		!request_charge(req, work->body.output_buffer_length)) {
		return;
	}
	open = request_open(req, work->body.file_id);
	if (!open) {
		return;
	}
	status = dir_check(req);
	if (status) {
		request_fail(req, status);
		return;
	}
	if (!open->search) {
		open->search = calloc(1, sizeof *open->search);
		if (open->search) {
			open->search->posix = open->posix;
		}
		if (open->search && !RULE(CORE_QUERYDIR_0018)) {
			dir_mix(open);
		}
	}
	work->out.cap = work->body.output_buffer_length;
	work->out.p = request_alloc(req, work->out.cap);
	if (!open->search || !work->out.p) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	work->req = req;
	work->search = open->search;
	if (open->search->busy) {
		list_add(&open->search->waiting, &work->in_waiting);
		return;
	}
	dir_begin(req);
}

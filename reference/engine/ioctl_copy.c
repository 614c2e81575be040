/* SPDX-License-Identifier: MIT */
/* Copies within the server. [MS-SMB2] 3.3.5.15.5, 3.3.5.15.6,
 * [MS-FSA] 2.1.5.10.4 */
#include <errno.h>

#include "engine/caching.h"
#include "engine/ioctl_work.h"

#define RESUME_KEY_SIZE 24
#define RESUME_KEY_OUTPUT 32
#define COPYCHUNK_OUTPUT 12
#define COPYCHUNK_CHUNK 24

/* The key is the FileId: every open has its own, nobody else's works. */
void ioctl_resume_key(struct request *req)
{
	struct ioctl_work *work = req->work;
	uint8_t *key = request_alloc(req, RESUME_KEY_OUTPUT);

	if (!key) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	if (work->body.max_output_response < RESUME_KEY_OUTPUT) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	wire_put64(key, req->open->id.persistent);
	wire_put64(key + 8, req->open->id.volatile_);
	ioctl_reply(req, STATUS_SUCCESS, &work->body,
		wire_view_of(key, RULE(CORE_IOCTL_0009) ? RESUME_KEY_OUTPUT
							: RESUME_KEY_SIZE));
}

static struct open *copy_find(struct request *req, uint64_t persistent,
	uint64_t volatile_, bool any_session)
{
	struct table_link *link = table_find(&req->engine->opens, volatile_);
	struct open *open = link ? table_entry(link, struct open, by_id) : NULL;

	if (!open || open->closing || open->id.persistent != persistent ||
		!open->file ||
		(!any_session && open->session != req->session)) {
		return NULL;
	}
	return open;
}

static void copy_wrote(struct open *open)
{
	uint32_t filter = NOTIFY_SIZE | NOTIFY_LAST_WRITE;

	if (RULE(LEASE_BREAK_0038)) {
		open_wrote(open, MODEL_LEASE_REASON_WRITE, filter);
	} else {
		open->written = true;
		notify_modified(open, filter);
	}
}

static void copy_reply(struct request *req, uint32_t status, uint32_t chunks,
	uint32_t chunk_bytes, uint32_t total)
{
	struct ioctl_work *work = req->work;
	uint8_t *output = request_alloc(req, COPYCHUNK_OUTPUT);

	open_release(work->source);
	work->source = NULL;
	if (!output) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	wire_put32(output, chunks);
	wire_put32(output + 4, chunk_bytes);
	wire_put32(output + 8, total);
	ioctl_reply(req, status, &work->body,
		wire_view_of(output, COPYCHUNK_OUTPUT));
}

/* The answer of a copy that ended early or is complete. */
static void copy_end(struct request *req, uint32_t status)
{
	struct ioctl_work *work = req->work;
	uint64_t total = work->total;

	if (total > 0) {
		copy_wrote(req->open);
	}
	if (!RULE(CORE_IOCTL_0019)) {
		total++;
	}
	copy_reply(req, status, work->done, 0, (uint32_t)total);
}

static void copy_next(struct request *req);

static void copy_done(struct files_op *op)
{
	struct request *req = op->ctx;
	struct ioctl_work *work = req->work;

	if (req->open->closing || work->source->closing) {
		if (work->total > 0 || op->result == 0) {
			copy_wrote(req->open);
		}
		open_release(work->source);
		work->source = NULL;
		request_fail(req, STATUS_FILE_CLOSED);
		return;
	}
	if (op->result < 0) {
		copy_end(req, status_of_errno(op->result));
		return;
	}
	work->total += op->transferred;
	if (op->transferred < work->chunk_length) {
		copy_end(req, STATUS_INVALID_VIEW_SIZE);
		return;
	}
	work->done++;
	copy_next(req);
}

static void copy_next(struct request *req)
{
	struct ioctl_work *work = req->work;
	struct srv_copychunk chunk;
	uint32_t status;

	if (work->done == work->chunk_count ||
		wire_list_next(&work->chunks, &chunk, NULL) <= 0) {
		copy_end(req, STATUS_SUCCESS);
		return;
	}
	/* All of a chunk or nothing. */
	if (chunk.source_offset > work->source_size ||
		chunk.length > work->source_size - chunk.source_offset) {
		copy_end(req, STATUS_INVALID_VIEW_SIZE);
		return;
	}
	if (chunk.source_offset > INT64_MAX - (uint64_t)chunk.length ||
		chunk.target_offset > INT64_MAX - (uint64_t)chunk.length) {
		copy_end(req, STATUS_INVALID_PARAMETER);
		return;
	}
	status = lock_check_io(
		work->source, chunk.source_offset, chunk.length, false);
	if (!status) {
		status = lock_check_io(
			req->open, chunk.target_offset, chunk.length, true);
	}
	if (status) {
		copy_end(req, status);
		return;
	}
	work->chunk_length = chunk.length;
	req->op.node = req->open->node;
	req->op.from = work->source->node;
	req->op.from_offset = chunk.source_offset;
	req->op.offset = RULE(CORE_IOCTL_0018) ? chunk.target_offset
					       : chunk.source_offset;
	req->op.size = chunk.length;
	req->op.clone = false;
	request_submit(req, FILES_COPY, copy_done);
}

static void copy_size_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct ioctl_work *work = req->work;

	if (req->open->closing || work->source->closing || op->result < 0) {
		open_release(work->source);
		work->source = NULL;
		request_fail(req, op->result < 0 ? status_of_errno(op->result)
						 : STATUS_FILE_CLOSED);
		return;
	}
	work->source_size = op->stat.size;
	copy_next(req);
}

/* 0 = within the limits, 1 = they are to be returned, else the status. */
static uint32_t copy_check_chunks(const struct srv_copychunk_copy *copy)
{
	struct wire_list list = wire_list_of(&srv_copychunk_type, copy->chunks);
	struct srv_copychunk chunk;
	uint64_t total = 0;

	if (RULE(CORE_IOCTL_0011) && copy->chunk_count > LIMIT_COPY_CHUNKS) {
		return 1;
	}
	while (wire_list_next(&list, &chunk, NULL) > 0) {
		if ((RULE(CORE_IOCTL_0012) && chunk.length == 0) ||
			(RULE(CORE_IOCTL_0011) &&
				chunk.length > LIMIT_COPY_CHUNK)) {
			return 1;
		}
		total += chunk.length;
	}
	return RULE(CORE_IOCTL_0011) && total > LIMIT_COPY_TOTAL;
}

static uint32_t copy_check_access(
	const struct request *req, const struct open *source)
{
	const struct ioctl_work *work = req->work;
	uint32_t target = req->open->granted_access;

	if (RULE(CORE_IOCTL_0014) &&
		(!(source->granted_access & (FILE_READ_DATA | FILE_EXECUTE)) ||
			!(target & (FILE_WRITE_DATA | FILE_APPEND_DATA)))) {
		return STATUS_ACCESS_DENIED;
	}
	if (!(target & FILE_READ_DATA) &&
		(work->body.ctl_code == FSCTL_SRV_COPYCHUNK
				? RULE(CORE_IOCTL_0015)
				: !RULE(CORE_IOCTL_0016))) {
		return STATUS_ACCESS_DENIED;
	}
	return STATUS_SUCCESS;
}

/* The target is written to. Nothing is held yet: afterwards all begins anew. */
static bool copy_waits(struct request *req, void (*again)(struct request *req))
{
	return RULE(LEASE_BREAK_0038) &&
	       caching_wait(req, MODEL_LEASE_REASON_WRITE, again);
}

void ioctl_copychunk(struct request *req)
{
	struct ioctl_work *work = req->work;
	struct srv_copychunk_copy copy;
	struct open *source;
	uint32_t status;

	if (work->body.max_output_response < COPYCHUNK_OUTPUT ||
		srv_copychunk_copy_decode(work->input, &copy) < 0) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	if (copy_check_chunks(&copy)) {
		bool say = RULE(CORE_IOCTL_0013);

		copy_reply(req, STATUS_INVALID_PARAMETER,
			say ? LIMIT_COPY_CHUNKS : 0, say ? LIMIT_COPY_CHUNK : 0,
			say ? LIMIT_COPY_TOTAL : 0);
		return;
	}
	source = copy_find(req, wire_get64(copy.source_key),
		wire_get64(copy.source_key + 8), !RULE(CORE_IOCTL_0017));
	if (!source) {
		request_fail(req, RULE(CORE_IOCTL_0010)
					  ? STATUS_OBJECT_NAME_NOT_FOUND
					  : STATUS_INVALID_HANDLE);
		return;
	}
	status = copy_check_access(req, source);
	if (!status &&
		(source->file->directory || req->open->file->directory)) {
		status = STATUS_INVALID_DEVICE_REQUEST;
	}
	if (!status && open_port(source) != open_port(req->open)) {
		status = STATUS_OBJECT_NAME_NOT_FOUND;
	}
	if (status) {
		request_fail(req, status);
		return;
	}
	if (copy.chunk_count && copy_waits(req, ioctl_copychunk)) {
		return;
	}
	work->source = open_hold(source);
	work->chunk_count = copy.chunk_count;
	work->chunks = wire_list_of(&srv_copychunk_type, copy.chunks);
	req->op.node = source->node;
	request_submit(req, FILES_STAT, copy_size_known);
}

/* ---- DUPLICATE_EXTENTS_TO_FILE ---- */

static void duplicate_done(struct files_op *op)
{
	struct request *req = op->ctx;
	struct ioctl_work *work = req->work;

	open_release(work->source);
	work->source = NULL;
	if (op->result == 0) {
		copy_wrote(req->open);
	}
	if (open_lost(req)) {
		return;
	}
	if (op->result == -EOPNOTSUPP) {
		request_fail(req, STATUS_INVALID_DEVICE_REQUEST);
		return;
	}
	ioctl_end(req, op->result);
}

static void duplicate_size_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct ioctl_work *work = req->work;

	if (req->open->closing || work->source->closing || op->result < 0 ||
		op->from_offset > op->stat.size ||
		op->size > op->stat.size - op->from_offset) {
		open_release(work->source);
		work->source = NULL;
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	op->node = req->open->node;
	request_submit(req, FILES_COPY, duplicate_done);
}

void ioctl_duplicate(struct request *req)
{
	struct ioctl_work *work = req->work;
	struct smb2_duplicate_extents_data data;
	struct open *source;

	if (smb2_duplicate_extents_data_decode(work->input, &data) < 0 ||
		data.source_file_offset > INT64_MAX ||
		data.target_file_offset > INT64_MAX ||
		data.byte_count > INT64_MAX) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	source = copy_find(req, data.source_file_id.persistent,
		data.source_file_id.volatile_, false);
	if (!source) {
		request_fail(req, RULE(CORE_IOCTL_0020)
					  ? STATUS_INVALID_HANDLE
					  : STATUS_OBJECT_NAME_NOT_FOUND);
		return;
	}
	if (!(source->granted_access & FILE_READ_DATA) ||
		!(req->open->granted_access & FILE_WRITE_DATA)) {
		request_fail(req, STATUS_ACCESS_DENIED);
		return;
	}
	if (open_port(source) != open_port(req->open)) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	if (data.byte_count == 0 || !RULE(CORE_IOCTL_0021)) {
		ioctl_end(req, 0);
		return;
	}
	if (copy_waits(req, ioctl_duplicate)) {
		return;
	}
	work->source = open_hold(source);
	req->op.node = source->node;
	req->op.from = source->node;
	req->op.from_offset = data.source_file_offset;
	req->op.offset = data.target_file_offset;
	req->op.size = data.byte_count;
	req->op.clone = true;
	request_submit(req, FILES_STAT, duplicate_size_known);
}

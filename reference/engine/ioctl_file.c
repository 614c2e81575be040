/* SPDX-License-Identifier: MIT */
/* Control codes of files: ranges, holes, and who serves the rest.
 * [MS-SMB2] 3.3.5.15, [MS-FSA] 2.1.5.10 */
#include <errno.h>
#include <string.h>

#include "engine/caching.h"
#include "engine/ioctl_work.h"
#include "engine/posix.h"

#define IOCTL_RANGES 4096 /* of one answer */

static void ioctl_answer(
	struct request *req, uint32_t status, struct wire_view output)
{
	struct ioctl_work *work = req->work;

	ioctl_reply(req, status, &work->body, output);
}

void ioctl_end(struct request *req, int result)
{
	if (result < 0) {
		request_fail(req, status_of_errno(result));
		return;
	}
	ioctl_answer(req, STATUS_SUCCESS, (struct wire_view){0});
}

void ioctl_changed(struct files_op *op, uint32_t filter)
{
	struct request *req = op->ctx;

	if (op->result == 0) {
		notify_modified(req->open, filter);
	}
	if (!open_lost(req)) {
		ioctl_end(req, op->result);
	}
}

/* ---- QUERY_ALLOCATED_RANGES ---- */

static void ranges_reply(struct request *req, size_t count)
{
	struct ioctl_work *work = req->work;
	size_t room = work->body.max_output_response / 16, i;
	struct wire_buf out = {.cap = 16 * IOCTL_RANGES};
	uint32_t status = STATUS_SUCCESS;

	if (count == 0) {
		ioctl_end(req, 0);
		return;
	}
	if (room == 0) {
		request_fail(req, STATUS_BUFFER_TOO_SMALL);
		return;
	}
	if (count > room) {
		count = room;
		status = STATUS_BUFFER_OVERFLOW;
	}
	out.p = request_alloc(req, 16 * count);
	if (!out.p) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	for (i = 0; i < count; i++) {
		wire_put64(out.p + 16 * i, req->op.ranges[i].offset);
		wire_put64(out.p + 16 * i + 8, req->op.ranges[i].size);
	}
	ioctl_answer(req, status, wire_view_of(out.p, 16 * count));
}

static void ranges_known(struct files_op *op)
{
	struct request *req = op->ctx;

	if (op->result < 0) {
		ioctl_end(req, op->result);
		return;
	}
	ranges_reply(req, RULE(CORE_IOCTL_0023) ? op->range_count : 0);
}

static void ranges_stat_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct ioctl_work *work = req->work;
	uint64_t size = op->stat.size, left;

	if (open_lost(req)) {
		return;
	}
	if (op->result < 0) {
		ioctl_end(req, op->result);
		return;
	}
	left = work->from < size ? size - work->from : 0;
	left = left < work->length ? left : work->length;
	op->ranges = request_alloc(req, IOCTL_RANGES * sizeof *op->ranges);
	if (!op->ranges) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	/* All of a file that is not sparse is allocated. */
	if (left == 0 ||
		(req->open->posix ? !RULE(PSX_FS_0011)
				  : !(op->stat.dos_attributes &
					    FILE_ATTRIBUTE_SPARSE_FILE))) {
		op->ranges[0] = (struct files_range){work->from, left};
		ranges_reply(req, left > 0);
		return;
	}
	op->range_cap = IOCTL_RANGES;
	op->offset = work->from;
	op->size = left;
	request_submit(req, FILES_RANGES, ranges_known);
}

static void ioctl_ranges(struct request *req)
{
	struct ioctl_work *work = req->work;
	struct file_allocated_range_buffer range;

	if (file_allocated_range_buffer_decode(work->input, &range) < 0 ||
		range.file_offset > INT64_MAX || range.length > INT64_MAX ||
		range.length > (uint64_t)INT64_MAX - range.file_offset) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	if (!(req->open->granted_access & FILE_READ_DATA)) {
		request_fail(req, STATUS_ACCESS_DENIED);
		return;
	}
	if (range.length == 0) {
		if (RULE(CORE_IOCTL_0022)) {
			ioctl_end(req, 0);
		} else {
			request_fail(req, STATUS_INVALID_PARAMETER);
		}
		return;
	}
	work->from = range.file_offset;
	work->length = range.length;
	req->op.node = req->open->node;
	request_submit(req, FILES_STAT, ranges_stat_known);
}

/* ---- SET_ZERO_DATA ---- */

static void zero_done(struct files_op *op)
{
	struct request *req = op->ctx;

	if (op->result == 0) {
		open_wrote(
			req->open, MODEL_LEASE_REASON_ZERO, NOTIFY_LAST_WRITE);
	}
	if (!open_lost(req)) {
		ioctl_end(req, op->result);
	}
}

static void ioctl_zero(struct request *req)
{
	struct ioctl_work *work = req->work;
	struct file_zero_data_information zero;
	uint32_t status;

	if (file_zero_data_information_decode(work->input, &zero) < 0 ||
		zero.file_offset > INT64_MAX ||
		zero.beyond_final_zero > INT64_MAX ||
		(RULE(CORE_IOCTL_0024) &&
			zero.file_offset > zero.beyond_final_zero)) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	if (!(req->open->granted_access & FILE_WRITE_DATA) &&
		!posix_append_changes(req->open)) {
		request_fail(req, STATUS_ACCESS_DENIED);
		return;
	}
	if (req->open->file->directory) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	if (zero.file_offset >= zero.beyond_final_zero ||
		!RULE(CORE_IOCTL_0025)) {
		ioctl_end(req, 0);
		return;
	}
	status = lock_check_io(req->open, zero.file_offset,
		zero.beyond_final_zero - zero.file_offset, true);
	if (status) {
		request_fail(req, status);
		return;
	}
	if (caching_wait(req, MODEL_LEASE_REASON_ZERO, ioctl_zero)) {
		return;
	}
	req->op.node = req->open->node;
	req->op.offset = zero.file_offset;
	req->op.size = zero.beyond_final_zero - zero.file_offset;
	request_submit(req, RULE(CORE_IOCTL_0026) ? FILES_ZERO : FILES_TRUNCATE,
		zero_done);
}

/* ---- SET_SPARSE ---- */

static void sparse_done(struct files_op *op)
{
	ioctl_changed(op, NOTIFY_ATTRIBUTES);
}

static void sparse_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct ioctl_work *work = req->work;
	bool set = work->input.n == 0 || work->input.p[0] != 0;
	uint32_t attributes = op->stat.dos_attributes;

	if (open_lost(req)) {
		return;
	}
	if (op->result < 0) {
		ioctl_end(req, op->result);
		return;
	}
	attributes &= ~FILE_ATTRIBUTE_SPARSE_FILE;
	if (set && RULE(CORE_IOCTL_0027)) {
		attributes |= FILE_ATTRIBUTE_SPARSE_FILE;
	}
	op->stat = (struct files_stat){.dos_attributes = attributes};
	op->set_attributes = true;
	request_submit(req, FILES_SET_STAT, sparse_done);
}

static void ioctl_sparse(struct request *req)
{
	if (req->open->file->directory) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	if (RULE(CORE_IOCTL_0028) &&
		!(req->open->granted_access &
			(FILE_WRITE_DATA | FILE_APPEND_DATA |
				FILE_WRITE_ATTRIBUTES))) {
		request_fail(req, STATUS_ACCESS_DENIED);
		return;
	}
	req->op.node = req->open->node;
	request_submit(req, FILES_STAT, sparse_known);
}

/* ---- small ones ---- */

/* Nothing is compressed. */
static void ioctl_compression(struct request *req)
{
	struct ioctl_work *work = req->work;
	uint8_t *state = request_alloc(req, 2);

	if (!state) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	if (work->body.max_output_response < 2) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	ioctl_answer(req, STATUS_SUCCESS, wire_view_of(state, 2));
}

/* Turning off what is not on. */
static void ioctl_compress(struct request *req)
{
	struct ioctl_work *work = req->work;

	if (work->input.n < 2) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	if (wire_get16(work->input.p) != COMPRESSION_FORMAT_NONE) {
		request_fail(req, STATUS_NOT_SUPPORTED);
		return;
	}
	ioctl_end(req, 0);
}

/* There are no previous versions: an empty list. [MS-SMB2] 2.2.32.2 */
static void ioctl_snapshots(struct request *req)
{
	struct ioctl_work *work = req->work;
	uint8_t *list = request_alloc(req, 16);

	if (!list) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	if (work->body.max_output_response < 16) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	wire_put32(list + 8, 2);
	ioctl_answer(req, STATUS_SUCCESS, wire_view_of(list, 16));
}

static void (*ioctl_handler(uint32_t code))(struct request *req)
{
	switch (code) {
	case FSCTL_QUERY_ALLOCATED_RANGES:
		return ioctl_ranges;
	case FSCTL_SET_ZERO_DATA:
		return ioctl_zero;
	case FSCTL_SET_SPARSE:
		return ioctl_sparse;
	case FSCTL_SRV_REQUEST_RESUME_KEY:
		return ioctl_resume_key;
	case FSCTL_SRV_COPYCHUNK:
	case FSCTL_SRV_COPYCHUNK_WRITE:
		return ioctl_copychunk;
	case FSCTL_DUPLICATE_EXTENTS_TO_FILE:
		return ioctl_duplicate;
	case FSCTL_GET_REPARSE_POINT:
		return ioctl_reparse_get;
	case FSCTL_SET_REPARSE_POINT:
		return ioctl_reparse_set;
	case FSCTL_DELETE_REPARSE_POINT:
		return ioctl_reparse_delete;
	case FSCTL_CREATE_OR_GET_OBJECT_ID:
	case FSCTL_GET_OBJECT_ID:
	case FSCTL_DELETE_OBJECT_ID:
		return ioctl_object_id;
	case FSCTL_GET_COMPRESSION:
		return ioctl_compression;
	case FSCTL_SET_COMPRESSION:
		return ioctl_compress;
	case FSCTL_SRV_ENUMERATE_SNAPSHOTS:
		return ioctl_snapshots;
	default:
		return NULL;
	}
}

bool ioctl_file(struct request *req, const struct smb2_ioctl_request *body,
	struct wire_view input)
{
	void (*handler)(struct request *) = ioctl_handler(body->ctl_code);
	struct ioctl_work *work;

	if (!handler) {
		return false;
	}
	work = request_alloc(req, sizeof *work);
	if (!work) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return true;
	}
	work->body = *body;
	work->input = input;
	req->work = work;
	handler(req);
	return true;
}

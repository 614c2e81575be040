/* SPDX-License-Identifier: MIT */
/* WRITE. [MS-SMB2] 3.3.5.13, [MS-FSA] 2.1.5.3 */
#include "engine/caching.h"
#include "engine/fileops.h"
#include "engine/posix.h"

#define WRITE_DATA_OFFSET_MAX 0x100
#define WRITE_FLAGS_KNOWN \
	(uint32_t)(SMB2_WRITEFLAG_WRITE_THROUGH | \
		   SMB2_WRITEFLAG_WRITE_UNBUFFERED)
#define WRITE_TO_END UINT64_MAX /* FILE_WRITE_TO_END_OF_FILE in FSA's words */

static void write_reply(struct request *req, uint64_t count)
{
	struct smb2_write_response response = {0};

	response.count =
		RULE(CORE_WRITE_0016) ? (uint32_t)count : (uint32_t)count + 1;
	response.remaining = RULE(CORE_WRITE_0017) ? 0 : 1;
	request_reply(
		req, STATUS_SUCCESS, &smb2_write_response_type, &response);
}

void open_wrote(
	struct open *open, enum model_lease_reason reason, uint32_t filter)
{
	/* One that has ended tells the directory when its node is closed. */
	if (!open->closing || RULE(DIRL_BREAK_0017)) {
		open->written = true;
	}
	caching_changed(open, reason);
	notify_modified(open, filter);
}

static void write_flushed(struct files_op *op)
{
	struct request *req = op->ctx;
	const struct smb2_write_request *body = req->work;

	if (op->result < 0) {
		request_fail(req, status_of_errno(op->result));
		return;
	}
	write_reply(req, body->length);
}

static void write_done(struct files_op *op)
{
	struct request *req = op->ctx;
	const struct smb2_write_request *body = req->work;
	struct open *open = req->open;
	bool through = (open->create_options & FILE_WRITE_THROUGH) ||
		       (req->conn->dialect >= 0x0210 &&
			       (body->flags & SMB2_WRITEFLAG_WRITE_THROUGH));

	if (op->result < 0 && op->transferred == 0) {
		request_fail(req, status_of_errno(op->result));
		return;
	}
	open_wrote(open, MODEL_LEASE_REASON_WRITE,
		NOTIFY_SIZE | NOTIFY_LAST_WRITE);
	if (open_lost(req)) {
		return;
	}
	open->position = op->offset + op->transferred;
	dirlease_done(open, MODEL_OPERATION_WRITTEN);
	if (op->result < 0 || !through) {
		write_reply(req, op->transferred);
		return;
	}
	request_submit(req, FILES_FLUSH, write_flushed);
}

static void write_at(struct request *req, uint64_t offset)
{
	const struct smb2_write_request *body = req->work;

	req->op.node = req->open->node;
	req->op.offset = offset;
	req->op.data = (uint8_t *)body->buffer.p;
	req->op.size = body->buffer.n;
	request_submit(req, FILES_WRITE, write_done);
}

/* An open that may only append writes at the end, wherever it says. */
static void write_end_known(struct files_op *op)
{
	struct request *req = op->ctx;
	const struct smb2_write_request *body = req->work;
	bool inside =
		body->offset != WRITE_TO_END && body->offset < op->stat.size;

	if (op_failed(req)) {
		return;
	}
	if (inside && RULE(CORE_WRITE_0019)) {
		request_fail(req, STATUS_ACCESS_DENIED);
		return;
	}
	write_at(req,
		body->offset == WRITE_TO_END ? op->stat.size : body->offset);
}

/* Through what keeps the data in memory. */
static bool write_through_buffered(
	const struct request *req, const struct smb2_write_request *body)
{
	uint16_t dialect = req->conn->dialect;

	if (!(body->flags & SMB2_WRITEFLAG_WRITE_THROUGH) ||
		(req->open->create_options & FILE_NO_INTERMEDIATE_BUFFERING)) {
		return false;
	}
	if (dialect >= 0x0302) {
		return RULE(CORE_WRITE_0007) &&
		       !(body->flags & SMB2_WRITEFLAG_WRITE_UNBUFFERED);
	}
	return dialect >= 0x0210 && RULE(CORE_WRITE_0020);
}

static uint32_t write_check_form(
	const struct request *req, const struct smb2_write_request *body)
{
	uint16_t dialect = req->conn->dialect;

	if (dialect >= 0x0300 && body->channel != SMB2_CHANNEL_NONE) {
		bool known = body->channel <= SMB2_CHANNEL_RDMA_TRANSFORM;

		if ((known && RULE(CORE_WRITE_0006)) ||
			(!known && RULE(CORE_WRITE_0005))) {
			return STATUS_INVALID_PARAMETER;
		}
	}
	if (RULE(CORE_WRITE_0002) && body->length > req->conn->max_write) {
		return STATUS_INVALID_PARAMETER;
	}
	if (RULE(CORE_WRITE_0003) && body->length > 0 &&
		body->data_offset > WRITE_DATA_OFFSET_MAX) {
		return STATUS_INVALID_PARAMETER;
	}
	if (write_through_buffered(req, body)) {
		return STATUS_INVALID_PARAMETER;
	}
	if (!RULE(CORE_WRITE_0008) && (body->flags & ~WRITE_FLAGS_KNOWN)) {
		return STATUS_INVALID_PARAMETER;
	}
	return STATUS_SUCCESS;
}

static uint32_t write_check(
	const struct request *req, const struct smb2_write_request *body)
{
	const struct open *open = req->open;
	uint32_t status = posix_data_check(open);

	if (status) {
		return status;
	}
	if (open->file->directory) {
		return RULE(CORE_WRITE_0015) ? STATUS_INVALID_DEVICE_REQUEST
					     : STATUS_INVALID_PARAMETER;
	}
	if (!(open->granted_access & (FILE_WRITE_DATA | FILE_APPEND_DATA))) {
		return RULE(CORE_WRITE_0001) ? STATUS_ACCESS_DENIED
					     : STATUS_INVALID_PARAMETER;
	}
	status = write_check_form(req, body);
	if (status) {
		return status;
	}
	status = posix_append_check(open, body->offset, body->length);
	if (status) {
		return status;
	}
	if (body->offset != WRITE_TO_END &&
		(body->offset > INT64_MAX ||
			(RULE(CORE_WRITE_0009) &&
				body->length >
					(uint64_t)INT64_MAX - body->offset))) {
		return STATUS_INVALID_PARAMETER;
	}
	if (open->posix_append && body->offset == WRITE_TO_END) {
		/* Behind the end, wherever that is. */
		return STATUS_SUCCESS;
	}
	return lock_check_io(open, body->offset, body->length, true);
}

static void write_begin(struct request *req)
{
	const struct smb2_write_request *body = req->work;

	if (caching_wait(req, MODEL_LEASE_REASON_WRITE, write_begin)) {
		return;
	}
	if (req->open->posix_append && body->offset == WRITE_TO_END &&
		RULE(PSX_APPEND_0005)) {
		req->op.append = RULE(PSX_APPEND_0004);
		write_at(req, 0);
		return;
	}
	if (body->offset == WRITE_TO_END ||
		!(req->open->granted_access & FILE_WRITE_DATA)) {
		req->op.node = req->open->node;
		request_submit(req, FILES_STAT, write_end_known);
		return;
	}
	write_at(req, body->offset);
}

void cmd_write(struct request *req)
{
	struct smb2_write_request *body = request_alloc(req, sizeof *body);
	uint32_t status;

	if (!body) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	if (!request_decode(req, &smb2_write_request_type, body) ||
		!request_charge(req, body->length) ||
		!request_open(req, body->file_id)) {
		return;
	}
	req->work = body;
	status = write_check(req, body);
	if (status) {
		request_fail(req, status);
		return;
	}
	if (body->length == 0 && RULE(CORE_WRITE_0010)) {
		write_reply(req, 0);
		return;
	}
	if (body->length == 0) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	write_begin(req);
}

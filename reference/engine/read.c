/* SPDX-License-Identifier: MIT */
/* READ. [MS-SMB2] 3.3.5.12, [MS-FSA] 2.1.5.2 */
#include "engine/fileops.h"
#include "engine/posix.h"

static void read_done(struct files_op *op)
{
	struct request *req = op->ctx;
	const struct smb2_read_request *body = req->work;
	struct smb2_read_response response = {0};

	if (op->result < 0) {
		request_fail(req, status_of_errno(op->result));
		return;
	}
	if (RULE(CORE_READ_0006) && op->transferred == 0 && body->length > 0) {
		request_fail(req, STATUS_END_OF_FILE);
		return;
	}
	if (RULE(CORE_READ_0008) && op->transferred < body->minimum_count) {
		request_fail(req, STATUS_END_OF_FILE);
		return;
	}
	if (body->length == 0 ? !RULE(CORE_READ_0009)
			      : op->transferred < body->length &&
					!RULE(CORE_READ_0007)) {
		request_fail(req, STATUS_END_OF_FILE);
		return;
	}
	req->open->position = op->offset + op->transferred;
	if (!RULE(CORE_READ_0012) && op->transferred > 0) {
		op->data[0] ^= 0xff;
	}
	response.buffer = wire_view_of(op->data, op->transferred);
	response.data_length = (uint32_t)op->transferred;
	/* Behind the fixed part also when there is nothing to return. */
	response.data_offset = 64 + 16;
	request_reply(req, STATUS_SUCCESS, &smb2_read_response_type, &response);
}

static uint32_t read_check_channel(
	const struct request *req, const struct smb2_read_request *body)
{
	if (req->conn->dialect < 0x0300) {
		return STATUS_SUCCESS;
	}
	if (body->channel == SMB2_CHANNEL_NONE) {
		return STATUS_SUCCESS;
	}
	if (body->channel <= SMB2_CHANNEL_RDMA_TRANSFORM) {
		return RULE(CORE_READ_0004) ? STATUS_INVALID_PARAMETER
					    : STATUS_SUCCESS;
	}
	return RULE(CORE_READ_0003) ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

static uint32_t read_check(
	const struct request *req, const struct smb2_read_request *body)
{
	const struct open *open = req->open;
	uint32_t status = posix_data_check(open);

	if (status) {
		return status;
	}
	if (open->file->directory) {
		return RULE(CORE_READ_0011) ? STATUS_INVALID_DEVICE_REQUEST
					    : STATUS_INVALID_PARAMETER;
	}
	if (RULE(CORE_READ_0001) && !(open->granted_access & FILE_READ_DATA)) {
		return STATUS_ACCESS_DENIED;
	}
	if (RULE(CORE_READ_0002) && body->length > req->conn->max_read) {
		return STATUS_INVALID_PARAMETER;
	}
	status = read_check_channel(req, body);
	if (status) {
		return status;
	}
	if (body->offset > INT64_MAX) {
		return RULE(CORE_READ_0005) ? STATUS_INVALID_PARAMETER
					    : STATUS_END_OF_FILE;
	}
	if (body->length > (uint64_t)INT64_MAX - body->offset) {
		return RULE(CORE_READ_0005) ? STATUS_INVALID_PARAMETER
					    : STATUS_END_OF_FILE;
	}
	if (RULE(CORE_READ_0010)) {
		return lock_check_io(open, body->offset, body->length, false);
	}
	return STATUS_SUCCESS;
}

void cmd_read(struct request *req)
{
	struct smb2_read_request *body = request_alloc(req, sizeof *body);
	uint32_t status, n;

	if (!body) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	if (!request_decode(req, &smb2_read_request_type, body) ||
		!request_charge(req, body->length) ||
		!request_open(req, body->file_id)) {
		return;
	}
	req->work = body;
	status = read_check(req, body);
	if (status) {
		request_fail(req, status);
		return;
	}
	n = body->length < req->conn->max_read ? body->length
					       : req->conn->max_read;
	req->op.data = request_alloc(req, n ? n : 1);
	if (!req->op.data) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	req->op.node = req->open->node;
	req->op.offset = body->offset;
	req->op.size = n;
	request_submit(req, FILES_READ, read_done);
}

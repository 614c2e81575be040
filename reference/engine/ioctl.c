/* SPDX-License-Identifier: MIT */
/*
 * IOCTL: the checks that all codes share, and who serves which code.
 * [MS-SMB2] 2.2.31, 2.2.32, 3.3.5.15
 */
#include "engine/core.h"
#include "engine/durable.h"

/* Codes of the connection or session, not of an open. */
static bool without_file(uint32_t code)
{
	switch (code) {
	case FSCTL_DFS_GET_REFERRALS:
	case FSCTL_DFS_GET_REFERRALS_EX:
	case FSCTL_QUERY_NETWORK_INTERFACE_INFO:
	case FSCTL_VALIDATE_NEGOTIATE_INFO:
	case FSCTL_PIPE_WAIT:
		return true;
	default:
		return false;
	}
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* 0 or the status to fail with. */
static uint32_t check_sizes(
	const struct request *req, const struct smb2_ioctl_request *body)
{
	uint32_t most = req->conn->max_transact;

	if ((body->input_count > most || body->max_input_response > most ||
		    body->max_output_response > most) &&
		RULE(CORE_HEADER_0029)) {
		return STATUS_INVALID_PARAMETER;
	}
	if (!body->input_count) {
		return 0;
	}
	if ((body->input_offset < SMB2_HEADER_SIZE + 56 ||
		    body->input_offset % 8) &&
		RULE(CORE_IOCTL_0003)) {
		return STATUS_INVALID_PARAMETER;
	}
	if (body->input_offset > req->pdu.n ||
		body->input_count > req->pdu.n - body->input_offset) {
		return STATUS_INVALID_PARAMETER;
	}
	return 0;
}

static struct wire_view input_of(
	const struct request *req, const struct smb2_ioctl_request *body)
{
	if (!body->input_count) {
		return (struct wire_view){0};
	}
	return wire_view_sub(req->pdu, body->input_offset, body->input_count);
}

void ioctl_reply(struct request *req, uint32_t status,
	const struct smb2_ioctl_request *body, struct wire_view output)
{
	struct smb2_ioctl_response answer = {
		.ctl_code = RULE(CORE_IOCTL_0006) ? body->ctl_code : 0,
		.file_id = body->file_id,
		.input_offset = SMB2_HEADER_SIZE + 48,
		.output_offset =
			SMB2_HEADER_SIZE + (RULE(CORE_IOCTL_0007) ? 48 : 52),
		.output = output,
	};

	if (output.n > body->max_output_response && RULE(CORE_IOCTL_0004)) {
		request_fail(req, STATUS_BUFFER_TOO_SMALL);
		return;
	}
	request_reply(req, status, &smb2_ioctl_response_type, &answer);
}

/* Codes that no document knows are not allowed; the others are, but no file
 * system here serves them. */
static uint32_t refusal(uint32_t code)
{
	if (!RULE(CORE_IOCTL_0005)) {
		return STATUS_INVALID_PARAMETER;
	}
	return wire_value_name(&FSCTL_CODE_enum, code)
		       ? STATUS_INVALID_DEVICE_REQUEST
		       : STATUS_NOT_SUPPORTED;
}

static void serve(struct request *req, const struct smb2_ioctl_request *body)
{
	struct wire_view input = input_of(req, body);

	switch (body->ctl_code) {
	case FSCTL_VALIDATE_NEGOTIATE_INFO:
		ioctl_validate_negotiate(req, body, input);
		return;
	case FSCTL_QUERY_NETWORK_INTERFACE_INFO:
		ioctl_network_interfaces(req, body);
		return;
	case FSCTL_DFS_GET_REFERRALS:
	case FSCTL_DFS_GET_REFERRALS_EX:
		request_fail(req, RULE(CORE_IOCTL_0008)
					  ? STATUS_FS_DRIVER_REQUIRED
					  : STATUS_INVALID_PARAMETER);
		return;
	case FSCTL_PIPE_WAIT:
		request_fail(req, STATUS_NOT_SUPPORTED);
		return;
	case FSCTL_LMR_REQUEST_RESILIENCY:
		ioctl_resiliency(req, body, input);
		return;
	default:
		break;
	}
	if (!ioctl_file(req, body, input)) {
		request_fail(req, refusal(body->ctl_code));
	}
}

void cmd_ioctl(struct request *req)
{
	struct smb2_ioctl_request body;
	bool no_file;
	uint32_t status;

	if (!request_decode(req, &smb2_ioctl_request_type, &body)) {
		return;
	}
	if (body.flags != SMB2_0_IOCTL_IS_FSCTL && RULE(CORE_IOCTL_0001)) {
		request_fail(req, STATUS_NOT_SUPPORTED);
		return;
	}
	no_file = without_file(body.ctl_code);
	if (no_file && RULE(CORE_IOCTL_0002) &&
		(body.file_id.persistent != NO_FILE_ID ||
			body.file_id.volatile_ != NO_FILE_ID)) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	if (!no_file && !request_open(req, body.file_id)) {
		return;
	}
	status = check_sizes(req, &body);
	if (status) {
		request_fail(req, status);
		return;
	}
	if (!request_charge(
		    req, larger((uint64_t)body.input_count + body.output_count,
				 (uint64_t)body.max_input_response +
					 body.max_output_response))) {
		return;
	}
	if (!no_file) {
		body.file_id = req->open->id; /* in a related compound */
	}
	serve(req, &body);
}

/* SPDX-License-Identifier: MIT */
/* QUERY_INFO. [MS-SMB2] 3.3.5.20 */
#include "engine/fileops.h"

void query_info_reply(struct request *req, struct wire_view output,
	size_t fixed, uint32_t limit)
{
	struct smb2_query_info_response response = {0};
	uint32_t status = STATUS_SUCCESS;

	if (RULE(CORE_QUERYINFO_0005) && limit < fixed) {
		request_fail(req, STATUS_INFO_LENGTH_MISMATCH);
		return;
	}
	if (output.n > limit) {
		if (RULE(CORE_QUERYINFO_0006)) {
			status = STATUS_BUFFER_OVERFLOW;
		}
		if (RULE(CORE_QUERYINFO_0002)) {
			output.n = limit;
		}
	}
	response.buffer = output;
	request_reply(req, status, &smb2_query_info_response_type, &response);
}

void cmd_query_info(struct request *req)
{
	struct smb2_query_info_request *body = request_alloc(req, sizeof *body);

	if (!body) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	req->work = body;
	if (!request_decode(req, &smb2_query_info_request_type, body) ||
		!request_charge(req, body->output_buffer_length)) {
		return;
	}
	if (!request_open(req, body->file_id)) {
		return;
	}
	if (body->output_buffer_length > req->conn->max_transact) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	switch (body->info_type) {
	case SMB2_0_INFO_FILE:
		info_file(req, body);
		break;
	case SMB2_0_INFO_FILESYSTEM:
		info_fs(req, body);
		break;
	case SMB2_0_INFO_SECURITY:
		info_security(req, body);
		break;
	case SMB2_0_INFO_QUOTA:
		request_fail(req, RULE(CORE_QUERYINFO_0022)
					  ? STATUS_NOT_SUPPORTED
					  : STATUS_INVALID_PARAMETER);
		break;
	default:
		request_fail(req, RULE(CORE_QUERYINFO_0001)
					  ? STATUS_INVALID_PARAMETER
					  : STATUS_INVALID_INFO_CLASS);
		break;
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Acknowledgements of oplock and lease breaks. The server grants neither, so
 * none can be right: what is left are the errors. [MS-SMB2] 2.2.24, 3.3.5.22
 */
#include "engine/core.h"

static void lease(struct request *req)
{
	struct smb2_lease_break_acknowledgment body;

	if (!request_decode(
		    req, &smb2_lease_break_acknowledgment_type, &body)) {
		return;
	}
	request_fail(req, STATUS_OBJECT_NAME_NOT_FOUND);
}

static void oplock(struct request *req)
{
	struct smb2_oplock_break_acknowledgment body;

	if (!request_decode(
		    req, &smb2_oplock_break_acknowledgment_type, &body)) {
		return;
	}
	if (request_open(req, body.file_id)) {
		request_fail(req, STATUS_INVALID_DEVICE_STATE);
	}
}

void cmd_oplock_break(struct request *req)
{
	struct wire_view body = wire_view_sub(
		req->pdu, SMB2_HEADER_SIZE, req->pdu.n - SMB2_HEADER_SIZE);

	if (req->conn->dialect != SMB2_DIALECT_202 && body.n >= 2 &&
		wire_get16(body.p) == 36) {
		lease(req);
	} else {
		oplock(req);
	}
}

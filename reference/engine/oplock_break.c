/* SPDX-License-Identifier: MIT */
/* Acknowledgements of oplock and lease breaks. [MS-SMB2] 2.2.24, 3.3.5.22 */
#include "engine/caching.h"

static void lease(struct request *req)
{
	struct smb2_lease_break_acknowledgment body;

	if (request_decode(req, &smb2_lease_break_acknowledgment_type, &body)) {
		lease_acknowledge(req, &body);
	}
}

static void oplock(struct request *req)
{
	struct smb2_oplock_break_acknowledgment body;

	if (!request_decode(
		    req, &smb2_oplock_break_acknowledgment_type, &body)) {
		return;
	}
	if (!RULE(LEASE_OPLOCKACK_0006) &&
		!table_find(&req->engine->opens, body.file_id.volatile_)) {
		request_fail(req, STATUS_INVALID_OPLOCK_PROTOCOL);
		return;
	}
	if (request_open(req, body.file_id)) {
		oplock_acknowledge(req, body.oplock_level);
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

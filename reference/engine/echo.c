/* SPDX-License-Identifier: MIT */
/* ECHO. [MS-SMB2] 2.2.28, 2.2.29, 3.3.5.17 */
#include "engine/core.h"

void cmd_echo(struct request *req)
{
	const struct smb2_echo_response answer = {0};
	bool is_signed = req->header.flags & SMB2_FLAGS_SIGNED;
	struct smb2_echo_request body;

	if (list_empty(&req->conn->channels) && RULE(CORE_ECHO_0002)) {
		request_disconnect(req, "ECHO without a session");
		return;
	}
	if ((is_signed || req->encrypted ||
		    (req->header.session_id && RULE(CORE_ECHO_0003))) &&
		!dispatch_session(req)) {
		return;
	}
	if (!request_decode(req, &smb2_echo_request_type, &body)) {
		return;
	}
	if (!RULE(CORE_ECHO_0001)) {
		request_fail(req, STATUS_NOT_SUPPORTED);
		return;
	}
	request_reply(req, STATUS_SUCCESS, &smb2_echo_response_type, &answer);
}

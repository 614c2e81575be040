/* SPDX-License-Identifier: MIT */
/* ECHO. [MS-SMB2] 2.2.28, 2.2.29, 3.3.5.17 */
#include "engine/core.h"

void cmd_echo(struct request *req)
{
	const struct smb2_echo_response answer = {0};
	bool is_signed = req->header.flags & SMB2_FLAGS_SIGNED;
	struct smb2_echo_request body;

	if (list_empty(&req->conn->channels)) {
		request_disconnect(req, "ECHO without a session");
		return;
	}
	if ((is_signed || req->encrypted || req->header.session_id) &&
		!dispatch_session(req)) {
		return;
	}
	if (!request_decode(req, &smb2_echo_request_type, &body)) {
		return;
	}
	request_reply(
		req, STATUS_SUCCESS, &smb2_echo_response_type, &answer);
}

/* SPDX-License-Identifier: MIT */
/* LOGOFF. [MS-SMB2] 2.2.7, 2.2.8, 3.3.5.6 */
#include "engine/core.h"

static void closed(void *ctx)
{
	const struct smb2_logoff_response body = {0};

	if (!RULE(CORE_LOGOFF_0001)) {
		request_fail(ctx, STATUS_UNSUCCESSFUL);
		return;
	}
	request_reply(ctx, STATUS_SUCCESS, &smb2_logoff_response_type, &body);
}

void cmd_logoff(struct request *req)
{
	struct smb2_logoff_request body;

	if (!request_decode(req, &smb2_logoff_request_type, &body)) {
		return;
	}
	request_log(req, LOG_INFO, "session.logoff", "user=%s",
		req->session->identity.user);
	if (!RULE(CORE_LOGOFF_0002)) {
		closed(req);
		return;
	}
	req->session->logoff = true;
	req->session->keep_opens = !RULE(CORE_LOGOFF_0003);
	session_end(req->session, closed, req);
}

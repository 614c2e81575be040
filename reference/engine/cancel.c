/* SPDX-License-Identifier: MIT */
/* CANCEL. [MS-SMB2] 2.2.30, 3.3.5.16 */
#include "engine/core.h"

/* Where the async header has its AsyncId. */
#define ASYNC_ID_AT 32

static bool is_target(const struct request *cancel, const struct request *req)
{
	if (req == cancel || req->cancelled) {
		return false;
	}
	if (cancel->header.flags & SMB2_FLAGS_ASYNC_COMMAND &&
		RULE(CORE_CANCEL_0004)) {
		return req->async_id &&
		       req->async_id == wire_get64(cancel->pdu.p + ASYNC_ID_AT);
	}
	return RULE(CORE_CANCEL_0005) &&
	       req->header.message_id == cancel->header.message_id &&
	       req->header.command != SMB2_CANCEL;
}

static struct request *target(const struct request *cancel)
{
	list_each(req, &cancel->conn->requests, struct request, in_conn)
	{
		if (is_target(cancel, req)) {
			return req;
		}
	}
	return NULL;
}

/* A client may cancel what it asked for, not what others did. */
static bool may_cancel(const struct request *cancel, const struct request *req)
{
	return !req->session || req->session->id == cancel->header.session_id ||
	       cancel->header.session_id == 0;
}

void cmd_cancel(struct request *req)
{
	struct request *found = target(req);

	if (!found && !RULE(CORE_CANCEL_0007)) {
		request_disconnect(req, "CANCEL of nothing");
		return;
	}
	if (found && may_cancel(req, found)) {
		request_cancel_now(found, RULE(CORE_CANCEL_0006)
						  ? STATUS_CANCELLED
						  : STATUS_SUCCESS);
	}
	if (!RULE(CORE_CANCEL_0001)) {
		request_fail(req, STATUS_CANCELLED);
		return;
	}
	request_end(req, STATUS_SUCCESS);
}

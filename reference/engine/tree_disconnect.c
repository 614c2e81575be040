/* SPDX-License-Identifier: MIT */
/* TREE_DISCONNECT. [MS-SMB2] 2.2.11, 2.2.12, 3.3.5.8 */
#include "engine/core.h"

static void closed(void *ctx)
{
	const struct smb2_tree_disconnect_response body = {0};

	request_reply(ctx, STATUS_SUCCESS, &smb2_tree_disconnect_response_type,
		&body);
}

void cmd_tree_disconnect(struct request *req)
{
	struct smb2_tree_disconnect_request body;

	if (!request_decode(req, &smb2_tree_disconnect_request_type, &body)) {
		return;
	}
	if (RULE(CORE_TREE_0010)) {
		tree_end(req->tree, closed, req);
	} else {
		closed(req);
	}
}

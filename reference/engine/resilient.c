/* SPDX-License-Identifier: MIT */
/* FSCTL_LMR_REQUEST_RESILIENCY. [MS-SMB2] 2.2.31.3, 3.3.5.15.9 */
#include "engine/create.h"

#define USUAL_MS 120000u

void ioctl_resiliency(struct request *req,
	const struct smb2_ioctl_request *body, struct wire_view input)
{
	struct durability *durable = &req->open->durable;
	uint32_t longest = durable_longest(req->engine);
	uint32_t timeout = input.n >= 4 ? wire_get32(input.p) : 0;

	if (req->conn->dialect == SMB2_DIALECT_202 ||
		req->open->file->directory) {
		request_fail(req, STATUS_INVALID_DEVICE_REQUEST);
		return;
	}
	if ((input.n < 8 && RULE(LEASE_RESILIENT_0002)) ||
		(timeout > longest && RULE(LEASE_RESILIENT_0003))) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	if (!timeout) {
		timeout = longest < USUAL_MS ? longest : USUAL_MS;
	}
	durable->granted = false;
	durable->resilient = true;
	durable->timeout = timeout > longest ? longest : timeout;
	if (!RULE(LEASE_RESILIENT_0001)) {
		struct smb2_ioctl_request more = *body;

		more.max_output_response = UINT32_MAX;
		ioctl_reply(req, STATUS_SUCCESS, &more, input);
		return;
	}
	ioctl_reply(req, STATUS_SUCCESS, body, (struct wire_view){0});
}

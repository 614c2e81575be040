/* SPDX-License-Identifier: MIT */
/* FLUSH. [MS-SMB2] 3.3.5.11 */
#include "engine/fileops.h"

static void flush_done(struct files_op *op)
{
	struct request *req = op->ctx;
	struct smb2_flush_response response = {0};

	if (op->result < 0) {
		request_fail(req, status_of_errno(op->result));
		return;
	}
	request_reply(
		req, STATUS_SUCCESS, &smb2_flush_response_type, &response);
}

void cmd_flush(struct request *req)
{
	struct smb2_flush_request body;
	struct open *open;
	bool may;

	if (!request_decode(req, &smb2_flush_request_type, &body)) {
		return;
	}
	open = request_open(req, body.file_id);
	if (!open) {
		return;
	}
	may = open->granted_access & (FILE_WRITE_DATA | FILE_APPEND_DATA);
	if ((RULE(CORE_FLUSH_0001) && !open->file->directory && !may) ||
		(RULE(CORE_FLUSH_0002) && open->file->directory && !may)) {
		request_fail(req, STATUS_ACCESS_DENIED);
		return;
	}
	req->op.node = open->node;
	req->op.offset = req->op.size = 0;
	request_submit(req, FILES_FLUSH, flush_done);
}

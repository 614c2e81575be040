/* SPDX-License-Identifier: MIT */
/* Reparse points and object ids. [MS-FSA] 2.1.5.10.14, 2.1.5.10.37,
 * 2.1.5.10.2, 2.1.5.10.1; [MS-FSCC] 2.1.2, 2.1.3 */
#include <errno.h>
#include <string.h>

#include "engine/ioctl_work.h"
#include "engine/posix.h"

#define REPARSE_MAX 16384  /* [MS-FSCC] 2.1.2 */
#define REPARSE_READ 65536 /* a link of 4095 characters needs more */
#define REPARSE_HEADER 8
#define REPARSE_GUID_HEADER 24
#define REPARSE_MICROSOFT 0x80000000u
#define OBJECT_ID_SIZE 64

static bool blob_load(struct request *req, enum files_blob blob,
	void (*done)(struct files_op *op))
{
	req->op.node = req->open->node;
	req->op.blob = blob;
	req->op.size = REPARSE_READ;
	req->op.data = request_alloc(req, REPARSE_READ);
	if (!req->op.data) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return false;
	}
	request_submit(req, FILES_GET_BLOB, done);
	return true;
}

static void reparse_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct ioctl_work *work = req->work;
	size_t n = op->transferred;
	uint32_t status = STATUS_SUCCESS;

	if (op->result == -ENODATA) {
		request_fail(req, req->open->posix && !RULE(PSX_LINK_0041)
					  ? STATUS_INVALID_PARAMETER
					  : STATUS_NOT_A_REPARSE_POINT);
		return;
	}
	if (op->result < 0) {
		ioctl_end(req, op->result);
		return;
	}
	if (work->body.max_output_response < REPARSE_HEADER) {
		request_fail(req, STATUS_BUFFER_TOO_SMALL);
		return;
	}
	if (req->open->posix) {
		posix_reparse_spoil(op->data, n);
	}
	if (n > work->body.max_output_response) {
		n = work->body.max_output_response;
		status = STATUS_BUFFER_OVERFLOW;
	}
	ioctl_reply(req, status, &work->body, wire_view_of(op->data, n));
}

void ioctl_reparse_get(struct request *req)
{
	blob_load(req, FILES_BLOB_REPARSE, reparse_known);
}

static void reparse_stored(struct files_op *op)
{
	struct request *req = op->ctx;
	const struct ioctl_work *work = req->work;
	struct file *file = open_file(req->open);

	if (op->result == 0 && file) {
		file->special =
			work->blob && posix_reparse_is_special(work->input);
	}
	ioctl_changed(op, NOTIFY_ATTRIBUTES);
}

/* What is there must carry the same tag. */
static void reparse_old_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct ioctl_work *work = req->work;
	bool there = op->result == 0 && op->transferred >= REPARSE_HEADER;

	if (open_lost(req)) {
		return;
	}
	if (op->result < 0 && op->result != -ENODATA) {
		ioctl_end(req, op->result);
		return;
	}
	if (!there && !work->blob) {
		request_fail(req, STATUS_NOT_A_REPARSE_POINT);
		return;
	}
	if (there && wire_get32(op->data) != work->tag &&
		(!req->open->posix || RULE(PSX_LINK_0039))) {
		request_fail(req, STATUS_IO_REPARSE_TAG_MISMATCH);
		return;
	}
	op->node = req->open->node;
	op->data = (uint8_t *)work->blob;
	op->size = work->blob ? work->blob_size : 0;
	request_submit(req, FILES_SET_BLOB, reparse_stored);
}

/* Tag and length of the input; STATUS_SUCCESS or what is wrong. */
static uint32_t reparse_check(struct request *req, bool remove)
{
	struct ioctl_work *work = req->work;
	struct wire_view input = work->input;
	size_t header;

	if (!(req->open->granted_access &
		    (FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES))) {
		return STATUS_ACCESS_DENIED;
	}
	if (input.n < REPARSE_HEADER ||
		input.n > (req->open->posix ? REPARSE_READ : REPARSE_MAX)) {
		return STATUS_IO_REPARSE_DATA_INVALID;
	}
	work->tag = wire_get32(input.p);
	header = work->tag & REPARSE_MICROSOFT ? REPARSE_HEADER
					       : REPARSE_GUID_HEADER;
	if (work->tag <= 1) {
		return STATUS_IO_REPARSE_TAG_INVALID;
	}
	if (input.n != header + wire_get16(input.p + 4) ||
		(remove && wire_get16(input.p + 4) != 0)) {
		return STATUS_IO_REPARSE_DATA_INVALID;
	}
	return req->open->posix ? posix_reparse_check(req, input, remove)
				: STATUS_SUCCESS;
}

static void reparse_change(struct request *req, bool remove)
{
	struct ioctl_work *work = req->work;
	uint32_t status = reparse_check(req, remove);

	if (status) {
		request_fail(req, status);
		return;
	}
	work->blob = remove ? NULL : work->input.p;
	work->blob_size = work->input.n;
	blob_load(req, FILES_BLOB_REPARSE, reparse_old_known);
}

void ioctl_reparse_set(struct request *req)
{
	reparse_change(req, false);
}

void ioctl_reparse_delete(struct request *req)
{
	reparse_change(req, true);
}

/* ---- object ids ---- */

static void object_id_answer(struct files_op *op)
{
	struct request *req = op->ctx;
	struct ioctl_work *work = req->work;

	if (op->result < 0) {
		ioctl_end(req, op->result);
		return;
	}
	ioctl_reply(req, STATUS_SUCCESS, &work->body,
		wire_view_of(op->data, OBJECT_ID_SIZE));
}

static void object_id_removed(struct files_op *op)
{
	ioctl_end(op->ctx, op->result);
}

static void object_id_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct ioctl_work *work = req->work;

	if (open_lost(req)) {
		return;
	}
	if (op->result == 0 && op->transferred == OBJECT_ID_SIZE) {
		object_id_answer(op);
		return;
	}
	if (work->body.ctl_code == FSCTL_GET_OBJECT_ID) {
		request_fail(req, STATUS_OBJECTID_NOT_FOUND);
		return;
	}
	/* ObjectId and BirthObjectId are the same at birth. */
	memset(op->data, 0, OBJECT_ID_SIZE);
	req->engine->host->random(req->engine->host->ctx, op->data, 16);
	memcpy(op->data + 32, op->data, 16);
	op->node = req->open->node;
	op->size = OBJECT_ID_SIZE;
	request_submit(req, FILES_SET_BLOB, object_id_answer);
}

void ioctl_object_id(struct request *req)
{
	struct ioctl_work *work = req->work;

	if (work->body.ctl_code == FSCTL_DELETE_OBJECT_ID) {
		if (!(req->open->granted_access &
			    (FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES))) {
			request_fail(req, STATUS_ACCESS_DENIED);
			return;
		}
		req->op.node = req->open->node;
		req->op.blob = FILES_BLOB_OBJECT_ID;
		req->op.data = NULL;
		req->op.size = 0;
		request_submit(req, FILES_SET_BLOB, object_id_removed);
		return;
	}
	if (work->body.max_output_response < OBJECT_ID_SIZE) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	blob_load(req, FILES_BLOB_OBJECT_ID, object_id_known);
}

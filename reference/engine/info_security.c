/* SPDX-License-Identifier: MIT */
/* Security descriptors in QUERY_INFO and SET_INFO. [MS-SMB2] 3.3.5.20.3,
 * 3.3.5.21.3, [MS-FSA] 2.1.5.14, 2.1.5.17 */
#include <errno.h>
#include <string.h>

#include "engine/caching.h"
#include "engine/fileops.h"
#include "engine/posix.h"

#define SECURITY_BASIC \
	(OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | \
		DACL_SECURITY_INFORMATION)

/* A request between its two operations. */
struct security_work {
	uint32_t additional;
	uint32_t limit;
	struct wire_view buffer; /* SET_INFO: what the client sent */
	struct files_stat stat;
};

static void security_too_small(struct request *req, uint32_t needed)
{
	bool now = req->conn->dialect == 0x0311 ? RULE(CORE_QUERYINFO_0017)
						: RULE(CORE_QUERYINFO_0018);
	uint8_t *p = request_alloc(req, 4);

	if (!now || !p) {
		request_fail(req, STATUS_BUFFER_TOO_SMALL);
		return;
	}
	wire_put32(p, needed);
	request_fail_with(req, STATUS_BUFFER_TOO_SMALL, 0, wire_view_of(p, 4));
}

/* Leaves only the parts that were asked for. */
static void security_pick(struct sd *sd, uint32_t wanted)
{
	if (!(wanted & OWNER_SECURITY_INFORMATION)) {
		sd->owner = (struct wire_view){0};
	}
	if (!(wanted & GROUP_SECURITY_INFORMATION)) {
		sd->group = (struct wire_view){0};
	}
	if (!(wanted & DACL_SECURITY_INFORMATION)) {
		sd->dacl = (struct wire_view){0};
		sd->control &= ~(SE_DACL_PRESENT | SE_DACL_AUTO_INHERITED |
				 SE_DACL_PROTECTED | SE_DACL_AUTO_INHERIT_REQ);
	}
	if (!(wanted & SACL_SECURITY_INFORMATION)) {
		sd->sacl = (struct wire_view){0};
		sd->control &= ~(SE_SACL_PRESENT | SE_SACL_AUTO_INHERITED |
				 SE_SACL_PROTECTED | SE_SACL_AUTO_INHERIT_REQ);
	}
}

static void security_answer(struct files_op *op)
{
	struct request *req = op->ctx;
	struct security_work *work = req->work;
	uint8_t *out = request_alloc(req, SD_MAX), mode[36];
	struct sd sd;
	int n;

	if (!out || sd_loaded(op, &work->stat, &sd) < 0) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	posix_security_spoil(req, &work->stat, &sd, mode);
	if (RULE(CORE_QUERYINFO_0019)) {
		security_pick(&sd, work->additional);
	}
	n = sd_build(&sd, out, SD_MAX);
	if (n < 0) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	if (RULE(CORE_QUERYINFO_0016) && (uint32_t)n > work->limit) {
		security_too_small(req, (uint32_t)n);
		return;
	}
	query_info_reply(req, wire_view_of(out, (size_t)n), 0, work->limit);
}

static void security_stat_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct security_work *work = req->work;

	if (op_failed(req)) {
		return;
	}
	work->stat = op->stat;
	sd_load(req, security_answer);
}

void info_security(
	struct request *req, const struct smb2_query_info_request *body)
{
	struct security_work *work = request_alloc(req, sizeof *work);
	uint32_t access = req->open->granted_access;

	if (!work) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	if ((RULE(CORE_QUERYINFO_0020) &&
		    (body->additional_information & SECURITY_BASIC) &&
		    !(access & READ_CONTROL)) ||
		(RULE(CORE_QUERYINFO_0021) &&
			(body->additional_information &
				SACL_SECURITY_INFORMATION) &&
			!(access & ACCESS_SYSTEM_SECURITY))) {
		request_fail(req, STATUS_ACCESS_DENIED);
		return;
	}
	work->additional = body->additional_information;
	work->limit = body->output_buffer_length;
	req->work = work;
	req->op.node = req->open->node;
	request_submit(req, FILES_STAT, security_stat_known);
}

static void security_stored(struct files_op *op)
{
	struct request *req = op->ctx;

	if (op->result == 0) {
		notify_modified(req->open, NOTIFY_SECURITY);
	}
	if (!op_failed(req)) {
		set_info_reply(req, STATUS_SUCCESS);
	}
}

/* The parts that the client names replace those of the file. */
static void security_merge(
	struct sd *sd, const struct sd *fresh, uint32_t parts)
{
	uint16_t dacl =
		SE_DACL_PRESENT | SE_DACL_AUTO_INHERITED | SE_DACL_PROTECTED;
	uint16_t sacl =
		SE_SACL_PRESENT | SE_SACL_AUTO_INHERITED | SE_SACL_PROTECTED;

	if ((parts & OWNER_SECURITY_INFORMATION) && fresh->owner.n) {
		sd->owner = fresh->owner;
	}
	if ((parts & GROUP_SECURITY_INFORMATION) && fresh->group.n) {
		sd->group = fresh->group;
	}
	if ((parts & DACL_SECURITY_INFORMATION) && RULE(CORE_SETINFO_0030)) {
		sd->dacl = fresh->dacl;
		/* None at all is a DACL that lets everybody in. */
		sd->control = (sd->control & ~dacl) | (fresh->control & dacl) |
			      SE_DACL_PRESENT;
	}
	if (parts & SACL_SECURITY_INFORMATION) {
		sd->sacl = fresh->sacl;
		sd->control = (sd->control & ~sacl) | (fresh->control & sacl);
	}
}

static void security_merge_loaded(struct files_op *op)
{
	struct request *req = op->ctx;
	struct security_work *work = req->work;
	uint8_t *out = request_alloc(req, SD_MAX);
	struct sd sd, fresh;
	int n;

	if (open_lost(req)) {
		return;
	}
	if (!out || sd_loaded(op, &work->stat, &sd) < 0 ||
		sd_parse(work->buffer, &fresh) < 0) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	security_merge(&sd, &fresh, work->additional);
	n = sd_build(&sd, out, SD_MAX);
	if (n < 0) {
		request_fail(req, STATUS_INVALID_SECURITY_DESCR);
		return;
	}
	op->node = req->open->node;
	op->blob = FILES_BLOB_SECURITY;
	op->data = out;
	op->size = (size_t)n;
	request_submit(req, FILES_SET_BLOB, security_stored);
}

static void security_set_stat_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct security_work *work = req->work;

	if (op_failed(req)) {
		return;
	}
	work->stat = op->stat;
	sd_load(req, security_merge_loaded);
}

static uint32_t security_check_set(const struct open *open, uint32_t parts)
{
	uint32_t access = open->granted_access;
	bool posix = open->posix;

	if ((posix ? RULE(PSX_SECURITY_0010) : RULE(CORE_SETINFO_0027)) &&
		(parts & DACL_SECURITY_INFORMATION) && !(access & WRITE_DAC)) {
		return STATUS_ACCESS_DENIED;
	}
	if ((posix ? RULE(PSX_SECURITY_0021) : RULE(CORE_SETINFO_0028)) &&
		(parts & (OWNER_SECURITY_INFORMATION |
				 GROUP_SECURITY_INFORMATION)) &&
		!(access & WRITE_OWNER)) {
		return STATUS_ACCESS_DENIED;
	}
	if (RULE(CORE_SETINFO_0029) && (parts & SACL_SECURITY_INFORMATION) &&
		!(access & ACCESS_SYSTEM_SECURITY)) {
		return STATUS_ACCESS_DENIED;
	}
	return STATUS_SUCCESS;
}

static bool security_begin(
	struct request *req, uint32_t additional, struct wire_view buffer)
{
	struct security_work *work = request_alloc(req, sizeof *work);

	if (!work) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return false;
	}
	work->additional = additional;
	work->buffer = buffer;
	req->work = work;
	return true;
}

void set_info_security_parts(
	struct request *req, uint32_t additional, struct wire_view buffer)
{
	if (!security_begin(req, additional, buffer)) {
		return;
	}
	req->op.node = req->open->node;
	request_submit(req, FILES_STAT, security_set_stat_known);
}

/* Whoever keeps the file open would not meet the new descriptor. */
static void security_set(struct request *req)
{
	const struct security_work *work = req->work;
	struct sd sd = {0};

	if (caching_wait(req, MODEL_LEASE_REASON_SECURITY, security_set)) {
		return;
	}
	if (sd_parse(work->buffer, &sd) < 0) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	if (!posix_security_set(req, work->additional, work->buffer, &sd)) {
		set_info_security_parts(req, work->additional, work->buffer);
	}
}

void set_info_security(
	struct request *req, uint32_t additional, struct wire_view buffer)
{
	uint32_t status = security_check_set(req->open, additional);
	struct sd sd = {0};

	if (!status && sd_parse(buffer, &sd) < 0) {
		status = STATUS_INVALID_PARAMETER;
		if (posix_security_passes(req->open, buffer)) {
			set_info_reply(req, STATUS_SUCCESS);
			return;
		}
	}
	if (status) {
		request_fail(req, status);
		return;
	}
	if (security_begin(req, additional, buffer)) {
		security_set(req);
	}
}

/* SPDX-License-Identifier: MIT */
/* Create contexts of requests and responses. [MS-SMB2] 3.3.5.9.1 to 3.3.5.9.13
 */
#include <string.h>

#include "engine/create.h"
#include "engine/posix.h"

#define CONTEXT_NAME_MIN 4
#define CONTEXTS_MAX 64

static bool context_is(struct wire_view name, const char *four)
{
	return name.n == 4 && memcmp(name.p, four, 4) == 0;
}

static uint32_t context_maximal(
	struct wire_view data, struct create_contexts *contexts)
{
	contexts->maximal_access = true;
	if (data.n == 0) {
		return STATUS_SUCCESS;
	}
	if (data.n != 8) {
		return STATUS_INVALID_PARAMETER;
	}
	contexts->access_since = true;
	contexts->access_timestamp = wire_get64(data.p);
	return STATUS_SUCCESS;
}

static uint32_t context_posix(const struct request *req, struct wire_view data,
	struct create_contexts *contexts)
{
	enum engine_posix_like like = posix_like(req->tree);

	if (contexts->posix && RULE(PSX_CREATE_0010)) {
		return STATUS_INVALID_PARAMETER;
	}
	contexts->posix = true;
	if (data.n != 4 && like != POSIX_LIKE_KSMBD && RULE(PSX_CREATE_0011)) {
		return STATUS_INVALID_PARAMETER;
	}
	contexts->posix_mode = data.n >= 4 ? wire_get32(data.p) : 0;
	if (like == POSIX_LIKE_SAMBA && contexts->posix_mode == UINT32_MAX) {
		return STATUS_INVALID_PARAMETER;
	}
	return contexts->posix_mode > POSIX_MODE_ALL && !RULE(PSX_MODE_0006)
		       ? STATUS_INVALID_PARAMETER
		       : STATUS_SUCCESS;
}

static uint32_t context_known(const struct request *req,
	const struct smb2_create_request *body,
	const struct smb2_create_context *context,
	struct create_contexts *contexts)
{
	struct wire_view name = context->name, data = context->data;
	bool durable = false;
	uint32_t status =
		durable_context(req, context, &contexts->durable, &durable);

	if (durable) {
		return status;
	}
	if (posix_is_tag(name) && posix_possible(req)) {
		return context_posix(req, data, contexts);
	}
	if (context_is(name, "MxAc")) {
		return context_maximal(data, contexts);
	}
	if (context_is(name, "RqLs")) {
		return context_lease(req, body, data, &contexts->lease);
	}
	if (context_is(name, "QFid")) {
		contexts->disk_id = true;
	} else if (context_is(name, "TWrp")) {
		contexts->timewarp = true;
		return data.n == 8 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
	} else if (context_is(name, "AlSi")) {
		if (data.n != 8) {
			return STATUS_INVALID_PARAMETER;
		}
		contexts->allocation = true;
		contexts->allocation_size = wire_get64(data.p);
	} else if (context_is(name, "SecD")) {
		struct sd sd;

		contexts->security = true;
		contexts->security_data = data;
		return sd_parse(data, &sd) < 0 ? STATUS_INVALID_PARAMETER
					       : STATUS_SUCCESS;
	} else if (context_is(name, "ExtA")) {
		contexts->attributes = true;
		contexts->attribute_data = data;
	} else if (!RULE(CORE_CREATE_0051) && !context_is(name, "DHnQ") &&
		   !context_is(name, "DHnC") && !context_is(name, "DH2Q") &&
		   !context_is(name, "DH2C")) {
		return STATUS_INVALID_PARAMETER;
	}
	return STATUS_SUCCESS;
}

uint32_t create_contexts_parse(const struct request *req,
	const struct smb2_create_request *body,
	struct create_contexts *ret_contexts)
{
	struct wire_list list =
		wire_list_of(&smb2_create_context_type, body->create_contexts);
	struct smb2_create_context context;
	unsigned int count = 0;
	uint32_t status;
	int r;

	*ret_contexts = (struct create_contexts){0};
	while ((r = wire_list_next(&list, &context, NULL)) > 0) {
		if (++count > CONTEXTS_MAX) {
			return STATUS_INVALID_PARAMETER;
		}
		if (RULE(CORE_CREATE_0049) &&
			context.name.n < CONTEXT_NAME_MIN) {
			return STATUS_INVALID_PARAMETER;
		}
		status = context_known(req, body, &context, ret_contexts);
		if (status) {
			return status;
		}
	}
	return r < 0 && RULE(CORE_CREATE_0050)
		       ? STATUS_INVALID_PARAMETER
		       : durable_check(&ret_contexts->durable);
}

/* There are no snapshots. */
uint32_t create_contexts_before(const struct create_contexts *contexts)
{
	return RULE(CORE_CREATE_0056) && contexts->timewarp
		       ? STATUS_OBJECT_NAME_NOT_FOUND
		       : STATUS_SUCCESS;
}

/* Room for the contexts of an answer. */
#define CONTEXTS_OUT 512

/* Appends a context; *last is where the one before it starts. */
static void context_put_bytes(struct wire_buf *out, size_t *last,
	struct wire_view name, struct wire_view data)
{
	size_t at, behind;

	wire_buf_align(out, 8);
	at = out->n;
	if (at > 0) {
		wire_put32(out->p + *last, (uint32_t)(at - *last));
	}
	*last = at;
	/* Next, NameOffset, NameLength, Reserved, DataOffset, DataLength */
	wire_buf_zero(out, 16);
	wire_buf_bytes(out, name);
	wire_buf_align(out, 8);
	behind = out->n - at;
	wire_put16(out->p + at + 4, 16);
	wire_put16(out->p + at + 6, (uint16_t)name.n);
	wire_put16(out->p + at + 10, (uint16_t)behind);
	wire_put32(out->p + at + 12, (uint32_t)data.n);
	wire_buf_bytes(out, data);
}

void context_put(struct wire_buf *out, size_t *last, const char *name,
	const struct wire_type *type, const void *data)
{
	uint8_t bytes[64];
	struct wire_buf value = {.p = bytes, .cap = sizeof bytes};

	if (wire_encode(type, data, &value) == 0) {
		context_put_bytes(out, last, wire_view_of(name, 4),
			wire_view_of(bytes, value.n));
	}
}

static void context_put_maximal(
	const struct create_work *work, struct wire_buf *out, size_t *last)
{
	struct smb2_create_query_maximal_access_response access = {
		.query_status = STATUS_SUCCESS,
		.maximal_access = work->maximal,
	};

	if (!work->contexts.maximal_access || !RULE(CORE_CREATE_0057)) {
		return;
	}
	if (work->contexts.access_since &&
		work->contexts.access_timestamp == work->stat.change_time) {
		access.query_status = STATUS_NONE_MAPPED;
		access.maximal_access = 0;
	}
	context_put(out, last, "MxAc",
		&smb2_create_query_maximal_access_response_type, &access);
}

/* A replay, or a reconnect: of the kind of open that is there. */
static bool create_tells_again(const struct request *req)
{
	const struct create_work *work = req->work;
	const struct durable_wish *wish = &work->contexts.durable;

	if (!req->open->posix) {
		return !RULE(PSX_OPLOCK_0009);
	}
	return wish->reconnect || wish->reconnect_v2 ? RULE(PSX_OPLOCK_0008)
						     : RULE(PSX_OPLOCK_0006);
}

static bool create_tells_posix(const struct request *req)
{
	const struct create_work *work = req->work;

	if (!work->contexts.posix) {
		return req->conn->posix && !RULE(PSX_CREATE_0009);
	}
	if (work->reused) {
		return create_tells_again(req);
	}
	if (work->path[0] == 0 && (work->options & FILE_DIRECTORY_FILE)) {
		return RULE(PSX_TREE_0001);
	}
	return work->action == FILE_CREATED || RULE(PSX_CREATE_0007);
}

/* Broken: only one context is answered. */
static bool create_answers_others(const struct create_work *work)
{
	return !work->contexts.posix || RULE(PSX_CREATE_0012);
}

static struct wire_view create_contexts_answer(
	struct request *req, struct smb2_create_response *response)
{
	const struct create_work *work = req->work;
	uint8_t *p = request_alloc(req, CONTEXTS_OUT);
	struct wire_buf out = {.p = p, .cap = CONTEXTS_OUT};
	size_t last = 0;

	if (!p) {
		return (struct wire_view){0};
	}
	if (create_answers_others(work)) {
		context_put_maximal(work, &out, &last);
	}
	if (work->contexts.disk_id && create_answers_others(work) &&
		RULE(CORE_CREATE_0058)) {
		struct smb2_create_query_on_disk_id id = {
			.disk_file_id = work->stat.inode,
			.volume_id = work->stat.device,
		};

		context_put(&out, &last, "QFid",
			&smb2_create_query_on_disk_id_type, &id);
	}
	create_cache(req, response, &out, &last);
	durable_grant(req, &out, &last);
	if (create_tells_posix(req)) {
		context_put_bytes(&out, &last, posix_tag(),
			posix_response(req, &work->stat,
				work->action == FILE_CREATED));
	}
	return wire_view_of(p, out.error ? 0 : out.n);
}

static void create_answer(struct request *req)
{
	const struct create_work *work = req->work;
	const struct files_stat *stat = &work->stat;
	struct smb2_create_response response = {
		.create_action = work->action,
		.creation_time = stat->create_time,
		.last_access_time = stat->access_time,
		.last_write_time = stat->write_time,
		.change_time = stat->change_time,
		.allocation_size = stat->directory ? 0 : stat->allocation,
		.endof_file = stat->directory ? 0 : stat->size,
		.file_attributes = attributes_to_wire(stat),
		.file_id = req->open->id,
	};

	if (!RULE(CORE_CREATE_0060)) {
		response.endof_file++;
	}
	if (req->conn->dialect >= 0x0300 && stat->reparse_tag) {
		response.flags = SMB2_CREATE_FLAG_REPARSEPOINT;
	}
	response.create_contexts = create_contexts_answer(req, &response);
	if (!RULE(CORE_CREATE_0063)) {
		response.oplock_level = SMB2_OPLOCK_LEVEL_BATCH;
	}
	request_reply(
		req, STATUS_SUCCESS, &smb2_create_response_type, &response);
}

/* Broken: it waits for the breaks of the directory's leases. */
static void create_told(struct request *req)
{
	if (!RULE(DIRL_BREAK_0012)) {
		dirleases_due(req->engine);
	}
	if (!RULE(DIRL_BREAK_0012) && !list_empty(&req->engine->breaks)) {
		break_wait(req, NULL, create_told, request_fail);
		return;
	}
	create_answer(req);
}

void create_reply(struct request *req)
{
	const struct create_work *work = req->work;

	if (work->reused) {
		create_answer(req);
		return;
	}
	req->open->unannounced = req->open->emptied = false;
	dirlease_done(req->open, work->created    ? MODEL_OPERATION_CREATED
				 : work->truncate ? MODEL_OPERATION_OVERWRITTEN
						  : MODEL_OPERATION_OPENED);
	create_told(req);
}

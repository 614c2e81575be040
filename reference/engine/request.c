/* SPDX-License-Identifier: MIT */
/*
 * A request from its first check to its answer, and what command files may do
 * with it. [MS-SMB2] 3.3.1.13, 3.3.5.2.5, 3.3.5.2.6, 3.3.5.2.10
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core.h"
#include "engine/durable.h"
#include "ports/blob.h"

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	_Alignas(16) uint8_t bytes[];
};

#define ARENA_CHUNK 2048

struct request *request_create(struct chain *chain, struct wire_view pdu)
{
	struct request *req = calloc(1, sizeof(*req));
	uint8_t copy[SMB2_HEADER_SIZE];

	if (!req) {
		return NULL;
	}
	memcpy(copy, pdu.p, sizeof(copy));
	wire_put16(copy + 4, SMB2_HEADER_SIZE); /* judged in dispatch.c */
	if (smb2_header_decode(wire_view_of(copy, sizeof(copy)), &req->header) <
		0) {
		free(req);
		return NULL;
	}
	req->chain = chain;
	req->conn = chain->conn;
	req->engine = chain->conn->engine;
	req->pdu = pdu;
	req->command = dispatch_command(req->header.command);
	req->encrypted = chain->encrypted;
	req->related = chain->has_ids;
	req->last = chain->next + 1 == chain->count;
	req->credit_charge =
		req->header.credit_charge ? req->header.credit_charge : 1;
	list_add(&req->conn->requests, &req->in_conn);
	return req;
}

static void uncount_open(struct request *req)
{
	struct open *open = req->open;

	if (!req->counted_open) {
		return;
	}
	if ((req->header.status & 0xffff) == open->channel_sequence &&
		open->outstanding) {
		open->outstanding--;
	} else if (open->outstanding_before) {
		open->outstanding_before--;
	}
}

static void free_arena(struct request *req)
{
	while (req->arena) {
		struct arena_chunk *chunk = req->arena;

		req->arena = chunk->next;
		free(chunk);
	}
}

void request_end(struct request *req, uint32_t status)
{
	struct chain *chain = req->chain;

	list_remove(&req->in_conn);
	list_remove(&req->in_waiting);
	if (req->parked) {
		req->conn->parked--;
	}
	req->conn->arena_size -= req->arena_size;
	uncount_open(req);
	chain_request_done(req, status);
	open_release(req->open);
	tree_release(req->tree);
	session_release(req->session);
	crypto_key_wipe(&req->sign_key);
	free_arena(req);
	free(req);
	chain_run(chain);
}

void *request_alloc(struct request *req, size_t n)
{
	struct arena_chunk *chunk = req->arena;
	size_t size;
	void *p;

	if (n > LIMIT_ARENA - req->arena_size ||
		n + req->conn->arena_size > LIMIT_ARENAS) {
		return NULL;
	}
	n = (n + 15) & ~(size_t)15;
	if (!chunk || chunk->size - chunk->used < n) {
		size = n > ARENA_CHUNK ? n : ARENA_CHUNK;
		chunk = calloc(1, sizeof(*chunk) + size);
		if (!chunk) {
			return NULL;
		}
		chunk->size = size;
		chunk->next = req->arena;
		req->arena = chunk;
		req->arena_size += size;
		req->conn->arena_size += size;
	}
	p = chunk->bytes + chunk->used;
	chunk->used += n;
	return p;
}

/* Whether the rule that such a body breaks is itself not broken. */
static bool malformed_holds(
	const struct request *req, const struct wire_type *type)
{
	const uint8_t *body = req->pdu.p + SMB2_HEADER_SIZE;

	if (req->pdu.n < SMB2_HEADER_SIZE + type->fixed_size) {
		return RULE(CORE_HEADER_0014);
	}
	if (wire_get16(body) != type->fields[0].constant) {
		return RULE(CORE_HEADER_0026);
	}
	return RULE(CORE_HEADER_0027);
}

bool request_decode(
	struct request *req, const struct wire_type *type, void *ret_body)
{
	struct wire_fault fault = {0};

	if (wire_decode(type, req->pdu, ret_body, &fault) == 0) {
		return true;
	}
	request_log(req, LOG_WARN, "request.malformed",
		"structure=%s field=%s offset=%zu why=\"%s\"", type->name,
		fault.field ? fault.field->name : "-", fault.offset,
		fault.why ? fault.why : "");
	request_fail(req, malformed_holds(req, type) ? STATUS_INVALID_PARAMETER
						     : STATUS_UNSUCCESSFUL);
	return false;
}

void request_reply(struct request *req, uint32_t status,
	const struct wire_type *type, const void *body)
{
	bool silent =
		req->header.command == SMB2_CANCEL && RULE(CORE_CANCEL_0001);

	if (!silent && !req->conn->gone && !req->conn->closing &&
		!reply_add(req, status, type, body)) {
		conn_close(req->conn, "answer could not be encoded");
	}
	request_end(req, status);
}

void request_fail(struct request *req, uint32_t status)
{
	struct smb2_error_response body = {
		.structure_size = RULE(CORE_HEADER_0016) ? 9 : 8,
		.byte_count = RULE(CORE_HEADER_0017) ? 0 : 64,
		.reserved = RULE(CORE_HEADER_0019) ? 0 : 1,
	};

	if (req->conn->dialect != SMB2_DIALECT_311) {
		body.error_context_count = RULE(CORE_HEADER_0018) ? 0 : 1;
	}
	request_reply(req, status, &smb2_error_response_type, &body);
}

void request_fail_with(struct request *req, uint32_t status, uint32_t error_id,
	struct wire_view data)
{
	struct smb2_error_response body = {0};
	struct smb2_error_context context = {
		.error_id = error_id, .error_context_data = data};
	struct wire_buf out = {.cap = data.n + 16};
	size_t last = SIZE_MAX;

	if (req->conn->dialect != SMB2_DIALECT_311) {
		body.error_data = data;
		request_reply(req, status, &smb2_error_response_type, &body);
		return;
	}
	out.p = request_alloc(req, out.cap);
	if (!out.p || wire_list_append(&smb2_error_context_type, &context, &out,
			      &last) < 0) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	body.error_context_count = 1;
	body.error_data = wire_view_of(out.p, out.n);
	request_reply(req, status, &smb2_error_response_type, &body);
}

void request_disconnect(struct request *req, const char *why)
{
	request_log(req, LOG_WARN, "request.disconnect", "reason=\"%s\"", why);
	conn_close(req->conn, why);
	request_end(req, STATUS_CONNECTION_DISCONNECTED);
}

static void submitted_done(struct files_op *op)
{
	struct request *req = op->ctx;

	req->submitted = false;
	list_remove(&req->in_waiting);
	req->done(op);
}

void request_submit(struct request *req, enum files_verb verb,
	void (*done)(struct files_op *op))
{
	struct files_op *op = &req->op;

	op->verb = verb;
	op->port = req->tree ? req->tree->share->config.files : NULL;
	op->who = &req->session->identity;
	op->ctx = req;
	op->done = submitted_done;
	op->result = 0;
	req->done = done;
	req->submitted = true;
	req->submitted_at = 0; /* in this round of the loop */
	list_add(&req->engine->waiting, &req->in_waiting);
	if (!op->port) {
		op->result = -EOPNOTSUPP; /* a pipe share has no files */
		op->done(op);
		return;
	}
	op->port->submit(op->port, op);
}

/* Why a request may not wait, or 0. */
static uint32_t park_refusal(const struct request *req)
{
	if (req->conn->gone || req->conn->closing || req->session->ended ||
		req->tree->disconnected) {
		return STATUS_CANCELLED;
	}
	if (req->conn->parked > LIMIT_ASYNC) {
		return STATUS_INSUFFICIENT_RESOURCES;
	}
	return 0;
}

static bool park(struct request *req, request_cancel *on_cancel,
	uint32_t refusal, bool interim)
{
	req->parked = true;
	req->on_cancel = on_cancel;
	req->conn->parked++;
	if (refusal) {
		request_cancel_now(req, refusal);
		return false;
	}
	if (interim) {
		reply_interim(req);
	}
	return true;
}

bool request_park(struct request *req, request_cancel *on_cancel)
{
	uint32_t refusal = park_refusal(req);

	/* In the midst of a compound, all behind it would wait as well. */
	if (!refusal && !req->last) {
		refusal = STATUS_INTERNAL_ERROR;
	}
	return park(req, on_cancel, refusal, RULE(CORE_ASYNC_0001));
}

bool request_park_anywhere(struct request *req, request_cancel *on_cancel)
{
	uint32_t refusal =
		req->cancelled ? STATUS_CANCELLED : park_refusal(req);

	bool interim =
		req->header.command != SMB2_SET_INFO || !RULE(LEASE_BREAK_0041);

	return park(req, on_cancel, refusal,
		interim && RULE(CORE_ASYNC_0001) && RULE(LEASE_BREAK_0025));
}

void request_unpark(struct request *req)
{
	req->parked = false;
	req->on_cancel = NULL;
	req->conn->parked--;
}

void request_cancel_now(struct request *req, uint32_t status)
{
	req->cancelled = true;
	req->cancel_status = status;
	if (req->parked) {
		req->on_cancel(req);
	} else if (req->submitted && req->op.port && req->op.port->cancel) {
		req->op.port->cancel(req->op.port, &req->op);
	}
}

static uint64_t interim_at(const struct request *req)
{
	return req->submitted_at + LIMIT_INTERIM_MS * TICKS_PER_MS;
}

/* The time may be that of the round before, long ago: what was submitted in
 * the round that ends now counts from here. */
static void requests_begin(struct engine *engine)
{
	struct list_link *link = engine->waiting.last;

	for (; link; link = link->previous) {
		struct request *req =
			list_entry(link, struct request, in_waiting);

		if (req->submitted_at) {
			break;
		}
		req->submitted_at = engine->now;
	}
}

void requests_advance(struct engine *engine)
{
	struct request *req;

	requests_begin(engine);
	while ((req = list_first(
			&engine->waiting, struct request, in_waiting)) &&
		interim_at(req) <= engine->now) {
		list_remove(&req->in_waiting);
		reply_interim(req);
	}
}

uint64_t requests_deadline(const struct engine *engine)
{
	const struct request *req =
		list_first(&engine->waiting, struct request, in_waiting);

	return req ? interim_at(req) : UINT64_MAX;
}

static bool changes_file(const struct request *req)
{
	return req->header.command == SMB2_WRITE ||
	       req->header.command == SMB2_SET_INFO ||
	       req->header.command == SMB2_IOCTL ||
	       (!RULE(LEASE_SEQUENCE_0002) &&
		       req->header.command != SMB2_CLOSE);
}

/* [MS-SMB2] 3.3.5.2.10. True: the request is of another time. */
static bool count_on_open(struct request *req, struct open *open)
{
	bool processed;

	if (!conn_is_3x(req->conn) && RULE(LEASE_SEQUENCE_0006)) {
		return false;
	}
	if (!RULE(LEASE_REPLAY_0009) && !changes_file(req) &&
		req->header.flags & SMB2_FLAGS_REPLAY_OPERATION) {
		return true;
	}
	processed = replay_count(req, open);
	return !processed && changes_file(req);
}

static struct open *find_open(struct request *req, struct smb2_fileid id)
{
	struct table_link *link = table_find(&req->engine->opens, id.volatile_);
	struct open *open = link ? table_entry(link, struct open, by_id) : NULL;

	if (!open || open->session != req->session || open->closing ||
		open->tree != req->tree) {
		return NULL;
	}
	if (open->id.persistent != id.persistent &&
		(req->header.command != SMB2_CLOSE || RULE(CORE_CLOSE_0001))) {
		return NULL;
	}
	return open;
}

struct open *request_open(struct request *req, struct smb2_fileid id)
{
	struct chain *chain = req->chain;
	struct open *open;

	if (req->related && RULE(CORE_COMPOUND_0005)) {
		open = chain->open && !chain->open->closing ? chain->open
							    : NULL;
	} else {
		open = find_open(req, id);
	}
	if (!open) {
		request_fail(req, RULE(CORE_HEADER_0028)
					  ? STATUS_FILE_CLOSED
					  : STATUS_INVALID_HANDLE);
		return NULL;
	}
	req->open = open_hold(open);
	replay_used(open);
	if (count_on_open(req, open)) {
		request_fail(req, STATUS_FILE_NOT_AVAILABLE);
		return NULL;
	}
	return open;
}

bool request_charge(struct request *req, uint64_t n)
{
	uint64_t needed = n ? (n - 1) / LIMIT_CREDIT_BYTES + 1 : 1;

	if (!req->conn->multi_credit) {
		return true;
	}
	if (!req->header.credit_charge && needed > 1 &&
		RULE(CORE_CREDIT_0011)) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return false;
	}
	if (req->header.credit_charge && needed > req->header.credit_charge &&
		RULE(CORE_CREDIT_0012)) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return false;
	}
	return true;
}

void request_log(struct request *req, enum log_level level, const char *event,
	const char *format, ...)
{
	char text[300];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	conn_log(req->conn, level, event,
		"command=%u mid=%llu session=0x%016llx tree=%u %s",
		req->header.command, (unsigned long long)req->header.message_id,
		(unsigned long long)req->header.session_id, req->header.tree_id,
		text);
}

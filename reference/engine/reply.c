/* SPDX-License-Identifier: MIT */
/*
 * Responses: header, credits, interim responses, and what of it is signed or
 * sealed. [MS-SMB2] 3.3.4.1 to 3.3.4.4
 */
#include <stdlib.h>

#include "engine/core.h"
#include "engine/secure.h"
#include "ports/blob.h"

static uint32_t reply_flags(const struct request *req, bool interim)
{
	uint32_t flags =
		req->header.flags &
		~(uint32_t)(SMB2_FLAGS_SIGNED | SMB2_FLAGS_ASYNC_COMMAND |
			    SMB2_FLAGS_RELATED_OPERATIONS);

	if (RULE(CORE_HEADER_0002)) {
		flags |= SMB2_FLAGS_SERVER_TO_REDIR;
	}
	if (req->related && RULE(CORE_COMPOUND_0014)) {
		flags |= SMB2_FLAGS_RELATED_OPERATIONS;
	}
	if (req->sign && RULE(CORE_SIGN_0011) &&
		!(interim && RULE(CORE_SIGN_0010))) {
		flags |= SMB2_FLAGS_SIGNED;
	}
	if (interim ? RULE(CORE_ASYNC_0003)
		    : req->async_id && RULE(CORE_ASYNC_0009)) {
		flags |= SMB2_FLAGS_ASYNC_COMMAND;
	}
	return flags;
}

static uint16_t reply_credits(struct request *req, bool interim)
{
	struct credit_window *window = req->conn->credits;
	uint16_t wanted = req->header.credits;

	if (req->async_id && RULE(CORE_ASYNC_0008)) {
		return 0; /* they came with the interim response */
	}
	if (interim && !RULE(CORE_ASYNC_0007)) {
		return 0;
	}
	if (wanted == 1 && !RULE(CORE_CREDIT_0008)) {
		wanted = 0;
	}
	if (req->header.command == SMB2_NEGOTIATE && !RULE(CORE_CREDIT_0006)) {
		return 0;
	}
	return credits_grant(window, wanted);
}

static struct smb2_header reply_header(
	struct request *req, uint32_t status, bool interim)
{
	struct smb2_header header = {0};

	header.credit_charge =
		RULE(CORE_HEADER_0010) ? req->header.credit_charge : 0;
	header.status = status;
	header.command =
		RULE(CORE_HEADER_0003) ? req->header.command : SMB2_ECHO;
	header.credits = reply_credits(req, interim);
	header.flags = reply_flags(req, interim);
	header.message_id =
		RULE(CORE_HEADER_0004) ? req->header.message_id : UINT64_MAX;
	header.reserved = req->header.reserved;
	/* The two that hand out an id are rules of their own. */
	if (RULE(CORE_HEADER_0006) ||
		req->header.command == SMB2_TREE_CONNECT) {
		header.tree_id = req->header.tree_id;
	}
	if (RULE(CORE_HEADER_0005) ||
		req->header.command == SMB2_SESSION_SETUP) {
		header.session_id = req->header.session_id;
	}
	if (req->header.command == SMB2_NEGOTIATE) {
		header.session_id = RULE(CORE_HEADER_0009) ? 0 : 1;
	}
	if (!req->sign && !(req->chain->seal ? RULE(CORE_SIGN_0012)
					     : RULE(CORE_HEADER_0008))) {
		header.signature[0] = 1;
	}
	header.structure_size = RULE(CORE_HEADER_0001) ? SMB2_HEADER_SIZE : 63;
	header.next_command = RULE(CORE_HEADER_0007) ? 0 : 8;
	return header;
}

static int encode_header(const struct request *req,
	const struct smb2_header *sync, struct wire_buf *out)
{
	struct smb2_header_async header;

	if (!(sync->flags & SMB2_FLAGS_ASYNC_COMMAND)) {
		return smb2_header_encode(sync, out);
	}
	header = (struct smb2_header_async){
		.structure_size = sync->structure_size,
		.credit_charge = sync->credit_charge,
		.status = sync->status,
		.command = sync->command,
		.credits = sync->credits,
		.flags = sync->flags,
		.message_id = sync->message_id,
		.async_id = req->async_id,
		.session_id = sync->session_id,
	};
	bool interim = sync->status == STATUS_PENDING;
	if (interim && !RULE(CORE_ASYNC_0004)) {
		header.async_id = 0;
	}
	if (!interim && !RULE(CORE_ASYNC_0010)) {
		header.async_id++;
	}
	return smb2_header_async_encode(&header, out);
}

/* Whether the answer leaves encrypted. [MS-SMB2] 3.3.4.1.4 */
static bool wants_seal(const struct request *req)
{
	const struct session *session = req->session;
	uint16_t code = req->header.command;

	if (!session || !session->keys.server_to_client.size) {
		return false;
	}
	if (req->encrypted && secure_seals_answer(req->conn)) {
		return true;
	}
	if (code == SMB2_NEGOTIATE || code == SMB2_SESSION_SETUP) {
		return false;
	}
	if (req->conn->accepts_transport && !RULE(QUIC_CAPS_0016)) {
		return true;
	}
	if (session_needs_encryption(session, req->conn)) {
		return true;
	}
	return code != SMB2_TREE_CONNECT && req->tree &&
	       tree_needs_encryption(req->tree, req->conn);
}

static void note_seal(struct request *req)
{
	struct chain *chain = req->chain;

	if (chain->seal || !wants_seal(req)) {
		return;
	}
	chain->seal = true;
	chain->seal_session = req->session;
	session_hold(req->session);
}

/* An ERROR response without data has one byte of it. [MS-SMB2] 2.2.2 */
static int encode_body(
	const struct wire_type *type, const void *body, struct wire_buf *out)
{
	const struct smb2_error_response *error = body;
	int r = wire_encode(type, body, out);

	if (r == 0 && type == &smb2_error_response_type &&
		!error->error_data.n) {
		wire_buf_zero(out, 1);
		r = out->error;
	}
	if (r == 0 && type != &smb2_error_response_type && out->p &&
		!RULE(CORE_HEADER_0030)) {
		out->p[out->base + SMB2_HEADER_SIZE]++;
	}
	return r;
}

/* A part with header and body, lead bytes of room in front. */
static struct chain_part *encode_part(struct request *req,
	const struct smb2_header *header, const struct wire_type *type,
	const void *body, size_t lead)
{
	struct wire_buf size = {.n = SMB2_HEADER_SIZE};
	struct chain_part *part = calloc(1, sizeof(*part));
	struct wire_buf out = {0};

	if (!part) {
		return NULL;
	}
	part->lead = lead;
	if (encode_body(type, body, &size) == 0) {
		out.cap = lead + size.n;
		part->blob = blob_create(out.cap);
	}
	if (part->blob) {
		out.p = part->blob->data;
		out.n = out.base = lead;
		if (encode_header(req, header, &out) == 0 &&
			encode_body(type, body, &out) == 0) {
			part->blob->n = out.n;
			return part;
		}
	}
	blob_release(part->blob);
	free(part);
	return NULL;
}

/* The preauthentication hash takes in what will be sent: sign it now. */
static bool hash_part(struct request *req, struct chain_part *part)
{
	struct wire_view bytes = {
		part->blob->data + part->lead, part->blob->n - part->lead};

	if (!req->preauth) {
		return true;
	}
	if (part->sign && crypto_sign(&part->key, part->blob->data + part->lead,
				  bytes.n) < 0) {
		return false;
	}
	return crypto_preauth_update(req->preauth, bytes) == 0;
}

bool reply_add(struct request *req, uint32_t status,
	const struct wire_type *type, const void *body)
{
	struct chain *chain = req->chain;
	struct smb2_header header;
	struct chain_part *part;
	bool alone = chain->count == 1;

	note_seal(req);
	if (chain->seal) {
		req->sign = false;
	}
	header = reply_header(req, status, false);
	part = encode_part(req, &header, type, body,
		alone && chain->seal ? CRYPTO_TRANSFORM_SIZE : 0);
	if (!part) {
		return false;
	}
	part->sign = req->sign;
	part->key = req->sign_key;
	list_add(&chain->parts, &part->in_chain);
	if (!hash_part(req, part)) {
		return false;
	}
	if (!RULE(CORE_COMPOUND_0013)) {
		chain_flush(chain);
	}
	return true;
}

void reply_interim(struct request *req)
{
	struct smb2_error_response body = {0};
	struct chain *chain = req->chain;
	struct smb2_header header;
	struct chain_part *part;

	if (req->async_id || req->conn->gone || req->conn->closing) {
		return;
	}
	/* What is answered already does not wait for this one. */
	chain_flush(chain);
	note_seal(req);
	header = reply_header(req,
		RULE(CORE_ASYNC_0002) ? STATUS_PENDING : STATUS_SUCCESS, true);
	req->async_id =
		RULE(CORE_ASYNC_0005) ? ++req->engine->async_counter : 1;
	body.byte_count = RULE(CORE_ASYNC_0006) ? 0 : 1;
	part = encode_part(req, &header, &smb2_error_response_type, &body,
		chain->count == 1 && chain->seal ? CRYPTO_TRANSFORM_SIZE : 0);
	if (!part) {
		conn_close(req->conn, "out of memory");
		return;
	}
	if (req->sign && !chain->seal && !RULE(CORE_SIGN_0010)) {
		part->sign = true;
		part->key = req->sign_key;
	}
	list_add(&chain->parts, &part->in_chain);
	chain_flush(chain);
}

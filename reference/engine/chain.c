/* SPDX-License-Identifier: MIT */
/*
 * The elements of a message that are answered together: one request, or a
 * related compound, whose elements run one after another and inherit ids.
 * [MS-SMB2] 3.3.5.2.7.2, 3.3.4.1.3
 */
#include <stdlib.h>
#include <string.h>

#include "engine/core.h"
#include "ports/blob.h"

struct chain *chain_create(
	struct engine_conn *conn, struct blob *message, unsigned int count)
{
	struct chain *chain =
		calloc(1, sizeof(*chain) + count * sizeof(chain->elements[0]));

	if (!chain) {
		return NULL;
	}
	chain->conn = conn;
	conn_hold(conn);
	chain->message = blob_hold(message);
	chain->count = count;
	return chain;
}

static void free_parts(struct chain *chain)
{
	struct chain_part *part;

	while ((part = list_first(
			&chain->parts, struct chain_part, in_chain))) {
		list_remove(&part->in_chain);
		blob_release(part->blob);
		crypto_key_wipe(&part->key);
		free(part);
	}
}

static void chain_finish(struct chain *chain)
{
	struct engine_conn *conn = chain->conn;

	chain_flush(chain);
	open_release(chain->open);
	session_release(chain->seal_session);
	blob_release(chain->message);
	free(chain);
	conn_release(conn);
}

static void begin_next(struct chain *chain)
{
	unsigned int i = RULE(CORE_COMPOUND_0002)
				 ? chain->next
				 : chain->count - 1 - chain->next;
	struct chain_element *element = &chain->elements[i];
	struct wire_view pdu = {
		chain->message->data + element->offset, element->length};
	struct request *req = request_create(chain, pdu);

	if (!req) {
		conn_close(chain->conn, "out of memory");
		return;
	}
	chain->next++;
	chain->current = req;
	dispatch(req);
}

void chain_run(struct chain *chain)
{
	struct engine_conn *conn = chain->conn;

	if (chain->running) {
		return;
	}
	chain->running = true;
	while (!chain->current && chain->next < chain->count &&
		!conn->closing && !conn->gone) {
		begin_next(chain);
	}
	chain->running = false;
	if (!chain->current) {
		chain_finish(chain);
	}
}

/* What the next element of a related compound works on. */
static void leave_ids(struct chain *chain, struct request *req, uint32_t status)
{
	bool failed = status_is_error(status);
	uint16_t code = req->header.command;

	chain->has_ids = true;
	chain->session_id = req->header.session_id;
	chain->tree_id = req->header.tree_id;
	if (failed && code == SMB2_SESSION_SETUP) {
		chain->session_id = 0;
	}
	if (code == SMB2_SESSION_SETUP ||
		(failed && code == SMB2_TREE_CONNECT)) {
		chain->tree_id = 0;
	}
	chain->file_bearing = req->command->file_id || code == SMB2_CREATE;
	chain->file_status = failed ? status : 0;
	if (req->open) {
		open_release(chain->open);
		chain->open = open_hold(req->open);
	} else if (!req->related || !req->command->file_id) {
		open_release(chain->open); /* none was made or named */
		chain->open = NULL;
	}
}

void chain_request_done(struct request *req, uint32_t status)
{
	struct chain *chain = req->chain;

	if (chain->count > 1) {
		leave_ids(chain, req, status);
	}
	chain->current = NULL;
}

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* What a part takes in the joined answer. */
static size_t widened(size_t n, bool last)
{
	if (last ? RULE(CORE_COMPOUND_0017) : RULE(CORE_COMPOUND_0015)) {
		return padded(n);
	}
	return n;
}

/* Joins the parts: NextCommand, padding, signatures. */
static struct blob *join(struct chain *chain, size_t lead)
{
	size_t total = lead;
	struct blob *blob;

	list_each(measured, &chain->parts, struct chain_part, in_chain)
	{
		total += padded(measured->blob->n - measured->lead);
	}
	blob = blob_create(total);
	if (!blob) {
		return NULL;
	}
	blob->n = lead;
	list_each(part, &chain->parts, struct chain_part, in_chain)
	{
		size_t n = part->blob->n - part->lead;
		uint8_t *to = blob->data + blob->n;
		bool last = !list_next(part, struct chain_part, in_chain);
		size_t wide = widened(n, last);

		memcpy(to, part->blob->data + part->lead, n);
		memset(to + n, 0, wide - n);
		if (!last || !RULE(CORE_COMPOUND_0016)) {
			wire_put32(to + 20, wide); /* NextCommand */
		}
		if (part->sign &&
			crypto_sign(&part->key, to,
				RULE(CORE_SIGN_0019) ? wide : n) < 0) {
			blob_release(blob);
			return NULL;
		}
		blob->n += wide;
	}
	return blob;
}

static struct blob *only_part(struct chain *chain)
{
	struct chain_part *part =
		list_first(&chain->parts, struct chain_part, in_chain);

	if (part->sign && crypto_sign(&part->key, part->blob->data + part->lead,
				  part->blob->n - part->lead) < 0) {
		return NULL;
	}
	return blob_hold(part->blob);
}

int chain_seal(struct session *session, struct blob *blob)
{
	uint8_t nonce[16] = {0};
	struct wire_view plain = {blob->data + CRYPTO_TRANSFORM_SIZE,
		blob->n - CRYPTO_TRANSFORM_SIZE};

	if (RULE(CORE_ENCRYPT_0021)) {
		session->nonce++;
	}
	wire_put64(nonce, session->nonce);
	if (crypto_seal(&session->keys.server_to_client, nonce, session->id,
		    plain, blob->data) < 0) {
		return -1;
	}
	if (!RULE(CORE_ENCRYPT_0022)) {
		wire_put16(blob->data + 42, 2); /* Flags */
	}
	if (!RULE(CORE_ENCRYPT_0023)) {
		wire_put32(blob->data + 36, 0); /* OriginalMessageSize */
	}
	if (!RULE(CORE_ENCRYPT_0024)) {
		wire_put64(blob->data + 44, 0); /* SessionId */
	}
	return 0;
}

void chain_flush(struct chain *chain)
{
	size_t lead = chain->seal ? CRYPTO_TRANSFORM_SIZE : 0;
	struct blob *blob;

	if (list_empty(&chain->parts)) {
		return;
	}
	if (chain->conn->closing || chain->conn->gone) {
		free_parts(chain);
		return;
	}
	blob = chain->parts.count == 1 && chain->count == 1 ? only_part(chain)
							    : join(chain, lead);
	free_parts(chain);
	if (blob && chain->seal && chain_seal(chain->seal_session, blob) < 0) {
		blob_release(blob);
		blob = NULL;
	}
	if (!blob) {
		conn_close(chain->conn, "answer could not be made");
		return;
	}
	conn_send(chain->conn, blob);
}

/* SPDX-License-Identifier: MIT */
/*
 * Requests and their answers: message ids and credits, signing and encryption
 * on the way out, checks on the way in. [MS-SMB2] 3.2.4.1, 3.2.5.1
 */
#include "client/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 64
#define CREDIT_BYTES 65536
/* Fields of the header that are set when the rest is encoded. 2.2.1 */
#define FLAGS_AT 16
#define NEXT_AT 20

static bool is_sealed(
	const struct client *client, const struct client_tree *tree)
{
	return client->session_valid &&
	       (client->sealed || (tree != NULL && tree->sealed));
}

static bool is_signed(const struct client *client, uint16_t command)
{
	if (!client->session_valid || client->keys.signing.size == 0) {
		return false;
	}
	/* 3.2.4.1.1: a TREE_CONNECT proves the negotiation of 3.1.1. */
	return client->signing_required ||
	       (command == SMB2_TREE_CONNECT && client->dialect == 0x0311);
}

static uint16_t charge_of(const struct client *client, size_t payload)
{
	if (client->dialect <= 0x0202 ||
		(client->server_capabilities & SMB2_GLOBAL_CAP_LARGE_MTU) ==
			0) {
		return 0;
	}
	return payload == 0 ? 1 : (uint16_t)((payload - 1) / CREDIT_BYTES + 1);
}

static int take_nonce(struct client *client, uint8_t ret_nonce[16])
{
	memset(ret_nonce, 0, 16);
	client->nonce++;
	wire_put64(ret_nonce, client->nonce);
	return client->nonce == UINT64_MAX ? -EKEYEXPIRED : 0;
}

static int send_sealed(struct client *client, struct wire_view plain)
{
	uint8_t nonce[16];
	int error = take_nonce(client, nonce);
	uint8_t *sealed = malloc(plain.n + CRYPTO_TRANSFORM_SIZE);
	if (sealed == NULL) {
		return -ENOMEM;
	}
	if (error == 0) {
		error = crypto_seal(&client->keys.client_to_server, nonce,
			client->session_id, plain, sealed);
	}
	if (error == 0) {
		error = connection_send(client,
			wire_view_of(sealed, plain.n + CRYPTO_TRANSFORM_SIZE));
	}
	free(sealed);
	return error;
}

/* Signs each element of a compound by itself. 3.2.4.1.1 */
static int sign_elements(struct client *client, uint8_t *bytes, size_t n)
{
	size_t at = 0;
	for (;;) {
		uint32_t next = wire_get32(bytes + at + NEXT_AT);
		size_t end = next == 0 ? n : at + next;
		uint32_t flags = wire_get32(bytes + at + FLAGS_AT);
		wire_put32(bytes + at + FLAGS_AT, flags | SMB2_FLAGS_SIGNED);
		int error = crypto_sign(
			&client->keys.signing, bytes + at, end - at);
		if (error < 0 || next == 0) {
			return error;
		}
		at = end;
	}
}

static int send_message(struct client *client, struct client_tree *tree,
	uint16_t command, uint8_t *bytes, size_t n)
{
	if (is_sealed(client, tree)) {
		return send_sealed(client, wire_view_of(bytes, n));
	}
	if (is_signed(client, command)) {
		int error = sign_elements(client, bytes, n);
		if (error < 0) {
			return error;
		}
	}
	if (command == SMB2_NEGOTIATE || command == SMB2_SESSION_SETUP) {
		int error = crypto_preauth_update(
			client->preauth, wire_view_of(bytes, n));
		if (error < 0) {
			return error;
		}
	}
	return connection_send(client, wire_view_of(bytes, n));
}

static int encode_element(struct wire_buf *out,
	const struct smb2_header *header, const struct chain_link *link)
{
	int error = smb2_header_encode(header, out);
	if (error == 0) {
		error = wire_encode_message(link->type, link->body, out);
	}
	return error;
}

static int encode_elements(struct wire_buf *out,
	const struct smb2_header *headers, const struct chain_link *links,
	size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t start = out->n;
		int error = encode_element(out, &headers[i], &links[i]);
		if (error < 0) {
			return error;
		}
		if (i + 1 < count) {
			wire_buf_zero(out, -(out->n - start) & 7);
			if (out->p != NULL) {
				wire_put32(out->p + start + NEXT_AT,
					(uint32_t)(out->n - start));
			}
		}
	}
	return out->error;
}

static int encode_message(const struct smb2_header *headers,
	const struct chain_link *links, size_t count, uint8_t **ret_bytes,
	size_t *ret_n)
{
	struct wire_buf size = {0};
	int error = encode_elements(&size, headers, links, count);
	if (error < 0) {
		return error;
	}
	uint8_t *bytes = malloc(size.n);
	if (bytes == NULL) {
		return -ENOMEM;
	}
	struct wire_buf out = {.p = bytes, .cap = size.n};
	error = encode_elements(&out, headers, links, count);
	if (error < 0) {
		free(bytes);
		return error;
	}
	*ret_bytes = bytes;
	*ret_n = out.n;
	return 0;
}

static struct exchange *find_exchange(struct client *client, uint64_t id)
{
	struct exchange *e = client->exchanges;
	while (e != NULL && e->message_id != id) {
		e = e->next;
	}
	return e;
}

/* 3.2.5.1.3: is this answer to be believed? */
static int verify_answer(struct client *client, struct wire_view pdu,
	const struct smb2_header *header, bool was_sealed)
{
	if (was_sealed || !client->session_valid ||
		header->status == STATUS_PENDING) {
		return 0;
	}
	if ((header->flags & SMB2_FLAGS_SIGNED) == 0) {
		return client->signing_required
			       ? client_complain(client, -EPROTO,
					 "an answer is not signed")
			       : 0;
	}
	if (!crypto_verify(&client->keys.signing, pdu)) {
		return client_complain(
			client, -EPROTO, "the signature of an answer is wrong");
	}
	return 0;
}

/* One element of a message. When it is awaited, its bytes are copied, or taken
 * over with *whole, which is NULL for a part of a compound. */
static int accept_answer(struct client *client, struct wire_view pdu,
	bool was_sealed, uint8_t **whole)
{
	struct smb2_header header;
	if (smb2_header_decode(pdu, &header) < 0 ||
		(header.flags & SMB2_FLAGS_SERVER_TO_REDIR) == 0) {
		return client_complain(
			client, -EPROTO, "an answer has a broken header");
	}
	if (header.message_id == UINT64_MAX &&
		header.command == SMB2_OPLOCK_BREAK) {
		if (client->owner != NULL) {
			client->owner->notified(client->owner->ctx, pdu);
		}
		return 0;
	}
	struct exchange *e = find_exchange(client, header.message_id);
	if (e == NULL || e->answered || e->command != header.command) {
		return client_complain(client, -EPROTO,
			"an answer to message %llu, which nobody sent",
			(unsigned long long)header.message_id);
	}
	client->credits += header.credits;
	int error = verify_answer(client, pdu, &header, was_sealed);
	if (error < 0 || header.status == STATUS_PENDING) {
		return error;
	}
	if (e->forgotten) {
		if (e->done != NULL) {
			e->done(e->ctx, header.status);
		}
		exchange_end(client, e);
		return 0;
	}
	if (whole != NULL) {
		e->message = *whole;
		e->pdu = pdu;
		*whole = NULL;
	} else {
		e->message = malloc(pdu.n);
		if (e->message == NULL) {
			return -ENOMEM;
		}
		memcpy(e->message, pdu.p, pdu.n);
		e->pdu = wire_view_of(e->message, pdu.n);
	}
	e->answered = true;
	e->header = header;
	return 0;
}

/* The elements of a message, one after the other. 3.2.5.1.9 */
static int accept_elements(struct client *client, struct wire_view rest,
	bool was_sealed, uint8_t **bytes)
{
	bool alone = rest.n >= HEADER_SIZE && wire_get32(rest.p + NEXT_AT) == 0;
	for (;;) {
		size_t next =
			rest.n < HEADER_SIZE ? 0 : wire_get32(rest.p + NEXT_AT);
		if (next > rest.n || next % 8 != 0) {
			return client_complain(client, -EPROTO,
				"a compounded answer has a broken header");
		}
		int error = accept_answer(client,
			wire_view_of(rest.p, next == 0 ? rest.n : next),
			was_sealed, alone ? bytes : NULL);
		if (error < 0 || next == 0) {
			return error;
		}
		rest = wire_view_of(rest.p + next, rest.n - next);
	}
}

static int receive_plain(struct client *client, uint8_t *bytes, size_t n,
	struct wire_view *ret_plain, bool *ret_sealed)
{
	*ret_plain = wire_view_of(bytes, n);
	*ret_sealed = n >= 4 && wire_get32(bytes) == 0x424d53fd;
	if (!*ret_sealed) {
		return 0;
	}
	if (n < CRYPTO_TRANSFORM_SIZE ||
		wire_get64(bytes + 44) != client->session_id ||
		crypto_open(&client->keys.server_to_client, bytes, n,
			ret_plain) < 0) {
		return client_complain(
			client, -EPROTO, "an answer cannot be decrypted");
	}
	return 0;
}

static int receive_one(struct client *client)
{
	uint8_t *bytes = NULL;
	size_t n = 0;
	int error = connection_receive(client, &bytes, &n);
	if (error < 0) {
		return error;
	}
	struct wire_view plain;
	bool was_sealed = false;
	error = receive_plain(client, bytes, n, &plain, &was_sealed);
	if (error == 0) {
		error = accept_elements(client, plain, was_sealed, &bytes);
	}
	free(bytes);
	return error;
}

/* Work may send, which must not happen within work. */
static void do_work(struct client *client)
{
	if (client->owner != NULL && !client->working && !client->broken) {
		client->working = true;
		client->owner->work(client->owner->ctx);
		client->working = false;
	}
}

int exchange_receive(struct client *client)
{
	int error = receive_one(client);
	if (error < 0) {
		client->broken = true;
		return error;
	}
	do_work(client);
	return 0;
}

static int wait_for_credits(struct client *client, unsigned int charge)
{
	while (client->credits < charge) {
		if (client->exchanges == NULL) {
			return client_complain(client, -EPROTO,
				"the server granted no credits");
		}
		int error = exchange_receive(client);
		if (error < 0) {
			return error;
		}
	}
	return 0;
}

static int keep_exchanges(struct client *client,
	const struct smb2_header *headers, size_t count,
	struct exchange **ret_exchanges)
{
	for (size_t i = 0; i < count; i++) {
		struct exchange *e = calloc(1, sizeof(*e));
		if (e == NULL) {
			while (i-- > 0) {
				exchange_end(client, ret_exchanges[i]);
			}
			return -ENOMEM;
		}
		e->message_id = headers[i].message_id;
		e->command = headers[i].command;
		e->next = client->exchanges;
		client->exchanges = e;
		ret_exchanges[i] = e;
	}
	return 0;
}

static void fill_headers(const struct client *client,
	const struct client_tree *tree, const struct chain_link *links,
	size_t count, struct smb2_header *ret_headers)
{
	uint64_t id = client->next_message_id;
	for (size_t i = 0; i < count; i++) {
		ret_headers[i] = (struct smb2_header){
			.credit_charge = charge_of(client, links[i].payload),
			.command = links[i].command,
			.credits = CLIENT_CREDITS_WANTED,
			.flags = links[i].flags |
				 (i == 0 ? 0 : SMB2_FLAGS_RELATED_OPERATIONS),
			.message_id = id,
			.tree_id = tree == NULL ? 0 : tree->id,
			.session_id = client->session_id,
		};
		uint16_t charge = ret_headers[i].credit_charge;
		id += charge == 0 ? 1 : charge;
	}
}

int exchange_chain(struct client *client, struct client_tree *tree,
	const struct chain_link *links, size_t count,
	struct exchange **ret_exchanges)
{
	unsigned int cost = 0;
	for (size_t i = 0; i < count; i++) {
		uint16_t charge = charge_of(client, links[i].payload);
		cost += charge == 0 ? 1 : charge;
	}
	int error = wait_for_credits(client, cost);
	if (error < 0) {
		return error;
	}
	struct smb2_header headers[CLIENT_CHAIN_MAX];
	fill_headers(client, tree, links, count, headers);
	uint8_t *bytes = NULL;
	size_t n = 0;
	error = encode_message(headers, links, count, &bytes, &n);
	if (error < 0) {
		return error;
	}
	error = keep_exchanges(client, headers, count, ret_exchanges);
	if (error == 0) {
		error = send_message(client, tree, links[0].command, bytes, n);
		client->broken = error < 0;
		for (size_t i = 0; error < 0 && i < count; i++) {
			exchange_end(client, ret_exchanges[i]);
		}
	}
	free(bytes);
	if (error == 0) {
		client->next_message_id += cost;
		client->credits -= cost;
	}
	return error;
}

int exchange_begin(struct client *client, struct client_tree *tree,
	uint16_t command, size_t payload, const struct wire_type *type,
	const void *body, struct exchange **ret_exchange)
{
	const struct chain_link link = {command, payload, type, body, 0};
	return exchange_chain(client, tree, &link, 1, ret_exchange);
}

int exchange_post(struct client *client, struct client_tree *tree,
	uint16_t command, const struct wire_type *type, const void *body,
	void (*done)(void *ctx, uint32_t status), void *ctx)
{
	struct exchange *e = NULL;
	if (client->credits < 1) {
		return -EAGAIN;
	}
	int error = exchange_begin(client, tree, command, 0, type, body, &e);
	if (error == 0) {
		e->forgotten = true;
		e->done = done;
		e->ctx = ctx;
	}
	return error;
}

int exchange_wait(struct client *client, struct exchange *exchange)
{
	while (!exchange->answered) {
		int error = exchange_receive(client);
		if (error < 0) {
			client->status = 0;
			return error;
		}
	}
	client->status = exchange->header.status;
	return 0;
}

void exchange_end(struct client *client, struct exchange *exchange)
{
	struct exchange **at = &client->exchanges;
	while (*at != exchange) {
		at = &(*at)->next;
	}
	*at = exchange->next;
	free(exchange->message);
	free(exchange);
}

int exchange_call(struct client *client, struct client_tree *tree,
	uint16_t command, size_t payload, const struct wire_type *type,
	const void *body, const struct wire_type *reply_type, void *ret_body,
	struct exchange **ret_exchange)
{
	struct exchange *e = NULL;
	int error =
		exchange_begin(client, tree, command, payload, type, body, &e);
	if (error < 0) {
		return error;
	}
	error = exchange_wait(client, e);
	if (error == 0) {
		error = client_errno(client->status);
	}
	if (error == 0 && reply_type != NULL &&
		wire_decode(reply_type, e->pdu, ret_body, NULL) < 0) {
		error = client_complain(client, -EPROTO,
			"the answer to command %u breaks its layout", command);
	}
	if (error < 0 || ret_exchange == NULL) {
		exchange_end(client, e);
		return error;
	}
	*ret_exchange = e;
	return 0;
}

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

static int send_message(struct client *client, struct client_tree *tree,
	uint16_t command, uint8_t *bytes, size_t n)
{
	if (is_sealed(client, tree)) {
		return send_sealed(client, wire_view_of(bytes, n));
	}
	if (is_signed(client, command)) {
		wire_put32(
			bytes + 16, wire_get32(bytes + 16) | SMB2_FLAGS_SIGNED);
		int error = crypto_sign(&client->keys.signing, bytes, n);
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

static int encode_message(const struct smb2_header *header,
	const struct wire_type *type, const void *body, uint8_t **ret_bytes,
	size_t *ret_n)
{
	struct wire_buf size = {0};
	int error = smb2_header_encode(header, &size);
	if (error == 0) {
		error = wire_encode_message(type, body, &size);
	}
	if (error < 0) {
		return error;
	}
	uint8_t *bytes = malloc(size.n);
	if (bytes == NULL) {
		return -ENOMEM;
	}
	struct wire_buf out = {.p = bytes, .cap = size.n};
	error = smb2_header_encode(header, &out);
	if (error == 0) {
		error = wire_encode_message(type, body, &out);
	}
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

/* One element of a message; takes over *bytes when it is awaited. */
static int accept_answer(struct client *client, uint8_t **bytes,
	struct wire_view pdu, bool was_sealed)
{
	struct smb2_header header;
	if (smb2_header_decode(pdu, &header) < 0 ||
		(header.flags & SMB2_FLAGS_SERVER_TO_REDIR) == 0) {
		return client_complain(
			client, -EPROTO, "an answer has a broken header");
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
	e->answered = true;
	e->header = header;
	e->pdu = pdu;
	e->message = *bytes;
	*bytes = NULL;
	return 0;
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
		error = accept_answer(client, &bytes, plain, was_sealed);
	}
	free(bytes);
	return error;
}

static int wait_for_credits(struct client *client, unsigned int charge)
{
	while (client->credits < charge) {
		if (client->exchanges == NULL) {
			return client_complain(client, -EPROTO,
				"the server granted no credits");
		}
		int error = receive_one(client);
		if (error < 0) {
			return error;
		}
	}
	return 0;
}

int exchange_begin(struct client *client, struct client_tree *tree,
	uint16_t command, size_t payload, const struct wire_type *type,
	const void *body, struct exchange **ret_exchange)
{
	uint16_t charge = charge_of(client, payload);
	unsigned int cost = charge == 0 ? 1 : charge;
	int error = wait_for_credits(client, cost);
	if (error < 0) {
		return error;
	}
	struct smb2_header header = {
		.credit_charge = charge,
		.command = command,
		.credits = CLIENT_CREDITS_WANTED,
		.message_id = client->next_message_id,
		.tree_id = tree == NULL ? 0 : tree->id,
		.session_id = client->session_id,
	};
	uint8_t *bytes = NULL;
	size_t n = 0;
	error = encode_message(&header, type, body, &bytes, &n);
	if (error < 0) {
		return error;
	}
	struct exchange *e = calloc(1, sizeof(*e));
	error = e == NULL ? -ENOMEM
			  : send_message(client, tree, command, bytes, n);
	free(bytes);
	if (error < 0) {
		free(e);
		return error;
	}
	e->message_id = header.message_id;
	e->command = command;
	e->next = client->exchanges;
	client->exchanges = e;
	client->next_message_id += cost;
	client->credits -= cost;
	*ret_exchange = e;
	return 0;
}

int exchange_wait(struct client *client, struct exchange *exchange)
{
	while (!exchange->answered) {
		int error = receive_one(client);
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

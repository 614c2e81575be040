/* SPDX-License-Identifier: MIT */
/*
 * Outgoing messages: header, credits, mutation, signature, encryption,
 * compounds. [MS-SMB2] 3.2.4.1
 */
#include <stdio.h>
#include <string.h>

#include "suite/link.h"
#include "suite/words.h"

#define HEADER_SIZE 64
#define PDU_SLACK 256 /* room for pdu_extend() without growing */
#define COMMANDS 19

const struct smb2_fileid RELATED_FILE = {UINT64_MAX, UINT64_MAX};

int command_of(const struct wire_type *request)
{
	size_t i;

	for (i = 0; i < wire_registration_count; i++) {
		const struct wire_registration *r = &wire_registrations[i];

		if (r->kind == WIRE_IS_MESSAGE && r->type == request) {
			return (int)r->key;
		}
	}
	return -1;
}

const struct wire_type *response_type(uint16_t command)
{
	return wire_message_type(command, true);
}

const char *command_name(uint16_t command)
{
	static const char *const names[COMMANDS] = {"NEGOTIATE",
		"SESSION_SETUP", "LOGOFF", "TREE_CONNECT", "TREE_DISCONNECT",
		"CREATE", "CLOSE", "FLUSH", "READ", "WRITE", "LOCK", "IOCTL",
		"CANCEL", "ECHO", "QUERY_DIRECTORY", "CHANGE_NOTIFY",
		"QUERY_INFO", "SET_INFO", "OPLOCK_BREAK"};

	return command < COMMANDS ? names[command] : "unknown command";
}

const char *status_text(uint32_t status)
{
	static char text[4][16];
	static unsigned int turn;
	const char *name = status_name(status);

	if (name != NULL) {
		return name;
	}
	turn = (turn + 1) % 4;
	snprintf(text[turn], sizeof(text[turn]), "0x%08x", status);
	return text[turn];
}

/* Payload bytes that decide the CreditCharge, [MS-SMB2] 3.2.4.1.5. */
static size_t payload_of(uint16_t command, const void *body)
{
	const struct smb2_ioctl_request *ioctl = body;
	size_t sent, got;

	switch (command) {
	case SMB2_READ:
		return ((const struct smb2_read_request *)body)->length;
	case SMB2_WRITE:
		return ((const struct smb2_write_request *)body)->buffer.n;
	case SMB2_QUERY_DIRECTORY:
		return ((const struct smb2_query_directory_request *)body)
			->output_buffer_length;
	case SMB2_QUERY_INFO:
		return ((const struct smb2_query_info_request *)body)
			->output_buffer_length;
	case SMB2_CHANGE_NOTIFY:
		return ((const struct smb2_change_notify_request *)body)
			->output_buffer_length;
	case SMB2_SET_INFO:
		return ((const struct smb2_set_info_request *)body)->buffer.n;
	case SMB2_IOCTL:
		sent = ioctl->input.n + ioctl->output.n;
		got = (size_t)ioctl->max_input_response +
		      ioctl->max_output_response;
		return sent > got ? sent : got;
	default:
		return 0;
	}
}

static uint16_t charge_of(
	const struct peer *peer, uint16_t command, const void *body)
{
	size_t payload;

	if (peer->dialect < 0x0210 || peer->dialect == 0x02ff) {
		return 0;
	}
	payload = payload_of(command, body);
	return payload <= 65536 ? 1 : (uint16_t)((payload - 1) / 65536 + 1);
}

/* Message ids and credits for a request; may wait for credits to come back. */
static uint64_t take_ids(struct peer *peer, unsigned int n)
{
	uint64_t deadline = test_within(peer->t, REPLY_TIMEOUT_MS);
	uint64_t id = peer->next_id;

	while (peer->credits < n && peers_pump(peer->t, deadline)) {
	}
	conf_need(peer->t, NULL, peer->credits >= n,
		"%u credits on connection %s", n, peer->name);
	peer->credits -= n;
	peer->next_id += n;
	return id;
}

static void reserve(struct pdu *pdu, size_t n)
{
	uint8_t *bytes;

	if (n <= pdu->cap) {
		return;
	}
	bytes = test_alloc(pdu->peer->t, n + PDU_SLACK);
	if (pdu->n != 0) {
		memcpy(bytes, pdu->bytes, pdu->n);
	}
	pdu->bytes = bytes;
	pdu->cap = n + PDU_SLACK;
}

/* An odd StructureSize counts one byte of the variable part, which is sent
 * even when there is none. */
static void add_odd_byte(struct pdu *pdu)
{
	static const uint8_t zero;
	size_t least = HEADER_SIZE + pdu->type->fields[0].constant;

	if (least % 2 != 0 && pdu->n < least) {
		pdu_extend(pdu, &zero, least - pdu->n);
	}
}

/* Encodes header and body into pdu->bytes. */
static void encode(
	struct pdu *pdu, const struct smb2_header *header, const void *body)
{
	struct test *t = pdu->peer->t;
	struct wire_buf size = {0};
	struct wire_buf out;

	if (smb2_header_encode(header, &size) != 0 ||
		wire_encode(pdu->type, body, &size) != 0) {
		conf_broken(t, "cannot encode %s", pdu->type->name);
	}
	reserve(pdu, size.n);
	out = (struct wire_buf){.p = pdu->bytes, .cap = pdu->cap};
	if (smb2_header_encode(header, &out) != 0 ||
		wire_encode(pdu->type, body, &out) != 0) {
		conf_broken(t, "cannot encode %s", pdu->type->name);
	}
	pdu->n = out.n;
	add_odd_byte(pdu);
}

static struct pdu *build(struct peer *peer, const struct wire_type *type,
	const void *body, bool takes_id)
{
	struct pdu *pdu = test_alloc(peer->t, sizeof(*pdu));
	int command = command_of(type);
	struct smb2_header header = {0};

	if (command < 0) {
		conf_broken(peer->t, "%s is not a request", type->name);
	}
	pdu->peer = peer;
	pdu->session = peer->session;
	pdu->type = type;
	header.credit_charge = charge_of(peer, (uint16_t)command, body);
	header.command = (uint16_t)command;
	header.credits = (uint16_t)peer->credits_wanted;
	if (peer->dialect >= 0x0300) {
		header.status = peer->channel_sequence;
	}
	header.session_id = peer->session != NULL ? peer->session->id : 0;
	header.tree_id = peer->tree;
	pdu->requests = header.credit_charge > 1 ? header.credit_charge : 1;
	if (takes_id) {
		header.message_id = take_ids(peer, pdu->requests);
	}
	encode(pdu, &header, body);
	return pdu;
}

struct pdu *pdu_build(
	struct peer *peer, const struct wire_type *type, const void *body)
{
	return build(peer, type, body, true);
}

/* --- mutation --------------------------------------------------------------
 */

struct spot {
	const struct wire_field *field;
	size_t offset, size;
	bool found;
};

static int find_spot(const struct wire_visit *v, void *ctx)
{
	struct spot *spot = ctx;

	if (v->field == spot->field && !spot->found) {
		spot->found = true;
		spot->offset = v->offset;
		spot->size = v->bytes.n;
	}
	return 0;
}

static void change(struct pdu *pdu, const struct wire_type *type,
	unsigned int field, struct mutation op)
{
	struct test *t = pdu->peer->t;
	struct spot spot = {0};
	uint64_t value = 0;
	size_t i;
	int r;

	if (field >= type->count) {
		conf_broken(t, "%s has no field %u", type->name, field);
	}
	spot.field = &type->fields[field];
	r = wire_walk(type, wire_view_of(pdu->bytes, pdu->n), find_spot, &spot);
	if (!spot.found || spot.size > 8 || spot.offset + spot.size > pdu->n) {
		conf_broken(t, "%s.%s cannot be mutated (%d)", type->name,
			spot.field->name, r);
	}
	for (i = spot.size; i-- > 0;) {
		value = value << 8 | pdu->bytes[spot.offset + i];
	}
	switch (op.kind) {
	case MUTATE_SET:
		value = op.value;
		break;
	case MUTATE_XOR:
		value ^= op.value;
		break;
	case MUTATE_ADD:
		value += op.value;
		break;
	}
	for (i = 0; i < spot.size; i++) {
		pdu->bytes[spot.offset + i] = (uint8_t)(value >> (8 * i));
	}
}

void conf_mutate(struct pdu *pdu, unsigned int field, const char *spelled,
	struct mutation op)
{
	const char *mark = strstr(spelled, "_F_");
	size_t n = strlen(pdu->type->name);

	if (mark != NULL && ((size_t)(mark - spelled) != n ||
				    memcmp(spelled, pdu->type->name, n) != 0)) {
		conf_broken(pdu->peer->t, "%s is no field of %s", spelled,
			pdu->type->name);
	}
	change(pdu, pdu->type, field, op);
}

void mutate_header(struct pdu *pdu, unsigned int field, struct mutation op)
{
	change(pdu, &smb2_header_type, field, op);
}

void pdu_truncate(struct pdu *pdu, size_t n)
{
	if (n < pdu->n) {
		pdu->n = n;
	}
}

void pdu_extend(struct pdu *pdu, const void *bytes, size_t n)
{
	reserve(pdu, pdu->n + n);
	memcpy(pdu->bytes + pdu->n, bytes, n);
	pdu->n += n;
}

/* --- sign, seal, send -------------------------------------------------------
 */

static bool must_seal(const struct pdu *pdu)
{
	switch (pdu->seal) {
	case SEAL_YES:
		return true;
	case SEAL_NO:
		return false;
	default:
		return pdu->session != NULL &&
		       (pdu->session->encrypted ||
			       (pdu->peer->tree_encrypted &&
				       wire_get32(pdu->bytes + 36) ==
					       pdu->peer->tree));
	}
}

static bool must_sign(const struct pdu *pdu)
{
	const struct session *s = pdu->session;

	if (pdu->sign == SIGN_AUTO) {
		if (s == NULL || s->anonymous || s->guest || must_seal(pdu)) {
			return false;
		}
		/* a 3.1.1 client always signs TREE_CONNECT, 3.2.4.1.1 */
		return s->signing_required ||
		       (s->dialect == 0x0311 &&
			       pdu->type == &smb2_tree_connect_request_type);
	}
	return pdu->sign != SIGN_NO;
}

static void sign(struct pdu *pdu)
{
	struct channel *channel =
		pdu->session == NULL
			? NULL
			: peer_channel(pdu->peer, pdu->session->id);
	const struct crypto_key *key = NULL;

	if (!must_sign(pdu) || pdu->n < HEADER_SIZE) {
		return;
	}
	if (channel != NULL) {
		key = &channel->signing;
	} else if (pdu->session != NULL) { /* a binding request */
		key = &pdu->session->keys.signing;
	} else {
		conf_broken(pdu->peer->t, "signing without a session");
	}
	pdu->bytes[16] |= SMB2_FLAGS_SIGNED;
	if (crypto_sign(key, pdu->bytes, pdu->n) != 0) {
		conf_broken(pdu->peer->t, "crypto_sign failed");
	}
	if (pdu->sign == SIGN_BAD) {
		pdu->bytes[48] ^= 1;
	}
}

static uint32_t transmit(struct peer *peer, struct session *session,
	struct wire_view plain, bool seal)
{
	uint8_t nonce[16] = {0};
	uint8_t *sealed;

	if (!seal) {
		return link_send(peer, plain, (struct wire_view){NULL, 0});
	}
	sealed = test_alloc(peer->t, plain.n + CRYPTO_TRANSFORM_SIZE);
	wire_put64(nonce, ++session->nonce);
	if (crypto_seal(&session->keys.client_to_server, nonce, session->id,
		    plain, sealed) != 0) {
		conf_broken(peer->t, "crypto_seal failed");
	}
	return link_send(peer,
		wire_view_of(sealed, plain.n + CRYPTO_TRANSFORM_SIZE), plain);
}

static struct request *expect(struct pdu *pdu)
{
	struct peer *peer = pdu->peer;
	struct request *r = test_alloc(peer->t, sizeof(*r));

	r->peer = peer;
	r->message_id = pdu->n >= 32 ? wire_get64(pdu->bytes + 24) : 0;
	r->command = pdu->n >= 14 ? wire_get16(pdu->bytes + 12) : 0;
	if (r->command != SMB2_CANCEL) { /* which has no response of its own */
		r->next = peer->requests;
		peer->requests = r;
	}
	return r;
}

struct request *pdu_send(struct pdu *pdu)
{
	struct peer *peer = pdu->peer;
	struct request *request = expect(pdu);
	bool seal = must_seal(pdu);

	sign(pdu);
	request->frame = transmit(
		peer, pdu->session, wire_view_of(pdu->bytes, pdu->n), seal);
	log_step(peer->t->log, true, request->frame, "%s: %s%s%s", peer->name,
		command_name(request->command), seal ? ", encrypted" : "",
		pdu->n >= HEADER_SIZE &&
				(pdu->bytes[16] & SMB2_FLAGS_SIGNED) != 0
			? ", signed"
			: "");
	return request;
}

struct reply *pdu_call(struct pdu *pdu)
{
	return peer_wait(pdu_send(pdu));
}

struct request *peer_send(
	struct peer *peer, const struct wire_type *type, const void *body)
{
	return pdu_send(pdu_build(peer, type, body));
}

struct reply *peer_call(
	struct peer *peer, const struct wire_type *type, const void *body)
{
	return peer_wait(peer_send(peer, type, body));
}

struct wire_view pdu_framed(const struct pdu *pdu)
{
	uint8_t *bytes = test_alloc(pdu->peer->t, pdu->n + 4);

	bytes[1] = (uint8_t)(pdu->n >> 16);
	bytes[2] = (uint8_t)(pdu->n >> 8);
	bytes[3] = (uint8_t)pdu->n;
	memcpy(bytes + 4, pdu->bytes, pdu->n);
	return wire_view_of(bytes, pdu->n + 4);
}

void peer_send_raw(struct peer *peer, struct wire_view message)
{
	uint32_t frame = link_send(peer, message, (struct wire_view){NULL, 0});

	log_step(peer->t->log, true, frame, "%s: %zu raw bytes", peer->name,
		message.n);
}

void peer_cancel(struct request *request)
{
	struct peer *peer = request->peer;
	struct smb2_cancel_request cancel = {0};
	struct pdu *pdu =
		build(peer, &smb2_cancel_request_type, &cancel, false);

	wire_put16(pdu->bytes + 6, 0); /* no charge, no credits */
	wire_put64(pdu->bytes + 24, request->message_id);
	if (request->async_id != 0) {
		pdu->bytes[16] |= SMB2_FLAGS_ASYNC_COMMAND;
		wire_put64(pdu->bytes + 32, request->async_id);
	}
	sign(pdu);
	log_step(peer->t->log, true,
		transmit(peer, pdu->session, wire_view_of(pdu->bytes, pdu->n),
			must_seal(pdu)),
		"%s: CANCEL", peer->name);
}

/* --- compounds --------------------------------------------------------------
 */

struct chain *chain_begin(struct peer *peer)
{
	struct chain *chain = test_alloc(peer->t, sizeof(*chain));

	chain->peer = peer;
	return chain;
}

struct pdu *chain_add(struct chain *chain, bool related,
	const struct wire_type *type, const void *body)
{
	struct pdu *pdu;

	if (chain->count == CHAIN_MAX) {
		conf_broken(chain->peer->t, "compound too long");
	}
	pdu = pdu_build(chain->peer, type, body);
	if (related) {
		pdu->bytes[16] |= SMB2_FLAGS_RELATED_OPERATIONS;
	}
	chain->pdus[chain->count++] = pdu;
	return pdu;
}

void chain_send(struct chain *chain)
{
	static const uint8_t zeroes[8];
	struct pdu *first = chain->pdus[0];
	struct test *t = chain->peer->t;
	bool seal = must_seal(first);
	uint8_t *all;
	size_t n = 0;
	uint32_t frame;
	unsigned int i;

	for (i = 0; i < chain->count; i++) {
		struct pdu *pdu = chain->pdus[i];

		if (i + 1 < chain->count) {
			pdu_extend(pdu, zeroes, (8 - pdu->n % 8) % 8);
			if (wire_get32(pdu->bytes + 20) == 0) {
				wire_put32(pdu->bytes + 20, (uint32_t)pdu->n);
			}
		}
		chain->requests[i] = expect(pdu);
		sign(pdu);
		n += pdu->n;
	}
	all = test_alloc(t, n);
	for (i = 0, n = 0; i < chain->count; i++) {
		memcpy(all + n, chain->pdus[i]->bytes, chain->pdus[i]->n);
		n += chain->pdus[i]->n;
	}
	frame = transmit(
		chain->peer, first->session, wire_view_of(all, n), seal);
	for (i = 0; i < chain->count; i++) {
		chain->requests[i]->frame = frame;
	}
	log_step(t->log, true, frame, "%s: compound of %u, %s first",
		chain->peer->name, chain->count,
		command_name(chain->requests[0]->command));
}

void chain_call(struct chain *chain)
{
	unsigned int i;

	chain_send(chain);
	for (i = 0; i < chain->count; i++) {
		chain->replies[i] = peer_wait(chain->requests[i]);
	}
}

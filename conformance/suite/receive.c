/* SPDX-License-Identifier: MIT */
/*
 * Incoming messages: decrypt, take compounds apart, verify, decode, and hand
 * each response to the request that it answers. [MS-SMB2] 3.2.5.1
 */
#include <stdio.h>
#include <string.h>

#include "suite/link.h"
#include "suite/words.h"

#define TRANSFORM_SESSION_ID 44 /* in the transform header */

struct channel *peer_channel(struct peer *peer, uint64_t session_id)
{
	unsigned int i;

	for (i = 0; i < peer->channel_count; i++) {
		if (peer->channels[i].session->id == session_id) {
			return &peer->channels[i];
		}
	}
	return NULL;
}

/* The plain form of a message, empty if it cannot be had. */
static struct wire_view decrypt(struct peer *peer, struct wire_view message)
{
	struct wire_view plain = {NULL, 0};
	struct channel *channel;
	uint8_t *copy;

	if (message.n < CRYPTO_TRANSFORM_SIZE) {
		return plain;
	}
	channel = peer_channel(
		peer, wire_get64(message.p + TRANSFORM_SESSION_ID));
	if (channel == NULL) {
		return plain;
	}
	copy = test_alloc(peer->t, message.n);
	memcpy(copy, message.p, message.n);
	if (crypto_open(&channel->session->keys.server_to_client, copy,
		    message.n, &plain) != 0) {
		return (struct wire_view){NULL, 0};
	}
	return plain;
}

static enum signature verify(struct peer *peer, const struct reply *reply)
{
	struct channel *channel = peer_channel(peer, reply->header.session_id);

	if ((reply->header.flags & SMB2_FLAGS_SIGNED) == 0) {
		return SIGNATURE_NONE;
	}
	if (channel != NULL && crypto_verify(&channel->signing, reply->pdu)) {
		return SIGNATURE_GOOD;
	}
	return SIGNATURE_BAD;
}

static void decode(struct reply *reply, struct wire_view pdu)
{
	struct test *t = reply->peer->t;
	void *body;

	reply->type = wire_message_type_of(pdu);
	if (reply->type == NULL) {
		reply->fault.why = "no such message";
		return;
	}
	body = test_alloc(t, reply->type->c_size);
	if (wire_decode(reply->type, pdu, body, &reply->fault) == 0) {
		reply->body = body;
	}
}

static struct request *find(struct peer *peer, uint64_t message_id)
{
	struct request *r;

	for (r = peer->requests; r != NULL; r = r->next) {
		if (r->message_id == message_id && r->reply == NULL &&
			r->command != SMB2_CANCEL) {
			return r;
		}
	}
	return NULL;
}

/* The request that a message answers. One with a MessageId that was never
 * sent goes to the oldest request of its command, or the only one there is,
 * so that a test can judge it. */
static struct request *answered(struct peer *peer, struct wire_view pdu)
{
	uint64_t message_id = wire_get64(pdu.p + 24);
	uint16_t command = wire_get16(pdu.p + 12);
	struct request *r = find(peer, message_id), *same = NULL, *any = NULL;
	unsigned int count = 0;

	if (r != NULL ||
		(message_id == UINT64_MAX && command == SMB2_OPLOCK_BREAK)) {
		return r;
	}
	for (r = peer->requests; r != NULL; r = r->next) {
		if (r->message_id == message_id) {
			return NULL; /* a second answer */
		}
		if (r->reply == NULL) {
			any = r;
			count++;
			same = r->command == command ? r : same;
		}
	}
	return same != NULL ? same : count == 1 ? any : NULL;
}

static bool is_error(uint32_t status)
{
	return (status & 0xc0000000u) == 0xc0000000u;
}

/* The message as it should be where StructureSize, direction or command are
 * wrong: what the tests judge is reply->pdu, this is what is decoded. */
static struct wire_view mended(
	struct peer *peer, struct wire_view pdu, const struct request *request)
{
	uint8_t *copy = test_alloc(peer->t, pdu.n);
	struct wire_view view = {copy, pdu.n};
	const struct wire_type *type;
	uint16_t size;

	memcpy(copy, pdu.p, pdu.n);
	wire_put16(copy + 4, 64);
	if (request != NULL) {
		wire_put16(copy + 12, request->command);
	}
	wire_put32(copy + 16,
		wire_get32(copy + 16) | (uint32_t)SMB2_FLAGS_SERVER_TO_REDIR);
	type = wire_message_type_of(view);
	if (type != NULL) {
		size = (uint16_t)type->fields[0].constant;
		if (wire_get16(copy + 64) != size) {
			wire_put16(copy + 64,
				is_error(wire_get32(copy + 8)) ? 9 : size);
		}
	}
	if (memcmp(copy, pdu.p, pdu.n) == 0) {
		return pdu;
	}
	return view;
}

static void deliver(struct reply *reply, struct request *request)
{
	struct peer *peer = reply->peer;
	struct reply **end = &peer->unsolicited;

	peer->credits += reply->header.credits;
	if (request == NULL) {
		while (*end != NULL) {
			end = &(*end)->next;
		}
		*end = reply;
		return;
	}
	reply->request = request;
	if (reply->status == STATUS_PENDING && reply->async) {
		request->interims++;
		request->async_id = reply->async_id;
		if (request->interim == NULL) {
			request->interim = reply;
		}
		return;
	}
	reply->interims = request->interims;
	request->reply = reply;
}

/* One element of a message that lives as long as the test. */
static void receive_element(struct peer *peer, struct wire_view pdu,
	uint32_t frame, bool encrypted, bool last)
{
	struct reply *reply = test_alloc(peer->t, sizeof(*reply));
	struct request *request = answered(peer, pdu);
	struct wire_view whole = mended(peer, pdu, request);

	if (whole.p != pdu.p) {
		log_note(peer->t->log, frame,
			"%s: StructureSize, direction or command is wrong",
			peer->name);
	}
	reply->peer = peer;
	reply->frame = frame;
	reply->pdu = pdu;
	reply->encrypted = encrypted;
	reply->last_of_chain = last;
	if (wire_decode(&smb2_header_type, whole, &reply->header,
		    &reply->fault) != 0) {
		log_note(peer->t->log, frame, "%s: not an SMB2 header: %s",
			peer->name, reply->fault.why);
		return;
	}
	reply->status = reply->header.status;
	reply->async = (reply->header.flags & SMB2_FLAGS_ASYNC_COMMAND) != 0;
	if (reply->async) {
		reply->async_id = (uint64_t)reply->header.tree_id << 32 |
				  reply->header.reserved;
	}
	reply->signature = verify(peer, reply);
	decode(reply, whole);
	deliver(reply, request);
}

void receive_message(struct peer *peer, struct wire_view framed)
{
	struct wire_view message = {framed.p + 4, framed.n - 4};
	bool encrypted = message.n >= 4 && message.p[0] == 0xfd;
	struct wire_view plain = {NULL, 0}, rest;
	uint32_t frame;

	if (encrypted) {
		plain = decrypt(peer, message);
		rest = plain;
	} else {
		uint8_t *copy = test_alloc(peer->t, message.n);

		memcpy(copy, message.p, message.n);
		rest = wire_view_of(copy, message.n);
	}
	frame = log_frame(
		peer->t->log, peer->index, FRAME_RECEIVED, framed, plain);
	peer->raw = rest;
	peer->raw_prefix = framed.p[0];
	peer->raw_transform = (struct wire_view){NULL, 0};
	if (encrypted && message.n >= CRYPTO_TRANSFORM_SIZE) {
		peer->raw_transform =
			bytes_of(peer->t, message.p, CRYPTO_TRANSFORM_SIZE);
	}
	peer->raw_frame = frame;
	peer->raw_count++;
	if (encrypted && plain.n == 0) {
		log_note(peer->t->log, frame, "%s: cannot be decrypted",
			peer->name);
	}
	while (rest.n >= 64 && memcmp(rest.p, "\xfeSMB", 4) == 0) {
		size_t next = wire_get32(rest.p + 20);
		bool last = next < 64 || next > rest.n;

		receive_element(peer,
			last ? rest : wire_view_sub(rest, 0, next), frame,
			encrypted, last);
		if (last) {
			break;
		}
		rest = wire_view_sub(rest, next, rest.n - next);
	}
}

/* A reply that stands for none. */
static struct reply *nothing(struct peer *peer, const struct request *request)
{
	struct reply *reply = test_alloc(peer->t, sizeof(*reply));

	reply->peer = peer;
	reply->request = request;
	reply->outcome = peer->closed ? REPLY_CLOSED : REPLY_TIMEOUT;
	reply->status = UINT32_MAX;
	reply->frame = peer->closed      ? peer->closed_frame
		       : request != NULL ? request->frame
					 : peer->t->log->packets;
	return reply;
}

struct reply *peer_wait_ms(struct request *request, unsigned int ms)
{
	struct test *t = request->peer->t;
	uint64_t deadline = test_within(t, ms);

	while (request->reply == NULL && !request->peer->closed &&
		peers_pump(t, deadline)) {
	}
	if (request->reply != NULL) {
		return request->reply;
	}
	return nothing(request->peer, request);
}

struct reply *peer_wait(struct request *request)
{
	return peer_wait_ms(request, REPLY_TIMEOUT_MS);
}

struct reply *peer_interim(struct request *request)
{
	struct test *t = request->peer->t;
	uint64_t deadline = test_within(t, REPLY_TIMEOUT_MS);

	while (request->reply == NULL && request->interim == NULL &&
		!request->peer->closed && peers_pump(t, deadline)) {
	}
	if (request->interim != NULL) {
		return request->interim;
	}
	return request->reply != NULL ? request->reply
				      : nothing(request->peer, request);
}

struct reply *peer_notification(struct peer *peer, unsigned int ms)
{
	uint64_t deadline = test_within(peer->t, ms);
	struct reply *reply;

	while (peer->unsolicited == NULL && !peer->closed &&
		peers_pump(peer->t, deadline)) {
	}
	reply = peer->unsolicited;
	if (reply == NULL) {
		return nothing(peer, NULL);
	}
	peer->unsolicited = reply->next;
	return reply;
}

struct wire_view peer_receive_raw(struct peer *peer, uint32_t *ret_frame)
{
	uint64_t deadline = test_within(peer->t, REPLY_TIMEOUT_MS);

	while (peer->raw_count == peer->raw_taken && !peer->closed &&
		peers_pump(peer->t, deadline)) {
	}
	if (peer->raw_count == peer->raw_taken) {
		return (struct wire_view){NULL, 0};
	}
	peer->raw_taken = peer->raw_count;
	if (ret_frame != NULL) {
		*ret_frame = peer->raw_frame;
	}
	return peer->raw;
}

const void *conf_reply_as(struct reply *reply, const struct wire_type *type)
{
	conf_need(reply->peer->t, reply,
		reply->outcome == REPLY_ARRIVED && reply->type == type &&
			reply->body != NULL,
		"%s", type->name);
	return reply->body;
}

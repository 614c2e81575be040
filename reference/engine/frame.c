/* SPDX-License-Identifier: MIT */
/*
 * From a received message to elements in order: decryption, the checks that
 * cost the connection, the walk along NextCommand. [MS-SMB2] 3.3.5.2,
 * 3.3.5.2.1 to 3.3.5.2.3, 3.3.5.2.6, 3.3.5.2.7
 */
#include <string.h>

#include "engine/core.h"
#include "engine/secure.h"
#include "ports/blob.h"

/* What is known of one received message while it is taken apart. */
struct frame {
	struct engine_conn *conn;
	struct blob *message;
	struct wire_view plain; /* within message */
	bool encrypted;
	bool drop; /* quietly: a broken rule */
	uint64_t transform_session;
	unsigned int count;
	struct chain_element elements[LIMIT_COMPOUND];
	struct smb2_header headers[LIMIT_COMPOUND];
};

static uint32_t protocol_of(struct wire_view view)
{
	return view.n < 4 ? 0 : wire_get32(view.p);
}

static size_t longest(const struct engine_conn *conn)
{
	size_t most = conn->max_transact;

	if (!most) {
		return LIMIT_SINGLE_CREDIT_MESSAGE;
	}
	if (conn->max_write > most) {
		most = conn->max_write;
	}
	return most + LIMIT_MESSAGE_OVERHEAD;
}

/* A reason to end the connection, unless its rule is broken. */
static const char *reason(struct frame *frame, bool rule, const char *why)
{
	frame->drop |= !rule;
	return rule ? why : NULL;
}

/* NULL, or why the connection ends. */
static const char *check_transform(struct frame *frame,
	const struct smb2_transform_header *header, struct session *session)
{
	const struct engine_conn *conn = frame->conn;

	if (header->flags != 1) {
		return reason(frame, RULE(CORE_ENCRYPT_0002),
			"transform header with unknown flags");
	}
	if (!session) {
		return reason(frame, RULE(CORE_ENCRYPT_0003),
			"transform header with unknown session");
	}
	if (header->original_message_size !=
		frame->message->n - CRYPTO_TRANSFORM_SIZE) {
		return reason(frame, RULE(CORE_ENCRYPT_0005),
			"transform header with another size");
	}
	if (conn->constrained || session->anonymous || session->guest ||
		!session->keys.client_to_server.size) {
		return "encrypted without keys";
	}
	return NULL;
}

static const char *frame_open(struct frame *frame)
{
	struct engine_conn *conn = frame->conn;
	struct smb2_transform_header header;
	struct session *session;
	const char *why;

	if (!conn->can_encrypt) {
		return reason(frame, RULE(CORE_ENCRYPT_0006),
			"encrypted, but no cipher was agreed");
	}
	if (frame->plain.n <= CRYPTO_TRANSFORM_SIZE ||
		smb2_transform_header_decode(frame->plain, &header) < 0) {
		return reason(frame, RULE(CORE_ENCRYPT_0001),
			"encrypted message too short");
	}
	session = session_on(conn, header.session_id);
	why = check_transform(frame, &header, session);
	if (why || frame->drop) {
		return why;
	}
	if (crypto_open(&session->keys.client_to_server, frame->message->data,
		    frame->message->n, &frame->plain) < 0) {
		return reason(frame, RULE(CORE_ENCRYPT_0004),
			"encrypted message is not authentic");
	}
	frame->encrypted = true;
	frame->transform_session = header.session_id;
	if (frame->plain.n < SMB2_HEADER_SIZE) {
		return reason(frame, RULE(CORE_ENCRYPT_0007),
			"decrypted message too short");
	}
	if (protocol_of(frame->plain) == PROTOCOL_TRANSFORM) {
		return reason(
			frame, RULE(CORE_ENCRYPT_0008), "encrypted twice");
	}
	if (protocol_of(frame->plain) != PROTOCOL_SMB2) {
		return "encrypted message holds no SMB2 message";
	}
	return NULL;
}

/* A header whose StructureSize is wrong still tells whom to answer. */
static void read_header(struct wire_view view, struct smb2_header *ret_header)
{
	uint8_t copy[SMB2_HEADER_SIZE];

	memcpy(copy, view.p, sizeof(copy));
	wire_put16(copy + 4, SMB2_HEADER_SIZE);
	if (smb2_header_decode(wire_view_of(copy, sizeof(copy)), ret_header) <
		0) {
		*ret_header = (struct smb2_header){0};
	}
}

/* Finds the elements. NULL, or why the connection ends. */
static const char *frame_walk(struct frame *frame)
{
	size_t at = 0;

	for (;;) {
		struct wire_view rest = {
			frame->plain.p + at, frame->plain.n - at};
		struct smb2_header *header = &frame->headers[frame->count];
		size_t next;

		if (rest.n < SMB2_HEADER_SIZE) {
			return reason(frame, RULE(CORE_HEADER_0011),
				"message shorter than its header");
		}
		if (protocol_of(rest) != PROTOCOL_SMB2) {
			return "compound element without a header";
		}
		read_header(rest, header);
		next = header->next_command;
		frame->elements[frame->count++] =
			(struct chain_element){at, next ? next : rest.n};
		if (!next) {
			return NULL;
		}
		if (next > rest.n) {
			return reason(frame, RULE(CORE_COMPOUND_0012),
				"NextCommand beyond the message");
		}
		if (RULE(CORE_COMPOUND_0011) && next % 8) {
			return "compound element not aligned";
		}
		if (frame->count == LIMIT_COMPOUND) {
			return "too many compound elements";
		}
		at += next;
	}
}

static const char *check_session(
	const struct frame *frame, const struct smb2_header *header, bool first)
{
	bool related = header->flags & SMB2_FLAGS_RELATED_OPERATIONS;

	if (!frame->encrypted) {
		return NULL;
	}
	if (RULE(CORE_ENCRYPT_0009) && first && related) {
		return "encrypted compound begins with a related element";
	}
	if (first && header->session_id != frame->transform_session &&
		RULE(CORE_ENCRYPT_0010)) {
		return "session differs from the transform header's";
	}
	if (!first && !related &&
		header->session_id != frame->transform_session &&
		RULE(CORE_ENCRYPT_0011)) {
		return "session differs from the transform header's";
	}
	return NULL;
}

static const char *check_size(
	const struct engine_conn *conn, const struct command *command, size_t n)
{
	if (n <= LIMIT_SINGLE_CREDIT_MESSAGE) {
		return NULL;
	}
	if (RULE(CORE_TRANSPORT_0008) && !conn->multi_credit) {
		return "request too large without multi-credit";
	}
	if (RULE(CORE_TRANSPORT_0009) && !command->large) {
		return "request too large for its command";
	}
	return NULL;
}

/* How many ids a request uses up. */
static unsigned int charge_of(
	const struct engine_conn *conn, const struct smb2_header *header)
{
	if (!conn->multi_credit && RULE(CORE_CREDIT_0013)) {
		return 1;
	}
	if (!header->credit_charge) {
		return RULE(CORE_CREDIT_0010) ? 1 : 0;
	}
	return RULE(CORE_CREDIT_0009) ? header->credit_charge : 1;
}

static const char *check_sequence(
	struct frame *frame, const struct smb2_header *header)
{
	struct credit_window *window = frame->conn->credits;

	if (header->command == SMB2_CANCEL) {
		if (RULE(CORE_CANCEL_0002) && RULE(CORE_CANCEL_0003)) {
			return NULL;
		}
	} else if (!RULE(CORE_CREDIT_0005) &&
		   header->message_id != credits_lowest(window)) {
		return "message id out of order";
	}
	switch (credits_take(
		window, header->message_id, charge_of(frame->conn, header))) {
	case CREDITS_TAKEN:
		return NULL;
	case CREDITS_USED:
		if (!RULE(CORE_CREDIT_0001)) {
			return NULL;
		}
		return reason(frame, RULE(CORE_CREDIT_0002),
			"message id used before");
	case CREDITS_BEYOND:
		return RULE(CORE_CREDIT_0003) ? "message id not granted" : NULL;
	default:
		return RULE(CORE_CREDIT_0004) ? "message ids not granted"
					      : NULL;
	}
}

/* The checks that are made of every element before any is processed. */
static const char *check_element(struct frame *frame, unsigned int i)
{
	struct engine_conn *conn = frame->conn;
	const struct smb2_header *header = &frame->headers[i];
	const struct command *command = dispatch_command(header->command);
	const char *why;

	if (!command) {
		return "unknown command";
	}
	if (header->command != SMB2_NEGOTIATE && !conn->dialect &&
		(conn->negotiate_dialect == DIALECT_WILDCARD
				? RULE(CORE_TRANSPORT_0006)
				: RULE(CORE_TRANSPORT_0005))) {
		return "nothing negotiated yet";
	}
	why = check_session(frame, header, i == 0);
	if (!why) {
		why = check_size(conn, command, frame->elements[i].length);
	}
	return why ? why : check_sequence(frame, header);
}

/* Whether all elements but the first are related (1), none is (0), or they
 * are mixed or begin with a related one (-1). */
static int frame_style(const struct frame *frame)
{
	unsigned int related = 0;

	for (unsigned int i = 1; i < frame->count; i++) {
		related += !!(frame->headers[i].flags &
			      SMB2_FLAGS_RELATED_OPERATIONS);
	}
	if (frame->headers[0].flags & SMB2_FLAGS_RELATED_OPERATIONS) {
		return RULE(CORE_COMPOUND_0009) ? -1 : 1;
	}
	if (related && related != frame->count - 1) {
		return RULE(CORE_COMPOUND_0010) ? -1 : 1;
	}
	return related > 0;
}

static void start(const struct frame *frame, unsigned int first,
	unsigned int count, uint32_t refuse)
{
	struct chain *chain = chain_create(frame->conn, frame->message, count);

	if (!chain) {
		conn_close(frame->conn, "out of memory");
		return;
	}
	chain->encrypted = frame->encrypted;
	if (frame->encrypted && secure_seals_answer(frame->conn)) {
		chain->seal_session =
			session_on(frame->conn, frame->transform_session);
		chain->seal = chain->seal_session;
	}
	if (chain->seal) {
		session_hold(chain->seal_session);
	}
	chain->refuse = refuse;
	for (unsigned int i = 0; i < count; i++) {
		size_t base = frame->plain.p - frame->message->data;

		chain->elements[i] = frame->elements[first + i];
		chain->elements[i].offset += base;
	}
	chain_run(chain);
}

static const char *frame_process(struct frame *frame)
{
	const char *why = frame_walk(frame);
	int style;

	for (unsigned int i = 0; !why && i < frame->count; i++) {
		why = check_element(frame, i);
	}
	if (why || frame->drop) {
		return why;
	}
	style = frame_style(frame);
	if (style > 0 || frame->count == 1 || !RULE(CORE_COMPOUND_0001)) {
		start(frame, 0, frame->count,
			style < 0 ? STATUS_INVALID_PARAMETER : 0);
		return NULL;
	}
	for (unsigned int i = 0; i < frame->count; i++) {
		start(frame, i, 1, style < 0 ? STATUS_INVALID_PARAMETER : 0);
	}
	return NULL;
}

static const char *frame_dispatch(struct frame *frame)
{
	const char *why;

	switch (protocol_of(frame->plain)) {
	case PROTOCOL_SMB1:
		negotiate_smb1(frame->conn, frame->message);
		return NULL;
	case PROTOCOL_TRANSFORM:
		why = frame_open(frame);
		return why || frame->drop ? why : frame_process(frame);
	case PROTOCOL_COMPRESSION:
		return "compressed, but no compression was agreed";
	case PROTOCOL_SMB2:
		return frame_process(frame);
	default:
		return RULE(CORE_TRANSPORT_0004) ? "no SMB message" : NULL;
	}
}

void frame_receive(struct engine_conn *conn, struct blob *message)
{
	struct frame frame = {.conn = conn,
		.message = message,
		.plain = {message->data, message->n}};
	const char *why;

	conn_hold(conn);
	if (message->n > longest(conn) && RULE(CORE_TRANSPORT_0007)) {
		why = "message too long";
	} else {
		why = frame_dispatch(&frame);
	}
	if (why) {
		conn_log(conn, LOG_WARN, "message.refused", "reason=\"%s\"",
			why);
		conn_close(conn, why);
	}
	blob_release(message);
	conn_release(conn);
}

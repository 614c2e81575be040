/* SPDX-License-Identifier: MIT */
/*
 * The SMB1 NEGOTIATE of a client that speaks both. [MS-SMB2] 3.3.5.3;
 * the request's layout is [MS-CIFS] 2.2.4.52: a 32-byte header, WordCount 0,
 * ByteCount, then dialects as 0x02, text, 0x00.
 */
#include <string.h>

#include "engine/negotiate.h"
#include "ports/blob.h"

#define SMB1_HEADER_SIZE 32
#define SMB_COM_NEGOTIATE 0x72

static bool has_dialect(struct wire_view list, const char *name)
{
	size_t at = 0;

	while (at < list.n && list.p[at] == 0x02) {
		const uint8_t *text = list.p + at + 1;
		size_t room = list.n - at - 1;
		size_t n = strnlen((const char *)text, room);

		if (n == room) {
			return false; /* not terminated */
		}
		if (!strcmp((const char *)text, name)) {
			return true;
		}
		at += n + 2;
	}
	return false;
}

/* The dialect to answer with, or 0. */
static uint16_t choose(const struct engine *engine, struct wire_view message)
{
	const uint8_t *p = message.p;
	struct wire_view list;
	size_t n;

	if (message.n < SMB1_HEADER_SIZE + 3 || p[4] != SMB_COM_NEGOTIATE ||
		p[SMB1_HEADER_SIZE] != 0) {
		return 0;
	}
	n = wire_get16(p + SMB1_HEADER_SIZE + 1);
	if (n > message.n - SMB1_HEADER_SIZE - 3) {
		return 0;
	}
	list = wire_view_of(p + SMB1_HEADER_SIZE + 3, n);
	if (has_dialect(list, "SMB 2.???") &&
		engine->config.max_dialect > SMB2_DIALECT_202 &&
		RULE(CORE_NEGOTIATE_0001)) {
		return SMB2_DIALECT_WILDCARD;
	}
	if (has_dialect(list, "SMB 2.002") &&
		engine->config.min_dialect <= SMB2_DIALECT_202 &&
		RULE(CORE_NEGOTIATE_0002)) {
		return SMB2_DIALECT_202;
	}
	return 0;
}

static void answer(struct engine_conn *conn, uint16_t dialect)
{
	struct smb2_header header = {
		.command = SMB2_NEGOTIATE,
		.flags = SMB2_FLAGS_SERVER_TO_REDIR,
		.credits = credits_grant(conn->credits, 1),
	};
	struct smb2_negotiate_response body;
	struct wire_buf out = {0};
	struct blob *blob;

	negotiate_fill(conn, dialect, &body);
	blob = blob_create(SMB2_HEADER_SIZE + 128 + body.security_buffer.n);
	if (!blob) {
		conn_close(conn, "out of memory");
		return;
	}
	out.p = blob->data;
	out.cap = blob->cap;
	if (smb2_header_encode(&header, &out) < 0 ||
		smb2_negotiate_response_encode(&body, &out) < 0) {
		blob_release(blob);
		conn_close(conn, "answer could not be encoded");
		return;
	}
	blob->n = out.n;
	conn_log(conn, LOG_INFO, "connection.negotiated",
		"dialect=0x%04x smb1=yes", dialect);
	conn_send(conn, blob);
}

void negotiate_smb1(struct engine_conn *conn, struct blob *message)
{
	uint16_t dialect;

	if (conn->secure && RULE(QUIC_CONNECT_0010)) {
		conn_close(conn, "SMB1 over QUIC");
		return;
	}
	if (conn->negotiate_dialect != DIALECT_UNKNOWN ||
		credits_take(conn->credits, 0, 1) != CREDITS_TAKEN) {
		if (RULE(CORE_NEGOTIATE_0004)) {
			conn_close(conn, "second NEGOTIATE");
		}
		return;
	}
	dialect = choose(conn->engine, wire_view_of(message->data, message->n));
	if (!dialect) {
		if (RULE(CORE_NEGOTIATE_0003)) {
			conn_close(conn, "SMB1 client without an SMB2 dialect");
		}
		return;
	}
	conn->negotiate_dialect = dialect;
	negotiate_settle(conn,
		dialect == SMB2_DIALECT_WILDCARD ? SMB2_DIALECT_210 : dialect);
	answer(conn, dialect);
	if (dialect == SMB2_DIALECT_WILDCARD) {
		conn->dialect = 0; /* the real one follows */
		conn->multi_credit = true;
	}
}

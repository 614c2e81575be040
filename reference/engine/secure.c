/* SPDX-License-Identifier: MIT */
/*
 * Connections whose transport encrypts (QUIC): what client and server agree on
 * about it, and what a request needs in spite of it. The need is computed for
 * each request from what session and share require and from the connection of
 * the request; nothing of the outcome is kept in session or tree connect.
 * spec/quic.adoc; [MS-SMB2] 2.2.3.1.5, 2.2.4.1.5, 3.3.1.7, 3.3.5.4
 */
#include "engine/core.h"
#include "engine/secure.h"

uint32_t secure_read(struct engine_conn *conn, struct wire_view data)
{
	const struct engine_config *config = &conn->engine->config;
	struct smb2_transport_data offer;
	bool wanted;

	if (smb2_transport_data_decode(data, &offer) < 0) {
		return RULE(QUIC_CAPS_0001) ? STATUS_INVALID_PARAMETER : 0;
	}
	if (offer.flags & ~SMB2_ACCEPT_TRANSPORT_LEVEL_SECURITY &&
		!RULE(QUIC_CAPS_0006)) {
		return STATUS_INVALID_PARAMETER;
	}
	wanted = offer.flags & SMB2_ACCEPT_TRANSPORT_LEVEL_SECURITY;
	if (!wanted && RULE(QUIC_CAPS_0003)) {
		return 0;
	}
	if (!conn->secure && RULE(QUIC_CAPS_0004)) {
		return 0;
	}
	if (config->encrypt_over_quic && RULE(QUIC_CAPS_0005)) {
		return 0;
	}
	conn->accepts_transport = RULE(QUIC_CAPS_0002);
	return 0;
}

bool session_needs_encryption(
	const struct session *session, const struct engine_conn *conn)
{
	if (!session->encrypt) {
		return false;
	}
	if (conn->accepts_transport) {
		return session->made_exempt ? !RULE(QUIC_CAPS_0011)
					    : !RULE(QUIC_CHANNEL_0004);
	}
	if (session->made_exempt && !RULE(QUIC_CHANNEL_0002)) {
		return false;
	}
	return !conn->secure || RULE(QUIC_CAPS_0014);
}

bool tree_needs_encryption(
	const struct tree *tree, const struct engine_conn *conn)
{
	if (!tree->share->encrypt) {
		return false;
	}
	if (conn->accepts_transport) {
		return tree->made_exempt ? !RULE(QUIC_CAPS_0012)
					 : !RULE(QUIC_CHANNEL_0005);
	}
	if (tree->made_exempt && !RULE(QUIC_CHANNEL_0003)) {
		return false;
	}
	return !conn->secure || RULE(QUIC_CAPS_0013);
}

bool session_announces_encryption(
	const struct session *session, const struct engine_conn *conn)
{
	return session->encrypt &&
	       (!conn->accepts_transport || !RULE(QUIC_CAPS_0009));
}

bool secure_seals_answer(const struct engine_conn *conn)
{
	return RULE(CORE_ENCRYPT_0012) &&
	       (RULE(QUIC_CAPS_0015) || !conn->accepts_transport);
}

bool secure_refuses_pipes(const struct engine_conn *conn)
{
	if (!conn->secure) {
		return !RULE(QUIC_PIPE_0004);
	}
	if (conn->engine->config.pipes_over_quic) {
		return !RULE(QUIC_PIPE_0003);
	}
	return RULE(QUIC_PIPE_0002);
}

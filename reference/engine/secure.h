/* SPDX-License-Identifier: MIT */
/*
 * What a transport that encrypts (QUIC) changes. spec/quic.adoc
 */
#ifndef SMB3X_ENGINE_SECURE_H
#define SMB3X_ENGINE_SECURE_H

#include "engine/state.h"

/* The data of an SMB2_TRANSPORT_CAPABILITIES context; settles
 * conn->accepts_transport. 0 or the status to fail with. */
uint32_t secure_read(struct engine_conn *conn, struct wire_view data);

/* Whether a request on conn has to be encrypted because of its session, or of
 * the share of its tree. */
bool session_needs_encryption(
	const struct session *session, const struct engine_conn *conn);
bool tree_needs_encryption(
	const struct tree *tree, const struct engine_conn *conn);

/* Whether SESSION_SETUP on conn tells the client to encrypt. */
bool session_announces_encryption(
	const struct session *session, const struct engine_conn *conn);

/* Whether the answer to an encrypted request is encrypted. */
bool secure_seals_answer(const struct engine_conn *conn);

/* Whether a pipe is not to be opened on conn, whatever its name. */
bool secure_refuses_pipes(const struct engine_conn *conn);

#endif

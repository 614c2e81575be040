/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the suite tell each other about messages; tests use
 * suite/peer.h.
 */
#ifndef SMB3X_SUITE_LINK_H
#define SMB3X_SUITE_LINK_H

#include "suite/peer.h"

/* A peer on a connected descriptor. */
struct peer *link_new_peer(
	struct test *t, int fd, uint16_t local, uint16_t remote);

/* Frames, records and sends one message; plain is its decrypted form, if the
 * message is encrypted. Returns its frame number. */
uint32_t link_send(
	struct peer *peer, struct wire_view message, struct wire_view plain);

/* One whole message with its length prefix, valid during the call. */
void receive_message(struct peer *peer, struct wire_view framed);

/* The channel of a session on this connection, NULL if there is none. */
struct channel *peer_channel(struct peer *peer, uint64_t session_id);
struct channel *peer_add_channel(struct peer *peer, struct session *session);
/* Notes the keys of a session, so that the capture can be decrypted. */
void session_log_keys(struct peer *peer, const struct session *session);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Peers over QUIC, and what a test can do to the transport under them.
 * Everything else (requests, replies, words) is as over TCP; frames of the
 * stream are recorded as if they had come over TCP. spec/quic.adoc
 */
#ifndef SMB3X_SUITE_QUIC_H
#define SMB3X_SUITE_QUIC_H

#include "suite/peer.h"
#include "suite/quic_dial.h"

#define QUIC_HANDSHAKE_MS 5000

/* A QUIC connection with stream 0, nothing sent on it; offer may be NULL. No
 * connection: no verdict. */
struct peer *quic_connect(struct test *t, const struct quic_offer *offer);

/* A handshake that need not succeed: the peer, or NULL and why. */
struct peer *quic_attempt(struct test *t, const struct quic_offer *offer,
	struct quic_outcome *ret_outcome);

/* Lets time pass in which connections are looked after. */
void quic_pause(struct test *t, unsigned int ms);

/* Ends the peer's connection, then the relay that it went through. */
struct quic_relay;
void quic_leave(struct peer *peer, struct quic_relay *relay);

/* How the connection of the peer ended; waits so long for it. */
struct quic_outcome quic_ended_within(struct peer *peer, unsigned int ms);
/* "CONNECTION_CLOSE 0x1c, code 0x178 (...)": for reports. */
const char *quic_told(struct test *t, struct quic_outcome outcome);

#endif

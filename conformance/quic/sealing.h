/* SPDX-License-Identifier: MIT */
/*
 * Requests whose answer tells whether a connection has to encrypt: signed and
 * in the clear, or encrypted. spec/quic.adoc, sections "Transport
 * capabilities" and "Channels of different transports"
 */
#ifndef SMB3X_QUIC_SEALING_H
#define SMB3X_QUIC_SEALING_H

#include "suite/file.h"

#define ENCRYPTED_SHARE "encrypted"

/* Skips where no session is required to encrypt. */
void need_required_sessions(struct test *t, enum transport transport);

/* CREATE of what is not there, so that an answer other than "no such file" is
 * about the request; signed and in the clear, or encrypted. */
struct reply *create_sealed(struct peer *peer, enum encryption_mode seal);

/* Signed and in the clear: the session's, and no share's. Later requests go to
 * the tree. */
struct reply *tree_connect_plainly(struct peer *peer, const char *share);

#endif

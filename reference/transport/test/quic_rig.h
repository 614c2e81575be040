/* SPDX-License-Identifier: MIT */
/*
 * A client's and a server's endpoint in one thread, on a link in memory with
 * virtual time and a bad network in between.
 */
#ifndef SMB3X_TRANSPORT_TEST_QUIC_RIG_H
#define SMB3X_TRANSPORT_TEST_QUIC_RIG_H

#include "transport/impair.h"
#include "transport/quic_ep.h"

#define RIG_MS 1000000ull

enum rig_side { RIG_CLIENT, RIG_SERVER };

struct rig_packet;

/* What one side was told. */
struct rig_user {
	struct quic_ep *ep;
	unsigned int ready, over;
	struct quic_end end;
	size_t messages, bytes; /* received */
	uint64_t digest;        /* of all bytes, in order */
	bool echo;              /* send every message back */
	bool kept;              /* the last message is kept: */
	struct blob *last;
	uint8_t raw[4096]; /* with bare bytes */
	size_t raw_size;
	bool raw_end;
	unsigned int cids;
};

struct rig {
	uint64_t now;
	struct rig_user users[2];
	struct quic_ep_config config[2];
	struct impair impair[2]; /* by sender */
	uint16_t client_port;    /* as the server sees it */
	bool black_hole;
	struct rig_packet *queue;
	uint64_t order;
	size_t carried, carried_bytes[2]; /* by sender */
	bool raw_client;
};

/* Credentials: a self-made certificate, and a client that knows it. */
void rig_init(struct rig *rig, const struct impair_config *network);
/* Forgets the connection, for another one with the same credentials. */
void rig_again(struct rig *rig);
void rig_finish(struct rig *rig);
/* Makes the client's endpoint; the server's comes with the first packet. */
void rig_connect(struct rig *rig);
/* Virtual time goes on until then, or until nothing will ever happen. */
void rig_run(struct rig *rig, uint64_t until);
/* Until done() or the time; whether it was done(). */
bool rig_until(struct rig *rig, bool (*done)(struct rig *rig), uint64_t until);
bool rig_is_ready(struct rig *rig);
bool rig_is_over(struct rig *rig);

/* A message of n bytes that are made of seed. */
struct blob *rig_message(size_t n, uint32_t seed);
/* Sends it and goes on with virtual time a bit. */
void rig_send(struct rig *rig, enum rig_side side, struct blob *message);
void rig_flush(struct rig *rig, enum rig_side side);
/* As the side sees it now. */
void rig_path(struct rig *rig, enum rig_side side, struct quic_path *ret_path);
uint64_t rig_digest(uint64_t digest, const uint8_t *p, size_t n);

#endif

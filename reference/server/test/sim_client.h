/* SPDX-License-Identifier: MIT */
/*
 * A client in the simulator: it goes its way in by itself, then does what
 * chance says, several requests at a time, and watches the answers.
 */
#ifndef SMB3X_SERVER_TEST_SIM_CLIENT_H
#define SMB3X_SERVER_TEST_SIM_CLIENT_H

#include "crypto/crypto.h"
#include "server/test/sim_world.h"
#include "wire/all.h"

#define CONN_PENDING 24

enum pending_kind {
	PENDING_NEGOTIATE,
	PENDING_SESSION,
	PENDING_TREE,
	PENDING_DATA, /* CREATE of the common file */
	PENDING_ROOT, /* CREATE of the directory above it */
	PENDING_READ,
	PENDING_WRITE,
	PENDING_LOCK,
	PENDING_UNLOCK,
	PENDING_NOTIFY,
	PENDING_TEMP, /* CREATE of a file that goes with its handle */
	PENDING_OTHER,
};

struct pending {
	bool used, interim, cancelled;
	enum pending_kind kind;
	uint64_t id, async_id, sent, value;
	unsigned int region;
};

/* A connection, and all that its client remembers with it. */
struct conn {
	struct world *world;
	struct conn *next;
	unsigned int client; /* which one */
	struct sim_peer *peer;
	struct engine_conn *engine;
	bool server_gone, gone; /* the ends were told */
	bool ready;             /* all the way in */
	bool leaving;           /* its session may be over */
	uint16_t dialect;
	int64_t credits;
	uint64_t message_id, session_id;
	uint32_t tree_id;
	uint8_t preauth[CRYPTO_PREAUTH_SIZE];
	struct crypto_keys keys;
	bool sign;
	struct smb2_fileid data, root;
	struct pending pending[CONN_PENDING];
	uint8_t message[4096];
	size_t n, element;
};

/* A new connection of that client; NULL when the server refuses it. */
struct conn *conn_open(struct world *world, unsigned int client);
/* Something that a client may do. */
void conn_act(struct conn *conn);
/* Gives up locks and cancels what waits; nothing else is sent. */
void conn_quiet(struct conn *conn);
/* Requests without a final answer. */
unsigned int conn_unanswered(const struct conn *conn);

#endif

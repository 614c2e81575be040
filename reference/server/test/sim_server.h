/* SPDX-License-Identifier: MIT */
/*
 * A server in the simulator, for worlds of clients around it: the engine, one
 * share in memory whose operations take a while and overtake each other, and
 * users who are believed.
 */
#ifndef SMB3X_SERVER_TEST_SIM_SERVER_H
#define SMB3X_SERVER_TEST_SIM_SERVER_H

#include <stdlib.h>

#include "engine/engine.h"
#include "loop/sim.h"
#include "server/test/sim_auth.h"
#include "server/test/sim_files.h"

#define SIM_START 133000000000000000ull
#define SIM_SECOND 10000000ull

struct sim_server {
	struct sim *sim;
	struct engine *engine;
	struct sim_auth auth;
	struct engine_share share;
	struct sim_files files;
};

/* What worlds differ in. */
struct sim_server_config {
	uint64_t seed;
	uint64_t work_max; /* until an operation on files has run */
	uint32_t loss;     /* connections lost per million messages */
	/* The engine's. */
	uint16_t credits;
	uint32_t connections, sessions, opens;
	uint64_t lease_break_ns;
	struct sim_machine machine;
};

/* Makes all of it, or aborts. */
void sim_server_init(
	struct sim_server *server, const struct sim_server_config *config);
/* Connections are gone() first. */
void sim_server_finish(struct sim_server *server);

/* Of a machine whose ctx is a sim_server, or begins with one. */
void sim_server_advance(void *ctx, uint64_t now);
uint64_t sim_server_deadline(void *ctx);

/* The session key of a user of that name. */
void sim_server_key(const char *user, uint8_t ret_key[16]);
/* What a client connects to; the view lasts. */
struct wire_view sim_server_share(void);

/* Of what cannot fail in a test. */
static inline void must(bool held)
{
	if (!held) {
		abort();
	}
}

#endif

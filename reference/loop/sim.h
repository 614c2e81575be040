/* SPDX-License-Identifier: MIT */
/*
 * The simulator: virtual time, links in memory whose messages take a while
 * and whose connections get lost, and work that is run at a time of the
 * simulator's choosing. Everything that is left to chance comes from one seed:
 * the same seed with the same input gives the same run, event by event.
 *
 * It drives any machine that has the engine's shape; it knows no engine, no
 * clock, no socket and no thread. Times are FILETIME (100 ns).
 */
#ifndef SMB3X_LOOP_SIM_H
#define SMB3X_LOOP_SIM_H

#include "ports/blob.h"
#include "ports/host.h"
#include "ports/link.h"
#include "ports/work.h"

struct sim_config {
	uint64_t seed;
	uint64_t start;                /* when the run begins */
	uint64_t delay_min, delay_max; /* of a message on its way */
	uint64_t work_min, work_max;   /* until posted work has run */
	uint32_t loss; /* connections lost per million messages */
	uint32_t max_message;
};

/* The machine under simulation: engine.h's entries. */
struct sim_machine {
	void *ctx;
	void (*advance)(void *ctx, uint64_t now);
	uint64_t (*deadline)(void *ctx); /* UINT64_MAX: none */
	void *(*accepted)(void *ctx, struct link *link);
	void (*input)(void *conn, struct blob *message);
	void (*gone)(void *conn);
};

/* The other end of a link, and what its user is told. */
struct sim_peer;
struct sim_peer_user {
	void *ctx;
	/* Takes the hold of message. */
	void (*received)(void *ctx, struct blob *message);
	/* Nothing follows; the peer is freed with the simulator. */
	void (*gone)(void *ctx);
};

struct sim;

/* NULL without memory. The machine is given afterwards, because it is made
 * of the simulator's ports. */
struct sim *sim_create(const struct sim_config *config);
void sim_set_machine(struct sim *sim, const struct sim_machine *machine);
/* Drops what is under way; the machine's connections are gone() first. */
void sim_destroy(struct sim *sim);

const struct host_port *sim_host(struct sim *sim);
struct work_port *sim_work(struct sim *sim);
uint64_t sim_now(const struct sim *sim);
/* Seeded; below n. */
uint64_t sim_chance(struct sim *sim, uint64_t n);

/* NULL when the machine refuses. */
struct sim_peer *sim_connect(struct sim *sim, const struct sim_peer_user *user);
/* Takes the hold of message; it is lost when the link is over. */
void sim_send(struct sim_peer *peer, struct blob *message);
/* Ends the connection after what was sent; or now, with all on its way. */
void sim_hang_up(struct sim_peer *peer);
void sim_cut(struct sim_peer *peer);
/* Is what is sent going to arrive? An end may not have been told yet. */
bool sim_connected(const struct sim_peer *peer);

/* The next event; false when nothing will ever happen by itself. */
bool sim_step(struct sim *sim);
/* All events up to that time, which it then is. */
void sim_run(struct sim *sim, uint64_t until);

/* A number over everything that happened, for comparing runs. */
uint64_t sim_digest(const struct sim *sim);

#endif

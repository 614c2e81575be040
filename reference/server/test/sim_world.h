/* SPDX-License-Identifier: MIT */
/*
 * The engine in the simulator, and what clients know for certain about the
 * contents and locks of one common file.
 */
#ifndef SMB3X_SERVER_TEST_SIM_WORLD_H
#define SMB3X_SERVER_TEST_SIM_WORLD_H

#include "server/test/sim_server.h"

#define SIM_CLIENTS 5
#define SIM_CREDITS 24
#define SIM_REGIONS 8
#define SIM_REGION 512 /* bytes; each is filled with one value */

struct conn;

/* One WRITE of a region: when it was sent and answered, by world.clock. */
struct world_write {
	uint64_t value, start, end; /* end: UINT64_MAX until answered */
	bool refused;               /* for certain not done */
};

struct world_region {
	struct world_write *writes;
	size_t count, cap;
	struct conn *holder; /* of the exclusive lock, for certain */
	uint64_t held_since;
};

struct world {
	struct sim_server server; /* first */
	uint64_t seed;
	bool broken;        /* an invariant did not hold */
	struct conn *conns; /* all there ever were */
	struct conn *connecting;
	uint64_t sessions[SIM_CLIENTS]; /* the last one of each */
	struct world_region regions[SIM_REGIONS];
	uint64_t clock, values;
	/* What the run has seen. */
	unsigned int answers, interims, locks, reads, lost, refused;
};

/* Everything that is random comes from seed. */
void world_init(struct world *world, uint64_t seed);
/* Ends what is left; every connection has to be gone for engine_idle(). */
void world_finish(struct world *world);

/* An invariant does not hold: says so with the seed. */
void world_broken(struct world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Returns the value to fill the region with. */
uint64_t world_write_begins(struct world *world, unsigned int region);
enum world_outcome { WORLD_DONE, WORLD_REFUSED, WORLD_UNKNOWN };
void world_write_ends(struct world *world, unsigned int region, uint64_t value,
	enum world_outcome outcome);
/* A READ that was sent at that time has given n bytes. */
void world_read(struct world *world, unsigned int region, uint64_t sent,
	const uint8_t *data, size_t n);
/* A READ or WRITE of conn, sent at that time, was let through or met a lock. */
void world_passed(struct world *world, unsigned int region,
	const struct conn *conn, uint64_t sent, bool passed);
void world_locked(struct world *world, unsigned int region, struct conn *conn);
/* conn may hold no lock from now on (UINT_MAX: of any region). */
void world_unlocked(
	struct world *world, unsigned int region, const struct conn *conn);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The engine in the simulator with clients that cache: the world that sees
 * everything. It stands at three places: at the clients (what they read), at
 * the server's end of each connection (every message, in the order in which
 * the engine takes and gives them) and between the engine and its files.
 */
#ifndef SMB3X_SERVER_TEST_LEASE_WORLD_H
#define SMB3X_SERVER_TEST_LEASE_WORLD_H

#include "crypto/crypto.h"
#include "server/test/lease_contents.h"
#include "server/test/lease_judge.h"
#include "server/test/sim_server.h"
#include "wire/all.h"

#define SECOND SIM_SECOND
#define WORLD_CLIENTS 4
#define WORLD_DIRS 2
#define WORLD_NAMES 3 /* of files in each directory */
#define WORLD_FILES (WORLD_DIRS * WORLD_NAMES)
#define WORLD_REGION 64 /* bytes; each is filled with one value */
#define WORLD_LOG 48
#define WORLD_LINE 160
#define WORLD_CREDITS 16
#define WORLD_BREAK_SECONDS 35

struct client;

/* A directory as it has been since then. */
struct world_listing {
	uint64_t since, hash;
};

struct world_directory {
	struct world_listing *listings; /* the newest last */
	size_t count, cap;
};

/* What the runs have seen. */
struct world_tally {
	unsigned int messages, opens, breaks, acks, timeouts, late;
	unsigned int resumed, refused, replays, cached_reads, unjudged;
	unsigned int cached_writes, flushes, listings, cached_listings;
	unsigned int lost, locks, waits, renames, deletes, zeroings;
};

struct world {
	struct sim_server server; /* first */
	uint64_t seed;
	bool broken, verbose, quiet;
	uint64_t grace; /* for what a directory was a moment ago */
	struct conn *conns, *connecting;
	uint64_t conn_serial, key_serial;
	struct client *clients[WORLD_CLIENTS + 1]; /* the last: an impostor */
	struct judge judge;
	struct contents contents;
	struct world_directory directories[WORLD_DIRS];
	char log[WORLD_LOG][WORLD_LINE];
	unsigned int log_count;
	const char *what; /* which invariant did not hold */
	struct world_tally tally;
};

/* Everything that is random comes from seed. */
void world_init(struct world *world, uint64_t seed, bool verbose, bool quiet);
void world_finish(struct world *world);

static inline uint64_t world_chance(struct world *world, uint64_t n)
{
	return sim_chance(world->server.sim, n);
}

/* For the log of the last events. */
void world_note(struct world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* An invariant does not hold: says so once, with the seed, the time and the
 * last events. */
void world_broken(struct world *world, const char *invariant,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

/* "d0\\a", or the directory's own name. */
const char *world_path(unsigned int file);
const char *world_directory_path(unsigned int directory);
/* A number over names and attributes, whatever the order. */
uint64_t world_entry_hash(const char *name, size_t n, uint32_t dos_attributes);
/* Has the directory been that at some time since then? */
bool world_was_listed(const struct world *world, unsigned int directory,
	uint64_t hash, uint64_t since);

#endif

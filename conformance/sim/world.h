/* SPDX-License-Identifier: MIT */
/*
 * The server inside smb3x-check-sim: engine, users, files in memory and the
 * framing of Direct TCP, put together on streams in memory with virtual time.
 * Configured by the words of smb3xd's command line.
 */
#ifndef SMB3X_SIM_WORLD_H
#define SMB3X_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

struct world;
struct simstream;

/* What all worlds of the process have in common, and of its children: read
 * from the words once. Exits when they cannot be used. */
void world_configure(int argc, char *const argv[]);

/* Everything that is left to chance comes from the seed. Ends the process
 * without memory. */
struct world *world_create(uint64_t seed);
/* Connections end first. */
void world_destroy(struct world *world);

/* Nanoseconds since the world began. */
uint64_t world_clock(const struct world *world);
/* One event; or, without any before `until`, it is then. */
void world_step(struct world *world, uint64_t until);

/* A connection: its end in world_streams(); or negative errno. */
int world_connect(struct world *world);
struct simstream *world_streams(struct world *world);

#endif

/* SPDX-License-Identifier: MIT */
/* The engine in the simulator; see sim_world.h. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/test/sim_client.h"
#include "server/test/sim_world.h"

void world_broken(struct world *world, const char *format, ...)
{
	va_list arguments;

	world->broken = true;
	fprintf(stderr,
		"seed %llu, clock %llu: ", (unsigned long long)world->seed,
		(unsigned long long)world->clock);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

/* ---- the machine ---- */

static void *machine_accepted(void *ctx, struct link *link)
{
	struct world *world = ctx;
	struct conn *conn = world->connecting;

	conn->engine = engine_accept(world->server.engine, link);
	return conn->engine != NULL ? conn : NULL;
}

static void machine_input(void *ctx, struct blob *message)
{
	engine_input(((struct conn *)ctx)->engine, message);
}

static void machine_gone(void *ctx)
{
	struct conn *conn = ctx;

	conn->server_gone = true;
	world_unlocked(conn->world, UINT_MAX, conn);
	engine_gone(conn->engine);
}

void world_init(struct world *world, uint64_t seed)
{
	/* Files that answer at once, and such that are waited for. */
	const struct sim_server_config config = {.seed = seed * 977 + 1,
		.work_max = seed % 4 == 0 ? 2 * SIM_SECOND : SIM_SECOND / 50,
		.loss = seed % 3 == 0 ? 0 : 3000,
		.credits = SIM_CREDITS,
		.connections = SIM_CLIENTS + 1,
		.sessions = SIM_CLIENTS + 2,
		.opens = 40,
		.machine = {world, sim_server_advance, sim_server_deadline,
			machine_accepted, machine_input, machine_gone}};

	*world = (struct world){.seed = seed};
	sim_server_init(&world->server, &config);
}

void world_finish(struct world *world)
{
	struct conn *conn;

	sim_server_finish(&world->server);
	while ((conn = world->conns) != NULL) {
		world->conns = conn->next;
		free(conn);
	}
	for (unsigned int i = 0; i < SIM_REGIONS; i++) {
		free(world->regions[i].writes);
	}
}

/* ---- what is known of the common file ---- */

uint64_t world_write_begins(struct world *world, unsigned int region)
{
	struct world_region *r = &world->regions[region];

	if (r->count == r->cap) {
		r->cap = 2 * r->cap + 16;
		r->writes = realloc(r->writes, r->cap * sizeof(*r->writes));
		if (r->writes == NULL) {
			abort();
		}
	}
	r->writes[r->count++] = (struct world_write){
		++world->values, ++world->clock, UINT64_MAX, false};
	return world->values;
}

static struct world_write *find_write(
	const struct world_region *region, uint64_t value)
{
	for (size_t i = 0; i < region->count; i++) {
		if (region->writes[i].value == value) {
			return &region->writes[i];
		}
	}
	return NULL;
}

void world_write_ends(struct world *world, unsigned int region, uint64_t value,
	enum world_outcome outcome)
{
	struct world_write *write = find_write(&world->regions[region], value);

	++world->clock;
	write->refused = outcome == WORLD_REFUSED;
	if (outcome == WORLD_DONE) {
		write->end = world->clock;
	}
}

/* Whether a later write was over before the READ was sent. */
static bool superseded(
	const struct world_region *region, uint64_t end, uint64_t sent)
{
	for (size_t i = 0; i < region->count; i++) {
		const struct world_write *w = &region->writes[i];

		if (w->end < sent && w->start > end) {
			return true;
		}
	}
	return false;
}

void world_read(struct world *world, unsigned int region, uint64_t sent,
	const uint8_t *data, size_t n)
{
	const struct world_region *r = &world->regions[region];
	const struct world_write *write;
	uint64_t value = n >= 8 ? wire_get64(data) : 0, end = 0;

	world->reads++;
	if (n != 0 && n != SIM_REGION) {
		world_broken(
			world, "READ of region %u gave %zu bytes", region, n);
	}
	for (size_t i = 0; i + 8 <= n; i += 8) {
		if (wire_get64(data + i) != value) {
			world_broken(world, "region %u was read half written",
				region);
			return;
		}
	}
	write = find_write(r, value);
	if (value != 0 && (write == NULL || write->refused)) {
		world_broken(
			world, "region %u holds what nobody wrote", region);
		return;
	}
	if (write != NULL) {
		end = write->end;
	}
	if (superseded(r, end, sent)) {
		world_broken(
			world, "region %u was read with an old value", region);
	}
}

void world_passed(struct world *world, unsigned int region,
	const struct conn *conn, uint64_t sent, bool passed)
{
	const struct world_region *r = &world->regions[region];

	if (r->holder == NULL || r->held_since > sent) {
		return;
	}
	if (passed != (r->holder == conn)) {
		world_broken(world, "region %u: %s", region,
			passed ? "a lock of another open was passed"
			       : "an open met its own lock");
	}
}

void world_locked(struct world *world, unsigned int region, struct conn *conn)
{
	struct world_region *r = &world->regions[region];

	++world->clock;
	world->locks++;
	if (conn->server_gone) {
		return;
	}
	if (r->holder != NULL) {
		world_broken(world, "region %u is locked twice", region);
	}
	r->holder = conn;
	r->held_since = world->clock;
}

void world_unlocked(
	struct world *world, unsigned int region, const struct conn *conn)
{
	++world->clock;
	for (unsigned int i = 0; i < SIM_REGIONS; i++) {
		if ((region == i || region == UINT_MAX) &&
			world->regions[i].holder == conn) {
			world->regions[i].holder = NULL;
		}
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * The real engine with clients, delays and lost connections in virtual time.
 * Every seed is another run; one that fails is named, and played again by
 *	sim_engine SEED [LAST]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/test/sim_client.h"
#include "server/test/sim_world.h"

#define SEEDS 200
#define ACTIONS 1200

struct totals {
	unsigned int answers, interims, locks, reads, lost, refused;
};

/* Clients act, connections end and come again. */
static void live(struct world *world, struct conn *clients[SIM_CLIENTS])
{
	for (unsigned int i = 0; i < ACTIONS && !world->broken; i++) {
		unsigned int who = (unsigned int)sim_chance(
			world->server.sim, SIM_CLIENTS);

		if (clients[who] == NULL || clients[who]->gone) {
			clients[who] = conn_open(world, who);
		} else {
			conn_act(clients[who]);
		}
		for (uint64_t n = sim_chance(world->server.sim, 4); n > 0;
			n--) {
			sim_step(world->server.sim);
		}
		if (sim_chance(world->server.sim, 60) == 0) {
			sim_run(world->server.sim,
				sim_now(world->server.sim) +
					sim_chance(world->server.sim,
						3 * SIM_SECOND));
		}
	}
}

/* No more is asked: all that was asked is answered, or the link is over. */
static void settle(struct world *world, struct conn *clients[SIM_CLIENTS])
{
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < SIM_CLIENTS; i++) {
			if (clients[i] != NULL && !clients[i]->gone) {
				conn_quiet(clients[i]);
			}
		}
		sim_run(world->server.sim,
			sim_now(world->server.sim) + 30 * SIM_SECOND);
	}
	for (unsigned int i = 0; i < SIM_CLIENTS; i++) {
		if (clients[i] != NULL && !clients[i]->gone &&
			conn_unanswered(clients[i]) > 0) {
			world_broken(world, "client %u waits for %u answers", i,
				conn_unanswered(clients[i]));
		}
	}
}

static void part(struct world *world)
{
	for (struct conn *c = world->conns; c != NULL; c = c->next) {
		if (!c->gone) {
			sim_hang_up(c->peer);
		}
	}
	sim_run(world->server.sim,
		sim_now(world->server.sim) + 120 * SIM_SECOND);
	for (struct conn *c = world->conns; c != NULL; c = c->next) {
		if (!c->gone || !c->server_gone) {
			world_broken(world, "a link has not ended");
		}
	}
	if (!engine_idle(world->server.engine)) {
		world_broken(world, "the engine is not idle");
	}
	if (world->server.files.nodes != 0) {
		world_broken(world, "%d files are still open",
			world->server.files.nodes);
	}
}

static uint64_t play(uint64_t seed, struct totals *totals)
{
	struct conn *clients[SIM_CLIENTS] = {NULL};
	struct world world;
	uint64_t digest;

	world_init(&world, seed);
	live(&world, clients);
	settle(&world, clients);
	part(&world);
	digest = sim_digest(world.server.sim);
	assert_false(world.broken);
	totals->answers += world.answers;
	totals->interims += world.interims;
	totals->locks += world.locks;
	totals->reads += world.reads;
	totals->lost += world.lost;
	totals->refused += world.refused;
	world_finish(&world);
	return digest;
}

/* Also that the runs are worth something: all that can happen does. */
static void every_seed_keeps_the_invariants(void **state)
{
	struct totals t = {0};

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		play(seed, &t);
	}
	print_message("%u answers, %u interim, %u locks, %u reads, %u lost "
		      "connections, %u requests that met a lock\n",
		t.answers, t.interims, t.locks, t.reads, t.lost, t.refused);
	assert_true(t.answers > SEEDS * 500);
	assert_true(t.interims > SEEDS);
	assert_true(t.locks > SEEDS * 5);
	assert_true(t.reads > SEEDS * 60);
	assert_true(t.lost > SEEDS * SIM_CLIENTS);
	assert_true(t.refused > SEEDS);
}

static void a_seed_replays_its_run(void **state)
{
	struct totals t = {0};

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed += 10) {
		uint64_t digest = play(seed, &t);

		assert_true(digest == play(seed, &t));
		assert_true(digest != play(seed + 1, &t));
	}
}

/* The invariants themselves notice what they are for. */
static void what_is_wrong_is_noticed(void **state)
{
	struct conn one = {0}, two = {0};
	uint8_t data[SIM_REGION] = {0};
	uint64_t first, second;
	struct world world;

	(void)state;
	world_init(&world, 1);
	first = world_write_begins(&world, 0);
	wire_put64(data, first);
	world_read(&world, 0, ++world.clock, data, SIM_REGION);
	assert_true(world.broken); /* half written */
	world.broken = false;
	for (size_t i = 0; i < SIM_REGION; i += 8) {
		wire_put64(data + i, first);
	}
	world_read(&world, 0, ++world.clock, data, SIM_REGION);
	assert_false(world.broken);
	world_write_ends(&world, 0, first, WORLD_DONE);
	second = world_write_begins(&world, 0);
	world_read(&world, 0, ++world.clock, data, SIM_REGION);
	assert_false(world.broken);
	world_write_ends(&world, 0, second, WORLD_DONE);
	world_read(&world, 0, ++world.clock, data, SIM_REGION);
	assert_true(world.broken); /* old */
	world.broken = false;
	world_locked(&world, 1, &one);
	world_passed(&world, 1, &one, ++world.clock, true);
	assert_false(world.broken);
	world_passed(&world, 1, &two, ++world.clock, true);
	assert_true(world.broken);
	world.broken = false;
	world_locked(&world, 1, &two);
	assert_true(world.broken);
	world_finish(&world);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_noticed),
		cmocka_unit_test(every_seed_keeps_the_invariants),
		cmocka_unit_test(a_seed_replays_its_run),
	};
	struct totals totals = {0};

	if (argc > 1) {
		uint64_t seed = strtoull(argv[1], NULL, 10);
		uint64_t last = argc > 2 ? strtoull(argv[2], NULL, 10) : seed;

		for (; seed <= last; seed++) {
			play(seed, &totals);
		}
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

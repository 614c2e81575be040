/* SPDX-License-Identifier: MIT */
/*
 * Random schedules of several clients that cache: leases, directory leases,
 * oplocks, durable and resilient opens, lost connections, in virtual time. No
 * seed may break an invariant (lease_judge.h, lease_contents.h, lease_do.c);
 * one that does is named, with the last events.
 *
 *	lease_sim             some seeds, twice; for `make check`
 *	lease_sim -n COUNT    the seeds 1 to COUNT
 *	lease_sim SEED        one, with all that happens
 *	lease_sim --break ID --expect INVARIANT
 *	                      (faulty build) some seed breaks that invariant
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ports/rule.h"
#include "server/test/lease_client.h"

#define SEEDS 400
#define ACTIONS 900
#define EXPECTED_WITHIN 6000 /* seeds, until a broken rule is noticed */

static void pass(struct world *world, uint64_t most)
{
	sim_run(world->server.sim,
		sim_now(world->server.sim) + world_chance(world, most));
}

/* Clients act, time goes on. */
static void live(struct world *world)
{
	for (unsigned int i = 0; i < ACTIONS && !world->broken; i++) {
		client_act(world->clients[world_chance(world, WORLD_CLIENTS)]);
		if (world_chance(world, 8) == 0) {
			impostor_act(world->clients[WORLD_CLIENTS]);
		}
		pass(world, SECOND / 100);
		if (world_chance(world, 50) == 0) {
			pass(world, 3 * SECOND);
		}
		if (world_chance(world, 400) == 0) {
			pass(world, 80 * SECOND);
		}
	}
}

/* Nothing more is asked: breaks are answered, or their time is over, and so
 * everything that waits ends. */
static void settle(struct world *world)
{
	for (unsigned int round = 0; round < 200; round++) {
		for (unsigned int i = 0; i < WORLD_CLIENTS; i++) {
			client_settle(world->clients[i]);
		}
		sim_run(world->server.sim,
			sim_now(world->server.sim) + SECOND / 20);
	}
	/* The judge's clock moves when something happens, or a run ends; what
	 * is overdue is acknowledged still. */
	for (unsigned int i = 0; i < 200; i++) {
		sim_run(world->server.sim, sim_now(world->server.sim) + SECOND);
	}
	for (struct conn *conn = world->conns; conn != NULL;
		conn = conn->next) {
		if (!conn->gone && conn_unanswered(conn) > 0) {
			world_broken(world, "endless wait",
				"client %u waits for %u answers",
				conn->client->index, conn_unanswered(conn));
		}
	}
}

/* Everybody leaves, and all times pass: nothing is left. */
static void part(struct world *world)
{
	for (struct conn *conn = world->conns; conn != NULL;
		conn = conn->next) {
		if (!conn->gone) {
			sim_hang_up(conn->peer);
		}
	}
	sim_run(world->server.sim, sim_now(world->server.sim) + 700 * SECOND);
	for (struct conn *conn = world->conns; conn != NULL;
		conn = conn->next) {
		if (!conn->gone || !conn->server_gone) {
			world_broken(world, "leak", "a link has not ended");
		}
	}
	if (!engine_idle(world->server.engine)) {
		world_broken(world, "leak", "the engine is not idle");
	}
	if (engine_deadline(world->server.engine) != UINT64_MAX) {
		world_broken(world, "leak", "the engine waits for something");
	}
	if (world->server.files.nodes != 0) {
		world_broken(world, "leak", "%d files are still open",
			world->server.files.nodes);
	}
}

struct outcome {
	bool broken;
	const char *what;
	uint64_t digest;
};

static void add(struct world_tally *to, const struct world_tally *from)
{
	const unsigned int *p = (const unsigned int *)from;
	unsigned int *q = (unsigned int *)to;

	for (size_t i = 0; i < sizeof(*to) / sizeof(*q); i++) {
		q[i] += p[i];
	}
}

static struct outcome play(
	uint64_t seed, bool verbose, bool quiet, struct world_tally *tally)
{
	static struct world world;
	struct outcome outcome;

	world_init(&world, seed, verbose, quiet);
	live(&world);
	if (!world.broken) {
		settle(&world);
	}
	part(&world);
	outcome = (struct outcome){
		world.broken, world.what, sim_digest(world.server.sim)};
	add(tally, &world.tally);
	world_finish(&world);
	return outcome;
}

static void print_tally(const struct world_tally *t)
{
	printf("%u messages of the server, %u opens, %u breaks, %u "
	       "acknowledgments, %u timeouts, %u late acknowledgments\n",
		t->messages, t->opens, t->breaks, t->acks, t->timeouts,
		t->late);
	printf("%u waits, %u lost connections, %u opens taken up again, %u "
	       "refused, %u replayed, %u locks\n",
		t->waits, t->lost, t->resumed, t->refused, t->replays,
		t->locks);
	printf("%u cached reads (%u with a break under way), %u cached writes, "
	       "%u flushed, %u listings, %u cached ones\n",
		t->cached_reads, t->unjudged, t->cached_writes, t->flushes,
		t->listings, t->cached_listings);
	printf("%u renames, %u marks for deletion, %u truncations\n",
		t->renames, t->deletes, t->zeroings);
}

static void every_seed_keeps_the_invariants(void **state)
{
	struct world_tally t = {0};

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		assert_false(play(seed, false, false, &t).broken);
	}
	print_tally(&t);
	/* The runs are worth something: all that can happen does. */
	assert_true(t.breaks > SEEDS * 8);
	assert_true(t.acks > SEEDS * 3);
	assert_true(t.timeouts > SEEDS / 10);
	assert_true(t.resumed > SEEDS / 4);
	assert_true(t.refused > SEEDS / 4);
	assert_true(t.replays > 0);
	assert_true(t.cached_reads > SEEDS * 5);
	assert_true(t.cached_writes > SEEDS * 5);
	assert_true(t.cached_listings > SEEDS);
	assert_true(t.renames > SEEDS / 10);
	assert_true(t.zeroings > SEEDS);
}

static void a_seed_replays_its_run(void **state)
{
	struct world_tally t = {0};

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed += 20) {
		uint64_t digest = play(seed, false, false, &t).digest;

		assert_true(digest == play(seed, false, false, &t).digest);
		assert_true(digest != play(seed + 1, false, false, &t).digest);
	}
}

static int play_many(uint64_t first, uint64_t count)
{
	struct world_tally t = {0};
	unsigned int broken = 0;

	for (uint64_t seed = first; seed < first + count; seed++) {
		broken += play(seed, false, false, &t).broken;
	}
	print_tally(&t);
	printf("%llu seeds, %u broken\n", (unsigned long long)count, broken);
	return broken > 0;
}

#ifdef SMB3X_FAULTY
static int expect(const char *rule, const char *invariant)
{
	struct world_tally t = {0};

	if (rule_break(rule) < 0) {
		fprintf(stderr, "%s is no rule\n", rule);
		return 2;
	}
	for (uint64_t seed = 1; seed <= EXPECTED_WITHIN; seed++) {
		struct outcome outcome = play(seed, false, true, &t);

		if (outcome.broken && strcmp(outcome.what, invariant) == 0) {
			printf("%s: %s, by seed %llu\n", rule, invariant,
				(unsigned long long)seed);
			return 0;
		}
	}
	fprintf(stderr, "%s: nobody has noticed (%s)\n", rule, invariant);
	return 1;
}
#else
static int expect(const char *rule, const char *invariant)
{
	(void)rule;
	(void)invariant;
	fputs("only the faulty build breaks rules\n", stderr);
	return 2;
}
#endif

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_seed_keeps_the_invariants),
		cmocka_unit_test(a_seed_replays_its_run),
	};
	struct world_tally t = {0};

	if (argc > 4 && strcmp(argv[1], "--break") == 0) {
		return expect(argv[2], argv[4]);
	}
	if (argc > 2 && strcmp(argv[1], "-n") == 0) {
		return play_many(1, strtoull(argv[2], NULL, 10));
	}
	if (argc > 1) {
		return play(strtoull(argv[1], NULL, 10), true, false, &t)
			.broken;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The simulator with a small machine: it answers every message by way of
 * work, and closes a connection that is silent for 35 seconds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loop/sim.h"

#define SECOND 10000000ull
#define START 133000000000000000ull
#define SILENCE (35 * SECOND)
#define CONNS 8

struct toy;

struct toy_conn {
	struct toy *toy;
	struct link *link;
	uint64_t heard;
	unsigned int holders; /* the link and answers under way */
};

struct toy {
	struct sim *sim;
	struct toy_conn *conns[CONNS];
	uint64_t now;
	unsigned int gone;
};

struct answer {
	struct work work;
	struct toy_conn *conn;
	struct blob *message;
};

static void conn_drop(struct toy_conn *conn)
{
	if (--conn->holders == 0) {
		free(conn);
	}
}

static void answer_run(struct work *work)
{
	struct answer *answer = (struct answer *)work;

	answer->message->data[0] ^= 0xff;
}

static void answer_done(struct work *work)
{
	struct answer *answer = (struct answer *)work;

	if (answer->conn->link != NULL) {
		answer->conn->link->ops->send(
			answer->conn->link, answer->message);
	} else {
		blob_release(answer->message);
	}
	conn_drop(answer->conn);
	free(answer);
}

static void toy_advance(void *ctx, uint64_t now)
{
	struct toy *toy = ctx;

	assert_true(now >= toy->now);
	toy->now = now;
	for (unsigned int i = 0; i < CONNS; i++) {
		struct toy_conn *conn = toy->conns[i];

		if (conn != NULL && conn->heard != UINT64_MAX &&
			now >= conn->heard + SILENCE) {
			conn->heard = UINT64_MAX;
			conn->link->ops->close(conn->link, true);
		}
	}
}

static uint64_t toy_deadline(void *ctx)
{
	struct toy *toy = ctx;
	uint64_t first = UINT64_MAX;

	for (unsigned int i = 0; i < CONNS; i++) {
		struct toy_conn *conn = toy->conns[i];

		if (conn != NULL && conn->heard != UINT64_MAX &&
			conn->heard + SILENCE < first) {
			first = conn->heard + SILENCE;
		}
	}
	return first;
}

static void *toy_accepted(void *ctx, struct link *link)
{
	struct toy *toy = ctx;
	struct toy_conn *conn = calloc(1, sizeof(*conn));

	*conn = (struct toy_conn){toy, link, toy->now, 1};
	for (unsigned int i = 0; i < CONNS; i++) {
		if (toy->conns[i] == NULL) {
			toy->conns[i] = conn;
			return conn;
		}
	}
	free(conn);
	return NULL;
}

static void toy_input(void *ctx, struct blob *message)
{
	struct toy_conn *conn = ctx;
	struct answer *answer = calloc(1, sizeof(*answer));

	conn->heard = conn->toy->now;
	conn->holders++;
	*answer =
		(struct answer){{NULL, answer_run, answer_done}, conn, message};
	work_post(sim_work(conn->toy->sim), &answer->work);
}

static void toy_gone(void *ctx)
{
	struct toy_conn *conn = ctx;

	for (unsigned int i = 0; i < CONNS; i++) {
		if (conn->toy->conns[i] == conn) {
			conn->toy->conns[i] = NULL;
		}
	}
	conn->toy->gone++;
	conn->link = NULL;
	conn_drop(conn);
}

struct client {
	struct sim_peer *peer;
	unsigned int sent, received;
	bool gone;
};

static struct blob *numbered(unsigned int n)
{
	struct blob *message = blob_create(8);

	memset(message->data, (int)n, 8);
	message->n = 8;
	return message;
}

static void client_received(void *ctx, struct blob *message)
{
	struct client *client = ctx;

	assert_int_equal(message->n, 8);
	client->received++;
	blob_release(message);
}

static void client_gone(void *ctx)
{
	struct client *client = ctx;

	assert_false(client->gone);
	client->gone = true;
}

struct run {
	struct sim *sim;
	struct toy toy;
	struct client clients[CONNS];
};

static void run_start(struct run *run, uint64_t seed, uint32_t loss)
{
	const struct sim_config config = {
		seed, START, 100, 5000, 10, 20000, loss, 1 << 20};
	const struct sim_machine machine = {&run->toy, toy_advance,
		toy_deadline, toy_accepted, toy_input, toy_gone};

	memset(run, 0, sizeof(*run));
	run->sim = run->toy.sim = sim_create(&config);
	sim_set_machine(run->sim, &machine);
	for (unsigned int i = 0; i < CONNS; i++) {
		const struct sim_peer_user user = {
			&run->clients[i], client_received, client_gone};

		run->clients[i].peer = sim_connect(run->sim, &user);
		assert_non_null(run->clients[i].peer);
	}
}

/* 2,000 messages by chance; returns the digest. */
static uint64_t run_whole(
	uint64_t seed, uint32_t loss, unsigned int *ret_received)
{
	struct run run;
	uint64_t digest;

	*ret_received = 0;
	run_start(&run, seed, loss);
	for (unsigned int i = 0; i < 2000; i++) {
		struct client *client =
			&run.clients[sim_chance(run.sim, CONNS)];

		client->sent++;
		sim_send(client->peer, numbered(i));
		if (sim_chance(run.sim, 3) == 0) {
			sim_step(run.sim);
		}
	}
	while (sim_step(run.sim)) {
	}
	for (unsigned int i = 0; i < CONNS; i++) {
		*ret_received += run.clients[i].received;
		assert_true(run.clients[i].gone);
		if (loss == 0) {
			assert_int_equal(
				run.clients[i].received, run.clients[i].sent);
		}
	}
	assert_int_equal(run.toy.gone, CONNS);
	digest = sim_digest(run.sim);
	sim_destroy(run.sim);
	return digest;
}

static void a_seed_replays_its_run(void **state)
{
	unsigned int n, m;

	(void)state;
	assert_true(run_whole(1, 0, &n) == run_whole(1, 0, &m));
	assert_int_equal(n, m);
	assert_int_equal(n, 2000);
	assert_true(run_whole(1, 0, &n) != run_whole(2, 0, &m));
	assert_true(run_whole(7, 5000, &n) == run_whole(7, 5000, &m));
	assert_int_equal(n, m);
	assert_true(n < 2000);
}

static void silence_costs_no_time(void **state)
{
	struct run run;

	(void)state;
	run_start(&run, 5, 0);
	sim_run(run.sim, START + SILENCE - 1);
	assert_int_equal(run.toy.gone, 0);
	assert_false(run.clients[0].gone);
	sim_run(run.sim, START + SILENCE + SECOND);
	assert_int_equal(run.toy.gone, CONNS);
	assert_true(run.clients[0].gone);
	assert_true(sim_now(run.sim) == START + SILENCE + SECOND);
	assert_false(sim_step(run.sim));
	sim_destroy(run.sim);
}

static void a_cut_loses_what_is_on_its_way(void **state)
{
	struct run run;

	(void)state;
	run_start(&run, 9, 0);
	sim_send(run.clients[0].peer, numbered(1));
	sim_cut(run.clients[0].peer);
	sim_send(run.clients[1].peer, numbered(1));
	sim_hang_up(run.clients[1].peer);
	sim_send(run.clients[1].peer, numbered(2));
	sim_run(run.sim, START + SECOND);
	assert_int_equal(run.clients[0].received, 0);
	assert_true(run.clients[0].gone);
	assert_true(run.clients[1].gone);
	assert_int_equal(run.toy.gone, 2);
	sim_destroy(run.sim);
}

static void ending_early_leaves_nothing_behind(void **state)
{
	struct run run;

	(void)state;
	run_start(&run, 11, 0);
	for (unsigned int i = 0; i < 50; i++) {
		sim_send(run.clients[i % CONNS].peer, numbered(i));
		sim_step(run.sim);
	}
	sim_destroy(run.sim);
	assert_int_equal(run.toy.gone, CONNS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_replays_its_run),
		cmocka_unit_test(silence_costs_no_time),
		cmocka_unit_test(a_cut_loses_what_is_on_its_way),
		cmocka_unit_test(ending_early_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Streams in memory, by themselves and under the framing of Direct TCP. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transport/simnet.h"
#include "transport/simstream.h"
#include "transport/tcp.h"

#define MS 1000000u
#define WINDOW 1000

struct rig {
	struct simnet *clock;
	struct simstream *net;
	const struct io_port *io;
	int near, far;
	/* An operation of the near end. */
	struct io_op op;
	int result, results;
	struct iovec vec[2];
	/* What a transport above it told. */
	struct blob *messages[4];
	unsigned int count, ended;
	struct link *link;
};

static void op_done(struct io_op *op, int result)
{
	struct rig *rig = (struct rig *)((char *)op - offsetof(struct rig, op));

	rig->result = result;
	rig->results++;
}

static void rig_begin(struct rig *rig, uint64_t seed)
{
	const struct simstream_config config = {.seed = seed,
		.delay_min = MS,
		.delay_max = 3 * MS,
		.window = WINDOW};

	memset(rig, 0, sizeof(*rig));
	rig->clock = simnet_create(0);
	rig->net = simstream_create(simnet_io(rig->clock), &config);
	rig->io = simstream_io(rig->net);
	rig->op.done = op_done;
	assert_int_equal(simstream_open(rig->net, &rig->near, &rig->far), 0);
}

static void rig_end(struct rig *rig)
{
	simstream_destroy(rig->net);
	simnet_destroy(rig->clock);
}

static void pass(struct rig *rig, uint64_t ns)
{
	uint64_t until = rig->io->now(rig->io->ctx) + ns;

	while (simnet_step(rig->clock, until)) {
	}
}

/* The near end sends both, one behind the other. */
static void say(struct rig *rig, const char *one, const char *two)
{
	rig->vec[0] = (struct iovec){(void *)one, strlen(one)};
	rig->vec[1] = (struct iovec){(void *)two, strlen(two)};
	rig->io->send(rig->io->ctx, &rig->op, rig->near, rig->vec, 2);
}

static void test_bytes_take_their_time(void **state)
{
	struct rig rig;
	char text[16];

	(void)state;
	rig_begin(&rig, 1);
	rig.io->recv(rig.io->ctx, &rig.op, rig.near, text, sizeof(text));
	assert_int_equal(simstream_put(rig.net, rig.far, "abc", 3), 3);
	pass(&rig, MS - 1);
	assert_int_equal(rig.results, 0);
	pass(&rig, 2 * MS + 2);
	assert_int_equal(rig.results, 1);
	assert_int_equal(rig.result, 3);
	assert_memory_equal(text, "abc", 3);
	/* And the other way. */
	assert_int_equal(
		simstream_take(rig.net, rig.far, text, sizeof(text)), -EAGAIN);
	assert_false(simstream_readable(rig.net, rig.far));
	say(&rig, "de", "f");
	pass(&rig, 4 * MS);
	assert_int_equal(rig.result, 3);
	assert_true(simstream_readable(rig.net, rig.far));
	assert_int_equal(simstream_take(rig.net, rig.far, text, 2), 2);
	assert_int_equal(simstream_take(rig.net, rig.far, text + 2, 9), 1);
	assert_memory_equal(text, "def", 3);
	rig_end(&rig);
}

static void test_a_window_fills(void **state)
{
	static uint8_t bytes[3 * WINDOW], got[3 * WINDOW];
	const struct iovec window = {bytes, WINDOW};
	struct rig rig;

	(void)state;
	rig_begin(&rig, 2);
	assert_int_equal(
		simstream_put(rig.net, rig.far, bytes, sizeof(bytes)), WINDOW);
	assert_false(simstream_writable(rig.net, rig.far));
	assert_int_equal(simstream_put(rig.net, rig.far, "x", 1), -EAGAIN);
	pass(&rig, 4 * MS);
	rig.io->recv(rig.io->ctx, &rig.op, rig.near, got, 10);
	pass(&rig, 1);
	assert_int_equal(rig.result, 10);
	assert_true(simstream_writable(rig.net, rig.far));
	/* A sender of the transport goes on when there is room. */
	for (unsigned int i = 0; i < 2; i++) {
		rig.io->send(rig.io->ctx, &rig.op, rig.near, &window, 1);
		pass(&rig, 4 * MS);
	}
	assert_int_equal(rig.results, 2);
	assert_int_equal(
		simstream_take(rig.net, rig.far, got, sizeof(got)), WINDOW);
	pass(&rig, 4 * MS);
	assert_int_equal(rig.results, 3);
	rig_end(&rig);
}

static void test_ends(void **state)
{
	struct rig rig;
	char text[8];

	(void)state;
	rig_begin(&rig, 3);
	rig.io->recv(rig.io->ctx, &rig.op, rig.near, text, sizeof(text));
	rig.io->cancel(rig.io->ctx, &rig.op);
	pass(&rig, 1);
	assert_int_equal(rig.result, -ECANCELED);
	/* One side says that nothing follows; what was sent comes first. */
	say(&rig, "b", "ye");
	rig.io->shutdown(rig.io->ctx, rig.near);
	pass(&rig, 10 * MS);
	assert_int_equal(simstream_take(rig.net, rig.far, text, 8), 3);
	assert_int_equal(simstream_take(rig.net, rig.far, text, 8), 0);
	/* The other one still can, until it closes. */
	assert_int_equal(simstream_put(rig.net, rig.far, "last", 4), 4);
	simstream_close(rig.net, rig.far);
	pass(&rig, 10 * MS);
	rig.io->recv(rig.io->ctx, &rig.op, rig.near, text, sizeof(text));
	pass(&rig, 1);
	assert_int_equal(rig.result, 4);
	rig.io->recv(rig.io->ctx, &rig.op, rig.near, text, sizeof(text));
	pass(&rig, 1);
	assert_int_equal(rig.result, 0);
	say(&rig, "x", "");
	pass(&rig, 1);
	assert_int_equal(rig.result, -EPIPE);
	rig_end(&rig);
}

static uint64_t digest_of(uint64_t seed)
{
	struct rig rig;
	char text[8];
	uint64_t digest;

	rig_begin(&rig, seed);
	for (unsigned int i = 0; i < 20; i++) {
		simstream_put(rig.net, rig.far, "abcd", 1 + i % 4);
		rig.io->recv(
			rig.io->ctx, &rig.op, rig.near, text, sizeof(text));
		pass(&rig, 5 * MS);
	}
	digest = simstream_digest(rig.net);
	rig_end(&rig);
	return digest;
}

static void test_the_seed_decides(void **state)
{
	(void)state;
	assert_int_equal(digest_of(7), digest_of(7));
	assert_int_not_equal(digest_of(7), digest_of(8));
}

/* --- Direct TCP on top ------------------------------------------------ */

static void *tcp_accepted(void *ctx, struct link *link)
{
	((struct rig *)ctx)->link = link;
	return ctx;
}

static void tcp_input(void *conn, struct blob *message)
{
	struct rig *rig = conn;

	rig->messages[rig->count++] = message;
}

static void tcp_gone(void *conn)
{
	((struct rig *)conn)->ended++;
}

static struct tcp *tcp_begin(struct rig *rig)
{
	const struct transport_user user = {
		rig, tcp_accepted, tcp_input, tcp_gone, NULL};
	const struct tcp_limits limits = {.max_message = 100,
		.max_connections = 1,
		.queue_high = 10 * WINDOW,
		.stall_ns = 5000ull * MS};
	struct tcp *tcp = tcp_create(rig->io, &limits, &user);

	assert_non_null(tcp);
	assert_int_equal(tcp_adopt(tcp, rig->near), 0);
	return tcp;
}

static void tcp_end(struct rig *rig, struct tcp *tcp)
{
	pass(rig, 10000ull * MS);
	assert_int_equal(rig->ended, 1);
	assert_true(tcp_idle(tcp));
	while (rig->count > 0) {
		blob_release(rig->messages[--rig->count]);
	}
	tcp_destroy(tcp);
	rig_end(rig);
}

static void test_messages(void **state)
{
	struct blob *answer = blob_create(2);
	struct rig rig;
	struct tcp *tcp;
	char text[16];

	(void)state;
	rig_begin(&rig, 4);
	tcp = tcp_begin(&rig);
	simstream_put(rig.net, rig.far, "\0\0\0\3ab", 6);
	pass(&rig, 10 * MS);
	assert_int_equal(rig.count, 0);
	simstream_put(rig.net, rig.far, "c\0\0\0\1d", 6);
	pass(&rig, 10 * MS);
	assert_int_equal(rig.count, 2);
	assert_int_equal(rig.messages[0]->n, 3);
	assert_memory_equal(rig.messages[0]->data, "abc", 3);
	memcpy(answer->data, "ok", 2);
	answer->n = 2;
	rig.link->ops->send(rig.link, answer);
	pass(&rig, 10 * MS);
	assert_int_equal(simstream_take(rig.net, rig.far, text, 16), 6);
	assert_memory_equal(text, "\0\0\0\2ok", 6);
	rig.link->ops->close(rig.link, true);
	pass(&rig, 10 * MS);
	assert_int_equal(simstream_take(rig.net, rig.far, text, 16), 0);
	tcp_end(&rig, tcp);
}

static void test_a_message_too_long(void **state)
{
	struct rig rig;
	struct tcp *tcp;
	char text[16];

	(void)state;
	rig_begin(&rig, 5);
	tcp = tcp_begin(&rig);
	simstream_put(rig.net, rig.far, "\0\0\0\145", 4);
	pass(&rig, 10 * MS);
	assert_int_equal(simstream_take(rig.net, rig.far, text, 16), 0);
	tcp_end(&rig, tcp);
}

/* Half a message is waited for in virtual time. */
static void test_a_stall(void **state)
{
	struct rig rig;
	struct tcp *tcp;
	char text[16];

	(void)state;
	rig_begin(&rig, 6);
	tcp = tcp_begin(&rig);
	simstream_put(rig.net, rig.far, "\0\0\0\7ab", 6);
	pass(&rig, 4000ull * MS);
	assert_int_equal(simstream_take(rig.net, rig.far, text, 16), -EAGAIN);
	pass(&rig, 3000ull * MS);
	assert_int_equal(simstream_take(rig.net, rig.far, text, 16), 0);
	tcp_end(&rig, tcp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_take_their_time),
		cmocka_unit_test(test_a_window_fills),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_the_seed_decides),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_a_message_too_long),
		cmocka_unit_test(test_a_stall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

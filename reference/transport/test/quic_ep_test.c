/* SPDX-License-Identifier: MIT */
/* Endpoints against each other: handshake, frames, ends, time, bad networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transport/quic_limits.h"
#include "transport/test/quic_rig.h"

static const struct impair_config good = {
	.delay_min = 5 * RIG_MS, .delay_max = 5 * RIG_MS};

static void connect_rig(struct rig *rig)
{
	rig_connect(rig);
	assert_true(rig_until(rig, rig_is_ready, rig->now + 20000 * RIG_MS));
}

static void handshake_is_made(void **state)
{
	struct rig rig;
	uint64_t start;

	(void)state;
	rig_init(&rig, &good);
	start = rig.now;
	connect_rig(&rig);
	assert_int_equal(quic_ep_stream(rig.users[RIG_CLIENT].ep), 0);
	/* Two flights each way at most, one of them server's amplification. */
	assert_true(rig.now - start <= 40 * RIG_MS);
	assert_int_equal(rig.users[0].ready, 1);
	assert_int_equal(rig.users[1].ready, 1);
	assert_int_equal(rig.users[0].over + rig.users[1].over, 0);
	rig_finish(&rig);
}

/* Every size around the borders of packets and windows, both ways. */
static void messages_come_whole(void **state)
{
	static const size_t sizes[] = {1, 2, 64, 1199, 1200, 1448, 1452, 4096,
		65535, 65536, 65537, 300000, 1u << 20, (1u << 23) - 1,
		1u << 23};
	struct rig rig;
	uint64_t wanted = 0;

	(void)state;
	rig_init(&rig, &good);
	connect_rig(&rig);
	rig.users[RIG_SERVER].echo = true;
	/* A first answer opens the way for long messages. */
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct blob *message = rig_message(sizes[i], (uint32_t)i);

		wanted = rig_digest(wanted, message->data, message->n);
		rig_send(&rig, RIG_CLIENT, message);
		rig_run(&rig, rig.now + 3000 * RIG_MS);
		assert_int_equal(rig.users[RIG_CLIENT].messages, i + 1);
	}
	assert_int_equal(rig.users[RIG_SERVER].digest, wanted);
	assert_int_equal(rig.users[RIG_CLIENT].digest, wanted);
	assert_int_equal(quic_ep_queued(rig.users[RIG_CLIENT].ep), 0);
	assert_int_equal(quic_ep_queued(rig.users[RIG_SERVER].ep), 0);
	rig_finish(&rig);
}

static void write_bytes(struct rig *rig, const void *p, size_t n, bool end)
{
	struct quic_ep *ep = rig->users[RIG_CLIENT].ep;

	assert_int_equal(quic_ep_write(ep, quic_ep_stream(ep), p, n, end), 0);
	rig_flush(rig, RIG_CLIENT);
	rig_run(rig, rig->now + 50 * RIG_MS);
}

/* The length may come byte by byte, and fillers are nothing. */
static void frames_may_be_cut(void **state)
{
	static const uint8_t bytes[] = {
		0, 0, 0, 0, 0, 0, 0, 2, 'a', 'b', 0, 0, 0, 0, 0, 0, 0, 1, 'c'};
	struct rig rig;

	(void)state;
	rig_init(&rig, &good);
	connect_rig(&rig);
	rig.users[RIG_SERVER].kept = true;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		write_bytes(&rig, bytes + i, 1, false);
	}
	assert_int_equal(rig.users[RIG_SERVER].messages, 2);
	assert_int_equal(rig.users[RIG_SERVER].bytes, 3);
	assert_int_equal(rig.users[RIG_SERVER].last->data[0], 'c');
	assert_int_equal(rig.users[RIG_SERVER].over, 0);
	rig_finish(&rig);
}

static void expect_end(struct rig *rig, enum rig_side side,
	enum quic_end_kind kind, uint64_t code)
{
	assert_int_equal(rig->users[side].over, 1);
	assert_int_equal(rig->users[side].end.kind, kind);
	assert_int_equal(rig->users[side].end.code, code);
}

static void expect_refused(const uint8_t *bytes, size_t n, enum quic_code code)
{
	struct rig rig;

	rig_init(&rig, &good);
	connect_rig(&rig);
	write_bytes(&rig, bytes, n, false);
	assert_int_equal(rig.users[RIG_SERVER].messages, 0);
	expect_end(&rig, RIG_SERVER, QUIC_END_APPLICATION, code);
	expect_end(&rig, RIG_CLIENT, QUIC_END_PEER_APPLICATION, code);
	rig_finish(&rig);
}

static void bad_frames_end_it(void **state)
{
	static const uint8_t request[] = {0x81, 0, 0, 0};
	static const uint8_t huge[] = {0, 0xff, 0xff, 0xff};
	static const uint8_t early[] = {0, 0x10, 0, 0};
	uint8_t fillers[4 * (QUIC_EMPTY_FRAMES + 1)] = {0};

	(void)state;
	expect_refused(request, 4, QUIC_CODE_FRAME);
	expect_refused(huge, 4, QUIC_CODE_RESOURCE);
	expect_refused(early, 4, QUIC_CODE_RESOURCE);
	expect_refused(fillers, sizeof(fillers), QUIC_CODE_FRAME);
}

static void expect_alpn(
	const char *const *alpn, unsigned int count, bool good_one)
{
	struct rig rig;

	rig_init(&rig, &good);
	rig.config[RIG_CLIENT].peer.alpn = alpn;
	rig.config[RIG_CLIENT].peer.alpn_count = count;
	rig_connect(&rig);
	rig_run(&rig, rig.now + 200 * RIG_MS);
	if (good_one) {
		assert_true(rig_is_ready(&rig));
	} else {
		assert_int_equal(rig.users[RIG_SERVER].ready, 0);
		expect_end(&rig, RIG_SERVER, QUIC_END_TLS, 120);
		expect_end(&rig, RIG_CLIENT, QUIC_END_PEER_TRANSPORT, 0x178);
	}
	rig_finish(&rig);
}

static void only_smb_is_spoken(void **state)
{
	static const char *const other[] = {"h3"};
	static const char *const both[] = {"h3", "smb"};
	static const char *const upper[] = {"SMB"};

	(void)state;
	expect_alpn(other, 1, false);
	expect_alpn(upper, 1, false);
	expect_alpn(other, 0, false); /* no such extension at all */
	expect_alpn(both, 2, true);
}

static void codes_of_ends(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, &good);
	connect_rig(&rig);
	quic_ep_close(rig.users[RIG_CLIENT].ep, 0x1234, false, rig.now);
	rig_flush(&rig, RIG_CLIENT);
	rig_run(&rig, rig.now + 2000 * RIG_MS);
	expect_end(&rig, RIG_CLIENT, QUIC_END_LOCAL, 0x1234);
	expect_end(&rig, RIG_SERVER, QUIC_END_PEER_APPLICATION, 0x1234);
	assert_true(quic_ep_is_done(rig.users[RIG_CLIENT].ep));
	assert_true(quic_ep_is_done(rig.users[RIG_SERVER].ep));
	rig_again(&rig);
	connect_rig(&rig);
	quic_ep_close_transport(rig.users[RIG_SERVER].ep, 0xa, rig.now);
	rig_flush(&rig, RIG_SERVER);
	rig_run(&rig, rig.now + 100 * RIG_MS);
	expect_end(&rig, RIG_CLIENT, QUIC_END_PEER_TRANSPORT, 0xa);
	rig_finish(&rig);
}

/* What was sent arrives although the sender closes at once. */
static void close_waits_for_the_rest(void **state)
{
	struct impair_config lossy = good;
	struct rig rig;

	(void)state;
	lossy.seed = 3;
	lossy.loss = 100000;
	rig_init(&rig, &lossy);
	connect_rig(&rig);
	rig_send(&rig, RIG_CLIENT, rig_message(200000, 1));
	quic_ep_close(rig.users[RIG_CLIENT].ep, 0, true, rig.now);
	rig_flush(&rig, RIG_CLIENT);
	assert_true(rig_until(&rig, rig_is_over, rig.now + 60000 * RIG_MS));
	assert_int_equal(rig.users[RIG_SERVER].messages, 1);
	rig_finish(&rig);
}

static void end_of_stream_is_an_end(void **state)
{
	static const uint8_t one[] = {0, 0, 0, 1, 'x'};
	struct rig rig;

	(void)state;
	rig_init(&rig, &good);
	connect_rig(&rig);
	write_bytes(&rig, one, sizeof(one), true);
	assert_int_equal(rig.users[RIG_SERVER].messages, 1);
	expect_end(&rig, RIG_SERVER, QUIC_END_PEER_STREAM, 0);
	rig_again(&rig);
	connect_rig(&rig);
	/* Opens the stream first: a reset of nothing is not sent. */
	write_bytes(&rig, one, 2, false);
	assert_int_equal(quic_ep_reset(rig.users[RIG_CLIENT].ep, 0, 0x77), 0);
	rig_flush(&rig, RIG_CLIENT);
	rig_run(&rig, rig.now + 100 * RIG_MS);
	expect_end(&rig, RIG_SERVER, QUIC_END_PEER_STREAM, 0);
	rig_finish(&rig);
}

/* STOP_SENDING is noticed when there is something to send. */
static void stopped_streams_end_it(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, &good);
	connect_rig(&rig);
	rig_send(&rig, RIG_CLIENT, rig_message(10, 1));
	rig_run(&rig, rig.now + 100 * RIG_MS);
	assert_int_equal(quic_ep_stop(rig.users[RIG_CLIENT].ep, 0, 7), 0);
	/* Before the client gets to know of the reset that follows. */
	rig_flush(&rig, RIG_CLIENT);
	rig_run(&rig, rig.now + 5 * RIG_MS);
	rig_send(&rig, RIG_SERVER, rig_message(10, 2));
	rig_run(&rig, rig.now + 100 * RIG_MS);
	expect_end(&rig, RIG_SERVER, QUIC_END_PEER_STREAM, 0);
	rig_finish(&rig);
}

static void other_streams_are_refused(void **state)
{
	struct rig rig;
	int64_t id = -1;

	(void)state;
	rig_init(&rig, &good);
	connect_rig(&rig);
	assert_true(quic_ep_open(rig.users[RIG_CLIENT].ep, false, &id) < 0);
	assert_true(quic_ep_open(rig.users[RIG_CLIENT].ep, true, &id) < 0);
	assert_true(quic_ep_open(rig.users[RIG_SERVER].ep, false, &id) < 0);
	assert_true(quic_ep_open(rig.users[RIG_SERVER].ep, true, &id) < 0);
	rig_finish(&rig);
}

static void silence_ends_it(void **state)
{
	struct rig rig;
	uint64_t start;

	(void)state;
	rig_init(&rig, &good);
	rig.config[RIG_SERVER].idle_ns = 5 * QUIC_SECOND;
	connect_rig(&rig);
	rig_run(&rig, rig.now + 1000 * RIG_MS);
	start = rig.now;
	assert_true(rig_until(&rig, rig_is_over, rig.now + 60 * QUIC_SECOND));
	assert_in_range(rig.now - start, 3 * QUIC_SECOND, 6 * QUIC_SECOND);
	expect_end(&rig, RIG_SERVER, QUIC_END_IDLE, 0);
	rig_finish(&rig);
}

static void pings_keep_it(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, &good);
	rig.config[RIG_CLIENT].keep_alive_ns = 10 * QUIC_SECOND;
	connect_rig(&rig);
	rig_run(&rig, rig.now + 300 * QUIC_SECOND);
	assert_int_equal(rig.users[0].over + rig.users[1].over, 0);
	/* A hole of 9 s is survived, one of 70 s is not. */
	rig.black_hole = true;
	rig_run(&rig, rig.now + 9 * QUIC_SECOND);
	rig.black_hole = false;
	rig_run(&rig, rig.now + 60 * QUIC_SECOND);
	assert_int_equal(rig.users[0].over + rig.users[1].over, 0);
	rig.black_hole = true;
	rig_run(&rig, rig.now + 70 * QUIC_SECOND);
	expect_end(&rig, RIG_SERVER, QUIC_END_IDLE, 0);
	expect_end(&rig, RIG_CLIENT, QUIC_END_IDLE, 0);
	rig_finish(&rig);
}

/* The side that is patient for the shorter time decides how often. */
static void pings_are_as_frequent_as_they_must(void **state)
{
	struct rig rig;

	(void)state;
	for (unsigned int patient = 0; patient < 2; patient++) {
		rig_init(&rig, &good);
		rig.config[patient].idle_ns = 600 * QUIC_SECOND;
		rig.config[!patient].idle_ns = 6 * QUIC_SECOND;
		rig.config[RIG_CLIENT].keep_alive_ns = QUIC_KEEP_ALIVE_NS;
		connect_rig(&rig);
		rig_run(&rig, rig.now + 900 * QUIC_SECOND);
		assert_int_equal(rig.users[0].over + rig.users[1].over, 0);
		rig_finish(&rig);
	}
}

/* Each of the first datagrams, lost once, in each direction. */
static void lost_flights_are_repeated(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		struct impair_config network = good;
		struct rig rig;
		uint64_t start;

		network.pass_first = i / 2;
		network.drop_first = 1;
		rig_init(&rig, &network);
		rig.impair[i % 2].config.drop_first = 0;
		start = rig.now;
		connect_rig(&rig);
		assert_true(rig.now - start < 5 * QUIC_SECOND);
		rig_finish(&rig);
	}
}

static void handshake_has_its_time(void **state)
{
	struct impair_config network = good;
	struct rig rig;

	(void)state;
	network.loss = 1000000;
	rig_init(&rig, &network);
	rig_connect(&rig);
	rig_run(&rig, rig.now + 60 * QUIC_SECOND);
	expect_end(&rig, RIG_CLIENT, QUIC_END_HANDSHAKE_TIMEOUT, 0);
	/* Several attempts were made, not one. */
	assert_true(rig.carried >= 4);
	rig_finish(&rig);
}

/* Last packets with nothing behind them: only a timer can notice. */
static void tail_loss_is_noticed(void **state)
{
	struct rig rig;
	uint64_t start;

	(void)state;
	rig_init(&rig, &good);
	connect_rig(&rig);
	rig_run(&rig, rig.now + QUIC_SECOND);
	rig.black_hole = true;
	rig_send(&rig, RIG_CLIENT, rig_message(100, 1));
	rig.black_hole = false;
	start = rig.now;
	rig_run(&rig, rig.now + QUIC_SECOND);
	assert_int_equal(rig.users[RIG_SERVER].messages, 1);
	assert_true(rig.now - start <= QUIC_SECOND);
	rig_finish(&rig);
}

static bool all_echoed(struct rig *rig)
{
	return rig->users[RIG_CLIENT].messages == 40 || rig->users[0].over ||
	       rig->users[1].over;
}

/* 40 messages there and back through a network that does everything wrong. */
static void bad_networks_are_survived(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		const struct impair_config network = {.seed = seed,
			.loss = (uint32_t)(seed % 5) * 50000,
			.duplicate = 50000,
			.reorder = 100000,
			.corrupt = 10000,
			.delay_min = 2 * RIG_MS,
			.delay_max = 12 * RIG_MS,
			.overtaken = 15 * RIG_MS};
		struct rig rig;
		uint64_t wanted = 0;

		rig_init(&rig, &network);
		/* A client that is silent behind a new address is lost. */
		rig.config[RIG_CLIENT].keep_alive_ns = QUIC_SECOND;
		rig_connect(&rig);
		if (!rig_until(
			    &rig, rig_is_ready, rig.now + 20 * QUIC_SECOND)) {
			fail_msg("seed %d: client %s, server %s", (int)seed,
				rig.users[0].end.text, rig.users[1].end.text);
		}
		/* Not before: a handshake stays on its path. */
		rig.impair[RIG_CLIENT].config.rebind = 1500;
		rig.users[RIG_SERVER].echo = true;
		for (uint32_t i = 0; i < 40; i++) {
			struct blob *m = rig_message(100 + i * 977, i);

			wanted = rig_digest(wanted, m->data, m->n);
			rig_send(&rig, RIG_CLIENT, m);
		}
		if (!rig_until(&rig, all_echoed, rig.now + 200 * QUIC_SECOND) ||
			rig.users[0].over || rig.users[1].over) {
			fail_msg("seed %d: %zu messages, client %s, server %s",
				(int)seed, rig.users[0].messages,
				rig.users[0].end.text, rig.users[1].end.text);
		}
		assert_int_equal(rig.users[RIG_CLIENT].digest, wanted);
		rig_finish(&rig);
	}
}

static bool got_ten(struct rig *rig)
{
	return rig->users[RIG_SERVER].messages == 10;
}

static void addresses_may_change(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, &good);
	connect_rig(&rig);
	rig.users[RIG_SERVER].echo = true;
	rig_run(&rig, rig.now + QUIC_SECOND);
	for (uint32_t i = 0; i < 10; i++) {
		rig.client_port++;
		rig_send(&rig, RIG_CLIENT, rig_message(5000, i));
		rig_run(&rig, rig.now + QUIC_SECOND);
	}
	assert_true(got_ten(&rig));
	assert_int_equal(rig.users[RIG_CLIENT].messages, 10);
	rig_finish(&rig);
}

static void keys_may_change(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, &good);
	connect_rig(&rig);
	rig.users[RIG_SERVER].echo = true;
	for (uint32_t i = 0; i < 4; i++) {
		/* The next keys are made ready while packets flow. */
		rig_run(&rig, rig.now + QUIC_SECOND);
		rig_send(&rig, RIG_CLIENT, rig_message(5000, i));
		rig_run(&rig, rig.now + QUIC_SECOND);
		assert_int_equal(
			quic_ep_update_keys(rig.users[i % 2].ep, rig.now), 0);
		rig_send(&rig, RIG_CLIENT, rig_message(5000, i));
	}
	rig_run(&rig, rig.now + QUIC_SECOND);
	assert_int_equal(rig.users[RIG_CLIENT].messages, 8);
	rig_finish(&rig);
}

/* A peer that is held gets its messages later, and cannot send for ever. */
static void held_messages_wait(void **state)
{
	struct rig rig;
	size_t before;

	(void)state;
	rig_init(&rig, &good);
	connect_rig(&rig);
	quic_ep_hold(rig.users[RIG_SERVER].ep, true);
	for (uint32_t i = 0; i < 100; i++) {
		rig_send(&rig, RIG_CLIENT, rig_message(100000, i));
	}
	rig_run(&rig, rig.now + QUIC_SECOND);
	assert_int_equal(rig.users[RIG_SERVER].messages, 0);
	before = rig.carried_bytes[RIG_CLIENT];
	assert_true(before < 3u * QUIC_WINDOW);
	quic_ep_hold(rig.users[RIG_SERVER].ep, false);
	rig_flush(&rig, RIG_SERVER);
	rig_run(&rig, rig.now + 10 * QUIC_SECOND);
	assert_int_equal(rig.users[RIG_SERVER].messages, 100);
	rig_finish(&rig);
}

static void half_messages_are_noticed(void **state)
{
	static const uint8_t half[] = {0, 0, 0, 9, 'x'};
	struct rig rig;

	(void)state;
	rig_init(&rig, &good);
	connect_rig(&rig);
	assert_false(quic_ep_is_stalled(rig.users[RIG_SERVER].ep, QUIC_SECOND,
		rig.now + 10 * QUIC_SECOND));
	write_bytes(&rig, half, sizeof(half), false);
	assert_false(quic_ep_is_stalled(
		rig.users[RIG_SERVER].ep, QUIC_SECOND, rig.now));
	assert_true(quic_ep_is_stalled(rig.users[RIG_SERVER].ep, QUIC_SECOND,
		rig.now + 2 * QUIC_SECOND));
	rig_finish(&rig);
}

/* A peer that stops inside a message hears our last acknowledgment again, a
 * few times and not for ever; between messages it does not. */
static void last_acknowledgment_is_repeated(void **state)
{
	static const uint8_t half[] = {0, 0, 0, 9, 'x'};
	struct rig rig;
	size_t before;

	(void)state;
	rig_init(&rig, &good);
	rig.config[RIG_SERVER].nudge_ns = 50 * RIG_MS;
	connect_rig(&rig);
	rig_run(&rig, rig.now + 5 * QUIC_SECOND);
	before = rig.carried;
	rig_run(&rig, rig.now + 5 * QUIC_SECOND);
	assert_int_equal(rig.carried, before);
	write_bytes(&rig, half, sizeof(half), false);
	before = rig.carried;
	rig_run(&rig, rig.now + 20 * QUIC_SECOND);
	assert_in_range(rig.carried - before, 5, QUIC_NUDGES);
	write_bytes(&rig, "yyyyyyyy", 8, false);
	assert_int_equal(rig.users[RIG_SERVER].messages, 1);
	rig_finish(&rig);
}

/* RFC 9000, section 8.1: three times what was received. */
static void strangers_get_little(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, &good);
	rig_connect(&rig);
	/* The client falls silent after its first datagram. */
	quic_ep_destroy(rig.users[RIG_CLIENT].ep);
	rig.users[RIG_CLIENT].ep = NULL;
	rig_run(&rig, rig.now + 20 * QUIC_SECOND);
	assert_true(rig.carried_bytes[RIG_SERVER] > 0);
	assert_true(rig.carried_bytes[RIG_SERVER] <=
		    3 * rig.carried_bytes[RIG_CLIENT]);
	expect_end(&rig, RIG_SERVER, QUIC_END_HANDSHAKE_TIMEOUT, 0);
	rig_finish(&rig);
}

static void sessions_are_resumed(void **state)
{
	struct quic_ep_figures figures;
	struct rig rig;

	(void)state;
	rig_init(&rig, &good);
	connect_rig(&rig);
	quic_ep_figures(rig.users[RIG_CLIENT].ep, &figures);
	assert_false(figures.resumed);
	rig_run(&rig, rig.now + QUIC_SECOND);
	assert_true(quic_tls_can_resume(rig.config[RIG_CLIENT].tls));
	rig_again(&rig);
	connect_rig(&rig);
	quic_ep_figures(rig.users[RIG_CLIENT].ep, &figures);
	assert_true(figures.resumed);
	rig_finish(&rig);
}

static void wrong_certificates_are_refused(void **state)
{
	static const char *const zero = "00000000000000000000000000000000"
					"00000000000000000000000000000000";
	const struct quic_tls_client other = {.fingerprint = zero};
	char error[256];
	struct rig rig;

	(void)state;
	rig_init(&rig, &good);
	quic_tls_destroy(rig.config[RIG_CLIENT].tls);
	assert_int_equal(quic_tls_client_create(
				 &other, &rig.config[RIG_CLIENT].tls, error),
		0);
	rig_connect(&rig);
	rig_run(&rig, rig.now + QUIC_SECOND);
	assert_int_equal(rig.users[RIG_CLIENT].ready, 0);
	assert_int_equal(rig.users[RIG_SERVER].ready, 0);
	expect_end(&rig, RIG_CLIENT, QUIC_END_TLS, 42);
	expect_end(&rig, RIG_SERVER, QUIC_END_PEER_TRANSPORT, 0x12a);
	rig_finish(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake_is_made),
		cmocka_unit_test(messages_come_whole),
		cmocka_unit_test(frames_may_be_cut),
		cmocka_unit_test(bad_frames_end_it),
		cmocka_unit_test(only_smb_is_spoken),
		cmocka_unit_test(codes_of_ends),
		cmocka_unit_test(close_waits_for_the_rest),
		cmocka_unit_test(end_of_stream_is_an_end),
		cmocka_unit_test(stopped_streams_end_it),
		cmocka_unit_test(other_streams_are_refused),
		cmocka_unit_test(silence_ends_it),
		cmocka_unit_test(pings_keep_it),
		cmocka_unit_test(pings_are_as_frequent_as_they_must),
		cmocka_unit_test(lost_flights_are_repeated),
		cmocka_unit_test(handshake_has_its_time),
		cmocka_unit_test(tail_loss_is_noticed),
		cmocka_unit_test(bad_networks_are_survived),
		cmocka_unit_test(addresses_may_change),
		cmocka_unit_test(keys_may_change),
		cmocka_unit_test(held_messages_wait),
		cmocka_unit_test(half_messages_are_noticed),
		cmocka_unit_test(last_acknowledgment_is_repeated),
		cmocka_unit_test(strangers_get_little),
		cmocka_unit_test(sessions_are_resumed),
		cmocka_unit_test(wrong_certificates_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Rules QUIC-PATH: loss, disorder, damage, new addresses, new keys.
 * spec/quic.adoc, section "Loss and change of path"
 */
#include <string.h>

#include "suite/file.h"
#include "suite/quic.h"
#include "suite/quic_relay.h"

#define PIECE 65536u
#define PIECES 8u

static const struct smb2_echo_request echo = {0};

static struct quic_relay *relay_of(struct test *t, const char *to_server,
	const char *to_client, struct quic_offer *offer)
{
	struct quic_relay *relay =
		quic_relay_start(t->target, to_server, to_client, &offer->port);

	need(t, relay != NULL, "a relay");
	return relay;
}

static struct peer *logged_on(struct test *t, const struct quic_offer *offer)
{
	struct peer *a = quic_connect(t, offer);

	need_ok(t, peer_negotiate(a, NULL));
	need_ok(t, peer_session_setup(a, NULL));
	need_ok(t, peer_tree_connect(a, NULL));
	return a;
}

static const struct flight_row {
	const char *name;
	unsigned int lost;
} flight_rows[] = {{"first_datagram", 1}, {"two_datagrams", 2},
	{"four_datagrams", 4}, {"eight_datagrams", 8}};

/* Each round of loss doubles the time until the next attempt. */
static const struct flight_row first_rows[] = {
	{"first_datagram", 1}, {"two_datagrams", 2}, {"three_datagrams", 3}};

CONF_TABLE(quic, first_flight_lost, first_rows,
	"the handshake survives the loss of what the server sends first",
	RULES(QUIC_PATH_0001), NEEDS(QUIC_TRANSPORT))
{
	struct quic_offer offer = {0};
	struct quic_relay *relay = relay_of(t, NULL, NULL, &offer);
	struct quic_outcome outcome;
	struct peer *a;

	quic_relay_lose(relay, row->lost);
	a = quic_attempt(t, &offer, &outcome);
	check(t, NULL, a != NULL, QUIC_PATH_0001,
		"a handshake that completes (%s)",
		a != NULL ? "it did" : quic_told(t, outcome));
	quic_leave(a, relay);
}

CONF_TABLE(quic, response_lost, flight_rows,
	"a response that is lost comes again", RULES(QUIC_PATH_0002),
	NEEDS(QUIC_TRANSPORT))
{
	struct quic_offer offer = {0};
	struct quic_relay *relay = relay_of(t, NULL, NULL, &offer);
	struct peer *a = logged_on(t, &offer);

	quic_pause(t, 200); /* all is acknowledged */
	quic_relay_lose(relay, row->lost);
	check_ok(t, peer_call(a, &smb2_echo_request_type, &echo),
		QUIC_PATH_0002);
	quic_leave(a, relay);
}

/* Writes and reads back, and compares each piece. */
static void judge_copy(struct peer *a, enum rule_id rule)
{
	struct test *t = a->t;
	struct file *f = need_file(a, "copy", NULL);
	uint8_t *bytes = test_alloc(t, PIECE);
	unsigned int i;

	for (i = 0; i < PIECES; i++) {
		struct reply *r;

		test_random(t, bytes, PIECE);
		rule_status(t, file_write(f, i * PIECE, bytes, PIECE),
			STATUS_SUCCESS, rule);
		r = file_read(f, i * PIECE, PIECE);
		if (!rule_bytes(t, r, read_data(r), wire_view_of(bytes, PIECE),
			    "Data", rule)) {
			return;
		}
	}
}

static const struct bad_row {
	const char *name, *impairment;
	enum rule_id rule;
} bad_rows[] = {
	{"loss_1", "loss=1%,pass-first=4", RULE_QUIC_PATH_0002},
	{"loss_5", "loss=5%,pass-first=4", RULE_QUIC_PATH_0002},
	{"loss_20", "loss=20%,pass-first=4", RULE_QUIC_PATH_0002},
	{"reorder_20", "reorder=20%,overtaken=5ms", RULE_QUIC_PATH_0003},
	{"duplicate_20", "duplicate=20%", RULE_QUIC_PATH_0003},
	{"delay", "delay=1ms-10ms", RULE_QUIC_PATH_0003},
	{"corrupt_1", "corrupt=1%,pass-first=4", RULE_QUIC_PATH_0004},
	{"corrupt_5", "corrupt=5%,pass-first=4", RULE_QUIC_PATH_0004},
	{"all_of_it",
		"loss=3%,reorder=5%,duplicate=3%,corrupt=1%,pass-first=4,"
		"overtaken=3ms",
		RULE_QUIC_PATH_0003},
};

CONF_TABLE(quic, bad_network, bad_rows,
	"what is written through a bad network is what is read",
	RULES(QUIC_PATH_0002, QUIC_PATH_0003, QUIC_PATH_0004),
	NEEDS(QUIC_TRANSPORT), BUDGET_MS(60000))
{
	const char *with_seed = test_text(t, "%s,seed=%llu", row->impairment,
		(unsigned long long)t->seed + 1);
	struct quic_offer offer = {0};
	struct quic_relay *relay = relay_of(t, with_seed, with_seed, &offer);
	struct peer *a = logged_on(t, &offer);

	judge_copy(a, row->rule);
	quic_leave(a, relay);
}

/* --- addresses, keys ---------------------------------------------------------
 */

static const struct move_row {
	const char *name;
	bool migrate; /* the client tells the server by a probe of the path */
	unsigned int times;
} move_rows[] = {{"rebinding", false, 1}, {"rebinding_three_times", false, 3},
	{"migration", true, 1}};

CONF_TABLE(quic, new_address, move_rows,
	"the server follows a client to its new address", RULES(QUIC_PATH_0005),
	NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = logged_on(t, NULL);
	unsigned int i;

	for (i = 0; i < row->times; i++) {
		need_ok(t, peer_call(a, &smb2_echo_request_type, &echo));
		quic_pause(t, 100);
		need(t,
			(row->migrate ? quic_wire_migrate(a->quic)
				      : quic_wire_rebind(a->quic)) == 0,
			"another local port");
		check_ok(t, peer_call(a, &smb2_echo_request_type, &echo),
			QUIC_PATH_0005);
	}
	judge_copy(a, RULE_QUIC_PATH_0005);
}

CONF_TEST(quic, amplification,
	"who has not shown its address gets three times what it sent",
	RULES(QUIC_PATH_0006), NEEDS(QUIC_TRANSPORT), TAGS(TAG_QUIET))
{
	struct quic_amplification seen;

	need(t, quic_first_flight(t->target, 3000, &seen) == 0,
		"a first datagram");
	need(t, seen.received > 0, "an answer to it");
	check(t, NULL, seen.received <= 3 * seen.sent, QUIC_PATH_0006,
		"at most three times %zu bytes (it was %zu)", seen.sent,
		seen.received);
}

CONF_TEST(quic, key_update, "the client updates the keys again and again",
	RULES(QUIC_PATH_0007), NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = logged_on(t, NULL);
	unsigned int done = 0, tries;

	for (tries = 0; tries < 60 && done < 3; tries++) {
		if (quic_wire_update_keys(a->quic) == 0) {
			done++;
		}
		check_ok(t, peer_call(a, &smb2_echo_request_type, &echo),
			QUIC_PATH_0007);
		quic_pause(t, 100);
	}
	need(t, done == 3, "three key updates");
	judge_copy(a, RULE_QUIC_PATH_0007);
}

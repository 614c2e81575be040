/* SPDX-License-Identifier: MIT */
/*
 * Rules QUIC-STREAM: one stream, its ends, and its flow control.
 * spec/quic.adoc, section "The stream"
 */
#include <errno.h>
#include <string.h>

#include "suite/file.h"
#include "suite/quic.h"

#define BIG (1u << 20)

static const struct smb2_echo_request echo = {0};

static struct peer *quic_client(struct test *t)
{
	return client_with(
		t, &(struct client_options){.transport = TRANSPORT_QUIC});
}

/* Bytes that came on streams other than the first one. */
static size_t bytes_elsewhere(struct peer *a)
{
	uint8_t bytes[4096];
	long long stream;
	size_t sum = 0;
	ssize_t n;

	while ((n = quic_wire_other(a->quic, &stream, bytes, sizeof(bytes))) >
		0) {
		sum += (size_t)n;
	}
	return sum;
}

CONF_TEST(quic, one_stream_for_all, "everything comes on the client's stream",
	RULES(QUIC_STREAM_0001, QUIC_STREAM_0002), NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = quic_connect(
		t, &(struct quic_offer){.streams_bidi = 4, .streams_uni = 4});
	struct reply *r = peer_negotiate(a, NULL);

	check_ok(t, r, QUIC_STREAM_0001);
	need_ok(t, r);
	r = peer_session_setup(a, NULL);
	check_ok(t, r, QUIC_STREAM_0001);
	check_number(t, r, bytes_elsewhere(a), 0, "bytes on other streams",
		QUIC_STREAM_0002);
}

CONF_TEST(quic, permitted_streams, "the client may open one stream",
	RULES(QUIC_STREAM_0003, QUIC_STREAM_0004), NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = quic_connect(t, NULL);
	struct quic_announced announced = quic_wire_announced(a->quic);

	check_number(t, NULL, announced.streams_bidi, 1,
		"initial_max_streams_bidi", QUIC_STREAM_0003);
	check_number(t, NULL, announced.streams_uni, 0,
		"initial_max_streams_uni", QUIC_STREAM_0004);
}

/* A NEGOTIATE request as it stands on the stream. */
static struct wire_view framed_negotiate(struct peer *a)
{
	struct smb2_negotiate_request r = negotiate_request(a, NULL);

	return pdu_framed(pdu_build(a, &smb2_negotiate_request_type, &r));
}

static const struct other_row {
	const char *name;
	bool uni;
	size_t on_first; /* so many bytes of it on stream 0 */
} other_rows[] = {
	{"second_bidirectional", false, 0},
	{"unidirectional", true, 0},
	{"divided_between_two", false, 20},
};

CONF_TABLE(quic, other_streams, other_rows,
	"what comes on another stream is no message", RULES(QUIC_STREAM_0005),
	NEEDS(QUIC_TRANSPORT), TAGS(TAG_QUIET))
{
	struct peer *a = quic_connect(t, NULL);
	struct wire_view all = framed_negotiate(a);
	long long stream = -1;
	int r = quic_wire_open(a->quic, row->uni, &stream);

	if (r == -EAGAIN) { /* blocked by the transport: that is best */
		check(t, NULL, stream < 0, QUIC_STREAM_0005,
			"no second stream");
		return;
	}
	need(t, r == 0, "another stream");
	if (row->on_first != 0) {
		peer_send_stream(a, wire_view_sub(all, 0, row->on_first));
	}
	need(t,
		quic_wire_write(a->quic, stream, all.p + row->on_first,
			all.n - row->on_first, false) == 0,
		"bytes on stream %lld", stream);
	peer_closed_within(a, 1000);
	check_number(t, NULL, a->raw_count, 0, "answers on stream 0",
		QUIC_STREAM_0005);
	if (!a->closed) {
		check_number(t, NULL, bytes_elsewhere(a), 0,
			"bytes of an answer on the other stream",
			QUIC_STREAM_0005);
	}
}

/* --- ends ----------------------------------------------------------------- */

enum ending { END_FIN, END_RESET, END_STOP };

static const struct end_row {
	const char *name;
	enum ending how;
	bool early; /* before NEGOTIATE */
	enum rule_id rule;
} end_rows[] = {
	{"fin", END_FIN, false, RULE_QUIC_STREAM_0006},
	{"fin_at_once", END_FIN, true, RULE_QUIC_STREAM_0006},
	{"reset_stream", END_RESET, false, RULE_QUIC_STREAM_0007},
	{"stop_sending", END_STOP, false, RULE_QUIC_STREAM_0008},
};

CONF_TABLE(quic, end_of_stream, end_rows,
	"the end of the stream is the end of the connection",
	RULES(QUIC_STREAM_0006, QUIC_STREAM_0007, QUIC_STREAM_0008),
	NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = row->early ? quic_connect(t, NULL) : quic_client(t);
	struct quic_outcome outcome;
	int r;

	if (row->how == END_FIN) {
		r = quic_wire_write(a->quic, 0, NULL, 0, true);
	} else if (row->how == END_RESET) {
		r = quic_wire_reset(a->quic, 0, 0x77);
	} else {
		r = quic_wire_stop(a->quic, 0, 0x77);
		quic_pause(t, 100);
		if (r == 0) {              /* many notice it here first */
			a->closed = false; /* RESET_STREAM is half an end */
			peer_send(a, &smb2_echo_request_type, &echo);
		}
	}
	need(t, r == 0, "the end of stream 0");
	outcome = quic_ended_within(a, CLOSE_TIMEOUT_MS);
	check_rule(t, NULL,
		outcome.how == QUIC_PEER_APPLICATION ||
			outcome.how == QUIC_PEER_TRANSPORT,
		row->rule, "CONNECTION_CLOSE (it was: %s)",
		quic_told(t, outcome));
	observe(t, NULL, row->name, "%s", quic_told(t, outcome));
}

/* --- flow control -----------------------------------------------------------
 */

static struct file *big_file(struct peer *a, uint32_t size)
{
	struct file *f = need_file(a, "big", NULL);
	uint8_t *bytes = test_alloc(a->t, size);

	need_capability(a->t, a->negotiate,
		a->max_write >= size && a->max_read >= size,
		"READ and WRITE of %u bytes", size);
	test_random(a->t, bytes, size);
	need_ok(a->t, file_write(f, 0, bytes, size));
	return f;
}

/* A second client with a small window, and the first one's file. */
static struct file *through_window(
	struct test *t, const struct file *f, unsigned int window)
{
	struct peer *b =
		quic_connect(t, &(struct quic_offer){.window = window,
					.connection_window = 16 * BIG});

	(void)f;
	need_ok(t, peer_negotiate(b, NULL));
	need_ok(t, peer_session_setup(b, NULL));
	need_ok(t, peer_tree_connect(b, NULL));
	return need_file(b, "big", NULL);
}

CONF_TEST(quic, small_window, "a response larger than the client's window",
	RULES(QUIC_STREAM_0009), NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = quic_client(t);
	struct file *f = big_file(a, BIG);
	struct file *g = through_window(t, f, 4096);
	struct reply *r = file_read(g, 0, BIG);

	check_ok(t, r, QUIC_STREAM_0009);
	check_number(
		t, r, read_data(r).n, BIG, "bytes of data", QUIC_STREAM_0009);
}

CONF_TEST(quic, window_is_renewed, "more than any window, one after another",
	RULES(QUIC_STREAM_0010), NEEDS(QUIC_TRANSPORT))
{
	enum { ROUNDS = 40 };
	struct peer *a = quic_client(t);
	struct file *f = need_file(a, "big", NULL);
	uint8_t *bytes = test_alloc(t, BIG);
	unsigned int i;

	need_capability(
		t, a->negotiate, a->max_write >= BIG, "WRITE of %u bytes", BIG);

	for (i = 0; i < ROUNDS; i++) {
		if (!check_ok(t, file_write(f, 0, bytes, BIG),
			    QUIC_STREAM_0010)) {
			return;
		}
	}
}

CONF_TEST(quic, half_messages,
	"clients that never finish a message keep nobody waiting",
	RULES(QUIC_STREAM_0011), NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = quic_client(t);
	unsigned int i;

	for (i = 0; i < 20; i++) {
		struct peer *slow = quic_connect(t, NULL);

		need_ok(t, peer_negotiate(slow, NULL));
		peer_send_stream(slow, wire_view_of("\0\0\x80\0\xfeSMB", 8));
		check_alive(t, a, QUIC_STREAM_0011);
	}
}

CONF_TEST(quic, others_are_served,
	"a client that does not read keeps nobody waiting",
	RULES(QUIC_STREAM_0011), NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = quic_client(t);
	struct file *g = through_window(t, big_file(a, BIG), 2048);
	struct smb2_read_request r = {
		.length = BIG, .file_id = g->id, .minimum_count = 0};
	int fd = g->peer->fd;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		peer_send(g->peer, &smb2_read_request_type, &r);
	}
	g->peer->fd = -1; /* from now on nobody looks at it */
	for (i = 0; i < 10; i++) {
		check_alive(t, a, QUIC_STREAM_0011);
	}
	g->peer->fd = fd;
}

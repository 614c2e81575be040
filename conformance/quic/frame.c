/* SPDX-License-Identifier: MIT */
/*
 * Rules QUIC-FRAME: four bytes of length on the stream. spec/quic.adoc,
 * section "Framing"
 */
#include <string.h>

#include "suite/file.h"
#include "suite/quic.h"

static const struct smb2_echo_request echo = {0};

/* An ECHO as it stands on the stream; its reply is waited for by counting
 * messages. */
static struct wire_view framed_echo(struct peer *a)
{
	return pdu_framed(pdu_build(a, &smb2_echo_request_type, &echo));
}

static bool messages_arrive(struct peer *a, unsigned int count)
{
	uint64_t deadline = test_within(a->t, REPLY_TIMEOUT_MS);
	unsigned int wanted = a->raw_taken + count;

	while (a->raw_count < wanted && !a->closed &&
		peers_pump(a->t, deadline)) {
	}
	return a->raw_count >= wanted;
}

CONF_TEST(quic, prefix, "messages have a prefix of zero and length",
	RULES(QUIC_FRAME_0001), NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = client_unsealed(t, TRANSPORT_QUIC);
	struct reply *r = peer_call(a, &smb2_echo_request_type, &echo);

	check_number(t, r, a->raw_prefix, 0, "first byte of the prefix",
		QUIC_FRAME_0001);
	check_number(
		t, r, r->pdu.n, 68, "bytes in the message", QUIC_FRAME_0001);
	check_ok(t, peer_call(a, &smb2_echo_request_type, &echo),
		QUIC_FRAME_0001);
}

CONF_TEST(quic, first_prefix, "the first message of the server has its prefix",
	RULES(QUIC_FRAME_0001), NEEDS(QUIC_TRANSPORT))
{
	check_ok(t, peer_negotiate(quic_connect(t, NULL), NULL),
		QUIC_FRAME_0001);
}

static const struct split_row {
	const char *name;
	size_t parts[5]; /* where the parts end; 0 ends the list */
} split_rows[] = {
	{"in_the_prefix", {2}},
	{"prefix_byte_by_byte", {1, 2, 3, 4}},
	{"behind_the_prefix", {4}},
	{"in_the_header", {30}},
	{"before_the_last_byte", {71}},
};

CONF_TABLE(quic, message_in_pieces, split_rows,
	"a message may arrive in pieces", RULES(QUIC_FRAME_0002),
	NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = client_unsealed(t, TRANSPORT_QUIC);
	struct wire_view all = framed_echo(a);
	size_t at = 0;
	unsigned int i;

	a->raw_taken = a->raw_count;
	for (i = 0; i < 5 && row->parts[i] != 0; i++) {
		peer_send_stream(a, wire_view_sub(all, at, row->parts[i] - at));
		at = row->parts[i];
		quic_pause(t, 20); /* it leaves */
	}
	peer_send_stream(a, wire_view_sub(all, at, all.n - at));
	check(t, NULL, messages_arrive(a, 1), QUIC_FRAME_0002, "an answer");
}

CONF_TEST(quic, messages_at_once, "several messages may arrive at once",
	RULES(QUIC_FRAME_0003), NEEDS(QUIC_TRANSPORT))
{
	enum { COUNT = 5 };
	struct peer *a = client_unsealed(t, TRANSPORT_QUIC);
	uint8_t bytes[COUNT * 80];
	size_t n = 0;
	unsigned int i;

	for (i = 0; i < COUNT; i++) {
		struct wire_view one = framed_echo(a);

		memcpy(bytes + n, one.p, one.n);
		n += one.n;
	}
	a->raw_taken = a->raw_count;
	peer_send_stream(a, wire_view_of(bytes, n));
	check(t, NULL, messages_arrive(a, COUNT), QUIC_FRAME_0003,
		"an answer to each");
}

static const struct {
	const char *name;
	uint8_t first;
} prefix_rows[] = {{"session_request", 0x81}, {"response", 0x82}, {"one", 0x01},
	{"letter", 0x42}, {"all_ones", 0xff}};

CONF_TABLE(quic, other_prefix, prefix_rows,
	"a prefix that does not begin with zero", RULES(QUIC_FRAME_0004),
	NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = client_unsealed(t, TRANSPORT_QUIC);
	struct wire_view all = framed_echo(a);
	uint8_t bytes[80];

	memcpy(bytes, all.p, all.n);
	bytes[0] = row->first;
	peer_send_stream(a, wire_view_of(bytes, all.n));
	check_closed_silently(t, a, QUIC_FRAME_0004);
}

static const struct {
	const char *name;
	bool early;
} early_rows[] = {{"before_negotiate", true}, {"in_a_session", false}};

CONF_TABLE(quic, too_long, early_rows,
	"a prefix that announces 16 MiB, and nothing behind it",
	RULES(QUIC_FRAME_0005), NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = row->early ? quic_connect(t, NULL)
				    : client_unsealed(t, TRANSPORT_QUIC);

	peer_send_stream(a, wire_view_of("\0\xff\xff\xff", 4));
	check_closed(t, a, QUIC_FRAME_0005);
}

CONF_TABLE(quic, empty_frame, early_rows, "a prefix with the length zero",
	RULES(QUIC_FRAME_0006), NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = row->early ? quic_connect(t, NULL)
				    : client_unsealed(t, TRANSPORT_QUIC);

	peer_send_stream(a, wire_view_of("\0\0\0\0\0\0\0\0", 8));
	if (row->early) {
		check_ok(t, peer_negotiate(a, NULL), QUIC_FRAME_0006);
	} else {
		check_alive(t, a, QUIC_FRAME_0006);
	}
}

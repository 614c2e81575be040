/* SPDX-License-Identifier: MIT */
/*
 * Rules QUIC-CLOSE: who closes, and how. spec/quic.adoc, section "Close codes"
 */
#include "suite/file.h"
#include "suite/quic.h"
#include "suite/quic_relay.h"

static struct peer *quic_client(struct test *t)
{
	return client_with(
		t, &(struct client_options){.transport = TRANSPORT_QUIC});
}

/* A file that nobody else can open while its open lives. */
static struct file *exclusive(struct peer *a)
{
	return need_file(
		a, "x", &(struct create_options){.share = SHARE_EXACT});
}

/* Whether somebody else can open it, within so much time. */
static bool comes_free(struct peer *b, unsigned int ms)
{
	uint64_t deadline = test_within(b->t, ms);

	do {
		struct reply *r = file_create(
			b, "x", &(struct create_options){.share = SHARE_EXACT});

		if (r->status == STATUS_SUCCESS) {
			return true;
		}
		quic_pause(b->t, 20);
	} while (test_clock() < deadline && !b->closed);
	return false;
}

static const struct close_row {
	const char *name;
	bool transport;
	unsigned long long code;
} close_rows[] = {
	{"transport_0", true, 0},
	{"transport_0xa", true, 0xa},
	{"application_0", false, 0},
	{"application_0xb", false, 0xb},
	{"application_0x1234", false, 0x1234},
};

CONF_TABLE(quic, close_by_client, close_rows,
	"CONNECTION_CLOSE of any kind closes what was open",
	RULES(QUIC_CLOSE_0001), NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = quic_client(t), *b = quic_client(t);

	exclusive(a);
	need_status(t,
		file_create(
			b, "x", &(struct create_options){.share = SHARE_EXACT}),
		STATUS_SHARING_VIOLATION);
	quic_wire_close(a->quic, row->transport, row->code);
	check(t, NULL, comes_free(b, CLOSE_TIMEOUT_MS), QUIC_CLOSE_0001,
		"the file free again");
}

static const struct why_row {
	const char *name;
	const char *bytes;
	size_t n;
	bool early;
} why_rows[] = {
	{"no_smb_message", "GET / HTTP/1.0\r\n\r\n", 18, false},
	{"no_smb_message_at_first", "GET / HTTP/1.0\r\n\r\n", 18, true},
	{"half_a_header", "\xfeSMB\x40\0", 6, false},
};

CONF_TABLE(quic, close_by_server, why_rows,
	"who breaks a rule is told by CONNECTION_CLOSE",
	RULES(QUIC_CLOSE_0002, QUIC_CLOSE_0003), NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = row->early ? quic_connect(t, NULL) : quic_client(t);
	struct quic_outcome outcome;

	peer_send_raw(a, wire_view_of(row->bytes, row->n));
	outcome = quic_ended_within(a, CLOSE_TIMEOUT_MS);
	stop(t, NULL,
		outcome.how == QUIC_PEER_APPLICATION ||
			outcome.how == QUIC_PEER_TRANSPORT,
		QUIC_CLOSE_0002, "CONNECTION_CLOSE (it was: %s)",
		quic_told(t, outcome));
	check(t, NULL,
		outcome.how == QUIC_PEER_APPLICATION && outcome.code == 1,
		QUIC_CLOSE_0003, "the application code 1 (it was: %s)",
		quic_told(t, outcome));
}

CONF_TEST(quic, close_is_lost, "a CONNECTION_CLOSE that is lost comes again",
	RULES(QUIC_CLOSE_0004), NEEDS(QUIC_TRANSPORT))
{
	struct quic_offer offer = {0};
	struct quic_relay *relay =
		quic_relay_start(t->target, NULL, NULL, &offer.port);
	struct quic_outcome outcome;
	struct peer *a;

	need(t, relay != NULL, "a relay");
	a = quic_connect(t, &offer);
	need_ok(t, peer_negotiate(a, NULL));
	quic_relay_lose(relay, 2); /* an ACK may come before it */
	peer_send_raw(a, text_bytes("GET / HTTP/1.0\r\n\r\n"));
	outcome = quic_ended_within(a, CLOSE_TIMEOUT_MS);
	check(t, NULL,
		outcome.how == QUIC_PEER_APPLICATION ||
			outcome.how == QUIC_PEER_TRANSPORT,
		QUIC_CLOSE_0004, "CONNECTION_CLOSE (it was: %s)",
		quic_told(t, outcome));
	quic_leave(a, relay);
}

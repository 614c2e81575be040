/* SPDX-License-Identifier: MIT */
/*
 * Rules QUIC-TIMER: idle timeout, keep-alive. spec/quic.adoc, section "Timers"
 */
#include "suite/file.h"
#include "suite/quic.h"

#define LEAST_IDLE_MS 30000

CONF_TEST(quic, announced_idle, "the idle timeout that the server announces",
	RULES(QUIC_TIMER_0001), NEEDS(QUIC_TRANSPORT))
{
	unsigned long long ms =
		quic_wire_announced(quic_connect(t, NULL)->quic).idle_ms;

	observe(t, NULL, "max_idle_timeout", "%llu ms", ms);
	check(t, NULL, ms == 0 || ms >= LEAST_IDLE_MS, QUIC_TIMER_0001,
		"%d ms or more, or none (it was %llu)", LEAST_IDLE_MS, ms);
}

static void log_on(struct peer *a)
{
	need_ok(a->t, peer_negotiate(a, NULL));
	need_ok(a->t, peer_session_setup(a, NULL));
	need_ok(a->t, peer_tree_connect(a, NULL));
}

/* The smaller idle timeout of both sides counts, so a client can make it as
 * short as it likes. */
CONF_TEST(quic, keep_alive, "PING keeps an idle connection",
	RULES(QUIC_TIMER_0002), NEEDS(QUIC_TRANSPORT), TAGS(TAG_QUIET))
{
	struct peer *a = quic_connect(
		t, &(struct quic_offer){.idle_ms = 2000, .keep_alive_ms = 500});

	log_on(a);
	quic_pause(t, 5000);
	check_alive(t, a, QUIC_TIMER_0002);
}

CONF_TEST(quic, idle_timeout, "silence ends a connection and closes its files",
	RULES(QUIC_TIMER_0003), NEEDS(QUIC_TRANSPORT), TAGS(TAG_QUIET))
{
	const struct create_options alone = {.share = SHARE_EXACT};
	struct peer *a = quic_connect(t,
		&(struct quic_offer){.idle_ms = 1000, .no_keep_alive = true});
	struct peer *b = client_with(
		t, &(struct client_options){.transport = TRANSPORT_QUIC});
	uint64_t deadline = test_within(t, 8000);
	struct reply *r;
	int fd;

	log_on(a);
	need_file(a, "x", &alone);
	fd = a->fd;
	a->fd = -1; /* nothing of it is answered any more */
	do {
		r = file_create(b, "x", &alone);
		quic_pause(t, 100);
	} while (r->status != STATUS_SUCCESS && test_clock() < deadline);
	a->fd = fd;
	check_ok(t, r, QUIC_TIMER_0003);
}

CONF_TEST(quic, unfinished_handshake,
	"a handshake that is not completed is forgotten",
	RULES(QUIC_TIMER_0004), NEEDS(QUIC_TRANSPORT), BUDGET_MS(60000))
{
	/* What is forgotten earlier is forgotten then. */
	static const unsigned int silences_ms[] = {11000, 21000, 31000};
	int answers = quic_late_handshakes(t->target, silences_ms, 3);

	need(t, answers >= 0, "a handshake that was begun");
	check_number(t, NULL, (uint64_t)answers, 0,
		"datagrams in answer to the client's last flight",
		QUIC_TIMER_0004);
}

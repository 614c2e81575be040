/* SPDX-License-Identifier: MIT */
/* Peers over QUIC; see quic.h. */
#include <errno.h>
#include <string.h>

#include "suite/link.h"
#include "suite/quic.h"
#include "suite/quic_relay.h"
#include "suite/words.h"

const char *quic_told(struct test *t, struct quic_outcome outcome)
{
	static const char *const kinds[] = {
		[QUIC_LIVES] = "the connection stands",
		[QUIC_WE_CLOSED] = "closed by the client",
		[QUIC_TLS_REFUSED] = "refused by the client's TLS, alert",
		[QUIC_PEER_TRANSPORT] = "CONNECTION_CLOSE 0x1c, code",
		[QUIC_PEER_APPLICATION] = "CONNECTION_CLOSE 0x1d, code",
		[QUIC_PEER_STREAM] = "the stream ended, code",
		[QUIC_SILENCE] = "silence",
		[QUIC_STATELESS_RESET] = "stateless reset",
		[QUIC_NO_VERSION] = "no common version",
		[QUIC_NOBODY] = "nobody listens there",
		[QUIC_OTHER] = "other",
	};

	return test_text(t, "%s 0x%llx%s%s%s", kinds[outcome.how], outcome.code,
		outcome.text[0] ? " (" : "", outcome.text,
		outcome.text[0] ? ")" : "");
}

struct peer *quic_attempt(struct test *t, const struct quic_offer *offer,
	struct quic_outcome *ret_outcome)
{
	static const struct quic_offer usual;
	unsigned short local = 0, remote = 0;
	struct quic_wire *wire = NULL;
	struct peer *peer;

	if (quic_dial(t->target, offer != NULL ? offer : &usual,
		    (int)(QUIC_HANDSHAKE_MS * t->time_scale), &wire,
		    ret_outcome) < 0) {
		return NULL;
	}
	quic_wire_ports(wire, &local, &remote);
	peer = link_new_peer(t, quic_wire_fd(wire), local, remote);
	peer->quic = wire;
	return peer;
}

struct peer *quic_connect(struct test *t, const struct quic_offer *offer)
{
	struct quic_outcome outcome;
	struct peer *peer = quic_attempt(t, offer, &outcome);

	conf_need(t, NULL, peer != NULL, "a QUIC connection to %s (%s)",
		t->target->host, peer != NULL ? "made" : quic_told(t, outcome));
	return peer;
}

void quic_pause(struct test *t, unsigned int ms)
{
	uint64_t deadline = test_clock() + ms * 1000000ull;

	while (peers_pump(t, deadline)) {
	}
}

void quic_leave(struct peer *peer, struct quic_relay *relay)
{
	quic_relay_calm(relay); /* the good-bye gets through */
	if (peer != NULL) {
		peer_disconnect(peer);
	}
	quic_relay_stop(relay);
}

struct quic_outcome quic_ended_within(struct peer *peer, unsigned int ms)
{
	uint64_t deadline = test_within(peer->t, ms), now;

	peer_closed_within(peer, ms);
	/* The end of the stream may come before that of the connection. */
	while (quic_wire_outcome(peer->quic).how == QUIC_LIVES &&
		(now = test_clock()) < deadline) {
		quic_wire_wait(
			peer->quic, (int)((deadline - now) / 1000000 + 1));
	}
	return quic_wire_outcome(peer->quic);
}

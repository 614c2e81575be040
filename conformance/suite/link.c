/* SPDX-License-Identifier: MIT */
/*
 * TCP (of network.h) or QUIC under the peers: connect, frame ([MS-SMB2] 2.1:
 * four bytes of length), send, and wait for traffic on all connections of a
 * test at once.
 */
#include <errno.h>
#include <string.h>

#include "suite/link.h"
#include "suite/network.h"
#include "suite/quic.h"
#include "suite/words.h"

#define INPUT_CHUNK 262144
#define PUT_WAIT_NS 10000000u
#define MESSAGE_MAX 0x1000000 /* the length prefix has 24 bits */

uint64_t test_clock(void)
{
	return network_chosen()->clock();
}

uint64_t test_within(const struct test *t, unsigned int ms)
{
	return test_clock() + (uint64_t)(ms * t->time_scale * 1e6);
}

/* No other run has this client, nor another repetition, even with the same
 * seed: what a test leaves behind, such as a durable open, belongs to its own
 * clients. */
static void name_client(struct peer *peer)
{
	uint8_t *b = peer->client_guid.b;
	const char *run = peer->t->run;
	size_t i;

	test_random(peer->t, b, sizeof(peer->client_guid.b));
	for (i = 0; i < 8 && run != NULL && run[i] != '\0'; i++) {
		b[i] ^= (uint8_t)run[i];
	}
	for (i = 0; i < 4; i++) {
		b[8 + i] ^= (uint8_t)(peer->t->number >> 8 * i);
	}
}

struct peer *link_new_peer(
	struct test *t, int fd, uint16_t local, uint16_t remote)
{
	struct peer *peer;

	if (t->peer_count == TEST_PEERS) {
		conf_broken(t, "more than %d connections", TEST_PEERS);
	}
	peer = test_alloc(t, sizeof(*peer));
	peer->t = t;
	peer->fd = fd;
	peer->index = (uint16_t)t->peer_count;
	peer->name[0] = (char)('A' + t->peer_count);
	peer->credits = 1;
	peer->credits_wanted = 64;
	name_client(peer);
	t->peers[t->peer_count++] = peer;
	log_peer(t->log, peer->index, peer->name, local, remote);
	return peer;
}

static struct peer *connect_tcp(struct test *t)
{
	uint16_t local = 0, remote = 0;
	int fd = network_chosen()->connect(
		t->target, test_within(t, REPLY_TIMEOUT_MS), &local, &remote);

	conf_need(t, NULL, fd >= 0, "a TCP connection to %s (%s)",
		t->target->host, fd >= 0 ? "made" : strerror(-fd));
	return link_new_peer(t, fd, local, remote);
}

struct peer *peer_connect_over(struct test *t, enum transport transport)
{
	if (transport == TRANSPORT_TARGET) {
		transport =
			t->target->over_quic ? TRANSPORT_QUIC : TRANSPORT_TCP;
	}
	return transport == TRANSPORT_QUIC ? quic_connect(t, NULL)
					   : connect_tcp(t);
}

struct peer *peer_connect(struct test *t)
{
	return peer_connect_over(t, TRANSPORT_TARGET);
}

static void closed(struct peer *peer)
{
	if (!peer->closed) {
		peer->closed = true;
		peer->closed_frame = log_frame(peer->t->log, peer->index,
			FRAME_CLOSED, (struct wire_view){NULL, 0},
			(struct wire_view){NULL, 0});
	}
}

void peer_disconnect(struct peer *peer)
{
	if (peer->fd >= 0) {
		if (peer->quic != NULL) {
			quic_hang_up(peer->quic);
			peer->quic = NULL;
		} else {
			network_chosen()->close(peer->fd);
		}
		peer->fd = -1;
		peer->closed = true;
		log_frame(peer->t->log, peer->index, FRAME_LEFT,
			(struct wire_view){NULL, 0},
			(struct wire_view){NULL, 0});
	}
}

/* As many as the connection takes now; or negative errno. */
static ssize_t put_some(struct peer *peer, const uint8_t *p, size_t n)
{
	return peer->quic != NULL ? quic_wire_send(peer->quic, p, n)
				  : network_chosen()->send(peer->fd, p, n);
}

static ssize_t get_some(struct peer *peer, uint8_t *p, size_t n)
{
	return peer->quic != NULL ? quic_wire_receive(peer->quic, p, n)
				  : network_chosen()->receive(peer->fd, p, n);
}

static void keep(struct peer *peer, struct wire_view bytes)
{
	uint8_t *all = test_alloc(peer->t, peer->held.n + bytes.n);

	if (peer->held.n != 0) {
		memcpy(all, peer->held.p, peer->held.n);
	}
	memcpy(all + peer->held.n, bytes.p, bytes.n);
	peer->held = wire_view_of(all, peer->held.n + bytes.n);
}

/* Sends all of it, or notices that the connection is over. */
static void put(struct peer *peer, struct wire_view bytes)
{
	uint64_t deadline = test_within(peer->t, REPLY_TIMEOUT_MS);
	size_t sent = 0;

	if (peer->holds) {
		keep(peer, bytes);
		return;
	}
	while (sent < bytes.n && !peer->closed && test_clock() < deadline) {
		ssize_t n = put_some(peer, bytes.p + sent, bytes.n - sent);
		bool ready;

		if (n > 0) {
			sent += (size_t)n;
		} else if (n == -EAGAIN) {
			network_chosen()->wait(&peer->fd, &ready, 1, true,
				test_clock() + PUT_WAIT_NS);
			peers_pump(peer->t, 0); /* the server may wait for us */
		} else if (n != -EINTR) {
			peers_pump(peer->t, 0);
			closed(peer);
		}
	}
}

void peer_hold(struct peer *peer)
{
	peer->holds = true;
}

void peer_release(struct peer *peer)
{
	struct wire_view held = peer->held;

	peer->holds = false;
	peer->held = (struct wire_view){NULL, 0};
	put(peer, held);
}

void peer_send_stream(struct peer *peer, struct wire_view bytes)
{
	log_frame(peer->t->log, peer->index, FRAME_SENT, bytes,
		(struct wire_view){NULL, 0});
	put(peer, bytes);
}

uint32_t link_send(
	struct peer *peer, struct wire_view message, struct wire_view plain)
{
	uint8_t *framed = test_alloc(peer->t, message.n + 4);
	uint32_t frame;

	framed[1] = (uint8_t)(message.n >> 16);
	framed[2] = (uint8_t)(message.n >> 8);
	framed[3] = (uint8_t)message.n;
	if (message.n != 0) {
		memcpy(framed + 4, message.p, message.n);
	}
	frame = log_frame(peer->t->log, peer->index, FRAME_SENT,
		wire_view_of(framed, message.n + 4), plain);
	put(peer, wire_view_of(framed, message.n + 4));
	return frame;
}

/* Hands over every whole message of the input. */
static void split(struct peer *peer)
{
	size_t at = 0;

	while (peer->input_size - at >= 4) {
		const uint8_t *p = peer->input + at;
		size_t n = (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];

		if (peer->input_size - at - 4 < n) {
			break;
		}
		receive_message(peer, wire_view_of(p, n + 4));
		at += n + 4;
	}
	memmove(peer->input, peer->input + at, peer->input_size - at);
	peer->input_size -= at;
}

/* Takes what has come; whether there may be more. */
static bool get(struct peer *peer)
{
	ssize_t n;

	if (peer->input_cap - peer->input_size < INPUT_CHUNK) {
		size_t cap = peer->input_cap * 2 + INPUT_CHUNK;
		uint8_t *grown;

		if (cap > 2 * (size_t)MESSAGE_MAX + 2 * INPUT_CHUNK) {
			closed(peer);
			return false;
		}
		grown = test_alloc(peer->t, cap);
		if (peer->input_size != 0) {
			memcpy(grown, peer->input, peer->input_size);
		}
		peer->input = grown;
		peer->input_cap = cap;
	}
	n = get_some(peer, peer->input + peer->input_size,
		peer->input_cap - peer->input_size);
	if (n > 0) {
		peer->input_size += (size_t)n;
		split(peer);
	} else if (n != -EAGAIN && n != -EINTR) {
		closed(peer);
	}
	return n > 0 && peer->quic != NULL;
}

bool peers_pump(struct test *t, uint64_t deadline)
{
	struct peer *who[TEST_PEERS];
	int connections[TEST_PEERS];
	bool ready[TEST_PEERS];
	unsigned int i, n = 0;

	for (i = 0; i < t->peer_count; i++) {
		if (t->peers[i]->fd >= 0 && !t->peers[i]->closed) {
			who[n] = t->peers[i];
			connections[n++] = t->peers[i]->fd;
		}
	}
	if (n == 0) { /* nobody can say anything any more */
		return false;
	}
	if (!network_chosen()->wait(connections, ready, n, false, deadline)) {
		return test_clock() < deadline;
	}
	for (i = 0; i < n; i++) {
		while (ready[i] && get(who[i])) {
		}
	}
	return true;
}

bool peer_closed_within(struct peer *peer, unsigned int ms)
{
	uint64_t deadline = test_within(peer->t, ms);

	while (!peer->closed && peers_pump(peer->t, deadline)) {
	}
	return peer->closed;
}

/* SPDX-License-Identifier: MIT */
/* Two endpoints and a bad network; see quic_rig.h. */
#include "transport/test/quic_rig.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transport/quic_compat.h"
#include "transport/quic_limits.h"

struct rig_packet {
	struct rig_packet *next;
	uint64_t at, order;
	enum rig_side to;
	uint16_t port; /* of the client, as the server sees it */
	uint8_t ecn;
	size_t n;
	uint8_t bytes[];
};

static void fill_path(struct quic_path *path, enum rig_side side, uint16_t port)
{
	union quic_address client = {.in = {.sin_family = AF_INET}};
	union quic_address server = client;

	memset(path, 0, sizeof(*path));
	client.in.sin_addr.s_addr = htonl(0x0a000002);
	client.in.sin_port = htons(port);
	server.in.sin_addr.s_addr = htonl(0x0a000001);
	server.in.sin_port = htons(443);
	memcpy(&path->local, side == RIG_CLIENT ? &client : &server,
		sizeof(client));
	memcpy(&path->remote, side == RIG_CLIENT ? &server : &client,
		sizeof(client));
}

void rig_path(struct rig *rig, enum rig_side side, struct quic_path *ret_path)
{
	fill_path(
		ret_path, side, side == RIG_SERVER ? rig->client_port : 50000);
}

uint64_t rig_digest(uint64_t digest, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		digest = (digest ^ p[i]) * 0x100000001b3u;
	}
	return digest;
}

struct blob *rig_message(size_t n, uint32_t seed)
{
	struct blob *blob = blob_create(n);

	assert_non_null(blob);
	for (size_t i = 0; i < n; i++) {
		blob->data[i] = (uint8_t)((i * 31 + seed) >> (i % 7));
	}
	blob->n = n;
	return blob;
}

static void on_ready(void *ctx)
{
	((struct rig_user *)ctx)->ready++;
}

static void on_message(void *ctx, struct blob *message)
{
	struct rig_user *user = ctx;

	user->messages++;
	user->bytes += message->n;
	user->digest = rig_digest(user->digest, message->data, message->n);
	if (user->kept) {
		blob_release(user->last);
		user->last = blob_hold(message);
	}
	if (user->echo) {
		(void)quic_ep_send(user->ep, message);
	} else {
		blob_release(message);
	}
}

static void on_bytes(
	void *ctx, int64_t stream, const uint8_t *p, size_t n, bool end)
{
	struct rig_user *user = ctx;

	(void)stream;
	n = n < sizeof(user->raw) - user->raw_size
		    ? n
		    : sizeof(user->raw) - user->raw_size;
	memcpy(user->raw + user->raw_size, p, n);
	user->raw_size += n;
	user->raw_end = user->raw_end || end;
}

static void on_over(void *ctx, const struct quic_end *end)
{
	struct rig_user *user = ctx;

	user->over++;
	user->end = *end;
}

static int on_cid_added(void *ctx, const struct quic_cid *cid)
{
	assert_in_range(cid->n, 8, 20);
	((struct rig_user *)ctx)->cids++;
	return 0;
}

static void on_cid_removed(void *ctx, const struct quic_cid *cid)
{
	(void)cid;
	((struct rig_user *)ctx)->cids--;
}

static struct quic_ep_user user_of(struct rig *rig, enum rig_side side)
{
	struct quic_ep_user user = {.ctx = &rig->users[side],
		.ready = on_ready,
		.message = on_message,
		.over = on_over,
		.cid_added = on_cid_added,
		.cid_removed = on_cid_removed};

	if (side == RIG_CLIENT && rig->raw_client) {
		user.bytes = on_bytes;
	}
	return user;
}

static void enqueue(struct rig *rig, struct rig_packet *packet)
{
	struct rig_packet **p = &rig->queue;

	packet->order = rig->order++;
	while (*p != NULL && ((*p)->at < packet->at ||
				     ((*p)->at == packet->at &&
					     (*p)->order < packet->order))) {
		p = &(*p)->next;
	}
	packet->next = *p;
	*p = packet;
}

static void carry(struct rig *rig, enum rig_side from, const uint8_t *p,
	size_t n, uint8_t ecn, uint16_t port)
{
	struct impair_fate fate;

	impair_decide(&rig->impair[from], p, n, &fate);
	rig->carried++;
	rig->carried_bytes[from] += n;
	if (fate.rebind && from == RIG_CLIENT) {
		rig->client_port++;
		port = rig->client_port;
	}
	for (unsigned int i = 0; i < fate.copies && !rig->black_hole; i++) {
		struct rig_packet *packet = malloc(sizeof(*packet) + n);

		assert_non_null(packet);
		packet->at = rig->now + fate.delay[i];
		packet->to = from == RIG_CLIENT ? RIG_SERVER : RIG_CLIENT;
		packet->port = port;
		packet->ecn = ecn;
		packet->n = n;
		memcpy(packet->bytes, p, n);
		if (fate.corrupt) {
			packet->bytes[fate.at] ^= fate.mask;
		}
		enqueue(rig, packet);
	}
}

void rig_flush(struct rig *rig, enum rig_side side)
{
	static uint8_t buffer[QUIC_BATCH_BYTES];
	struct rig_user *user = &rig->users[side];
	struct quic_path path;
	size_t n, segment, at, size;
	uint16_t port;
	uint8_t ecn;

	while (user->ep != NULL &&
		(n = quic_ep_output(user->ep, buffer, sizeof(buffer), &segment,
			 &path, &ecn, rig->now)) > 0) {
		port = side == RIG_CLIENT ? rig->client_port
					  : ntohs(path.remote.in.sin_port);
		for (at = 0; at < n; at += size) {
			size = segment < n - at ? segment : n - at;
			carry(rig, side, buffer + at, size, ecn, port);
		}
	}
}

static struct quic_cid id_of(const ngtcp2_cid *cid)
{
	struct quic_cid id = {.n = (uint8_t)cid->datalen};

	memcpy(id.bytes, cid->data, cid->datalen);
	return id;
}

static void make_server(struct rig *rig, const struct rig_packet *packet)
{
	const struct quic_ep_user user = user_of(rig, RIG_SERVER);
	struct quic_ep_hello hello = {0};
	struct quic_path path;
	ngtcp2_pkt_hd hd;

	if (ngtcp2_accept(&hd, packet->bytes, packet->n) != 0) {
		return;
	}
	hello.version = hd.version;
	hello.client = id_of(&hd.scid);
	hello.dcid = id_of(&hd.dcid);
	fill_path(&path, RIG_SERVER, packet->port);
	assert_int_equal(quic_ep_accept(&rig->config[RIG_SERVER], &user, &path,
				 &hello, rig->now, &rig->users[RIG_SERVER].ep),
		0);
}

static void deliver(struct rig *rig, struct rig_packet *packet)
{
	struct rig_user *user = &rig->users[packet->to];
	struct quic_path path;

	if (packet->to == RIG_CLIENT && packet->port != rig->client_port) {
		return; /* the NAT has forgotten that port */
	}
	if (user->ep == NULL && packet->to == RIG_SERVER) {
		make_server(rig, packet);
	}
	if (user->ep == NULL) {
		return;
	}
	fill_path(&path, packet->to,
		packet->to == RIG_SERVER ? packet->port : 50000);
	quic_ep_input(user->ep, &path, packet->ecn, packet->bytes, packet->n,
		rig->now);
	rig_flush(rig, packet->to);
}

/* The next event; false when there is none up to that time. */
static bool step(struct rig *rig, uint64_t until)
{
	uint64_t at = rig->queue != NULL ? rig->queue->at : UINT64_MAX;
	enum rig_side due = RIG_CLIENT;
	bool timer = false;

	for (enum rig_side i = RIG_CLIENT; i <= RIG_SERVER; i++) {
		struct quic_ep *ep = rig->users[i].ep;

		if (ep != NULL && quic_ep_expiry(ep) < at) {
			at = quic_ep_expiry(ep);
			due = i;
			timer = true;
		}
	}
	if (at == UINT64_MAX || at > until) {
		return false;
	}
	rig->now = at > rig->now ? at : rig->now;
	if (timer) {
		quic_ep_expire(rig->users[due].ep, rig->now);
		rig_flush(rig, due);
	} else {
		struct rig_packet *packet = rig->queue;

		rig->queue = packet->next;
		deliver(rig, packet);
		free(packet);
	}
	return true;
}

void rig_run(struct rig *rig, uint64_t until)
{
	while (step(rig, until)) {
	}
	rig->now = until > rig->now ? until : rig->now;
}

bool rig_until(struct rig *rig, bool (*done)(struct rig *rig), uint64_t until)
{
	while (!done(rig) && step(rig, until)) {
	}
	return done(rig);
}

bool rig_is_ready(struct rig *rig)
{
	return rig->users[0].ready > 0 && rig->users[1].ready > 0;
}

bool rig_is_over(struct rig *rig)
{
	return rig->users[0].over > 0 && rig->users[1].over > 0;
}

void rig_send(struct rig *rig, enum rig_side side, struct blob *message)
{
	assert_int_equal(quic_ep_send(rig->users[side].ep, message), 0);
	rig_flush(rig, side);
}

void rig_init(struct rig *rig, const struct impair_config *network)
{
	const struct quic_tls_server server = {0};
	struct quic_tls_client client = {0};
	struct impair_config other = *network;
	char error[256] = "";
	struct quic_tls *tls;

	memset(rig, 0, sizeof(*rig));
	rig->now = 1000 * RIG_MS;
	rig->client_port = 50000;
	impair_init(&rig->impair[RIG_CLIENT], network);
	other.seed += 1000003;
	impair_init(&rig->impair[RIG_SERVER], &other);
	if (quic_tls_server_create(&server, &tls, error) < 0) {
		fail_msg("%s", error);
	}
	rig->config[RIG_SERVER] = (struct quic_ep_config){
		.tls = tls, .max_message = 1u << 23, .streams_bidi = 1};
	client.fingerprint = quic_tls_fingerprint(tls);
	if (quic_tls_client_create(&client, &tls, error) < 0) {
		fail_msg("%s", error);
	}
	rig->config[RIG_CLIENT] = (struct quic_ep_config){.tls = tls,
		.peer = {.name = "server.example"},
		.max_message = 1u << 23};
}

void rig_connect(struct rig *rig)
{
	const struct quic_ep_user user = user_of(rig, RIG_CLIENT);
	struct quic_path path;

	fill_path(&path, RIG_CLIENT, 50000);
	assert_int_equal(quic_ep_connect(&rig->config[RIG_CLIENT], &user, &path,
				 rig->now, &rig->users[RIG_CLIENT].ep),
		0);
	rig_flush(rig, RIG_CLIENT);
}

/* Endpoints and what is under way; the credentials stay. */
static void drop_connection(struct rig *rig)
{
	struct rig_packet *packet;

	while ((packet = rig->queue) != NULL) {
		rig->queue = packet->next;
		free(packet);
	}
	for (int i = 0; i < 2; i++) {
		quic_ep_destroy(rig->users[i].ep);
		blob_release(rig->users[i].last);
		memset(&rig->users[i], 0, sizeof(rig->users[i]));
	}
}

void rig_again(struct rig *rig)
{
	drop_connection(rig);
}

void rig_finish(struct rig *rig)
{
	drop_connection(rig);
	quic_tls_destroy(rig->config[0].tls);
	quic_tls_destroy(rig->config[1].tls);
}

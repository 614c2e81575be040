/* SPDX-License-Identifier: MIT */
/*
 * The server's side on a network in memory: who gets in and how, versions,
 * resets, limits, and a flood of handshakes that nobody means to finish.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transport/quic.h"
#include "transport/quic_ep.h"
#include "transport/quic_limits.h"
#include "transport/simnet.h"

#define MS 1000000ull
#define FLOOD 10000
#define ANSWERING 3000 /* of the flood, that take the server's Retry */

static const struct impair_config network = {
	.delay_min = 5 * MS, .delay_max = 5 * MS};

struct hall;

/* One client on a socket that it may share with others. */
struct guest {
	struct hall *hall;
	struct quic_ep *ep;
	struct socket *socket;
	unsigned int ready, messages;
	struct quic_end end;
	bool silent; /* takes nothing in any more */
	struct io_timer timer;
};

struct packet {
	struct io_op op; /* first */
	struct io_datagram datagram;
	uint8_t bytes[1500];
};

struct socket {
	struct io_op in; /* first */
	struct io_datagram room;
	struct hall *hall;
	struct guest *guests; /* of whom the packet could be */
	unsigned int count;
	int fd;
	struct quic_path path;
	uint8_t bytes[2048];
	size_t packets; /* received */
	uint8_t last[2048];
	size_t last_size;
	bool closing;
};

struct hall {
	struct simnet *net;
	const struct io_port *io;
	struct quic *quic;
	struct quic_tls *server_tls, *client_tls;
	struct sockaddr_storage address;
	unsigned int accepted, gone;
	unsigned int refuse; /* accepted() says no */
};

struct echo {
	struct hall *hall;
	struct link *link;
};

static void *accepted(void *ctx, struct link *link)
{
	struct hall *hall = ctx;
	struct echo *echo;

	if (hall->refuse > 0) {
		return NULL;
	}
	echo = malloc(sizeof(*echo));
	assert_non_null(echo);
	assert_true(link->secure);
	*echo = (struct echo){hall, link};
	hall->accepted++;
	return echo;
}

static void input(void *conn, struct blob *message)
{
	struct echo *echo = conn;

	if (message->n == 3 && memcmp(message->data, "bye", 3) == 0) {
		echo->link->ops->send(echo->link, message);
		echo->link->ops->close(echo->link, true);
	} else {
		echo->link->ops->send(echo->link, message);
	}
}

static void gone(void *conn)
{
	struct echo *echo = conn;

	echo->hall->gone++;
	free(echo);
}

static void open_hall(struct hall *hall, const struct quic_limits *limits)
{
	const struct transport_user user = {hall, accepted, input, gone, NULL};
	const struct quic_tls_server server = {0};
	struct quic_tls_client client = {0};
	struct quic_limits all = *limits;
	char error[256];
	int fd;

	memset(hall, 0, sizeof(*hall));
	all.max_message = 1u << 20;
	all.queue_high = 1u << 20;
	all.stall_ns = 5 * QUIC_SECOND;
	if (all.max_connections == 0) {
		all.max_connections = 100;
	}
	hall->net = simnet_create(1000 * QUIC_SECOND);
	hall->io = simnet_io(hall->net);
	assert_int_equal(
		quic_tls_server_create(&server, &hall->server_tls, error), 0);
	client.fingerprint = quic_tls_fingerprint(hall->server_tls);
	assert_int_equal(
		quic_tls_client_create(&client, &hall->client_tls, error), 0);
	fd = simnet_socket(hall->net, &network, &hall->address);
	hall->quic = quic_create(hall->io, &all, &user, hall->server_tls);
	assert_non_null(hall->quic);
	assert_int_equal(quic_listen_on(hall->quic, fd, &hall->address), 0);
}

static uint64_t now_of(const struct hall *hall)
{
	return hall->io->now(hall->io->ctx);
}

static void run(struct hall *hall, uint64_t ns)
{
	uint64_t until = now_of(hall) + ns;

	while (simnet_step(hall->net, until)) {
	}
}

static void close_hall(struct hall *hall)
{
	quic_stop_listening(hall->quic);
	quic_close_all(hall->quic, false);
	run(hall, 10 * QUIC_SECOND);
	assert_true(quic_idle(hall->quic));
	assert_int_equal(hall->accepted, hall->gone);
	quic_destroy(hall->quic);
	simnet_destroy(hall->net);
	quic_tls_destroy(hall->client_tls);
	quic_tls_destroy(hall->server_tls);
}

static void sent(struct io_op *op, int result)
{
	(void)result;
	free(op);
}

static void send_bytes(struct socket *socket, const uint8_t *p, size_t n)
{
	struct hall *hall = socket->hall;
	struct packet *packet = calloc(1, sizeof(*packet));

	assert_non_null(packet);
	assert_true(n <= sizeof(packet->bytes));
	memcpy(packet->bytes, p, n);
	packet->op.done = sent;
	packet->datagram.data = (struct iovec){packet->bytes, n};
	packet->datagram.remote = hall->address;
	packet->datagram.remote_size = sizeof(struct sockaddr_in);
	hall->io->send_datagram(
		hall->io->ctx, &packet->op, socket->fd, &packet->datagram);
}

static void flush(struct guest *guest)
{
	uint8_t buffer[QUIC_PACKET_MAX];
	struct quic_path path;
	size_t n, segment;
	uint8_t ecn;

	while ((n = quic_ep_output(guest->ep, buffer, sizeof(buffer), &segment,
			&path, &ecn, now_of(guest->hall))) > 0) {
		send_bytes(guest->socket, buffer, n);
	}
	if (quic_ep_expiry(guest->ep) != UINT64_MAX) {
		guest->hall->io->timer_set(guest->hall->io->ctx, &guest->timer,
			quic_ep_expiry(guest->ep));
	}
}

static void guest_due(struct io_timer *timer)
{
	struct guest *guest =
		(struct guest *)((char *)timer - offsetof(struct guest, timer));

	quic_ep_expire(guest->ep, now_of(guest->hall));
	flush(guest);
}

/* Given to each guest; all but one drop what is not for them. */
static void socket_received(struct io_op *op, int result)
{
	struct socket *socket = (struct socket *)op;
	struct hall *hall = socket->hall;

	if (result < 0 || socket->closing) {
		return;
	}
	socket->packets++;
	socket->last_size = (size_t)result;
	memcpy(socket->last, socket->bytes, socket->last_size);
	for (unsigned int i = 0; i < socket->count; i++) {
		struct guest *guest = &socket->guests[i];

		if (guest->ep != NULL && !guest->silent) {
			quic_ep_input(guest->ep, &socket->path, 0,
				socket->bytes, (size_t)result, now_of(hall));
			flush(guest);
		}
	}
	hall->io->recv_datagram(
		hall->io->ctx, &socket->in, socket->fd, &socket->room);
}

static void open_socket(struct hall *hall, struct socket *socket,
	struct guest *guests, unsigned int count)
{
	struct sockaddr_storage local;

	memset(socket, 0, sizeof(*socket));
	socket->hall = hall;
	socket->guests = guests;
	socket->count = count;
	socket->fd = simnet_socket(hall->net, &network, &local);
	memcpy(&socket->path.local, &local, sizeof(socket->path.local));
	memcpy(&socket->path.remote, &hall->address,
		sizeof(socket->path.remote));
	socket->in.done = socket_received;
	socket->room.data = (struct iovec){socket->bytes, 2048};
	hall->io->recv_datagram(
		hall->io->ctx, &socket->in, socket->fd, &socket->room);
}

static void close_socket(struct socket *socket)
{
	socket->closing = true;
	socket->hall->io->cancel(socket->hall->io->ctx, &socket->in);
	run(socket->hall, 0);
	socket->hall->io->close(socket->hall->io->ctx, socket->fd);
}

static void guest_ready(void *ctx)
{
	((struct guest *)ctx)->ready++;
}

static void guest_message(void *ctx, struct blob *message)
{
	((struct guest *)ctx)->messages++;
	blob_release(message);
}

static void guest_over(void *ctx, const struct quic_end *end)
{
	((struct guest *)ctx)->end = *end;
}

static void invite(struct guest *guest, struct socket *socket)
{
	struct hall *hall = socket->hall;
	const struct quic_ep_user user = {.ctx = guest,
		.ready = guest_ready,
		.message = guest_message,
		.over = guest_over};
	const struct quic_ep_config config = {.tls = hall->client_tls,
		.peer = {.name = "server"},
		.max_message = 1u << 20};

	memset(guest, 0, sizeof(*guest));
	guest->hall = hall;
	guest->socket = socket;
	guest->timer.due = guest_due;
	assert_int_equal(quic_ep_connect(&config, &user, &socket->path,
				 now_of(hall), &guest->ep),
		0);
	flush(guest);
}

static void say(struct guest *guest, const char *text)
{
	struct blob *blob = blob_create(strlen(text));

	assert_non_null(blob);
	memcpy(blob->data, text, strlen(text));
	blob->n = strlen(text);
	assert_int_equal(quic_ep_send(guest->ep, blob), 0);
	flush(guest);
}

static void part(struct guest *guest)
{
	guest->hall->io->timer_clear(guest->hall->io->ctx, &guest->timer);
	quic_ep_destroy(guest->ep);
	guest->ep = NULL;
}

/* One guest on a socket of its own. */
static void host(struct hall *hall, const struct quic_limits *limits,
	struct socket *socket, struct guest *guest)
{
	open_hall(hall, limits);
	open_socket(hall, socket, guest, 1);
	invite(guest, socket);
}

static void see_off(
	struct hall *hall, struct socket *socket, struct guest *guest)
{
	part(guest);
	close_socket(socket);
	close_hall(hall);
}

static void enter_with(enum quic_retry retry, uint64_t retries)
{
	const struct quic_limits limits = {.retry = retry};
	struct quic_totals totals;
	struct socket socket;
	struct guest guest;
	struct hall hall;

	host(&hall, &limits, &socket, &guest);
	run(&hall, 200 * MS);
	assert_int_equal(guest.ready, 1);
	assert_int_equal(quic_connections(hall.quic), 1);
	say(&guest, "hello");
	run(&hall, 100 * MS);
	assert_int_equal(guest.messages, 1);
	quic_totals(hall.quic, &totals);
	assert_int_equal(totals.retries, retries);
	say(&guest, "bye");
	run(&hall, 100 * MS);
	assert_int_equal(guest.messages, 2);
	assert_int_equal(guest.end.kind, QUIC_END_PEER_APPLICATION);
	assert_int_equal(guest.end.code, QUIC_CODE_FRAME);
	assert_int_equal(hall.gone, 1);
	see_off(&hall, &socket, &guest);
}

static void clients_enter(void **state)
{
	(void)state;
	enter_with(QUIC_RETRY_NEVER, 0);
	enter_with(QUIC_RETRY_BUSY, 0);
	enter_with(QUIC_RETRY_ALWAYS, 1);
}

/* Connections are told apart by ids, not by addresses. */
static void one_address_many_clients(void **state)
{
	static struct guest guests[20];
	const struct quic_limits limits = {0};
	struct socket socket;
	struct hall hall;

	(void)state;
	open_hall(&hall, &limits);
	open_socket(&hall, &socket, guests, 20);
	for (unsigned int i = 0; i < 20; i++) {
		invite(&guests[i], &socket);
	}
	run(&hall, 500 * MS);
	assert_int_equal(quic_connections(hall.quic), 20);
	for (unsigned int i = 0; i < 20; i++) {
		say(&guests[i], "hello");
	}
	run(&hall, 500 * MS);
	for (unsigned int i = 0; i < 20; i++) {
		assert_int_equal(guests[i].messages, 1);
		part(&guests[i]);
	}
	close_socket(&socket);
	close_hall(&hall);
}

static void only_so_many_connections(void **state)
{
	static struct guest guests[3];
	const struct quic_limits limits = {.max_connections = 2};
	struct socket socket;
	struct hall hall;

	(void)state;
	open_hall(&hall, &limits);
	open_socket(&hall, &socket, guests, 3);
	for (unsigned int i = 0; i < 3; i++) {
		invite(&guests[i], &socket);
		run(&hall, 100 * MS);
	}
	assert_int_equal(quic_connections(hall.quic), 2);
	assert_int_equal(guests[2].ready, 0);
	assert_int_equal(guests[2].end.kind, QUIC_END_PEER_TRANSPORT);
	assert_int_equal(guests[2].end.code, 0x2); /* CONNECTION_REFUSED */
	for (unsigned int i = 0; i < 3; i++) {
		part(&guests[i]);
	}
	close_socket(&socket);
	close_hall(&hall);
}

/* RFC 9000, section 6: 1200 bytes of an unknown version get the list, with the
 * ids the other way round; fewer bytes get nothing. */
static void unknown_versions_get_a_list(void **state)
{
	static const uint8_t head[] = {0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8, 1, 2, 3,
		4, 5, 6, 7, 8, 4, 9, 10, 11, 12};
	static const uint8_t answer[] = {0, 0, 0, 0, 4, 9, 10, 11, 12, 8, 1, 2,
		3, 4, 5, 6, 7, 8, 0, 0, 0, 1};
	const struct quic_limits limits = {0};
	uint8_t packet[1200] = {0};
	struct socket socket;
	struct hall hall;

	(void)state;
	memcpy(packet, head, sizeof(head));
	open_hall(&hall, &limits);
	open_socket(&hall, &socket, NULL, 0);
	send_bytes(&socket, packet, 1199);
	run(&hall, 100 * MS);
	assert_int_equal(socket.packets, 0);
	send_bytes(&socket, packet, 1200);
	run(&hall, 100 * MS);
	assert_int_equal(socket.packets, 1);
	assert_int_equal(socket.last_size, 1 + sizeof(answer));
	assert_true(socket.last[0] & 0x80);
	assert_memory_equal(socket.last + 1, answer, sizeof(answer));
	close_socket(&socket);
	close_hall(&hall);
}

/* A server that has forgotten a client says so. */
static void the_forgotten_are_told(void **state)
{
	const struct quic_limits limits = {0};
	struct socket socket;
	struct guest guest;
	struct hall hall;

	(void)state;
	host(&hall, &limits, &socket, &guest);
	run(&hall, 500 * MS);
	assert_int_equal(guest.ready, 1);
	/* The close is not seen by the client. */
	guest.silent = true;
	quic_close_all(hall.quic, false);
	run(&hall, 10 * QUIC_SECOND);
	guest.silent = false;
	assert_int_equal(quic_connections(hall.quic), 0);
	say(&guest, "hello");
	run(&hall, 500 * MS);
	assert_int_equal(guest.end.kind, QUIC_END_STATELESS_RESET);
	see_off(&hall, &socket, &guest);
}

static void noise_is_ignored(void **state)
{
	const struct quic_limits limits = {0};
	uint8_t packet[1300];
	struct socket socket;
	struct hall hall;
	uint64_t random = 7;

	(void)state;
	open_hall(&hall, &limits);
	open_socket(&hall, &socket, NULL, 0);
	for (unsigned int i = 0; i < 3000; i++) {
		size_t n = 1 + (size_t)impair_chance(&random, sizeof(packet));

		for (size_t k = 0; k < n; k++) {
			packet[k] = (uint8_t)impair_chance(&random, 256);
		}
		if (i % 2 == 0 && n > 5) {
			packet[0] |= 0xc0;
			memcpy(packet + 1, "\0\0\0\1", 4);
		}
		send_bytes(&socket, packet, n);
		run(&hall, MS);
	}
	assert_int_equal(hall.accepted, 0);
	close_socket(&socket);
	close_hall(&hall);
}

/* 10,000 clients begin and fall silent, some after they have shown that their
 * address is theirs; one that means it gets in among them. */
static void a_flood_stops_nobody(void **state)
{
	struct guest *flood = calloc(FLOOD, sizeof(*flood));
	const struct quic_limits limits = {0};
	struct quic_totals totals;
	struct socket crowd, door;
	struct guest good;
	struct hall hall;
	uint64_t start;

	(void)state;
	assert_non_null(flood);
	open_hall(&hall, &limits);
	open_socket(&hall, &crowd, NULL, 1);
	open_socket(&hall, &door, &good, 1);
	memset(&good, 0, sizeof(good));
	for (unsigned int i = 0; i < FLOOD; i++) {
		invite(&flood[i], &crowd);
		if (i < ANSWERING) {
			/* There and back: takes the Retry. */
			crowd.guests = &flood[i];
			run(&hall, 11 * MS);
			crowd.guests = NULL;
			crowd.count = 1;
		}
		flood[i].silent = true;
		part(&flood[i]);
		crowd.count = 0;
		run(&hall, i % 16 == 0 ? MS : 0);
		crowd.count = 1;
		crowd.guests = &flood[i];
	}
	crowd.count = 0;
	assert_in_range(quic_half_open(hall.quic), QUIC_HALF_OPEN_RETRY,
		QUIC_HALF_OPEN_MAX);
	start = now_of(&hall);
	invite(&good, &door);
	while (good.ready == 0 &&
		simnet_step(hall.net, start + 2 * QUIC_SECOND)) {
	}
	assert_int_equal(good.ready, 1);
	assert_true(now_of(&hall) - start < QUIC_SECOND);
	say(&good, "hello");
	run(&hall, 200 * MS);
	assert_int_equal(good.messages, 1);
	quic_totals(hall.quic, &totals);
	assert_true(totals.retries > FLOOD / 2);
	/* They are forgotten in the end. */
	run(&hall, QUIC_HANDSHAKE_NS + 5 * QUIC_SECOND);
	assert_int_equal(quic_half_open(hall.quic), 0);
	part(&good);
	free(flood);
	close_socket(&crowd);
	close_socket(&door);
	close_hall(&hall);
}

/* New credentials are for new connections; the old ones go with the last that
 * uses them. */
static void credentials_change(void **state)
{
	const struct quic_tls_server other = {0};
	const struct quic_limits limits = {0};
	static struct guest guests[3];
	struct quic_tls_client client = {0};
	struct quic_tls *first;
	struct socket socket;
	struct hall hall;
	char error[256];

	(void)state;
	open_hall(&hall, &limits);
	open_socket(&hall, &socket, guests, 3);
	invite(&guests[0], &socket);
	run(&hall, 200 * MS);
	quic_tls_destroy(hall.server_tls);
	assert_int_equal(
		quic_tls_server_create(&other, &hall.server_tls, error), 0);
	quic_set_tls(hall.quic, hall.server_tls);
	invite(&guests[1], &socket);
	run(&hall, 200 * MS);
	assert_int_equal(guests[1].end.kind, QUIC_END_TLS);
	first = hall.client_tls;
	client.fingerprint = quic_tls_fingerprint(hall.server_tls);
	assert_int_equal(
		quic_tls_client_create(&client, &hall.client_tls, error), 0);
	invite(&guests[2], &socket);
	say(&guests[0], "hello");
	run(&hall, 200 * MS);
	assert_int_equal(guests[2].ready, 1);
	assert_int_equal(guests[0].messages, 1);
	for (unsigned int i = 0; i < 3; i++) {
		part(&guests[i]);
	}
	quic_tls_destroy(first);
	close_socket(&socket);
	close_hall(&hall);
}

/* A certificate that was made is not made again. */
static void what_was_made_is_kept(void **state)
{
	const struct quic_tls_server server = {0};
	struct quic_tls_server again = {0};
	struct quic_tls *first, *second, *third;
	char error[256];

	(void)state;
	assert_int_equal(quic_tls_server_create(&server, &first, error), 0);
	assert_int_equal(quic_tls_server_create(&server, &second, error), 0);
	again.kept = first;
	assert_int_equal(quic_tls_server_create(&again, &third, error), 0);
	assert_string_not_equal(
		quic_tls_fingerprint(first), quic_tls_fingerprint(second));
	assert_string_equal(
		quic_tls_fingerprint(first), quic_tls_fingerprint(third));
	quic_tls_destroy(first);
	assert_true(quic_tls_self_made(third));
	quic_tls_destroy(second);
	quic_tls_destroy(third);
}

/* A connection that is over would answer late packets for some time; a server
 * that ends does not wait for them. */
static void the_end_waits_for_no_stragglers(void **state)
{
	const struct quic_limits limits = {0};
	struct socket socket;
	struct guest guest;
	struct hall hall;

	(void)state;
	host(&hall, &limits, &socket, &guest);
	while (hall.accepted == 0 && simnet_step(hall.net, UINT64_MAX)) {
	}
	quic_ep_close(guest.ep, QUIC_CODE_NONE, false, now_of(&hall));
	flush(&guest);
	while (hall.gone == 0 && simnet_step(hall.net, UINT64_MAX)) {
	}
	assert_false(quic_idle(hall.quic));
	quic_stop_listening(hall.quic);
	run(&hall, 1);
	assert_true(quic_idle(hall.quic));
	see_off(&hall, &socket, &guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_enter),
		cmocka_unit_test(one_address_many_clients),
		cmocka_unit_test(only_so_many_connections),
		cmocka_unit_test(unknown_versions_get_a_list),
		cmocka_unit_test(the_forgotten_are_told),
		cmocka_unit_test(noise_is_ignored),
		cmocka_unit_test(a_flood_stops_nobody),
		cmocka_unit_test(credentials_change),
		cmocka_unit_test(what_was_made_is_kept),
		cmocka_unit_test(the_end_waits_for_no_stragglers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

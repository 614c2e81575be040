/* SPDX-License-Identifier: MIT */
/*
 * The TCP transport with a user that sends every message back, and clients
 * with plain blocking sockets in a second thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/loop.h"
#include "transport/tcp.h"

#define LARGEST 300000
#define STALL_MS 200

struct bench {
	struct loop *loop;
	struct tcp *tcp;
	char address[2][64];
	struct io_timer watch;
	int (*client)(struct bench *bench);
	int result;
	volatile bool over;
	unsigned int accepted, gone;
	char peer[64];
};

struct echo {
	struct bench *bench;
	struct link *link;
};

static void *echo_accepted(void *ctx, struct link *link)
{
	struct echo *echo = malloc(sizeof(*echo));

	echo->bench = ctx;
	echo->link = link;
	echo->bench->accepted++;
	snprintf(echo->bench->peer, 64, "%s", link->peer_name);
	return echo;
}

/* "bye" is answered and then the link is closed; the rest comes back. */
static void echo_input(void *conn, struct blob *message)
{
	struct echo *echo = conn;
	bool bye = message->n == 3 && memcmp(message->data, "bye", 3) == 0;

	echo->link->ops->send(echo->link, message);
	if (bye) {
		echo->link->ops->close(echo->link, true);
	}
}

static void echo_gone(void *conn)
{
	struct echo *echo = conn;

	echo->bench->gone++;
	free(echo);
}

static void *client_thread(void *arg)
{
	struct bench *bench = arg;

	bench->result = bench->client(bench);
	bench->over = true;
	return NULL;
}

static void watch_due(struct io_timer *timer)
{
	struct bench *bench =
		(struct bench *)((char *)timer - offsetof(struct bench, watch));
	const struct io_port *io = loop_io(bench->loop);

	if (bench->over) {
		tcp_stop_listening(bench->tcp);
		tcp_close_all(bench->tcp, false);
	}
	if (bench->over && tcp_idle(bench->tcp)) {
		loop_stop(bench->loop);
	} else {
		io->timer_set(io->ctx, timer, io->now(io->ctx) + 5000000);
	}
}

static void run_on(enum loop_backend backend, int (*client)(struct bench *))
{
	struct bench bench = {.client = client, .watch.due = watch_due};
	const struct transport_user user = {
		&bench, echo_accepted, echo_input, echo_gone, NULL};
	const struct tcp_limits limits = {
		LARGEST, 40, 1000000, STALL_MS * 1000000u, false};
	pthread_t thread;
	int r = loop_create(backend, 1, &bench.loop);

	if (r < 0 && backend == LOOP_URING) {
		print_message("SKIP: io_uring: %s\n", strerror(-r));
		return;
	}
	assert_int_equal(r, 0);
	bench.tcp = tcp_create(loop_io(bench.loop), &limits, &user);
	assert_non_null(bench.tcp);
	assert_int_equal(
		tcp_listen(bench.tcp, "127.0.0.1:0", bench.address[0]), 0);
	if (tcp_listen(bench.tcp, "[::1]:0", bench.address[1]) < 0) {
		bench.address[1][0] = '\0';
	}
	pthread_create(&thread, NULL, client_thread, &bench);
	watch_due(&bench.watch);
	assert_int_equal(loop_run(bench.loop), 0);
	pthread_join(thread, NULL);
	tcp_destroy(bench.tcp);
	loop_destroy(bench.loop);
	if (bench.result != 0) {
		fail_msg("client failed in line %d", bench.result);
	}
	assert_int_equal(bench.accepted, bench.gone);
	assert_true(bench.accepted > 0);
}

static void run(int (*client)(struct bench *))
{
	run_on(LOOP_URING, client);
	run_on(LOOP_EPOLL, client);
}

/* In the client's thread: leave with the line number when it is not so. */
#define NEED(x) \
	do { \
		if (!(x)) { \
			return __LINE__; \
		} \
	} while (0)

static int dial(const char *address)
{
	char host[64], *colon;
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
	struct addrinfo *info;
	int fd;

	snprintf(host, sizeof(host), "%s",
		address[0] == '[' ? address + 1 : address);
	colon = strrchr(host, ':');
	*colon = '\0';
	if (colon[-1] == ']') {
		colon[-1] = '\0';
	}
	if (getaddrinfo(host, colon + 1, &hints, &info) != 0) {
		return -1;
	}
	fd = socket(info->ai_family, SOCK_STREAM, 0);
	if (connect(fd, info->ai_addr, info->ai_addrlen) < 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(info);
	return fd;
}

static bool put_all(int fd, const void *p, size_t n)
{
	const uint8_t *at = p;

	while (n > 0) {
		ssize_t k = send(fd, at, n, MSG_NOSIGNAL);

		if (k <= 0) {
			return false;
		}
		at += k;
		n -= (size_t)k;
	}
	return true;
}

static bool put_message(int fd, const uint8_t *p, size_t n)
{
	const uint8_t prefix[4] = {
		0, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	return put_all(fd, prefix, 4) && put_all(fd, p, n);
}

static bool get_all(int fd, uint8_t *p, size_t n)
{
	return recv(fd, p, n, MSG_WAITALL) == (ssize_t)n;
}

/* The message, as sent, comes back. */
static bool get_message(int fd, const uint8_t *p, size_t n)
{
	static __thread uint8_t buffer[LARGEST];
	uint8_t prefix[4];

	return get_all(fd, prefix, 4) && prefix[0] == 0 &&
	       (size_t)(prefix[1] << 16 | prefix[2] << 8 | prefix[3]) == n &&
	       get_all(fd, buffer, n) && memcmp(buffer, p, n) == 0;
}

/* Ended by the other side within this time. */
static bool ends(int fd, int milliseconds)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	uint8_t byte;

	return poll(&ready, 1, milliseconds) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

static void fill(uint8_t *p, size_t n, unsigned int seed)
{
	for (size_t i = 0; i < n; i++) {
		p[i] = (uint8_t)(i * 7 + seed);
	}
}

static int client_sizes(struct bench *bench)
{
	static uint8_t data[LARGEST];
	static const size_t sizes[] = {1, 3, 4, 64, 4091, 4092, 4093, 4096,
		4097, 65536, 100001, LARGEST};

	for (unsigned int a = 0; a < 2; a++) {
		int fd;

		if (bench->address[a][0] == '\0') {
			continue;
		}
		fd = dial(bench->address[a]);
		NEED(fd >= 0);
		for (unsigned int i = 0; i < 12; i++) {
			fill(data, sizes[i], i);
			NEED(put_message(fd, data, sizes[i]));
			NEED(get_message(fd, data, sizes[i]));
		}
		close(fd);
	}
	return 0;
}

static void messages_of_every_size_come_back(void **state)
{
	(void)state;
	run(client_sizes);
}

/* 3,000 messages at once, cut into odd pieces. */
static int client_stream(struct bench *bench)
{
	static uint8_t stream[3000 * 104], data[100];
	int fd = dial(bench->address[0]);
	size_t at = 0;

	NEED(fd >= 0);
	for (unsigned int i = 0; i < 3000; i++) {
		size_t n = 1 + i % 100;

		fill(data, n, i);
		stream[at + 3] = (uint8_t)n;
		memcpy(stream + at + 4, data, n);
		at += 4 + n;
	}
	for (size_t from = 0, n; from < at; from += n) {
		n = 1 + from * 13 % 1777;
		n = n < at - from ? n : at - from;
		NEED(put_all(fd, stream + from, n));
	}
	for (unsigned int i = 0; i < 3000; i++) {
		fill(data, 1 + i % 100, i);
		NEED(get_message(fd, data, 1 + i % 100));
	}
	close(fd);
	return 0;
}

static void pieces_are_put_together(void **state)
{
	(void)state;
	run(client_stream);
}

static int client_packets(struct bench *bench)
{
	static const uint8_t keep_alive[] = {0x85, 0, 0, 0};
	static const uint8_t request[] = {0x81, 0, 0, 2, 1, 2};
	static const uint8_t oversize[] = {0, 0x04, 0x93, 0xe1};
	static const uint8_t empty[] = {0, 0, 0, 0};
	uint8_t refusal[5];
	int fd = dial(bench->address[0]);

	NEED(fd >= 0);
	NEED(put_all(fd, keep_alive, 4) && put_message(fd, keep_alive, 4));
	NEED(put_all(fd, keep_alive, 4));
	NEED(get_message(fd, keep_alive, 4));
	NEED(put_all(fd, oversize, 4) && ends(fd, 2000));
	close(fd);
	fd = dial(bench->address[0]);
	NEED(put_all(fd, request, 6) && get_all(fd, refusal, 5));
	NEED(refusal[0] == 0x83 && ends(fd, 2000));
	close(fd);
	fd = dial(bench->address[0]);
	NEED(put_all(fd, empty, 4) && ends(fd, 2000));
	close(fd);
	return 0;
}

static void other_packets_are_judged(void **state)
{
	(void)state;
	run(client_packets);
}

static int client_bye(struct bench *bench)
{
	static uint8_t data[LARGEST];
	int fd = dial(bench->address[0]);

	NEED(fd >= 0);
	for (unsigned int i = 0; i < 3; i++) {
		NEED(put_message(fd, data, LARGEST));
	}
	NEED(put_message(fd, (const uint8_t *)"bye", 3));
	NEED(put_message(fd, data, 100));
	for (unsigned int i = 0; i < 3; i++) {
		NEED(get_message(fd, data, LARGEST));
	}
	NEED(get_message(fd, (const uint8_t *)"bye", 3));
	NEED(ends(fd, 2000));
	close(fd);
	return 0;
}

static void close_lets_the_last_messages_leave(void **state)
{
	(void)state;
	run(client_bye);
}

/* One peer never reads; the other is served all the time; then the first is
 * cut off. */
static int client_slow(struct bench *bench)
{
	static uint8_t data[LARGEST];
	int slow = dial(bench->address[0]), other = dial(bench->address[0]);
	bool cut = false;

	NEED(slow >= 0 && other >= 0);
	for (unsigned int i = 0; i < 500 && !cut; i++) {
		struct pollfd room = {.fd = slow, .events = POLLOUT};

		if (poll(&room, 1, 10) == 1) {
			cut = room.revents & (POLLERR | POLLHUP);
			(void)!send(slow, data, sizeof(data),
				MSG_DONTWAIT | MSG_NOSIGNAL);
		}
		NEED(put_message(other, data, 1000));
		NEED(get_message(other, data, 1000));
	}
	NEED(cut);
	close(slow);
	close(other);
	return 0;
}

static void peers_that_never_read_are_cut_off(void **state)
{
	(void)state;
	run(client_slow);
}

static int client_half(struct bench *bench)
{
	static const uint8_t half[] = {0, 0, 0, 9, 'h', 'a', 'l', 'f'};
	int idle = dial(bench->address[0]), fd = dial(bench->address[0]);

	NEED(idle >= 0 && fd >= 0);
	NEED(put_all(fd, half, sizeof(half)));
	NEED(ends(fd, 5000));
	NEED(put_message(idle, half, 4) && get_message(idle, half, 4));
	close(fd);
	close(idle);
	return 0;
}

static void half_messages_are_not_waited_for(void **state)
{
	(void)state;
	run(client_half);
}

static int client_many(struct bench *bench)
{
	int fds[60];

	for (unsigned int i = 0; i < 60; i++) {
		fds[i] = dial(bench->address[0]);
		NEED(fds[i] >= 0);
	}
	for (unsigned int i = 0; i < 60; i++) {
		const uint8_t byte = (uint8_t)i;

		if (i < 40) {
			NEED(put_message(fds[i], &byte, 1));
			NEED(get_message(fds[i], &byte, 1));
		} else {
			NEED(ends(fds[i], 2000));
		}
	}
	for (unsigned int i = 0; i < 60; i++) {
		close(fds[i]);
	}
	return 0;
}

static void connections_are_limited(void **state)
{
	(void)state;
	run(client_many);
}

static void bad_addresses_are_refused(void **state)
{
	static const char *const bad[] = {"", ":445", "127.0.0.1",
		"127.0.0.1:", "localhost:445", "[::1:445", "1.2.3.4:x"};
	const struct transport_user user = {0};
	const struct tcp_limits limits = {1, 1, 1, 1, false};
	struct loop *loop;
	struct tcp *tcp;
	char bound[64];

	(void)state;
	assert_int_equal(loop_create(LOOP_EPOLL, 1, &loop), 0);
	tcp = tcp_create(loop_io(loop), &limits, &user);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(tcp_listen(tcp, bad[i], bound), -EINVAL);
	}
	assert_true(tcp_idle(tcp));
	tcp_destroy(tcp);
	loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_of_every_size_come_back),
		cmocka_unit_test(pieces_are_put_together),
		cmocka_unit_test(other_packets_are_judged),
		cmocka_unit_test(close_lets_the_last_messages_leave),
		cmocka_unit_test(peers_that_never_read_are_cut_off),
		cmocka_unit_test(half_messages_are_not_waited_for),
		cmocka_unit_test(connections_are_limited),
		cmocka_unit_test(bad_addresses_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

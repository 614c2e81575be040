/* SPDX-License-Identifier: MIT */
/* The thread that does what a kernel would; see quic-preload.h. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "quic-preload.h"

#define SOCKS_MAX 1024
#define AHEAD (1024u * 1024) /* bytes of the process that wait here */
#define STUCK_MS 1
#define BATCH 64
#define LAST_TRIES 200 /* one every millisecond */

struct sock *preload_socks;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int wake_fd = -1;

void preload_lock(void)
{
	pthread_mutex_lock(&lock);
}

void preload_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

uint64_t preload_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool wants_bytes(const struct sock *sock)
{
	return sock->kind == SOCK_CONN && sock->far >= 0 && !sock->eof &&
	       sock->secrets[0] && sock->out_bytes < AHEAD;
}

/* The process has ended it: nothing of what came is wanted any more. */
static void drop_input(struct sock *sock)
{
	struct chunk *next;

	for (; sock->in != NULL; sock->in = next) {
		next = sock->in->next;
		free(sock->in);
	}
}

void preload_to_process(struct sock *sock)
{
	while (sock->in != NULL && sock->far >= 0 && sock->to_read == NULL &&
		sock->secrets[0]) {
		struct chunk *chunk = sock->in;
		ssize_t n = send(sock->far, chunk->bytes + chunk->sent,
			chunk->n - chunk->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN) {
			sock->eof = true;
			drop_input(sock);
		}
		if (n <= 0) {
			return;
		}
		ngtcp2_conn_extend_max_stream_offset(
			sock->conn, 0, (uint64_t)n);
		ngtcp2_conn_extend_max_offset(sock->conn, (uint64_t)n);
		chunk->sent += (size_t)n;
		if (chunk->sent == chunk->n) {
			sock->in = chunk->next;
			free(chunk);
		}
	}
	if (sock->in == NULL && sock->fin && !sock->told_fin &&
		sock->far >= 0) {
		sock->told_fin = true;
		shutdown(sock->far, SHUT_WR);
	}
}

void preload_from_process(struct sock *sock)
{
	while (wants_bytes(sock)) {
		struct chunk *chunk = malloc(sizeof(*chunk)), **last;
		ssize_t n;

		if (chunk == NULL) {
			return;
		}
		n = recv(sock->far, chunk->bytes, CHUNK, MSG_DONTWAIT);
		if (n <= 0) {
			sock->eof = n == 0 || errno != EAGAIN;
			free(chunk);
			return;
		}
		chunk->next = NULL;
		chunk->n = (size_t)n;
		chunk->sent = 0;
		chunk->end = UINT64_MAX;
		sock->out_bytes += chunk->n;
		last = &sock->out;
		while (*last != NULL) {
			last = &(*last)->next;
		}
		*last = chunk;
	}
}

static void read_datagrams(struct sock *listener)
{
	struct sockaddr_storage from;
	union quic_address peer;
	uint8_t bytes[65536];

	for (unsigned int i = 0; i < BATCH; i++) {
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(listener->datagrams, bytes, sizeof(bytes),
			MSG_DONTWAIT, (struct sockaddr *)&from, &size);

		if (n < 0) {
			return;
		}
		if (quic_unix_to_address(&from, size, &peer)) {
			preload_input(listener, &peer, bytes, (size_t)n);
		}
	}
}

/* A listener is closed, and what nobody has accepted. Its socket stays while
 * there are connections. True: it is not needed any more. */
static bool end_listener(struct sock *listener)
{
	struct sock *sock = listener->waiting;

	for (; sock != NULL; sock = sock->queue) {
		close(sock->near);
	}
	listener->waiting = NULL;
	if (listener->path[0] != '\0') {
		unlink(listener->path);
		listener->path[0] = '\0';
	}
	for (sock = preload_socks; sock != NULL; sock = sock->next) {
		if (sock->listener == listener) {
			return false;
		}
	}
	return true;
}

static bool is_over(struct sock *sock)
{
	if (sock->kind == SOCK_LISTENER) {
		return sock->eof && end_listener(sock);
	}
	return sock->kind == SOCK_CONN ? sock->done : sock->eof;
}

static void sweep(void)
{
	struct sock *sock = preload_socks, *next;

	for (; sock != NULL; sock = next) {
		next = sock->next;
		if (is_over(sock)) {
			preload_sock_free(sock);
		}
	}
}

/* What one socket waits for; -1: never. */
static int fill(struct sock *sock, struct pollfd *ret_poll)
{
	uint64_t now = preload_now(), at;

	*ret_poll = (struct pollfd){.fd = sock->eof ? -1 : sock->far};
	if (sock->kind != SOCK_CONN) {
		return -1;
	}
	if (wants_bytes(sock)) {
		ret_poll->events |= POLLIN;
	}
	if (sock->in != NULL && sock->secrets[0]) {
		ret_poll->events |= POLLOUT;
	}
	if (ret_poll->events == 0 && sock->secrets[0]) {
		ret_poll->fd = -1; /* its end is looked at later */
	}
	if (sock->stuck) {
		return STUCK_MS;
	}
	at = sock->closing_until != 0 ? sock->closing_until
				      : ngtcp2_conn_get_expiry(sock->conn);
	if (at == UINT64_MAX) {
		return -1;
	}
	at = at > now ? (at - now) / 1000000u + 1 : 0;
	return at < 1000 ? (int)at : 1000;
}

/* Everything that is there, of everybody. */
static void serve(
	struct sock **socks, const struct pollfd *polls, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct sock *sock = socks[i];

		if (polls[2 * i].revents & (POLLHUP | POLLERR)) {
			preload_from_process(sock);
			sock->eof = sock->eof || !sock->secrets[0];
		}
		if (sock->kind == SOCK_LISTENER) {
			read_datagrams(sock);
		}
	}
	for (struct sock *sock = preload_socks; sock != NULL;
		sock = sock->next) {
		if (sock->kind == SOCK_CONN) {
			preload_from_process(sock);
			preload_to_process(sock);
			preload_output(sock);
		}
	}
	sweep();
}

static void round_of_all(void)
{
	static struct pollfd polls[2 * SOCKS_MAX + 1];
	static struct sock *socks[SOCKS_MAX];
	unsigned int count = 0;
	int wait = -1, one;
	uint64_t value;

	for (struct sock *sock = preload_socks;
		sock != NULL && count < SOCKS_MAX; sock = sock->next) {
		socks[count] = sock;
		one = fill(sock, &polls[2 * count]);
		polls[2 * count + 1] = (struct pollfd){
			.fd = sock->kind == SOCK_LISTENER ? sock->datagrams
							  : -1,
			.events = POLLIN};
		wait = one >= 0 && (wait < 0 || one < wait) ? one : wait;
		count++;
	}
	polls[2 * count] = (struct pollfd){.fd = wake_fd, .events = POLLIN};
	preload_unlock();
	(void)poll(polls, 2 * count + 1, wait);
	preload_lock();
	(void)!read(wake_fd, &value, sizeof(value));
	serve(socks, polls, count);
}

/* Only this thread frees sockets, so that those it waits for stay. */
static void *run(void *ctx)
{
	(void)ctx;
	preload_lock();
	for (;;) {
		round_of_all();
	}
	return NULL;
}

/* However full the other end is, for a moment. */
static void last_words(struct sock *sock)
{
	preload_output(sock);
	for (int i = 0; i < LAST_TRIES && sock->stuck; i++) {
		usleep(1000);
		preload_output(sock);
	}
}

/* The process ends. A kernel would still say good-bye; afterwards nothing may
 * happen any more, as libraries are taken down. */
void preload_finish(void)
{
	preload_lock();
	for (struct sock *sock = preload_socks; sock != NULL;
		sock = sock->next) {
		if (sock->kind == SOCK_CONN) {
			preload_from_process(sock);
			sock->eof = sock->at_once = true;
			last_words(sock);
		} else if (sock->kind == SOCK_LISTENER) {
			unlink(sock->path);
		}
	}
}

void preload_wake(void)
{
	const uint64_t one = 1;
	pthread_t thread;

	if (wake_fd < 0) {
		wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (pthread_create(&thread, NULL, run, NULL) == 0) {
			pthread_detach(thread);
		}
	}
	(void)!write(wake_fd, &one, sizeof(one));
}

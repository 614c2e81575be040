/* SPDX-License-Identifier: MIT */
/* The relay with impairments; see quic_relay.h. */
#include "suite/quic_relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "transport/impair.h"

#define WAITING 512 /* datagrams on their way */
#define DATAGRAM 2048
#define TICK_MS 1

struct on_its_way {
	bool used;
	bool to_client;
	uint64_t at;
	size_t n;
	uint8_t bytes[DATAGRAM];
};

struct quic_relay {
	pthread_t thread;
	int front, back; /* clients send to the first one */
	struct sockaddr_storage client;
	socklen_t client_size;
	struct impair to_server, to_client;
	atomic_bool stop, calm;
	atomic_uint lose;
	struct on_its_way waiting[WAITING];
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void pass_on(struct quic_relay *relay, const struct on_its_way *item)
{
	if (!item->to_client) {
		(void)send(relay->back, item->bytes, item->n, 0);
	} else if (relay->client_size != 0) {
		(void)sendto(relay->front, item->bytes, item->n, 0,
			(struct sockaddr *)&relay->client, relay->client_size);
	}
}

static void queue(struct quic_relay *relay, bool to_client, const uint8_t *p,
	size_t n, uint64_t at)
{
	for (unsigned int i = 0; i < WAITING; i++) {
		struct on_its_way *item = &relay->waiting[i];

		if (!item->used) {
			*item = (struct on_its_way){
				.used = true, .to_client = to_client, .at = at};
			item->n = n;
			memcpy(item->bytes, p, n);
			return;
		}
	}
}

/* Takes one datagram of a direction; false: none is there. */
static bool take(struct quic_relay *relay, bool to_client)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	struct impair_fate fate;
	uint8_t bytes[DATAGRAM];
	unsigned int lose;
	ssize_t n = recvfrom(to_client ? relay->back : relay->front, bytes,
		sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from, &size);

	if (n <= 0) {
		return false;
	}
	if (!to_client) {
		relay->client = from;
		relay->client_size = size;
	} else {
		lose = atomic_load(&relay->lose);
		if (lose != 0) {
			atomic_store(&relay->lose, lose - 1);
			return true;
		}
	}
	impair_decide(to_client ? &relay->to_client : &relay->to_server, bytes,
		(size_t)n, &fate);
	if (atomic_load(&relay->calm)) {
		fate = (struct impair_fate){.copies = 1};
	}
	if (fate.corrupt) {
		bytes[fate.at] ^= fate.mask;
	}
	for (unsigned int i = 0; i < fate.copies; i++) {
		queue(relay, to_client, bytes, (size_t)n,
			now_ns() + fate.delay[i]);
	}
	return true;
}

/* Those whose time has come, the oldest first. */
static void deliver(struct quic_relay *relay)
{
	for (;;) {
		struct on_its_way *first = NULL;

		for (unsigned int i = 0; i < WAITING; i++) {
			struct on_its_way *item = &relay->waiting[i];

			if (item->used &&
				(first == NULL || item->at < first->at)) {
				first = item;
			}
		}
		if (first == NULL || first->at > now_ns()) {
			return;
		}
		pass_on(relay, first);
		first->used = false;
	}
}

static void *run(void *argument)
{
	struct quic_relay *relay = argument;
	bool last;

	do { /* once more after the end was asked for */
		struct pollfd fds[] = {{.fd = relay->front, .events = POLLIN},
			{.fd = relay->back, .events = POLLIN}};

		last = atomic_load(&relay->stop);
		poll(fds, 2, last ? 0 : TICK_MS);
		while (take(relay, false)) {
		}
		while (take(relay, true)) {
		}
		deliver(relay);
	} while (!last);
	return NULL;
}

static int open_sockets(struct quic_relay *relay, const struct target *target,
	unsigned short *ret_port)
{
	struct sockaddr_storage server = target->address;
	struct sockaddr_in6 any = {.sin6_family = server.ss_family};
	socklen_t size = target->address_size;

	if (server.ss_family == AF_INET6) {
		((struct sockaddr_in6 *)&server)->sin6_port =
			htons(target->quic_port);
	} else {
		((struct sockaddr_in *)&server)->sin_port =
			htons(target->quic_port);
	}
	relay->front = socket(server.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	relay->back = socket(server.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (relay->front < 0 || relay->back < 0 ||
		bind(relay->front, (struct sockaddr *)&any, size) != 0 ||
		connect(relay->back, (struct sockaddr *)&server, size) != 0 ||
		getsockname(relay->front, (struct sockaddr *)&any, &size) !=
			0) {
		return -errno;
	}
	*ret_port = ntohs(any.sin6_port); /* at the same place in both */
	return 0;
}

struct quic_relay *quic_relay_start(const struct target *target,
	const char *to_server, const char *to_client, unsigned short *ret_port)
{
	struct quic_relay *relay = calloc(1, sizeof(*relay));
	struct impair_config configs[2] = {0};

	if (relay == NULL) {
		return NULL;
	}
	relay->front = relay->back = -1;
	if ((to_server && impair_parse(to_server, &configs[0]) < 0) ||
		(to_client && impair_parse(to_client, &configs[1]) < 0) ||
		open_sockets(relay, target, ret_port) < 0) {
		goto failed;
	}
	impair_init(&relay->to_server, &configs[0]);
	impair_init(&relay->to_client, &configs[1]);
	if (pthread_create(&relay->thread, NULL, run, relay) == 0) {
		return relay;
	}
failed:
	close(relay->front);
	close(relay->back);
	free(relay);
	return NULL;
}

void quic_relay_stop(struct quic_relay *relay)
{
	if (relay == NULL) {
		return;
	}
	atomic_store(&relay->stop, true);
	pthread_join(relay->thread, NULL);
	close(relay->front);
	close(relay->back);
	free(relay);
}

void quic_relay_calm(struct quic_relay *relay)
{
	atomic_store(&relay->lose, 0);
	atomic_store(&relay->calm, true);
}

void quic_relay_lose(struct quic_relay *relay, unsigned int count)
{
	atomic_store(&relay->lose, count);
}

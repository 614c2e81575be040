/* SPDX-License-Identifier: MIT */
/* The network of a process, and the one of sockets; see network.h. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "suite/dial.h"
#include "suite/network.h"
#include "suite/test.h"

static uint64_t clock_of(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t sockets_clock(void)
{
	return clock_of(CLOCK_MONOTONIC);
}

static uint64_t sockets_wall(void)
{
	return clock_of(CLOCK_REALTIME);
}

static void sockets_begin(const struct target *target __attribute__((unused)),
	uint64_t seed __attribute__((unused)))
{
}

static void sockets_end(void)
{
}

/* Until then, for poll(); not a moment too early. */
static int ms_until(uint64_t deadline)
{
	uint64_t now = sockets_clock();

	return now < deadline ? (int)((deadline - now + 999999) / 1000000) : 0;
}

static int sockets_connect(const struct target *target, uint64_t deadline,
	uint16_t *ret_local, uint16_t *ret_remote)
{
	return dial(target, ms_until(deadline), ret_local, ret_remote);
}

static ssize_t sockets_send(int connection, const void *p, size_t n)
{
	ssize_t r = send(connection, p, n, MSG_NOSIGNAL);

	return r < 0 ? -errno : r;
}

static ssize_t sockets_receive(int connection, void *ret_p, size_t n)
{
	ssize_t r = recv(connection, ret_p, n, 0);

	return r < 0 ? -errno : r;
}

static void sockets_close(int connection)
{
	close(connection);
}

static bool sockets_wait(const int *connections, bool *ret_ready,
	unsigned int count, bool sending, uint64_t deadline)
{
	struct pollfd polled[TEST_PEERS];
	bool any;

	for (unsigned int i = 0; i < count; i++) {
		polled[i] = (struct pollfd){.fd = connections[i],
			.events = sending ? POLLOUT : POLLIN};
	}
	any = poll(polled, count, ms_until(deadline)) > 0;
	for (unsigned int i = 0; i < count; i++) {
		ret_ready[i] = any && polled[i].revents != 0;
	}
	return any;
}

const struct network network_sockets = {
	.begin = sockets_begin,
	.end = sockets_end,
	.clock = sockets_clock,
	.wall = sockets_wall,
	.connect = sockets_connect,
	.send = sockets_send,
	.receive = sockets_receive,
	.close = sockets_close,
	.wait = sockets_wait,
};

static const struct network *chosen = &network_sockets;

void network_choose(const struct network *network)
{
	chosen = network != NULL ? network : &network_sockets;
}

const struct network *network_chosen(void)
{
	return chosen;
}

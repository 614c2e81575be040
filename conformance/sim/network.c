/* SPDX-License-Identifier: MIT */
/*
 * The suite's network inside a world: waiting is what makes time pass there.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "sim/network.h"
#include "sim/world.h"
#include "transport/simstream.h"

#define WALL_START 1735689600000000000u /* since 1970: 2025-01-01 */
#define FIRST_PORT 50000

/* Of the test in this process. */
static struct world *world;
static uint16_t connections;
/* Shared with the children; sums do not depend on an order. */
static struct sim_sum *sum;

static void sim_begin(
	const struct target *target __attribute__((unused)), uint64_t seed)
{
	world = world_create(seed);
	connections = 0;
}

static void sim_end(void)
{
	uint64_t digest = simstream_digest(world_streams(world));

	if (sum != NULL) {
		__atomic_fetch_add(&sum->tests, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(
			&sum->virtual_ns, world_clock(world), __ATOMIC_RELAXED);
		__atomic_fetch_add(&sum->digest, digest, __ATOMIC_RELAXED);
	}
	world_destroy(world);
	world = NULL;
}

static uint64_t sim_clock(void)
{
	return world_clock(world);
}

static uint64_t sim_wall(void)
{
	return WALL_START + world_clock(world);
}

static int sim_connect(const struct target *target __attribute__((unused)),
	uint64_t deadline __attribute__((unused)), uint16_t *ret_local,
	uint16_t *ret_remote)
{
	int r = world_connect(world);

	if (r >= 0) {
		*ret_local = (uint16_t)(FIRST_PORT + connections++);
		*ret_remote = 445;
	}
	return r;
}

static ssize_t sim_send(int connection, const void *p, size_t n)
{
	return simstream_put(world_streams(world), connection, p, n);
}

static ssize_t sim_receive(int connection, void *ret_p, size_t n)
{
	return simstream_take(world_streams(world), connection, ret_p, n);
}

static void sim_close(int connection)
{
	simstream_close(world_streams(world), connection);
}

static bool look(const int *connections_, bool *ret_ready, unsigned int count,
	bool sending)
{
	const struct simstream *streams = world_streams(world);
	bool any = false;

	for (unsigned int i = 0; i < count; i++) {
		ret_ready[i] =
			sending ? simstream_writable(streams, connections_[i])
				: simstream_readable(streams, connections_[i]);
		any |= ret_ready[i];
	}
	return any;
}

static bool sim_wait(const int *waiting, bool *ret_ready, unsigned int count,
	bool sending, uint64_t deadline)
{
	bool any;

	while (!(any = look(waiting, ret_ready, count, sending)) &&
		world_clock(world) < deadline) {
		world_step(world, deadline);
	}
	return any;
}

const struct network network_sim = {
	.apart = true,
	.begin = sim_begin,
	.end = sim_end,
	.clock = sim_clock,
	.wall = sim_wall,
	.connect = sim_connect,
	.send = sim_send,
	.receive = sim_receive,
	.close = sim_close,
	.wait = sim_wait,
};

void sim_sum_begin(void)
{
	void *p = mmap(NULL, sizeof(*sum), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	sum = p != MAP_FAILED ? p : NULL;
}

struct sim_sum sim_sum(void)
{
	return sum != NULL ? *sum : (struct sim_sum){0, 0, 0};
}

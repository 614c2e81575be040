/* SPDX-License-Identifier: MIT */
/* The port under the suite: over sockets and inside the simulator. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/network.h"
#include "sim/world.h"
#include "suite/network.h"
#include "suite/target.h"

#define SECOND 1000000000u

static struct target target;

/* No header of SMB behind a whole length prefix: the server hangs up. */
static const char nonsense[] = "\0\0\0\4none";

static void test_time_passes_by_waiting(void **state)
{
	const struct network *n = &network_sim;
	uint16_t local = 0, remote = 0;
	uint64_t real = network_sockets.clock();
	uint64_t begin;
	bool ready = true;
	int c;

	(void)state;
	n->begin(&target, 1);
	begin = n->clock();
	c = n->connect(&target, begin + SECOND, &local, &remote);
	assert_true(c >= 0);
	assert_int_not_equal(local, 0);
	assert_int_equal(remote, 445);
	assert_int_equal(n->clock(), begin);
	/* Longer than a server waits for the first message. */
	assert_false(n->wait(&c, &ready, 1, false, begin + 30ull * SECOND));
	assert_false(ready);
	assert_int_equal(n->clock(), begin + 30ull * SECOND);
	assert_true(n->wait(&c, &ready, 1, false, begin + 600ull * SECOND));
	assert_true(ready);
	assert_true(n->clock() < begin + 600ull * SECOND);
	n->end();
	assert_true(network_sockets.clock() < real + 20ull * SECOND);
}

static uint64_t clock_after_nonsense(uint64_t seed)
{
	const struct network *n = &network_sim;
	uint16_t local, remote;
	uint64_t clock;
	char byte;
	bool ready;
	int c;

	n->begin(&target, seed);
	c = n->connect(&target, n->clock() + SECOND, &local, &remote);
	assert_true(n->wait(&c, &ready, 1, true, n->clock() + SECOND));
	assert_int_equal(n->send(c, nonsense, 8), 8);
	assert_int_equal(n->receive(c, &byte, 1), -EAGAIN);
	assert_true(n->wait(&c, &ready, 1, false, n->clock() + SECOND));
	assert_int_equal(n->receive(c, &byte, 1), 0);
	clock = n->clock();
	n->close(c);
	n->end();
	return clock;
}

static void test_a_world_for_each_test(void **state)
{
	struct sim_sum before, after;

	(void)state;
	before = sim_sum();
	assert_int_equal(clock_after_nonsense(5), clock_after_nonsense(5));
	assert_int_not_equal(clock_after_nonsense(5), clock_after_nonsense(6));
	after = sim_sum();
	assert_int_equal(after.tests, before.tests + 4);
	assert_true(after.virtual_ns > before.virtual_ns);
}

static int listener(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	assert_int_equal(
		bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	getsockname(fd, (struct sockaddr *)&address, &size);
	memcpy(&target.address, &address, sizeof(address));
	target.address_size = size;
	target.tcp_port = ntohs(address.sin_port);
	return fd;
}

static void test_sockets(void **state)
{
	const struct network *n = &network_sockets;
	int there = listener(), far, c;
	uint16_t local = 0, remote = 0;
	uint64_t begin = n->clock();
	bool ready = true;
	char text[4];

	(void)state;
	n->begin(&target, 1);
	c = n->connect(&target, begin + SECOND, &local, &remote);
	assert_true(c >= 0);
	assert_int_equal(remote, target.tcp_port);
	far = accept(there, NULL, NULL);
	assert_int_equal(n->receive(c, text, 4), -EAGAIN);
	assert_false(n->wait(&c, &ready, 1, false, n->clock() + SECOND / 50));
	assert_false(ready);
	assert_true(n->clock() >= begin + SECOND / 50);
	assert_true(n->wait(&c, &ready, 1, true, n->clock() + SECOND));
	assert_int_equal(n->send(c, "abc", 3), 3);
	assert_int_equal(read(far, text, 4), 3);
	assert_int_equal(write(far, "de", 2), 2);
	assert_true(n->wait(&c, &ready, 1, false, n->clock() + SECOND));
	assert_int_equal(n->receive(c, text, 4), 2);
	close(far);
	assert_true(n->wait(&c, &ready, 1, false, n->clock() + SECOND));
	assert_int_equal(n->receive(c, text, 4), 0);
	n->close(c);
	n->end();
	close(there);
	/* Nobody is there any more. */
	assert_true(
		n->connect(&target, n->clock() + SECOND, &local, &remote) < 0);
}

static void test_the_choice(void **state)
{
	(void)state;
	assert_ptr_equal(network_chosen(), &network_sockets);
	network_choose(&network_sim);
	assert_ptr_equal(network_chosen(), &network_sim);
	network_choose(NULL);
	assert_ptr_equal(network_chosen(), &network_sockets);
}

int main(void)
{
	const char *const words[] = {"test", "--listen", "127.0.0.1:445",
		"--share", "data=memory:data", "--user", "tester:secret",
		"--log", "error"};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_choice),
		cmocka_unit_test(test_time_passes_by_waiting),
		cmocka_unit_test(test_a_world_for_each_test),
		cmocka_unit_test(test_sockets),
	};

	world_configure(sizeof(words) / sizeof(words[0]), (char *const *)words);
	sim_sum_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

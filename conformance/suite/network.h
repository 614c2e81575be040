/* SPDX-License-Identifier: MIT */
/*
 * The network under the suite, and the clock that its deadlines are times of:
 * the system's sockets, or a simulator in the test's own process, where time
 * passes only while a test waits. Everything that waits, waits here.
 */
#ifndef SMB3X_SUITE_NETWORK_H
#define SMB3X_SUITE_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct target;

struct network {
	/* Every test has a server of its own, which ends with it: tests can
	 * neither disturb each other nor leave anything behind. */
	bool apart;
	/* In the process of a test, before its body and after it. */
	void (*begin)(const struct target *target, uint64_t seed);
	void (*end)(void);
	/* Nanoseconds: of a clock that never goes back; since 1970. */
	uint64_t (*clock)(void);
	uint64_t (*wall)(void);
	/* A TCP connection to the target: its number and its two ports, or
	 * negative errno. */
	int (*connect)(const struct target *target, uint64_t deadline,
		uint16_t *ret_local, uint16_t *ret_remote);
	/* As send() and recv() that never block: bytes, 0 at the end, -EAGAIN
	 * or another negative errno. */
	ssize_t (*send)(int connection, const void *p, size_t n);
	ssize_t (*receive)(int connection, void *ret_p, size_t n);
	void (*close)(int connection);
	/* Waits until one of them can be received from (or sent on) or the
	 * deadline has passed; ret_ready says which can. Whether any can. */
	bool (*wait)(const int *connections, bool *ret_ready,
		unsigned int count, bool sending, uint64_t deadline);
};

/* Sockets; what a process has as long as nothing else is chosen. */
extern const struct network network_sockets;

/* The one of this process; NULL: sockets. */
void network_choose(const struct network *network);
const struct network *network_chosen(void);

#endif

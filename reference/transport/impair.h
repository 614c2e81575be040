/* SPDX-License-Identifier: MIT */
/*
 * A bad network, decided packet by packet: what is lost, doubled, delayed,
 * overtaken, damaged, and when a NAT gives the sender another address. All of
 * it follows from one seed. It moves no bytes: links in memory and the UDP
 * proxy ask it and obey.
 */
#ifndef SMB3X_TRANSPORT_IMPAIR_H
#define SMB3X_TRANSPORT_IMPAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* QUIC packets by what anybody can see of them. RFC 9000, section 17 */
enum impair_type {
	IMPAIR_INITIAL = 1,
	IMPAIR_ZERO_RTT = 2,
	IMPAIR_HANDSHAKE = 4,
	IMPAIR_RETRY = 8,
	IMPAIR_VERSION = 16,
	IMPAIR_SHORT = 32,
};

/* Chances are per million packets, times nanoseconds. */
struct impair_config {
	uint64_t seed;
	uint32_t loss, duplicate, reorder, corrupt, rebind;
	uint64_t delay_min, delay_max; /* of every packet */
	uint64_t overtaken;            /* further delay of a reordered one */
	uint32_t pass_first; /* so many packets are left alone at first */
	uint32_t drop_first; /* then so many are lost for certain, */
	uint32_t drop_types; /* of these types: enum impair_type; 0: all */
	size_t mtu;          /* longer packets are lost; 0: none is */
};

struct impair {
	struct impair_config config;
	uint64_t state;
	uint64_t packets, dropped;
	uint64_t lost, doubled, reordered, corrupted, rebound; /* so far */
};

struct impair_fate {
	unsigned int copies; /* 0: lost */
	uint64_t delay[2];   /* of each copy */
	bool corrupt;        /* byte `at` is to be changed by ^ mask */
	size_t at;
	uint8_t mask;
	bool rebind; /* the sender has another address from now on */
};

void impair_init(struct impair *impair, const struct impair_config *config);
void impair_decide(struct impair *impair, const uint8_t *p, size_t n,
	struct impair_fate *ret_fate);
enum impair_type impair_type_of(const uint8_t *p, size_t n);

/* The generator itself: below n. */
uint64_t impair_chance(uint64_t *state, uint64_t n);

/*
 * Settings from text such as "loss=1%,reorder=0.5%,delay=5ms-20ms,seed=7,
 * duplicate=1%,corrupt=0.1%,rebind=0.01%,overtaken=10ms,pass-first=4,
 * drop-first=1,drop-types=initial+handshake,mtu=1280". 0 or -EINVAL.
 */
int impair_parse(const char *text, struct impair_config *ret_config);

#endif

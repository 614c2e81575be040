/* SPDX-License-Identifier: MIT */
/*
 * Authentication as the engine needs it: tokens in, tokens out, a session
 * key and an identity at the end. GSSAPI stands behind it in the server, a
 * fixed table of users in the simulator.
 */
#ifndef SMB3X_PORTS_AUTH_H
#define SMB3X_PORTS_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/wire.h"

enum auth_outcome {
	AUTH_CONTINUE, /* token holds the next leg */
	AUTH_DONE,     /* identity and key are set; token may be empty */
	AUTH_REFUSED,  /* status says why */
};

struct auth_identity {
	char user[128]; /* UTF-8, without the domain */
	char domain[128];
	uint32_t uid, gid; /* whose rights files are reached with */
	uint32_t groups[32];
	unsigned int group_count;
	bool guest, anonymous, admin;
};

struct auth_result {
	enum auth_outcome outcome;
	uint32_t status;        /* NTSTATUS when refused */
	struct wire_view token; /* valid until the next call or end() */
	struct auth_identity identity;
	uint8_t key[64]; /* the full session key of the mechanism */
	unsigned int key_size;
	uint64_t expires; /* FILETIME; 0 = never */
};

struct auth_exchange;

struct auth_port {
	void *ctx;
	/* The token of the NEGOTIATE response (SPNEGO NegTokenInit2). The view
	 * lives as long as the port. */
	struct wire_view (*hint)(void *ctx);
	struct auth_exchange *(*begin)(void *ctx);
	/* Returns 0 and fills *ret_result, or -ENOMEM. */
	int (*step)(struct auth_exchange *exchange, struct wire_view token,
		struct auth_result *ret_result);
	void (*end)(struct auth_exchange *exchange); /* accepts NULL */
};

#endif

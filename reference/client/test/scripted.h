/* SPDX-License-Identifier: MIT */
/*
 * A server of the client's tests that says what a test wants, true or not. It
 * answers in a thread over a pair of sockets; there is no session, so that
 * nothing is signed.
 */
#ifndef SMB3X_CLIENT_TEST_SCRIPTED_H
#define SMB3X_CLIENT_TEST_SCRIPTED_H

#include <pthread.h>

#include "client/posix.h"

#define SCRIPTED_LOG 256

/* One element of a request and what is answered to it. */
struct scripted_answer {
	uint32_t status;
	uint8_t body[4096];
	size_t n; /* 0: an error response without data */
};

struct scripted;
typedef void scripted_rule(struct scripted *s, uint16_t command,
	struct wire_view pdu, struct scripted_answer *answer);

struct scripted {
	struct client client;
	struct client_tree tree;
	int fd;
	pthread_t thread;
	scripted_rule *rule;
	const void *ctx; /* of the rule */
	/* What came, in order. */
	uint16_t commands[SCRIPTED_LOG];
	size_t count;
	uint8_t last_set[256]; /* buffer of the last SET_INFO */
	size_t last_set_size;
	bool break_next; /* the compound lies about NextCommand */
};

void scripted_start(struct scripted *s, scripted_rule *rule, const void *ctx);
void scripted_stop(struct scripted *s);

/* Bodies of good answers. */
void scripted_create(struct scripted_answer *answer, bool context,
	uint32_t mode, const uint8_t *sids, size_t sids_size);
void scripted_good(uint16_t command, struct scripted_answer *answer);
/* STATUS_STOPPED_ON_SYMLINK with its data. */
void scripted_link(struct scripted_answer *answer, const char *target,
	uint16_t unparsed, bool relative);
/* S-1-22-1-1000 and S-1-22-2-1000 */
extern const uint8_t scripted_sids[32];
void scripted_append(
	struct scripted_answer *answer, const void *bytes, size_t n);

#endif

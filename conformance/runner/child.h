/* SPDX-License-Identifier: MIT */
/*
 * One forked child with a log of its own.
 */
#ifndef SMB3X_RUNNER_CHILD_H
#define SMB3X_RUNNER_CHILD_H

#include <sys/types.h>

#include "runner/run.h"

struct child {
	pid_t pid;
	int pidfd;
	int output; /* what it printed, a memory file */
	struct log *log;
	uint64_t started, deadline; /* CLOCK_MONOTONIC, nanoseconds */
	struct child_end end;
};

typedef void child_body(struct log *log, void *ctx);

/* Forks; the child runs body in a process group of its own and exits. */
int child_start(struct child *ret_child, unsigned int budget_ms,
	child_body *body, void *ctx);
/* Kills what is left of the group, collects the child, fills ->end. */
void child_collect(struct child *child);
/* Waits for it, until its deadline. */
void child_wait(struct child *child);
/* Frees log and descriptors. */
void child_finish(struct child *child);
/* The first bytes of what it printed. */
void child_output(const struct child *child, char *ret_text, size_t size);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The event loop of a real process: io_uring, or epoll where the kernel or a
 * container forbids io_uring; timers; and a small pool of threads for work
 * that may block. Everything but the pool runs on the thread that calls
 * loop_run().
 */
#ifndef SMB3X_LOOP_LOOP_H
#define SMB3X_LOOP_LOOP_H

#include "ports/io.h"
#include "ports/work.h"

enum loop_backend { LOOP_AUTO, LOOP_URING, LOOP_EPOLL };

struct loop;

/* threads of the pool, 1 to 64. Returns 0 or negative errno; LOOP_URING fails
 * where there is no io_uring, LOOP_AUTO does not. */
int loop_create(enum loop_backend backend, unsigned int threads,
	struct loop **ret_loop);
/* No operation is under way. Waits for the pool. Accepts NULL. */
void loop_destroy(struct loop *loop);

/* "io_uring" or "epoll" */
const char *loop_backend_name(const struct loop *loop);

const struct io_port *loop_io(struct loop *loop);
struct work_port *loop_work(struct loop *loop);

/* Runs until loop_stop(); returns 0 or negative errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Runs until no operation is under way any more and nothing is to be done;
 * every operation has ended or been cancelled. */
void loop_settle(struct loop *loop);

/* Called after every round of completions, before the loop sleeps. */
void loop_on_round(struct loop *loop, void (*round)(void *ctx), void *ctx);

#endif

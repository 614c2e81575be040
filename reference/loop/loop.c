/* SPDX-License-Identifier: MIT */
/* The loop: rounds of completions, timers and sleep; see loop.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "loop/internal.h"

struct loop {
	const struct backend_ops *ops;
	void *backend;
	struct pool *pool;
	struct io_port io;
	struct work_port work;
	struct io_op *ended, **ended_last; /* done() is still to be called */
	unsigned int pending;              /* started, done() not yet called */
	struct io_timer *timers;           /* by time */
	struct io_op pool_op;
	uint64_t pool_count;
	bool stopping;
	void (*round)(void *ctx);
	void *round_ctx;
};

void loop_ended(struct loop *loop, struct io_op *op, int result)
{
	op->result = result;
	op->next = NULL;
	*loop->ended_last = op;
	loop->ended_last = &op->next;
}

/* Calls done() of what has ended up to now; what ends meanwhile waits for
 * the next round. */
static void run_ended(struct loop *loop)
{
	struct io_op *op = loop->ended, *next;

	loop->ended = NULL;
	loop->ended_last = &loop->ended;
	for (; op != NULL; op = next) {
		next = op->next;
		op->pending = false;
		loop->pending--;
		if (op->kind == OP_RECV_DATAGRAM && op->result >= 0) {
			datagram_received(op);
		}
		op->done(op, op->result);
	}
}

static void start(
	struct loop *loop, struct io_op *op, enum op_kind kind, int fd)
{
	op->kind = kind;
	op->fd = fd;
	op->pending = true;
	op->cancelled = false;
	loop->pending++;
	loop->ops->start(loop->backend, op);
}

static void loop_accept(void *ctx, struct io_op *op, int fd)
{
	start(ctx, op, OP_ACCEPT, fd);
}

static void loop_recv(void *ctx, struct io_op *op, int fd, void *p, size_t n)
{
	op->buffer = (struct iovec){p, n};
	start(ctx, op, OP_RECV, fd);
}

static void loop_send(void *ctx, struct io_op *op, int fd,
	const struct iovec *vec, unsigned int count)
{
	memset(&op->message, 0, sizeof(op->message));
	op->message.msg_iov = (struct iovec *)vec;
	op->message.msg_iovlen = count;
	start(ctx, op, OP_SEND, fd);
}

static void loop_read(void *ctx, struct io_op *op, int fd, void *p, size_t n)
{
	op->buffer = (struct iovec){p, n};
	start(ctx, op, OP_READ, fd);
}

static void loop_recv_datagram(
	void *ctx, struct io_op *op, int fd, struct io_datagram *datagram)
{
	datagram_prepare_recv(op, datagram);
	start(ctx, op, OP_RECV_DATAGRAM, fd);
}

static void loop_send_datagram(
	void *ctx, struct io_op *op, int fd, struct io_datagram *datagram)
{
	datagram_prepare_send(op, datagram);
	start(ctx, op, OP_SEND_DATAGRAM, fd);
}

static void loop_ready(void *ctx, struct io_op *op, int fd, bool write)
{
	start(ctx, op, write ? OP_WRITABLE : OP_READABLE, fd);
}

static void loop_cancel(void *ctx, struct io_op *op)
{
	struct loop *loop = ctx;

	if (op->pending && !op->cancelled) {
		op->cancelled = true;
		loop->ops->cancel(loop->backend, op);
	}
}

static void loop_shutdown(void *ctx, int fd)
{
	(void)ctx;
	shutdown(fd, SHUT_WR);
}

static void loop_close(void *ctx, int fd)
{
	struct loop *loop = ctx;

	loop->ops->forget(loop->backend, fd);
	close(fd);
}

static uint64_t loop_now(void *ctx)
{
	struct timespec now;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void loop_timer_clear(void *ctx, struct io_timer *timer)
{
	struct loop *loop = ctx;

	if (!timer->set) {
		return;
	}
	timer->set = false;
	for (struct io_timer **p = &loop->timers; *p != NULL; p = &(*p)->next) {
		if (*p == timer) {
			*p = timer->next;
			return;
		}
	}
}

static void loop_timer_set(void *ctx, struct io_timer *timer, uint64_t at)
{
	struct loop *loop = ctx;
	struct io_timer **p = &loop->timers;

	loop_timer_clear(loop, timer);
	while (*p != NULL && (*p)->at <= at) {
		p = &(*p)->next;
	}
	timer->at = at;
	timer->set = true;
	timer->next = *p;
	*p = timer;
}

static void run_timers(struct loop *loop)
{
	uint64_t now = loop_now(loop);
	struct io_timer *timer;

	while (loop->timers != NULL && loop->timers->at <= now) {
		timer = loop->timers;
		loop->timers = timer->next;
		timer->set = false;
		timer->due(timer);
	}
}

static void pool_readable(struct io_op *op, int result)
{
	struct loop *loop =
		(struct loop *)((char *)op - offsetof(struct loop, pool_op));

	if (result == -ECANCELED) {
		return;
	}
	pool_reap(loop->pool);
	loop_read(loop, op, pool_fd(loop->pool), &loop->pool_count,
		sizeof(loop->pool_count));
}

static int choose_backend(struct loop *loop, enum loop_backend backend)
{
	int r = -ENOSYS;

	if (backend != LOOP_EPOLL) {
		r = uring_create(loop, &loop->ops, &loop->backend);
	}
	if (r < 0 && backend != LOOP_URING) {
		r = epoll_backend_create(loop, &loop->ops, &loop->backend);
	}
	return r;
}

int loop_create(
	enum loop_backend backend, unsigned int threads, struct loop **ret_loop)
{
	struct loop *loop;
	int r;

	if (threads < 1 || threads > 64) {
		return -EINVAL;
	}
	loop = calloc(1, sizeof(*loop));
	if (loop == NULL) {
		return -ENOMEM;
	}
	loop->ended_last = &loop->ended;
	loop->io = (struct io_port){loop, loop_accept, loop_recv, loop_send,
		loop_read, loop_cancel, loop_close, loop_now, loop_timer_set,
		loop_timer_clear, loop_recv_datagram, loop_send_datagram,
		loop_ready, loop_shutdown};
	r = choose_backend(loop, backend);
	if (r == 0) {
		r = pool_create(threads, &loop->pool);
	}
	if (r < 0) {
		loop_destroy(loop);
		return r;
	}
	loop->work = (struct work_port){loop->pool, pool_post};
	loop->pool_op.done = pool_readable;
	loop_read(loop, &loop->pool_op, pool_fd(loop->pool), &loop->pool_count,
		sizeof(loop->pool_count));
	*ret_loop = loop;
	return 0;
}

void loop_destroy(struct loop *loop)
{
	if (loop == NULL) {
		return;
	}
	if (loop->pool_op.pending) {
		loop_cancel(loop, &loop->pool_op);
		while (loop->pool_op.pending &&
			loop->ops->wait(loop->backend, 0) == 0) {
			run_ended(loop);
		}
	}
	pool_destroy(loop->pool);
	if (loop->ops != NULL) {
		loop->ops->destroy(loop->backend);
	}
	free(loop);
}

const char *loop_backend_name(const struct loop *loop)
{
	return loop->ops->name;
}

const struct io_port *loop_io(struct loop *loop)
{
	return &loop->io;
}

struct work_port *loop_work(struct loop *loop)
{
	return &loop->work;
}

static uint64_t sleep_time(const struct loop *loop)
{
	uint64_t now;

	if (loop->ended != NULL) {
		return 0;
	}
	if (loop->timers == NULL) {
		return UINT64_MAX;
	}
	now = loop_now((void *)loop);
	return loop->timers->at > now ? loop->timers->at - now : 0;
}

int loop_run(struct loop *loop)
{
	int r = 0;

	loop->stopping = false;
	while (!loop->stopping && r == 0) {
		r = loop->ops->wait(loop->backend, sleep_time(loop));
		run_ended(loop);
		run_timers(loop);
		if (loop->round != NULL) {
			loop->round(loop->round_ctx);
		}
	}
	return r;
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
}

/* The pool's own operation is always under way. */
void loop_settle(struct loop *loop)
{
	bool busy = true;

	while (busy && loop->ops->wait(loop->backend, 1000000) == 0) {
		run_ended(loop);
		run_timers(loop);
		busy = loop->pending > 1 || loop->ended != NULL ||
		       pool_busy(loop->pool);
	}
}

void loop_on_round(struct loop *loop, void (*round)(void *ctx), void *ctx)
{
	loop->round = round;
	loop->round_ctx = ctx;
}

/* SPDX-License-Identifier: MIT */
/* The loop over io_uring and over epoll: operations, timers, work. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/loop.h"

static const enum loop_backend backends[] = {LOOP_URING, LOOP_EPOLL};

/* Runs a test over each backend that the kernel has. */
static void on_each(void (*test)(struct loop *loop, const struct io_port *io))
{
	for (unsigned int i = 0; i < 2; i++) {
		struct loop *loop;
		int r = loop_create(backends[i], 2, &loop);

		if (r < 0 && backends[i] == LOOP_URING) {
			print_message("SKIP: io_uring: %s\n", strerror(-r));
			continue;
		}
		assert_int_equal(r, 0);
		test(loop, loop_io(loop));
		loop_destroy(loop);
	}
}

struct stop_timer {
	struct io_timer timer;
	struct loop *loop;
	unsigned int *order;
	unsigned int position;
};

static void timer_due(struct io_timer *timer)
{
	struct stop_timer *t = (struct stop_timer *)timer;

	t->position = ++*t->order;
	if (*t->order == 3) {
		loop_stop(t->loop);
	}
}

static void timers_run(struct loop *loop, const struct io_port *io)
{
	unsigned int order = 0;
	struct stop_timer t[4];
	uint64_t now = io->now(io->ctx);
	static const uint64_t after[] = {30, 10, 20, 5};

	for (unsigned int i = 0; i < 4; i++) {
		t[i] = (struct stop_timer){{.due = timer_due}, loop, &order, 0};
		io->timer_set(io->ctx, &t[i].timer, now + after[i] * 1000000);
	}
	io->timer_clear(io->ctx, &t[3].timer);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(t[0].position, 3);
	assert_int_equal(t[1].position, 1);
	assert_int_equal(t[2].position, 2);
	assert_int_equal(t[3].position, 0);
	assert_true(io->now(io->ctx) - now >= 30000000);
}

static void timers_come_in_order(void **state)
{
	(void)state;
	on_each(timers_run);
}

struct job {
	struct work work;
	struct loop *loop;
	unsigned int *left;
	int value;
};

static void job_run(struct work *work)
{
	struct job *job = (struct job *)work;

	usleep(1000);
	job->value *= 2;
}

static void job_done(struct work *work)
{
	struct job *job = (struct job *)work;

	if (--*job->left == 0) {
		loop_stop(job->loop);
	}
}

static void work_runs(struct loop *loop, const struct io_port *io)
{
	struct job jobs[50];
	unsigned int left = 50;

	(void)io;
	for (int i = 0; i < 50; i++) {
		jobs[i] =
			(struct job){{NULL, job_run, job_done}, loop, &left, i};
		work_post(loop_work(loop), &jobs[i].work);
	}
	assert_int_equal(left, 50);
	assert_int_equal(loop_run(loop), 0);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(jobs[i].value, 2 * i);
	}
}

static void work_comes_back_on_the_loop(void **state)
{
	(void)state;
	on_each(work_runs);
}

struct pipe_end {
	struct io_op op;
	struct loop *loop;
	const struct io_port *io;
	int fd, result;
	uint8_t *p;
	size_t n, moved;
	bool sends;
	struct iovec vec;
	unsigned int *left;
};

static void pipe_start(struct pipe_end *end)
{
	if (end->sends) {
		end->vec = (struct iovec){
			end->p + end->moved, end->n - end->moved};
		end->io->send(end->io->ctx, &end->op, end->fd, &end->vec, 1);
	} else {
		end->io->recv(end->io->ctx, &end->op, end->fd,
			end->p + end->moved, end->n - end->moved);
	}
}

static void pipe_done(struct io_op *op, int result)
{
	struct pipe_end *end = (struct pipe_end *)op;

	end->result = result;
	if (result > 0) {
		end->moved += (size_t)result;
		if (end->moved < end->n) {
			pipe_start(end);
			return;
		}
	}
	if (--*end->left == 0) {
		loop_stop(end->loop);
	}
}

static void big_transfer(struct loop *loop, const struct io_port *io)
{
	const size_t size = 5000000;
	uint8_t *from = malloc(size), *to = calloc(1, size);
	unsigned int left = 2;
	int fds[2];

	for (size_t i = 0; i < size; i++) {
		from[i] = (uint8_t)(i * 31 >> 3);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	struct pipe_end a = {.op.done = pipe_done,
		.loop = loop,
		.io = io,
		.fd = fds[0],
		.p = from,
		.n = size,
		.sends = true,
		.left = &left};
	struct pipe_end b = {.op.done = pipe_done,
		.loop = loop,
		.io = io,
		.fd = fds[1],
		.p = to,
		.n = size,
		.left = &left};
	pipe_start(&a);
	pipe_start(&b);
	assert_int_equal(a.moved, 0);
	assert_int_equal(loop_run(loop), 0);
	assert_memory_equal(from, to, size);
	io->close(io->ctx, fds[0]);
	io->close(io->ctx, fds[1]);
	free(from);
	free(to);
}

static void partial_sends_add_up(void **state)
{
	(void)state;
	on_each(big_transfer);
}

static void cancel_one(struct loop *loop, const struct io_port *io)
{
	unsigned int left = 1;
	uint8_t byte;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	struct pipe_end end = {.op.done = pipe_done,
		.loop = loop,
		.io = io,
		.fd = fds[1],
		.p = &byte,
		.n = 1,
		.left = &left};
	pipe_start(&end);
	io->cancel(io->ctx, &end.op);
	io->cancel(io->ctx, &end.op);
	assert_int_equal(left, 1);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(end.result, -ECANCELED);
	/* The descriptor is as good as new. */
	left = 1;
	pipe_start(&end);
	assert_int_equal(write(fds[0], "x", 1), 1);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(end.result, 1);
	assert_int_equal(byte, 'x');
	io->close(io->ctx, fds[0]);
	io->close(io->ctx, fds[1]);
}

static void cancelled_operations_end(void **state)
{
	(void)state;
	on_each(cancel_one);
}

static void read_event(struct loop *loop, const struct io_port *io)
{
	unsigned int left = 1;
	uint64_t value = 0;
	int fd = eventfd(0, EFD_NONBLOCK);
	struct pipe_end end = {.op.done = pipe_done,
		.loop = loop,
		.io = io,
		.fd = fd,
		.p = (uint8_t *)&value,
		.n = sizeof(value),
		.left = &left};
	const uint64_t seven = 7;

	io->read(io->ctx, &end.op, fd, &value, sizeof(value));
	assert_int_equal(write(fd, &seven, sizeof(seven)), sizeof(seven));
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(value, 7);
	io->close(io->ctx, fd);
}

static void eventfds_are_read(void **state)
{
	(void)state;
	on_each(read_event);
}

struct wait {
	struct io_op op; /* first */
	int result;
	bool over;
};

static void wait_over(struct io_op *op, int result)
{
	struct wait *wait = (struct wait *)op;

	wait->result = result;
	wait->over = true;
}

/* A socket with room can be written at once, and read when bytes came. */
static void wait_for_both(struct loop *loop, const struct io_port *io)
{
	struct wait in = {.op.done = wait_over}, out = in, again = in;
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	io->ready(io->ctx, &out.op, fds[0], true);
	loop_settle(loop);
	assert_true(out.over && out.result > 0);
	io->ready(io->ctx, &in.op, fds[0], false);
	assert_false(in.over);
	assert_int_equal(write(fds[1], "x", 1), 1);
	loop_settle(loop);
	assert_true(in.over && in.result > 0);
	/* What is there already counts as well. */
	io->ready(io->ctx, &again.op, fds[0], false);
	loop_settle(loop);
	assert_true(again.over && again.result > 0);
	in.over = false;
	io->ready(io->ctx, &in.op, fds[1], false);
	io->cancel(io->ctx, &in.op);
	loop_settle(loop);
	assert_true(in.over);
	assert_int_equal(in.result, -ECANCELED);
	io->close(io->ctx, fds[0]);
	io->close(io->ctx, fds[1]);
}

static void readiness_is_told(void **state)
{
	(void)state;
	on_each(wait_for_both);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_come_in_order),
		cmocka_unit_test(work_comes_back_on_the_loop),
		cmocka_unit_test(partial_sends_add_up),
		cmocka_unit_test(cancelled_operations_end),
		cmocka_unit_test(eventfds_are_read),
		cmocka_unit_test(readiness_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The loop's operations over io_uring (liburing). */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop/internal.h"

#define RING_ENTRIES 1024

struct uring {
	struct loop *loop;
	struct io_uring ring;
};

/* A full queue is handed to the kernel first, so there is always room. */
static struct io_uring_sqe *next_sqe(struct uring *uring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

	while (sqe == NULL) {
		io_uring_submit(&uring->ring);
		sqe = io_uring_get_sqe(&uring->ring);
	}
	return sqe;
}

static void uring_start(void *backend, struct io_op *op)
{
	struct io_uring_sqe *sqe = next_sqe(backend);

	switch ((enum op_kind)op->kind) {
	case OP_ACCEPT:
		io_uring_prep_accept(sqe, op->fd, NULL, NULL, SOCK_CLOEXEC);
		break;
	case OP_RECV:
		io_uring_prep_recv(sqe, op->fd, op->buffer.iov_base,
			op->buffer.iov_len, 0);
		break;
	case OP_SEND:
		io_uring_prep_sendmsg(sqe, op->fd, &op->message, MSG_NOSIGNAL);
		break;
	case OP_READ:
		/* A read of an eventfd would block a kernel thread. */
		io_uring_prep_poll_add(sqe, op->fd, POLLIN);
		break;
	case OP_RECV_DATAGRAM:
		io_uring_prep_recvmsg(sqe, op->fd, &op->message, 0);
		break;
	case OP_SEND_DATAGRAM:
		io_uring_prep_sendmsg(
			sqe, op->fd, &op->message, MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	case OP_READABLE:
		io_uring_prep_poll_add(sqe, op->fd, POLLIN);
		break;
	case OP_WRITABLE:
		io_uring_prep_poll_add(sqe, op->fd, POLLOUT);
		break;
	}
	io_uring_sqe_set_data(sqe, op);
}

static void uring_cancel(void *backend, struct io_op *op)
{
	struct io_uring_sqe *sqe = next_sqe(backend);

	io_uring_prep_cancel(sqe, op, 0);
	io_uring_sqe_set_data(sqe, NULL);
}

static void uring_forget(void *backend, int fd)
{
	(void)backend;
	(void)fd;
}

/* What an operation came to; false when it goes on. */
static bool outcome(struct uring *uring, struct io_op *op, int *result)
{
	ssize_t n;

	if (op->kind != OP_READ || *result < 0) {
		return true;
	}
	n = read(op->fd, op->buffer.iov_base, op->buffer.iov_len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		uring_start(uring, op);
		return false;
	}
	*result = n < 0 ? -errno : (int)n;
	return true;
}

static int uring_wait(void *backend, uint64_t nanoseconds)
{
	struct uring *uring = backend;
	struct __kernel_timespec time = {
		.tv_sec = (long long)(nanoseconds / 1000000000u),
		.tv_nsec = (long long)(nanoseconds % 1000000000u)};
	struct io_uring_cqe *cqe;
	unsigned int head, count = 0;
	int r;

	if (nanoseconds == 0) {
		r = io_uring_submit(&uring->ring);
	} else {
		r = io_uring_submit_and_wait_timeout(&uring->ring, &cqe, 1,
			nanoseconds == UINT64_MAX ? NULL : &time, NULL);
	}
	if (r < 0 && r != -ETIME && r != -EINTR && r != -EBUSY &&
		r != -EAGAIN) {
		return r;
	}
	io_uring_for_each_cqe(&uring->ring, head, cqe)
	{
		struct io_op *op = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		if (op != NULL && outcome(uring, op, &result)) {
			loop_ended(uring->loop, op, result);
		}
		count++;
	}
	io_uring_cq_advance(&uring->ring, count);
	return 0;
}

static void uring_destroy(void *backend)
{
	struct uring *uring = backend;

	io_uring_queue_exit(&uring->ring);
	free(uring);
}

static const struct backend_ops uring_ops = {"io_uring", uring_start,
	uring_cancel, uring_forget, uring_wait, uring_destroy};

int uring_create(struct loop *loop, const struct backend_ops **ret_ops,
	void **ret_backend)
{
	struct uring *uring = calloc(1, sizeof(*uring));
	int r;

	if (uring == NULL) {
		return -ENOMEM;
	}
	uring->loop = loop;
	r = io_uring_queue_init(RING_ENTRIES, &uring->ring, 0);
	if (r == 0 && !(uring->ring.features & IORING_FEAT_FAST_POLL)) {
		io_uring_queue_exit(&uring->ring);
		r = -ENOSYS;
	}
	if (r < 0) {
		free(uring);
		return r;
	}
	*ret_ops = &uring_ops;
	*ret_backend = uring;
	return 0;
}

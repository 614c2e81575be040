/* SPDX-License-Identifier: MIT */
/*
 * The loop's operations over epoll: each is tried at once, and again when its
 * descriptor turns ready.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loop/internal.h"

/* What waits on a descriptor: one that reads, one that writes. */
struct entry {
	bool known;
	struct io_op *in, *out;
};

struct epoll {
	struct loop *loop;
	int fd;
	struct entry *entries; /* by descriptor */
	size_t count;
};

static int is_ready(int fd, short events)
{
	struct pollfd one = {.fd = fd, .events = events};
	int n = poll(&one, 1, 0);

	if (n == 0) {
		errno = EAGAIN;
	}
	return n > 0 ? one.revents : -1;
}

static int perform(struct io_op *op)
{
	ssize_t n = -1;

	do {
		switch ((enum op_kind)op->kind) {
		case OP_ACCEPT:
			n = accept4(op->fd, NULL, NULL, SOCK_CLOEXEC);
			break;
		case OP_RECV:
			n = recv(op->fd, op->buffer.iov_base,
				op->buffer.iov_len, MSG_DONTWAIT);
			break;
		case OP_SEND:
			n = sendmsg(op->fd, &op->message,
				MSG_NOSIGNAL | MSG_DONTWAIT);
			break;
		case OP_READ:
			n = read(op->fd, op->buffer.iov_base,
				op->buffer.iov_len);
			break;
		case OP_RECV_DATAGRAM:
			n = recvmsg(op->fd, &op->message, MSG_DONTWAIT);
			break;
		case OP_SEND_DATAGRAM:
			n = sendmsg(op->fd, &op->message,
				MSG_NOSIGNAL | MSG_DONTWAIT);
			break;
		case OP_READABLE:
			n = is_ready(op->fd, POLLIN);
			break;
		case OP_WRITABLE:
			n = is_ready(op->fd, POLLOUT);
			break;
		}
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)n;
}

static struct io_op **place_of(struct entry *entry, const struct io_op *op)
{
	return op->kind == OP_SEND || op->kind == OP_WRITABLE ? &entry->out
							      : &entry->in;
}

/* Edge-triggered: registered once for both directions. */
static int learn(struct epoll *epoll, int fd)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.fd = fd};
	struct entry *entries;
	size_t count = epoll->count;

	if ((size_t)fd >= count) {
		count = (size_t)fd * 2 + 64;
		entries = realloc(epoll->entries, count * sizeof(*entries));
		if (entries == NULL) {
			return -ENOMEM;
		}
		memset(entries + epoll->count, 0,
			(count - epoll->count) * sizeof(*entries));
		epoll->entries = entries;
		epoll->count = count;
	}
	if (epoll->entries[fd].known) {
		return 0;
	}
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ||
		epoll_ctl(epoll->fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		return -errno;
	}
	epoll->entries[fd].known = true;
	return 0;
}

static void epoll_start(void *backend, struct io_op *op)
{
	struct epoll *epoll = backend;
	int r = learn(epoll, op->fd);

	if (r == 0) {
		r = perform(op);
	}
	if (r == -EAGAIN && op->kind != OP_SEND_DATAGRAM) {
		*place_of(&epoll->entries[op->fd], op) = op;
	} else {
		loop_ended(epoll->loop, op, r);
	}
}

static void epoll_cancel(void *backend, struct io_op *op)
{
	struct epoll *epoll = backend;
	struct io_op **place;

	if ((size_t)op->fd < epoll->count) {
		place = place_of(&epoll->entries[op->fd], op);
		if (*place == op) {
			*place = NULL;
			loop_ended(epoll->loop, op, -ECANCELED);
		}
	}
}

static void epoll_forget(void *backend, int fd)
{
	struct epoll *epoll = backend;

	if ((size_t)fd < epoll->count) {
		memset(&epoll->entries[fd], 0, sizeof(epoll->entries[fd]));
		epoll_ctl(epoll->fd, EPOLL_CTL_DEL, fd, NULL);
	}
}

static void try_again(struct epoll *epoll, struct io_op **place)
{
	struct io_op *op = *place;
	int r;

	if (op == NULL) {
		return;
	}
	r = perform(op);
	if (r != -EAGAIN) {
		*place = NULL;
		loop_ended(epoll->loop, op, r);
	}
}

static int epoll_backend_wait(void *backend, uint64_t nanoseconds)
{
	struct epoll *epoll = backend;
	struct epoll_event events[128];
	uint64_t milliseconds = nanoseconds / 1000000u + 1;
	int n, timeout = -1;

	if (nanoseconds == 0) {
		timeout = 0;
	} else if (nanoseconds != UINT64_MAX) {
		timeout = milliseconds < INT_MAX ? (int)milliseconds : INT_MAX;
	}
	n = epoll_wait(epoll->fd, events, 128, timeout);
	if (n < 0) {
		return errno == EINTR ? 0 : -errno;
	}
	for (int i = 0; i < n; i++) {
		struct entry *entry = &epoll->entries[events[i].data.fd];

		if (events[i].events & ~(uint32_t)EPOLLOUT) {
			try_again(epoll, &entry->in);
		}
		if (events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
			try_again(epoll, &entry->out);
		}
	}
	return 0;
}

static void epoll_destroy(void *backend)
{
	struct epoll *epoll = backend;

	close(epoll->fd);
	free(epoll->entries);
	free(epoll);
}

static const struct backend_ops epoll_ops = {"epoll", epoll_start, epoll_cancel,
	epoll_forget, epoll_backend_wait, epoll_destroy};

int epoll_backend_create(struct loop *loop, const struct backend_ops **ret_ops,
	void **ret_backend)
{
	struct epoll *epoll = calloc(1, sizeof(*epoll));

	if (epoll == NULL) {
		return -ENOMEM;
	}
	epoll->loop = loop;
	epoll->fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll->fd < 0) {
		free(epoll);
		return -errno;
	}
	*ret_ops = &epoll_ops;
	*ret_backend = epoll;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Listeners, limits and stalled connections; see tcp.h. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/address.h"
#include "transport/internal.h"

#define BACKLOG 256
#define RETRY_NS 100000000u  /* after accept() failed */
#define SWEEP_NS 1000000000u /* between looks for stalled connections */
#define LINGER_NS 1000000000u

static void listener_listen(struct tcp_listener *listener)
{
	const struct io_port *io = listener->tcp->io;

	io->accept(io->ctx, &listener->op, listener->fd);
}

static void listener_retry(struct io_timer *timer)
{
	listener_listen(
		(struct tcp_listener *)((char *)timer -
					offsetof(struct tcp_listener, retry)));
}

static void listener_end(struct tcp_listener *listener)
{
	struct tcp *tcp = listener->tcp;
	struct tcp_listener **p = &tcp->listeners;

	while (*p != listener) {
		p = &(*p)->next;
	}
	*p = listener->next;
	tcp->io->timer_clear(tcp->io->ctx, &listener->retry);
	tcp->io->close(tcp->io->ctx, listener->fd);
	free(listener);
}

int tcp_adopt(struct tcp *tcp, int fd)
{
	int r = -EMFILE;

	if (tcp->count < tcp->limits.max_connections) {
		r = tcp_conn_create(tcp, fd);
	} else {
		transport_say(&tcp->user, LOG_WARN, "tcp.refused",
			"why=\"too many\"");
	}
	if (r < 0) {
		tcp->io->close(tcp->io->ctx, fd);
	}
	return r;
}

static void accepted(struct io_op *op, int result)
{
	struct tcp_listener *listener = (struct tcp_listener *)op;
	const struct io_port *io = listener->tcp->io;

	if (result >= 0) {
		(void)tcp_adopt(listener->tcp, result);
		if (op->cancelled) {
			listener_end(listener);
		} else {
			listener_listen(listener);
		}
	} else if (result == -ECANCELED || op->cancelled) {
		listener_end(listener);
	} else if (result == -EINTR || result == -ECONNABORTED) {
		listener_listen(listener);
	} else {
		transport_say(&listener->tcp->user, LOG_WARN, "tcp.accept",
			strerror(-result));
		io->timer_set(
			io->ctx, &listener->retry, io->now(io->ctx) + RETRY_NS);
	}
}

static void reap(struct io_timer *timer)
{
	struct tcp *tcp =
		(struct tcp *)((char *)timer - offsetof(struct tcp, reaper));
	struct tcp_conn **p = &tcp->conns, *conn;

	while ((conn = *p) != NULL) {
		if (conn->phase == TCP_DEAD && !conn->in.pending &&
			!conn->out.pending) {
			*p = conn->next;
			tcp_conn_finish(conn);
			p = &tcp->conns;
		} else {
			p = &conn->next;
		}
	}
}

/* A peer that does not read, or leaves a message half sent. */
static void sweep_conn(struct tcp_conn *conn, uint64_t now)
{
	uint64_t limit = conn->tcp->limits.stall_ns;
	bool half = conn->message != NULL || conn->have > conn->at;

	if (conn->phase == TCP_DEAD) {
		return;
	}
	if (conn->phase == TCP_LINGERING) {
		if (now - conn->in_progress > LINGER_NS) {
			tcp_conn_die(conn, "lingered");
		}
	} else if (conn->queue.count > 0 && now - conn->out_progress > limit) {
		tcp_conn_log(conn, LOG_INFO, "tcp.stalled", "does not read");
		tcp_conn_die(conn, "does not read");
	} else if (half && !conn->paused && now - conn->in_progress > limit) {
		tcp_conn_log(conn, LOG_INFO, "tcp.stalled", "half a message");
		tcp_conn_die(conn, "half a message");
	}
}

static void sweep(struct io_timer *timer)
{
	struct tcp *tcp =
		(struct tcp *)((char *)timer - offsetof(struct tcp, sweep));
	uint64_t now = tcp->io->now(tcp->io->ctx);

	for (struct tcp_conn *conn = tcp->conns; conn != NULL;
		conn = conn->next) {
		sweep_conn(conn, now);
	}
	tcp->io->timer_set(tcp->io->ctx, &tcp->sweep, now + SWEEP_NS);
}

struct tcp *tcp_create(const struct io_port *io,
	const struct tcp_limits *limits, const struct transport_user *user)
{
	struct tcp *tcp = calloc(1, sizeof(*tcp));

	if (tcp == NULL) {
		return NULL;
	}
	tcp->io = io;
	tcp->limits = *limits;
	tcp->user = *user;
	tcp->reaper.due = reap;
	tcp->sweep.due = sweep;
	io->timer_set(io->ctx, &tcp->sweep, io->now(io->ctx) + SWEEP_NS);
	return tcp;
}

void tcp_destroy(struct tcp *tcp)
{
	if (tcp != NULL) {
		tcp->io->timer_clear(tcp->io->ctx, &tcp->reaper);
		tcp->io->timer_clear(tcp->io->ctx, &tcp->sweep);
		free(tcp);
	}
}

static int open_socket(const char *text, char ret_bound[64])
{
	struct sockaddr_storage address = {0};
	const int on = 1;
	socklen_t size;
	int fd, r = transport_parse_address(text, &address, &size);

	if (r < 0) {
		return r;
	}
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address.ss_family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	}
	if (bind(fd, (struct sockaddr *)&address, size) < 0 ||
		listen(fd, BACKLOG) < 0 ||
		getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	transport_address_text((struct sockaddr *)&address, ret_bound);
	return fd;
}

int tcp_listen(struct tcp *tcp, const char *address, char ret_bound[64])
{
	struct tcp_listener *listener = calloc(1, sizeof(*listener));

	if (listener == NULL) {
		return -ENOMEM;
	}
	listener->fd = open_socket(address, ret_bound);
	if (listener->fd < 0) {
		int r = listener->fd;

		free(listener);
		return r;
	}
	listener->tcp = tcp;
	listener->op.done = accepted;
	listener->retry.due = listener_retry;
	listener->next = tcp->listeners;
	tcp->listeners = listener;
	listener_listen(listener);
	return 0;
}

void tcp_stop_listening(struct tcp *tcp)
{
	struct tcp_listener *listener = tcp->listeners, *next;

	for (; listener != NULL; listener = next) {
		next = listener->next;
		if (listener->op.pending) {
			tcp->io->cancel(tcp->io->ctx, &listener->op);
		} else {
			listener_end(listener);
		}
	}
}

void tcp_close_all(struct tcp *tcp, bool flush)
{
	for (struct tcp_conn *conn = tcp->conns; conn != NULL;
		conn = conn->next) {
		if (flush) {
			tcp_conn_close(conn, true);
		} else {
			tcp_conn_die(conn, "server ends");
		}
	}
}

unsigned int tcp_connections(const struct tcp *tcp)
{
	return tcp->count;
}

bool tcp_idle(const struct tcp *tcp)
{
	return tcp->conns == NULL && tcp->listeners == NULL;
}

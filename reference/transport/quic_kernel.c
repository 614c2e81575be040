/* SPDX-License-Identifier: MIT */
/*
 * Listeners, handshakes and connections on QUIC sockets of the kernel; see
 * quic_kernel.h. A connection whose handshake is complete is one of tcp.h,
 * whose io port is ours: it waits for the socket and uses the calls that such
 * sockets want.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/quic_kernel_internal.h"
#include "transport/quic_limits.h"

#define RETRY_NS (QUIC_SECOND / 10)
#define FULL_NS (QUIC_SECOND / 200) /* ready, and yet it took nothing */

struct kernel_listener {
	struct io_op op; /* first */
	struct quic_kernel *kernel;
	struct kernel_listener *next;
	struct io_timer retry;
	int fd;
};

/* A socket: in its handshake, later of a tcp_conn. */
struct kernel_conn {
	struct io_op in, out; /* wait until it is ready */
	struct quic_kernel *kernel;
	struct kernel_conn *next;
	int fd;
	struct kernel_tls *handshake; /* NULL: complete */
	bool dead, ended;
	struct io_op *reader, *writer; /* whose operations these are */
	struct io_timer timer;         /* of the handshake; an end; a pause */
	struct io_timer pause;
};

struct quic_kernel {
	struct io_port port; /* of tcp */
	const struct io_port *io;
	struct quic_limits limits;
	struct transport_user user;
	struct quic_tls *tls;
	struct tcp *tcp;
	struct kernel_listener *listeners;
	struct kernel_conn *conns;
	unsigned int half_open;
};

static void say(struct quic_kernel *kernel, enum log_level level,
	const char *event, const char *why)
{
	char detail[192];

	snprintf(detail, sizeof(detail), "why=\"%s\"", why);
	transport_say(&kernel->user, level, event, detail);
}

static struct kernel_conn *conn_of(struct quic_kernel *kernel, int fd)
{
	struct kernel_conn *conn = kernel->conns;

	while (conn != NULL && conn->fd != fd) {
		conn = conn->next;
	}
	return conn;
}

static void wait_ready(struct kernel_conn *conn, bool write)
{
	const struct io_port *io = conn->kernel->io;

	io->ready(io->ctx, write ? &conn->out : &conn->in, conn->fd, write);
}

static void timer_at(
	struct kernel_conn *conn, struct io_timer *timer, uint64_t in_ns)
{
	const struct io_port *io = conn->kernel->io;

	io->timer_set(io->ctx, timer, io->now(io->ctx) + in_ns);
}

/* Unlinks and closes; nothing is under way. */
static void conn_free(struct kernel_conn *conn)
{
	struct quic_kernel *kernel = conn->kernel;
	struct kernel_conn **p = &kernel->conns;

	while (*p != conn) {
		p = &(*p)->next;
	}
	*p = conn->next;
	if (conn->handshake != NULL) {
		kernel->half_open--;
	}
	kernel->io->timer_clear(kernel->io->ctx, &conn->timer);
	kernel->io->timer_clear(kernel->io->ctx, &conn->pause);
	kernel_tls_destroy(conn->handshake);
	kernel->io->close(kernel->io->ctx, conn->fd);
	free(conn);
}

/* A handshake that comes to nothing; freed when its operations have ended. */
static void handshake_die(struct kernel_conn *conn)
{
	const struct io_port *io = conn->kernel->io;

	conn->dead = true;
	if (conn->in.pending || conn->out.pending) {
		io->cancel(io->ctx, conn->in.pending ? &conn->in : &conn->out);
	} else {
		conn_free(conn);
	}
}

/* From here on it belongs to tcp, which closes it by our port. */
static void become_connection(struct kernel_conn *conn)
{
	struct quic_kernel *kernel = conn->kernel;

	kernel->io->timer_clear(kernel->io->ctx, &conn->timer);
	kernel_tls_destroy(conn->handshake);
	conn->handshake = NULL;
	kernel->half_open--;
	(void)tcp_adopt(kernel->tcp, conn->fd);
}

static void handshake_step(struct kernel_conn *conn)
{
	bool write = false;
	int r = kernel_tls_step(conn->handshake, &write);

	if (r > 0) {
		become_connection(conn);
	} else if (r < 0) {
		say(conn->kernel, LOG_INFO, "quic.refused",
			kernel_tls_why(conn->handshake));
		handshake_die(conn);
	} else if (write) {
		/* Pausing, lest a full connection is asked all the time. */
		timer_at(conn, &conn->pause, FULL_NS);
	} else {
		wait_ready(conn, false);
	}
}

static void complete(struct io_op **place, int result)
{
	struct io_op *op = *place;

	*place = NULL;
	op->pending = false;
	op->done(op, result);
}

static void try_receive(struct kernel_conn *conn)
{
	bool end = false;
	int n = kernel_socket_receive(conn->fd, &conn->reader->buffer, &end);

	conn->ended = conn->ended || end;
	if (n == -EAGAIN || n == -EINTR) {
		wait_ready(conn, false);
	} else {
		complete(&conn->reader, n);
	}
}

static void try_send(struct kernel_conn *conn)
{
	struct msghdr *message = &conn->writer->message;
	int n = kernel_socket_send(
		conn->fd, message->msg_iov, message->msg_iovlen);

	if (n == -EAGAIN || n == -EINTR) {
		timer_at(conn, &conn->pause, FULL_NS);
	} else {
		complete(&conn->writer, n);
	}
}

/* Of an operation of tcp's, which is in *place once there is a connection. */
static void socket_ready(struct kernel_conn *conn, struct io_op **place,
	int result, void (*try)(struct kernel_conn *conn))
{
	if (conn->dead) {
		handshake_die(conn);
	} else if (conn->handshake != NULL) {
		handshake_step(conn);
	} else if (result < 0 || (*place)->cancelled) {
		complete(place, result < 0 ? result : -ECANCELED);
	} else {
		try(conn);
	}
}

static void in_ready(struct io_op *op, int result)
{
	struct kernel_conn *conn =
		(struct kernel_conn *)((char *)op -
				       offsetof(struct kernel_conn, in));

	socket_ready(conn, &conn->reader, result, try_receive);
}

static void out_ready(struct io_op *op, int result)
{
	struct kernel_conn *conn =
		(struct kernel_conn *)((char *)op -
				       offsetof(struct kernel_conn, out));

	socket_ready(conn, &conn->writer, result, try_send);
}

/* The handshake takes too long, or a reader hears of the end. */
static void timer_due(struct io_timer *timer)
{
	struct kernel_conn *conn =
		(struct kernel_conn *)((char *)timer -
				       offsetof(struct kernel_conn, timer));

	if (conn->handshake != NULL) {
		say(conn->kernel, LOG_INFO, "quic.refused",
			"the handshake takes too long");
		handshake_die(conn);
	} else if (conn->reader != NULL) {
		complete(&conn->reader,
			conn->reader->cancelled ? -ECANCELED : 0);
	}
}

static void pause_over(struct io_timer *timer)
{
	struct kernel_conn *conn =
		(struct kernel_conn *)((char *)timer -
				       offsetof(struct kernel_conn, pause));

	if (conn->writer != NULL && conn->writer->cancelled) {
		complete(&conn->writer, -ECANCELED);
	} else {
		wait_ready(conn, true);
	}
}

static void begin(struct io_op *op, int fd)
{
	op->fd = fd;
	op->pending = true;
	op->cancelled = false;
}

static void port_recv(void *ctx, struct io_op *op, int fd, void *p, size_t n)
{
	struct kernel_conn *conn = conn_of(ctx, fd);

	begin(op, fd);
	op->buffer = (struct iovec){p, n};
	conn->reader = op;
	if (conn->ended) {
		timer_at(conn, &conn->timer, 0);
	} else {
		wait_ready(conn, false);
	}
}

static void port_send(void *ctx, struct io_op *op, int fd,
	const struct iovec *vec, unsigned int count)
{
	struct kernel_conn *conn = conn_of(ctx, fd);

	begin(op, fd);
	memset(&op->message, 0, sizeof(op->message));
	op->message.msg_iov = (struct iovec *)vec;
	op->message.msg_iovlen = count;
	conn->writer = op;
	wait_ready(conn, true);
}

static void port_cancel(void *ctx, struct io_op *op)
{
	struct quic_kernel *kernel = ctx;
	struct kernel_conn *conn = conn_of(kernel, op->fd);
	struct io_op *own;

	if (!op->pending || op->cancelled) {
		return;
	}
	op->cancelled = true;
	own = op == conn->reader ? &conn->in : &conn->out;
	if (own->pending) {
		kernel->io->cancel(kernel->io->ctx, own);
	} /* else a timer is about to end it */
}

static void port_shutdown(void *ctx, int fd)
{
	const struct io_port *io = ((struct quic_kernel *)ctx)->io;

	io->shutdown(io->ctx, fd);
}

static void port_close(void *ctx, int fd)
{
	conn_free(conn_of(ctx, fd));
}

static uint64_t port_now(void *ctx)
{
	const struct io_port *io = ((struct quic_kernel *)ctx)->io;

	return io->now(io->ctx);
}

static void port_timer_set(void *ctx, struct io_timer *timer, uint64_t at)
{
	const struct io_port *io = ((struct quic_kernel *)ctx)->io;

	io->timer_set(io->ctx, timer, at);
}

static void port_timer_clear(void *ctx, struct io_timer *timer)
{
	const struct io_port *io = ((struct quic_kernel *)ctx)->io;

	io->timer_clear(io->ctx, timer);
}

static int conn_create(struct quic_kernel *kernel, int fd)
{
	const struct quic_limits *limits = &kernel->limits;
	struct kernel_conn *conn = calloc(1, sizeof(*conn));
	int r = conn == NULL
			? -ENOMEM
			: kernel_tls_create(kernel->tls, fd, &conn->handshake);

	if (r < 0) {
		free(conn);
		return r;
	}
	conn->kernel = kernel;
	conn->fd = fd;
	conn->in.done = in_ready;
	conn->out.done = out_ready;
	conn->timer.due = timer_due;
	conn->pause.due = pause_over;
	conn->next = kernel->conns;
	kernel->conns = conn;
	kernel->half_open++;
	timer_at(conn, &conn->timer,
		limits->handshake_ns > 0 ? limits->handshake_ns
					 : QUIC_HANDSHAKE_NS);
	wait_ready(conn, false);
	return 0;
}

static void listener_wait(struct kernel_listener *listener)
{
	const struct io_port *io = listener->kernel->io;

	if (listener->kernel->half_open < QUIC_HALF_OPEN_MAX) {
		io->ready(io->ctx, &listener->op, listener->fd, false);
	} else {
		io->timer_set(
			io->ctx, &listener->retry, io->now(io->ctx) + RETRY_NS);
	}
}

static void listener_end(struct kernel_listener *listener)
{
	struct quic_kernel *kernel = listener->kernel;
	struct kernel_listener **p = &kernel->listeners;

	while (*p != listener) {
		p = &(*p)->next;
	}
	*p = listener->next;
	kernel->io->timer_clear(kernel->io->ctx, &listener->retry);
	kernel->io->close(kernel->io->ctx, listener->fd);
	free(listener);
}

static void accept_all(struct kernel_listener *listener)
{
	struct quic_kernel *kernel = listener->kernel;
	int fd = 0;

	while (fd >= 0 && kernel->half_open < QUIC_HALF_OPEN_MAX) {
		fd = accept4(
			listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0 && conn_create(kernel, fd) < 0) {
			say(kernel, LOG_WARN, "quic.accept", "no memory");
			kernel->io->close(kernel->io->ctx, fd);
		}
	}
	if (fd < 0 && errno != EAGAIN && errno != EINTR &&
		errno != ECONNABORTED) {
		say(kernel, LOG_WARN, "quic.accept", strerror(errno));
		kernel->io->timer_set(kernel->io->ctx, &listener->retry,
			kernel->io->now(kernel->io->ctx) + RETRY_NS);
	} else {
		listener_wait(listener);
	}
}

static void listener_ready(struct io_op *op, int result)
{
	struct kernel_listener *listener = (struct kernel_listener *)op;

	if (op->cancelled || result == -ECANCELED) {
		listener_end(listener);
	} else {
		accept_all(listener);
	}
}

static void listener_retry(struct io_timer *timer)
{
	listener_wait(
		(struct kernel_listener *)((char *)timer -
					   offsetof(struct kernel_listener,
						   retry)));
}

struct quic_kernel *quic_kernel_create(const struct io_port *io,
	const struct quic_limits *limits, const struct transport_user *user,
	struct quic_tls *tls)
{
	const struct tcp_limits stream = {.max_message = limits->max_message,
		.max_connections = limits->max_connections,
		.queue_high = limits->queue_high,
		.stall_ns = limits->stall_ns,
		.secure = true};
	struct quic_kernel *kernel = calloc(1, sizeof(*kernel));

	if (kernel == NULL) {
		return NULL;
	}
	kernel->io = io;
	kernel->limits = *limits;
	kernel->user = *user;
	kernel->tls = tls;
	kernel->port = (struct io_port){.ctx = kernel,
		.recv = port_recv,
		.send = port_send,
		.cancel = port_cancel,
		.shutdown = port_shutdown,
		.close = port_close,
		.now = port_now,
		.timer_set = port_timer_set,
		.timer_clear = port_timer_clear};
	kernel->tcp = tcp_create(&kernel->port, &stream, user);
	if (kernel->tcp == NULL) {
		free(kernel);
		return NULL;
	}
	return kernel;
}

void quic_kernel_set_tls(struct quic_kernel *kernel, struct quic_tls *tls)
{
	kernel->tls = tls;
}

void quic_kernel_destroy(struct quic_kernel *kernel)
{
	if (kernel != NULL) {
		tcp_destroy(kernel->tcp);
		free(kernel);
	}
}

int quic_kernel_listen(
	struct quic_kernel *kernel, const char *address, char ret_bound[64])
{
	struct kernel_listener *listener = calloc(1, sizeof(*listener));

	if (listener == NULL) {
		return -ENOMEM;
	}
	listener->fd =
		kernel_socket_listen(address, &kernel->limits, ret_bound);
	if (listener->fd < 0) {
		int r = listener->fd;

		free(listener);
		return r;
	}
	listener->kernel = kernel;
	listener->op.done = listener_ready;
	listener->retry.due = listener_retry;
	listener->next = kernel->listeners;
	kernel->listeners = listener;
	listener_wait(listener);
	return 0;
}

void quic_kernel_stop_listening(struct quic_kernel *kernel)
{
	struct kernel_listener *listener = kernel->listeners, *next;
	struct kernel_conn *conn = kernel->conns, *later;

	for (; listener != NULL; listener = next) {
		next = listener->next;
		if (listener->op.pending) {
			kernel->io->cancel(kernel->io->ctx, &listener->op);
		} else {
			listener_end(listener);
		}
	}
	for (; conn != NULL; conn = later) {
		later = conn->next;
		if (conn->handshake != NULL && !conn->dead) {
			handshake_die(conn);
		}
	}
}

void quic_kernel_close_all(struct quic_kernel *kernel, bool flush)
{
	tcp_close_all(kernel->tcp, flush);
}

unsigned int quic_kernel_connections(const struct quic_kernel *kernel)
{
	return tcp_connections(kernel->tcp);
}

bool quic_kernel_idle(const struct quic_kernel *kernel)
{
	return kernel->listeners == NULL && kernel->conns == NULL;
}

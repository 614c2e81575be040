/* SPDX-License-Identifier: MIT */
/*
 * The receiving half of a TCP connection, and its life. [MS-SMB2] 2.1; the
 * other packet types are those of RFC 1002, section 4.3.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/address.h"
#include "transport/internal.h"

#define PREFIX 4
#define SESSION_MESSAGE 0x00
#define SESSION_REQUEST 0x81
#define SESSION_KEEP_ALIVE 0x85

static void receive_more(struct tcp_conn *conn);

void tcp_conn_log(struct tcp_conn *conn, enum log_level level,
	const char *event, const char *why)
{
	transport_say_of(&conn->tcp->user, &conn->link, level, event, why);
}

static uint64_t now_of(const struct tcp_conn *conn)
{
	return conn->tcp->io->now(conn->tcp->io->ctx);
}

/* The reaper runs soon: gone() is never called from inside anything. */
void tcp_conn_die(struct tcp_conn *conn, const char *why)
{
	const struct io_port *io = conn->tcp->io;

	if (conn->phase != TCP_DEAD) {
		conn->phase = TCP_DEAD;
		tcp_conn_log(conn, LOG_DEBUG, "tcp.end", why);
		if (conn->in.pending) {
			io->cancel(io->ctx, &conn->in);
		}
		if (conn->out.pending) {
			io->cancel(io->ctx, &conn->out);
		}
	}
	if (!conn->in.pending && !conn->out.pending) {
		io->timer_set(io->ctx, &conn->tcp->reaper, 0);
	}
}

void tcp_conn_finish(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;

	tcp->io->close(tcp->io->ctx, conn->fd);
	tcp_conn_drop_queue(conn);
	blob_release(conn->message);
	tcp->count--;
	if (conn->user != NULL) {
		tcp->user.gone(conn->user);
	}
	free(conn);
}

/* The peer is told that nothing follows; what it still sends is thrown away
 * for a while, because closing before would reset the connection and could
 * cost the peer our last message. */
static void start_lingering(struct tcp_conn *conn)
{
	conn->phase = TCP_LINGERING;
	conn->in_progress = now_of(conn);
	conn->tcp->io->shutdown(conn->tcp->io->ctx, conn->fd);
	if (!conn->in.pending) {
		receive_more(conn);
	}
}

void tcp_conn_queue_empty(struct tcp_conn *conn)
{
	if (conn->phase == TCP_FLUSHING) {
		start_lingering(conn);
	}
}

void tcp_conn_close(struct tcp_conn *conn, bool flush)
{
	if (conn->phase != TCP_OPEN) {
		return;
	}
	if (!flush) {
		tcp_conn_die(conn, "closed");
		return;
	}
	conn->phase = TCP_FLUSHING;
	if (conn->queue.count == 0) {
		start_lingering(conn);
	}
}

/* A packet that is no message; true when reading goes on. */
static bool other_packet(struct tcp_conn *conn, uint8_t type, size_t n)
{
	static const char refusal[] = {(char)0x83, 0, 0, 1, (char)0x82};

	if (type == SESSION_KEEP_ALIVE && n == 0 && !conn->link.secure) {
		return true;
	}
	if (type == SESSION_REQUEST && conn->queue.count == 0 &&
		!conn->link.secure) {
		/* Five bytes fit into the socket or the peer goes without. */
		(void)!send(conn->fd, refusal, sizeof(refusal),
			MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	tcp_conn_log(conn, LOG_INFO, "tcp.refused", "not a session message");
	tcp_conn_close(conn, true);
	return false;
}

/* The prefix at head[at]; begins a message or ends the connection. */
static bool begin_message(struct tcp_conn *conn)
{
	const uint8_t *p = conn->head + conn->at;
	size_t n = (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	size_t there;

	conn->at += PREFIX;
	if (p[0] != SESSION_MESSAGE) {
		return other_packet(conn, p[0], n);
	}
	if (n == 0 || n > conn->tcp->limits.max_message) {
		tcp_conn_log(conn, LOG_INFO, "tcp.refused", "message size");
		tcp_conn_die(conn, "message size");
		return false;
	}
	conn->message = blob_create(n);
	if (conn->message == NULL) {
		tcp_conn_die(conn, "no memory");
		return false;
	}
	there = conn->have - conn->at < n ? conn->have - conn->at : n;
	memcpy(conn->message->data, conn->head + conn->at, there);
	conn->message->n = there;
	conn->at += there;
	return true;
}

static bool must_pause(const struct tcp_conn *conn)
{
	return conn->queue.bytes > conn->tcp->limits.queue_high;
}

/* Hands on every whole message that is there. */
static void deliver(struct tcp_conn *conn)
{
	struct blob *message;

	conn->delivering = true;
	while (conn->phase == TCP_OPEN && !must_pause(conn)) {
		message = conn->message;
		if (message != NULL && message->n == message->cap) {
			conn->message = NULL;
			conn->tcp->user.input(conn->user, message);
		} else if (message != NULL || conn->have - conn->at < PREFIX ||
			   !begin_message(conn)) {
			break;
		}
	}
	conn->delivering = false;
}

static void receive_more(struct tcp_conn *conn)
{
	const struct io_port *io = conn->tcp->io;
	struct blob *message = conn->message;

	if (conn->phase == TCP_LINGERING) {
		io->recv(io->ctx, &conn->in, conn->fd, conn->head, TCP_HEAD);
	} else if (message != NULL) {
		io->recv(io->ctx, &conn->in, conn->fd,
			message->data + message->n, message->cap - message->n);
	} else {
		memmove(conn->head, conn->head + conn->at,
			conn->have - conn->at);
		conn->have -= conn->at;
		conn->at = 0;
		io->recv(io->ctx, &conn->in, conn->fd, conn->head + conn->have,
			TCP_HEAD - conn->have);
	}
}

/* Delivers, then reads on unless the peer is to read first. */
static void go_on(struct tcp_conn *conn)
{
	if (conn->delivering || conn->in.pending) {
		return;
	}
	deliver(conn);
	if (conn->phase == TCP_OPEN) {
		conn->paused = must_pause(conn);
		if (!conn->paused) {
			receive_more(conn);
		}
	}
}

void tcp_conn_resume(struct tcp_conn *conn)
{
	if (conn->phase == TCP_OPEN && conn->paused &&
		conn->queue.bytes <= conn->tcp->limits.queue_high / 2) {
		conn->in_progress = now_of(conn);
		go_on(conn);
	}
}

static void received(struct io_op *op, int result)
{
	struct tcp_conn *conn =
		(struct tcp_conn *)((char *)op - offsetof(struct tcp_conn, in));

	if (conn->phase == TCP_DEAD) {
		tcp_conn_die(conn, NULL);
		return;
	}
	if (result == -EINTR || result == -EAGAIN) {
		receive_more(conn);
		return;
	}
	if (conn->phase == TCP_FLUSHING) {
		return; /* whatever it is: what is queued still leaves */
	}
	if (result <= 0) {
		tcp_conn_die(
			conn, result == 0 ? "peer ended" : strerror(-result));
		return;
	}
	if (conn->phase == TCP_LINGERING) {
		receive_more(conn);
		return;
	}
	conn->in_progress = now_of(conn);
	if (conn->message != NULL) {
		conn->message->n += (size_t)result;
	} else {
		conn->have += (size_t)result;
	}
	go_on(conn);
}

static void link_send(struct link *link, struct blob *message)
{
	tcp_conn_send((struct tcp_conn *)link, message);
}

static void link_close(struct link *link, bool flush)
{
	tcp_conn_close((struct tcp_conn *)link, flush);
}

static const struct link_ops tcp_link_ops = {link_send, link_close};

static void fill_names(struct tcp_conn *conn)
{
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof(address);

	getpeername(conn->fd, (struct sockaddr *)&address, &size);
	transport_address_text(
		(struct sockaddr *)&address, conn->link.peer_name);
	size = sizeof(address);
	getsockname(conn->fd, (struct sockaddr *)&address, &size);
	transport_address_text(
		(struct sockaddr *)&address, conn->link.local_name);
}

int tcp_conn_create(struct tcp *tcp, int fd)
{
	struct tcp_conn *conn = calloc(1, sizeof(*conn));
	const int on = 1;

	if (conn == NULL) {
		return -ENOMEM;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	conn->tcp = tcp;
	conn->fd = fd;
	conn->in.done = received;
	conn->out.done = tcp_conn_sent;
	conn->link.ops = &tcp_link_ops;
	conn->link.max_message = tcp->limits.max_message;
	conn->link.secure = tcp->limits.secure;
	fill_names(conn);
	conn->in_progress = conn->out_progress = now_of(conn);
	conn->user = tcp->user.accepted(tcp->user.ctx, &conn->link);
	if (conn->user == NULL) {
		free(conn);
		return -ECONNREFUSED;
	}
	conn->next = tcp->conns;
	tcp->conns = conn;
	tcp->count++;
	tcp_conn_log(conn, LOG_DEBUG, "tcp.accept", NULL);
	if (conn->phase == TCP_OPEN) {
		receive_more(conn);
	}
	return 0;
}

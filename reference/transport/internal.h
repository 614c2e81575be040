/* SPDX-License-Identifier: MIT */
/* Inside transport/ only: a TCP connection and what all of them share. */
#ifndef SMB3X_TRANSPORT_INTERNAL_H
#define SMB3X_TRANSPORT_INTERNAL_H

#include "transport/tcp.h"

#define TCP_HEAD 4096 /* small messages are received together */
#define TCP_BATCH 16  /* messages in one send */

struct tcp_listener {
	struct io_op op; /* first */
	struct tcp *tcp;
	struct tcp_listener *next;
	struct io_timer retry;
	int fd;
};

struct tcp_conn;

struct tcp {
	const struct io_port *io;
	struct tcp_limits limits;
	struct transport_user user;
	struct tcp_listener *listeners;
	struct tcp_conn *conns;
	unsigned int count;
	struct io_timer reaper; /* frees connections that are over */
	struct io_timer sweep;  /* looks for stalled ones */
};

enum tcp_phase {
	TCP_OPEN,
	TCP_FLUSHING,  /* no more input, what is queued still leaves */
	TCP_LINGERING, /* the peer has been told and reads the last bytes */
	TCP_DEAD,      /* waits for its operations, then goes */
};

/* Messages that wait to be sent, in a ring that grows. */
struct tcp_queue {
	struct blob **blobs;
	size_t first, count, cap; /* cap is a power of two */
	size_t bytes;             /* of all messages in it */
	size_t sent;              /* of the first one, prefix included */
};

struct tcp_conn {
	struct link link; /* first */
	struct tcp *tcp;
	struct tcp_conn *next;
	void *user;
	int fd;
	enum tcp_phase phase;
	bool paused, delivering;
	struct io_op in, out;
	uint64_t in_progress, out_progress; /* when bytes last moved */
	/* Input: head[at..have) is not consumed yet; message, when set, is
	 * being filled up to message->cap directly. */
	uint8_t head[TCP_HEAD];
	size_t at, have;
	struct blob *message;
	/* Output. */
	struct tcp_queue queue;
	uint8_t prefixes[TCP_BATCH][4];
	struct iovec vec[2 * TCP_BATCH];
};

/* conn.c */
int tcp_conn_create(struct tcp *tcp, int fd);
void tcp_conn_close(struct tcp_conn *conn, bool flush);
/* The connection is over now; it goes when its operations have ended. */
void tcp_conn_die(struct tcp_conn *conn, const char *why);
/* Frees it and tells the user; nothing is under way. */
void tcp_conn_finish(struct tcp_conn *conn);
void tcp_conn_log(struct tcp_conn *conn, enum log_level level,
	const char *event, const char *why);
void tcp_conn_queue_empty(struct tcp_conn *conn);
/* Takes up reading again if the queue is short enough. */
void tcp_conn_resume(struct tcp_conn *conn);

/* send.c */
void tcp_conn_send(struct tcp_conn *conn, struct blob *message);
void tcp_conn_send_next(struct tcp_conn *conn);
void tcp_conn_drop_queue(struct tcp_conn *conn);
void tcp_conn_sent(struct io_op *op, int result);

#endif

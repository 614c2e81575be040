/* SPDX-License-Identifier: MIT */
/* Inside transport/ only: the server's side of QUIC, shared by quic*.c. */
#ifndef SMB3X_TRANSPORT_QUIC_INTERNAL_H
#define SMB3X_TRANSPORT_QUIC_INTERNAL_H

#include "transport/quic.h"
#include "transport/quic_ep.h"
#include "transport/quic_limits.h"

#define QUIC_BUCKETS 8192 /* of the table of connection ids */
#define QUIC_RECEIVE_BYTES 65536

struct quic_conn;

/* One connection id; on the list of its bucket and of its connection. */
struct quic_name {
	struct quic_name *next, *next_of_conn;
	struct quic_conn *conn;
	struct quic_cid id;
};

struct quic_listener {
	struct io_op op; /* first */
	struct quic *quic;
	struct quic_listener *next;
	int fd;
	bool wildcard, offload;
	bool local_only; /* datagrams of AF_UNIX */
	char *path;      /* of these, to be removed */
	union quic_address local;
	struct io_datagram in;
	uint8_t bytes[QUIC_RECEIVE_BYTES];
};

/* A batch of packets on its way into a socket. */
struct quic_send {
	struct io_op op; /* first */
	struct quic *quic;
	struct quic_listener *listener;
	struct quic_send *next_free;
	struct io_datagram out;
	uint8_t bytes[QUIC_BATCH_BYTES];
};

struct quic_conn {
	struct link link; /* first */
	struct quic *quic;
	struct quic_listener *listener;
	struct quic_conn *next, *prev; /* all, or half open: oldest first */
	struct quic_conn *next_dirty;
	struct quic_ep *ep;
	struct quic_name *names;
	void *user;
	union quic_address remote; /* where it was last heard of */
	uint64_t at;               /* when it wants to be called */
	size_t place;              /* in the heap */
	bool dirty, half_open, over, held;
};

struct quic_list {
	struct quic_conn *first, *last;
	unsigned int count;
};

struct quic {
	const struct io_port *io;
	struct quic_limits limits;
	struct transport_user user;
	struct quic_tls *tls;
	uint8_t secret[32];
	struct quic_listener *listeners;
	struct quic_list half_open, open;
	unsigned int ready; /* connections the user knows */
	struct quic_name *buckets[QUIC_BUCKETS];
	struct quic_conn **heap; /* by time */
	size_t heap_count, heap_cap;
	struct quic_conn *dirty, **dirty_last;
	struct quic_send *free_sends;
	unsigned int sends, sends_busy;
	struct io_timer timer; /* the first of the heap */
	struct io_timer work;  /* output and funerals, soon */
	struct io_timer sweep; /* stalled connections */
	uint64_t stray_second;
	unsigned int strays;
	bool stopping;
	struct quic_totals totals;
};

/* quic_table.c */
struct quic_name *quic_table_find(
	const struct quic *quic, const uint8_t *id, size_t n);
int quic_table_add(struct quic_conn *conn, const struct quic_cid *id);
void quic_table_remove(struct quic_conn *conn, const struct quic_cid *id);
void quic_table_remove_all(struct quic_conn *conn);
/* conn->at has changed. */
int quic_heap_room(struct quic *quic); /* for one connection more */
void quic_heap_put(struct quic_conn *conn);
void quic_heap_move(struct quic_conn *conn);
void quic_heap_remove(struct quic_conn *conn);

/* quic_conn.c */
int quic_conn_create(struct quic_listener *listener,
	const struct quic_path *path, const struct quic_ep_hello *hello,
	struct quic_conn **ret_conn);
void quic_conn_input(struct quic_conn *conn, const struct quic_path *path,
	uint8_t ecn, const uint8_t *p, size_t n);
void quic_conn_due(struct quic_conn *conn);
/* There is output, or it is over: looked at soon. */
void quic_conn_touch(struct quic_conn *conn);
/* Sends what there is; false: there was no room for all of it. */
bool quic_conn_output(struct quic_conn *conn);
/* Tells the user and frees it, as far as it is time. True: it is freed. */
bool quic_conn_bury(struct quic_conn *conn);
/* At once and without a word. */
void quic_conn_forget(struct quic_conn *conn);
void quic_conn_log(struct quic_conn *conn, enum log_level level,
	const char *event, const char *why);

/* quic_accept.c: a datagram that belongs to no connection */
void quic_accept_datagram(struct quic_listener *listener,
	const struct quic_path *path, uint8_t ecn, const uint8_t *p, size_t n);

/* quic.c */
uint64_t quic_now(const struct quic *quic);
/* A free place, or NULL. */
struct quic_send *quic_send_take(struct quic_listener *listener);
/* Sends n bytes of it; n == 0 gives it back. */
void quic_send_go(struct quic_send *send, size_t n, size_t segment,
	const struct quic_path *path, uint8_t ecn);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * SMB over QUIC, the server's side: listeners on UDP ports, endpoints found
 * by connection ids, limits. Like tcp.h it knows neither the engine nor the
 * loop: it is given an io port, and tells its user of links and messages.
 */
#ifndef SMB3X_TRANSPORT_QUIC_H
#define SMB3X_TRANSPORT_QUIC_H

#include "ports/io.h"
#include "transport/quic_tls.h"
#include "transport/user.h"

struct quic;

enum quic_retry {
	QUIC_RETRY_BUSY, /* when many handshakes are under way */
	QUIC_RETRY_ALWAYS,
	QUIC_RETRY_NEVER,
};

struct quic_limits {
	uint32_t max_message;     /* bytes; longer ones end the connection */
	uint32_t max_connections; /* further ones are refused */
	size_t queue_high;        /* bytes unsent before reading pauses */
	uint64_t stall_ns;        /* without progress before a cut */
	uint64_t idle_ns;         /* 0: the usual ones, quic_limits.h */
	uint64_t handshake_ns;
	uint64_t keep_alive_ns; /* 0: keeping alive is the client's part */
	enum quic_retry retry;
	bool no_offload; /* one packet per call of the system */
};

/* limits and user are copied, tls is kept; NULL without memory. */
struct quic *quic_create(const struct io_port *io,
	const struct quic_limits *limits, const struct transport_user *user,
	struct quic_tls *tls);
/* New connections use it; those that are there keep theirs. */
void quic_set_tls(struct quic *quic, struct quic_tls *tls);
/* Listeners and connections are gone (quic_idle()). Accepts NULL. */
void quic_destroy(struct quic *quic);

/* "127.0.0.1:443", "[::1]:0" as tcp_listen(). */
int quic_listen(struct quic *quic, const char *address, char ret_bound[64]);
/* The same over datagrams of AF_UNIX, for clients of this machine. */
int quic_listen_unix(struct quic *quic, const char *path);
/* Datagrams of a socket that is bound already, for simulated networks; the io
 * port knows what fd means. */
int quic_listen_on(
	struct quic *quic, int fd, const struct sockaddr_storage *local);

/* New clients are refused; those that are there stay. */
void quic_stop_listening(struct quic *quic);
void quic_close_all(struct quic *quic, bool flush);

unsigned int quic_connections(const struct quic *quic);
unsigned int quic_half_open(const struct quic *quic);
/* Stopped, and nothing is left; then also the sockets are closed. */
bool quic_idle(const struct quic *quic);

struct quic_totals {
	uint64_t datagrams_in, datagrams_out, retries, evicted, migrated;
};
void quic_totals(const struct quic *quic, struct quic_totals *ret_totals);

#endif

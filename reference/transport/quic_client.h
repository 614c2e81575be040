/* SPDX-License-Identifier: MIT */
/*
 * The client's end of SMB over QUIC on a UDP socket, for programs that block
 * or poll: the bytes of stream 0 like those of a TCP connection, the 4-byte
 * lengths included. One descriptor stands for the socket and all timers.
 */
#ifndef SMB3X_TRANSPORT_QUIC_CLIENT_H
#define SMB3X_TRANSPORT_QUIC_CLIENT_H

#include <sys/socket.h>

#include "transport/quic_ep.h"

struct quic_client;

struct quic_client_options {
	/* Whom to reach, and by which name to call it (server name indication,
	 * check of the certificate). */
	const struct sockaddr *address;
	socklen_t address_size;
	const char *name;
	struct quic_tls *tls; /* made by quic_tls_client_create() */
	/* For tests; all of them may be 0. */
	const char *const *alpn;    /* NULL: "smb"; */
	unsigned int alpn_count;    /* 0 with alpn not NULL: no ALPN */
	bool no_name;               /* no server name indication */
	uint32_t version;           /* 0: 1 */
	uint32_t window;            /* bytes the server may send ahead */
	uint32_t connection_window; /* the same over all streams */
	unsigned int streams_bidi, streams_uni; /* the server may open */
	uint64_t idle_ns, keep_alive_ns; /* 0: the usual; as quic_ep_config */
	bool no_keep_alive;
	bool no_offload; /* one packet per call of the system */
	bool no_stream;  /* do not open stream 0 by itself */
	/* Every datagram as it is sent or received, and the lines of the key
	 * log that make it readable. */
	void *ctx;
	void (*tap)(void *ctx, bool sent, const struct quic_path *path,
		const uint8_t *p, size_t n);
	void (*keylog)(void *ctx, const char *line);
};

/*
 * Blocks until the handshake is complete, at most timeout_ms. On failure the
 * result is negative errno: -ETIMEDOUT, -ECONNREFUSED (nobody is there),
 * -EPROTO (the handshake failed); *ret_end, when wanted, says why.
 */
int quic_client_connect(const struct quic_client_options *options,
	int timeout_ms, struct quic_client **ret_client,
	struct quic_end *ret_end);
/* Says good-bye (application code 0) if the connection is still there.
 * Accepts NULL. */
void quic_client_destroy(struct quic_client *client);

/* Readable (POLLIN) whenever quic_client_process() has something to do. */
int quic_client_fd(const struct quic_client *client);
/* Takes datagrams, runs timers, sends; never blocks. Call it also after
 * writing. Returns 0, or negative errno once the connection is over. */
int quic_client_process(struct quic_client *client);

/* Like recv() and send() without blocking: a count; 0 = the server ended the
 * connection or the stream; -EAGAIN. Read until -EAGAIN. Both process. A send
 * takes everything, or -EAGAIN when more than a few MiB wait. */
ssize_t quic_client_receive(struct quic_client *client, void *ret_p, size_t n);
ssize_t quic_client_send(struct quic_client *client, const void *p, size_t n);

/* Sends with waiting, at most timeout_ms for any progress. */
ssize_t quic_client_send_wait(
	struct quic_client *client, const void *p, size_t n, int timeout_ms);

/* How it ended; kind QUIC_END_NOT_YET while it has not. */
const struct quic_end *quic_client_end(const struct quic_client *client);

/* For tests: the endpoint itself (other streams, resets, key updates ...);
 * quic_client_process() afterwards. */
struct quic_ep *quic_client_ep(struct quic_client *client);
/* Bytes that came on another stream than 0; -EAGAIN when none. */
ssize_t quic_client_receive_other(
	struct quic_client *client, int64_t *ret_stream, void *ret_p, size_t n);
/* From now on another local port, as after a NAT lost its table: the server is
 * not told (rebind), or the connection is migrated (RFC 9000, section 9). */
int quic_client_rebind(struct quic_client *client);
int quic_client_migrate(struct quic_client *client);
void quic_client_ports(const struct quic_client *client, uint16_t *ret_local,
	uint16_t *ret_remote);

#endif

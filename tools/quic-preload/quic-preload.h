/* SPDX-License-Identifier: MIT */
/*
 * QUIC sockets of the kernel for processes on kernels that have none. The
 * packets are real, of ngtcp2, over datagrams of AF_UNIX:
 *
 *	QUIC_PRELOAD_DIR	folder; a listener at port 443 is quic-443 there
 *	QUIC_PRELOAD_LOSS	percent of datagrams that are lost, each way
 *	QUIC_PRELOAD_SEED	of the loss
 *
 * A process sees one end of a pair of sockets, with which it can poll; a
 * thread of ours has the other and does packets and timers, as a kernel
 * would. Only servers: connect() is not simulated. What a process that ends has
 * sent last may be lost with it.
 *
 * Everything here is under one lock, preload_lock().
 */
#ifndef SMB3X_QUIC_PRELOAD_H
#define SMB3X_QUIC_PRELOAD_H

#include "transport/quic_compat.h"
#include "transport/quic_kernel_abi.h"
#include "transport/quic_unix.h"

#define CHUNK 65536
#define PACKET 1452
#define CID_BYTES 12

/* Bytes on their way; they stay where they are until they are acknowledged. */
struct chunk {
	struct chunk *next;
	size_t n, sent;
	uint64_t end; /* offset in the stream of what follows it */
	uint8_t bytes[CHUNK];
};

/* A handshake message that the process has not read, or that ngtcp2 still
 * needs. */
struct crypto {
	struct crypto *next;
	size_t n, at;
	uint8_t level;
	uint8_t bytes[];
};

enum sock_kind { SOCK_FRESH, SOCK_LISTENER, SOCK_CONN };

struct sock {
	struct sock *next;
	enum sock_kind kind;
	int near, far; /* near is the process's, once it has it */
	uint64_t device, inode;
	struct sockaddr_storage local, remote;
	socklen_t local_size, remote_size;
	struct kquic_params params;
	struct kquic_config config;
	uint32_t close_code;

	/* A listener's. */
	int datagrams;
	char path[108];
	struct sock *waiting; /* connections to be accepted, by queue */

	/* A connection's. */
	struct sock *queue, *listener;
	uint32_t id; /* the first bytes of its connection ids */
	ngtcp2_conn *conn;
	ngtcp2_cid first; /* the client's choice */
	struct crypto *to_read, *kept;
	struct chunk *out, *in; /* to the peer; to the process */
	size_t out_bytes;
	uint64_t out_end;
	bool secrets[2]; /* of APP: in, out */
	bool stream, fin, told_fin, eof, done;
	bool at_once;           /* the end does not wait for acknowledgments */
	uint64_t closing_until; /* the packet below is the answer to all */
	uint8_t last[PACKET];   /* the last one, while it cannot leave */
	size_t last_n;
	bool stuck;
	uint8_t again[2048]; /* the last datagram of the handshake */
	size_t again_n;
	union quic_address peer;
};

extern struct sock *preload_socks;

void preload_lock(void);
void preload_unlock(void);
/* The thread looks at everything again; starts it first. */
void preload_wake(void);
uint64_t preload_now(void);
/* Once, at the end of the process; the lock is not given back. */
void preload_finish(void);

/* conn.c */
struct sock *preload_sock_create(enum sock_kind kind);
void preload_sock_free(struct sock *sock);
/* A datagram that came to a listener. */
void preload_input(struct sock *listener, const union quic_address *from,
	const uint8_t *p, size_t n);
/* Timers, then everything that can be sent. */
void preload_output(struct sock *sock);
/* A byte makes the process's end readable. */
void preload_signal(struct sock *sock);
bool preload_is_lost(void);

/* crypto.c */
int preload_recv_crypto(ngtcp2_conn *conn, ngtcp2_encryption_level level,
	uint64_t offset, const uint8_t *p, size_t n, void *ctx);
int preload_submit(struct sock *sock, uint8_t level, const void *p, size_t n);
int preload_secret(struct sock *sock, const struct kquic_secret *secret);
void preload_crypto_free(struct crypto *list);

/* thread.c */
void preload_from_process(struct sock *sock);
void preload_to_process(struct sock *sock);

#endif

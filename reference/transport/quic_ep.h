/* SPDX-License-Identifier: MIT */
/*
 * One end of a QUIC connection that carries SMB: RFC 9000 and 9001 by ngtcp2
 * and GnuTLS, and on the client's first bidirectional stream whole messages
 * behind a four-byte length. [MS-SMB2] 2.1
 *
 * It does no I/O and knows no clock: datagrams with their addresses and the
 * time go in; datagrams, the time at which it wants to be called again,
 * messages and events come out. Times are nanoseconds of a clock that never
 * goes back.
 *
 *	quic_ep_input()		for every datagram
 *	quic_ep_expire()	when quic_ep_expiry() has come
 *	quic_ep_output()	after each of these and after every other call,
 *				until it returns 0
 *
 * Events are reported from inside quic_ep_input(), quic_ep_expire() and
 * quic_ep_output(). A user may call quic_ep_send(), quic_ep_hold() and
 * quic_ep_close() from inside them, but not destroy the endpoint.
 */
#ifndef SMB3X_TRANSPORT_QUIC_EP_H
#define SMB3X_TRANSPORT_QUIC_EP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ports/blob.h"
#include "transport/quic_tls.h"

#define QUIC_V1 0x00000001u

/* Application error codes of ours; receivers do not look at the value. */
enum quic_code {
	QUIC_CODE_NONE = 0,
	QUIC_CODE_FRAME = 1,    /* the stream holds no messages */
	QUIC_CODE_RESOURCE = 2, /* too much was asked for */
};

union quic_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct quic_path {
	union quic_address local, remote;
};

/* 0 for a family that is neither IPv4 nor IPv6. */
socklen_t quic_address_size(const union quic_address *address);

struct quic_cid {
	uint8_t n;
	uint8_t bytes[20];
};

enum quic_end_kind {
	QUIC_END_NOT_YET,
	QUIC_END_LOCAL,            /* quic_ep_close() */
	QUIC_END_TLS,              /* code: the alert that was sent */
	QUIC_END_TRANSPORT,        /* code: our transport error code */
	QUIC_END_APPLICATION,      /* code: ours, enum quic_code */
	QUIC_END_PEER_TRANSPORT,   /* code: the peer's transport error */
	QUIC_END_PEER_APPLICATION, /* code: the peer's */
	QUIC_END_PEER_STREAM,      /* the stream ended, was reset or stopped */
	QUIC_END_IDLE,
	QUIC_END_HANDSHAKE_TIMEOUT,
	QUIC_END_STATELESS_RESET,
	QUIC_END_VERSION, /* the peer speaks no version of ours */
	QUIC_END_DROPPED, /* without a word */
};

struct quic_end {
	enum quic_end_kind kind;
	uint64_t code;
	char text[160]; /* for people */
};

struct quic_ep;

struct quic_ep_user {
	void *ctx;
	/* The handshake is complete and "smb" was agreed on. */
	void (*ready)(void *ctx);
	/* Takes the hold of a whole message. */
	void (*message)(void *ctx, struct blob *message);
	/* In place of messages: bytes of a stream as they come; end when none
	 * follow. They count against the window until quic_ep_consumed();
	 * the end of stream 0 ends nothing. Nothing of the endpoint may be
	 * called from inside. */
	void (*bytes)(void *ctx, int64_t stream, const uint8_t *p, size_t n,
		bool end);
	/* Once; nothing is delivered afterwards. There may still be output. */
	void (*over)(void *ctx, const struct quic_end *end);
	/* Server: datagrams with this id are for this endpoint, or are not any
	 * more. Returns 0 or -1. */
	int (*cid_added)(void *ctx, const struct quic_cid *cid);
	void (*cid_removed)(void *ctx, const struct quic_cid *cid);
	/* May be NULL: a line of the NSS key log, without its end; who has it
	 * and the packets can read everything. */
	void (*keylog)(void *ctx, const char *line);
};

struct quic_ep_config {
	struct quic_tls *tls;
	struct quic_tls_peer peer; /* name, alpn; copied */
	uint32_t version;          /* client: 0 = QUIC_V1 */
	uint32_t max_message;
	uint64_t idle_ns, handshake_ns; /* 0: as in quic_limits.h */
	uint64_t keep_alive_ns; /* at most, a third of idle else; 0: never */
	/* A peer that stops so long in the middle of a message may miss our
	 * last acknowledgment, and may have no timer of its own to go on: the
	 * packet is sent again, less and less often. 0: never */
	uint64_t nudge_ns;
	uint32_t window;                   /* 0: as in quic_limits.h */
	uint32_t connection_window;        /* of all streams; 0: as window */
	uint16_t packet_max;               /* likewise */
	uint8_t streams_bidi, streams_uni; /* that the peer may open; server:
					    * 1 and 0 is what SMB has */
	bool no_pmtud;
	bool no_stream; /* client: open none by itself */
	/* For tokens of stateless resets: 32 bytes, or NULL. */
	const uint8_t *secret;
};

/* What a server has learned of a first datagram. */
struct quic_ep_hello {
	uint32_t version;
	struct quic_cid client; /* source id of the client */
	struct quic_cid dcid;   /* as it is in that datagram */
	/* After a Retry: the id of the datagram before it; token as it came,
	 * which outlives the call. */
	bool retried;
	struct quic_cid original;
	const uint8_t *token;
	size_t token_size;
};

/* config and user are copied; config's strings outlive the endpoint. Return 0
 * or negative errno. */
int quic_ep_connect(const struct quic_ep_config *config,
	const struct quic_ep_user *user, const struct quic_path *path,
	uint64_t now, struct quic_ep **ret_ep);
/* The datagram itself is given to quic_ep_input() afterwards. */
int quic_ep_accept(const struct quic_ep_config *config,
	const struct quic_ep_user *user, const struct quic_path *path,
	const struct quic_ep_hello *hello, uint64_t now,
	struct quic_ep **ret_ep);
/* Nothing is sent. Accepts NULL. */
void quic_ep_destroy(struct quic_ep *ep);

void quic_ep_input(struct quic_ep *ep, const struct quic_path *path,
	uint8_t ecn, const uint8_t *p, size_t n, uint64_t now);

/* Packets for one path, all of *ret_segment bytes but the last, which may be
 * shorter. cap is at least QUIC_PACKET_MAX; with cap below two packets there
 * is one. Returns bytes, 0 = nothing to send now. */
size_t quic_ep_output(struct quic_ep *ep, uint8_t *buffer, size_t cap,
	size_t *ret_segment, struct quic_path *ret_path, uint8_t *ret_ecn,
	uint64_t now);

uint64_t quic_ep_expiry(const struct quic_ep *ep); /* UINT64_MAX: never */
void quic_ep_expire(struct quic_ep *ep, uint64_t now);

bool quic_ep_is_ready(const struct quic_ep *ep);
/* NOT_YET until over() */
const struct quic_end *quic_ep_end(const struct quic_ep *ep);
/* Over, and nothing more is to be answered: may be destroyed. */
bool quic_ep_is_done(const struct quic_ep *ep);

/* Takes the hold of message; keeps the order. */
int quic_ep_send(struct quic_ep *ep, struct blob *message);
/* Bytes given to it that the peer has not acknowledged. */
size_t quic_ep_queued(const struct quic_ep *ep);
/* The peer has left a message half sent, or half taken, for so long. */
bool quic_ep_is_stalled(
	const struct quic_ep *ep, uint64_t limit_ns, uint64_t now);
/* The peer is slowed down: no messages are delivered until it is undone. */
void quic_ep_hold(struct quic_ep *ep, bool hold);
/* Bytes that bytes() was given have been used. */
void quic_ep_consumed(struct quic_ep *ep, int64_t stream, size_t n);
/* With flush, after the peer has acknowledged what was sent, or gave up. */
void quic_ep_close(struct quic_ep *ep, uint64_t code, bool flush, uint64_t now);
/* Nobody is there any more to be told: it is over at once, dropped. */
void quic_ep_lose(struct quic_ep *ep, const char *text);

/* What SMB does not do, for tests: other streams, bytes without frames, ends
 * of streams, key updates, another path, a close of the transport's kind. */
int quic_ep_open(struct quic_ep *ep, bool uni, int64_t *ret_stream);
int quic_ep_write(
	struct quic_ep *ep, int64_t stream, const void *p, size_t n, bool end);
int quic_ep_reset(struct quic_ep *ep, int64_t stream, uint64_t code);
int quic_ep_stop(struct quic_ep *ep, int64_t stream, uint64_t code);
int quic_ep_update_keys(struct quic_ep *ep, uint64_t now);
int quic_ep_migrate(
	struct quic_ep *ep, const struct quic_path *path, uint64_t now);
void quic_ep_close_transport(struct quic_ep *ep, uint64_t code, uint64_t now);
/* The client's first stream, -1 before it is open. */
int64_t quic_ep_stream(const struct quic_ep *ep);
gnutls_session_t quic_ep_tls(struct quic_ep *ep);

struct quic_ep_figures {
	uint64_t sent, received; /* datagrams */
	uint64_t smoothed_rtt_ns, cwnd;
	bool resumed;
	/* What the peer announced, 0 before it did. */
	uint64_t peer_idle_ns, peer_streams_bidi, peer_streams_uni;
	uint64_t peer_data, peer_stream_data; /* of the client's stream */
	uint64_t peer_cids, peer_payload;
	bool peer_fixed;   /* active migration is disabled */
	size_t early_data; /* allowed by the server's ticket */
};
void quic_ep_figures(struct quic_ep *ep, struct quic_ep_figures *ret_figures);

#endif

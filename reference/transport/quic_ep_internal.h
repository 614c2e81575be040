/* SPDX-License-Identifier: MIT */
/* Inside transport/ only: an endpoint, shared by the files quic_ep*.c. */
#ifndef SMB3X_TRANSPORT_QUIC_EP_INTERNAL_H
#define SMB3X_TRANSPORT_QUIC_EP_INTERNAL_H

#include "transport/quic_compat.h"
#include "transport/quic_ep.h"
#include "transport/quic_limits.h"

#define QUIC_PREFIX 4
#define QUIC_STREAMS 8 /* of one endpoint at a time */

/* A message on its way out: its bytes stay where they are until the peer has
 * acknowledged them. */
struct quic_piece {
	struct quic_piece *next;
	struct blob *blob;
	uint64_t start;   /* its place in the stream */
	size_t head_size; /* QUIC_PREFIX, or 0 for bare bytes */
	uint8_t head[QUIC_PREFIX];
};

struct quic_stream {
	int64_t id; /* -1: the place is free */
	bool writable, end_queued, end_sent;
	bool blocked; /* by the peer's window, during this output */
	struct quic_piece *first, *last; /* not acknowledged */
	struct quic_piece *unsent;       /* where sending goes on */
	uint64_t queued, sent;           /* offsets in the stream */
};

/* Messages that wait to be delivered, in a ring that grows. */
struct quic_inbox {
	struct blob **blobs;
	size_t first, count, cap;
};

enum quic_phase {
	QUIC_PHASE_ALIVE,
	QUIC_PHASE_FLUSHING, /* nothing is delivered, the rest still leaves */
	QUIC_PHASE_CLOSING,  /* CONNECTION_CLOSE is sent, and repeated */
	QUIC_PHASE_DRAINING, /* the peer has closed */
	QUIC_PHASE_DONE,
};

struct quic_ep {
	struct quic_ep_config config;
	struct quic_ep_user user;
	ngtcp2_crypto_conn_ref ref;
	ngtcp2_conn *conn;
	gnutls_session_t tls;
	bool server, handshaken, ready, no_smb, was_reset, busy;
	enum quic_phase phase;
	struct quic_end end;
	int64_t stream; /* the one that carries messages */
	struct quic_stream streams[QUIC_STREAMS];
	/* Input. */
	uint8_t head[QUIC_PREFIX];
	size_t head_have, empty_frames;
	struct blob *message;
	struct quic_inbox inbox;
	uint64_t owed; /* bytes of the window kept back while held */
	bool held, stream_over, bad_frame, too_much;
	bool answered; /* a message of ours has been queued */
	/* Output. */
	uint8_t stash[QUIC_PACKET_MAX]; /* for another path than the batch */
	size_t stash_size;
	struct quic_path stash_path;
	uint8_t stash_ecn;
	/* The last packet that only acknowledges, to be sent again. */
	uint8_t ack_packet[QUIC_ACK_PACKET];
	size_t ack_size;
	struct quic_path ack_path;
	uint64_t nudge_at; /* UINT64_MAX: the peer is not waited for */
	unsigned int nudges;
	bool nudge_due, packet_has_data;
	/* The end. */
	ngtcp2_ccerr error;
	uint8_t close_packet[QUIC_PACKET_MAX];
	size_t close_size;
	struct quic_path close_path;
	bool close_due;
	unsigned int close_inputs, close_answer_at;
	uint64_t deadline;                  /* of flushing, closing, draining */
	uint64_t now;                       /* of the call that is under way */
	uint64_t in_progress, out_progress; /* when bytes last moved */
	uint64_t datagrams_in, datagrams_out;
};

/* quic_ep.c */
void quic_ep_over(struct quic_ep *ep, enum quic_end_kind kind, uint64_t code,
	const char *text);
/* A library's error, the connection's end. */
void quic_ep_fail(struct quic_ep *ep, int error);
void quic_ep_fail_application(
	struct quic_ep *ep, enum quic_code code, const char *text);
void quic_ep_set_callbacks(ngtcp2_callbacks *ret_callbacks, bool server);
int quic_ep_new_cid(struct quic_ep *ep, ngtcp2_cid *ret_cid, size_t n);
void quic_ep_token(
	const struct quic_ep *ep, const ngtcp2_cid *cid, uint8_t ret[16]);

/* quic_ep_io.c */
ngtcp2_path quic_ep_path(const struct quic_path *path);
/* What callbacks have noted is told to the user. */
void quic_ep_settle(struct quic_ep *ep);

/* quic_ep_stream.c */
struct quic_stream *quic_stream_find(struct quic_ep *ep, int64_t id);
struct quic_stream *quic_stream_add(struct quic_ep *ep, int64_t id, bool write);
void quic_stream_drop(struct quic_stream *stream);
int quic_stream_put(struct quic_stream *stream, struct blob *blob, bool bare);
void quic_stream_acked(struct quic_stream *stream, uint64_t upto);
/* Up to max pieces of what has not been sent. */
size_t quic_stream_gather(
	const struct quic_stream *stream, ngtcp2_vec *ret_vec, size_t max);
void quic_stream_sent(struct quic_stream *stream, size_t n);
bool quic_stream_has_unsent(const struct quic_stream *stream);
/* Bytes of the stream that carries messages; sets bad_frame, too_much. */
void quic_frames_input(struct quic_ep *ep, const uint8_t *p, size_t n);
void quic_frames_deliver(struct quic_ep *ep);
void quic_frames_finish(struct quic_ep *ep);

#endif

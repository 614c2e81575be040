/* SPDX-License-Identifier: MIT */
/* Datagrams, time and messages, in and out; see quic_ep.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ports/rule.h"
#include "transport/quic_ep_internal.h"

#define PIECES 16 /* of messages in one packet */

ngtcp2_path quic_ep_path(const struct quic_path *path)
{
	return (ngtcp2_path){
		.local = {(ngtcp2_sockaddr *)&path->local.any,
			quic_address_size(&path->local)},
		.remote = {(ngtcp2_sockaddr *)&path->remote.any,
			quic_address_size(&path->remote)},
	};
}

static void copy_path(const ngtcp2_path *from, struct quic_path *ret_path)
{
	memset(ret_path, 0, sizeof(*ret_path));
	memcpy(&ret_path->local, from->local.addr, from->local.addrlen);
	memcpy(&ret_path->remote, from->remote.addr, from->remote.addrlen);
}

static bool same_path(const struct quic_path *a, const struct quic_path *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static int open_stream(struct quic_ep *ep)
{
	int64_t id;

	if (ep->server || ep->stream >= 0) {
		return 0;
	}
	if (ngtcp2_conn_open_bidi_stream(ep->conn, &id, NULL) != 0) {
		return -EPROTO;
	}
	if (quic_stream_add(ep, id, true) == NULL) {
		return -ENOMEM;
	}
	ep->stream = id;
	return 0;
}

/* The peer has gone on, or there is nothing to go on with. */
static void set_nudge(struct quic_ep *ep)
{
	bool waits = ep->message != NULL || ep->head_have > 0;

	ep->nudges = 0;
	ep->nudge_at = ep->config.nudge_ns != 0 && waits
			       ? ep->now + ep->config.nudge_ns
			       : UINT64_MAX;
}

static void check_nudge(struct quic_ep *ep)
{
	if (ep->now < ep->nudge_at) {
		return;
	}
	ep->nudge_due = ep->ack_size > 0;
	ep->nudges++;
	ep->nudge_at = ep->nudges < QUIC_NUDGES
			       ? ep->now + (ep->config.nudge_ns << ep->nudges)
			       : UINT64_MAX;
}

/* Often enough for the side that is patient for the shorter time. */
static void keep_alive(struct quic_ep *ep)
{
	uint64_t theirs = ngtcp2_conn_get_remote_transport_params(ep->conn)
				  ->max_idle_timeout;
	uint64_t idle = ep->config.idle_ns;
	uint64_t often = ep->config.keep_alive_ns;

	if (often == 0) {
		return;
	}
	if (theirs != 0 && (idle == 0 || theirs < idle)) {
		idle = theirs;
	}
	if (idle != 0 && idle / 3 < often) {
		often = idle / 3;
	}
	ngtcp2_conn_set_keep_alive_timeout(ep->conn, often);
}

void quic_ep_settle(struct quic_ep *ep)
{
	if (ep->handshaken && !ep->ready && ep->phase == QUIC_PHASE_ALIVE) {
		ep->ready = true;
		keep_alive(ep);
		if (!ep->config.no_stream && open_stream(ep) < 0) {
			quic_ep_fail_application(ep, QUIC_CODE_FRAME,
				"the peer allows no stream");
			return;
		}
		if (ep->user.ready != NULL) {
			ep->user.ready(ep->user.ctx);
		}
	}
	if (ep->user.bytes != NULL || ep->phase >= QUIC_PHASE_CLOSING) {
		return;
	}
	quic_frames_deliver(ep);
	if (ep->bad_frame) {
		quic_ep_fail_application(
			ep, QUIC_CODE_FRAME, "no message on the stream");
	} else if (ep->too_much) {
		quic_ep_fail_application(
			ep, QUIC_CODE_RESOURCE, "a message is too long");
	} else if (ep->stream_over && ep->inbox.count == 0) {
		ngtcp2_ccerr_set_application_error(
			&ep->error, QUIC_CODE_NONE, NULL, 0);
		ep->phase = QUIC_PHASE_CLOSING;
		ep->close_due = true;
		ep->deadline = UINT64_MAX;
		quic_ep_over(ep, QUIC_END_PEER_STREAM, 0,
			"the peer ended the stream");
	}
}

/* CONNECTION_CLOSE again, more and more seldom. RFC 9000, section 10.2.1 */
static void input_while_closing(struct quic_ep *ep)
{
	ep->close_inputs++;
	if (ep->close_size > 0 && ep->close_inputs >= ep->close_answer_at &&
		RULE(QUIC_CLOSE_0004)) {
		ep->close_answer_at = ep->close_inputs * 2;
		ep->close_due = true;
	}
}

void quic_ep_input(struct quic_ep *ep, const struct quic_path *path,
	uint8_t ecn, const uint8_t *p, size_t n, uint64_t now)
{
	ngtcp2_path where = quic_ep_path(path);
	ngtcp2_pkt_info info = {.ecn = ecn};
	int r;

	ep->now = now;
	ep->datagrams_in++;
	if (ep->phase == QUIC_PHASE_CLOSING) {
		input_while_closing(ep);
	}
	if (ep->phase >= QUIC_PHASE_CLOSING || n == 0) {
		return;
	}
	r = ngtcp2_conn_read_pkt(ep->conn, &where, &info, p, n, now);
	if (ep->in_progress == now) {
		set_nudge(ep);
	}
	if (r != 0) {
		/* What came whole before the end is still delivered. */
		quic_ep_settle(ep);
		quic_ep_fail(ep, r);
		return;
	}
	quic_ep_settle(ep);
}

/* The stream that is to be sent from next; NULL = none. */
static struct quic_stream *next_stream(struct quic_ep *ep)
{
	for (unsigned int i = 0; i < QUIC_STREAMS && ep->ready; i++) {
		struct quic_stream *stream = &ep->streams[i];

		if (quic_stream_has_unsent(stream) && !stream->blocked) {
			return stream;
		}
	}
	return NULL;
}

/* One packet; 0 = nothing, negative = the library's error. */
static ngtcp2_ssize write_packet(struct quic_ep *ep, uint8_t *p, size_t cap,
	ngtcp2_path_storage *storage, ngtcp2_pkt_info *info)
{
	ngtcp2_vec vec[PIECES];

	for (;;) {
		struct quic_stream *stream = next_stream(ep);
		size_t count = stream != NULL
				       ? quic_stream_gather(stream, vec, PIECES)
				       : 0;
		uint32_t flags = NGTCP2_WRITE_STREAM_FLAG_NONE;
		ngtcp2_ssize taken = -1, n;
		bool last = false;

		if (stream != NULL && stream->end_queued) {
			uint64_t total = 0;

			for (size_t i = 0; i < count; i++) {
				total += vec[i].len;
			}
			last = stream->sent + total == stream->queued;
			flags = last ? NGTCP2_WRITE_STREAM_FLAG_FIN : flags;
		}
		n = ngtcp2_conn_writev_stream(ep->conn, &storage->path, info, p,
			cap, &taken, flags, stream != NULL ? stream->id : -1,
			vec, count, ep->now);
		if (stream != NULL && n == NGTCP2_ERR_STREAM_DATA_BLOCKED) {
			if (!RULE(QUIC_STREAM_0009)) {
				quic_stream_drop(stream);
			}
			stream->blocked = true;
			continue;
		}
		if (stream != NULL &&
			(n == NGTCP2_ERR_STREAM_SHUT_WR ||
				n == NGTCP2_ERR_STREAM_NOT_FOUND)) {
			/* ngtcp2 says nothing of STOP_SENDING but this. */
			if (stream->id == ep->stream &&
				RULE(QUIC_STREAM_0008)) {
				ep->stream_over = true;
			}
			quic_stream_drop(stream);
			continue;
		}
		ep->packet_has_data = stream != NULL && taken >= 0;
		if (ep->packet_has_data) {
			quic_stream_sent(stream, (size_t)taken);
			stream->end_sent =
				last && stream->sent == stream->queued;
		}
		return n;
	}
}

static void put_aside(struct quic_ep *ep, const uint8_t *p, size_t n,
	const struct quic_path *path, uint8_t ecn)
{
	memcpy(ep->stash, p, n);
	ep->stash_size = n;
	ep->stash_path = *path;
	ep->stash_ecn = ecn;
}

/* What a batch is made of. */
struct batch {
	uint8_t *p;
	size_t cap, used, segment;
	struct quic_path path;
	uint8_t ecn;
};

/* Adds a packet; false: the batch is complete. */
static bool add_packet(struct quic_ep *ep, struct batch *batch)
{
	size_t room = batch->cap - batch->used;
	size_t cap =
		batch->segment == 0 ? ep->config.packet_max : batch->segment;
	ngtcp2_path_storage storage;
	ngtcp2_pkt_info info = {0};
	struct quic_path path;
	ngtcp2_ssize n;

	if (room < cap) {
		return false;
	}
	ngtcp2_path_storage_zero(&storage);
	n = write_packet(ep, batch->p + batch->used, cap, &storage, &info);
	if (n < 0) {
		quic_ep_fail(ep, (int)n);
		return false;
	}
	if (n == 0) {
		return false;
	}
	ep->datagrams_out++;
	copy_path(&storage.path, &path);
	if (ep->ready && n <= QUIC_ACK_PACKET && !ep->packet_has_data) {
		memcpy(ep->ack_packet, batch->p + batch->used, (size_t)n);
		ep->ack_size = (size_t)n;
		ep->ack_path = path;
	}
	if (batch->segment == 0) {
		batch->segment = (size_t)n;
		batch->path = path;
		batch->ecn = info.ecn;
	} else if (!same_path(&path, &batch->path) || info.ecn != batch->ecn) {
		put_aside(
			ep, batch->p + batch->used, (size_t)n, &path, info.ecn);
		return false;
	}
	batch->used += (size_t)n;
	return (size_t)n == batch->segment && n >= QUIC_INITIAL_MIN;
}

static void write_close(struct quic_ep *ep)
{
	ngtcp2_path_storage storage;
	ngtcp2_pkt_info info;
	ngtcp2_ssize n;

	ngtcp2_path_storage_zero(&storage);
	n = ngtcp2_conn_write_connection_close(ep->conn, &storage.path, &info,
		ep->close_packet, ep->config.packet_max, &ep->error, ep->now);
	if (n <= 0) {
		ep->phase = QUIC_PHASE_DONE;
		return;
	}
	ep->close_size = (size_t)n;
	copy_path(&storage.path, &ep->close_path);
	ep->deadline = ep->now + 3 * ngtcp2_conn_get_pto(ep->conn);
}

static size_t output_close(struct quic_ep *ep, uint8_t *buffer,
	size_t *ret_segment, struct quic_path *ret_path, uint8_t *ret_ecn)
{
	if (!ep->close_due) {
		return 0;
	}
	ep->close_due = false;
	if (ep->close_size == 0) {
		write_close(ep);
	}
	memcpy(buffer, ep->close_packet, ep->close_size);
	*ret_segment = ep->close_size;
	*ret_path = ep->close_path;
	*ret_ecn = 0;
	ep->datagrams_out += ep->close_size > 0;
	return ep->close_size;
}

static size_t output_batch(struct quic_ep *ep, struct batch *batch)
{
	size_t quantum = ngtcp2_conn_get_send_quantum(ep->conn);

	for (unsigned int i = 0; i < QUIC_STREAMS; i++) {
		ep->streams[i].blocked = false;
	}
	if (quantum < batch->cap) {
		batch->cap = quantum > ep->config.packet_max
				     ? quantum
				     : ep->config.packet_max;
	}
	for (unsigned int i = 0; i < QUIC_BATCH_PACKETS; i++) {
		if (!add_packet(ep, batch)) {
			break;
		}
	}
	if (batch->used > 0) {
		ngtcp2_conn_update_pkt_tx_time(ep->conn, ep->now);
	}
	return batch->used;
}

/* Everything has arrived: the close that was waiting for it. */
static void check_flushed(struct quic_ep *ep)
{
	if (ep->phase == QUIC_PHASE_FLUSHING &&
		(quic_ep_queued(ep) == 0 || ep->now >= ep->deadline)) {
		ep->phase = QUIC_PHASE_CLOSING;
		ep->close_due = true;
		ep->deadline = UINT64_MAX;
		ep->stash_size = 0;
		quic_ep_over(ep, QUIC_END_LOCAL, 0, "closed");
	}
}

size_t quic_ep_output(struct quic_ep *ep, uint8_t *buffer, size_t cap,
	size_t *ret_segment, struct quic_path *ret_path, uint8_t *ret_ecn,
	uint64_t now)
{
	struct batch batch = {.p = buffer, .cap = cap};

	ep->now = now;
	quic_ep_settle(ep);
	check_flushed(ep);
	if (ep->phase == QUIC_PHASE_CLOSING) {
		return output_close(ep, buffer, ret_segment, ret_path, ret_ecn);
	}
	if (ep->phase > QUIC_PHASE_CLOSING) {
		return 0;
	}
	if (ep->nudge_due) {
		ep->nudge_due = false;
		memcpy(buffer, ep->ack_packet, ep->ack_size);
		*ret_segment = ep->ack_size;
		*ret_path = ep->ack_path;
		*ret_ecn = 0;
		return ep->ack_size;
	}
	if (ep->stash_size > 0) {
		memcpy(buffer, ep->stash, ep->stash_size);
		*ret_segment = ep->stash_size;
		*ret_path = ep->stash_path;
		*ret_ecn = ep->stash_ecn;
		ep->stash_size = 0;
		return *ret_segment;
	}
	if (output_batch(ep, &batch) > 0) {
		*ret_segment = batch.segment;
		*ret_path = batch.path;
		*ret_ecn = batch.ecn;
		return batch.used;
	}
	if (ep->phase == QUIC_PHASE_CLOSING) {
		return output_close(ep, buffer, ret_segment, ret_path, ret_ecn);
	}
	return 0;
}

uint64_t quic_ep_expiry(const struct quic_ep *ep)
{
	uint64_t at;

	switch (ep->phase) {
	case QUIC_PHASE_ALIVE:
		at = ngtcp2_conn_get_expiry(ep->conn);
		return at < ep->nudge_at ? at : ep->nudge_at;
	case QUIC_PHASE_FLUSHING:
		at = ngtcp2_conn_get_expiry(ep->conn);
		return at < ep->deadline ? at : ep->deadline;
	case QUIC_PHASE_CLOSING:
	case QUIC_PHASE_DRAINING:
		return ep->deadline;
	default:
		return UINT64_MAX;
	}
}

void quic_ep_expire(struct quic_ep *ep, uint64_t now)
{
	int r;

	ep->now = now;
	if (ep->phase >= QUIC_PHASE_CLOSING) {
		if (now >= ep->deadline) {
			ep->phase = QUIC_PHASE_DONE;
		}
		return;
	}
	check_nudge(ep);
	if (now < ngtcp2_conn_get_expiry(ep->conn)) {
		return;
	}
	r = ngtcp2_conn_handle_expiry(ep->conn, now);
	if (r != 0) {
		quic_ep_fail(ep, r);
	}
}

int quic_ep_send(struct quic_ep *ep, struct blob *message)
{
	struct quic_stream *stream = quic_stream_find(ep, ep->stream);
	int r = -EPIPE;

	if (stream != NULL && stream->first == NULL) {
		ep->out_progress = ep->now;
	}
	if (stream != NULL && stream->writable &&
		ep->phase == QUIC_PHASE_ALIVE) {
		r = message->n > 0xffffff
			    ? -EMSGSIZE
			    : quic_stream_put(stream, message, false);
	}
	if (r < 0) {
		blob_release(message);
		return r;
	}
	ep->answered = true;
	return 0;
}

size_t quic_ep_queued(const struct quic_ep *ep)
{
	const struct quic_stream *stream =
		quic_stream_find((struct quic_ep *)ep, ep->stream);

	return stream == NULL || stream->first == NULL
		       ? 0
		       : (size_t)(stream->queued - stream->first->start);
}

bool quic_ep_is_stalled(
	const struct quic_ep *ep, uint64_t limit_ns, uint64_t now)
{
	bool half_sent = (ep->message != NULL || ep->head_have > 0) &&
			 !ep->held && now > ep->in_progress + limit_ns;

	return half_sent ||
	       (quic_ep_queued(ep) > 0 && now > ep->out_progress + limit_ns);
}

void quic_ep_hold(struct quic_ep *ep, bool hold)
{
	ep->held = hold;
	if (!hold && ep->owed > 0 && ep->phase < QUIC_PHASE_CLOSING) {
		(void)ngtcp2_conn_extend_max_stream_offset(
			ep->conn, ep->stream, ep->owed);
		ngtcp2_conn_extend_max_offset(ep->conn, ep->owed);
		ep->owed = 0;
	}
}

void quic_ep_consumed(struct quic_ep *ep, int64_t stream, size_t n)
{
	if (ep->phase < QUIC_PHASE_CLOSING) {
		(void)ngtcp2_conn_extend_max_stream_offset(ep->conn, stream, n);
		ngtcp2_conn_extend_max_offset(ep->conn, n);
	}
}

int quic_ep_open(struct quic_ep *ep, bool uni, int64_t *ret_stream)
{
	int64_t id;
	int r = uni ? ngtcp2_conn_open_uni_stream(ep->conn, &id, NULL)
		    : ngtcp2_conn_open_bidi_stream(ep->conn, &id, NULL);

	if (r != 0) {
		return r == NGTCP2_ERR_STREAM_ID_BLOCKED ? -EAGAIN : -EPROTO;
	}
	if (quic_stream_add(ep, id, true) == NULL) {
		return -ENOMEM;
	}
	if (!uni && ep->stream < 0) {
		ep->stream = id;
	}
	*ret_stream = id;
	return 0;
}

int quic_ep_write(
	struct quic_ep *ep, int64_t stream, const void *p, size_t n, bool end)
{
	struct quic_stream *s = quic_stream_find(ep, stream);
	struct blob *blob;

	if (s == NULL || !s->writable || s->end_queued ||
		ep->phase != QUIC_PHASE_ALIVE) {
		return -EPIPE;
	}
	if (n > 0) {
		blob = blob_create(n);
		if (blob == NULL) {
			return -ENOMEM;
		}
		memcpy(blob->data, p, n);
		blob->n = n;
		if (quic_stream_put(s, blob, true) < 0) {
			blob_release(blob);
			return -ENOMEM;
		}
	}
	s->end_queued = end;
	return 0;
}

int quic_ep_reset(struct quic_ep *ep, int64_t stream, uint64_t code)
{
	return quic_shutdown_stream_write(ep->conn, stream, code) == 0 ? 0
								       : -EPIPE;
}

int quic_ep_stop(struct quic_ep *ep, int64_t stream, uint64_t code)
{
	return quic_shutdown_stream_read(ep->conn, stream, code) == 0 ? 0
								      : -EPIPE;
}

int quic_ep_update_keys(struct quic_ep *ep, uint64_t now)
{
	return ngtcp2_conn_initiate_key_update(ep->conn, now) == 0 ? 0
								   : -EAGAIN;
}

int quic_ep_migrate(
	struct quic_ep *ep, const struct quic_path *path, uint64_t now)
{
	ngtcp2_path where = quic_ep_path(path);

	return ngtcp2_conn_initiate_immediate_migration(
		       ep->conn, &where, now) == 0
		       ? 0
		       : -EAGAIN;
}

/* SPDX-License-Identifier: MIT */
/*
 * Streams of an endpoint: what waits to be sent and to be acknowledged, and
 * the messages in what is received. [MS-SMB2] 2.1
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ports/rule.h"
#include "transport/quic_ep_internal.h"

#define KEEP_ALIVE 0x85 /* RFC 1002, section 4.3.7 */

struct quic_stream *quic_stream_find(struct quic_ep *ep, int64_t id)
{
	for (unsigned int i = 0; i < QUIC_STREAMS && id >= 0; i++) {
		if (ep->streams[i].id == id) {
			return &ep->streams[i];
		}
	}
	return NULL;
}

struct quic_stream *quic_stream_add(struct quic_ep *ep, int64_t id, bool write)
{
	for (unsigned int i = 0; i < QUIC_STREAMS; i++) {
		struct quic_stream *stream = &ep->streams[i];

		if (stream->id < 0) {
			memset(stream, 0, sizeof(*stream));
			stream->id = id;
			stream->writable = write;
			return stream;
		}
	}
	return NULL;
}

static size_t size_of(const struct quic_piece *piece)
{
	return piece->head_size + piece->blob->n;
}

static void drop_first(struct quic_stream *stream)
{
	struct quic_piece *piece = stream->first;

	stream->first = piece->next;
	if (stream->first == NULL) {
		stream->last = NULL;
	}
	if (stream->unsent == piece) {
		stream->unsent = piece->next;
	}
	blob_release(piece->blob);
	free(piece);
}

void quic_stream_drop(struct quic_stream *stream)
{
	while (stream->first != NULL) {
		drop_first(stream);
	}
	stream->writable = false;
	stream->queued = stream->sent;
}

int quic_stream_put(struct quic_stream *stream, struct blob *blob, bool bare)
{
	struct quic_piece *piece = calloc(1, sizeof(*piece));

	if (piece == NULL) {
		return -ENOMEM;
	}
	piece->blob = blob;
	piece->start = stream->queued;
	if (!bare) {
		piece->head_size = QUIC_PREFIX;
		unsigned int high = RULE(QUIC_FRAME_0001) ? 1 : 3;

		piece->head[high] = (uint8_t)(blob->n >> 16);
		piece->head[2] = (uint8_t)(blob->n >> 8);
		piece->head[4 - high] = (uint8_t)blob->n;
	}
	if (stream->last != NULL) {
		stream->last->next = piece;
	} else {
		stream->first = piece;
	}
	stream->last = piece;
	if (stream->unsent == NULL) {
		stream->unsent = piece;
	}
	stream->queued += size_of(piece);
	return 0;
}

void quic_stream_acked(struct quic_stream *stream, uint64_t upto)
{
	while (stream->first != NULL &&
		stream->first->start + size_of(stream->first) <= upto) {
		drop_first(stream);
	}
}

static size_t add_part(
	ngtcp2_vec *vec, const uint8_t *p, size_t n, size_t *skip)
{
	size_t less = *skip < n ? *skip : n;

	*skip -= less;
	if (n == less) {
		return 0;
	}
	vec->base = (uint8_t *)p + less;
	vec->len = n - less;
	return 1;
}

size_t quic_stream_gather(
	const struct quic_stream *stream, ngtcp2_vec *ret_vec, size_t max)
{
	const struct quic_piece *piece = stream->unsent;
	size_t count = 0, skip;

	if (piece == NULL) {
		return 0;
	}
	skip = (size_t)(stream->sent - piece->start);
	for (; piece != NULL && count + 2 <= max; piece = piece->next) {
		count += add_part(
			ret_vec + count, piece->head, piece->head_size, &skip);
		count += add_part(ret_vec + count, piece->blob->data,
			piece->blob->n, &skip);
	}
	return count;
}

void quic_stream_sent(struct quic_stream *stream, size_t n)
{
	stream->sent += n;
	while (stream->unsent != NULL &&
		stream->unsent->start + size_of(stream->unsent) <=
			stream->sent) {
		stream->unsent = stream->unsent->next;
	}
}

bool quic_stream_has_unsent(const struct quic_stream *stream)
{
	return stream->id >= 0 && stream->writable &&
	       (stream->unsent != NULL ||
		       (stream->end_queued && !stream->end_sent));
}

static int inbox_grow(struct quic_inbox *inbox)
{
	size_t cap = inbox->cap > 0 ? 2 * inbox->cap : 8;
	struct blob **blobs = calloc(cap, sizeof(struct blob *));

	if (blobs == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < inbox->count; i++) {
		blobs[i] = inbox->blobs[(inbox->first + i) & (inbox->cap - 1)];
	}
	free(inbox->blobs);
	inbox->blobs = blobs;
	inbox->cap = cap;
	inbox->first = 0;
	return 0;
}

static int inbox_put(struct quic_inbox *inbox, struct blob *blob)
{
	if (inbox->count == inbox->cap && inbox_grow(inbox) < 0) {
		return -ENOMEM;
	}
	inbox->blobs[(inbox->first + inbox->count++) & (inbox->cap - 1)] = blob;
	return 0;
}

static struct blob *inbox_take(struct quic_inbox *inbox)
{
	struct blob *blob = inbox->blobs[inbox->first];

	inbox->first = (inbox->first + 1) & (inbox->cap - 1);
	inbox->count--;
	return blob;
}

static uint32_t longest(const struct quic_ep *ep)
{
	return !ep->answered && ep->config.max_message > QUIC_FIRST_MESSAGE_MAX
		       ? QUIC_FIRST_MESSAGE_MAX
		       : ep->config.max_message;
}

/* The four bytes are there. */
static void begin_message(struct quic_ep *ep)
{
	size_t n = (size_t)ep->head[1] << 16 | (size_t)ep->head[2] << 8 |
		   ep->head[3];

	ep->head_have = 0;
	if (ep->head[0] != 0 && !(ep->head[0] == KEEP_ALIVE && n == 0) &&
		RULE(QUIC_FRAME_0004)) {
		ep->bad_frame = true;
	} else if (n == 0) {
		/* A filler: nothing follows. */
		ep->bad_frame = ++ep->empty_frames > QUIC_EMPTY_FRAMES ||
				!RULE(QUIC_FRAME_0006);
	} else if (n > longest(ep) && RULE(QUIC_FRAME_0005)) {
		ep->too_much = true;
	} else {
		ep->empty_frames = 0;
		ep->message = blob_create(n);
		ep->too_much = ep->message == NULL;
	}
}

static size_t take(struct quic_ep *ep, const uint8_t *p, size_t n)
{
	struct blob *message = ep->message;
	size_t want;

	if (message == NULL) {
		want = QUIC_PREFIX - ep->head_have;
		want = want < n ? want : n;
		memcpy(ep->head + ep->head_have, p, want);
		ep->head_have += want;
		if (ep->head_have == QUIC_PREFIX) {
			begin_message(ep);
		}
		return want;
	}
	want = message->cap - message->n;
	want = want < n ? want : n;
	memcpy(message->data + message->n, p, want);
	message->n += want;
	if (message->n == message->cap) {
		ep->message = NULL;
		if (inbox_put(&ep->inbox, message) < 0) {
			blob_release(message);
			ep->too_much = true;
		}
	}
	return want;
}

void quic_frames_input(struct quic_ep *ep, const uint8_t *p, size_t n)
{
	ep->in_progress = ep->now;
	while (n > 0 && !ep->bad_frame && !ep->too_much) {
		size_t taken = take(ep, p, n);

		p += taken;
		n -= taken;
	}
}

void quic_frames_deliver(struct quic_ep *ep)
{
	while (ep->inbox.count > 0 && !ep->held &&
		ep->phase == QUIC_PHASE_ALIVE) {
		ep->user.message(ep->user.ctx, inbox_take(&ep->inbox));
	}
}

void quic_frames_finish(struct quic_ep *ep)
{
	while (ep->inbox.count > 0) {
		blob_release(inbox_take(&ep->inbox));
	}
	free(ep->inbox.blobs);
	memset(&ep->inbox, 0, sizeof(ep->inbox));
	blob_release(ep->message);
	ep->message = NULL;
}

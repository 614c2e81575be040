/* SPDX-License-Identifier: MIT */
/* The sending half of a TCP connection: queue, batches, partial sends. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/internal.h"

#define PREFIX 4

static struct blob *queue_at(const struct tcp_queue *queue, size_t i)
{
	return queue->blobs[(queue->first + i) & (queue->cap - 1)];
}

static int queue_grow(struct tcp_queue *queue)
{
	size_t cap = queue->cap > 0 ? 2 * queue->cap : 16;
	struct blob **blobs = calloc(cap, sizeof(*blobs));

	if (blobs == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < queue->count; i++) {
		blobs[i] = queue_at(queue, i);
	}
	free(queue->blobs);
	queue->blobs = blobs;
	queue->cap = cap;
	queue->first = 0;
	return 0;
}

static int queue_put(struct tcp_queue *queue, struct blob *message)
{
	if (queue->count == queue->cap && queue_grow(queue) < 0) {
		return -ENOMEM;
	}
	queue->blobs[(queue->first + queue->count) & (queue->cap - 1)] =
		message;
	queue->count++;
	queue->bytes += message->n;
	return 0;
}

static void queue_drop_first(struct tcp_queue *queue)
{
	struct blob *message = queue_at(queue, 0);

	queue->first = (queue->first + 1) & (queue->cap - 1);
	queue->count--;
	queue->bytes -= message->n;
	queue->sent = 0;
	blob_release(message);
}

void tcp_conn_drop_queue(struct tcp_conn *conn)
{
	while (conn->queue.count > 0) {
		queue_drop_first(&conn->queue);
	}
	free(conn->queue.blobs);
	memset(&conn->queue, 0, sizeof(conn->queue));
}

/* Adds a piece to the batch, without its first skip bytes. */
static void add_piece(struct tcp_conn *conn, unsigned int *count, uint8_t *p,
	size_t n, size_t *skip)
{
	size_t less = *skip < n ? *skip : n;

	*skip -= less;
	if (n > less) {
		conn->vec[(*count)++] = (struct iovec){p + less, n - less};
	}
}

void tcp_conn_send_next(struct tcp_conn *conn)
{
	struct tcp_queue *queue = &conn->queue;
	unsigned int count = 0;
	size_t skip = queue->sent;

	for (size_t i = 0; i < queue->count && i < TCP_BATCH; i++) {
		struct blob *message = queue_at(queue, i);
		uint8_t *prefix = conn->prefixes[i];

		prefix[0] = 0;
		prefix[1] = (uint8_t)(message->n >> 16);
		prefix[2] = (uint8_t)(message->n >> 8);
		prefix[3] = (uint8_t)message->n;
		add_piece(conn, &count, prefix, PREFIX, &skip);
		add_piece(conn, &count, message->data, message->n, &skip);
	}
	conn->tcp->io->send(
		conn->tcp->io->ctx, &conn->out, conn->fd, conn->vec, count);
}

void tcp_conn_send(struct tcp_conn *conn, struct blob *message)
{
	bool idle = conn->queue.count == 0;

	if (conn->phase != TCP_OPEN) {
		blob_release(message);
		return;
	}
	if (message->n > 0xffffff || queue_put(&conn->queue, message) < 0) {
		blob_release(message);
		tcp_conn_die(conn, "message could not be queued");
		return;
	}
	if (idle) {
		conn->out_progress = conn->tcp->io->now(conn->tcp->io->ctx);
		tcp_conn_send_next(conn);
	}
}

void tcp_conn_sent(struct io_op *op, int result)
{
	struct tcp_conn *conn =
		(struct tcp_conn *)((char *)op -
				    offsetof(struct tcp_conn, out));
	struct tcp_queue *queue = &conn->queue;

	if (conn->phase == TCP_DEAD) {
		tcp_conn_die(conn, NULL);
		return;
	}
	if (result == -EINTR || result == -EAGAIN) {
		result = 0;
	}
	if (result < 0) {
		tcp_conn_die(conn, strerror(-result));
		return;
	}
	if (result > 0) {
		conn->out_progress = conn->tcp->io->now(conn->tcp->io->ctx);
	}
	queue->sent += (size_t)result;
	while (queue->count > 0 &&
		queue->sent >= PREFIX + queue_at(queue, 0)->n) {
		size_t rest = queue->sent - PREFIX - queue_at(queue, 0)->n;

		queue_drop_first(queue);
		queue->sent = rest;
	}
	if (queue->count > 0) {
		tcp_conn_send_next(conn);
	} else {
		tcp_conn_queue_empty(conn);
	}
	tcp_conn_resume(conn);
}

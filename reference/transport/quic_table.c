/* SPDX-License-Identifier: MIT */
/* Connections by connection id, and by the time they want to be called. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/quic_internal.h"

/* FNV-1a behind the server's secret: clients choose some of the ids. */
static size_t bucket_of(const struct quic *quic, const uint8_t *id, size_t n)
{
	uint64_t hash;

	memcpy(&hash, quic->secret, sizeof(hash));
	for (size_t i = 0; i < n; i++) {
		hash = (hash ^ id[i]) * 0x100000001b3u;
	}
	return (size_t)(hash ^ hash >> 32) % QUIC_BUCKETS;
}

struct quic_name *quic_table_find(
	const struct quic *quic, const uint8_t *id, size_t n)
{
	struct quic_name *name = quic->buckets[bucket_of(quic, id, n)];

	while (name != NULL &&
		(name->id.n != n || memcmp(name->id.bytes, id, n) != 0)) {
		name = name->next;
	}
	return name;
}

int quic_table_add(struct quic_conn *conn, const struct quic_cid *id)
{
	struct quic *quic = conn->quic;
	struct quic_name **bucket =
		&quic->buckets[bucket_of(quic, id->bytes, id->n)];
	struct quic_name *name = calloc(1, sizeof(*name));

	if (name == NULL) {
		return -ENOMEM;
	}
	name->conn = conn;
	name->id = *id;
	name->next = *bucket;
	*bucket = name;
	name->next_of_conn = conn->names;
	conn->names = name;
	return 0;
}

static void unlink_name(struct quic *quic, struct quic_name *name)
{
	struct quic_name **p =
		&quic->buckets[bucket_of(quic, name->id.bytes, name->id.n)];

	while (*p != name) {
		p = &(*p)->next;
	}
	*p = name->next;
	free(name);
}

void quic_table_remove(struct quic_conn *conn, const struct quic_cid *id)
{
	struct quic_name **p = &conn->names, *name;

	while ((name = *p) != NULL) {
		if (name->id.n == id->n &&
			memcmp(name->id.bytes, id->bytes, id->n) == 0) {
			*p = name->next_of_conn;
			unlink_name(conn->quic, name);
			return;
		}
		p = &name->next_of_conn;
	}
}

void quic_table_remove_all(struct quic_conn *conn)
{
	while (conn->names != NULL) {
		struct quic_name *name = conn->names;

		conn->names = name->next_of_conn;
		unlink_name(conn->quic, name);
	}
}

int quic_heap_room(struct quic *quic)
{
	size_t cap = quic->heap_cap > 0 ? 2 * quic->heap_cap : 64;
	struct quic_conn **heap;

	if (quic->heap_count < quic->heap_cap) {
		return 0;
	}
	heap = realloc(quic->heap, cap * sizeof(struct quic_conn *));
	if (heap == NULL) {
		return -ENOMEM;
	}
	quic->heap = heap;
	quic->heap_cap = cap;
	return 0;
}

static void place(struct quic *quic, struct quic_conn *conn, size_t i)
{
	quic->heap[i] = conn;
	conn->place = i;
}

void quic_heap_move(struct quic_conn *conn)
{
	struct quic *quic = conn->quic;
	size_t i = conn->place, child;

	while (i > 0 && quic->heap[(i - 1) / 2]->at > conn->at) {
		place(quic, quic->heap[(i - 1) / 2], i);
		i = (i - 1) / 2;
	}
	for (;;) {
		child = 2 * i + 1;
		if (child + 1 < quic->heap_count &&
			quic->heap[child + 1]->at < quic->heap[child]->at) {
			child++;
		}
		if (child >= quic->heap_count ||
			quic->heap[child]->at >= conn->at) {
			break;
		}
		place(quic, quic->heap[child], i);
		i = child;
	}
	place(quic, conn, i);
}

void quic_heap_put(struct quic_conn *conn)
{
	conn->place = conn->quic->heap_count++;
	quic_heap_move(conn);
}

void quic_heap_remove(struct quic_conn *conn)
{
	struct quic *quic = conn->quic;
	struct quic_conn *last = quic->heap[--quic->heap_count];

	if (last != conn) {
		place(quic, last, conn->place);
		quic_heap_move(last);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Whole files: several requests under way, and what was not answered when the
 * connection broke is sent again on the next one.
 */
#include "client/lane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* In a row, without any progress. */
#define CUTS_MAX 8

/* Requests under way, oldest first; only on the connection that they were
 * sent on. Chunks of a put live until they are answered. */
struct pipeline {
	struct smb3x_file *file;
	unsigned int generation;
	struct exchange *slots[CLIENT_PIPELINE];
	size_t sizes[CLIENT_PIPELINE];
	uint8_t *chunks[CLIENT_PIPELINE];
	unsigned int first, count; /* count: of chunks */
	unsigned int sent;         /* of the chunks */
	uint64_t done;             /* answered */
	unsigned int cuts;
};

static struct client *client_of(const struct pipeline *p)
{
	return p->file->file->tree->client;
}

static unsigned int slot_of(const struct pipeline *p, unsigned int n)
{
	return (p->first + n) % CLIENT_PIPELINE;
}

/* Enters the file; what was sent on a connection that is gone is not under way
 * any more. */
static int enter(struct pipeline *p)
{
	int error = share_enter(p->file);
	if (error == 0 && p->generation != p->file->generation) {
		p->generation = p->file->generation;
		p->sent = 0;
	}
	return error;
}

/* 0 when it is to be tried again on another connection. */
static int leave(struct pipeline *p, int error)
{
	const struct lane *lane = &p->file->share->lanes[p->file->lane];
	bool cut = error < 0 && lane->client->broken;
	share_leave(p->file, error);
	/* Waiting for an answer has cost time enough to do so twice. */
	p->cuts += error == -ETIMEDOUT ? CUTS_MAX / 2 : 1;
	if (error == 0) {
		p->cuts = 0;
	}
	return cut && p->cuts < CUTS_MAX ? 0 : error;
}

static void drop_first(struct pipeline *p)
{
	exchange_end(client_of(p), p->slots[p->first]);
	p->first = slot_of(p, 1);
	p->sent--;
}

/* What is still under way when a transfer ends early. */
static void finish(struct pipeline *p)
{
	if (p->sent == 0 || enter(p) < 0) {
		return;
	}
	int error = 0;
	while (p->sent > 0) {
		if (error == 0) {
			error = exchange_wait(client_of(p), p->slots[p->first]);
		}
		drop_first(p);
	}
	share_leave(p->file, error);
}

static int fill_reads(struct pipeline *p, uint64_t end)
{
	size_t chunk = client_chunk(client_of(p), client_of(p)->max_read);
	uint64_t at = p->done;
	for (unsigned int i = 0; i < p->sent; i++) {
		at += p->sizes[slot_of(p, i)];
	}
	while (p->sent < CLIENT_PIPELINE && at < end) {
		uint64_t left = end - at;
		size_t n = left < chunk ? (size_t)left : chunk;
		unsigned int slot = slot_of(p, p->sent);
		int error = client_begin_read(
			p->file->file, at, n, &p->slots[slot]);
		if (error < 0) {
			return error;
		}
		p->sizes[slot] = n;
		p->sent++;
		at += n;
	}
	return 0;
}

/* Bytes of an answer, on their way to the sink. */
struct bytes {
	uint8_t *message;
	struct wire_view data;
};

/* A short answer is followed by reads anew. 0 bytes: the end. */
static int take_oldest(struct pipeline *p, struct bytes *ret)
{
	struct client *client = client_of(p);
	struct exchange *e = p->slots[p->first];
	size_t wanted = p->sizes[p->first];
	int error = client_finish_read(client, e, wanted, &ret->data);
	if (error == 0) {
		ret->message = e->message;
		e->message = NULL;
	}
	drop_first(p);
	while (error == 0 && ret->data.n < wanted && p->sent > 0) {
		error = exchange_wait(client, p->slots[p->first]);
		drop_first(p);
	}
	return error;
}

int share_get(struct smb3x_file *file, uint64_t size, share_sink *sink,
	share_progress *progress, void *ctx)
{
	struct pipeline p = {.file = file};
	bool more = true;
	int error = 0;
	while (error == 0 && more && p.done < size) {
		struct bytes bytes = {0};
		error = enter(&p);
		if (error < 0) {
			return error;
		}
		error = fill_reads(&p, size);
		if (error == 0) {
			error = take_oldest(&p, &bytes);
		}
		bool got = error == 0;
		error = leave(&p, error);
		if (got && bytes.data.n > 0) {
			error = sink(ctx, bytes.data.p, bytes.data.n);
			p.done += bytes.data.n;
		}
		more = !got || bytes.data.n > 0;
		free(bytes.message);
		if (got && error == 0 && progress != NULL) {
			progress(ctx, p.done);
		}
	}
	finish(&p);
	return error;
}

/* Sends what has not been sent on this connection. */
static int send_chunks(struct pipeline *p)
{
	uint64_t at = p->done;
	for (unsigned int i = 0; i < p->count; i++) {
		unsigned int slot = slot_of(p, i);
		if (i >= p->sent) {
			int error = client_begin_write(p->file->file, at,
				p->chunks[slot], p->sizes[slot],
				&p->slots[slot]);
			if (error < 0) {
				return error;
			}
			p->sent++;
		}
		at += p->sizes[slot];
	}
	return 0;
}

static int finish_oldest(struct pipeline *p)
{
	size_t done = 0;
	size_t wanted = p->sizes[p->first];
	struct client *client = client_of(p);
	int error =
		client_finish_write(client, p->slots[p->first], wanted, &done);
	if (error < 0) {
		return error;
	}
	if (done < wanted) {
		return client_complain(client, -EIO,
			"the server wrote %zu of %zu bytes", done, wanted);
	}
	drop_first(p);
	p->count--;
	p->done += wanted;
	return 0;
}

/* Until no more than `left` chunks wait for their answer. */
static int push_chunks(struct pipeline *p, unsigned int left)
{
	int error = enter(p);
	if (error < 0) {
		return error;
	}
	error = send_chunks(p);
	while (error == 0 && p->count > left) {
		error = finish_oldest(p);
	}
	return leave(p, error);
}

/* The next chunk of the source; 0: there are no more. */
static ssize_t add_chunk(
	struct pipeline *p, size_t size, share_source *source, void *ctx)
{
	unsigned int slot = slot_of(p, p->count);
	ssize_t n = source(ctx, p->chunks[slot], size);
	if (n > 0) {
		p->sizes[slot] = (size_t)n;
		p->count++;
	}
	return n;
}

static int put_all(struct pipeline *p, size_t chunk, share_source *source,
	share_progress *progress, void *ctx)
{
	ssize_t n = add_chunk(p, chunk, source, ctx);
	int error = 0;
	while (error == 0 && (n > 0 || p->count > 0)) {
		uint64_t before = p->done;
		error = push_chunks(p, n > 0 ? CLIENT_PIPELINE - 1 : 0);
		if (error == 0 && progress != NULL && p->done != before) {
			progress(ctx, p->done);
		}
		if (error == 0 && n > 0 && p->count < CLIENT_PIPELINE) {
			n = add_chunk(p, chunk, source, ctx);
		}
	}
	return error < 0 ? error : n < 0 ? (int)n : 0;
}

int share_put(struct smb3x_file *file, share_source *source,
	share_progress *progress, void *ctx)
{
	struct pipeline p = {.file = file};
	int error = enter(&p);
	if (error < 0) {
		return error;
	}
	size_t chunk = client_chunk(client_of(&p), client_of(&p)->max_write);
	share_leave(file, 0);
	for (unsigned int i = 0; i < CLIENT_PIPELINE; i++) {
		p.chunks[i] = malloc(chunk);
		error = p.chunks[i] == NULL ? -ENOMEM : error;
	}
	file->changed = true;
	if (error == 0) {
		error = put_all(&p, chunk, source, progress, ctx);
	}
	finish(&p);
	share_file_changed(file);
	for (unsigned int i = 0; i < CLIENT_PIPELINE; i++) {
		free(p.chunks[i]);
	}
	return error;
}

/* SPDX-License-Identifier: MIT */
/*
 * File data: single reads and writes, and whole transfers that keep several
 * requests under way. [MS-SMB2] 3.2.4.6, 3.2.4.7
 */
#include "client/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t chunk_of(const struct client *client, uint32_t limit)
{
	bool large =
		(client->server_capabilities & SMB2_GLOBAL_CAP_LARGE_MTU) != 0;
	size_t chunk = large ? CLIENT_CHUNK : 65536;
	return limit < chunk ? limit : chunk;
}

static int begin_read(struct client_file *file, uint64_t offset, size_t n,
	struct exchange **ret_exchange)
{
	struct smb2_read_request request = {
		.padding = 0x50,
		.length = (uint32_t)n,
		.offset = offset,
		.file_id = file->id,
	};
	return exchange_begin(file->tree->client, file->tree, SMB2_READ, n,
		&smb2_read_request_type, &request, ret_exchange);
}

/* The bytes of a finished read; n is 0 at the end of the file. */
static int finish_read(struct client *client, struct exchange *e, size_t wanted,
	struct wire_view *ret_data)
{
	int error = exchange_wait(client, e);
	if (error < 0) {
		return error;
	}
	if (client->status == STATUS_END_OF_FILE) {
		*ret_data = (struct wire_view){0};
		return 0;
	}
	error = client_errno(client->status);
	if (error < 0) {
		return error;
	}
	struct smb2_read_response reply;
	if (smb2_read_response_decode(e->pdu, &reply) < 0 ||
		reply.buffer.n > wanted) {
		return client_complain(client, -EPROTO,
			"the answer to a READ breaks its layout");
	}
	*ret_data = reply.buffer;
	return 0;
}

ssize_t client_read(
	struct client_file *file, uint64_t offset, void *ret_data, size_t n)
{
	struct client *client = file->tree->client;
	size_t most = chunk_of(client, client->max_read);
	size_t wanted = n < most ? n : most;
	struct exchange *e = NULL;
	int error = begin_read(file, offset, wanted, &e);
	if (error < 0) {
		return error;
	}
	struct wire_view data = {0};
	error = finish_read(client, e, wanted, &data);
	if (error == 0 && data.n > 0) {
		memcpy(ret_data, data.p, data.n);
	}
	exchange_end(client, e);
	return error < 0 ? error : (ssize_t)data.n;
}

static int begin_write(struct client_file *file, uint64_t offset,
	const void *data, size_t n, struct exchange **ret_exchange)
{
	struct smb2_write_request request = {
		.length = (uint32_t)n,
		.offset = offset,
		.file_id = file->id,
		.buffer = wire_view_of(data, n),
	};
	return exchange_begin(file->tree->client, file->tree, SMB2_WRITE, n,
		&smb2_write_request_type, &request, ret_exchange);
}

static int finish_write(struct client *client, struct exchange *e,
	size_t wanted, size_t *ret_done)
{
	int error = exchange_wait(client, e);
	if (error == 0) {
		error = client_errno(client->status);
	}
	if (error < 0) {
		return error;
	}
	struct smb2_write_response reply;
	if (smb2_write_response_decode(e->pdu, &reply) < 0 ||
		reply.count > wanted) {
		return client_complain(client, -EPROTO,
			"the answer to a WRITE breaks its layout");
	}
	*ret_done = reply.count;
	return 0;
}

ssize_t client_write(
	struct client_file *file, uint64_t offset, const void *data, size_t n)
{
	struct client *client = file->tree->client;
	size_t most = chunk_of(client, client->max_write);
	size_t wanted = n < most ? n : most;
	struct exchange *e = NULL;
	int error = begin_write(file, offset, data, wanted, &e);
	if (error < 0) {
		return error;
	}
	size_t done = 0;
	error = finish_write(client, e, wanted, &done);
	exchange_end(client, e);
	return error < 0 ? error : (ssize_t)done;
}

/* The requests of a transfer that are under way, oldest first. */
struct pipeline {
	struct client_file *file;
	struct exchange *slots[CLIENT_PIPELINE];
	size_t sizes[CLIENT_PIPELINE];
	unsigned int first, count;
};

static void pipeline_push(struct pipeline *p, struct exchange *e, size_t n)
{
	unsigned int at = (p->first + p->count) % CLIENT_PIPELINE;
	p->slots[at] = e;
	p->sizes[at] = n;
	p->count++;
}

static void pipeline_drop(struct pipeline *p)
{
	exchange_end(p->file->tree->client, p->slots[p->first]);
	p->first = (p->first + 1) % CLIENT_PIPELINE;
	p->count--;
}

/* Waits for what is still under way, so that the connection stays usable. */
static void pipeline_finish(struct pipeline *p)
{
	while (p->count > 0) {
		struct client *client = p->file->tree->client;
		if (exchange_wait(client, p->slots[p->first]) < 0) {
			break;
		}
		pipeline_drop(p);
	}
	while (p->count > 0) {
		pipeline_drop(p);
	}
}

static int fill_reads(
	struct pipeline *p, uint64_t *offset, uint64_t end, size_t chunk)
{
	while (p->count < CLIENT_PIPELINE && *offset < end) {
		uint64_t left = end - *offset;
		size_t n = left < chunk ? (size_t)left : chunk;
		struct exchange *e = NULL;
		int error = begin_read(p->file, *offset, n, &e);
		if (error < 0) {
			return error;
		}
		pipeline_push(p, e, n);
		*offset += n;
	}
	return 0;
}

/* What a short answer left out is read anew, in order, before going on. */
static int sink_rest(struct client_file *file, uint64_t offset, uint64_t end,
	client_sink *sink, void *ctx)
{
	uint8_t *room = malloc(CLIENT_CHUNK);
	int error = room == NULL ? -ENOMEM : 0;
	while (error == 0 && offset < end) {
		uint64_t left = end - offset;
		size_t n = left < CLIENT_CHUNK ? (size_t)left : CLIENT_CHUNK;
		ssize_t done = client_read(file, offset, room, n);
		if (done <= 0) {
			error = done == 0 ? -ENODATA : (int)done;
		} else {
			error = sink(ctx, room, (size_t)done);
			offset += (uint64_t)done;
		}
	}
	free(room);
	return error;
}

static int sink_oldest(
	struct pipeline *p, uint64_t at, client_sink *sink, void *ctx)
{
	struct client *client = p->file->tree->client;
	size_t wanted = p->sizes[p->first];
	struct wire_view data = {0};
	int error = finish_read(client, p->slots[p->first], wanted, &data);
	if (error == 0 && data.n > 0) {
		error = sink(ctx, data.p, data.n);
	}
	pipeline_drop(p);
	if (error == 0 && data.n < wanted) {
		error = sink_rest(p->file, at + data.n, at + wanted, sink, ctx);
	}
	return error;
}

int client_get(struct client_file *file, client_sink *sink,
	client_progress *progress, void *ctx)
{
	struct client *client = file->tree->client;
	struct pipeline p = {.file = file};
	size_t chunk = chunk_of(client, client->max_read);
	uint64_t end = file->stat.size;
	uint64_t asked = 0;
	uint64_t done = 0;
	int error = 0;
	while (error == 0 && done < end) {
		error = fill_reads(&p, &asked, end, chunk);
		if (error == 0) {
			size_t n = p.sizes[p.first];
			error = sink_oldest(&p, done, sink, ctx);
			done += n;
		}
		if (error == 0 && progress != NULL) {
			progress(ctx, done);
		}
	}
	pipeline_finish(&p);
	return error == -ENODATA ? 0 : error;
}

static int finish_oldest_write(struct pipeline *p)
{
	size_t done = 0;
	size_t wanted = p->sizes[p->first];
	struct client *client = p->file->tree->client;
	int error = finish_write(client, p->slots[p->first], wanted, &done);
	pipeline_drop(p);
	if (error == 0 && done < wanted) {
		error = client_complain(client, -EIO,
			"the server wrote %zu of %zu bytes", done, wanted);
	}
	return error;
}

static int put_chunk(
	struct pipeline *p, uint64_t at, const void *data, size_t n)
{
	int error = 0;
	if (p->count == CLIENT_PIPELINE) {
		error = finish_oldest_write(p);
	}
	struct exchange *e = NULL;
	if (error == 0) {
		error = begin_write(p->file, at, data, n, &e);
	}
	if (error == 0) {
		pipeline_push(p, e, n);
	}
	return error;
}

int client_put(struct client_file *file, client_source *source,
	client_progress *progress, void *ctx)
{
	struct client *client = file->tree->client;
	struct pipeline p = {.file = file};
	size_t chunk = chunk_of(client, client->max_write);
	uint8_t *room = malloc(chunk);
	uint64_t done = 0;
	ssize_t n = room == NULL ? -ENOMEM : source(ctx, room, chunk);
	int error = 0;
	while (error == 0 && n > 0) {
		error = put_chunk(&p, done, room, (size_t)n);
		done += (uint64_t)n;
		if (error == 0 && progress != NULL) {
			progress(ctx, done);
		}
		n = source(ctx, room, chunk);
	}
	while (error == 0 && p.count > 0) {
		error = finish_oldest_write(&p);
	}
	pipeline_finish(&p);
	free(room);
	return error < 0 ? error : n < 0 ? (int)n : 0;
}

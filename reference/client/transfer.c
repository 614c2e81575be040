/* SPDX-License-Identifier: MIT */
/* File data: reads and writes, one request at a time, or begun and finished
 * apart. [MS-SMB2] 3.2.4.6, 3.2.4.7 */
#include "client/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t client_chunk(const struct client *client, uint32_t limit)
{
	bool large =
		(client->server_capabilities & SMB2_GLOBAL_CAP_LARGE_MTU) != 0;
	size_t chunk = large ? CLIENT_CHUNK : 65536;
	return limit < chunk ? limit : chunk;
}

int client_begin_read(struct client_file *file, uint64_t offset, size_t n,
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

int client_finish_read(struct client *client, struct exchange *e, size_t wanted,
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
	size_t most = client_chunk(client, client->max_read);
	size_t wanted = n < most ? n : most;
	struct exchange *e = NULL;
	int error = client_begin_read(file, offset, wanted, &e);
	if (error < 0) {
		return error;
	}
	struct wire_view data = {0};
	error = client_finish_read(client, e, wanted, &data);
	if (error == 0 && data.n > 0) {
		memcpy(ret_data, data.p, data.n);
	}
	exchange_end(client, e);
	return error < 0 ? error : (ssize_t)data.n;
}

int client_begin_write(struct client_file *file, uint64_t offset,
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

int client_finish_write(struct client *client, struct exchange *e,
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
	size_t most = client_chunk(client, client->max_write);
	size_t wanted = n < most ? n : most;
	struct exchange *e = NULL;
	int error = client_begin_write(file, offset, data, wanted, &e);
	if (error < 0) {
		return error;
	}
	size_t done = 0;
	error = client_finish_write(client, e, wanted, &done);
	exchange_end(client, e);
	return error < 0 ? error : (ssize_t)done;
}

/* SPDX-License-Identifier: MIT */
/*
 * Holes: made, found, and space that is asked for. There is no request that
 * reserves blocks for certain; the allocation size is the nearest.
 * [MS-FSCC] 2.3.51, 2.3.69, 2.3.71, 2.4.4
 */
#include "client/posix.h"

#include <errno.h>
#include <string.h>

/* Ranges that are asked for at once. */
#define RANGES_MAX 64
#define RANGE_BYTES 16

static int control(struct client_file *file, uint32_t code,
	struct wire_view input, uint32_t room,
	struct smb2_ioctl_response *ret_reply, struct exchange **ret_exchange)
{
	const struct smb2_ioctl_request request = {
		.ctl_code = code,
		.file_id = file->id,
		.input_count = (uint32_t)input.n,
		.max_output_response = room,
		.flags = SMB2_0_IOCTL_IS_FSCTL,
		.input = input,
	};
	struct posix_step step = {
		.command = SMB2_IOCTL,
		.payload = input.n > room ? input.n : room,
		.type = &smb2_ioctl_request_type,
		.body = &request,
		.reply_type =
			ret_reply == NULL ? NULL : &smb2_ioctl_response_type,
		.ret_reply = ret_reply,
	};
	return posix_step(file, &step, ret_exchange);
}

int posix_zero(struct client_file *file, uint64_t first, uint64_t end)
{
	int error = control(
		file, FSCTL_SET_SPARSE, (struct wire_view){0}, 0, NULL, NULL);
	if (error < 0) {
		return error;
	}
	uint8_t range[RANGE_BYTES];
	wire_put64(range, first);
	wire_put64(range + 8, end);
	return control(file, FSCTL_SET_ZERO_DATA,
		wire_view_of(range, sizeof(range)), 0, NULL, NULL);
}

int posix_allocate(struct client_file *file, uint64_t size)
{
	uint8_t bytes[8];
	wire_put64(bytes, size);
	const struct smb2_set_info_request request = {
		.info_type = SMB2_0_INFO_FILE,
		.file_info_class = FileAllocationInformation,
		.buffer_length = sizeof(bytes),
		.file_id = file->id,
		.buffer = wire_view_of(bytes, sizeof(bytes)),
	};
	struct posix_step step = {
		.command = SMB2_SET_INFO,
		.payload = sizeof(bytes),
		.type = &smb2_set_info_request_type,
		.body = &request,
	};
	return posix_step(file, &step, NULL);
}

/* The first range with data at or behind offset; its start is `size` when
 * there is none. */
static int next_data(struct client_file *file, uint64_t offset, uint64_t size,
	uint64_t *ret_first, uint64_t *ret_end)
{
	uint8_t asked[RANGE_BYTES];
	wire_put64(asked, offset);
	wire_put64(asked + 8, size - offset);
	struct smb2_ioctl_response reply;
	struct exchange *e = NULL;
	int error = control(file, FSCTL_QUERY_ALLOCATED_RANGES,
		wire_view_of(asked, sizeof(asked)), RANGES_MAX * RANGE_BYTES,
		&reply, &e);
	if (error < 0) {
		return error;
	}
	*ret_first = size;
	*ret_end = size;
	if (reply.output.n >= RANGE_BYTES) {
		uint64_t first = wire_get64(reply.output.p);
		uint64_t n = wire_get64(reply.output.p + 8);
		if (first < size && n > 0) {
			*ret_first = first < offset ? offset : first;
			*ret_end = n > size - first ? size : first + n;
		}
	}
	exchange_end(file->tree->client, e);
	return 0;
}

int posix_seek(struct client_file *file, uint64_t offset, bool hole,
	uint64_t *ret_offset)
{
	struct smb3x_stat stat;
	int error = posix_fstat(file, &stat);
	if (error < 0) {
		return error;
	}
	if (offset >= stat.size) {
		return -ENXIO;
	}
	uint64_t first = 0;
	uint64_t end = 0;
	error = next_data(file, offset, stat.size, &first, &end);
	while (hole && error == 0 && first == offset && end > offset &&
		offset < stat.size) {
		offset = end;
		if (offset < stat.size) {
			error = next_data(
				file, offset, stat.size, &first, &end);
		}
	}
	if (error < 0) {
		return error;
	}
	if (!hole && first >= stat.size) {
		return -ENXIO;
	}
	*ret_offset = hole ? offset : first;
	return 0;
}

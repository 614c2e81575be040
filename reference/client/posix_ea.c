/* SPDX-License-Identifier: MIT */
/* Extended attributes: the list of all, and one that is set.
 * [MS-FSCC] 2.4.16; [MS-SMB2] 3.3.5.20.1 */
#include "client/posix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EA_NAME_MAX 255
#define EA_VALUE_MAX 65535

int posix_eas(struct client_tree *tree, const char *path, uint8_t **ret_list,
	size_t *ret_n)
{
	const struct posix_how how = {
		.access = FILE_READ_EA | FILE_READ_ATTRIBUTES,
		.disposition = FILE_OPEN,
	};
	const struct smb2_query_info_request request = {
		.info_type = SMB2_0_INFO_FILE,
		.file_info_class = FileFullEaInformation,
		.output_buffer_length = POSIX_INFO_BYTES,
		.file_id = posix_related,
	};
	struct smb2_query_info_response reply;
	const struct posix_step step = {
		.command = SMB2_QUERY_INFO,
		.payload = POSIX_INFO_BYTES,
		.type = &smb2_query_info_request_type,
		.body = &request,
		.reply_type = &smb2_query_info_response_type,
		.ret_reply = &reply,
	};
	struct exchange *e = NULL;
	int error = posix_call(tree, path, &how, &step, NULL, &e);
	if (tree->client->status == STATUS_NO_EAS_ON_FILE) {
		*ret_list = NULL;
		*ret_n = 0;
		return 0;
	}
	if (error < 0) {
		return error;
	}
	uint8_t *list = malloc(reply.buffer.n + 1);
	if (list != NULL && reply.buffer.n > 0) {
		memcpy(list, reply.buffer.p, reply.buffer.n);
	}
	size_t n = reply.buffer.n;
	exchange_end(tree->client, e);
	if (list == NULL) {
		return -ENOMEM;
	}
	*ret_list = list;
	*ret_n = n;
	return 0;
}

int posix_set_ea(struct client_tree *tree, const char *path, const char *name,
	const void *value, size_t n)
{
	size_t length = strlen(name);
	if (length == 0 || length > EA_NAME_MAX) {
		return length == 0 ? -EINVAL : -ERANGE;
	}
	if (n > EA_VALUE_MAX) {
		return -E2BIG;
	}
	const struct file_full_ea_information ea = {
		.ea_name_length = (uint8_t)length,
		.ea_value_length = (uint16_t)n,
		.ea_name = wire_view_of(name, length),
		.ea_value = wire_view_of(value, n),
	};
	struct wire_buf out = {
		.p = malloc(length + n + 16), .cap = length + n + 16};
	int error = out.p == NULL ? -ENOMEM
				  : file_full_ea_information_encode(&ea, &out);
	if (error == 0) {
		const struct posix_how how = {
			.access = FILE_WRITE_EA | FILE_READ_ATTRIBUTES,
			.disposition = FILE_OPEN,
		};
		const struct smb2_set_info_request request = {
			.info_type = SMB2_0_INFO_FILE,
			.file_info_class = FileFullEaInformation,
			.buffer_length = (uint32_t)out.n,
			.file_id = posix_related,
			.buffer = wire_view_of(out.p, out.n),
		};
		const struct posix_step step = {
			.command = SMB2_SET_INFO,
			.payload = out.n,
			.type = &smb2_set_info_request_type,
			.body = &request,
		};
		error = posix_call(tree, path, &how, &step, NULL, NULL);
	}
	free(out.p);
	return error;
}

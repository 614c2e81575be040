/* SPDX-License-Identifier: MIT */
/* Trees, paths on the wire, and the end of an open file. [MS-SMB2] 3.2.4.2,
 * 3.2.4.5 */
#include "client/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 65535u

/* A path as SMB has it: UTF-16LE, components separated by '\\', or by '/' in
 * POSIX opens, where '\\' belongs to a name. */
int client_encode_path(
	const char *path, bool posix, uint8_t **ret_bytes, size_t *ret_n)
{
	size_t room = strlen(path) * 2 + 2;
	uint8_t *bytes = malloc(room);
	int n = bytes == NULL ? -ENOMEM : wire_utf8_to_utf16(path, bytes, room);
	if (n < 0 || (size_t)n > NAME_MAX_BYTES) {
		free(bytes);
		return n < 0 ? n : -ENAMETOOLONG;
	}
	for (int i = 0; !posix && i < n; i += 2) {
		if (wire_get16(bytes + i) == '/') {
			wire_put16(bytes + i, '\\');
		}
	}
	*ret_bytes = bytes;
	*ret_n = (size_t)n;
	return 0;
}

int client_tree_connect(
	struct client *client, const char *share, struct client_tree **ret_tree)
{
	char unc[512];
	int length = snprintf(
		unc, sizeof(unc), "//%s/%s", client->options.host, share);
	if (length < 0 || (size_t)length >= sizeof(unc)) {
		return -ENAMETOOLONG;
	}
	uint8_t *path = NULL;
	size_t path_size = 0;
	int error = client_encode_path(unc, false, &path, &path_size);
	if (error < 0) {
		return error;
	}
	struct smb2_tree_connect_request request = {
		.path_length = (uint16_t)path_size,
		.buffer = wire_view_of(path, path_size),
	};
	struct smb2_tree_connect_response reply;
	struct exchange *e = NULL;
	error = exchange_call(client, NULL, SMB2_TREE_CONNECT, 0,
		&smb2_tree_connect_request_type, &request,
		&smb2_tree_connect_response_type, &reply, &e);
	free(path);
	if (error < 0) {
		return error;
	}
	struct client_tree *tree = calloc(1, sizeof(*tree));
	if (tree != NULL) {
		tree->client = client;
		tree->id = e->header.tree_id;
		tree->sealed =
			(reply.share_flags & SMB2_SHAREFLAG_ENCRYPT_DATA) != 0;
	}
	exchange_end(client, e);
	if (tree == NULL) {
		return -ENOMEM;
	}
	error = session_validate_negotiate(tree);
	if (error < 0) {
		free(tree);
		return error;
	}
	*ret_tree = tree;
	return 0;
}

int client_tree_close(struct client_tree *tree)
{
	struct smb2_tree_disconnect_request request = {0};
	int error = exchange_call(tree->client, tree, SMB2_TREE_DISCONNECT, 0,
		&smb2_tree_disconnect_request_type, &request, NULL, NULL, NULL);
	free(tree);
	return error;
}

int client_close(struct client_file *file)
{
	struct smb2_close_request request = {.file_id = file->id};
	int error = exchange_call(file->tree->client, file->tree, SMB2_CLOSE, 0,
		&smb2_close_request_type, &request, NULL, NULL, NULL);
	free(file);
	return error;
}

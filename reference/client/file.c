/* SPDX-License-Identifier: MIT */
/* Trees and what is done to the files of one. [MS-SMB2] 3.2.4.2 to 3.2.4.17 */
#include "client/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 65535u
#define LIST_BYTES 65536u

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

static int encode_path(const char *path, uint8_t **ret_bytes, size_t *ret_n)
{
	return client_encode_path(path, false, ret_bytes, ret_n);
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
	int error = encode_path(unc, &path, &path_size);
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

static void keep_stat(
	struct client_stat *ret_stat, const struct smb2_create_response *reply)
{
	*ret_stat = (struct client_stat){
		.create_time = reply->creation_time,
		.access_time = reply->last_access_time,
		.write_time = reply->last_write_time,
		.change_time = reply->change_time,
		.size = reply->endof_file,
		.allocation = reply->allocation_size,
		.attributes = reply->file_attributes,
	};
}

int client_open(struct client_tree *tree, const char *path,
	const struct client_how *how, struct client_file **ret_file)
{
	uint8_t *name = NULL;
	size_t name_size = 0;
	int error = encode_path(path, &name, &name_size);
	if (error < 0) {
		return error;
	}
	struct smb2_create_request request = {
		.requested_oplock_level = SMB2_OPLOCK_LEVEL_NONE,
		.impersonation_level = 2, /* Impersonation */
		.desired_access = how->access,
		.file_attributes = how->attributes,
		.share_access = how->share,
		.create_disposition = how->disposition,
		.create_options = how->options,
		.name_length = (uint16_t)name_size,
		.name = wire_view_of(name, name_size),
	};
	struct smb2_create_response reply;
	error = exchange_call(tree->client, tree, SMB2_CREATE, 0,
		&smb2_create_request_type, &request, &smb2_create_response_type,
		&reply, NULL);
	free(name);
	if (error < 0) {
		return error;
	}
	struct client_file *file = calloc(1, sizeof(*file));
	if (file == NULL) {
		return -ENOMEM;
	}
	file->tree = tree;
	file->id = reply.file_id;
	keep_stat(&file->stat, &reply);
	*ret_file = file;
	return 0;
}

int client_close(struct client_file *file)
{
	struct smb2_close_request request = {.file_id = file->id};
	int error = exchange_call(file->tree->client, file->tree, SMB2_CLOSE, 0,
		&smb2_close_request_type, &request, NULL, NULL, NULL);
	free(file);
	return error;
}

const struct client_stat *client_file_stat(const struct client_file *file)
{
	return &file->stat;
}

/* One entry of FileIdBothDirectoryInformation. */
static int tell_entry(const struct file_id_both_directory_information *info,
	client_entry *entry, void *ctx)
{
	char name[1024];
	int n = wire_utf16_to_utf8(info->file_name, name, sizeof(name) - 1);
	if (n < 0) {
		return -EPROTO;
	}
	name[n] = '\0';
	struct client_stat stat = {
		.create_time = info->creation_time,
		.access_time = info->last_access_time,
		.write_time = info->last_write_time,
		.change_time = info->change_time,
		.size = info->end_of_file,
		.allocation = info->allocation_size,
		.attributes = info->file_attributes,
	};
	return entry(ctx, name, &stat);
}

static int tell_entries(struct wire_view buffer, client_entry *entry, void *ctx)
{
	struct wire_list list =
		wire_list_of(&file_id_both_directory_information_type, buffer);
	struct file_id_both_directory_information info;
	int more = wire_list_next(&list, &info, NULL);
	while (more > 0) {
		int error = tell_entry(&info, entry, ctx);
		if (error < 0) {
			return error;
		}
		more = wire_list_next(&list, &info, NULL);
	}
	return more;
}

static int list_batch(struct client_file *directory, struct wire_view pattern,
	client_entry *entry, void *ctx)
{
	struct client *client = directory->tree->client;
	struct smb2_query_directory_request request = {
		.file_information_class = FileIdBothDirectoryInformation,
		.file_id = directory->id,
		.file_name_length = (uint16_t)pattern.n,
		.output_buffer_length = LIST_BYTES,
		.buffer = pattern,
	};
	struct smb2_query_directory_response reply;
	struct exchange *e = NULL;
	int error = exchange_call(client, directory->tree, SMB2_QUERY_DIRECTORY,
		LIST_BYTES, &smb2_query_directory_request_type, &request,
		&smb2_query_directory_response_type, &reply, &e);
	if (error < 0) {
		return error;
	}
	error = tell_entries(reply.buffer, entry, ctx);
	exchange_end(client, e);
	return error;
}

int client_list(struct client_file *directory, const char *pattern,
	client_entry *entry, void *ctx)
{
	uint8_t *name = NULL;
	size_t name_size = 0;
	int error = encode_path(pattern, &name, &name_size);
	while (error == 0) {
		error = list_batch(
			directory, wire_view_of(name, name_size), entry, ctx);
	}
	free(name);
	uint32_t status = directory->tree->client->status;
	return status == STATUS_NO_MORE_FILES ? 0 : error;
}

int client_stat(struct client_tree *tree, const char *path,
	struct client_stat *ret_stat)
{
	const struct client_how how = {
		.access = FILE_READ_ATTRIBUTES,
		.share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
		.disposition = FILE_OPEN,
	};
	struct client_file *file = NULL;
	int error = client_open(tree, path, &how, &file);
	if (error < 0) {
		return error;
	}
	*ret_stat = file->stat;
	return client_close(file);
}

int client_mkdir(struct client_tree *tree, const char *path)
{
	const struct client_how how = {
		.access = FILE_READ_ATTRIBUTES,
		.share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
		.disposition = FILE_CREATE,
		.options = FILE_DIRECTORY_FILE,
		.attributes = FILE_ATTRIBUTE_DIRECTORY,
	};
	struct client_file *file = NULL;
	int error = client_open(tree, path, &how, &file);
	return error < 0 ? error : client_close(file);
}

static int set_file_info(
	struct client_file *file, uint8_t info_class, struct wire_view info)
{
	struct smb2_set_info_request request = {
		.info_type = SMB2_0_INFO_FILE,
		.file_info_class = info_class,
		.buffer_length = (uint32_t)info.n,
		.file_id = file->id,
		.buffer = info,
	};
	return exchange_call(file->tree->client, file->tree, SMB2_SET_INFO,
		info.n, &smb2_set_info_request_type, &request, NULL, NULL,
		NULL);
}

int client_remove(struct client_tree *tree, const char *path, bool directory)
{
	const struct client_how how = {
		.access = DELETE,
		.share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
		.disposition = FILE_OPEN,
		.options = FILE_OPEN_REPARSE_POINT |
			   (directory ? FILE_DIRECTORY_FILE
				      : FILE_NON_DIRECTORY_FILE),
	};
	struct client_file *file = NULL;
	int error = client_open(tree, path, &how, &file);
	if (error < 0) {
		return error;
	}
	const uint8_t pending = 1;
	error = set_file_info(
		file, FileDispositionInformation, wire_view_of(&pending, 1));
	int closing = client_close(file);
	return error < 0 ? error : closing;
}

/* FileRenameInformation for SMB2: [MS-FSCC] 2.4.43.2 */
static int rename_open(struct client_file *file, const char *to, bool replace)
{
	uint8_t *name = NULL;
	size_t name_size = 0;
	int error = encode_path(to, &name, &name_size);
	if (error < 0) {
		return error;
	}
	struct file_rename_information info = {
		.replace_if_exists = replace,
		.file_name_length = (uint32_t)name_size,
		.file_name = wire_view_of(name, name_size),
	};
	size_t room = name_size + 64;
	struct wire_buf out = {.p = malloc(room), .cap = room};
	error = out.p == NULL ? -ENOMEM
			      : file_rename_information_encode(&info, &out);
	if (error == 0) {
		error = set_file_info(file, FileRenameInformation,
			wire_view_of(out.p, out.n));
	}
	free(out.p);
	free(name);
	return error;
}

int client_rename(struct client_tree *tree, const char *from, const char *to,
	bool replace)
{
	const struct client_how how = {
		.access = DELETE | FILE_READ_ATTRIBUTES,
		.share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
		.disposition = FILE_OPEN,
		.options = FILE_OPEN_REPARSE_POINT,
	};
	struct client_file *file = NULL;
	int error = client_open(tree, from, &how, &file);
	if (error < 0) {
		return error;
	}
	error = rename_open(file, to, replace);
	int closing = client_close(file);
	return error < 0 ? error : closing;
}

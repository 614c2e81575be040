/* SPDX-License-Identifier: MIT */
/*
 * Directories with the attributes of their entries: class 0x64, or
 * FileIdBothDirectoryInformation where the server cannot.
 * POSIX-FSCC 2.2.1; [MS-SMB2] 3.2.4.17
 */
#include "client/posix.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define LIST_BYTES 262144u
#define NAME_ROOM 1024

/* What one listing needs on its way. */
struct listing {
	struct client_file *file;
	posix_entry *entry;
	void *ctx;
	bool posix; /* class 0x64 */
};

/* Names that cannot be one are left out, whatever the server means. */
static int tell(struct listing *l, struct wire_view utf16,
	const struct smb3x_stat *stat)
{
	char name[NAME_ROOM];
	int n = wire_utf16_to_utf8(utf16, name, sizeof(name) - 1);
	if (n < 0 || !path_is_name(name, (size_t)n)) {
		return 0;
	}
	name[n] = '\0';
	return l->entry(l->ctx, name, stat);
}

static int tell_posix(struct listing *l, struct wire_view buffer)
{
	struct wire_list list =
		wire_list_of(&file_posix_directory_information_type, buffer);
	struct file_posix_directory_information info;
	int more = wire_list_next(&list, &info, NULL);
	while (more > 0) {
		const struct file_posix_information attributes = {
			info.creation_time, info.last_access_time,
			info.last_write_time, info.change_time,
			info.end_of_file, info.allocation_size,
			info.file_attributes, info.inode, info.device, 0,
			info.number_of_links, info.reparse_tag, info.posix_mode,
			info.owner_sid, info.group_sid};
		struct smb3x_stat stat;
		int error = posix_stat_of_info(&attributes, &stat);
		if (error == 0) {
			error = tell(l, info.file_name, &stat);
		}
		if (error < 0) {
			return error;
		}
		more = wire_list_next(&list, &info, NULL);
	}
	return more < 0 ? -EPROTO : 0;
}

/* EaSize holds the reparse tag of a reparse point. [MS-FSCC] 2.4.17 */
static void keep_tag(uint32_t tag, struct smb3x_stat *stat)
{
	if ((stat->attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0) {
		stat->reparse_tag = tag;
		if (tag == IO_REPARSE_TAG_SYMLINK) {
			stat->mode = S_IFLNK | 0777;
		}
	}
}

static int tell_plain(struct listing *l, struct wire_view buffer)
{
	struct wire_list list =
		wire_list_of(&file_id_both_directory_information_type, buffer);
	struct file_id_both_directory_information info;
	int more = wire_list_next(&list, &info, NULL);
	while (more > 0) {
		const struct client_stat basic = {info.creation_time,
			info.last_access_time, info.last_write_time,
			info.change_time, info.end_of_file,
			info.allocation_size, info.file_attributes};
		struct smb3x_stat stat;
		posix_stat_of_basic(&basic, &stat);
		keep_tag(info.ea_size, &stat);
		int error = tell(l, info.file_name, &stat);
		if (error < 0) {
			return error;
		}
		more = wire_list_next(&list, &info, NULL);
	}
	return more < 0 ? -EPROTO : 0;
}

static int list_batch(struct listing *l, bool restart)
{
	static const uint8_t star[] = {'*', 0};
	const struct client *client = l->file->tree->client;
	uint32_t room = client->max_transact < LIST_BYTES ? client->max_transact
							  : LIST_BYTES;
	const struct smb2_query_directory_request request = {
		.file_information_class =
			l->posix ? FilePosixInformation
				 : FileIdBothDirectoryInformation,
		.flags = restart ? SMB2_RESTART_SCANS : 0,
		.file_id = l->file->id,
		.file_name_length = sizeof(star),
		.output_buffer_length = room,
		.buffer = wire_view_of(star, sizeof(star)),
	};
	struct smb2_query_directory_response reply;
	struct posix_step step = {
		.command = SMB2_QUERY_DIRECTORY,
		.payload = room,
		.type = &smb2_query_directory_request_type,
		.body = &request,
		.reply_type = &smb2_query_directory_response_type,
		.ret_reply = &reply,
	};
	struct exchange *e = NULL;
	int error = posix_step(l->file, &step, &e);
	if (error < 0) {
		return error;
	}
	error = reply.buffer.n == 0 ? -EPROTO
		: l->posix          ? tell_posix(l, reply.buffer)
				    : tell_plain(l, reply.buffer);
	exchange_end(l->file->tree->client, e);
	return error == -EPROTO
		       ? client_complain(l->file->tree->client, -EPROTO,
				 "a listing breaks its layout")
		       : error;
}

static int list_open(struct listing *l)
{
	const struct client *client = l->file->tree->client;
	int error = list_batch(l, true);
	/* Samba ends a listing at a special file it cannot tell; what was told
	 * before comes again, so that nothing may have been. */
	if (client->status == STATUS_REPARSE_POINT_NOT_RESOLVED && l->posix) {
		l->posix = false;
		error = list_batch(l, true);
	}
	while (error == 0) {
		error = list_batch(l, false);
	}
	uint32_t status = client->status;
	return status == STATUS_NO_MORE_FILES || status == STATUS_NO_SUCH_FILE
		       ? 0
		       : error;
}

int posix_list_file(struct client_file *file, posix_entry *entry, void *ctx)
{
	struct listing l = {.file = file,
		.entry = entry,
		.ctx = ctx,
		.posix = file->tree->posix};
	return list_open(&l);
}

int posix_list(struct client_tree *tree, const char *path, posix_entry *entry,
	void *ctx)
{
	const struct posix_how how = {
		.access = FILE_READ_DATA | FILE_READ_ATTRIBUTES,
		.disposition = FILE_OPEN,
		.options = FILE_DIRECTORY_FILE,
	};
	struct client_file *file = NULL;
	int error = posix_open(tree, path, &how, &file);
	if (error < 0) {
		return error;
	}
	error = posix_list_file(file, entry, ctx);
	uint32_t status = tree->client->status;
	int closing = client_close(file);
	if (error < 0) {
		tree->client->status = status;
	}
	return error < 0 ? error : closing;
}

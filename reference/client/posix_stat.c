/* SPDX-License-Identifier: MIT */
/*
 * Attributes: what a POSIX program sees of a file, out of class 0x64, out of
 * the context of a CREATE, or out of plain attributes where the server has no
 * extensions. POSIX-FSCC 2.1, 2.2.1, 2.3.1; [MS-DTYP] 2.4.2
 */
#include "client/posix.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* 1601 to 1970 in units of 100 ns. */
#define FILETIME_EPOCH 116444736000000000ULL
#define FILETIME_SECOND 10000000ULL
#define SUB_AUTHORITIES_MAX 15
/* Kinds of NFS and UNIX SIDs: S-1-22-KIND-id, S-1-5-88-KIND-id. */
#define KIND_USER 1
#define KIND_GROUP 2
#define AUTHORITY_UNIX 22
#define AUTHORITY_NT 5
#define NT_NFS 88

uint32_t posix_mode_of(uint32_t wire_mode)
{
	static const uint32_t types[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR,
		S_IFBLK, S_IFIFO, S_IFSOCK, 0};
	return types[wire_mode >> 12 & 7] | (wire_mode & 07777);
}

struct timespec posix_timespec(uint64_t filetime)
{
	int64_t ticks = filetime > INT64_MAX
				? 0
				: (int64_t)filetime - (int64_t)FILETIME_EPOCH;
	int64_t seconds = ticks / (int64_t)FILETIME_SECOND;
	int64_t rest = ticks % (int64_t)FILETIME_SECOND;
	if (rest < 0) {
		rest += (int64_t)FILETIME_SECOND;
		seconds--;
	}
	return (struct timespec){
		.tv_sec = (time_t)seconds, .tv_nsec = (long)rest * 100};
}

uint64_t posix_filetime(const struct timespec *time)
{
	const int64_t first = -(int64_t)(FILETIME_EPOCH / FILETIME_SECOND);
	const int64_t last = INT64_MAX / (int64_t)FILETIME_SECOND + first - 1;
	int64_t seconds = time->tv_sec;
	seconds = seconds < first ? first : seconds > last ? last : seconds;
	uint64_t ticks = (uint64_t)(seconds - first) * FILETIME_SECOND +
			 (uint64_t)time->tv_nsec / 100;
	/* 0 would mean: leave it. */
	return ticks == 0 ? 1 : ticks;
}

/* A SID, taken apart and bounded. */
struct sid_parts {
	uint64_t authority;
	uint32_t sub[SUB_AUTHORITIES_MAX];
	unsigned int count;
};

static int sid_split(struct wire_view bytes, struct sid_parts *ret_parts)
{
	struct sid sid;
	if (sid_decode(bytes, &sid) < 0 ||
		sid.sub_authority_count > SUB_AUTHORITIES_MAX) {
		return -EPROTO;
	}
	*ret_parts = (struct sid_parts){.count = sid.sub_authority_count};
	for (unsigned int i = 0; i < 6; i++) {
		ret_parts->authority =
			ret_parts->authority << 8 | sid.identifier_authority[i];
	}
	for (unsigned int i = 0; i < ret_parts->count; i++) {
		ret_parts->sub[i] = wire_get32(sid.sub_authority.p + 4 * i);
	}
	return 0;
}

int posix_sid_text(struct wire_view sid, char *ret_text, size_t size)
{
	struct sid_parts parts;
	if (sid_split(sid, &parts) < 0) {
		return -EPROTO;
	}
	int n = snprintf(ret_text, size, "S-1-%" PRIu64, parts.authority);
	for (unsigned int i = 0; i < parts.count && (size_t)n < size; i++) {
		n += snprintf(ret_text + n, size - (size_t)n, "-%" PRIu32,
			parts.sub[i]);
	}
	return (size_t)n < size ? 0 : -EPROTO;
}

/* The number in S-1-22-kind-id or S-1-5-88-kind-id. */
static bool sid_number(
	const struct sid_parts *p, uint32_t kind, uint32_t *ret_id)
{
	bool is_unix = p->authority == AUTHORITY_UNIX && p->count == 2 &&
		       p->sub[0] == kind;
	bool is_nfs = p->authority == AUTHORITY_NT && p->count == 3 &&
		      p->sub[0] == NT_NFS && p->sub[1] == kind;
	if (!is_unix && !is_nfs) {
		return false;
	}
	*ret_id = p->sub[p->count - 1];
	return *ret_id != UINT32_MAX;
}

struct wire_view posix_sid_put(uint32_t kind, uint32_t id, uint8_t room[16])
{
	static const uint8_t head[] = {1, 2, 0, 0, 0, 0, 0, AUTHORITY_UNIX};
	memcpy(room, head, sizeof(head));
	wire_put32(room + 8, kind);
	wire_put32(room + 12, id);
	return wire_view_of(room, 16);
}

static int keep_owners(
	struct wire_view owner, struct wire_view group, struct smb3x_stat *stat)
{
	struct sid_parts user, users;
	if (sid_split(owner, &user) < 0 || sid_split(group, &users) < 0 ||
		posix_sid_text(owner, stat->owner, sizeof(stat->owner)) < 0 ||
		posix_sid_text(group, stat->group, sizeof(stat->group)) < 0) {
		return -EPROTO;
	}
	stat->uid_known = sid_number(&user, KIND_USER, &stat->uid);
	stat->gid_known = sid_number(&users, KIND_GROUP, &stat->gid);
	return 0;
}

void posix_stat_of_basic(
	const struct client_stat *basic, struct smb3x_stat *ret_stat)
{
	bool directory = (basic->attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
	bool readonly = (basic->attributes & FILE_ATTRIBUTE_READONLY) != 0;
	uint32_t mode = directory  ? S_IFDIR | 0755
			: readonly ? S_IFREG | 0444
				   : S_IFREG | 0644;
	*ret_stat = (struct smb3x_stat){
		.mode = mode,
		.nlink = 1,
		.size = directory ? 0 : basic->size,
		.allocated = basic->allocation,
		.attributes = basic->attributes,
		.atime = posix_timespec(basic->access_time),
		.mtime = posix_timespec(basic->write_time),
		.ctime = posix_timespec(basic->change_time),
		.btime = posix_timespec(basic->create_time),
	};
}

/* Samba tells a stored reparse point as a regular file there: the tag says
 * more than the type. */
static uint32_t type_of_tag(uint32_t tag, uint32_t mode)
{
	if (!S_ISREG(mode)) {
		return mode;
	}
	uint32_t type = tag == IO_REPARSE_TAG_SYMLINK ||
					tag == IO_REPARSE_TAG_LX_SYMLINK
				? S_IFLNK
			: tag == IO_REPARSE_TAG_AF_UNIX ? S_IFSOCK
			: tag == IO_REPARSE_TAG_LX_FIFO ? S_IFIFO
			: tag == IO_REPARSE_TAG_LX_CHR  ? S_IFCHR
			: tag == IO_REPARSE_TAG_LX_BLK  ? S_IFBLK
							: S_IFREG;
	return type | (mode & 07777);
}

void posix_stat_of_create(const struct smb2_create_posix_response *context,
	struct smb3x_stat *stat)
{
	stat->nlink = context->number_of_links;
	stat->reparse_tag = context->reparse_tag;
	stat->mode = type_of_tag(
		context->reparse_tag, posix_mode_of(context->posix_mode));
	struct smb3x_stat owners = {0};
	if (keep_owners(context->owner_sid, context->group_sid, &owners) < 0) {
		return; /* owners that are none stay unknown */
	}
	stat->uid = owners.uid;
	stat->gid = owners.gid;
	stat->uid_known = owners.uid_known;
	stat->gid_known = owners.gid_known;
	memcpy(stat->owner, owners.owner, sizeof(stat->owner));
	memcpy(stat->group, owners.group, sizeof(stat->group));
}

int posix_stat_of_info(
	const struct file_posix_information *info, struct smb3x_stat *ret_stat)
{
	*ret_stat = (struct smb3x_stat){
		.mode = type_of_tag(
			info->reparse_tag, posix_mode_of(info->posix_mode)),
		.nlink = info->number_of_links,
		.has_inode = true,
		.inode = info->inode,
		.device = info->device,
		.size = info->end_of_file,
		.allocated = info->allocation_size,
		.attributes = info->file_attributes,
		.reparse_tag = info->reparse_tag,
		.atime = posix_timespec(info->last_access_time),
		.mtime = posix_timespec(info->last_write_time),
		.ctime = posix_timespec(info->change_time),
		.btime = posix_timespec(info->creation_time),
	};
	if (info->end_of_file > INT64_MAX ||
		info->allocation_size > INT64_MAX) {
		return -EPROTO;
	}
	return keep_owners(info->owner_sid, info->group_sid, ret_stat);
}

/* One QUERY_INFO on the file of a chain. */
static struct smb2_query_info_request query_of(
	uint8_t type, uint8_t class, uint32_t room)
{
	return (struct smb2_query_info_request){
		.info_type = type,
		.file_info_class = class,
		.output_buffer_length = room,
		.file_id = posix_related,
	};
}

static int take_info(struct client *client,
	const struct smb2_query_info_response *reply, struct smb3x_stat *stat)
{
	struct file_posix_information info;
	if (file_posix_information_decode(reply->buffer, &info) < 0 ||
		posix_stat_of_info(&info, stat) < 0) {
		client->status = 0;
		return client_complain(client, -EPROTO,
			"the POSIX attributes of a file break their layout");
	}
	return 0;
}

static int take_query(struct client *client, void *ctx)
{
	struct posix_stat_query *query = ctx;
	return take_info(client, &query->reply, &query->stat);
}

void posix_stat_query(struct posix_stat_query *ret_query)
{
	*ret_query = (struct posix_stat_query){
		.request = query_of(SMB2_0_INFO_FILE, FilePosixInformation,
			POSIX_INFO_BYTES),
		.step = {SMB2_QUERY_INFO, POSIX_INFO_BYTES,
			&smb2_query_info_request_type, &ret_query->request,
			&smb2_query_info_response_type, &ret_query->reply,
			take_query, ret_query},
	};
}

/* Without the extensions: FILE_ALL_INFORMATION would tell little more. */
static int plain_lstat(struct client_tree *tree, const char *path,
	const struct posix_how *how, struct smb3x_stat *ret_stat)
{
	return posix_call(tree, path, how, NULL, ret_stat, NULL);
}

int posix_lstat(struct client_tree *tree, const char *path, bool follow,
	struct smb3x_stat *ret_stat)
{
	const struct posix_how how = {
		.access = FILE_READ_ATTRIBUTES,
		.disposition = FILE_OPEN,
		.options = follow ? 0 : FILE_OPEN_REPARSE_POINT,
	};
	if (!tree->posix) {
		return plain_lstat(tree, path, &how, ret_stat);
	}
	struct posix_stat_query query;
	posix_stat_query(&query);
	int error = posix_call(tree, path, &how, &query.step, NULL, NULL);
	if (tree->client->status == STATUS_REPARSE_POINT_NOT_RESOLVED) {
		/* Samba on some special files; the CREATE tells nearly all. */
		return plain_lstat(tree, path, &how, ret_stat);
	}
	if (error == 0) {
		*ret_stat = query.stat;
	}
	return error;
}

static int take_network_open(struct client *client, void *ctx)
{
	struct posix_stat_query *query = ctx;
	struct file_network_open_information info;
	if (file_network_open_information_decode(query->reply.buffer, &info) <
		0) {
		client->status = 0;
		return client_complain(client, -EPROTO,
			"the attributes of a file break their layout");
	}
	const struct client_stat basic = {info.creation_time,
		info.last_access_time, info.last_write_time, info.change_time,
		info.end_of_file, info.allocation_size, info.file_attributes};
	posix_stat_of_basic(&basic, &query->stat);
	return 0;
}

int posix_fstat(struct client_file *file, struct smb3x_stat *ret_stat)
{
	struct posix_stat_query query;
	posix_stat_query(&query);
	query.request.file_id = file->id;
	if (!file->posix) {
		query.request.file_info_class = FileNetworkOpenInformation;
		query.request.output_buffer_length = 56;
		query.step.payload = 56;
		query.step.take = take_network_open;
	}
	int error = posix_step(file, &query.step, NULL);
	if (error == 0) {
		*ret_stat = query.stat;
	}
	return error;
}

static int take_fs_posix(struct wire_view bytes, struct smb3x_statvfs *ret)
{
	struct file_fs_posix_information info;
	if (file_fs_posix_information_decode(bytes, &info) < 0 ||
		info.block_size == 0) {
		return -EPROTO;
	}
	*ret = (struct smb3x_statvfs){
		.block_size = info.block_size,
		.transfer_size = info.optimal_transfer_size,
		.blocks = info.total_blocks,
		.blocks_free = info.blocks_available,
		.blocks_available = info.user_blocks_available == UINT64_MAX
					    ? info.blocks_available
					    : info.user_blocks_available,
		.files = info.total_file_nodes,
		.files_free = info.free_file_nodes,
		.fsid = info.fs_identifier,
		.name_max = PATH_COMPONENT_MAX,
	};
	return 0;
}

static int take_fs_size(struct wire_view bytes, struct smb3x_statvfs *ret)
{
	struct file_fs_full_size_information info;
	if (file_fs_full_size_information_decode(bytes, &info) < 0) {
		return -EPROTO;
	}
	uint64_t unit = (uint64_t)info.sectors_per_allocation_unit *
			info.bytes_per_sector;
	*ret = (struct smb3x_statvfs){
		.block_size = unit,
		.transfer_size = unit,
		.blocks = info.total_allocation_units,
		.blocks_free = info.actual_available_allocation_units,
		.blocks_available = info.caller_available_allocation_units,
		.files = UINT64_MAX,
		.files_free = UINT64_MAX,
		.name_max = PATH_COMPONENT_MAX,
	};
	return unit == 0 ? -EPROTO : 0;
}

int posix_statvfs(struct client_tree *tree, struct smb3x_statvfs *ret)
{
	const struct posix_how how = {
		.access = FILE_READ_ATTRIBUTES,
		.disposition = FILE_OPEN,
	};
	const struct smb2_query_info_request request =
		query_of(SMB2_0_INFO_FILESYSTEM,
			tree->posix ? FileFsPosixInformation
				    : FileFsFullSizeInformation,
			64);
	struct smb2_query_info_response reply;
	const struct posix_step step = {
		.command = SMB2_QUERY_INFO,
		.payload = 64,
		.type = &smb2_query_info_request_type,
		.body = &request,
		.reply_type = &smb2_query_info_response_type,
		.ret_reply = &reply,
	};
	struct exchange *e = NULL;
	int error = posix_call(tree, "", &how, &step, NULL, &e);
	if (error < 0) {
		return error;
	}
	struct smb3x_statvfs told = {0};
	error = tree->posix ? take_fs_posix(reply.buffer, &told)
			    : take_fs_size(reply.buffer, &told);
	exchange_end(tree->client, e);
	if (error < 0) {
		return client_complain(tree->client, error,
			"what the server told of its file system breaks its "
			"layout");
	}
	*ret = told;
	return 0;
}

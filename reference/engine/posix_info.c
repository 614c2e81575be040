/* SPDX-License-Identifier: MIT */
/*
 * Information class 0x64 in its three shapes: of a file, of a directory entry
 * and of the file system. spec/posix.adoc, POSIX-FSCC 2.2.1, 2.3.1
 */
#include <string.h>
#include <sys/stat.h>

#include "engine/fileops.h"
#include "engine/posix.h"

#define POSIX_INFO_FIXED 80
#define POSIX_FS_FIXED 56

uint32_t posix_info_check(const struct request *req, uint32_t limit)
{
	bool like_ksmbd =
		posix_like(req->tree) == POSIX_LIKE_KSMBD && req->conn->posix;

	if (!posix_applies(req) && RULE(PSX_INFO_0003) && !like_ksmbd) {
		return posix_like(req->tree) == POSIX_LIKE_SAMBA
			       ? STATUS_INVALID_LEVEL
			       : STATUS_INVALID_INFO_CLASS;
	}
	if (!(req->open->granted_access & FILE_READ_ATTRIBUTES) &&
		!RULE(PSX_INFO_0005)) {
		return STATUS_ACCESS_DENIED;
	}
	if (limit < POSIX_INFO_FIXED) {
		return RULE(PSX_INFO_0008) ? STATUS_INFO_LENGTH_MISMATCH
					   : STATUS_BUFFER_TOO_SMALL;
	}
	return limit < posix_entry_size() - 12 && !RULE(PSX_INFO_0009)
		       ? STATUS_INFO_LENGTH_MISMATCH
		       : STATUS_SUCCESS;
}

/* FileAttributes of class 0x64. */
static uint32_t info_attributes(const struct files_stat *stat)
{
	uint32_t attributes = attributes_to_wire(stat);

	if (posix_is_special(stat) && !RULE(PSX_LINK_0029)) {
		attributes &= ~FILE_ATTRIBUTE_REPARSE_POINT;
	}
	if (!RULE(PSX_INFO_0022)) {
		attributes ^= FILE_ATTRIBUTE_DIRECTORY;
	}
	return attributes;
}

/* What broken rules tell of links and special files, and of numbers. */
static void info_spoil(
	const struct files_stat *stat, struct file_posix_information *info)
{
	if (S_ISLNK(stat->mode) && !RULE(PSX_LINK_0030)) {
		info->end_of_file = 0;
	}
	if (posix_is_special(stat) && !RULE(PSX_LINK_0036)) {
		info->posix_mode |= 0777;
	}
	if ((S_ISCHR(stat->mode) || S_ISBLK(stat->mode)) &&
		!RULE(PSX_INFO_0019)) {
		info->device++;
	}
	if (!RULE(PSX_INFO_0018)) {
		info->inode &= ~0xffull;
	}
	if (!(stat->mode & 0222) && !RULE(PSX_INFO_0020)) {
		info->file_attributes |= FILE_ATTRIBUTE_READONLY;
	}
}

/* What the class tells, in a query and in a listing. */
static struct file_posix_information info_of(const struct files_stat *stat)
{
	struct file_posix_information info = {
		.creation_time = stat->create_time,
		.last_access_time = stat->access_time,
		.last_write_time = stat->write_time,
		.change_time = stat->change_time,
		.end_of_file = stat->directory ? 0 : stat->size,
		.allocation_size = stat->directory ? 0 : stat->allocation,
		.file_attributes = info_attributes(stat),
		.inode = RULE(PSX_INFO_0016) ? stat->inode : stat->inode + 1,
		.device = (uint32_t)stat->device,
		.reserved = RULE(PSX_INFO_0012) ? 0 : 1,
		.number_of_links =
			RULE(PSX_INFO_0014) ? stat->nlink : stat->nlink + 1,
		.reparse_tag = stat->reparse_tag,
		.posix_mode = posix_mode(stat),
	};

	info_spoil(stat, &info);
	if (!RULE(PSX_INFO_0013)) {
		info.end_of_file = stat->allocation + 1;
	}
	if (!RULE(PSX_INFO_0015)) {
		info.posix_mode &= 0777;
	}
	return info;
}

static void info_of_open(
	const struct open *open, struct file_posix_information *info)
{
	const char *slash = strrchr(open->link->path, '/');
	const char *name = slash ? slash + 1 : open->link->path;

	if (!RULE(PSX_HARDLINK_0003)) {
		info->number_of_links = open->nlink;
	}
	if (open->link->gone && !RULE(PSX_DELETE_0021)) {
		info->number_of_links++;
	}
	if (name[0] && !RULE(PSX_INFO_0017)) {
		info->inode += (uint8_t)name[strlen(name) - 1];
	}
	if (name[0] == '.' && !RULE(PSX_INFO_0021)) {
		info->file_attributes |= FILE_ATTRIBUTE_HIDDEN;
	}
	if (open->written && !RULE(PSX_TIME_0003)) {
		info->last_write_time = open->write_time;
	}
	if (open->written && open->set_write_time && !RULE(PSX_TIME_0004)) {
		info->last_write_time = open->set_write_time;
	}
	if (!RULE(PSX_TIME_0005)) {
		info->change_time = info->last_write_time;
	}
}

int posix_info_encode(const struct open *open, const struct files_stat *stat,
	struct wire_buf *out)
{
	struct sid_bytes owner, group;
	struct file_posix_information info = info_of(stat);

	info_of_open(open, &info);
	posix_sids(stat, &owner, &group);
	info.owner_sid = wire_view_of(owner.b, owner.n);
	info.group_sid = wire_view_of(group.b, group.n);
	if (file_posix_information_encode(&info, out) < 0) {
		return -1;
	}
	if (!RULE(PSX_INFO_0007)) {
		wire_buf_zero(out, 4);
	}
	return 0;
}

/* NextEntryOffset and FileIndex before, FileNameLength behind. */
size_t posix_entry_size(void)
{
	struct sid_bytes owner, group;

	posix_sids(&(struct files_stat){.inode = 1}, &owner, &group);
	return 8 + 80 + owner.n + group.n + 4;
}

int posix_entry_encode(const struct files_stat *stat, struct wire_view name,
	struct wire_buf *out)
{
	struct sid_bytes owner, group;
	struct file_posix_information info = info_of(stat);
	struct file_posix_directory_information entry = {
		.creation_time = info.creation_time,
		.last_access_time = info.last_access_time,
		.last_write_time = info.last_write_time,
		.change_time = info.change_time,
		.end_of_file = info.end_of_file,
		.allocation_size = info.allocation_size,
		.file_attributes = info.file_attributes,
		.inode = info.inode,
		.device = info.device,
		.reserved = info.reserved,
		.number_of_links = info.number_of_links,
		.reparse_tag = info.reparse_tag,
		.posix_mode = info.posix_mode,
		.file_name = name,
	};

	if (!RULE(PSX_INFO_0023)) {
		entry.posix_mode &= ~POSIX_MODE_ALL | 0777;
		entry.change_time = entry.creation_time;
	}
	posix_sids(stat, &owner, &group);
	entry.owner_sid = wire_view_of(owner.b, owner.n);
	entry.group_sid = wire_view_of(group.b, group.n);
	if (file_posix_directory_information_encode(&entry, out) < 0) {
		return -1;
	}
	if (!RULE(PSX_INFO_0010)) {
		wire_buf_zero(out, 2);
	}
	return 0;
}

uint32_t posix_fs_check(const struct request *req, uint32_t limit)
{
	bool like_ksmbd =
		posix_like(req->tree) == POSIX_LIKE_KSMBD && req->conn->posix;

	if (!posix_applies(req) && RULE(PSX_FS_0002) && !like_ksmbd) {
		return STATUS_INVALID_INFO_CLASS;
	}
	return limit < POSIX_FS_FIXED && RULE(PSX_FS_0003)
		       ? STATUS_INFO_LENGTH_MISMATCH
		       : STATUS_SUCCESS;
}

static void fs_spoil(
	const struct request *req, struct file_fs_posix_information *info)
{
	if (!RULE(PSX_FS_0004)) {
		info->total_blocks *= 2;
	}
	if (!RULE(PSX_FS_0005)) {
		info->optimal_transfer_size = 0;
	}
	if (!RULE(PSX_FS_0006)) {
		info->blocks_available = info->total_blocks + 1;
	}
	if (!RULE(PSX_FS_0007)) {
		info->free_file_nodes = info->total_file_nodes + 1;
	}
	if (!RULE(PSX_FS_0008)) {
		info->fs_identifier = 0;
	}
	if (posix_like(req->tree) == POSIX_LIKE_KSMBD) {
		info->block_size = info->optimal_transfer_size;
		info->fs_identifier = 0;
	}
}

int posix_fs_encode(const struct request *req, const struct files_fs *fs,
	struct wire_buf *out)
{
	struct file_fs_posix_information info = {
		.optimal_transfer_size = fs->transfer_size,
		.block_size = fs->block_size,
		.total_blocks = fs->blocks,
		.blocks_available = fs->blocks_free,
		.user_blocks_available = fs->blocks_available,
		.total_file_nodes = fs->files,
		.free_file_nodes = fs->files_free,
		.fs_identifier = fs->fsid,
	};

	fs_spoil(req, &info);
	if (file_fs_posix_information_encode(&info, out) < 0) {
		return -1;
	}
	if (!RULE(PSX_FS_0001)) {
		wire_buf_zero(out, 8);
	}
	return 0;
}

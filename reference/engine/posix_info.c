/* SPDX-License-Identifier: MIT */
/*
 * Information class 0x64 in its three shapes: of a file, of a directory entry
 * and of the file system. spec/posix.adoc, POSIX-FSCC 2.2.1, 2.3.1
 */
#include "engine/fileops.h"
#include "engine/posix.h"

int posix_info_encode(const struct files_stat *stat, struct wire_buf *out)
{
	struct sid_bytes owner, group;
	struct file_posix_information info = {
		.creation_time = stat->create_time,
		.last_access_time = stat->access_time,
		.last_write_time = stat->write_time,
		.change_time = stat->change_time,
		.end_of_file = stat->directory ? 0 : stat->size,
		.allocation_size = stat->directory ? 0 : stat->allocation,
		.file_attributes = attributes_to_wire(stat),
		.inode = stat->inode,
		.device = (uint32_t)stat->device,
		.number_of_links = stat->nlink,
		.reparse_tag = stat->reparse_tag,
		.posix_mode = posix_mode(stat),
	};

	posix_sids(stat, &owner, &group);
	info.owner_sid = wire_view_of(owner.b, owner.n);
	info.group_sid = wire_view_of(group.b, group.n);
	return file_posix_information_encode(&info, out);
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
	struct file_posix_directory_information entry = {
		.creation_time = stat->create_time,
		.last_access_time = stat->access_time,
		.last_write_time = stat->write_time,
		.change_time = stat->change_time,
		.end_of_file = stat->directory ? 0 : stat->size,
		.allocation_size = stat->directory ? 0 : stat->allocation,
		.file_attributes = attributes_to_wire(stat),
		.inode = stat->inode,
		.device = (uint32_t)stat->device,
		.number_of_links = stat->nlink,
		.reparse_tag = stat->reparse_tag,
		.posix_mode = posix_mode(stat),
		.file_name = name,
	};

	posix_sids(stat, &owner, &group);
	entry.owner_sid = wire_view_of(owner.b, owner.n);
	entry.group_sid = wire_view_of(group.b, group.n);
	return file_posix_directory_information_encode(&entry, out);
}

int posix_fs_encode(const struct files_fs *fs, struct wire_buf *out)
{
	return file_fs_posix_information_encode(
		&(struct file_fs_posix_information){
			.optimal_transfer_size = fs->transfer_size,
			.block_size = fs->block_size,
			.total_blocks = fs->blocks,
			.blocks_available = fs->blocks_free,
			.user_blocks_available = fs->blocks_available,
			.total_file_nodes = fs->files,
			.free_file_nodes = fs->files_free,
			.fs_identifier = fs->fsid,
		},
		out);
}

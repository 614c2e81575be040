/* SPDX-License-Identifier: MIT */
/*
 * The UNIX extensions: who speaks them, the mode of an object, and what the
 * answer to a POSIX open tells. spec/posix.adoc, POSIX-SMB2 2.2.3.1.8,
 * 2.2.14.2.16, 3.3.5.4, 3.3.5.9.1
 */
#include "engine/posix.h"

#include <string.h>
#include <sys/stat.h>

/* The first version, in the order of its bytes on the wire. */
static const uint8_t tag[POSIX_TAG_SIZE] = {0x93, 0xad, 0x25, 0x50, 0x9c, 0xb4,
	0x11, 0xe7, 0xb4, 0x23, 0x83, 0xde, 0x96, 0x8b, 0xcd, 0x7c};

struct wire_view posix_tag(void)
{
	return wire_view_of(tag, sizeof tag);
}

bool posix_is_tag(struct wire_view name)
{
	return wire_view_equal(name, posix_tag());
}

bool posix_offered(const struct engine *engine)
{
	list_each(share, &engine->shares, struct share, in_engine)
	{
		if (share->config.posix == POSIX_ON) {
			return true;
		}
	}
	return false;
}

uint32_t posix_read_tags(struct wire_view data, bool *ret_known)
{
	size_t i;

	*ret_known = false;
	if (data.n == 0 || data.n % POSIX_TAG_SIZE != 0) {
		return STATUS_INVALID_PARAMETER;
	}
	for (i = 0; i < data.n; i += POSIX_TAG_SIZE) {
		*ret_known |=
			posix_is_tag(wire_view_sub(data, i, POSIX_TAG_SIZE));
	}
	return STATUS_SUCCESS;
}

bool posix_possible(const struct request *req)
{
	return req->conn->posix && !req->tree->share->pipe &&
	       req->tree->share->config.posix == POSIX_ON;
}

enum engine_posix_like posix_like(const struct tree *tree)
{
	return tree->share->config.posix_like;
}

/* The driver says of a reparse point what it stands for. */
static uint32_t posix_type(const struct files_stat *stat)
{
	switch (stat->mode & S_IFMT) {
	case S_IFDIR:
		return POSIX_TYPE_DIR;
	case S_IFLNK:
		return POSIX_TYPE_SYMLINK;
	case S_IFCHR:
		return POSIX_TYPE_CHARDEV;
	case S_IFBLK:
		return POSIX_TYPE_BLKDEV;
	case S_IFIFO:
		return POSIX_TYPE_FIFO;
	case S_IFSOCK:
		return POSIX_TYPE_SOCKET;
	default:
		return POSIX_TYPE_FILE;
	}
}

uint32_t posix_mode(const struct files_stat *stat)
{
	return (stat->mode & POSIX_MODE_ALL) | posix_type(stat);
}

uint32_t posix_new_mode(const struct tree *tree, uint32_t asked, bool directory)
{
	const struct engine_share *share = &tree->share->config;
	uint32_t mask = directory ? share->directory_mask : share->create_mask;
	uint32_t force = directory ? share->force_directory_mode
				   : share->force_create_mode;

	return ((asked & mask) | force) & POSIX_MODE_ALL;
}

void posix_sids(const struct files_stat *stat, struct sid_bytes *ret_owner,
	struct sid_bytes *ret_group)
{
	static const struct sid_bytes nobody = {{1, 1}, 12};

	if (stat->inode == 0) {
		*ret_owner = *ret_group = nobody;
		return;
	}
	sid_of_user(stat->uid, ret_owner);
	sid_of_group(stat->gid, ret_group);
}

struct wire_view posix_response(
	struct request *req, const struct files_stat *stat)
{
	struct sid_bytes owner, group;
	struct wire_buf out = {.cap = 12 + 2 * SID_MAX};
	struct smb2_create_posix_response data = {
		.number_of_links = stat->nlink,
		.reparse_tag = stat->reparse_tag,
		.posix_mode = posix_mode(stat),
	};

	posix_sids(stat, &owner, &group);
	data.owner_sid = wire_view_of(owner.b, owner.n);
	data.group_sid = wire_view_of(group.b, group.n);
	out.p = request_alloc(req, out.cap);
	if (!out.p || smb2_create_posix_response_encode(&data, &out) < 0) {
		return (struct wire_view){0};
	}
	return wire_view_of(out.p, out.n);
}

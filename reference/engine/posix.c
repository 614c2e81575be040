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

/* Nobody has chosen a share yet. */
static enum engine_posix_like posix_like_first(const struct engine *engine)
{
	list_each(share, &engine->shares, struct share, in_engine)
	{
		if (share->config.posix == POSIX_ON) {
			return share->config.posix_like;
		}
	}
	return POSIX_LIKE_DOCUMENT;
}

uint32_t posix_read_tags(
	const struct engine *engine, struct wire_view data, bool *ret_known)
{
	enum engine_posix_like like = posix_like_first(engine);
	size_t i;

	*ret_known = false;
	if (data.n == 0) {
		return RULE(PSX_NEGOTIATE_0014) && like != POSIX_LIKE_SAMBA
			       ? STATUS_INVALID_PARAMETER
			       : STATUS_SUCCESS;
	}
	if (data.n % POSIX_TAG_SIZE != 0 && RULE(PSX_NEGOTIATE_0013)) {
		return STATUS_INVALID_PARAMETER;
	}
	for (i = 0; i + POSIX_TAG_SIZE <= data.n; i += POSIX_TAG_SIZE) {
		*ret_known |=
			posix_is_tag(wire_view_sub(data, i, POSIX_TAG_SIZE));
		if (!RULE(PSX_NEGOTIATE_0011)) {
			break;
		}
	}
	*ret_known |= !RULE(PSX_NEGOTIATE_0010);
	return *ret_known || RULE(PSX_NEGOTIATE_0012) ? STATUS_SUCCESS
						      : STATUS_NOT_SUPPORTED;
}

struct wire_view posix_answered_tags(struct request *req)
{
	uint8_t *twice;

	if (RULE(PSX_NEGOTIATE_0008)) {
		return posix_tag();
	}
	twice = request_alloc(req, 2 * POSIX_TAG_SIZE);
	if (!twice) {
		return posix_tag();
	}
	memcpy(twice, tag, POSIX_TAG_SIZE);
	memcpy(twice + POSIX_TAG_SIZE, tag, POSIX_TAG_SIZE);
	return wire_view_of(twice, 2 * POSIX_TAG_SIZE);
}

unsigned int posix_answers(const struct engine *engine, bool asked, bool known)
{
	if (known) {
		return RULE(PSX_NEGOTIATE_0007) ? 1 : 2;
	}
	return !asked && !RULE(PSX_NEGOTIATE_0009) && posix_offered(engine);
}

bool posix_tag_within(struct wire_view contexts)
{
	size_t i;

	for (i = 0; i + POSIX_TAG_SIZE <= contexts.n; i++) {
		if (memcmp(contexts.p + i, tag, POSIX_TAG_SIZE) == 0) {
			return true;
		}
	}
	return false;
}

bool posix_disturbs(struct wire_view pdu)
{
	return !RULE(PSX_NEGOTIATE_0016) && posix_tag_within(pdu);
}

bool posix_possible(const struct request *req)
{
	const struct share *share = req->tree->share;

	if (!req->conn->posix && RULE(PSX_CREATE_0008)) {
		return false;
	}
	if (share->pipe) {
		return false;
	}
	return share->config.posix == POSIX_ON || !RULE(PSX_TREE_0002);
}

bool posix_applies(const struct request *req)
{
	if (!req->conn->posix && !RULE(PSX_NEGOTIATE_0017)) {
		return false;
	}
	if (req->related && !RULE(PSX_CREATE_0025)) {
		return false;
	}
	return req->open->posix;
}

enum engine_posix_like posix_like(const struct tree *tree)
{
	return tree->share->config.posix_like;
}

bool posix_is_like(const struct tree *tree, enum engine_posix_like like)
{
	return posix_like(tree) == like;
}

/* Broken: what a tag says of the type is not understood. */
static bool posix_tag_is_lost(const struct files_stat *stat)
{
	switch (stat->reparse_tag) {
	case IO_REPARSE_TAG_SYMLINK:
		return !RULE(PSX_LINK_0024);
	case IO_REPARSE_TAG_NFS:
		return S_ISLNK(stat->mode) ? !RULE(PSX_LINK_0026)
					   : !RULE(PSX_LINK_0025);
	default:
		return false;
	}
}

/* The driver says of a reparse point what it stands for. */
static uint32_t posix_type(const struct files_stat *stat)
{
	if (posix_tag_is_lost(stat)) {
		return POSIX_TYPE_FILE;
	}
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
		return stat->reparse_tag && !RULE(PSX_LINK_0027)
			       ? POSIX_TYPE_SYMLINK
			       : POSIX_TYPE_FILE;
	}
}

uint32_t posix_mode(const struct files_stat *stat)
{
	uint32_t mode = (stat->mode & POSIX_MODE_ALL) | posix_type(stat);

	return RULE(PSX_CREATE_0029) ? mode : mode | 0x8000;
}

uint32_t posix_new_mode(const struct tree *tree, uint32_t asked, bool directory)
{
	const struct engine_share *share = &tree->share->config;
	uint32_t mask = directory ? share->directory_mask : share->create_mask;
	uint32_t force = directory ? share->force_directory_mode
				   : share->force_create_mode;

	if (asked > POSIX_MODE_ALL && !RULE(PSX_MODE_0005)) {
		asked >>= 12;
	}
	if (!(directory ? RULE(PSX_MODE_0002) : RULE(PSX_MODE_0001))) {
		mask &= directory ? 07755 : 07744;
	}
	if (!RULE(PSX_MODE_0003)) {
		mask &= 0777;
	}
	return ((asked & mask) | force) & POSIX_MODE_ALL;
}

/* What broken rules, and servers that are imitated, tell of an open. */
static void posix_spoil(const struct request *req,
	const struct files_stat *stat, bool created,
	struct smb2_create_posix_response *data)
{
	if (!RULE(PSX_CREATE_0026)) {
		data->number_of_links++;
	}
	if (!RULE(PSX_CREATE_0027) ||
		posix_like(req->tree) == POSIX_LIKE_KSMBD) {
		data->reparse_tag = (uint32_t)req->open->id.volatile_;
	}
	if (!RULE(PSX_CREATE_0028) ||
		posix_like(req->tree) == POSIX_LIKE_KSMBD) {
		data->posix_mode &= 0777;
	}
	if (created && !RULE(PSX_MODE_0004)) {
		data->posix_mode ^= POSIX_MODE_WO;
	}
	if (!RULE(PSX_LINK_0028) && stat->reparse_tag) {
		data->posix_mode &= POSIX_MODE_ALL;
		data->reparse_tag = 0;
	}
}

struct wire_view posix_response(
	struct request *req, const struct files_stat *stat, bool created)
{
	struct sid_bytes owner, group;
	struct wire_buf out = {.cap = 16 + 2 * SID_MAX};
	struct smb2_create_posix_response data = {
		.number_of_links = stat->nlink,
		.reparse_tag = stat->reparse_tag,
		.posix_mode = posix_mode(stat),
	};

	posix_spoil(req, stat, created, &data);
	posix_sids(stat, &owner, &group);
	if (!RULE(PSX_SECURITY_0016)) {
		sid_of_user(stat->uid + 1, &owner);
	}
	data.owner_sid = wire_view_of(owner.b, owner.n);
	data.group_sid = wire_view_of(group.b, group.n);
	out.p = request_alloc(req, out.cap);
	if (!out.p || smb2_create_posix_response_encode(&data, &out) < 0) {
		return (struct wire_view){0};
	}
	if (!RULE(PSX_CREATE_0030)) {
		wire_buf_zero(&out, 4);
	}
	return wire_view_of(out.p, out.n);
}

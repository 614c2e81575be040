/* SPDX-License-Identifier: MIT */
/*
 * Reparse buffers by which POSIX clients make symbolic links, pipes, sockets
 * and devices. spec/posix/link.adoc, [MS-FSCC] 2.1.2.4, 2.1.2.6
 */
#include "engine/posix.h"

#define REPARSE_HEADER 8
#define LINK_FIXED 12 /* four numbers and Flags behind the header */
#define LINK_TARGET_MAX 4095

/* A name inside of the path buffer of a link. */
static bool link_name(
	struct wire_view data, size_t at, struct wire_view *ret_name)
{
	size_t offset = wire_get16(data.p + at);
	size_t n = wire_get16(data.p + at + 2);

	if (offset + n > data.n - LINK_FIXED) {
		return false;
	}
	*ret_name = wire_view_sub(data, LINK_FIXED + offset, n);
	return true;
}

/* A target that a symbolic link of POSIX may have. */
static bool target_is_good(struct request *req, struct wire_view target)
{
	char *text = request_alloc(req, LINK_TARGET_MAX + 1);
	int i, n = -1;

	if (text && target.n % 2 == 0) {
		n = wire_utf16_to_utf8(target, text, LINK_TARGET_MAX);
	}
	for (i = 0; i < n; i++) {
		if (text[i] == 0) {
			return false;
		}
	}
	return n > 0;
}

static uint32_t check_link(struct request *req, struct wire_view data)
{
	struct wire_view substitute, print;

	if (!RULE(PSX_LINK_0032)) {
		return STATUS_NOT_SUPPORTED;
	}
	if (data.n < LINK_FIXED || !link_name(data, 0, &substitute) ||
		!link_name(data, 4, &print)) {
		return RULE(PSX_LINK_0037) ? STATUS_IO_REPARSE_DATA_INVALID
					   : STATUS_SUCCESS;
	}
	return target_is_good(req, substitute) || !RULE(PSX_LINK_0038)
		       ? STATUS_SUCCESS
		       : STATUS_IO_REPARSE_DATA_INVALID;
}

static uint32_t check_device(struct wire_view data)
{
	if (data.n != 16 && RULE(PSX_LINK_0037)) {
		return STATUS_IO_REPARSE_DATA_INVALID;
	}
	return RULE(PSX_LINK_0034) ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

static uint32_t check_nfs(struct request *req, struct wire_view data)
{
	if (data.n < 8) {
		return RULE(PSX_LINK_0037) ? STATUS_IO_REPARSE_DATA_INVALID
					   : STATUS_SUCCESS;
	}
	switch (wire_get64(data.p)) {
	case NFS_SPECFILE_CHR:
	case NFS_SPECFILE_BLK:
		return check_device(data);
	case NFS_SPECFILE_FIFO:
	case NFS_SPECFILE_SOCK:
		return RULE(PSX_LINK_0033) ? STATUS_SUCCESS
					   : STATUS_NOT_SUPPORTED;
	case NFS_SPECFILE_LNK:
		return target_is_good(
			       req, wire_view_sub(data, 8, data.n - 8)) ||
				       !RULE(PSX_LINK_0038)
			       ? STATUS_SUCCESS
			       : STATUS_IO_REPARSE_DATA_INVALID;
	default:
		return STATUS_SUCCESS;
	}
}

uint32_t posix_reparse_check(
	struct request *req, struct wire_view buffer, bool remove)
{
	struct wire_view data = wire_view_sub(
		buffer, REPARSE_HEADER, buffer.n - REPARSE_HEADER);

	if (remove) {
		return RULE(PSX_LINK_0040) ? STATUS_SUCCESS
					   : STATUS_NOT_SUPPORTED;
	}
	switch (wire_get32(buffer.p)) {
	case IO_REPARSE_TAG_SYMLINK:
		return check_link(req, data);
	case IO_REPARSE_TAG_NFS:
		return check_nfs(req, data);
	default:
		return STATUS_SUCCESS;
	}
}

bool posix_reparse_is_special(struct wire_view buffer)
{
	uint32_t tag = wire_get32(buffer.p);

	return tag == IO_REPARSE_TAG_SYMLINK ||
	       tag == IO_REPARSE_TAG_LX_SYMLINK || posix_is_node_tag(tag);
}

void posix_reparse_spoil(uint8_t *buffer, size_t n)
{
	uint32_t tag = n >= REPARSE_HEADER ? wire_get32(buffer) : 0;
	size_t i;

	if (tag == IO_REPARSE_TAG_SYMLINK && !RULE(PSX_LINK_0031)) {
		for (i = 20; i + 1 < n; i += 2) {
			if (buffer[i] == '/' && buffer[i + 1] == 0) {
				buffer[i] = '\\';
			}
		}
	}
	if (tag == IO_REPARSE_TAG_NFS && n >= 24 && !RULE(PSX_LINK_0035)) {
		buffer[16]++;
		buffer[20]++;
	}
}

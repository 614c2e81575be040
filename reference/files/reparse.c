/* SPDX-License-Identifier: MIT */
/* Reparse points and POSIX file types; see reparse.h. */
#include "files/reparse.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "wire/all.h"

static bool reparse_nfs(
	struct wire_view data, struct nfs_reparse_data_buffer *ret_nfs)
{
	struct reparse_data_buffer outer;

	return reparse_data_buffer_decode(data, &outer) >= 0 &&
	       outer.reparse_tag == IO_REPARSE_TAG_NFS &&
	       nfs_reparse_data_buffer_decode(outer.data_buffer, ret_nfs) >= 0;
}

static mode_t reparse_nfs_type(struct wire_view data)
{
	struct nfs_reparse_data_buffer nfs;

	if (!reparse_nfs(data, &nfs)) {
		return 0;
	}
	switch (nfs.type) {
	case NFS_SPECFILE_LNK:
		return S_IFLNK;
	case NFS_SPECFILE_CHR:
		return S_IFCHR;
	case NFS_SPECFILE_BLK:
		return S_IFBLK;
	case NFS_SPECFILE_FIFO:
		return S_IFIFO;
	case NFS_SPECFILE_SOCK:
		return S_IFSOCK;
	default:
		return 0;
	}
}

mode_t reparse_type(struct wire_view data)
{
	switch (data.n >= 8 ? wire_get32(data.p) : 0) {
	case IO_REPARSE_TAG_SYMLINK:
	case IO_REPARSE_TAG_LX_SYMLINK:
		return S_IFLNK;
	case IO_REPARSE_TAG_NFS:
		return reparse_nfs_type(data);
	case IO_REPARSE_TAG_AF_UNIX:
		return S_IFSOCK;
	case IO_REPARSE_TAG_LX_FIFO:
		return S_IFIFO;
	case IO_REPARSE_TAG_LX_CHR:
		return S_IFCHR;
	case IO_REPARSE_TAG_LX_BLK:
		return S_IFBLK;
	default:
		return 0;
	}
}

/* Bytes of UTF-16 text in UTF-8. */
static uint64_t reparse_length(struct wire_view text)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i + 1 < text.n; i += 2) {
		uint16_t c = wire_get16(text.p + i);

		/* Each half of a pair counts for two of its four bytes. */
		n += c < 0x80 ? 1 : c < 0x800 || (c & 0xf800) == 0xd800 ? 2 : 3;
	}
	return n;
}

uint64_t reparse_target_size(struct wire_view data)
{
	struct symbolic_link_reparse_data_buffer link;
	struct nfs_reparse_data_buffer nfs;
	struct reparse_data_buffer outer;

	if (reparse_data_buffer_decode(data, &outer) < 0) {
		return 0;
	}
	if (outer.reparse_tag == IO_REPARSE_TAG_LX_SYMLINK) {
		return outer.data_buffer.n > 4 ? outer.data_buffer.n - 4 : 0;
	}
	if (reparse_nfs(data, &nfs)) {
		return reparse_length(nfs.data_buffer);
	}
	if (symbolic_link_reparse_data_buffer_decode(outer.data_buffer, &link) <
		0) {
		return 0;
	}
	return reparse_length(wire_view_sub(link.path_buffer,
		link.substitute_name_offset, link.substitute_name_length));
}

static uint64_t reparse_nfs_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFCHR:
		return NFS_SPECFILE_CHR;
	case S_IFBLK:
		return NFS_SPECFILE_BLK;
	case S_IFIFO:
		return NFS_SPECFILE_FIFO;
	case S_IFSOCK:
		return NFS_SPECFILE_SOCK;
	default:
		return 0;
	}
}

uint32_t reparse_tag_of(mode_t mode)
{
	return S_ISLNK(mode)          ? IO_REPARSE_TAG_SYMLINK
	       : reparse_nfs_of(mode) ? IO_REPARSE_TAG_NFS
				      : 0;
}

static int reparse_wrap(uint32_t tag, const struct wire_buf *inner,
	uint8_t *ret_data, size_t size)
{
	struct wire_buf out = {.p = ret_data, .cap = size};
	struct reparse_data_buffer outer = {
		.reparse_tag = tag,
		.data_buffer = wire_view_of(inner->p, inner->n),
	};

	return reparse_data_buffer_encode(&outer, &out) < 0 ? -ERANGE
							    : (int)out.n;
}

static int reparse_make_link(const char *target, uint8_t *ret_data, size_t size)
{
	uint8_t text[2 * 2 * 4096], body[sizeof text + 64];
	struct wire_buf out = {.p = body, .cap = sizeof body};
	int n = wire_utf8_to_utf16(target, text, sizeof text / 2);
	struct symbolic_link_reparse_data_buffer link = {0};

	if (n < 0) {
		return n == -ENOBUFS ? -ERANGE : n;
	}
	link.substitute_name_length = (uint16_t)n;
	link.path_buffer = wire_view_of(text, (size_t)n);
	/* What people read is the same, when both have room. */
	if (20 + 2 * (size_t)n <= REPARSE_MAX) {
		memcpy(text + n, text, (size_t)n);
		link.print_name_offset = link.print_name_length = (uint16_t)n;
		link.path_buffer.n *= 2;
	}
	link.flags =
		*target == '/' ? SYMLINK_FLAG_ABSOLUTE : SYMLINK_FLAG_RELATIVE;
	if (symbolic_link_reparse_data_buffer_encode(&link, &out) < 0) {
		return -ERANGE;
	}
	return reparse_wrap(IO_REPARSE_TAG_SYMLINK, &out, ret_data, size);
}

int reparse_make(mode_t mode, dev_t device, const char *target,
	uint8_t *ret_data, size_t size)
{
	struct nfs_reparse_data_buffer nfs = {.type = reparse_nfs_of(mode)};
	struct wire_buf out = {.cap = 64};
	uint8_t body[64], number[8];

	if (S_ISLNK(mode)) {
		return reparse_make_link(target, ret_data, size);
	}
	if (nfs.type == 0) {
		return -ENODATA;
	}
	if (S_ISCHR(mode) || S_ISBLK(mode)) {
		wire_put32(number, major(device));
		wire_put32(number + 4, minor(device));
		nfs.data_buffer = wire_view_of(number, sizeof number);
	}
	out.p = body;
	if (nfs_reparse_data_buffer_encode(&nfs, &out) < 0) {
		return -ERANGE;
	}
	return reparse_wrap(IO_REPARSE_TAG_NFS, &out, ret_data, size);
}

/* SPDX-License-Identifier: MIT */
/*
 * Symbolic links, fifos, sockets and devices: reparse points that the client
 * reads and makes. [MS-FSCC] 2.1.2; [MS-SMB2] 2.2.2.2.1, 2.2.31
 */
#include "client/posix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Text of the server as a C string: no NUL, bounded; '\' separates where the
 * server does not know POSIX. */
static int take_text(
	struct wire_view text, bool posix, char ret_target[PATH_TARGET_MAX + 1])
{
	int n = wire_utf16_to_utf8(text, ret_target, PATH_TARGET_MAX);
	if (n < 0 || memchr(ret_target, '\0', (size_t)n) != NULL) {
		return n == -ENOBUFS ? -ENAMETOOLONG : -EPROTO;
	}
	ret_target[n] = '\0';
	for (char *p = ret_target; !posix && *p != '\0'; p++) {
		*p = *p == '\\' ? '/' : *p;
	}
	return n;
}

/* A name within the path buffer. */
static int take_part(struct wire_view buffer, uint16_t offset, uint16_t n,
	bool posix, char ret_target[PATH_TARGET_MAX + 1])
{
	if ((size_t)offset + n > buffer.n) {
		return -EPROTO;
	}
	return take_text(wire_view_of(buffer.p + offset, n), posix, ret_target);
}

/* The error data of a CREATE, which 3.1.1 wraps into a list. */
static struct wire_view symlink_data(
	const struct smb2_error_response *reply, bool wrapped)
{
	if (!wrapped) {
		return reply->error_data;
	}
	struct wire_list list =
		wire_list_of(&smb2_error_context_type, reply->error_data);
	struct smb2_error_context context;
	if (wire_list_next(&list, &context, NULL) <= 0 ||
		context.error_id != SMB2_ERROR_ID_DEFAULT) {
		return (struct wire_view){0};
	}
	return context.error_context_data;
}

void posix_keep_stop(struct client_tree *tree, struct wire_view pdu)
{
	struct path_stop *stop = &tree->client->stop;
	stop->known = false;
	struct smb2_error_response reply;
	if (smb2_error_response_decode(pdu, &reply) < 0) {
		return;
	}
	struct wire_view data =
		symlink_data(&reply, reply.error_context_count > 0);
	struct smb2_symlink_error_response link;
	if (data.n == 0 ||
		smb2_symlink_error_response_decode(data, &link) < 0) {
		return;
	}
	int n = take_part(link.path_buffer, link.substitute_name_offset,
		link.substitute_name_length, tree->posix, stop->target);
	stop->known = n >= 0;
	stop->unparsed = link.unparsed_path_length;
	stop->absolute = (link.flags & SYMLINK_FLAG_RELATIVE) == 0;
}

static ssize_t take_symlink(
	struct wire_view data, bool posix, char ret_target[PATH_TARGET_MAX + 1])
{
	struct symbolic_link_reparse_data_buffer link;
	if (symbolic_link_reparse_data_buffer_decode(data, &link) < 0) {
		return -EPROTO;
	}
	return take_part(link.path_buffer, link.substitute_name_offset,
		link.substitute_name_length, posix, ret_target);
}

static ssize_t take_nfs(
	struct wire_view data, bool posix, char ret_target[PATH_TARGET_MAX + 1])
{
	struct nfs_reparse_data_buffer nfs;
	if (nfs_reparse_data_buffer_decode(data, &nfs) < 0) {
		return -EPROTO;
	}
	return nfs.type == NFS_SPECFILE_LNK
		       ? take_text(nfs.data_buffer, posix, ret_target)
		       : -EINVAL;
}

static ssize_t take_wsl(
	struct wire_view data, char ret_target[PATH_TARGET_MAX + 1])
{
	struct lx_symlink_reparse_data_buffer link;
	if (lx_symlink_reparse_data_buffer_decode(data, &link) < 0 ||
		link.target.n > PATH_TARGET_MAX ||
		memchr(link.target.p, '\0', link.target.n) != NULL) {
		return -EPROTO;
	}
	memcpy(ret_target, link.target.p, link.target.n);
	ret_target[link.target.n] = '\0';
	return (ssize_t)link.target.n;
}

/* The reparse point at a path; the views live as long as the exchange. */
static int get_reparse(struct client_tree *tree, const char *path,
	struct reparse_data_buffer *ret_point, struct exchange **ret_exchange)
{
	const struct posix_how how = {
		.access = FILE_READ_ATTRIBUTES,
		.disposition = FILE_OPEN,
		.options = FILE_OPEN_REPARSE_POINT,
	};
	const struct smb2_ioctl_request request = {
		.ctl_code = FSCTL_GET_REPARSE_POINT,
		.file_id = posix_related,
		.max_output_response = POSIX_REPARSE_BYTES,
		.flags = SMB2_0_IOCTL_IS_FSCTL,
	};
	struct smb2_ioctl_response reply;
	const struct posix_step step = {
		.command = SMB2_IOCTL,
		.payload = POSIX_REPARSE_BYTES,
		.type = &smb2_ioctl_request_type,
		.body = &request,
		.reply_type = &smb2_ioctl_response_type,
		.ret_reply = &reply,
	};
	struct exchange *e = NULL;
	int error = posix_call(tree, path, &how, &step, NULL, &e);
	if (error < 0) {
		return error;
	}
	if (reparse_data_buffer_decode(reply.output, ret_point) < 0) {
		exchange_end(tree->client, e);
		return client_complain(tree->client, -EPROTO,
			"a reparse point breaks its layout");
	}
	*ret_exchange = e;
	return 0;
}

ssize_t posix_readlink(struct client_tree *tree, const char *path,
	char ret_target[PATH_TARGET_MAX + 1])
{
	struct reparse_data_buffer point;
	struct exchange *e = NULL;
	int error = get_reparse(tree, path, &point, &e);
	if (error < 0) {
		return tree->client->status == STATUS_NOT_A_REPARSE_POINT
			       ? -EINVAL
			       : error;
	}
	ssize_t n = -EINVAL;
	switch (point.reparse_tag) {
	case IO_REPARSE_TAG_SYMLINK:
		n = take_symlink(point.data_buffer, tree->posix, ret_target);
		break;
	case IO_REPARSE_TAG_NFS:
		n = take_nfs(point.data_buffer, tree->posix, ret_target);
		break;
	case IO_REPARSE_TAG_LX_SYMLINK:
		n = take_wsl(point.data_buffer, ret_target);
		break;
	default:
		break;
	}
	exchange_end(tree->client, e);
	return n == -EPROTO ? client_complain(tree->client, -EPROTO,
				      "the target of a link breaks its layout")
			    : n;
}

int posix_device(struct client_tree *tree, const char *path,
	uint32_t *ret_major, uint32_t *ret_minor)
{
	struct reparse_data_buffer point;
	struct exchange *e = NULL;
	int error = get_reparse(tree, path, &point, &e);
	if (error < 0) {
		return error;
	}
	struct nfs_reparse_data_buffer nfs;
	struct nfs_device_number number;
	error = -EINVAL;
	if (point.reparse_tag == IO_REPARSE_TAG_NFS &&
		nfs_reparse_data_buffer_decode(point.data_buffer, &nfs) == 0 &&
		nfs_device_number_decode(nfs.data_buffer, &number) == 0) {
		*ret_major = number.major;
		*ret_minor = number.minor;
		error = 0;
	}
	exchange_end(tree->client, e);
	return error;
}

static int mark_deleted(struct client_file *file)
{
	const uint8_t pending = 1;
	const struct smb2_set_info_request request = {
		.info_type = SMB2_0_INFO_FILE,
		.file_info_class = FileDispositionInformation,
		.buffer_length = 1,
		.file_id = file->id,
		.buffer = wire_view_of(&pending, 1),
	};
	struct posix_step step = {
		.command = SMB2_SET_INFO,
		.payload = 1,
		.type = &smb2_set_info_request_type,
		.body = &request,
	};
	return posix_step(file, &step, NULL);
}

/* CREATE and FSCTL_SET_REPARSE_POINT in one compound; the new file goes again
 * when it cannot become what it shall. */
static int make_point(struct client_tree *tree, const char *path, uint32_t mode,
	struct wire_view point)
{
	const struct posix_how how = {
		.access = FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES |
			  FILE_WRITE_DATA | DELETE,
		.disposition = FILE_CREATE,
		.options = FILE_OPEN_REPARSE_POINT | FILE_NON_DIRECTORY_FILE,
		.mode = mode,
	};
	const struct smb2_ioctl_request request = {
		.ctl_code = FSCTL_SET_REPARSE_POINT,
		.file_id = posix_related,
		.input_count = (uint32_t)point.n,
		.flags = SMB2_0_IOCTL_IS_FSCTL,
		.input = point,
	};
	const struct posix_step step = {
		.command = SMB2_IOCTL,
		.payload = point.n,
		.type = &smb2_ioctl_request_type,
		.body = &request,
	};
	struct client_file *file = NULL;
	int made = 0;
	int error = posix_open_step(tree, path, &how, &step, &file, &made);
	if (error < 0) {
		return error;
	}
	uint32_t status = tree->client->status;
	if (made < 0) {
		mark_deleted(file);
	}
	int closing = client_close(file);
	if (made < 0) {
		tree->client->status = status;
	}
	return made < 0 ? made : closing;
}

static int make_reparse(struct client_tree *tree, const char *path,
	uint32_t mode, uint32_t tag, struct wire_view data)
{
	const struct reparse_data_buffer point = {
		.reparse_tag = tag,
		.reparse_data_length = (uint16_t)data.n,
		.data_buffer = data,
	};
	struct wire_buf out = {.p = malloc(data.n + 8), .cap = data.n + 8};
	int error = out.p == NULL ? -ENOMEM
				  : reparse_data_buffer_encode(&point, &out);
	if (error == 0) {
		error = make_point(
			tree, path, mode, wire_view_of(out.p, out.n));
	}
	free(out.p);
	return error;
}

int posix_symlink(
	struct client_tree *tree, const char *target, const char *path)
{
	if (*target == '\0') {
		return -ENOENT;
	}
	if (strlen(target) > PATH_TARGET_MAX) {
		return -ENAMETOOLONG;
	}
	/* On a server without the extensions the separator is its own. */
	uint8_t *text = NULL;
	size_t n = 0;
	int error = client_encode_path(target, tree->posix, &text, &n);
	if (error < 0) {
		return error;
	}
	/* One text for both names: a reparse point holds 16 KiB at most. */
	const struct symbolic_link_reparse_data_buffer link = {
		.substitute_name_length = (uint16_t)n,
		.print_name_length = (uint16_t)n,
		.flags = *target == '/' ? SYMLINK_FLAG_ABSOLUTE
					: SYMLINK_FLAG_RELATIVE,
		.path_buffer = wire_view_of(text, n),
	};
	struct wire_buf out = {.p = malloc(n + 12), .cap = n + 12};
	error = out.p == NULL
			? -ENOMEM
			: symbolic_link_reparse_data_buffer_encode(&link, &out);
	if (error == 0) {
		error = make_reparse(tree, path, 0777, IO_REPARSE_TAG_SYMLINK,
			wire_view_of(out.p, out.n));
	}
	free(out.p);
	free(text);
	return error;
}

static int make_file(struct client_tree *tree, const char *path, uint32_t mode)
{
	const struct posix_how how = {
		.access = FILE_READ_ATTRIBUTES,
		.disposition = FILE_CREATE,
		.options = FILE_OPEN_REPARSE_POINT | FILE_NON_DIRECTORY_FILE,
		.mode = mode,
	};
	return posix_call(tree, path, &how, NULL, NULL, NULL);
}

int posix_mknod(struct client_tree *tree, const char *path, uint32_t mode,
	uint32_t major, uint32_t minor)
{
	uint8_t numbers[8];
	wire_put32(numbers, major);
	wire_put32(numbers + 4, minor);
	struct nfs_reparse_data_buffer nfs = {
		.data_buffer = wire_view_of(numbers, sizeof(numbers))};
	switch (mode & S_IFMT) {
	case 0:
	case S_IFREG:
		return make_file(tree, path, mode & 07777);
	case S_IFCHR:
		nfs.type = NFS_SPECFILE_CHR;
		break;
	case S_IFBLK:
		nfs.type = NFS_SPECFILE_BLK;
		break;
	case S_IFIFO:
		nfs.type = NFS_SPECFILE_FIFO;
		nfs.data_buffer.n = 0;
		break;
	case S_IFSOCK:
		nfs.type = NFS_SPECFILE_SOCK;
		nfs.data_buffer.n = 0;
		break;
	default:
		return -EINVAL;
	}
	uint8_t room[16];
	struct wire_buf out = {.p = room, .cap = sizeof(room)};
	int error = nfs_reparse_data_buffer_encode(&nfs, &out);
	return error < 0
		       ? error
		       : make_reparse(tree, path, mode & 07777,
				 IO_REPARSE_TAG_NFS, wire_view_of(room, out.n));
}

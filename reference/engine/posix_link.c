/* SPDX-License-Identifier: MIT */
/*
 * A path of a POSIX open or of a new name that meets a symbolic link: the
 * answer tells the link's target and what of the name is behind it.
 * spec/posix.adoc, [MS-SMB2] 2.2.2.2.1
 */
#include <string.h>

#include "engine/fileops.h"
#include "engine/posix.h"

#define LINK_DATA 65536

struct link_work {
	struct files_node *node;
	uint16_t unparsed;
	char path[LIMIT_PATH];
};

/* Substitute and print name in one, as the client resolves it. */
static void link_of_target(struct wire_view target,
	struct smb2_symlink_error_response *error, uint8_t *ret_buffer)
{
	bool absolute = target.n >= 2 && target.p[0] == '/' && !target.p[1];

	memcpy(ret_buffer, target.p, target.n);
	memcpy(ret_buffer + target.n, target.p, target.n);
	error->flags = absolute ? 0 : SYMLINK_FLAG_RELATIVE;
	error->substitute_name_length = (uint16_t)target.n;
	error->print_name_offset = (uint16_t)target.n;
	error->print_name_length = (uint16_t)target.n;
	error->path_buffer = wire_view_of(ret_buffer, 2 * target.n);
	error->reparse_data_length = (uint16_t)(12 + 2 * target.n);
}

/* The target of a link that is stored as NFS or Linux clients do; false: it is
 * none. */
static bool link_target(struct request *req, struct reparse_data_buffer *outer,
	struct wire_view *ret_target)
{
	struct wire_view data = outer->data_buffer;
	uint8_t *wide;
	char *text;
	int n;

	if (outer->reparse_tag == IO_REPARSE_TAG_NFS) {
		if (data.n < 8 || wire_get64(data.p) != NFS_SPECFILE_LNK) {
			return false;
		}
		*ret_target = wire_view_sub(data, 8, (data.n - 8) & ~1ul);
		return true;
	}
	if (outer->reparse_tag != IO_REPARSE_TAG_LX_SYMLINK || data.n < 4) {
		return false;
	}
	text = request_alloc(req, data.n);
	wide = request_alloc(req, 2 * data.n);
	if (!text || !wide) {
		return false;
	}
	memcpy(text, data.p + 4, data.n - 4);
	n = wire_utf8_to_utf16(text, wide, 2 * data.n);
	*ret_target = wire_view_of(wide, n > 0 ? (size_t)n : 0);
	return n >= 0;
}

static bool link_as_stored(
	struct wire_view data, struct smb2_symlink_error_response *error)
{
	struct symbolic_link_reparse_data_buffer link;

	if (symbolic_link_reparse_data_buffer_decode(data, &link) < 0) {
		return false;
	}
	error->substitute_name_offset = link.substitute_name_offset;
	error->substitute_name_length = link.substitute_name_length;
	error->print_name_offset = link.print_name_offset;
	error->print_name_length = link.print_name_length;
	error->flags = link.flags;
	error->path_buffer = link.path_buffer;
	error->reparse_data_length = (uint16_t)(12 + link.path_buffer.n);
	return true;
}

struct wire_view symlink_error(
	struct request *req, struct wire_view reparse, uint16_t unparsed)
{
	struct smb2_symlink_error_response error = {
		.reparse_tag = IO_REPARSE_TAG_SYMLINK,
		.unparsed_path_length = unparsed,
	};
	struct reparse_data_buffer outer;
	struct wire_buf out = {.cap = 2 * LINK_DATA};
	uint8_t *buffer = request_alloc(req, 2 * LINK_DATA);
	struct wire_view target;

	out.p = request_alloc(req, out.cap);
	if (!out.p || !buffer || reparse.n > LINK_DATA ||
		reparse_data_buffer_decode(reparse, &outer) < 0) {
		return (struct wire_view){0};
	}
	if (outer.reparse_tag != IO_REPARSE_TAG_SYMLINK) {
		if (!link_target(req, &outer, &target)) {
			return (struct wire_view){0};
		}
		link_of_target(target, &error, buffer);
	} else if (!link_as_stored(outer.data_buffer, &error)) {
		return (struct wire_view){0};
	}
	error.sym_link_length = (uint32_t)(24 + error.path_buffer.n);
	if (smb2_symlink_error_response_encode(&error, &out) < 0) {
		return (struct wire_view){0};
	}
	return wire_view_of(out.p, out.n);
}

/* Flags say of the target what it is, whatever was stored; and what broken
 * rules make of it. error begins with SymLinkLength. */
static void link_correct(struct wire_view error)
{
	uint8_t *p = (uint8_t *)error.p;
	uint8_t *name = p + 28 + wire_get16(p + 16);
	size_t n = wire_get16(p + 18), i;
	bool inside = 28u + wire_get16(p + 16) + n <= error.n;
	bool absolute = inside && n >= 2 && name[0] == '/' && name[1] == 0;
	bool relative = RULE(PSX_LINK_0016) ? !absolute : absolute;

	wire_put32(p + 24,
		relative ? SYMLINK_FLAG_RELATIVE : SYMLINK_FLAG_ABSOLUTE);
	if (absolute ? RULE(PSX_LINK_0015) : RULE(PSX_LINK_0014)) {
		return;
	}
	for (i = 28; i + 1 < error.n; i += 2) {
		if (p[i] == '/' && p[i + 1] == 0) {
			p[i] = '\\';
		}
	}
	if (inside && n >= 2) {
		name[0]++;
	}
}

static void link_told(struct files_op *op)
{
	struct request *req = op->ctx;
	struct link_work *work = req->work;
	struct wire_view error = {0};

	if (op->result == 0) {
		error = symlink_error(req,
			wire_view_of(op->data, op->transferred),
			work->unparsed);
	}
	node_close(req->engine, op->port, work->node);
	if (error.n == 0 || !RULE(PSX_LINK_0011)) {
		request_fail(req, STATUS_STOPPED_ON_SYMLINK);
		return;
	}
	link_correct(error);
	request_fail_with(req, STATUS_STOPPED_ON_SYMLINK, 0, error);
}

static void link_opened(struct files_op *op)
{
	struct request *req = op->ctx;
	struct link_work *work = req->work;

	if (op->result < 0) {
		request_fail(req, status_of_errno(op->result));
		return;
	}
	work->node = op->node;
	op->blob = FILES_BLOB_REPARSE;
	op->size = LINK_DATA;
	op->data = request_alloc(req, LINK_DATA);
	if (!op->data) {
		node_close(req->engine, op->port, work->node);
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	request_submit(req, FILES_GET_BLOB, link_told);
}

/* Bytes of the name from the separator that ends its first n components. */
static uint16_t link_behind(struct wire_view name, unsigned int n)
{
	size_t i;

	for (i = 0; i + 1 < name.n; i += 2) {
		if (wire_get16(name.p + i) == '/' && --n == 0) {
			return (uint16_t)(name.n - i);
		}
	}
	return 0;
}

void posix_stop(struct request *req, struct wire_view name, const char *path,
	size_t link_end)
{
	struct link_work *work = request_alloc(req, sizeof *work);
	unsigned int components = 1;
	size_t i;

	if (!work) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	for (i = 0; i < link_end; i++) {
		components += path[i] == '/';
	}
	work->unparsed = link_behind(name, components);
	if (work->unparsed > 0 && !RULE(PSX_LINK_0012)) {
		work->unparsed -= 2;
	}
	if (work->unparsed == 0 && !RULE(PSX_LINK_0013)) {
		work->unparsed = (uint16_t)name.n;
	}
	memcpy(work->path, path, link_end);
	req->work = work;
	req->op.node = NULL;
	req->op.path = work->path;
	req->op.stream = NULL;
	req->op.posix = true;
	req->op.open = (struct files_open){
		.how = FILES_OPEN_EXISTING, .no_follow = true};
	request_submit(req, FILES_OPEN, link_opened);
}

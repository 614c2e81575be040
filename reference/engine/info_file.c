/* SPDX-License-Identifier: MIT */
/* Information about a file. [MS-SMB2] 3.3.5.20.1, [MS-FSCC] 2.4,
 * [MS-FSA] 2.1.5.12 */
#include <stdio.h>
#include <string.h>

#include "engine/fileops.h"
#include "engine/posix.h"
#include "ports/text.h"

#define INFO_EA_BATCH 64
#define INFO_TEXT (96 * 1024)

struct file_work {
	uint8_t info_class;
	uint32_t limit;
	struct wire_view input; /* EAs that are asked for by name */
	struct files_stat stat;
	struct wire_buf out;
	size_t last; /* where the last list entry starts */
	uint64_t index;
};

/* What QUERY_INFO knows of a class. */
struct file_class {
	uint8_t info_class;
	uint16_t fixed; /* bytes that must fit; [MS-FSCC] */
	uint32_t access;
};

static const struct file_class file_classes[] = {
	{FileBasicInformation, 40, FILE_READ_ATTRIBUTES},
	{FileStandardInformation, 24, 0},
	{FileInternalInformation, 8, 0},
	{FileEaInformation, 4, 0},
	{FileAccessInformation, 4, 0},
	{FileFullEaInformation, 8, FILE_READ_EA},
	{FilePositionInformation, 8, 0},
	{FileModeInformation, 4, 0},
	{FileAlignmentInformation, 4, 0},
	{FileAllInformation, 104, FILE_READ_ATTRIBUTES},
	{FileAlternateNameInformation, 8, 0},
	{FileStreamInformation, 32, 0},
	{FileCompressionInformation, 16, 0},
	{FileNetworkOpenInformation, 56, FILE_READ_ATTRIBUTES},
	{FileNormalizedNameInformation, 8, 0},
	{FileAttributeTagInformation, 8, FILE_READ_ATTRIBUTES},
	{FileIdInformation, 24, 0},
	{FilePosixInformation, 80, 0},
};

static const struct file_class *file_class_of(uint8_t info_class)
{
	size_t i;

	for (i = 0; i < sizeof file_classes / sizeof *file_classes; i++) {
		if (file_classes[i].info_class == info_class) {
			return &file_classes[i];
		}
	}
	return NULL;
}

static struct file_basic_information file_basic(const struct files_stat *stat)
{
	return (struct file_basic_information){
		.creation_time = stat->create_time,
		.last_access_time = stat->access_time,
		.last_write_time = stat->write_time,
		.change_time = stat->change_time,
		.file_attributes = attributes_to_wire(stat),
	};
}

static struct file_standard_information file_standard(
	const struct open *open, const struct files_stat *stat)
{
	bool pending = open->link->delete_pending;

	return (struct file_standard_information){
		.allocation_size = stat->directory ? 0 : stat->allocation,
		.end_of_file = stat->directory ? 0
			       : RULE(CORE_QUERYINFO_0010)
				       ? stat->size
				       : stat->allocation + 1,
		.number_of_links = pending && stat->nlink > 0 ? stat->nlink - 1
							      : stat->nlink,
		.delete_pending =
			RULE(CORE_QUERYINFO_0011) ? pending : !pending,
		.directory = stat->directory,
	};
}

static uint32_t file_access(const struct open *open)
{
	return RULE(CORE_QUERYINFO_0012) ? open->granted_access
					 : ~open->granted_access;
}

static uint64_t file_index(
	const struct open *open, const struct files_stat *stat)
{
	return RULE(CORE_QUERYINFO_0013) ? stat->inode
					 : stat->inode + open->id.volatile_;
}

/* FILE_NAME_INFORMATION with the path from the share's root. */
static int file_name(struct request *req, bool rooted, struct wire_buf *out)
{
	const struct file *file = req->open->file;
	char text[LIMIT_PATH + NAME_STREAM_MAX + 4];
	struct file_name_information name;

	if (req->open->link->gone && !RULE(PSX_DELETE_0025)) {
		return file_name_information_encode(
			&(struct file_name_information){0}, out);
	}
	snprintf(text, sizeof text, "%s%s%s%s", rooted ? "/" : "",
		req->open->link->path, file->stream ? ":" : "",
		file->stream ? file->stream : "");
	name = (struct file_name_information){
		.file_name =
			req->open->posix
				? name_as_seen(req, text,
					  RULE(PSX_PATH_0025) &&
						  !posix_is_like(req->tree,
							  POSIX_LIKE_SAMBA),
					  RULE(PSX_PATH_0026))
				: name_to_wire(req, text)};
	return file_name_information_encode(&name, out);
}

static int file_all(struct request *req, struct wire_buf *out)
{
	const struct file_work *work = req->work;
	const struct open *open = req->open;
	struct wire_buf name = {.cap = 2 * LIMIT_PATH + 64};
	struct file_all_information all = {
		.basic_information = file_basic(&work->stat),
		.standard_information = file_standard(open, &work->stat),
		.internal_information = {file_index(open, &work->stat)},
		.ea_information = {work->stat.ea_size},
		.access_information = {file_access(open)},
		.position_information = {open->position},
		.mode_information = {open->mode},
		.alignment_information = {FILE_BYTE_ALIGNMENT},
	};

	name.p = request_alloc(req, name.cap);
	if (!name.p || file_name(req, true, &name) < 0) {
		return -1;
	}
	all.name_information = wire_view_of(name.p, name.n);
	return file_all_information_encode(&all, out);
}

static int file_network_open(
	const struct files_stat *stat, struct wire_buf *out)
{
	return file_network_open_information_encode(
		&(struct file_network_open_information){
			.creation_time = stat->create_time,
			.last_access_time = stat->access_time,
			.last_write_time = stat->write_time,
			.change_time = stat->change_time,
			.allocation_size =
				stat->directory ? 0 : stat->allocation,
			.end_of_file = stat->directory ? 0 : stat->size,
			.file_attributes = attributes_to_wire(stat),
		},
		out);
}

static int file_id(const struct files_stat *stat, struct wire_buf *out)
{
	struct file_id_information id = {.volume_serial_number = stat->device};

	wire_put64(id.file_id, stat->inode);
	return file_id_information_encode(&id, out);
}

/* Classes of a single number. */
static int file_number(struct request *req, struct wire_buf *out)
{
	const struct file_work *work = req->work;
	const struct open *open = req->open;

	switch (work->info_class) {
	case FileInternalInformation:
		return file_internal_information_encode(
			&(struct file_internal_information){
				file_index(open, &work->stat)},
			out);
	case FileEaInformation:
		return file_ea_information_encode(
			&(struct file_ea_information){work->stat.ea_size}, out);
	case FileAccessInformation:
		return file_access_information_encode(
			&(struct file_access_information){file_access(open)},
			out);
	case FilePositionInformation:
		return file_position_information_encode(
			&(struct file_position_information){open->position},
			out);
	case FileModeInformation:
		return file_mode_information_encode(
			&(struct file_mode_information){open->mode}, out);
	default:
		return file_alignment_information_encode(
			&(struct file_alignment_information){
				FILE_BYTE_ALIGNMENT},
			out);
	}
}

static int file_encode(struct request *req, struct wire_buf *out)
{
	const struct file_work *work = req->work;
	const struct files_stat *stat = &work->stat;
	struct file_basic_information basic = file_basic(stat);
	struct file_standard_information standard =
		file_standard(req->open, stat);

	switch (work->info_class) {
	case FileBasicInformation:
		return file_basic_information_encode(&basic, out);
	case FileStandardInformation:
		return file_standard_information_encode(&standard, out);
	case FileAllInformation:
		return file_all(req, out);
	case FileNetworkOpenInformation:
		return file_network_open(stat, out);
	case FileNormalizedNameInformation:
		return file_name(req, false, out);
	case FileIdInformation:
		return file_id(stat, out);
	case FilePosixInformation:
		return posix_info_encode(req->open, stat, out);
	case FileAttributeTagInformation:
		return file_attribute_tag_information_encode(
			&(struct file_attribute_tag_information){
				attributes_to_wire(stat), stat->reparse_tag},
			out);
	case FileCompressionInformation:
		return file_compression_information_encode(
			&(struct file_compression_information){
				.compressed_file_size = stat->allocation},
			out);
	default:
		return file_number(req, out);
	}
}

static void file_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct file_work *work = req->work;
	struct wire_buf out = {.cap = 2 * LIMIT_PATH + 512};

	if (open_lost(req)) {
		return;
	}
	out.p = request_alloc(req, out.cap);
	if (op->result < 0 || !out.p) {
		request_fail(req, op->result < 0
					  ? status_of_errno(op->result)
					  : STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	work->stat = op->stat;
	if (file_encode(req, &out) < 0) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	query_info_reply(req, wire_view_of(out.p, out.n),
		file_class_of(work->info_class)->fixed, work->limit);
}

/* Room for lists. */
static bool file_list_begin(struct request *req)
{
	struct file_work *work = req->work;

	work->out.cap = INFO_TEXT;
	work->out.p = request_alloc(req, INFO_TEXT);
	req->op.entries =
		request_alloc(req, INFO_EA_BATCH * sizeof *req->op.entries);
	req->op.text = request_alloc(req, INFO_TEXT);
	if (!work->out.p || !req->op.entries || !req->op.text) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return false;
	}
	req->op.entry_cap = INFO_EA_BATCH;
	req->op.text_cap = INFO_TEXT;
	req->op.offset = 0;
	req->op.node = req->open->node;
	return true;
}

/* Where the next entry of a list goes. */
static struct wire_buf file_list_slot(struct file_work *work, size_t align)
{
	size_t at = (work->out.n + align - 1) / align * align;

	if (at >= work->out.cap) {
		return (struct wire_buf){0};
	}
	return (struct wire_buf){
		.p = work->out.p + at, .cap = work->out.cap - at};
}

static void file_list_put(struct file_work *work, const struct wire_buf *slot)
{
	size_t at = (size_t)(slot->p - work->out.p);

	if (at > 0) {
		memset(work->out.p + work->out.n, 0, at - work->out.n);
		wire_put32(
			work->out.p + work->last, (uint32_t)(at - work->last));
	}
	work->last = at;
	work->out.n = at + slot->n;
}

static void file_put_stream(
	struct request *req, const char *name, const struct files_stat *stat)
{
	struct file_work *work = req->work;
	struct wire_buf slot = file_list_slot(work, 8);
	char text[NAME_STREAM_MAX + 8];
	struct file_stream_information stream = {
		.stream_size = stat->size,
		.stream_allocation_size = stat->allocation,
	};

	snprintf(text, sizeof text, ":%s:$DATA", name);
	stream.stream_name = name_to_wire(req, text);
	if (slot.p && file_stream_information_encode(&stream, &slot) == 0) {
		file_list_put(work, &slot);
	}
}

static void file_streams(struct files_op *op)
{
	struct request *req = op->ctx;
	struct file_work *work = req->work;
	size_t i;

	if (op_failed(req)) {
		return;
	}
	for (i = 0; i < op->entry_count && RULE(CORE_QUERYINFO_0014); i++) {
		file_put_stream(req, op->entries[i].name, &op->entries[i].stat);
	}
	if (op->entry_count > 0) {
		op->offset += op->entry_count;
		request_submit(req, FILES_STREAMS, file_streams);
		return;
	}
	query_info_reply(
		req, wire_view_of(work->out.p, work->out.n), 0, work->limit);
}

static void file_main_stream(struct files_op *op)
{
	struct request *req = op->ctx;

	if (op_failed(req)) {
		return;
	}
	/* A directory has no main stream. */
	if (!op->stat.directory) {
		file_put_stream(req, "", &op->stat);
	}
	request_submit(req, FILES_STREAMS, file_streams);
}

/* The node of a stream knows the size of that stream only. */
static void file_streams_begin(struct request *req)
{
	if (!req->open->file->stream) {
		request_submit(req, FILES_STAT, file_main_stream);
		return;
	}
	req->op.path = req->open->link->path;
	req->op.open = (struct files_open){0};
	request_submit(req, FILES_LOOKUP, file_main_stream);
}

static bool file_put_ea(
	struct file_work *work, const char *name, struct wire_view value)
{
	struct wire_buf slot = file_list_slot(work, 4);
	struct file_full_ea_information ea = {
		.ea_name = wire_view_of(name, strlen(name)),
		.ea_value = value,
	};

	if (!slot.p || file_full_ea_information_encode(&ea, &slot) < 0) {
		return false;
	}
	/* Whole entries only. */
	if ((size_t)(slot.p - work->out.p) + slot.n > work->limit) {
		return false;
	}
	file_list_put(work, &slot);
	return true;
}

static bool file_ea_named(
	const struct file_work *work, const char *name, bool exact)
{
	struct wire_list list =
		wire_list_of(&file_get_ea_information_type, work->input);
	struct file_get_ea_information wanted;
	char text[256];

	if (work->input.n == 0) {
		return true;
	}
	while (wire_list_next(&list, &wanted, NULL) > 0) {
		memcpy(text, wanted.ea_name.p, wanted.ea_name.n);
		text[wanted.ea_name.n] = 0;
		if (exact ? strcmp(text, name) == 0
			  : text_equal_nocase(text, name)) {
			return true;
		}
	}
	return false;
}

static void file_ea_end(struct request *req, bool all)
{
	struct file_work *work = req->work;
	struct smb2_query_info_response response = {0};

	if (work->out.n == 0) {
		request_fail(req,
			all ? STATUS_NO_EAS_ON_FILE : STATUS_BUFFER_TOO_SMALL);
		return;
	}
	response.buffer = wire_view_of(work->out.p, work->out.n);
	request_reply(req, all ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW,
		&smb2_query_info_response_type, &response);
}

static void file_eas(struct files_op *op)
{
	struct request *req = op->ctx;
	struct file_work *work = req->work;
	size_t i;

	if (op_failed(req)) {
		return;
	}
	for (i = 0; i < op->entry_count && RULE(CORE_QUERYINFO_0015); i++) {
		struct files_entry *ea = &op->entries[i];

		if (file_ea_named(work, ea->name,
			    req->open->posix && RULE(PSX_EA_0001)) &&
			!file_put_ea(work, ea->name, ea->value)) {
			file_ea_end(req, false);
			return;
		}
	}
	if (op->entry_count > 0) {
		op->offset += op->entry_count;
		request_submit(req, FILES_GET_EA, file_eas);
		return;
	}
	if (req->open->posix && !RULE(PSX_EA_0004)) {
		file_put_ea(work, "smb3x.security", wire_view_of("?", 1));
	}
	file_ea_end(req, true);
}

static uint32_t file_check(
	struct request *req, const struct file_class *class, uint32_t limit)
{
	uint32_t access = req->open->granted_access;
	uint16_t dialect = req->conn->dialect;
	bool ea = class->access == FILE_READ_EA;

	if (class->info_class == FilePosixInformation) {
		return posix_info_check(req, limit);
	}
	if ((ea ? RULE(CORE_QUERYINFO_0008) : RULE(CORE_QUERYINFO_0007)) &&
		(class->access & ~access)) {
		return STATUS_ACCESS_DENIED;
	}
	if (RULE(CORE_QUERYINFO_0009) &&
		class->info_class == FileNormalizedNameInformation &&
		(dialect < 0x0300 || dialect == 0x0302)) {
		return STATUS_NOT_SUPPORTED;
	}
	if (RULE(CORE_QUERYINFO_0005) && limit < class->fixed) {
		return STATUS_INFO_LENGTH_MISMATCH;
	}
	/* No 8.3 names. */
	if (class->info_class == FileAlternateNameInformation) {
		return STATUS_OBJECT_NAME_NOT_FOUND;
	}
	return STATUS_SUCCESS;
}

/* Unknown, or known but not for queries. */
static uint32_t file_class_refused(uint8_t info_class)
{
	bool known = wire_value_name(&FILE_INFORMATION_CLASS_enum, info_class);

	if (known) {
		return RULE(CORE_QUERYINFO_0004) ? STATUS_NOT_SUPPORTED
						 : STATUS_INVALID_INFO_CLASS;
	}
	return RULE(CORE_QUERYINFO_0003) ? STATUS_INVALID_INFO_CLASS
					 : STATUS_NOT_SUPPORTED;
}

void info_file(struct request *req, const struct smb2_query_info_request *body)
{
	const struct file_class *class = file_class_of(body->file_info_class);
	struct file_work *work = request_alloc(req, sizeof *work);
	uint32_t status;

	if (!work) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	status = class ? file_check(req, class, body->output_buffer_length)
		       : file_class_refused(body->file_info_class);
	if (status) {
		request_fail(req, status);
		return;
	}
	work->info_class = body->file_info_class;
	work->limit = body->output_buffer_length;
	work->input = body->buffer;
	req->work = work;
	req->op.node = req->open->node;
	switch (work->info_class) {
	case FileStreamInformation:
		if (file_list_begin(req)) {
			file_streams_begin(req);
		}
		break;
	case FileFullEaInformation:
		if (file_list_begin(req)) {
			request_submit(req, FILES_GET_EA, file_eas);
		}
		break;
	default:
		request_submit(req, FILES_STAT, file_known);
		break;
	}
}

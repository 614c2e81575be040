/* SPDX-License-Identifier: MIT */
/* IOCTL. Rules CORE-IOCTL, [MS-SMB2] 3.3.5.15, [MS-FSA] 2.1.5.10. */
#include "suite/file.h"

#include <string.h>

#define ROOM 65536u
#define FIXED 120u /* header and fixed part of a request */

static const struct wire_view nothing;

static struct reply *ioctl_as(
	struct peer *a, const struct smb2_ioctl_request *ioctl)
{
	return peer_call(a, &smb2_ioctl_request_type, ioctl);
}

static struct wire_view one_byte(struct test *t, uint8_t value)
{
	return bytes_of(t, &value, 1);
}

static struct wire_view zeroes(size_t n)
{
	static const uint8_t bytes[256];
	return wire_view_of(bytes, n);
}

static struct file *open_for(struct peer *a, const char *path, uint32_t access)
{
	return need_file(a, path, &(struct create_options){.access = access});
}

/* --- any control code ----------------------------------------------------- */

static const struct {
	const char *name;
	uint32_t flags;
} flag_rows[] = {{"zero", 0}, {"two", 2}, {"three", 3}};

CONF_TABLE(core, no_fsctl, flag_rows, "there are no other control codes",
	RULES(CORE_IOCTL_0001))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	const struct smb2_ioctl_request ioctl = {
		.ctl_code = FSCTL_SRV_REQUEST_RESUME_KEY,
		.file_id = f->id,
		.max_output_response = ROOM,
		.flags = row->flags};
	check_status(
		t, ioctl_as(a, &ioctl), STATUS_NOT_SUPPORTED, CORE_IOCTL_0001);
}

static const struct {
	const char *name;
	uint32_t code;
} file_rows[] = {{"dfs_get_referrals", FSCTL_DFS_GET_REFERRALS},
	{"dfs_get_referrals_ex", FSCTL_DFS_GET_REFERRALS_EX},
	{"query_network_interface_info", FSCTL_QUERY_NETWORK_INTERFACE_INFO},
	{"validate_negotiate_info", FSCTL_VALIDATE_NEGOTIATE_INFO},
	{"pipe_wait", FSCTL_PIPE_WAIT}};

CONF_TABLE(core, code_without_a_file, file_rows,
	"some control codes have no file", RULES(CORE_IOCTL_0002))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	check_status(t, file_fsctl(f, row->code, zeroes(32), ROOM),
		STATUS_INVALID_PARAMETER, CORE_IOCTL_0002);
}

static const struct {
	const char *name;
	uint32_t offset;
} offset_rows[] = {{"not_aligned", FIXED + 4}, {"odd", FIXED + 1},
	{"below_the_input", FIXED - 8}, {"in_the_header", 8}};

CONF_TABLE(core, input_offset, offset_rows,
	"the input stands behind the fixed part, on 8 bytes",
	RULES(CORE_IOCTL_0003))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	const struct smb2_ioctl_request ioctl = {.ctl_code = FSCTL_SET_SPARSE,
		.file_id = f->id,
		.flags = SMB2_0_IOCTL_IS_FSCTL,
		.input = one_byte(t, 1)};
	struct pdu *pdu = pdu_build(a, &smb2_ioctl_request_type, &ioctl);
	mutate(pdu, SMB2_IOCTL_REQUEST_F_INPUT_OFFSET, set_to(row->offset));
	pdu_extend(pdu, zeroes(16).p, 16);
	check_status(
		t, pdu_call(pdu), STATUS_INVALID_PARAMETER, CORE_IOCTL_0003);
}

static const struct output_row {
	const char *name;
	uint32_t code, size;
	bool file;
} output_rows[] = {
	{"resume_key", FSCTL_SRV_REQUEST_RESUME_KEY, 16, true},
	{"network_interfaces", FSCTL_QUERY_NETWORK_INTERFACE_INFO, 16, false},
	{"snapshots", FSCTL_SRV_ENUMERATE_SNAPSHOTS, 8, true},
};

static uint32_t output_count(struct reply *r)
{
	const struct smb2_ioctl_response *body = r->body;
	return body != NULL && r->type == &smb2_ioctl_response_type
		       ? body->output_count
		       : 0;
}

CONF_TABLE(core, output_fits, output_rows,
	"no more output than MaxOutputResponse", RULES(CORE_IOCTL_0004))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *whole = row->file
				      ? file_fsctl(f, row->code, nothing, ROOM)
				      : peer_fsctl(a, row->code, nothing, ROOM);
	need_capability(t, whole,
		whole->status == STATUS_SUCCESS &&
			output_count(whole) > row->size,
		"an answer of more than %u bytes", row->size);
	struct reply *r =
		row->file ? file_fsctl(f, row->code, nothing, row->size)
			  : peer_fsctl(a, row->code, nothing, row->size);
	check(t, r, r->outcome == REPLY_ARRIVED && output_count(r) <= row->size,
		CORE_IOCTL_0004, "at most %u bytes of output, saw %u",
		row->size, output_count(r));
}

static const struct {
	const char *name;
	uint32_t code;
} unknown_rows[] = {{"unknown_code", 0x00090ffc}, {"other_device", 0x00ff0004}};

CONF_TABLE(core, unknown_code, unknown_rows,
	"a control code that nobody knows is refused", RULES(CORE_IOCTL_0005))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	check_status_in(t, file_fsctl(f, row->code, nothing, ROOM),
		CORE_IOCTL_0005, STATUS_NOT_SUPPORTED,
		STATUS_INVALID_DEVICE_REQUEST);
}

static struct reply *resume_key(struct file *f)
{
	return file_fsctl(f, FSCTL_SRV_REQUEST_RESUME_KEY, nothing, ROOM);
}

CONF_TEST(core, response_names_the_request,
	"a response has CtlCode and FileId of its request",
	RULES(CORE_IOCTL_0006))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = resume_key(f);
	need_ok(t, r);
	check_field(t, r, SMB2_IOCTL_RESPONSE_F_CTL_CODE,
		FSCTL_SRV_REQUEST_RESUME_KEY, CORE_IOCTL_0006);
	check_field(t, r, SMB2_IOCTL_RESPONSE_F_FLAGS, 0, CORE_IOCTL_0006);
	const struct smb2_ioctl_response *body =
		reply_as(r, smb2_ioctl_response);
	check_number(t, r, body->file_id.volatile_, f->id.volatile_,
		"FileId.Volatile", CORE_IOCTL_0006);
	check_number(t, r, body->file_id.persistent, f->id.persistent,
		"FileId.Persistent", CORE_IOCTL_0006);
}

CONF_TEST(core, output_is_aligned, "output starts on 8 bytes",
	RULES(CORE_IOCTL_0007))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = resume_key(f);
	need_ok(t, r);
	uint32_t offset = reply_as(r, smb2_ioctl_response)->output_offset;
	check(t, r, offset % 8 == 0 && offset != 0, CORE_IOCTL_0007,
		"OutputOffset is a multiple of 8, saw %u", offset);
}

CONF_TEST(core, no_dfs, "a server without DFS says so", RULES(CORE_IOCTL_0008))
{
	struct peer *a = client(t);
	need_capability(t, a->negotiate,
		(a->capabilities & SMB2_GLOBAL_CAP_DFS) == 0, "no DFS");
	const struct req_get_dfs_referral ask = {.max_referral_level = 4,
		.request_file_name = wire_view_of("\\\0a\0\\\0b\0\0", 10)};
	struct reply *r = peer_fsctl(a, FSCTL_DFS_GET_REFERRALS,
		encoded(t, &req_get_dfs_referral_type, &ask), 4096);
	check_status(t, r, STATUS_FS_DRIVER_REQUIRED, CORE_IOCTL_0008);
}

/* --- server-side copy ----------------------------------------------------- */

CONF_TEST(core, resume_key_size, "a resume key has 24 bytes in 32",
	RULES(CORE_IOCTL_0009))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = resume_key(f);
	stop_ok(t, r, CORE_IOCTL_0009);
	check_field(
		t, r, SMB2_IOCTL_RESPONSE_F_OUTPUT_COUNT, 32, CORE_IOCTL_0009);
	check(t, r,
		fsctl_data(r).n >= 24 &&
			memcmp(fsctl_data(r).p, zeroes(24).p, 24) != 0,
		CORE_IOCTL_0009, "a key of 24 bytes, not all of them zero");
}

/* What FSCTL_SRV_COPYCHUNK takes. */
struct copy {
	uint8_t key[24];
	unsigned int count;
	struct srv_copychunk chunks[4];
};

static struct copy copy_from(struct file *source)
{
	struct reply *r = resume_key(source);
	struct copy copy = {.count = 1, .chunks = {{.length = 10}}};
	need_capability(source->peer->t, r, r->status == STATUS_SUCCESS,
		"copies within the server");
	need(source->peer->t, fsctl_data(r).n >= 24, "a key of 24 bytes");
	memcpy(copy.key, fsctl_data(r).p, 24);
	return copy;
}

static struct wire_view copy_bytes(
	struct test *t, const struct copy *copy, unsigned int count)
{
	uint8_t *p = test_alloc(t, 32 + 24 * (size_t)count);
	memcpy(p, copy->key, 24);
	wire_put32(p + 24, count);
	for (unsigned int i = 0; i < count; i++) {
		const struct srv_copychunk *c =
			&copy->chunks[i < copy->count ? i : copy->count - 1];
		wire_put64(p + 32 + 24 * i, c->source_offset);
		wire_put64(p + 40 + 24 * i, c->target_offset);
		wire_put32(p + 48 + 24 * i, c->length);
	}
	return wire_view_of(p, 32 + 24 * (size_t)count);
}

static struct reply *copy_code(
	struct file *target, uint32_t code, const struct copy *copy)
{
	return file_fsctl(target, code,
		copy_bytes(target->peer->t, copy, copy->count), 12);
}

static struct reply *copy_chunks(struct file *target, const struct copy *copy)
{
	return copy_code(target, FSCTL_SRV_COPYCHUNK, copy);
}

static struct file *ten_digits(struct peer *a, const char *path)
{
	struct file *f = need_file(a, path, NULL);
	need_ok(a->t, file_write(f, 0, "0123456789", 10));
	return f;
}

CONF_TEST(core, copy_from_no_open, "SourceKey names an open",
	RULES(CORE_IOCTL_0010))
{
	struct peer *a = client(t);
	struct copy copy = copy_from(ten_digits(a, "x"));
	struct file *target = need_file(a, "y", NULL);
	memset(copy.key, 0x5a, sizeof(copy.key));
	check_status(t, copy_chunks(target, &copy),
		STATUS_OBJECT_NAME_NOT_FOUND, CORE_IOCTL_0010);
}

CONF_TEST(core, copy_from_a_closed_open, "a key ends with its open",
	RULES(CORE_IOCTL_0010))
{
	struct peer *a = client(t);
	struct file *source = ten_digits(a, "x");
	struct copy copy = copy_from(source);
	struct file *target = need_file(a, "y", NULL);
	need_ok(t, file_close(source));
	check_status(t, copy_chunks(target, &copy),
		STATUS_OBJECT_NAME_NOT_FOUND, CORE_IOCTL_0010);
}

/* The server's limits, out of its answer to a copy that is too long. */
static struct srv_copychunk_response limits_of(
	struct file *target, const struct copy *copy)
{
	struct test *t = target->peer->t;
	struct srv_copychunk_response limits = {0};
	struct copy huge = *copy;
	huge.chunks[0].length = 0xffffffff;
	struct reply *r = copy_chunks(target, &huge);
	need_status(t, r, STATUS_INVALID_PARAMETER);
	need(t, srv_copychunk_response_decode(fsctl_data(r), &limits) == 0,
		"a SRV_COPYCHUNK_RESPONSE");
	return limits;
}

CONF_TEST(core, limits_of_a_copy, "a copy that is too long learns the limits",
	RULES(CORE_IOCTL_0011, CORE_IOCTL_0013))
{
	struct peer *a = client(t);
	struct copy copy = copy_from(ten_digits(a, "x"));
	struct file *target = need_file(a, "y", NULL);
	copy.chunks[0].length = 0xffffffff;
	struct reply *r = copy_chunks(target, &copy);
	stop_status(t, r, STATUS_INVALID_PARAMETER, CORE_IOCTL_0011);
	struct srv_copychunk_response limits = {0};
	stop(t, r, srv_copychunk_response_decode(fsctl_data(r), &limits) == 0,
		CORE_IOCTL_0013, "a SRV_COPYCHUNK_RESPONSE");
	check(t, r, limits.chunks_written > 0, CORE_IOCTL_0013,
		"the most chunks, saw %u", limits.chunks_written);
	check(t, r, limits.chunk_bytes_written > 0, CORE_IOCTL_0013,
		"the longest chunk, saw %u", limits.chunk_bytes_written);
	check(t, r, limits.total_bytes_written >= limits.chunk_bytes_written,
		CORE_IOCTL_0013, "the greatest sum, saw %u",
		limits.total_bytes_written);
}

static const struct {
	const char *name;
	bool count, total;
} limit_rows[] = {{"chunks", true, false}, {"length", false, false},
	{"total", false, true}};

CONF_TABLE(core, beyond_a_limit, limit_rows, "one more than a limit is refused",
	RULES(CORE_IOCTL_0011))
{
	struct peer *a = client(t);
	struct copy copy = copy_from(ten_digits(a, "x"));
	struct file *target = need_file(a, "y", NULL);
	struct srv_copychunk_response limits = limits_of(target, &copy);
	unsigned int count = 1;
	need(t, limits.chunk_bytes_written > 0 && limits.chunks_written > 0,
		"limits above zero");
	if (row->count) {
		count = limits.chunks_written + 1;
		copy.chunks[0].length = 1;
	} else if (row->total) {
		copy.chunks[0].length = limits.chunk_bytes_written;
		count = limits.total_bytes_written /
				limits.chunk_bytes_written +
			1;
		need_capability(t, NULL, count <= limits.chunks_written,
			"a sum that its chunks can exceed");
	} else {
		copy.chunks[0].length = limits.chunk_bytes_written + 1;
	}
	need(t, count <= 4096, "a limit of at most 4096 chunks");
	struct reply *r = file_fsctl(
		target, FSCTL_SRV_COPYCHUNK, copy_bytes(t, &copy, count), 12);
	check_status(t, r, STATUS_INVALID_PARAMETER, CORE_IOCTL_0011);
}

CONF_TEST(core, chunk_of_nothing, "a chunk of no bytes is refused",
	RULES(CORE_IOCTL_0012))
{
	struct peer *a = client(t);
	struct copy copy = copy_from(ten_digits(a, "x"));
	struct file *target = need_file(a, "y", NULL);
	copy.chunks[0].length = 0;
	check_status(t, copy_chunks(target, &copy), STATUS_INVALID_PARAMETER,
		CORE_IOCTL_0012);
}

static const struct {
	const char *name;
	uint32_t source, target;
	enum rule_id rule;
} access_rows[] = {
	{"source_not_readable", FILE_WRITE_DATA | FILE_READ_ATTRIBUTES,
		FILE_READ_DATA | FILE_WRITE_DATA, RULE_CORE_IOCTL_0014},
	{"target_not_writable", FILE_READ_DATA,
		FILE_READ_DATA | FILE_READ_ATTRIBUTES, RULE_CORE_IOCTL_0014},
	{"target_not_readable", FILE_READ_DATA,
		FILE_WRITE_DATA | FILE_READ_ATTRIBUTES, RULE_CORE_IOCTL_0015},
};

CONF_TABLE(core, rights_of_a_copy, access_rows,
	"a copy needs rights at both ends",
	RULES(CORE_IOCTL_0014, CORE_IOCTL_0015))
{
	struct peer *a = client(t);
	need_ok(t, file_close(ten_digits(a, "x")));
	need_ok(t, file_close(need_file(a, "y", NULL)));
	struct file *source = open_for(a, "x", row->source);
	struct file *target = open_for(a, "y", row->target);
	struct copy copy = copy_from(source);
	rule_status(
		t, copy_chunks(target, &copy), STATUS_ACCESS_DENIED, row->rule);
}

CONF_TEST(core, copychunk_write, "COPYCHUNK_WRITE needs no right to read",
	RULES(CORE_IOCTL_0016))
{
	struct peer *a = client(t);
	struct copy copy = copy_from(ten_digits(a, "x"));
	need_ok(t, file_close(need_file(a, "y", NULL)));
	struct file *target =
		open_for(a, "y", FILE_WRITE_DATA | FILE_READ_ATTRIBUTES);
	check_ok(t, copy_code(target, FSCTL_SRV_COPYCHUNK_WRITE, &copy),
		CORE_IOCTL_0016);
	struct file *f = open_for(a, "y", FILE_READ_DATA);
	struct reply *r = file_read(f, 0, 100);
	check_bytes(t, r, read_data(r), text_bytes("0123456789"), "Data",
		CORE_IOCTL_0016);
}

CONF_TEST(core, copy_from_another_session, "a key is of one session",
	RULES(CORE_IOCTL_0017))
{
	struct peer *a = client(t);
	struct peer *b = client(t);
	struct copy copy = copy_from(ten_digits(a, "x"));
	struct file *target = need_file(b, "y", NULL);
	check_status(t, copy_chunks(target, &copy),
		STATUS_OBJECT_NAME_NOT_FOUND, CORE_IOCTL_0017);
}

CONF_TEST(core, copy, "chunks are copied from their places to their places",
	RULES(CORE_IOCTL_0018, CORE_IOCTL_0019))
{
	struct peer *a = client(t);
	struct copy copy = copy_from(ten_digits(a, "x"));
	struct file *target = need_file(a, "y", NULL);
	need_ok(t, file_write(target, 0, "abcdefghij", 10));
	copy.count = 2;
	copy.chunks[0] = (struct srv_copychunk){
		.source_offset = 0, .target_offset = 6, .length = 3};
	copy.chunks[1] = (struct srv_copychunk){
		.source_offset = 7, .target_offset = 1, .length = 2};
	struct reply *r = copy_chunks(target, &copy);
	stop_ok(t, r, CORE_IOCTL_0018);
	struct srv_copychunk_response done = {0};
	stop(t, r, srv_copychunk_response_decode(fsctl_data(r), &done) == 0,
		CORE_IOCTL_0019, "a SRV_COPYCHUNK_RESPONSE");
	check_number(
		t, r, done.chunks_written, 2, "ChunksWritten", CORE_IOCTL_0019);
	check_number(t, r, done.chunk_bytes_written, 0, "ChunkBytesWritten",
		CORE_IOCTL_0019);
	check_number(t, r, done.total_bytes_written, 5, "TotalBytesWritten",
		CORE_IOCTL_0019);
	struct reply *d = file_read(target, 0, 100);
	check_bytes(t, d, read_data(d), text_bytes("a78def012j"), "Data",
		CORE_IOCTL_0018);
}

/* --- files ---------------------------------------------------------------- */

static struct reply *duplicate(struct file *target, struct smb2_fileid source)
{
	const struct smb2_duplicate_extents_data data = {
		.source_file_id = source, .byte_count = ROOM};
	return file_fsctl(target, FSCTL_DUPLICATE_EXTENTS_TO_FILE,
		encoded(target->peer->t, &smb2_duplicate_extents_data_type,
			&data),
		0);
}

static struct file *block_of(struct peer *a, const char *path, uint8_t byte)
{
	struct file *f = need_file(a, path, NULL);
	uint8_t *p = test_alloc(a->t, ROOM);
	memset(p, byte, ROOM);
	need_ok(a->t, file_write(f, 0, p, ROOM));
	return f;
}

static void need_duplicate(struct reply *r)
{
	need_capability(r->peer->t, r,
		r->status != STATUS_INVALID_DEVICE_REQUEST &&
			r->status != STATUS_NOT_SUPPORTED,
		"FSCTL_DUPLICATE_EXTENTS_TO_FILE");
}

CONF_TEST(core, duplicate_from_no_open, "SourceFileID names an open",
	RULES(CORE_IOCTL_0020))
{
	struct peer *a = client(t);
	struct file *target = block_of(a, "y", 'y');
	const struct smb2_fileid none = {0x5a5a5a5a5a5a, 0xa5a5a5a5a5a5};
	struct reply *r = duplicate(target, none);
	need_duplicate(r);
	check_status(t, r, STATUS_INVALID_HANDLE, CORE_IOCTL_0020);
}

CONF_TEST(core, duplicate_extents, "a duplicated range reads as its source",
	RULES(CORE_IOCTL_0021))
{
	struct peer *a = client(t);
	struct file *source = block_of(a, "x", 'x');
	struct file *target = block_of(a, "y", 'y');
	struct reply *r = duplicate(target, source->id);
	need_duplicate(r);
	need_ok(t, r);
	struct reply *want = file_read(source, 0, ROOM);
	struct reply *seen = file_read(target, 0, ROOM);
	need_ok(t, want);
	check_bytes(t, seen, read_data(seen), read_data(want), "Data",
		CORE_IOCTL_0021);
}

static struct reply *ranges(struct file *f, uint64_t offset, uint64_t length)
{
	const struct file_allocated_range_buffer ask = {
		.file_offset = offset, .length = length};
	return file_fsctl(f, FSCTL_QUERY_ALLOCATED_RANGES,
		encoded(f->peer->t, &file_allocated_range_buffer_type, &ask),
		ROOM);
}

static void need_sparse(struct file *f)
{
	struct reply *r =
		file_fsctl(f, FSCTL_SET_SPARSE, one_byte(f->peer->t, 1), 0);
	need_capability(
		f->peer->t, r, r->status == STATUS_SUCCESS, "sparse files");
}

CONF_TEST(core, ranges_of_nothing, "no bytes have no ranges",
	RULES(CORE_IOCTL_0022))
{
	struct peer *a = client(t);
	struct file *f = ten_digits(a, "x");
	need_capability(t, NULL,
		ranges(f, 0, 10)->status != STATUS_INVALID_DEVICE_REQUEST,
		"FSCTL_QUERY_ALLOCATED_RANGES");
	struct reply *r = ranges(f, 0, 0);
	check_ok(t, r, CORE_IOCTL_0022);
	check_number(
		t, r, fsctl_data(r).n, 0, "bytes of output", CORE_IOCTL_0022);
}

/* Whether ranges of an answer hold every byte from one place to another. */
static bool covers(struct wire_view ranges_, uint64_t from, uint64_t to)
{
	for (size_t at = 0; at + 16 <= ranges_.n && from < to; at += 16) {
		uint64_t start = wire_get64(ranges_.p + at);
		uint64_t end = start + wire_get64(ranges_.p + at + 8);
		if (start <= from && end > from) {
			from = end;
		}
	}
	return from >= to;
}

static const struct {
	const char *name;
	bool sparse;
	uint64_t offset, length, from, to;
} range_rows[] = {{"plain_file", false, 0, 1 << 20, 0, 10},
	{"sparse_file_begin", true, 0, 1 << 20, 0, 10},
	{"sparse_file_end", true, 0, 1 << 20, 600000, 600010},
	{"part_of_it", true, 600000, 5, 600000, 600005}};

CONF_TABLE(core, allocated_ranges, range_rows, "the ranges cover all data",
	RULES(CORE_IOCTL_0023))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	if (row->sparse) {
		need_sparse(f);
	}
	need_ok(t, file_write(f, 0, "0123456789", 10));
	need_ok(t, file_write(f, 600000, "0123456789", 10));
	struct reply *r = ranges(f, row->offset, row->length);
	need_capability(t, r, r->status != STATUS_INVALID_DEVICE_REQUEST,
		"FSCTL_QUERY_ALLOCATED_RANGES");
	stop_ok(t, r, CORE_IOCTL_0023);
	check(t, r, covers(fsctl_data(r), row->from, row->to), CORE_IOCTL_0023,
		"bytes %u to %u lie in the ranges", (unsigned int)row->from,
		(unsigned int)row->to);
}

static struct reply *zero(struct file *f, uint64_t from, uint64_t to)
{
	const struct file_zero_data_information data = {
		.file_offset = from, .beyond_final_zero = to};
	struct reply *r = file_fsctl(f, FSCTL_SET_ZERO_DATA,
		encoded(f->peer->t, &file_zero_data_information_type, &data),
		0);
	need_capability(f->peer->t, r,
		r->status != STATUS_INVALID_DEVICE_REQUEST &&
			r->status != STATUS_NOT_SUPPORTED,
		"FSCTL_SET_ZERO_DATA");
	return r;
}

CONF_TEST(core, zero_backwards, "a range that ends before it begins",
	RULES(CORE_IOCTL_0024))
{
	struct peer *a = client(t);
	struct file *f = ten_digits(a, "x");
	check_status(
		t, zero(f, 7, 3), STATUS_INVALID_PARAMETER, CORE_IOCTL_0024);
}

static const struct {
	const char *name;
	uint64_t from, to;
	const char *data;
} zero_rows[] = {{"middle", 3, 7, "012\0\0\0\000789"},
	{"begin", 0, 4, "\0\0\0\000456789"},
	{"beyond_the_end", 6, 100, "012345\0\0\0\0"},
	{"nothing", 5, 5, "0123456789"}};

CONF_TABLE(core, zero_data, zero_rows,
	"a range reads as zeroes, and the size stays",
	RULES(CORE_IOCTL_0025, CORE_IOCTL_0026))
{
	struct peer *a = client(t);
	struct file *f = ten_digits(a, "x");
	struct reply *z = zero(f, row->from, row->to);
	stop_ok(t, z, CORE_IOCTL_0025);
	uint64_t size = file_size(f);
	check_number(t, z, size, 10, "EndOfFile", CORE_IOCTL_0026);
	struct reply *r = file_read(f, 0, 10);
	check_bytes(t, r, read_data(r), wire_view_of(row->data, 10), "Data",
		CORE_IOCTL_0025);
}

static const struct {
	const char *name;
	unsigned int bytes;
	uint8_t value;
} sparse_rows[] = {{"without_input", 0, 0}, {"true", 1, 1}, {"two", 1, 2}};

CONF_TABLE(core, set_sparse, sparse_rows, "a file becomes sparse",
	RULES(CORE_IOCTL_0027))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = file_fsctl(f, FSCTL_SET_SPARSE,
		row->bytes > 0 ? one_byte(t, row->value) : nothing, 0);
	need_capability(t, r, r->status != STATUS_INVALID_DEVICE_REQUEST,
		"sparse files");
	check_ok(t, r, CORE_IOCTL_0027);
	uint32_t seen = file_basic(f).file_attributes;
	check(t, r, seen & FILE_ATTRIBUTE_SPARSE_FILE, CORE_IOCTL_0027,
		"FILE_ATTRIBUTE_SPARSE_FILE is set");
}

CONF_TEST(core, sparse_needs_the_right, "a file becomes sparse by a writer",
	RULES(CORE_IOCTL_0028))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_sparse(f);
	need_ok(t, file_close(f));
	struct file *g =
		open_for(a, "x", FILE_READ_DATA | FILE_READ_ATTRIBUTES);
	check_status(t, file_fsctl(g, FSCTL_SET_SPARSE, one_byte(t, 1), 0),
		STATUS_ACCESS_DENIED, CORE_IOCTL_0028);
}

/* --- network interfaces --------------------------------------------------- */

CONF_TEST(core, network_interfaces, "every address is listed once",
	RULES(CORE_IOCTL_0029),
	NEEDS(CAPABILITY(SMB2_GLOBAL_CAP_MULTI_CHANNEL)))
{
	struct peer *a = client(t);
	struct reply *r = peer_fsctl(
		a, FSCTL_QUERY_NETWORK_INTERFACE_INFO, nothing, ROOM);
	stop_ok(t, r, CORE_IOCTL_0029);
	struct wire_list list =
		wire_list_of(&network_interface_info_type, fsctl_data(r));
	struct network_interface_info seen[64];
	unsigned int count = 0;
	while (count < 64 && wire_list_next(&list, &seen[count], NULL) > 0) {
		const struct network_interface_info *info = &seen[count];
		check(t, r,
			info->family == InterNetwork ||
				info->family == InterNetworkV6,
			CORE_IOCTL_0029, "Family of structure %u, saw 0x%04x",
			count, info->family);
		for (unsigned int i = 0; i < count; i++) {
			check(t, r,
				seen[i].if_index != info->if_index ||
					seen[i].family != info->family ||
					!wire_view_equal(
						seen[i].buffer, info->buffer),
				CORE_IOCTL_0029, "structures %u and %u differ",
				i, count);
		}
		count++;
	}
	check(t, r, count > 0, CORE_IOCTL_0029, "an address is listed");
}

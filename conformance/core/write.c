/* SPDX-License-Identifier: MIT */
/* WRITE. Rules CORE-WRITE, [MS-SMB2] 3.3.5.13. */
#include "suite/file.h"

#include <string.h>

static const uint8_t data[8] = "12345678";

static struct smb2_write_request write_of(struct file *f)
{
	return (struct smb2_write_request){.length = sizeof(data),
		.file_id = f->id,
		.buffer = wire_view_of(data, sizeof(data))};
}

static struct reply *write_as(
	struct file *f, const struct smb2_write_request *write)
{
	return peer_call(f->peer, &smb2_write_request_type, write);
}

CONF_TEST(core, write_needs_the_right, "WRITE needs the right to write",
	RULES(CORE_WRITE_0001))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 0, "0123456789", 10));
	struct file *reader = need_file(a, "x",
		&(struct create_options){
			.access = FILE_READ_DATA | FILE_READ_ATTRIBUTES});
	check_status(t, file_write(reader, 0, "x", 1), STATUS_ACCESS_DENIED,
		CORE_WRITE_0001);
}

CONF_TEST(core, write_inside_of_one_who_appends,
	"who may only append does not overwrite", RULES(CORE_WRITE_0019))
{
	struct peer *a = client(t);
	need_ok(t, file_write(need_file(a, "x", NULL), 0, "0123456789", 10));
	struct file *f = need_file(a, "x",
		&(struct create_options){
			.access = FILE_APPEND_DATA | FILE_READ_ATTRIBUTES});
	need_ok(t, file_write(f, 10, "x", 1));
	check_status(t, file_write(f, 0, "x", 1), STATUS_ACCESS_DENIED,
		CORE_WRITE_0019);
}

CONF_TEST(core, write_above_max_write_size,
	"WRITE above MaxWriteSize is refused", RULES(CORE_WRITE_0002),
	NEEDS(DIALECT_MIN(SMB2_DIALECT_210),
		CAPABILITY(SMB2_GLOBAL_CAP_LARGE_MTU)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	uint32_t length = a->max_write + 1;
	uint32_t charge = (length - 1) / 65536 + 1;
	need(t, charge <= a->credits, "%u credits", charge);
	need(t, length <= (8u << 20) + 1, "MaxWriteSize of at most 8 MiB");
	struct smb2_write_request write = write_of(f);
	write.length = length;
	write.buffer = wire_view_of(test_alloc(t, length), length);
	struct pdu *pdu = pdu_build(a, &smb2_write_request_type, &write);
	mutate_header(pdu, SMB2_HEADER_F_CREDIT_CHARGE, set_to(charge));
	pdu->requests = charge;
	check_status(
		t, pdu_call(pdu), STATUS_INVALID_PARAMETER, CORE_WRITE_0002);
}

static const struct {
	const char *name;
	uint16_t offset;
	uint32_t extra;
	enum rule_id rule;
} place_rows[] = {
	{"offset_above_0x100", 0x101, 0, RULE_CORE_WRITE_0003},
	{"one_byte_beyond", 0, 1, RULE_CORE_WRITE_0004},
	{"far_beyond", 0, 60000, RULE_CORE_WRITE_0004},
};

CONF_TABLE(core, write_data_outside_the_message, place_rows,
	"data that does not lie where it should is refused",
	RULES(CORE_WRITE_0003, CORE_WRITE_0004))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct smb2_write_request write = write_of(f);
	struct pdu *pdu = pdu_build(a, &smb2_write_request_type, &write);
	if (row->offset != 0) {
		static const uint8_t filler[256];
		mutate(pdu, SMB2_WRITE_REQUEST_F_DATA_OFFSET,
			set_to(row->offset));
		pdu_extend(pdu, filler, sizeof(filler));
	}
	mutate(pdu, SMB2_WRITE_REQUEST_F_LENGTH, add_to(row->extra));
	rule_status(t, pdu_call(pdu), STATUS_INVALID_PARAMETER, row->rule);
	rule_alive(t, a, row->rule);
}

static const struct {
	const char *name;
	uint32_t channel;
	enum rule_id rule;
} channel_rows[] = {
	{"undefined", 0x77, RULE_CORE_WRITE_0005},
	{"rdma_v1", SMB2_CHANNEL_RDMA_V1, RULE_CORE_WRITE_0006},
};

CONF_TABLE(core, write_channel, channel_rows,
	"a Channel that the connection does not have is refused",
	RULES(CORE_WRITE_0005, CORE_WRITE_0006),
	NEEDS(DIALECT_MIN(SMB2_DIALECT_300)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct smb2_write_request write = write_of(f);
	write.channel = row->channel;
	rule_status(
		t, write_as(f, &write), STATUS_INVALID_PARAMETER, row->rule);
}

CONF_TEST(core, write_through_without_unbuffered,
	"WRITE_THROUGH alone is refused on a buffered open",
	RULES(CORE_WRITE_0007), NEEDS(DIALECT_MIN(SMB2_DIALECT_302)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct smb2_write_request write = write_of(f);
	write.flags = SMB2_WRITEFLAG_WRITE_THROUGH;
	check_status(t, write_as(f, &write), STATUS_INVALID_PARAMETER,
		CORE_WRITE_0007);
}

static const struct {
	const char *name;
	uint16_t dialect;
} through_rows[] = {{"2.1", SMB2_DIALECT_210}, {"3.0", SMB2_DIALECT_300}};

CONF_TABLE(core, write_through_on_a_buffered_open, through_rows,
	"WRITE_THROUGH is refused on a buffered open", RULES(CORE_WRITE_0020))
{
	struct peer *a = client_with(
		t, &(struct client_options){.dialect = row->dialect});
	struct file *f = need_file(a, "x", NULL);
	struct smb2_write_request write = write_of(f);
	write.flags = SMB2_WRITEFLAG_WRITE_THROUGH;
	check_status(t, write_as(f, &write), STATUS_INVALID_PARAMETER,
		CORE_WRITE_0020);
}

CONF_TEST(core, write_undefined_flags, "undefined Flags mean nothing",
	RULES(CORE_WRITE_0008))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct smb2_write_request write = write_of(f);
	write.flags = 0x40000000;
	check_ok(t, write_as(f, &write), CORE_WRITE_0008);
}

static const struct {
	const char *name;
	uint64_t offset;
} end_rows[] = {{"at_the_limit", INT64_MAX}, {"across", INT64_MAX - 4}};

CONF_TABLE(core, write_beyond_the_largest_offset, end_rows,
	"WRITE beyond the largest offset is refused", RULES(CORE_WRITE_0009))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct smb2_write_request write = write_of(f);
	write.offset = row->offset;
	check_status(t, write_as(f, &write), STATUS_INVALID_PARAMETER,
		CORE_WRITE_0009);
}

CONF_TEST(core, write_of_nothing, "WRITE of no bytes changes nothing",
	RULES(CORE_WRITE_0010))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct smb2_write_request write = write_of(f);
	write.data_offset = 0x70;
	write.length = 0;
	write.offset = 1000;
	write.buffer.n = 0;
	struct reply *r = write_as(f, &write);
	check_ok(t, r, CORE_WRITE_0010);
	need_ok(t, r);
	check_field(t, r, SMB2_WRITE_RESPONSE_F_COUNT, 0, CORE_WRITE_0010);
	uint64_t size = file_size(f);
	check_number(t, r, size, 0, "EndOfFile", CORE_WRITE_0010);
}

CONF_TEST(core, write_extends_the_file,
	"WRITE beyond the end sets the size and fills the gap with zeroes",
	RULES(CORE_WRITE_0011, CORE_WRITE_0012, CORE_WRITE_0016))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 0, "abc", 3));
	struct reply *r = file_write(f, 100, "end", 3);
	need_ok(t, r);
	check_field(t, r, SMB2_WRITE_RESPONSE_F_COUNT, 3, CORE_WRITE_0016);
	uint64_t size = file_size(f);
	check_number(t, r, size, 103, "EndOfFile", CORE_WRITE_0011);
	struct reply *gap = file_read(f, 3, 97);
	need_ok(t, gap);
	static const uint8_t zeroes[97];
	check_bytes(t, gap, read_data(gap), wire_view_of(zeroes, 97), "gap",
		CORE_WRITE_0012);
}

CONF_TEST(core, write_against_an_exclusive_lock,
	"WRITE into a range that another open has locked is refused",
	RULES(CORE_WRITE_0013))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct file *g = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 0, "0123456789", 10));
	need_ok(t, file_lock(f, 4, 2,
			   SMB2_LOCKFLAG_EXCLUSIVE_LOCK |
				   SMB2_LOCKFLAG_FAIL_IMMEDIATELY));
	check_status(t, file_write(g, 0, "abcdef", 6),
		STATUS_FILE_LOCK_CONFLICT, CORE_WRITE_0013);
	check_ok(t, file_write(g, 0, "abcd", 4), CORE_WRITE_0013);
}

CONF_TEST(core, write_against_a_shared_lock,
	"WRITE into a range under a shared lock is refused to all",
	RULES(CORE_WRITE_0014))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 0, "0123456789", 10));
	need_ok(t, file_lock(f, 4, 2,
			   SMB2_LOCKFLAG_SHARED_LOCK |
				   SMB2_LOCKFLAG_FAIL_IMMEDIATELY));
	check_status(t, file_write(f, 4, "x", 1), STATUS_FILE_LOCK_CONFLICT,
		CORE_WRITE_0014);
}

CONF_TEST(core, write_to_a_directory, "WRITE to a directory is refused",
	RULES(CORE_WRITE_0015))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	check_status(t, file_write(d, 0, "x", 1), STATUS_INVALID_DEVICE_REQUEST,
		CORE_WRITE_0015);
}

CONF_TEST(core, write_response_layout,
	"the unused fields of a WRITE response are zero",
	RULES(CORE_WRITE_0017))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = file_write(f, 0, "abc", 3);
	need_ok(t, r);
	check_field(t, r, SMB2_WRITE_RESPONSE_F_REMAINING, 0, CORE_WRITE_0017);
	check_field(t, r, SMB2_WRITE_RESPONSE_F_WRITE_CHANNEL_INFO_OFFSET, 0,
		CORE_WRITE_0017);
	check_field(t, r, SMB2_WRITE_RESPONSE_F_WRITE_CHANNEL_INFO_LENGTH, 0,
		CORE_WRITE_0017);
}

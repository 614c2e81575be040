/* SPDX-License-Identifier: MIT */
/*
 * Rules CORE-READ. [MS-SMB2] 3.3.5.12, [MS-FSA] 2.1.5.3
 */
#include "suite/file.h"

static const struct read_row {
	const char *name;
	uint64_t offset;
	uint32_t length;
	const char *data; /* NULL: STATUS_END_OF_FILE */
} read_rows[] = {
	{"whole", 0, 10, "0123456789"},
	{"middle", 3, 4, "3456"},
	{"across_the_end", 8, 100, "89"},
};

CONF_TABLE(core, data, read_rows, "READ returns what was written",
	RULES(CORE_READ_0007, CORE_READ_0012))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r;

	need_ok(t, file_write(f, 0, "0123456789", 10));
	r = file_read(f, row->offset, row->length);
	check_ok(t, r, CORE_READ_0007);
	check_bytes(t, r, read_data(r), text_bytes(row->data), "Data",
		CORE_READ_0012);
}

CONF_TEST(core, beyond_end, "READ at or beyond the end of the file",
	RULES(CORE_READ_0006))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);

	need_ok(t, file_write(f, 0, "abc", 3));
	check_status(t, file_read(f, 3, 1), STATUS_END_OF_FILE, CORE_READ_0006);
	check_status(t, file_read(f, 1000000, 1), STATUS_END_OF_FILE,
		CORE_READ_0006);
}

CONF_TEST(core, without_access, "READ on an open without FILE_READ_DATA",
	RULES(CORE_READ_0001))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x",
		&(struct create_options){
			.access = FILE_WRITE_DATA | FILE_READ_ATTRIBUTES});

	need_ok(t, file_write(f, 0, "abc", 3));
	check_status(
		t, file_read(f, 0, 3), STATUS_ACCESS_DENIED, CORE_READ_0001);
}

static const struct sealed_row {
	const char *name;
	uint16_t dialect, cipher;
} sealed_rows[] = {
	{"3.0", 0x0300, 0},
	{"aes_128_ccm", 0x0311, SMB2_ENCRYPTION_AES128_CCM},
	{"aes_128_gcm", 0x0311, SMB2_ENCRYPTION_AES128_GCM},
	{"aes_256_ccm", 0x0311, SMB2_ENCRYPTION_AES256_CCM},
	{"aes_256_gcm", 0x0311, SMB2_ENCRYPTION_AES256_GCM},
};

CONF_TABLE(core, encrypted, sealed_rows, "READ through an encrypted session",
	RULES(CORE_READ_0012), NEEDS(DIALECT_MIN(0x0300), ENCRYPTION))
{
	struct peer *a =
		client_with(t, &(struct client_options){.dialect = row->dialect,
				       .cipher = row->cipher,
				       .encrypt = true});
	struct file *f = need_file(a, "x", NULL);
	struct reply *r;

	need_ok(t, file_write(f, 0, "secret", 6));
	r = file_read(f, 0, 6);
	check_bytes(t, r, read_data(r), text_bytes("secret"), "Data",
		CORE_READ_0012);
}

/* --- requests that are refused -------------------------------------------- */

static struct reply *read_as(
	struct peer *a, const struct smb2_read_request *read)
{
	return peer_call(a, &smb2_read_request_type, read);
}

static struct file *ten_digits(struct peer *a)
{
	struct file *f = need_file(a, "x", NULL);

	need_ok(a->t, file_write(f, 0, "0123456789", 10));
	return f;
}

CONF_TEST(core, above_max_read_size, "READ above MaxReadSize is refused",
	RULES(CORE_READ_0002),
	NEEDS(DIALECT_MIN(SMB2_DIALECT_210),
		CAPABILITY(SMB2_GLOBAL_CAP_LARGE_MTU)))
{
	struct peer *a = client(t);
	struct file *f = ten_digits(a);
	const struct smb2_read_request read = {
		.length = a->max_read + 1, .file_id = f->id};
	uint32_t charge = (read.length - 1) / 65536 + 1;
	struct pdu *pdu;

	need(t, charge <= a->credits, "%u credits", charge);
	pdu = pdu_build(a, &smb2_read_request_type, &read);
	mutate_header(pdu, SMB2_HEADER_F_CREDIT_CHARGE, set_to(charge));
	pdu->requests = charge;
	check_status(
		t, pdu_call(pdu), STATUS_INVALID_PARAMETER, CORE_READ_0002);
}

static const struct {
	const char *name;
	uint32_t channel;
	enum rule_id rule;
} channel_rows[] = {
	{"undefined", 0x77, RULE_CORE_READ_0003},
	{"high_bit", 0x80000000, RULE_CORE_READ_0003},
	{"rdma_v1", SMB2_CHANNEL_RDMA_V1, RULE_CORE_READ_0004},
};

CONF_TABLE(core, channel, channel_rows,
	"a Channel that the connection does not have is refused",
	RULES(CORE_READ_0003, CORE_READ_0004),
	NEEDS(DIALECT_MIN(SMB2_DIALECT_300)))
{
	struct peer *a = client(t);
	struct file *f = ten_digits(a);
	const struct smb2_read_request read = {
		.length = 10, .file_id = f->id, .channel = row->channel};

	rule_status(t, read_as(a, &read), STATUS_INVALID_PARAMETER, row->rule);
}

static const struct {
	const char *name;
	uint64_t offset;
	uint32_t length;
} offset_rows[] = {{"minus_one", UINT64_MAX, 1},
	{"lowest", (uint64_t)1 << 63, 1},
	{"across_the_limit", INT64_MAX - 4, 8}, {"at_the_limit", INT64_MAX, 1}};

CONF_TABLE(core, beyond_the_largest_offset, offset_rows,
	"READ beyond the largest offset is refused", RULES(CORE_READ_0005))
{
	struct peer *a = client(t);
	struct file *f = ten_digits(a);

	check_status(t, file_read(f, row->offset, row->length),
		STATUS_INVALID_PARAMETER, CORE_READ_0005);
}

static const struct {
	const char *name;
	uint64_t offset;
	uint32_t minimum, status;
} minimum_rows[] = {
	{"enough", 0, 10, STATUS_SUCCESS},
	{"one_too_many", 0, 11, STATUS_END_OF_FILE},
	{"near_the_end", 8, 3, STATUS_END_OF_FILE},
	{"just_the_rest", 8, 2, STATUS_SUCCESS},
};

CONF_TABLE(core, minimum_count, minimum_rows,
	"fewer bytes than MinimumCount are an end of file",
	RULES(CORE_READ_0007, CORE_READ_0008))
{
	struct peer *a = client(t);
	struct file *f = ten_digits(a);
	const struct smb2_read_request read = {.length = 100,
		.offset = row->offset,
		.file_id = f->id,
		.minimum_count = row->minimum};
	struct reply *r = read_as(a, &read);

	if (row->status == STATUS_SUCCESS) {
		check_ok(t, r, CORE_READ_0007);
		check_number(t, r, read_data(r).n, 10 - row->offset,
			"bytes of data", CORE_READ_0007);
	} else {
		check_status(t, r, row->status, CORE_READ_0008);
	}
}

static const struct {
	const char *name;
	uint64_t offset;
} nothing_rows[] = {{"begin", 0}, {"end", 10}, {"beyond", 1000}};

CONF_TABLE(core, nothing, nothing_rows, "READ of no bytes returns none",
	RULES(CORE_READ_0009))
{
	struct peer *a = client(t);
	struct file *f = ten_digits(a);
	struct reply *r = file_read(f, row->offset, 0);

	check_ok(t, r, CORE_READ_0009);
	check_field(t, r, SMB2_READ_RESPONSE_F_DATA_LENGTH, 0, CORE_READ_0009);
}

CONF_TEST(core, exclusive_lock,
	"READ of a range that another open has locked is refused",
	RULES(CORE_READ_0010))
{
	struct peer *a = client(t);
	struct file *f = ten_digits(a);
	struct file *g = need_file(a, "x", NULL);

	need_ok(t, file_lock(f, 4, 2,
			   SMB2_LOCKFLAG_EXCLUSIVE_LOCK |
				   SMB2_LOCKFLAG_FAIL_IMMEDIATELY));
	check_status(t, file_read(g, 0, 6), STATUS_FILE_LOCK_CONFLICT,
		CORE_READ_0010);
	check_ok(t, file_read(g, 0, 4), CORE_READ_0010);
	check_ok(t, file_read(f, 0, 6), CORE_READ_0010);
}

CONF_TEST(core, directory, "READ of a directory is refused",
	RULES(CORE_READ_0011))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");

	check_status(t, file_read(d, 0, 1), STATUS_INVALID_DEVICE_REQUEST,
		CORE_READ_0011);
}

CONF_TEST(core, hole, "what was never written reads as zeroes",
	RULES(CORE_READ_0012))
{
	struct peer *a = client(t);
	struct file *f = ten_digits(a);
	static const uint8_t zeroes[1000];
	struct reply *r;

	need_ok(t, file_write(f, 100000, "end", 3));
	r = file_read(f, 50000, 1000);
	check_bytes(t, r, read_data(r), wire_view_of(zeroes, 1000), "hole",
		CORE_READ_0012);
	need_ok(t, file_write(f, 3, "abc", 3));
	r = file_read(f, 0, 10);
	check_bytes(t, r, read_data(r), text_bytes("012abc6789"), "Data",
		CORE_READ_0012);
}

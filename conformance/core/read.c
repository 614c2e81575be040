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

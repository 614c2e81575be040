/* SPDX-License-Identifier: MIT */
/* CLOSE and FLUSH. Rules CORE-CLOSE and CORE-FLUSH, [MS-SMB2] 3.3.5.10,
 * 3.3.5.11. */
#include "suite/file.h"

static struct reply *close_with(struct file *f, uint16_t flags)
{
	const struct smb2_close_request close = {
		.flags = flags, .file_id = f->id};
	return peer_call(f->peer, &smb2_close_request_type, &close);
}

CONF_TEST(core, close_other_persistent_id,
	"CLOSE compares the persistent half of the FileId too",
	RULES(CORE_CLOSE_0001))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct smb2_close_request close = {.file_id = f->id};
	close.file_id.persistent ^= 0x0100000000000001;
	struct reply *r = peer_call(a, &smb2_close_request_type, &close);
	check_status(t, r, STATUS_FILE_CLOSED, CORE_CLOSE_0001);
}

CONF_TEST(core, close_with_attributes,
	"CLOSE with POSTQUERY_ATTRIB returns times, sizes and attributes",
	RULES(CORE_CLOSE_0002, CORE_CLOSE_0003))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 0, "12345", 5));
	struct reply *r = close_with(f, SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB);
	need_ok(t, r);
	check_field(t, r, SMB2_CLOSE_RESPONSE_F_FLAGS,
		SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB, CORE_CLOSE_0002);
	check_field(t, r, SMB2_CLOSE_RESPONSE_F_ENDOF_FILE, 5, CORE_CLOSE_0003);
	check_field_not(
		t, r, SMB2_CLOSE_RESPONSE_F_CREATION_TIME, 0, CORE_CLOSE_0003);
	check_field_not(t, r, SMB2_CLOSE_RESPONSE_F_LAST_WRITE_TIME, 0,
		CORE_CLOSE_0003);
	check_field_not(t, r, SMB2_CLOSE_RESPONSE_F_FILE_ATTRIBUTES, 0,
		CORE_CLOSE_0003);
}

static const struct {
	const char *name;
	unsigned int field;
} close_rows[] = {
	{"flags", SMB2_CLOSE_RESPONSE_F_FLAGS},
	{"creation_time", SMB2_CLOSE_RESPONSE_F_CREATION_TIME},
	{"last_access_time", SMB2_CLOSE_RESPONSE_F_LAST_ACCESS_TIME},
	{"last_write_time", SMB2_CLOSE_RESPONSE_F_LAST_WRITE_TIME},
	{"change_time", SMB2_CLOSE_RESPONSE_F_CHANGE_TIME},
	{"allocation_size", SMB2_CLOSE_RESPONSE_F_ALLOCATION_SIZE},
	{"end_of_file", SMB2_CLOSE_RESPONSE_F_ENDOF_FILE},
	{"file_attributes", SMB2_CLOSE_RESPONSE_F_FILE_ATTRIBUTES},
};

CONF_TEST(core, close_without_attributes,
	"CLOSE without POSTQUERY_ATTRIB returns zeroes", RULES(CORE_CLOSE_0004))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 0, "12345", 5));
	struct reply *r = close_with(f, 0);
	need_ok(t, r);
	for (size_t i = 0; i < sizeof(close_rows) / sizeof(*close_rows); i++) {
		check_field(t, r, close_rows[i].field, 0, CORE_CLOSE_0004);
	}
}

CONF_TEST(core, flush_of_a_read_only_open, "FLUSH needs the right to write",
	RULES(CORE_FLUSH_0001))
{
	struct peer *a = client(t);
	need_file(a, "x", NULL);
	struct file *f = need_file(a, "x",
		&(struct create_options){
			.access = FILE_READ_DATA | FILE_READ_ATTRIBUTES});
	check_status(t, file_flush(f), STATUS_ACCESS_DENIED, CORE_FLUSH_0001);
}

CONF_TEST(core, flush_of_a_read_only_directory_open,
	"FLUSH of a directory needs the right to add to it",
	RULES(CORE_FLUSH_0002))
{
	struct peer *a = client(t);
	need_directory(a, "d");
	struct file *d = need_file(a, "d",
		&(struct create_options){
			.access = FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES,
			.options = FILE_DIRECTORY_FILE});
	check_status(t, file_flush(d), STATUS_ACCESS_DENIED, CORE_FLUSH_0002);
}

static const struct {
	const char *name;
	uint32_t access;
} flush_rows[] = {
	{"write_data", FILE_WRITE_DATA}, {"append_data", FILE_APPEND_DATA}};

CONF_TABLE(core, flush_succeeds, flush_rows,
	"FLUSH of an open with the right to write succeeds",
	RULES(CORE_FLUSH_0003))
{
	struct peer *a = client(t);
	struct file *f = need_file(
		a, "x", &(struct create_options){.access = row->access});
	check_ok(t, file_flush(f), CORE_FLUSH_0003);
}

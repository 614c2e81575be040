/* SPDX-License-Identifier: MIT */
/* QUERY_INFO. Rules CORE-QUERYINFO, [MS-SMB2] 3.3.5.20, [MS-FSA] 2.1.5.12 and
 * 2.1.5.14. */
#include "suite/file.h"

#include <string.h>

#define ROOM 4096u
#define OWNER_GROUP_DACL \
	(OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | \
		DACL_SECURITY_INFORMATION)

static struct reply *query_class(struct file *f, uint8_t info_class)
{
	return file_query(f, SMB2_0_INFO_FILE, info_class, ROOM);
}

/* The bytes of an answer that has to be there. */
static struct wire_view need_info(struct file *f, uint8_t info_class, size_t n)
{
	struct reply *r = query_class(f, info_class);
	need_ok(f->peer->t, r);
	need(f->peer->t, query_data(r).n >= n, "%zu bytes of information", n);
	return query_data(r);
}

static struct file *open_for(struct peer *a, const char *path, uint32_t access)
{
	return need_file(a, path, &(struct create_options){.access = access});
}

static const struct {
	const char *name;
	uint8_t type;
} type_rows[] = {{"zero", 0}, {"five", 5}, {"255", 255}};

CONF_TABLE(core, unknown_info_type, type_rows,
	"an InfoType that does not exist is refused",
	RULES(CORE_QUERYINFO_0001))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r =
		file_query(f, row->type, FileStandardInformation, ROOM);
	check_status(t, r, STATUS_INVALID_PARAMETER, CORE_QUERYINFO_0001);
}

static const struct class_row {
	const char *name;
	uint8_t type, info_class;
	uint32_t size;
} exact_rows[] = {
	{"basic", SMB2_0_INFO_FILE, FileBasicInformation, 40},
	{"standard", SMB2_0_INFO_FILE, FileStandardInformation, 24},
	{"internal", SMB2_0_INFO_FILE, FileInternalInformation, 8},
	{"network_open", SMB2_0_INFO_FILE, FileNetworkOpenInformation, 56},
	{"fs_size", SMB2_0_INFO_FILESYSTEM, FileFsSizeInformation, 24},
	{"fs_full_size", SMB2_0_INFO_FILESYSTEM, FileFsFullSizeInformation, 32},
	{"fs_device", SMB2_0_INFO_FILESYSTEM, FileFsDeviceInformation, 8},
};

CONF_TABLE(core, answer_fits_the_room, exact_rows,
	"an answer is never longer than OutputBufferLength",
	RULES(CORE_QUERYINFO_0002))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = file_query(f, row->type, row->info_class, row->size);
	need_ok(t, r);
	check(t, r, query_data(r).n <= row->size, CORE_QUERYINFO_0002,
		"at most %u bytes, saw %zu", row->size, query_data(r).n);
}

CONF_TEST(core, long_answer_fits_the_room,
	"a cut answer is not longer than OutputBufferLength",
	RULES(CORE_QUERYINFO_0002))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "a_name_of_some_length", NULL);
	struct reply *r =
		file_query(f, SMB2_0_INFO_FILE, FileAllInformation, 104);
	need(t, r->outcome == REPLY_ARRIVED, "a response");
	check(t, r, query_data(r).n <= 104, CORE_QUERYINFO_0002,
		"at most 104 bytes, saw %zu", query_data(r).n);
}

static const struct class_row unknown_rows[] = {
	{"file", SMB2_0_INFO_FILE, 0xfe, 0},
	{"volume", SMB2_0_INFO_FILESYSTEM, 0xfe, 0},
	{"file_zero", SMB2_0_INFO_FILE, 0, 0},
};

CONF_TABLE(core, unknown_class, unknown_rows,
	"a class that does not exist is refused", RULES(CORE_QUERYINFO_0003))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = file_query(f, row->type, row->info_class, ROOM);
	check_status(t, r, STATUS_INVALID_INFO_CLASS, CORE_QUERYINFO_0003);
}

CONF_TEST(core, local_class, "a class for local use only is not supported",
	RULES(CORE_QUERYINFO_0004))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = query_class(f, FileNameInformation);
	check_status(t, r, STATUS_NOT_SUPPORTED, CORE_QUERYINFO_0004);
}

CONF_TABLE(core, room_below_the_fixed_part_of_info, exact_rows,
	"room for less than the structure is refused",
	RULES(CORE_QUERYINFO_0005))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r =
		file_query(f, row->type, row->info_class, row->size - 1);
	check_status(t, r, STATUS_INFO_LENGTH_MISMATCH, CORE_QUERYINFO_0005);
}

static const struct class_row overflow_rows[] = {
	{"all", SMB2_0_INFO_FILE, FileAllInformation, 104},
	{"fs_attribute", SMB2_0_INFO_FILESYSTEM, FileFsAttributeInformation,
		16},
	{"fs_volume", SMB2_0_INFO_FILESYSTEM, FileFsVolumeInformation, 24},
};

CONF_TABLE(core, variable_part_is_cut, overflow_rows,
	"what does not fit of the variable part is left out",
	RULES(CORE_QUERYINFO_0006))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "a_name_of_some_length", NULL);
	struct reply *whole = file_query(f, row->type, row->info_class, ROOM);
	need_ok(t, whole);
	need(t, query_data(whole).n > row->size,
		"an answer longer than %u bytes", row->size);
	struct reply *r = file_query(f, row->type, row->info_class, row->size);
	check_status(t, r, STATUS_BUFFER_OVERFLOW, CORE_QUERYINFO_0006);
	check_number(t, r, query_data(r).n, row->size, "bytes of information",
		CORE_QUERYINFO_0006);
}

static const struct class_row attribute_rows[] = {
	{"basic", SMB2_0_INFO_FILE, FileBasicInformation, 40},
	{"all", SMB2_0_INFO_FILE, FileAllInformation, ROOM},
	{"network_open", SMB2_0_INFO_FILE, FileNetworkOpenInformation, 56},
	{"attribute_tag", SMB2_0_INFO_FILE, FileAttributeTagInformation, 8},
};

CONF_TABLE(core, attributes_need_the_right, attribute_rows,
	"attributes need FILE_READ_ATTRIBUTES", RULES(CORE_QUERYINFO_0007))
{
	struct peer *a = client(t);
	need_ok(t, file_close(need_file(a, "x", NULL)));
	struct file *f = open_for(a, "x", FILE_READ_DATA);
	struct reply *r = file_query(f, row->type, row->info_class, row->size);
	check_status(t, r, STATUS_ACCESS_DENIED, CORE_QUERYINFO_0007);
}

CONF_TEST(core, extended_attributes_need_the_right,
	"extended attributes need FILE_READ_EA", RULES(CORE_QUERYINFO_0008))
{
	struct peer *a = client(t);
	need_ok(t, file_close(need_file(a, "x", NULL)));
	struct file *f = open_for(a, "x", FILE_READ_ATTRIBUTES);
	struct reply *r = query_class(f, FileFullEaInformation);
	check_status(t, r, STATUS_ACCESS_DENIED, CORE_QUERYINFO_0008);
}

static const struct {
	const char *name;
	uint16_t dialect;
} normalized_rows[] = {{"2.0.2", SMB2_DIALECT_202}, {"2.1", SMB2_DIALECT_210},
	{"3.0.2", SMB2_DIALECT_302}};

CONF_TABLE(core, normalized_name_is_for_311, normalized_rows,
	"FileNormalizedNameInformation does not exist before 3.1.1",
	RULES(CORE_QUERYINFO_0009))
{
	struct peer *a = client_with(
		t, &(struct client_options){.dialect = row->dialect});
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = query_class(f, FileNormalizedNameInformation);
	check_status(t, r, STATUS_NOT_SUPPORTED, CORE_QUERYINFO_0009);
}

CONF_TEST(core, end_of_file, "EndOfFile is the size of the stream",
	RULES(CORE_QUERYINFO_0010))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 70000, "end", 3));
	struct reply *r = query_class(f, FileStandardInformation);
	need_ok(t, r);
	check_part(t, r, query_data(r), &file_standard_information_type,
		FILE_STANDARD_INFORMATION_F_END_OF_FILE, 70003,
		CORE_QUERYINFO_0010);
}

CONF_TEST(core, delete_pending, "DeletePending tells of the mark",
	RULES(CORE_QUERYINFO_0011))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = query_class(f, FileStandardInformation);
	need_ok(t, r);
	check_part(t, r, query_data(r), &file_standard_information_type,
		FILE_STANDARD_INFORMATION_F_DELETE_PENDING, 0,
		CORE_QUERYINFO_0011);
	need_ok(t, file_delete(f));
	r = query_class(f, FileStandardInformation);
	need_ok(t, r);
	check_part(t, r, query_data(r), &file_standard_information_type,
		FILE_STANDARD_INFORMATION_F_DELETE_PENDING, 1,
		CORE_QUERYINFO_0011);
}

static const struct {
	const char *name;
	uint32_t access;
} access_rows[] = {{"read", FILE_READ_DATA | FILE_READ_ATTRIBUTES},
	{"write", FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES},
	{"delete", DELETE | FILE_READ_ATTRIBUTES}};

CONF_TABLE(core, granted_access, access_rows,
	"FileAccessInformation tells what was granted",
	RULES(CORE_QUERYINFO_0012))
{
	struct peer *a = client(t);
	need_ok(t, file_close(need_file(a, "x", NULL)));
	struct file *f = open_for(a, "x", row->access);
	struct reply *r = query_class(f, FileAccessInformation);
	need_ok(t, r);
	check_part(t, r, query_data(r), &file_access_information_type, 0,
		row->access, CORE_QUERYINFO_0012);
}

CONF_TEST(core, index_number, "two opens of a file have one IndexNumber",
	RULES(CORE_QUERYINFO_0013))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct file *g = open_for(a, "x", FILE_READ_ATTRIBUTES);
	uint64_t number =
		wire_get64(need_info(f, FileInternalInformation, 8).p);
	struct reply *r = query_class(g, FileInternalInformation);
	need_ok(t, r);
	check_part(t, r, query_data(r), &file_internal_information_type, 0,
		number, CORE_QUERYINFO_0013);
}

static bool has_stream(struct wire_view data, const char *name, uint64_t size)
{
	struct wire_list list =
		wire_list_of(&file_stream_information_type, data);
	struct file_stream_information info;
	char text[256];
	while (wire_list_next(&list, &info, NULL) > 0) {
		int n = wire_utf16_to_utf8(
			info.stream_name, text, sizeof(text) - 1);
		if (n >= 0 && (size_t)n == strlen(name) &&
			memcmp(text, name, (size_t)n) == 0) {
			return info.stream_size == size;
		}
	}
	return false;
}

CONF_TEST(core, streams_are_listed, "every stream is listed with its size",
	RULES(CORE_QUERYINFO_0014), NEEDS(FS_FLAG(FILE_NAMED_STREAMS)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 0, "main", 4));
	struct file *s = need_file(a, "x:second", NULL);
	need_ok(t, file_write(s, 0, "stream", 6));
	struct reply *r = query_class(f, FileStreamInformation);
	need_ok(t, r);
	check(t, r, has_stream(query_data(r), "::$DATA", 4),
		CORE_QUERYINFO_0014, "::$DATA has 4 bytes");
	check(t, r, has_stream(query_data(r), ":second:$DATA", 6),
		CORE_QUERYINFO_0014, ":second:$DATA has 6 bytes");
}

CONF_TEST(core, extended_attributes_are_returned,
	"extended attributes that were set are returned",
	RULES(CORE_QUERYINFO_0015),
	NEEDS(FS_FLAG(FILE_SUPPORTS_EXTENDED_ATTRIBUTES)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	const struct file_full_ea_information ea = {.ea_name_length = 4,
		.ea_value_length = 5,
		.ea_name = text_bytes("NAME"),
		.ea_value = text_bytes("value")};
	need_ok(t, file_set(f, SMB2_0_INFO_FILE, FileFullEaInformation,
			   encoded(t, &file_full_ea_information_type, &ea)));
	struct reply *r = query_class(f, FileFullEaInformation);
	check_ok(t, r, CORE_QUERYINFO_0015);
	struct wire_list list =
		wire_list_of(&file_full_ea_information_type, query_data(r));
	struct file_full_ea_information seen = {0};
	check(t, r, wire_list_next(&list, &seen, NULL) > 0, CORE_QUERYINFO_0015,
		"an attribute is returned");
	check_bytes(t, r, seen.ea_name, text_bytes("NAME"), "EaName",
		CORE_QUERYINFO_0015);
	check_bytes(t, r, seen.ea_value, text_bytes("value"), "EaValue",
		CORE_QUERYINFO_0015);
}

CONF_TEST(core, room_for_part_of_a_descriptor,
	"a security descriptor is returned whole or not at all",
	RULES(CORE_QUERYINFO_0016))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = file_query_security(f, OWNER_GROUP_DACL, 20);
	check_status(t, r, STATUS_BUFFER_TOO_SMALL, CORE_QUERYINFO_0016);
}

static uint32_t descriptor_size(struct file *f)
{
	struct reply *r = file_query_security(f, OWNER_GROUP_DACL, ROOM);
	need_ok(f->peer->t, r);
	return (uint32_t)query_data(r).n;
}

CONF_TEST(core, needed_length_in_311,
	"the needed length comes in an error context",
	RULES(CORE_QUERYINFO_0017), NEEDS(DIALECT_MIN(SMB2_DIALECT_311)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	uint32_t size = descriptor_size(f);
	struct reply *r = file_query_security(f, OWNER_GROUP_DACL, 0);
	stop_status(t, r, STATUS_BUFFER_TOO_SMALL, CORE_QUERYINFO_0017);
	check_field(t, r, SMB2_ERROR_RESPONSE_F_ERROR_CONTEXT_COUNT, 1,
		CORE_QUERYINFO_0017);
	need(t, r->pdu.n >= 84, "an error context of 12 bytes");
	check_number(t, r, wire_get32(r->pdu.p + 72), 4, "ErrorDataLength",
		CORE_QUERYINFO_0017);
	check_number(t, r, wire_get32(r->pdu.p + 80), size, "needed length",
		CORE_QUERYINFO_0017);
}

CONF_TEST(core, needed_length_below_311, "the needed length comes in ErrorData",
	RULES(CORE_QUERYINFO_0018))
{
	struct peer *a = client_with(
		t, &(struct client_options){.dialect = SMB2_DIALECT_302});
	struct file *f = need_file(a, "x", NULL);
	uint32_t size = descriptor_size(f);
	struct reply *r = file_query_security(f, OWNER_GROUP_DACL, 0);
	stop_status(t, r, STATUS_BUFFER_TOO_SMALL, CORE_QUERYINFO_0018);
	check_field(
		t, r, SMB2_ERROR_RESPONSE_F_BYTE_COUNT, 4, CORE_QUERYINFO_0018);
	need(t, r->pdu.n >= 76, "4 bytes of ErrorData");
	check_number(t, r, wire_get32(r->pdu.p + 72), size, "needed length",
		CORE_QUERYINFO_0018);
}

static const struct {
	const char *name;
	uint32_t information;
	bool owner, group, dacl;
} part_rows[] = {
	{"owner", OWNER_SECURITY_INFORMATION, true, false, false},
	{"group", GROUP_SECURITY_INFORMATION, false, true, false},
	{"dacl", DACL_SECURITY_INFORMATION, false, false, true},
	{"all", OWNER_GROUP_DACL, true, true, true},
};

CONF_TABLE(core, parts_of_a_descriptor, part_rows,
	"a descriptor has the parts that were asked for",
	RULES(CORE_QUERYINFO_0019))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = file_query_security(f, row->information, ROOM);
	need_ok(t, r);
	struct security_descriptor sd;
	need(t, security_descriptor_decode(query_data(r), &sd) == 0,
		"a security descriptor");
	check_number(t, r, sd.offset_owner != 0, row->owner, "an owner",
		CORE_QUERYINFO_0019);
	check_number(t, r, sd.offset_group != 0, row->group, "a group",
		CORE_QUERYINFO_0019);
	check_number(t, r, sd.offset_dacl != 0, row->dacl, "a DACL",
		CORE_QUERYINFO_0019);
}

static const struct {
	const char *name;
	uint32_t information;
	enum rule_id rule;
} right_rows[] = {
	{"owner", OWNER_SECURITY_INFORMATION, RULE_CORE_QUERYINFO_0020},
	{"group", GROUP_SECURITY_INFORMATION, RULE_CORE_QUERYINFO_0020},
	{"dacl", DACL_SECURITY_INFORMATION, RULE_CORE_QUERYINFO_0020},
	{"sacl", SACL_SECURITY_INFORMATION, RULE_CORE_QUERYINFO_0021},
};

CONF_TABLE(core, descriptor_needs_the_right, right_rows,
	"a security descriptor needs the right to read it",
	RULES(CORE_QUERYINFO_0020, CORE_QUERYINFO_0021))
{
	struct peer *a = client(t);
	need_ok(t, file_close(need_file(a, "x", NULL)));
	struct file *f =
		open_for(a, "x", FILE_READ_DATA | FILE_READ_ATTRIBUTES);
	struct reply *r = file_query_security(f, row->information, ROOM);
	rule_status(t, r, STATUS_ACCESS_DENIED, row->rule);
}

CONF_TEST(core, no_quotas, "quotas of a file system without them",
	RULES(CORE_QUERYINFO_0022))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *attributes = file_query(
		f, SMB2_0_INFO_FILESYSTEM, FileFsAttributeInformation, ROOM);
	need_ok(t, attributes);
	need(t, query_data(attributes).n >= 4, "FileFsAttributeInformation");
	bool quotas = (wire_get32(query_data(attributes).p) &
			      FILE_VOLUME_QUOTAS) != 0;
	need_capability(t, attributes, !quotas, "no FILE_VOLUME_QUOTAS");
	static const uint8_t all[16] = {0, 1};
	const struct smb2_query_info_request query = {
		.info_type = SMB2_0_INFO_QUOTA,
		.output_buffer_length = ROOM,
		.input_buffer_length = sizeof(all),
		.file_id = f->id,
		.buffer = wire_view_of(all, sizeof(all))};
	struct reply *r = peer_call(a, &smb2_query_info_request_type, &query);
	check_status(t, r, STATUS_NOT_SUPPORTED, CORE_QUERYINFO_0022);
}

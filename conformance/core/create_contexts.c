/* SPDX-License-Identifier: MIT */
/* CREATE: path names, streams, security, create contexts. Rules CORE-CREATE,
 * [MS-SMB2] 3.3.5.9, [MS-FSA] 2.1.5.1, [MS-FSCC] 2.1.5. */
#include "suite/file.h"

#include <string.h>

#define ROOM 65536u

static void make_file(struct peer *a, const char *path)
{
	need_ok(a->t, file_close(need_file(a, path, NULL)));
}

static struct reply *open_existing(
	struct peer *a, const char *path, uint32_t access, uint32_t options)
{
	return file_create(a, path,
		&(struct create_options){.access = access,
			.options = options,
			.disposition = DISPOSITION(FILE_OPEN)});
}

/* --- names ---------------------------------------------------------------- */

static bool lists(struct file *d, const char *name)
{
	struct reply *r = dir_query(d, FileNamesInformation, 0, name, ROOM);
	struct file_names_information info;
	struct wire_list list =
		wire_list_of(&file_names_information_type, dir_data(r));
	return r->status == STATUS_SUCCESS &&
	       wire_list_next(&list, &info, NULL) > 0 &&
	       wire_view_equal(info.file_name, utf16(d->peer->t, name));
}

CONF_TEST(core, empty_name, "the empty name is the root of the share",
	RULES(CORE_CREATE_0006))
{
	struct peer *a = client(t);
	need_ok(t, file_close(need_file(a, "x", NULL)));
	struct reply *r = file_create(a, "\\",
		&(struct create_options){
			.access = FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES,
			.disposition = DISPOSITION(FILE_OPEN)});
	stop_ok(t, r, CORE_CREATE_0006);
	check_flags(t, r, SMB2_CREATE_RESPONSE_F_FILE_ATTRIBUTES,
		FILE_ATTRIBUTE_DIRECTORY, 0, CORE_CREATE_0006);
	check(t, r, lists(file_of(r), t->workdir), CORE_CREATE_0006,
		"\"%s\" is listed", t->workdir);
}

CONF_TEST(core, leading_backslash, "a name does not begin with a backslash",
	RULES(CORE_CREATE_0007))
{
	struct peer *a = client(t);
	make_file(a, "x");
	const char *path = test_text(t, "\\\\%s", test_path(a, "x"));
	check_status(t,
		file_create(a, path,
			&(struct create_options){
				.disposition = DISPOSITION(FILE_OPEN)}),
		STATUS_INVALID_PARAMETER, CORE_CREATE_0007);
}

static const struct name_row {
	const char *name, *path;
} back_rows[] = {
	{"middle", "d\\..\\x"}, {"end", "d\\.."}, {"twice", "d\\e\\..\\..\\x"}};

CONF_TABLE(core, step_back, back_rows, "a name does not step back",
	RULES(CORE_CREATE_0008))
{
	struct peer *a = client(t);
	make_file(a, "x");
	need_directory(a, "d");
	need_directory(a, "d\\e");
	check_status(t, open_existing(a, row->path, FILE_READ_ATTRIBUTES, 0),
		STATUS_INVALID_PARAMETER, CORE_CREATE_0008);
}

static uint64_t number_of(struct file *f)
{
	struct reply *r =
		file_query(f, SMB2_0_INFO_FILE, FileInternalInformation, 8);
	need_ok(f->peer->t, r);
	need(f->peer->t, query_data(r).n == 8, "8 bytes");
	return wire_get64(query_data(r).p);
}

static const struct name_row outside_rows[] = {{"parent", "\\.."},
	{"grandparent", "\\..\\.."}, {"back_and_forth", "\\..\\..\\..\\.."},
	{"below", "..\\..\\.."}};

CONF_TABLE(core, outside, outside_rows,
	"nothing outside the folder of the share is opened",
	RULES(CORE_CREATE_0009))
{
	struct peer *a = client(t);
	struct reply *root = open_existing(a, "\\", FILE_READ_ATTRIBUTES, 0);
	need_ok(t, root);
	struct reply *r = open_existing(a, row->path, FILE_READ_ATTRIBUTES, 0);
	bool outside = r->status == STATUS_SUCCESS &&
		       number_of(file_of(r)) != number_of(file_of(root));
	check(t, r, r->outcome == REPLY_ARRIVED && !outside, CORE_CREATE_0009,
		"nothing is opened, or the root of the share");
}

static const struct name_row invalid_rows[] = {{"control_0x01", "a\001b"},
	{"control_0x1f", "a\037b"}, {"quotation_mark", "a\"b"},
	{"slash", "a/b"}, {"bar", "a|b"}, {"less", "a<b"}, {"greater", "a>b"},
	{"asterisk", "a*b"}, {"question_mark", "a?b"},
	{"in_the_middle", "d\\a*b\\c"}};

CONF_TABLE(core, invalid_character, invalid_rows, "characters that no name has",
	RULES(CORE_CREATE_0010))
{
	struct peer *a = client(t);
	check_status(t, file_create(a, row->path, NULL),
		STATUS_OBJECT_NAME_INVALID, CORE_CREATE_0010);
}

CONF_TEST(core, long_component, "a component of 256 characters is refused",
	RULES(CORE_CREATE_0011))
{
	struct peer *a = client(t);
	char name[257];
	memset(name, 'n', 256);
	name[256] = '\0';
	check_status(t, file_create(a, name, NULL), STATUS_OBJECT_NAME_INVALID,
		CORE_CREATE_0011);
	name[255] = '\0';
	need_ok(t, file_create(a, name, NULL));
}

CONF_TEST(core, trailing_backslash, "a file's name does not end in a backslash",
	RULES(CORE_CREATE_0012))
{
	struct peer *a = client(t);
	make_file(a, "x");
	check_status(t,
		open_existing(
			a, "x\\", FILE_READ_DATA, FILE_NON_DIRECTORY_FILE),
		STATUS_OBJECT_NAME_INVALID, CORE_CREATE_0012);
}

static const struct {
	const char *name, *path;
	uint32_t disposition;
} way_rows[] = {{"missing_open", "none\\x", FILE_OPEN},
	{"missing_create", "none\\x", FILE_CREATE},
	{"file_open", "x\\y", FILE_OPEN}, {"file_create", "x\\y", FILE_CREATE},
	{"second_missing", "d\\none\\x", FILE_OPEN}};

CONF_TABLE(core, way_to_the_name, way_rows,
	"every component before the last is a directory",
	RULES(CORE_CREATE_0013))
{
	struct peer *a = client(t);
	make_file(a, "x");
	need_directory(a, "d");
	struct reply *r = file_create(a, row->path,
		&(struct create_options){
			.disposition = DISPOSITION(row->disposition)});
	check_status(t, r, STATUS_OBJECT_PATH_NOT_FOUND, CORE_CREATE_0013);
}

static const struct {
	const char *name, *made, *path;
} case_rows[] = {{"upper", "name.txt", "NAME.TXT"},
	{"lower", "NAME.TXT", "name.txt"},
	{"directory", "Folder\\name", "FOLDER\\name"},
	{"latin", "\303\204pfel", "\303\244PFEL"}};

CONF_TABLE(core, case_of_names, case_rows,
	"the case of letters does not matter", RULES(CORE_CREATE_0014))
{
	struct peer *a = client(t);
	if (strchr(row->made, '\\') != NULL) {
		need_directory(a, "Folder");
	}
	struct file *f = need_file(a, row->made, NULL);
	struct reply *r = open_existing(a, row->path, FILE_READ_ATTRIBUTES, 0);
	stop_ok(t, r, CORE_CREATE_0014);
	check_number(t, r, number_of(file_of(r)), number_of(f), "IndexNumber",
		CORE_CREATE_0014);
}

CONF_TEST(core, case_is_kept, "a name keeps its case", RULES(CORE_CREATE_0015))
{
	struct peer *a = client(t);
	make_file(a, "MiXeD");
	make_file(a, "mixed");
	struct file *d = need_directory(a, "");
	check(t, NULL, lists(d, "MiXeD"), CORE_CREATE_0015,
		"\"MiXeD\" is listed as such");
}

/* --- symbolic links ------------------------------------------------------- */

/* Makes "link", a symbolic link to "x", if the server can. */
static void make_link(struct peer *a, bool directory)
{
	struct test *t = a->t;
	struct wire_view target = utf16(t, "x");
	const struct symbolic_link_reparse_data_buffer link = {
		.substitute_name_length = (uint16_t)target.n,
		.print_name_length = (uint16_t)target.n,
		.flags = SYMLINK_FLAG_RELATIVE,
		.path_buffer = target};
	struct wire_view data =
		encoded(t, &symbolic_link_reparse_data_buffer_type, &link);
	const struct reparse_data_buffer point = {
		.reparse_tag = IO_REPARSE_TAG_SYMLINK,
		.reparse_data_length = (uint16_t)data.n,
		.data_buffer = data};
	struct file *f = need_file(a, "link",
		&(struct create_options){
			.options = FILE_OPEN_REPARSE_POINT |
				   (directory ? FILE_DIRECTORY_FILE : 0)});
	struct reply *r = file_fsctl(f, FSCTL_SET_REPARSE_POINT,
		encoded(t, &reparse_data_buffer_type, &point), 0);
	need_capability(t, r, r->status == STATUS_SUCCESS, "symbolic links");
	need_ok(t, file_close(f));
}

static const struct {
	const char *name, *path;
	bool directory;
} stop_rows[] = {{"last", "link", false}, {"before_the_last", "link\\y", true}};

CONF_TABLE(core, symbolic_link, stop_rows,
	"a symbolic link is for the client to follow", RULES(CORE_CREATE_0016))
{
	struct peer *a = client(t);
	make_link(a, row->directory);
	struct reply *r = open_existing(a, row->path, FILE_READ_ATTRIBUTES, 0);
	stop_status(t, r, STATUS_STOPPED_ON_SYMLINK, CORE_CREATE_0016);
	const struct smb2_error_response *e = reply_as(r, smb2_error_response);
	struct wire_view data = e->error_data;
	if (a->dialect == SMB2_DIALECT_311 && data.n > 8) {
		data = wire_view_sub(data, 8, data.n - 8);
	}
	struct smb2_symlink_error_response link;
	stop(t, r, smb2_symlink_error_response_decode(data, &link) == 0,
		CORE_CREATE_0016, "a Symbolic Link Error Response");
	check_number(t, r, link.reparse_tag, IO_REPARSE_TAG_SYMLINK,
		"ReparseTag", CORE_CREATE_0016);
	check_number(t, r, link.unparsed_path_length, row->directory ? 4 : 0,
		"UnparsedPathLength", CORE_CREATE_0016);
	check_bytes(t, r,
		wire_view_sub(link.path_buffer, link.substitute_name_offset,
			link.substitute_name_length),
		utf16(t, "x"), "SubstituteName", CORE_CREATE_0016);
}

CONF_TEST(core, link_itself, "FILE_OPEN_REPARSE_POINT opens the link",
	RULES(CORE_CREATE_0017))
{
	struct peer *a = client(t);
	make_link(a, false);
	struct reply *r = open_existing(
		a, "link", FILE_READ_ATTRIBUTES, FILE_OPEN_REPARSE_POINT);
	stop_ok(t, r, CORE_CREATE_0017);
	check_flags(t, r, SMB2_CREATE_RESPONSE_F_FILE_ATTRIBUTES,
		FILE_ATTRIBUTE_REPARSE_POINT, 0, CORE_CREATE_0017);
}

/* --- streams -------------------------------------------------------------- */

static const struct name_row stream_rows[] = {
	{"without_type", "x:s"}, {"with_type", "x:s:$DATA"}};

CONF_TABLE(core, stream, stream_rows, "file:stream opens the stream",
	RULES(CORE_CREATE_0045), NEEDS(FS_FLAG(FILE_NAMED_STREAMS)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 0, "main", 4));
	struct reply *made = file_create(a, "x:s", NULL);
	stop_ok(t, made, CORE_CREATE_0045);
	need_ok(t, file_write(file_of(made), 0, "stream", 6));
	struct reply *s = open_existing(a, row->path, FILE_READ_DATA, 0);
	stop_ok(t, s, CORE_CREATE_0045);
	struct reply *r = file_read(file_of(s), 0, 100);
	check_bytes(t, r, read_data(r), text_bytes("stream"),
		"Data of the stream", CORE_CREATE_0045);
	struct reply *m = file_read(f, 0, 100);
	check_bytes(t, m, read_data(m), text_bytes("main"), "Data of the file",
		CORE_CREATE_0045);
}

CONF_TEST(core, main_stream, "file::$DATA is the file itself",
	RULES(CORE_CREATE_0045), NEEDS(FS_FLAG(FILE_NAMED_STREAMS)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 0, "main", 4));
	struct reply *s = open_existing(a, "x::$DATA", FILE_READ_DATA, 0);
	stop_ok(t, s, CORE_CREATE_0045);
	struct reply *r = file_read(file_of(s), 0, 100);
	check_bytes(t, r, read_data(r), text_bytes("main"), "Data",
		CORE_CREATE_0045);
}

static const struct name_row type_rows[] = {
	{"unknown", "x:s:$NONE"}, {"ea", "x:s:$EA"}, {"no_dollar", "x:s:DATA"}};

CONF_TABLE(core, stream_type, type_rows, "there are two types of streams",
	RULES(CORE_CREATE_0046), NEEDS(FS_FLAG(FILE_NAMED_STREAMS)))
{
	struct peer *a = client(t);
	make_file(a, "x");
	check_status(t, file_create(a, row->path, NULL),
		STATUS_OBJECT_NAME_INVALID, CORE_CREATE_0046);
}

CONF_TEST(core, stream_does_not_exist, "FILE_OPEN makes no stream",
	RULES(CORE_CREATE_0047), NEEDS(FS_FLAG(FILE_NAMED_STREAMS)))
{
	struct peer *a = client(t);
	make_file(a, "x");
	check_status(t, open_existing(a, "x:none", FILE_READ_DATA, 0),
		STATUS_OBJECT_NAME_NOT_FOUND, CORE_CREATE_0047);
}

CONF_TEST(core, stream_is_no_directory, "a stream is no directory",
	RULES(CORE_CREATE_0048), NEEDS(FS_FLAG(FILE_NAMED_STREAMS)))
{
	struct peer *a = client(t);
	make_file(a, "x");
	make_file(a, "x:s");
	check_status(t,
		open_existing(a, "x:s", FILE_READ_DATA, FILE_DIRECTORY_FILE),
		STATUS_NOT_A_DIRECTORY, CORE_CREATE_0048);
}

/* --- security ------------------------------------------------------------- */

/* The owner of a file, as the server says it. */
static struct wire_view owner_of(struct peer *a, const char *path)
{
	struct test *t = a->t;
	struct reply *f = open_existing(a, path, READ_CONTROL, 0);
	need_ok(t, f);
	struct reply *r = file_query_security(
		file_of(f), OWNER_SECURITY_INFORMATION, ROOM);
	need_ok(t, r);
	struct wire_view owner = owner_in(t, query_data(r));
	need_ok(t, file_close(file_of(f)));
	return owner;
}

/* Leaves the owner these rights and those to clean up. */
static void restrict_exactly(struct peer *a, const char *path, uint32_t mask)
{
	struct wire_view owner = owner_of(a, path);
	struct reply *f = open_existing(a, path, READ_CONTROL | WRITE_DAC, 0);
	need_ok(a->t, f);
	struct reply *r =
		file_set_security(file_of(f), DACL_SECURITY_INFORMATION,
			dacl_of_one(a->t, owner,
				mask | READ_CONTROL | WRITE_DAC | SYNCHRONIZE |
					FILE_READ_DATA | FILE_READ_ATTRIBUTES));
	need_capability(a->t, r, r->status == STATUS_SUCCESS, "DACLs");
	uint32_t kept = file_granted(file_of(f), owner);
	need_capability(a->t, r, (kept & FILE_WRITE_DATA) == 0,
		"DACLs that are kept as they were set");
	need_ok(a->t, file_close(file_of(f)));
}

static void restrict_to(struct peer *a, const char *path, uint32_t mask)
{
	restrict_exactly(a, path, mask | DELETE | FILE_WRITE_ATTRIBUTES);
}

#define READING (FILE_READ_DATA | FILE_READ_EA | FILE_EXECUTE)

CONF_TEST(core, not_granted, "what the DACL does not grant is refused",
	RULES(CORE_CREATE_0027))
{
	struct peer *a = client(t);
	make_file(a, "x");
	restrict_to(a, "x", READING);
	check_status(t, open_existing(a, "x", FILE_WRITE_DATA, 0),
		STATUS_ACCESS_DENIED, CORE_CREATE_0027);
	check_status(t,
		open_existing(a, "x", FILE_READ_DATA | FILE_WRITE_DATA, 0),
		STATUS_ACCESS_DENIED, CORE_CREATE_0027);
	check_ok(t, open_existing(a, "x", FILE_READ_DATA, 0), CORE_CREATE_0027);
}

CONF_TEST(core, other_user_is_not_granted,
	"what the DACL does not grant to a user is refused to him",
	RULES(CORE_CREATE_0027), NEEDS(SECOND_USER))
{
	struct peer *a = client(t);
	struct peer *b =
		client_with(t, &(struct client_options){.second_user = true});
	make_file(a, "x");
	make_file(b, "y");
	struct wire_view mine = owner_of(a, "x");
	need_capability(t, NULL, !wire_view_equal(mine, owner_of(b, "y")),
		"users who own files of their own");
	restrict_to(a, "x", READING);
	check_status(t, open_existing(b, "x", FILE_READ_DATA, 0),
		STATUS_ACCESS_DENIED, CORE_CREATE_0027);
}

static const struct {
	const char *name;
	uint32_t disposition;
	enum rule_id rule;
} overwriting_rows[] = {{"overwrite", FILE_OVERWRITE, RULE_CORE_CREATE_0066},
	{"overwrite_if", FILE_OVERWRITE_IF, RULE_CORE_CREATE_0066},
	{"supersede", FILE_SUPERSEDE, RULE_CORE_CREATE_0067}};

CONF_TABLE(core, overwriting_is_not_granted, overwriting_rows,
	"a file that may only be read is not overwritten by opening it",
	RULES(CORE_CREATE_0066, CORE_CREATE_0067))
{
	struct peer *a = client(t);
	make_file(a, "x");
	restrict_exactly(a, "x", READING);
	rule_status(t,
		file_create(a, "x",
			&(struct create_options){.access = FILE_READ_DATA,
				.disposition = DISPOSITION(row->disposition)}),
		STATUS_ACCESS_DENIED, row->rule);
}

static uint32_t access_of(struct file *f)
{
	struct reply *r =
		file_query(f, SMB2_0_INFO_FILE, FileAccessInformation, 4);
	need_ok(f->peer->t, r);
	need(f->peer->t, query_data(r).n == 4, "4 bytes");
	return wire_get32(query_data(r).p);
}

CONF_TEST(core, unbuffered_without_append,
	"FILE_NO_INTERMEDIATE_BUFFERING takes FILE_APPEND_DATA away",
	RULES(CORE_CREATE_0068))
{
	const uint32_t wanted =
		FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_READ_ATTRIBUTES;
	struct peer *a = client(t);
	struct file *f = need_file(a, "x",
		&(struct create_options){.access = wanted,
			.options = FILE_NO_INTERMEDIATE_BUFFERING});
	uint32_t seen = access_of(f);
	check_number(t, NULL, seen, wanted & ~(uint32_t)FILE_APPEND_DATA,
		"AccessFlags", CORE_CREATE_0068);
}

CONF_TEST(core, maximum_allowed, "MAXIMUM_ALLOWED grants what there is",
	RULES(CORE_CREATE_0028))
{
	struct peer *a = client(t);
	need_ok(t, file_close(need_file(a, "x", NULL)));
	struct reply *r = open_existing(a, "x", MAXIMUM_ALLOWED, 0);
	stop_ok(t, r, CORE_CREATE_0028);
	uint32_t seen = access_of(file_of(r));
	check_number(t, r, seen & ACCESS_DEFAULT, ACCESS_DEFAULT,
		"granted of what the user has", CORE_CREATE_0028);
}

CONF_TEST(core, maximum_that_is_less,
	"MAXIMUM_ALLOWED grants no more than there is", RULES(CORE_CREATE_0028))
{
	struct peer *a = client(t);
	make_file(a, "x");
	restrict_to(a, "x", READING);
	struct reply *r = open_existing(a, "x", MAXIMUM_ALLOWED, 0);
	stop_ok(t, r, CORE_CREATE_0028);
	uint32_t seen = access_of(file_of(r));
	check_number(t, r, seen & (FILE_READ_DATA | FILE_WRITE_DATA),
		FILE_READ_DATA, "granted of reading and writing",
		CORE_CREATE_0028);
}

CONF_TEST(core, add_file, "a new file needs FILE_ADD_FILE",
	RULES(CORE_CREATE_0029))
{
	struct peer *a = client(t);
	need_ok(t, file_close(need_directory(a, "d")));
	restrict_to(a, "d", FILE_LIST_DIRECTORY | FILE_TRAVERSE | FILE_READ_EA);
	check_status(t, file_create(a, "d\\x", NULL), STATUS_ACCESS_DENIED,
		CORE_CREATE_0029);
}

/* --- create contexts ------------------------------------------------------ */

static struct create_options with_context(
	struct test *t, const char *name, struct wire_view data)
{
	const struct create_context c = {
		.name = text_bytes(name), .data = data};
	return (struct create_options){.contexts = create_contexts(t, &c, 1)};
}

static const struct wire_view no_data;

static struct wire_view one_attribute(struct test *t)
{
	const struct file_full_ea_information ea = {.ea_name_length = 4,
		.ea_value_length = 5,
		.ea_name = text_bytes("NAME"),
		.ea_value = text_bytes("value")};
	return encoded(t, &file_full_ea_information_type, &ea);
}

CONF_TEST(core, no_ea_knowledge,
	"FILE_NO_EA_KNOWLEDGE and extended attributes exclude each other",
	RULES(CORE_CREATE_0026))
{
	struct peer *a = client(t);
	struct create_options o = with_context(t, "ExtA", one_attribute(t));
	o.options = FILE_NO_EA_KNOWLEDGE;
	check_status(t, file_create(a, "x", &o), STATUS_ACCESS_DENIED,
		CORE_CREATE_0026);
}

static const struct name_row short_rows[] = {{"one", "N"}, {"three", "Nam"}};

CONF_TABLE(core, short_context_name, short_rows,
	"the name of a context has four bytes or more", RULES(CORE_CREATE_0049))
{
	struct peer *a = client(t);
	struct create_options o = with_context(t, row->path, no_data);
	check_status(t, file_create(a, "x", &o), STATUS_INVALID_PARAMETER,
		CORE_CREATE_0049);
}

static const struct {
	const char *name;
	unsigned int at, size;
	uint32_t value;
} beyond_rows[] = {{"data_length", 12, 4, 0x1000},
	{"data_length_huge", 12, 4, 0xffffffff}, {"data_offset", 10, 2, 0xff00},
	{"name_offset", 4, 2, 0xff00}, {"name_length", 6, 2, 0xff00},
	{"next", 0, 4, 0x1000}};

CONF_TABLE(core, context_beyond_the_end, beyond_rows,
	"a context lies within the contexts", RULES(CORE_CREATE_0050))
{
	struct peer *a = client(t);
	static const uint8_t data[8];
	struct create_options o =
		with_context(t, "AlSi", wire_view_of(data, sizeof(data)));
	uint8_t *bytes = test_alloc(t, o.contexts.n);
	memcpy(bytes, o.contexts.p, o.contexts.n);
	if (row->size == 2) {
		wire_put16(bytes + row->at, (uint16_t)row->value);
	} else {
		wire_put32(bytes + row->at, row->value);
	}
	o.contexts = wire_view_of(bytes, o.contexts.n);
	check_status(t, file_create(a, "x", &o), STATUS_INVALID_PARAMETER,
		CORE_CREATE_0050);
}

static const struct name_row unknown_rows[] = {
	{"four_letters", "ZzZz"}, {"sixteen_bytes", "0123456789abcdef"}};

CONF_TABLE(core, unknown_context, unknown_rows,
	"a context that nobody knows means nothing", RULES(CORE_CREATE_0051))
{
	struct peer *a = client(t);
	struct create_options o =
		with_context(t, row->path, text_bytes("anything"));
	check_ok(t, file_create(a, "x", &o), CORE_CREATE_0051);
}

CONF_TEST(core, attributes_of_the_context,
	"extended attributes are stored with a new file",
	RULES(CORE_CREATE_0052),
	NEEDS(FS_FLAG(FILE_SUPPORTS_EXTENDED_ATTRIBUTES)))
{
	struct peer *a = client(t);
	struct create_options o = with_context(t, "ExtA", one_attribute(t));
	struct reply *r = file_create(a, "x", &o);
	stop_ok(t, r, CORE_CREATE_0052);
	check(t, r, file_ea_length(file_of(r), "NAME") >= 0, CORE_CREATE_0052,
		"the attribute NAME is there");
}

CONF_TEST(core, attributes_of_an_existing_file,
	"an open stores no extended attributes", RULES(CORE_CREATE_0053),
	NEEDS(FS_FLAG(FILE_SUPPORTS_EXTENDED_ATTRIBUTES)))
{
	struct peer *a = client(t);
	make_file(a, "x");
	struct create_options o = with_context(t, "ExtA", one_attribute(t));
	struct reply *r = file_create(a, "x", &o);
	stop_ok(t, r, CORE_CREATE_0053);
	check(t, r, file_ea_length(file_of(r), "NAME") < 0, CORE_CREATE_0053,
		"the attribute NAME is not there");
}

static const struct {
	const char *name;
	bool exists;
	enum rule_id rule;
} descriptor_rows[] = {{"new", false, RULE_CORE_CREATE_0054},
	{"existing", true, RULE_CORE_CREATE_0053}};

CONF_TABLE(core, descriptor_of_the_context, descriptor_rows,
	"a security descriptor is stored with a new file only",
	RULES(CORE_CREATE_0053, CORE_CREATE_0054),
	NEEDS(FS_FLAG(FILE_PERSISTENT_ACLS)))
{
	struct peer *a = client(t);
	make_file(a, "other");
	struct wire_view owner = owner_of(a, "other");
	struct create_options o = with_context(t, "SecD",
		dacl_of_one(t, owner,
			READING | DELETE | READ_CONTROL | WRITE_DAC |
				SYNCHRONIZE | FILE_READ_ATTRIBUTES |
				FILE_WRITE_ATTRIBUTES));
	o.access = READ_CONTROL | DELETE;
	if (row->exists) {
		make_file(a, "x");
	}
	struct reply *r = file_create(a, "x", &o);
	rule_status(t, r, STATUS_SUCCESS, row->rule);
	need_ok(t, r);
	uint32_t seen = file_granted(file_of(r), owner);
	rule_number(t, r, seen & (FILE_READ_DATA | FILE_WRITE_DATA),
		FILE_READ_DATA | (row->exists ? FILE_WRITE_DATA : 0),
		"reading and writing granted to the owner", row->rule);
}

CONF_TEST(core, allocation_size, "room is reserved for a new file",
	RULES(CORE_CREATE_0055))
{
	struct peer *a = client(t);
	static const uint8_t size[8] = {0, 0, 0x10};
	struct create_options o =
		with_context(t, "AlSi", wire_view_of(size, sizeof(size)));
	struct reply *r = file_create(a, "x", &o);
	stop_ok(t, r, CORE_CREATE_0055);
	check_range(t, r, SMB2_CREATE_RESPONSE_F_ALLOCATION_SIZE, 0x100000,
		UINT64_MAX, CORE_CREATE_0055);
}

CONF_TEST(core, no_such_snapshot, "a time without a snapshot has no files",
	RULES(CORE_CREATE_0056))
{
	struct peer *a = client(t);
	make_file(a, "x");
	static const uint8_t time[8] = {0, 0, 0, 0, 0, 0x40, 0xc0, 0x01};
	struct create_options o =
		with_context(t, "TWrp", wire_view_of(time, sizeof(time)));
	o.access = FILE_READ_DATA | FILE_READ_ATTRIBUTES;
	o.disposition = DISPOSITION(FILE_OPEN);
	check_status(t, file_create(a, "x", &o), STATUS_OBJECT_NAME_NOT_FOUND,
		CORE_CREATE_0056);
}

static const struct {
	const char *name;
	bool restricted;
} maximal_rows[] = {{"everything", false}, {"reading", true}};

CONF_TABLE(core, maximal_access, maximal_rows,
	"the maximal access is returned when asked for",
	RULES(CORE_CREATE_0057))
{
	struct peer *a = client(t);
	make_file(a, "x");
	if (row->restricted) {
		restrict_to(a, "x", READING);
	}
	struct create_options o = with_context(t, "MxAc", no_data);
	struct wire_view data;
	o.access = FILE_READ_ATTRIBUTES;
	struct reply *r = file_create(a, "x", &o);
	need_ok(t, r);
	stop(t, r, created_context(r, "MxAc", &data) && data.n == 8,
		CORE_CREATE_0057, "a context MxAc of 8 bytes");
	check_number(t, r, wire_get32(data.p), STATUS_SUCCESS, "QueryStatus",
		CORE_CREATE_0057);
	uint32_t seen = wire_get32(data.p + 4);
	struct reply *m = open_existing(a, "x", MAXIMUM_ALLOWED, 0);
	need_ok(t, m);
	check_number(t, r, seen, access_of(file_of(m)), "MaximalAccess",
		CORE_CREATE_0057);
	check_number(t, r, (seen & FILE_WRITE_DATA) != 0, !row->restricted,
		"FILE_WRITE_DATA in MaximalAccess", CORE_CREATE_0057);
}

CONF_TEST(core, disk_id, "the number on disk is returned when asked for",
	RULES(CORE_CREATE_0058))
{
	struct peer *a = client(t);
	struct create_options o = with_context(t, "QFid", no_data);
	struct wire_view data;
	struct reply *r = file_create(a, "x", &o);
	need_ok(t, r);
	stop(t, r, created_context(r, "QFid", &data) && data.n == 32,
		CORE_CREATE_0058, "a context QFid of 32 bytes");
	check_number(t, r, wire_get64(data.p), number_of(file_of(r)),
		"DiskFileId", CORE_CREATE_0058);
}

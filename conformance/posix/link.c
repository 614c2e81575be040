/* SPDX-License-Identifier: MIT */
/*
 * Symbolic links: walking a path, opening them, making them. Rules PSX-LINK,
 * POSIX-SMB2 3.3.5.9.1, [MS-SMB2] 2.2.2.2.1, [MS-FSCC] 2.1.2.4. What special
 * files and reparse points of other tags add is in special.c.
 */
#include <string.h>

#include "posix/kinds.h"

/* A directory d with a file x in it, a file x, and a link to each target. */
static void make_objects(struct peer *a)
{
	posix_make_directory(a, "d", 0755);
	posix_make_file(a, "d/x", 0644);
	posix_make_file(a, "x", 0644);
}

static struct file *need_link(struct peer *a, const char *path)
{
	struct reply *r = posix_open(a, path,
		FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | READ_CONTROL,
		FILE_OPEN_REPARSE_POINT);

	need_ok(a->t, r);
	need(a->t, posix_answered(r), "an open by the rules of POSIX");
	return file_of(r);
}

static const struct {
	const char *name, *target, *path;
	uint32_t options;
} walk_rows[] = {
	{"to_a_directory", "d", "link/x", 0},
	{"to_a_directory_and_the_flag", "d", "link/x", FILE_OPEN_REPARSE_POINT},
	{"directory_asked_for", "d", "link/sub", FILE_DIRECTORY_FILE},
	{"to_nothing", "nowhere", "link/x", 0},
	{"to_nothing_and_the_flag", "nowhere", "link/x",
		FILE_OPEN_REPARSE_POINT},
	{"out_of_the_share", "/etc", "link/passwd", 0},
	{"upwards", "../../..", "link/etc", 0},
	{"to_itself", "link", "link/x", 0},
};

CONF_TABLE(posix, on_the_way, walk_rows,
	"a symbolic link on the way stops the CREATE",
	RULES(PSX_LINK_0007, PSX_SAFETY_0001), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_objects(a);
	posix_symlink(a, "link", row->target);
	struct reply *r =
		posix_open(a, row->path, FILE_READ_ATTRIBUTES, row->options);
	check_status(t, r, STATUS_STOPPED_ON_SYMLINK, PSX_LINK_0007);
	check(t, r, r->status != STATUS_SUCCESS, PSX_SAFETY_0001,
		"nothing is opened");
}

static const struct {
	const char *name, *target;
	uint32_t disposition;
} last_rows[] = {
	{"open", "x", FILE_OPEN},
	{"open_if", "x", FILE_OPEN_IF},
	{"overwrite", "x", FILE_OVERWRITE},
	{"overwrite_if", "x", FILE_OVERWRITE_IF},
	{"supersede", "x", FILE_SUPERSEDE},
	{"open_dangling", "nowhere", FILE_OPEN},
	{"open_if_dangling", "nowhere", FILE_OPEN_IF},
	{"overwrite_if_dangling", "nowhere", FILE_OVERWRITE_IF},
};

CONF_TABLE(posix, last, last_rows,
	"a symbolic link at the end stops the CREATE that wants what is behind",
	RULES(PSX_LINK_0008), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_objects(a);
	posix_symlink(a, "link", row->target);
	check_status(t,
		posix_create(a, "link", 0644,
			&(struct create_options){
				.disposition = DISPOSITION(row->disposition)}),
		STATUS_STOPPED_ON_SYMLINK, PSX_LINK_0008);
	check(t, NULL, !posix_exists(a, "nowhere"), PSX_LINK_0008,
		"nothing was made behind the link");
	struct file *f = need_link(a, "link");
	check(t, NULL,
		(posix_info(f).posix_mode & MODE_TYPE) == POSIX_TYPE_SYMLINK,
		PSX_LINK_0008, "it still is a link");
}

static const struct {
	const char *name, *target;
	uint32_t options;
} exclusive_rows[] = {
	{"to_a_file", "x", 0},
	{"to_a_directory", "d", 0},
	{"dangling", "nowhere", 0},
	{"to_a_file_and_the_flag", "x", FILE_OPEN_REPARSE_POINT},
	{"dangling_and_the_flag", "nowhere", FILE_OPEN_REPARSE_POINT},
	{"directory_over_a_link", "d", FILE_DIRECTORY_FILE},
	{"directory_over_a_dangling_link", "nowhere", FILE_DIRECTORY_FILE},
};

CONF_TABLE(posix, exclusive, exclusive_rows,
	"FILE_CREATE finds that the name of a symbolic link is taken",
	RULES(PSX_LINK_0009), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_objects(a);
	posix_symlink(a, "link", row->target);
	check_status(t,
		posix_create(a, "link", 0644,
			&(struct create_options){
				.disposition = DISPOSITION(FILE_CREATE),
				.options = row->options}),
		STATUS_OBJECT_NAME_COLLISION, PSX_LINK_0009);
	check(t, NULL, !posix_exists(a, "nowhere"), PSX_LINK_0009,
		"nothing was made behind the link");
}

static const struct {
	const char *name, *target;
} target_rows[] = {
	{"file", "x"},
	{"directory", "d"},
	{"dangling", "nowhere"},
	{"to_itself", "link"},
	{"absolute", "/nowhere/at/all"},
};

CONF_TABLE(posix, the_link_itself, target_rows,
	"with FILE_OPEN_REPARSE_POINT a symbolic link itself is opened",
	RULES(PSX_LINK_0010, PSX_LINK_0024, PSX_LINK_0029, PSX_LINK_0030,
		PSX_CREATE_0027),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_objects(a);
	posix_symlink(a, "link", row->target);
	struct reply *r = posix_open(
		a, "link", FILE_READ_ATTRIBUTES, FILE_OPEN_REPARSE_POINT);
	stop_ok(t, r, PSX_LINK_0010);
	check_flags(t, r, SMB2_CREATE_RESPONSE_F_FILE_ATTRIBUTES,
		FILE_ATTRIBUTE_REPARSE_POINT, FILE_ATTRIBUTE_DIRECTORY,
		PSX_LINK_0029);
	struct smb2_create_posix_response p = posix_answer(r);
	check_number(t, r, p.reparse_tag, IO_REPARSE_TAG_SYMLINK, "ReparseTag",
		PSX_CREATE_0027);
	check_number(t, r, p.posix_mode & MODE_TYPE, POSIX_TYPE_SYMLINK,
		"type in POSIXMode of the context", PSX_LINK_0024);
	check_posix(t, file_of(r), FILE_POSIX_INFORMATION_F_END_OF_FILE,
		strlen(row->target), PSX_LINK_0030);
}

/* --- the error --------------------------------------------------------------
 */

CONF_TEST(posix, error_context,
	"the link comes in one error context of ErrorId zero",
	RULES(PSX_LINK_0011), NEEDS(POSIX_EXTENSIONS))
{
	struct smb2_symlink_error_response e;
	struct peer *a = posix_client(t);
	posix_symlink(a, "link", "../x/y");
	struct reply *r = posix_open(a, "link", FILE_READ_ATTRIBUTES, 0);
	need_status(t, r, STATUS_STOPPED_ON_SYMLINK);
	check_field(t, r, SMB2_ERROR_RESPONSE_F_ERROR_CONTEXT_COUNT, 1,
		PSX_LINK_0011);
	struct wire_view data = reply_as(r, smb2_error_response)->error_data;
	stop(t, r, data.n > 8, PSX_LINK_0011, "an error context");
	check_number(t, r, wire_get32(data.p), data.n - 8, "ErrorDataLength",
		PSX_LINK_0011);
	check_number(t, r, wire_get32(data.p + 4), 0, "ErrorId", PSX_LINK_0011);
	stop(t, r, symlink_error(r, &e), PSX_LINK_0011,
		"a Symbolic Link Error Response");
	check_number(t, r, e.sym_link_length, data.n - 12, "SymLinkLength",
		PSX_LINK_0011);
	check_number(t, r, e.sym_link_error_tag, 0x4c4d5953, "SymLinkErrorTag",
		PSX_LINK_0011);
	check_number(t, r, e.reparse_tag, IO_REPARSE_TAG_SYMLINK, "ReparseTag",
		PSX_LINK_0011);
	check_number(t, r, e.reparse_data_length, 12 + e.path_buffer.n,
		"ReparseDataLength", PSX_LINK_0011);
}

static const struct {
	const char *name, *link, *rest; /* the link; the path behind it */
	unsigned int unparsed;
} unparsed_rows[] = {
	{"one_letter", "link", "/x", 4},
	{"several_components", "link", "/one/two/three", 28},
	{"two_bytes_in_utf8", "link", "/\xc3\xa4\xc3\xb6", 6},
	{"three_bytes_in_utf8", "link", "/\xe2\x82\xac", 4},
	{"surrogates", "link", "/\xf0\x9f\x98\x80", 6},
	{"backslash", "link", "/a\\b", 8},
	{"colon", "link", "/a:b", 8},
	{"link_in_a_directory", "d/link", "/x/y", 8},
	{"link_of_many_bytes", "d/\xe2\x82\xac\xf0\x9f\x98\x80", "/x/y", 8},
	{"link_with_a_backslash", "li\\nk", "/x/y", 8},
};

CONF_TABLE(posix, unparsed, unparsed_rows,
	"UnparsedPathLength counts what follows the link, with its slash",
	RULES(PSX_LINK_0007, PSX_LINK_0012), NEEDS(POSIX_EXTENSIONS))
{
	struct smb2_symlink_error_response e = {0};
	struct peer *a = posix_client(t);
	make_objects(a);
	posix_symlink(a, row->link, "target");
	struct reply *r =
		posix_open(a, test_text(t, "%s%s", row->link, row->rest),
			FILE_READ_ATTRIBUTES, 0);
	stop_status(t, r, STATUS_STOPPED_ON_SYMLINK, PSX_LINK_0007);
	stop(t, r, symlink_error(r, &e), PSX_LINK_0012,
		"a Symbolic Link Error Response");
	check_number(t, r, e.unparsed_path_length, row->unparsed,
		"UnparsedPathLength", PSX_LINK_0012);
}

CONF_TEST(posix, first_of_two_links,
	"of two links on the way the first is reported",
	RULES(PSX_LINK_0007, PSX_LINK_0012), NEEDS(POSIX_EXTENSIONS))
{
	struct smb2_symlink_error_response e = {0};
	struct peer *a = posix_client(t);
	make_objects(a);
	posix_symlink(a, "link", "d");
	posix_symlink(a, "d/link", "..");
	struct reply *r = posix_open(a, "link/link/x", FILE_READ_ATTRIBUTES, 0);
	stop_status(t, r, STATUS_STOPPED_ON_SYMLINK, PSX_LINK_0007);
	stop(t, r, symlink_error(r, &e), PSX_LINK_0012,
		"a Symbolic Link Error Response");
	check_number(t, r, e.unparsed_path_length, 14, "UnparsedPathLength",
		PSX_LINK_0012);
}

CONF_TEST(posix, nothing_unparsed,
	"UnparsedPathLength is zero when the link is the end",
	RULES(PSX_LINK_0013), NEEDS(POSIX_EXTENSIONS))
{
	struct smb2_symlink_error_response e = {.unparsed_path_length = 1};
	struct peer *a = posix_client(t);
	make_objects(a);
	posix_symlink(a, "d/link", "x");
	struct reply *r = posix_open(a, "d/link", FILE_READ_ATTRIBUTES, 0);
	need_status(t, r, STATUS_STOPPED_ON_SYMLINK);
	stop(t, r, symlink_error(r, &e), PSX_LINK_0013,
		"a Symbolic Link Error Response");
	check_number(t, r, e.unparsed_path_length, 0, "UnparsedPathLength",
		PSX_LINK_0013);
}

static const struct {
	const char *name, *target;
	bool absolute;
	enum rule_id rule;
} text_rows[] = {
	{"plain", "x", false, RULE_PSX_LINK_0014},
	{"upwards", "../x/y", false, RULE_PSX_LINK_0014},
	{"dot", "./x", false, RULE_PSX_LINK_0014},
	{"double_slash", "x//y", false, RULE_PSX_LINK_0014},
	{"trailing_slash", "x/", false, RULE_PSX_LINK_0014},
	{"backslash", "x\\y", false, RULE_PSX_LINK_0014},
	{"colon", "c:\\x", false, RULE_PSX_LINK_0014},
	{"space", " x ", false, RULE_PSX_LINK_0014},
	{"many_bytes", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", false,
		RULE_PSX_LINK_0014},
	{"root", "/", true, RULE_PSX_LINK_0015},
	{"absolute", "/usr/share/x", true, RULE_PSX_LINK_0015},
	{"absolute_upwards", "/../x", true, RULE_PSX_LINK_0015},
};

/* One of the two names of a Symbolic Link Error Response. */
static struct wire_view name_in(
	struct wire_view buffer, uint16_t offset, uint16_t length)
{
	return (size_t)offset + length <= buffer.n
		       ? wire_view_sub(buffer, offset, length)
		       : (struct wire_view){0};
}

CONF_TABLE(posix, target_in_the_error, text_rows,
	"the error returns the target as it is, and says whether it is "
	"relative",
	RULES(PSX_LINK_0014, PSX_LINK_0015, PSX_LINK_0016),
	NEEDS(POSIX_EXTENSIONS))
{
	struct smb2_symlink_error_response e;
	struct peer *a = posix_client(t);
	posix_symlink(a, "link", row->target);
	struct reply *r = posix_open(a, "link", FILE_READ_ATTRIBUTES, 0);
	need_status(t, r, STATUS_STOPPED_ON_SYMLINK);
	need(t, symlink_error(r, &e), "a Symbolic Link Error Response");
	struct wire_view want = utf16(t, row->target);
	struct wire_view name = name_in(e.path_buffer, e.substitute_name_offset,
		e.substitute_name_length);
	rule_bytes(t, r, name, want, "SubstituteName", row->rule);
	rule_bytes(t, r,
		name_in(e.path_buffer, e.print_name_offset,
			e.print_name_length),
		want, "PrintName", row->rule);
	bool slash = name.n >= 2 && wire_get16(name.p) == '/';
	check_number(t, r, e.flags & SYMLINK_FLAG_RELATIVE,
		slash ? 0 : SYMLINK_FLAG_RELATIVE, "relative in Flags",
		PSX_LINK_0016);
}

/* --- reading and making them ------------------------------------------------
 */

CONF_TABLE(posix, target_in_the_buffer, text_rows,
	"FSCTL_GET_REPARSE_POINT returns the target as it was set",
	RULES(PSX_LINK_0031, PSX_LINK_0032), NEEDS(POSIX_EXTENSIONS))
{
	struct reparse_data_buffer buffer;
	struct symbolic_link_reparse_data_buffer link;
	struct peer *a = posix_client(t);
	posix_symlink(a, "link", row->target);
	struct reply *r = reparse_get(need_link(a, "link"));
	stop_ok(t, r, PSX_LINK_0031);
	struct wire_view data = fsctl_data(r);
	stop(t, r, reparse_data_buffer_decode(data, &buffer) == 0,
		PSX_LINK_0031, "a reparse buffer");
	check_number(t, r, buffer.reparse_tag, IO_REPARSE_TAG_SYMLINK,
		"ReparseTag", PSX_LINK_0031);
	stop(t, r,
		symbolic_link_reparse_data_buffer_decode(
			buffer.data_buffer, &link) == 0,
		PSX_LINK_0031, "the data of a symbolic link");
	check_bytes(t, r,
		name_in(link.path_buffer, link.substitute_name_offset,
			link.substitute_name_length),
		utf16(t, row->target), "SubstituteName", PSX_LINK_0031);
	check_status(t, posix_open(a, "link", FILE_READ_DATA, 0),
		STATUS_STOPPED_ON_SYMLINK, PSX_LINK_0032);
}

/* A buffer with PrintName first, as other clients send it. */
static struct wire_view print_name_first(struct test *t, const char *target)
{
	struct wire_view name = utf16(t, target);
	uint8_t *both = test_alloc(t, 2 * name.n);
	const struct symbolic_link_reparse_data_buffer link = {
		.substitute_name_offset = (uint16_t)name.n,
		.substitute_name_length = (uint16_t)name.n,
		.print_name_length = (uint16_t)name.n,
		.flags = SYMLINK_FLAG_RELATIVE,
		.path_buffer = wire_view_of(both, 2 * name.n),
	};

	memcpy(both + name.n, name.p, name.n);
	for (size_t i = 0; i < name.n; i += 2) {
		wire_put16(both + i, 'p'); /* PrintName is another text */
	}
	return reparse_buffer(t, IO_REPARSE_TAG_SYMLINK,
		encoded(t, &symbolic_link_reparse_data_buffer_type, &link));
}

CONF_TEST(posix, names_in_any_order,
	"the offsets of a buffer say which of its names is the target",
	RULES(PSX_LINK_0032, PSX_LINK_0014), NEEDS(POSIX_EXTENSIONS))
{
	struct smb2_symlink_error_response e;
	struct peer *a = posix_client(t);
	struct reply *set;
	posix_reparse(a, "link", 0777, print_name_first(t, "../x"), &set);
	stop_ok(t, set, PSX_LINK_0032);
	struct reply *r = posix_open(a, "link", FILE_READ_DATA, 0);
	stop_status(t, r, STATUS_STOPPED_ON_SYMLINK, PSX_LINK_0032);
	need(t, symlink_error(r, &e), "a Symbolic Link Error Response");
	check_bytes(t, r,
		name_in(e.path_buffer, e.substitute_name_offset,
			e.substitute_name_length),
		utf16(t, "../x"), "SubstituteName", PSX_LINK_0014);
}

CONF_TEST(posix, long_target, "a target of 4095 bytes is kept whole",
	RULES(PSX_LINK_0031, PSX_LINK_0032), NEEDS(POSIX_EXTENSIONS))
{
	char *target = test_alloc(t, 4096);
	struct reparse_data_buffer buffer;
	struct peer *a = posix_client(t);
	for (int i = 0; i < 4095; i++) {
		target[i] = i % 100 == 99 ? '/' : 'x';
	}
	struct wire_view want = utf16(t, target);
	const struct symbolic_link_reparse_data_buffer link = {
		.substitute_name_length = (uint16_t)want.n,
		.print_name_length = (uint16_t)want.n, /* the same bytes */
		.flags = SYMLINK_FLAG_RELATIVE,
		.path_buffer = want};
	struct reply *set;
	struct file *f = posix_reparse(a, "link", 0777,
		reparse_buffer(t, IO_REPARSE_TAG_SYMLINK,
			encoded(t, &symbolic_link_reparse_data_buffer_type,
				&link)),
		&set);
	stop_ok(t, set, PSX_LINK_0032);
	struct reply *r = reparse_get(f);
	stop_ok(t, r, PSX_LINK_0031);
	need(t, reparse_data_buffer_decode(fsctl_data(r), &buffer) == 0,
		"a reparse buffer");
	check(t, r,
		memmem(buffer.data_buffer.p, buffer.data_buffer.n, want.p,
			want.n) != NULL,
		PSX_LINK_0031, "the buffer has the whole target");
}

static const struct {
	const char *name;
	bool write;
} data_rows[] = {{"read", false}, {"write", true}};

CONF_TABLE(posix, data_of_a_link, data_rows,
	"a symbolic link has no data to read or write",
	RULES(PSX_LINK_0022, PSX_LINK_0023), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_symlink(a, "link", "nowhere");
	check_no_data(a, "link", row->write);
}

CONF_TEST(posix, directory_asked_for,
	"a symbolic link is no directory, even one that leads to a directory",
	RULES(PSX_LINK_0021), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_objects(a);
	posix_symlink(a, "link", "d");
	check_status(t,
		posix_open(a, "link", FILE_READ_ATTRIBUTES,
			FILE_OPEN_REPARSE_POINT | FILE_DIRECTORY_FILE),
		STATUS_NOT_A_DIRECTORY, PSX_LINK_0021);
}

CONF_TEST(posix, made_a_file_again,
	"FSCTL_DELETE_REPARSE_POINT makes a symbolic link a file again",
	RULES(PSX_LINK_0040, PSX_LINK_0041), NEEDS(POSIX_EXTENSIONS))
{
	const struct wire_view none = {NULL, 0};
	struct peer *a = posix_client(t);
	struct file *f = posix_reparse(a, "link", 0640,
		symlink_buffer(t, "x", SYMLINK_FLAG_RELATIVE), NULL);
	stop_ok(t,
		file_fsctl(f, FSCTL_DELETE_REPARSE_POINT,
			reparse_buffer(t, IO_REPARSE_TAG_SYMLINK, none), 0),
		PSX_LINK_0040);
	check_status(
		t, reparse_get(f), STATUS_NOT_A_REPARSE_POINT, PSX_LINK_0041);
	need_ok(t, file_close(f));
	struct reply *r = posix_open(a, "link", ACCESS_DEFAULT, 0);
	stop_ok(t, r, PSX_LINK_0040);
	check_number(t, r, posix_answer(r).posix_mode & MODE_TYPE,
		POSIX_TYPE_FILE, "type in POSIXMode", PSX_LINK_0040);
	check_ok(t, file_write(file_of(r), 0, "abc", 3), PSX_LINK_0040);
}

CONF_TEST(posix, loop, "a loop of links is the client's to notice",
	RULES(PSX_LINK_0007, PSX_LINK_0008), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_symlink(a, "a", "b");
	posix_symlink(a, "b", "a");
	check_status(t, posix_open(a, "a", FILE_READ_DATA, 0),
		STATUS_STOPPED_ON_SYMLINK, PSX_LINK_0008);
	check_status(t, posix_open(a, "a/x", FILE_READ_DATA, 0),
		STATUS_STOPPED_ON_SYMLINK, PSX_LINK_0007);
}

CONF_TEST(posix, target_changes, "the target of a link can be set anew",
	RULES(PSX_LINK_0032), NEEDS(POSIX_EXTENSIONS))
{
	struct smb2_symlink_error_response e;
	struct peer *a = posix_client(t);
	struct file *f = posix_reparse(a, "link", 0777,
		symlink_buffer(t, "old", SYMLINK_FLAG_RELATIVE), NULL);
	stop_ok(t,
		reparse_set(
			f, symlink_buffer(t, "new one", SYMLINK_FLAG_RELATIVE)),
		PSX_LINK_0032);
	struct reply *r = posix_open(a, "link", FILE_READ_DATA, 0);
	stop_status(t, r, STATUS_STOPPED_ON_SYMLINK, PSX_LINK_0032);
	need(t, symlink_error(r, &e), "a Symbolic Link Error Response");
	check_bytes(t, r,
		name_in(e.path_buffer, e.substitute_name_offset,
			e.substitute_name_length),
		utf16(t, "new one"), "SubstituteName", PSX_LINK_0032);
}

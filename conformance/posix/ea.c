/* SPDX-License-Identifier: MIT */
/*
 * Rules PSX-EA: extended attributes on POSIX opens. [MS-FSCC] 2.4.16
 */
#include <string.h>

#include "posix/posix.h"

static struct reply *set_ea(struct file *f, const char *name, const char *value)
{
	struct test *t = f->peer->t;
	const struct file_full_ea_information ea = {
		.ea_name_length = (uint8_t)strlen(name),
		.ea_value_length = (uint16_t)strlen(value),
		.ea_name = text_bytes(name),
		.ea_value = text_bytes(value)};

	return file_set(f, SMB2_0_INFO_FILE, FileFullEaInformation,
		encoded(t, &file_full_ea_information_type, &ea));
}

/* A new file on which an extended attribute can be set. */
static struct file *with_ea(struct peer *a)
{
	struct file *f = need_posix(a, "x", 0640, NULL);
	struct reply *r = set_ea(f, "Name", "value");

	need_capability(a->t, r,
		r->status != STATUS_EAS_NOT_SUPPORTED &&
			r->status != STATUS_NOT_SUPPORTED,
		"extended attributes");
	need_ok(a->t, r);
	return f;
}

CONF_TEST(posix, names_have_case, "names that differ in case are two",
	RULES(PSX_EA_0001), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = with_ea(a);
	struct reply *r = set_ea(f, "nAME", "another");

	stop_ok(t, r, PSX_EA_0001);
	int first = file_ea_length(f, "Name");
	check_number(t, r, (uint64_t)first, 5, "bytes of the value of \"Name\"",
		PSX_EA_0001);
	int second = file_ea_length(f, "nAME");
	check_number(t, r, (uint64_t)second, 7,
		"bytes of the value of \"nAME\"", PSX_EA_0001);
}

static const struct {
	const char *name;
	const char *ea;
} name_rows[] = {{"quotation_mark", "a\"b"}, {"asterisk", "a*b"},
	{"plus", "a+b"}, {"comma", "a,b"}, {"slash", "a/b"}, {"colon", "a:b"},
	{"semicolon", "a;b"}, {"less_than", "a<b"}, {"equals", "a=b"},
	{"greater_than", "a>b"}, {"question_mark", "a?b"}, {"bracket", "a[b"},
	{"backslash", "a\\b"}, {"closing_bracket", "a]b"},
	{"vertical_bar", "a|b"}};

CONF_TABLE(posix, character, name_rows,
	"names have characters that Windows does not allow", RULES(PSX_EA_0002),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = with_ea(a);
	struct reply *r = set_ea(f, row->ea, "value");

	stop_ok(t, r, PSX_EA_0002);
	int n = file_ea_length(f, row->ea);
	check_number(t, r, (uint64_t)n, 5, "bytes of the value", PSX_EA_0002);
}

CONF_TEST(posix, empty_value, "a value without bytes deletes",
	RULES(PSX_EA_0003), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = with_ea(a);
	struct reply *r = set_ea(f, "Name", "");

	stop_ok(t, r, PSX_EA_0003);
	check(t, r, file_ea_length(f, "Name") < 0, PSX_EA_0003,
		"the attribute is not there");
}

CONF_TEST(posix, nothing_of_the_server,
	"what the server keeps for itself is not listed", RULES(PSX_EA_0004),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = with_ea(a);
	const struct file_basic_information basic = {
		.file_attributes = FILE_ATTRIBUTE_HIDDEN};

	need_ok(t, file_set(f, SMB2_0_INFO_FILE, FileBasicInformation,
			   encoded(t, &file_basic_information_type, &basic)));
	file_fsctl(f, FSCTL_SET_REPARSE_POINT,
		reparse_buffer(t, 0x80000025, text_bytes("")), 0);
	struct reply *r =
		file_query(f, SMB2_0_INFO_FILE, FileFullEaInformation, 4096);
	need_ok(t, r);
	struct wire_list list =
		wire_list_of(&file_full_ea_information_type, query_data(r));
	struct file_full_ea_information ea;
	unsigned int n = 0;
	while (wire_list_next(&list, &ea, NULL) == 1) {
		n++;
	}
	check_number(
		t, r, n, 1, "attributes, of which one was set", PSX_EA_0004);
}

static const struct {
	const char *name;
	bool link;
} object_rows[] = {{"symbolic_link", true}, {"fifo", false}};

CONF_TABLE(posix, of_special_files, object_rows,
	"links and special files take no extended attributes",
	RULES(PSX_EA_0005), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	const struct wire_view none = {NULL, 0};

	with_ea(a);
	need_ok(t, file_close(posix_reparse(a, "l", 0640,
			   row->link ? symlink_buffer(
					       t, "x", SYMLINK_FLAG_RELATIVE)
				     : nfs_buffer(t, NFS_SPECFILE_FIFO, none),
			   NULL)));
	struct reply *o = posix_open(a, "l",
		FILE_READ_EA | FILE_WRITE_EA | FILE_READ_ATTRIBUTES,
		FILE_OPEN_REPARSE_POINT);
	need_ok(t, o);
	struct reply *r = set_ea(file_of(o), "Name", "value");
	check_status(t, r, STATUS_ACCESS_DENIED, PSX_EA_0005);
}

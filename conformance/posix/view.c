/* SPDX-License-Identifier: MIT */
/*
 * Rules PSX-VIEW: what ordinary opens see of the names and types that POSIX
 * opens have made.
 */
#include <string.h>

#include "posix/posix.h"

#define FORBIDDEN "\"*/:<>?\\|"

static const struct create_options existing = {
	.access = FILE_READ_DATA | FILE_READ_ATTRIBUTES,
	.disposition = DISPOSITION(FILE_OPEN)};

CONF_TEST(posix, ordinary_names,
	"ordinary opens have backslashes and no case on any connection",
	RULES(PSX_VIEW_0001), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_make_directory(a, "d", 0755);
	posix_make_file(a, "d/ReadMe", 0640);
	struct reply *r = file_create(a, "d\\ReadMe", &existing);
	check_ok(t, r, PSX_VIEW_0001);
	r = file_create(a, "D\\README", &existing);
	check_ok(t, r, PSX_VIEW_0001);
}

static const struct {
	const char *name;
	const char *path;
	uint64_t size;
} case_rows[] = {
	{"lower", "name", 1}, {"upper", "NAME", 2}, {"mixed", "Name", 3}};

CONF_TABLE(posix, exact_name_first, case_rows,
	"of names that differ in case an ordinary open gets the one it says",
	RULES(PSX_VIEW_0002), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	for (unsigned int i = 0; i < 3; i++) {
		struct reply *made = posix_create(a, case_rows[i].path, 0640,
			&(struct create_options){
				.disposition = DISPOSITION(FILE_CREATE)});
		need_capability(t, made, made->status == STATUS_SUCCESS,
			"names that differ only in case");
		struct file *f = file_of(made);

		need_ok(t, file_write(f, 0, "123", case_rows[i].size));
		need_ok(t, file_close(f));
	}
	struct reply *r = file_create(a, row->path, &existing);
	stop_ok(t, r, PSX_VIEW_0002);
	uint64_t size = file_size(file_of(r));
	check_number(t, r, size, row->size, "size of the file that was opened",
		PSX_VIEW_0002);
}

static const struct {
	const char *name;
	const char *file;
} odd_rows[] = {{"quotation_mark", "a\"b"}, {"asterisk", "a*b"},
	{"colon", "a:b"}, {"less_than", "a<b"}, {"greater_than", "a>b"},
	{"question_mark", "a?b"}, {"backslash", "a\\b"},
	{"vertical_bar", "a|b"},
	{"control", "a\x01"
		    "b"}};

/* A character that no ordinary open may be shown. */
static bool forbidden(struct wire_view name)
{
	for (size_t i = 0; i + 2 <= name.n; i += 2) {
		uint16_t c = wire_get16(name.p + i);

		if (c < 0x20 || (c < 0x7f && strchr(FORBIDDEN, c) != NULL)) {
			return true;
		}
	}
	return false;
}

CONF_TABLE(posix, listed_name, odd_rows,
	"ordinary listings have no names that Windows forbids",
	RULES(PSX_VIEW_0003), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	struct reply *made = posix_create(a, row->file, 0640, NULL);
	need_capability(t, made, made->status == STATUS_SUCCESS,
		"names with this character");
	need_ok(t, file_close(file_of(made)));
	struct file *d = need_directory(a, "");
	struct reply *r = dir_query(
		d, FileNamesInformation, SMB2_RESTART_SCANS, "*", 65536);
	struct reply *gone = posix_unlink(a, row->file);
	need_ok(t, gone);
	need_ok(t, r);
	struct file_names_information e;
	struct wire_list list =
		wire_list_of(&file_names_information_type, dir_data(r));
	while (wire_list_next(&list, &e, NULL) == 1) {
		check(t, r, !forbidden(e.file_name), PSX_VIEW_0003,
			"a name without characters that are forbidden");
	}
}

CONF_TEST(posix, colon_is_a_stream,
	"an ordinary open of \"a:b\" does not get the file of that name",
	RULES(PSX_VIEW_0004), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_make_file(a, "a", 0640);
	struct file *f = need_posix(a, "a:b", 0640, NULL);
	need_ok(t, file_write(f, 0, "posix", 5));
	struct reply *r = file_create(a, "a:b", &existing);
	check_refused(t, r, PSX_VIEW_0004);
}

CONF_TEST(posix, colon_in_the_root,
	"the same in the root of the share, where no backslash is needed",
	RULES(PSX_VIEW_0004), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct wire_view name =
		utf16(t, test_text(t, "%s:b", test_path(a, "")));
	struct reply *made = posix_create_name(a, name, 0640,
		&(struct create_options){.options = FILE_DELETE_ON_CLOSE});

	need_ok(t, made);
	struct reply *r = file_create_name(a, name, &existing);
	check_refused(t, r, PSX_VIEW_0004);
}

static const struct {
	const char *name;
	uint64_t type;
} special_rows[] = {{"fifo", NFS_SPECFILE_FIFO}, {"socket", NFS_SPECFILE_SOCK},
	{"character_device", NFS_SPECFILE_CHR},
	{"block_device", NFS_SPECFILE_BLK}};

CONF_TABLE(posix, special_file, special_rows,
	"special files are not opened for their data by ordinary opens",
	RULES(PSX_VIEW_0005), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	const struct wire_view none = {NULL, 0};
	bool device =
		row->type == NFS_SPECFILE_CHR || row->type == NFS_SPECFILE_BLK;

	need_ok(t, file_close(posix_reparse(a, "x", 0640,
			   device ? nfs_device_buffer(t, row->type, 1, 3)
				  : nfs_buffer(t, row->type, none),
			   NULL)));
	struct reply *r = file_create(a, "x", &existing);
	check_status(t, r, STATUS_IO_REPARSE_TAG_NOT_HANDLED, PSX_VIEW_0005);
}

static const struct {
	const char *name;
	const char *file;
} new_rows[] = {{"quotation_mark", "a\"b"}, {"asterisk", "a*b"},
	{"less_than", "a<b"}, {"greater_than", "a>b"}, {"question_mark", "a?b"},
	{"vertical_bar", "a|b"},
	{"control", "a\x01"
		    "b"}};

CONF_TABLE(posix, forbidden_name, new_rows,
	"an ordinary open makes no name that Windows forbids",
	RULES(PSX_VIEW_0009), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct reply *r = file_create(a, row->file, NULL);

	check_status(t, r, STATUS_OBJECT_NAME_INVALID, PSX_VIEW_0009);
}

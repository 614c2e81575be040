/* SPDX-License-Identifier: MIT */
/* QUERY_DIRECTORY. Rules CORE-QUERYDIR, [MS-SMB2] 3.3.5.18, [MS-FSA]
 * 2.1.5.6.3. */
#include "suite/file.h"

#include <string.h>

#define ROOM 65536u
#define FIXED_ID_BOTH 104u

/* The directory "d" with files in it. */
static struct file *directory_with(
	struct peer *a, const char *const *names, unsigned int count)
{
	struct file *d = need_directory(a, "d");
	for (unsigned int i = 0; i < count; i++) {
		const char *path = test_text(a->t, "d\\%s", names[i]);
		need_ok(a->t, file_close(need_file(a, path, NULL)));
	}
	return d;
}

static const char *const three[] = {"alpha", "beta", "gamma"};

static struct reply *scan(struct file *d, uint8_t flags, const char *pattern)
{
	return dir_query(d, FileNamesInformation, flags, pattern, ROOM);
}

static struct wire_list names_of(const struct reply *r)
{
	return wire_list_of(&file_names_information_type, dir_data(r));
}

static bool is_name(struct wire_view name, const char *text)
{
	char utf8[512];
	int n = wire_utf16_to_utf8(name, utf8, sizeof(utf8));
	return n >= 0 && (size_t)n == strlen(text) &&
	       memcmp(utf8, text, (size_t)n) == 0;
}

/* How often a name stands in a response. */
static unsigned int count_name(const struct reply *r, const char *name)
{
	struct wire_list list = names_of(r);
	struct file_names_information info;
	unsigned int found = 0;
	while (wire_list_next(&list, &info, NULL) > 0) {
		found += is_name(info.file_name, name) ? 1 : 0;
	}
	return found;
}

static unsigned int count_entries(const struct reply *r)
{
	struct wire_list list = names_of(r);
	struct file_names_information info;
	unsigned int found = 0;
	while (wire_list_next(&list, &info, NULL) > 0) {
		found++;
	}
	return found;
}

CONF_TEST(core, query_of_a_file, "a file has no entries to query",
	RULES(CORE_QUERYDIR_0001))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	check_status(t, scan(f, 0, "*"), STATUS_INVALID_PARAMETER,
		CORE_QUERYDIR_0001);
}

CONF_TEST(core, query_needs_list_directory,
	"QUERY_DIRECTORY needs FILE_LIST_DIRECTORY", RULES(CORE_QUERYDIR_0002))
{
	struct peer *a = client(t);
	need_directory(a, "d");
	struct file *d = need_file(a, "d",
		&(struct create_options){.access = FILE_READ_ATTRIBUTES,
			.options = FILE_DIRECTORY_FILE});
	check_status(
		t, scan(d, 0, "*"), STATUS_ACCESS_DENIED, CORE_QUERYDIR_0002);
}

static const struct {
	const char *name;
	uint8_t info_class;
} class_rows[] = {
	{"file_class", FileBasicInformation}, {"zero", 0}, {"unknown", 0xee}};

CONF_TABLE(core, query_with_other_class, class_rows,
	"only classes of directory entries can be queried",
	RULES(CORE_QUERYDIR_0003))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	struct reply *r = dir_query(d, row->info_class, 0, "*", ROOM);
	check_status(t, r, STATUS_INVALID_INFO_CLASS, CORE_QUERYDIR_0003);
}

static const struct {
	const char *name;
	uint8_t info_class;
	uint32_t size;
} small_rows[] = {{"names", FileNamesInformation, 11},
	{"directory", FileDirectoryInformation, 63},
	{"id_both", FileIdBothDirectoryInformation, FIXED_ID_BOTH - 1}};

CONF_TABLE(core, room_below_the_fixed_part, small_rows,
	"room for less than an entry is refused", RULES(CORE_QUERYDIR_0004))
{
	struct peer *a = client(t);
	struct file *d = directory_with(a, three, 3);
	struct reply *r = dir_query(d, row->info_class, 0, "*", row->size);
	check_status(t, r, STATUS_INFO_LENGTH_MISMATCH, CORE_QUERYDIR_0004);
}

CONF_TEST(core, first_entry_does_not_fit,
	"a first entry that does not fit is cut short",
	RULES(CORE_QUERYDIR_0005))
{
	static const char *const name[] = {"a_name_of_some_length"};
	struct peer *a = client(t);
	struct file *d = directory_with(a, name, 1);
	struct reply *r =
		dir_query(d, FileNamesInformation, 0, name[0], 12 + 8);
	check_status(t, r, STATUS_BUFFER_OVERFLOW, CORE_QUERYDIR_0005);
}

CONF_TEST(core, nothing_matches, "a scan that finds nothing says so",
	RULES(CORE_QUERYDIR_0006))
{
	struct peer *a = client(t);
	struct file *d = directory_with(a, three, 3);
	check_status(t, scan(d, 0, "nothing*"), STATUS_NO_SUCH_FILE,
		CORE_QUERYDIR_0006);
}

CONF_TEST(core, scan_ends, "a scan ends with STATUS_NO_MORE_FILES",
	RULES(CORE_QUERYDIR_0007))
{
	struct peer *a = client(t);
	struct file *d = directory_with(a, three, 3);
	need_ok(t, scan(d, 0, "*"));
	check_status(
		t, scan(d, 0, "*"), STATUS_NO_MORE_FILES, CORE_QUERYDIR_0007);
}

CONF_TEST(core, every_entry_once,
	"small responses together hold every entry once",
	RULES(CORE_QUERYDIR_0008))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	for (unsigned int i = 0; i < 40; i++) {
		const char *path = test_text(t, "d\\file-%02u", i);
		need_ok(t, file_close(need_file(a, path, NULL)));
	}
	unsigned int found[40] = {0};
	struct reply *r = NULL;
	for (unsigned int calls = 0; calls < 60; calls++) {
		r = dir_query(d, FileNamesInformation, 0, "file-*", 200);
		if (r->status != STATUS_SUCCESS) {
			break;
		}
		for (unsigned int i = 0; i < 40; i++) {
			found[i] += count_name(r, test_text(t, "file-%02u", i));
		}
	}
	need_status(t, r, STATUS_NO_MORE_FILES);
	for (unsigned int i = 0; i < 40; i++) {
		check_number(t, r, found[i], 1,
			test_text(t, "times that file-%02u was listed", i),
			CORE_QUERYDIR_0008);
	}
}

CONF_TEST(core, pattern_is_kept,
	"the pattern of the first request holds for the whole scan",
	RULES(CORE_QUERYDIR_0009))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	for (unsigned int i = 0; i < 10; i++) {
		need_ok(t, file_close(need_file(
				   a, test_text(t, "d\\x%u", i), NULL)));
		need_ok(t, file_close(need_file(
				   a, test_text(t, "d\\y%u", i), NULL)));
	}
	need_ok(t, scan(d, SMB2_RETURN_SINGLE_ENTRY, "x*"));
	struct reply *r = scan(d, 0, "*");
	need_ok(t, r);
	for (unsigned int i = 0; i < 10; i++) {
		check_number(t, r, count_name(r, test_text(t, "y%u", i)), 0,
			test_text(t, "entries of \"y%u\"", i),
			CORE_QUERYDIR_0009);
	}
}

CONF_TEST(
	core, restart, "RESTART_SCANS begins again", RULES(CORE_QUERYDIR_0010))
{
	struct peer *a = client(t);
	struct file *d = directory_with(a, three, 3);
	need_ok(t, scan(d, 0, "*"));
	struct reply *r = scan(d, SMB2_RESTART_SCANS, "*");
	check_ok(t, r, CORE_QUERYDIR_0010);
	need_ok(t, r);
	check_number(t, r, count_name(r, "alpha"), 1, "entries of \"alpha\"",
		CORE_QUERYDIR_0010);
}

CONF_TEST(core, reopen, "REOPEN begins again with a new pattern",
	RULES(CORE_QUERYDIR_0011))
{
	struct peer *a = client(t);
	struct file *d = directory_with(a, three, 3);
	need_ok(t, scan(d, 0, "alpha"));
	struct reply *r = scan(d, SMB2_REOPEN, "beta");
	check_ok(t, r, CORE_QUERYDIR_0011);
	need_ok(t, r);
	check_number(t, r, count_name(r, "beta"), 1, "entries of \"beta\"",
		CORE_QUERYDIR_0011);
}

CONF_TEST(core, single_entry, "RETURN_SINGLE_ENTRY returns one entry",
	RULES(CORE_QUERYDIR_0012))
{
	struct peer *a = client(t);
	struct file *d = directory_with(a, three, 3);
	struct reply *r = scan(d, SMB2_RETURN_SINGLE_ENTRY, "*a");
	need_ok(t, r);
	check_number(t, r, count_entries(r), 1, "entries", CORE_QUERYDIR_0012);
}

CONF_TEST(core, empty_pattern, "an empty pattern matches everything",
	RULES(CORE_QUERYDIR_0013))
{
	struct peer *a = client(t);
	struct file *d = directory_with(a, three, 3);
	struct reply *r = scan(d, 0, "");
	check_ok(t, r, CORE_QUERYDIR_0013);
	need_ok(t, r);
	for (unsigned int i = 0; i < 3; i++) {
		check_number(t, r, count_name(r, three[i]), 1,
			test_text(t, "entries of \"%s\"", three[i]),
			CORE_QUERYDIR_0013);
	}
}

static const struct {
	const char *name, *pattern;
	bool alpha, beta, gamma;
} pattern_rows[] = {{"all", "*", true, true, true},
	{"end", "*a", true, true, true}, {"begin", "a*", true, false, false},
	{"middle", "*e*", false, true, false},
	{"both_ends", "g*a", false, false, true},
	{"nothing_between", "alpha*", true, false, false},
	{"one_character", "?eta", false, true, false}};

CONF_TABLE(core, wildcards, pattern_rows, "wildcards match what they should",
	RULES(CORE_QUERYDIR_0014))
{
	struct peer *a = client(t);
	struct file *d = directory_with(a, three, 3);
	struct reply *r = scan(d, 0, row->pattern);
	check_ok(t, r, CORE_QUERYDIR_0014);
	need_ok(t, r);
	check_number(t, r, count_name(r, "alpha"), row->alpha,
		"entries of \"alpha\"", CORE_QUERYDIR_0014);
	check_number(t, r, count_name(r, "beta"), row->beta,
		"entries of \"beta\"", CORE_QUERYDIR_0014);
	check_number(t, r, count_name(r, "gamma"), row->gamma,
		"entries of \"gamma\"", CORE_QUERYDIR_0014);
}

static const struct {
	const char *name, *pattern;
} case_rows[] = {{"whole_name", "ALPHA"}, {"wildcard", "AL*"}};

CONF_TABLE(core, case_of_pattern, case_rows,
	"the case of letters does not matter", RULES(CORE_QUERYDIR_0015))
{
	struct peer *a = client(t);
	struct file *d = directory_with(a, three, 3);
	struct reply *r = scan(d, 0, row->pattern);
	check_ok(t, r, CORE_QUERYDIR_0015);
	need_ok(t, r);
	check_number(t, r, count_name(r, "alpha"), 1, "entries of \"alpha\"",
		CORE_QUERYDIR_0015);
}

CONF_TEST(core, backslash_in_pattern, "a pattern is one component",
	RULES(CORE_QUERYDIR_0016))
{
	struct peer *a = client(t);
	struct file *d = directory_with(a, three, 3);
	check_status(t, scan(d, 0, "a\\b"), STATUS_OBJECT_NAME_INVALID,
		CORE_QUERYDIR_0016);
}

CONF_TEST(core, dot_entries, "\".\" and \"..\" come first",
	RULES(CORE_QUERYDIR_0017))
{
	struct peer *a = client(t);
	struct file *d = directory_with(a, three, 3);
	struct reply *r = scan(d, 0, "*");
	need_ok(t, r);
	struct wire_list list = names_of(r);
	struct file_names_information info;
	bool first = wire_list_next(&list, &info, NULL) > 0 &&
		     is_name(info.file_name, ".");
	check(t, r, first, CORE_QUERYDIR_0017, "the first entry is \".\"");
	bool second = wire_list_next(&list, &info, NULL) > 0 &&
		      is_name(info.file_name, "..");
	check(t, r, second, CORE_QUERYDIR_0017, "the second entry is \"..\"");
}

CONF_TEST(core, scans_of_two_opens, "two opens scan on their own",
	RULES(CORE_QUERYDIR_0018))
{
	struct peer *a = client(t);
	struct file *d = directory_with(a, three, 3);
	struct file *e = need_directory(a, "d");
	need_ok(t, scan(d, 0, "*"));
	struct reply *r = scan(e, 0, "*");
	check_ok(t, r, CORE_QUERYDIR_0018);
	need_ok(t, r);
	check_number(t, r, count_name(r, "alpha"), 1, "entries of \"alpha\"",
		CORE_QUERYDIR_0018);
}

static const struct {
	const char *name;
	uint8_t info_class;
} align_rows[] = {{"directory", FileDirectoryInformation},
	{"full", FileFullDirectoryInformation},
	{"both", FileBothDirectoryInformation},
	{"id_both", FileIdBothDirectoryInformation},
	{"id_full", FileIdFullDirectoryInformation}};

CONF_TABLE(core, entries_are_aligned, align_rows, "entries start on 8 bytes",
	RULES(CORE_QUERYDIR_0019))
{
	struct peer *a = client(t);
	struct file *d = directory_with(a, three, 3);
	struct reply *r = dir_query(d, row->info_class, 0, "*", ROOM);
	need_ok(t, r);
	struct wire_view data = dir_data(r);
	size_t at = 0;
	unsigned int count = 1;
	uint32_t next = data.n >= 4 ? wire_get32(data.p) : 0;
	while (next != 0 && at + next + 4 <= data.n) {
		at += next;
		count++;
		check(t, r, at % 8 == 0, CORE_QUERYDIR_0019,
			"entry %u starts on 8 bytes, at %zu", count, at);
		next = wire_get32(data.p + at);
	}
	need(t, count == 5, "five entries, saw %u", count);
}

CONF_TEST(core, file_id_of_entry,
	"FileId of an entry is that of FileInternalInformation",
	RULES(CORE_QUERYDIR_0020))
{
	struct peer *a = client(t);
	struct file *d = directory_with(a, three, 3);
	struct file *f = need_file(a, "d\\alpha",
		&(struct create_options){.access = FILE_READ_ATTRIBUTES});
	struct reply *q =
		file_query(f, SMB2_0_INFO_FILE, FileInternalInformation, 8);
	need_ok(t, q);
	need(t, query_data(q).n == 8, "8 bytes of FileInternalInformation");
	uint64_t number = wire_get64(query_data(q).p);
	struct reply *r =
		dir_query(d, FileIdBothDirectoryInformation, 0, "alpha", ROOM);
	need_ok(t, r);
	check_part(t, r, dir_data(r), &file_id_both_directory_information_type,
		FILE_ID_BOTH_DIRECTORY_INFORMATION_F_FILE_ID, number,
		CORE_QUERYDIR_0020);
}

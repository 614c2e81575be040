/* SPDX-License-Identifier: MIT */
/*
 * Rules PSX-PATH: names on POSIX opens. Every character but the slash and the
 * null character is a letter like any other.
 */
#include <stdio.h>
#include <string.h>

#include "posix/posix.h"

/* A name of the test's directory, sent as it is. */
static struct wire_view in_top(struct peer *a, struct wire_view units)
{
	struct wire_view path = posix_path_units(a, "", NULL, 0);
	uint8_t *name = test_alloc(a->t, path.n + units.n);

	memcpy(name, path.p, path.n);
	memcpy(name + path.n, units.p, units.n);
	return wire_view_of(name, path.n + units.n);
}

/* CREATE, and CLOSE if it is what the rule wants. */
static bool check_open(struct test *t, struct peer *a, struct wire_view name,
	uint32_t disposition, uint32_t options, enum rule_id rule)
{
	struct reply *r = posix_create_name(a, name, 0640,
		&(struct create_options){
			.disposition = DISPOSITION(disposition),
			.options = options});

	if (!rule_status(t, r, STATUS_SUCCESS, rule)) {
		return false;
	}
	need_ok(t, file_close(file_of(r)));
	return true;
}

/* The name is made, found, listed as it was sent, and removed. */
static void check_name(struct test *t, struct peer *a, struct file *top,
	const char *text, enum rule_id rule)
{
	struct wire_view units = utf16(t, text), name = in_top(a, units);
	struct file_posix_directory_information e;
	struct reply *r;

	if (!check_open(t, a, name, FILE_CREATE, 0, rule)) {
		return;
	}
	check_open(t, a, name, FILE_OPEN, 0, rule);
	r = posix_list(top, SMB2_RESTART_SCANS, "*");
	check(t, r, posix_entry_units(r, units, &e), PSX_PATH_0015,
		"the listing has the name as it was sent");
	check_open(t, a, name, FILE_OPEN, FILE_DELETE_ON_CLOSE, rule);
}

static struct file *top_of(struct peer *a)
{
	return need_posix_open(
		a, "", FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES);
}

/* --- every character of ASCII ------------------------------------------ */

static const struct character_row {
	const char *name;
	const char *characters;
	enum rule_id rule;
} character_rows[] = {
	{"controls_01_to_0f",
		"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
		RULE_PSX_PATH_0008},
	{"controls_10_to_1f",
		"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e"
		"\x1f",
		RULE_PSX_PATH_0008},
	{"delete_7f", "\x7f", RULE_PSX_PATH_0008},
	{"space", " ", RULE_PSX_PATH_0009},
	{"full_stop", ".", RULE_PSX_PATH_0009},
	{"backslash", "\\", RULE_PSX_PATH_0006},
	{"colon", ":", RULE_PSX_PATH_0007},
	{"asterisk", "*", RULE_PSX_PATH_0008},
	{"question_mark", "?", RULE_PSX_PATH_0008},
	{"quotation_mark", "\"", RULE_PSX_PATH_0008},
	{"less_than", "<", RULE_PSX_PATH_0008},
	{"greater_than", ">", RULE_PSX_PATH_0008},
	{"vertical_bar", "|", RULE_PSX_PATH_0008},
	{"other_punctuation", "!#$%&'()+,-;=@[]^_`{}~", RULE_PSX_PATH_0005},
	{"digits", "0123456789", RULE_PSX_PATH_0005},
	{"upper_case", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", RULE_PSX_PATH_0005},
	{"lower_case", "abcdefghijklmnopqrstuvwxyz", RULE_PSX_PATH_0005},
};

/* The character in place of the %c of a format, each in turn. */
static void check_characters(struct test *t, const char *characters,
	const char *format, enum rule_id rule)
{
	struct peer *a = posix_client(t);
	struct file *top = top_of(a);
	char name[16];

	for (const char *c = characters; *c != '\0'; c++) {
		snprintf(name, sizeof(name), format, *c);
		if (strcmp(name, ".") == 0) { /* the directory itself */
			snprintf(name, sizeof(name), "...");
		}
		check_name(t, a, top, name, rule);
	}
}

#define CHARACTER_TABLE(where, format, title) \
	CONF_TABLE(posix, where, character_rows, title, \
		RULES(PSX_PATH_0005, PSX_PATH_0006, PSX_PATH_0007, \
			PSX_PATH_0008, PSX_PATH_0009, PSX_PATH_0015), \
		NEEDS(POSIX_EXTENSIONS)) \
	{ \
		check_characters(t, row->characters, format, row->rule); \
	}

CHARACTER_TABLE(character_alone, "%c", "a name of one character")
CHARACTER_TABLE(character_first, "%cab", "a name that begins with a character")
CHARACTER_TABLE(
	character_inside, "a%cb", "a name with a character in the middle")
CHARACTER_TABLE(character_last, "ab%c", "a name that ends with a character")

/* --- names that mean something elsewhere ------------------------------- */

static const struct literal_row {
	const char *name;
	const char *file;
	enum rule_id rule;
} literal_rows[] = {
	{"three_dots", "...", RULE_PSX_PATH_0009},
	{"four_dots", "....", RULE_PSX_PATH_0009},
	{"dot_space", ". ", RULE_PSX_PATH_0009},
	{"dotdot_space", ".. ", RULE_PSX_PATH_0009},
	{"dot_a", ".a", RULE_PSX_PATH_0009},
	{"dotdot_a", "..a", RULE_PSX_PATH_0009},
	{"a_dot", "a.", RULE_PSX_PATH_0009},
	{"a_dot_dot", "a..", RULE_PSX_PATH_0009},
	{"a_space", "a ", RULE_PSX_PATH_0009},
	{"two_spaces", "  ", RULE_PSX_PATH_0009},
	{"dot_backslash", ".\\", RULE_PSX_PATH_0006},
	{"dotdot_backslash_a", "..\\a", RULE_PSX_PATH_0006},
	{"backslashes", "\\\\", RULE_PSX_PATH_0006},
	{"drive", "C:\\x", RULE_PSX_PATH_0006},
	{"stream", "a:b", RULE_PSX_PATH_0007},
	{"default_stream", "a::$DATA", RULE_PSX_PATH_0007},
	{"default_stream_alone", "::$DATA", RULE_PSX_PATH_0007},
	{"index_stream", "d:$I30:$INDEX_ALLOCATION", RULE_PSX_PATH_0007},
	{"con", "CON", RULE_PSX_PATH_0010},
	{"prn_txt", "PRN.txt", RULE_PSX_PATH_0010},
	{"nul", "nul", RULE_PSX_PATH_0010},
	{"com1", "COM1", RULE_PSX_PATH_0010},
	{"lpt9_tar_gz", "LPT9.tar.gz", RULE_PSX_PATH_0010},
	{"aux_dot", "AUX.", RULE_PSX_PATH_0010},
	{"mft", "$MFT", RULE_PSX_PATH_0015},
	{"short_name", "LONGNA~1.TXT", RULE_PSX_PATH_0015},
	{"gmt_token", "@GMT-2020.01.02-03.04.05", RULE_PSX_PATH_0011},
	{"percent", "%2e%2e%2fx", RULE_PSX_PATH_0015},
	{"private_use", "\xef\x80\xa1\xef\x80\xba", RULE_PSX_PATH_0015},
	{"byte_order_mark",
		"\xef\xbb\xbf"
		"a",
		RULE_PSX_PATH_0015},
	{"right_to_left_override",
		"a\xe2\x80\xae"
		"b",
		RULE_PSX_PATH_0015},
	{"replacement_character", "\xef\xbf\xbd", RULE_PSX_PATH_0015},
	{"noncharacter", "\xef\xbf\xbf", RULE_PSX_PATH_0015},
	{"fullwidth_slash",
		"a\xef\xbc\x8f"
		"b",
		RULE_PSX_PATH_0015},
	{"division_slash",
		"a\xe2\x88\x95"
		"b",
		RULE_PSX_PATH_0015},
	{"surrogate_pair", "\xf0\x9f\x90\xa7", RULE_PSX_PATH_0015},
	{"last_code_point", "\xf4\x8f\xbf\xbf", RULE_PSX_PATH_0015},
};

CONF_TABLE(posix, literal_name, literal_rows,
	"a name that means something elsewhere is a name",
	RULES(PSX_PATH_0006, PSX_PATH_0007, PSX_PATH_0009, PSX_PATH_0010,
		PSX_PATH_0011, PSX_PATH_0015),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	check_name(t, a, top_of(a), row->file, row->rule);
}

/* --- names that are refused -------------------------------------------- */

static const struct bad_row {
	const char *name;
	const char *path; /* of the share; @ is the test's directory */
	uint32_t status;
	enum rule_id rule;
} bad_rows[] = {
	{"leading_slash", "/@/d", STATUS_INVALID_PARAMETER, RULE_PSX_PATH_0017},
	{"two_leading_slashes", "//@/d", STATUS_INVALID_PARAMETER,
		RULE_PSX_PATH_0017},
	{"slash_alone", "/", STATUS_INVALID_PARAMETER, RULE_PSX_PATH_0017},
	{"trailing_slash", "@/d/", STATUS_OBJECT_NAME_INVALID,
		RULE_PSX_PATH_0018},
	{"trailing_slash_of_a_file", "@/d/f/", STATUS_OBJECT_NAME_INVALID,
		RULE_PSX_PATH_0018},
	{"double_slash", "@//d", STATUS_OBJECT_NAME_INVALID,
		RULE_PSX_PATH_0019},
	{"double_slash_further_down", "@/d//f", STATUS_OBJECT_NAME_INVALID,
		RULE_PSX_PATH_0019},
	{"dot_alone", ".", STATUS_OBJECT_NAME_INVALID, RULE_PSX_PATH_0020},
	{"dot_first", "./@", STATUS_OBJECT_NAME_INVALID, RULE_PSX_PATH_0020},
	{"dot_last", "@/d/.", STATUS_OBJECT_NAME_INVALID, RULE_PSX_PATH_0020},
	{"dotdot_alone", "..", STATUS_OBJECT_NAME_INVALID, RULE_PSX_PATH_0021},
	{"dotdot_first", "../@", STATUS_OBJECT_NAME_INVALID,
		RULE_PSX_PATH_0021},
	{"dotdot_inside", "@/d/../d", STATUS_OBJECT_NAME_INVALID,
		RULE_PSX_PATH_0021},
	{"dotdot_last", "@/d/..", STATUS_OBJECT_NAME_INVALID,
		RULE_PSX_PATH_0021},
	{"dotdot_after_nothing", "@/none/../d", STATUS_OBJECT_NAME_INVALID,
		RULE_PSX_PATH_0021},
};

/* The path of a row in UTF-16. */
static struct wire_view bad_path(struct peer *a, const char *path)
{
	const char *at = strchr(path, '@');

	if (at == NULL) {
		return utf16(a->t, path);
	}
	return utf16(a->t, test_text(a->t, "%.*s%s%s", (int)(at - path), path,
				   test_path(a, ""), at + 1));
}

CONF_TABLE(posix, bad_path, bad_rows,
	"slashes around a name, empty components, \".\" and \"..\"",
	RULES(PSX_PATH_0017, PSX_PATH_0018, PSX_PATH_0019, PSX_PATH_0020,
		PSX_PATH_0021),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_make_directory(a, "d", 0755);
	posix_make_file(a, "d/f", 0640);
	rule_status(t,
		posix_create_name(a, bad_path(a, row->path), 0,
			&(struct create_options){.access = FILE_READ_ATTRIBUTES,
				.disposition = DISPOSITION(FILE_OPEN)}),
		row->status, row->rule);
}

static const struct units_row {
	const char *name;
	uint16_t units[8];
	unsigned int count;
	enum rule_id rule, nothing; /* status; no file is made */
} unit_rows[] = {
	{"null", {0}, 1, RULE_PSX_PATH_0022, RULE_PSX_SAFETY_0004},
	{"null_inside", {'a', 0, 'b'}, 3, RULE_PSX_PATH_0022,
		RULE_PSX_SAFETY_0004},
	{"null_last", {'a', 0}, 2, RULE_PSX_PATH_0022, RULE_PSX_SAFETY_0004},
	{"null_in_a_directory", {'a', 0, '/', 'b'}, 4, RULE_PSX_PATH_0022,
		RULE_PSX_SAFETY_0004},
	{"high_surrogate", {0xd83d}, 1, RULE_PSX_PATH_0023, RULE_PSX_PATH_0023},
	{"low_surrogate", {0xdc27}, 1, RULE_PSX_PATH_0023, RULE_PSX_PATH_0023},
	{"swapped_surrogates", {0xdc27, 0xd83d}, 2, RULE_PSX_PATH_0023,
		RULE_PSX_PATH_0023},
	{"high_surrogate_last", {'a', 0xd83d}, 2, RULE_PSX_PATH_0023,
		RULE_PSX_PATH_0023},
	{"high_surrogate_before_slash", {0xd83d, '/', 'a'}, 3,
		RULE_PSX_PATH_0023, RULE_PSX_PATH_0023},
	{"two_high_surrogates", {0xd83d, 0xd83d, 0xdc27}, 3, RULE_PSX_PATH_0023,
		RULE_PSX_PATH_0023},
};

CONF_TABLE(posix, ill_formed_name, unit_rows,
	"null characters and surrogates without their other half are refused",
	RULES(PSX_PATH_0022, PSX_PATH_0023, PSX_SAFETY_0004),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *top = top_of(a);
	struct reply *r = posix_create_name(
		a, posix_path_units(a, "", row->units, row->count), 0640, NULL);

	rule_status(t, r, STATUS_OBJECT_NAME_INVALID, row->rule);
	unsigned int n = posix_count(posix_list(top, 0, "*"));
	rule_number(t, r, n, 2, "entries of the directory (\".\" and \"..\")",
		row->nothing);
}

/* --- length ------------------------------------------------------------ */

static const struct length_row {
	const char *name;
	const char *character;
	unsigned int count;
	const char *end; /* behind them */
	bool fits;
} length_rows[] = {
	{"255_letters", "a", 255, "", true},
	{"256_letters", "a", 256, "", false},
	{"254_bytes_in_127_units", "\xc3\xa9", 127, "", true},
	{"255_bytes_in_128_units", "\xc3\xa9", 127, "a", true},
	{"256_bytes_in_128_units", "\xc3\xa9", 128, "", false},
	{"255_bytes_in_85_units", "\xe2\x82\xac", 85, "", true},
	{"256_bytes_in_86_units", "\xe2\x82\xac", 85, "a", false},
	{"255_bytes_with_pairs", "\xf0\x9f\x90\xa7", 63, "abc", true},
	{"256_bytes_of_pairs", "\xf0\x9f\x90\xa7", 64, "", false},
};

CONF_TABLE(posix, name_length, length_rows,
	"a name has at most 255 bytes of UTF-8",
	RULES(PSX_PATH_0015, PSX_PATH_0016, PSX_PATH_0024),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	const char *name = "";

	for (unsigned int i = 0; i < row->count; i++) {
		name = test_text(t, "%s%s", name, row->character);
	}
	name = test_text(t, "%s%s", name, row->end);
	if (row->fits) {
		check_name(t, a, top_of(a), name, RULE_PSX_PATH_0016);
	} else {
		struct reply *r = posix_create(a, name, 0640, NULL);

		check_status(t, r, STATUS_NAME_TOO_LONG, PSX_PATH_0024);
	}
}

CONF_TEST(posix, deep_path, "a path of 2000 bytes leads to its file",
	RULES(PSX_PATH_0005), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	const char *path = NULL;

	for (char c = 'a'; c < 'k'; c++) {
		char name[201] = {0};

		memset(name, c, 200);
		path = path == NULL ? test_text(t, "%s", name)
				    : test_text(t, "%s/%s", path, name);
		struct reply *made = posix_create(a, path, 0755,
			&(struct create_options){
				.options = FILE_DIRECTORY_FILE});
		need_capability(t, made, made->status == STATUS_SUCCESS,
			"paths of %zu bytes", strlen(path));
		need_ok(t, file_close(file_of(made)));
	}
	path = test_text(t, "%s/x", path);
	check_ok(t, posix_create(a, path, 0640, NULL), PSX_PATH_0005);
}

CONF_TEST(posix, directory_name_length,
	"the name of a directory too may have 255 bytes", RULES(PSX_PATH_0016),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	char name[256];

	memset(name, 'a', 255);
	name[255] = '\0';
	struct reply *r = posix_create(a, name, 0755,
		&(struct create_options){.options = FILE_DIRECTORY_FILE});
	check_ok(t, r, PSX_PATH_0016);
}

/* --- case -------------------------------------------------------------- */

static const struct pair_row {
	const char *name;
	const char *one, *other;
	enum rule_id find, make;
} pair_rows[] = {
#define CASE RULE_PSX_PATH_0012, RULE_PSX_PATH_0013
	{"ascii", "readme", "README", CASE},
	{"one_letter", "a", "A", CASE},
	{"latin", "\xc3\xa9", "\xc3\x89", CASE},
	{"final_sigma", "\xcf\x82", "\xcf\x83", CASE},
	{"sharp_s",
		"stra\xc3\x9f"
		"e",
		"strasse", CASE},
	{"dotless_i", "i", "\xc4\xb1", CASE},
#undef CASE
	{"composed_and_decomposed", "\xc3\xa9", "e\xcc\x81", RULE_PSX_PATH_0014,
		RULE_PSX_PATH_0014},
	{"ohm_and_omega", "\xe2\x84\xa6", "\xce\xa9", RULE_PSX_PATH_0014,
		RULE_PSX_PATH_0014},
	{"dot_at_the_end", "a", "a.", RULE_PSX_PATH_0009, RULE_PSX_PATH_0009},
	{"space_at_the_end", "a", "a ", RULE_PSX_PATH_0009, RULE_PSX_PATH_0009},
	{"file_and_stream", "a", "a::$DATA", RULE_PSX_PATH_0007,
		RULE_PSX_PATH_0007},
	{"directory_and_backslash", "d", "d\\x", RULE_PSX_PATH_0006,
		RULE_PSX_PATH_0006},
};

CONF_TABLE(posix, two_names, pair_rows,
	"names that are not the same bytes are two files",
	RULES(PSX_PATH_0006, PSX_PATH_0007, PSX_PATH_0009, PSX_PATH_0012,
		PSX_PATH_0013, PSX_PATH_0014),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	const struct create_options fresh = {
		.disposition = DISPOSITION(FILE_CREATE)};
	struct file *one = need_posix(a, row->one, 0640, &fresh);

	need_ok(t, file_write(one, 0, "one", 3));
	rule_status(t, posix_open(a, row->other, FILE_READ_ATTRIBUTES, 0),
		STATUS_OBJECT_NAME_NOT_FOUND, row->find);
	struct reply *r = posix_create(a, row->other, 0640, &fresh);
	rule_status(t, r, STATUS_SUCCESS, row->make);
	need_ok(t, r);
	need_ok(t, file_write(file_of(r), 0, "other", 5));
	struct reply *seen = file_read(one, 0, 10);
	rule_bytes(t, seen, read_data(seen), text_bytes("one"),
		"data of the first file", row->make);
	struct file *top = top_of(a);
	bool both = posix_has(top, row->one) && posix_has(top, row->other);
	check_rule(t, NULL, both, row->make, "both names are listed");
}

/* --- separators -------------------------------------------------------- */

CONF_TEST(posix, backslash_separates_nothing,
	"\"d\\x\" is one name, beside the file x in the directory d",
	RULES(PSX_PATH_0005, PSX_PATH_0006), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_make_directory(a, "d", 0755);
	posix_make_file(a, "d/x", 0640);
	check_status(t, posix_open(a, "d\\x", FILE_READ_ATTRIBUTES, 0),
		STATUS_OBJECT_NAME_NOT_FOUND, PSX_PATH_0006);
	struct reply *r = posix_create(a, "d\\x", 0604,
		&(struct create_options){
			.disposition = DISPOSITION(FILE_CREATE)});
	stop_ok(t, r, PSX_PATH_0006);
	check(t, r, posix_has(top_of(a), "d\\x"), PSX_PATH_0006,
		"the name is listed beside the directory");
	struct reply *below = posix_open(a, "d/x", FILE_READ_ATTRIBUTES, 0);
	stop_ok(t, below, PSX_PATH_0005);
	uint32_t mode = posix_answer(below).posix_mode;
	check_number(t, below, mode, 0640, "POSIXMode of d/x", PSX_PATH_0005);
}

CONF_TEST(posix, no_stream, "\"x:s\" is a file and no stream of x",
	RULES(PSX_PATH_0007), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_make_file(a, "x", 0640);
	need_ok(t, file_close(need_file(a, "x", NULL)));
	struct reply *stream = file_create(a, "x:s", NULL);
	need_capability(
		t, stream, stream->status == STATUS_SUCCESS, "named streams");
	check_status(t, posix_open(a, "x:s", FILE_READ_ATTRIBUTES, 0),
		STATUS_OBJECT_NAME_NOT_FOUND, PSX_PATH_0007);
	check_ok(t,
		posix_create(a, "x:s", 0640,
			&(struct create_options){
				.disposition = DISPOSITION(FILE_CREATE)}),
		PSX_PATH_0007);
}

/* --- names that are returned ------------------------------------------- */

static const struct {
	const char *name;
	uint8_t info_class;
	size_t at; /* where FileNameLength stands */
} name_rows[] = {{"FileAllInformation", FileAllInformation, 96},
	{"FileNormalizedNameInformation", FileNormalizedNameInformation, 0}};

CONF_TABLE(posix, returned_name, name_rows,
	"names that are returned have slashes, and backslashes as they are",
	RULES(PSX_PATH_0025, PSX_PATH_0026), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_make_directory(a, "d", 0755);
	struct file *f = need_posix(a, "d/x", 0640, NULL);
	struct reply *made = posix_create(a, "d/a\\b", 0640, NULL);
	need_capability(t, made, made->status == STATUS_SUCCESS,
		"names with a backslash");
	struct file *g = file_of(made);
	struct file *files[] = {f, g};
	const char *const names[] = {"d/x", "d/a\\b"};
	for (unsigned int i = 0; i < 2; i++) {
		struct reply *r = file_query(
			files[i], SMB2_0_INFO_FILE, row->info_class, 1024);
		need_capability(
			t, r, r->status == STATUS_SUCCESS, "%s", row->name);
		struct wire_view data = query_data(r);
		struct wire_view want = posix_path(a, names[i]);
		need(t, data.n >= row->at + 4 + want.n, "a name");
		struct wire_view seen =
			wire_view_sub(data, data.n - want.n, want.n);
		rule_bytes(t, r, seen, want, "end of FileName",
			i == 0 ? RULE_PSX_PATH_0025 : RULE_PSX_PATH_0026);
	}
}

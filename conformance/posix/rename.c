/* SPDX-License-Identifier: MIT */
/*
 * Renaming by POSIX opens. Rules PSX-RENAME, POSIX-FSA 2.1.4.2 and 2.1.4.8,
 * [MS-FSA] 2.1.5.15.12.
 */
#include <string.h>

#include "posix/kinds.h"

#define MOVE (DELETE | FILE_READ_ATTRIBUTES)

/* A file with its name as its contents. */
static void make_file(struct peer *a, const char *path)
{
	struct file *f = need_posix(a, path, 0644, NULL);

	need_ok(a->t, file_write(f, 0, path, strlen(path)));
	need_ok(a->t, file_close(f));
}

/* Whether path holds that text. */
static bool holds(struct peer *a, const char *path, const char *text)
{
	struct reply *r = posix_open(a, path, FILE_READ_DATA, 0);

	if (r->status != STATUS_SUCCESS) {
		return false;
	}
	struct file *f = file_of(r);
	r = file_read(f, 0, 100);
	file_close(f);
	return wire_view_equal(read_data(r), text_bytes(text));
}

/* Whether the name in FileAllInformation ends so, whatever its separator. */
static bool tells_name(const struct reply *all, const char *name)
{
	struct wire_view data = query_data(all);
	char *text = test_alloc(all->peer->t, data.n + 1);
	size_t length = strlen(name), n = 0;

	for (size_t i = 100; i + 1 < data.n; i += 2) {
		text[n++] = data.p[i] == '\\' ? '/' : (char)data.p[i];
	}
	return n >= length && strcmp(text + n - length, name) == 0;
}

/* What a name may be. */
enum object { NOTHING, A_FILE, EMPTY, FULL, A_LINK };

static void make(struct peer *a, const char *path, enum object what)
{
	if (what == A_FILE) {
		make_file(a, path);
	} else if (what == EMPTY || what == FULL) {
		posix_make_directory(a, path, 0755);
	} else if (what == A_LINK) {
		posix_symlink(a, path, "nowhere");
	}
	if (what == FULL) {
		make_file(a, test_text(a->t, "%s/inside", path));
	}
}

static struct file *source(struct peer *a, const char *path)
{
	struct reply *r = posix_open(a, path, MOVE, FILE_OPEN_REPARSE_POINT);

	need_ok(a->t, r);
	return file_of(r);
}

static const struct {
	const char *name;
	enum object from, to;
	bool replace;
	uint32_t status;
	enum rule_id rule;
} target_rows[] = {
	{"file_to_nothing", A_FILE, NOTHING, false, STATUS_SUCCESS,
		RULE_PSX_RENAME_0001},
	{"file_to_nothing_replacing", A_FILE, NOTHING, true, STATUS_SUCCESS,
		RULE_PSX_RENAME_0001},
	{"file_to_file", A_FILE, A_FILE, false, STATUS_OBJECT_NAME_COLLISION,
		RULE_PSX_RENAME_0007},
	{"file_over_file", A_FILE, A_FILE, true, STATUS_SUCCESS,
		RULE_CORE_SETINFO_0020},
	{"file_to_directory", A_FILE, EMPTY, false,
		STATUS_OBJECT_NAME_COLLISION, RULE_PSX_RENAME_0007},
	{"file_over_directory", A_FILE, EMPTY, true, STATUS_FILE_IS_A_DIRECTORY,
		RULE_PSX_RENAME_0017},
	{"file_over_full_directory", A_FILE, FULL, true,
		STATUS_FILE_IS_A_DIRECTORY, RULE_PSX_RENAME_0017},
	{"file_to_link", A_FILE, A_LINK, false, STATUS_OBJECT_NAME_COLLISION,
		RULE_PSX_RENAME_0007},
	{"file_over_link", A_FILE, A_LINK, true, STATUS_SUCCESS,
		RULE_PSX_RENAME_0018},
	{"directory_to_nothing", EMPTY, NOTHING, false, STATUS_SUCCESS,
		RULE_PSX_RENAME_0001},
	{"full_directory_to_nothing", FULL, NOTHING, false, STATUS_SUCCESS,
		RULE_PSX_RENAME_0001},
	{"directory_to_file", EMPTY, A_FILE, false,
		STATUS_OBJECT_NAME_COLLISION, RULE_PSX_RENAME_0007},
	{"directory_over_file", EMPTY, A_FILE, true, STATUS_NOT_A_DIRECTORY,
		RULE_PSX_RENAME_0016},
	{"directory_to_directory", EMPTY, EMPTY, false,
		STATUS_OBJECT_NAME_COLLISION, RULE_PSX_RENAME_0007},
	{"directory_over_empty", FULL, EMPTY, true, STATUS_SUCCESS,
		RULE_PSX_RENAME_0014},
	{"directory_over_full", EMPTY, FULL, true, STATUS_DIRECTORY_NOT_EMPTY,
		RULE_PSX_RENAME_0015},
	{"directory_over_link", EMPTY, A_LINK, true, STATUS_NOT_A_DIRECTORY,
		RULE_PSX_RENAME_0016},
	{"link_to_nothing", A_LINK, NOTHING, false, STATUS_SUCCESS,
		RULE_PSX_RENAME_0023},
	{"link_over_file", A_LINK, A_FILE, true, STATUS_SUCCESS,
		RULE_PSX_RENAME_0023},
	{"link_over_directory", A_LINK, EMPTY, true, STATUS_FILE_IS_A_DIRECTORY,
		RULE_PSX_RENAME_0017},
};

CONF_TABLE(posix, target, target_rows,
	"renaming to a name that is free or taken, with and without replacing",
	RULES(CORE_SETINFO_0020, PSX_RENAME_0001, PSX_RENAME_0007,
		PSX_RENAME_0014, PSX_RENAME_0015, PSX_RENAME_0016,
		PSX_RENAME_0017, PSX_RENAME_0018, PSX_RENAME_0023),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make(a, "from", row->from);
	make(a, "to", row->to);
	struct file *f = source(a, "from");
	uint64_t inode = posix_info(f).inode;
	struct reply *r = posix_rename(f, "to", row->replace);
	rule_status(t, r, row->status, row->rule);
	need_ok(t, file_close(f));
	bool moved = row->status == STATUS_SUCCESS;
	check_rule(t, r, posix_exists(a, "from") == !moved, row->rule,
		"the old name is %s", moved ? "gone" : "still there");
	if (row->to != NOTHING || moved) {
		f = source(a, "to");
		check_rule(t, r, (posix_info(f).inode == inode) == moved,
			row->rule, "the new name is %s",
			moved ? "the renamed object" : "what it was before");
	}
}

static const struct {
	const char *name;
	enum open_kind kind;
	bool same_client, shares_delete;
	uint32_t status;
	enum rule_id rule;
} open_target_rows[] = {
	{"posix_same_client", P, true, true, STATUS_SUCCESS,
		RULE_PSX_DELETE_0015},
	{"posix_other_client", P, false, true, STATUS_SUCCESS,
		RULE_PSX_RENAME_0009},
	{"ordinary_same_client", W, true, true, STATUS_ACCESS_DENIED,
		RULE_PSX_RENAME_0011},
	{"ordinary_other_client", W, false, true, STATUS_ACCESS_DENIED,
		RULE_PSX_RENAME_0011},
	{"ordinary_not_sharing", W, false, false, STATUS_ACCESS_DENIED,
		RULE_PSX_RENAME_0011},
};

CONF_TABLE(posix, open_target, open_target_rows,
	"replacing a file that is open", NEEDS(POSIX_EXTENSIONS),
	RULES(PSX_RENAME_0009, PSX_RENAME_0011, PSX_DELETE_0015))
{
	struct peer *a = posix_client(t);
	struct peer *b = row->same_client ? a : posix_client(t);
	make_file(a, "old");
	make_file(a, "new");
	struct file *held = need_kind(b, row->kind, "old",
		&(struct create_options){
			.access = FILE_READ_DATA | FILE_READ_ATTRIBUTES,
			.share = SHARE_EXACT | FILE_SHARE_READ |
				 FILE_SHARE_WRITE |
				 (row->shares_delete ? FILE_SHARE_DELETE : 0)});
	struct reply *r = posix_rename(source(a, "new"), "old", true);
	rule_status(t, r, row->status, row->rule);
	check_rule(t, r,
		holds(a, "old", row->status == STATUS_SUCCESS ? "new" : "old"),
		row->rule, "the name holds what it should");
	r = file_read(held, 0, 10);
	rule_bytes(t, r, read_data(r), text_bytes("old"),
		"Data of the open that was there", row->rule);
}

CONF_TEST(posix, replaced_file_goes_on,
	"who has a replaced file open keeps working with it",
	RULES(PSX_RENAME_0010), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	make_file(a, "old");
	make_file(a, "new");
	struct file *held = need_posix(b, "old", 0, NULL);
	need_ok(t, posix_rename(source(a, "new"), "old", true));
	check_ok(t, file_write(held, 0, "OLD", 3), PSX_RENAME_0010);
	check_posix(t, held, FILE_POSIX_INFORMATION_F_NUMBER_OF_LINKS, 0,
		PSX_RENAME_0010);
	need_ok(t, file_close(held));
	check(t, NULL, holds(a, "old", "new"), PSX_RENAME_0010,
		"the name holds the new file");
}

static const struct {
	const char *name;
	enum open_kind kind;
	bool same_client;
	uint32_t status;
	enum rule_id rule;
} below_rows[] = {
	{"posix_same_client", P, true, STATUS_SUCCESS, RULE_PSX_RENAME_0019},
	{"posix_other_client", P, false, STATUS_SUCCESS, RULE_PSX_RENAME_0019},
	{"ordinary_same_client", W, true, STATUS_ACCESS_DENIED,
		RULE_PSX_RENAME_0020},
	{"ordinary_other_client", W, false, STATUS_ACCESS_DENIED,
		RULE_PSX_RENAME_0020},
};

CONF_TABLE(posix, open_below, below_rows,
	"renaming a directory below which a file is open",
	RULES(PSX_RENAME_0019, PSX_RENAME_0020), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct peer *b = row->same_client ? a : posix_client(t);
	posix_make_directory(a, "d", 0755);
	posix_make_directory(a, "d/e", 0755);
	make_file(a, "d/e/x");
	struct file *f = need_kind(b, row->kind, "d/e/x", NULL);
	struct reply *r = posix_rename(source(a, "d"), "moved", false);
	rule_status(t, r, row->status, row->rule);
	rule_status(t, file_write(f, 0, "abc", 3), STATUS_SUCCESS, row->rule);
	bool moved = row->status == STATUS_SUCCESS;
	check_rule(t, r, posix_exists(a, moved ? "moved/e/x" : "d/e/x"),
		row->rule, "the file is where it should be");
}

CONF_TEST(posix, below_a_renamed_directory,
	"an open below a renamed directory goes on: it can rename and delete "
	"its file",
	RULES(PSX_RENAME_0021), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	posix_make_directory(a, "d", 0755);
	make_file(a, "d/x");
	struct file *f = need_posix(b, "d/x", 0, NULL);
	struct file *d = source(a, "d");
	need_ok(t, posix_rename(d, "moved", false));
	need_ok(t, file_close(d));
	struct reply *r = posix_query(f);
	for (int i = 0; i < 20 && !tells_name(r, "moved/x"); i++) {
		r = file_query(f, SMB2_0_INFO_FILE, FileAllInformation, 1024);
	}
	check(t, r, tells_name(r, "moved/x"), PSX_RENAME_0021,
		"FileAllInformation has the new path");
	check_ok(t, posix_rename(f, "moved/y", false), PSX_RENAME_0021);
	check(t, NULL, posix_exists(a, "moved/y"), PSX_RENAME_0021,
		"the new name is there");
	need_ok(t, posix_mark(f, true));
	check_ok(t, file_close(f), PSX_RENAME_0021);
	check(t, NULL, !posix_exists(a, "moved/y"), PSX_RENAME_0021,
		"the file is gone");
}

static const struct {
	const char *name;
	bool replace;
} replace_rows[] = {{"keep", false}, {"replace", true}};

CONF_TABLE(posix, case_only, replace_rows,
	"a new name that differs in case alone is a name of its own",
	RULES(PSX_RENAME_0006), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_file(a, "a");
	check_ok(t, posix_rename(source(a, "a"), "A", row->replace),
		PSX_RENAME_0006);
	check(t, NULL, holds(a, "A", "a"), PSX_RENAME_0006, "it is called A");
	check(t, NULL, !posix_exists(a, "a"), PSX_RENAME_0006,
		"nothing is called a");
}

CONF_TABLE(posix, case_taken, replace_rows,
	"a name that differs in case alone belongs to another file",
	RULES(PSX_RENAME_0006, PSX_RENAME_0008), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_file(a, "a");
	make_file(a, "A");
	need(t, holds(a, "a", "a") && holds(a, "A", "A"), "two files");
	struct reply *r = posix_rename(source(a, "a"), "A", row->replace);
	if (row->replace) {
		check_ok(t, r, PSX_RENAME_0006);
		check(t, r, holds(a, "A", "a") && !posix_exists(a, "a"),
			PSX_RENAME_0006, "a took the place of A");
	} else {
		check_status(
			t, r, STATUS_OBJECT_NAME_COLLISION, PSX_RENAME_0008);
		check(t, r, holds(a, "A", "A") && holds(a, "a", "a"),
			PSX_RENAME_0008, "both files are as they were");
	}
}

CONF_TABLE(posix, same_name, replace_rows,
	"renaming a file to the name it has succeeds and changes nothing",
	RULES(PSX_RENAME_0012), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_file(a, "x");
	check_ok(t, posix_rename(source(a, "x"), "x", row->replace),
		PSX_RENAME_0012);
	check(t, NULL, holds(a, "x", "x"), PSX_RENAME_0012,
		"the file is there");
}

CONF_TABLE(posix, other_name_of_the_file, replace_rows,
	"renaming a file to another name that it has already",
	RULES(PSX_RENAME_0007, PSX_RENAME_0013), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_file(a, "x");
	struct file *f = need_posix(a, "x", 0, NULL);
	need_ok(t, posix_link(f, "y", false));
	struct reply *r = posix_rename(f, "y", row->replace);
	if (row->replace) {
		check_ok(t, r, PSX_RENAME_0013);
	} else {
		check_status(
			t, r, STATUS_OBJECT_NAME_COLLISION, PSX_RENAME_0007);
	}
	check(t, r, holds(a, "x", "x") && holds(a, "y", "x"), PSX_RENAME_0013,
		"both names are there");
}

static const struct {
	const char *name, *to;
} into_rows[] = {{"child", "d/sub"}, {"grandchild", "d/e/sub"}};

CONF_TABLE(posix, into_itself, into_rows,
	"a directory is not moved below itself", RULES(PSX_RENAME_0022),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	posix_make_directory(a, "d/e", 0755);
	check_status(t, posix_rename(source(a, "d"), row->to, true),
		STATUS_INVALID_PARAMETER, PSX_RENAME_0022);
	check_ok(t, kind_look(a, P, "d/e"), PSX_RENAME_0022);
}

static const struct {
	const char *name, *to;
	enum rule_id rule;
} character_rows[] = {
	{"backslash", "a\\b", RULE_PSX_RENAME_0002},
	{"leading_backslash", "\\a", RULE_PSX_RENAME_0002},
	{"two_backslashes", "a\\\\b", RULE_PSX_RENAME_0002},
	{"colon", "a:b", RULE_PSX_RENAME_0002},
	{"stream_like", "a:b:$DATA", RULE_PSX_RENAME_0002},
	{"wildcards", "a*?\"<>|", RULE_PSX_PATH_0008},
	{"control", "a\x01\x1f", RULE_PSX_PATH_0008},
	{"trailing_dot", "a.", RULE_PSX_PATH_0009},
	{"trailing_space", "a ", RULE_PSX_PATH_0009},
	{"device", "CON", RULE_PSX_PATH_0010},
	{"utf8", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", RULE_PSX_RENAME_0001},
};

CONF_TABLE(posix, characters, character_rows,
	"every character but the slash may be in a new name",
	RULES(PSX_PATH_0008, PSX_PATH_0009, PSX_PATH_0010, PSX_PATH_0015,
		PSX_RENAME_0001, PSX_RENAME_0002),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_file(a, "x");
	struct reply *r = posix_rename(source(a, "x"), row->to, false);
	rule_status(t, r, STATUS_SUCCESS, row->rule);
	check_rule(t, r, holds(a, row->to, "x"), row->rule,
		"a POSIX open finds the new name");
	struct file *top = need_posix_open(a, "", FILE_LIST_DIRECTORY);
	check(t, NULL, posix_has(top, row->to), PSX_PATH_0015,
		"the listing has the new name");
	check_rule(t, NULL, !posix_has(top, "x"), row->rule,
		"the listing has not the old name");
	posix_unlink(a, row->to); /* some cannot be listed */
}

static const struct {
	const char *name, *to;
	uint32_t status;
	enum rule_id rule;
} bad_rows[] = {
	{"double_slash", "d//y", STATUS_OBJECT_NAME_INVALID,
		RULE_PSX_RENAME_0024},
	{"trailing_slash", "y/", STATUS_OBJECT_NAME_INVALID,
		RULE_PSX_RENAME_0024},
	{"dot_dot", "d/../y", STATUS_OBJECT_NAME_INVALID, RULE_PSX_RENAME_0004},
	{"dot_dot_at_the_end", "d/..", STATUS_OBJECT_NAME_INVALID,
		RULE_PSX_RENAME_0004},
	{"no_such_directory", "nosuch/y", STATUS_OBJECT_PATH_NOT_FOUND,
		RULE_PSX_RENAME_0005},
};

CONF_TABLE(posix, bad_name, bad_rows, "new names that are refused",
	RULES(PSX_RENAME_0004, PSX_RENAME_0005, PSX_RENAME_0024),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	make_file(a, "x");
	rule_status(t, posix_rename(source(a, "x"), row->to, false),
		row->status, row->rule);
	check_rule(t, NULL, holds(a, "x", "x"), row->rule,
		"the file keeps its name");
}

CONF_TEST(posix, leading_slash, "a new name begins without a slash",
	RULES(PSX_RENAME_0003), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_file(a, "x");
	const char *path = test_text(t, "/%s/y", test_path(a, ""));
	check_status(t,
		posix_rename_name(source(a, "x"), utf16(t, path), false),
		STATUS_INVALID_PARAMETER, PSX_RENAME_0003);
	check(t, NULL, holds(a, "x", "x"), PSX_RENAME_0003,
		"the file keeps its name");
}

CONF_TEST(posix, above_the_share, "no name leads out of the share",
	RULES(PSX_SAFETY_0001, PSX_RENAME_0004), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_file(a, "x");
	struct file *f = source(a, "x");
	struct reply *r = posix_rename_name(
		f, utf16(t, "../smb3x-rename-escaped"), false);
	check_refused(t, r, PSX_SAFETY_0001);
	check_status(t, r, STATUS_OBJECT_NAME_INVALID, PSX_RENAME_0004);
	check(t, NULL, holds(a, "x", "x"), PSX_SAFETY_0001,
		"the file keeps its name");
}

CONF_TABLE(posix, through_a_link, replace_rows,
	"a symbolic link on the way to the new name stops a rename",
	RULES(PSX_LINK_0017, PSX_LINK_0018), NEEDS(POSIX_EXTENSIONS))
{
	struct smb2_symlink_error_response e;
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	posix_symlink(a, "link", "d");
	make_file(a, "x");
	struct reply *r = posix_rename(source(a, "x"), "link/y", row->replace);
	check_status(t, r, STATUS_STOPPED_ON_SYMLINK, PSX_LINK_0017);
	check(t, r, symlink_error(r, &e) && e.unparsed_path_length == 4,
		PSX_LINK_0018,
		"a Symbolic Link Error Response that leaves "
		"4 bytes (\"/y\") to resolve");
	check(t, NULL, holds(a, "x", "x") && !posix_exists(a, "d/y"),
		PSX_LINK_0017, "the file keeps its name");
}

static const struct {
	const char *name;
	uint32_t access;
} access_rows[] = {
	{"read", FILE_READ_DATA | FILE_READ_ATTRIBUTES},
	{"write", FILE_WRITE_DATA | FILE_READ_ATTRIBUTES},
	{"write_attributes", FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES},
};

CONF_TABLE(posix, without_the_right, access_rows, "renaming needs DELETE",
	RULES(CORE_SETINFO_0015), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_file(a, "x");
	struct file *f = need_posix_open(a, "x", row->access);
	check_status(t, posix_rename(f, "y", false), STATUS_ACCESS_DENIED,
		CORE_SETINFO_0015);
	check(t, NULL, !posix_exists(a, "y"), CORE_SETINFO_0015,
		"the file keeps its name");
}

CONF_TEST(posix, other_opens_follow,
	"other opens of a renamed file go on under its new name",
	RULES(CORE_SETINFO_0023), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	make_file(a, "x");
	struct file *g = need_posix(b, "x", 0, NULL);
	need_ok(t, posix_rename(source(a, "x"), "y", false));
	check_ok(t, file_write(g, 0, "z", 1), CORE_SETINFO_0023);
	check_ok(t, posix_rename(g, "w", false), CORE_SETINFO_0023);
	check(t, NULL, holds(a, "w", "z") && !posix_exists(a, "y"),
		CORE_SETINFO_0023, "the second rename moved the same file");
}

CONF_TEST(posix, ordinary_open_of_the_source,
	"an ordinary open that does not share deletion keeps a file in its "
	"place",
	RULES(PSX_CREATE_0024), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	make_file(a, "x");
	need_kind(b, W, "x",
		&(struct create_options){.access = FILE_READ_DATA,
			.share = SHARE_EXACT | FILE_SHARE_READ |
				 FILE_SHARE_WRITE});
	check_status(t, posix_open(a, "x", MOVE, 0), STATUS_SHARING_VIOLATION,
		PSX_CREATE_0024);
}

CONF_TABLE(posix, between_directories, replace_rows,
	"a file moves to another directory", RULES(PSX_RENAME_0001),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	make_file(a, "x");
	check_ok(t, posix_rename(source(a, "x"), "d/y", row->replace),
		PSX_RENAME_0001);
	check(t, NULL, holds(a, "d/y", "x") && !posix_exists(a, "x"),
		PSX_RENAME_0001, "the file is in the other directory");
}

CONF_TEST(posix, marked_target,
	"a target that is marked for deletion is replaced all the same",
	RULES(PSX_DELETE_0023), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	make_file(a, "old");
	make_file(a, "new");
	struct file *held = need_posix(b, "old", 0, NULL);
	need_ok(t, posix_mark(held, true));
	struct reply *r = posix_rename(source(a, "new"), "old", true);
	check_status_in(
		t, r, PSX_DELETE_0023, STATUS_SUCCESS, STATUS_DELETE_PENDING);
	need_ok(t, file_close(held));
	check(t, r, r->status != STATUS_SUCCESS || holds(a, "old", "new"),
		PSX_DELETE_0023, "the new file is not deleted");
}

static const struct {
	const char *name;
	enum open_kind held;
	bool same_client;
} view_rows[] = {
	{"posix_same_client", P, true}, {"posix_other_client", P, false}};

CONF_TABLE(posix, ordinary_over_open, view_rows,
	"an ordinary open does not replace a file that a POSIX open holds",
	RULES(PSX_VIEW_0007), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct peer *b = row->same_client ? a : posix_client(t);
	make_file(a, "old");
	make_file(a, "new");
	need_kind(b, row->held, "old", NULL);
	struct file *f = need_kind(a, W, "new", NULL);
	check_status(t, file_rename(f, "old", true), STATUS_ACCESS_DENIED,
		PSX_VIEW_0007);
	check(t, NULL, holds(a, "old", "old"), PSX_VIEW_0007,
		"the old file is there");
}

CONF_TEST(posix, separators_by_open,
	"whose separator a new name has is decided by the open, not by the "
	"connection",
	RULES(PSX_RENAME_0002, CORE_SETINFO_0023), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	make_file(a, "one");
	make_file(a, "two");
	struct file *p = source(a, "one"), *w = need_kind(a, W, "two", NULL);
	check_ok(t, posix_rename(p, "d\\one", false), PSX_RENAME_0002);
	check_ok(t, file_rename(w, "d\\two", false), CORE_SETINFO_0023);
	check(t, NULL, posix_exists(a, "d\\one"), PSX_RENAME_0002,
		"the POSIX open made a name with a backslash");
	check(t, NULL, posix_exists(a, "d/two"), CORE_SETINFO_0023,
		"the ordinary open moved its file into the directory");
}

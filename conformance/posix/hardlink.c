/* SPDX-License-Identifier: MIT */
/*
 * Further names of files. Rules PSX-HARDLINK, POSIX-SMB2 3.3.5.21.1, [MS-FSA]
 * 2.1.5.15.7.
 */
#include "posix/kinds.h"

#define LOOK (FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES)

static void make_x(struct peer *a)
{
	struct file *f = need_posix(a, "x", 0644, NULL);

	need_ok(a->t, file_write(f, 0, "hello", 5));
	need_ok(a->t, file_close(f));
}

/* The inode that a name leads to, links not followed; 0: there is none. */
static uint64_t inode_of(struct peer *a, const char *path)
{
	struct reply *r = posix_open(
		a, path, FILE_READ_ATTRIBUTES, FILE_OPEN_REPARSE_POINT);

	if (r->status != STATUS_SUCCESS) {
		return 0;
	}
	struct file *f = file_of(r);
	uint64_t inode = posix_info(f).inode;
	file_close(f);
	return inode;
}

CONF_TEST(posix, two_names, "both names lead to one file, with its number",
	RULES(PSX_HARDLINK_0001, PSX_INFO_0017, PSX_INFO_0014),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	posix_make_directory(a, "d", 0755);
	struct file *f = need_posix_open(a, "x", ACCESS_DEFAULT);
	stop_ok(t, posix_link(f, "d/y", false), PSX_HARDLINK_0001);
	struct file *g = need_posix_open(a, "d/y", ACCESS_DEFAULT);
	struct reply *r = file_read(g, 0, 10);
	check_bytes(t, r, read_data(r), text_bytes("hello"), "Data",
		PSX_HARDLINK_0001);
	need_ok(t, file_write(f, 0, "HELLO", 5));
	r = file_read(g, 0, 10);
	check_bytes(t, r, read_data(r), text_bytes("HELLO"), "Data",
		PSX_HARDLINK_0001);
	struct file_posix_information x = posix_info(f), y = posix_info(g);
	check(t, NULL, x.inode == y.inode && x.device == y.device,
		PSX_INFO_0017, "Inode and Device are the same");
	r = posix_query(g);
	check_part(t, r, query_data(r), &file_posix_information_type,
		FILE_POSIX_INFORMATION_F_NUMBER_OF_LINKS, 2, PSX_INFO_0014);
}

static const struct {
	const char *name;
	bool other_client;
} client_rows[] = {{"same_client", false}, {"other_client", true}};

CONF_TABLE(posix, links_on_every_open, client_rows,
	"every open of the file knows of a further name at once",
	RULES(PSX_HARDLINK_0003), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct peer *b = row->other_client ? posix_client(t) : a;
	make_x(a);
	struct file *f = need_posix_open(a, "x", ACCESS_DEFAULT);
	struct file *g = need_posix_open(b, "x", FILE_READ_ATTRIBUTES);
	need(t, posix_links(g) == 1, "one link before");
	need_ok(t, posix_link(f, "y", false));
	for (int i = 0; i < 2; i++) {
		check_posix(t, i == 0 ? f : g,
			FILE_POSIX_INFORMATION_F_NUMBER_OF_LINKS, 2,
			PSX_HARDLINK_0003);
	}
	need_ok(t, posix_unlink(a, "y"));
	check_posix(t, g, FILE_POSIX_INFORMATION_F_NUMBER_OF_LINKS, 1,
		PSX_HARDLINK_0003);
}

enum taken { A_FILE, A_DIRECTORY, A_LINK, OPEN_P, OPEN_P_ELSEWHERE, OPEN_W };

static const struct {
	const char *name;
	enum taken target;
	bool replace;
	uint32_t status;
	enum rule_id rule;
} target_rows[] = {
	{"file", A_FILE, false, STATUS_OBJECT_NAME_COLLISION,
		RULE_PSX_HARDLINK_0004},
	{"directory", A_DIRECTORY, false, STATUS_OBJECT_NAME_COLLISION,
		RULE_PSX_HARDLINK_0004},
	{"link", A_LINK, false, STATUS_OBJECT_NAME_COLLISION,
		RULE_PSX_HARDLINK_0004},
	{"replace_file", A_FILE, true, STATUS_SUCCESS, RULE_PSX_HARDLINK_0005},
	{"replace_link", A_LINK, true, STATUS_SUCCESS, RULE_PSX_HARDLINK_0005},
	{"replace_directory", A_DIRECTORY, true, STATUS_FILE_IS_A_DIRECTORY,
		RULE_PSX_HARDLINK_0011},
	{"replace_posix_open", OPEN_P, true, STATUS_SUCCESS,
		RULE_PSX_HARDLINK_0005},
	{"replace_posix_open_elsewhere", OPEN_P_ELSEWHERE, true, STATUS_SUCCESS,
		RULE_PSX_HARDLINK_0005},
	{"replace_ordinary_open", OPEN_W, true, STATUS_ACCESS_DENIED,
		RULE_PSX_HARDLINK_0006},
};

static void make_target(struct peer *a, enum taken what)
{
	struct peer *b = what == OPEN_P ? a : NULL;

	if (what == A_DIRECTORY) {
		posix_make_directory(a, "y", 0755);
		return;
	}
	if (what == A_LINK) {
		posix_symlink(a, "y", "nowhere");
		return;
	}
	posix_make_file(a, "y", 0644);
	if (what == A_FILE) {
		return;
	}
	if (b == NULL) {
		b = posix_client(a->t);
	}
	need_kind(b, what == OPEN_W ? W : P, "y", NULL);
}

CONF_TABLE(posix, target, target_rows,
	"a further name that is taken, with and without replacing",
	RULES(PSX_HARDLINK_0004, PSX_HARDLINK_0005, PSX_HARDLINK_0006,
		PSX_HARDLINK_0011),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	make_target(a, row->target);
	uint64_t inode = inode_of(a, "x"), before = inode_of(a, "y");
	need(t, inode != 0 && before != 0, "both objects");
	struct file *f = need_posix_open(a, "x", LOOK);
	struct reply *r = posix_link(f, "y", row->replace);
	rule_status(t, r, row->status, row->rule);
	check_rule(t, r,
		inode_of(a, "y") ==
			(row->status == STATUS_SUCCESS ? inode : before),
		row->rule, "the name leads %s",
		row->status == STATUS_SUCCESS ? "to the linked file"
					      : "where it did");
	check_rule(t, r, inode_of(a, "x") == inode, row->rule,
		"the first name leads where it did");
}

CONF_TEST(posix, directory, "a directory gets no further name",
	RULES(PSX_HARDLINK_0007), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *d = need_posix_directory(a, "d", 0755);
	check_status(t, posix_link(d, "e", false), STATUS_FILE_IS_A_DIRECTORY,
		PSX_HARDLINK_0007);
	check(t, NULL, !posix_exists(a, "e"), PSX_HARDLINK_0007,
		"there is no such name");
}

static const struct {
	const char *name, *to;
	bool exists;
} link_rows[] = {{"dangling", "nowhere", false}, {"to_a_file", "x", true}};

CONF_TABLE(posix, symbolic_link, link_rows,
	"a symbolic link itself gets a further name, not its target",
	RULES(PSX_HARDLINK_0008), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	posix_symlink(a, "link", row->to);
	struct reply *r = posix_open(a, "link", LOOK, FILE_OPEN_REPARSE_POINT);
	need_ok(t, r);
	struct file *f = file_of(r);
	stop_ok(t, posix_link(f, "again", false), PSX_HARDLINK_0008);
	check(t, NULL, inode_of(a, "again") == inode_of(a, "link"),
		PSX_HARDLINK_0008, "both names lead to the link");
	check(t, NULL, inode_of(a, "again") != inode_of(a, "x"),
		PSX_HARDLINK_0008, "the new name is not one of the file");
	check_status(t, posix_open(a, "again", FILE_READ_DATA, 0),
		STATUS_STOPPED_ON_SYMLINK, PSX_HARDLINK_0008);
}

static const struct {
	const char *name, *to;
	enum rule_id rule;
} character_rows[] = {
	{"backslash", "a\\b", RULE_PSX_HARDLINK_0002},
	{"leading_backslash", "\\a", RULE_PSX_HARDLINK_0002},
	{"colon", "a:b", RULE_PSX_HARDLINK_0002},
	{"stream_like", "a:b:$DATA", RULE_PSX_HARDLINK_0002},
	{"wildcards", "a*?\"<>|", RULE_PSX_PATH_0008},
	{"trailing_dot", "a.", RULE_PSX_PATH_0009},
	{"other_case", "X", RULE_PSX_PATH_0013},
};

CONF_TABLE(posix, characters, character_rows,
	"every character but the slash may be in a further name",
	RULES(PSX_HARDLINK_0002, PSX_PATH_0008, PSX_PATH_0009, PSX_PATH_0013),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	uint64_t inode = inode_of(a, "x");
	struct file *f = need_posix_open(a, "x", LOOK);
	rule_status(
		t, posix_link(f, row->to, false), STATUS_SUCCESS, row->rule);
	check_rule(t, NULL, inode_of(a, row->to) == inode, row->rule,
		"the name leads to the file");
	check_rule(t, NULL, inode_of(a, "x") == inode, row->rule,
		"so does the first one");
	posix_unlink(a, row->to); /* some cannot be listed */
}

static const struct {
	const char *name, *to;
	uint32_t status;
	enum rule_id rule;
} bad_rows[] = {
	{"no_such_directory", "nosuch/y", STATUS_OBJECT_PATH_NOT_FOUND,
		RULE_PSX_HARDLINK_0009},
	{"double_slash", "d//y", STATUS_OBJECT_NAME_INVALID,
		RULE_PSX_PATH_0019},
	{"dot_dot", "d/../y", STATUS_OBJECT_NAME_INVALID, RULE_PSX_PATH_0021},
};

CONF_TABLE(posix, bad_name, bad_rows, "further names that are refused",
	RULES(PSX_HARDLINK_0009, PSX_PATH_0019, PSX_PATH_0021),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	make_x(a);
	struct file *f = need_posix_open(a, "x", LOOK);
	rule_status(t, posix_link(f, row->to, false), row->status, row->rule);
	check_rule(t, NULL, posix_links(f) == 1, row->rule,
		"the file has one name");
}

CONF_TEST(posix, leading_slash, "a further name begins without a slash",
	RULES(PSX_HARDLINK_0010), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	struct file *f = need_posix_open(a, "x", LOOK);
	const char *path = test_text(t, "/%s/y", test_path(a, ""));
	check_status(t, posix_link_name(f, utf16(t, path), false),
		STATUS_INVALID_PARAMETER, PSX_HARDLINK_0010);
	check(t, NULL, posix_links(f) == 1, PSX_HARDLINK_0010,
		"the file has one name");
}

CONF_TEST(posix, above_the_share, "no further name lies outside of the share",
	RULES(PSX_SAFETY_0001), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	struct file *f = need_posix_open(a, "x", LOOK);
	check_refused(t,
		posix_link_name(f, utf16(t, "../smb3x-link-escaped"), false),
		PSX_SAFETY_0001);
	check(t, NULL, posix_links(f) == 1, PSX_SAFETY_0001,
		"the file has one name");
}

static const struct {
	const char *name, *target;
} through_rows[] = {{"in_the_share", "d"}, {"out_of_the_share", "/tmp"}};

CONF_TABLE(posix, through_a_link, through_rows,
	"a symbolic link on the way to the further name stops",
	RULES(PSX_LINK_0017, PSX_LINK_0018, PSX_SAFETY_0001),
	NEEDS(POSIX_EXTENSIONS))
{
	struct smb2_symlink_error_response e;
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	posix_symlink(a, "link", row->target);
	make_x(a);
	struct file *f = need_posix_open(a, "x", LOOK);
	struct reply *r = posix_link(f, "link/smb3x-y", false);
	check(t, r, r->status != STATUS_SUCCESS, PSX_SAFETY_0001,
		"nothing is linked");
	check_status(t, r, STATUS_STOPPED_ON_SYMLINK, PSX_LINK_0017);
	check(t, r, symlink_error(r, &e) && e.unparsed_path_length == 16,
		PSX_LINK_0018,
		"a Symbolic Link Error Response that leaves "
		"16 bytes (\"/smb3x-y\") to resolve");
	check(t, NULL, posix_links(f) == 1, PSX_LINK_0017,
		"the file has one name");
}

CONF_TEST(posix, special_file, "a named pipe gets a further name as well",
	RULES(PSX_HARDLINK_0001), NEEDS(POSIX_EXTENSIONS))
{
	const struct wire_view none = {NULL, 0};
	struct peer *a = posix_client(t);
	struct file *f = posix_reparse(
		a, "pipe", 0644, nfs_buffer(t, NFS_SPECFILE_FIFO, none), NULL);
	need_ok(t, file_close(f));
	struct reply *r = posix_open(a, "pipe", LOOK, FILE_OPEN_REPARSE_POINT);
	need_ok(t, r);
	check_ok(t, posix_link(file_of(r), "again", false), PSX_HARDLINK_0001);
	check(t, NULL, inode_of(a, "again") == inode_of(a, "pipe"),
		PSX_HARDLINK_0001, "both names lead to the pipe");
}

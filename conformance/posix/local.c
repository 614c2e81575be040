/* SPDX-License-Identifier: MIT */
/*
 * What no client can make: real links, pipes, sockets and devices in the
 * folder of the share, and what clients make as programs on the server see
 * it. Only with --local-path.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "posix/kinds.h"

/* The path of something in the test's directory, on this machine. */
static const char *here(struct peer *a, const char *path)
{
	struct test *t = a->t;
	const char *top = test_path(a, "");
	const char *full = test_text(t, "%s/%s", t->target->local_path, top);

	need(t, access(full, W_OK) == 0,
		"--local-path is the folder of the share, and writable");
	return test_text(t, "%s/%s", full, path);
}

static void real_link(struct peer *a, const char *path, const char *target)
{
	need(a->t, symlink(target, here(a, path)) == 0, "symlink(): %s",
		strerror(errno));
}

static void real_node(struct peer *a, const char *path, mode_t mode, dev_t dev)
{
	const char *full = here(a, path);
	int r = mknod(full, mode, dev);

	need_capability(a->t, NULL, r == 0 || errno != EPERM,
		"the right to make devices here");
	need(a->t, r == 0 && chmod(full, mode & 07777) == 0, "mknod(): %s",
		strerror(errno));
}

static bool is_there(struct peer *a, const char *path)
{
	struct stat st;

	return lstat(here(a, path), &st) == 0;
}

static struct reply *itself(struct peer *a, const char *path, uint32_t access)
{
	return posix_open(a, path, access, FILE_OPEN_REPARSE_POINT);
}

/* --- links ------------------------------------------------------------------
 */

static const struct {
	const char *name, *link, *target, *rest;
	unsigned int unparsed;
} link_rows[] = {
	{"end", "link", "x", "", 0},
	{"dangling", "link", "nowhere", "", 0},
	{"directory_at_the_end", "link", "d", "", 0},
	{"on_the_way", "link", "d", "/x", 4},
	{"dangling_on_the_way", "link", "nowhere", "/x/y", 8},
	{"in_a_directory", "d/link", "..", "/x", 4},
	{"many_bytes", "link", "\xc3\xa4\xe2\x82\xac", "/\xf0\x9f\x98\x80", 6},
	{"upwards", "link", "../../../etc", "/passwd", 14},
	{"absolute", "link", "/etc", "/passwd", 14},
	{"absolute_at_the_end", "link", "/etc/passwd", "", 0},
	{"backslash", "link", "a\\b", "/c\\d", 8},
	{"loop", "link", "link", "/x", 4},
};

static struct wire_view substitute_name(
	const struct smb2_symlink_error_response *e)
{
	size_t from = e->substitute_name_offset, n = e->substitute_name_length;

	return from + n <= e->path_buffer.n
		       ? wire_view_sub(e->path_buffer, from, n)
		       : (struct wire_view){0};
}

CONF_TABLE(posix, link, link_rows,
	"a link of the file system stops a CREATE, and the answer tells where",
	RULES(PSX_LINK_0007, PSX_LINK_0008, PSX_LINK_0012, PSX_LINK_0014,
		PSX_LINK_0015, PSX_LINK_0016),
	NEEDS(POSIX_EXTENSIONS, LOCAL_PATH))
{
	struct smb2_symlink_error_response e = {0};
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	posix_make_file(a, "x", 0644);
	real_link(a, row->link, row->target);
	struct reply *r =
		posix_open(a, test_text(t, "%s%s", row->link, row->rest),
			FILE_READ_ATTRIBUTES, 0);
	CONF_STOP(t, rule_status(t, r, STATUS_STOPPED_ON_SYMLINK,
			     row->rest[0] != '\0' ? RULE_PSX_LINK_0007
						  : RULE_PSX_LINK_0008));
	stop(t, r, symlink_error(r, &e), PSX_LINK_0012,
		"a Symbolic Link Error Response");
	check_number(t, r, e.unparsed_path_length, row->unparsed,
		"UnparsedPathLength", PSX_LINK_0012);
	struct wire_view name = substitute_name(&e);
	rule_bytes(t, r, name, utf16(t, row->target), "SubstituteName",
		row->target[0] == '/' ? RULE_PSX_LINK_0015
				      : RULE_PSX_LINK_0014);
	bool slash = name.n >= 2 && wire_get16(name.p) == '/';
	check(t, r, ((e.flags & SYMLINK_FLAG_RELATIVE) == 0) == slash,
		PSX_LINK_0016, "Flags says whether the target is relative");
}

CONF_TEST(posix, link_into_the_share,
	"an absolute target within the share, made relative or left",
	RULES(PSX_LINK_0015, PSX_LINK_0016),
	NEEDS(POSIX_EXTENSIONS, LOCAL_PATH))
{
	struct smb2_symlink_error_response e = {0};
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	const char *target = here(a, "d");
	real_link(a, "link", target);
	struct reply *r = posix_open(a, "link", FILE_READ_ATTRIBUTES, 0);
	need_status(t, r, STATUS_STOPPED_ON_SYMLINK);
	need(t, symlink_error(r, &e), "a Symbolic Link Error Response");
	struct wire_view name = substitute_name(&e);
	check_bytes(
		t, r, name, utf16(t, target), "SubstituteName", PSX_LINK_0015);
	bool slash = name.n >= 2 && wire_get16(name.p) == '/';
	check(t, r, ((e.flags & SYMLINK_FLAG_RELATIVE) == 0) == slash,
		PSX_LINK_0016, "Flags says whether the target is relative");
}

CONF_TEST(posix, buffer_of_a_link, "the target of a link can be read",
	RULES(PSX_LINK_0010, PSX_LINK_0030, PSX_LINK_0031),
	NEEDS(POSIX_EXTENSIONS, LOCAL_PATH))
{
	struct reparse_data_buffer buffer;
	struct peer *a = posix_client(t);
	real_link(a, "link", "../some/where");
	struct reply *r = itself(a, "link", FILE_READ_ATTRIBUTES);
	stop_ok(t, r, PSX_LINK_0010);
	struct file *f = file_of(r);
	r = reparse_get(f);
	stop_ok(t, r, PSX_LINK_0031);
	struct wire_view want = utf16(t, "../some/where");
	check(t, r,
		reparse_data_buffer_decode(fsctl_data(r), &buffer) == 0 &&
			buffer.reparse_tag == IO_REPARSE_TAG_SYMLINK &&
			memmem(buffer.data_buffer.p, buffer.data_buffer.n,
				want.p, want.n) != NULL,
		PSX_LINK_0031, "a buffer of the tag SYMLINK with the target");
	r = posix_query(f);
	check_part(t, r, query_data(r), &file_posix_information_type,
		FILE_POSIX_INFORMATION_F_END_OF_FILE, 13, PSX_LINK_0030);
}

static const struct {
	const char *name, *target;
} exclusive_rows[] = {{"dangling", "nowhere"}, {"to_a_file", "x"}};

CONF_TABLE(posix, exclusive, exclusive_rows,
	"FILE_CREATE finds that the name of a link is taken",
	RULES(PSX_LINK_0009), NEEDS(POSIX_EXTENSIONS, LOCAL_PATH))
{
	struct peer *a = posix_client(t);
	posix_make_file(a, "x", 0644);
	real_link(a, "link", row->target);
	check_status(t,
		posix_create(a, "link", 0644,
			&(struct create_options){
				.disposition = DISPOSITION(FILE_CREATE)}),
		STATUS_OBJECT_NAME_COLLISION, PSX_LINK_0009);
	check(t, NULL, !is_there(a, "nowhere"), PSX_LINK_0009,
		"nothing was made behind the link");
}

enum change { UNLINK, RENAME, REPLACE, HARDLINK };

static const struct {
	const char *name;
	enum change change;
	enum rule_id rule;
} change_rows[] = {
	{"unlink", UNLINK, RULE_PSX_DELETE_0017},
	{"rename", RENAME, RULE_PSX_RENAME_0023},
	{"replace", REPLACE, RULE_PSX_RENAME_0018},
	{"hard_link", HARDLINK, RULE_PSX_HARDLINK_0008},
};

CONF_TABLE(posix, link_itself, change_rows,
	"what is done to a link is done to the link, not to its target",
	RULES(PSX_DELETE_0017, PSX_RENAME_0018, PSX_RENAME_0023,
		PSX_HARDLINK_0008),
	NEEDS(POSIX_EXTENSIONS, LOCAL_PATH))
{
	struct stat st = {0};
	struct peer *a = posix_client(t);
	posix_make_file(a, "x", 0644);
	posix_make_file(a, "y", 0644);
	real_link(a, "link", "x");
	struct reply *r =
		row->change == UNLINK ? posix_unlink(a, "link") : NULL;
	if (row->change != UNLINK) {
		const char *from = row->change == REPLACE ? "y" : "link";
		struct reply *c = itself(a, from,
			DELETE | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES);
		need_ok(t, c);
		struct file *f = file_of(c);
		r = row->change == REPLACE  ? posix_rename(f, "link", true)
		    : row->change == RENAME ? posix_rename(f, "moved", false)
					    : posix_link(f, "moved", false);
	}
	rule_status(t, r, STATUS_SUCCESS, row->rule);
	check_rule(t, r, is_there(a, "x"), row->rule, "the target is there");
	bool there =
		lstat(here(a, row->change == RENAME || row->change == HARDLINK
				      ? "moved"
				      : "link"),
			&st) == 0;
	check_rule(t, r, there == (row->change != UNLINK), row->rule,
		"the name is %s", row->change == UNLINK ? "gone" : "there");
	check_rule(t, r,
		!there || S_ISLNK(st.st_mode) == (row->change != REPLACE),
		row->rule, "it is %s",
		row->change == REPLACE ? "the file" : "a link");
}

static const struct {
	const char *name, *target;
	bool link;
} through_rows[] = {{"rename", "d", false}, {"hard_link", "d", true},
	{"rename_out_of_the_share", "/tmp", false},
	{"hard_link_out_of_the_share", "/tmp", true}};

CONF_TABLE(posix, through_a_link, through_rows,
	"a link on the way to a new name is not followed",
	RULES(PSX_LINK_0017, PSX_SAFETY_0001),
	NEEDS(POSIX_EXTENSIONS, LOCAL_PATH))
{
	struct stat st;
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	posix_make_file(a, "x", 0644);
	real_link(a, "link", row->target);
	const char *leaf = test_text(t, "smb3x-%s", test_path(a, ""));
	const char *to = test_text(t, "link/%s", leaf);
	struct reply *c = itself(
		a, "x", DELETE | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES);
	need_ok(t, c);
	struct reply *r = row->link ? posix_link(file_of(c), to, false)
				    : posix_rename(file_of(c), to, false);
	check_status(t, r, STATUS_STOPPED_ON_SYMLINK, PSX_LINK_0017);
	const char *outside = test_text(t, "/tmp/%s", leaf);
	check(t, r, lstat(outside, &st) != 0, PSX_SAFETY_0001,
		"nothing appeared outside of the share");
	unlink(outside);
	check(t, r, is_there(a, "x"), PSX_LINK_0017, "the file is there");
}

static const struct {
	const char *name;
	enum open_kind kind;
	enum rule_id rule;
} full_rows[] = {{"posix", P, RULE_PSX_DELETE_0004},
	{"ordinary", W, RULE_CORE_SETINFO_0012}};

CONF_TABLE(posix, directory_of_a_link, full_rows,
	"a directory with a dangling link is not empty, whoever looks",
	RULES(PSX_DELETE_0004, CORE_SETINFO_0012),
	NEEDS(POSIX_EXTENSIONS, LOCAL_PATH))
{
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	real_link(a, "d/link", "nowhere");
	struct file *d = need_kind(a, row->kind, "d",
		&(struct create_options){
			.access = DELETE | FILE_READ_ATTRIBUTES,
			.disposition = DISPOSITION(FILE_OPEN)});
	rule_status(
		t, posix_mark(d, true), STATUS_DIRECTORY_NOT_EMPTY, row->rule);
	posix_mark(d, false);
	need_ok(t, file_close(d));
	check_rule(
		t, NULL, is_there(a, "d/link"), row->rule, "the link is there");
	unlink(here(a, "d/link"));
}

/* --- special files ----------------------------------------------------------
 */

static const struct {
	const char *name;
	mode_t mode;
	unsigned int major, minor;
	uint32_t type;
	uint64_t nfs_type;
} special_rows[] = {
	{"pipe", S_IFIFO | 0640, 0, 0, POSIX_TYPE_FIFO, NFS_SPECFILE_FIFO},
	{"socket", S_IFSOCK | 0755, 0, 0, POSIX_TYPE_SOCKET, NFS_SPECFILE_SOCK},
	{"character_device", S_IFCHR | 0600, 1, 3, POSIX_TYPE_CHARDEV,
		NFS_SPECFILE_CHR},
	{"block_device", S_IFBLK | 0660, 7, 0x101, POSIX_TYPE_BLKDEV,
		NFS_SPECFILE_BLK},
};

CONF_TABLE(posix, special, special_rows,
	"pipes, sockets and devices of the file system show what they are",
	RULES(PSX_LINK_0019, PSX_LINK_0020, PSX_LINK_0025, PSX_LINK_0028,
		PSX_LINK_0029, PSX_LINK_0035, PSX_INFO_0015),
	NEEDS(POSIX_EXTENSIONS, LOCAL_PATH))
{
	struct peer *a = posix_client(t);
	bool device = row->major != 0;
	real_node(a, "node", row->mode, makedev(row->major, row->minor));
	check_status(t, posix_open(a, "node", FILE_READ_ATTRIBUTES, 0),
		STATUS_IO_REPARSE_TAG_NOT_HANDLED, PSX_LINK_0019);
	struct reply *r = itself(a, "node", FILE_READ_ATTRIBUTES);
	stop_ok(t, r, PSX_LINK_0020);
	uint32_t mode = posix_answer(r).posix_mode;
	check_number(t, r, mode & MODE_TYPE, row->type, "type in POSIXMode",
		PSX_LINK_0025);
	check_flags(t, r, SMB2_CREATE_RESPONSE_F_FILE_ATTRIBUTES,
		FILE_ATTRIBUTE_REPARSE_POINT, 0, PSX_LINK_0029);
	struct file *f = file_of(r);
	check_number(t, NULL, posix_info(f).posix_mode, mode,
		"POSIXMode of the query, as of the context", PSX_LINK_0028);
	check_number(t, NULL, posix_mode(f), row->mode & 07777, "permissions",
		PSX_INFO_0015);
	struct file *top = need_posix_open(a, "", FILE_LIST_DIRECTORY);
	check_number(t, NULL, posix_find(top, "node").posix_mode, mode,
		"POSIXMode of the listing, as of the context", PSX_LINK_0028);
	r = reparse_get(f);
	stop_ok(t, r, PSX_LINK_0035);
	check_bytes(t, r, fsctl_data(r),
		device ? nfs_device_buffer(
				 t, row->nfs_type, row->major, row->minor)
		       : nfs_buffer(t, row->nfs_type, (struct wire_view){0}),
		"reparse data", PSX_LINK_0035);
}

CONF_TABLE(posix, data, special_rows,
	"the server does not touch the data of pipes, sockets and devices",
	RULES(PSX_LINK_0022), NEEDS(POSIX_EXTENSIONS, LOCAL_PATH))
{
	struct peer *a = posix_client(t);
	real_node(a, "node", row->mode, makedev(row->major, row->minor));
	struct reply *r = itself(a, "node", FILE_READ_DATA);
	if (r->status == STATUS_SUCCESS) {
		r = file_read(file_of(r), 0, 10);
	}
	check(t, r, r->outcome == REPLY_ARRIVED && r->status != STATUS_SUCCESS,
		PSX_LINK_0022, "no data is returned");
	check_alive(t, a, PSX_LINK_0022);
}

CONF_TABLE(posix, special_and_ordinary_open, special_rows,
	"an ordinary open does not open pipes, sockets and devices",
	RULES(PSX_VIEW_0005), NEEDS(POSIX_EXTENSIONS, LOCAL_PATH))
{
	struct peer *a = posix_client(t);
	real_node(a, "node", row->mode, makedev(row->major, row->minor));
	check_status(t, kind_look(a, W, "node"),
		STATUS_IO_REPARSE_TAG_NOT_HANDLED, PSX_VIEW_0005);
}

/* --- the other way: what clients make ---------------------------------------
 */

static const struct {
	const char *name, *made;
	enum rule_id rule;
} name_rows[] = {
	{"backslash", "a\\b", RULE_PSX_PATH_0006},
	{"colon", "a:b:$DATA", RULE_PSX_PATH_0007},
	{"wildcards", "*?\"<>|", RULE_PSX_PATH_0008},
	{"trailing", "a. ", RULE_PSX_PATH_0009},
	{"device", "COM1", RULE_PSX_PATH_0010},
	{"many_bytes", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		RULE_PSX_PATH_0015},
};

CONF_TABLE(posix, name, name_rows,
	"the file system has the name that a POSIX open gave",
	RULES(PSX_PATH_0006, PSX_PATH_0007, PSX_PATH_0008, PSX_PATH_0009,
		PSX_PATH_0010, PSX_PATH_0015),
	NEEDS(POSIX_EXTENSIONS, LOCAL_PATH))
{
	struct peer *a = posix_client(t);
	posix_make_file(a, row->made, 0644);
	check_rule(t, NULL, is_there(a, row->made), row->rule,
		"a file of that name is in the folder");
	posix_unlink(a, row->made); /* some cannot be listed */
}

static const struct {
	const char *name;
	uint32_t mode;
	bool directory;
} mode_rows[] = {{"0640", 0640, false}, {"0777", 0777, false},
	{"07751", 07751, false}, {"0001", 0001, false},
	{"directory_0750", 0750, true}, {"directory_01777", 01777, true}};

CONF_TABLE(posix, mode, mode_rows,
	"the file system has the mode that the CREATE response tells",
	RULES(PSX_CREATE_0028), NEEDS(POSIX_EXTENSIONS, LOCAL_PATH))
{
	struct stat st = {0};
	struct peer *a = posix_client(t);
	struct file *f = row->directory
				 ? need_posix_directory(a, "x", row->mode)
				 : need_posix(a, "x", row->mode, NULL);
	need(t, lstat(here(a, "x"), &st) == 0, "lstat()");
	check_number(t, f->create,
		posix_answer(f->create).posix_mode & MODE_PERMISSIONS,
		st.st_mode & 07777, "permissions", PSX_CREATE_0028);
}

CONF_TEST(posix, mode_from_here, "a mode that is set here shows there",
	RULES(PSX_INFO_0015), NEEDS(POSIX_EXTENSIONS, LOCAL_PATH))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0644, NULL);
	need(t, chmod(here(a, "x"), 07531) == 0, "chmod()");
	check_number(
		t, NULL, posix_mode(f), 07531, "permissions", PSX_INFO_0015);
}

CONF_TEST(posix, unlinked, "an unlinked file is gone from the folder at once",
	RULES(PSX_DELETE_0009, PSX_DELETE_0020),
	NEEDS(POSIX_EXTENSIONS, LOCAL_PATH))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0644, NULL);
	need_ok(t, posix_unlink(a, "x"));
	check(t, NULL, !is_there(a, "x"), PSX_DELETE_0009,
		"no such name is in the folder");
	check_ok(t, file_write(f, 0, "abc", 3), PSX_DELETE_0020);
}

CONF_TEST(posix, removed_here,
	"an open goes on when a program of the server removes its name",
	RULES(PSX_DELETE_0020, PSX_DELETE_0021),
	NEEDS(POSIX_EXTENSIONS, LOCAL_PATH))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0644, NULL);
	need(t, unlink(here(a, "x")) == 0, "unlink()");
	check_ok(t, file_write(f, 0, "abc", 3), PSX_DELETE_0020);
	check_number(
		t, NULL, posix_links(f), 0, "NumberOfLinks", PSX_DELETE_0021);
}

CONF_TEST(posix, names_of_any_bytes,
	"a name that is no UTF-8 does not end a listing", RULES(PSX_LINK_0042),
	NEEDS(POSIX_EXTENSIONS, LOCAL_PATH))
{
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	real_link(a, "d/\xff\xfe", "nowhere");
	real_link(a, "d/m", "nowhere");
	posix_make_file(a, "d/z", 0644);
	struct file *d = need_posix_open(a, "d", FILE_LIST_DIRECTORY);
	struct reply *r = posix_list(d, SMB2_RESTART_SCANS, "*");
	check_ok(t, r, PSX_LINK_0042);
	check(t, r, posix_has(d, "m") && posix_has(d, "z"), PSX_LINK_0042,
		"the names that can be told are listed");
	unlink(here(a, "d/\xff\xfe"));
}

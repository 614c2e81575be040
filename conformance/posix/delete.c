/* SPDX-License-Identifier: MIT */
/*
 * Unlinking files that are open. Rules PSX-DELETE, POSIX-FSA 2.1.4.8.1,
 * [MS-FSA] 2.1.5.5 and 2.1.5.15.3.
 */
#include "posix/kinds.h"

static struct create_options deleting(uint32_t access)
{
	return (struct create_options){
		.access = access | DELETE, .options = FILE_DELETE_ON_CLOSE};
}

/* A file x with ten bytes, nobody has it open. */
static void make_x(struct peer *a)
{
	struct file *f = need_posix(a, "x", 0644, NULL);

	need_ok(a->t, file_write(f, 0, "0123456789", 10));
	need_ok(a->t, file_close(f));
}

static struct reply *open_new(struct peer *a, const char *path)
{
	return posix_create(a, path, 0644,
		&(struct create_options){
			.disposition = DISPOSITION(FILE_CREATE)});
}

static const struct {
	const char *name;
	bool other_client, on_close;
	enum rule_id rule;
} unlink_rows[] = {
	{"marked_same_client", false, false, RULE_PSX_DELETE_0009},
	{"marked_other_client", true, false, RULE_PSX_DELETE_0009},
	{"on_close_same_client", false, true, RULE_PSX_DELETE_0013},
	{"on_close_other_client", true, true, RULE_PSX_DELETE_0013},
};

CONF_TABLE(posix, unlink_open_file, unlink_rows,
	"the name of an unlinked file is gone at once, however many POSIX "
	"opens it has",
	RULES(PSX_DELETE_0009, PSX_DELETE_0013, PSX_DELETE_0015,
		PSX_DELETE_0020, PSX_VIEW_0006),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct peer *b = row->other_client ? posix_client(t) : a;
	struct create_options o = deleting(0);
	make_x(a);
	struct file *other = need_posix(b, "x", 0, NULL);
	struct file *f = need_posix(a, "x", 0, row->on_close ? &o : NULL);
	if (!row->on_close) {
		need_ok(t, posix_mark(f, true));
	}
	need_ok(t, file_close(f));
	rule_status(t, kind_look(a, P, "x"), STATUS_OBJECT_NAME_NOT_FOUND,
		row->rule);
	check_status(t, kind_look(b, P, "x"), STATUS_OBJECT_NAME_NOT_FOUND,
		PSX_DELETE_0015);
	check_status(t, kind_look(b, W, "x"), STATUS_OBJECT_NAME_NOT_FOUND,
		PSX_VIEW_0006);
	struct reply *r = file_read(other, 0, 10);
	check_bytes(t, r, read_data(r), text_bytes("0123456789"), "Data",
		PSX_DELETE_0020);
	check_ok(t, file_write(other, 10, "abc", 3), PSX_DELETE_0020);
	r = posix_query(other);
	check_part(t, r, query_data(r), &file_posix_information_type,
		FILE_POSIX_INFORMATION_F_END_OF_FILE, 13, PSX_DELETE_0020);
}

CONF_TEST(posix, links_of_an_unlinked_file,
	"an open of an unlinked file has no links any more",
	RULES(PSX_DELETE_0021), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	struct file *f = need_posix(a, "x", 0, NULL);
	need_ok(t, posix_unlink(a, "x"));
	check_posix(t, f, FILE_POSIX_INFORMATION_F_NUMBER_OF_LINKS, 0,
		PSX_DELETE_0021);
}

CONF_TEST(posix, one_name_of_two,
	"unlinking one name of a file leaves the other", RULES(PSX_DELETE_0016),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	struct file *f = need_posix(a, "x", 0, NULL);
	need_ok(t, posix_link(f, "y", false));
	need_ok(t, posix_unlink(a, "x"));
	check(t, NULL, !posix_exists(a, "x"), PSX_DELETE_0016, "x is gone");
	check(t, NULL, posix_exists(a, "y"), PSX_DELETE_0016, "y is there");
	check_posix(t, f, FILE_POSIX_INFORMATION_F_NUMBER_OF_LINKS, 1,
		PSX_DELETE_0016);
}

CONF_TEST(posix, name_used_again,
	"the name of an unlinked file can be used at once, for another file",
	RULES(PSX_DELETE_0022, PSX_DELETE_0023), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	make_x(a);
	struct file *old = need_posix(b, "x", 0, NULL);
	need_ok(t, posix_unlink(a, "x"));
	struct reply *r = open_new(a, "x");
	stop_ok(t, r, PSX_DELETE_0022);
	struct file *new = file_of(r);
	need_ok(t, file_write(new, 0, "new", 3));
	r = file_read(old, 0, 10);
	check_bytes(t, r, read_data(r), text_bytes("0123456789"), "Data",
		PSX_DELETE_0022);
	need_ok(t, file_write(old, 0, "OLD", 3));
	r = file_read(new, 0, 10);
	check_bytes(
		t, r, read_data(r), text_bytes("new"), "Data", PSX_DELETE_0022);
	need_ok(t, file_close(old));
	need_ok(t, file_close(new));
	check(t, NULL, posix_exists(a, "x"), PSX_DELETE_0023,
		"closing the old file does not remove the new one");
}

/* Two opens of x; one of them is told to delete it; one is closed. */
enum { STAYS, PENDING, GONE };

static const struct mixed_row {
	const char *name;
	enum open_kind armed, other; /* the open that deletes; the other one */
	bool on_close;               /* by CreateOptions, not by SET_INFO */
	bool armed_first;            /* it is closed first */
	uint32_t then;               /* what opening x says after that */
	enum rule_id rule, last_rule;
} mixed_rows[] = {
	{"pp_marked_marker_first", P, P, false, true, GONE,
		RULE_PSX_DELETE_0009, RULE_PSX_DELETE_0009},
	{"pp_marked_other_first", P, P, false, false, GONE,
		RULE_PSX_DELETE_0012, RULE_PSX_DELETE_0009},
	{"pp_on_close_armed_first", P, P, true, true, GONE,
		RULE_PSX_DELETE_0013, RULE_PSX_DELETE_0013},
	{"pp_on_close_other_first", P, P, true, false, STAYS,
		RULE_PSX_DELETE_0013, RULE_PSX_DELETE_0013},
	{"pw_marked_marker_first", P, W, false, true, PENDING,
		RULE_PSX_DELETE_0010, RULE_PSX_DELETE_0011},
	{"pw_marked_other_first", P, W, false, false, GONE,
		RULE_PSX_DELETE_0011, RULE_PSX_DELETE_0009},
	{"pw_on_close_armed_first", P, W, true, true, PENDING,
		RULE_PSX_DELETE_0010, RULE_PSX_DELETE_0011},
	{"pw_on_close_other_first", P, W, true, false, STAYS,
		RULE_PSX_DELETE_0013, RULE_PSX_DELETE_0013},
	{"wp_marked_marker_first", W, P, false, true, GONE,
		RULE_PSX_DELETE_0011, RULE_PSX_DELETE_0011},
	{"wp_marked_other_first", W, P, false, false, PENDING,
		RULE_PSX_DELETE_0010, RULE_PSX_DELETE_0011},
	{"wp_on_close_armed_first", W, P, true, true, GONE,
		RULE_PSX_DELETE_0011, RULE_PSX_DELETE_0011},
	{"wp_on_close_other_first", W, P, true, false, STAYS,
		RULE_PSX_DELETE_0010, RULE_PSX_DELETE_0011},
	{"ww_marked_marker_first", W, W, false, true, PENDING,
		RULE_PSX_DELETE_0010, RULE_PSX_DELETE_0011},
	{"ww_marked_other_first", W, W, false, false, PENDING,
		RULE_PSX_DELETE_0010, RULE_PSX_DELETE_0011},
};

CONF_TABLE(posix, mixed, mixed_rows,
	"two opens of a file, one deletes it, one is closed: is the name gone?",
	RULES(PSX_DELETE_0009, PSX_DELETE_0010, PSX_DELETE_0011,
		PSX_DELETE_0012, PSX_DELETE_0013),
	NEEDS(POSIX_EXTENSIONS))
{
	static const uint32_t statuses[] = {STATUS_SUCCESS,
		STATUS_DELETE_PENDING, STATUS_OBJECT_NAME_NOT_FOUND};
	struct peer *a = posix_client(t), *b = posix_client(t);
	struct create_options o = deleting(ACCESS_DEFAULT);
	make_x(a);
	struct file *armed =
		need_kind(a, row->armed, "x", row->on_close ? &o : NULL);
	struct file *other = need_kind(b, row->other, "x", NULL);
	if (!row->on_close) {
		need_ok(t, posix_mark(armed, true));
	}
	need_ok(t, file_close(row->armed_first ? armed : other));
	rule_status(t, kind_look(a, P, "x"), statuses[row->then], row->rule);
	need_ok(t, file_close(row->armed_first ? other : armed));
	rule_status(t, kind_look(a, P, "x"), STATUS_OBJECT_NAME_NOT_FOUND,
		row->last_rule);
}

static const struct {
	const char *name;
	enum open_kind kind;
} kind_rows[] = {{"posix", P}, {"ordinary", W}};

CONF_TABLE(posix, delete_pending, kind_rows,
	"between marking a file for deletion and closing nobody opens it anew",
	RULES(PSX_DELETE_0002), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	make_x(a);
	struct file *f = need_posix(a, "x", 0, NULL);
	need_ok(t, posix_mark(f, true));
	check_status(t, kind_look(b, row->kind, "x"), STATUS_DELETE_PENDING,
		PSX_DELETE_0002);
	check_status(t, kind_look(a, row->kind, "x"), STATUS_DELETE_PENDING,
		PSX_DELETE_0002);
}

CONF_TEST(posix, marked_and_unmarked,
	"a file that was marked and unmarked stays", RULES(PSX_DELETE_0003),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	struct file *f = need_posix(a, "x", 0, NULL);
	need_ok(t, posix_mark(f, true));
	stop_ok(t, posix_mark(f, false), PSX_DELETE_0003);
	check_ok(t, kind_look(a, P, "x"), PSX_DELETE_0003);
	need_ok(t, file_close(f));
	check_ok(t, kind_look(a, P, "x"), PSX_DELETE_0003);
}

CONF_TEST(posix, unmarked_by_another,
	"a mark is one of the file: another open takes it back",
	RULES(PSX_DELETE_0003), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	make_x(a);
	struct file *f = need_posix(a, "x", 0, NULL);
	struct file *g = need_posix(b, "x", 0, NULL);
	need_ok(t, posix_mark(f, true));
	stop_ok(t, posix_mark(g, false), PSX_DELETE_0003);
	need_ok(t, file_close(f));
	check_ok(t, kind_look(a, P, "x"), PSX_DELETE_0003);
}

static const struct {
	const char *name;
	bool on_close;
	enum rule_id rule;
} readonly_rows[] = {
	{"marked", false, RULE_PSX_DELETE_0006},
	{"on_close", true, RULE_PSX_DELETE_0007},
};

CONF_TABLE(posix, readonly, readonly_rows,
	"a POSIX open that may write its attributes deletes a read-only file",
	RULES(PSX_DELETE_0006, PSX_DELETE_0007), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0644, NULL);
	need_ok(t, set_attributes(f, FILE_ATTRIBUTE_READONLY));
	uint32_t kept = file_basic(f).file_attributes;
	need_capability(t, NULL, (kept & FILE_ATTRIBUTE_READONLY) != 0,
		"the attribute READONLY");
	need_ok(t, file_close(f));
	struct reply *r = posix_open(a, "x",
		DELETE | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES,
		row->on_close ? FILE_DELETE_ON_CLOSE : 0);
	CONF_STOP(t, rule_status(t, r, STATUS_SUCCESS, row->rule));
	f = file_of(r);
	if (!row->on_close) {
		rule_status(t, posix_mark(f, true), STATUS_SUCCESS, row->rule);
	}
	need_ok(t, file_close(f));
	check_rule(
		t, NULL, !posix_exists(a, "x"), row->rule, "the name is gone");
}

CONF_TABLE(posix, readonly_by_an_ordinary_open, kind_rows,
	"an ordinary open does not delete a read-only file",
	RULES(PSX_VIEW_0008), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_kind(a, row->kind, "x", NULL);
	struct file *posix = need_posix(a, "x", 0, NULL);
	need_ok(t, set_attributes(f, FILE_ATTRIBUTE_READONLY));
	uint32_t kept = file_basic(f).file_attributes;
	need_capability(t, NULL, (kept & FILE_ATTRIBUTE_READONLY) != 0,
		"the attribute READONLY");
	need_ok(t, file_close(f));
	f = need_kind(a, W, "x",
		&(struct create_options){.access = DELETE |
						   FILE_READ_ATTRIBUTES |
						   FILE_WRITE_ATTRIBUTES,
			.disposition = DISPOSITION(FILE_OPEN)});
	check_status(
		t, posix_mark(f, true), STATUS_CANNOT_DELETE, PSX_VIEW_0008);
	posix_mark(f, false);
	need_ok(t, file_close(posix));
}

CONF_TEST(posix, full_directory, "a directory that is not empty stays",
	RULES(PSX_DELETE_0004), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *d = need_posix_directory(a, "d", 0755);
	posix_make_file(a, "d/x", 0644);
	check_status(t, posix_mark(d, true), STATUS_DIRECTORY_NOT_EMPTY,
		PSX_DELETE_0004);
	need_ok(t, file_close(d));
	check_ok(t, kind_look(a, P, "d/x"), PSX_DELETE_0004);
}

CONF_TEST(posix, directory_of_unlinked_files,
	"a directory whose files are all unlinked can go, though they are open",
	RULES(PSX_DELETE_0009), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	struct file *f = need_posix(a, "d/x", 0644, NULL);
	need_ok(t, posix_unlink(a, "d/x"));
	check_ok(t, posix_unlink(a, "d"), PSX_DELETE_0009);
	check(t, NULL, !posix_exists(a, "d"), PSX_DELETE_0009,
		"the directory is gone");
	check_ok(t, file_write(f, 0, "abc", 3), PSX_DELETE_0009);
}

CONF_TEST(posix, open_directory,
	"a directory that others have open is removed at once",
	RULES(PSX_DELETE_0014, PSX_DELETE_0021), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	posix_make_directory(a, "d", 0755);
	struct file *d = need_posix_directory(b, "d", 0);
	need_ok(t, posix_unlink(a, "d"));
	check(t, NULL, !posix_exists(a, "d"), PSX_DELETE_0014,
		"the directory is gone");
	check_posix(t, d, FILE_POSIX_INFORMATION_F_NUMBER_OF_LINKS, 0,
		PSX_DELETE_0021);
}

static const struct {
	const char *name;
	uint8_t info_class;
	unsigned int size;
} ex_rows[] = {
	{"disposition_ex", FileDispositionInformationEx, 4},
	{"rename_ex", FileRenameInformationEx, 24},
};

CONF_TABLE(posix, windows_classes, ex_rows,
	"the classes by which Windows asks for POSIX semantics locally are "
	"refused",
	RULES(PSX_DELETE_0008), NEEDS(POSIX_EXTENSIONS))
{
	static const uint8_t posix_semantics[24] = {3};
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0644, NULL);
	check_status(t,
		file_set(f, SMB2_0_INFO_FILE, row->info_class,
			wire_view_of(posix_semantics, row->size)),
		STATUS_INVALID_INFO_CLASS, PSX_DELETE_0008);
	need_ok(t, file_close(f));
	check_ok(t, kind_look(a, P, "x"), PSX_DELETE_0008);
}

static const struct {
	const char *name;
	uint32_t share, status;
} share_rows[] = {
	{"all", 7, STATUS_SUCCESS},
	{"delete_alone", FILE_SHARE_DELETE, STATUS_SHARING_VIOLATION},
};

CONF_TABLE(posix, unlinking_beside_data_opens, share_rows,
	"unlinking beside an open for data: share modes are as ever",
	RULES(PSX_CREATE_0024), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	make_x(a);
	need_posix_open(b, "x", FILE_READ_DATA | FILE_WRITE_DATA);
	struct reply *r = posix_create(a, "x", 0,
		&(struct create_options){
			.access = DELETE | FILE_READ_ATTRIBUTES,
			.share = SHARE_EXACT | row->share,
			.disposition = DISPOSITION(FILE_OPEN),
			.options = FILE_DELETE_ON_CLOSE |
				   FILE_OPEN_REPARSE_POINT});
	check_status(t, r, row->status, PSX_CREATE_0024);
}

CONF_TEST(posix, without_the_right, "deleting needs DELETE",
	RULES(CORE_SETINFO_0010), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	struct file *f =
		need_posix_open(a, "x", FILE_READ_DATA | FILE_WRITE_DATA);
	check_status(t, posix_mark(f, true), STATUS_ACCESS_DENIED,
		CORE_SETINFO_0010);
}

CONF_TEST(posix, unlinked_under_a_new_name,
	"what is unlinked is the file that was opened, under the name it has "
	"now",
	RULES(PSX_DELETE_0009), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	make_x(a);
	struct file *f = need_posix(a, "x", 0, NULL);
	struct file *g = need_posix(b, "x", 0, NULL);
	need_ok(t, posix_rename(g, "y", false));
	need_ok(t, file_close(g));
	posix_make_file(a, "x", 0644); /* another file */
	need_ok(t, posix_mark(f, true));
	check_ok(t, file_close(f), PSX_DELETE_0009);
	check_ok(t, kind_look(a, P, "x"), PSX_DELETE_0009);
	check(t, NULL, !posix_exists(a, "y"), PSX_DELETE_0009,
		"the file is gone");
}

CONF_TEST(posix, replaced_before_the_close,
	"a file that another has replaced is not there to unlink: CLOSE "
	"succeeds and the new one stays",
	RULES(PSX_DELETE_0023), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	struct create_options o = deleting(0);
	make_x(a);
	struct file *f = need_posix(a, "x", 0, &o);
	struct file *g = need_posix(b, "y", 0644, NULL);
	need_ok(t, posix_rename(g, "x", true));
	check_ok(t, file_close(f), PSX_DELETE_0023);
	check_ok(t, kind_look(a, P, "x"), PSX_DELETE_0023);
}

CONF_TEST(posix, rename_of_an_unlinked_file,
	"an unlinked file cannot be renamed or linked back",
	RULES(PSX_DELETE_0024), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	make_x(a);
	struct file *f = need_posix(b, "x", 0, NULL);
	need_ok(t, posix_unlink(a, "x"));
	check_status(t, posix_rename(f, "y", false),
		STATUS_OBJECT_NAME_NOT_FOUND, PSX_DELETE_0024);
	check_status(t, posix_link(f, "z", false), STATUS_OBJECT_NAME_NOT_FOUND,
		PSX_DELETE_0024);
	check(t, NULL, !posix_exists(a, "y") && !posix_exists(a, "z"),
		PSX_DELETE_0024, "no new name appeared");
}

static const struct {
	const char *name;
	bool link;
} newcomer_rows[] = {{"rename", false}, {"link", true}};

CONF_TABLE(posix, newcomer_is_not_meant, newcomer_rows,
	"renaming or linking an unlinked file does not touch the object that "
	"has its name now",
	RULES(PSX_DELETE_0022, PSX_DELETE_0024), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	make_x(a);
	struct file *f = need_posix(b, "x", 0, NULL);
	need_ok(t, posix_unlink(a, "x"));
	struct reply *new = open_new(a, "x");
	stop_ok(t, new, PSX_DELETE_0022);
	need_ok(t, file_close(file_of(new)));
	struct reply *r = row->link ? posix_link(f, "y", false)
				    : posix_rename(f, "y", false);
	check_status(t, r, STATUS_OBJECT_NAME_NOT_FOUND, PSX_DELETE_0024);
	check(t, r, posix_exists(a, "x") && !posix_exists(a, "y"),
		PSX_DELETE_0024, "the new file keeps its name");
}

CONF_TEST(posix, marked_unlinked_file,
	"an unlinked file can be marked for deletion again, without effect",
	RULES(PSX_DELETE_0022, PSX_DELETE_0023), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	make_x(a);
	struct file *f = need_posix(b, "x", 0, NULL);
	need_ok(t, posix_unlink(a, "x"));
	struct reply *new = open_new(a, "x");
	stop_ok(t, new, PSX_DELETE_0022);
	need_ok(t, file_close(file_of(new)));
	posix_mark(f, true);
	need_ok(t, file_close(f));
	check_ok(t, kind_look(a, P, "x"), PSX_DELETE_0023);
}

CONF_TEST(posix, disconnect, "a client that vanishes leaves nothing armed",
	RULES(PSX_DELETE_0009), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	make_x(a);
	struct file *f = need_posix(b, "x", 0, NULL);
	struct file *g = need_posix(a, "x", 0, NULL);
	need_ok(t, posix_mark(f, true));
	need_status(t, kind_look(a, P, "x"), STATUS_DELETE_PENDING);
	peer_disconnect(b);
	uint64_t since = test_clock();
	while (kind_look(a, P, "x")->status == STATUS_DELETE_PENDING &&
		a_moment_later(t, since)) {
	}
	check_status(t, kind_look(a, P, "x"), STATUS_OBJECT_NAME_NOT_FOUND,
		PSX_DELETE_0009);
	check_ok(t, file_read(g, 0, 1), PSX_DELETE_0009);
}

CONF_TEST(posix, root, "the root of the share is not marked for deletion",
	RULES(PSX_DELETE_0005), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_make_file(a, "x", 0644); /* the root is not empty */
	struct reply *r = posix_open(a, "/", DELETE | FILE_READ_ATTRIBUTES, 0);
	if (r->status != STATUS_SUCCESS) {
		stop_status(t, r, STATUS_ACCESS_DENIED, PSX_DELETE_0005);
		return;
	}
	struct file *root = file_of(r);
	r = posix_mark(root, true);
	check_status(t, r, STATUS_ACCESS_DENIED, PSX_DELETE_0005);
	posix_mark(root, false);
}

CONF_TEST(posix, link, "unlinking a symbolic link leaves its target",
	RULES(PSX_DELETE_0017), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	posix_symlink(a, "link", "x");
	check_ok(t, posix_unlink(a, "link"), PSX_DELETE_0017);
	check(t, NULL, !posix_exists(a, "link"), PSX_DELETE_0017,
		"the link is gone");
	check_ok(t, kind_look(a, P, "x"), PSX_DELETE_0017);
}

CONF_TEST(posix, directory_that_fills,
	"a directory that got an entry before the CLOSE which was to remove it",
	RULES(PSX_DELETE_0018, PSX_DELETE_0019), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	posix_make_directory(a, "d", 0755);
	struct file *d = need_posix(a, "d", 0,
		&(struct create_options){
			.access = DELETE | FILE_READ_ATTRIBUTES,
			.options = FILE_DIRECTORY_FILE | FILE_DELETE_ON_CLOSE});
	posix_make_file(b, "d/x", 0644);
	check_status(
		t, file_close(d), STATUS_DIRECTORY_NOT_EMPTY, PSX_DELETE_0018);
	check_refused(t, posix_query(d), PSX_DELETE_0019);
	check_ok(t, kind_look(b, P, "d/x"), PSX_DELETE_0019);
	check_ok(t, posix_unlink(a, "d/x"), PSX_DELETE_0019);
	check_ok(t, posix_unlink(a, "d"), PSX_DELETE_0019);
}

CONF_TEST(posix, last_name, "an unlinked file still tells its last name",
	RULES(PSX_DELETE_0025), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	struct file *f = need_posix(a, "x", 0, NULL);
	need_ok(t, posix_unlink(a, "x"));
	struct reply *r =
		file_query(f, SMB2_0_INFO_FILE, FileAllInformation, 1024);
	stop_ok(t, r, PSX_DELETE_0025);
	struct wire_view data = query_data(r), x = utf16(t, "x");
	check(t, r,
		data.n > 102 &&
			wire_view_equal(wire_view_sub(data, data.n - 2, 2), x),
		PSX_DELETE_0025, "FileName ends in \"x\"");
}

CONF_TEST(posix, change_an_unlinked_file,
	"size and times of an unlinked file can be set", RULES(PSX_DELETE_0026),
	NEEDS(POSIX_EXTENSIONS))
{
	static const uint8_t five[8] = {5};
	const struct file_basic_information basic = {
		.last_write_time = 132223104000000000};
	struct peer *a = posix_client(t);
	make_x(a);
	struct file *f = need_posix(a, "x", 0, NULL);
	need_ok(t, posix_unlink(a, "x"));
	check_ok(t,
		file_set(f, SMB2_0_INFO_FILE, FileEndOfFileInformation,
			wire_view_of(five, 8)),
		PSX_DELETE_0026);
	check_ok(t,
		file_set(f, SMB2_0_INFO_FILE, FileBasicInformation,
			encoded(t, &file_basic_information_type, &basic)),
		PSX_DELETE_0026);
	struct reply *r = posix_query(f);
	check_part(t, r, query_data(r), &file_posix_information_type,
		FILE_POSIX_INFORMATION_F_END_OF_FILE, 5, PSX_DELETE_0026);
	check_part(t, r, query_data(r), &file_posix_information_type,
		FILE_POSIX_INFORMATION_F_LAST_WRITE_TIME, 132223104000000000,
		PSX_DELETE_0026);
}

/* The users of a server may all be one user of its file system. */
static void need_other_owner(struct peer *b, const struct file *d)
{
	struct file *f = need_posix(b, "d/probe", 0644, NULL);
	struct wire_view mine = posix_answer(f->create).owner_sid;

	need_capability(b->t, f->create,
		!wire_view_equal(mine, posix_answer(d->create).owner_sid),
		"users that own files of their own");
}

/* What a user who owns nothing here tries. */
enum attempt { UNLINK, RENAME, REPLACE };

static const struct {
	const char *name;
	enum attempt attempt;
} sticky_rows[] = {
	{"unlink", UNLINK}, {"rename", RENAME}, {"replace", REPLACE}};

CONF_TABLE(posix, sticky_directory, sticky_rows,
	"in a sticky directory nobody touches the names of another user",
	RULES(PSX_DELETE_0027), NEEDS(POSIX_EXTENSIONS, SECOND_USER))
{
	struct peer *a = posix_client(t);
	struct peer *b = posix_client_with(
		t, &(struct client_options){.second_user = true});
	struct file *d = need_posix_directory(a, "d", 01777);
	need_capability(t, d->create, posix_mode(d) == 01777, "mode 01777");
	need_ok(t, file_close(d));
	posix_make_file(a, "d/x", 0666);
	need_other_owner(b, d);
	uint64_t inode =
		posix_info(need_posix_open(a, "d/x", FILE_READ_ATTRIBUTES))
			.inode;
	struct reply *r;
	if (row->attempt == UNLINK) {
		r = posix_unlink(b, "d/x");
	} else {
		bool over = row->attempt == REPLACE;
		if (over) {
			posix_make_file(b, "d/own", 0666);
		}
		r = posix_open(b, over ? "d/own" : "d/x",
			DELETE | FILE_READ_ATTRIBUTES, 0);
		r = r->status != STATUS_SUCCESS
			    ? r
			    : posix_rename(
				      file_of(r), over ? "d/x" : "d/y", over);
	}
	check_refused(t, r, PSX_DELETE_0027);
	r = posix_open(a, "d/x", FILE_READ_ATTRIBUTES, 0);
	check(t, r,
		r->status == STATUS_SUCCESS &&
			posix_info(file_of(r)).inode == inode,
		PSX_DELETE_0027, "the name leads to the same file");
}

/* SPDX-License-Identifier: MIT */
/*
 * Rules PSX-INFO: class 0x64 of files and of listings. POSIX-FSCC 2.2.1
 */
#include <string.h>

#include "posix/posix.h"

#define FIXED 80u       /* bytes in front of the SIDs */
#define ENTRY_FIXED 88u /* the same of an entry of a listing */
#define ROOM 65536u

/* Bytes of a SID; 0 if it is none. */
static size_t sid_size(struct wire_view sid)
{
	return sid.n >= 8 && sid.p[0] == 1 && sid.p[1] <= 15 ? 8 + 4u * sid.p[1]
							     : 0;
}

/* --- QUERY_INFO -------------------------------------------------------- */

CONF_TEST(posix, layout, "class 0x64: 80 bytes and two SIDs, no name",
	RULES(PSX_INFO_0007, PSX_INFO_0012, PSX_INFO_0013, PSX_INFO_0014,
		PSX_INFO_0015),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0640, NULL);

	need_ok(t, file_write(f, 0, "four", 4));
	struct reply *r = posix_query(f);
	stop_ok(t, r, PSX_INFO_0007);
	struct wire_view data = query_data(r);
	struct file_posix_information i;
	stop(t, r, file_posix_information_decode(data, &i) == 0, PSX_INFO_0007,
		"information of class 0x64");
	check(t, r, sid_size(i.owner_sid) != 0 && sid_size(i.group_sid) != 0,
		PSX_INFO_0007, "two SIDs of at most 15 sub-authorities");
	check_number(t, r, data.n,
		FIXED + sid_size(i.owner_sid) + sid_size(i.group_sid),
		"bytes of the information", PSX_INFO_0007);
	check_number(t, r, i.end_of_file, 4, "EndOfFile", PSX_INFO_0013);
	check_number(t, r, i.posix_mode, 0640, "POSIXMode", PSX_INFO_0015);
	check_number(
		t, r, i.number_of_links, 1, "NumberOfLinks", PSX_INFO_0014);
	check_number(t, r, i.reparse_tag, 0, "ReparseTag", PSX_INFO_0007);
	check_number(t, r, i.reserved, 0, "Reserved", PSX_INFO_0012);
}

CONF_TEST(posix, equals_the_other_classes,
	"class 0x64 says of times, sizes, attributes what the others say",
	RULES(PSX_INFO_0007, PSX_INFO_0013), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0640, NULL);

	need_ok(t, file_write(f, 0, "four", 4));
	struct file_basic_information basic = file_basic(f);
	struct file_posix_information i = posix_info(f);
	check_number(t, NULL, i.creation_time, basic.creation_time,
		"CreationTime", PSX_INFO_0007);
	check_number(t, NULL, i.last_access_time, basic.last_access_time,
		"LastAccessTime", PSX_INFO_0007);
	check_number(t, NULL, i.last_write_time, basic.last_write_time,
		"LastWriteTime", PSX_INFO_0007);
	check_number(t, NULL, i.change_time, basic.change_time, "ChangeTime",
		PSX_INFO_0007);
	check_number(t, NULL, i.file_attributes, basic.file_attributes,
		"FileAttributes", PSX_INFO_0007);
	uint64_t size = file_size(f);
	check_number(t, NULL, i.end_of_file, size, "EndOfFile", PSX_INFO_0013);
}

static const struct {
	const char *name;
	uint32_t options, mode, type;
} type_rows[] = {{"file", FILE_NON_DIRECTORY_FILE, 0604, POSIX_TYPE_FILE},
	{"directory", FILE_DIRECTORY_FILE, 0705, POSIX_TYPE_DIR}};

CONF_TABLE(posix, type, type_rows, "POSIXMode has the type in bits 12 to 14",
	RULES(PSX_INFO_0015, PSX_INFO_0022), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", row->mode,
		&(struct create_options){.options = row->options});
	struct file_posix_information i = posix_info(f);

	check_number(t, NULL, i.posix_mode, row->type | row->mode, "POSIXMode",
		PSX_INFO_0015);
	check_number(t, NULL,
		(i.file_attributes & FILE_ATTRIBUTE_DIRECTORY) != 0,
		row->type == POSIX_TYPE_DIR, "FILE_ATTRIBUTE_DIRECTORY",
		PSX_INFO_0022);
}

static const struct {
	const char *name;
	const char *path;
	uint32_t mode, attribute;
	enum rule_id rule;
} attribute_rows[] = {{"no_write_bit", "x", 0440, FILE_ATTRIBUTE_READONLY,
			      RULE_PSX_INFO_0020},
	{"no_bit", "x", 0, FILE_ATTRIBUTE_READONLY, RULE_PSX_INFO_0020},
	{"dot_file", ".x", 0640, FILE_ATTRIBUTE_HIDDEN, RULE_PSX_INFO_0021}};

CONF_TABLE(posix, attributes, attribute_rows,
	"modes and names make no attributes",
	RULES(PSX_INFO_0020, PSX_INFO_0021), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, row->path, row->mode, NULL);
	struct file *top = need_posix_open(a, "", FILE_LIST_DIRECTORY);
	uint32_t seen = posix_info(f).file_attributes;

	rule_number(t, NULL, seen & row->attribute, 0,
		"the attribute in FileAttributes", row->rule);
	seen = posix_find(top, row->path).file_attributes;
	rule_number(t, NULL, seen & row->attribute, 0,
		"the attribute in a listing", row->rule);
}

CONF_TEST(posix, query_by_an_ordinary_open,
	"class 0x64 is for POSIX opens: QUERY_INFO", RULES(PSX_INFO_0003),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = posix_query(f);

	check_status(t, r, STATUS_INVALID_INFO_CLASS, PSX_INFO_0003);
}

CONF_TEST(posix, listing_by_an_ordinary_open,
	"class 0x64 is for POSIX opens: QUERY_DIRECTORY", RULES(PSX_INFO_0004),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *d = need_directory(a, "");

	check_status(t, posix_list(d, 0, "*"), STATUS_INVALID_INFO_CLASS,
		PSX_INFO_0004);
}

CONF_TEST(posix, without_negotiation,
	"class 0x64 is unknown on a connection without the extensions",
	RULES(PSX_INFO_0003), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);

	check_status(
		t, posix_query(f), STATUS_INVALID_INFO_CLASS, PSX_INFO_0003);
}

CONF_TEST(posix, set, "class 0x64 cannot be set", RULES(PSX_INFO_0006),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0640, NULL);
	struct reply *r = posix_query(f);

	need_ok(t, r);
	struct wire_view data = query_data(r);
	check_status(t,
		file_set(f, SMB2_0_INFO_FILE, FilePosixInformation,
			bytes_of(t, data.p, data.n)),
		STATUS_INVALID_INFO_CLASS, PSX_INFO_0006);
}

enum room { EXACT = -2, ONE_SHORT = -1 };

static const struct {
	const char *name;
	int size; /* or enum room */
	uint32_t status;
	enum rule_id rule;
} room_rows[] = {{"none", 0, STATUS_INFO_LENGTH_MISMATCH, RULE_PSX_INFO_0008},
	{"1_byte", 1, STATUS_INFO_LENGTH_MISMATCH, RULE_PSX_INFO_0008},
	{"79_bytes", 79, STATUS_INFO_LENGTH_MISMATCH, RULE_PSX_INFO_0008},
	{"80_bytes", 80, STATUS_BUFFER_OVERFLOW, RULE_PSX_INFO_0009},
	{"one_byte_short", ONE_SHORT, STATUS_BUFFER_OVERFLOW,
		RULE_PSX_INFO_0009},
	{"exactly", EXACT, STATUS_SUCCESS, RULE_PSX_INFO_0007}};

CONF_TABLE(posix, room, room_rows, "an output buffer that is too small",
	RULES(PSX_INFO_0007, PSX_INFO_0008, PSX_INFO_0009),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0640, NULL);
	struct reply *whole = posix_query(f);

	need_ok(t, whole);
	uint32_t n = (uint32_t)query_data(whole).n;
	uint32_t room = row->size == EXACT       ? n
			: row->size == ONE_SHORT ? n - 1
						 : (uint32_t)row->size;
	struct reply *r =
		file_query(f, SMB2_0_INFO_FILE, FilePosixInformation, room);
	rule_status(t, r, row->status, row->rule);
	if (row->status != STATUS_INFO_LENGTH_MISMATCH) {
		struct wire_view front = query_data(whole);

		front.n = room;
		rule_bytes(t, r, query_data(r), front,
			"as much as there is room for", row->rule);
	}
}

CONF_TEST(posix, without_read_attributes, "class 0x64 needs no access right",
	RULES(PSX_INFO_0005), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_make_file(a, "x", 0640);
	struct file *f = need_posix_open(a, "x", FILE_WRITE_DATA);
	check_ok(t, posix_query(f), PSX_INFO_0005);
}

CONF_TEST(posix, inode, "Inode is the number that other classes tell",
	RULES(PSX_INFO_0016, PSX_INFO_0023), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0640, NULL);
	struct file *top = need_posix_open(a, "", FILE_LIST_DIRECTORY);
	uint64_t inode = posix_info(f).inode;
	struct reply *r =
		file_query(f, SMB2_0_INFO_FILE, FileInternalInformation, 8);

	need_ok(t, r);
	need(t, query_data(r).n == 8, "FileInternalInformation");
	check_number(t, r, inode, wire_get64(query_data(r).p), "Inode",
		PSX_INFO_0016);
	uint64_t listed = posix_find(top, "x").inode;
	check_number(
		t, NULL, listed, inode, "Inode in the listing", PSX_INFO_0023);
}

CONF_TEST(posix, identity, "Inode and Device are one file's, and no other's",
	RULES(PSX_INFO_0014, PSX_INFO_0017, PSX_INFO_0018),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0640, NULL);
	struct file_posix_information first = posix_info(f);
	struct reply *link = posix_link(f, "y", false);

	need_capability(t, link, link->status == STATUS_SUCCESS, "hard links");
	struct file_posix_information second =
		posix_info(need_posix_open(a, "y", FILE_READ_ATTRIBUTES));
	check_number(t, NULL, second.inode, first.inode,
		"Inode by another name", PSX_INFO_0017);
	check_number(t, NULL, second.device, first.device,
		"Device by another name", PSX_INFO_0017);
	check_number(t, NULL, second.number_of_links, 2, "NumberOfLinks",
		PSX_INFO_0014);
	struct file_posix_information other =
		posix_info(need_posix(a, "z", 0640, NULL));
	check(t, NULL,
		other.inode != first.inode || other.device != first.device,
		PSX_INFO_0018, "another file has other numbers");
}

CONF_TEST(posix, device_of_a_device,
	"Device of a device file is that of the file system",
	RULES(PSX_INFO_0019), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0640, NULL);
	struct file *d = posix_reparse(a, "null", 0640,
		nfs_device_buffer(t, NFS_SPECFILE_CHR, 1, 3), NULL);
	uint32_t plain = posix_info(f).device;
	uint32_t device = posix_info(d).device;

	check_number(t, NULL, device, plain, "Device of a character device",
		PSX_INFO_0019);
}

CONF_TEST(posix, unlinked, "an unlinked file that is open has no links",
	RULES(PSX_INFO_0014), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0640, NULL);
	struct reply *gone = posix_unlink(a, "x");

	need_ok(t, gone);
	struct reply *r = posix_query(f);
	stop_ok(t, r, PSX_INFO_0014);
	uint32_t links = posix_links(f);
	check_number(t, r, links, 0, "NumberOfLinks", PSX_INFO_0014);
}

CONF_TEST(posix, sparse_file, "EndOfFile counts holes", RULES(PSX_INFO_0013),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0640, NULL);
	uint8_t block[4096] = {1};

	need_ok(t, file_write(f, 1u << 20, block, sizeof(block)));
	need_ok(t, file_flush(f));
	struct file_posix_information i = posix_info(f);
	check_number(t, NULL, i.end_of_file, (1u << 20) + sizeof(block),
		"EndOfFile", PSX_INFO_0013);
}

/* --- QUERY_DIRECTORY --------------------------------------------------- */

CONF_TEST(posix, entry_layout,
	"an entry: 88 bytes, two SIDs, length of the name, name",
	RULES(PSX_INFO_0010, PSX_INFO_0011, PSX_INFO_0012, PSX_INFO_0015),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *top = need_posix_open(a, "", FILE_LIST_DIRECTORY);

	posix_make_file(a, "a.txt", 0640);
	struct reply *r = posix_list(top, SMB2_RESTART_SCANS, "a.txt");
	stop_ok(t, r, PSX_INFO_0010);
	struct wire_view data = dir_data(r);
	struct file_posix_directory_information e;
	stop(t, r, posix_entry(t, r, "a.txt", &e), PSX_INFO_0010,
		"an entry with that name");
	size_t sids = sid_size(e.owner_sid) + sid_size(e.group_sid);
	check_number(t, r, e.next_entry_offset, 0,
		"NextEntryOffset of the only entry", PSX_INFO_0011);
	check_number(
		t, r, e.file_name_length, 10, "FileNameLength", PSX_INFO_0010);
	check_number(t, r, data.n, ENTRY_FIXED + sids + 4 + 10,
		"bytes of the entry", PSX_INFO_0010);
	check_number(t, r, e.posix_mode, 0640, "POSIXMode", PSX_INFO_0015);
	check_number(t, r, e.reserved, 0, "Reserved", PSX_INFO_0012);
}

CONF_TEST(posix, entries_are_aligned, "entries begin on multiples of 8 bytes",
	RULES(PSX_INFO_0011, PSX_INFO_0024), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	static const char *const names[] = {
		"a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg"};

	for (unsigned int i = 0; i < 7; i++) {
		posix_make_file(a, names[i], 0640);
	}
	struct file *top = need_posix_open(a, "", FILE_LIST_DIRECTORY);
	struct reply *r = posix_list(top, SMB2_RESTART_SCANS, "*");
	stop_ok(t, r, PSX_INFO_0011);
	struct file_posix_directory_information e;
	struct wire_list list = wire_list_of(
		&file_posix_directory_information_type, dir_data(r));
	unsigned int n = 0;
	while (wire_list_next(&list, &e, NULL) == 1) {
		check_number(t, r, e.next_entry_offset % 8, 0,
			"NextEntryOffset modulo 8", PSX_INFO_0011);
		n++;
	}
	check_number(t, r, n, 9, "entries (7 files, \".\" and \"..\")",
		PSX_INFO_0024);
}

CONF_TEST(posix, entry_equals_query,
	"a listing says of a file what a query says",
	RULES(PSX_INFO_0023, PSX_SECURITY_0016), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 04711, NULL);
	struct file *top = need_posix_open(a, "", FILE_LIST_DIRECTORY);
	struct file_posix_directory_information e = posix_find(top, "x");
	struct file_posix_information i = posix_info(f);

	check_number(t, NULL, e.posix_mode, i.posix_mode, "POSIXMode",
		PSX_INFO_0023);
	check_number(t, NULL, e.number_of_links, i.number_of_links,
		"NumberOfLinks", PSX_INFO_0023);
	check_number(t, NULL, e.creation_time, i.creation_time, "CreationTime",
		PSX_INFO_0023);
	check_number(t, NULL, e.last_write_time, i.last_write_time,
		"LastWriteTime", PSX_INFO_0023);
	check_number(t, NULL, e.end_of_file, i.end_of_file, "EndOfFile",
		PSX_INFO_0023);
	check_number(t, NULL, e.file_attributes, i.file_attributes,
		"FileAttributes", PSX_INFO_0023);
	check_bytes(t, NULL, e.owner_sid, i.owner_sid, "OwnerSID",
		PSX_SECURITY_0016);
	check_bytes(t, NULL, e.group_sid, i.group_sid, "GroupSID",
		PSX_SECURITY_0016);
}

CONF_TEST(posix, single_entries, "SMB2_RETURN_SINGLE_ENTRY returns one each",
	RULES(PSX_INFO_0024), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_make_file(a, "a", 0640);
	posix_make_file(a, "b", 0640);
	struct file *top = need_posix_open(a, "", FILE_LIST_DIRECTORY);
	for (unsigned int i = 0; i < 4; i++) {
		struct reply *r =
			posix_list(top, SMB2_RETURN_SINGLE_ENTRY, "*");
		stop_ok(t, r, PSX_INFO_0024);
		unsigned int n = posix_count(r);
		check_number(t, r, n, 1, "entries", PSX_INFO_0024);
	}
	check_status(t, posix_list(top, SMB2_RETURN_SINGLE_ENTRY, "*"),
		STATUS_NO_MORE_FILES, PSX_INFO_0024);
}

static const struct {
	const char *name;
	uint8_t flag;
} again_rows[] = {{"restart", SMB2_RESTART_SCANS}, {"reopen", SMB2_REOPEN}};

CONF_TABLE(posix, again, again_rows, "a listing begins again",
	RULES(PSX_INFO_0024), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_make_file(a, "a", 0640);
	struct file *top = need_posix_open(a, "", FILE_LIST_DIRECTORY);
	need_ok(t, posix_list(top, 0, "*"));
	need_status(t, posix_list(top, 0, "*"), STATUS_NO_MORE_FILES);
	posix_make_file(a, "b", 0640);
	struct reply *r = posix_list(top, row->flag, "*");
	stop_ok(t, r, PSX_INFO_0024);
	unsigned int n = posix_count(r);
	check_number(t, r, n, 4, "entries (2 files, \".\" and \"..\")",
		PSX_INFO_0024);
}

CONF_TEST(posix, many_entries, "300 entries come over several responses",
	RULES(PSX_INFO_0024), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *d = need_posix_directory(a, "d", 0755);
	unsigned int n = 0;

	for (unsigned int i = 0; i < 300; i++) {
		posix_make_file(a, test_text(t, "d/entry-%03u", i), 0640);
	}
	for (;;) {
		struct reply *r =
			dir_query(d, FilePosixInformation, 0, "*", 8192);
		if (r->status == STATUS_NO_MORE_FILES) {
			break;
		}
		stop_ok(t, r, PSX_INFO_0024);
		n += posix_count(r);
	}
	check_number(t, NULL, n, 302, "entries", PSX_INFO_0024);
}

/* --- "." and ".." ------------------------------------------------------ */

CONF_TEST(posix, dots, "\".\" is the directory, \"..\" the one above",
	RULES(PSX_INFO_0023, PSX_INFO_0024, PSX_INFO_0026),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *d = need_posix_directory(a, "d", 0755);
	struct file *top = need_posix_open(a, "", FILE_READ_ATTRIBUTES);
	uint64_t here = posix_info(d).inode, above = posix_info(top).inode;
	stop(t, NULL, posix_has(d, ".") && posix_has(d, ".."), PSX_INFO_0024,
		"both are listed");
	uint64_t dot = posix_find(d, ".").inode;
	uint64_t dotdot = posix_find(d, "..").inode;

	check_number(t, NULL, dot, here, "Inode of \".\"", PSX_INFO_0023);
	check_number(t, NULL, dotdot, above, "Inode of \"..\"", PSX_INFO_0026);
}

CONF_TEST(posix, above_the_share, "the root's \"..\" shows nothing",
	RULES(PSX_INFO_0025), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	static const uint8_t null_sid[] = {1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	struct file *root = need_posix_open(a, "/", FILE_LIST_DIRECTORY);
	struct file_posix_directory_information e = posix_find(root, "..");

	check_number(t, NULL, e.inode, 0, "Inode", PSX_INFO_0025);
	check_number(t, NULL, e.device, 0, "Device", PSX_INFO_0025);
	check_bytes(t, NULL, e.owner_sid,
		wire_view_of(null_sid, sizeof(null_sid)), "OwnerSID",
		PSX_INFO_0025);
	check_bytes(t, NULL, e.group_sid,
		wire_view_of(null_sid, sizeof(null_sid)), "GroupSID",
		PSX_INFO_0025);
}

/* --- patterns ---------------------------------------------------------- */

static const struct {
	const char *name;
	const char *pattern;
	unsigned int entries; /* of a, A, ab, b*, b\, c.d, and "." and ".." */
	enum rule_id rule;
} pattern_rows[] = {{"all", "*", 8, RULE_PSX_INFO_0024},
	{"one_name", "a", 1, RULE_PSX_INFO_0028},
	{"other_case", "A", 1, RULE_PSX_INFO_0028},
	{"other_case_with_star", "A*", 1, RULE_PSX_INFO_0028},
	{"first_letter", "a*", 2, RULE_PSX_INFO_0029},
	{"question_mark", "a?", 1, RULE_PSX_INFO_0029},
	{"star_is_no_letter", "b*", 2, RULE_PSX_INFO_0029},
	{"dotted", "*.d", 1, RULE_PSX_INFO_0029},
	{"backslash", "b\\", 1, RULE_PSX_INFO_0030},
	{"backslash_and_star", "*\\", 1, RULE_PSX_INFO_0030}};

CONF_TABLE(posix, pattern, pattern_rows,
	"patterns keep their meaning, and their case",
	RULES(PSX_INFO_0024, PSX_INFO_0028, PSX_INFO_0029, PSX_INFO_0030),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	static const char *const names[] = {"a", "A", "ab", "b*", "b\\", "c.d"};

	for (unsigned int i = 0; i < 6; i++) {
		posix_make_file(a, names[i], 0640);
	}
	struct file *top = need_posix_open(a, "", FILE_LIST_DIRECTORY);
	struct reply *r = posix_list(top, SMB2_RESTART_SCANS, row->pattern);
	need_ok(t, posix_unlink(a, "b*")); /* the runner may not know it */
	rule_status(t, r, STATUS_SUCCESS, row->rule);
	unsigned int n = posix_count(r);
	rule_number(t, r, n, row->entries, "entries", row->rule);
}

static const struct {
	const char *name;
	const char *pattern;
} slash_rows[] = {{"inside", "a/b"}, {"alone", "/"}, {"last", "d/"}};

CONF_TABLE(posix, slash_in_a_pattern, slash_rows,
	"a pattern with a slash is refused", RULES(PSX_INFO_0031),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *top = need_posix_open(a, "", FILE_LIST_DIRECTORY);
	struct reply *r = posix_list(top, SMB2_RESTART_SCANS, row->pattern);

	check_status(t, r, STATUS_OBJECT_NAME_INVALID, PSX_INFO_0031);
}

/* --- what is listed ---------------------------------------------------- */

CONF_TEST(posix, links_in_a_listing,
	"symbolic links are listed, also where they lead nowhere",
	RULES(PSX_INFO_0015, PSX_INFO_0023, PSX_INFO_0027),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_symlink(a, "dangling", "nowhere");
	struct file *top = need_posix_open(a, "", FILE_LIST_DIRECTORY);
	stop(t, NULL, posix_has(top, "dangling"), PSX_INFO_0027,
		"the link is listed");
	struct file_posix_directory_information e = posix_find(top, "dangling");
	check_number(t, NULL, e.posix_mode & MODE_TYPE, POSIX_TYPE_SYMLINK,
		"type in POSIXMode", PSX_INFO_0015);
	check_number(t, NULL, e.reparse_tag, IO_REPARSE_TAG_SYMLINK,
		"ReparseTag", PSX_INFO_0023);
}

static const struct {
	const char *name;
	uint64_t nfs;
	uint32_t type;
} special_rows[] = {{"fifo", NFS_SPECFILE_FIFO, POSIX_TYPE_FIFO},
	{"socket", NFS_SPECFILE_SOCK, POSIX_TYPE_SOCKET},
	{"character_device", NFS_SPECFILE_CHR, POSIX_TYPE_CHARDEV},
	{"block_device", NFS_SPECFILE_BLK, POSIX_TYPE_BLKDEV}};

CONF_TABLE(posix, special_file, special_rows,
	"special files are listed, with their type",
	RULES(PSX_INFO_0015, PSX_INFO_0023, PSX_INFO_0027),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	const struct wire_view none = {NULL, 0};
	bool device =
		row->nfs == NFS_SPECFILE_CHR || row->nfs == NFS_SPECFILE_BLK;
	struct file *f = posix_reparse(a, "x", 0640,
		device ? nfs_device_buffer(t, row->nfs, 1, 3)
		       : nfs_buffer(t, row->nfs, none),
		NULL);
	struct file *top = need_posix_open(a, "", FILE_LIST_DIRECTORY);

	stop(t, NULL, posix_has(top, "x"), PSX_INFO_0027, "it is listed");
	struct file_posix_directory_information e = posix_find(top, "x");
	check_number(t, NULL, e.posix_mode, row->type | 0640,
		"POSIXMode in the listing", PSX_INFO_0015);
	uint32_t seen = posix_info(f).posix_mode;
	check_number(t, NULL, e.posix_mode, seen,
		"POSIXMode in the listing as of the query", PSX_INFO_0023);
}

/* --- other classes of listing ------------------------------------------ */

static const struct {
	const char *name;
	uint8_t info_class;
	const struct wire_type *type;
	size_t name_at, short_at; /* FileNameLength, ShortNameLength or 0 */
} class_rows[] = {
	{"FileDirectoryInformation", FileDirectoryInformation,
		&file_directory_information_type, 60, 0},
	{"FileFullDirectoryInformation", FileFullDirectoryInformation,
		&file_full_directory_information_type, 60, 0},
	{"FileBothDirectoryInformation", FileBothDirectoryInformation,
		&file_both_directory_information_type, 60, 68},
	{"FileIdBothDirectoryInformation", FileIdBothDirectoryInformation,
		&file_id_both_directory_information_type, 60, 68},
	{"FileNamesInformation", FileNamesInformation,
		&file_names_information_type, 8, 0},
};

CONF_TABLE(posix, other_class, class_rows,
	"other classes of listing tell the names of POSIX files as they are",
	RULES(PSX_INFO_0032, PSX_INFO_0033), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	const char *name = "a:b*c. ";

	posix_make_file(a, name, 0640);
	struct file *top = need_posix_open(a, "", FILE_LIST_DIRECTORY);
	struct reply *r = dir_query(top, row->info_class, 0, "a*", ROOM);
	need_ok(t, posix_unlink(a, name)); /* the runner may not know it */
	stop_ok(t, r, PSX_INFO_0033);
	struct wire_view data = dir_data(r), want = utf16(t, name);
	stop(t, r, data.n >= row->name_at + 4 + want.n, PSX_INFO_0033,
		"an entry");
	check_number(t, r, wire_get32(data.p + row->name_at), want.n,
		"FileNameLength", PSX_INFO_0032);
	check_bytes(t, r, wire_view_sub(data, data.n - want.n, want.n), want,
		"FileName", PSX_INFO_0032);
	if (row->short_at != 0) {
		check_number(t, r, data.p[row->short_at], 0, "ShortNameLength",
			PSX_INFO_0032);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Named pipes, sockets, devices and reparse points of other tags. Rules
 * PSX-LINK, [MS-FSCC] 2.1.2.6, [MS-FSA] 2.1.5.10.
 */
#include <stdio.h>
#include <string.h>

#include "posix/kinds.h"

static const struct wire_view none;

/* What can be made of an empty file. */
enum special { PIPE, SOCK, CHARACTER, BLOCK, NFS_LINK, LINK, OTHER };

static struct wire_view buffer_of(struct test *t, enum special what)
{
	switch (what) {
	case PIPE:
		return nfs_buffer(t, NFS_SPECFILE_FIFO, none);
	case SOCK:
		return nfs_buffer(t, NFS_SPECFILE_SOCK, none);
	case CHARACTER:
		return nfs_device_buffer(t, NFS_SPECFILE_CHR, 1, 3);
	case BLOCK:
		return nfs_device_buffer(t, NFS_SPECFILE_BLK, 7, 0x12345);
	case NFS_LINK:
		return nfs_buffer(t, NFS_SPECFILE_LNK, utf16(t, "../x"));
	case LINK:
		return symlink_buffer(t, "../x", SYMLINK_FLAG_RELATIVE);
	default:
		return reparse_buffer(
			t, IO_REPARSE_TAG_APPEXECLINK, text_bytes("something"));
	}
}

static const struct special_row {
	const char *name;
	enum special what;
	uint32_t type, tag;
	enum rule_id rule;
} special_rows[] = {
	{"pipe", PIPE, POSIX_TYPE_FIFO, IO_REPARSE_TAG_NFS, RULE_PSX_LINK_0025},
	{"socket", SOCK, POSIX_TYPE_SOCKET, IO_REPARSE_TAG_NFS,
		RULE_PSX_LINK_0025},
	{"character_device", CHARACTER, POSIX_TYPE_CHARDEV, IO_REPARSE_TAG_NFS,
		RULE_PSX_LINK_0025},
	{"block_device", BLOCK, POSIX_TYPE_BLKDEV, IO_REPARSE_TAG_NFS,
		RULE_PSX_LINK_0025},
	{"link", LINK, POSIX_TYPE_SYMLINK, IO_REPARSE_TAG_SYMLINK,
		RULE_PSX_LINK_0024},
	{"nfs_link", NFS_LINK, POSIX_TYPE_SYMLINK, 0, RULE_PSX_LINK_0026},
	{"other_tag", OTHER, POSIX_TYPE_FILE, IO_REPARSE_TAG_APPEXECLINK,
		RULE_PSX_LINK_0027},
};

/* Made and closed, with that mode. */
static void make(
	struct peer *a, const char *path, uint32_t mode, enum special what)
{
	struct file *f =
		posix_reparse(a, path, mode, buffer_of(a->t, what), NULL);

	need_ok(a->t, file_close(f));
}

static struct reply *open_itself(
	struct peer *a, const char *path, uint32_t access)
{
	return posix_open(a, path, access, FILE_OPEN_REPARSE_POINT);
}

static const struct {
	const char *name;
	enum special what;
	enum rule_id rule;
} made_rows[] = {
	{"link", LINK, RULE_PSX_LINK_0032},
	{"pipe", PIPE, RULE_PSX_LINK_0033},
	{"socket", SOCK, RULE_PSX_LINK_0033},
	{"character_device", CHARACTER, RULE_PSX_LINK_0034},
	{"block_device", BLOCK, RULE_PSX_LINK_0034},
};

CONF_TABLE(posix, made, made_rows,
	"FSCTL_SET_REPARSE_POINT makes links, pipes, sockets and devices",
	RULES(PSX_LINK_0032, PSX_LINK_0033, PSX_LINK_0034),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct wire_view buffer = buffer_of(t, row->what);
	struct reply *r;
	struct file *f = posix_reparse(a, "made", 0640, buffer, &r);
	CONF_STOP(t, rule_status(t, r, STATUS_SUCCESS, row->rule));
	need_ok(t, file_close(f));
	r = open_itself(a, "made", FILE_READ_ATTRIBUTES);
	need_ok(t, r);
	r = reparse_get(file_of(r));
	rule_status(t, r, STATUS_SUCCESS, row->rule);
	struct wire_view data = fsctl_data(r);
	check_rule(t, r,
		data.n >= 4 && wire_get32(data.p) == wire_get32(buffer.p),
		row->rule, "FSCTL_GET_REPARSE_POINT returns the tag");
	if (row->what != LINK) { /* links are in link.c */
		rule_bytes(t, r, data, buffer, "reparse data", row->rule);
	}
}

CONF_TABLE(posix, type, special_rows,
	"the type and the tag in the CREATE response, in a query and in a "
	"listing",
	RULES(PSX_LINK_0020, PSX_LINK_0024, PSX_LINK_0025, PSX_LINK_0026,
		PSX_LINK_0027, PSX_LINK_0028, PSX_LINK_0029),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make(a, "special", 0640, row->what);
	struct file *top = need_posix_open(a, "", FILE_LIST_DIRECTORY);
	struct reply *r = open_itself(a, "special", FILE_READ_ATTRIBUTES);
	stop_ok(t, r, PSX_LINK_0020);
	struct smb2_create_posix_response c = posix_answer(r);
	struct file *f = file_of(r);
	CONF_STOP(t, rule_status(t, posix_query(f), STATUS_SUCCESS, row->rule));
	struct file_posix_information q = posix_info(f);
	rule_number(t, r, q.posix_mode & MODE_TYPE, row->type,
		"type in POSIXMode of the query", row->rule);
	check_number(t, r, c.posix_mode & MODE_TYPE, row->type,
		"type in POSIXMode of the context", PSX_LINK_0028);
	check_number(t, r, q.reparse_tag, c.reparse_tag,
		"ReparseTag of the query, as of the context", PSX_LINK_0028);
	if (row->tag != 0) {
		rule_number(
			t, r, q.reparse_tag, row->tag, "ReparseTag", row->rule);
	}
	check_flags(t, r, SMB2_CREATE_RESPONSE_F_FILE_ATTRIBUTES,
		FILE_ATTRIBUTE_REPARSE_POINT, 0, PSX_LINK_0029);
	struct file_posix_directory_information e = posix_find(top, "special");
	check_number(t, NULL, e.posix_mode & MODE_TYPE, row->type,
		"type in POSIXMode of the listing", PSX_LINK_0028);
	check_number(t, NULL, e.reparse_tag, c.reparse_tag,
		"ReparseTag of the listing, as of the context", PSX_LINK_0028);
	check(t, NULL, (e.file_attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0,
		PSX_LINK_0029, "FileAttributes of the listing say it too");
}

static const struct {
	const char *name;
	enum special what;
} not_handled_rows[] = {{"pipe", PIPE}, {"socket", SOCK},
	{"character_device", CHARACTER}, {"block_device", BLOCK},
	{"other_tag", OTHER}};

CONF_TABLE(posix, not_handled, not_handled_rows,
	"what is no link is not opened without FILE_OPEN_REPARSE_POINT",
	RULES(PSX_LINK_0019), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make(a, "special", 0666, row->what);
	check_status(t, posix_open(a, "special", FILE_READ_DATA, 0),
		STATUS_IO_REPARSE_TAG_NOT_HANDLED, PSX_LINK_0019);
	check_status(t, posix_open(a, "special", FILE_READ_ATTRIBUTES, 0),
		STATUS_IO_REPARSE_TAG_NOT_HANDLED, PSX_LINK_0019);
}

CONF_TEST(posix, nfs_link_stops,
	"a link of the NFS tag stops a CREATE, on the way and at the end",
	RULES(PSX_LINK_0026), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make(a, "link", 0777, NFS_LINK);
	check_status(t, posix_open(a, "link", FILE_READ_DATA, 0),
		STATUS_STOPPED_ON_SYMLINK, PSX_LINK_0026);
	check_status(t, posix_open(a, "link/x", FILE_READ_DATA, 0),
		STATUS_STOPPED_ON_SYMLINK, PSX_LINK_0026);
}

static const struct {
	const char *name;
	enum special what;
	bool write;
} data_rows[] = {
	{"read_pipe", PIPE, false},
	{"write_pipe", PIPE, true},
	{"read_socket", SOCK, false},
	{"write_socket", SOCK, true},
	{"read_device", CHARACTER, false},
	{"write_device", CHARACTER, true},
};

CONF_TABLE(posix, data, data_rows,
	"the server neither reads nor writes pipes, sockets and devices",
	RULES(PSX_LINK_0022, PSX_LINK_0023), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make(a, "special", 0666, row->what);
	check_no_data(a, "special", row->write);
}

static const struct {
	const char *name;
	uint64_t type;
	uint32_t major, minor;
} device_rows[] = {
	{"null", NFS_SPECFILE_CHR, 1, 3},
	{"large_numbers", NFS_SPECFILE_CHR, 0xfff, 0xfffff},
	{"block", NFS_SPECFILE_BLK, 8, 16},
	{"minor_of_many_bits", NFS_SPECFILE_BLK, 5, 0x10203},
};

CONF_TABLE(posix, device_numbers, device_rows,
	"the numbers with which a device was made come back",
	RULES(PSX_LINK_0035, PSX_INFO_0019), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_make_file(a, "x", 0644);
	struct wire_view buffer =
		nfs_device_buffer(t, row->type, row->major, row->minor);
	struct file *f = posix_reparse(a, "device", 0600, buffer, NULL);
	need_ok(t, file_close(f));
	struct reply *r = open_itself(a, "device", FILE_READ_ATTRIBUTES);
	need_ok(t, r);
	f = file_of(r);
	r = reparse_get(f);
	stop_ok(t, r, PSX_LINK_0035);
	check_bytes(t, r, fsctl_data(r), buffer, "reparse data", PSX_LINK_0035);
	struct file *x = need_posix_open(a, "x", FILE_READ_ATTRIBUTES);
	check_number(t, NULL, posix_info(f).device, posix_info(x).device,
		"Device of the device, as of a file beside it", PSX_INFO_0019);
}

static const struct {
	const char *name;
	enum special what;
	uint32_t mode;
} mode_rows[] = {{"pipe", PIPE, 0620}, {"socket", SOCK, 0755},
	{"device", CHARACTER, 0604}, {"link", LINK, 0777},
	{"link_of_another_mode", LINK, 0640}};

CONF_TABLE(posix, permissions, mode_rows,
	"the permissions of the file become those of the special file",
	RULES(PSX_LINK_0036), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = posix_reparse(
		a, "special", row->mode, buffer_of(t, row->what), NULL);
	uint32_t before = posix_answer(f->create).posix_mode & MODE_PERMISSIONS;
	need_ok(t, file_close(f));
	struct reply *r = open_itself(a, "special", FILE_READ_ATTRIBUTES);
	need_ok(t, r);
	check_number(t, r, posix_mode(file_of(r)), before, "permissions",
		PSX_LINK_0036);
}

/* --- buffers that lie -------------------------------------------------------
 */

static struct wire_view raw(struct test *t, const char *hex)
{
	size_t n = strlen(hex) / 2;
	uint8_t *bytes = test_alloc(t, n);

	for (size_t i = 0; i < n; i++) {
		unsigned int byte;
		need(t, sscanf(hex + 2 * i, "%2x", &byte) == 1, "hex digits");
		bytes[i] = (uint8_t)byte;
	}
	return wire_view_of(bytes, n);
}

/* Tag, ReparseDataLength, Reserved; then what belongs to the tag. */
static const struct {
	const char *name, *hex;
} malformed_rows[] = {
	{"substitute_beyond", "0c0000a014000000"
			      "0000"
			      "0a00"
			      "0000"
			      "0400"
			      "01000000"
			      "7800"
			      "7900"
			      "78007900"},
	{"substitute_offset_beyond", "0c0000a014000000"
				     "f0ff"
				     "0400"
				     "0000"
				     "0400"
				     "01000000"
				     "7800790078007900"},
	{"print_beyond", "0c0000a014000000"
			 "0000"
			 "0400"
			 "0400"
			 "0600"
			 "01000000"
			 "7800790078007900"},
	{"symlink_too_short", "0c0000a008000000"
			      "0000000000000000"},
	{"chr_without_numbers", "1400008008000000"
				"4348520000000000"},
	{"chr_with_half_a_number", "140000800c000000"
				   "4348520000000000"
				   "05000000"},
	{"nfs_without_a_type", "1400008004000000"
			       "43485200"},
};

CONF_TABLE(posix, malformed, malformed_rows,
	"a reparse buffer whose fields reach beyond it is refused",
	RULES(PSX_LINK_0037), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make(a, "proof", 0644, PIPE); /* it can be done */
	struct reply *r;
	struct file *f = posix_reparse(a, "x", 0644, raw(t, row->hex), &r);
	check_status(t, r, STATUS_IO_REPARSE_DATA_INVALID, PSX_LINK_0037);
	check_status(
		t, reparse_get(f), STATUS_NOT_A_REPARSE_POINT, PSX_LINK_0037);
}

static const struct {
	const char *name;
	unsigned int units; /* of the target */
	bool zero;          /* its second unit is zero */
} bad_target_rows[] = {{"empty", 0, false}, {"zero_inside", 4, true},
	{"too_long", 4096, false}};

CONF_TABLE(posix, bad_target, bad_target_rows,
	"a target that no file system can keep is refused",
	RULES(PSX_LINK_0038), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make(a, "proof", 0644, LINK); /* it can be done */
	uint8_t *target = test_alloc(t, 2 * row->units + 2);
	for (unsigned int i = 0; i < row->units; i++) {
		wire_put16(target + 2 * i, row->zero && i == 1 ? 0 : 'x');
	}
	const struct symbolic_link_reparse_data_buffer link = {
		.substitute_name_length = (uint16_t)(2 * row->units),
		.print_name_length = (uint16_t)(2 * row->units),
		.flags = SYMLINK_FLAG_RELATIVE,
		.path_buffer = wire_view_of(target, 2 * row->units),
	};
	struct reply *r;
	posix_reparse(a, "x", 0644,
		reparse_buffer(t, IO_REPARSE_TAG_SYMLINK,
			encoded(t, &symbolic_link_reparse_data_buffer_type,
				&link)),
		&r);
	check_status(t, r, STATUS_IO_REPARSE_DATA_INVALID, PSX_LINK_0038);
}

CONF_TEST(posix, another_tag, "the tag of a reparse point stays",
	RULES(PSX_LINK_0039), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = posix_reparse(a, "x", 0644, buffer_of(t, PIPE), NULL);
	check_status(t, reparse_set(f, buffer_of(t, LINK)),
		STATUS_IO_REPARSE_TAG_MISMATCH, PSX_LINK_0039);
	struct reply *r = reparse_get(f);
	check_bytes(t, r, fsctl_data(r), buffer_of(t, PIPE), "reparse data",
		PSX_LINK_0039);
}

CONF_TABLE(posix, made_a_file_again, not_handled_rows,
	"FSCTL_DELETE_REPARSE_POINT makes a special file a regular one again",
	RULES(PSX_LINK_0040), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make(a, "x", 0640, row->what);
	struct reply *r = open_itself(
		a, "x", FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES);
	need_ok(t, r);
	struct file *f = file_of(r);
	uint32_t tag = wire_get32(buffer_of(t, row->what).p);
	stop_ok(t,
		file_fsctl(f, FSCTL_DELETE_REPARSE_POINT,
			reparse_buffer(t, tag, none), 0),
		PSX_LINK_0040);
	need_ok(t, file_close(f));
	r = posix_open(a, "x", FILE_WRITE_DATA, 0);
	stop_ok(t, r, PSX_LINK_0040);
	check_number(t, r, posix_answer(r).posix_mode & MODE_TYPE,
		POSIX_TYPE_FILE, "type in POSIXMode", PSX_LINK_0040);
	check_ok(t, file_write(file_of(r), 0, "abc", 3), PSX_LINK_0040);
}

CONF_TEST(posix, no_reparse_point, "a regular file has no reparse data",
	RULES(PSX_LINK_0041), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0644, NULL);
	check_status(
		t, reparse_get(f), STATUS_NOT_A_REPARSE_POINT, PSX_LINK_0041);
}

static const struct {
	const char *name;
	enum special what;
} listed_rows[] = {{"nfs_link", NFS_LINK}, {"other_tag", OTHER}, {"pipe", PIPE},
	{"link", LINK}};

CONF_TABLE(posix, listed, listed_rows,
	"a listing goes on behind a reparse point of any kind",
	RULES(PSX_LINK_0042, PSX_INFO_0027), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	posix_make_file(a, "d/a", 0644);
	make(a, "d/m", 0644, row->what);
	posix_make_file(a, "d/z", 0644);
	struct file *d = need_posix_open(a, "d", FILE_LIST_DIRECTORY);
	struct reply *r = posix_list(d, SMB2_RESTART_SCANS, "*");
	stop_ok(t, r, PSX_LINK_0042);
	check(t, r, posix_has(d, "a") && posix_has(d, "z"), PSX_LINK_0042,
		"both regular files are listed");
	check(t, r, posix_has(d, "m"), PSX_INFO_0027,
		"the reparse point is listed");
}

CONF_TEST(posix, unknown_nfs_type_listed,
	"a listing goes on behind NFS data of a type that nobody knows",
	RULES(PSX_LINK_0042), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	struct reply *set;
	posix_reparse(a, "d/m", 0644, nfs_buffer(t, 0x4f4f4f4f, none), &set);
	need_capability(t, set, set->status == STATUS_SUCCESS,
		"NFS data of an unknown type");
	posix_make_file(a, "d/z", 0644);
	struct file *d = need_posix_open(a, "d", FILE_LIST_DIRECTORY);
	struct reply *r = posix_list(d, SMB2_RESTART_SCANS, "*");
	stop_ok(t, r, PSX_LINK_0042);
	check(t, r, posix_has(d, "z"), PSX_LINK_0042,
		"the regular file is listed");
}

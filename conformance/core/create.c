/* SPDX-License-Identifier: MIT */
/* CREATE: form of the request, options, access, dispositions, kinds of files,
 * the response. Rules CORE-CREATE, [MS-SMB2] 3.3.5.9, [MS-FSA] 2.1.5.1. */
#include "suite/file.h"

#include <string.h>

/* A file that exists, closed. */
static void make_file(struct peer *a, const char *path, uint32_t attributes)
{
	need_ok(a->t,
		file_close(need_file(a, path,
			&(struct create_options){.attributes = attributes})));
}

static void make_directory(struct peer *a, const char *path)
{
	need_ok(a->t, file_close(need_directory(a, path)));
}

static struct reply *create_as(
	struct peer *a, const struct smb2_create_request *create)
{
	return peer_call(a, &smb2_create_request_type, create);
}

/* --- form ----------------------------------------------------------------- */

CONF_TEST(core, odd_name_length, "a name of an odd number of bytes is refused",
	RULES(CORE_CREATE_0001))
{
	struct peer *a = client(t);
	struct smb2_create_request create = create_request(a, "name", NULL);
	struct pdu *pdu = pdu_build(a, &smb2_create_request_type, &create);
	mutate(pdu, SMB2_CREATE_REQUEST_F_NAME_LENGTH, add_to(-1));
	check_status(
		t, pdu_call(pdu), STATUS_INVALID_PARAMETER, CORE_CREATE_0001);
}

static const struct {
	const char *name;
	uint8_t security_flags;
	uint64_t create_flags, reserved;
} ignored_rows[] = {{"security_flags", 0xff, 0, 0},
	{"smb_create_flags", 0, UINT64_MAX, 0}, {"reserved", 0, 0, UINT64_MAX}};

CONF_TABLE(core, ignored_fields, ignored_rows, "unused fields mean nothing",
	RULES(CORE_CREATE_0002))
{
	struct peer *a = client(t);
	struct smb2_create_request create = create_request(a, "x", NULL);
	create.security_flags = row->security_flags;
	create.smb_create_flags = row->create_flags;
	create.reserved = row->reserved;
	check_ok(t, create_as(a, &create), CORE_CREATE_0002);
}

static const struct {
	const char *name;
	uint32_t value;
} disposition_rows[] = {{"six", 6}, {"high_bit", 0x80000001}};

CONF_TABLE(core, unknown_disposition, disposition_rows,
	"a CreateDisposition above 5 is refused", RULES(CORE_CREATE_0003))
{
	struct peer *a = client(t);
	struct smb2_create_request create = create_request(a, "x", NULL);
	create.create_disposition = row->value;
	check_status(t, create_as(a, &create), STATUS_INVALID_PARAMETER,
		CORE_CREATE_0003);
}

static const struct {
	const char *name;
	uint32_t value;
} level_rows[] = {{"four", 4}, {"high_bit", 0x80000000}};

CONF_TABLE(core, unknown_impersonation, level_rows,
	"an ImpersonationLevel above 3 is refused", RULES(CORE_CREATE_0004))
{
	struct peer *a = client(t);
	struct smb2_create_request create = create_request(a, "x", NULL);
	create.impersonation_level = row->value;
	check_status(t, create_as(a, &create), STATUS_BAD_IMPERSONATION_LEVEL,
		CORE_CREATE_0004);
}

static const struct {
	const char *name;
	uint32_t share, attributes, options;
} undefined_rows[] = {{"share_0x8", 0x8, 0, 0},
	{"share_0x80000000", 0x80000000, 0, 0}, {"attribute_0x8", 0, 0x8, 0},
	{"attribute_0x80000000", 0, 0x80000000, 0},
	{"option_0x01000000", 0, 0, 0x01000000},
	{"option_0x80000000", 0, 0, 0x80000000}};

CONF_TABLE(core, undefined_bits, undefined_rows, "undefined bits are refused",
	RULES(CORE_CREATE_0005))
{
	struct peer *a = client(t);
	struct smb2_create_request create = create_request(a, "x", NULL);
	create.share_access |= row->share;
	create.file_attributes = row->attributes;
	create.create_options = row->options;
	check_status(t, create_as(a, &create), STATUS_INVALID_PARAMETER,
		CORE_CREATE_0005);
}

/* --- options and access --------------------------------------------------- */

CONF_TEST(core, no_access, "DesiredAccess zero is refused",
	RULES(CORE_CREATE_0018))
{
	struct peer *a = client(t);
	make_file(a, "x", 0);
	struct smb2_create_request create = create_request(a, "x", NULL);
	create.desired_access = 0;
	check_status(t, create_as(a, &create), STATUS_ACCESS_DENIED,
		CORE_CREATE_0018);
}

static const struct {
	const char *name;
	uint32_t bit;
} access_rows[] = {{"0x00000200", 0x00000200}, {"0x00000400", 0x00000400},
	{"0x00000800", 0x00000800}, {"0x00001000", 0x00001000},
	{"0x00002000", 0x00002000}, {"0x00004000", 0x00004000},
	{"0x00008000", 0x00008000}, {"0x00200000", 0x00200000},
	{"0x00400000", 0x00400000}, {"0x00800000", 0x00800000},
	{"0x04000000", 0x04000000}, {"0x08000000", 0x08000000}};

CONF_TABLE(core, undefined_access, access_rows,
	"an access bit that is not defined is refused", RULES(CORE_CREATE_0019))
{
	struct peer *a = client(t);
	make_file(a, "x", 0);
	struct reply *r = file_create(a, "x",
		&(struct create_options){.access = FILE_READ_DATA | row->bit});
	check_status(t, r, STATUS_ACCESS_DENIED, CORE_CREATE_0019);
}

static const struct {
	const char *name;
	uint32_t options, disposition;
	enum rule_id rule;
} directory_rows[] = {
	{"non_directory", FILE_NON_DIRECTORY_FILE, FILE_OPEN_IF,
		RULE_CORE_CREATE_0020},
	{"non_directory_create", FILE_NON_DIRECTORY_FILE, FILE_CREATE,
		RULE_CORE_CREATE_0020},
	{"supersede", 0, FILE_SUPERSEDE, RULE_CORE_CREATE_0021},
	{"overwrite", 0, FILE_OVERWRITE, RULE_CORE_CREATE_0021},
	{"overwrite_if", 0, FILE_OVERWRITE_IF, RULE_CORE_CREATE_0021},
	{"sequential_only", FILE_SEQUENTIAL_ONLY, FILE_OPEN_IF,
		RULE_CORE_CREATE_0022},
	{"random_access", FILE_RANDOM_ACCESS, FILE_OPEN_IF,
		RULE_CORE_CREATE_0022},
	{"no_intermediate_buffering", FILE_NO_INTERMEDIATE_BUFFERING,
		FILE_OPEN_IF, RULE_CORE_CREATE_0022},
};

CONF_TABLE(core, directory_with, directory_rows,
	"what cannot stand beside FILE_DIRECTORY_FILE",
	RULES(CORE_CREATE_0020, CORE_CREATE_0021, CORE_CREATE_0022))
{
	struct peer *a = client(t);
	struct reply *r = file_create(a, "x",
		&(struct create_options){
			.options = FILE_DIRECTORY_FILE | row->options,
			.disposition = DISPOSITION(row->disposition)});
	rule_status(t, r, STATUS_INVALID_PARAMETER, row->rule);
}

static const struct {
	const char *name;
	bool exists;
	uint32_t access;
} on_close_rows[] = {{"new", false, FILE_WRITE_DATA},
	{"existing", true, FILE_WRITE_DATA},
	{"attributes_only", true, FILE_READ_ATTRIBUTES}};

CONF_TABLE(core, delete_on_close_without_delete, on_close_rows,
	"FILE_DELETE_ON_CLOSE needs DELETE", RULES(CORE_CREATE_0023))
{
	struct peer *a = client(t);
	if (row->exists) {
		make_file(a, "x", 0);
	}
	struct reply *r = file_create(a, "x",
		&(struct create_options){.access = row->access,
			.options = FILE_DELETE_ON_CLOSE});
	check_status(t, r, STATUS_INVALID_PARAMETER, CORE_CREATE_0023);
}

static const struct option_row {
	const char *name;
	uint32_t option;
} unsupported_rows[] = {{"open_by_file_id", FILE_OPEN_BY_FILE_ID},
	{"reserve_opfilter", FILE_RESERVE_OPFILTER}};

CONF_TABLE(core, unsupported_option, unsupported_rows,
	"options that no server has", RULES(CORE_CREATE_0024))
{
	struct peer *a = client(t);
	make_file(a, "x", 0);
	struct reply *r = file_create(
		a, "x", &(struct create_options){.options = row->option});
	check_status(t, r, STATUS_NOT_SUPPORTED, CORE_CREATE_0024);
}

static const struct option_row unused_rows[] = {
	{"synchronous_io_alert", FILE_SYNCHRONOUS_IO_ALERT},
	{"synchronous_io_nonalert", FILE_SYNCHRONOUS_IO_NONALERT},
	{"both_synchronous",
		FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT},
	{"complete_if_oplocked", FILE_COMPLETE_IF_OPLOCKED},
	{"open_remote_instance", FILE_OPEN_REMOTE_INSTANCE},
	{"open_requiring_oplock", FILE_OPEN_REQUIRING_OPLOCK},
	{"disallow_exclusive", FILE_DISALLOW_EXCLUSIVE},
	{"free_space_query", FILE_OPEN_FOR_FREE_SPACE_QUERY},
};

CONF_TABLE(core, ignored_option, unused_rows, "options that mean nothing here",
	RULES(CORE_CREATE_0025))
{
	struct peer *a = client(t);
	make_file(a, "x", 0);
	struct reply *r = file_create(
		a, "x", &(struct create_options){.options = row->option});
	check_ok(t, r, CORE_CREATE_0025);
}

/* --- dispositions --------------------------------------------------------- */

static const struct {
	const char *name;
	uint32_t disposition;
	bool directory;
	enum rule_id rule;
	uint32_t status;
} new_rows[] = {
	{"supersede", FILE_SUPERSEDE, false, RULE_CORE_CREATE_0032, 0},
	{"create", FILE_CREATE, false, RULE_CORE_CREATE_0032, 0},
	{"open_if", FILE_OPEN_IF, false, RULE_CORE_CREATE_0032, 0},
	{"overwrite_if", FILE_OVERWRITE_IF, false, RULE_CORE_CREATE_0032, 0},
	{"directory_create", FILE_CREATE, true, RULE_CORE_CREATE_0032, 0},
	{"directory_open_if", FILE_OPEN_IF, true, RULE_CORE_CREATE_0032, 0},
	{"open", FILE_OPEN, false, RULE_CORE_CREATE_0030,
		STATUS_OBJECT_NAME_NOT_FOUND},
	{"overwrite", FILE_OVERWRITE, false, RULE_CORE_CREATE_0030,
		STATUS_OBJECT_NAME_NOT_FOUND},
	{"directory_open", FILE_OPEN, true, RULE_CORE_CREATE_0030,
		STATUS_OBJECT_NAME_NOT_FOUND},
};

CONF_TABLE(core, name_does_not_exist, new_rows,
	"each disposition for a name that does not exist",
	RULES(CORE_CREATE_0030, CORE_CREATE_0032))
{
	struct peer *a = client(t);
	struct reply *r = file_create(a, "x",
		&(struct create_options){
			.options = row->directory ? FILE_DIRECTORY_FILE : 0,
			.disposition = DISPOSITION(row->disposition)});
	rule_status(t, r, row->status, row->rule);
	if (row->status == STATUS_SUCCESS) {
		check_field(t, r, SMB2_CREATE_RESPONSE_F_CREATE_ACTION,
			FILE_CREATED, CORE_CREATE_0032);
		check_ok(t,
			file_create(a, "x",
				&(struct create_options){
					.disposition = DISPOSITION(FILE_OPEN)}),
			CORE_CREATE_0032);
	}
}

static const struct {
	const char *name;
	uint32_t disposition, action;
	uint64_t size;
} existing_rows[] = {
	{"supersede", FILE_SUPERSEDE, FILE_SUPERSEDED, 0},
	{"open", FILE_OPEN, FILE_OPENED, 5},
	{"open_if", FILE_OPEN_IF, FILE_OPENED, 5},
	{"overwrite", FILE_OVERWRITE, FILE_OVERWRITTEN, 0},
	{"overwrite_if", FILE_OVERWRITE_IF, FILE_OVERWRITTEN, 0},
};

static void make_five_bytes(struct peer *a, const char *path)
{
	struct file *f = need_file(a, path, NULL);
	need_ok(a->t, file_write(f, 0, "bytes", 5));
	need_ok(a->t, file_close(f));
}

CONF_TABLE(core, file_exists, existing_rows,
	"each disposition for a file that exists",
	RULES(CORE_CREATE_0033, CORE_CREATE_0034))
{
	struct peer *a = client(t);
	make_five_bytes(a, "x");
	struct reply *r = file_create(a, "x",
		&(struct create_options){
			.disposition = DISPOSITION(row->disposition)});
	stop_ok(t, r, CORE_CREATE_0033);
	check_field(t, r, SMB2_CREATE_RESPONSE_F_CREATE_ACTION, row->action,
		CORE_CREATE_0033);
	uint64_t size = file_size(file_of(r));
	check_number(t, r, size, row->size, "EndOfFile", CORE_CREATE_0034);
}

static const struct {
	const char *name;
	bool directory;
} collision_rows[] = {{"file", false}, {"directory", true}};

CONF_TABLE(core, collision, collision_rows,
	"FILE_CREATE for a name that exists", RULES(CORE_CREATE_0031))
{
	struct peer *a = client(t);
	if (row->directory) {
		make_directory(a, "x");
	} else {
		make_file(a, "x", 0);
	}
	struct reply *r = file_create(a, "x",
		&(struct create_options){
			.options = row->directory ? FILE_DIRECTORY_FILE : 0,
			.disposition = DISPOSITION(FILE_CREATE)});
	check_status(t, r, STATUS_OBJECT_NAME_COLLISION, CORE_CREATE_0031);
}

static const struct {
	const char *name;
	uint32_t attribute, disposition;
} hidden_rows[] = {
	{"hidden_overwrite", FILE_ATTRIBUTE_HIDDEN, FILE_OVERWRITE},
	{"hidden_overwrite_if", FILE_ATTRIBUTE_HIDDEN, FILE_OVERWRITE_IF},
	{"hidden_supersede", FILE_ATTRIBUTE_HIDDEN, FILE_SUPERSEDE},
	{"system_overwrite", FILE_ATTRIBUTE_SYSTEM, FILE_OVERWRITE},
	{"system_overwrite_if", FILE_ATTRIBUTE_SYSTEM, FILE_OVERWRITE_IF},
	{"system_supersede", FILE_ATTRIBUTE_SYSTEM, FILE_SUPERSEDE},
};

CONF_TABLE(core, overwrite_hidden, hidden_rows,
	"a hidden or system file is overwritten by the like only",
	RULES(CORE_CREATE_0035))
{
	struct peer *a = client(t);
	make_file(a, "x", row->attribute);
	struct create_options options = {
		.disposition = DISPOSITION(row->disposition)};
	check_status(t, file_create(a, "x", &options), STATUS_ACCESS_DENIED,
		CORE_CREATE_0035);
	options.attributes = row->attribute;
	check_ok(t, file_create(a, "x", &options), CORE_CREATE_0035);
}

/* --- files and directories ------------------------------------------------ */

static const struct {
	const char *name;
	uint32_t disposition;
} directory_open_rows[] = {{"open", FILE_OPEN}, {"open_if", FILE_OPEN_IF}};

CONF_TABLE(core, file_wanted, directory_open_rows, "a directory is no file",
	RULES(CORE_CREATE_0036))
{
	struct peer *a = client(t);
	make_directory(a, "d");
	struct reply *r = file_create(a, "d",
		&(struct create_options){.options = FILE_NON_DIRECTORY_FILE,
			.disposition = DISPOSITION(row->disposition)});
	check_status(t, r, STATUS_FILE_IS_A_DIRECTORY, CORE_CREATE_0036);
}

static const struct {
	const char *name;
	uint32_t disposition, status;
	enum rule_id rule;
} directory_wanted_rows[] = {
	{"open", FILE_OPEN, STATUS_NOT_A_DIRECTORY, RULE_CORE_CREATE_0037},
	{"open_if", FILE_OPEN_IF, STATUS_NOT_A_DIRECTORY,
		RULE_CORE_CREATE_0037},
	{"create", FILE_CREATE, STATUS_OBJECT_NAME_COLLISION,
		RULE_CORE_CREATE_0038},
};

CONF_TABLE(core, directory_wanted, directory_wanted_rows,
	"a file is no directory", RULES(CORE_CREATE_0037, CORE_CREATE_0038))
{
	struct peer *a = client(t);
	make_file(a, "x", 0);
	struct reply *r = file_create(a, "x",
		&(struct create_options){.options = FILE_DIRECTORY_FILE,
			.disposition = DISPOSITION(row->disposition)});
	rule_status(t, r, row->status, row->rule);
}

static uint32_t attributes_of(struct peer *a, const char *path)
{
	struct file *f = need_file(a, path,
		&(struct create_options){.access = FILE_READ_ATTRIBUTES,
			.disposition = DISPOSITION(FILE_OPEN)});
	return file_basic(f).file_attributes;
}

CONF_TEST(core, archive, "a new file has the archive attribute",
	RULES(CORE_CREATE_0039))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	check_flags(t, f->create, SMB2_CREATE_RESPONSE_F_FILE_ATTRIBUTES,
		FILE_ATTRIBUTE_ARCHIVE, 0, CORE_CREATE_0039);
	need_ok(t, file_close(f));
	uint32_t seen = attributes_of(a, "x");
	check(t, NULL, seen & FILE_ATTRIBUTE_ARCHIVE, CORE_CREATE_0039,
		"FILE_ATTRIBUTE_ARCHIVE is kept, saw 0x%08x", seen);
}

static const struct {
	const char *name;
	uint32_t attribute;
} attribute_rows[] = {{"readonly", FILE_ATTRIBUTE_READONLY},
	{"hidden", FILE_ATTRIBUTE_HIDDEN}, {"system", FILE_ATTRIBUTE_SYSTEM},
	{"temporary", FILE_ATTRIBUTE_TEMPORARY}};

CONF_TABLE(core, attributes_of_a_new_file, attribute_rows,
	"a new file has the attributes that were asked for",
	RULES(CORE_CREATE_0040))
{
	struct peer *a = client(t);
	make_file(a, "plain", 0);
	uint32_t plain = attributes_of(a, "plain");
	check(t, NULL, !(plain & row->attribute), CORE_CREATE_0040,
		"not set without being asked for, saw 0x%08x", plain);
	make_file(a, "x", row->attribute);
	uint32_t seen = attributes_of(a, "x");
	check(t, NULL, seen & row->attribute, CORE_CREATE_0040,
		"attribute 0x%08x is set, saw 0x%08x", row->attribute, seen);
}

static const struct {
	const char *name;
	uint32_t access;
} write_rows[] = {
	{"write_data", FILE_WRITE_DATA}, {"append_data", FILE_APPEND_DATA}};

CONF_TABLE(core, write_read_only, write_rows,
	"a read-only file is not opened for writing", RULES(CORE_CREATE_0041))
{
	struct peer *a = client(t);
	make_file(a, "x", FILE_ATTRIBUTE_READONLY);
	struct reply *r = file_create(
		a, "x", &(struct create_options){.access = row->access});
	check_status(t, r, STATUS_ACCESS_DENIED, CORE_CREATE_0041);
	check_ok(t,
		file_create(a, "x",
			&(struct create_options){.access = FILE_READ_DATA}),
		CORE_CREATE_0041);
}

static const struct {
	const char *name;
	bool exists;
} cannot_delete_rows[] = {{"existing", true}, {"new", false}};

CONF_TABLE(core, delete_read_only, cannot_delete_rows,
	"a read-only file is not opened to be deleted", RULES(CORE_CREATE_0042))
{
	struct peer *a = client(t);
	if (row->exists) {
		make_file(a, "x", FILE_ATTRIBUTE_READONLY);
	}
	struct reply *r = file_create(a, "x",
		&(struct create_options){
			.access = DELETE | FILE_READ_ATTRIBUTES,
			.attributes = FILE_ATTRIBUTE_READONLY,
			.options = FILE_DELETE_ON_CLOSE});
	check_status(t, r, STATUS_CANNOT_DELETE, CORE_CREATE_0042);
}

static struct reply *open_existing(struct peer *a, const char *path)
{
	return file_create(a, path,
		&(struct create_options){.access = FILE_READ_ATTRIBUTES,
			.disposition = DISPOSITION(FILE_OPEN)});
}

CONF_TEST(core, delete_on_close, "FILE_DELETE_ON_CLOSE deletes at last close",
	RULES(CORE_CREATE_0043))
{
	struct peer *a = client(t);
	make_file(a, "x", 0);
	struct file *f = need_file(a, "x",
		&(struct create_options){.options = FILE_DELETE_ON_CLOSE});
	struct file *g = need_file(a, "x", NULL);
	need_ok(t, file_close(f));
	check_ok(t, file_write(g, 0, "x", 1), CORE_CREATE_0043);
	need_ok(t, file_close(g));
	check_status(t, open_existing(a, "x"), STATUS_OBJECT_NAME_NOT_FOUND,
		CORE_CREATE_0043);
}

CONF_TEST(core, delete_pending, "a file marked for deletion is not opened",
	RULES(CORE_CREATE_0044))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, file_delete(f));
	check_status(t, open_existing(a, "x"), STATUS_DELETE_PENDING,
		CORE_CREATE_0044);
}

CONF_TEST(core, delete_pending_by_close,
	"a file is marked for deletion by the first close",
	RULES(CORE_CREATE_0044))
{
	struct peer *a = client(t);
	need_file(a, "x", NULL);
	struct file *g = need_file(a, "x",
		&(struct create_options){.options = FILE_DELETE_ON_CLOSE});
	need_ok(t, file_close(g));
	check_status(t, open_existing(a, "x"), STATUS_DELETE_PENDING,
		CORE_CREATE_0044);
}

/* --- the response --------------------------------------------------------- */

CONF_TEST(core, file_ids, "every open has a FileId of its own",
	RULES(CORE_CREATE_0059))
{
	struct peer *a = client(t);
	struct smb2_fileid ids[24];
	unsigned int i, j;
	for (i = 0; i < 24; i++) {
		struct file *f = need_file(a, "x", NULL);
		ids[i] = f->id;
		check(t, f->create,
			f->id.volatile_ != UINT64_MAX ||
				f->id.persistent != UINT64_MAX,
			CORE_CREATE_0059, "FileId is not all ones");
		for (j = 0; j < i; j++) {
			check(t, f->create,
				memcmp(&ids[i], &ids[j], sizeof(ids[i])) != 0,
				CORE_CREATE_0059,
				"the FileIds of open %u and open %u differ", j,
				i);
		}
	}
}

static const struct {
	const char *name, *path;
	uint32_t needs_streams;
} size_rows[] = {{"file", "x", 0}, {"stream", "x:s", 1}};

CONF_TABLE(core, size_in_the_response, size_rows,
	"EndofFile is the size of what was opened", RULES(CORE_CREATE_0060))
{
	struct peer *a = client(t);
	make_file(a, "x", 0);
	struct reply *made = file_create(a, row->path, NULL);
	need_capability(t, made,
		!row->needs_streams || made->status == STATUS_SUCCESS,
		"named streams");
	need_ok(t, made);
	need_ok(t, file_write(file_of(made), 0, "0123456", 7));
	need_ok(t, file_close(file_of(made)));
	struct file *f = need_file(a, row->path, NULL);
	check_field(t, f->create, SMB2_CREATE_RESPONSE_F_ENDOF_FILE, 7,
		CORE_CREATE_0060);
}

static const struct {
	const char *name;
	uint32_t attributes, options;
} reply_rows[] = {{"file", FILE_ATTRIBUTE_HIDDEN, 0},
	{"normal_file", FILE_ATTRIBUTE_NORMAL, 0},
	{"readonly_file", FILE_ATTRIBUTE_READONLY, 0},
	{"directory", 0, FILE_DIRECTORY_FILE},
	{"hidden_directory", FILE_ATTRIBUTE_HIDDEN, FILE_DIRECTORY_FILE}};

CONF_TABLE(core, attributes_in_the_response, reply_rows,
	"FileAttributes are those of what was opened",
	RULES(CORE_CREATE_0061, CORE_CREATE_0062))
{
	struct peer *a = client(t);
	bool directory = row->options & FILE_DIRECTORY_FILE;
	need_ok(t,
		file_close(need_file(a, "x",
			&(struct create_options){.attributes = row->attributes,
				.options = row->options})));
	struct reply *r = open_existing(a, "x");
	need_ok(t, r);
	uint32_t seen = reply_as(r, smb2_create_response)->file_attributes;
	check_number(t, r, (seen & FILE_ATTRIBUTE_DIRECTORY) != 0, directory,
		"FILE_ATTRIBUTE_DIRECTORY", CORE_CREATE_0061);
	check_flags(t, r, SMB2_CREATE_RESPONSE_F_FILE_ATTRIBUTES,
		row->attributes & ~FILE_ATTRIBUTE_NORMAL, 0, CORE_CREATE_0061);
	uint32_t later = attributes_of(a, "x");
	check_number(t, r, later, seen,
		"FileAttributes of FileBasicInformation", CORE_CREATE_0061);
	check(t, r,
		!(seen & FILE_ATTRIBUTE_NORMAL) ||
			seen == FILE_ATTRIBUTE_NORMAL,
		CORE_CREATE_0062,
		"FILE_ATTRIBUTE_NORMAL stands alone, saw 0x%08x", seen);
}

static const struct {
	const char *name;
	uint8_t asked, most;
} oplock_rows[] = {{"none", SMB2_OPLOCK_LEVEL_NONE, SMB2_OPLOCK_LEVEL_NONE},
	{"ii", SMB2_OPLOCK_LEVEL_II, SMB2_OPLOCK_LEVEL_II},
	{"exclusive", SMB2_OPLOCK_LEVEL_EXCLUSIVE,
		SMB2_OPLOCK_LEVEL_EXCLUSIVE}};

CONF_TABLE(core, oplock_not_asked_for, oplock_rows,
	"no more caching than was asked for", RULES(CORE_CREATE_0063))
{
	struct peer *a = client(t);
	struct file *f = need_file(
		a, "x", &(struct create_options){.oplock = row->asked});
	check_range(t, f->create, SMB2_CREATE_RESPONSE_F_OPLOCK_LEVEL, 0,
		row->most, CORE_CREATE_0063);
}

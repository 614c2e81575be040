/* SPDX-License-Identifier: MIT */
/*
 * Rules PSX-CREATE: the create context, its answer, and what an open by the
 * rules of POSIX does. POSIX-SMB2 2.2.13.2.16, 2.2.14.2.16, 3.3.5.9
 */
#include <string.h>

#include "posix/posix.h"

static const struct wire_view nothing;

/* --- the request's context --------------------------------------------- */

static const struct {
	const char *name;
	unsigned int size;
} size_rows[] = {{"nothing", 0}, {"1_byte", 1}, {"3_bytes", 3}, {"5_bytes", 5},
	{"8_bytes", 8}};

/* The context with any data. */
static struct create_options with_data(struct test *t, struct wire_view data)
{
	const struct create_context c = {wire_view_of(POSIX_TAG, 16), data};

	return (struct create_options){.contexts = create_contexts(t, &c, 1)};
}

CONF_TABLE(posix, data_length, size_rows, "the context has 4 bytes of data",
	RULES(PSX_CREATE_0011), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	const uint8_t bytes[8] = {0xa0, 1};
	struct create_options o = with_data(t, wire_view_of(bytes, row->size));

	check_status(t, file_create_name(a, posix_path(a, "x"), &o),
		STATUS_INVALID_PARAMETER, PSX_CREATE_0011);
}

CONF_TEST(posix, context_twice, "two POSIX contexts are refused",
	RULES(PSX_CREATE_0010), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	const struct create_options o = {
		.contexts = posix_contexts(t, 0640, nothing)};

	struct reply *r = posix_create(a, "x", 0640, &o);

	check_status(t, r, STATUS_INVALID_PARAMETER, PSX_CREATE_0010);
}

/* --- the response's context -------------------------------------------- */

static const struct {
	const char *name;
	uint32_t options, type;
	uint32_t mode;
} answer_rows[] = {{"file", FILE_NON_DIRECTORY_FILE, POSIX_TYPE_FILE, 0600},
	{"directory", FILE_DIRECTORY_FILE, POSIX_TYPE_DIR, 0700}};

CONF_TABLE(posix, answer, answer_rows,
	"the response says links, tag, mode with type, owner and group",
	RULES(PSX_CREATE_0007, PSX_CREATE_0026, PSX_CREATE_0027,
		PSX_CREATE_0028, PSX_CREATE_0029, PSX_CREATE_0030),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct reply *r = posix_create(a, "x", row->mode,
		&(struct create_options){.options = row->options});
	struct wire_view data;

	need_ok(t, r);
	stop(t, r, created_context(r, POSIX_TAG, &data), PSX_CREATE_0007,
		"a context with the tag as its name");
	struct smb2_create_posix_response c = posix_answer(r);
	check_number(t, r, data.n, 12 + c.owner_sid.n + c.group_sid.n,
		"DataLength", PSX_CREATE_0030);
	check_number(t, r, c.posix_mode & MODE_TYPE, row->type,
		"type in POSIXMode", PSX_CREATE_0028);
	check_number(t, r, c.posix_mode & MODE_PERMISSIONS, row->mode,
		"permissions in POSIXMode", PSX_CREATE_0028);
	check_number(t, r, c.posix_mode & ~(MODE_TYPE | MODE_PERMISSIONS), 0,
		"bits 15 to 31 of POSIXMode", PSX_CREATE_0029);
	check_number(t, r, c.reparse_tag, 0, "ReparseTag", PSX_CREATE_0027);
	check(t, r, c.number_of_links >= 1, PSX_CREATE_0026,
		"NumberOfLinks of at least 1");
}

static const struct {
	const char *name;
	bool there;
	uint32_t disposition, action;
} action_rows[] = {
	{"opened", true, FILE_OPEN, FILE_OPENED},
	{"opened_if", true, FILE_OPEN_IF, FILE_OPENED},
	{"created", false, FILE_CREATE, FILE_CREATED},
	{"created_if", false, FILE_OPEN_IF, FILE_CREATED},
	{"overwritten", true, FILE_OVERWRITE, FILE_OVERWRITTEN},
	{"overwritten_if", true, FILE_OVERWRITE_IF, FILE_OVERWRITTEN},
	{"superseded", true, FILE_SUPERSEDE, FILE_SUPERSEDED},
};

CONF_TABLE(posix, answered_action, action_rows,
	"the context is answered whatever CREATE did", RULES(PSX_CREATE_0007),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	if (row->there) {
		posix_make_file(a, "x", 0640);
	}
	struct reply *r = posix_create(a, "x", 0640,
		&(struct create_options){
			.disposition = DISPOSITION(row->disposition)});
	need_ok(t, r);
	check(t, r, posix_answered(r), PSX_CREATE_0007,
		"a POSIX context in the response");
	check_field(t, r, SMB2_CREATE_RESPONSE_F_CREATE_ACTION, row->action,
		PSX_CREATE_0007);
}

CONF_TEST(posix, answer_equals_class_0x64,
	"the response says what a query of class 0x64 says",
	RULES(PSX_CREATE_0026, PSX_CREATE_0027, PSX_CREATE_0028,
		PSX_SECURITY_0016),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0640, NULL);
	struct smb2_create_posix_response c = posix_answer(f->create);
	struct file_posix_information i = posix_info(f);

	check_number(t, f->create, c.number_of_links, i.number_of_links,
		"NumberOfLinks", PSX_CREATE_0026);
	check_number(t, f->create, c.reparse_tag, i.reparse_tag, "ReparseTag",
		PSX_CREATE_0027);
	check_number(t, f->create, c.posix_mode, i.posix_mode, "POSIXMode",
		PSX_CREATE_0028);
	check_bytes(t, f->create, c.owner_sid, i.owner_sid, "OwnerSID",
		PSX_SECURITY_0016);
	check_bytes(t, f->create, c.group_sid, i.group_sid, "GroupSID",
		PSX_SECURITY_0016);
}

CONF_TEST(posix, links_are_counted, "the response counts the hard links",
	RULES(PSX_CREATE_0026), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0640, NULL);

	check_number(t, f->create, posix_answer(f->create).number_of_links, 1,
		"NumberOfLinks of a new file", PSX_CREATE_0026);
	struct reply *link = posix_link(f, "y", false);
	need_capability(t, link, link->status == STATUS_SUCCESS, "hard links");
	struct reply *r = posix_open(a, "y", FILE_READ_ATTRIBUTES, 0);
	need_ok(t, r);
	check_number(t, r, posix_answer(r).number_of_links, 2,
		"NumberOfLinks of a file with two names", PSX_CREATE_0026);
}

CONF_TEST(posix, tag_of_a_reparse_point,
	"the response says the reparse tag, and the type that it means",
	RULES(PSX_CREATE_0027, PSX_CREATE_0028), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_symlink(a, "link", "target");
	struct reply *r = posix_open(
		a, "link", FILE_READ_ATTRIBUTES, FILE_OPEN_REPARSE_POINT);
	need_ok(t, r);
	struct smb2_create_posix_response c = posix_answer(r);
	check_number(t, r, c.reparse_tag, IO_REPARSE_TAG_SYMLINK, "ReparseTag",
		PSX_CREATE_0027);
	check_number(t, r, c.posix_mode & MODE_TYPE, POSIX_TYPE_SYMLINK,
		"type in POSIXMode", PSX_CREATE_0028);
}

CONF_TEST(posix, without_the_context,
	"an open without the context is answered without one",
	RULES(PSX_CREATE_0009), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_make_file(a, "x", 0640);
	struct reply *r = file_create(a, "X",
		&(struct create_options){
			.disposition = DISPOSITION(FILE_OPEN)});
	stop_ok(t, r, PSX_CREATE_0009);
	check(t, r, !posix_answered(r), PSX_CREATE_0009,
		"no POSIX context in the response");
}

/* --- with other contexts ----------------------------------------------- */

static const struct {
	const char *name;
	const char *context;
	unsigned int size;
	uint8_t oplock;
	uint8_t data[52];
} other_rows[] = {
	{"MxAc", "MxAc", 0, 0, {0}},
	{"QFid", "QFid", 0, 0, {0}},
	{"RqLs", "RqLs", 32, SMB2_OPLOCK_LEVEL_LEASE,
		{9, 8, 7, 6, 5, 4, 3, 2, 1, 2, 3, 4, 5, 6, 7, 8, 7}},
};

CONF_TABLE(posix, beside_another_context, other_rows,
	"the context and others are answered side by side",
	RULES(PSX_CREATE_0012), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	const struct create_context c = {
		text_bytes(row->context), wire_view_of(row->data, row->size)};
	const struct fact *known =
		target_fact_named(t->target, FACT_CONTEXT, row->context);
	struct wire_view data;

	need_capability(
		t, NULL, known == NULL || known->present, "%s", row->context);
	struct reply *r = posix_create(a, "x", 0640,
		&(struct create_options){.oplock = row->oplock,
			.contexts = create_contexts(t, &c, 1)});
	stop_ok(t, r, PSX_CREATE_0012);
	check(t, r, posix_answered(r), PSX_CREATE_0012,
		"the POSIX context in the response");
	check(t, r, created_context(r, row->context, &data), PSX_CREATE_0012,
		"%s in the response", row->context);
}

CONF_TEST(posix, behind_another_context,
	"the context is found behind another one", RULES(PSX_CREATE_0012),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	const uint8_t mode[4] = {0xa0, 1};
	const struct create_context c[] = {{text_bytes("QFid"), nothing},
		{text_bytes("ZzZz"), text_bytes("anything")},
		{wire_view_of(POSIX_TAG, 16), wire_view_of(mode, 4)}};
	struct reply *r = file_create_name(a, posix_path(a, "x"),
		&(struct create_options){.contexts = create_contexts(t, c, 3)});

	stop_ok(t, r, PSX_CREATE_0012);
	check_number(t, r, posix_answer(r).posix_mode, 0640, "POSIXMode",
		PSX_CREATE_0012);
}

CONF_TEST(posix, attributes_of_the_context,
	"extended attributes are stored with a new file",
	RULES(PSX_CREATE_0013), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	const struct file_full_ea_information ea = {.ea_name_length = 4,
		.ea_value_length = 5,
		.ea_name = text_bytes("Name"),
		.ea_value = text_bytes("value")};
	const struct create_context c = {text_bytes("ExtA"),
		encoded(t, &file_full_ea_information_type, &ea)};
	struct reply *r = posix_create(a, "x", 0640,
		&(struct create_options){
			.contexts = create_contexts(t, &c, 1)});

	need_capability(t, r, r->status != STATUS_EAS_NOT_SUPPORTED,
		"extended attributes");
	stop_ok(t, r, PSX_CREATE_0013);
	check_number(t, r, (uint64_t)file_ea_length(file_of(r), "Name"), 5,
		"length of the value", PSX_CREATE_0013);
}

CONF_TEST(posix, descriptor_of_the_context,
	"a security descriptor is stored with a new file",
	RULES(PSX_CREATE_0014),
	NEEDS(POSIX_EXTENSIONS, FS_FLAG(FILE_PERSISTENT_ACLS)))
{
	struct peer *a = posix_client(t);
	const uint32_t rights = READ_CONTROL | DELETE | WRITE_DAC |
				SYNCHRONIZE | FILE_READ_DATA |
				FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES |
				FILE_READ_EA;

	posix_make_file(a, "other", 0640);
	struct file *o = need_posix_open(a, "other", READ_CONTROL);
	struct reply *q =
		file_query_security(o, OWNER_SECURITY_INFORMATION, 1024);
	need_ok(t, q);
	struct wire_view owner = owner_in(t, query_data(q));
	const struct create_context c = {
		text_bytes("SecD"), dacl_of_one(t, owner, rights)};
	struct reply *r = posix_create(a, "x", 0640,
		&(struct create_options){.access = READ_CONTROL | DELETE,
			.contexts = create_contexts(t, &c, 1)});
	stop_ok(t, r, PSX_CREATE_0014);
	uint32_t seen = file_granted(file_of(r), owner);
	check_number(t, r, seen & (FILE_READ_DATA | FILE_WRITE_DATA),
		FILE_READ_DATA, "reading and writing granted to the owner",
		PSX_CREATE_0014);
}

/* --- attributes -------------------------------------------------------- */

static const struct {
	const char *name;
	uint32_t attributes;
} attribute_rows[] = {{"readonly", FILE_ATTRIBUTE_READONLY},
	{"hidden", FILE_ATTRIBUTE_HIDDEN}, {"system", FILE_ATTRIBUTE_SYSTEM},
	{"all_three", FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_HIDDEN |
			      FILE_ATTRIBUTE_SYSTEM}};

CONF_TABLE(posix, attributes_are_discarded, attribute_rows,
	"FileAttributes of a CREATE that makes a file are not stored",
	RULES(PSX_CREATE_0015), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct reply *r = posix_create(a, "x", 0640,
		&(struct create_options){.attributes = row->attributes});

	stop_ok(t, r, PSX_CREATE_0015);
	check_flags(t, r, SMB2_CREATE_RESPONSE_F_FILE_ATTRIBUTES, 0,
		row->attributes, PSX_CREATE_0015);
	uint32_t seen = posix_info(file_of(r)).file_attributes;
	check_number(t, r, seen & row->attributes, 0,
		"attributes of the new file", PSX_CREATE_0015);
}

static const struct {
	const char *name;
	uint32_t attribute;
	uint32_t disposition;
} overwrite_rows[] = {
	{"hidden_overwritten", FILE_ATTRIBUTE_HIDDEN, FILE_OVERWRITE},
	{"system_overwritten", FILE_ATTRIBUTE_SYSTEM, FILE_OVERWRITE_IF},
	{"hidden_superseded", FILE_ATTRIBUTE_HIDDEN, FILE_SUPERSEDE}};

CONF_TABLE(posix, overwrite_of_a_hidden_file, overwrite_rows,
	"a hidden file is overwritten without saying that it is hidden",
	RULES(PSX_CREATE_0022), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct reply *made = file_create(
		a, "x", &(struct create_options){.attributes = row->attribute});

	need_ok(t, made);
	need_ok(t, file_close(file_of(made)));
	struct reply *w = file_create(a, "x",
		&(struct create_options){
			.disposition = DISPOSITION(row->disposition)});
	need_capability(t, w, w->status == STATUS_ACCESS_DENIED,
		"attributes that are stored");
	check_ok(t,
		posix_create(a, "x", 0640,
			&(struct create_options){
				.disposition = DISPOSITION(row->disposition)}),
		PSX_CREATE_0022);
}

/* --- files and directories --------------------------------------------- */

static const struct {
	const char *name;
	const char *path; /* "f" is a file, "d" a directory */
	uint32_t disposition, options, status;
	enum rule_id rule;
} kind_rows[] = {
	{"create_file_over_file", "f", FILE_CREATE, FILE_NON_DIRECTORY_FILE,
		STATUS_OBJECT_NAME_COLLISION, RULE_PSX_CREATE_0019},
	{"create_directory_over_directory", "d", FILE_CREATE,
		FILE_DIRECTORY_FILE, STATUS_OBJECT_NAME_COLLISION,
		RULE_PSX_CREATE_0019},
	{"create_file_over_directory", "d", FILE_CREATE,
		FILE_NON_DIRECTORY_FILE, STATUS_OBJECT_NAME_COLLISION,
		RULE_PSX_CREATE_0019},
	{"create_directory_over_file", "f", FILE_CREATE, FILE_DIRECTORY_FILE,
		STATUS_OBJECT_NAME_COLLISION, RULE_PSX_CREATE_0019},
	{"create_over_a_link", "l", FILE_CREATE, 0,
		STATUS_OBJECT_NAME_COLLISION, RULE_PSX_CREATE_0019},
	{"open_directory_as_file", "d", FILE_OPEN, FILE_NON_DIRECTORY_FILE,
		STATUS_FILE_IS_A_DIRECTORY, RULE_PSX_CREATE_0021},
	{"open_file_as_directory", "f", FILE_OPEN, FILE_DIRECTORY_FILE,
		STATUS_NOT_A_DIRECTORY, RULE_PSX_CREATE_0020},
	{"open_nothing", "none", FILE_OPEN, 0, STATUS_OBJECT_NAME_NOT_FOUND,
		RULE_PSX_CREATE_0016},
	{"open_nothing_below", "d/none", FILE_OPEN, 0,
		STATUS_OBJECT_NAME_NOT_FOUND, RULE_PSX_CREATE_0016},
	{"overwrite_nothing", "none", FILE_OVERWRITE, 0,
		STATUS_OBJECT_NAME_NOT_FOUND, RULE_PSX_CREATE_0016},
	{"open_below_nothing", "none/x", FILE_OPEN, 0,
		STATUS_OBJECT_PATH_NOT_FOUND, RULE_PSX_CREATE_0017},
	{"create_below_nothing", "none/x", FILE_CREATE, 0,
		STATUS_OBJECT_PATH_NOT_FOUND, RULE_PSX_CREATE_0017},
	{"open_further_below_nothing", "d/none/x/y", FILE_OPEN, 0,
		STATUS_OBJECT_PATH_NOT_FOUND, RULE_PSX_CREATE_0017},
	{"open_below_another_case", "D/f", FILE_OPEN, 0,
		STATUS_OBJECT_PATH_NOT_FOUND, RULE_PSX_CREATE_0017},
	{"open_below_a_file", "f/x", FILE_OPEN, 0, STATUS_NOT_A_DIRECTORY,
		RULE_PSX_CREATE_0018},
	{"create_below_a_file", "f/x", FILE_CREATE, 0, STATUS_NOT_A_DIRECTORY,
		RULE_PSX_CREATE_0018},
	{"open_further_below_a_file", "f/x/y", FILE_OPEN, 0,
		STATUS_NOT_A_DIRECTORY, RULE_PSX_CREATE_0018},
};

CONF_TABLE(posix, kinds, kind_rows,
	"what is there and what is asked for do not fit",
	RULES(PSX_CREATE_0016, PSX_CREATE_0017, PSX_CREATE_0018,
		PSX_CREATE_0019, PSX_CREATE_0020, PSX_CREATE_0021),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_make_directory(a, "d", 0755);
	posix_make_file(a, "d/f", 0640);
	posix_make_file(a, "f", 0640);
	if (row->path[0] == 'l') {
		posix_symlink(a, "l", "none");
	}
	rule_status(t,
		posix_create(a, row->path, 0640,
			&(struct create_options){
				.disposition = DISPOSITION(row->disposition),
				.options = row->options}),
		row->status, row->rule);
}

/* --- READONLY and sharing ---------------------------------------------- */

static const struct {
	const char *name;
	uint32_t access;
} write_rows[] = {{"write", FILE_WRITE_DATA},
	{"append", FILE_APPEND_DATA | FILE_READ_ATTRIBUTES}};

CONF_TABLE(posix, readonly_attribute, write_rows,
	"a file with the attribute READONLY is not opened for writing",
	RULES(PSX_CREATE_0023), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct reply *made = file_create(a, "x",
		&(struct create_options){
			.attributes = FILE_ATTRIBUTE_READONLY});

	need_ok(t, made);
	need_ok(t, file_close(file_of(made)));
	struct reply *w = file_create(
		a, "x", &(struct create_options){.access = FILE_WRITE_DATA});
	need_capability(t, w, w->status == STATUS_ACCESS_DENIED,
		"the attribute READONLY");
	check_status(t, posix_open(a, "x", row->access, 0),
		STATUS_ACCESS_DENIED, PSX_CREATE_0023);
	check_ok(t, posix_open(a, "x", FILE_READ_DATA, 0), PSX_CREATE_0023);
}

static const struct {
	const char *name;
	bool held, wanted; /* POSIX opens */
} sharing_rows[] = {{"posix_and_posix", true, true},
	{"posix_and_ordinary", true, false},
	{"ordinary_and_posix", false, true}};

static struct reply *open_as(
	struct peer *a, bool posix, const struct create_options *options)
{
	return posix ? posix_create(a, "x", 0, options)
		     : file_create(a, "x", options);
}

CONF_TABLE(posix, sharing, sharing_rows,
	"share modes count between all kinds of opens", RULES(PSX_CREATE_0024),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);

	posix_make_file(a, "x", 0640);
	need_ok(t, open_as(a, row->held,
			   &(struct create_options){.access = FILE_READ_DATA,
				   .share = SHARE_EXACT | FILE_SHARE_READ,
				   .disposition = DISPOSITION(FILE_OPEN)}));
	check_status(t,
		open_as(b, row->wanted,
			&(struct create_options){.access = FILE_WRITE_DATA,
				.disposition = DISPOSITION(FILE_OPEN)}),
		STATUS_SHARING_VIOLATION, PSX_CREATE_0024);
	check_ok(t,
		open_as(b, row->wanted,
			&(struct create_options){.access = FILE_READ_DATA,
				.disposition = DISPOSITION(FILE_OPEN)}),
		PSX_CREATE_0024);
}

/* --- compounds --------------------------------------------------------- */

CONF_TEST(posix, compound, "CREATE, QUERY_INFO of class 0x64 and CLOSE at once",
	RULES(PSX_CREATE_0025), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct smb2_create_request create = create_request(a, "", NULL);
	struct smb2_query_info_request query = {.info_type = SMB2_0_INFO_FILE,
		.file_info_class = FilePosixInformation,
		.output_buffer_length = 1024,
		.file_id = RELATED_FILE};
	struct smb2_close_request close = {.file_id = RELATED_FILE};
	struct chain *c = chain_begin(a);

	create.name = posix_path(a, "x");
	create.create_contexts = posix_contexts(t, 0640, nothing);
	chain_add(c, false, &smb2_create_request_type, &create);
	chain_add(c, true, &smb2_query_info_request_type, &query);
	chain_add(c, true, &smb2_close_request_type, &close);
	chain_call(c);
	need_ok(t, c->replies[0]);
	stop_ok(t, c->replies[1], PSX_CREATE_0025);
	struct file_posix_information i;
	stop(t, c->replies[1],
		file_posix_information_decode(query_data(c->replies[1]), &i) ==
			0,
		PSX_CREATE_0025, "information of class 0x64");
	check_number(t, c->replies[1], i.posix_mode,
		posix_answer(c->replies[0]).posix_mode, "POSIXMode",
		PSX_CREATE_0025);
	check_ok(t, c->replies[2], PSX_CREATE_0025);
}

/* SPDX-License-Identifier: MIT */
/*
 * Rules PSX-MODE: modes of new files and directories. POSIX-FSCC 2.1
 */
#include "posix/posix.h"

static const struct mode_row {
	const char *name;
	uint32_t mode;
} mode_rows[] = {{"0000", 0}, {"0001", 01}, {"0002", 02}, {"0004", 04},
	{"0010", 010}, {"0020", 020}, {"0040", 040}, {"0100", 0100},
	{"0200", 0200}, {"0400", 0400}, {"0644", 0644}, {"0666", 0666},
	{"0750", 0750}, {"0777", 0777}, {"1000", 01000}, {"1777", 01777},
	{"2000", 02000}, {"2755", 02755}, {"4000", 04000}, {"4755", 04755},
	{"6755", 06755}, {"7777", 07777}};

/* Made with little access, so that any mode can be made. */
static struct reply *make(struct peer *a, uint32_t options, uint32_t mode)
{
	return posix_create(a, "x", mode,
		&(struct create_options){
			.access = FILE_READ_ATTRIBUTES | WRITE_DAC,
			.disposition = DISPOSITION(FILE_CREATE),
			.options = options});
}

/* The mode of a new object: lower nine bits, the other three, as reported. */
static void check_mode(
	struct test *t, uint32_t options, uint32_t mode, enum rule_id rule)
{
	struct peer *a = posix_client(t);
	struct reply *r = make(a, options, mode);

	rule_status(t, r, STATUS_SUCCESS, rule);
	need_ok(t, r);
	uint32_t answered = posix_answer(r).posix_mode;
	rule_number(t, r, answered & 0777, mode & 0777,
		"lower nine bits in the response", rule);
	check_number(t, r, answered & 07000, mode & 07000,
		"setuid, setgid and sticky bits in the response",
		PSX_MODE_0003);
	uint32_t stored = posix_info(file_of(r)).posix_mode;
	check_number(t, r, stored, answered, "POSIXMode of the new object",
		PSX_MODE_0004);
	posix_chmod(file_of(r), 0700); /* so that it can be removed */
}

CONF_TABLE(posix, new_file, mode_rows,
	"a new file gets the mode of the context",
	RULES(PSX_MODE_0001, PSX_MODE_0003, PSX_MODE_0004),
	NEEDS(POSIX_EXTENSIONS))
{
	check_mode(t, FILE_NON_DIRECTORY_FILE, row->mode, RULE_PSX_MODE_0001);
}

CONF_TABLE(posix, new_directory, mode_rows,
	"a new directory gets the mode of the context",
	RULES(PSX_MODE_0002, PSX_MODE_0003, PSX_MODE_0004),
	NEEDS(POSIX_EXTENSIONS))
{
	check_mode(t, FILE_DIRECTORY_FILE, row->mode, RULE_PSX_MODE_0002);
}

/* --- bits that mean nothing -------------------------------------------- */

static const struct {
	const char *name;
	uint32_t mode;
} foreign_mode_rows[] = {{"all_bits", 0xffffffff}, {"no_mode_marker", 0xffff},
	{"st_mode_of_a_file", 0100640}, {"st_mode_of_a_directory", 040750},
	{"type_of_a_symlink", 0x2000 | 0640}, {"high_bit", 0x80000000 | 0640}};

CONF_TABLE(posix, bits_above_11_create, foreign_mode_rows,
	"bits above 11 of the mode mean nothing to a CREATE that creates",
	RULES(PSX_MODE_0005, PSX_MODE_0006), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *plain = need_posix(a, "plain", row->mode & 07777, NULL);
	struct reply *r = posix_create(a, "x", row->mode, NULL);

	stop_ok(t, r, PSX_MODE_0006);
	check_number(t, r, posix_answer(r).posix_mode,
		posix_answer(plain->create).posix_mode, "POSIXMode",
		PSX_MODE_0005);
}

CONF_TABLE(posix, bits_above_11_open, foreign_mode_rows,
	"bits above 11 of the mode mean nothing to a CREATE that opens",
	RULES(PSX_MODE_0006), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_make_file(a, "x", 0640);
	check_ok(t,
		posix_create(a, "x", row->mode,
			&(struct create_options){
				.disposition = DISPOSITION(FILE_OPEN)}),
		PSX_MODE_0006);
}

static const struct {
	const char *name;
	uint32_t disposition;
} existing_rows[] = {{"FILE_OPEN", FILE_OPEN}, {"FILE_OPEN_IF", FILE_OPEN_IF},
	{"FILE_OVERWRITE", FILE_OVERWRITE},
	{"FILE_OVERWRITE_IF", FILE_OVERWRITE_IF}};

CONF_TABLE(posix, mode_of_an_existing_file, existing_rows,
	"the mode in the context does not change a file that is there",
	RULES(PSX_MODE_0007), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0640, NULL);
	uint32_t before = posix_mode(f);

	need_ok(t, file_close(f));
	struct reply *r = posix_create(a, "x", 0604,
		&(struct create_options){
			.disposition = DISPOSITION(row->disposition)});
	stop_ok(t, r, PSX_MODE_0007);
	check_number(t, r, posix_answer(r).posix_mode & MODE_PERMISSIONS,
		before, "permissions in the response", PSX_MODE_0007);
	uint32_t after = posix_mode(file_of(r));
	check_number(
		t, r, after, before, "permissions of the file", PSX_MODE_0007);
}

/* --- what an overwritten file keeps ------------------------------------ */

static const struct {
	const char *name;
	uint32_t disposition;
} overwriting_rows[] = {{"FILE_OVERWRITE", FILE_OVERWRITE},
	{"FILE_OVERWRITE_IF", FILE_OVERWRITE_IF},
	{"FILE_SUPERSEDE", FILE_SUPERSEDE}};

CONF_TABLE(posix, overwritten_file, overwriting_rows,
	"a file that is overwritten keeps its inode, owner and mode",
	RULES(PSX_MODE_0007, PSX_MODE_0008), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0604, NULL);
	struct file_posix_information before = posix_info(f);

	need_ok(t, file_write(f, 0, "old", 3));
	need_ok(t, file_close(f));
	struct reply *r = posix_create(a, "x", 0660,
		&(struct create_options){
			.disposition = DISPOSITION(row->disposition)});
	need_ok(t, r);
	struct file_posix_information after = posix_info(file_of(r));
	check_number(t, r, after.inode, before.inode, "Inode", PSX_MODE_0008);
	check_bytes(t, r, after.owner_sid, before.owner_sid, "OwnerSID",
		PSX_MODE_0008);
	check_number(t, r, after.posix_mode, before.posix_mode, "POSIXMode",
		PSX_MODE_0007);
}

/* --- directories with the setgid bit ----------------------------------- */

CONF_TEST(posix, setgid_is_inherited,
	"a directory in one with the setgid bit has that bit too",
	RULES(PSX_MODE_0010), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *d = need_posix_directory(a, "d", 02755);

	need_capability(t, d->create, (posix_mode(d) & 02000) != 0,
		"directories with the setgid bit");
	struct file *e = need_posix_directory(a, "d/e", 0755);
	uint32_t mode = posix_mode(e);
	check_number(t, e->create, mode & 02000, 02000,
		"setgid bit of the new directory", PSX_MODE_0010);
}

/* A group that is not the one which new files get. */
static struct wire_view other_group(struct test *t, struct wire_view group)
{
	uint32_t sub[] = {2, 0};

	need_capability(t, NULL, group.n == 16 && group.p[7] == 22,
		"groups of the form S-1-22-2-gid");
	sub[1] = wire_get32(group.p + 12) == 1 ? 2 : 1;
	return sid_of(t, 22, sub, 2);
}

static const struct {
	const char *name;
	uint32_t options;
} inside_rows[] = {
	{"file", FILE_NON_DIRECTORY_FILE}, {"directory", FILE_DIRECTORY_FILE}};

CONF_TABLE(posix, group_is_inherited, inside_rows,
	"what is made in a directory with the setgid bit has its group",
	RULES(PSX_MODE_0009), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	const struct wire_view none = {NULL, 0};
	struct file *d = need_posix(a, "d", 0755,
		&(struct create_options){.options = FILE_DIRECTORY_FILE,
			.access = ACCESS_DEFAULT | WRITE_OWNER | WRITE_DAC});
	struct wire_view group = other_group(t, posix_info(d).group_sid);
	struct reply *given = file_set_security(d, GROUP_SECURITY_INFORMATION,
		descriptor_of(t, none, group, NULL, 0));

	need_capability(t, given, given->status == STATUS_SUCCESS,
		"a client that may give a directory to another group");
	need_ok(t, posix_chmod(d, 02755));
	struct file *f = need_posix(a, "d/x", 0640,
		&(struct create_options){.options = row->options});
	struct file_posix_information i = posix_info(f);
	check_bytes(t, f->create, i.group_sid, posix_info(d).group_sid,
		"GroupSID", PSX_MODE_0009);
}

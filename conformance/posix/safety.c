/* SPDX-License-Identifier: MIT */
/*
 * Rules PSX-SAFETY: what a client must not be able to do with the extensions.
 */
#include <string.h>

#include "posix/posix.h"

/* --- out of the share -------------------------------------------------- */

static const struct {
	const char *name;
	const char *path;
} outside_rows[] = {{"above", ".."}, {"file_above", "../passwd"},
	{"far_above", "../../../../../../../../etc/passwd"},
	{"after_a_directory", "d/../../../../../../../../../../etc/passwd"},
	{"absolute", "/etc/passwd"}, {"two_slashes", "//etc/passwd"}};

CONF_TABLE(posix, outside, outside_rows, "no name leads out of the share",
	RULES(PSX_SAFETY_0001), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_make_directory(a, "d", 0755);
	struct wire_view name = utf16(t, row->path);
	struct reply *r = posix_create_name(a, name, 0640,
		&(struct create_options){.access = FILE_READ_ATTRIBUTES,
			.disposition = DISPOSITION(FILE_OPEN)});
	check_refused(t, r, PSX_SAFETY_0001);
}

static const struct {
	const char *name;
	bool link;
	const char *path;
} new_rows[] = {{"rename_above", false, "../smb3x-outside"},
	{"rename_far_above", false, "../../../../../../tmp/smb3x-outside"},
	{"rename_absolute", false, "/tmp/smb3x-outside"},
	{"link_above", true, "../smb3x-outside"},
	{"link_far_above", true, "../../../../../../tmp/smb3x-outside"},
	{"link_absolute", true, "/tmp/smb3x-outside"}};

CONF_TABLE(posix, new_name_outside, new_rows,
	"nothing is renamed or linked out of the share", RULES(PSX_SAFETY_0001),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0640, NULL);
	struct wire_view name = utf16(t, row->path);
	struct reply *r = row->link ? posix_link_name(f, name, false)
				    : posix_rename_name(f, name, false);

	check_refused(t, r, PSX_SAFETY_0001);
	struct reply *still = posix_open(a, "x", FILE_READ_ATTRIBUTES, 0);
	check_ok(t, still, PSX_SAFETY_0001);
}

static const struct {
	const char *name;
	const char *target, *path;
} link_rows[] = {{"file_behind_a_link", "../../../../../../etc/passwd", "l"},
	{"file_below_a_link", "../../../../../../etc", "l/passwd"},
	{"absolute_file", "/etc/passwd", "l"},
	{"below_an_absolute_link", "/etc", "l/passwd"},
	{"root", "/", "l/etc/passwd"}};

CONF_TABLE(posix, link_outside, link_rows, "no link leads out of the share",
	RULES(PSX_SAFETY_0001), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_symlink(a, "l", row->target);
	struct reply *r = posix_open(a, row->path, FILE_READ_ATTRIBUTES, 0);
	check(t, r, r->status != STATUS_SUCCESS, PSX_SAFETY_0001,
		"an open that does not succeed");
	struct file *f = need_posix(a, "x", 0640, NULL);
	struct reply *moved = posix_rename(f, "l/smb3x-outside", false);
	check(t, moved, moved->status != STATUS_SUCCESS, PSX_SAFETY_0001,
		"a rename that does not succeed");
}

/* --- broken descriptors ------------------------------------------------ */

enum damage {
	MANY_SUBS,    /* SubAuthorityCount of the mode SID */
	SID_BEYOND,   /* the SID ends behind the buffer */
	ACE_BEYOND,   /* AceSize goes beyond the ACL */
	COUNT_BEYOND, /* more entries than there are */
	DACL_BEYOND,  /* OffsetDacl lies behind the buffer */
	OWNER_BEYOND, /* OffsetOwner lies behind the buffer */
	OWNER_MANY,   /* an owner of 16 sub-authorities */
	OWNER_CUT,    /* an owner that ends behind the buffer */
	GROUP_MANY,
	GROUP_CUT,
};

static const struct damage_row {
	const char *name;
	enum damage damage;
	enum rule_id rule;
} damage_rows[] = {
	{"mode_of_16_sub_authorities", MANY_SUBS, RULE_PSX_SAFETY_0002},
	{"mode_sid_beyond_the_end", SID_BEYOND, RULE_PSX_SAFETY_0003},
	{"entry_beyond_the_end", ACE_BEYOND, RULE_PSX_SAFETY_0003},
	{"entries_that_are_not_there", COUNT_BEYOND, RULE_PSX_SAFETY_0003},
	{"dacl_beyond_the_end", DACL_BEYOND, RULE_PSX_SAFETY_0003},
	{"owner_beyond_the_end", OWNER_BEYOND, RULE_PSX_SAFETY_0003},
	{"owner_of_16_sub_authorities", OWNER_MANY, RULE_PSX_SAFETY_0002},
	{"owner_cut_off", OWNER_CUT, RULE_PSX_SAFETY_0003},
	{"group_of_16_sub_authorities", GROUP_MANY, RULE_PSX_SAFETY_0002},
	{"group_cut_off", GROUP_CUT, RULE_PSX_SAFETY_0003},
};

/* Positions in the descriptor of mode_descriptor(). */
#define ACL_AT 20
#define ACE_AT 28
#define SID_AT 36

/* A descriptor of one entry for a mode, damaged. */
static struct wire_view damaged_dacl(struct test *t, enum damage damage)
{
	struct wire_view whole = mode_descriptor(t, 0611);
	uint8_t *b = test_alloc(t, whole.n);

	memcpy(b, whole.p, whole.n);
	switch (damage) {
	case MANY_SUBS:
		b[SID_AT + 1] = 16;
		break;
	case SID_BEYOND:
		b[SID_AT + 1] = 15;
		break;
	case ACE_BEYOND:
		wire_put16(b + ACE_AT + 2, 200);
		break;
	case COUNT_BEYOND:
		wire_put16(b + ACL_AT + 4, 2);
		break;
	default:
		wire_put32(b + 16, 4096);
		break;
	}
	return wire_view_of(b, whole.n);
}

/* A descriptor of an owner or a group, damaged. */
static struct wire_view damaged_sid(struct test *t, enum damage damage)
{
	uint32_t sub[16] = {1, 2001};
	bool many = damage == OWNER_MANY || damage == GROUP_MANY;
	bool group = damage == GROUP_MANY || damage == GROUP_CUT;
	size_t n = many ? 8 + 64 : 16;
	uint8_t *b = test_alloc(t, 20 + n);
	struct wire_view sid;

	sub[0] = group ? 2 : 1;
	sid = sid_of(t, 22, sub, many ? 16 : 2);
	b[0] = 1;
	wire_put16(b + 2, SE_SELF_RELATIVE);
	wire_put32(b + (group ? 8 : 4), damage == OWNER_BEYOND ? 4096 : 20);
	memcpy(b + 20, sid.p, n);
	if (!many) {
		b[21] = 5;
	}
	return wire_view_of(b, 20 + n);
}

CONF_TABLE(posix, broken_descriptor, damage_rows,
	"a broken security descriptor changes nothing",
	RULES(PSX_SAFETY_0002, PSX_SAFETY_0003), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	const uint32_t rights = READ_CONTROL | WRITE_DAC | FILE_READ_ATTRIBUTES;
	bool dacl = row->damage <= DACL_BEYOND;
	uint32_t part = dacl ? DACL_SECURITY_INFORMATION
			: row->damage >= GROUP_MANY
				? GROUP_SECURITY_INFORMATION
				: OWNER_SECURITY_INFORMATION;
	struct reply *o = posix_create(a, "x", 0640,
		&(struct create_options){
			.access = dacl ? rights : rights | WRITE_OWNER});

	need_capability(t, o, o->status == STATUS_SUCCESS,
		"WRITE_OWNER for who made the file");
	struct file *f = file_of(o);
	struct file_posix_information before = posix_info(f);
	struct reply *r = file_set_security(f, part,
		dacl ? damaged_dacl(t, row->damage)
		     : damaged_sid(t, row->damage));
	rule_refused(t, r, row->rule);
	struct file_posix_information after = posix_info(f);
	rule_number(t, r, after.posix_mode, before.posix_mode,
		"POSIXMode afterwards", row->rule);
	rule_bytes(t, r, after.owner_sid, before.owner_sid,
		"OwnerSID afterwards", row->rule);
	rule_bytes(t, r, after.group_sid, before.group_sid,
		"GroupSID afterwards", row->rule);
	posix_chmod(f, 0700); /* so that it can be removed */
}

/* --- null characters --------------------------------------------------- */

CONF_TEST(posix, null_in_a_name,
	"no file is made under the part before a null character",
	RULES(PSX_SAFETY_0004), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	const uint16_t units[] = {'a', 0, 'b'};
	struct reply *r = posix_create_name(
		a, posix_path_units(a, "", units, 3), 0640, NULL);

	check_refused(t, r, PSX_SAFETY_0004);
	struct reply *front = posix_open(a, "a", FILE_READ_ATTRIBUTES, 0);
	check_status(t, front, STATUS_OBJECT_NAME_NOT_FOUND, PSX_SAFETY_0004);
}

/* SPDX-License-Identifier: MIT */
/*
 * Rules PSX-SECURITY: modes, owners and groups in security descriptors.
 * POSIX-SMB2 3.3.5.21.3
 */
#include <string.h>

#include "posix/posix.h"

static const struct wire_view nothing;

#define CHANGE (READ_CONTROL | WRITE_DAC | WRITE_OWNER | FILE_READ_ATTRIBUTES)

/* A new file that may be changed; without WRITE_OWNER where that is more
 * than its owner is given. */
static struct file *changeable(struct peer *a, uint32_t mode, uint32_t options)
{
	struct create_options o = {
		.access = CHANGE | DELETE, .options = options};
	struct reply *r = posix_create(a, "x", mode, &o);

	if (r->status == STATUS_ACCESS_DENIED) {
		o.access &= ~WRITE_OWNER;
		r = posix_create(a, "x", mode, &o);
	}
	need_ok(a->t, r);
	return file_of(r);
}

/* One entry for a mode, of any shape. */
static struct reply *set_entry(
	struct file *f, uint8_t type, uint32_t mask, struct wire_view sid)
{
	struct test *t = f->peer->t;
	const struct posix_ace ace = {.type = type, .mask = mask, .sid = sid};

	return file_set_security(f, DACL_SECURITY_INFORMATION,
		descriptor_of(t, nothing, nothing, &ace, 1));
}

/* --- modes ------------------------------------------------------------- */

static const struct mode_row {
	const char *name;
	uint32_t mode;
	enum rule_id rule;
} mode_rows[] = {
	{"0000", 0, RULE_PSX_SECURITY_0005},
	{"0001", 01, RULE_PSX_SECURITY_0005},
	{"0002", 02, RULE_PSX_SECURITY_0005},
	{"0004", 04, RULE_PSX_SECURITY_0005},
	{"0010", 010, RULE_PSX_SECURITY_0005},
	{"0020", 020, RULE_PSX_SECURITY_0005},
	{"0040", 040, RULE_PSX_SECURITY_0005},
	{"0100", 0100, RULE_PSX_SECURITY_0005},
	{"0200", 0200, RULE_PSX_SECURITY_0005},
	{"0400", 0400, RULE_PSX_SECURITY_0005},
	{"0611", 0611, RULE_PSX_SECURITY_0005},
	{"0755", 0755, RULE_PSX_SECURITY_0005},
	{"0777", 0777, RULE_PSX_SECURITY_0005},
	{"1000", 01000, RULE_PSX_SECURITY_0006},
	{"1777", 01777, RULE_PSX_SECURITY_0006},
	{"2000", 02000, RULE_PSX_SECURITY_0006},
	{"2750", 02750, RULE_PSX_SECURITY_0006},
	{"4000", 04000, RULE_PSX_SECURITY_0006},
	{"4711", 04711, RULE_PSX_SECURITY_0006},
	{"6755", 06755, RULE_PSX_SECURITY_0006},
	{"7777", 07777, RULE_PSX_SECURITY_0006},
};

static void check_chmod(
	struct test *t, uint32_t options, uint32_t mode, enum rule_id rule)
{
	struct peer *a = posix_client(t);
	struct file *f = changeable(a, 0640, options);
	struct reply *r = posix_chmod(f, mode);

	rule_status(t, r, STATUS_SUCCESS, rule);
	uint32_t seen = posix_mode(f);
	rule_number(t, r, seen, mode, "permissions afterwards", rule);
	posix_chmod(f, 0700); /* so that it can be removed */
}

CONF_TABLE(posix, chmod_file, mode_rows, "a file gets the mode that is set",
	RULES(PSX_SECURITY_0005, PSX_SECURITY_0006), NEEDS(POSIX_EXTENSIONS))
{
	check_chmod(t, FILE_NON_DIRECTORY_FILE, row->mode, row->rule);
}

CONF_TABLE(posix, chmod_directory, mode_rows,
	"a directory gets the mode that is set",
	RULES(PSX_SECURITY_0005, PSX_SECURITY_0006), NEEDS(POSIX_EXTENSIONS))
{
	check_chmod(t, FILE_DIRECTORY_FILE, row->mode, row->rule);
}

static const struct {
	const char *name;
	uint32_t bit;
} clear_rows[] = {{"setuid", 04000}, {"setgid", 02000}, {"sticky", 01000}};

CONF_TABLE(posix, chmod_clears, clear_rows,
	"a bit that the mode does not have is cleared",
	RULES(PSX_SECURITY_0006), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f =
		changeable(a, 0755 | row->bit, FILE_NON_DIRECTORY_FILE);

	need_capability(t, f->create, (posix_mode(f) & row->bit) != 0,
		"files that are made with this bit");
	struct reply *r = posix_chmod(f, 0755);
	stop_ok(t, r, PSX_SECURITY_0006);
	uint32_t seen = posix_mode(f);
	check_number(
		t, r, seen, 0755, "permissions afterwards", PSX_SECURITY_0006);
}

CONF_TEST(posix, chmod_is_seen_everywhere,
	"a new mode is what the next open and a listing tell",
	RULES(PSX_SECURITY_0005), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	struct file *f = changeable(a, 0640, FILE_NON_DIRECTORY_FILE);
	struct reply *r = posix_chmod(f, 0611);

	stop_ok(t, r, PSX_SECURITY_0005);
	struct file *again = need_posix_open(b, "x", FILE_READ_ATTRIBUTES);
	check_number(t, r, posix_answer(again->create).posix_mode, 0611,
		"POSIXMode in a CREATE response", PSX_SECURITY_0005);
	struct file *top = need_posix_open(b, "", FILE_LIST_DIRECTORY);
	uint32_t listed = posix_find(top, "x").posix_mode;
	check_number(t, r, listed, 0611, "POSIXMode in a listing",
		PSX_SECURITY_0005);
}

/* --- the entry --------------------------------------------------------- */

static const struct {
	const char *name;
	uint8_t type;
	uint32_t mask;
} entry_rows[] = {{"denied", ACCESS_DENIED_ACE_TYPE, 0},
	{"full_access", ACCESS_ALLOWED_ACE_TYPE, 0x001f01ff},
	{"denied_full_access", ACCESS_DENIED_ACE_TYPE, 0x001f01ff},
	{"generic_all", ACCESS_ALLOWED_ACE_TYPE, 0x10000000},
	{"read", ACCESS_ALLOWED_ACE_TYPE, 0x00120089}};

CONF_TABLE(posix, type_and_mask, entry_rows,
	"type and mask of the entry mean nothing", RULES(PSX_SECURITY_0007),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = changeable(a, 0640, FILE_NON_DIRECTORY_FILE);
	struct reply *r =
		set_entry(f, row->type, row->mask, sid_of_mode(t, 0611));

	stop_ok(t, r, PSX_SECURITY_0007);
	uint32_t seen = posix_mode(f);
	check_number(
		t, r, seen, 0611, "permissions afterwards", PSX_SECURITY_0007);
}

static const struct {
	const char *name;
	uint32_t mode;
} high_rows[] = {{"st_mode", 0100611}, {"wire_type", 0x1000 | 0611},
	{"all_above", 0xfffff000 | 0611}, {"bit_12", 0x1000 | 0611}};

CONF_TABLE(posix, bits_above_11, high_rows,
	"bits above 11 of the mode SID mean nothing", RULES(PSX_SECURITY_0008),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = changeable(a, 0640, FILE_NON_DIRECTORY_FILE);
	struct reply *r = posix_chmod(f, row->mode);

	stop_ok(t, r, PSX_SECURITY_0008);
	uint32_t seen = posix_info(f).posix_mode;
	check_number(
		t, r, seen, 0611, "POSIXMode afterwards", PSX_SECURITY_0008);
}

static const struct {
	const char *name;
	unsigned int count; /* sub-authorities of 88, 3, mode, 0 */
	bool twice;         /* and a second entry */
} other_rows[] = {{"two_sub_authorities", 2, false},
	{"four_sub_authorities", 4, false}, {"two_entries", 3, true}};

CONF_TABLE(posix, no_mode, other_rows,
	"two entries, or a SID of another length, are no mode",
	RULES(PSX_SECURITY_0009), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = changeable(a, 0640, FILE_NON_DIRECTORY_FILE);
	const uint32_t sub[] = {88, 3, 0617, 0}, all[] = {0};
	const struct posix_ace aces[] = {{.sid = sid_of(t, 5, sub, row->count)},
		{.mask = 0x001f01ff, .sid = sid_of(t, 1, all, 1)}};

	need(t, posix_mode(f) == 0640, "a file of the mode 0640");
	struct reply *r = file_set_security(f, DACL_SECURITY_INFORMATION,
		descriptor_of(t, nothing, nothing, aces, row->twice ? 2 : 1));
	uint32_t seen = posix_mode(f);
	check(t, r, seen != 0617, PSX_SECURITY_0009,
		"permissions that are not those of the SID");
	posix_chmod(f, 0700); /* so that it can be removed */
}

/* --- who may ----------------------------------------------------------- */

CONF_TEST(posix, without_write_dac, "a mode is set with WRITE_DAC",
	RULES(PSX_SECURITY_0010), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_make_file(a, "x", 0640);
	struct file *f = need_posix_open(a, "x",
		FILE_READ_DATA | FILE_WRITE_DATA | FILE_READ_ATTRIBUTES);
	struct reply *r = posix_chmod(f, 0611);
	check_status(t, r, STATUS_ACCESS_DENIED, PSX_SECURITY_0010);
	uint32_t seen = posix_mode(f);
	check_number(
		t, r, seen, 0640, "permissions afterwards", PSX_SECURITY_0010);
}

CONF_TEST(posix, on_an_ordinary_open, "a mode is set on a POSIX open only",
	RULES(PSX_SECURITY_0011), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *p = need_posix(a, "x", 0640, NULL);
	struct reply *w = file_create(a, "x",
		&(struct create_options){.access = READ_CONTROL | WRITE_DAC,
			.disposition = DISPOSITION(FILE_OPEN)});

	need_ok(t, w);
	struct reply *r = posix_chmod(file_of(w), 0617);
	uint32_t seen = posix_mode(p);
	check(t, r, seen != 0617, PSX_SECURITY_0011,
		"permissions that are not those of the SID");
	struct file *f = need_posix_open(a, "x", WRITE_DAC);
	posix_chmod(f, 0700); /* so that it can be removed */
}

CONF_TEST(posix, of_a_link, "a symbolic link has no mode that could be set",
	RULES(PSX_SECURITY_0013), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_symlink(a, "l", "target");
	struct reply *o = posix_open(
		a, "l", CHANGE & ~WRITE_OWNER, FILE_OPEN_REPARSE_POINT);
	need_ok(t, o);
	struct reply *r = posix_chmod(file_of(o), 0611);
	check_status(t, r, STATUS_NOT_SUPPORTED, PSX_SECURITY_0013);
}

CONF_TEST(posix, readonly_stays, "a mode changes no attribute",
	RULES(PSX_SECURITY_0014), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	const struct file_basic_information basic = {
		.file_attributes = FILE_ATTRIBUTE_READONLY};
	struct file *f = need_posix(a, "x", 0640,
		&(struct create_options){.access = FILE_READ_ATTRIBUTES |
						   FILE_WRITE_ATTRIBUTES |
						   WRITE_DAC});

	need_ok(t, posix_chmod(f, 0440));
	uint32_t seen = posix_info(f).file_attributes;
	check_number(t, NULL, seen & FILE_ATTRIBUTE_READONLY, 0,
		"READONLY after 0440", PSX_SECURITY_0014);
	need_ok(t, posix_chmod(f, 0640));
	struct reply *set = file_set(f, SMB2_0_INFO_FILE, FileBasicInformation,
		encoded(t, &file_basic_information_type, &basic));
	need_ok(t, set);
	seen = posix_info(f).file_attributes;
	need_capability(t, set, (seen & FILE_ATTRIBUTE_READONLY) != 0,
		"the attribute READONLY");
	need_ok(t, posix_chmod(f, 0660));
	seen = posix_info(f).file_attributes;
	check_number(t, NULL, seen & FILE_ATTRIBUTE_READONLY,
		FILE_ATTRIBUTE_READONLY, "READONLY after 0660",
		PSX_SECURITY_0014);
}

CONF_TEST(posix, no_mode_in_descriptors,
	"a descriptor that is queried has no entries for modes",
	RULES(PSX_SECURITY_0015), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = changeable(a, 0640, FILE_NON_DIRECTORY_FILE);
	static const uint8_t prefix[] = {0, 0, 0, 0, 0, 5, 88, 0, 0, 0};
	struct reply *r = file_query_security(f,
		OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION |
			DACL_SECURITY_INFORMATION,
		65536);

	need_ok(t, r);
	struct wire_view data = query_data(r);
	need(t, data.n > 20, "a security descriptor");
	check(t, r, memmem(data.p, data.n, prefix, sizeof(prefix)) == NULL,
		PSX_SECURITY_0015, "no SID below S-1-5-88");
}

/* --- owner and group --------------------------------------------------- */

CONF_TEST(posix, form_of_the_sids,
	"owner and group are SIDs of UNIX users and groups, or of a domain",
	RULES(PSX_SECURITY_0016, PSX_SECURITY_0017), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0640, NULL);
	struct file_posix_information i = posix_info(f);
	struct wire_view sids[] = {i.owner_sid, i.group_sid};

	for (unsigned int n = 0; n < 2; n++) {
		struct wire_view s = sids[n];
		bool local = s.n == 16 && s.p[7] == 22 &&
			     wire_get32(s.p + 8) == n + 1;
		bool domain =
			s.n == 28 && s.p[7] == 5 && wire_get32(s.p + 8) == 21;

		check(t, NULL, local || domain, PSX_SECURITY_0017,
			"%s of the form S-1-22-%u-id or S-1-5-21-x-y-z-r",
			n == 0 ? "OwnerSID" : "GroupSID", n + 1);
	}
	struct smb2_create_posix_response c = posix_answer(f->create);
	check_bytes(t, f->create, c.owner_sid, i.owner_sid,
		"OwnerSID in the CREATE response", PSX_SECURITY_0016);
	check_bytes(t, f->create, c.group_sid, i.group_sid,
		"GroupSID in the CREATE response", PSX_SECURITY_0016);
}

/* A file with WRITE_OWNER; none: skipped. */
static struct file *own(struct peer *a)
{
	struct reply *r = posix_create(a, "x", 0640,
		&(struct create_options){.access = CHANGE | DELETE});

	need_capability(a->t, r, r->status == STATUS_SUCCESS,
		"WRITE_OWNER for who made the file");
	return file_of(r);
}

static const struct {
	const char *name;
	uint32_t information;
} part_rows[] = {{"owner", OWNER_SECURITY_INFORMATION},
	{"group", GROUP_SECURITY_INFORMATION},
	{"both", OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION}};

CONF_TABLE(posix, own_sids, part_rows,
	"the SIDs of class 0x64 are accepted as owner and group",
	RULES(PSX_SECURITY_0018, PSX_SECURITY_0022, PSX_SECURITY_0023),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = own(a);
	struct file_posix_information i = posix_info(f);
	bool owner = (row->information & OWNER_SECURITY_INFORMATION) != 0;
	bool group = (row->information & GROUP_SECURITY_INFORMATION) != 0;
	struct reply *r = file_set_security(f, row->information,
		descriptor_of(t, owner ? i.owner_sid : nothing,
			group ? i.group_sid : nothing, NULL, 0));

	stop_ok(t, r, PSX_SECURITY_0018);
	struct file_posix_information after = posix_info(f);
	check_bytes(t, r, after.owner_sid, i.owner_sid, "OwnerSID afterwards",
		PSX_SECURITY_0023);
	check_bytes(t, r, after.group_sid, i.group_sid, "GroupSID afterwards",
		PSX_SECURITY_0023);
	check_number(t, r, after.posix_mode, i.posix_mode,
		"POSIXMode afterwards", PSX_SECURITY_0022);
}

/* The id in S-1-22-kind-id; others: skipped. */
static uint32_t id_of(struct test *t, struct wire_view sid, uint32_t kind)
{
	need_capability(t, NULL,
		sid.n == 16 && sid.p[7] == 22 && wire_get32(sid.p + 8) == kind,
		"owner and group of the form S-1-22");
	return wire_get32(sid.p + 12);
}

static const struct {
	const char *name;
	uint8_t authority;
	uint32_t first; /* sub-authority in front of 1 or 2, 0 = none */
	bool owner;
	enum rule_id rule;
} form_rows[] = {
	{"unix_uid", 22, 0, true, RULE_PSX_SECURITY_0019},
	{"unix_gid", 22, 0, false, RULE_PSX_SECURITY_0019},
	{"nfs_uid", 5, 88, true, RULE_PSX_SECURITY_0020},
	{"nfs_gid", 5, 88, false, RULE_PSX_SECURITY_0020},
};

CONF_TABLE(posix, forms_of_sids, form_rows, "owners and groups by number",
	RULES(PSX_SECURITY_0019, PSX_SECURITY_0020, PSX_SECURITY_0023),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = own(a);
	struct file_posix_information i = posix_info(f);
	uint32_t kind = row->owner ? 1 : 2;
	uint32_t id = id_of(t, row->owner ? i.owner_sid : i.group_sid, kind);
	const uint32_t all[] = {row->first, kind, id};
	struct wire_view sid = row->first != 0 ? sid_of(t, 5, all, 3)
					       : sid_of(t, 22, all + 1, 2);
	struct reply *r = file_set_security(f,
		row->owner ? OWNER_SECURITY_INFORMATION
			   : GROUP_SECURITY_INFORMATION,
		row->owner ? descriptor_of(t, sid, nothing, NULL, 0)
			   : descriptor_of(t, nothing, sid, NULL, 0));

	rule_status(t, r, STATUS_SUCCESS, row->rule);
	struct file_posix_information after = posix_info(f);
	check_bytes(t, r, after.owner_sid, i.owner_sid, "OwnerSID afterwards",
		PSX_SECURITY_0023);
	check_bytes(t, r, after.group_sid, i.group_sid, "GroupSID afterwards",
		PSX_SECURITY_0023);
}

static const struct {
	const char *name;
	uint8_t authority;
	uint32_t sub[3];
	unsigned int count;
	bool owner;
} give_rows[] = {{"unix_uid", 22, {1, 4321}, 2, true},
	{"unix_gid", 22, {2, 4321}, 2, false},
	{"nfs_uid", 5, {88, 1, 4321}, 3, true},
	{"nfs_gid", 5, {88, 2, 4321}, 3, false}};

CONF_TABLE(posix, given_away, give_rows,
	"a file that is given to somebody else is his, and nothing else "
	"changes",
	RULES(PSX_SECURITY_0022, PSX_SECURITY_0023), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = own(a);
	struct wire_view sid = sid_of(t, row->authority, row->sub, row->count);
	struct file_posix_information before = posix_info(f);
	struct reply *r = file_set_security(f,
		row->owner ? OWNER_SECURITY_INFORMATION
			   : GROUP_SECURITY_INFORMATION,
		descriptor_of(t, row->owner ? sid : nothing,
			row->owner ? nothing : sid, NULL, 0));

	need_capability(t, r, r->status == STATUS_SUCCESS,
		"a client that may give its files away");
	struct file_posix_information i = posix_info(f);
	struct wire_view seen = row->owner ? i.owner_sid : i.group_sid;
	check_number(t, r, wire_get32(seen.p + seen.n - 4), 4321,
		"number of the new owner or group", PSX_SECURITY_0023);
	check_bytes(t, r, row->owner ? i.group_sid : i.owner_sid,
		row->owner ? before.group_sid : before.owner_sid,
		"the other of owner and group", PSX_SECURITY_0022);
	check_number(t, r, i.posix_mode, before.posix_mode, "POSIXMode",
		PSX_SECURITY_0022);
}

CONF_TEST(posix, mode_and_group, "mode and group in one request",
	RULES(PSX_SECURITY_0005, PSX_SECURITY_0012), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = own(a);
	const uint32_t gid[] = {2, 4321};
	const struct posix_ace ace = {.sid = sid_of_mode(t, 0611)};
	struct wire_view group = sid_of(t, 22, gid, 2);
	struct reply *alone = file_set_security(f, GROUP_SECURITY_INFORMATION,
		descriptor_of(t, nothing, group, NULL, 0));

	need_capability(t, alone, alone->status == STATUS_SUCCESS,
		"a client that may give its files to another group");
	const uint32_t next[] = {2, 4322};
	struct reply *r = file_set_security(f,
		GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
		descriptor_of(t, nothing, sid_of(t, 22, next, 2), &ace, 1));
	stop_ok(t, r, PSX_SECURITY_0012);
	struct file_posix_information i = posix_info(f);
	check_number(t, r, i.posix_mode, 0611, "POSIXMode", PSX_SECURITY_0005);
	check_number(t, r, wire_get32(i.group_sid.p + i.group_sid.n - 4), 4322,
		"number of the new group", PSX_SECURITY_0012);
}

CONF_TABLE(posix, without_write_owner, part_rows,
	"owner and group are set with WRITE_OWNER", RULES(PSX_SECURITY_0021),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_make_file(a, "x", 0640);
	struct file *f = need_posix_open(
		a, "x", READ_CONTROL | WRITE_DAC | FILE_READ_ATTRIBUTES);
	struct file_posix_information i = posix_info(f);
	struct reply *r = file_set_security(f, row->information,
		descriptor_of(t, i.owner_sid, i.group_sid, NULL, 0));
	check_status(t, r, STATUS_ACCESS_DENIED, PSX_SECURITY_0021);
}

CONF_TEST(posix, what_is_not_named_stays,
	"owner and group in a descriptor that only sets the mode mean nothing",
	RULES(PSX_SECURITY_0022), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = changeable(a, 0640, FILE_NON_DIRECTORY_FILE);
	struct file_posix_information before = posix_info(f);
	const uint32_t uid[] = {1, 4321}, gid[] = {2, 4321};
	const struct posix_ace ace = {.sid = sid_of_mode(t, 0611)};
	struct reply *r = file_set_security(f, DACL_SECURITY_INFORMATION,
		descriptor_of(t, sid_of(t, 22, uid, 2), sid_of(t, 22, gid, 2),
			&ace, 1));

	stop_ok(t, r, PSX_SECURITY_0022);
	struct file_posix_information i = posix_info(f);
	check_bytes(t, r, i.owner_sid, before.owner_sid, "OwnerSID",
		PSX_SECURITY_0022);
	check_bytes(t, r, i.group_sid, before.group_sid, "GroupSID",
		PSX_SECURITY_0022);
	check_number(t, r, i.posix_mode, 0611, "POSIXMode", PSX_SECURITY_0022);
}

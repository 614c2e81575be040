/* SPDX-License-Identifier: MIT */
/*
 * Security descriptors: parse, build, default, inheritance and the access
 * check. [MS-DTYP] 2.4.2 to 2.4.6, 2.5.3
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/access.h"

#define ACL_HEADER 8
#define ACE_HEADER 8 /* with the mask */
#define SD_HEADER 20
#define SD_ACES_MAX 1024

bool sid_is(struct wire_view a, const struct sid_bytes *b)
{
	return wire_view_equal(a, wire_view_of(b->b, b->n));
}

static void sid_make(struct sid_bytes *ret_sid, uint8_t authority,
	unsigned int n, const uint32_t *sub)
{
	unsigned int i;

	*ret_sid = (struct sid_bytes){.n = 8 + 4 * n};
	ret_sid->b[0] = 1;
	ret_sid->b[1] = (uint8_t)n;
	ret_sid->b[7] = authority;
	for (i = 0; i < n; i++) {
		wire_put32(ret_sid->b + 8 + 4 * i, sub[i]);
	}
}

/* S-1-22-1 and S-1-22-2: users and groups of Unix. */
void sid_of_user(uint32_t uid, struct sid_bytes *ret_sid)
{
	sid_make(ret_sid, 22, 2, (const uint32_t[]){1, uid});
}

void sid_of_group(uint32_t gid, struct sid_bytes *ret_sid)
{
	sid_make(ret_sid, 22, 2, (const uint32_t[]){2, gid});
}

static bool sid_is_wellknown(
	struct wire_view sid, uint8_t authority, uint32_t sub)
{
	struct sid_bytes known;

	sid_make(&known, authority, 1, &sub);
	return sid_is(sid, &known);
}

#define SID_EVERYONE(s) sid_is_wellknown(s, 1, 0)
#define SID_CREATOR_OWNER(s) sid_is_wellknown(s, 3, 0)
#define SID_CREATOR_GROUP(s) sid_is_wellknown(s, 3, 1)
#define SID_OWNER_RIGHTS(s) sid_is_wellknown(s, 3, 4)

/* The SID at the start of the view; empty when there is none. */
static struct wire_view sid_at(struct wire_view bytes)
{
	if (bytes.n < 8 || bytes.p[0] != 1 || bytes.p[1] > 15) {
		return (struct wire_view){0};
	}
	return wire_view_sub(bytes, 0, 8 + 4u * bytes.p[1]);
}

/* One ACE as far as files care: simple allow and deny ACEs. */
struct ace_view {
	uint8_t type, flags;
	uint32_t mask;
	struct wire_view sid, whole;
};

/* Takes the next ACE; 1, 0 at the end, -EBADMSG. */
static int ace_next(
	struct wire_view *aces, unsigned int *left, struct ace_view *ret_ace)
{
	struct ace_view ace;
	uint16_t size;

	if (*left == 0) {
		return 0;
	}
	if (aces->n < 4) {
		return -EBADMSG;
	}
	size = wire_get16(aces->p + 2);
	if (size < 4 || size % 4 != 0 || size > aces->n) {
		return -EBADMSG;
	}
	ace = (struct ace_view){.type = aces->p[0], .flags = aces->p[1]};
	ace.whole = wire_view_sub(*aces, 0, size);
	if (ace.type <= SYSTEM_ALARM_ACE_TYPE) {
		if (size < ACE_HEADER) {
			return -EBADMSG;
		}
		ace.mask = wire_get32(aces->p + 4);
		ace.sid = sid_at(wire_view_sub(
			ace.whole, ACE_HEADER, size - ACE_HEADER));
		if (ace.sid.n == 0) {
			return -EBADMSG;
		}
	}
	*aces = wire_view_sub(*aces, size, aces->n - size);
	(*left)--;
	*ret_ace = ace;
	return 1;
}

struct ace_walk {
	struct wire_view rest;
	unsigned int left;
};

static struct ace_walk ace_walk_of(struct wire_view acl)
{
	struct ace_walk walk = {{0}, 0};

	if (acl.n >= ACL_HEADER) {
		walk.left = wire_get16(acl.p + 4);
		walk.rest = wire_view_sub(acl, ACL_HEADER, acl.n - ACL_HEADER);
	}
	return walk;
}

/* The ACL at the start of the view, every ACE checked; -EBADMSG. */
static int acl_at(struct wire_view bytes, struct wire_view *ret_acl)
{
	struct ace_walk walk;
	struct ace_view ace;
	uint16_t size;
	int r;

	if (bytes.n < ACL_HEADER || bytes.p[0] < ACL_REVISION ||
		bytes.p[0] > ACL_REVISION_DS) {
		return -EBADMSG;
	}
	size = wire_get16(bytes.p + 2);
	if (size < ACL_HEADER || size > bytes.n ||
		wire_get16(bytes.p + 4) > SD_ACES_MAX) {
		return -EBADMSG;
	}
	*ret_acl = wire_view_sub(bytes, 0, size);
	walk = ace_walk_of(*ret_acl);
	do {
		r = ace_next(&walk.rest, &walk.left, &ace);
	} while (r > 0);
	return r;
}

static int sd_part(struct wire_view bytes, uint32_t offset, bool acl,
	struct wire_view *ret_part)
{
	struct wire_view rest;

	if (offset == 0) {
		return 0;
	}
	if (offset < SD_HEADER || offset >= bytes.n) {
		return -EBADMSG;
	}
	rest = wire_view_sub(bytes, offset, bytes.n - offset);
	if (acl) {
		return acl_at(rest, ret_part);
	}
	*ret_part = sid_at(rest);
	return ret_part->n ? 0 : -EBADMSG;
}

int sd_parse(struct wire_view bytes, struct sd *ret_sd)
{
	struct security_descriptor raw;
	struct sd sd = {0};

	if (bytes.n > SD_MAX || security_descriptor_decode(bytes, &raw) < 0 ||
		!(raw.control & SE_SELF_RELATIVE)) {
		return -EBADMSG;
	}
	sd.control = raw.control;
	if (sd_part(bytes, raw.offset_owner, false, &sd.owner) < 0 ||
		sd_part(bytes, raw.offset_group, false, &sd.group) < 0) {
		return -EBADMSG;
	}
	if ((sd.control & SE_SACL_PRESENT) &&
		sd_part(bytes, raw.offset_sacl, true, &sd.sacl) < 0) {
		return -EBADMSG;
	}
	if ((sd.control & SE_DACL_PRESENT) &&
		sd_part(bytes, raw.offset_dacl, true, &sd.dacl) < 0) {
		return -EBADMSG;
	}
	*ret_sd = sd;
	return 0;
}

/* Appends a part and notes its place in the header. */
static void sd_put(struct wire_buf *out, size_t where, struct wire_view part)
{
	if (part.n == 0) {
		return;
	}
	wire_buf_align(out, 4);
	if (!out->error && out->p) {
		wire_put32(out->p + where, (uint32_t)out->n);
	}
	wire_buf_bytes(out, part);
}

int sd_build(const struct sd *sd, uint8_t *ret_bytes, size_t size)
{
	struct wire_buf out = {.p = ret_bytes, .cap = size};

	if (size < SD_HEADER) {
		return -ENOBUFS;
	}
	wire_buf_zero(&out, SD_HEADER);
	ret_bytes[0] = 1;
	wire_put16(ret_bytes + 2, sd->control | SE_SELF_RELATIVE);
	sd_put(&out, 4, sd->owner);
	sd_put(&out, 8, sd->group);
	if (sd->control & SE_SACL_PRESENT) {
		sd_put(&out, 12, sd->sacl);
	}
	if (sd->control & SE_DACL_PRESENT) {
		sd_put(&out, 16, sd->dacl);
	}
	return out.error ? out.error : (int)out.n;
}

/* An ACL under construction. */
struct acl_draft {
	uint8_t b[8192];
	size_t n;
	unsigned int count;
};

static void acl_begin(struct acl_draft *acl)
{
	memset(acl->b, 0, ACL_HEADER);
	acl->b[0] = ACL_REVISION;
	acl->n = ACL_HEADER;
	acl->count = 0;
}

static void acl_add(struct acl_draft *acl, uint8_t type, uint8_t flags,
	uint32_t mask, struct wire_view sid)
{
	size_t size = ACE_HEADER + sid.n;
	uint8_t *p = acl->b + acl->n;

	if (size > sizeof acl->b - acl->n) {
		return;
	}
	p[0] = type;
	p[1] = flags;
	wire_put16(p + 2, (uint16_t)size);
	wire_put32(p + 4, mask);
	memcpy(p + ACE_HEADER, sid.p, sid.n);
	acl->n += size;
	acl->count++;
}

static struct wire_view acl_end(struct acl_draft *acl)
{
	wire_put16(acl->b + 2, (uint16_t)acl->n);
	wire_put16(acl->b + 4, (uint16_t)acl->count);
	return wire_view_of(acl->b, acl->n);
}

/* What three permission bits allow. */
static uint32_t sd_rights_of_mode(uint32_t rwx, bool directory)
{
	uint32_t rights = READ_CONTROL | SYNCHRONIZE | FILE_READ_ATTRIBUTES;

	if (rwx & 4) {
		rights |= FILE_READ_DATA | FILE_READ_EA;
	}
	if (rwx & 2) {
		rights |= FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_EA |
			  FILE_WRITE_ATTRIBUTES | DELETE;
		rights |= directory ? FILE_DELETE_CHILD : 0;
	}
	if (rwx & 1) {
		rights |= FILE_EXECUTE;
	}
	return rights;
}

int sd_default(const struct files_stat *stat, uint8_t *ret_bytes, size_t size)
{
	bool directory = S_ISDIR(stat->mode);
	struct sid_bytes owner, group, everyone;
	struct acl_draft acl;
	struct sd sd = {.control = SE_DACL_PRESENT | SE_SELF_RELATIVE};
	uint32_t own = sd_rights_of_mode(stat->mode >> 6 & 7, directory);

	sid_of_user(stat->uid, &owner);
	sid_of_group(stat->gid, &group);
	sid_make(&everyone, 1, 1, (const uint32_t[]){0});
	/* Reading and writing is all that an owner needs to hold it all. */
	if ((stat->mode & 0600) == 0600) {
		own = ACCESS_FILE_ALL;
	} else {
		own |= WRITE_DAC | WRITE_OWNER | FILE_WRITE_ATTRIBUTES | DELETE;
	}
	acl_begin(&acl);
	sd.owner = wire_view_of(owner.b, owner.n);
	sd.group = wire_view_of(group.b, group.n);
	acl_add(&acl, ACCESS_ALLOWED_ACE_TYPE, 0, own, sd.owner);
	acl_add(&acl, ACCESS_ALLOWED_ACE_TYPE, 0,
		sd_rights_of_mode(stat->mode >> 3 & 7, directory), sd.group);
	acl_add(&acl, ACCESS_ALLOWED_ACE_TYPE, 0,
		sd_rights_of_mode(stat->mode & 7, directory),
		wire_view_of(everyone.b, everyone.n));
	sd.dacl = acl_end(&acl);
	return sd_build(&sd, ret_bytes, size);
}

/* The ACEs that a child gets from one of its directory. */
static void sd_inherit_ace(struct acl_draft *acl, const struct ace_view *ace,
	const struct sid_bytes *owner, const struct sid_bytes *group,
	bool directory)
{
	uint8_t inherit =
		ace->flags & (OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE);
	bool applies = directory ? inherit & CONTAINER_INHERIT_ACE
				 : inherit & OBJECT_INHERIT_ACE;
	bool passes_on = directory && inherit &&
			 !(ace->flags & NO_PROPAGATE_INHERIT_ACE);
	struct wire_view sid = ace->sid;
	uint32_t mask = ace->mask;

	if (SID_CREATOR_OWNER(sid)) {
		sid = wire_view_of(owner->b, owner->n);
	} else if (SID_CREATOR_GROUP(sid)) {
		sid = wire_view_of(group->b, group->n);
	}
	if (applies) {
		mask = access_map_generic(mask);
	}
	/* An ACE whose meaning depends on the creator passes on as it was. */
	if (applies && passes_on && sid.p == ace->sid.p && mask == ace->mask) {
		acl_add(acl, ace->type, inherit | INHERITED_ACE, mask, sid);
		return;
	}
	if (applies) {
		acl_add(acl, ace->type, INHERITED_ACE, mask, sid);
	}
	if (passes_on) {
		acl_add(acl, ace->type,
			inherit | INHERIT_ONLY_ACE | INHERITED_ACE, ace->mask,
			ace->sid);
	}
}

int sd_inherit(const struct sd *parent, const struct auth_identity *who,
	bool directory, uint8_t *ret_bytes, size_t size)
{
	struct ace_walk walk = ace_walk_of(parent->dacl);
	struct sd sd = {.control = SE_DACL_PRESENT | SE_DACL_AUTO_INHERITED};
	struct sid_bytes owner, group;
	struct acl_draft acl;
	struct ace_view ace;

	sid_of_user(who->uid, &owner);
	sid_of_group(who->gid, &group);
	acl_begin(&acl);
	while (ace_next(&walk.rest, &walk.left, &ace) > 0) {
		if (ace.type == ACCESS_ALLOWED_ACE_TYPE ||
			ace.type == ACCESS_DENIED_ACE_TYPE) {
			sd_inherit_ace(&acl, &ace, &owner, &group, directory);
		}
	}
	if (acl.count == 0) {
		return 0;
	}
	sd.owner = wire_view_of(owner.b, owner.n);
	sd.group = wire_view_of(group.b, group.n);
	sd.dacl = acl_end(&acl);
	return sd_build(&sd, ret_bytes, size);
}

/* Is the user, or a group of the user, whom the SID names? */
static bool sd_names(struct wire_view sid, const struct auth_identity *who)
{
	struct sid_bytes mine;
	uint32_t i;

	if (SID_EVERYONE(sid) || sid_is_wellknown(sid, 5, 2) ||
		(!who->guest && !who->anonymous &&
			sid_is_wellknown(sid, 5, 11))) {
		return true;
	}
	sid_of_user(who->uid, &mine);
	if (sid_is(sid, &mine)) {
		return true;
	}
	sid_of_group(who->gid, &mine);
	if (sid_is(sid, &mine)) {
		return true;
	}
	for (i = 0; i < who->group_count; i++) {
		sid_of_group(who->groups[i], &mine);
		if (sid_is(sid, &mine)) {
			return true;
		}
	}
	sid_make(&mine, 5, 2, (const uint32_t[]){32, 544});
	return who->admin && sid_is(sid, &mine);
}

uint32_t sd_maximal(const struct sd *sd, const struct auth_identity *who)
{
	struct ace_walk walk = ace_walk_of(sd->dacl);
	bool owner = sd->owner.n > 0 && sd_names(sd->owner, who);
	bool owner_rights = false;
	uint32_t granted = 0, denied = 0;
	struct ace_view ace;

	/* No DACL: everybody may do everything. */
	if (!(sd->control & SE_DACL_PRESENT) || sd->dacl.n == 0) {
		return ACCESS_FILE_ALL;
	}
	while (ace_next(&walk.rest, &walk.left, &ace) > 0) {
		uint32_t mask = access_map_generic(ace.mask);

		if (ace.type > ACCESS_DENIED_ACE_TYPE ||
			(ace.flags & INHERIT_ONLY_ACE)) {
			continue;
		}
		if (SID_OWNER_RIGHTS(ace.sid)) {
			owner_rights = true;
			if (!owner) {
				continue;
			}
		} else if (!sd_names(ace.sid, who)) {
			continue;
		}
		if (ace.type == ACCESS_ALLOWED_ACE_TYPE) {
			granted |= mask & ~denied;
		} else {
			denied |= mask & ~granted;
		}
	}
	if (owner && !owner_rights) {
		granted |= READ_CONTROL | WRITE_DAC;
	}
	if (who->admin) {
		granted |= WRITE_OWNER | ACCESS_SYSTEM_SECURITY;
	}
	return granted;
}

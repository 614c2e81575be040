/* SPDX-License-Identifier: MIT */
/*
 * Security descriptors: their parts, and simple ones. [MS-DTYP] 2.4
 */
#include <string.h>

#include "suite/file.h"

#define SID_SUBAUTHORITIES 15

struct wire_view owner_in(struct test *t, struct wire_view descriptor)
{
	struct security_descriptor sd;

	need(t,
		security_descriptor_decode(descriptor, &sd) == 0 &&
			sd.owner_sid.n >= 8 &&
			sd.owner_sid.p[1] <= SID_SUBAUTHORITIES,
		"an owner");
	return bytes_of(t, sd.owner_sid.p, 8 + 4u * sd.owner_sid.p[1]);
}

struct wire_view dacl_of_one(
	struct test *t, struct wire_view sid, uint32_t mask)
{
	const struct ace_body body = {.mask = mask, .sid = sid};
	struct wire_view b = encoded(t, &ace_body_type, &body);
	const struct ace ace = {.ace_type = ACCESS_ALLOWED_ACE_TYPE,
		.ace_size = (uint16_t)(4 + b.n),
		.body = b};
	struct wire_view aces = encoded(t, &ace_type, &ace);
	const struct acl acl = {.acl_revision = ACL_REVISION,
		.acl_size = (uint16_t)(8 + aces.n),
		.ace_count = 1,
		.aces = aces};
	const struct security_descriptor sd = {.revision = 1,
		.control =
			SE_SELF_RELATIVE | SE_DACL_PRESENT | SE_DACL_PROTECTED,
		.offset_dacl = 20,
		.dacl = encoded(t, &acl_type, &acl)};

	return encoded(t, &security_descriptor_type, &sd);
}

static uint32_t granted_by(
	struct test *t, const struct acl *acl, struct wire_view sid)
{
	struct wire_view aces = acl->aces;
	uint32_t granted = 0;

	for (unsigned int i = 0; i < acl->ace_count && aces.n >= 8; i++) {
		size_t n = wire_get16(aces.p + 2);

		need(t, n >= 8 && n <= aces.n, "ACEs within the ACL");
		if (aces.p[0] == ACCESS_ALLOWED_ACE_TYPE && n >= 8 + sid.n &&
			memcmp(aces.p + 8, sid.p, sid.n) == 0) {
			granted |= wire_get32(aces.p + 4);
		}
		aces = wire_view_sub(aces, n, aces.n - n);
	}
	return granted;
}

uint32_t file_granted(struct file *file, struct wire_view sid)
{
	struct test *t = file->peer->t;
	struct reply *r =
		file_query_security(file, DACL_SECURITY_INFORMATION, 65536);
	struct security_descriptor sd;
	struct acl acl;

	need_ok(t, r);
	need(t,
		security_descriptor_decode(query_data(r), &sd) == 0 &&
			sd.offset_dacl != 0 && acl_decode(sd.dacl, &acl) == 0,
		"a DACL");
	return granted_by(t, &acl, sid);
}

/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-BREAK: what is copied into a file within the server counts as
 * written. [MS-SMB2] 3.3.5.15.6, [MS-FSA] 2.1.5.4
 */
#include <string.h>

#include "lease/lease.h"

#define SIZE 65536

static const struct copy_row {
	const char *name;
	uint32_t held, code;
} copy_rows[] = {{"R_copychunk", L_R, FSCTL_SRV_COPYCHUNK},
	{"RH_copychunk", L_RH, FSCTL_SRV_COPYCHUNK},
	{"RH_copychunk_write", L_RH, FSCTL_SRV_COPYCHUNK_WRITE},
	{"RH_duplicate", L_RH, FSCTL_DUPLICATE_EXTENTS_TO_FILE}};

static struct file *filled(struct peer *b, const char *path)
{
	struct file *f = need_file(b, path, NULL);

	need_ok(b->t, file_write(f, 0, test_alloc(b->t, SIZE), SIZE));
	return f;
}

static struct reply *copy_chunk(
	struct file *from, struct file *to, uint32_t code)
{
	struct test *t = to->peer->t;
	struct reply *key = file_fsctl(
		from, FSCTL_SRV_REQUEST_RESUME_KEY, (struct wire_view){0}, 32);
	uint8_t *p = test_alloc(t, 32 + 24);

	need_capability(t, key, key->status == STATUS_SUCCESS,
		"copies within the server");
	need(t, fsctl_data(key).n >= 24, "a key of 24 bytes");
	memcpy(p, fsctl_data(key).p, 24);
	wire_put32(p + 24, 1);
	wire_put32(p + 48, SIZE);
	return file_fsctl(to, code, wire_view_of(p, 32 + 24), 12);
}

static struct reply *duplicate(struct file *from, struct file *to)
{
	struct test *t = to->peer->t;
	const struct smb2_duplicate_extents_data data = {
		.source_file_id = from->id, .byte_count = SIZE};
	struct reply *r = file_fsctl(to, FSCTL_DUPLICATE_EXTENTS_TO_FILE,
		encoded(t, &smb2_duplicate_extents_data_type, &data), 0);

	need_capability(
		t, r, r->status == STATUS_SUCCESS, "a file system that clones");
	return r;
}

CONF_TABLE(lease, into, copy_rows,
	"a copy into a file breaks the leases of others on it",
	RULES(LEASE_BREAK_0038), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct file *from = filled(b, "y"), *to = filled(b, "x");
	struct lease *l = need_lease(a, "x", row->held);

	need_ok(t, row->code == FSCTL_DUPLICATE_EXTENTS_TO_FILE
			   ? duplicate(from, to)
			   : copy_chunk(from, to, row->code));
	check_break(t, l, L_NONE, row->held == L_R ? BREAK_NO_ACK : BREAK_ACK,
		RULE_LEASE_BREAK_0038);
}

CONF_TEST(lease, from, "a copy out of a file breaks no lease on it",
	RULES(LEASE_BREAK_0003), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct file *from = filled(b, "x"), *to = filled(b, "y");

	need_lease(a, "x", L_RH);
	need_ok(t, copy_chunk(from, to, FSCTL_SRV_COPYCHUNK));
	check_no_break(t, a, RULE_LEASE_BREAK_0003);
}

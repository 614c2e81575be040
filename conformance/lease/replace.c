/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-BREAK: a rename onto a file that somebody has open, and above
 * one. [MS-FSA] 2.1.4.2, 2.1.5.15.12
 */
#include "lease/lease.h"

/* FileRenameInformation of a new file onto "x". */
static struct request *replace_send(struct peer *b)
{
	struct test *t = b->t;
	const struct file_rename_information rename = {.replace_if_exists = 1,
		.file_name = utf16(t, test_path(b, "x"))};

	return set_info_send(need_file(b, "y", NULL), FileRenameInformation,
		encoded(t, &file_rename_information_type, &rename));
}

static const struct replace_row {
	const char *name;
	uint32_t held, to;
} replace_rows[] = {{"RWH", L_RWH, L_RW}, {"RH", L_RH, L_R}};

CONF_TABLE(lease, stays, replace_rows,
	"a file that stays open is not replaced by a rename",
	RULES(LEASE_BREAK_0036), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease(a, "x", row->held);
	struct request *move = replace_send(b);

	if (check_break(t, l, row->to, BREAK_ACK, RULE_LEASE_BREAK_0036)) {
		forbid_reply(t, move, QUIET_MS, LEASE_BREAK_0036);
		need_ok(t, lease_ack(l, row->to));
	}
	check_status(
		t, peer_wait(move), STATUS_ACCESS_DENIED, LEASE_BREAK_0036);
}

CONF_TABLE(lease, closes, replace_rows,
	"a file that its holder closes is replaced by a rename",
	RULES(LEASE_BREAK_0036, LEASE_BREAK_0037), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease(a, "x", row->held);
	struct request *move = replace_send(b);

	check_break(t, l, row->to, BREAK_ACK, RULE_LEASE_BREAK_0036);
	forbid_reply(t, move, QUIET_MS, LEASE_BREAK_0036);
	need_ok(t, file_close(l->file));
	check_ok(t, peer_wait(move), LEASE_BREAK_0037);
}

CONF_TEST(lease, batch_oplock,
	"a batch oplock on the file to replace is broken to none",
	RULES(LEASE_OPLOCK_0028))
{
	struct peer *a = client(t), *b = client(t);
	struct file *f = need_oplock(a, "x", O_BATCH, NULL);
	struct request *move = replace_send(b);

	if (check_oplock_break(t, f, O_NONE, RULE_LEASE_OPLOCK_0028)) {
		forbid_reply(t, move, QUIET_MS, LEASE_OPLOCK_0028);
		need_ok(t, file_close(f));
		check_ok(t, peer_wait(move), LEASE_OPLOCK_0028);
	}
}

CONF_TEST(lease, batch_oplock_below,
	"a batch oplock below a directory to rename is broken to none",
	RULES(LEASE_OPLOCK_0028))
{
	struct peer *a = client(t), *b = client(t);
	struct file *directory = need_directory(b, "d");
	struct file *f = need_oplock(a, "d\\x", O_BATCH, NULL);
	struct request *move = rename_send(directory, "e");

	if (check_oplock_break(t, f, O_NONE, RULE_LEASE_OPLOCK_0028)) {
		forbid_reply(t, move, QUIET_MS, LEASE_OPLOCK_0028);
		need_ok(t, file_close(f));
		check_ok(t, peer_wait(move), LEASE_OPLOCK_0028);
	}
}

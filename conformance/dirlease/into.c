/* SPDX-License-Identifier: MIT */
/*
 * Rules DIRL-RENAME and DIRL-BREAK: a rename into a directory that somebody
 * has open, one above several files, and when the holder hears of a change.
 * [MS-FSA] 2.1.4.2, 2.1.5.15.12
 */
#include "dirlease/dirlease.h"

/* A lease on the directory "d" with an open that may delete it. */
static struct lease *deletable(struct peer *a)
{
	return need_lease_with(a, "d",
		&(struct lease_request){.key = new_guid(a->t),
			.state = L_RH,
			.create = {.access = DELETE | FILE_READ_ATTRIBUTES,
				.options = FILE_DIRECTORY_FILE}});
}

CONF_TEST(dirlease, stays_open,
	"an open with DELETE keeps others from renaming into the directory",
	RULES(DIRL_RENAME_0008), NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = deletable(a);
	struct request *move = rename_send(need_file(b, "x", NULL), "d\\x");

	if (check_break(t, l, L_R, BREAK_ACK, RULE_DIRL_RENAME_0008)) {
		forbid_reply(t, move, QUIET_MS, DIRL_RENAME_0008);
		need_ok(t, lease_ack(l, L_R));
		check_status(t, peer_wait(move), STATUS_SHARING_VIOLATION,
			DIRL_RENAME_0008);
	}
}

CONF_TEST(dirlease, closes,
	"a rename into a directory goes on when that is closed",
	RULES(DIRL_RENAME_0008, DIRL_RENAME_0009), NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = deletable(a);
	struct request *move = rename_send(need_file(b, "x", NULL), "d\\x");

	if (check_break(t, l, L_R, BREAK_ACK, RULE_DIRL_RENAME_0008)) {
		forbid_reply(t, move, QUIET_MS, DIRL_RENAME_0008);
		need_ok(t, file_close(l->file));
	}
	check_ok(t, peer_wait(move), DIRL_RENAME_0009);
}

CONF_TEST(dirlease, opened_meanwhile,
	"a file that is opened meanwhile keeps the directory from being "
	"renamed",
	RULES(DIRL_RENAME_0007), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct file *directory = need_directory(b, "d");
	struct lease *l = need_lease(a, "d\\x", L_RH);
	struct request *move = rename_send(directory, "e");

	need_break(a);
	forbid_reply(t, move, QUIET_MS, DIRL_RENAME_0007);
	need_lease(a, "d\\y", L_RH);
	need_ok(t, file_close(l->file));
	check_status(
		t, peer_wait(move), STATUS_ACCESS_DENIED, DIRL_RENAME_0007);
	check_no_break(t, a, RULE_DIRL_RENAME_0007);
}

static const struct order_row {
	const char *name;
	bool remove;
} order_rows[] = {{"created", false}, {"removed", true}};

CONF_TABLE(dirlease, answer_first, order_rows,
	"the break comes after the answer to what has caused it",
	RULES(DIRL_BREAK_0016), NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t);
	struct reply *r;

	need_ok(t, file_close(need_directory(a, "d")));
	struct file *f =
		row->remove ? need_file(a, "d\\x",
				      &(struct create_options){
					      .options = FILE_DELETE_ON_CLOSE})
			    : NULL;
	need_directory_lease(a, "d", L_RH);
	if (row->remove) {
		r = file_close(f);
	} else {
		r = file_create(a, "d\\x", NULL);
	}
	need_ok(t, r);
	struct reply *brk = need_break(a);
	check(t, brk, brk->frame > r->frame, DIRL_BREAK_0016,
		"the break behind the answer");
}

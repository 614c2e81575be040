/* SPDX-License-Identifier: MIT */
/*
 * Rules DIRL-DELETE: removing entries and directory leases. [MS-FSA] 2.1.5.5
 */
#include "dirlease/dirlease.h"

#define REMOVING (DELETE | FILE_READ_ATTRIBUTES)

static const struct create_options removing = {
	.access = REMOVING, .disposition = DISPOSITION(FILE_OPEN)};

static void make_file(struct peer *b)
{
	need_ok(b->t, file_close(need_directory(b, "d")));
	need_ok(b->t, file_close(need_file(b, "d\\x", NULL)));
}

CONF_TEST(dirlease, removed, "the last close of a marked file breaks",
	RULES(DIRL_DELETE_0001, DIRL_DELETE_0002), NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);

	make_file(b);
	struct lease *d = need_directory_lease(a, "d", L_RH);
	struct file *f = need_child(b, "d\\x", d, PARENT_NONE, &removing);
	need_ok(t, file_delete(f));
	check_no_break(t, a, RULE_DIRL_DELETE_0002);
	need_ok(t, file_close(f));
	check_directory_break(t, d, RULE_DIRL_DELETE_0001);
}

CONF_TEST(dirlease, not_the_last_close,
	"a close of a marked file that is not the last breaks nothing",
	RULES(DIRL_DELETE_0001, DIRL_DELETE_0002), NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);

	make_file(b);
	struct lease *d = need_directory_lease(a, "d", L_RH);
	struct file *f = need_child(b, "d\\x", d, PARENT_NONE, &removing);
	struct file *g = need_file(b, "d\\x", &removing);
	need_ok(t, file_delete(f));
	need_ok(t, file_close(f));
	check_no_break(t, a, RULE_DIRL_DELETE_0002);
	need_ok(t, file_close(g));
	check_directory_break(t, d, RULE_DIRL_DELETE_0001);
}

static const struct {
	const char *name;
	enum parent marks, removes;
	bool broken;
	enum rule_id rule;
} key_rows[] = {
	{"both_right", PARENT_SAME, PARENT_SAME, false, RULE_DIRL_DELETE_0003},
	{"only_the_mark", PARENT_SAME, PARENT_OTHER, true,
		RULE_DIRL_DELETE_0004},
	{"only_the_close", PARENT_OTHER, PARENT_SAME, true,
		RULE_DIRL_DELETE_0004},
	{"mark_without_key", PARENT_NONE, PARENT_SAME, true,
		RULE_DIRL_DELETE_0004},
	{"close_without_key", PARENT_SAME, PARENT_NONE, true,
		RULE_DIRL_DELETE_0004},
	{"none", PARENT_NONE, PARENT_NONE, true, RULE_DIRL_DELETE_0001},
};

CONF_TABLE(dirlease, keys, key_rows,
	"who has marked and who removes both need the key",
	RULES(DIRL_DELETE_0001, DIRL_DELETE_0003, DIRL_DELETE_0004),
	NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);

	make_file(b);
	struct lease *d = need_directory_lease(a, "d", L_RH);
	struct file *marks = need_child(b, "d\\x", d, row->marks, &removing);
	struct file *removes =
		need_child(b, "d\\x", d, row->removes, &removing);
	need_ok(t, file_delete(marks));
	/* the break of the lease of the other open, if any */
	while (peer_notification(b, 50)->outcome == REPLY_ARRIVED) {
	}
	need_ok(t, file_close(marks));
	need_ok(t, file_close(removes));
	if (row->broken) {
		check_directory_break(t, d, row->rule);
	} else {
		check_no_break(t, a, row->rule);
	}
}

CONF_TEST(dirlease, directory_is_marked,
	"a directory that is marked loses its lease's H",
	RULES(DIRL_DELETE_0005), NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *d = need_directory_lease(a, "d", L_RH);
	struct file *f = need_file(b, "d",
		&(struct create_options){.access = REMOVING,
			.disposition = DISPOSITION(FILE_OPEN),
			.options = FILE_DIRECTORY_FILE});
	static const uint8_t yes = 1;
	struct request *mark = set_info_send(
		f, FileDispositionInformation, wire_view_of(&yes, 1));
	struct reply *n = peer_notification(a, REPLY_TIMEOUT_MS);
	const struct smb2_lease_break_notification *body = n->body;

	stop(t, n,
		n->outcome == REPLY_ARRIVED && body != NULL &&
			n->type == &smb2_lease_break_notification_type,
		DIRL_DELETE_0005, "a lease break");
	check_number(t, n, body->new_lease_state & L_H, 0,
		"SMB2_LEASE_HANDLE_CACHING in NewLeaseState", DIRL_DELETE_0005);
	if (body->flags != 0) {
		settle(b);
		need_ok(t, lease_ack(d, body->new_lease_state));
	}
	need_ok(t, peer_wait(mark));
}

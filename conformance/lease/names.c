/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-GRANT: a lease key and the names of its file. [MS-SMB2]
 * 3.3.5.9.8, 3.3.5.9.11
 */
#include "lease/lease.h"

static struct reply *again(struct lease *l, const char *path)
{
	return lease_open(l->peer, path,
		&(struct lease_request){.key = l->key, .state = l->state});
}

CONF_TEST(lease, key_of_a_stream,
	"a key belongs to the unnamed data or to a stream",
	RULES(LEASE_GRANT_0012), NEEDS(LEASES, FS_FLAG(FILE_NAMED_STREAMS)))
{
	struct peer *a = client(t);
	struct lease *l = need_lease(a, "x", L_RH);

	check_status(
		t, again(l, "x:s"), STATUS_INVALID_PARAMETER, LEASE_GRANT_0012);
	check_ok(t, again(l, "x"), LEASE_GRANT_0012);
}

CONF_TEST(lease, key_after_rename, "a key goes with the file to its new name",
	RULES(LEASE_GRANT_0009, LEASE_GRANT_0012), NEEDS(LEASES))
{
	struct peer *a = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);

	need_ok(t, file_rename(l->file, "y", false));
	check_ok(t, again(l, "y"), LEASE_GRANT_0009);
	check_status(
		t, again(l, "x"), STATUS_INVALID_PARAMETER, LEASE_GRANT_0012);
	check_no_break(t, a, RULE_LEASE_GRANT_0009);
}

CONF_TEST(lease, key_after_close, "a key is free when its last open is closed",
	RULES(LEASE_GRANT_0012), NEEDS(LEASES))
{
	struct peer *a = client(t);
	struct lease *l = need_lease(a, "x", L_RH);
	struct reply *second = again(l, "x");

	need_ok(t, second);
	need_ok(t, file_close(l->file));
	check_status(
		t, again(l, "y"), STATUS_INVALID_PARAMETER, LEASE_GRANT_0012);
	need_ok(t, file_close(file_of(second)));
	struct reply *r = again(l, "y");
	check_ok(t, r, LEASE_GRANT_0012);
}

CONF_TEST(lease, case_of_the_name,
	"a key serves the same name, however it is spelled",
	RULES(LEASE_GRANT_0009), NEEDS(LEASES))
{
	struct peer *a = client(t);
	struct lease *l = need_lease(a, "name", L_RH);

	check_ok(t, again(l, "NAME"), LEASE_GRANT_0009);
}

CONF_TEST(lease, key_of_a_hard_link,
	"another name of the same file, opened with the same key",
	RULES(LEASE_GRANT_0009), NEEDS(LEASES))
{
	struct peer *a = client(t);
	struct lease *l = need_lease(a, "x", L_RH);
	struct reply *link = peer_wait(hard_link_send(l->file, "y"));

	need_capability(t, link, link->status == STATUS_SUCCESS, "hard links");
	struct reply *r = again(l, "y");
	observe(t, r, "same_key_other_name", "%s", status_text(r->status));
	check_status_in(t, r, LEASE_GRANT_0009, STATUS_SUCCESS,
		STATUS_INVALID_PARAMETER);
	check_ok(t, again(l, "x"), LEASE_GRANT_0009);
}

CONF_TEST(lease, deleted_on_close,
	"the close of somebody else's open that deletes breaks H, and waits "
	"not",
	RULES(LEASE_BREAK_0017), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);

	need_ok(t, file_close(need_file(b, "x", NULL)));
	struct lease *l = need_lease(a, "x", L_RH);
	struct file *f = need_file(b, "x",
		&(struct create_options){.disposition = DISPOSITION(FILE_OPEN),
			.options = FILE_DELETE_ON_CLOSE});
	const struct smb2_close_request q = {.file_id = f->id};
	struct request *close = peer_send(b, &smb2_close_request_type, &q);

	if (check_break(t, l, L_R, BREAK_ACK, RULE_LEASE_BREAK_0017)) {
		struct reply *early = peer_wait_ms(close, QUIET_MS);

		observe(t, early, "close_that_deletes_waits", "%s",
			early->outcome == REPLY_TIMEOUT ? "yes" : "no");
		need_ok(t, lease_ack(l, L_R));
	}
	need_ok(t, peer_wait(close));
	struct reply *r = open_existing(b, "x", FILE_READ_DATA);
	check_status(t, r, STATUS_DELETE_PENDING, LEASE_BREAK_0017);
	need_ok(t, file_close(l->file));
	r = open_existing(b, "x", FILE_READ_DATA);
	check_status(t, r, STATUS_OBJECT_NAME_NOT_FOUND, LEASE_BREAK_0017);
}

static const struct doomed_row {
	const char *name;
	bool at_open; /* FILE_DELETE_ON_CLOSE; otherwise by SET_INFO */
} doomed_rows[] = {{"SET_INFO", false}, {"CREATE", true}};

CONF_TABLE(lease, key_of_a_doomed_file, doomed_rows,
	"the key of a file that is to be deleted serves others",
	RULES(LEASE_GRANT_0012, LEASE_GRANT_0024), NEEDS(LEASES))
{
	struct peer *a = client(t);
	struct lease *l = need_lease_with(a, "x",
		&(struct lease_request){.key = new_guid(t),
			.state = L_RWH,
			.create = {.options = row->at_open
						      ? FILE_DELETE_ON_CLOSE
						      : 0}});

	if (!row->at_open) {
		need_ok(t, file_delete(l->file));
	}
	struct reply *r = again(l, "y");
	check_ok(t, r, LEASE_GRANT_0024);
	need_ok(t, file_close(l->file));
	r = again(l, "z");
	check_ok(t, r, LEASE_GRANT_0012);
	need_ok(t, r);
	check_number(
		t, r, lease_answer(r).state, L_RWH, "state", LEASE_GRANT_0012);
}

/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-GRANT, LEASE-OPLOCK, LEASE-BREAK: what a lease is not granted
 * and not broken for, another way of an oplock break, and a SET_INFO that
 * waits. [MS-SMB2] 3.3.4.6, 3.3.5.9.8, [MS-FSA] 2.1.1.5, 2.1.4.12
 */
#include "lease/lease.h"

CONF_TEST(lease, streams, "the leases of streams are apart from each other",
	RULES(LEASE_GRANT_0022), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t), *c = client(t);
	struct reply *stream = file_create(c, "x:two", NULL);
	need_capability(
		t, stream, stream->status == STATUS_SUCCESS, "named streams");
	need_ok(t, file_close(file_of(stream)));
	struct lease *data = need_lease(a, "x", L_RWH);
	struct reply *r = lease_open(b, "x:one",
		&(struct lease_request){.key = new_guid(t), .state = L_RWH});

	need_ok(t, r);
	check_number(t, r, lease_answer(r).state, L_RWH, "LeaseState",
		LEASE_GRANT_0022);
	struct file *two = need_file(c, "x:two", NULL);
	check_no_break(t, a, RULE_LEASE_GRANT_0022);
	check_no_break(t, b, RULE_LEASE_GRANT_0022);
	need_ok(t, file_close(two));
	need_ok(t, file_close(file_of(r)));
	need_ok(t, file_close(data->file));
}

static const struct asked_row {
	const char *name;
	uint32_t state;
} asked_rows[] = {{"R", L_R}, {"RW", L_RW}, {"RH", L_RH}};

CONF_TABLE(lease, not_more, asked_rows,
	"a new lease has no more than was asked for", RULES(LEASE_GRANT_0023),
	NEEDS(LEASES))
{
	struct peer *a = client(t);
	struct reply *r = lease_open(a, "x",
		&(struct lease_request){
			.key = new_guid(t), .state = row->state});

	need_ok(t, r);
	check_number(t, r, lease_answer(r).state & ~row->state, 0,
		"LeaseState beyond the request", LEASE_GRANT_0023);
}

CONF_TEST(lease, beside_read_control,
	"an open that may read the security descriptor leaves no W to others",
	RULES(LEASE_GRANT_0013), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);

	need_ok(t, file_close(need_file(b, "x", NULL)));
	need_file(b, "x",
		&(struct create_options){.access = FILE_READ_ATTRIBUTES |
						   READ_CONTROL | SYNCHRONIZE});
	struct reply *r = lease_open(a, "x",
		&(struct lease_request){.key = new_guid(t), .state = L_RWH});
	need_ok(t, r);
	check_number(t, r, lease_answer(r).state, L_RH, "LeaseState",
		LEASE_GRANT_0013);
}

CONF_TEST(lease, oplock_on_another_connection,
	"an oplock break goes to another connection of the session",
	RULES(LEASE_OPLOCK_0029), NEEDS(DIALECT_MIN(0x0300), MULTICHANNEL))
{
	struct peer *a = client(t), *b = client(t);
	struct peer *second = client_bind(a);
	struct file *f = need_oplock(a, "x", O_BATCH, NULL);

	end_connection(a);
	struct request *open = open_send(b, "x", NULL);
	f->peer = second;
	if (check_oplock_break(t, f, O_II, RULE_LEASE_OPLOCK_0029)) {
		need_ok(t, oplock_ack(f, O_II));
	}
	need_ok(t, peer_wait(open));
}

static const struct name_row {
	const char *name;
	uint32_t held, to;
	enum model_lease_reason reason;
} name_rows[] = {{"RH_RENAME", L_RH, L_R, MODEL_LEASE_REASON_RENAME},
	{"RH_DELETE", L_RH, L_R, MODEL_LEASE_REASON_DELETE}};

CONF_TABLE(lease, name_waits, name_rows,
	"a change of the name waits for those who have the file open",
	RULES(LEASE_BREAK_0039, LEASE_BREAK_0041), NEEDS(LEASES))
{
	static const uint8_t yes = 1;
	struct peer *a = client(t), *b = client(t);

	need_ok(t, file_close(need_file(b, "x", NULL)));
	struct lease *l = need_lease(a, "x", row->held);
	struct file *f = need_file(b, "x", NULL);
	struct request *change =
		row->reason == MODEL_LEASE_REASON_RENAME
			? rename_send(f, "y")
			: set_info_send(f, FileDispositionInformation,
				  wire_view_of(&yes, 1));
	need_break(a);
	settle(b);
	forbid_reply(t, change, QUIET_MS, LEASE_BREAK_0039);
	need_ok(t, lease_ack(l, row->to));
	struct reply *r = peer_wait(change);
	check_ok(t, r, LEASE_BREAK_0039);
	check_number(
		t, r, r->interims, 0, "interim responses", LEASE_BREAK_0041);
}

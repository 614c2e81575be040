/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-REPLAY: replayed CREATE requests whose open has lost its
 * session, has another kind of caching, waits still, or was acknowledged for.
 * [MS-SMB2] 3.3.5.9, 3.3.5.22.2
 */
#include "durable/durable.h"

static const struct lost_row {
	const char *name;
	uint32_t state;
} lost_rows[] = {{"batch", 0}, {"RH", L_RH}, {"RWH", L_RWH}};

CONF_TABLE(replay, session_lost, lost_rows,
	"a CREATE that is replayed in a new session takes the open up, twice",
	RULES(LEASE_REPLAY_0010), NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t);
	struct durable_request q = {.state = row->state};
	struct reply *first = durable_open(a, "x", &q);

	need_ok(t, first);
	need(t, durable_answered(first), "a durable open");
	struct peer *again = lose(a);
	for (unsigned int i = 0; i < 2; i++) {
		struct reply *r = durable_replay(again, "x", &q);
		stop_ok(t, r, LEASE_REPLAY_0010);
		check_field(t, r, SMB2_CREATE_RESPONSE_F_CREATE_ACTION,
			FILE_CREATED, LEASE_REPLAY_0010);
		check_number(t, r,
			reply_as(r, smb2_create_response)->file_id.persistent,
			reply_as(first, smb2_create_response)
				->file_id.persistent,
			"FileId.Persistent", LEASE_REPLAY_0010);
		if (i == 1) {
			struct file *f = file_of(r);
			check_ok(
				t, file_write(f, 0, "x", 1), LEASE_REPLAY_0010);
			need_ok(t, file_close(f));
		}
	}
}

CONF_TEST(replay, acknowledged,
	"the acknowledgment of a break proves that the answer has come",
	RULES(LEASE_REPLAY_0011), NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct durable_request q = {.state = L_RWH};
	struct reply *first = durable_open(a, "x", &q);

	need_ok(t, first);
	struct request *open = open_send(b, "x", NULL);
	const struct smb2_lease_break_notification *n =
		reply_as(need_break(a), smb2_lease_break_notification);
	need_ok(t, lease_ack_on(a, q.key, n->new_lease_state));
	need_ok(t, peer_wait(open));
	struct reply *r = durable_replay(a, "x", &q);
	check(t, r,
		r->status != STATUS_SUCCESS ||
			reply_as(r, smb2_create_response)->file_id.volatile_ !=
				reply_as(first, smb2_create_response)
					->file_id.volatile_,
		LEASE_REPLAY_0011, "not the first open again");
}

CONF_TEST(replay, lease_for_an_oplock,
	"a CREATE without a lease that is replayed with one",
	RULES(LEASE_REPLAY_0012), NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t);
	struct durable_request q = {.oplock = O_BATCH};
	struct reply *first = durable_open(a, "x", &q);

	need_ok(t, first);
	q.state = L_RH;
	q.key = new_guid(t);
	check_status(t, durable_replay(a, "x", &q), STATUS_ACCESS_DENIED,
		LEASE_REPLAY_0012);
	need_ok(t, file_close(file_of(first)));
}

CONF_TEST(replay, waits_still, "a CREATE that is replayed while it waits",
	RULES(LEASE_REPLAY_0013), NEEDS(DURABLE_V2, LEASES, MULTICHANNEL))
{
	struct peer *a = client(t), *b = client(t);
	struct peer *second = client_bind(b);
	struct durable_request q = {.state = L_RWH};
	struct lease *l = need_lease(a, "x", L_RWH);
	struct request *open = durable_open_send(b, "x", &q);

	need_break(a);
	need_status(t, peer_interim(open), STATUS_PENDING);
	check_status(t, durable_replay(second, "x", &q),
		STATUS_FILE_NOT_AVAILABLE, LEASE_REPLAY_0013);
	need_ok(t, lease_ack(l, L_RH));
	need_ok(t, peer_wait(open));
}

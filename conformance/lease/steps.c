/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-BREAK: breaks that follow each other, and the connection that
 * they take. [MS-SMB2] 3.3.4.7
 */
#include "lease/lease.h"

/* RWH is broken to RH for an open, and an overwrite comes meanwhile. */
static void two_conflicts(
	struct lease *l, struct request **ret_open, struct request **ret_second)
{
	struct test *t = l->peer->t;

	*ret_open = open_send(client(t), "x", NULL);
	l->state = reply_as(need_break(l->peer), smb2_lease_break_notification)
			   ->new_lease_state;
	*ret_second = open_send(client(t), "x",
		&(struct create_options){
			.disposition = DISPOSITION(FILE_OVERWRITE)});
	need_status(t, peer_interim(*ret_second), STATUS_PENDING);
	need_ok(t, lease_ack(l, l->state));
}

CONF_TEST(lease, one_by_one,
	"what is taken after a break goes in steps, R last and alone",
	RULES(LEASE_BREAK_0033), NEEDS(LEASES))
{
	struct peer *a = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct request *open, *overwrite;

	two_conflicts(l, &open, &overwrite);
	check_break(t, l, L_R, BREAK_ACK, RULE_LEASE_BREAK_0033);
	need_ok(t, lease_ack(l, l->state));
	if (l->state) {
		check_break(t, l, L_NONE, BREAK_NO_ACK, RULE_LEASE_BREAK_0033);
	}
	need_ok(t, peer_wait(open));
	need_ok(t, peer_wait(overwrite));
}

CONF_TEST(lease, all_wait, "who has waited waits for the further breaks too",
	RULES(LEASE_BREAK_0034), NEEDS(LEASES))
{
	struct peer *a = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct request *open, *overwrite;

	two_conflicts(l, &open, &overwrite);
	const struct smb2_lease_break_notification *n =
		reply_as(need_break(a), smb2_lease_break_notification);
	need(t, n->flags != 0, "a further break to acknowledge");
	forbid_reply(t, open, QUIET_MS, LEASE_BREAK_0034);
	forbid_reply(t, overwrite, QUIET_MS, LEASE_BREAK_0034);
	need_ok(t, lease_ack(l, n->new_lease_state));
	need_ok(t, peer_wait(open));
	need_ok(t, peer_wait(overwrite));
}

CONF_TEST(lease, oldest_connection,
	"a break goes to the oldest connection of the client",
	RULES(LEASE_BREAK_0035), NEEDS(LEASES, MULTICHANNEL))
{
	struct peer *a = client(t), *b = client(t);
	struct peer *second = client_bind(a);
	struct lease *l = need_lease(second, "x", L_RWH);
	struct request *open = open_send(b, "x", NULL);

	l->peer = a;
	if (!check_break(t, l, L_RH, BREAK_ACK, RULE_LEASE_BREAK_0035)) {
		l->state = L_RH;
	}
	need_ok(t, lease_ack(l, L_RH));
	need_ok(t, peer_wait(open));
}

/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-BREAK and LEASE-ACK: breaks and the connections of a client.
 * [MS-SMB2] 3.3.4.6, 3.3.4.7, 3.3.5.22.2
 */
#include "lease/lease.h"

CONF_TEST(lease, acknowledged_elsewhere,
	"the connection of a break ends; it is acknowledged on another",
	RULES(LEASE_ACK_0009), NEEDS(LEASES, MULTICHANNEL))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct peer *second = client_bind(a);
	struct request *open = open_send(b, "x", NULL);
	struct reply *n = need_notification(a, second);
	struct peer *left = n->peer == a ? second : a;

	need_status(t, peer_interim(open), STATUS_PENDING);
	peer_disconnect(n->peer);
	check_ok(t, lease_ack_on(left, l->key, L_RH), LEASE_ACK_0009);
	check_ok(t, peer_wait(open), LEASE_ACK_0009);
}

#define ROUNDS 8

CONF_TEST(lease, answer_in_flight,
	"a break overtakes the answer to the CREATE that got the lease",
	RULES(LEASE_BREAK_0001, LEASE_ACK_0009, LEASE_GRANT_0013),
	NEEDS(LEASES, MULTICHANNEL))
{
	struct peer *a = client(t), *b = client(t);
	struct peer *second = client_bind(a);

	for (unsigned int i = 0; i < ROUNDS; i++) {
		const char *path = test_text(t, "x%u", i);
		const struct lease_request asked = {
			.key = new_guid(t), .state = L_RWH};

		need_ok(t, file_close(need_file(b, path, NULL)));
		struct request *create = lease_open_send(a, path, &asked);
		struct request *open = open_send(b, path, NULL);
		struct reply *r = peer_wait(create);
		struct lease *l = lease_of(r);

		if ((l->state & L_W) == 0) { /* it came second */
			check_ok(t, peer_wait(open), LEASE_GRANT_0013);
			continue;
		}
		struct reply *n = need_notification(a, second);
		check(t, n, n->type == &smb2_lease_break_notification_type,
			LEASE_BREAK_0001, "a lease break");
		check_ok(t, lease_ack_on(second, l->key, L_RH), LEASE_ACK_0009);
		check_ok(t, peer_wait(open), LEASE_BREAK_0001);
	}
}

CONF_TEST(lease, acknowledged_by_a_third,
	"a break is acknowledged neither where it came nor where the lease was "
	"asked for",
	RULES(LEASE_ACK_0009), NEEDS(LEASES, MULTICHANNEL))
{
	struct peer *a = client(t), *b = client(t);
	struct peer *second = client_bind(a), *third = client_bind(a);
	struct lease *l = need_lease(second, "x", L_RWH);
	struct request *open = open_send(b, "x", NULL);
	struct reply *n = need_notification(a, second);
	const char *channel = n->peer == a ? "oldest" : "that of the lease";

	observe(t, n, "break_channel", "%s", channel);
	check_ok(t, lease_ack_on(third, l->key, L_RH), LEASE_ACK_0009);
	check_ok(t, peer_wait(open), LEASE_ACK_0009);
}

CONF_TEST(lease, no_connection,
	"a lease whose client has gone without durable opens holds nobody up",
	RULES(LEASE_BREAK_0029), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);

	need_lease(a, "x", L_RWH);
	struct request *open = open_send(b, "x", NULL);
	need_break(a);
	need_status(t, peer_interim(open), STATUS_PENDING);
	peer_disconnect(a);
	check_ok(t, wait_at_once(open), LEASE_BREAK_0029);
}

CONF_TEST(lease, no_connection_oplock,
	"an oplock whose client has gone holds nobody up",
	RULES(LEASE_OPLOCK_0016))
{
	struct peer *a = client(t), *b = client(t);

	need_oplock(a, "x", O_BATCH, NULL);
	struct request *open = open_send(b, "x", NULL);
	need_status(t, peer_interim(open), STATUS_PENDING);
	peer_disconnect(a);
	check_ok(t, wait_at_once(open), LEASE_OPLOCK_0016);
}

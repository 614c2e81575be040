/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-ACK: acknowledgments of lease breaks. [MS-SMB2] 3.3.5.22.2
 */
#include "lease/lease.h"

CONF_TEST(lease, unknown_key, "an acknowledgment of a lease that there is not",
	RULES(LEASE_ACK_0001), NEEDS(LEASES))
{
	struct peer *a = client(t);

	need_lease(a, "x", L_RWH);
	struct reply *r = lease_ack_on(a, new_guid(t), L_R);
	check_status(t, r, STATUS_OBJECT_NAME_NOT_FOUND, LEASE_ACK_0001);
}

CONF_TEST(lease, other_client, "an acknowledgment of somebody else's lease",
	RULES(LEASE_ACK_0002), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct request *open = open_send(b, "x", NULL);

	need_break(a);
	struct reply *r = lease_ack_on(b, l->key, L_RH);
	check_status(t, r, STATUS_OBJECT_NAME_NOT_FOUND, LEASE_ACK_0002);
	need_ok(t, lease_ack(l, L_RH));
	need_ok(t, peer_wait(open));
}

CONF_TEST(lease, nothing_to_acknowledge,
	"an acknowledgment that nobody asked for", RULES(LEASE_ACK_0003),
	NEEDS(LEASES))
{
	struct peer *a = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);

	check_status(
		t, lease_ack(l, L_RH), STATUS_UNSUCCESSFUL, LEASE_ACK_0003);
}

CONF_TEST(lease, acknowledged_twice, "an acknowledgment that comes twice",
	RULES(LEASE_ACK_0003), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct request *open = open_send(b, "x", NULL);

	need_break(a);
	need_ok(t, lease_ack(l, L_RH));
	need_ok(t, peer_wait(open));
	check_status(
		t, lease_ack(l, L_RH), STATUS_UNSUCCESSFUL, LEASE_ACK_0003);
}

/* --- states, by the table
 * ----------------------------------------------------- */

#define ROW(to, state) \
	{ \
#to "_" #state, MODEL_HELD_##to, MODEL_WANTED_##state \
	}
#define ROWS(to) \
	ROW(to, NONE), ROW(to, R), ROW(to, RH), ROW(to, RW), ROW(to, HW), \
		ROW(to, RWH)

static const struct state_row {
	const char *name;
	enum model_held to;
	enum model_wanted state;
} state_rows[] = {ROWS(NONE), ROWS(R), ROWS(RW), ROWS(RH), ROW(NONE, H),
	ROW(NONE, W), ROW(R, H), ROW(R, W), ROW(RW, H), ROW(RW, W), ROW(RH, W),
	ROW(RH, H)};

/* Which state breaks to it, and by what. */
static const struct {
	uint32_t held, share, disposition;
} setting[MODEL_HELDS] = {
	[MODEL_HELD_NONE] = {L_RWH, 0, FILE_OVERWRITE},
	[MODEL_HELD_R] = {L_RW, 0, FILE_OPEN},
	[MODEL_HELD_RW] = {L_RWH, SHARE_EXACT, FILE_OPEN},
	[MODEL_HELD_RH] = {L_RWH, 0, FILE_OPEN},
};

CONF_TABLE(lease, state, state_rows, "which state may acknowledge which break",
	RULES(LEASE_ACK_0004, LEASE_ACK_0006, LEASE_ACK_0008), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	const struct model_lease_acknowledge *m =
		model_lease_acknowledge(row->to, row->state);
	enum rule_id rule = rule_named(t, m->rule);
	struct lease *l = need_lease_with(a, "x",
		&(struct lease_request){.key = new_guid(t),
			.state = setting[row->to].held,
			.create = {.share = setting[row->to].share}});
	struct request *open = open_send(b, "x",
		&(struct create_options){
			.disposition =
				DISPOSITION(setting[row->to].disposition)});

	struct reply *n = need_break(a);
	need(t,
		((const struct smb2_lease_break_notification *)n->body)
				->new_lease_state == held_bits(row->to),
		"a break to that state");
	struct reply *r = lease_ack(l, wanted_bits(row->state));
	if (m->answer == MODEL_LEASE_ANSWER_ACCEPTED) {
		rule_status(t, r, STATUS_SUCCESS, rule);
		rule_field(t, r, SMB2_LEASE_BREAK_RESPONSE_F_LEASE_STATE,
			wanted_bits(m->becomes), rule);
	} else {
		rule_status(t, r, STATUS_REQUEST_NOT_ACCEPTED, rule);
		file_close(l->file);
	}
	peer_wait(open);
}

CONF_TEST(lease, refused_and_repeated,
	"after a wrong acknowledgment a right one is still waited for",
	RULES(LEASE_ACK_0004, LEASE_ACK_0005), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct request *open = open_send(b, "x", NULL);

	need_break(a);
	check_status(t, lease_ack(l, L_RWH), STATUS_REQUEST_NOT_ACCEPTED,
		LEASE_ACK_0004);
	forbid_reply(t, open, QUIET_MS, LEASE_ACK_0005);
	check_ok(t, lease_ack(l, L_RH), LEASE_ACK_0005);
	check_ok(t, peer_wait(open), LEASE_ACK_0005);
}

CONF_TEST(lease, response, "the fields of a lease break response",
	RULES(LEASE_ACK_0006, LEASE_ACK_0007), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct request *open = open_send(b, "x", NULL);

	need_break(a);
	struct reply *r = lease_ack(l, L_RH);
	stop_ok(t, r, LEASE_ACK_0006);
	const struct smb2_lease_break_response *b2 =
		reply_as(r, smb2_lease_break_response);
	check_bytes(t, r, wire_view_of(b2->lease_key.b, 16),
		wire_view_of(l->key.b, 16), "LeaseKey", LEASE_ACK_0006);
	check_number(t, r, b2->lease_state, L_RH, "LeaseState", LEASE_ACK_0006);
	check_number(t, r, b2->flags, 0, "Flags", LEASE_ACK_0007);
	check_number(
		t, r, b2->lease_duration, 0, "LeaseDuration", LEASE_ACK_0007);
	need_ok(t, peer_wait(open));
}

CONF_TEST(lease, less_is_held, "an acknowledgment of less gives up more",
	RULES(LEASE_ACK_0008), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct request *open = open_send(b, "x", NULL);

	need_break(a);
	check_ok(t, lease_ack(l, L_R), LEASE_ACK_0008);
	need_ok(t, peer_wait(open));
	struct reply *again = lease_open(
		a, "x", &(struct lease_request){.key = l->key, .state = L_R});
	uint32_t held = lease_answer(again).state;
	check_number(
		t, again, held, L_R, "LeaseState afterwards", LEASE_ACK_0008);
}

CONF_TEST(lease, on_another_connection,
	"an acknowledgment may come on another connection of the client",
	RULES(LEASE_ACK_0009), NEEDS(LEASES, MULTICHANNEL))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct peer *second = client_bind(a);
	struct request *open = open_send(b, "x", NULL);

	need_notification(a, second);
	check_ok(t, lease_ack_on(second, l->key, L_RH), LEASE_ACK_0009);
	check_ok(t, peer_wait(open), LEASE_ACK_0009);
}

CONF_TEST(lease, not_in_time,
	"a break that is not acknowledged is over some time",
	RULES(LEASE_ACK_0010, LEASE_ACK_0011), NEEDS(LEASES), BUDGET_MS(70000))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct request *open = open_send(b, "x", NULL);

	need_break(a);
	struct reply *r = peer_wait_ms(open, BREAK_TIMEOUT_MS);
	stop_ok(t, r, LEASE_ACK_0010);
	struct reply *late = lease_ack(l, L_RH);
	check_status(t, late, STATUS_UNSUCCESSFUL, LEASE_ACK_0011);
}

/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-EPOCH: how the epoch of a lease counts. [MS-SMB2] 3.3.5.9.11,
 * 3.3.4.7
 */
#include "lease/lease.h"

static const struct {
	const char *name;
	uint16_t epoch;
} epoch_rows[] = {{"0", 0}, {"1", 1}, {"0x4711", 0x4711}, {"0xffff", 0xffff}};

CONF_TABLE(lease, granted, epoch_rows, "a new lease adds one to the epoch",
	RULES(LEASE_EPOCH_0001), NEEDS(LEASES, DIALECT_MIN(0x0300)))
{
	struct peer *a = client(t);
	struct reply *r = lease_open(a, "x",
		&(struct lease_request){.key = new_guid(t),
			.state = L_RH,
			.epoch = row->epoch});
	struct lease_answer answer = lease_answer(r);

	check_number(t, r, answer.epoch, (uint16_t)(row->epoch + 1), "Epoch",
		LEASE_EPOCH_0001);
}

CONF_TABLE(lease, nothing_granted, epoch_rows,
	"a lease that is granted nothing leaves the epoch",
	RULES(LEASE_EPOCH_0002), NEEDS(LEASES, DIALECT_MIN(0x0300)))
{
	struct peer *a = client(t);
	struct reply *r = lease_open(a, "x",
		&(struct lease_request){
			.key = new_guid(t), .epoch = row->epoch});
	struct lease_answer answer = lease_answer(r);

	check_number(t, r, answer.epoch, row->epoch, "Epoch", LEASE_EPOCH_0002);
}

static const struct {
	const char *name;
	uint32_t held, wanted;
	uint16_t epoch;
	unsigned int more;
	enum rule_id rule;
} again_rows[] = {{"R_RH", L_R, L_RH, 100, 1, RULE_LEASE_EPOCH_0003},
	{"RH_RWH", L_RH, L_RWH, 100, 1, RULE_LEASE_EPOCH_0003},
	{"R_RWH", L_R, L_RWH, 100, 1, RULE_LEASE_EPOCH_0003},
	{"R_RH_wraps", L_R, L_RH, 0xfffe, 1, RULE_LEASE_EPOCH_0003},
	{"R_R", L_R, L_R, 100, 0, RULE_LEASE_EPOCH_0004},
	{"RWH_R", L_RWH, L_R, 100, 0, RULE_LEASE_EPOCH_0004},
	{"RH_NONE", L_RH, L_NONE, 100, 0, RULE_LEASE_EPOCH_0004},
	{"R_R_at_the_end", L_R, L_R, 0xfffe, 0, RULE_LEASE_EPOCH_0004}};

CONF_TABLE(lease, again, again_rows,
	"an open that extends the lease adds one, another nothing",
	RULES(LEASE_EPOCH_0003, LEASE_EPOCH_0004),
	NEEDS(LEASES, DIALECT_MIN(0x0300)))
{
	struct peer *a = client(t);
	struct lease_request request = {
		.key = new_guid(t), .state = row->held, .epoch = row->epoch};
	struct lease *l = need_lease_with(a, "x", &request);

	request.state = row->wanted;
	request.epoch = 7; /* of no importance */
	struct reply *r = lease_open(a, "x", &request);
	struct lease_answer answer = lease_answer(r);
	rule_number(t, r, answer.epoch, (uint16_t)(l->epoch + row->more),
		"Epoch", row->rule);
}

static const struct {
	const char *name;
	uint32_t state;
	uint32_t disposition;
	uint16_t epoch;
} break_rows[] = {{"RWH", L_RWH, FILE_OPEN, 100}, {"RW", L_RW, FILE_OPEN, 100},
	{"RH", L_RH, FILE_OVERWRITE, 100}, {"R", L_R, FILE_OVERWRITE, 100},
	{"RWH_wraps", L_RWH, FILE_OPEN, 0xfffe},
	{"R_wraps", L_R, FILE_OVERWRITE, 0xfffe},
	{"RWH_wrapped", L_RWH, FILE_OPEN, 0xffff}};

CONF_TABLE(lease, broken, break_rows, "a break adds one",
	RULES(LEASE_EPOCH_0005), NEEDS(LEASES, DIALECT_MIN(0x0300)))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease_with(a, "x",
		&(struct lease_request){.key = new_guid(t),
			.state = row->state,
			.epoch = row->epoch});
	struct request *open = open_send(b, "x",
		&(struct create_options){
			.disposition = DISPOSITION(row->disposition)});
	struct reply *r = need_break(a);
	const struct smb2_lease_break_notification *n = r->body;

	check_number(t, r, n->new_epoch, (uint16_t)(l->epoch + 1), "NewEpoch",
		LEASE_EPOCH_0005);
	if (n->flags != 0) {
		need_ok(t, lease_ack(l, n->new_lease_state));
	}
	need_ok(t, peer_wait(open));
}

CONF_TEST(lease, version_1, "a lease of version 1 has no epoch",
	RULES(LEASE_EPOCH_0006), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease_with(a, "x",
		&(struct lease_request){
			.key = new_guid(t), .state = L_RWH, .v1 = true});
	struct request *open = open_send(b, "x", NULL);
	struct reply *r = need_break(a);
	const struct smb2_lease_break_notification *n = r->body;

	check_number(t, r, n->new_epoch, 0, "NewEpoch", LEASE_EPOCH_0006);
	need_ok(t, lease_ack(l, L_RH));
	need_ok(t, peer_wait(open));
}

CONF_TEST(lease, later_breaks,
	"breaks that were remembered during another add nothing",
	RULES(LEASE_EPOCH_0007), NEEDS(LEASES, DIALECT_MIN(0x0300)))
{
	struct peer *a = client(t), *b = client(t), *c = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct request *open = open_send(b, "x", NULL);
	struct reply *first = need_break(a);
	uint16_t epoch =
		((const struct smb2_lease_break_notification *)first->body)
			->new_epoch;
	struct request *overwrite = open_send(c, "x",
		&(struct create_options){
			.disposition = DISPOSITION(FILE_OVERWRITE)});

	need_status(t, peer_interim(overwrite), STATUS_PENDING);
	need_ok(t, lease_ack(l, L_RH));
	struct reply *second = need_break(a);
	const struct smb2_lease_break_notification *n = second->body;
	check_number(
		t, second, n->new_epoch, epoch, "NewEpoch", LEASE_EPOCH_0007);
	need_ok(t, lease_ack(l, L_NONE));
	need_ok(t, peer_wait(open));
	need_ok(t, peer_wait(overwrite));
}

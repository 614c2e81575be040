/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-GRANT: leases on files and what they are granted. [MS-SMB2]
 * 3.3.5.9.8, 3.3.5.9.11
 */
#include <string.h>

#include "lease/lease.h"

/* --- the capability and the context ------------------------------------------
 */

static const struct {
	const char *name;
	uint16_t dialect;
} dialect_rows[] = {
	{"2.1", 0x0210}, {"3.0", 0x0300}, {"3.0.2", 0x0302}, {"3.1.1", 0x0311}};

CONF_TABLE(lease, capability, dialect_rows, "leases are offered from 2.1 on",
	RULES(LEASE_GRANT_0001), NEEDS(LEASES))
{
	struct peer *a =
		client_with(t, &(struct client_options){
				       .dialect = row->dialect, .plain = true});

	check_flags(t, a->negotiate, SMB2_NEGOTIATE_RESPONSE_F_CAPABILITIES,
		SMB2_GLOBAL_CAP_LEASING, 0, LEASE_GRANT_0001);
}

static const struct {
	const char *name;
	uint8_t level;
} level_rows[] = {{"none", SMB2_OPLOCK_LEVEL_NONE},
	{"level_II", SMB2_OPLOCK_LEVEL_II}, {"batch", SMB2_OPLOCK_LEVEL_BATCH}};

CONF_TABLE(lease, other_oplock_level, level_rows,
	"the context counts only with SMB2_OPLOCK_LEVEL_LEASE",
	RULES(LEASE_GRANT_0002), NEEDS(LEASES))
{
	struct peer *a = client(t);
	const struct lease_request l = {.key = new_guid(t), .state = L_RWH};
	struct lease_answer answer;
	struct reply *r = file_create(a, "x",
		&(struct create_options){.oplock = row->level,
			.contexts = lease_contexts(t, &l)});

	need_ok(t, r);
	check(t, r, !lease_answered(r, &answer), LEASE_GRANT_0002,
		"no lease context in the response");
	check_field_not(t, r, SMB2_CREATE_RESPONSE_F_OPLOCK_LEVEL,
		SMB2_OPLOCK_LEVEL_LEASE, LEASE_GRANT_0002);
}

static const struct {
	const char *name;
	unsigned int size;
} size_rows[] = {{"nothing", 0}, {"16_bytes", 16}, {"31_bytes", 31},
	{"33_bytes", 33}, {"51_bytes", 51}, {"53_bytes", 53}, {"64_bytes", 64}};

CONF_TABLE(lease, size, size_rows, "the context has 32 or 52 bytes",
	RULES(LEASE_GRANT_0003), NEEDS(LEASES, DIALECT_MIN(0x0300)))
{
	struct peer *a = client(t);
	static const uint8_t bytes[64] = {1, [16] = 7};
	const struct create_context c = {
		text_bytes("RqLs"), wire_view_of(bytes, row->size)};
	struct reply *r = file_create(a, "x",
		&(struct create_options){.oplock = SMB2_OPLOCK_LEVEL_LEASE,
			.contexts = create_contexts(t, &c, 1)});

	check_status(t, r, STATUS_INVALID_PARAMETER, LEASE_GRANT_0003);
}

CONF_TEST(lease, version_2_in_2_1, "dialect 2.1 knows no version 2",
	RULES(LEASE_GRANT_0004), NEEDS(LEASES, DIALECT_MAX(0x0210)))
{
	struct peer *a =
		client_with(t, &(struct client_options){.dialect = 0x0210});
	struct lease_answer answer;
	struct reply *r = lease_open(a, "x",
		&(struct lease_request){.key = new_guid(t), .state = L_RWH});

	need_ok(t, r);
	check(t, r, !lease_answered(r, &answer), LEASE_GRANT_0004,
		"no lease context in the response");
}

static const struct {
	const char *name;
	bool v1;
} version_rows[] = {{"version_1", true}, {"version_2", false}};

CONF_TABLE(lease, response, version_rows, "the lease context of the response",
	RULES(LEASE_GRANT_0005, LEASE_GRANT_0008), NEEDS(LEASES))
{
	struct peer *a = client(t);
	struct wire_guid key = new_guid(t);
	struct reply *r = lease_open(a, "x",
		&(struct lease_request){
			.key = key, .state = L_RH, .v1 = row->v1});

	need_ok(t, r);
	check_field(t, r, SMB2_CREATE_RESPONSE_F_OPLOCK_LEVEL,
		SMB2_OPLOCK_LEVEL_LEASE, LEASE_GRANT_0005);
	struct lease_answer answer = {0};
	stop(t, r, lease_answered(r, &answer), LEASE_GRANT_0005,
		"a lease context");
	check_number(t, r, answer.v2, !row->v1, "version 2", LEASE_GRANT_0005);
	check_bytes(t, r, wire_view_of(answer.key.b, 16),
		wire_view_of(key.b, 16), "LeaseKey", LEASE_GRANT_0005);
	check_number(
		t, r, answer.duration, 0, "LeaseDuration", LEASE_GRANT_0008);
}

/* --- new leases, by the table
 * ------------------------------------------------- */

#define ROW(wanted, others) \
	{ \
#wanted "_" #others, MODEL_WANTED_##wanted, \
			MODEL_OTHERS_##others \
	}
#define ROWS(wanted) \
	ROW(wanted, NOBODY), ROW(wanted, STAT), ROW(wanted, PLAIN), \
		ROW(wanted, CACHING)

static const struct grant_row {
	const char *name;
	enum model_wanted wanted;
	enum model_others others;
} grant_rows[] = {
	ROWS(R), ROWS(RH), ROWS(RW), ROWS(RWH), ROWS(H), ROWS(W), ROWS(HW)};

/* Somebody else has the file open. */
static void others_open(struct test *t, enum model_others others)
{
	struct peer *b;

	if (others == MODEL_OTHERS_NOBODY) {
		return;
	}
	b = client(t);
	if (others == MODEL_OTHERS_CACHING) {
		need_lease(b, "x", L_RH);
		return;
	}
	need_file(b, "x",
		&(struct create_options){
			.access = others == MODEL_OTHERS_STAT
					  ? FILE_READ_ATTRIBUTES | SYNCHRONIZE
					  : ACCESS_DEFAULT});
}

CONF_TABLE(lease, granted, grant_rows, "what a new lease is granted",
	RULES(LEASE_GRANT_0006, LEASE_GRANT_0007, LEASE_GRANT_0013,
		LEASE_GRANT_0014, LEASE_GRANT_0015),
	NEEDS(LEASES))
{
	struct peer *a = client(t);
	const struct model_lease_grant *m =
		model_lease_grant(row->wanted, row->others);
	enum rule_id rule = rule_named(t, m->rule);

	others_open(t, row->others);
	struct reply *r = lease_open(a, "x",
		&(struct lease_request){
			.key = new_guid(t), .state = wanted_bits(row->wanted)});
	need_ok(t, r);
	struct lease_answer answer = {0};
	lease_answered(r, &answer);
	if (row->others == MODEL_OTHERS_CACHING &&
		(m->wanted == MODEL_WANTED_R || m->wanted == MODEL_WANTED_RH)) {
		rule = RULE_LEASE_GRANT_0014;
	}
	rule_number(t, r, answer.state, held_bits(m->granted),
		"LeaseState that is granted", rule);
}

/* --- the same key again, by the table
 * ------------------------------------------ */

#define AGAIN(held, wanted) \
	{ \
#held "_" #wanted, MODEL_HELD_##held, MODEL_WANTED_##wanted \
	}
#define AGAINS(held) \
	AGAIN(held, NONE), AGAIN(held, R), AGAIN(held, H), AGAIN(held, RH), \
		AGAIN(held, W), AGAIN(held, RW), AGAIN(held, HW), \
		AGAIN(held, RWH)

static const struct again_row {
	const char *name;
	enum model_held held;
	enum model_wanted wanted;
} again_rows[] = {AGAINS(NONE), AGAINS(R), AGAINS(RW), AGAINS(RH), AGAINS(RWH)};

CONF_TABLE(lease, again, again_rows,
	"what a lease becomes when its key is used again",
	RULES(LEASE_GRANT_0009, LEASE_GRANT_0010, LEASE_GRANT_0011),
	NEEDS(LEASES))
{
	struct peer *a = client(t);
	const struct model_lease_extend *m =
		model_lease_extend(row->held, row->wanted);
	struct lease_request request = {
		.key = new_guid(t), .state = held_bits(row->held)};

	need_lease_with(a, "x", &request);
	request.state = wanted_bits(row->wanted);
	struct reply *r = lease_open(a, "x", &request);
	check_ok(t, r, LEASE_GRANT_0009);
	struct lease_answer answer = {0};
	need_ok(t, r);
	lease_answered(r, &answer);
	rule_number(t, r, answer.state, held_bits(m->becomes),
		"LeaseState afterwards", rule_named(t, m->rule));
	forbid_notification(t, a, 50, LEASE_GRANT_0009);
}

/* --- keys
 * ----------------------------------------------------------------------- */

CONF_TEST(lease, key_of_another_file, "a key belongs to one file",
	RULES(LEASE_GRANT_0012), NEEDS(LEASES))
{
	struct peer *a = client(t);
	struct lease *l = need_lease(a, "x", L_RH);
	struct reply *r = lease_open(
		a, "y", &(struct lease_request){.key = l->key, .state = L_RH});

	check_status(t, r, STATUS_INVALID_PARAMETER, LEASE_GRANT_0012);
}

CONF_TEST(lease, key_of_another_client, "a key belongs to one client",
	RULES(LEASE_GRANT_0021), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct reply *r = lease_open(
		b, "y", &(struct lease_request){.key = l->key, .state = L_RWH});

	check_ok(t, r, LEASE_GRANT_0021);
	need_ok(t, r);
	check_number(t, r, lease_answer(r).state, L_RWH,
		"LeaseState of the other client on another file",
		LEASE_GRANT_0021);
	struct request *open = open_send(b, "x", NULL);
	if (check_break(t, l, L_RH, BREAK_ACK, RULE_LEASE_GRANT_0021)) {
		need_ok(t, lease_ack(l, L_RH));
	}
	need_ok(t, peer_wait(open));
}

CONF_TEST(lease, break_in_progress,
	"a lease that is being broken says so to opens with its key",
	RULES(LEASE_GRANT_0016), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct request *open = open_send(b, "x", NULL);

	need_break(a);
	struct reply *r = lease_open(
		a, "x", &(struct lease_request){.key = l->key, .state = L_RWH});
	need_ok(t, r);
	struct lease_answer answer = lease_answer(r);
	check_number(t, r, answer.flags & SMB2_LEASE_FLAG_BREAK_IN_PROGRESS,
		SMB2_LEASE_FLAG_BREAK_IN_PROGRESS,
		"SMB2_LEASE_FLAG_BREAK_IN_PROGRESS", LEASE_GRANT_0016);
	check_number(t, r, answer.state, L_RWH, "LeaseState", LEASE_GRANT_0016);
	need_ok(t, lease_ack(l, L_RH));
	need_ok(t, peer_wait(open));
}

static const struct {
	const char *name;
	bool set;
	enum rule_id rule;
} parent_rows[] = {{"set", true, RULE_LEASE_GRANT_0017},
	{"not_set", false, RULE_LEASE_GRANT_0018}};

CONF_TABLE(lease, parent_key, parent_rows,
	"ParentLeaseKey is returned if it was set, and zero otherwise",
	RULES(LEASE_GRANT_0017, LEASE_GRANT_0018),
	NEEDS(LEASES, DIALECT_MIN(0x0300)))
{
	struct peer *a = client(t);
	const struct wire_guid zero = {{0}};
	struct wire_guid parent = new_guid(t);
	struct reply *r = lease_open(a, "x",
		&(struct lease_request){.key = new_guid(t),
			.state = L_RH,
			.parent_set = row->set,
			.parent = parent});
	struct lease_answer answer = lease_answer(r);

	rule_bytes(t, r, wire_view_of(answer.parent.b, 16),
		wire_view_of(row->set ? parent.b : zero.b, 16),
		"ParentLeaseKey", row->rule);
	rule_number(t, r, answer.flags & SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET,
		row->set ? SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET : 0,
		"SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET", row->rule);
}

CONF_TABLE(lease, version_of_the_lease, version_rows,
	"the answer is in the version in which the lease was made",
	RULES(LEASE_GRANT_0019), NEEDS(LEASES, DIALECT_MIN(0x0300)))
{
	struct peer *a = client(t);
	struct lease_request request = {
		.key = new_guid(t), .state = L_RH, .v1 = row->v1};

	need_lease_with(a, "x", &request);
	request.v1 = !row->v1;
	struct reply *r = lease_open(a, "x", &request);
	struct lease_answer answer = lease_answer(r);
	check_number(t, r, answer.v2, !row->v1, "version 2", LEASE_GRANT_0019);
}

CONF_TEST(lease, beside_a_lock,
	"no read caching beside a byte-range lock of somebody else",
	RULES(LEASE_GRANT_0020), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct file *f = need_file(b, "x", NULL);

	need_ok(t, file_write(f, 0, "some data", 9));
	need_ok(t, file_lock(f, 0, 4,
			   SMB2_LOCKFLAG_EXCLUSIVE_LOCK |
				   SMB2_LOCKFLAG_FAIL_IMMEDIATELY));
	struct reply *r = lease_open(a, "x",
		&(struct lease_request){.key = new_guid(t), .state = L_RH});
	need_ok(t, r);
	struct lease_answer answer = {0};
	lease_answered(r, &answer);
	check_number(t, r, answer.state & L_R, 0, "SMB2_LEASE_READ_CACHING",
		LEASE_GRANT_0020);
}

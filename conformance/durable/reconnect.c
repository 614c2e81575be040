/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-RECONNECT: a durable open is taken up again. [MS-SMB2]
 * 3.3.5.9.7, 3.3.5.9.12
 */
#include "durable/durable.h"

#define V2 false
#define V1 true

static const struct kind_row {
	const char *name;
	bool v1;
	uint32_t state;
	enum rule_id rule;
} kind_rows[] = {{"v1_batch", V1, 0, RULE_LEASE_RECONNECT_0001},
	{"v1_RH", V1, L_RH, RULE_LEASE_RECONNECT_0001},
	{"v1_RWH", V1, L_RWH, RULE_LEASE_RECONNECT_0001},
	{"v2_batch", V2, 0, RULE_LEASE_RECONNECT_0002},
	{"v2_RH", V2, L_RH, RULE_LEASE_RECONNECT_0002},
	{"v2_RWH", V2, L_RWH, RULE_LEASE_RECONNECT_0002}};

static struct durable *durable_kind(struct peer *a, bool v1, uint32_t state)
{
	return need_durable(
		a, "x", &(struct durable_request){.v1 = v1, .state = state});
}

CONF_TABLE(durable, taken_up, kind_rows, "a durable open is given back",
	RULES(LEASE_RECONNECT_0001, LEASE_RECONNECT_0002, LEASE_RECONNECT_0003),
	NEEDS(DURABLE))
{
	struct peer *a = client(t);
	struct durable *d = durable_kind(a, row->v1, row->state);
	struct smb2_fileid before = d->file->id;

	need_ok(t, file_write(d->file, 0, "before", 6));
	struct peer *again = lose(a);
	struct reply *r = take_up(again, d);
	CONF_STOP(t, rule_status(t, r, STATUS_SUCCESS, row->rule));
	observe(t, r, "durable_context_at_reconnect", "%s",
		durable_answered(r) ? "yes" : "no");
	check_number(t, r, d->file->id.persistent, before.persistent,
		"FileId.Persistent", LEASE_RECONNECT_0003);
	r = file_read(d->file, 0, 6);
	rule_status(t, r, STATUS_SUCCESS, row->rule);
	rule_bytes(t, r, read_data(r), text_bytes("before"), "Data", row->rule);
	rule_status(t, file_write(d->file, 0, "after", 5), STATUS_SUCCESS,
		row->rule);
	rule_status(t, file_close(d->file), STATUS_SUCCESS, row->rule);
}

CONF_TABLE(durable, still_connected, kind_rows,
	"an open that has its session is not given away",
	RULES(LEASE_RECONNECT_0006), NEEDS(DURABLE))
{
	struct peer *a = client(t);
	struct durable *d = durable_kind(a, row->v1, row->state);
	struct reconnect_request q = reconnect_of(d);
	struct peer *other = come_again(a, false);

	check_status(t, reconnect(a, &q), STATUS_OBJECT_NAME_NOT_FOUND,
		LEASE_RECONNECT_0006);
	check_status(t, reconnect(other, &q), STATUS_OBJECT_NAME_NOT_FOUND,
		LEASE_RECONNECT_0006);
	check_ok(t, file_write(d->file, 0, "x", 1), LEASE_RECONNECT_0006);
	file_close(d->file);
}

static const struct {
	const char *name;
	bool v1;
	uint64_t volatile_;
} volatile_rows[] = {{"v1_zero", V1, 0}, {"v1_all_ones", V1, UINT64_MAX},
	{"v1_any", V1, 0x1234567812345678}, {"v2_zero", V2, 0},
	{"v2_all_ones", V2, UINT64_MAX}, {"v2_any", V2, 0x1234567812345678}};

CONF_TABLE(durable, volatile_id, volatile_rows,
	"FileId.Volatile of a reconnect context means nothing",
	RULES(LEASE_RECONNECT_0004), NEEDS(DURABLE))
{
	struct peer *a = client(t);
	struct durable *d = durable_kind(a, row->v1, 0);
	struct peer *again = lose(a);
	struct reconnect_request q = reconnect_of(d);

	q.id.volatile_ = row->volatile_;
	struct reply *r = reconnect(again, &q);
	stop_ok(t, r, LEASE_RECONNECT_0004);
	file_close(file_of(r));
}

/* --- wrong requests ------------------------------------------------- */

enum wrong {
	UNKNOWN_ID,
	NO_LEASE,
	A_LEASE,
	OTHER_KEY,
	OTHER_CLIENT,
	OTHER_NAME,
	OTHER_GUID,
	ZERO_GUID,
	PERSISTENT,
};

#define NAME_NOT_FOUND STATUS_OBJECT_NAME_NOT_FOUND
#define INVALID STATUS_INVALID_PARAMETER
#define WRONG(v, state, wrong, status, rule) \
	{ \
#v "_" #state "_" #wrong, v, L_##state, wrong, status, \
			RULE_LEASE_RECONNECT_##rule \
	}
#define L_BATCH 0u

static const struct wrong_row {
	const char *name;
	bool v1;
	uint32_t state;
	enum wrong wrong;
	uint32_t status;
	enum rule_id rule;
} wrong_rows[] = {
	WRONG(V1, BATCH, UNKNOWN_ID, NAME_NOT_FOUND, 0005),
	WRONG(V1, RWH, UNKNOWN_ID, NAME_NOT_FOUND, 0005),
	WRONG(V2, BATCH, UNKNOWN_ID, NAME_NOT_FOUND, 0005),
	WRONG(V2, RWH, UNKNOWN_ID, NAME_NOT_FOUND, 0005),
	WRONG(V1, RWH, NO_LEASE, NAME_NOT_FOUND, 0007),
	WRONG(V1, RH, NO_LEASE, NAME_NOT_FOUND, 0007),
	WRONG(V2, RWH, NO_LEASE, NAME_NOT_FOUND, 0007),
	WRONG(V2, RH, NO_LEASE, NAME_NOT_FOUND, 0007),
	WRONG(V1, BATCH, A_LEASE, NAME_NOT_FOUND, 0008),
	WRONG(V2, BATCH, A_LEASE, NAME_NOT_FOUND, 0008),
	WRONG(V1, RWH, OTHER_KEY, NAME_NOT_FOUND, 0009),
	WRONG(V1, RH, OTHER_KEY, NAME_NOT_FOUND, 0009),
	WRONG(V2, RWH, OTHER_KEY, NAME_NOT_FOUND, 0009),
	WRONG(V2, RH, OTHER_KEY, NAME_NOT_FOUND, 0009),
	WRONG(V1, RWH, OTHER_CLIENT, NAME_NOT_FOUND, 0010),
	WRONG(V2, RWH, OTHER_CLIENT, NAME_NOT_FOUND, 0010),
	WRONG(V1, RWH, OTHER_NAME, INVALID, 0012),
	WRONG(V2, RWH, OTHER_NAME, INVALID, 0012),
	WRONG(V2, BATCH, OTHER_GUID, NAME_NOT_FOUND, 0013),
	WRONG(V2, RWH, OTHER_GUID, NAME_NOT_FOUND, 0013),
	WRONG(V2, BATCH, ZERO_GUID, NAME_NOT_FOUND, 0013),
	WRONG(V2, BATCH, PERSISTENT, INVALID, 0014),
	WRONG(V2, RWH, PERSISTENT, INVALID, 0014),
};

static void make_wrong(
	struct test *t, struct reconnect_request *q, enum wrong wrong)
{
	switch (wrong) {
	case UNKNOWN_ID:
		q->id.persistent ^= 0x5a5a5a5a;
		break;
	case NO_LEASE:
		q->lease = false;
		break;
	case A_LEASE:
		q->lease = true;
		q->key = new_guid(t);
		q->state = L_RWH;
		break;
	case OTHER_KEY:
		q->key = new_guid(t);
		break;
	case OTHER_CLIENT:
		break;
	case OTHER_NAME:
		q->path = "y";
		break;
	case OTHER_GUID:
		q->guid = new_guid(t);
		break;
	case ZERO_GUID:
		q->guid = (struct wire_guid){{0}};
		break;
	case PERSISTENT:
		q->flags = SMB2_DHANDLE_FLAG_PERSISTENT;
		break;
	}
}

CONF_TABLE(durable, refused, wrong_rows,
	"a wrong reconnect is refused and does no harm",
	RULES(LEASE_RECONNECT_0005, LEASE_RECONNECT_0007, LEASE_RECONNECT_0008,
		LEASE_RECONNECT_0009, LEASE_RECONNECT_0010,
		LEASE_RECONNECT_0012, LEASE_RECONNECT_0013,
		LEASE_RECONNECT_0014, LEASE_RECONNECT_0021),
	NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t);
	struct durable *d = durable_kind(a, row->v1, row->state);
	struct peer *again = lose(a);
	struct peer *who =
		row->wrong == OTHER_CLIENT ? come_with(a, NULL, false) : again;
	struct reconnect_request q = reconnect_of(d);

	make_wrong(t, &q, row->wrong);
	rule_status(t, reconnect(who, &q), row->status, row->rule);
	struct reply *r = take_up(again, d);
	stop_ok(t, r, LEASE_RECONNECT_0021);
	check_ok(t, file_write(d->file, 0, "x", 1), LEASE_RECONNECT_0021);
	file_close(d->file);
}

CONF_TABLE(durable, other_user, kind_rows,
	"an open is not given to another user",
	RULES(LEASE_RECONNECT_0011, LEASE_RECONNECT_0021),
	NEEDS(DURABLE, SECOND_USER))
{
	struct peer *a = client(t);
	struct durable *d = durable_kind(a, row->v1, row->state);
	struct peer *again = lose(a);
	struct peer *thief = come_again(a, true);
	struct reconnect_request q = reconnect_of(d);

	check_status(t, reconnect(thief, &q), STATUS_ACCESS_DENIED,
		LEASE_RECONNECT_0011);
	struct reply *r = take_up(again, d);
	stop_ok(t, r, LEASE_RECONNECT_0021);
	file_close(d->file);
}

/* --- what is not looked at ------------------------------------------ */

CONF_TEST(durable, request_beside, "DHnQ beside DHnC means nothing",
	RULES(LEASE_RECONNECT_0017), NEEDS(DURABLE))
{
	struct peer *a = client(t);
	struct durable *d = durable_kind(a, V1, 0);
	struct peer *again = lose(a);
	struct reconnect_request q = reconnect_of(d);

	q.more[0] = durable_v1(t);
	struct reply *r = reconnect(again, &q);
	stop_ok(t, r, LEASE_RECONNECT_0017);
	check_number(t, r, file_of(r)->id.persistent, d->file->id.persistent,
		"FileId.Persistent", LEASE_RECONNECT_0017);
	file_close(file_of(r));
}

#define IGNORED(v, field, value) \
	{ \
#v "_" #field, v, \
		{ \
			.field = (value) \
		} \
	}
#define IGNORED_ROWS(v) \
	IGNORED(v, access, FILE_READ_ATTRIBUTES), \
		IGNORED(v, share, SHARE_EXACT), \
		IGNORED(v, disposition, DISPOSITION(FILE_CREATE)), \
		IGNORED(v, options, FILE_DIRECTORY_FILE), \
		IGNORED(v, attributes, FILE_ATTRIBUTE_HIDDEN)

static const struct {
	const char *name;
	bool v1;
	struct create_options create;
} ignored_rows[] = {IGNORED_ROWS(V1), IGNORED_ROWS(V2),
	{"V1_overwrite", V1, {.disposition = DISPOSITION(FILE_OVERWRITE_IF)}},
	{"V2_overwrite", V2, {.disposition = DISPOSITION(FILE_OVERWRITE_IF)}}};

CONF_TABLE(durable, ignored, ignored_rows,
	"fields that mean nothing when an open is taken up again",
	RULES(LEASE_RECONNECT_0018), NEEDS(DURABLE))
{
	struct peer *a = client(t);
	struct durable *d = durable_kind(a, row->v1, 0);

	need_ok(t, file_write(d->file, 0, "before", 6));
	struct peer *again = lose(a);
	struct reconnect_request q = reconnect_of(d);
	q.create = row->create;
	struct reply *r = reconnect(again, &q);
	stop_ok(t, r, LEASE_RECONNECT_0018);
	struct file *f = file_of(r);
	r = file_read(f, 0, 6);
	check_bytes(t, r, read_data(r), text_bytes("before"), "Data",
		LEASE_RECONNECT_0018);
	check_ok(t, file_write(f, 0, "after", 5), LEASE_RECONNECT_0018);
	file_close(f);
}

/* --- what the response says ----------------------------------------- */

static const struct {
	const char *name;
	bool v1;
	uint32_t state, asked;
} state_rows[] = {{"v1_RH", V1, L_RH, L_RH}, {"v1_RWH", V1, L_RWH, L_RWH},
	{"v2_RH", V2, L_RH, L_RH}, {"v2_RWH", V2, L_RWH, L_RWH},
	{"v1_RWH_asked_RH", V1, L_RWH, L_RH},
	{"v2_RWH_asked_R", V2, L_RWH, L_R}};

CONF_TABLE(durable, lease_state, state_rows,
	"the response has the lease of the open", RULES(LEASE_RECONNECT_0019),
	NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t);
	struct durable *d = durable_kind(a, row->v1, row->state);
	struct peer *again = lose(a);
	struct reconnect_request q = reconnect_of(d);
	struct lease_answer answer = {0};

	q.state = row->asked;
	struct reply *r = reconnect(again, &q);
	need_ok(t, r);
	stop(t, r, lease_answered(r, &answer), LEASE_RECONNECT_0019,
		"a lease context in the response");
	check_number(t, r, answer.state, row->state, "LeaseState",
		LEASE_RECONNECT_0019);
	check_bytes(t, r, wire_view_of(answer.key.b, 16),
		wire_view_of(d->key.b, 16), "LeaseKey", LEASE_RECONNECT_0019);
	file_close(file_of(r));
}

CONF_TEST(durable, lease_was_broken,
	"a lease that was broken before is given back as it was left",
	RULES(LEASE_RECONNECT_0019), NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct durable *d = durable_kind(a, V2, L_RWH);
	struct request *open = open_send(b, "x", NULL);
	struct lease_answer answer = {0};

	need_break(a);
	need_ok(t, lease_ack_on(a, d->key, L_RH));
	need_ok(t, peer_wait(open));
	struct peer *again = lose(a);
	struct reply *r = take_up(again, d);
	stop_ok(t, r, LEASE_RECONNECT_0019);
	stop(t, r, lease_answered(r, &answer), LEASE_RECONNECT_0019,
		"a lease context in the response");
	check_number(
		t, r, answer.state, L_RH, "LeaseState", LEASE_RECONNECT_0019);
	file_close(d->file);
}

static const struct kind_row v2_rows[] = {
	{"batch", V2, 0, 0}, {"RH", V2, L_RH, 0}, {"RWH", V2, L_RWH, 0}};

CONF_TABLE(durable, no_context, v2_rows,
	"the response to a reconnect has no DH2Q", RULES(LEASE_RECONNECT_0020),
	NEEDS(DURABLE_V2))
{
	struct peer *a = client(t);
	struct durable *d = durable_kind(a, row->v1, row->state);
	struct peer *again = lose(a);
	struct reply *r = take_up(again, d);
	struct wire_view data;

	need_ok(t, r);
	check(t, r, !created_context(r, "DH2Q", &data), LEASE_RECONNECT_0020,
		"no DH2Q in the response");
	file_close(d->file);
}

/* --- what the open keeps -------------------------------------------- */

#define EXCLUSIVELY \
	(SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY)

CONF_TABLE(durable, locks, kind_rows, "an open keeps its locks",
	RULES(LEASE_RECONNECT_0022), NEEDS(DURABLE, LEASES))
{
	struct peer *a = client(t);
	struct durable *d = durable_kind(a, row->v1, row->state);

	need_ok(t, file_lock(d->file, 0, 10, EXCLUSIVELY));
	struct peer *again = lose(a);
	stop_ok(t, take_up(again, d), LEASE_RECONNECT_0022);
	if (row->state != 0) { /* others with this key break nothing */
		struct reply *r = lease_open(again, "x",
			&(struct lease_request){.key = d->key,
				.state = row->state,
				.v1 = again->dialect < 0x0300});
		need_ok(t, r);
		check_status(t, file_lock(file_of(r), 5, 10, EXCLUSIVELY),
			STATUS_LOCK_NOT_GRANTED, LEASE_RECONNECT_0022);
		file_close(file_of(r));
	}
	check_ok(t, file_lock(d->file, 0, 10, SMB2_LOCKFLAG_UNLOCK),
		LEASE_RECONNECT_0022);
	file_close(d->file);
}

CONF_TABLE(durable, lost_again, kind_rows,
	"an open that was taken up again stays durable",
	RULES(LEASE_RECONNECT_0023), NEEDS(DURABLE))
{
	struct peer *a = client(t);
	struct durable *d = durable_kind(a, row->v1, row->state);

	for (unsigned int i = 0; i < 3; i++) {
		a = lose(a);
		stop_ok(t, take_up(a, d), LEASE_RECONNECT_0023);
	}
	check_ok(t, file_write(d->file, 0, "x", 1), LEASE_RECONNECT_0023);
	file_close(d->file);
}

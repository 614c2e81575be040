/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-BREAK: what breaks a lease on a file, and who waits. [MS-SMB2]
 * 3.3.4.7, [MS-FSA] 2.1.4.12
 */
#include "lease/lease.h"

#define STAT_ACCESS \
	(FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | READ_CONTROL | \
		SYNCHRONIZE)

/* --- opens, by the table ---------------------------------------------------
 */

struct break_row {
	const char *name;
	enum model_held held;
	enum model_lease_reason reason;
};

#define ROW(held, reason) \
	{ \
#held "_" #reason, MODEL_HELD_##held, \
			MODEL_LEASE_REASON_##reason \
	}
#define ROWS(held) \
	ROW(held, STAT_OPEN), ROW(held, OPEN), ROW(held, SHARING), \
		ROW(held, OVERWRITE)

static const struct break_row open_rows[] = {
	ROWS(R), ROWS(RW), ROWS(RH), ROWS(RWH)};

static struct create_options opener(enum model_lease_reason reason)
{
	return (struct create_options){
		.access = reason == MODEL_LEASE_REASON_STAT_OPEN
				  ? STAT_ACCESS
				  : FILE_READ_DATA | FILE_WRITE_DATA,
		.disposition = DISPOSITION(
			reason == MODEL_LEASE_REASON_OVERWRITE ? FILE_OVERWRITE
							       : FILE_OPEN)};
}

/* Acknowledges, and what the open is answered with then. */
static void finish(struct test *t, struct lease *l, struct request *open,
	const struct model_lease_break *m)
{
	bool sharing = m->reason == MODEL_LEASE_REASON_SHARING;

	if (m->wait) {
		check_waits(t, open, RULE_LEASE_BREAK_0024);
	} else if (m->to != m->held) {
		check_ok(t, wait_at_once(open), LEASE_BREAK_0026);
	}
	if (m->acknowledge) {
		struct reply *ack = lease_ack(l, held_bits(m->to));

		need_ok(t, ack);
	}
	struct reply *r = peer_wait(open);
	if (sharing && m->to == m->held) {
		check_status(t, r, STATUS_SHARING_VIOLATION, LEASE_BREAK_0010);
	} else if (sharing) {
		check_status(t, r, STATUS_SHARING_VIOLATION, LEASE_BREAK_0008);
	} else {
		need_ok(t, r);
	}
}

CONF_TABLE(lease, open, open_rows, "what an open by somebody else breaks",
	RULES(LEASE_BREAK_0001, LEASE_BREAK_0002, LEASE_BREAK_0003,
		LEASE_BREAK_0004, LEASE_BREAK_0005, LEASE_BREAK_0006,
		LEASE_BREAK_0007, LEASE_BREAK_0008, LEASE_BREAK_0010,
		LEASE_BREAK_0024, LEASE_BREAK_0026),
	NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	const struct model_lease_break *m =
		model_lease_break(row->held, row->reason);
	bool sharing = row->reason == MODEL_LEASE_REASON_SHARING;
	struct create_options o = opener(row->reason);
	struct lease *l = need_lease_with(a, "x",
		&(struct lease_request){.key = new_guid(t),
			.state = held_bits(row->held),
			.create = {.share = sharing ? SHARE_EXACT : 0}});
	struct request *open = open_send(b, "x", &o);
	enum rule_id rule = rule_named(t, m->rule);

	if (m->to == m->held) {
		check_no_break(t, a, rule);
	} else {
		check_break(t, l, held_bits(m->to),
			m->acknowledge ? BREAK_ACK : BREAK_NO_ACK, rule);
	}
	finish(t, l, open, m);
}

/* --- operations on an open file --------------------------------------------
 */

static const struct break_row change_rows[] = {ROW(R, WRITE), ROW(RH, WRITE),
	ROW(R, LOCK), ROW(RH, LOCK), ROW(R, SIZE), ROW(RH, SIZE), ROW(R, ZERO),
	ROW(RH, ZERO)};

static struct request *zero_send(struct file *f)
{
	static const uint8_t range[16] = {[8] = 2};
	const struct smb2_ioctl_request r = {.ctl_code = FSCTL_SET_ZERO_DATA,
		.file_id = f->id,
		.flags = SMB2_0_IOCTL_IS_FSCTL,
		.input = wire_view_of(range, sizeof(range))};

	return peer_send(f->peer, &smb2_ioctl_request_type, &r);
}

static struct request *change(struct file *f, enum model_lease_reason reason)
{
	static const uint8_t size[8] = {2};
	const struct smb2_write_request write = {
		.file_id = f->id, .buffer = text_bytes("new")};

	switch (reason) {
	case MODEL_LEASE_REASON_WRITE:
		return peer_send(f->peer, &smb2_write_request_type, &write);
	case MODEL_LEASE_REASON_LOCK:
		return file_lock_send(f, 0, 2,
			SMB2_LOCKFLAG_EXCLUSIVE_LOCK |
				SMB2_LOCKFLAG_FAIL_IMMEDIATELY);
	case MODEL_LEASE_REASON_SIZE:
		return set_info_send(f, FileEndOfFileInformation,
			wire_view_of(size, sizeof(size)));
	default:
		return zero_send(f);
	}
}

/* A file with data, on which one client has a lease and another an open. */
static struct file *shared_file(struct peer *b)
{
	struct file *f = need_file(b, "x", NULL);

	need_ok(b->t, file_write(f, 0, "some data", 9));
	need_ok(b->t, file_close(f));
	return f;
}

CONF_TABLE(lease, change, change_rows,
	"what a change of the data by somebody else breaks",
	RULES(LEASE_BREAK_0011, LEASE_BREAK_0012, LEASE_BREAK_0013,
		LEASE_BREAK_0015, LEASE_BREAK_0026),
	NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	const struct model_lease_break *m =
		model_lease_break(row->held, row->reason);

	shared_file(b);
	struct lease *l = need_lease(a, "x", held_bits(row->held));
	struct file *f = need_file(b, "x", NULL);
	struct request *request = change(f, row->reason);
	struct reply *r = wait_at_once(request);
	need_capability(t, r,
		row->reason != MODEL_LEASE_REASON_ZERO ||
			r->status != STATUS_NOT_SUPPORTED,
		"FSCTL_SET_ZERO_DATA");
	check_ok(t, r, LEASE_BREAK_0026);
	check_break(t, l, held_bits(m->to),
		m->acknowledge ? BREAK_ACK : BREAK_NO_ACK,
		rule_named(t, m->rule));
}

static const struct {
	const char *name;
	uint32_t state;
} read_rows[] = {{"R", L_R}, {"RH", L_RH}};

CONF_TABLE(lease, allocation, read_rows,
	"a new allocation size by somebody else breaks to none",
	RULES(LEASE_BREAK_0014), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	static const uint8_t size[8] = {0, 0, 1};

	shared_file(b);
	struct lease *l = need_lease(a, "x", row->state);
	struct file *f = need_file(b, "x", NULL);
	struct reply *r = file_set(f, SMB2_0_INFO_FILE,
		FileAllocationInformation, wire_view_of(size, sizeof(size)));
	need_ok(t, r);
	check_break(t, l, L_NONE, row->state == L_RH ? BREAK_ACK : BREAK_NO_ACK,
		RULE_LEASE_BREAK_0014);
}

/* --- names -----------------------------------------------------------------
 */

static const struct break_row name_rows[] = {ROW(R, RENAME), ROW(R, DELETE),
	ROW(R, LINK), ROW(RW, LINK), ROW(RH, RENAME), ROW(RH, DELETE),
	ROW(RH, LINK), ROW(RWH, LINK)};

/* Of those that change names only a link can be made through an open that
 * leaves W to others. */
static struct file *open_for(struct peer *b, const struct break_row *row)
{
	bool link = row->reason == MODEL_LEASE_REASON_LINK;

	return need_file(b, "x",
		&(struct create_options){.access = link ? STAT_ACCESS : 0});
}

static struct request *rename_or_delete(
	struct file *f, enum model_lease_reason reason)
{
	static const uint8_t yes = 1;

	switch (reason) {
	case MODEL_LEASE_REASON_RENAME:
		return rename_send(f, "y");
	case MODEL_LEASE_REASON_LINK:
		return hard_link_send(f, "y");
	default:
		return set_info_send(
			f, FileDispositionInformation, wire_view_of(&yes, 1));
	}
}

CONF_TABLE(lease, name, name_rows,
	"what a change of the name by somebody else breaks",
	RULES(LEASE_BREAK_0016, LEASE_BREAK_0017, LEASE_BREAK_0018,
		LEASE_BREAK_0042),
	NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	const struct model_lease_break *m =
		model_lease_break(row->held, row->reason);

	shared_file(b);
	struct lease *l = need_lease(a, "x", held_bits(row->held));
	struct file *f = open_for(b, row);
	struct request *request = rename_or_delete(f, row->reason);
	if (m->to == m->held) {
		check_no_break(t, a, rule_named(t, m->rule));
	} else if (check_break(t, l, held_bits(m->to), BREAK_ACK,
			   rule_named(t, m->rule))) {
		settle(b);
		need_ok(t, lease_ack(l, held_bits(m->to)));
	}
	need_ok(t, peer_wait(request));
}

/* --- what a break says ------------------------------------------------------
 */

CONF_TEST(lease, notification, "the fields of a lease break",
	RULES(LEASE_BREAK_0020, LEASE_BREAK_0021, LEASE_BREAK_0022,
		LEASE_BREAK_0023, LEASE_OPLOCK_0025, LEASE_OPLOCK_0027),
	NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct request *open = open_send(b, "x", NULL);
	struct reply *r = need_break(a);
	const struct smb2_lease_break_notification *n = r->body;

	check_number(t, r, n->flags, SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED,
		"Flags", LEASE_BREAK_0020);
	check_bytes(t, r, wire_view_of(n->lease_key.b, 16),
		wire_view_of(l->key.b, 16), "LeaseKey", LEASE_BREAK_0021);
	check_number(t, r, n->current_lease_state, L_RWH, "CurrentLeaseState",
		LEASE_BREAK_0021);
	check_number(t, r, n->new_lease_state, L_RH, "NewLeaseState",
		LEASE_BREAK_0021);
	check_header(t, r, SMB2_HEADER_F_SESSION_ID, 0, LEASE_BREAK_0022);
	check_header(t, r, SMB2_HEADER_F_TREE_ID, 0, LEASE_BREAK_0022);
	check_header(
		t, r, SMB2_HEADER_F_MESSAGE_ID, UINT64_MAX, LEASE_OPLOCK_0025);
	check_unsigned(t, r, LEASE_OPLOCK_0027);
	check_number(t, r, n->break_reason, 0, "BreakReason", LEASE_BREAK_0023);
	check_number(t, r, n->access_mask_hint, 0, "AccessMaskHint",
		LEASE_BREAK_0023);
	check_number(
		t, r, n->share_mask_hint, 0, "ShareMaskHint", LEASE_BREAK_0023);
	need_ok(t, lease_ack(l, L_RH));
	need_ok(t, peer_wait(open));
}

CONF_TEST(lease, no_acknowledgment_of_r,
	"a break of R asks for no acknowledgment", RULES(LEASE_BREAK_0020),
	NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);

	shared_file(b);
	need_lease(a, "x", L_R);
	need_ok(t, file_write(need_file(b, "x", NULL), 0, "new", 3));
	struct reply *r = need_break(a);
	const struct smb2_lease_break_notification *n = r->body;
	check_number(t, r, n->flags, 0, "Flags", LEASE_BREAK_0020);
}

/* --- waiting -----------------------------------------------------------------
 */

CONF_TEST(lease, open_waits, "an open waits for the acknowledgment",
	RULES(LEASE_BREAK_0001, LEASE_BREAK_0024, LEASE_BREAK_0025),
	NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct request *open = open_send(b, "x", NULL);

	check_break(t, l, L_RH, BREAK_ACK, RULE_LEASE_BREAK_0001);
	struct reply *interim = peer_interim(open);
	check_status(t, interim, STATUS_PENDING, LEASE_BREAK_0025);
	forbid_reply(t, open, QUIET_MS, LEASE_BREAK_0024);
	need_ok(t, lease_ack(l, L_RH));
	check_ok(t, peer_wait(open), LEASE_BREAK_0024);
}

CONF_TEST(lease, close_acknowledges,
	"CLOSE of the last open is as good as an acknowledgment",
	RULES(LEASE_BREAK_0001, LEASE_BREAK_0029), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct request *open = open_send(b, "x", NULL);

	check_break(t, l, L_RH, BREAK_ACK, RULE_LEASE_BREAK_0001);
	need_ok(t, file_close(l->file));
	check_ok(t, peer_wait(open), LEASE_BREAK_0029);
}

CONF_TEST(lease, sharing_after_close,
	"an open that a share mode prevented succeeds after CLOSE",
	RULES(LEASE_BREAK_0006, LEASE_BREAK_0009), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease_with(a, "x",
		&(struct lease_request){.key = new_guid(t),
			.state = L_RWH,
			.create = {.share = SHARE_EXACT}});
	struct request *open = open_send(b, "x", NULL);

	check_break(t, l, L_RW, BREAK_ACK, RULE_LEASE_BREAK_0006);
	need_ok(t, file_close(l->file));
	check_ok(t, peer_wait(open), LEASE_BREAK_0009);
}

CONF_TEST(lease, cancelled, "an open that waits can be cancelled",
	RULES(LEASE_BREAK_0032), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct request *open = open_send(b, "x", NULL);

	need_break(a);
	need_status(t, peer_interim(open), STATUS_PENDING);
	peer_cancel(open);
	check_status(t, peer_wait(open), STATUS_CANCELLED, LEASE_BREAK_0032);
	need_ok(t, lease_ack(l, L_RH));
}

/* --- one break after the other
 * ------------------------------------------------ */

CONF_TEST(lease, second_break_waits,
	"a second break comes after the acknowledgment of the first",
	RULES(LEASE_BREAK_0001, LEASE_BREAK_0027, LEASE_BREAK_0028),
	NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t), *c = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct request *open = open_send(b, "x", NULL);

	check_break(t, l, L_RH, BREAK_ACK, RULE_LEASE_BREAK_0001);
	struct request *overwrite = open_send(c, "x",
		&(struct create_options){
			.disposition = DISPOSITION(FILE_OVERWRITE)});
	forbid_notification(t, a, QUIET_MS, LEASE_BREAK_0027);
	need_ok(t, lease_ack(l, L_RH));
	/* At once or in steps, as the server likes. */
	for (uint32_t held = L_RH; held != L_NONE;) {
		struct reply *r = peer_notification(a, REPLY_TIMEOUT_MS);
		const struct smb2_lease_break_notification *n = r->body;
		stop(t, r,
			r->outcome == REPLY_ARRIVED && n != NULL &&
				n->current_lease_state == held &&
				n->new_lease_state < held,
			LEASE_BREAK_0028, "another break of the lease");
		held = n->new_lease_state;
		if (n->flags != 0) {
			need_ok(t, lease_ack(l, held));
		}
	}
	need_ok(t, peer_wait(open));
	need_ok(t, peer_wait(overwrite));
}

CONF_TEST(lease, second_break_of_handles,
	"who is kept out by a share mode meanwhile waits for H to be broken",
	RULES(LEASE_BREAK_0001, LEASE_BREAK_0028), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t), *c = client(t);
	struct lease *l = need_lease_with(a, "x",
		&(struct lease_request){.key = new_guid(t),
			.state = L_RWH,
			.create = {.share = FILE_SHARE_READ | FILE_SHARE_WRITE |
					    SHARE_EXACT}});
	struct request *reader = open_send(
		b, "x", &(struct create_options){.access = FILE_READ_DATA});

	check_break(t, l, L_RH, BREAK_ACK, RULE_LEASE_BREAK_0001);
	struct request *kept_out = open_send(c, "x",
		&(struct create_options){.access = FILE_READ_DATA | DELETE});
	need_status(t, peer_interim(kept_out), STATUS_PENDING);
	need_ok(t, lease_ack(l, L_RH));
	struct reply *r = peer_notification(a, BREAK_MS);
	const struct smb2_lease_break_notification *n = r->body;
	stop(t, r,
		r->outcome == REPLY_ARRIVED && n != NULL &&
			n->current_lease_state == L_RH &&
			n->new_lease_state == L_R,
		LEASE_BREAK_0028, "another break of the lease, from RH to R");
	check_waits(t, kept_out, RULE_LEASE_BREAK_0028);
	need_ok(t, lease_ack(l, L_R));
	need_ok(t, peer_wait(reader));
	need_status(t, peer_wait(kept_out), STATUS_SHARING_VIOLATION);
}

/* --- whose lease it is
 * ---------------------------------------------------------- */

static const struct {
	const char *name;
	enum model_lease_reason reason;
} own_rows[] = {{"OPEN", MODEL_LEASE_REASON_OPEN},
	{"OVERWRITE", MODEL_LEASE_REASON_OVERWRITE},
	{"WRITE", MODEL_LEASE_REASON_WRITE}, {"LOCK", MODEL_LEASE_REASON_LOCK},
	{"SIZE", MODEL_LEASE_REASON_SIZE}};

CONF_TABLE(lease, own_operation, own_rows,
	"what is done through an open of the lease does not break it",
	RULES(LEASE_BREAK_0019), NEEDS(LEASES))
{
	struct peer *a = client(t);

	shared_file(a);
	struct lease *l = need_lease(a, "x", L_RWH);
	if (row->reason == MODEL_LEASE_REASON_OPEN ||
		row->reason == MODEL_LEASE_REASON_OVERWRITE) {
		need_ok(t, lease_open(a, "x",
				   &(struct lease_request){.key = l->key,
					   .state = L_RWH,
					   .create = opener(row->reason)}));
	} else {
		need_ok(t, peer_wait(change(l->file, row->reason)));
	}
	check_no_break(t, a, RULE_LEASE_BREAK_0019);
}

CONF_TEST(lease, other_client_guid,
	"a break goes to the client that has the lease, not to others",
	RULES(LEASE_BREAK_0001, LEASE_BREAK_0031), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t), *c = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct request *open = open_send(b, "x", NULL);

	check_break(t, l, L_RH, BREAK_ACK, RULE_LEASE_BREAK_0001);
	forbid_notification(t, c, QUIET_MS, LEASE_BREAK_0031);
	forbid_notification(t, b, QUIET_MS, LEASE_BREAK_0031);
	need_ok(t, lease_ack(l, L_RH));
	need_ok(t, peer_wait(open));
}

CONF_TEST(lease, other_connection,
	"a break goes to another connection when the first has ended",
	RULES(LEASE_BREAK_0030), NEEDS(LEASES, MULTICHANNEL))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = need_lease(a, "x", L_RWH);
	struct peer *second = client_bind(a);

	end_connection(a);
	struct request *open = open_send(b, "x", NULL);
	l->peer = second;
	check_break(t, l, L_RH, BREAK_ACK, RULE_LEASE_BREAK_0030);
	need_ok(t, lease_ack(l, L_RH));
	need_ok(t, peer_wait(open));
}

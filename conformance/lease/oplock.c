/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-OPLOCK: oplocks. [MS-SMB2] 3.3.4.6, [MS-FSA] 2.1.4.12, 2.1.5.18
 */
#include "lease/lease.h"

static struct reply *open_with(struct peer *peer, const char *path,
	uint8_t level, const struct create_options *options)
{
	struct create_options o = *options;

	o.oplock = level;
	return file_create(peer, path, &o);
}

/* --- granted ----------------------------------------------------------------
 */

static const struct {
	const char *name;
	uint8_t level;
	enum rule_id rule;
} alone_rows[] = {{"batch", O_BATCH, RULE_LEASE_OPLOCK_0001},
	{"exclusive", O_EXCLUSIVE, RULE_LEASE_OPLOCK_0002},
	{"level_II", O_II, RULE_LEASE_OPLOCK_0003}};

CONF_TABLE(lease, alone, alone_rows, "an oplock on a file that nobody else has",
	RULES(LEASE_OPLOCK_0001, LEASE_OPLOCK_0002, LEASE_OPLOCK_0003))
{
	struct peer *a = client(t);
	const struct create_options o = {0};
	struct reply *r = open_with(a, "x", row->level, &o);

	need_ok(t, r);
	rule_field(t, r, SMB2_CREATE_RESPONSE_F_OPLOCK_LEVEL, row->level,
		row->rule);
}

static const struct {
	const char *name;
	uint8_t held, asked;
} beside_rows[] = {{"batch_beside_none", O_NONE, O_BATCH},
	{"exclusive_beside_none", O_NONE, O_EXCLUSIVE},
	{"batch_beside_level_II", O_II, O_BATCH},
	{"exclusive_beside_level_II", O_II, O_EXCLUSIVE}};

CONF_TABLE(lease, beside_another, beside_rows,
	"an oplock on a file that somebody else has open",
	RULES(LEASE_OPLOCK_0004, LEASE_OPLOCK_0005))
{
	struct peer *a = client(t), *b = client(t);
	const struct create_options o = {0};

	need_oplock(a, "x", row->held, NULL);
	struct reply *r = open_with(b, "x", row->asked, &o);
	need_ok(t, r);
	uint8_t level = reply_as(r, smb2_create_response)->oplock_level;
	check(t, r, level == O_NONE || level == O_II, LEASE_OPLOCK_0004,
		"none or level II");
	check_number(t, r, level, O_II, "OplockLevel", LEASE_OPLOCK_0005);
}

static const struct {
	const char *name;
	uint8_t level;
} directory_rows[] = {
	{"level_II", O_II}, {"exclusive", O_EXCLUSIVE}, {"batch", O_BATCH}};

CONF_TABLE(lease, directory, directory_rows, "a directory has no oplock",
	RULES(LEASE_OPLOCK_0006))
{
	struct peer *a = client(t);
	struct reply *r = open_with(a, "d", row->level,
		&(struct create_options){.options = FILE_DIRECTORY_FILE});

	need_ok(t, r);
	check_field(t, r, SMB2_CREATE_RESPONSE_F_OPLOCK_LEVEL, O_NONE,
		LEASE_OPLOCK_0006);
}

CONF_TABLE(lease, beside_a_lease, directory_rows,
	"no oplock beside a lease with H", RULES(LEASE_OPLOCK_0007),
	NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);
	const struct create_options o = {0};

	need_lease(a, "x", L_RH);
	struct reply *r = open_with(b, "x", row->level, &o);
	need_ok(t, r);
	check_field(t, r, SMB2_CREATE_RESPONSE_F_OPLOCK_LEVEL, O_NONE,
		LEASE_OPLOCK_0007);
}

/* --- broken by opens, by the table -------------------------------------------
 */

struct break_row {
	const char *name;
	enum model_oplock held;
	enum model_oplock_reason reason;
};

#define ROW(held, reason) \
	{ \
#held "_" #reason, MODEL_OPLOCK_##held, \
			MODEL_OPLOCK_REASON_##reason \
	}

static const struct break_row open_rows[] = {ROW(II, STAT_OPEN),
	ROW(EXCLUSIVE, STAT_OPEN), ROW(BATCH, STAT_OPEN), ROW(EXCLUSIVE, OPEN),
	ROW(BATCH, OPEN), ROW(EXCLUSIVE, SHARING), ROW(BATCH, SHARING),
	ROW(II, OPEN), ROW(II, SHARING), ROW(II, OVERWRITE),
	ROW(EXCLUSIVE, OVERWRITE), ROW(BATCH, OVERWRITE)};

static struct create_options opener(enum model_oplock_reason reason)
{
	return (struct create_options){
		.access = reason == MODEL_OPLOCK_REASON_STAT_OPEN
				  ? FILE_READ_ATTRIBUTES |
					    FILE_WRITE_ATTRIBUTES | SYNCHRONIZE
				  : FILE_READ_DATA | FILE_WRITE_DATA,
		.disposition = DISPOSITION(
			reason == MODEL_OPLOCK_REASON_OVERWRITE ? FILE_OVERWRITE
								: FILE_OPEN)};
}

CONF_TABLE(lease, open, open_rows, "what an open by somebody else breaks",
	RULES(LEASE_OPLOCK_0008, LEASE_OPLOCK_0009, LEASE_OPLOCK_0010,
		LEASE_OPLOCK_0011, LEASE_OPLOCK_0013, LEASE_OPLOCK_0014,
		LEASE_OPLOCK_0015, LEASE_OPLOCK_0021, LEASE_OPLOCK_0031))
{
	struct peer *a = client(t), *b = client(t);
	const struct model_oplock_break *m =
		model_oplock_break(row->held, row->reason);
	bool sharing = row->reason == MODEL_OPLOCK_REASON_SHARING;
	enum rule_id rule = rule_named(t, m->rule);
	struct create_options o = opener(row->reason);
	struct file *f = need_oplock(a, "x", oplock_level(row->held),
		&(struct create_options){.share = sharing ? SHARE_EXACT : 0});
	struct request *open = open_send(b, "x", &o);

	if (m->to == m->held) {
		check_no_break(t, a, rule);
	} else {
		check_oplock_break(t, f, oplock_level(m->to), rule);
	}
	if (m->wait) {
		check_waits(t, open, RULE_LEASE_OPLOCK_0015);
	} else {
		rule_status(t, peer_wait(open),
			sharing ? STATUS_SHARING_VIOLATION : STATUS_SUCCESS,
			rule);
	}
	if (m->acknowledge) {
		need_ok(t, oplock_ack(f, oplock_level(m->to)));
		rule_status(t, peer_wait(open),
			sharing ? STATUS_SHARING_VIOLATION : STATUS_SUCCESS,
			sharing ? rule : RULE_LEASE_OPLOCK_0015);
	}
}

static const struct name_row {
	const char *name;
	enum model_oplock held;
	bool link; /* through an open that leaves the oplock alone */
} name_rows[] = {{"II_RENAME", MODEL_OPLOCK_II, false},
	{"II_LINK", MODEL_OPLOCK_II, true},
	{"EXCLUSIVE_LINK", MODEL_OPLOCK_EXCLUSIVE, true},
	{"BATCH_LINK", MODEL_OPLOCK_BATCH, true}};

CONF_TABLE(lease, another_name, name_rows,
	"what another name of the file breaks",
	RULES(LEASE_OPLOCK_0028, LEASE_OPLOCK_0030))
{
	struct peer *a = client(t), *b = client(t);
	const struct model_oplock_break *m =
		model_oplock_break(row->held, MODEL_OPLOCK_REASON_RENAME);
	enum rule_id rule = rule_named(t, m->rule);
	struct create_options o = opener(MODEL_OPLOCK_REASON_STAT_OPEN);
	struct file *f = need_oplock(a, "x", oplock_level(row->held), NULL);
	struct file *by = need_file(b, "x", row->link ? &o : NULL);
	struct request *name =
		row->link ? hard_link_send(by, "y") : rename_send(by, "y");

	if (m->to == m->held) {
		check_no_break(t, a, rule);
	} else if (check_oplock_break(t, f, oplock_level(m->to), rule)) {
		settle(b);
		need_ok(t, oplock_ack(f, oplock_level(m->to)));
	}
	struct reply *r = peer_wait(name);
	need_capability(
		t, r, !row->link || r->status == STATUS_SUCCESS, "hard links");
	need_ok(t, r);
}

static const struct {
	const char *name;
	uint8_t level;
} both_rows[] = {{"exclusive", O_EXCLUSIVE}, {"batch", O_BATCH}};

CONF_TABLE(lease, read_control, both_rows,
	"READ_CONTROL is more than access to attributes",
	RULES(LEASE_OPLOCK_0012))
{
	struct peer *a = client(t), *b = client(t);
	struct file *f = need_oplock(a, "x", row->level, NULL);
	struct request *open = open_send(
		b, "x", &(struct create_options){.access = READ_CONTROL});

	if (check_oplock_break(t, f, O_II, RULE_LEASE_OPLOCK_0012)) {
		need_ok(t, oplock_ack(f, O_II));
	}
	need_ok(t, peer_wait(open));
}

CONF_TABLE(lease, close_instead, both_rows,
	"CLOSE is as good as an acknowledgment", RULES(LEASE_OPLOCK_0016))
{
	struct peer *a = client(t), *b = client(t);
	struct file *f = need_oplock(a, "x", row->level, NULL);
	struct request *open = open_send(b, "x", NULL);

	need(t, peer_notification(a, REPLY_TIMEOUT_MS)->body != NULL,
		"an oplock break");
	need_ok(t, file_close(f));
	check_ok(t, peer_wait(open), LEASE_OPLOCK_0016);
}

CONF_TABLE(lease, same_client, both_rows,
	"another open of the same client breaks too", RULES(LEASE_OPLOCK_0022))
{
	struct peer *a = client(t);
	struct file *f = need_oplock(a, "x", row->level, NULL);
	struct request *open = open_send(a, "x", NULL);

	if (check_oplock_break(t, f, O_II, RULE_LEASE_OPLOCK_0022)) {
		need_ok(t, oplock_ack(f, O_II));
	}
	check_ok(t, peer_wait(open), LEASE_OPLOCK_0022);
}

/* --- level II ----------------------------------------------------------------
 */

enum change { WRITE_DATA, LOCK_RANGE, SET_SIZE };

static const struct {
	const char *name;
	enum change change;
	bool own; /* by the open that has the oplock */
	enum rule_id rule;
} change_rows[] = {{"write", WRITE_DATA, false, RULE_LEASE_OPLOCK_0017},
	{"own_write", WRITE_DATA, true, RULE_LEASE_OPLOCK_0018},
	{"lock", LOCK_RANGE, false, RULE_LEASE_OPLOCK_0019},
	{"own_lock", LOCK_RANGE, true, RULE_LEASE_OPLOCK_0019},
	{"size", SET_SIZE, false, RULE_LEASE_OPLOCK_0020}};

static struct reply *change(struct file *f, enum change what)
{
	static const uint8_t size[8] = {2};

	switch (what) {
	case WRITE_DATA:
		return file_write(f, 0, "new", 3);
	case LOCK_RANGE:
		return file_lock(f, 0, 2,
			SMB2_LOCKFLAG_EXCLUSIVE_LOCK |
				SMB2_LOCKFLAG_FAIL_IMMEDIATELY);
	default:
		return file_set(f, SMB2_0_INFO_FILE, FileEndOfFileInformation,
			wire_view_of(size, sizeof(size)));
	}
}

CONF_TABLE(lease, level_II, change_rows, "what breaks oplocks of level II",
	RULES(LEASE_OPLOCK_0017, LEASE_OPLOCK_0018, LEASE_OPLOCK_0019,
		LEASE_OPLOCK_0020, LEASE_OPLOCK_0021))
{
	struct peer *a = client(t), *b = client(t);

	struct file *data = need_file(b, "x", NULL);
	need_ok(t, file_write(data, 0, "some data", 9));
	need_ok(t, file_close(data));
	struct file *f = need_oplock(a, "x", O_II, NULL);
	struct file *other = row->own ? f : need_file(b, "x", NULL);
	struct reply *r = change(other, row->change);
	check_ok(t, r, LEASE_OPLOCK_0021);
	check_oplock_break(t, f, O_NONE, row->rule);
}

CONF_TEST(lease, every_level_II, "every oplock of level II is broken",
	RULES(LEASE_OPLOCK_0017))
{
	struct peer *a = client(t), *b = client(t), *c = client(t);
	struct file *f = need_oplock(a, "x", O_II, NULL);
	struct file *g = need_oplock(b, "x", O_II, NULL);

	need_ok(t, file_write(need_file(c, "x", NULL), 0, "new", 3));
	check_oplock_break(t, f, O_NONE, RULE_LEASE_OPLOCK_0017);
	check_oplock_break(t, g, O_NONE, RULE_LEASE_OPLOCK_0017);
}

CONF_TEST(lease, streams, "the oplocks of a stream are its own",
	RULES(LEASE_OPLOCK_0023), NEEDS(FS_FLAG(FILE_NAMED_STREAMS)))
{
	struct peer *a = client(t), *b = client(t);

	need_ok(t, file_close(need_file(a, "x:s", NULL)));
	need_oplock(a, "x", O_BATCH, NULL);
	struct reply *r =
		open_with(b, "x:s", O_BATCH, &(struct create_options){0});
	check_no_break(t, a, RULE_LEASE_OPLOCK_0023);
	need_ok(t, r);
	check_field(t, r, SMB2_CREATE_RESPONSE_F_OPLOCK_LEVEL, O_BATCH,
		LEASE_OPLOCK_0023);
}

/* --- what a break says
 * ---------------------------------------------------------- */

CONF_TABLE(lease, notification, both_rows, "the fields of an oplock break",
	RULES(LEASE_OPLOCK_0024, LEASE_OPLOCK_0025, LEASE_OPLOCK_0026,
		LEASE_OPLOCK_0027))
{
	struct peer *a = client_with(t, &(struct client_options){.sign = true});
	struct peer *b = client(t);
	struct file *f = need_oplock(a, "x", row->level, NULL);
	struct request *open = open_send(b, "x", NULL);
	struct reply *r = peer_notification(a, REPLY_TIMEOUT_MS);
	const struct smb2_oplock_break_notification *n = r->body;

	need(t, n != NULL && r->type == &smb2_oplock_break_notification_type,
		"an oplock break");
	check_number(
		t, r, n->oplock_level, O_II, "OplockLevel", LEASE_OPLOCK_0024);
	check_number(t, r, n->file_id.volatile_, f->id.volatile_,
		"FileId.Volatile", LEASE_OPLOCK_0024);
	check_header(
		t, r, SMB2_HEADER_F_MESSAGE_ID, UINT64_MAX, LEASE_OPLOCK_0025);
	check_header(t, r, SMB2_HEADER_F_TREE_ID, 0, LEASE_OPLOCK_0026);
	observe(t, r, "oplock_break_session", "%s",
		r->header.session_id == 0 ? "zero" : "that of the open");
	check_unsigned(t, r, LEASE_OPLOCK_0027);
	need_ok(t, oplock_ack(f, O_II));
	need_ok(t, peer_wait(open));
}

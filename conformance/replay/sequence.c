/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-SEQUENCE: ChannelSequence of requests on opens. [MS-SMB2]
 * 3.3.5.2.10
 */
#include "durable/durable.h"

#define STALE STATUS_FILE_NOT_AVAILABLE

enum operation { WRITE, SET_INFO, IOCTL };

/* One of the three requests that change something. */
static struct reply *change(struct file *f, enum operation operation,
	uint16_t sequence, bool replay)
{
	struct peer *a = f->peer;
	const struct smb2_write_request w = {
		.file_id = f->id, .buffer = text_bytes("x")};
	const struct file_basic_information basic = {
		.file_attributes = FILE_ATTRIBUTE_NORMAL};
	const struct smb2_set_info_request s = {.info_type = SMB2_0_INFO_FILE,
		.file_info_class = FileBasicInformation,
		.buffer = encoded(a->t, &file_basic_information_type, &basic),
		.file_id = f->id};
	const struct smb2_ioctl_request i = {
		.ctl_code = FSCTL_SRV_REQUEST_RESUME_KEY,
		.file_id = f->id,
		.max_output_response = 32,
		.flags = SMB2_0_IOCTL_IS_FSCTL};
	const struct wire_type *type =
		operation == WRITE      ? &smb2_write_request_type
		: operation == SET_INFO ? &smb2_set_info_request_type
					: &smb2_ioctl_request_type;
	const void *body = operation == WRITE      ? (const void *)&w
			   : operation == SET_INFO ? (const void *)&s
						   : (const void *)&i;

	a->channel_sequence = sequence;
	return replay ? replayed(a, type, body) : peer_call(a, type, body);
}

static struct reply *other_query(struct file *f)
{
	return file_query(f, SMB2_0_INFO_FILE, FileBasicInformation, 64);
}

/* An open whose ChannelSequence requests have brought there that change
 * nothing. */
static struct file *open_at(struct peer *a, const char *path, uint16_t sequence)
{
	struct file *f;

	a->channel_sequence = 0;
	f = need_file(a, path, NULL);
	while (a->channel_sequence != sequence) {
		uint16_t more = (uint16_t)(sequence - a->channel_sequence);

		a->channel_sequence =
			(uint16_t)(a->channel_sequence +
				   (more > 0x7fff ? 0x7fff : more));
		need_ok(a->t, other_query(f));
	}
	return f;
}

/* --- one step ------------------------------------------------------- */

static const struct {
	const char *name;
	uint16_t open, request;
	bool served;
	enum rule_id rule;
} step_rows[] = {
	{"0_0", 0, 0, true, RULE_LEASE_SEQUENCE_0003},
	{"0_1", 0, 1, true, RULE_LEASE_SEQUENCE_0003},
	{"0_0x7fff", 0, 0x7fff, true, RULE_LEASE_SEQUENCE_0003},
	{"0_0x8000", 0, 0x8000, false, RULE_LEASE_SEQUENCE_0001},
	{"0_0x8001", 0, 0x8001, false, RULE_LEASE_SEQUENCE_0001},
	{"0_0xffff", 0, 0xffff, false, RULE_LEASE_SEQUENCE_0004},
	{"1_0", 1, 0, false, RULE_LEASE_SEQUENCE_0001},
	{"0x7fff_0x7ffe", 0x7fff, 0x7ffe, false, RULE_LEASE_SEQUENCE_0001},
	{"0x7fff_0", 0x7fff, 0, false, RULE_LEASE_SEQUENCE_0001},
	{"0x7fff_0x8000", 0x7fff, 0x8000, true, RULE_LEASE_SEQUENCE_0003},
	{"0x7fff_0xfffe", 0x7fff, 0xfffe, true, RULE_LEASE_SEQUENCE_0003},
	{"0x7fff_0xffff", 0x7fff, 0xffff, false, RULE_LEASE_SEQUENCE_0001},
	{"0x8000_0xffff", 0x8000, 0xffff, true, RULE_LEASE_SEQUENCE_0003},
	{"1_0x8001", 1, 0x8001, false, RULE_LEASE_SEQUENCE_0001},
	{"0x8001_1", 0x8001, 1, false, RULE_LEASE_SEQUENCE_0004},
	{"0x8000_0", 0x8000, 0, false, RULE_LEASE_SEQUENCE_0001},
	{"0xffff_0", 0xffff, 0, true, RULE_LEASE_SEQUENCE_0004},
	{"0xffff_0x7ffe", 0xffff, 0x7ffe, true, RULE_LEASE_SEQUENCE_0004},
	{"0xffff_0x7fff", 0xffff, 0x7fff, false, RULE_LEASE_SEQUENCE_0004},
	{"0xffff_0xfffe", 0xffff, 0xfffe, false, RULE_LEASE_SEQUENCE_0001},
};

CONF_TABLE(replay, distance, step_rows,
	"which ChannelSequence is served, seen from that of the open",
	RULES(LEASE_SEQUENCE_0001, LEASE_SEQUENCE_0003, LEASE_SEQUENCE_0004,
		LEASE_SEQUENCE_0005),
	NEEDS(DIALECT_MIN(0x0300)))
{
	struct peer *a = client(t);

	for (enum operation o = WRITE; o <= IOCTL; o++) {
		struct file *f = open_at(a, "x", row->open);

		rule_status(t, change(f, o, row->request, false),
			row->served ? STATUS_SUCCESS : STALE, row->rule);
		need_ok(t, file_close(f));
		f = open_at(a, "x", row->open);
		rule_status(t, change(f, o, row->request, true),
			row->served ? STATUS_SUCCESS : STALE,
			row->served ? RULE_LEASE_SEQUENCE_0005 : row->rule);
		need_ok(t, file_close(f));
	}
}

CONF_TEST(replay, from_create, "the first ChannelSequence is that of CREATE",
	RULES(LEASE_SEQUENCE_0001), NEEDS(DIALECT_MIN(0x0300)))
{
	struct peer *a = client(t);

	a->channel_sequence = 5;
	struct file *f = need_file(a, "x", NULL);
	check_status(t, change(f, WRITE, 4, false), STALE, LEASE_SEQUENCE_0001);
}

/* --- a walk --------------------------------------------------------- */

static const struct {
	const char *name;
	enum operation operation;
	bool replay;
} walk_rows[] = {{"WRITE", WRITE, false}, {"SET_INFO", SET_INFO, false},
	{"IOCTL", IOCTL, false}, {"WRITE_replay", WRITE, true},
	{"SET_INFO_replay", SET_INFO, true}, {"IOCTL_replay", IOCTL, true}};

CONF_TABLE(replay, walk, walk_rows,
	"a ChannelSequence that is ahead becomes that of the open",
	RULES(LEASE_SEQUENCE_0001, LEASE_SEQUENCE_0003),
	NEEDS(DIALECT_MIN(0x0300)))
{
	static const struct {
		uint16_t sequence;
		bool served;
	} steps[] = {{0, true}, {0x8001, false}, {0xffff, false},
		{0x7fff, true}, {0x7ffe, false}, {0, false}, {0x8000, true},
		{0xffff, true}, {0, true}, {1, true}, {0, false}, {1, true},
		{0xffff, false}};
	struct peer *a = client(t);
	struct file *f = open_at(a, "x", 0);

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		rule_status(t,
			change(f, row->operation, steps[i].sequence,
				row->replay),
			steps[i].served ? STATUS_SUCCESS : STALE,
			steps[i].served ? RULE_LEASE_SEQUENCE_0003
					: RULE_LEASE_SEQUENCE_0001);
	}
}

/* --- other requests ------------------------------------------------- */

static struct reply *other_read(struct file *f)
{
	return file_read(f, 0, 1);
}

static struct reply *other_lock(struct file *f)
{
	return file_lock(f, 0, 1,
		SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY);
}

static const struct {
	const char *name;
	struct reply *(*request)(struct file *f);
} other_rows[] = {{"READ", other_read}, {"QUERY_INFO", other_query},
	{"LOCK", other_lock}, {"FLUSH", file_flush}, {"CLOSE", file_close}};

CONF_TABLE(replay, elsewhere, other_rows,
	"other requests are served whatever their ChannelSequence is",
	RULES(LEASE_SEQUENCE_0002), NEEDS(DIALECT_MIN(0x0300)))
{
	struct peer *a = client(t);
	struct file *f = open_at(a, "x", 10);

	need_ok(t, file_write(f, 0, "abc", 3));
	a->channel_sequence = 9;
	check_ok(t, row->request(f), LEASE_SEQUENCE_0002);
}

/* --- requests that are outstanding, by the table -------------------- */

#define ROW(distance, replay, outstanding) \
	{ \
#distance "_" #replay "_" #outstanding, \
			MODEL_DISTANCE_##distance, replay, outstanding \
	}
#define PLAIN false
#define REPLAY true
#define QUIET false
#define OUTSTANDING true

static const struct {
	const char *name;
	enum model_distance distance;
	bool replay, outstanding;
} table_rows[] = {ROW(SAME, PLAIN, QUIET), ROW(AHEAD, PLAIN, QUIET),
	ROW(BEHIND, PLAIN, QUIET), ROW(SAME, REPLAY, QUIET),
	ROW(AHEAD, REPLAY, QUIET), ROW(BEHIND, REPLAY, QUIET),
	ROW(SAME, PLAIN, OUTSTANDING), ROW(AHEAD, PLAIN, OUTSTANDING),
	ROW(BEHIND, PLAIN, OUTSTANDING), ROW(SAME, REPLAY, OUTSTANDING),
	ROW(AHEAD, REPLAY, OUTSTANDING), ROW(BEHIND, REPLAY, OUTSTANDING)};

CONF_TABLE(replay, outstanding, table_rows,
	"a WRITE by its ChannelSequence, beside a LOCK that waits",
	RULES(LEASE_SEQUENCE_0001, LEASE_SEQUENCE_0003, LEASE_SEQUENCE_0005),
	NEEDS(DIALECT_MIN(0x0300)))
{
	static const uint16_t sequences[MODEL_DISTANCES] = {
		[MODEL_DISTANCE_SAME] = 11,
		[MODEL_DISTANCE_AHEAD] = 12,
		[MODEL_DISTANCE_BEHIND] = 10};
	struct peer *a = client(t), *b = client(t);
	const struct model_channel_sequence *m = model_channel_sequence(
		row->distance, row->replay, row->outstanding);
	struct file *other = need_file(b, "x", NULL);
	struct file *f = open_at(a, "x", 10);
	struct request *waits = NULL;

	need_ok(t, other_lock(other));
	if (row->outstanding) {
		waits = file_lock_send(f, 0, 1, SMB2_LOCKFLAG_EXCLUSIVE_LOCK);
		need_status(t, peer_interim(waits), STATUS_PENDING);
	}
	a->channel_sequence = 11; /* by a request that changes nothing else */
	need_ok(t, other_query(f));
	rule_status(t,
		change(f, SET_INFO, sequences[row->distance], row->replay),
		m->processed ? STATUS_SUCCESS : STALE, rule_named(t, m->rule));
	need_ok(t, file_lock(other, 0, 1, SMB2_LOCKFLAG_UNLOCK));
	if (waits != NULL) {
		need_ok(t, peer_wait(waits));
	}
}

/* A request that stays while the sequence goes round. */
CONF_TEST(replay, round_about,
	"a CHANGE_NOTIFY that waits while ChannelSequence goes all around",
	RULES(LEASE_SEQUENCE_0003, LEASE_SEQUENCE_0005),
	NEEDS(DIALECT_MIN(0x0300)))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	struct request *notify =
		dir_notify_send(d, FILE_NOTIFY_CHANGE_FILE_NAME, false, 4096);

	need_status(t, peer_interim(notify), STATUS_PENDING);
	for (unsigned int i = 1; i <= 6; i++) {
		a->channel_sequence = (uint16_t)(i * 0x7fff);
		need_ok(t, other_query(d));
	}
	uint16_t now = a->channel_sequence;
	check_ok(t, change(d, SET_INFO, now, false), LEASE_SEQUENCE_0003);
	check_ok(t, change(d, SET_INFO, (uint16_t)(now + 1), false),
		LEASE_SEQUENCE_0003);
	peer_cancel(notify);
	need_status(t, peer_wait(notify), STATUS_CANCELLED);
	check_ok(t, change(d, SET_INFO, (uint16_t)(now + 1), true),
		LEASE_SEQUENCE_0005);
	check_ok(t, change(d, SET_INFO, (uint16_t)(now + 2), true),
		LEASE_SEQUENCE_0005);
}

/* The document counts what is outstanding to what came before, and refuses;
 * others look at what came before only. No rule says which. */
CONF_TEST(replay, newer_replay,
	"a replayed request is ahead of one that is outstanding",
	RULES(LEASE_SEQUENCE_0003), NEEDS(DIALECT_MIN(0x0300)))
{
	struct peer *a = client(t), *b = client(t);
	struct file *other = need_file(b, "x", NULL);
	struct file *f = open_at(a, "x", 10);

	need_ok(t, other_lock(other));
	struct request *waits =
		file_lock_send(f, 0, 1, SMB2_LOCKFLAG_EXCLUSIVE_LOCK);
	need_status(t, peer_interim(waits), STATUS_PENDING);
	struct reply *r = change(f, SET_INFO, 11, true);
	observe(t, r, "newer_replay_beside_outstanding", "%s",
		status_text(r->status));
	check_status_in(t, r, LEASE_SEQUENCE_0003, STATUS_SUCCESS, STALE);
	check_status(
		t, change(f, SET_INFO, 10, false), STALE, LEASE_SEQUENCE_0003);
	check_ok(t, change(f, SET_INFO, 11, false), LEASE_SEQUENCE_0003);
	need_ok(t, file_lock(other, 0, 1, SMB2_LOCKFLAG_UNLOCK));
	need_ok(t, peer_wait(waits));
}

/* --- older dialects ------------------------------------------------- */

static const struct {
	const char *name;
	uint16_t dialect;
} dialect_rows[] = {{"2.0.2", 0x0202}, {"2.1", 0x0210}};

CONF_TABLE(replay, older_dialect, dialect_rows,
	"before dialect 3.0 there is no ChannelSequence",
	RULES(LEASE_SEQUENCE_0006))
{
	struct peer *a = client_with(
		t, &(struct client_options){.dialect = row->dialect});
	struct file *f = need_file(a, "x", NULL);
	static const uint16_t values[] = {0x8000, 0xffff, 5, 4};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const struct smb2_write_request w = {
			.file_id = f->id, .buffer = text_bytes("x")};
		struct pdu *p = pdu_build(a, &smb2_write_request_type, &w);

		mutate_header(p, SMB2_HEADER_F_STATUS, set_to(values[i]));
		check_ok(t, pdu_call(p), LEASE_SEQUENCE_0006);
	}
}

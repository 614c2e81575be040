/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-REPLAY: CREATE requests that come again. [MS-SMB2] 3.3.5.9
 */
#include "durable/durable.h"

static const struct held_row {
	const char *name;
	uint32_t state;
	uint8_t oplock;
} held_rows[] = {{"level_II", 0, SMB2_OPLOCK_LEVEL_II},
	{"batch", 0, SMB2_OPLOCK_LEVEL_BATCH}, {"R", L_R, 0}, {"RH", L_RH, 0},
	{"RWH", L_RWH, 0}};

static struct durable_request asking(const struct held_row *row)
{
	return (struct durable_request){
		.state = row->state, .oplock = row->oplock};
}

/* The answer is that of the open. */
static void check_same(struct test *t, struct reply *r,
	const struct reply *first, enum rule_id rule)
{
	const struct smb2_create_response *c = first->body;

	CONF_STOP(t, rule_status(t, r, STATUS_SUCCESS, rule));
	rule_field(t, r, SMB2_CREATE_RESPONSE_F_CREATE_ACTION, c->create_action,
		rule);
	rule_number(t, r, reply_as(r, smb2_create_response)->file_id.persistent,
		c->file_id.persistent, "FileId.Persistent", rule);
	rule_number(t, r, reply_as(r, smb2_create_response)->file_id.volatile_,
		c->file_id.volatile_, "FileId.Volatile", rule);
}

/* An open of its own. */
static void check_new(struct test *t, struct reply *r,
	const struct reply *first, enum rule_id rule)
{
	const struct smb2_create_response *c = first->body;

	CONF_STOP(t, rule_status(t, r, STATUS_SUCCESS, rule));
	check_rule(t, r,
		reply_as(r, smb2_create_response)->file_id.volatile_ !=
			c->file_id.volatile_,
		rule, "another FileId");
}

CONF_TABLE(replay, same_channel, held_rows,
	"a CREATE that is replayed, twice, is answered as the first time",
	RULES(LEASE_REPLAY_0001), NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t);
	struct durable_request q = asking(row);
	struct reply *first = durable_open(a, "x", &q);

	need_ok(t, first);
	check_same(
		t, durable_replay(a, "x", &q), first, RULE_LEASE_REPLAY_0001);
	check_same(
		t, durable_replay(a, "x", &q), first, RULE_LEASE_REPLAY_0001);
	check_ok(t, file_write(file_of(first), 0, "x", 1), LEASE_REPLAY_0001);
	file_close(file_of(first));
}

static const struct {
	const char *name;
	uint32_t disposition, action;
} action_rows[] = {{"create", FILE_CREATE, FILE_CREATED},
	{"open_if", FILE_OPEN_IF, FILE_CREATED},
	{"overwrite_if", FILE_OVERWRITE_IF, FILE_CREATED},
	{"supersede", FILE_SUPERSEDE, FILE_CREATED}};

CONF_TABLE(replay, action, action_rows,
	"the CreateAction of a replayed CREATE is that of the open",
	RULES(LEASE_REPLAY_0001), NEEDS(DURABLE_V2))
{
	struct peer *a = client(t);
	struct durable_request q = {
		.create = {.disposition = DISPOSITION(row->disposition)}};
	struct reply *first = durable_open(a, "x", &q);

	need_ok(t, first);
	struct reply *r = durable_replay(a, "x", &q);
	check_same(t, r, first, RULE_LEASE_REPLAY_0001);
	check_field(t, r, SMB2_CREATE_RESPONSE_F_CREATE_ACTION, row->action,
		LEASE_REPLAY_0001);
	file_close(file_of(first));
}

CONF_TABLE(replay, other_channel, held_rows,
	"a CREATE that is replayed on another channel",
	RULES(LEASE_REPLAY_0002), NEEDS(DURABLE_V2, LEASES, MULTICHANNEL))
{
	struct peer *a = client(t);
	struct durable_request q = asking(row);
	struct reply *first = durable_open(a, "x", &q);

	need_ok(t, first);
	struct peer *second = client_bind(a);
	check_same(t, durable_replay(second, "x", &q), first,
		RULE_LEASE_REPLAY_0002);
	check_ok(t, file_write(file_of(first), 0, "x", 1), LEASE_REPLAY_0002);
	file_close(file_of(first));
}

CONF_TEST(replay, first_channel_lost,
	"a CREATE whose channel is lost is replayed on another",
	RULES(LEASE_REPLAY_0002), NEEDS(DURABLE_V2, LEASES, MULTICHANNEL))
{
	struct peer *a = client(t);
	struct peer *second = client_bind(a);
	struct durable_request q = {.state = L_RWH};
	struct reply *first = durable_open(a, "x", &q);

	need_ok(t, first);
	peer_disconnect(a);
	second->channel_sequence = 1;
	struct reply *r = durable_replay(second, "x", &q);
	check_same(t, r, first, RULE_LEASE_REPLAY_0002);
	check_ok(t, file_write(file_of(r), 0, "x", 1), LEASE_REPLAY_0002);
	file_close(file_of(r));
}

CONF_TABLE(replay, other_session, held_rows,
	"a CREATE that another session of the client replays",
	RULES(LEASE_REPLAY_0003), NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t);
	struct durable_request q = asking(row);
	struct reply *first = durable_open(a, "x", &q);

	need_ok(t, first);
	struct peer *second = come_again(a, false);
	check_status(t, durable_replay(second, "x", &q),
		STATUS_DUPLICATE_OBJECTID, LEASE_REPLAY_0003);
	check_ok(t, file_write(file_of(first), 0, "x", 1), LEASE_REPLAY_0003);
	file_close(file_of(first));
}

static const struct {
	const char *name;
	uint32_t state;
} lease_rows[] = {{"RH", L_RH}, {"RWH", L_RWH}};

CONF_TABLE(replay, other_key, lease_rows,
	"a CREATE that is replayed with another LeaseKey",
	RULES(LEASE_REPLAY_0004), NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t);
	struct durable_request q = {.state = row->state};
	struct reply *first = durable_open(a, "x", &q);

	need_ok(t, first);
	q.key = new_guid(t);
	check_status(t, durable_replay(a, "x", &q), STATUS_ACCESS_DENIED,
		LEASE_REPLAY_0004);
	check_ok(t, file_write(file_of(first), 0, "x", 1), LEASE_REPLAY_0004);
	file_close(file_of(first));
}

CONF_TABLE(replay, unknown_guid, held_rows,
	"a replayed CREATE that never came before is served",
	RULES(LEASE_REPLAY_0005), NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t);
	struct durable_request q = asking(row);
	struct reply *r = durable_replay(a, "x", &q);

	stop_ok(t, r, LEASE_REPLAY_0005);
	check_field(t, r, SMB2_CREATE_RESPONSE_F_CREATE_ACTION, FILE_CREATED,
		LEASE_REPLAY_0005);
	check_ok(t, file_write(file_of(r), 0, "x", 1), LEASE_REPLAY_0005);
	file_close(file_of(r));
}

static const struct {
	const char *name;
	bool v1;
} plain_rows[] = {{"no_context", false}, {"DHnQ", true}};

CONF_TABLE(replay, without_guid, plain_rows,
	"a replayed CREATE without CreateGuid is a new one",
	RULES(LEASE_REPLAY_0006), NEEDS(DIALECT_MIN(0x0300), DURABLE))
{
	struct peer *a = client(t);
	const struct create_context c = durable_v1(t);
	struct create_options o = {.oplock = SMB2_OPLOCK_LEVEL_II};
	struct reply *first;

	if (row->v1) {
		o.contexts = create_contexts(t, &c, 1);
	}
	first = file_create(a, "x", &o);
	need_ok(t, first);
	struct smb2_create_request q = create_request(a, "x", &o);
	struct reply *r = replayed(a, &smb2_create_request_type, &q);
	check_new(t, r, first, RULE_LEASE_REPLAY_0006);
	check_field(t, r, SMB2_CREATE_RESPONSE_F_CREATE_ACTION, FILE_OPENED,
		LEASE_REPLAY_0006);
	file_close(file_of(r));
	file_close(file_of(first));
}

/* --- after use ------------------------------------------------------ */

enum use { USE_WRITE, USE_READ, USE_FLUSH, USE_QUERY, USE_LOCK };

static const struct {
	const char *name;
	enum use use;
} use_rows[] = {{"WRITE", USE_WRITE}, {"READ", USE_READ}, {"FLUSH", USE_FLUSH},
	{"QUERY_INFO", USE_QUERY}, {"LOCK", USE_LOCK}};

static struct reply *use(struct file *f, enum use how)
{
	switch (how) {
	case USE_WRITE:
		return file_write(f, 0, "x", 1);
	case USE_READ:
		return file_read(f, 0, 1);
	case USE_FLUSH:
		return file_flush(f);
	case USE_QUERY:
		return file_query(
			f, SMB2_0_INFO_FILE, FileBasicInformation, 64);
	default:
		return file_lock(f, 100, 1, SMB2_LOCKFLAG_EXCLUSIVE_LOCK);
	}
}

CONF_TABLE(replay, used, use_rows,
	"an open that was used is not the answer to a replayed CREATE",
	RULES(LEASE_REPLAY_0007), NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t);
	struct durable_request q = {.state = L_RWH};
	struct reply *first = durable_open(a, "x", &q);

	need_ok(t, first);
	need(t, use(file_of(first), row->use)->outcome == REPLY_ARRIVED,
		"an answer");
	struct reply *r = durable_replay(a, "x", &q);
	check_new(t, r, first, RULE_LEASE_REPLAY_0007);
	check_field(t, r, SMB2_CREATE_RESPONSE_F_CREATE_ACTION, FILE_OPENED,
		LEASE_REPLAY_0007);
	file_close(file_of(r));
	file_close(file_of(first));
}

static const struct {
	const char *name;
	uint32_t first, then;
} upgrade_rows[] = {
	{"R_RH", L_R, L_RH}, {"RH_RWH", L_RH, L_RWH}, {"R_RWH", L_R, L_RWH}};

CONF_TABLE(replay, upgraded, upgrade_rows,
	"a replayed CREATE is told the present state of the lease",
	RULES(LEASE_REPLAY_0008), NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t);
	struct durable_request q = {.state = row->first};
	struct reply *first = durable_open(a, "x", &q);
	struct lease_answer answer = {0};

	need_ok(t, first);
	struct reply *second = lease_open(a, "x",
		&(struct lease_request){.key = q.key, .state = row->then});
	need(t, lease_answer(second).state == row->then, "a greater lease");
	struct reply *r = durable_replay(a, "x", &q);
	check_same(t, r, first, RULE_LEASE_REPLAY_0008);
	stop(t, r, lease_answered(r, &answer), LEASE_REPLAY_0008,
		"a lease context in the response");
	check_number(
		t, r, answer.state, row->then, "LeaseState", LEASE_REPLAY_0008);
	file_close(file_of(second));
	file_close(file_of(first));
}

/* --- other requests ------------------------------------------------- */

static const struct smb2_lock_element one_lock = {.offset = 5,
	.length = 1,
	.flags = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY};

static struct reply *replay_read(struct peer *a, struct smb2_fileid id)
{
	const struct smb2_read_request q = {
		.length = 3, .minimum_count = 0, .file_id = id};

	return replayed(a, &smb2_read_request_type, &q);
}

static struct reply *replay_flush(struct peer *a, struct smb2_fileid id)
{
	const struct smb2_flush_request q = {.file_id = id};

	return replayed(a, &smb2_flush_request_type, &q);
}

static struct reply *replay_lock(struct peer *a, struct smb2_fileid id)
{
	const struct smb2_lock_request q = {.lock_count = 1,
		.file_id = id,
		.locks = encoded(a->t, &smb2_lock_element_type, &one_lock)};

	return replayed(a, &smb2_lock_request_type, &q);
}

static struct reply *replay_query(struct peer *a, struct smb2_fileid id)
{
	const struct smb2_query_info_request q = {.info_type = SMB2_0_INFO_FILE,
		.file_info_class = FileBasicInformation,
		.output_buffer_length = 64,
		.file_id = id};

	return replayed(a, &smb2_query_info_request_type, &q);
}

static struct reply *replay_echo(struct peer *a, struct smb2_fileid id)
{
	const struct smb2_echo_request q = {0};

	(void)id;
	return replayed(a, &smb2_echo_request_type, &q);
}

static struct reply *replay_close(struct peer *a, struct smb2_fileid id)
{
	const struct smb2_close_request q = {.file_id = id};

	return replayed(a, &smb2_close_request_type, &q);
}

static const struct {
	const char *name;
	struct reply *(*request)(struct peer *a, struct smb2_fileid id);
} flag_rows[] = {{"READ", replay_read}, {"FLUSH", replay_flush},
	{"LOCK", replay_lock}, {"QUERY_INFO", replay_query},
	{"ECHO", replay_echo}, {"CLOSE", replay_close}};

CONF_TABLE(replay, flag_elsewhere, flag_rows,
	"SMB2_FLAGS_REPLAY_OPERATION means nothing elsewhere",
	RULES(LEASE_REPLAY_0009), NEEDS(DIALECT_MIN(0x0300)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);

	need_ok(t, file_write(f, 0, "abc", 3));
	check_ok(t, row->request(a, f->id), LEASE_REPLAY_0009);
}

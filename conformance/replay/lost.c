/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-REPLAY: CREATE requests whose answer was lost, and those that
 * come again while the first one waits. [MS-SMB2] 3.3.5.9
 */
#include "durable/durable.h"

/* Replays until the first request is no longer being processed. */
static struct reply *replay_settled(
	struct peer *peer, struct durable_request *request)
{
	struct test *t = peer->t;
	uint64_t deadline = test_within(t, REPLY_TIMEOUT_MS);
	struct reply *r;

	do {
		peers_pump(t, test_within(t, 5));
		r = durable_replay(peer, "x", request);
	} while (r->outcome == REPLY_ARRIVED &&
		 r->status == STATUS_FILE_NOT_AVAILABLE &&
		 test_clock() < deadline);
	return r;
}

static const struct {
	const char *name;
	uint32_t disposition, state;
} lost_rows[] = {{"create_RWH", FILE_CREATE, L_RWH},
	{"create_batch", FILE_CREATE, 0}, {"open_if_RH", FILE_OPEN_IF, L_RH},
	{"open_if_batch", FILE_OPEN_IF, 0},
	{"overwrite_if_RWH", FILE_OVERWRITE_IF, L_RWH}};

CONF_TABLE(replay, answer_lost, lost_rows,
	"a CREATE whose answer is lost, replayed on another channel",
	RULES(LEASE_REPLAY_0002), NEEDS(DURABLE_V2, LEASES, MULTICHANNEL))
{
	struct peer *a = client(t), *b = client(t);
	struct peer *second = client_bind(a);
	struct durable_request q = {.state = row->state,
		.create = {.disposition = DISPOSITION(row->disposition)}};

	need_ok(t, file_close(need_file(a, "other", NULL)));
	durable_open_send(a, "x", &q);
	peer_disconnect(a);
	second->channel_sequence = 1;
	struct reply *r = replay_settled(second, &q);
	stop_ok(t, r, LEASE_REPLAY_0002);
	check_field(t, r, SMB2_CREATE_RESPONSE_F_CREATE_ACTION, FILE_CREATED,
		LEASE_REPLAY_0002);
	struct file *f = file_of(r);
	check_ok(t, file_write(f, 0, "x", 1), LEASE_REPLAY_0002);
	need_ok(t, file_close(f));
	/* Had the request been done twice, there would be another open. */
	check_ok(t,
		file_create(
			b, "x", &(struct create_options){.share = SHARE_EXACT}),
		LEASE_REPLAY_0002);
}

/* --- what else the replay says -------------------------------------- */

static const struct {
	const char *name;
	struct create_options create;
} changed_rows[] = {
	{"access", {.access = FILE_READ_DATA | FILE_READ_ATTRIBUTES}},
	{"attributes", {.attributes = FILE_ATTRIBUTE_HIDDEN}},
	{"disposition", {.disposition = DISPOSITION(FILE_CREATE)}},
	{"overwrite", {.disposition = DISPOSITION(FILE_OVERWRITE_IF)}},
	{"share", {.share = SHARE_EXACT}}};

CONF_TABLE(replay, changed, changed_rows,
	"a replayed CREATE is answered from the open, whatever else it says",
	RULES(LEASE_REPLAY_0001), NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t);
	struct durable_request q = {.state = L_RWH};
	struct reply *first = durable_open(a, "x", &q);

	need_ok(t, first);
	q.create = row->create;
	struct reply *r = durable_replay(a, "x", &q);
	stop_ok(t, r, LEASE_REPLAY_0001);
	check_field(t, r, SMB2_CREATE_RESPONSE_F_CREATE_ACTION, FILE_CREATED,
		LEASE_REPLAY_0001);
	check_number(t, r, file_of(r)->id.volatile_,
		file_of(first)->id.volatile_, "FileId.Volatile",
		LEASE_REPLAY_0001);
	check_ok(t, file_write(file_of(first), 0, "x", 1), LEASE_REPLAY_0001);
	file_close(file_of(first));
}

CONF_TEST(replay, changed_oplock,
	"a replayed CREATE asks for another oplock than the first",
	RULES(LEASE_REPLAY_0001), NEEDS(DURABLE_V2))
{
	struct peer *a = client(t);
	struct durable_request q = {.oplock = O_BATCH};
	struct reply *first = durable_open(a, "x", &q);

	need_ok(t, first);
	q.oplock = O_II;
	struct reply *r = durable_replay(a, "x", &q);
	stop_ok(t, r, LEASE_REPLAY_0001);
	observe(t, r, "replay_oplock_level", "0x%02x",
		reply_as(r, smb2_create_response)->oplock_level);
	check_number(t, r, file_of(r)->id.volatile_,
		file_of(first)->id.volatile_, "FileId.Volatile",
		LEASE_REPLAY_0001);
	file_close(file_of(first));
}

/* --- while the first one waits -------------------------------------- */

static const struct {
	const char *name;
	bool channel; /* on another one */
} waiting_rows[] = {{"same_channel", false}, {"other_channel", true}};

CONF_TABLE(replay, first_waits, waiting_rows,
	"a CREATE that is replayed while it waits, and after that",
	RULES(LEASE_REPLAY_0001), NEEDS(DURABLE_V2, LEASES, MULTICHANNEL))
{
	struct peer *a = client(t), *b = client(t);
	struct peer *second = row->channel ? client_bind(a) : a;
	struct lease *l = need_lease(b, "x", L_RWH);
	struct durable_request q = {.state = L_RH};
	struct request *first = durable_open_send(a, "x", &q);

	need_break(b);
	need_status(t, peer_interim(first), STATUS_PENDING);
	struct reply *early = durable_replay(second, "x", &q);
	observe(t, early, "replay_while_first_waits", "%s",
		status_text(early->status));
	check_refused(t, early, LEASE_REPLAY_0001);
	need_ok(t, lease_ack(l, L_RH));
	struct reply *r = peer_wait(first);
	need_ok(t, r);
	struct reply *again = durable_replay(second, "x", &q);
	stop_ok(t, again, LEASE_REPLAY_0001);
	check_number(t, again, file_of(again)->id.volatile_,
		file_of(r)->id.volatile_, "FileId.Volatile", LEASE_REPLAY_0001);
	file_close(file_of(r));
}

/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-OPLOCKACK: acknowledgments of oplock breaks. [MS-SMB2]
 * 3.3.5.22.1
 */
#include "lease/lease.h"

static const uint8_t acknowledged[MODEL_OPLOCK_ACKNOWLEDGEDS] = {
	[MODEL_OPLOCK_ACKNOWLEDGED_II] = O_II,
	[MODEL_OPLOCK_ACKNOWLEDGED_EXCLUSIVE] = O_EXCLUSIVE,
	[MODEL_OPLOCK_ACKNOWLEDGED_BATCH] = O_BATCH,
	[MODEL_OPLOCK_ACKNOWLEDGED_LEASE] = SMB2_OPLOCK_LEVEL_LEASE};

static const uint32_t answers[MODEL_ACKNOWLEDGE_ANSWERS] = {
	[MODEL_ACKNOWLEDGE_ANSWER_INVALID_OPLOCK_PROTOCOL] =
		STATUS_INVALID_OPLOCK_PROTOCOL,
	[MODEL_ACKNOWLEDGE_ANSWER_INVALID_PARAMETER] =
		STATUS_INVALID_PARAMETER};

#define ROW(held, to, level) \
	{ \
#held "_to_" #to "_" #level, MODEL_OPLOCK_##held, \
			MODEL_OPLOCK_##to, MODEL_OPLOCK_ACKNOWLEDGED_##level \
	}
/* What the document leaves to the object store has no row. */
static const struct ack_row {
	const char *name;
	enum model_oplock held, to;
	enum model_oplock_acknowledged level;
} ack_rows[] = {
	ROW(BATCH, II, NONE),
	ROW(BATCH, II, II),
	ROW(BATCH, II, EXCLUSIVE),
	ROW(BATCH, II, BATCH),
	ROW(BATCH, II, LEASE),
	ROW(BATCH, NONE, NONE),
	ROW(BATCH, NONE, EXCLUSIVE),
	ROW(BATCH, NONE, BATCH),
	ROW(BATCH, NONE, LEASE),
	ROW(EXCLUSIVE, II, NONE),
	ROW(EXCLUSIVE, II, II),
	ROW(EXCLUSIVE, II, EXCLUSIVE),
	ROW(EXCLUSIVE, II, BATCH),
	ROW(EXCLUSIVE, II, LEASE),
	ROW(EXCLUSIVE, NONE, NONE),
	ROW(EXCLUSIVE, NONE, EXCLUSIVE),
	ROW(EXCLUSIVE, NONE, BATCH),
	ROW(EXCLUSIVE, NONE, LEASE),
};

CONF_TABLE(lease, acknowledged, ack_rows,
	"which level may acknowledge which break",
	RULES(LEASE_OPLOCKACK_0001, LEASE_OPLOCKACK_0002, LEASE_OPLOCKACK_0003,
		LEASE_OPLOCKACK_0004, LEASE_OPLOCKACK_0008))
{
	struct peer *a = client(t), *b = client(t);
	const struct model_oplock_acknowledge *m =
		model_oplock_acknowledge(row->held, row->to, row->level);
	enum rule_id rule = rule_named(t, m->rule);
	struct file *f = need_oplock(a, "x", oplock_level(row->held), NULL);
	struct request *open = open_send(b, "x",
		&(struct create_options){
			.disposition = DISPOSITION(row->to == MODEL_OPLOCK_NONE
							   ? FILE_OVERWRITE
							   : FILE_OPEN)});

	need(t, peer_notification(a, REPLY_TIMEOUT_MS)->body != NULL,
		"an oplock break");
	struct reply *r = oplock_ack(f, acknowledged[row->level]);
	rule_status(t, r, answers[m->answer], rule);
	if (m->answer == MODEL_ACKNOWLEDGE_ANSWER_ACCEPTED) {
		rule_field(t, r, SMB2_OPLOCK_BREAK_NOTIFICATION_F_OPLOCK_LEVEL,
			oplock_level(m->becomes), rule);
	}
	if (r->status != STATUS_SUCCESS) {
		file_close(f);
	}
	need_ok(t, peer_wait(open));
}

static const struct {
	const char *name;
	uint8_t held, level;
} idle_rows[] = {{"batch_to_level_II", O_BATCH, O_II},
	{"batch_to_none", O_BATCH, O_NONE},
	{"batch_to_lease", O_BATCH, SMB2_OPLOCK_LEVEL_LEASE},
	{"exclusive_to_level_II", O_EXCLUSIVE, O_II},
	{"exclusive_to_none", O_EXCLUSIVE, O_NONE},
	{"level_II_to_level_II", O_II, O_II},
	{"level_II_to_none", O_II, O_NONE},
	{"level_II_to_batch", O_II, O_BATCH},
	{"none_to_level_II", O_NONE, O_II}, {"none_to_none", O_NONE, O_NONE}};

CONF_TABLE(lease, nothing_to_acknowledge, idle_rows,
	"an acknowledgment that nobody asked for", RULES(LEASE_OPLOCKACK_0005))
{
	struct peer *a = client(t);
	struct file *f = need_oplock(a, "x", row->held, NULL);
	struct reply *r = oplock_ack(f, row->level);

	observe(t, r, "oplock_ack_of_nothing", "%s", status_text(r->status));
	check_status(
		t, r, STATUS_INVALID_OPLOCK_PROTOCOL, LEASE_OPLOCKACK_0005);
}

CONF_TEST(lease, unknown_file, "an acknowledgment of an unknown open",
	RULES(LEASE_OPLOCKACK_0006))
{
	struct peer *a = client(t);
	struct file *f = need_oplock(a, "x", O_BATCH, NULL);

	need_ok(t, file_close(f));
	check_status(t, oplock_ack(f, O_II), STATUS_FILE_CLOSED,
		LEASE_OPLOCKACK_0006);
}

CONF_TEST(lease, not_in_time,
	"a break that is not acknowledged is over some time",
	RULES(LEASE_OPLOCKACK_0007), BUDGET_MS(70000))
{
	struct peer *a = client(t), *b = client(t);

	need_oplock(a, "x", O_BATCH, NULL);
	struct request *open = open_send(b, "x", NULL);
	struct reply *r = peer_wait_ms(open, BREAK_TIMEOUT_MS);
	check_ok(t, r, LEASE_OPLOCKACK_0007);
}

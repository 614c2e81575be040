/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-DURABLE: what becomes of durable opens without a connection.
 * [MS-SMB2] 3.3.7.1, 3.3.5.6, 3.3.5.8, 3.3.2.2
 */
#include "durable/durable.h"

#define EXPIRY_MS 1000
/* What a server may need beyond that. */
#define EXPIRY_SLACK_MS 4000

/* --- lost, by the table --------------------------------------------- */

#define ROW(durability, loss) \
	{ \
#durability "_" #loss, MODEL_DURABILITY_##durability, \
			MODEL_LOSS_##loss, false \
	}
#define BREAKING(durability, loss) \
	{ \
#durability "_" #loss "_breaking", \
			MODEL_DURABILITY_##durability, MODEL_LOSS_##loss, true \
	}

static const struct {
	const char *name;
	enum model_durability durability;
	enum model_loss loss;
	bool breaking;
} lost_rows[] = {ROW(NONE, CONNECTION), ROW(BATCH, CONNECTION),
	ROW(LEASE_WITH_H, CONNECTION), ROW(NONE, LOGOFF), ROW(BATCH, LOGOFF),
	ROW(LEASE_WITH_H, LOGOFF), ROW(NONE, TREE), ROW(BATCH, TREE),
	ROW(LEASE_WITH_H, TREE), BREAKING(BATCH, CONNECTION),
	BREAKING(LEASE_WITH_H, CONNECTION), BREAKING(BATCH, LOGOFF),
	BREAKING(LEASE_WITH_H, LOGOFF), BREAKING(BATCH, TREE),
	BREAKING(LEASE_WITH_H, TREE), ROW(RESILIENT, CONNECTION),
	ROW(RESILIENT, LOGOFF), ROW(RESILIENT, TREE),
	BREAKING(RESILIENT, CONNECTION), BREAKING(RESILIENT, LOGOFF),
	BREAKING(RESILIENT, TREE)};

/* The open goes; the client comes again. */
static struct peer *lose_by(struct peer *a, enum model_loss loss)
{
	const struct smb2_logoff_request logoff = {0};
	const struct smb2_tree_disconnect_request tree = {0};

	switch (loss) {
	case MODEL_LOSS_CONNECTION:
		break;
	case MODEL_LOSS_LOGOFF:
		need_ok(a->t, peer_call(a, &smb2_logoff_request_type, &logoff));
		return come_again(a, false);
	case MODEL_LOSS_TREE:
		need_ok(a->t, peer_call(a, &smb2_tree_disconnect_request_type,
				      &tree));
		break;
	}
	return lose(a);
}

/* An open that nothing but resilience keeps. */
static struct durable *plain_open(
	struct peer *a, const struct create_options *options)
{
	struct durable *d = test_alloc(a->t, sizeof(*d));

	*d = (struct durable){.peer = a,
		.path = "x",
		.v1 = true,
		.file = need_file(a, "x", options)};
	return d;
}

static struct durable *need_durability(
	struct peer *a, enum model_durability durability)
{
	struct durable *d;

	switch (durability) {
	case MODEL_DURABILITY_NONE: /* in everybody's way */
		return plain_open(
			a, &(struct create_options){.share = SHARE_EXACT});
	case MODEL_DURABILITY_RESILIENT:
		d = plain_open(a, &(struct create_options){.oplock = O_BATCH});
		need_resilient(d->file);
		return d;
	case MODEL_DURABILITY_BATCH:
		return need_durable(
			a, "x", &(struct durable_request){.v1 = true});
	default:
		return need_durable(a, "x",
			&(struct durable_request){.v1 = true, .state = L_RWH});
	}
}

/* Whether the open is still there; it is closed then. */
static void check_kept(
	struct peer *again, struct durable *d, bool kept, enum rule_id rule)
{
	struct reply *r = take_up(again, d);

	rule_status(again->t, r,
		kept ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND, rule);
	if (r->status == STATUS_SUCCESS) {
		file_close(d->file);
	}
}

CONF_TABLE(durable, lost, lost_rows, "which opens outlive which loss",
	RULES(LEASE_DURABLE_0013, LEASE_DURABLE_0014, LEASE_DURABLE_0015,
		LEASE_DURABLE_0016, LEASE_DURABLE_0017, LEASE_DURABLE_0018,
		LEASE_RESILIENT_0004),
	NEEDS(DURABLE))
{
	struct peer *a = client(t), *b = client(t);
	const struct model_open_lost *m =
		model_open_lost(row->durability, row->loss, row->breaking);
	enum rule_id rule = rule_named(t, m->rule);
	struct durable *d = need_durability(a, row->durability);
	struct request *open = row->breaking ? open_send(b, "x", NULL) : NULL;

	if (open != NULL) {
		struct reply *n = peer_notification(a, REPLY_TIMEOUT_MS);
		need(t, n->outcome == REPLY_ARRIVED, "a break");
	}
	struct peer *again = lose_by(a, row->loss);
	if (row->durability == MODEL_DURABILITY_NONE) {
		struct reply *r = peer_wait(open_send(b, "x", NULL));
		rule_status(t, r, STATUS_SUCCESS, rule);
	}
	check_kept(again, d, m->kept, rule);
	if (open != NULL) {
		rule_status(t, peer_wait(open), STATUS_SUCCESS, rule);
	}
}

static const struct {
	const char *name;
	bool v1;
	uint32_t state;
	enum rule_id rule;
} silent_rows[] = {{"v1_batch", true, 0, RULE_LEASE_DURABLE_0013},
	{"v2_batch", false, 0, RULE_LEASE_DURABLE_0013},
	{"v1_RH", true, L_RH, RULE_LEASE_DURABLE_0014},
	{"v1_RWH", true, L_RWH, RULE_LEASE_DURABLE_0014},
	{"v2_RH", false, L_RH, RULE_LEASE_DURABLE_0014},
	{"v2_RWH", false, L_RWH, RULE_LEASE_DURABLE_0014}};

CONF_TABLE(durable, silently, silent_rows,
	"durable opens outlive a connection that just ends",
	RULES(LEASE_DURABLE_0013, LEASE_DURABLE_0014), NEEDS(DURABLE))
{
	struct peer *a = client(t);
	struct durable *d = need_durable(a, "x",
		&(struct durable_request){.v1 = row->v1, .state = row->state});
	struct reply *r;

	peer_disconnect(a);
	struct peer *again = come_again(a, false);
	uint64_t deadline = test_within(t, CLOSE_TIMEOUT_MS);
	do { /* until the server has seen that it ended */
		peers_pump(t, test_within(t, 20));
		r = take_up(again, d);
	} while (r->status == STATUS_OBJECT_NAME_NOT_FOUND &&
		 test_clock() < deadline);
	rule_status(t, r, STATUS_SUCCESS, row->rule);
	if (r->status == STATUS_SUCCESS) {
		check_rule(t, r,
			file_write(d->file, 0, "abc", 3)->status ==
				STATUS_SUCCESS,
			row->rule, "the open serves as before");
		file_close(d->file);
	}
}

/* --- somebody else opens the file ----------------------------------- */

#undef ROW
#define ROW(parked, newcomer) \
	{ \
#parked "_" #newcomer, MODEL_PARKED_##parked, \
			MODEL_NEWCOMER_##newcomer \
	}
#define ROWS(parked) \
	ROW(parked, STAT), ROW(parked, SHARES), ROW(parked, CONFLICTS), \
		ROW(parked, OVERWRITES)

static const struct {
	const char *name;
	enum model_parked parked;
	enum model_newcomer newcomer;
} newcomer_rows[] = {ROWS(BATCH), ROWS(RH), ROWS(RWH)};

static struct create_options newcomer(enum model_newcomer how)
{
	return (struct create_options){
		.access = how == MODEL_NEWCOMER_STAT
				  ? FILE_READ_ATTRIBUTES | SYNCHRONIZE
				  : 0,
		.share = how == MODEL_NEWCOMER_CONFLICTS ? SHARE_EXACT : 0,
		.disposition = DISPOSITION(how == MODEL_NEWCOMER_OVERWRITES
						   ? FILE_OVERWRITE
						   : FILE_OPEN)};
}

CONF_TABLE(durable, newcomer, newcomer_rows,
	"what another open does to a disconnected one",
	RULES(LEASE_DURABLE_0020, LEASE_DURABLE_0021, LEASE_DURABLE_0022,
		LEASE_DURABLE_0023, LEASE_DURABLE_0024),
	NEEDS(DURABLE_V2, LEASES))
{
	static const uint32_t states[MODEL_PARKEDS] = {
		[MODEL_PARKED_RH] = L_RH, [MODEL_PARKED_RWH] = L_RWH};
	struct peer *a = client(t), *b = client(t);
	const struct model_parked_open *m =
		model_parked_open(row->parked, row->newcomer);
	enum rule_id rule = rule_named(t, m->rule);
	struct durable *d = need_durable(a, "x",
		&(struct durable_request){.state = states[row->parked]});
	struct peer *again = lose(a);
	struct create_options o = newcomer(row->newcomer);
	struct reply *r = file_create(b, "x", &o);

	rule_status(t, r, STATUS_SUCCESS, rule);
	if (r->status == STATUS_SUCCESS) {
		file_close(file_of(r));
	}
	check_kept(again, d, m->kept, rule);
}

/* --- time ----------------------------------------------------------- */

static const struct {
	const char *name;
	uint32_t state;
	bool twice;
} expiry_rows[] = {{"batch", 0, false}, {"RH", L_RH, false},
	{"RWH", L_RWH, false}, {"taken_up_once", L_RWH, true}};

CONF_TABLE(durable, expired, expiry_rows,
	"a durable open that nobody takes up again is closed",
	RULES(LEASE_DURABLE_0019), NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t);
	struct durable *d = need_durable(a, "x",
		&(struct durable_request){
			.timeout = EXPIRY_MS, .state = row->state});

	need_capability(t, d->file->create, d->timeout <= EXPIRY_MS,
		"a Timeout of at most %u ms", EXPIRY_MS);
	struct peer *again = lose(a);
	if (row->twice) {
		need_ok(t, take_up(again, d));
		again = lose(again);
	}
	peers_pump(t, test_within(t, d->timeout + EXPIRY_SLACK_MS));
	check_status(t, take_up(again, d), STATUS_OBJECT_NAME_NOT_FOUND,
		LEASE_DURABLE_0019);
}

/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-DURABLE: which opens become durable. [MS-SMB2] 3.3.5.9.6,
 * 3.3.5.9.10
 */
#include "durable/durable.h"

static const struct grant_row {
	const char *name;
	uint8_t oplock;
	uint32_t state;
	enum rule_id v1, v2;
} oplock_rows[] = {{"level_II", SMB2_OPLOCK_LEVEL_II, 0,
			   RULE_LEASE_DURABLE_0003, RULE_LEASE_DURABLE_0008},
	{"exclusive", SMB2_OPLOCK_LEVEL_EXCLUSIVE, 0, RULE_LEASE_DURABLE_0003,
		RULE_LEASE_DURABLE_0008},
	{"batch", SMB2_OPLOCK_LEVEL_BATCH, 0, RULE_LEASE_DURABLE_0001,
		RULE_LEASE_DURABLE_0007}},
  lease_rows[] = {
	  {"R", 0, L_R, RULE_LEASE_DURABLE_0003, RULE_LEASE_DURABLE_0008},
	  {"RW", 0, L_RW, RULE_LEASE_DURABLE_0003, RULE_LEASE_DURABLE_0008},
	  {"RH", 0, L_RH, RULE_LEASE_DURABLE_0002, RULE_LEASE_DURABLE_0007},
	  {"RWH", 0, L_RWH, RULE_LEASE_DURABLE_0002, RULE_LEASE_DURABLE_0007}};

/* With every share mode: that has no part in it. */
static void check_grant(
	struct test *t, const struct grant_row *row, bool v1, uint32_t share)
{
	struct peer *a = client(t);
	struct durable_request q = {.v1 = v1,
		.oplock = row->oplock,
		.state = row->state,
		.create = {.share = SHARE_EXACT | share}};
	const char *name = v1 ? "DHnQ" : "DH2Q";
	enum rule_id rule = v1 ? row->v1 : row->v2;
	bool durable = row->oplock == SMB2_OPLOCK_LEVEL_BATCH ||
		       (row->state & L_H) != 0;
	struct reply *r = durable_open(a, "x", &q);
	struct lease_answer lease;
	struct wire_view data;

	need_ok(t, r);
	need_capability(t, r,
		row->state != 0
			? lease_answered(r, &lease) && lease.state == row->state
			: reply_as(r, smb2_create_response)->oplock_level ==
				  row->oplock,
		"this oplock or lease");
	check_rule(t, r, created_context(r, name, &data) == durable, rule,
		"%s %s in the response", durable ? "a" : "no", name);
	file_close(file_of(r));
}

static void check_grants(struct test *t, const struct grant_row *row, bool v1)
{
	check_grant(t, row, v1, 0);
	check_grant(t, row, v1,
		FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE);
}

CONF_TABLE(durable, oplock_v1, oplock_rows,
	"which oplocks make an open durable (version 1)",
	RULES(LEASE_DURABLE_0001, LEASE_DURABLE_0003), NEEDS(DURABLE))
{
	check_grants(t, row, true);
}

CONF_TABLE(durable, oplock_v2, oplock_rows,
	"which oplocks make an open durable (version 2)",
	RULES(LEASE_DURABLE_0007, LEASE_DURABLE_0008), NEEDS(DURABLE_V2))
{
	check_grants(t, row, false);
}

CONF_TABLE(durable, lease_v1, lease_rows,
	"which leases make an open durable (version 1)",
	RULES(LEASE_DURABLE_0002, LEASE_DURABLE_0003), NEEDS(DURABLE, LEASES))
{
	check_grants(t, row, true);
}

CONF_TABLE(durable, lease_v2, lease_rows,
	"which leases make an open durable (version 2)",
	RULES(LEASE_DURABLE_0007, LEASE_DURABLE_0008),
	NEEDS(DURABLE_V2, LEASES))
{
	check_grants(t, row, false);
}

CONF_TEST(durable, response, "the response of version 1 is 8 zero bytes",
	RULES(LEASE_DURABLE_0001), NEEDS(DURABLE))
{
	static const uint8_t zeroes[8];
	struct peer *a = client(t);
	struct durable *d =
		need_durable(a, "x", &(struct durable_request){.v1 = true});
	struct wire_view data = {NULL, 0};

	created_context(d->file->create, "DHnQ", &data);
	check_bytes(t, d->file->create, data, wire_view_of(zeroes, 8), "DHnQ",
		LEASE_DURABLE_0001);
	file_close(d->file);
}

static const struct {
	const char *name;
	bool v1;
	uint32_t state;
} directory_rows[] = {{"v1_RH", true, L_RH}, {"v1_RWH", true, L_RWH},
	{"v2_RH", false, L_RH}, {"v2_RWH", false, L_RWH}};

CONF_TABLE(durable, directory, directory_rows, "a directory is never durable",
	RULES(LEASE_DURABLE_0004), NEEDS(DURABLE_V2, DIRECTORY_LEASES))
{
	struct peer *a = client(t);
	struct durable_request q = {.v1 = row->v1,
		.state = row->state,
		.create = {.access = FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES,
			.options = FILE_DIRECTORY_FILE}};
	struct reply *r = durable_open(a, "d", &q);

	need_ok(t, r);
	check(t, r, !durable_answered(r), LEASE_DURABLE_0004,
		"no durable handle context");
	file_close(file_of(r));
}

/* --- contexts that do not go together ------------------------------- */

enum which { DHNQ, DH2Q, DHNC, DH2C };

static const struct {
	const char *name;
	enum which first, second;
	enum rule_id rule;
} mix_rows[] = {
	{"DHnQ_DH2Q", DHNQ, DH2Q, RULE_LEASE_DURABLE_0005},
	{"DH2Q_DHnQ", DH2Q, DHNQ, RULE_LEASE_DURABLE_0005},
	{"DHnQ_DH2C", DHNQ, DH2C, RULE_LEASE_DURABLE_0005},
	{"DHnC_DH2Q", DHNC, DH2Q, RULE_LEASE_RECONNECT_0015},
	{"DHnC_DH2C", DHNC, DH2C, RULE_LEASE_RECONNECT_0015},
	{"DH2C_DHnC", DH2C, DHNC, RULE_LEASE_RECONNECT_0015},
	{"DH2C_DHnQ", DH2C, DHNQ, RULE_LEASE_RECONNECT_0016},
	{"DH2C_DH2Q", DH2C, DH2Q, RULE_LEASE_RECONNECT_0016},
};

static struct create_context context(
	struct test *t, enum which which, const struct durable *d)
{
	switch (which) {
	case DHNQ:
		return durable_v1(t);
	case DH2Q:
		return durable_v2(t, 0, 0, new_guid(t));
	case DHNC:
		return reconnect_v1(t, d->file->id);
	default:
		return reconnect_v2(t, d->file->id, d->guid, 0);
	}
}

CONF_TABLE(durable, mixed, mix_rows, "contexts that do not go together",
	RULES(LEASE_DURABLE_0005, LEASE_RECONNECT_0015, LEASE_RECONNECT_0016),
	NEEDS(DURABLE_V2))
{
	struct peer *a = client(t);
	struct durable *d = need_durable(a, "x", &(struct durable_request){0});
	struct peer *again = lose(a);
	const struct create_context two[2] = {
		context(t, row->first, d), context(t, row->second, d)};

	rule_status(t,
		file_create(again, "x",
			&(struct create_options){
				.oplock = SMB2_OPLOCK_LEVEL_BATCH,
				.contexts = create_contexts(t, two, 2)}),
		STATUS_INVALID_PARAMETER, row->rule);
	need_ok(t, take_up(again, d));
	need_ok(t, file_close(d->file));
}

static const struct {
	const char *name, *context;
	size_t n;
} length_rows[] = {{"DHnQ_15", "DHnQ", 15}, {"DHnQ_17", "DHnQ", 17},
	{"DHnQ_0", "DHnQ", 0}, {"DHnC_8", "DHnC", 8}, {"DHnC_17", "DHnC", 17},
	{"DH2Q_16", "DH2Q", 16}, {"DH2Q_31", "DH2Q", 31},
	{"DH2Q_33", "DH2Q", 33}, {"DH2C_32", "DH2C", 32},
	{"DH2C_35", "DH2C", 35}, {"DH2C_37", "DH2C", 37}};

CONF_TABLE(durable, length, length_rows, "contexts of a wrong length",
	RULES(LEASE_DURABLE_0006), NEEDS(DURABLE_V2))
{
	struct peer *a = client(t);
	uint8_t bytes[40] = {0};
	const struct create_context c = {
		text_bytes(row->context), wire_view_of(bytes, row->n)};

	check_status(t,
		file_create(a, "x",
			&(struct create_options){
				.oplock = SMB2_OPLOCK_LEVEL_BATCH,
				.contexts = create_contexts(t, &c, 1)}),
		STATUS_INVALID_PARAMETER, LEASE_DURABLE_0006);
}

/* --- version 2 ------------------------------------------------------ */

static const struct {
	const char *name;
	uint32_t asked;
} timeout_rows[] = {{"1", 1}, {"1000", 1000}, {"2001", 2001}, {"60000", 60000},
	{"300001", 300001}, {"all_ones", UINT32_MAX}};

CONF_TABLE(durable, timeout, timeout_rows,
	"the Timeout granted is not above the one asked for",
	RULES(LEASE_DURABLE_0009), NEEDS(DURABLE_V2))
{
	struct peer *a = client(t);
	struct durable *d = need_durable(
		a, "x", &(struct durable_request){.timeout = row->asked});

	check(t, d->file->create, d->timeout != 0 && d->timeout <= row->asked,
		LEASE_DURABLE_0009, "from 1 to %u, not %u", row->asked,
		d->timeout);
	file_close(d->file);
}

CONF_TEST(durable, no_timeout, "a Timeout is granted to who asks for none",
	RULES(LEASE_DURABLE_0010), NEEDS(DURABLE_V2))
{
	struct peer *a = client(t);
	struct durable *d = need_durable(a, "x", &(struct durable_request){0});

	check(t, d->file->create, d->timeout != 0, LEASE_DURABLE_0010,
		"a Timeout that is not zero");
	observe(t, d->file->create, "timeout", "%u", d->timeout);
	file_close(d->file);
}

CONF_TEST(durable, not_persistent,
	"nothing is persistent without continuous availability",
	RULES(LEASE_DURABLE_0011), NEEDS(DURABLE_V2))
{
	struct peer *a = client(t);
	struct reply *tree = peer_tree_connect(a, NULL);
	struct smb2_create_durable_handle_response_v2 v2 = {0};
	struct durable_request q = {.flags = SMB2_DHANDLE_FLAG_PERSISTENT};
	struct wire_view data;

	need_ok(t, tree);
	need_capability(t, tree,
		(reply_as(tree, smb2_tree_connect_response)->capabilities &
			SMB2_SHARE_CAP_CONTINUOUS_AVAILABILITY) == 0,
		"a share without continuous availability");
	struct reply *r = durable_open(a, "x", &q);
	need_ok(t, r);
	if (created_context(r, "DH2Q", &data)) {
		need(t,
			smb2_create_durable_handle_response_v2_decode(
				data, &v2) == 0,
			"a response that decodes");
	}
	check(t, r, (v2.flags & SMB2_DHANDLE_FLAG_PERSISTENT) == 0,
		LEASE_DURABLE_0011, "no SMB2_DHANDLE_FLAG_PERSISTENT");
	file_close(file_of(r));
}

static const struct {
	const char *name;
	uint32_t state;
	const char *path;
} twice_rows[] = {{"same_file", L_RWH, "x"}, {"batch", 0, "x"},
	{"other_file", L_RWH, "y"}};

CONF_TABLE(durable, same_guid, twice_rows,
	"a CreateGuid serves one open at a time", RULES(LEASE_DURABLE_0012),
	NEEDS(DURABLE_V2))
{
	struct peer *a = client(t);
	struct durable *d = need_durable(
		a, "x", &(struct durable_request){.state = row->state});
	struct durable_request q = {
		.state = row->state, .guid = d->guid, .key = d->key};

	if (row->path[0] == 'y') {
		q.key = new_guid(t);
	}
	check_status(t, durable_open(a, row->path, &q),
		STATUS_DUPLICATE_OBJECTID, LEASE_DURABLE_0012);
	file_close(d->file);
}

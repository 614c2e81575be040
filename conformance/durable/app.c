/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-APP: an instance of an application that comes up elsewhere
 * closes what the old one had open. [MS-SMB2] 3.3.5.9.13
 */
#include "durable/durable.h"

#define APP_INSTANCE_ID \
	"\x45\xbc\xa6\x6a\xef\xa7\xf7\x4a\x90\x08\xfa\x46\x2e\x14\x4d\x74"
#define APP_INSTANCE_VERSION \
	"\xb9\x82\xd0\xb7\x3b\x56\x07\x4f\xa0\x7b\x52\x4a\x81\x16\xa0\x10"

struct version {
	bool set;
	uint64_t high, low;
};

/* The reply. A server that asks the holder for its oplock instead is not
 * waited for: the holder closes, and what was opened is closed too. */
static struct reply *opened(struct request *open, struct file *holder)
{
	struct test *t = open->peer->t;
	uint64_t deadline = test_within(t, REPLY_TIMEOUT_MS);
	struct reply *r, *late;

	while (open->reply == NULL && !open->peer->closed &&
		(holder == NULL || holder->peer->unsolicited == NULL) &&
		peers_pump(t, deadline)) {
	}
	r = peer_wait_ms(open, 1000);
	if (r->outcome != REPLY_ARRIVED && holder != NULL) {
		file_close(holder);
		late = peer_wait(open);
		if (late->status == STATUS_SUCCESS) {
			file_close(file_of(late));
		}
	}
	return r;
}

/* An open of an instance: exclusive, so that another can only succeed when it
 * was closed. */
static struct reply *instance_open(struct peer *peer, struct wire_guid id,
	struct version version, uint32_t state, uint8_t oplock,
	struct file *holder)
{
	struct test *t = peer->t;
	const struct smb2_create_app_instance_id i = {
		.structure_size = 20, .app_instance_id = id};
	const struct smb2_create_app_instance_version v = {.structure_size = 24,
		.app_instance_version_high = version.high,
		.app_instance_version_low = version.low};
	struct durable_request q = {.state = state,
		.oplock = oplock,
		.more = {{wire_view_of(APP_INSTANCE_ID, 16),
			encoded(t, &smb2_create_app_instance_id_type, &i)}},
		.create = {.share = SHARE_EXACT}};

	if (version.set) {
		q.more[1] = (struct create_context){
			wire_view_of(APP_INSTANCE_VERSION, 16),
			encoded(t, &smb2_create_app_instance_version_type, &v)};
	}
	return opened(durable_open_send(peer, "x", &q), holder);
}

static const struct version no_version;

static const struct {
	const char *name;
	uint8_t oplock;
	uint32_t state;
} held_rows[] = {{"level_II", SMB2_OPLOCK_LEVEL_II, 0},
	{"batch", SMB2_OPLOCK_LEVEL_BATCH, 0}, {"RH", 0, L_RH},
	{"RWH", 0, L_RWH}};

CONF_TABLE(durable, displaced, held_rows,
	"the same instance on another client closes the open",
	RULES(LEASE_APP_0001, LEASE_APP_0004), NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct wire_guid id = new_guid(t);
	struct reply *r =
		instance_open(a, id, no_version, row->state, row->oplock, NULL);

	need_ok(t, r);
	struct file *f = file_of(r);
	r = instance_open(b, id, no_version, row->state, row->oplock, f);
	stop_ok(t, r, LEASE_APP_0001);
	observe(t, r, "app_instance_breaks", "%s",
		a->unsolicited != NULL ? "yes" : "no");
	check_status(t, file_read(f, 0, 1), STATUS_FILE_CLOSED, LEASE_APP_0004);
	check_status(t, file_write(f, 0, "x", 1), STATUS_FILE_CLOSED,
		LEASE_APP_0004);
	file_close(file_of(r));
}

CONF_TABLE(durable, disconnected, held_rows,
	"the same instance closes an open without a connection too",
	RULES(LEASE_APP_0001), NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct wire_guid id = new_guid(t);

	need_ok(t, instance_open(
			   a, id, no_version, row->state, row->oplock, NULL));
	lose(a);
	struct reply *r =
		instance_open(b, id, no_version, row->state, row->oplock, NULL);
	stop_ok(t, r, LEASE_APP_0001);
	file_close(file_of(r));
}

static const struct {
	const char *name;
	bool same_client;
	enum rule_id rule;
} other_rows[] = {{"same_client", true, RULE_LEASE_APP_0002},
	{"other_instance", false, RULE_LEASE_APP_0003}};

CONF_TABLE(durable, not_displaced, other_rows,
	"what does not close the open of an instance",
	RULES(LEASE_APP_0002, LEASE_APP_0003), NEEDS(DURABLE_V2))
{
	struct peer *a = client(t);
	struct peer *b = row->same_client ? come_again(a, false) : client(t);
	struct wire_guid id = new_guid(t);
	struct reply *r =
		instance_open(a, id, no_version, 0, SMB2_OPLOCK_LEVEL_II, NULL);

	need_ok(t, r);
	struct file *f = file_of(r);
	r = instance_open(b, row->same_client ? id : new_guid(t), no_version, 0,
		SMB2_OPLOCK_LEVEL_II, NULL);
	rule_status(t, r, STATUS_SHARING_VIOLATION, row->rule);
	rule_status(t, file_write(f, 0, "x", 1), STATUS_SUCCESS, row->rule);
	file_close(f);
}

static const struct {
	const char *name;
	struct version old, new;
	uint32_t status;
	enum rule_id rule;
} version_rows[] = {
	{"equal", {true, 1, 1}, {true, 1, 1}, STATUS_FILE_FORCED_CLOSED,
		RULE_LEASE_APP_0005},
	{"lower_low", {true, 1, 2}, {true, 1, 1}, STATUS_FILE_FORCED_CLOSED,
		RULE_LEASE_APP_0005},
	{"lower_high", {true, 2, 1}, {true, 1, 9}, STATUS_FILE_FORCED_CLOSED,
		RULE_LEASE_APP_0005},
	{"zero", {true, 0, 1}, {true, 0, 0}, STATUS_FILE_FORCED_CLOSED,
		RULE_LEASE_APP_0005},
	{"none", {true, 1, 1}, {false, 0, 0}, STATUS_FILE_FORCED_CLOSED,
		RULE_LEASE_APP_0006},
	{"none_zero", {true, 0, 0}, {false, 0, 0}, STATUS_FILE_FORCED_CLOSED,
		RULE_LEASE_APP_0006},
	{"higher_low", {true, 1, 1}, {true, 1, 2}, STATUS_SUCCESS,
		RULE_LEASE_APP_0001},
	{"higher_high", {true, 1, 9}, {true, 2, 1}, STATUS_SUCCESS,
		RULE_LEASE_APP_0001},
	{"first", {false, 0, 0}, {true, 1, 1}, STATUS_SUCCESS,
		RULE_LEASE_APP_0001},
};

CONF_TABLE(durable, version, version_rows,
	"only a newer instance closes the open of a versioned one",
	RULES(LEASE_APP_0001, LEASE_APP_0005, LEASE_APP_0006),
	NEEDS(DURABLE_V2, DIALECT_MIN(0x0311)))
{
	struct peer *a = client(t), *b = client(t);
	struct wire_guid id = new_guid(t);
	struct reply *r =
		instance_open(a, id, row->old, 0, SMB2_OPLOCK_LEVEL_II, NULL);

	need_ok(t, r);
	struct file *f = file_of(r);
	r = instance_open(b, id, row->new, 0, SMB2_OPLOCK_LEVEL_II, NULL);
	rule_status(t, r, row->status, row->rule);
	rule_status(t, file_write(f, 0, "x", 1),
		row->status == STATUS_SUCCESS ? STATUS_FILE_CLOSED
					      : STATUS_SUCCESS,
		row->rule);
	file_close(r->status == STATUS_SUCCESS ? file_of(r) : f);
}

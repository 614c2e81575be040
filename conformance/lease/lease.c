/* SPDX-License-Identifier: MIT */
/*
 * The words of tests of oplocks and leases. [MS-SMB2] 2.2.13.2.8, 2.2.13.2.10,
 * 2.2.23 to 2.2.25
 */
#include <string.h>

#include "lease/lease.h"

struct wire_guid new_guid(struct test *t)
{
	struct wire_guid g;

	test_random(t, g.b, sizeof(g.b));
	g.b[0] |= 1;
	return g;
}

static struct wire_view lease_data(
	struct test *t, const struct lease_request *r)
{
	const struct smb2_create_request_lease v1 = {
		.lease_key = r->key, .lease_state = r->state};
	const struct smb2_create_request_lease_v2 v2 = {.lease_key = r->key,
		.lease_state = r->state,
		.flags = r->parent_set ? SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET
				       : 0,
		.parent_lease_key = r->parent,
		.epoch = r->epoch};

	return r->v1 ? encoded(t, &smb2_create_request_lease_type, &v1)
		     : encoded(t, &smb2_create_request_lease_v2_type, &v2);
}

struct wire_view lease_contexts(struct test *t, const struct lease_request *r)
{
	const struct create_context c = {text_bytes("RqLs"), lease_data(t, r)};

	return context_before(t, &c, r->create.contexts);
}

static struct create_options options_of(
	struct test *t, const struct lease_request *r)
{
	struct create_options o = r->create;

	o.oplock = SMB2_OPLOCK_LEVEL_LEASE;
	o.contexts = lease_contexts(t, r);
	return o;
}

struct reply *lease_open(struct peer *peer, const char *path,
	const struct lease_request *request)
{
	struct create_options o = options_of(peer->t, request);

	return file_create(peer, path, &o);
}

struct request *lease_open_send(struct peer *peer, const char *path,
	const struct lease_request *request)
{
	struct create_options o = options_of(peer->t, request);
	struct smb2_create_request r = create_request(peer, path, &o);

	return peer_send(peer, &smb2_create_request_type, &r);
}

bool lease_answered(const struct reply *create, struct lease_answer *ret)
{
	struct smb2_create_response_lease v1;
	struct smb2_create_response_lease_v2 v2;
	struct wire_view data;

	if (!created_context(create, "RqLs", &data)) {
		return false;
	}
	if (data.n == 32 && smb2_create_response_lease_decode(data, &v1) == 0) {
		*ret = (struct lease_answer){.key = v1.lease_key,
			.state = v1.lease_state,
			.flags = v1.lease_flags,
			.duration = v1.lease_duration};
		return true;
	}
	if (data.n == 52 &&
		smb2_create_response_lease_v2_decode(data, &v2) == 0) {
		*ret = (struct lease_answer){.v2 = true,
			.key = v2.lease_key,
			.parent = v2.parent_lease_key,
			.state = v2.lease_state,
			.flags = v2.flags,
			.duration = v2.lease_duration,
			.epoch = v2.epoch};
		return true;
	}
	return false;
}

struct lease_answer lease_answer(const struct reply *create)
{
	struct lease_answer answer = {0};

	need_ok(create->peer->t, create);
	need(create->peer->t, lease_answered(create, &answer),
		"a lease context in the response");
	return answer;
}

struct lease *lease_of(struct reply *create)
{
	struct lease_answer answer = lease_answer(create);
	struct lease *lease = test_alloc(create->peer->t, sizeof(*lease));

	lease->peer = create->peer;
	lease->key = answer.key;
	lease->state = answer.state;
	lease->epoch = answer.epoch;
	lease->file = file_of(create);
	return lease;
}

struct lease *need_lease_with(struct peer *peer, const char *path,
	const struct lease_request *request)
{
	struct test *t = peer->t;
	struct reply *r = lease_open(peer, path, request);
	struct lease_answer answer = {0};

	need_ok(t, r);
	need_capability(t, r,
		lease_answered(r, &answer) && answer.state == request->state,
		"a lease with the state 0x%x", request->state);
	return lease_of(r);
}

struct lease *need_lease(struct peer *peer, const char *path, uint32_t state)
{
	return need_lease_with(peer, path,
		&(struct lease_request){
			.key = new_guid(peer->t), .state = state});
}

struct request *open_send(struct peer *peer, const char *path,
	const struct create_options *options)
{
	struct create_options o =
		options != NULL ? *options : (struct create_options){0};
	struct smb2_create_request r;

	if (o.disposition == 0) {
		o.disposition = DISPOSITION(FILE_OPEN);
	}
	r = create_request(peer, path, &o);
	return peer_send(peer, &smb2_create_request_type, &r);
}

struct request *set_info_send(
	struct file *file, uint8_t info_class, struct wire_view bytes)
{
	const struct smb2_set_info_request r = {.info_type = SMB2_0_INFO_FILE,
		.file_info_class = info_class,
		.file_id = file->id,
		.buffer = bytes};

	return peer_send(file->peer, &smb2_set_info_request_type, &r);
}

struct request *rename_send(struct file *file, const char *path)
{
	struct test *t = file->peer->t;
	const struct file_rename_information rename = {
		.file_name = utf16(t, test_path(file->peer, path))};

	return set_info_send(file, FileRenameInformation,
		encoded(t, &file_rename_information_type, &rename));
}

struct request *hard_link_send(struct file *file, const char *path)
{
	struct test *t = file->peer->t;
	const struct file_link_information link = {
		.file_name = utf16(t, test_path(file->peer, path))};

	return set_info_send(file, FileLinkInformation,
		encoded(t, &file_link_information_type, &link));
}

struct reply *open_existing(
	struct peer *peer, const char *path, uint32_t access)
{
	return file_create(peer, path,
		&(struct create_options){.access = access,
			.disposition = DISPOSITION(FILE_OPEN)});
}

/* --- breaks --------------------------------------------------------------- */

static struct smb2_lease_break_notification body_of(const struct reply *r)
{
	return *(const struct smb2_lease_break_notification *)r->body;
}

bool check_break(struct test *t, struct lease *lease, uint32_t to,
	enum break_ack ack, enum rule_id rule)
{
	struct reply *r = peer_notification(lease->peer, BREAK_MS);
	struct smb2_lease_break_notification b;
	bool good;

	if (!check_rule(t, r,
		    r->outcome == REPLY_ARRIVED && r->body != NULL &&
			    r->type == &smb2_lease_break_notification_type,
		    rule, "a lease break")) {
		return false;
	}
	b = body_of(r);
	good = rule_bytes(t, r, wire_view_of(b.lease_key.b, 16),
		wire_view_of(lease->key.b, 16), "LeaseKey", rule);
	good &= rule_number(t, r, b.current_lease_state, lease->state,
		"CurrentLeaseState", rule);
	good &= rule_number(t, r, b.new_lease_state, to, "NewLeaseState", rule);
	good &= rule_number(t, r, b.flags, ack == BREAK_ACK ? 1 : 0,
		"Flags (1: an acknowledgment is required)", rule);
	lease->state = b.new_lease_state;
	lease->epoch = b.new_epoch;
	return good;
}

struct reply *need_break(struct peer *peer)
{
	struct reply *r = peer_notification(peer, REPLY_TIMEOUT_MS);

	need(peer->t,
		r->outcome == REPLY_ARRIVED && r->body != NULL &&
			r->type == &smb2_lease_break_notification_type,
		"a lease break");
	return r;
}

struct reply *need_notification(struct peer *a, struct peer *b)
{
	struct test *t = a->t;
	uint64_t deadline = test_within(t, REPLY_TIMEOUT_MS);

	while (a->unsolicited == NULL && b->unsolicited == NULL) {
		need(t, peers_pump(t, deadline), "a notification");
	}
	return peer_notification(a->unsolicited != NULL ? a : b, 0);
}

bool check_no_break(struct test *t, struct peer *peer, enum rule_id rule)
{
	return CONF_AT(t, conf_forbid_notification(t, peer, QUIET_MS, rule));
}

bool check_waits(struct test *t, struct request *request, enum rule_id rule)
{
	struct reply *r = peer_interim(request);
	bool good = rule_status(t, r, STATUS_PENDING, rule);

	return good &&
	       CONF_AT(t, conf_forbid_reply(t, request, QUIET_MS, rule));
}

void settle(struct peer *peer)
{
	const struct smb2_echo_request echo = {0};

	need_ok(peer->t, peer_call(peer, &smb2_echo_request_type, &echo));
}

void end_connection(struct peer *peer)
{
	peer_send_raw(peer, text_bytes("none"));
	need(peer->t, peer_closed_within(peer, CLOSE_TIMEOUT_MS),
		"the end of a connection that sends what is no message");
	peer_disconnect(peer);
}

struct reply *wait_at_once(struct request *request)
{
	struct reply *r = peer_wait_ms(request, AT_ONCE_MS);

	return r->outcome == REPLY_TIMEOUT && request->interim == NULL
		       ? peer_wait(request)
		       : r;
}

struct reply *lease_ack_on(
	struct peer *peer, struct wire_guid key, uint32_t state)
{
	const struct smb2_lease_break_acknowledgment ack = {
		.lease_key = key, .lease_state = state};

	return peer_call(peer, &smb2_lease_break_acknowledgment_type, &ack);
}

struct reply *lease_ack(struct lease *lease, uint32_t state)
{
	lease->state = state;
	return lease_ack_on(lease->peer, lease->key, state);
}

/* --- oplocks -------------------------------------------------------------- */

struct file *need_oplock(struct peer *peer, const char *path, uint8_t level,
	const struct create_options *options)
{
	struct create_options o =
		options != NULL ? *options : (struct create_options){0};
	const struct smb2_create_response *c;
	struct reply *r;

	o.oplock = level;
	r = file_create(peer, path, &o);
	need_ok(peer->t, r);
	c = reply_as(r, smb2_create_response);
	need_capability(peer->t, r, c->oplock_level == level,
		"an oplock of level 0x%02x", level);
	return file_of(r);
}

bool check_oplock_break(
	struct test *t, struct file *file, uint8_t level, enum rule_id rule)
{
	struct reply *r = peer_notification(file->peer, BREAK_MS);
	struct smb2_oplock_break_notification b;
	bool good;

	if (!check_rule(t, r,
		    r->outcome == REPLY_ARRIVED && r->body != NULL &&
			    r->type == &smb2_oplock_break_notification_type,
		    rule, "an oplock break")) {
		return false;
	}
	b = *(const struct smb2_oplock_break_notification *)r->body;
	good = rule_number(t, r, b.oplock_level, level, "OplockLevel", rule);
	good &= check_rule(t, r,
		b.file_id.persistent == file->id.persistent &&
			b.file_id.volatile_ == file->id.volatile_,
		rule, "the FileId of the open");
	return good;
}

struct reply *oplock_ack(struct file *file, uint8_t level)
{
	const struct smb2_oplock_break_acknowledgment ack = {
		.oplock_level = level, .file_id = file->id};

	return peer_call(
		file->peer, &smb2_oplock_break_acknowledgment_type, &ack);
}

/* --- tables --------------------------------------------------------------- */

uint32_t held_bits(enum model_held held)
{
	static const uint32_t bits[MODEL_HELDS] = {[MODEL_HELD_R] = L_R,
		[MODEL_HELD_RW] = L_RW,
		[MODEL_HELD_RH] = L_RH,
		[MODEL_HELD_RWH] = L_RWH};

	return bits[held];
}

uint32_t wanted_bits(enum model_wanted wanted)
{
	static const uint32_t bits[MODEL_WANTEDS] = {[MODEL_WANTED_R] = L_R,
		[MODEL_WANTED_H] = L_H,
		[MODEL_WANTED_RH] = L_RH,
		[MODEL_WANTED_W] = L_W,
		[MODEL_WANTED_RW] = L_RW,
		[MODEL_WANTED_HW] = L_W | L_H,
		[MODEL_WANTED_RWH] = L_RWH};

	return bits[wanted];
}

uint8_t oplock_level(enum model_oplock held)
{
	static const uint8_t levels[MODEL_OPLOCKS] = {[MODEL_OPLOCK_II] = O_II,
		[MODEL_OPLOCK_EXCLUSIVE] = O_EXCLUSIVE,
		[MODEL_OPLOCK_BATCH] = O_BATCH};

	return levels[held];
}

enum rule_id rule_named(struct test *t, const char *id)
{
	for (unsigned int i = 0; i < RULE_COUNT; i++) {
		if (strcmp(rule_table[i].id, id) == 0) {
			return (enum rule_id)i;
		}
	}
	conf_broken(t, "a table names the rule %s, which there is not", id);
}

/* SPDX-License-Identifier: MIT */
/*
 * The words of tests of durable opens. [MS-SMB2] 2.2.13.2.3, 2.2.13.2.4,
 * 2.2.13.2.11, 2.2.13.2.12
 */
#include <string.h>

#include "durable/durable.h"

static bool is_zero(struct wire_guid g)
{
	static const struct wire_guid zero;

	return memcmp(g.b, zero.b, 16) == 0;
}

struct create_context durable_v1(struct test *t)
{
	const struct smb2_create_durable_handle_request v = {{0}};

	return (struct create_context){text_bytes("DHnQ"),
		encoded(t, &smb2_create_durable_handle_request_type, &v)};
}

struct create_context durable_v2(
	struct test *t, uint32_t timeout, uint32_t flags, struct wire_guid guid)
{
	const struct smb2_create_durable_handle_request_v2 v = {
		.timeout = timeout, .flags = flags, .create_guid = guid};

	return (struct create_context){text_bytes("DH2Q"),
		encoded(t, &smb2_create_durable_handle_request_v2_type, &v)};
}

struct create_context reconnect_v1(struct test *t, struct smb2_fileid id)
{
	const struct smb2_create_durable_handle_reconnect v = {.data = id};

	return (struct create_context){text_bytes("DHnC"),
		encoded(t, &smb2_create_durable_handle_reconnect_type, &v)};
}

struct create_context reconnect_v2(struct test *t, struct smb2_fileid id,
	struct wire_guid guid, uint32_t flags)
{
	const struct smb2_create_durable_handle_reconnect_v2 v = {
		.file_id = id, .create_guid = guid, .flags = flags};

	return (struct create_context){text_bytes("DH2C"),
		encoded(t, &smb2_create_durable_handle_reconnect_v2_type, &v)};
}

/* One context and those beside it. */
static struct wire_view contexts(struct test *t, struct create_context first,
	const struct create_context more[CONTEXTS_MAX])
{
	struct create_context all[CONTEXTS_MAX + 1] = {first};
	unsigned int n = 1;

	while (n <= CONTEXTS_MAX && more[n - 1].name.n != 0) {
		all[n] = more[n - 1];
		n++;
	}
	return create_contexts(t, all, n);
}

/* The request of either kind, lease or oplock, and its lease context. */
static struct create_options asked_for(
	struct peer *peer, struct durable_request *r)
{
	struct test *t = peer->t;
	struct create_options o = r->create;

	r->guid = is_zero(r->guid) ? new_guid(t) : r->guid;
	r->key = is_zero(r->key) ? new_guid(t) : r->key;
	o.contexts = contexts(t,
		r->v1 ? durable_v1(t)
		      : durable_v2(t, r->timeout, r->flags, r->guid),
		r->more);
	if (r->state == 0) {
		o.oplock = r->oplock != 0 ? r->oplock : SMB2_OPLOCK_LEVEL_BATCH;
		return o;
	}
	o.contexts = lease_contexts(t, &(struct lease_request){.key = r->key,
					       .state = r->state,
					       .v1 = peer->dialect < 0x0300,
					       .create = o});
	o.oplock = SMB2_OPLOCK_LEVEL_LEASE;
	return o;
}

struct reply *durable_open(
	struct peer *peer, const char *path, struct durable_request *request)
{
	struct create_options o = asked_for(peer, request);

	return file_create(peer, path, &o);
}

struct request *durable_open_send(
	struct peer *peer, const char *path, struct durable_request *request)
{
	struct create_options o = asked_for(peer, request);
	struct smb2_create_request r = create_request(peer, path, &o);

	return peer_send(peer, &smb2_create_request_type, &r);
}

bool durable_answered(const struct reply *create)
{
	struct wire_view data;

	return created_context(create, "DHnQ", &data) ||
	       created_context(create, "DH2Q", &data);
}

struct durable *need_durable(struct peer *peer, const char *path,
	const struct durable_request *request)
{
	struct test *t = peer->t;
	struct durable_request asked = *request;
	struct reply *r = durable_open(peer, path, &asked);
	struct durable *d = test_alloc(t, sizeof(*d));
	struct smb2_create_durable_handle_response_v2 v2;
	struct lease_answer lease;
	struct wire_view data;

	need_ok(t, r);
	need_capability(t, r, durable_answered(r), "a durable open");
	if (request->state != 0) {
		need_capability(t, r,
			lease_answered(r, &lease) &&
				lease.state == request->state,
			"a lease with the state 0x%x", request->state);
	}
	*d = (struct durable){.peer = peer,
		.path = path,
		.v1 = request->v1,
		.guid = asked.guid,
		.key = asked.key,
		.state = request->state,
		.file = file_of(r)};
	if (created_context(r, "DH2Q", &data) &&
		smb2_create_durable_handle_response_v2_decode(data, &v2) == 0) {
		d->timeout = v2.timeout;
	}
	return d;
}

struct reply *ask_resilience(struct file *file, uint32_t timeout, size_t n)
{
	const struct network_resiliency_request q = {.timeout = timeout};
	struct wire_view input =
		encoded(file->peer->t, &network_resiliency_request_type, &q);

	return file_fsctl(file, FSCTL_LMR_REQUEST_RESILIENCY,
		wire_view_of(input.p, n), 0);
}

struct reply *need_resilient(struct file *file)
{
	struct reply *r = ask_resilience(file, RESILIENT_MS, 8);

	need_capability(file->peer->t, r,
		r->outcome == REPLY_ARRIVED && r->status == STATUS_SUCCESS,
		"resilient opens");
	return r;
}

struct peer *come_with(
	struct peer *peer, const struct client_options *options, bool previous)
{
	struct test *t = peer->t;
	struct peer *again = peer_connect(t);
	struct client_options o =
		options != NULL ? *options : (struct client_options){0};

	o.dialect = peer->dialect;
	need_ok(t, peer_negotiate(again, &o));
	need_ok(t,
		peer_setup(again,
			&(struct setup_options){.client = &o,
				.previous = previous ? peer->session->id : 0}));
	need_ok(t, peer_tree_connect(again, NULL));
	return again;
}

struct peer *come_again(struct peer *peer, bool second_user)
{
	return come_with(peer,
		&(struct client_options){.client_guid = &peer->client_guid,
			.second_user = second_user},
		false);
}

struct peer *lose(struct peer *peer)
{
	peer_disconnect(peer);
	return come_with(peer,
		&(struct client_options){.client_guid = &peer->client_guid},
		true);
}

struct reconnect_request reconnect_of(const struct durable *d)
{
	return (struct reconnect_request){.path = d->path,
		.v1 = d->v1,
		.id = d->file->id,
		.guid = d->guid,
		.lease = d->state != 0,
		.key = d->key,
		.state = d->state};
}

struct request *reconnect_send(
	struct peer *peer, const struct reconnect_request *request)
{
	struct test *t = peer->t;
	struct create_options o = request->create;
	struct smb2_create_request create;

	o.contexts = contexts(t,
		request->v1 ? reconnect_v1(t, request->id)
			    : reconnect_v2(t, request->id, request->guid,
				      request->flags),
		request->more);
	if (request->lease) {
		return lease_open_send(peer, request->path,
			&(struct lease_request){.key = request->key,
				.state = request->state,
				.v1 = peer->dialect < 0x0300,
				.create = o});
	}
	o.oplock = o.oplock != 0 ? o.oplock : SMB2_OPLOCK_LEVEL_BATCH;
	create = create_request(peer, request->path, &o);
	return peer_send(peer, &smb2_create_request_type, &create);
}

struct reply *reconnect(
	struct peer *peer, const struct reconnect_request *request)
{
	return peer_wait(reconnect_send(peer, request));
}

struct reply *take_up(struct peer *peer, struct durable *d)
{
	struct reconnect_request request = reconnect_of(d);
	struct reply *r = reconnect(peer, &request);

	if (r->outcome == REPLY_ARRIVED && r->status == STATUS_SUCCESS) {
		d->peer = peer;
		d->file = file_of(r);
	}
	return r;
}

struct reply *replayed(
	struct peer *peer, const struct wire_type *type, const void *body)
{
	struct pdu *p = pdu_build(peer, type, body);

	mutate_header(
		p, SMB2_HEADER_F_FLAGS, xor_with(SMB2_FLAGS_REPLAY_OPERATION));
	return pdu_call(p);
}

struct reply *durable_replay(
	struct peer *peer, const char *path, struct durable_request *request)
{
	struct create_options o = asked_for(peer, request);
	struct smb2_create_request r = create_request(peer, path, &o);

	return replayed(peer, &smb2_create_request_type, &r);
}

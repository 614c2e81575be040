/* SPDX-License-Identifier: MIT */
/* CREATE requests of clients that cache; lease_client.h. */
#include <string.h>

#include "server/test/lease_client.h"

struct contexts {
	uint8_t bytes[384];
	size_t n, last;
};

static void add(
	struct contexts *contexts, const char *name, const void *data, size_t n)
{
	size_t at = (contexts->n + 7) & ~(size_t)7;
	uint8_t *p = contexts->bytes + at;

	if (contexts->n > 0) {
		wire_put32(contexts->bytes + contexts->last,
			(uint32_t)(at - contexts->last));
	}
	memset(contexts->bytes + contexts->n, 0, at + 24 - contexts->n);
	contexts->last = at;
	wire_put16(p + 4, 16);
	wire_put16(p + 6, 4);
	memcpy(p + 16, name, 4);
	if (n > 0) {
		wire_put16(p + 10, 24);
		wire_put32(p + 12, (uint32_t)n);
		memcpy(p + 24, data, n);
	}
	contexts->n = at + 24 + n;
}

static void add_lease(struct contexts *contexts, bool v2, uint64_t key,
	uint32_t state, uint16_t epoch, uint64_t parent)
{
	uint8_t data[52] = {0};

	wire_put64(data, key);
	wire_put32(data + 16, state);
	if (v2 && parent != 0) {
		wire_put32(data + 20, SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET);
		wire_put64(data + 32, parent);
	}
	wire_put16(data + 48, epoch);
	add(contexts, "RqLs", data, v2 ? 52 : 32);
}

static void add_durable(struct contexts *contexts, const struct handle *handle)
{
	uint8_t data[32] = {0};

	if (handle->asked_durable == 1) {
		add(contexts, "DHnQ", data, 16);
	} else if (handle->asked_durable == 2) {
		wire_put32(data, handle->timeout);
		wire_put64(data + 16, handle->guid);
		add(contexts, "DH2Q", data, 32);
	}
}

static struct sent *send_create(struct conn *conn, enum sent_kind kind,
	uint32_t flags, const struct handle *handle,
	const struct contexts *contexts)
{
	uint8_t name[32];
	const char *path = handle->directory
				   ? world_directory_path(handle->file)
				   : world_path(handle->file);
	int n = wire_utf8_to_utf16(path, name, sizeof(name));
	const struct smb2_create_request body = {
		.requested_oplock_level = handle->level,
		.impersonation_level = SMB2_IMPERSONATION_IMPERSONATION,
		.desired_access = handle->access,
		.share_access = handle->share,
		.create_disposition = handle->disposition,
		.create_options = handle->options,
		.name = wire_view_of(name, (size_t)n),
		.create_contexts = wire_view_of(contexts->bytes, contexts->n)};

	return client_send(conn, kind, SMB2_CREATE, flags,
		&smb2_create_request_type, &body);
}

struct sent *handle_open(struct client *client, struct conn *conn,
	struct handle *handle, bool replay)
{
	const struct cache *cache = handle_cache(handle);
	struct contexts contexts = {.n = 0};
	struct sent *sent;

	add(&contexts, "QFid", NULL, 0);
	if (cache != NULL && cache->lease) {
		add_lease(&contexts, handle->asked_v2, cache->key, handle->wish,
			cache->known ? cache->epoch : 0, handle->parent);
	}
	add_durable(&contexts, handle);
	sent = send_create(conn, SENT_OPEN,
		replay ? SMB2_FLAGS_REPLAY_OPERATION : 0, handle, &contexts);
	if (sent == NULL) {
		return NULL;
	}
	world_note(client->world,
		"client %u %s %s: access %x, share %x, disposition %u, level "
		"%u, key %llu, wish %u, durable %u",
		client->index, replay ? "replays" : "opens",
		handle->directory ? world_directory_path(handle->file)
				  : world_path(handle->file),
		handle->access, handle->share, handle->disposition,
		handle->level,
		(unsigned long long)(cache != NULL ? cache->key : 0),
		handle->wish, handle->asked_durable);
	handle->state = HANDLE_OPENING;
	sent->handle = handle;
	sent->handle_serial = handle->serial;
	return sent;
}

/* What makes it wrong, each by itself; 0: nothing. */
enum wrong { WRONG_NOTHING, WRONG_KEY, WRONG_LEASE, WRONG_GUID };

static enum wrong choose_wrong(
	struct client *client, const struct handle *handle, bool wrong)
{
	const struct cache *cache = handle_cache(handle);
	bool lease = cache != NULL && cache->lease;

	if (!wrong || client->victim != NULL) {
		return WRONG_NOTHING;
	}
	if (handle->durable == 2 && world_chance(client->world, 2) == 0) {
		return WRONG_GUID;
	}
	return lease && world_chance(client->world, 2) == 0 ? WRONG_KEY
							    : WRONG_LEASE;
}

bool handle_again(struct client *client, struct handle *handle, bool wrong)
{
	const struct cache *cache = handle_cache(handle);
	enum wrong what = choose_wrong(client, handle, wrong);
	bool lease = cache != NULL && cache->lease;
	struct conn *conn = client_conn(client);
	struct contexts contexts = {.n = 0};
	uint8_t data[36] = {0};
	struct sent *sent;

	wire_put64(data, handle->id.persistent);
	wire_put64(data + 8, handle->id.volatile_);
	wire_put64(data + 16, handle->guid + (what == WRONG_GUID));
	if (handle->durable == 2 &&
		(what == WRONG_GUID || world_chance(client->world, 4) > 0)) {
		add(&contexts, "DH2C", data, 36);
	} else {
		add(&contexts, "DHnC", data, 16);
	}
	if (lease != (what == WRONG_LEASE)) {
		add_lease(&contexts, lease ? cache->v2 : handle->durable == 2,
			(lease ? cache->key : 1) + (what == WRONG_KEY),
			lease ? cache->state : R | H, lease ? cache->epoch : 0,
			0);
	}
	if (conn == NULL || conn_unanswered(conn) > CONN_SENT / 2) {
		return false;
	}
	sent = send_create(
		conn, wrong ? SENT_WRONG : SENT_AGAIN, 0, handle, &contexts);
	if (sent == NULL) {
		return false;
	}
	world_note(client->world, "client %u asks for open %llx again%s",
		client->index, (unsigned long long)handle->id.persistent,
		wrong ? ", wrongly" : "");
	if (!wrong) {
		handle->state = HANDLE_AGAIN;
		sent->handle = handle;
		sent->handle_serial = handle->serial;
	}
	return true;
}

/* SPDX-License-Identifier: MIT */
/* Handles and caches of a client; lease_client.h. */
#include <string.h>

#include "server/test/lease_client.h"

/* ---- handles ---- */

struct handle *handle_new(struct client *client)
{
	for (unsigned int i = 0; i < CLIENT_HANDLES; i++) {
		struct handle *handle = &client->handles[i];

		if (handle->state == HANDLE_FREE) {
			*handle = (struct handle){
				.serial = ++client->world->key_serial};
			return handle;
		}
	}
	return NULL;
}

struct cache *handle_cache(const struct handle *handle)
{
	struct cache *cache = handle->cache;

	return cache != NULL && cache->used &&
			       cache->serial == handle->cache_serial
		       ? cache
		       : NULL;
}

void handle_free(struct client *client, struct handle *handle)
{
	struct cache *cache = handle_cache(handle);

	if (handle->state == HANDLE_FREE) {
		return;
	}
	handle->state = HANDLE_FREE;
	if (cache != NULL && --cache->handles == 0) {
		cache_drop(client, cache);
	}
}

/* ---- caches ---- */

struct cache *cache_find(struct client *client, uint64_t key)
{
	for (unsigned int i = 0; i < CLIENT_CACHES; i++) {
		struct cache *cache = &client->caches[i];

		if (cache->used && cache->lease && cache->key == key) {
			return cache;
		}
	}
	return NULL;
}

struct cache *cache_of_file(struct client *client, unsigned int file)
{
	for (unsigned int i = 0; i < CLIENT_CACHES; i++) {
		struct cache *cache = &client->caches[i];

		if (cache->used && cache->lease && !cache->directory &&
			cache->file == file) {
			return cache;
		}
	}
	return NULL;
}

struct cache *cache_new(struct client *client)
{
	for (unsigned int i = 0; i < CLIENT_CACHES; i++) {
		struct cache *cache = &client->caches[i];

		if (!cache->used) {
			*cache = (struct cache){.used = true,
				.serial = ++client->world->key_serial};
			return cache;
		}
	}
	return NULL;
}

void cache_purge(struct cache *cache)
{
	cache->generation++;
	cache->listed = false;
	for (unsigned int i = 0; i < CONTENTS_REGIONS; i++) {
		cache->regions[i].valid = cache->regions[i].dirty;
	}
}

static void unsure_region(
	struct client *client, const struct cache *cache, unsigned int at)
{
	const struct cached_region *region = &cache->regions[at];

	if (region->dirty) {
		contents_lost(&client->world->contents, cache->inode, at,
			region->first, region->value);
	}
}

void cache_unsure(struct client *client, struct cache *cache)
{
	for (unsigned int i = 0; i < CONTENTS_REGIONS; i++) {
		unsure_region(client, cache, i);
	}
}

void cache_lost(struct client *client, struct cache *cache, unsigned int at)
{
	unsure_region(client, cache, at);
	cache->regions[at].dirty = cache->regions[at].valid = false;
}

static void lose_all(struct client *client, struct cache *cache)
{
	for (unsigned int i = 0; i < CONTENTS_REGIONS; i++) {
		cache_lost(client, cache, i);
	}
	cache_purge(cache);
}

void cache_drop(struct client *client, struct cache *cache)
{
	cache_unsure(client, cache);
	cache->used = false;
}

void cache_forget(struct client *client, struct cache *cache)
{
	lose_all(client, cache);
	cache->known = false;
	cache->state = 0;
}

bool cache_serves(
	const struct client *client, const struct cache *cache, uint32_t what)
{
	uint32_t state =
		cache->breaking ? cache->state & cache->to : cache->state;

	return !cache->frozen && !cache->mute && (state & what) == what &&
	       client_connected(client);
}

/* ---- grants and breaks ---- */

/* What came in between cannot have left everything valid. */
static void granted_later(struct client *client, struct cache *cache,
	uint32_t state, int16_t ahead)
{
	if (ahead > 1) {
		lose_all(client, cache);
	}
	cache->state = cache->breaking ? state & cache->to : state;
}

void cache_granted(struct client *client, struct cache *cache, uint32_t state,
	uint16_t epoch, bool v2)
{
	int16_t ahead = (int16_t)(epoch - cache->epoch);

	if (!cache->known) {
		cache->known = true;
		cache->v2 = v2;
		cache->state = state;
		cache->epoch = epoch;
		return;
	}
	if (!v2) {
		cache->state = cache->breaking ? state & cache->to : state;
		return;
	}
	if (ahead < 0) {
		return; /* a break has overtaken it */
	}
	if (ahead == 0) {
		cache->state &= state;
	} else {
		granted_later(client, cache, state, ahead);
	}
	cache->epoch = epoch;
}

void cache_broken(struct client *client, struct cache *cache, uint32_t to,
	bool acknowledge)
{
	struct world *world = client->world;

	cache->generation++;
	if (!acknowledge) {
		cache->state &= to;
		if (cache->breaking) {
			cache->to &= to;
		}
		if (!(to & R)) {
			cache_purge(cache);
		}
		return;
	}
	cache->to = cache->breaking ? cache->to & to : to;
	cache->breaking = true;
	if (!(to & R)) {
		cache_purge(cache);
	}
	if (world_chance(world, 25) == 0 && !client->settled) {
		/* Nobody will answer, nor read what is there. */
		world_note(world, "client %u is mute about key %llu",
			client->index, (unsigned long long)cache->key);
		cache->mute = true;
		lose_all(client, cache);
	}
}

/* ---- answering a break ---- */

struct handle *cache_handle(struct client *client, const struct cache *cache,
	uint32_t access, unsigned int region)
{
	struct handle *found = NULL;

	for (unsigned int i = 0; i < CLIENT_HANDLES; i++) {
		struct handle *handle = &client->handles[i];

		if (handle->state != HANDLE_OPEN) {
			continue;
		}
		if (handle->inode == cache->inode &&
			(handle->locks & 1u << region)) {
			return handle_cache(handle) == cache &&
					       (handle->access & access)
				       ? handle
				       : NULL;
		}
		if (found == NULL && handle_cache(handle) == cache &&
			(handle->access & access)) {
			found = handle;
		}
	}
	return found;
}

static void flush_region(struct client *client, struct cache *cache,
	unsigned int at, struct handle *handle)
{
	struct cached_region *region = &cache->regions[at];
	struct conn *conn = client_conn(client);
	uint8_t data[WORLD_REGION];
	const struct smb2_write_request body = {.length = WORLD_REGION,
		.offset = at * WORLD_REGION,
		.file_id = handle->id,
		.buffer = wire_view_of(data, WORLD_REGION)};
	struct sent *sent;

	for (unsigned int i = 0; i < WORLD_REGION; i += 8) {
		wire_put64(data + i, region->value);
	}
	sent = conn != NULL
		       ? client_send(conn, SENT_FLUSH, SMB2_WRITE,
				 region->again ? SMB2_FLAGS_REPLAY_OPERATION
					       : 0,
				 &smb2_write_request_type, &body)
		       : NULL;
	if (sent == NULL) {
		return;
	}
	world_note(client->world, "client %u flushes %llu to region %u of %llu",
		client->index, (unsigned long long)region->value, at,
		(unsigned long long)cache->inode);
	client->world->tally.flushes++;
	region->flushing = true;
	sent->cache = cache;
	sent->cache_serial = cache->serial;
	sent->region = at;
	sent->value = region->value;
	sent->inode = cache->inode;
}

bool cache_flush(struct client *client, struct cache *cache)
{
	bool some = false;

	for (unsigned int i = 0; i < CONTENTS_REGIONS; i++) {
		struct cached_region *region = &cache->regions[i];
		struct handle *handle;

		if (!region->dirty) {
			continue;
		}
		some = true;
		if (region->flushing) {
			continue;
		}
		handle = cache_handle(client, cache, FILE_WRITE_DATA, i);
		if (handle != NULL) {
			flush_region(client, cache, i, handle);
			continue;
		}
		/* Nobody can write it any more. */
		cache_lost(client, cache, i);
	}
	return some;
}

/* Handles that nobody uses; all of them, when that is the answer. */
static bool close_handles(
	struct client *client, const struct cache *cache, bool all)
{
	bool some = false;

	for (unsigned int i = 0; i < CLIENT_HANDLES; i++) {
		struct handle *handle = &client->handles[i];

		if (handle->state == HANDLE_OPEN &&
			handle_cache(handle) == cache &&
			(all || handle->unused) &&
			handle_close(client, handle)) {
			some = true;
		}
	}
	return some;
}

static void acknowledge_lease(
	struct client *client, struct cache *cache, struct conn *conn)
{
	struct smb2_lease_break_acknowledgment body = {
		.lease_state = cache->state};

	wire_put64(body.lease_key.b, cache->key);
	client_send(conn, SENT_ACK, SMB2_OPLOCK_BREAK, 0,
		&smb2_lease_break_acknowledgment_type, &body);
	world_note(client->world, "client %u acknowledges %u of key %llu",
		client->index, cache->state, (unsigned long long)cache->key);
}

static void acknowledge_oplock(
	struct client *client, const struct cache *cache, struct conn *conn)
{
	struct smb2_oplock_break_acknowledgment body = {
		.oplock_level = cache->state & R ? SMB2_OPLOCK_LEVEL_II
						 : SMB2_OPLOCK_LEVEL_NONE,
		.file_id = cache->oplock};

	client_send(conn, SENT_ACK, SMB2_OPLOCK_BREAK, 0,
		&smb2_oplock_break_acknowledgment_type, &body);
	world_note(client->world, "client %u acknowledges oplock level %u",
		client->index, body.oplock_level);
}

static void acknowledge(
	struct client *client, struct cache *cache, struct conn *conn)
{
	uint32_t less[] = {
		cache->to, cache->to, cache->to, cache->to, cache->to & R, 0};

	cache->state &= less[world_chance(client->world, 6)];
	cache->breaking = false;
	if (!(cache->state & R)) {
		cache_purge(cache);
	}
	if (cache->lease) {
		acknowledge_lease(client, cache, conn);
	} else {
		acknowledge_oplock(client, cache, conn);
	}
}

bool cache_answer_break(struct client *client, struct cache *cache)
{
	struct conn *conn = client_conn(client);
	uint32_t lost = cache->state & ~cache->to;

	if (!cache->breaking || cache->mute || cache->frozen || conn == NULL ||
		conn->credits < 4 || conn_unanswered(conn) > CONN_SENT - 6) {
		return false;
	}
	if (cache_flush(client, cache)) {
		return true;
	}
	if ((lost & H) && close_handles(client, cache, false)) {
		return true;
	}
	if (world_chance(client->world, 8) == 0 &&
		close_handles(client, cache, true)) {
		return true;
	}
	acknowledge(client, cache, conn);
	return true;
}

/* ---- own changes of directories ---- */

void client_changing(struct client *client, unsigned int directories)
{
	for (unsigned int i = 0; i < WORLD_DIRS; i++) {
		if (directories & 1u << i) {
			client->changing[i]++;
		}
	}
	for (unsigned int i = 0; i < CLIENT_CACHES; i++) {
		struct cache *cache = &client->caches[i];

		if (cache->used && cache->directory &&
			(directories & 1u << cache->file)) {
			cache->listed = false;
		}
	}
}

void client_changed(struct client *client, unsigned int directories)
{
	for (unsigned int i = 0; i < WORLD_DIRS; i++) {
		if (directories & 1u << i) {
			client->changing[i]--;
			client->changes[i]++;
		}
	}
}

/* SPDX-License-Identifier: MIT */
/* What answers, breaks and losses change in a client; lease_client.h. */
#include <string.h>

#include "server/test/lease_client.h"

static struct handle *handle_of(const struct sent *sent)
{
	return sent->handle != NULL &&
			       sent->handle->serial == sent->handle_serial &&
			       sent->handle->state != HANDLE_FREE
		       ? sent->handle
		       : NULL;
}

static struct cache *cache_of(const struct sent *sent)
{
	return sent->cache != NULL && sent->cache->used &&
			       sent->cache->serial == sent->cache_serial
		       ? sent->cache
		       : NULL;
}

/* ---- opens ---- */

static void send_close(struct client *client, struct smb2_fileid id)
{
	const struct smb2_close_request body = {.file_id = id};
	struct conn *conn = client_conn(client);

	if (conn != NULL) {
		client_send(conn, SENT_OTHER, SMB2_CLOSE, 0,
			&smb2_close_request_type, &body);
	}
}

/* A handle without a lease has a cache of its own, for its oplock. */
static void grant_oplock(struct client *client, struct handle *handle,
	const struct judge_made *made)
{
	struct cache *cache = handle_cache(handle);

	if (cache != NULL && --cache->handles == 0) {
		cache_drop(client, cache);
	}
	handle->cache = NULL;
	if (made->state == 0 || handle->directory) {
		return;
	}
	cache = cache_new(client);
	if (cache == NULL) {
		return; /* it does not cache, and will not answer */
	}
	cache->file = handle->file;
	cache->handles = 1;
	cache->inode = made->inode;
	cache->oplock = made->body.file_id;
	cache_granted(client, cache, made->state, 0, false);
	handle->cache = cache;
	handle->cache_serial = cache->serial;
}

static void opened_well(struct client *client, struct handle *handle,
	const struct sent *sent, const struct judge_made *made)
{
	struct cache *cache = handle_cache(handle);

	handle->state = HANDLE_OPEN;
	handle->id = made->body.file_id;
	handle->inode = made->inode;
	handle->durable = made->durable;
	handle->deletes = handle->options & FILE_DELETE_ON_CLOSE;
	if (made->leased && cache != NULL) {
		cache->inode = made->inode;
		/* What is being broken may be given up here already. */
		cache_granted(client, cache,
			made->flags & SMB2_LEASE_FLAG_BREAK_IN_PROGRESS
				? made->state & cache->state
				: made->state,
			made->epoch, made->v2);
	} else {
		grant_oplock(client, handle, made);
	}
	if (made->body.create_action == FILE_OVERWRITTEN) {
		contents_zeroing_told(
			&client->world->contents, made->inode, sent->at);
	}
}

static void ends_truncation(const struct sent *sent)
{
	struct cache *cache = cache_of(sent);

	if (sent->truncates && cache != NULL) {
		cache->busy--;
		cache_purge(cache);
	}
}

static void answered_open(struct client *client, const struct sent *sent,
	const struct smb2_header *header, struct wire_view pdu)
{
	struct handle *handle = handle_of(sent);
	struct judge_made made;
	struct cache *cache = cache_of(sent);

	ends_truncation(sent);
	if (header->status != STATUS_SUCCESS) {
		if (header->status == STATUS_INVALID_PARAMETER && cache) {
			cache->file = WORLD_FILES; /* not its name any more */
		}
		if (handle != NULL) {
			handle_free(client, handle);
		}
		return;
	}
	if (!judge_decode(pdu, &made)) {
		return;
	}
	world_note(client->world,
		"client %u has opened %llx, file %llu: caching %u, epoch %u, "
		"durable %u",
		client->index, (unsigned long long)made.body.file_id.persistent,
		(unsigned long long)made.inode, made.state, made.epoch,
		made.durable);
	if (handle == NULL || handle->state != HANDLE_OPENING) {
		send_close(client, made.body.file_id);
		return;
	}
	opened_well(client, handle, sent, &made);
}

/* The first handle of a cache that is there again says what is left. */
static void thaw(struct client *client, struct cache *cache,
	const struct judge_made *made)
{
	bool same = !cache->v2 || made->epoch == cache->epoch;

	if (!cache->frozen) {
		return;
	}
	cache->frozen = false;
	cache->state = made->state;
	cache->epoch = made->epoch;
	for (unsigned int i = 0; i < CONTENTS_REGIONS; i++) {
		struct cached_region *region = &cache->regions[i];

		if (region->dirty && same && (cache->state & W)) {
			contents_wrote(&client->world->contents, cache->inode,
				i, region->value, CONTENTS_DONE);
		} else {
			region->dirty = false;
		}
	}
	if (!same || !(cache->state & R)) {
		cache_purge(cache);
	}
}

static void answered_again(struct client *client, const struct sent *sent,
	const struct smb2_header *header, struct wire_view pdu)
{
	struct handle *handle = handle_of(sent);
	struct judge_made made;
	struct cache *cache;

	if (handle == NULL) {
		return;
	}
	if (header->status != STATUS_SUCCESS || !judge_decode(pdu, &made)) {
		world_note(client->world, "client %u does not get %llx: %08x",
			client->index,
			(unsigned long long)handle->id.persistent,
			header->status);
		handle_free(client, handle);
		return;
	}
	world_note(client->world, "client %u has %llx again", client->index,
		(unsigned long long)handle->id.persistent);
	handle->state = HANDLE_OPEN;
	handle->id = made.body.file_id;
	cache = handle_cache(handle);
	if (cache != NULL) {
		cache->oplock = handle->id;
		thaw(client, cache, &made);
	}
}

/* ---- data ---- */

static void answered_read(struct client *client, const struct sent *sent,
	const struct smb2_header *header, struct wire_view pdu)
{
	struct world *world = client->world;
	struct smb2_read_response body = {.data_length = 0};
	struct cache *cache = cache_of(sent);
	struct cached_region *region;
	const char *wrong;
	uint64_t value;

	if (header->status != STATUS_SUCCESS &&
		header->status != STATUS_END_OF_FILE) {
		return;
	}
	if (header->status == STATUS_SUCCESS &&
		smb2_read_response_decode(pdu, &body) < 0) {
		world_broken(world, "form", "a READ response is malformed");
		return;
	}
	value = body.buffer.n >= 8 ? wire_get64(body.buffer.p) : 0;
	world_note(world, "client %u reads %llu from region %u of file %llu",
		client->index, (unsigned long long)value, sent->region,
		(unsigned long long)sent->inode);
	wrong = contents_read(
		&world->contents, sent->inode, sent->region, value, sent->at);
	if (wrong != NULL) {
		world_broken(world, "contents",
			"the server has given %s of region %u of file %llu",
			wrong, sent->region, (unsigned long long)sent->inode);
	}
	if (cache == NULL || cache->generation != sent->cache_generation ||
		!cache_serves(client, cache, R)) {
		return;
	}
	region = &cache->regions[sent->region];
	if (region->generation == sent->generation) {
		region->valid = true;
		region->value = value;
	}
}

/* An own write through the server makes the cached region worthless, as it
 * leaves and as it is answered. */
static void written(const struct sent *sent)
{
	struct cache *cache = cache_of(sent);

	if (cache != NULL) {
		cache->regions[sent->region].generation++;
		if (!cache->regions[sent->region].dirty) {
			cache->regions[sent->region].valid = false;
		}
	}
}

static void answered_write(struct client *client, const struct sent *sent,
	const struct smb2_header *header)
{
	enum contents_outcome outcome = CONTENTS_UNKNOWN;

	if (header->status == STATUS_SUCCESS) {
		outcome = CONTENTS_DONE;
	} else if (header->status == STATUS_FILE_LOCK_CONFLICT) {
		outcome = CONTENTS_REFUSED;
	}
	contents_wrote(&client->world->contents, sent->inode, sent->region,
		sent->value, outcome);
	written(sent);
}

static void answered_flush(struct client *client, const struct sent *sent,
	const struct smb2_header *header)
{
	struct contents *contents = &client->world->contents;
	struct cache *cache = cache_of(sent);
	struct cached_region *region =
		cache != NULL ? &cache->regions[sent->region] : NULL;
	bool later = header->status == STATUS_FILE_NOT_AVAILABLE;

	if (header->status == STATUS_SUCCESS) {
		contents_wrote(contents, sent->inode, sent->region, sent->value,
			CONTENTS_DONE);
	} else if (!later) {
		world_note(client->world, "client %u could not flush: %08x",
			client->index, header->status);
	}
	if (region == NULL || !region->flushing) {
		return;
	}
	region->flushing = false;
	region->again = region->again && later;
	if (later || !region->dirty || region->value != sent->value) {
		return;
	}
	region->dirty = false;
	region->valid = header->status == STATUS_SUCCESS && (cache->state & R);
}

/* ---- the rest ---- */

static void answered_lock(struct client *client, const struct sent *sent,
	const struct smb2_header *header)
{
	struct handle *handle = handle_of(sent);

	(void)client;
	if (header->status == STATUS_SUCCESS && handle != NULL) {
		handle->locks |= 1u << sent->region;
	}
}

static void renamed(struct client *client, uint64_t inode, unsigned int file)
{
	client->world->tally.renames++;
	for (unsigned int i = 0; i < CLIENT_HANDLES; i++) {
		struct handle *handle = &client->handles[i];

		if (handle->state != HANDLE_FREE && handle->inode == inode) {
			handle->file = file;
		}
	}
	for (unsigned int i = 0; i < CLIENT_CACHES; i++) {
		struct cache *cache = &client->caches[i];

		if (cache->used && cache->inode == inode && !cache->directory) {
			cache->file = file;
		}
	}
}

/* region says what was set: the new name, or WORLD_FILES and more. */
static void answered_set(struct client *client, const struct sent *sent,
	const struct smb2_header *header)
{
	struct handle *handle = handle_of(sent);

	ends_truncation(sent);
	if (header->status != STATUS_SUCCESS) {
		return;
	}
	if (sent->truncates) {
		contents_zeroing_told(
			&client->world->contents, sent->inode, sent->at);
	} else if (sent->region < WORLD_FILES) {
		renamed(client, sent->inode, sent->region);
	} else if (sent->value && handle != NULL) {
		client->world->tally.deletes++;
		handle->deletes = true;
	}
}

static uint64_t hash_listing(struct wire_view list)
{
	uint64_t hash = 1;
	size_t at = 0, next;
	char name[16];

	do {
		struct wire_view text = {0};
		int n = -1;

		if (at + 64 > list.n) {
			break;
		}
		next = wire_get32(list.p + at);
		text = wire_view_sub(
			list, at + 64, wire_get32(list.p + at + 60));
		n = wire_utf16_to_utf8(text, name, sizeof(name));
		if (n > 0 && name[0] != '.') {
			hash += world_entry_hash(
				name, (size_t)n, wire_get32(list.p + at + 56));
		}
		at += next;
	} while (next > 0);
	return hash;
}

static void answered_list(struct client *client, const struct sent *sent,
	const struct smb2_header *header, struct wire_view pdu)
{
	struct smb2_query_directory_response body;
	struct cache *cache = cache_of(sent);

	if (header->status != STATUS_SUCCESS ||
		smb2_query_directory_response_decode(pdu, &body) < 0) {
		return;
	}
	client->world->tally.listings++;
	if (cache == NULL || cache->generation != sent->cache_generation ||
		client->changing[cache->file] > 0 ||
		client->changes[cache->file] != sent->generation ||
		!cache_serves(client, cache, R)) {
		return;
	}
	cache->listed = true;
	cache->listing = hash_listing(body.buffer);
	world_note(client->world, "client %u keeps the listing of %s",
		client->index, world_directory_path(cache->file));
}

void client_answered(struct conn *conn, const struct sent *sent,
	const struct smb2_header *header, struct wire_view pdu)
{
	struct client *client = conn->client;
	struct handle *handle = handle_of(sent);

	client_changed(client, sent->directories);
	switch (sent->kind) {
	case SENT_OPEN:
		answered_open(client, sent, header, pdu);
		break;
	case SENT_AGAIN:
		answered_again(client, sent, header, pdu);
		break;
	case SENT_CLOSE:
		if (handle != NULL) {
			handle_free(client, handle);
		}
		break;
	case SENT_READ:
		answered_read(client, sent, header, pdu);
		break;
	case SENT_WRITE:
		answered_write(client, sent, header);
		break;
	case SENT_FLUSH:
		answered_flush(client, sent, header);
		break;
	case SENT_LOCK:
		answered_lock(client, sent, header);
		break;
	case SENT_SET:
		answered_set(client, sent, header);
		break;
	case SENT_LIST:
		answered_list(client, sent, header, pdu);
		break;
	case SENT_ACK:
		client->world->tally.late += header->status != STATUS_SUCCESS;
		break;
	default:
		break;
	}
}

/* ---- breaks ---- */

/* No lease, nothing to keep: the answer is that. */
static void acknowledge_unknown(struct conn *conn, uint64_t key)
{
	struct smb2_lease_break_acknowledgment body = {.lease_state = 0};

	wire_put64(body.lease_key.b, key);
	client_send(conn, SENT_ACK, SMB2_OPLOCK_BREAK, 0,
		&smb2_lease_break_acknowledgment_type, &body);
}

static void lease_notified(struct conn *conn, struct client *client,
	const struct smb2_lease_break_notification *body)
{
	uint64_t key = wire_get64(body->lease_key.b);
	struct cache *cache = cache_find(client, key);
	bool acknowledge =
		body->flags & SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED;

	world_note(client->world,
		"client %u is told that key %llu goes from %u to %u%s, epoch "
		"%u",
		client->index, (unsigned long long)key,
		body->current_lease_state, body->new_lease_state,
		acknowledge ? "" : " at once", body->new_epoch);
	if (cache == NULL) {
		if (acknowledge && conn->ready) {
			acknowledge_unknown(conn, key);
		}
		return;
	}
	if (!cache->known) {
		cache->known = true;
		cache->v2 = body->new_epoch != 0;
		cache->epoch = body->new_epoch;
		cache->state = body->current_lease_state;
	}
	cache->breaks++;
	if ((int16_t)(body->new_epoch - cache->epoch) > 0) {
		cache->epoch = body->new_epoch;
	}
	cache_broken(client, cache, body->new_lease_state, acknowledge);
}

static void oplock_notified(struct client *client,
	const struct smb2_oplock_break_notification *body)
{
	for (unsigned int i = 0; i < CLIENT_CACHES; i++) {
		struct cache *cache = &client->caches[i];

		if (cache->used && !cache->lease &&
			cache->oplock.volatile_ == body->file_id.volatile_) {
			world_note(client->world,
				"client %u is told that its oplock goes to %u",
				client->index, body->oplock_level);
			cache->breaks++;
			cache_broken(client, cache,
				judge_caching(body->oplock_level),
				cache->state & W);
		}
	}
}

void client_notified(struct conn *conn, struct wire_view pdu)
{
	struct smb2_lease_break_notification lease;
	struct smb2_oplock_break_notification oplock;
	struct client *client = conn->client;

	if (client->victim != NULL && client->victim->guid == client->guid) {
		client = client->victim;
	}
	if (smb2_lease_break_notification_decode(pdu, &lease) == 0) {
		lease_notified(conn, client, &lease);
	} else if (smb2_oplock_break_notification_decode(pdu, &oplock) == 0) {
		oplock_notified(client, &oplock);
	}
}

static void overdue(struct client *client, struct cache *cache)
{
	struct conn *conn = client_conn(client);

	for (unsigned int i = 0; i < CONTENTS_REGIONS; i++) {
		cache_lost(client, cache, i);
	}
	cache_purge(cache);
	cache->state = 0;
	if (cache->breaking && cache->lease && conn != NULL &&
		world_chance(client->world, 2) == 0) {
		acknowledge_unknown(conn, cache->key);
	}
	cache->breaking = cache->mute = false;
}

static bool is_overdue(const struct cache *cache, uint64_t key,
	const struct smb2_fileid *oplock)
{
	if (oplock == NULL) {
		return cache->used && cache->lease && cache->key == key;
	}
	return cache->used && !cache->lease &&
	       cache->oplock.volatile_ == oplock->volatile_;
}

void client_overdue(struct world *world, uint64_t client, uint64_t key,
	const struct smb2_fileid *oplock)
{
	for (unsigned int i = 0; i < WORLD_CLIENTS; i++) {
		struct client *c = world->clients[i];

		for (unsigned int k = 0; k < CLIENT_CACHES; k++) {
			struct cache *cache = &c->caches[k];

			if (c->guid == client &&
				is_overdue(cache, key, oplock)) {
				overdue(c, cache);
			}
		}
	}
}

/* ---- losses ---- */

static void forget_open(
	struct client *client, struct handle *handle, const struct sent *sent)
{
	struct conn *conn = client_conn(client);
	bool replay = conn != NULL && handle->asked_durable == 2 &&
		      conn_unanswered(conn) < CONN_SENT / 2 &&
		      world_chance(client->world, 4) > 0;
	struct sent *again =
		replay ? handle_open(client, conn, handle, true) : NULL;

	if (again == NULL) {
		handle_free(client, handle);
		return;
	}
	again->at = sent->at;
	again->directories = sent->directories;
	client_changing(client, again->directories);
}

/* A request whose answer will not come. */
static void forget(struct client *client, struct sent *sent)
{
	struct handle *handle = handle_of(sent);
	struct cache *cache = cache_of(sent);

	sent->used = false;
	ends_truncation(sent);
	if (sent->kind == SENT_FLUSH && cache != NULL) {
		cache->regions[sent->region].flushing = false;
		cache->regions[sent->region].again = true;
	} else if (sent->kind == SENT_WRITE) {
		written(sent);
	} else if (sent->kind == SENT_OPEN && handle != NULL) {
		forget_open(client, handle, sent);
	} else if (sent->kind == SENT_CLOSE && handle != NULL) {
		handle_free(client, handle);
	} else if (sent->kind == SENT_AGAIN && handle != NULL) {
		handle->state = HANDLE_LOST;
	}
	client_changed(client, sent->directories);
}

static void lost_one(struct client *client)
{
	client->sequence++;
	for (unsigned int i = 0; i < CLIENT_CACHES; i++) {
		struct cache *cache = &client->caches[i];

		if (cache->used && !cache->frozen) {
			cache->breaking = true;
			cache->to = 0;
			cache_purge(cache);
		}
	}
}

static void lost_all(struct client *client)
{
	client->session_id = 0;
	for (unsigned int i = 0; i < CLIENT_HANDLES; i++) {
		struct handle *handle = &client->handles[i];

		if (handle->state == HANDLE_OPEN && handle->durable > 0) {
			handle->state = HANDLE_LOST;
			handle->unused = false;
		} else if (handle->state != HANDLE_LOST) {
			handle_free(client, handle);
		}
	}
	for (unsigned int i = 0; i < CLIENT_CACHES; i++) {
		struct cache *cache = &client->caches[i];

		if (cache->used) {
			cache->frozen = true;
			cache->generation++;
			cache_unsure(client, cache);
		}
	}
}

void client_conn_gone(struct conn *conn)
{
	struct client *client = conn->client;
	bool left = false;

	for (unsigned int i = 0; i < CLIENT_CHANNELS; i++) {
		if (client->conns[i] == conn) {
			client->conns[i] = NULL;
		}
		left |= client->conns[i] != NULL;
	}
	world_note(client->world, "client %u has lost %s connection",
		client->index, left ? "a" : "its last");
	for (unsigned int i = 0; i < CONN_SENT; i++) {
		if (conn->sent[i].used) {
			forget(client, &conn->sent[i]);
		}
	}
	if (left) {
		lost_one(client);
	} else {
		lost_all(client);
	}
}

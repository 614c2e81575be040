/* SPDX-License-Identifier: MIT */
/* Operations of clients that cache, by chance; lease_client.h. */
#include <stdlib.h>
#include <string.h>

#include "server/test/lease_client.h"

#define ALL_ACCESS \
	(FILE_READ_DATA | FILE_WRITE_DATA | FILE_READ_ATTRIBUTES | \
		FILE_WRITE_ATTRIBUTES | DELETE)
#define ALL_SHARED (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define BOTH_DIRECTORIES 3u

/* ---- handles ---- */

static struct handle *some_handle(
	struct client *client, bool directory, uint32_t access)
{
	unsigned int first = (unsigned int)chance(client, CLIENT_HANDLES);

	for (unsigned int i = 0; i < CLIENT_HANDLES; i++) {
		struct handle *handle =
			&client->handles[(first + i) % CLIENT_HANDLES];

		if (handle->state == HANDLE_OPEN && !handle->unused &&
			handle->directory == directory &&
			(handle->access & access) == access) {
			return handle;
		}
	}
	return NULL;
}

/* A request about a handle, and the directories whose entries it may change. */
static struct sent *send_on(struct client *client, struct handle *handle,
	enum sent_kind kind, uint16_t command, unsigned int directories,
	const struct wire_type *type, const void *body)
{
	struct cache *cache = handle_cache(handle);
	struct conn *conn = client_conn(client);
	struct sent *sent =
		conn != NULL ? client_send(conn, kind, command, 0, type, body)
			     : NULL;

	if (sent == NULL) {
		return NULL;
	}
	sent->handle = handle;
	sent->handle_serial = handle->serial;
	sent->inode = handle->inode;
	sent->cache = cache;
	sent->cache_serial = cache != NULL ? cache->serial : 0;
	sent->cache_generation = cache != NULL ? cache->generation : 0;
	sent->directories = directories;
	client_changing(client, directories);
	return sent;
}

/* With the last open handle the lease ends, whatever is asked for meanwhile. */
static void forget_if_last(struct client *client, struct cache *cache)
{
	for (unsigned int i = 0; i < CLIENT_HANDLES && cache != NULL; i++) {
		const struct handle *handle = &client->handles[i];

		if (handle_cache(handle) == cache &&
			(handle->state == HANDLE_OPEN ||
				handle->state == HANDLE_LOST ||
				handle->state == HANDLE_AGAIN)) {
			return;
		}
	}
	if (cache != NULL) {
		cache_forget(client, cache);
	}
}

bool handle_close(struct client *client, struct handle *handle)
{
	const struct smb2_close_request body = {.file_id = handle->id};

	if (send_on(client, handle, SENT_CLOSE, SMB2_CLOSE, BOTH_DIRECTORIES,
		    &smb2_close_request_type, &body) == NULL) {
		return false;
	}
	world_note(client->world, "client %u closes %llx", client->index,
		(unsigned long long)handle->id.persistent);
	handle->state = HANDLE_CLOSING;
	forget_if_last(client, handle_cache(handle));
	return true;
}

/* What is kept back goes first; true: some of it is on its way now. */
static bool flush_first(struct client *client, struct handle *handle)
{
	struct cache *cache = handle_cache(handle);

	return cache != NULL && cache_flush(client, cache);
}

static void do_close(struct client *client)
{
	struct handle *handle = some_handle(client, chance(client, 4) == 0, 0);
	struct cache *cache = handle != NULL ? handle_cache(handle) : NULL;

	if (handle == NULL) {
		return;
	}
	if (cache != NULL && !handle->deletes && chance(client, 5) < 3 &&
		cache_serves(client, cache, H)) {
		handle->unused = true;
		return;
	}
	if (!flush_first(client, handle)) {
		handle_close(client, handle);
	}
}

/* ---- opening ---- */

static uint64_t parent_key(struct client *client, unsigned int directory)
{
	if (client->dialect < 0x0300 || chance(client, 7) == 0) {
		return 0;
	}
	for (unsigned int i = 0; i < CLIENT_CACHES; i++) {
		const struct cache *cache = &client->caches[i];

		if (cache->used && cache->directory && !cache->frozen &&
			cache->file == directory) {
			return cache->key;
		}
	}
	return 7;
}

/* The cache of a key, maybe a new one; NULL: open without a lease. */
static struct cache *choose_cache(struct client *client, unsigned int file)
{
	struct cache *cache = cache_of_file(client, file);

	if (cache != NULL && !cache->frozen && chance(client, 6) > 0) {
		return cache;
	}
	cache = cache_new(client);
	if (cache != NULL) {
		cache->lease = true;
		cache->key = cache->serial << 8 | client->index;
		cache->file = file;
	}
	return cache;
}

static void choose_lease(struct client *client, struct handle *handle)
{
	static const uint32_t wishes[] = {
		R, R | H, R | W, R | W | H, R | W | H, R | W | H};
	struct cache *cache = choose_cache(client, handle->file);

	if (cache == NULL) {
		return;
	}
	handle->level = SMB2_OPLOCK_LEVEL_LEASE;
	handle->wish = wishes[chance(client, 6)];
	handle->asked_v2 = client->dialect >= 0x0300 &&
			   (client->several || chance(client, 5) > 0);
	handle->cache = cache;
	handle->cache_serial = cache->serial;
	cache->handles++;
}

static void choose_oplock(struct client *client, struct handle *handle)
{
	static const uint8_t levels[] = {SMB2_OPLOCK_LEVEL_II,
		SMB2_OPLOCK_LEVEL_EXCLUSIVE, SMB2_OPLOCK_LEVEL_BATCH,
		SMB2_OPLOCK_LEVEL_BATCH};

	handle->level = levels[chance(client, 4)];
}

static void choose_caching(struct client *client, struct handle *handle)
{
	uint64_t n = chance(client, 10);

	if (n < 6) {
		choose_lease(client, handle);
	} else if (n < 9 && !client->several) {
		choose_oplock(client, handle);
	}
	handle->asked_durable = (unsigned int)chance(client, 3);
	if (handle->asked_durable == 2 && client->dialect < 0x0300) {
		handle->asked_durable = 1;
	}
	handle->guid = ++client->world->key_serial << 8;
	handle->timeout = 1000 + (uint32_t)chance(client, 60000);
	handle->parent = parent_key(client, handle->file / WORLD_NAMES);
}

static void choose_access(struct client *client, struct handle *handle)
{
	uint64_t n = chance(client, 20);

	handle->access = ALL_ACCESS;
	handle->share = ALL_SHARED;
	handle->disposition = FILE_OPEN_IF;
	handle->options = FILE_NON_DIRECTORY_FILE;
	if (n == 0) {
		handle->access = FILE_READ_ATTRIBUTES;
	} else if (n < 4) {
		handle->access = FILE_READ_DATA | FILE_READ_ATTRIBUTES;
	} else if (n == 4) {
		handle->share = FILE_SHARE_READ | FILE_SHARE_DELETE;
	} else if (n < 7) {
		handle->disposition = FILE_OVERWRITE_IF;
	} else if (n == 7) {
		handle->options |= FILE_DELETE_ON_CLOSE;
	}
}

/* Nothing that is kept back may be overtaken by what empties the file. */
static bool begin_truncation(struct client *client, struct cache *cache)
{
	if (cache == NULL) {
		return true;
	}
	if (cache_flush(client, cache)) {
		return false;
	}
	cache->busy++;
	cache_purge(cache);
	return true;
}

static bool reuse(struct client *client, unsigned int file)
{
	for (unsigned int i = 0; i < CLIENT_HANDLES; i++) {
		struct handle *handle = &client->handles[i];

		if (handle->state == HANDLE_OPEN && handle->unused &&
			!handle->directory && handle->file == file) {
			handle->unused = false;
			return true;
		}
	}
	return false;
}

static void send_open(struct client *client, struct handle *handle)
{
	struct cache *cache = handle_cache(handle);
	struct conn *conn = client_conn(client);
	bool truncates = handle->disposition == FILE_OVERWRITE_IF;
	struct sent *sent = NULL;

	if (!truncates || begin_truncation(client, cache)) {
		sent = handle_open(client, conn, handle, false);
		if (sent == NULL && truncates && cache != NULL) {
			cache->busy--;
		}
	}
	if (sent == NULL) {
		handle->state = HANDLE_OPENING;
		handle_free(client, handle);
		return;
	}
	sent->truncates = truncates;
	sent->cache = cache;
	sent->cache_serial = cache != NULL ? cache->serial : 0;
	sent->directories = handle->directory ? 0 : BOTH_DIRECTORIES;
	client_changing(client, sent->directories);
}

static void do_open(struct client *client)
{
	unsigned int file = (unsigned int)chance(client, WORLD_FILES);
	struct handle *handle;

	if (chance(client, 2) == 0 && reuse(client, file)) {
		return;
	}
	handle = handle_new(client);
	if (handle == NULL) {
		do_close(client);
		return;
	}
	handle->file = file;
	choose_caching(client, handle);
	choose_access(client, handle);
	send_open(client, handle);
}

static void do_open_directory(struct client *client)
{
	struct handle *handle = handle_new(client);
	struct cache *cache =
		client->dialect >= 0x0300 ? cache_new(client) : NULL;

	if (handle == NULL || cache == NULL) {
		if (cache != NULL) {
			cache->used = false;
		}
		return;
	}
	handle->directory = cache->directory = true;
	handle->file = cache->file = (unsigned int)chance(client, WORLD_DIRS);
	cache->lease = true;
	cache->handles = 1;
	cache->key = cache->serial << 8 | client->index;
	handle->cache = cache;
	handle->cache_serial = cache->serial;
	handle->level = SMB2_OPLOCK_LEVEL_LEASE;
	handle->asked_v2 = true;
	handle->wish = chance(client, 3) > 0 ? R | H : R;
	handle->access = FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES;
	handle->share = ALL_SHARED;
	handle->disposition = FILE_OPEN;
	handle->options = FILE_DIRECTORY_FILE;
	send_open(client, handle);
}

/* ---- data ---- */

/* Is the region locked by another handle of the client? */
static bool locked_elsewhere(const struct client *client,
	const struct handle *handle, unsigned int region)
{
	for (unsigned int i = 0; i < CLIENT_HANDLES; i++) {
		const struct handle *other = &client->handles[i];

		if (other != handle && other->state != HANDLE_FREE &&
			other->inode == handle->inode &&
			(other->locks & 1u << region)) {
			return true;
		}
	}
	return false;
}

static void read_cache(
	struct client *client, const struct cache *cache, unsigned int region)
{
	struct world *world = client->world;
	uint64_t value = cache->regions[region].value;
	bool trusted =
		cache->lease ? judge_trusts_lease(world, client->guid,
				       cache->key, cache->epoch, cache->breaks)
			     : judge_trusts_oplock(
				       world, cache->oplock, cache->breaks);
	const char *wrong;

	world->tally.cached_reads++;
	if (!trusted) {
		world->tally.unjudged++;
		return;
	}
	world_note(world, "client %u has %llu of region %u of file %llu cached",
		client->index, (unsigned long long)value, region,
		(unsigned long long)cache->inode);
	wrong = contents_read(&world->contents, cache->inode, region, value,
		++world->contents.clock);
	if (wrong != NULL) {
		world_broken(world, "contents",
			"client %u reads %s from its cache, of region %u of "
			"file %llu",
			client->index, wrong, region,
			(unsigned long long)cache->inode);
	}
}

static void do_read(struct client *client)
{
	struct handle *handle = some_handle(client, false, FILE_READ_DATA);
	unsigned int region = (unsigned int)chance(client, CONTENTS_REGIONS);
	struct smb2_read_request body = {
		.length = WORLD_REGION, .offset = region * WORLD_REGION};
	struct cache *cache;
	struct sent *sent;

	if (handle == NULL || locked_elsewhere(client, handle, region)) {
		return;
	}
	cache = handle_cache(handle);
	if (cache != NULL && cache->regions[region].valid &&
		cache_serves(client, cache, R)) {
		read_cache(client, cache, region);
		return;
	}
	if (cache != NULL && cache->regions[region].dirty) {
		return;
	}
	body.file_id = handle->id;
	sent = send_on(client, handle, SENT_READ, SMB2_READ, 0,
		&smb2_read_request_type, &body);
	if (sent != NULL) {
		sent->region = region;
		sent->generation =
			cache != NULL ? cache->regions[region].generation : 0;
	}
}

static void write_cache(
	struct client *client, struct cache *cache, unsigned int at)
{
	struct cached_region *region = &cache->regions[at];
	struct contents *contents = &client->world->contents;

	region->value = contents_write(contents, cache->inode, at);
	contents_wrote(
		contents, cache->inode, at, region->value, CONTENTS_DONE);
	if (!region->dirty) {
		region->first = region->value;
	}
	region->valid = region->dirty = true;
	region->generation++;
	client->world->tally.cached_writes++;
	world_note(client->world,
		"client %u keeps %llu back, for region %u of file %llu",
		client->index, (unsigned long long)region->value, at,
		(unsigned long long)cache->inode);
}

static void write_through(
	struct client *client, struct handle *handle, unsigned int region)
{
	struct contents *contents = &client->world->contents;
	struct cache *cache = handle_cache(handle);
	uint8_t data[WORLD_REGION];
	const struct smb2_write_request body = {.length = WORLD_REGION,
		.offset = region * WORLD_REGION,
		.file_id = handle->id,
		.buffer = wire_view_of(data, WORLD_REGION)};
	uint64_t value = contents_write(contents, handle->inode, region);
	struct sent *sent;

	for (unsigned int i = 0; i < WORLD_REGION; i += 8) {
		wire_put64(data + i, value);
	}
	sent = send_on(client, handle, SENT_WRITE, SMB2_WRITE, 0,
		&smb2_write_request_type, &body);
	if (sent == NULL) {
		contents_wrote(contents, handle->inode, region, value,
			CONTENTS_REFUSED);
		return;
	}
	world_note(client->world,
		"client %u writes %llu to region %u of file %llu",
		client->index, (unsigned long long)value, region,
		(unsigned long long)handle->inode);
	sent->region = region;
	sent->value = value;
	if (cache != NULL) {
		cache->regions[region].generation++;
		cache->regions[region].valid = false;
	}
}

static void do_write(struct client *client)
{
	struct handle *handle = some_handle(client, false, FILE_WRITE_DATA);
	unsigned int region = (unsigned int)chance(client, CONTENTS_REGIONS);
	struct cache *cache;

	if (handle == NULL || locked_elsewhere(client, handle, region)) {
		return;
	}
	cache = handle_cache(handle);
	if (cache != NULL && !cache->breaking && cache->busy == 0 &&
		cache_serves(client, cache, R | W) && chance(client, 8) > 0) {
		write_cache(client, cache, region);
	} else if (cache == NULL || !cache->regions[region].dirty) {
		write_through(client, handle, region);
	}
}

static void do_lock(struct client *client)
{
	struct handle *handle = some_handle(client, false, FILE_WRITE_DATA);
	unsigned int region = (unsigned int)chance(client, CONTENTS_REGIONS);
	uint8_t bytes[24];
	struct wire_buf out = {bytes, sizeof(bytes), 0, 0, 0};
	struct smb2_lock_element element = {.length = WORLD_REGION,
		.flags = SMB2_LOCKFLAG_EXCLUSIVE_LOCK |
			 SMB2_LOCKFLAG_FAIL_IMMEDIATELY};
	struct smb2_lock_request body = {
		.lock_count = 1, .locks = wire_view_of(bytes, sizeof(bytes))};
	struct sent *sent;

	if (handle == NULL || flush_first(client, handle)) {
		return;
	}
	while (handle->locks != 0 && !(handle->locks & 1u << region)) {
		region = (region + 1) % CONTENTS_REGIONS;
	}
	element.offset = region * WORLD_REGION;
	if (handle->locks & 1u << region) {
		element.flags = SMB2_LOCKFLAG_UNLOCK;
	}
	body.file_id = handle->id;
	if (wire_encode(&smb2_lock_element_type, &element, &out) < 0) {
		abort();
	}
	sent = send_on(client, handle,
		element.flags == SMB2_LOCKFLAG_UNLOCK ? SENT_UNLOCK : SENT_LOCK,
		SMB2_LOCK, 0, &smb2_lock_request_type, &body);
	if (sent != NULL) {
		sent->region = region;
		handle->locks &= ~(1u << region);
	}
}

/* ---- set-info ---- */

static struct sent *send_set(struct client *client, struct handle *handle,
	uint8_t info_class, const uint8_t *data, size_t n)
{
	const struct smb2_set_info_request body = {
		.info_type = SMB2_0_INFO_FILE,
		.file_info_class = info_class,
		.file_id = handle->id,
		.buffer = wire_view_of(data, n)};
	struct sent *sent = send_on(client, handle, SENT_SET, SMB2_SET_INFO,
		BOTH_DIRECTORIES, &smb2_set_info_request_type, &body);

	if (sent != NULL) {
		sent->region = WORLD_FILES;
		world_note(client->world,
			"client %u sets class %u of file %llu", client->index,
			info_class, (unsigned long long)handle->inode);
	}
	return sent;
}

static void do_end_of_file(struct client *client, struct handle *handle)
{
	struct cache *cache = handle_cache(handle);
	uint8_t data[8];
	struct sent *sent;

	if (!begin_truncation(client, cache)) {
		return;
	}
	wire_put64(data, chance(client, CONTENTS_REGIONS) * WORLD_REGION);
	sent = send_set(client, handle, FileEndOfFileInformation, data, 8);
	if (sent != NULL) {
		sent->truncates = true;
	} else if (cache != NULL) {
		cache->busy--;
	}
}

static void do_attributes(struct client *client, struct handle *handle)
{
	uint8_t data[40] = {0};

	wire_put32(data + 32, chance(client, 2) == 0 ? FILE_ATTRIBUTE_HIDDEN
						     : FILE_ATTRIBUTE_NORMAL);
	send_set(client, handle, FileBasicInformation, data, 40);
}

/* No hard links: what is done through one name changes the listing of another
 * name's directory, of which only the client's own name tells the server. */
static void do_rename(struct client *client, struct handle *handle)
{
	unsigned int file = (unsigned int)chance(client, WORLD_FILES);
	uint8_t data[64] = {0};
	int n = wire_utf8_to_utf16(
		world_path(file), data + 20, sizeof(data) - 20);
	struct sent *sent;

	data[0] = chance(client, 2) == 0;
	wire_put32(data + 16, (uint32_t)n);
	sent = send_set(client, handle, FileRenameInformation, data,
		n < 4 ? 24 : 20 + (size_t)n);
	if (sent != NULL) {
		sent->region = file;
	}
}

static void do_delete(struct client *client, struct handle *handle)
{
	const uint8_t data[1] = {chance(client, 4) > 0};
	struct sent *sent =
		send_set(client, handle, FileDispositionInformation, data, 1);

	if (sent != NULL) {
		sent->value = data[0];
	}
}

static void do_set(struct client *client)
{
	struct handle *handle = some_handle(client, false, ALL_ACCESS);
	uint64_t n = chance(client, 10);

	if (handle == NULL) {
		return;
	}
	if (n < 2) {
		do_end_of_file(client, handle);
	} else if (n < 4) {
		do_attributes(client, handle);
	} else if (n < 8) {
		do_rename(client, handle);
	} else {
		do_delete(client, handle);
	}
}

static void do_resilient(struct client *client)
{
	struct handle *handle = some_handle(client, false, 0);
	uint8_t data[8] = {0};
	struct smb2_ioctl_request body = {
		.ctl_code = FSCTL_LMR_REQUEST_RESILIENCY,
		.flags = SMB2_0_IOCTL_IS_FSCTL,
		.input = wire_view_of(data, 8)};

	if (handle == NULL) {
		return;
	}
	body.file_id = handle->id;
	wire_put32(data, 2000 + (uint32_t)chance(client, 60000));
	if (send_on(client, handle, SENT_OTHER, SMB2_IOCTL, 0,
		    &smb2_ioctl_request_type, &body) != NULL) {
		handle->durable = 1;
		world_note(client->world, "client %u makes %llx resilient",
			client->index,
			(unsigned long long)handle->id.persistent);
	}
}

/* ---- directories ---- */

static void list_cache(struct client *client, const struct cache *cache)
{
	struct world *world = client->world;
	uint64_t now = sim_now(world->server.sim);
	uint64_t since = now > world->grace ? now - world->grace : 0;

	if (!judge_trusts_lease(world, client->guid, cache->key, cache->epoch,
		    cache->breaks)) {
		return;
	}
	world->tally.cached_listings++;
	if (!world_was_listed(world, cache->file, cache->listing, since)) {
		world_broken(world, "stale listing",
			"client %u lists %s from its cache, as it is no more",
			client->index, world_directory_path(cache->file));
	}
}

static void do_list(struct client *client)
{
	static const uint8_t all[] = {'*', 0};
	struct handle *handle = some_handle(client, true, 0);
	struct smb2_query_directory_request body = {
		.file_information_class = FileDirectoryInformation,
		.flags = SMB2_RESTART_SCANS,
		.output_buffer_length = 4096,
		.buffer = wire_view_of(all, sizeof(all))};
	struct cache *cache;
	struct sent *sent;

	if (handle == NULL) {
		do_open_directory(client);
		return;
	}
	cache = handle_cache(handle);
	if (cache != NULL && cache->listed &&
		client->changing[handle->file] == 0 &&
		cache_serves(client, cache, R)) {
		list_cache(client, cache);
		return;
	}
	body.file_id = handle->id;
	sent = send_on(client, handle, SENT_LIST, SMB2_QUERY_DIRECTORY, 0,
		&smb2_query_directory_request_type, &body);
	if (sent != NULL) {
		sent->generation = client->changes[handle->file];
	}
}

/* ---- chance ---- */

void client_do(struct client *client)
{
	uint64_t n = chance(client, 100);

	if (n < 14) {
		do_open(client);
	} else if (n < 42) {
		do_read(client);
	} else if (n < 60) {
		do_write(client);
	} else if (n < 68) {
		do_close(client);
	} else if (n < 71) {
		do_lock(client);
	} else if (n < 78) {
		do_set(client);
	} else if (n < 99) {
		do_list(client);
	} else {
		do_resilient(client);
	}
}

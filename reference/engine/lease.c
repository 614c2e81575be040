/* SPDX-License-Identifier: MIT */
/* The table of leases, and what they are granted. [MS-SMB2] 3.3.5.9.8,
 * 3.3.5.9.11, [MS-FSA] 2.1.5.18 */
#include <stdlib.h>

#include "engine/caching.h"
#include "engine/lock.h"

#define R SMB2_LEASE_READ_CACHING
#define H SMB2_LEASE_HANDLE_CACHING
#define W SMB2_LEASE_WRITE_CACHING

/* An acknowledgement may leave W or H alone: they break as RW and RH do. */
enum model_held lease_row(uint32_t state)
{
	if (state & W) {
		return state & H ? MODEL_HELD_RWH : MODEL_HELD_RW;
	}
	if (state & H) {
		return MODEL_HELD_RH;
	}
	return state & R ? MODEL_HELD_R : MODEL_HELD_NONE;
}

uint32_t lease_bits(enum model_held held)
{
	static const uint32_t bits[MODEL_HELDS] = {[MODEL_HELD_R] = R,
		[MODEL_HELD_RW] = R | W,
		[MODEL_HELD_RH] = R | H,
		[MODEL_HELD_RWH] = R | W | H};

	return bits[held];
}

/* Keys are often random, and sometimes not at all. */
static uint64_t lease_hash(const struct wire_guid *key)
{
	uint64_t h = wire_get64(key->b) ^ wire_get64(key->b + 8) << 1;

	return (h ^ h >> 31) * 0x9e3779b97f4a7c15ull;
}

struct lease *lease_find(struct engine *engine, const struct wire_guid *client,
	const struct wire_guid *key)
{
	struct table_link *link =
		table_find(&engine->leases_by_key, lease_hash(key));

	for (; link; link = table_next(link)) {
		struct lease *lease = table_entry(link, struct lease, by_key);

		if (guid_equal(&lease->key, key) &&
			(!client || guid_equal(&lease->client, client))) {
			return lease;
		}
	}
	return NULL;
}

static struct lease *lease_named(
	struct engine_conn *conn, const struct wire_guid *key)
{
	return lease_find(conn->engine,
		RULE(LEASE_GRANT_0021) ? &conn->client_guid : NULL, key);
}

bool lease_misused(struct engine_conn *conn, const struct lease_wish *wish,
	const struct file *file)
{
	const struct lease *lease =
		wish->asked ? lease_named(conn, &wish->key) : NULL;

	return lease && lease->file != file && RULE(LEASE_GRANT_0012);
}

bool lease_doomed(const struct lease *lease)
{
	list_each(open, &lease->opens, struct open, in_lease)
	{
		if (open->delete_on_close ||
			(open->link && open->link->delete_pending)) {
			return true;
		}
	}
	return false;
}

bool lease_refused(struct engine_conn *conn, const struct lease_wish *wish,
	const struct file *file)
{
	return lease_misused(conn, wish, file) &&
	       !(lease_doomed(lease_named(conn, &wish->key)) &&
		       RULE(LEASE_GRANT_0024));
}

/* What opens outside of the lease leave to it. */
struct lease_others {
	enum model_others kind;
	bool writer; /* one may keep changes to itself */
	bool oplock; /* one has level II */
};

static void lease_beside(const struct open *other, struct lease_others *others)
{
	enum model_others kind = MODEL_OTHERS_STAT;
	uint32_t held = other->lease ? other->lease->held : 0;

	if ((held & R) || other->oplock_level) {
		kind = MODEL_OTHERS_CACHING;
	} else if (open_sees_data(other)) {
		kind = MODEL_OTHERS_PLAIN;
	}
	others->kind = kind > others->kind ? kind : others->kind;
	others->writer |= (held & W) ||
			  other->oplock_level >= SMB2_OPLOCK_LEVEL_EXCLUSIVE;
	others->oplock |= other->oplock_level == SMB2_OPLOCK_LEVEL_II;
}

static struct lease_others lease_others(
	const struct file *file, const struct lease *lease)
{
	struct lease_others others = {0};

	list_each(other, &file->opens, struct open, in_file)
	{
		if (other->lease != lease) {
			lease_beside(other, &others);
		}
	}
	return others;
}

/* Beside the locks of others nothing of what they lock is cached. */
static bool lease_locked_out(
	const struct file *file, const struct lease *lease, uint64_t allocation)
{
	list_each(lock, &file->locks, struct lock, in_file)
	{
		if (lock->exclusive && lock->offset < allocation &&
			(!lock->open || lock->open->lease != lease)) {
			return true;
		}
	}
	return false;
}

static uint32_t lease_on_directory(
	const struct engine_conn *conn, const struct lease_wish *wish)
{
	const struct model_dirlease_grant *row =
		model_dirlease_grant((enum model_wanted)wish->state);

	if ((!wish->v2 && RULE(DIRL_GRANT_0005)) ||
		(!(conn->server_capabilities &
			 SMB2_GLOBAL_CAP_DIRECTORY_LEASING) &&
			RULE(DIRL_GRANT_0006))) {
		return 0;
	}
	if (!model_rule(row->rule)) {
		return row->granted == MODEL_HELD_NONE ? R : 0;
	}
	return lease_bits(row->granted);
}

static uint32_t lease_on_file(const struct file *file,
	const struct lease_wish *wish, const struct lease *lease)
{
	struct lease_others others = lease_others(file, lease);
	const struct model_lease_grant *row =
		model_lease_grant((enum model_wanted)wish->state, others.kind);
	uint32_t granted = lease_bits(row->granted);

	if (!model_rule(row->rule)) {
		granted = granted == wish->state ? 0 : wish->state;
	}
	if (others.kind == MODEL_OTHERS_CACHING && !RULE(LEASE_GRANT_0014)) {
		return 0;
	}
	if (others.writer || (lease_locked_out(file, lease, wish->allocation) &&
				     RULE(LEASE_GRANT_0020))) {
		return 0;
	}
	return others.oplock ? granted & ~(uint32_t)H : granted;
}

/* What a new lease would get. */
static uint32_t lease_possible(const struct open *open,
	const struct engine_conn *conn, const struct lease_wish *wish,
	const struct lease *lease)
{
	const struct file *file = open->file;
	uint32_t granted;

	if (file->directory) {
		granted = lease_on_directory(conn, wish);
		if (file->opens.count > 1 && !RULE(DIRL_GRANT_0007)) {
			granted = 0;
		}
	} else {
		granted = lease_on_file(file, wish, lease);
	}
	if (open->link->delete_pending) {
		granted &= ~(uint32_t)H;
	}
	return granted;
}

static struct lease *lease_create(struct open *open, struct engine_conn *conn,
	const struct lease_wish *wish)
{
	struct lease *lease = calloc(1, sizeof(*lease));

	if (!lease) {
		return NULL;
	}
	lease->engine = conn->engine;
	lease->client = conn->client_guid;
	lease->granted_on = (uintptr_t)conn;
	lease->key = wish->key;
	lease->file = open->file;
	lease->v2 = wish->v2;
	lease->epoch = wish->epoch;
	lease->breaking.lease = lease;
	if (table_add(&conn->engine->leases_by_key, &lease->by_key,
		    lease_hash(&lease->key)) < 0) {
		free(lease);
		return NULL;
	}
	list_add(&conn->engine->leases, &lease->in_engine);
	if (lease->file->directory) {
		list_add(&conn->engine->directory_leases,
			&lease->in_directories);
	}
	return lease;
}

static void lease_extend(struct lease *lease, uint32_t possible)
{
	const struct model_lease_extend *row = model_lease_extend(
		lease_row(lease->held), (enum model_wanted)possible);
	uint32_t becomes = lease_bits(row->becomes);

	if (!model_rule(row->rule)) {
		becomes = becomes == lease->held ? possible : lease->held;
	}
	if (becomes != lease->held ? RULE(LEASE_EPOCH_0003)
				   : !RULE(LEASE_EPOCH_0004)) {
		lease->epoch++;
	}
	lease->held = becomes;
}

struct lease *lease_join(struct open *open, struct engine_conn *conn,
	const struct lease_wish *wish)
{
	struct lease *lease = lease_named(conn, &wish->key);
	bool fresh = !lease;
	uint32_t possible;

	if (fresh) {
		lease = lease_create(open, conn, wish);
	}
	if (!lease) {
		return NULL;
	}
	if (!RULE(LEASE_GRANT_0019)) {
		lease->v2 = wish->v2;
	}
	open->lease = lease;
	list_add(&lease->opens, &open->in_lease);
	possible = lease_possible(open, conn, wish, lease);
	if (fresh) {
		lease->held = possible | (RULE(LEASE_GRANT_0023) ? 0 : H);
		if (possible ? RULE(LEASE_EPOCH_0001)
			     : !RULE(LEASE_EPOCH_0002)) {
			lease->epoch++;
		}
	} else if (!list_linked(&lease->breaking.in_engine)) {
		/* All that is asked for, or nothing. */
		lease_extend(
			lease, open->file->directory || possible == wish->state
				       ? possible
				       : 0);
	}
	return lease;
}

void lease_leave(struct open *open)
{
	struct lease *lease = open->lease;

	if (!lease) {
		return;
	}
	open->past.lease = (struct parent_key){true, lease->key};
	open->lease = NULL;
	list_remove(&open->in_lease);
	if (!list_empty(&lease->opens)) {
		return;
	}
	list_remove(&lease->breaking.in_engine);
	list_remove(&lease->in_engine);
	list_remove(&lease->in_directories);
	list_remove(&lease->in_due);
	table_remove(&lease->engine->leases_by_key, &lease->by_key);
	free(lease);
}

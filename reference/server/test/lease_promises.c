/* SPDX-License-Identifier: MIT */
/* Promises, and how they end; see lease_judge.h. */
#include <stdlib.h>

#include "server/test/lease_client.h"
#include "server/test/lease_promises.h"
#include "server/test/lease_world.h"

#define MS 10000ull
#define LATE 20 /* seconds, until the answer to whoever came in time */

static const uint32_t bit_at[3] = {R, H, W};

static const char *state_name(uint32_t state)
{
	static const char *const names[8] = {
		"none", "R", "H", "RH", "W", "RW", "HW", "RWH"};

	return names[state & 7];
}

struct judge_session *promises_session(struct judge *judge, uint64_t id)
{
	for (unsigned int i = 0; i < judge->session_count; i++) {
		if (judge->sessions[i].id == id) {
			return &judge->sessions[i];
		}
	}
	return NULL;
}

struct judge_open *promises_open(struct judge *judge, struct smb2_fileid id)
{
	for (unsigned int i = 0; i < JUDGE_OPENS; i++) {
		struct judge_open *open = &judge->opens[i];

		if (open->used && open->id.volatile_ == id.volatile_) {
			return open;
		}
	}
	return NULL;
}

static struct judge_open *find_persistent(struct judge *judge, uint64_t id)
{
	for (unsigned int i = 0; i < JUDGE_OPENS; i++) {
		struct judge_open *open = &judge->opens[i];

		if (open->used && open->id.persistent == id) {
			return open;
		}
	}
	return NULL;
}

static struct judge_open *new_open(struct judge *judge)
{
	for (unsigned int i = 0; i < JUDGE_OPENS; i++) {
		if (!judge->opens[i].used) {
			return &judge->opens[i];
		}
	}
	abort();
}

static struct judge_lease *find_lease(
	const struct judge *judge, uint64_t client, uint64_t key)
{
	for (unsigned int i = 0; i < JUDGE_LEASES; i++) {
		const struct judge_lease *lease = &judge->leases[i];

		if (lease->used && lease->client == client &&
			lease->key == key) {
			return (struct judge_lease *)lease;
		}
	}
	return NULL;
}

static struct judge_lease *get_lease(
	struct judge *judge, uint64_t client, uint64_t key)
{
	struct judge_lease *lease = find_lease(judge, client, key);

	for (unsigned int i = 0; i < JUDGE_LEASES && lease == NULL; i++) {
		if (!judge->leases[i].used) {
			lease = &judge->leases[i];
			*lease = (struct judge_lease){
				.used = true, .client = client, .key = key};
		}
	}
	if (lease == NULL) {
		abort();
	}
	return lease;
}

void promises_blur(struct world *world, uint64_t client, uint64_t key)
{
	get_lease(&world->judge, client, key)->blurred = true;
}

/* ---- two writers ---- */

static uint32_t held_by(const struct judge_open *open)
{
	if (open->lease == NULL) {
		return judge_caching(open->level);
	}
	return open->lease->blurred ? 0 : open->lease->state;
}

static bool same_holder(const struct judge_open *a, const struct judge_open *b)
{
	return a == b || (a->lease != NULL && a->lease == b->lease);
}

static bool clash(uint32_t a, uint32_t b)
{
	return ((a & W) && (b & (R | W))) || ((b & W) && (a & (R | W)));
}

/* Is the holder, if it has one session, there? Else it may be gone. */
static bool holder_is_there(const struct judge_open *open)
{
	return open->lease != NULL ? open->lease->parked < open->lease->opens
				   : !open->parked;
}

/* Nobody is there to be told of a break. */
static void take_silently(
	struct world *world, struct judge_open *open, uint32_t bits)
{
	if (open->resilient) {
		open->dropped |= bits;
	} else {
		promises_end(world, open);
	}
}

/* The open has been granted what it holds. */
static void judge_grant(struct world *world, const struct judge_open *open)
{
	uint32_t bits = held_by(open);

	for (unsigned int i = 0; i < JUDGE_OPENS; i++) {
		struct judge_open *other = &world->judge.opens[i];

		if (!other->used || other->directory ||
			other->inode != open->inode ||
			same_holder(other, open) ||
			!clash(bits, held_by(other))) {
			continue;
		}
		if (!holder_is_there(other)) {
			take_silently(world, other, bits & W ? R | W : W);
			continue;
		}
		world_broken(world, "two writers",
			"client %llu is granted %s of file %llu, of which "
			"client %llu has %s",
			(unsigned long long)open->client, state_name(bits),
			(unsigned long long)open->inode,
			(unsigned long long)other->client,
			state_name(held_by(other)));
	}
}

/* ---- opens ---- */

static void set_state(
	struct world *world, struct judge_lease *lease, uint32_t state)
{
	for (unsigned int i = 0; i < 3; i++) {
		if ((state & bit_at[i]) && !(lease->state & bit_at[i])) {
			lease->since[i] = world->contents.clock;
		}
	}
	lease->state = state;
}

static void judge_new_lease(struct world *world, struct judge_lease *lease,
	const struct judge_asked *asked, const struct judge_made *made)
{
	uint16_t epoch = asked->epoch;

	*lease = (struct judge_lease){.used = true,
		.blurred = lease->blurred,
		.client = lease->client,
		.key = lease->key,
		.inode = made->inode,
		.v2 = made->v2,
		.epoch = made->epoch};
	set_state(world, lease, made->state);
	epoch = (uint16_t)(epoch + (made->state != 0));
	if (lease->v2 && !lease->blurred && epoch != made->epoch) {
		world_broken(world, "epoch",
			"a new lease of client %llu, %s, has epoch %u, not %u",
			(unsigned long long)lease->client,
			state_name(made->state), made->epoch, epoch);
	}
}

static void judge_old_lease(struct world *world, struct judge_lease *lease,
	const struct judge_made *made)
{
	bool grown = made->state != lease->state;
	uint16_t epoch = (uint16_t)(lease->epoch + grown);

	if (lease->inode != made->inode) {
		world_broken(world, "two writers",
			"key %llu of client %llu is that of two files",
			(unsigned long long)lease->key,
			(unsigned long long)lease->client);
	}
	if (lease->state & ~made->state) {
		world_broken(world, "lost break",
			"client %llu had %s by key %llu, now %s without a "
			"break",
			(unsigned long long)lease->client,
			state_name(lease->state),
			(unsigned long long)lease->key,
			state_name(made->state));
	}
	if (lease->breaking && grown) {
		world_broken(world, "lost break",
			"key %llu of client %llu is extended while it is "
			"broken",
			(unsigned long long)lease->key,
			(unsigned long long)lease->client);
	}
	if (lease->v2 && epoch != made->epoch) {
		world_broken(world, "epoch",
			"key %llu of client %llu, %s to %s, goes from epoch "
			"%u to %u",
			(unsigned long long)lease->key,
			(unsigned long long)lease->client,
			state_name(lease->state), state_name(made->state),
			lease->epoch, made->epoch);
	}
	if (grown) {
		lease->stepped = false;
	}
	lease->epoch = made->epoch;
	set_state(world, lease, made->state);
}

static void join_lease(struct world *world, struct judge_open *open,
	const struct judge_asked *asked, const struct judge_made *made)
{
	struct judge_lease *lease =
		get_lease(&world->judge, open->client, made->key);

	if (lease->opens == 0 || lease->blurred) {
		unsigned int opens = lease->opens, parked = lease->parked;

		judge_new_lease(world, lease, asked, made);
		lease->opens = opens;
		lease->parked = parked;
	} else {
		judge_old_lease(world, lease, made);
	}
	lease->opens++;
	open->lease = lease;
}

struct judge_open *promises_opened(struct conn *conn,
	const struct judge_asked *asked, const struct judge_made *made)
{
	struct world *world = conn->world;
	struct judge_open *open =
		find_persistent(&world->judge, made->body.file_id.persistent);

	world->tally.opens++;
	if (open != NULL) {
		/* The answer of a replayed CREATE. */
		world->tally.replays++;
		return NULL;
	}
	open = new_open(&world->judge);
	*open = (struct judge_open){.used = true,
		.directory =
			made->body.file_attributes & FILE_ATTRIBUTE_DIRECTORY,
		.id = made->body.file_id,
		.session = conn->judged_session,
		.client = conn->client->guid,
		.user = conn->client->user,
		.inode = made->inode,
		.guid = asked->guid,
		.access = asked->access,
		.durable = made->durable,
		.timeout = made->timeout};
	if (made->leased) {
		join_lease(world, open, asked, made);
	} else {
		open->level = made->body.oplock_level;
		open->since = world->contents.clock;
	}
	world_note(world, "[client %llu: open %llx of file %llu, %s]",
		(unsigned long long)open->client,
		(unsigned long long)open->id.persistent,
		(unsigned long long)open->inode, state_name(held_by(open)));
	if (!open->directory) {
		judge_grant(world, open);
	}
	return open;
}

void promises_end(struct world *world, struct judge_open *open)
{
	struct judge_lease *lease = open->lease;

	world_note(world, "[client %llu: open %llx ends]",
		(unsigned long long)open->client,
		(unsigned long long)open->id.persistent);
	open->used = false;
	if (lease == NULL) {
		return;
	}
	lease->parked -= open->parked;
	if (--lease->opens == 0 && !lease->blurred) {
		lease->used = false;
	}
}

void promises_session_ended(struct world *world, uint64_t session)
{
	uint64_t now = sim_now(world->server.sim);

	for (unsigned int i = 0; i < JUDGE_OPENS; i++) {
		struct judge_open *open = &world->judge.opens[i];
		bool breaking = open->lease != NULL ? open->lease->breaking
						    : open->breaking;

		if (!open->used || open->session != session || open->parked) {
			continue;
		}
		if (!open->resilient &&
			(!open->durable || !(held_by(open) & H) || breaking) &&
			!(open->lease != NULL && open->lease->blurred)) {
			promises_end(world, open);
			continue;
		}
		world_note(world, "[client %llu: open %llx is parked]",
			(unsigned long long)open->client,
			(unsigned long long)open->id.persistent);
		open->parked = true;
		open->session = 0;
		open->until = now + open->timeout * MS;
		if (open->lease != NULL) {
			open->lease->parked++;
		}
	}
}

/* ---- wrong owner ---- */

static const char *what_is_wrong(const struct conn *conn,
	const struct judge_open *open, const struct judge_asked *asked,
	const struct judge_made *made)
{
	const struct judge_lease *lease = open->lease;

	if (!open->parked) {
		return "has a session";
	}
	if (asked->came > open->until) {
		return "is too old";
	}
	if (open->user != conn->client->user) {
		return "is another user's";
	}
	if (lease != NULL && lease->client != conn->client->guid) {
		return "is another client's";
	}
	if (lease != NULL ? !asked->lease || asked->key != lease->key
			  : asked->lease) {
		return "has another lease";
	}
	if (asked->again_v2 && asked->guid != open->guid) {
		return "has another CreateGuid";
	}
	if (made->state & (open->dropped | ~held_by(open)) &&
		!(lease != NULL && lease->blurred)) {
		return "held less";
	}
	return NULL;
}

static void resumed_lease(struct world *world, struct judge_open *open,
	const struct judge_made *made)
{
	struct judge_lease *lease = open->lease;

	if (lease->v2 && !lease->blurred && !open->resilient &&
		lease->epoch != made->epoch) {
		world_broken(world, "epoch",
			"a lease that is taken up again has epoch %u, not %u",
			made->epoch, lease->epoch);
	}
	lease->epoch = made->epoch;
	lease->state &= made->state;
}

void promises_resumed(struct conn *conn, const struct judge_asked *asked,
	const struct judge_made *made)
{
	struct world *world = conn->world;
	struct judge_open *open =
		find_persistent(&world->judge, asked->file.persistent);
	const char *wrong = open == NULL
				    ? "is not there, or had to be closed"
				    : what_is_wrong(conn, open, asked, made);

	world->tally.resumed++;
	if (wrong != NULL) {
		world_broken(world, "wrong owner",
			"client %llu takes up open %llx, which %s",
			(unsigned long long)conn->client->guid,
			(unsigned long long)asked->file.persistent, wrong);
		return;
	}
	open->parked = false;
	open->session = conn->judged_session;
	open->client = conn->client->guid;
	open->id = made->body.file_id;
	open->level = made->body.oplock_level;
	if (open->lease != NULL) {
		open->lease->parked--;
		resumed_lease(world, open, made);
	}
	open->dropped = 0;
	judge_grant(world, open);
}

/* ---- lost breaks ---- */

/* What a lease, or an oplock, still promises of these to those who came at
 * that time. Of read caching the holder is only told; whoever is not there
 * goes, even while the lease is being broken. */
static uint32_t promised(
	const struct judge_open *open, uint32_t against, uint64_t at)
{
	const struct judge_lease *lease = open->lease;
	uint32_t bits = held_by(open) & against;

	if (lease == NULL) {
		bits &= ~(uint32_t)H;
		if (open->since >= at || open->breaking) {
			bits &= ~(uint32_t)R;
		}
		return bits;
	}
	if (lease->since[1] >= at) {
		bits &= ~(uint32_t)H;
	}
	if (lease->since[0] >= at ||
		(lease->breaking &&
			(open->resilient || holder_is_there(open)))) {
		bits &= ~(uint32_t)R;
	}
	return bits;
}

/* What is remembered while the lease is broken. */
static void owe(const struct judge_open *open, uint32_t against, uint64_t at)
{
	struct judge_lease *lease = open->lease;

	if (lease != NULL && (against & R) && lease->breaking &&
		(lease->to & R) && lease->since[0] < at) {
		lease->owed = true;
	}
}

void promises_judge(struct world *world, const struct judge_open *open,
	uint32_t against, uint64_t at)
{
	for (unsigned int i = 0; i < JUDGE_OPENS; i++) {
		struct judge_open *other = &world->judge.opens[i];
		uint32_t bits;

		if (!other->used || other->directory ||
			other->inode != open->inode ||
			same_holder(other, open)) {
			continue;
		}
		owe(other, against, at);
		bits = promised(other, against, at);
		if (bits != 0 && !holder_is_there(other)) {
			take_silently(world, other, bits);
		} else if (bits != 0) {
			world_broken(world, "lost break",
				"client %llu has done something to file %llu, "
				"of which client %llu still has %s",
				(unsigned long long)open->client,
				(unsigned long long)open->inode,
				(unsigned long long)other->client,
				state_name(bits));
		}
	}
}

static void broken_epoch(
	struct world *world, struct judge_lease *lease, uint16_t epoch)
{
	uint16_t ahead = (uint16_t)(epoch - lease->epoch);

	if (!lease->blurred && lease->v2 && ahead != 1 &&
		!(ahead == 0 && lease->stepped)) {
		world_broken(world, "epoch",
			"the break of key %llu of client %llu goes from epoch "
			"%u to %u",
			(unsigned long long)lease->key,
			(unsigned long long)lease->client, lease->epoch, epoch);
	}
	lease->epoch = lease->v2 ? epoch : 0;
	lease->stepped = true;
}

static void lease_broken(
	struct conn *conn, const struct smb2_lease_break_notification *body)
{
	struct world *world = conn->world;
	uint64_t key = wire_get64(body->lease_key.b);
	struct judge_lease *lease =
		find_lease(&world->judge, conn->client->guid, key);
	bool acknowledge =
		body->flags & SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED;

	world_note(world, "[client %llu: key %llu goes from %s to %s]",
		(unsigned long long)conn->client->guid, (unsigned long long)key,
		state_name(body->current_lease_state),
		state_name(body->new_lease_state));
	if (lease == NULL) {
		world_broken(world, "lost break",
			"client %llu, which has no lease %llu, is told of its "
			"break",
			(unsigned long long)conn->client->guid,
			(unsigned long long)key);
		return;
	}
	lease->breaks++;
	lease->owed = false;
	broken_epoch(world, lease, body->new_epoch);
	if (!lease->blurred &&
		(lease->breaking || body->current_lease_state != lease->state ||
			(body->new_lease_state & ~lease->state) ||
			body->new_lease_state == lease->state ||
			acknowledge != !!(lease->state & (H | W)))) {
		world_broken(world, "lost break",
			"key %llu of client %llu, which has %s%s, is broken "
			"from %s to %s",
			(unsigned long long)key,
			(unsigned long long)lease->client,
			state_name(lease->state),
			lease->breaking ? " and is being broken" : "",
			state_name(body->current_lease_state),
			state_name(body->new_lease_state));
	}
	if (!acknowledge) {
		lease->state = body->new_lease_state;
		return;
	}
	lease->breaking = true;
	lease->to = body->new_lease_state;
	lease->deadline =
		sim_now(world->server.sim) + WORLD_BREAK_SECONDS * SECOND;
}

static void oplock_broken(
	struct conn *conn, const struct smb2_oplock_break_notification *body)
{
	struct world *world = conn->world;
	struct judge_open *open = promises_open(&world->judge, body->file_id);

	world_note(world, "[client %llu: open %llx goes to level %u]",
		(unsigned long long)conn->client->guid,
		(unsigned long long)body->file_id.persistent,
		body->oplock_level);
	if (open == NULL) {
		world_broken(world, "lost break",
			"client %llu is told of the break of an oplock before "
			"it has it",
			(unsigned long long)conn->client->guid);
		return;
	}
	if (open->session != conn->judged_session || open->breaking ||
		body->oplock_level >= open->level) {
		world_broken(world, "lost break",
			"an oplock of client %llu, level %u%s, is broken to "
			"%u",
			(unsigned long long)open->client, open->level,
			open->breaking ? " and being broken" : "",
			body->oplock_level);
	}
	open->breaks++;
	if (open->level == SMB2_OPLOCK_LEVEL_II) {
		open->level = body->oplock_level;
		return;
	}
	open->breaking = true;
	open->to = body->oplock_level;
	open->deadline =
		sim_now(world->server.sim) + WORLD_BREAK_SECONDS * SECOND;
}

void promises_broken(struct conn *conn, struct wire_view message)
{
	struct smb2_lease_break_notification lease;
	struct smb2_oplock_break_notification oplock;

	conn->world->tally.breaks++;
	if (wire_get16(message.p + 64) == 44) {
		if (smb2_lease_break_notification_decode(message, &lease) < 0) {
			abort();
		}
		lease_broken(conn, &lease);
		return;
	}
	if (smb2_oplock_break_notification_decode(message, &oplock) < 0) {
		abort();
	}
	oplock_broken(conn, &oplock);
}

static void lease_acknowledged(struct conn *conn, uint64_t key, uint32_t state)
{
	struct world *world = conn->world;
	struct judge_lease *lease =
		find_lease(&world->judge, conn->client->guid, key);

	if (lease == NULL || lease->blurred) {
		if (lease != NULL) {
			lease->breaking = false;
			lease->state = state;
		}
		return;
	}
	if (!lease->breaking || (state & ~lease->to)) {
		world_broken(world, "lost break",
			"client %llu acknowledges %s of key %llu, %s",
			(unsigned long long)lease->client, state_name(state),
			(unsigned long long)key,
			lease->breaking ? "more than is left"
					: "which is not being broken");
	}
	lease->breaking = false;
	lease->state = state;
	lease->owed = lease->owed && (state & R);
	lease->owed_since = sim_now(world->server.sim);
}

void promises_acknowledged(struct conn *conn, const struct judge_asked *asked,
	struct wire_view message)
{
	struct judge_open *open;

	conn->world->tally.acks++;
	if (asked->lease) {
		lease_acknowledged(
			conn, asked->key, wire_get32(message.p + 64 + 24));
		return;
	}
	open = promises_open(&conn->world->judge, asked->file);
	if (open == NULL) {
		return;
	}
	if (!open->breaking) {
		world_broken(conn->world, "lost break",
			"the acknowledgment of an oplock that is not being "
			"broken is accepted");
	}
	open->breaking = false;
	open->level = message.p[64 + 2];
}

/* ---- time ---- */

static void lease_overdue(struct world *world, struct judge_lease *lease)
{
	world->tally.timeouts++;
	lease->breaking = lease->owed = false;
	lease->state = 0;
	world_note(world, "(the break of key %llu of client %llu is overdue)",
		(unsigned long long)lease->key,
		(unsigned long long)lease->client);
	client_overdue(world, lease->client, lease->key, NULL);
}

static void open_overdue(struct world *world, struct judge_open *open)
{
	world->tally.timeouts++;
	open->breaking = false;
	open->level = SMB2_OPLOCK_LEVEL_NONE;
	world_note(world, "(the break of an oplock of client %llu is overdue)",
		(unsigned long long)open->client);
	client_overdue(world, open->client, 0, &open->id);
}

void judge_tick(struct world *world)
{
	struct judge *judge = &world->judge;
	uint64_t now = sim_now(world->server.sim);

	for (unsigned int i = 0; i < JUDGE_LEASES; i++) {
		struct judge_lease *lease = &judge->leases[i];

		if (lease->used && lease->breaking && lease->deadline <= now) {
			lease_overdue(world, lease);
		}
		if (lease->used && lease->owed && !lease->breaking &&
			!lease->blurred && lease->owed_since < now) {
			world_broken(world, "lost break",
				"key %llu of client %llu was not broken again",
				(unsigned long long)lease->key,
				(unsigned long long)lease->client);
		}
	}
	for (unsigned int i = 0; i < JUDGE_OPENS; i++) {
		struct judge_open *open = &judge->opens[i];

		if (open->used && open->parked &&
			open->until + LATE * SECOND < now) {
			promises_end(world, open);
		}
		if (open->used && open->breaking && open->deadline <= now) {
			open_overdue(world, open);
		}
	}
}

/* ---- caches ---- */

bool judge_trusts_lease(const struct world *world, uint64_t client,
	uint64_t key, uint16_t epoch, unsigned int breaks)
{
	const struct judge_lease *lease =
		find_lease(&world->judge, client, key);

	return lease != NULL && !lease->blurred && (lease->state & R) &&
	       !lease->breaking &&
	       (lease->v2 ? lease->epoch == epoch : lease->breaks == breaks);
}

bool judge_trusts_oplock(
	const struct world *world, struct smb2_fileid id, unsigned int breaks)
{
	const struct judge_open *open =
		promises_open((struct judge *)&world->judge, id);

	return open != NULL && open->level != SMB2_OPLOCK_LEVEL_NONE &&
	       open->breaks == breaks;
}

/* ---- locks ---- */

void promises_locked(
	struct world *world, struct judge_open *open, unsigned int region)
{
	for (unsigned int i = 0; i < JUDGE_OPENS; i++) {
		struct judge_open *other = &world->judge.opens[i];

		if (!other->used || other->inode != open->inode ||
			other == open || !(other->locks & 1u << region)) {
			continue;
		}
		if (other->parked) {
			promises_end(world, other);
			continue;
		}
		world_broken(world, "wrong owner",
			"region %u of file %llu is locked by clients %llu and "
			"%llu",
			region, (unsigned long long)open->inode,
			(unsigned long long)other->client,
			(unsigned long long)open->client);
	}
	open->locks |= 1u << region;
	open->locked_at = world->contents.clock;
}

void promises_passed(struct world *world, const struct judge_open *open,
	unsigned int region, uint64_t at)
{
	for (unsigned int i = 0; i < JUDGE_OPENS; i++) {
		struct judge_open *other = &world->judge.opens[i];

		if (!other->used || other->inode != open->inode ||
			other == open || !(other->locks & 1u << region) ||
			other->locked_at > at) {
			continue;
		}
		if (other->parked) {
			promises_end(world, other);
			continue;
		}
		world_broken(world, "wrong owner",
			"client %llu passes the lock of client %llu",
			(unsigned long long)open->client,
			(unsigned long long)other->client);
	}
}

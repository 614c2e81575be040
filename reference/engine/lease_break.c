/* SPDX-License-Identifier: MIT */
/* Breaks of leases, and of everything that is cached of a file. [MS-SMB2]
 * 3.3.4.7, 3.3.5.22.2, [MS-FSA] 2.1.4.12 */
#include <string.h>

#include "engine/caching.h"
#include "engine/durable.h"
#include "engine/fileops.h"

#define BREAK_SECONDS 35

void breaking_start(struct engine *engine, struct breaking *breaking)
{
	uint64_t wait = engine->config.lease_break_ns / 100;

	breaking->deadline =
		engine->now + (wait ? wait : BREAK_SECONDS * TICKS_PER_SECOND);
	list_add(&engine->breaks, &breaking->in_engine);
	engine_expect(engine, breaking->deadline);
}

/* Begins a break; one that was remembered during another is a later step of
 * that. False: nobody is there who could be told. */
static bool lease_break_to(
	struct lease *lease, uint32_t to, bool acknowledge, bool step)
{
	struct smb2_lease_break_notification body = {
		.lease_key = lease->key,
		.current_lease_state = lease->held,
		.new_lease_state = to,
	};

	if (step ? !RULE(LEASE_EPOCH_0007) : RULE(LEASE_EPOCH_0005)) {
		lease->epoch++;
	}
	body.new_epoch =
		lease->v2 || !RULE(LEASE_EPOCH_0006) ? lease->epoch : 0;
	if (acknowledge == RULE(LEASE_BREAK_0020)) {
		body.flags = SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED;
	}
	if (!RULE(LEASE_BREAK_0021)) {
		body.current_lease_state = to;
	}
	if (!RULE(LEASE_BREAK_0023)) {
		body.break_reason = body.access_mask_hint = 1;
	}
	if (!lease_send(lease, &body)) {
		lease->held = 0;
		return false;
	}
	if (!acknowledge) {
		lease->held = to;
		return true;
	}
	lease->to = lease->later = to;
	lease->stepping = step;
	lease->overdue = false;
	if (!list_linked(&lease->breaking.in_engine)) {
		breaking_start(lease->engine, &lease->breaking);
	}
	return true;
}

/* ---- what breaks ---- */

static bool lease_waits(const struct model_lease_break *row)
{
	if (!row->wait) {
		return row->to != row->held && row->held == MODEL_HELD_RH &&
		       !RULE(LEASE_BREAK_0026);
	}
	if (row->reason >= MODEL_LEASE_REASON_RENAME) {
		return RULE(LEASE_BREAK_0039);
	}
	return RULE(LEASE_BREAK_0024);
}

/* The lease is being broken already: more than that is remembered. */
static bool lease_break_more(
	struct lease *lease, const struct model_lease_break *row)
{
	const struct model_lease_break *then =
		model_lease_break(lease_row(lease->to), row->reason);

	lease->later &= lease_bits(then->to);
	return lease_waits(row);
}

/* Whoever has waited for the first step waits for the others. */
static bool lease_goes_on(const struct lease *lease, bool step)
{
	return step && lease->stepping &&
	       list_linked(&lease->breaking.in_engine) &&
	       RULE(LEASE_BREAK_0034);
}

bool lease_break(struct lease *lease, enum model_lease_reason reason, bool step)
{
	const struct model_lease_break *row =
		model_lease_break(lease_row(lease->held), reason);
	bool broken = row->to != row->held;
	uint32_t to = lease_bits(row->to) & lease->held;

	if (!model_rule(row->rule)) {
		broken = !broken && row->held != MODEL_HELD_NONE;
		to = 0;
	}
	if (reason == MODEL_LEASE_REASON_SIZE && !RULE(LEASE_BREAK_0014)) {
		broken = false;
	}
	if (!broken) {
		return lease_goes_on(lease, step);
	}
	if (list_linked(&lease->breaking.in_engine) && RULE(LEASE_BREAK_0027)) {
		return lease_break_more(lease, row) ||
		       lease_goes_on(lease, step);
	}
	if (step && !RULE(LEASE_BREAK_0028)) {
		return false;
	}
	return lease_break_to(lease, to, row->acknowledge, false) &&
	       lease_waits(row);
}

void lease_break_directory(struct lease *lease)
{
	bool handle = lease->held & SMB2_LEASE_HANDLE_CACHING;

	if (list_linked(&lease->breaking.in_engine)) {
		lease->later = 0;
	} else if (lease->held) {
		lease_break_to(
			lease, 0, handle == RULE(DIRL_BREAK_0013), false);
	}
}

/* Does the holder belong to whoever does it? */
static bool cause_own(const struct cause *cause, const struct open *holder)
{
	const struct lease *lease = holder->lease;

	if (lease) {
		return cause->key && guid_equal(cause->key, &lease->key) &&
		       guid_equal(cause->client, &lease->client) &&
		       RULE(LEASE_BREAK_0019);
	}
	if (holder == cause->open) {
		return holder->oplock_level != SMB2_OPLOCK_LEVEL_II ||
		       (cause->oplock == MODEL_OPLOCK_REASON_WRITE &&
			       !RULE(LEASE_OPLOCK_0018));
	}
	return holder->session == cause->session && !RULE(LEASE_OPLOCK_0022);
}

/* Names matter little to POSIX opens. */
static bool cause_by_name(enum model_lease_reason reason)
{
	return reason == MODEL_LEASE_REASON_RENAME ||
	       reason == MODEL_LEASE_REASON_DELETE ||
	       reason == MODEL_LEASE_REASON_LINK;
}

static bool cause_spares(const struct cause *cause, const struct lease *lease)
{
	if (!cause->open || !cause->open->posix ||
		!cause_by_name(cause->lease) || !RULE(PSX_OPLOCK_0001)) {
		return false;
	}
	list_each(open, &lease->opens, struct open, in_lease)
	{
		if (!open->posix) {
			return false;
		}
	}
	return true;
}

bool caching_break(struct file *file, const struct cause *cause)
{
	bool wait = false;

	list_each(holder, &file->opens, struct open, in_file)
	{
		/* One that is being closed gives up what it has by itself. */
		if (holder->closing || cause_own(cause, holder) ||
			(cause->claim && sharemode_compatible(*cause->claim,
						 sharemode_claim(holder)))) {
			continue;
		}
		if (holder->lease && cause_spares(cause, holder->lease)) {
			continue;
		}
		if (holder->lease) {
			wait |= lease_break(
				holder->lease, cause->lease, cause->step);
		} else if (cause->oplocks) {
			wait |= oplock_break(holder, cause->oplock);
		}
	}
	return wait;
}

struct cause caching_cause(
	const struct open *open, enum model_lease_reason reason)
{
	static const enum model_oplock_reason oplock[MODEL_LEASE_REASONS] = {
		[MODEL_LEASE_REASON_WRITE] = MODEL_OPLOCK_REASON_WRITE,
		[MODEL_LEASE_REASON_ZERO] = MODEL_OPLOCK_REASON_WRITE,
		[MODEL_LEASE_REASON_LOCK] = MODEL_OPLOCK_REASON_LOCK,
		[MODEL_LEASE_REASON_SIZE] = MODEL_OPLOCK_REASON_SIZE,
		[MODEL_LEASE_REASON_RENAME] = MODEL_OPLOCK_REASON_RENAME,
		[MODEL_LEASE_REASON_LINK] = MODEL_OPLOCK_REASON_RENAME,
	};

	struct cause cause = {
		.lease = reason,
		.oplock = oplock[reason],
		.oplocks = reason != MODEL_LEASE_REASON_DELETE,
		.open = open,
		.session = open->session,
	};

	if (open->lease) {
		cause.client = &open->lease->client;
		cause.key = &open->lease->key;
	} else if (open->past.lease.set) {
		cause.client = &open->session->client_guid;
		cause.key = &open->past.lease.key;
	}
	return cause;
}

bool caching_wait(struct request *req, enum model_lease_reason reason,
	void (*again)(struct request *req))
{
	struct cause cause;

	if (open_lost(req)) {
		return true;
	}
	if (reason == MODEL_LEASE_REASON_DELETE && req->open->file->directory &&
		!RULE(DIRL_DELETE_0005)) {
		return false;
	}
	cause = caching_cause(req->open, reason);
	cause.step = req->wait;
	durable_give_way(req->engine, req->open->file, &cause, NULL);
	if (!caching_break(req->open->file, &cause)) {
		return false;
	}
	break_wait(req, req->open->file, again, request_fail);
	return true;
}

/* Who comes while the last open ends does not find its file, but one of the
 * same identity. */
static struct file *caching_file(const struct open *open)
{
	const struct file *past = open->past.file;

	if (open->file || !past) {
		return open->file;
	}
	return file_find(open->session->engine, past->port,
		&(struct files_stat){
			.inode = past->inode, .device = past->device},
		past->stream);
}

static void caching_tell(const struct open *open, const struct cause *cause)
{
	struct file *file = caching_file(open);

	if (file &&
		!durable_give_way(open->session->engine, file, cause, NULL)) {
		caching_break(file, cause);
	}
}

void caching_changed(const struct open *open, enum model_lease_reason reason)
{
	struct cause cause = caching_cause(open, reason);

	caching_tell(open, &cause);
}

void caching_overwritten(const struct open *open, const struct lease_wish *wish)
{
	struct cause cause = caching_cause(open, MODEL_LEASE_REASON_OVERWRITE);

	if (wish->asked) {
		cause.client = &open->session->client_guid;
		cause.key = &wish->key;
	}
	caching_tell(open, &cause);
}

void caching_doomed(const struct open *open)
{
	struct cause cause = caching_cause(open, MODEL_LEASE_REASON_DELETE);

	if (!open->file->directory && !open->link->delete_pending) {
		durable_give_way(
			open->session->engine, open->file, &cause, NULL);
		caching_break(open->file, &cause);
	}
}

/* ---- the end of a break ---- */

/* What was remembered goes in steps: R alone comes last, without waiting. */
static void lease_step(struct lease *lease, uint32_t later)
{
	bool more = lease->held & ~(uint32_t)SMB2_LEASE_READ_CACHING;
	uint32_t to = later;

	if (more && RULE(LEASE_BREAK_0033)) {
		to |= lease->held & SMB2_LEASE_READ_CACHING;
	}
	if (lease_break_to(lease, to, more, true)) {
		lease->later = later;
	}
}

static void lease_end(struct lease *lease, uint32_t held)
{
	struct engine *engine = lease->engine;
	uintptr_t file = (uintptr_t)lease->file;
	uint32_t later = held & lease->later;

	list_remove(&lease->breaking.in_engine);
	lease->held = held;
	if (later != held && RULE(LEASE_BREAK_0028)) {
		lease_step(lease, later);
	}
	break_wake(engine, file);
}

static void lease_expire(struct lease *lease)
{
	engine_log(lease->engine, LOG_WARN, "lease.timeout", "state=%u to=%u",
		lease->held, lease->to);
	lease->overdue = true;
	lease->later = 0;
	if (!RULE(LEASE_ACK_0010)) {
		list_remove(&lease->breaking.in_engine);
		return;
	}
	lease_end(lease, 0);
}

void breaks_expire(struct engine *engine)
{
	struct breaking *breaking;

	while ((breaking = list_first(
			&engine->breaks, struct breaking, in_engine)) &&
		breaking->deadline <= engine->now) {
		if (breaking->lease) {
			lease_expire(breaking->lease);
		} else {
			oplock_expire(breaking->open);
		}
	}
	if (breaking) {
		engine_expect(engine, breaking->deadline);
	}
}

static uint32_t lease_judge(
	const struct lease *lease, uint32_t state, uint32_t *ret_becomes)
{
	const struct model_lease_acknowledge *row;

	if (!list_linked(&lease->breaking.in_engine)) {
		if (lease->overdue && !RULE(LEASE_ACK_0011)) {
			return STATUS_SUCCESS;
		}
		return RULE(LEASE_ACK_0003) ? STATUS_UNSUCCESSFUL
					    : STATUS_SUCCESS;
	}
	if (state & ~LEASE_ALL) {
		return STATUS_REQUEST_NOT_ACCEPTED;
	}
	row = model_lease_acknowledge(
		lease_row(lease->to), (enum model_wanted)state);
	*ret_becomes = (uint32_t)row->becomes;
	if (row->answer == MODEL_LEASE_ANSWER_ACCEPTED) {
		return model_rule(row->rule) ? STATUS_SUCCESS
					     : STATUS_REQUEST_NOT_ACCEPTED;
	}
	return model_rule(row->rule) ? STATUS_REQUEST_NOT_ACCEPTED
				     : STATUS_SUCCESS;
}

/* The client has had the answers that made the lease. */
static void lease_used(struct lease *lease)
{
	list_each(open, &lease->opens, struct open, in_lease)
	{
		if (RULE(LEASE_REPLAY_0011)) {
			replay_used(open);
		}
	}
}

void lease_acknowledge(
	struct request *req, const struct smb2_lease_break_acknowledgment *ack)
{
	struct lease *lease = lease_find(req->engine,
		RULE(LEASE_ACK_0002) ? &req->conn->client_guid : NULL,
		&ack->lease_key);
	struct chain *chain = req->chain;
	uint32_t becomes = 0;
	struct smb2_lease_break_response body = {
		.lease_key = ack->lease_key,
		.lease_state = ack->lease_state,
		.flags = RULE(LEASE_ACK_0007) ? 0 : 1,
	};
	uint32_t status;
	bool ends;

	if (!lease) {
		request_fail(req, RULE(LEASE_ACK_0001)
					  ? STATUS_OBJECT_NAME_NOT_FOUND
					  : STATUS_UNSUCCESSFUL);
		return;
	}
	lease_used(lease);
	if (!RULE(LEASE_ACK_0009) &&
		(uintptr_t)req->conn != lease->granted_on) {
		request_fail(req, STATUS_UNSUCCESSFUL);
		return;
	}
	status = lease_judge(lease, ack->lease_state, &becomes);
	ends = list_linked(&lease->breaking.in_engine) &&
	       (!status || !RULE(LEASE_ACK_0005));
	if (status) {
		request_fail(req, status);
	} else {
		request_reply(req, STATUS_SUCCESS,
			&smb2_lease_break_response_type, &body);
	}
	if (ends) {
		/* The answer leaves before the next break does. */
		chain_flush(chain);
		lease_end(lease, becomes);
	}
}

bool caching_close(struct open *open)
{
	bool told = open->lease ? RULE(LEASE_BREAK_0029)
				: open->oplock_level == 0 ||
					  RULE(LEASE_OPLOCK_0016);

	list_remove(&open->breaking.in_engine);
	open->oplock_level = SMB2_OPLOCK_LEVEL_NONE;
	lease_leave(open);
	return told;
}

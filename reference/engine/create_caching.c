/* SPDX-License-Identifier: MIT */
/* CREATE and what is cached: breaks before, oplock or lease after. [MS-SMB2]
 * 3.3.5.9, 3.3.5.9.8, 3.3.5.9.11, [MS-FSA] 2.1.5.1.2 */
#include "engine/create.h"

#define LEASE_V1 32
#define LEASE_V2 52

static void lease_decode(struct wire_view data, struct lease_wish *ret_wish)
{
	struct smb2_create_request_lease v1;
	struct smb2_create_request_lease_v2 v2;

	if (smb2_create_request_lease_v2_decode(data, &v2) == 0) {
		*ret_wish = (struct lease_wish){.asked = true,
			.v2 = true,
			.key = v2.lease_key,
			.state = v2.lease_state & LEASE_ALL,
			.epoch = v2.epoch,
			.parent = {.set = v2.flags &
					  SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET,
				.key = v2.parent_lease_key}};
	} else if (smb2_create_request_lease_decode(data, &v1) == 0) {
		*ret_wish = (struct lease_wish){.asked = true,
			.key = v1.lease_key,
			.state = v1.lease_state & LEASE_ALL};
	}
}

uint32_t context_lease(const struct request *req,
	const struct smb2_create_request *body, struct wire_view data,
	struct lease_wish *ret_wish)
{
	if ((body->requested_oplock_level != SMB2_OPLOCK_LEVEL_LEASE &&
		    RULE(LEASE_GRANT_0002)) ||
		!(req->conn->server_capabilities & SMB2_GLOBAL_CAP_LEASING)) {
		return STATUS_SUCCESS;
	}
	if (data.n != LEASE_V1 && data.n != LEASE_V2) {
		return RULE(LEASE_GRANT_0003) ? STATUS_INVALID_PARAMETER
					      : STATUS_SUCCESS;
	}
	if (data.n == LEASE_V1 || conn_is_3x(req->conn) ||
		!RULE(LEASE_GRANT_0004)) {
		lease_decode(data, ret_wish);
	}
	return STATUS_SUCCESS;
}

static void create_again(struct request *req)
{
	struct create_work *work = req->work;

	if (work->created) {
		create_enter(req);
		return;
	}
	node_close(req->engine, req->tree->share->config.files, work->node);
	work->node = NULL;
	work->tries = 0;
	create_find(req);
}

/* Does a share mode stand in the way? */
static bool create_conflicts(
	const struct file *file, const struct share_claim *mine)
{
	list_each(other, &file->opens, struct open, in_file)
	{
		if (!sharemode_compatible(*mine, sharemode_claim(other))) {
			return true;
		}
	}
	return false;
}

/* True: because of share modes. */
static bool create_cause(const struct create_work *work,
	const struct file *file, const struct share_claim *mine,
	struct cause *cause)
{
	uint32_t more = work->granted & ~STAT_ACCESS;
	bool conflict = create_conflicts(file, mine) &&
			(!file->directory || RULE(DIRL_BREAK_0014));

	cause->oplocks = true;
	cause->claim = conflict ? mine : NULL;
	if (conflict) {
		cause->lease = MODEL_LEASE_REASON_SHARING;
		cause->oplock = MODEL_OPLOCK_REASON_SHARING;
		return true;
	}
	if (work->truncate) {
		cause->lease = MODEL_LEASE_REASON_OVERWRITE;
		cause->oplock = MODEL_OPLOCK_REASON_OVERWRITE;
		return false;
	}
	cause->lease = more & ~READ_CONTROL ? MODEL_LEASE_REASON_OPEN
					    : MODEL_LEASE_REASON_STAT_OPEN;
	cause->oplock = more & ~(RULE(LEASE_OPLOCK_0012) ? 0 : READ_CONTROL)
				? MODEL_OPLOCK_REASON_OPEN
				: MODEL_OPLOCK_REASON_STAT_OPEN;
	return false;
}

/* What became of the conflict that it waited for. */
static bool create_was_in_the_way(struct request *req, bool conflict)
{
	struct create_work *work = req->work;

	if (!work->broke_sharing) {
		return false;
	}
	if (conflict && !RULE(LEASE_BREAK_0008)) {
		create_fail(req, STATUS_ACCESS_DENIED);
		return true;
	}
	if (!conflict && !RULE(LEASE_BREAK_0009)) {
		create_fail(req, STATUS_SHARING_VIOLATION);
		return true;
	}
	return false;
}

/* Broken: the key belongs to one name of the file. */
static bool create_names_differ(
	const struct request *req, const struct file *file)
{
	const struct create_work *work = req->work;
	const struct lease *lease =
		work->contexts.lease.asked
			? lease_find(req->engine, &req->conn->client_guid,
				  &work->contexts.lease.key)
			: NULL;

	return lease && lease->file == file && work->posix &&
	       !RULE(PSX_OPLOCK_0002) && !file_link_find(file, work->path);
}

/* The name goes with an open that nobody has taken up again; file NULL: it is
 * gone already. False: that takes longer. */
static bool create_begins_anew(struct request *req, const struct file *file)
{
	if (!file) {
		create_again(req);
		return true;
	}
	if (file->doomed || !list_empty(&file->opens)) {
		return false;
	}
	break_wait(req, file, create_again, create_fail);
	return true;
}

bool create_waits(struct request *req)
{
	struct create_work *work = req->work;
	const struct lease_wish *wish = &work->contexts.lease;
	struct file *file =
		file_find(req->engine, req->tree->share->config.files,
			&work->stat, work->stream ? work->name.stream : NULL);
	const struct share_claim mine = create_claim(work);
	struct cause cause = {
		.step = req->wait,
		.session = req->session,
		.client = &req->conn->client_guid,
		.key = wish->asked ? &wish->key : NULL,
	};
	bool conflict, gone, deletes = false;

	if (lease_refused(req->conn, wish, file) ||
		create_names_differ(req, file)) {
		create_fail(req, STATUS_INVALID_PARAMETER);
		return true;
	}
	if (work->stream &&
		(!RULE(LEASE_OPLOCK_0023) || !RULE(LEASE_GRANT_0022))) {
		file = file_find(req->engine, req->tree->share->config.files,
			&work->stat, NULL);
	}
	if (!file) {
		return create_was_in_the_way(req, false);
	}
	conflict = create_cause(work, file, &mine, &cause);
	if (!RULE(LEASE_GRANT_0009)) {
		cause.key = NULL;
	}
	gone = durable_give_way(req->engine, file, &cause, &deletes);
	if (deletes && create_begins_anew(req, gone ? NULL : file)) {
		return true;
	}
	if (!gone) {
		/* Who was in the way may have given it. */
		conflict = create_cause(work, file, &mine, &cause);
	}
	if (gone || !caching_break(file, &cause)) {
		return create_was_in_the_way(req, conflict);
	}
	work->broke_sharing = conflict;
	break_wait(req, file, create_again, create_fail);
	return true;
}

static uint32_t create_lease_flags(
	const struct lease *lease, const struct lease_wish *wish)
{
	uint32_t flags = 0;

	if (list_linked(&lease->breaking.in_engine) && RULE(LEASE_GRANT_0016)) {
		flags |= SMB2_LEASE_FLAG_BREAK_IN_PROGRESS;
	}
	if (lease->v2 && wish->parent.set && RULE(LEASE_GRANT_0017)) {
		flags |= SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET;
	}
	return flags;
}

static void create_lease(struct request *req, struct lease *lease,
	struct wire_buf *out, size_t *last)
{
	const struct create_work *work = req->work;
	const struct lease_wish *wish = &work->contexts.lease;
	struct smb2_create_response_lease_v2 v2 = {
		.lease_key = lease->key,
		.lease_state = work->reused && !RULE(LEASE_REPLAY_0008)
				       ? wish->state
				       : lease->held,
		.flags = create_lease_flags(lease, wish),
		.lease_duration = RULE(LEASE_GRANT_0008) ? 0 : 1,
		.epoch = lease->epoch,
	};
	struct smb2_create_response_lease v1 = {
		.lease_key = v2.lease_key,
		.lease_state = v2.lease_state,
		.lease_flags = v2.flags,
		.lease_duration = v2.lease_duration,
	};

	if (wish->parent.set ? RULE(LEASE_GRANT_0017)
			     : !RULE(LEASE_GRANT_0018)) {
		v2.parent_lease_key = wish->parent.key;
	}
	if (lease->v2) {
		context_put(out, last, "RqLs",
			&smb2_create_response_lease_v2_type, &v2);
	} else {
		context_put(out, last, "RqLs", &smb2_create_response_lease_type,
			&v1);
	}
}

void create_cache(struct request *req, struct smb2_create_response *response,
	struct wire_buf *out, size_t *last)
{
	struct create_work *work = req->work;
	struct open *open = req->open;
	struct lease *lease = work->reused ? open->lease : NULL;

	if (work->reused && (!lease || !work->contexts.lease.asked)) {
		response->oplock_level =
			lease ? SMB2_OPLOCK_LEVEL_LEASE : open->oplock_level;
		return;
	}
	if (!lease && !work->contexts.lease.asked) {
		response->oplock_level =
			oplock_grant(open, work->body.requested_oplock_level);
		open->oplock_on = (uintptr_t)req->conn;
		return;
	}
	work->contexts.lease.allocation = work->stat.allocation;
	/* The key is another file's: one that is to be deleted, or somebody was
	 * faster. */
	if (!lease &&
		!lease_misused(req->conn, &work->contexts.lease, open->file)) {
		lease = lease_join(open, req->conn, &work->contexts.lease);
	}
	if (lease && RULE(LEASE_GRANT_0005)) {
		response->oplock_level = SMB2_OPLOCK_LEVEL_LEASE;
		create_lease(req, lease, out, last);
	}
}

/* SPDX-License-Identifier: MIT */
/* Requests that come again, and the channel sequence that tells of it.
 * [MS-SMB2] 3.3.5.9, 3.3.5.2.10 */
#include "engine/create.h"

static bool replay_flagged(const struct request *req)
{
	return req->header.flags & SMB2_FLAGS_REPLAY_OPERATION;
}

/* The open that has the CreateGuid; those that can be replayed first. */
static struct open *replay_find(
	const struct request *req, const struct durable_wish *wish)
{
	struct open *used = NULL;

	list_each(open, &req->engine->guids, struct open, durable.in_guids)
	{
		const struct durability *durable = &open->durable;

		if (open->closing ||
			!guid_equal(
				&durable->create_guid, &wish->create_guid) ||
			!guid_equal(
				&durable->client, &req->conn->client_guid)) {
			continue;
		}
		if (durable->replayable) {
			return open;
		}
		used = open;
	}
	return used;
}

static bool replay_other_key(
	const struct lease_wish *wish, const struct open *open)
{
	if (!open->lease) {
		return wish->asked && RULE(LEASE_REPLAY_0012);
	}
	return wish->asked && !guid_equal(&wish->key, &open->lease->key);
}

static enum model_replayed replay_judge(
	const struct request *req, const struct open *open)
{
	const struct create_work *work = req->work;

	if (!open) {
		return MODEL_REPLAYED_MISSING;
	}
	if (!open->durable.replayable) {
		return MODEL_REPLAYED_USED;
	}
	if (replay_other_key(&work->contexts.lease, open) ||
		!session_same_user(
			&req->session->identity, &open->session->identity)) {
		return MODEL_REPLAYED_OTHER_KEY;
	}
	if (open->durable.parked && open->tree->share == req->tree->share) {
		return MODEL_REPLAYED_DISCONNECTED;
	}
	return open->session == req->session && open->tree == req->tree
		       ? MODEL_REPLAYED_FITS
		       : MODEL_REPLAYED_OTHER_SESSION;
}

/* Broken: what else is done in the place of a row. */
static enum model_replay_answer replay_answer(
	const struct request *req, const struct open *open)
{
	const struct model_create_replay *row =
		model_create_replay(replay_judge(req, open));

	if (model_rule(row->rule)) {
		return row->answer;
	}
	if (row->answer == MODEL_REPLAY_ANSWER_NEW_OPEN && open) {
		return MODEL_REPLAY_ANSWER_SAME_OPEN;
	}
	return row->answer == MODEL_REPLAY_ANSWER_NEW_OPEN
		       ? MODEL_REPLAY_ANSWER_ACCESS_DENIED
		       : MODEL_REPLAY_ANSWER_NEW_OPEN;
}

/* A parked open belongs to the session as the answer leaves, as after a
 * reconnect. */
static void replay_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;
	struct open *open = req->open;

	if (open->closing ||
		replay_judge(req, open) != MODEL_REPLAYED_DISCONNECTED) {
		/* Something has happened to it meanwhile. */
		open_release(open);
		req->open = NULL;
		if (!replay_create(req)) {
			create_find(req);
		}
		return;
	}
	if (op_failed(req)) {
		return;
	}
	if (req->session->ended || req->tree->disconnected) {
		request_fail(req, STATUS_USER_SESSION_DELETED);
		return;
	}
	if (reconnect_bind(req, open) < 0) {
		open_close(open, NULL, NULL);
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	work->stat = op->stat;
	create_reuse(req, open->durable.action);
	create_reply(req);
}

static void replay_again(struct request *req, struct open *open)
{
	req->open = open_hold(open);
	if (open->durable.parked) {
		req->op.node = open->node;
		request_submit(req, FILES_STAT, replay_known);
		return;
	}
	create_from_open(req, open->durable.action);
}

static bool replay_elsewhere(const struct request *req, const struct open *open)
{
	return !open->durable.parked &&
	       session_channel(open->session, req->conn) !=
		       list_first(&open->session->channels, struct channel,
			       in_session);
}

/* Does the CREATE request still wait that this one repeats? */
static bool replay_is_early(const struct request *req)
{
	const struct create_work *work = req->work;

	list_each(conn, &req->engine->conns, struct engine_conn, in_engine)
	{
		if (!guid_equal(&conn->client_guid, &req->conn->client_guid)) {
			continue;
		}
		list_each(other, &conn->requests, struct request, in_conn)
		{
			const struct create_work *first = other->work;

			if (other != req && first &&
				other->header.command == SMB2_CREATE &&
				first->contexts.durable.request_v2 &&
				guid_equal(&first->contexts.durable.create_guid,
					&work->contexts.durable.create_guid)) {
				return true;
			}
		}
	}
	return false;
}

bool replay_create(struct request *req)
{
	const struct create_work *work = req->work;
	const struct durable_wish *wish = &work->contexts.durable;
	struct open *open;

	if (!wish->request_v2) {
		if (!replay_flagged(req) || !conn_is_3x(req->conn) ||
			RULE(LEASE_REPLAY_0006)) {
			return false;
		}
		request_fail(req, STATUS_INVALID_PARAMETER);
		return true;
	}
	open = replay_find(req, wish);
	if (!replay_flagged(req)) {
		if (!open || !open->durable.replayable ||
			!RULE(LEASE_DURABLE_0012)) {
			return false;
		}
		request_fail(req, STATUS_DUPLICATE_OBJECTID);
		return true;
	}
	if (!open && RULE(LEASE_REPLAY_0013) && replay_is_early(req)) {
		request_fail(req, STATUS_FILE_NOT_AVAILABLE);
		return true;
	}
	switch (replay_answer(req, open)) {
	case MODEL_REPLAY_ANSWER_DUPLICATE_OBJECTID:
		request_fail(req, STATUS_DUPLICATE_OBJECTID);
		return true;
	case MODEL_REPLAY_ANSWER_ACCESS_DENIED:
		request_fail(req, STATUS_ACCESS_DENIED);
		return true;
	case MODEL_REPLAY_ANSWER_SAME_OPEN:
		if (replay_elsewhere(req, open) && !RULE(LEASE_REPLAY_0002)) {
			request_fail(req, STATUS_DUPLICATE_OBJECTID);
			return true;
		}
		replay_again(req, open);
		return true;
	default:
		return false;
	}
}

bool replay_expected(const struct request *req)
{
	const struct create_work *work = req->work;

	return req->submitted && work && req->header.command == SMB2_CREATE &&
	       work->contexts.durable.request_v2 && req->session &&
	       req->session->channels.count > 1;
}

void replay_used(struct open *open)
{
	open->durable.replayable = false;
}

/* ---- channel sequence ---- */

static enum model_distance replay_distance(uint16_t sequence, uint16_t known)
{
	uint16_t ahead = sequence - known;

	if (!RULE(LEASE_SEQUENCE_0004) && sequence < known) {
		return MODEL_DISTANCE_BEHIND;
	}
	if (ahead == 0) {
		return MODEL_DISTANCE_SAME;
	}
	return ahead <= 0x7fff ? MODEL_DISTANCE_AHEAD : MODEL_DISTANCE_BEHIND;
}

bool replay_count(struct request *req, struct open *open)
{
	uint16_t sequence = req->header.status & 0xffff;
	enum model_distance distance =
		replay_distance(sequence, open->channel_sequence);
	const struct model_channel_sequence *row;
	bool processed;

	if (distance == MODEL_DISTANCE_AHEAD) {
		open->outstanding_before += open->outstanding;
		open->outstanding = 0;
		if (RULE(LEASE_SEQUENCE_0003)) {
			open->channel_sequence = sequence;
		}
	}
	row = model_channel_sequence(
		distance, replay_flagged(req), open->outstanding_before > 0);
	processed = row->processed == model_rule(row->rule);
	if (processed && distance != MODEL_DISTANCE_BEHIND) {
		open->outstanding++;
		req->counted_open = true;
	}
	return processed;
}

/* SPDX-License-Identifier: MIT */
/* Oplocks. [MS-SMB2] 3.3.4.6, 3.3.5.22.1, [MS-FSA] 2.1.4.12, 2.1.5.18 */
#include "engine/caching.h"

#define NONE SMB2_OPLOCK_LEVEL_NONE
#define II SMB2_OPLOCK_LEVEL_II
#define EXCLUSIVE SMB2_OPLOCK_LEVEL_EXCLUSIVE
#define BATCH SMB2_OPLOCK_LEVEL_BATCH

static const uint8_t levels[MODEL_OPLOCKS] = {[MODEL_OPLOCK_NONE] = NONE,
	[MODEL_OPLOCK_II] = II,
	[MODEL_OPLOCK_EXCLUSIVE] = EXCLUSIVE,
	[MODEL_OPLOCK_BATCH] = BATCH};

static enum model_oplock oplock_row(uint8_t level)
{
	switch (level) {
	case II:
		return MODEL_OPLOCK_II;
	case EXCLUSIVE:
		return MODEL_OPLOCK_EXCLUSIVE;
	case BATCH:
		return MODEL_OPLOCK_BATCH;
	default:
		return MODEL_OPLOCK_NONE;
	}
}

/* How much another open leaves. */
static uint8_t oplock_beside(const struct open *other)
{
	if (other->lease) {
		uint32_t held = other->lease->held;

		if (held & SMB2_LEASE_WRITE_CACHING) {
			return NONE;
		}
		if ((held & SMB2_LEASE_HANDLE_CACHING) &&
			RULE(LEASE_OPLOCK_0007)) {
			return NONE;
		}
		if (held & SMB2_LEASE_READ_CACHING) {
			return II;
		}
	} else if (other->oplock_level >= EXCLUSIVE) {
		return NONE;
	} else if (other->oplock_level == II) {
		return RULE(LEASE_OPLOCK_0005) ? II : NONE;
	}
	if (!open_sees_data(other)) {
		return BATCH;
	}
	if (!RULE(LEASE_OPLOCK_0004)) {
		return BATCH;
	}
	return RULE(LEASE_OPLOCK_0005) ? II : NONE;
}

static bool oplock_rule(uint8_t level)
{
	switch (level) {
	case BATCH:
		return RULE(LEASE_OPLOCK_0001);
	case EXCLUSIVE:
		return RULE(LEASE_OPLOCK_0002);
	default:
		return RULE(LEASE_OPLOCK_0003);
	}
}

uint8_t oplock_grant(struct open *open, uint8_t wanted)
{
	const struct file *file = open->file;
	uint8_t most = levels[oplock_row(wanted)];

	if (file->special || !list_empty(&file->locks)) {
		return NONE;
	}
	if (file->directory) {
		return RULE(LEASE_OPLOCK_0006) ? NONE : most;
	}
	if (file->opens.count == 1 && !oplock_rule(most)) {
		return NONE;
	}
	list_each(other, &file->opens, struct open, in_file)
	{
		uint8_t beside = other == open ? BATCH : oplock_beside(other);

		most = beside < most ? beside : most;
	}
	open->oplock_level = most;
	open->breaking.open = open;
	return most;
}

static bool oplock_send(struct open *open, uint8_t to)
{
	struct smb2_oplock_break_notification body = {
		.oplock_level = RULE(LEASE_OPLOCK_0024) ? to : to ^ II,
		.file_id = open->id,
	};

	list_each(channel, &open->session->channels, struct channel, in_session)
	{
		struct notification notification = {
			.conn = channel->conn,
			.session = open->session,
			.tree = open->tree,
			.session_id = open->session->id,
			.type = &smb2_oplock_break_notification_type,
			.body = &body,
		};

		if ((RULE(LEASE_OPLOCK_0029) ||
			    (uintptr_t)channel->conn == open->oplock_on) &&
			notification_send(&notification)) {
			return true;
		}
	}
	return false;
}

bool oplock_break(struct open *holder, enum model_oplock_reason reason)
{
	const struct model_oplock_break *row =
		model_oplock_break(oplock_row(holder->oplock_level), reason);
	bool broken = row->to != row->held;
	uint8_t to = levels[row->to];

	if (!model_rule(row->rule)) {
		broken = !broken && row->held != MODEL_OPLOCK_NONE;
		to = NONE;
	}
	if (!broken) {
		return false;
	}
	if (list_linked(&holder->breaking.in_engine)) {
		return row->wait && RULE(LEASE_OPLOCK_0015);
	}
	if (!oplock_send(holder, to) || !row->acknowledge) {
		holder->oplock_level = row->acknowledge ? NONE : to;
		return false;
	}
	holder->oplock_to = to;
	breaking_start(holder->session->engine, &holder->breaking);
	return row->wait && RULE(LEASE_OPLOCK_0015);
}

static void oplock_end(struct open *open, uint8_t level)
{
	list_remove(&open->breaking.in_engine);
	open->oplock_level = level;
}

void oplock_expire(struct open *open)
{
	struct engine *engine = open->session->engine;

	engine_log(engine, LOG_WARN, "oplock.timeout", "path=%s",
		open->link ? open->link->path : "");
	oplock_end(open, NONE);
	if (RULE(LEASE_OPLOCKACK_0007)) {
		break_wake(engine, (uintptr_t)open->file);
	}
}

static enum model_oplock_acknowledged oplock_acknowledged(uint8_t level)
{
	if (level == SMB2_OPLOCK_LEVEL_LEASE) {
		return MODEL_OPLOCK_ACKNOWLEDGED_LEASE;
	}
	return (enum model_oplock_acknowledged)oplock_row(level);
}

/* What an acknowledgement is answered with, and what is held afterwards. */
static uint32_t oplock_judge(
	const struct open *open, uint8_t level, uint8_t *ret_becomes)
{
	const struct model_oplock_acknowledge *row = model_oplock_acknowledge(
		oplock_row(open->oplock_level), oplock_row(open->oplock_to),
		oplock_acknowledged(level));
	bool accepted = row->answer == MODEL_ACKNOWLEDGE_ANSWER_ACCEPTED;

	*ret_becomes = levels[row->becomes];
	if (!list_linked(&open->breaking.in_engine)) {
		return RULE(LEASE_OPLOCKACK_0005)
			       ? STATUS_INVALID_OPLOCK_PROTOCOL
			       : STATUS_INVALID_DEVICE_STATE;
	}
	if (!model_rule(row->rule)) {
		return accepted ? STATUS_INVALID_DEVICE_STATE : STATUS_SUCCESS;
	}
	if (row->answer == MODEL_ACKNOWLEDGE_ANSWER_INVALID_PARAMETER) {
		return STATUS_INVALID_PARAMETER;
	}
	return accepted ? STATUS_SUCCESS : STATUS_INVALID_OPLOCK_PROTOCOL;
}

void oplock_acknowledge(struct request *req, uint8_t level)
{
	struct open *open = req->open;
	struct engine *engine = req->engine;
	struct chain *chain = req->chain;
	uintptr_t file = (uintptr_t)open->file;
	uint8_t becomes;
	uint32_t status = oplock_judge(open, level, &becomes);
	bool was = list_linked(&open->breaking.in_engine);
	struct smb2_oplock_break_notification body = {
		.oplock_level = becomes, .file_id = open->id};

	if (was) {
		oplock_end(open, becomes);
	}
	if (status) {
		request_fail(req, status);
	} else {
		request_reply(req, STATUS_SUCCESS,
			&smb2_oplock_break_notification_type, &body);
	}
	if (was) {
		chain_flush(chain);
		break_wake(engine, file);
	}
}

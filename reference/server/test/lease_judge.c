/* SPDX-License-Identifier: MIT */
/* Promises at the server's end of connections; see lease_judge.h. */
#include <stdlib.h>
#include <string.h>

#include "server/test/lease_client.h"
#include "server/test/lease_promises.h"
#include "server/test/lease_world.h"

#define STAT_ACCESS \
	(uint32_t)(FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | \
		   READ_CONTROL | SYNCHRONIZE)

static struct wire_view find_context(
	struct wire_view contexts, const char *name)
{
	size_t at = 0, next;

	while (at + 24 <= contexts.n) {
		const uint8_t *p = contexts.p + at;
		size_t name_at = at + wire_get16(p + 4);
		size_t data_at = at + wire_get16(p + 10);
		uint32_t n = wire_get32(p + 12);

		if (name_at + 4 <= contexts.n && wire_get16(p + 6) == 4 &&
			memcmp(contexts.p + name_at, name, 4) == 0 &&
			data_at + n <= contexts.n) {
			return wire_view_of(contexts.p + data_at, n);
		}
		next = wire_get32(p);
		if (next == 0) {
			break;
		}
		at += next;
	}
	return (struct wire_view){0};
}

uint32_t judge_caching(uint8_t level)
{
	switch (level) {
	case SMB2_OPLOCK_LEVEL_II:
		return R;
	case SMB2_OPLOCK_LEVEL_EXCLUSIVE:
		return R | W;
	case SMB2_OPLOCK_LEVEL_BATCH:
		return R | W | H;
	default:
		return 0;
	}
}

bool judge_decode(struct wire_view message, struct judge_made *ret)
{
	struct wire_view contexts, context;

	*ret = (struct judge_made){.timeout = 300000};
	if (smb2_create_response_decode(message, &ret->body) < 0) {
		return false;
	}
	ret->state = judge_caching(ret->body.oplock_level);
	contexts = ret->body.create_contexts;
	context = find_context(contexts, "QFid");
	if (context.n == 32) {
		ret->inode = wire_get64(context.p);
	}
	context = find_context(contexts, "RqLs");
	if (context.n >= 32) {
		ret->leased = true;
		ret->v2 = context.n == 52;
		ret->key = wire_get64(context.p);
		ret->state = wire_get32(context.p + 16);
		ret->flags = wire_get32(context.p + 20);
		ret->epoch = ret->v2 ? wire_get16(context.p + 48) : 0;
	}
	context = find_context(contexts, "DH2Q");
	if (context.n == 8) {
		ret->durable = 2;
		ret->timeout = wire_get32(context.p);
	} else if (find_context(contexts, "DHnQ").n == 8) {
		ret->durable = 1;
	}
	return true;
}

/* ---- requests ---- */

static struct judge_asked *new_asked(struct conn *conn)
{
	for (unsigned int i = 0; i < JUDGE_ASKED; i++) {
		if (!conn->asked[i].used) {
			return &conn->asked[i];
		}
	}
	abort();
}

static struct judge_asked *find_asked(struct conn *conn, uint64_t id)
{
	for (unsigned int i = 0; i < JUDGE_ASKED; i++) {
		if (conn->asked[i].used && conn->asked[i].id == id) {
			return &conn->asked[i];
		}
	}
	return NULL;
}

static void asked_create(struct judge_asked *asked, struct wire_view message)
{
	struct smb2_create_request body;
	struct wire_view lease, context;

	if (smb2_create_request_decode(message, &body) < 0) {
		abort();
	}
	asked->access = body.desired_access;
	asked->disposition = body.create_disposition;
	lease = find_context(body.create_contexts, "RqLs");
	if (lease.n >= 32) {
		asked->lease = true;
		asked->v2 = lease.n == 52;
		asked->key = wire_get64(lease.p);
		asked->epoch = asked->v2 ? wire_get16(lease.p + 48) : 0;
	}
	context = find_context(body.create_contexts, "DH2Q");
	if (context.n == 32) {
		asked->guid = wire_get64(context.p + 16);
	}
	context = find_context(body.create_contexts, "DHnC");
	if (context.n == 16) {
		asked->again_v1 = true;
		asked->file.persistent = wire_get64(context.p);
	}
	context = find_context(body.create_contexts, "DH2C");
	if (context.n == 36) {
		asked->again_v2 = true;
		asked->file.persistent = wire_get64(context.p);
		asked->guid = wire_get64(context.p + 16);
	}
}

static void asked_lock(struct world *world, struct judge_asked *asked,
	struct wire_view message)
{
	struct judge_open *open;

	asked->flags = wire_get32(message.p + 64 + 24 + 16);
	asked->region =
		(unsigned int)(wire_get64(message.p + 64 + 24) / WORLD_REGION);
	if (asked->flags == SMB2_LOCKFLAG_UNLOCK) {
		open = promises_open(&world->judge, asked->file);
		if (open != NULL) {
			open->locks &= ~(1u << asked->region);
		}
	}
}

/* Where the FileId stands in the body of a request; 0: nowhere. */
static size_t file_id_at(uint16_t command)
{
	switch (command) {
	case SMB2_CLOSE:
	case SMB2_LOCK:
	case SMB2_OPLOCK_BREAK:
	case SMB2_IOCTL:
	case SMB2_QUERY_DIRECTORY:
		return 8;
	case SMB2_READ:
	case SMB2_WRITE:
	case SMB2_SET_INFO:
		return 16;
	default:
		return 0;
	}
}

static void asked_more(
	struct conn *conn, struct judge_asked *asked, struct wire_view message)
{
	struct world *world = conn->world;
	const uint8_t *body = message.p + 64;
	struct judge_open *open;

	switch (asked->command) {
	case SMB2_SESSION_SETUP:
		asked->binding = body[2] & SMB2_SESSION_FLAG_BINDING;
		asked->previous = wire_get64(body + 16);
		break;
	case SMB2_CREATE:
		asked_create(asked, message);
		break;
	case SMB2_CLOSE:
		open = promises_open(&world->judge, asked->file);
		if (open != NULL && open->session == conn->judged_session) {
			promises_end(world, open);
		}
		break;
	case SMB2_LOCK:
		asked_lock(world, asked, message);
		break;
	case SMB2_READ:
	case SMB2_WRITE:
		asked->region =
			(unsigned int)(wire_get64(body + 8) / WORLD_REGION);
		break;
	case SMB2_SET_INFO:
		asked->flags = body[3];
		if (asked->flags == FileDispositionInformation &&
			body[32] == 0) {
			asked->flags = 0; /* no mark, but its end */
		}
		break;
	case SMB2_IOCTL:
		asked->timeout = wire_get32(message.p + 64 + 56);
		break;
	default:
		break;
	}
}

void judge_receives(struct conn *conn, struct wire_view message)
{
	struct judge_asked *asked;
	struct smb2_header header;
	size_t at;

	judge_tick(conn->world);
	if (smb2_header_decode(message, &header) < 0) {
		abort();
	}
	if (header.command == SMB2_CANCEL) {
		return;
	}
	asked = new_asked(conn);
	*asked = (struct judge_asked){.used = true,
		.id = header.message_id,
		.at = ++conn->world->contents.clock,
		.came = sim_now(conn->world->server.sim),
		.command = header.command};
	at = file_id_at(header.command);
	if (at > 0 && wire_get16(message.p + 64) != 36) {
		asked->file.persistent = wire_get64(message.p + 64 + at);
		asked->file.volatile_ = wire_get64(message.p + 64 + at + 8);
	} else if (header.command == SMB2_OPLOCK_BREAK) {
		asked->lease = true;
		asked->key = wire_get64(message.p + 64 + 8);
	}
	asked_more(conn, asked, message);
}

/* ---- answers ---- */

static void answered_session(
	struct conn *conn, const struct judge_asked *asked, uint64_t id)
{
	struct judge *judge = &conn->world->judge;

	conn->judged_session = id;
	if (asked->binding) {
		promises_session(judge, id)->channels++;
		return;
	}
	if (judge->session_count == JUDGE_SESSIONS) {
		abort();
	}
	judge->sessions[judge->session_count++] =
		(struct judge_session){id, conn->client->user, 1};
	if (asked->previous != 0) {
		promises_session_ended(conn->world, asked->previous);
	}
}

/* What the operation of an open does to the promises of others. */
static void judge_operation(struct world *world, const struct judge_open *open,
	const struct judge_asked *asked)
{
	uint32_t against = 0;

	switch (asked->command) {
	case SMB2_READ:
		against = W;
		break;
	case SMB2_WRITE:
		against = R | W;
		break;
	case SMB2_LOCK:
		against = asked->flags == SMB2_LOCKFLAG_UNLOCK ? 0 : R | W;
		break;
	case SMB2_SET_INFO:
		if (asked->flags == FileEndOfFileInformation) {
			against = R | W;
		} else if (asked->flags == FileRenameInformation ||
			   asked->flags == FileDispositionInformation) {
			against = H;
		}
		break;
	default:
		break;
	}
	if (against != 0) {
		promises_judge(world, open, against, asked->at);
	}
}

static void answered_lock(struct world *world, struct judge_open *open,
	const struct judge_asked *asked)
{
	if (asked->flags == SMB2_LOCKFLAG_UNLOCK) {
		return;
	}
	world->tally.locks++;
	promises_locked(world, open, asked->region);
}

static void answered_on_open(struct conn *conn, const struct judge_asked *asked)
{
	struct world *world = conn->world;
	struct judge_open *open = promises_open(&world->judge, asked->file);

	if (open == NULL || open->session != conn->judged_session) {
		return; /* closed meanwhile */
	}
	judge_operation(world, open, asked);
	switch (asked->command) {
	case SMB2_LOCK:
		answered_lock(world, open, asked);
		break;
	case SMB2_READ:
	case SMB2_WRITE:
		promises_passed(world, open, asked->region, asked->at);
		break;
	case SMB2_IOCTL:
		open->resilient = true;
		open->durable = false;
		open->timeout = asked->timeout;
		break;
	default:
		break;
	}
}

static void answered_create(struct conn *conn, const struct judge_asked *asked,
	struct wire_view message)
{
	struct world *world = conn->world;
	struct judge_open *open;
	struct judge_made made;

	if (!judge_decode(message, &made)) {
		world_broken(world, "form", "a CREATE response is malformed");
		return;
	}
	if (asked->again_v1 || asked->again_v2) {
		promises_resumed(conn, asked, &made);
		return;
	}
	open = promises_opened(conn, asked, &made);
	if (open == NULL || open->directory) {
		return;
	}
	if (made.body.create_action == FILE_OVERWRITTEN ||
		made.body.create_action == FILE_SUPERSEDED) {
		promises_judge(world, open, R | W, asked->at);
	} else if (open->access & ~STAT_ACCESS) {
		promises_judge(world, open, W, asked->at);
	}
}

static void answered(struct conn *conn, const struct judge_asked *asked,
	const struct smb2_header *header, struct wire_view message)
{
	switch (asked->command) {
	case SMB2_SESSION_SETUP:
		answered_session(conn, asked, header->session_id);
		break;
	case SMB2_CREATE:
		answered_create(conn, asked, message);
		break;
	case SMB2_OPLOCK_BREAK:
		promises_acknowledged(conn, asked, message);
		break;
	default:
		if (asked->file.volatile_ != 0) {
			answered_on_open(conn, asked);
		}
		break;
	}
}

void judge_sends(struct conn *conn, struct wire_view message)
{
	struct judge_asked *asked, was;
	struct smb2_header header;

	judge_tick(conn->world);
	if (smb2_header_decode(message, &header) < 0) {
		world_broken(conn->world, "form", "a header is malformed");
		return;
	}
	conn->world->tally.messages++;
	if (header.message_id == UINT64_MAX) {
		promises_broken(conn, message);
		return;
	}
	asked = find_asked(conn, header.message_id);
	if (asked == NULL) {
		world_broken(conn->world, "form", "an answer to nothing");
		return;
	}
	if (header.status == STATUS_PENDING) {
		return;
	}
	was = *asked;
	asked->used = false;
	if (header.status == STATUS_SUCCESS) {
		answered(conn, &was, &header, message);
	} else if (was.again_v1 || was.again_v2) {
		conn->world->tally.refused++;
	}
}

void judge_gone(struct conn *conn)
{
	struct world *world = conn->world;
	struct judge_session *session =
		promises_session(&world->judge, conn->judged_session);

	judge_tick(world);
	for (unsigned int i = 0; i < JUDGE_ASKED; i++) {
		const struct judge_asked *asked = &conn->asked[i];

		if (asked->used && asked->command == SMB2_CREATE &&
			asked->lease) {
			promises_blur(world, conn->client->guid, asked->key);
		}
	}
	if (session != NULL && session->channels > 0 &&
		--session->channels == 0) {
		promises_session_ended(world, session->id);
	}
}

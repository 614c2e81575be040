/* SPDX-License-Identifier: MIT */
/*
 * Sessions and the connections they are bound to. [MS-SMB2] 3.3.1.8,
 * 3.3.1.14, 3.3.4.12, 3.3.6.3
 */
#include <stdlib.h>
#include <string.h>

#include "engine/core.h"
#include "engine/durable.h"
#include "ports/text.h"

struct session *session_create(struct engine_conn *conn)
{
	struct engine *engine = conn->engine;
	struct session *session;

	if (engine->session_list.count >= engine->config.max_sessions ||
		conn->channels.count >= LIMIT_SESSIONS_PER_CONNECTION) {
		return NULL;
	}
	session = calloc(1, sizeof(*session));
	if (!session) {
		return NULL;
	}
	session->engine = engine;
	session->id = engine_new_id(engine);
	session->holders = 1; /* the tables' */
	session->dialect = conn->dialect;
	session->client_guid = conn->client_guid;
	session->last_used = engine->now;
	session->expires = UINT64_MAX;
	memcpy(session->preauth_hash, conn->preauth_hash,
		sizeof(session->preauth_hash));
	if (table_add(&engine->sessions, &session->by_id, session->id) < 0) {
		free(session);
		return NULL;
	}
	list_add(&engine->session_list, &session->in_engine);
	if (!channel_create(session, conn)) {
		session_end(session, NULL, NULL);
		return NULL;
	}
	return session;
}

struct session *session_find(struct engine *engine, uint64_t id)
{
	struct table_link *link = table_find(&engine->sessions, id);

	return link ? table_entry(link, struct session, by_id) : NULL;
}

struct channel *session_channel(
	const struct session *session, const struct engine_conn *conn)
{
	list_each(channel, &session->channels, struct channel, in_session)
	{
		if (channel->conn == conn) {
			return channel;
		}
	}
	return NULL;
}

struct session *session_on(struct engine_conn *conn, uint64_t id)
{
	struct session *session = session_find(conn->engine, id);

	struct channel *channel =
		session ? session_channel(session, conn) : NULL;

	if (channel && channel->in_session.previous &&
		!RULE(CORE_SESSION_0028)) {
		return NULL; /* not the first connection */
	}
	return channel ? session : NULL;
}

void session_hold(struct session *session)
{
	session->holders++;
}

void session_release(struct session *session)
{
	if (!session || --session->holders) {
		return;
	}
	session->engine->auth->end(session->exchange);
	crypto_key_wipe(&session->keys.signing);
	crypto_key_wipe(&session->keys.client_to_server);
	crypto_key_wipe(&session->keys.server_to_client);
	crypto_key_wipe(&session->keys.application);
	table_finish(&session->trees_by_id);
	free(session);
}

struct channel *channel_create(
	struct session *session, struct engine_conn *conn)
{
	struct channel *channel;

	if (session->channels.count >= LIMIT_CHANNELS ||
		conn->channels.count >= LIMIT_SESSIONS_PER_CONNECTION) {
		return NULL;
	}
	channel = calloc(1, sizeof(*channel));
	if (!channel) {
		return NULL;
	}
	channel->session = session;
	channel->conn = conn;
	list_add(&session->channels, &channel->in_session);
	list_add(&conn->channels, &channel->in_conn);
	return channel;
}

void channel_destroy(struct channel *channel)
{
	list_remove(&channel->in_session);
	list_remove(&channel->in_conn);
	crypto_key_wipe(&channel->keys.signing);
	free(channel);
}

struct ending {
	struct session *session; /* held */
	void (*done)(void *ctx);
	void *ctx;
};

static void ended(void *ctx)
{
	struct ending *ending = ctx;

	session_release(ending->session);
	if (ending->done) {
		ending->done(ending->ctx);
	}
	free(ending);
}

void session_end(struct session *session, void (*done)(void *ctx), void *ctx)
{
	struct ending *ending;
	struct channel *channel;
	struct tree *tree;

	if (session->ended) {
		if (done) {
			done(ctx);
		}
		return;
	}
	session_hold(session);
	session->ended = true;
	table_remove(&session->engine->sessions, &session->by_id);
	list_remove(&session->in_engine);
	ending = calloc(1, sizeof(*ending));
	if (ending) {
		*ending = (struct ending){session, done, ctx};
		session_hold(session);
	}
	if (session->keep_opens) { /* a broken rule */
		if (ending) {
			ended(ending);
		}
	} else {
		durable_park(session, NULL);
		opens_close(session, NULL, ending ? ended : NULL, ending);
	}
	session_cancel_requests(session, NULL, STATUS_USER_SESSION_DELETED);
	while ((tree = list_first(&session->trees, struct tree, in_session))) {
		tree_end(tree, NULL, NULL);
	}
	while ((channel = list_first(
			&session->channels, struct channel, in_session))) {
		channel_destroy(channel);
	}
	if (!ending && done) {
		done(ctx); /* without memory nobody waits for the closes */
	}
	session_release(session); /* ours */
	session_release(session); /* the tables' */
}

static uint64_t idle_end(const struct session *session)
{
	uint64_t idle = session->engine->config.idle_session_ns / 100;

	if (!idle || !list_empty(&session->opens)) {
		return UINT64_MAX;
	}
	return session->last_used + idle;
}

static struct session *first_idle(struct engine *engine)
{
	list_each(session, &engine->session_list, struct session, in_engine)
	{
		if (idle_end(session) <= engine->now) {
			return session;
		}
	}
	return NULL;
}

static void expire(struct session *session)
{
	struct engine *engine = session->engine;

	if (session->state != SESSION_VALID) {
		return;
	}
	if (session->expires > engine->now) {
		engine_expect(engine, session->expires);
		return;
	}
	session->state = SESSION_EXPIRED;
	engine_log(engine, LOG_INFO, "session.expired",
		"session=0x%016llx user=%s", (unsigned long long)session->id,
		session->identity.user);
}

void sessions_expire(struct engine *engine)
{
	struct session *idle;

	/* What ends with one session may end others: begin anew each time. */
	while ((idle = first_idle(engine))) {
		engine_log(engine, LOG_INFO, "session.idle",
			"session=0x%016llx user=%s",
			(unsigned long long)idle->id, idle->identity.user);
		session_end(idle, NULL, NULL);
	}
	list_each(session, &engine->session_list, struct session, in_engine)
	{
		expire(session);
		engine_expect(engine, idle_end(session));
	}
	if (engine->config.idle_session_ns &&
		!list_empty(&engine->session_list)) {
		engine_expect(engine,
			engine->now + engine->config.idle_session_ns / 100);
	}
}

bool session_same_user(
	const struct auth_identity *a, const struct auth_identity *b)
{
	return a->anonymous == b->anonymous && a->guest == b->guest &&
	       a->uid == b->uid && text_equal_nocase(a->user, b->user) &&
	       text_equal_nocase(a->domain, b->domain);
}

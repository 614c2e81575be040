/* SPDX-License-Identifier: MIT */
/*
 * Connections: their beginning, their end and what ends with them.
 * [MS-SMB2] 3.3.5.1, 3.3.6.3, 3.3.7.1
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/caching.h"
#include "engine/core.h"
#include "engine/durable.h"
#include "ports/blob.h"

struct engine_conn *engine_accept(struct engine *engine, struct link *link)
{
	struct engine_conn *conn;

	if (engine->draining ||
		engine->conns.count >= engine->config.max_connections) {
		engine_log(engine, LOG_WARN, "connection.refused",
			"peer=%s reason=%s", link->peer_name,
			engine->draining ? "draining" : "limit");
		return NULL;
	}
	conn = calloc(1, sizeof(*conn));
	if (!conn) {
		return NULL;
	}
	conn->credits = credits_create(engine->config.max_credits);
	if (!conn->credits) {
		free(conn);
		return NULL;
	}
	conn->engine = engine;
	conn->link = link;
	conn->secure = link->secure;
	conn->holders = 1; /* the link's */
	conn->created = engine->now;
	conn->negotiate_dialect = DIALECT_UNKNOWN;
	conn->constrained = true;
	list_add(&engine->conns, &conn->in_engine);
	engine_expect(engine,
		conn->created + LIMIT_NEGOTIATE_SECONDS * TICKS_PER_SECOND);
	conn_log(conn, LOG_INFO, "connection.open", "local=%s",
		link->local_name);
	return conn;
}

void conn_hold(struct engine_conn *conn)
{
	conn->holders++;
}

static void destroy(struct engine_conn *conn)
{
	list_remove(&conn->in_engine);
	credits_destroy(conn->credits);
	free(conn);
}

void conn_release(struct engine_conn *conn)
{
	if (--conn->holders == 0) {
		destroy(conn);
		return;
	}
	if (conn->engine->draining && list_empty(&conn->requests)) {
		conn_close(conn, "draining");
	}
}

void engine_input(struct engine_conn *conn, struct blob *message)
{
	struct engine *engine = conn->engine;

	if (conn->closing || conn->gone) {
		blob_release(message);
		return;
	}
	frame_receive(conn, message);
	dirleases_due(engine);
}

void conn_close(struct engine_conn *conn, const char *why)
{
	if (conn->closing || conn->gone) {
		return;
	}
	conn->closing = true;
	conn_log(conn, LOG_INFO, "connection.close", "reason=\"%s\"", why);
	conn->link->ops->close(conn->link, true);
}

void conn_send(struct engine_conn *conn, struct blob *message)
{
	if (conn->closing || conn->gone) {
		blob_release(message);
		return;
	}
	conn->link->ops->send(conn->link, message);
}

static struct request *next_to_cancel(struct engine_conn *conn,
	const struct session *session, const struct tree *tree,
	bool parked_only)
{
	list_each(req, &conn->requests, struct request, in_conn)
	{
		if ((session && req->session != session) ||
			(tree && req->tree != tree) || req->cancelled) {
			continue;
		}
		if (conn->gone && replay_expected(req)) {
			continue;
		}
		if (req->parked || (req->submitted && !parked_only)) {
			return req;
		}
	}
	return NULL;
}

static void lose_sessions(struct engine_conn *conn)
{
	struct channel *channel;

	while ((channel =
			list_first(&conn->channels, struct channel, in_conn))) {
		struct session *session = channel->session;

		session_hold(session);
		channel_destroy(channel);
		if (list_empty(&session->channels) ||
			!RULE(CORE_SESSION_0029) ||
			(conn->secure && !RULE(QUIC_CHANNEL_0006))) {
			session->keep_opens = !RULE(CORE_TRANSPORT_0010);
			session_end(session, NULL, NULL);
		}
		session_release(session);
	}
}

void engine_gone(struct engine_conn *conn)
{
	struct binding *binding;
	struct request *req;

	conn_log(conn, LOG_INFO, "connection.gone", "requests=%zu",
		conn->requests.count);
	conn->gone = true;
	while ((req = next_to_cancel(conn, NULL, NULL, false))) {
		request_cancel_now(req, STATUS_CANCELLED);
	}
	lose_sessions(conn);
	while ((binding =
			list_first(&conn->bindings, struct binding, in_conn))) {
		binding_destroy(conn->engine, binding);
	}
	conn->link = NULL;
	conn_release(conn);
}

static struct request *next_in_session(
	struct session *session, const struct tree *tree)
{
	list_each(channel, &session->channels, struct channel, in_session)
	{
		struct request *req =
			next_to_cancel(channel->conn, session, tree, false);

		if (req) {
			return req;
		}
	}
	return NULL;
}

void session_cancel_requests(
	struct session *session, const struct tree *tree, uint32_t status)
{
	struct request *req;

	/* What is cancelled may end anything: look anew each time. */
	while ((req = next_in_session(session, tree))) {
		request_cancel_now(req, status);
	}
}

static bool has_valid_session(const struct engine_conn *conn)
{
	list_each(channel, &conn->channels, struct channel, in_conn)
	{
		if (channel->session->state != SESSION_IN_PROGRESS) {
			return true;
		}
	}
	return false;
}

static uint64_t expiry(const struct engine_conn *conn)
{
	if (conn->closing || conn->gone) {
		return UINT64_MAX;
	}
	if (conn->engine->draining) {
		return conn->engine->drain_until;
	}
	if (has_valid_session(conn)) {
		return UINT64_MAX;
	}
	return conn->created + LIMIT_NEGOTIATE_SECONDS * TICKS_PER_SECOND;
}

void conns_expire(struct engine *engine)
{
	list_each_safe(conn, &engine->conns, struct engine_conn, in_engine)
	{
		uint64_t at = expiry(conn);

		if (at <= engine->now) {
			conn_close(conn, engine->draining
						 ? "drain took too long"
						 : "not authenticated in time");
		} else {
			engine_expect(engine, at);
		}
	}
}

void conns_drain(struct engine *engine)
{
	list_each(conn, &engine->conns, struct engine_conn, in_engine)
	{
		conn_hold(conn);
	}
	list_each_safe(conn, &engine->conns, struct engine_conn, in_engine)
	{
		/* Nobody will answer what waits for others. */
		struct request *req;

		while ((req = next_to_cancel(conn, NULL, NULL, true))) {
			request_cancel_now(req, STATUS_CANCELLED);
		}
		conn_release(conn);
	}
}

void conn_log(struct engine_conn *conn, enum log_level level, const char *event,
	const char *format, ...)
{
	char text[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	engine_log(conn->engine, level, event, "peer=%s %s",
		conn->link ? conn->link->peer_name : "gone", text);
}

/* SPDX-License-Identifier: MIT */
/* A server's connection: an endpoint, its link, its place in the lists. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ports/rule.h"
#include "transport/address.h"
#include "transport/quic_internal.h"

void quic_conn_log(struct quic_conn *conn, enum log_level level,
	const char *event, const char *why)
{
	transport_say_of(&conn->quic->user, &conn->link, level, event, why);
}

static void list_put(struct quic_list *list, struct quic_conn *conn)
{
	conn->prev = list->last;
	conn->next = NULL;
	if (list->last != NULL) {
		list->last->next = conn;
	} else {
		list->first = conn;
	}
	list->last = conn;
	list->count++;
}

static void list_remove(struct quic_list *list, struct quic_conn *conn)
{
	if (conn->prev != NULL) {
		conn->prev->next = conn->next;
	} else {
		list->first = conn->next;
	}
	if (conn->next != NULL) {
		conn->next->prev = conn->prev;
	} else {
		list->last = conn->prev;
	}
	list->count--;
}

void quic_conn_touch(struct quic_conn *conn)
{
	struct quic *quic = conn->quic;

	if (!conn->dirty) {
		conn->dirty = true;
		conn->next_dirty = NULL;
		*quic->dirty_last = conn;
		quic->dirty_last = &conn->next_dirty;
	}
	if (!quic->work.set) {
		quic->io->timer_set(quic->io->ctx, &quic->work, 0);
	}
}

static void on_ready(void *ctx)
{
	struct quic_conn *conn = ctx;
	struct quic *quic = conn->quic;

	list_remove(&quic->half_open, conn);
	conn->half_open = false;
	list_put(&quic->open, conn);
	if (quic->stopping || quic->ready >= quic->limits.max_connections) {
		quic_conn_log(conn, LOG_WARN, "quic.refused", "too many");
		quic_ep_close(
			conn->ep, QUIC_CODE_RESOURCE, false, quic_now(quic));
		return;
	}
	conn->user = quic->user.accepted(quic->user.ctx, &conn->link);
	if (conn->user == NULL) {
		quic_ep_close(
			conn->ep, QUIC_CODE_RESOURCE, false, quic_now(quic));
		return;
	}
	quic->ready++;
	quic_conn_log(conn, LOG_DEBUG, "quic.accept", NULL);
}

static void on_message(void *ctx, struct blob *message)
{
	struct quic_conn *conn = ctx;

	if (conn->user == NULL) {
		blob_release(message);
		return;
	}
	conn->quic->user.input(conn->user, message);
	if (!conn->held &&
		quic_ep_queued(conn->ep) > conn->quic->limits.queue_high) {
		conn->held = true;
		quic_ep_hold(conn->ep, true);
	}
}

static void on_over(void *ctx, const struct quic_end *end)
{
	struct quic_conn *conn = ctx;

	conn->over = true;
	quic_conn_log(conn,
		conn->half_open && end->kind != QUIC_END_DROPPED ? LOG_INFO
								 : LOG_DEBUG,
		"quic.end", end->text);
}

static int on_cid_added(void *ctx, const struct quic_cid *id)
{
	return quic_table_add(ctx, id) < 0 ? -1 : 0;
}

static void on_cid_removed(void *ctx, const struct quic_cid *id)
{
	quic_table_remove(ctx, id);
}

static void link_send(struct link *link, struct blob *message)
{
	struct quic_conn *conn = (struct quic_conn *)link;

	if (conn->over) {
		blob_release(message);
		return;
	}
	if (quic_ep_send(conn->ep, message) == -ENOMEM) {
		quic_ep_close(conn->ep, QUIC_CODE_RESOURCE, false,
			quic_now(conn->quic));
	}
	quic_conn_touch(conn);
}

static void link_close(struct link *link, bool flush)
{
	struct quic_conn *conn = (struct quic_conn *)link;

	/* A running server ends it because the peer broke a rule. */
	quic_ep_close(conn->ep,
		conn->quic->stopping || !RULE(QUIC_CLOSE_0003)
			? QUIC_CODE_NONE
			: QUIC_CODE_FRAME,
		flush, quic_now(conn->quic));
	quic_conn_touch(conn);
}

static const struct link_ops quic_link_ops = {link_send, link_close};

static void fill_link(struct quic_conn *conn, const struct quic_path *path)
{
	struct link *link = &conn->link;

	link->ops = &quic_link_ops;
	link->max_message = conn->quic->limits.max_message;
	link->secure = true;
	transport_address_text(&path->remote.any, link->peer_name);
	transport_address_text(&path->local.any, link->local_name);
}

static void finish(struct quic_conn *conn)
{
	struct quic *quic = conn->quic;

	list_remove(conn->half_open ? &quic->half_open : &quic->open, conn);
	quic_heap_remove(conn);
	quic_ep_destroy(conn->ep);
	quic_table_remove_all(conn);
	free(conn);
}

int quic_conn_create(struct quic_listener *listener,
	const struct quic_path *path, const struct quic_ep_hello *hello,
	struct quic_conn **ret_conn)
{
	struct quic *quic = listener->quic;
	struct quic_conn *conn = calloc(1, sizeof(*conn));
	const struct quic_ep_user user = {.ctx = conn,
		.ready = on_ready,
		.message = on_message,
		.over = on_over,
		.cid_added = on_cid_added,
		.cid_removed = on_cid_removed};
	const struct quic_ep_config config = {.tls = quic->tls,
		.max_message = quic->limits.max_message,
		.idle_ns = RULE(QUIC_TIMER_0001) ? quic->limits.idle_ns
						 : 5 * QUIC_SECOND,
		.handshake_ns = RULE(QUIC_TIMER_0004)
					? quic->limits.handshake_ns
					: 600 * QUIC_SECOND,
		.keep_alive_ns = quic->limits.keep_alive_ns,
		.nudge_ns = QUIC_NUDGE_NS,
		.streams_bidi = RULE(QUIC_STREAM_0003) ? 1 : 100,
		.streams_uni = RULE(QUIC_STREAM_0004) ? 0 : 100,
		.secret = quic->secret};
	int r = quic_heap_room(quic);

	if (conn == NULL || r < 0) {
		free(conn);
		return -ENOMEM;
	}
	conn->quic = quic;
	conn->listener = listener;
	conn->half_open = true;
	conn->remote = path->remote;
	fill_link(conn, path);
	r = quic_table_add(conn, &hello->dcid);
	if (r == 0) {
		r = quic_ep_accept(
			&config, &user, path, hello, quic_now(quic), &conn->ep);
	}
	if (r < 0) {
		quic_table_remove_all(conn);
		free(conn);
		return r;
	}
	conn->at = quic_ep_expiry(conn->ep);
	quic_heap_put(conn);
	list_put(&quic->half_open, conn);
	*ret_conn = conn;
	return 0;
}

void quic_conn_input(struct quic_conn *conn, const struct quic_path *path,
	uint8_t ecn, const uint8_t *p, size_t n)
{
	struct quic_path seen = *path;

	if (memcmp(&conn->remote, &path->remote, sizeof(conn->remote)) != 0) {
		if (RULE(QUIC_PATH_0005)) {
			conn->remote = path->remote;
		}
		seen.remote = conn->remote;
		conn->quic->totals.migrated++;
	}
	quic_ep_input(conn->ep, &seen, ecn, p, n, quic_now(conn->quic));
	quic_conn_touch(conn);
}

void quic_conn_due(struct quic_conn *conn)
{
	quic_ep_expire(conn->ep, quic_now(conn->quic));
	quic_conn_touch(conn);
}

/* Reads on when the peer has taken enough of the answers. */
static void check_queue(struct quic_conn *conn)
{
	if (conn->held &&
		quic_ep_queued(conn->ep) <= conn->quic->limits.queue_high / 2) {
		conn->held = false;
		quic_ep_hold(conn->ep, false);
	}
}

bool quic_conn_output(struct quic_conn *conn)
{
	struct quic *quic = conn->quic;
	size_t cap =
		conn->listener->offload ? QUIC_BATCH_BYTES : QUIC_PACKET_MAX;
	size_t n = 1, segment;
	struct quic_path path;
	struct quic_send *send;
	uint8_t ecn;

	check_queue(conn);
	while (n > 0) {
		send = quic_send_take(conn->listener);
		if (send == NULL) {
			return false;
		}
		n = quic_ep_output(conn->ep, send->bytes, cap, &segment, &path,
			&ecn, quic_now(quic));
		quic_send_go(
			send, n, n > 0 ? segment : 0, &path, n > 0 ? ecn : 0);
	}
	conn->at = quic_ep_expiry(conn->ep);
	quic_heap_move(conn);
	return true;
}

bool quic_conn_bury(struct quic_conn *conn)
{
	struct quic *quic = conn->quic;

	if (conn->over && conn->user != NULL) {
		void *user = conn->user;

		conn->user = NULL;
		quic->ready--;
		quic->user.gone(user);
	}
	/* A server that ends answers no stragglers. */
	if (conn->dirty || !(quic_ep_is_done(conn->ep) ||
				   (quic->stopping && conn->over))) {
		return false;
	}
	finish(conn);
	return true;
}

void quic_conn_forget(struct quic_conn *conn)
{
	struct quic *quic = conn->quic;
	struct quic_conn **p = &quic->dirty;

	while (conn->dirty && *p != conn) {
		p = &(*p)->next_dirty;
	}
	if (conn->dirty) {
		*p = conn->next_dirty;
		if (quic->dirty_last == &conn->next_dirty) {
			quic->dirty_last = p;
		}
	}
	if (conn->user != NULL) {
		quic->ready--;
		quic->user.gone(conn->user);
	}
	finish(conn);
}

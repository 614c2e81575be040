/* SPDX-License-Identifier: MIT */
/* Listeners, sends, timers and limits of the server's side; see quic.h. */
#include "transport/quic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gnutls/crypto.h>

#include "transport/quic_internal.h"
#include "transport/quic_unix.h"

uint64_t quic_now(const struct quic *quic)
{
	return quic->io->now(quic->io->ctx);
}

static struct quic *quic_of(struct io_timer *timer, size_t offset)
{
	return (struct quic *)((char *)timer - offset);
}

static void sent(struct io_op *op, int result)
{
	struct quic_send *send = (struct quic_send *)op;
	struct quic *quic = send->quic;

	if ((result == -EIO || result == -EINVAL) && send->out.segment != 0) {
		/* The device below cannot do it after all. */
		send->listener->offload = false;
	}
	send->next_free = quic->free_sends;
	quic->free_sends = send;
	quic->sends_busy--;
	if ((quic->dirty != NULL || quic->stopping) && !quic->work.set) {
		quic->io->timer_set(quic->io->ctx, &quic->work, 0);
	}
}

struct quic_send *quic_send_take(struct quic_listener *listener)
{
	struct quic *quic = listener->quic;
	struct quic_send *send = quic->free_sends;

	if (send != NULL) {
		quic->free_sends = send->next_free;
	} else if (quic->sends < QUIC_SENDS) {
		send = calloc(1, sizeof(*send));
		quic->sends += send != NULL;
	}
	if (send != NULL) {
		send->quic = quic;
		send->listener = listener;
		send->op.done = sent;
		quic->sends_busy++;
	}
	return send;
}

void quic_send_go(struct quic_send *send, size_t n, size_t segment,
	const struct quic_path *path, uint8_t ecn)
{
	struct quic *quic = send->quic;
	struct io_datagram *out = &send->out;

	if (n == 0) {
		send->next_free = quic->free_sends;
		quic->free_sends = send;
		quic->sends_busy--;
		return;
	}
	quic->totals.datagrams_out += (n + segment - 1) / segment;
	out->data = (struct iovec){send->bytes, n};
	out->segment = n > segment ? (uint16_t)segment : 0;
	out->ecn = ecn;
	memset(&out->local, 0, sizeof(out->local));
	if (send->listener->wildcard) {
		memcpy(&out->local, &path->local, sizeof(path->local));
	}
	if (send->listener->local_only) {
		out->ecn = 0;
		out->remote_size =
			quic_unix_from_address(&path->remote, &out->remote);
	} else {
		memcpy(&out->remote, &path->remote, sizeof(path->remote));
		out->remote_size = quic_address_size(&path->remote);
	}
	quic->io->send_datagram(
		quic->io->ctx, &send->op, send->listener->fd, out);
}

/* False: from nowhere that could be answered. */
static bool fill_path(const struct quic_listener *listener,
	const struct io_datagram *in, struct quic_path *ret_path)
{
	struct quic_path path = {.local = listener->local};

	if (listener->local_only) {
		*ret_path = path;
		return quic_unix_to_address(
			&in->remote, in->remote_size, &ret_path->remote);
	}
	if (listener->wildcard && in->local.ss_family == AF_INET) {
		path.local.in.sin_addr =
			((const struct sockaddr_in *)&in->local)->sin_addr;
	} else if (listener->wildcard && in->local.ss_family == AF_INET6) {
		path.local.in6.sin6_addr =
			((const struct sockaddr_in6 *)&in->local)->sin6_addr;
	}
	if (in->remote.ss_family == AF_INET6) {
		memcpy(&path.remote, &in->remote, sizeof(path.remote.in6));
	} else {
		memcpy(&path.remote, &in->remote, sizeof(path.remote.in));
	}
	*ret_path = path;
	return true;
}

static void received(struct io_op *op, int result)
{
	struct quic_listener *listener = (struct quic_listener *)op;
	struct quic *quic = listener->quic;
	const struct io_datagram *in = &listener->in;
	struct quic_path path;
	size_t n = result > 0 ? (size_t)result : 0, at, size;

	if (result == -ECANCELED || op->cancelled) {
		quic->io->timer_set(quic->io->ctx, &quic->work, 0);
		return;
	}
	if (n > 0 && !fill_path(listener, in, &path)) {
		n = 0;
	}
	for (at = 0; at < n; at += size) {
		size = in->segment != 0 && in->segment < n - at ? in->segment
								: n - at;
		quic->totals.datagrams_in++;
		quic_accept_datagram(
			listener, &path, in->ecn, listener->bytes + at, size);
	}
	quic->io->recv_datagram(
		quic->io->ctx, &listener->op, listener->fd, &listener->in);
}

static void close_listeners(struct quic *quic)
{
	struct quic_listener *listener;

	while ((listener = quic->listeners) != NULL) {
		quic->listeners = listener->next;
		quic->io->close(quic->io->ctx, listener->fd);
		if (listener->path != NULL) {
			unlink(listener->path);
			free(listener->path);
		}
		free(listener);
	}
}

/* When everything is over, the sockets go, too. */
static void check_stopped(struct quic *quic)
{
	bool receiving = false;

	if (!quic->stopping || quic->open.count + quic->half_open.count > 0) {
		return;
	}
	for (struct quic_listener *l = quic->listeners; l != NULL;
		l = l->next) {
		quic->io->cancel(quic->io->ctx, &l->op);
		receiving = receiving || l->op.pending;
	}
	if (!receiving && quic->sends_busy == 0) {
		close_listeners(quic);
	}
}

static void set_timer(struct quic *quic)
{
	uint64_t at = quic->heap_count > 0 ? quic->heap[0]->at : UINT64_MAX;

	if (at == UINT64_MAX) {
		quic->io->timer_clear(quic->io->ctx, &quic->timer);
	} else if (!quic->timer.set || quic->timer.at != at) {
		quic->io->timer_set(quic->io->ctx, &quic->timer, at);
	}
}

/* Every connection that something happened to. */
static void work_due(struct io_timer *timer)
{
	struct quic *quic = quic_of(timer, offsetof(struct quic, work));
	struct quic_conn *conn = quic->dirty, *next;

	quic->dirty = NULL;
	quic->dirty_last = &quic->dirty;
	for (; conn != NULL; conn = next) {
		next = conn->next_dirty;
		conn->dirty = false;
		if (!quic_conn_output(conn)) {
			/* Goes on when a send has ended. */
			conn->dirty = true;
			conn->next_dirty = NULL;
			*quic->dirty_last = conn;
			quic->dirty_last = &conn->next_dirty;
		}
		(void)quic_conn_bury(conn);
	}
	set_timer(quic);
	check_stopped(quic);
}

static void timer_due(struct io_timer *timer)
{
	struct quic *quic = quic_of(timer, offsetof(struct quic, timer));
	uint64_t now = quic_now(quic);

	while (quic->heap_count > 0 && quic->heap[0]->at <= now) {
		struct quic_conn *conn = quic->heap[0];

		quic_conn_due(conn);
		/* Its next time is known after its output. */
		conn->at = UINT64_MAX;
		quic_heap_move(conn);
	}
	set_timer(quic);
}

static void sweep_due(struct io_timer *timer)
{
	struct quic *quic = quic_of(timer, offsetof(struct quic, sweep));
	uint64_t now = quic_now(quic);

	for (struct quic_conn *conn = quic->open.first; conn != NULL;
		conn = conn->next) {
		if (!conn->over && quic_ep_is_stalled(conn->ep,
					   quic->limits.stall_ns, now)) {
			quic_conn_log(conn, LOG_INFO, "quic.stalled", NULL);
			quic_ep_close(conn->ep, QUIC_CODE_RESOURCE, false, now);
			quic_conn_touch(conn);
		}
	}
	quic->io->timer_set(quic->io->ctx, timer, now + QUIC_SECOND);
}

struct quic *quic_create(const struct io_port *io,
	const struct quic_limits *limits, const struct transport_user *user,
	struct quic_tls *tls)
{
	struct quic *quic = calloc(1, sizeof(*quic));

	if (quic == NULL) {
		return NULL;
	}
	quic->io = io;
	quic->limits = *limits;
	quic->user = *user;
	quic->tls = tls;
	quic->dirty_last = &quic->dirty;
	quic->timer.due = timer_due;
	quic->work.due = work_due;
	quic->sweep.due = sweep_due;
	if (gnutls_rnd(GNUTLS_RND_KEY, quic->secret, sizeof(quic->secret)) !=
		0) {
		free(quic);
		return NULL;
	}
	io->timer_set(io->ctx, &quic->sweep, quic_now(quic) + QUIC_SECOND);
	return quic;
}

void quic_set_tls(struct quic *quic, struct quic_tls *tls)
{
	quic->tls = tls;
}

void quic_destroy(struct quic *quic)
{
	struct quic_send *send;

	if (quic == NULL) {
		return;
	}
	quic->io->timer_clear(quic->io->ctx, &quic->timer);
	quic->io->timer_clear(quic->io->ctx, &quic->work);
	quic->io->timer_clear(quic->io->ctx, &quic->sweep);
	close_listeners(quic);
	while ((send = quic->free_sends) != NULL) {
		quic->free_sends = send->next_free;
		free(send);
	}
	free(quic->heap);
	free(quic);
}

static bool is_wildcard(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *in = (const void *)address;
	const struct sockaddr_in6 *in6 = (const void *)address;

	return address->ss_family == AF_INET6
		       ? IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr)
		       : in->sin_addr.s_addr == htonl(INADDR_ANY);
}

int quic_listen_on(
	struct quic *quic, int fd, const struct sockaddr_storage *local)
{
	struct quic_listener *listener = calloc(1, sizeof(*listener));

	if (listener == NULL) {
		return -ENOMEM;
	}
	listener->quic = quic;
	listener->fd = fd;
	listener->op.done = received;
	memcpy(&listener->local, local, sizeof(listener->local));
	listener->wildcard = is_wildcard(local);
	listener->in.data =
		(struct iovec){listener->bytes, sizeof(listener->bytes)};
	listener->next = quic->listeners;
	quic->listeners = listener;
	quic->io->recv_datagram(
		quic->io->ctx, &listener->op, fd, &listener->in);
	return 0;
}

/* Those that only wait for stragglers need not any more. */
static void touch_over(struct quic_conn *conn)
{
	for (; conn != NULL; conn = conn->next) {
		if (conn->over) {
			quic_conn_touch(conn);
		}
	}
}

void quic_stop_listening(struct quic *quic)
{
	quic->stopping = true;
	touch_over(quic->half_open.first);
	touch_over(quic->open.first);
	quic->io->timer_set(quic->io->ctx, &quic->work, 0);
}

void quic_close_all(struct quic *quic, bool flush)
{
	while (quic->half_open.first != NULL) {
		quic_conn_forget(quic->half_open.first);
	}
	for (struct quic_conn *conn = quic->open.first; conn != NULL;
		conn = conn->next) {
		quic_ep_close(conn->ep, QUIC_CODE_NONE, flush, quic_now(quic));
		quic_conn_touch(conn);
	}
}

unsigned int quic_connections(const struct quic *quic)
{
	return quic->ready;
}

unsigned int quic_half_open(const struct quic *quic)
{
	return quic->half_open.count;
}

bool quic_idle(const struct quic *quic)
{
	return quic->listeners == NULL && quic->sends_busy == 0 &&
	       quic->open.count + quic->half_open.count == 0;
}

void quic_totals(const struct quic *quic, struct quic_totals *ret_totals)
{
	*ret_totals = quic->totals;
}

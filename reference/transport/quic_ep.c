/* SPDX-License-Identifier: MIT */
/* The life of an endpoint, and ngtcp2's callbacks; see quic_ep.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>

#include "ports/rule.h"
#include "transport/quic_ep_internal.h"

#define ALERT_CERTIFICATE_REQUIRED 116
#define ALERT_NO_APPLICATION_PROTOCOL 120

socklen_t quic_address_size(const union quic_address *address)
{
	switch (address->any.sa_family) {
	case AF_INET:
		return sizeof(address->in);
	case AF_INET6:
		return sizeof(address->in6);
	default:
		return 0;
	}
}

static void random_bytes(uint8_t *p, size_t n)
{
	if (gnutls_rnd(GNUTLS_RND_RANDOM, p, n) != 0) {
		abort(); /* ids without randomness are no option */
	}
}

void quic_ep_over(struct quic_ep *ep, enum quic_end_kind kind, uint64_t code,
	const char *text)
{
	if (ep->end.kind != QUIC_END_NOT_YET) {
		return;
	}
	ep->end.kind = kind;
	ep->end.code = code;
	snprintf(ep->end.text, sizeof(ep->end.text), "%s", text);
	if (ep->user.over != NULL) {
		ep->user.over(ep->user.ctx, &ep->end);
	}
}

/* CONNECTION_CLOSE leaves with the next output. */
static void start_close(struct quic_ep *ep)
{
	ep->phase =
		RULE(QUIC_CLOSE_0002) ? QUIC_PHASE_CLOSING : QUIC_PHASE_DONE;
	ep->close_due = true;
	ep->deadline = UINT64_MAX; /* until it has been written */
	ep->stash_size = 0;
}

static void fail_tls(struct quic_ep *ep)
{
	uint8_t alert = ep->config.peer.alert != 0
				? ep->config.peer.alert
				: ngtcp2_conn_get_tls_alert(ep->conn);
	const char *name = gnutls_alert_get_name((int)alert);

	if (alert == ALERT_CERTIFICATE_REQUIRED && !RULE(QUIC_ACCESS_0002)) {
		alert = GNUTLS_A_HANDSHAKE_FAILURE;
	}
	if (alert == 0) {
		ngtcp2_ccerr_set_liberr(
			&ep->error, NGTCP2_ERR_INTERNAL, NULL, 0);
	} else {
		ngtcp2_ccerr_set_tls_alert(&ep->error, alert, NULL, 0);
	}
	start_close(ep);
	quic_ep_over(ep, QUIC_END_TLS, alert,
		ep->config.peer.refusal[0] != '\0' ? ep->config.peer.refusal
		: name != NULL                     ? name
						   : "TLS failed");
}

static void leave_silently(
	struct quic_ep *ep, enum quic_end_kind kind, const char *text)
{
	ep->phase = QUIC_PHASE_DONE;
	quic_ep_over(ep, kind, 0, text);
}

void quic_ep_lose(struct quic_ep *ep, const char *text)
{
	leave_silently(ep, QUIC_END_DROPPED, text);
}

static void peer_closed(struct quic_ep *ep)
{
	ngtcp2_ccerr error;
	char text[160] = "";

	ep->phase = QUIC_PHASE_DRAINING;
	ep->deadline = ep->now + 3 * ngtcp2_conn_get_pto(ep->conn);
	if (ep->was_reset) {
		quic_ep_over(
			ep, QUIC_END_STATELESS_RESET, 0, "stateless reset");
		return;
	}
	if (!RULE(QUIC_CLOSE_0001)) {
		return;
	}
	quic_get_ccerr(ep->conn, &error);
	if (error.reasonlen > 0) {
		snprintf(text, sizeof(text), "%.*s",
			error.reasonlen < 100 ? (int)error.reasonlen : 100,
			(const char *)error.reason);
	}
	quic_ep_over(ep,
		error.type == NGTCP2_CCERR_TYPE_APPLICATION
			? QUIC_END_PEER_APPLICATION
			: QUIC_END_PEER_TRANSPORT,
		error.error_code, text[0] != '\0' ? text : "the peer closed");
}

void quic_ep_fail(struct quic_ep *ep, int error)
{
	if (ep->phase >= QUIC_PHASE_CLOSING) {
		return;
	}
	if (error == NGTCP2_ERR_DRAINING) {
		peer_closed(ep);
	} else if (error == NGTCP2_ERR_IDLE_CLOSE) {
		leave_silently(ep, QUIC_END_IDLE, "idle");
	} else if (error == NGTCP2_ERR_HANDSHAKE_TIMEOUT) {
		leave_silently(
			ep, QUIC_END_HANDSHAKE_TIMEOUT, "handshake too slow");
	} else if (error == NGTCP2_ERR_DROP_CONN || error == NGTCP2_ERR_RETRY) {
		leave_silently(ep, QUIC_END_DROPPED, "dropped");
	} else if (error == NGTCP2_ERR_RECV_VERSION_NEGOTIATION) {
		leave_silently(ep, QUIC_END_VERSION, "no version in common");
	} else if (error == NGTCP2_ERR_CRYPTO || ep->no_smb) {
		fail_tls(ep);
	} else {
		ngtcp2_ccerr_set_liberr(&ep->error, error, NULL, 0);
		start_close(ep);
		quic_ep_over(ep, QUIC_END_TRANSPORT, ep->error.error_code,
			ngtcp2_strerror(error));
	}
}

void quic_ep_fail_application(
	struct quic_ep *ep, enum quic_code code, const char *text)
{
	if (ep->phase >= QUIC_PHASE_CLOSING) {
		return;
	}
	ngtcp2_ccerr_set_application_error(&ep->error, code, NULL, 0);
	start_close(ep);
	quic_ep_over(ep, QUIC_END_APPLICATION, code, text);
}

void quic_ep_token(
	const struct quic_ep *ep, const ngtcp2_cid *cid, uint8_t ret[16])
{
	if (ep->config.secret == NULL ||
		ngtcp2_crypto_generate_stateless_reset_token(
			ret, ep->config.secret, 32, cid) != 0) {
		random_bytes(ret, 16);
	}
}

int quic_ep_new_cid(struct quic_ep *ep, ngtcp2_cid *ret_cid, size_t n)
{
	struct quic_cid id = {.n = (uint8_t)n};

	random_bytes(ret_cid->data, n);
	ret_cid->datalen = n;
	memcpy(id.bytes, ret_cid->data, n);
	return ep->user.cid_added != NULL
		       ? ep->user.cid_added(ep->user.ctx, &id)
		       : 0;
}

static void rand_cb(uint8_t *dest, size_t n, const ngtcp2_rand_ctx *rand_ctx)
{
	(void)rand_ctx;
	random_bytes(dest, n);
}

static int new_cid_cb(ngtcp2_conn *conn, ngtcp2_cid *cid, uint8_t *token,
	size_t n, void *user)
{
	struct quic_ep *ep = user;

	(void)conn;
	if (quic_ep_new_cid(ep, cid, n) != 0) {
		return NGTCP2_ERR_CALLBACK_FAILURE;
	}
	quic_ep_token(ep, cid, token);
	return 0;
}

static int remove_cid_cb(ngtcp2_conn *conn, const ngtcp2_cid *cid, void *user)
{
	struct quic_ep *ep = user;
	struct quic_cid id = {.n = (uint8_t)cid->datalen};

	(void)conn;
	memcpy(id.bytes, cid->data, cid->datalen);
	if (ep->user.cid_removed != NULL) {
		ep->user.cid_removed(ep->user.ctx, &id);
	}
	return 0;
}

static int handshake_completed_cb(ngtcp2_conn *conn, void *user)
{
	struct quic_ep *ep = user;

	(void)conn;
	/* A server has looked at the list in the ClientHello. */
	if (!ep->server && ep->config.peer.alpn == NULL &&
		!quic_tls_is_smb(ep->tls)) {
		ep->config.peer.alert = ALERT_NO_APPLICATION_PROTOCOL;
		ep->no_smb = true;
		return NGTCP2_ERR_CALLBACK_FAILURE;
	}
	if (ep->server) {
		quic_tls_offer_ticket(ep->config.tls, ep->tls);
	}
	ep->handshaken = true;
	return 0;
}

/* A peer may end the stream before anything has come on it. */
static bool is_main(const struct quic_ep *ep, int64_t id)
{
	return id == ep->stream || (ep->server && ep->stream < 0 && id == 0);
}

static int recv_stream_data_cb(ngtcp2_conn *conn, uint32_t flags, int64_t id,
	uint64_t offset, const uint8_t *p, size_t n, void *user,
	void *stream_user)
{
	struct quic_ep *ep = user;
	bool end = (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0;

	(void)offset;
	(void)stream_user;
	if (ep->user.bytes != NULL) {
		ep->user.bytes(ep->user.ctx, id, p, n, end);
		return 0;
	}
	if (id == ep->stream || !RULE(QUIC_STREAM_0005)) {
		quic_frames_input(ep, p, n);
	}
	if (end && id == ep->stream && RULE(QUIC_STREAM_0006)) {
		ep->stream_over = true;
	}
	if (ep->held && id == ep->stream) {
		ep->owed += n;
	} else if (RULE(QUIC_STREAM_0010)) {
		ngtcp2_conn_extend_max_stream_offset(conn, id, n);
		ngtcp2_conn_extend_max_offset(conn, n);
	}
	return 0;
}

static int acked_cb(ngtcp2_conn *conn, int64_t id, uint64_t offset, uint64_t n,
	void *user, void *stream_user)
{
	struct quic_ep *ep = user;
	struct quic_stream *stream = quic_stream_find(ep, id);

	(void)conn;
	(void)stream_user;
	if (stream != NULL) {
		quic_stream_acked(stream, offset + n);
		ep->out_progress = ep->now;
	}
	return 0;
}

static int stream_open_cb(ngtcp2_conn *conn, int64_t id, void *user)
{
	struct quic_ep *ep = user;
	bool uni = (id & 2) != 0;

	(void)conn;
	if (quic_stream_add(ep, id, !uni) == NULL) {
		return NGTCP2_ERR_CALLBACK_FAILURE;
	}
	if (ep->server && ep->stream < 0 && !uni) {
		ep->stream = id;
	}
	return 0;
}

static int stream_close_cb(ngtcp2_conn *conn, uint32_t flags, int64_t id,
	uint64_t code, void *user, void *stream_user)
{
	struct quic_ep *ep = user;
	struct quic_stream *stream = quic_stream_find(ep, id);

	(void)conn;
	(void)flags;
	(void)code;
	(void)stream_user;
	if (stream != NULL) {
		quic_stream_drop(stream);
		stream->id = -1;
	}
	ep->stream_over = ep->stream_over || id == ep->stream;
	return 0;
}

static int stream_reset_cb(ngtcp2_conn *conn, int64_t id, uint64_t size,
	uint64_t code, void *user, void *stream_user)
{
	struct quic_ep *ep = user;

	(void)conn;
	(void)size;
	(void)code;
	(void)stream_user;
	if (ep->user.bytes != NULL) {
		ep->user.bytes(ep->user.ctx, id, NULL, 0, true);
	}
	if (is_main(ep, id) && RULE(QUIC_STREAM_0007)) {
		ep->stream_over = true;
	}
	return 0;
}

static int stateless_reset_cb(
	ngtcp2_conn *conn, const ngtcp2_pkt_stateless_reset *reset, void *user)
{
	(void)conn;
	(void)reset;
	((struct quic_ep *)user)->was_reset = true;
	return 0;
}

void quic_ep_set_callbacks(ngtcp2_callbacks *ret_callbacks, bool server)
{
	*ret_callbacks = (ngtcp2_callbacks){
		.recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
		.encrypt = ngtcp2_crypto_encrypt_cb,
		.decrypt = ngtcp2_crypto_decrypt_cb,
		.hp_mask = ngtcp2_crypto_hp_mask_cb,
		.update_key = ngtcp2_crypto_update_key_cb,
		.delete_crypto_aead_ctx =
			ngtcp2_crypto_delete_crypto_aead_ctx_cb,
		.delete_crypto_cipher_ctx =
			ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
		.get_path_challenge_data =
			ngtcp2_crypto_get_path_challenge_data_cb,
		.version_negotiation = ngtcp2_crypto_version_negotiation_cb,
		.rand = rand_cb,
		.get_new_connection_id = new_cid_cb,
		.remove_connection_id = remove_cid_cb,
		.handshake_completed = handshake_completed_cb,
		.recv_stream_data = recv_stream_data_cb,
		.acked_stream_data_offset = acked_cb,
		.stream_open = stream_open_cb,
		.stream_close = stream_close_cb,
		.stream_reset = stream_reset_cb,
		.recv_stateless_reset = stateless_reset_cb,
	};
	if (server) {
		ret_callbacks->recv_client_initial =
			ngtcp2_crypto_recv_client_initial_cb;
	} else {
		ret_callbacks->client_initial = ngtcp2_crypto_client_initial_cb;
		ret_callbacks->recv_retry = ngtcp2_crypto_recv_retry_cb;
	}
}

void quic_ep_destroy(struct quic_ep *ep)
{
	if (ep == NULL) {
		return;
	}
	if (ep->conn != NULL) {
		ngtcp2_conn_del(ep->conn);
	}
	if (ep->tls != NULL) {
		quic_tls_session_end(ep->tls);
	}
	for (unsigned int i = 0; i < QUIC_STREAMS; i++) {
		quic_stream_drop(&ep->streams[i]);
	}
	quic_frames_finish(ep);
	free(ep);
}

bool quic_ep_is_ready(const struct quic_ep *ep)
{
	return ep->ready;
}

const struct quic_end *quic_ep_end(const struct quic_ep *ep)
{
	return &ep->end;
}

bool quic_ep_is_done(const struct quic_ep *ep)
{
	return ep->phase == QUIC_PHASE_DONE;
}

int64_t quic_ep_stream(const struct quic_ep *ep)
{
	return ep->stream;
}

gnutls_session_t quic_ep_tls(struct quic_ep *ep)
{
	return ep->tls;
}

void quic_ep_close(struct quic_ep *ep, uint64_t code, bool flush, uint64_t now)
{
	if (ep->phase >= QUIC_PHASE_CLOSING) {
		return;
	}
	ngtcp2_ccerr_set_application_error(&ep->error, code, NULL, 0);
	if (flush && quic_ep_queued(ep) > 0) {
		ep->phase = QUIC_PHASE_FLUSHING;
		ep->deadline = now + QUIC_FLUSH_NS;
		return;
	}
	start_close(ep);
	quic_ep_over(ep, QUIC_END_LOCAL, code, "closed");
}

void quic_ep_close_transport(struct quic_ep *ep, uint64_t code, uint64_t now)
{
	(void)now;
	if (ep->phase < QUIC_PHASE_CLOSING) {
		ngtcp2_ccerr_set_transport_error(&ep->error, code, NULL, 0);
		start_close(ep);
		quic_ep_over(ep, QUIC_END_LOCAL, code, "closed");
	}
}

static void peer_figures(struct quic_ep *ep, struct quic_ep_figures *figures)
{
	const ngtcp2_transport_params *peer =
		ngtcp2_conn_get_remote_transport_params(ep->conn);

	if (peer == NULL) {
		return;
	}
	figures->peer_idle_ns = peer->max_idle_timeout;
	figures->peer_streams_bidi = peer->initial_max_streams_bidi;
	figures->peer_streams_uni = peer->initial_max_streams_uni;
	figures->peer_data = peer->initial_max_data;
	figures->peer_stream_data =
		ep->server ? peer->initial_max_stream_data_bidi_local
			   : peer->initial_max_stream_data_bidi_remote;
	figures->peer_cids = peer->active_connection_id_limit;
	figures->peer_payload = peer->max_udp_payload_size;
	figures->peer_fixed = peer->disable_active_migration != 0;
}

void quic_ep_figures(struct quic_ep *ep, struct quic_ep_figures *ret_figures)
{
	struct quic_numbers numbers;

	quic_get_numbers(ep->conn, &numbers);
	memset(ret_figures, 0, sizeof(*ret_figures));
	ret_figures->sent = ep->datagrams_out;
	ret_figures->received = ep->datagrams_in;
	ret_figures->smoothed_rtt_ns = numbers.smoothed_rtt;
	ret_figures->cwnd = numbers.cwnd;
	ret_figures->resumed = gnutls_session_is_resumed(ep->tls) != 0;
	ret_figures->early_data = quic_tls_early_data(ep->config.tls);
	peer_figures(ep, ret_figures);
}

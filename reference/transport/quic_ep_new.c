/* SPDX-License-Identifier: MIT */
/* How an endpoint comes to be; see quic_ep.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/quic_ep_internal.h"

#define CLIENT_CID 8 /* as short as RFC 9000 lets a first id be */

static ngtcp2_conn *conn_of(ngtcp2_crypto_conn_ref *ref)
{
	return ((struct quic_ep *)ref->user_data)->conn;
}

static void put_hex(char *text, const gnutls_datum_t *bytes)
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned int i = 0; i < bytes->size; i++) {
		*text++ = digits[bytes->data[i] >> 4];
		*text++ = digits[bytes->data[i] & 15];
	}
	*text = '\0';
}

/* LABEL, the client's random bytes, the secret. */
static int on_secret(gnutls_session_t session, const char *label,
	const gnutls_datum_t *secret)
{
	ngtcp2_crypto_conn_ref *ref = gnutls_session_get_ptr(session);
	struct quic_ep *ep = ref->user_data;
	char random[2 * 32 + 1], text[2 * 64 + 1], line[300];
	gnutls_datum_t client, server;

	gnutls_session_get_random(session, &client, &server);
	if (client.size == 32 && secret->size <= 64) {
		put_hex(random, &client);
		put_hex(text, secret);
		snprintf(line, sizeof(line), "%s %s %s", label, random, text);
		ep->user.keylog(ep->user.ctx, line);
	}
	return 0;
}

static void set_defaults(struct quic_ep_config *config)
{
	if (config->idle_ns == 0) {
		config->idle_ns = QUIC_IDLE_NS;
	}
	if (config->handshake_ns == 0) {
		config->handshake_ns = QUIC_HANDSHAKE_NS;
	}
	if (config->window == 0) {
		config->window = QUIC_WINDOW;
	}
	if (config->version == 0) {
		config->version = QUIC_V1;
	}
	if (config->packet_max < QUIC_INITIAL_MIN ||
		config->packet_max > QUIC_PACKET_MAX) {
		config->packet_max = QUIC_PACKET_MAX;
	}
}

static int create(const struct quic_ep_config *config,
	const struct quic_ep_user *user, bool server, uint64_t now,
	struct quic_ep **ret_ep)
{
	struct quic_ep *ep = calloc(1, sizeof(*ep));
	int r;

	if (ep == NULL) {
		return -ENOMEM;
	}
	ep->config = *config;
	set_defaults(&ep->config);
	ep->user = *user;
	ep->server = server;
	ep->stream = -1;
	ep->now = now;
	ep->close_answer_at = 1;
	ep->nudge_at = UINT64_MAX;
	for (unsigned int i = 0; i < QUIC_STREAMS; i++) {
		ep->streams[i].id = -1;
	}
	ngtcp2_ccerr_default(&ep->error);
	ep->ref = (ngtcp2_crypto_conn_ref){conn_of, ep};
	r = quic_tls_session(config->tls, &ep->config.peer, &ep->ref, &ep->tls);
	if (r < 0) {
		quic_ep_destroy(ep);
		return r;
	}
	if (user->keylog != NULL) {
		gnutls_session_set_keylog_function(ep->tls, on_secret);
	}
	*ret_ep = ep;
	return 0;
}

static void fill_settings(
	const struct quic_ep *ep, ngtcp2_settings *ret_settings)
{
	ngtcp2_settings_default(ret_settings);
	ret_settings->initial_ts = ep->now;
	ret_settings->handshake_timeout = ep->config.handshake_ns;
	ret_settings->max_tx_udp_payload_size = ep->config.packet_max;
	ret_settings->ack_thresh = QUIC_ACK_EVERY;
	ret_settings->no_pmtud = ep->config.no_pmtud;
	if (ep->config.window >= QUIC_WINDOW) {
		ret_settings->max_window = QUIC_WINDOW_MAX;
		ret_settings->max_stream_window = QUIC_WINDOW_MAX;
	}
}

static void fill_params(
	const struct quic_ep *ep, ngtcp2_transport_params *ret_params)
{
	const struct quic_ep_config *config = &ep->config;

	ngtcp2_transport_params_default(ret_params);
	ret_params->initial_max_data = config->connection_window != 0
					       ? config->connection_window
					       : config->window;
	ret_params->initial_max_stream_data_bidi_local = config->window;
	ret_params->initial_max_stream_data_bidi_remote = config->window;
	ret_params->initial_max_stream_data_uni = config->window;
	ret_params->initial_max_streams_bidi = config->streams_bidi;
	ret_params->initial_max_streams_uni = config->streams_uni;
	ret_params->max_idle_timeout = config->idle_ns;
	ret_params->active_connection_id_limit = QUIC_CIDS - 1;
}

static int finish_new(struct quic_ep *ep, int error, struct quic_ep **ret_ep)
{
	if (error != 0) {
		ep->conn = NULL;
		quic_ep_destroy(ep);
		return error == NGTCP2_ERR_NOMEM ? -ENOMEM : -EINVAL;
	}
	ngtcp2_conn_set_tls_native_handle(ep->conn, ep->tls);
	*ret_ep = ep;
	return 0;
}

int quic_ep_connect(const struct quic_ep_config *config,
	const struct quic_ep_user *user, const struct quic_path *path,
	uint64_t now, struct quic_ep **ret_ep)
{
	ngtcp2_path where = quic_ep_path(path);
	ngtcp2_callbacks callbacks;
	ngtcp2_settings settings;
	ngtcp2_transport_params params;
	ngtcp2_cid dcid, scid;
	struct quic_ep *ep;
	int r;

	if (config->version != 0 &&
		!ngtcp2_is_supported_version(config->version)) {
		return -EINVAL;
	}
	r = create(config, user, false, now, &ep);
	if (r < 0) {
		return r;
	}
	quic_ep_set_callbacks(&callbacks, false);
	fill_settings(ep, &settings);
	fill_params(ep, &params);
	callbacks.rand(dcid.data, CLIENT_CID, NULL);
	dcid.datalen = CLIENT_CID;
	if (quic_ep_new_cid(ep, &scid, CLIENT_CID) != 0) {
		quic_ep_destroy(ep);
		return -ENOMEM;
	}
	r = ngtcp2_conn_client_new(&ep->conn, &dcid, &scid, &where,
		ep->config.version, &callbacks, &settings, &params, NULL, ep);
	return finish_new(ep, r, ret_ep);
}

static ngtcp2_cid cid_of(const struct quic_cid *id)
{
	ngtcp2_cid cid;

	ngtcp2_cid_init(&cid, id->bytes, id->n);
	return cid;
}

int quic_ep_accept(const struct quic_ep_config *config,
	const struct quic_ep_user *user, const struct quic_path *path,
	const struct quic_ep_hello *hello, uint64_t now,
	struct quic_ep **ret_ep)
{
	ngtcp2_path where = quic_ep_path(path);
	ngtcp2_cid client = cid_of(&hello->client), scid;
	ngtcp2_callbacks callbacks;
	ngtcp2_settings settings;
	ngtcp2_transport_params params;
	struct quic_ep *ep;
	int r = create(config, user, true, now, &ep);

	if (r < 0) {
		return r;
	}
	quic_ep_set_callbacks(&callbacks, true);
	fill_settings(ep, &settings);
	fill_params(ep, &params);
	if (quic_ep_new_cid(ep, &scid, QUIC_CID_BYTES) != 0) {
		quic_ep_destroy(ep);
		return -ENOMEM;
	}
	params.original_dcid =
		cid_of(hello->retried ? &hello->original : &hello->dcid);
#if QUIC_HAS_ORIGINAL_DCID_PRESENT
	params.original_dcid_present = 1;
#endif
	if (hello->retried) {
		params.retry_scid = cid_of(&hello->dcid);
		params.retry_scid_present = 1;
		quic_set_token(&settings, hello->token, hello->token_size);
	}
	params.stateless_reset_token_present = 1;
	quic_ep_token(ep, &scid, params.stateless_reset_token);
	r = ngtcp2_conn_server_new(&ep->conn, &client, &scid, &where,
		hello->version, &callbacks, &settings, &params, NULL, ep);
	return finish_new(ep, r, ret_ep);
}

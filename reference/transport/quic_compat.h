/* SPDX-License-Identifier: MIT */
/*
 * The differences between ngtcp2 0.12 (Debian 12) and 1.x, which is what the
 * rest is written for. Nothing else compares version numbers of ngtcp2.
 */
#ifndef SMB3X_TRANSPORT_QUIC_COMPAT_H
#define SMB3X_TRANSPORT_QUIC_COMPAT_H

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#if NGTCP2_VERSION_NUM < 0x000e00
#define QUIC_HAS_ORIGINAL_DCID_PRESENT 0
#define QUIC_PATH_VALIDATION_ARGS
#else
#define QUIC_HAS_ORIGINAL_DCID_PRESENT 1
#define QUIC_PATH_VALIDATION_ARGS const ngtcp2_path *fallback,
#endif

#if NGTCP2_VERSION_NUM < 0x000d00
#define quic_token_bytes(hd) ((hd)->token.base)
#define quic_token_size(hd) ((hd)->token.len)
static inline void quic_set_token(
	ngtcp2_settings *settings, const uint8_t *token, size_t n)
{
	settings->token.base = (uint8_t *)token;
	settings->token.len = n;
}
#else
#define quic_token_bytes(hd) ((hd)->token)
#define quic_token_size(hd) ((hd)->tokenlen)
static inline void quic_set_token(
	ngtcp2_settings *settings, const uint8_t *token, size_t n)
{
	settings->token = token;
	settings->tokenlen = n;
}
#endif

#if NGTCP2_VERSION_NUM < 0x000f00
typedef ngtcp2_connection_close_error ngtcp2_ccerr;
#define ngtcp2_ccerr_default ngtcp2_connection_close_error_default
#define ngtcp2_ccerr_set_liberr \
	ngtcp2_connection_close_error_set_transport_error_liberr
#define ngtcp2_ccerr_set_tls_alert \
	ngtcp2_connection_close_error_set_transport_error_tls_alert
#define ngtcp2_ccerr_set_transport_error \
	ngtcp2_connection_close_error_set_transport_error
#define ngtcp2_ccerr_set_application_error \
	ngtcp2_connection_close_error_set_application_error
#define NGTCP2_CCERR_TYPE_TRANSPORT \
	NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_TRANSPORT
#define NGTCP2_CCERR_TYPE_APPLICATION \
	NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_APPLICATION
static inline void quic_get_ccerr(ngtcp2_conn *conn, ngtcp2_ccerr *ret)
{
	ngtcp2_conn_get_connection_close_error(conn, ret);
}
#else
static inline void quic_get_ccerr(ngtcp2_conn *conn, ngtcp2_ccerr *ret)
{
	*ret = *ngtcp2_conn_get_ccerr(conn);
}
#endif

#if NGTCP2_VERSION_NUM < 0x001000
#define ngtcp2_conn_in_closing_period ngtcp2_conn_is_in_closing_period
#define ngtcp2_conn_in_draining_period ngtcp2_conn_is_in_draining_period
#define ngtcp2_encryption_level ngtcp2_crypto_level
#define quic_shutdown_stream(conn, id, code) \
	ngtcp2_conn_shutdown_stream((conn), (id), (code))
#define quic_shutdown_stream_write(conn, id, code) \
	ngtcp2_conn_shutdown_stream_write((conn), (id), (code))
#define quic_shutdown_stream_read(conn, id, code) \
	ngtcp2_conn_shutdown_stream_read((conn), (id), (code))
#else
#define quic_shutdown_stream(conn, id, code) \
	ngtcp2_conn_shutdown_stream((conn), 0, (id), (code))
#define quic_shutdown_stream_write(conn, id, code) \
	ngtcp2_conn_shutdown_stream_write((conn), 0, (id), (code))
#define quic_shutdown_stream_read(conn, id, code) \
	ngtcp2_conn_shutdown_stream_read((conn), 0, (id), (code))
#endif

struct quic_numbers {
	ngtcp2_duration smoothed_rtt;
	uint64_t cwnd;
};

static inline void quic_get_numbers(
	ngtcp2_conn *conn, struct quic_numbers *ret_numbers)
{
#if NGTCP2_VERSION_NUM < 0x000e00
	ngtcp2_conn_stat info;

	ngtcp2_conn_get_conn_stat(conn, &info);
#else
	ngtcp2_conn_info info;

	ngtcp2_conn_get_conn_info(conn, &info);
#endif
	ret_numbers->smoothed_rtt = info.smoothed_rtt;
	ret_numbers->cwnd = info.cwnd;
}

#endif

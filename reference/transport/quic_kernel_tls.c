/* SPDX-License-Identifier: MIT */
/*
 * The TLS handshake of a QUIC socket of the kernel: its messages go through
 * control messages, transport parameters and secrets through socket options.
 * RFC 9001
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/quic_kernel_internal.h"

#define ROOM 16384
#define PARAMETERS 0x39 /* the extension; RFC 9001, section 8.2 */
#define CRYPTO_ERROR 0x100u
#define ALERT_INTERNAL 80

struct piece {
	struct piece *next;
	size_t n;
	uint8_t level;
	uint8_t bytes[];
};

struct kernel_tls {
	int fd, error; /* error: of a socket option inside of GnuTLS */
	struct quic_tls_peer peer;
	gnutls_session_t session;
	struct piece *out, **out_last; /* to be sent */
	bool complete;
	char why[160];
	uint8_t in[ROOM];
};

static uint8_t level_of(gnutls_record_encryption_level_t level)
{
	switch (level) {
	case GNUTLS_ENCRYPTION_LEVEL_INITIAL:
		return KQUIC_INITIAL;
	case GNUTLS_ENCRYPTION_LEVEL_EARLY:
		return KQUIC_EARLY;
	case GNUTLS_ENCRYPTION_LEVEL_HANDSHAKE:
		return KQUIC_HANDSHAKE;
	default:
		return KQUIC_APP;
	}
}

static uint32_t cipher_of(gnutls_session_t session)
{
	switch (gnutls_cipher_get(session)) {
	case GNUTLS_CIPHER_AES_128_GCM:
		return KQUIC_AES_GCM_128;
	case GNUTLS_CIPHER_AES_256_GCM:
		return KQUIC_AES_GCM_256;
	case GNUTLS_CIPHER_AES_128_CCM:
		return KQUIC_AES_CCM_128;
	default:
		return KQUIC_CHACHA20_POLY1305;
	}
}

static int set_option(
	struct kernel_tls *handshake, int option, const void *p, size_t n)
{
	if (setsockopt(handshake->fd, KQUIC_LEVEL, option, p, (socklen_t)n) <
		0) {
		handshake->error = -errno;
		return -1;
	}
	return 0;
}

static int set_secret(struct kernel_tls *handshake, bool out, uint8_t level,
	const void *p, size_t n)
{
	struct kquic_secret secret = {.send = out,
		.level = level,
		.type = cipher_of(handshake->session)};
	int r;

	if (n > sizeof(secret.secret)) {
		return -1;
	}
	memcpy(secret.secret, p, n);
	r = set_option(handshake, KQUIC_CRYPTO_SECRET, &secret, sizeof(secret));
	gnutls_memset(&secret, 0, sizeof(secret));
	return r;
}

static int got_secret(gnutls_session_t session,
	gnutls_record_encryption_level_t level, const void *in, const void *out,
	size_t n)
{
	struct kernel_tls *handshake = gnutls_session_get_ptr(session);
	uint8_t wanted = level_of(level);

	if (in != NULL && set_secret(handshake, false, wanted, in, n) < 0) {
		return -1;
	}
	if (out != NULL && set_secret(handshake, true, wanted, out, n) < 0) {
		return -1;
	}
	return 0;
}

/* GnuTLS has written a message. */
static int got_message(gnutls_session_t session,
	gnutls_record_encryption_level_t level,
	gnutls_handshake_description_t type, const void *p, size_t n)
{
	struct kernel_tls *handshake = gnutls_session_get_ptr(session);
	struct piece *piece;

	if (type == GNUTLS_HANDSHAKE_CHANGE_CIPHER_SPEC) {
		return 0;
	}
	piece = malloc(sizeof(*piece) + n);
	if (piece == NULL) {
		return -1;
	}
	piece->next = NULL;
	piece->level = level_of(level);
	piece->n = n;
	memcpy(piece->bytes, p, n);
	*handshake->out_last = piece;
	handshake->out_last = &piece->next;
	return 0;
}

static int got_alert(gnutls_session_t session,
	gnutls_record_encryption_level_t level, gnutls_alert_level_t severity,
	gnutls_alert_description_t alert)
{
	struct kernel_tls *handshake = gnutls_session_get_ptr(session);

	(void)level;
	(void)severity;
	if (handshake->peer.alert == 0) {
		handshake->peer.alert = (uint8_t)alert;
	}
	return 0;
}

static int got_params(
	gnutls_session_t session, const unsigned char *p, size_t n)
{
	return set_option(gnutls_session_get_ptr(session),
		KQUIC_TRANSPORT_PARAM_EXT, p, n);
}

static int put_params(gnutls_session_t session, gnutls_buffer_t ret_extension)
{
	struct kernel_tls *handshake = gnutls_session_get_ptr(session);
	uint8_t params[256];
	socklen_t n = sizeof(params);

	if (getsockopt(handshake->fd, KQUIC_LEVEL, KQUIC_TRANSPORT_PARAM_EXT,
		    params, &n) < 0) {
		handshake->error = -errno;
		return GNUTLS_E_INTERNAL_ERROR;
	}
	return gnutls_buffer_append_data(ret_extension, params, n) < 0
		       ? GNUTLS_E_MEMORY_ERROR
		       : (int)n;
}

static int set_glue(gnutls_session_t session)
{
	gnutls_handshake_set_secret_function(session, got_secret);
	gnutls_handshake_set_read_function(session, got_message);
	gnutls_alert_set_read_function(session, got_alert);
	return gnutls_session_ext_register(session, "quic_parameters",
		PARAMETERS, GNUTLS_EXT_TLS, got_params, put_params, NULL, NULL,
		NULL,
		GNUTLS_EXT_FLAG_TLS | GNUTLS_EXT_FLAG_CLIENT_HELLO |
			GNUTLS_EXT_FLAG_EE);
}

int kernel_tls_create(
	struct quic_tls *tls, int fd, struct kernel_tls **ret_handshake)
{
	struct kernel_tls *handshake = calloc(1, sizeof(*handshake));
	int r;

	if (handshake == NULL) {
		return -ENOMEM;
	}
	handshake->fd = fd;
	handshake->out_last = &handshake->out;
	handshake->peer.glue = set_glue;
	r = quic_tls_session(
		tls, &handshake->peer, handshake, &handshake->session);
	if (r < 0) {
		free(handshake);
		return r;
	}
	*ret_handshake = handshake;
	return 0;
}

static void drop_piece(struct kernel_tls *handshake)
{
	struct piece *piece = handshake->out;

	handshake->out = piece->next;
	if (handshake->out == NULL) {
		handshake->out_last = &handshake->out;
	}
	free(piece);
}

void kernel_tls_destroy(struct kernel_tls *handshake)
{
	if (handshake == NULL) {
		return;
	}
	while (handshake->out != NULL) {
		drop_piece(handshake);
	}
	quic_tls_session_end(handshake->session);
	free(handshake);
}

const char *kernel_tls_why(const struct kernel_tls *handshake)
{
	return handshake->why;
}

/* What the kernel tells the client when the socket is closed. */
static int fail(struct kernel_tls *handshake, int code)
{
	struct kquic_close end = {0};
	int severity, alert = gnutls_error_to_alert(code, &severity);

	if (handshake->peer.alert != 0) {
		alert = handshake->peer.alert;
	}
	end.code = CRYPTO_ERROR |
		   (alert > 0 ? (uint32_t)alert : (uint32_t)ALERT_INTERNAL);
	snprintf(handshake->why, sizeof(handshake->why), "%s",
		handshake->peer.refusal[0] != '\0' ? handshake->peer.refusal
		: handshake->error != 0            ? strerror(-handshake->error)
						   : gnutls_strerror(code));
	(void)setsockopt(handshake->fd, KQUIC_LEVEL, KQUIC_CONNECTION_CLOSE,
		&end, sizeof(end));
	return -EPROTO;
}

static int flush(struct kernel_tls *handshake)
{
	while (handshake->out != NULL) {
		struct piece *piece = handshake->out;
		int n = kernel_socket_send_crypto(
			handshake->fd, piece->bytes, piece->n, piece->level);

		if (n < 0) {
			return n;
		}
		if ((size_t)n < piece->n) {
			piece->n -= (size_t)n;
			memmove(piece->bytes, piece->bytes + n, piece->n);
		} else {
			drop_piece(handshake);
		}
	}
	return 0;
}

static gnutls_record_encryption_level_t level_from(uint8_t level)
{
	switch (level) {
	case KQUIC_INITIAL:
		return GNUTLS_ENCRYPTION_LEVEL_INITIAL;
	case KQUIC_EARLY:
		return GNUTLS_ENCRYPTION_LEVEL_EARLY;
	case KQUIC_HANDSHAKE:
		return GNUTLS_ENCRYPTION_LEVEL_HANDSHAKE;
	default:
		return GNUTLS_ENCRYPTION_LEVEL_APPLICATION;
	}
}

static bool goes_on(int code)
{
	return code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED;
}

static int feed(struct kernel_tls *handshake, size_t n, uint8_t level)
{
	int r = gnutls_handshake_write(
		handshake->session, level_from(level), handshake->in, n);

	if (r >= 0 || goes_on(r)) {
		r = gnutls_handshake(handshake->session);
	}
	if (r < 0 && !goes_on(r)) {
		return fail(handshake, r);
	}
	if (r == GNUTLS_E_SUCCESS) {
		if (!quic_tls_is_smb(handshake->session)) {
			return fail(
				handshake, GNUTLS_E_NO_APPLICATION_PROTOCOL);
		}
		handshake->complete = true;
	}
	return 0;
}

int kernel_tls_step(struct kernel_tls *handshake, bool *ret_write)
{
	uint8_t level;
	int n, r;

	for (;;) {
		r = flush(handshake);
		*ret_write = r == -EAGAIN;
		if (r == -EAGAIN || (r == 0 && handshake->complete)) {
			return r == 0;
		}
		n = r == 0 ? kernel_socket_receive_crypto(
				     handshake->fd, handshake->in, ROOM, &level)
			   : r;
		if (n == -EAGAIN) {
			return 0;
		}
		if (n < 0) {
			snprintf(handshake->why, sizeof(handshake->why), "%s",
				strerror(-n));
			return n;
		}
		r = feed(handshake, (size_t)n, level);
		if (r < 0) {
			return r;
		}
	}
}

/* SPDX-License-Identifier: MIT */
/* Handshake messages and keys, which come from the process; RFC 9001. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quic-preload.h"

#define TAG 16 /* bytes that encryption adds */

#if NGTCP2_VERSION_NUM < 0x001000
#define LEVEL(name) NGTCP2_CRYPTO_LEVEL_##name
#define LEVEL_APP NGTCP2_CRYPTO_LEVEL_APPLICATION
#else
#define LEVEL(name) NGTCP2_ENCRYPTION_LEVEL_##name
#define LEVEL_APP NGTCP2_ENCRYPTION_LEVEL_1RTT
#endif
#if NGTCP2_VERSION_NUM < 0x000d00
#define handshake_completed ngtcp2_conn_handshake_completed
#else
#define handshake_completed ngtcp2_conn_tls_handshake_completed
#endif

static struct crypto *crypto_create(uint8_t level, const void *p, size_t n)
{
	struct crypto *crypto = malloc(sizeof(*crypto) + n);

	if (crypto != NULL) {
		*crypto = (struct crypto){.n = n, .level = level};
		memcpy(crypto->bytes, p, n);
	}
	return crypto;
}

void preload_crypto_free(struct crypto *list)
{
	struct crypto *next;

	for (; list != NULL; list = next) {
		next = list->next;
		free(list);
	}
}

int preload_recv_crypto(ngtcp2_conn *conn, ngtcp2_encryption_level level,
	uint64_t offset, const uint8_t *p, size_t n, void *ctx)
{
	struct sock *sock = ctx;
	struct crypto **place = &sock->to_read, *crypto;
	bool was_empty = sock->to_read == NULL;
	uint8_t of = level == LEVEL(INITIAL)     ? KQUIC_INITIAL
		     : level == LEVEL(HANDSHAKE) ? KQUIC_HANDSHAKE
						 : KQUIC_APP;

	(void)conn;
	(void)offset;
	if (sock->secrets[0]) {
		return 0; /* a client has nothing more to say */
	}
	crypto = crypto_create(of, p, n);
	if (crypto == NULL) {
		return NGTCP2_ERR_CALLBACK_FAILURE;
	}
	while (*place != NULL) {
		place = &(*place)->next;
	}
	*place = crypto;
	if (was_empty) {
		preload_signal(sock);
	}
	return 0;
}

int preload_submit(struct sock *sock, uint8_t level, const void *p, size_t n)
{
	struct crypto *crypto = crypto_create(level, p, n);
	int r;

	if (crypto == NULL) {
		return -ENOMEM;
	}
	crypto->next = sock->kept;
	sock->kept = crypto;
	r = ngtcp2_conn_submit_crypto_data(sock->conn,
		level == KQUIC_INITIAL     ? LEVEL(INITIAL)
		: level == KQUIC_HANDSHAKE ? LEVEL(HANDSHAKE)
					   : LEVEL_APP,
		crypto->bytes, n);
	return r != 0 ? -EINVAL : 0;
}

/* What ngtcp2's helpers for GnuTLS keep in such a context. */
static void set_context(ngtcp2_conn *conn, uint32_t type)
{
	gnutls_cipher_algorithm_t aead = GNUTLS_CIPHER_AES_128_GCM;
	gnutls_cipher_algorithm_t mask = GNUTLS_CIPHER_AES_128_CBC;
	gnutls_digest_algorithm_t digest = GNUTLS_DIG_SHA256;
	ngtcp2_crypto_ctx context;

	if (type == KQUIC_AES_GCM_256) {
		aead = GNUTLS_CIPHER_AES_256_GCM;
		mask = GNUTLS_CIPHER_AES_256_CBC;
		digest = GNUTLS_DIG_SHA384;
	} else if (type == KQUIC_AES_CCM_128) {
		aead = GNUTLS_CIPHER_AES_128_CCM;
	} else if (type == KQUIC_CHACHA20_POLY1305) {
		aead = GNUTLS_CIPHER_CHACHA20_POLY1305;
		mask = GNUTLS_CIPHER_CHACHA20_32;
	}
	memset(&context, 0, sizeof(context));
	context.aead.native_handle = (void *)(uintptr_t)aead;
	context.aead.max_overhead = TAG;
	context.md.native_handle = (void *)(uintptr_t)digest;
	context.hp.native_handle = (void *)(uintptr_t)mask;
	context.max_encryption = UINT64_C(1) << 23;
	context.max_decryption_failure = UINT64_C(1) << 36;
	ngtcp2_conn_set_crypto_ctx(conn, &context);
}

int preload_secret(struct sock *sock, const struct kquic_secret *secret)
{
	ngtcp2_encryption_level level =
		secret->level == KQUIC_HANDSHAKE ? LEVEL(HANDSHAKE) : LEVEL_APP;
	size_t n = secret->type == KQUIC_AES_GCM_256 ? 48 : 32;
	int r;

	if (secret->level != KQUIC_HANDSHAKE && secret->level != KQUIC_APP) {
		return -EINVAL;
	}
	if (ngtcp2_conn_get_crypto_ctx(sock->conn)->aead.native_handle ==
		NULL) {
		set_context(sock->conn, secret->type);
	}
	r = secret->send ? ngtcp2_crypto_derive_and_install_tx_key(sock->conn,
				   NULL, NULL, NULL, level, secret->secret, n)
			 : ngtcp2_crypto_derive_and_install_rx_key(sock->conn,
				   NULL, NULL, NULL, level, secret->secret, n);
	if (r != 0) {
		return -EINVAL;
	}
	if (secret->level == KQUIC_APP) {
		sock->secrets[secret->send != 0] = true;
		if (!secret->send) {
			handshake_completed(sock->conn);
		}
	}
	return 0;
}

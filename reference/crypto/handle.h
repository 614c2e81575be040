/* SPDX-License-Identifier: MIT */
/*
 * Inside crypto/ only: the GnuTLS handle that belongs to a key, made on first
 * use and kept per thread.
 */
#ifndef SMB3X_CRYPTO_HANDLE_H
#define SMB3X_CRYPTO_HANDLE_H

#include <gnutls/crypto.h>

#include "crypto/crypto.h"

/* Valid until the next call of these two in the same thread; NULL without
 * memory or for an algorithm that is not of that kind. */
gnutls_hmac_hd_t handle_mac(const struct crypto_key *key);
gnutls_aead_cipher_hd_t handle_aead(
	gnutls_cipher_algorithm_t cipher, const struct crypto_key *key);

/* Ends the handles that the calling thread made from key. */
void handle_forget(const struct crypto_key *key);

#endif

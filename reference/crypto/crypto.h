/* SPDX-License-Identifier: MIT */
/*
 * Keys, preauthentication hash, signatures and encryption of SMB 2 and 3:
 * [MS-SMB2] 3.1.4.1 to 3.1.4.4, 3.2.5.3.1, 3.3.5.5.3, 2.2.41. The primitives
 * are GnuTLS's; nothing above this header sees them.
 *
 * All functions may be called from any thread; per thread, the cipher handles
 * of the keys that were used last are kept. Errors: 0 or negative errno;
 * -EINVAL is a caller's mistake (unknown algorithm, message too short),
 * -ENOMEM, -EIO when GnuTLS fails, -EBADMSG when a message is not authentic.
 */
#ifndef SMB3X_CRYPTO_CRYPTO_H
#define SMB3X_CRYPTO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

#define CRYPTO_PREAUTH_SIZE 64
#define CRYPTO_SIGNATURE_SIZE 16
/* What crypto_seal() puts in front of the ciphertext. */
#define CRYPTO_TRANSFORM_SIZE 52

/* Signing algorithms, as in SMB2_SIGNING_CAPABILITIES ([MS-SMB2] 2.2.3.1.7) */
enum crypto_signing {
	CRYPTO_SIGN_HMAC_SHA256 = 0,
	CRYPTO_SIGN_AES_CMAC = 1,
	CRYPTO_SIGN_AES_GMAC = 2,
};

/* Ciphers, as in SMB2_ENCRYPTION_CAPABILITIES ([MS-SMB2] 2.2.3.1.2) */
enum crypto_cipher {
	CRYPTO_CIPHER_NONE = 0,
	CRYPTO_CIPHER_AES_128_CCM = 1,
	CRYPTO_CIPHER_AES_128_GCM = 2,
	CRYPTO_CIPHER_AES_256_CCM = 3,
	CRYPTO_CIPHER_AES_256_GCM = 4,
};

/* A key and what it is for; a plain value, copied by assignment. */
struct crypto_key {
	uint16_t algorithm; /* enum crypto_signing or enum crypto_cipher */
	unsigned int size;  /* bytes used, 16 or 32; 0 = no key */
	uint8_t bytes[32];
};

/* The keys of a session (or, signing only, of a channel), by direction. */
struct crypto_keys {
	struct crypto_key signing;
	struct crypto_key client_to_server; /* size 0 before dialect 3.0 */
	struct crypto_key server_to_client;
	struct crypto_key application;
};

/* Overwrites a key and the calling thread's cipher handle made from it. */
void crypto_key_wipe(struct crypto_key *key);

/*
 * Derives the keys of an authenticated session. full_key is the mechanism's
 * whole session key (any size > 0): its first 16 bytes, zero-padded, are
 * Session.SessionKey; the 256-bit ciphers of dialect 3.1.1 derive their keys
 * from all of it. preauth is the session's hash and only read for 3.1.1 (may
 * be NULL otherwise). cipher 0 leaves both encryption keys empty; for 3.0 and
 * 3.0.2 give AES-128-CCM. Below 3.1.1 signing is ignored: the dialect
 * determines it. [MS-SMB2] 3.1.4.2, 3.3.5.5.3
 */
int crypto_derive(uint16_t dialect, const uint8_t *full_key,
	unsigned int full_size, const uint8_t *preauth, uint16_t cipher,
	uint16_t signing, struct crypto_keys *ret_keys);

/* The key-derivation function alone: SP800-108, counter mode, r = 32,
 * HMAC-SHA256. Label and context include their terminating zero where the
 * document counts it. size is 16 or 32. */
int crypto_kdf(struct wire_view key, struct wire_view label,
	struct wire_view context, uint8_t *ret_bytes, unsigned int size);

/* hash = SHA-512(hash || message); begins with zeroes. [MS-SMB2] 3.1.4.4.1 */
int crypto_preauth_update(
	uint8_t hash[CRYPTO_PREAUTH_SIZE], struct wire_view message);

/*
 * Computes the signature of one element of a (possibly compounded) message
 * and writes it into the header's Signature field, whose old content does not
 * matter. pdu is the whole element with its padding, at least 64 bytes; the
 * caller has set SMB2_FLAGS_SIGNED. MessageId, command and direction, which
 * make the nonce of AES-GMAC, are taken from the header. [MS-SMB2] 3.1.4.1
 */
int crypto_sign(const struct crypto_key *key, uint8_t *pdu, size_t n);

/* Whether the Signature field is right; in constant time. False on any
 * error. [MS-SMB2] 3.1.5.1 */
bool crypto_verify(const struct crypto_key *key, struct wire_view pdu);

/*
 * Encrypts a message: writes an SMB2 TRANSFORM_HEADER and the ciphertext,
 * plain.n + 52 bytes. plain may already lie at ret_out + 52. Of nonce the
 * first 11 (CCM) or 12 (GCM) bytes are used, and must never repeat for a
 * key; the rest of the field is sent as zeroes. [MS-SMB2] 3.1.4.3
 */
int crypto_seal(const struct crypto_key *key, const uint8_t nonce[16],
	uint64_t session_id, struct wire_view plain, uint8_t *ret_out);

/*
 * Decrypts in place a message that begins with a TRANSFORM_HEADER, whose
 * fields the caller has judged. *ret_plain is a view into message. On
 * -EBADMSG (tag wrong, or OriginalMessageSize is not the rest of the message)
 * the content of message is undefined.
 */
int crypto_open(const struct crypto_key *key, uint8_t *message, size_t n,
	struct wire_view *ret_plain);

/* Bytes of a cipher's key: 16, 32, or 0 for an unknown one. */
unsigned int crypto_key_size(uint16_t cipher);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Encryption of whole messages behind an SMB2 TRANSFORM_HEADER: [MS-SMB2]
 * 2.2.41, 3.1.4.3.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include <gnutls/gnutls.h>

#include "crypto/handle.h"

/* SMB2 TRANSFORM_HEADER */
#define TRANSFORM_SIGNATURE 4
#define TRANSFORM_NONCE 20
#define TRANSFORM_ORIGINAL_SIZE 36
#define TRANSFORM_FLAGS 42
#define TRANSFORM_SESSION_ID 44
#define TRANSFORM_FLAG_ENCRYPTED 0x0001

static const uint8_t transform_protocol[4] = {0xfd, 'S', 'M', 'B'};

static const struct {
	gnutls_cipher_algorithm_t algorithm;
	unsigned int key_size, nonce_size;
} ciphers[] = {
	[CRYPTO_CIPHER_AES_128_CCM] = {GNUTLS_CIPHER_AES_128_CCM, 16, 11},
	[CRYPTO_CIPHER_AES_128_GCM] = {GNUTLS_CIPHER_AES_128_GCM, 16, 12},
	[CRYPTO_CIPHER_AES_256_CCM] = {GNUTLS_CIPHER_AES_256_CCM, 32, 11},
	[CRYPTO_CIPHER_AES_256_GCM] = {GNUTLS_CIPHER_AES_256_GCM, 32, 12},
};

static bool cipher_known(uint16_t cipher)
{
	return cipher != CRYPTO_CIPHER_NONE &&
	       cipher < sizeof(ciphers) / sizeof(ciphers[0]);
}

unsigned int crypto_key_size(uint16_t cipher)
{
	return cipher_known(cipher) ? ciphers[cipher].key_size : 0;
}

void crypto_key_wipe(struct crypto_key *key)
{
	handle_forget(key);
	gnutls_memset(key, 0, sizeof(*key));
}

static void transform_header(uint16_t cipher, const uint8_t nonce[16],
	uint64_t session_id, size_t n, uint8_t *ret_header)
{
	uint32_t size = htole32((uint32_t)n);
	uint16_t flags = htole16(TRANSFORM_FLAG_ENCRYPTED);
	uint64_t id = htole64(session_id);

	memset(ret_header, 0, CRYPTO_TRANSFORM_SIZE);
	memcpy(ret_header, transform_protocol, sizeof(transform_protocol));
	memcpy(ret_header + TRANSFORM_NONCE, nonce, ciphers[cipher].nonce_size);
	memcpy(ret_header + TRANSFORM_ORIGINAL_SIZE, &size, sizeof(size));
	memcpy(ret_header + TRANSFORM_FLAGS, &flags, sizeof(flags));
	memcpy(ret_header + TRANSFORM_SESSION_ID, &id, sizeof(id));
}

int crypto_seal(const struct crypto_key *key, const uint8_t nonce[16],
	uint64_t session_id, struct wire_view plain, uint8_t *ret_out)
{
	uint8_t *text = ret_out + CRYPTO_TRANSFORM_SIZE;
	size_t tag_size = CRYPTO_SIGNATURE_SIZE;
	struct iovec auth, body = {text, plain.n};
	gnutls_aead_cipher_hd_t aead;

	if (!cipher_known(key->algorithm) || plain.n > UINT32_MAX) {
		return -EINVAL;
	}
	aead = handle_aead(ciphers[key->algorithm].algorithm, key);
	if (aead == NULL) {
		return -ENOMEM;
	}
	if (plain.n > 0 && plain.p != text) {
		memmove(text, plain.p, plain.n);
	}
	transform_header(key->algorithm, nonce, session_id, plain.n, ret_out);
	auth.iov_base = ret_out + TRANSFORM_NONCE;
	auth.iov_len = CRYPTO_TRANSFORM_SIZE - TRANSFORM_NONCE;
	if (gnutls_aead_cipher_encryptv2(aead, nonce,
		    ciphers[key->algorithm].nonce_size, &auth, 1, &body, 1,
		    ret_out + TRANSFORM_SIGNATURE, &tag_size) < 0) {
		return -EIO;
	}
	return 0;
}

int crypto_open(const struct crypto_key *key, uint8_t *message, size_t n,
	struct wire_view *ret_plain)
{
	gnutls_aead_cipher_hd_t aead;
	struct iovec auth, body;
	uint32_t size;
	int r;

	if (!cipher_known(key->algorithm) || n < CRYPTO_TRANSFORM_SIZE) {
		return -EINVAL;
	}
	memcpy(&size, message + TRANSFORM_ORIGINAL_SIZE, sizeof(size));
	if (le32toh(size) != n - CRYPTO_TRANSFORM_SIZE) {
		return -EBADMSG;
	}
	aead = handle_aead(ciphers[key->algorithm].algorithm, key);
	if (aead == NULL) {
		return -ENOMEM;
	}
	auth.iov_base = message + TRANSFORM_NONCE;
	auth.iov_len = CRYPTO_TRANSFORM_SIZE - TRANSFORM_NONCE;
	body.iov_base = message + CRYPTO_TRANSFORM_SIZE;
	body.iov_len = n - CRYPTO_TRANSFORM_SIZE;
	r = gnutls_aead_cipher_decryptv2(aead, message + TRANSFORM_NONCE,
		ciphers[key->algorithm].nonce_size, &auth, 1, &body, 1,
		message + TRANSFORM_SIGNATURE, CRYPTO_SIGNATURE_SIZE);
	if (r < 0) {
		return r == GNUTLS_E_DECRYPTION_FAILED ? -EBADMSG : -EIO;
	}
	*ret_plain = wire_view_of(body.iov_base, body.iov_len);
	return 0;
}

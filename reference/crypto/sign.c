/* SPDX-License-Identifier: MIT */
/*
 * Signatures over one element of a message: [MS-SMB2] 3.1.4.1, 3.1.5.1.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include <gnutls/gnutls.h>

#include "crypto/handle.h"

/* Fields of the SMB2 header that matter here: [MS-SMB2] 2.2.1. */
#define HEADER_SIZE 64
#define HEADER_COMMAND 12
#define HEADER_FLAGS 16
#define HEADER_MESSAGE_ID 24
#define HEADER_SIGNATURE 48
#define FLAG_SERVER_TO_REDIR 0x01
#define COMMAND_CANCEL 0x000c

#define GMAC_NONCE_SIZE 12
#define GMAC_SERVER 0x01
#define GMAC_CANCEL 0x02

static const uint8_t no_signature[CRYPTO_SIGNATURE_SIZE];

static int sign_mac(const struct crypto_key *key, struct wire_view pdu,
	uint8_t ret_signature[CRYPTO_SIGNATURE_SIZE])
{
	gnutls_hmac_hd_t mac = handle_mac(key);
	uint8_t digest[32];
	int error;

	if (mac == NULL) {
		return -ENOMEM;
	}
	error = gnutls_hmac(mac, pdu.p, HEADER_SIGNATURE) < 0 ||
		gnutls_hmac(mac, no_signature, sizeof(no_signature)) < 0 ||
		(pdu.n > HEADER_SIZE && gnutls_hmac(mac, pdu.p + HEADER_SIZE,
						pdu.n - HEADER_SIZE) < 0);
	gnutls_hmac_output(mac, digest);
	if (error) {
		return -EIO;
	}
	memcpy(ret_signature, digest, CRYPTO_SIGNATURE_SIZE);
	return 0;
}

/* GMAC is GCM with nothing to encrypt. */
static int sign_gmac(const struct crypto_key *key, struct wire_view pdu,
	uint8_t ret_signature[CRYPTO_SIGNATURE_SIZE])
{
	gnutls_aead_cipher_hd_t aead =
		handle_aead(GNUTLS_CIPHER_AES_128_GCM, key);
	uint8_t nonce[GMAC_NONCE_SIZE] = {0};
	size_t size = CRYPTO_SIGNATURE_SIZE;
	struct iovec parts[3] = {
		{(void *)pdu.p, HEADER_SIGNATURE},
		{(void *)no_signature, sizeof(no_signature)},
		{(void *)(pdu.p + HEADER_SIZE), pdu.n - HEADER_SIZE},
	};

	if (aead == NULL) {
		return -ENOMEM;
	}
	memcpy(nonce, pdu.p + HEADER_MESSAGE_ID, 8);
	if (pdu.p[HEADER_FLAGS] & FLAG_SERVER_TO_REDIR) {
		nonce[8] |= GMAC_SERVER;
	}
	if (pdu.p[HEADER_COMMAND] == COMMAND_CANCEL &&
		pdu.p[HEADER_COMMAND + 1] == 0) {
		nonce[8] |= GMAC_CANCEL;
	}
	if (gnutls_aead_cipher_encryptv2(aead, nonce, sizeof(nonce), parts,
		    pdu.n > HEADER_SIZE ? 3 : 2, NULL, 0, ret_signature,
		    &size) < 0) {
		return -EIO;
	}
	return 0;
}

static int signature_of(const struct crypto_key *key, struct wire_view pdu,
	uint8_t ret_signature[CRYPTO_SIGNATURE_SIZE])
{
	if (pdu.n < HEADER_SIZE) {
		return -EINVAL;
	}
	switch (key->algorithm) {
	case CRYPTO_SIGN_HMAC_SHA256:
	case CRYPTO_SIGN_AES_CMAC:
		return sign_mac(key, pdu, ret_signature);
	case CRYPTO_SIGN_AES_GMAC:
		return sign_gmac(key, pdu, ret_signature);
	default:
		return -EINVAL;
	}
}

int crypto_sign(const struct crypto_key *key, uint8_t *pdu, size_t n)
{
	uint8_t signature[CRYPTO_SIGNATURE_SIZE];
	int r = signature_of(key, wire_view_of(pdu, n), signature);

	if (r < 0) {
		return r;
	}
	memcpy(pdu + HEADER_SIGNATURE, signature, sizeof(signature));
	return 0;
}

bool crypto_verify(const struct crypto_key *key, struct wire_view pdu)
{
	uint8_t signature[CRYPTO_SIGNATURE_SIZE];

	return signature_of(key, pdu, signature) == 0 &&
	       gnutls_memcmp(pdu.p + HEADER_SIGNATURE, signature,
		       sizeof(signature)) == 0;
}

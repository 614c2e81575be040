/* SPDX-License-Identifier: MIT */
/*
 * Key derivation and the preauthentication integrity hash: [MS-SMB2] 3.1.4.2,
 * 3.1.4.4.1, 3.3.5.5.3 and NIST SP800-108, section 5.1.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "crypto/crypto.h"

#define DIALECT_SMB_3_0 0x0300
#define DIALECT_SMB_3_1_1 0x0311

/* A label with the terminating zero that the document counts. */
#define TEXT(s) \
	{ \
		(const uint8_t *)(s), sizeof(s) \
	}

/* What one kind of key is derived with, by dialect. */
struct derivation {
	struct wire_view label_30, context_30, label_311;
};

static const struct derivation signing_derivation = {
	TEXT("SMB2AESCMAC"), TEXT("SmbSign"), TEXT("SMBSigningKey")};
static const struct derivation application_derivation = {
	TEXT("SMB2APP"), TEXT("SmbRpc"), TEXT("SMBAppKey")};
static const struct derivation to_server_derivation = {
	TEXT("SMB2AESCCM"), TEXT("ServerIn "), TEXT("SMBC2SCipherKey")};
static const struct derivation to_client_derivation = {
	TEXT("SMB2AESCCM"), TEXT("ServerOut"), TEXT("SMBS2CCipherKey")};

int crypto_kdf(struct wire_view key, struct wire_view label,
	struct wire_view context, uint8_t *ret_bytes, unsigned int size)
{
	const uint32_t counter = htobe32(1);
	const uint32_t bits = htobe32(size * 8);
	const uint8_t separator = 0;
	uint8_t block[32];
	gnutls_hmac_hd_t mac;
	int error;

	if (size == 0 || size > sizeof(block)) {
		return -EINVAL;
	}
	if (gnutls_hmac_init(&mac, GNUTLS_MAC_SHA256, key.p, key.n) < 0) {
		return -ENOMEM;
	}
	error = gnutls_hmac(mac, &counter, sizeof(counter)) < 0 ||
		gnutls_hmac(mac, label.p, label.n) < 0 ||
		gnutls_hmac(mac, &separator, sizeof(separator)) < 0 ||
		gnutls_hmac(mac, context.p, context.n) < 0 ||
		gnutls_hmac(mac, &bits, sizeof(bits)) < 0;
	gnutls_hmac_deinit(mac, block);
	if (!error) {
		memcpy(ret_bytes, block, size);
	}
	gnutls_memset(block, 0, sizeof(block));
	return error ? -EIO : 0;
}

static int derive_one(uint16_t dialect, const struct derivation *derivation,
	struct wire_view key, const uint8_t *preauth, struct crypto_key *out)
{
	if (dialect >= DIALECT_SMB_3_1_1) {
		return crypto_kdf(key, derivation->label_311,
			wire_view_of(preauth, CRYPTO_PREAUTH_SIZE), out->bytes,
			out->size);
	}
	return crypto_kdf(key, derivation->label_30, derivation->context_30,
		out->bytes, out->size);
}

/* Before 3.0 one key serves everything. */
static void derive_smb2(
	const uint8_t session_key[16], struct crypto_keys *ret_keys)
{
	ret_keys->signing.algorithm = CRYPTO_SIGN_HMAC_SHA256;
	ret_keys->signing.size = 16;
	memcpy(ret_keys->signing.bytes, session_key, 16);
	ret_keys->application = ret_keys->signing;
}

/* ret_keys arrives with algorithms and sizes set. */
static int derive_smb3(uint16_t dialect, struct wire_view session_key,
	struct wire_view cipher_key, const uint8_t *preauth,
	struct crypto_keys *keys)
{
	int r;

	r = derive_one(dialect, &signing_derivation, session_key, preauth,
		&keys->signing);
	if (r < 0) {
		return r;
	}
	r = derive_one(dialect, &application_derivation, session_key, preauth,
		&keys->application);
	if (r < 0 || keys->client_to_server.size == 0) {
		return r;
	}
	r = derive_one(dialect, &to_server_derivation, cipher_key, preauth,
		&keys->client_to_server);
	if (r < 0) {
		return r;
	}
	return derive_one(dialect, &to_client_derivation, cipher_key, preauth,
		&keys->server_to_client);
}

int crypto_derive(uint16_t dialect, const uint8_t *full_key,
	unsigned int full_size, const uint8_t *preauth, uint16_t cipher,
	uint16_t signing, struct crypto_keys *ret_keys)
{
	uint8_t session_key[16] = {0};
	struct crypto_keys keys = {0};
	struct wire_view short_key, cipher_key;
	unsigned int cipher_size = crypto_key_size(cipher);
	int r = 0;

	if (full_key == NULL || full_size == 0 ||
		(cipher != CRYPTO_CIPHER_NONE && cipher_size == 0) ||
		(dialect >= DIALECT_SMB_3_1_1 &&
			(preauth == NULL || signing > CRYPTO_SIGN_AES_GMAC))) {
		return -EINVAL;
	}
	memcpy(session_key, full_key, full_size < 16 ? full_size : 16);
	short_key = wire_view_of(session_key, sizeof(session_key));
	if (dialect < DIALECT_SMB_3_0) {
		derive_smb2(session_key, &keys);
	} else {
		keys.signing.algorithm = dialect >= DIALECT_SMB_3_1_1
						 ? signing
						 : CRYPTO_SIGN_AES_CMAC;
		keys.signing.size = 16;
		keys.application.size = 16;
		keys.client_to_server.algorithm = cipher;
		keys.client_to_server.size = cipher_size;
		keys.server_to_client = keys.client_to_server;
		cipher_key = cipher_size == 32
				     ? wire_view_of(full_key, full_size)
				     : short_key;
		r = derive_smb3(dialect, short_key, cipher_key, preauth, &keys);
	}
	if (r == 0) {
		*ret_keys = keys;
	}
	gnutls_memset(session_key, 0, sizeof(session_key));
	gnutls_memset(&keys, 0, sizeof(keys));
	return r;
}

int crypto_preauth_update(
	uint8_t hash[CRYPTO_PREAUTH_SIZE], struct wire_view message)
{
	gnutls_hash_hd_t digest;
	uint8_t result[CRYPTO_PREAUTH_SIZE];
	int error;

	if (gnutls_hash_init(&digest, GNUTLS_DIG_SHA512) < 0) {
		return -ENOMEM;
	}
	error = gnutls_hash(digest, hash, CRYPTO_PREAUTH_SIZE) < 0 ||
		gnutls_hash(digest, message.p, message.n) < 0;
	gnutls_hash_deinit(digest, result);
	if (error) {
		return -EIO;
	}
	memcpy(hash, result, sizeof(result));
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Edges of crypto.h: arguments, keys longer than 16 bytes, wiping, threads.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"

static void fill(uint8_t *p, size_t n, uint8_t seed)
{
	for (size_t i = 0; i < n; i++) {
		p[i] = (uint8_t)(seed + i * 7);
	}
}

static void refuses_bad_arguments(void **state)
{
	struct crypto_key none = {.algorithm = 9, .size = 16};
	struct crypto_keys keys;
	uint8_t pdu[64] = {0}, hash[64] = {0}, out[200];
	struct wire_view plain = wire_view_of(pdu, sizeof(pdu));

	(void)state;
	assert_int_equal(crypto_sign(&none, pdu, sizeof(pdu)), -EINVAL);
	none.algorithm = CRYPTO_SIGN_AES_CMAC;
	assert_int_equal(crypto_sign(&none, pdu, 63), -EINVAL);
	assert_false(crypto_verify(&none, wire_view_of(pdu, 63)));
	none.algorithm = 0;
	assert_int_equal(crypto_seal(&none, pdu, 1, plain, out), -EINVAL);
	none.algorithm = 5;
	assert_int_equal(crypto_seal(&none, pdu, 1, plain, out), -EINVAL);
	none.algorithm = CRYPTO_CIPHER_AES_128_GCM;
	assert_int_equal(crypto_open(&none, out, 51, &plain), -EINVAL);
	assert_int_equal(
		crypto_derive(0x311, pdu, 0, hash, 1, 1, &keys), -EINVAL);
	assert_int_equal(
		crypto_derive(0x311, pdu, 16, NULL, 1, 1, &keys), -EINVAL);
	assert_int_equal(
		crypto_derive(0x311, pdu, 16, hash, 5, 1, &keys), -EINVAL);
	assert_int_equal(
		crypto_derive(0x311, pdu, 16, hash, 1, 3, &keys), -EINVAL);
}

static void open_refuses_a_wrong_original_size(void **state)
{
	struct crypto_key key = {CRYPTO_CIPHER_AES_128_CCM, 16, {1}};
	uint8_t nonce[16] = {3}, text[100] = {0}, out[152];
	struct wire_view plain;

	(void)state;
	assert_int_equal(
		crypto_seal(&key, nonce, 7, wire_view_of(text, 100), out), 0);
	assert_int_equal(crypto_open(&key, out, 151, &plain), -EBADMSG);
	assert_int_equal(crypto_open(&key, out, 152, &plain), 0);
	assert_int_equal(plain.n, 100);
	assert_memory_equal(plain.p, text, 100);
}

/* Only the 256-bit ciphers of 3.1.1 look past the 16th byte. */
static void long_keys_reach_only_the_256_bit_ciphers(void **state)
{
	uint8_t full[32], hash[64];
	struct crypto_keys a, b;

	(void)state;
	fill(full, sizeof(full), 1);
	fill(hash, sizeof(hash), 2);
	for (uint16_t cipher = 1; cipher <= 4; cipher++) {
		assert_int_equal(crypto_derive(0x311, full, 32, hash, cipher,
					 CRYPTO_SIGN_AES_GMAC, &a),
			0);
		assert_int_equal(crypto_derive(0x311, full, 16, hash, cipher,
					 CRYPTO_SIGN_AES_GMAC, &b),
			0);
		assert_memory_equal(a.signing.bytes, b.signing.bytes, 16);
		assert_memory_equal(
			a.application.bytes, b.application.bytes, 16);
		assert_int_equal(a.client_to_server.size, cipher > 2 ? 32 : 16);
		assert_int_equal(memcmp(a.client_to_server.bytes,
					 b.client_to_server.bytes, 16) != 0,
			cipher > 2);
		assert_int_equal(memcmp(a.server_to_client.bytes,
					 b.server_to_client.bytes, 16) != 0,
			cipher > 2);
	}
}

static void smb2_uses_the_padded_session_key(void **state)
{
	static const uint8_t padded[16] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct crypto_keys keys;

	(void)state;
	assert_int_equal(crypto_derive(0x210, padded, 8, NULL, 0, 2, &keys), 0);
	assert_int_equal(keys.signing.algorithm, CRYPTO_SIGN_HMAC_SHA256);
	assert_int_equal(keys.signing.size, 16);
	assert_memory_equal(keys.signing.bytes, padded, 16);
	assert_memory_equal(keys.application.bytes, padded, 16);
	assert_int_equal(keys.client_to_server.size, 0);
}

/* The same nonce with client and server, and CANCEL, must differ. */
static void gmac_nonce_knows_direction_and_cancel(void **state)
{
	struct crypto_key key = {CRYPTO_SIGN_AES_GMAC, 16, {9, 8, 7}};
	uint8_t pdu[80] = {0xfe, 'S', 'M', 'B', 64}, first[16];

	(void)state;
	assert_int_equal(crypto_sign(&key, pdu, sizeof(pdu)), 0);
	assert_true(crypto_verify(&key, wire_view_of(pdu, sizeof(pdu))));
	memcpy(first, pdu + 48, 16);
	pdu[16] = 1;
	assert_int_equal(crypto_sign(&key, pdu, sizeof(pdu)), 0);
	assert_memory_not_equal(first, pdu + 48, 16);
	assert_true(crypto_verify(&key, wire_view_of(pdu, sizeof(pdu))));
	memset(pdu + 64, 0, 16);
	assert_int_equal(crypto_sign(&key, pdu, 64), 0);
	assert_true(crypto_verify(&key, wire_view_of(pdu, 64)));
}

static void wiping_forgets_the_key(void **state)
{
	struct crypto_key key = {CRYPTO_CIPHER_AES_256_GCM, 32, {1, 2, 3}};
	struct crypto_key empty = {0};
	uint8_t nonce[16] = {0}, text[10] = {0}, out[62];

	(void)state;
	assert_int_equal(
		crypto_seal(&key, nonce, 7, wire_view_of(text, 10), out), 0);
	crypto_key_wipe(&key);
	assert_memory_equal(&key, &empty, sizeof(key));
	assert_int_equal(
		crypto_seal(&key, nonce, 7, wire_view_of(text, 10), out),
		-EINVAL);
}

/* More keys than there are slots, in several threads at once. */
static void *many_keys(void *arg)
{
	uint8_t pdu[256];
	struct crypto_key key = {.size = 16};

	for (unsigned int round = 0; round < 2000; round++) {
		fill(key.bytes, 16, (uint8_t)(round * 5));
		key.bytes[15] = (uint8_t)(round >> 8);
		key.algorithm = (uint16_t)(round % 3);
		fill(pdu, sizeof(pdu), (uint8_t)round);
		if (crypto_sign(&key, pdu, sizeof(pdu)) < 0 ||
			!crypto_verify(&key, wire_view_of(pdu, sizeof(pdu)))) {
			return arg;
		}
	}
	return NULL;
}

static void threads_keep_their_own_handles(void **state)
{
	pthread_t threads[4];
	void *result;

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(
			pthread_create(&threads[i], NULL, many_keys, state), 0);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_null(result);
	}
}

/* The expected bytes are what sha512sum says about 64 zero bytes and "abc". */
static void preauth_hash_is_sha512_of_both(void **state)
{
	static const uint8_t expected[8] = {
		0x76, 0x82, 0xb6, 0xb8, 0x4c, 0x6f, 0x69, 0x25};
	uint8_t hash[64] = {0};

	(void)state;
	assert_int_equal(
		crypto_preauth_update(hash, wire_view_of("abc", 3)), 0);
	assert_memory_equal(hash, expected, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bad_arguments),
		cmocka_unit_test(open_refuses_a_wrong_original_size),
		cmocka_unit_test(long_keys_reach_only_the_256_bit_ciphers),
		cmocka_unit_test(smb2_uses_the_padded_session_key),
		cmocka_unit_test(gmac_nonce_knows_direction_and_cancel),
		cmocka_unit_test(wiping_forgets_the_key),
		cmocka_unit_test(threads_keep_their_own_handles),
		cmocka_unit_test(preauth_hash_is_sha512_of_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Key derivation, signatures and encryption against what programs of others
 * sent and the keys that they had: [MS-SMB2] 3.1.4.1 to 3.1.4.4, 3.3.5.5.3.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "crypto/test/vectors.h"

#define VECTORS "reference/crypto/test/foreign.vectors"

static struct vector_capture captures[16];
static unsigned int capture_count;

static uint32_t get32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static int load(void **state)
{
	FILE *file = fopen(VECTORS, "r");

	(void)state;
	if (file == NULL) {
		perror(VECTORS);
		return -1;
	}
	while (capture_count < 16 &&
		vector_read(file, &captures[capture_count])) {
		capture_count++;
	}
	fclose(file);
	return 0;
}

static int unload(void **state)
{
	(void)state;
	while (capture_count > 0) {
		vector_finish(&captures[--capture_count]);
	}
	return 0;
}

/* Everything up to the last SESSION_SETUP request goes into the hash. */
static void preauth_of(
	const struct vector_capture *capture, uint8_t ret_hash[64])
{
	memset(ret_hash, 0, 64);
	for (unsigned int i = 0; i < capture->count; i++) {
		const struct vector_message *m = &capture->messages[i];

		assert_true(m->n > 64);
		if (m->bytes[12] == 1 && !m->from_client &&
			get32(m->bytes + 8) == 0) {
			return;
		}
		assert_int_equal(crypto_preauth_update(ret_hash,
					 wire_view_of(m->bytes, m->n)),
			0);
	}
	fail_msg("%s: no successful SESSION_SETUP", capture->name);
}

static void same_key(const struct crypto_key *key,
	const struct vector_key *expected, const char *name)
{
	if (key->size != expected->n ||
		memcmp(key->bytes, expected->bytes, expected->n) != 0) {
		fail_msg("%s: another key", name);
	}
}

static struct crypto_keys derive(const struct vector_capture *capture)
{
	struct crypto_keys keys;
	uint8_t hash[64];

	preauth_of(capture, hash);
	assert_int_equal(
		crypto_derive(capture->dialect, capture->session.bytes,
			capture->session.n,
			capture->dialect == 0x311 ? hash : NULL,
			capture->cipher, capture->signing_algorithm, &keys),
		0);
	return keys;
}

static void derives_the_keys_that_samba_had(void **state)
{
	unsigned int seen_dialects = 0;

	(void)state;
	for (unsigned int i = 0; i < capture_count; i++) {
		const struct vector_capture *c = &captures[i];
		struct crypto_keys keys = derive(c);

		same_key(&keys.signing, &c->signing, c->name);
		same_key(&keys.application, &c->application, c->name);
		same_key(&keys.client_to_server, &c->to_server, c->name);
		same_key(&keys.server_to_client, &c->to_client, c->name);
		seen_dialects |= 1u << (c->dialect == 0x300    ? 0
					 : c->dialect == 0x302 ? 1
							       : 2);
	}
	assert_int_equal(seen_dialects, 7);
}

static void check_signed(const struct vector_capture *c,
	const struct vector_message *m, const struct crypto_key *key,
	struct wire_view pdu)
{
	uint8_t *copy = malloc(pdu.n);

	assert_non_null(copy);
	memcpy(copy, pdu.p, pdu.n);
	if (!crypto_verify(key, pdu)) {
		fail_msg("%s frame %u: signature", c->name, m->frame);
	}
	memset(copy + 48, 0xa5, 16);
	assert_false(crypto_verify(key, wire_view_of(copy, pdu.n)));
	assert_int_equal(crypto_sign(key, copy, pdu.n), 0);
	assert_memory_equal(copy, pdu.p, pdu.n);
	for (size_t at = 0; at < pdu.n; at += 7) {
		copy[at] ^= 0x10;
		assert_false(crypto_verify(key, wire_view_of(copy, pdu.n)));
		copy[at] ^= 0x10;
	}
	free(copy);
}

/* Every element of a message that carries SMB2_FLAGS_SIGNED. */
static unsigned int check_message(const struct vector_capture *c,
	const struct vector_message *m, const struct crypto_key *key)
{
	unsigned int count = 0;
	size_t at = 0, next, n;

	if (m->bytes[0] != 0xfe) {
		return 0;
	}
	do {
		next = get32(m->bytes + at + 20);
		n = next != 0 ? next : m->n - at;
		if (get32(m->bytes + at + 16) & 8) {
			check_signed(c, m, key, wire_view_of(m->bytes + at, n));
			count++;
		}
		at += next;
	} while (next != 0);
	return count;
}

static void signatures_are_those_that_samba_made(void **state)
{
	unsigned int count[3] = {0};

	(void)state;
	for (unsigned int i = 0; i < capture_count; i++) {
		const struct vector_capture *c = &captures[i];
		struct crypto_keys keys = derive(c);

		for (unsigned int j = 0; j < c->count; j++) {
			count[keys.signing.algorithm] += check_message(
				c, &c->messages[j], &keys.signing);
		}
	}
	print_message("foreign signatures: %u HMAC-SHA256, %u AES-CMAC, "
		      "%u AES-GMAC\n",
		count[0], count[1], count[2]);
	assert_true(count[0] >= 40 && count[1] >= 40 && count[2] >= 40);
}

static void check_sealed(const struct vector_capture *c,
	const struct vector_message *m, const struct crypto_key *key)
{
	struct wire_view plain;
	uint8_t *copy = malloc(m->n), *again = malloc(m->n);
	uint64_t session;
	uint8_t nonce[16];

	assert_non_null(copy);
	assert_non_null(again);
	memcpy(copy, m->bytes, m->n);
	if (crypto_open(key, copy, m->n, &plain) != 0) {
		fail_msg("%s frame %u: decryption", c->name, m->frame);
	}
	assert_int_equal(plain.n, m->n - 52);
	assert_memory_equal(plain.p, "\xfeSMB", 4);
	memcpy(nonce, m->bytes + 20, 16);
	memcpy(&session, m->bytes + 44, 8);
	assert_int_equal(crypto_seal(key, nonce, session, plain, again), 0);
	assert_memory_equal(again, m->bytes, m->n);
	for (size_t at = 4; at < m->n; at += 13) {
		memcpy(copy, m->bytes, m->n);
		copy[at] ^= 0x01;
		assert_int_equal(
			crypto_open(key, copy, m->n, &plain), -EBADMSG);
	}
	free(copy);
	free(again);
}

static void encryption_is_what_samba_made(void **state)
{
	unsigned int count[5] = {0};

	(void)state;
	for (unsigned int i = 0; i < capture_count; i++) {
		const struct vector_capture *c = &captures[i];
		struct crypto_keys keys = derive(c);

		for (unsigned int j = 0; j < c->count; j++) {
			const struct vector_message *m = &c->messages[j];

			if (m->bytes[0] == 0xfd) {
				check_sealed(c, m,
					m->from_client
						? &keys.client_to_server
						: &keys.server_to_client);
				count[c->cipher]++;
			}
		}
	}
	print_message("foreign encrypted messages: %u %u %u %u (128-CCM, "
		      "128-GCM, 256-CCM, 256-GCM)\n",
		count[1], count[2], count[3], count[4]);
	assert_true(count[1] >= 40 && count[2] >= 40);
	assert_true(count[3] >= 40 && count[4] >= 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derives_the_keys_that_samba_had),
		cmocka_unit_test(signatures_are_those_that_samba_made),
		cmocka_unit_test(encryption_is_what_samba_made),
	};

	return cmocka_run_group_tests(tests, load, unload);
}

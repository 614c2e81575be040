/* SPDX-License-Identifier: MIT */
/*
 * Setting up a cipher costs more than signing a short message, so each thread
 * keeps the handles of the keys that it used last in a small direct-mapped
 * table. Keys are random: their first bytes are the hash.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/handle.h"

#define SLOTS 64

enum handle_kind { HANDLE_NONE, HANDLE_MAC, HANDLE_AEAD };

struct slot {
	enum handle_kind kind;
	int algorithm; /* GnuTLS's number */
	unsigned int size;
	uint8_t bytes[32];
	union {
		gnutls_hmac_hd_t mac;
		gnutls_aead_cipher_hd_t aead;
	} handle;
};

static __thread struct slot *slots;
static pthread_key_t slots_key;
static pthread_once_t slots_once = PTHREAD_ONCE_INIT;

static void slot_finish(struct slot *slot)
{
	if (slot->kind == HANDLE_MAC) {
		gnutls_hmac_deinit(slot->handle.mac, NULL);
	} else if (slot->kind == HANDLE_AEAD) {
		gnutls_aead_cipher_deinit(slot->handle.aead);
	}
	gnutls_memset(slot, 0, sizeof(*slot));
}

static void slots_destroy(void *memory)
{
	struct slot *table = memory;

	for (unsigned int i = 0; i < SLOTS; i++) {
		slot_finish(&table[i]);
	}
	free(table);
}

static void slots_make_key(void)
{
	pthread_key_create(&slots_key, slots_destroy);
}

static struct slot *slot_of(const struct crypto_key *key)
{
	if (slots == NULL) {
		pthread_once(&slots_once, slots_make_key);
		slots = calloc(SLOTS, sizeof(*slots));
		if (slots == NULL) {
			return NULL;
		}
		pthread_setspecific(slots_key, slots);
	}
	return &slots[(key->bytes[0] ^ key->bytes[1] << 3) % SLOTS];
}

/* Whether the slot already holds the wanted handle. */
static bool slot_fits(const struct slot *slot, enum handle_kind kind,
	int algorithm, const struct crypto_key *key)
{
	return slot->kind == kind && slot->algorithm == algorithm &&
	       slot->size == key->size &&
	       gnutls_memcmp(slot->bytes, key->bytes, key->size) == 0;
}

static void slot_fill(struct slot *slot, enum handle_kind kind, int algorithm,
	const struct crypto_key *key)
{
	slot->kind = kind;
	slot->algorithm = algorithm;
	slot->size = key->size;
	memcpy(slot->bytes, key->bytes, key->size);
}

gnutls_hmac_hd_t handle_mac(const struct crypto_key *key)
{
	gnutls_mac_algorithm_t algorithm =
		key->algorithm == CRYPTO_SIGN_HMAC_SHA256
			? GNUTLS_MAC_SHA256
			: GNUTLS_MAC_AES_CMAC_128;
	struct slot *slot = slot_of(key);

	if (slot == NULL || key->size == 0 || key->size > sizeof(key->bytes)) {
		return NULL;
	}
	if (!slot_fits(slot, HANDLE_MAC, algorithm, key)) {
		slot_finish(slot);
		if (gnutls_hmac_init(&slot->handle.mac, algorithm, key->bytes,
			    key->size) < 0) {
			return NULL;
		}
		slot_fill(slot, HANDLE_MAC, algorithm, key);
	}
	return slot->handle.mac;
}

gnutls_aead_cipher_hd_t handle_aead(
	gnutls_cipher_algorithm_t cipher, const struct crypto_key *key)
{
	gnutls_datum_t datum = {(unsigned char *)key->bytes, key->size};
	struct slot *slot = slot_of(key);

	if (slot == NULL || key->size != gnutls_cipher_get_key_size(cipher)) {
		return NULL;
	}
	if (!slot_fits(slot, HANDLE_AEAD, cipher, key)) {
		slot_finish(slot);
		if (gnutls_aead_cipher_init(
			    &slot->handle.aead, cipher, &datum) < 0) {
			return NULL;
		}
		slot_fill(slot, HANDLE_AEAD, cipher, key);
	}
	return slot->handle.aead;
}

void handle_forget(const struct crypto_key *key)
{
	struct slot *slot = slots == NULL ? NULL : slot_of(key);

	if (slot != NULL && slot->kind != HANDLE_NONE &&
		slot->size == key->size &&
		gnutls_memcmp(slot->bytes, key->bytes, key->size) == 0) {
		slot_finish(slot);
	}
}

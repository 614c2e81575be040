/* SPDX-License-Identifier: MIT */
/*
 * NEGOTIATE as a client: what is offered, and what a connection remembers of
 * the answer. [MS-SMB2] 3.2.4.2.2, 3.2.5.2
 */
#include <string.h>

#include "suite/link.h"
#include "suite/words.h"

#define SALT_SIZE 32
#define CONTEXTS_MAX 12

static const uint16_t all_dialects[] = {0x0202, 0x0210, 0x0300, 0x0302, 0x0311};
static const uint16_t all_ciphers[] = {CRYPTO_CIPHER_AES_128_GCM,
	CRYPTO_CIPHER_AES_128_CCM, CRYPTO_CIPHER_AES_256_GCM,
	CRYPTO_CIPHER_AES_256_CCM};
static const uint16_t all_signings[] = {
	CRYPTO_SIGN_AES_GMAC, CRYPTO_SIGN_AES_CMAC, CRYPTO_SIGN_HMAC_SHA256};

struct wire_view bytes_of(struct test *t, const void *bytes, size_t n)
{
	uint8_t *copy = test_alloc(t, n);

	if (n != 0) {
		memcpy(copy, bytes, n);
	}
	return wire_view_of(copy, n);
}

struct wire_view utf16(struct test *t, const char *text)
{
	size_t size = strlen(text) * 4 + 4;
	uint8_t *bytes = test_alloc(t, size);
	int n = wire_utf8_to_utf16(text, bytes, size);

	if (n < 0) {
		conf_broken(t, "not UTF-8: %s", text);
	}
	return wire_view_of(bytes, (size_t)n);
}

struct wire_view encoded(
	struct test *t, const struct wire_type *type, const void *value)
{
	struct wire_buf out = {0};

	if (wire_encode(type, value, &out) != 0) {
		conf_broken(t, "cannot encode %s", type->name);
	}
	out = (struct wire_buf){.p = test_alloc(t, out.n), .cap = out.n};
	if (wire_encode(type, value, &out) != 0) {
		conf_broken(t, "cannot encode %s", type->name);
	}
	return wire_view_of(out.p, out.n);
}

static struct wire_view words_of(
	struct test *t, const uint16_t *words, unsigned int count)
{
	uint8_t *bytes = test_alloc(t, count * 2);
	unsigned int i;

	for (i = 0; i < count; i++) {
		wire_put16(bytes + 2 * i, words[i]);
	}
	return wire_view_of(bytes, count * 2);
}

struct wire_view negotiate_contexts(struct test *t,
	const struct negotiate_context *contexts, unsigned int count)
{
	struct wire_buf out = {0};
	size_t size = 64, last = SIZE_MAX;
	unsigned int i;

	for (i = 0; i < count; i++) {
		size += contexts[i].data.n + 24;
	}
	out.p = test_alloc(t, size);
	out.cap = size;
	for (i = 0; i < count; i++) {
		struct smb2_negotiate_context c = {
			.context_type = contexts[i].type,
			.data_length = (uint16_t)contexts[i].data.n,
			.data = contexts[i].data,
		};

		if (wire_list_append(&smb2_negotiate_context_type, &c, &out,
			    &last) != 0) {
			conf_broken(t, "cannot encode negotiate contexts");
		}
	}
	return wire_view_of(out.p, out.n);
}

static struct wire_view preauth_context(struct test *t)
{
	static const uint16_t hashes[] = {SMB2_PREAUTH_HASH_SHA_512};
	uint8_t salt[SALT_SIZE];
	struct smb2_preauth_integrity_data c = {
		.hash_algorithm_count = 1,
		.salt_length = SALT_SIZE,
		.hash_algorithms = words_of(t, hashes, 1),
	};

	test_random(t, salt, sizeof(salt));
	c.salt = bytes_of(t, salt, sizeof(salt));
	return encoded(t, &smb2_preauth_integrity_data_type, &c);
}

static struct wire_view cipher_context(struct test *t, uint16_t only)
{
	unsigned int n = only != 0 ? 1 : 4;
	struct smb2_encryption_data c = {
		.cipher_count = (uint16_t)n,
		.ciphers = words_of(t, only != 0 ? &only : all_ciphers, n),
	};

	return encoded(t, &smb2_encryption_data_type, &c);
}

static struct wire_view signing_context(struct test *t, uint16_t only_plus_1)
{
	uint16_t only = (uint16_t)(only_plus_1 - 1);
	unsigned int n = only_plus_1 != 0 ? 1 : 3;
	struct smb2_signing_data c = {
		.signing_algorithm_count = (uint16_t)n,
		.signing_algorithms =
			words_of(t, only_plus_1 ? &only : all_signings, n),
	};

	return encoded(t, &smb2_signing_data_type, &c);
}

static struct wire_view transport_context(struct test *t, uint32_t flags)
{
	struct smb2_transport_data c = {.flags = flags};

	return encoded(t, &smb2_transport_data_type, &c);
}

struct smb2_negotiate_request negotiate_request(
	struct peer *peer, const struct client_options *options)
{
	static const struct client_options none;
	const struct client_options *o = options != NULL ? options : &none;
	struct test *t = peer->t;
	const uint16_t *dialects = o->dialect ? &o->dialect : all_dialects;
	unsigned int count = o->dialect ? 1 : 5;
	struct smb2_negotiate_request r = {
		.dialect_count = (uint16_t)count,
		.security_mode = o->sign ? SMB2_NEGOTIATE_SIGNING_REQUIRED
					 : SMB2_NEGOTIATE_SIGNING_ENABLED,
		.dialects = words_of(t, dialects, count),
	};
	uint16_t highest = dialects[count - 1];

	if (o->client_guid != NULL) {
		peer->client_guid = *o->client_guid;
	}
	if (highest >= 0x0210) {
		r.client_guid = peer->client_guid;
	}
	if (highest >= 0x0300) {
		r.capabilities = o->capabilities != 0 ? o->capabilities : 0x7f;
	}
	if (highest == 0x0311) {
		struct negotiate_context contexts[5] = {
			{SMB2_PREAUTH_INTEGRITY_CAPABILITIES,
				preauth_context(t)},
			{SMB2_ENCRYPTION_CAPABILITIES,
				cipher_context(t, o->cipher)},
			{SMB2_SIGNING_CAPABILITIES,
				signing_context(t, o->signing)},
		};
		unsigned int n = 3;

		if (o->offer_transport) {
			contexts[n++] = (struct negotiate_context){
				SMB2_TRANSPORT_CAPABILITIES,
				transport_context(t, o->transport_flags)};
		}
		if (o->posix) {
			contexts[n++] = (struct negotiate_context){
				SMB2_POSIX_EXTENSIONS_AVAILABLE,
				wire_view_of(POSIX_TAG, 16)};
		}

		r.negotiate_context_count = (uint16_t)n;
		r.negotiate_context_list = negotiate_contexts(t, contexts, n);
	}
	return r;
}

bool negotiated_context(
	struct peer *peer, uint16_t type, struct wire_view *ret_data)
{
	const struct smb2_negotiate_response *r = peer->negotiate->body;
	struct smb2_negotiate_context c;
	struct wire_list list;

	if (peer->dialect != 0x0311 || r == NULL) {
		return false;
	}
	list = wire_list_of(
		&smb2_negotiate_context_type, r->negotiate_context_list);
	while (wire_list_next(&list, &c, NULL) == 1) {
		if (c.context_type == type) {
			*ret_data = c.data;
			return true;
		}
	}
	return false;
}

/* The algorithms that the 3.1.1 response chose, or the dialect's own. */
static void choose_algorithms(struct peer *peer)
{
	struct wire_view data;

	peer->signing = peer->dialect >= 0x0300 ? CRYPTO_SIGN_AES_CMAC
						: CRYPTO_SIGN_HMAC_SHA256;
	peer->cipher = 0;
	if ((peer->dialect == 0x0300 || peer->dialect == 0x0302) &&
		(peer->capabilities & SMB2_GLOBAL_CAP_ENCRYPTION) != 0) {
		peer->cipher = CRYPTO_CIPHER_AES_128_CCM;
	}
	if (negotiated_context(peer, SMB2_ENCRYPTION_CAPABILITIES, &data) &&
		data.n >= 4) {
		peer->cipher = wire_get16(data.p + 2);
	}
	if (negotiated_context(peer, SMB2_SIGNING_CAPABILITIES, &data) &&
		data.n >= 4) {
		peer->signing = wire_get16(data.p + 2);
	}
}

static void remember(struct peer *peer, const struct reply *reply)
{
	const struct smb2_negotiate_response *r = reply->body;
	struct wire_view data;

	if (reply->outcome != REPLY_ARRIVED || r == NULL ||
		reply->type != &smb2_negotiate_response_type) {
		return;
	}
	peer->dialect = r->dialect_revision;
	peer->security_mode = r->security_mode;
	peer->capabilities = r->capabilities;
	peer->max_transact = r->max_transact_size;
	peer->max_read = r->max_read_size;
	peer->max_write = r->max_write_size;
	peer->server_guid = r->server_guid;
	peer->security_buffer = r->security_buffer;
	choose_algorithms(peer);
	peer->transport_security =
		negotiated_context(peer, SMB2_TRANSPORT_CAPABILITIES, &data) &&
		data.n >= 4 &&
		(wire_get32(data.p) & SMB2_ACCEPT_TRANSPORT_LEVEL_SECURITY);
	/* What may stand behind the tag is for tests to judge. */
	peer->posix = negotiated_context(
			      peer, SMB2_POSIX_EXTENSIONS_AVAILABLE, &data) &&
		      data.n >= 16 && memcmp(data.p, POSIX_TAG, 16) == 0;
}

struct reply *peer_negotiate_as(
	struct peer *peer, const struct smb2_negotiate_request *request)
{
	struct pdu *pdu =
		pdu_build(peer, &smb2_negotiate_request_type, request);
	struct reply *reply;
	unsigned int i;

	peer->client_capabilities = request->capabilities;
	peer->client_security_mode = request->security_mode;
	peer->client_dialect_count = 0;
	for (i = 0; i < request->dialects.n / 2 && i < 8; i++) {
		peer->client_dialects[i] =
			wire_get16(request->dialects.p + 2 * i);
		peer->client_dialect_count++;
	}
	reply = pdu_call(pdu);
	peer->negotiate = reply;
	remember(peer, reply);
	if (peer->dialect == 0x0311) {
		crypto_preauth_update(
			peer->preauth, wire_view_of(pdu->bytes, pdu->n));
		crypto_preauth_update(peer->preauth, reply->pdu);
	}
	return reply;
}

struct reply *peer_negotiate(
	struct peer *peer, const struct client_options *options)
{
	struct smb2_negotiate_request r = negotiate_request(peer, options);

	return peer_negotiate_as(peer, &r);
}

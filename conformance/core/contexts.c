/* SPDX-License-Identifier: MIT */
/*
 * Rules CORE-NEGOTIATE: the negotiate contexts of dialect 3.1.1.
 * [MS-SMB2] 2.2.3.1, 2.2.4.1, 3.3.5.4
 */
#include "suite/file.h"

#define UNKNOWN_TYPE 0x7777

static const uint8_t preauth[38] = {1, 0, 32, 0, 1, 0, [6] = 0x5a, [37] = 0xa5};
static const uint8_t unknown_hash[38] = {1, 0, 32, 0, 0x77, 0x77};
static const uint8_t ciphers[] = {4, 0, 2, 0, 1, 0, 4, 0, 3, 0};
static const uint8_t signings[] = {3, 0, 2, 0, 1, 0, 0, 0};
static const uint8_t unknown_signing[] = {1, 0, 0x77, 0x77};
static const uint8_t no_signing[] = {0, 0};
static const uint8_t compression[] = {1, 0, 0, 0, 0, 0, 0, 0, 1, 0};
static const uint8_t rdma[] = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0};

#define CONTEXT(type, bytes) \
	{ \
		(type), \
		{ \
			(bytes), sizeof(bytes) \
		} \
	}
#define PREAUTH CONTEXT(SMB2_PREAUTH_INTEGRITY_CAPABILITIES, preauth)
#define CIPHERS CONTEXT(SMB2_ENCRYPTION_CAPABILITIES, ciphers)
#define SIGNINGS CONTEXT(SMB2_SIGNING_CAPABILITIES, signings)

/* NEGOTIATE for 3.1.1 with these contexts. */
static struct reply *offer(struct peer *a,
	const struct negotiate_context *contexts, unsigned int count)
{
	struct smb2_negotiate_request r = negotiate_request(
		a, &(struct client_options){.dialect = 0x0311});

	r.negotiate_context_list = negotiate_contexts(a->t, contexts, count);
	r.negotiate_context_count = (uint16_t)count;
	return peer_negotiate_as(a, &r);
}

/* How many contexts of a type the response has; the data of the last. */
static unsigned int answered(
	const struct reply *reply, uint16_t type, struct wire_view *ret_data)
{
	const struct smb2_negotiate_response *r = reply->body;
	struct smb2_negotiate_context c;
	struct wire_list list;
	unsigned int n = 0;

	if (reply->outcome != REPLY_ARRIVED ||
		reply->type != &smb2_negotiate_response_type || r == NULL) {
		return 0;
	}
	list = wire_list_of(
		&smb2_negotiate_context_type, r->negotiate_context_list);
	while (wire_list_next(&list, &c, NULL) == 1) {
		if (c.context_type == type) {
			*ret_data = c.data;
			n++;
		}
	}
	return n;
}

/* A number of 16 bits in a context; 0xffff if it is too short. */
static uint16_t word(struct wire_view data, size_t at)
{
	return data.n >= at + 2 ? wire_get16(data.p + at) : 0xffff;
}

CONF_TEST(core, preauth_context_missing,
	"NEGOTIATE for 3.1.1 without a preauthentication context is refused",
	RULES(CORE_NEGOTIATE_0020), NEEDS(DIALECT_MIN(0x0311)))
{
	const struct negotiate_context c[] = {CIPHERS};

	check_status(t, offer(peer_connect(t), c, 1), STATUS_INVALID_PARAMETER,
		CORE_NEGOTIATE_0020);
}

static const struct twice_row {
	const char *name;
	struct negotiate_context context;
} twice_rows[] = {
	{"preauth", PREAUTH},
	{"encryption", CIPHERS},
	{"signing", SIGNINGS},
	{"compression", CONTEXT(SMB2_COMPRESSION_CAPABILITIES, compression)},
	{"rdma_transform", CONTEXT(SMB2_RDMA_TRANSFORM_CAPABILITIES, rdma)},
};

CONF_TABLE(core, context_twice, twice_rows,
	"two contexts of one type are refused", RULES(CORE_NEGOTIATE_0021),
	NEEDS(DIALECT_MIN(0x0311)))
{
	const struct negotiate_context c[] = {
		PREAUTH, row->context, row->context};

	check_status(t, offer(peer_connect(t), c, 3), STATUS_INVALID_PARAMETER,
		CORE_NEGOTIATE_0021);
}

CONF_TEST(core, unknown_context, "unknown contexts are ignored",
	RULES(CORE_NEGOTIATE_0022), NEEDS(DIALECT_MIN(0x0311)))
{
	const struct negotiate_context c[] = {CONTEXT(UNKNOWN_TYPE, ciphers),
		PREAUTH, CONTEXT(UNKNOWN_TYPE, signings)};

	check_ok(t, offer(peer_connect(t), c, 3), CORE_NEGOTIATE_0022);
}

static const struct {
	const char *name;
	size_t size;
} short_rows[] = {{"two_bytes", 2}, {"five_bytes", 5}};

CONF_TABLE(core, short_preauth_context, short_rows,
	"a preauthentication context that is too short is refused",
	RULES(CORE_NEGOTIATE_0023), NEEDS(DIALECT_MIN(0x0311)))
{
	const struct negotiate_context c[] = {
		{SMB2_PREAUTH_INTEGRITY_CAPABILITIES, {preauth, row->size}}};

	check_status(t, offer(peer_connect(t), c, 1), STATUS_INVALID_PARAMETER,
		CORE_NEGOTIATE_0023);
}

CONF_TEST(core, no_common_hash, "an unknown hash algorithm alone is refused",
	RULES(CORE_NEGOTIATE_0024), NEEDS(DIALECT_MIN(0x0311)))
{
	const struct negotiate_context c[] = {
		CONTEXT(SMB2_PREAUTH_INTEGRITY_CAPABILITIES, unknown_hash)};

	check_status(t, offer(peer_connect(t), c, 1),
		STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP,
		CORE_NEGOTIATE_0024);
}

CONF_TEST(core, no_signing_algorithm,
	"a signing context without an algorithm is refused",
	RULES(CORE_NEGOTIATE_0025),
	NEEDS(DIALECT_MIN(0x0311), SIGNING(CRYPTO_SIGN_AES_CMAC)))
{
	const struct negotiate_context c[] = {
		PREAUTH, CONTEXT(SMB2_SIGNING_CAPABILITIES, no_signing)};

	check_status(t, offer(peer_connect(t), c, 2), STATUS_INVALID_PARAMETER,
		CORE_NEGOTIATE_0025);
}

CONF_TEST(core, preauth_answer, "one hash algorithm out of those offered",
	RULES(CORE_NEGOTIATE_0026, CORE_NEGOTIATE_0027),
	NEEDS(DIALECT_MIN(0x0311)))
{
	const struct negotiate_context c[] = {PREAUTH};
	struct reply *r = offer(peer_connect(t), c, 1);
	struct wire_view data = {NULL, 0};
	unsigned int n =
		answered(r, SMB2_PREAUTH_INTEGRITY_CAPABILITIES, &data);

	need_ok(t, r);
	check_number(
		t, r, n, 1, "preauthentication contexts", CORE_NEGOTIATE_0026);
	if (n != 0) {
		check_number(t, r, word(data, 0), 1, "HashAlgorithmCount",
			CORE_NEGOTIATE_0027);
		check_number(t, r, word(data, 4), SMB2_PREAUTH_HASH_SHA_512,
			"HashAlgorithms[0]", CORE_NEGOTIATE_0027);
	}
}

CONF_TEST(core, salt, "each response has another salt",
	RULES(CORE_NEGOTIATE_0028), NEEDS(DIALECT_MIN(0x0311)))
{
	const struct negotiate_context c[] = {PREAUTH};
	struct wire_view one = {NULL, 0}, other = {NULL, 0};
	struct reply *r = offer(peer_connect(t), c, 1);
	struct reply *s = offer(peer_connect(t), c, 1);

	need(t,
		answered(r, SMB2_PREAUTH_INTEGRITY_CAPABILITIES, &one) == 1 &&
			answered(s, SMB2_PREAUTH_INTEGRITY_CAPABILITIES,
				&other) == 1,
		"a preauthentication context in both responses");
	check(t, s, word(one, 2) != 0 && one.n == 6u + word(one, 2),
		CORE_NEGOTIATE_0028, "a salt of SaltLength bytes");
	check(t, s, !wire_view_equal(one, other), CORE_NEGOTIATE_0028,
		"a salt that differs from the one before");
}

CONF_TEST(core, encryption_answered,
	"an encryption context is answered with one",
	RULES(CORE_NEGOTIATE_0029), NEEDS(DIALECT_MIN(0x0311)))
{
	const struct negotiate_context c[] = {PREAUTH, CIPHERS};
	struct peer *old = client_with(
		t, &(struct client_options){.plain = true, .dialect = 0x0302});
	struct wire_view data;
	struct reply *r;

	need_capability(t, old->negotiate, old->cipher != 0,
		"encryption, as dialect 3.0.2 shows it");
	r = offer(peer_connect(t), c, 2);
	need_ok(t, r);
	check_number(t, r, answered(r, SMB2_ENCRYPTION_CAPABILITIES, &data), 1,
		"encryption contexts", CORE_NEGOTIATE_0029);
}

CONF_TEST(core, signing_answered, "a signing context is answered with one",
	RULES(CORE_NEGOTIATE_0029),
	NEEDS(DIALECT_MIN(0x0311), SIGNING(CRYPTO_SIGN_AES_CMAC)))
{
	const struct negotiate_context c[] = {
		PREAUTH, CONTEXT(SMB2_SIGNING_CAPABILITIES, unknown_signing)};
	struct wire_view data;
	struct reply *r = offer(peer_connect(t), c, 2);

	need_ok(t, r);
	check_number(t, r, answered(r, SMB2_SIGNING_CAPABILITIES, &data), 1,
		"signing contexts", CORE_NEGOTIATE_0029);
}

static const struct {
	const char *name;
	uint8_t data[10];
	size_t size;
	uint16_t accepted[4];
} cipher_rows[] = {
	{"ccm_128", {1, 0, 1, 0}, 4, {1, 0, 0, 0}},
	{"gcm_128", {1, 0, 2, 0}, 4, {2, 0, 0, 0}},
	{"both_256", {2, 0, 3, 0, 4, 0}, 6, {3, 4, 0, 0}},
	{"unknown_and_gcm_128", {2, 0, 0x77, 0x77, 2, 0}, 6, {2, 0, 0, 0}},
	{"none_in_common", {1, 0, 0x77, 0x77}, 4, {0, 0, 0, 0}},
};

CONF_TABLE(core, cipher_of_those_offered, cipher_rows,
	"one cipher out of those offered, or none", RULES(CORE_NEGOTIATE_0030),
	NEEDS(DIALECT_MIN(0x0311), ENCRYPTION))
{
	const struct negotiate_context c[] = {PREAUTH,
		{SMB2_ENCRYPTION_CAPABILITIES, {row->data, row->size}}};
	struct reply *r = offer(peer_connect(t), c, 2);
	struct wire_view data = {NULL, 0};
	bool found = false;
	unsigned int i;

	need_ok(t, r);
	need_capability(t, r,
		answered(r, SMB2_ENCRYPTION_CAPABILITIES, &data) == 1,
		"an encryption context");
	for (i = 0; i < 4; i++) {
		found |= word(data, 2) == row->accepted[i];
	}
	check_number(
		t, r, word(data, 0), 1, "CipherCount", CORE_NEGOTIATE_0030);
	check(t, r, found, CORE_NEGOTIATE_0030,
		"Ciphers[0] (0x%04x) is one of those offered, or 0",
		word(data, 2));
}

static const struct {
	const char *name;
	uint8_t data[8];
	size_t size;
	uint16_t accepted[3];
} signing_rows[] = {
	{"hmac", {1, 0, 0, 0}, 4, {0, 1, 1}},
	{"cmac", {1, 0, 1, 0}, 4, {1, 1, 1}},
	{"gmac", {1, 0, 2, 0}, 4, {2, 1, 1}},
	{"all", {3, 0, 2, 0, 1, 0, 0, 0}, 8, {0, 1, 2}},
	{"none_in_common", {1, 0, 0x77, 0x77}, 4, {1, 1, 1}},
};

CONF_TABLE(core, signing_of_those_offered, signing_rows,
	"one signing algorithm out of those offered, or AES-CMAC",
	RULES(CORE_NEGOTIATE_0031), NEEDS(DIALECT_MIN(0x0311)))
{
	const struct negotiate_context c[] = {
		PREAUTH, {SMB2_SIGNING_CAPABILITIES, {row->data, row->size}}};
	struct reply *r = offer(peer_connect(t), c, 2);
	struct wire_view data = {NULL, 0};
	bool found = false;
	unsigned int i;

	need_ok(t, r);
	need_capability(t, r,
		answered(r, SMB2_SIGNING_CAPABILITIES, &data) == 1,
		"a signing context");
	for (i = 0; i < 3; i++) {
		found |= word(data, 2) == row->accepted[i];
	}
	check_number(t, r, word(data, 0), 1, "SigningAlgorithmCount",
		CORE_NEGOTIATE_0031);
	check(t, r, found, CORE_NEGOTIATE_0031,
		"SigningAlgorithms[0] (0x%04x) is one of those offered, or "
		"AES-CMAC",
		word(data, 2));
}

CONF_TEST(core, context_alignment, "contexts start on 8-byte boundaries",
	RULES(CORE_NEGOTIATE_0032), NEEDS(DIALECT_MIN(0x0311)))
{
	const struct negotiate_context c[] = {PREAUTH, CIPHERS, SIGNINGS};
	struct reply *r = offer(peer_connect(t), c, 3);
	size_t at, i, n;

	need_ok(t, r);
	need(t, r->pdu.n >= 128, "a NEGOTIATE response");
	n = wire_get16(r->pdu.p + 70);
	at = wire_get32(r->pdu.p + 124);
	check_number(t, r, at % 8, 0, "NegotiateContextOffset modulo 8",
		CORE_NEGOTIATE_0032);
	for (i = 0; i < n && at + 8 <= r->pdu.n; i++) {
		at += 8 + wire_get16(r->pdu.p + at + 2);
		at = i + 1 < n ? (at + 7) / 8 * 8 : at;
	}
	check(t, r, i == n && at <= r->pdu.n, CORE_NEGOTIATE_0032,
		"the contexts fit the message when each starts at a multiple "
		"of 8");
}

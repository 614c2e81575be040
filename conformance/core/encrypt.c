/* SPDX-License-Identifier: MIT */
/*
 * Rules CORE-ENCRYPT: TRANSFORM_HEADER, and who must encrypt.
 * [MS-SMB2] 2.2.41, 3.1.4.3, 3.3.4.1.4, 3.3.5.2.1.1
 */
#include <string.h>

#include "suite/file.h"

#define FLAGS_AT 42 /* in the TRANSFORM_HEADER */
#define SIZE_AT 36
#define NONCE_AT 20
#define SESSION_AT 44
#define ENCRYPTED_SHARE "encrypted"

static const struct smb2_echo_request echo = {0};

static struct pdu *echo_pdu(struct peer *a, enum encryption_mode seal)
{
	struct pdu *pdu = pdu_build(a, &smb2_echo_request_type, &echo);

	pdu->sign = SIGN_NO;
	pdu->seal = seal;
	return pdu;
}

/* A message encrypted by hand, to be damaged. */
static uint8_t *sealed(struct peer *a, struct wire_view plain, uint64_t id)
{
	uint8_t *out = test_alloc(a->t, plain.n + CRYPTO_TRANSFORM_SIZE);
	uint8_t nonce[16] = {0};

	wire_put64(nonce, ++a->session->nonce);
	need(a->t,
		crypto_seal(&a->session->keys.client_to_server, nonce, id,
			plain, out) == 0,
		"an encrypted message");
	return out;
}

static uint8_t *sealed_echo(struct peer *a, size_t *ret_size)
{
	struct pdu *pdu = echo_pdu(a, SEAL_NO);

	*ret_size = pdu->n + CRYPTO_TRANSFORM_SIZE;
	return sealed(a, wire_view_of(pdu->bytes, pdu->n), a->session->id);
}

/* A session that can encrypt, and does when told to. */
static struct peer *able(struct test *t)
{
	struct peer *a =
		client_with(t, &(struct client_options){.no_tree = true});

	need(t, a->cipher != 0, "a cipher");
	check_encrypted(t, pdu_call(echo_pdu(a, SEAL_YES)), CORE_ENCRYPT_0012);
	return a;
}

/* --- what ends the connection ------------------------------------------------
 */

static const struct damage_row {
	const char *name;
	enum rule_id rule;
	size_t cut; /* bytes left; 0 = all */
	size_t at;
	uint8_t flip;
} damage_rows[] = {
	{"header_alone", RULE_CORE_ENCRYPT_0001, 52, 0, 0},
	{"half_a_header", RULE_CORE_ENCRYPT_0001, 30, 0, 0},
	{"flags_0", RULE_CORE_ENCRYPT_0002, 0, FLAGS_AT, 1},
	{"flags_3", RULE_CORE_ENCRYPT_0002, 0, FLAGS_AT, 2},
	{"signature", RULE_CORE_ENCRYPT_0004, 0, 4, 1},
	{"ciphertext", RULE_CORE_ENCRYPT_0004, 0, 60, 0x80},
	{"nonce", RULE_CORE_ENCRYPT_0004, 0, NONCE_AT, 1},
	{"size_of_plaintext", RULE_CORE_ENCRYPT_0005, 0, SIZE_AT, 8},
};

CONF_TABLE(core, damaged_transform, damage_rows,
	"a damaged encrypted message ends the connection",
	RULES(CORE_ENCRYPT_0001, CORE_ENCRYPT_0002, CORE_ENCRYPT_0004,
		CORE_ENCRYPT_0005, CORE_ENCRYPT_0012),
	NEEDS(ENCRYPTION))
{
	struct peer *a = able(t);
	size_t n;
	uint8_t *message = sealed_echo(a, &n);

	message[row->at] ^= row->flip;
	peer_send_raw(a, wire_view_of(message, row->cut ? row->cut : n));
	rule_closed(t, a, row->rule);
}

CONF_TEST(core, transform_of_unknown_session,
	"an encrypted message of an unknown session ends the connection",
	RULES(CORE_ENCRYPT_0003, CORE_ENCRYPT_0012), NEEDS(ENCRYPTION))
{
	struct peer *a = able(t);
	struct pdu *pdu = echo_pdu(a, SEAL_NO);

	peer_send_raw(
		a, wire_view_of(sealed(a, wire_view_of(pdu->bytes, pdu->n),
					a->session->id ^ 0x5a5a),
			   pdu->n + CRYPTO_TRANSFORM_SIZE));
	check_closed(t, a, CORE_ENCRYPT_0003);
}

static const struct {
	const char *name;
	uint16_t dialect;
} no_cipher_rows[] = {{"2.1", 0x0210}, {"3.0_without_capability", 0x0300}};

CONF_TABLE(core, transform_without_cipher, no_cipher_rows,
	"an encrypted message where no cipher was agreed ends the connection",
	RULES(CORE_ENCRYPT_0006))
{
	struct peer *a =
		client_with(t, &(struct client_options){.no_tree = true,
				       .dialect = row->dialect,
				       .capabilities = SMB2_GLOBAL_CAP_DFS});

	need_capability(t, NULL, a->cipher == 0,
		"encryption only for clients that announce it");
	a->session->keys.client_to_server =
		(struct crypto_key){CRYPTO_CIPHER_AES_128_CCM, 16, {0x5a}};
	pdu_send(echo_pdu(a, SEAL_YES));
	check_closed(t, a, CORE_ENCRYPT_0006);
}

static const struct {
	const char *name;
	size_t size;
} short_rows[] = {{"one_byte", 1}, {"63_bytes", 63}};

CONF_TABLE(core, short_plaintext, short_rows,
	"less than a header inside an encrypted message ends the connection",
	RULES(CORE_ENCRYPT_0007, CORE_ENCRYPT_0012), NEEDS(ENCRYPTION))
{
	struct peer *a = able(t);
	struct pdu *pdu = echo_pdu(a, SEAL_YES);

	pdu_truncate(pdu, row->size);
	pdu_send(pdu);
	check_closed(t, a, CORE_ENCRYPT_0007);
}

CONF_TEST(core, encrypted_twice,
	"an encrypted message inside another ends the connection",
	RULES(CORE_ENCRYPT_0008, CORE_ENCRYPT_0012), NEEDS(ENCRYPTION))
{
	struct peer *a = able(t);
	size_t n;
	uint8_t *once = sealed_echo(a, &n);

	peer_send_raw(a,
		wire_view_of(sealed(a, wire_view_of(once, n), a->session->id),
			n + CRYPTO_TRANSFORM_SIZE));
	check_closed(t, a, CORE_ENCRYPT_0008);
}

CONF_TEST(core, related_first,
	"an encrypted compound that begins with a related request",
	RULES(CORE_ENCRYPT_0009, CORE_ENCRYPT_0012), NEEDS(ENCRYPTION))
{
	struct peer *a = able(t);
	struct pdu *pdu = echo_pdu(a, SEAL_YES);

	mutate_header(pdu, SMB2_HEADER_F_FLAGS,
		xor_with(SMB2_FLAGS_RELATED_OPERATIONS));
	pdu_send(pdu);
	check_closed(t, a, CORE_ENCRYPT_0009);
}

CONF_TEST(core, other_session_inside,
	"another SessionId inside an encrypted message",
	RULES(CORE_ENCRYPT_0010, CORE_ENCRYPT_0012), NEEDS(ENCRYPTION))
{
	struct peer *a = able(t);
	struct pdu *pdu = echo_pdu(a, SEAL_YES);

	mutate_header(pdu, SMB2_HEADER_F_SESSION_ID, xor_with(0x5a5a));
	pdu_send(pdu);
	check_closed(t, a, CORE_ENCRYPT_0010);
}

CONF_TEST(core, other_session_later,
	"another SessionId later in an encrypted compound",
	RULES(CORE_ENCRYPT_0011, CORE_ENCRYPT_0012), NEEDS(ENCRYPTION))
{
	struct peer *a = able(t);
	struct chain *c = chain_begin(a);
	struct pdu *second;

	chain_add(c, false, &smb2_echo_request_type, &echo)->seal = SEAL_YES;
	second = chain_add(c, false, &smb2_echo_request_type, &echo);
	second->sign = SIGN_NO;
	mutate_header(second, SMB2_HEADER_F_SESSION_ID, xor_with(0x5a5a));
	chain_send(c);
	check_closed(t, a, CORE_ENCRYPT_0011);
}

/* --- who must encrypt
 * ---------------------------------------------------------- */

CONF_TEST(core, unencrypted_in_encrypted_session,
	"a session that requires encryption takes nothing in the clear",
	RULES(CORE_ENCRYPT_0013), NEEDS(ENCRYPTION))
{
	struct peer *a =
		client_with(t, &(struct client_options){.no_tree = true});
	struct smb2_tree_connect_request r = {
		.buffer = utf16(t, test_text(t, "\\\\%s\\%s", t->target->host,
					   t->target->share))};
	struct pdu *pdu = pdu_build(a, &smb2_tree_connect_request_type, &r);

	need_capability(t, a->session->setup,
		(a->session->flags & SMB2_SESSION_FLAG_ENCRYPT_DATA) != 0,
		"a server that requires encryption");
	pdu->seal = SEAL_NO;
	pdu->sign = SIGN_YES;
	check_status(t, pdu_call(pdu), STATUS_ACCESS_DENIED, CORE_ENCRYPT_0013);
}

CONF_TEST(core, encryption_required_of_old_dialects,
	"a server that requires encryption refuses who cannot encrypt",
	RULES(CORE_ENCRYPT_0016, CORE_ENCRYPT_0017), NEEDS(ENCRYPTION))
{
	struct peer *a = client_with(
		t, &(struct client_options){.plain = true, .dialect = 0x0210});
	struct peer *b =
		client_with(t, &(struct client_options){.no_tree = true});
	struct reply *old = peer_session_setup(a, NULL);
	struct reply *r = peer_call(b, &smb2_echo_request_type, &echo);
	bool flag = (b->session->flags & SMB2_SESSION_FLAG_ENCRYPT_DATA) != 0;

	need_capability(t, r, flag || old->status == STATUS_ACCESS_DENIED,
		"a server that requires encryption");
	check_status(t, old, STATUS_ACCESS_DENIED, CORE_ENCRYPT_0016);
	check_flags(t, b->session->setup,
		SMB2_SESSION_SETUP_RESPONSE_F_SESSION_FLAGS,
		SMB2_SESSION_FLAG_ENCRYPT_DATA, 0, CORE_ENCRYPT_0017);
}

/* What a share that requires encryption says to a client that can encrypt and
 * to one that cannot. */
struct answers {
	struct peer *able;
	struct reply *to_able, *to_unable;
};

static struct answers ask_encrypted_share(struct test *t)
{
	struct answers a;
	const struct smb2_tree_connect_response *body;
	bool flag;

	a.able = client_with(t, &(struct client_options){.no_tree = true});
	a.to_unable = peer_tree_connect(
		client_with(t, &(struct client_options){.no_tree = true,
				       .dialect = 0x0210}),
		ENCRYPTED_SHARE);
	a.to_able = peer_tree_connect(a.able, ENCRYPTED_SHARE);
	need_capability(t, a.to_able, a.to_able->status == STATUS_SUCCESS,
		"a share named \"" ENCRYPTED_SHARE "\"");
	body = reply_as(a.to_able, smb2_tree_connect_response);
	flag = (body->share_flags & SMB2_SHAREFLAG_ENCRYPT_DATA) != 0;
	need_capability(t, a.to_able,
		flag || a.to_unable->status == STATUS_ACCESS_DENIED,
		"a share that requires encryption");
	return a;
}

CONF_TEST(core, share_that_requires_encryption,
	"a share that requires encryption says so, and means it",
	RULES(CORE_ENCRYPT_0015, CORE_ENCRYPT_0018), NEEDS(ENCRYPTION))
{
	struct answers a = ask_encrypted_share(t);

	check_status(t, a.to_unable, STATUS_ACCESS_DENIED, CORE_ENCRYPT_0015);
	check_flags(t, a.to_able, SMB2_TREE_CONNECT_RESPONSE_F_SHARE_FLAGS,
		SMB2_SHAREFLAG_ENCRYPT_DATA, 0, CORE_ENCRYPT_0018);
}

CONF_TEST(core, unencrypted_in_encrypted_share,
	"a share that requires encryption takes nothing in the clear",
	RULES(CORE_ENCRYPT_0014), NEEDS(ENCRYPTION))
{
	struct answers a = ask_encrypted_share(t);
	struct smb2_create_request r = create_request(a.able, "\\x",
		&(struct create_options){
			.disposition = DISPOSITION(FILE_OPEN)});
	struct pdu *pdu = pdu_build(a.able, &smb2_create_request_type, &r);

	pdu->seal = SEAL_NO;
	check_status(t, pdu_call(pdu), STATUS_ACCESS_DENIED, CORE_ENCRYPT_0014);
}

/* --- what the server sends
 * ------------------------------------------------------ */

CONF_TEST(core, response_is_encrypted,
	"the response to an encrypted request is encrypted",
	RULES(CORE_ENCRYPT_0012), NEEDS(ENCRYPTION))
{
	struct peer *a = client(t);

	check_encrypted(t, pdu_call(echo_pdu(a, SEAL_YES)), CORE_ENCRYPT_0012);
	check_ok(t, pdu_call(echo_pdu(a, SEAL_YES)), CORE_ENCRYPT_0012);
}

static const struct {
	const char *name;
	uint16_t dialect;
} old_rows[] = {{"3.0", 0x0300}, {"3.0.2", 0x0302}};

CONF_TABLE(core, aes_128_ccm, old_rows,
	"3.0 and 3.0.2 encrypt with AES-128-CCM under derived keys",
	RULES(CORE_ENCRYPT_0019, CORE_ENCRYPT_0025))
{
	struct peer *a =
		client_with(t, &(struct client_options){.no_tree = true,
				       .dialect = row->dialect});
	struct reply *r;

	need_capability(t, a->negotiate, a->cipher != 0, "encryption");
	r = pdu_call(echo_pdu(a, SEAL_YES));
	check_encrypted(t, r, CORE_ENCRYPT_0019);
	check_encrypted(t, r, CORE_ENCRYPT_0025);
}

static const struct cipher_row {
	const char *name;
	uint16_t cipher;
} cipher_rows[] = {{"aes_128_ccm", CRYPTO_CIPHER_AES_128_CCM},
	{"aes_128_gcm", CRYPTO_CIPHER_AES_128_GCM},
	{"aes_256_ccm", CRYPTO_CIPHER_AES_256_CCM},
	{"aes_256_gcm", CRYPTO_CIPHER_AES_256_GCM}};
static const struct cipher_row long_rows[] = {
	{"aes_256_ccm", CRYPTO_CIPHER_AES_256_CCM},
	{"aes_256_gcm", CRYPTO_CIPHER_AES_256_GCM}};

static struct reply *encrypted_echo(struct test *t, uint16_t cipher)
{
	struct peer *a = client_with(
		t, &(struct client_options){.no_tree = true, .cipher = cipher});

	need_capability(
		t, a->negotiate, a->cipher == cipher, "cipher %u", cipher);
	return pdu_call(echo_pdu(a, SEAL_YES));
}

CONF_TABLE(core, negotiated_cipher, cipher_rows,
	"3.1.1 encrypts with the cipher that was negotiated",
	RULES(CORE_ENCRYPT_0020, CORE_ENCRYPT_0026, CORE_ENCRYPT_0027),
	NEEDS(DIALECT_MIN(0x0311)))
{
	struct reply *r = encrypted_echo(t, row->cipher);

	check_encrypted(t, r, CORE_ENCRYPT_0020);
	check_encrypted(t, r, CORE_ENCRYPT_0026);
	check_ok(t, r, CORE_ENCRYPT_0027);
}

CONF_TABLE(core, long_keys, long_rows,
	"keys of 256 bits are derived from the whole session key",
	RULES(CORE_ENCRYPT_0028), NEEDS(DIALECT_MIN(0x0311)))
{
	check_encrypted(t, encrypted_echo(t, row->cipher), CORE_ENCRYPT_0028);
}

/* The TRANSFORM_HEADER of the answer to one encrypted ECHO. */
static struct wire_view transform_of_echo(struct peer *a)
{
	a->raw_taken = a->raw_count;
	pdu_send(echo_pdu(a, SEAL_YES));
	peer_receive_raw(a, NULL);
	need(a->t, a->raw_transform.n == CRYPTO_TRANSFORM_SIZE,
		"an encrypted response");
	return a->raw_transform;
}

CONF_TEST(core, nonces_differ, "no nonce is used twice",
	RULES(CORE_ENCRYPT_0021), NEEDS(ENCRYPTION))
{
	enum { COUNT = 20 };
	struct peer *a =
		client_with(t, &(struct client_options){.no_tree = true});
	struct wire_view seen[COUNT];
	unsigned int i, j, twice = 0;

	for (i = 0; i < COUNT; i++) {
		seen[i] = wire_view_sub(transform_of_echo(a), NONCE_AT, 16);
		for (j = 0; j < i; j++) {
			twice += wire_view_equal(seen[i], seen[j]);
		}
	}
	check_number(t, NULL, twice, 0, "nonces seen twice", CORE_ENCRYPT_0021);
}

CONF_TEST(core, transform_header, "the TRANSFORM_HEADER of a response",
	RULES(CORE_ENCRYPT_0022, CORE_ENCRYPT_0023, CORE_ENCRYPT_0024),
	NEEDS(ENCRYPTION))
{
	struct peer *a =
		client_with(t, &(struct client_options){.no_tree = true});
	struct wire_view header = transform_of_echo(a);

	check_number(t, NULL, wire_get16(header.p + FLAGS_AT), 1, "Flags",
		CORE_ENCRYPT_0022);
	check_number(t, NULL, wire_get32(header.p + SIZE_AT), 68,
		"OriginalMessageSize", CORE_ENCRYPT_0023);
	check_number(t, NULL, wire_get64(header.p + SESSION_AT), a->session->id,
		"SessionId", CORE_ENCRYPT_0024);
}

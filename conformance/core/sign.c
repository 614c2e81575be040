/* SPDX-License-Identifier: MIT */
/*
 * Rules CORE-SIGN: which messages are signed, and how.
 * [MS-SMB2] 3.1.4.1, 3.1.4.2, 3.3.4.1.1, 3.3.5.2.4
 */
#include "suite/file.h"

static const struct smb2_echo_request echo = {0};

static const struct dialect_row {
	const char *name;
	uint16_t dialect;
} every_dialect[] = {{"2.0.2", 0x0202}, {"2.1", 0x0210}, {"3.0", 0x0300},
	{"3.0.2", 0x0302}, {"3.1.1", 0x0311}};
static const struct dialect_row hmac_dialects[] = {
	{"2.0.2", 0x0202}, {"2.1", 0x0210}};
static const struct dialect_row cmac_dialects[] = {
	{"3.0", 0x0300}, {"3.0.2", 0x0302}};

/* A session in this dialect; no tree. */
static struct peer *session_in(struct test *t, uint16_t dialect)
{
	struct peer *a = client_with(t,
		&(struct client_options){.no_tree = true, .dialect = dialect});

	need(t, a->dialect == dialect, "dialect 0x%04x", dialect);
	return a;
}

/* TREE_CONNECT to the share of the target, unsigned. */
static struct pdu *unsigned_request(struct peer *a)
{
	const struct smb2_tree_connect_request r = {
		.buffer = utf16(
			a->t, test_text(a->t, "\\\\%s\\%s", a->t->target->host,
				      a->t->target->share))};
	struct pdu *pdu = pdu_build(a, &smb2_tree_connect_request_type, &r);

	pdu->sign = SIGN_NO;
	pdu->seal = SEAL_NO;
	return pdu;
}

static struct pdu *echo_pdu(struct peer *a, enum signing_mode sign)
{
	struct pdu *pdu = pdu_build(a, &smb2_echo_request_type, &echo);

	pdu->sign = sign;
	pdu->seal = SEAL_NO;
	return pdu;
}

CONF_TEST(core, signed_negotiate, "a signed NEGOTIATE is refused",
	RULES(CORE_SIGN_0001))
{
	struct peer *a = peer_connect(t);
	struct smb2_negotiate_request r = negotiate_request(a, NULL);
	struct pdu *pdu = pdu_build(a, &smb2_negotiate_request_type, &r);

	mutate_header(pdu, SMB2_HEADER_F_FLAGS, xor_with(SMB2_FLAGS_SIGNED));
	check_status(
		t, pdu_call(pdu), STATUS_INVALID_PARAMETER, CORE_SIGN_0001);
}

CONF_TABLE(core, wrong_signature, every_dialect,
	"a request with a wrong signature is refused", RULES(CORE_SIGN_0002))
{
	struct peer *a = session_in(t, row->dialect);

	need(t, !a->session->encrypted, "a session without encryption");
	need_ok(t, pdu_call(echo_pdu(a, SIGN_YES)));
	check_status(t, pdu_call(echo_pdu(a, SIGN_BAD)), STATUS_ACCESS_DENIED,
		CORE_SIGN_0002);
}

CONF_TEST(core, signed_for_unknown_session,
	"a signed request of an unknown session is refused",
	RULES(CORE_SIGN_0003))
{
	struct peer *a = client(t);
	struct pdu *pdu = echo_pdu(a, SIGN_YES);

	mutate_header(pdu, SMB2_HEADER_F_SESSION_ID, xor_with(0x5a5a5a));
	check_status(
		t, pdu_call(pdu), STATUS_USER_SESSION_DELETED, CORE_SIGN_0003);
}

CONF_TABLE(core, unsigned_where_required, every_dialect,
	"an unsigned request is refused where signing is required",
	RULES(CORE_SIGN_0004))
{
	struct peer *a = client_with(t, &(struct client_options){.sign = true,
						.dialect = row->dialect});

	need(t, !a->session->encrypted, "a session without encryption");
	check_status(t, pdu_call(echo_pdu(a, SIGN_NO)), STATUS_ACCESS_DENIED,
		CORE_SIGN_0004);
	need_ok(t, pdu_call(echo_pdu(a, SIGN_YES)));
}

CONF_TEST(core, signed_without_key,
	"a signed request of a session without a key is refused",
	RULES(CORE_SIGN_0005))
{
	static const struct smb2_logoff_request logoff = {0};
	struct peer *a =
		client_with(t, &(struct client_options){.plain = true});
	struct reply *first = peer_setup_first(a);
	struct pdu *pdu;

	need_status(t, first, STATUS_MORE_PROCESSING_REQUIRED);
	pdu = pdu_build(a, &smb2_logoff_request_type, &logoff);
	mutate_header(pdu, SMB2_HEADER_F_SESSION_ID,
		set_to(first->header.session_id));
	mutate_header(pdu, SMB2_HEADER_F_FLAGS, xor_with(SMB2_FLAGS_SIGNED));
	pdu->bytes[48] = 0x5a;
	check_status(t, pdu_call(pdu), STATUS_NOT_SUPPORTED, CORE_SIGN_0005);
}

CONF_TEST(core, signature_of_encrypted_request,
	"the Signature field of an encrypted request means nothing",
	RULES(CORE_SIGN_0006), NEEDS(ENCRYPTION))
{
	struct peer *a = client(t);
	struct pdu *pdu = echo_pdu(a, SIGN_NO);

	mutate_header(pdu, SMB2_HEADER_F_FLAGS, xor_with(SMB2_FLAGS_SIGNED));
	pdu->bytes[48] = 0x5a;
	pdu->seal = SEAL_YES;
	check_ok(t, pdu_call(pdu), CORE_SIGN_0006);
}

/* --- who requires signing ---------------------------------------------------
 */

CONF_TEST(core, required_by_session_setup,
	"SESSION_SETUP can make signing a duty", RULES(CORE_SIGN_0007))
{
	struct peer *a = client_with(
		t, &(struct client_options){.plain = true, .dialect = 0x0210});

	a->client_security_mode = SMB2_NEGOTIATE_SIGNING_REQUIRED;
	need_ok(t, peer_session_setup(a, NULL));
	check_status(t, pdu_call(unsigned_request(a)), STATUS_ACCESS_DENIED,
		CORE_SIGN_0007);
}

CONF_TEST(core, required_by_negotiate, "NEGOTIATE can make signing a duty",
	RULES(CORE_SIGN_0008))
{
	struct peer *a = client_with(
		t, &(struct client_options){
			   .plain = true, .sign = true, .dialect = 0x0210});

	a->client_security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED;
	need_ok(t, peer_session_setup(a, NULL));
	check_status(t, pdu_call(unsigned_request(a)), STATUS_ACCESS_DENIED,
		CORE_SIGN_0008);
}

/* --- responses ---------------------------------------------------------------
 */

CONF_TABLE(core, response_to_signed_request, every_dialect,
	"the response to a signed request is signed", RULES(CORE_SIGN_0009))
{
	struct peer *a = session_in(t, row->dialect);

	check_signed(t, pdu_call(echo_pdu(a, SIGN_YES)), CORE_SIGN_0009);
}

CONF_TEST(core, interim_response_is_not_signed,
	"an interim response is not signed", RULES(CORE_SIGN_0010))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	const struct smb2_change_notify_request notify = {
		.output_buffer_length = 1024,
		.file_id = d->id,
		.completion_filter = FILE_NOTIFY_CHANGE_FILE_NAME};
	struct pdu *pdu =
		pdu_build(a, &smb2_change_notify_request_type, &notify);
	struct reply *interim;

	need(t, !a->session->encrypted, "a session without encryption");
	pdu->sign = SIGN_YES;
	interim = peer_interim(pdu_send(pdu));
	need_status(t, interim, STATUS_PENDING);
	check_unsigned(t, interim, CORE_SIGN_0010);
}

CONF_TABLE(core, signed_flag, every_dialect,
	"a signed message has SMB2_FLAGS_SIGNED set", RULES(CORE_SIGN_0011))
{
	struct peer *a = session_in(t, row->dialect);

	check_header_flags(t, a->session->setup, SMB2_HEADER_F_FLAGS,
		SMB2_FLAGS_SIGNED, 0, CORE_SIGN_0011);
	check_header_flags(t, pdu_call(echo_pdu(a, SIGN_YES)),
		SMB2_HEADER_F_FLAGS, SMB2_FLAGS_SIGNED, 0, CORE_SIGN_0011);
}

CONF_TEST(core, encrypted_response_has_no_signature,
	"the header inside an encrypted message has no signature",
	RULES(CORE_SIGN_0012), NEEDS(ENCRYPTION))
{
	static const uint8_t zeroes[16];
	struct peer *a = client(t);
	struct pdu *pdu = echo_pdu(a, SIGN_NO);
	struct reply *r;

	pdu->seal = SEAL_YES;
	r = pdu_call(pdu);
	need(t, r->outcome == REPLY_ARRIVED && r->encrypted,
		"an encrypted response");
	check_bytes(t, r, wire_view_sub(r->pdu, 48, 16),
		wire_view_of(zeroes, 16), "Signature", CORE_SIGN_0012);
}

CONF_TABLE(core, setup_is_signed, every_dialect,
	"the response that completes an authentication is signed",
	RULES(CORE_SIGN_0013))
{
	struct peer *a = session_in(t, row->dialect);

	check_signed(t, a->session->setup, CORE_SIGN_0013);
}

/* --- algorithms and keys
 * ------------------------------------------------------ */

CONF_TABLE(core, hmac_sha256, hmac_dialects,
	"2.0.2 and 2.1 sign with HMAC-SHA256 under the session key",
	RULES(CORE_SIGN_0014))
{
	struct peer *a = session_in(t, row->dialect);

	check_signed(t, a->session->setup, CORE_SIGN_0014);
	check_signed(t, pdu_call(echo_pdu(a, SIGN_YES)), CORE_SIGN_0014);
}

CONF_TABLE(core, aes_cmac, cmac_dialects,
	"3.0 and 3.0.2 sign with AES-CMAC under a derived key",
	RULES(CORE_SIGN_0015, CORE_SIGN_0020))
{
	struct peer *a = session_in(t, row->dialect);
	struct reply *r;

	check_signed(t, a->session->setup, CORE_SIGN_0015);
	check_signed(t, a->session->setup, CORE_SIGN_0020);
	r = pdu_call(echo_pdu(a, SIGN_YES));
	check_signed(t, r, CORE_SIGN_0015);
	check_signed(t, r, CORE_SIGN_0020);
}

static const struct {
	const char *name;
	uint16_t signing;
} signing_rows[] = {{"hmac_sha256", CRYPTO_SIGN_HMAC_SHA256},
	{"aes_cmac", CRYPTO_SIGN_AES_CMAC}, {"aes_gmac", CRYPTO_SIGN_AES_GMAC}};

CONF_TABLE(core, negotiated_algorithm, signing_rows,
	"3.1.1 signs with the algorithm that was negotiated",
	RULES(CORE_SIGN_0016, CORE_SIGN_0021), NEEDS(DIALECT_MIN(0x0311)))
{
	struct peer *a = client_with(
		t, &(struct client_options){.no_tree = true,
			   .signing = (uint16_t)(row->signing + 1)});
	struct wire_view data;
	struct reply *r;

	need_capability(t, a->negotiate,
		negotiated_context(a, SMB2_SIGNING_CAPABILITIES, &data) &&
			a->signing == row->signing,
		"this signing algorithm");
	check_signed(t, a->session->setup, CORE_SIGN_0016);
	check_signed(t, a->session->setup, CORE_SIGN_0021);
	r = pdu_call(echo_pdu(a, SIGN_YES));
	check_signed(t, r, CORE_SIGN_0016);
	check_signed(t, r, CORE_SIGN_0021);
}

CONF_TEST(core, nonce_of_gmac, "AES-GMAC uses the MessageId as its nonce",
	RULES(CORE_SIGN_0018), NEEDS(DIALECT_MIN(0x0311)))
{
	struct peer *a =
		client_with(t, &(struct client_options){.no_tree = true,
				       .signing = CRYPTO_SIGN_AES_GMAC + 1});
	struct wire_view data;
	unsigned int i;

	need_capability(t, a->negotiate,
		negotiated_context(a, SMB2_SIGNING_CAPABILITIES, &data) &&
			a->signing == CRYPTO_SIGN_AES_GMAC,
		"AES-GMAC");
	for (i = 0; i < 5; i++) {
		check_signed(
			t, pdu_call(echo_pdu(a, SIGN_YES)), CORE_SIGN_0018);
	}
}

CONF_TEST(core, no_signing_context,
	"3.1.1 signs with AES-CMAC where no algorithm was negotiated",
	RULES(CORE_SIGN_0017), NEEDS(DIALECT_MIN(0x0311)))
{
	struct peer *a = peer_connect(t);
	struct smb2_negotiate_request r = negotiate_request(a, NULL);
	struct wire_list list = wire_list_of(
		&smb2_negotiate_context_type, r.negotiate_context_list);
	struct smb2_negotiate_context c;
	struct negotiate_context kept[2];
	unsigned int n = 0;

	while (n < 2 && wire_list_next(&list, &c, NULL) == 1) {
		kept[n++] = (struct negotiate_context){c.context_type, c.data};
	}
	r.negotiate_context_list = negotiate_contexts(t, kept, n);
	r.negotiate_context_count = (uint16_t)n;
	need_ok(t, peer_negotiate_as(a, &r));
	need(t, a->signing == CRYPTO_SIGN_AES_CMAC, "no signing context");
	need_ok(t, peer_session_setup(a, NULL));
	check_signed(t, a->session->setup, CORE_SIGN_0017);
	check_signed(t, pdu_call(echo_pdu(a, SIGN_YES)), CORE_SIGN_0017);
}

CONF_TEST(core, signature_covers_padding,
	"the signature of a compounded response covers its padding",
	RULES(CORE_SIGN_0019))
{
	static const struct smb2_close_request close = {
		.file_id = {UINT64_MAX, UINT64_MAX}};
	static const struct smb2_read_request read = {
		.length = 3, .file_id = {UINT64_MAX, UINT64_MAX}};
	struct peer *a = client_with(t, &(struct client_options){.sign = true});
	struct file *f = need_file(a, "x", NULL);
	struct smb2_create_request create = create_request(a, "x", NULL);
	struct chain *c = chain_begin(a);
	struct reply *r;

	need_ok(t, file_write(f, 0, "odd", 3));
	chain_add(c, false, &smb2_create_request_type, &create);
	chain_add(c, true, &smb2_read_request_type, &read);
	chain_add(c, true, &smb2_close_request_type, &close);
	chain_call(c);
	r = c->replies[1];
	need_ok(t, r);
	need(t, !r->encrypted, "a session without encryption");
	need_capability(t, r, !r->last_of_chain && r->pdu.n > 64 + 16 + 3,
		"a server that compounds its responses");
	check_signed(t, r, CORE_SIGN_0019);
}

CONF_TABLE(core, key_stays, every_dialect,
	"a repeated authentication leaves the signing key",
	RULES(CORE_SIGN_0022))
{
	struct peer *a = session_in(t, row->dialect);
	struct reply *r;

	r = peer_setup(a, &(struct setup_options){.reauth = a->session});
	need_capability(t, r, r->status == STATUS_SUCCESS,
		"a server that authenticates a session again");
	check_signed(t, r, CORE_SIGN_0022);
	check_signed(t, pdu_call(echo_pdu(a, SIGN_YES)), CORE_SIGN_0022);
}

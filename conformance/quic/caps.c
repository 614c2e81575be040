/* SPDX-License-Identifier: MIT */
/*
 * Rules QUIC-CAPS: SMB2_TRANSPORT_CAPABILITIES and what follows from it.
 * spec/quic.adoc, section "Transport capabilities"; [MS-SMB2] 2.2.3.1.5
 */
#include "quic/sealing.h"
#include "suite/quic.h"

#define ACCEPT SMB2_ACCEPT_TRANSPORT_LEVEL_SECURITY
#define UNKNOWN_BIT 0x80000000u

/* One line of the truth table, times signing. */
struct truth_row {
	const char *name;
	enum transport transport;
	bool offer;
	uint32_t flags;
	bool sign; /* the client requires signing */
};

#define OFFERS(transport, place, sign) \
	{place "no_context", transport, false, 0, sign}, \
		{place "flags_0", transport, true, 0, sign}, \
		{place "flags_1", transport, true, ACCEPT, sign}, \
		{place "flags_1_and_unknown", transport, true, \
			ACCEPT | UNKNOWN_BIT, sign}, \
	{ \
		place "flags_unknown", transport, true, UNKNOWN_BIT, sign \
	}

static const struct truth_row answer_rows[] = {
	OFFERS(TRANSPORT_TCP, "tcp_", false),
	OFFERS(TRANSPORT_QUIC, "quic_", false),
};
static const struct truth_row truth_rows[] = {
	OFFERS(TRANSPORT_TCP, "tcp_", false),
	OFFERS(TRANSPORT_TCP, "tcp_signed_", true),
	OFFERS(TRANSPORT_QUIC, "quic_", false),
	OFFERS(TRANSPORT_QUIC, "quic_signed_", true),
};

static const struct smb2_echo_request echo = {0};

static bool expects_agreement(const struct test *t, const struct truth_row *row)
{
	return row->transport == TRANSPORT_QUIC && row->offer &&
	       (row->flags & ACCEPT) && !t->target->quic.encrypts;
}

/* The rule that speaks about the flag in the answer. */
static enum rule_id rule_of_answer(
	const struct test *t, const struct truth_row *row)
{
	if (!(row->flags & ACCEPT)) {
		return RULE_QUIC_CAPS_0003;
	}
	if (row->transport == TRANSPORT_TCP) {
		return RULE_QUIC_CAPS_0004;
	}
	return t->target->quic.encrypts ? RULE_QUIC_CAPS_0005
					: RULE_QUIC_CAPS_0002;
}

static void judge_answer(struct peer *a, const struct truth_row *row)
{
	struct test *t = a->t;
	struct reply *r = a->negotiate;
	struct wire_view data;

	if (row->flags & UNKNOWN_BIT) {
		stop_ok(t, r, QUIC_CAPS_0006);
	}
	need_ok(t, r);
	check_rule(t, r, a->transport_security == expects_agreement(t, row),
		rule_of_answer(t, row), "%s in the answer",
		expects_agreement(t, row) ? "the flag" : "no flag");
	if (row->offer) {
		check(t, r,
			negotiated_context(
				a, SMB2_TRANSPORT_CAPABILITIES, &data),
			QUIC_CAPS_0007,
			"SMB2_TRANSPORT_CAPABILITIES in the answer");
	}
	check(t, r, a->cipher != 0, QUIC_CAPS_0008, "a cipher");
}

static struct reply *echo_as(
	struct peer *a, enum signing_mode sign, enum encryption_mode seal)
{
	struct pdu *pdu = pdu_build(a, &smb2_echo_request_type, &echo);

	pdu->sign = sign;
	pdu->seal = seal;
	return pdu_call(pdu);
}

static struct client_options options_of(const struct truth_row *row)
{
	return (struct client_options){.transport = row->transport,
		.offer_transport = row->offer,
		.transport_flags = row->flags,
		.sign = row->sign,
		.no_tree = true};
}

/* What a plain request of a session that requires encryption is told. */
static void judge_session(struct peer *a, const struct truth_row *row)
{
	struct test *t = a->t;
	struct reply *r = tree_connect_plainly(a, "IPC$");

	if (a->transport_security) {
		check_flags(t, a->session->setup,
			SMB2_SESSION_SETUP_RESPONSE_F_SESSION_FLAGS, 0,
			SMB2_SESSION_FLAG_ENCRYPT_DATA, QUIC_CAPS_0009);
		check_ok(t, r, QUIC_CAPS_0011);
		check(t, r, !r->encrypted, QUIC_CAPS_0016,
			"a plain answer to a plain request");
	} else if (row->transport == TRANSPORT_QUIC) {
		check_status(t, r, STATUS_ACCESS_DENIED, QUIC_CAPS_0014);
	} else {
		check_status(t, r, STATUS_ACCESS_DENIED, CORE_ENCRYPT_0013);
	}
}

static void judge_share(struct peer *a, const struct truth_row *row)
{
	struct test *t = a->t;
	struct reply *tree = tree_connect_plainly(a, ENCRYPTED_SHARE);
	struct reply *r;

	if (tree->status ==
		STATUS_ACCESS_DENIED) { /* the session requires it */
		tree = peer_tree_connect(a, ENCRYPTED_SHARE);
	}
	need_capability(t, tree, tree->status == STATUS_SUCCESS,
		"a share named \"" ENCRYPTED_SHARE "\"");
	r = create_sealed(a, SEAL_NO);
	if (a->transport_security) {
		check_flags(t, tree, SMB2_TREE_CONNECT_RESPONSE_F_SHARE_FLAGS,
			0, SMB2_SHAREFLAG_ENCRYPT_DATA, QUIC_CAPS_0010);
		check_status(
			t, r, STATUS_OBJECT_NAME_NOT_FOUND, QUIC_CAPS_0012);
		check(t, r, !r->encrypted, QUIC_CAPS_0016,
			"a plain answer to a plain request");
		check_encrypted(t, create_sealed(a, SEAL_YES), QUIC_CAPS_0015);
	} else if (row->transport == TRANSPORT_QUIC) {
		check_status(t, r, STATUS_ACCESS_DENIED, QUIC_CAPS_0013);
	} else {
		check_status(t, r, STATUS_ACCESS_DENIED, CORE_ENCRYPT_0014);
	}
}

static struct peer *negotiated(struct test *t, const struct truth_row *row)
{
	struct client_options options = options_of(row);
	struct peer *a;

	need_capability(t, NULL,
		row->transport == TRANSPORT_QUIC || t->target->tcp_port != 0,
		"TCP to the server as well (--tcp-port)");
	a = peer_connect_over(t, row->transport);
	peer_negotiate(a, &options);
	return a;
}

static struct peer *logged_on(struct test *t, const struct truth_row *row)
{
	struct client_options options = options_of(row);
	struct peer *a = negotiated(t, row);

	need_ok(t, a->negotiate);
	need_ok(t, peer_session_setup(a, &options));
	return a;
}

CONF_TABLE(quic, answer, answer_rows,
	"SMB2_TRANSPORT_CAPABILITIES in the answer, by transport and offer",
	RULES(QUIC_CAPS_0002, QUIC_CAPS_0003, QUIC_CAPS_0004, QUIC_CAPS_0005,
		QUIC_CAPS_0006, QUIC_CAPS_0007, QUIC_CAPS_0008),
	NEEDS(QUIC_TRANSPORT, ENCRYPTION))
{
	judge_answer(negotiated(t, row), row);
}

CONF_TABLE(quic, share_requires, truth_rows,
	"requests in the clear on a share that requires encryption",
	RULES(QUIC_CAPS_0010, QUIC_CAPS_0012, QUIC_CAPS_0013, QUIC_CAPS_0015,
		QUIC_CAPS_0016, CORE_ENCRYPT_0014),
	NEEDS(QUIC_TRANSPORT, ENCRYPTION))
{
	judge_share(logged_on(t, row), row);
}

CONF_TABLE(quic, session_requires, truth_rows,
	"requests in the clear where the server requires encryption",
	RULES(QUIC_CAPS_0009, QUIC_CAPS_0011, QUIC_CAPS_0014, QUIC_CAPS_0016,
		CORE_ENCRYPT_0013),
	NEEDS(QUIC_TRANSPORT, ENCRYPTION))
{
	need_required_sessions(t, TRANSPORT_QUIC);
	judge_session(logged_on(t, row), row);
}

/* --- signing -------------------------------------------------------------- */

/* A session on a connection with AcceptTransportSecurity. */
static struct peer *trusting(struct test *t, bool sign)
{
	const struct truth_row row = {"", TRANSPORT_QUIC, true, ACCEPT, sign};
	struct peer *a = logged_on(t, &row);

	need_capability(t, a->negotiate, a->transport_security,
		"a server that leaves out encryption over QUIC");
	return a;
}

CONF_TEST(quic, unsigned_request,
	"who requires signing gets it where the transport encrypts",
	RULES(QUIC_CAPS_0017), NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = trusting(t, true);

	need_ok(t, echo_as(a, SIGN_YES, SEAL_NO));
	check_status(t, echo_as(a, SIGN_NO, SEAL_NO), STATUS_ACCESS_DENIED,
		QUIC_CAPS_0017);
}

CONF_TEST(quic, unsigned_request_for_unencrypted,
	"what is not encrypted because of the transport is signed",
	RULES(QUIC_CAPS_0018), NEEDS(QUIC_TRANSPORT, ENCRYPTION))
{
	struct peer *a;

	need_required_sessions(t, TRANSPORT_QUIC);
	a = trusting(t, true);
	need_ok(t, echo_as(a, SIGN_YES, SEAL_NO));
	check_status(t, echo_as(a, SIGN_NO, SEAL_NO), STATUS_ACCESS_DENIED,
		QUIC_CAPS_0018);
}

CONF_TEST(quic, unsigned_tree_connect,
	"TREE_CONNECT is signed where the transport encrypts",
	RULES(QUIC_CAPS_0019), NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = trusting(t, false);
	const struct smb2_tree_connect_request r = {
		.buffer = utf16(
			t, test_text(t, "\\\\%s\\IPC$", t->target->host))};
	struct pdu *pdu = pdu_build(a, &smb2_tree_connect_request_type, &r);

	pdu->sign = SIGN_NO;
	pdu->seal = SEAL_NO;
	pdu_send(pdu);
	check_closed_silently(t, a, QUIC_CAPS_0019);
}

/* --- contexts of another form ------------------------------------------------
 */

/* NEGOTIATE of 3.1.1 with these contexts behind the one for the hash. */
static struct reply *negotiate_with(struct peer *a,
	const struct negotiate_context *more, unsigned int count)
{
	static const uint8_t hash[] = {
		1, 0, 4, 0, SMB2_PREAUTH_HASH_SHA_512, 0, 9, 9, 9, 9};
	struct negotiate_context all[4] = {{SMB2_PREAUTH_INTEGRITY_CAPABILITIES,
		wire_view_of(hash, sizeof(hash))}};
	struct smb2_negotiate_request r = negotiate_request(
		a, &(struct client_options){.dialect = 0x0311});
	unsigned int i;

	for (i = 0; i < count; i++) {
		all[i + 1] = more[i];
	}
	r.negotiate_context_count = (uint16_t)(count + 1);
	r.negotiate_context_list = negotiate_contexts(a->t, all, count + 1);
	return peer_negotiate_as(a, &r);
}

static const struct short_row {
	const char *name;
	enum transport transport;
	size_t size;
} short_rows[] = {
	{"quic_0", TRANSPORT_QUIC, 0},
	{"quic_3", TRANSPORT_QUIC, 3},
	{"tcp_0", TRANSPORT_TCP, 0},
	{"tcp_3", TRANSPORT_TCP, 3},
};

CONF_TABLE(quic, short_context, short_rows,
	"a context that is too short fails NEGOTIATE", RULES(QUIC_CAPS_0001),
	NEEDS(QUIC_TRANSPORT))
{
	const struct negotiate_context c = {SMB2_TRANSPORT_CAPABILITIES,
		wire_view_of("\1\0\0\0", row->size)};

	need_capability(t, NULL,
		row->transport == TRANSPORT_QUIC || t->target->tcp_port != 0,
		"TCP to the server as well (--tcp-port)");
	check_status(t,
		negotiate_with(peer_connect_over(t, row->transport), &c, 1),
		STATUS_INVALID_PARAMETER, QUIC_CAPS_0001);
}

/* What [MS-SMB2] leaves open, for the record. */
CONF_TEST(quic, strange_contexts, "a long context, and two of them",
	RULES(QUIC_CAPS_0003), NEEDS(QUIC_TRANSPORT))
{
	const struct negotiate_context long_one = {SMB2_TRANSPORT_CAPABILITIES,
		wire_view_of("\0\0\0\0\0\0\0\0", 8)};
	const struct negotiate_context both[] = {
		{SMB2_TRANSPORT_CAPABILITIES, wire_view_of("\0\0\0\0", 4)},
		{SMB2_TRANSPORT_CAPABILITIES, wire_view_of("\0\0\0\0", 4)}};
	struct peer *a = quic_connect(t, NULL), *b = quic_connect(t, NULL);
	struct reply *r = negotiate_with(a, &long_one, 1);

	observe(t, r, "DataLength 8", "%s", status_text(r->status));
	check(t, r, !a->transport_security, QUIC_CAPS_0003, "no flag");
	r = negotiate_with(b, both, 2);
	observe(t, r, "the context twice", "%s", status_text(r->status));
	check(t, r, !b->transport_security, QUIC_CAPS_0003, "no flag");
}

/* SPDX-License-Identifier: MIT */
/*
 * Rules CORE-NEGOTIATE: the choice of a dialect and its properties.
 * [MS-SMB2] 3.3.5.3, 3.3.5.4, 3.3.5.15.12
 */
#include <string.h>

#include "suite/file.h"

#define ALL_CAPABILITIES 0xffu
#define WILDCARD 0x02ff

/* --- the dialect --------------------------------------------------------- */

CONF_TEST(core, dialect_count_zero, "NEGOTIATE with DialectCount 0 is refused",
	RULES(CORE_NEGOTIATE_0007))
{
	struct peer *a = peer_connect(t);
	struct smb2_negotiate_request r = negotiate_request(a, NULL);
	struct pdu *pdu = pdu_build(a, &smb2_negotiate_request_type, &r);

	mutate(pdu, SMB2_NEGOTIATE_REQUEST_F_DIALECT_COUNT, set_to(0));
	check_status(t, pdu_call(pdu), STATUS_INVALID_PARAMETER,
		CORE_NEGOTIATE_0007);
}

static const struct offer_row {
	const char *name;
	uint16_t dialects[5];
	unsigned int count;
	uint16_t best;
} offer_rows[] = {
	{"only_202", {0x0202}, 1, 0x0202},
	{"only_210", {0x0210}, 1, 0x0210},
	{"only_300", {0x0300}, 1, 0x0300},
	{"only_302", {0x0302}, 1, 0x0302},
	{"descending", {0x0302, 0x0300, 0x0210, 0x0202}, 4, 0x0302},
	{"with_unknown", {0x0202, 0x0210, 0x0399}, 3, 0x0210},
};

CONF_TABLE(core, greatest_dialect, offer_rows,
	"the greatest common dialect is chosen, whatever the order",
	RULES(CORE_NEGOTIATE_0009),
	NEEDS(DIALECT_MIN(0x0302), DIALECT_MAX(0x0302)))
{
	struct peer *a = peer_connect(t);
	struct smb2_negotiate_request r = negotiate_request(
		a, &(struct client_options){.dialect = 0x0302});

	need_capability(t, NULL,
		t->target->dialect_min <= row->dialects[0] || row->count > 1,
		"dialect 0x%04x", row->dialects[0]);
	r.dialect_count = (uint16_t)row->count;
	r.dialects = bytes_of(t, row->dialects, row->count * 2);
	check_field(t, peer_negotiate_as(a, &r),
		SMB2_NEGOTIATE_RESPONSE_F_DIALECT_REVISION, row->best,
		CORE_NEGOTIATE_0009);
}

CONF_TEST(core, no_common_dialect,
	"NEGOTIATE with unknown dialects only is refused",
	RULES(CORE_NEGOTIATE_0008))
{
	static const uint16_t unknown[] = {0x0399, 0x7777};
	struct peer *a = peer_connect(t);
	struct smb2_negotiate_request r = negotiate_request(
		a, &(struct client_options){.dialect = 0x0302});

	r.dialect_count = 2;
	r.dialects = bytes_of(t, unknown, sizeof(unknown));
	check_status(t, peer_negotiate_as(a, &r), STATUS_NOT_SUPPORTED,
		CORE_NEGOTIATE_0008);
}

CONF_TEST(core, second_negotiate, "a second NEGOTIATE ends the connection",
	RULES(CORE_NEGOTIATE_0006))
{
	struct peer *a =
		client_with(t, &(struct client_options){.plain = true});
	struct smb2_negotiate_request r = negotiate_request(a, NULL);

	peer_send(a, &smb2_negotiate_request_type, &r);
	check_closed_silently(t, a, CORE_NEGOTIATE_0006);
}

CONF_TEST(core, client_start_time_is_ignored,
	"ClientStartTime means nothing below 3.1.1", RULES(CORE_NEGOTIATE_0010),
	NEEDS(DIALECT_MAX(0x0302)))
{
	struct peer *a = peer_connect(t);
	struct smb2_negotiate_request r = negotiate_request(
		a, &(struct client_options){.dialect = 0x0210});
	struct pdu *pdu = pdu_build(a, &smb2_negotiate_request_type, &r);

	mutate(pdu, SMB2_NEGOTIATE_REQUEST_F_NEGOTIATE_CONTEXT_OFFSET,
		set_to(0x12345678));
	mutate(pdu, SMB2_NEGOTIATE_REQUEST_F_NEGOTIATE_CONTEXT_COUNT,
		set_to(0x9abc));
	check_ok(t, pdu_call(pdu), CORE_NEGOTIATE_0010);
}

/* --- SMB_COM_NEGOTIATE ---------------------------------------------------- */

/* Sends an SMB1 negotiation with up to three dialect strings. */
static void smb1_negotiate(struct peer *a, const char *const *names)
{
	static const uint8_t header[33] = {0xff, 'S', 'M', 'B', 0x72, 0, 0, 0,
		0, 0x18, 0x53, 0xc8, [24] = 0xff, 0xff, 0xff, 0xfe};
	uint8_t bytes[200];
	size_t n = 35;

	memcpy(bytes, header, sizeof(header));
	for (; *names != NULL; names++) {
		size_t size = strlen(*names) + 1;

		bytes[n++] = 2;
		memcpy(bytes + n, *names, size);
		n += size;
	}
	wire_put16(bytes + 33, (uint16_t)(n - 35));
	peer_send_raw(a, bytes_of(a->t, bytes, n));
}

static const char *const smb1_wildcard[] = {
	"NT LM 0.12", "SMB 2.002", "SMB 2.???", NULL};
static const char *const smb1_202[] = {"NT LM 0.12", "SMB 2.002", NULL};
static const char *const smb1_only[] = {"NT LM 0.12", NULL};

CONF_TEST(core, smb1_asks_for_any_dialect,
	"SMB_COM_NEGOTIATE with \"SMB 2.\?\?\?\" leads to 0x02FF",
	RULES(CORE_NEGOTIATE_0001, CORE_NEGOTIATE_0005),
	NEEDS(DIALECT_MIN(0x0210), DIRECT_TCP))
{
	struct peer *a = peer_connect(t);
	struct reply *r;

	smb1_negotiate(a, smb1_wildcard);
	r = peer_notification(a, REPLY_TIMEOUT_MS);
	check_field(t, r, SMB2_NEGOTIATE_RESPONSE_F_DIALECT_REVISION, WILDCARD,
		CORE_NEGOTIATE_0001);
	need(t, r->outcome == REPLY_ARRIVED, "an answer");
	step(t, "the real NEGOTIATE, MessageId 1");
	a->next_id = 1;
	a->credits = 1;
	check_ok(t, peer_negotiate(a, NULL), CORE_NEGOTIATE_0005);
}

CONF_TEST(core, smb1_asks_for_202,
	"SMB_COM_NEGOTIATE with \"SMB 2.002\" leads to 0x0202",
	RULES(CORE_NEGOTIATE_0002), NEEDS(DIALECT_MAX(0x0202)))
{
	struct peer *a = peer_connect(t);

	smb1_negotiate(a, smb1_202);
	check_field(t, peer_notification(a, REPLY_TIMEOUT_MS),
		SMB2_NEGOTIATE_RESPONSE_F_DIALECT_REVISION, 0x0202,
		CORE_NEGOTIATE_0002);
}

CONF_TEST(core, smb1_alone, "SMB_COM_NEGOTIATE without an SMB2 dialect",
	RULES(CORE_NEGOTIATE_0003))
{
	struct peer *a = peer_connect(t);
	uint64_t deadline = test_within(t, 1000);

	smb1_negotiate(a, smb1_only);
	while (!a->closed && a->raw_count == 0 && peers_pump(t, deadline)) {
	}
	need_capability(t, NULL,
		!(a->raw_count != 0 && a->raw.n > 37 && a->raw.p[0] == 0xff &&
			wire_get16(a->raw.p + 33) != 0xffff),
		"a server that does not speak SMB1");
	check(t, NULL, a->raw_count == 0, CORE_NEGOTIATE_0003, "no answer");
	check_closed(t, a, CORE_NEGOTIATE_0003);
}

CONF_TEST(core, smb1_after_smb2,
	"SMB_COM_NEGOTIATE after a NEGOTIATE ends the connection",
	RULES(CORE_NEGOTIATE_0004))
{
	struct peer *a =
		client_with(t, &(struct client_options){.plain = true});

	smb1_negotiate(a, smb1_wildcard);
	check_closed_silently(t, a, CORE_NEGOTIATE_0004);
}

/* --- the response -------------------------------------------------------- */

static const struct dialect_row {
	const char *name;
	uint16_t dialect;
} every_dialect[] = {{"2.0.2", 0x0202}, {"2.1", 0x0210}, {"3.0", 0x0300},
	{"3.0.2", 0x0302}, {"3.1.1", 0x0311}};
static const struct dialect_row from_210[] = {
	{"2.1", 0x0210}, {"3.0", 0x0300}, {"3.0.2", 0x0302}, {"3.1.1", 0x0311}};

static struct peer *negotiated(struct test *t, uint16_t dialect)
{
	struct peer *a = client_with(
		t, &(struct client_options){.plain = true, .dialect = dialect});

	need(t, a->dialect == dialect, "dialect 0x%04x", dialect);
	return a;
}

CONF_TABLE(core, security_mode, every_dialect,
	"SMB2_NEGOTIATE_SIGNING_ENABLED is set", RULES(CORE_NEGOTIATE_0011))
{
	struct peer *a = negotiated(t, row->dialect);

	check_flags(t, a->negotiate, SMB2_NEGOTIATE_RESPONSE_F_SECURITY_MODE,
		SMB2_NEGOTIATE_SIGNING_ENABLED, 0, CORE_NEGOTIATE_0011);
}

CONF_TEST(core, signing_required_is_said,
	"a server that refuses unsigned requests says so",
	RULES(CORE_NEGOTIATE_0012))
{
	struct peer *a =
		client_with(t, &(struct client_options){.no_tree = true});
	struct smb2_tree_connect_request r = {
		.buffer = utf16(t, test_text(t, "\\\\%s\\%s", t->target->host,
					   t->target->share))};
	struct pdu *pdu;
	struct reply *answer;

	a = a->dialect == 0x0311
		    ? client_with(t, &(struct client_options){.no_tree = true,
					     .dialect = 0x0302})
		    : a;
	pdu = pdu_build(a, &smb2_tree_connect_request_type, &r);
	pdu->sign = SIGN_NO;
	pdu->seal = SEAL_NO;
	answer = pdu_call(pdu);
	need_capability(t, answer,
		answer->status == STATUS_ACCESS_DENIED &&
			(a->session->flags & SMB2_SESSION_FLAG_ENCRYPT_DATA) ==
				0,
		"a server that requires signing");
	check_flags(t, a->negotiate, SMB2_NEGOTIATE_RESPONSE_F_SECURITY_MODE,
		SMB2_NEGOTIATE_SIGNING_REQUIRED, 0, CORE_NEGOTIATE_0012);
}

CONF_TEST(core, server_guid, "the server has one ServerGuid",
	RULES(CORE_NEGOTIATE_0013))
{
	struct peer *a = negotiated(t, t->target->dialect_max);
	struct peer *b = negotiated(t, t->target->dialect_min);

	check_bytes(t, b->negotiate, wire_view_of(b->server_guid.b, 16),
		wire_view_of(a->server_guid.b, 16), "ServerGuid",
		CORE_NEGOTIATE_0013);
}

CONF_TABLE(core, large_mtu, from_210, "SMB2_GLOBAL_CAP_LARGE_MTU is set",
	RULES(CORE_NEGOTIATE_0014))
{
	struct peer *a = negotiated(t, row->dialect);

	check_flags(t, a->negotiate, SMB2_NEGOTIATE_RESPONSE_F_CAPABILITIES,
		SMB2_GLOBAL_CAP_LARGE_MTU, 0, CORE_NEGOTIATE_0014);
}

CONF_TEST(core, no_large_mtu_in_202,
	"SMB2_GLOBAL_CAP_LARGE_MTU does not exist in 2.0.2",
	RULES(CORE_NEGOTIATE_0015), NEEDS(DIALECT_MAX(0x0202)))
{
	struct peer *a = negotiated(t, 0x0202);

	check_flags(t, a->negotiate, SMB2_NEGOTIATE_RESPONSE_F_CAPABILITIES, 0,
		SMB2_GLOBAL_CAP_LARGE_MTU, CORE_NEGOTIATE_0015);
}

static const struct capability_row {
	const char *name;
	uint16_t dialect;
	uint32_t offered;
	bool encryption; /* is judged */
} capability_rows[] = {
	{"2.0.2_offers_all", 0x0202, ALL_CAPABILITIES, true},
	{"2.1_offers_all", 0x0210, ALL_CAPABILITIES, true},
	{"3.0_offers_none", 0x0300, SMB2_GLOBAL_CAP_DFS, true},
	{"3.0.2_offers_none", 0x0302, SMB2_GLOBAL_CAP_DFS, true},
	{"3.1.1_offers_none", 0x0311, SMB2_GLOBAL_CAP_DFS, true},
};

CONF_TABLE(core, capabilities_of_3x, capability_rows,
	"a capability of 3.x is not set for whoever did not offer it",
	RULES(CORE_NEGOTIATE_0016, CORE_NEGOTIATE_0017))
{
	struct peer *a = peer_connect(t);
	struct smb2_negotiate_request r = negotiate_request(
		a, &(struct client_options){.dialect = row->dialect});
	struct reply *reply;

	r.capabilities = row->offered;
	reply = peer_negotiate_as(a, &r);
	need_capability(t, reply, reply->status != STATUS_NOT_SUPPORTED,
		"dialect 0x%04x", row->dialect);
	need_ok(t, reply);
	check_flags(t, reply, SMB2_NEGOTIATE_RESPONSE_F_CAPABILITIES, 0,
		SMB2_GLOBAL_CAP_MULTI_CHANNEL |
			SMB2_GLOBAL_CAP_DIRECTORY_LEASING |
			SMB2_GLOBAL_CAP_PERSISTENT_HANDLES |
			SMB2_GLOBAL_CAP_NOTIFICATIONS,
		CORE_NEGOTIATE_0016);
	check_flags(t, reply, SMB2_NEGOTIATE_RESPONSE_F_CAPABILITIES, 0,
		SMB2_GLOBAL_CAP_ENCRYPTION, CORE_NEGOTIATE_0017);
}

CONF_TEST(core, encryption_capability_in_311,
	"SMB2_GLOBAL_CAP_ENCRYPTION is not set in 3.1.1",
	RULES(CORE_NEGOTIATE_0017), NEEDS(DIALECT_MIN(0x0311)))
{
	struct peer *a = negotiated(t, 0x0311);

	check_flags(t, a->negotiate, SMB2_NEGOTIATE_RESPONSE_F_CAPABILITIES, 0,
		SMB2_GLOBAL_CAP_ENCRYPTION, CORE_NEGOTIATE_0017);
}

CONF_TABLE(core, sizes, from_210, "MaxTransactSize, MaxReadSize, MaxWriteSize",
	RULES(CORE_NEGOTIATE_0018))
{
	struct peer *a = negotiated(t, row->dialect);

	check_range(t, a->negotiate,
		SMB2_NEGOTIATE_RESPONSE_F_MAX_TRANSACT_SIZE, 65536, UINT32_MAX,
		CORE_NEGOTIATE_0018);
	check_range(t, a->negotiate, SMB2_NEGOTIATE_RESPONSE_F_MAX_READ_SIZE,
		65536, UINT32_MAX, CORE_NEGOTIATE_0018);
	check_range(t, a->negotiate, SMB2_NEGOTIATE_RESPONSE_F_MAX_WRITE_SIZE,
		65536, UINT32_MAX, CORE_NEGOTIATE_0018);
}

/* GSS-API framing of SPNEGO: 0x60, length, the object identifier
 * 1.3.6.1.5.5.2, then the [0] of NegTokenInit2. RFC 2743 3.1. */
static bool is_neg_token_init(struct wire_view token)
{
	static const uint8_t spnego[] = {6, 6, 0x2b, 6, 1, 5, 5, 2, 0xa0};
	size_t at = 2;

	if (token.n < 2 || token.p[0] != 0x60) {
		return false;
	}
	if ((token.p[1] & 0x80) != 0) {
		at += token.p[1] & 0x7f;
	}
	return token.n > at + sizeof(spnego) &&
	       memcmp(token.p + at, spnego, sizeof(spnego)) == 0;
}

CONF_TABLE(core, security_buffer, every_dialect,
	"the security buffer is empty or a SPNEGO NegTokenInit2",
	RULES(CORE_NEGOTIATE_0019))
{
	struct peer *a = negotiated(t, row->dialect);

	check(t, a->negotiate,
		a->security_buffer.n == 0 ||
			is_neg_token_init(a->security_buffer),
		CORE_NEGOTIATE_0019, "an empty buffer or NegTokenInit2");
}

/* --- FSCTL_VALIDATE_NEGOTIATE_INFO -----------------------------------------
 */

static struct validate_negotiate_info_request validation(struct peer *a)
{
	uint8_t dialects[16];
	unsigned int i;

	for (i = 0; i < a->client_dialect_count; i++) {
		wire_put16(dialects + 2 * i, a->client_dialects[i]);
	}
	return (struct validate_negotiate_info_request){
		.capabilities = a->client_capabilities,
		.guid = a->client_guid,
		.security_mode = a->client_security_mode,
		.dialect_count = (uint16_t)a->client_dialect_count,
		.dialects =
			bytes_of(a->t, dialects, 2 * a->client_dialect_count),
	};
}

static struct pdu *validate(
	struct peer *a, const struct validate_negotiate_info_request *r)
{
	const struct smb2_ioctl_request ioctl = {
		.ctl_code = FSCTL_VALIDATE_NEGOTIATE_INFO,
		.file_id = {UINT64_MAX, UINT64_MAX},
		.max_output_response = 64,
		.flags = SMB2_0_IOCTL_IS_FSCTL,
		.input =
			encoded(a->t, &validate_negotiate_info_request_type, r),
	};
	struct pdu *pdu = pdu_build(a, &smb2_ioctl_request_type, &ioctl);

	pdu->sign = SIGN_YES;
	return pdu;
}

static struct peer *client_302(struct test *t)
{
	return client_with(t, &(struct client_options){.dialect = 0x0302});
}

CONF_TEST(core, validation, "the negotiation is repeated under a signature",
	RULES(CORE_NEGOTIATE_0033), NEEDS(DIALECT_MIN(0x0302)))
{
	struct peer *a = client_302(t);
	struct validate_negotiate_info_request v = validation(a);
	struct reply *r = pdu_call(validate(a, &v));
	struct validate_negotiate_info_response want = {
		.capabilities = a->capabilities,
		.guid = a->server_guid,
		.security_mode = a->security_mode,
		.dialect = a->dialect,
	};

	need_capability(t, r, r->status == STATUS_SUCCESS,
		"FSCTL_VALIDATE_NEGOTIATE_INFO");
	check_bytes(t, r, fsctl_data(r),
		encoded(t, &validate_negotiate_info_response_type, &want),
		"VALIDATE_NEGOTIATE_INFO response", CORE_NEGOTIATE_0033);
}

static const struct {
	const char *name;
	unsigned int what;
} tampered_rows[] = {{"guid", 0}, {"security_mode", 1}, {"capabilities", 2}};

CONF_TABLE(core, tampered_negotiation, tampered_rows,
	"a NEGOTIATE that was changed on its way ends the connection",
	RULES(CORE_NEGOTIATE_0034), NEEDS(DIALECT_MIN(0x0302)))
{
	struct peer *a = client_302(t);
	struct validate_negotiate_info_request v = validation(a);

	switch (row->what) {
	case 0:
		v.guid.b[3] ^= 1;
		break;
	case 1:
		v.security_mode ^= SMB2_NEGOTIATE_SIGNING_REQUIRED;
		break;
	default:
		v.capabilities ^= SMB2_GLOBAL_CAP_DFS;
	}
	pdu_send(validate(a, &v));
	check_closed_silently(t, a, CORE_NEGOTIATE_0034);
}

CONF_TEST(core, downgraded_negotiation,
	"dialects that would have led elsewhere end the connection",
	RULES(CORE_NEGOTIATE_0035), NEEDS(DIALECT_MIN(0x0302)))
{
	static const uint8_t both[] = {0, 3, 2, 3};
	struct peer *a =
		client_with(t, &(struct client_options){.dialect = 0x0300});
	struct validate_negotiate_info_request v = validation(a);

	v.dialect_count = 2;
	v.dialects = bytes_of(t, both, sizeof(both));
	pdu_send(validate(a, &v));
	check_closed_silently(t, a, CORE_NEGOTIATE_0035);
}

CONF_TEST(core, validation_in_311,
	"FSCTL_VALIDATE_NEGOTIATE_INFO ends a 3.1.1 connection",
	RULES(CORE_NEGOTIATE_0036), NEEDS(DIALECT_MIN(0x0311)))
{
	struct peer *a = client(t);
	struct validate_negotiate_info_request v = validation(a);

	pdu_send(validate(a, &v));
	check_closed_silently(t, a, CORE_NEGOTIATE_0036);
}

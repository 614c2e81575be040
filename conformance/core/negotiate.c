/* SPDX-License-Identifier: MIT */
/*
 * Rules CORE-NEGOTIATE: the choice of a dialect and its properties.
 * [MS-SMB2] 3.3.5.3, 3.3.5.4
 */
#include "suite/file.h"

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
	RULES(CORE_NEGOTIATE_0009), NEEDS(DIALECT_MIN(0x0302)))
{
	struct peer *a = peer_connect(t);
	struct smb2_negotiate_request r = negotiate_request(
		a, &(struct client_options){.dialect = 0x0302});

	need(t, t->target->dialect_min <= row->dialects[0] || row->count > 1,
		"dialect 0x%04x", row->dialects[0]);
	r.dialect_count = (uint16_t)row->count;
	r.dialects = bytes_of(t, row->dialects, row->count * 2);
	check_field(t, peer_negotiate_as(a, &r),
		SMB2_NEGOTIATE_RESPONSE_F_DIALECT_REVISION, row->best,
		CORE_NEGOTIATE_0009);
}

CONF_TEST(core, second_negotiate, "a second NEGOTIATE ends the connection",
	RULES(CORE_NEGOTIATE_0006))
{
	struct peer *a =
		client_with(t, &(struct client_options){.plain = true});
	struct smb2_negotiate_request r = negotiate_request(a, NULL);

	peer_send(a, &smb2_negotiate_request_type, &r);
	check_closed(t, a, CORE_NEGOTIATE_0006);
}

CONF_TEST(core, preauth_context_missing,
	"NEGOTIATE for 3.1.1 without a preauthentication context is refused",
	RULES(CORE_NEGOTIATE_0020), NEEDS(DIALECT_MIN(0x0311)))
{
	struct peer *a = peer_connect(t);
	struct smb2_negotiate_request r = negotiate_request(a, NULL);
	const uint8_t one_cipher[4] = {1, 0, 2, 0};
	struct negotiate_context c = {
		SMB2_ENCRYPTION_CAPABILITIES, bytes_of(t, one_cipher, 4)};

	r.negotiate_context_list = negotiate_contexts(t, &c, 1);
	r.negotiate_context_count = 1;
	check_status(t, peer_negotiate_as(a, &r), STATUS_INVALID_PARAMETER,
		CORE_NEGOTIATE_0020);
}

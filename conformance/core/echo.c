/* SPDX-License-Identifier: MIT */
/* ECHO. Rules CORE-ECHO, [MS-SMB2] 3.3.5.17. */
#include "suite/words.h"

static const struct smb2_echo_request echo = {0};

CONF_TEST(core, echo_succeeds, "ECHO is answered with success",
	RULES(CORE_ECHO_0001))
{
	struct peer *a = client(t);
	check_ok(t, peer_call(a, &smb2_echo_request_type, &echo),
		CORE_ECHO_0001);
}

CONF_TEST(core, echo_without_session_disconnects,
	"ECHO before any session ends the connection", RULES(CORE_ECHO_0002))
{
	struct peer *a =
		client_with(t, &(struct client_options){.plain = true});
	peer_send(a, &smb2_echo_request_type, &echo);
	check_closed(t, a, CORE_ECHO_0002);
}

CONF_TEST(core, echo_in_unknown_session,
	"ECHO in a session that does not exist is refused",
	RULES(CORE_ECHO_0003))
{
	struct peer *a = client(t);
	struct pdu *pdu = pdu_build(a, &smb2_echo_request_type, &echo);
	pdu->sign = SIGN_NO;
	pdu->seal = SEAL_NO;
	mutate_header(
		pdu, SMB2_HEADER_F_SESSION_ID, xor_with(0x5a5a5a5a5a5a5a5a));
	check_status(
		t, pdu_call(pdu), STATUS_USER_SESSION_DELETED, CORE_ECHO_0003);
}

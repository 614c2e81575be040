/* SPDX-License-Identifier: MIT */
/*
 * Rules CORE-SESSION: authentication, its failures, repetition and binding.
 * [MS-SMB2] 3.3.5.5
 */
#include "suite/file.h"

CONF_TEST(core, logon, "a user logs on and the session has an identifier",
	RULES(CORE_SESSION_0001, CORE_SESSION_0003), TAGS(TAG_SANITY))
{
	struct peer *a =
		client_with(t, &(struct client_options){.plain = true});
	struct reply *last = peer_session_setup(a, NULL);

	stop_ok(t, last, CORE_SESSION_0003);
	check(t, last,
		last->header.session_id != 0 &&
			last->header.session_id != UINT64_MAX,
		CORE_SESSION_0001, "a SessionId neither zero nor all ones");
}

CONF_TEST(core, wrong_password, "a wrong password is refused",
	RULES(CORE_SESSION_0005))
{
	struct peer *a =
		client_with(t, &(struct client_options){.plain = true});

	check_status(t,
		peer_setup(a, &(struct setup_options){.wrong_password = true}),
		STATUS_LOGON_FAILURE, CORE_SESSION_0005);
}

CONF_TEST(core, unknown_session_id,
	"a request with a SessionId that names no session is refused",
	RULES(CORE_SESSION_0010))
{
	struct peer *a = client(t);
	struct smb2_tree_disconnect_request r = {0};
	struct pdu *pdu = pdu_build(a, &smb2_tree_disconnect_request_type, &r);

	pdu->sign = SIGN_NO;
	mutate_header(pdu, SMB2_HEADER_F_SESSION_ID, xor_with(0x5a5a));
	check_status(t, pdu_call(pdu), STATUS_USER_SESSION_DELETED,
		CORE_SESSION_0010);
}

CONF_TEST(core, bound_connection,
	"a session works on a second connection that was bound to it",
	RULES(CORE_SESSION_0027, CORE_SESSION_0028),
	NEEDS(DIALECT_MIN(0x0300), CAPABILITY(SMB2_GLOBAL_CAP_MULTI_CHANNEL)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct peer *b = peer_connect(t);
	const struct client_options same = {
		.dialect = a->dialect, .client_guid = &a->client_guid};
	struct reply *bound, *read;

	need_ok(t, file_write(f, 0, "channel", 7));
	need_ok(t, peer_negotiate(b, &same));
	bound = peer_setup(b, &(struct setup_options){.bind = a->session});
	need_ok(t, bound);
	check_signed(t, bound, CORE_SESSION_0027);
	peer_use(b, a->session, a->tree);
	f->peer = b;
	read = file_read(f, 0, 7);
	check_bytes(t, read, read_data(read), text_bytes("channel"), "Data",
		CORE_SESSION_0028);
}

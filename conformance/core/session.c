/* SPDX-License-Identifier: MIT */
/*
 * Rules CORE-SESSION: authentication, its failures and its repetition.
 * [MS-SMB2] 3.3.5.5 (Binding: bind.c. LOGOFF: logoff.c.)
 */
#include "suite/file.h"

static struct peer *plain(struct test *t)
{
	return client_with(t, &(struct client_options){.plain = true});
}

static struct smb2_tree_connect_request tree_request(struct test *t)
{
	return (struct smb2_tree_connect_request){
		.buffer = utf16(t, test_text(t, "\\\\%s\\%s", t->target->host,
					   t->target->share))};
}

/* SESSION_SETUP with this SessionId and a token that begins a logon anew. */
static struct reply *setup_in(struct peer *a, uint64_t session_id)
{
	const struct smb2_session_setup_request r = {
		.security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED,
		.buffer = bytes_of(a->t, "NTLMSSP", 8)};
	struct pdu *pdu = pdu_build(a, &smb2_session_setup_request_type, &r);

	mutate_header(pdu, SMB2_HEADER_F_SESSION_ID, set_to(session_id));
	return pdu_call(pdu);
}

CONF_TEST(core, logon, "a user logs on and the session has an identifier",
	RULES(CORE_SESSION_0001, CORE_SESSION_0003), TAGS(TAG_SANITY))
{
	struct reply *first, *last;

	step(t, "the first SESSION_SETUP alone");
	first = peer_setup_first(plain(t));
	check_status(
		t, first, STATUS_MORE_PROCESSING_REQUIRED, CORE_SESSION_0003);
	check(t, first,
		first->header.session_id != 0 &&
			first->header.session_id != UINT64_MAX,
		CORE_SESSION_0001, "a SessionId neither zero nor all ones");
	step(t, "all of it");
	last = peer_session_setup(plain(t), NULL);
	stop_ok(t, last, CORE_SESSION_0003);
}

CONF_TEST(core, session_ids_differ, "each session has its own SessionId",
	RULES(CORE_SESSION_0002))
{
	struct reply *r = peer_setup_first(plain(t));
	struct reply *s = peer_setup_first(plain(t));

	need_status(t, r, STATUS_MORE_PROCESSING_REQUIRED);
	check_status(t, s, STATUS_MORE_PROCESSING_REQUIRED, CORE_SESSION_0002);
	check(t, s, r->header.session_id != s->header.session_id,
		CORE_SESSION_0002, "a SessionId that differs from 0x%016llx",
		(unsigned long long)r->header.session_id);
}

CONF_TEST(core, session_id_of_response,
	"SESSION_SETUP responses have the SessionId of the session",
	RULES(CORE_SESSION_0004))
{
	struct peer *a = plain(t);
	struct reply *first = peer_setup_first(plain(t));
	struct reply *last;

	need_status(t, first, STATUS_MORE_PROCESSING_REQUIRED);
	check(t, first, first->header.session_id != 0, CORE_SESSION_0004,
		"a SessionId in the first response");
	last = peer_session_setup(a, NULL);
	need_ok(t, last);
	check_header(t, last, SMB2_HEADER_F_SESSION_ID, a->session->id,
		CORE_SESSION_0004);
}

CONF_TEST(core, wrong_password, "a wrong password is refused",
	RULES(CORE_SESSION_0005, CORE_SESSION_0006))
{
	struct peer *a = plain(t);
	struct reply *r =
		peer_setup(a, &(struct setup_options){.wrong_password = true});

	need_capability(
		t, r, r->status != STATUS_SUCCESS, "a server without guests");
	check_status(t, r, STATUS_LOGON_FAILURE, CORE_SESSION_0005);
	need(t, r->outcome == REPLY_ARRIVED && r->header.session_id != 0,
		"a refusal with a SessionId");
	step(t, "go on with the session that was refused");
	check_status(t, setup_in(a, r->header.session_id),
		STATUS_USER_SESSION_DELETED, CORE_SESSION_0006);
}

CONF_TEST(core, setup_of_unknown_session,
	"SESSION_SETUP with a SessionId that names no session",
	RULES(CORE_SESSION_0007))
{
	check_status(t, setup_in(plain(t), 0x5a5a5a5a5a5aull),
		STATUS_USER_SESSION_DELETED, CORE_SESSION_0007);
}

CONF_TEST(
	core, guest, "a guest is told that he is one", RULES(CORE_SESSION_0008))
{
	struct peer *a = client_with(
		t, &(struct client_options){.plain = true, .dialect = 0x0302});
	struct reply *r =
		peer_setup(a, &(struct setup_options){.unknown_user = true});

	need_capability(t, r, r->status == STATUS_SUCCESS,
		"a server that lets in as a guest who has no account");
	check_flags(t, r, SMB2_SESSION_SETUP_RESPONSE_F_SESSION_FLAGS,
		SMB2_SESSION_FLAG_IS_GUEST, 0, CORE_SESSION_0008);
}

CONF_TEST(core, other_dialect_of_one_client,
	"one client does not speak two dialects", RULES(CORE_SESSION_0009),
	NEEDS(DIALECT_MIN(0x0302)))
{
	struct peer *a =
		client_with(t, &(struct client_options){.dialect = 0x0302});
	struct peer *b =
		client_with(t, &(struct client_options){.plain = true,
				       .dialect = 0x0210,
				       .client_guid = &a->client_guid});

	check_status(t, peer_session_setup(b, NULL),
		STATUS_USER_SESSION_DELETED, CORE_SESSION_0009);
}

CONF_TEST(core, unknown_session_id,
	"a request with a SessionId that names no session is refused",
	RULES(CORE_SESSION_0010, CORE_SESSION_0013))
{
	struct peer *a = client(t);
	struct smb2_tree_disconnect_request r = {0};
	struct pdu *pdu = pdu_build(a, &smb2_tree_disconnect_request_type, &r);

	pdu->sign = SIGN_NO;
	pdu->seal = SEAL_NO;
	mutate_header(pdu, SMB2_HEADER_F_SESSION_ID, xor_with(0x5a5a));
	check_status(t, pdu_call(pdu), STATUS_USER_SESSION_DELETED,
		CORE_SESSION_0010);
	step(t, "with a TreeId that names nothing either");
	pdu = pdu_build(a, &smb2_tree_disconnect_request_type, &r);
	pdu->sign = SIGN_NO;
	pdu->seal = SEAL_NO;
	mutate_header(pdu, SMB2_HEADER_F_SESSION_ID, xor_with(0x5a5a));
	mutate_header(pdu, SMB2_HEADER_F_TREE_ID, xor_with(0x5a5a));
	check_status(t, pdu_call(pdu), STATUS_USER_SESSION_DELETED,
		CORE_SESSION_0013);
}

CONF_TEST(core, session_of_another_connection,
	"a session is not known on a connection that is not bound to it",
	RULES(CORE_SESSION_0010))
{
	struct peer *a = client(t);
	struct peer *b = plain(t);
	struct smb2_tree_connect_request r = tree_request(t);
	struct pdu *pdu = pdu_build(b, &smb2_tree_connect_request_type, &r);

	mutate_header(pdu, SMB2_HEADER_F_SESSION_ID, set_to(a->session->id));
	check_status(t, pdu_call(pdu), STATUS_USER_SESSION_DELETED,
		CORE_SESSION_0010);
}

CONF_TEST(core, use_before_authentication,
	"a session whose authentication is not complete serves nothing",
	RULES(CORE_SESSION_0011))
{
	struct peer *a = client_with(
		t, &(struct client_options){.plain = true, .dialect = 0x0302});
	struct reply *first = peer_setup_first(a);
	struct smb2_tree_connect_request r = tree_request(t);
	struct pdu *pdu;

	need_status(t, first, STATUS_MORE_PROCESSING_REQUIRED);
	pdu = pdu_build(a, &smb2_tree_connect_request_type, &r);
	mutate_header(pdu, SMB2_HEADER_F_SESSION_ID,
		set_to(first->header.session_id));
	check_refused(t, pdu_call(pdu), CORE_SESSION_0011);
}

/* --- repeated authentication ---------------------------------------------- */

CONF_TEST(core, authenticated_again,
	"a session is authenticated again and keeps its opens",
	RULES(CORE_SESSION_0014, CORE_SESSION_0015))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r;

	need_ok(t, file_write(f, 0, "kept", 4));
	r = peer_setup(a, &(struct setup_options){.reauth = a->session});
	check_ok(t, r, CORE_SESSION_0014);
	need_ok(t, r);
	r = file_read(f, 0, 4);
	check_bytes(t, r, read_data(r), text_bytes("kept"), "Data",
		CORE_SESSION_0015);
}

CONF_TEST(core, failed_again, "a failed repetition ends the session",
	RULES(CORE_SESSION_0016))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);

	need_status(t,
		peer_setup(a, &(struct setup_options){.reauth = a->session,
				      .wrong_password = true}),
		STATUS_LOGON_FAILURE);
	check_status(t, file_read(f, 0, 1), STATUS_USER_SESSION_DELETED,
		CORE_SESSION_0016);
}

/* --- previous session ------------------------------------------------------
 */

CONF_TEST(core, previous_session, "PreviousSessionId ends that session",
	RULES(CORE_SESSION_0017, CORE_SESSION_0018))
{
	struct peer *a = client(t);
	struct peer *b = plain(t);
	const struct create_options alone = {.share = SHARE_EXACT};
	struct file *f = need_file(a, "x", &alone);
	struct reply *r;

	need_ok(t, peer_setup(b, &(struct setup_options){
					 .previous = a->session->id}));
	need_ok(t, peer_tree_connect(b, NULL));
	step(t, "open what the old session had for itself");
	check_ok(t, file_create(b, "x", &alone), CORE_SESSION_0018);
	step(t, "use the old session");
	r = file_read(f, 0, 1);
	check(t, r,
		r->outcome == REPLY_CLOSED ||
			r->status == STATUS_USER_SESSION_DELETED,
		CORE_SESSION_0017, "the old session is gone");
}

CONF_TEST(core, previous_session_of_another_user,
	"PreviousSessionId of another user means nothing",
	RULES(CORE_SESSION_0019), NEEDS(SECOND_USER))
{
	struct peer *a = client(t);
	struct peer *b = plain(t);
	struct client_options second = {.second_user = true};
	struct file *f = need_file(a, "x", NULL);

	need_ok(t, file_write(f, 0, "mine", 4));
	need_ok(t, peer_setup(b, &(struct setup_options){.client = &second,
					 .previous = a->session->id}));
	check_ok(t, file_read(f, 0, 4), CORE_SESSION_0019);
}

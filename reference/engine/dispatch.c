/* SPDX-License-Identifier: MIT */
/*
 * The checks that come before a command's own, in the order of the document:
 * signature, session, encryption, tree. [MS-SMB2] 3.3.5.2.4 to 3.3.5.2.11
 * (Connection state, sequence number and size: frame.c. Channel sequence:
 * request_open().)
 */
#include "engine/core.h"
#include "engine/secure.h"

static const struct command commands[] = {
	[SMB2_NEGOTIATE] = {.run = cmd_negotiate},
	[SMB2_SESSION_SETUP] = {.run = cmd_session_setup},
	[SMB2_LOGOFF] = {.run = cmd_logoff,
		.session = true,
		.even_expired = true},
	[SMB2_TREE_CONNECT] = {.run = cmd_tree_connect, .session = true},
	[SMB2_TREE_DISCONNECT] = {.run = cmd_tree_disconnect,
		.session = true,
		.tree = true},
	[SMB2_CREATE] = {.run = cmd_create, .session = true, .tree = true},
	[SMB2_CLOSE] = {.run = cmd_close,
		.session = true,
		.tree = true,
		.file_id = true,
		.even_expired = true},
	[SMB2_FLUSH] = {.run = cmd_flush,
		.session = true,
		.tree = true,
		.file_id = true},
	[SMB2_READ] = {.run = cmd_read,
		.session = true,
		.tree = true,
		.file_id = true,
		.large = true},
	[SMB2_WRITE] = {.run = cmd_write,
		.session = true,
		.tree = true,
		.file_id = true,
		.large = true},
	[SMB2_LOCK] = {.run = cmd_lock,
		.session = true,
		.tree = true,
		.file_id = true,
		.even_expired = true},
	[SMB2_IOCTL] = {.run = cmd_ioctl,
		.session = true,
		.tree = true,
		.file_id = true,
		.large = true},
	[SMB2_CANCEL] = {.run = cmd_cancel},
	[SMB2_ECHO] = {.run = cmd_echo},
	[SMB2_QUERY_DIRECTORY] = {.run = cmd_query_directory,
		.session = true,
		.tree = true,
		.file_id = true,
		.large = true},
	[SMB2_CHANGE_NOTIFY] = {.run = cmd_change_notify,
		.session = true,
		.tree = true,
		.file_id = true,
		.large = true},
	[SMB2_QUERY_INFO] = {.run = cmd_query_info,
		.session = true,
		.tree = true,
		.file_id = true,
		.large = true},
	[SMB2_SET_INFO] = {.run = cmd_set_info,
		.session = true,
		.tree = true,
		.file_id = true,
		.large = true},
	[SMB2_OPLOCK_BREAK] = {.run = cmd_oplock_break,
		.session = true,
		.tree = true,
		.file_id = true},
};

const struct command *dispatch_command(uint16_t code)
{
	if (code < sizeof(commands) / sizeof(commands[0])) {
		return &commands[code];
	}
	return RULE(CORE_HEADER_0012) ? NULL : &commands[SMB2_ECHO];
}

/* A related element works on what the one before it worked on. */
static bool inherit(struct request *req)
{
	struct chain *chain = req->chain;

	if (!req->related) {
		return true;
	}
	if (RULE(CORE_COMPOUND_0003)) {
		req->header.session_id = chain->session_id;
	}
	if (RULE(CORE_COMPOUND_0004)) {
		req->header.tree_id = chain->tree_id;
	}
	if (req->command->session && !req->header.session_id) {
		chain->stop_status = STATUS_INVALID_PARAMETER;
		request_fail(req, STATUS_INVALID_PARAMETER);
		return false;
	}
	return true;
}

/* Whether the element before left what this one needs. */
static bool inherit_tree(struct request *req)
{
	struct chain *chain = req->chain;

	if (chain->stop_status) {
		request_fail(req, chain->stop_status);
		return false;
	}
	if (req->related && req->command->tree && !req->header.tree_id &&
		RULE(CORE_COMPOUND_0008)) {
		chain->stop_status = STATUS_INVALID_PARAMETER;
		request_fail(req, STATUS_INVALID_PARAMETER);
		return false;
	}
	return true;
}

static bool inherit_file(struct request *req)
{
	struct chain *chain = req->chain;

	if (!req->related || !req->command->file_id) {
		return true;
	}
	if (!chain->file_bearing && RULE(CORE_COMPOUND_0006)) {
		chain->stop_status = STATUS_INVALID_HANDLE;
		request_fail(req, STATUS_INVALID_HANDLE);
		return false;
	}
	/* With an open at hand the chain goes on as Windows does, or the CLOSE
	 * behind a failed READ would leave the open behind. */
	if (chain->file_status && !chain->open && RULE(CORE_COMPOUND_0007)) {
		request_fail(req, chain->file_status);
		return false;
	}
	return true;
}

static bool well_formed(struct request *req)
{
	uint32_t flags = req->header.flags;

	if (wire_get16(req->pdu.p + 4) != SMB2_HEADER_SIZE &&
		RULE(CORE_HEADER_0013)) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return false;
	}
	if (req->conn->dialect < SMB2_DIALECT_300 && req->header.status &&
		!RULE(CORE_HEADER_0015)) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return false;
	}
	if (flags & SMB2_FLAGS_SERVER_TO_REDIR ||
		(flags & SMB2_FLAGS_ASYNC_COMMAND &&
			req->header.command != SMB2_CANCEL)) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return false;
	}
	return true;
}

/* A binding is signed with a key that only its command file knows. */
static bool is_binding(const struct request *req)
{
	return req->header.command == SMB2_SESSION_SETUP &&
	       req->pdu.n > SMB2_HEADER_SIZE + 2 &&
	       req->pdu.p[SMB2_HEADER_SIZE + 2] & SMB2_SESSION_FLAG_BINDING;
}

static const struct crypto_key *signing_key(
	const struct request *req, const struct session *session)
{
	const struct channel *channel = session_channel(session, req->conn);

	if (conn_is_3x(req->conn) && channel) {
		return &channel->keys.signing;
	}
	return &session->keys.signing;
}

void dispatch_sign_refusal(struct request *req)
{
	const struct session *session =
		session_find(req->engine, req->header.session_id);

	if (session && session->has_keys && RULE(CORE_SIGN_0009) &&
		crypto_verify(&session->keys.signing, req->pdu)) {
		req->sign = true;
		req->sign_key = session->keys.signing;
	}
}

static bool check_signature(struct request *req)
{
	struct session *session = session_on(req->conn, req->header.session_id);
	const struct crypto_key *key;

	if (!session) {
		dispatch_sign_refusal(req);
		request_fail(req, RULE(CORE_SIGN_0003)
					  ? STATUS_USER_SESSION_DELETED
					  : STATUS_ACCESS_DENIED);
		return false;
	}
	key = signing_key(req, session);
	if (!key->size) {
		if (!RULE(CORE_SIGN_0005)) {
			return true;
		}
		request_fail(req, STATUS_NOT_SUPPORTED);
		return false;
	}
	if (!crypto_verify(key, req->pdu) && RULE(CORE_SIGN_0002)) {
		request_log(req, LOG_WARN, "signature.wrong", "user=%s",
			session->identity.user);
		request_fail(req, STATUS_ACCESS_DENIED);
		return false;
	}
	req->signed_ = true;
	if (RULE(CORE_SIGN_0009)) {
		req->sign = true;
		req->sign_key = *key;
	}
	return true;
}

/* [MS-SMB2] 3.3.5.2.4 */
static bool dispatch_signature(struct request *req)
{
	bool is_signed = req->header.flags & SMB2_FLAGS_SIGNED;
	struct session *session;

	if (req->header.command == SMB2_NEGOTIATE) {
		if (is_signed && RULE(CORE_SIGN_0001)) {
			request_fail(req, STATUS_INVALID_PARAMETER);
			return false;
		}
		return true;
	}
	if ((req->encrypted && RULE(CORE_SIGN_0006)) || is_binding(req)) {
		return true;
	}
	if (is_signed) {
		return check_signature(req);
	}
	session = session_find(req->engine, req->header.session_id);
	if (session && session->signing_required && RULE(CORE_SIGN_0004) &&
		(!req->conn->accepts_transport || RULE(QUIC_CAPS_0017))) {
		request_log(req, LOG_WARN, "signature.missing", "user=%s",
			session->identity.user);
		request_fail(req, STATUS_ACCESS_DENIED);
		return false;
	}
	return true;
}

static uint32_t session_status(
	const struct request *req, const struct session *session)
{
	if (req->command->even_expired) {
		return STATUS_SUCCESS;
	}
	if (session->state == SESSION_EXPIRED && RULE(CORE_SESSION_0012)) {
		return STATUS_NETWORK_SESSION_EXPIRED;
	}
	if (session->state == SESSION_IN_PROGRESS && RULE(CORE_SESSION_0011)) {
		return STATUS_USER_SESSION_DELETED; /* it is none yet */
	}
	return STATUS_SUCCESS;
}

/* What a request without a session is told. */
static uint32_t no_session(const struct request *req)
{
	if (req->command->tree && !RULE(CORE_SESSION_0013)) {
		return STATUS_NETWORK_NAME_DELETED;
	}
	return RULE(CORE_SESSION_0010) ? STATUS_USER_SESSION_DELETED
				       : STATUS_INVALID_PARAMETER;
}

/* [MS-SMB2] 3.3.5.2.9 */
bool dispatch_session(struct request *req)
{
	struct session *session = session_on(req->conn, req->header.session_id);
	uint32_t status;

	if (!session) {
		request_fail(req, no_session(req));
		return false;
	}
	session->last_used = req->engine->now;
	req->session = session;
	session_hold(session);
	status = session_status(req, session);
	if (status) {
		request_fail(req, status);
		return false;
	}
	if (!req->encrypted && session_needs_encryption(session, req->conn) &&
		RULE(CORE_ENCRYPT_0013)) {
		request_fail(req, STATUS_ACCESS_DENIED);
		return false;
	}
	return true;
}

/* [MS-SMB2] 3.3.5.2.11 */
bool dispatch_tree(struct request *req)
{
	struct tree *tree = tree_find(req->session, req->header.tree_id);

	if (!tree) {
		request_fail(req, RULE(CORE_TREE_0009)
					  ? STATUS_NETWORK_NAME_DELETED
					  : STATUS_INVALID_PARAMETER);
		return false;
	}
	req->tree = tree;
	tree_hold(tree);
	if (!req->encrypted && tree_needs_encryption(tree, req->conn) &&
		RULE(CORE_ENCRYPT_0014)) {
		request_fail(req, STATUS_ACCESS_DENIED);
		return false;
	}
	return true;
}

void dispatch(struct request *req)
{
	if (req->chain->refuse) {
		request_fail(req, req->chain->refuse);
		return;
	}
	if (!well_formed(req)) {
		return;
	}
	if (!inherit(req) || !dispatch_signature(req) || !inherit_tree(req)) {
		return;
	}
	if (req->command->session && !dispatch_session(req)) {
		return;
	}
	if (req->command->tree && !dispatch_tree(req)) {
		return;
	}
	if (!inherit_file(req)) {
		return;
	}
	req->command->run(req);
}

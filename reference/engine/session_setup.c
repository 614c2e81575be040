/* SPDX-License-Identifier: MIT */
/*
 * SESSION_SETUP: new sessions and repeated authentication. [MS-SMB2] 2.2.5,
 * 2.2.6, 3.3.5.5 (Binding: bind.c.)
 */
#include <string.h>

#include "engine/core.h"
#include "engine/secure.h"

/* One request on its way. */
struct setup {
	struct request *req;
	struct smb2_session_setup_request body;
	struct session *session; /* held through req->session */
	bool again;              /* the session was valid before */
};

void session_setup_reply(struct request *req, uint32_t status, uint16_t flags,
	struct wire_view token)
{
	struct smb2_session_setup_response body = {
		.session_flags = flags, .buffer = token};

	request_reply(req, status, &smb2_session_setup_response_type, &body);
}

static bool encryption_required(const struct engine *engine)
{
	return engine->config.encrypt == POLICY_REQUIRED;
}

/* The authentication failed: the session goes, whatever it was. */
static void refuse(struct setup *setup, uint32_t status)
{
	struct request *req = setup->req;

	request_log(req, LOG_WARN, "session.refused", "status=0x%08x user=%s",
		status, setup->session->identity.user);
	if (setup->again ? RULE(CORE_SESSION_0016) : RULE(CORE_SESSION_0006)) {
		session_end(setup->session, NULL, NULL);
	}
	request_fail(
		req, RULE(CORE_SESSION_0005) ? status : STATUS_UNSUCCESSFUL);
}

/* [MS-SMB2] 3.3.5.5.3: one client, one dialect. */
static bool other_dialect(const struct engine_conn *conn)
{
	if (conn->dialect == SMB2_DIALECT_202) {
		return false;
	}
	list_each(other, &conn->engine->conns, struct engine_conn, in_engine)
	{
		if (other != conn && !other->closing && !other->gone &&
			other->dialect > SMB2_DIALECT_202 &&
			other->dialect != conn->dialect &&
			!list_empty(&other->channels) &&
			guid_equal(&other->client_guid, &conn->client_guid)) {
			return true;
		}
	}
	return false;
}

static bool requires_signing(const struct setup *setup)
{
	const struct engine_conn *conn = setup->req->conn;

	if (setup->session->guest || setup->session->anonymous) {
		return false;
	}
	if (setup->body.security_mode & SMB2_NEGOTIATE_SIGNING_REQUIRED &&
		RULE(CORE_SIGN_0007)) {
		return true;
	}
	return (conn->should_sign && RULE(CORE_SIGN_0008)) ||
	       conn->engine->config.sign == POLICY_REQUIRED;
}

static uint16_t other_cipher(uint16_t cipher)
{
	return ((cipher - 1) ^ 1) + 1; /* CCM for GCM, of the same size */
}

/* What broken rules make of the keys; the client has others then. */
static void spoil_keys(uint16_t dialect, struct crypto_keys *keys)
{
	bool v311 = dialect == SMB2_DIALECT_311;
	bool v3 = dialect >= SMB2_DIALECT_300 && !v311;
	struct crypto_key *out = &keys->server_to_client;

	if (v311     ? !RULE(CORE_SIGN_0016)
		: v3 ? !RULE(CORE_SIGN_0015)
		     : !RULE(CORE_SIGN_0014)) {
		keys->signing.algorithm =
			keys->signing.algorithm == CRYPTO_SIGN_HMAC_SHA256
				? CRYPTO_SIGN_AES_CMAC
				: CRYPTO_SIGN_HMAC_SHA256;
	}
	if ((v3 && !RULE(CORE_SIGN_0020)) || (v311 && !RULE(CORE_SIGN_0021))) {
		keys->signing.bytes[0] ^= 1;
	}
	if (out->size && ((v3 && !RULE(CORE_ENCRYPT_0019)) ||
				 (v311 && !RULE(CORE_ENCRYPT_0020)))) {
		out->algorithm = other_cipher(out->algorithm);
	}
	if ((v3 && !RULE(CORE_ENCRYPT_0025)) ||
		(v311 && !RULE(CORE_ENCRYPT_0026)) ||
		(out->size == 32 && !RULE(CORE_ENCRYPT_0028))) {
		out->bytes[0] ^= 1;
	}
	if (v311 && !RULE(CORE_ENCRYPT_0027)) {
		keys->client_to_server.bytes[0] ^= 1;
	}
}

static int derive_keys(struct setup *setup, const struct auth_result *result)
{
	struct engine_conn *conn = setup->req->conn;
	struct session *session = setup->session;
	struct channel *channel = session_channel(session, conn);
	int r;

	if (session->guest || session->anonymous || !result->key_size) {
		return 0;
	}
	r = crypto_derive(conn->dialect, result->key, result->key_size,
		session->preauth_hash, conn->cipher, conn->signing,
		&session->keys);
	if (r == 0) {
		session->has_keys = true;
		spoil_keys(conn->dialect, &session->keys);
		channel->keys.signing = session->keys.signing;
	}
	return r;
}

/* Whom the server does not let in though the mechanism did. */
static uint32_t judge(struct setup *setup, const struct auth_result *result)
{
	struct engine_conn *conn = setup->req->conn;
	const struct auth_identity *who = &result->identity;

	if (who->guest && !conn->engine->config.guest) {
		return STATUS_LOGON_FAILURE;
	}
	if (other_dialect(conn) && RULE(CORE_SESSION_0009)) {
		return STATUS_USER_SESSION_DELETED;
	}
	if ((who->guest || who->anonymous) && !conn->accepts_transport &&
		encryption_required(conn->engine)) {
		return STATUS_ACCESS_DENIED;
	}
	return 0;
}

static uint16_t session_flags(
	const struct session *session, const struct engine_conn *conn)
{
	uint16_t flags = 0;

	if (session->guest && RULE(CORE_SESSION_0008)) {
		flags |= SMB2_SESSION_FLAG_IS_GUEST;
	}
	if (session->anonymous) {
		flags |= SMB2_SESSION_FLAG_IS_NULL;
	}
	if (session_announces_encryption(session, conn) &&
		RULE(CORE_ENCRYPT_0017)) {
		flags |= SMB2_SESSION_FLAG_ENCRYPT_DATA;
	}
	return flags;
}

static void end_previous(const struct setup *setup)
{
	struct session *session = setup->session;
	uint64_t id = setup->body.previous_session_id;
	struct session *previous;

	if (!id || id == session->id || !RULE(CORE_SESSION_0017)) {
		return;
	}
	previous = session_find(session->engine, id);
	if (!previous || previous->state == SESSION_IN_PROGRESS) {
		return;
	}
	if (!session_same_user(&previous->identity, &session->identity) &&
		RULE(CORE_SESSION_0019)) {
		return;
	}
	request_log(setup->req, LOG_INFO, "session.replaced",
		"previous=0x%016llx", (unsigned long long)id);
	previous->keep_opens = !RULE(CORE_SESSION_0018);
	session_end(previous, NULL, NULL);
}

static void sign_answer(struct setup *setup)
{
	struct request *req = setup->req;
	struct channel *channel = session_channel(setup->session, req->conn);

	if (!setup->session->has_keys || !channel || !RULE(CORE_SIGN_0013)) {
		return;
	}
	req->sign = true;
	req->sign_key = conn_is_3x(req->conn) ? channel->keys.signing
					      : setup->session->keys.signing;
}

static uint32_t establish(struct setup *setup, const struct auth_result *result)
{
	struct engine_conn *conn = setup->req->conn;
	struct session *session = setup->session;
	uint32_t status = judge(setup, result);

	if (status) {
		return status;
	}
	session->identity = result->identity;
	session->guest = result->identity.guest;
	session->anonymous = result->identity.anonymous;
	if (derive_keys(setup, result) < 0) {
		return STATUS_INSUFFICIENT_RESOURCES;
	}
	session->signing_required = requires_signing(setup);
	if (session->signing_required && !session->has_keys) {
		return STATUS_ACCESS_DENIED;
	}
	if (conn_is_3x(conn) && encryption_required(conn->engine)) {
		/* SigningRequired stays: a channel whose transport encrypts
		 * needs it, and what is encrypted is not asked for it. */
		session->encrypt = true;
		session->made_exempt = conn->accepts_transport;
		session->signing_required &= RULE(QUIC_CAPS_0018);
	}
	if (!session->anonymous) {
		conn->constrained = false;
	}
	return 0;
}

/* What broken rules make of a repeated authentication. */
static void spoil_again(struct session *session)
{
	if (!RULE(CORE_SESSION_0015)) {
		opens_close(session, NULL, NULL, NULL);
	}
	if (!RULE(CORE_SIGN_0022)) {
		session->keys.signing.bytes[0] ^= 1;
		list_each(
			channel, &session->channels, struct channel, in_session)
		{
			channel->keys.signing.bytes[0] ^= 1;
		}
	}
}

/* A repeated authentication. A valid session stays its user's, whoever proved
 * himself; one that had expired has lost its security context and becomes the
 * session of who did. The keys stay. [MS-SMB2] 3.3.5.5.2, 3.3.5.5.3 */
static uint32_t renew(struct setup *setup, const struct auth_result *result)
{
	struct session *session = setup->session;
	uint32_t status = judge(setup, result);

	if (status) {
		return status;
	}
	if (session->state == SESSION_IN_PROGRESS) {
		session->identity = result->identity;
		session->guest = result->identity.guest;
		session->anonymous = result->identity.anonymous;
	}
	if (requires_signing(setup)) {
		if (!session->has_keys) {
			return STATUS_ACCESS_DENIED;
		}
		session->signing_required = true;
	}
	if (!session->anonymous) {
		setup->req->conn->constrained = false;
	}
	spoil_again(session);
	return 0;
}

static void finish(struct setup *setup, const struct auth_result *result)
{
	struct session *session = setup->session;
	const struct auth_port *auth = session->engine->auth;
	struct auth_exchange *exchange = session->exchange;
	struct request *req = setup->req;
	uint32_t status =
		setup->again ? renew(setup, result) : establish(setup, result);

	if (status) {
		refuse(setup, status);
		return;
	}
	session->exchange = NULL;
	session->legs = 0;
	session->state = SESSION_VALID;
	session->authenticated = true;
	session->expires = result->expires ? result->expires : UINT64_MAX;
	engine_expect(session->engine, session->expires);
	if (session->engine->config.idle_session_ns) {
		engine_expect(session->engine, session->last_used);
	}
	sign_answer(setup);
	end_previous(setup);
	request_log(req, LOG_INFO, "session.valid",
		"id=0x%016llx user=%s domain=%s guest=%d anonymous=%d "
		"signing=%d encrypt=%d again=%d",
		(unsigned long long)session->id, session->identity.user,
		session->identity.domain, session->guest, session->anonymous,
		session->signing_required, session->encrypt, setup->again);
	session_setup_reply(req, STATUS_SUCCESS,
		session_flags(session, req->conn), result->token);
	auth->end(exchange); /* the token lived there */
}

static void go_on(struct setup *setup, const struct auth_result *result)
{
	struct request *req = setup->req;

	if (req->conn->dialect == SMB2_DIALECT_311 && !setup->again) {
		req->preauth = setup->session->preauth_hash;
	}
	session_setup_reply(req,
		RULE(CORE_SESSION_0003) ? STATUS_MORE_PROCESSING_REQUIRED
					: STATUS_SUCCESS,
		0, result->token);
}

/* [MS-SMB2] 3.3.5.5.3 */
static void authenticate(struct setup *setup)
{
	struct session *session = setup->session;
	const struct auth_port *auth = session->engine->auth;
	struct auth_result result = {0};

	if (!session->exchange) {
		session->exchange = auth->begin(auth->ctx);
	}
	if (!session->exchange || session->legs++ >= LIMIT_LEGS) {
		refuse(setup, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	if (setup->req->conn->dialect == SMB2_DIALECT_311 && !setup->again &&
		crypto_preauth_update(session->preauth_hash, setup->req->pdu) <
			0) {
		refuse(setup, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	if (auth->step(session->exchange, setup->body.buffer, &result) < 0) {
		refuse(setup, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	switch (result.outcome) {
	case AUTH_CONTINUE:
		go_on(setup, &result);
		break;
	case AUTH_DONE:
		finish(setup, &result);
		break;
	default:
		refuse(setup, status_is_error(result.status)
				      ? result.status
				      : STATUS_LOGON_FAILURE);
		break;
	}
	explicit_bzero(result.key, sizeof(result.key));
}

static void take_session(struct setup *setup, struct session *session)
{
	struct request *req = setup->req;

	setup->session = session;
	req->session = session;
	session_hold(session);
	session->last_used = req->engine->now;
	req->header.session_id = session->id;
}

static void new_session(struct setup *setup)
{
	struct session *session = session_create(setup->req->conn);

	if (!session) {
		request_log(setup->req, LOG_WARN, "session.limit",
			"sessions=%zu", setup->req->engine->session_list.count);
		request_fail(setup->req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	take_session(setup, session);
	if (!RULE(CORE_SESSION_0001)) {
		setup->req->header.session_id = UINT64_MAX;
	} else if (!RULE(CORE_SESSION_0002)) {
		setup->req->header.session_id = 1;
	} else if (!RULE(CORE_SESSION_0004)) {
		setup->req->header.session_id = 0;
	}
	authenticate(setup);
}

/* The next leg, or a repeated authentication. [MS-SMB2] 3.3.5.5.2 */
static void known_session(struct setup *setup)
{
	struct request *req = setup->req;
	struct session *session = session_on(req->conn, req->header.session_id);

	if (!session) {
		request_fail(req, RULE(CORE_SESSION_0007)
					  ? STATUS_USER_SESSION_DELETED
					  : STATUS_INVALID_PARAMETER);
		return;
	}
	take_session(setup, session);
	if (session->state == SESSION_VALID && !RULE(CORE_SESSION_0014)) {
		request_fail(req, STATUS_REQUEST_NOT_ACCEPTED);
		return;
	}
	if (session->state == SESSION_EXPIRED) {
		session->state = SESSION_IN_PROGRESS;
	}
	setup->again = session->authenticated;
	authenticate(setup);
}

/* What the policy of encryption forbids before anything is tried. */
static bool encryption_possible(const struct engine_conn *conn)
{
	if (!encryption_required(conn->engine) || conn->accepts_transport) {
		return true;
	}
	if (!conn_is_3x(conn)) {
		return !RULE(CORE_ENCRYPT_0016);
	}
	return conn->can_encrypt;
}

void cmd_session_setup(struct request *req)
{
	struct setup setup = {.req = req};

	if (!request_decode(
		    req, &smb2_session_setup_request_type, &setup.body)) {
		return;
	}
	if (!encryption_possible(req->conn)) {
		request_fail(req, STATUS_ACCESS_DENIED);
		return;
	}
	if (!req->header.session_id) {
		new_session(&setup);
		return;
	}
	if (setup.body.flags & SMB2_SESSION_FLAG_BINDING) {
		session_setup_bind(req, &setup.body);
		return;
	}
	known_session(&setup);
}

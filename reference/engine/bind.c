/* SPDX-License-Identifier: MIT */
/*
 * SESSION_SETUP that binds one more connection to a session. [MS-SMB2]
 * 3.3.5.5, 3.3.5.5.3, 3.3.1.15
 */
#include <stdlib.h>
#include <string.h>

#include "engine/core.h"
#include "engine/secure.h"

void binding_destroy(struct engine *engine, struct binding *binding)
{
	list_remove(&binding->in_conn);
	engine->auth->end(binding->exchange);
	free(binding);
}

static struct binding *find(const struct engine_conn *conn, uint64_t id)
{
	list_each(binding, &conn->bindings, struct binding, in_conn)
	{
		if (binding->session_id == id) {
			return binding;
		}
	}
	return NULL;
}

static struct binding *find_or_create(struct engine_conn *conn, uint64_t id)
{
	const struct auth_port *auth = conn->engine->auth;
	struct binding *binding = find(conn, id);

	if (binding || conn->bindings.count >= LIMIT_BINDINGS) {
		return binding;
	}
	binding = calloc(1, sizeof(*binding));
	if (!binding) {
		return NULL;
	}
	binding->exchange = auth->begin(auth->ctx);
	if (!binding->exchange) {
		free(binding);
		return NULL;
	}
	binding->session_id = id;
	memcpy(binding->preauth_hash, conn->preauth_hash,
		sizeof(binding->preauth_hash));
	list_add(&conn->bindings, &binding->in_conn);
	return binding;
}

/* What a broken rule does not let come together. */
static bool other_transport(
	const struct session *session, const struct engine_conn *conn)
{
	const struct channel *channel =
		list_first(&session->channels, struct channel, in_session);

	return channel && channel->conn->secure != conn->secure;
}

/* 0 or the status to fail with; the order is the document's. */
static uint32_t check_session(
	const struct request *req, const struct session *session)
{
	const struct engine_conn *conn = req->conn;

	if (!session) {
		return RULE(CORE_SESSION_0021) ? STATUS_USER_SESSION_DELETED
					       : STATUS_INVALID_PARAMETER;
	}
	if (conn->dialect != session->dialect && RULE(CORE_SESSION_0022)) {
		return STATUS_INVALID_PARAMETER;
	}
	if (!(req->header.flags & SMB2_FLAGS_SIGNED) &&
		RULE(CORE_SESSION_0023)) {
		return STATUS_INVALID_PARAMETER;
	}
	if (!guid_equal(&conn->client_guid, &session->client_guid)) {
		return STATUS_USER_SESSION_DELETED;
	}
	if (session->state == SESSION_IN_PROGRESS) {
		return STATUS_REQUEST_NOT_ACCEPTED;
	}
	if (session->state == SESSION_EXPIRED) {
		return STATUS_NETWORK_SESSION_EXPIRED;
	}
	if (session->anonymous || session->guest || !session->has_keys) {
		return RULE(CORE_SESSION_0024) ? STATUS_NOT_SUPPORTED
					       : STATUS_ACCESS_DENIED;
	}
	if (session_channel(session, conn)) {
		return RULE(CORE_SESSION_0025) ? STATUS_REQUEST_NOT_ACCEPTED
					       : STATUS_ACCESS_DENIED;
	}
	if (other_transport(session, conn) && !RULE(QUIC_CHANNEL_0001)) {
		return STATUS_INVALID_PARAMETER;
	}
	/* One session, one cipher: its keys serve all channels. */
	if (session->keys.server_to_client.size &&
		conn->cipher != session->keys.server_to_client.algorithm) {
		return STATUS_INVALID_PARAMETER;
	}
	if (!crypto_verify(&session->keys.signing, req->pdu)) {
		return STATUS_ACCESS_DENIED;
	}
	return 0;
}

static void refuse(
	struct request *req, struct binding *binding, uint32_t status)
{
	request_log(req, LOG_WARN, "binding.refused", "status=0x%08x", status);
	if (binding) {
		binding_destroy(req->engine, binding);
	}
	request_fail(req, status);
}

static uint32_t join(struct request *req, struct session *session,
	const struct binding *binding, const struct auth_result *result)
{
	struct engine_conn *conn = req->conn;
	struct crypto_keys keys = {0};
	struct channel *channel;
	int r;

	if (!session_same_user(&result->identity, &session->identity) &&
		RULE(CORE_SESSION_0026)) {
		return STATUS_NOT_SUPPORTED;
	}
	r = crypto_derive(conn->dialect, result->key, result->key_size,
		binding->preauth_hash, CRYPTO_CIPHER_NONE, conn->signing,
		&keys);
	channel = r < 0 ? NULL : channel_create(session, conn);
	if (channel) {
		channel->keys.signing = keys.signing;
		if (RULE(CORE_SESSION_0027)) {
			req->sign_key = keys.signing;
		}
		conn->constrained = false;
	}
	crypto_key_wipe(&keys.signing);
	crypto_key_wipe(&keys.application);
	return channel ? 0 : STATUS_INSUFFICIENT_RESOURCES;
}

static void finish(struct request *req, struct session *session,
	struct binding *binding, const struct auth_result *result)
{
	uint32_t status = join(req, session, binding, result);
	struct engine *engine = req->engine;

	if (status) {
		refuse(req, binding, status);
		return;
	}
	request_log(req, LOG_INFO, "binding.valid",
		"session=0x%016llx channels=%zu",
		(unsigned long long)session->id, session->channels.count);
	list_remove(&binding->in_conn);
	session_setup_reply(req, STATUS_SUCCESS,
		session_announces_encryption(session, req->conn)
			? SMB2_SESSION_FLAG_ENCRYPT_DATA
			: 0,
		result->token);
	binding_destroy(engine, binding); /* the token lived there */
}

static void authenticate(struct request *req, struct session *session,
	struct binding *binding, struct wire_view token)
{
	const struct auth_port *auth = req->engine->auth;
	struct auth_result result = {0};

	if (binding->legs++ >= LIMIT_LEGS ||
		crypto_preauth_update(binding->preauth_hash, req->pdu) < 0 ||
		auth->step(binding->exchange, token, &result) < 0) {
		refuse(req, binding, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	switch (result.outcome) {
	case AUTH_CONTINUE:
		if (req->conn->dialect == SMB2_DIALECT_311) {
			req->preauth = binding->preauth_hash;
		}
		session_setup_reply(
			req, STATUS_MORE_PROCESSING_REQUIRED, 0, result.token);
		break;
	case AUTH_DONE:
		finish(req, session, binding, &result);
		break;
	default:
		refuse(req, binding,
			status_is_error(result.status) ? result.status
						       : STATUS_LOGON_FAILURE);
		break;
	}
	explicit_bzero(result.key, sizeof(result.key));
}

void session_setup_bind(
	struct request *req, const struct smb2_session_setup_request *body)
{
	struct engine_conn *conn = req->conn;
	struct session *session =
		session_find(req->engine, req->header.session_id);
	struct binding *binding;
	uint32_t status;

	dispatch_sign_refusal(req);
	if (!conn_is_3x(conn)) {
		request_fail(req, RULE(CORE_SESSION_0020)
					  ? STATUS_REQUEST_NOT_ACCEPTED
					  : STATUS_USER_SESSION_DELETED);
		return;
	}
	status = check_session(req, session);
	if (status) {
		refuse(req, find(conn, req->header.session_id), status);
		return;
	}
	req->session = session;
	session_hold(session);
	req->sign = true;
	req->sign_key = session->keys.signing;
	binding = find_or_create(conn, session->id);
	if (!binding) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	authenticate(req, session, binding, body->buffer);
}

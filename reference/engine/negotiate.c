/* SPDX-License-Identifier: MIT */
/* NEGOTIATE. [MS-SMB2] 2.2.3, 2.2.4, 3.3.5.4 */
#include <string.h>

#include "engine/negotiate.h"
#include "engine/posix.h"

static const uint16_t dialects_known[] = {SMB2_DIALECT_311, SMB2_DIALECT_302,
	SMB2_DIALECT_300, SMB2_DIALECT_210, SMB2_DIALECT_202};

#define DIALECTS_KNOWN (sizeof(dialects_known) / sizeof(dialects_known[0]))

static bool serves(const struct engine *engine, uint16_t dialect)
{
	return dialect >= engine->config.min_dialect &&
	       dialect <= engine->config.max_dialect;
}

uint16_t negotiate_select(const struct engine *engine, const uint16_t *dialects,
	unsigned int count)
{
	for (unsigned int i = 0; i < DIALECTS_KNOWN; i++) {
		uint16_t known =
			RULE(CORE_NEGOTIATE_0009)
				? dialects_known[i]
				: dialects_known[DIALECTS_KNOWN - 1 - i];

		if (!serves(engine, known)) {
			continue;
		}
		for (unsigned int j = 0; j < count; j++) {
			if (dialects[j] == known) {
				return known;
			}
		}
	}
	return 0;
}

static bool encryption_supported(const struct engine *engine, uint16_t cipher)
{
	if (engine->config.encrypt == POLICY_OFF) {
		return false;
	}
	for (unsigned int i = 0; i < 4 && engine->config.ciphers[i]; i++) {
		if (engine->config.ciphers[i] == cipher) {
			return true;
		}
	}
	return false;
}

static uint32_t at_most_a_credit(uint32_t size)
{
	return size < LIMIT_CREDIT_BYTES ? size : LIMIT_CREDIT_BYTES;
}

void negotiate_settle(struct engine_conn *conn, uint16_t dialect)
{
	const struct engine_config *config = &conn->engine->config;

	conn->dialect = dialect;
	conn->multi_credit = dialect > SMB2_DIALECT_202;
	conn->max_transact = config->max_transact;
	conn->max_read = config->max_read;
	conn->max_write = config->max_write;
	if (!conn->multi_credit) {
		conn->max_transact = at_most_a_credit(conn->max_transact);
		conn->max_read = at_most_a_credit(conn->max_read);
		conn->max_write = at_most_a_credit(conn->max_write);
	}
	conn->signing = conn_is_3x(conn) ? CRYPTO_SIGN_AES_CMAC
					 : CRYPTO_SIGN_HMAC_SHA256;
	if ((dialect == SMB2_DIALECT_300 || dialect == SMB2_DIALECT_302) &&
		conn->client_capabilities & SMB2_GLOBAL_CAP_ENCRYPTION &&
		encryption_supported(conn->engine, CRYPTO_CIPHER_AES_128_CCM)) {
		conn->cipher = CRYPTO_CIPHER_AES_128_CCM;
	}
	conn->can_encrypt = conn->cipher != CRYPTO_CIPHER_NONE;
}

static bool offers_large_mtu(const struct engine_conn *conn, uint16_t dialect)
{
	if (dialect == SMB2_DIALECT_202) {
		return !RULE(CORE_NEGOTIATE_0015);
	}
	return conn->secure ? RULE(QUIC_CONNECT_0011)
			    : RULE(CORE_NEGOTIATE_0014);
}

static uint32_t capabilities(const struct engine_conn *conn, uint16_t dialect)
{
	uint32_t offered = 0;

	if (offers_large_mtu(conn, dialect)) {
		offered |= SMB2_GLOBAL_CAP_LARGE_MTU;
	}
	if (!RULE(CORE_NEGOTIATE_0016)) {
		offered |= SMB2_GLOBAL_CAP_MULTI_CHANNEL |
			   SMB2_GLOBAL_CAP_DIRECTORY_LEASING |
			   SMB2_GLOBAL_CAP_PERSISTENT_HANDLES |
			   SMB2_GLOBAL_CAP_NOTIFICATIONS;
	}
	if (!RULE(CORE_NEGOTIATE_0017)) {
		offered |= SMB2_GLOBAL_CAP_ENCRYPTION;
	}
	if (dialect >= SMB2_DIALECT_300 && dialect != SMB2_DIALECT_WILDCARD) {
		offered |= conn->client_capabilities &
			   SMB2_GLOBAL_CAP_MULTI_CHANNEL;
	}
	if (dialect != SMB2_DIALECT_WILDCARD &&
		dialect >= (RULE(LEASE_GRANT_0001) ? SMB2_DIALECT_210
						   : SMB2_DIALECT_300)) {
		offered |= SMB2_GLOBAL_CAP_LEASING;
	}
	if (dialect >= SMB2_DIALECT_300 && dialect != SMB2_DIALECT_WILDCARD &&
		(conn->client_capabilities &
				SMB2_GLOBAL_CAP_DIRECTORY_LEASING ||
			!RULE(DIRL_GRANT_0001))) {
		offered |= SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
	}
	if (conn->cipher && dialect < SMB2_DIALECT_311) {
		offered |= SMB2_GLOBAL_CAP_ENCRYPTION;
	}
	return offered;
}

/* What broken rules make of the answer. */
static void spoil(struct engine_conn *conn, uint16_t dialect,
	struct smb2_negotiate_response *body)
{
	const struct host_port *host = conn->engine->host;

	if (!RULE(CORE_NEGOTIATE_0013)) {
		host->random(host->ctx, &body->server_guid,
			sizeof(body->server_guid));
	}
	if (!RULE(CORE_NEGOTIATE_0018) && dialect != SMB2_DIALECT_202) {
		body->max_transact_size /= 32;
		body->max_read_size /= 256;
		body->max_write_size /= 256;
	}
	if (!RULE(CORE_NEGOTIATE_0019)) {
		body->security_buffer = wire_view_of("?", 1);
	}
}

void negotiate_fill(struct engine_conn *conn, uint16_t dialect,
	struct smb2_negotiate_response *ret_body)
{
	struct engine *engine = conn->engine;

	*ret_body = (struct smb2_negotiate_response){
		.security_mode = RULE(CORE_NEGOTIATE_0011)
					 ? SMB2_NEGOTIATE_SIGNING_ENABLED
					 : 0,
		.dialect_revision = dialect,
		.server_guid = engine->config.server_guid,
		.capabilities = capabilities(conn, dialect),
		.max_transact_size = conn->max_transact,
		.max_read_size = conn->max_read,
		.max_write_size = conn->max_write,
		.system_time = engine->now,
		.security_buffer = engine->auth->hint(engine->auth->ctx),
	};
	spoil(conn, dialect, ret_body);
	if (engine->config.sign == POLICY_REQUIRED &&
		RULE(CORE_NEGOTIATE_0012)) {
		ret_body->security_mode |= SMB2_NEGOTIATE_SIGNING_REQUIRED;
	}
	conn->server_capabilities = ret_body->capabilities;
	conn->server_security_mode = ret_body->security_mode;
}

static void note_client(
	struct engine_conn *conn, const struct smb2_negotiate_request *body)
{
	unsigned int count = body->dialects.n / 2;

	conn->client_capabilities = body->capabilities;
	conn->client_security_mode = body->security_mode;
	conn->client_guid = body->client_guid;
	conn->should_sign =
		body->security_mode & SMB2_NEGOTIATE_SIGNING_REQUIRED;
	if (count > LIMIT_DIALECTS) {
		count = LIMIT_DIALECTS;
	}
	for (unsigned int i = 0; i < count; i++) {
		conn->client_dialects[i] = wire_get16(body->dialects.p + 2 * i);
	}
	conn->client_dialect_count = count;
}

/* 3.1.1: what the contexts settle. 0 or the status to fail with. */
static uint32_t settle_contexts(struct request *req,
	const struct smb2_negotiate_request *body,
	struct negotiate_contexts *contexts)
{
	struct engine_conn *conn = req->conn;
	uint32_t status = negotiate_read_contexts(req, body, contexts);

	if (status) {
		return status;
	}
	conn->preauth_hash_id = contexts->hash;
	conn->cipher = contexts->cipher;
	conn->signing = contexts->signing_id;
	conn->can_encrypt = conn->cipher != CRYPTO_CIPHER_NONE;
	conn->posix = contexts->posix_known;
	memset(conn->preauth_hash, 0, sizeof(conn->preauth_hash));
	if (crypto_preauth_update(conn->preauth_hash, req->pdu) < 0) {
		return STATUS_INSUFFICIENT_RESOURCES;
	}
	req->preauth = conn->preauth_hash;
	return 0;
}

static void refuse(struct request *req, uint32_t status)
{
	req->conn->dialect = 0;
	req->conn->multi_credit = false;
	req->conn->max_transact = 0;
	req->conn->accepts_transport = false;
	req->preauth = NULL;
	request_fail(req, status);
}

/* What comes before the dialect is chosen; false = done with. */
static bool acceptable(
	struct request *req, const struct smb2_negotiate_request *body)
{
	if (req->conn->negotiate_dialect == DIALECT_WILDCARD &&
		!RULE(CORE_NEGOTIATE_0005)) {
		request_disconnect(req, "second NEGOTIATE");
		return false;
	}
	if (!body->dialect_count && RULE(CORE_NEGOTIATE_0007)) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return false;
	}
	if (!RULE(CORE_NEGOTIATE_0010) && body->negotiate_context_offset &&
		!body->negotiate_context_list.n) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return false;
	}
	return true;
}

/* The dialect to speak; 0: none. */
static uint16_t choose(const struct engine_conn *conn)
{
	uint16_t dialect = negotiate_select(conn->engine, conn->client_dialects,
		conn->client_dialect_count);

	if (conn->secure && dialect != SMB2_DIALECT_311 &&
		RULE(QUIC_CONNECT_0009)) {
		return 0;
	}
	return dialect;
}

static uint32_t settle(struct request *req,
	const struct smb2_negotiate_request *body, uint16_t dialect,
	struct negotiate_contexts *ret_contexts)
{
	negotiate_settle(req->conn, dialect);
	if (dialect == SMB2_DIALECT_311) {
		return settle_contexts(req, body, ret_contexts);
	}
	return posix_disturbs(req->pdu) ? STATUS_INVALID_PARAMETER
					: STATUS_SUCCESS;
}

static void answer(struct request *req, uint16_t dialect,
	struct negotiate_contexts *contexts)
{
	struct engine_conn *conn = req->conn;
	struct smb2_negotiate_response body;

	negotiate_fill(conn, dialect, &body);
	if (dialect == SMB2_DIALECT_311 &&
		negotiate_write_contexts(req, contexts,
			&body.negotiate_context_list,
			&body.negotiate_context_count) < 0) {
		refuse(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	if (!RULE(CORE_NEGOTIATE_0032) && body.negotiate_context_count) {
		body.negotiate_context_offset =
			SMB2_HEADER_SIZE + 64 +
			(body.security_buffer.n + 7) / 8 * 8 + 4;
	}
	if (conn->cipher) {
		conn->server_capabilities |= SMB2_GLOBAL_CAP_ENCRYPTION;
	}
	conn->negotiate_dialect = dialect;
	request_log(req, LOG_INFO, "connection.negotiated",
		"dialect=0x%04x cipher=%u signing=%u%s", dialect, conn->cipher,
		conn->signing,
		conn->accepts_transport ? " transport-security=yes" : "");
	request_reply(
		req, STATUS_SUCCESS, &smb2_negotiate_response_type, &body);
}

void cmd_negotiate(struct request *req)
{
	struct engine_conn *conn = req->conn;
	struct smb2_negotiate_request body;
	struct negotiate_contexts contexts = {0};
	uint32_t status;
	uint16_t dialect;

	if (conn->dialect) {
		if (RULE(CORE_NEGOTIATE_0006)) {
			request_disconnect(req, "second NEGOTIATE");
		} else {
			request_fail(req, STATUS_INVALID_PARAMETER);
		}
		return;
	}
	if (!request_decode(req, &smb2_negotiate_request_type, &body) ||
		!acceptable(req, &body)) {
		return;
	}
	note_client(conn, &body);
	dialect = choose(conn);
	if (!dialect) {
		request_fail(req, RULE(CORE_NEGOTIATE_0008)
					  ? STATUS_NOT_SUPPORTED
					  : STATUS_UNSUCCESSFUL);
		return;
	}
	status = settle(req, &body, dialect, &contexts);
	if (status) {
		refuse(req, status);
		return;
	}
	answer(req, dialect, &contexts);
}

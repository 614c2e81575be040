/* SPDX-License-Identifier: MIT */
/*
 * Negotiate contexts of dialect 3.1.1. [MS-SMB2] 2.2.3.1, 2.2.4.1, 3.3.5.4
 * Compression and RDMA transforms are not supported, so their contexts are
 * counted and otherwise ignored.
 */
#include <errno.h>

#include "engine/negotiate.h"
#include "engine/posix.h"
#include "engine/secure.h"

#define SALT_SIZE 32

static bool offered(struct wire_view list, uint16_t id)
{
	for (size_t i = 0; i + 2 <= list.n; i += 2) {
		if (wire_get16(list.p + i) == id) {
			return true;
		}
	}
	return false;
}

static uint32_t read_preauth(
	struct wire_view data, struct negotiate_contexts *contexts)
{
	struct smb2_preauth_integrity_data preauth;

	if (smb2_preauth_integrity_data_decode(data, &preauth) < 0) {
		return RULE(CORE_NEGOTIATE_0023) ? STATUS_INVALID_PARAMETER
						 : STATUS_UNSUCCESSFUL;
	}
	if (!offered(preauth.hash_algorithms, SMB2_PREAUTH_HASH_SHA_512)) {
		return RULE(CORE_NEGOTIATE_0024)
			       ? STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP
			       : STATUS_INVALID_PARAMETER;
	}
	contexts->hash = SMB2_PREAUTH_HASH_SHA_512;
	return 0;
}

static uint32_t read_encryption(struct request *req, struct wire_view data,
	struct negotiate_contexts *contexts)
{
	const struct engine_config *config = &req->engine->config;
	struct smb2_encryption_data encryption;

	if (smb2_encryption_data_decode(data, &encryption) < 0) {
		return STATUS_INVALID_PARAMETER;
	}
	for (unsigned int i = 0; i < 4 && config->ciphers[i]; i++) {
		if (offered(encryption.ciphers, config->ciphers[i])) {
			contexts->cipher = config->ciphers[i];
			return 0;
		}
	}
	return 0;
}

static uint32_t read_signing(struct request *req, struct wire_view data,
	struct negotiate_contexts *contexts)
{
	const struct engine_config *config = &req->engine->config;
	struct smb2_signing_data signing;

	if (smb2_signing_data_decode(data, &signing) < 0) {
		return STATUS_INVALID_PARAMETER;
	}
	if (!signing.signing_algorithm_count && RULE(CORE_NEGOTIATE_0025)) {
		return STATUS_INVALID_PARAMETER;
	}
	for (unsigned int i = 0; i < 3; i++) {
		uint16_t id = config->signings[i];

		if (offered(signing.signing_algorithms, id)) {
			contexts->signing_id = id;
			return 0;
		}
		if (id == CRYPTO_SIGN_HMAC_SHA256) {
			return 0; /* the last one */
		}
	}
	return 0;
}

static uint32_t again(void)
{
	return RULE(CORE_NEGOTIATE_0021) ? STATUS_INVALID_PARAMETER : 0;
}

/* More than one of a kind is refused; of the unknown there may be many. */
static uint32_t read_context(struct request *req,
	const struct smb2_negotiate_context *context,
	struct negotiate_contexts *contexts)
{
	switch (context->context_type) {
	case SMB2_PREAUTH_INTEGRITY_CAPABILITIES:
		if (contexts->preauth++) {
			return again();
		}
		return read_preauth(context->data, contexts);
	case SMB2_ENCRYPTION_CAPABILITIES:
		if (contexts->encryption++) {
			return again();
		}
		return req->engine->config.encrypt == POLICY_OFF
			       ? 0
			       : read_encryption(req, context->data, contexts);
	case SMB2_COMPRESSION_CAPABILITIES:
		return contexts->compression++ ? again() : 0;
	case SMB2_RDMA_TRANSFORM_CAPABILITIES:
		return contexts->rdma++ ? again() : 0;
	case SMB2_SIGNING_CAPABILITIES:
		if (contexts->signing++) {
			return again();
		}
		return read_signing(req, context->data, contexts);
	case SMB2_TRANSPORT_CAPABILITIES: /* several: the first one counts */
		return contexts->transport++
			       ? 0
			       : secure_read(req->conn, context->data);
	case SMB2_POSIX_EXTENSIONS_AVAILABLE:
		if (!posix_offered(req->engine)) {
			return 0;
		}
		if (contexts->posix++) {
			return RULE(PSX_NEGOTIATE_0015)
				       ? STATUS_INVALID_PARAMETER
				       : 0;
		}
		return posix_read_tags(
			req->engine, context->data, &contexts->posix_known);
	default:
		return RULE(CORE_NEGOTIATE_0022) ? 0 : STATUS_INVALID_PARAMETER;
	}
}

uint32_t negotiate_read_contexts(struct request *req,
	const struct smb2_negotiate_request *body,
	struct negotiate_contexts *ret_contexts)
{
	struct wire_list list = wire_list_of(
		&smb2_negotiate_context_type, body->negotiate_context_list);
	struct negotiate_contexts contexts = {.hash = SMB2_PREAUTH_HASH_SHA_512,
		.signing_id = RULE(CORE_SIGN_0017) ? CRYPTO_SIGN_AES_CMAC
						   : CRYPTO_SIGN_HMAC_SHA256};
	struct smb2_negotiate_context context;

	if (body->negotiate_context_count > LIMIT_NEGOTIATE_CONTEXTS) {
		return STATUS_INVALID_PARAMETER;
	}
	for (unsigned int i = 0; i < body->negotiate_context_count; i++) {
		uint32_t status;

		if (wire_list_next(&list, &context, NULL) != 1) {
			return STATUS_INVALID_PARAMETER;
		}
		status = read_context(req, &context, &contexts);
		if (status) {
			return status;
		}
	}
	if (!contexts.preauth && RULE(CORE_NEGOTIATE_0020)) {
		return STATUS_INVALID_PARAMETER;
	}
	*ret_contexts = contexts;
	return 0;
}

/* Appends a context whose data is one structure. */
static int append(struct request *req, struct wire_buf *out, size_t *last,
	uint16_t type, const struct wire_type *data_type, const void *data)
{
	struct smb2_negotiate_context context = {.context_type = type};
	struct wire_buf bytes = {.cap = 128};

	bytes.p = request_alloc(req, bytes.cap);
	if (!bytes.p || wire_encode(data_type, data, &bytes) < 0) {
		return -ENOMEM;
	}
	context.data = wire_view_of(bytes.p, bytes.n);
	return wire_list_append(
		&smb2_negotiate_context_type, &context, out, last);
}

static int append_preauth(struct request *req, struct wire_buf *out,
	size_t *last, const struct negotiate_contexts *contexts)
{
	const struct host_port *host = req->engine->host;
	struct smb2_preauth_integrity_data data = {0};
	uint8_t hash[2], salt[SALT_SIZE] = {0};

	wire_put16(hash, RULE(CORE_NEGOTIATE_0027) ? contexts->hash : 0x0fff);
	if (RULE(CORE_NEGOTIATE_0028)) {
		host->random(host->ctx, salt, sizeof(salt));
	}
	data.hash_algorithm_count = 1;
	data.hash_algorithms = wire_view_of(hash, sizeof(hash));
	data.salt = wire_view_of(salt, sizeof(salt));
	return append(req, out, last, SMB2_PREAUTH_INTEGRITY_CAPABILITIES,
		&smb2_preauth_integrity_data_type, &data);
}

static int append_cipher(struct request *req, struct wire_buf *out,
	size_t *last, const struct negotiate_contexts *contexts)
{
	struct smb2_encryption_data data = {.cipher_count = 1};
	uint8_t cipher[2];

	wire_put16(
		cipher, RULE(CORE_NEGOTIATE_0030) ? contexts->cipher : 0x0fff);
	data.ciphers = wire_view_of(cipher, sizeof(cipher));
	return append(req, out, last, SMB2_ENCRYPTION_CAPABILITIES,
		&smb2_encryption_data_type, &data);
}

static int append_signing(struct request *req, struct wire_buf *out,
	size_t *last, const struct negotiate_contexts *contexts)
{
	struct smb2_signing_data data = {.signing_algorithm_count = 1};
	uint8_t signing[2];

	wire_put16(signing,
		RULE(CORE_NEGOTIATE_0031) ? contexts->signing_id : 0x0fff);
	data.signing_algorithms = wire_view_of(signing, sizeof(signing));
	return append(req, out, last, SMB2_SIGNING_CAPABILITIES,
		&smb2_signing_data_type, &data);
}

static int append_transport(
	struct request *req, struct wire_buf *out, size_t *last)
{
	struct smb2_transport_data data = {
		.flags = req->conn->accepts_transport
				 ? SMB2_ACCEPT_TRANSPORT_LEVEL_SECURITY
				 : 0};

	return append(req, out, last, SMB2_TRANSPORT_CAPABILITIES,
		&smb2_transport_data_type, &data);
}

/* What stands in the answer to the client's transport capabilities. */
static bool answers_transport(const struct engine_conn *conn,
	const struct negotiate_contexts *contexts)
{
	return conn->accepts_transport ||
	       (contexts->transport && RULE(QUIC_CAPS_0007));
}

static bool answers_cipher(
	const struct request *req, const struct negotiate_contexts *contexts)
{
	return contexts->encryption && RULE(CORE_NEGOTIATE_0029) &&
	       (!req->conn->accepts_transport || RULE(QUIC_CAPS_0008)) &&
	       req->engine->config.encrypt != POLICY_OFF;
}

int negotiate_write_contexts(struct request *req,
	const struct negotiate_contexts *contexts, struct wire_view *ret_list,
	uint16_t *ret_count)
{
	struct wire_buf out = {.cap = 256};
	size_t last = SIZE_MAX;
	unsigned int i;
	uint16_t count = 0;
	int r = 0;

	out.p = request_alloc(req, out.cap);
	if (!out.p) {
		return -ENOMEM;
	}
	if (RULE(CORE_NEGOTIATE_0026)) {
		r = append_preauth(req, &out, &last, contexts);
		count++;
	}
	if (r == 0 && answers_cipher(req, contexts)) {
		r = append_cipher(req, &out, &last, contexts);
		count++;
	}
	if (r == 0 && contexts->signing && RULE(CORE_NEGOTIATE_0029)) {
		r = append_signing(req, &out, &last, contexts);
		count++;
	}
	if (r == 0 && answers_transport(req->conn, contexts)) {
		r = append_transport(req, &out, &last);
		count++;
	}
	for (i = posix_answers(
		     req->engine, contexts->posix > 0, contexts->posix_known);
		r == 0 && i > 0; i--) {
		struct smb2_posix_extensions_data data = {
			.tags = posix_answered_tags(req)};

		r = append(req, &out, &last, SMB2_POSIX_EXTENSIONS_AVAILABLE,
			&smb2_posix_extensions_data_type, &data);
		count++;
	}
	if (r < 0) {
		return -ENOMEM;
	}
	*ret_list = wire_view_of(out.p, out.n);
	*ret_count = count;
	return 0;
}

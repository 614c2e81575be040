/* SPDX-License-Identifier: MIT */
/*
 * How a connection comes to have a session: dialect and contexts, tokens,
 * keys. [MS-SMB2] 3.2.4.2, 3.2.5.2, 3.2.5.3, 3.2.5.5
 */
#include "client/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "authclient/authclient.h"

#define SALT_SIZE 32
#define CONTEXTS_ROOM 256

static const uint16_t all_dialects[] = {SMB2_DIALECT_202, SMB2_DIALECT_210,
	SMB2_DIALECT_300, SMB2_DIALECT_302, SMB2_DIALECT_311};
static const uint16_t all_ciphers[] = {SMB2_ENCRYPTION_AES128_GCM,
	SMB2_ENCRYPTION_AES128_CCM, SMB2_ENCRYPTION_AES256_GCM,
	SMB2_ENCRYPTION_AES256_CCM};
static const uint16_t all_signings[] = {
	SMB2_SIGNING_AES_GMAC, SMB2_SIGNING_AES_CMAC, SMB2_SIGNING_HMAC_SHA256};

struct numbers {
	uint16_t count;
	uint8_t bytes[16];
};

static struct wire_view numbers_put(
	struct numbers *out, const uint16_t *values, unsigned int count)
{
	out->count = (uint16_t)count;
	for (unsigned int i = 0; i < count; i++) {
		wire_put16(out->bytes + 2 * i, values[i]);
	}
	return wire_view_of(out->bytes, 2 * count);
}

static bool numbers_have(const struct numbers *numbers, uint16_t value)
{
	for (unsigned int i = 0; i < numbers->count; i++) {
		if (wire_get16(numbers->bytes + 2 * i) == value) {
			return true;
		}
	}
	return false;
}

/* With MULTI_CHANNEL the server counts LOCK requests, so that one may be sent
 * again. 3.2.4.19, 3.3.5.14 */
static uint32_t own_capabilities(const struct client *client)
{
	const uint32_t always =
		SMB2_GLOBAL_CAP_LARGE_MTU | SMB2_GLOBAL_CAP_ENCRYPTION;
	const uint32_t wanted = SMB2_GLOBAL_CAP_LEASING |
				SMB2_GLOBAL_CAP_DIRECTORY_LEASING |
				SMB2_GLOBAL_CAP_MULTI_CHANNEL;
	return client->options.leases ? always | wanted : always;
}

static uint16_t own_security_mode(const struct client *client)
{
	return client->options.sign ? SMB2_NEGOTIATE_SIGNING_REQUIRED
				    : SMB2_NEGOTIATE_SIGNING_ENABLED;
}

static struct wire_view put_dialects(
	const struct client *client, struct numbers *out)
{
	uint16_t wanted[5];
	unsigned int count = 0;
	for (unsigned int i = 0; i < 5; i++) {
		if (all_dialects[i] >= client->options.min_dialect &&
			all_dialects[i] <= client->options.max_dialect) {
			wanted[count++] = all_dialects[i];
		}
	}
	return numbers_put(out, wanted, count);
}

/* A list of negotiate contexts under construction. */
struct contexts {
	uint8_t bytes[CONTEXTS_ROOM];
	struct wire_buf out;
	size_t last;
	uint16_t count;
};

static int contexts_add(struct contexts *list, uint16_t type,
	const struct wire_type *data_type, const void *data)
{
	uint8_t room[64];
	struct wire_buf body = {.p = room, .cap = sizeof(room)};
	int error = wire_encode(data_type, data, &body);
	if (error < 0) {
		return error;
	}
	struct smb2_negotiate_context context = {
		.context_type = type,
		.data_length = (uint16_t)body.n,
		.data = wire_view_of(room, body.n),
	};
	list->count++;
	return wire_list_append(&smb2_negotiate_context_type, &context,
		&list->out, &list->last);
}

static int add_preauth(struct contexts *list)
{
	uint8_t salt[SALT_SIZE];
	if (getrandom(salt, sizeof(salt), 0) != (ssize_t)sizeof(salt)) {
		return -EIO;
	}
	struct numbers hash;
	const uint16_t sha512 = SMB2_PREAUTH_HASH_SHA_512;
	struct smb2_preauth_integrity_data data = {
		.hash_algorithm_count = 1,
		.salt_length = sizeof(salt),
		.hash_algorithms = numbers_put(&hash, &sha512, 1),
		.salt = wire_view_of(salt, sizeof(salt)),
	};
	return contexts_add(list, SMB2_PREAUTH_INTEGRITY_CAPABILITIES,
		&smb2_preauth_integrity_data_type, &data);
}

static int add_ciphers(const struct client *client, struct contexts *list)
{
	const struct client_options *o = &client->options;
	bool all = o->cipher_count == 0;
	struct numbers ciphers;
	struct smb2_encryption_data data = {0};
	data.ciphers = numbers_put(&ciphers, all ? all_ciphers : o->ciphers,
		all ? 4 : o->cipher_count);
	data.cipher_count = ciphers.count;
	return contexts_add(list, SMB2_ENCRYPTION_CAPABILITIES,
		&smb2_encryption_data_type, &data);
}

static int add_signings(const struct client *client, struct contexts *list)
{
	const struct client_options *o = &client->options;
	bool all = o->signing_count == 0;
	struct numbers signings;
	struct smb2_signing_data data = {0};
	data.signing_algorithms = numbers_put(&signings,
		all ? all_signings : o->signings, all ? 3 : o->signing_count);
	data.signing_algorithm_count = signings.count;
	return contexts_add(list, SMB2_SIGNING_CAPABILITIES,
		&smb2_signing_data_type, &data);
}

const uint8_t client_posix_tag[16] = {0x93, 0xad, 0x25, 0x50, 0x9c, 0xb4, 0x11,
	0xe7, 0xb4, 0x23, 0x83, 0xde, 0x96, 0x8b, 0xcd, 0x7c};

static int add_posix(struct contexts *list)
{
	struct smb2_negotiate_context context = {
		.context_type = SMB2_POSIX_EXTENSIONS_AVAILABLE,
		.data_length = sizeof(client_posix_tag),
		.data = wire_view_of(
			client_posix_tag, sizeof(client_posix_tag)),
	};
	list->count++;
	return wire_list_append(&smb2_negotiate_context_type, &context,
		&list->out, &list->last);
}

static int put_contexts(const struct client *client, struct contexts *list)
{
	list->out =
		(struct wire_buf){.p = list->bytes, .cap = sizeof(list->bytes)};
	list->last = SIZE_MAX;
	int error = add_preauth(list);
	if (error == 0) {
		error = add_ciphers(client, list);
	}
	if (error == 0) {
		error = add_signings(client, list);
	}
	if (error == 0 && !client->options.no_posix) {
		error = add_posix(list);
	}
	return error;
}

static int first_number(struct wire_view numbers, uint16_t *ret_value)
{
	if (numbers.n < 2) {
		return -EPROTO;
	}
	*ret_value = wire_get16(numbers.p);
	return 0;
}

static int take_context(
	struct client *client, const struct smb2_negotiate_context *context)
{
	if (context->context_type == SMB2_ENCRYPTION_CAPABILITIES) {
		struct smb2_encryption_data data;
		if (smb2_encryption_data_decode(context->data, &data) < 0) {
			return -EPROTO;
		}
		return first_number(data.ciphers, &client->cipher);
	}
	if (context->context_type == SMB2_SIGNING_CAPABILITIES) {
		struct smb2_signing_data data;
		if (smb2_signing_data_decode(context->data, &data) < 0) {
			return -EPROTO;
		}
		return first_number(
			data.signing_algorithms, &client->signing_algorithm);
	}
	if (context->context_type == SMB2_POSIX_EXTENSIONS_AVAILABLE &&
		!client->options.no_posix) {
		/* Another version, or none: as if the server had none. */
		client->posix = wire_view_equal(
			context->data, wire_view_of(client_posix_tag,
					       sizeof(client_posix_tag)));
	}
	return 0;
}

static int take_contexts(struct client *client, struct wire_view bytes)
{
	struct wire_list list =
		wire_list_of(&smb2_negotiate_context_type, bytes);
	struct smb2_negotiate_context context;
	int more = wire_list_next(&list, &context, NULL);
	while (more > 0) {
		if (take_context(client, &context) < 0) {
			return -EPROTO;
		}
		more = wire_list_next(&list, &context, NULL);
	}
	return more < 0 ? -EPROTO : 0;
}

static int take_negotiation(struct client *client,
	const struct smb2_negotiate_response *reply,
	const struct numbers *dialects)
{
	client->dialect = reply->dialect_revision;
	if (!numbers_have(dialects, client->dialect)) {
		return client_complain(client, -EPROTO,
			"the server chose dialect 0x%04x, which was not "
			"offered",
			client->dialect);
	}
	client->server_security_mode = reply->security_mode;
	client->server_capabilities = reply->capabilities;
	client->server_guid = reply->server_guid;
	client->max_transact = reply->max_transact_size;
	client->max_read = reply->max_read_size;
	client->max_write = reply->max_write_size;
	client->signing_required =
		client->options.sign ||
		(reply->security_mode & SMB2_NEGOTIATE_SIGNING_REQUIRED) != 0;
	client->signing_algorithm = SMB2_SIGNING_AES_CMAC;
	if (client->dialect == SMB2_DIALECT_311) {
		int error =
			take_contexts(client, reply->negotiate_context_list);
		return error == 0 ? 0
				  : client_complain(client, error,
					    "a negotiate context breaks its "
					    "layout");
	}
	bool ciphers = client->dialect >= SMB2_DIALECT_300 &&
		       (reply->capabilities & SMB2_GLOBAL_CAP_ENCRYPTION) != 0;
	client->cipher = ciphers ? SMB2_ENCRYPTION_AES128_CCM : 0;
	return 0;
}

int session_negotiate(struct client *client)
{
	struct numbers dialects;
	struct contexts contexts = {0};
	struct smb2_negotiate_request request = {
		.security_mode = own_security_mode(client),
		.capabilities = client->options.max_dialect >= SMB2_DIALECT_300
					? own_capabilities(client)
					: 0,
		.client_guid = client->client_guid,
	};
	request.dialects = put_dialects(client, &dialects);
	request.dialect_count = dialects.count;
	if (numbers_have(&dialects, SMB2_DIALECT_311)) {
		int error = put_contexts(client, &contexts);
		if (error < 0) {
			return error;
		}
		request.negotiate_context_list =
			wire_view_of(contexts.bytes, contexts.out.n);
		request.negotiate_context_count = contexts.count;
	}
	struct smb2_negotiate_response reply;
	struct exchange *e = NULL;
	int error = exchange_call(client, NULL, SMB2_NEGOTIATE, 0,
		&smb2_negotiate_request_type, &request,
		&smb2_negotiate_response_type, &reply, &e);
	if (error < 0) {
		return error;
	}
	error = take_negotiation(client, &reply, &dialects);
	if (error == 0) {
		error = crypto_preauth_update(client->preauth, e->pdu);
	}
	exchange_end(client, e);
	return error;
}

/* Keys from the mechanism's session key; the last answer must prove them. */
static int take_keys(struct client *client, const struct authclient *auth,
	const struct exchange *e, uint16_t flags)
{
	uint8_t key[64];
	unsigned int size = 0;
	bool nobody = (flags & (SMB2_SESSION_FLAG_IS_GUEST |
				       SMB2_SESSION_FLAG_IS_NULL)) != 0;
	int error = nobody ? 0 : authclient_key(auth, key, &size);
	if (error == 0 && !nobody) {
		error = crypto_derive(client->dialect, key, size,
			client->preauth, client->cipher,
			client->signing_algorithm, &client->keys);
	}
	explicit_bzero(key, sizeof(key));
	if (error < 0) {
		return error;
	}
	client->session_valid = true;
	client->sealed = (flags & SMB2_SESSION_FLAG_ENCRYPT_DATA) != 0 ||
			 client->options.seal == CLIENT_SEAL_REQUIRED;
	if (nobody) {
		client->signing_required = false;
		return client->sealed ? client_complain(client, -EACCES,
						"a guest session cannot be "
						"encrypted")
				      : 0;
	}
	bool is_signed = (e->header.flags & SMB2_FLAGS_SIGNED) != 0;
	if (is_signed ? !crypto_verify(&client->keys.signing, e->pdu)
		      : client->dialect == SMB2_DIALECT_311) {
		return client_complain(client, -EPROTO,
			"the last SESSION_SETUP answer is not signed by the "
			"session's key");
	}
	if (client->sealed && client->keys.client_to_server.size == 0) {
		return client_complain(client, -EOPNOTSUPP,
			"encryption is required but none was agreed");
	}
	return 0;
}

/* Sends one token. *ret_exchange holds the answer. */
static int setup_leg(struct client *client, struct wire_view token,
	struct smb2_session_setup_response *ret_reply,
	struct exchange **ret_exchange)
{
	struct smb2_session_setup_request request = {
		.security_mode = (uint8_t)own_security_mode(client),
		.capabilities = own_capabilities(client),
		.security_buffer_length = (uint16_t)token.n,
		.previous_session_id = client->options.previous_session,
		.buffer = token,
	};
	struct exchange *e = NULL;
	int error = exchange_begin(client, NULL, SMB2_SESSION_SETUP, 0,
		&smb2_session_setup_request_type, &request, &e);
	if (error < 0) {
		return error;
	}
	error = exchange_wait(client, e);
	if (error == 0 && client->status != STATUS_MORE_PROCESSING_REQUIRED) {
		error = client_errno(client->status);
	}
	if (error == 0 &&
		smb2_session_setup_response_decode(e->pdu, ret_reply) < 0) {
		error = client_complain(client, -EPROTO,
			"the SESSION_SETUP answer breaks its layout");
	}
	if (error < 0) {
		exchange_end(client, e);
		return error;
	}
	client->session_id = e->header.session_id;
	*ret_exchange = e;
	return 0;
}

static int give_up(struct client *client, const struct authclient *auth)
{
	return client_complain(
		client, -EACCES, "authentication: %s", authclient_error(auth));
}

static int setup_legs(struct client *client, struct authclient *auth)
{
	struct wire_view out = {0};
	bool done = false;
	if (authclient_step(auth, (struct wire_view){0}, &out, &done) < 0) {
		return give_up(client, auth);
	}
	for (;;) {
		struct smb2_session_setup_response reply;
		struct exchange *e = NULL;
		int error = setup_leg(client, out, &reply, &e);
		if (error < 0) {
			return error;
		}
		bool last = client->status == 0;
		if (!last) {
			error = crypto_preauth_update(client->preauth, e->pdu);
		}
		if (error == 0 && !(last && done) &&
			authclient_step(auth, reply.buffer, &out, &done) < 0) {
			error = give_up(client, auth);
		}
		if (error == 0 && last) {
			error = take_keys(client, auth, e, reply.session_flags);
		}
		exchange_end(client, e);
		if (error < 0 || last) {
			return error;
		}
	}
}

int session_setup(struct client *client)
{
	const struct client_options *o = &client->options;
	struct authclient_config config = {
		.mechanism =
			o->kerberos ? AUTHCLIENT_KERBEROS : AUTHCLIENT_NTLM,
		.user = o->user,
		.domain = o->domain,
		.password = o->password,
		.host = o->host,
	};
	struct authclient *auth = NULL;
	int error = authclient_begin(&config, &auth);
	if (error < 0) {
		return client_complain(client, error,
			"authentication cannot begin: %s", strerror(-error));
	}
	error = setup_legs(client, auth);
	authclient_end(auth);
	return error;
}

void session_logoff(struct client *client)
{
	struct smb2_logoff_request request = {0};
	int error = exchange_call(client, NULL, SMB2_LOGOFF, 0,
		&smb2_logoff_request_type, &request, NULL, NULL, NULL);
	/* The connection ends anyway; a server that is gone may stay so. */
	(void)error;
}

static int check_validation(
	struct client *client, const struct validate_negotiate_info_response *v)
{
	if (v->dialect == client->dialect &&
		v->capabilities == client->server_capabilities &&
		v->security_mode == client->server_security_mode &&
		memcmp(&v->guid, &client->server_guid, sizeof(v->guid)) == 0) {
		return 0;
	}
	return client_complain(client, -EPROTO,
		"the negotiation was tampered with: the server remembers "
		"another one");
}

static int call_validate(struct client_tree *tree, struct wire_view input)
{
	struct client *client = tree->client;
	struct smb2_ioctl_request request = {
		.ctl_code = FSCTL_VALIDATE_NEGOTIATE_INFO,
		.file_id = {UINT64_MAX, UINT64_MAX},
		.input_count = (uint32_t)input.n,
		.max_output_response = 24,
		.flags = SMB2_0_IOCTL_IS_FSCTL,
		.input = input,
	};
	struct smb2_ioctl_response reply;
	struct exchange *e = NULL;
	int error = exchange_call(client, tree, SMB2_IOCTL, 0,
		&smb2_ioctl_request_type, &request, &smb2_ioctl_response_type,
		&reply, &e);
	if (client->status == STATUS_FILE_CLOSED ||
		client->status == STATUS_INVALID_DEVICE_REQUEST ||
		client->status == STATUS_NOT_SUPPORTED) {
		return 0; /* an old server; its signed answer proves that */
	}
	if (error < 0) {
		return error;
	}
	struct validate_negotiate_info_response validation;
	error = validate_negotiate_info_response_decode(
			reply.output, &validation) < 0
			? -EPROTO
			: check_validation(client, &validation);
	exchange_end(client, e);
	return error;
}

/* 3.2.5.5: dialect 3.0 and 3.0.2 prove the negotiation behind the session. */
int session_validate_negotiate(struct client_tree *tree)
{
	struct client *client = tree->client;
	if (client->dialect == SMB2_DIALECT_311 ||
		client->options.max_dialect < SMB2_DIALECT_300 ||
		client->keys.signing.size == 0) {
		return 0;
	}
	struct numbers dialects;
	struct validate_negotiate_info_request request = {
		.capabilities = own_capabilities(client),
		.guid = client->client_guid,
		.security_mode = own_security_mode(client),
	};
	request.dialects = put_dialects(client, &dialects);
	request.dialect_count = dialects.count;
	uint8_t room[64];
	struct wire_buf out = {.p = room, .cap = sizeof(room)};
	int error = validate_negotiate_info_request_encode(&request, &out);
	if (error < 0) {
		return error;
	}
	bool was_required = client->signing_required;
	client->signing_required = true;
	error = call_validate(tree, wire_view_of(room, out.n));
	client->signing_required = was_required;
	return error;
}

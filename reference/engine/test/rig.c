/* SPDX-License-Identifier: MIT */
/* The bench for engine tests; see rig.h. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/test/rig.h"
#include "files/memory.h"
#include "ports/blob.h"

#define NOW 132000000000000000ull
#define TRANSFORM 0x424d53fdu

static struct blob *last_reply;

/* ---- ports ---- */

static void host_random(void *ctx, void *ret_bytes, size_t n)
{
	struct rig *rig = ctx;

	for (size_t i = 0; i < n; i++) {
		rig->random = rig->random * 1103515245u + 12345u;
		((uint8_t *)ret_bytes)[i] = rig->random >> 16;
	}
}

static void host_log(
	void *ctx, enum log_level level, const char *event, const char *detail)
{
	const struct rig *rig = ctx;

	if (!rig->quiet && getenv("RIG_LOG")) {
		fprintf(stderr, "[%d] %s %s\n", level, event, detail);
	}
}

struct auth_exchange {
	struct rig *rig;
	char name[64];
	bool expires;
};

static struct wire_view auth_hint(void *ctx)
{
	(void)ctx;
	return wire_view_of("hint", 4);
}

static struct auth_exchange *auth_begin(void *ctx)
{
	struct auth_exchange *exchange = calloc(1, sizeof(*exchange));

	if (exchange) {
		exchange->rig = ctx;
	}
	return exchange;
}

static void auth_end(struct auth_exchange *exchange)
{
	free(exchange);
}

void rig_key(const char *name, uint8_t ret_key[32]);
void rig_key(const char *name, uint8_t ret_key[32])
{
	for (unsigned int i = 0; i < 32; i++) {
		ret_key[i] = i * 7 + (unsigned char)name[i % strlen(name)];
	}
}

static int auth_step(struct auth_exchange *exchange, struct wire_view token,
	struct auth_result *ret)
{
	char text[64] = "";
	size_t n = token.n < 63 ? token.n : 63;

	if (n) {
		memcpy(text, token.p, n);
	}
	*ret = (struct auth_result){.outcome = AUTH_DONE};
	ret->token = wire_view_of("done", 4);
	if (!strncmp(text, "leg ", 4)) {
		snprintf(
			exchange->name, sizeof(exchange->name), "%s", text + 4);
		ret->outcome = AUTH_CONTINUE;
		ret->token = wire_view_of("more", 4);
		return 0;
	}
	if (!strncmp(text, "user ", 5) && text[5]) {
		snprintf(
			exchange->name, sizeof(exchange->name), "%s", text + 5);
	} else if (!strncmp(text, "expires ", 8) && text[8]) {
		snprintf(
			exchange->name, sizeof(exchange->name), "%s", text + 8);
		ret->expires = exchange->rig->now + 10 * 10000000ull;
	} else if (!strcmp(text, "guest")) {
		ret->identity.guest = true;
	} else if (!strcmp(text, "nobody")) {
		ret->identity.anonymous = true;
	} else if (strcmp(text, "again") || !exchange->name[0]) {
		ret->outcome = AUTH_REFUSED;
		ret->status = STATUS_LOGON_FAILURE;
		return 0;
	}
	memcpy(ret->identity.user, exchange->name, sizeof(exchange->name));
	if (exchange->name[0]) {
		rig_key(exchange->name, ret->key);
		ret->key_size = 32;
	}
	return 0;
}

static struct rig_link *of(struct link *link)
{
	return (struct rig_link *)link;
}

static void link_send(struct link *link, struct blob *message)
{
	struct rig_link *mine = of(link);

	if (mine->last - mine->first == 64) {
		blob_release(mine->sent[mine->first++ % 64]);
	}
	mine->sent[mine->last++ % 64] = message;
}

static void link_close(struct link *link, bool flush)
{
	(void)flush;
	of(link)->closed = true;
}

static const struct link_ops link_ops = {link_send, link_close};

static uint64_t files_now(void *ctx)
{
	return ((struct rig *)ctx)->now;
}

/* ---- life ---- */

void rig_init(struct rig *rig)
{
	*rig = (struct rig){.now = NOW, .random = 1};
	rig->auth = (struct auth_port){
		rig, auth_hint, auth_begin, auth_step, auth_end};
	rig->host = (struct host_port){rig, host_random, host_log};
	rig->shares[0] = (struct engine_share){.name = "data"};
	rig->shares[1] = (struct engine_share){
		.name = "secret", .encrypt = POLICY_REQUIRED};
	rig->shares[2] =
		(struct engine_share){.name = "guests", .guest_ok = true};
	for (unsigned int i = 0; i < 3; i++) {
		rig->shares[i].files =
			files_memory_create(files_now, rig, 1 << 26);
		assert(rig->shares[i].files);
	}
	rig->interfaces[0] = (struct engine_interface){.index = 2,
		.speed = 1000000000,
		.family = AF_INET,
		.address = {192, 0, 2, 1}};
	rig->interfaces[1] = (struct engine_interface){
		.index = 3, .speed = 10, .family = AF_INET6, .rss = true};
	rig->interfaces[1].address[15] = 1;
	rig->config = (struct engine_config){
		.min_dialect = 0x0202,
		.max_dialect = 0x0311,
		.sign = POLICY_OFFERED,
		.encrypt = POLICY_OFFERED,
		.ciphers = {2, 1, 4, 3},
		.signings = {2, 1, 0},
		.max_transact = 1 << 20,
		.max_read = 1 << 20,
		.max_write = 1 << 20,
		.max_credits = 128,
		.max_connections = 3,
		.max_sessions = 4,
		.max_opens = 100,
		.guest = true,
		.shares = rig->shares,
		.share_count = 3,
		.interfaces = rig->interfaces,
		.interface_count = 2,
	};
	memset(rig->config.server_guid.b, 0x5a, 16);
}

void rig_start(struct rig *rig)
{
	const struct engine_ports ports = {&rig->auth, &rig->host};

	rig->engine = engine_create(&rig->config, &ports);
	assert(rig->engine);
	engine_advance(rig->engine, rig->now);
}

void rig_finish(struct rig *rig)
{
	for (unsigned int i = 0; i < RIG_LINKS; i++) {
		rig_gone(rig, i);
	}
	assert(engine_idle(rig->engine));
	engine_destroy(rig->engine);
	for (unsigned int i = 0; i < 3; i++) {
		rig->shares[i].files->destroy(rig->shares[i].files);
	}
	blob_release(last_reply);
	last_reply = NULL;
}

void rig_accept(struct rig *rig, unsigned int i)
{
	struct rig_link *link = &rig->links[i];

	rig_gone(rig, i);
	*link = (struct rig_link){0};
	link->link.ops = &link_ops;
	link->link.secure = rig->secure;
	snprintf(link->link.peer_name, sizeof(link->link.peer_name), "peer%u",
		i);
	link->conn = engine_accept(rig->engine, &link->link);
}

void rig_gone(struct rig *rig, unsigned int i)
{
	struct rig_link *link = &rig->links[i];
	struct blob *blob;

	if (link->conn) {
		engine_gone(link->conn);
		link->conn = NULL;
	}
	while ((blob = rig_take(rig, i))) {
		blob_release(blob);
	}
}

void rig_advance(struct rig *rig, unsigned int ms)
{
	rig->now += ms * 10000ull;
	engine_advance(rig->engine, rig->now);
}

void rig_input(struct rig *rig, unsigned int i, const void *p, size_t n)
{
	struct blob *blob = blob_create(n);

	assert(blob);
	memcpy(blob->data, p, n);
	blob->n = n;
	engine_input(rig->links[i].conn, blob);
}

static struct blob *unseal(struct rig_link *link, struct blob *blob)
{
	struct wire_view plain;
	struct blob *clear;

	if (blob->n < 4 || wire_get32(blob->data) != TRANSFORM) {
		return blob;
	}
	assert(crypto_open(&link->keys.server_to_client, blob->data, blob->n,
		       &plain) == 0);
	clear = blob_create(plain.n);
	assert(clear);
	memcpy(clear->data, plain.p, plain.n);
	clear->n = plain.n;
	blob_release(blob);
	return clear;
}

struct blob *rig_take(struct rig *rig, unsigned int i)
{
	struct rig_link *link = &rig->links[i];

	if (link->first == link->last) {
		return NULL;
	}
	return unseal(link, link->sent[link->first++ % 64]);
}

/* ---- requests ---- */

void rig_add(struct rig_link *link, struct rig_message *message,
	uint16_t command, uint32_t flags, const struct wire_type *type,
	const void *body)
{
	struct smb2_header header = {
		.command = command,
		.credit_charge = link->dialect > 0x0202 ? 1 : 0,
		.credits = 8,
		.flags = flags,
		.message_id = command == SMB2_CANCEL ? link->message_id - 1
						     : link->message_id++,
		.session_id = link->session_id,
		.tree_id = link->tree_id,
	};
	struct wire_buf out = {message->bytes, sizeof(message->bytes),
		message->n, message->n, 0};

	if (message->n) {
		wire_buf_zero(&out, (8 - message->n % 8) % 8);
		wire_put32(message->bytes + message->element + 20,
			out.n - message->element);
		out.base = out.n;
	}
	message->element = out.n;
	assert(smb2_header_encode(&header, &out) == 0);
	if (type) {
		assert(wire_encode(type, body, &out) == 0);
	}
	message->n = out.n;
}

static void sign_all(struct rig_link *link, struct rig_message *message)
{
	size_t at = 0, next;

	do {
		uint8_t *p = message->bytes + at;

		next = wire_get32(p + 20);
		wire_put32(p + 16, wire_get32(p + 16) | SMB2_FLAGS_SIGNED);
		assert(crypto_sign(&link->keys.signing, p,
			       next ? next : message->n - at) == 0);
		at += next;
	} while (next);
}

void rig_send(struct rig *rig, unsigned int i, struct rig_message *message)
{
	static uint8_t sealed[RIG_MESSAGE + 52];
	struct rig_link *link = &rig->links[i];
	uint8_t nonce[16] = {0};

	if (link->seal) {
		wire_put64(nonce, ++link->nonce);
		assert(crypto_seal(&link->keys.client_to_server, nonce,
			       link->session_id,
			       wire_view_of(message->bytes, message->n),
			       sealed) == 0);
		rig_input(rig, i, sealed, message->n + 52);
	} else {
		if (link->sign) {
			sign_all(link, message);
		}
		rig_input(rig, i, message->bytes, message->n);
	}
	message->n = message->element = 0;
}

struct smb2_header rig_header(const struct blob *blob, size_t at)
{
	struct smb2_header header;

	assert(blob->n >= at + 64);
	assert(smb2_header_decode(wire_view_of(blob->data + at, 64), &header) ==
		0);
	return header;
}

/* Waits over interim responses; keeps the last reply alive. */
static uint32_t answer(struct rig *rig, unsigned int i,
	const struct wire_type *type, void *ret_body)
{
	struct rig_link *link = &rig->links[i];
	struct smb2_header header;
	struct blob *blob = rig_take(rig, i);

	if (!blob) {
		return UINT32_MAX;
	}
	blob_release(last_reply);
	last_reply = blob;
	header = rig_header(blob, 0);
	if (header.flags & SMB2_FLAGS_SIGNED) {
		assert(crypto_verify(header.status && link->session_key.size
					     ? &link->session_key
					     : &link->keys.signing,
			wire_view_of(blob->data, blob->n)));
	}
	if (header.session_id) {
		link->session_id = header.session_id;
	}
	if (header.command == SMB2_TREE_CONNECT && !header.status) {
		link->tree_id = header.tree_id;
	}
	if (type && (!header.status || header.status == 0xc0000016)) {
		assert(wire_decode(type, wire_view_of(blob->data, blob->n),
			       ret_body, NULL) == 0);
	}
	return header.status;
}

uint32_t rig_call(struct rig *rig, unsigned int i, uint16_t command,
	const struct wire_type *type, const void *body,
	const struct wire_type *ret_type, void *ret_body)
{
	static struct rig_message message;

	rig_add(&rig->links[i], &message, command, 0, type, body);
	rig_send(rig, i, &message);
	return answer(rig, i, ret_type, ret_body);
}

static void add_context(struct wire_buf *out, size_t *last, uint16_t type,
	const void *data, size_t n)
{
	struct smb2_negotiate_context context = {
		.context_type = type, .data = wire_view_of(data, n)};

	assert(wire_list_append(
		       &smb2_negotiate_context_type, &context, out, last) == 0);
}

const uint8_t rig_posix_tag[16] = {0x93, 0xad, 0x25, 0x50, 0x9c, 0xb4, 0x11,
	0xe7, 0xb4, 0x23, 0x83, 0xde, 0x96, 0x8b, 0xcd, 0x7c};

static uint32_t negotiate_311(struct rig *rig, unsigned int i,
	struct smb2_negotiate_request *body, uint16_t cipher, uint16_t signing)
{
	static const uint8_t preauth[] = {1, 0, 2, 0, 1, 0, 9, 9};
	uint8_t list[128], data[4] = {1, 0};
	struct wire_buf out = {list, sizeof(list), 0, 0, 0};
	struct rig_link *link = &rig->links[i];
	struct rig_message message = {.n = 0};
	size_t last = SIZE_MAX;
	uint32_t status;

	add_context(&out, &last, 1, preauth, sizeof(preauth));
	wire_put16(data + 2, cipher);
	add_context(&out, &last, 2, data, 4);
	wire_put16(data + 2, signing);
	add_context(&out, &last, 8, data, 4);
	body->negotiate_context_count = 3;
	if (rig->offer_transport) {
		wire_put32(data, rig->transport_flags);
		add_context(&out, &last, SMB2_TRANSPORT_CAPABILITIES, data, 4);
		body->negotiate_context_count++;
	}
	if (rig->offer_posix) {
		add_context(&out, &last, SMB2_POSIX_EXTENSIONS_AVAILABLE,
			rig_posix_tag, sizeof(rig_posix_tag));
		body->negotiate_context_count++;
	}
	body->negotiate_context_list = wire_view_of(list, out.n);
	rig_add(link, &message, SMB2_NEGOTIATE, 0, &smb2_negotiate_request_type,
		body);
	assert(crypto_preauth_update(link->conn_preauth,
		       wire_view_of(message.bytes, message.n)) == 0);
	rig_send(rig, i, &message);
	status = answer(rig, i, NULL, NULL);
	if (status != UINT32_MAX) {
		assert(crypto_preauth_update(link->conn_preauth,
			       wire_view_of(last_reply->data, last_reply->n)) ==
			0);
	}
	return status;
}

uint32_t rig_negotiate(struct rig *rig, unsigned int i, uint16_t dialect,
	uint16_t cipher, uint16_t signing)
{
	struct smb2_negotiate_request body = {
		.dialect_count = 1,
		.security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED,
		.capabilities = SMB2_GLOBAL_CAP_ENCRYPTION |
				SMB2_GLOBAL_CAP_MULTI_CHANNEL |
				SMB2_GLOBAL_CAP_DIRECTORY_LEASING,
	};
	struct rig_link *link = &rig->links[i];
	uint8_t dialects[2];
	uint32_t status;

	memset(body.client_guid.b, rig->client ? rig->client : 0x77, 16);
	wire_put16(dialects, dialect);
	body.dialects = wire_view_of(dialects, 2);
	if (dialect == 0x0311) {
		status = negotiate_311(rig, i, &body, cipher, signing);
	} else {
		status = rig_call(rig, i, SMB2_NEGOTIATE,
			&smb2_negotiate_request_type, &body, NULL, NULL);
	}
	if (!status) {
		link->dialect = dialect;
	}
	link->keys.client_to_server.algorithm = cipher;
	link->keys.signing.algorithm = signing;
	return status;
}

static void learn_keys(struct rig_link *link, const char *token)
{
	const char *name = strchr(token, ' ');
	uint16_t cipher = link->keys.client_to_server.algorithm;
	uint16_t signing = link->keys.signing.algorithm;
	uint8_t key[32];

	if (name) {
		snprintf(link->name, sizeof(link->name), "%s", name + 1);
	}
	if (!link->name[0] || !strncmp(token, "leg ", 4)) {
		return;
	}
	rig_key(link->name, key);
	if (link->dialect < 0x0300) {
		cipher = 0;
	} else if (link->dialect < 0x0311) {
		cipher = 1;
	}
	assert(crypto_derive(link->dialect, key, 32, link->preauth, cipher,
		       signing, &link->keys) == 0);
}

/* Before the answer: the keys that it is signed with. */
static void prepare(struct rig_link *link, const struct rig_message *message,
	const char *token, bool binding)
{
	struct smb2_header header;

	assert(smb2_header_decode(wire_view_of(message->bytes, 64), &header) ==
		0);
	if (!header.session_id || (binding && !link->name[0])) {
		memcpy(link->preauth, link->conn_preauth, 64);
		link->again = false;
		link->name[0] = 0;
	}
	if (link->again) {
		return;
	}
	assert(crypto_preauth_update(link->preauth,
		       wire_view_of(message->bytes, message->n)) == 0);
	learn_keys(link, token);
}

uint32_t rig_session(struct rig *rig, unsigned int i, const char *token,
	uint8_t flags, uint64_t previous)
{
	struct smb2_session_setup_request body = {.flags = flags,
		.security_mode = 1,
		.previous_session_id = previous,
		.buffer = wire_view_of(token, strlen(token))};
	struct rig_link *link = &rig->links[i];
	struct rig_message message = {.n = 0};
	uint32_t status;

	rig_add(link, &message, SMB2_SESSION_SETUP, 0,
		&smb2_session_setup_request_type, &body);
	if (link->sign) {
		sign_all(link, &message);
	}
	if (flags & SMB2_SESSION_FLAG_BINDING) {
		link->session_key = link->keys.signing;
	}
	prepare(link, &message, token, flags & SMB2_SESSION_FLAG_BINDING);
	rig_input(rig, i, message.bytes, message.n);
	status = answer(rig, i, NULL, NULL);
	if (status == STATUS_MORE_PROCESSING_REQUIRED && !link->again) {
		assert(crypto_preauth_update(link->preauth,
			       wire_view_of(last_reply->data, last_reply->n)) ==
			0);
	}
	if (status == STATUS_SUCCESS) {
		link->again = true;
		link->session_key.size = 0;
	}
	return status;
}

uint32_t rig_tree(struct rig *rig, unsigned int i, const char *path)
{
	struct smb2_tree_connect_request body = {0};
	uint8_t text[256];
	int n = wire_utf8_to_utf16(path, text, sizeof(text));

	assert(n >= 0);
	body.buffer = wire_view_of(text, n);
	return rig_call(rig, i, SMB2_TREE_CONNECT,
		&smb2_tree_connect_request_type, &body, NULL, NULL);
}

void rig_enter(
	struct rig *rig, unsigned int i, uint16_t dialect, const char *token)
{
	uint32_t status;

	rig_accept(rig, i);
	status = rig_negotiate(rig, i, dialect, 1, 1);
	if (!status) {
		status = rig_session(rig, i, token, 0, 0);
	}
	rig->links[i].sign = true;
	if (!status) {
		status = rig_tree(rig, i, "\\\\srv\\data");
	}
	assert(status == STATUS_SUCCESS);
}

void rig_start_two(struct rig *rig)
{
	rig_start(rig);
	rig_enter(rig, 0, 0x0300, "user alice");
	rig->client = 2;
	rig_enter(rig, 1, 0x0300, "user alice");
	rig->client = 0;
}

uint32_t rig_echo(struct rig *rig, unsigned int i)
{
	const struct smb2_echo_request body = {0};

	return rig_call(
		rig, i, SMB2_ECHO, &smb2_echo_request_type, &body, NULL, NULL);
}

static struct smb2_create_request open_body(
	const char *name, bool directory, uint8_t ret_text[256])
{
	struct smb2_create_request body = {
		.impersonation_level = SMB2_IMPERSONATION_IMPERSONATION,
		.desired_access = FILE_READ_DATA | FILE_WRITE_DATA |
				  FILE_READ_ATTRIBUTES | DELETE,
		.share_access =
			FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
		.create_disposition = FILE_OPEN_IF,
		.create_options = directory ? FILE_DIRECTORY_FILE
					    : FILE_NON_DIRECTORY_FILE,
	};
	int n = wire_utf8_to_utf16(name, ret_text, 256);

	assert(n >= 0);
	body.name = wire_view_of(ret_text, n);
	return body;
}

uint32_t rig_open(struct rig *rig, unsigned int i, const char *name,
	bool directory, struct smb2_fileid *ret_id)
{
	uint8_t text[256];
	struct smb2_create_request body = open_body(name, directory, text);
	struct smb2_create_response answer = {0};
	uint32_t status =
		rig_call(rig, i, SMB2_CREATE, &smb2_create_request_type, &body,
			&smb2_create_response_type, &answer);

	*ret_id = answer.file_id;
	return status;
}

void rig_add_open(struct rig_link *link, struct rig_message *message,
	const char *name, bool directory)
{
	uint8_t text[256];
	struct smb2_create_request body = open_body(name, directory, text);

	rig_add(link, message, SMB2_CREATE, 0, &smb2_create_request_type,
		&body);
}

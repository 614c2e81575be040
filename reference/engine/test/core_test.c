/* SPDX-License-Identifier: MIT */
/*
 * The core of the engine driven by bytes. What is expected is what [MS-SMB2]
 * says; each test names the section.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine/test/rig.h"
#include "ports/blob.h"

static const uint16_t all_dialects[] = {0x0202, 0x0210, 0x0300, 0x0302, 0x0311};

static struct rig rig;

static int setup(void **state)
{
	(void)state;
	rig_init(&rig);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_finish(&rig);
	return 0;
}

static void start(uint16_t dialect)
{
	rig_start(&rig);
	rig_accept(&rig, 0);
	assert_int_equal(rig_negotiate(&rig, 0, dialect, 2, 1), 0);
}

static void start_session(uint16_t dialect)
{
	start(dialect);
	assert_int_equal(rig_session(&rig, 0, "user alice", 0, 0), 0);
}

/* 3.3.5.4 */
static void test_every_dialect(void **state)
{
	(void)state;
	rig_start(&rig);
	for (unsigned int i = 0; i < 5; i++) {
		rig_accept(&rig, 0);
		assert_int_equal(
			rig_negotiate(&rig, 0, all_dialects[i], 2, 1), 0);
		assert_int_equal(rig_session(&rig, 0, "user alice", 0, 0), 0);
		rig.links[0].sign = true;
		assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\DATA"), 0);
		assert_int_equal(rig_echo(&rig, 0), 0);
	}
}

static void call_negotiate(struct smb2_negotiate_request *body,
	const uint16_t *dialects, unsigned int count, uint32_t expected)
{
	static uint8_t bytes[2 * 8];

	for (unsigned int i = 0; i < count; i++) {
		wire_put16(bytes + 2 * i, dialects[i]);
	}
	body->dialects = wire_view_of(bytes, 2 * count);
	body->dialect_count = count;
	assert_int_equal(
		rig_call(&rig, 0, SMB2_NEGOTIATE, &smb2_negotiate_request_type,
			body, NULL, NULL),
		expected);
}

/* 3.3.5.4 */
static void test_dialect_choice(void **state)
{
	struct smb2_negotiate_request body = {0};
	struct smb2_negotiate_response answer;
	const uint16_t strange[] = {0x0001, 0x0222};
	const uint8_t mixed[] = {0x02, 0x02, 0x02, 0x03, 0x10, 0x02};

	(void)state;
	rig_start(&rig);
	rig_accept(&rig, 0);
	call_negotiate(&body, strange, 0, STATUS_INVALID_PARAMETER);
	call_negotiate(&body, strange, 2, STATUS_NOT_SUPPORTED);
	body.dialects = wire_view_of(mixed, 6);
	body.dialect_count = 3;
	assert_int_equal(
		rig_call(&rig, 0, SMB2_NEGOTIATE, &smb2_negotiate_request_type,
			&body, &smb2_negotiate_response_type, &answer),
		0);
	assert_int_equal(answer.dialect_revision, 0x0302);
	assert_int_equal(answer.security_mode, 1);
	assert_int_equal(answer.capabilities,
		SMB2_GLOBAL_CAP_LARGE_MTU | SMB2_GLOBAL_CAP_LEASING);
	assert_memory_equal(answer.server_guid.b, rig.config.server_guid.b, 16);
	assert_false(rig.links[0].closed);
	call_negotiate(&body, strange, 2, UINT32_MAX);
	assert_true(rig.links[0].closed);
}

static uint32_t contexts(const char *list, size_t n, unsigned int count)
{
	static const uint8_t dialect[] = {0x11, 0x03};
	struct smb2_negotiate_request body = {.dialect_count = 1,
		.dialects = wire_view_of(dialect, 2),
		.negotiate_context_count = count,
		.negotiate_context_list = wire_view_of(list, n)};

	rig_accept(&rig, 0);
	return rig_call(&rig, 0, SMB2_NEGOTIATE, &smb2_negotiate_request_type,
		&body, NULL, NULL);
}

#define PREAUTH "\1\0\6\0\0\0\0\0\1\0\0\0\1\0"
#define PAD "\0\0"
#define SIGNING_0 "\10\0\2\0\0\0\0\0\0\0"
#define UNKNOWN "\x55\0\2\0\0\0\0\0\1\2"

/* 3.3.5.4, 2.2.3.1 */
static void test_contexts(void **state)
{
	(void)state;
	rig_start(&rig);
#define TRY(list, count) contexts(list, sizeof(list) - 1, count)
	assert_int_equal(TRY(PREAUTH, 1), 0);
	assert_int_equal(TRY(UNKNOWN, 1), STATUS_INVALID_PARAMETER);
	assert_int_equal(TRY(PREAUTH PAD UNKNOWN, 2), 0);
	assert_int_equal(TRY(PREAUTH PAD PREAUTH, 2), STATUS_INVALID_PARAMETER);
	assert_int_equal(
		TRY(PREAUTH PAD SIGNING_0, 2), STATUS_INVALID_PARAMETER);
	assert_int_equal(TRY("\1\0\6\0\0\0\0\0\1\0\0\0\2\0", 1), 0xC05D0000);
	assert_int_equal(
		TRY("\1\0\2\0\0\0\0\0\1\0", 1), STATUS_INVALID_PARAMETER);
	assert_int_equal(TRY(PREAUTH, 2), STATUS_INVALID_PARAMETER);
#undef TRY
}

static void smb1(const char *dialects, size_t n)
{
	uint8_t message[256] = {0xff, 'S', 'M', 'B', 0x72};

	message[33] = n;
	memcpy(message + 35, dialects, n);
	rig_accept(&rig, 0);
	rig_input(&rig, 0, message, 35 + n);
}

static uint16_t smb1_answer(void)
{
	struct blob *blob = rig_take(&rig, 0);
	uint16_t dialect;

	if (!blob) {
		return 0;
	}
	assert_int_equal(rig_header(blob, 0).message_id, 0);
	dialect = wire_get16(blob->data + 64 + 4);
	blob_release(blob);
	return dialect;
}

/* 3.3.5.3 */
static void test_smb1(void **state)
{
	static const char both[] = "\2NT LM 0.12\0\2SMB 2.002\0\2SMB 2.???";

	(void)state;
	rig_start(&rig);
	smb1(both, sizeof(both));
	assert_int_equal(smb1_answer(), 0x02ff);
	rig.links[0].message_id = 1;
	assert_int_equal(rig_negotiate(&rig, 0, 0x0311, 2, 1), 0);
	assert_int_equal(rig_session(&rig, 0, "user alice", 0, 0), 0);
	smb1(both, 24); /* up to "SMB 2.002" */
	assert_int_equal(smb1_answer(), 0x0202);
	smb1(both, 12);
	assert_int_equal(smb1_answer(), 0);
	assert_true(rig.links[0].closed);
	smb1(both, 20); /* not terminated */
	assert_true(rig.links[0].closed);
	smb1(both, sizeof(both));
	assert_int_equal(smb1_answer(), 0x02ff);
	rig.links[0].message_id = 1;
	assert_int_equal(rig_echo(&rig, 0), UINT32_MAX);
	assert_true(rig.links[0].closed); /* 3.3.5.2.2 */
}

/* 3.3.5.5, 3.3.5.5.3 */
static void test_session(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 5; i++) {
		if (i) {
			rig_finish(&rig);
			rig_init(&rig);
		}
		start(all_dialects[i]);
		assert_int_equal(rig_session(&rig, 0, "leg bob", 0, 0),
			STATUS_MORE_PROCESSING_REQUIRED);
		assert_int_equal(rig_session(&rig, 0, "again", 0, 0), 0);
		rig.links[0].sign = true;
		assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\data"), 0);
	}
}

static void test_session_refused(void **state)
{
	uint64_t id;

	(void)state;
	start(0x0311);
	assert_int_equal(
		rig_session(&rig, 0, "wrong", 0, 0), STATUS_LOGON_FAILURE);
	id = rig.links[0].session_id;
	assert_true(id != 0 && id != UINT64_MAX);
	assert_int_equal(rig_session(&rig, 0, "user eve", 0, 0),
		STATUS_USER_SESSION_DELETED);
	rig.links[0].session_id = 0;
	assert_int_equal(rig_session(&rig, 0, "user eve", 0, 0), 0);
	assert_int_not_equal(rig.links[0].session_id, id);
}

/* 3.3.5.2.4 */
static void test_signature(void **state)
{
	const struct smb2_echo_request body = {0};
	struct rig_message message = {.n = 0};
	struct rig_link *link = &rig.links[0];
	struct blob *blob;

	(void)state;
	rig.config.sign = POLICY_REQUIRED;
	start_session(0x0300);
	assert_int_equal(rig_echo(&rig, 0), STATUS_ACCESS_DENIED);
	link->sign = true;
	assert_int_equal(rig_echo(&rig, 0), 0);
	rig_add(link, &message, SMB2_ECHO, SMB2_FLAGS_SIGNED,
		&smb2_echo_request_type, &body);
	rig_input(&rig, 0, message.bytes, message.n);
	blob = rig_take(&rig, 0);
	assert_int_equal(rig_header(blob, 0).status, STATUS_ACCESS_DENIED);
	blob_release(blob);
	link->session_id ^= 1;
	assert_int_equal(rig_echo(&rig, 0), STATUS_USER_SESSION_DELETED);
}

/* 3.3.4.1.1: a signed request has a signed answer */
static void test_signed_answer(void **state)
{
	const struct smb2_echo_request body = {0};
	struct rig_message message = {.n = 0};
	struct blob *blob;

	(void)state;
	start_session(0x0302);
	rig.links[0].sign = true;
	rig_add(&rig.links[0], &message, SMB2_ECHO, 0, &smb2_echo_request_type,
		&body);
	rig_send(&rig, 0, &message);
	blob = rig_take(&rig, 0);
	assert_int_equal(rig_header(blob, 0).flags,
		SMB2_FLAGS_SERVER_TO_REDIR | SMB2_FLAGS_SIGNED);
	assert_true(crypto_verify(
		&rig.links[0].keys.signing, wire_view_of(blob->data, blob->n)));
	blob_release(blob);
}

/* 3.3.5.2.1.1, 3.3.4.1.4 */
static void test_sealed(void **state)
{
	uint8_t junk[200] = {0xfd, 'S', 'M', 'B'};

	(void)state;
	rig_start(&rig);
	for (uint16_t cipher = 1; cipher <= 4; cipher++) {
		rig_accept(&rig, 0);
		assert_int_equal(rig_negotiate(&rig, 0, 0x0311, cipher, 2), 0);
		assert_int_equal(rig_session(&rig, 0, "user alice", 0, 0), 0);
		rig.links[0].seal = true;
		assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\secret"), 0);
		assert_int_equal(rig_echo(&rig, 0), 0);
		rig_input(&rig, 0, junk, sizeof(junk));
		assert_true(rig.links[0].closed);
	}
}

/* 3.3.5.2.11, 3.3.5.7: a share that wants encryption */
static void test_secret_share(void **state)
{
	const struct smb2_tree_disconnect_request body = {0};
	struct rig_link *link = &rig.links[0];

	(void)state;
	start_session(0x0210);
	assert_int_equal(
		rig_tree(&rig, 0, "\\\\srv\\secret"), STATUS_ACCESS_DENIED);
	rig_accept(&rig, 0);
	assert_int_equal(rig_negotiate(&rig, 0, 0x0302, 1, 1), 0);
	assert_int_equal(rig_session(&rig, 0, "user alice", 0, 0), 0);
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\secret"), 0);
	assert_int_equal(
		rig_call(&rig, 0, SMB2_TREE_DISCONNECT,
			&smb2_tree_disconnect_request_type, &body, NULL, NULL),
		STATUS_ACCESS_DENIED);
	link->seal = true;
	assert_int_equal(
		rig_call(&rig, 0, SMB2_TREE_DISCONNECT,
			&smb2_tree_disconnect_request_type, &body, NULL, NULL),
		0);
}

/* 3.3.5.5, 3.3.5.2.9: everything encrypted */
static void test_encryption_required(void **state)
{
	(void)state;
	rig.config.encrypt = POLICY_REQUIRED;
	start(0x0210);
	assert_int_equal(
		rig_session(&rig, 0, "user alice", 0, 0), STATUS_ACCESS_DENIED);
	rig_accept(&rig, 0);
	assert_int_equal(rig_negotiate(&rig, 0, 0x0311, 4, 1), 0);
	assert_int_equal(rig_session(&rig, 0, "user alice", 0, 0), 0);
	assert_int_equal(rig_echo(&rig, 0), STATUS_ACCESS_DENIED);
	rig.links[0].seal = true;
	assert_int_equal(rig_echo(&rig, 0), 0);
	rig_accept(&rig, 0);
	assert_int_equal(rig_negotiate(&rig, 0, 0x0311, 4, 1), 0);
	assert_int_equal(
		rig_session(&rig, 0, "guest", 0, 0), STATUS_ACCESS_DENIED);
}

/* 3.3.5.7 */
static void test_tree(void **state)
{
	struct rig_link *link = &rig.links[0];
	uint32_t first;

	(void)state;
	start_session(0x0210);
	assert_int_equal(
		rig_tree(&rig, 0, "\\\\srv\\none"), STATUS_BAD_NETWORK_NAME);
	assert_int_equal(rig_tree(&rig, 0, "data"), STATUS_INVALID_PARAMETER);
	assert_int_equal(
		rig_tree(&rig, 0, "\\\\srv"), STATUS_INVALID_PARAMETER);
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\data"), 0);
	first = link->tree_id;
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\IPC$"), 0);
	assert_int_not_equal(first, link->tree_id);
	link->session_id = 0;
	assert_int_equal(rig_session(&rig, 0, "guest", 0, 0), 0);
	assert_int_equal(
		rig_tree(&rig, 0, "\\\\srv\\data"), STATUS_ACCESS_DENIED);
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\guests"), 0);
}

/* 3.3.5.7: 3.1.1 wants the TREE_CONNECT signed */
static void test_tree_unsigned(void **state)
{
	(void)state;
	start_session(0x0311);
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\data"), UINT32_MAX);
	assert_true(rig.links[0].closed);
}

/* 3.3.5.6 */
static void test_logoff(void **state)
{
	const struct smb2_logoff_request body = {0};

	(void)state;
	start_session(0x0300);
	rig.links[0].sign = true;
	assert_int_equal(rig_call(&rig, 0, SMB2_LOGOFF,
				 &smb2_logoff_request_type, &body, NULL, NULL),
		0);
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\data"),
		STATUS_USER_SESSION_DELETED);
}

/* 3.3.5.2.3 */
static void test_message_ids(void **state)
{
	(void)state;
	start_session(0x0210);
	rig.links[0].message_id += 3; /* granted, out of order */
	assert_int_equal(rig_echo(&rig, 0), 0);
	rig.links[0].message_id -= 2;
	assert_int_equal(rig_echo(&rig, 0), 0);
	assert_int_equal(rig_echo(&rig, 0), UINT32_MAX); /* again */
	assert_true(rig.links[0].closed);
	rig_accept(&rig, 0);
	rig.links[0].message_id = 1; /* only 0 is there */
	assert_int_equal(rig_negotiate(&rig, 0, 0x0210, 0, 0), UINT32_MAX);
	assert_true(rig.links[0].closed);
}

/* 3.3.5.2, 3.3.5.2.2, 3.3.5.2.6 */
static void test_disconnects(void **state)
{
	uint8_t bytes[80] = {0xfe, 'S', 'M', 'B', 64};
	static uint8_t big[70000];

	(void)state;
	rig_start(&rig);
	for (size_t n = 0; n < 64; n++) {
		rig_accept(&rig, 0);
		rig_input(&rig, 0, bytes, n);
		assert_true(rig.links[0].closed);
	}
	rig_accept(&rig, 0);
	assert_int_equal(rig_echo(&rig, 0), UINT32_MAX);
	assert_true(rig.links[0].closed);
	bytes[12] = 0x13;
	rig_accept(&rig, 0);
	rig_input(&rig, 0, bytes, sizeof(bytes));
	assert_true(rig.links[0].closed);
	rig_accept(&rig, 0);
	rig_input(&rig, 0, big, sizeof(big));
	assert_true(rig.links[0].closed);
}

/* The status of each element of the next message, -1 behind the last. */
static void statuses(uint32_t ret_status[4], uint32_t ret_flags[4])
{
	struct blob *blob = rig_take(&rig, 0);
	size_t at = 0;

	memset(ret_status, 0xff, 4 * sizeof(ret_status[0]));
	assert_non_null(blob);
	for (unsigned int i = 0; i < 4; i++) {
		struct smb2_header header = rig_header(blob, at);

		ret_status[i] = header.status;
		ret_flags[i] = header.flags;
		at += header.next_command;
		assert_int_equal(at % 8, 0);
		if (!header.next_command) {
			break;
		}
	}
	blob_release(blob);
}

static void add_tree(
	struct rig_message *message, uint32_t flags, const char *path)
{
	struct smb2_tree_connect_request body = {0};
	uint8_t text[64];
	int n = wire_utf8_to_utf16(path, text, sizeof(text));

	body.buffer = wire_view_of(text, n);
	rig_add(&rig.links[0], message, SMB2_TREE_CONNECT, flags,
		&smb2_tree_connect_request_type, &body);
}

static void add_disconnect(struct rig_message *message, uint32_t flags)
{
	const struct smb2_tree_disconnect_request body = {0};

	rig_add(&rig.links[0], message, SMB2_TREE_DISCONNECT, flags,
		&smb2_tree_disconnect_request_type, &body);
}

#define RELATED SMB2_FLAGS_RELATED_OPERATIONS

/* 3.3.5.2.7.2 */
static void test_related(void **state)
{
	struct rig_message message = {.n = 0};
	uint32_t status[4], flags[4];

	(void)state;
	start_session(0x0300);
	rig.links[0].tree_id = UINT32_MAX;
	add_tree(&message, 0, "\\\\srv\\data");
	add_disconnect(&message, RELATED);
	add_disconnect(&message, RELATED);
	rig.links[0].sign = true;
	rig_send(&rig, 0, &message);
	statuses(status, flags);
	assert_int_equal(status[0], 0);
	assert_int_equal(status[1], 0);
	assert_int_equal(status[2], STATUS_NETWORK_NAME_DELETED);
	assert_int_equal(flags[0] & RELATED, 0);
	assert_int_equal(flags[1] & RELATED, RELATED);
	assert_int_equal(flags[1] & SMB2_FLAGS_SIGNED, SMB2_FLAGS_SIGNED);
	add_tree(&message, 0, "\\\\srv\\none");
	add_disconnect(&message, RELATED);
	add_disconnect(&message, RELATED);
	rig_send(&rig, 0, &message);
	statuses(status, flags);
	assert_int_equal(status[0], STATUS_BAD_NETWORK_NAME);
	assert_int_equal(status[1], STATUS_INVALID_PARAMETER);
	assert_int_equal(status[2], STATUS_INVALID_PARAMETER);
}

/* 3.3.5.2.7 */
static void test_mixed(void **state)
{
	struct rig_message message = {.n = 0};
	uint32_t status[4], flags[4];

	(void)state;
	start_session(0x0300);
	add_tree(&message, RELATED, "\\\\srv\\data");
	rig_send(&rig, 0, &message);
	statuses(status, flags);
	assert_int_equal(status[0], STATUS_INVALID_PARAMETER);
	add_tree(&message, 0, "\\\\srv\\data");
	add_disconnect(&message, RELATED);
	add_disconnect(&message, 0);
	rig_send(&rig, 0, &message);
	for (unsigned int i = 0; i < 3; i++) {
		statuses(status, flags);
		assert_int_equal(status[0], STATUS_INVALID_PARAMETER);
	}
	add_disconnect(&message, 0);
	add_tree(&message, 0, "\\\\srv\\data");
	rig_send(&rig, 0, &message);
	statuses(status, flags);
	assert_int_equal(status[0], STATUS_NETWORK_NAME_DELETED);
	statuses(status, flags);
	assert_int_equal(status[0], 0);
	add_disconnect(&message, 0);
	add_disconnect(&message, 0);
	wire_put32(message.bytes + 20, 68);
	rig_send(&rig, 0, &message);
	assert_true(rig.links[0].closed);
}

/* 3.3.5.5: a second connection for the session */
static void test_binding(void **state)
{
	struct rig_link *first = &rig.links[0], *second = &rig.links[1];

	(void)state;
	start_session(0x0311);
	rig_accept(&rig, 1);
	assert_int_equal(rig_negotiate(&rig, 1, 0x0311, 2, 1), 0);
	second->session_id = first->session_id;
	assert_int_equal(rig_session(&rig, 1, "user alice", 1, 0),
		STATUS_INVALID_PARAMETER); /* not signed */
	rig_accept(&rig, 1);
	assert_int_equal(rig_negotiate(&rig, 1, 0x0311, 2, 1), 0);
	second->session_id = first->session_id;
	second->keys.signing = first->keys.signing;
	second->sign = true;
	assert_int_equal(rig_session(&rig, 1, "user alice", 1, 0), 0);
	assert_memory_not_equal(
		second->keys.signing.bytes, first->keys.signing.bytes, 16);
	assert_int_equal(rig_tree(&rig, 1, "\\\\srv\\data"), 0);
	first->sign = true;
	first->tree_id = second->tree_id;
	rig_gone(&rig, 1);
	assert_int_equal(rig_echo(&rig, 0), 0);
}

static void test_binding_refused(void **state)
{
	struct rig_link *first = &rig.links[0], *second = &rig.links[1];

	(void)state;
	start_session(0x0302);
	rig_accept(&rig, 1);
	assert_int_equal(rig_negotiate(&rig, 1, 0x0302, 1, 1), 0);
	second->session_id = 77;
	assert_int_equal(rig_session(&rig, 1, "user alice", 1, 0),
		STATUS_USER_SESSION_DELETED);
	second->session_id = first->session_id;
	second->keys.signing = first->keys.signing;
	second->sign = true;
	assert_int_equal(rig_session(&rig, 1, "user mallory", 1, 0),
		STATUS_NOT_SUPPORTED);
	first->sign = true;
	assert_int_equal(rig_session(&rig, 0, "user alice", 1, 0),
		STATUS_REQUEST_NOT_ACCEPTED);
}

/* 3.3.5.5.2 */
static void test_again(void **state)
{
	(void)state;
	start_session(0x0311);
	rig.links[0].sign = true;
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\data"), 0);
	assert_int_equal(rig_session(&rig, 0, "leg alice", 0, 0),
		STATUS_MORE_PROCESSING_REQUIRED);
	assert_int_equal(rig_session(&rig, 0, "again", 0, 0), 0);
	assert_int_equal(rig_echo(&rig, 0), 0);
	assert_int_equal(
		rig_session(&rig, 0, "wrong", 0, 0), STATUS_LOGON_FAILURE);
	assert_int_equal(rig_echo(&rig, 0), STATUS_USER_SESSION_DELETED);
}

/* 3.3.5.5.3: PreviousSessionId */
static void test_previous(void **state)
{
	uint64_t old;

	(void)state;
	start_session(0x0300);
	old = rig.links[0].session_id;
	rig_accept(&rig, 1);
	assert_int_equal(rig_negotiate(&rig, 1, 0x0300, 1, 1), 0);
	assert_int_equal(rig_session(&rig, 1, "user bob", 0, old), 0);
	assert_int_equal(rig_echo(&rig, 0), 0);
	rig.links[1].session_id = 0;
	assert_int_equal(rig_session(&rig, 1, "user alice", 0, old), 0);
	/* A connection without a session: ECHO ends it (3.3.5.17). */
	assert_int_equal(rig_echo(&rig, 0), UINT32_MAX);
}

/* 3.3.5.5.3: one client, one dialect */
static void test_other_dialect(void **state)
{
	(void)state;
	start_session(0x0300);
	rig_accept(&rig, 1);
	assert_int_equal(rig_negotiate(&rig, 1, 0x0302, 1, 1), 0);
	assert_int_equal(rig_session(&rig, 1, "user alice", 0, 0),
		STATUS_USER_SESSION_DELETED);
}

static uint32_t ioctl(uint32_t code, struct wire_view input,
	struct smb2_ioctl_response *ret_answer)
{
	struct smb2_ioctl_request body = {.ctl_code = code,
		.flags = SMB2_0_IOCTL_IS_FSCTL,
		.file_id = {UINT64_MAX, UINT64_MAX},
		.input = input,
		.max_output_response = 4096};

	return rig_call(&rig, 0, SMB2_IOCTL, &smb2_ioctl_request_type, &body,
		&smb2_ioctl_response_type, ret_answer);
}

/* 3.3.5.15.12 */
static void test_validate(void **state)
{
	/* Encryption, leases on directories, multi-channel. */
	uint8_t info[26] = {0x68};
	struct smb2_ioctl_response answer;

	(void)state;
	start_session(0x0300);
	rig.links[0].sign = true;
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\IPC$"), 0);
	memset(info + 4, 0x77, 16);
	info[20] = 1;
	info[22] = 1;
	wire_put16(info + 24, 0x0300);
	assert_int_equal(ioctl(FSCTL_VALIDATE_NEGOTIATE_INFO,
				 wire_view_of(info, 26), &answer),
		0);
	assert_int_equal(answer.output.n, 24);
	assert_memory_equal(answer.output.p + 4, rig.config.server_guid.b, 16);
	assert_int_equal(wire_get16(answer.output.p + 22), 0x0300);
	info[4]++;
	assert_int_equal(ioctl(FSCTL_VALIDATE_NEGOTIATE_INFO,
				 wire_view_of(info, 26), &answer),
		UINT32_MAX);
	assert_true(rig.links[0].closed);
}

/* 3.3.5.15.11, 2.2.32.5 */
static void test_interfaces(void **state)
{
	struct smb2_ioctl_response answer;

	(void)state;
	start_session(0x0302);
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\data"), 0);
	assert_int_equal(ioctl(FSCTL_QUERY_NETWORK_INTERFACE_INFO,
				 (struct wire_view){0}, &answer),
		0);
	assert_int_equal(answer.output.n, 304);
	assert_int_equal(wire_get32(answer.output.p), 152);
	assert_int_equal(wire_get32(answer.output.p + 4), 2);
	assert_int_equal(wire_get16(answer.output.p + 24), 2);
	assert_int_equal(answer.output.p[28], 192);
	assert_int_equal(wire_get16(answer.output.p + 152 + 24), 23);
	assert_int_equal(ioctl(0x00090000, (struct wire_view){0}, &answer),
		STATUS_FILE_CLOSED);
}

/* limits.h, and what the configuration bounds */
static void test_bounds(void **state)
{
	(void)state;
	start(0x0210);
	for (unsigned int i = 0; i < 4; i++) {
		rig.links[0].session_id = 0;
		assert_int_equal(rig_session(&rig, 0, "user alice", 0, 0), 0);
	}
	rig.links[0].session_id = 0;
	assert_int_equal(rig_session(&rig, 0, "user alice", 0, 0),
		STATUS_INSUFFICIENT_RESOURCES);
	rig_accept(&rig, 1);
	rig_accept(&rig, 2);
	rig_accept(&rig, 3);
	assert_non_null(rig.links[2].conn);
	assert_null(rig.links[3].conn);
}

/* 3.3.6.3 */
static void test_expiry(void **state)
{
	(void)state;
	start(0x0300);
	rig_accept(&rig, 1);
	assert_int_equal(rig_session(&rig, 0, "expires carol", 0, 0), 0);
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\data"), 0);
	rig_advance(&rig, 9000);
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\data"), 0);
	rig_advance(&rig, 2000);
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\data"),
		STATUS_NETWORK_SESSION_EXPIRED);
	assert_int_equal(rig_session(&rig, 0, "expires carol", 0, 0), 0);
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\data"), 0);
	assert_false(rig.links[1].closed);
	rig_advance(&rig, 40000);
	assert_true(rig.links[1].closed);
	assert_false(rig.links[0].closed);
}

/* 3.3.5.5.2: only an expired session changes hands. */
static void test_expired_for_another(void **state)
{
	(void)state;
	start(0x0300);
	assert_int_equal(rig_session(&rig, 0, "expires carol", 0, 0), 0);
	rig_advance(&rig, 9000);
	assert_int_equal(rig_session(&rig, 0, "expires bob", 0, 0), 0);
	assert_int_equal(rig_session(&rig, 0, "guest", 0, 0), 0);
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\data"), 0);
	assert_int_equal(rig_session(&rig, 0, "expires bob", 0, 0), 0);
	rig_advance(&rig, 11000);
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\data"),
		STATUS_NETWORK_SESSION_EXPIRED);
	assert_int_equal(rig_session(&rig, 0, "guest", 0, 0), 0);
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\guests"), 0);
	assert_int_equal(
		rig_tree(&rig, 0, "\\\\srv\\data"), STATUS_ACCESS_DENIED);
}

/* Who is not let in at first is not let in later either. */
static void test_expired_without_guests(void **state)
{
	(void)state;
	rig.config.guest = false;
	start(0x0300);
	assert_int_equal(rig_session(&rig, 0, "expires carol", 0, 0), 0);
	rig_advance(&rig, 11000);
	assert_int_equal(
		rig_session(&rig, 0, "guest", 0, 0), STATUS_LOGON_FAILURE);
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\guests"),
		STATUS_USER_SESSION_DELETED);
}

static void test_idle_session(void **state)
{
	(void)state;
	rig.config.idle_session_ns = 60ull * 1000000000;
	start_session(0x0210);
	rig_advance(&rig, 50000);
	assert_int_equal(rig_echo(&rig, 0), 0);
	rig_advance(&rig, 50000);
	assert_int_equal(rig_echo(&rig, 0), 0);
	rig_advance(&rig, 61000); /* and so the connection has none */
	assert_true(rig.links[0].closed);
}

static void test_reload_and_drain(void **state)
{
	const struct smb2_tree_disconnect_request body = {0};
	struct engine_config config;

	(void)state;
	start_session(0x0210);
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\guests"), 0);
	config = rig.config;
	config.share_count = 2;
	assert_int_equal(engine_reload(rig.engine, &config), 0);
	assert_int_equal(
		rig_call(&rig, 0, SMB2_TREE_DISCONNECT,
			&smb2_tree_disconnect_request_type, &body, NULL, NULL),
		STATUS_NETWORK_NAME_DELETED);
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\data"), 0);
	assert_int_equal(
		rig_tree(&rig, 0, "\\\\srv\\guests"), STATUS_BAD_NETWORK_NAME);
	engine_drain(rig.engine);
	assert_true(rig.links[0].closed);
	assert_false(engine_idle(rig.engine));
	rig_gone(&rig, 0);
	assert_true(engine_idle(rig.engine));
	rig_accept(&rig, 1);
	assert_null(rig.links[1].conn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_dialect),
		TEST(test_dialect_choice),
		TEST(test_contexts),
		TEST(test_smb1),
		TEST(test_session),
		TEST(test_session_refused),
		TEST(test_signature),
		TEST(test_signed_answer),
		TEST(test_sealed),
		TEST(test_secret_share),
		TEST(test_encryption_required),
		TEST(test_tree),
		TEST(test_tree_unsigned),
		TEST(test_logoff),
		TEST(test_message_ids),
		TEST(test_disconnects),
		TEST(test_related),
		TEST(test_mixed),
		TEST(test_binding),
		TEST(test_binding_refused),
		TEST(test_again),
		TEST(test_previous),
		TEST(test_other_dialect),
		TEST(test_validate),
		TEST(test_interfaces),
		TEST(test_bounds),
		TEST(test_expiry),
		TEST(test_expired_for_another),
		TEST(test_expired_without_guests),
		TEST(test_idle_session),
		TEST(test_reload_and_drain),
	};

	return cmocka_run_group_tests_name("engine core", tests, NULL, NULL);
}

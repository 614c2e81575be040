/* SPDX-License-Identifier: MIT */
/*
 * Links whose transport encrypts: what is agreed about it, and which requests
 * have to be encrypted on which channel. spec/quic.adoc, sections "Transport
 * capabilities", "Channels of different transports" and "Named pipes".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine/test/rig.h"
#include "ports/blob.h"

#define QUIC 0
#define TCP 1
#define ACCEPT SMB2_ACCEPT_TRANSPORT_LEVEL_SECURITY
#define DENIED STATUS_ACCESS_DENIED

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

/* A negotiated link; over QUIC the client offers to leave out encryption. */
static uint32_t connect_link(unsigned int i)
{
	rig.secure = i == QUIC;
	rig.offer_transport = i == QUIC;
	rig.transport_flags = ACCEPT;
	rig_accept(&rig, i);
	return rig_negotiate(&rig, i, 0x0311, 2, 1);
}

static uint32_t session_on_link(unsigned int i)
{
	assert_int_equal(connect_link(i), 0);
	return rig_session(&rig, i, "user alice", 0, 0);
}

/* Binds link i to the session of the other one. */
static void bind_link(unsigned int i)
{
	struct rig_link *mine = &rig.links[i], *other = &rig.links[!i];

	assert_int_equal(connect_link(i), 0);
	mine->session_id = other->session_id;
	mine->keys.signing = other->keys.signing;
	mine->sign = true;
	assert_int_equal(rig_session(&rig, i, "user alice", 1, 0), 0);
	/* The session has one pair of keys for encryption. */
	mine->keys.client_to_server = other->keys.client_to_server;
	mine->keys.server_to_client = other->keys.server_to_client;
	mine->tree_id = other->tree_id;
	mine->nonce = other->nonce + 1000;
}

static uint32_t open_file(unsigned int i, bool seal)
{
	struct smb2_fileid id;
	uint32_t status;

	rig.links[i].sign = !seal;
	rig.links[i].seal = seal;
	status = rig_open(&rig, i, "file", false, &id);
	rig.links[i].seal = false;
	rig.links[i].sign = true;
	return status;
}

static uint32_t tree(unsigned int i, const char *path, bool seal)
{
	uint32_t status;

	rig.links[i].sign = !seal;
	rig.links[i].seal = seal;
	status = rig_tree(&rig, i, path);
	rig.links[i].seal = false;
	rig.links[i].sign = true;
	return status;
}

/* Whether the answer names the flag: 1 yes, 0 no, -1 no context. */
static int transport_answer(const struct smb2_negotiate_response *body)
{
	struct wire_list list = wire_list_of(
		&smb2_negotiate_context_type, body->negotiate_context_list);
	struct smb2_negotiate_context context;

	while (wire_list_next(&list, &context, NULL) == 1) {
		if (context.context_type == SMB2_TRANSPORT_CAPABILITIES) {
			return wire_get32(context.data.p) == ACCEPT;
		}
	}
	return -1;
}

static uint32_t offer(const void *data, size_t n, int *ret_answer)
{
	static const uint8_t preauth[] = {1, 0, 2, 0, 1, 0, 9, 9};
	static const uint8_t dialect[] = {0x11, 0x03};
	struct smb2_negotiate_context contexts[] = {
		{.context_type = SMB2_PREAUTH_INTEGRITY_CAPABILITIES,
			.data = wire_view_of(preauth, sizeof(preauth))},
		{.context_type = SMB2_TRANSPORT_CAPABILITIES,
			.data = wire_view_of(data, n)}};
	uint8_t bytes[128];
	struct wire_buf out = {bytes, sizeof(bytes), 0, 0, 0};
	struct smb2_negotiate_request body = {
		.dialect_count = 1, .dialects = wire_view_of(dialect, 2)};
	struct smb2_negotiate_response answer;
	size_t last = SIZE_MAX;
	uint32_t status;

	for (unsigned int i = 0; i < (data ? 2 : 1); i++) {
		assert_int_equal(wire_list_append(&smb2_negotiate_context_type,
					 &contexts[i], &out, &last),
			0);
	}
	body.negotiate_context_count = data ? 2 : 1;
	body.negotiate_context_list = wire_view_of(bytes, out.n);
	rig_accept(&rig, QUIC);
	status = rig_call(&rig, QUIC, SMB2_NEGOTIATE,
		&smb2_negotiate_request_type, &body,
		&smb2_negotiate_response_type, &answer);
	*ret_answer = status ? -2 : transport_answer(&answer);
	return status;
}

/* The lines of the truth table that NEGOTIATE alone shows. */
static void test_offer(void **state)
{
	static const struct {
		bool secure, policy;
		const char *data;
		size_t n;
		uint32_t status;
		int answer;
	} rows[] = {
		{true, true, NULL, 0, 0, -1},
		{true, true, "\0\0\0\0", 4, 0, 0},
		{true, true, "\1\0\0\0", 4, 0, 1},
		{true, true, "\1\0\0\x80", 4, 0, 1},
		{true, true, "\0\0\0\x80", 4, 0, 0},
		{true, false, "\1\0\0\0", 4, 0, 0},
		{false, true, "\1\0\0\0", 4, 0, 0},
		{false, true, NULL, 0, 0, -1},
		{true, true, "\1\0\0", 3, STATUS_INVALID_PARAMETER, -2},
		{false, true, "", 0, STATUS_INVALID_PARAMETER, -2},
	};
	int answer;

	(void)state;
	rig_start(&rig);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		rig.secure = rows[i].secure;
		rig.config.encrypt_over_quic = !rows[i].policy;
		assert_int_equal(engine_reload(rig.engine, &rig.config), 0);
		assert_int_equal(offer(rows[i].data, rows[i].n, &answer),
			rows[i].status);
		assert_int_equal(answer, rows[i].answer);
	}
}

static void test_dialects(void **state)
{
	(void)state;
	rig_start(&rig);
	rig.secure = true;
	for (uint16_t dialect = 0x0300; dialect <= 0x0302; dialect += 2) {
		rig_accept(&rig, QUIC);
		assert_int_equal(rig_negotiate(&rig, QUIC, dialect, 1, 1),
			STATUS_NOT_SUPPORTED);
	}
	assert_int_equal(rig_negotiate(&rig, QUIC, 0x0311, 2, 1), 0);
}

static void test_session_requires(void **state)
{
	(void)state;
	rig.config.encrypt = POLICY_REQUIRED;
	rig_start(&rig);
	assert_int_equal(session_on_link(QUIC), 0);
	assert_int_equal(tree(QUIC, "\\\\srv\\data", false), 0);
	assert_int_equal(open_file(QUIC, false), 0);
	assert_int_equal(open_file(QUIC, true), 0);
	bind_link(TCP);
	assert_int_equal(tree(TCP, "\\\\srv\\IPC$", false), DENIED);
	assert_int_equal(open_file(TCP, false), DENIED);
	assert_int_equal(open_file(TCP, true), 0);
}

/* The same the other way round. */
static void test_session_requires_tcp_first(void **state)
{
	(void)state;
	rig.config.encrypt = POLICY_REQUIRED;
	rig_start(&rig);
	assert_int_equal(session_on_link(TCP), 0);
	assert_int_equal(tree(TCP, "\\\\srv\\data", false), DENIED);
	assert_int_equal(tree(TCP, "\\\\srv\\data", true), 0);
	bind_link(QUIC);
	assert_int_equal(open_file(QUIC, false), 0);
	assert_int_equal(open_file(TCP, false), DENIED);
}

static void test_share_requires(void **state)
{
	(void)state;
	rig_start(&rig);
	assert_int_equal(session_on_link(QUIC), 0);
	assert_int_equal(tree(QUIC, "\\\\srv\\secret", false), 0);
	assert_int_equal(open_file(QUIC, false), 0);
	bind_link(TCP);
	assert_int_equal(open_file(TCP, false), DENIED);
	assert_int_equal(open_file(TCP, true), 0);
	rig_gone(&rig, QUIC);
	assert_int_equal(open_file(TCP, true), 0);
}

static void test_share_requires_tcp_first(void **state)
{
	(void)state;
	rig_start(&rig);
	assert_int_equal(session_on_link(TCP), 0);
	assert_int_equal(tree(TCP, "\\\\srv\\secret", true), 0);
	assert_int_equal(open_file(TCP, false), DENIED);
	bind_link(QUIC);
	assert_int_equal(open_file(QUIC, false), 0);
}

static void test_policy_encrypts(void **state)
{
	(void)state;
	rig.config.encrypt_over_quic = true;
	rig_start(&rig);
	assert_int_equal(session_on_link(QUIC), 0);
	assert_int_equal(tree(QUIC, "\\\\srv\\secret", false), 0);
	assert_int_equal(open_file(QUIC, false), DENIED);
	assert_int_equal(open_file(QUIC, true), 0);
}

static void test_signing_stays(void **state)
{
	struct rig_link *link = &rig.links[QUIC];

	(void)state;
	rig.config.sign = POLICY_REQUIRED;
	rig.config.encrypt = POLICY_REQUIRED;
	rig_start(&rig);
	assert_int_equal(session_on_link(QUIC), 0);
	assert_int_equal(tree(QUIC, "\\\\srv\\data", false), 0);
	link->sign = false;
	assert_int_equal(rig_echo(&rig, QUIC), DENIED);
	assert_int_equal(rig_tree(&rig, QUIC, "\\\\srv\\data"), DENIED);
	rig.config.sign = POLICY_OFFERED;
	assert_int_equal(engine_reload(rig.engine, &rig.config), 0);
	assert_int_equal(session_on_link(QUIC), 0);
	link->sign = false;
	assert_int_equal(rig_tree(&rig, QUIC, "\\\\srv\\data"), UINT32_MAX);
	assert_true(link->closed);
}

/* Who has no keys cannot encrypt, and need not where the transport does. */
static void test_guests(void **state)
{
	struct smb2_fileid id;

	(void)state;
	rig.config.encrypt = POLICY_REQUIRED;
	rig_start(&rig);
	assert_int_equal(connect_link(TCP), 0);
	assert_int_equal(rig_session(&rig, TCP, "guest", 0, 0), DENIED);
	assert_int_equal(connect_link(QUIC), 0);
	assert_int_equal(rig_session(&rig, QUIC, "guest", 0, 0), 0);
	assert_int_equal(rig_tree(&rig, QUIC, "\\\\srv\\guests"), 0);
	assert_int_equal(rig_open(&rig, QUIC, "file", false, &id), 0);
}

static void test_pipes(void **state)
{
	struct smb2_fileid id;

	(void)state;
	rig_start(&rig);
	assert_int_equal(session_on_link(QUIC), 0);
	assert_int_equal(tree(QUIC, "\\\\srv\\IPC$", false), 0);
	assert_int_equal(rig_open(&rig, QUIC, "srvsvc", false, &id), DENIED);
	assert_int_equal(session_on_link(TCP), 0);
	assert_int_equal(tree(TCP, "\\\\srv\\IPC$", false), 0);
	assert_int_equal(rig_open(&rig, TCP, "srvsvc", false, &id),
		STATUS_OBJECT_NAME_NOT_FOUND);
	rig.config.pipes_over_quic = true;
	assert_int_equal(engine_reload(rig.engine, &rig.config), 0);
	assert_int_equal(rig_open(&rig, QUIC, "srvsvc", false, &id),
		STATUS_OBJECT_NAME_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(test_offer),
		TEST(test_dialects),
		TEST(test_session_requires),
		TEST(test_session_requires_tcp_first),
		TEST(test_share_requires),
		TEST(test_share_requires_tcp_first),
		TEST(test_policy_encrypts),
		TEST(test_signing_stays),
		TEST(test_guests),
		TEST(test_pipes),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

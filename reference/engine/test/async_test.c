/* SPDX-License-Identifier: MIT */
/*
 * Requests that wait, CANCEL, and compounds over opens, driven by bytes.
 * [MS-SMB2] 3.3.4.2, 3.3.5.2.7.2, 3.3.5.16
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine/test/rig.h"
#include "ports/blob.h"

#define RELATED SMB2_FLAGS_RELATED_OPERATIONS
#define ALL_ONES \
	{ \
		UINT64_MAX, UINT64_MAX \
	}

static struct rig rig;
static struct rig_message message;

static int setup(void **state)
{
	(void)state;
	rig_init(&rig);
	rig_start(&rig);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_finish(&rig);
	return 0;
}

static void add_notify(unsigned int i, struct smb2_fileid id, uint32_t flags)
{
	const struct smb2_change_notify_request body = {.file_id = id,
		.output_buffer_length = 4096,
		.completion_filter = 0xfff};

	rig_add(&rig.links[i], &message, SMB2_CHANGE_NOTIFY, flags,
		&smb2_change_notify_request_type, &body);
}

static void send(unsigned int i)
{
	rig_send(&rig, i, &message);
}

struct async {
	uint32_t status;
	uint32_t flags;
	uint16_t credits;
	uint16_t command;
	uint64_t message_id, id;
	uint32_t next;
	size_t n;
};

static struct async take(unsigned int i)
{
	struct blob *blob = rig_take(&rig, i);
	struct smb2_header_async header;
	struct async async;

	assert_non_null(blob);
	assert_int_equal(
		smb2_header_async_decode(wire_view_of(blob->data, 64), &header),
		0);
	async = (struct async){header.status, header.flags, header.credits,
		header.command, header.message_id, header.async_id,
		header.next_command, blob->n};
	blob_release(blob);
	return async;
}

static bool nothing(unsigned int i)
{
	return rig.links[i].first == rig.links[i].last;
}

static struct async park(unsigned int i, struct smb2_fileid *ret_id)
{
	struct async interim;

	assert_int_equal(rig_open(&rig, i, "", true, ret_id), 0);
	add_notify(i, *ret_id, 0);
	send(i);
	interim = take(i);
	assert_int_equal(interim.status, STATUS_PENDING);
	return interim;
}

/* 3.3.4.2 */
static void test_interim(void **state)
{
	struct smb2_fileid id, file;
	struct async interim, last;

	(void)state;
	rig_enter(&rig, 0, 0x0300, "user alice");
	interim = park(0, &id);
	assert_int_equal(interim.flags,
		SMB2_FLAGS_SERVER_TO_REDIR | SMB2_FLAGS_ASYNC_COMMAND);
	assert_int_not_equal(interim.id, 0);
	assert_int_not_equal(interim.credits, 0);
	assert_int_equal(interim.n, 64 + 9);
	assert_int_equal(rig_echo(&rig, 0), 0);
	rig_enter(&rig, 1, 0x0300, "user alice");
	assert_int_equal(rig_open(&rig, 1, "new", false, &file), 0);
	last = take(0);
	assert_int_equal(last.status, 0);
	assert_int_equal(last.id, interim.id);
	assert_int_equal(last.message_id, interim.message_id);
	assert_int_equal(last.credits, 0);
	assert_int_equal(last.flags, SMB2_FLAGS_SERVER_TO_REDIR |
					     SMB2_FLAGS_ASYNC_COMMAND |
					     SMB2_FLAGS_SIGNED);
}

static void cancel(unsigned int i, uint32_t flags, uint64_t id)
{
	const struct smb2_cancel_request body = {0};
	struct rig_link *link = &rig.links[i];

	rig_add(link, &message, SMB2_CANCEL, flags, &smb2_cancel_request_type,
		&body);
	if (flags & SMB2_FLAGS_ASYNC_COMMAND) {
		wire_put64(message.bytes + 32, id);
	} else {
		wire_put64(message.bytes + 24, id);
	}
	send(i);
}

/* 3.3.5.16 */
static void test_cancel(void **state)
{
	struct smb2_fileid id;
	struct async interim, last;

	(void)state;
	rig_enter(&rig, 0, 0x0311, "user alice");
	interim = park(0, &id);
	cancel(0, SMB2_FLAGS_ASYNC_COMMAND, interim.id + 1);
	assert_true(nothing(0));
	cancel(0, SMB2_FLAGS_ASYNC_COMMAND, interim.id);
	last = take(0);
	assert_int_equal(last.status, STATUS_CANCELLED);
	assert_int_equal(last.id, interim.id);
	assert_true(nothing(0));
	interim = park(0, &id);
	cancel(0, 0, interim.message_id);
	last = take(0);
	assert_int_equal(last.status, STATUS_CANCELLED);
	cancel(0, 0, interim.message_id);
	assert_true(nothing(0));
	assert_int_equal(rig_echo(&rig, 0), 0);
}

/* What waits ends with its tree, session and connection. */
static void test_ends(void **state)
{
	const struct smb2_tree_disconnect_request disconnect = {0};
	const struct smb2_logoff_request logoff = {0};
	struct smb2_fileid id;

	(void)state;
	rig_enter(&rig, 0, 0x0302, "user alice");
	park(0, &id);
	rig_add(&rig.links[0], &message, SMB2_TREE_DISCONNECT, 0,
		&smb2_tree_disconnect_request_type, &disconnect);
	send(0);
	assert_int_not_equal(take(0).status, 0);
	assert_int_equal(take(0).command, SMB2_TREE_DISCONNECT);
	assert_int_equal(rig_tree(&rig, 0, "\\\\srv\\data"), 0);
	park(0, &id);
	rig_add(&rig.links[0], &message, SMB2_LOGOFF, 0,
		&smb2_logoff_request_type, &logoff);
	send(0);
	assert_int_not_equal(take(0).status, 0);
	assert_int_equal(take(0).command, SMB2_LOGOFF);
	rig_enter(&rig, 0, 0x0302, "user alice");
	park(0, &id);
	rig_gone(&rig, 0);
	rig_enter(&rig, 0, 0x0302, "user alice");
	park(0, &id);
	engine_drain(rig.engine);
	assert_true(rig.links[0].closed);
}

/* The statuses of one compounded answer. */
static unsigned int statuses(unsigned int i, uint32_t ret_status[8])
{
	struct blob *blob = rig_take(&rig, i);
	unsigned int n = 0;
	size_t at = 0;

	assert_non_null(blob);
	for (;;) {
		struct smb2_header header = rig_header(blob, at);

		assert_int_equal(
			header.flags & SMB2_FLAGS_SIGNED, SMB2_FLAGS_SIGNED);
		assert_true(crypto_verify(&rig.links[i].keys.signing,
			wire_view_of(blob->data + at,
				header.next_command ? header.next_command
						    : blob->n - at)));
		ret_status[n++] = header.status;
		if (!header.next_command) {
			break;
		}
		at += header.next_command;
	}
	blob_release(blob);
	return n;
}

static void add_close(struct smb2_fileid id)
{
	const struct smb2_close_request body = {.file_id = id};

	rig_add(&rig.links[0], &message, SMB2_CLOSE, RELATED,
		&smb2_close_request_type, &body);
}

static void add_read(struct smb2_fileid id)
{
	const struct smb2_read_request body = {
		.file_id = id, .length = 16, .buffer = wire_view_of("", 1)};

	rig_add(&rig.links[0], &message, SMB2_READ, RELATED,
		&smb2_read_request_type, &body);
}

/* 3.3.5.2.7.2: the FileId of the element before */
static void test_related_file(void **state)
{
	const struct smb2_fileid none = ALL_ONES, wrong = {1, 2};
	uint32_t status[8];

	(void)state;
	rig_enter(&rig, 0, 0x0300, "user alice");
	rig_add_open(&rig.links[0], &message, "file", false);
	add_close(none);
	add_close(none);
	send(0);
	assert_int_equal(statuses(0, status), 3);
	assert_int_equal(status[0], 0);
	assert_int_equal(status[1], 0);
	assert_int_equal(status[2], STATUS_FILE_CLOSED);
	rig_add_open(&rig.links[0], &message, "file", false);
	add_read(wrong); /* empty: nothing to read, and yet it is closed */
	add_close(wrong);
	send(0);
	assert_int_equal(statuses(0, status), 3);
	assert_int_equal(status[1], STATUS_END_OF_FILE);
	assert_int_equal(status[2], 0);
	rig_add_open(&rig.links[0], &message, "file", true);
	add_read(none);
	add_close(none);
	send(0);
	assert_int_equal(statuses(0, status), 3);
	assert_int_equal(status[0], STATUS_NOT_A_DIRECTORY);
	assert_int_equal(status[1], STATUS_NOT_A_DIRECTORY);
	assert_int_equal(status[2], STATUS_NOT_A_DIRECTORY);
}

/* 3.3.5.2.7.2: neither contains nor generates a FileId */
static void test_related_no_file(void **state)
{
	const struct smb2_echo_request body = {0};
	const struct smb2_fileid none = ALL_ONES;
	uint32_t status[8];

	(void)state;
	rig_enter(&rig, 0, 0x0300, "user alice");
	rig_add(&rig.links[0], &message, SMB2_ECHO, 0, &smb2_echo_request_type,
		&body);
	add_close(none);
	add_close(none);
	send(0);
	assert_int_equal(statuses(0, status), 3);
	assert_int_equal(status[0], 0);
	assert_int_equal(status[1], STATUS_INVALID_HANDLE);
	assert_int_equal(status[2], STATUS_INVALID_HANDLE);
}

/* 3.3.5.2.7: what waits may be last, and fails in the middle */
static void test_related_waits(void **state)
{
	const struct smb2_fileid none = ALL_ONES;
	struct smb2_fileid file;
	uint32_t status[8];
	struct async interim;

	(void)state;
	rig_enter(&rig, 0, 0x0300, "user alice");
	rig_add_open(&rig.links[0], &message, "", true);
	add_notify(0, none, RELATED);
	add_close(none);
	send(0);
	assert_int_equal(statuses(0, status), 3);
	assert_int_equal(status[0], 0);
	assert_int_equal(status[1], STATUS_INTERNAL_ERROR);
	assert_int_equal(status[2], 0);
	rig_add_open(&rig.links[0], &message, "", true);
	add_notify(0, none, RELATED);
	send(0);
	assert_int_equal(statuses(0, status), 1);
	assert_int_equal(status[0], 0);
	interim = take(0);
	assert_int_equal(interim.status, STATUS_PENDING);
	rig_enter(&rig, 1, 0x0300, "user alice");
	assert_int_equal(rig_open(&rig, 1, "more", false, &file), 0);
	assert_int_equal(statuses(0, status), 1);
	assert_int_equal(status[0], 0);
}

/* Compounds of waiting requests end in one go with their connection. */
static void test_related_lost(void **state)
{
	const struct smb2_fileid none = ALL_ONES;

	(void)state;
	rig_enter(&rig, 0, 0x0311, "user alice");
	rig_add_open(&rig.links[0], &message, "", true);
	add_notify(0, none, RELATED);
	add_notify(0, none, RELATED);
	add_close(none);
	send(0);
	rig_gone(&rig, 0);
	assert_true(engine_idle(rig.engine));
}

/* 3.3.5.2.10 */
static void test_channel_sequence(void **state)
{
	struct smb2_write_request body = {.buffer = wire_view_of("x", 1)};
	struct smb2_fileid id;

	(void)state;
	rig_enter(&rig, 0, 0x0300, "user alice");
	assert_int_equal(rig_open(&rig, 0, "f", false, &id), 0);
	body.file_id = id;
	for (unsigned int step = 0; step < 2; step++) {
		rig_add(&rig.links[0], &message, SMB2_WRITE, 0,
			&smb2_write_request_type, &body);
		wire_put16(message.bytes + 8, step ? 0x8000 : 1);
		send(0);
		assert_int_equal(take(0).status, 0);
	}
	rig_add(&rig.links[0], &message, SMB2_WRITE, 0,
		&smb2_write_request_type, &body);
	wire_put16(message.bytes + 8, 1); /* far behind 0x8000 */
	send(0);
	assert_int_equal(take(0).status, STATUS_FILE_NOT_AVAILABLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_interim),
		TEST(test_cancel),
		TEST(test_ends),
		TEST(test_related_file),
		TEST(test_related_no_file),
		TEST(test_related_waits),
		TEST(test_related_lost),
		TEST(test_channel_sequence),
	};

	return cmocka_run_group_tests_name("engine async", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * What a watched directory tells, and what it keeps between two requests.
 * [MS-SMB2] 3.3.5.19, [MS-FSA] 2.1.4.1, [MS-FSCC] 2.7.1
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "engine/test/rig.h"
#include "ports/blob.h"

#define WATCHER 0
#define ACTOR 1

static struct rig rig;
static struct rig_message message;

static int setup(void **state)
{
	(void)state;
	rig_init(&rig);
	rig_start_two(&rig);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_finish(&rig);
	return 0;
}

static void ask(struct smb2_fileid id, uint16_t flags, uint32_t room)
{
	const struct smb2_change_notify_request body = {.flags = flags,
		.file_id = id,
		.output_buffer_length = room,
		.completion_filter = 0xfff};

	rig_add(&rig.links[WATCHER], &message, SMB2_CHANGE_NOTIFY, 0,
		&smb2_change_notify_request_type, &body);
	rig_send(&rig, WATCHER, &message);
}

/* The next answer in short: "STATUS:" and for each change " ACTION NAME". */
static const char *told(void)
{
	static char text[1024];
	struct blob *blob = rig_take(&rig, WATCHER);
	struct smb2_change_notify_response body;
	struct file_notify_information change;
	struct wire_list list;
	size_t n;

	if (!blob) {
		return "nothing";
	}
	n = (size_t)snprintf(
		text, sizeof text, "%x:", rig_header(blob, 0).status);
	if (rig_header(blob, 0).status == 0) {
		assert_int_equal(
			smb2_change_notify_response_decode(
				wire_view_of(blob->data, blob->n), &body),
			0);
		list = wire_list_of(&file_notify_information_type, body.buffer);
		while (wire_list_next(&list, &change, NULL) > 0) {
			size_t i;

			n += (size_t)snprintf(text + n, sizeof text - n, " %u ",
				change.action);
			for (i = 0; i < change.file_name.n; i += 2) {
				text[n++] = (char)change.file_name.p[i];
			}
			text[n] = 0;
		}
	}
	blob_release(blob);
	return text;
}

/* The root, with nothing but the right to list it. */
static struct smb2_fileid watched(void)
{
	const struct smb2_create_request body = {
		.impersonation_level = SMB2_IMPERSONATION_IMPERSONATION,
		.desired_access = FILE_READ_DATA,
		.share_access =
			FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
		.create_disposition = FILE_OPEN,
		.create_options = FILE_DIRECTORY_FILE,
	};
	struct smb2_create_response answer = {0};

	assert_int_equal(
		rig_call(&rig, WATCHER, SMB2_CREATE, &smb2_create_request_type,
			&body, &smb2_create_response_type, &answer),
		0);
	return answer.file_id;
}

static void shut(struct smb2_fileid id)
{
	const struct smb2_close_request body = {.file_id = id};

	assert_int_equal(rig_call(&rig, ACTOR, SMB2_CLOSE,
				 &smb2_close_request_type, &body, NULL, NULL),
		0);
}

static void make(const char *name, bool directory)
{
	struct smb2_fileid id;

	assert_int_equal(rig_open(&rig, ACTOR, name, directory, &id), 0);
	shut(id);
}

static void change_name(const char *from, const char *to)
{
	uint8_t info[20 + 128] = {0};
	struct smb2_set_info_request body = {
		.info_type = SMB2_0_INFO_FILE, .file_info_class = 10};
	size_t i, n = strlen(to);

	assert_int_equal(rig_open(&rig, ACTOR, from, false, &body.file_id), 0);
	wire_put32(info + 16, (uint32_t)(2 * n));
	for (i = 0; i < n; i++) {
		info[20 + 2 * i] = (uint8_t)to[i];
	}
	body.buffer = wire_view_of(info, 20 + 2 * n);
	assert_int_equal(
		rig_call(&rig, ACTOR, SMB2_SET_INFO,
			&smb2_set_info_request_type, &body, NULL, NULL),
		0);
	shut(body.file_id);
}

/* One answer a request, and what comes in between is kept in order. */
static void test_keeps(void **state)
{
	struct smb2_fileid top;

	(void)state;
	top = watched();
	make("before", false);
	ask(top, 0, 4096);
	assert_string_equal(told(), "103:");
	make("one", false);
	assert_string_equal(told(), "0: 1 one");
	make("two", false);
	make("dir", true);
	assert_string_equal(told(), "nothing");
	ask(top, 0, 4096);
	assert_string_equal(told(), "0: 1 two 1 dir");
	ask(top, 0, 4096);
	assert_string_equal(told(), "103:");
}

/* Requests are answered in the order in which they came. */
static void test_queue(void **state)
{
	struct smb2_fileid top;

	(void)state;
	top = watched();
	ask(top, 0, 4096);
	ask(top, 0, 4096);
	assert_string_equal(told(), "103:");
	assert_string_equal(told(), "103:");
	make("a", false);
	assert_string_equal(told(), "0: 1 a");
	assert_string_equal(told(), "nothing");
	make("b", false);
	assert_string_equal(told(), "0: 1 b");
}

/* More than the first request has room for: the client has to look itself. */
static void test_overflow(void **state)
{
	struct smb2_fileid top;

	(void)state;
	top = watched();
	ask(top, 0, 32);
	assert_string_equal(told(), "103:");
	make("f", false);
	assert_string_equal(told(), "0: 1 f");
	make("quite-a-long-name", false);
	make("g", false);
	ask(top, 0, 32);
	assert_string_equal(told(), "10c:");
	/* Told once; then it goes on as before. */
	ask(top, 0, 32);
	assert_string_equal(told(), "103:");
	make("h", false);
	assert_string_equal(told(), "0: 1 h");
	/* Kept, but the next request is too small for it. */
	make("i", false);
	ask(top, 0, 4);
	assert_string_equal(told(), "10c:");
}

static void test_tree(void **state)
{
	struct smb2_fileid top, other;

	(void)state;
	make("dir", true);
	top = watched();
	other = watched();
	ask(top, SMB2_WATCH_TREE, 4096);
	assert_string_equal(told(), "103:");
	ask(other, 0, 4096);
	assert_string_equal(told(), "103:");
	make("dir\\below", false);
	assert_string_equal(told(), "0: 1 dir\\below");
	assert_string_equal(told(), "nothing");
	make("beside", false);
	assert_string_equal(told(), "0: 1 beside");
}

/* Old name, then new name, together; apart when the directory changes. */
static void test_rename(void **state)
{
	struct smb2_fileid top;

	(void)state;
	make("dir", true);
	make("old", false);
	top = watched();
	ask(top, SMB2_WATCH_TREE, 4096);
	assert_string_equal(told(), "103:");
	change_name("old", "new");
	assert_string_equal(told(), "0: 4 old 5 new");
	ask(top, SMB2_WATCH_TREE, 4096);
	assert_string_equal(told(), "103:");
	change_name("new", "dir\\new");
	assert_string_equal(told(), "0: 2 new 1 dir\\new");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_keeps),
		TEST(test_queue),
		TEST(test_overflow),
		TEST(test_tree),
		TEST(test_rename),
	};

	return cmocka_run_group_tests_name("engine notify", tests, NULL, NULL);
}

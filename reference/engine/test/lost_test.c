/* SPDX-License-Identifier: MIT */
/*
 * Changes that are completed when the open through which they were asked for
 * is gone: with its session, or by CLOSE. Those who have leases on the
 * directory or the file, and those who watch, hear of them all the same.
 * [MS-FSA] 2.1.4.1, 2.1.4.12
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine/test/late.h"
#include "ports/blob.h"

#define WATCHER 0
#define ACTOR 1
#define R SMB2_LEASE_READ_CACHING
#define RH (R | SMB2_LEASE_HANDLE_CACHING)
#define RWH (RH | SMB2_LEASE_WRITE_CACHING)
#define ALL_ACCESS 0x001f01ffu

static struct rig rig;
static struct rig_message message;
static struct smb2_fileid target; /* d\x, of the actor */

/* CREATE with a lease of version 2, whose key is 16 times the byte; 0: none. */
struct opening {
	const char *name;
	bool directory;
	uint8_t key;
	uint32_t lease, disposition;
};

static void send_open(unsigned int i, const struct opening *o)
{
	static uint8_t bytes[76], name[64];
	size_t n = strlen(o->name);
	struct smb2_create_request body = {
		.requested_oplock_level = o->key ? SMB2_OPLOCK_LEVEL_LEASE : 0,
		.impersonation_level = SMB2_IMPERSONATION_IMPERSONATION,
		.desired_access =
			o->directory ? FILE_LIST_DIRECTORY : ALL_ACCESS,
		.share_access =
			FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
		.create_disposition =
			o->disposition ? o->disposition : FILE_OPEN_IF,
		.create_options = o->directory ? FILE_DIRECTORY_FILE : 0,
		.name = wire_view_of(name, 2 * n),
	};
	size_t at;

	for (at = 0; at < n; at++) {
		name[2 * at] = (uint8_t)o->name[at];
	}
	memset(bytes, 0, sizeof bytes);
	wire_put16(bytes + 4, 16); /* NameOffset, NameLength */
	wire_put16(bytes + 6, 4);
	wire_put16(bytes + 10, 24); /* DataOffset, DataLength */
	wire_put32(bytes + 12, 52);
	memcpy(bytes + 16, "RqLs", 4);
	memset(bytes + 24, o->key, 16);
	wire_put32(bytes + 40, o->lease);
	body.create_contexts = wire_view_of(bytes, o->key ? 76 : 0);
	rig_add(&rig.links[i], &message, SMB2_CREATE, 0,
		&smb2_create_request_type, &body);
	rig_send(&rig, i, &message);
}

static struct smb2_fileid opened(unsigned int i, const struct opening *o)
{
	struct smb2_create_response body = {0};
	struct blob *blob;

	send_open(i, o);
	blob = rig_take(&rig, i);
	assert_non_null(blob);
	assert_int_equal(rig_header(blob, 0).status, 0);
	assert_int_equal(smb2_create_response_decode(
				 wire_view_of(blob->data, blob->n), &body),
		0);
	blob_release(blob);
	return body.file_id;
}

/* The watcher has a lease on d and watches it; the actor has opened d\x. */
static int setup(void **state)
{
	struct smb2_change_notify_request body = {
		.output_buffer_length = 4096, .completion_filter = 0xfff};
	(void)state;
	rig_init(&rig);
	late_init(&rig);
	rig_start_two(&rig);
	opened(ACTOR, &(struct opening){.name = "d", .directory = true});
	target = opened(ACTOR, &(struct opening){.name = "d\\x"});
	opened(WATCHER,
		&(struct opening){
			.name = "d", .directory = true, .key = 1, .lease = RH});
	body.file_id = opened(
		WATCHER, &(struct opening){.name = "d", .directory = true});
	rig_add(&rig.links[WATCHER], &message, SMB2_CHANGE_NOTIFY, 0,
		&smb2_change_notify_request_type, &body);
	rig_send(&rig, WATCHER, &message);
	blob_release(rig_take(&rig, WATCHER));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_finish(&rig);
	return 0;
}

/* What the watcher has been told: which lease was broken (its key; 0: none),
 * and the first change. */
struct told {
	uint8_t key, other; /* the second lease */
	uint32_t action;
	char name[32];
};

static void told_change(struct told *told, const struct blob *blob)
{
	struct smb2_change_notify_response body;
	struct file_notify_information change;
	struct wire_list list;
	size_t i;

	assert_int_equal(rig_header(blob, 0).status, 0);
	assert_int_equal(smb2_change_notify_response_decode(
				 wire_view_of(blob->data, blob->n), &body),
		0);
	list = wire_list_of(&file_notify_information_type, body.buffer);
	assert_int_equal(wire_list_next(&list, &change, NULL), 1);
	told->action = change.action;
	for (i = 0; i < change.file_name.n / 2 && i < 31; i++) {
		told->name[i] = (char)change.file_name.p[2 * i];
	}
}

static struct told told(void)
{
	struct told told = {0};
	struct blob *blob;

	while ((blob = rig_take(&rig, WATCHER))) {
		if (rig_header(blob, 0).command == SMB2_OPLOCK_BREAK) {
			*(told.key ? &told.other : &told.key) =
				blob->data[64 + 8];
		} else {
			told_change(&told, blob);
		}
		blob_release(blob);
	}
	return told;
}

static void send_set_info(uint8_t class, const void *p, size_t n)
{
	const struct smb2_set_info_request body = {
		.info_type = SMB2_0_INFO_FILE,
		.file_info_class = class,
		.file_id = target,
		.buffer = wire_view_of(p, n)};

	rig_add(&rig.links[ACTOR], &message, SMB2_SET_INFO, 0,
		&smb2_set_info_request_type, &body);
	rig_send(&rig, ACTOR, &message);
}

static void send_close(void)
{
	const struct smb2_close_request body = {.file_id = target};

	rig_add(&rig.links[ACTOR], &message, SMB2_CLOSE, 0,
		&smb2_close_request_type, &body);
	rig_send(&rig, ACTOR, &message);
}

static void send_write(void)
{
	const struct smb2_write_request body = {
		.file_id = target, .buffer = wire_view_of("new", 3)};

	rig_add(&rig.links[ACTOR], &message, SMB2_WRITE, 0,
		&smb2_write_request_type, &body);
	rig_send(&rig, ACTOR, &message);
}

/* The change goes on without its open; the watcher hears of it then. */
static void lose(bool close)
{
	struct told before;

	assert_true(late_keeps());
	if (close) {
		send_close();
	} else {
		rig_gone(&rig, ACTOR);
	}
	before = told();
	assert_int_equal(before.key, 0);
	assert_int_equal(before.action, 0);
	late_go(&rig);
}

static void heard(uint32_t action, const char *name)
{
	struct told now = told();

	assert_int_equal(now.key, 1);
	assert_int_equal(now.action, action);
	assert_string_equal(now.name, name);
}

static void send_attributes(void)
{
	uint8_t basic[40] = {[32] = FILE_ATTRIBUTE_HIDDEN};

	late_keep(FILES_SET_STAT);
	send_set_info(FileBasicInformation, basic, sizeof basic);
}

static void send_name(uint8_t class)
{
	uint8_t info[26] = {[16] = 6, [20] = 'd', [22] = '\\', [24] = 'y'};

	late_keep(class == FileLinkInformation ? FILES_LINK : FILES_RENAME);
	send_set_info(class, info, sizeof info);
}

static void test_attributes(void **state)
{
	(void)state;
	send_attributes();
	lose(false);
	heard(FILE_ACTION_MODIFIED, "x");
}

static void test_attributes_close(void **state)
{
	(void)state;
	send_attributes();
	lose(true);
	heard(FILE_ACTION_MODIFIED, "x");
}

/* Nothing was changed, and nobody is told. */
static void test_failed(void **state)
{
	struct told now;

	(void)state;
	send_attributes();
	rig_gone(&rig, ACTOR);
	late_fail(&rig, -5);
	now = told();
	assert_int_equal(now.key, 0);
	assert_int_equal(now.action, 0);
}

static void test_size(void **state)
{
	static const uint8_t size[8] = {5};

	(void)state;
	late_keep(FILES_TRUNCATE);
	send_set_info(FileEndOfFileInformation, size, sizeof size);
	lose(false);
	heard(FILE_ACTION_MODIFIED, "x");
}

static void test_write(void **state)
{
	(void)state;
	late_keep(FILES_WRITE);
	send_write();
	lose(false);
	heard(FILE_ACTION_MODIFIED, "x");
}

static void test_rename(void **state)
{
	(void)state;
	send_name(FileRenameInformation);
	lose(false);
	heard(FILE_ACTION_RENAMED_OLD_NAME, "x");
}

static void test_link(void **state)
{
	(void)state;
	send_name(FileLinkInformation);
	lose(false);
	heard(FILE_ACTION_ADDED, "y");
}

static void test_created(void **state)
{
	(void)state;
	late_keep(FILES_OPEN);
	send_open(ACTOR, &(struct opening){
				 .name = "d\\new", .disposition = FILE_CREATE});
	lose(false);
	heard(FILE_ACTION_ADDED, "new");
}

static void test_overwritten(void **state)
{
	(void)state;
	late_keep(FILES_REOPEN);
	send_open(ACTOR, &(struct opening){.name = "d\\x",
				 .disposition = FILE_OVERWRITE});
	lose(false);
	heard(FILE_ACTION_MODIFIED, "x");
}

/* What somebody reads who comes between the loss and the end of the write. */
static void test_reader(void **state)
{
	const struct opening reader = {.name = "d\\x", .key = 2, .lease = RWH};
	struct told now;

	(void)state;
	late_keep(FILES_WRITE);
	send_write();
	rig_gone(&rig, ACTOR);
	opened(WATCHER, &reader);
	late_go(&rig);
	now = told();

	assert_int_equal(now.key, 2);
	assert_int_equal(now.other, 1);
}

/* Another open of the same lease keeps what it has. */
static void test_own_lease(void **state)
{
	const struct opening own = {.name = "d\\z", .key = 3, .lease = RWH};
	struct blob *blob;

	(void)state;
	opened(ACTOR, &own);
	target = opened(ACTOR, &own);
	late_keep(FILES_WRITE);
	send_write();
	send_close();
	late_go(&rig);
	while ((blob = rig_take(&rig, ACTOR))) {
		assert_int_not_equal(
			rig_header(blob, 0).command, SMB2_OPLOCK_BREAK);
		blob_release(blob);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_attributes),
		TEST(test_attributes_close),
		TEST(test_failed),
		TEST(test_size),
		TEST(test_write),
		TEST(test_rename),
		TEST(test_link),
		TEST(test_created),
		TEST(test_overwritten),
		TEST(test_reader),
		TEST(test_own_lease),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

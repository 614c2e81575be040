/* SPDX-License-Identifier: MIT */
/*
 * Renames and what others hold of the names, in virtual time: what is broken
 * in which order, who waits, what stays in the way. Breaks of leases on
 * directories come after the answer. [MS-FSA] 2.1.4.2, 2.1.5.15.12
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine/test/rig.h"
#include "ports/blob.h"

#define HOLDER 0
#define OTHER 1
#define R SMB2_LEASE_READ_CACHING
#define RH (R | SMB2_LEASE_HANDLE_CACHING)
#define RWH (RH | SMB2_LEASE_WRITE_CACHING)
#define RW (R | SMB2_LEASE_WRITE_CACHING)
#define NOTHING UINT32_MAX
#define DATA (FILE_READ_DATA | FILE_WRITE_DATA)

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

/* CREATE by the holder with a lease of version 2 whose key is the byte (0: an
 * oplock of this level); durable with DHnQ. */
static struct smb2_fileid hold_with(const char *name, bool directory,
	uint8_t key, uint32_t lease, uint32_t access, bool durable)
{
	static const uint8_t request[40] = {[4] = 16,
		[6] = 4,
		[10] = 24,
		[12] = 16,
		[16] = 'D',
		'H',
		'n',
		'Q'};
	uint8_t bytes[120] = {0}, text[64];
	int n = wire_utf8_to_utf16(name, text, sizeof text);
	struct smb2_create_request body = {
		.requested_oplock_level =
			(uint8_t)(key ? SMB2_OPLOCK_LEVEL_LEASE : lease),
		.impersonation_level = SMB2_IMPERSONATION_IMPERSONATION,
		.desired_access = access,
		.share_access =
			FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
		.create_disposition = FILE_OPEN_IF,
		.create_options = directory ? FILE_DIRECTORY_FILE : 0,
		.name = wire_view_of(text, (size_t)n),
	};
	struct smb2_create_response answer = {0};

	wire_put32(bytes, durable ? 80 : 0);
	wire_put16(bytes + 4, 16);
	wire_put16(bytes + 6, 4);
	wire_put16(bytes + 10, 24);
	wire_put32(bytes + 12, 52);
	memcpy(bytes + 16, "RqLs", 4);
	memset(bytes + 24, key, 16);
	wire_put32(bytes + 40, lease);
	memcpy(bytes + 80, request, sizeof request);
	body.create_contexts = wire_view_of(bytes, durable ? 120 : 76);
	if (!key) {
		body.create_contexts = (struct wire_view){0};
	}
	assert_int_equal(
		rig_call(&rig, HOLDER, SMB2_CREATE, &smb2_create_request_type,
			&body, &smb2_create_response_type, &answer),
		0);
	return answer.file_id;
}

static struct smb2_fileid hold(const char *name, uint8_t key, uint32_t lease)
{
	return hold_with(name, false, key, lease, DATA, false);
}

static struct smb2_fileid opened(const char *name, bool directory)
{
	struct smb2_fileid id;

	assert_int_equal(rig_open(&rig, OTHER, name, directory, &id), 0);
	return id;
}

static void let_go(unsigned int i, struct smb2_fileid id)
{
	const struct smb2_close_request body = {.file_id = id};

	assert_int_equal(rig_call(&rig, i, SMB2_CLOSE, &smb2_close_request_type,
				 &body, NULL, NULL),
		0);
}

/* SET_INFO by OTHER; its answer is not waited for. */
static void send_rename(struct smb2_fileid id, const char *to)
{
	uint8_t bytes[20 + 64] = {1};
	int n = wire_utf8_to_utf16(to, bytes + 20, 64);
	struct smb2_set_info_request body = {.info_type = SMB2_0_INFO_FILE,
		.file_info_class = FileRenameInformation,
		.file_id = id,
		.buffer = wire_view_of(bytes, 20 + (size_t)n)};

	wire_put32(bytes + 16, (uint32_t)n);
	if (body.buffer.n < 24) {
		body.buffer.n = 24;
	}
	rig_add(&rig.links[OTHER], &message, SMB2_SET_INFO, 0,
		&smb2_set_info_request_type, &body);
	rig_send(&rig, OTHER, &message);
}

static uint32_t next(unsigned int i, struct blob **ret_blob)
{
	struct blob *blob = rig_take(&rig, i);
	uint32_t status = blob ? rig_header(blob, 0).status : NOTHING;

	*ret_blob = blob;
	return status;
}

/* Status of the next message; NOTHING. */
static uint32_t answered(void)
{
	struct blob *blob;
	uint32_t status = next(OTHER, &blob);

	blob_release(blob);
	return status;
}

/* The next message is a break of a lease: key << 16 | from << 8 | to. */
static uint32_t broken(unsigned int i)
{
	struct smb2_lease_break_notification body;
	struct blob *blob;
	uint32_t said = NOTHING;

	if (next(i, &blob) == 0) {
		assert_int_equal(
			smb2_lease_break_notification_decode(
				wire_view_of(blob->data, blob->n), &body),
			0);
		said = (uint32_t)body.lease_key.b[0] << 16 |
		       body.current_lease_state << 8 | body.new_lease_state;
	}
	blob_release(blob);
	return said;
}

static uint32_t oplock_broken(void)
{
	struct smb2_oplock_break_notification body;
	struct blob *blob;
	uint32_t said = NOTHING;

	if (next(HOLDER, &blob) == 0) {
		assert_int_equal(
			smb2_oplock_break_notification_decode(
				wire_view_of(blob->data, blob->n), &body),
			0);
		said = body.oplock_level;
	}
	blob_release(blob);
	return said;
}

static uint32_t acknowledge(uint8_t key, uint32_t state)
{
	struct smb2_lease_break_acknowledgment body = {.lease_state = state};

	memset(&body.lease_key, key, sizeof body.lease_key);
	return rig_call(&rig, HOLDER, SMB2_OPLOCK_BREAK,
		&smb2_lease_break_acknowledgment_type, &body, NULL, NULL);
}

#define BREAK(key, from, to) ((uint32_t)(key) << 16 | (from) << 8 | (to))

/* ---- the file that is replaced ---- */

static void test_replaced_closes(void **state)
{
	struct smb2_fileid target = hold("to", 7, RWH);

	(void)state;
	send_rename(opened("from", false), "to");
	assert_int_equal(broken(HOLDER), BREAK(7, RWH, RW));
	assert_int_equal(answered(), NOTHING);
	let_go(HOLDER, target);
	assert_int_equal(answered(), 0);
}

static void test_replaced_stays(void **state)
{
	struct smb2_fileid from;

	(void)state;
	hold("to", 7, RWH);
	from = opened("from", false);
	send_rename(from, "to");
	assert_int_equal(broken(HOLDER), BREAK(7, RWH, RW));
	assert_int_equal(answered(), NOTHING);
	assert_int_equal(acknowledge(7, RW), 0);
	assert_int_equal(answered(), STATUS_ACCESS_DENIED);
	send_rename(from, "to");
	assert_int_equal(answered(), STATUS_ACCESS_DENIED);
	assert_int_equal(broken(HOLDER), NOTHING);
}

static void test_replaced_batch(void **state)
{
	struct smb2_fileid target =
		hold_with("to", false, 0, SMB2_OPLOCK_LEVEL_BATCH, DATA, false);

	(void)state;
	send_rename(opened("from", false), "to");
	assert_int_equal(oplock_broken(), SMB2_OPLOCK_LEVEL_NONE);
	assert_int_equal(answered(), NOTHING);
	let_go(HOLDER, target);
	assert_int_equal(answered(), 0);
}

/* Nobody is there who could answer the break. */
static void test_replaced_parked(void **state)
{
	(void)state;
	hold_with("to", false, 7, RWH, DATA, true);
	rig_gone(&rig, HOLDER);
	send_rename(opened("from", false), "to");
	assert_int_equal(answered(), 0);
}

/* ---- the directory of the new name ---- */

static void test_entered(void **state)
{
	struct smb2_fileid from = opened("from", false), directory;

	(void)state;
	directory = hold_with("d", true, 7, RH, DELETE, false);
	send_rename(from, "d\\to");
	assert_int_equal(broken(HOLDER), BREAK(7, RH, R));
	assert_int_equal(answered(), NOTHING);
	assert_int_equal(acknowledge(7, R), 0);
	assert_int_equal(answered(), STATUS_SHARING_VIOLATION);
	let_go(HOLDER, directory);

	directory = hold_with("d", true, 7, RH, DELETE, false);
	send_rename(from, "d\\to");
	assert_int_equal(broken(HOLDER), BREAK(7, RH, R));
	assert_int_equal(answered(), NOTHING);
	let_go(HOLDER, directory);
	assert_int_equal(answered(), 0);
}

/* Without DELETE it is not in the way, and hears of it afterwards. */
static void test_entered_later(void **state)
{
	(void)state;
	hold_with("d", true, 7, RH, FILE_LIST_DIRECTORY, false);
	send_rename(opened("from", false), "d\\to");
	assert_int_equal(answered(), 0);
	assert_int_equal(broken(HOLDER), BREAK(7, RH, 0));
}

/* On one connection: first the answer. */
static void test_answer_first(void **state)
{
	struct smb2_fileid from;

	(void)state;
	rig_accept(&rig, OTHER);
	rig_enter(&rig, OTHER, 0x0300, "user alice");
	rig_gone(&rig, HOLDER);
	rig_enter(&rig, HOLDER, 0x0300, "user alice");
	hold_with("d", true, 7, RH, FILE_LIST_DIRECTORY, false);
	from = opened("d\\from", false);
	assert_int_equal(broken(OTHER), BREAK(7, RH, 0));
	let_go(OTHER, from);
	assert_int_equal(broken(OTHER), NOTHING);
}

/* ---- below a directory ---- */

static void test_below(void **state)
{
	struct smb2_fileid directory = opened("d", true), a, b;
	struct blob *blob;

	(void)state;
	a = hold("d\\a", 7, RH);
	b = hold("d\\b", 8, RWH);
	send_rename(directory, "e");
	assert_int_equal(broken(HOLDER), BREAK(7, RH, R));
	assert_int_equal(broken(HOLDER), NOTHING);
	assert_int_equal(answered(), NOTHING);
	/* Its answer comes behind what it lets happen. */
	rig_add(&rig.links[HOLDER], &message, SMB2_CLOSE, 0,
		&smb2_close_request_type,
		&(struct smb2_close_request){.file_id = a});
	rig_send(&rig, HOLDER, &message);
	assert_int_equal(broken(HOLDER), BREAK(8, RWH, RW));
	assert_int_equal(next(HOLDER, &blob), 0);
	blob_release(blob);
	assert_int_equal(answered(), NOTHING);
	let_go(HOLDER, b);
	assert_int_equal(answered(), 0);
}

static void test_below_stays(void **state)
{
	struct smb2_fileid directory = opened("d", true);

	(void)state;
	hold("d\\a", 7, RH);
	hold("d\\b", 8, RH);
	send_rename(directory, "e");
	assert_int_equal(broken(HOLDER), BREAK(7, RH, R));
	assert_int_equal(answered(), NOTHING);
	assert_int_equal(acknowledge(7, R), 0);
	assert_int_equal(answered(), STATUS_ACCESS_DENIED);
	assert_int_equal(broken(HOLDER), NOTHING);
}

static void test_below_anew(void **state)
{
	struct smb2_fileid directory = opened("d", true), a;

	(void)state;
	a = hold("d\\a", 7, RH);
	send_rename(directory, "e");
	assert_int_equal(broken(HOLDER), BREAK(7, RH, R));
	assert_int_equal(answered(), NOTHING);
	hold("d\\b", 8, RH);
	let_go(HOLDER, a);
	assert_int_equal(answered(), STATUS_ACCESS_DENIED);
	assert_int_equal(broken(HOLDER), NOTHING);
}

static void test_below_parked(void **state)
{
	(void)state;
	opened("d", true);
	hold_with("d\\a", false, 7, RH, DATA, true);
	hold_with("d\\b", false, 8, RWH, DATA, true);
	rig_gone(&rig, HOLDER);
	send_rename(opened("d", true), "e");
	assert_int_equal(answered(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_replaced_closes),
		TEST(test_replaced_stays),
		TEST(test_replaced_batch),
		TEST(test_replaced_parked),
		TEST(test_entered),
		TEST(test_entered_later),
		TEST(test_answer_first),
		TEST(test_below),
		TEST(test_below_stays),
		TEST(test_below_anew),
		TEST(test_below_parked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Breaks of leases and oplocks in virtual time: what is sent to whom, who
 * waits, and what ends the wait. [MS-SMB2] 3.3.4.6, 3.3.4.7, 3.3.5.22
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

static struct rig rig;
static struct rig_message message;
static char name[2] = "x";
static uint32_t options; /* CreateOptions */
static bool v2; /* the lease contexts are of version 2, with epoch 100 */

static int setup(void **state)
{
	(void)state;
	rig_init(&rig);
	rig_start_two(&rig);
	v2 = false;
	name[0] = 'x';
	options = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_finish(&rig);
	return 0;
}

/* CREATE of the name with a lease, whose key is 16 times the byte. */
static void send_open(
	unsigned int i, uint8_t key, uint32_t lease, uint32_t disposition)
{
	static uint8_t bytes[76];
	size_t size = v2 ? 52 : 32;
	struct smb2_create_request body = {
		.requested_oplock_level = key ? SMB2_OPLOCK_LEVEL_LEASE : 0,
		.impersonation_level = SMB2_IMPERSONATION_IMPERSONATION,
		.desired_access = FILE_READ_DATA | FILE_WRITE_DATA |
				  (options ? DELETE : 0),
		.create_options = options,
		.share_access =
			FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
		.create_disposition = disposition,
		.name_length = 2,
		.name = wire_view_of(name, 2),
	};

	memset(bytes, 0, sizeof bytes);
	wire_put16(bytes + 4, 16); /* NameOffset, NameLength */
	wire_put16(bytes + 6, 4);
	wire_put16(bytes + 10, 24); /* DataOffset, DataLength */
	wire_put32(bytes + 12, (uint32_t)size);
	memcpy(bytes + 16, "RqLs", 4);
	memset(bytes + 24, key, 16);
	wire_put32(bytes + 40, lease);
	wire_put16(bytes + 72, 100);
	body.create_contexts = wire_view_of(bytes, key ? 24 + size : 0);
	rig_add(&rig.links[i], &message, SMB2_CREATE, 0,
		&smb2_create_request_type, &body);
	rig_send(&rig, i, &message);
}

/* Status of the next message; "nothing" is 0xffffffff. */
static uint32_t answered(unsigned int i, struct smb2_fileid *ret_id)
{
	struct blob *blob = rig_take(&rig, i);
	struct smb2_create_response body;
	uint32_t status;

	if (!blob) {
		return UINT32_MAX;
	}
	status = rig_header(blob, 0).status;
	if (ret_id && status == 0) {
		assert_int_equal(
			smb2_create_response_decode(
				wire_view_of(blob->data, blob->n), &body),
			0);
		*ret_id = body.file_id;
	}
	blob_release(blob);
	return status;
}

static uint16_t epoch; /* of the last break */

/* The next message is a break of the lease: from << 8 | to. */
static uint32_t broken(unsigned int i)
{
	struct blob *blob = rig_take(&rig, i);
	struct smb2_lease_break_notification body;
	uint32_t states;

	if (!blob) {
		return UINT32_MAX;
	}
	assert_int_equal(rig_header(blob, 0).command, SMB2_OPLOCK_BREAK);
	assert_true(rig_header(blob, 0).message_id == UINT64_MAX);
	assert_int_equal(smb2_lease_break_notification_decode(
				 wire_view_of(blob->data, blob->n), &body),
		0);
	states = body.current_lease_state << 8 | body.new_lease_state;
	assert_int_equal(body.flags, body.current_lease_state != R);
	epoch = body.new_epoch;
	blob_release(blob);
	return states;
}

static uint32_t acknowledge(unsigned int i, uint8_t key, uint32_t state)
{
	struct smb2_lease_break_acknowledgment body = {.lease_state = state};
	struct smb2_lease_break_response answer;

	memset(&body.lease_key, key, sizeof body.lease_key);
	return rig_call(&rig, i, SMB2_OPLOCK_BREAK,
		&smb2_lease_break_acknowledgment_type, &body,
		&smb2_lease_break_response_type, &answer);
}

static struct smb2_fileid held(uint32_t lease)
{
	struct smb2_fileid id = {0};

	send_open(HOLDER, 7, lease, FILE_OPEN_IF);
	assert_int_equal(answered(HOLDER, &id), 0);
	return id;
}

/* OTHER waits for the break of RWH. */
static void wait_for_break_on(unsigned int i)
{
	send_open(OTHER, 0, 0, FILE_OPEN);
	assert_int_equal(broken(i), RWH << 8 | RH);
	assert_int_equal(answered(OTHER, NULL), STATUS_PENDING);
	assert_int_equal(answered(OTHER, NULL), UINT32_MAX);
}

static void wait_for_break(void)
{
	wait_for_break_on(HOLDER);
}

static void test_acknowledged(void **state)
{
	(void)state;
	held(RWH);
	wait_for_break();
	assert_int_equal(
		acknowledge(HOLDER, 7, RWH), STATUS_REQUEST_NOT_ACCEPTED);
	assert_int_equal(answered(OTHER, NULL), UINT32_MAX);
	assert_int_equal(acknowledge(HOLDER, 7, RH), 0);
	assert_int_equal(answered(OTHER, NULL), 0);
	assert_int_equal(acknowledge(HOLDER, 7, RH), STATUS_UNSUCCESSFUL);
}

static void test_closed(void **state)
{
	struct smb2_close_request close = {.file_id = held(RWH)};
	struct smb2_close_response answer;

	(void)state;
	wait_for_break();
	assert_int_equal(
		rig_call(&rig, HOLDER, SMB2_CLOSE, &smb2_close_request_type,
			&close, &smb2_close_response_type, &answer),
		0);
	assert_int_equal(answered(OTHER, NULL), 0);
}

static void test_overdue(void **state)
{
	(void)state;
	held(RWH);
	wait_for_break();
	rig_advance(&rig, 34900);
	assert_int_equal(answered(OTHER, NULL), UINT32_MAX);
	rig_advance(&rig, 200);
	assert_int_equal(answered(OTHER, NULL), 0);
	assert_int_equal(acknowledge(HOLDER, 7, RH), STATUS_UNSUCCESSFUL);
}

static void test_holder_gone(void **state)
{
	(void)state;
	held(RWH);
	wait_for_break();
	rig_gone(&rig, HOLDER);
	assert_int_equal(answered(OTHER, NULL), 0);
}

static void test_waiter_gone(void **state)
{
	(void)state;
	held(RWH);
	wait_for_break();
	rig_gone(&rig, OTHER);
	assert_int_equal(acknowledge(HOLDER, 7, RH), 0);
}

/* What comes during a break follows in steps, under the same epoch; everybody
 * waits for the last acknowledgment. */
static void test_steps(void **state)
{
	(void)state;
	v2 = true;
	held(RWH);
	wait_for_break();
	assert_int_equal(epoch, 102);
	send_open(OTHER, 9, R, FILE_OVERWRITE);
	assert_int_equal(answered(OTHER, NULL), STATUS_PENDING);
	assert_int_equal(broken(HOLDER), UINT32_MAX);
	assert_int_equal(acknowledge(HOLDER, 7, RH), 0);
	assert_int_equal(broken(HOLDER), RH << 8 | R);
	assert_int_equal(epoch, 102);
	assert_int_equal(answered(OTHER, NULL), UINT32_MAX);
	assert_int_equal(
		acknowledge(HOLDER, 7, RH), STATUS_REQUEST_NOT_ACCEPTED);
	assert_int_equal(acknowledge(HOLDER, 7, R), 0);
	assert_int_equal(broken(HOLDER), R << 8 | 0);
	assert_int_equal(epoch, 102);
	assert_int_equal(answered(OTHER, NULL), 0);
	assert_int_equal(answered(OTHER, NULL), 0);
	assert_int_equal(acknowledge(HOLDER, 7, 0), STATUS_UNSUCCESSFUL);
}

/* A holder that goes further by itself needs fewer steps. */
static void test_steps_left_out(void **state)
{
	(void)state;
	held(RWH);
	wait_for_break();
	send_open(OTHER, 9, R, FILE_OVERWRITE);
	assert_int_equal(answered(OTHER, NULL), STATUS_PENDING);
	assert_int_equal(acknowledge(HOLDER, 7, R), 0);
	assert_int_equal(broken(HOLDER), R << 8 | 0);
	assert_int_equal(answered(OTHER, NULL), 0);
	assert_int_equal(answered(OTHER, NULL), 0);
}

/* Nobody acknowledges the second step. */
static void test_steps_overdue(void **state)
{
	(void)state;
	held(RWH);
	wait_for_break();
	send_open(OTHER, 9, R, FILE_OVERWRITE);
	assert_int_equal(answered(OTHER, NULL), STATUS_PENDING);
	rig_advance(&rig, 20000);
	assert_int_equal(acknowledge(HOLDER, 7, RH), 0);
	assert_int_equal(broken(HOLDER), RH << 8 | R);
	rig_advance(&rig, 34900);
	assert_int_equal(answered(OTHER, NULL), UINT32_MAX);
	rig_advance(&rig, 200);
	assert_int_equal(answered(OTHER, NULL), 0);
	assert_int_equal(answered(OTHER, NULL), 0);
	assert_int_equal(broken(HOLDER), UINT32_MAX);
}

#define SECOND 2

/* The oldest connection of the client that is there, whosever the lease is. */
static void test_which_connection(void **state)
{
	(void)state;
	rig_enter(&rig, SECOND, 0x0300, "user alice");
	send_open(SECOND, 7, RWH, FILE_OPEN_IF);
	assert_int_equal(answered(SECOND, NULL), 0);
	send_open(OTHER, 0, 0, FILE_OPEN);
	assert_int_equal(broken(SECOND), UINT32_MAX);
	assert_int_equal(broken(HOLDER), RWH << 8 | RH);
	assert_int_equal(answered(OTHER, NULL), STATUS_PENDING);
	assert_int_equal(acknowledge(HOLDER, 7, RH), 0);
	assert_int_equal(answered(OTHER, NULL), 0);
}

static void test_other_connection(void **state)
{
	(void)state;
	rig_enter(&rig, SECOND, 0x0300, "user alice");
	send_open(SECOND, 7, RWH, FILE_OPEN_IF);
	assert_int_equal(answered(SECOND, NULL), 0);
	rig_gone(&rig, HOLDER);
	wait_for_break_on(SECOND);
	assert_int_equal(acknowledge(SECOND, 7, RH), 0);
	assert_int_equal(answered(OTHER, NULL), 0);
}

/* Two opens of one key are one lease; the last close gives it up. */
static void test_one_lease(void **state)
{
	struct smb2_close_request close = {.file_id = held(RWH)};
	struct smb2_close_response answer;

	(void)state;
	held(RWH);
	wait_for_break();
	assert_int_equal(
		rig_call(&rig, HOLDER, SMB2_CLOSE, &smb2_close_request_type,
			&close, &smb2_close_response_type, &answer),
		0);
	assert_int_equal(answered(OTHER, NULL), UINT32_MAX);
	assert_int_equal(acknowledge(HOLDER, 7, R), 0);
	assert_int_equal(answered(OTHER, NULL), 0);
}

/* Its key serves other files, new ones and those that are there, which get no
 * lease; others are refused. */
static void test_doomed(void **state)
{
	struct smb2_close_request close = {0};
	struct smb2_close_response answer;

	(void)state;
	name[0] = 'y';
	send_open(OTHER, 0, 0, FILE_OPEN_IF);
	assert_int_equal(answered(OTHER, NULL), 0);
	name[0] = 'x';
	options = FILE_DELETE_ON_CLOSE;
	close.file_id = held(RWH);
	options = 0;
	name[0] = 'y';
	held(RWH);
	name[0] = 'z';
	held(RWH);
	assert_int_equal(acknowledge(HOLDER, 7, R), STATUS_UNSUCCESSFUL);
	assert_int_equal(
		rig_call(&rig, HOLDER, SMB2_CLOSE, &smb2_close_request_type,
			&close, &smb2_close_response_type, &answer),
		0);
	assert_int_equal(
		acknowledge(HOLDER, 7, R), STATUS_OBJECT_NAME_NOT_FOUND);
	held(RH);
	name[0] = 'y';
	send_open(HOLDER, 7, RH, FILE_OPEN_IF);
	assert_int_equal(answered(HOLDER, NULL), STATUS_INVALID_PARAMETER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_acknowledged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overdue, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_holder_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_waiter_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_steps, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_steps_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_steps_overdue, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_which_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_other_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_one_lease, setup, teardown),
		cmocka_unit_test_setup_teardown(test_doomed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

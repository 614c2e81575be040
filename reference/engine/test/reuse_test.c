/* SPDX-License-Identifier: MIT */
/*
 * A file system gives the inode of a deleted file to a new one as soon as the
 * last node is closed, which the engine learns of later: the new file must not
 * be taken for the old one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine/test/late.h"

static struct rig rig;

static int setup(void **state)
{
	(void)state;
	rig_init(&rig);
	late_init(&rig);
	late_set_inode(4711);
	rig_start(&rig);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_finish(&rig);
	return 0;
}

static void delete_on_close(unsigned int i, struct smb2_fileid id)
{
	static const uint8_t yes = 1;
	const struct smb2_set_info_request body = {.info_type = 1,
		.file_info_class = 13,
		.file_id = id,
		.buffer = wire_view_of(&yes, 1)};

	assert_int_equal(
		rig_call(&rig, i, SMB2_SET_INFO, &smb2_set_info_request_type,
			&body, NULL, NULL),
		0);
}

static void close_file(unsigned int i, struct smb2_fileid id, uint32_t status)
{
	const struct smb2_close_request body = {.file_id = id};

	assert_int_equal(rig_call(&rig, i, SMB2_CLOSE, &smb2_close_request_type,
				 &body, NULL, NULL),
		status);
}

static void test_reused_inode(void **state)
{
	struct smb2_fileid old, new, again;

	(void)state;
	rig_enter(&rig, 0, 0x0300, "user alice");
	rig_enter(&rig, 1, 0x0300, "user alice");
	assert_int_equal(rig_open(&rig, 0, "old", false, &old), 0);
	delete_on_close(0, old);
	late_keep(FILES_CLOSE);
	close_file(0, old, 0xffffffff);
	assert_true(late_keeps());
	assert_int_equal(rig_open(&rig, 1, "new", false, &new), 0);
	assert_int_equal(rig_open(&rig, 1, "new", false, &again), 0);
	late_go(&rig);
	close_file(1, new, 0);
	close_file(1, again, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_reused_inode, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

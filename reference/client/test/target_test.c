/* SPDX-License-Identifier: MIT */
/* smb:// URLs: what is taken apart, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "client/target.h"

static void takes_all_parts_apart(void **state)
{
	(void)state;
	struct target t;
	assert_int_equal(
		target_parse("smb://u%40d:p%3aw@[::1]:4450/a%20b/c/d/", &t), 0);
	assert_string_equal(t.user, "u@d");
	assert_string_equal(t.password, "p:w");
	assert_string_equal(t.host, "::1");
	assert_string_equal(t.port, "4450");
	assert_string_equal(t.share, "a b");
	assert_string_equal(t.path, "c/d");
	target_finish(&t);
}

static void knows_defaults(void **state)
{
	(void)state;
	struct target t;
	assert_int_equal(target_parse("smb://host/share", &t), 0);
	assert_null(t.user);
	assert_null(t.password);
	assert_string_equal(t.host, "host");
	assert_string_equal(t.port, "445");
	assert_string_equal(t.path, "");
	target_finish(&t);
}

static void refuses_what_is_no_target(void **state)
{
	(void)state;
	static const char *const bad[] = {"http://host/share", "smb://host",
		"smb://host/", "smb:///share", "smb://host:/share",
		"smb://[::1/share", "smb://[::1]x/share", "smb://host/a%zz",
		"smb://host/a%00b", "smb://host/a%4"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct target t;
		assert_int_equal(target_parse(bad[i], &t), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_all_parts_apart),
		cmocka_unit_test(knows_defaults),
		cmocka_unit_test(refuses_what_is_no_target),
	};
	return cmocka_run_group_tests_name("client/target", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Names and patterns of requests: [MS-FSCC] 2.1.5, [MS-FSA] 2.1.4.4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/names.h"

static uint32_t parse(const char *text, struct file_name *ret_name)
{
	uint8_t bytes[2048];
	int n = wire_utf8_to_utf16(text, bytes, sizeof bytes);

	assert_true(n >= 0);
	return name_parse(wire_view_of(bytes, (size_t)n), ret_name);
}

static void test_paths(void **state)
{
	struct file_name name;
	char path[600];

	(void)state;
	assert_int_equal(parse("", &name), STATUS_SUCCESS);
	assert_string_equal(name.path, "");
	assert_int_equal(parse("a\\b c\\d.txt", &name), STATUS_SUCCESS);
	assert_string_equal(name.path, "a/b c/d.txt");
	assert_false(name.directory);
	assert_int_equal(parse("a\\b\\", &name), STATUS_SUCCESS);
	assert_string_equal(name.path, "a/b");
	assert_true(name.directory);
	assert_int_equal(parse("\\a", &name), STATUS_INVALID_PARAMETER);
	assert_int_equal(parse("a\\..\\b", &name), STATUS_INVALID_PARAMETER);
	assert_int_equal(parse("..", &name), STATUS_INVALID_PARAMETER);
	assert_int_equal(parse("a\\\\b", &name), STATUS_OBJECT_NAME_INVALID);
	assert_int_equal(parse("a\\.\\b", &name), STATUS_OBJECT_NAME_INVALID);
	assert_int_equal(parse("a/b", &name), STATUS_OBJECT_NAME_INVALID);
	assert_int_equal(parse("a*", &name), STATUS_OBJECT_NAME_INVALID);
	assert_int_equal(parse("a?b", &name), STATUS_OBJECT_NAME_INVALID);
	assert_int_equal(parse("a\tb", &name), STATUS_OBJECT_NAME_INVALID);
	assert_int_equal(parse("a|b", &name), STATUS_OBJECT_NAME_INVALID);
	assert_int_equal(parse("...", &name), STATUS_SUCCESS);
	memset(path, 'x', 255);
	path[255] = 0;
	assert_int_equal(parse(path, &name), STATUS_SUCCESS);
	path[255] = 'x';
	path[256] = 0;
	assert_int_equal(parse(path, &name), STATUS_OBJECT_NAME_INVALID);
}

static void test_streams(void **state)
{
	struct file_name name;

	(void)state;
	assert_int_equal(parse("d\\f:s", &name), STATUS_SUCCESS);
	assert_string_equal(name.path, "d/f");
	assert_string_equal(name.stream, "s");
	assert_int_equal(parse("f:s:$data", &name), STATUS_SUCCESS);
	assert_string_equal(name.stream, "s");
	assert_true(name.data);
	assert_int_equal(parse("f::$DATA", &name), STATUS_SUCCESS);
	assert_string_equal(name.stream, "");
	assert_true(name.data);
	assert_int_equal(parse("d::$INDEX_ALLOCATION", &name), STATUS_SUCCESS);
	assert_true(name.directory);
	assert_int_equal(parse("f:", &name), STATUS_OBJECT_NAME_INVALID);
	assert_int_equal(parse("f:s:", &name), STATUS_OBJECT_NAME_INVALID);
	assert_int_equal(parse("f:s:$X", &name), STATUS_OBJECT_NAME_INVALID);
	assert_int_equal(parse("f:a:b:c", &name), STATUS_OBJECT_NAME_INVALID);
	assert_int_equal(parse("d:s\\f", &name), STATUS_OBJECT_NAME_INVALID);
	assert_int_equal(parse("d\\:s", &name), STATUS_OBJECT_NAME_INVALID);
	assert_int_equal(parse(":s", &name), STATUS_SUCCESS);
	assert_string_equal(name.path, "");
	/* A stream may be called what a file may not. */
	assert_int_equal(parse("f:a*?", &name), STATUS_SUCCESS);
}

static void test_bad_utf16(void **state)
{
	static const uint8_t lone[] = {'a', 0, 0x00, 0xd8, 'b', 0};
	struct file_name name;

	(void)state;
	assert_int_equal(name_parse(wire_view_of(lone, sizeof lone), &name),
		STATUS_OBJECT_NAME_INVALID);
}

static void test_patterns(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool match;
	} cases[] = {
		{"*", "anything", true},
		{"*.*", "without", true},
		{"*.txt", "a.txt", true},
		{"*.txt", "a.TXT", true},
		{"*.txt", "a.txt.bak", false},
		{"a*b*c", "aXbYbZc", true},
		{"a*b*c", "aXbYbZ", false},
		{"?", "x", true},
		{"?", "xy", false},
		{"??", "x", false},
		{"a?c", "abc", true},
		{"abc", "ABC", true},
		{"abc", "abcd", false},
		{"\xc3\xa4*", "\xc3\x84pfel", true},
		/* DOS_QM: one character, or none before a period or the end */
		{"a>>>", "a", true},
		{"a>>>.txt", "ab.txt", true},
		{"a>>>.txt", "abcde.txt", false},
		/* DOS_STAR: up to the last period */
		{"<.txt", "a.b.txt", true},
		{"<.b", "a.b.txt", false},
		{"<", "name", true},
		/* DOS_DOT: a period or the end */
		{"name\"", "name", true},
		{"name\"", "name.", true},
		{"name\"txt", "name.txt", true},
		{"name\"txt", "nametxt", false},
		{"<\"*", "no extension", true},
	};
	char stars[200];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (pattern_match(cases[i].pattern, cases[i].name) !=
			cases[i].match) {
			fail_msg("%s against %s", cases[i].pattern,
				cases[i].name);
		}
	}
	/* No pattern takes long. */
	for (i = 0; i < 100; i++) {
		stars[2 * i] = '*';
		stars[2 * i + 1] = 'a';
	}
	stars[199] = 'b';
	stars[198] = 0;
	assert_false(pattern_match(stars, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
					  "aaaaaaaaaaaaaaaaaaaaaaaac"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_bad_utf16),
		cmocka_unit_test(test_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

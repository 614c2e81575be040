/* SPDX-License-Identifier: MIT */
/*
 * Paths and symbolic links: tables of what a path comes to on a share with
 * given links, and what a server cannot mean. The share is made of strings.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "client/path.h"

/* Directories have no target; everything else that is named exists too. */
struct object {
	const char *path, *target;
};

static const struct object share[] = {
	{"a", NULL},
	{"a/b", NULL},
	{"a/b/up", ".."},
	{"a/b/top", "../.."},
	{"a/b/out", "../../.."},
	{"a/far", "../d/e"},
	{"a/abs", "/d/e"},
	{"a/loop", "loop"},
	{"a/ping", "../pong"},
	{"a/chain1", "chain2"},
	{"a/chain2", "./chain3//"},
	{"a/chain3", "b"},
	{"a/win", "d/e"},
	{"d", NULL},
	{"d/e", NULL},
	{"d/\xf0\x9f\x98\x80", NULL},
	{"d/\xc3\xa4l", "e"},
	{"pong", "a/ping"},
};

static const struct object *find(const char *path, size_t n)
{
	for (size_t i = 0; i < sizeof(share) / sizeof(share[0]); i++) {
		if (strlen(share[i].path) == n &&
			strncmp(share[i].path, path, n) == 0) {
			return &share[i];
		}
	}
	return NULL;
}

static size_t utf16_size(const char *text)
{
	size_t n = 0;
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		n += (c & 0xc0) == 0x80 ? 0 : c >= 0xf0 ? 4 : 2;
	}
	return n;
}

/* As the server: stops at the first link on the way. */
static bool stops(const char *path, size_t asked, struct path_stop *ret_stop)
{
	for (size_t n = 1; n <= asked; n++) {
		const struct object *o = find(path, n);
		if ((path[n] != '/' && n != asked) || o == NULL ||
			o->target == NULL) {
			continue;
		}
		char *rest = strndup(path + n, asked - n);
		*ret_stop = (struct path_stop){.known = true,
			.absolute = o->target[0] == '/',
			.unparsed = utf16_size(rest)};
		strncpy(ret_stop->target, o->target, PATH_TARGET_MAX);
		free(rest);
		return true;
	}
	return false;
}

static int resolve(const char *path, bool share_roots, char **ret_path)
{
	struct path_walk walk = {.posix = true, .share_roots = share_roots};
	int error = path_begin(&walk, path);
	if (error < 0) {
		return error;
	}
	for (;;) {
		size_t asked = 0;
		struct path_stop stop;
		int more = path_step(&walk, &asked);
		error = more < 0 ? more : 0;
		if (more == 0) {
			asked = strlen(walk.path);
		}
		if (error == 0 && stops(walk.path, asked, &stop)) {
			error = path_stopped(&walk, asked, &stop);
			more = 1;
		} else if (error == 0 && more > 0) {
			path_verified(&walk, asked);
		}
		if (error < 0 || more == 0) {
			break;
		}
	}
	if (error == 0) {
		*ret_path = strdup(walk.path);
	}
	path_finish(&walk);
	return error;
}

static void links_are_resolved(void **state)
{
	(void)state;
	static const struct {
		const char *path, *result;
		int error;
		bool share_roots;
	} table[] = {
		{"", "", 0, false},
		{"a/b", "a/b", 0, false},
		{"//a/./b//", "a/b", 0, false},
		{"a/b/..", "a", 0, false},
		{"a/b/../..", "", 0, false},
		{"a/b/../../d", "d", 0, false},
		{"..", NULL, -EXDEV, false},
		{"a/../..", NULL, -EXDEV, false},
		{"a/b/up/x", "a/x", 0, false},
		{"a/b/up/..", "", 0, false},
		{"a/b/top/d", "d", 0, false},
		{"a/b/top", "", 0, false},
		{"a/b/out", NULL, -EXDEV, false},
		{"a/b/out/x", NULL, -EXDEV, false},
		{"a/far/x", "d/e/x", 0, false},
		{"a/far/../x", "d/x", 0, false},
		{"a/far/../../a/far", "d/e", 0, false},
		{"a/abs", NULL, -EXDEV, false},
		{"a/abs", "d/e", 0, true},
		{"a/abs/x/y", "d/e/x/y", 0, true},
		{"a/loop", NULL, -ELOOP, false},
		{"a/ping/x", NULL, -ELOOP, false},
		{"a/chain1/x", "a/b/x", 0, false},
		{"a/chain1/up/chain1", "a/b", 0, false},
		{"d/\xc3\xa4l/\xf0\x9f\x98\x80\xc3\xa4",
			"d/e/\xf0\x9f\x98\x80\xc3\xa4", 0, false},
		{"a/b/a\\b:c*", "a/b/a\\b:c*", 0, false},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *path = NULL;
		int error = resolve(table[i].path, table[i].share_roots, &path);
		print_message("%s\n", table[i].path);
		assert_int_equal(error, table[i].error);
		if (error == 0) {
			assert_string_equal(path, table[i].result);
		}
		free(path);
	}
}

/* What a server says of a link in "a/b/c\U0001F600/d", and cannot mean. */
static void impossible_links_are_refused(void **state)
{
	(void)state;
	static const struct {
		size_t unparsed;
		const char *target;
		bool known;
		int error;
	} table[] = {
		{4, "x", true, 0},
		{0, "x", true, 0},
		{12, "x", true, 0},
		{0, "x", false, -EPROTO},
		{2, "x", true, -EPROTO},  /* no separator there */
		{6, "x", true, -EPROTO},  /* within a surrogate pair */
		{3, "x", true, -EPROTO},  /* half a character */
		{18, "x", true, -EPROTO}, /* nothing is left of the name */
		{20, "x", true, -EPROTO}, /* more than the name */
		{65534, "x", true, -EPROTO},
		{4, "", true, -ENOENT},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct path_walk walk = {.posix = true};
		assert_int_equal(
			path_begin(&walk, "a/b/c\xf0\x9f\x98\x80/d"), 0);
		struct path_stop stop = {
			.known = table[i].known, .unparsed = table[i].unparsed};
		strncpy(stop.target, table[i].target, PATH_TARGET_MAX);
		assert_int_equal(path_stopped(&walk, strlen(walk.path), &stop),
			table[i].error);
		path_finish(&walk);
	}
}

/* A link that is told of a part that was found to be none. */
static void verified_parts_are_no_links(void **state)
{
	(void)state;
	struct path_walk walk = {.posix = true};
	assert_int_equal(path_begin(&walk, "a/b/c"), 0);
	path_verified(&walk, strlen("a/b"));
	const struct path_stop stop = {
		.known = true, .unparsed = 2 * strlen("/c"), .target = "x"};
	assert_int_equal(path_stopped(&walk, strlen("a/b/c"), &stop), -EPROTO);
	path_finish(&walk);
}

static void lengths_are_bounded(void **state)
{
	(void)state;
	char name[PATH_COMPONENT_MAX + 2];
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	struct path_walk walk = {.posix = true};
	assert_int_equal(path_begin(&walk, name), -ENAMETOOLONG);
	name[PATH_COMPONENT_MAX] = '\0';
	assert_int_equal(path_begin(&walk, name), 0);
	path_finish(&walk);
	char *deep = malloc(2 * PATH_BYTES_MAX);
	for (size_t i = 0; i < 2 * PATH_BYTES_MAX; i++) {
		deep[i] = i % 2 == 0 ? 'x' : '/';
	}
	deep[2 * PATH_BYTES_MAX - 1] = '\0';
	assert_int_equal(path_begin(&walk, deep), -ENAMETOOLONG);
	free(deep);
}

static void reserved_names_stay_here(void **state)
{
	(void)state;
	struct path_walk walk = {.posix = false};
	static const char *const bad[] = {
		"a\\b", "a:b", "x/a*", "a?", "\x01", "a|b", "\"", "<", ">"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(path_begin(&walk, bad[i]), -EINVAL);
	}
}

static void names_of_listings_are_judged(void **state)
{
	(void)state;
	assert_true(path_is_name("a", 1));
	assert_true(path_is_name("...", 3));
	assert_true(path_is_name("\\", 1));
	assert_false(path_is_name("", 0));
	assert_false(path_is_name(".", 1));
	assert_false(path_is_name("..", 2));
	assert_false(path_is_name("../etc", 6));
	assert_false(path_is_name("a/b", 3));
	assert_false(path_is_name("a\0b", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_are_resolved),
		cmocka_unit_test(impossible_links_are_refused),
		cmocka_unit_test(verified_parts_are_no_links),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(reserved_names_stay_here),
		cmocka_unit_test(names_of_listings_are_judged),
	};
	return cmocka_run_group_tests_name("client/path", tests, NULL, NULL);
}

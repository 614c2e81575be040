/* SPDX-License-Identifier: MIT */
/*
 * Rights to files: share modes ([MS-FSA] 2.1.5.1.2.2), lock ranges (2.1.4.10),
 * security descriptors and the access check ([MS-DTYP] 2.4.6, 2.5.3.2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "engine/access.h"
#include "engine/lock.h"

/* Every pair of access and share mode against the table in words. */
static void test_sharemode(void **state)
{
	static const uint32_t access[] = {FILE_READ_DATA, FILE_EXECUTE,
		FILE_WRITE_DATA, FILE_APPEND_DATA, DELETE, FILE_READ_ATTRIBUTES,
		SYNCHRONIZE, FILE_READ_DATA | FILE_WRITE_DATA | DELETE};
	static const uint32_t needs[] = {1, 1, 2, 2, 4, 0, 0, 7};
	unsigned int a, b, s, t;

	(void)state;
	for (a = 0; a < 8; a++) {
		for (b = 0; b < 8; b++) {
			for (s = 0; s < 8; s++) {
				for (t = 0; t < 8; t++) {
					bool ok = !needs[a] || !needs[b] ||
						  (!(needs[a] & ~t) &&
							  !(needs[b] & ~s));
					struct share_claim x = {access[a], s};
					struct share_claim y = {access[b], t};

					assert_int_equal(
						sharemode_compatible(x, y), ok);
				}
			}
		}
	}
}

static void test_ranges(void **state)
{
	(void)state;
	assert_true(lock_overlaps(0, 10, 5, 10));
	assert_true(lock_overlaps(5, 10, 0, 10));
	assert_true(lock_overlaps(0, 10, 9, 1));
	assert_false(lock_overlaps(0, 10, 10, 1));
	assert_false(lock_overlaps(10, 1, 0, 10));
	/* A range of no bytes lies between two bytes. */
	assert_true(lock_overlaps(5, 0, 0, 10));
	assert_true(lock_overlaps(0, 10, 5, 0));
	assert_false(lock_overlaps(0, 0, 0, 10));
	assert_false(lock_overlaps(10, 0, 0, 10));
	assert_false(lock_overlaps(5, 0, 5, 0));
	assert_true(lock_overlaps(UINT64_MAX, 1, UINT64_MAX, 1));
	assert_true(lock_overlaps(0, UINT64_MAX, UINT64_MAX - 1, 1));
	assert_false(lock_overlaps(0, UINT64_MAX, UINT64_MAX, 1));
}

static void test_generic(void **state)
{
	(void)state;
	assert_int_equal(access_map_generic(GENERIC_READ), 0x120089);
	assert_int_equal(access_map_generic(GENERIC_WRITE), 0x120116);
	assert_int_equal(access_map_generic(GENERIC_EXECUTE), 0x1200a0);
	assert_int_equal(access_map_generic(GENERIC_ALL), 0x1f01ff);
	assert_int_equal(access_map_generic(DELETE | FILE_READ_DATA), 0x10001);
}

static void test_default(void **state)
{
	static const struct auth_identity owner = {.uid = 1000, .gid = 100};
	static const struct auth_identity member = {
		.uid = 1001, .gid = 7, .groups = {5, 100}, .group_count = 2};
	static const struct auth_identity other = {.uid = 1002, .gid = 7};
	struct files_stat stat = {
		.mode = S_IFREG | 0640, .uid = 1000, .gid = 100};
	uint8_t bytes[1024];
	struct sd sd;
	int n = sd_default(&stat, bytes, sizeof bytes);

	(void)state;
	assert_true(n > 0);
	assert_int_equal(sd_parse(wire_view_of(bytes, (size_t)n), &sd), 0);
	assert_int_equal(sd_maximal(&sd, &owner), ACCESS_FILE_ALL);
	assert_int_equal(sd_maximal(&sd, &member) &
				 (FILE_READ_DATA | FILE_WRITE_DATA | WRITE_DAC),
		FILE_READ_DATA);
	assert_int_equal(
		sd_maximal(&sd, &other) & (FILE_READ_DATA | FILE_WRITE_DATA),
		0);
	assert_int_equal(sd_maximal(&sd, &other) & FILE_READ_ATTRIBUTES,
		FILE_READ_ATTRIBUTES);
}

/* An ACL of simple ACEs: type, flags, mask, the user. */
static size_t make_acl(uint8_t *p, unsigned int n, const uint32_t (*aces)[4])
{
	size_t at = 8;
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct sid_bytes sid;

		sid_of_user(aces[i][3], &sid);
		p[at] = (uint8_t)aces[i][0];
		p[at + 1] = (uint8_t)aces[i][1];
		wire_put16(p + at + 2, (uint16_t)(8 + sid.n));
		wire_put32(p + at + 4, aces[i][2]);
		memcpy(p + at + 8, sid.b, sid.n);
		at += 8 + sid.n;
	}
	p[0] = 2;
	p[1] = 0;
	wire_put16(p + 2, (uint16_t)at);
	wire_put16(p + 4, (uint16_t)n);
	wire_put16(p + 6, 0);
	return at;
}

static void test_order(void **state)
{
	static const struct auth_identity user = {.uid = 1, .gid = 9};
	static const uint32_t aces[][4] = {
		{ACCESS_DENIED_ACE_TYPE, 0, FILE_WRITE_DATA, 1},
		{ACCESS_ALLOWED_ACE_TYPE, 0, FILE_READ_DATA | FILE_WRITE_DATA,
			1},
		{ACCESS_DENIED_ACE_TYPE, 0, FILE_READ_DATA, 1},
		{ACCESS_ALLOWED_ACE_TYPE, INHERIT_ONLY_ACE, DELETE, 1},
		{ACCESS_ALLOWED_ACE_TYPE, 0, WRITE_OWNER, 2},
	};
	uint8_t acl[512];
	struct sd sd = {.control = SE_DACL_PRESENT};

	(void)state;
	sd.dacl = wire_view_of(acl, make_acl(acl, 5, aces));
	/* The first ACE that speaks of a right decides. */
	assert_int_equal(sd_maximal(&sd, &user), FILE_READ_DATA);
	sd.dacl.n = make_acl(acl, 0, NULL);
	assert_int_equal(sd_maximal(&sd, &user), 0);
	sd.control = 0;
	assert_int_equal(sd_maximal(&sd, &user), ACCESS_FILE_ALL);
}

static void test_inherit(void **state)
{
	static const struct auth_identity user = {.uid = 1, .gid = 9};
	static const uint32_t aces[][4] = {
		{ACCESS_ALLOWED_ACE_TYPE, OBJECT_INHERIT_ACE, FILE_READ_DATA,
			1},
		{ACCESS_ALLOWED_ACE_TYPE, CONTAINER_INHERIT_ACE,
			FILE_WRITE_DATA, 1},
		{ACCESS_ALLOWED_ACE_TYPE, 0, DELETE, 1},
	};
	uint8_t acl[512], child[1024];
	struct sd sd = {.control = SE_DACL_PRESENT}, got;
	int n;

	(void)state;
	sd.dacl = wire_view_of(acl, make_acl(acl, 3, aces));
	n = sd_inherit(&sd, &user, false, child, sizeof child);
	assert_int_equal(sd_parse(wire_view_of(child, (size_t)n), &got), 0);
	assert_int_equal(sd_maximal(&got, &user),
		FILE_READ_DATA | READ_CONTROL | WRITE_DAC);
	n = sd_inherit(&sd, &user, true, child, sizeof child);
	assert_int_equal(sd_parse(wire_view_of(child, (size_t)n), &got), 0);
	assert_int_equal(sd_maximal(&got, &user),
		FILE_WRITE_DATA | READ_CONTROL | WRITE_DAC);
	sd.dacl.n = make_acl(acl, 0, NULL);
	assert_int_equal(sd_inherit(&sd, &user, true, child, sizeof child), 0);
}

/* Every truncation and every changed byte is survived. */
static void test_malformed(void **state)
{
	struct files_stat stat = {.mode = S_IFREG | 0644, .uid = 1, .gid = 2};
	uint8_t bytes[1024], copy[1024];
	struct sd sd;
	int n = sd_default(&stat, bytes, sizeof bytes), i, v;

	(void)state;
	for (i = 0; i < n; i++) {
		assert_true(sd_parse(wire_view_of(bytes, (size_t)i), &sd) < 0);
		for (v = 0; v < 256; v += 5) {
			memcpy(copy, bytes, sizeof copy);
			copy[i] = (uint8_t)v;
			if (sd_parse(wire_view_of(copy, (size_t)n), &sd) == 0) {
				sd_maximal(
					&sd, &(struct auth_identity){.uid = 1});
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sharemode),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_generic),
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_inherit),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

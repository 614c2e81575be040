/* SPDX-License-Identifier: MIT */
/*
 * POSIX calls against a server that lies: what it must not be believed, what
 * must be cleaned up behind it, and the bytes of what is sent.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "client/test/scripted.h"

static void all_good(struct scripted *s, uint16_t command, struct wire_view pdu,
	struct scripted_answer *answer)
{
	(void)s;
	(void)pdu;
	scripted_good(command, answer);
}

static bool saw(const struct scripted *s, uint16_t command)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->commands[i] == command) {
			return true;
		}
	}
	return false;
}

static void no_context(struct scripted *s, uint16_t command,
	struct wire_view pdu, struct scripted_answer *answer)
{
	all_good(s, command, pdu, answer);
	if (command == SMB2_CREATE) {
		scripted_create(answer, false, 0, NULL, 0);
	}
}

/* PSX-CLIENT-0001: success alone makes no POSIX open. */
static void an_open_without_context_is_closed(void **state)
{
	(void)state;
	struct scripted s;
	const struct posix_how how = {.disposition = FILE_OPEN};
	struct client_file *file = NULL;
	scripted_start(&s, no_context, NULL);
	assert_int_equal(posix_open(&s.tree, "a", &how, &file), -EPROTO);
	assert_null(file);
	assert_true(saw(&s, SMB2_CLOSE));
	scripted_stop(&s);
}

static void a_share_without_context_has_no_extensions(void **state)
{
	(void)state;
	struct scripted s;
	scripted_start(&s, no_context, NULL);
	s.tree.posix = false;
	assert_int_equal(posix_probe(&s.tree), 0);
	assert_false(s.tree.posix);
	scripted_stop(&s);
	scripted_start(&s, all_good, NULL);
	s.tree.posix = false;
	assert_int_equal(posix_probe(&s.tree), 0);
	assert_true(s.tree.posix);
	scripted_stop(&s);
}

/* The bytes that follow the mode in the context of a CREATE. */
struct sids {
	const uint8_t *bytes;
	size_t n;
};

static void with_sids(struct scripted *s, uint16_t command,
	struct wire_view pdu, struct scripted_answer *answer)
{
	const struct sids *sids = s->ctx;
	all_good(s, command, pdu, answer);
	if (command == SMB2_CREATE) {
		scripted_create(answer, true, 0x1a4, sids->bytes, sids->n);
	}
}

/* PSX-CLIENT-0006: no SID beyond the buffer, none with 16 parts. */
static void sids_are_bounded(void **state)
{
	(void)state;
	uint8_t many[8 + 16 * 4 + 16] = {1, 16, 0, 0, 0, 0, 0, 5};
	memcpy(many + 8 + 64, scripted_sids, 16);
	uint8_t beyond[32];
	memcpy(beyond, scripted_sids, 32);
	beyond[17] = 15;
	const struct {
		struct sids sids;
		bool known;
	} table[] = {
		{{scripted_sids, 32}, true},
		{{scripted_sids, 31}, false},
		{{scripted_sids, 16}, false},
		{{scripted_sids, 0}, false},
		{{beyond, 32}, false},
		{{many, sizeof(many)}, false},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct scripted s;
		const struct posix_how how = {.disposition = FILE_OPEN};
		struct smb3x_stat stat = {0};
		scripted_start(&s, with_sids, &table[i].sids);
		int error = posix_call(&s.tree, "a", &how, NULL, &stat, NULL);
		bool known = error == 0 && stat.uid_known && stat.uid == 1000 &&
			     stat.gid_known && stat.gid == 1000;
		assert_int_equal(known, table[i].known);
		assert_true(error == 0 || error == -EPROTO);
		scripted_stop(&s);
	}
}

static void sids_become_numbers(void **state)
{
	(void)state;
	static const uint8_t nfs[] = {1, 3, 0, 0, 0, 0, 0, 5, 88, 0, 0, 0, 1, 0,
		0, 0, 0xe9, 3, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	static const uint8_t swapped[] = {1, 2, 0, 0, 0, 0, 0, 22, 2, 0, 0, 0,
		0xe8, 3, 0, 0, 1, 2, 0, 0, 0, 0, 0, 22, 1, 0, 0, 0, 0xe8, 3, 0,
		0};
	const struct {
		struct sids sids;
		bool uid, gid;
		const char *owner, *group;
	} table[] = {
		{{nfs, sizeof(nfs)}, true, false, "S-1-5-88-1-1001", "S-1-0-0"},
		{{swapped, sizeof(swapped)}, false, false, "S-1-22-2-1000",
			"S-1-22-1-1000"},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct scripted s;
		const struct posix_how how = {.disposition = FILE_OPEN};
		struct smb3x_stat stat = {0};
		scripted_start(&s, with_sids, &table[i].sids);
		assert_int_equal(
			posix_call(&s.tree, "a", &how, NULL, &stat, NULL), 0);
		assert_int_equal(stat.uid_known, table[i].uid);
		assert_int_equal(stat.gid_known, table[i].gid);
		assert_string_equal(stat.owner, table[i].owner);
		assert_string_equal(stat.group, table[i].group);
		scripted_stop(&s);
	}
}

/* FILE_POSIX_INFORMATION as an answer to QUERY_INFO. */
struct info {
	uint32_t mode;
	size_t cut;
};

static void with_info(struct scripted *s, uint16_t command,
	struct wire_view pdu, struct scripted_answer *answer)
{
	const struct info *info = s->ctx;
	all_good(s, command, pdu, answer);
	if (command != SMB2_QUERY_INFO) {
		return;
	}
	uint8_t bytes[112] = {0};
	wire_put64(bytes + 32, 4);
	wire_put64(bytes + 52, 42);
	wire_put32(bytes + 60, 3);
	wire_put32(bytes + 68, 2);
	wire_put32(bytes + 76, info->mode);
	memcpy(bytes + 80, scripted_sids, 32);
	uint8_t head[8];
	size_t n = sizeof(bytes) - info->cut;
	wire_put16(head, 9);
	wire_put16(head + 2, 72);
	wire_put32(head + 4, (uint32_t)n);
	scripted_append(answer, head, sizeof(head));
	scripted_append(answer, bytes, n);
}

/* PSX-CLIENT-0003 and the types of POSIX-FSCC 2.1. */
static void types_are_told_apart(void **state)
{
	(void)state;
	static const struct {
		struct info info;
		uint32_t mode;
		int error;
	} table[] = {
		{{0x01a4, 0}, S_IFREG | 0644, 0},
		{{0x1fff, 0}, S_IFDIR | 07777, 0},
		{{0x21ff, 0}, S_IFLNK | 0777, 0},
		{{0x31a4, 0}, S_IFCHR | 0644, 0},
		{{0x41a4, 0}, S_IFBLK | 0644, 0},
		{{0x51a4, 0}, S_IFIFO | 0644, 0},
		{{0x61a4, 0}, S_IFSOCK | 0644, 0},
		{{0x71a4, 0}, 0644, 0}, /* nothing that is known */
		{{0x01a4, 1}, 0, -EPROTO},
		{{0x01a4, 32}, 0, -EPROTO},
		{{0x01a4, 60}, 0, -EPROTO},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct scripted s;
		struct smb3x_stat stat = {0};
		scripted_start(&s, with_info, &table[i].info);
		int error = posix_lstat(&s.tree, "a", false, &stat);
		assert_int_equal(error, table[i].error);
		if (error == 0) {
			assert_int_equal(stat.mode, table[i].mode);
			assert_int_equal(stat.inode, 42);
			assert_int_equal(stat.nlink, 2);
		}
		scripted_stop(&s);
	}
}

/* Names of a listing; two bytes each, so that any can be told. */
static const struct {
	const char *utf16;
	size_t n;
	const char *name; /* NULL: must not be told */
} entries[] = {
	{"g\0o\0o\0d\0", 8, "good"},
	{".\0", 2, NULL},
	{".\0.\0", 4, NULL},
	{"", 0, NULL},
	{".\0.\0/\0x\0", 8, NULL},
	{"/\0x\0", 4, NULL},
	{"x\0\0\0y\0", 6, NULL},
	{"\x3d\xd8x\0", 4, NULL}, /* half a surrogate pair */
	{"\\\0:\0", 4, "\\:"},
};

static void with_entries(struct scripted *s, uint16_t command,
	struct wire_view pdu, struct scripted_answer *answer)
{
	all_good(s, command, pdu, answer);
	if (command != SMB2_QUERY_DIRECTORY) {
		return;
	}
	if (s->count > 2) {
		answer->status = STATUS_NO_MORE_FILES;
		return;
	}
	uint8_t list[2048] = {0};
	size_t at = 0;
	size_t total = sizeof(entries) / sizeof(entries[0]);
	for (size_t i = 0; i < total; i++) {
		uint8_t *e = list + at;
		size_t n = 88 + 32 + 4 + entries[i].n;
		wire_put32(e + 84, 0x1a4);
		memcpy(e + 88, scripted_sids, 32);
		wire_put32(e + 120, (uint32_t)entries[i].n);
		memcpy(e + 124, entries[i].utf16, entries[i].n);
		size_t step = (n + 7) / 8 * 8;
		wire_put32(e, i + 1 < total ? (uint32_t)step : 0);
		at += i + 1 < total ? step : n;
	}
	uint8_t head[8];
	wire_put16(head, 9);
	wire_put16(head + 2, 72);
	wire_put32(head + 4, (uint32_t)at);
	scripted_append(answer, head, sizeof(head));
	scripted_append(answer, list, at);
}

static int count_entry(
	void *ctx, const char *name, const struct smb3x_stat *stat)
{
	size_t *at = ctx;
	(void)stat;
	while (entries[*at].name == NULL) {
		(*at)++;
	}
	assert_string_equal(name, entries[*at].name);
	(*at)++;
	return 0;
}

/* PSX-CLIENT-0007 */
static void impossible_names_are_left_out(void **state)
{
	(void)state;
	struct scripted s;
	size_t at = 0;
	scripted_start(&s, with_entries, NULL);
	assert_int_equal(posix_list(&s.tree, "d", count_entry, &at), 0);
	assert_int_equal(at, sizeof(entries) / sizeof(entries[0]));
	scripted_stop(&s);
}

struct stop {
	const char *target;
	uint16_t unparsed;
	bool relative;
	size_t cut;
};

static void with_stop(struct scripted *s, uint16_t command,
	struct wire_view pdu, struct scripted_answer *answer)
{
	const struct stop *stop = s->ctx;
	all_good(s, command, pdu, answer);
	if (command == SMB2_CREATE) {
		scripted_link(
			answer, stop->target, stop->unparsed, stop->relative);
		answer->n -= stop->cut;
	} else {
		answer->status = STATUS_STOPPED_ON_SYMLINK;
		answer->n = 0;
	}
}

static void stops_are_taken_or_refused(void **state)
{
	(void)state;
	static const struct {
		struct stop stop;
		bool known, absolute;
	} table[] = {
		{{"../x/y", 10, true, 0}, true, false},
		{{"/etc", 0, false, 0}, true, true},
		{{"../x/y", 10, true, 2}, false, false},
		{{"../x/y", 10, true, 20}, false, false},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct scripted s;
		struct smb3x_stat stat;
		scripted_start(&s, with_stop, &table[i].stop);
		assert_int_equal(
			posix_lstat(&s.tree, "a/link", true, &stat), -ELOOP);
		const struct path_stop *stop = &s.client.stop;
		assert_int_equal(stop->known, table[i].known);
		if (stop->known) {
			assert_string_equal(stop->target, table[i].stop.target);
			assert_int_equal(stop->absolute, table[i].absolute);
			assert_int_equal(
				stop->unparsed, table[i].stop.unparsed);
		}
		scripted_stop(&s);
	}
}

struct point {
	const char *bytes;
	size_t n;
	const char *target;
	int error;
};

static void with_point(struct scripted *s, uint16_t command,
	struct wire_view pdu, struct scripted_answer *answer)
{
	const struct point *point = s->ctx;
	all_good(s, command, pdu, answer);
	if (command != SMB2_IOCTL) {
		return;
	}
	wire_put32(answer->body + 32, 64 + 48);
	wire_put32(answer->body + 36, (uint32_t)point->n);
	answer->n = 48;
	scripted_append(answer, point->bytes, point->n);
}

static void targets_are_bounded(void **state)
{
	(void)state;
	static const struct point table[] = {
		{"\x0c\0\0\xa0\x10\0\0\0\0\0\4\0\0\0\4\0\1\0\0\0a\0b\0", 24,
			"ab", 0},
		/* names in the other order: only the offsets count */
		{"\x0c\0\0\xa0\x14\0\0\0\4\0\4\0\0\0\4\0\1\0\0\0x\0y\0a\0b\0",
			28, "ab", 0},
		{"\x0c\0\0\xa0\x10\0\0\0\2\0\4\0\0\0\4\0\1\0\0\0a\0b\0", 24,
			NULL, -EPROTO},
		{"\x0c\0\0\xa0\x10\0\0\0\xff\xff\4\0\0\0\4\0\1\0\0\0a\0b\0", 24,
			NULL, -EPROTO},
		{"\x0c\0\0\xa0\x10\0\0\0\0\0\4\0\0\0\4\0\1\0\0\0a\0\0\0", 24,
			NULL, -EPROTO},
		{"\x0c\0\0\xa0\xff\0\0\0\0\0\4\0\0\0\4\0\1\0\0\0a\0b\0", 24,
			NULL, -EPROTO},
		{"\x14\0\0\x80\x0c\0\0\0LNK\1\0\0\0\0a\0b\0", 20, "ab", 0},
		{"\x14\0\0\x80\x08\0\0\0FIFO\0\0\0\0", 16, NULL, -EINVAL},
		{"\x1d\0\0\xa0\x06\0\0\0\2\0\0\0ab", 14, "ab", 0},
		{"\x1d\0\0\xa0\x06\0\0\0\2\0\0\0a\0", 14, NULL, -EPROTO},
		{"\x03\0\0\xa0\x04\0\0\0abcd", 12, NULL, -EINVAL},
		{"\x0c\0\0", 3, NULL, -EPROTO},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct scripted s;
		char target[PATH_TARGET_MAX + 1];
		scripted_start(&s, with_point, &table[i]);
		ssize_t n = posix_readlink(&s.tree, "a", target);
		if (table[i].error == 0) {
			assert_int_equal(n, strlen(table[i].target));
			assert_string_equal(target, table[i].target);
		} else {
			assert_int_equal(n, table[i].error);
		}
		scripted_stop(&s);
	}
}

static void refuses_reparse(struct scripted *s, uint16_t command,
	struct wire_view pdu, struct scripted_answer *answer)
{
	all_good(s, command, pdu, answer);
	if (command == SMB2_IOCTL) {
		answer->status = STATUS_ACCESS_DENIED;
		answer->n = 0;
	}
}

/* PSX-LINK-0004: the placeholder goes when it cannot become the link. */
static void placeholders_are_deleted(void **state)
{
	(void)state;
	struct scripted s;
	scripted_start(&s, refuses_reparse, NULL);
	assert_int_equal(posix_symlink(&s.tree, "t", "a"), -EACCES);
	assert_int_equal(s.client.status, STATUS_ACCESS_DENIED);
	assert_true(saw(&s, SMB2_SET_INFO));
	assert_int_equal(s.last_set_size, 1);
	assert_int_equal(s.last_set[0], 1);
	assert_int_equal(s.commands[s.count - 1], SMB2_CLOSE);
	scripted_stop(&s);
}

static void refuses_close(struct scripted *s, uint16_t command,
	struct wire_view pdu, struct scripted_answer *answer)
{
	all_good(s, command, pdu, answer);
	if (command == SMB2_CLOSE) {
		answer->status = STATUS_ACCESS_DENIED;
		answer->n = 0;
	}
}

/* PSX-CLIENT-0004: a name may stay until the CLOSE, and then for good. */
static void a_failed_close_is_reported(void **state)
{
	(void)state;
	struct scripted s;
	scripted_start(&s, refuses_close, NULL);
	assert_int_equal(posix_remove(&s.tree, "a", false), -EACCES);
	scripted_stop(&s);
}

/* The example of the documents: mode 0750. */
static void chmod_sends_the_known_bytes(void **state)
{
	(void)state;
	static const uint8_t expected[56] = {1, 0, 4, 0x80, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0x14, 0, 0, 0, 2, 0, 0x24, 0, 1, 0, 0, 0, 0, 0,
		0x1c, 0, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 0, 5, 0x58, 0, 0, 0, 3,
		0, 0, 0, 0xe8, 1, 0, 0};
	struct scripted s;
	const struct posix_change change = {
		.set_mode = true, .mode = S_IFREG | 0750};
	scripted_start(&s, all_good, NULL);
	assert_int_equal(posix_change_path(&s.tree, "a", &change, true), 0);
	assert_int_equal(s.last_set_size, sizeof(expected));
	assert_memory_equal(s.last_set, expected, sizeof(expected));
	s.tree.posix = false;
	assert_int_equal(
		posix_change_path(&s.tree, "a", &change, true), -EOPNOTSUPP);
	scripted_stop(&s);
}

static void a_broken_compound_ends_the_connection(void **state)
{
	(void)state;
	struct scripted s;
	scripted_start(&s, all_good, NULL);
	s.break_next = true;
	assert_int_equal(posix_remove(&s.tree, "a", false), -EPROTO);
	assert_true(s.client.broken);
	scripted_stop(&s);
}

/* Times: rounded down, and never a number with a meaning of its own. */
static void times_are_kept_apart(void **state)
{
	(void)state;
	const struct timespec table[] = {{0, 0}, {1, 100}, {-1, 999999900},
		{1234567890, 123456700}, {-11644473599, 0}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct timespec back =
			posix_timespec(posix_filetime(&table[i]));
		assert_int_equal(back.tv_sec, table[i].tv_sec);
		assert_int_equal(back.tv_nsec, table[i].tv_nsec);
	}
	const struct timespec first = {-11644473600, 0};
	const struct timespec before = {INT64_MIN, 0};
	const struct timespec after = {INT64_MAX, 999999999};
	assert_int_equal(posix_filetime(&first), 1);
	assert_int_equal(posix_filetime(&before), 1);
	assert_true(posix_filetime(&after) <= INT64_MAX);
	const struct timespec inexact = {5, 199};
	assert_int_equal(posix_timespec(posix_filetime(&inexact)).tv_nsec, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_open_without_context_is_closed),
		cmocka_unit_test(a_share_without_context_has_no_extensions),
		cmocka_unit_test(sids_are_bounded),
		cmocka_unit_test(sids_become_numbers),
		cmocka_unit_test(types_are_told_apart),
		cmocka_unit_test(impossible_names_are_left_out),
		cmocka_unit_test(stops_are_taken_or_refused),
		cmocka_unit_test(targets_are_bounded),
		cmocka_unit_test(placeholders_are_deleted),
		cmocka_unit_test(a_failed_close_is_reported),
		cmocka_unit_test(chmod_sends_the_known_bytes),
		cmocka_unit_test(a_broken_compound_ends_the_connection),
		cmocka_unit_test(times_are_kept_apart),
	};
	return cmocka_run_group_tests_name("client/posix", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Holes: what fallocate() and lseek() of a client become. Rules PSX-FS-0011,
 * CORE-IOCTL, [MS-FSA] 2.1.5.10.
 */
#include <string.h>

#include "posix/kinds.h"

#define KIB 1024u
#define SIZE (256 * KIB)

static struct file *full_file(struct peer *a, const char *path)
{
	uint8_t *bytes = test_alloc(a->t, SIZE);
	struct file *f = need_posix(a, path, 0644, NULL);

	memset(bytes, 'x', SIZE);
	for (uint64_t at = 0; at < SIZE; at += 64 * KIB) {
		need_ok(a->t, file_write(f, at, bytes + at, 64 * KIB));
	}
	return f;
}

static struct wire_view two_numbers(
	struct test *t, uint64_t first, uint64_t second)
{
	uint8_t *bytes = test_alloc(t, 16);

	wire_put64(bytes, first);
	wire_put64(bytes + 8, second);
	return wire_view_of(bytes, 16);
}

static struct reply *zero(struct file *f, uint64_t from, uint64_t beyond)
{
	return file_fsctl(f, FSCTL_SET_ZERO_DATA,
		two_numbers(f->peer->t, from, beyond), 0);
}

/* The ranges that hold data, in the whole file. */
static struct reply *ranges_of(struct file *f)
{
	return file_fsctl(f, FSCTL_QUERY_ALLOCATED_RANGES,
		two_numbers(f->peer->t, 0, 16 * 1024 * KIB), 4096);
}

static bool covered(const struct reply *ranges, uint64_t offset)
{
	struct wire_view data = fsctl_data(ranges);

	for (size_t i = 0; i + 16 <= data.n; i += 16) {
		uint64_t from = wire_get64(data.p + i);
		if (offset >= from &&
			offset - from < wire_get64(data.p + i + 8)) {
			return true;
		}
	}
	return false;
}

CONF_TEST(posix, punched_hole, "zeroing whole blocks leaves a hole",
	RULES(PSX_FS_0011, CORE_IOCTL_0023, CORE_IOCTL_0025, CORE_IOCTL_0026),
	NEEDS(POSIX_EXTENSIONS, FSCTL(FSCTL_SET_ZERO_DATA),
		FSCTL(FSCTL_QUERY_ALLOCATED_RANGES)))
{
	static const uint8_t zeroes[16];
	struct peer *a = posix_client(t);
	struct file *f = full_file(a, "x");
	stop_ok(t, zero(f, 64 * KIB, 192 * KIB), CORE_IOCTL_0025);
	struct reply *r = file_read(f, 64 * KIB, 16);
	check_bytes(t, r, read_data(r), wire_view_of(zeroes, 16), "Data",
		CORE_IOCTL_0025);
	r = posix_query(f);
	check_part(t, r, query_data(r), &file_posix_information_type,
		FILE_POSIX_INFORMATION_F_END_OF_FILE, SIZE, CORE_IOCTL_0026);
	r = ranges_of(f);
	stop_ok(t, r, CORE_IOCTL_0023);
	check(t, r, covered(r, 0) && covered(r, 192 * KIB), CORE_IOCTL_0023,
		"the ranges cover what is left of the data");
	check(t, r, !covered(r, 128 * KIB), PSX_FS_0011,
		"the middle of the zeroed part is a hole");
}

CONF_TEST(posix, written_far_behind,
	"what was never written between two parts of a file is a hole",
	RULES(CORE_IOCTL_0023, CORE_WRITE_0012),
	NEEDS(POSIX_EXTENSIONS, FSCTL(FSCTL_QUERY_ALLOCATED_RANGES)))
{
	static const uint8_t zeroes[16];
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0644, NULL);
	need_ok(t, file_write(f, 0, "begin", 5));
	need_ok(t, file_write(f, 1024 * KIB, "end", 3));
	struct reply *r = ranges_of(f);
	stop_ok(t, r, CORE_IOCTL_0023);
	check(t, r, covered(r, 0) && covered(r, 1024 * KIB), CORE_IOCTL_0023,
		"the ranges cover both parts");
	observe(t, r, "hole", "%s",
		covered(r, 512 * KIB) ? "reported as data" : "reported");
	r = file_read(f, 512 * KIB, 16);
	check_bytes(t, r, read_data(r), wire_view_of(zeroes, 16), "gap",
		CORE_WRITE_0012);
}

static const struct {
	const char *name;
	enum open_kind source, target;
} clone_rows[] = {{"posix_to_posix", P, P}, {"posix_to_ordinary", P, W},
	{"ordinary_to_posix", W, P}};

CONF_TABLE(posix, cloned, clone_rows,
	"a part of one file is cloned into another, between opens of any kind",
	RULES(CORE_IOCTL_0021),
	NEEDS(POSIX_EXTENSIONS, FSCTL(FSCTL_DUPLICATE_EXTENTS_TO_FILE)))
{
	struct peer *a = posix_client(t);
	need_ok(t, file_close(full_file(a, "x")));
	posix_make_file(a, "y", 0644);
	struct file *from = need_kind(a, row->source, "x", NULL);
	struct file *to = need_kind(a, row->target, "y", NULL);
	static const uint8_t size[8] = {0, 0, 4};
	need_ok(t, file_set(to, SMB2_0_INFO_FILE, FileEndOfFileInformation,
			   wire_view_of(size, 8)));
	const struct smb2_duplicate_extents_data clone = {
		.source_file_id = from->id, .byte_count = SIZE};
	struct reply *r = file_fsctl(to, FSCTL_DUPLICATE_EXTENTS_TO_FILE,
		encoded(t, &smb2_duplicate_extents_data_type, &clone), 0);
	need_capability(
		t, r, r->status == STATUS_SUCCESS, "a file system that clones");
	r = file_read(to, 128 * KIB, 4);
	check_bytes(t, r, read_data(r), text_bytes("xxxx"), "Data",
		CORE_IOCTL_0021);
}

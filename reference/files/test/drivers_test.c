/* SPDX-License-Identifier: MIT */
/*
 * One table of operations, run against both drivers of ports/files.h: the
 * memory driver, and the Linux driver on a directory of its own.
 */
#include "files/test/world.h"

static void test_open(void **state)
{
	struct world *w = *state;
	struct files_node *dir, *file;

	assert_int_equal(try_open(w, "a", NULL, FILES_OPEN_EXISTING, FILES_ANY),
		-ENOENT);
	assert_false(w->op.parent_missing);
	assert_int_equal(try_open(w, "a/b", NULL, FILES_CREATE_NEW, FILES_FILE),
		-ENOENT);
	assert_true(w->op.parent_missing);
	dir = make(w, "Dir", FILES_DIRECTORY);
	assert_true(w->op.stat.directory);
	assert_int_equal(w->op.stat.dos_attributes & 0x10, 0x10);
	file = make(w, "dir/File", FILES_FILE);
	assert_string_equal(w->op.actual_name, "Dir/File");
	assert_false(w->op.stat.directory);
	assert_int_equal(
		try_open(w, "DIR/fILE", NULL, FILES_CREATE_NEW, FILES_FILE),
		-EEXIST);
	assert_int_equal(
		try_open(w, "DIR/fILE/x", NULL, FILES_OPEN_EXISTING, FILES_ANY),
		-ENOENT);
	assert_true(w->op.parent_missing);
	assert_int_equal(try_open(w, "dir/file", NULL, FILES_OPEN_EXISTING,
				 FILES_DIRECTORY),
		-ENOTDIR);
	assert_int_equal(
		try_open(w, "dir", NULL, FILES_OPEN_EXISTING, FILES_FILE),
		-EISDIR);
	put(w, file, 0, "hello");
	assert_int_equal(try_open(w, "DIR/FILE", NULL, FILES_TRUNCATE_EXISTING,
				 FILES_FILE),
		0);
	assert_true(w->op.truncated);
	assert_false(w->op.created);
	assert_int_equal(w->op.stat.size, 0);
	assert_string_equal(w->op.actual_name, "Dir/File");
	shut(w, w->op.node);
	expect(w, file, 0, "");
	shut(w, file);
	shut(w, dir);
	assert_int_equal(
		try_open(w, "", NULL, FILES_OPEN_EXISTING, FILES_DIRECTORY), 0);
	shut(w, w->op.node);
}

static void test_data(void **state)
{
	struct world *w = *state;
	struct files_node *a = make(w, "a", FILES_FILE);
	struct files_node *b = make(w, "b", FILES_FILE);
	uint8_t bytes[8];
	struct files_op *op;

	put(w, a, 0, "0123456789");
	expect(w, a, 3, "3456789");
	expect(w, a, 10, "");
	put(w, a, 12, "x");
	stat_of(w, a);
	assert_int_equal(w->op.stat.size, 13);
	fresh(w, a)->offset = 4;
	assert_int_equal(run(w, FILES_TRUNCATE), 0);
	expect(w, a, 0, "0123");
	op = fresh(w, b);
	op->from = a;
	op->from_offset = 1;
	op->offset = 2;
	op->size = 100;
	assert_int_equal(run(w, FILES_COPY), 0);
	assert_int_equal(op->transferred, 3);
	expect(w, b, 2, "123");
	fresh(w, a)->offset = 1;
	w->op.size = 2;
	assert_int_equal(run(w, FILES_ZERO), 0);
	stat_of(w, a);
	assert_int_equal(w->op.stat.size, 4);
	expect(w, a, 3, "3");
	op = fresh(w, a);
	op->data = bytes;
	op->size = sizeof bytes;
	assert_int_equal(run(w, FILES_READ), 0);
	assert_int_equal(op->transferred, 4);
	assert_memory_equal(bytes,
		"0\0\0"
		"3",
		4);
	fresh(w, a);
	assert_int_equal(run(w, FILES_FLUSH), 0);
	shut(w, a);
	shut(w, b);
}

static void test_holes(void **state)
{
	struct world *w = *state;
	struct files_node *a = make(w, "sparse", FILES_FILE);
	struct files_op *op;

	put(w, a, 1 << 20, "end");
	put(w, a, 0, "start");
	op = fresh(w, a);
	op->size = 2 << 20;
	assert_int_equal(run(w, FILES_RANGES), 0);
	assert_int_equal(op->range_count, 2);
	assert_int_equal(op->ranges[0].offset, 0);
	assert_int_equal(op->ranges[0].size, 4096);
	assert_int_equal(op->ranges[1].offset, 1 << 20);
	assert_int_equal(op->ranges[1].size, 3);
	op = fresh(w, a);
	op->size = 65536;
	assert_int_equal(run(w, FILES_ZERO), 0);
	op = fresh(w, a);
	op->size = 2 << 20;
	assert_int_equal(run(w, FILES_RANGES), 0);
	assert_int_equal(op->range_count, 1);
	assert_int_equal(op->ranges[0].offset, 1 << 20);
	stat_of(w, a);
	assert_int_equal(w->op.stat.size, (1 << 20) + 3);
	assert_true(w->op.stat.allocation < 65536);
	shut(w, a);
}

static void test_room(void **state)
{
	struct world *w = *state;
	struct files_node *a = make(w, "room", FILES_FILE);
	struct files_op *op = fresh(w, a);

	op->offset = 1 << 20;
	assert_int_equal(run(w, FILES_ALLOCATE), 0);
	stat_of(w, a);
	assert_int_equal(w->op.stat.size, 0);
	assert_true(w->op.stat.allocation >= 1 << 20);
	put(w, a, 0, "start");
	stat_of(w, a);
	assert_int_equal(w->op.stat.size, 5);
	assert_true(w->op.stat.allocation >= 1 << 20);
	fresh(w, a)->offset = 5;
	assert_int_equal(run(w, FILES_ALLOCATE), 0);
	fresh(w, a)->offset = 4;
	assert_int_equal(run(w, FILES_TRUNCATE), 0);
	stat_of(w, a);
	assert_true(w->op.stat.allocation < 1 << 20);
	fresh(w, a)->offset = UINT64_MAX / 4;
	assert_true(run(w, FILES_ALLOCATE) < 0);
	shut(w, a);
}

static void test_attributes(void **state)
{
	struct world *w = *state;
	struct files_node *a = make(w, "a", FILES_FILE);
	struct files_op *op;

	assert_int_equal(w->op.stat.dos_attributes, 0x20);
	op = fresh(w, a);
	op->stat.create_time = 131000000000000000ull;
	op->stat.access_time = 131000000010000000ull;
	op->stat.write_time = 131000000020000000ull;
	op->stat.dos_attributes = 0x3;
	op->set_attributes = true;
	assert_int_equal(run(w, FILES_SET_STAT), 0);
	stat_of(w, a);
	assert_int_equal(w->op.stat.dos_attributes, 0x3);
	assert_int_equal(w->op.stat.create_time, 131000000000000000ull);
	assert_int_equal(w->op.stat.access_time, 131000000010000000ull);
	assert_int_equal(w->op.stat.write_time, 131000000020000000ull);
	op = fresh(w, a);
	op->stat.write_time = 132000000000000000ull;
	assert_int_equal(run(w, FILES_SET_STAT), 0);
	stat_of(w, a);
	assert_int_equal(w->op.stat.dos_attributes, 0x3);
	assert_int_equal(w->op.stat.create_time, 131000000000000000ull);
	assert_int_equal(w->op.stat.write_time, 132000000000000000ull);
	shut(w, a);
}

/* What is written through the node leaves the time alone, whether it was set
 * or only held, until it is let go; other nodes do as always. */
static void test_held_write_time(void **state)
{
	struct world *w = *state;
	struct files_node *a = make(w, "held", FILES_FILE);
	uint64_t old = 131000000000000000ull;
	struct files_op *op = fresh(w, a);

	op->stat.write_time = old;
	op->hold_write_time = true;
	assert_int_equal(run(w, FILES_SET_STAT), 0);
	put(w, a, 0, "abc");
	fresh(w, a)->offset = 2;
	assert_int_equal(run(w, FILES_TRUNCATE), 0);
	stat_of(w, a);
	assert_int_equal(w->op.stat.write_time, old);
	op = fresh(w, a);
	op->free_write_time = true;
	assert_int_equal(run(w, FILES_SET_STAT), 0);
	put(w, a, 0, "abc");
	stat_of(w, a);
	assert_int_not_equal(w->op.stat.write_time, old);
	op = fresh(w, a);
	op->hold_write_time = true;
	assert_int_equal(run(w, FILES_SET_STAT), 0);
	stat_of(w, a);
	old = w->op.stat.write_time;
	put(w, a, 0, "abcd");
	stat_of(w, a);
	assert_int_equal(w->op.stat.write_time, old);
	shut(w, a);
}

static void test_blobs(void **state)
{
	struct world *w = *state;
	struct files_node *a = make(w, "a", FILES_FILE);
	static uint8_t big[15000], back[16000];
	size_t i;

	for (i = 0; i < sizeof big; i++) {
		big[i] = (uint8_t)(i * 7 + 1);
	}
	assert_int_equal(get_blob(w, a, FILES_BLOB_SECURITY, back, sizeof back),
		-ENODATA);
	/* Small, then larger than an attribute of ext4 may be, then small. */
	for (i = 0; i < 3; i++) {
		size_t n = i == 1 ? sizeof big : 100 + i;

		assert_int_equal(
			set_blob(w, a, FILES_BLOB_SECURITY, big, n), 0);
		memset(back, 0, sizeof back);
		assert_int_equal(
			get_blob(w, a, FILES_BLOB_SECURITY, back, sizeof back),
			0);
		assert_int_equal(w->op.transferred, n);
		assert_memory_equal(back, big, n);
		assert_int_equal(
			get_blob(w, a, FILES_BLOB_SECURITY, back, 50), -ERANGE);
	}
	assert_int_equal(set_blob(w, a, FILES_BLOB_REPARSE, big, 12), 0);
	stat_of(w, a);
	assert_int_equal(w->op.stat.reparse_tag, wire_get32(big));
	assert_int_equal(w->op.stat.dos_attributes, 0x420);
	assert_int_equal(set_blob(w, a, FILES_BLOB_REPARSE, NULL, 0), 0);
	stat_of(w, a);
	assert_int_equal(w->op.stat.reparse_tag, 0);
	assert_int_equal(w->op.stat.dos_attributes, 0x20);
	shut(w, a);
}

static void test_eas(void **state)
{
	struct world *w = *state;
	struct files_node *a = make(w, "a", FILES_FILE);

	assert_int_equal(set_ea(w, a, "Colour", "red"), 0);
	assert_int_equal(set_ea(w, a, "COLOUR", "green"), 0);
	fresh(w, a);
	assert_int_equal(run(w, FILES_GET_EA), 0);
	assert_int_equal(w->op.entry_count, 1);
	assert_string_equal(w->entries[0].name, "Colour");
	assert_int_equal(w->entries[0].value.n, 5);
	assert_memory_equal(w->entries[0].value.p, "green", 5);
	stat_of(w, a);
	assert_int_equal(w->op.stat.ea_size, 4 + 5 + 6 + 5);
	assert_int_equal(set_ea(w, a, "Size", "L"), 0);
	fresh(w, a)->offset = 1;
	assert_int_equal(run(w, FILES_GET_EA), 0);
	assert_int_equal(w->op.entry_count, 1);
	assert_int_equal(set_ea(w, a, "colour", ""), 0);
	assert_int_equal(set_ea(w, a, "size", ""), 0);
	fresh(w, a);
	assert_int_equal(run(w, FILES_GET_EA), 0);
	assert_int_equal(w->op.entry_count, 0);
	stat_of(w, a);
	assert_int_equal(w->op.stat.ea_size, 0);
	shut(w, a);
}

static void test_streams(void **state)
{
	struct world *w = *state;
	struct files_node *a = make(w, "a", FILES_FILE), *s, *t;

	assert_int_equal(
		try_open(w, "a", "one", FILES_OPEN_EXISTING, FILES_ANY),
		-ENOENT);
	assert_int_equal(
		try_open(w, "a", "one", FILES_OPEN_OR_CREATE, FILES_ANY), 0);
	assert_true(w->op.created);
	s = w->op.node;
	put(w, s, 100000, "far beyond what an attribute holds");
	put(w, a, 0, "main");
	assert_int_equal(
		try_open(w, "A", "ONE", FILES_CREATE_NEW, FILES_ANY), -EEXIST);
	assert_int_equal(
		try_open(w, "A", "ONE", FILES_OPEN_EXISTING, FILES_ANY), 0);
	t = w->op.node;
	assert_int_equal(w->op.stat.size, 100034);
	expect(w, t, 100004, "beyond what an attribute holds");
	expect(w, a, 0, "main");
	fresh(w, a);
	assert_int_equal(run(w, FILES_STREAMS), 0);
	assert_int_equal(w->op.entry_count, 1);
	assert_string_equal(w->entries[0].name, "one");
	assert_int_equal(w->entries[0].stat.size, 100034);
	fresh(w, s)->stream = "two";
	assert_int_equal(run(w, FILES_RENAME), 0);
	fresh(w, s);
	assert_int_equal(run(w, FILES_STREAMS), 0);
	assert_int_equal(w->op.entry_count, 1);
	assert_string_equal(w->entries[0].name, "two");
	fresh(w, s);
	assert_int_equal(run(w, FILES_UNLINK), 0);
	fresh(w, a);
	assert_int_equal(run(w, FILES_STREAMS), 0);
	assert_int_equal(w->op.entry_count, 0);
	/* A file that appears with its stream. */
	assert_int_equal(
		try_open(w, "new", "s", FILES_OPEN_OR_CREATE, FILES_ANY), 0);
	assert_true(w->op.created);
	shut(w, w->op.node);
	assert_int_equal(
		try_open(w, "new", NULL, FILES_OPEN_EXISTING, FILES_FILE), 0);
	shut(w, w->op.node);
	shut(w, s);
	shut(w, t);
	shut(w, a);
}

/* Streams and EAs go with the data of a file that is overwritten. */
static void test_overwrite(void **state)
{
	struct world *w = *state;
	struct files_node *a = make(w, "a", FILES_FILE), *stream;
	struct files_op *op;

	put(w, a, 0, "data");
	assert_int_equal(set_ea(w, a, "Colour", "red"), 0);
	assert_int_equal(try_open(w, "a", "s", FILES_CREATE_NEW, FILES_ANY), 0);
	stream = w->op.node;
	/* An overwritten stream takes nothing along. */
	op = fresh(w, stream);
	op->open.how = FILES_TRUNCATE_EXISTING;
	assert_int_equal(run(w, FILES_REOPEN), 0);
	fresh(w, a);
	assert_int_equal(run(w, FILES_STREAMS), 0);
	assert_int_equal(w->op.entry_count, 1);
	shut(w, stream);
	op = fresh(w, a);
	op->open.how = FILES_TRUNCATE_EXISTING;
	assert_int_equal(run(w, FILES_REOPEN), 0);
	assert_true(op->truncated);
	assert_int_equal(op->stat.size, 0);
	fresh(w, a);
	assert_int_equal(run(w, FILES_STREAMS), 0);
	assert_int_equal(w->op.entry_count, 0);
	fresh(w, a);
	assert_int_equal(run(w, FILES_GET_EA), 0);
	assert_int_equal(w->op.entry_count, 0);
	shut(w, a);
}

/* A path that leads nowhere tells of the link on its way. */
static void test_link_end(void **state)
{
	static uint8_t link[12] = {0x0c, 0, 0, 0xa0, 4};
	struct world *w = *state;
	struct files_node *a = make(w, "Dir", FILES_DIRECTORY);
	struct files_node *b = make(w, "Dir/link", FILES_DIRECTORY);
	struct files_op *op = fresh(w, b);

	op->blob = FILES_BLOB_REPARSE;
	op->data = link;
	op->size = sizeof link;
	assert_int_equal(run(w, FILES_SET_BLOB), 0);
	assert_int_equal(try_open(w, "dir/Link/x/y", NULL, FILES_OPEN_EXISTING,
				 FILES_ANY),
		-ENOENT);
	assert_int_equal(w->op.link_end, 8);
	assert_int_equal(try_open(w, "dir/other/x", NULL, FILES_OPEN_EXISTING,
				 FILES_ANY),
		-ENOENT);
	assert_int_equal(w->op.link_end, 0);
	shut(w, a);
	shut(w, b);
}

/* A change time that was set holds until something changes. */
static void test_change_time(void **state)
{
	struct world *w = *state;
	struct files_node *a = make(w, "a", FILES_FILE);
	const uint64_t time = 125000000000000000ull;
	struct files_op *op = fresh(w, a);

	op->stat.change_time = time;
	op->stat.write_time = time + 10;
	assert_int_equal(run(w, FILES_SET_STAT), 0);
	stat_of(w, a);
	assert_int_equal(w->op.stat.change_time, time);
	assert_int_equal(w->op.stat.write_time, time + 10);
	assert_int_equal(w->op.stat.dos_attributes, 0x20);
	usleep(30000);
	put(w, a, 0, "x");
	stat_of(w, a);
	assert_true(w->op.stat.change_time > time);
	shut(w, a);
}

static void test_readdir(void **state)
{
	struct world *w = *state;
	struct files_node *dir = make(w, "d", FILES_DIRECTORY), *n;
	char names[1024], path[32];
	unsigned int i, count = 0, got;

	assert_int_equal(list(w, dir, true, names), 0);
	n = make(w, "d/sub", FILES_DIRECTORY);
	shut(w, n);
	n = make(w, "d/file", FILES_FILE);
	put(w, n, 0, "1234567");
	shut(w, n);
	/* Leaves something beside the file that must not show. */
	assert_int_equal(
		try_open(w, "d/file", "s", FILES_OPEN_OR_CREATE, FILES_ANY), 0);
	shut(w, w->op.node);
	assert_int_equal(list(w, dir, true, names), 2);
	assert_string_equal(names, "file sub ");
	assert_int_equal(w->entries[0].stat.size, 7);
	assert_true(w->entries[1].stat.directory);
	assert_int_equal(list(w, dir, false, names), 0);
	for (i = 0; i < 40; i++) {
		snprintf(path, sizeof path, "d/f%u", i);
		shut(w, make(w, path, FILES_FILE));
	}
	got = list(w, dir, true, names);
	while (got > 0) {
		count += got;
		got = list(w, dir, false, names);
	}
	assert_int_equal(count, 42);
	assert_int_equal(
		try_open(w, "", NULL, FILES_OPEN_EXISTING, FILES_ANY), 0);
	n = w->op.node;
	assert_int_equal(list(w, n, true, names), 1);
	assert_string_equal(names, "d ");
	shut(w, n);
	shut(w, dir);
}

static void test_rename(void **state)
{
	struct world *w = *state;
	struct files_node *d = make(w, "d", FILES_DIRECTORY);
	struct files_node *a = make(w, "d/a", FILES_FILE);
	struct files_node *b = make(w, "b", FILES_FILE);
	char names[1024];

	put(w, a, 0, "A");
	assert_int_equal(rename_to(w, a, "B", false), -EEXIST);
	assert_int_equal(rename_to(w, a, "d", true), -EISDIR);
	assert_int_equal(rename_to(w, a, "none/x", true), -ENOENT);
	assert_true(w->op.parent_missing);
	assert_int_equal(rename_to(w, d, "d/below", true), -EINVAL);
	assert_int_equal(rename_to(w, a, "B", true), 0);
	assert_int_equal(list(w, d, true, names), 0);
	assert_int_equal(
		try_open(w, "b", NULL, FILES_OPEN_EXISTING, FILES_ANY), 0);
	assert_string_equal(w->op.actual_name, "B");
	expect(w, w->op.node, 0, "A");
	shut(w, w->op.node);
	/* Only the case changes. */
	assert_int_equal(rename_to(w, a, "b", false), 0);
	assert_int_equal(
		try_open(w, "B", NULL, FILES_OPEN_EXISTING, FILES_ANY), 0);
	assert_string_equal(w->op.actual_name, "b");
	shut(w, w->op.node);
	/* What is below moves along and can still be removed. */
	assert_int_equal(rename_to(w, a, "d/a", false), 0);
	assert_int_equal(rename_to(w, d, "e", false), 0);
	fresh(w, d);
	assert_int_equal(run(w, FILES_UNLINK), -ENOTEMPTY);
	fresh(w, a);
	assert_int_equal(run(w, FILES_UNLINK), 0);
	fresh(w, d);
	assert_int_equal(run(w, FILES_UNLINK), 0);
	assert_int_equal(try_open(w, "e", NULL, FILES_OPEN_EXISTING, FILES_ANY),
		-ENOENT);
	expect(w, a, 0, "A");
	shut(w, a);
	shut(w, b);
	shut(w, d);
}

static void test_link(void **state)
{
	struct world *w = *state;
	struct files_node *a = make(w, "a", FILES_FILE);
	struct files_op *op = fresh(w, a);

	op->path = "z";
	op->open.nocase = true;
	assert_int_equal(run(w, FILES_LINK), 0);
	op = fresh(w, a);
	op->path = "Z";
	op->open.nocase = true;
	assert_int_equal(run(w, FILES_LINK), -EEXIST);
	stat_of(w, a);
	assert_int_equal(w->op.stat.nlink, 2);
	put(w, a, 0, "both");
	fresh(w, a);
	assert_int_equal(run(w, FILES_UNLINK), 0);
	assert_int_equal(
		try_open(w, "z", NULL, FILES_OPEN_EXISTING, FILES_ANY), 0);
	assert_int_equal(w->op.stat.nlink, 1);
	expect(w, w->op.node, 0, "both");
	shut(w, w->op.node);
	shut(w, a);
}

static void test_statfs(void **state)
{
	struct world *w = *state;

	fresh(w, NULL);
	assert_int_equal(run(w, FILES_STATFS), 0);
	assert_true(w->op.fs.total >= w->op.fs.available);
	assert_true(w->op.fs.total > 0);
	assert_true(w->op.fs.block_size >= 512);
	w->port->read_only = true;
	assert_int_equal(
		try_open(w, "x", NULL, FILES_CREATE_NEW, FILES_ANY), -EROFS);
	w->port->read_only = false;
}

/* Only the Linux driver: nothing outside the share, nothing of its own. */
static void test_confined(void **state)
{
	struct world *w = *state;
	struct files_node *a;
	char path[128];
	struct stat st;

	snprintf(path, sizeof path, "%s/out", w->root);
	assert_int_equal(symlink("/etc", path), 0);
	snprintf(path, sizeof path, "%s/up", w->root);
	assert_int_equal(symlink("../..", path), 0);
	snprintf(path, sizeof path, "%s/in", w->root);
	assert_int_equal(symlink("real", path), 0);
	assert_int_equal(
		try_open(w, "out/passwd", NULL, FILES_OPEN_EXISTING, FILES_ANY),
		-EACCES);
	assert_int_equal(
		try_open(w, "up", NULL, FILES_OPEN_EXISTING, FILES_ANY),
		-EACCES);
	a = make(w, "real", FILES_FILE);
	put(w, a, 0, "inside");
	shut(w, a);
	assert_int_equal(
		try_open(w, "in", NULL, FILES_OPEN_EXISTING, FILES_ANY), 0);
	expect(w, w->op.node, 0, "inside");
	shut(w, w->op.node);
	assert_int_equal(
		try_open(w, "real", "s", FILES_OPEN_OR_CREATE, FILES_ANY), 0);
	a = w->op.node;
	snprintf(path, sizeof path, "%s/.smb3x", w->root);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(
		try_open(w, ".SMB3x", NULL, FILES_OPEN_EXISTING, FILES_ANY),
		-EACCES);
	assert_int_equal(
		try_open(w, ".smb3x/x", NULL, FILES_OPEN_OR_CREATE, FILES_ANY),
		-EACCES);
	shut(w, a);
	/* The last name takes the side directory along. */
	assert_int_equal(
		try_open(w, "real", NULL, FILES_OPEN_EXISTING, FILES_ANY), 0);
	a = w->op.node;
	fresh(w, a);
	assert_int_equal(run(w, FILES_UNLINK), 0);
	shut(w, a);
	assert_int_equal(rmdir(path), 0);
}

/* Only as root: a user's rights are the user's. */
static void test_identity(void **state)
{
	static const struct auth_identity nobody = {
		.user = "nobody", .uid = 65534, .gid = 65534};
	struct world *w = *state;
	struct files_op *op;

	if (geteuid() != 0) {
		skip();
	}
	shut(w, make(w, "roots", FILES_FILE));
	assert_int_equal(chmod(w->root, 0777), 0);
	op = fresh(w, NULL);
	op->who = &nobody;
	op->path = "roots";
	op->open.write = true;
	assert_int_equal(run(w, FILES_OPEN), -EACCES);
	op = fresh(w, NULL);
	op->who = &nobody;
	op->path = "mine";
	op->open.how = FILES_CREATE_NEW;
	op->open.mode = 0644;
	assert_int_equal(run(w, FILES_OPEN), 0);
	assert_int_equal(op->stat.uid, 65534);
	assert_int_equal(op->stat.gid, 65534);
	shut(w, op->node);
	/* And back again. */
	assert_int_equal(
		try_open(w, "roots", NULL, FILES_OPEN_EXISTING, FILES_ANY), 0);
	shut(w, w->op.node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_open),
		BOTH(test_data),
		BOTH(test_holes),
		BOTH(test_room),
		BOTH(test_attributes),
		BOTH(test_held_write_time),
		BOTH(test_blobs),
		BOTH(test_eas),
		BOTH(test_streams),
		BOTH(test_overwrite),
		BOTH(test_link_end),
		BOTH(test_change_time),
		BOTH(test_readdir),
		BOTH(test_rename),
		BOTH(test_link),
		BOTH(test_statfs),
		ONLY_LINUX(test_confined),
		ONLY_LINUX(test_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The view of POSIX clients (op->posix of ports/files.h), against both
 * drivers; what only a real file system has against the Linux driver.
 */
#include "files/test/world.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "wire/all.h"

static int px_open(struct world *w, const char *path, enum files_create how,
	enum files_type type, uint32_t mode)
{
	struct files_op *op = fresh(w, NULL);

	op->path = path;
	op->posix = true;
	op->open.how = how;
	op->open.type = type;
	op->open.nocase = true; /* not looked at */
	op->open.mode = mode;
	op->open.read = op->open.write = type != FILES_ANY;
	op->open.dos_attributes = 3; /* nor this */
	return run(w, FILES_OPEN);
}

static struct files_node *px_make(
	struct world *w, const char *path, enum files_type type, uint32_t mode)
{
	assert_int_equal(px_open(w, path, FILES_CREATE_NEW, type, mode), 0);
	assert_true(w->op.created);
	return w->op.node;
}

static void px_touch(struct world *w, const char *path, enum files_type type)
{
	shut(w, px_make(w, path, type, 0755));
}

/* The object itself, link or not. */
static struct files_node *px_find(struct world *w, const char *path)
{
	struct files_op *op = fresh(w, NULL);

	op->path = path;
	op->posix = true;
	op->open.no_follow = true;
	assert_int_equal(run(w, FILES_OPEN), 0);
	return op->node;
}

static int px_rename(struct world *w, const char *from, const char *to,
	bool replace, enum files_verb verb)
{
	struct files_node *node = px_find(w, from);
	struct files_op *op = fresh(w, node);
	size_t link_end;
	int r;

	op->path = to;
	op->replace = replace;
	r = run(w, verb);
	link_end = op->link_end;
	shut(w, node);
	w->op.link_end = link_end;
	return r;
}

static int px_lookup(struct world *w, const char *path)
{
	struct files_op *op = fresh(w, NULL);

	op->path = path;
	op->posix = true;
	return run(w, FILES_LOOKUP);
}

static int px_unlink(struct world *w, struct files_node *node)
{
	fresh(w, node);
	return run(w, FILES_UNLINK);
}

static void test_names(void **state)
{
	static const char *const names[] = {"a", "A", "back\\slash", "a:b",
		"a::$DATA", "con", " ", "a.", "a ", "...", "*?<>|\"", "\x01",
		"\xc3\xa4", "\xc3\x84"};
	struct world *w = *state;
	struct files_node *root;
	char text[1024], longest[300];
	size_t i;

	for (i = 0; i < sizeof names / sizeof *names; i++) {
		px_touch(w, names[i], FILES_FILE);
	}
	for (i = 0; i < sizeof names / sizeof *names; i++) {
		assert_int_equal(px_lookup(w, names[i]), 0);
		assert_string_equal(w->op.actual_name, names[i]);
	}
	assert_int_equal(
		px_open(w, "CON", FILES_OPEN_EXISTING, FILES_ANY, 0), -ENOENT);
	root = px_find(w, "");
	assert_int_equal(
		list(w, root, true, text), sizeof names / sizeof *names);
	shut(w, root);
	memset(longest, 'x', sizeof longest);
	longest[255] = 0;
	px_touch(w, longest, FILES_FILE);
	longest[255] = 'x';
	longest[256] = 0;
	assert_int_equal(
		px_open(w, longest, FILES_CREATE_NEW, FILES_FILE, 0644),
		-ENAMETOOLONG);
	assert_int_equal(px_open(w, "a/b", FILES_CREATE_NEW, FILES_FILE, 0644),
		-ENOTDIR);
	assert_true(w->op.parent_missing);
	assert_int_equal(
		px_open(w, "b/b", FILES_CREATE_NEW, FILES_FILE, 0644), -ENOENT);
	assert_true(w->op.parent_missing);
}

static void test_mode(void **state)
{
	static const uint32_t modes[] = {
		0, 0200, 0400, 0644, 0666, 0777, 01777, 02755, 04711, 07777};
	struct world *w = *state;
	mode_t before = umask(077);
	struct files_node *node;
	char name[16];
	size_t i;

	for (i = 0; i < sizeof modes / sizeof *modes; i++) {
		snprintf(name, sizeof name, "f%zu", i);
		node = px_make(w, name, FILES_FILE, modes[i]);
		assert_int_equal(w->op.stat.mode, S_IFREG | modes[i]);
		assert_int_equal(w->op.stat.dos_attributes, 0x20);
		put(w, node, 0, "x");
		shut(w, node);
		snprintf(name, sizeof name, "d%zu", i);
		node = px_make(w, name, FILES_DIRECTORY, modes[i]);
		assert_int_equal(w->op.stat.mode, S_IFDIR | modes[i]);
		assert_int_equal(w->op.stat.nlink, 2);
		shut(w, node);
	}
	assert_int_equal(umask(before), 077);
	node = px_make(w, "c", FILES_FILE, 0644);
	for (i = 0; i < sizeof modes / sizeof *modes; i++) {
		fresh(w, node)->set_mode = true;
		w->op.stat.mode = modes[i];
		assert_int_equal(run(w, FILES_SET_STAT), 0);
		stat_of(w, node);
		assert_int_equal(w->op.stat.mode, S_IFREG | modes[i]);
	}
	shut(w, node);
	assert_int_equal(
		px_open(w, "c", FILES_TRUNCATE_OR_CREATE, FILES_FILE, 0600), 0);
	/* What is there keeps its mode, but for what truncation takes away. */
	assert_int_equal(w->op.stat.mode & ~06000u, S_IFREG | 01777);
	shut(w, w->op.node);
}

/* A setgid directory hands down its group, and itself to directories. */
static void test_setgid(void **state)
{
	struct world *w = *state;
	struct files_node *d = px_make(w, "d", FILES_DIRECTORY, 02777);
	struct files_op *op = fresh(w, d);

	if (geteuid() != 0) {
		shut(w, d);
		skip();
	}
	op->set_group = op->set_mode = true;
	op->stat.gid = 4711;
	op->stat.mode = 02777;
	assert_int_equal(run(w, FILES_SET_STAT), 0);
	shut(w, px_make(w, "d/d", FILES_DIRECTORY, 0750));
	assert_int_equal(px_lookup(w, "d/d"), 0);
	assert_int_equal(w->op.stat.gid, 4711);
	assert_int_equal(w->op.stat.mode, S_IFDIR | 02750);
	shut(w, px_make(w, "d/f", FILES_FILE, 0640));
	assert_int_equal(px_lookup(w, "d/f"), 0);
	assert_int_equal(w->op.stat.gid, 4711);
	assert_int_equal(w->op.stat.mode, S_IFREG | 0640);
	assert_int_equal(px_lookup(w, "d"), 0);
	assert_int_equal(w->op.stat.nlink, 3);
	shut(w, d);
}

/* "../x/y" as IO_REPARSE_TAG_SYMLINK and as NFS, a FIFO, 5:1. */
static const uint8_t link_data[] = {0x0c, 0, 0, 0xa0, 0x24, 0, 0, 0, 0, 0, 0x0c,
	0, 0x0c, 0, 0x0c, 0, 1, 0, 0, 0, '.', 0, '.', 0, '/', 0, 'x', 0, '/', 0,
	'y', 0, '.', 0, '.', 0, '/', 0, 'x', 0, '/', 0, 'y', 0};
static const uint8_t nfs_link_data[] = {0x14, 0, 0, 0x80, 0x0e, 0, 0, 0, 'L',
	'N', 'K', 1, 0, 0, 0, 0, 'a', 0, 0xe4, 0, 0xac, 0x20};
static const uint8_t fifo_data[] = {
	0x14, 0, 0, 0x80, 0x08, 0, 0, 0, 'F', 'I', 'F', 'O', 0, 0, 0, 0};
static const uint8_t device_data[] = {0x14, 0, 0, 0x80, 0x10, 0, 0, 0, 'C', 'H',
	'R', 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0};

static void px_store(
	struct world *w, const char *path, const uint8_t *data, size_t n)
{
	struct files_node *node = px_make(w, path, FILES_FILE, 0640);

	assert_int_equal(set_blob(w, node, FILES_BLOB_REPARSE, data, n), 0);
	shut(w, node);
}

static void expect_type(struct world *w, const char *path, uint32_t mode,
	uint32_t tag, uint64_t size)
{
	struct files_node *node = px_find(w, path);

	assert_int_equal(w->op.stat.mode, mode);
	assert_int_equal(w->op.stat.reparse_tag, tag);
	assert_int_equal(w->op.stat.size, size);
	assert_true(w->op.stat.dos_attributes & 0x400);
	assert_false(w->op.stat.directory);
	stat_of(w, node);
	assert_int_equal(w->op.stat.mode, mode);
	shut(w, node);
}

static void expect_stop(struct world *w, const char *path, size_t link_end)
{
	enum files_create how;

	for (how = FILES_OPEN_EXISTING; how <= FILES_TRUNCATE_OR_CREATE;
		how++) {
		bool last = path[link_end] == 0;
		int r = last && how == FILES_CREATE_NEW ? -EEXIST : -ELOOP;

		assert_int_equal(px_open(w, path, how, FILES_ANY, 0644), r);
		assert_int_equal(w->op.link_end, r == -ELOOP ? link_end : 0);
	}
	assert_int_equal(px_lookup(w, path), -ELOOP);
	assert_int_equal(w->op.link_end, link_end);
}

static void test_stored(void **state)
{
	struct world *w = *state;
	struct files_node *d = px_make(w, "d", FILES_DIRECTORY, 0755);
	struct files_op *op;
	char names[1024];

	px_store(w, "d/link", link_data, sizeof link_data);
	px_store(w, "d/nfs", nfs_link_data, sizeof nfs_link_data);
	px_store(w, "d/fifo", fifo_data, sizeof fifo_data);
	px_store(w, "d/tty", device_data, sizeof device_data);
	expect_type(w, "d/link", S_IFLNK | 0640, IO_REPARSE_TAG_SYMLINK, 6);
	expect_type(w, "d/nfs", S_IFLNK | 0640, IO_REPARSE_TAG_NFS, 6);
	expect_type(w, "d/fifo", S_IFIFO | 0640, IO_REPARSE_TAG_NFS, 0);
	expect_type(w, "d/tty", S_IFCHR | 0640, IO_REPARSE_TAG_NFS, 0);
	assert_int_equal(list(w, d, true, names), 4);
	assert_string_equal(names, "fifo link nfs tty ");
	assert_int_equal(w->entries[0].stat.mode, S_IFIFO | 0640);
	assert_int_equal(w->entries[1].stat.mode, S_IFLNK | 0640);
	assert_int_equal(w->entries[2].stat.mode, S_IFLNK | 0640);
	assert_int_equal(w->entries[3].stat.mode, S_IFCHR | 0640);
	expect_stop(w, "d/link", 6);
	expect_stop(w, "d/nfs", 5);
	expect_stop(w, "d/link/x", 6);
	expect_stop(w, "d/nfs/x/y", 5);
	assert_int_equal(
		px_rename(w, "d/fifo", "d/link/z", false, FILES_RENAME),
		-ELOOP);
	assert_int_equal(w->op.link_end, 6);
	assert_int_equal(
		px_rename(w, "d/fifo", "d/nfs/z", false, FILES_LINK), -ELOOP);
	assert_int_equal(w->op.link_end, 5);
	/* The link is the thing that names are about. */
	assert_int_equal(px_rename(w, "d/link", "d/two", false, FILES_LINK), 0);
	expect_type(w, "d/two", S_IFLNK | 0640, IO_REPARSE_TAG_SYMLINK, 6);
	assert_int_equal(
		px_rename(w, "d/link", "d/nfs", true, FILES_RENAME), 0);
	expect_type(w, "d/nfs", S_IFLNK | 0640, IO_REPARSE_TAG_SYMLINK, 6);
	shut(w, d);
	d = px_find(w, "d/two");
	op = fresh(w, d);
	op->set_mode = true;
	assert_int_equal(run(w, FILES_SET_STAT), -EOPNOTSUPP);
	shut(w, d);
}

static void test_rename(void **state)
{
	struct world *w = *state;
	struct files_node *node;

	node = px_make(w, "a", FILES_FILE, 0644);
	put(w, node, 0, "a");
	shut(w, node);
	px_touch(w, "A", FILES_FILE);
	px_touch(w, "d", FILES_DIRECTORY);
	px_touch(w, "empty", FILES_DIRECTORY);
	px_touch(w, "full", FILES_DIRECTORY);
	px_touch(w, "full/x", FILES_FILE);
	assert_int_equal(px_rename(w, "a", "A", false, FILES_RENAME), -EEXIST);
	assert_int_equal(px_rename(w, "a", "d", true, FILES_RENAME), -EISDIR);
	assert_int_equal(px_rename(w, "d", "a", true, FILES_RENAME), -ENOTDIR);
	assert_int_equal(
		px_rename(w, "d", "full", true, FILES_RENAME), -ENOTEMPTY);
	assert_int_equal(
		px_rename(w, "full", "full/y", true, FILES_RENAME), -EINVAL);
	assert_int_equal(
		px_rename(w, "d", "full/x/y", true, FILES_RENAME), -ENOTDIR);
	assert_int_equal(
		px_rename(w, "d", "empty", false, FILES_RENAME), -EEXIST);
	assert_int_equal(px_rename(w, "d", "empty", true, FILES_RENAME), 0);
	assert_int_equal(px_lookup(w, "d"), -ENOENT);
	assert_int_equal(px_rename(w, "a", "a", false, FILES_RENAME), 0);
	assert_int_equal(px_lookup(w, "A"), 0);
	assert_int_equal(w->op.stat.size, 0);
	assert_int_equal(px_rename(w, "a", "A", true, FILES_RENAME), 0);
	assert_int_equal(px_lookup(w, "a"), -ENOENT);
	assert_int_equal(px_lookup(w, "A"), 0);
	assert_int_equal(w->op.stat.size, 1);
	/* Two names of one file both stay. */
	assert_int_equal(px_rename(w, "A", "B", false, FILES_LINK), 0);
	assert_int_equal(px_rename(w, "A", "B", false, FILES_LINK), -EEXIST);
	assert_int_equal(px_rename(w, "A", "B", true, FILES_LINK), 0);
	assert_int_equal(px_rename(w, "A", "B", true, FILES_RENAME), 0);
	assert_int_equal(px_lookup(w, "A"), 0);
	assert_int_equal(px_lookup(w, "B"), 0);
	assert_int_equal(w->op.stat.nlink, 2);
	assert_int_equal(px_rename(w, "A", "B", false, FILES_RENAME), -EEXIST);
	assert_int_equal(
		px_rename(w, "full", "linked", false, FILES_LINK), -EISDIR);
}

/* Links to directories are stored in directories by some clients. */
static void test_rename_stored(void **state)
{
	struct world *w = *state;
	struct files_node *node;

	px_touch(w, "d", FILES_DIRECTORY);
	px_touch(w, "f", FILES_FILE);
	node = px_make(w, "l", FILES_DIRECTORY, 0750);
	assert_int_equal(set_blob(w, node, FILES_BLOB_REPARSE, link_data,
				 sizeof link_data),
		0);
	shut(w, node);
	expect_type(w, "l", S_IFLNK | 0750, IO_REPARSE_TAG_SYMLINK, 6);
	assert_int_equal(px_rename(w, "l", "d", true, FILES_RENAME), -EISDIR);
	assert_int_equal(px_rename(w, "d", "l", true, FILES_RENAME), -ENOTDIR);
	assert_int_equal(px_rename(w, "f", "l", false, FILES_RENAME), -EEXIST);
	assert_int_equal(px_rename(w, "l", "f", true, FILES_RENAME), 0);
	assert_int_equal(px_lookup(w, "l"), -ENOENT);
	expect_type(w, "f", S_IFLNK | 0750, IO_REPARSE_TAG_SYMLINK, 6);
	px_touch(w, "g", FILES_FILE);
	assert_int_equal(px_rename(w, "g", "f", true, FILES_RENAME), 0);
	assert_int_equal(px_lookup(w, "g"), -ENOENT);
	assert_int_equal(px_lookup(w, "f"), 0);
	assert_int_equal(w->op.stat.mode, S_IFREG | 0755);
	assert_int_equal(px_lookup(w, "d"), 0);
	assert_int_equal(w->op.stat.nlink, 2);
}

static void test_unlinked(void **state)
{
	struct world *w = *state;
	struct files_node *old = px_make(w, "f", FILES_FILE, 0600), *new;
	struct files_node *d = px_make(w, "d", FILES_DIRECTORY, 0700);
	char names[1024];

	put(w, old, 0, "old");
	assert_int_equal(px_unlink(w, old), 0);
	new = px_make(w, "f", FILES_FILE, 0644);
	put(w, new, 0, "new");
	stat_of(w, old);
	assert_int_equal(w->op.stat.nlink, 0);
	assert_int_equal(w->op.stat.mode, S_IFREG | 0600);
	put(w, old, 3, "er");
	expect(w, old, 0, "older");
	assert_int_equal(px_unlink(w, old), -ENOENT);
	fresh(w, old)->path = "g";
	assert_int_equal(run(w, FILES_RENAME), -ENOENT);
	fresh(w, old)->path = "g";
	assert_int_equal(run(w, FILES_LINK), -ENOENT);
	/* A name that has gone to another file is not the node's any more. */
	px_touch(w, "g", FILES_FILE);
	assert_int_equal(px_rename(w, "g", "f", true, FILES_RENAME), 0);
	assert_int_equal(px_unlink(w, new), -ENOENT);
	expect(w, new, 0, "new");
	assert_int_equal(px_lookup(w, "f"), 0);
	fresh(w, d);
	assert_int_equal(px_unlink(w, d), 0);
	stat_of(w, d);
	assert_int_equal(w->op.stat.nlink, 0);
	assert_int_equal(list(w, d, true, names), 0);
	shut(w, old);
	shut(w, new);
	shut(w, d);
}

static void test_append(void **state)
{
	struct world *w = *state;
	struct files_node *a = px_make(w, "f", FILES_FILE, 0600), *b;
	struct files_op *op;
	int i;

	b = px_find(w, "f");
	op = fresh(w, b);
	op->open.append = true;
	assert_int_equal(run(w, FILES_REOPEN), 0);
	put(w, a, 0, "one");
	for (i = 0; i < 2; i++) {
		op = fresh(w, i ? a : b);
		op->append = true;
		op->offset = UINT64_MAX;
		op->data = (uint8_t *)(i ? "three" : "two");
		op->size = i ? 5 : 3;
		assert_int_equal(run(w, FILES_WRITE), 0);
		assert_int_equal(op->transferred, op->size);
	}
	expect(w, a, 0, "onetwothree");
	shut(w, a);
	shut(w, b);
}

static void test_eas(void **state)
{
	struct world *w = *state;
	struct files_node *a = px_make(w, "f", FILES_FILE, 0600);

	assert_int_equal(set_ea(w, a, "colour", "red"), 0);
	assert_int_equal(set_ea(w, a, "COLOUR", "green"), 0);
	fresh(w, a)->open.how = FILES_TRUNCATE_EXISTING;
	assert_int_equal(run(w, FILES_REOPEN), 0);
	fresh(w, a);
	assert_int_equal(run(w, FILES_GET_EA), 0);
	assert_int_equal(w->op.entry_count, 2);
	shut(w, a);
}

static void test_sparse(void **state)
{
	struct world *w = *state;
	struct files_node *a = px_make(w, "f", FILES_FILE, 0600);

	put(w, a, 1 << 20, "end");
	stat_of(w, a);
	assert_int_equal(w->op.stat.dos_attributes, 0x220);
	fresh(w, a);
	assert_int_equal(run(w, FILES_TRUNCATE), 0);
	put(w, a, 0, "start");
	stat_of(w, a);
	assert_int_equal(w->op.stat.dos_attributes, 0x20);
	shut(w, a);
}

static void test_statfs(void **state)
{
	struct world *w = *state;

	fresh(w, NULL);
	assert_int_equal(run(w, FILES_STATFS), 0);
	assert_true(w->op.fs.blocks >= w->op.fs.blocks_free);
	assert_true(w->op.fs.blocks_free >= w->op.fs.blocks_available);
	assert_int_equal(w->op.fs.blocks * w->op.fs.block_size, w->op.fs.total);
	assert_true(w->op.fs.transfer_size > 0);
	assert_true(w->op.fs.fsid != 0);
}

/* A path in the share as the file system has it. */
static const char *on_disk(struct world *w, const char *name)
{
	static char path[512];

	snprintf(path, sizeof path, "%s/%s", w->root, name);
	return path;
}

static void test_real_links(void **state)
{
	struct world *w = *state;
	struct files_node *root, *node;
	uint8_t data[64];
	char names[1024];

	px_touch(w, "d", FILES_DIRECTORY);
	px_touch(w, "d/f", FILES_FILE);
	assert_int_equal(symlink("d", on_disk(w, "in")), 0);
	assert_int_equal(symlink("../x/y", on_disk(w, "dangling")), 0);
	assert_int_equal(symlink("loop", on_disk(w, "loop")), 0);
	assert_int_equal(symlink("/etc", on_disk(w, "d/out")), 0);
	expect_stop(w, "in", 2);
	expect_stop(w, "in/f", 2);
	expect_stop(w, "in/none/none", 2);
	expect_stop(w, "dangling", 8);
	expect_stop(w, "loop", 4);
	expect_stop(w, "d/out/passwd", 5);
	expect_type(w, "dangling", S_IFLNK | 0777, IO_REPARSE_TAG_SYMLINK, 6);
	assert_int_equal(
		px_rename(w, "d/f", "in/g", false, FILES_RENAME), -ELOOP);
	assert_int_equal(w->op.link_end, 2);
	node = px_find(w, "dangling");
	assert_int_equal(
		get_blob(w, node, FILES_BLOB_REPARSE, data, sizeof data), 0);
	assert_int_equal(w->op.transferred, sizeof link_data);
	assert_memory_equal(data, link_data, sizeof link_data);
	assert_int_equal(set_blob(w, node, FILES_BLOB_REPARSE, fifo_data,
				 sizeof fifo_data),
		-EOPNOTSUPP);
	assert_int_equal(set_ea(w, node, "x", "y"), -EPERM);
	fresh(w, node)->stat.write_time = 131000000020000000ull;
	assert_int_equal(run(w, FILES_SET_STAT), 0);
	stat_of(w, node);
	assert_int_equal(w->op.stat.write_time, 131000000020000000ull);
	assert_int_equal(px_unlink(w, node), 0);
	shut(w, node);
	root = px_find(w, "");
	assert_int_equal(list(w, root, true, names), 3);
	assert_string_equal(names, "d in loop ");
	assert_int_equal(w->entries[1].stat.mode, S_IFLNK | 0777);
	shut(w, root);
	/* Others see what it leads to, or the link when they ask for it. */
	assert_int_equal(
		try_open(w, "IN/f", NULL, FILES_OPEN_EXISTING, FILES_ANY), 0);
	shut(w, w->op.node);
	fresh(w, NULL)->path = "LOOP";
	w->op.open.no_follow = w->op.open.nocase = true;
	assert_int_equal(run(w, FILES_OPEN), 0);
	assert_int_equal(w->op.stat.reparse_tag, IO_REPARSE_TAG_SYMLINK);
	shut(w, w->op.node);
}

static void test_special(void **state)
{
	struct world *w = *state;
	struct files_node *node;
	struct files_op *op;
	uint8_t data[64];

	assert_int_equal(mkfifo(on_disk(w, "fifo"), 0640), 0);
	assert_int_equal(chmod(on_disk(w, "fifo"), 0640), 0);
	expect_type(w, "fifo", S_IFIFO | 0640, IO_REPARSE_TAG_NFS, 0);
	/* Nobody waits for the other end. */
	assert_int_equal(px_open(w, "fifo", FILES_OPEN_EXISTING, FILES_FILE, 0),
		-EACCES);
	node = px_find(w, "fifo");
	op = fresh(w, node);
	op->open.write = true;
	assert_int_equal(run(w, FILES_REOPEN), -EACCES);
	op = fresh(w, node);
	op->open.how = FILES_TRUNCATE_EXISTING;
	assert_int_equal(run(w, FILES_REOPEN), -EACCES);
	assert_int_equal(
		get_blob(w, node, FILES_BLOB_REPARSE, data, sizeof data), 0);
	assert_int_equal(w->op.transferred, sizeof fifo_data);
	assert_memory_equal(data, fifo_data, sizeof fifo_data);
	fresh(w, node)->set_mode = true;
	w->op.stat.mode = 0600;
	assert_int_equal(run(w, FILES_SET_STAT), 0);
	stat_of(w, node);
	assert_int_equal(w->op.stat.mode, S_IFIFO | 0600);
	/* What has no place on it lies beside it. */
	op = fresh(w, node);
	op->set_attributes = true;
	op->stat.dos_attributes = 2;
	assert_int_equal(run(w, FILES_SET_STAT), 0);
	stat_of(w, node);
	assert_int_equal(w->op.stat.dos_attributes, 0x402);
	assert_int_equal(px_unlink(w, node), 0);
	shut(w, node);
	if (geteuid() != 0 ||
		mknod(on_disk(w, "tty"), S_IFCHR | 0600, makedev(5, 1)) < 0) {
		return;
	}
	node = px_find(w, "tty");
	assert_int_equal(
		get_blob(w, node, FILES_BLOB_REPARSE, data, sizeof data), 0);
	assert_int_equal(w->op.transferred, sizeof device_data);
	assert_memory_equal(data, device_data, sizeof device_data);
	shut(w, node);
}

static void test_hidden(void **state)
{
	struct world *w = *state;
	struct files_node *root;
	struct stat st;
	char names[1024];
	int fd;

	px_touch(w, "f", FILES_FILE);
	assert_int_equal(
		try_open(w, "f", "s", FILES_OPEN_OR_CREATE, FILES_ANY), 0);
	shut(w, w->op.node);
	assert_int_equal(stat(on_disk(w, ".smb3x"), &st), 0);
	assert_int_equal(
		px_open(w, ".smb3x", FILES_OPEN_EXISTING, FILES_ANY, 0),
		-ENOENT);
	assert_int_equal(
		px_open(w, ".smb3x/x", FILES_OPEN_EXISTING, FILES_ANY, 0),
		-ENOENT);
	assert_int_equal(px_lookup(w, ".smb3x"), -ENOENT);
	assert_int_equal(
		px_open(w, ".smb3x", FILES_CREATE_NEW, FILES_FILE, 0644),
		-EACCES);
	assert_int_equal(
		px_open(w, ".smb3x/x", FILES_CREATE_NEW, FILES_FILE, 0644),
		-ENOENT);
	assert_int_equal(
		px_rename(w, "f", ".smb3x", true, FILES_RENAME), -EACCES);
	assert_int_equal(
		px_rename(w, "f", ".smb3x/f", true, FILES_RENAME), -ENOENT);
	px_touch(w, ".SMB3X", FILES_FILE);
	px_touch(w, ".smb3xx", FILES_FILE);
	/* A name that is no UTF-8 has no form on the wire. */
	fd = open(on_disk(w, "\xff\xfe"), O_CREAT | O_WRONLY, 0644);
	assert_true(fd >= 0);
	close(fd);
	root = px_find(w, "");
	assert_int_equal(list(w, root, true, names), 3);
	assert_string_equal(names, ".SMB3X .smb3xx f ");
	shut(w, root);
}

/* user::rwx, user:4711:rwx, group::r-x, mask::rwx, other::--- */
static const uint8_t default_acl[] = {2, 0, 0, 0, 1, 0, 7, 0, 0xff, 0xff, 0xff,
	0xff, 2, 0, 7, 0, 0x67, 0x12, 0, 0, 4, 0, 5, 0, 0xff, 0xff, 0xff, 0xff,
	0x10, 0, 7, 0, 0xff, 0xff, 0xff, 0xff, 0x20, 0, 0, 0, 0xff, 0xff, 0xff,
	0xff};

static void test_default_acl(void **state)
{
	struct world *w = *state;

	px_touch(w, "d", FILES_DIRECTORY);
	if (setxattr(on_disk(w, "d"), "system.posix_acl_default", default_acl,
		    sizeof default_acl, 0) < 0) {
		skip();
	}
	shut(w, px_make(w, "d/f", FILES_FILE, 0666));
	assert_int_equal(px_lookup(w, "d/f"), 0);
	assert_int_equal(w->op.stat.mode, S_IFREG | 0660);
	shut(w, px_make(w, "d/d", FILES_DIRECTORY, 0777));
	assert_int_equal(px_lookup(w, "d/d"), 0);
	assert_int_equal(w->op.stat.mode, S_IFDIR | 0770);
}

static const struct auth_identity one = {
	.user = "one", .uid = 60001, .gid = 60001};
static const struct auth_identity two = {
	.user = "two", .uid = 60002, .gid = 60002};

static struct files_op *fresh_by(struct world *w, struct files_node *node,
	const struct auth_identity *who)
{
	struct files_op *op = fresh(w, node);

	op->who = who;
	return op;
}

static struct files_node *one_makes(struct world *w, const char *path)
{
	struct files_op *op = fresh_by(w, NULL, &one);

	op->posix = true;
	op->path = path;
	op->open.how = FILES_CREATE_NEW;
	op->open.mode = 0666;
	assert_int_equal(run(w, FILES_OPEN), 0);
	return op->node;
}

/* On a disk only as root. */
static void test_sticky(void **state)
{
	struct world *w = *state;
	struct files_node *node;
	struct files_op *op;

	if (geteuid() != 0) {
		skip();
	}
	chmod(w->root, 0755); /* where there is one */
	node = px_make(w, "s", FILES_DIRECTORY, 0777);
	op = fresh(w, node);
	op->set_mode = true;
	op->stat.mode = 01777;
	assert_int_equal(run(w, FILES_SET_STAT), 0);
	shut(w, node);
	node = one_makes(w, "s/f");
	op = fresh_by(w, node, &two);
	op->path = "s/g";
	assert_int_equal(run(w, FILES_RENAME), -EPERM);
	fresh_by(w, node, &two);
	assert_int_equal(run(w, FILES_UNLINK), -EPERM);
	fresh_by(w, node, &one);
	assert_int_equal(run(w, FILES_UNLINK), 0);
	shut(w, node);
}

/* Only as root: chmod, chown and sticky directories as the kernel judges. */
static void test_rights(void **state)
{
	struct world *w = *state;
	struct files_node *node;
	struct files_op *op;

	if (geteuid() != 0) {
		skip();
	}
	assert_int_equal(chmod(w->root, 0755), 0);
	px_touch(w, "sticky", FILES_DIRECTORY);
	assert_int_equal(chmod(on_disk(w, "sticky"), 01777), 0);
	node = one_makes(w, "sticky/f");
	assert_int_equal(w->op.stat.uid, 60001);
	assert_int_equal(w->op.stat.mode, S_IFREG | 0666);
	fresh_by(w, node, &two);
	assert_int_equal(run(w, FILES_UNLINK), -EPERM);
	op = fresh_by(w, node, &two);
	op->set_mode = true;
	assert_int_equal(run(w, FILES_SET_STAT), -EPERM);
	op = fresh_by(w, node, &one);
	op->set_owner = true;
	op->stat.uid = 60002;
	assert_int_equal(run(w, FILES_SET_STAT), -EPERM);
	/* What the owner may do whatever the mode says. */
	op = fresh_by(w, node, &one);
	op->set_mode = true;
	assert_int_equal(run(w, FILES_SET_STAT), 0);
	op = fresh_by(w, node, &one);
	op->set_attributes = true;
	op->stat.dos_attributes = 2;
	op->stat.write_time = op->stat.change_time = 131000000020000000ull;
	assert_int_equal(run(w, FILES_SET_STAT), 0);
	op = fresh_by(w, node, &one);
	op->set_mode = true;
	op->stat.mode = 04700;
	assert_int_equal(run(w, FILES_SET_STAT), 0);
	/* The owner goes first: it takes setuid along. */
	op = fresh(w, node);
	op->set_owner = op->set_group = op->set_mode = true;
	op->stat.uid = 60002;
	op->stat.gid = 60003;
	op->stat.mode = 04755;
	assert_int_equal(run(w, FILES_SET_STAT), 0);
	stat_of(w, node);
	assert_int_equal(w->op.stat.uid, 60002);
	assert_int_equal(w->op.stat.gid, 60003);
	assert_int_equal(w->op.stat.mode, S_IFREG | 04755);
	fresh_by(w, node, &two);
	assert_int_equal(run(w, FILES_UNLINK), 0);
	shut(w, node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_names),
		BOTH(test_mode),
		BOTH(test_setgid),
		BOTH(test_stored),
		BOTH(test_rename),
		BOTH(test_rename_stored),
		BOTH(test_unlinked),
		BOTH(test_append),
		BOTH(test_eas),
		BOTH(test_sparse),
		BOTH(test_statfs),
		ONLY_LINUX(test_real_links),
		ONLY_LINUX(test_special),
		ONLY_LINUX(test_hidden),
		ONLY_LINUX(test_default_acl),
		ONLY_LINUX(test_rights),
		BOTH(test_sticky),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

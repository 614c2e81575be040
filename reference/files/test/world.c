/* SPDX-License-Identifier: MIT */
/* A share of either driver for its tests; see world.h. */
#include "files/test/world.h"

#include <ftw.h>

#include "files/linux.h"
#include "files/memory.h"

static uint64_t test_now(void *ctx)
{
	struct world *world = ctx;

	return world->now += 10;
}

static void test_done(struct files_op *op)
{
	((struct world *)op->ctx)->done = true;
}

int setup_memory(void **state)
{
	struct world *world = calloc(1, sizeof *world);

	world->now = 130000000000000000ull;
	world->port = files_memory_create(test_now, world, 1u << 30);
	*state = world;
	return world->port ? 0 : -1;
}

int setup_linux(void **state)
{
	struct world *world = calloc(1, sizeof *world);
	const char *tmp = getenv("TMPDIR");

	snprintf(world->root, sizeof world->root, "%s/files-test-XXXXXX",
		tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	*state = world;
	return mkdtemp(world->root) && files_linux_create(world->root, NULL,
					       &world->port) == 0
		       ? 0
		       : -1;
}

static int remove_one(
	const char *path, const struct stat *stat, int type, struct FTW *where)
{
	(void)stat;
	(void)type;
	(void)where;
	return remove(path);
}

int teardown(void **state)
{
	struct world *world = *state;

	world->port->destroy(world->port);
	if (*world->root &&
		nftw(world->root, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) {
		return -1;
	}
	free(world);
	return 0;
}

int run(struct world *world, enum files_verb verb)
{
	struct files_op *op = &world->op;

	op->verb = verb;
	op->port = world->port;
	op->ctx = world;
	op->done = test_done;
	op->entries = world->entries;
	op->entry_cap = 16;
	op->text = world->text;
	op->text_cap = sizeof world->text;
	op->ranges = world->ranges;
	op->range_cap = 8;
	world->done = false;
	world->port->submit(world->port, op);
	assert_true(world->done);
	return op->result;
}

struct files_op *fresh(struct world *world, struct files_node *node)
{
	world->op = (struct files_op){.node = node};
	return &world->op;
}

int try_open(struct world *world, const char *path, const char *stream,
	enum files_create how, enum files_type type)
{
	struct files_op *op = fresh(world, NULL);

	op->path = path;
	op->stream = stream;
	op->open.how = how;
	op->open.type = type;
	op->open.nocase = true;
	op->open.read = op->open.write = true;
	op->open.mode = 0755;
	op->open.dos_attributes = 0x20;
	return run(world, FILES_OPEN);
}

struct files_node *make(
	struct world *world, const char *path, enum files_type type)
{
	assert_int_equal(
		try_open(world, path, NULL, FILES_CREATE_NEW, type), 0);
	assert_true(world->op.created);
	return world->op.node;
}

void put(struct world *world, struct files_node *node, uint64_t offset,
	const char *text)
{
	struct files_op *op = fresh(world, node);

	op->offset = offset;
	op->data = (uint8_t *)text;
	op->size = strlen(text);
	assert_int_equal(run(world, FILES_WRITE), 0);
	assert_int_equal(op->transferred, strlen(text));
}

void expect(struct world *world, struct files_node *node, uint64_t offset,
	const char *text)
{
	struct files_op *op = fresh(world, node);
	char bytes[64] = "";

	op->offset = offset;
	op->data = (uint8_t *)bytes;
	op->size = sizeof bytes - 1;
	assert_int_equal(run(world, FILES_READ), 0);
	assert_int_equal(op->transferred, strlen(text));
	assert_string_equal(bytes, text);
}

void stat_of(struct world *world, struct files_node *node)
{
	fresh(world, node);
	assert_int_equal(run(world, FILES_STAT), 0);
}

void shut(struct world *world, struct files_node *node)
{
	fresh(world, node);
	assert_int_equal(run(world, FILES_CLOSE), 0);
	assert_null(world->op.node);
}

int set_blob(struct world *w, struct files_node *node, enum files_blob blob,
	const uint8_t *data, size_t n)
{
	struct files_op *op = fresh(w, node);

	op->blob = blob;
	op->data = (uint8_t *)data;
	op->size = n;
	return run(w, FILES_SET_BLOB);
}

int get_blob(struct world *w, struct files_node *node, enum files_blob blob,
	uint8_t *data, size_t n)
{
	struct files_op *op = fresh(w, node);

	op->blob = blob;
	op->data = data;
	op->size = n;
	return run(w, FILES_GET_BLOB);
}

int set_ea(struct world *w, struct files_node *node, const char *name,
	const char *value)
{
	struct files_op *op = fresh(w, node);

	op->name = name;
	op->data = (uint8_t *)value;
	op->size = strlen(value);
	return run(w, FILES_SET_EA);
}

unsigned int list(
	struct world *w, struct files_node *dir, bool rewind, char *ret_names)
{
	struct files_op *op = fresh(w, dir);
	size_t i, j, n = 0;

	op->rewind = rewind;
	assert_int_equal(run(w, FILES_READDIR), 0);
	/* In the order of names; drivers have their own. */
	for (i = 0; i < op->entry_count; i++) {
		for (j = i + 1; j < op->entry_count; j++) {
			if (strcmp(w->entries[i].name, w->entries[j].name) >
				0) {
				struct files_entry e = w->entries[i];

				w->entries[i] = w->entries[j];
				w->entries[j] = e;
			}
		}
	}
	*ret_names = 0;
	for (i = 0; i < op->entry_count; i++) {
		n += (size_t)snprintf(
			ret_names + n, 1024 - n, "%s ", w->entries[i].name);
	}
	return (unsigned int)op->entry_count;
}

int rename_to(struct world *w, struct files_node *node, const char *path,
	bool replace)
{
	struct files_op *op = fresh(w, node);

	op->path = path;
	op->replace = replace;
	op->open.nocase = true;
	return run(w, FILES_RENAME);
}

/* SPDX-License-Identifier: MIT */
/* A share of either driver for its tests, and short words for operations. */
#ifndef SMB3X_FILES_TEST_WORLD_H
#define SMB3X_FILES_TEST_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ports/files.h"

struct world {
	struct files_port *port;
	char root[64]; /* of the Linux driver */
	bool done;
	uint64_t now;
	struct files_op op;
	struct files_entry entries[16];
	char text[8192];
	struct files_range ranges[8];
};

int setup_memory(void **state);
int setup_linux(void **state);
int teardown(void **state);
/* Runs world->op with this verb and forgets what was set. */
int run(struct world *world, enum files_verb verb);
struct files_op *fresh(struct world *world, struct files_node *node);
int try_open(struct world *world, const char *path, const char *stream,
	enum files_create how, enum files_type type);
struct files_node *make(
	struct world *world, const char *path, enum files_type type);
void put(struct world *world, struct files_node *node, uint64_t offset,
	const char *text);
void expect(struct world *world, struct files_node *node, uint64_t offset,
	const char *text);
void stat_of(struct world *world, struct files_node *node);
void shut(struct world *world, struct files_node *node);
int set_blob(struct world *w, struct files_node *node, enum files_blob blob,
	const uint8_t *data, size_t n);
int get_blob(struct world *w, struct files_node *node, enum files_blob blob,
	uint8_t *data, size_t n);
int set_ea(struct world *w, struct files_node *node, const char *name,
	const char *value);
unsigned int list(
	struct world *w, struct files_node *dir, bool rewind, char *ret_names);
int rename_to(struct world *w, struct files_node *node, const char *path,
	bool replace);

#define BOTH(f) \
	{#f " (memory)", f, setup_memory, teardown, NULL}, \
	{ \
#f " (linux)", f, setup_linux, teardown, NULL \
	}
#define ONLY_LINUX(f) \
	{ \
#f " (linux)", f, setup_linux, teardown, NULL \
	}

#endif

/* SPDX-License-Identifier: MIT */
/* The world that sees everything; see lease_world.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/test/lease_client.h"
#include "server/test/lease_world.h"

/* ---- words ---- */

static void add_line(struct world *world, const char *format, va_list arguments)
{
	char *line = world->log[world->log_count++ % WORLD_LOG];
	uint64_t us = (sim_now(world->server.sim) - SIM_START) / 10;
	int n = snprintf(line, WORLD_LINE, "%6llu.%06llu ",
		(unsigned long long)(us / 1000000),
		(unsigned long long)(us % 1000000));

	vsnprintf(line + n, (size_t)(WORLD_LINE - n), format, arguments);
	if (world->verbose) {
		puts(line);
	}
}

void world_note(struct world *world, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add_line(world, format, arguments);
	va_end(arguments);
}

static void print_log(const struct world *world)
{
	unsigned int first =
		world->log_count > WORLD_LOG ? world->log_count - WORLD_LOG : 0;

	for (unsigned int i = first; i < world->log_count; i++) {
		fprintf(stderr, "  %s\n", world->log[i % WORLD_LOG]);
	}
}

void world_broken(
	struct world *world, const char *invariant, const char *format, ...)
{
	va_list arguments;

	if (world->broken) {
		return;
	}
	world->broken = true;
	world->what = invariant;
	world_note(world, "*** %s ***", invariant);
	va_start(arguments, format);
	add_line(world, format, arguments);
	va_end(arguments);
	if (world->quiet) {
		return;
	}
	fprintf(stderr, "seed %llu: %s\n  the last events:\n",
		(unsigned long long)world->seed, invariant);
	print_log(world);
}

const char *world_path(unsigned int file)
{
	static const char *const paths[WORLD_FILES] = {
		"d0\\a", "d0\\b", "d0\\c", "d1\\a", "d1\\b", "d1\\c"};

	return paths[file];
}

const char *world_directory_path(unsigned int directory)
{
	return directory == 0 ? "d0" : "d1";
}

/* ---- directories as they are ---- */

uint64_t world_entry_hash(const char *name, size_t n, uint32_t dos_attributes)
{
	uint64_t h = dos_attributes & FILE_ATTRIBUTE_HIDDEN ? 77 : 3;

	for (size_t i = 0; i < n; i++) {
		h = (h ^ (uint8_t)name[i]) * 0x100000001b3ull;
		h ^= h >> 29;
	}
	return h;
}

static void done_now(struct files_op *op)
{
	(void)op;
}

static void run_now(struct world *world, struct files_op *op)
{
	static const struct auth_identity nobody;

	op->done = done_now;
	op->port = world->server.files.memory;
	op->who = &nobody;
	world->server.files.memory->submit(world->server.files.memory, op);
}

static uint64_t directory_hash(struct world *world, unsigned int directory)
{
	struct files_entry entries[16];
	static struct files_op op;
	char text[1024];
	uint64_t hash = 1;

	op = (struct files_op){.verb = FILES_OPEN,
		.path = world_directory_path(directory),
		.open = {.type = FILES_DIRECTORY, .read = true}};
	run_now(world, &op);
	if (op.result < 0) {
		return 0;
	}
	op.verb = FILES_READDIR;
	op.rewind = true;
	op.entries = entries;
	op.entry_cap = 16;
	op.text = text;
	op.text_cap = sizeof(text);
	do {
		run_now(world, &op);
		op.rewind = false;
		for (size_t i = 0; i < op.entry_count; i++) {
			hash += world_entry_hash(entries[i].name,
				strlen(entries[i].name),
				entries[i].stat.dos_attributes);
		}
	} while (op.result == 0 && op.entry_count > 0);
	op.verb = FILES_CLOSE;
	run_now(world, &op);
	return hash;
}

static void look_at_directory(struct world *world, unsigned int directory)
{
	struct world_directory *d = &world->directories[directory];
	uint64_t hash = directory_hash(world, directory);

	if (d->count > 0 && d->listings[d->count - 1].hash == hash) {
		return;
	}
	if (d->count == d->cap) {
		d->cap = 2 * d->cap + 16;
		d->listings =
			realloc(d->listings, d->cap * sizeof(*d->listings));
		if (d->listings == NULL) {
			abort();
		}
	}
	d->listings[d->count++] =
		(struct world_listing){sim_now(world->server.sim), hash};
	world_note(world, "(%s has changed)", world_directory_path(directory));
}

bool world_was_listed(const struct world *world, unsigned int directory,
	uint64_t hash, uint64_t since)
{
	const struct world_directory *d = &world->directories[directory];

	for (size_t i = d->count; i-- > 0;) {
		if (d->listings[i].hash == hash) {
			return true;
		}
		if (d->listings[i].since < since) {
			return false;
		}
	}
	return false;
}

/* ---- files as they are changed ---- */

static void zeroed(
	struct world *world, const struct files_op *op, unsigned int from)
{
	static struct files_op stat;

	stat = (struct files_op){.verb = FILES_STAT, .node = op->node};
	run_now(world, &stat);
	world->tally.zeroings++;
	world_note(world, "(file %llu is zero from region %u)",
		(unsigned long long)stat.stat.inode, from);
	contents_zeroed(&world->contents, stat.stat.inode, from);
}

static void observed(void *ctx, const struct files_op *op)
{
	struct world *world = ctx;

	if (op->result < 0) {
		return;
	}
	switch (op->verb) {
	case FILES_REOPEN:
		if (op->open.how == FILES_TRUNCATE_EXISTING) {
			zeroed(world, op, 0);
		}
		break;
	case FILES_TRUNCATE:
		zeroed(world, op, (unsigned int)(op->offset / WORLD_REGION));
		break;
	case FILES_OPEN:
	case FILES_SET_STAT:
	case FILES_RENAME:
	case FILES_LINK:
	case FILES_UNLINK:
		look_at_directory(world, 0);
		look_at_directory(world, 1);
		break;
	default:
		break;
	}
}

static void make_directory(struct world *world, const char *path)
{
	static struct files_op op;

	op = (struct files_op){.verb = FILES_OPEN,
		.path = path,
		.open = {.how = FILES_CREATE_NEW,
			.type = FILES_DIRECTORY,
			.mode = 0777}};
	run_now(world, &op);
	op.verb = FILES_CLOSE;
	run_now(world, &op);
}

/* ---- the machine ---- */

static void machine_advance(void *ctx, uint64_t now)
{
	sim_server_advance(ctx, now);
	judge_tick(ctx);
}

/* The engine sends through here. */
static void tap_send(struct link *link, struct blob *message)
{
	struct conn *conn = (struct conn *)link;

	judge_sends(conn, wire_view_of(message->data, message->n));
	conn->carrier->ops->send(conn->carrier, message);
}

static void tap_close(struct link *link, bool flush)
{
	struct conn *conn = (struct conn *)link;

	conn->carrier->ops->close(conn->carrier, flush);
}

static void *machine_accepted(void *ctx, struct link *link)
{
	static const struct link_ops tap = {tap_send, tap_close};
	struct world *world = ctx;
	struct conn *conn = world->connecting;

	conn->carrier = link;
	conn->link = *link;
	conn->link.ops = &tap;
	conn->engine = engine_accept(world->server.engine, &conn->link);
	return conn->engine != NULL ? conn : NULL;
}

static void machine_input(void *ctx, struct blob *message)
{
	struct conn *conn = ctx;

	judge_receives(conn, wire_view_of(message->data, message->n));
	engine_input(conn->engine, message);
}

static void machine_gone(void *ctx)
{
	struct conn *conn = ctx;

	conn->server_gone = true;
	judge_gone(conn);
	engine_gone(conn->engine);
}

void world_init(struct world *world, uint64_t seed, bool verbose, bool quiet)
{
	/* Files that answer at once, and such that are waited for. */
	const uint64_t work_max = seed % 4 == 0 ? SECOND : SECOND / 50;
	const struct sim_server_config config = {.seed = seed * 977 + 5,
		.work_max = work_max,
		.loss = seed % 3 == 0 ? 0 : 2000,
		.credits = WORLD_CREDITS,
		.connections = 4 * WORLD_CLIENTS,
		.sessions = 4 * WORLD_CLIENTS,
		.opens = 400,
		.lease_break_ns = WORLD_BREAK_SECONDS * 1000000000ull,
		.machine = {world, machine_advance, sim_server_deadline,
			machine_accepted, machine_input, machine_gone}};

	*world = (struct world){
		.seed = seed, .verbose = verbose, .quiet = quiet};
	world->grace = 16 * work_max;
	sim_server_init(&world->server, &config);
	world->server.files.observe = observed;
	world->server.files.ctx = world;
	make_directory(world, "d0");
	make_directory(world, "d1");
	look_at_directory(world, 0);
	look_at_directory(world, 1);
	clients_init(world);
}

void world_finish(struct world *world)
{
	struct conn *conn;

	sim_server_finish(&world->server);
	while ((conn = world->conns) != NULL) {
		world->conns = conn->next;
		free(conn);
	}
	clients_finish(world);
	contents_finish(&world->contents);
	for (unsigned int i = 0; i < WORLD_DIRS; i++) {
		free(world->directories[i].listings);
	}
}

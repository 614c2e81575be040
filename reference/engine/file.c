/* SPDX-License-Identifier: MIT */
/* The table of files that are open. [MS-FSA] 2.1.1.3, 2.1.1.4 */
#include <stdlib.h>
#include <string.h>

#include "engine/fileops.h"
#include "ports/text.h"

static bool file_same_stream(const struct file *file, const char *stream)
{
	/* Broken: what one stream's opens share counts for all of them. */
	if (!RULE(CORE_SHAREMODE_0009)) {
		return true;
	}
	if (!file->stream || !stream) {
		return !file->stream && !stream;
	}
	return text_equal_nocase(file->stream, stream);
}

/* Inode numbers follow one another: spread them. */
static uint64_t file_hash(
	const struct files_port *port, uint64_t device, uint64_t inode)
{
	uint64_t h = inode ^ device << 48 ^ device >> 16 ^ (uintptr_t)port << 8;

	h = (h ^ h >> 31) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

struct file *file_find(struct engine *engine, const struct files_port *port,
	const struct files_stat *stat, const char *stream)
{
	struct table_link *link = table_find(&engine->files_by_id,
		file_hash(port, stat->device, stat->inode));

	for (; link; link = table_next(link)) {
		struct file *file = table_entry(link, struct file, by_id);

		if (file->inode == stat->inode &&
			file->device == stat->device && file->port == port &&
			file_same_stream(file, stream)) {
			return file;
		}
	}
	return NULL;
}

struct file *file_sibling(struct engine *engine, const struct file *file,
	const struct file *before)
{
	struct table_link *link =
		before ? table_next(&before->by_id)
		       : table_find(&engine->files_by_id, file->by_id.id);

	for (; link; link = table_next(link)) {
		struct file *other = table_entry(link, struct file, by_id);

		if (other != file && other->inode == file->inode &&
			other->device == file->device &&
			other->port == file->port) {
			return other;
		}
	}
	return NULL;
}

struct file *file_get(struct engine *engine, struct files_port *port,
	const struct files_stat *stat, const char *stream)
{
	struct file *file = file_find(engine, port, stat, stream);

	if (file) {
		return file;
	}
	file = calloc(1, sizeof *file);
	if (!file) {
		return NULL;
	}
	file->port = port;
	file->inode = stat->inode;
	file->device = stat->device;
	file->directory = stat->directory;
	file->stream = stream ? strdup(stream) : NULL;
	if ((stream && !file->stream) ||
		table_add(&engine->files_by_id, &file->by_id,
			file_hash(port, stat->device, stat->inode)) < 0) {
		free(file->stream);
		free(file);
		return NULL;
	}
	list_add(&engine->files, &file->in_engine);
	return file;
}

struct file_link *file_link_find(const struct file *file, const char *path)
{
	list_each(link, &file->links, struct file_link, in_file)
	{
		if (!link->gone && strcmp(link->path, path) == 0) {
			return link;
		}
	}
	return NULL;
}

struct file_link *file_link_get(struct file *file, const char *path)
{
	struct file_link *link = file_link_find(file, path);

	if (!link) {
		link = calloc(1, sizeof *link);
		if (!link) {
			return NULL;
		}
		link->path = strdup(path);
		if (!link->path) {
			free(link);
			return NULL;
		}
		list_add(&file->links, &link->in_file);
	}
	link->holders++;
	return link;
}

void file_link_release(struct file_link *link)
{
	if (link && --link->holders == 0) {
		list_remove(&link->in_file);
		free(link->path);
		free(link);
	}
}

bool file_link_used(const struct file *file, const struct file_link *link,
	const struct open *open, bool posix)
{
	list_each(other, &file->opens, struct open, in_file)
	{
		if (other != open && other->link == link &&
			(posix || !other->posix)) {
			return true;
		}
	}
	return false;
}

bool file_has_streams(struct engine *engine, const struct file *file)
{
	return file_sibling(engine, file, NULL);
}

void file_forget(struct engine *engine, struct file *file)
{
	table_remove(&engine->files_by_id, &file->by_id);
}

void file_drop(struct engine *engine, struct file *file)
{
	if (!list_empty(&file->opens) || file->holders > 0) {
		return;
	}
	list_remove(&file->in_engine);
	file_forget(engine, file);
	free(file->stream);
	free(file);
}

struct file *file_at(struct engine *engine, const struct files_port *port,
	const char *path, bool exact)
{
	list_each(file, &engine->files, struct file, in_engine)
	{
		if (file->port != port) {
			continue;
		}
		list_each(open, &file->opens, struct open, in_file)
		{
			const struct file_link *link = open->link;

			if (!link->gone &&
				(exact ? strcmp(link->path, path) == 0
				       : text_equal_nocase(link->path, path))) {
				return file;
			}
		}
	}
	return NULL;
}

bool file_below(struct engine *engine, const struct files_port *port,
	const char *path, bool posix)
{
	size_t n = strlen(path);

	list_each(file, &engine->files, struct file, in_engine)
	{
		if (file->port != port) {
			continue;
		}
		list_each(open, &file->opens, struct open, in_file)
		{
			const struct file_link *link = open->link;

			if (!link->gone && (posix || !open->posix) &&
				strncmp(link->path, path, n) == 0 &&
				link->path[n] == '/') {
				return true;
			}
		}
	}
	return false;
}

/* The name moves with its directory, or is the one that was renamed. */
static void file_link_moved(
	struct file_link *link, const char *from, const char *to)
{
	size_t n = strlen(from), m = strlen(to), rest = strlen(link->path);
	char *path;

	if (strncmp(link->path, from, n) != 0 ||
		(link->path[n] != 0 && link->path[n] != '/') ||
		(link->path[n] == '/' && !RULE(PSX_RENAME_0021))) {
		return;
	}
	path = malloc(m + rest - n + 1);
	/* Without memory it keeps a stale name, no more. */
	if (path) {
		memcpy(path, to, m);
		memcpy(path + m, link->path + n, rest - n + 1);
		free(link->path);
		link->path = path;
	}
}

void file_lost_name(struct engine *engine, const struct files_port *port,
	const char *path, const struct file *except)
{
	list_each(file, &engine->files, struct file, in_engine)
	{
		struct file_link *link = file->port == port && file != except
						 ? file_link_find(file, path)
						 : NULL;

		if (link) {
			link->gone = link->replaced = true;
			link->delete_pending = false;
		}
	}
}

void file_moved(struct engine *engine, const struct files_port *port,
	const char *from, const char *to)
{
	if (strcmp(from, to) == 0) {
		return;
	}
	file_lost_name(engine, port, to, NULL);
	list_each(file, &engine->files, struct file, in_engine)
	{
		if (file->port != port) {
			continue;
		}
		list_each(link, &file->links, struct file_link, in_file)
		{
			if (!link->gone) {
				file_link_moved(link, from, to);
			}
		}
	}
}

struct node_closing {
	struct files_op op;
	struct engine *engine;
};

static void node_closed(struct files_op *op)
{
	struct node_closing *closing = op->ctx;

	closing->engine->background--;
	free(closing);
}

void node_close(
	struct engine *engine, struct files_port *port, struct files_node *node)
{
	struct node_closing *closing = calloc(1, sizeof *closing);

	/* Without memory the node stays open until the share ends. */
	if (!closing) {
		return;
	}
	closing->engine = engine;
	closing->op.verb = FILES_CLOSE;
	closing->op.port = port;
	closing->op.node = node;
	closing->op.done = node_closed;
	closing->op.ctx = closing;
	engine->background++;
	port->submit(port, &closing->op);
}

uint32_t attributes_to_wire(const struct files_stat *stat)
{
	uint32_t attributes = stat->dos_attributes & ~FILE_ATTRIBUTE_NORMAL;

	if (RULE(CORE_CREATE_0061)) {
		attributes &= ~FILE_ATTRIBUTE_DIRECTORY;
		attributes |= stat->directory ? FILE_ATTRIBUTE_DIRECTORY : 0;
	} else {
		attributes ^= FILE_ATTRIBUTE_DIRECTORY;
	}
	if (!RULE(CORE_CREATE_0062)) {
		return attributes | FILE_ATTRIBUTE_NORMAL;
	}
	return attributes ? attributes : FILE_ATTRIBUTE_NORMAL;
}

void sd_load(struct request *req, void (*done)(struct files_op *op))
{
	req->op.blob = FILES_BLOB_SECURITY;
	req->op.size = SD_MAX;
	req->op.data = request_alloc(req, SD_MAX);
	if (!req->op.data) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	request_submit(req, FILES_GET_BLOB, done);
}

int sd_loaded(
	struct files_op *op, const struct files_stat *stat, struct sd *ret_sd)
{
	int n = (int)op->transferred;

	if (op->result == 0 && sd_parse(wire_view_of(op->data, op->transferred),
				       ret_sd) == 0) {
		return 0;
	}
	n = sd_default(stat, op->data, SD_MAX);
	return n < 0 ? n : sd_parse(wire_view_of(op->data, (size_t)n), ret_sd);
}

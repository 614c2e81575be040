/* SPDX-License-Identifier: MIT */
/* The directory tree of a share in memory; see memory_tree.h. */
#include "files/memory_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "files/reparse.h"
#include "ports/text.h"

struct mem_inode *mem_inode_create(
	struct mem_share *share, bool directory, uint32_t mode)
{
	struct mem_inode *inode = calloc(1, sizeof *inode);
	uint64_t now = mem_now(share);

	if (!inode) {
		return NULL;
	}
	inode->holders = 1;
	inode->number = share->next_number++;
	inode->directory = directory;
	inode->mode = (mode & 07777) | (directory ? S_IFDIR : S_IFREG);
	inode->create_time = inode->access_time = now;
	inode->write_time = inode->change_time = now;
	mem_data_init(&inode->data, &share->used, share->capacity);
	return inode;
}

void mem_stream_release(struct mem_stream *stream)
{
	if (!stream || --stream->holders > 0) {
		return;
	}
	mem_data_finish(&stream->data);
	free(stream->name);
	free(stream);
}

void mem_inode_release(struct mem_inode *inode)
{
	size_t i;

	if (!inode || --inode->holders > 0) {
		return;
	}
	for (i = 0; i < inode->entry_count; i++) {
		inode->entries[i]->parent = NULL;
		mem_entry_release(inode->entries[i]);
	}
	for (i = 0; i < inode->stream_count; i++) {
		mem_stream_release(inode->streams[i]);
	}
	for (i = 0; i < inode->ea_count; i++) {
		free(inode->eas[i].name);
		free(inode->eas[i].value.p);
	}
	for (i = 0; i < MEM_BLOBS; i++) {
		free(inode->blobs[i].p);
	}
	mem_data_finish(&inode->data);
	free(inode->entries);
	free(inode->streams);
	free(inode->eas);
	free(inode);
}

void mem_entry_release(struct mem_entry *entry)
{
	if (!entry || --entry->holders > 0) {
		return;
	}
	mem_inode_release(entry->inode);
	free(entry->name);
	free(entry);
}

static struct mem_entry *mem_find(
	struct mem_inode *directory, const char *name, bool nocase)
{
	size_t i;

	for (i = 0; i < directory->entry_count; i++) {
		if (strcmp(directory->entries[i]->name, name) == 0) {
			return directory->entries[i];
		}
	}
	for (i = 0; nocase && i < directory->entry_count; i++) {
		if (text_equal_nocase(directory->entries[i]->name, name)) {
			return directory->entries[i];
		}
	}
	return NULL;
}

static int mem_append(char *text, size_t size, const char *name)
{
	size_t at = strlen(text), n = strlen(name);

	if (at + n + 2 > size) {
		return -ENAMETOOLONG;
	}
	if (at > 0) {
		text[at++] = '/';
	}
	memcpy(text + at, name, n + 1);
	return 0;
}

mode_t mem_reparse_type(const struct mem_inode *inode)
{
	const struct mem_bytes *blob = &inode->blobs[FILES_BLOB_REPARSE];

	return reparse_type(wire_view_of(blob->p, blob->n));
}

int mem_walk(struct mem_share *share, const char *path, unsigned int how,
	struct mem_place *ret_place, char *ret_actual, size_t size)
{
	struct mem_place place = {share->root, NULL, path, *path == 0};
	char name[256];
	int r;

	ret_actual[0] = 0;
	while (*place.name != 0) {
		size_t n = strcspn(place.name, "/");

		if (n >= sizeof name) {
			return -ENAMETOOLONG;
		}
		memcpy(name, place.name, n);
		name[n] = 0;
		place.entry = mem_find(place.directory, name, how & MEM_NOCASE);
		r = mem_append(ret_actual, size,
			place.entry ? place.entry->name : name);
		if (r < 0) {
			return r;
		}
		if (place.name[n] == 0) {
			break;
		}
		if (place.entry && how & MEM_POSIX &&
			S_ISLNK(mem_reparse_type(place.entry->inode))) {
			place.name += n;
			*ret_place = place;
			return -ELOOP;
		}
		if (!place.entry || !place.entry->inode->directory) {
			return place.entry && how & MEM_POSIX ? -ENOTDIR
							      : -ENOENT;
		}
		place.directory = place.entry->inode;
		place.name += n + 1;
	}
	*ret_place = place;
	return 0;
}

int mem_walk_op(struct mem_share *share, struct files_op *op, bool posix,
	struct mem_place *ret_place)
{
	unsigned int how = posix ? MEM_POSIX : op->open.nocase ? MEM_NOCASE : 0;
	int r = mem_walk(share, op->path, how, ret_place, op->actual_name,
		sizeof op->actual_name);

	op->parent_missing = r == -ENOENT || r == -ENOTDIR;
	op->link_end = r == -ELOOP ? (size_t)(ret_place->name - op->path) : 0;
	return r;
}

static int mem_make_room(struct mem_inode *directory)
{
	size_t cap = directory->entry_cap * 2 + 8;
	void *p;

	if (directory->entry_count < directory->entry_cap) {
		return 0;
	}
	p = realloc(directory->entries, cap * sizeof *directory->entries);
	if (!p) {
		return -ENOMEM;
	}
	directory->entries = p;
	directory->entry_cap = cap;
	return 0;
}

static void mem_put(struct mem_inode *directory, struct mem_entry *entry)
{
	entry->cookie = ++directory->next_cookie;
	entry->parent = directory;
	directory->entries[directory->entry_count++] = entry;
}

static void mem_take(struct mem_entry *entry)
{
	struct mem_inode *directory = entry->parent;
	size_t i = 0;

	while (directory->entries[i] != entry) {
		i++;
	}
	memmove(&directory->entries[i], &directory->entries[i + 1],
		(directory->entry_count - i - 1) * sizeof *directory->entries);
	directory->entry_count--;
	entry->parent = NULL;
}

int mem_link(struct mem_inode *directory, const char *name,
	struct mem_inode *inode, struct mem_entry **ret_entry)
{
	struct mem_entry *entry;

	if (mem_make_room(directory) < 0) {
		return -ENOMEM;
	}
	entry = calloc(1, sizeof *entry);
	if (!entry) {
		return -ENOMEM;
	}
	entry->name = strdup(name);
	if (!entry->name) {
		free(entry);
		return -ENOMEM;
	}
	entry->holders = 1;
	entry->inode = inode;
	inode->links++;
	if (inode->directory) {
		inode->up = entry;
	}
	mem_put(directory, entry);
	*ret_entry = entry;
	return 0;
}

int mem_move(
	struct mem_entry *entry, struct mem_inode *directory, const char *name)
{
	char *copy = strdup(name);

	if (!copy || mem_make_room(directory) < 0) {
		free(copy);
		return -ENOMEM;
	}
	free(entry->name);
	entry->name = copy;
	mem_take(entry);
	mem_put(directory, entry);
	return 0;
}

void mem_unlink(struct mem_entry *entry)
{
	if (!entry->parent) {
		return;
	}
	mem_take(entry);
	entry->inode->links--;
	if (entry->inode->up == entry) {
		entry->inode->up = NULL;
	}
	mem_entry_release(entry);
}

bool mem_below(const struct mem_inode *inode, const struct mem_inode *top)
{
	while (inode && inode != top) {
		inode = inode->up ? inode->up->parent : NULL;
	}
	return inode == top;
}

struct mem_stream *mem_stream_find(struct mem_inode *inode, const char *name)
{
	size_t i;

	for (i = 0; i < inode->stream_count; i++) {
		if (text_equal_nocase(inode->streams[i]->name, name)) {
			return inode->streams[i];
		}
	}
	return NULL;
}

int mem_stream_add(struct mem_share *share, struct mem_inode *inode,
	const char *name, struct mem_stream **ret_stream)
{
	struct mem_stream *stream = calloc(1, sizeof *stream);
	void *p = realloc(inode->streams,
		(inode->stream_count + 1) * sizeof *inode->streams);

	if (p) {
		inode->streams = p;
	}
	if (stream) {
		stream->name = strdup(name);
	}
	if (!p || !stream || !stream->name) {
		free(stream);
		return -ENOMEM;
	}
	stream->holders = 1;
	mem_data_init(&stream->data, &share->used, share->capacity);
	inode->streams[inode->stream_count++] = stream;
	*ret_stream = stream;
	return 0;
}

void mem_stream_remove(struct mem_inode *inode, struct mem_stream *stream)
{
	size_t i;

	for (i = 0; i < inode->stream_count; i++) {
		if (inode->streams[i] == stream) {
			inode->streams[i] =
				inode->streams[--inode->stream_count];
			mem_stream_release(stream);
			return;
		}
	}
}

int mem_bytes_set(struct mem_bytes *bytes, const uint8_t *p, size_t n)
{
	uint8_t *copy = NULL;

	if (n > 0) {
		copy = malloc(n);
		if (!copy) {
			return -ENOMEM;
		}
		memcpy(copy, p, n);
	}
	free(bytes->p);
	*bytes = (struct mem_bytes){copy, n};
	return 0;
}

static int mem_ea_add(struct mem_inode *inode, const char *name)
{
	void *p =
		realloc(inode->eas, (inode->ea_count + 1) * sizeof *inode->eas);
	char *copy = strdup(name);

	if (p) {
		inode->eas = p;
	}
	if (!p || !copy) {
		free(copy);
		return -ENOMEM;
	}
	inode->eas[inode->ea_count++] = (struct mem_ea){.name = copy};
	return 0;
}

int mem_ea_set(struct mem_inode *inode, const char *name, bool nocase,
	const uint8_t *p, size_t n)
{
	size_t i = 0;
	int r;

	while (i < inode->ea_count &&
		(nocase ? !text_equal_nocase(inode->eas[i].name, name)
			: strcmp(inode->eas[i].name, name) != 0)) {
		i++;
	}
	if (n == 0) {
		if (i < inode->ea_count) {
			free(inode->eas[i].name);
			free(inode->eas[i].value.p);
			inode->eas[i] = inode->eas[--inode->ea_count];
		}
		return 0;
	}
	if (i == inode->ea_count) {
		r = mem_ea_add(inode, name);
		if (r < 0) {
			return r;
		}
	}
	return mem_bytes_set(&inode->eas[i].value, p, n);
}

void mem_ea_clear(struct mem_inode *inode)
{
	while (inode->ea_count > 0) {
		struct mem_ea *ea = &inode->eas[--inode->ea_count];

		free(ea->name);
		free(ea->value.p);
	}
}

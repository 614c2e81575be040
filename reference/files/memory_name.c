/* SPDX-License-Identifier: MIT */
/* Names of the memory driver that change: RENAME, LINK, UNLINK. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "files/memory_tree.h"

/* In the view of POSIX: a link that a client has stored is none. */
static bool mem_is_directory(const struct mem_inode *inode)
{
	return inode->directory && !mem_reparse_type(inode);
}

/* A sticky directory keeps the names of others, as the kernel has it. */
static int mem_may_take(
	const struct files_op *op, const struct mem_entry *entry)
{
	const struct mem_inode *directory = entry->parent;
	const struct auth_identity *who = op->who;
	bool other = who && who->uid != 0 && who->uid != directory->uid &&
		     who->uid != entry->inode->uid;

	return other && (directory->mode & S_ISVTX) != 0 ? -EPERM : 0;
}

/* May the name at place give way to inode? 0 or what the peer is told. */
static int mem_may_replace(struct files_op *op, struct mem_place *place,
	const struct mem_inode *inode)
{
	struct mem_inode *old = place->entry->inode;

	if (!op->replace) {
		return -EEXIST;
	}
	if (mem_may_take(op, place->entry) < 0) {
		return -EPERM;
	}
	if (op->node->posix) {
		bool over = mem_is_directory(old);

		if (over != mem_is_directory(inode)) {
			return over ? -EISDIR : -ENOTDIR;
		}
		return old->entry_count > 0 ? -ENOTEMPTY : 0;
	}
	if (old->directory || inode->directory) {
		return old->directory ? -EISDIR : -ENOTDIR;
	}
	return 0;
}

static int mem_rename_stream(struct files_op *op)
{
	struct mem_stream *old, *stream = op->node->stream;
	char *name;

	if (!stream) {
		return -EINVAL;
	}
	old = mem_stream_find(op->node->inode, op->stream);
	if (old && old != stream) {
		if (!op->replace) {
			return -EEXIST;
		}
		mem_stream_remove(op->node->inode, old);
	}
	name = strdup(op->stream);
	if (!name) {
		return -ENOMEM;
	}
	free(stream->name);
	stream->name = name;
	return 0;
}

/* Writes the path of a name; its length. */
static size_t mem_path_of(
	const struct mem_entry *entry, char *ret_path, size_t size)
{
	const struct mem_entry *up = entry->parent ? entry->parent->up : NULL;
	size_t n = up ? mem_path_of(up, ret_path, size) : 0;

	if (n >= size) {
		return n;
	}
	return n + (size_t)snprintf(ret_path + n, size - n, "%s%s",
			   n ? "/" : "", entry->name);
}

int mem_rename(struct mem_share *share, struct files_op *op, bool move)
{
	struct files_node *node = op->node;
	struct mem_inode *inode = node->inode;
	struct mem_entry *entry, *old = node->entry;
	struct mem_place place;
	char *slash;
	int r;

	if (move && op->stream) {
		return mem_rename_stream(op);
	}
	r = mem_walk_op(share, op, node->posix, &place);
	if (r < 0) {
		return r;
	}
	if (!move && inode->directory) {
		return -EISDIR;
	}
	if (!old || !old->parent || place.root ||
		(inode->directory && mem_below(place.directory, inode))) {
		return old && old->parent ? -EINVAL : -ENOENT;
	}
	if (move) {
		r = mem_may_take(op, old);
	}
	if (r == 0 && place.entry && (place.entry != old || !move)) {
		r = mem_may_replace(op, &place, inode);
	}
	if (r < 0) {
		return r;
	}
	/* Two names of one file: rename(2) and link(2) leave both. */
	if (place.entry && place.entry != old && place.entry->inode == inode &&
		(node->posix || !move)) {
		mem_path_of(old, op->actual_name, sizeof op->actual_name);
		return 0;
	}
	if (place.entry && place.entry != old) {
		mem_unlink(place.entry);
	}
	if (move) {
		r = mem_move(old, place.directory, place.name);
	} else {
		r = mem_link(place.directory, place.name, inode, &entry);
		inode->holders += r == 0;
	}
	inode->change_time = mem_now(share);
	/* The directory as stored, the last component as asked. */
	slash = strrchr(op->actual_name, '/');
	slash = slash ? slash + 1 : op->actual_name;
	snprintf(slash, sizeof op->actual_name - (slash - op->actual_name),
		"%s", place.name);
	return r;
}

int mem_unlink_node(struct mem_share *share, struct files_op *op)
{
	struct files_node *node = op->node;
	struct mem_inode *parent;

	if (node->stream) {
		mem_stream_remove(node->inode, node->stream);
		return 0;
	}
	if (!node->entry) {
		return -EBUSY;
	}
	if (!node->entry->parent) {
		return -ENOENT;
	}
	if (mem_may_take(op, node->entry) < 0) {
		return -EPERM;
	}
	if (node->inode->entry_count > 0) {
		return -ENOTEMPTY;
	}
	parent = node->entry->parent;
	mem_unlink(node->entry);
	parent->write_time = parent->change_time = mem_now(share);
	return 0;
}

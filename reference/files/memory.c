/* SPDX-License-Identifier: MIT */
/* The memory driver of ports/files.h: one function per verb. */
#include "files/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/memory_tree.h"
#include "files/reparse.h"
#include "ports/text.h"
#include "wire/all.h"

#define MEM_ARCHIVE 0x20u
#define MEM_DIRECTORY 0x10u
#define MEM_SPARSE 0x200u
#define MEM_REPARSE 0x400u

static struct mem_data *mem_data_of(struct files_node *node)
{
	return node->stream ? &node->stream->data : &node->inode->data;
}

static void mem_changed(struct mem_share *share, struct files_node *node)
{
	node->inode->change_time = mem_now(share);
	if (!node->holds_write_time) {
		node->inode->write_time = node->inode->change_time;
	}
}

static uint32_t mem_ea_size(const struct mem_inode *inode)
{
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < inode->ea_count; i++) {
		n += 5 + strlen(inode->eas[i].name) + inode->eas[i].value.n;
	}
	return n ? n + 4 : 0;
}

/* What a POSIX client sees otherwise. */
static void mem_stat_posix(const struct mem_share *share,
	const struct mem_inode *inode, struct files_stat *stat)
{
	const struct mem_bytes *blob = &inode->blobs[FILES_BLOB_REPARSE];
	mode_t type = mem_reparse_type(inode);
	size_t i;

	if (inode->directory) {
		stat->nlink = inode->up || inode == share->root ? 2 : 0;
		for (i = 0; i < inode->entry_count; i++) {
			stat->nlink += inode->entries[i]->inode->directory;
		}
	}
	/* Clients look for holes only where they are told of some. */
	if (!inode->directory && stat->allocation < stat->size) {
		stat->dos_attributes |= MEM_SPARSE;
	}
	if (S_ISLNK(type)) {
		stat->size =
			reparse_target_size(wire_view_of(blob->p, blob->n));
	}
	if (type) {
		stat->mode = type | (stat->mode & 07777);
		stat->nlink = stat->directory ? 1 : stat->nlink;
		stat->directory = false;
	}
}

static void mem_stat(struct mem_share *share, const struct mem_inode *inode,
	const struct mem_stream *stream, bool posix,
	struct files_stat *ret_stat)
{
	const struct mem_data *data = stream ? &stream->data : &inode->data;
	const struct mem_bytes *reparse = &inode->blobs[FILES_BLOB_REPARSE];
	struct files_stat stat = {
		.inode = inode->number,
		.device = share->device,
		.size = data->size,
		.allocation = mem_data_allocation(data),
		.create_time = inode->create_time,
		.access_time = inode->access_time,
		.write_time = inode->write_time,
		.change_time = inode->change_time,
		.dos_attributes = inode->dos_attributes,
		.mode = inode->mode,
		.nlink = inode->directory ? 1 : inode->links,
		.uid = inode->uid,
		.gid = inode->gid,
		.ea_size = mem_ea_size(inode),
		.directory = inode->directory && !stream,
	};

	if (inode->directory) {
		stat.dos_attributes |= MEM_DIRECTORY;
	}
	if (reparse->n >= 4) {
		stat.dos_attributes |= MEM_REPARSE;
		stat.reparse_tag = wire_get32(reparse->p);
	}
	if (posix) {
		mem_stat_posix(share, inode, &stat);
	}
	*ret_stat = stat;
}

static int mem_node_create(struct files_op *op, struct mem_inode *inode,
	struct mem_stream *stream, struct mem_entry *entry)
{
	struct files_node *node = calloc(1, sizeof *node);

	if (!node) {
		return -ENOMEM;
	}
	node->inode = inode;
	node->stream = stream;
	node->entry = entry;
	node->posix = op->posix;
	inode->holders++;
	if (stream) {
		stream->holders++;
	}
	if (entry) {
		entry->holders++;
	}
	op->node = node;
	return 0;
}

/* Makes the file or directory that an OPEN did not find. */
static int mem_make(
	struct mem_share *share, struct files_op *op, struct mem_place *place)
{
	bool directory = op->open.type == FILES_DIRECTORY && !op->stream;
	struct mem_inode *inode;
	int r;

	if (!files_may_create(op->open.how)) {
		return -ENOENT;
	}
	if (share->port.read_only) {
		return -EROFS;
	}
	inode = mem_inode_create(share, directory, op->open.mode);
	if (!inode) {
		return -ENOMEM;
	}
	inode->dos_attributes = op->open.dos_attributes;
	if (op->posix) {
		inode->dos_attributes = directory ? 0 : MEM_ARCHIVE;
	}
	if (op->who) {
		inode->uid = op->who->uid;
		inode->gid = op->who->gid;
	}
	if (place->directory->mode & S_ISGID) {
		inode->gid = place->directory->gid;
		inode->mode |= directory ? S_ISGID : 0;
	}
	r = mem_link(place->directory, place->name, inode, &place->entry);
	if (r < 0) {
		mem_inode_release(inode);
		return r;
	}
	place->directory->write_time = mem_now(share);
	place->directory->change_time = mem_now(share);
	op->created = true;
	return 0;
}

/* Finds or makes the stream of an OPEN on a file that is there. */
static int mem_open_stream(struct mem_share *share, struct files_op *op,
	struct mem_inode *inode, struct mem_stream **ret_stream)
{
	struct mem_stream *stream = mem_stream_find(inode, op->stream);
	int r;

	op->created = false;
	if (!stream) {
		if (!files_may_create(op->open.how)) {
			return -ENOENT;
		}
		if (share->port.read_only) {
			return -EROFS;
		}
		r = mem_stream_add(share, inode, op->stream, &stream);
		if (r < 0) {
			return r;
		}
		op->created = true;
	} else if (op->open.how == FILES_CREATE_NEW) {
		return -EEXIST;
	}
	*ret_stream = stream;
	return 0;
}

static int mem_check_type(const struct files_op *op, bool directory)
{
	if (directory && op->open.type == FILES_FILE) {
		return -EISDIR;
	}
	if (!directory && op->open.type == FILES_DIRECTORY) {
		return -ENOTDIR;
	}
	return 0;
}

static void mem_truncate(struct mem_share *share, struct files_op *op)
{
	struct mem_inode *inode = op->node->inode;

	mem_data_truncate(mem_data_of(op->node), 0);
	mem_changed(share, op->node);
	op->truncated = true;
	if (op->node->stream || op->node->posix) {
		return;
	}
	while (inode->stream_count > 0) {
		mem_stream_remove(inode, inode->streams[0]);
	}
	mem_ea_clear(inode);
}

/* Where a path that leads nowhere meets a link that a client has made. */
static size_t mem_link_end(struct mem_share *share, const struct files_op *op)
{
	const char *slash = strchr(op->path, '/');
	char path[FILES_PATH_MAX], actual[FILES_PATH_MAX];
	struct mem_place place;

	for (; slash; slash = strchr(slash + 1, '/')) {
		size_t n = (size_t)(slash - op->path);
		const struct mem_bytes *reparse;

		if (n >= sizeof path) {
			break;
		}
		memcpy(path, op->path, n);
		path[n] = 0;
		if (mem_walk(share, path, op->open.nocase ? MEM_NOCASE : 0,
			    &place, actual, sizeof actual) < 0 ||
			!place.entry) {
			break;
		}
		reparse = &place.entry->inode->blobs[FILES_BLOB_REPARSE];
		if (reparse->n >= 4 &&
			wire_get32(reparse->p) == IO_REPARSE_TAG_SYMLINK) {
			return n;
		}
	}
	return 0;
}

/* Is it a link that a POSIX client is to walk itself? */
static bool mem_stops(struct files_op *op, const struct mem_place *place)
{
	if (!op->posix || op->open.no_follow || !place->entry ||
		!S_ISLNK(mem_reparse_type(place->entry->inode))) {
		return false;
	}
	op->link_end = strlen(op->path);
	return true;
}

static int mem_open(struct mem_share *share, struct files_op *op)
{
	struct mem_place place;
	struct mem_inode *inode;
	struct mem_stream *stream = NULL;
	int r = mem_walk_op(share, op, op->posix, &place);

	op->created = op->truncated = false;
	if ((r == -ENOENT || (r == 0 && !place.entry && !place.root)) &&
		op->open.how == FILES_OPEN_EXISTING) {
		op->link_end = mem_link_end(share, op);
	}
	if (r < 0) {
		return r;
	}
	if (!place.entry && !place.root) {
		r = mem_make(share, op, &place);
		if (r < 0) {
			return r;
		}
	} else if (op->open.how == FILES_CREATE_NEW && !op->stream) {
		return -EEXIST;
	} else if (mem_stops(op, &place)) {
		return -ELOOP;
	}
	inode = place.root ? share->root : place.entry->inode;
	if (op->stream) {
		r = mem_open_stream(share, op, inode, &stream);
	} else {
		r = mem_check_type(op, inode->directory);
	}
	if (r == 0) {
		r = mem_node_create(op, inode, stream, place.entry);
	}
	if (r < 0) {
		return r;
	}
	if (files_truncates(op->open.how) && !op->created) {
		mem_truncate(share, op);
	}
	mem_stat(share, inode, stream, op->posix, &op->stat);
	return 0;
}

static int mem_reopen(struct mem_share *share, struct files_op *op)
{
	if (share->port.read_only &&
		(op->open.write || files_truncates(op->open.how))) {
		return -EROFS;
	}
	if (files_truncates(op->open.how)) {
		mem_truncate(share, op);
	}
	mem_stat(share, op->node->inode, op->node->stream, op->node->posix,
		&op->stat);
	return 0;
}

static int mem_close(struct files_op *op)
{
	struct files_node *node = op->node;

	mem_stream_release(node->stream);
	mem_inode_release(node->inode);
	mem_entry_release(node->entry);
	free(node);
	op->node = NULL;
	return 0;
}

static int mem_lookup(struct mem_share *share, struct files_op *op)
{
	struct mem_place place;
	int r = mem_walk_op(share, op, op->posix, &place);

	if (r < 0) {
		return r;
	}
	if (!place.entry && !place.root) {
		return -ENOENT;
	}
	if (mem_stops(op, &place)) {
		return -ELOOP;
	}
	mem_stat(share, place.root ? share->root : place.entry->inode, NULL,
		op->posix, &op->stat);
	return 0;
}

static int mem_write(struct mem_share *share, struct files_op *op)
{
	struct mem_data *data = mem_data_of(op->node);
	int r = mem_data_write(
		data, op->append ? data->size : op->offset, op->data, op->size);

	op->transferred = r == 0 ? op->size : 0;
	if (r == 0 && op->size > 0) {
		mem_changed(share, op->node);
	}
	return r;
}

/* As the kernel would judge chown(2) and chmod(2). */
static int mem_set_owner(struct files_op *op, struct mem_inode *inode)
{
	bool root = !op->who || op->who->uid == 0;
	bool owner = root || op->who->uid == inode->uid;
	bool gives = op->set_owner && op->stat.uid != inode->uid;
	bool moves = op->set_group && op->stat.gid != inode->gid;
	unsigned int i;

	for (i = 0; moves && !root && i < op->who->group_count; i++) {
		moves = op->who->groups[i] != op->stat.gid;
	}
	moves = moves && !root && op->who->gid != op->stat.gid;
	if (!owner || (gives && !root) || moves) {
		return -EPERM;
	}
	if (op->set_mode && S_ISLNK(mem_reparse_type(inode))) {
		return -EOPNOTSUPP;
	}
	inode->uid = op->set_owner ? op->stat.uid : inode->uid;
	inode->gid = op->set_group ? op->stat.gid : inode->gid;
	if (!inode->directory && (op->set_owner || op->set_group)) {
		inode->mode &= ~(uint32_t)(S_ISUID | S_ISGID);
	}
	if (op->set_mode) {
		inode->mode = (inode->mode & S_IFMT) | (op->stat.mode & 07777);
	}
	return 0;
}

static int mem_set_stat(struct mem_share *share, struct files_op *op)
{
	struct mem_inode *inode = op->node->inode;
	const struct files_stat *set = &op->stat;
	int r = op->set_mode || op->set_owner || op->set_group
			? mem_set_owner(op, inode)
			: 0;

	if (r < 0) {
		return r;
	}
	if (set->create_time) {
		inode->create_time = set->create_time;
	}
	if (set->access_time) {
		inode->access_time = set->access_time;
	}
	if (set->write_time) {
		inode->write_time = set->write_time;
	}
	if (op->hold_write_time || op->free_write_time) {
		op->node->holds_write_time = op->hold_write_time;
	}
	if (op->set_attributes) {
		inode->dos_attributes =
			set->dos_attributes & ~(MEM_DIRECTORY | MEM_REPARSE);
	}
	inode->change_time =
		set->change_time ? set->change_time : mem_now(share);
	return 0;
}

static int mem_copy(struct mem_share *share, struct files_op *op)
{
	uint8_t buffer[MEM_CHUNK];
	uint64_t done = 0;
	int r = 0;

	while (done < op->size && r == 0) {
		size_t want = op->size - done < sizeof buffer ? op->size - done
							      : sizeof buffer;
		size_t n = mem_data_read(mem_data_of(op->from),
			op->from_offset + done, buffer, want);

		if (n == 0) {
			break;
		}
		r = mem_data_write(
			mem_data_of(op->node), op->offset + done, buffer, n);
		done += r == 0 ? n : 0;
	}
	op->transferred = done;
	if (done > 0) {
		mem_changed(share, op->node);
	}
	return r;
}

static int mem_readdir(struct mem_share *share, struct files_op *op)
{
	struct files_node *node = op->node;
	struct mem_inode *directory = node->inode;
	size_t i, used = 0;

	op->entry_count = 0;
	if (!directory->directory || node->stream) {
		return -ENOTDIR;
	}
	if (op->rewind) {
		node->cookie = 0;
	}
	for (i = 0; i < directory->entry_count; i++) {
		struct mem_entry *entry = directory->entries[i];
		struct files_entry *to = &op->entries[op->entry_count];

		if (entry->cookie <= node->cookie) {
			continue;
		}
		if (op->entry_count == op->entry_cap) {
			break;
		}
		to->name = files_text(
			op, &used, entry->name, strlen(entry->name) + 1);
		if (!to->name) {
			break;
		}
		mem_stat(share, entry->inode, NULL, node->posix, &to->stat);
		node->cookie = entry->cookie;
		op->entry_count++;
	}
	return 0;
}

static int mem_streams(struct mem_share *share, struct files_op *op)
{
	struct mem_inode *inode = op->node->inode;
	size_t i, used = 0;

	op->entry_count = 0;
	for (i = op->offset; i < inode->stream_count; i++) {
		struct files_entry *to = &op->entries[op->entry_count];
		struct mem_stream *stream = inode->streams[i];

		if (op->entry_count == op->entry_cap) {
			break;
		}
		to->name = files_text(
			op, &used, stream->name, strlen(stream->name) + 1);
		if (!to->name) {
			break;
		}
		mem_stat(share, inode, stream, false, &to->stat);
		op->entry_count++;
	}
	return 0;
}

static int mem_get_ea(struct files_op *op)
{
	struct mem_inode *inode = op->node->inode;
	size_t i, used = 0;

	op->entry_count = 0;
	for (i = op->offset; i < inode->ea_count; i++) {
		struct files_entry *to = &op->entries[op->entry_count];
		struct mem_ea *ea = &inode->eas[i];
		const char *value;

		if (op->entry_count == op->entry_cap) {
			break;
		}
		to->name =
			files_text(op, &used, ea->name, strlen(ea->name) + 1);
		value = files_text(op, &used, ea->value.p, ea->value.n);
		if (!to->name || !value) {
			break;
		}
		to->value = wire_view_of(value, ea->value.n);
		op->entry_count++;
	}
	return 0;
}

static int mem_get_blob(struct files_op *op)
{
	const struct mem_bytes *blob = &op->node->inode->blobs[op->blob];

	op->transferred = 0;
	if (!blob->p) {
		return -ENODATA;
	}
	if (blob->n > op->size) {
		return -ERANGE;
	}
	memcpy(op->data, blob->p, blob->n);
	op->transferred = blob->n;
	return 0;
}

static int mem_statfs(struct mem_share *share, struct files_op *op)
{
	op->fs = (struct files_fs){
		.total = share->capacity,
		.available = share->capacity - share->used,
		.free = share->capacity - share->used,
		.block_size = MEM_CHUNK,
		.name_max = 255,
		.serial = share->device,
		.files = share->next_number,
		.transfer_size = MEM_CHUNK,
		.blocks = share->capacity / MEM_CHUNK,
		.blocks_free = (share->capacity - share->used) / MEM_CHUNK,
		.blocks_available = (share->capacity - share->used) / MEM_CHUNK,
		.fsid = share->device,
		.sparse = true,
		.read_only = share->port.read_only,
		.clone = true,
	};
	return 0;
}

static int mem_run_data(struct mem_share *share, struct files_op *op)
{
	switch (op->verb) {
	case FILES_READ:
		op->transferred = mem_data_read(
			mem_data_of(op->node), op->offset, op->data, op->size);
		return 0;
	case FILES_WRITE:
		return mem_write(share, op);
	case FILES_TRUNCATE:
		if (op->offset > INT64_MAX) {
			return -EFBIG;
		}
		mem_data_truncate(mem_data_of(op->node), op->offset);
		mem_changed(share, op->node);
		return 0;
	case FILES_ALLOCATE:
		return mem_data_reserve(mem_data_of(op->node), op->offset);
	case FILES_ZERO:
		mem_data_zero(mem_data_of(op->node), op->offset, op->size);
		mem_changed(share, op->node);
		return 0;
	case FILES_RANGES:
		op->range_count = mem_data_ranges(mem_data_of(op->node),
			op->offset, op->size, op->ranges, op->range_cap);
		return 0;
	case FILES_COPY:
		return mem_copy(share, op);
	default:
		return -EOPNOTSUPP;
	}
}

static int mem_run(struct mem_share *share, struct files_op *op)
{
	switch (op->verb) {
	case FILES_OPEN:
		return mem_open(share, op);
	case FILES_REOPEN:
		return mem_reopen(share, op);
	case FILES_CLOSE:
		return mem_close(op);
	case FILES_STAT:
		mem_stat(share, op->node->inode, op->node->stream,
			op->node->posix, &op->stat);
		return 0;
	case FILES_LOOKUP:
		return mem_lookup(share, op);
	case FILES_FLUSH:
		return 0;
	case FILES_SET_STAT:
		return mem_set_stat(share, op);
	case FILES_READDIR:
		return mem_readdir(share, op);
	case FILES_STREAMS:
		return mem_streams(share, op);
	case FILES_RENAME:
	case FILES_LINK:
		return mem_rename(share, op, op->verb == FILES_RENAME);
	case FILES_UNLINK:
		return mem_unlink_node(share, op);
	case FILES_GET_BLOB:
		return mem_get_blob(op);
	case FILES_SET_BLOB:
		return mem_bytes_set(
			&op->node->inode->blobs[op->blob], op->data, op->size);
	case FILES_GET_EA:
		return mem_get_ea(op);
	case FILES_SET_EA:
		return mem_ea_set(op->node->inode, op->name, !op->node->posix,
			op->data, op->size);
	case FILES_STATFS:
		return mem_statfs(share, op);
	default:
		return mem_run_data(share, op);
	}
}

static void mem_submit(struct files_port *port, struct files_op *op)
{
	struct mem_share *share = (struct mem_share *)port;

	if (port->read_only && files_changes(op->verb)) {
		op->result = -EROFS;
	} else {
		op->result = mem_run(share, op);
	}
	op->done(op);
}

static void mem_cancel(struct files_port *port, struct files_op *op)
{
	(void)port;
	(void)op;
}

static void mem_destroy(struct files_port *port)
{
	struct mem_share *share = (struct mem_share *)port;

	mem_inode_release(share->root);
	free(share);
}

struct files_port *files_memory_create(
	uint64_t (*now)(void *ctx), void *ctx, uint64_t capacity)
{
	struct mem_share *share = calloc(1, sizeof *share);

	if (!share) {
		return NULL;
	}
	share->port =
		(struct files_port){mem_submit, mem_cancel, mem_destroy, false};
	share->now = now;
	share->now_ctx = ctx;
	share->capacity = capacity;
	share->next_number = 2;
	share->device = 0x6d656d31;
	share->root = mem_inode_create(share, true, 0777);
	if (!share->root) {
		free(share);
		return NULL;
	}
	return &share->port;
}

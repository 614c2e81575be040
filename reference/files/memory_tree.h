/* SPDX-License-Identifier: MIT */
/*
 * The directory tree of a share in memory: inodes, their names, streams and
 * attributes. Only the memory driver includes this.
 */
#ifndef SMB3X_FILES_MEMORY_TREE_H
#define SMB3X_FILES_MEMORY_TREE_H

#include <sys/types.h>

#include "files/memory_data.h"
#include "ports/files.h"

#define MEM_BLOBS 3

struct mem_inode;

struct mem_bytes {
	uint8_t *p;
	size_t n;
};

struct mem_stream {
	char *name;
	unsigned int holders; /* the inode's list and open nodes */
	struct mem_data data;
};

struct mem_ea {
	char *name;
	struct mem_bytes value;
};

/* A name in a directory. */
struct mem_entry {
	unsigned int holders; /* the directory and open nodes */
	char *name;
	uint64_t cookie;          /* grows within a directory */
	struct mem_inode *parent; /* NULL once removed */
	struct mem_inode *inode;  /* held */
};

struct mem_inode {
	unsigned int holders; /* names and open nodes */
	uint64_t number;
	bool directory;
	unsigned int links;
	uint32_t dos_attributes, mode, uid, gid;
	uint64_t create_time, access_time, write_time, change_time;
	struct mem_data data;
	struct mem_entry *up; /* of a directory: its name; NULL: the root */
	struct mem_entry **entries;
	size_t entry_count, entry_cap;
	uint64_t next_cookie;
	struct mem_stream **streams;
	size_t stream_count;
	struct mem_ea *eas;
	size_t ea_count;
	struct mem_bytes blobs[MEM_BLOBS];
};

struct files_node {
	struct mem_inode *inode;   /* held */
	struct mem_stream *stream; /* held; NULL: unnamed data */
	struct mem_entry *entry;   /* held; NULL: the root */
	uint64_t cookie;           /* of the last entry that READDIR gave */
	bool posix;                /* the view that it was opened with */
	bool holds_write_time;
};

struct mem_share {
	struct files_port port;
	uint64_t (*now)(void *ctx);
	void *now_ctx;
	uint64_t capacity, used, next_number, device;
	struct mem_inode *root;
};

static inline uint64_t mem_now(const struct mem_share *share)
{
	return share->now(share->now_ctx);
}

struct mem_inode *mem_inode_create(
	struct mem_share *share, bool directory, uint32_t mode);
void mem_inode_release(struct mem_inode *inode);
void mem_stream_release(struct mem_stream *stream);
void mem_entry_release(struct mem_entry *entry);

/* The place of a path: its directory and, when there, its entry. */
struct mem_place {
	struct mem_inode *directory;
	struct mem_entry *entry; /* NULL: not there; root: directory is it */
	const char *name;        /* last component, in the path */
	bool root;
};

/* How a path is walked. */
#define MEM_NOCASE 1u
#define MEM_POSIX 2u /* no link is followed */

/* 0 also when only the last component is missing; -ENOENT, -ENAMETOOLONG;
 * MEM_POSIX: -ELOOP, one before the last is a link, and name is behind it;
 * -ENOTDIR: it is something else.
 * ret_actual (size bytes) receives the path as stored, the last component as
 * asked when it is missing. */
int mem_walk(struct mem_share *share, const char *path, unsigned int how,
	struct mem_place *ret_place, char *ret_actual, size_t size);
/* The walk of an operation, which is told how far it went. */
int mem_walk_op(struct mem_share *share, struct files_op *op, bool posix,
	struct mem_place *ret_place);
/* The type that its reparse point stands for; 0: none. */
mode_t mem_reparse_type(const struct mem_inode *inode);

/* Adds a name; takes over the caller's hold of inode on success. */
int mem_link(struct mem_inode *directory, const char *name,
	struct mem_inode *inode, struct mem_entry **ret_entry);
/* The same name object under another name, perhaps elsewhere. */
int mem_move(
	struct mem_entry *entry, struct mem_inode *directory, const char *name);
/* Takes the name out of its directory. */
void mem_unlink(struct mem_entry *entry);
bool mem_below(const struct mem_inode *inode, const struct mem_inode *top);

/* memory_name.c: RENAME (move) and LINK; UNLINK. */
int mem_rename(struct mem_share *share, struct files_op *op, bool move);
int mem_unlink_node(struct mem_share *share, struct files_op *op);

struct mem_stream *mem_stream_find(struct mem_inode *inode, const char *name);
int mem_stream_add(struct mem_share *share, struct mem_inode *inode,
	const char *name, struct mem_stream **ret_stream);
void mem_stream_remove(struct mem_inode *inode, struct mem_stream *stream);

int mem_bytes_set(struct mem_bytes *bytes, const uint8_t *p, size_t n);
int mem_ea_set(struct mem_inode *inode, const char *name, bool nocase,
	const uint8_t *p, size_t n);
void mem_ea_clear(struct mem_inode *inode);

#endif

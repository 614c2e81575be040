/* SPDX-License-Identifier: MIT */
/*
 * Files as the engine needs them: one kind of request, one door for its
 * completion. The engine keeps names, share modes, locks, leases and access
 * checks; a driver keeps bytes, attributes and directories.
 *
 * The engine fills a struct files_op, calls submit(), and from then on the
 * operation belongs to the driver until it calls op->done(op). done() may be
 * called from inside submit() (the caller must be finished with op and
 * everything done() may free) or later, always on the engine's thread.
 *
 * CLOSE may be submitted while other operations of its node are under way: the
 * driver lets those end first.
 *
 * Paths are UTF-8, relative to the share's root, components separated by '/',
 * without leading '/', "." or ".."; the root itself is "". A driver never
 * leaves the root, whatever symbolic links say. Times are Windows FILETIME
 * (100 ns since 1601), 0 = leave alone when setting. Results are 0 or negative
 * errno.
 *
 * op->posix asks for the view of a POSIX client (spec/posix.adoc). It is looked
 * at where an operation has no node; a node keeps the view it was opened with.
 *
 *   Names are compared byte by byte (open.nocase is not looked at); '\\' and
 *   ':' are ordinary characters. Names of extended attributes, too, are what
 *   they are.
 *
 *   No symbolic link is followed, be it the file system's own or a reparse
 *   point that a client has stored (IO_REPARSE_TAG_SYMLINK, _LX_SYMLINK, _NFS
 *   with the type of a link). One before the last component, or as the last
 *   one without open.no_follow, is -ELOOP, and link_end says where.
 *   FILES_CREATE_NEW meets a last one with -EEXIST.
 *
 *   Truncation leaves streams and EAs alone.
 *
 *   open.mode is what the file gets (07777; no umask; default ACLs and setgid
 *   directories do their work), and open.dos_attributes is not looked at.
 *
 *   A FIFO, socket or device is a node without data: reading, writing and
 *   truncating it is refused, opening it never waits.
 *
 *   stat.dos_attributes has SPARSE_FILE where a file has holes.
 *
 *   stat.mode has the type that a POSIX client is to see, also for what is
 *   stored as a reparse point; stat.size of a link is the target's length in
 *   bytes; stat.nlink of a directory is the file system's.
 *
 *   RENAME replaces what rename(2) would, an empty directory by a directory
 *   too; two names of one file stay. Errors are those of rename(2), link(2),
 *   unlink(2), rmdir(2). With replace false RENAME is atomic; LINK is anyway.
 *   UNLINK is -ENOENT when the name is no longer the node's file.
 */
#ifndef SMB3X_PORTS_FILES_H
#define SMB3X_PORTS_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ports/auth.h"

#define FILES_PATH_MAX 4096 /* bytes of a path with its terminating zero */

struct files_node; /* an open file, directory or stream of the driver */

enum files_verb {
	FILES_OPEN,     /* path, stream, open -> node, stat, created */
	FILES_CLOSE,    /* node is gone afterwards, whatever result says */
	FILES_STAT,     /* node -> stat */
	FILES_LOOKUP,   /* path -> stat, name on disk (no node) */
	FILES_READ,     /* node, offset, size, data -> transferred */
	FILES_WRITE,    /* node, offset or append, size, data -> transferred */
	FILES_FLUSH,    /* node: data and metadata reach the disk */
	FILES_SET_STAT, /* node, set: times, dos_attributes, mode, owner */
	FILES_TRUNCATE, /* node, offset = new end of file */
	FILES_ALLOCATE, /* node, offset = wanted allocation size */
	FILES_ZERO,     /* node, offset, size: zero, deallocating if sparse */
	FILES_RANGES,   /* node, offset, size -> ranges that hold data */
	FILES_COPY,     /* node <- source: copy->from, offset, size; clone? */
	FILES_READDIR,  /* node -> next batch of entries (never "." "..") */
	FILES_RENAME,   /* node, new path, replace? */
	FILES_LINK,     /* node, new path, replace? */
	FILES_UNLINK,   /* node: its name goes; directory must be empty */
	FILES_STREAMS,  /* node, offset = first wanted -> named streams */
	FILES_GET_BLOB, /* node, blob kind -> data, transferred */
	FILES_SET_BLOB, /* node, blob kind, data; size 0 removes */
	FILES_GET_EA,   /* node, offset = first wanted -> EAs */
	FILES_SET_EA,   /* node, name, data; size 0 removes; names differ in
			 * more than case */
	FILES_STATFS,   /* -> fs */
	FILES_REOPEN,   /* node, open: the rights of open.read/write, and
			 * truncation when open.how says so */
};

enum files_create {
	FILES_OPEN_EXISTING, /* -ENOENT when missing */
	FILES_CREATE_NEW,    /* -EEXIST when there */
	FILES_OPEN_OR_CREATE,
	FILES_TRUNCATE_EXISTING, /* overwrite: -ENOENT when missing; of
				  * unnamed data also the file's named
				  * streams and EAs go */
	FILES_TRUNCATE_OR_CREATE,
};

static inline bool files_may_create(enum files_create how)
{
	return how == FILES_CREATE_NEW || how == FILES_OPEN_OR_CREATE ||
	       how == FILES_TRUNCATE_OR_CREATE;
}

static inline bool files_truncates(enum files_create how)
{
	return how == FILES_TRUNCATE_EXISTING ||
	       how == FILES_TRUNCATE_OR_CREATE;
}

enum files_type { FILES_ANY, FILES_FILE, FILES_DIRECTORY };

struct files_stat {
	uint64_t inode, device;
	uint64_t size, allocation;
	uint64_t create_time, access_time, write_time, change_time;
	uint32_t dos_attributes; /* FILE_ATTRIBUTE_*; NORMAL never set here */
	uint32_t mode, nlink, uid, gid; /* st_mode as POSIX has it */
	uint32_t reparse_tag;           /* 0 = none; real links: _SYMLINK; real
					 * FIFOs, sockets, devices: _NFS */
	uint32_t ea_size;
	bool directory;
};

struct files_open {
	enum files_create how;
	enum files_type type;     /* -ENOTDIR, -EISDIR when it is the other */
	bool nocase;              /* an entry that differs in case is found */
	bool read, write, append; /* what the node will be used for */
	bool no_follow;           /* a symbolic link at the end is the target
				   * of the operation, not what it names */
	uint32_t dos_attributes;  /* of a file that is made */
	uint32_t mode;            /* permission bits of a file that is made */
	uint64_t allocation;      /* hint, 0 = none */
};

/* A directory entry, stream or extended attribute in a batch. */
struct files_entry {
	const char *name;       /* UTF-8, in the op's text */
	struct files_stat stat; /* directory entries; streams: sizes */
	struct wire_view value; /* extended attributes; in the op's text */
};

struct files_range {
	uint64_t offset, size;
};

struct files_fs {
	uint64_t total, available, free; /* bytes */
	uint32_t block_size, name_max;
	uint64_t serial; /* volume serial number or fsid */
	uint64_t files, files_free;
	/* As statvfs(3) has them; blocks of block_size bytes. */
	uint32_t transfer_size; /* f_bsize */
	uint64_t blocks, blocks_free, blocks_available, fsid;
	bool sparse, case_sensitive, read_only, clone;
};

enum files_blob {
	FILES_BLOB_SECURITY,
	FILES_BLOB_REPARSE, /* of real links and special files: made up on
			     * the way; to set it is -EOPNOTSUPP there */
	FILES_BLOB_OBJECT_ID
};

struct files_op {
	enum files_verb verb;
	struct files_port *port;
	const struct auth_identity *who; /* whose rights */
	struct files_node *node;
	const char *path;   /* OPEN, LOOKUP; RENAME, LINK: the new path */
	const char *stream; /* OPEN: stream name, NULL = unnamed data */
	const char *name;   /* EA name */
	bool posix;         /* OPEN, LOOKUP: see above */
	struct files_open open;
	struct files_stat stat; /* in: SET_STAT (0 = leave alone); out: stat */
	bool set_attributes;    /* SET_STAT: dos_attributes are to be set */
	bool set_mode;          /* SET_STAT: mode, all of 07777; -EOPNOTSUPP
				 * for a link */
	bool set_owner, set_group; /* SET_STAT: uid, gid; before the mode */
	bool hold_write_time;    /* SET_STAT: whatever changes data through this
				  * node leaves the write time as it is now */
	bool free_write_time;    /* SET_STAT: no longer */
	bool append;             /* WRITE: behind the last byte, whatever offset
				  * says, in one step with finding it */
	bool replace;            /* RENAME, LINK */
	bool created;            /* out of OPEN: it was made now */
	bool truncated;          /* out of OPEN: it was overwritten */
	bool parent_missing;     /* -ENOENT of OPEN, LOOKUP, RENAME, LINK: a
				  * component before the last is not there or
				  * is no directory; posix: the latter is
				  * -ENOTDIR, with this too */
	size_t link_end;         /* -ENOENT of OPEN with FILES_OPEN_EXISTING:
				  * so many bytes of path lead to a reparse
				  * point that is a symbolic link; 0 = none
				  * before the last component.
				  * -ELOOP of a posix OPEN, LOOKUP, RENAME,
				  * LINK: so many lead to the link */
	bool clone;              /* COPY: share extents or fail -EOPNOTSUPP */
	struct files_node *from; /* COPY: source */
	uint64_t from_offset;
	uint64_t offset, size;
	uint8_t *data; /* READ, GET_BLOB: room for size bytes */
	size_t transferred;
	enum files_blob blob;
	/* READDIR, STREAMS, GET_EA: up to entry_cap entries are filled;
	 * entry_count 0 = end. rewind starts READDIR anew. RANGES: ranges. */
	struct files_entry *entries;
	size_t entry_cap, entry_count;
	char *text;      /* room for the entries' names and values: */
	size_t text_cap; /* a batch ends early when it is used up */
	bool rewind;
	struct files_range *ranges;
	size_t range_cap, range_count;
	struct files_fs fs;
	char actual_name[FILES_PATH_MAX]; /* out of OPEN, LOOKUP: path as on
					   * disk; RENAME, LINK: the new one */
	int result;                       /* 0 or -errno */
	void (*done)(struct files_op *op);
	void *ctx; /* the engine's */
};

/* For drivers: does the verb change a node? OPEN and REOPEN may, too. */
static inline bool files_changes(enum files_verb verb)
{
	return verb == FILES_WRITE || verb == FILES_SET_STAT ||
	       verb == FILES_TRUNCATE || verb == FILES_ZERO ||
	       verb == FILES_COPY || verb == FILES_RENAME ||
	       verb == FILES_LINK || verb == FILES_UNLINK ||
	       verb == FILES_SET_BLOB || verb == FILES_SET_EA ||
	       verb == FILES_ALLOCATE;
}

/* For drivers: n bytes behind what the batch holds; NULL: it is used up. */
static inline const char *files_text(
	struct files_op *op, size_t *used, const void *p, size_t n)
{
	char *at = op->text + *used;

	if (op->text_cap - *used < n) {
		return NULL;
	}
	memcpy(at, p, n);
	*used += n;
	return at;
}

/* One per share. */
struct files_port {
	void (*submit)(struct files_port *port, struct files_op *op);
	/* The operation's result does not matter any more: end it soon. */
	void (*cancel)(struct files_port *port, struct files_op *op);
	void (*destroy)(struct files_port *port);
	bool read_only;
};

#endif

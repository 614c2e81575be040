/* SPDX-License-Identifier: MIT */
/*
 * A share as a file system of this machine (libfuse3, low-level interface):
 * what its parts share. The kernel knows nodes; the server knows paths: a node
 * keeps the names by which it was met, so that hard links are one file and an
 * unlinked file that is open stays one.
 */
#ifndef SMB3X_CLIENT_MOUNT_H
#define SMB3X_CLIENT_MOUNT_H

#define FUSE_USE_VERSION 312

#include <fuse3/fuse_lowlevel.h>
#include <pthread.h>

#include "client/share.h"

struct node;

/* A name of a node in its parent. */
struct name {
	struct name *next; /* of the same node */
	struct name *link; /* in the same bucket of the table of names */
	struct node *parent, *node;
	char text[];
};

/* An open file; in the list of its node. */
struct handle {
	struct handle *next;
	struct node *node;
	struct smb3x_file *file;
	struct smb3x_file *plain; /* writes at offsets, beside an append open */
	pthread_mutex_t lock;     /* of plain */
	int flags;
	unsigned int uses; /* closed when nobody uses it */
};

struct node {
	struct node *link; /* in the same bucket of the table of inodes */
	uint64_t inode, device;
	bool keyed;       /* in the table of inodes */
	uint32_t type;    /* S_IFMT */
	uint64_t lookups; /* of the kernel; the root has one for ever */
	unsigned int children;
	struct name *names;
	struct handle *handles;
	struct smb3x_stat *last;   /* of a directory, for when it is gone */
	struct range *ranges;      /* locks */
	struct lock_owner *owners; /* and the files that hold them */
};

#define MOUNT_BUCKETS 4096

struct mount {
	struct smb3x *share;
	const char *top; /* path of the root within the share */
	double attr_timeout;
	bool force_uid, force_gid;
	uint32_t uid, gid;
	uint64_t root_device;
	/* Shared: a path is in use. Exclusive: paths change. */
	pthread_rwlock_t paths;
	pthread_mutex_t lock; /* of all nodes, names and lists of handles */
	pthread_mutex_t range_lock;
	unsigned int waiters; /* for locks */
	uint64_t changes;     /* made through this mount; atomic */
	struct node root;
	struct node *inodes[MOUNT_BUCKETS];
	struct name *names[MOUNT_BUCKETS];
};

/* mount_node.c */
struct node *node_of(struct mount *m, fuse_ino_t ino);
fuse_ino_t node_ino(struct mount *m, struct node *node);
/* Path from the root of the share, of the node or of a name below it (NULL:
 * the node itself); free() it. NULL with *ret_error: -ENOENT without a name,
 * -ENOMEM. */
char *node_path(
	struct mount *m, struct node *node, const char *name, int *ret_error);
/* The node that stat is about, met as a name in parent; one lookup more. */
struct node *node_meet(struct mount *m, struct node *parent, const char *name,
	const struct smb3x_stat *stat);
/* What a directory was before it was removed, if it has been. */
bool node_last(
	struct mount *m, const struct node *node, struct smb3x_stat *ret_stat);
/* Whether stat is of this very object, as far as the server tells. */
bool node_is(struct mount *m, const struct node *node,
	const struct smb3x_stat *stat);
void node_forget(struct mount *m, struct node *node, uint64_t lookups);
void node_add_name(struct mount *m, struct node *parent, const char *name,
	struct node *node);
void node_lose_name(struct mount *m, struct node *parent, const char *name);
void node_rename(struct mount *m, struct node *from, const char *name,
	struct node *to, const char *new_name);
void node_add_handle(struct mount *m, struct handle *handle);
void node_remove_handle(struct mount *m, struct handle *handle);
/* An open file of the node, rather one that can write; NULL without one. Ends
 * with mount_drop_handle(). */
struct handle *node_hold_handle(struct mount *m, struct node *node);
void node_finish_all(struct mount *m);

/* mount_path.c: what is done by name */
void mount_stat(struct mount *m, const struct smb3x_stat *from,
	const char *path, struct stat *ret_stat);
int mount_getattr(
	struct mount *m, struct node *node, struct smb3x_stat *ret_stat);
/* Answers with the entry, also of a file that was created as fi; on failure
 * the caller keeps that. */
int mount_reply_entry(struct mount *m, fuse_req_t req, struct node *parent,
	const char *name, struct fuse_file_info *fi);
extern const struct fuse_lowlevel_ops mount_path_ops;

/* mount_file.c */
int mount_drop_handle(struct mount *m, struct handle *handle);

/* mount_file.c, mount_dir.c, mount_lock.c: add their operations */
void mount_file_ops(struct fuse_lowlevel_ops *ops);
void mount_dir_ops(struct fuse_lowlevel_ops *ops);
void mount_lock_ops(struct fuse_lowlevel_ops *ops);
/* Locks that end with a descriptor of a process, and with a file. */
void mount_unlock_owner(struct mount *m, struct node *node, uint64_t owner);
void mount_unlock_handle(struct mount *m, struct handle *handle);

/* How long the kernel believes attributes and names: not at all where the
 * library remembers them, which learns of each break. */
static inline double mount_kernel_timeout(const struct mount *m)
{
	return share_caches(m->share) ? 0 : m->attr_timeout;
}

static inline void mount_changed(struct mount *m)
{
	__atomic_add_fetch(&m->changes, 1, __ATOMIC_RELAXED);
}

static inline struct mount *mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

#endif

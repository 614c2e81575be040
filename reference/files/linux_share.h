/* SPDX-License-Identifier: MIT */
/* What the parts of the Linux driver share. Only they include this. */
#ifndef SMB3X_FILES_LINUX_SHARE_H
#define SMB3X_FILES_LINUX_SHARE_H

#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>

#include "ports/files.h"

#define LX_SIDE ".smb3x"
#define LX_PATH_MAX FILES_PATH_MAX

struct lx_share {
	struct files_port port;
	struct work_port *work;
	int root; /* O_PATH */
	bool privileged;
	uint64_t serial;
	pthread_mutex_t lock;     /* of nodes and their paths */
	pthread_mutex_t holding;  /* while data changes and its time does not */
	struct files_node *nodes; /* every open node */
};

struct files_node {
	struct files_node *prev, *next;
	struct lx_share *share;
	unsigned int busy;        /* operations under way; engine's thread */
	struct files_op *closing; /* CLOSE that waits for them */
	int fd;       /* the file or directory; O_PATH until data is wanted */
	int data;     /* the stream's bytes; -1: no stream */
	DIR *dir;     /* while it is read */
	char *path;   /* under share->lock */
	char *stream; /* NULL: unnamed data */
	uint64_t inode, device, birth;
	mode_t mode;
	bool posix; /* the view that it was opened with */
	_Atomic bool holds_write_time;
};

/* How a path is resolved. */
#define LX_NOCASE 1u
#define LX_POSIX 2u     /* no link is followed */
#define LX_NO_FOLLOW 4u /* none at the end */

/* Takes on the rights of who (NULL: the server's own), for this thread.
 * Returns who it was before. */
const struct auth_identity *lx_become(
	struct lx_share *share, const struct auth_identity *who);

/* linux_name.c */

/* openat2 confined below dirfd; fd or -errno. */
int lx_openat(int dirfd, const char *path, int flags, mode_t mode);
/* The same for a path in the view of how: no link is followed where it says
 * so. */
int lx_openat_as(int dirfd, const char *path, int flags, unsigned int how);
/* Opens the parent of path (O_PATH) and points at the last component. An fd,
 * -ENOENT also when a component is no directory, or -errno. */
int lx_parent(struct lx_share *share, const char *path, unsigned int how,
	const char **ret_name);
/* The path as it is on disk; 0, also when only the last component is missing
 * (*ret_found false), -ENOENT: an earlier one; LX_POSIX: -ELOOP, one before the
 * last is a link, -ENOTDIR: something else. */
int lx_resolve(struct lx_share *share, const char *path, unsigned int how,
	char *ret_actual, bool *ret_found);
/* So many bytes of the path lead to a link before its last component, one
 * that a client has stored, or (LX_POSIX) any. 0: none. */
size_t lx_link_end(struct lx_share *share, const char *path, unsigned int how);
/* Is the node a link in the view of how? */
bool lx_is_link(struct files_node *node, unsigned int how);
/* Is this the hidden directory of the driver, or below it? */
bool lx_hidden(const char *path, unsigned int how);
/* An operation without, with a node. */
unsigned int lx_how_op(const struct files_op *op);
unsigned int lx_how_node(const struct files_op *op);

/* linux.c: takes over fd, also on failure. */
int lx_node_create(struct lx_share *share, int fd, const char *path,
	unsigned int how, struct files_node **ret_node);
void lx_node_destroy(struct files_node *node);
/* A duplicate of the node's path for use outside the lock. */
char *lx_node_path(struct files_node *node);
/* The name that nodes were opened by has changed. */
void lx_paths_moved(struct lx_share *share, const char *from, const char *to);

int lx_rename(struct lx_share *share, struct files_op *op);
int lx_link(struct lx_share *share, struct files_op *op);
int lx_unlink(struct lx_share *share, struct files_op *op);

/* linux_stat.c */

/* fd with AT_EMPTY_PATH, or a name in it; fills all but what streams change.
 * ret_birth may be NULL. */
int lx_stat_at(int fd, const char *name, struct files_stat *ret_stat,
	uint64_t *ret_birth);
int lx_stat_node(struct files_node *node, struct files_stat *ret_stat);
int lx_set_stat(struct files_node *node, const struct files_op *op);
/* As the server: who may write may also be somebody who may not set times. */
int lx_set_write_time(struct files_node *node, uint64_t write_time);
int lx_statfs(struct lx_share *share, struct files_op *op);

/* linux_side.c */

/* Attributes by own short name ("dos", "sd"): number of bytes, -ENODATA,
 * -ERANGE or -errno. size 0 on put removes. */
int lx_attr_get(struct files_node *node, const char *name, void *ret_bytes,
	size_t size);
int lx_attr_put(struct files_node *node, const char *name, const void *bytes,
	size_t size);
int lx_get_blob(struct files_node *node, struct files_op *op);
int lx_set_blob(struct files_node *node, struct files_op *op);
int lx_get_ea(struct files_node *node, struct files_op *op);
int lx_set_ea(struct files_node *node, struct files_op *op);
uint32_t lx_ea_size(struct files_node *node);

/* The stream file of a node; an fd or -errno. flags as open(2). */
int lx_stream_open(struct files_node *node, const char *name, int flags);
int lx_stream_list(struct files_node *node, struct files_op *op);
int lx_stream_remove(struct files_node *node, const char *name);
int lx_stream_rename(struct files_node *node, const char *to, bool replace);
/* The streams and EAs of a file that is overwritten. */
void lx_side_overwrite(struct files_node *node);
/* Everything beside a file that has lost its last name. */
void lx_side_remove(struct files_node *node);

/* linux_data.c */

int lx_data(struct lx_share *share, struct files_op *op);

#endif

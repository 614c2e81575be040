/* SPDX-License-Identifier: MIT */
/*
 * fcntl(2) locks of the mount. Their owner is a process (or an open file),
 * that of the server's locks is an open file: each owner gets an open of its
 * own for the locks that it has on a file. What this machine's processes hold
 * is also kept here, so that they see each other also where a file has lost
 * its name.
 */
#include "client/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Threads that wait for locks at the same time; others get -ENOLCK. */
#define WAITERS_MAX 48
#define WAIT_MIN_NS 2000000L
#define WAIT_MAX_NS 64000000L

struct range {
	struct range *next;
	uint64_t owner;
	uint64_t first, last; /* inclusive */
	short type;           /* F_RDLCK, F_WRLCK */
	pid_t pid;
};

struct lock_owner {
	struct lock_owner *next;
	uint64_t id;
	struct smb3x_file *file; /* NULL: known on this machine alone */
	struct handle *handle;   /* by which it came */
};

/* A lock as it is asked for. */
struct wish {
	struct mount *m;
	struct node *node;
	struct handle *handle;
	uint64_t owner;
	uint64_t first, last;
	short type;
	pid_t pid;
};

static struct wish wish_of(struct mount *m, struct node *node,
	const struct fuse_file_info *fi, const struct flock *lock)
{
	uint64_t first = (uint64_t)lock->l_start;
	return (struct wish){
		.m = m,
		.node = node,
		.handle = handle_of(fi),
		.owner = fi->lock_owner,
		.first = first,
		.last = lock->l_len == 0 ? INT64_MAX
					 : first + (uint64_t)lock->l_len - 1,
		.type = lock->l_type,
		.pid = lock->l_pid,
	};
}

static bool overlaps(const struct range *r, const struct wish *w)
{
	return r->first <= w->last && w->first <= r->last;
}

static struct range *find_conflict(const struct wish *w)
{
	struct range *r = w->node->ranges;
	while (r != NULL &&
		(r->owner == w->owner || !overlaps(r, w) ||
			(r->type == F_RDLCK && w->type == F_RDLCK))) {
		r = r->next;
	}
	return r;
}

static struct range *range_create(const struct range *like, uint64_t first,
	uint64_t last, struct range *next)
{
	struct range *r = malloc(sizeof(*r));
	if (r != NULL) {
		*r = *like;
		r->first = first;
		r->last = last;
		r->next = next;
	}
	return r;
}

/* Takes the wished range out of what the owner has. */
static int cut_out(const struct wish *w)
{
	struct range **at = &w->node->ranges;
	while (*at != NULL) {
		struct range *r = *at;
		if (r->owner != w->owner || !overlaps(r, w)) {
			at = &r->next;
			continue;
		}
		if (r->first < w->first && r->last > w->last) {
			struct range *tail =
				range_create(r, w->last + 1, r->last, r->next);
			if (tail == NULL) {
				return -ENOMEM;
			}
			r->next = tail;
		}
		if (r->first < w->first) {
			r->last = w->first - 1;
			at = &r->next;
		} else if (r->last > w->last) {
			r->first = w->last + 1;
			at = &r->next;
		} else {
			*at = r->next;
			free(r);
		}
	}
	return 0;
}

static int keep_range(const struct wish *w)
{
	int error = cut_out(w);
	if (error < 0 || w->type == F_UNLCK) {
		return error;
	}
	const struct range like = {
		.owner = w->owner, .type = w->type, .pid = w->pid};
	struct range *r =
		range_create(&like, w->first, w->last, w->node->ranges);
	if (r == NULL) {
		return -ENOMEM;
	}
	w->node->ranges = r;
	return 0;
}

static struct lock_owner **find_owner(struct node *node, uint64_t id)
{
	struct lock_owner **at = &node->owners;
	while (*at != NULL && (*at)->id != id) {
		at = &(*at)->next;
	}
	return at;
}

/* A file for locks: it can have both kinds where the user may read and
 * write, else what the descriptor may. */
static struct smb3x_file *open_for_locks(const struct wish *w)
{
	int error = 0;
	char *path = node_path(w->m, w->node, NULL, &error);
	if (path == NULL) {
		return NULL;
	}
	struct smb3x_file *file = NULL;
	if (smb3x_open(w->m->share, path, O_RDWR | O_NOFOLLOW, 0, &file) < 0) {
		int flags = w->handle->flags & O_ACCMODE;
		smb3x_open(w->m->share, path, flags | O_NOFOLLOW, 0, &file);
	}
	free(path);
	return file;
}

static struct lock_owner *owner_of(const struct wish *w)
{
	struct lock_owner **at = find_owner(w->node, w->owner);
	if (*at != NULL) {
		return *at;
	}
	struct lock_owner *owner = calloc(1, sizeof(*owner));
	if (owner != NULL) {
		owner->id = w->owner;
		owner->handle = w->handle;
		owner->file = open_for_locks(w);
		*at = owner;
	}
	return owner;
}

static void drop_owner(struct node *node, struct lock_owner **at)
{
	struct lock_owner *owner = *at;
	struct range **r = &node->ranges;
	while (*r != NULL) {
		struct range *gone = *r;
		if (gone->owner == owner->id) {
			*r = gone->next;
			free(gone);
		} else {
			r = &gone->next;
		}
	}
	*at = owner->next;
	if (owner->file != NULL) {
		smb3x_close(owner->file);
	}
	free(owner);
}

static bool has_ranges(const struct node *node, uint64_t owner)
{
	const struct range *r = node->ranges;
	while (r != NULL && r->owner != owner) {
		r = r->next;
	}
	return r != NULL;
}

static int ask_server(struct smb3x_file *file, const struct wish *w)
{
	enum smb3x_lock lock = w->type == F_UNLCK   ? SMB3X_UNLOCK
			       : w->type == F_RDLCK ? SMB3X_LOCK_SHARED
						    : SMB3X_LOCK_EXCLUSIVE;
	uint64_t length = w->last >= INT64_MAX ? 0 : w->last - w->first + 1;
	return smb3x_lock(file, lock, w->first, length);
}

/* Once; -EAGAIN when it conflicts. Under range_lock. */
static int try_lock(const struct wish *w)
{
	if (w->type == F_UNLCK && *find_owner(w->node, w->owner) == NULL) {
		return 0;
	}
	if (w->type != F_UNLCK && find_conflict(w) != NULL) {
		return -EAGAIN;
	}
	struct lock_owner *owner = owner_of(w);
	int error = owner == NULL         ? -ENOLCK
		    : owner->file == NULL ? 0
					  : ask_server(owner->file, w);
	if (error == 0) {
		error = keep_range(w);
	}
	if (owner != NULL && !has_ranges(w->node, w->owner)) {
		drop_owner(w->node, find_owner(w->node, w->owner));
	}
	return error;
}

static int try_once(const struct wish *w)
{
	pthread_rwlock_rdlock(&w->m->paths);
	pthread_mutex_lock(&w->m->range_lock);
	int error = try_lock(w);
	pthread_mutex_unlock(&w->m->range_lock);
	pthread_rwlock_unlock(&w->m->paths);
	return error;
}

static int wait_for_lock(fuse_req_t req, const struct wish *w)
{
	struct mount *m = w->m;
	int error = try_once(w);
	if (error != -EAGAIN) {
		return error;
	}
	if (__atomic_add_fetch(&m->waiters, 1, __ATOMIC_RELAXED) >
		WAITERS_MAX) {
		error = -ENOLCK;
	}
	struct timespec pause = {.tv_nsec = WAIT_MIN_NS};
	while (error == -EAGAIN) {
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < WAIT_MAX_NS) {
			pause.tv_nsec *= 2;
		}
		error = fuse_req_interrupted(req) ? -EINTR : try_once(w);
	}
	__atomic_sub_fetch(&m->waiters, 1, __ATOMIC_RELAXED);
	return error;
}

static void op_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
	struct flock *lock, int sleep)
{
	struct mount *m = mount_of(req);
	const struct wish w = wish_of(m, node_of(m, ino), fi, lock);
	int error = sleep != 0 ? wait_for_lock(req, &w) : try_once(&w);
	fuse_reply_err(req, -error);
}

/* Whether somebody else's client holds it: tried with an open of its own,
 * where the owner itself holds nothing. */
static int ask_others(const struct wish *w)
{
	const struct range *r = w->node->ranges;
	while (r != NULL && (r->owner != w->owner || !overlaps(r, w))) {
		r = r->next;
	}
	if (r != NULL) {
		return 0;
	}
	struct smb3x_file *file = open_for_locks(w);
	if (file == NULL) {
		return 0;
	}
	int error = ask_server(file, w);
	smb3x_close(file);
	return error;
}

static void op_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
	struct flock *lock)
{
	struct mount *m = mount_of(req);
	const struct wish w = wish_of(m, node_of(m, ino), fi, lock);
	pthread_rwlock_rdlock(&m->paths);
	pthread_mutex_lock(&m->range_lock);
	const struct range *r = find_conflict(&w);
	int error = 0;
	if (r != NULL) {
		lock->l_type = r->type;
		lock->l_start = (off_t)r->first;
		lock->l_len = r->last >= INT64_MAX
				      ? 0
				      : (off_t)(r->last - r->first + 1);
		lock->l_pid = r->pid;
	} else {
		error = ask_others(&w);
		lock->l_type = error == -EAGAIN ? F_WRLCK : F_UNLCK;
		lock->l_pid = 0;
	}
	pthread_mutex_unlock(&m->range_lock);
	pthread_rwlock_unlock(&m->paths);
	if (error < 0 && error != -EAGAIN) {
		fuse_reply_err(req, -error);
	} else {
		fuse_reply_lock(req, lock);
	}
}

void mount_unlock_owner(struct mount *m, struct node *node, uint64_t owner)
{
	pthread_mutex_lock(&m->range_lock);
	struct lock_owner **at = find_owner(node, owner);
	if (*at != NULL) {
		drop_owner(node, at);
	}
	pthread_mutex_unlock(&m->range_lock);
}

void mount_unlock_handle(struct mount *m, struct handle *handle)
{
	pthread_mutex_lock(&m->range_lock);
	struct lock_owner **at = &handle->node->owners;
	while (*at != NULL) {
		if ((*at)->handle == handle) {
			drop_owner(handle->node, at);
		} else {
			at = &(*at)->next;
		}
	}
	pthread_mutex_unlock(&m->range_lock);
}

void mount_lock_ops(struct fuse_lowlevel_ops *ops)
{
	ops->getlk = op_getlk;
	ops->setlk = op_setlk;
}

/* SPDX-License-Identifier: MIT */
/* Directories and extended attributes of the mount. */
#include "client/mount.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* What a directory held when it was read; read anew from its start. */
struct stream {
	pthread_mutex_t lock;
	struct smb3x_dir *dir;
	uint64_t changes; /* of the mount, when it was read */
	double when;
};

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct stream *stream_of(const struct fuse_file_info *fi)
{
	return (struct stream *)(uintptr_t)fi->fh;
}

static int read_stream(struct mount *m, struct node *node, struct stream *s)
{
	int error = 0;
	uint64_t changes = __atomic_load_n(&m->changes, __ATOMIC_RELAXED);
	double when = now();
	struct smb3x_dir *dir = NULL;
	pthread_rwlock_rdlock(&m->paths);
	char *path = node_path(m, node, NULL, &error);
	if (path != NULL) {
		error = share_opendir(m->share, path,
			(uint64_t)(m->attr_timeout * 1000), &dir);
	}
	free(path);
	pthread_rwlock_unlock(&m->paths);
	struct smb3x_stat last;
	if (error < 0 && !node_last(m, node, &last)) {
		return error;
	}
	/* A directory that was removed has no entries. */
	smb3x_closedir(s->dir);
	s->dir = dir;
	s->changes = changes;
	s->when = when;
	if (dir != NULL) {
		s->when = now() - (double)share_dir_age(dir) / 1000;
	}
	return 0;
}

static void op_opendir(
	fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct stream *s = calloc(1, sizeof(*s));
	int error = s == NULL ? -ENOMEM : read_stream(m, node_of(m, ino), s);
	if (error < 0) {
		free(s);
		fuse_reply_err(req, -error);
		return;
	}
	pthread_mutex_init(&s->lock, NULL);
	fi->fh = (uintptr_t)s;
	fuse_reply_open(req, fi);
}

static void op_releasedir(
	fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	struct stream *s = stream_of(fi);
	smb3x_closedir(s->dir);
	pthread_mutex_destroy(&s->lock);
	free(s);
	fuse_reply_err(req, 0);
}

/* A buffer for the kernel that is being filled. */
struct filling {
	struct mount *m;
	fuse_req_t req;
	struct node *node;
	char *bytes;
	size_t room, used;
	bool plus;  /* with attributes, which count as a look-up */
	bool fresh; /* the attributes are as new as the cache demands */
	double left;
};

static size_t add_dots(struct filling *f, const char *name, off_t next)
{
	struct fuse_entry_param entry = {
		.attr = {.st_ino = FUSE_ROOT_ID, .st_mode = S_IFDIR}};
	return f->plus ? fuse_add_direntry_plus(f->req, f->bytes + f->used,
				 f->room - f->used, name, &entry, next)
		       : fuse_add_direntry(f->req, f->bytes + f->used,
				 f->room - f->used, name, &entry.attr, next);
}

static size_t add_entry(
	struct filling *f, const struct smb3x_entry *e, off_t next)
{
	struct fuse_entry_param entry = {0};
	mount_stat(f->m, &e->stat, e->name, &entry.attr);
	char *at = f->bytes + f->used;
	size_t room = f->room - f->used;
	if (!f->plus) {
		return fuse_add_direntry(
			f->req, at, room, e->name, &entry.attr, next);
	}
	/* Links and devices have attributes that a listing does not tell. */
	bool whole = f->fresh && e->stat.has_inode &&
		     (S_ISREG(e->stat.mode) || S_ISDIR(e->stat.mode));
	size_t n =
		fuse_add_direntry_plus(f->req, NULL, 0, e->name, &entry, next);
	if (n > room) {
		return n;
	}
	if (whole) {
		struct node *node = node_meet(f->m, f->node, e->name, &e->stat);
		entry.ino = node == NULL ? 0 : node_ino(f->m, node);
		entry.attr_timeout = mount_kernel_timeout(f->m) < f->left
					     ? mount_kernel_timeout(f->m)
					     : f->left;
		entry.entry_timeout = mount_kernel_timeout(f->m);
	}
	return fuse_add_direntry_plus(f->req, at, room, e->name, &entry, next);
}

/* Offsets: 1 and 2 are behind "." and "..", n + 2 behind entry n. */
static void fill(struct filling *f, struct stream *s, off_t offset)
{
	static const char *const dots[] = {".", ".."};
	for (; offset < 2; offset++) {
		size_t n = add_dots(f, dots[offset], offset + 1);
		if (n > f->room - f->used) {
			return;
		}
		f->used += n;
	}
	if (s->dir == NULL) {
		return;
	}
	smb3x_seekdir(s->dir, (size_t)offset - 2);
	struct smb3x_entry entry;
	while (smb3x_readdir(s->dir, &entry) > 0) {
		offset++;
		if ((entry.stat.mode & S_IFMT) == 0) {
			continue; /* a type that nobody knows */
		}
		size_t n = add_entry(f, &entry, offset);
		if (n > f->room - f->used) {
			return;
		}
		f->used += n;
	}
}

static void reply_entries(fuse_req_t req, fuse_ino_t ino, size_t size,
	off_t offset, struct fuse_file_info *fi, bool plus)
{
	struct mount *m = mount_of(req);
	struct stream *s = stream_of(fi);
	struct filling f = {.m = m,
		.req = req,
		.node = node_of(m, ino),
		.bytes = malloc(size + 1),
		.room = size,
		.plus = plus};
	int error = f.bytes == NULL ? -ENOMEM : 0;
	pthread_mutex_lock(&s->lock);
	if (error == 0 && offset == 0) {
		error = read_stream(m, f.node, s);
	}
	double age = now() - s->when;
	f.left = m->attr_timeout - age;
	f.fresh = f.left > 0 &&
		  s->changes == __atomic_load_n(&m->changes, __ATOMIC_RELAXED);
	if (error == 0) {
		fill(&f, s, offset);
	}
	pthread_mutex_unlock(&s->lock);
	if (error < 0) {
		fuse_reply_err(req, -error);
	} else {
		fuse_reply_buf(req, f.bytes, f.used);
	}
	free(f.bytes);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size,
	off_t offset, struct fuse_file_info *fi)
{
	reply_entries(req, ino, size, offset, fi, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size,
	off_t offset, struct fuse_file_info *fi)
{
	reply_entries(req, ino, size, offset, fi, true);
}

static void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int data_only,
	struct fuse_file_info *fi)
{
	(void)ino;
	(void)data_only;
	(void)fi;
	fuse_reply_err(req, 0); /* names are made on the server at once */
}

/* Of one attribute, or of the list of all names (name NULL). */
static void reply_xattr(
	fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct mount *m = mount_of(req);
	int error = 0;
	char *bytes = malloc(size + 1);
	pthread_rwlock_rdlock(&m->paths);
	char *path = node_path(m, node_of(m, ino), NULL, &error);
	ssize_t n = bytes == NULL  ? -ENOMEM
		    : path == NULL ? error
		    : name == NULL
			    ? smb3x_listxattr(m->share, path, bytes, size)
			    : smb3x_getxattr(m->share, path, name, bytes, size);
	free(path);
	pthread_rwlock_unlock(&m->paths);
	if (n < 0) {
		fuse_reply_err(req, (int)-n);
	} else if (size == 0) {
		fuse_reply_xattr(req, (size_t)n);
	} else {
		fuse_reply_buf(req, bytes, (size_t)n);
	}
	free(bytes);
}

static void op_getxattr(
	fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	reply_xattr(req, ino, name, size);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	reply_xattr(req, ino, NULL, size);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
	const char *value, size_t size, int flags)
{
	struct mount *m = mount_of(req);
	int error = 0;
	pthread_rwlock_rdlock(&m->paths);
	char *path = node_path(m, node_of(m, ino), NULL, &error);
	if (path != NULL) {
		error = smb3x_setxattr(
			m->share, path, name, value, size, flags);
	}
	free(path);
	pthread_rwlock_unlock(&m->paths);
	fuse_reply_err(req, -error);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct mount *m = mount_of(req);
	int error = 0;
	pthread_rwlock_rdlock(&m->paths);
	char *path = node_path(m, node_of(m, ino), NULL, &error);
	if (path != NULL) {
		error = smb3x_removexattr(m->share, path, name);
	}
	free(path);
	pthread_rwlock_unlock(&m->paths);
	fuse_reply_err(req, -error);
}

void mount_dir_ops(struct fuse_lowlevel_ops *ops)
{
	ops->opendir = op_opendir;
	ops->releasedir = op_releasedir;
	ops->readdir = op_readdir;
	ops->readdirplus = op_readdirplus;
	ops->fsyncdir = op_fsyncdir;
	ops->getxattr = op_getxattr;
	ops->listxattr = op_listxattr;
	ops->setxattr = op_setxattr;
	ops->removexattr = op_removexattr;
}

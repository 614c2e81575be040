/* SPDX-License-Identifier: MIT */
/* The operations of the mount that work by name. */
#include "client/mount.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "client/path.h"

#define BLOCK 512

static uint64_t number_of(
	const struct mount *m, const struct smb3x_stat *stat, const char *path)
{
	if (stat->has_inode && stat->device == m->root_device) {
		return stat->inode;
	}
	uint64_t hash =
		0xcbf29ce484222325ULL ^ stat->inode ^ stat->device << 32;
	for (; !stat->has_inode && *path != '\0'; path++) {
		hash = (hash ^ (unsigned char)*path) * 0x100000001b3ULL;
	}
	return hash;
}

void mount_stat(struct mount *m, const struct smb3x_stat *from,
	const char *path, struct stat *ret_stat)
{
	*ret_stat = (struct stat){
		.st_ino = number_of(m, from, path),
		.st_mode = from->mode,
		.st_nlink = from->nlink,
		.st_uid = m->force_uid ? m->uid : from->uid,
		.st_gid = m->force_gid ? m->gid : from->gid,
		.st_rdev = makedev(from->rdev_major, from->rdev_minor),
		.st_size = (off_t)from->size,
		.st_blksize = 4096,
		.st_blocks = (blkcnt_t)((from->allocated + BLOCK - 1) / BLOCK),
		.st_atim = from->atime,
		.st_mtim = from->mtime,
		.st_ctim = from->ctime,
	};
}

/* An open file tells of itself, whatever its name means by now. */
static int stat_handle(
	struct mount *m, struct node *node, struct smb3x_stat *ret_stat)
{
	struct handle *handle = node_hold_handle(m, node);
	if (handle == NULL) {
		return -ENOENT;
	}
	int error = smb3x_fstat(handle->file, ret_stat);
	mount_drop_handle(m, handle);
	return error;
}

int mount_getattr(
	struct mount *m, struct node *node, struct smb3x_stat *ret_stat)
{
	int error = stat_handle(m, node, ret_stat);
	if (error != -ENOENT && error != -ESTALE) {
		return error;
	}
	char *path = node_path(m, node, NULL, &error);
	if (path == NULL) {
		return error != -ENOENT               ? error
		       : node_last(m, node, ret_stat) ? 0
						      : -ESTALE;
	}
	struct smb3x_stat stat;
	error = smb3x_lstat(m->share, path, &stat);
	free(path);
	if (error == 0 && !node_is(m, node, &stat)) {
		return -ESTALE; /* the name is another file's now */
	}
	if (error == 0) {
		*ret_stat = stat;
	}
	return error;
}

int mount_reply_entry(struct mount *m, fuse_req_t req, struct node *parent,
	const char *name, struct fuse_file_info *fi)
{
	int error = 0;
	struct smb3x_stat stat;
	char *path = node_path(m, parent, name, &error);
	if (path != NULL) {
		error = fi == NULL ? smb3x_lstat(m->share, path, &stat)
				   : smb3x_fstat(handle_of(fi)->file, &stat);
	}
	struct node *node = NULL;
	if (error == 0 && (stat.mode & S_IFMT) == 0) {
		error = -EIO; /* a type that nobody knows */
	} else if (error == 0) {
		node = node_meet(m, parent, name, &stat);
		error = node == NULL ? -ENOMEM : 0;
	}
	if (error < 0) {
		if (error == -ENOENT) {
			node_lose_name(m, parent, name);
		}
		free(path);
		fuse_reply_err(req, -error);
		return error;
	}
	struct fuse_entry_param entry = {
		.ino = node_ino(m, node),
		.attr_timeout = mount_kernel_timeout(m),
		.entry_timeout = mount_kernel_timeout(m),
	};
	mount_stat(m, &stat, path, &entry.attr);
	free(path);
	if (fi == NULL) {
		fuse_reply_entry(req, &entry);
		return 0;
	}
	handle_of(fi)->node = node;
	node_add_handle(m, handle_of(fi));
	fuse_reply_create(req, &entry, fi);
	return 0;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	if (strlen(name) > PATH_COMPONENT_MAX) {
		fuse_reply_err(req, ENAMETOOLONG);
		return;
	}
	pthread_rwlock_rdlock(&m->paths);
	mount_reply_entry(m, req, node_of(m, parent), name, NULL);
	pthread_rwlock_unlock(&m->paths);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	struct mount *m = mount_of(req);
	node_forget(m, node_of(m, ino), lookups);
	fuse_reply_none(req);
}

static void op_forget_multi(
	fuse_req_t req, size_t count, struct fuse_forget_data *all)
{
	struct mount *m = mount_of(req);
	for (size_t i = 0; i < count; i++) {
		node_forget(m, node_of(m, all[i].ino), all[i].nlookup);
	}
	fuse_reply_none(req);
}

static void reply_attr(struct mount *m, fuse_req_t req, struct node *node)
{
	struct smb3x_stat stat;
	int error = mount_getattr(m, node, &stat);
	if (error < 0) {
		fuse_reply_err(req, -error);
		return;
	}
	int ignored = 0;
	char *path = node_path(m, node, NULL, &ignored);
	struct stat out;
	mount_stat(m, &stat, path == NULL ? "" : path, &out);
	free(path);
	fuse_reply_attr(req, &out, mount_kernel_timeout(m));
}

static void op_getattr(
	fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	struct mount *m = mount_of(req);
	pthread_rwlock_rdlock(&m->paths);
	reply_attr(m, req, node_of(m, ino));
	pthread_rwlock_unlock(&m->paths);
}

/* What is to be changed, by a handle or by a path. */
struct change {
	const struct stat *attr;
	int what;
	struct smb3x_file *file; /* NULL: by path */
	const char *path;
	struct smb3x *share;
};

static int change_size(const struct change *c)
{
	uint64_t size = (uint64_t)c->attr->st_size;
	return c->file != NULL ? smb3x_ftruncate(c->file, size)
			       : smb3x_truncate(c->share, c->path, size);
}

/* chown() to what is there already need not bother the server, which may know
 * the owner by another name than the number that is shown. */
static int change_owner(
	struct mount *m, struct node *node, const struct change *c)
{
	struct smb3x_stat told;
	int error = mount_getattr(m, node, &told);
	if (error < 0) {
		return error;
	}
	struct stat now;
	mount_stat(m, &told, "", &now);
	uint32_t uid = (c->what & FUSE_SET_ATTR_UID) != 0 &&
				       c->attr->st_uid != now.st_uid
			       ? c->attr->st_uid
			       : SMB3X_SAME;
	uint32_t gid = (c->what & FUSE_SET_ATTR_GID) != 0 &&
				       c->attr->st_gid != now.st_gid
			       ? c->attr->st_gid
			       : SMB3X_SAME;
	if (uid == SMB3X_SAME && gid == SMB3X_SAME) {
		return 0;
	}
	return c->file != NULL
		       ? smb3x_fchown(c->file, uid, gid)
		       : smb3x_chown(c->share, c->path, uid, gid, false);
}

static int change_mode(const struct change *c)
{
	uint32_t mode = c->attr->st_mode & 07777;
	return c->file != NULL ? smb3x_fchmod(c->file, mode)
			       : smb3x_chmod(c->share, c->path, mode);
}

static int change_times(const struct change *c)
{
	struct timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
	if ((c->what & FUSE_SET_ATTR_ATIME_NOW) != 0) {
		times[0].tv_nsec = UTIME_NOW;
	} else if ((c->what & FUSE_SET_ATTR_ATIME) != 0) {
		times[0] = c->attr->st_atim;
	}
	if ((c->what & FUSE_SET_ATTR_MTIME_NOW) != 0) {
		times[1].tv_nsec = UTIME_NOW;
	} else if ((c->what & FUSE_SET_ATTR_MTIME) != 0) {
		times[1] = c->attr->st_mtim;
	}
	return c->file != NULL ? smb3x_futimens(c->file, times)
			       : smb3x_utimens(c->share, c->path, times, false);
}

static int change_all(
	struct mount *m, struct node *node, const struct change *c)
{
	const int times = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME |
			  FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW;
	int error = 0;
	if ((c->what & FUSE_SET_ATTR_SIZE) != 0) {
		error = change_size(c);
	}
	if (error == 0 &&
		(c->what & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) != 0) {
		error = change_owner(m, node, c);
	}
	if (error == 0 && (c->what & FUSE_SET_ATTR_MODE) != 0) {
		error = change_mode(c);
	}
	if (error == 0 && (c->what & times) != 0) {
		error = change_times(c);
	}
	return error;
}

/* By which file the change is made: that of the request, if it writes at
 * offsets; any that is open, when the file has no name any more. */
static struct handle *handle_for(
	struct mount *m, struct node *node, struct fuse_file_info *fi)
{
	bool direct = fi != NULL && (handle_of(fi)->flags & O_APPEND) == 0;
	pthread_mutex_lock(&m->lock);
	bool named = node == &m->root || node->names != NULL;
	if (direct) {
		handle_of(fi)->uses++;
	}
	pthread_mutex_unlock(&m->lock);
	return direct  ? handle_of(fi)
	       : named ? NULL
		       : node_hold_handle(m, node);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
	int what, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct node *node = node_of(m, ino);
	int error = 0;
	pthread_rwlock_rdlock(&m->paths);
	char *path = NULL;
	struct handle *handle = handle_for(m, node, fi);
	struct change c = {attr, what, handle == NULL ? NULL : handle->file,
		NULL, m->share};
	if (c.file == NULL) {
		path = node_path(m, node, NULL, &error);
		c.path = path;
	}
	if (error == 0) {
		error = change_all(m, node, &c);
	}
	free(path);
	if (handle != NULL) {
		mount_drop_handle(m, handle);
	}
	mount_changed(m);
	if (error < 0) {
		fuse_reply_err(req, -error);
	} else {
		reply_attr(m, req, node);
	}
	pthread_rwlock_unlock(&m->paths);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct mount *m = mount_of(req);
	char target[PATH_TARGET_MAX + 1];
	int error = 0;
	pthread_rwlock_rdlock(&m->paths);
	char *path = node_path(m, node_of(m, ino), NULL, &error);
	ssize_t n = path == NULL ? error
				 : smb3x_readlink(m->share, path, target,
					   sizeof(target) - 1);
	free(path);
	pthread_rwlock_unlock(&m->paths);
	if (n < 0) {
		fuse_reply_err(req, (int)-n);
		return;
	}
	target[n] = '\0';
	fuse_reply_readlink(req, target);
}

/* A new name: of what kind is told by the mode, or by a target. */
static void make_entry(fuse_req_t req, fuse_ino_t parent, const char *name,
	uint32_t mode, dev_t rdev, const char *target)
{
	struct mount *m = mount_of(req);
	struct node *node = node_of(m, parent);
	int error = 0;
	pthread_rwlock_rdlock(&m->paths);
	char *path = node_path(m, node, name, &error);
	if (path != NULL && target != NULL) {
		error = smb3x_symlink(m->share, target, path);
	} else if (path != NULL && S_ISDIR(mode)) {
		error = smb3x_mkdir(m->share, path, mode & 07777);
	} else if (path != NULL) {
		error = smb3x_mknod(
			m->share, path, mode, major(rdev), minor(rdev));
	}
	free(path);
	mount_changed(m);
	if (error < 0) {
		fuse_reply_err(req, -error);
	} else {
		mount_reply_entry(m, req, node, name, NULL);
	}
	pthread_rwlock_unlock(&m->paths);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
	mode_t mode, dev_t rdev)
{
	make_entry(req, parent, name, mode, rdev, NULL);
}

static void op_mkdir(
	fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	make_entry(req, parent, name, S_IFDIR | (mode & 07777), 0, NULL);
}

static void op_symlink(
	fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	make_entry(req, parent, name, 0, 0, target);
}

static void remove_entry(
	fuse_req_t req, fuse_ino_t parent, const char *name, bool directory)
{
	struct mount *m = mount_of(req);
	struct node *node = node_of(m, parent);
	int error = 0;
	pthread_rwlock_rdlock(&m->paths);
	char *path = node_path(m, node, name, &error);
	if (path != NULL) {
		error = directory ? smb3x_rmdir(m->share, path)
				  : smb3x_unlink(m->share, path);
	}
	free(path);
	mount_changed(m);
	if (error == 0) {
		node_lose_name(m, node, name);
	}
	pthread_rwlock_unlock(&m->paths);
	fuse_reply_err(req, -error);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_entry(req, parent, name, false);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_entry(req, parent, name, true);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
	fuse_ino_t new_parent, const char *new_name, unsigned int flags)
{
	struct mount *m = mount_of(req);
	if ((flags & ~(unsigned int)RENAME_NOREPLACE) != 0) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	int error = 0;
	struct node *from = node_of(m, parent);
	struct node *to = node_of(m, new_parent);
	pthread_rwlock_wrlock(&m->paths);
	char *old_path = node_path(m, from, name, &error);
	char *new_path = node_path(m, to, new_name, &error);
	if (old_path != NULL && new_path != NULL) {
		error = smb3x_rename(m->share, old_path, new_path,
			(flags & RENAME_NOREPLACE) == 0);
	}
	if (error == 0) {
		node_rename(m, from, name, to, new_name);
	}
	mount_changed(m);
	pthread_rwlock_unlock(&m->paths);
	free(old_path);
	free(new_path);
	fuse_reply_err(req, -error);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent,
	const char *new_name)
{
	struct mount *m = mount_of(req);
	struct node *node = node_of(m, ino);
	struct node *to = node_of(m, new_parent);
	int error = 0;
	pthread_rwlock_rdlock(&m->paths);
	char *old_path = node_path(m, node, NULL, &error);
	char *new_path = node_path(m, to, new_name, &error);
	if (old_path != NULL && new_path != NULL) {
		error = smb3x_link(m->share, old_path, new_path);
	}
	free(old_path);
	free(new_path);
	mount_changed(m);
	if (error < 0) {
		fuse_reply_err(req, -error);
	} else {
		node_add_name(m, to, new_name, node);
		mount_reply_entry(m, req, to, new_name, NULL);
	}
	pthread_rwlock_unlock(&m->paths);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	(void)ino;
	struct smb3x_statvfs fs;
	int error = smb3x_statvfs(mount_of(req)->share, &fs);
	if (error < 0) {
		fuse_reply_err(req, -error);
		return;
	}
	const struct statvfs out = {
		.f_bsize = fs.transfer_size,
		.f_frsize = fs.block_size,
		.f_blocks = fs.blocks,
		.f_bfree = fs.blocks_free,
		.f_bavail = fs.blocks_available,
		.f_files = fs.files == UINT64_MAX ? 0 : fs.files,
		.f_ffree = fs.files == UINT64_MAX ? 0 : fs.files_free,
		.f_favail = fs.files == UINT64_MAX ? 0 : fs.files_free,
		.f_fsid = fs.fsid,
		.f_namemax = fs.name_max,
	};
	fuse_reply_statfs(req, &out);
}

static void op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct mount *m = mount_of(req);
	int error = 0;
	pthread_rwlock_rdlock(&m->paths);
	char *path = node_path(m, node_of(m, ino), NULL, &error);
	if (path != NULL) {
		error = smb3x_access(m->share, path, mask);
	}
	free(path);
	pthread_rwlock_unlock(&m->paths);
	fuse_reply_err(req, -error);
}

const struct fuse_lowlevel_ops mount_path_ops = {
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.symlink = op_symlink,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.rename = op_rename,
	.link = op_link,
	.statfs = op_statfs,
	.access = op_access,
};

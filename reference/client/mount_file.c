/* SPDX-License-Identifier: MIT */
/* The operations of the mount on open files. */
#include "client/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct handle *handle_create(int flags)
{
	struct handle *handle = calloc(1, sizeof(*handle));
	if (handle != NULL) {
		handle->flags = flags;
		handle->uses = 1;
		pthread_mutex_init(&handle->lock, NULL);
	}
	return handle;
}

static int handle_close(struct handle *handle)
{
	int error = 0;
	if (handle->plain != NULL) {
		smb3x_close(handle->plain);
	}
	if (handle->file != NULL) {
		error = smb3x_close(handle->file);
	}
	pthread_mutex_destroy(&handle->lock);
	free(handle);
	return error;
}

int mount_drop_handle(struct mount *m, struct handle *handle)
{
	pthread_mutex_lock(&m->lock);
	bool last = --handle->uses == 0;
	pthread_mutex_unlock(&m->lock);
	return last ? handle_close(handle) : 0;
}

/* An append open may be mapped into memory, and its flag may be taken back:
 * then data is written at offsets. */
static int open_plain(struct mount *m, struct handle *handle, const char *path)
{
	return handle->plain != NULL
		       ? 0
		       : smb3x_open(m->share, path,
				 (handle->flags & O_ACCMODE) | O_NOFOLLOW, 0,
				 &handle->plain);
}

static int open_handle(struct mount *m, const char *path, int flags,
	uint32_t mode, struct handle **ret_handle)
{
	struct handle *handle = handle_create(flags);
	if (handle == NULL) {
		return -ENOMEM;
	}
	int error = smb3x_open(
		m->share, path, flags | O_NOFOLLOW, mode, &handle->file);
	if (error < 0) {
		handle->file = NULL;
		handle_close(handle);
		return error;
	}
	if ((flags & O_APPEND) != 0 && (flags & O_ACCMODE) == O_RDWR) {
		open_plain(m, handle, path); /* refused: no shared mapping */
	}
	*ret_handle = handle;
	return 0;
}

/* Directories have calls of their own; what concerns the kernel alone is not
 * passed on. */
static int server_flags(int flags)
{
	return flags &
	       (O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_SYNC);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct node *node = node_of(m, ino);
	int error = 0;
	struct handle *handle = NULL;
	pthread_rwlock_rdlock(&m->paths);
	char *path = node_path(m, node, NULL, &error);
	if (path != NULL) {
		error = open_handle(
			m, path, server_flags(fi->flags), 0, &handle);
	}
	free(path);
	if (error == 0) {
		handle->node = node;
		node_add_handle(m, handle);
		fi->fh = (uintptr_t)handle;
	}
	pthread_rwlock_unlock(&m->paths);
	if ((fi->flags & O_TRUNC) != 0) {
		mount_changed(m);
	}
	if (error < 0) {
		fuse_reply_err(req, -error);
	} else {
		fuse_reply_open(req, fi);
	}
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name,
	mode_t mode, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct node *node = node_of(m, parent);
	int error = 0;
	struct handle *handle = NULL;
	pthread_rwlock_rdlock(&m->paths);
	char *path = node_path(m, node, name, &error);
	if (path != NULL) {
		error = open_handle(m, path, server_flags(fi->flags) | O_CREAT,
			mode & 07777, &handle);
	}
	free(path);
	mount_changed(m);
	if (error < 0) {
		fuse_reply_err(req, -error);
	} else {
		fi->fh = (uintptr_t)handle;
		if (mount_reply_entry(m, req, node, name, fi) < 0) {
			handle_close(handle);
		}
	}
	pthread_rwlock_unlock(&m->paths);
}

static void op_release(
	fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	struct mount *m = mount_of(req);
	struct handle *handle = handle_of(fi);
	mount_unlock_handle(m, handle);
	node_remove_handle(m, handle);
	fuse_reply_err(req, -mount_drop_handle(m, handle));
}

/* Each close(2) of a descriptor ends the locks of its process. */
static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	mount_unlock_owner(m, node_of(m, ino), fi->lock_owner);
	fuse_reply_err(req, 0);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	struct fuse_file_info *fi)
{
	(void)ino;
	char *bytes = malloc(size + 1);
	ssize_t n = bytes == NULL ? -ENOMEM
				  : smb3x_pread(handle_of(fi)->file, bytes,
					    size, (uint64_t)offset);
	if (n < 0) {
		fuse_reply_err(req, (int)-n);
	} else {
		fuse_reply_buf(req, bytes, (size_t)n);
	}
	free(bytes);
}

/* The file to write at an offset with. */
static struct smb3x_file *plain_file(
	struct mount *m, struct handle *handle, int *ret_error)
{
	if ((handle->flags & O_APPEND) == 0) {
		return handle->file;
	}
	pthread_mutex_lock(&handle->lock);
	if (handle->plain == NULL) {
		char *path = node_path(m, handle->node, NULL, ret_error);
		if (path != NULL) {
			*ret_error = open_plain(m, handle, path);
		}
		free(path);
	}
	struct smb3x_file *file = handle->plain;
	pthread_mutex_unlock(&handle->lock);
	return file;
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *bytes,
	size_t size, off_t offset, struct fuse_file_info *fi)
{
	(void)ino;
	struct mount *m = mount_of(req);
	struct handle *handle = handle_of(fi);
	bool append = (handle->flags & O_APPEND) != 0 &&
		      (fi->flags & O_APPEND) != 0 && !fi->writepage;
	int error = 0;
	ssize_t n = 0;
	if (append) {
		n = smb3x_append(handle->file, bytes, size);
	} else {
		pthread_rwlock_rdlock(&m->paths);
		struct smb3x_file *file = plain_file(m, handle, &error);
		pthread_rwlock_unlock(&m->paths);
		n = file == NULL
			    ? error
			    : smb3x_pwrite(file, bytes, size, (uint64_t)offset);
	}
	mount_changed(m);
	if (n < 0) {
		fuse_reply_err(req, (int)-n);
	} else {
		fuse_reply_write(req, (size_t)n);
	}
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int data_only,
	struct fuse_file_info *fi)
{
	(void)ino;
	(void)data_only;
	struct handle *handle = handle_of(fi);
	/* A file that is open for reading alone has nothing to be flushed. */
	int error = (handle->flags & O_ACCMODE) == O_RDONLY
			    ? 0
			    : smb3x_fsync(handle->file);
	fuse_reply_err(req, -error);
}

static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence,
	struct fuse_file_info *fi)
{
	(void)ino;
	uint64_t found = 0;
	int error = smb3x_seek(handle_of(fi)->file, (uint64_t)offset,
		whence == SEEK_HOLE, &found);
	if (error < 0) {
		fuse_reply_err(req, -error);
	} else {
		fuse_reply_lseek(req, (off_t)found);
	}
}

static int allocate(
	struct smb3x_file *file, int mode, uint64_t offset, uint64_t length)
{
	bool keep = (mode & FALLOC_FL_KEEP_SIZE) != 0;
	switch (mode & ~FALLOC_FL_KEEP_SIZE) {
	case 0:
		return smb3x_allocate(file, offset + length, !keep);
	case FALLOC_FL_PUNCH_HOLE:
		return smb3x_zero(file, offset, length);
	case FALLOC_FL_ZERO_RANGE: {
		int error = smb3x_zero(file, offset, length);
		return error < 0 || keep
			       ? error
			       : smb3x_allocate(file, offset + length, true);
	}
	default:
		return -EOPNOTSUPP;
	}
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset,
	off_t length, struct fuse_file_info *fi)
{
	(void)ino;
	struct mount *m = mount_of(req);
	int error = 0;
	pthread_rwlock_rdlock(&m->paths);
	struct smb3x_file *file = plain_file(m, handle_of(fi), &error);
	pthread_rwlock_unlock(&m->paths);
	if (file != NULL) {
		error = allocate(
			file, mode, (uint64_t)offset, (uint64_t)length);
	}
	mount_changed(m);
	fuse_reply_err(req, -error);
}

void mount_file_ops(struct fuse_lowlevel_ops *ops)
{
	ops->open = op_open;
	ops->create = op_create;
	ops->release = op_release;
	ops->flush = op_flush;
	ops->read = op_read;
	ops->write = op_write;
	ops->fsync = op_fsync;
	ops->lseek = op_lseek;
	ops->fallocate = op_fallocate;
}

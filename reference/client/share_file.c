/* SPDX-License-Identifier: MIT */
/* The calls of smb3x.h on open files. */
#include "client/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct open_call {
	int flags;
	uint32_t mode;
	struct client_file *file;
};

static bool writes(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

/* An append open is one that may append but not write elsewhere.
 * POSIX-SMB2 3.2.4.7 */
static uint32_t access_of(int flags, bool posix)
{
	uint32_t access = FILE_READ_ATTRIBUTES;
	if ((flags & O_ACCMODE) != O_WRONLY) {
		access |= FILE_READ_DATA;
	}
	if (!writes(flags)) {
		return access;
	}
	bool append = posix && (flags & O_APPEND) != 0;
	return access | FILE_WRITE_ATTRIBUTES | FILE_APPEND_DATA |
	       (append ? 0 : FILE_WRITE_DATA);
}

static struct posix_how how_of(const struct open_call *c, bool posix)
{
	bool create = (c->flags & O_CREAT) != 0;
	bool exclusive = create && (c->flags & O_EXCL) != 0;
	struct posix_how how = {
		.access = access_of(c->flags, posix),
		.disposition = exclusive ? FILE_CREATE
			       : create  ? FILE_OPEN_IF
					 : FILE_OPEN,
		.mode = create ? c->mode : 0,
	};
	if (exclusive || (c->flags & O_NOFOLLOW) != 0) {
		how.options |= FILE_OPEN_REPARSE_POINT;
	}
	if ((c->flags & O_DIRECTORY) != 0) {
		how.options |= FILE_DIRECTORY_FILE;
	} else if (create || writes(c->flags)) {
		how.options |= FILE_NON_DIRECTORY_FILE;
	}
	if ((c->flags & O_SYNC) == O_SYNC) {
		how.options |= FILE_WRITE_THROUGH;
	}
	return how;
}

/* The end of an overwrite would take extended attributes along. */
static int cut(struct client_tree *tree, const char *path, struct open_call *c)
{
	const struct posix_change change = {.set_size = true};
	return (c->flags & O_APPEND) != 0 && c->file->posix
		       ? posix_change_path(tree, path, &change, false)
		       : posix_change_file(c->file, &change);
}

/* Who may write is mostly the owner, who may also change the mode, and that
 * later, when the file has lost its name. */
static int open_best(
	struct client_tree *tree, const char *path, struct open_call *c)
{
	struct posix_how how = how_of(c, tree->posix);
	if (tree->posix && writes(c->flags)) {
		how.access |= WRITE_DAC;
		int error = posix_open(tree, path, &how, &c->file);
		if (error != -EACCES) {
			return error;
		}
		how.access &= ~WRITE_DAC;
	}
	return posix_open(tree, path, &how, &c->file);
}

static int call_open(struct client_tree *tree, const char *path, void *ctx)
{
	struct open_call *c = ctx;
	int error = open_best(tree, path, c);
	if (error < 0) {
		return tree->client->status == STATUS_IO_REPARSE_TAG_NOT_HANDLED
			       ? -ENXIO
			       : error;
	}
	bool link = c->file->posix ? S_ISLNK(posix_mode_of(c->file->mode))
				   : (c->file->stat.attributes &
					     FILE_ATTRIBUTE_REPARSE_POINT) != 0;
	if (link && (c->flags & O_NOFOLLOW) != 0) {
		tree->client->status = 0;
		error = -ELOOP;
	} else if ((c->flags & O_TRUNC) != 0 && writes(c->flags) &&
		   c->file->action != FILE_CREATED) {
		error = cut(tree, path, c);
	}
	if (error < 0) {
		uint32_t status = tree->client->status;
		client_close(c->file);
		tree->client->status = status;
	}
	return error;
}

int smb3x_open(struct smb3x *share, const char *path, int flags, uint32_t mode,
	struct smb3x_file **ret_file)
{
	struct open_call c = {.flags = flags, .mode = mode};
	struct smb3x_file *file = calloc(1, sizeof(*file));
	if (file == NULL) {
		return share_complain(-ENOMEM, 0, NULL);
	}
	struct share_where where = {0};
	unsigned int how = SHARE_OPENS |
			   ((flags & O_CREAT) == 0 ? SHARE_AGAIN : SHARE_ONCE);
	int error = share_run(share, path, how, call_open, &c, &where);
	if (error < 0) {
		free(file);
		return error;
	}
	*file = (struct smb3x_file){
		share, where.lane, where.generation, c.file, flags, where.path};
	*ret_file = file;
	return 0;
}

int smb3x_close(struct smb3x_file *file)
{
	int error = share_enter(file);
	if (error == 0) {
		error = share_leave(file, client_close(file->file));
	} else {
		free(file->file);
	}
	free(file->path);
	free(file);
	return error;
}

ssize_t smb3x_pread(
	struct smb3x_file *file, void *ret_data, size_t n, uint64_t offset)
{
	int error = share_enter(file);
	if (error < 0) {
		return error;
	}
	uint8_t *at = ret_data;
	size_t done = 0;
	ssize_t got = 0;
	while (done < n) {
		got = client_read(
			file->file, offset + done, at + done, n - done);
		if (got <= 0) {
			break;
		}
		done += (size_t)got;
	}
	got = done > 0 ? 0 : got;
	error = share_leave(file, got);
	return error < 0 ? error : (ssize_t)done;
}

static ssize_t write_at(struct smb3x_file *file, const void *data, size_t n,
	uint64_t offset, bool append)
{
	const uint8_t *at = data;
	size_t done = 0;
	ssize_t put = 0;
	while (done < n) {
		put = client_write(file->file,
			append ? UINT64_MAX : offset + done, at + done,
			n - done);
		if (put <= 0) {
			put = put == 0 ? -EIO : put;
			break;
		}
		done += (size_t)put;
	}
	return done > 0 ? (ssize_t)done : put;
}

ssize_t smb3x_pwrite(
	struct smb3x_file *file, const void *data, size_t n, uint64_t offset)
{
	if (offset > INT64_MAX || n > INT64_MAX - offset) {
		return share_complain(-EFBIG, 0, NULL);
	}
	int error = share_enter(file);
	if (error < 0) {
		return error;
	}
	ssize_t done = write_at(file, data, n, offset, false);
	error = share_leave(file, done);
	return error < 0 ? error : done;
}

/* Without the extensions the end is asked for first, and may have moved. */
static ssize_t append_plain(struct smb3x_file *file, const void *data, size_t n)
{
	struct smb3x_stat stat;
	int error = posix_fstat(file->file, &stat);
	return error < 0 ? error : write_at(file, data, n, stat.size, false);
}

ssize_t smb3x_append(struct smb3x_file *file, const void *data, size_t n)
{
	if ((file->flags & O_APPEND) == 0 || !writes(file->flags)) {
		return share_complain(-EBADF, 0, NULL);
	}
	int error = share_enter(file);
	if (error < 0) {
		return error;
	}
	ssize_t done = file->file->posix ? write_at(file, data, n, 0, true)
					 : append_plain(file, data, n);
	error = share_leave(file, done);
	return error < 0 ? error : done;
}

int smb3x_fstat(struct smb3x_file *file, struct smb3x_stat *ret_stat)
{
	int error = share_enter(file);
	if (error < 0) {
		return error;
	}
	struct smb3x_stat stat;
	error = share_leave(file, posix_fstat(file->file, &stat));
	if (error < 0) {
		return error;
	}
	const struct smb3x_options *o = &file->share->options;
	stat.uid = stat.uid_known ? stat.uid : o->uid;
	stat.gid = stat.gid_known ? stat.gid : o->gid;
	*ret_stat = stat;
	return 0;
}

/* The handle may not have the right that the change needs, though the user
 * has it; then it is made by name, if the name still means this file. */
static int change_by_name(
	struct smb3x_file *file, const struct posix_change *change)
{
	struct client_tree *tree = file->file->tree;
	struct smb3x_stat here, there;
	int error = posix_fstat(file->file, &here);
	if (error == 0) {
		error = posix_lstat(tree, file->path, false, &there);
	}
	if (error < 0 || !here.has_inode || here.inode != there.inode ||
		here.device != there.device) {
		return -EACCES;
	}
	return posix_change_path(tree, file->path, change, false);
}

static int change_file(
	struct smb3x_file *file, const struct posix_change *change)
{
	int error = share_enter(file);
	if (error < 0) {
		return error;
	}
	error = posix_change_file(file->file, change);
	if (error == -EACCES) {
		error = change_by_name(file, change);
		bool owners =
			change->set_mode || change->set_uid || change->set_gid;
		error = error == -EACCES && owners ? -EPERM : error;
	}
	return share_leave(file, error);
}

int smb3x_ftruncate(struct smb3x_file *file, uint64_t size)
{
	if (!writes(file->flags) || size > INT64_MAX) {
		return share_complain(
			size > INT64_MAX ? -EFBIG : -EINVAL, 0, NULL);
	}
	const struct posix_change change = {.set_size = true, .size = size};
	return change_file(file, &change);
}

int smb3x_futimens(struct smb3x_file *file, const struct timespec times[2])
{
	struct posix_change change = {0};
	int error = posix_times(times, &change);
	return error < 0 ? share_complain(error, 0, NULL)
			 : change_file(file, &change);
}

int smb3x_fchmod(struct smb3x_file *file, uint32_t mode)
{
	const struct posix_change change = {.set_mode = true, .mode = mode};
	return change_file(file, &change);
}

int smb3x_fchown(struct smb3x_file *file, uint32_t uid, uint32_t gid)
{
	const struct posix_change change = {
		.set_uid = uid != SMB3X_SAME,
		.set_gid = gid != SMB3X_SAME,
		.uid = uid,
		.gid = gid,
	};
	return change_file(file, &change);
}

int smb3x_fsync(struct smb3x_file *file)
{
	int error = share_enter(file);
	return error < 0 ? error : share_leave(file, posix_fsync(file->file));
}

int smb3x_seek(struct smb3x_file *file, uint64_t offset, bool hole,
	uint64_t *ret_offset)
{
	int error = share_enter(file);
	return error < 0 ? error
			 : share_leave(file, posix_seek(file->file, offset,
						     hole, ret_offset));
}

int smb3x_zero(struct smb3x_file *file, uint64_t offset, uint64_t length)
{
	if (offset > INT64_MAX || length > INT64_MAX - offset) {
		return share_complain(-EFBIG, 0, NULL);
	}
	int error = share_enter(file);
	return error < 0 ? error
			 : share_leave(file, posix_zero(file->file, offset,
						     offset + length));
}

static int allocate(struct client_file *file, uint64_t size, bool extend)
{
	struct smb3x_stat stat;
	int error = posix_fstat(file, &stat);
	/* A smaller allocation would cut the file. */
	if (error < 0 || size <= stat.size) {
		return error;
	}
	error = posix_allocate(file, size);
	const struct posix_change change = {.set_size = true, .size = size};
	return error < 0 || !extend ? error : posix_change_file(file, &change);
}

int smb3x_allocate(struct smb3x_file *file, uint64_t size, bool extend)
{
	if (size > INT64_MAX) {
		return share_complain(-EFBIG, 0, NULL);
	}
	int error = share_enter(file);
	return error < 0
		       ? error
		       : share_leave(file, allocate(file->file, size, extend));
}

int smb3x_lock(struct smb3x_file *file, enum smb3x_lock lock, uint64_t offset,
	uint64_t length)
{
	if (offset > INT64_MAX || length > INT64_MAX - offset) {
		return share_complain(-EINVAL, 0, NULL);
	}
	uint64_t n = length == 0 ? INT64_MAX - offset : length;
	int error = share_enter(file);
	return error < 0 ? error
			 : share_leave(file,
				   posix_lock(file->file, lock, offset, n));
}

/* SPDX-License-Identifier: MIT */
/* The calls of smb3x.h on open files. */
#include "client/cache.h"
#include "client/lane.h"
#include "client/open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct open_call {
	int flags;
	uint32_t mode;
	struct opening opening;
	struct smb3x_file *file;
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
	return (c->flags & O_APPEND) != 0 && c->file->file->posix
		       ? posix_change_path(tree, path, &change, false)
		       : posix_change_file(c->file->file, &change);
}

static int open_so(
	struct client_tree *tree, const char *path, struct open_call *c)
{
	return open_file(tree, path, &c->opening, NULL, &c->file, NULL);
}

/* Who may write is mostly the owner, who may also change the mode, and that
 * later, when the file has lost its name. */
static int open_best(
	struct client_tree *tree, const char *path, struct open_call *c)
{
	struct opening *o = &c->opening;
	if (!o->asked) {
		o->how = how_of(c, tree->posix);
	}
	if (tree->posix && writes(c->flags) && !o->asked) {
		o->how.access |= WRITE_DAC;
		int error = open_so(tree, path, c);
		if (error != -EACCES) {
			return error;
		}
		o->how.access &= ~WRITE_DAC;
	}
	return open_so(tree, path, c);
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
	const struct client_file *f = c->file->file;
	bool link = f->posix ? S_ISLNK(posix_mode_of(f->mode))
			     : (f->stat.attributes &
				       FILE_ATTRIBUTE_REPARSE_POINT) != 0;
	if (link && (c->flags & O_NOFOLLOW) != 0) {
		tree->client->status = 0;
		error = -ELOOP;
	} else if ((c->flags & O_TRUNC) != 0 && writes(c->flags) &&
		   f->action != FILE_CREATED) {
		error = cut(tree, path, c);
	}
	if (f->action == FILE_CREATED || (c->flags & O_TRUNC) != 0) {
		cache_changed(c->file->share, path);
	}
	if (error < 0) {
		uint32_t status = tree->client->status;
		open_close(c->file);
		tree->client->status = status;
	}
	return error;
}

/* One that was closed a moment ago, and is open still. */
static struct smb3x_file *reuse(
	struct smb3x *share, const char *path, int flags)
{
	struct path_walk walk = {.posix = share->posix};
	if (path_begin(&walk, path) < 0) {
		return NULL;
	}
	pthread_mutex_lock(&share->lock);
	struct smb3x_file *file = cache_reuse(share, walk.path, flags, NULL);
	pthread_mutex_unlock(&share->lock);
	path_finish(&walk);
	return file;
}

int smb3x_open(struct smb3x *share, const char *path, int flags, uint32_t mode,
	struct smb3x_file **ret_file)
{
	struct smb3x_file *kept = reuse(share, path, flags);
	if (kept != NULL) {
		*ret_file = kept;
		return 0;
	}
	struct open_call c = {.flags = flags,
		.mode = mode,
		.opening = {
			.directory = (flags & O_DIRECTORY) != 0,
			.durable = share->options.durable != SMB3X_DURABLE_OFF,
			.flags = flags,
		}};
	int error = share_run(
		share, path, SHARE_OPENS | SHARE_AGAIN, call_open, &c, NULL);
	if (error == 0) {
		*ret_file = c.file;
	}
	return error;
}

/* The file is gone anyway; a file that was only read loses nothing by that. */
static int close_lost(struct smb3x_file *file, int error)
{
	bool harmless = !file->changed;
	open_forget(file);
	return harmless ? 0 : error;
}

int smb3x_close(struct smb3x_file *file)
{
	struct smb3x *share = file->share;
	pthread_mutex_lock(&share->lock);
	bool kept = cache_keep(file);
	bool parted = share->lanes[file->lane].lost;
	pthread_mutex_unlock(&share->lock);
	if (kept) {
		return 0;
	}
	if (parted && !file->changed) {
		lane_take_this(&share->lanes[file->lane]);
		open_forget(file);
		lane_give_back(&share->lanes[file->lane]);
		return 0;
	}
	int error = share_enter(file);
	if (error < 0) {
		return close_lost(file, error);
	}
	struct lane *lane = &share->lanes[file->lane];
	bool changed = file->changed;
	char *path = changed ? strdup(file->path) : NULL;
	error = lane_judge(lane, open_close(file));
	lane_give_back(lane);
	if (path != NULL) {
		cache_changed(share, path);
	}
	free(path);
	return error;
}

/* A call that changes the file: what was known of it is old. */
static ssize_t run_change(
	struct smb3x_file *file, bool again, share_file_call *call, void *ctx)
{
	file->changed = true;
	ssize_t result = share_file_run(file, again, call, ctx);
	share_file_changed(file);
	return result;
}

struct data_call {
	uint8_t *data;
	size_t n, done;
	uint64_t offset;
};

/* Goes on behind what was done before the connection broke. */
static ssize_t call_read(struct smb3x_file *file, void *ctx)
{
	struct data_call *c = ctx;
	while (c->done < c->n) {
		ssize_t got = client_read(file->file, c->offset + c->done,
			c->data + c->done, c->n - c->done);
		if (got <= 0) {
			return got;
		}
		c->done += (size_t)got;
	}
	return 0;
}

ssize_t smb3x_pread(
	struct smb3x_file *file, void *ret_data, size_t n, uint64_t offset)
{
	struct data_call c = {ret_data, n, 0, offset};
	ssize_t error = share_file_run(file, true, call_read, &c);
	return c.done > 0 ? (ssize_t)c.done : error;
}

static ssize_t write_on(
	struct smb3x_file *file, struct data_call *c, bool append)
{
	while (c->done < c->n) {
		ssize_t put = client_write(file->file,
			append ? UINT64_MAX : c->offset + c->done,
			c->data + c->done, c->n - c->done);
		if (put <= 0) {
			return put == 0 ? -EIO : put;
		}
		c->done += (size_t)put;
	}
	return 0;
}

/* At a fixed offset the same bytes may be written twice. */
static ssize_t call_write(struct smb3x_file *file, void *ctx)
{
	return write_on(file, ctx, false);
}

ssize_t smb3x_pwrite(
	struct smb3x_file *file, const void *data, size_t n, uint64_t offset)
{
	if (offset > INT64_MAX || n > INT64_MAX - offset) {
		return share_complain(-EFBIG, 0, NULL);
	}
	struct data_call c = {(uint8_t *)data, n, 0, offset};
	ssize_t error = run_change(file, true, call_write, &c);
	return c.done > 0 ? (ssize_t)c.done : error;
}

/* Without the extensions the end is asked for first, and may have moved. */
static ssize_t call_append(struct smb3x_file *file, void *ctx)
{
	struct data_call *c = ctx;
	if (file->file->posix) {
		return write_on(file, c, true);
	}
	struct smb3x_stat stat;
	int error = posix_fstat(file->file, &stat);
	c->offset = error < 0 ? 0 : stat.size;
	return error < 0 ? error : write_on(file, c, false);
}

ssize_t smb3x_append(struct smb3x_file *file, const void *data, size_t n)
{
	if ((file->flags & O_APPEND) == 0 || !writes(file->flags)) {
		return share_complain(-EBADF, 0, NULL);
	}
	struct data_call c = {(uint8_t *)data, n, 0, 0};
	/* Sent again it might be appended twice. */
	ssize_t error = run_change(file, false, call_append, &c);
	return c.done > 0 ? (ssize_t)c.done : error;
}

static ssize_t call_fstat(struct smb3x_file *file, void *ctx)
{
	int error = posix_fstat(file->file, ctx);
	uint32_t status = file->file->tree->client->status;
	/* Samba 4.22 gives a file back without the extensions, and by name. */
	if (file->generation > 0 &&
		(status == STATUS_INVALID_LEVEL ||
			status == STATUS_INVALID_INFO_CLASS)) {
		char *path = share_file_path(file);
		error = path == NULL ? -ENOMEM
				     : posix_lstat(file->file->tree, path,
					       false, ctx);
		free(path);
	}
	return error;
}

int smb3x_fstat(struct smb3x_file *file, struct smb3x_stat *ret_stat)
{
	struct smb3x_stat stat;
	int error = (int)share_file_run(file, true, call_fstat, &stat);
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
	char *path = share_file_path(file);
	int error = path == NULL ? -ENOMEM : posix_fstat(file->file, &here);
	if (error == 0) {
		error = posix_lstat(tree, path, false, &there);
	}
	if (error < 0 || !here.has_inode || here.inode != there.inode ||
		here.device != there.device) {
		error = -EACCES;
	} else {
		error = posix_change_path(tree, path, change, false);
	}
	free(path);
	return error;
}

static ssize_t call_change(struct smb3x_file *file, void *ctx)
{
	const struct posix_change *change = ctx;
	int error = posix_change_file(file->file, change);
	if (error == -EACCES) {
		error = change_by_name(file, change);
		bool owners =
			change->set_mode || change->set_uid || change->set_gid;
		error = error == -EACCES && owners ? -EPERM : error;
	}
	return error;
}

static int change_file(struct smb3x_file *file, struct posix_change *change)
{
	return (int)run_change(file, true, call_change, change);
}

int smb3x_ftruncate(struct smb3x_file *file, uint64_t size)
{
	if (!writes(file->flags) || size > INT64_MAX) {
		return share_complain(
			size > INT64_MAX ? -EFBIG : -EINVAL, 0, NULL);
	}
	struct posix_change change = {.set_size = true, .size = size};
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
	struct posix_change change = {.set_mode = true, .mode = mode};
	return change_file(file, &change);
}

int smb3x_fchown(struct smb3x_file *file, uint32_t uid, uint32_t gid)
{
	struct posix_change change = {
		.set_uid = uid != SMB3X_SAME,
		.set_gid = gid != SMB3X_SAME,
		.uid = uid,
		.gid = gid,
	};
	return change_file(file, &change);
}

static ssize_t call_fsync(struct smb3x_file *file, void *ctx)
{
	(void)ctx;
	return posix_fsync(file->file);
}

int smb3x_fsync(struct smb3x_file *file)
{
	return (int)share_file_run(file, true, call_fsync, NULL);
}

/* A range of a file, and what is asked about it or done with it. */
struct range_call {
	uint64_t offset, length;
	bool flag;
	enum smb3x_lock lock;
	uint64_t *ret_offset;
};

static ssize_t call_seek(struct smb3x_file *file, void *ctx)
{
	const struct range_call *c = ctx;
	return posix_seek(file->file, c->offset, c->flag, c->ret_offset);
}

int smb3x_seek(struct smb3x_file *file, uint64_t offset, bool hole,
	uint64_t *ret_offset)
{
	struct range_call c = {
		.offset = offset, .flag = hole, .ret_offset = ret_offset};
	return (int)share_file_run(file, true, call_seek, &c);
}

static ssize_t call_zero(struct smb3x_file *file, void *ctx)
{
	const struct range_call *c = ctx;
	return posix_zero(file->file, c->offset, c->offset + c->length);
}

int smb3x_zero(struct smb3x_file *file, uint64_t offset, uint64_t length)
{
	if (offset > INT64_MAX || length > INT64_MAX - offset) {
		return share_complain(-EFBIG, 0, NULL);
	}
	struct range_call c = {.offset = offset, .length = length};
	return (int)run_change(file, true, call_zero, &c);
}

static ssize_t call_allocate(struct smb3x_file *file, void *ctx)
{
	const struct range_call *c = ctx;
	struct smb3x_stat stat;
	int error = posix_fstat(file->file, &stat);
	/* A smaller allocation would cut the file. */
	if (error < 0 || c->length <= stat.size) {
		return error;
	}
	error = posix_allocate(file->file, c->length);
	const struct posix_change change = {
		.set_size = true, .size = c->length};
	return error < 0 || !c->flag ? error
				     : posix_change_file(file->file, &change);
}

int smb3x_allocate(struct smb3x_file *file, uint64_t size, bool extend)
{
	if (size > INT64_MAX) {
		return share_complain(-EFBIG, 0, NULL);
	}
	struct range_call c = {.length = size, .flag = extend};
	return (int)run_change(file, true, call_allocate, &c);
}

static ssize_t call_lock(struct smb3x_file *file, void *ctx)
{
	const struct range_call *c = ctx;
	return posix_lock(file->file, c->lock, c->offset, c->length);
}

int smb3x_lock(struct smb3x_file *file, enum smb3x_lock lock, uint64_t offset,
	uint64_t length)
{
	if (offset > INT64_MAX || length > INT64_MAX - offset) {
		return share_complain(-EINVAL, 0, NULL);
	}
	struct range_call c = {
		.offset = offset,
		.length = length == 0 ? INT64_MAX - offset : length,
		.lock = lock,
	};
	file->changed = true; /* kept open, it would keep its locks */
	return (int)share_file_run(file, true, call_lock, &c);
}

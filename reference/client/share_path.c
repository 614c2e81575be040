/* SPDX-License-Identifier: MIT */
/* The calls of smb3x.h that take a path. */
#include "client/known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Owners that have no number are those of the caller's choice. */
static void fill_owners(const struct smb3x *share, struct smb3x_stat *stat)
{
	if (!stat->uid_known) {
		stat->uid = share->options.uid;
	}
	if (!stat->gid_known) {
		stat->gid = share->options.gid;
	}
}

struct stat_call {
	bool follow;
	struct smb3x_stat stat;
};

/* What only the reparse point tells: where a link leads, which device. */
static int stat_special(
	struct client_tree *tree, const char *path, struct smb3x_stat *stat)
{
	if (S_ISLNK(stat->mode) && stat->size == 0) {
		char target[PATH_TARGET_MAX + 1];
		ssize_t n = posix_readlink(tree, path, target);
		stat->size = n < 0 ? 0 : (uint64_t)n;
	}
	if (S_ISCHR(stat->mode) || S_ISBLK(stat->mode)) {
		posix_device(tree, path, &stat->rdev_major, &stat->rdev_minor);
	}
	return tree->client->broken ? -ECONNRESET : 0;
}

static int call_stat(struct client_tree *tree, const char *path, void *ctx)
{
	struct stat_call *c = ctx;
	int error = known_ask_stat(tree, path, c->follow, &c->stat);
	/* Other special files than links stop an open that follows. */
	if (tree->client->status == STATUS_IO_REPARSE_TAG_NOT_HANDLED) {
		error = posix_lstat(tree, path, false, &c->stat);
	}
	if (tree->client->status == STATUS_DELETE_PENDING) {
		return -ENOENT;
	}
	return error < 0 ? error : stat_special(tree, path, &c->stat);
}

static int run_stat(struct smb3x *share, const char *path, bool follow,
	struct smb3x_stat *ret_stat)
{
	struct stat_call c = {.follow = follow};
	int error = known_stat(share, path, &c.stat);
	if (error == -ENOENT) {
		return share_complain(error, 0, NULL);
	}
	if (error < 0) {
		error = share_run(share, path, SHARE_AGAIN | SHARE_OPENS,
			call_stat, &c, NULL);
	}
	if (error == 0) {
		fill_owners(share, &c.stat);
		*ret_stat = c.stat;
	}
	return error;
}

int smb3x_lstat(
	struct smb3x *share, const char *path, struct smb3x_stat *ret_stat)
{
	return run_stat(share, path, false, ret_stat);
}

int smb3x_stat(
	struct smb3x *share, const char *path, struct smb3x_stat *ret_stat)
{
	return run_stat(share, path, true, ret_stat);
}

static int call_statvfs(struct client_tree *tree, const char *path, void *ctx)
{
	(void)path;
	return posix_statvfs(tree, ctx);
}

int smb3x_statvfs(struct smb3x *share, struct smb3x_statvfs *ret_statvfs)
{
	return share_run(
		share, "", SHARE_AGAIN, call_statvfs, ret_statvfs, NULL);
}

static int call_access(struct client_tree *tree, const char *path, void *ctx)
{
	const int *mode = ctx;
	const struct posix_how how = {
		.access = FILE_READ_ATTRIBUTES |
			  ((*mode & R_OK) != 0 ? FILE_READ_DATA : 0) |
			  ((*mode & W_OK) != 0 ? FILE_WRITE_DATA : 0) |
			  ((*mode & X_OK) != 0 ? FILE_EXECUTE : 0),
		.disposition = FILE_OPEN,
	};
	struct smb3x_stat stat = {0};
	int error = posix_call(tree, path, &how, NULL, &stat, NULL);
	/* To root everything is granted; it executes nothing without a bit. */
	if (error == 0 && tree->posix && (*mode & X_OK) != 0 &&
		S_ISREG(stat.mode) && (stat.mode & 0111) == 0) {
		return -EACCES;
	}
	/* Whether a fifo or device may be opened, nobody but this system can
	 * say. */
	return tree->client->status == STATUS_IO_REPARSE_TAG_NOT_HANDLED
		       ? 0
		       : error;
}

int smb3x_access(struct smb3x *share, const char *path, int mode)
{
	return share_run(share, path, SHARE_AGAIN, call_access, &mode, NULL);
}

struct readlink_call {
	ssize_t n;
	char target[PATH_TARGET_MAX + 1];
};

static int call_readlink(struct client_tree *tree, const char *path, void *ctx)
{
	struct readlink_call *c = ctx;
	c->n = posix_readlink(tree, path, c->target);
	return c->n < 0 ? (int)c->n : 0;
}

ssize_t smb3x_readlink(
	struct smb3x *share, const char *path, char *ret_target, size_t n)
{
	struct readlink_call c = {0};
	int error =
		share_run(share, path, SHARE_AGAIN, call_readlink, &c, NULL);
	if (error < 0) {
		return error;
	}
	memcpy(ret_target, c.target, (size_t)c.n < n ? (size_t)c.n : n);
	return c.n;
}

static int call_find(struct client_tree *tree, const char *path, void *ctx)
{
	(void)ctx;
	const struct posix_how how = {
		.access = FILE_READ_ATTRIBUTES,
		.disposition = FILE_OPEN,
	};
	int error = posix_call(tree, path, &how, NULL, NULL, NULL);
	return tree->client->status == STATUS_IO_REPARSE_TAG_NOT_HANDLED
		       ? 0
		       : error;
}

int smb3x_realpath(struct smb3x *share, const char *path, char **ret_path)
{
	struct share_where where = {0};
	int error =
		share_run(share, path, SHARE_AGAIN, call_find, NULL, &where);
	if (error == 0) {
		*ret_path = where.path;
	}
	return error;
}

static int call_mkdir(struct client_tree *tree, const char *path, void *ctx)
{
	const uint32_t *mode = ctx;
	const struct posix_how how = {
		.access = FILE_READ_ATTRIBUTES,
		.disposition = FILE_CREATE,
		.options = FILE_DIRECTORY_FILE | FILE_OPEN_REPARSE_POINT,
		.mode = *mode,
	};
	struct share_change change;
	share_changing(tree, path, &change);
	int error = posix_call(tree, path, &how, NULL, NULL, NULL);
	share_changed(tree, path);
	return error;
}

int smb3x_mkdir(struct smb3x *share, const char *path, uint32_t mode)
{
	return share_run(share, path, SHARE_ONCE, call_mkdir, &mode, NULL);
}

struct mknod_call {
	uint32_t mode, major, minor;
};

static int without_posix(struct client_tree *tree)
{
	return client_complain(
		tree->client, -EOPNOTSUPP, "the share has no POSIX extensions");
}

static int call_mknod(struct client_tree *tree, const char *path, void *ctx)
{
	const struct mknod_call *c = ctx;
	if (!tree->posix && !S_ISREG(c->mode)) {
		return without_posix(tree);
	}
	struct share_change change;
	share_changing(tree, path, &change);
	int error = posix_mknod(tree, path, c->mode, c->major, c->minor);
	share_changed(tree, path);
	return error;
}

int smb3x_mknod(struct smb3x *share, const char *path, uint32_t mode,
	uint32_t rdev_major, uint32_t rdev_minor)
{
	struct mknod_call c = {mode, rdev_major, rdev_minor};
	return share_run(share, path, SHARE_ONCE, call_mknod, &c, NULL);
}

static int call_symlink(struct client_tree *tree, const char *path, void *ctx)
{
	struct share_change change;
	share_changing(tree, path, &change);
	int error = posix_symlink(tree, ctx, path);
	share_changed(tree, path);
	return error;
}

int smb3x_symlink(struct smb3x *share, const char *target, const char *path)
{
	return share_run(
		share, path, SHARE_ONCE, call_symlink, (void *)target, NULL);
}

static int remove_path(
	struct client_tree *tree, const char *path, bool directory)
{
	struct share_change change;
	share_changing(tree, path, &change);
	int error = posix_remove(tree, path, directory);
	share_changed(tree, path);
	if (error == 0) {
		share_moved(tree, path, NULL);
	}
	return error;
}

static int call_unlink(struct client_tree *tree, const char *path, void *ctx)
{
	(void)ctx;
	return remove_path(tree, path, false);
}

int smb3x_unlink(struct smb3x *share, const char *path)
{
	cache_release(share, path);
	return share_run(share, path, SHARE_ONCE, call_unlink, NULL, NULL);
}

static int call_rmdir(struct client_tree *tree, const char *path, void *ctx)
{
	(void)ctx;
	return *path == '\0' ? client_complain(tree->client, -EBUSY,
				       "the root of a share stays")
			     : remove_path(tree, path, true);
}

int smb3x_rmdir(struct smb3x *share, const char *path)
{
	cache_release(share, path);
	return share_run(share, path, SHARE_ONCE, call_rmdir, NULL, NULL);
}

/* Two paths: the second is resolved when the first is. */
struct pair_call {
	struct smb3x *share;
	const char *to;
	bool link, replace;
	const char *from; /* as the first was resolved */
};

static int is_directory(struct client_tree *tree, const char *path)
{
	struct smb3x_stat stat;
	int error = posix_lstat(tree, path, false, &stat);
	return error < 0 ? error : S_ISDIR(stat.mode) ? 1 : 0;
}

/* The server says that two objects do not fit; POSIX tells apart. */
static int why_no_rename(
	struct client_tree *tree, const char *from, const char *to, int error)
{
	uint32_t status = tree->client->status;
	int source = is_directory(tree, from);
	int target = is_directory(tree, to);
	tree->client->status = status;
	if (source < 0 || target < 0 || (source == 0 && target == 0)) {
		return error;
	}
	return source == 0 ? -EISDIR : target == 0 ? -ENOTDIR : -ENOTEMPTY;
}

static bool is_below(const char *from, const char *to)
{
	size_t n = strlen(from);
	return strncmp(from, to, n) == 0 && to[n] == '/';
}

static int call_pair(struct client_tree *tree, const char *to, void *ctx)
{
	const struct pair_call *c = ctx;
	tree->client->stop.known = false;
	if (c->link) {
		struct share_change change;
		share_changing(tree, to, &change);
		int error = posix_link(tree, c->from, to);
		share_changed(tree, c->from);
		share_changed(tree, to);
		return tree->client->status == STATUS_FILE_IS_A_DIRECTORY
			       ? -EPERM
			       : error;
	}
	if (is_below(c->from, to)) {
		tree->client->status = 0;
		return client_complain(tree->client, -EINVAL,
			"a directory cannot move into itself");
	}
	struct share_change change;
	share_changing(tree, c->from, &change);
	int error = posix_rename(tree, c->from, to, c->replace);
	share_changed(tree, c->from);
	share_changed(tree, to);
	if (error == 0 && strcmp(c->from, to) != 0) {
		share_moved(tree, to, NULL);
		share_moved(tree, c->from, to);
	}
	bool judged = error == -EEXIST || error == -EACCES;
	return c->replace && judged ? why_no_rename(tree, c->from, to, error)
				    : error;
}

/* The parent of the second path without links, its last component behind. */
static int pair_of_parent(struct client_tree *tree, struct pair_call *c)
{
	const char *slash = strrchr(c->to, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - c->to);
	char *parent = strndup(c->to, n);
	char *found = NULL;
	int error = parent == NULL ? -ENOMEM
				   : share_walk(c->share, tree, parent,
					     call_find, NULL, &found);
	free(parent);
	if (error < 0) {
		return error;
	}
	const char *name = slash == NULL ? c->to : slash + 1;
	size_t room = strlen(found) + strlen(name) + 2;
	char *whole = malloc(room);
	error = -ENOMEM;
	if (whole != NULL) {
		memcpy(whole, found, strlen(found) + 1);
		strncat(whole, "/", room - strlen(whole) - 1);
		strncat(whole, name, room - strlen(whole) - 1);
		error = share_walk(c->share, tree, whole + (*found == '\0'),
			call_pair, c, NULL);
	}
	free(whole);
	free(found);
	return error;
}

static int call_from(struct client_tree *tree, const char *from, void *ctx)
{
	struct pair_call *c = ctx;
	c->from = from;
	int error = share_walk(c->share, tree, c->to, call_pair, c, NULL);
	/* A link in the second path that the server did not tell. */
	if (tree->client->status == STATUS_STOPPED_ON_SYMLINK &&
		!tree->client->stop.known) {
		return pair_of_parent(tree, c);
	}
	return error;
}

int smb3x_rename(
	struct smb3x *share, const char *from, const char *to, bool replace)
{
	struct pair_call c = {.share = share, .to = to, .replace = replace};
	cache_release(share, from);
	cache_release(share, to);
	return share_run(share, from, SHARE_RENAMES, call_from, &c, NULL);
}

int smb3x_link(struct smb3x *share, const char *from, const char *to)
{
	struct pair_call c = {.share = share, .to = to, .link = true};
	return share_run(share, from, SHARE_ONCE, call_from, &c, NULL);
}

struct change_call {
	struct posix_change change;
	bool follow;
};

static int call_change(struct client_tree *tree, const char *path, void *ctx)
{
	const struct change_call *c = ctx;
	struct share_change change;
	share_changing(tree, path, &change);
	int error = posix_change_path(tree, path, &c->change, c->follow);
	bool owner_only =
		c->change.set_mode || c->change.set_uid || c->change.set_gid;
	if (tree->client->status == STATUS_IO_REPARSE_TAG_NOT_HANDLED) {
		error = posix_change_path(tree, path, &c->change, false);
	}
	share_changed(tree, path);
	return error == -EACCES && owner_only ? -EPERM : error;
}

int smb3x_chmod(struct smb3x *share, const char *path, uint32_t mode)
{
	struct change_call c = {
		.change = {.set_mode = true, .mode = mode}, .follow = true};
	return share_run(share, path, SHARE_AGAIN, call_change, &c, NULL);
}

int smb3x_chown(struct smb3x *share, const char *path, uint32_t uid,
	uint32_t gid, bool follow)
{
	struct change_call c = {
		.change = {.set_uid = uid != SMB3X_SAME,
			.set_gid = gid != SMB3X_SAME,
			.uid = uid,
			.gid = gid},
		.follow = follow,
	};
	return share_run(share, path, SHARE_AGAIN, call_change, &c, NULL);
}

int smb3x_utimens(struct smb3x *share, const char *path,
	const struct timespec times[2], bool follow)
{
	struct change_call c = {.follow = follow};
	int error = posix_times(times, &c.change);
	return error < 0 ? share_complain(error, 0, NULL)
			 : share_run(share, path, SHARE_AGAIN, call_change, &c,
				   NULL);
}

int smb3x_truncate(struct smb3x *share, const char *path, uint64_t size)
{
	struct change_call c = {
		.change = {.set_size = true, .size = size}, .follow = true};
	return size > INT64_MAX ? share_complain(-EFBIG, 0, NULL)
				: share_run(share, path, SHARE_AGAIN,
					  call_change, &c, NULL);
}

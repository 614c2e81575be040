/* SPDX-License-Identifier: MIT */
/*
 * Names of the Linux driver: confined resolution, look-up without regard to
 * case, rename, link and unlink.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files/linux_share.h"
#include "ports/text.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

int lx_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int tries, fd = -1;

	for (tries = 0; tries < 16; tries++) {
		fd = (int)syscall(SYS_openat2, dirfd, *path ? path : ".", &how,
			sizeof how);
		/* EAGAIN: a rename raced with "..", see openat2(2). */
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) {
			break;
		}
	}
	if (fd >= 0) {
		return fd;
	}
	/* A link that leads out of the share. */
	return errno == EXDEV ? -EACCES : -errno;
}

int lx_parent(struct lx_share *share, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char parent[LX_PATH_MAX];
	int fd;

	*ret_name = slash ? slash + 1 : path;
	if (!slash) {
		return fcntl(share->root, F_DUPFD_CLOEXEC, 3);
	}
	if ((size_t)(slash - path) >= sizeof parent) {
		return -ENAMETOOLONG;
	}
	memcpy(parent, path, slash - path);
	parent[slash - path] = 0;
	fd = lx_openat(share->root, parent, O_PATH | O_DIRECTORY, 0);
	return fd == -ENOTDIR ? -ENOENT : fd;
}

/* Is this the hidden directory of the driver? */
static bool lx_hidden(const char *path)
{
	size_t n = strlen(LX_SIDE);

	return strncasecmp(path, LX_SIDE, n) == 0 &&
	       (path[n] == 0 || path[n] == '/');
}

/* Finds name in the directory by case-folding; writes what is on disk. */
static bool lx_scan(int dirfd, const char *name, char *ret_name, size_t size)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	bool found = false;

	if (!dir) {
		if (fd >= 0) {
			close(fd);
		}
		return false;
	}
	while (!found && (entry = readdir(dir))) {
		if (text_equal_nocase(entry->d_name, name) &&
			strlen(entry->d_name) < size) {
			memcpy(ret_name, entry->d_name,
				strlen(entry->d_name) + 1);
			found = true;
		}
	}
	closedir(dir);
	return found;
}

/* Appends a component to a path; false: too long. */
static bool lx_append(char *path, const char *name, size_t n)
{
	size_t at = strlen(path);

	if (at + n + 2 > LX_PATH_MAX) {
		return false;
	}
	if (at > 0) {
		path[at++] = '/';
	}
	memcpy(path + at, name, n);
	path[at + n] = 0;
	return true;
}

/* One component: an O_PATH descriptor of it or -ENOENT; the name as on disk
 * (or as asked) is appended to actual. */
static int lx_step(int dirfd, const char *name, char *actual)
{
	char real[256];
	int fd = lx_openat(dirfd, name, O_PATH, 0);

	if (fd == -ENOENT && lx_scan(dirfd, name, real, sizeof real)) {
		fd = lx_openat(dirfd, real, O_PATH, 0);
		name = real;
	}
	if (!lx_append(actual, name, strlen(name))) {
		if (fd >= 0) {
			close(fd);
		}
		return -ENAMETOOLONG;
	}
	return fd;
}

static int lx_resolve_nocase(struct lx_share *share, const char *path,
	char *ret_actual, bool *ret_found)
{
	int fd = fcntl(share->root, F_DUPFD_CLOEXEC, 3), next;
	char name[256];

	ret_actual[0] = 0;
	while (fd >= 0 && *path != 0) {
		size_t n = strcspn(path, "/");

		if (n >= sizeof name) {
			close(fd);
			return -ENAMETOOLONG;
		}
		memcpy(name, path, n);
		name[n] = 0;
		next = lx_step(fd, name, ret_actual);
		close(fd);
		fd = next;
		path += n;
		if (fd == -ENOENT && *path == 0) {
			*ret_found = false;
			return 0;
		}
		path += *path == '/';
	}
	if (fd < 0) {
		return fd == -ENOTDIR ? -ENOENT : fd;
	}
	close(fd);
	*ret_found = true;
	return 0;
}

int lx_resolve(struct lx_share *share, const char *path, bool nocase,
	char *ret_actual, bool *ret_found)
{
	const char *name;
	int fd;

	if (strlen(path) >= LX_PATH_MAX) {
		return -ENAMETOOLONG;
	}
	if (lx_hidden(path)) {
		return -EACCES;
	}
	fd = lx_openat(share->root, path, O_PATH, 0);
	if (fd >= 0) {
		close(fd);
		memcpy(ret_actual, path, strlen(path) + 1);
		*ret_found = true;
		return 0;
	}
	if (fd != -ENOENT && fd != -ENOTDIR) {
		return fd;
	}
	if (nocase) {
		return lx_resolve_nocase(share, path, ret_actual, ret_found);
	}
	fd = lx_parent(share, path, &name);
	if (fd < 0) {
		return fd;
	}
	close(fd);
	memcpy(ret_actual, path, strlen(path) + 1);
	*ret_found = false;
	return 0;
}

char *lx_node_path(struct files_node *node)
{
	char *path;

	pthread_mutex_lock(&node->share->lock);
	path = strdup(node->path);
	pthread_mutex_unlock(&node->share->lock);
	return path;
}

static char *lx_moved(const char *path, const char *from, const char *to)
{
	size_t n = strlen(from);
	char *moved = NULL;

	if (strncmp(path, from, n) != 0 || (path[n] != 0 && path[n] != '/')) {
		return NULL;
	}
	return asprintf(&moved, "%s%s", to, path + n) < 0 ? NULL : moved;
}

void lx_paths_moved(struct lx_share *share, const char *from, const char *to)
{
	struct files_node *node;

	pthread_mutex_lock(&share->lock);
	for (node = share->nodes; node; node = node->next) {
		char *moved = lx_moved(node->path, from, to);

		if (moved) {
			free(node->path);
			node->path = moved;
		}
	}
	pthread_mutex_unlock(&share->lock);
}

/* Does the name still lead to the node's file? */
static bool lx_is_node(int dirfd, const char *name, struct files_node *node)
{
	struct stat st;

	return fstatat(dirfd, name, &st, 0) == 0 && st.st_ino == node->inode &&
	       st.st_dev == node->device;
}

/* Both ends of a RENAME or LINK. */
struct lx_move {
	char *from;
	int from_dir, to_dir;
	const char *from_name, *to_name;
	char *to; /* as asked, the directory part as on disk */
	char actual[LX_PATH_MAX];
	bool found; /* actual is there */
};

static void lx_move_finish(struct lx_move *move)
{
	free(move->from);
	free(move->to);
	if (move->from_dir >= 0) {
		close(move->from_dir);
	}
	if (move->to_dir >= 0) {
		close(move->to_dir);
	}
}

/* The target with the directories as on disk and the last component as the
 * client spelled it: the new name keeps its case. */
static char *lx_spelled(const char *actual, const char *asked)
{
	const char *slash = strrchr(actual, '/');
	const char *last = strrchr(asked, '/');
	char *path = NULL;

	last = last ? last + 1 : asked;
	if (asprintf(&path, "%.*s%s", slash ? (int)(slash - actual + 1) : 0,
		    actual, last) < 0) {
		return NULL;
	}
	return path;
}

static int lx_move_init(
	struct lx_share *share, struct files_op *op, struct lx_move *ret_move)
{
	struct files_node *node = op->node;
	struct lx_move *move = ret_move;
	int r;

	*move = (struct lx_move){.from_dir = -1, .to_dir = -1};
	if (*op->path == 0) {
		return -EINVAL;
	}
	r = lx_resolve(
		share, op->path, op->open.nocase, move->actual, &move->found);
	op->parent_missing = r == -ENOENT;
	if (r < 0) {
		return r;
	}
	move->from = lx_node_path(node);
	move->to = lx_spelled(move->actual, op->path);
	if (!move->from || !move->to) {
		return -ENOMEM;
	}
	if (*move->from == 0) {
		return -EBUSY;
	}
	move->from_dir = lx_parent(share, move->from, &move->from_name);
	move->to_dir = lx_parent(share, move->to, &move->to_name);
	if (move->from_dir < 0 || move->to_dir < 0) {
		return -ENOENT;
	}
	return lx_is_node(move->from_dir, move->from_name, node) ? 0 : -ENOENT;
}

/* The file that a rename or link with replace takes the name from. */
static int lx_give_way(struct files_op *op, struct lx_move *move)
{
	const char *slash = strrchr(move->actual, '/');
	const char *name = slash ? slash + 1 : move->actual;
	struct stat st;

	if (fstatat(move->to_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	if (!op->replace) {
		return -EEXIST;
	}
	if (S_ISDIR(st.st_mode)) {
		return -EISDIR;
	}
	if (S_ISDIR(op->node->mode)) {
		return -ENOTDIR;
	}
	/* It differs in case only: out of the way before the new name. */
	if (strcmp(name, move->to_name) != 0 &&
		unlinkat(move->to_dir, name, 0) < 0) {
		return -errno;
	}
	return 0;
}

static int lx_rename_at(const struct lx_move *move, bool replace)
{
	struct stat st;

	if (replace) {
		return renameat(move->from_dir, move->from_name, move->to_dir,
			       move->to_name) < 0
			       ? -errno
			       : 0;
	}
	if (renameat2(move->from_dir, move->from_name, move->to_dir,
		    move->to_name, RENAME_NOREPLACE) == 0) {
		return 0;
	}
	if (errno != EINVAL) {
		return -errno;
	}
	/* A file system without RENAME_NOREPLACE. */
	if (fstatat(move->to_dir, move->to_name, &st, AT_SYMLINK_NOFOLLOW) ==
		0) {
		return -EEXIST;
	}
	return renameat(move->from_dir, move->from_name, move->to_dir,
		       move->to_name) < 0
		       ? -errno
		       : 0;
}

int lx_rename(struct lx_share *share, struct files_op *op)
{
	struct lx_move move;
	int r;

	if (op->stream) {
		return lx_stream_rename(op->node, op->stream, op->replace);
	}
	r = lx_move_init(share, op, &move);
	/* The same name in another case is no other file. */
	if (r == 0 && move.found && strcmp(move.actual, move.from) != 0) {
		r = lx_give_way(op, &move);
	}
	if (r == 0 && strcmp(move.from, move.to) != 0) {
		r = lx_rename_at(&move, op->replace);
		if (r == 0) {
			lx_paths_moved(share, move.from, move.to);
		}
	}
	if (r == 0 && !op->stream) {
		snprintf(
			op->actual_name, sizeof op->actual_name, "%s", move.to);
	}
	lx_move_finish(&move);
	return r;
}

int lx_link(struct lx_share *share, struct files_op *op)
{
	char self[32];
	struct lx_move move;
	int r = lx_move_init(share, op, &move);

	if (r == 0 && S_ISDIR(op->node->mode)) {
		r = -EISDIR;
	}
	if (r == 0 && move.found) {
		r = lx_give_way(op, &move);
		if (r == 0) {
			unlinkat(move.to_dir, move.to_name, 0);
		}
	}
	/* By descriptor: the name may lead elsewhere by now. */
	snprintf(self, sizeof self, "/proc/self/fd/%d", op->node->fd);
	if (r == 0 && linkat(AT_FDCWD, self, move.to_dir, move.to_name,
			      AT_SYMLINK_FOLLOW) < 0) {
		r = -errno;
	}
	if (r == 0) {
		snprintf(
			op->actual_name, sizeof op->actual_name, "%s", move.to);
	}
	lx_move_finish(&move);
	return r;
}

static int lx_unlink_name(struct lx_share *share, struct files_node *node)
{
	char *path = lx_node_path(node);
	const char *name;
	int dir, r = 0;

	if (!path || *path == 0) {
		free(path);
		return path ? -EBUSY : -ENOMEM;
	}
	dir = lx_parent(share, path, &name);
	if (dir < 0) {
		free(path);
		return dir;
	}
	if (!lx_is_node(dir, name, node)) {
		r = -ENOENT;
	} else if (unlinkat(dir, name, S_ISDIR(node->mode) ? AT_REMOVEDIR : 0) <
		   0) {
		r = errno == ENOTDIR ? (unlinkat(dir, name, 0) < 0 ? -errno : 0)
				     : -errno;
	}
	close(dir);
	free(path);
	return r;
}

int lx_unlink(struct lx_share *share, struct files_op *op)
{
	struct files_node *node = op->node;
	struct stat st;
	int r;

	if (node->stream) {
		return lx_stream_remove(node, node->stream);
	}
	r = lx_unlink_name(share, node);
	if (r == 0 && fstat(node->fd, &st) == 0 &&
		(st.st_nlink == 0 || S_ISDIR(st.st_mode))) {
		lx_side_remove(node);
	}
	return r;
}

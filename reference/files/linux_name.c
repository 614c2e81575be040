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
#include "files/reparse.h"
#include "ports/rule.h"
#include "ports/text.h"
#include "wire/all.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

static int lx_openat2(
	int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve,
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

int lx_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	return lx_openat2(dirfd, path, flags, mode, 0);
}

int lx_openat_as(int dirfd, const char *path, int flags, unsigned int how)
{
	bool stay = how & (LX_POSIX | LX_NO_FOLLOW);

	return lx_openat2(dirfd, path, flags | (stay ? O_NOFOLLOW : 0), 0,
		how & LX_POSIX ? RESOLVE_NO_SYMLINKS : 0);
}

unsigned int lx_how_op(const struct files_op *op)
{
	return (op->posix                ? LX_POSIX
		       : op->open.nocase ? LX_NOCASE
					 : 0) |
	       (op->open.no_follow ? LX_NO_FOLLOW : 0);
}

unsigned int lx_how_node(const struct files_op *op)
{
	return op->node->posix ? LX_POSIX : op->open.nocase ? LX_NOCASE : 0;
}

int lx_parent(struct lx_share *share, const char *path, unsigned int how,
	const char **ret_name)
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
	fd = lx_openat_as(
		share->root, parent, O_PATH | O_DIRECTORY, how & ~LX_NO_FOLLOW);
	return fd == -ENOTDIR ? -ENOENT : fd;
}

bool lx_hidden(const char *path, unsigned int how)
{
	size_t n = strlen(LX_SIDE);

	return (how & LX_POSIX ? strncmp(path, LX_SIDE, n)
			       : strncasecmp(path, LX_SIDE, n)) == 0 &&
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
static int lx_step(int dirfd, const char *name, unsigned int how, char *actual)
{
	char real[256];
	int fd = lx_openat_as(dirfd, name, O_PATH, how);

	if (fd == -ENOENT && lx_scan(dirfd, name, real, sizeof real)) {
		fd = lx_openat_as(dirfd, real, O_PATH, how);
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
	unsigned int how, char *ret_actual, bool *ret_found)
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
		next = lx_step(fd, name, path[n] == 0 ? how : 0, ret_actual);
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

int lx_resolve(struct lx_share *share, const char *path, unsigned int how,
	char *ret_actual, bool *ret_found)
{
	const char *name;
	int fd;

	if (strlen(path) >= LX_PATH_MAX) {
		return -ENAMETOOLONG;
	}
	if (lx_hidden(path, how)) {
		/* There is no such thing for a POSIX client. */
		*ret_found = false;
		memcpy(ret_actual, path, strlen(path) + 1);
		return !(how & LX_POSIX)   ? -EACCES
		       : strchr(path, '/') ? -ENOENT
					   : 0;
	}
	fd = lx_openat_as(share->root, path, O_PATH, how);
	if (fd >= 0) {
		close(fd);
		memcpy(ret_actual, path, strlen(path) + 1);
		*ret_found = true;
		return 0;
	}
	if (fd != -ENOENT && fd != -ENOTDIR) {
		return fd;
	}
	if (how & LX_NOCASE) {
		return lx_resolve_nocase(
			share, path, how, ret_actual, ret_found);
	}
	if (how & LX_POSIX && lx_link_end(share, path, how) > 0) {
		return -ELOOP;
	}
	if (how & LX_POSIX && fd == -ENOTDIR) {
		return fd;
	}
	fd = lx_parent(share, path, how, &name);
	if (fd < 0) {
		return fd;
	}
	close(fd);
	memcpy(ret_actual, path, strlen(path) + 1);
	*ret_found = false;
	return 0;
}

bool lx_is_link(struct files_node *node, unsigned int how)
{
	uint8_t reparse[REPARSE_MAX];
	int n;

	if (S_ISLNK(node->mode)) {
		return true;
	}
	n = lx_attr_get(node, "reparse", reparse, sizeof reparse);
	if (n < 8) {
		return false;
	}
	return how & LX_POSIX
		       ? S_ISLNK(reparse_type(wire_view_of(reparse, (size_t)n)))
		       : wire_get32(reparse) == IO_REPARSE_TAG_SYMLINK;
}

static bool lx_leads_to_link(
	struct lx_share *share, const char *path, unsigned int how)
{
	struct files_node *node;
	int fd = lx_openat_as(share->root, path, O_PATH, how);
	bool is = false;

	if (fd >= 0 && lx_node_create(share, fd, path, how, &node) == 0) {
		is = lx_is_link(node, how);
		lx_node_destroy(node);
	}
	return is;
}

size_t lx_link_end(struct lx_share *share, const char *path, unsigned int how)
{
	const char *slash = strchr(path, '/');
	char prefix[LX_PATH_MAX], actual[LX_PATH_MAX];
	bool found;

	how &= ~LX_NO_FOLLOW;
	for (; slash; slash = strchr(slash + 1, '/')) {
		size_t n = (size_t)(slash - path);

		if (n >= sizeof prefix) {
			break;
		}
		memcpy(prefix, path, n);
		prefix[n] = 0;
		if (how & LX_NOCASE) {
			if (lx_resolve(share, prefix, how, actual, &found) <
					0 ||
				!found) {
				break;
			}
		} else {
			memcpy(actual, prefix, n + 1);
		}
		if (lx_leads_to_link(share, actual, how)) {
			return n;
		}
	}
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
	bool stay = node->posix || S_ISLNK(node->mode);
	struct stat st;

	return fstatat(dirfd, name, &st, stay ? AT_SYMLINK_NOFOLLOW : 0) == 0 &&
	       st.st_ino == node->inode && st.st_dev == node->device;
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
	unsigned int how = lx_how_node(op);
	int r;

	*move = (struct lx_move){.from_dir = -1, .to_dir = -1};
	if (*op->path == 0) {
		return -EINVAL;
	}
	r = lx_resolve(share, op->path, how | LX_NO_FOLLOW, move->actual,
		&move->found);
	op->parent_missing = r == -ENOENT || r == -ENOTDIR;
	op->link_end = r == -ELOOP ? lx_link_end(share, op->path, how) : 0;
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
	if (lx_hidden(move->to, how)) {
		return -EACCES;
	}
	move->from_dir = lx_parent(share, move->from, how, &move->from_name);
	move->to_dir = lx_parent(share, move->to, how, &move->to_name);
	if (move->from_dir < 0 || move->to_dir < 0) {
		return -ENOENT;
	}
	return lx_is_node(move->from_dir, move->from_name, node) ? 0 : -ENOENT;
}

/* The file that a rename or link with replace takes the name from. */
static int lx_give_way(struct files_op *op, const struct lx_move *move)
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

/* The file that loses its name to another, held while that happens. */
static struct files_node *lx_loser(
	struct lx_share *share, const struct lx_move *move)
{
	struct files_node *node;
	int fd = lx_openat_as(share->root, move->actual, O_PATH, LX_POSIX);

	if (fd < 0 ||
		lx_node_create(share, fd, move->actual, LX_POSIX, &node) < 0) {
		return NULL;
	}
	return node;
}

static void lx_lost(struct files_node *node)
{
	struct stat st;

	if (node && fstat(node->fd, &st) == 0 &&
		(st.st_nlink == 0 || S_ISDIR(st.st_mode))) {
		lx_side_remove(node);
	}
	if (node) {
		lx_node_destroy(node);
	}
}

/* In the view of POSIX: a link that a client has stored is none. */
static bool lx_is_directory(struct files_node *node)
{
	return S_ISDIR(node->mode) && !lx_is_link(node, LX_POSIX);
}

/* Gives the loser's name to the node. Where only one of them is a directory
 * for Linux (a link to a directory may be stored in one) rename(2) would not;
 * they change places then, and the loser goes. */
static int lx_replace(struct files_node *node, struct files_node *loser,
	const struct lx_move *move, bool replace)
{
	bool from = lx_is_directory(node), over = lx_is_directory(loser);

	if (!replace) {
		return -EEXIST;
	}
	if (from != over) {
		return over ? -EISDIR : -ENOTDIR;
	}
	if (S_ISDIR(node->mode) == S_ISDIR(loser->mode)) {
		return lx_rename_at(move, true);
	}
	if (renameat2(move->from_dir, move->from_name, move->to_dir,
		    move->to_name, RENAME_EXCHANGE) < 0) {
		return -errno;
	}
	return unlinkat(move->from_dir, move->from_name,
		       S_ISDIR(loser->mode) ? AT_REMOVEDIR : 0) < 0
		       ? -errno
		       : 0;
}

static int lx_rename_posix(
	struct lx_share *share, struct files_op *op, const struct lx_move *move)
{
	struct files_node *loser = move->found ? lx_loser(share, move) : NULL;
	bool same = loser && loser->inode == op->node->inode &&
		    loser->device == op->node->device;
	int r;

	/* Two names of one file: rename(2) leaves both. */
	if (same) {
		lx_node_destroy(loser);
		return op->replace ? 0 : -EEXIST;
	}
	r = loser ? lx_replace(op->node, loser, move, op->replace)
		  : lx_rename_at(move, op->replace);
	if (r < 0) {
		if (loser) {
			lx_node_destroy(loser);
		}
		return r;
	}
	lx_lost(loser);
	lx_paths_moved(share, move->from, move->to);
	snprintf(op->actual_name, sizeof op->actual_name, "%s", move->to);
	return 0;
}

static int lx_rename_windows(
	struct lx_share *share, struct files_op *op, const struct lx_move *move)
{
	int r = 0;

	/* The same name in another case is no other file. */
	if (move->found && strcmp(move->actual, move->from) != 0) {
		r = lx_give_way(op, move);
	}
	if (r == 0 && strcmp(move->from, move->to) != 0) {
		r = lx_rename_at(move, op->replace);
		if (r == 0) {
			lx_paths_moved(share, move->from, move->to);
		}
	}
	if (r == 0) {
		snprintf(op->actual_name, sizeof op->actual_name, "%s",
			move->to);
	}
	return r;
}

int lx_rename(struct lx_share *share, struct files_op *op)
{
	struct lx_move move;
	int r;

	if (op->stream) {
		return lx_stream_rename(op->node, op->stream, op->replace);
	}
	r = lx_move_init(share, op, &move);
	if (r == 0 && op->node->posix) {
		snprintf(op->actual_name, sizeof op->actual_name, "%s",
			move.from);
		r = strcmp(move.from, move.to) == 0
			    ? 0
			    : lx_rename_posix(share, op, &move);
	} else if (r == 0) {
		r = lx_rename_windows(share, op, &move);
	}
	lx_move_finish(&move);
	return r;
}

int lx_link(struct lx_share *share, struct files_op *op)
{
	char self[32];
	struct lx_move move;
	bool there = false; /* the name is one of this file already */
	int r = lx_move_init(share, op, &move);

	if (r == 0 && S_ISDIR(op->node->mode)) {
		r = -EISDIR;
	}
	if (r == 0 && move.found) {
		there = lx_is_node(move.to_dir, move.to_name, op->node);
		r = lx_give_way(op, &move);
		if (r == 0 && !there) {
			unlinkat(move.to_dir, move.to_name, 0);
		}
	}
	/* By descriptor: the name may lead elsewhere by now. */
	snprintf(self, sizeof self, "/proc/self/fd/%d", op->node->fd);
	if (r == 0 && !there &&
		linkat(AT_FDCWD, self, move.to_dir, move.to_name,
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
	dir = lx_parent(share, path, node->posix ? LX_POSIX : 0, &name);
	if (dir < 0) {
		free(path);
		return dir;
	}
	if (!lx_is_node(dir, name, node) && RULE(PSX_DELETE_0023)) {
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

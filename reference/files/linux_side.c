/* SPDX-License-Identifier: MIT */
/*
 * What Linux has no place for: attributes in xattrs or, where they do not
 * fit, in files of the hidden side directory; named streams always there. See
 * linux.h for why.
 *
 * A side directory belongs to the server, not to the user: the user's rights
 * are those to the file itself and are checked before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "files/linux_share.h"
#include "files/reparse.h"
#include "ports/text.h"

#define LX_OWN "user.smb3x."
#define LX_USER "user."
#define LX_EA_MAX 65536

/* The name of a file's side directory below the share's root. */
static void lx_side_name(
	const struct files_node *node, char *ret_name, size_t size)
{
	snprintf(ret_name, size, LX_SIDE "/%llx-%llx",
		(unsigned long long)node->inode,
		(unsigned long long)node->birth);
}

/* Opens (or makes) the side directory, as the server itself. */
static int lx_side_open(struct files_node *node, bool make)
{
	struct lx_share *share = node->share;
	const struct auth_identity *who = lx_become(share, NULL);
	char name[64];
	int fd;

	lx_side_name(node, name, sizeof name);
	fd = lx_openat(share->root, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT && make) {
		int root =
			lx_openat(share->root, ".", O_RDONLY | O_DIRECTORY, 0);

		if (root >= 0) {
			mkdirat(root, LX_SIDE, 0700);
			mkdirat(root, name, 0700);
			close(root);
		}
		fd = lx_openat(share->root, name, O_RDONLY | O_DIRECTORY, 0);
	}
	lx_become(share, who);
	return fd;
}

/* Opens prefix + name in the side directory. A name that contains a path
 * separator never gets here from the engine; refuse it all the same. */
static int lx_side_file(struct files_node *node, const char *prefix,
	const char *name, int flags)
{
	const struct auth_identity *who;
	char file[300];
	int dir, fd;

	if (strchr(name, '/') || (size_t)snprintf(file, sizeof file, "%s%s",
					 prefix, name) > 255) {
		return -ENAMETOOLONG;
	}
	dir = lx_side_open(node, flags & O_CREAT);
	if (dir < 0) {
		return dir;
	}
	who = lx_become(node->share, NULL);
	fd = openat(dir, file, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	fd = fd < 0 ? -errno : fd;
	lx_become(node->share, who);
	close(dir);
	return fd;
}

static int lx_side_drop(
	struct files_node *node, const char *prefix, const char *name)
{
	const struct auth_identity *who;
	char file[300];
	int r, dir = lx_side_open(node, false);

	if (dir < 0) {
		return dir;
	}
	snprintf(file, sizeof file, "%s%s", prefix, name);
	who = lx_become(node->share, NULL);
	r = unlinkat(dir, file, 0) < 0 ? -errno : 0;
	lx_become(node->share, who);
	close(dir);
	return r;
}

/* Calls each(ctx, name without prefix) until it returns false. */
static void lx_side_each(struct files_node *node, const char *prefix,
	bool (*each)(void *ctx, int dir, const char *file, const char *name),
	void *ctx)
{
	const struct auth_identity *who;
	int fd = lx_side_open(node, false);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	size_t n = strlen(prefix);
	struct dirent *entry;

	if (!dir) {
		if (fd >= 0) {
			close(fd);
		}
		return;
	}
	who = lx_become(node->share, NULL);
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0 ||
			strncmp(entry->d_name, prefix, n) != 0) {
			continue;
		}
		if (!each(ctx, dirfd(dir), entry->d_name, entry->d_name + n)) {
			break;
		}
	}
	lx_become(node->share, who);
	closedir(dir);
}

/* xattrs of a descriptor that may be O_PATH. */
static ssize_t lx_xattr_get(
	struct files_node *node, const char *name, void *ret_bytes, size_t size)
{
	char self[32];

	snprintf(self, sizeof self, "/proc/self/fd/%d", node->fd);
	return getxattr(self, name, ret_bytes, size);
}

static int lx_xattr_put(struct files_node *node, const char *name,
	const void *bytes, size_t size)
{
	char self[32];
	int r;

	snprintf(self, sizeof self, "/proc/self/fd/%d", node->fd);
	if (size == 0) {
		r = removexattr(self, name);
		return r < 0 && errno != ENODATA ? -errno : 0;
	}
	r = setxattr(self, name, bytes, size, 0);
	return r < 0 ? -errno : 0;
}

/* Links, FIFOs, sockets and devices have no attributes of this name space. */
static bool lx_no_xattr(const struct files_node *node, int error)
{
	bool special = !S_ISREG(node->mode) && !S_ISDIR(node->mode);

	return error == ENOTSUP || error == ENOSYS ||
	       (special && (error == EPERM || error == EACCES));
}

/* A whole file of the side directory. */
static int lx_side_read(struct files_node *node, const char *prefix,
	const char *name, void *ret_bytes, size_t size)
{
	int fd = lx_side_file(node, prefix, name, O_RDONLY);
	struct stat st;
	int r = -ERANGE;

	if (fd < 0) {
		return fd == -ENOENT ? -ENODATA : fd;
	}
	if (fstat(fd, &st) == 0 && st.st_size <= (off_t)size) {
		r = (int)pread(fd, ret_bytes, size, 0);
		r = r < 0 ? -errno : r;
	}
	close(fd);
	return r;
}

static int lx_side_write(struct files_node *node, const char *prefix,
	const char *name, const void *bytes, size_t size)
{
	int fd = lx_side_file(node, prefix, name, O_WRONLY | O_CREAT | O_TRUNC);
	ssize_t n;

	if (fd < 0) {
		return fd;
	}
	n = pwrite(fd, bytes, size, 0);
	close(fd);
	return n == (ssize_t)size ? 0 : -EIO;
}

/* What the kernel checks before it changes an xattr. */
static bool lx_may_write(struct files_node *node)
{
	return faccessat(node->fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) == 0;
}

/* full is the xattr's name, prefix and name say where it is otherwise. */
static int lx_value_get(struct files_node *node, const char *full,
	const char *prefix, const char *name, void *ret_bytes, size_t size)
{
	ssize_t n = lx_xattr_get(node, full, ret_bytes, size);

	/* Size 0 asks getxattr for the length. */
	if (n >= 0) {
		return size == 0 && n > 0 ? -ERANGE : (int)n;
	}
	if (errno != ENODATA && !lx_no_xattr(node, errno)) {
		return -errno;
	}
	return lx_side_read(node, prefix, name, ret_bytes, size);
}

static int lx_value_put(struct files_node *node, const char *full,
	const char *prefix, const char *name, const void *bytes, size_t size)
{
	int r = lx_xattr_put(node, full, bytes, size);

	if (size == 0) {
		int side = r < 0 && !lx_may_write(node)
				   ? -ENOENT
				   : lx_side_drop(node, prefix, name);

		r = r < 0 && lx_no_xattr(node, -r) ? 0 : r;
		return r < 0 ? r : side == -ENOENT ? 0 : side;
	}
	if (r == 0) {
		lx_side_drop(node, prefix, name);
		return 0;
	}
	if (r != -ENOSPC && r != -E2BIG && r != -ERANGE &&
		!lx_no_xattr(node, -r)) {
		return r;
	}
	if (!lx_may_write(node)) {
		return -EACCES;
	}
	lx_xattr_put(node, full, NULL, 0);
	return lx_side_write(node, prefix, name, bytes, size);
}

int lx_attr_get(
	struct files_node *node, const char *name, void *ret_bytes, size_t size)
{
	const struct auth_identity *who = lx_become(node->share, NULL);
	char full[64];
	int n;

	/* Linux lets nobody see xattrs of a file that he may not read; what
	 * SMB calls attributes does not depend on that. */
	snprintf(full, sizeof full, LX_OWN "%s", name);
	n = lx_value_get(node, full, "b.", name, ret_bytes, size);
	lx_become(node->share, who);
	return n;
}

int lx_attr_put(struct files_node *node, const char *name, const void *bytes,
	size_t size)
{
	char full[64];

	snprintf(full, sizeof full, LX_OWN "%s", name);
	return lx_value_put(node, full, "b.", name, bytes, size);
}

static const char *const lx_blob_names[] = {
	[FILES_BLOB_SECURITY] = "sd",
	[FILES_BLOB_REPARSE] = "reparse",
	[FILES_BLOB_OBJECT_ID] = "objectid",
};

/* What Linux has of its own, as a reparse point. */
static int lx_get_reparse(struct files_node *node, struct files_op *op)
{
	char target[FILES_PATH_MAX] = "";
	struct stat st;
	ssize_t n;

	if (fstat(node->fd, &st) < 0) {
		return -errno;
	}
	if (S_ISLNK(node->mode)) {
		n = readlinkat(node->fd, "", target, sizeof target - 1);
		if (n < 0) {
			return -errno;
		}
		target[n] = 0;
	}
	return reparse_make(node->mode, st.st_rdev, target, op->data, op->size);
}

int lx_get_blob(struct files_node *node, struct files_op *op)
{
	bool real =
		op->blob == FILES_BLOB_REPARSE && reparse_tag_of(node->mode);
	int n = real ? lx_get_reparse(node, op)
		     : lx_attr_get(node, lx_blob_names[op->blob], op->data,
			       op->size);

	op->transferred = n > 0 ? (size_t)n : 0;
	return n < 0 ? n : 0;
}

/* The engine has judged the request by the security descriptor; whether the
 * user may write data is another question, so the server itself does it. */
int lx_set_blob(struct files_node *node, struct files_op *op)
{
	const struct auth_identity *who;
	int r;

	if (op->blob == FILES_BLOB_REPARSE && reparse_tag_of(node->mode)) {
		return -EOPNOTSUPP;
	}
	who = lx_become(node->share, NULL);
	r = lx_attr_put(node, lx_blob_names[op->blob], op->data, op->size);
	lx_become(node->share, who);
	return r;
}

/* The names of a file's EAs, from both places. */
struct lx_ea_walk {
	struct files_node *node;
	struct files_op *op; /* to fill, or */
	const char *find;    /* to find: the spelling on disk */
	char found[256];
	uint32_t size;  /* as FileEaInformation counts */
	uint64_t index; /* of the next EA */
	size_t used;
	uint8_t *value;
};

static bool lx_ea_fill(struct lx_ea_walk *walk, const char *name, int n)
{
	struct files_op *op = walk->op;
	struct files_entry *to;
	const char *value;

	if (walk->index++ < op->offset) {
		return true;
	}
	if (op->entry_count == op->entry_cap) {
		return false;
	}
	to = &op->entries[op->entry_count];
	to->name = files_text(op, &walk->used, name, strlen(name) + 1);
	value = to->name ? files_text(op, &walk->used, walk->value, n) : NULL;
	if (!value) {
		return false;
	}
	to->value = wire_view_of(value, n);
	op->entry_count++;
	return true;
}

static bool lx_ea_each(struct lx_ea_walk *walk, const char *name)
{
	char full[300];
	int n;

	if (walk->find) {
		if (text_equal_nocase(name, walk->find)) {
			snprintf(walk->found, sizeof walk->found, "%s", name);
			return false;
		}
		return true;
	}
	snprintf(full, sizeof full, LX_USER "%s", name);
	n = lx_value_get(walk->node, full, "e.", name, walk->value, LX_EA_MAX);
	if (n <= 0 || n > 65535 || strlen(name) > 255) {
		return true;
	}
	if (walk->op) {
		return lx_ea_fill(walk, name, n);
	}
	walk->size += 5 + strlen(name) + n;
	return true;
}

static bool lx_ea_side(void *ctx, int dir, const char *file, const char *name)
{
	(void)dir;
	(void)file;
	return lx_ea_each(ctx, name);
}

static bool lx_is_ea(const char *xattr)
{
	return strncmp(xattr, LX_USER, strlen(LX_USER)) == 0 &&
	       strncmp(xattr, LX_OWN, strlen(LX_OWN)) != 0 &&
	       strcmp(xattr, "user.DOSATTRIB") != 0;
}

static void lx_ea_list(struct lx_ea_walk *walk)
{
	char names[65536], self[32];
	ssize_t n, at;

	snprintf(self, sizeof self, "/proc/self/fd/%d", walk->node->fd);
	n = listxattr(self, names, sizeof names);
	for (at = 0; at < n; at += strlen(names + at) + 1) {
		const char *name = names + at;

		if (lx_is_ea(name) &&
			!lx_ea_each(walk, name + strlen(LX_USER))) {
			return;
		}
	}
	lx_side_each(walk->node, "e.", lx_ea_side, walk);
}

uint32_t lx_ea_size(struct files_node *node)
{
	struct lx_ea_walk walk = {.node = node};

	walk.value = malloc(LX_EA_MAX);
	if (walk.value) {
		lx_ea_list(&walk);
	}
	free(walk.value);
	return walk.size ? walk.size + 4 : 0;
}

int lx_get_ea(struct files_node *node, struct files_op *op)
{
	struct lx_ea_walk walk = {.node = node, .op = op};

	op->entry_count = 0;
	walk.value = malloc(LX_EA_MAX);
	if (!walk.value) {
		return -ENOMEM;
	}
	lx_ea_list(&walk);
	free(walk.value);
	return 0;
}

int lx_set_ea(struct files_node *node, struct files_op *op)
{
	struct lx_ea_walk walk = {.node = node, .find = op->name};
	char full[300];

	if (!S_ISREG(node->mode) && !S_ISDIR(node->mode)) {
		return -EPERM;
	}
	if (!node->posix) {
		lx_ea_list(&walk);
	}
	if (*walk.found == 0) {
		if (strlen(op->name) >= sizeof walk.found) {
			return -ENAMETOOLONG;
		}
		memcpy(walk.found, op->name, strlen(op->name) + 1);
	}
	snprintf(full, sizeof full, LX_USER "%s", walk.found);
	if (strncasecmp(full, LX_OWN, strlen(LX_OWN)) == 0) {
		return -EACCES;
	}
	return lx_value_put(node, full, "e.", walk.found, op->data, op->size);
}

/* The spelling of a stream as it was made. */
struct lx_stream_walk {
	struct files_node *node;
	struct files_op *op;
	const char *find;
	char found[256];
	uint64_t index;
	size_t used;
	struct files_stat base;
};

static bool lx_stream_match(
	void *ctx, int dir, const char *file, const char *name)
{
	struct lx_stream_walk *walk = ctx;

	(void)dir;
	(void)file;
	if (!text_equal_nocase(name, walk->find)) {
		return true;
	}
	snprintf(walk->found, sizeof walk->found, "%s", name);
	return false;
}

int lx_stream_open(struct files_node *node, const char *name, int flags)
{
	struct lx_stream_walk walk = {.node = node, .find = name};

	lx_side_each(node, "s.", lx_stream_match, &walk);
	if (*walk.found && (flags & O_EXCL)) {
		return -EEXIST;
	}
	return lx_side_file(node, "s.", *walk.found ? walk.found : name, flags);
}

int lx_stream_remove(struct files_node *node, const char *name)
{
	struct lx_stream_walk walk = {.node = node, .find = name};

	lx_side_each(node, "s.", lx_stream_match, &walk);
	return *walk.found ? lx_side_drop(node, "s.", walk.found) : -ENOENT;
}

int lx_stream_rename(struct files_node *node, const char *to, bool replace)
{
	struct lx_stream_walk old = {.node = node, .find = to};
	const struct auth_identity *who;
	char from_file[300], to_file[300];
	char *copy = strdup(to);
	int dir, r;

	lx_side_each(node, "s.", lx_stream_match, &old);
	if (!node->stream || strchr(to, '/') || strlen(to) > 250 || !copy) {
		free(copy);
		return -EINVAL;
	}
	if (*old.found && !text_equal_nocase(to, node->stream)) {
		r = replace ? lx_side_drop(node, "s.", old.found) : -EEXIST;
		if (r < 0) {
			free(copy);
			return r;
		}
	}
	dir = lx_side_open(node, false);
	if (dir < 0) {
		free(copy);
		return dir;
	}
	snprintf(from_file, sizeof from_file, "s.%s", node->stream);
	snprintf(to_file, sizeof to_file, "s.%s", to);
	who = lx_become(node->share, NULL);
	r = renameat(dir, from_file, dir, to_file) < 0 ? -errno : 0;
	lx_become(node->share, who);
	close(dir);
	if (r == 0) {
		free(node->stream);
		node->stream = copy;
	} else {
		free(copy);
	}
	return r;
}

static bool lx_stream_entry(
	void *ctx, int dir, const char *file, const char *name)
{
	struct lx_stream_walk *walk = ctx;
	struct files_op *op = walk->op;
	struct files_entry *to;
	struct stat st;

	if (walk->index++ < op->offset) {
		return true;
	}
	if (op->entry_count == op->entry_cap) {
		return false;
	}
	if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		return true;
	}
	to = &op->entries[op->entry_count];
	to->name = files_text(op, &walk->used, name, strlen(name) + 1);
	if (!to->name) {
		return false;
	}
	to->stat = walk->base;
	to->stat.size = st.st_size;
	to->stat.allocation = st.st_blocks * 512ull;
	op->entry_count++;
	return true;
}

int lx_stream_list(struct files_node *node, struct files_op *op)
{
	struct lx_stream_walk walk = {.node = node, .op = op};
	int r = lx_stat_at(node->fd, "", &walk.base, NULL);

	op->entry_count = 0;
	if (r == 0) {
		lx_side_each(node, "s.", lx_stream_entry, &walk);
	}
	return r;
}

static bool lx_side_unlink(
	void *ctx, int dir, const char *file, const char *name)
{
	(void)ctx;
	(void)name;
	unlinkat(dir, file, 0);
	return true;
}

void lx_side_overwrite(struct files_node *node)
{
	char names[65536], self[32];
	ssize_t n, at;

	snprintf(self, sizeof self, "/proc/self/fd/%d", node->fd);
	n = listxattr(self, names, sizeof names);
	for (at = 0; at < n; at += strlen(names + at) + 1) {
		if (lx_is_ea(names + at)) {
			lx_xattr_put(node, names + at, NULL, 0);
		}
	}
	lx_side_each(node, "e.", lx_side_unlink, NULL);
	lx_side_each(node, "s.", lx_side_unlink, NULL);
}

void lx_side_remove(struct files_node *node)
{
	const struct auth_identity *who;
	char name[64];
	int root;

	lx_side_each(node, "", lx_side_unlink, NULL);
	lx_side_name(node, name, sizeof name);
	who = lx_become(node->share, NULL);
	root = lx_openat(node->share->root, ".", O_RDONLY | O_DIRECTORY, 0);
	if (root >= 0) {
		unlinkat(root, name, AT_REMOVEDIR);
		close(root);
	}
	lx_become(node->share, who);
}

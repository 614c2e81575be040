/* SPDX-License-Identifier: MIT */
/*
 * The Linux driver of ports/files.h: opening and closing, directories, the
 * rights of users, and the way from submit() to done(). See linux.h for how
 * a share is laid out on disk.
 */
#include "files/linux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files/linux_share.h"
#include "ports/work.h"
#include "wire/all.h"

static _Thread_local const struct auth_identity *lx_current;

const struct auth_identity *lx_become(
	struct lx_share *share, const struct auth_identity *who)
{
	const struct auth_identity *before = lx_current;

	if (!share->privileged || who == before) {
		return before;
	}
	lx_current = who;
	/* Raw calls: these change the calling thread only. */
	if (!who) {
		setfsuid(0);
		setfsgid(0);
		syscall(SYS_setgroups, 0, NULL);
		return before;
	}
	if (before) {
		setfsuid(0);
	}
	syscall(SYS_setgroups, (size_t)who->group_count, who->groups);
	setfsgid(who->gid);
	setfsuid(who->uid);
	return before;
}

void lx_node_destroy(struct files_node *node)
{
	struct lx_share *share = node->share;

	pthread_mutex_lock(&share->lock);
	if (node->prev) {
		node->prev->next = node->next;
	} else if (share->nodes == node) {
		share->nodes = node->next;
	}
	if (node->next) {
		node->next->prev = node->prev;
	}
	pthread_mutex_unlock(&share->lock);
	if (node->dir) {
		closedir(node->dir);
	}
	if (node->data >= 0) {
		close(node->data);
	}
	close(node->fd);
	free(node->path);
	free(node->stream);
	free(node);
}

int lx_node_create(struct lx_share *share, int fd, const char *path,
	unsigned int how, struct files_node **ret_node)
{
	struct files_node *node = calloc(1, sizeof *node);
	struct files_stat stat;
	int r = -ENOMEM;

	if (node) {
		node->path = strdup(path);
		r = lx_stat_at(fd, "", &stat, &node->birth);
	}
	if (!node || !node->path || r < 0) {
		if (node) {
			free(node->path);
		}
		free(node);
		close(fd);
		return r < 0 ? r : -ENOMEM;
	}
	node->share = share;
	node->fd = fd;
	node->data = -1;
	node->posix = how & LX_POSIX;
	node->inode = stat.inode;
	node->device = stat.device;
	node->mode = stat.mode;
	pthread_mutex_lock(&share->lock);
	node->next = share->nodes;
	if (node->next) {
		node->next->prev = node;
	}
	share->nodes = node;
	pthread_mutex_unlock(&share->lock);
	*ret_node = node;
	return 0;
}

/* Replaces the O_PATH descriptor by one for data. */
static int lx_get_data(struct files_node *node, bool read, bool write)
{
	int flags = write ? (read ? O_RDWR : O_WRONLY) : O_RDONLY;
	char self[32];
	int fd;

	if (!S_ISREG(node->mode)) {
		return S_ISDIR(node->mode) ? 0 : -EACCES;
	}
	snprintf(self, sizeof self, "/proc/self/fd/%d", node->fd);
	fd = open(self, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		return -errno;
	}
	dup3(fd, node->fd, O_CLOEXEC);
	close(fd);
	return 0;
}

/* A stream's rights are those to its file. */
static int lx_check_access(struct files_node *node, bool read, bool write)
{
	int mode = (read ? R_OK : 0) | (write ? W_OK : 0);

	if (mode == 0 || faccessat(node->fd, "", mode,
				 AT_EMPTY_PATH | AT_EACCESS) == 0) {
		return 0;
	}
	return -errno;
}

static int lx_reopen(struct files_op *op)
{
	struct files_node *node = op->node;
	bool truncate = files_truncates(op->open.how);
	bool write = op->open.write || op->open.append || truncate;
	int r;

	if (node->share->port.read_only && write) {
		return -EROFS;
	}
	if (node->data >= 0) {
		r = lx_check_access(node, op->open.read, write);
	} else if (op->open.read || write) {
		r = lx_get_data(node, op->open.read, write);
	} else {
		r = 0;
	}
	if (r == 0 && truncate && !S_ISDIR(node->mode)) {
		int fd = node->data >= 0 ? node->data : node->fd;

		r = ftruncate(fd, 0) < 0 ? -errno : 0;
		op->truncated = r == 0;
		if (r == 0 && !node->stream && !node->posix) {
			lx_side_overwrite(node);
		}
	}
	return r < 0 ? r : lx_stat_node(node, &op->stat);
}

/* mkdir(2) leaves setuid and setgid away. */
static void lx_add_mode(int fd, mode_t wanted)
{
	char self[32];
	struct stat st;

	if (!(wanted & 06000) || fstat(fd, &st) < 0) {
		return;
	}
	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	chmod(self, (st.st_mode & 07777) | (wanted & 06000));
}

static int lx_make_at(int dir, const char *name, mode_t mode, bool directory)
{
	int fd;

	if (!directory) {
		return lx_openat(dir, name,
			O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK,
			mode);
	}
	if (mkdirat(dir, name, mode) < 0) {
		return -errno;
	}
	fd = lx_openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd >= 0) {
		lx_add_mode(fd, mode);
	}
	return fd;
}

/* The same with no umask. That belongs to the process, unless the thread has
 * taken one of its own. */
static int lx_make_exactly(
	int dir, const char *name, mode_t mode, bool directory)
{
	static _Thread_local bool own;
	mode_t before;
	int fd;

	if (!own) {
		unshare(CLONE_FS);
		own = true;
	}
	before = umask(0);
	fd = lx_make_at(dir, name, mode, directory);
	umask(before);
	return fd;
}

/* Makes the file or directory at op->actual_name. An fd or -errno. */
static int lx_make(struct lx_share *share, struct files_op *op)
{
	bool directory = op->open.type == FILES_DIRECTORY && !op->stream;
	const char *name;
	int fd, dir;

	if (share->port.read_only) {
		return -EROFS;
	}
	if (lx_hidden(op->actual_name, lx_how_op(op))) {
		return -EACCES;
	}
	dir = lx_parent(share, op->actual_name, lx_how_op(op), &name);
	if (dir < 0) {
		return dir;
	}
	fd = op->posix ? lx_make_exactly(
				 dir, name, op->open.mode & 07777, directory)
		       : lx_make_at(dir, name, op->open.mode & 0777, directory);
	close(dir);
	op->created = fd >= 0;
	return fd;
}

/* What a new file begins with, when it is not what Linux says anyway. */
static int lx_first_attributes(struct files_node *node, struct files_op *op)
{
	struct files_op set = {.set_attributes = true};
	uint32_t usual = S_ISDIR(node->mode) ? 0x10 : 0x20;

	set.stat.dos_attributes = op->open.dos_attributes;
	if (op->posix || (set.stat.dos_attributes | (usual & 0x10)) == usual) {
		return 0;
	}
	/* Not lasting on a file system without room for it is no failure. */
	lx_set_stat(node, &set);
	return 0;
}

static int lx_check_type(const struct files_op *op, mode_t mode)
{
	if (op->stream) {
		return 0;
	}
	if (S_ISDIR(mode) && op->open.type == FILES_FILE) {
		return -EISDIR;
	}
	if (!S_ISDIR(mode) && op->open.type == FILES_DIRECTORY) {
		return -ENOTDIR;
	}
	return 0;
}

/* Is it a link that a POSIX client is to walk itself? */
static bool lx_stops(struct files_node *node, unsigned int how)
{
	return (how & LX_POSIX) && !(how & LX_NO_FOLLOW) &&
	       lx_is_link(node, how);
}

/* Finds or makes the file itself. */
static int lx_open_file(struct lx_share *share, struct files_op *op)
{
	unsigned int how = lx_how_op(op);
	bool found;
	int fd, r, tries;

	for (tries = 0; tries < 8; tries++) {
		r = lx_resolve(share, op->path, how, op->actual_name, &found);
		op->parent_missing = r == -ENOENT || r == -ENOTDIR;
		if (r < 0) {
			return r;
		}
		if (found && op->open.how == FILES_CREATE_NEW && !op->stream) {
			return -EEXIST;
		}
		if (!found && !files_may_create(op->open.how)) {
			return -ENOENT;
		}
		fd = found ? lx_openat_as(
				     share->root, op->actual_name, O_PATH, how)
			   : lx_make(share, op);
		/* Somebody else made or removed it in between. */
		if (fd != -EEXIST && fd != -ENOENT) {
			break;
		}
	}
	if (fd < 0) {
		return fd;
	}
	r = lx_node_create(share, fd, op->actual_name, how, &op->node);
	if (r == 0 && lx_stops(op->node, how)) {
		lx_node_destroy(op->node);
		op->node = NULL;
		op->link_end = strlen(op->path);
		r = -ELOOP;
	}
	return r;
}

static int lx_open_stream(struct files_op *op)
{
	struct files_node *node = op->node;
	bool make = files_may_create(op->open.how);
	int fd;

	op->created = false;
	node->stream = strdup(op->stream);
	if (!node->stream) {
		return -ENOMEM;
	}
	fd = lx_stream_open(node, op->stream, O_RDWR);
	if (fd >= 0 && op->open.how == FILES_CREATE_NEW) {
		close(fd);
		return -EEXIST;
	}
	if (fd == -ENOENT && make) {
		int r = lx_check_access(node, false, true);

		if (r < 0 || node->share->port.read_only) {
			return r < 0 ? r : -EROFS;
		}
		fd = lx_stream_open(node, op->stream, O_RDWR | O_CREAT);
		op->created = fd >= 0;
	}
	node->data = fd;
	return fd < 0 ? fd : 0;
}

static int lx_open(struct lx_share *share, struct files_op *op)
{
	bool made;
	int r;

	op->created = op->truncated = op->parent_missing = false;
	op->link_end = 0;
	r = lx_open_file(share, op);
	if ((r == -ENOENT && op->open.how == FILES_OPEN_EXISTING) ||
		(r == -ELOOP && op->posix && op->link_end == 0)) {
		op->link_end = lx_link_end(share, op->path, lx_how_op(op));
	}
	if (r < 0) {
		return r;
	}
	made = op->created;
	r = lx_check_type(op, op->node->mode);
	if (r == 0 && made) {
		r = lx_first_attributes(op->node, op);
	}
	if (r == 0 && op->stream) {
		r = lx_open_stream(op);
	}
	if (r == 0 && (!made || op->stream) && !op->created) {
		r = lx_reopen(op);
	} else if (r == 0) {
		r = lx_stat_node(op->node, &op->stat);
	}
	if (r < 0) {
		lx_node_destroy(op->node);
		op->node = NULL;
	}
	return r;
}

static int lx_lookup(struct lx_share *share, struct files_op *op)
{
	unsigned int how = lx_how_op(op);
	struct files_node *node;
	bool found;
	int fd, r = lx_resolve(share, op->path, how, op->actual_name, &found);

	op->parent_missing = r == -ENOENT || r == -ENOTDIR;
	op->link_end = r == -ELOOP ? lx_link_end(share, op->path, how) : 0;
	if (r < 0 || !found) {
		return r < 0 ? r : -ENOENT;
	}
	fd = lx_openat_as(share->root, op->actual_name, O_PATH, how);
	if (fd < 0) {
		return fd;
	}
	r = lx_node_create(share, fd, op->actual_name, how, &node);
	if (r == 0 && lx_stops(node, how)) {
		op->link_end = strlen(op->path);
		r = -ELOOP;
	} else if (r == 0) {
		r = lx_stat_node(node, &op->stat);
	} else {
		return r;
	}
	lx_node_destroy(node);
	return r;
}

/* What a directory entry is, symbolic links followed inside the share where
 * the view is not POSIX. */
static int lx_entry_stat(struct files_node *directory, const char *name,
	struct files_stat *ret_stat)
{
	struct lx_share *share = directory->share;
	unsigned int how = directory->posix ? LX_POSIX : 0;
	char *path = lx_node_path(directory), *full = NULL;
	struct files_node *node;
	int fd, r;

	if (!path ||
		asprintf(&full, "%s%s%s", path, *path ? "/" : "", name) < 0) {
		free(path);
		return -ENOMEM;
	}
	free(path);
	fd = lx_openat(dirfd(directory->dir), name, O_PATH | O_NOFOLLOW, 0);
	r = fd < 0 ? fd : lx_node_create(share, fd, full, how, &node);
	if (r == 0 && S_ISLNK(node->mode) && !how) {
		lx_node_destroy(node);
		fd = lx_openat(share->root, full, O_PATH, 0);
		r = fd < 0 ? fd : lx_node_create(share, fd, full, how, &node);
	}
	free(full);
	if (r < 0) {
		return r;
	}
	r = lx_stat_node(node, ret_stat);
	lx_node_destroy(node);
	return r;
}

static int lx_dir_open(struct files_op *op)
{
	struct files_node *node = op->node;
	int fd;

	if (!S_ISDIR(node->mode) || node->data >= 0) {
		return -ENOTDIR;
	}
	if (node->dir) {
		if (op->rewind) {
			rewinddir(node->dir);
		}
		return 0;
	}
	fd = openat(node->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	node->dir = fdopendir(fd);
	if (!node->dir) {
		close(fd);
		return -ENOMEM;
	}
	return 0;
}

/* Is it an entry for others? Names that are no UTF-8 have none on the wire. */
static bool lx_shown(const struct files_node *directory, const char *name)
{
	uint8_t wire[2 * 256];

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		(*directory->path == 0 && strcmp(name, LX_SIDE) == 0)) {
		return false;
	}
	return wire_utf8_to_utf16(name, wire, sizeof wire) >= 0;
}

static int lx_readdir(struct files_op *op)
{
	struct files_node *node = op->node;
	struct dirent *entry;
	size_t used = 0;
	int r = lx_dir_open(op);

	op->entry_count = 0;
	while (r == 0 && op->entry_count < op->entry_cap) {
		struct files_entry *to = &op->entries[op->entry_count];
		long at = telldir(node->dir);

		entry = readdir(node->dir);
		if (!entry) {
			break;
		}
		if (!lx_shown(node, entry->d_name)) {
			continue;
		}
		to->name = files_text(
			op, &used, entry->d_name, strlen(entry->d_name) + 1);
		if (!to->name) {
			seekdir(node->dir, at);
			break;
		}
		/* Gone in between, or a link that leads nowhere. */
		if (lx_entry_stat(node, to->name, &to->stat) == 0) {
			op->entry_count++;
		}
	}
	return r;
}

static int lx_verb(struct lx_share *share, struct files_op *op)
{
	switch (op->verb) {
	case FILES_OPEN:
		return lx_open(share, op);
	case FILES_REOPEN:
		return lx_reopen(op);
	case FILES_CLOSE:
		lx_node_destroy(op->node);
		op->node = NULL;
		return 0;
	case FILES_STAT:
		return lx_stat_node(op->node, &op->stat);
	case FILES_LOOKUP:
		return lx_lookup(share, op);
	case FILES_SET_STAT:
		return lx_set_stat(op->node, op);
	case FILES_READDIR:
		return lx_readdir(op);
	case FILES_STREAMS:
		return lx_stream_list(op->node, op);
	case FILES_RENAME:
		return lx_rename(share, op);
	case FILES_LINK:
		return lx_link(share, op);
	case FILES_UNLINK:
		return lx_unlink(share, op);
	case FILES_GET_BLOB:
		return lx_get_blob(op->node, op);
	case FILES_SET_BLOB:
		return lx_set_blob(op->node, op);
	case FILES_GET_EA:
		return lx_get_ea(op->node, op);
	case FILES_SET_EA:
		return lx_set_ea(op->node, op);
	case FILES_STATFS:
		return lx_statfs(share, op);
	default:
		return lx_data(share, op);
	}
}

static void lx_run(struct lx_share *share, struct files_op *op)
{
	if (share->port.read_only && files_changes(op->verb)) {
		op->result = -EROFS;
		return;
	}
	lx_become(share, op->who);
	op->result = lx_verb(share, op);
	lx_become(share, NULL);
}

struct lx_job {
	struct work work;
	struct lx_share *share;
	struct files_op *op;
	bool counted; /* in node's and from's busy */
	struct files_node *node, *from;
};

static void lx_job_run(struct work *work)
{
	struct lx_job *job = (struct lx_job *)work;

	lx_run(job->share, job->op);
}

static void lx_post(struct lx_share *share, struct files_op *op);

/* The last operation lets a CLOSE go that came meanwhile. */
static void lx_idle(struct files_node *node)
{
	if (node && --node->busy == 0 && node->closing) {
		lx_post(node->share, node->closing);
	}
}

static void lx_job_done(struct work *work)
{
	struct lx_job *job = (struct lx_job *)work;
	struct files_op *op = job->op;

	if (job->counted) {
		lx_idle(job->node);
		lx_idle(job->from);
	}
	free(job);
	op->done(op);
}

static void lx_post(struct lx_share *share, struct files_op *op)
{
	struct lx_job *job = share->work ? malloc(sizeof *job) : NULL;

	if (!job) {
		lx_run(share, op);
		op->done(op);
		return;
	}
	*job = (struct lx_job){
		.work = {NULL, lx_job_run, lx_job_done},
		.share = share,
		.op = op,
		.counted = op->verb != FILES_OPEN && op->verb != FILES_CLOSE,
	};
	if (job->counted) {
		job->node = op->node;
		job->from = op->verb == FILES_COPY ? op->from : NULL;
		if (job->node) {
			job->node->busy++;
		}
		if (job->from) {
			job->from->busy++;
		}
	}
	work_post(share->work, &job->work);
}

static void lx_submit(struct files_port *port, struct files_op *op)
{
	struct lx_share *share = (struct lx_share *)port;

	if (op->verb == FILES_CLOSE && op->node->busy > 0) {
		op->node->closing = op;
		return;
	}
	lx_post(share, op);
}

/* Work in a thread cannot be taken back; it ends soon by itself. */
static void lx_cancel(struct files_port *port, struct files_op *op)
{
	(void)port;
	(void)op;
}

static void lx_destroy(struct files_port *port)
{
	struct lx_share *share = (struct lx_share *)port;

	while (share->nodes) {
		lx_node_destroy(share->nodes);
	}
	close(share->root);
	pthread_mutex_destroy(&share->lock);
	pthread_mutex_destroy(&share->holding);
	free(share);
}

int files_linux_create(
	const char *root, struct work_port *work, struct files_port **ret_port)
{
	struct lx_share *share = calloc(1, sizeof *share);
	struct stat st;

	if (!share) {
		return -ENOMEM;
	}
	share->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (share->root < 0 || fstat(share->root, &st) < 0) {
		int r = -errno;

		free(share);
		return r;
	}
	share->port =
		(struct files_port){lx_submit, lx_cancel, lx_destroy, false};
	share->work = work;
	share->privileged = geteuid() == 0;
	share->serial = (uint64_t)st.st_dev ^ (uint64_t)st.st_ino << 20;
	pthread_mutex_init(&share->lock, NULL);
	pthread_mutex_init(&share->holding, NULL);
	*ret_port = &share->port;
	return 0;
}

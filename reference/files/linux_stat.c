/* SPDX-License-Identifier: MIT */
/*
 * What a file is: statx and the DOS attributes kept beside it, as the file
 * information classes of [MS-FSCC] 2.4 want them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "files/linux_share.h"
#include "files/reparse.h"

#define LX_ARCHIVE 0x20u
#define LX_DIRECTORY 0x10u
#define LX_SPARSE 0x200u
#define LX_REPARSE 0x400u

/* The attribute "dos": version, attributes, creation time (0: birth time);
 * perhaps a change time that was set, and between which two times the file's
 * own (that nobody can set) lies as long as nothing has changed since. */
#define LX_DOS_SIZE 16
#define LX_DOS_CHANGED 40
#define LX_DOS_WINDOW 100000ull /* 10 ms */
#define LX_DOS_TRIES 5

#define LX_EPOCH 116444736000000000ull /* 1970 in FILETIME */

static uint64_t lx_filetime(const struct statx_timestamp *t)
{
	int64_t ticks = t->tv_sec * 10000000ll + t->tv_nsec / 100;

	return ticks < -(int64_t)LX_EPOCH ? 0 : LX_EPOCH + (uint64_t)ticks;
}

static struct timespec lx_timespec(uint64_t filetime)
{
	int64_t ticks = (int64_t)(filetime - LX_EPOCH);
	struct timespec t = {UTIME_OMIT, UTIME_OMIT};

	if (filetime == 0) {
		return t;
	}
	t.tv_sec = ticks / 10000000;
	t.tv_nsec = ticks % 10000000 * 100;
	if (t.tv_nsec < 0) {
		t.tv_sec--;
		t.tv_nsec += 1000000000;
	}
	return t;
}

int lx_stat_at(int fd, const char *name, struct files_stat *ret_stat,
	uint64_t *ret_birth)
{
	struct statx stx;
	uint64_t birth;

	if (statx(fd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW,
		    STATX_BASIC_STATS | STATX_BTIME, &stx) < 0) {
		return -errno;
	}
	birth = stx.stx_mask & STATX_BTIME ? lx_filetime(&stx.stx_btime) : 0;
	*ret_stat = (struct files_stat){
		.inode = stx.stx_ino,
		.device = makedev(stx.stx_dev_major, stx.stx_dev_minor),
		.size = S_ISREG(stx.stx_mode) ? stx.stx_size : 0,
		.allocation = S_ISREG(stx.stx_mode) ? stx.stx_blocks * 512 : 0,
		.reparse_tag = reparse_tag_of(stx.stx_mode),
		.create_time = birth ? birth : lx_filetime(&stx.stx_mtime),
		.access_time = lx_filetime(&stx.stx_atime),
		.write_time = lx_filetime(&stx.stx_mtime),
		.change_time = lx_filetime(&stx.stx_ctime),
		.dos_attributes = S_ISDIR(stx.stx_mode)   ? LX_DIRECTORY
				  : S_ISREG(stx.stx_mode) ? LX_ARCHIVE
							  : LX_REPARSE,
		.mode = stx.stx_mode,
		.nlink = stx.stx_nlink,
		.uid = stx.stx_uid,
		.gid = stx.stx_gid,
		.directory = S_ISDIR(stx.stx_mode),
	};
	if (ret_birth) {
		*ret_birth = birth;
	}
	return 0;
}

/* The attribute "dos" as it is; its size, or negative. */
static int lx_get_dos(struct files_node *node, uint8_t dos[LX_DOS_CHANGED])
{
	int n = lx_attr_get(node, "dos", dos, LX_DOS_CHANGED);

	if ((n != LX_DOS_SIZE && n != LX_DOS_CHANGED) || wire_get32(dos) != 1) {
		return -ENODATA;
	}
	return n;
}

static bool lx_unchanged(const uint8_t *dos, const struct files_stat *stat)
{
	return stat->change_time >= wire_get64(dos + 24) &&
	       stat->change_time <= wire_get64(dos + 32);
}

/* Reads the attribute "dos" into the stat. */
static void lx_stat_dos(struct files_node *node, struct files_stat *stat)
{
	uint8_t dos[LX_DOS_CHANGED];
	int n = lx_get_dos(node, dos);

	if (n < 0) {
		return;
	}
	stat->dos_attributes = wire_get32(dos + 4);
	if (stat->directory) {
		stat->dos_attributes |= LX_DIRECTORY;
	}
	if (wire_get64(dos + 8)) {
		stat->create_time = wire_get64(dos + 8);
	}
	if (n == LX_DOS_CHANGED && lx_unchanged(dos, stat)) {
		stat->change_time = wire_get64(dos + 16);
	}
}

/* Type and size of what a reparse point stands for. */
static void lx_stat_posix(struct files_node *node, struct wire_view reparse,
	struct files_stat *stat)
{
	mode_t type = reparse_type(reparse);
	struct stat st;

	/* Clients look for holes only where they are told of some. */
	if (S_ISREG(node->mode) && stat->allocation < stat->size) {
		stat->dos_attributes |= LX_SPARSE;
	}
	if (S_ISLNK(node->mode)) {
		stat->size = fstat(node->fd, &st) == 0 ? st.st_size : 0;
	} else if (S_ISLNK(type)) {
		stat->size = reparse_target_size(reparse);
	}
	if (type) {
		stat->mode = type | (stat->mode & 07777);
		stat->nlink = stat->directory ? 1 : stat->nlink;
		stat->directory = false;
	}
}

int lx_stat_node(struct files_node *node, struct files_stat *ret_stat)
{
	struct files_stat stat;
	struct stat st;
	uint8_t reparse[REPARSE_MAX];
	int n, r = lx_stat_at(node->fd, "", &stat, NULL);

	if (r < 0) {
		return r;
	}
	lx_stat_dos(node, &stat);
	n = lx_attr_get(node, "reparse", reparse, sizeof reparse);
	if (n >= 4) {
		stat.reparse_tag = wire_get32(reparse);
	}
	if (stat.reparse_tag) {
		stat.dos_attributes |= LX_REPARSE;
	}
	if (node->posix) {
		lx_stat_posix(
			node, wire_view_of(reparse, n < 0 ? 0 : n), &stat);
	} else if (stat.directory) {
		stat.nlink = 1;
	}
	stat.ea_size = lx_ea_size(node);
	if (node->data >= 0) {
		if (fstat(node->data, &st) < 0) {
			return -errno;
		}
		stat.size = st.st_size;
		stat.allocation = st.st_blocks * 512ull;
		stat.directory = false;
		stat.dos_attributes &= ~LX_DIRECTORY;
	}
	*ret_stat = stat;
	return 0;
}

/* Stores a change time. Storing it is a change: try until the file's own time
 * is what was written down. */
static int lx_put_changed(
	struct files_node *node, uint8_t dos[LX_DOS_CHANGED], uint64_t time)
{
	struct files_stat stat = {0};
	struct timespec now;
	int r = 0, tries;

	wire_put64(dos + 16, time);
	for (tries = 0; r == 0 && tries < LX_DOS_TRIES; tries++) {
		uint64_t from;

		clock_gettime(CLOCK_REALTIME_COARSE, &now);
		from = LX_EPOCH + now.tv_sec * 10000000ull + now.tv_nsec / 100;
		wire_put64(dos + 24, from);
		wire_put64(dos + 32, from + LX_DOS_WINDOW);
		r = lx_attr_put(node, "dos", dos, LX_DOS_CHANGED);
		if (r == 0) {
			r = lx_stat_at(node->fd, "", &stat, NULL);
		}
		if (lx_unchanged(dos, &stat)) {
			break;
		}
	}
	return r;
}

static int lx_set_dos(struct files_node *node, const struct files_op *op)
{
	struct files_stat now;
	uint8_t dos[LX_DOS_CHANGED];
	int n = lx_get_dos(node, dos);

	if (n < 0) {
		n = lx_stat_at(node->fd, "", &now, NULL);
		if (n < 0) {
			return n;
		}
		wire_put32(dos, 1);
		wire_put32(dos + 4, now.dos_attributes);
		wire_put64(dos + 8, 0);
	}
	if (op->set_attributes) {
		wire_put32(dos + 4,
			op->stat.dos_attributes & ~(LX_DIRECTORY | LX_REPARSE));
	}
	if (op->stat.create_time) {
		wire_put64(dos + 8, op->stat.create_time);
	}
	return op->stat.change_time
		       ? lx_put_changed(node, dos, op->stat.change_time)
		       : lx_attr_put(node, "dos", dos, LX_DOS_SIZE);
}

static int lx_set_owner(struct files_node *node, const struct files_op *op)
{
	uid_t uid = op->set_owner ? op->stat.uid : (uid_t)-1;
	gid_t gid = op->set_group ? op->stat.gid : (gid_t)-1;

	return fchownat(node->fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

static int lx_set_mode(struct files_node *node, const struct files_op *op)
{
	char self[32];

	if (lx_is_link(node, LX_POSIX)) {
		return -EOPNOTSUPP;
	}
	snprintf(self, sizeof self, "/proc/self/fd/%d", node->fd);
	return chmod(self, op->stat.mode & 07777) < 0 ? -errno : 0;
}

static int lx_set_times(
	struct files_node *node, uint64_t access_time, uint64_t write_time)
{
	struct timespec times[2] = {
		lx_timespec(access_time), lx_timespec(write_time)};
	char self[32];

	snprintf(self, sizeof self, "/proc/self/fd/%d", node->fd);
	return utimensat(AT_FDCWD, self, times, 0) < 0 ? -errno : 0;
}

int lx_set_write_time(struct files_node *node, uint64_t write_time)
{
	const struct auth_identity *who = lx_become(node->share, NULL);
	int r = lx_set_times(node, 0, write_time);

	lx_become(node->share, who);
	return r;
}

int lx_set_stat(struct files_node *node, const struct files_op *op)
{
	int r = 0;

	if (op->set_owner || op->set_group) {
		r = lx_set_owner(node, op);
	}
	if (r == 0 && op->set_mode) {
		r = lx_set_mode(node, op);
	}
	if (r < 0) {
		return r;
	}

	if (op->stat.access_time || op->stat.write_time) {
		r = lx_set_times(
			node, op->stat.access_time, op->stat.write_time);
	}
	if (r == 0 && (op->hold_write_time || op->free_write_time)) {
		node->holds_write_time = op->hold_write_time;
	}
	if (r == 0 && (op->set_attributes || op->stat.create_time ||
			      op->stat.change_time)) {
		/* The engine has judged the request; whether the user may
		 * write data is another question, as for blobs. */
		const struct auth_identity *who = lx_become(node->share, NULL);

		r = lx_set_dos(node, op);
		lx_become(node->share, who);
	}
	return r;
}

int lx_statfs(struct lx_share *share, struct files_op *op)
{
	struct statvfs vfs;

	if (fstatvfs(share->root, &vfs) < 0) {
		return -errno;
	}
	op->fs = (struct files_fs){
		.total = (uint64_t)vfs.f_blocks * vfs.f_frsize,
		.available = (uint64_t)vfs.f_bavail * vfs.f_frsize,
		.free = (uint64_t)vfs.f_bfree * vfs.f_frsize,
		.block_size = vfs.f_frsize,
		.name_max = vfs.f_namemax,
		.serial = share->serial,
		.files = vfs.f_files,
		.files_free = vfs.f_ffree,
		.transfer_size = vfs.f_bsize,
		.blocks = vfs.f_blocks,
		.blocks_free = vfs.f_bfree,
		.blocks_available = vfs.f_bavail,
		.fsid = vfs.f_fsid,
		.sparse = true,
		.case_sensitive = true,
		.read_only = share->port.read_only,
		.clone = false,
	};
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * libsmb3x: files of an SMB 3 server as a POSIX program expects them. It
 * speaks the SMB3 POSIX extensions where the server has them and says what it
 * cannot do where it has not. Made for the virtual file system layer of a
 * desktop: blocking calls, callable from several threads at once (each
 * connection to the server serves one call at a time; more are opened on
 * demand up to smb3x_options.connections). [MS-SMB2] 3.2, POSIX-SMB2 3.2
 *
 * Functions return 0, a count, or a negative errno, and smb3x_why() tells the
 * calling thread in words what its last failed call met. ret_ parameters are
 * untouched on failure. A connection that broke is replaced by the next call,
 * and files that were open on it are taken up again where the server has
 * durable opens; what it does not give back answers -ESTALE. A call whose
 * answer was lost is made again where that does no harm; where it is not known
 * whether it was done the result is -ECONNRESET.
 *
 * A thread of the library answers the server when it takes a lease back; it
 * does not outlive fork(): connect in the process that uses the share.
 *
 * Paths are UTF-8, components separated by '/', from the root of the share;
 * "" is the root. With the extensions every other character but NUL is
 * allowed in a name. Symbolic links are resolved here, one by one: a link that
 * leads out of the share gives -EXDEV (see smb3x_options.absolute), more than
 * 40 of them -ELOOP.
 */
#ifndef SMB3X_H
#define SMB3X_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct smb3x;      /* a share */
struct smb3x_file; /* an open file */
struct smb3x_dir;  /* the entries of a directory as they were when asked */

enum smb3x_absolute {
	SMB3X_ABSOLUTE_REFUSE, /* absolute link targets: -EXDEV */
	SMB3X_ABSOLUTE_SHARE,  /* "/" of a target is the root of the share */
};

enum smb3x_posix {
	SMB3X_POSIX_AUTO,    /* use the extensions where the server has them */
	SMB3X_POSIX_REQUIRE, /* connecting fails without them */
	SMB3X_POSIX_OFF,     /* as if the server had none */
};

/*
 * Whether attributes, listings and closed files are kept while the server
 * promises by leases that nobody else changes them. What this machine's other
 * programs, or users of the server itself, change without SMB is not always
 * covered by that promise.
 */
enum smb3x_cache {
	SMB3X_CACHE_AUTO, /* where the server gives leases */
	SMB3X_CACHE_OFF,
};

/* Whether open files are to outlive a lost connection. */
enum smb3x_durable {
	SMB3X_DURABLE_AUTO, /* where the server agrees */
	SMB3X_DURABLE_OFF,
};

struct smb3x_options {
	size_t size; /* sizeof(struct smb3x_options), set by _init() */
	/* What the URL does not say. NULL user: anonymous. */
	const char *user, *password, *domain;
	bool kerberos; /* the ticket at hand */
	bool sign, encrypt;
	uint16_t min_dialect, max_dialect; /* 0: 2.0.2 and 3.1.1 */
	unsigned int timeout_ms;           /* for one answer; 0: 30 s */
	unsigned int connections;          /* at most; 0: 4 */
	enum smb3x_posix posix;
	enum smb3x_absolute absolute;
	/* Owners that the server names by something else than a number. */
	uint32_t uid, gid; /* _init(): those of the process */
	enum smb3x_cache cache;
	enum smb3x_durable durable;
	/* Attributes are believed at most so long while leases hold, since not
	 * all servers break them for a change of mode or owner; 0: 1 s. */
	unsigned int attr_ms;
};

void smb3x_options_init(struct smb3x_options *options);

/*
 * smb://[user[:password]@]host[:port]/share[/path]; the path is not looked at
 * (smb3x_url_path() tells it). *ret_share is also set on failure, except
 * -ENOMEM, so that smb3x_why() can tell; destroy it in any case.
 */
int smb3x_connect(const char *url, const struct smb3x_options *options,
	struct smb3x **ret_share);
/* Everything on it must be closed. Accepts NULL. */
void smb3x_destroy(struct smb3x *share);
/* The path in the URL; lives as long as the share. */
const char *smb3x_url_path(const struct smb3x *share);
/* Whether this share is used with the POSIX extensions. */
bool smb3x_has_posix(const struct smb3x *share);
/* Dialect, protection, extensions: one line. */
const char *smb3x_description(struct smb3x *share);
/* How often a lost connection has been made again. */
unsigned int smb3x_reconnects(const struct smb3x *share);
/* What the last failed call of this thread met; never NULL. */
const char *smb3x_why(void);
/* The NTSTATUS of it, 0 when the server did not refuse. */
uint32_t smb3x_status(void);

#define SMB3X_SID_TEXT 192

struct smb3x_stat {
	uint32_t mode; /* as st_mode of Linux: type and 07777 */
	uint32_t nlink;
	uint32_t uid, gid;
	bool uid_known, gid_known; /* told by the server as a number */
	bool has_inode;            /* inode and device are the server's */
	uint64_t inode, device;
	uint64_t size, allocated;
	uint32_t rdev_major, rdev_minor; /* of devices: smb3x_lstat() only */
	uint32_t attributes;             /* FILE_ATTRIBUTE_* of [MS-FSCC] */
	uint32_t reparse_tag;
	struct timespec atime, mtime, ctime, btime;
	char owner[SMB3X_SID_TEXT], group[SMB3X_SID_TEXT]; /* S-1-...; or "" */
};

struct smb3x_statvfs {
	uint64_t block_size, transfer_size; /* bytes */
	uint64_t blocks, blocks_free, blocks_available;
	uint64_t files, files_free; /* UINT64_MAX: not known */
	uint64_t fsid;
	uint32_t name_max;
};

int smb3x_lstat(
	struct smb3x *share, const char *path, struct smb3x_stat *ret_stat);
int smb3x_stat(
	struct smb3x *share, const char *path, struct smb3x_stat *ret_stat);
int smb3x_statvfs(struct smb3x *share, struct smb3x_statvfs *ret_statvfs);
/* Whether access as access(2) names it (R_OK | W_OK | X_OK) is granted. */
int smb3x_access(struct smb3x *share, const char *path, int mode);

/* The target without terminator, cut at n; returns its whole length. */
ssize_t smb3x_readlink(
	struct smb3x *share, const char *path, char *ret_target, size_t n);
/* The path with all links and ".." resolved; free() it. */
int smb3x_realpath(struct smb3x *share, const char *path, char **ret_path);

/* mode: 07777 of it, no umask is applied here. */
int smb3x_mkdir(struct smb3x *share, const char *path, uint32_t mode);
/* Type in mode: regular, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK. */
int smb3x_mknod(struct smb3x *share, const char *path, uint32_t mode,
	uint32_t rdev_major, uint32_t rdev_minor);
int smb3x_symlink(struct smb3x *share, const char *target, const char *path);
/* A new name for the object itself, also for a symbolic link. */
int smb3x_link(struct smb3x *share, const char *from, const char *to);
int smb3x_unlink(struct smb3x *share, const char *path);
int smb3x_rmdir(struct smb3x *share, const char *path);
/* replace false: -EEXIST when there is a target, decided by the server. */
int smb3x_rename(
	struct smb3x *share, const char *from, const char *to, bool replace);

int smb3x_chmod(struct smb3x *share, const char *path, uint32_t mode);
#define SMB3X_SAME UINT32_MAX /* leaves an owner as it is */
/* follow false: of the link itself. */
int smb3x_chown(struct smb3x *share, const char *path, uint32_t uid,
	uint32_t gid, bool follow);
/* times: access and modification, as for utimensat(2), with UTIME_NOW and
 * UTIME_OMIT; NULL is now. */
int smb3x_utimens(struct smb3x *share, const char *path,
	const struct timespec times[2], bool follow);
int smb3x_truncate(struct smb3x *share, const char *path, uint64_t size);

/* Extended attributes of files and directories: names "user.*". A size of 0
 * asks for the length. flags: XATTR_CREATE, XATTR_REPLACE. */
ssize_t smb3x_getxattr(struct smb3x *share, const char *path, const char *name,
	void *ret_value, size_t size);
/* Names, each with its terminator. */
ssize_t smb3x_listxattr(
	struct smb3x *share, const char *path, char *ret_names, size_t size);
int smb3x_setxattr(struct smb3x *share, const char *path, const char *name,
	const void *value, size_t size, int flags);
int smb3x_removexattr(struct smb3x *share, const char *path, const char *name);

/*
 * flags of open(2): O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC,
 * O_APPEND, O_NOFOLLOW, O_DIRECTORY, O_SYNC. With O_APPEND the server puts
 * every smb3x_append() at the end in one step.
 */
int smb3x_open(struct smb3x *share, const char *path, int flags, uint32_t mode,
	struct smb3x_file **ret_file);
/* The file is gone in any case; the result tells of a delayed failure. */
int smb3x_close(struct smb3x_file *file);
ssize_t smb3x_pread(
	struct smb3x_file *file, void *ret_data, size_t n, uint64_t offset);
ssize_t smb3x_pwrite(
	struct smb3x_file *file, const void *data, size_t n, uint64_t offset);
/* At the end of a file that was opened with O_APPEND, else -EBADF. */
ssize_t smb3x_append(struct smb3x_file *file, const void *data, size_t n);
int smb3x_fstat(struct smb3x_file *file, struct smb3x_stat *ret_stat);
int smb3x_ftruncate(struct smb3x_file *file, uint64_t size);
int smb3x_futimens(struct smb3x_file *file, const struct timespec times[2]);
int smb3x_fchmod(struct smb3x_file *file, uint32_t mode);
int smb3x_fchown(struct smb3x_file *file, uint32_t uid, uint32_t gid);
int smb3x_fsync(struct smb3x_file *file);
/* The next data (or, with hole, the next hole) at or behind offset; the end of
 * the file is a hole. -ENXIO: there is none. */
int smb3x_seek(struct smb3x_file *file, uint64_t offset, bool hole,
	uint64_t *ret_offset);
/* Zeros in place of what is there, and a hole where the server can; the size
 * stays. */
int smb3x_zero(struct smb3x_file *file, uint64_t offset, uint64_t length);
/* Asks for space up to size; what that is worth is the server's decision. A
 * longer file stays as it is, a shorter one is extended when `extend` says. */
int smb3x_allocate(struct smb3x_file *file, uint64_t size, bool extend);

/*
 * Byte-range locks that belong to the open file, as those of F_OFD_SETLK;
 * length 0 reaches to the largest offset. Never waits: -EAGAIN. Between opens
 * with the extensions they are advisory, and a range of one's own may be
 * changed or released in parts.
 */
enum smb3x_lock { SMB3X_UNLOCK, SMB3X_LOCK_SHARED, SMB3X_LOCK_EXCLUSIVE };
int smb3x_lock(struct smb3x_file *file, enum smb3x_lock lock, uint64_t offset,
	uint64_t length);

struct smb3x_entry {
	const char *name; /* lives until the next call on the directory */
	struct smb3x_stat stat;
};

/* Reads the whole directory, or tells it from memory while a lease holds;
 * without "." and "..". */
int smb3x_opendir(
	struct smb3x *share, const char *path, struct smb3x_dir **ret_dir);
/* 1 and the next entry; 0 at the end. */
int smb3x_readdir(struct smb3x_dir *dir, struct smb3x_entry *ret_entry);
/* Where the next entry stands, and going there. */
size_t smb3x_telldir(const struct smb3x_dir *dir);
void smb3x_seekdir(struct smb3x_dir *dir, size_t position);
void smb3x_closedir(struct smb3x_dir *dir);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif

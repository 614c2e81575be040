/* SPDX-License-Identifier: MIT */
/* Commands for links, special files, modes, owners, times and space. */
#include "client/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/share.h"

static int usage(const char *what, const char *word)
{
	fprintf(stderr, "smb3x: %s: %s is not understood; see smb3x --help\n",
		what, word);
	return 2;
}

static bool number_of(
	const char *text, int base, uint64_t most, uint64_t *ret_number)
{
	char *end = NULL;
	errno = 0;
	unsigned long long n = strtoull(text, &end, base);
	if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' ||
		n > most) {
		return false;
	}
	*ret_number = n;
	return true;
}

static int do_readlink(struct context *c, char **words)
{
	char target[PATH_TARGET_MAX + 1];
	ssize_t n =
		smb3x_readlink(c->share, words[0], target, sizeof(target) - 1);
	if (n < 0) {
		return command_failed("readlink", words[0], (int)n);
	}
	target[n] = '\0';
	puts(target);
	return 0;
}

static int do_realpath(struct context *c, char **words)
{
	char *path = NULL;
	int error = smb3x_realpath(c->share, words[0], &path);
	if (error < 0) {
		return command_failed("realpath", words[0], error);
	}
	puts(path);
	free(path);
	return 0;
}

static int do_symlink(struct context *c, char **words)
{
	int error = smb3x_symlink(c->share, words[0], words[1]);
	return error < 0 ? command_failed("symlink", words[1], error) : 0;
}

static int do_link(struct context *c, char **words)
{
	int error = smb3x_link(c->share, words[0], words[1]);
	return error < 0 ? command_failed("link", words[0], error) : 0;
}

static uint32_t masked(uint32_t mode)
{
	mode_t mask = umask(0);
	umask(mask);
	return mode & ~(uint32_t)mask;
}

static int do_mkfifo(struct context *c, char **words)
{
	int error =
		smb3x_mknod(c->share, words[0], S_IFIFO | masked(0666), 0, 0);
	return error < 0 ? command_failed("mkfifo", words[0], error) : 0;
}

/* mknod URL p|s, mknod URL c|b MAJOR MINOR */
static int do_mknod(struct context *c, char **words)
{
	uint64_t major = 0;
	uint64_t minor = 0;
	uint32_t type = strcmp(words[1], "p") == 0   ? S_IFIFO
			: strcmp(words[1], "s") == 0 ? S_IFSOCK
			: strcmp(words[1], "c") == 0 ? S_IFCHR
			: strcmp(words[1], "b") == 0 ? S_IFBLK
						     : 0;
	bool device = type == S_IFCHR || type == S_IFBLK;
	if (type == 0 || device != (words[3] != NULL)) {
		return usage("mknod", words[1]);
	}
	if (device && (!number_of(words[2], 0, UINT32_MAX, &major) ||
			      !number_of(words[3], 0, UINT32_MAX, &minor))) {
		return usage("mknod", words[2]);
	}
	int error = smb3x_mknod(c->share, words[0], type | masked(0666),
		(uint32_t)major, (uint32_t)minor);
	return error < 0 ? command_failed("mknod", words[0], error) : 0;
}

static int do_chmod(struct context *c, char **words)
{
	uint64_t mode = 0;
	if (!number_of(words[0], 8, 07777, &mode)) {
		return usage("chmod", words[0]);
	}
	int error = smb3x_chmod(c->share, words[1], (uint32_t)mode);
	return error < 0 ? command_failed("chmod", words[1], error) : 0;
}

/* UID, UID:GID or :GID, as numbers: names mean another at each end. */
static int do_chown(struct context *c, char **words)
{
	uint64_t uid = SMB3X_SAME;
	uint64_t gid = SMB3X_SAME;
	char *group = strchr(words[0], ':');
	if (group != NULL) {
		*group++ = '\0';
	}
	bool good = (*words[0] == '\0' && group != NULL) ||
		    number_of(words[0], 10, UINT32_MAX - 1, &uid);
	if (!good || (group != NULL &&
			     !number_of(group, 10, UINT32_MAX - 1, &gid))) {
		return usage("chown", words[0]);
	}
	int error = smb3x_chown(
		c->share, words[1], (uint32_t)uid, (uint32_t)gid, true);
	return error < 0 ? command_failed("chown", words[1], error) : 0;
}

/* Makes the file when it is not there; the time is in seconds since 1970. */
static int do_touch(struct context *c, char **words)
{
	struct timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
	if (words[1] != NULL) {
		uint64_t seconds = 0;
		if (!number_of(words[1], 10, INT64_MAX, &seconds)) {
			return usage("touch", words[1]);
		}
		times[0] = (struct timespec){.tv_sec = (time_t)seconds};
		times[1] = times[0];
	}
	int error = smb3x_utimens(c->share, words[0], times, true);
	if (error == -ENOENT) {
		struct smb3x_file *file = NULL;
		error = smb3x_open(c->share, words[0], O_WRONLY | O_CREAT,
			masked(0666), &file);
		if (error == 0 && words[1] != NULL) {
			error = smb3x_futimens(file, times);
		}
		int closing = file == NULL ? 0 : smb3x_close(file);
		error = error < 0 ? error : closing;
	}
	return error < 0 ? command_failed("touch", words[0], error) : 0;
}

static int do_truncate(struct context *c, char **words)
{
	uint64_t size = 0;
	if (!number_of(words[0], 10, INT64_MAX, &size)) {
		return usage("truncate", words[0]);
	}
	int error = smb3x_truncate(c->share, words[1], size);
	return error < 0 ? command_failed("truncate", words[1], error) : 0;
}

static int do_df(struct context *c, char **words)
{
	struct smb3x_statvfs fs;
	int error = smb3x_statvfs(c->share, &fs);
	if (error < 0) {
		return command_failed("df", words[0], error);
	}
	uint64_t kib = fs.block_size >= 1024 ? fs.block_size / 1024 : 1;
	printf("block size %llu\n1K-blocks  %llu\nfree       %llu\n"
	       "available  %llu\n",
		(unsigned long long)fs.block_size,
		(unsigned long long)(fs.blocks * kib),
		(unsigned long long)(fs.blocks_free * kib),
		(unsigned long long)(fs.blocks_available * kib));
	if (fs.files != UINT64_MAX) {
		printf("inodes     %llu\nfree       %llu\n",
			(unsigned long long)fs.files,
			(unsigned long long)fs.files_free);
	}
	return 0;
}

static int list_xattrs(struct context *c, const char *path)
{
	char names[65536];
	ssize_t n = smb3x_listxattr(c->share, path, names, sizeof(names));
	if (n < 0) {
		return command_failed("xattr", path, (int)n);
	}
	for (const char *p = names; p < names + n; p += strlen(p) + 1) {
		command_print_text(p);
		putchar('\n');
	}
	return 0;
}

/* xattr URL, xattr URL NAME, xattr URL NAME VALUE */
static int do_xattr(struct context *c, char **words)
{
	if (words[1] == NULL) {
		return list_xattrs(c, words[0]);
	}
	int error = 0;
	if (words[2] != NULL) {
		error = smb3x_setxattr(c->share, words[0], words[1], words[2],
			strlen(words[2]), 0);
	} else {
		char value[65536];
		ssize_t n = smb3x_getxattr(
			c->share, words[0], words[1], value, sizeof(value));
		error = n < 0 ? (int)n : 0;
		if (n > 0) {
			fwrite(value, 1, (size_t)n, stdout);
			putchar('\n');
		}
	}
	return error < 0 ? command_failed("xattr", words[0], error) : 0;
}

const struct command command_posix[] = {
	{"readlink", 1, 1, 0, do_readlink},
	{"realpath", 1, 1, 0, do_realpath},
	{"symlink", 2, 2, 1, do_symlink},
	{"link", 2, 2, 0, do_link},
	{"ln", 2, 2, 0, do_link},
	{"mkfifo", 1, 1, 0, do_mkfifo},
	{"mknod", 2, 2, 0, do_mknod},
	{"mknod", 4, 4, 0, do_mknod},
	{"chmod", 2, 2, 1, do_chmod},
	{"chown", 2, 2, 1, do_chown},
	{"touch", 1, 2, 0, do_touch},
	{"truncate", 2, 2, 1, do_truncate},
	{"df", 1, 1, 0, do_df},
	{"xattr", 1, 3, 0, do_xattr},
	{NULL, 0, 0, 0, NULL},
};

/* SPDX-License-Identifier: MIT */
/*
 * usage: torture [-u UID] DIRECTORY
 *
 * Makes a directory of its own below DIRECTORY, works in it as user and group
 * UID, and leaves nothing behind. See torture.h.
 */
#include "torture.h"

#include <ftw.h>
#include <grp.h>
#include <stdarg.h>

static int number;

void say(const char *name, const char *format, ...)
{
	va_list args;

	printf("%03d %s: ", ++number, name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

const char *error_name(int error)
{
	const char *name = strerrorname_np(error);

	return name ? name : "?";
}

void say_result(const char *name, long result)
{
	say(name, "%s", result < 0 ? error_name(errno) : "ok");
}

void say_number(const char *name, long result)
{
	if (result < 0) {
		say(name, "%s", error_name(errno));
	} else {
		say(name, "%ld", result);
	}
}

static void say_stat(const char *name, const struct stat *st)
{
	static const char types[] = "?pc?d?b?f?l?s";
	char type = types[(st->st_mode & S_IFMT) >> 12];

	if (S_ISDIR(st->st_mode)) {
		say(name, "%c %04o links %ld", type, st->st_mode & 07777,
			(long)st->st_nlink);
	} else if (!S_ISREG(st->st_mode)) {
		say(name, "%c links %ld size %ld", type, (long)st->st_nlink,
			(long)st->st_size);
	} else {
		say(name, "%c %04o links %ld size %ld", type,
			st->st_mode & 07777, (long)st->st_nlink,
			(long)st->st_size);
	}
}

void say_mode(const char *name, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		say(name, "%s", error_name(errno));
	} else {
		say(name, "%04o", st.st_mode & 07777);
	}
}

void say_lstat(const char *name, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		say(name, "%s", error_name(errno));
	} else {
		say_stat(name, &st);
	}
}

void say_fstat(const char *name, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		say(name, "%s", error_name(errno));
	} else {
		say_stat(name, &st);
	}
}

void say_content(const char *name, const char *path)
{
	char text[61], out[4 * sizeof text];
	int fd = open(path, O_RDONLY);
	long i, n = fd < 0 ? -1 : get_at(fd, text, sizeof text, 0);
	size_t at = 0;

	if (n < 0) {
		say(name, "%s", error_name(errno));
	}
	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		at += (size_t)snprintf(out + at, sizeof out - at,
			c < 32 || c > 126 ? "\\%03o" : "%c", c);
	}
	if (n >= 0) {
		out[at] = 0;
		say(name, "\"%s\"", out);
	}
	if (fd >= 0) {
		close(fd);
	}
}

int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ssize_t n;

	if (fd < 0) {
		return -1;
	}
	n = write(fd, text, strlen(text));
	return close(fd) == 0 && n == (ssize_t)strlen(text) ? 0 : -1;
}

long get_at(int fd, char *text, size_t size, off_t offset)
{
	ssize_t n = pread(fd, text, size - 1, offset);

	text[n > 0 ? n : 0] = 0;
	return n;
}

int in_child(int (*f)(void *ctx), void *ctx)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		_exit(f(ctx));
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status)) {
		return -1;
	}
	return WEXITSTATUS(status);
}

void enter(const char *directory)
{
	if (mkdir(directory, 0755) < 0 || chdir(directory) < 0) {
		say(directory, "no directory: %s", error_name(errno));
		exit(1);
	}
}

void leave(void)
{
	if (chdir("..") < 0) {
		say("leave", "%s", error_name(errno));
		exit(1);
	}
}

static int remove_one(
	const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)type;
	(void)where;
	if ((S_ISDIR(st->st_mode) ? rmdir(path) : unlink(path)) < 0) {
		int error = errno;

		printf("left: %s: %s\n", path, error_name(error));
		errno = error;
		return -1;
	}
	return 0;
}

static int make_searchable(
	const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)type;
	(void)where;
	if (S_ISDIR(st->st_mode)) {
		chmod(path, 0700);
	}
	return 0;
}

static int as_user(const char *text)
{
	uid_t uid = (uid_t)strtoul(text, NULL, 10);

	if (uid == geteuid()) {
		return 0;
	}
	return setgroups(0, NULL) < 0 || setgid(uid) < 0 || setuid(uid) < 0 ? -1
									    : 0;
}

static int work(void)
{
	umask(0);
	torture_create();
	torture_chmod();
	torture_open();
	torture_symlink();
	torture_hardlink();
	torture_special();
	torture_rename();
	torture_unlink();
	torture_names();
	torture_readdir();
	torture_directories();
	torture_data();
	torture_append();
	torture_locks();
	torture_sparse();
	torture_mmap();
	torture_times();
	torture_xattr();
	torture_stat();
	return 0;
}

int main(int argc, char **argv)
{
	char name[32];
	int c, r;

	while ((c = getopt(argc, argv, "u:")) != -1) {
		if (c != 'u' || as_user(optarg) < 0) {
			fprintf(stderr, "torture: no such user\n");
			return 2;
		}
	}
	if (optind + 1 != argc || chdir(argv[optind]) < 0) {
		fprintf(stderr, "usage: torture [-u UID] DIRECTORY\n");
		return 2;
	}
	snprintf(name, sizeof name, "torture.%d", (int)getpid());
	enter(name);
	r = work();
	leave();
	/* Top down first: nothing below a directory of mode 0 is seen. */
	nftw(name, make_searchable, 32, FTW_PHYS);
	say_result("nothing is left",
		nftw(name, remove_one, 32, FTW_DEPTH | FTW_PHYS));
	printf("%d operations\n", number);
	return r;
}

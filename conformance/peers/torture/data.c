/* SPDX-License-Identifier: MIT */
/* Torture: bytes, appending, holes, mappings, times, attributes. */
#include "torture.h"

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/xattr.h>

static void data_two(void)
{
	char text[32];
	int one = open("two", O_RDWR | O_CREAT | O_TRUNC, 0644);
	int two = open("two", O_RDWR);

	say_number("write by the first", write(one, "0123456789", 10));
	say_number("read by the second", get_at(two, text, sizeof text, 0));
	say("what it read", "%s", text);
	say_fstat("size by the second", two);
	say_result("ftruncate by the second", ftruncate(two, 4));
	say_fstat("size by the first", one);
	say_number("pwrite by the second", pwrite(two, "XY", 2, 6));
	get_at(one, text, sizeof text, 0);
	say("a hole of two bytes", "%d %d %s", text[4], text[5], text + 6);
	say_result("close of the second", close(two));
	say_number("lseek to the end", lseek(one, 0, SEEK_END));
	say_number("lseek before the start", lseek(one, -1, SEEK_SET));
	say_number("lseek far behind", lseek(one, 1l << 40, SEEK_SET));
	say_number("read there", read(one, text, 1));
	close(one);
}

static void data_truncate(void)
{
	char text[32];
	int fd;

	put("t", "0123456789");
	say_result("truncate", truncate("t", 5));
	say_content("what is left", "t");
	say_result("extend", truncate("t", 8));
	say_content("zeros behind", "t");
	say_result("truncate to a gigabyte", truncate("t", 1 << 30));
	say_lstat("a gigabyte", "t");
	say_result("truncate to nothing", truncate("t", 0));
	say_lstat("nothing", "t");
	say_result("truncate to less than nothing", truncate("t", -1));
	say_result("truncate of a directory", truncate(".", 0));
	say_result("truncate of what is missing", truncate("none", 0));
	put("t", "0123456789");
	fd = open("t", O_RDWR);
	ftruncate(fd, 3);
	say_number("write behind the new end", pwrite(fd, "x", 1, 5));
	get_at(fd, text, sizeof text, 0);
	say("no old bytes", "%d %d", text[3], text[4]);
	close(fd);
}

static void data_copies(void)
{
	char one[] = "one", two[] = "two", three[] = "three";
	struct iovec parts[3] = {{one, 3}, {two, 3}, {three, 5}};
	char a[4], b[20];
	struct iovec into[2] = {{a, 3}, {b, 8}};
	int from, to;
	loff_t at = 3;
	off_t start = 0;

	from = open("from", O_RDWR | O_CREAT | O_TRUNC, 0644);
	say_number("writev", writev(from, parts, 3));
	lseek(from, 0, SEEK_SET);
	memset(b, 0, sizeof b);
	say_number("readv", readv(from, into, 2));
	say("its second part", "%s", b);
	to = open("to", O_RDWR | O_CREAT | O_TRUNC, 0644);
	say_number("copy_file_range",
		copy_file_range(from, &at, to, NULL, 100, 0));
	say_content("what it copied", "to");
	say_number("sendfile", sendfile(to, from, &start, 3));
	say_content("and sent", "to");
	close(from);
	close(to);
}

/* Two MiB with a pattern, written and read in odd pieces. */
static void data_big(void)
{
	enum { SIZE = 2 << 20, PIECE = 65521 };
	unsigned char *bytes = malloc(SIZE), *back = calloc(1, SIZE);
	int fd = open("big", O_RDWR | O_CREAT | O_TRUNC, 0644);
	long i, n, done = 0;

	for (i = 0; i < SIZE; i++) {
		bytes[i] = (unsigned char)(i * 7 + (i >> 13));
	}
	for (i = 0; i < SIZE; i += n) {
		n = SIZE - i < PIECE ? SIZE - i : PIECE;
		done += pwrite(fd, bytes + i, (size_t)n, i);
	}
	say_number("write 2 MiB in pieces", done);
	say_result("fsync of it", fsync(fd));
	say_result("forget the cache",
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	close(fd);
	fd = open("big", O_RDONLY);
	for (i = 0, done = 0; i < SIZE; i += n) {
		n = read(fd, back + i, PIECE);
		if (n <= 0) {
			break;
		}
		done += n;
	}
	say_number("read them back", done);
	say("the same bytes", "%s",
		memcmp(bytes, back, SIZE) == 0 ? "yes" : "no");
	close(fd);
	free(bytes);
	free(back);
}

void torture_data(void)
{
	enter("data");
	data_two();
	data_truncate();
	data_copies();
	data_big();
	leave();
}

#define RECORDS 200
#define RECORD 40

static int appender(const char *name)
{
	int fd = open("log", O_WRONLY | O_APPEND), i;
	char record[RECORD + 1];

	for (i = 0; i < RECORDS; i++) {
		snprintf(record, sizeof record, "%s %03d %*s\n", name, i,
			RECORD - 7, "end");
		if (write(fd, record, RECORD) != RECORD) {
			return 1;
		}
	}
	return close(fd) < 0;
}

static void append_records(void)
{
	int seen[2] = {0, 0}, torn = 0, status, i, who, n;
	char record[RECORD + 1];
	pid_t pid[2];
	int fd;

	close(open("log", O_WRONLY | O_CREAT, 0644));
	fflush(stdout);
	for (i = 0; i < 2; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			_exit(appender(i ? "B" : "A"));
		}
	}
	for (i = 0; i < 2; i++) {
		waitpid(pid[i], &status, 0);
		say("an appender ends", "%d", WEXITSTATUS(status));
	}
	say_lstat("two appenders", "log");
	fd = open("log", O_RDONLY);
	for (i = 0; i < 2 * RECORDS; i++) {
		if (get_at(fd, record, sizeof record, i * RECORD) != RECORD ||
			sscanf(record, "%*c %d", &n) != 1) {
			torn++;
			continue;
		}
		who = record[0] == 'B';
		/* Each writer's own records are in their order. */
		torn += n != seen[who];
		seen[who] = n + 1;
	}
	say("their records", "%d and %d, %d out of order", seen[0], seen[1],
		torn);
	close(fd);
}

void torture_append(void)
{
	char text[32];
	int one, two;

	enter("append");
	put("f", "start");
	one = open("f", O_RDWR | O_APPEND);
	two = open("f", O_RDWR);
	say_number("append", write(one, "+1", 2));
	say_number("where it stands", lseek(one, 0, SEEK_CUR));
	lseek(one, 0, SEEK_SET);
	say_number("append after lseek", write(one, "+2", 2));
	say_number("write behind by another", pwrite(two, "+3", 2, 9));
	say_number("append after that", write(one, "+4", 2));
	say_content("what came of it", "f");
	say_result("ftruncate by another", ftruncate(two, 5));
	say_number("append after ftruncate", write(one, "+5", 2));
	say_content("what came of that", "f");
	say_number("pwrite appends too", pwrite(one, "+6", 2, 0));
	say_content("as Linux does it", "f");
	say_number(
		"read of an O_APPEND file", get_at(one, text, sizeof text, 0));
	fcntl(one, F_SETFL, 0);
	say_number("pwrite without O_APPEND", pwrite(one, "S", 1, 0));
	say_content("overwrites", "f");
	close(one);
	close(two);
	append_records();
	leave();
}

static void sparse_seek(int fd)
{
	say_number("the first data", lseek(fd, 0, SEEK_DATA));
	say_number("the first hole", lseek(fd, 0, SEEK_HOLE));
	say_number("data behind 64 KiB", lseek(fd, 65536, SEEK_DATA));
	say_number("a hole behind 1 MiB", lseek(fd, 1 << 20, SEEK_HOLE));
	say_number("data behind the end", lseek(fd, 4 << 20, SEEK_DATA));
}

static const char *zeros(int fd, off_t at, size_t n)
{
	char bytes[8192];
	size_t i;

	if (pread(fd, bytes, n, at) != (ssize_t)n) {
		return "too short";
	}
	for (i = 0; i < n; i++) {
		if (bytes[i]) {
			return "no";
		}
	}
	return "yes";
}

void torture_sparse(void)
{
	char block[8192];
	struct stat st;
	int fd;

	enter("sparse");
	memset(block, 'x', sizeof block);
	fd = open("f", O_RDWR | O_CREAT, 0644);
	pwrite(fd, block, sizeof block, 0);
	say_number(
		"write after a hole", pwrite(fd, block, sizeof block, 1 << 20));
	fsync(fd);
	say_fstat("size", fd);
	fstat(fd, &st);
	say("few blocks", "%s", st.st_blocks * 512 < 65536 ? "yes" : "no");
	sparse_seek(fd);
	say("the hole is zeros", "%s", zeros(fd, 65536, 8192));
	say_result("fallocate", fallocate(fd, 0, 0, 2 << 20));
	say_fstat("extends", fd);
	say_result("FALLOC_FL_KEEP_SIZE",
		fallocate(fd, FALLOC_FL_KEEP_SIZE, 2 << 20, 1 << 20));
	say_fstat("does not", fd);
	say_result("FALLOC_FL_PUNCH_HOLE",
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			1 << 20, 4096));
	say("zeros there", "%s", zeros(fd, 1 << 20, 4096));
	say("not behind", "%s", zeros(fd, (1 << 20) + 4096, 4096));
	say_result("FALLOC_FL_ZERO_RANGE",
		fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4096));
	say("zeros there too", "%s", zeros(fd, 0, 4096));
	say("not behind that", "%s", zeros(fd, 4096, 4096));
	say_result("FALLOC_FL_COLLAPSE_RANGE",
		fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
	say_fstat("shorter", fd);
	say_result("FALLOC_FL_INSERT_RANGE",
		fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, 4096));
	say_fstat("longer", fd);
	close(fd);
	leave();
}

static int map_and_write(void *ctx)
{
	int fd = open("f", O_RDWR);
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) {
		return 1;
	}
	memcpy(p + 100, "from a child", 13);
	(void)ctx;
	return msync(p, 4096, MS_SYNC) < 0;
}

void torture_mmap(void)
{
	char block[8192], text[32], *shared, *private;
	int fd;

	enter("mmap");
	memset(block, '.', sizeof block);
	fd = open("f", O_RDWR | O_CREAT, 0644);
	write(fd, block, sizeof block);
	shared = mmap(
		NULL, sizeof block, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	say_result("mmap shared", shared == MAP_FAILED ? -1 : 0);
	private = mmap(
		NULL, sizeof block, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	say_result("mmap private", private == MAP_FAILED ? -1 : 0);
	if (shared == MAP_FAILED || private == MAP_FAILED) {
		leave();
		return;
	}
	memcpy(shared, "by mapping", 10);
	get_at(fd, text, 11, 0);
	say("read what was mapped", "%s", text);
	pwrite(fd, "by write", 8, 4096);
	say("mapped what was written", "%.8s", shared + 4096);
	memcpy(private, "PRIVATE", 7);
	get_at(fd, text, 11, 0);
	say("private stays private", "%s", text);
	say_result("msync", msync(shared, sizeof block, MS_SYNC));
	say("another process", "%d", in_child(map_and_write, NULL));
	say("is seen", "%s", shared + 100);
	say_result("ftruncate of what is mapped", ftruncate(fd, 5000));
	say("zeros behind the end", "%d", shared[5001]);
	say_result("unlink of what is mapped", unlink("f"));
	memcpy(shared, "still", 5);
	get_at(fd, text, 11, 0);
	say("still there", "%s", text);
	munmap(shared, sizeof block);
	munmap(private, sizeof block);
	close(fd);
	put("r", "read only");
	fd = open("r", O_RDONLY);
	say_result("mmap shared to write of O_RDONLY",
		mmap(NULL, 9, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
				MAP_FAILED
			? -1
			: 0);
	shared = mmap(NULL, 9, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	say("a mapping outlives close", "%.9s", shared);
	leave();
}

static void say_times(const char *name, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		say(name, "%s", error_name(errno));
		return;
	}
	say(name, "%lld.%09ld %lld.%09ld", (long long)st.st_atim.tv_sec,
		st.st_atim.tv_nsec, (long long)st.st_mtim.tv_sec,
		st.st_mtim.tv_nsec);
}

static void times_set(const char *name, const char *path, time_t seconds,
	long nanoseconds, int flags)
{
	struct timespec times[2] = {
		{seconds + 1, nanoseconds}, {seconds, nanoseconds}};

	int r = utimensat(AT_FDCWD, path, times, flags);

	say_result(name, r);
	if (r == 0) {
		say_times(name, path);
	} else {
		say(name, "not set");
	}
}

static bool differ(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec;
}

/* Does what() change mtime, ctime of path? Clocks of two machines differ. */
static void times_change(const char *name, const char *path, int (*what)(void))
{
	struct stat before, after;

	stat(path, &before);
	usleep(50000);
	what();
	stat(path, &after);
	say(name, "mtime %s, ctime %s",
		differ(after.st_mtim, before.st_mtim) ? "changes" : "stays",
		differ(after.st_ctim, before.st_ctim) ? "changes" : "stays");
}

static int do_write(void)
{
	int fd = open("f", O_WRONLY);
	ssize_t n = write(fd, "w", 1);

	return close(fd) < 0 || n != 1 ? -1 : 0;
}

static int do_chmod(void)
{
	return chmod("f", 0640);
}

static int do_link(void)
{
	return link("f", "d/link");
}

static int do_unlink(void)
{
	return unlink("d/link");
}

static int do_rename(void)
{
	return put("d/x", "") < 0 || rename("d/x", "d/y") < 0 ? -1 : 0;
}

static int do_truncate(void)
{
	return truncate("f", 0);
}

void torture_times(void)
{
	struct timespec times[2] = {{0, UTIME_OMIT}, {5, 0}};
	struct stat st;
	struct timeval now;
	int fd;

	enter("times");
	put("f", "text");
	mkdir("d", 0755);
	symlink("f", "l");
	times_set("2001", "f", 1000000000, 123456700, 0);
	times_set("2001 of a directory", "d", 1000000000, 999999900, 0);
	times_set("2001 of a link", "l", 1000000000, 100, AT_SYMLINK_NOFOLLOW);
	times_set("1970", "f", 0, 100, 0);
	times_set("1969", "f", -86400, 500000000, 0);
	times_set("2100", "f", 4102444800, 0, 0);
	times_set("2038", "f", 2147483648, 0, 0);
	say_result("UTIME_OMIT", utimensat(AT_FDCWD, "f", times, 0));
	say_times("leaves one alone", "f");
	times[0].tv_nsec = times[1].tv_nsec = UTIME_NOW;
	say_result("UTIME_NOW", utimensat(AT_FDCWD, "f", times, 0));
	gettimeofday(&now, NULL);
	stat("f", &st);
	say("is now", "%s",
		labs(st.st_mtime - now.tv_sec) < 600 ? "yes" : "no");
	fd = open("f", O_RDONLY);
	times[0] = times[1] = (struct timespec){1234567890, 987654300};
	say_result("futimens", futimens(fd, times));
	close(fd);
	say_times("by descriptor", "f");
	times[0].tv_nsec = 1000000000;
	say_result("nanoseconds beyond a second",
		utimensat(AT_FDCWD, "f", times, 0));
	times_change("write", "f", do_write);
	times_change("chmod", "f", do_chmod);
	times_change("truncate", "f", do_truncate);
	times_change("link: the directory", "d", do_link);
	times_change("link: the file", "f", do_unlink);
	times_change("rename in a directory", "d", do_rename);
	chmod("f", 0);
	say_result("utimensat of mode 0", utimensat(AT_FDCWD, "f", NULL, 0));
	leave();
}

static void say_list(const char *name, const char *path)
{
	char names[1024], out[1024] = "";
	ssize_t at, n = listxattr(path, names, sizeof names);
	int count = 0;

	for (at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
		if (strncmp(names + at, "user.t", 6) == 0) {
			count++;
		}
	}
	snprintf(out, sizeof out, "%d of ours", count);
	say(name, "%s", n < 0 ? error_name(errno) : out);
}

static void xattr_files(void)
{
	char value[4000];
	int fd;

	say_result("setxattr", setxattr("f", "user.t1", "one", 3, 0));
	say_number("getxattr", getxattr("f", "user.t1", value, 100));
	say("its value", "%.3s", value);
	say_number("its length", getxattr("f", "user.t1", NULL, 0));
	say_number("into too little", getxattr("f", "user.t1", value, 2));
	say_number("of what is missing", getxattr("f", "user.none", value, 9));
	say_result("setxattr in another case",
		setxattr("f", "user.T1", "ONE!", 4, 0));
	say_number("the one", getxattr("f", "user.t1", value, 100));
	say_number("the other", getxattr("f", "user.T1", value, 100));
	say_result("XATTR_CREATE of what is there",
		setxattr("f", "user.T1", "x", 1, XATTR_CREATE));
	say_result(
		"XATTR_CREATE", setxattr("f", "user.t2", "x", 1, XATTR_CREATE));
	say_result("XATTR_REPLACE of what is missing",
		setxattr("f", "user.x3", "x", 1, XATTR_REPLACE));
	say_result("XATTR_REPLACE",
		setxattr("f", "user.t2", "yy", 2, XATTR_REPLACE));
	say_list("listxattr", "f");
	say_result("an empty value", setxattr("f", "user.t4", "", 0, 0));
	say_number("its length", getxattr("f", "user.t4", value, 100));
	memset(value, 'v', sizeof value);
	say_result("2000 bytes", setxattr("f", "user.t5", value, 2000, 0));
	say_number("come back", getxattr("f", "user.t5", value, 4000));
	say_result("removexattr", removexattr("f", "user.t2"));
	say_result("removexattr again", removexattr("f", "user.t2"));
	fd = open("f", O_RDONLY);
	say_result("fsetxattr", fsetxattr(fd, "user.t6", "six", 3, 0));
	say_number("fgetxattr", fgetxattr(fd, "user.t6", value, 100));
	close(fd);
	say_result("rename", rename("f", "g"));
	say_number("they go along", getxattr("g", "user.t1", value, 100));
	fd = open("g", O_RDWR | O_TRUNC);
	close(fd);
	say_number("and outlive O_TRUNC", getxattr("g", "user.t1", value, 100));
}

void torture_xattr(void)
{
	char value[100];

	enter("xattr");
	put("f", "");
	mkdir("d", 0755);
	symlink("g", "l");
	mkfifo("p", 0644);
	xattr_files();
	say_result("of a directory", setxattr("d", "user.t1", "dir", 3, 0));
	say_number("and back", getxattr("d", "user.t1", value, 100));
	say_result("of a link", lsetxattr("l", "user.t1", "x", 1, 0));
	say_number("through a link", getxattr("l", "user.t1", value, 100));
	say_result("of a FIFO", setxattr("p", "user.t1", "x", 1, 0));
	say_result("trusted", setxattr("g", "trusted.t1", "x", 1, 0));
	say_result("a name of nothing", setxattr("g", "user.", "x", 1, 0));
	say_result("no name space", setxattr("g", "t1", "x", 1, 0));
	chmod("g", 0444);
	say_result("of a read-only file", setxattr("g", "user.t9", "x", 1, 0));
	leave();
}

static void stat_rights(void)
{
	int status;

	put("script", "#!/bin/true\n");
	say_result("execute without x", execl("./script", "script", NULL));
	chmod("script", 0755);
	say_result("access X_OK", access("script", X_OK));
	put("noexec", "not a program");
	chmod("noexec", 0755);
	say_result("execute what is no program",
		execl("./noexec", "noexec", NULL));
	chmod("script", 0);
	say_result("access W_OK", access("script", W_OK));
	say_result("chown to another", chown("script", geteuid() + 1, -1));
	say_result("chgrp to another", chown("script", -1, getegid() + 1));
	say_result("chown to nobody new", chown("script", -1, -1));
	status = chown("none", geteuid(), -1);
	say_result("chown of nothing", status);
}

void torture_stat(void)
{
	struct stat a, b;
	struct statvfs vfs;

	enter("stat");
	put("f", "text");
	put("g", "text");
	stat("f", &a);
	stat("g", &b);
	say("owner", "%s", a.st_uid == geteuid() ? "oneself" : "another");
	say("group", "%s", a.st_gid == getegid() ? "one's own" : "another");
	say("two files", "%s",
		a.st_ino != b.st_ino ? "two inodes" : "one inode");
	say("one device", "%s", a.st_dev == b.st_dev ? "yes" : "no");
	rename("f", "h");
	stat("h", &b);
	say("the inode stays with rename", "%s",
		a.st_ino == b.st_ino ? "yes" : "no");
	say("block size", "%s", a.st_blksize >= 512 ? "sound" : "not sound");
	say("blocks", "%s",
		a.st_blocks * 512 >= a.st_size ? "enough" : "too few");
	mkdir("d", 0755);
	stat("d", &a);
	stat("d/.", &b);
	say("a directory and its dot", "%s",
		a.st_ino == b.st_ino ? "one inode" : "two inodes");
	stat("d/..", &b);
	stat(".", &a);
	say("its dot dot and this one", "%s",
		a.st_ino == b.st_ino ? "one inode" : "two inodes");
	say_result("statvfs", statvfs(".", &vfs));
	say("its blocks", "%s",
		vfs.f_blocks >= vfs.f_bfree && vfs.f_bfree >= vfs.f_bavail
			? "sound"
			: "not sound");
	say("its size", "%s",
		(double)vfs.f_blocks * (double)vfs.f_frsize > 1e6
			? "sound"
			: "not sound");
	say("its files", "%s",
		vfs.f_files >= vfs.f_ffree ? "sound" : "not sound");
	say("its names", "%lu", (unsigned long)vfs.f_namemax);
	say("its flags", "%s",
		vfs.f_flag & ST_RDONLY ? "read only" : "writable");
	stat_rights();
	leave();
}

/* SPDX-License-Identifier: MIT */
/* Torture: fcntl, flock and open file description locks. */
#include "torture.h"

#include <sys/file.h>

static int fd; /* the file that is locked; open files pass to children */

/* POSIX leaves the choice between the two. */
static const char *lock_error(int error)
{
	return error == EAGAIN || error == EACCES ? "refused"
						  : error_name(error);
}

static void say_lock(const char *name, int result)
{
	say(name, "%s", result < 0 ? lock_error(errno) : "ok");
}

static int record(int file, int command, short type, off_t start, off_t length)
{
	struct flock lock = {.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = start,
		.l_len = length};

	return fcntl(file, command, &lock);
}

struct range {
	short type;
	off_t start, length;
};

/* A child tries; fcntl locks are not inherited. */
static int try_record(void *ctx)
{
	const struct range *range = ctx;
	int file = open("f", O_RDWR);

	return record(file, F_SETLK, range->type, range->start, range->length) <
			       0
		       ? errno
		       : 0;
}

static void say_try(const char *name, short type, off_t start, off_t length)
{
	struct range range = {type, start, length};
	int r = in_child(try_record, &range);

	say(name, "%s", r == 0 ? "granted" : lock_error(r));
}

static int who_locks(void *ctx)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	(void)ctx;
	if (fcntl(fd, F_GETLK, &lock) < 0) {
		return 100;
	}
	return lock.l_type == F_UNLCK ? 0
	       : lock.l_type == F_RDLCK
		       ? 10
		       : 20 + (lock.l_start == 100) + (lock.l_len == 50);
}

static void locks_records(void)
{
	say_lock("F_WRLCK", record(fd, F_SETLK, F_WRLCK, 100, 50));
	say_try("F_WRLCK over it", F_WRLCK, 120, 1);
	say_try("F_RDLCK over it", F_RDLCK, 0, 0);
	say_try("F_WRLCK before it", F_WRLCK, 0, 100);
	say_try("F_WRLCK behind it", F_WRLCK, 150, 0);
	say("F_GETLK", "%d", in_child(who_locks, NULL));
	say_lock("the same again", record(fd, F_SETLK, F_WRLCK, 100, 50));
	say_lock("to F_RDLCK in its middle",
		record(fd, F_SETLK, F_RDLCK, 110, 10));
	say_try("F_RDLCK in its middle", F_RDLCK, 110, 10);
	say_try("F_WRLCK in its middle", F_WRLCK, 110, 10);
	say_try("F_RDLCK at its start", F_RDLCK, 100, 1);
	say_lock(
		"F_UNLCK in its middle", record(fd, F_SETLK, F_UNLCK, 110, 10));
	say_try("F_WRLCK in the gap", F_WRLCK, 110, 10);
	say_try("F_WRLCK around the gap", F_WRLCK, 109, 12);
	say_lock("F_UNLCK of all", record(fd, F_SETLK, F_UNLCK, 0, 0));
	say_try("F_WRLCK of all", F_WRLCK, 0, 0);
	say_lock("F_UNLCK of nothing", record(fd, F_SETLK, F_UNLCK, 7, 7));
	say_lock("F_RDLCK of all", record(fd, F_SETLK, F_RDLCK, 0, 0));
	say_try("F_RDLCK by another", F_RDLCK, 0, 0);
	say_try("F_WRLCK by another", F_WRLCK, 1l << 40, 1);
	say("F_GETLK of a reader", "%d", in_child(who_locks, NULL));
	record(fd, F_SETLK, F_UNLCK, 0, 0);
	say_lock("far away",
		record(fd, F_SETLK, F_WRLCK, 0x7ffffffffffffffel, 1));
	say_lock("before the start", record(fd, F_SETLK, F_WRLCK, -5, 1));
	record(fd, F_SETLK, F_UNLCK, 0, 0);
}

static void locks_files(void)
{
	int reader = open("f", O_RDONLY), writer = open("f", O_WRONLY);
	char text[8];

	say_lock("F_WRLCK of O_RDONLY", record(reader, F_SETLK, F_WRLCK, 0, 1));
	say_lock("F_RDLCK of O_WRONLY", record(writer, F_SETLK, F_RDLCK, 0, 1));
	close(writer);
	record(fd, F_SETLK, F_WRLCK, 0, 0);
	say_try("before another descriptor is closed", F_WRLCK, 0, 0);
	close(reader);
	say_try("after that", F_WRLCK, 0, 0);
	record(fd, F_SETLK, F_WRLCK, 0, 0);
	say_number("one's own read", get_at(fd, text, sizeof text, 0));
	say_number("one's own write", pwrite(fd, "text", 4, 0));
	record(fd, F_SETLK, F_UNLCK, 0, 0);
}

/* Locks are advice: others read and write all the same. */
static int ignore_locks(void *ctx)
{
	int file = open("f", O_RDWR);
	char text[8];

	(void)ctx;
	return (get_at(file, text, sizeof text, 0) < 0) +
	       2 * (pwrite(file, "x", 1, 2) < 0);
}

static int wait_for_lock(void *ctx)
{
	int *ends = ctx, file = open("f", O_RDWR);

	if (record(file, F_SETLK, F_WRLCK, 0, 0) == 0 ||
		write(ends[1], "w", 1) != 1) {
		return 1;
	}
	return record(file, F_SETLKW, F_WRLCK, 0, 0) < 0 ? errno : 0;
}

static void locks_wait(void)
{
	int ends[2], status = -1;
	char byte;
	pid_t pid;

	if (pipe(ends) < 0) {
		exit(1);
	}
	record(fd, F_SETLK, F_WRLCK, 0, 0);
	say("reading and writing under it", "%d", in_child(ignore_locks, NULL));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		_exit(wait_for_lock(ends));
	}
	say_number("one waits", read(ends[0], &byte, 1));
	usleep(300000);
	say_result("nobody was quicker", waitpid(pid, &status, WNOHANG));
	say_lock("F_UNLCK for it", record(fd, F_SETLK, F_UNLCK, 0, 0));
	waitpid(pid, &status, 0);
	say("it has been granted", "%s",
		WEXITSTATUS(status) ? error_name(WEXITSTATUS(status)) : "yes");
	say_lock("and went with its process",
		record(fd, F_SETLK, F_WRLCK, 0, 0));
	record(fd, F_SETLK, F_UNLCK, 0, 0);
	close(ends[0]);
	close(ends[1]);
}

static void locks_flock(void)
{
	int one = open("f", O_RDWR), two = open("f", O_RDONLY);

	say_lock("LOCK_EX", flock(one, LOCK_EX | LOCK_NB));
	say_lock("LOCK_SH by another", flock(two, LOCK_SH | LOCK_NB));
	say_lock("LOCK_UN", flock(one, LOCK_UN));
	say_lock("LOCK_SH then", flock(two, LOCK_SH | LOCK_NB));
	say_lock("LOCK_SH as well", flock(one, LOCK_SH | LOCK_NB));
	say_lock("LOCK_EX of a reader", flock(one, LOCK_EX | LOCK_NB));
	close(two);
	say_lock("LOCK_EX when it has gone", flock(one, LOCK_EX | LOCK_NB));
	close(one);
}

static void locks_descriptions(void)
{
	int one = open("f", O_RDWR), two = open("f", O_RDWR);

	say_lock("F_OFD_SETLK", record(one, F_OFD_SETLK, F_WRLCK, 0, 10));
	say_lock("by another description",
		record(two, F_OFD_SETLK, F_WRLCK, 5, 1));
	say_lock("behind it", record(two, F_OFD_SETLK, F_WRLCK, 10, 1));
	say_lock("by its own", record(one, F_OFD_SETLK, F_RDLCK, 0, 10));
	say_lock(
		"a reader by another", record(two, F_OFD_SETLK, F_RDLCK, 0, 5));
	say_lock("upgrade under a reader",
		record(one, F_OFD_SETLK, F_WRLCK, 0, 10));
	close(two);
	say_lock("upgrade when it has gone",
		record(one, F_OFD_SETLK, F_WRLCK, 0, 10));
	close(one);
}

void torture_locks(void)
{
	enter("locks");
	put("f", "0123456789");
	fd = open("f", O_RDWR);
	locks_records();
	locks_files();
	locks_wait();
	locks_flock();
	locks_descriptions();
	close(fd);
	leave();
}

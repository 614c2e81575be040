/* SPDX-License-Identifier: MIT */
/*
 * Scenes: what a random schedule meets too seldom. Many files, locks, a
 * counter that both mounts count at the same time, a name that changes its
 * file while somebody holds a lease, and a third party.
 */
#include "caching.h"

#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { MANY = 120, ROUNDS = 40, SWAPS = 6 };

struct text {
	int who;
	const char *path, *wanted;
};

static bool put_text(int who, const char *path, const char *text)
{
	int fd = openat(mounts[who], path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ssize_t n = (ssize_t)strlen(text);

	if (!must(fd, "%c opens %s", side(who), path)) {
		return false;
	}
	return must(write(fd, text, (size_t)n) == n ? 0 : -1, "%c writes %s",
		       side(who), path) &&
	       must(close(fd), "%c closes %s", side(who), path);
}

static bool text_matches(void *ctx, char *seen, size_t room)
{
	const struct text *text = ctx;
	char data[200] = "";
	int fd = openat(mounts[text->who], text->path, O_RDONLY);

	if (fd < 0) {
		snprintf(seen, room, "open: %s", strerrorname_np(errno));
		return false;
	}
	if (read(fd, data, sizeof data - 1) < 0) {
		snprintf(data, sizeof data, "%s", strerrorname_np(errno));
	}
	close(fd);
	snprintf(seen, room, "\"%s\", not \"%s\"", data, text->wanted);
	return strcmp(data, text->wanted) == 0;
}

static void look(int who, const char *path, const char *wanted)
{
	struct text text = {who, path, wanted};

	check(DATA, text_matches, &text, "%c reads %s", side(who), path);
}

static bool is_gone(void *ctx, char *seen, size_t room)
{
	const struct text *text = ctx;
	struct stat st;

	snprintf(seen, room, "still there");
	return fstatat(mounts[text->who], text->path, &st, 0) < 0 &&
	       errno == ENOENT;
}

static bool is_there(void *ctx, char *seen, size_t room)
{
	const struct text *text = ctx;
	struct stat st;

	if (fstatat(mounts[text->who], text->path, &st, 0) == 0) {
		return true;
	}
	snprintf(seen, room, "%s", strerrorname_np(errno));
	return false;
}

/* --- many small files --------------------------------------------------- */

struct count {
	int who, wanted;
	const char *path;
};

static bool count_matches(void *ctx, char *seen, size_t room)
{
	const struct count *count = ctx;
	int n = 0, fd = openat(mounts[count->who], count->path, O_RDONLY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		n += entry->d_name[0] != '.';
	}
	if (dir) {
		closedir(dir);
	}
	snprintf(seen, room, "%d names, not %d", n, count->wanted);
	return n == count->wanted;
}

static void count_names(const char *path, int wanted)
{
	int who;

	for (who = 0; who < 2; who++) {
		struct count count = {who, wanted, path};

		check(LISTING, count_matches, &count, "%c lists %s", side(who),
			path);
	}
}

void scene_many_files(void)
{
	char path[40], text[40];
	int i, left = MANY;

	must(mkdirat(mounts[0], "many", 0755), "a makes many");
	count_names("many", 0);
	for (i = 0; i < MANY; i++) {
		snprintf(path, sizeof path, "many/small-%d", i);
		snprintf(text, sizeof text, "%ld and %d", options.seed, i);
		put_text(i % 2, path, text);
	}
	count_names("many", MANY);
	for (i = 0; i < MANY; i++) {
		snprintf(path, sizeof path, "many/small-%d", i);
		snprintf(text, sizeof text, "%ld and %d", options.seed, i);
		look(!(i % 2), path, text);
	}
	for (i = 0; i < MANY; i += 3) {
		snprintf(path, sizeof path, "many/small-%d", i);
		left -= must(unlinkat(mounts[!(i % 2)], path, 0),
			"%c unlinks %s", side(!(i % 2)), path);
	}
	count_names("many", left);
	for (i = 0; i < MANY; i += 3) {
		struct text gone = {i % 2, path, ""};

		snprintf(path, sizeof path, "many/small-%d", i);
		check(ABSENT, is_gone, &gone, "%c looks for %s", side(i % 2),
			path);
	}
}

/* --- a name that changes its file ---------------------------------------- */

/*
 * The file that `what` names is mapped and held by one side; the other puts
 * another one in its place. The name has the new content, the open file keeps
 * the old one, and what is written by the map goes to the old one.
 */
void scene_rename(void)
{
	int i, fd;
	char *map;

	for (i = 0; i < SWAPS; i++) {
		int who = i % 2;
		char old[40], new[40], name[40];
		struct text gone = {who, name, ""};

		snprintf(old, sizeof old, "old file of round %d", i);
		snprintf(new, sizeof new, "new file of round %d", i);
		snprintf(name, sizeof name, "what-%d", i);
		put_text(who, "target", old);
		put_text(!who, name, new);
		look(!who, "target", old);
		look(who, name, new);
		fd = openat(mounts[who], name, O_RDWR);
		map = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (!must(fd, "%c opens %s", side(who), name) ||
			!must(map == MAP_FAILED ? -1 : 0, "map")) {
			continue;
		}
		map[0] = 'N';
		new[0] = 'N';
		must(msync(map, 8, MS_SYNC), "%c syncs", side(who));
		must(renameat(mounts[!who], name, mounts[!who], "target"),
			"%c renames %s", side(!who), name);
		look(!who, "target", new);
		look(who, "target", new);
		munmap(map, 8);
		must(close(fd), "close");
		check(ABSENT, is_gone, &gone, "%c looks for %s", side(who),
			name);
	}
}

/* --- locks --------------------------------------------------------------- */

static int lock_of(int fd, int command, short type, off_t start, off_t length)
{
	struct flock lock = {.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = start,
		.l_len = length};

	return fcntl(fd, command, &lock);
}

struct lock_try {
	int fd;
	bool granted;
	off_t at;
};

static bool lock_matches(void *ctx, char *seen, size_t room)
{
	const struct lock_try *want = ctx;
	bool granted = lock_of(want->fd, F_SETLK, F_WRLCK, want->at, 10) == 0;

	if (granted) {
		lock_of(want->fd, F_SETLK, F_UNLCK, want->at, 10);
	}
	snprintf(seen, room, "%s", granted ? "granted" : "refused");
	return granted == want->granted;
}

static void expect_lock(int fd, off_t at, bool granted, const char *what)
{
	struct lock_try want = {fd, granted, at};

	check(LOCK, lock_matches, &want, "%s", what);
}

void scene_locks(void)
{
	int a, b;

	put_text(0, "locks", "0123456789abcdefghijklmnopqrstuvwxyz");
	a = openat(mounts[0], "locks", O_RDWR);
	must(lock_of(a, F_SETLK, F_WRLCK, 0, 10), "a locks before b opens");
	b = openat(mounts[1], "locks", O_RDWR);
	must(a < 0 || b < 0 ? -1 : 0, "both open locks");
	/* The lock may be in the memory of the client of a alone until now. */
	expect_lock(b, 5, false, "b locks what a has locked");
	expect_lock(b, 20, true, "b locks elsewhere");
	must(lock_of(a, F_SETLK, F_UNLCK, 0, 10), "a unlocks");
	expect_lock(b, 5, true, "b locks what a has unlocked");
	must(lock_of(b, F_SETLK, F_WRLCK, 0, 10), "b locks");
	expect_lock(a, 0, false, "a locks what b has locked");
	must(pwrite(b, "LOCKED", 6, 0) == 6 ? 0 : -1, "b writes locked bytes");
	must(fsync(b), "b syncs");
	must(lock_of(b, F_SETLK, F_UNLCK, 0, 10), "b unlocks");
	look(0, "locks", "LOCKED6789abcdefghijklmnopqrstuvwxyz");
	must(close(a), "close");
	must(close(b), "close");
}

/* --- a counter ------------------------------------------------------------ */

/*
 * Reads, adds one, writes, under a lock; 0 or errno. The client gives a lock
 * back before it has written what it keeps, hence fsync.
 */
static int count_on(int who)
{
	int i, fd = openat(mounts[who], "counter", O_RDWR);
	char text[32];

	for (i = 0; fd >= 0 && i < ROUNDS; i++) {
		long n;

		if (lock_of(fd, F_SETLKW, F_WRLCK, 0, 1000) < 0) {
			return errno;
		}
		memset(text, 0, sizeof text);
		if (pread(fd, text, sizeof text - 1, 0) < 0) {
			return errno;
		}
		n = strtol(text, NULL, 10);
		snprintf(text, sizeof text, "%08ld ", n + 1);
		if (pwrite(fd, text, 9, 0) != 9 || fsync(fd) < 0) {
			return errno;
		}
		if (lock_of(fd, F_SETLKW, F_UNLCK, 0, 1000) < 0) {
			return errno;
		}
	}
	return fd < 0 || close(fd) < 0 ? errno : 0;
}

void scene_counter(void)
{
	char wanted[20];
	int who, status;
	pid_t pid;

	put_text(0, "counter", "00000000 ");
	fflush(stdout);
	for (who = 0; who < 2; who++) {
		pid = fork();
		if (pid == 0) {
			alarm(120);
			_exit(count_on(who));
		}
		must(pid, "fork");
	}
	for (who = 0; who < 2; who++) {
		if (wait(&status) < 0 || status != 0) {
			broken("counting: %s",
				WIFEXITED(status)
					? strerrorname_np(WEXITSTATUS(status))
					: "took too long");
		}
	}
	snprintf(wanted, sizeof wanted, "%08d ", 2 * ROUNDS);
	look(0, "counter", wanted);
	look(1, "counter", wanted);
}

/* --- a third party ---------------------------------------------------------
 */

static long orders;

/* Somebody outside obeys, and makes the file done-N with what came of it. */
static void order(const char *order, const char *first, const char *second,
	const char *result)
{
	char path[40];
	struct text done = {(int)(orders % 2), path, result};
	long start = now_ms();

	snprintf(path, sizeof path, "done-%ld", ++orders);
	printf("host %ld %s %s %s\n", orders, order, first, second);
	while (!is_there(&done, (char[100]){0}, 100)) {
		if (now_ms() - start > 60000) {
			broken("the host does not %s %s", order, first);
			return;
		}
		wait_ms(50);
	}
	look(0, path, result);
	look(1, path, result);
}

static void one_party(int round, int who)
{
	char own[20], theirs[20], text[40], sum[20];
	struct text gone = {who, theirs, ""};
	int fd;

	snprintf(own, sizeof own, "own-%d", round);
	snprintf(theirs, sizeof theirs, "theirs-%d", round);
	snprintf(text, sizeof text, "round %d of %c", round, side(who));
	/* Held open, not flushed: the host must get what is in our cache. */
	fd = openat(mounts[who], own, O_RDWR | O_CREAT, 0644);
	must(fd, "%c opens %s", side(who), own);
	must(pwrite(fd, text, strlen(text), 0) < 0 ? -1 : 0, "write");
	snprintf(sum, sizeof sum, "%08x", sum_of(text, strlen(text)));
	order("sum", own, "-", sum);
	/* What the host writes, in the place of what we have cached. */
	look(who, own, text);
	order("put", own, "fresh", "ok");
	look(who, own, "fresh");
	look(!who, own, "fresh");
	must(close(fd), "close");
	count_names("many", MANY - (MANY + 2) / 3);
	order("put", theirs, "made-outside", "ok");
	look(who, theirs, "made-outside");
	order("rename", theirs, own, "ok");
	look(!who, own, "made-outside");
	look(who, own, "made-outside");
	check(ABSENT, is_gone, &gone, "%c looks for %s", side(who), theirs);
	order("remove", own, "-", "ok");
	gone.path = own;
	check(ABSENT, is_gone, &gone, "%c looks for %s", side(who), own);
	gone.who = !who;
	check(ABSENT, is_gone, &gone, "%c looks for %s", side(!who), own);
}

void scene_host(void)
{
	int round;

	for (round = 0; options.host && round < 4; round++) {
		one_party(round, round / 2);
	}
}

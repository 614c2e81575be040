/* SPDX-License-Identifier: MIT */
/*
 * The random schedule: twelve names in two directories, operations of either
 * mount on them, and a model of what they hold.
 */
#include "caching.h"

#include <dirent.h>
#include <sys/mman.h>

enum { NAMES = 12, LARGEST = 40000, HELD = 4, OBJECTS = 2048 };

/* A file, whatever its name. */
struct object {
	size_t size;
	mode_t mode;
	int unflushed; /* 1 << mount that may hold data in its cache alone */
	int sole;      /* the mount that may keep what it writes, or -1 */
	int grown_by;  /* the mount that made it longer last */
	int made_by;
	unsigned char data[LARGEST];
};

static struct object objects[NAMES + 2 * HELD + 2];
static bool used[NAMES + 2 * HELD + 2];
static struct object *names[NAMES];
static const struct object *gone[NAMES]; /* what was there before */
static struct held {
	int fd;
	struct object *object;
} held[2][HELD];

/* What a check needs to know. */
struct look {
	int who, fd;
	char path[24];
	const struct object *object;
};

static const char *path_of(int name)
{
	static char text[4][24];
	static int turn;
	char *s = text[turn++ % 4];

	snprintf(s, sizeof text[0], "d%d/file-%d", name % 2, name);
	return s;
}

static struct object *object_create(int who)
{
	size_t i = 0;

	while (used[i]) {
		i++;
	}
	used[i] = true;
	memset(&objects[i], 0, sizeof objects[i]);
	objects[i].mode = 0644;
	objects[i].sole = -1;
	objects[i].grown_by = objects[i].made_by = who;
	return &objects[i];
}

static bool is_held_by(const struct object *object, int who)
{
	int i;

	for (i = 0; i < HELD; i++) {
		if (held[who][i].object == object) {
			return true;
		}
	}
	return false;
}

static bool is_held(const struct object *object)
{
	return is_held_by(object, 0) || is_held_by(object, 1);
}

/*
 * `who` opens: whatever the other one keeps is written, and the one that is
 * alone gets a lease to keep what it writes. A client that keeps handles for a
 * while is not known to be alone.
 */
static void opened(struct object *object, int who)
{
	object->unflushed &= 1 << who;
	object->sole = options.deferred || is_held_by(object, !who) ? -1 : who;
}

static bool is_named(const struct object *object)
{
	int i;

	for (i = 0; i < NAMES; i++) {
		if (names[i] == object) {
			return true;
		}
	}
	return false;
}

static void object_drop(struct object *object)
{
	if (object && !is_held(object) && !is_named(object)) {
		used[object - objects] = false;
	}
}

/* --- checks ------------------------------------------------------------- */

static bool same_data(const struct object *object, const unsigned char *data,
	ssize_t size, char *seen, size_t room)
{
	size_t i = 0;

	if (size == (ssize_t)object->size &&
		memcmp(data, object->data, object->size) == 0) {
		return true;
	}
	while (size > 0 && i < (size_t)size && i < object->size &&
		data[i] == object->data[i]) {
		i++;
	}
	snprintf(seen, room,
		"%zd bytes, sum %08x, not %zu, sum %08x; first difference at "
		"%zu",
		size, size < 0 ? 0 : sum_of(data, (size_t)size), object->size,
		sum_of(object->data, object->size), i);
	return false;
}

static bool read_matches(int fd, const struct look *look, char *s, size_t room)
{
	static unsigned char data[LARGEST + 100];

	return same_data(
		look->object, data, pread(fd, data, sizeof data, 0), s, room);
}

static bool held_matches(void *ctx, char *seen, size_t room)
{
	const struct look *look = ctx;

	return read_matches(look->fd, look, seen, room);
}

static bool file_matches(void *ctx, char *seen, size_t room)
{
	const struct look *look = ctx;
	int fd = openat(mounts[look->who], look->path, O_RDONLY);
	bool good;

	if (fd < 0) {
		snprintf(seen, room, "open: %s", strerrorname_np(errno));
		return false;
	}
	good = read_matches(fd, look, seen, room);
	close(fd);
	return good;
}

static bool mapped_matches(void *ctx, char *seen, size_t room)
{
	const struct look *look = ctx;
	int fd = openat(mounts[look->who], look->path, O_RDONLY);
	size_t size = look->object->size ? look->object->size : 1;
	struct stat st = {.st_size = -1};
	bool good = false;
	void *map;

	if (fd < 0) {
		snprintf(seen, room, "open: %s", strerrorname_np(errno));
		return false;
	}
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	/* Behind the end of what the server has there is SIGBUS. */
	if (map == MAP_FAILED) {
		snprintf(seen, room, "mmap: %s", strerrorname_np(errno));
	} else if (fstat(fd, &st) < 0 ||
		   st.st_size != (off_t)look->object->size) {
		snprintf(seen, room, "size %ld, not %zu", (long)st.st_size,
			look->object->size);
	} else {
		good = same_data(look->object, map, (ssize_t)look->object->size,
			seen, room);
	}
	if (map != MAP_FAILED) {
		munmap(map, size);
	}
	close(fd);
	return good;
}

static bool size_matches(void *ctx, char *seen, size_t room)
{
	const struct look *look = ctx;
	struct stat st;

	if (fstatat(mounts[look->who], look->path, &st, 0) < 0) {
		snprintf(seen, room, "stat: %s", strerrorname_np(errno));
		return false;
	}
	snprintf(seen, room, "size %ld, not %zu", (long)st.st_size,
		look->object->size);
	return st.st_size == (off_t)look->object->size;
}

static bool mode_matches(void *ctx, char *seen, size_t room)
{
	const struct look *look = ctx;
	struct stat st;

	if (fstatat(mounts[look->who], look->path, &st, 0) < 0) {
		snprintf(seen, room, "stat: %s", strerrorname_np(errno));
		return false;
	}
	snprintf(seen, room, "mode %o, not %o", st.st_mode & 07777,
		look->object->mode);
	return (st.st_mode & 07777) == look->object->mode;
}

static bool is_absent(void *ctx, char *seen, size_t room)
{
	const struct look *look = ctx;
	struct stat st;

	if (fstatat(mounts[look->who], look->path, &st, 0) < 0) {
		snprintf(seen, room, "stat: %s", strerrorname_np(errno));
		return errno == ENOENT;
	}
	snprintf(seen, room, "still there, size %ld", (long)st.st_size);
	return false;
}

static bool list_matches(void *ctx, char *seen, size_t room)
{
	const struct look *look = ctx;
	unsigned found = 0, wanted = 0;
	int i, fd = openat(mounts[look->who], look->path, O_RDONLY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		snprintf(seen, room, "opendir: %s", strerrorname_np(errno));
		return false;
	}
	while ((entry = readdir(dir))) {
		if (sscanf(entry->d_name, "file-%d", &i) == 1) {
			found |= 1u << i;
		}
	}
	closedir(dir);
	for (i = look->path[1] - '0'; i < NAMES; i += 2) {
		wanted |= names[i] ? 1u << i : 0;
	}
	snprintf(seen, room, "names %03x, not %03x", found, wanted);
	return found == wanted;
}

/* --- looking ------------------------------------------------------------ */

static void look_at_listing(int who, int directory)
{
	struct look look = {.who = who};

	snprintf(look.path, sizeof look.path, "d%d", directory);
	check(LISTING, list_matches, &look, "%c lists %s", side(who),
		look.path);
}

static void look_at_held(int who)
{
	int i = (int)random_below(HELD);
	struct look look = {.who = who,
		.fd = held[who][i].fd,
		.object = held[who][i].object};

	if (look.object) {
		check(DATA, held_matches, &look, "%c reads an open file",
			side(who));
	}
}

static void look_at_data(int who, struct look *look, struct object *object)
{
	if (random_below(3) == 0) {
		check(MAPPED, mapped_matches, look, "%c maps %s", side(who),
			look->path);
	} else {
		check(DATA, file_matches, look, "%c reads %s", side(who),
			look->path);
	}
	opened(object, who);
}

static void look_at_name(int who, int name)
{
	struct look look = {.who = who, .object = names[name]};

	snprintf(look.path, sizeof look.path, "%s", path_of(name));
	if (!names[name] && gone[name] && is_held_by(gone[name], who)) {
		return; /* the client believes names of what it has open */
	}
	if (!names[name]) {
		check(ABSENT, is_absent, &look, "%c looks for %s", side(who),
			look.path);
		return;
	}
	switch (random_below(options.posix ? 5 : 4)) {
	case 0:
		/* An open of attributes alone makes nobody write. */
		if (!(names[name]->unflushed & ~(1 << who))) {
			check(SIZE, size_matches, &look, "%c asks %s",
				side(who), look.path);
		}
		break;
	case 4:
		if (names[name]->made_by == who) {
			break; /* the client shows 0755 for a while */
		}
		check(MODE, mode_matches, &look, "%c asks %s", side(who),
			look.path);
		break;
	default:
		look_at_data(who, &look, names[name]);
	}
}

/* --- operations --------------------------------------------------------- */

static void let_go(struct held *h, int who)
{
	struct object *object = h->object;
	int i;

	if (!object) {
		return;
	}
	must(close(h->fd), "%c closes", side(who));
	h->object = NULL;
	for (i = 0; i < HELD && held[who][i].object != object; i++) {
	}
	if (i == HELD) {
		object->unflushed &= ~(1 << who);
	}
	object_drop(object);
}

/*
 * Windows keeps the name of a deleted file until the last close, and a client
 * with the POSIX extensions takes the file that comes in its place for the one
 * it has open. A client that keeps handles gets a moment.
 */
static void let_go_of(const struct object *object)
{
	int i;

	for (i = 0; i < 2 * HELD; i++) {
		struct held *h = &held[i / HELD][i % HELD];

		if (h->object == object) {
			let_go(h, i / HELD);
		}
	}
	wait_ms(options.deferred ? 1200 : 0);
}

static void keep_or_close(int who, int fd, struct object *object)
{
	struct held *h = &held[who][random_below(HELD)];

	if (random_below(2)) {
		let_go(h, who);
		*h = (struct held){fd, object};
	} else {
		must(close(fd), "%c closes", side(who));
		object->unflushed &= ~(1 << who);
	}
}

static void fill(unsigned char *data, size_t size)
{
	while (size-- > 0) {
		*data++ = (unsigned char)random_below(256);
	}
}

static void put_data(int who, int fd, struct object *object)
{
	size_t at = random_below((unsigned)object->size + 1);
	size_t n = 1 + random_below(random_below(4) ? 300 : 12000);
	struct look look = {.who = who, .fd = fd, .object = object};

	check(DATA, held_matches, &look, "%c reads before it writes",
		side(who));
	at = at + n > LARGEST ? 0 : at;
	fill(object->data + at, n);
	/*
	 * Linux 7.2 takes what another client has added to a file for zeroes,
	 * and writes them with the page: it has to write everything itself.
	 */
	if (object->grown_by != who) {
		n = at + n > object->size ? at + n : object->size;
		at = 0;
	}
	if (!must(pwrite(fd, object->data + at, n, (off_t)at) == (ssize_t)n
			    ? 0
			    : -1,
		    "%c writes %zu at %zu of %zu", side(who), n, at,
		    object->size)) {
		return;
	}
	object->size = at + n > object->size ? at + n : object->size;
	object->grown_by = who;
	object->unflushed |= 1 << who;
	if ((random_below(2) || object->sole != who) &&
		must(fsync(fd), "%c syncs", side(who))) {
		object->unflushed &= ~(1 << who);
	}
}

static void do_write(int who, int name)
{
	int fd = openat(mounts[who], path_of(name), O_RDWR | O_CREAT, 0644);

	if (!must(fd, "%c opens %s", side(who), path_of(name))) {
		return;
	}
	if (!names[name]) {
		names[name] = object_create(who);
	}
	opened(names[name], who);
	put_data(who, fd, names[name]);
	keep_or_close(who, fd, names[name]);
}

static void do_write_held(int who, int name)
{
	struct held *h = &held[who][name % HELD];

	if (h->object) {
		put_data(who, h->fd, h->object);
	}
}

static void do_append(int who, int name)
{
	struct object *object = names[name];
	size_t n = 1 + random_below(500);
	int fd;

	if (!object || object->size + n > LARGEST || object->grown_by != who) {
		return;
	}
	fd = openat(mounts[who], path_of(name), O_WRONLY | O_APPEND);
	if (!must(fd, "%c opens %s", side(who), path_of(name))) {
		return;
	}
	fill(object->data + object->size, n);
	must(write(fd, object->data + object->size, n) == (ssize_t)n ? 0 : -1,
		"%c appends to %s", side(who), path_of(name));
	object->size += n;
	opened(object, who);
	must(close(fd), "%c closes %s", side(who), path_of(name));
}

static void set_size(int who, struct object *object, size_t size)
{
	if (size > object->size) {
		memset(object->data + object->size, 0, size - object->size);
	} else {
		memset(object->data + size, 0, object->size - size);
	}
	object->size = size;
	object->grown_by = who;
}

static void do_truncate(int who, int name)
{
	struct object *object = names[name];
	size_t size;
	int fd;

	if (!object) {
		return;
	}
	size = random_below((unsigned)object->size + 200);
	size = size > LARGEST ? LARGEST : size;
	/* Who writes does not believe that others have made a file shorter. */
	let_go_of(object);
	fd = openat(mounts[who], path_of(name), O_RDWR);
	if (!must(fd, "%c opens %s", side(who), path_of(name))) {
		return;
	}
	opened(object, who);
	must(ftruncate(fd, (off_t)size), "%c truncates %s to %zu", side(who),
		path_of(name), size);
	set_size(who, object, size);
	must(fsync(fd), "%c syncs", side(who));
	keep_or_close(who, fd, object);
}

static void do_map(int who, int name)
{
	struct object *object = names[name];
	unsigned char *map;
	size_t at;
	int fd;

	if (!object || object->size == 0 || object->grown_by != who) {
		return;
	}
	fd = openat(mounts[who], path_of(name), O_RDWR);
	if (!must(fd, "%c opens %s", side(who), path_of(name))) {
		return;
	}
	opened(object, who);
	at = random_below((unsigned)object->size);
	map = mmap(
		NULL, object->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (must(map == MAP_FAILED ? -1 : 0, "%c maps %s", side(who),
		    path_of(name))) {
		fill(object->data + at, 1);
		map[at] = object->data[at];
		must(msync(map, object->size, MS_SYNC), "%c syncs the map",
			side(who));
		munmap(map, object->size);
	}
	keep_or_close(who, fd, object);
}

static void forget(int name)
{
	struct object *object = names[name];

	gone[name] = object;
	names[name] = NULL;
	object_drop(object);
}

static void do_unlink(int who, int name)
{
	if (!names[name]) {
		return;
	}
	let_go_of(names[name]);
	if (must(unlinkat(mounts[who], path_of(name), 0), "%c unlinks %s",
		    side(who), path_of(name))) {
		forget(name);
	}
}

static void do_rename(int who, int name)
{
	int to = (int)random_below(NAMES);

	if (!names[name] || to == name) {
		return;
	}
	if (names[to]) {
		let_go_of(names[to]);
	}
	if (must(renameat(mounts[who], path_of(name), mounts[who], path_of(to)),
		    "%c renames %s to %s", side(who), path_of(name),
		    path_of(to))) {
		if (names[to]) {
			forget(to);
		}
		names[to] = names[name];
		gone[name] = names[name];
		names[name] = NULL;
	}
	look_at_name(!who, name);
	look_at_name(!who, to);
}

static void do_create(int who, int name)
{
	int fd = openat(
		mounts[who], path_of(name), O_RDWR | O_CREAT | O_EXCL, 0644);

	if (names[name]) {
		must(fd < 0 && errno == EEXIST ? 0 : -1, "%c creates %s again",
			side(who), path_of(name));
		if (fd >= 0) {
			close(fd);
		}
	} else if (must(fd, "%c creates %s", side(who), path_of(name))) {
		names[name] = object_create(who);
		opened(names[name], who);
		keep_or_close(who, fd, names[name]);
	}
}

static void do_chmod(int who, int name)
{
	mode_t mode = 0600 | random_below(0200);

	if (options.posix && names[name] &&
		must(fchmodat(mounts[who], path_of(name), mode, 0),
			"%c chmods %s", side(who), path_of(name))) {
		names[name]->mode = mode;
	}
}

static void do_let_go(int who, int name)
{
	let_go(&held[who][name % HELD], who);
}

static void (*const operations[])(int who, int name) = {do_write, do_write,
	do_write, do_write_held, do_write_held, do_append, do_truncate, do_map,
	do_unlink, do_rename, do_create, do_chmod, do_let_go};

static void look_around(int who, int name)
{
	if (random_below(2)) {
		look_at_name(!who, name);
	}
	if (random_below(3) == 0) {
		look_at_listing(!who, name % 2);
	}
	if (random_below(4) == 0) {
		look_at_held((int)random_below(2));
	}
	if (random_below(4) == 0) {
		look_at_name(who, (int)random_below(NAMES));
	}
}

void schedule(void)
{
	unsigned n = sizeof operations / sizeof operations[0];
	int i, who;

	must(mkdirat(mounts[0], "d0", 0755), "a makes d0");
	must(mkdirat(mounts[1], "d1", 0755), "b makes d1");
	for (step = 1; step <= options.steps; step++) {
		int name = (int)random_below(NAMES);

		who = (int)random_below(2);
		operations[random_below(n)](who, name);
		look_around(who, name);
	}
	for (i = 0; i < NAMES; i++) {
		look_at_name(0, i);
		look_at_name(1, i);
	}
	for (i = 0; i < 2 * HELD; i++) {
		let_go(&held[i / HELD][i % HELD], i / HELD);
	}
	step--;
}

/* SPDX-License-Identifier: MIT */
/*
 * usage: caching [-d] [-p] [-v] [-x] [-s SEED] [-n STEPS] [-l MILLISECONDS] A B
 *
 * A and B are two mounts of one share that do not know of each other. -d: they
 * keep closed handles for a second; -p: with the POSIX extensions; -v: tells
 * every step; -x: somebody outside obeys the lines "host ..."; -l: how long
 * names and attributes may be old. Ends with 1 if a mount showed something old
 * for longer than that, or an operation failed.
 */
#include "caching.h"

#include <stdarg.h>
#include <time.h>

struct options options = {.seed = 1, .steps = 400, .names_limit = 2000};
int mounts[2];
int step;

static const char *const kind_names[KINDS] = {"data", "mapped", "size", "mode",
	"present", "absent", "listing", "lock"};

static struct tally {
	long checks, late, stale, worst;
} tallies[KINDS];
static long errors;
static uint64_t state;

unsigned random_below(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % n;
}

uint32_t sum_of(const void *data, size_t size)
{
	const unsigned char *p = data;
	uint32_t sum = 2166136261u;

	while (size-- > 0) {
		sum = (sum ^ *p++) * 16777619u;
	}
	return sum;
}

long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void wait_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/*
 * Data has the time that a notification needs which nobody acknowledges (a
 * read lease ends without the writer waiting); names and attributes also have
 * the time that the client trusts its own memory for.
 */
static long limit_of(enum kind kind)
{
	return kind == DATA || kind == MAPPED || kind == LOCK
		       ? 1000
		       : options.names_limit;
}

static void tell(const char *what, const char *format, va_list args)
{
	printf("%s %d: ", what, step);
	vprintf(format, args);
}

bool check(enum kind kind, test_fn *test, void *ctx, const char *format, ...)
{
	struct tally *tally = &tallies[kind];
	long start = now_ms(), passed = 0;
	char seen[400] = "";
	va_list args;
	bool good = test(ctx, seen, sizeof seen);

	tally->checks++;
	if (options.trace) {
		va_start(args, format);
		tell(good ? "good" : "not yet", format, args);
		va_end(args);
		printf(": %s\n", good ? "ok" : seen);
	}
	if (good) {
		return true;
	}
	while (!good && passed <= limit_of(kind)) {
		wait_ms(20);
		good = test(ctx, seen, sizeof seen);
		passed = now_ms() - start;
	}
	tally->late += good;
	tally->stale += !good;
	tally->worst = passed > tally->worst ? passed : tally->worst;
	if (!good) {
		va_start(args, format);
		tell("stale", format, args);
		va_end(args);
		printf(": %s\n", good ? "ok" : seen);
	}
	return good;
}

bool must(long result, const char *format, ...)
{
	int error = errno;
	va_list args;

	if (result >= 0 && options.trace) {
		va_start(args, format);
		tell("ok", format, args);
		va_end(args);
		putchar('\n');
	}
	if (result >= 0) {
		return true;
	}
	errors++;
	va_start(args, format);
	tell("error", format, args);
	va_end(args);
	printf(": %s\n", strerrorname_np(error));
	return false;
}

void broken(const char *format, ...)
{
	va_list args;

	errors++;
	va_start(args, format);
	tell("error", format, args);
	va_end(args);
	putchar('\n');
}

/* 1 if something was wrong. */
static int report(void)
{
	long checks = 0, stale = 0;
	int i;

	for (i = 0; i < KINDS; i++) {
		const struct tally *t = &tallies[i];

		checks += t->checks;
		stale += t->stale;
		printf("tally %s: %ld checks, %ld late (at most %ld ms), "
		       "%ld stale\n",
			kind_names[i], t->checks, t->late, t->worst, t->stale);
	}
	printf("total: seed %ld, %d steps, %ld checks, %ld stale, %ld "
	       "errors\n",
		options.seed, step, checks, stale, errors);
	return stale + errors > 0;
}

static int enter(const char *mount, const char *name, bool make)
{
	int fd = open(mount, O_RDONLY | O_DIRECTORY), inner = -1;

	if (fd >= 0 && (!make || mkdirat(fd, name, 0755) == 0)) {
		inner = openat(fd, name, O_RDONLY | O_DIRECTORY);
	}
	if (inner < 0) {
		fprintf(stderr, "caching: %s: %s: %m\n", mount, name);
		exit(2);
	}
	close(fd);
	return inner;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: caching [-d] [-p] [-v] [-x] [-s SEED] [-n STEPS] "
		"[-l MILLISECONDS] A B\n");
	return 2;
}

int main(int argc, char **argv)
{
	char name[40];
	int c;

	while ((c = getopt(argc, argv, "dpxvs:n:l:")) != -1) {
		switch (c) {
		case 'd':
			options.deferred = true;
			break;
		case 'p':
			options.posix = true;
			break;
		case 'v':
			options.trace = true;
			break;
		case 'x':
			options.host = true;
			break;
		case 's':
			options.seed = strtol(optarg, NULL, 10);
			break;
		case 'n':
			options.steps = strtol(optarg, NULL, 10);
			break;
		case 'l':
			options.names_limit = (int)strtol(optarg, NULL, 10);
			break;
		default:
			return usage();
		}
	}
	if (optind + 2 != argc) {
		return usage();
	}
	setlinebuf(stdout);
	umask(0);
	state = (uint64_t)options.seed * 1000003;
	snprintf(name, sizeof name, "caching.%ld.%lx", options.seed,
		(long)time(NULL) * 8 + getpid() % 8);
	mounts[0] = enter(argv[optind], name, true);
	mounts[1] = enter(argv[optind + 1], name, false);
	printf("directory %s\n", name);
	scene_many_files();
	scene_rename();
	scene_locks();
	scene_counter();
	scene_host();
	schedule();
	return report();
}

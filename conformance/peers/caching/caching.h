/* SPDX-License-Identifier: MIT */
/*
 * A schedule of operations on two mounts of one share, each of which caches
 * what the server's leases let it: after each operation the other mount must
 * show the truth. What each check demands, and how soon, stands in
 * README.md beside this file.
 */
#ifndef SMB3X_CACHING_H
#define SMB3X_CACHING_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* What is checked; each kind has its own limit of time. */
enum kind { DATA, MAPPED, SIZE, MODE, PRESENT, ABSENT, LISTING, LOCK, KINDS };

struct options {
	bool posix;    /* modes count; an unlinked file lives on */
	bool deferred; /* closed handles are kept for a second */
	bool trace;    /* every step is told */
	bool host;     /* somebody obeys the lines "host ..." */
	long seed, steps;
	int names_limit; /* milliseconds for names and attributes */
};

extern struct options options;
/* The two mounts, as directories of this run. */
extern int mounts[2];
extern int step; /* of the schedule; told with every failure */

/*
 * Repeats `test` until it holds or the limit of its kind is over; false and a
 * line "stale" if it never does. The test describes what it saw in `seen`.
 */
typedef bool test_fn(void *ctx, char *seen, size_t size);
bool check(enum kind kind, test_fn *test, void *ctx, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* An operation that must work: "error" with errno if result < 0. */
bool must(long result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

unsigned random_below(unsigned n);
uint32_t sum_of(const void *data, size_t size);
long now_ms(void);
void wait_ms(long ms);
static inline char side(int who)
{
	return who ? 'b' : 'a';
}

/* Scenes with an end of their own, then the random schedule. */
void scene_many_files(void);
void scene_counter(void);
void scene_locks(void);
void scene_rename(void);
void scene_host(void);
void schedule(void);

#endif

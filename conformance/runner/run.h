/* SPDX-License-Identifier: MIT */
/*
 * The run: which tests, in which order, one forked child each, at most so
 * many at a time, each ended at its deadline.
 */
#ifndef SMB3X_RUNNER_RUN_H
#define SMB3X_RUNNER_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "runner/text.h"
#include "runner/verdict.h"
#include "suite/test.h"

struct products;

struct options {
	const char *command;
	const char *url;
	const char *const *patterns;
	unsigned int pattern_count;
	const char *json, *junit, *tap, *html, *report, *product, *products;
	const char *product_version;
	const char *second_user;          /* user:password */
	const char *local_path;           /* of the share, here */
	unsigned int tcp_port, quic_port; /* the other way to the server */
	struct quic_target quic;
	unsigned int jobs;
	uint64_t seed;
	bool seed_given;
	unsigned int repeat;
	double time_scale;
	bool strict, keep_all, verbose, no_sanity, no_cleanup, no_probe;
};

/* JSON is all that standard output is to have. */
static inline bool json_to_stdout(const struct options *options)
{
	return options->json != NULL && strcmp(options->json, "-") == 0;
}

/* One test, or one row of a table. */
struct item {
	const struct conf_test *test;
	const void *row;
	const char *row_name;
	char id[160], area[32], group[48];
	unsigned int number; /* unique in the run; its directory's name */
	/* what came out; of the gravest repetition */
	enum verdict verdict;
	char reason[200];
	unsigned int done, verdicts[VERDICT_COUNT];
	double milliseconds;
	struct text json; /* its object in results.json */
};

struct run {
	const struct options *options;
	struct target *target;
	const struct products *products;
	struct item *items;
	unsigned int item_count;
	char name[16];    /* in the names of directories */
	char again[2000]; /* the command that runs a test: before its id */
	struct text directories; /* made so far, one per line */
	unsigned int counts[VERDICT_COUNT];
	bool judged[RULE_COUNT], broken[RULE_COUNT]; /* by any test */
	unsigned int leftovers;
	struct text leftover_names, leftover_reasons; /* one per line */
	double milliseconds;
	char started[32]; /* ISO 8601 */
};

/* All registered tests as items, sorted by id; the array is the caller's.
 * -EINVAL if two tests have the same id. */
int items_all(struct item **ret_items, unsigned int *ret_count);
/* Keeps those that a pattern names: an id, a prefix of one that ends at / or
 * [, a shell pattern, or a rule id. Returns how many are left. */
unsigned int items_select(struct item *items, unsigned int count,
	const char *const *patterns, unsigned int pattern_count);
void items_free(struct item *items, unsigned int count);

/* Runs all items of run. 0, or negative errno when it cannot. */
int run_all(struct run *run);

/* Ends of lines on stderr while a run goes on. */
void progress_begin(const struct run *run, unsigned int total);
void progress_item(const struct run *run, const struct item *item);
void progress_end(void);

#endif

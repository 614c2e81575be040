/* SPDX-License-Identifier: MIT */
/*
 * What became of one test: verdict, product file, evidence on disk, and its
 * object in results.json.
 */
#ifndef SMB3X_RUNNER_CASE_H
#define SMB3X_RUNNER_CASE_H

#include "runner/child.h"
#include "runner/run.h"

struct outcome {
	enum verdict verdict;
	char reason[200];
	double milliseconds;
	struct text json;
};

/* Of a child that has ended; writes its evidence. */
struct outcome case_outcome(
	struct run *run, struct item *item, const struct child *child);
/* Of a test that was not started. */
struct outcome case_refused(struct run *run, struct item *item,
	enum verdict verdict, const char *reason);
/* Repetitions differed: the item's verdict becomes FLAKY(k/n). */
void case_make_flaky(struct item *item);

#endif

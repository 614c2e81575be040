/* SPDX-License-Identifier: MIT */
/*
 * From records to a verdict, and what each verdict means for the exit code.
 */
#ifndef SMB3X_RUNNER_VERDICT_H
#define SMB3X_RUNNER_VERDICT_H

#include <stdbool.h>

#include "suite/log.h"
#include "rules.h"

enum verdict {
	VERDICT_PASS,
	VERDICT_WARN,      /* a SHOULD was not followed */
	VERDICT_FAIL,      /* a MUST was broken */
	VERDICT_XFAIL,     /* as FAIL, known and expected */
	VERDICT_CHANGED,   /* known, but it fails in another way now */
	VERDICT_XPASS,     /* known to fail, but it holds now */
	VERDICT_SKIP,      /* the target lacks what the test is about */
	VERDICT_NOVERDICT, /* the precondition was not reached */
	VERDICT_ERROR,     /* the suite's own mistake */
	VERDICT_FLAKY,     /* repeats differ */
	VERDICT_COUNT,
};

const char *verdict_name(enum verdict verdict);
/* VERDICT_COUNT if it is none. */
enum verdict verdict_by_name(const char *name);

enum {
	EXIT_GOOD = 0,
	EXIT_DEVIATES = 1, /* FAIL, CHANGED, XPASS, FLAKY; WARN if strict */
	EXIT_NOVERDICT = 2,
	EXIT_ERROR = 3,
	EXIT_USAGE = 4, /* also: the target cannot be reached */
};
/* counts by verdict; the gravest code wins: 3, 2, 1, 0. */
int verdict_exit_code(const unsigned int counts[VERDICT_COUNT], bool strict);

/* How the child ended, besides what its log says. */
struct child_end {
	bool killed;      /* at its deadline, or */
	bool interrupted; /* with the whole run */
	int signal;       /* it died of, 0 = none */
	int exit_code;
};

/* The verdict, and why in one sentence (reason, 200 bytes). */
enum verdict verdict_of(const struct log *log, const struct child_end *end,
	char ret_reason[200]);

/* What to say behind a seen value, where success is not what was missed. */
const char *verdict_but(const char *field, const char *seen);

/* Whether a broken rule of this level is a FAIL, a WARN or neither. */
enum verdict verdict_of_level(enum rule_level level);

#endif

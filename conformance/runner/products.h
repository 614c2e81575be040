/* SPDX-License-Identifier: MIT */
/*
 * Product files: what a product in a range of versions is known to do other
 * than the documents say. One block of `key: value` lines per deviation:
 *
 *	product: Samba
 *	versions: 4.22 - 4.25
 *
 *	deviation: core/read/past_end[far]
 *	rule: CORE-READ-0007
 *	seen: STATUS_SUCCESS
 *	class: bug
 *	reason: Answers with an empty response.
 *	tracker: https://...
 *	expires: 2027-12-31
 *
 * `versions` is one version, "A - B", "A -", "- B" or empty (all); B is meant
 * with everything below it. `deviation` is an exact test id or a rule id;
 *`seen`, if given, must equal what the first failing check saw. class: bug,
 *unimplemented, out-of-scope, spec-dispute, environment. reason and expires
 *must be there.
 */
#ifndef SMB3X_RUNNER_PRODUCTS_H
#define SMB3X_RUNNER_PRODUCTS_H

#include "runner/run.h"

struct deviation;

struct deviation_match {
	const struct deviation *deviation; /* of the --product file, or NULL */
};

/* Reads the file that the target is judged by (may be NULL; of it only what
 * holds for version, unless that is NULL) and, for "known from", every file of
 * a directory (may be NULL). Complains on stderr; -EINVAL for unknown ids,
 * missing reasons, entries that have expired. items are all tests there are. */
int products_load(const char *file, const char *version, const char *directory,
	const struct item *items, unsigned int item_count,
	struct products **ret_products);
void products_destroy(struct products *products); /* accepts NULL */

/* FAIL (or WARN) that is known becomes XFAIL or CHANGED, a known one that
 * passes XPASS. products may be NULL. */
struct deviation_match products_judge(const struct products *products,
	const struct item *item, const struct log *log, enum verdict *verdict,
	char reason[200]);
/* The members "deviation" and "known" of a test's object. */
void products_write(struct text *out, const struct products *products,
	const struct item *item, const struct deviation_match *match,
	enum verdict verdict);
/* The member "idle_deviations" of the results: entries that the target was
 * judged by and that nothing in this run met. */
void products_write_idle(struct text *out, const struct run *run);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Asks the target what it has, before the tests: dialects, algorithms,
 * capabilities, FSCTLs, create contexts, limits; each with its evidence.
 */
#ifndef SMB3X_RUNNER_PROBE_H
#define SMB3X_RUNNER_PROBE_H

#include "runner/run.h"

#define PROBE_REASON 800

/* Fills the facts of target, in a child of its own; 0, or with a reason in
 * words -EIO, or -EACCES when nothing that tests are about is in the way. */
int probe(struct target *target, const struct options *options,
	char ret_reason[PROBE_REASON]);
/* sut.json: all facts, as an object. */
void probe_write(struct text *out, const struct target *target);
/* The facts as a table on stdout. */
void probe_print(const struct target *target);

#endif

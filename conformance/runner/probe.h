/* SPDX-License-Identifier: MIT */
/*
 * Asks the target what it has, before the tests: dialects, algorithms,
 * capabilities, FSCTLs, create contexts, limits; each with its evidence.
 */
#ifndef SMB3X_RUNNER_PROBE_H
#define SMB3X_RUNNER_PROBE_H

#include "runner/run.h"

/* Fills the facts of target, in a child of its own; 0, or -EIO with a sentence
 * in reason (200 bytes) if the share cannot be reached. */
int probe(struct target *target, const struct options *options,
	char ret_reason[200]);
/* sut.json: all facts, as an object. */
void probe_write(struct text *out, const struct target *target);
/* The facts as a table on stdout. */
void probe_print(const struct target *target);

#endif

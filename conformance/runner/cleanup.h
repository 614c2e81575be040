/* SPDX-License-Identifier: MIT */
/*
 * Removes what the tests left on the share.
 */
#ifndef SMB3X_RUNNER_CLEANUP_H
#define SMB3X_RUNNER_CLEANUP_H

#include "runner/run.h"

/* Removes what lies at path (from the share's root, with a backslash) and all
 * below it; false if something is left. */
bool share_remove(struct peer *peer, const char *path);

/* Removes every directory of the run with connections of its own, and what
 * lies beside them under names that begin like theirs; what cannot be removed
 * is counted and named in run. */
void cleanup(struct run *run);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The command line that repeats a test, to be pasted into a shell.
 */
#ifndef SMB3X_RUNNER_AGAIN_H
#define SMB3X_RUNNER_AGAIN_H

#include "runner/run.h"

/* Everything before the test's id: the program, the target and the options
 * that a verdict may depend on, quoted for a shell; no password. */
void again_write(
	char *ret, size_t size, const char *program, const struct run *run);

#endif

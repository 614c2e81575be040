/* SPDX-License-Identifier: MIT */
/*
 * Whether the target has what a test is about, by what the probe saw.
 */
#ifndef SMB3X_RUNNER_NEEDS_H
#define SMB3X_RUNNER_NEEDS_H

#include <stdbool.h>

#include "suite/test.h"

/* False: reason (200 bytes) says what is missing and where that was seen. */
bool needs_met(const struct target *target, const struct conf_test *test,
	char ret_reason[200]);

#endif

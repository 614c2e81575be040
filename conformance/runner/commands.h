/* SPDX-License-Identifier: MIT */
/*
 * The commands that need no server. Each returns an exit code.
 */
#ifndef SMB3X_RUNNER_COMMANDS_H
#define SMB3X_RUNNER_COMMANDS_H

#include "runner/run.h"

int command_list(const struct options *options);
int command_report(const struct options *options);
/* 1 if something that was as documented no longer is. */
int command_diff(const struct options *options);
int command_matrix(const struct options *options);

/* Every report that options ask for, from the text of results.json. 0, or
 * EXIT_USAGE when a file cannot be written. */
int reports_make(const struct text *json, const struct options *options);

#endif

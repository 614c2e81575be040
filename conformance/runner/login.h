/* SPDX-License-Identifier: MIT */
/*
 * Who logs on: passwords from the command line, the environment or the
 * terminal.
 */
#ifndef SMB3X_RUNNER_LOGIN_H
#define SMB3X_RUNNER_LOGIN_H

#include "suite/target.h"

/* Completes the users of a target whose URL was parsed; second is
 * USER[:PASSWORD] or NULL. NULL, or what is missing, in words. */
const char *login_complete(struct target *target, const char *second);

#endif

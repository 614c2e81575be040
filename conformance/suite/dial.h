/* SPDX-License-Identifier: MIT */
/*
 * A TCP connection to the target.
 */
#ifndef SMB3X_SUITE_DIAL_H
#define SMB3X_SUITE_DIAL_H

#include "suite/target.h"

/* A connected, non-blocking socket and its two ports; or negative errno. */
int dial(const struct target *target, int timeout_ms, uint16_t *ret_local,
	uint16_t *ret_remote) __attribute__((warn_unused_result));

/* Whether somebody listens there. */
bool dial_answered(
	const struct sockaddr *address, socklen_t size, int timeout_ms);

#endif

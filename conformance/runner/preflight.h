/* SPDX-License-Identifier: MIT */
/*
 * Why a target cannot be judged, for the person who named it: what stands in
 * the way, and what to do about it.
 */
#ifndef SMB3X_RUNNER_PREFLIGHT_H
#define SMB3X_RUNNER_PREFLIGHT_H

#include "runner/text.h"
#include "suite/target.h"

/* How far the questions of the probe came. */
enum stage {
	STAGE_CONNECT,
	STAGE_NEGOTIATE,
	STAGE_LOGON,
	STAGE_SHARE,
	STAGE_FILE,
	STAGE_REST,
};

struct preflight {
	enum stage stage;
	bool answered;     /* NEGOTIATE, in SMB 2 or 3 */
	bool closed;       /* instead of that the connection ended */
	bool not_a_disk;   /* the share */
	uint8_t first[16]; /* what came that is no message of SMB 2 */
	unsigned int first_size;
	char needed[192], seen[192]; /* what ended the questions */
};

/* The way on is barred for every test, and not by what tests are about:
 * nobody there, another protocol, a password, a name. */
bool preflight_barred(const struct preflight *preflight);

/* Two or three sentences; detail is what the suite noted about it. */
void preflight_say(struct text *out, const struct preflight *preflight,
	const struct target *target, const char *detail);

#endif

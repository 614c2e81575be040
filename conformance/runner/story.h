/* SPDX-License-Identifier: MIT */
/*
 * What a request said and what it got, in one line each, from the bytes that
 * travelled.
 */
#ifndef SMB3X_RUNNER_STORY_H
#define SMB3X_RUNNER_STORY_H

#include "runner/text.h"
#include "suite/log.h"

/* What the request of a frame says besides its command: the fields that are
 * not 0, by name. Adds nothing for what is no request of SMB2. */
void story_request(struct text *out, const struct log *log, uint32_t frame);

/* The status of its answer, several for a compound; the frame of the first, 0
 * if there was none. */
uint32_t story_answer(struct text *out, const struct log *log, uint32_t frame);

#endif

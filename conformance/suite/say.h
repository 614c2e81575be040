/* SPDX-License-Identifier: MIT */
/*
 * Values in words, for records and reports.
 */
#ifndef SMB3X_SUITE_SAY_H
#define SMB3X_SUITE_SAY_H

#include "suite/peer.h"

/* "STATUS_X", "no response within 3000 ms", "the connection was closed". */
void say_reply(const struct reply *reply, char *ret_text, size_t size);
/* The command that a reply answers, or "message". */
const char *say_command(const struct reply *reply);
/* "FILE_OPENED (1)", "0x10 (A | B)"; field may be NULL. */
void say_value(const struct wire_field *field, uint64_t value, char *ret_text,
	size_t size);
/* "12 bytes, from byte 4: 01 02 ..." */
void say_bytes(
	struct wire_view bytes, size_t from, char *ret_text, size_t size);

#endif

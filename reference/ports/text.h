/* SPDX-License-Identifier: MIT */
/*
 * Names without regard to case, as the engine (patterns, file identity) and
 * the drivers (look-up on a disk that minds case) both need them. Simple
 * upper-casing of the Basic Multilingual Plane, one code point to one, like
 * the table that [MS-FSA] 2.1.4.4 asks the object store for.
 */
#ifndef SMB3X_PORTS_TEXT_H
#define SMB3X_PORTS_TEXT_H

#include <stdbool.h>
#include <stdint.h>

uint32_t text_upcase(uint32_t code_point);

/* The next code point of a UTF-8 string and moves *p behind it; 0 at the end.
 * A byte that is no valid UTF-8 counts as 0xdc00 + byte. */
uint32_t text_next(const char **p);

/* Order and equality of UTF-8 strings after upper-casing. */
int text_compare_nocase(const char *a, const char *b);
bool text_equal_nocase(const char *a, const char *b);

#endif

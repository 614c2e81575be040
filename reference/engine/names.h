/* SPDX-License-Identifier: MIT */
/*
 * Names of requests: path and stream ([MS-FSCC] 2.1.5), and the patterns of
 * QUERY_DIRECTORY ([MS-FSA] 2.1.4.4).
 */
#ifndef SMB3X_ENGINE_NAMES_H
#define SMB3X_ENGINE_NAMES_H

#include "engine/state.h"

#define NAME_STREAM_MAX 768 /* 255 characters of UTF-8 and the end */

struct file_name {
	char path[LIMIT_PATH];        /* as ports/files.h wants it */
	char stream[NAME_STREAM_MAX]; /* "" = the unnamed data */
	bool directory; /* trailing backslash or $INDEX_ALLOCATION */
	bool data;      /* a stream type of $DATA was given */
};

/* STATUS_SUCCESS, or what the request is to fail with. */
uint32_t name_parse(struct wire_view utf16, struct file_name *ret_name);

/* The new name of a stream, ":name" or ":name:$DATA". */
uint32_t name_parse_stream(struct wire_view utf16, char *ret_stream);

/* A single component of a path: no separator, no wildcard. */
bool name_component_valid(const char *name, size_t n);

/* UTF-8 path to UTF-16 in the request's memory, separators as slashes and
 * backslashes of names as they are, or not; p == NULL without memory. */
struct wire_view name_as_seen(
	struct request *req, const char *path, bool slashes, bool backslashes);
/* The same with backslashes, as Windows has it. */
struct wire_view name_to_wire(struct request *req, const char *path);

bool pattern_match(const char *pattern, const char *name);
/* The same for names that differ in case. */
bool pattern_match_exact(const char *pattern, const char *name);

#endif

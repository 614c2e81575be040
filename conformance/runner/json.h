/* SPDX-License-Identifier: MIT */
/*
 * JSON read into a tree ([RFC 8259]). Reports, diff and matrix are made from
 * what this reads, so that results.json is the truth and not a by-product.
 */
#ifndef SMB3X_RUNNER_JSON_H
#define SMB3X_RUNNER_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_kind {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json {
	enum json_kind kind;
	char *key;  /* in an object */
	char *text; /* JSON_STRING, UTF-8 */
	double number;
	size_t count;
	struct json *first, *last, *next;
};

/* NULL if the text is not JSON. */
struct json *json_parse(const char *text, size_t n);
void json_destroy(struct json *json); /* accepts NULL */

/* All accept NULL and a tree of another shape. */
const struct json *json_get(const struct json *object, const char *key);
const char *json_text(const struct json *object, const char *key); /* or "" */
int64_t json_int(const struct json *object, const char *key);      /* or 0 */
bool json_true(const struct json *object, const char *key);
/* First element or member; then ->next. */
const struct json *json_first(const struct json *object, const char *key);

#endif

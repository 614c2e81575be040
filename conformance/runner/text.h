/* SPDX-License-Identifier: MIT */
/*
 * A text that grows, and JSON written into one. Memory running out ends the
 * program: a runner that cannot hold its results has none.
 */
#ifndef SMB3X_RUNNER_TEXT_H
#define SMB3X_RUNNER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *p; /* terminated; NULL while empty */
	size_t n, cap;
};

void text_add(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void text_put(struct text *text, const char *bytes, size_t n);
void text_finish(struct text *text); /* frees */

/* Writes the whole text to a file; 0 or negative errno. */
int text_save(const struct text *text, const char *path)
	__attribute__((warn_unused_result));
/* Reads a whole file; 0 or negative errno. */
int text_load(struct text *ret_text, const char *path)
	__attribute__((warn_unused_result));

/*
 * JSON: json_key() and json_item() write the comma that is due before them.
 * Strings are cleaned of what is not UTF-8.
 */
void json_open(struct text *text, char bracket);  /* '{' or '[' */
void json_close(struct text *text, char bracket); /* '}' or ']' */
void json_key(struct text *text, const char *key);
void json_item(struct text *text);
void json_string(struct text *text, const char *value);
void json_pair(struct text *text, const char *key, const char *value);
void json_number(struct text *text, const char *key, int64_t value);
void json_bool(struct text *text, const char *key, bool value);

#endif

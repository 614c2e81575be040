/* SPDX-License-Identifier: MIT */
/*
 * A text that grows, and JSON written into one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/text.h"

static void reserve(struct text *text, size_t more)
{
	size_t cap = text->cap;

	if (text->n + more + 1 <= cap) {
		return;
	}
	while (cap < text->n + more + 1) {
		cap = cap * 2 + 256;
	}
	text->p = realloc(text->p, cap);
	if (text->p == NULL) {
		fputs("smb3x-check: out of memory\n", stderr);
		exit(3);
	}
	text->cap = cap;
}

void text_put(struct text *text, const char *bytes, size_t n)
{
	reserve(text, n);
	memcpy(text->p + text->n, bytes, n);
	text->n += n;
	text->p[text->n] = '\0';
}

void text_add(struct text *text, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	reserve(text, (size_t)n);
	va_start(ap, format);
	vsnprintf(text->p + text->n, (size_t)n + 1, format, ap);
	va_end(ap);
	text->n += (size_t)n;
}

void text_finish(struct text *text)
{
	free(text->p);
	*text = (struct text){0};
}

int text_save(const struct text *text, const char *path)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *f = standard ? stdout : fopen(path, "we");
	int error = 0;

	if (f == NULL) {
		return -errno;
	}
	if (text->n != 0 && fwrite(text->p, text->n, 1, f) != 1) {
		error = -EIO;
	}
	if ((standard ? fflush(f) : fclose(f)) != 0 && error == 0) {
		error = -errno;
	}
	return error;
}

int text_load(struct text *ret_text, const char *path)
{
	char chunk[65536];
	struct text text = {0};
	FILE *f = fopen(path, "re");
	size_t n;
	int error;

	if (f == NULL) {
		return -errno;
	}
	text_put(&text, "", 0);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) != 0) {
		text_put(&text, chunk, n);
	}
	error = ferror(f) ? -EIO : 0;
	fclose(f);
	if (error != 0) {
		text_finish(&text);
		return error;
	}
	*ret_text = text;
	return 0;
}

/* --- JSON ----------------------------------------------------------------- */

void json_open(struct text *text, char bracket)
{
	text_put(text, &bracket, 1);
}

void json_close(struct text *text, char bracket)
{
	text_put(text, &bracket, 1);
}

void json_item(struct text *text)
{
	char last = text->n != 0 ? text->p[text->n - 1] : '[';

	if (last != '[' && last != '{' && last != ':') {
		text_put(text, ",\n", 2);
	}
}

/* Bytes of the UTF-8 sequence at p, 0 if it is none. */
static size_t sequence(const unsigned char *p)
{
	size_t n = p[0] < 0x80   ? 1
		   : p[0] < 0xc2 ? 0
		   : p[0] < 0xe0 ? 2
		   : p[0] < 0xf0 ? 3
		   : p[0] < 0xf5 ? 4
				 : 0;
	size_t i;

	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		(p[0] == 0xf0 && p[1] < 0x90) ||
		(p[0] == 0xf4 && p[1] > 0x8f)) {
		return 0;
	}
	return n;
}

void json_string(struct text *text, const char *value)
{
	const unsigned char *p = (const unsigned char *)value;

	text_put(text, "\"", 1);
	while (*p != '\0') {
		size_t n = sequence(p);

		if (*p == '"' || *p == '\\') {
			text_add(text, "\\%c", *p++);
		} else if (*p < 0x20 || n == 0) {
			text_add(text, "\\u%04x", n == 0 ? 0xfffd : *p);
			p++;
		} else {
			text_put(text, (const char *)p, n);
			p += n;
		}
	}
	text_put(text, "\"", 1);
}

void json_key(struct text *text, const char *key)
{
	json_item(text);
	json_string(text, key);
	text_put(text, ":", 1);
}

void json_pair(struct text *text, const char *key, const char *value)
{
	json_key(text, key);
	json_string(text, value);
}

void json_number(struct text *text, const char *key, int64_t value)
{
	json_key(text, key);
	text_add(text, "%" PRId64, value);
}

void json_bool(struct text *text, const char *key, bool value)
{
	json_key(text, key);
	text_add(text, "%s", value ? "true" : "false");
}

/* SPDX-License-Identifier: MIT */
/*
 * JSON read into a tree, [RFC 8259].
 */
#include <stdlib.h>
#include <string.h>

#include "runner/json.h"

#define DEPTH_MAX 64

struct reader {
	const char *p, *end;
	unsigned int depth;
};

static struct json *value(struct reader *r);

static void space(struct reader *r)
{
	while (r->p < r->end && strchr(" \t\r\n", *r->p) != NULL &&
		*r->p != '\0') {
		r->p++;
	}
}

static bool take(struct reader *r, char c)
{
	space(r);
	if (r->p < r->end && *r->p == c) {
		r->p++;
		return true;
	}
	return false;
}

static bool hex4(struct reader *r, unsigned int *ret)
{
	unsigned int v = 0, i;

	if (r->end - r->p < 4) {
		return false;
	}
	for (i = 0; i < 4; i++, r->p++) {
		char c = *r->p;

		v = v << 4;
		if (c >= '0' && c <= '9') {
			v |= (unsigned int)(c - '0');
		} else if ((c | 32) >= 'a' && (c | 32) <= 'f') {
			v |= (unsigned int)((c | 32) - 'a' + 10);
		} else {
			return false;
		}
	}
	*ret = v;
	return true;
}

static size_t put_utf8(char *out, unsigned int c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 63));
	out[2] = (char)(0x80 | (c >> 6 & 63));
	out[3] = (char)(0x80 | (c & 63));
	return 4;
}

/* The character behind a backslash. */
static bool escape(struct reader *r, char *out, size_t *n)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;
	unsigned int c, low;

	if (r->p == r->end) {
		return false;
	}
	at = *r->p != '\0' ? strchr(from, *r->p) : NULL;
	if (at != NULL) {
		out[(*n)++] = to[at - from];
		r->p++;
		return true;
	}
	if (*r->p++ != 'u' || !hex4(r, &c)) {
		return false;
	}
	if (c >= 0xd800 && c < 0xdc00 && r->end - r->p >= 6 &&
		r->p[0] == '\\' && r->p[1] == 'u') {
		r->p += 2;
		if (!hex4(r, &low)) {
			return false;
		}
		c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
	}
	*n += put_utf8(out + *n, c);
	return true;
}

/* How long the string from here on is as it is written, which is never shorter
 * than as it is meant; the quote that ends it is not counted. */
static size_t written(const struct reader *r)
{
	const char *p = r->p;

	while (p < r->end && *p != '"') {
		p += *p == '\\' && r->end - p > 1 ? 2 : 1;
	}
	return (size_t)(p - r->p);
}

/* Behind the opening quote; NULL if malformed. */
static char *string(struct reader *r)
{
	char *out = malloc(written(r) + 1);
	size_t n = 0;

	if (out == NULL) {
		return NULL;
	}
	while (r->p < r->end && *r->p != '"' && (unsigned char)*r->p >= 0x20) {
		char c = *r->p++;

		if (c != '\\') {
			out[n++] = c;
		} else if (!escape(r, out, &n)) {
			free(out);
			return NULL;
		}
	}
	if (r->p == r->end || *r->p++ != '"') {
		free(out);
		return NULL;
	}
	out[n] = '\0';
	return out;
}

static bool append(struct json *parent, struct json *child)
{
	if (child == NULL) {
		return false;
	}
	if (parent->last != NULL) {
		parent->last->next = child;
	} else {
		parent->first = child;
	}
	parent->last = child;
	parent->count++;
	return true;
}

static bool member(struct reader *r, struct json *object)
{
	struct json *child;
	char *key;

	if (!take(r, '"')) {
		return false;
	}
	key = string(r);
	if (key == NULL) {
		return false;
	}
	child = take(r, ':') ? value(r) : NULL;
	if (child == NULL) {
		free(key);
		return false;
	}
	child->key = key;
	return append(object, child);
}

static bool container(struct reader *r, struct json *parent, char end)
{
	bool ok = true;

	if (take(r, end)) {
		return true;
	}
	do {
		ok = end == '}' ? member(r, parent) : append(parent, value(r));
	} while (ok && take(r, ','));
	return ok && take(r, end);
}

static bool word(struct reader *r, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, text, n) != 0) {
		return false;
	}
	r->p += n;
	return true;
}

static bool number(struct reader *r, struct json *json)
{
	char *end;

	if (r->p == r->end || strchr("-0123456789", *r->p) == NULL) {
		return false;
	}
	json->number = strtod(r->p, &end); /* the text is terminated */
	if (end == r->p || end > r->end) {
		return false;
	}
	r->p = end;
	return true;
}

static bool fill(struct reader *r, struct json *json)
{
	if (take(r, '{')) {
		json->kind = JSON_OBJECT;
		return container(r, json, '}');
	}
	if (take(r, '[')) {
		json->kind = JSON_ARRAY;
		return container(r, json, ']');
	}
	if (take(r, '"')) {
		json->kind = JSON_STRING;
		json->text = string(r);
		return json->text != NULL;
	}
	if (word(r, "true")) {
		json->kind = JSON_TRUE;
		return true;
	}
	if (word(r, "false")) {
		json->kind = JSON_FALSE;
		return true;
	}
	if (word(r, "null")) {
		return true;
	}
	json->kind = JSON_NUMBER;
	return number(r, json);
}

static struct json *value(struct reader *r)
{
	struct json *json;

	if (r->depth == DEPTH_MAX) {
		return NULL;
	}
	json = calloc(1, sizeof(*json));
	if (json == NULL) {
		return NULL;
	}
	r->depth++;
	space(r);
	if (!fill(r, json)) {
		json_destroy(json);
		json = NULL;
	}
	r->depth--;
	return json;
}

struct json *json_parse(const char *text, size_t n)
{
	struct reader r = {.p = text, .end = text + n};
	struct json *json = value(&r);

	space(&r);
	if (json != NULL && r.p != r.end) {
		json_destroy(json);
		return NULL;
	}
	return json;
}

void json_destroy(struct json *json)
{
	while (json != NULL) {
		struct json *next = json->next;

		json_destroy(json->first);
		free(json->key);
		free(json->text);
		free(json);
		json = next;
	}
}

const struct json *json_get(const struct json *object, const char *key)
{
	const struct json *j;

	if (object == NULL || object->kind != JSON_OBJECT) {
		return NULL;
	}
	for (j = object->first; j != NULL; j = j->next) {
		if (strcmp(j->key, key) == 0) {
			return j;
		}
	}
	return NULL;
}

const char *json_text(const struct json *object, const char *key)
{
	const struct json *j = json_get(object, key);

	return j != NULL && j->kind == JSON_STRING ? j->text : "";
}

int64_t json_int(const struct json *object, const char *key)
{
	const struct json *j = json_get(object, key);

	return j != NULL && j->kind == JSON_NUMBER ? (int64_t)j->number : 0;
}

bool json_true(const struct json *object, const char *key)
{
	const struct json *j = json_get(object, key);

	return j != NULL && j->kind == JSON_TRUE;
}

const struct json *json_first(const struct json *object, const char *key)
{
	const struct json *j = json_get(object, key);

	return j != NULL ? j->first : NULL;
}

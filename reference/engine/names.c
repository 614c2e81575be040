/* SPDX-License-Identifier: MIT */
/* Path and stream names of requests. [MS-FSCC] 2.1.5, [MS-FSA] 2.1.5.1 */
#include "engine/names.h"

#include <string.h>
#include <strings.h>

#include "ports/text.h"

#define NAME_COMPONENT_MAX 255 /* UTF-16 code units */

/* Length in UTF-16 code units. */
static size_t name_units(const char *name, size_t n)
{
	const char *end = name + n;
	size_t units = 0;

	while (name < end) {
		units += text_next(&name) > 0xffff ? 2 : 1;
	}
	return units;
}

bool name_component_valid(const char *name, size_t n)
{
	size_t i;

	if (n == 0 || (n == 1 && name[0] == '.') ||
		(n == 2 && name[0] == '.' && name[1] == '.')) {
		return false;
	}
	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)name[i];

		if (RULE(CORE_CREATE_0010) && c < 0x20) {
			return false;
		}
		if (c == 0 || c == '/' ||
			(RULE(CORE_CREATE_0010) && strchr("\"|<>*?", c)) ||
			c == ':' || c == '\\') {
			return false;
		}
	}
	return name_units(name, n) <= NAME_COMPONENT_MAX;
}

/* A stream name may hold everything but separators. [MS-FSCC] 2.1.5.3 */
static bool name_stream_valid(const char *name, size_t n)
{
	return n < NAME_STREAM_MAX && !memchr(name, '/', n) &&
	       !memchr(name, '\\', n) && !memchr(name, ':', n) &&
	       name_units(name, n) <= NAME_COMPONENT_MAX;
}

/* ":stream", ":stream:type" or "::type" behind a file's name. */
static uint32_t name_split_stream(const char *tail, struct file_name *name)
{
	const char *stream = tail + 1;
	size_t n = strcspn(stream, ":");
	const char *type = stream[n] == ':' ? stream + n + 1 : NULL;

	if (!name_stream_valid(stream, n) || (n == 0 && !type) ||
		(type && *type == 0)) {
		return STATUS_OBJECT_NAME_INVALID;
	}
	if (type && strcasecmp(type, "$INDEX_ALLOCATION") == 0) {
		if (n != 0 && strncasecmp(stream, "$I30", n) != 0) {
			return STATUS_OBJECT_NAME_INVALID;
		}
		name->directory = true;
		return STATUS_SUCCESS;
	}
	if (RULE(CORE_CREATE_0046) && type && strcasecmp(type, "$DATA") != 0) {
		return STATUS_OBJECT_NAME_INVALID;
	}
	name->data = type;
	memcpy(name->stream, stream, n);
	name->stream[n] = 0;
	return STATUS_SUCCESS;
}

/* Each component of a path with '/'; the text before a stream's colon. */
static uint32_t name_check_path(const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && memcmp(path, "..", 2) == 0) {
			return RULE(CORE_CREATE_0008)
				       ? STATUS_INVALID_PARAMETER
				       : STATUS_OBJECT_PATH_SYNTAX_BAD;
		}
		if (name_units(path, n) > NAME_COMPONENT_MAX) {
			return RULE(CORE_CREATE_0011)
				       ? STATUS_OBJECT_NAME_INVALID
				       : STATUS_OBJECT_PATH_SYNTAX_BAD;
		}
		if (!name_component_valid(path, n)) {
			return STATUS_OBJECT_NAME_INVALID;
		}
		path += n;
		path += *path == '/';
	}
	return STATUS_SUCCESS;
}

/* UTF-16 to UTF-8 with '/' for the backslash. */
static uint32_t name_convert(struct wire_view utf16, char *ret_path)
{
	int n = wire_utf16_to_utf8(utf16, ret_path, LIMIT_PATH - 1);
	int i;

	if (n < 0) {
		return STATUS_OBJECT_NAME_INVALID;
	}
	ret_path[n] = 0;
	for (i = 0; i < n; i++) {
		if (ret_path[i] == 0 || ret_path[i] == '/') {
			return STATUS_OBJECT_NAME_INVALID;
		}
		if (ret_path[i] == '\\') {
			ret_path[i] = '/';
		}
	}
	return STATUS_SUCCESS;
}

uint32_t name_parse(struct wire_view utf16, struct file_name *ret_name)
{
	struct file_name *name = ret_name;
	uint32_t status;
	char *last, *colon;
	size_t n;

	*name = (struct file_name){0};
	status = name_convert(utf16, name->path);
	if (status) {
		return status;
	}
	n = strlen(name->path);
	if (name->path[0] == '/') {
		return RULE(CORE_CREATE_0007) ? STATUS_INVALID_PARAMETER
					      : STATUS_OBJECT_NAME_INVALID;
	}
	if (n > 0 && name->path[n - 1] == '/') {
		name->path[--n] = 0;
		name->directory = true;
	}
	last = strrchr(name->path, '/');
	colon = strchr(last ? last : name->path, ':');
	if (colon) {
		status = name_split_stream(colon, name);
		*colon = 0;
		/* "dir\:stream" names no file. */
		if (!status && last && colon == last + 1) {
			status = STATUS_OBJECT_NAME_INVALID;
		}
	}
	return status ? status : name_check_path(name->path);
}

uint32_t name_parse_stream(struct wire_view utf16, char *ret_stream)
{
	struct file_name name = {0};
	char text[LIMIT_PATH];
	uint32_t status = name_convert(utf16, text);

	if (status || text[0] != ':') {
		return status ? status : STATUS_OBJECT_NAME_INVALID;
	}
	status = name_split_stream(text, &name);
	if (!status && name.directory) {
		status = STATUS_OBJECT_NAME_INVALID;
	}
	if (!status) {
		memcpy(ret_stream, name.stream, strlen(name.stream) + 1);
	}
	return status;
}

struct wire_view name_as_seen(
	struct request *req, const char *path, bool slashes, bool backslashes)
{
	size_t size = strlen(path) * 2 + 2, i;
	uint8_t *p = request_alloc(req, size);
	int n = p ? wire_utf8_to_utf16(path, p, size) : -1;

	if (n < 0) {
		return (struct wire_view){0};
	}
	for (i = 0; i + 1 < (size_t)n; i += 2) {
		uint16_t c = wire_get16(p + i);

		if (c == '/' && !slashes) {
			wire_put16(p + i, '\\');
		} else if (c == '\\' && !backslashes) {
			wire_put16(p + i, '_');
		}
	}
	return wire_view_of(p, (size_t)n);
}

struct wire_view name_to_wire(struct request *req, const char *path)
{
	return name_as_seen(req, path, false, true);
}

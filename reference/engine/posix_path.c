/* SPDX-License-Identifier: MIT */
/*
 * Names of POSIX opens and the new names of their files: '/' between
 * components, every other character ordinary, no streams. spec/posix/path.adoc
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "engine/fileops.h"
#include "engine/posix.h"

#define POSIX_COMPONENT_MAX 255 /* bytes of UTF-8 */

/* ---- what broken rules make of a name ---- */

/* Puts text of to in the place of text of from. */
static void spoil_replace(char *path, const char *from, const char *to)
{
	size_t n = strlen(from), m = strlen(to);
	char *at = path;

	while ((at = strstr(at, from))) {
		memmove(at + m, at + n, strlen(at + n) + 1);
		memcpy(at, to, m);
		at += m;
	}
}

/* Which components are taken away before anything is looked up. */
struct cleaning {
	bool empty, dot, dots;
};

static bool spoil_takes(
	const struct cleaning *clean, const char *name, size_t n, bool last)
{
	if (n == 0) {
		return clean->empty && !last;
	}
	return n == 1 && name[0] == '.' && clean->dot;
}

static void spoil_components(char *path, const struct cleaning *clean)
{
	char *out = path;
	const char *at = path;
	bool more = *path;

	while (more) {
		size_t n = strcspn(at, "/");
		const char *next = at + n;
		bool up = n == 2 && at[0] == '.' && at[1] == '.' &&
			  clean->dots && out > path;

		more = *next == '/';
		if (up) {
			/* Together with what precedes it. */
			for (out--; out > path && out[-1] != '/'; out--) {
			}
		} else if (!spoil_takes(clean, at, n, !more)) {
			memmove(out, at, n);
			out += n;
			*out++ = '/';
		}
		at = next + 1;
	}
	*(out > path ? out - 1 : out) = 0;
}

static void spoil_ends(char *path)
{
	size_t n = strlen(path);

	while (n > 0 && strchr(". ", path[n - 1])) {
		path[--n] = 0;
	}
}

static void spoil(const struct request *req, char *path)
{
	size_t n = strlen(path);
	bool samba = posix_is_like(req->tree, POSIX_LIKE_SAMBA);
	const struct cleaning clean = {.empty = !RULE(PSX_PATH_0019) || samba,
		.dot = !RULE(PSX_PATH_0020) || samba,
		.dots = !RULE(PSX_PATH_0021) || samba};

	if (!RULE(PSX_PATH_0006) ||
		posix_is_like(req->tree, POSIX_LIKE_KSMBD)) {
		spoil_replace(path, "\\", "/");
	}
	if (!RULE(PSX_PATH_0014)) {
		spoil_replace(path, "e\xcc\x81", "\xc3\xa9");
	}
	if (!RULE(PSX_PATH_0018) && n > 1 && path[n - 1] == '/') {
		path[n - 1] = 0;
	}
	if (clean.empty || clean.dot || clean.dots) {
		spoil_components(path, &clean);
	}
	if (!RULE(PSX_PATH_0009)) {
		spoil_ends(path);
	}
}

/* Names that DOS took for devices. */
static bool name_is_device(const char *name, size_t n)
{
	static const char *const devices[] = {"CON", "PRN", "AUX", "NUL"};
	size_t i;

	for (i = 0; i < 4; i++) {
		if (n >= 3 && strncasecmp(name, devices[i], 3) == 0 &&
			(n == 3 || name[3] == '.')) {
			return true;
		}
	}
	return n == 4 &&
	       (strncasecmp(name, "COM", 3) == 0 ||
		       strncasecmp(name, "LPT", 3) == 0) &&
	       name[3] >= '1' && name[3] <= '9';
}

static bool name_has_dos_character(const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c < 0x20 || c == 0x7f || strchr("\"*<>?|", c)) {
			return true;
		}
	}
	return false;
}

/* What only a server for Windows would refuse. */
static uint32_t spoil_component(const char *name, size_t n)
{
	if (!RULE(PSX_PATH_0007) && memchr(name, ':', n)) {
		return STATUS_OBJECT_NAME_INVALID;
	}
	if (!RULE(PSX_PATH_0008) && name_has_dos_character(name, n)) {
		return STATUS_OBJECT_NAME_INVALID;
	}
	if (!RULE(PSX_PATH_0010) && name_is_device(name, n)) {
		return STATUS_OBJECT_NAME_INVALID;
	}
	if (!RULE(PSX_PATH_0011) && n > 5 && !memcmp(name, "@GMT-", 5)) {
		return STATUS_OBJECT_NAME_NOT_FOUND;
	}
	return STATUS_SUCCESS;
}

/* ---- names of requests ---- */

static bool name_is_dots(const char *name, size_t n)
{
	return (n == 1 && name[0] == '.') ||
	       (n == 2 && name[0] == '.' && name[1] == '.');
}

static uint32_t posix_check_component(
	enum posix_name_use use, const char *name, size_t n)
{
	size_t most = RULE(PSX_PATH_0016) ? POSIX_COMPONENT_MAX
					  : POSIX_COMPONENT_MAX - 1;

	if (n == 0) {
		return use != POSIX_NAME_RENAME || RULE(PSX_RENAME_0024)
			       ? STATUS_OBJECT_NAME_INVALID
			       : STATUS_INVALID_PARAMETER;
	}
	if (name_is_dots(name, n)) {
		return use != POSIX_NAME_RENAME || RULE(PSX_RENAME_0004)
			       ? STATUS_OBJECT_NAME_INVALID
			       : STATUS_INVALID_PARAMETER;
	}
	if (use == POSIX_NAME_RENAME && !RULE(PSX_RENAME_0002) &&
		(memchr(name, '\\', n) || memchr(name, ':', n))) {
		return STATUS_OBJECT_NAME_INVALID;
	}
	if (use == POSIX_NAME_LINK && !RULE(PSX_HARDLINK_0002) &&
		(memchr(name, '\\', n) || memchr(name, ':', n))) {
		return STATUS_OBJECT_NAME_INVALID;
	}
	if (n > most) {
		return RULE(PSX_PATH_0024) ? STATUS_NAME_TOO_LONG
					   : STATUS_OBJECT_NAME_INVALID;
	}
	return spoil_component(name, n);
}

/* A name from the root of the share has no slash in front. */
static bool posix_refuses_root(enum posix_name_use use)
{
	switch (use) {
	case POSIX_NAME_RENAME:
		return RULE(PSX_RENAME_0003);
	case POSIX_NAME_LINK:
		return RULE(PSX_HARDLINK_0010);
	default:
		return RULE(PSX_PATH_0017);
	}
}

/* UTF-16 to UTF-8; a character of value zero is none. */
static uint32_t posix_name_convert(struct wire_view utf16, char *ret_path)
{
	int n = wire_utf16_to_utf8(utf16, ret_path, LIMIT_PATH - 1);

	if (n == -EILSEQ) {
		return RULE(PSX_PATH_0023) ? STATUS_OBJECT_NAME_INVALID
					   : STATUS_OBJECT_NAME_NOT_FOUND;
	}
	if (n < 0) {
		return STATUS_NAME_TOO_LONG;
	}
	ret_path[n] = 0;
	if (memchr(ret_path, 0, (size_t)n)) {
		if (!RULE(PSX_SAFETY_0004)) {
			return STATUS_SUCCESS;
		}
		return RULE(PSX_PATH_0022) ? STATUS_OBJECT_NAME_INVALID
					   : STATUS_OBJECT_PATH_NOT_FOUND;
	}
	return STATUS_SUCCESS;
}

uint32_t posix_name_parse(const struct request *req, struct wire_view utf16,
	enum posix_name_use use, struct file_name *ret_name)
{
	struct file_name *name = ret_name;
	uint32_t status = posix_name_convert(utf16, name->path);
	const char *at = name->path;

	name->stream[0] = 0;
	name->directory = name->data = false;
	if (status || name->path[0] == 0) {
		return status;
	}
	if (name->path[0] == '/') {
		if (posix_refuses_root(use)) {
			return STATUS_INVALID_PARAMETER;
		}
		memmove(name->path, name->path + 1, strlen(name->path));
	}
	if (use == POSIX_NAME_OPEN) {
		spoil(req, name->path);
	}
	if (!RULE(PSX_PATH_0005) && strchr(name->path, '/')) {
		return STATUS_OBJECT_NAME_INVALID;
	}
	while (!status && name->path[0]) {
		size_t length = strcspn(at, "/");

		status = posix_check_component(use, at, length);
		if (at[length] == 0) {
			break;
		}
		at += length + 1;
	}
	return status;
}

/* ---- names of answers ---- */

bool name_is_posix_only(const char *name)
{
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		if (c < 0x20 || strchr("\"*/:<>?\\|", c)) {
			return true;
		}
	}
	return false;
}

/* SPDX-License-Identifier: MIT */
/* Paths and symbolic links as text. [MS-SMB2] 2.2.2.2.1, 3.2.5.7 */
#include "client/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One component at a time; false at the end. */
static bool next_component(
	const char **at, const char **ret_name, size_t *ret_n)
{
	const char *p = *at + strspn(*at, "/");
	size_t n = strcspn(p, "/");
	*ret_name = p;
	*ret_n = n;
	*at = p + n;
	return n > 0;
}

static bool is_dots(const char *name, size_t n, size_t dots)
{
	return n == dots && strncmp(name, "..", n) == 0;
}

/* What a server without the extensions would take for something else. */
static bool is_reserved(const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)name[i] < 0x20 ||
			strchr("\"*:<>?|\\", name[i]) != NULL) {
			return true;
		}
	}
	return false;
}

static int append(char *out, size_t *used, const char *name, size_t n)
{
	if (*used + n + 1 > PATH_BYTES_MAX) {
		return -ENAMETOOLONG;
	}
	if (*used > 0) {
		out[(*used)++] = '/';
	}
	memcpy(out + *used, name, n);
	*used += n;
	out[*used] = '\0';
	return 0;
}

/* Appends the components of text to out. */
static int append_path(char *out, size_t *used, const char *text, bool posix)
{
	const char *name;
	size_t n;
	while (next_component(&text, &name, &n)) {
		if (is_dots(name, n, 1)) {
			continue;
		}
		if (n > PATH_COMPONENT_MAX) {
			return -ENAMETOOLONG;
		}
		if (!posix && is_reserved(name, n)) {
			return -EINVAL;
		}
		int error = append(out, used, name, n);
		if (error < 0) {
			return error;
		}
	}
	return 0;
}

int path_begin(struct path_walk *walk, const char *path)
{
	char *out = calloc(1, PATH_BYTES_MAX + 1);
	if (out == NULL) {
		return -ENOMEM;
	}
	size_t used = 0;
	int error = append_path(out, &used, path, walk->posix);
	if (error < 0) {
		free(out);
		return error;
	}
	walk->path = out;
	walk->verified = 0;
	walk->links = 0;
	return 0;
}

void path_finish(struct path_walk *walk)
{
	free(walk->path);
	walk->path = NULL;
}

size_t path_parent(const char *path, size_t n)
{
	while (n > 0 && path[n - 1] != '/') {
		n--;
	}
	return n > 0 ? n - 1 : 0;
}

/* Removes the ".." behind the n bytes that are verified, with the component
 * before it. */
static int climb(struct path_walk *walk, size_t n)
{
	if (n == 0) {
		return -EXDEV;
	}
	size_t parent = path_parent(walk->path, n);
	char *rest = walk->path + n + strlen("/..");
	if (parent == 0 && *rest == '/') {
		rest++;
	}
	memmove(walk->path + parent, rest, strlen(rest) + 1);
	walk->verified = parent;
	return 0;
}

int path_step(struct path_walk *walk, size_t *ret_prefix)
{
	const char *at = walk->path;
	const char *name;
	size_t n;
	while (next_component(&at, &name, &n)) {
		if (!is_dots(name, n, 2)) {
			continue;
		}
		size_t start = (size_t)(name - walk->path);
		size_t prefix = start == 0 ? 0 : start - 1;
		if (prefix > walk->verified) {
			*ret_prefix = prefix;
			return 1;
		}
		int error = climb(walk, prefix);
		if (error < 0) {
			return error;
		}
		at = walk->path;
	}
	return 0;
}

void path_verified(struct path_walk *walk, size_t prefix)
{
	walk->verified = prefix;
}

/* Bytes of UTF-16 that a character of UTF-8 becomes, by its first byte; what
 * was sent has been found well-formed. */
static size_t utf16_bytes(unsigned char first)
{
	return (first & 0xc0) == 0x80 ? 0 : first >= 0xf0 ? 4 : 2;
}

/* Where the link ends in the first `asked` bytes. */
static int link_end(
	const char *path, size_t asked, size_t unparsed, size_t *ret_end)
{
	size_t end = asked;
	size_t left = unparsed;
	while (left > 0 && end > 0) {
		size_t unit = utf16_bytes((unsigned char)path[--end]);
		if (unit > left) {
			return -EPROTO;
		}
		left -= unit;
	}
	if (left > 0 || end == 0 || (end < asked && path[end] != '/')) {
		return -EPROTO;
	}
	*ret_end = end;
	return 0;
}

int path_stopped(
	struct path_walk *walk, size_t asked, const struct path_stop *stop)
{
	size_t end = 0;
	if (!stop->known ||
		link_end(walk->path, asked, stop->unparsed, &end) < 0 ||
		end <= walk->verified) {
		return -EPROTO;
	}
	if (++walk->links > PATH_LINKS_MAX) {
		return -ELOOP;
	}
	bool absolute = stop->absolute || stop->target[0] == '/';
	if (stop->target[0] == '\0') {
		return -ENOENT;
	}
	if (absolute && (!walk->share_roots || stop->target[0] != '/')) {
		return -EXDEV;
	}
	char *out = calloc(1, PATH_BYTES_MAX + 1);
	if (out == NULL) {
		return -ENOMEM;
	}
	/* The server came as far as the link: what is before it is no link. */
	size_t used = absolute ? 0 : path_parent(walk->path, end);
	memcpy(out, walk->path, used);
	size_t verified = used;
	int error = append_path(out, &used, stop->target, walk->posix);
	if (error == 0) {
		error = append_path(out, &used, walk->path + end, walk->posix);
	}
	if (error < 0) {
		free(out);
		return error;
	}
	free(walk->path);
	walk->path = out;
	walk->verified = verified;
	return 0;
}

bool path_is_name(const char *name, size_t n)
{
	return n > 0 && memchr(name, '/', n) == NULL &&
	       memchr(name, '\0', n) == NULL && !is_dots(name, n, 1) &&
	       !is_dots(name, n, 2);
}

/* SPDX-License-Identifier: MIT */
/* smb:// URLs. */
#include "client/target.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SCHEME "smb://"

static char no_path[] = "";
static char default_port[] = "445";

/* Cuts *text at the first of a set of characters; NULL when there is none. */
static char *cut(char *text, char at)
{
	char *found = strchr(text, at);
	if (found == NULL) {
		return NULL;
	}
	*found = '\0';
	return found + 1;
}

static int digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0'
					 : tolower((unsigned char)c) - 'a' + 10;
}

static int unescape(char *text)
{
	char *out = text;
	for (char *p = text; *p != '\0'; p++) {
		if (*p != '%') {
			*out++ = *p;
			continue;
		}
		if (!isxdigit((unsigned char)p[1]) ||
			!isxdigit((unsigned char)p[2])) {
			return -EINVAL;
		}
		char c = (char)(digit(p[1]) << 4 | digit(p[2]));
		if (c == '\0') {
			return -EINVAL;
		}
		*out++ = c;
		p += 2;
	}
	*out = '\0';
	return 0;
}

static void strip_slashes(char *path)
{
	size_t n = strlen(path);
	while (n > 0 && path[n - 1] == '/') {
		path[--n] = '\0';
	}
}

/* host, host:port, [address] or [address]:port */
static int split_host(char *text, struct target *t)
{
	t->host = text;
	t->port = default_port;
	char *port = NULL;
	if (*text == '[') {
		t->host = text + 1;
		char *rest = cut(t->host, ']');
		if (rest == NULL || (*rest != '\0' && *rest != ':')) {
			return -EINVAL;
		}
		port = *rest == ':' ? rest + 1 : NULL;
	} else {
		port = cut(text, ':');
	}
	t->port_given = port != NULL;
	if (port != NULL) {
		t->port = port;
	}
	return *t->host == '\0' || *t->port == '\0' ? -EINVAL : 0;
}

static int split(char *text, struct target *t)
{
	char *share = cut(text, '/');
	if (share == NULL) {
		return -EINVAL;
	}
	t->share = share;
	char *path = cut(share, '/');
	t->path = path == NULL ? no_path : path;
	strip_slashes(t->path);
	char *host = text;
	char *at = strrchr(text, '@');
	if (at != NULL) {
		*at = '\0';
		host = at + 1;
		t->user = text;
		t->password = cut(text, ':');
	}
	return *t->share == '\0' ? -EINVAL : split_host(host, t);
}

int target_parse(const char *url, struct target *ret_target)
{
	size_t scheme = strlen(SCHEME);
	if (strncmp(url, SCHEME, scheme) != 0) {
		return -EINVAL;
	}
	struct target t = {.text = strdup(url + scheme)};
	if (t.text == NULL) {
		return -ENOMEM;
	}
	int error = split(t.text, &t);
	char *parts[] = {t.user, t.password, t.share, t.path};
	for (size_t i = 0; error == 0 && i < 4; i++) {
		error = parts[i] == NULL ? 0 : unescape(parts[i]);
	}
	if (error < 0) {
		free(t.text);
		return error;
	}
	*ret_target = t;
	return 0;
}

void target_finish(struct target *target)
{
	free(target->text);
	*target = (struct target){0};
}

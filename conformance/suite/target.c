/* SPDX-License-Identifier: MIT */
/*
 * The address of the server under test, and the facts about it.
 */
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite/dial.h"
#include "suite/target.h"

#define SCHEME "smb://"
#define SCHEME_QUIC "smb+quic://"
#define DEFAULT_PORT "445"
#define DEFAULT_PORT_QUIC "443"
#define CHOICE_MS 2000 /* for each address of a host that has several */

/* Copies [from, to) with %XX decoded; false if it does not fit. */
static bool part(char *ret, size_t size, const char *from, const char *to)
{
	size_t n = 0;

	while (from < to && n + 1 < size) {
		unsigned int c;

		if (*from == '%' && to - from >= 3 &&
			sscanf(from + 1, "%2x", &c) == 1) {
			ret[n++] = (char)c;
			from += 3;
		} else {
			ret[n++] = *from++;
		}
	}
	ret[n] = '\0';
	return from == to;
}

/* [domain;]user[:password] */
static bool parse_user(struct target *t, const char *from, const char *to)
{
	const char *semi = memchr(from, ';', (size_t)(to - from));
	const char *colon;

	if (semi != NULL) {
		if (!part(t->domain, sizeof(t->domain), from, semi)) {
			return false;
		}
		from = semi + 1;
	}
	colon = memchr(from, ':', (size_t)(to - from));
	if (colon == NULL) {
		return part(t->user, sizeof(t->user), from, to);
	}
	return part(t->user, sizeof(t->user), from, colon) &&
	       part(t->password, sizeof(t->password), colon + 1, to);
}

static bool is_port(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return isdigit((unsigned char)text[0]) && *end == '\0' && n > 0 &&
	       n <= 65535;
}

/* host, [address], with :port; the port goes to ret_port. */
static bool parse_host(
	struct target *t, const char *from, const char *to, char ret_port[8])
{
	const char *colon;

	if (*from == '[') {
		const char *end = memchr(from, ']', (size_t)(to - from));

		if (end == NULL ||
			!part(t->host, sizeof(t->host), from + 1, end)) {
			return false;
		}
		colon = end + 1 < to && end[1] == ':' ? end + 1 : NULL;
	} else {
		colon = memchr(from, ':', (size_t)(to - from));
		if (!part(t->host, sizeof(t->host), from,
			    colon != NULL ? colon : to)) {
			return false;
		}
	}
	if (colon == NULL) {
		snprintf(ret_port, 8, "%s",
			t->over_quic ? DEFAULT_PORT_QUIC : DEFAULT_PORT);
		return true;
	}
	return part(ret_port, 8, colon + 1, to) && is_port(ret_port);
}

/* What follows smb:// or smb+quic://; NULL if neither is there. */
static const char *behind_scheme(struct target *t, const char *url)
{
	t->over_quic = strncmp(url, SCHEME_QUIC, strlen(SCHEME_QUIC)) == 0;
	if (t->over_quic) {
		return url + strlen(SCHEME_QUIC);
	}
	return strncmp(url, SCHEME, strlen(SCHEME)) == 0 ? url + strlen(SCHEME)
							 : NULL;
}

/* Appends a part of a URL as the URL spells it. */
static void spell(char *url, size_t size, const char *text)
{
	size_t n = strlen(url);

	for (; *text != '\0' && n + 4 < size; text++) {
		unsigned char c = (unsigned char)*text;

		if (isalnum(c) || strchr("-._~$!", c) != NULL || c >= 0x80) {
			url[n++] = (char)c;
		} else {
			n += (size_t)snprintf(url + n, size - n, "%%%02X", c);
		}
		url[n] = '\0';
	}
}

/* The URL without the password. */
static void write_url(struct target *t, const char *port)
{
	bool six = strchr(t->host, ':') != NULL;
	size_t size = sizeof(t->url), n;

	snprintf(t->url, size, "%s", t->over_quic ? SCHEME_QUIC : SCHEME);
	if (t->domain[0] != '\0') {
		spell(t->url, size, t->domain);
		n = strlen(t->url);
		snprintf(t->url + n, size - n, ";");
	}
	spell(t->url, size, t->user);
	n = strlen(t->url);
	snprintf(t->url + n, size - n, "%s%s%s%s:%s/",
		t->user[0] != '\0' ? "@" : "", six ? "[" : "", t->host,
		six ? "]" : "", port);
	spell(t->url, size, t->share);
}

/* Of several addresses the first one where somebody listens, as a browser
 * does: a name may have an IPv6 address that its server does not serve. */
static void choose_address(struct target *t, const struct addrinfo *found)
{
	const struct addrinfo *a = found;

	while (!t->over_quic && a->ai_next != NULL &&
		!dial_answered(a->ai_addr, a->ai_addrlen, CHOICE_MS)) {
		a = a->ai_next;
	}
	memcpy(&t->address, a->ai_addr, a->ai_addrlen);
	t->address_size = a->ai_addrlen;
}

const char *target_fault(const char *url)
{
	struct target scratch = {0};
	const char *p = behind_scheme(&scratch, url), *slash, *host;

	if (p == NULL) {
		return "it does not begin with smb:// or smb+quic://";
	}
	slash = strchr(p, '/');
	if (slash == NULL || slash[1] == '\0' || slash[1] == '/') {
		return "it has no share behind the host";
	}
	host = memrchr(p, '@', (size_t)(slash - p));
	host = host != NULL ? host + 1 : p;
	p = memchr(host, ':', (size_t)(slash - host));
	if (*host != '[' && p != NULL &&
		memchr(p + 1, ':', (size_t)(slash - p - 1)) != NULL) {
		return "an IPv6 address stands in brackets, as in "
		       "smb://user:password@[::1]:445/share";
	}
	return "the port is not a number from 1 to 65535, or a part is too "
	       "long";
}

int target_parse(struct target *ret_target, const char *url)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
	struct target *t = calloc(1, sizeof(*t));
	const char *p, *slash, *at;
	char port[8] = "";
	int r = -EINVAL;

	if (t == NULL) {
		return -ENOMEM;
	}
	p = behind_scheme(t, url);
	slash = p != NULL ? strchr(p, '/') : NULL;
	at = slash != NULL ? memrchr(p, '@', (size_t)(slash - p)) : NULL;
	if (slash == NULL || slash[1] == '\0' ||
		(at != NULL && !parse_user(t, p, at)) ||
		!parse_host(t, at != NULL ? at + 1 : p, slash, port) ||
		!part(t->share, sizeof(t->share), slash + 1,
			slash + 1 + strcspn(slash + 1, "/"))) {
		goto out;
	}
	memcpy(ret_target->host, t->host, sizeof(t->host));
	r = -ENOENT;
	if (getaddrinfo(t->host, port, &hints, &found) != 0) {
		goto out;
	}
	choose_address(t, found);
	freeaddrinfo(found);
	*(t->over_quic ? &t->quic_port : &t->tcp_port) =
		(uint16_t)strtoul(port, NULL, 10);
	write_url(t, port);
	*ret_target = *t;
	r = 0;
out:
	free(t);
	return r;
}

const struct fact *target_fact(
	const struct target *target, enum fact_kind kind, uint64_t value)
{
	unsigned int i;

	for (i = 0; i < target->fact_count; i++) {
		if (target->facts[i].kind == kind &&
			target->facts[i].value == value) {
			return &target->facts[i];
		}
	}
	return NULL;
}

const struct fact *target_fact_named(
	const struct target *target, enum fact_kind kind, const char *name)
{
	unsigned int i;

	for (i = 0; i < target->fact_count; i++) {
		if (target->facts[i].kind == kind &&
			strcmp(target->facts[i].name, name) == 0) {
			return &target->facts[i];
		}
	}
	return NULL;
}

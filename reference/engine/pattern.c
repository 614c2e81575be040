/* SPDX-License-Identifier: MIT */
/*
 * Wildcards of QUERY_DIRECTORY. [MS-FSA] 2.1.4.4
 *
 * The expression is run as a set of states (positions in the expression), one
 * step per character of the name, so that no pattern takes more than
 * name x pattern steps.
 */
#include <string.h>

#include "engine/names.h"
#include "ports/rule.h"
#include "ports/text.h"

#define PATTERN_MAX 512

/* DOS wildcards. [MS-FSA] 2.1.4.3 */
#define DOS_STAR '<'
#define DOS_QM '>'
#define DOS_DOT '"'

struct pattern {
	uint32_t c[PATTERN_MAX];
	size_t n;
	bool exact; /* case matters */
};

/* Adds a state and those that are reached without a character of the name.
 * at_dot: what follows in the name is a period; at_end: nothing does. */
static void pattern_add(const struct pattern *p, uint8_t *set, size_t i,
	bool at_dot, bool at_end)
{
	while (i <= p->n && !set[i]) {
		set[i] = 1;
		if (i == p->n) {
			return;
		}
		if (p->c[i] == '*' || p->c[i] == DOS_STAR ||
			(p->c[i] == DOS_QM && (at_dot || at_end)) ||
			(p->c[i] == DOS_DOT && at_end)) {
			i++;
		} else {
			return;
		}
	}
}

/* Does state i take the character c, and does it stay where it is? */
static bool pattern_takes(const struct pattern *p, size_t i, uint32_t c,
	bool later_dot, bool *ret_stays)
{
	uint32_t e = p->c[i];

	*ret_stays = false;
	if (e == '*') {
		*ret_stays = RULE(CORE_QUERYDIR_0014);
		return false;
	}
	if (e == DOS_STAR) {
		/* Up to the last period of the name, which ends it. */
		*ret_stays = c != '.' || later_dot;
		return c == '.';
	}
	if (e == '?') {
		return true;
	}
	if (e == DOS_QM) {
		return c != '.';
	}
	if (e == DOS_DOT) {
		return c == '.';
	}
	return RULE(CORE_QUERYDIR_0015) && !p->exact
		       ? text_upcase(e) == text_upcase(c)
		       : e == c;
}

static void pattern_step(const struct pattern *p, const uint8_t *from,
	uint8_t *to, uint32_t c, const char *rest)
{
	bool at_dot = *rest == '.', at_end = *rest == 0;
	size_t i;

	memset(to, 0, p->n + 1);
	for (i = 0; i < p->n; i++) {
		bool stays, takes;

		if (!from[i]) {
			continue;
		}
		takes = pattern_takes(
			p, i, c, strchr(rest, '.') != NULL, &stays);
		if (stays) {
			pattern_add(p, to, i, at_dot, at_end);
		}
		if (takes) {
			pattern_add(p, to, i + 1, at_dot, at_end);
		}
	}
}

static bool pattern_run(const char *pattern, const char *name, bool exact)
{
	uint8_t sets[2][PATTERN_MAX + 1] = {{0}};
	struct pattern p = {.exact = exact};
	unsigned int now = 0;

	if (*pattern == 0 || *name == 0) {
		return *pattern == *name;
	}
	if (strcmp(pattern, "*") == 0 || strcmp(pattern, "*.*") == 0) {
		return true;
	}
	while (*pattern && p.n < PATTERN_MAX) {
		p.c[p.n++] = text_next(&pattern);
	}
	if (*pattern) {
		return false;
	}
	pattern_add(&p, sets[0], 0, *name == '.', false);
	while (*name) {
		uint32_t c = text_next(&name);

		pattern_step(&p, sets[now], sets[!now], c, name);
		now = !now;
	}
	return sets[now][p.n];
}

bool pattern_match(const char *pattern, const char *name)
{
	return pattern_run(pattern, name, false);
}

bool pattern_match_exact(const char *pattern, const char *name)
{
	return pattern_run(pattern, name, true);
}

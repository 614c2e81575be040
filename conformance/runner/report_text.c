/* SPDX-License-Identifier: MIT */
/*
 * The report for a terminal: a table per group, every test that is not PASS
 * with its evidence, and a last line that names all states that occurred.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/report.h"

#define GROUPS_MAX 256
#define STEPS_SHOWN 8
#define LEFTOVERS_SHOWN 5
#define LACKS_MAX 128 /* different reasons; the last takes all others */
#define LACKS_SHOWN 6

struct group {
	const char *area, *group;
	unsigned int counts[VERDICT_COUNT], total;
};

static const char *colour_of(enum verdict v, bool colour)
{
	static const char *const colours[VERDICT_COUNT] = {
		[VERDICT_PASS] = "\033[32m",
		[VERDICT_WARN] = "\033[33m",
		[VERDICT_FAIL] = "\033[31m",
		[VERDICT_XFAIL] = "\033[36m",
		[VERDICT_CHANGED] = "\033[31m",
		[VERDICT_XPASS] = "\033[35m",
		[VERDICT_SKIP] = "\033[90m",
		[VERDICT_NOVERDICT] = "\033[35m",
		[VERDICT_ERROR] = "\033[31;1m",
		[VERDICT_FLAKY] = "\033[35m",
	};

	return colour && v < VERDICT_COUNT ? colours[v] : "";
}

static struct group *group_of(struct group *groups, const struct json *test)
{
	unsigned int i;

	for (i = 0; i < GROUPS_MAX - 1 && groups[i].area != NULL; i++) {
		if (strcmp(groups[i].area, json_text(test, "area")) == 0 &&
			strcmp(groups[i].group, json_text(test, "group")) ==
				0) {
			break;
		}
	}
	groups[i].area = json_text(test, "area");
	groups[i].group = json_text(test, "group");
	return &groups[i];
}

static void table(struct text *out, const struct json *results, bool colour)
{
	static struct group groups[GROUPS_MAX];
	bool used[VERDICT_COUNT] = {[VERDICT_PASS] = true};
	const struct json *test;
	unsigned int i, v;

	memset(groups, 0, sizeof(groups));
	for (test = json_first(results, "tests"); test; test = test->next) {
		struct group *g = group_of(groups, test);

		v = verdict_by_name(json_text(test, "verdict"));
		if (v < VERDICT_COUNT) {
			g->counts[v]++;
			used[v] = true;
		}
		g->total++;
	}
	text_add(out, "%-28s %6s", "group", "tests");
	for (v = 0; v < VERDICT_COUNT; v++) {
		if (used[v]) {
			text_add(out, " %9s", verdict_name(v));
		}
	}
	text_add(out, "\n");
	for (i = 0; i < GROUPS_MAX && groups[i].area != NULL; i++) {
		text_add(out, "%s/%-*s %6u", groups[i].area,
			(int)(27 - strlen(groups[i].area)), groups[i].group,
			groups[i].total);
		for (v = 0; v < VERDICT_COUNT; v++) {
			unsigned int n = groups[i].counts[v];

			if (used[v] && n == 0) {
				text_add(out, " %9s", ".");
			} else if (used[v]) {
				text_add(out, " %s%9u%s", colour_of(v, colour),
					n, colour ? "\033[0m" : "");
			}
		}
		text_add(out, "\n");
	}
}

/* "added, G-32" is the project's word for what no document says. */
static void source_of(struct text *out, const char *source)
{
	static const char added[] = "added, G-";
	const char *at;

	while ((at = strstr(source, added)) != NULL) {
		text_put(out, source, (size_t)(at - source));
		text_add(out, "decision G-");
		source = at + strlen(added);
	}
	text_add(out, "%s", source);
}

static void rules_of(struct text *out, const struct json *test)
{
	const struct json *c, *rule;
	const char *first = "";

	for (c = json_first(test, "checks"); c != NULL; c = c->next) {
		if (!json_true(c, "held") && json_text(c, "rule")[0] != '\0') {
			first = json_text(c, "rule");
			break;
		}
	}
	for (rule = json_first(test, "rules"); rule; rule = rule->next) {
		if (strcmp(json_text(rule, "id"), first) == 0) {
			text_add(out, "  rule       %s (%s, ", first,
				json_text(rule, "level"));
			source_of(out, json_text(rule, "source"));
			text_add(out, ")\n             %s\n",
				json_text(rule, "text"));
		}
	}
}

/* What a request said, and what it got. */
static void story_of(struct text *out, const struct json *s)
{
	if (json_text(s, "said")[0] != '\0') {
		text_add(out, ": %s", json_text(s, "said"));
	}
	if (json_int(s, "frame") != 0) {
		text_add(out, " (frame %lld)", (long long)json_int(s, "frame"));
	}
	if (json_int(s, "answer_frame") != 0) {
		text_add(out, " -> %s (frame %lld)", json_text(s, "answer"),
			(long long)json_int(s, "answer_frame"));
	}
	text_add(out, "\n");
}

static void steps_of(struct text *out, const struct json *test)
{
	const struct json *steps = json_get(test, "steps"), *s;
	unsigned int skip, i = 0;
	const char *label = "did";

	/* the last ones, and what the test says about itself */
	skip = steps != NULL && steps->count > STEPS_SHOWN
		       ? (unsigned int)steps->count - STEPS_SHOWN
		       : 0;
	for (s = json_first(test, "steps"); s != NULL; s = s->next) {
		if (i++ < skip && json_true(s, "automatic")) {
			continue;
		}
		text_add(out, "  %-10s %lld. %s", label,
			(long long)json_int(s, "number"), json_text(s, "text"));
		story_of(out, s);
		label = "";
	}
}

static void checks_of(struct text *out, const struct json *test)
{
	const struct json *c;

	for (c = json_first(test, "checks"); c != NULL; c = c->next) {
		const char *field = json_text(c, "field");

		if (json_true(c, "held")) {
			continue;
		}
		text_add(out, "  expected   %s%s%s\n", field,
			field[0] != '\0' ? " = " : "",
			json_text(c, "expected"));
		text_add(out, "  seen       %s%s", json_text(c, "seen"),
			verdict_but(field, json_text(c, "seen")));
		if (json_int(c, "frame") != 0) {
			text_add(out, "   [%s: frame %lld",
				json_text(c, "peer"),
				(long long)json_int(c, "frame"));
			if (json_get(c, "offset") != NULL) {
				text_add(out, ", byte 0x%llx",
					(long long)json_int(c, "offset"));
			}
			text_add(out, "]");
		}
		text_add(out, "  %s\n", json_text(c, "at"));
	}
}

/* The command names files below the report; here it is to be pasted. */
static void look(struct text *out, const char *command, const char *folder)
{
	static const char begin[] = "tshark -r ";

	if (strncmp(command, begin, strlen(begin)) == 0 && folder != NULL) {
		text_add(out, "  look       %s%s/%s\n", begin, folder,
			command + strlen(begin));
	} else if (strncmp(command, begin, strlen(begin)) == 0) {
		text_add(out, "  look       %s\n", command);
	} else {
		text_add(out, "  look       %s  # while it is repeated\n",
			command);
	}
}

static void ending_of(
	struct text *out, const struct json *test, const char *folder)
{
	const struct json *k, *files = json_get(test, "files");
	const struct json *d = json_get(test, "deviation");

	for (k = json_first(test, "known"); k != NULL; k = k->next) {
		text_add(out, "  known      %s %s: %s (%s)\n",
			json_text(k, "product"), json_text(k, "versions"),
			json_text(k, "reason"), json_text(k, "class"));
	}
	if (d != NULL) {
		text_add(out, "  expected of %s %s: %s (%s, until %s)\n",
			json_text(d, "product"), json_text(d, "versions"),
			json_text(d, "reason"), json_text(d, "class"),
			json_text(d, "expires"));
	}
	text_add(out, "  reproduce  %s\n", json_text(test, "reproduce"));
	if (files != NULL) {
		look(out, json_text(files, "tshark"), folder);
	}
	if (json_text(test, "output")[0] != '\0') {
		text_add(out, "  output     %s\n", json_text(test, "output"));
	}
}

void report_block(struct text *out, const struct json *test, const char *folder,
	bool colour)
{
	enum verdict v = verdict_by_name(json_text(test, "verdict"));

	text_add(out, "\n%s%s%s %s\n  %s\n", colour_of(v, colour),
		json_text(test, "verdict"), colour ? "\033[0m" : "",
		json_text(test, "id"), json_text(test, "title"));
	if (v != VERDICT_FAIL && v != VERDICT_WARN && v != VERDICT_XFAIL) {
		text_add(out, "  because    %s\n", json_text(test, "reason"));
	}
	rules_of(out, test);
	steps_of(out, test);
	checks_of(out, test);
	ending_of(out, test, folder);
}

static void idle(struct text *out, const struct json *results)
{
	const struct json *d;

	for (d = json_first(results, "idle_deviations"); d; d = d->next) {
		text_add(out, "\nnot met: the product file lists %s, but %s",
			json_text(d, "subject"), json_text(d, "why"));
	}
	if (json_first(results, "idle_deviations") != NULL) {
		text_add(out, "\n");
	}
}

static void last_line(struct text *out, const struct json *results, bool colour)
{
	const struct json *summary = json_get(results, "summary");
	const struct json *head = json_get(results, "headline");
	unsigned int v;

	text_add(out, "\nMUST rules held: %lld of %lld judged (%lld known)\n",
		(long long)json_int(head, "must_rules_held"),
		(long long)json_int(head, "must_rules_judged"),
		(long long)json_int(head, "must_rules"));
	for (v = 0; v < VERDICT_COUNT; v++) {
		long long n = json_int(summary, verdict_name(v));

		if (n != 0) {
			text_add(out, "%s%lld %s%s  ", colour_of(v, colour), n,
				verdict_name(v), colour ? "\033[0m" : "");
		}
	}
	text_add(out, "in %.1f s, seed %s",
		(double)json_int(results, "duration_ms") / 1000,
		json_text(results, "seed"));
	text_add(out, "\n");
}

/* What lies on the share still, why, and how to be rid of it. */
static void leftovers(struct text *out, const struct json *results)
{
	const struct json *l = json_first(results, "leftovers");
	const char *url = json_text(json_get(results, "target"), "url");
	const char *run = json_text(results, "run");
	unsigned int n = 0;

	if (l == NULL) {
		return;
	}
	text_add(
		out, "\nleft on the share, since they could not be removed:\n");
	for (; l != NULL && n < LEFTOVERS_SHOWN; l = l->next, n++) {
		text_add(out, "  %s\n", l->text);
	}
	if (l != NULL) {
		text_add(out, "  and %zu more, all called conf-%s-*\n",
			json_get(results, "leftovers")->count - n, run);
	}
	text_add(out, "try again later: smb3x-check clean '%s' %s\n", url, run);
}

/* Tests that did not run, by what they lack. */
struct lack {
	const char *reason;
	size_t size; /* of the reason, without what was seen instead */
	unsigned int count;
};

static void count_lack(struct lack *lacks, const char *reason)
{
	size_t size = strcspn(reason, ";");
	unsigned int i;

	for (i = 0; i < LACKS_MAX - 1 && lacks[i].count != 0; i++) {
		if (lacks[i].size == size &&
			strncmp(lacks[i].reason, reason, size) == 0) {
			break;
		}
	}
	lacks[i].reason = reason;
	lacks[i].size = size;
	lacks[i].count++;
}

static int by_count(const void *a, const void *b)
{
	const struct lack *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

static void print_lacks(struct text *out, struct lack *lacks, const char *what)
{
	unsigned int i, others = 0;

	qsort(lacks, LACKS_MAX, sizeof(*lacks), by_count);
	if (lacks[0].count != 0) {
		text_add(out, "\n%s\n", what);
	}
	for (i = 0; i < LACKS_MAX && lacks[i].count != 0; i++) {
		if (i < LACKS_SHOWN) {
			text_add(out, "%6u  %.*s\n", lacks[i].count,
				(int)lacks[i].size, lacks[i].reason);
		} else {
			others += lacks[i].count;
		}
	}
	if (others != 0) {
		text_add(out, "%6u  for other reasons (-v lists them)\n",
			others);
	}
}

static bool is_shown(enum verdict v, const struct json *test, bool verbose)
{
	if (v == VERDICT_PASS) {
		return false;
	}
	if (v == VERDICT_NOVERDICT) { /* not begun: there is nothing to show */
		return verbose || json_get(test, "steps") != NULL;
	}
	return verbose || (v != VERDICT_SKIP && v != VERDICT_XFAIL);
}

void report_text(struct text *out, const struct json *results,
	const char *folder, bool verbose, bool colour)
{
	const struct json *test;
	struct lack skipped[LACKS_MAX] = {0}, waiting[LACKS_MAX] = {0};

	table(out, results, colour);
	for (test = json_first(results, "tests"); test; test = test->next) {
		enum verdict v = verdict_by_name(json_text(test, "verdict"));

		if (is_shown(v, test, verbose)) {
			report_block(out, test, folder, colour);
		} else if (v == VERDICT_SKIP || v == VERDICT_NOVERDICT) {
			count_lack(v == VERDICT_SKIP ? skipped : waiting,
				json_text(test, "reason"));
		}
	}
	print_lacks(out, skipped,
		"skipped, since the tests are about what is "
		"not there:");
	print_lacks(out, waiting, "not run, and so without verdict:");
	idle(out, results);
	leftovers(out, results);
	last_line(out, results, colour);
}

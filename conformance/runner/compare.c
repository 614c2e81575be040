/* SPDX-License-Identifier: MIT */
/*
 * Several runs side by side: what changed between two, and a table of
 * products.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/commands.h"
#include "runner/json.h"
#include "runner/verdict.h"

#define RUNS_MAX 16
#define GROUPS_MAX 256

static struct json *load(const char *path)
{
	struct text text;
	struct json *json;
	int r = text_load(&text, path);

	if (r != 0) {
		fprintf(stderr, "smb3x-check: %s: %s\n", path, strerror(-r));
		return NULL;
	}
	json = json_parse(text.p, text.n);
	text_finish(&text);
	if (json == NULL ||
		strcmp(json_text(json, "schema"), "smb3x-results") != 0) {
		fprintf(stderr, "smb3x-check: %s: not a results.json\n", path);
		json_destroy(json);
		return NULL;
	}
	return json;
}

static const struct json *find(const struct json *run, const char *id)
{
	const struct json *t;

	for (t = json_first(run, "tests"); t != NULL; t = t->next) {
		if (strcmp(json_text(t, "id"), id) == 0) {
			return t;
		}
	}
	return NULL;
}

/* Kinds of differences, each with its word. */
enum change {
	CHANGE_NONE,
	CHANGE_REGRESSION, /* held, and does not now */
	CHANGE_FIX,
	CHANGE_LOST,  /* judged, and skipped now: the feature is gone */
	CHANGE_FOUND, /* skipped, and judged now */
	CHANGE_OTHER,
	CHANGE_VARIANT,
	CHANGE_REVISED,
	CHANGE_NEW,
	CHANGE_GONE,
	CHANGE_COUNT,
};

static const char *const words[CHANGE_COUNT] = {"", "regression", "fix", "lost",
	"found", "other", "variant", "revised", "new", "gone"};

/* Whether a verdict means that the target did as documented. */
static bool good(enum verdict v)
{
	return v == VERDICT_PASS || v == VERDICT_WARN || v == VERDICT_XFAIL;
}

static enum change change_of(const char *was, const char *is)
{
	enum verdict a = verdict_by_name(was), b = verdict_by_name(is);

	if (a == b) {
		return CHANGE_NONE;
	}
	if (b == VERDICT_SKIP) {
		return CHANGE_LOST;
	}
	if (a == VERDICT_SKIP && good(b)) {
		return CHANGE_FOUND;
	}
	if ((good(a) || a == VERDICT_SKIP) && !good(b)) {
		return CHANGE_REGRESSION;
	}
	return !good(a) && good(b) ? CHANGE_FIX : CHANGE_OTHER;
}

/* The variants that a test observed, in one line. */
static void variants(struct text *out, const struct json *test)
{
	const struct json *o;

	text_put(out, "", 0);
	for (o = json_first(test, "observations"); o != NULL; o = o->next) {
		text_add(out, "%s=%s ", json_text(o, "name"),
			json_text(o, "value"));
	}
}

/* One line per difference. */
static enum change compare(const struct json *was, const struct json *is)
{
	const char *a = json_text(was, "verdict"),
		   *b = json_text(is, "verdict");
	enum change change = change_of(a, b);
	struct text x = {0}, y = {0};

	if (json_int(was, "revision") != json_int(is, "revision")) {
		printf("%-11s %s: %s, %s (not comparable)\n",
			words[CHANGE_REVISED], json_text(is, "id"), a, b);
		return CHANGE_REVISED;
	}
	if (change != CHANGE_NONE) {
		printf("%-11s %s: %s -> %s%s%s\n", words[change],
			json_text(is, "id"), a, b,
			json_text(is, "reason")[0] != '\0' ? ": " : "",
			json_text(is, "reason"));
		return change;
	}
	variants(&x, was);
	variants(&y, is);
	if (strcmp(x.p, y.p) != 0) {
		change = CHANGE_VARIANT;
		printf("%-11s %s: %s -> %s\n", words[change],
			json_text(is, "id"), x.p, y.p);
	}
	text_finish(&x);
	text_finish(&y);
	return change;
}

/* Not among the differences, which other programs read. */
static void print_sum(const unsigned int counts[CHANGE_COUNT])
{
	unsigned int i, all = 0;

	for (i = 1; i < CHANGE_COUNT; i++) {
		if (counts[i] != 0) {
			fprintf(stderr, "%s%u %s", all == 0 ? "" : ", ",
				counts[i], words[i]);
			all += counts[i];
		}
	}
	fputs(all == 0 ? "no difference\n" : "\n", stderr);
}

int command_diff(const struct options *options)
{
	struct json *a, *b;
	const struct json *t;
	unsigned int counts[CHANGE_COUNT] = {0};

	if (options->pattern_count != 2) {
		fputs("smb3x-check: diff takes two results.json\n", stderr);
		return EXIT_USAGE;
	}
	a = load(options->patterns[0]);
	b = load(options->patterns[1]);
	if (a == NULL || b == NULL) {
		json_destroy(a);
		json_destroy(b);
		return EXIT_USAGE;
	}
	for (t = json_first(b, "tests"); t != NULL; t = t->next) {
		const struct json *was = find(a, json_text(t, "id"));

		if (was == NULL) {
			printf("%-11s %s: %s\n", words[CHANGE_NEW],
				json_text(t, "id"), json_text(t, "verdict"));
			counts[CHANGE_NEW]++;
		} else {
			counts[compare(was, t)]++;
		}
	}
	for (t = json_first(a, "tests"); t != NULL; t = t->next) {
		if (find(b, json_text(t, "id")) == NULL) {
			printf("%-11s %s\n", words[CHANGE_GONE],
				json_text(t, "id"));
			counts[CHANGE_GONE]++;
		}
	}
	json_destroy(a);
	json_destroy(b);
	print_sum(counts);
	return counts[CHANGE_REGRESSION] != 0 ? EXIT_DEVIATES : EXIT_GOOD;
}

/* --- matrix
 * -------------------------------------------------------------------
 */

/* The name of a column: the file without folders and .json; the folder of a
 * results.json. */
static void column(const char *path, char ret[64])
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	size_t n = strlen(base);

	if (n > 5 && strcmp(base + n - 5, ".json") == 0) {
		n -= 5;
	}
	snprintf(ret, 64, "%.*s", (int)n, base);
	if (strcmp(ret, "results") == 0 && slash != NULL) {
		const char *end = slash;

		while (slash > path && slash[-1] != '/') {
			slash--;
		}
		snprintf(ret, 64, "%.*s", (int)(end - slash), slash);
	}
}

static bool in_group(const struct json *t, const char *group)
{
	char name[96];

	snprintf(name, sizeof(name), "%s/%s", json_text(t, "area"),
		json_text(t, "group"));
	return strcmp(name, group) == 0;
}

/* "12 of 14", counting tests that judged something. */
static void cell(const struct json *run, const char *group)
{
	unsigned int held = 0, judged = 0;
	const struct json *t;

	for (t = json_first(run, "tests"); t != NULL; t = t->next) {
		enum verdict v = verdict_by_name(json_text(t, "verdict"));

		if (!in_group(t, group) || v == VERDICT_SKIP ||
			v == VERDICT_NOVERDICT || v == VERDICT_ERROR) {
			continue;
		}
		judged++;
		held += v == VERDICT_PASS || v == VERDICT_WARN;
	}
	if (judged == 0) {
		printf(" - |");
	} else {
		printf(" %u of %u |", held, judged);
	}
}

/* Groups of all runs, in the order of their first appearance. */
static unsigned int groups_of(
	struct json *const *runs, unsigned int count, char groups[][96])
{
	unsigned int n = 0, i, g;
	const struct json *t;

	for (i = 0; i < count; i++) {
		for (t = json_first(runs[i], "tests"); t; t = t->next) {
			for (g = 0; g < n && !in_group(t, groups[g]); g++) {
			}
			if (g == n && n < GROUPS_MAX) {
				snprintf(groups[n++], 96, "%s/%s",
					json_text(t, "area"),
					json_text(t, "group"));
			}
		}
	}
	return n;
}

static void headline(const struct json *run)
{
	const struct json *h = json_get(run, "headline");

	printf(" **%lld of %lld** |", (long long)json_int(h, "must_rules_held"),
		(long long)json_int(h, "must_rules_judged"));
}

int command_matrix(const struct options *options)
{
	static char groups[GROUPS_MAX][96];
	struct json *runs[RUNS_MAX] = {0};
	unsigned int count = options->pattern_count, i, g, n;
	int r = EXIT_GOOD;
	char name[64];

	if (count == 0 || count > RUNS_MAX) {
		fprintf(stderr, "smb3x-check: matrix takes 1 to %d files\n",
			RUNS_MAX);
		return EXIT_USAGE;
	}
	for (i = 0; i < count; i++) {
		runs[i] = load(options->patterns[i]);
		r = runs[i] == NULL ? EXIT_USAGE : r;
	}
	printf("| group |");
	for (i = 0; i < count; i++) {
		column(options->patterns[i], name);
		printf(" %s |", name);
	}
	printf("\n|---|");
	for (i = 0; i < count; i++) {
		printf("---|");
	}
	n = groups_of(runs, count, groups);
	for (g = 0; g < n; g++) {
		printf("\n| %s |", groups[g]);
		for (i = 0; i < count; i++) {
			cell(runs[i], groups[g]);
		}
	}
	printf("\n| MUST rules held |");
	for (i = 0; i < count; i++) {
		headline(runs[i]);
		json_destroy(runs[i]);
	}
	printf("\n");
	return r;
}

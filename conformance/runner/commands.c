/* SPDX-License-Identifier: MIT */
/*
 * The commands that need no server: list, report.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runner/commands.h"
#include "runner/report.h"

#define PATH_SIZE 1024

static void list_one(struct text *out, const struct item *item)
{
	unsigned int i;

	json_item(out);
	json_open(out, '{');
	json_pair(out, "id", item->id);
	json_pair(out, "area", item->area);
	json_pair(out, "group", item->group);
	json_pair(out, "title", item->test->title);
	json_pair(out, "file", item->test->file);
	json_number(out, "line", item->test->line);
	json_number(out, "revision",
		item->test->revision != 0 ? item->test->revision : 1);
	json_key(out, "rules");
	json_open(out, '[');
	for (i = 0; i < item->test->rule_count; i++) {
		json_item(out);
		json_string(out, rule_table[item->test->rules[i]].id);
	}
	json_close(out, ']');
	json_key(out, "needs");
	json_open(out, '[');
	for (i = 0; i < CONF_NEEDS_MAX; i++) {
		if (item->test->needs[i].kind != NEED_NOTHING) {
			json_item(out);
			json_string(out, item->test->needs[i].text);
		}
	}
	json_close(out, ']');
	json_close(out, '}');
}

static int save(const struct text *text, const char *path)
{
	int r = text_save(text, path);

	if (r != 0) {
		fprintf(stderr, "smb3x-check: %s: %s\n", path, strerror(-r));
		return EXIT_USAGE;
	}
	return 0;
}

int command_list(const struct options *options)
{
	struct text out = {0};
	struct item *items;
	unsigned int count, i;
	int r = EXIT_GOOD;

	if (items_all(&items, &count) != 0) {
		return EXIT_ERROR;
	}
	count = items_select(
		items, count, options->patterns, options->pattern_count);
	json_open(&out, '[');
	for (i = 0; i < count; i++) {
		list_one(&out, &items[i]);
		if (!json_to_stdout(options)) {
			printf("%-56s %s\n", items[i].id, items[i].test->title);
		}
	}
	json_close(&out, ']');
	if (options->json != NULL) {
		r = save(&out, options->json);
	}
	text_finish(&out);
	items_free(items, count);
	return r;
}

typedef void maker(struct text *out, const struct json *results);

static int make(const struct json *results, maker *make_one, const char *path)
{
	struct text out = {0};
	int r;

	if (path == NULL) {
		return 0;
	}
	make_one(&out, results);
	r = save(&out, path);
	text_finish(&out);
	return r;
}

static int make_html(const struct text *json, const char *path)
{
	struct text out = {0};
	int r;

	if (path == NULL) {
		return 0;
	}
	report_html(&out, json);
	r = save(&out, path);
	text_finish(&out);
	return r;
}

int reports_make(const struct text *json, const struct options *options)
{
	struct json *results = json_parse(json->p, json->n);
	char path[PATH_SIZE];
	struct text out = {0};
	int r = 0;

	if (results == NULL) {
		fputs("smb3x-check: the results are not JSON\n", stderr);
		return EXIT_ERROR;
	}
	report_text(&out, results, options->report, options->verbose,
		isatty(STDOUT_FILENO) == 1);
	fwrite(out.p, 1, out.n, stdout);
	text_finish(&out);
	if (options->report != NULL) {
		snprintf(
			path, sizeof(path), "%s/results.json", options->report);
		r |= save(json, path);
		snprintf(path, sizeof(path), "%s/index.html", options->report);
		r |= make_html(json, path);
	}
	if (options->json != NULL) {
		r |= save(json, options->json);
	}
	r |= make_html(json, options->html);
	r |= make(results, report_tap, options->tap);
	r |= make(results, report_junit, options->junit);
	json_destroy(results);
	return r;
}

int command_report(const struct options *options)
{
	struct text json;
	int r;

	if (options->pattern_count != 1) {
		fputs("smb3x-check: report takes one results.json\n", stderr);
		return EXIT_USAGE;
	}
	r = text_load(&json, options->patterns[0]);
	if (r != 0) {
		fprintf(stderr, "smb3x-check: %s: %s\n", options->patterns[0],
			strerror(-r));
		return EXIT_USAGE;
	}
	r = reports_make(&json, options);
	text_finish(&json);
	return r;
}

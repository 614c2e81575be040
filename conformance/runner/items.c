/* SPDX-License-Identifier: MIT */
/*
 * The tests that were linked in, one item per test or table row, and the
 * selection by pattern.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/run.h"

/* The linker collects what CONF_TEST puts there. */
extern const struct conf_test *const __start_conf_tests[] __attribute__((weak));
extern const struct conf_test *const __stop_conf_tests[] __attribute__((weak));

/* conformance/core/read.c -> read */
static void group_of(const char *file, char ret_group[48])
{
	const char *slash = strrchr(file, '/');
	const char *base = slash != NULL ? slash + 1 : file;

	snprintf(ret_group, 48, "%.*s", (int)strcspn(base, "."), base);
}

static void fill(struct item *item, const struct conf_test *test, size_t row)
{
	item->test = test;
	snprintf(item->area, sizeof(item->area), "%s", test->area);
	group_of(test->file, item->group);
	if (test->rows == NULL) {
		snprintf(item->id, sizeof(item->id), "%s/%s/%s", item->area,
			item->group, test->name);
		return;
	}
	item->row = (const char *)test->rows + row * test->row_size;
	item->row_name = *(const char *const *)item->row;
	snprintf(item->id, sizeof(item->id), "%s/%s/%s[%s]", item->area,
		item->group, test->name, item->row_name);
}

static int by_id(const void *a, const void *b)
{
	return strcmp(
		((const struct item *)a)->id, ((const struct item *)b)->id);
}

static size_t rows_of(const struct conf_test *test)
{
	return test->rows != NULL ? test->row_count : 1;
}

int items_all(struct item **ret_items, unsigned int *ret_count)
{
	const struct conf_test *const *t;
	struct item *items;
	size_t total = 0, n = 0, row;

	for (t = __start_conf_tests; t < __stop_conf_tests; t++) {
		total += rows_of(*t);
	}
	items = calloc(total + 1, sizeof(*items));
	if (items == NULL) {
		return -ENOMEM;
	}
	for (t = __start_conf_tests; t < __stop_conf_tests; t++) {
		for (row = 0; row < rows_of(*t); row++) {
			fill(&items[n++], *t, row);
		}
	}
	qsort(items, n, sizeof(*items), by_id);
	for (row = 0; row < n; row++) {
		items[row].number = (unsigned int)row + 1;
		if (row != 0 && strcmp(items[row - 1].id, items[row].id) == 0) {
			fprintf(stderr,
				"smb3x-check: two tests are called %s\n",
				items[row].id);
			free(items);
			return -EINVAL;
		}
	}
	*ret_items = items;
	*ret_count = (unsigned int)n;
	return 0;
}

static bool has_rule(const struct conf_test *test, const char *id)
{
	unsigned int i;

	for (i = 0; i < test->rule_count; i++) {
		if (strcmp(rule_table[test->rules[i]].id, id) == 0) {
			return true;
		}
	}
	return false;
}

static bool matches(const struct item *item, const char *pattern)
{
	size_t n = strlen(pattern);

	if (strncmp(item->id, pattern, n) == 0 &&
		(item->id[n] == '\0' || item->id[n] == '/' ||
			item->id[n] == '[' ||
			(n != 0 && pattern[n - 1] == '/'))) {
		return true;
	}
	return has_rule(item->test, pattern) ||
	       fnmatch(pattern, item->id, 0) == 0;
}

unsigned int items_select(struct item *items, unsigned int count,
	const char *const *patterns, unsigned int pattern_count)
{
	unsigned int i, p, n = 0;

	for (i = 0; i < count; i++) {
		for (p = 0; p < pattern_count; p++) {
			if (matches(&items[i], patterns[p])) {
				break;
			}
		}
		if (pattern_count == 0 || p < pattern_count) {
			items[n++] = items[i];
		}
	}
	return n;
}

void items_free(struct item *items, unsigned int count)
{
	unsigned int i;

	for (i = 0; items != NULL && i < count; i++) {
		text_finish(&items[i].json);
	}
	free(items);
}

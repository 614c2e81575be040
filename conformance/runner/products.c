/* SPDX-License-Identifier: MIT */
/*
 * Product files: read, checked, and applied to verdicts.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runner/products.h"

#define SUFFIX ".product"

struct deviation {
	char product[64], versions[64];
	char subject[160]; /* exact test id, or rule id */
	char rule[64];  /* fingerprint: the rule of the first failing check */
	char seen[192]; /* fingerprint: what it saw */
	char class[32], reason[256], tracker[256], expires[16];
	char file[128];
	int line;
	bool judging; /* of the --product file, and about this version */
	bool met;     /* by a verdict of this run */
	struct deviation *next;
};

struct products {
	struct deviation *first, **end;
	/* of the file being read */
	struct deviation *current; /* its newest deviation, or NULL */
	char product[64], versions[64];
	bool judging;
};

static const char *const classes[] = {
	"bug", "unimplemented", "out-of-scope", "spec-dispute", "environment"};

static const struct {
	const char *key;
	size_t at, size;
} keys[] = {
#define KEY(k) \
	{ \
#k, offsetof(struct deviation, k), \
			sizeof(((struct deviation *)0)->k) \
	}
	KEY(rule),
	KEY(seen),
	KEY(class),
	KEY(reason),
	KEY(tracker),
	KEY(expires),
	KEY(versions),
};

static int complain(
	const char *file, int line, const char *what, const char *about)
{
	fprintf(stderr, "%s:%d: %s%s%s\n", file, line, what,
		about[0] != '\0' ? ": " : "", about);
	return -EINVAL;
}

static int set(struct products *p, const char *key, const char *value,
	const char *file, int line)
{
	struct deviation *d;
	size_t i;

	if (strcmp(key, "product") == 0) {
		snprintf(p->product, sizeof(p->product), "%s", value);
		return 0;
	}
	if (strcmp(key, "deviation") == 0) {
		d = calloc(1, sizeof(*d));
		if (d == NULL) {
			return -ENOMEM;
		}
		snprintf(d->product, sizeof(d->product), "%s", p->product);
		snprintf(d->versions, sizeof(d->versions), "%s", p->versions);
		snprintf(d->subject, sizeof(d->subject), "%s", value);
		snprintf(d->file, sizeof(d->file), "%s", file);
		d->line = line;
		d->judging = p->judging;
		*p->end = d;
		p->end = &d->next;
		p->current = d;
		return 0;
	}
	d = p->current;
	if (d == NULL) {
		if (strcmp(key, "versions") == 0) {
			snprintf(p->versions, sizeof(p->versions), "%s", value);
			return 0;
		}
		return complain(file, line, "before the first deviation", key);
	}
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(key, keys[i].key) == 0) {
			if (strlen(value) >= keys[i].size) {
				return complain(file, line, "too long", key);
			}
			snprintf((char *)d + keys[i].at, keys[i].size, "%s",
				value);
			return 0;
		}
	}
	return complain(file, line, "no such key", key);
}

static int read_line(
	struct products *p, char *line, const char *file, int number)
{
	size_t n = strlen(line);
	char *colon;

	while (n != 0 && isspace((unsigned char)line[n - 1])) {
		line[--n] = '\0';
	}
	if (n == 0 || line[0] == '#') {
		return 0;
	}
	colon = strchr(line, ':');
	if (colon == NULL) {
		return complain(file, number, "not `key: value`", line);
	}
	*colon++ = '\0';
	return set(p, line, colon + strspn(colon, " \t"), file, number);
}

static int read_file(struct products *p, const char *file)
{
	FILE *f = fopen(file, "re");
	char line[512];
	int number = 0, r = 0;

	if (f == NULL) {
		r = -errno;
		fprintf(stderr, "smb3x-check: %s: %s\n", file, strerror(errno));
		return r;
	}
	p->product[0] = p->versions[0] = '\0';
	p->current = NULL;
	while (r == 0 && fgets(line, sizeof(line), f) != NULL) {
		r = read_line(p, line, file, ++number);
	}
	fclose(f);
	return r;
}

/* --- versions ---------------------------------------------------------------
 */

/* Takes the next number of "4.22.1"; false at the end. */
static bool next_number(const char **at, unsigned long *ret_number)
{
	char *end;

	if (!isdigit((unsigned char)**at)) {
		return false;
	}
	*ret_number = strtoul(*at, &end, 10);
	*at = end + (*end == '.');
	return true;
}

/* Where a version lies about a bound: -1, 0, 1. Only what the bound says is
 * compared, so that 4.22.3 is at 4.22. */
static int about_bound(const char *version, const char *bound)
{
	unsigned long v, b;

	while (next_number(&bound, &b)) {
		if (!next_number(&version, &v)) {
			v = 0;
		}
		if (v != b) {
			return v < b ? -1 : 1;
		}
	}
	return 0;
}

static bool version_is_valid(const char *version)
{
	unsigned long n;

	while (next_number(&version, &n)) {
		if (*version == '\0') {
			return true;
		}
	}
	return false;
}

/* Takes a word of digits and dots, and the blanks behind it. */
static const char *take_version(const char *at, char ret_version[64])
{
	size_t n = strspn(at, "0123456789.");

	snprintf(ret_version, 64, "%.*s", (int)n, at);
	return at + n + strspn(at + n, " \t");
}

/* "4.22", "4.22 - 4.25", "4.22 -" or "- 4.25" cut in two; empty parts are
 * open ends. False if it is none of them. */
static bool versions_cut(
	const char *versions, char ret_from[64], char ret_to[64])
{
	const char *at = take_version(versions, ret_from);

	if (*at == '-') {
		at = take_version(at + 1 + strspn(at + 1, " \t"), ret_to);
	} else {
		snprintf(ret_to, 64, "%s", ret_from);
	}
	return *at == '\0' &&
	       (ret_from[0] == '\0' || version_is_valid(ret_from)) &&
	       (ret_to[0] == '\0' || version_is_valid(ret_to));
}

static bool versions_hold(const char *versions, const char *version)
{
	char from[64], to[64];

	return versions_cut(versions, from, to) &&
	       about_bound(version, from) >= 0 && about_bound(version, to) <= 0;
}

/* --- checks of the files ----------------------------------------------------
 */

static bool known_class(const char *class)
{
	size_t i;

	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (strcmp(class, classes[i]) == 0) {
			return true;
		}
	}
	return false;
}

static bool known_subject(
	const char *subject, const struct item *items, unsigned int item_count)
{
	unsigned int i;

	if (rule_find(subject) >= 0) {
		return true;
	}
	for (i = 0; i < item_count; i++) {
		if (strcmp(items[i].id, subject) == 0) {
			return true;
		}
	}
	return false;
}

static int check(const struct deviation *d, const struct item *items,
	unsigned int item_count)
{
	time_t now = time(NULL);
	struct tm tm;
	char today[16], from[64], to[64];

	gmtime_r(&now, &tm);
	strftime(today, sizeof(today), "%Y-%m-%d", &tm);
	if (!known_subject(d->subject, items, item_count)) {
		return complain(
			d->file, d->line, "no such test or rule", d->subject);
	}
	if (d->rule[0] != '\0' && rule_find(d->rule) < 0) {
		return complain(d->file, d->line, "no such rule", d->rule);
	}
	if (d->product[0] == '\0') {
		return complain(d->file, d->line, "no product", d->subject);
	}
	if (!versions_cut(d->versions, from, to)) {
		return complain(d->file, d->line, "not versions", d->versions);
	}
	if (!known_class(d->class)) {
		return complain(d->file, d->line, "no such class", d->class);
	}
	if (d->reason[0] == '\0') {
		return complain(d->file, d->line, "no reason", d->subject);
	}
	if (strlen(d->expires) != 10 || strcmp(d->expires, today) < 0) {
		return complain(
			d->file, d->line, "expired, or no date", d->subject);
	}
	return 0;
}

static int read_directory(struct products *p, const char *directory)
{
	struct dirent **names;
	int i, r = 0, n = scandir(directory, &names, NULL, alphasort);

	if (n < 0) {
		return 0; /* nothing is known, then */
	}
	for (i = 0; i < n; i++) {
		const char *dot = strrchr(names[i]->d_name, '.');
		char path[1024];

		if (r == 0 && dot != NULL && strcmp(dot, SUFFIX) == 0) {
			snprintf(path, sizeof(path), "%s/%s", directory,
				names[i]->d_name);
			r = read_file(p, path);
		}
		free(names[i]);
	}
	free(names);
	return r;
}

int products_load(const char *file, const char *version, const char *directory,
	const struct item *items, unsigned int item_count,
	struct products **ret_products)
{
	struct products *p = calloc(1, sizeof(*p));
	struct deviation *d;
	int r = 0;

	if (p == NULL) {
		return -ENOMEM;
	}
	p->end = &p->first;
	if (directory != NULL) {
		r = read_directory(p, directory);
	}
	if (r == 0 && file != NULL) {
		p->judging = true;
		r = read_file(p, file);
	}
	if (version != NULL && !version_is_valid(version)) {
		r = complain(file, 0, "not a version", version);
	}
	for (d = p->first; d != NULL; d = d->next) {
		int bad = check(d, items, item_count);

		r = r != 0 ? r : bad;
		if (version != NULL && !versions_hold(d->versions, version)) {
			d->judging = false;
		}
	}
	if (r != 0) {
		products_destroy(p);
		return r;
	}
	*ret_products = p;
	return 0;
}

void products_destroy(struct products *products)
{
	struct deviation *d;

	if (products == NULL) {
		return;
	}
	while ((d = products->first) != NULL) {
		products->first = d->next;
		free(d);
	}
	free(products);
}

/* --- judging -----------------------------------------------------------------
 */

/* The first check by a rule that did not hold and counts. */
static const struct record_check *first_broken(const struct log *log)
{
	const struct record *r = NULL;
	const struct record_check *warn = NULL;

	while ((r = log_next(log, r)) != NULL) {
		const struct record_check *c = (const struct record_check *)r;
		enum verdict v;

		if (r->kind != RECORD_CHECK || c->kind != CHECK_RULE ||
			c->held || c->rule >= RULE_COUNT) {
			continue;
		}
		v = verdict_of_level(rule_table[c->rule].level);
		if (v == VERDICT_FAIL) {
			return c;
		}
		if (v == VERDICT_WARN && warn == NULL) {
			warn = c;
		}
	}
	return warn;
}

static bool about(const struct deviation *d, const struct item *item,
	const struct record_check *c)
{
	return strcmp(d->subject, item->id) == 0 ||
	       (c != NULL && strcmp(d->subject, rule_table[c->rule].id) == 0);
}

static bool same_print(const struct deviation *d, const struct record_check *c)
{
	return c != NULL &&
	       (d->rule[0] == '\0' ||
		       strcmp(d->rule, rule_table[c->rule].id) == 0) &&
	       (d->seen[0] == '\0' || strcmp(d->seen, c->seen) == 0);
}

static struct deviation *match(const struct products *products,
	const struct item *item, const struct record_check *c)
{
	struct deviation *d, *found = NULL;

	for (d = products->first; d != NULL; d = d->next) {
		if (d->judging && about(d, item, c) &&
			(found == NULL || same_print(d, c))) {
			found = d;
		}
	}
	return found;
}

struct deviation_match products_judge(const struct products *products,
	const struct item *item, const struct log *log, enum verdict *verdict,
	char reason[200])
{
	struct deviation_match m = {NULL};
	struct deviation *found;
	const struct record_check *c = first_broken(log);
	bool deviates = *verdict == VERDICT_FAIL || *verdict == VERDICT_WARN;

	if (products == NULL || (!deviates && *verdict != VERDICT_PASS)) {
		return m;
	}
	found = match(products, item, deviates ? c : NULL);
	if (found == NULL) {
		return m;
	}
	found->met = true;
	m.deviation = found;
	if (!deviates) {
		*verdict = VERDICT_XPASS;
		snprintf(reason, 200, "known to fail (%.120s), but it passes",
			m.deviation->reason);
	} else if (same_print(m.deviation, c)) {
		*verdict = VERDICT_XFAIL;
	} else {
		*verdict = VERDICT_CHANGED;
	}
	return m;
}

/* Why an entry that no verdict met is worth a word, or NULL. */
static const char *idle_reason(const struct deviation *d, const struct run *run)
{
	int rule = rule_find(d->subject);
	unsigned int i;

	if (rule >= 0 && run->judged[rule]) {
		return "no test failed by this rule";
	}
	if (rule >= 0) {
		return run->options->pattern_count == 0
			       ? "no test judged this rule"
			       : NULL;
	}
	for (i = 0; i < run->item_count; i++) {
		if (strcmp(run->items[i].id, d->subject) == 0) {
			return "the test did not come to a verdict";
		}
	}
	return NULL;
}

void products_write_idle(struct text *out, const struct run *run)
{
	const struct deviation *d;

	json_key(out, "idle_deviations");
	json_open(out, '[');
	d = run->products != NULL ? run->products->first : NULL;
	for (; d != NULL; d = d->next) {
		const char *why =
			d->judging && !d->met ? idle_reason(d, run) : NULL;

		if (why != NULL) {
			json_item(out);
			json_open(out, '{');
			json_pair(out, "subject", d->subject);
			json_pair(out, "why", why);
			json_close(out, '}');
		}
	}
	json_close(out, ']');
}

static void write_one(struct text *out, const struct deviation *d)
{
	json_open(out, '{');
	json_pair(out, "product", d->product);
	json_pair(out, "versions", d->versions);
	json_pair(out, "subject", d->subject);
	json_pair(out, "seen", d->seen);
	json_pair(out, "class", d->class);
	json_pair(out, "reason", d->reason);
	json_pair(out, "tracker", d->tracker);
	json_pair(out, "expires", d->expires);
	json_close(out, '}');
}

void products_write(struct text *out, const struct products *products,
	const struct item *item, const struct deviation_match *found,
	enum verdict verdict)
{
	const struct deviation *d;

	if (products == NULL || verdict == VERDICT_PASS) {
		return;
	}
	if (found->deviation != NULL) {
		json_key(out, "deviation");
		write_one(out, found->deviation);
	}
	json_key(out, "known");
	json_open(out, '[');
	for (d = products->first; d != NULL; d = d->next) {
		if (!d->judging && strcmp(d->subject, item->id) == 0) {
			json_item(out);
			write_one(out, d);
		}
	}
	json_close(out, ']');
}

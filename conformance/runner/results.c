/* SPDX-License-Identifier: MIT */
/*
 * results.json: the truth about a run, from which every report is made. Its
 * layout is that of results.schema.json.
 */
#include <string.h>

#include "runner/probe.h"
#include "runner/products.h"
#include "runner/report.h"

#define SCHEMA_VERSION 1

/* MUST rules for servers: how many there are, were judged, and held. */
static void write_headline(struct text *out, const struct run *run)
{
	unsigned int total = 0, judged = 0, held = 0, i;

	for (i = 0; i < RULE_COUNT; i++) {
		if (verdict_of_level(rule_table[i].level) != VERDICT_FAIL ||
			rule_table[i].actor != RULE_ACTOR_SERVER) {
			continue;
		}
		total++;
		judged += run->judged[i];
		held += run->judged[i] && !run->broken[i];
	}
	json_key(out, "headline");
	json_open(out, '{');
	json_number(out, "must_rules", total);
	json_number(out, "must_rules_judged", judged);
	json_number(out, "must_rules_held", held);
	json_close(out, '}');
}

static void write_summary(struct text *out, const struct run *run)
{
	unsigned int i;

	json_key(out, "summary");
	json_open(out, '{');
	for (i = 0; i < VERDICT_COUNT; i++) {
		json_number(out, verdict_name(i), run->counts[i]);
	}
	json_close(out, '}');
	json_number(out, "exit_code",
		verdict_exit_code(run->counts, run->options->strict));
}

/* The next line of *at, without its end; false at the end. */
static bool next_line(const char **at, struct text *ret_line)
{
	const char *end = *at != NULL ? strchr(*at, '\n') : NULL;

	if (end == NULL) {
		return false;
	}
	text_finish(ret_line);
	text_put(ret_line, *at, (size_t)(end - *at));
	*at = end + 1;
	return true;
}

static void write_leftovers(struct text *out, const struct run *run)
{
	const char *names = run->leftover_names.p;
	const char *reasons = run->leftover_reasons.p;
	struct text name = {0}, reason = {0};

	json_key(out, "leftovers");
	json_open(out, '[');
	while (next_line(&names, &name) && next_line(&reasons, &reason)) {
		text_add(&name, " (%s)", reason.p);
		json_item(out);
		json_string(out, name.p);
	}
	json_close(out, ']');
	text_finish(&name);
	text_finish(&reason);
}

void results_write(struct text *out, const struct run *run)
{
	unsigned int i;

	json_open(out, '{');
	json_pair(out, "schema", "smb3x-results");
	json_number(out, "schema_version", SCHEMA_VERSION);
	json_pair(out, "run", run->name);
	json_pair(out, "started", run->started);
	json_number(out, "duration_ms", (int64_t)run->milliseconds);
	json_key(out, "seed");
	text_add(out, "\"%llu\"", (unsigned long long)run->options->seed);
	json_number(out, "jobs", run->options->jobs);
	json_number(out, "repeat", run->options->repeat);
	json_bool(out, "strict", run->options->strict);
	json_pair(out, "product_file",
		run->options->product != NULL ? run->options->product : "");
	if (run->options->product_version != NULL) {
		json_pair(
			out, "product_version", run->options->product_version);
	}
	json_key(out, "target");
	probe_write(out, run->target);
	write_summary(out, run);
	write_headline(out, run);
	write_leftovers(out, run);
	products_write_idle(out, run);
	json_key(out, "tests");
	json_open(out, '[');
	for (i = 0; i < run->item_count; i++) {
		json_item(out);
		text_put(out, run->items[i].json.p, run->items[i].json.n);
	}
	json_close(out, ']');
	json_close(out, '}');
	text_put(out, "\n", 1);
}

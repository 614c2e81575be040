/* SPDX-License-Identifier: MIT */
/*
 * What became of one test, as its object in results.json. The layout is that
 * of results.schema.json.
 */
#include <stdio.h>
#include <string.h>

#include "runner/case.h"
#include "runner/evidence.h"
#include "runner/products.h"
#include "runner/story.h"
#include "suite/peer.h"

#define OUTPUT_KEPT 4096

/* Judged and held, per declared rule. */
struct rule_count {
	unsigned int judged, held;
};

static struct rule_count count_rule(const struct log *log, enum rule_id rule)
{
	struct rule_count n = {0, 0};
	const struct record *r = NULL;

	while (log != NULL && (r = log_next(log, r)) != NULL) {
		const struct record_check *c = (const struct record_check *)r;

		if (r->kind == RECORD_CHECK && c->kind == CHECK_RULE &&
			c->rule == (uint32_t)rule) {
			n.judged++;
			n.held += c->held;
		}
	}
	return n;
}

static void write_rules(
	struct text *out, const struct conf_test *test, const struct log *log)
{
	unsigned int i;

	json_key(out, "rules");
	json_open(out, '[');
	for (i = 0; i < test->rule_count; i++) {
		const struct rule_info *rule = &rule_table[test->rules[i]];
		struct rule_count n = count_rule(log, test->rules[i]);

		json_item(out);
		json_open(out, '{');
		json_pair(out, "id", rule->id);
		json_pair(out, "level", rule_level_name(rule->level));
		json_pair(out, "text", rule->text);
		json_pair(out, "source", rule->source);
		json_pair(out, "anchor", rule->anchor);
		json_number(out, "judged", n.judged);
		json_number(out, "held", n.held);
		json_close(out, '}');
	}
	json_close(out, ']');
}

static void peer_name(const struct log *log, uint16_t peer, char ret_name[32])
{
	const struct record *r = NULL;

	snprintf(ret_name, 32, "?");
	while ((r = log_next(log, r)) != NULL) {
		if (r->kind == RECORD_PEER && r->peer == peer) {
			snprintf(ret_name, 32, "%.31s",
				((const struct record_peer *)r)->name);
			return;
		}
	}
}

static const char *const check_kinds[] = {
	[CHECK_RULE] = "check",
	[CHECK_NEED] = "need",
	[CHECK_SKIP] = "capability",
	[CHECK_SUITE] = "suite",
};

static void write_check(
	struct text *out, const struct log *log, const struct record_check *c)
{
	char name[32];

	peer_name(log, c->head.peer, name);
	json_item(out);
	json_open(out, '{');
	json_pair(out, "kind",
		c->kind <= CHECK_SUITE ? check_kinds[c->kind] : "suite");
	json_bool(out, "held", c->held);
	if (c->kind == CHECK_RULE && c->rule < RULE_COUNT) {
		json_pair(out, "rule", rule_table[c->rule].id);
		json_pair(out, "level",
			rule_level_name(rule_table[c->rule].level));
	}
	json_pair(out, "field", c->field);
	json_pair(out, "expected", c->expected);
	json_pair(out, "seen", c->seen);
	json_number(out, "step", c->step);
	if (c->frame != 0) {
		json_pair(out, "peer", name);
		json_number(out, "frame", c->frame);
	}
	if (c->offset != UINT32_MAX) {
		json_number(out, "offset", c->offset);
		json_number(out, "size", c->size);
	}
	json_key(out, "at");
	text_add(out, "\"%.47s:%u\"", c->file, c->line);
	json_close(out, '}');
}

/* Of a PASS only the checks that did not hold (MAY), else all. */
static void write_checks(struct text *out, const struct log *log, bool all)
{
	const struct record *r = NULL;

	json_key(out, "checks");
	json_open(out, '[');
	while ((r = log_next(log, r)) != NULL) {
		const struct record_check *c = (const struct record_check *)r;

		if (r->kind == RECORD_CHECK && (all || !c->held)) {
			write_check(out, log, c);
		}
	}
	json_close(out, ']');
}

static void write_step(
	struct text *out, const struct log *log, const struct record_text *s)
{
	struct text said = {0}, got = {0};
	uint32_t frame;

	json_number(out, "number", s->number);
	json_bool(out, "automatic", s->automatic);
	if (!s->automatic || s->frame == 0) {
		return;
	}
	story_request(&said, log, s->frame);
	if (said.n != 0) {
		json_pair(out, "said", said.p);
	}
	text_finish(&said);
	frame = story_answer(&got, log, s->frame);
	if (frame != 0) {
		json_pair(out, "answer", got.p);
		json_number(out, "answer_frame", frame);
	}
	text_finish(&got);
}

static void write_texts(struct text *out, const struct log *log,
	enum record_kind kind, const char *key)
{
	const struct record *r = NULL;

	json_key(out, key);
	json_open(out, '[');
	while ((r = log_next(log, r)) != NULL) {
		const struct record_text *s = (const struct record_text *)r;

		if (r->kind != kind) {
			continue;
		}
		json_item(out);
		json_open(out, '{');
		json_pair(out, "text", s->text);
		json_number(out, "frame", s->frame);
		if (kind == RECORD_STEP) {
			write_step(out, log, s);
		}
		json_close(out, '}');
	}
	json_close(out, ']');
}

static void write_observations(struct text *out, const struct log *log)
{
	const struct record *r = NULL;

	json_key(out, "observations");
	json_open(out, '[');
	while ((r = log_next(log, r)) != NULL) {
		const struct record_observe *o =
			(const struct record_observe *)r;

		if (r->kind != RECORD_OBSERVE) {
			continue;
		}
		json_item(out);
		json_open(out, '{');
		json_pair(out, "name", o->name);
		json_pair(out, "value", o->value);
		json_number(out, "frame", o->frame);
		json_close(out, '}');
	}
	json_close(out, ']');
}

static void write_head(struct text *out, const struct item *item,
	const struct outcome *outcome)
{
	json_open(out, '{');
	json_pair(out, "id", item->id);
	json_pair(out, "area", item->area);
	json_pair(out, "group", item->group);
	json_pair(out, "title", item->test->title);
	json_number(out, "revision",
		item->test->revision != 0 ? item->test->revision : 1);
	json_pair(out, "verdict", verdict_name(outcome->verdict));
	json_pair(out, "reason", outcome->reason);
	json_key(out, "duration_ms");
	text_add(out, "%.1f", outcome->milliseconds);
}

static void write_reproduce(
	struct text *out, const struct run *run, const struct item *item)
{
	struct text command = {0};

	text_add(&command, "%s '%s' --seed %llu -v", run->again, item->id,
		(unsigned long long)run->options->seed);
	json_pair(out, "reproduce", command.p);
	text_finish(&command);
}

/* Which rules were judged, and which did not hold, for the headline. */
static void note_rules(
	struct run *run, const struct conf_test *test, const struct log *log)
{
	unsigned int i;

	for (i = 0; i < test->rule_count; i++) {
		struct rule_count n = count_rule(log, test->rules[i]);

		run->judged[test->rules[i]] |= n.judged != 0;
		run->broken[test->rules[i]] |= n.held < n.judged;
	}
}

/* The directories that a test made, for the end of the run. */
static void note_directories(struct run *run, const struct log *log)
{
	const struct record *r = NULL;

	while ((r = log_next(log, r)) != NULL) {
		if (r->kind == RECORD_DIRECTORY) {
			text_add(&run->directories, "%s\n",
				((const struct record_text *)r)->text);
		}
	}
}

struct outcome case_outcome(
	struct run *run, struct item *item, const struct child *child)
{
	struct outcome o = {0};
	struct deviation_match known;
	char printed[OUTPUT_KEPT];
	bool loud;

	o.milliseconds = (double)(test_clock() - child->started) / 1e6;
	o.verdict = verdict_of(child->log, &child->end, o.reason);
	known = products_judge(
		run->products, item, child->log, &o.verdict, o.reason);
	loud = o.verdict != VERDICT_PASS || run->options->keep_all;
	note_directories(run, child->log);
	note_rules(run, item->test, child->log);
	write_head(&o.json, item, &o);
	write_rules(&o.json, item->test, child->log);
	write_checks(&o.json, child->log, loud);
	write_observations(&o.json, child->log);
	products_write(&o.json, run->products, item, &known, o.verdict);
	if (loud) {
		write_texts(&o.json, child->log, RECORD_STEP, "steps");
		write_texts(&o.json, child->log, RECORD_NOTE, "notes");
		write_reproduce(&o.json, run, item);
		evidence_write(&o.json, run, item, child->log, o.verdict);
	}
	if (o.verdict == VERDICT_ERROR) {
		child_output(child, printed, sizeof(printed));
		json_pair(&o.json, "output", printed);
	}
	json_close(&o.json, '}');
	if (loud) {
		evidence_write_json(run, item, &o.json);
	}
	return o;
}

struct outcome case_refused(struct run *run, struct item *item,
	enum verdict verdict, const char *reason)
{
	struct outcome o = {.verdict = verdict};

	snprintf(o.reason, sizeof(o.reason), "%.199s", reason);
	write_head(&o.json, item, &o);
	write_rules(&o.json, item->test, NULL);
	json_key(&o.json, "checks");
	text_add(&o.json, "[]");
	json_key(&o.json, "observations");
	text_add(&o.json, "[]");
	write_reproduce(&o.json, run, item);
	json_close(&o.json, '}');
	return o;
}

/* The object keeps the gravest repetition; its end gains the differences. */
void case_make_flaky(struct item *item)
{
	char was[64], is[64];
	struct text *j = &item->json;
	char *at;
	unsigned int i;
	struct text out = {0};

	snprintf(was, sizeof(was), "\"verdict\":\"%s\"",
		verdict_name(item->verdict));
	snprintf(is, sizeof(is), "\"verdict\":\"FLAKY\"");
	at = strstr(j->p, was);
	if (at != NULL) {
		text_put(&out, j->p, (size_t)(at - j->p));
		text_add(&out, "%s%s", is, at + strlen(was));
		out.n--; /* the closing brace */
		json_key(&out, "repetitions");
		json_open(&out, '{');
		for (i = 0; i < VERDICT_COUNT; i++) {
			if (item->verdicts[i] != 0) {
				json_number(&out, verdict_name(i),
					item->verdicts[i]);
			}
		}
		json_close(&out, '}');
		json_close(&out, '}');
		text_finish(j);
		*j = out;
	}
	snprintf(item->reason, sizeof(item->reason), "%u of %u repetitions %s",
		item->verdicts[item->verdict], item->done,
		verdict_name(item->verdict));
	item->verdict = VERDICT_FLAKY;
}

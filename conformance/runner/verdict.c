/* SPDX-License-Identifier: MIT */
/*
 * From records to a verdict.
 */
#include <stdio.h>
#include <string.h>

#include "runner/verdict.h"

static const char *const names[VERDICT_COUNT] = {"PASS", "WARN", "FAIL",
	"XFAIL", "CHANGED", "XPASS", "SKIP", "NOVERDICT", "ERROR", "FLAKY"};

const char *verdict_name(enum verdict verdict)
{
	return verdict < VERDICT_COUNT ? names[verdict] : "?";
}

enum verdict verdict_by_name(const char *name)
{
	unsigned int i;

	for (i = 0; i < VERDICT_COUNT && strcmp(names[i], name) != 0; i++) {
	}
	return i;
}

int verdict_exit_code(const unsigned int counts[VERDICT_COUNT], bool strict)
{
	if (counts[VERDICT_ERROR] != 0) {
		return EXIT_ERROR;
	}
	if (counts[VERDICT_NOVERDICT] != 0) {
		return EXIT_NOVERDICT;
	}
	if (counts[VERDICT_FAIL] + counts[VERDICT_CHANGED] +
			counts[VERDICT_XPASS] + counts[VERDICT_FLAKY] !=
		0) {
		return EXIT_DEVIATES;
	}
	return strict && counts[VERDICT_WARN] != 0 ? EXIT_DEVIATES : EXIT_GOOD;
}

enum verdict verdict_of_level(enum rule_level level)
{
	switch (level) {
	case RULE_LEVEL_MUST:
	case RULE_LEVEL_MUST_NOT:
		return VERDICT_FAIL;
	case RULE_LEVEL_SHOULD:
	case RULE_LEVEL_SHOULD_NOT:
		return VERDICT_WARN;
	default:
		return VERDICT_PASS;
	}
}

/* What the records of one test amount to. */
struct tally {
	const struct record_check *first[VERDICT_COUNT];
	const struct record_end *end;
	unsigned int judged;
	uint32_t last_frame;
};

static void count_check(struct tally *tally, const struct record_check *c)
{
	enum verdict v = VERDICT_PASS;

	switch (c->kind) {
	case CHECK_RULE:
		tally->judged++;
		v = c->rule < RULE_COUNT
			    ? verdict_of_level(rule_table[c->rule].level)
			    : VERDICT_ERROR;
		break;
	case CHECK_NEED:
		v = VERDICT_NOVERDICT;
		break;
	case CHECK_SKIP:
		v = VERDICT_SKIP;
		break;
	default:
		v = VERDICT_ERROR;
		break;
	}
	if (!c->held && tally->first[v] == NULL) {
		tally->first[v] = c;
	}
}

static struct tally count(const struct log *log)
{
	struct tally tally = {0};
	const struct record *r = NULL;

	while ((r = log_next(log, r)) != NULL) {
		if (r->kind == RECORD_CHECK) {
			count_check(&tally, (const struct record_check *)r);
		} else if (r->kind == RECORD_END) {
			tally.end = (const struct record_end *)r;
		} else if (r->kind == RECORD_FRAME) {
			tally.last_frame =
				((const struct record_frame *)r)->number;
		}
	}
	return tally;
}

const char *verdict_but(const char *field, const char *seen)
{
	return field[0] == '\0' && strcmp(seen, "STATUS_SUCCESS") == 0
		       ? ", but not that"
		       : "";
}

static enum verdict say(
	char reason[200], enum verdict v, const struct record_check *c)
{
	if (c->kind == CHECK_RULE && c->rule < RULE_COUNT) {
		snprintf(reason, 200, "%s: %.60s%sexpected %.42s, saw %.42s%s",
			rule_table[c->rule].id, c->field,
			c->field[0] != '\0' ? ": " : "", c->expected, c->seen,
			verdict_but(c->field, c->seen));
	} else if (c->kind == CHECK_SUITE) {
		snprintf(reason, 200, "%.190s", c->seen);
	} else if (strcmp(c->seen, "no") == 0) {
		snprintf(reason, 200, "needs %.180s%s", c->expected,
			c->kind == CHECK_SKIP ? "" : ": not met");
	} else {
		snprintf(reason, 200, "needs %.90s; saw %.90s", c->expected,
			c->seen);
	}
	return v;
}

/* Mistakes of the suite itself; VERDICT_PASS if there are none. */
static enum verdict suite_fault(const struct tally *tally,
	const struct child_end *end, char reason[200])
{
	if (tally->first[VERDICT_ERROR] != NULL) {
		return say(reason, VERDICT_ERROR, tally->first[VERDICT_ERROR]);
	}
	if (end->signal != 0 && !end->killed) {
		snprintf(reason, 200, "the test died of signal %d (%s)",
			end->signal, strsignal(end->signal));
		return VERDICT_ERROR;
	}
	if (tally->end == NULL && !end->killed) {
		snprintf(reason, 200, "the test ended without a result");
		return VERDICT_ERROR;
	}
	if (tally->end != NULL && tally->end->kind == END_BROKEN) {
		snprintf(reason, 200, "%.190s", tally->end->text);
		return VERDICT_ERROR;
	}
	return VERDICT_PASS;
}

enum verdict verdict_of(const struct log *log, const struct child_end *end,
	char ret_reason[200])
{
	static const enum verdict order[] = {
		VERDICT_FAIL, VERDICT_NOVERDICT, VERDICT_SKIP, VERDICT_WARN};
	struct tally tally = count(log);
	unsigned int i;

	ret_reason[0] = '\0';
	if (suite_fault(&tally, end, ret_reason) != VERDICT_PASS) {
		return VERDICT_ERROR;
	}
	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (order[i] == VERDICT_NOVERDICT && end->killed) {
			snprintf(ret_reason, 200, "%s after frame %u",
				end->interrupted ? "the run was interrupted"
						 : "the time budget ran out",
				tally.last_frame);
			return VERDICT_NOVERDICT;
		}
		if (tally.first[order[i]] != NULL) {
			return say(ret_reason, order[i], tally.first[order[i]]);
		}
	}
	if (tally.judged == 0) {
		snprintf(ret_reason, 200, "the test ended without a check");
		return VERDICT_ERROR;
	}
	return VERDICT_PASS;
}

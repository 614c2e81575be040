/* SPDX-License-Identifier: MIT */
/*
 * JUnit XML and TAP, for build servers. TAP is that of version 13, which those
 * of version 14 read as well.
 */
#include <string.h>

#include "runner/report.h"

/* Text of an attribute; control characters have no XML form. */
static void xml(struct text *out, const char *p)
{
	for (; *p != '\0'; p++) {
		switch (*p) {
		case '<':
			text_add(out, "&lt;");
			break;
		case '>':
			text_add(out, "&gt;");
			break;
		case '&':
			text_add(out, "&amp;");
			break;
		case '"':
			text_add(out, "&quot;");
			break;
		case '\n':
			text_add(out, "&#10;");
			break;
		default:
			if ((unsigned char)*p >= 0x20) {
				text_put(out, p, 1);
			}
			break;
		}
	}
}

/* Text of an element: lines stay lines. */
static void xml_text(struct text *out, const char *p)
{
	const char *end;

	while ((end = strchr(p, '\n')) != NULL) {
		struct text line = {0};

		text_put(&line, p, (size_t)(end - p));
		xml(out, line.p);
		text_put(out, "\n", 1);
		text_finish(&line);
		p = end + 1;
	}
	xml(out, p);
}

static void attribute(struct text *out, const char *name, const char *value)
{
	text_add(out, " %s=\"", name);
	xml(out, value);
	text_put(out, "\"", 1);
}

static void outcome(
	struct text *out, const char *element, const struct json *test)
{
	struct text block = {0};

	report_block(&block, test, NULL, false);
	text_add(out, "\n    <%s", element);
	attribute(out, "type", json_text(test, "verdict"));
	attribute(out, "message", json_text(test, "reason"));
	text_put(out, ">", 1);
	xml_text(out, block.p);
	text_finish(&block);
	text_add(out, "</%s>\n  ", element);
}

static void testcase(struct text *out, const struct json *test)
{
	enum verdict v = verdict_by_name(json_text(test, "verdict"));
	const struct json *ms = json_get(test, "duration_ms");

	text_add(out, "  <testcase");
	attribute(out, "name", json_text(test, "id"));
	text_add(out, " classname=\"%s.%s\" time=\"%.3f\">",
		json_text(test, "area"), json_text(test, "group"),
		ms != NULL ? ms->number / 1000 : 0.0);
	switch (v) {
	case VERDICT_FAIL:
	case VERDICT_CHANGED:
	case VERDICT_XPASS:
	case VERDICT_FLAKY:
		outcome(out, "failure", test);
		break;
	case VERDICT_NOVERDICT:
	case VERDICT_ERROR:
		outcome(out, "error", test);
		break;
	case VERDICT_SKIP:
	case VERDICT_XFAIL:
		text_add(out, "<skipped");
		attribute(out, "message", json_text(test, "reason"));
		text_add(out, "/>");
		break;
	case VERDICT_WARN:
		text_add(out, "<system-out>WARN: ");
		xml(out, json_text(test, "reason"));
		text_add(out, "</system-out>");
		break;
	default:
		break;
	}
	text_add(out, "</testcase>\n");
}

void report_junit(struct text *out, const struct json *results)
{
	const struct json *s = json_get(results, "summary");
	const struct json *tests = json_get(results, "tests"), *t;
	long long failures = json_int(s, "FAIL") + json_int(s, "CHANGED") +
			     json_int(s, "XPASS") + json_int(s, "FLAKY");
	long long errors = json_int(s, "ERROR") + json_int(s, "NOVERDICT");
	long long skipped = json_int(s, "SKIP") + json_int(s, "XFAIL");
	double seconds = (double)json_int(results, "duration_ms") / 1000;

	text_add(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuites tests=\"%zu\" failures=\"%lld\" errors=\"%lld\""
		" time=\"%.3f\">\n<testsuite name=\"smb3x\" tests=\"%zu\""
		" failures=\"%lld\" errors=\"%lld\" skipped=\"%lld\""
		" time=\"%.3f\" timestamp=\"%.19s\">\n",
		tests != NULL ? tests->count : 0, failures, errors, seconds,
		tests != NULL ? tests->count : 0, failures, errors, skipped,
		seconds, json_text(results, "started"));
	for (t = json_first(results, "tests"); t != NULL; t = t->next) {
		testcase(out, t);
	}
	text_add(out, "</testsuite>\n</testsuites>\n");
}

/* One line: no newline, and `#` would begin a directive. */
static void tap_text(struct text *out, const char *p)
{
	for (; *p != '\0'; p++) {
		if (*p == '#' || *p == '\\') {
			text_put(out, "\\", 1);
		}
		text_put(out, *p == '\n' ? " " : p, 1);
	}
}

static void tap_diagnostic(struct text *out, const struct json *test)
{
	text_add(out, "  ---\n  verdict: %s\n  message: ",
		json_text(test, "verdict"));
	json_string(out, json_text(test, "reason"));
	text_add(out, "\n  title: ");
	json_string(out, json_text(test, "title"));
	if (json_first(test, "rules") != NULL) {
		text_add(out, "\n  rule: ");
		json_string(out, json_text(json_first(test, "rules"), "text"));
	}
	text_add(out, "\n  reproduce: ");
	json_string(out, json_text(test, "reproduce"));
	text_add(out, "\n  ...\n");
}

void report_tap(struct text *out, const struct json *results)
{
	const struct json *tests = json_get(results, "tests"), *t;
	unsigned int n = 0;

	text_add(out, "TAP version 13\n1..%zu\n",
		tests != NULL ? tests->count : 0);
	for (t = json_first(results, "tests"); t != NULL; t = t->next) {
		enum verdict v = verdict_by_name(json_text(t, "verdict"));
		bool ok = v == VERDICT_PASS || v == VERDICT_WARN ||
			  v == VERDICT_SKIP;

		text_add(out, "%sok %u - ", ok ? "" : "not ", ++n);
		tap_text(out, json_text(t, "id"));
		if (v == VERDICT_SKIP || v == VERDICT_XFAIL) {
			text_add(out, " # %s ",
				v == VERDICT_SKIP ? "SKIP" : "TODO");
			tap_text(out, json_text(t, "reason"));
		}
		text_put(out, "\n", 1);
		if (v != VERDICT_PASS && v != VERDICT_SKIP) {
			tap_diagnostic(out, t);
		}
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Reports; every one is made from a parsed results.json.
 */
#ifndef SMB3X_RUNNER_REPORT_H
#define SMB3X_RUNNER_REPORT_H

#include "runner/json.h"
#include "runner/run.h"

/* results.json of a finished run. */
void results_write(struct text *out, const struct run *run);

/* folder: where the report is, for commands that name its files; or NULL. */
void report_text(struct text *out, const struct json *results,
	const char *folder, bool verbose, bool colour);
/* One test, with all that explains its verdict. */
void report_block(struct text *out, const struct json *test, const char *folder,
	bool colour);
void report_tap(struct text *out, const struct json *results);
void report_junit(struct text *out, const struct json *results);
/* A page of its own that needs no network. json is the text of results. */
void report_html(struct text *out, const struct text *json);

#endif

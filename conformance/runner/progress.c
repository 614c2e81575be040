/* SPDX-License-Identifier: MIT */
/*
 * What is shown while a run goes on: one line that changes on a terminal, one
 * line per test with -v, nothing otherwise.
 */
#include <stdio.h>
#include <unistd.h>

#include "runner/run.h"

static unsigned int total, done;
static bool terminal;

void progress_begin(const struct run *run, unsigned int count)
{
	(void)run;
	total = count;
	done = 0;
	terminal = isatty(STDERR_FILENO) == 1;
}

void progress_item(const struct run *run, const struct item *item)
{
	unsigned int v;

	done++;
	if (run->options->verbose) {
		fprintf(stderr, "%s%-9s %7.0f ms  %s%s%s\n",
			terminal ? "\r\033[K" : "", verdict_name(item->verdict),
			item->milliseconds, item->id,
			item->reason[0] != '\0' ? ": " : "", item->reason);
	}
	if (!terminal) {
		return;
	}
	fprintf(stderr, "\r\033[K[%u/%u]", done, total);
	for (v = 0; v < VERDICT_COUNT; v++) {
		if (run->counts[v] != 0) {
			fprintf(stderr, " %u %s", run->counts[v],
				verdict_name(v));
		}
	}
	fprintf(stderr, "  %.60s", item->id);
	fflush(stderr);
}

void progress_end(void)
{
	if (terminal) {
		fprintf(stderr, "\r\033[K");
	}
}

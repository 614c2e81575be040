/* SPDX-License-Identifier: MIT */
/*
 * The files that prove a verdict: capture, decrypted twin, keys, and the same
 * record as failure.json.
 */
#ifndef SMB3X_RUNNER_EVIDENCE_H
#define SMB3X_RUNNER_EVIDENCE_H

#include "runner/run.h"

/* Writes the files under REPORT/evidence/ and the member "files" of the test's
 * object; nothing without --report. */
void evidence_write(struct text *out, const struct run *run,
	const struct item *item, const struct log *log, enum verdict verdict);
/* Removes what an earlier run left under REPORT/evidence/. */
void evidence_begin(const struct options *options);
void evidence_write_json(const struct run *run, const struct item *item,
	const struct text *json);
/* The same for the probe: REPORT/probe.pcapng. */
void evidence_write_probe(const char *report, const struct log *log);

#endif

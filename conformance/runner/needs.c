/* SPDX-License-Identifier: MIT */
/*
 * Whether the target has what a test is about, by what the probe saw.
 */
#include <stdio.h>

#include "runner/needs.h"

/* The fact that a need asks for; NULL if the probe has no such fact. */
static const struct fact *fact_of(
	const struct target *target, const struct need *need)
{
	static const enum fact_kind kinds[] = {
		[NEED_CAPABILITY] = FACT_CAPABILITY,
		[NEED_CIPHER] = FACT_CIPHER,
		[NEED_SIGNING] = FACT_SIGNING,
		[NEED_COMPRESSION] = FACT_COMPRESSION,
		[NEED_FSCTL] = FACT_FSCTL,
		[NEED_FS_FLAG] = FACT_FS_FLAG,
	};

	switch (need->kind) {
	case NEED_CONTEXT:
		return target_fact_named(target, FACT_CONTEXT, need->text);
	case NEED_ENCRYPTION:
		return target_fact_named(target, FACT_OTHER, "encryption");
	case NEED_POSIX:
		return target_fact_named(target, FACT_OTHER, "UNIX extensions");
	case NEED_CAPABILITY:
	case NEED_CIPHER:
	case NEED_SIGNING:
	case NEED_COMPRESSION:
	case NEED_FSCTL:
	case NEED_FS_FLAG:
		return target_fact(target, kinds[need->kind], need->value);
	default:
		return NULL;
	}
}

/* 0x0302 as people say it: 3.0.2 */
static const char *dialect_text(uint64_t dialect)
{
	switch (dialect) {
	case 0x0202:
		return "2.0.2";
	case 0x0210:
		return "2.1";
	case 0x0300:
		return "3.0";
	case 0x0302:
		return "3.0.2";
	case 0x0311:
		return "3.1.1";
	default:
		return "?";
	}
}

static bool met(const struct target *target, const struct need *need,
	char ret_reason[200])
{
	const struct fact *fact;
	int n;

	switch (need->kind) {
	case NEED_DIALECT_MIN:
		snprintf(ret_reason, 200,
			"needs dialect %s or higher; the highest here is %s",
			dialect_text(need->value),
			dialect_text(target->dialect_max));
		return target->dialect_max >= need->value;
	case NEED_DIALECT_MAX:
		snprintf(ret_reason, 200,
			"needs dialect %s or lower; the lowest here is %s",
			dialect_text(need->value),
			dialect_text(target->dialect_min));
		return target->dialect_min <= need->value;
	case NEED_SECOND_USER:
		snprintf(ret_reason, 200,
			"needs a second user (--second-user NAME:PASSWORD)");
		return target->user2[0] != '\0';
	case NEED_LOCAL_PATH:
		snprintf(ret_reason, 200,
			"needs the share on this machine (--local-path DIR)");
		return target->local_path != NULL;
	case NEED_TCP:
		snprintf(ret_reason, 200,
			"is about Direct TCP; the target is reached over QUIC");
		return !target->over_quic;
	case NEED_TRANSPORT:
		snprintf(ret_reason, 200, "needs %s to the server as well (%s)",
			need->text,
			need->value == 2 ? "smb+quic://, or --quic-port"
					 : "smb://, or --tcp-port");
		return need->value == 2 ? target->quic_port != 0
					: target->tcp_port != 0;
	default:
		break;
	}
	fact = fact_of(target, need);
	if (fact == NULL && !target->probed) { /* it ended before that */
		return true;
	}
	if (fact == NULL) {
		snprintf(ret_reason, 200,
			"needs %.80s, which the probe does not know",
			need->text);
		return false;
	}
	n = snprintf(ret_reason, 200, "needs %.60s; the probe saw %.80s",
		need->text, fact->evidence);
	if (fact->frame != 0) {
		snprintf(ret_reason + n, 200 - (size_t)n,
			" (frame %u of probe.pcapng)", fact->frame);
	}
	return fact->present;
}

bool needs_met(const struct target *target, const struct conf_test *test,
	char ret_reason[200])
{
	unsigned int i;

	for (i = 0; i < CONF_NEEDS_MAX; i++) {
		enum need_kind kind = test->needs[i].kind;

		if (kind == NEED_NOTHING ||
			(target->dialect_max == 0 && /* --no-probe */
				kind != NEED_TCP && kind != NEED_TRANSPORT)) {
			continue;
		}
		if (!met(target, &test->needs[i], ret_reason)) {
			return false;
		}
	}
	return true;
}

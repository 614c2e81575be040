/* SPDX-License-Identifier: MIT */
/* The faulty build: rules that were switched off by name. */
#include "ports/rule.h"

#ifdef SMB3X_FAULTY
#include <errno.h>
#include <string.h>

static bool broken[RULE_COUNT];

int rule_break(const char *id)
{
	for (size_t i = 0; i < RULE_COUNT; i++) {
		if (!strcmp(rule_table[i].id, id)) {
			broken[i] = true;
			return 0;
		}
	}
	return -ENOENT;
}

bool rule_holds(enum rule_id id)
{
	return !broken[id];
}
#else
/* A translation unit is not empty. */
typedef int rule_nothing_is_broken;
#endif

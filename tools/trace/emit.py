# SPDX-License-Identifier: MIT
"""Write requirements.json and the C table of rules."""
import json
import os

LEVELS = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY")
NOTICE = """\
/* SPDX-License-Identifier: MIT */
/* Made by tools/trace from spec/; do not edit. */
"""


def write(path, text):
    """Write a file, but leave it alone when it would not change."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    try:
        with open(path, encoding="utf-8") as stream:
            if stream.read() == text:
                return
    except FileNotFoundError:
        pass
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)


def requirements_json(found, path):
    write(path, json.dumps([rule.as_dict() for rule in found], indent=1,
                           ensure_ascii=False) + "\n")


def c_string(text):
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


def level_name(level):
    return "RULE_LEVEL_" + level.replace(" ", "_")


def rules_h(found, path):
    levels = "\n".join("\t%s," % level_name(level) for level in LEVELS)
    ids = "\n".join("\tRULE_%s,\t/* %s */" % (rule.name, rule.section)
                    for rule in found)
    write(path, NOTICE + """\
#ifndef SMB3X_RULES_H
#define SMB3X_RULES_H

enum rule_level {
%s
};

enum rule_actor {
	RULE_ACTOR_SERVER,
	RULE_ACTOR_CLIENT,
};

enum rule_id {
%s
	RULE_COUNT
};

struct rule_info {
	const char *id;		/* "CORE-CREATE-0012" */
	enum rule_level level;
	enum rule_actor actor;
	const char *text;	/* the sentence */
	const char *source;	/* "MS-SMB2 3.3.5.9" */
	const char *anchor;	/* "core.html#CORE-CREATE-0012" */
};

extern const struct rule_info rule_table[RULE_COUNT];

/* The enum rule_id of an id as the documents write it, or -1. */
int rule_find(const char *id);

/* "MUST", "SHOULD NOT", ...; "?" for no level. */
const char *rule_level_name(enum rule_level level);

#endif
""" % (levels, ids))


def rules_c(found, path):
    entries = "\n".join("""\
	[RULE_%s] = {
		%s, %s,
		RULE_ACTOR_%s,
		%s,
		%s, %s,
	},""" % (rule.name, c_string(rule.id), level_name(rule.level),
             rule.actor.upper(), c_string(rule.text), c_string(rule.source),
             c_string(rule.anchor)) for rule in found)
    names = "\n".join("\t[%s] = %s," % (level_name(level), c_string(level))
                      for level in LEVELS)
    write(path, NOTICE + """\
#include <string.h>

#include "rules.h"

const struct rule_info rule_table[RULE_COUNT] = {
%s
};

static const char *const level_names[] = {
%s
};

int rule_find(const char *id)
{
	for (int i = 0; i < RULE_COUNT; i++) {
		if (strcmp(rule_table[i].id, id) == 0) {
			return i;
		}
	}
	return -1;
}

const char *rule_level_name(enum rule_level level)
{
	if ((unsigned int)level >= sizeof(level_names) / sizeof(*level_names)) {
		return "?";
	}
	return level_names[level];
}
""" % (entries, names))

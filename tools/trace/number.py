# SPDX-License-Identifier: MIT
"""Give numbers to new rules: CORE-ECHO-NEW becomes CORE-ECHO-0007."""
import os
import re
import sys

import rules

HEADER = """\
# SPDX-License-Identifier: CC-BY-4.0
# The next free number of each group of rules. Written by `trace number`; a
# counter only ever grows, so that no id is given twice.
"""
PLACEHOLDER = re.compile(r"(?<=id=)([A-Z]+-[A-Z0-9]+)-NEW\b")


def files_of(paths):
    """The documents and everything that they include, in reading order."""
    result = []
    for path in paths:
        if path in result or not os.path.exists(path):
            continue
        result.append(path)
        with open(path, encoding="utf-8") as stream:
            for line in stream:
                include = rules.INCLUDE.match(line)
                if include and include.group(1).endswith(".adoc"):
                    target = os.path.join(os.path.dirname(path),
                                          include.group(1))
                    result += [name for name in files_of([target])
                               if name not in result]
    return result


def give_numbers(text, counters):
    def number(match):
        group = match.group(1)
        value = counters.get(group, 1)
        counters[group] = value + 1
        return "%s-%04d" % (group, value)

    return PLACEHOLDER.sub(number, text)


def command(args):
    path = os.path.join(args.rules, "counters.yaml")
    counters = rules.load_yaml(path)
    for name in files_of(args.document):
        with open(name, encoding="utf-8") as stream:
            old = stream.read()
        new = give_numbers(old, counters)
        if new != old:
            with open(name, "w", encoding="utf-8") as stream:
                stream.write(new)
            print("numbered", name, file=sys.stderr)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(HEADER)
        for group in sorted(counters):
            stream.write("%s: %d\n" % (group, counters[group]))
    return 0

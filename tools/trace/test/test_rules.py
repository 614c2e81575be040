#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The reader of rules: what it finds, and that each of its gates can fail."""
import os
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))

import emit  # noqa: E402
import number  # noqa: E402
import rules  # noqa: E402

GOOD = """\
= Title

== First section

[.req,id=CORE-ECHO-0001,actor=server,src="MS-SMB2 3.3.5.17; observed"]
The server MUST answer "yes".
"""


def read(tmp_path, text, name="core.adoc", **more):
    path = tmp_path / name
    path.write_text(text)
    for other, content in more.items():
        (tmp_path / (other + ".adoc")).write_text(content)
    return rules.read_documents([str(path)])


def test_reads_a_rule(tmp_path):
    found, problems = read(tmp_path, GOOD)
    assert problems == []
    rule = found[0]
    assert (rule.id, rule.level, rule.actor) == (
        "CORE-ECHO-0001", "MUST", "server")
    assert rule.text == 'The server MUST answer "yes".'
    assert rule.source == "MS-SMB2 3.3.5.17; observed"
    assert rule.section == "First section"
    assert rule.anchor == "core.html#CORE-ECHO-0001"
    assert rule.line == 5


def test_follows_includes_in_order(tmp_path):
    found, problems = read(
        tmp_path, "== A\n\ninclude::part.adoc[]\n\n" + GOOD.replace(
            "0001", "0002"), part=GOOD)
    assert problems == []
    assert [rule.id[-4:] for rule in found] == ["0001", "0002"]


def test_code_in_a_listing_is_no_rule(tmp_path):
    found, problems = read(tmp_path, "----\n" + GOOD + "----\n")
    assert (found, problems) == ([], [])


@pytest.mark.parametrize("text,complaint", [
    ("A sentence that MUST have an id.\n", "MUST in a sentence without an id"),
    ("It is RECOMMENDED.\n", "RECOMMENDED in a sentence"),
    (GOOD.replace("MUST", "does"), "exactly one keyword is needed"),
    (GOOD.replace("answer", "answer and MAY not answer"), "exactly one"),
    (GOOD.replace("MUST", "SHALL"), "exactly one keyword"),
    (GOOD.replace("The server", "It"), "does not name its actor"),
    (GOOD.replace("actor=server", "actor=proxy"), "unknown actor"),
    (GOOD.replace(',src="MS-SMB2 3.3.5.17; observed"', ""),
     "rule without src"),
    (GOOD.replace("CORE-ECHO-0001", "CORE-ECHO-1"), "malformed id"),
    (GOOD.replace('"yes".\n', '"yes".\nIt goes on.\n'), "followed by an empty"),
    (GOOD.replace('"yes".', '"yes"'), "ends in a period"),
    (GOOD + "\n" + GOOD, "was already given"),
    ("include::nowhere.adoc[]\n", "cannot be read"),
])
def test_complains(tmp_path, text, complaint):
    _, problems = read(tmp_path, text)
    assert any(complaint in problem for problem in problems), problems


def test_keyword_in_backticks_is_no_rule(tmp_path):
    _, problems = read(tmp_path, "The keyword `MUST` is explained here.\n")
    assert problems == []


def bookkeeping(tmp_path, found, **files):
    for name, text in files.items():
        (tmp_path / (name + ".yaml")).write_text(text)
    return rules.check_bookkeeping(found, str(tmp_path))


def test_bookkeeping_accepts(tmp_path):
    found, _ = read(tmp_path, GOOD)
    assert bookkeeping(tmp_path, found, counters="CORE-ECHO: 3\n",
                       retired="CORE-ECHO-0002: {date: 2026-01-01}\n") == []


@pytest.mark.parametrize("files,complaint", [
    ({"counters": "CORE-ECHO: 1\n"}, "not below the counter"),
    ({"counters": "CORE-ECHO: 3\n"}, "CORE-ECHO-0002 is neither"),
    ({"counters": "CORE-ECHO: 2\n", "retired": "CORE-ECHO-0001: {}\n"},
     "is retired"),
    ({"counters": "CORE-ECHO: 2\n",
      "untestable": "CORE-ECHO-0009: {reason: needs-kdc}\n"}, "unknown id"),
    ({"counters": "CORE-ECHO: 2\n",
      "untestable": "CORE-ECHO-0001: {reason: no time}\n"},
     "unknown reason"),
])
def test_bookkeeping_complains(tmp_path, files, complaint):
    found, _ = read(tmp_path, GOOD)
    problems = bookkeeping(tmp_path, found, **files)
    assert any(complaint in problem for problem in problems), problems


def test_an_id_without_number_is_refused(tmp_path):
    found, _ = read(tmp_path, GOOD.replace("0001", "NEW"))
    problems = bookkeeping(tmp_path, found, counters="CORE-ECHO: 1\n")
    assert any("has no number yet" in problem for problem in problems)


def test_numbers_go_on_where_they_stopped():
    counters = {"CORE-ECHO": 7}
    text = number.give_numbers("[.req,id=CORE-ECHO-NEW,x]\n"
                               "[.req,id=CORE-READ-NEW,x]\n"
                               "[.req,id=CORE-ECHO-NEW,x]\n", counters)
    assert "id=CORE-ECHO-0007," in text and "id=CORE-ECHO-0008," in text
    assert "id=CORE-READ-0001," in text
    assert counters == {"CORE-ECHO": 9, "CORE-READ": 2}


def test_emitted_c_compiles(tmp_path):
    found, _ = read(tmp_path, GOOD)
    emit.rules_h(found, str(tmp_path / "rules.h"))
    emit.rules_c(found, str(tmp_path / "rules.c"))
    (tmp_path / "main.c").write_text(
        '#include <string.h>\n#include "rules.h"\n'
        "int main(void)\n{\n"
        '\tint id = rule_find("CORE-ECHO-0001");\n'
        "\treturn !(id == RULE_CORE_ECHO_0001 && RULE_COUNT == 1 &&\n"
        '\t\trule_find("CORE-ECHO-0002") == -1 &&\n'
        '\t\tstrstr(rule_table[id].text, "\\"yes\\"") &&\n'
        "\t\tstrcmp(rule_level_name(rule_table[id].level), \"MUST\") == 0);\n"
        "}\n")
    program = str(tmp_path / "program")
    assert os.system("gcc -std=gnu11 -Wall -Wextra -Werror -o %s %s %s" % (
        program, tmp_path / "main.c", tmp_path / "rules.c")) == 0
    assert os.system(program) == 0


def test_unchanged_output_is_left_alone(tmp_path):
    found, _ = read(tmp_path, GOOD)
    path = str(tmp_path / "rules.h")
    emit.rules_h(found, path)
    os.utime(path, (1, 1))
    emit.rules_h(found, path)
    assert os.stat(path).st_mtime == 1

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The checks of tools/model, and that the C it writes says what the rows do."""
import importlib.machinery
import importlib.util
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
MODELS = sorted((HERE.parents[2] / "spec/model").glob("*.yaml"))

loader = importlib.machinery.SourceFileLoader(
    "model", str(HERE.parent / "model"))
model = importlib.util.module_from_spec(
    importlib.util.spec_from_loader("model", loader))
loader.exec_module(model)

LIGHT = """
enums:
  - {{name: light, doc: "A light.", values: [RED, GREEN]}}
  - {{name: event, doc: "An event.", values: [WAIT, TIMER]}}
tables:
  - name: change
    title: "What a light becomes"
    section: "none"
    inputs: {{light: light, event: event}}
    outputs: {{to: light, loud: bool}}
    rows:
{rows}
"""
GOOD = ["[RED, TIMER, GREEN, yes, A-B-0001]", "[GREEN, TIMER, RED, no, '-']",
        "['*', WAIT, light, no, '-']"]


def load(tmp_path, rows):
    path = tmp_path / "light.yaml"
    path.write_text(LIGHT.format(rows="\n".join(
        f"      - {row}" for row in rows)))
    return model.load([path])


def test_every_combination_once(tmp_path):
    _, (table,) = load(tmp_path, GOOD)
    assert table.cases == [
        (["RED", "WAIT"], ["RED", "no"], "-"),
        (["RED", "TIMER"], ["GREEN", "yes"], "A-B-0001"),
        (["GREEN", "WAIT"], ["GREEN", "no"], "-"),
        (["GREEN", "TIMER"], ["RED", "no"], "-")]


@pytest.mark.parametrize("rows, why", [
    (GOOD[:2], "no row for"),
    (["['*', '*', RED, no, '-']", *GOOD], "never reached"),
    (["[BLUE, TIMER, RED, no, '-']", *GOOD], "BLUE is no light"),
    (["[RED, TIMER, RED, '-']", *GOOD], "inputs, outputs and a rule"),
    (["[RED, TIMER, RED, no, nonsense]", *GOOD], "inputs, outputs and a rule"),
])
def test_faults_are_told(tmp_path, rows, why):
    with pytest.raises(model.Fault, match=why):
        load(tmp_path, rows)


def test_c_says_what_the_rows_say(tmp_path):
    """A program prints each row as its function finds it."""
    enums, tables = model.load(MODELS)
    model.write_c(tmp_path, enums, tables)
    prints, wanted = [], []
    for table in tables:
        for inputs, outputs, rule in table.cases:
            given = ", ".join(model.constant(k, v) for k, v in
                              zip(table.inputs.values(), inputs))
            members = ", ".join(f"(int)r->{n}" for n in table.outputs)
            form = "%d " * len(table.outputs)
            prints.append(f"{{const struct model_{table.name} *r = "
                          f"model_{table.name}({given}); "
                          f'printf("{form}%s\\n", {members}, r->rule);}}')
            wanted.append(" ".join(
                str(table.values(k).index(v)) for k, v in
                zip(table.outputs.values(), outputs)) + " " + rule)
    main = tmp_path / "main.c"
    main.write_text('#include <stdio.h>\n#include "model.h"\n'
                    "int main(void)\n{\n" + "\n".join(prints) +
                    "\nreturn 0;\n}\n")
    program = tmp_path / "main"
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-o", program, main,
                    tmp_path / "model.c"], check=True)
    out = subprocess.run([program], check=True, capture_output=True, text=True)
    assert out.stdout.splitlines() == wanted

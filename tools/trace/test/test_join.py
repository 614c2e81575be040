#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The joiner: what it joins, and that each of its gates can fail."""
import json
import os
import subprocess
import sys

import pytest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))

import join  # noqa: E402

TRACE = os.path.join(HERE, "..", "trace")
DOCUMENT = """\
= Core

[.req,id=CORE-ECHO-0001,actor=server,src="MS-SMB2 3.3.5.17"]
The server MUST answer.

[.req,id=CORE-ECHO-0002,actor=client,src="MS-SMB2 3.3.5.17"]
The client SHOULD ask.
"""
COUNTERS = "CORE-ECHO: 3\n"
BRANCH = "if (RULE(CORE_ECHO_0001) && x) {\n"
TESTS = {"tests": [
    {"id": "core/echo/answers", "rules": ["CORE-ECHO-0001"]},
    {"id": "core/echo/asks", "rules": ["CORE-ECHO-0002", "CORE-ECHO-0001"]}]}


def judged(rule_id, held, level="MUST"):
    return {"id": rule_id, "level": level, "judged": 2, "held": held}


RESULTS = {"schema": "smb3x-results", "product_file": "", "tests": [
    {"id": "core/echo/answers", "verdict": "FAIL", "rules": [
        judged("CORE-ECHO-0001", 1)]},
    {"id": "core/echo/asks", "verdict": "FAIL", "rules": [
        judged("CORE-ECHO-0001", 2),
        judged("CORE-ECHO-0002", 0, "SHOULD")]}]}


class Project:
    """A small project in a folder, with git."""

    def __init__(self, folder):
        self.folder = folder
        self.git("init", "-q")
        self.git("config", "user.email", "a@example.org")
        self.git("config", "user.name", "a")
        self.write("spec/core.adoc", DOCUMENT)
        self.write("spec/rules/counters.yaml", COUNTERS)
        self.write("spec/rules/untestable.yaml", "")
        self.write("spec/rules/unmarked.yaml", "")
        self.write("reference/engine/echo.c", BRANCH)
        self.write("tests.json", json.dumps(TESTS))
        self.write("results/samba.json", json.dumps(RESULTS))
        self.git("add", ".")
        self.git("commit", "-q", "-m", "x")

    def git(self, *words):
        subprocess.run(["git", *words], cwd=self.folder, check=True,
                       capture_output=True)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def trace(self, *words):
        return subprocess.run(
            [sys.executable, "-B", TRACE, *words], cwd=self.folder,
            capture_output=True, text=True, check=False)

    def join(self, *words):
        extract = self.trace("extract", "spec/core.adoc")
        assert extract.returncode == 0, extract.stderr
        return self.trace("join", "--tests", "tests.json",
                          "--results", "results", *words)

    def record(self, rule_id):
        with open(self.folder / "build/trace.json", encoding="utf-8") as f:
            return [rule for rule in json.load(f)["rules"]
                    if rule["id"] == rule_id][0]


@pytest.fixture(name="project")
def fixture_project(tmp_path):
    return Project(tmp_path)


def test_joins_everything(project):
    run = project.join()
    assert run.returncode == 0, run.stdout + run.stderr
    record = project.record("CORE-ECHO-0001")
    assert record["branches"] == ["reference/engine/echo.c:1"]
    assert record["tests"] == ["core/echo/answers", "core/echo/asks"]
    assert record["results"] == {"samba": {
        "core/echo/answers": "FAIL", "core/echo/asks": "PASS"}}
    assert project.record("CORE-ECHO-0002")["results"] == {
        "samba": {"core/echo/asks": "WARN"}}


@pytest.mark.parametrize("verdict,count,held,expected", [
    ("PASS", 1, 1, "PASS"), ("FAIL", 1, 0, "FAIL"), ("XFAIL", 1, 0, "XFAIL"),
    ("SKIP", 0, 0, "SKIP"), ("NOVERDICT", 0, 0, "NOVERDICT"),
    ("PASS", 0, 0, None),
])
def test_verdict_of_a_rule(verdict, count, held, expected):
    rule = {"id": "x", "level": "MUST", "judged": count, "held": held}
    assert join.rule_verdict({"verdict": verdict}, rule) == expected


def test_rule_without_test(project):
    project.write("tests.json", json.dumps({"tests": TESTS["tests"][:1]}))
    run = project.join()
    assert run.returncode == 1 and "CORE-ECHO-0002" in run.stderr
    assert project.join("--report").returncode == 0


def test_reason_for_a_missing_test(project):
    project.write("tests.json", json.dumps({"tests": TESTS["tests"][:1]}))
    project.write("spec/rules/untestable.yaml",
                  "CORE-ECHO-0002: {reason: needs-rdma, note: why}\n")
    assert project.join().returncode == 0


def test_dissector_judges_the_client(project):
    project.write("tests.json", json.dumps({"tests": TESTS["tests"][:1]}))
    project.write("names.lua", 'bad(pdu.turned, "ECHO-0002")')
    assert project.join("--mentions", "names.lua").returncode == 0
    project.write("names.yaml", "CORE-ECHO-0002: a product file names it")
    assert project.join("--mentions", "names.yaml").returncode == 1


def test_dissector_does_not_judge_the_server(project):
    project.write("tests.json", json.dumps({"tests": [
        {"id": "core/echo/asks", "rules": ["CORE-ECHO-0002"]}]}))
    project.write("names.lua", "CORE-ECHO-0001")
    run = project.join("--mentions", "names.lua")
    assert run.returncode == 1 and "CORE-ECHO-0001" in run.stderr


def test_stale_reason(project):
    project.write("spec/rules/untestable.yaml",
                  "CORE-ECHO-0001: {reason: needs-rdma}\n")
    run = project.join()
    assert run.returncode == 1 and "called untestable" in run.stderr


def test_server_rule_without_branch(project):
    project.write("reference/engine/echo.c", "/* nothing */\n")
    run = project.join()
    assert run.returncode == 1 and "no-branch: 1" in run.stdout
    project.write("spec/rules/unmarked.yaml",
                  "CORE-ECHO-0001: {reason: in-codec}\n")
    assert project.join().returncode == 0


def test_unknown_reason_for_a_missing_branch(project):
    project.write("reference/engine/echo.c", "/* nothing */\n")
    project.write("spec/rules/unmarked.yaml",
                  "CORE-ECHO-0001: {reason: tired}\n")
    run = project.join("--report")
    assert run.returncode == 1 and "unknown reason" in run.stderr


@pytest.mark.parametrize("name,text", [
    ("reference/engine/other.c", "if (RULE(CORE_ECHO_0009)) {\n"),
    ("tests.json", json.dumps({"tests": [
        {"id": "x", "rules": ["CORE-ECHO-0001", "CORE-ECHO-0002",
                              "CORE-ECHO-0009"]}]})),
    ("names.lua", "CORE-ECHO-0009"),
])
def test_unknown_id(project, name, text):
    project.write(name, text)
    words = ["--mentions", "names.lua"] if name == "names.lua" else []
    run = project.join("--report", *words)
    assert run.returncode == 1 and "CORE-ECHO-0009 in" in run.stderr


def test_counter_that_went_back(project):
    project.write("spec/core.adoc", DOCUMENT.replace("0002", "0001", 1)
                  .split("[.req,id=CORE-ECHO-0001,actor=client")[0])
    project.write("spec/rules/counters.yaml", "CORE-ECHO: 2\n")
    project.write("tests.json", json.dumps({"tests": TESTS["tests"][:1]}))
    run = project.join("--report")
    assert run.returncode == 1 and "2, once was 3" in run.stderr


def test_duplicate_id_stops_the_extraction(project):
    project.write("spec/core.adoc", DOCUMENT + DOCUMENT)
    run = project.trace("extract", "spec/core.adoc")
    assert run.returncode == 1 and "already given" in run.stderr


def test_branches_in_tests_do_not_count(tmp_path):
    folder = tmp_path / "engine" / "test"
    folder.mkdir(parents=True)
    (folder / "x.c").write_text(BRANCH)
    assert join.branches([str(tmp_path / "engine")]) == {}

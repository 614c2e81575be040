# SPDX-License-Identifier: MIT
"""Every state, word and report of the runner, against a scripted server.

SELF is smb3x-check with the tests of selftests.c instead of the real ones."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import jsonschema
import pytest

import fake_server

SELF = os.environ["SMB3X_SELF"]
HERE = pathlib.Path(__file__).parent
SCHEMA = json.loads((HERE.parent / "results.schema.json").read_text())


def check(*arguments, code=None):
    # not where conformance/products is: its tests are others
    done = subprocess.run([SELF, *map(str, arguments)], text=True, cwd=HERE,
                          capture_output=True, timeout=120)
    if code is not None:
        assert done.returncode == code, done.stdout + done.stderr
    return done


class Run:
    def __init__(self, folder, *arguments):
        self.folder = folder
        self.server = fake_server.start()
        port = self.server.server_address[1]
        self.url = f"smb://user:geheim@127.0.0.1:{port}/share"
        self.done = check("run", self.url, *arguments, "--no-probe",
                          "--no-cleanup", "--time-scale", "0.2",
                          "--report", folder, "--junit", folder / "junit.xml",
                          "--tap", folder / "results.tap", "--seed", "7",
                          "-j", "8")
        self.text = (folder / "results.json").read_text()
        self.json = json.loads(self.text)
        self.tests = {t["id"].split("/")[-1]: t for t in self.json["tests"]}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Run(tmp_path_factory.mktemp("run"))


STATES = {
    "pass": "PASS", "fail": "FAIL", "warn": "WARN", "noverdict": "NOVERDICT",
    "skip": "SKIP", "stop": "WARN", "undeclared": "ERROR",
    "over_quic": "SKIP", "about_tcp": "PASS",
    "no_check": "ERROR", "assertion": "ERROR", "killed": "ERROR",
    "hangs": "NOVERDICT", "hangs_after_failure": "FAIL",
    "sometimes": "PASS", "silent": "FAIL", "malformed": "FAIL",
    "rows[holds]": "PASS", "rows[does_not]": "FAIL",
    "wrong_mutation": "ERROR", "mutation": "PASS", "compound": "PASS",
    "large": "FAIL",
}


@pytest.mark.parametrize("name", STATES)
def test_state(run, name):
    assert run.tests[name]["verdict"] == STATES[name], run.tests[name]


REASONS = {
    "noverdict": "needs FLUSH STATUS_SUCCESS; saw STATUS_FILE_CLOSED",
    "skip": "a feature",
    "over_quic": "needs QUIC to the server as well",
    "undeclared": "CORE-READ-0002 is checked but not declared",
    "no_check": "without a check",
    "assertion": "assertion or exception",
    "killed": "signal 9",
    "hangs": "time budget ran out after frame",
    "silent": "no response in time",
    "malformed": "malformed",
    "wrong_mutation": "SMB2_READ_REQUEST_F_OFFSET is no field of "
                      "SMB2_WRITE_REQUEST",
}


@pytest.mark.parametrize("name", REASONS)
def test_reason(run, name):
    assert REASONS[name] in run.tests[name]["reason"]


WORDS = {
    "word_status": [1, 0, 1, 0, 1, 0],
    "word_field": [1, 0, 1, 0, 1, 0, 1, 0, 0, 1],
    "word_header": [1, 0, 1, 0, 1, 0, 0],
    "word_bytes": [1, 0, 1, 0, 1, 0],
    "word_connection": [1, 0, 1, 0],
    "word_forbid": [1, 1, 0, 0],
}


@pytest.mark.parametrize("name", WORDS)
def test_word(run, name):
    checks = [c for c in run.tests[name]["checks"] if c["kind"] == "check"]
    assert [int(c["held"]) for c in checks] == WORDS[name], run.tests[name]


def test_evidence_of_a_field(run):
    c = run.tests["word_field"]["checks"][-1]
    assert (c["field"], c["offset"], c["size"]) == (
        "SMB2_ERROR_RESPONSE.ByteCount", 68, 4)
    c = [c for c in run.tests["word_field"]["checks"]
         if c["kind"] == "check"][1]
    assert (c["field"], c["expected"], c["seen"], c["offset"]) == (
        "SMB2_READ_RESPONSE.DataLength", "11 (0xb)", "10 (0xa)", 68)
    c = [c for c in run.tests["word_bytes"]["checks"]
         if c["kind"] == "check"][1]
    assert c["offset"] == 80 + 5 and "35" in c["seen"]


def test_steps_and_observations(run):
    steps = run.tests["fail"]["steps"]
    assert [s["text"] for s in steps] == [
        "A: NEGOTIATE", "ask", "A: FLUSH", "A: ECHO"]
    assert "Dialects 0x" in steps[0]["said"]
    for step in steps[0], steps[2], steps[3]:
        assert step["answer"].startswith("STATUS_")
        assert step["answer_frame"] > step["frame"]
    assert run.tests["pass"]["observations"][0]["name"] == "variant"


def test_exit_code_and_summary(run):
    assert run.done.returncode == 3
    counts = {}
    for t in run.tests.values():
        counts[t["verdict"]] = counts.get(t["verdict"], 0) + 1
    for verdict, n in run.json["summary"].items():
        assert counts.get(verdict, 0) == n
        if n:
            assert f"{n} {verdict}" in run.done.stdout.splitlines()[-1]


@pytest.mark.parametrize("patterns, options, code", [
    (["self/selftests/pass"], [], 0),
    (["self/selftests/warn"], [], 0),
    (["self/selftests/warn"], ["--strict"], 1),
    (["self/selftests/skip"], [], 0),
    (["self/selftests/fail"], [], 1),
    (["self/selftests/fail", "self/selftests/noverdict"], [], 2),
    (["self/selftests/noverdict", "self/selftests/no_check"], [], 3),
    (["CORE-READ-0002"], [], 0),
])
def test_exit_codes(tmp_path, patterns, options, code):
    assert Run(tmp_path, *patterns, *options).done.returncode == code


def test_transport_of_the_target(tmp_path):
    out = tmp_path / "results.json"
    check("run", "smb+quic://u:p@127.0.0.1:1/share", "--no-probe",
          "--no-cleanup", "self/selftests/about_tcp",
          "self/selftests/over_quic", "self/selftests/pass", "--json", out,
          "--time-scale", "0.1")
    tests = {t["id"].split("/")[-1]: t
             for t in json.loads(out.read_text())["tests"]}
    assert tests["about_tcp"]["verdict"] == "SKIP"
    assert "reached over QUIC" in tests["about_tcp"]["reason"]
    assert tests["over_quic"]["verdict"] == "FAIL"
    assert tests["pass"]["verdict"] == "NOVERDICT"
    assert "a QUIC connection" in tests["pass"]["reason"]


def test_usage_errors():
    check("run", "http://nowhere", code=4)
    check("run", "smb+tcp://u:p@127.0.0.1/share", code=4)
    check("run", "smb://u:p@127.0.0.1:1/share", code=4)
    check("frobnicate", code=4)
    server = fake_server.start()
    url = f"smb://u:p@127.0.0.1:{server.server_address[1]}/s"
    check("run", url, "no/such/test", code=4)


def test_schema(run):
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(run.json, SCHEMA)


def test_no_password_anywhere(run):
    for path in run.folder.rglob("*"):
        if path.is_file():
            assert b"geheim" not in path.read_bytes(), path


def test_junit(run):
    root = ET.parse(run.folder / "junit.xml").getroot()
    suite = root.find("testsuite")
    cases = {c.get("name").split("/")[-1]: c for c in suite}
    assert len(cases) == int(suite.get("tests")) == len(run.tests)
    assert cases["fail"].find("failure") is not None
    assert cases["killed"].find("error") is not None
    assert cases["skip"].find("skipped") is not None
    assert cases["pass"].find("failure") is None
    told = cases["fail"].find("failure").text
    steps = run.tests["fail"]["steps"]
    assert "rule       CORE-" in told and "expected   Status = " in told
    assert "FLUSH" in told or steps[0]["text"] in told
    assert "seen       " in told and "frame " in told and "byte 0x8" in told
    assert "reproduce  " in told
    for kind, attribute in (("failure", "failures"), ("error", "errors"),
                            ("skipped", "skipped")):
        found = len(suite.findall(f"testcase/{kind}"))
        assert found == int(suite.get(attribute))


def test_tap(run):
    lines = (run.folder / "results.tap").read_text().splitlines()
    assert lines[0] == "TAP version 13"
    assert lines[1] == f"1..{len(run.tests)}"
    points = [l for l in lines if re.match(r"(not )?ok \d+ - ", l)]
    assert len(points) == len(run.tests)
    byname = {l.split("/")[-1].split(" ")[0]: l for l in points}
    assert byname["pass"].startswith("ok")
    assert byname["fail"].startswith("not ok")
    assert "# SKIP" in byname["skip"]


def test_html_holds_the_results(run):
    page = (run.folder / "index.html").read_text()
    held = re.search(r"const R = (.*?);\nconst COLOR", page, re.S).group(1)
    assert json.loads(held) == run.json
    assert "http://" not in page.split("const R")[0]
    assert "</script>" not in held


@pytest.mark.skipif(not shutil.which("tshark"), reason="needs tshark")
@pytest.mark.parametrize("name", ["fail", "word_field", "compound",
                                  "large"])
def test_capture(run, tmp_path, name):
    if "files" not in run.tests[name]:
        kept = Run(tmp_path, "self/selftests/" + name, "--keep", "all")
        test, folder = kept.tests[name], tmp_path
    else:
        test, folder = run.tests[name], run.folder
    path = folder / test["files"]["pcapng"]
    out = subprocess.run(
        ["tshark", "-r", path, "-T", "fields", "-e", "frame.number", "-e",
         "_ws.expert.severity", "-e", "smb2.cmd", "-e", "frame.comment"],
        capture_output=True, text=True, check=True).stdout
    rows = [l.split("\t") for l in out.splitlines()]
    # Comments have a severity of their own, 0x100000; nothing else may occur.
    assert all(set(r[1].split(",")) <= {"", "1048576"} for r in rows), out
    messages = [r for r in rows if r[2] != ""]
    assert len(messages) == (4 if name == "large" else len(rows)), out
    for c in test["checks"]:
        if not c["held"] and c.get("rule"):
            assert rows[c["frame"] - 1] in messages
            comment = rows[c["frame"] - 1][3]
            assert c["rule"] in comment and c["seen"] in comment


def test_failure_json_is_the_same_record(run):
    test = run.tests["fail"]
    alone = json.loads((run.folder / test["files"]["json"]).read_text())
    assert alone == test


def test_alone_as_together(run, tmp_path):
    alone = Run(tmp_path, "self/selftests/fail").tests["fail"]
    for key in ("verdict", "reason", "rules", "steps"):
        assert alone[key] == run.tests["fail"][key]


def test_flaky(tmp_path):
    r = Run(tmp_path, "self/selftests/sometimes", "--repeat", "4")
    test = r.tests["sometimes"]
    assert test["verdict"] == "FLAKY"
    assert test["repetitions"] == {"PASS": 2, "FAIL": 2}
    assert r.done.returncode == 1
    jsonschema.validate(r.json, SCHEMA)


def test_repeat_without_difference(tmp_path):
    r = Run(tmp_path, "self/selftests/pass", "--repeat", "3")
    assert r.tests["pass"]["verdict"] == "PASS"
    assert r.json["summary"]["PASS"] == 1


BLOCK = """product: Other
versions: 1 - 2

deviation: {subject}
seen: {seen}
class: bug
reason: It does so.
tracker: https://example.org/1
expires: 2999-12-31
"""


@pytest.mark.parametrize("subject, seen, verdict, code", [
    ("self/selftests/fail", "STATUS_FILE_CLOSED", "XFAIL", 0),
    ("CORE-READ-0001", "STATUS_FILE_CLOSED", "XFAIL", 0),
    ("self/selftests/fail", "STATUS_PENDING", "CHANGED", 1),
    ("self/selftests/pass", "STATUS_PENDING", "XPASS", 1),
])
def test_product(tmp_path, subject, seen, verdict, code):
    file = tmp_path / "x.product"
    file.write_text(BLOCK.format(subject=subject, seen=seen))
    name = "pass" if verdict == "XPASS" else "fail"
    r = Run(tmp_path, "self/selftests/" + name, "--product", file)
    assert r.tests[name]["verdict"] == verdict
    assert r.tests[name]["deviation"]["reason"] == "It does so."
    assert r.done.returncode == code
    jsonschema.validate(r.json, SCHEMA)


@pytest.mark.parametrize("old, new, message", [
    ("self/selftests/fail", "self/selftests/none", "no such test or rule"),
    ("reason: It does so.\n", "", "no reason"),
    ("2999-12-31", "2001-01-01", "expired"),
    ("class: bug", "class: whatever", "no such class"),
    ("tracker:", "tracer:", "no such key"),
    ("reason: It", "reason: " + 300 * "x", "too long"),
    ("1 - 2", "one", "not versions"),
    ("1 - 2", "1 - 2 - 3", "not versions"),
    ("1 - 2", "1..2", "not versions"),
    ("1 - 2", "1 2", "not versions"),
    ("1 - 2", "1 - x", "not versions"),
])
def test_product_file_errors(tmp_path, old, new, message):
    text = BLOCK.format(subject="self/selftests/fail", seen="x")
    file = tmp_path / "x.product"
    file.write_text(text.replace(old, new))
    server = fake_server.start()
    url = f"smb://u:p@127.0.0.1:{server.server_address[1]}/s"
    done = check("run", url, "--no-probe", "--product", file, code=4)
    assert message in done.stderr


@pytest.mark.parametrize("versions, version, verdict", [
    ("1 - 2", "1", "XFAIL"), ("1 - 2", "2.9.1", "XFAIL"),
    ("1 - 2", "3", "FAIL"), ("1 - 2", "0.9", "FAIL"),
    ("1.9 -", "1.10", "XFAIL"), ("1.9 -", "1.8.7", "FAIL"),
    ("- 1.9", "1.10", "FAIL"), ("- 1.9", "1.9.3", "XFAIL"),
    ("4.22", "4.22.3", "XFAIL"), ("4.22", "4.2", "FAIL"),
    ("4.22", "4.23", "FAIL"), ("", "77", "XFAIL"), ("1 - 2", None, "XFAIL"),
])
def test_product_versions(tmp_path, versions, version, verdict):
    file = tmp_path / "x.product"
    file.write_text(BLOCK.format(subject="self/selftests/fail",
                                 seen="STATUS_FILE_CLOSED")
                    .replace("1 - 2", versions))
    more = ["--product-version", version] if version else []
    r = Run(tmp_path, "self/selftests/fail", "--product", file, *more)
    assert r.tests["fail"]["verdict"] == verdict
    assert r.json.get("product_version") == version
    jsonschema.validate(r.json, SCHEMA)


def test_header_of_a_product_file_that_is_read_twice(tmp_path):
    file = tmp_path / "x.product"
    file.write_text(BLOCK.format(subject="self/selftests/fail",
                                 seen="STATUS_FILE_CLOSED"))
    r = Run(tmp_path, "self/selftests/fail", "--product", file,
            "--products", tmp_path)
    assert r.tests["fail"]["deviation"]["versions"] == "1 - 2"
    assert r.tests["fail"]["known"][0]["versions"] == "1 - 2"


@pytest.mark.parametrize("subject, why", [
    ("CORE-READ-0001", "no test failed by this rule"),
    ("self/selftests/skip", "the test did not come to a verdict"),
    ("self/selftests/fail", None),
    ("CORE-READ-0003", None),
])
def test_idle_deviations(tmp_path, subject, why):
    file = tmp_path / "x.product"
    file.write_text(BLOCK.format(subject=subject, seen="x"))
    r = Run(tmp_path, "self/selftests/pass", "self/selftests/skip",
            "--product", file)
    wanted = [{"subject": subject, "why": why}] if why else []
    assert r.json["idle_deviations"] == wanted
    assert ("not met: the product file lists " + subject
            in r.done.stdout) == bool(why)
    jsonschema.validate(r.json, SCHEMA)


def test_known_from(tmp_path):
    folder = tmp_path / "products"
    folder.mkdir()
    (folder / "x.product").write_text(
        BLOCK.format(subject="self/selftests/fail", seen="x"))
    r = Run(tmp_path, "self/selftests/fail", "--products", folder)
    assert r.tests["fail"]["verdict"] == "FAIL"
    assert r.tests["fail"]["known"][0]["product"] == "Other"
    assert "Other 1 - 2" in r.done.stdout


def test_same_seed_same_order(tmp_path):
    a = Run(tmp_path / "a", "self/selftests/word_status").json
    b = Run(tmp_path / "b", "self/selftests/word_status").json
    assert a["seed"] == b["seed"] == "7"
    strip = [[t["checks"] for t in r["tests"]] for r in (a, b)]
    assert strip[0] == strip[1]


def test_diff_and_matrix(run, tmp_path):
    worse = json.loads(run.text)
    for t in worse["tests"]:
        if t["id"].endswith("/pass"):
            t["verdict"] = "FAIL"
    path = tmp_path / "worse.json"
    path.write_text(json.dumps(worse))
    good = run.folder / "results.json"
    done = check("diff", good, path, code=1)
    assert "regression  self/selftests/pass: PASS -> FAIL" in done.stdout
    assert "fix" in check("diff", path, good, code=0).stdout
    same = check("diff", good, good, code=0)
    assert (same.stdout, same.stderr) == ("", "no difference\n")
    lost = json.loads(good.read_text())
    lost["tests"][0]["verdict"] = "SKIP"
    path.write_text(json.dumps(lost))
    done = check("diff", good, path, code=0)
    assert done.stdout.startswith("lost        self/selftests/")
    assert done.stderr == "1 lost\n"
    assert check("diff", path, good, code=0).stdout.startswith("found ")
    table = check("matrix", good, path, code=0).stdout.splitlines()
    assert table[0].endswith("| worse |")
    assert any(l.startswith("| self/selftests |") for l in table)


def test_report_again(run, tmp_path):
    check("report", run.folder / "results.json", "--tap", tmp_path / "t",
          "--junit", tmp_path / "j", "--html", tmp_path / "h", code=0)
    for name, other in (("t", "results.tap"), ("j", "junit.xml"),
                        ("h", "index.html")):
        assert ((tmp_path / name).read_text()
                == (run.folder / other).read_text())


def test_list(tmp_path):
    check("list", "self/selftests/rows", "--json", tmp_path / "l", code=0)
    tests = json.loads((tmp_path / "l").read_text())
    assert [t["id"] for t in tests] == [
        "self/selftests/rows[does_not]", "self/selftests/rows[holds]"]
    assert tests[0]["rules"] == ["CORE-READ-0001"]

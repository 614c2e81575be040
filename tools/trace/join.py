# SPDX-License-Identifier: MIT
"""Join rules, engine branches, tests and results.

The gates, each a list of lines "what: which" (empty = passed):

  unknown-id       a test, an engine branch, the dissector or a product file
                   names a rule that no document has
  no-test          a rule without a test and without a reason in
                   spec/rules/untestable.yaml; the dissector judges the rules
                   of the client that it names, on captured traffic
  no-branch        a rule of the server without RULE(...) in the engine and
                   without a reason in spec/rules/unmarked.yaml
  stale-reason     a reason for a rule that has a test or a branch after all
  counter          a counter is lower than it once was
"""
import glob
import json
import os
import re
import subprocess
import sys

import emit
import rules

BRANCH = re.compile(r"\bRULE\(\s*([A-Z0-9_]+)\s*\)")
ANY_ID = re.compile(r"\b([A-Z]{3,5}-[A-Z0-9]+-[0-9]{4})\b")
# In the dissector: of area CORE.
SHORT_ID = re.compile(r'"([A-Z0-9]+-[0-9]{4})"')
# Why a rule of the server needs no branch in the engine.
UNMARKED = ("by-construction", "in-codec", "in-crypto", "in-driver",
            "not-offered")


def add_arguments(parser):
    parser.add_argument("--requirements", default="build/requirements.json")
    parser.add_argument("--tests", help="output of smb3x-check list --json")
    parser.add_argument("--results", nargs="*", default=[],
                        help="result files, or folders of them")
    parser.add_argument("--engine", nargs="*", default=[
        "reference/engine", "reference/transport"],
        help="folders with RULE() branches")
    parser.add_argument("--mentions", nargs="*", default=[],
                        help="more files whose rule ids must be known")
    parser.add_argument("--rules", default="spec/rules")
    parser.add_argument("--json", default="build/trace.json")
    parser.add_argument("--report", action="store_true",
                        help="report what is missing, but do not fail for it")
    parser.add_argument("--table", action="store_true",
                        help="print one line per rule")


def load_json(path):
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


def branches(folders):
    """{rule id: ["file:line", ...]} of RULE(...) in the engine and drivers."""
    found = {}
    paths = [path for folder in folders for path in
             glob.glob(os.path.join(folder, "**/*.c"), recursive=True)]
    for path in sorted(paths):
        if "/test/" in path:
            continue
        with open(path, encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                for name in BRANCH.findall(line):
                    found.setdefault(name.replace("_", "-"), []).append(
                        "%s:%d" % (path, number))
    return found


def mentions(paths):
    """{rule id: [path, ...]} of files that merely name rules."""
    found = {}
    for path in paths:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
            ids = ANY_ID.findall(text)
            if path.endswith(".lua"):
                ids += ["CORE-" + short for short in SHORT_ID.findall(text)]
            for rule_id in ids:
                if path not in found.setdefault(rule_id, []):
                    found[rule_id].append(path)
    return found


def entries(document, *names):
    """The list of objects of a JSON document, whatever it is wrapped in."""
    if isinstance(document, list):
        return document
    for name in names:
        if isinstance(document.get(name), list):
            return document[name]
    return []


def tests_by_rule(path):
    found = {}
    for test in entries(load_json(path), "tests"):
        for rule_id in test.get("rules", []):
            rule_id = rule_id["id"] if isinstance(rule_id, dict) else rule_id
            found.setdefault(rule_id.replace("_", "-"), []).append(test["id"])
    return found


def result_files(paths):
    found = []
    for path in paths:
        if os.path.isdir(path):
            found += sorted(glob.glob(os.path.join(path, "**/*.json"),
                                      recursive=True))
        elif os.path.exists(path):
            found.append(path)
    return found


def product_name(document, path):
    """Who was judged: the product file if one was given, else the name of
    the result file; the report of the last run has no better name."""
    name = document.get("product_file") or path
    stem = os.path.splitext(os.path.basename(name))[0]
    if document.get("product_file") and document.get("product_version"):
        return f"{stem}-{document['product_version']}"
    return "last run" if stem == "results" else stem


def rule_verdict(test, rule):
    """The verdict of one rule in one test, or None if it was not judged."""
    verdict = test["verdict"]
    if not isinstance(rule, dict) or "judged" not in rule:
        return verdict
    if rule["judged"] == 0:
        return verdict if verdict not in ("PASS", "FAIL", "WARN") else None
    if rule["held"] == rule["judged"]:
        return "PASS"
    if verdict in ("FAIL", "WARN"):
        return "WARN" if rule.get("level", "").startswith("SHOULD") else "FAIL"
    return verdict


def results_by_rule(paths):
    """{rule id: {product: {test id: verdict}}}."""
    found = {}
    for path in result_files(paths):
        document = load_json(path)
        if not isinstance(document, dict):
            continue
        product = product_name(document, path)
        for test in entries(document, "tests"):
            for rule in test.get("rules", []):
                rule_id = rule["id"] if isinstance(rule, dict) else rule
                verdict = rule_verdict(test, rule)
                if verdict:
                    found.setdefault(rule_id, {}).setdefault(
                        product, {})[test["id"]] = verdict
    return found


def reasons(path, known):
    """{rule id: reason} of a YAML file, checked against the closed list."""
    found = {}
    problems = []
    for rule_id, entry in rules.load_yaml(path).items():
        reason = entry.get("reason") if isinstance(entry, dict) else entry
        if reason not in known:
            problems.append("%s: %s: unknown reason %s"
                            % (os.path.basename(path), rule_id, reason))
        found[rule_id] = reason
    return found, problems


def counters_of_history(path):
    """The highest counters that any commit has had; empty without git."""
    highest = {}
    log = subprocess.run(["git", "log", "--format=%H", "--", path],
                         capture_output=True, text=True, check=False)
    for commit in log.stdout.split():
        show = subprocess.run(["git", "show", "%s:%s" % (commit, path)],
                              capture_output=True, text=True, check=False)
        for group, value in re.findall(r"^([A-Z0-9-]+): (\d+)$", show.stdout,
                                       re.MULTILINE):
            highest[group] = max(highest.get(group, 0), int(value))
    return highest


def gate_counters(folder, history):
    now = rules.load_yaml(os.path.join(folder, "counters.yaml"))
    return ["%s: %d, once was %d" % (group, now.get(group, 0), value)
            for group, value in sorted(history.items())
            if now.get(group, 0) < value]


def join(requirements, found_branches, tests, results, named, untestable,
         unmarked):
    """One record per rule."""
    records = []
    for rule in requirements:
        rule_id = rule["id"]
        record = dict(rule)
        record["branches"] = found_branches.get(rule_id, [])
        record["tests"] = tests.get(rule_id, [])
        record["untestable"] = untestable.get(rule_id)
        record["unmarked"] = unmarked.get(rule_id)
        record["named"] = named.get(rule_id, [])
        record["results"] = results.get(rule_id, {})
        records.append(record)
    return records


def is_judged(record):
    """Whether a test judges the rule, or the dissector one of the client."""
    return bool(record["tests"]) or (
        record["actor"] == "client"
        and any(path.endswith(".lua") for path in record["named"]))


def gates(records, sources):
    known = {record["id"] for record in records}
    missing = {"unknown-id": [], "no-test": [], "no-branch": [],
               "stale-reason": []}
    for source in sources:
        for rule_id, places in sorted(source.items()):
            if rule_id not in known:
                missing["unknown-id"].append(
                    "%s in %s" % (rule_id, ", ".join(places[:3])))
    for record in records:
        if not is_judged(record) and not record["untestable"]:
            missing["no-test"].append(record["id"])
        if is_judged(record) and record["untestable"]:
            missing["stale-reason"].append(
                "%s has a test but is called untestable" % record["id"])
        if record["actor"] != "server":
            continue
        if not record["branches"] and not record["unmarked"]:
            missing["no-branch"].append(record["id"])
        if record["branches"] and record["unmarked"]:
            missing["stale-reason"].append(
                "%s has a branch but is called unmarked" % record["id"])
    return missing


def summary(records, missing):
    server = [r for r in records if r["actor"] == "server"]
    return {"rules": len(records), "server": len(server),
            "client": len(records) - len(server),
            "with_test": sum(1 for r in records if r["tests"]),
            "dissected": sum(1 for r in records
                             if is_judged(r) and not r["tests"]),
            "with_branch": sum(1 for r in server if r["branches"]),
            "untestable": sum(1 for r in records if r["untestable"]),
            "missing": {gate: len(lines) for gate, lines in missing.items()}}


def print_group_table(records):
    groups = {}
    for record in records:
        group = record["id"].rsplit("-", 1)[0]
        row = groups.setdefault(group, [0, 0, 0, 0])
        row[0] += 1
        row[1] += bool(record["branches"])
        row[2] += bool(record["tests"])
        row[3] += bool(record["untestable"])
    print("%-18s %6s %8s %7s %11s" % ("group", "rules", "marked", "tested",
                                      "untestable"))
    for group, row in groups.items():
        print("%-18s %6d %8d %7d %11d" % (group, *row))


def print_rule_table(records):
    for record in records:
        verdicts = sorted({verdict for tests in record["results"].values()
                           for verdict in tests.values()})
        print("%-20s %-10s %2d branch(es) %2d test(s) %s" % (
            record["id"], record["level"], len(record["branches"]),
            len(record["tests"]),
            record["untestable"] or " ".join(verdicts)))


def command(args):
    requirements = load_json(args.requirements)
    found = branches(args.engine)
    tests = tests_by_rule(args.tests) if args.tests else {}
    named = mentions(args.mentions)
    untestable, problems = reasons(
        os.path.join(args.rules, "untestable.yaml"), rules.REASONS)
    unmarked, more = reasons(os.path.join(args.rules, "unmarked.yaml"),
                             UNMARKED)
    results = results_by_rule(args.results)
    records = join(requirements, found, tests, results, named, untestable,
                   unmarked)
    missing = gates(records, [found, tests, named,
                              {rule_id: ["spec/rules"] for rule_id in
                               list(untestable) + list(unmarked)}])
    history = counters_of_history(os.path.join(args.rules, "counters.yaml"))
    missing["counter"] = gate_counters(args.rules, history)
    missing["reason"] = problems + more
    figures = summary(records, missing)
    emit.write(args.json, json.dumps(
        {"summary": figures, "missing": missing, "rules": records},
        indent=1, ensure_ascii=False) + "\n")
    print_group_table(records)
    if args.table:
        print_rule_table(records)
    return verdict(figures, missing, args.report)


def verdict(figures, missing, report):
    print("trace: %(rules)d rules, %(with_branch)d of %(server)d of the server"
          " marked, %(with_test)d tested, %(dissected)d judged by the"
          " dissector, %(untestable)d untestable" % figures)
    failed = 0
    for gate, lines in missing.items():
        if not lines:
            continue
        # These can be wrong at any time; the others only when all is there.
        late = gate in ("no-test", "no-branch", "stale-reason")
        failed += not (report and late)
        print("trace: %s: %d" % (gate, len(lines)))
        for line in lines if not (report and late) else []:
            print("  %s" % line, file=sys.stderr)
    return 1 if failed else 0

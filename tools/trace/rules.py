# SPDX-License-Identifier: MIT
"""Read the rules out of the AsciiDoc documents.

A rule is a block of two lines:

    [.req,id=CORE-ECHO-0001,actor=server,src="MS-SMB2 3.3.5.17"]
    The server MUST answer ...

This reader knows just enough AsciiDoc for that: sections, includes, comments
and delimited blocks. It needs nothing but Python, so that the C code can be
built where asciidoctor is not installed.
"""
import os
import re

import yaml

LEVELS = ("MUST NOT", "SHOULD NOT", "MUST", "SHOULD", "MAY")
ACTORS = ("server", "client")
# The closed list of reasons why no test can show a rule to be broken.
REASONS = ("needs-cluster", "needs-rdma", "needs-kdc", "needs-time",
           "needs-second-host", "needs-snapshots", "needs-storage-fault",
           "local-event-only", "no-observable-effect", "client-only")

KEYWORD = re.compile(
    r"\b(MUST NOT|SHOULD NOT|MUST|SHOULD|MAY|SHALL|REQUIRED|RECOMMENDED"
    r"|OPTIONAL)\b")
RULE_ID = re.compile(r"^[A-Z]+-[A-Z0-9]+-[0-9]{4}$")
NEW_ID = re.compile(r"^[A-Z]+-[A-Z0-9]+-NEW$")
REQ_LINE = re.compile(r"^\[\.req,(.*)\]\s*$")
ATTRIBUTE = re.compile(r'([a-z]+)=("[^"]*"|[^,]*)(?:,|$)')
SECTION = re.compile(r"^(={2,6}) (.+?)\s*$")
INCLUDE = re.compile(r"^include::([^\[]+)\[")
DELIMITER = re.compile(r"^(-{4,}|\.{4,}|`{3,}|/{4,})\s*$")


class Rule:
    """One normative sentence."""

    def __init__(self, rule_id, level, actor, text, source, place, document,
                 section):
        self.id = rule_id
        self.level = level
        self.actor = actor
        self.text = text
        self.source = source
        self.file, self.line = place
        self.document = document
        self.section = section

    @property
    def group(self):
        return self.id.rsplit("-", 1)[0]

    @property
    def name(self):
        """The id as a C identifier."""
        return self.id.replace("-", "_")

    @property
    def anchor(self):
        return "%s.html#%s" % (self.document, self.id)

    def as_dict(self):
        return {"id": self.id, "level": self.level, "actor": self.actor,
                "text": self.text, "source": self.source,
                "document": self.document, "section": self.section,
                "anchor": self.anchor, "file": self.file, "line": self.line}


class Reader:
    """Walks one document with its includes."""

    def __init__(self, document):
        self.document = document
        self.rules = []
        self.problems = []
        self.section = ""
        self.keyed_lines = []

    def problem(self, path, line, text):
        self.problems.append("%s:%d: %s" % (path, line, text))

    def read(self, path):
        try:
            with open(path, encoding="utf-8") as stream:
                lines = stream.read().split("\n")
        except OSError as error:
            self.problem(path, 0, "cannot be read: %s" % error.strerror)
            return
        closing = None
        number = 0
        while number < len(lines):
            line = lines[number]
            number += 1
            if closing:
                if line.rstrip() == closing:
                    closing = None
                continue
            if DELIMITER.match(line):
                closing = line.rstrip()
                continue
            if line.startswith("//"):
                continue
            number = self.line(path, lines, line, number)

    def line(self, path, lines, line, number):
        """Handle one line; return the number of the next."""
        include = INCLUDE.match(line)
        if include:
            target = os.path.join(os.path.dirname(path), include.group(1))
            if target.endswith(".adoc"):
                self.read(target)
            return number
        section = SECTION.match(line)
        if section:
            self.section = section.group(2)
            return number
        req = REQ_LINE.match(line)
        if req:
            sentence = lines[number] if number < len(lines) else ""
            after = lines[number + 1] if number + 1 < len(lines) else ""
            if after.strip():
                self.problem(path, number + 2,
                             "a rule is one line followed by an empty line")
            self.rule(path, number, req.group(1), sentence.strip())
            return number + 1
        keyword = KEYWORD.search(re.sub(r"`[^`]*`", "", line))
        if keyword:
            self.problem(path, number, "%s in a sentence without an id"
                         % keyword.group(1))
        return number

    def rule(self, path, number, attributes, text):
        found = {key: value.strip('"')
                 for key, value in ATTRIBUTE.findall(attributes)}
        rule_id = found.get("id", "")
        for key in ("id", "actor", "src"):
            if not found.get(key):
                self.problem(path, number, "rule without %s" % key)
                return
        if not RULE_ID.match(rule_id) and not NEW_ID.match(rule_id):
            self.problem(path, number, "malformed id %s" % rule_id)
            return
        if found["actor"] not in ACTORS:
            self.problem(path, number, "%s: unknown actor %s"
                         % (rule_id, found["actor"]))
            return
        keywords = KEYWORD.findall(text)
        if len(keywords) != 1 or keywords[0] not in LEVELS:
            self.problem(path, number + 1,
                         "%s: exactly one keyword is needed, found %s"
                         % (rule_id, ", ".join(keywords) or "none"))
            return
        if not re.search(r"\b%s\b" % found["actor"], text, re.IGNORECASE):
            self.problem(path, number + 1, "%s: the sentence does not name "
                         "its actor, the %s" % (rule_id, found["actor"]))
        if not text.endswith("."):
            self.problem(path, number + 1, "%s: a rule ends in a period"
                         % rule_id)
        self.rules.append(Rule(rule_id, keywords[0], found["actor"], text,
                               found["src"], (path, number), self.document,
                               self.section))


def read_documents(paths):
    """All rules of all documents in reading order, and all problems."""
    found = []
    problems = []
    for path in paths:
        document = os.path.splitext(os.path.basename(path))[0]
        reader = Reader(document)
        reader.read(path)
        found += reader.rules
        problems += reader.problems
    seen = {}
    for rule in found:
        if rule.id in seen and not NEW_ID.match(rule.id):
            problems.append("%s:%d: %s was already given at %s:%d" % (
                rule.file, rule.line, rule.id, seen[rule.id].file,
                seen[rule.id].line))
        seen[rule.id] = rule
    return found, problems


def load_yaml(path):
    try:
        with open(path, encoding="utf-8") as stream:
            return yaml.safe_load(stream) or {}
    except FileNotFoundError:
        return {}


def check_bookkeeping(found, folder):
    """Counters, retired and untestable ids against the rules found."""
    problems = []
    counters = load_yaml(os.path.join(folder, "counters.yaml"))
    retired = load_yaml(os.path.join(folder, "retired.yaml"))
    untestable = load_yaml(os.path.join(folder, "untestable.yaml"))
    ids = {rule.id for rule in found}
    for rule in found:
        where = "%s:%d: " % (rule.file, rule.line)
        if NEW_ID.match(rule.id):
            problems.append(where + "%s has no number yet: run `trace number`"
                            % rule.id)
            continue
        if int(rule.id[-4:]) >= counters.get(rule.group, 0):
            problems.append(where + "%s is not below the counter of its group"
                            % rule.id)
        if rule.id in retired:
            problems.append(where + "%s is retired and cannot come back"
                            % rule.id)
    problems += check_gaps(ids, counters, retired)
    for rule_id, entry in sorted(untestable.items()):
        if rule_id not in ids:
            problems.append("untestable.yaml: unknown id %s" % rule_id)
        reason = entry.get("reason") if isinstance(entry, dict) else entry
        if reason not in REASONS:
            problems.append("untestable.yaml: %s: unknown reason %s"
                            % (rule_id, reason))
    return problems


def check_gaps(ids, counters, retired):
    """Every number below a counter is a living or a retired rule."""
    problems = []
    for group, limit in sorted(counters.items()):
        for value in range(1, limit):
            rule_id = "%s-%04d" % (group, value)
            if rule_id not in ids and rule_id not in retired:
                problems.append("counters.yaml: %s is neither in the documents"
                                " nor in retired.yaml" % rule_id)
    return problems

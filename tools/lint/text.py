# SPDX-License-Identifier: MIT
"""Licence lines, unfinished work, traces of somebody's machine."""
import re

HEADS = (".c", ".h", ".py", ".rb", ".lua", ".js", ".css", ".adoc", ".yaml",
         ".yml", ".mk", ".sh")
LICENCE = re.compile(r"SPDX-License-Identifier: "
                     r"(MIT|CC-BY-4\.0|GPL-2\.0-or-later)\b")
HEAD_LINES = 4

# Written so that this file does not find itself.
UNFINISHED = re.compile(r"\b(%s)\b" % "|".join(
    ("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")))
# Folders that exist on one machine only.
MACHINE = re.compile(
    r"(?<![\w.$}/-])(/work/|/home/\w|/root/|/Users/\w"
    r"|/tmp/(?!%s)[A-Za-z0-9_.-]+/)" % "smb3x")
URL = re.compile(r"\b(?:https?|git|ssh|ftp)://"
                 r"([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
# Hosts that anybody can reach and that the project has a reason to name.
HOSTS = re.compile(
    r"(^|\.)(microsoft\.com|rfc-editor\.org|ietf\.org|github\.com"
    r"|samba\.org|smb3posix\.org|kernel\.org|wireshark\.org|nist\.gov"
    r"|w3\.org|spdx\.org|creativecommons\.org|opensource\.org|json-schema\.org"
    r"|keepachangelog\.com|semver\.org|testanything\.org|pcapng\.com"
    r"|example\.(com|org|net)|example|localhost)$|^127\.|^\[?::1|^192\.0\.2\.")
PRIVATE = re.compile(r"\b[a-z0-9-]+\.(internal|corp|lan|intranet)\b")
BINARY = (".pcapng", ".pcap", ".bin", ".png", ".pdf", ".vectors")


def needs_head(tree, name):
    base = name.rsplit("/", 1)[-1]
    if base in ("Makefile",) or name.endswith(HEADS):
        return True
    return "." not in base and tree.read(name).startswith("#!")


def licence(tree):
    problems = []
    count = 0
    for name in tree.names:
        if not needs_head(tree, name):
            continue
        count += 1
        head = "\n".join(tree.read(name).split("\n")[:HEAD_LINES])
        if not LICENCE.search(head):
            problems.append("%s: no SPDX line" % name)
    return problems, "%d files" % count


def check_line(line, is_c=False):
    # "# TO DO" inside a string of C is a word of TAP
    found = [match.group(1) for match in UNFINISHED.finditer(line)
             if not (is_c and '"' in line)]
    found += ["path of a machine: %s" % match.group(1)
              for match in MACHINE.finditer(line)]
    found += ["host %s" % host for host in URL.findall(line)
              if not HOSTS.search(host)]
    found += ["host %s" % match.group(0) for match in PRIVATE.finditer(line)]
    return found


def words(tree):
    problems = []
    for name in tree.names:
        if name.endswith(BINARY) or name == "LICENSE" or \
                name.startswith("tools/lint/"):
            continue
        for number, line in enumerate(tree.read(name).split("\n"), 1):
            problems += ["%s:%d: %s" % (name, number, text)
                         for text in check_line(line, name.endswith(".c"))]
    return problems, "%d files" % len(tree.names)

# SPDX-License-Identifier: MIT
"""Size and shape of the sources."""
import re
import shutil
import subprocess

FUNCTION_WALL = 100
FUNCTION_AIM = 60
FILE_WALL = 1000
COLUMNS = 80
CODE = (".c", ".h", ".py", ".lua", ".rb", ".js")
BANNED = ("strcpy", "strcat", "sprintf", "vsprintf", "gets", "system",
          "alloca", "atoi", "atol", "strtok", "mktemp", "tmpnam")
BANNED_CALL = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(BANNED))
COMMENT_OR_STRING = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
    re.DOTALL)
NAME = re.compile(r"([A-Za-z_]\w*)\s*\(")


def is_script(tree, name):
    return "." not in name.rsplit("/", 1)[-1] and \
        tree.read(name).startswith("#!")


def sources(tree, suffixes):
    return [name for name in tree.names if name.endswith(suffixes)]


def function_lengths(source):
    """[(name, first line, lines)] of C in the house style: the braces of a
    function stand alone in the first column."""
    found = []
    start = None
    name = "?"
    previous = ""
    for number, line in enumerate(source.split("\n"), 1):
        if line == "{" and start is None:
            start = number
            match = NAME.search(previous)
            name = match.group(1) if match else "?"
        elif line.startswith("}") and start is not None:
            found.append((name, start, number - start + 1))
            start = None
        if line and line[0] not in " \t{}#/*":
            previous = line
    return found


def functions(tree):
    problems = []
    long_ones = 0
    total = 0
    for name in sources(tree, (".c", ".h")):
        for function, line, length in function_lengths(tree.read(name)):
            total += 1
            long_ones += length > FUNCTION_AIM
            if length > FUNCTION_WALL:
                problems.append("%s:%d: %s() has %d lines, the wall is %d"
                                % (name, line, function, length,
                                   FUNCTION_WALL))
    return problems, "%d functions, %d over %d lines" % (
        total, long_ones, FUNCTION_AIM)


def files(tree):
    problems = []
    names = sources(tree, CODE) + [name for name in tree.names
                                   if is_script(tree, name)]
    for name in names:
        lines = tree.read(name).split("\n")
        if len(lines) > FILE_WALL + 1:
            problems.append("%s: %d lines, the wall is %d"
                            % (name, len(lines) - 1, FILE_WALL))
        for number, line in enumerate(lines, 1):
            width = len(line.expandtabs(8))
            if width > COLUMNS:
                problems.append("%s:%d: %d columns" % (name, number, width))
            if line != line.rstrip():
                problems.append("%s:%d: blanks at the end" % (name, number))
    return problems, "%d files" % len(names)


def banned(tree):
    problems = []
    for name in sources(tree, (".c", ".h")):
        bare = COMMENT_OR_STRING.sub(
            lambda match: "\n" * match.group(0).count("\n"), tree.read(name))
        for match in BANNED_CALL.finditer(bare):
            problems.append("%s:%d: %s()" % (
                name, bare.count("\n", 0, match.start()) + 1, match.group(1)))
    return problems, ""


def clang_format(tree):
    if not shutil.which("clang-format"):
        return ["clang-format is not installed"], ""
    names = sources(tree, (".c", ".h"))
    problems = []
    for first in range(0, len(names), 50):
        run = subprocess.run(
            ["clang-format", "--style=file", "--dry-run", "--Werror",
             "--ferror-limit=1"] + names[first:first + 50],
            cwd=tree.root, capture_output=True, text=True, check=False)
        problems += sorted({match.group(1) + ": not formatted" for match in
                            re.finditer(r"^([^:\n]+):\d+:\d+: error",
                                        run.stderr, re.MULTILINE)})
        if run.returncode and not problems:
            problems.append(run.stderr.strip().split("\n")[0])
    return problems, "%d files" % len(names)

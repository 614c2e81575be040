#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Each check of lint passes on a clean tree and fails on a dirty one."""
import os
import shutil
import subprocess
import sys

import pytest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))

import imports  # noqa: E402
import style  # noqa: E402
import text  # noqa: E402

LINT = os.path.join(HERE, "..", "lint")
HEAD = "/* SPDX-License-Identifier: MIT */\n"
# Written so that lint does not find this file.
UNFINISHED = "TO" + "DO"


class Tree:
    """A tree of files in a folder, as lint sees it."""

    def __init__(self, folder, build=None):
        self.root = str(folder)
        self.depends = build
        self.names = []
        self.folder = folder

    def add(self, name, source):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        self.names.append(name)
        return self

    def read(self, name):
        return (self.folder / name).read_text()


@pytest.fixture(name="tree")
def fixture_tree(tmp_path):
    return Tree(tmp_path)


@pytest.mark.parametrize("name,include,good", [
    ("reference/engine/a.c", '"wire/all.h"', True),
    ("reference/engine/a.c", '"engine/core.h"', True),
    ("reference/engine/a.c", '"rules.h"', True),
    ("reference/engine/a.c", '"files/memory.h"', False),
    ("reference/engine/a.c", '"loop/loop.h"', False),
    ("reference/engine/a.c", '"server/config.h"', False),
    ("reference/engine/a.c", "<unistd.h>", False),
    ("reference/engine/a.c", "<time.h>", False),
    ("reference/engine/a.c", "<gnutls/gnutls.h>", False),
    ("reference/engine/test/a.c", '"files/memory.h"', True),
    ("conformance/sim/a.c", '"engine/engine.h"', True),
    ("conformance/sim/a.c", '"suite/network.h"', True),
    ("conformance/suite/a.c", '"sim/world.h"', False),
    ("conformance/runner/a.c", '"sim/network.h"', False),
    ("reference/engine/test/a.c", '"suite/test.h"', False),
    ("reference/wire/a.h", '"crypto/kdf.h"', False),
    ("reference/wire/a.h", "<string.h>", True),
    ("reference/files/a.c", '"ports/files.h"', True),
    ("reference/files/a.c", '"engine/core.h"', False),
    ("reference/files/a.c", '"loop/loop.h"', False),
    ("reference/files/a.c", "<unistd.h>", True),
    ("reference/server/main.c", '"engine/engine.h"', True),
    ("reference/server/main.c", '"suite/test.h"', False),
    ("conformance/suite/a.c", '"wire/all.h"', True),
    ("conformance/suite/a.c", '"authclient/spnego.h"', True),
    ("conformance/suite/a.c", '"engine/rule.h"', False),
    ("conformance/core/a.c", '"files/memory.h"', False),
    ("conformance/core/a.c", '"../reference/engine/core.h"', False),
])
def test_imports(tree, name, include, good):
    tree.add(name, "#include %s\n" % include)
    problems, _ = imports.check(tree)
    assert (problems == []) == good, problems


def test_imports_by_way_of_other_headers(tmp_path):
    tree = Tree(tmp_path, build=str(tmp_path / "build"))
    (tmp_path / "build/obj").mkdir(parents=True)
    (tmp_path / "build/obj/a.d").write_text(
        "build/obj/a.o: reference/engine/a.c reference/ports/files.h \\\n"
        " reference/files/memory.h\n\nreference/ports/files.h:\n")
    problems, _ = imports.check(tree)
    assert len(problems) == 1 and "files/memory.h" in problems[0]


def test_calls_of_the_protocol(tmp_path):
    tree = Tree(tmp_path, build=str(tmp_path / "build"))
    tree.add("a.c", "#include <time.h>\n#include <string.h>\n"
             "long f(const char *s);\nlong f(const char *s)\n{\n"
             "\treturn (long)time(0) + (long)strlen(s);\n}\n")
    (tmp_path / "build/lib").mkdir(parents=True)
    subprocess.run(["gcc", "-c", "a.c"], cwd=tmp_path, check=True)
    subprocess.run(["ar", "rc", "build/lib/libengine.a", "a.o"],
                   cwd=tmp_path, check=True)
    problems, _ = imports.check(tree)
    assert problems == ["libengine.a calls time()"]


def test_the_dissector_reads_no_c(tree):
    tree.add("dissectors/x.lua", 'dofile("build/gen/wire/smb2.lua")\n')
    assert imports.check(tree)[0]


def body(lines):
    return "int f(void)\n{\n" + "\tx();\n" * (lines - 2) + "}\n"


@pytest.mark.parametrize("lines,good", [(60, True), (100, True),
                                        (101, False)])
def test_functions(tree, lines, good):
    tree.add("a.c", body(lines))
    problems, note = style.functions(tree)
    assert (problems == []) == good
    assert ("1 over 60" in note) == (lines > 60)


def test_a_table_is_no_function(tree):
    tree.add("a.c", "static const int t[] = {\n" + "\t1,\n" * 200 + "};\n")
    assert style.functions(tree)[0] == []


@pytest.mark.parametrize("source,good", [
    ("x\n" * 1000, True),
    ("x\n" * 1001, False),
    ("a" * 80 + "\n", True),
    ("a" * 81 + "\n", False),
    ("\t" * 9 + "123456789\n", False),
    ("blank \n", False),
])
def test_files(tree, source, good):
    tree.add("a.c", source)
    assert (style.files(tree)[0] == []) == good


@pytest.mark.parametrize("name,source,good", [
    ("a.c", HEAD, True),
    ("a.c", "/* nothing */\n", False),
    ("a.adoc", "// SPDX-License-Identifier: CC-BY-4.0\n", True),
    ("Makefile", "all:\n", False),
    ("tool", "#!/bin/sh\n", False),
    ("tool", "#!/bin/sh\n# SPDX-License-Identifier: MIT\n", True),
    ("README.md", "no line needed\n", True),
])
def test_licence(tree, name, source, good):
    tree.add(name, source)
    assert (text.licence(tree)[0] == []) == good


@pytest.mark.parametrize("line,good", [
    ("all done", True),
    (UNFINISHED + ": later", False),
    ("/* " + "FIX" + "ME */", False),
    ("cd " + "/wo" + "rk/main", False),
    ("cat /tmp/" + "peers/log", False),
    ("mktemp -d /tmp/smb3x.XXXX", True),
    ("$TOP/work/file", True),
    ("see https://learn.microsoft.com/x", True),
    ("see https://www.kernel.org/doc/", True),
    ("pip install -i https://mirror." + "acme.net/simple", False),
    ("http://proxy." + "internal:3128", False),
    ("http://127.0.0.1:80/", True),
])
def test_words(tree, line, good):
    tree.add("notes.md", line + "\n")
    assert (text.words(tree)[0] == []) == good


@pytest.mark.parametrize("line,good", [
    ("strncpy(a, b, 3);", True),
    ("my_strcpy(a, b);", True),
    ("x->system(1);", True),
    ("/* strcpy(a, b) */", True),
    ('puts("strcpy(a)");', True),
    ("strcpy(a, b);", False),
    ("n = atoi(s);", False),
    ("sprintf (b, s);", False),
    ("alloca(3);", False),
    ("system(s);", False),
    ("gets(s);", False),
    ("strcat(a, b);", False),
])
def test_banned(tree, line, good):
    tree.add("a.c", line + "\n")
    assert (style.banned(tree)[0] == []) == good


@pytest.mark.skipif(not shutil.which("clang-format"),
                    reason="clang-format is not installed")
def test_format(tree):
    top = os.path.join(HERE, "..", "..", "..")
    shutil.copy(os.path.join(top, ".clang-format"), tree.root)
    tree.add("good.c", "int f(void)\n{\n\treturn 0;\n}\n")
    tree.add("bad.c", "int f( void ) { return 0; }\n")
    problems, _ = style.clang_format(tree)
    assert problems == ["bad.c: not formatted"]


def test_the_program_fails_and_passes(tmp_path):
    (tmp_path / "a.c").write_text(HEAD + "strcpy(a, b);\n")
    command = [sys.executable, "-B", LINT, "--root", str(tmp_path), "--only",
               "banned,licence"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1 and "a.c:2: strcpy()" in run.stderr
    (tmp_path / "a.c").write_text(HEAD)
    assert subprocess.run(command, capture_output=True,
                          check=False).returncode == 0

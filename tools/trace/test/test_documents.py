#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The gates over the documents: words, pages, cross references."""
import os
import shutil
import subprocess
import sys

import pytest

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..",
                                   ".."))
EXT = os.path.join(TOP, "spec", "ext")
PAGE = ('<!DOCTYPE html><html lang="en"><body><p id="a">x</p>'
        '<a href="#a">y</a></body></html>')
HAS_ASCIIDOCTOR = shutil.which("asciidoctor") is not None
RULE = '[.req,id=CORE-ECHO-0001,actor=server,src="MS-SMB2 3.3.5.17"]\n' \
       "The server MUST answer a < b with \\\\server\\share.\n"
DOCUMENT = "= Core\n:doctype: book\n\n== One\n\n%s\n== Two\n\n%s\n"


def run(*words):
    return subprocess.run([str(word) for word in words], cwd=TOP,
                          capture_output=True, text=True, check=False)


@pytest.mark.parametrize("line,good", [
    ("The client is able to do it.", True),
    ("The client may do it.", False),
    ("The server must do it.", False),
    ("The the server.", False),
    ("It doesn't.", False),
    ("It is `may` in code.", True),
    ("TO" + "DO", False),
])
def test_words(tmp_path, line, good):
    path = tmp_path / "a.adoc"
    path.write_text(line + "\n")
    assert (run(EXT + "/check-words", path).returncode == 0) == good


@pytest.mark.parametrize("old,new", [
    ("", ""),
    ("</p>", ""),
    ('href="#a"', 'href="#b"'),
    ('href="#a"', 'href="other.html"'),
    ('href="#a"', 'href="/etc/motd"'),
    ('<a href', '<b id="a"></b><a href'),
    ("<p ", '<img src="x.svg"><p '),
    (' lang="en"', ""),
])
def test_pages(tmp_path, old, new):
    (tmp_path / "a.html").write_text(PAGE.replace(old, new, 1))
    good = old == new
    assert (run(EXT + "/check-html", tmp_path).returncode == 0) == good


def build(tmp_path, second):
    (tmp_path / "core.adoc").write_text(DOCUMENT % (RULE, second))
    out = tmp_path / "out"
    return out, run("ruby", EXT + "/build-html.rb", out, TOP + "/spec/theme",
                    "none", "none", "none", tmp_path / "core.adoc")


@pytest.mark.skipif(not HAS_ASCIIDOCTOR, reason="asciidoctor is missing")
def test_a_rule_becomes_a_badge(tmp_path):
    out, done = build(tmp_path, "See <<CORE-ECHO-0001>>.")
    assert done.returncode == 0, done.stderr
    single = (out / "core.html").read_text()
    assert 'id="CORE-ECHO-0001"' in single
    assert "a &lt; b with \\\\server\\share" in single
    chapter = (out / "core" / "02-two.html").read_text()
    assert 'href="01-one.html#CORE-ECHO-0001"' in chapter
    assert '"t":"CORE-ECHO-0001"' in (out / "search-index.js").read_text()
    assert run(sys.executable, EXT + "/check-html", out).returncode == 0


@pytest.mark.skipif(not HAS_ASCIIDOCTOR, reason="asciidoctor is missing")
def test_an_unknown_reference_stops_the_build(tmp_path):
    _, done = build(tmp_path, "See <<CORE-ECHO-0002>>.")
    assert done.returncode == 1 and "CORE-ECHO-0002" in done.stderr

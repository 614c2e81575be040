# SPDX-License-Identifier: MIT
"""The whole suite inside the simulator: nothing but PASS, and SKIP for a
reason that is known; the same seed gives the same run, event by event."""

import json
import os
import pathlib
import re
import resource
import subprocess

import jsonschema
import pytest

SIM = os.path.abspath(
    os.path.join(os.environ["SMB3X_BIN"], "smb3x-check-sim"))
SCHEMA = json.loads((pathlib.Path(__file__).parents[2] / "runner" /
                     "results.schema.json").read_text())
AREAS = ["core", "posix", "lease", "dirlease", "durable", "replay", "quic"]
WAITING = ["lease", "dirlease", "durable", "replay"]
SEEDS = [1, 2, 3]

# Why a test may be left out here.
KNOWN = [
    (r"^posix/", r"needs the share on this machine"),
    (r"^quic/", r"needs QUIC to the server as well"),
    # each of them is run below, with a server of that kind
    (r"^core/encrypt/", r"needs a server that requires encryption"),
    (r"^core/negotiate/", r"needs a server that requires signing"),
    (r"^core/session/", r"needs a server that lets in as a guest"),
]
SUMMARY = re.compile(r"^(\d+) runs of ([\d.]+) s together, seed (\d+), "
                     r"digest ([0-9a-f]{16})$", re.MULTILINE)


class Run:
    """One run of smb3x-check-sim, and what it told."""

    def __init__(self, folder, *arguments, words=(), seed=1):
        path = folder / "results.json"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [SIM, "run", *arguments, "--strict", "--seed", str(seed),
             "--json", str(path), "--", *words],
            text=True, capture_output=True, timeout=600, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.processor = (after.ru_utime - before.ru_utime +
                          after.ru_stime - before.ru_stime)
        self.code = done.returncode
        self.text = done.stdout + done.stderr
        summary = SUMMARY.search(self.text)
        assert summary, self.text
        self.seconds = float(summary[2])
        self.digest = summary[4]
        self.results = json.loads(path.read_text())
        self.tests = self.results["tests"]
        self.verdicts = {t["id"]: t["verdict"] for t in self.tests}

    def of(self, verdict):
        return [t for t in self.tests if t["verdict"] == verdict]


def known(test):
    return any(re.search(where, test["id"]) and
               re.search(why, test["reason"]) for where, why in KNOWN)


def assert_good(run):
    bad = [(t["id"], t["verdict"], t["reason"]) for t in run.tests
           if t["verdict"] not in ("PASS", "SKIP")]
    assert bad == [], run.text
    assert run.code == 0, run.text
    unknown = [(t["id"], t["reason"]) for t in run.of("SKIP")
               if not known(t)]
    assert unknown == []


@pytest.fixture(name="everything", scope="module")
def fixture_everything(tmp_path_factory):
    return Run(tmp_path_factory.mktemp("sim"), *AREAS)


def test_everything_passes(everything):
    assert_good(everything)
    areas = {t["area"] for t in everything.of("PASS")}
    assert areas == set(AREAS) - {"quic"}


def test_results_have_their_schema(everything):
    jsonschema.validate(everything.results, SCHEMA)


def test_nothing_of_what_waits_is_left_out(everything):
    left = [t["id"] for t in everything.of("SKIP") if t["area"] in WAITING]
    assert left == []


def test_seeds(tmp_path, everything):
    digests = set()
    for seed in SEEDS:
        run = Run(tmp_path, *WAITING, seed=seed)
        assert_good(run)
        digests.add(run.digest)
        # minutes that nobody waits for
        assert run.seconds > 60
        print("seed %d: %d tests, %.0f s, %.2f s of processor time"
              % (seed, len(run.tests), run.seconds, run.processor))
        assert run.processor < run.seconds / 4
    assert len(digests) == len(SEEDS)
    again = Run(tmp_path, *WAITING, seed=SEEDS[0])
    assert again.digest in digests
    assert again.verdicts == {t["id"]: t["verdict"] for t in everything.tests
                              if t["area"] in WAITING}


@pytest.mark.parametrize("words,pattern", [
    (["--encrypt", "required"],
     "core/encrypt/encryption_required_of_old_dialects"),
    (["--encrypt", "required"],
     "core/encrypt/unencrypted_in_encrypted_session"),
    (["--sign", "required"], "core/negotiate/signing_required_is_said"),
    (["--guest", "yes"], "core/session/guest"),
])
def test_servers_of_other_kinds(tmp_path, words, pattern):
    run = Run(tmp_path, pattern, words=words)
    assert run.code == 0, run.text
    assert [t["id"] for t in run.of("SKIP")] == []
    assert len(run.of("PASS")) == len(run.tests)


def test_a_deviation_is_noticed(tmp_path):
    """A server that breaks its word: nobody may write to the share."""
    words = ["--share", "data=memory:data,ro"]
    run = Run(tmp_path, "core/write", "--no-sanity", words=words)
    assert run.code != 0
    assert run.of("PASS") != run.tests
    done = subprocess.run([SIM, "run", "core/write", "--", *words], text=True,
                          capture_output=True, timeout=60, cwd=tmp_path,
                          check=False)
    assert done.returncode == 4
    assert "may not make a directory" in done.stderr


def test_words_that_are_none(tmp_path):
    done = subprocess.run([SIM, "run", "core/echo", "--", "--no-such-word"],
                          text=True, capture_output=True, timeout=60,
                          cwd=tmp_path, check=False)
    assert done.returncode == 4
    done = subprocess.run([SIM, "list", "core/echo"], text=True,
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "core/echo/echo_succeeds" in done.stdout

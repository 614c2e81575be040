# SPDX-License-Identifier: MIT
"""What a person is told whose target cannot be judged, what is printed to
repeat a test, and what becomes of a run that is interrupted."""
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import threading
import time

import pytest

import fake_server

SELF = os.environ["SMB3X_SELF"]


def check(*arguments, **environment):
    keep = {k: v for k, v in os.environ.items() if "PASSWORD" not in k}
    return subprocess.run([SELF, *map(str, arguments)], text=True,
                          capture_output=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL, start_new_session=True,
                          cwd=pathlib.Path(__file__).parent,
                          env=keep | environment)


URLS = {
    "//127.0.0.1/data": "does not begin with smb://",
    "smb://u:p@127.0.0.1": "has no share behind the host",
    "smb://u:p@127.0.0.1/": "has no share behind the host",
    "smb://u:p@::1:445/data": "stands in brackets",
    "smb://u:p@127.0.0.1:99999/data": "from 1 to 65535",
    "smb://u:p@127.0.0.1:4x/data": "from 1 to 65535",
    "smb://u:p@nosuch.invalid/data": "no host of this name: nosuch.invalid",
    "smb://u@127.0.0.1/data": "no password",
}


@pytest.mark.parametrize("url", URLS)
def test_url(url):
    done = check("run", url)
    assert done.returncode == 4
    assert URLS[url] in done.stderr
    assert ":p@" not in done.stderr


class Stranger:
    """Says the same to everybody."""

    def __init__(self, words, closes):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.words, self.closes, self.kept = words, closes, []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                who, _ = self.socket.accept()
                who.recv(4096)
                who.sendall(self.words)
            except OSError:
                return
            if self.closes:
                who.close()
            else:
                self.kept.append(who)


STRANGERS = {
    "silent": (b"", False, "but does not answer a NEGOTIATE"),
    "closing": (b"", True, "ends the connection instead of answering"),
    "ssh": (b"SSH-2.0-other\r\n", False, 'begins with "SSH-2.0-other'),
    "http": (b"HTTP/1.1 400 Bad Request\r\n\r\n", True,
             'begins with "HTTP/1.1 400'),
    "old": (b"\0\0\0\x23\xffSMBr" + bytes(30), False, "speaks SMB 1 only"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_stranger(name):
    words, closes, told = STRANGERS[name]
    port = Stranger(words, closes).port
    done = check("run", f"smb://u:p@127.0.0.1:{port}/data", "--time-scale",
                 "0.1")
    assert done.returncode == 4
    assert told in done.stderr


def test_nobody():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = check("probe", f"smb://u:p@127.0.0.1:{port}/data")
    assert done.returncode == 4
    assert f"(Connection refused) at port {port}" in done.stderr


def test_command_that_repeats(tmp_path):
    server = fake_server.start()
    port = server.server_address[1]
    url = f"smb://GROUP;a%40b:geheim@127.0.0.1:{port}/share"
    done = check("run", url, "self/selftests/fail", "--no-probe",
                 "--no-cleanup", "--time-scale", "0.2", "--second-user",
                 "other:geheim2", "--local-path", tmp_path / "a folder")
    line = [x for x in done.stdout.splitlines() if "reproduce" in x][0]
    assert "geheim" not in line
    words = shlex.split(line.split("reproduce", 1)[1])
    assert words[:3] == [SELF, "run",
                         f"smb://GROUP;a%40b@127.0.0.1:{port}/share"]
    assert str(tmp_path / "a folder") in words
    again = check(*words[1:], "--no-cleanup", SMB3X_PASSWORD="geheim",
                  SMB3X_PASSWORD2="geheim2")
    assert again.returncode == done.returncode == 1
    assert "1 FAIL" in again.stdout
    again = check(*words[1:], SMB3X_PASSWORD="geheim")
    assert again.returncode == 4
    assert "SMB3X_PASSWORD2" in again.stderr


def test_interrupted(tmp_path):
    port = fake_server.start().server_address[1]
    out = tmp_path / "r.json"
    with subprocess.Popen(
            [SELF, "run", f"smb://u:geheim@127.0.0.1:{port}/share", "--json",
             out, "--no-probe", "--no-cleanup", "-j", "1",
             "self/selftests/hangs", "self/selftests/pass"],
            cwd=pathlib.Path(__file__).parent, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True) as run:
        time.sleep(0.7)
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=20)
    assert run.returncode == 2
    assert "interrupted" in errors
    tests = {t["id"]: t for t in json.loads(out.read_text())["tests"]}
    hangs = tests["self/selftests/hangs"]
    assert hangs["verdict"] == "NOVERDICT"
    assert hangs["reason"].startswith("the run was interrupted after frame")


def test_leftovers_and_lacks(tmp_path):
    """What lies on the share, and what kept tests from running."""
    port = fake_server.start().server_address[1]
    path = tmp_path / "r.json"
    check("run", f"smb://u:geheim@127.0.0.1:{port}/share", "--json", path,
          "--no-probe", "--no-cleanup", "self/selftests/over_quic")
    results = json.loads(path.read_text())
    results["leftovers"] = [f"conf-{results['run']}-{n} (STATUS_X)"
                            for n in range(7)]
    path.write_text(json.dumps(results))
    text = check("report", path).stdout
    assert f"conf-{results['run']}-4 (STATUS_X)\n  and 2 more" in text
    assert f"clean 'smb://u@127.0.0.1:{port}/share' {results['run']}" in text
    assert "     1  needs QUIC to the server as well" in text

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""smb3xd among peers that mean no good: silent, halting, deaf and mad ones.
Meanwhile somebody else works, memory stays bounded, and the log says why a
connection was cut.
"""
import os
import pathlib
import random
import re
import socket
import struct
import subprocess
import time

import pytest

from rawclient import RawClient, message

BIN = pathlib.Path(os.environ.get('SMB3X_BIN', 'build/bin'))
SILENT, HALTING, DEAF, MAD = 200, 50, 4, 60
STALL = 3  # seconds, as the server is told
LOGON = 45  # seconds for an authentication, reference/engine/limits.h
MEMORY = 256  # MiB at any time


class Server:
    def __init__(self, folder):
        self.share = folder / 'share'
        self.share.mkdir()
        (self.share / 'big').write_bytes(bytes(1 << 20))
        os.chmod(folder, 0o755)
        self.log_path = folder / 'log'
        with open(self.log_path, 'wb') as log:
            self.process = subprocess.Popen(
                [str(BIN / 'smb3xd'), '--listen', '127.0.0.1:0', '--guest',
                 'yes', '--share', f'data={self.share},guest', '--user',
                 'tester:secret', '--stall', str(STALL), '--max-credits',
                 '256'], stdout=subprocess.PIPE, stderr=log, text=True)
        self.address = self.process.stdout.readline().split()[-1]
        self.files = self.open_files()
        self.begin = time.monotonic()
        self.silent = [self.connect() for _ in range(SILENT)]

    def connect(self):
        host, port = self.address.rsplit(':', 1)
        return socket.create_connection((host, int(port)), 10)

    def open_files(self):
        return len(os.listdir(f'/proc/{self.process.pid}/fd'))

    def peak(self):
        """MiB that were resident at most."""
        status = pathlib.Path(f'/proc/{self.process.pid}/status').read_text()
        return int(re.search(r'VmHWM:\s+(\d+)', status).group(1)) // 1024

    def why(self, *connections):
        """What the log says about the ends of these connections; they have
        to be there within some seconds."""
        names = {'peer=%s:%d' % c for c in connections}
        end = time.monotonic() + 10
        while True:
            lines = [line for line in self.log_path.read_text().splitlines()
                     if ' connection.close ' in line or ' tcp.refused ' in
                     line or ' tcp.stalled ' in line]
            found = {line.split(' ')[3]: line for line in lines
                     if line.split(' ')[3] in names}
            if len(found) == len(names) or time.monotonic() > end:
                assert set(found) == names
                return [found['peer=%s:%d' % c] for c in connections]
            time.sleep(0.1)

    def works(self):
        """Somebody else puts a file and gets it again."""
        content = os.urandom(300_001)
        folder = self.log_path.parent
        (folder / 'from').write_bytes(content)
        url = f'smb://tester:secret@{self.address}/data/file'
        for arguments in (['put', str(folder / 'from'), url],
                          ['get', url, str(folder / 'to')]):
            subprocess.run([str(BIN / 'smb3x'), '-q', *arguments], check=True,
                           timeout=20)
        assert (folder / 'to').read_bytes() == content


@pytest.fixture(scope='module', name='server')
def server_fixture(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp('hostile'))
    yield server
    server.process.kill()
    server.process.wait()
    server.process.stdout.close()
    for connection in server.silent:
        connection.close()


def is_cut(connection, seconds):
    """The server ends the connection within that time."""
    connection.settimeout(seconds)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


def test_silent_ones_hold_nobody_up(server):
    end = time.monotonic() + 10
    while server.open_files() < server.files + SILENT:
        assert time.monotonic() < end
        time.sleep(0.05)
    server.works()
    assert server.peak() < MEMORY


def test_halting_ones_are_cut(server):
    connections = [server.connect() for _ in range(HALTING)]
    for i, connection in enumerate(connections):
        # A part of the prefix, a part of a small or of a large message.
        whole = message(b'\xfeSMB' + bytes(1000 if i % 2 else 5_000_000))
        connection.sendall(whole[:1 + i * 7])
    server.works()
    names = [c.getsockname() for c in connections]
    assert all(is_cut(c, STALL + 5) for c in connections)
    for line in server.why(*names):
        assert 'half a message' in line
    assert server.peak() < MEMORY


def test_deaf_ones_are_waited_for_and_cut(server):
    clients = [RawClient(server.address) for _ in range(DEAF)]
    for client in clients:
        client.enter('data', 256)
        file_id = client.open('big')
        assert client.credits >= 64
        while client.credits >= 16:
            client.send_read(file_id, 1 << 20)
    server.works()
    names = [c.socket.getsockname() for c in clients]
    for line in server.why(*names):
        assert 'does not read' in line
    for client in clients:
        assert is_cut(client.socket, 5)
    assert server.peak() < MEMORY


def test_overlong_messages_are_refused(server):
    connection = server.connect()
    connection.sendall(b'\x00\xff\xff\xff' + b'\xfeSMB' + bytes(65536))
    assert is_cut(connection, 5)
    line, = server.why(connection.getsockname())
    assert 'message size' in line
    server.works()
    assert server.peak() < MEMORY


def mad_bytes(dice, i):
    body = dice.randbytes(dice.randrange(1, 3000))
    if i % 3 == 0:
        return b'\x77' + body  # no packet type
    if i % 3 == 1:
        return message(b'\xffxyz' + body)  # no SMB message
    # A request in a header that is right, before there is a session.
    return message(struct.pack(
        '<4sHHIHHIIQIIQ16x', b'\xfeSMB', 64, 1, 0,
        dice.choice([1, *range(3, 12)]), 1, 0, 0, 0, 0, 0, 0) + body)


def test_mad_ones_are_cut(server):
    seed = random.SystemRandom().randrange(1 << 32)
    print('seed', seed)
    dice = random.Random(seed)
    connections = [server.connect() for _ in range(MAD)]
    for i, connection in enumerate(connections):
        connection.sendall(mad_bytes(dice, i))
    names = [c.getsockname() for c in connections]
    assert all(is_cut(c, 5) for c in connections)
    for i, line in enumerate(server.why(*names)):
        if i % 3 == 0:
            assert 'not a session message' in line
        else:
            assert 'reason=' in line
    server.works()


def test_mad_ones_inside_a_session(server):
    """Bodies of chance for every command; an error or an end, no more."""
    seed = random.SystemRandom().randrange(1 << 32)
    print('seed', seed)
    dice = random.Random(seed)
    answers = 0
    for _ in range(20):
        client = RawClient(server.address)
        client.enter('data', 64)
        try:
            for _ in range(20):
                status, _ = client.call(
                    dice.choice([3, 5, 6, 7, 8, 9, 10, 11, 14, 16, 17, 18]),
                    dice.randbytes(dice.randrange(100)))
                assert status != 0
                answers += 1
        except (EOFError, ConnectionError):
            pass
        client.close()
    assert answers > 20
    server.works()
    assert server.peak() < MEMORY


def test_silent_ones_are_cut_at_last(server):
    names = [c.getsockname() for c in server.silent]
    for connection in server.silent:
        rest = server.begin + LOGON + 10 - time.monotonic()
        assert is_cut(connection, max(rest, 1))
    assert time.monotonic() - server.begin > LOGON - 5
    for line in server.why(*names):
        assert 'not authenticated in time' in line


def test_nothing_is_left_and_it_ends_well(server):
    end = time.monotonic() + 10
    while server.open_files() > server.files:
        assert time.monotonic() < end
        time.sleep(0.1)
    server.process.terminate()
    assert server.process.wait(15) == 0
    assert not re.search(' error ', server.log_path.read_text())

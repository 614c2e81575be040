#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""smb3xd as a process: ready lines, settings, signals, exit codes.

SMB3X_BIN names the folder with smb3xd and smb3x.
"""
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

BIN = pathlib.Path(os.environ.get('SMB3X_BIN', 'build/bin'))
SMB3XD, SMB3X = str(BIN / 'smb3xd'), str(BIN / 'smb3x')


class Server:
    """A running smb3xd and what it said."""

    def __init__(self, folder, *arguments, addresses=1):
        self.log_path = folder / 'log'
        self.log_file = open(self.log_path, 'wb')
        self.process = subprocess.Popen(
            [SMB3XD, *arguments], stdout=subprocess.PIPE,
            stderr=self.log_file, text=True)
        self.addresses = []
        for _ in range(addresses):
            line = self.process.stdout.readline()
            if not line:
                self.process.wait(10)
                break
            assert line.startswith('smb3xd: listening on '), line
            self.addresses.append(line.split()[-1])

    def log(self):
        return self.log_path.read_text()

    def wait_for(self, word, seconds=10):
        end = time.monotonic() + seconds
        while word not in self.log():
            assert time.monotonic() < end, self.log()
            time.sleep(0.02)

    def end(self, number=signal.SIGTERM, seconds=10):
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.log_file.close()


@pytest.fixture(name='share')
def share_fixture(tmp_path):
    folder = tmp_path / 'share'
    folder.mkdir()
    return folder


@pytest.fixture(name='start')
def start_fixture(tmp_path, share):
    running = []

    def start(*arguments, **options):
        if not arguments:
            arguments = ('--listen', '127.0.0.1:0', '--share',
                         f'data={share}', '--user', 'tester:secret')
        server = Server(tmp_path, *arguments, **options)
        running.append(server)
        return server

    yield start
    for server in running:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


def smb3x(*arguments, user='tester:secret', address, path='data', code=0):
    """Runs smb3x; the address stands where an argument is URL."""
    url = f'smb://{user}@{address}/{path}'
    done = subprocess.run(
        [SMB3X, '-q', *[url if a == 'URL' else a for a in arguments]],
        capture_output=True, text=True, timeout=30)
    assert (done.returncode == 0) == (code == 0), done.stderr
    return done.stdout + done.stderr


def run(*arguments):
    return subprocess.run([SMB3XD, *arguments], capture_output=True,
                          text=True, timeout=10)


def test_help_and_version():
    done = run('--help')
    assert done.returncode == 0
    for word in ('--listen', '--share', '--user', '--config', 'SIGHUP'):
        assert word in done.stdout
    done = run('--version')
    assert done.returncode == 0 and done.stdout.startswith('smb3xd ')


def test_bad_arguments_exit_2(tmp_path):
    for arguments in (['--nonsense'], [], ['--listen', '127.0.0.1:0',
                                           '--share', 'x'],
                      ['--config', str(tmp_path / 'missing')]):
        done = run(*arguments)
        assert done.returncode == 2, arguments
        assert done.stderr.startswith('smb3xd: ')
        assert not done.stdout


def test_what_cannot_be_opened_exits_1(share):
    done = run('--listen', '127.0.0.1:0', '--share', 'data=/nonexistent')
    assert done.returncode == 1 and '/nonexistent' in done.stderr
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run('--listen', f'127.0.0.1:{port}', '--share',
                   f'data={share}')
    assert done.returncode == 1 and 'listen.failed' in done.stderr


@pytest.mark.parametrize('backend', ['auto', 'io_uring', 'epoll'])
def test_a_file_goes_there_and_back(start, share, tmp_path, backend):
    server = start('--listen', '127.0.0.1:0', '--share', f'data={share}',
                   '--user', 'tester:secret', '--backend', backend)
    if backend == 'io_uring' and not server.addresses:
        pytest.skip('the kernel has no io_uring for us')
    content = os.urandom(3_000_001)
    (tmp_path / 'from').write_bytes(content)
    address = server.addresses[0]
    smb3x('put', str(tmp_path / 'from'), 'URL', address=address,
          path='data/file')
    assert (share / 'file').read_bytes() == content
    smb3x('get', 'URL', str(tmp_path / 'to'), address=address,
          path='data/file')
    assert (tmp_path / 'to').read_bytes() == content
    assert server.end() == 0


def test_every_address_gets_a_line(start, share):
    server = start('--listen', '127.0.0.1:0', '--listen', '[::1]:0',
                   '--share', f'data={share}', '--user', 'tester:secret',
                   addresses=2)
    assert server.addresses[0].startswith('127.0.0.1:')
    assert server.addresses[1].startswith('[::1]:')
    for address in server.addresses:
        assert not address.endswith(':0')
        assert '0x0311' in smb3x('info', 'URL', address=address)


def test_wrong_password_and_unknown_share(start):
    address = start().addresses[0]
    assert 'LOGON_FAILURE' in smb3x('info', 'URL', user='tester:wrong',
                                    address=address, code=1)
    assert 'BAD_NETWORK_NAME' in smb3x('info', 'URL', path='nothing',
                                       address=address, code=1)


def test_reload_brings_users_and_shares(start, share, tmp_path):
    conf = tmp_path / 'conf'
    text = f'[server]\nlisten = 127.0.0.1:0\n[share data]\npath={share}\n'
    conf.write_text(text + '[users]\ntester = secret\n')
    server = start('--config', str(conf))
    address = server.addresses[0]
    smb3x('info', 'URL', address=address)
    conf.write_text(text + f'[share more]\npath={share}\nro=yes\n'
                    '[users]\nother = word\n')
    server.process.send_signal(signal.SIGHUP)
    server.wait_for('reload.done')
    smb3x('info', 'URL', user='other:word', path='more', address=address)
    smb3x('info', 'URL', address=address, code=1)
    conf.write_text('nonsense\n')
    server.process.send_signal(signal.SIGHUP)
    server.wait_for(f'{conf}:1:')
    smb3x('info', 'URL', user='other:word', address=address)
    assert server.end() == 0


def test_a_silent_connection_does_not_hold_up_the_end(start):
    server = start()
    host, port = server.addresses[0].rsplit(':', 1)
    with socket.create_connection((host, int(port))):
        server.wait_for('server.start')
        begin = time.monotonic()
        assert server.end(seconds=15) in (0, 3)
        assert time.monotonic() - begin < 13


def test_log_lines_have_a_form(start):
    server = start()
    smb3x('info', 'URL', user='tester:wrong', address=server.addresses[0],
          code=1)
    smb3x('info', 'URL', address=server.addresses[0])
    server.end()
    for line in server.log().splitlines():
        stamp, level, event, *rest = line.split(' ')
        assert len(stamp) == 24 and stamp.endswith('Z'), line
        assert level in ('error', 'warn', 'info', 'debug'), line
        assert '.' in event, line
        assert all('=' in word or '"' in line for word in rest), line
    assert 'secret' not in server.log()

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""smb3xd on QUIC sockets of the kernel, which quic_preload.so simulates.

SMB3X_BIN names the folder with smb3xd and smb3x; the plug-in is in lib/
beside it.
"""
import concurrent.futures
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest

from test_quic import CLIENT, Authority

BIN = pathlib.Path(os.environ.get('SMB3X_BIN', 'build/bin'))
SMB3XD, SMB3X = str(BIN / 'smb3xd'), str(BIN / 'smb3x')
PLUG_IN = (BIN.parent / 'lib' / 'quic_preload.so').resolve()
PROTOCOL = 261


class Server:
    """smb3xd with the plug-in."""

    def __init__(self, folder, *arguments, loss=0, nets='nets'):
        self.folder, self.nets = folder, folder / nets
        (folder / 'nets').mkdir()
        (folder / 'share').mkdir()
        self.log = folder / 'log'
        environment = dict(
            os.environ, LD_PRELOAD=str(PLUG_IN), QUIC_PRELOAD_SEED='7',
            QUIC_PRELOAD_DIR=str(self.nets), QUIC_PRELOAD_LOSS=str(loss))
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(
                [SMB3XD, '--listen', 'quic:127.0.0.1:0', '--share',
                 f'data={folder / "share"}', '--user', 'tester:secret',
                 '--log', 'info', *map(str, arguments)],
                stdout=subprocess.PIPE, stderr=log, text=True,
                env=environment)
        line = self.process.stdout.readline()
        assert line.startswith('smb3xd: listening on quic:'), line
        self.port = int(line.rsplit(':', 1)[1])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0
        self.process.stdout.close()

    def client(self, *arguments, where=None):
        """The outcome of smb3x, over the plug-in's datagrams."""
        if where is None:
            where = ['--unix', self.nets / f'quic-{self.port}']
        return subprocess.run(
            [SMB3X, '-q', '--transport', 'quic', '--insecure',
             *map(str, where), *map(str, arguments)],
            capture_output=True, text=True, timeout=60)

    def there_and_back(self, name, size):
        source, back = self.folder / f'{name}.1', self.folder / f'{name}.2'
        source.write_bytes(os.urandom(size))
        target = f'smb://tester:secret@localhost/data/{name}'
        for command in (['put', source, target], ['get', target, back]):
            done = self.client(*command)
            assert done.returncode == 0, done.stderr
        assert back.read_bytes() == source.read_bytes()


@pytest.fixture(name='start')
def start_fixture(tmp_path):
    running = []

    def start(*arguments, **options):
        running.append(Server(tmp_path, *arguments, **options))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.mark.parametrize('backend', ['auto', 'epoll'])
@pytest.mark.parametrize('loss', [0, 5])
def test_files_go_there_and_back(start, backend, loss):
    server = start('--quic-kernel', 'always', '--backend', backend, loss=loss)
    server.there_and_back('f', 4_000_000)
    assert re.search(r'quic\.kernel .*used=yes', server.log.read_text())


def test_clients_side_by_side(start):
    server = start('--quic-kernel', 'always', loss=2)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(server.there_and_back, f'f{i}', 500_000)
                     for i in range(16)]:
            done.result()


def test_client_certificates(start, tmp_path):
    good, bad = Authority(tmp_path, 'good'), Authority(tmp_path, 'bad')
    server = start('--quic-kernel', 'always', '--quic-ca', good.path,
                   '--quic-client-certificate', 'any', loss=5)
    target = 'smb://tester:secret@localhost/data'

    def enter(authority, name):
        path = authority.issue(name, CLIENT)
        return server.client('--certificate', path, 'info', target)

    done = enter(good, 'welcome')
    assert done.returncode == 0, done.stderr
    # The refusal comes as an alert, soon, not as silence.
    for begin in (lambda: enter(bad, 'stranger'),
                  lambda: server.client('info', target)):
        started = time.monotonic()
        assert begin().returncode != 0
        assert time.monotonic() - started < 9
    assert server.log.read_text().count('quic.refused') == 2
    assert enter(good, 'again').returncode == 0


def test_reload_brings_lists(start, tmp_path):
    good = Authority(tmp_path, 'good')
    path = good.issue('welcome', CLIENT)
    conf = tmp_path / 'conf'
    conf.write_text('')
    server = start('--quic-kernel', 'always', '--config', conf)
    target = 'smb://tester:secret@localhost/data'
    assert server.client('info', target).returncode == 0
    conf.write_text(f'[server]\nquic-ca = {good.path}\n'
                    'quic-client-certificate = any\n')
    server.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 10
    while 'reload.done' not in server.log.read_text():
        assert time.monotonic() < end
        time.sleep(0.02)
    assert server.client('info', target).returncode != 0
    done = server.client('--certificate', path, 'info', target)
    assert done.returncode == 0, done.stderr


def test_the_setting_chooses(start):
    server = start('--quic-kernel', 'never')
    assert 'quic.kernel' not in server.log.read_text()
    assert not list(server.nets.iterdir())
    done = server.client(
        'info', f'smb://tester:secret@localhost:{server.port}/data',
        where=[])
    assert done.returncode == 0, done.stderr


def test_what_is_offered_is_used_by_itself(start):
    server = start()
    server.there_and_back('f', 100_000)
    assert [path.name for path in server.nets.iterdir()] == [
        f'quic-{server.port}']


def test_our_own_takes_its_place(start):
    server = start(nets='missing')
    assert re.search(r'quic\.kernel .*used=no', server.log.read_text())
    done = server.client(
        'info', f'smb://tester:secret@localhost:{server.port}/data',
        where=[])
    assert done.returncode == 0, done.stderr


def test_without_such_sockets(tmp_path):
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, PROTOCOL).close()
        pytest.skip('this kernel has QUIC sockets')
    except OSError:
        pass
    done = subprocess.run(
        [SMB3XD, '--listen', 'quic:127.0.0.1:0', '--share', f'd={tmp_path}',
         '--quic-kernel', 'always'],
        capture_output=True, text=True, timeout=10)
    assert done.returncode == 1
    assert 'not supported' in done.stderr

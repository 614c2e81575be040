#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run as root, smb3xd gives every user his own rights and no others.

SMB3X_BIN names the folder with smb3xd and smb3x. The users are two accounts
that every Unix has.
"""
import os
import pathlib
import pwd
import signal
import subprocess

import pytest

BIN = pathlib.Path(os.environ.get('SMB3X_BIN', 'build/bin'))
DENIED = 'STATUS_ACCESS_DENIED'

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason='only root can act for others')


@pytest.fixture(name='folder')
def folder_fixture(tmp_path):
    folder = tmp_path / 'share'
    folder.mkdir()
    folder.chmod(0o777)
    return folder


@pytest.fixture(name='address')
def address_fixture(tmp_path, folder):
    with open(tmp_path / 'log', 'wb') as log, subprocess.Popen(
            [str(BIN / 'smb3xd'), '--listen', '127.0.0.1:0',
             '--share', f'data={folder}', '--user', 'nobody:secret',
             '--user', 'daemon:secret'],
            stdout=subprocess.PIPE, stderr=log, text=True) as server:
        yield server.stdout.readline().split()[-1]
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0


def smb3x(user, address, command, path, *, local=None):
    """What the command says; local stands where it belongs."""
    url = f'smb://{user}:secret@{address}/data/{path}'
    arguments = {'put': [local, url], 'get': [url, local]}.get(command, [url])
    return subprocess.run(
        [str(BIN / 'smb3x'), '-q', command, *map(str, arguments)],
        capture_output=True, text=True, timeout=30)


def test_files_belong_to_who_made_them(address, folder, tmp_path):
    (tmp_path / 'from').write_text('text')
    for user in ('nobody', 'daemon'):
        account = pwd.getpwnam(user)
        done = smb3x(user, address, 'put', user, local=tmp_path / 'from')
        assert done.returncode == 0, done.stderr
        done = smb3x(user, address, 'mkdir', f'{user}.d')
        assert done.returncode == 0, done.stderr
        for name in (user, f'{user}.d'):
            status = (folder / name).stat()
            assert status.st_uid == account.pw_uid
            assert status.st_gid == account.pw_gid


def test_what_is_not_shared_is_denied(address, folder, tmp_path):
    (tmp_path / 'from').write_text('secret')
    for name in ('mine', 'closed/inner'):
        if '/' in name:
            smb3x('nobody', address, 'mkdir', 'closed')
        done = smb3x('nobody', address, 'put', name, local=tmp_path / 'from')
        assert done.returncode == 0, done.stderr
    (folder / 'mine').chmod(0o600)
    (folder / 'closed').chmod(0o700)
    for name in ('mine', 'closed/inner'):
        to = tmp_path / 'to'
        done = smb3x('daemon', address, 'get', name, local=to)
        assert done.returncode != 0 and DENIED in done.stderr, done.stderr
        done = smb3x('daemon', address, 'put', name, local=tmp_path / 'from')
        assert done.returncode != 0 and DENIED in done.stderr, done.stderr
        done = smb3x('nobody', address, 'get', name, local=to)
        assert done.returncode == 0 and to.read_text() == 'secret'
        to.unlink()
    done = smb3x('daemon', address, 'ls', 'closed')
    assert done.returncode != 0 and DENIED in done.stderr, done.stderr


def test_files_of_root_are_roots(address, folder, tmp_path):
    (folder / 'root').write_text('x')
    (folder / 'root').chmod(0o644)
    (tmp_path / 'from').write_text('y')
    done = smb3x('nobody', address, 'put', 'root', local=tmp_path / 'from')
    assert done.returncode != 0 and DENIED in done.stderr, done.stderr
    assert (folder / 'root').read_text() == 'x'
    to = tmp_path / 'to'
    done = smb3x('nobody', address, 'get', 'root', local=to)
    assert done.returncode == 0 and to.read_text() == 'x'

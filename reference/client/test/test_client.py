#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""smb3x, libsmb3x and the mount, against smb3xd.

SMB3X_BIN names the folder with the programs, SMB3X_MAKE the make to install
with, SMB3X_BUILD its build folder.
"""
import os
import pathlib
import pwd
import shutil
import signal
import stat
import subprocess
import time

import pytest

import story

BIN = pathlib.Path(os.environ.get('SMB3X_BIN', 'build/bin'))
MAKE = os.environ.get('SMB3X_MAKE', 'make').split()
BUILD = os.environ.get('SMB3X_BUILD', 'build')
USER = pwd.getpwuid(os.getuid()).pw_name
TOP = pathlib.Path(__file__).resolve().parents[3]


class Server:
    """smb3xd with a share of each kind."""

    def __init__(self, folder, *options):
        self.folder, self.options = folder, options
        self.data, self.plain = folder / 'data', folder / 'plain'
        for share in (self.data, self.plain):
            share.mkdir(exist_ok=True)
        self.process = None
        self.start('127.0.0.1:0')

    def start(self, address):
        self.process = subprocess.Popen(
            [BIN / 'smb3xd', '--listen', address, '--share',
             f'data={self.data}', '--share', f'plain={self.plain},posix=no',
             '--user', f'{USER}:secret', *self.options],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        assert line.startswith('smb3xd: listening on '), line
        self.address = line.split()[-1]

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def url(self, path):
        return f'smb://{USER}:secret@{self.address}/{path}'


@pytest.fixture(name='server')
def server_fixture(tmp_path):
    server = Server(tmp_path)
    yield server
    server.stop()


def smb3x(server, *words, code=0, options=()):
    """Runs smb3x; a word that begins with data or plain stands for a URL."""
    words = [server.url(w) if w.split('/')[0] in ('data', 'plain') else w
             for w in words]
    done = subprocess.run([BIN / 'smb3x', '-q', *options, *words],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr + done.stdout
    return done.stdout if code == 0 else done.stderr


def test_commands(server, tmp_path):
    (tmp_path / 'here').write_text('hello\n')
    smb3x(server, 'mkdir', 'data/d')
    smb3x(server, 'put', str(tmp_path / 'here'), 'data/d/a%3Ab%5C%3F')
    file = server.data / 'd' / 'a:b\\?'
    assert file.read_text() == 'hello\n'
    smb3x(server, 'chmod', '6751', 'data/d/a%3Ab%5C%3F')
    assert stat.S_IMODE(file.stat().st_mode) == 0o6751
    smb3x(server, 'ln', 'data/d/a%3Ab%5C%3F', 'd/f')
    assert file.stat().st_nlink == 2
    smb3x(server, 'symlink', '../d/f', 'data/d/l')
    assert smb3x(server, 'readlink', 'data/d/l') == '../d/f\n'
    assert smb3x(server, 'cat', 'data/d/l') == 'hello\n'
    assert smb3x(server, 'realpath', 'data/d/./l/../../d/l',
                 code=1).count('Not a directory')
    assert smb3x(server, 'realpath', 'data/d/../d/l') == 'd/f\n'
    smb3x(server, 'mkfifo', 'data/d/p')
    smb3x(server, 'mknod', 'data/d/s', 's')
    smb3x(server, 'touch', 'data/d/f', '1000000000')
    assert file.stat().st_mtime == 1000000000
    smb3x(server, 'truncate', '3', 'data/d/f')
    assert file.read_text() == 'hel'
    smb3x(server, 'chmod', '6751', 'data/d/f')  # a change took bits away
    listing = smb3x(server, 'ls', 'data/d').splitlines()
    assert [line[0] + line.split()[-1] for line in listing] == [
        '-a:b\\?', '-f', 'l../d/f', 'pp', 'ss']
    assert listing[1].startswith('-rwsr-s--x   2')
    smb3x(server, 'xattr', 'data/d/f', 'user.note', 'text')
    assert smb3x(server, 'xattr', 'data/d/f') == 'user.note\n'
    assert smb3x(server, 'xattr', 'data/d/f', 'user.note') == 'text\n'
    smb3x(server, 'rename', 'data/d/f', 'd/l')
    assert smb3x(server, 'cat', 'data/d/l') == 'hel'
    assert 'available' in smb3x(server, 'df', 'data')
    assert 'POSIX extensions' in smb3x(server, 'info', 'data')
    for name in ('a%3Ab%5C%3F', 'l', 'p', 's'):
        smb3x(server, 'rm', 'data/d/' + name)
    smb3x(server, 'rmdir', 'data/d')
    assert not list(server.data.glob('*'))


def test_links_of_the_server_itself(server):
    """Links that a local user has made are links for the client."""
    (server.data / 'd').mkdir()
    (server.data / 'd' / 'f').write_text('found')
    (server.data / 'l').symlink_to('d')
    (server.data / 'out').symlink_to('/etc/passwd')
    (server.data / 'up').symlink_to('../' * 20 + 'etc/passwd')
    assert smb3x(server, 'cat', 'data/l/f') == 'found'
    for name in ('out', 'up'):
        assert 'out of the share' in smb3x(
            server, 'cat', 'data/' + name, code=1)
    smb3x(server, 'put', '/etc/hostname', 'data/l/new')
    assert (server.data / 'd' / 'new').exists()
    (server.data / 'etc').mkdir()
    (server.data / 'etc' / 'passwd').write_text('of the share')
    assert smb3x(server, 'cat', 'data/out',
                 options=['--absolute=share']) == 'of the share'


def test_failures_say_what_helps(server, tmp_path):
    smb3x(server, 'mkdir', 'data/d')
    smb3x(server, 'mkfifo', 'data/d/p')
    assert 'use rmdir' in smb3x(server, 'rm', 'data/d', code=1)
    assert 'remove what is in it' in smb3x(server, 'rmdir', 'data/d', code=1)
    assert 'another name' in smb3x(server, 'mkdir', 'data/d', code=1)
    assert 'no directory' in smb3x(server, 'cat', 'data/d/p/x', code=1)
    smb3x(server, 'symlink', 'loop', 'data/loop')
    assert 'readlink' in smb3x(server, 'cat', 'data/loop', code=1)
    done = subprocess.run(
        [BIN / 'smb3x', 'ls', f'smb://{USER}:wrong@{server.address}/data'],
        capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and 'password' in done.stderr
    assert 'smb3x info' in smb3x(
        server, 'chmod', '600', 'plain', code=1)
    smb3x(server, 'nonsense', 'data', code=2)
    smb3x(server, 'chmod', '9', 'data', code=2)
    assert not list(tmp_path.glob('nonsense'))


def test_share_without_extensions(server, tmp_path):
    (tmp_path / 'here').write_text('plain')
    smb3x(server, 'mkdir', 'plain/d')
    smb3x(server, 'put', str(tmp_path / 'here'), 'plain/d/f')
    assert smb3x(server, 'cat', 'plain/D/F') == 'plain'
    assert smb3x(server, 'ls', 'plain/d').startswith('-rw-r--r--')
    smb3x(server, 'mv', 'plain/d/f', 'd/g')
    smb3x(server, 'truncate', '2', 'plain/d/g')
    assert (server.plain / 'd' / 'g').read_text() == 'pl'
    smb3x(server, 'put', str(tmp_path / 'here'), 'plain/d/a%3Ab', code=1)
    smb3x(server, 'put', str(tmp_path / 'here'), 'plain/d%5C..%5Cx', code=1)
    smb3x(server, 'mkfifo', 'plain/p', code=1)
    assert 'extensions' in smb3x(server, 'info', 'plain', code=1,
                                 options=['--posix=require'])
    assert 'not on this share' in smb3x(server, 'info', 'plain')
    assert smb3x(server, 'info', 'data', options=['--posix=off']).count(
        'POSIX') == 0


@pytest.fixture(name='installed', scope='module')
def installed_fixture(tmp_path_factory):
    folder = tmp_path_factory.mktemp('installed')
    subprocess.run([*MAKE, 'install', f'BUILD={BUILD}', f'DESTDIR={folder}',
                    'PREFIX=/usr'], check=True, cwd=TOP, timeout=600,
                   stdout=subprocess.DEVNULL)
    return folder


def pkg_config(folder, *words):
    found = subprocess.run(
        ['pkg-config', *words, 'smb3x'], check=True, capture_output=True,
        text=True, env=dict(
            os.environ, PKG_CONFIG_SYSROOT_DIR=str(folder),
            PKG_CONFIG_LIBDIR=str(folder / 'usr/lib/pkgconfig'),
            PKG_CONFIG_ALLOW_SYSTEM_CFLAGS='1',
            PKG_CONFIG_ALLOW_SYSTEM_LIBS='1'))
    return found.stdout.split()


@pytest.mark.parametrize('kind', ['shared', 'static'])
def test_the_example_of_the_manual(server, installed, tmp_path, kind):
    words = pkg_config(installed, '--cflags', '--libs',
                       *(['--static'] if kind == 'static' else []))
    if kind == 'static':
        words = [str(installed / 'usr/lib/libsmb3x.a')
                 if w == '-lsmb3x' else w for w in words]
    program = tmp_path / 'example'
    subprocess.run(
        ['gcc', '-std=gnu99', '-Wall', '-Wextra', '-Werror', '-o', program,
         TOP / 'reference/client/man/example.c', *words], check=True)
    done = subprocess.run(
        [program, server.url('data')], capture_output=True, text=True,
        timeout=30, env=dict(os.environ,
                             LD_LIBRARY_PATH=str(installed / 'usr/lib')))
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert sorted((line[0], line[-1]) for line in lines) == [
        ('100640', 'example'), ('120777', 'example.link')]
    assert not list(server.data.glob('*'))


def test_what_the_library_shows(installed):
    def names(*words):
        found = subprocess.run(['nm', '--defined-only', *words], check=True,
                               capture_output=True, text=True).stdout
        return {line.split()[2].split('@')[0] for line in found.splitlines()
                if len(line.split()) == 3}
    lib = installed / 'usr/lib'
    shown = names('-D', lib / 'libsmb3x.so') - {'SMB3X_0'}
    assert shown == names('-g', lib / 'libsmb3x.a')
    header = (installed / 'usr/include/smb3x.h').read_text()
    assert len(shown) > 40
    for name in shown:
        assert name.startswith('smb3x_') and name + '(' in header, name
    assert os.readlink(lib / 'libsmb3x.so') == 'libsmb3x.so.0'


@pytest.mark.parametrize('compiler', [['gcc', '-std=c99', '-xc'],
                                      ['g++', '-std=c++11', '-xc++']])
def test_the_header_stands_alone(installed, compiler):
    subprocess.run(
        [*compiler, '-Wall', '-Wextra', '-Werror', '-pedantic',
         '-D_XOPEN_SOURCE=700', '-fsyntax-only',
         installed / 'usr/include/smb3x.h'], check=True)


def test_manual_pages(installed):
    for page in ('man1/smb3x.1', 'man1/smb3x-mount.1', 'man3/libsmb3x.3'):
        text = (installed / 'usr/share/man' / page).read_text()
        assert '.TH' in text and '.SH "NAME"' in text.upper()
    said = subprocess.run([BIN / 'smb3x', '--help'], capture_output=True,
                          text=True, check=True).stdout
    manual = (TOP / 'reference/client/man/smb3x.1.adoc').read_text()
    for line in said.split('options\n')[0].splitlines()[4:]:
        if line.startswith('  ') and line[2].isalpha():
            assert f'*{line.split()[0]}*' in manual, line


def no_mounts():
    """Why this machine cannot mount, or None."""
    if shutil.which('fusermount3') is None:
        return 'fusermount3 is not there'
    try:
        os.close(os.open('/dev/fuse', os.O_RDWR))
    except OSError as problem:
        return f'/dev/fuse: {problem.strerror}'
    return None


@pytest.fixture(name='mount')
def mount_fixture(server, tmp_path):
    reason = no_mounts()
    if reason is not None:
        pytest.skip(f'this machine cannot mount: {reason}')
    running = []

    def mount(path='data', *options, timeout=30):
        folder = tmp_path / f'mnt{len(running)}'
        folder.mkdir()
        process = subprocess.Popen(
            [BIN / 'smb3x', '--timeout', str(timeout), 'mount', '-f',
             *options, server.url(path), folder])
        end = time.monotonic() + 10
        while not os.path.ismount(folder):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.02)
        running.append((folder, process))
        return folder

    yield mount
    for folder, process in running:
        subprocess.run(['fusermount3', '-u', '-z', folder], check=False)
        process.kill()
        process.wait()


@pytest.mark.parametrize('part', story.ALL, ids=lambda part: part.__name__)
def test_a_mount_is_as_the_disk(mount, tmp_path, part):
    local = tmp_path / 'local'
    local.mkdir()
    folder = mount() / 'here'
    folder.mkdir()
    told = []
    old = os.umask(0o022)
    for place in (local, folder):
        s = story.Story(str(place))
        part(s)
        told.append(s.told)
    os.umask(old)
    assert told[0] == told[1]


def test_a_mount_ends_as_asked(server, tmp_path):
    reason = no_mounts()
    if reason is not None:
        pytest.skip(f'this machine cannot mount: {reason}')
    folder = tmp_path / 'mnt'
    folder.mkdir()
    subprocess.run([BIN / 'smb3x', 'mount', server.url('data'), folder],
                   check=True, timeout=30)
    assert os.path.ismount(folder)
    subprocess.run(['fusermount3', '-u', folder], check=True)
    assert not os.path.ismount(folder)
    process = subprocess.Popen(
        [BIN / 'smb3x', 'mount', '-f', server.url('data'), folder])
    end = time.monotonic() + 10
    while not os.path.ismount(folder) and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert not os.path.ismount(folder)


def test_read_only_and_owners(server, mount):
    (server.data / 'f').write_text('x')
    os.chmod(server.data / 'f', 0o4755)
    folder = mount('data', '-o', 'ro,uid=12345,gid=54321')
    found = (folder / 'f').stat()
    assert (found.st_uid, found.st_gid) == (12345, 54321)
    with pytest.raises(OSError):
        (folder / 'g').write_text('x')
    flags = os.statvfs(folder).f_flag
    assert flags & os.ST_NOSUID and flags & os.ST_NODEV


def test_two_mounts_append(server, mount):
    """Two clients append at the same time and lose nothing."""
    folders = [mount(), mount()]
    children = []
    for number, folder in enumerate(folders):
        child = os.fork()
        if child == 0:
            file = os.open(folder / 'log', os.O_CREAT | os.O_WRONLY |
                           os.O_APPEND, 0o644)
            for line in range(200):
                os.write(file, b'%d %03d\n' % (number, line))
            os.close(file)
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    lines = (server.data / 'log').read_text().splitlines()
    assert len(lines) == 400
    for number in range(2):
        mine = [line for line in lines if line.startswith(f'{number} ')]
        assert mine == [f'{number} {line:03d}' for line in range(200)]


def test_a_lost_server_comes_back(server, mount):
    folder = mount('data', '-o', 'attr_timeout=0', timeout=1)
    (folder / 'f').write_text('before')
    file = os.open(folder / 'f', os.O_RDWR)
    server.stop()
    with pytest.raises(OSError):
        os.pwrite(file, b'x', 0)
    server.start(server.address)
    assert (folder / 'f').read_text() == 'before'
    with pytest.raises(OSError):
        os.pwrite(file, b'x', 0)
    try:
        os.close(file)
    except OSError:
        pass
    (folder / 'f').write_text('after')
    assert (server.data / 'f').read_text() == 'after'

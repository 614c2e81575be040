#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the library keeps, and for how long: leases, breaks, lost connections;
against smb3xd, through a proxy that counts and cuts."""
import hashlib
import os
import shutil
import subprocess
import threading
import time

import pytest

import library
import proxy
from test_client import (BIN, USER, Server,  # noqa: F401
                         mount_fixture)

LIBRARY = BIN.parent / 'lib' / 'libsmb3x.so'
BREAK_TIMEOUT = 8
PROMPT = 4  # seconds: less than the break's, with a busy machine


@pytest.fixture(name='server')
def server_fixture(tmp_path):
    server = Server(tmp_path, '--lease-break-timeout', str(BREAK_TIMEOUT))
    yield server
    server.stop()


@pytest.fixture(name='way')
def way_fixture(server):
    way = proxy.Proxy(server.address)
    yield way
    way.close()


@pytest.fixture(name='connect')
def connect_fixture(server):
    shares, found = [], library.Library(LIBRARY)

    def connect(address=None, path='data', **options):
        share = found.connect(
            f'smb://{USER}:secret@{address or server.address}/{path}',
            **options)
        shares.append(share)
        return share

    yield connect
    for share in shares:
        share.close()


def smb3x(*words, **more):
    return subprocess.run([BIN / 'smb3x', *words], capture_output=True,
                          text=True, timeout=100, check=False, **more)


class Quiet:
    """Nothing may pass through the proxy."""

    def __init__(self, way):
        self.way = way

    def __enter__(self):
        time.sleep(0.1)
        self.before = self.way.total

    def __exit__(self, *problem):
        if problem[0] is None:
            assert self.way.total == self.before


def test_attributes_are_asked_for_once(way, connect):
    share = connect(way.address, attr_ms=60000)
    share.call('mkdir', 'd', 0o755)
    share.put('d/f', b'12345')
    assert share.stat('d/f').size == 5
    with Quiet(way):
        for _ in range(100):
            assert share.stat('d/f').size == 5
            assert share.stat('./d//f').size == 5
    with pytest.raises(FileNotFoundError):
        share.stat('d/g')
    share.list('d')
    with Quiet(way):  # what a listing lacks is not there
        with pytest.raises(FileNotFoundError):
            share.stat('d/g')


def test_a_listing_tells_attributes(way, connect):
    share = connect(way.address, attr_ms=60000)
    for number in range(50):
        share.put(f'f{number}', b'x' * number)
    share.list('')
    with Quiet(way):
        for number in range(50):
            assert share.stat(f'f{number}').size == number


def test_attributes_are_not_believed_for_ever(way, connect):
    share = connect(way.address, attr_ms=200)
    share.put('f', b'x')
    share.stat('f')
    time.sleep(0.3)
    before = way.total
    share.stat('f')
    assert way.total > before


def test_without_a_cache_everything_is_asked_for(way, connect):
    share = connect(way.address, cache=1)
    share.put('f', b'12345')
    share.stat('f')
    before = way.total
    share.stat('f')
    assert way.total > before
    before = way.total
    share.list('')
    share.list('')
    assert way.total > before


def test_listings_are_asked_for_once(way, connect):
    share = connect(way.address)
    for name in 'abc':
        share.put(name, b'x')
    assert share.list('') == ['a', 'b', 'c']
    with Quiet(way):
        assert share.list('') == ['a', 'b', 'c']


def test_a_closed_file_is_opened_for_nothing(way, connect):
    share = connect(way.address)
    share.put('f', b'12345')
    share.open('f').close()
    with Quiet(way):
        file = share.open('f')
    assert file.read(10, 0) == b'12345'
    file.close()


def test_own_changes_are_seen_at_once(connect):
    share = connect()
    share.call('mkdir', 'd', 0o755)
    for number in range(20):
        name = f'd/{number}'
        share.put(name, b'x' * number)
        assert share.stat(name).size == number
        share.put(name, b'y' * (number + 7))
        assert share.stat(name).size == number + 7
        assert len(share.list('d')) == 1
        share.call('chmod', name, 0o600)
        assert share.stat(name).mode & 0o777 == 0o600
        share.call('truncate', name, library.ctypes.c_uint64(3))
        assert share.stat(name).size == 3
        share.rename(name, 'd/other')
        assert share.list('d') == ['other']
        with pytest.raises(FileNotFoundError):
            share.stat(name)
        assert share.stat('d/other').size == 3
        share.call('unlink', 'd/other')
        assert share.list('d') == []


def changes(other):
    """Each: what another client does, and what must be seen then."""
    def size(share):
        return share.stat('d/f').size

    def mode(share):
        return share.stat('d/f').mode & 0o777

    def names(share):
        return share.list('d')

    return [
        (lambda: other.put('d/f', b'longer than before'), size, 18),
        (lambda: other.call('truncate', 'd/f', library.ctypes.c_uint64(1)),
         size, 1),
        (lambda: other.call('chmod', 'd/f', 0o611), mode, 0o611),
        (lambda: other.put('d/new', b'x'), names, ['f', 'new']),
        (lambda: other.call('mkdir', 'd/sub', 0o755), names,
         ['f', 'new', 'sub']),
        (lambda: other.rename('d/new', 'd/name'), names,
         ['f', 'name', 'sub']),
        (lambda: other.rename('d/name', 'd/f'), size, 1),
        (lambda: other.call('rmdir', 'd/sub'), names, ['f']),
        (lambda: other.call('unlink', 'd/f'), names, []),
    ]


@pytest.mark.parametrize('connections', [1, 4])
def test_changes_of_others_are_seen(connect, connections):
    share, other = connect(connections=connections), connect()
    other.call('mkdir', 'd', 0o755)
    other.put('d/f', b'12345')
    for number, (change, ask, expected) in enumerate(changes(other)):
        ask(share)
        ask(share)
        before = time.monotonic()
        change()
        waited = time.monotonic() - before
        # The break is acknowledged while nobody calls.
        assert waited < PROMPT, (number, waited)
        end = time.monotonic() + PROMPT
        while ask(share) != expected and time.monotonic() < end:
            time.sleep(0.01)
        assert ask(share) == expected, number
    with pytest.raises(FileNotFoundError):
        share.stat('d/f')


def test_a_kept_file_is_closed_for_others(connect):
    """Nobody may be kept from removing what was closed here."""
    share, other = connect(), connect()
    for number in range(5):
        share.put('f', b'x')
        share.open('f').close()
        share.stat('f')
        before = time.monotonic()
        other.call('unlink', 'f')
        assert time.monotonic() - before < PROMPT
        assert other.list('') == [], number


def test_the_other_opener_does_not_wait(connect):
    """A rename waits for H: an idle client gives it up at once."""
    share, other = connect(), connect()
    share.put('f', b'x')
    file = share.open('f')
    before = time.monotonic()
    other.rename('f', 'g')
    assert time.monotonic() - before < PROMPT
    assert file.read(5, 0) == b'x'
    file.close()
    assert share.list('') == ['g']


def test_an_oplock_is_given_up_at_once(connect):
    """Without leases a batch oplock makes an open durable."""
    share, other = connect(max_dialect=0x0202), connect()
    file = share.open('f', os.O_RDWR | os.O_CREAT)
    before = time.monotonic()
    rival = other.open('f', os.O_RDWR)
    assert time.monotonic() - before < PROMPT
    rival.write(b'12345', 0)
    assert file.read(10, 0) == b'12345'
    file.close()
    rival.close()


def test_many_threads_many_breaks(connect):
    """Two clients, four threads each, one directory: all comes to an end, and
    in the end both see the same."""
    shares = [connect(), connect()]
    problems = []

    def work(share, number):
        for turn in range(30):
            name = f'f{(turn + number) % 5}'
            try:
                share.put(name, b'x' * turn)
                share.stat(name)
                share.list('')
                share.open(name).close()
                if turn % 3 == 0:
                    share.call('unlink', name)
            except FileNotFoundError:
                pass
            except OSError as problem:
                if problem.errno not in (11, 16):
                    problems.append(problem)

    threads = [threading.Thread(target=work, args=(shares[n % 2], n))
               for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert not problems
    end = time.monotonic() + PROMPT
    while shares[0].list('') != shares[1].list('') and \
            time.monotonic() < end:
        time.sleep(0.05)
    assert shares[0].list('') == shares[1].list('')


def make_big(path, mebibytes):
    digest = hashlib.sha256()
    with open(path, 'wb') as file:
        for _ in range(mebibytes):
            block = os.urandom(1 << 20)
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize('options', [
    (), ('--encrypt',), ('--dialect', '3.0'), ('--dialect', '2.1')],
    ids=['3.1.1', 'encrypted', '3.0', '2.1'])
def test_transfers_survive_cuts(server, way, tmp_path, options):
    size = 256 if not options else 48
    digest = make_big(server.data / 'big', size)
    for words in (['get', 'big', tmp_path / 'copy'],
                  ['put', server.data / 'big', 'new']):
        url = f'smb://{USER}:secret@{way.address}/data/' + (
            'big' if words[0] == 'get' else 'new')
        words = [url if w in ('big', 'new') else w for w in words]
        way.passed, way.done = 0, 0
        way.cuts = [size << 18, size << 17, 3000, 100, size << 16, size << 17]
        done = smb3x(*options, *words)
        assert done.returncode == 0, done.stderr
        assert way.done == 6
        assert 'connection lost, reconnected' in done.stderr
    assert digest_of(tmp_path / 'copy') == digest
    assert digest_of(server.data / 'new') == digest


def test_a_transfer_survives_a_silent_line(server, way, tmp_path):
    """No end is told: the answer is too long in coming."""
    digest = make_big(server.data / 'big', 48)
    process = subprocess.Popen(
        [BIN / 'smb3x', '--timeout', '2', 'get',
         f'smb://{USER}:secret@{way.address}/data/big', '-'],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    found = hashlib.sha256(process.stdout.read(1 << 20))
    way.silence()
    while True:
        data = process.stdout.read(1 << 20)
        if not data:
            break
        found.update(data)
    assert b'reconnected' in process.stderr.read()
    assert process.wait() == 0 and found.hexdigest() == digest


def test_an_open_file_goes_on_after_a_cut(way, connect):
    share = connect(way.address)
    file = share.open('f', os.O_RDWR | os.O_CREAT | os.O_EXCL)
    kept = share.open('f')
    for turn in range(5):
        file.write(b'%d' % turn, turn)
        way.cut()
        assert kept.read(10, 0) == b'01234'[:turn + 1]
        way.cut()
        assert file.stat().size == turn + 1
    assert share.reconnects() > 0
    file.close()
    kept.close()


def test_locks_are_kept_over_a_cut(way, connect):
    share, other = connect(way.address), connect()
    file = share.open('f', os.O_RDWR | os.O_CREAT)
    file.lock(2, 10, 10)
    way.cut()
    file.lock(2, 20, 5)
    rival = other.open('f', os.O_RDWR)
    for offset in (10, 20):
        with pytest.raises(BlockingIOError):
            rival.lock(2, offset, 1)
    rival.lock(2, 30, 1)
    rival.close()
    file.close()


def test_a_cut_while_a_file_is_made(way, connect):
    """Whose answer is lost is sent again as a replay: O_EXCL finds no file of
    somebody else."""
    for after in range(300, 4000, 350):
        share = connect(way.address, connections=1)
        share.list('')
        way.passed, way.cuts = 0, [after]
        try:
            file = share.open(f'f{after}',
                              os.O_RDWR | os.O_CREAT | os.O_EXCL)
        except ConnectionError:
            way.cuts = []
            continue
        assert file.write(b'x', 0) == 1
        file.close()
        way.cuts = []


def test_what_the_server_dropped_is_told(tmp_path, connect):
    """The server forgets the open before the client is back."""
    server = Server(tmp_path, '--durable-timeout-max', '1')
    way = proxy.Proxy(server.address)
    try:
        share = connect(way.address)
        file = share.open('f', os.O_RDWR | os.O_CREAT)
        file.write(b'x', 0)
        way.cut()
        time.sleep(3)
        with pytest.raises(OSError) as problem:
            file.read(1, 0)
        assert problem.value.errno == 116  # ESTALE
        assert 'OBJECT_NAME_NOT_FOUND' in str(problem.value)
        with pytest.raises(OSError):
            file.close()
        assert share.open('f').read(1, 0) == b'x'
    finally:
        way.close()
        server.stop()


def test_durability_can_be_refused(way, connect):
    share = connect(way.address, durable=1)
    file = share.open('f', os.O_RDWR | os.O_CREAT)
    way.cut()
    with pytest.raises(OSError) as problem:
        file.read(1, 0)
    assert problem.value.errno == 116
    with pytest.raises(OSError):
        file.write(b'x', 0)
    try:
        file.close()
    except OSError:
        pass


def test_nothing_is_remembered_over_a_cut(server, way, connect):
    """What others do meanwhile, no break can tell."""
    share, other = connect(way.address), connect()
    share.put('f', b'x')
    assert share.stat('f').size == 1 and share.list('') == ['f']
    way.deaf = True
    way.cut()
    other.put('f', b'12345')
    other.put('g', b'')
    way.deaf = False
    assert share.stat('f').size == 5
    assert share.list('') == ['f', 'g']


def smbclient():
    """Samba's client, or what SMBCLIENT says: `chroot FOLDER smbclient`."""
    words = os.environ.get('SMBCLIENT', 'smbclient').split()
    if shutil.which(words[0]) is None:
        pytest.skip(f'{words[0]} is not there')
    return words


def test_changes_of_a_foreign_client_are_seen(server, connect):
    share = connect()
    host, port = server.address.rsplit(':', 1)

    def foreign(commands):
        before = time.monotonic()
        subprocess.run(
            [*smbclient(), '-p', port, '-U', f'{USER}%secret', '-m',
             'SMB3_11', f'//{host}/data', '-c', commands],
            check=True, capture_output=True, timeout=60)
        return time.monotonic() - before

    usual = foreign('ls')
    share.call('mkdir', 'd', 0o755)
    share.put('d/f', b'12345')
    for commands, names in (
            ('rename d\\f d\\g', ['g']), ('mkdir d\\sub', ['g', 'sub']),
            ('rename d\\sub d\\top', ['g', 'top']),
            ('put /etc/passwd d\\g', ['g', 'top']),
            ('rmdir d\\top', ['g']), ('del d\\g', [])):
        before = share.list('d')
        for name in before:
            share.stat('d/' + name)
            if name in 'fg':
                share.open('d/' + name).close()
        assert foreign(commands) < usual + PROMPT, commands
        end = time.monotonic() + PROMPT
        while share.list('d') != names and time.monotonic() < end:
            time.sleep(0.01)
        assert share.list('d') == names, commands
        for name in set(before) - set(names):
            with pytest.raises(FileNotFoundError):
                share.stat('d/' + name)
        if 'put' in commands:
            size = (server.data / 'd' / 'g').stat().st_size
            assert share.stat('d/g').size == size > 5


def test_a_mount_goes_on_over_cuts(server, way, mount):
    """What was written is there; what could not be done says so."""
    server.address = way.address
    folder = mount()
    end = time.monotonic() + 6
    problems, turns = [], []

    def work(number):
        path = folder / f'f{number}'
        expected = bytearray()
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        while time.monotonic() < end:
            block = os.urandom(3000)
            os.pwrite(file, block, len(expected))
            expected += block
            if os.pread(file, len(expected), 0) != expected or \
                    path.stat().st_size != len(expected):
                problems.append(number)
            turns.append(number)
        os.close(file)
        if (server.data / path.name).read_bytes() != expected:
            problems.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    while time.monotonic() < end:
        time.sleep(0.4)
        way.cut()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert not problems and set(turns) == {0, 1, 2}
    assert way.done > 5

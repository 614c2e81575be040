# SPDX-License-Identifier: MIT
"""What a program sees of a file system: a list of steps with their results,
which must be the same on a mount as on the file system behind the server."""
import ctypes
import errno
import fcntl
import mmap
import os
import socket
import stat
import struct
import time

LIBC = ctypes.CDLL(None, use_errno=True)
RENAME_NOREPLACE = 1


class Story:
    """Collects (step, result); a failure's result is its errno."""

    def __init__(self, folder):
        self.folder = folder
        self.told = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def tell(self, step, result):
        self.told.append((step, result))

    def do(self, step, call, *arguments, **options):
        """The result of a call, None for objects that mean nothing."""
        try:
            result = call(*arguments, **options)
        except OSError as problem:
            result = errno.errorcode[problem.errno]
        self.tell(step, result)
        return result

    def look(self, step, name):
        try:
            found = os.lstat(self.path(name))
        except OSError as problem:
            self.tell(step, errno.errorcode[problem.errno])
            return
        size = 0 if stat.S_ISDIR(found.st_mode) else found.st_size
        self.tell(step, (oct(found.st_mode), found.st_nlink, size))

    def text(self, step, name):
        def whole():
            with open(self.path(name), 'rb') as file:
                return file.read()
        self.do(step, whole)

    def put(self, name, text):
        with open(self.path(name), 'w') as file:
            file.write(text)


def files(s):
    file = os.open(s.path('f'), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o640)
    s.look('created', 'f')
    s.do('again', os.open, s.path('f'), os.O_CREAT | os.O_EXCL)
    s.do('write', os.write, file, b'hello world')
    s.do('read', os.pread, file, 5, 6)
    s.do('shorter', os.ftruncate, file, 5)
    s.do('longer', os.truncate, s.path('f'), 20)
    s.text('zeros', 'f')
    s.do('unlink', os.unlink, s.path('f'))
    s.look('gone', 'f')
    s.tell('links', os.fstat(file).st_nlink)
    s.do('write still', os.pwrite, file, b'XY', 0)
    s.put('f', 'another')
    s.do('read still', os.pread, file, 5, 0)
    s.do('chmod still', os.fchmod, file, 0o600)
    s.do('truncate still', os.ftruncate, file, 1)
    s.tell('size', os.fstat(file).st_size)
    os.close(file)
    s.text('the other', 'f')


def names(s):
    os.mkdir(s.path('names'))
    odd = [bytes([c]) for c in range(1, 128) if c not in b'/.']
    odd += [b'a:b', b'a\\b', b'CON', b'x.', b'x ', b' x', b'.\xc3\xa4',
            b'\xf0\x9f\x98\x80', b'n' * 255, b'case', b'CASE']
    folder = s.path('names').encode()
    for name in odd:
        s.do('make %r' % name, os.mkdir, os.path.join(folder, name))
    s.tell('listed', sorted(os.listdir(folder)))
    s.do('too long', os.mkdir, os.path.join(folder, b'n' * 256))
    for name in odd:
        s.do('remove %r' % name, os.rmdir, os.path.join(folder, name))
    s.do('rmdir', os.rmdir, folder)


def links(s):
    s.put('file', 'text')
    s.do('symlink', os.symlink, 'file', s.path('link'))
    s.look('link', 'link')
    s.do('readlink', os.readlink, s.path('link'))
    s.text('through', 'link')
    s.do('dangling', os.symlink, 'nothing', s.path('dangling'))
    s.text('to nothing', 'dangling')
    s.do('loop', os.symlink, 'loop', s.path('loop'))
    s.text('around', 'loop')
    s.do('hard', os.link, s.path('file'), s.path('hard'))
    s.look('two links', 'file')
    s.tell('one file', os.path.samefile(s.path('file'), s.path('hard')))
    with open(s.path('hard'), 'a') as file:
        file.write('+')
    s.text('by the other name', 'file')
    s.do('of a link', os.link, s.path('link'), s.path('link2'),
         follow_symlinks=False)
    s.do('is a link', os.readlink, s.path('link2'))
    s.do('of a directory', os.link, s.folder, s.path('no'))
    s.do('unlink', os.unlink, s.path('file'))
    s.look('one is left', 'hard')


def modes(s):
    s.put('f', '')
    for mode in (0o000, 0o444, 0o640, 0o755, 0o777, 0o4711, 0o2755, 0o1777,
                 0o7777, 0o600):
        s.do('chmod', os.chmod, s.path('f'), mode)
        s.look('mode', 'f')
    for mode in (0o700, 0o1777, 0o2775):
        s.do('mkdir', os.mkdir, s.path('d%o' % mode), mode)
        s.look('directory', 'd%o' % mode)
    s.do('times', os.utime, s.path('f'),
         ns=(1234567890123456700, 1000000000987654300))
    found = os.stat(s.path('f'))
    s.tell('kept', (found.st_atime_ns, found.st_mtime_ns))
    s.do('before 1970', os.utime, s.path('f'), ns=(-10 ** 15, -10 ** 15))
    s.tell('kept', os.stat(s.path('f')).st_mtime_ns)
    os.symlink('f', s.path('l'))
    s.do('of a link', os.utime, s.path('l'), ns=(10 ** 18, 10 ** 18),
         follow_symlinks=False)
    s.tell('kept', os.lstat(s.path('l')).st_mtime_ns)
    s.do('own', os.chown, s.path('f'), os.getuid(), os.getgid())
    s.tell('executable', os.access(s.path('f'), os.X_OK))


def renames(s):
    s.put('a', 'A')
    s.put('b', 'B')
    old = open(s.path('b'))
    s.do('over an open file', os.rename, s.path('a'), s.path('b'))
    s.text('new', 'b')
    s.tell('old', old.read())
    old.close()
    os.mkdir(s.path('x'))
    os.mkdir(s.path('y'))
    s.do('file over directory', os.rename, s.path('b'), s.path('x'))
    s.do('directory over file', os.rename, s.path('x'), s.path('b'))
    s.do('over an empty one', os.rename, s.path('x'), s.path('y'))
    os.mkdir(s.path('x'))
    s.put('y/q', 'q')
    s.do('over a full one', os.rename, s.path('x'), s.path('y'))
    s.do('into itself', os.rename, s.path('y'), s.path('y/z'))
    s.do('in case', os.rename, s.path('b'), s.path('B'))
    s.put('b', 'b')
    s.text('two files', 'B')
    for step, target in (('there', 'B'), ('not there', 'bb')):
        result = LIBC.renameat2(-100, s.path('b').encode(), -100,
                                s.path(target).encode(), RENAME_NOREPLACE)
        s.tell(step, (result, ctypes.get_errno() if result else 0))
    os.link(s.path('bb'), s.path('bb2'))
    s.do('to its own', os.rename, s.path('bb'), s.path('bb2'))
    s.look('both stay', 'bb2')
    late = open(s.path('y/q'), 'w')
    s.do('directory with an open file', os.rename, s.path('y'), s.path('yy'))
    late.write('late')
    late.close()
    s.text('written', 'yy/q')
    s.do('full', os.rmdir, s.path('yy'))
    s.do('rmdir of a file', os.rmdir, s.path('B'))
    s.do('unlink of a directory', os.unlink, s.path('yy'))
    s.do('below a file', os.mkdir, s.path('B/x'))


def special(s):
    s.do('fifo', os.mkfifo, s.path('p'), 0o622)
    s.look('fifo', 'p')
    child = os.fork()
    if child == 0:
        with open(s.path('p'), 'w') as file:
            file.write('through')
        os._exit(0)
    s.text('through it', 'p')
    os.waitpid(child, 0)
    here = os.getcwd()
    os.chdir(s.folder)
    with socket.socket(socket.AF_UNIX) as end:
        s.do('socket', end.bind, 's')
    os.chdir(here)
    s.tell('is one', stat.S_ISSOCK(os.stat(s.path('s')).st_mode))


def data(s):
    one = os.open(s.path('a'), os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
    two = os.open(s.path('a'), os.O_WRONLY | os.O_APPEND)
    for _ in range(4):
        os.write(one, b'1')
        os.write(two, b'2')
    os.pwrite(one, b'3', 0)
    os.close(one)
    os.close(two)
    s.text('appended', 'a')
    file = os.open(s.path('a'), os.O_RDWR | os.O_APPEND)
    with mmap.mmap(file, 0) as memory:
        memory[0] = ord('M')
        memory.flush()
    os.write(file, b'4')
    s.do('shorter', os.ftruncate, file, 5)
    os.close(file)
    s.text('mapped', 'a')
    with open(s.path('m'), 'w+b') as file:
        file.truncate(10000)
        with mmap.mmap(file.fileno(), 0) as memory:
            memory[5000:5004] = b'mmap'
    with open(s.path('m'), 'rb') as file:
        s.tell('map', file.read()[4998:5006])
    with open(s.path('sparse'), 'wb') as file:
        file.seek(4 << 20)
        file.write(b'x')
    s.look('sparse', 'sparse')
    s.tell('has holes', os.stat(s.path('sparse')).st_blocks < 4096)
    whole = bytes(range(256)) * 8192
    with open(s.path('big'), 'wb') as file:
        file.write(whole)
    with open(s.path('big'), 'rb') as file:
        s.tell('the same', file.read() == whole)


def in_child(call):
    """The result of a call in another process."""
    back, there = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            result = call()
        except OSError as problem:
            result = errno.errorcode[problem.errno]
        os.write(there, repr(result).encode())
        os._exit(0)
    os.close(there)
    result = os.read(back, 1000).decode()
    os.close(back)
    os.waitpid(child, 0)
    return result


def locks(s):
    path = s.path('lock')
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)

    def try_lock(length, start):
        def call():
            other = os.open(path, os.O_RDWR)
            fcntl.lockf(other, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
            return 'locked'
        return in_child(call)

    def who():
        other = os.open(path, os.O_RDWR)
        asked = struct.pack('hhqqi', fcntl.F_WRLCK, 0, 0, 0, 0)
        return struct.unpack('hhqqi', fcntl.fcntl(
            other, fcntl.F_GETLK, asked)[:28])[:4]

    fcntl.lockf(file, fcntl.LOCK_EX, 10, 0)
    s.tell('within', try_lock(5, 5))
    s.tell('behind', try_lock(5, 10))
    fcntl.lockf(file, fcntl.LOCK_UN, 4, 3)
    s.tell('hole', try_lock(4, 3))
    s.tell('rest', (try_lock(1, 2), try_lock(1, 7)))
    s.tell('who', in_child(who))
    os.close(os.open(path, os.O_RDONLY))
    s.tell('any close ends them', try_lock(10, 0))
    fcntl.lockf(file, fcntl.LOCK_EX)
    back, there = os.pipe()
    child = os.fork()
    if child == 0:
        other = os.open(path, os.O_RDWR)
        fcntl.lockf(other, fcntl.LOCK_EX)
        os.write(there, b'x')
        os._exit(0)
    time.sleep(0.2)
    os.set_blocking(back, False)
    s.do('waits', os.read, back, 1)
    os.set_blocking(back, True)
    fcntl.lockf(file, fcntl.LOCK_UN)
    s.do('gets it', os.read, back, 1)
    os.waitpid(child, 0)
    os.close(file)


def listings(s):
    os.mkdir(s.path('many'))
    for number in range(300):
        s.put('many/%03d' % number, 'x' * number)
    s.tell('sizes', sorted((e.name, e.stat().st_size)
                           for e in os.scandir(s.path('many'))))
    for entry in list(os.scandir(s.path('many'))):
        os.unlink(entry.path)
    s.do('empty', os.listdir, s.path('many'))
    opened = os.open(s.path('many'), os.O_RDONLY)
    s.do('rmdir', os.rmdir, s.path('many'))
    s.do('nothing there', os.listdir, opened)
    os.close(opened)


ALL = (files, names, links, modes, renames, special, data, locks, listings)

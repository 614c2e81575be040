# SPDX-License-Identifier: MIT
"""libsmb3x as its users call it: smb3x.h for Python."""
import ctypes
import os

MODE_SHIFT = 0o170000


class Options(ctypes.Structure):
    _fields_ = [
        ('size', ctypes.c_size_t), ('user', ctypes.c_char_p),
        ('password', ctypes.c_char_p), ('domain', ctypes.c_char_p),
        ('kerberos', ctypes.c_bool), ('sign', ctypes.c_bool),
        ('encrypt', ctypes.c_bool), ('min_dialect', ctypes.c_uint16),
        ('max_dialect', ctypes.c_uint16), ('timeout_ms', ctypes.c_uint),
        ('connections', ctypes.c_uint), ('posix', ctypes.c_int),
        ('absolute', ctypes.c_int), ('uid', ctypes.c_uint32),
        ('gid', ctypes.c_uint32), ('cache', ctypes.c_int),
        ('durable', ctypes.c_int), ('attr_ms', ctypes.c_uint)]


class Time(ctypes.Structure):
    _fields_ = [('seconds', ctypes.c_long), ('nanoseconds', ctypes.c_long)]


class Stat(ctypes.Structure):
    _fields_ = [
        ('mode', ctypes.c_uint32), ('nlink', ctypes.c_uint32),
        ('uid', ctypes.c_uint32), ('gid', ctypes.c_uint32),
        ('uid_known', ctypes.c_bool), ('gid_known', ctypes.c_bool),
        ('has_inode', ctypes.c_bool), ('inode', ctypes.c_uint64),
        ('device', ctypes.c_uint64), ('size', ctypes.c_uint64),
        ('allocated', ctypes.c_uint64), ('rdev_major', ctypes.c_uint32),
        ('rdev_minor', ctypes.c_uint32), ('attributes', ctypes.c_uint32),
        ('reparse_tag', ctypes.c_uint32), ('atime', Time), ('mtime', Time),
        ('ctime', Time), ('btime', Time), ('owner', ctypes.c_char * 192),
        ('group', ctypes.c_char * 192)]


class Entry(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p), ('stat', Stat)]


class Library:
    def __init__(self, path):
        self.calls = ctypes.CDLL(str(path))
        for name in ('pread', 'pwrite', 'append'):
            getattr(self.calls, 'smb3x_' + name).restype = ctypes.c_ssize_t
        self.calls.smb3x_why.restype = ctypes.c_char_p

    def check(self, result):
        if result < 0:
            raise OSError(-result, self.calls.smb3x_why().decode())
        return result

    def connect(self, url, **options):
        return Share(self, url, options)


class Share:
    def __init__(self, library, url, wanted):
        self.library, self.calls = library, library.calls
        options = Options()
        self.calls.smb3x_options_init(ctypes.byref(options))
        for name, value in wanted.items():
            setattr(options, name, value)
        self.handle = ctypes.c_void_p()
        result = self.calls.smb3x_connect(
            url.encode(), ctypes.byref(options), ctypes.byref(self.handle))
        if result < 0:
            self.calls.smb3x_destroy(self.handle)
        library.check(result)

    def call(self, name, *words):
        words = [w.encode() if isinstance(w, str) else w for w in words]
        return self.library.check(
            getattr(self.calls, 'smb3x_' + name)(self.handle, *words))

    def stat(self, path):
        stat = Stat()
        self.call('lstat', path, ctypes.byref(stat))
        return stat

    def list(self, path):
        directory = ctypes.c_void_p()
        self.call('opendir', path, ctypes.byref(directory))
        entry, found = Entry(), []
        while self.calls.smb3x_readdir(directory, ctypes.byref(entry)) > 0:
            found.append(entry.name.decode())
        self.calls.smb3x_closedir(directory)
        return sorted(found)

    def open(self, path, flags=os.O_RDONLY, mode=0o644):
        file = ctypes.c_void_p()
        self.call('open', path, flags, mode, ctypes.byref(file))
        return File(self, file)

    def put(self, path, data):
        file = self.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        file.write(data, 0)
        file.close()

    def rename(self, old, new):
        self.call('rename', old, new, ctypes.c_bool(True))

    def reconnects(self):
        return self.calls.smb3x_reconnects(self.handle)

    def close(self):
        self.calls.smb3x_destroy(self.handle)


class File:
    def __init__(self, share, handle):
        self.share, self.handle = share, handle

    def call(self, name, *words):
        calls = self.share.calls
        return self.share.library.check(
            getattr(calls, 'smb3x_' + name)(self.handle, *words))

    def read(self, size, offset):
        room = ctypes.create_string_buffer(size)
        n = self.call('pread', room, ctypes.c_size_t(size),
                      ctypes.c_uint64(offset))
        return room.raw[:n]

    def write(self, data, offset):
        return self.call('pwrite', data, ctypes.c_size_t(len(data)),
                         ctypes.c_uint64(offset))

    def lock(self, kind, offset, length):
        return self.call('lock', kind, ctypes.c_uint64(offset),
                         ctypes.c_uint64(length))

    def stat(self):
        stat = Stat()
        self.call('fstat', ctypes.byref(stat))
        return stat

    def close(self):
        self.call('close')

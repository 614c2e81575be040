# SPDX-License-Identifier: MIT
"""Conversations of several clients with one server, written as a play: each
word sends a frame, `broken()` says which rule the last frame has to break.
"""
import struct

import conversation as c
from unix import create_contexts

R, H, W, RH, RW, RWH = 1, 2, 4, 3, 5, 7
ONES = b"\xff" * 16
REPLAY = 0x20000000
CAPABILITIES = 0x2F  # DFS, LEASING, LARGE_MTU, MULTI_CHANNEL, directories
SUCCESS, SHARING = 0, 0xC0000043
NOT_FOUND, UNSUCCESSFUL = 0xC0000034, 0xC0000001
NOT_ACCEPTED, INVALID = 0xC00000D0, 0xC000000D
NONE, LEVEL2, EXCLUSIVE, BATCH, LEASE = 0, 1, 8, 9, 255


def key(number):
    return struct.pack("<QQ", 0x4B4559, number)


def file_id(number):
    return struct.pack("<QQ", 0xF000 + number, number)


def v1(lease_key, state, flags=0, duration=0):
    return b"RqLs", struct.pack("<16sIIQ", lease_key, state, flags, duration)


def v2(lease_key, state, epoch=0, parent=None, flags=0, duration=0,
       reserved=0):
    return b"RqLs", struct.pack(
        "<16sIIQ16sHH", lease_key, state, flags | (4 if parent else 0),
        duration, parent or bytes(16), epoch, reserved)


def dhnq(data=bytes(16)):
    return b"DHnQ", data


def dhnc(file):
    return b"DHnC", file


def dh2q(guid=1, timeout=0, flags=0, reserved=0):
    return b"DH2Q", struct.pack("<IIQ16s", timeout, flags, reserved,
                                key(guid))


def dh2c(file, guid=1, flags=0):
    return b"DH2C", file + key(guid) + struct.pack("<I", flags)


def durable(timeout=60000, flags=0):
    return b"DH2Q", struct.pack("<II", timeout, flags)


class Scene:
    """One server; time goes on by a millisecond with each frame."""

    def __init__(self, pcap, number):
        self.pcap = pcap
        self.number = number
        self.time = 1e6 + 1000.0 * number
        self.first = pcap.frames
        self.ports = 0
        self.expected = []
        self.files = 0

    def frame(self, port, pdus):
        self.time += 0.001
        self.pcap.time = self.time
        self.pcap.message(port, pdus[0].sender,
                          b"".join(p.bytes() for p in pdus))

    def wait(self, seconds):
        self.time += seconds

    def broken(self, rule, who):
        self.expected.append((self.pcap.frames - self.first, rule, who))

    def frame_before(self, rule, who):
        """As broken(), of the frame before the last."""
        self.expected.append((self.pcap.frames - self.first - 1, rule, who))

    def port(self):
        self.ports += 1
        return 1024 + self.number * 16 + self.ports

    def new_file(self):
        self.files += 1
        return file_id(self.number * 256 + self.files)

    def client(self, guid, **options):
        return Client(self, guid, **options)


class Client:
    """One connection with a session and a tree connect."""

    def __init__(self, scene, guid, dialect=0x0302,
                 capabilities=None, session=None, share=0,
                 previous=0):
        self.scene = scene
        self.guid = guid
        self.dialect = dialect
        if capabilities is None:
            capabilities = CAPABILITIES if dialect >= 0x0300 else 7
        self.capabilities = capabilities
        self.tcp = scene.port()
        self.mid = 0
        self.session = session or (scene.number * 4096 + self.tcp)
        self.flags = 0
        self.sequence = 0
        self.previous = previous
        self.negotiate()
        self.log_on()
        self.connect(share)

    def negotiate(self):
        scene = struct.pack("<QQ", 0x5E, self.scene.number)
        body = struct.pack("<HHHHI16sQH", 36, 1, 1, 0, self.capabilities,
                           key(self.guid), 0, self.dialect)
        self.send(0, body, charge=0, session=0, tree=0)
        body = struct.pack("<HHHH16sIIIIQQHHI", 65, 1, self.dialect, 0, scene,
                           self.capabilities, 1 << 20, 1 << 20, 1 << 20, 0, 0,
                           128, 0, 0)
        self.reply(0, 0, body, charge=0, session=0, tree=0, credits=500)

    def log_on(self):
        body = struct.pack("<HBBIIHHQ", 25, 0, 1, 0, 0, 88, 1, self.previous)
        mid = self.send(1, body + b"\0", tree=0, session=0)
        self.reply(1, mid, struct.pack("<HHHH", 9, 0, 72, 0), tree=0,
                   flags=c.RESPONSE | c.SIGNED, signature=b"\x55" * 16)

    def connect(self, capabilities):
        path = "\\\\h\\s".encode("utf-16-le")
        mid = self.send(3, struct.pack("<HHHH", 9, 0, 72, len(path)) + path,
                        tree=0)
        self.reply(3, mid, struct.pack("<HBBIII", 16, 1, 0, 0, capabilities,
                                       0x1F01FF))

    def send(self, command, body, **header):
        header.setdefault("session", self.session)
        header.setdefault("status", self.sequence)
        header["flags"] = header.get("flags", 0) | self.flags
        self.scene.frame(self.tcp, [c.Pdu(c.CLIENT, command, self.mid, body,
                                          **header)])
        self.mid += 1
        return self.mid - 1

    def reply(self, command, mid, body, **header):
        header.setdefault("session", self.session)
        self.scene.frame(self.tcp, [c.Pdu(c.SERVER, command, mid, body,
                                          **header)])

    def fail(self, command, mid, status):
        self.scene.frame(self.tcp, [c.error(mid, command, status,
                                            session=self.session)])

    def end(self):
        """The client closes the TCP connection."""
        self.scene.time += 0.001
        self.scene.pcap.time = self.scene.time
        self.scene.pcap.finish(self.tcp)

    # CREATE

    def ask(self, name, parts=(), oplock=LEASE, access=3, disposition=3,
            options=0x40, share=7, **header):
        text = name.encode("utf-16-le")
        chain = create_contexts(list(parts))
        at = 120 + len(text) + -len(text) % 8
        body = struct.pack("<HBBIQQIIIIIHHII", 57, 0, oplock, 2, 0, 0,
                           access, 0x80, share, disposition, options, 120,
                           len(text), at if chain else 0, len(chain))
        return self.send(5, body + text + bytes(at - 120 - len(text)) +
                         (chain or b"\0"), **header)

    def grant(self, mid, parts=(), oplock=LEASE, file=None, action=1,
              attributes=0x20, created=7):
        file = file or self.scene.new_file()
        chain = create_contexts(list(parts))
        body = struct.pack("<HBBIQ24xQQII", 89, oplock, 0, action, created, 0,
                           0, attributes, 0) + file
        self.reply(5, mid, body + struct.pack(
            "<II", 152 if chain else 0, len(chain)) + (chain or b"\0"))
        return file

    def open(self, name, lease=1, state=RWH, granted=None, epoch=0,
             parent=None, more=(), given=(), answer=None, **options):
        """CREATE with a lease of version 2, and its answer."""
        reply = {word: options.pop(word) for word in
                 ("action", "attributes", "created", "file")
                 if word in options}
        granted = state if granted is None else granted
        after = epoch + (1 if granted else 0)
        mid = self.ask(name, [v2(key(lease), state, epoch, parent), *more],
                       **options)
        if answer is None:
            answer = v2(key(lease), granted, after, parent)
        return self.grant(mid, [answer, *given], **reply)

    def plain(self, name, oplock=NONE, given=None, more=(), answers=(),
              **options):
        """CREATE with an oplock, or without caching."""
        reply = {word: options.pop(word) for word in
                 ("action", "attributes", "created", "file")
                 if word in options}
        mid = self.ask(name, more, oplock=oplock, **options)
        return self.grant(mid, answers,
                          oplock=oplock if given is None else given, **reply)

    def directory(self, name, lease=1, state=RH, granted=None, **options):
        return self.open(name, lease, state, granted, attributes=0x10,
                         options=1, access=0x100081, **options)

    # OPLOCK_BREAK

    def lease_break(self, lease=1, old=RWH, new=RH, epoch=2, ack=None,
                    reason=0, mid=(1 << 64) - 1, session=0, flags=1,
                    signature=bytes(16)):
        wants = old & 6 != 0 if ack is None else ack
        body = struct.pack("<HHI16sIIIII", 44, epoch, int(wants), key(lease),
                           old, new, reason, 0, 0)
        self.reply(18, mid, body, session=session, tree=0, credits=0,
                   charge=0, flags=flags, signature=signature)

    def ack(self, lease=1, state=RH, flags=0):
        body = struct.pack("<HHI16sIQ", 36, 0, flags, key(lease), state, 0)
        return self.send(18, body)

    def acked(self, mid, lease=1, state=RH, flags=0):
        body = struct.pack("<HHI16sIQ", 36, 0, flags, key(lease), state, 0)
        self.reply(18, mid, body)

    def acknowledge(self, lease=1, state=RH):
        self.acked(self.ack(lease, state), lease, state)

    def oplock_break(self, file, level=LEVEL2, tree=0, flags=1,
                     signature=bytes(16)):
        self.reply(18, (1 << 64) - 1, struct.pack("<HBBI16s", 24, level, 0, 0,
                                                  file), tree=tree, credits=0,
                   charge=0, flags=flags, signature=signature)

    def oplock_ack(self, file, level=LEVEL2):
        return self.send(18, struct.pack("<HBBI16s", 24, level, 0, 0, file))

    def oplock_acked(self, mid, file, level=LEVEL2):
        self.reply(18, mid, struct.pack("<HBBI16s", 24, level, 0, 0, file))

    # Requests on opens

    def close(self, file):
        mid = self.send(6, struct.pack("<HHI16s", 24, 0, 0, file))
        self.reply(6, mid, struct.pack("<HHI48xI", 60, 0, 0, 0))

    def ask_write(self, file, **header):
        return self.send(9, struct.pack("<HHIQ16sIIHHI", 49, 112, 4, 0, file,
                                        0, 0, 0, 0, 0) + b"data", **header)

    def written(self, mid):
        self.reply(9, mid, struct.pack("<HHIIHHB", 17, 0, 4, 0, 0, 0, 0))

    def write(self, file, **header):
        self.written(self.ask_write(file, **header))

    def flush(self, file, **header):
        mid = self.send(7, struct.pack("<HHI16s", 24, 0, 0, file), **header)
        self.reply(7, mid, struct.pack("<HH", 4, 0))

    def echo(self):
        mid = self.send(13, struct.pack("<HH", 4, 0), tree=0, status=0)
        self.reply(13, mid, struct.pack("<HH", 4, 0), tree=0)

    def set_info(self, file, kind, data):
        mid = self.send(17, struct.pack("<HBBIHHI16s", 33, 1, kind, len(data),
                                        96, 0, 0, file) + data)
        self.reply(17, mid, struct.pack("<H", 2))

    def rename(self, file, name):
        name = name.encode("utf-16-le")
        self.set_info(file, 10, struct.pack("<QQI", 0, 0, len(name)) + name)

    def ask_lock(self, file, index=0, number=0, offset=0):
        return self.send(10, struct.pack("<HHI16sQQII", 48, 1, index << 4 |
                                         number, file, offset, 1, 2, 0))

    def locked(self, mid):
        self.reply(10, mid, struct.pack("<HH", 4, 0))

    def ioctl(self, file, code, data=bytes(8), output=b"", **header):
        mid = self.send(11, struct.pack(
            "<HHI16sIIIIIIII", 57, 0, code, file, 120, len(data), 0, 120, 0,
            32, 1, 0) + data + b"\0", **header)
        self.reply(11, mid, struct.pack(
            "<HHI16sIIIIII", 49, 0, code, file, 112, 0, 112, len(output), 0,
            0) + output)

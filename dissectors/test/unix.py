# SPDX-License-Identifier: MIT
"""A conversation with the UNIX extensions, and what must be changed in it so
that one rule of area PSX is broken.
"""
import struct

import commands as m
import conversation as c

TAG = bytes.fromhex("93ad25509cb411e7b42383de968bcd7c")
MIXED = bytes.fromhex("5025ad93b49ce711b42383de968bcd7c")
STOPPED = 0x8000002D
OWNER = bytes.fromhex("010200000000001601000000e8030000")
GROUP = bytes.fromhex("010200000000001602000000e8030000")
FILES = [struct.pack("<QQ", n, n) for n in range(1, 6)]
A, LOG, ORDINARY, LINKED = FILES[:4]
ALL_BITS = (1 << 64) - 1


def tags(*data):
    data = b"".join(data)
    return struct.pack("<HHI", 0x100, len(data), 0) + data


def negotiate(*parts):
    return m.negotiate([m.P, m.E, m.S, *(parts or [tags(TAG)])])


def negotiated(*parts):
    return m.negotiated([m.P, m.E, m.S, *(parts or [tags(TAG)])])


def posix(data):
    return TAG, data


def mode(value):
    return posix(struct.pack("<I", value))


def create_context(name, data, last):
    at = 16 + len(name) + -len(name) % 8
    text = struct.pack("<IHHHHI", 0, 16, len(name), 0, at, len(data))
    text += name + bytes(at - 16 - len(name)) + data
    text += b"" if last else bytes(-len(text) % 8)
    return text if last else struct.pack("<I", len(text)) + text[4:]


def create_contexts(parts):
    return b"".join(create_context(*part, part is parts[-1])
                    for part in parts)


def create(mid, name, parts=None, disposition=2, options=0x40, access=3,
           share=7):
    parts = [mode(0o640)] if parts is None else parts
    name = name.encode("utf-16-le")
    chain = create_contexts(parts)
    at = 120 + len(name) + -len(name) % 8
    body = struct.pack("<HBBIQQIIIIIHHII", 57, 0, 0, 2, 0, 0, access, 0x80,
                       share, disposition, options, 120, len(name),
                       at if chain else 0, len(chain))
    return c.Pdu(c.CLIENT, 5, mid, body + name + bytes(
        at - 120 - len(name)) + chain)


def opened(value=0o640, tag=0, sids=OWNER + GROUP):
    return posix(struct.pack("<III", 1, tag, value) + sids)


def created(mid, file, parts=None, action=2):
    chain = create_contexts([opened()] if parts is None else parts)
    body = struct.pack("<HBBI32xQQII", 89, 0, 0, action, 0, 0, 0x20, 0)
    return c.Pdu(c.SERVER, 5, mid, body + file + struct.pack(
        "<II", 152 if chain else 0, len(chain)) + chain)


def write(mid, file, offset):
    body = struct.pack("<HHIQ16sIIHHI", 49, 112, 4, offset, file, 0, 0, 0, 0,
                       0) + b"data"
    return c.Pdu(c.CLIENT, 9, mid, body)


def query(mid, file, kind=1, room=4096, name=0x64):
    body = struct.pack("<HBBIHHIII16sB", 41, kind, name, room, 0, 0, 0, 0, 0,
                       file, 0)
    return c.Pdu(c.CLIENT, 16, mid, body)


def answer(command, mid, data):
    return c.Pdu(c.SERVER, command, mid,
                 struct.pack("<HHI", 9, 72, len(data)) + data)


def block(value=0o640, reserved=0, attributes=0x20, sids=OWNER + GROUP):
    return struct.pack("<6QIQIIIII", 1, 2, 3, 4, 5, 6, attributes, 7, 8,
                       reserved, 1, 0, value) + sids


def entry(name, step, **fields):
    name = name.encode("utf-16-le")
    text = struct.pack("<II", step, 0) + block(**fields) + struct.pack(
        "<I", len(name)) + name
    return text + bytes(max(step - len(text), 0))


def listing(mid, *parts):
    return answer(14, mid, b"".join(parts or (entry("a", 128),
                                              entry("bc", 0))))


def list_request(mid, file):
    body = struct.pack("<HBBI16sHHIH", 33, 0x64, 0, 0, file, 96, 2, 4096,
                       0x2A)
    return c.Pdu(c.CLIENT, 14, mid, body)


def filesystem(size=4096, total=100, free=50, available=40, nodes=10,
               free_nodes=5):
    return struct.pack("<II6Q", 4096, size, total, free, available, nodes,
                       free_nodes, 1)


def set_info(mid, file, kind, name, data, additional=0):
    body = struct.pack("<HBBIHHI16s", 33, kind, name, len(data), 96, 0,
                       additional, file)
    return c.Pdu(c.CLIENT, 17, mid, body + data)


def was_set(mid):
    return c.Pdu(c.SERVER, 17, mid, struct.pack("<H", 2))


def descriptor(value=0o4755, kind=0, entries=1, numbers=(88, 3)):
    sid = bytes([1, len(numbers) + 1]) + bytes(5) + b"\5" + struct.pack(
        f"<{len(numbers) + 1}I", *numbers, value)
    ace = struct.pack("<BBHI", kind, 0, 8 + len(sid), 0) + sid
    acl = struct.pack("<BBHHH", 2, 0, 8 + entries * len(ace), entries, 0)
    return struct.pack("<BBHIIII", 1, 0, 0x8004, 0, 0, 0, 20) + acl + (
        ace * entries)


def chmod(mid, file=A, **how):
    return set_info(mid, file, 3, 0, descriptor(**how), additional=4)


def rename(mid, name, file=A, info=10):
    name = name.encode("utf-16-le")
    return set_info(mid, file, 1, info, struct.pack(
        "<QQI", 0, 0, len(name)) + name)


def stopped(mid, unparsed=10, flags=1, target="../x", error=0, contexts=1):
    text = target.encode("utf-16-le")
    link = struct.pack("<IIHHHHHHI", 0x4C4D5953, 0xA000000C,
                       12 + 2 * len(text), unparsed, 0, len(text), len(text),
                       len(text), flags) + text * 2
    data = struct.pack("<III", len(link) + 4, error, len(link)) + link
    return c.Pdu(c.SERVER, 5, mid, struct.pack(
        "<HBBI", 9, contexts, 0, len(data)) + data, status=STOPPED)


def good():
    """Breaks nothing; the numbers of messages are used below."""
    tree, connected = c.tree_request(3), c.tree_response(3)
    tree.h.update(m.SEALED)
    connected.h.update(m.ANSWERED)
    return [
        [negotiate()], [negotiated()],
        [c.session_request(1)], [c.session_response(1, status=c.MORE)],
        [c.session_request(2, session=c.SESSION)], [c.session_response(2)],
        [tree], [connected],
        [create(4, "dir/a")], [created(4, A)],
        [create(5, "log", access=0x84)], [created(5, LOG)],
        [create(6, "dir\\w", [], disposition=1)],
        [created(6, ORDINARY, [], action=1)],
        [write(7, A, 0)], [m.written(7)],
        [write(8, LOG, ALL_BITS)], [m.written(8)],
        [query(9, A)], [answer(16, 9, block())],
        [query(10, A, kind=2)], [answer(16, 10, filesystem())],
        [list_request(11, A)], [listing(11)],
        [chmod(12)], [was_set(12)],
        [rename(13, "dir/b")], [was_set(13)],
        [create(14, "link/rest", [mode(0)], disposition=1)], [stopped(14)],
        [create(15, "link", [mode(0)], disposition=1, options=0x200000)],
        [created(15, LINKED, [opened(0o20777, 0xA000000C)], action=1)],
        [m.close(16, A)], [m.closed(16)],
    ]


def asked(index, *arguments, **options):
    """The CREATE request of a message is another one."""
    return m.put(index, create(4 + (index - 8) // 2, *arguments, **options))


def plain(change):
    """The extensions were neither offered nor negotiated."""
    return m.both(m.put(0, m.negotiate()), m.put(1, m.negotiated()), change)


def fs(**fields):
    return m.put(21, answer(16, 10, filesystem(**fields)))


TWO = [mode(0), mode(0)]

# rule -> (change to the good conversation, frame, who broke it)
CASES = {
    "PSX-NEGOTIATE-0002": (m.put(0, negotiate(tags(TAG), tags(TAG))), 1,
                           "client"),
    "PSX-NEGOTIATE-0003": (m.put(0, negotiate(tags(TAG, b"x"))), 1, "client"),
    "PSX-NEGOTIATE-0004": (m.put(0, negotiate(tags(MIXED))), 1, "client"),
    "PSX-NEGOTIATE-0005": (m.put(1, m.negotiated()), 9, "client"),
    "PSX-NEGOTIATE-0007": (m.put(1, negotiated(tags(TAG), tags(TAG))), 2,
                           "server"),
    "PSX-NEGOTIATE-0008": (m.put(1, negotiated(tags(bytes(16)))), 2,
                           "server"),
    "PSX-NEGOTIATE-0009": (m.put(0, m.negotiate()), 2, "server"),
    "PSX-NEGOTIATE-0010": (m.put(0, negotiate(tags(bytes(16)))), 2,
                           "server"),
    "PSX-NEGOTIATE-0013": (m.put(0, negotiate(tags(TAG, b"x"))), 2,
                           "server"),
    "PSX-NEGOTIATE-0014": (m.put(0, negotiate(tags())), 2, "server"),
    "PSX-NEGOTIATE-0015": (m.put(0, negotiate(tags(TAG), tags(TAG))), 2,
                           "server"),
    "PSX-CREATE-0001": (asked(8, "dir/a", TWO), 9, "client"),
    "PSX-CREATE-0002": (asked(8, "a", [posix(bytes(8))]), 9, "client"),
    "PSX-CREATE-0003": (asked(8, "a", [mode(0o100640)]), 9, "client"),
    "PSX-CREATE-0004": (asked(28, "link/rest", [mode(0o640)], disposition=1),
                        29, "client"),
    "PSX-CREATE-0005": (asked(8, "a", share=3), 9, "client"),
    "PSX-CREATE-0006": (asked(8, "a", [(b"DHnC", bytes(16)), mode(0)]), 9,
                        "client"),
    "PSX-CREATE-0008": (m.put(1, m.negotiated()), 10, "server"),
    "PSX-CREATE-0009": (m.put(13, created(6, ORDINARY, action=1)), 14,
                        "server"),
    "PSX-CREATE-0010": (asked(8, "dir/a", TWO), 10, "server"),
    "PSX-CREATE-0011": (asked(8, "a", [posix(bytes(8))]), 10, "server"),
    "PSX-CREATE-0029": (m.put(9, created(4, A, [opened(0o100640)])), 10,
                        "server"),
    "PSX-CREATE-0030": (m.put(9, created(4, A, [opened(
        sids=OWNER + GROUP + bytes(4))])), 10, "server"),
    "PSX-PATH-0001": (asked(8, "/dir/a"), 9, "client"),
    "PSX-PATH-0002": (asked(8, "dir/../a"), 9, "client"),
    "PSX-PATH-0003": (asked(8, "dir\0a"), 9, "client"),
    "PSX-PATH-0004": (m.put(26, rename(13, "/b")), 27, "client"),
    "PSX-PATH-0017": (asked(8, "/a"), 10, "server"),
    "PSX-PATH-0018": (asked(8, "a/"), 10, "server"),
    "PSX-PATH-0019": (asked(8, "dir//a"), 10, "server"),
    "PSX-PATH-0020": (asked(8, "./a"), 10, "server"),
    "PSX-PATH-0021": (asked(8, "a/.."), 10, "server"),
    "PSX-PATH-0022": (asked(8, "a\0"), 10, "server"),
    "PSX-LINK-0008": (asked(30, "link", [mode(0)], disposition=1), 32,
                      "server"),
    "PSX-LINK-0011": (m.put(29, stopped(14, error=1)), 30, "server"),
    "PSX-LINK-0012": (m.put(29, stopped(14, unparsed=8)), 30, "server"),
    "PSX-LINK-0016": (m.put(29, stopped(14, flags=0)), 30, "server"),
    "PSX-LINK-0019": (m.both(asked(30, "pipe", [mode(0)], disposition=1),
                             m.put(31, created(15, LINKED, [opened(
                                 0o50600)], action=1))), 32, "server"),
    "PSX-APPEND-0001": (m.put(16, write(8, LOG, 0)), 17, "client"),
    "PSX-APPEND-0002": (m.put(14, write(7, A, ALL_BITS)), 15, "client"),
    "PSX-APPEND-0003": (m.put(16, write(8, LOG, 0)), 18, "server"),
    "PSX-APPEND-0006": (m.put(14, write(7, A, ALL_BITS)), 16, "server"),
    "PSX-INFO-0001": (m.put(18, query(9, ORDINARY)), 19, "client"),
    "PSX-INFO-0002": (m.put(26, set_info(13, A, 1, 0x64, bytes(80))), 27,
                      "client"),
    "PSX-INFO-0003": (m.put(18, query(9, ORDINARY)), 20, "server"),
    "PSX-INFO-0004": (m.put(22, list_request(11, ORDINARY)), 24, "server"),
    "PSX-INFO-0006": (m.put(26, set_info(13, A, 1, 0x64, bytes(80))), 28,
                      "server"),
    "PSX-INFO-0007": (m.put(19, answer(16, 9, block() + bytes(4))), 20,
                      "server"),
    "PSX-INFO-0010": (m.put(23, listing(11, entry(
        "a", 0, sids=OWNER + b"\1\x10" + bytes(14)))), 24, "server"),
    "PSX-INFO-0011": (m.put(23, listing(11, entry("a", 130), entry("b", 0))),
                      24, "server"),
    "PSX-INFO-0012": (m.put(19, answer(16, 9, block(reserved=1))), 20,
                      "server"),
    "PSX-INFO-0022": (m.put(19, answer(16, 9, block(0o10755))), 20,
                      "server"),
    "PSX-FS-0001": (m.put(21, answer(16, 10, filesystem() + bytes(8))), 22,
                    "server"),
    "PSX-FS-0002": (m.put(20, query(10, ORDINARY, kind=2)), 22, "server"),
    "PSX-FS-0005": (fs(size=0), 22, "server"),
    "PSX-FS-0006": (fs(free=101), 22, "server"),
    "PSX-FS-0007": (fs(free_nodes=11), 22, "server"),
    "PSX-SECURITY-0001": (m.put(24, chmod(12, entries=2)), 25, "client"),
    "PSX-SECURITY-0002": (m.put(24, chmod(12, kind=1)), 25, "client"),
    "PSX-SECURITY-0003": (m.put(24, chmod(12, file=ORDINARY)), 25, "client"),
    "PSX-DELETE-0001": (m.put(26, rename(13, "b", info=65)), 27, "client"),
}

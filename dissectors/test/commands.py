# SPDX-License-Identifier: MIT
"""A 3.1.1 conversation with one message of many commands, and what must be
changed in it so that one rule is broken.
"""
import struct

import conversation as c

RESPONSE, ASYNC, RELATED, SIGNED = 1, 2, 4, 8
JUNK = b"\x77" * 16
SEALED = dict(flags=SIGNED, signature=JUNK)
ANSWERED = dict(flags=RESPONSE | SIGNED, signature=JUNK)
ONES = b"\xff" * 16
FILE = struct.pack("<QQ", 1, 1)
CAPABILITIES = 0x0C  # LARGE_MTU, MULTI_CHANNEL


def context(kind, values, salt=None):
    data = struct.pack("<H", len(values))
    if salt is not None:
        data += struct.pack("<H", len(salt))
    data += struct.pack(f"<{len(values)}H", *values) + (salt or b"")
    return struct.pack("<HHI", kind, len(data), 0) + data


def contexts(*parts):
    return b"".join(p + bytes(-len(p) % 8) for p in parts)


def negotiate(parts=None, count=None, dialects=(0x0302, 0x0311),
              capabilities=CAPABILITIES, at=104, mid=0):
    if parts is None:
        parts = [context(1, [1], b"salt"), context(2, [2, 1]),
                 context(8, [2, 1])]
    body = struct.pack("<HHHHI16sIHH", 36, len(dialects), 1, 0, capabilities,
                       bytes(16), at, count or len(parts), 0)
    body += struct.pack(f"<{len(dialects)}H", *dialects)
    body += bytes(at - 64 - len(body)) + contexts(*parts)
    return c.Pdu(c.CLIENT, 0, mid, body, session=0, tree=0)


def negotiated(parts=None, dialect=0x0311, mode=1, capabilities=CAPABILITIES,
               at=128, mid=0):
    if parts is None:
        parts = [context(1, [1], b"salt"), context(2, [2]), context(8, [2])]
    body = struct.pack("<HHHH16sIIIIQQHHI", 65, mode, dialect, len(parts),
                       bytes(16), capabilities, 1 << 20, 1 << 20, 1 << 20, 0,
                       0, 128, 0, at)
    body += bytes(at - 64 - len(body)) + contexts(*parts)
    return c.Pdu(c.SERVER, 0, mid, body, session=0, tree=0)


def create(mid, disposition=3, options=0x40, access=0x12019F, **header):
    body = struct.pack("<HBBIQQIIIIIHHII", 57, 0, 1, 2, 0, 0, access, 0x80, 7,
                       disposition, options, 120, 2, 0, 0) + b"f\0"
    return c.Pdu(c.CLIENT, 5, mid, body, **header)


def created(mid, action=2, oplock=1, attributes=0x20, file=FILE, **header):
    body = struct.pack("<HBBI32xQQII", 89, oplock, 0, action, 0, 0,
                       attributes, 0) + file + bytes(9)
    return c.Pdu(c.SERVER, 5, mid, body, **header)


def write(mid, size=4):
    body = struct.pack("<HHIQ16sIIHHI", 49, 112, size, 0, FILE, 0, 0, 0, 0,
                       0) + b"data"
    return c.Pdu(c.CLIENT, 9, mid, body, charge=(size - 1) // 65536 + 1)


def written(mid, count=4, remaining=0):
    return c.Pdu(c.SERVER, 9, mid, struct.pack("<HHIIHHB", 17, 0, count,
                                               remaining, 0, 0, 0))


def close(mid, file=FILE, **header):
    return c.Pdu(c.CLIENT, 6, mid, struct.pack("<HHI16s", 24, 0, 0, file),
                 **header)


def closed(mid, attributes=0, **header):
    return c.Pdu(c.SERVER, 6, mid, struct.pack("<HHI48xI", 60, 0, 0,
                                               attributes), **header)


def lock(mid, flags=2):
    body = struct.pack("<HHI16sQQII", 48, 1, 0, FILE, 0, 1, flags, 0)
    return c.Pdu(c.CLIENT, 10, mid, body)


def locked(mid, size=4):
    return c.Pdu(c.SERVER, 10, mid, struct.pack("<HH", size, 0))


def ioctl(mid, code, file, room=32):
    body = struct.pack("<HHI16sIIIIIIIIB", 57, 0, code, file, 120, 0, 0, 120,
                       0, room, 1, 0, 0)
    return c.Pdu(c.CLIENT, 11, mid, body)


def ioctl_done(mid, code, file, data, at=112):
    body = struct.pack("<HHI16sIIIIII", 49, 0, code, file, 112, 0, at,
                       len(data), 0, 0)
    return c.Pdu(c.SERVER, 11, mid, body + bytes(at - 112) + data)


def validated(dialect=0x0311):
    return struct.pack("<I16sHH", CAPABILITIES, bytes(16), 1, dialect)


def query_directory(mid, flags=0):
    body = struct.pack("<HBBI16sHHIH", 33, 1, flags, 0, FILE, 96, 2, 4096,
                       0x2A)
    return c.Pdu(c.CLIENT, 14, mid, body)


def entries(command, mid, step, **header):
    data = struct.pack("<I", step) + bytes(step - 4) + bytes(72)
    body = struct.pack("<HHI", 9, 72, len(data)) + data
    return c.Pdu(c.SERVER, command, mid, body, **header)


def query_info(mid, room=100):
    body = struct.pack("<HBBIHHIII16sB", 41, 1, 4, room, 0, 0, 0, 0, 0, FILE,
                       0)
    return c.Pdu(c.CLIENT, 16, mid, body)


def info(mid, size=40):
    return c.Pdu(c.SERVER, 16, mid,
                 struct.pack("<HHI", 9, 72, size) + bytes(size))


def binding(mid, **header):
    pdu = c.session_request(mid, session=c.SESSION)
    pdu.body = pdu.body[:2] + b"\1" + pdu.body[3:]
    pdu.h.update(header or SEALED)
    return pdu


def pending(mid, async_id, **header):
    return c.error(mid, 15, c.PENDING, flags=RESPONSE | ASYNC,
                   async_id=async_id, **header)


def cancel(mid, async_id):
    return c.Pdu(c.CLIENT, 12, mid, struct.pack("<HH", 4, 0), flags=ASYNC,
                 async_id=async_id)


def good():
    """Breaks nothing; the numbers of messages are used below."""
    tree, connected = c.tree_request(3), c.tree_response(3)
    tree.h.update(SEALED)
    connected.h.update(ANSWERED)
    return [
        [negotiate()], [negotiated()],
        [c.session_request(1)], [c.session_response(1, status=c.MORE)],
        [c.session_request(2, session=c.SESSION)], [c.session_response(2)],
        [tree], [connected],
        [create(4)], [created(4)],
        [write(5)], [written(5)],
        [close(6)], [closed(6)],
        [lock(7)], [locked(7)],
        [ioctl(8, 0x140078, FILE)],
        [ioctl_done(8, 0x140078, FILE, bytes(32))],
        [ioctl(9, 0x140204, ONES)],
        [ioctl_done(9, 0x140204, ONES, validated())],
        [query_directory(10)], [entries(14, 10, 72)],
        [c.notify_request(11)], [pending(11, 9)],
        [entries(15, 11, 20, flags=RESPONSE | ASYNC, async_id=9, credits=0)],
        [query_info(12)], [info(12)],
        c.compound(create(13), close(14, ONES, flags=RELATED)),
        c.compound(created(13), closed(14, flags=RESPONSE | RELATED)),
        [c.notify_request(15)], [pending(15, 10)], [cancel(15, 10)],
        [c.error(15, 15, 0xC0000120, flags=RESPONSE | ASYNC, async_id=10,
                 credits=0)],
        [binding(16)], [c.error(16, 1, 0xC00000D0, **ANSWERED)],
    ]


def put(index, *pdus):
    def change(messages):
        messages[index] = list(pdus)
    return change


def header(index, element=0, **fields):
    def change(messages):
        messages[index][element].h.update(fields)
    return change


def both(*changes):
    def change(messages):
        for one in changes:
            one(messages)
    return change


def end(*messages_to_add):
    def change(messages):
        messages.extend([m] for m in messages_to_add)
    return change


def wildcard(mid):
    """A NEGOTIATE with dialect 0x02FF before the other one."""
    def change(messages):
        messages[0:2] = [
            [negotiate(parts=[], dialects=(0x0202,))],
            [negotiated(parts=[], dialect=0x02FF, capabilities=0)],
            [negotiate(mid=mid)], [negotiated(mid=mid)]]
    return change


ASK, ANSWER = 0, 1
P, E, S = (context(1, [1], b"salt"), context(2, [2]), context(8, [2]))

# rule -> (change to the good conversation, frame, who broke it)
CASES = {
    "CORE-HEADER-0002": (header(9, flags=0), 10, "server"),
    "CORE-HEADER-0010": (header(11, charge=7), 12, "server"),
    "CORE-HEADER-0020": (header(8, flags=RESPONSE), 9, "client"),
    "CORE-HEADER-0030": (put(15, locked(7, size=6)), 16, "server"),
    "CORE-NEGOTIATE-0009": (put(1, negotiated(dialect=0x0300)), 2, "server"),
    "CORE-NEGOTIATE-0011": (put(1, negotiated(mode=0)), 2, "server"),
    "CORE-NEGOTIATE-0015": (put(1, negotiated(dialect=0x0202)), 2, "server"),
    "CORE-NEGOTIATE-0016": (put(1, negotiated(capabilities=0x2C)), 2,
                            "server"),
    "CORE-NEGOTIATE-0017": (put(1, negotiated(capabilities=0x4C)), 2,
                            "server"),
    "CORE-NEGOTIATE-0026": (put(1, negotiated([E, S])), 2, "server"),
    "CORE-NEGOTIATE-0027": (put(1, negotiated([
        context(1, [2], b"salt"), E, S])), 2, "server"),
    "CORE-NEGOTIATE-0030": (put(1, negotiated([
        P, context(2, [2, 1]), S])), 2, "server"),
    "CORE-NEGOTIATE-0031": (put(1, negotiated([
        P, E, context(8, [5])])), 2, "server"),
    "CORE-NEGOTIATE-0032": (put(1, negotiated(at=132)), 2, "server"),
    "CORE-NEGOTIATE-0033": (put(19, ioctl_done(
        9, 0x140204, ONES, validated(0x0302))), 20, "server"),
    "CORE-NEGOTIATE-0037": (put(0, negotiate(dialects=())), 1, "client"),
    "CORE-NEGOTIATE-0038": (put(0, negotiate([P, P, E, S])), 1, "client"),
    "CORE-NEGOTIATE-0039": (put(0, negotiate(at=108)), 1, "client"),
    "CORE-NEGOTIATE-0040": (wildcard(2), 3, "client"),
    "CORE-SESSION-0001": (header(3, session=0), 4, "server"),
    "CORE-SESSION-0030": (header(33, flags=0, signature=bytes(16)), 34,
                          "client"),
    "CORE-TREE-0006": (header(7, tree=0xFFFFFFFF), 8, "server"),
    "CORE-TREE-0012": (header(6, flags=0, signature=bytes(16)), 7, "client"),
    "CORE-CREATE-0032": (both(put(8, create(4, disposition=2)),
                              put(9, created(4, action=1))), 10, "server"),
    "CORE-CREATE-0033": (both(put(8, create(4, disposition=1)),
                              put(9, created(4, action=2))), 10, "server"),
    "CORE-CREATE-0059": (put(9, created(4, file=ONES)), 10, "server"),
    "CORE-CREATE-0062": (put(9, created(4, attributes=0xA0)), 10, "server"),
    "CORE-CREATE-0063": (put(9, created(4, oplock=9)), 10, "server"),
    "CORE-CREATE-0064": (put(8, create(4, disposition=5, options=1)), 9,
                         "client"),
    "CORE-CREATE-0065": (put(8, create(4, options=0x1000)), 9, "client"),
    "CORE-CLOSE-0004": (put(13, closed(6, attributes=0x20)), 14, "server"),
    "CORE-WRITE-0016": (put(11, written(5, count=5)), 12, "server"),
    "CORE-WRITE-0017": (put(11, written(5, remaining=1)), 12, "server"),
    "CORE-WRITE-0018": (put(10, write(5, size=(1 << 20) + 1)), 11, "client"),
    "CORE-READ-0013": (end(c.read_request(17, (1 << 20) + 1, charge=17)), 36,
                       "client"),
    "CORE-LOCK-0019": (put(14, lock(7, flags=3)), 15, "client"),
    "CORE-IOCTL-0004": (put(16, ioctl(8, 0x140078, FILE, room=31)), 18,
                        "server"),
    "CORE-IOCTL-0006": (put(17, ioctl_done(8, 0x140078, ONES, bytes(32))),
                        18, "server"),
    "CORE-IOCTL-0007": (put(17, ioctl_done(8, 0x140078, FILE, bytes(32),
                                           at=116)), 18, "server"),
    "CORE-IOCTL-0009": (put(17, ioctl_done(8, 0x140078, FILE, bytes(24))),
                        18, "server"),
    "CORE-IOCTL-0030": (put(18, ioctl(9, 0x140204, FILE)), 19, "client"),
    "CORE-QUERYDIR-0012": (put(20, query_directory(10, flags=2)), 22,
                           "server"),
    "CORE-QUERYDIR-0019": (put(21, entries(14, 10, 76)), 22, "server"),
    "CORE-NOTIFY-0011": (put(24, entries(
        15, 11, 18, flags=RESPONSE | ASYNC, async_id=9, credits=0)), 25,
        "server"),
    "CORE-QUERYINFO-0002": (put(25, query_info(12, room=39)), 27, "server"),
    "CORE-COMPOUND-0014": (header(28, 1, flags=RESPONSE), 29, "server"),
    "CORE-COMPOUND-0021": (put(27, *c.compound(
        create(13), close(14, FILE, flags=RELATED))), 28, "client"),
    "CORE-CANCEL-0009": (header(31, mid=0), 32, "client"),
    "CORE-ASYNC-0005": (end(c.notify_request(17), pending(17, 11),
                            c.notify_request(18), pending(18, 11)), 39,
                        "server"),
    "CORE-ASYNC-0007": (both(header(23, credits=0), header(24, credits=1)),
                        25, "server"),
}

# SPDX-License-Identifier: MIT
"""A small SMB2 conversation as bytes, and a pcap file to hold it.

PDUs are built by hand from [MS-SMB2] 2.2, on purpose without the generated
codecs: the dissector is judged against the document, not against them.
"""
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

CLIENT, SERVER = 0, 1
RESPONSE, ASYNC, RELATED, SIGNED = 1, 2, 4, 8
PENDING, ACCESS_DENIED, MORE = 0x103, 0xC0000022, 0xC0000016
SESSION, TREE = 0x1122334455667788, 5


class Pdu:
    """Header fields by name, a body, and who sends it."""

    def __init__(self, sender, command, message_id, body, **header):
        self.sender = sender
        self.body = body
        self.h = dict(size=64, charge=1, status=0, command=command,
                      credits=1, flags=RESPONSE if sender == SERVER else 0,
                      next=0, mid=message_id, reserved=0, tree=TREE,
                      session=SESSION, signature=bytes(16), async_id=None)
        self.h.update(header)

    def bytes(self):
        h = self.h
        if h["async_id"] is None:
            ids = struct.pack("<II", h["reserved"], h["tree"])
        else:
            ids = struct.pack("<Q", h["async_id"])
        return struct.pack(
            "<4sHHIHHIIQ8sQ16s", b"\xfeSMB", h["size"], h["charge"],
            h["status"], h["command"], h["credits"], h["flags"], h["next"],
            h["mid"], ids, h["session"], h["signature"]) + self.body


def error(message_id, command, status, **header):
    return Pdu(SERVER, command, message_id,
               struct.pack("<HBBIB", 9, 0, 0, 0, 0), status=status, **header)


def negotiate_request():
    body = struct.pack("<HHHHI16sQH", 36, 1, 1, 0, 0, bytes(16), 0, 0x0302)
    return Pdu(CLIENT, 0, 0, body, charge=0, session=0, tree=0)


def negotiate_response(dialect=0x0302, capabilities=4):
    body = struct.pack("<HHHH16sIIIIQQHHI", 65, 1, dialect, 0, bytes(16),
                       capabilities, 1 << 20, 1 << 20, 1 << 20, 0, 0,
                       128, 0, 0)
    return Pdu(SERVER, 0, 0, body, charge=0, session=0, tree=0, credits=1)


def session_request(message_id, security_mode=1, session=0):
    body = struct.pack("<HBBIIHHQ", 25, 0, security_mode, 0, 0, 88, 1, 0)
    return Pdu(CLIENT, 1, message_id, body + b"\0", session=session, tree=0,
               credits=64)


def session_response(message_id, flags=0, status=0):
    body = struct.pack("<HHHH", 9, flags, 72, 0)
    signed = status == 0
    return Pdu(SERVER, 1, message_id, body, status=status, tree=0, credits=32,
               flags=RESPONSE | (SIGNED if signed else 0),
               signature=b"\x55" * 16 if signed else bytes(16))


def tree_request(message_id):
    path = "\\\\h\\s".encode("utf-16-le")
    body = struct.pack("<HHHH", 9, 0, 72, len(path)) + path
    return Pdu(CLIENT, 3, message_id, body, tree=0)


def tree_response(message_id, share_flags=0):
    body = struct.pack("<HBBIII", 16, 1, 0, share_flags, 0, 0x1F01FF)
    return Pdu(SERVER, 3, message_id, body)


def read_request(message_id, length=100, **header):
    body = struct.pack("<HBBIQQQIIIHHB", 49, 80, 0, length, 0, 1, 1, 0, 0,
                       0, 0, 0, 0)
    return Pdu(CLIENT, 8, message_id, body, **header)


def read_response(message_id, **header):
    body = struct.pack("<HBBIII", 17, 80, 0, 4, 0, 0) + b"data"
    return Pdu(SERVER, 8, message_id, body, **header)


def echo_request(message_id, **header):
    return Pdu(CLIENT, 13, message_id, struct.pack("<HH", 4, 0), tree=0,
               **header)


def echo_response(message_id, **header):
    return Pdu(SERVER, 13, message_id, struct.pack("<HH", 4, 0), tree=0,
               **header)


def notify_request(message_id):
    body = struct.pack("<HHIQQII", 32, 0, 4096, 1, 1, 1, 0)
    return Pdu(CLIENT, 15, message_id, body)


def compound(*pdus):
    """Elements of one message: aligned and linked."""
    for pdu in pdus[:-1]:
        pdu.body += bytes(-len(pdu.bytes()) % 8)
        pdu.h["next"] = len(pdu.bytes())
    return list(pdus)


def good():
    """A list of messages (lists of PDUs) that breaks nothing."""
    return [
        [negotiate_request()], [negotiate_response()],
        [session_request(1)], [session_response(1, status=MORE)],
        [session_request(2, session=SESSION)], [session_response(2)],
        [tree_request(3)], [tree_response(3)],
        [read_request(4)], [read_response(4)],
        [notify_request(5)],
        [error(5, 15, PENDING, flags=RESPONSE | ASYNC, async_id=9)],
        compound(echo_request(6), echo_request(7)),
        compound(echo_response(6), echo_response(7)),
        [error(5, 15, 0xC0000120, flags=RESPONSE | ASYNC, async_id=9,
               credits=0)],
        [read_request(8)], [error(8, 8, ACCESS_DENIED)],
    ]


KEYS = (b"k" * 16, b"s" * 16, b"c" * 16)  # session, from server, from client


class Sealed:
    """A PDU in an SMB2 TRANSFORM_HEADER, AES-128-CCM as in dialect 3.0.2."""

    def __init__(self, pdu, nonce=None):
        self.sender = pdu.sender
        self.pdu = pdu
        self.nonce = pdu.h["mid"] if nonce is None else nonce

    def bytes(self):
        plain = self.pdu.bytes()
        nonce = struct.pack("<Q", self.nonce) + b"n" * 3
        aad = nonce + bytes(5) + struct.pack("<IHHQ", len(plain), 0, 1,
                                             SESSION)
        key = KEYS[2 if self.sender == CLIENT else 1]
        data = AESCCM(key, 16).encrypt(nonce, plain, aad)
        return b"\xfdSMB" + data[-16:] + aad + data[:-16]


def keys_line():
    """The keys in the form of Wireshark's smb2_seskey_list."""
    return ",".join(k.hex() for k in (struct.pack("<Q", SESSION), *KEYS))


class Pcap:
    """LINKTYPE_RAW frames of TCP connections to port 445."""

    def __init__(self):
        self.out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18,
                               101)
        self.sequence = {}
        self.frames = 0
        self.starts = []
        self.time = None  # else a second for each frame
        self.server = 445

    def message(self, port, sender, payload):
        payload = struct.pack(">I", len(payload)) + payload
        for at in range(0, len(payload), 60000):
            self.segment(port, sender, payload[at:at + 60000])

    def finish(self, port):
        """The client ends the connection."""
        self.segment(port, CLIENT, b"", 0x11)

    def segment(self, port, sender, payload, flags=0x18):
        ports = (port, self.server)
        if sender != CLIENT:
            ports = (self.server, port)
        sequence = self.sequence.setdefault(port, [1000, 5000])
        tcp = struct.pack(">HHIIBBHHH", *ports, sequence[sender],
                          sequence[1 - sender], 0x50, flags, 65535, 0, 0)
        sequence[sender] += len(payload)
        hosts = [b"\x0a\0\0\1", b"\x0a\0\0\2"]
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 0, 0,
                         64, 6, 0, hosts[sender], hosts[1 - sender])
        frame = ip + tcp + payload
        self.frames += 1
        self.starts.append(len(self.out))
        seconds = self.frames if self.time is None else self.time
        self.out += struct.pack("<IIII", int(seconds),
                                int(seconds % 1 * 1e6), len(frame),
                                len(frame)) + frame

    def conversation(self, port, messages):
        """Adds messages (lists of PDUs); returns the frames before them."""
        before = self.frames
        for pdus in messages:
            self.message(port, pdus[0].sender,
                         b"".join(p.bytes() for p in pdus))
        return before

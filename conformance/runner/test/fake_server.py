# SPDX-License-Identifier: MIT
"""A server that speaks just enough SMB 2.1 to bring the runner into every
state, with answers that are written down here byte by byte."""

import socketserver
import struct
import threading

FILE_CLOSED = 0xC0000128
CANCELLED = 0xC0000120
PENDING = 0x00000103
(NEGOTIATE, LOGOFF, TREE_DISCONNECT, CLOSE, FLUSH, READ, WRITE, LOCK, CANCEL,
 ECHO, NOTIFY) = (0, 2, 4, 6, 7, 8, 9, 10, 12, 13, 15)


def header(command, message_id, status=0, flags=1, credits=32, next_=0,
           async_id=None):
    last = (struct.pack("<Q", async_id) if async_id is not None
            else struct.pack("<II", 0, 0))
    if async_id is not None:
        flags |= 2
    return (struct.pack("<4sHHIHHIIQ", b"\xfeSMB", 64, 0, status, command,
                        credits, flags, next_, message_id)
            + last + bytes(8) + bytes(16))


ERROR = struct.pack("<HBBI", 9, 0, 0, 0) + b"\0"
PLAIN = struct.pack("<HH", 4, 0)


def read_body(data):
    return struct.pack("<HBBIII", 17, 80, 0, len(data), 0, 0) + data


def negotiate_body():
    return struct.pack("<HHHH16sIIIIQQHHI", 65, 1, 0x0210, 0, bytes(16), 4,
                       65536, 65536, 65536, 0, 0, 128, 0, 0) + b"\0"


class Connection(socketserver.BaseRequestHandler):
    def send(self, message):
        self.request.sendall(struct.pack(">I", len(message)) + message)

    def receive(self, n):
        data = b""
        while len(data) < n:
            part = self.request.recv(n - len(data))
            if not part:
                return None
            data += part
        return data

    def answer(self, element):
        """The response to one element; None for none."""
        command, = struct.unpack_from("<H", element, 12)
        mid, = struct.unpack_from("<Q", element, 24)
        if command == NEGOTIATE:
            return header(command, mid) + negotiate_body()
        if command == FLUSH:
            return header(command, mid, FILE_CLOSED) + ERROR
        if command == READ:
            return header(command, mid) + read_body(b"0123456789")
        if command == WRITE:
            return header(READ, mid) + read_body(element)
        if command == LOGOFF:
            return header(command, mid) + b"\x04"
        if command == NOTIFY:
            return header(command, mid, PENDING, async_id=mid) + ERROR
        if command == TREE_DISCONNECT:
            self.send(header(18, 2**64 - 1)
                      + struct.pack("<HBBIQQ", 24, 0, 0, 0, 1, 2))
        if command in (LOCK, CANCEL):
            if command == CANCEL:
                self.send(header(NOTIFY, mid, CANCELLED, async_id=mid)
                          + ERROR)
            return None
        return header(command, mid) + PLAIN

    def elements(self, message):
        while True:
            step, = struct.unpack_from("<I", message, 20)
            yield message[:step] if step else message
            if not step:
                return
            message = message[step:]

    def chain(self, answers):
        out = b""
        for i, a in enumerate(answers):
            if i + 1 < len(answers):
                a += bytes(-len(a) % 8)
                a = a[:20] + struct.pack("<I", len(a)) + a[24:]
            out += a
        return out

    def handle(self):
        while True:
            prefix = self.receive(4)
            if prefix is None:
                return
            message = self.receive(struct.unpack(">I", prefix)[0])
            if message is None or len(message) < 64:
                return
            if struct.unpack_from("<H", message, 12)[0] == CLOSE:
                return
            answers = [self.answer(e) for e in self.elements(message)]
            answers = [a for a in answers if a is not None]
            if answers:
                self.send(self.chain(answers))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


def start():
    """A running server; its port is server.server_address[1]."""
    server = Server(("127.0.0.1", 0), Connection)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server

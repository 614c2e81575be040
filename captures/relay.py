# SPDX-License-Identifier: MIT
"""A relay in front of a server that writes what passes as pcapng.

Needs no privileges: it is no sniffer, the client connects to it. Frames are
IPv4 and TCP as LINKTYPE_RAW, one for each SMB message, between the addresses
192.0.2.1 (client) and 192.0.2.100, port 445 (server).
"""
import socket
import struct
import threading
import time

HOSTS = {True: bytes([192, 0, 2, 1]), False: bytes([192, 0, 2, 100])}


def block(kind, body):
    body += bytes(-len(body) % 4)
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def option(code, value):
    return struct.pack("<HH", code, len(value)) + value + \
        bytes(-len(value) % 4)


def whole(connection, size):
    """So many bytes, or None at the end of the connection."""
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            return None
        data += more
    return data


class Relay:
    """Accepts connections on `port` until closed; `blocks` is the file."""

    def __init__(self, host, port, comment):
        self.server = (host, port)
        self.comment = comment
        self.lock = threading.Lock()
        self.frames = 0
        self.blocks = [
            block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)),
            block(1, struct.pack("<HHI", 101, 0, 0))]
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        client_port = 49152
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.server)
            state = {"port": client_port, True: 1, False: 1}
            client_port += 1
            for source, target, up in ((client, server, True),
                                       (server, client, False)):
                threading.Thread(target=self.pump, daemon=True,
                                 args=(source, target, up, state)).start()

    def pump(self, source, target, up, state):
        try:
            head = whole(source, 4)
            while head is not None:
                body = whole(source, struct.unpack(">I", head)[0])
                if body is None:
                    break
                self.frame(head + body, up, state)
                target.sendall(head + body)
                head = whole(source, 4)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def frame(self, payload, up, state):
        """One TCP segment, however long: what a capture of a host with
        segmentation offload shows."""
        with self.lock:
            ports = (state["port"], 445) if up else (445, state["port"])
            tcp = struct.pack(">HHIIBBHHH", *ports, state[up], state[not up],
                              0x50, 0x18, 65535, 0, 0)
            state[up] += len(payload)
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0,
                             min(40 + len(payload), 65535), 0, 0, 64, 6, 0,
                             HOSTS[up], HOSTS[not up])
            data = ip + tcp + payload
            stamp = time.time_ns() // 1000
            options = b""
            if self.frames == 0:
                options = option(1, self.comment.encode()) + option(0, b"")
            self.frames += 1
            self.blocks.append(block(6, struct.pack(
                "<IIIII", 0, stamp >> 32, stamp & 0xFFFFFFFF, len(data),
                len(data)) + data + bytes(-len(data) % 4) + options))

    def close(self):
        self.listener.close()
        with self.lock:
            return b"".join(self.blocks)

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A way to a server that can be cut: every connection through it ends at once,
after so many bytes, or when it is told."""
import socket
import threading


class Proxy:
    """Listens on 127.0.0.1; each connection is passed on to the address."""

    def __init__(self, address):
        host, port = address.rsplit(':', 1)
        self.server = (host, int(port))
        self.lock = threading.Lock()
        self.pairs = []
        self.cuts = []      # bytes in both directions until the next cut
        self.passed = 0     # bytes since the last one
        self.done = 0       # cuts that were made
        self.total = 0      # bytes in all
        self.deaf = False   # take no connections
        self.silent = set()  # connections that carry nothing any more
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = '127.0.0.1:%d' % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                if self.deaf:
                    raise OSError
                far = socket.create_connection(self.server)
            except OSError:
                near.close()
                continue
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.pairs.append((near, far))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self.copy, args=pair,
                                 daemon=True).start()

    def copy(self, source, sink):
        going_on = True
        while going_on:
            try:
                data = source.recv(65536)
            except OSError:
                data = b''
            due = self.due(len(data))  # who has them can count on that
            going_on = bool(data) and self.carry(source, sink, data)
            if due:
                self.cut()
        self.end(source, sink)

    def carry(self, source, sink, data):
        try:
            if source not in self.silent:
                sink.sendall(data)
        except OSError:
            return False
        return True

    def due(self, count):
        with self.lock:
            self.passed += count
            self.total += count
            if self.cuts and self.passed >= self.cuts[0]:
                self.cuts.pop(0)
                self.passed = 0
                return True
        return False

    @staticmethod
    def end(*ends):
        for one in ends:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def cut(self):
        """Ends all connections, as if a cable had been pulled and put back."""
        with self.lock:
            pairs, self.pairs = self.pairs, []
            self.done += 1
        for pair in pairs:
            self.end(*pair)

    def silence(self):
        """Nothing comes through any more, and nobody is told, as if a cable
        had been pulled."""
        with self.lock:
            for pair in self.pairs:
                self.silent.update(pair)
            self.pairs = []
            self.done += 1

    def close(self):
        self.listener.close()
        self.cut()

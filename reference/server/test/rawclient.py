# SPDX-License-Identifier: MIT
"""A client of few words for tests that misbehave: SMB 2.1, one guest, no
signatures. [MS-SMB2] 2.2, [MS-NLMP] 2.2.1
"""
import socket
import struct

STATUS_MORE_PROCESSING = 0xc0000016


def message(payload):
    return struct.pack('>I', len(payload)) + payload


def ntlm_negotiate():
    return struct.pack('<8sII16x', b'NTLMSSP\0', 1, 0x00088207)


def ntlm_guest(name):
    """AUTHENTICATE of somebody who has no account, with a response of
    nothing in particular."""
    user = name.encode('utf-16-le')
    response = bytes(range(24))
    at = 64
    fields = b''
    payload = b''
    for part in (response, response, b'', user, b'', b''):
        fields += struct.pack('<HHI', len(part), len(part),
                              at + len(payload))
        payload += part
    return (struct.pack('<8sI', b'NTLMSSP\0', 3) + fields
            + struct.pack('<I', 0x00088205) + payload)


class RawClient:
    """One connection; requests are sent as they are asked for."""

    def __init__(self, address, timeout=10):
        host, port = address.rsplit(':', 1)
        self.socket = socket.create_connection((host, int(port)), timeout)
        self.message_id = self.session = self.tree = 0
        self.credits = 1

    def close(self):
        self.socket.close()

    def pdu(self, command, body, charge=1, credits=1):
        header = struct.pack(
            '<4sHHIHHIIQIIQ16x', b'\xfeSMB', 64, charge, 0, command, credits,
            0, 0, self.message_id, 0, self.tree, self.session)
        self.message_id += charge
        self.credits -= charge
        return header + body

    def send(self, *arguments, **options):
        self.socket.sendall(message(self.pdu(*arguments, **options)))

    def exactly(self, n):
        data = b''
        while len(data) < n:
            piece = self.socket.recv(n - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def receive(self):
        """Status and whole PDU of the next response."""
        n = struct.unpack('>I', self.exactly(4))[0]
        pdu = self.exactly(n)
        self.credits += struct.unpack_from('<H', pdu, 14)[0]
        return struct.unpack_from('<I', pdu, 8)[0], pdu

    def call(self, *arguments, **options):
        self.send(*arguments, **options)
        return self.receive()

    def negotiate(self):
        status, _ = self.call(
            0, struct.pack('<HHHHI16sQH', 36, 1, 1, 0, 0, bytes(16), 0,
                           0x0210), charge=1)
        assert status == 0, hex(status)

    def setup(self, token, credits):
        status, pdu = self.call(
            1, struct.pack('<HBBIIHHQ', 25, 0, 1, 0, 0, 88, len(token), 0)
            + token, credits=credits)
        self.session = struct.unpack_from('<Q', pdu, 40)[0]
        return status

    def enter(self, share, credits=512):
        """As a guest, up to a tree."""
        self.negotiate()
        status = self.setup(ntlm_negotiate(), 1)
        assert status == STATUS_MORE_PROCESSING, hex(status)
        status = self.setup(ntlm_guest('visitor'), credits)
        assert status == 0, hex(status)
        path = f'\\\\server\\{share}'.encode('utf-16-le')
        status, pdu = self.call(
            3, struct.pack('<HHHH', 9, 0, 72, len(path)) + path)
        assert status == 0, hex(status)
        self.tree = struct.unpack_from('<I', pdu, 36)[0]

    def open(self, name):
        """An existing file for reading; its FileId."""
        path = name.encode('utf-16-le')
        status, pdu = self.call(5, struct.pack(
            '<HBBIQQIIIIIHHII', 57, 0, 0, 2, 0, 0, 0x00000001, 0, 7, 1, 0,
            120, len(path), 0, 0) + path)
        assert status == 0, hex(status)
        return pdu[64 + 64:64 + 80]

    def send_read(self, file_id, size):
        charge = (size + 65535) // 65536
        self.send(8, struct.pack('<HBBIQ16sIIIHHx', 49, 80, 0, size, 0,
                                 file_id, 0, 0, 0, 0, 0), charge=charge)

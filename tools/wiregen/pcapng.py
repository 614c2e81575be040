# SPDX-License-Identifier: MIT
"""Cuts SMB2 messages out of pcapng files: Ethernet, IPv4 and IPv6, TCP.

Frame numbers are those that tshark shows: every packet block counts, from 1.
A message belongs to the frame that completes it.
"""
import struct

MAX_WAITING = 200  # segments behind a gap that may still be filled

# What a stream of direct TCP or of the NetBIOS session service begins with.
PROTOCOLS = (b'\xfeSMB', b'\xfdSMB', b'\xfcSMB', b'\xffSMB')
SESSION_SERVICE = (0x81, 0x82, 0x83, 0x85)


class CaptureError(Exception):
    """The file is no capture that this module understands."""


def blocks(data):
    """(type, body, byte order) of every block."""
    at, order = 0, '<'
    while at + 12 <= len(data):
        kind = struct.unpack_from('<I', data, at)[0]
        if kind == 0x0A0D0D0A:
            magic = data[at + 8:at + 12]
            order = '<' if magic == b'\x4d\x3c\x2b\x1a' else '>'
        kind, size = struct.unpack_from(order + 'II', data, at)
        if size < 12 or at + size > len(data):
            raise CaptureError(f'block at {at} reaches behind the end')
        yield kind, data[at + 8:at + size - 4], order
        at += size


def packets(data):
    """(frame number, Ethernet frame)"""
    number, types = 0, []
    for kind, body, order in blocks(data):
        if kind == 0x0A0D0D0A:
            types = []
        elif kind == 1:
            types.append(struct.unpack_from(order + 'H', body)[0])
        elif kind in (2, 3, 6):
            number += 1
            if kind != 6:
                raise CaptureError('old or simple packet block')
            interface, _, _, kept, full = struct.unpack_from(
                order + 'IIIII', body)
            if types[interface] != 1:
                raise CaptureError('not Ethernet')
            if kept != full:
                raise CaptureError(f'frame {number} is cut')
            yield number, body[20:20 + kept]


def tcp_segment(frame):
    """((source, port), (destination, port), seq, flags, data) or None"""
    kind = struct.unpack_from('>H', frame, 12)[0]
    ip = frame[14:]
    if kind == 0x0800 and ip[9] == 6:
        size = (ip[0] & 15) * 4
        end = struct.unpack_from('>H', ip, 2)[0] or len(ip)
        src, dst, tcp = ip[12:16], ip[16:20], ip[size:end]
    elif kind == 0x86DD and ip[6] == 6:
        end = 40 + struct.unpack_from('>H', ip, 4)[0]
        src, dst, tcp = ip[8:24], ip[24:40], ip[40:end]
    else:
        return None
    sport, dport, seq = struct.unpack_from('>HHI', tcp)
    return ((src, sport), (dst, dport), seq, tcp[13],
            tcp[(tcp[12] >> 4) * 4:])


class Stream:
    """One direction of a connection: reassembles, yields messages."""

    def __init__(self, connection):
        self.connection = connection
        self.next = None
        self.waiting = {}
        self.data = b''
        self.smb = None

    def add(self, seq, flags, data):
        if flags & 2:
            self.__init__(self.connection)
            self.next = (seq + 1) & 0xFFFFFFFF
            return
        if self.next is None:
            self.next = seq
        if data:
            self.waiting[seq] = data
        if len(self.waiting) > MAX_WAITING:
            raise CaptureError('bytes are missing in a connection')
        progress = True
        while progress:
            progress = False
            for at in sorted(self.waiting):
                data = self.waiting[at]
                ahead = (at - self.next) & 0xFFFFFFFF
                if ahead == 0:
                    fresh = data
                elif ahead > 0x80000000:  # begins with what is known
                    fresh = data[0x100000000 - ahead:]
                else:
                    continue
                del self.waiting[at]
                self.data += fresh
                self.next = (self.next + len(fresh)) & 0xFFFFFFFF
                progress = True
                break

    def messages(self):
        """Whole messages that have come; none if this is not SMB."""
        if self.smb is None and len(self.data) >= 8:
            self.smb = (self.data[4:8] in PROTOCOLS or
                        self.data[0] in SESSION_SERVICE)
        while self.smb and len(self.data) >= 4:
            kind = self.data[0]
            size = int.from_bytes(self.data[1:4], 'big')
            if len(self.data) < 4 + size:
                return
            message = self.data[4:4 + size]
            self.data = self.data[4 + size:]
            if kind == 0:
                yield message


def messages(data):
    """(frame number, connection number, message) of a whole capture."""
    streams, pairs = {}, {}
    for number, frame in packets(data):
        segment = tcp_segment(frame)
        if segment is None:
            continue
        src, dst, seq, flags, payload = segment
        pair = frozenset((src, dst))
        if flags & 0x12 == 2 or pair not in pairs:  # a new connection
            pairs[pair] = len(streams)
            streams.pop((dst, src), None)
        key = (src, dst)
        if key not in streams:
            streams[key] = Stream(pairs[pair])
        stream = streams[key]
        stream.connection = pairs[pair]
        stream.add(seq, flags, payload)
        for message in stream.messages():
            yield number, stream.connection, message

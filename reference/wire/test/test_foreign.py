# SPDX-License-Identifier: MIT
"""The round trip of foreign captures notices what it should notice, and TCP
is put together rightly. Run by `make check-foreign`, which sets WIRE_FOREIGN
(the program) and FOREIGN_PDUS (its input)."""
import os
import struct
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', '..', 'tools', 'wiregen'))

import pcapng  # noqa: E402


def records(data):
    """(offset, kind, message) of every record of a file of messages"""
    at = 8
    count = struct.unpack_from('<H', data, at)[0]
    at += 2
    for _ in range(count):
        at += 2 + struct.unpack_from('<H', data, at)[0]
    while at < len(data):
        kind, size = struct.unpack_from('<BI', data, at + 10)
        yield at + 15, kind, data[at + 15:at + 15 + size]
        at += 15 + size


def run(tmp_path, data):
    path = tmp_path / 'pdus'
    path.write_bytes(data)
    return subprocess.run(
        [os.environ['WIRE_FOREIGN'], str(path), str(tmp_path / 'witnesses')],
        capture_output=True, text=True, check=False)


@pytest.fixture(name='pdus', scope='module')
def fixture_pdus():
    with open(os.environ['FOREIGN_PDUS'], 'rb') as f:
        return bytearray(f.read())


def negotiate_311(pdus):
    """Offset of a NEGOTIATE request whose first context has padding."""
    for at, kind, message in records(pdus):
        if kind == 0 and message[12:14] == b'\0\0' and not message[16] & 1:
            first, count = struct.unpack_from('<IH', message, 64 + 28)
            if struct.unpack_from('<H', message, 66)[0] == 1 and \
                    message[100:102] == b'\x11\x03' and count > 1:
                size = struct.unpack_from('<H', message, first + 2)[0]
                assert size % 8
                return at, first + 8 + size
    raise AssertionError('no such request')


def test_intact(tmp_path, pdus):
    assert run(tmp_path, pdus).returncode == 0


def test_constant_damaged(tmp_path, pdus):
    at, _ = negotiate_311(pdus)
    damaged = bytearray(pdus)
    damaged[at + 64] ^= 1
    result = run(tmp_path, damaged)
    assert result.returncode == 1
    assert 'StructureSize' in result.stderr


def test_padding_damaged(tmp_path, pdus):
    """A byte that no field covers is not lost unnoticed."""
    at, padding = negotiate_311(pdus)
    damaged = bytearray(pdus)
    damaged[at + padding] = 0x55
    result = run(tmp_path, damaged)
    assert result.returncode == 1
    assert 'encodes to other bytes' in result.stderr


def test_count_damaged(tmp_path, pdus):
    at, _ = negotiate_311(pdus)
    damaged = bytearray(pdus)
    damaged[at + 64 + 32] = 200
    assert run(tmp_path, damaged).returncode == 1


MESSAGE = b'\0\0\0\x08\xfeSMB1234'


@pytest.mark.parametrize('segments', [
    [(0, 12)],
    [(0, 5), (5, 12)],
    [(5, 12), (0, 5)],                     # out of order
    [(0, 5), (0, 5), (5, 12)],             # sent again
    [(0, 5), (3, 12)],                     # overlapping
    [(8, 12), (4, 8), (0, 4)],
])
@pytest.mark.parametrize('start', [1000, 0xFFFFFFFD])  # wraps around
def test_stream(segments, start):
    stream = pcapng.Stream(0)
    stream.add((start - 1) & 0xFFFFFFFF, 2, b'')
    got = []
    for begin, end in segments:
        stream.add((start + begin) & 0xFFFFFFFF, 0x10, MESSAGE[begin:end])
        got += stream.messages()
    assert got == [MESSAGE[4:]]


def test_stream_with_a_gap():
    """A capture that lost bytes is refused, not waited for."""
    stream = pcapng.Stream(0)
    stream.add(0, 2, b'')
    with pytest.raises(pcapng.CaptureError):
        for i in range(1000):
            stream.add(100 + i * 10, 0x10, b'0123456789')

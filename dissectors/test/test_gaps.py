# SPDX-License-Identifier: MIT
"""Captures that do not show everything: nobody is accused of anything that
was not found in the whole, and what is missing is said.
"""
import random
import struct
import sys
import pathlib

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import commands  # noqa: E402
import conversation as c  # noqa: E402
import leases  # noqa: E402
import unix  # noqa: E402
from scene import Scene  # noqa: E402
from test_smb3x import broken, tmp_path, tshark  # noqa: E402,F401

SEGMENTS = "TCP segments before this frame are missing"
CUT = "the frame is cut short by the capture"
SEALED = "encrypted, without a key that fits"
UNREAD = "a message before this frame was not understood"
BEGINNING = "the beginning of the connection is missing"

GOOD = {"messages": c.good, "commands": commands.good, "posix": unix.good}


def frames_of(pcap):
    ends = [*pcap.starts[1:], len(pcap.out)]
    return [pcap.out[a:b] for a, b in zip(pcap.starts, ends)]


def from_server(frame):
    ports = struct.unpack_from(">HH", frame, 16 + 20)
    return ports[0] < ports[1]


def dropped(frames, seed):
    chance = random.Random(seed)
    return [f for f in frames if chance.random() > 0.1]


def swapped(frames):
    frames = list(frames)
    for i in range(3, len(frames) - 1, 5):
        frames[i], frames[i + 1] = frames[i + 1], frames[i]
    return frames


def twice(frames):
    return [f for frame in frames for f in (frame, frame)]


def short(frames, size):
    cut = []
    for frame in frames:
        seconds, micros, stored, size_was = struct.unpack("<IIII", frame[:16])
        stored = min(stored, size)
        cut.append(struct.pack("<IIII", seconds, micros, stored, size_was) +
                   frame[16:16 + stored])
    return cut


# How a capture is spoiled, and what the dissector may say of it.
SPOILED = {
    "frames-lost": (lambda f: dropped(f, 1), {SEGMENTS, BEGINNING}),
    "more-frames-lost": (lambda f: dropped(f, 2), {SEGMENTS, BEGINNING}),
    "client-only": (lambda f: [x for x in f if not from_server(x)],
                    {SEGMENTS}),
    "server-only": (lambda f: [x for x in f if from_server(x)], {SEGMENTS}),
    "out-of-order": (swapped, {SEGMENTS}),
    "twice": (twice, set()),
    "short": (lambda f: short(f, 160), {CUT}),
    "shorter": (lambda f: short(f, 110), {CUT}),
}


def scene_of(play):
    pcap = c.Pcap()
    play(Scene(pcap, 1))
    return pcap


def talk_of(messages):
    pcap = c.Pcap()
    pcap.conversation(50000, messages)
    return pcap


def unjudged(path, tmp_path, *options):  # noqa: F811
    """What the frames say of themselves, and the rules found broken."""
    out = tshark(path, *options, "-Y", "smb3x.unjudged or smb3x.rule or "
                 "_ws.lua.error", "-T", "fields", "-e", "smb3x.unjudged",
                 "-e", "smb3x.rule", "-e", "_ws.lua.error",
                 "-E", "aggregator=;", tmp_path=tmp_path)
    lines = [line.split("\t") for line in out.splitlines()]
    assert not any(fault for _, _, fault in lines)
    return ({text for reason, _, _ in lines for text in reason.split(";")
             if text}, [rule for _, rule, _ in lines if rule])


@pytest.mark.parametrize("how", sorted(SPOILED))
def test_nobody_is_accused_of_what_is_missing(how, tmp_path):  # noqa: F811
    spoil, reasons = SPOILED[how]
    pcaps = {name: talk_of(good()) for name, good in GOOD.items()}
    for name in list(leases.GOOD)[len(how) % 3::3]:
        pcaps[name] = scene_of(leases.GOOD[name])
    said = set()
    for name, pcap in pcaps.items():
        path = tmp_path / "spoiled.pcap"
        path.write_bytes(pcap.out[:24] + b"".join(spoil(frames_of(pcap))))
        seen, rules = unjudged(path, tmp_path)
        assert rules == [], name
        said |= seen
    assert said <= reasons
    assert bool(said) == bool(reasons)


def test_gaps_are_said_where_they_are(tmp_path):  # noqa: F811
    """Also in the table at the end; the rest is judged."""
    messages = c.good()
    messages[15][0].h["size"] = 65
    pcap = talk_of(messages)
    frames = frames_of(pcap)
    path = tmp_path / "spoiled.pcap"
    path.write_bytes(pcap.out[:24] + b"".join(frames[:8] + frames[9:]))
    out = tshark(path, "-Y", "smb3x.unjudged", "-T", "fields", "-e",
                 "frame.number", "-e", "smb3x.unjudged", tmp_path=tmp_path)
    assert out == f"9\t{SEGMENTS}\n"
    assert broken(path, tmp_path) == [(15, "CORE-HEADER-0021", "client")]
    table = tshark(path, "-X", "lua_script1:report", "-q", tmp_path=tmp_path)
    assert f"         9  first of 1: {SEGMENTS}" in table


def test_a_whole_capture_has_no_gap(tmp_path):  # noqa: F811
    for good in GOOD.values():
        path = tmp_path / "whole.pcap"
        path.write_bytes(talk_of(good()).out)
        assert unjudged(path, tmp_path) == (set(), [])


def test_a_later_beginning_is_said(tmp_path):  # noqa: F811
    pcap = talk_of(c.good())
    path = tmp_path / "late.pcap"
    path.write_bytes(pcap.out[:24] + pcap.out[pcap.starts[4]:])
    assert unjudged(path, tmp_path) == ({BEGINNING}, [])


def test_what_has_no_key_is_said(tmp_path):  # noqa: F811
    messages = c.good()
    messages[8] = [c.Sealed(messages[8][0])]
    messages[9] = [c.Sealed(messages[9][0])]
    path = tmp_path / "sealed.pcap"
    path.write_bytes(talk_of(messages).out)
    assert unjudged(path, tmp_path) == ({SEALED}, [])
    keys = ("-o", f"uat:smb2_seskey_list:{c.keys_line()}")
    assert unjudged(path, tmp_path, *keys) == (set(), [])


@pytest.mark.parametrize("index", [8, 9])  # a request, a response
def test_what_wireshark_does_not_understand_is_said(index,
                                                    tmp_path):  # noqa: F811
    pcap = talk_of(c.good())
    frames = frames_of(pcap)
    frames[index] = frames[index].replace(b"\xfeSMB", b"XXXX")
    path = tmp_path / "unread.pcap"
    path.write_bytes(pcap.out[:24] + b"".join(frames))
    seen, rules = unjudged(path, tmp_path)
    assert rules == [] and seen <= {UNREAD}
    assert index != 8 or seen == {UNREAD}


@pytest.mark.parametrize("port,options", [
    (4450, ()), (5445, ("-o", "smb3x_tcp.ports:5445,5446"))])
def test_other_ports_and_long_messages(port, options,
                                       tmp_path):  # noqa: F811
    """A message of more than 17 bits of length, and a broken rule behind."""
    messages = c.good()
    messages[9][0].body += bytes(200000)
    messages[15][0].h["size"] = 65
    pcap = c.Pcap()
    pcap.server = port
    pcap.conversation(50000, messages)
    path = tmp_path / "port.pcap"
    path.write_bytes(pcap.out)
    assert broken(path, tmp_path, *options) == [
        (19, "CORE-HEADER-0021", "client")]


def test_nobody_is_no_user_whatever_the_server_says(tmp_path):  # noqa: F811
    """NTLM without a user: the last response need not be signed."""
    token = b"NTLMSSP\0" + struct.pack("<I", 3) + bytes(52)
    for user, rules in ((b"\0\0", []), (b"\6\0", ["CORE-SIGN-0013"])):
        messages = c.good()
        messages[4][0].body = struct.pack(
            "<HBBIIHHQ", 25, 0, 1, 0, 0, 88, len(token), 0) + \
            token[:36] + user + token[38:]
        messages[5][0].h.update(flags=c.RESPONSE, signature=bytes(16))
        path = tmp_path / "anonymous.pcap"
        path.write_bytes(talk_of(messages).out)
        assert [rule for _, rule, _ in broken(path, tmp_path)] == rules


def test_what_may_be_a_pipe_is_not_judged_as_a_file(tmp_path):  # noqa: F811
    """An impossible CreateAction, with and without the TREE_CONNECT."""
    messages = commands.good()
    created = messages[9][0]
    created.body = created.body[:4] + bytes(4) + created.body[8:]
    pcap = talk_of(messages)
    path = tmp_path / "pipe.pcap"
    path.write_bytes(pcap.out)
    assert [rule for _, rule, _ in broken(path, tmp_path)] == [
        "CORE-CREATE-0033"]
    path.write_bytes(pcap.out[:24] + pcap.out[pcap.starts[8]:])
    assert broken(path, tmp_path) == []

# SPDX-License-Identifier: MIT
"""Areas LEASE and DIRL of smb3x.lua: each play of leases.py and durables.py
breaks what it says, in that frame and by whom, and nothing else.
"""
import pathlib

import conversation as c
import durables  # noqa: F401  registers its plays
import pytest
from leases import CASES, GOOD
from scene import Scene
from test_smb3x import (broken, judged, open_folder,  # noqa: F401
                        tmp_path, tshark)

AREAS = ("LEASE-", "DIRL-")
PLAYS = {**GOOD, **{play.__name__: play for plays in CASES.values()
                    for play in plays}}


@pytest.fixture(scope="module")
def seen():
    """{name: (what the play says, what was found)}, in one capture."""
    pcap, scenes = c.Pcap(), {}
    for number, (name, play) in enumerate(PLAYS.items()):
        scenes[name] = Scene(pcap, number)
        play(scenes[name])
        scenes[name].last = pcap.frames
    with open_folder() as folder:
        path = pathlib.Path(folder) / "plays.pcap"
        path.write_bytes(pcap.out)
        found = broken(path, pathlib.Path(folder))
    return {name: (set(scene.expected), {
        (frame - scene.first, rule, who) for frame, rule, who in found
        if scene.first < frame <= scene.last})
        for name, scene in scenes.items()}


@pytest.mark.parametrize("name", sorted(PLAYS))
def test_play_breaks_what_it_says(name, seen):
    expected, found = seen[name]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("rule", sorted(CASES))
def test_rule_is_found_broken(rule, seen):
    assert any(rule == one[1] for play in CASES[rule]
               for one in seen[play.__name__][0] & seen[play.__name__][1])


def test_every_judged_rule_has_a_play():
    assert {rule for rule in judged() if rule.startswith(AREAS)} == set(CASES)


def test_what_is_said_of_a_lease(tmp_path):
    """Words and links of later frames, in the second pass."""
    pcap = c.Pcap()
    GOOD["file_lease"](Scene(pcap, 1))
    path = tmp_path / "lease.pcap"
    path.write_bytes(pcap.out)
    names = ["smb3x.lease", "smb3x.lease.cause", "smb3x.lease.answer",
             "smb3x.lease.answered_in", "smb3x.lease.break_in",
             "smb3x.lease.life"]
    out = tshark(path, "-2", "-Y", "smb2.cmd == 18", "-T", "fields",
                 *[word for name in names for word in ("-e", name)],
                 tmp_path=tmp_path)
    first, ack, acked = [line.split("\t") for line in out.splitlines()][:3]
    assert first[:4] == [
        'break from RWH to RH, acknowledgment required, of "f"', "15",
        "acknowledged with RH after 1.00 ms", "17"]
    assert ack[0] == 'acknowledges with RH, "f"' and ack[4] == "16"
    assert acked[5].startswith("14 RWH granted; 16 broken from RWH to RH; "
                               "18 RH acknowledged")


def test_the_life_of_an_open(tmp_path):
    """The table at the end tells how an open went on after its connection."""
    pcap = c.Pcap()
    GOOD["durable_and_replay"](Scene(pcap, 1))
    path = tmp_path / "durable.pcap"
    path.write_bytes(pcap.out)
    out = tshark(path, "-X", "lua_script1:lives", "-q", tmp_path=tmp_path)
    words = out[out.index("Open 1"):].splitlines()
    assert [line.split(None, 1)[-1] for line in words[1:5]] == [
        "opened", "connection lost, kept", "taken up again", "closed"]


def test_a_capture_that_begins_later_breaks_nothing(tmp_path):
    """Cut at some frame, a good play stays silent."""
    for number, (name, play) in enumerate(GOOD.items()):
        whole = c.Pcap()
        play(Scene(whole, 1))
        starts = whole.starts
        for first in range(1 + number % 5, len(starts), 5):
            path = tmp_path / "cut.pcap"
            path.write_bytes(whole.out[:24] + whole.out[starts[first]:])
            assert broken(path, tmp_path) == [], (name, first)

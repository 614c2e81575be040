#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""smb3x.lua in tshark: each rule that it judges is seen to be found broken,
and nothing is found in conversations that break none.
"""
import json
import os
import pathlib
import re
import shlex
import struct
import subprocess
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import commands  # noqa: E402
import conversation as c  # noqa: E402
import durables  # noqa: E402,F401  registers its plays
import leases  # noqa: E402
import unix  # noqa: E402

PLUGIN = pathlib.Path(os.environ.get("PLUGIN", "build/smb3x.lua"))
FOREIGN = HERE.parent.parent / "captures" / "foreign"
JUNK = b"\x77" * 16


def open_folder():
    """A folder that the ordinary user may read, as pytest's are not."""
    folder = tempfile.TemporaryDirectory(prefix="smb3x-dissectors-")
    pathlib.Path(folder.name).chmod(0o755)
    return folder


@pytest.fixture
def tmp_path():
    with open_folder() as folder:
        yield pathlib.Path(folder)


# Another tshark, as a command line: TSHARK='dissectors/tshark-in DIR'.
TSHARK = shlex.split(os.environ.get("TSHARK") or "tshark")


def tshark(path, *options, tmp_path):
    """Run as an ordinary user: newer tshark loads no Lua for root."""
    plugin = tmp_path / "smb3x.lua"
    plugin.write_bytes(PLUGIN.read_bytes())
    command = [*TSHARK, "-X", f"lua_script:{plugin}", "-r", str(path),
               *options]
    environment = dict(os.environ, HOME=str(tmp_path))
    if os.getuid() == 0 and TSHARK == ["tshark"]:
        command = ["setpriv", "--reuid=65534", "--regid=65534",
                   "--clear-groups", *command]
    done = subprocess.run(command, capture_output=True, text=True,
                          env=environment, check=False)
    assert "Lua Error" not in done.stderr and "_ws.lua" not in done.stdout
    assert done.returncode == 0, done.stderr
    return done.stdout


def broken(path, tmp_path, *options):
    """[(frame, rule, message)] of a capture."""
    out = tshark(path, *options, "-Y", "smb3x.rule or _ws.lua.error",
                 "-T", "fields", "-e", "frame.number", "-e", "smb3x.rule",
                 "-e", "smb3x.who",
                 "-e", "_ws.lua.error", tmp_path=tmp_path)
    found = []
    for line in out.splitlines():
        frame, rules, who, fault = line.split("\t")
        assert not fault, f"Lua error in frame {frame}"
        for rule, by in zip(rules.split(","), who.split(",")):
            found.append((int(frame), rule, by))
    return found


@pytest.fixture(scope="module")
def judged_cases():
    """Every case in one capture, a connection each: {rule: found}, with
    frames counted from the start of the case."""
    pcap = c.Pcap()
    begins = {}
    for number, rule in enumerate([*GOOD, *sorted(ALL)]):
        messages = good_for(rule)
        if rule in ALL:
            ALL[rule][0](messages)
        begins[rule] = pcap.conversation(50000 + number, messages)
    with open_folder() as folder:
        path = pathlib.Path(folder) / "cases.pcap"
        path.write_bytes(pcap.out)
        all_found = broken(path, pathlib.Path(folder))
    result = {rule: set() for rule in begins}
    for frame, found, who in all_found:
        case = max((r for r in begins if begins[r] < frame),
                   key=lambda r: begins[r])
        result[case].add((frame - begins[case], found, who))
    return result


def header(index, element=0, **fields):
    def change(messages):
        messages[index][element].h.update(fields)
    return change


def body(index, at, value):
    def change(messages):
        pdu = messages[index][0]
        pdu.body = pdu.body[:at] + value + pdu.body[at + len(value):]
    return change


def replace(index, *pdus):
    def change(messages):
        messages[index] = list(pdus)
    return change


def several(*changes):
    def change(messages):
        for one in changes:
            one(messages)
    return change


def add(*messages_to_add):
    def change(messages):
        messages.extend(messages_to_add)
    return change


NEGOTIATE, NEGOTIATED, SETUP, FINAL, TREE = 0, 1, 4, 5, 6
READ, DATA, PENDING, CANCELLED = 8, 9, 11, 14
RESPONSE, ASYNC, RELATED, SIGNED = 1, 2, 4, 8

# rule -> (change to the good conversation, frame, who broke it)
CASES = {
    "CORE-HEADER-0001": (header(DATA, size=65), 10, "server"),
    "CORE-HEADER-0003": (header(DATA, command=9), 10, "server"),
    "CORE-HEADER-0004": (header(DATA, mid=400), 10, "server"),
    "CORE-HEADER-0005": (header(DATA, session=1), 10, "server"),
    "CORE-HEADER-0006": (header(DATA, tree=77), 10, "server"),
    "CORE-HEADER-0007": (header(DATA, next=4096), 10, "server"),
    "CORE-HEADER-0008": (header(DATA, signature=JUNK), 10, "server"),
    "CORE-HEADER-0009": (header(NEGOTIATED, session=7), 2, "server"),
    "CORE-HEADER-0016": (body(16, 0, b"\x0a\0"), 17, "server"),
    "CORE-HEADER-0017": (body(16, 4, b"\x40"), 17, "server"),
    "CORE-HEADER-0018": (body(16, 2, b"\1"), 17, "server"),
    "CORE-HEADER-0019": (body(16, 3, b"\1"), 17, "server"),
    "CORE-HEADER-0021": (header(READ, size=63), 9, "client"),
    "CORE-HEADER-0022": (body(READ, 0, b"\x30\0"), 9, "client"),
    "CORE-HEADER-0023": (header(TREE, tree=1), 7, "client"),
    "CORE-HEADER-0024": (header(NEGOTIATE, session=1), 1, "client"),
    "CORE-HEADER-0025": (header(READ, signature=JUNK), 9, "client"),
    "CORE-SIGN-0009": (header(READ, flags=SIGNED, signature=JUNK), 10,
                       "server"),
    "CORE-SIGN-0010": (header(PENDING, flags=RESPONSE | ASYNC | SIGNED,
                              signature=JUNK), 12, "server"),
    "CORE-SIGN-0013": (header(FINAL, flags=RESPONSE, signature=bytes(16)), 6,
                       "server"),
    "CORE-SIGN-0023": (replace(SETUP, c.session_request(
        2, security_mode=2, session=c.SESSION)), 7, "client"),
    "CORE-SIGN-0024": (header(NEGOTIATE, flags=SIGNED, signature=JUNK), 1,
                       "client"),
    "CORE-SIGN-0025": (header(READ, flags=SIGNED), 9, "client"),
    "CORE-ENCRYPT-0031": (replace(FINAL, c.session_response(2, flags=4)), 7,
                          "client"),
    "CORE-ENCRYPT-0032": (replace(7, c.tree_response(
        3, share_flags=0x8000)), 9, "client"),
    "CORE-CREDIT-0006": (header(NEGOTIATED, credits=0), 2, "server"),
    "CORE-CREDIT-0007": (several(
        header(3, credits=1), header(5, credits=0)), 6, "server"),
    "CORE-CREDIT-0014": (add([c.read_request(8)]), 18, "client"),
    "CORE-CREDIT-0015": (header(READ, mid=999), 9, "client"),
    "CORE-CREDIT-0017": (replace(READ, c.read_request(4, length=65537)), 9,
                         "client"),
    "CORE-CREDIT-0018": (replace(NEGOTIATED, c.negotiate_response(
        dialect=0x0202, capabilities=0)), 3, "client"),
    "CORE-COMPOUND-0015": (add(
        [c.echo_request(9)], [c.echo_request(10)],
        [c.echo_response(9, next=68), c.echo_response(10)]), 20, "server"),
    "CORE-COMPOUND-0018": (header(12, flags=RELATED), 13, "client"),
    "CORE-COMPOUND-0019": (add(c.compound(
        c.echo_request(9), c.echo_request(10),
        c.echo_request(11, flags=RELATED))), 18, "client"),
    "CORE-COMPOUND-0020": (add(
        [c.echo_request(9, next=68), c.echo_request(10)]), 18, "client"),
    "CORE-ASYNC-0003": (header(PENDING, flags=RESPONSE, async_id=None), 12,
                        "server"),
    "CORE-ASYNC-0004": (header(PENDING, async_id=0), 12, "server"),
    "CORE-ASYNC-0006": (body(PENDING, 4, b"\1"), 12, "server"),
    "CORE-ASYNC-0008": (header(CANCELLED, credits=1), 15, "server"),
    "CORE-ASYNC-0009": (header(CANCELLED, flags=RESPONSE, async_id=None), 15,
                        "server"),
    "CORE-ASYNC-0010": (header(CANCELLED, async_id=10), 15, "server"),
    "CORE-CANCEL-0001": (add([c.error(8, 12, 0xC0000120)]), 18, "server"),
}

# Rules of SMB over TCP that belong to area QUIC.
TRANSPORT = struct.pack("<HHII", 6, 4, 0, 1)
CASES_TCP = {
    "QUIC-CAPS-0004": (commands.put(1, commands.negotiated(
        [commands.P, commands.E, commands.S, TRANSPORT])), 2, "server"),
    "QUIC-CAPS-0020": (commands.put(0, commands.negotiate(
        [commands.P, commands.E, commands.S, TRANSPORT])), 1, "client"),
}

ALL = {**CASES, **commands.CASES, **unix.CASES, **CASES_TCP}
GOOD = {"": c.good, "commands": commands.good, "posix": unix.good}


def good_for(rule):
    """The conversation that breaks nothing, in which the rule is broken."""
    for name, cases in (("", CASES), ("commands", commands.CASES),
                        ("posix", unix.CASES), ("commands", CASES_TCP)):
        if rule in cases:
            return GOOD[name]()
    return GOOD[rule]()


# Judged on decrypted PDUs only; test_sealed() shows them: what a sealed
# message changes, frame, who.
ENCRYPTED = {
    "CORE-ENCRYPT-0012": (dict(seal=[READ]), 10, "server"),
    "CORE-ENCRYPT-0021": (dict(seal=[READ, DATA, 16], nonce=1), 17, "server"),
    "CORE-ENCRYPT-0024": (dict(seal=[READ, DATA], inner=header(
        DATA, session=1)), 10, "server"),
    "CORE-ENCRYPT-0029": (dict(seal=[], last=c.negotiate_request), 18,
                          "client"),
    "CORE-ENCRYPT-0030": (dict(seal=[], last=lambda: commands.binding(9)),
                          18, "client"),
    "CORE-ENCRYPT-0033": (dict(seal=[READ, DATA, 15], nonce=1), 16,
                          "client"),
    "CORE-SIGN-0012": (dict(seal=[READ, DATA], inner=header(
        DATA, flags=RESPONSE | SIGNED, signature=JUNK)), 10, "server"),
}


LEVELS = {"ERROR": "MUST", "WARN": "SHOULD"}


# Judged on packets of QUIC: the capture in captures/quic where each is broken.
QUIC = {
    "QUIC-CAPS-0003": ("broken-caps-not-set", "server"),
    "QUIC-CAPS-0009": ("broken-caps-session", "server"),
    "QUIC-CAPS-0010": ("broken-caps-share", "server"),
    "QUIC-CAPS-0015": ("broken-caps-clear", "server"),
    "QUIC-CAPS-0016": ("broken-caps-sealed", "server"),
    "QUIC-CLIENT-0001": ("old-dialect", "client"),
    "QUIC-CLIENT-0002": ("smb1-negotiate", "client"),
    "QUIC-CONNECT-0009": ("broken-dialect", "server"),
    "QUIC-CONNECT-0011": ("broken-large-mtu", "server"),
    "QUIC-STREAM-0001": ("stream-second", "server"),
    "QUIC-STREAM-0012": ("stream-second", "client"),
    "QUIC-STREAM-0013": ("stream-uni", "client"),
}


def judged():
    text = PLUGIN.read_text()
    rules = {}
    for area, severity, table in re.findall(
            r'judges\("(\w+)", expert\.severity\.(\w+), \[\[\n(.*?)\]\]',
            text, re.S):
        for line in table.splitlines():
            group, *numbers = line.split()
            for number in numbers:
                rules[f"{area}-{group}-{number}"] = LEVELS[severity]
    return rules


def test_every_judged_rule_has_a_check():
    text = PLUGIN.read_text()
    for rule in judged():
        number = rule.removeprefix("CORE-")
        numbers = re.search(r"rules = \{(.*?)\}", text, re.S).group(1)
        names = text.count(f'"{number}"') or f'"{number[-4:]}"' in numbers or (
            f'"{number[-4:]}"' in text)
        assert names, rule


@pytest.mark.parametrize("good", sorted(GOOD))
def test_good_conversation_breaks_nothing(good, judged_cases):
    assert judged_cases[good] == set()


@pytest.mark.parametrize("rule", sorted(ALL))
def test_rule_is_found_broken(rule, judged_cases):
    _, frame, who = ALL[rule]
    assert (frame, rule, who) in judged_cases[rule]


def test_every_judged_rule_has_a_case():
    assert set(judged()) == (set(ALL) | set(ENCRYPTED) | set(QUIC) |
                             set(leases.CASES))


def test_levels_and_actors_are_those_of_the_documents():
    path = os.environ.get("REQUIREMENTS")
    if not path:
        pytest.skip("REQUIREMENTS names no requirements.json")
    rules = {r["id"]: r
             for r in json.loads(pathlib.Path(path).read_text())}
    for rule, level in judged().items():
        assert rules[rule]["level"].split()[0] == level, rule
    for rule, (_, _, who) in {**ALL, **ENCRYPTED}.items():
        assert rules[rule]["actor"] == who, rule


def keys_of(path):
    keys = path.with_suffix(".keys")
    lines = keys.read_text().split() if keys.exists() else []
    return [word for line in lines
            for word in ("-o", f"uat:smb2_seskey_list:{line}")]


@pytest.mark.parametrize("rule", sorted(QUIC))
def test_rule_is_found_broken_over_quic(rule, tmp_path):
    name, who = QUIC[rule]
    path = FOREIGN.parent / "quic" / f"{name}.pcapng"
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    found = broken(copy, tmp_path, *keys_of(path))
    assert (rule, who) in {f[1:] for f in found}


@pytest.mark.parametrize("name", ["session", "caps-agreed", "key-update",
                                  "frame-pieces"])
def test_nothing_is_found_in_good_quic(name, tmp_path):
    path = FOREIGN.parent / "quic" / f"{name}.pcapng"
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    assert broken(copy, tmp_path, *keys_of(path)) == []


# Of servers. Samba's interim responses: the Signature of what is not signed.
KNOWN = {
    "samba425-rpcclient.pcapng": [(17, "CORE-HEADER-0008", "server")],
    # Its Python binding sends the negotiate context twice.
    "samba425-libsmb-posix-links.pcapng": [
        (6, "PSX-NEGOTIATE-0015", "server")],
}


# What the clients in these captures do against rules, once or many times.
# Samba's tests send a st_mode with its type and share nothing, and try what
# servers must refuse: two keys for a file, a wrong ParentLeaseKey or none,
# contexts of version 1 in dialects 3.x, several durable ones at once, lock
# sequences that are none. Linux sends 0xffff for "no mode", asks for durable
# opens of version 1, gives both names of a file one key, and no ParentLeaseKey
# to a file that it knows by another name.
HABITS = {
    "posix-libsmb.pcapng": {
        "PSX-APPEND-0001", "PSX-CREATE-0002", "PSX-CREATE-0003",
        "PSX-CREATE-0004", "PSX-CREATE-0005", "PSX-INFO-0001",
        "PSX-NEGOTIATE-0003", "PSX-NEGOTIATE-0005"},
    "reparse-libsmb.pcapng": {"PSX-CREATE-0005"},
    "samba425-libsmb-posix-links.pcapng": {
        "PSX-CREATE-0004", "PSX-NEGOTIATE-0002"},
    "linux-7.2-cifs-posix.pcapng": {
        "DIRL-CLIENT-0002", "LEASE-CLIENT-0010", "LEASE-CLIENT-0025",
        "PSX-CREATE-0003", "PSX-CREATE-0004", "PSX-CREATE-0005",
        "PSX-PATH-0002"},
    "samba425-smb2-create-blob.pcapng": {
        "LEASE-CLIENT-0025", "LEASE-CLIENT-0027"},
    "samba425-smb2-hardlink.pcapng": {
        "DIRL-CLIENT-0002", "DIRL-CLIENT-0003"},
    "smb2-dirlease-rename.pcapng": {"DIRL-CLIENT-0002", "DIRL-CLIENT-0003"},
    "smb2-dirlease-unlink_same_set_and_close.pcapng": {"LEASE-CLIENT-0011"},
    "smb2-dirlease-v2_request.pcapng": {"DIRL-CLIENT-0002"},
    "smb2-durable-v2-open-create-blob.pcapng": {"LEASE-CLIENT-0026"},
    "smb2-durable-v2-open-open-lease.pcapng": {
        "LEASE-CLIENT-0004", "LEASE-CLIENT-0027"},
    "smb2-durable-v2-open-persistent-open-lease.pcapng": {
        "LEASE-CLIENT-0004"},
    "smb2-lease-v2_complex1.pcapng": {"LEASE-CLIENT-0011"},
    "smb2-lock-replay_smb3_specification_durable.pcapng": {
        "LEASE-CLIENT-0025", "LEASE-CLIENT-0042", "LEASE-CLIENT-0044"},
    "smb2-persistent-open-directory-disconnect.pcapng": {
        "LEASE-CLIENT-0002"},
    "smb2-persistent-open-leaselevels.pcapng": {
        "LEASE-CLIENT-0002", "LEASE-CLIENT-0004"},
    "smb2-persistent-open-reconnect-contended-reconnect-contended.pcapng": {
        "LEASE-CLIENT-0002"},
}


@pytest.mark.parametrize(
    "name", sorted(p.name for p in FOREIGN.glob("*.pcapng")))
def test_nothing_else_is_found_in_foreign_traffic(name, tmp_path):
    path = FOREIGN / name
    copy = tmp_path / name
    copy.write_bytes(path.read_bytes())
    found = broken(copy, tmp_path, *keys_of(path))
    habits = {(rule, "client") for rule in HABITS.get(name, ())}
    assert {f[1:] for f in found} & habits == habits
    assert [f for f in found if f[1:] not in habits] == KNOWN.get(name, [])


SHOWN = ["smb3x.posix.mode", "smb3x.posix.owner", "smb3x.posix.target",
         "smb3x.posix.unparsed", "smb3x.posix.chmod", "smb3x.posix.name"]


def test_what_posix_opens_show(tmp_path):
    """Modes, owners, entries and links are readable in good traffic."""
    pcap = c.Pcap()
    pcap.conversation(50000, unix.good())
    path = tmp_path / "good.pcap"
    path.write_bytes(pcap.out)
    out = tshark(path, "-Y", "smb3x", "-T", "fields", "-e", "frame.number",
                 *[word for name in SHOWN for word in ("-e", name)],
                 tmp_path=tmp_path)
    lines = dict(line.split("\t", 1) for line in out.splitlines())
    assert lines["10"].split("\t")[:2] == ["-rw-r----- 0640", "uid 1000"]
    assert lines["24"].split("\t")[5] == "a,bc"
    assert lines["25"].split("\t")[4] == "4755 dir/a"
    assert lines["30"].split("\t")[2:4] == ["../x", "/rest"]
    assert lines["32"].split("\t")[0] == "lrwxrwxrwx 0777"


def sealed_case(seal, inner=None, last=None, **options):
    messages = c.good()
    if inner:
        inner(messages)
    for index in seal:
        messages[index] = [c.Sealed(messages[index][0], **options)]
    if last:
        pdu = last()
        pdu.h["mid"] = 9
        messages.append([c.Sealed(pdu)])
    return messages


def found_in(messages, tmp_path):
    pcap = c.Pcap()
    pcap.conversation(50000, messages)
    path = tmp_path / "case.pcap"
    path.write_bytes(pcap.out)
    return broken(path, tmp_path, "-o",
                  f"uat:smb2_seskey_list:{c.keys_line()}")


@pytest.mark.parametrize("rule", sorted(ENCRYPTED))
def test_sealed(rule, tmp_path):
    changes, frame, who = ENCRYPTED[rule]
    found = found_in(sealed_case(**changes), tmp_path)
    assert (frame, rule, who) in found


def test_sealed_messages_break_nothing(tmp_path):
    assert found_in(sealed_case([READ, DATA, 15, 16]), tmp_path) == []


def test_what_cannot_be_decrypted_breaks_nothing(tmp_path):
    messages = c.good()
    messages[READ] = [c.Sealed(messages[READ][0])]
    messages[DATA] = [c.Sealed(messages[DATA][0])]
    pcap = c.Pcap()
    pcap.conversation(50000, messages)
    path = tmp_path / "case.pcap"
    path.write_bytes(pcap.out)
    assert broken(path, tmp_path) == []


def one_broken(tmp_path):
    messages = c.good()
    header(DATA, size=65)(messages)
    path = tmp_path / "case.pcap"
    pcap = c.Pcap()
    pcap.conversation(50000, messages)
    path.write_bytes(pcap.out)
    return path


def test_report_counts(tmp_path):
    path = one_broken(tmp_path)
    out = tshark(path, "-X", "lua_script1:report", "-q", tmp_path=tmp_path)
    assert "smb3x: 1 rules broken" in out
    assert re.search(r"CORE-HEADER-0001 +server +1 times, first in frame 10\n"
                     r" +10  header StructureSize is 65\n"
                     r" +by 10.0.0.2 \(1\)\n", out)


def test_a_finding_says_who_where_and_what_it_answers(tmp_path):
    path = one_broken(tmp_path)
    assert "[server breaks CORE-HEADER-0001]" in tshark(
        path, "-Y", "smb3x.rule", tmp_path=tmp_path)
    assert "CORE-" not in tshark(path, "-o", "smb3x.info:FALSE", "-Y",
                                 "smb3x.rule", tmp_path=tmp_path)
    out = tshark(path, "-Y", 'smb3x.by == "10.0.0.2"', "-T", "fields", "-e",
                 "smb3x.request", tmp_path=tmp_path)
    assert out == "9\n"


def test_sentences_are_shown_when_they_lie_beside_the_plugin(tmp_path):
    path = one_broken(tmp_path)
    options = ("-Y", "smb3x.rule", "-T", "fields", "-e", "smb3x.sentence",
               "-e", "smb3x.source", "-e", "smb3x.read")
    assert tshark(path, *options, tmp_path=tmp_path).strip() == ""
    sentences = os.environ.get("SENTENCES")
    if not sentences:
        pytest.skip("SENTENCES names no smb3x.rules")
    (tmp_path / "smb3x.rules").write_bytes(
        pathlib.Path(sentences).read_bytes())
    shown = tshark(path, *options, tmp_path=tmp_path).strip().split("\t")
    assert "StructureSize" in shown[0] and shown[0].startswith(
        "The server MUST")
    assert shown[1].startswith("MS-SMB2 ")
    assert shown[2] == "core.html#CORE-HEADER-0001"

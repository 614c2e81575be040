# SPDX-License-Identifier: MIT
"""Plays about durable opens, replays, sequences and directory leases, as in
leases.py.
"""
import scene as s
from leases import case
from scene import RH, RWH


LEASE_OF_OPEN = s.v2(s.key(1), RWH, 1)


def lost(p, lease=True, guid=1):
    """A durable open whose connection is lost; (file, new connection)."""
    a = p.client(1)
    if lease:
        file = a.open("f", more=[s.dh2q()], given=[s.durable()])
    else:
        file = a.plain("f", s.BATCH, more=[s.dh2q()], answers=[s.durable()])
    a.end()
    return file, p.client(guid)


def back(b, file, *parts):
    """The open is taken up; `parts` are the contexts of the request."""
    b.grant(b.ask("f", parts), [LEASE_OF_OPEN], file=file)


# Asking for durable opens.

@case("LEASE-CLIENT-0024")
def second_version_in_2_1(p):
    p.client(1, dialect=0x0210).ask("f", [s.dh2q()], oplock=s.BATCH)
    p.broken("LEASE-CLIENT-0024", "client")


@case("LEASE-CLIENT-0025", "LEASE-DURABLE-0003")
def first_version_in_3(p):
    a = p.client(1)
    mid = a.ask("f", [s.dhnq()], oplock=s.BATCH)
    p.broken("LEASE-CLIENT-0025", "client")
    a.grant(mid, [(b"DHnQ", bytes(8))], oplock=s.LEVEL2)
    p.broken("LEASE-DURABLE-0003", "server")


@case("LEASE-CLIENT-0026", "LEASE-DURABLE-0005")
def both_versions(p):
    a = p.client(1)
    mid = a.ask("f", [s.dhnq(), s.dh2q()], oplock=s.BATCH)
    p.broken("LEASE-CLIENT-0026", "client")
    a.grant(mid, oplock=s.BATCH)
    p.broken("LEASE-DURABLE-0005", "server")


@case("LEASE-CLIENT-0027", "LEASE-DURABLE-0008")
def durable_for_nothing(p):
    a = p.client(1)
    mid = a.ask("f", [s.dh2q()], oplock=s.NONE)
    p.broken("LEASE-CLIENT-0027", "client")
    a.grant(mid, [s.durable()], oplock=s.NONE)
    p.broken("LEASE-DURABLE-0008", "server")


@case("LEASE-CLIENT-0028", "LEASE-CLIENT-0029", "LEASE-DURABLE-0011")
def odd_flags(p):
    a = p.client(1)
    a.ask("f", [s.dh2q(reserved=1)], oplock=s.BATCH)
    p.broken("LEASE-CLIENT-0028", "client")
    mid = a.ask("f", [s.dh2q(2, flags=2)], oplock=s.BATCH)
    p.broken("LEASE-CLIENT-0029", "client")
    a.grant(mid, [s.durable(flags=2)], oplock=s.BATCH)
    p.broken("LEASE-DURABLE-0011", "server")


@case("LEASE-DURABLE-0004")
def durable_directory(p):
    a = p.client(1, dialect=0x0210)
    a.plain("d", s.BATCH, more=[s.dhnq()], answers=[(b"DHnQ", bytes(8))],
            attributes=0x10)
    p.broken("LEASE-DURABLE-0004", "server")
    p.broken("LEASE-OPLOCK-0006", "server")


@case("LEASE-DURABLE-0006")
def wrong_length(p):
    a = p.client(1)
    a.plain("f", s.BATCH, more=[(b"DH2Q", bytes(30))])
    p.broken("LEASE-DURABLE-0006", "server")


@case("LEASE-DURABLE-0009", "LEASE-DURABLE-0010")
def timeouts(p):
    a = p.client(1)
    a.open("f", more=[s.dh2q(timeout=1000)], given=[s.durable(2000)])
    p.broken("LEASE-DURABLE-0009", "server")
    a.open("g", lease=2, more=[s.dh2q(2)], given=[s.durable(0)])
    p.broken("LEASE-DURABLE-0010", "server")


@case("LEASE-CLIENT-0030", "LEASE-DURABLE-0012")
def guid_twice(p):
    a = p.client(1)
    a.open("f", more=[s.dh2q()], given=[s.durable()])
    mid = a.ask("f", [s.v2(s.key(1), RWH, 1), s.dh2q()])
    p.broken("LEASE-CLIENT-0030", "client")
    a.grant(mid, [s.v2(s.key(1), RWH, 1), s.durable()])
    p.broken("LEASE-DURABLE-0012", "server")


# Taking them up again.

@case("LEASE-CLIENT-0031", "LEASE-RECONNECT-0005")
def closed_open(p):
    a = p.client(1)
    file = a.open("f", more=[s.dh2q()], given=[s.durable()])
    a.close(file)
    a.end()
    b = p.client(1)
    mid = b.ask("f", [LEASE_OF_OPEN, s.dh2c(file)])
    p.broken("LEASE-CLIENT-0031", "client")
    b.grant(mid, [LEASE_OF_OPEN], file=file)
    p.broken("LEASE-RECONNECT-0005", "server")


@case("LEASE-CLIENT-0032", "LEASE-RECONNECT-0013")
def other_guid(p):
    file, b = lost(p)
    mid = b.ask("f", [LEASE_OF_OPEN, s.dh2c(file, 7)])
    p.broken("LEASE-CLIENT-0032", "client")
    b.grant(mid, [LEASE_OF_OPEN], file=file)
    p.broken("LEASE-RECONNECT-0013", "server")


@case("LEASE-CLIENT-0033", "LEASE-RECONNECT-0007", "LEASE-RECONNECT-0019")
def without_lease(p):
    file, b = lost(p)
    mid = b.ask("f", [s.dh2c(file)], oplock=s.BATCH)
    p.broken("LEASE-CLIENT-0033", "client")
    b.grant(mid, oplock=s.BATCH, file=file)
    p.broken("LEASE-RECONNECT-0007", "server")
    p.broken("LEASE-RECONNECT-0019", "server")


@case("LEASE-CLIENT-0033", "LEASE-RECONNECT-0009")
def other_key(p):
    file, b = lost(p)
    mid = b.ask("f", [s.v2(s.key(2), RWH, 1), s.dh2c(file)])
    p.broken("LEASE-CLIENT-0033", "client")
    b.grant(mid, [s.v2(s.key(2), RWH, 1)], file=file)
    p.broken("LEASE-RECONNECT-0009", "server")


@case("LEASE-CLIENT-0034", "LEASE-RECONNECT-0008")
def with_lease(p):
    file, b = lost(p, lease=False)
    mid = b.ask("f", [LEASE_OF_OPEN, s.dh2c(file)])
    p.broken("LEASE-CLIENT-0034", "client")
    b.grant(mid, [LEASE_OF_OPEN], file=file)
    p.broken("LEASE-RECONNECT-0008", "server")


@case("LEASE-CLIENT-0035", "LEASE-RECONNECT-0014")
def as_persistent(p):
    file, b = lost(p)
    mid = b.ask("f", [LEASE_OF_OPEN, s.dh2c(file, flags=2)])
    p.broken("LEASE-CLIENT-0035", "client")
    b.grant(mid, [LEASE_OF_OPEN], file=file)
    p.broken("LEASE-RECONNECT-0014", "server")


@case("LEASE-CLIENT-0036", "LEASE-RECONNECT-0010")
def other_client(p):
    file, b = lost(p, guid=2)
    mid = b.ask("f", [LEASE_OF_OPEN, s.dh2c(file)])
    p.broken("LEASE-CLIENT-0036", "client")
    b.grant(mid, [LEASE_OF_OPEN], file=file)
    p.broken("LEASE-RECONNECT-0010", "server")


@case("LEASE-RECONNECT-0003", "LEASE-RECONNECT-0012",
      "LEASE-RECONNECT-0020")
def odd_answers(p):
    file, b = lost(p)
    mid = b.ask("g", [LEASE_OF_OPEN, s.dh2c(file)])
    b.grant(mid, [LEASE_OF_OPEN, s.durable()])
    for rule in ("0003", "0012", "0020"):
        p.broken(f"LEASE-RECONNECT-{rule}", "server")


@case("LEASE-RECONNECT-0006")
def still_connected(p):
    a = p.client(1)
    file = a.open("f", more=[s.dh2q()], given=[s.durable()])
    back(a, file, LEASE_OF_OPEN, s.dh2c(file))
    p.broken("LEASE-RECONNECT-0006", "server")


@case("LEASE-RECONNECT-0015", "LEASE-RECONNECT-0016")
def mixed_with_requests(p):
    file, b = lost(p)
    mid = b.ask("f", [LEASE_OF_OPEN, s.dhnc(file), s.dh2q(2)])
    p.broken("LEASE-CLIENT-0026", "client")
    b.grant(mid, [LEASE_OF_OPEN], file=file)
    p.broken("LEASE-RECONNECT-0015", "server")
    b.end()
    e = p.client(1)
    mid = e.ask("f", [LEASE_OF_OPEN, s.dh2c(file), s.dh2q(3)])
    p.broken("LEASE-CLIENT-0026", "client")
    e.grant(mid, [LEASE_OF_OPEN], file=file)
    p.broken("LEASE-RECONNECT-0016", "server")


@case("LEASE-DURABLE-0015")
def was_not_durable(p):
    a = p.client(1)
    file = a.open("f")
    a.end()
    b = p.client(1)
    back(b, file, LEASE_OF_OPEN, s.dh2c(file))
    p.broken("LEASE-DURABLE-0015", "server")


# Replays.

@case("LEASE-CLIENT-0037")
def replay_in_2_1(p):
    p.client(1, dialect=0x0210).ask("f", oplock=s.NONE, flags=s.REPLAY)
    p.broken("LEASE-CLIENT-0037", "client")


@case("LEASE-CLIENT-0038")
def replay_of_nothing(p):
    a = p.client(1)
    a.ask("f", [s.v2(s.key(1), RWH), s.dh2q()], flags=s.REPLAY)
    p.broken("LEASE-CLIENT-0038", "client")
    a.ask("f", oplock=s.NONE, flags=s.REPLAY)
    p.broken("LEASE-CLIENT-0038", "client")


@case("LEASE-CLIENT-0039", "LEASE-CLIENT-0040")
def replay_flags(p):
    a = p.client(1)
    file = a.plain("f")
    a.written(a.ask_write(file, flags=s.REPLAY))
    p.frame_before("LEASE-CLIENT-0039", "client")
    a.flush(file, flags=s.REPLAY)
    p.frame_before("LEASE-CLIENT-0040", "client")


@case("LEASE-REPLAY-0001")
def replay_with_another_open(p):
    a = p.client(1)
    a.open("f", more=[s.dh2q()], given=[s.durable()])
    mid = a.ask("f", [LEASE_OF_OPEN, s.dh2q()], flags=s.REPLAY)
    a.grant(mid, [LEASE_OF_OPEN, s.durable()])
    p.broken("LEASE-REPLAY-0001", "server")


@case("LEASE-REPLAY-0001")
def replay_with_another_action(p):
    a = p.client(1)
    file = a.open("f", more=[s.dh2q()], given=[s.durable()], action=2)
    mid = a.ask("f", [LEASE_OF_OPEN, s.dh2q()], flags=s.REPLAY)
    a.grant(mid, [LEASE_OF_OPEN, s.durable()], file=file)
    p.broken("LEASE-REPLAY-0001", "server")


@case("LEASE-REPLAY-0004", "LEASE-REPLAY-0007")
def replay_with_another_key(p):
    a = p.client(1)
    file = a.open("f", more=[s.dh2q()], given=[s.durable()])
    mid = a.ask("f", [s.v2(s.key(2), RWH, 1), s.dh2q()], flags=s.REPLAY)
    p.broken("LEASE-CLIENT-0011", "client")
    a.grant(mid, [s.v2(s.key(2), RWH, 2), s.durable()], file=file)
    p.broken("LEASE-REPLAY-0004", "server")
    file = a.open("g", lease=3, more=[s.dh2q(3)], given=[s.durable()])
    a.write(file)
    mid = a.ask("g", [s.v2(s.key(3), RWH, 1), s.dh2q(3)], flags=s.REPLAY)
    a.grant(mid, [s.v2(s.key(3), RWH, 1), s.durable()], file=file)
    p.broken("LEASE-REPLAY-0007", "server")


# Sequences.

@case("LEASE-CLIENT-0041", "LEASE-SEQUENCE-0001")
def sequence_back(p):
    a = p.client(1)
    file = a.plain("f")
    a.sequence = 2
    a.write(file)
    a.sequence = 1
    mid = a.ask_write(file)
    p.broken("LEASE-CLIENT-0041", "client")
    a.written(mid)
    p.broken("LEASE-SEQUENCE-0001", "server")


@case("LEASE-CLIENT-0042", "LEASE-CLIENT-0044")
def lock_numbers(p):
    a = p.client(1)
    file = a.plain("f")
    a.ask_lock(file, 65, 1)
    p.broken("LEASE-CLIENT-0042", "client")
    a.locked(a.ask_lock(file, 1, 1))
    a.ask_lock(file, 1, 1, offset=5)
    p.broken("LEASE-CLIENT-0044", "client")


@case("LEASE-CLIENT-0043")
def lock_number_for_nothing(p):
    a = p.client(1, capabilities=0x27)
    a.ask_lock(a.plain("f"), 1, 1)
    p.broken("LEASE-CLIENT-0043", "client")


@case("LEASE-LOCKSEQ-0001")
def lock_done_twice(p):
    a = p.client(1)
    file = a.open("f", more=[s.dh2q()], given=[s.durable()])
    a.locked(a.ask_lock(file, 1, 1))
    a.fail(10, a.ask_lock(file, 1, 1), 0xC0000055)
    p.broken("LEASE-LOCKSEQ-0001", "server")


@case("LEASE-RESILIENT-0001", "LEASE-RESILIENT-0002")
def resilient(p):
    a = p.client(1)
    file = a.plain("f")
    a.ioctl(file, 0x1401D4, output=bytes(8))
    p.broken("LEASE-RESILIENT-0001", "server")
    a.ioctl(file, 0x1401D4, bytes(4))
    p.broken("LEASE-RESILIENT-0002", "server")


# Directories.

def entry(p, later):
    """b changes something in a directory that a has a lease on; no break."""
    a, b = p.client(1), p.client(2)
    a.directory("d")
    later(b)
    p.wait(2)
    b.echo()


@case("DIRL-BREAK-0001")
def entry_made(p):
    entry(p, lambda b: b.plain("d\\f", disposition=2, action=2))
    p.broken("DIRL-BREAK-0001", "server")


@case("DIRL-BREAK-0003")
def entry_overwritten(p):
    entry(p, lambda b: b.plain("d\\f", disposition=5, action=3))
    p.broken("DIRL-BREAK-0003", "server")


@case("DIRL-BREAK-0004")
def entry_written(p):
    def later(b):
        file = b.plain("d\\f")
        b.write(file)
        b.close(file)
    entry(p, later)
    p.broken("DIRL-BREAK-0004", "server")


@case("DIRL-BREAK-0006")
def entry_sized(p):
    entry(p, lambda b: b.set_info(b.plain("d\\f"), 20, bytes(8)))
    p.broken("DIRL-BREAK-0006", "server")


@case("DIRL-BREAK-0007")
def entry_attributes(p):
    entry(p, lambda b: b.set_info(b.plain("d\\f"), 4, bytes(32) +
                                  b"\2\0\0\0\0\0\0\0"))
    p.broken("DIRL-BREAK-0007", "server")


@case("DIRL-RENAME-0001")
def entry_renamed(p):
    entry(p, lambda b: b.rename(b.plain("d\\f"), "d\\g"))
    p.broken("DIRL-RENAME-0001", "server")


@case("DIRL-RENAME-0002")
def entry_moved(p):
    entry(p, lambda b: b.rename(b.plain("d\\f"), "g"))
    p.broken("DIRL-RENAME-0002", "server")


@case("DIRL-DELETE-0001")
def entry_removed(p):
    def later(b):
        file = b.plain("d\\f")
        b.set_info(file, 13, b"\1")
        b.close(file)
    entry(p, later)
    p.broken("DIRL-DELETE-0001", "server")


@case("DIRL-BREAK-0009")
def own_entry(p):
    a = p.client(1)
    a.directory("d")
    a.ask("d\\f", [s.v2(s.key(2), RH, parent=s.key(1))], disposition=2)
    a.lease_break(old=RH, new=0)
    p.broken("DIRL-BREAK-0009", "server")

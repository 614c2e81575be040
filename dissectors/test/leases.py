# SPDX-License-Identifier: MIT
"""Plays about oplocks, leases and durable opens: good ones that break no rule,
and one for each rule of areas LEASE and DIRL that the dissector judges.
"""
import scene as s
from scene import H, R, RH, RW, RWH, W

GOOD, CASES = {}, {}


def good(play):
    GOOD[play.__name__] = play
    return play


def case(*rules):
    def register(play):
        for rule in rules:
            CASES.setdefault(rule, []).append(play)
        return play
    return register


# What is right.

@good
def file_lease(p):
    a, b = p.client(1), p.client(2)
    mine = a.open("f")
    mid = b.ask("f", [s.v2(s.key(2), RH)])
    a.lease_break()
    a.acknowledge()
    yours = b.grant(mid, [s.v2(s.key(2), RH, 1)])
    a.write(mine)
    b.lease_break(lease=2, old=RH, new=0)
    b.acknowledge(lease=2, state=0)
    b.close(yours)
    a.close(mine)


@good
def stays_open(p):
    a = p.client(1)
    a.open("f", state=R)
    a.open("f", state=RWH, epoch=1, answer=s.v2(s.key(1), RWH, 2))
    a.lease_break(epoch=3)
    a.open("f", state=R, epoch=3, answer=s.v2(s.key(1), RWH, 3, flags=2))
    a.acknowledge()
    a.lease_break(old=RH, new=0, epoch=3)  # remembered: adds nothing
    a.acknowledge(state=0)


@good
def versions_and_states(p):
    a = p.client(1, dialect=0x0210)
    mid = a.ask("g", [s.v1(s.key(3), RWH)])
    a.grant(mid, [s.v1(s.key(3), RWH)])
    a.lease_break(lease=3, epoch=0)
    a.acknowledge(lease=3)
    a.plain("n", s.BATCH)


@good
def directories(p):
    a, b = p.client(1), p.client(2)
    a.directory("d")
    mine = a.open("d\\f", lease=2, parent=s.key(1), disposition=2, action=2)
    a.write(mine)
    a.close(mine)
    mid = b.ask("d\\g", [s.v2(s.key(5), R)], disposition=2)
    a.lease_break(old=RH, new=0)
    b.grant(mid, [s.v2(s.key(5), R, 1)], action=2)
    a.acknowledge(state=0)
    p.wait(2)
    b.echo()


@good
def oplocks(p):
    a, b = p.client(1), p.client(2)
    file = a.plain("f", s.BATCH)
    mid = b.ask("f", oplock=s.NONE)
    a.oplock_break(file)
    ack = a.oplock_ack(file)
    a.oplock_acked(ack, file)
    other = b.grant(mid, oplock=s.NONE)
    b.write(other)
    a.oplock_break(file, s.NONE)


@good
def durable_and_replay(p):
    a = p.client(1)
    file = a.open("f", more=[s.dh2q()], given=[s.durable()])
    a.end()
    b = p.client(1)
    mid = b.ask("f", [s.v2(s.key(1), RWH, 1), s.dh2c(file)])
    b.grant(mid, [s.v2(s.key(1), RWH, 1)], file=file)
    b.close(file)
    mid = b.ask("g", [s.v2(s.key(2), RWH), s.dh2q(2)])
    file = b.grant(mid, [s.v2(s.key(2), RWH, 1), s.durable()])
    mid = b.ask("g", [s.v2(s.key(2), RWH), s.dh2q(2)], flags=s.REPLAY)
    b.grant(mid, [s.v2(s.key(2), RWH, 1), s.durable()], file=file)
    mid = b.ask_lock(file, 1, 1)
    b.locked(mid)
    b.locked(b.ask_lock(file, 1, 1))
    b.locked(b.ask_lock(file, 1, 2, offset=9))


@good
def waits_and_closes(p):
    a, b = p.client(1), p.client(2)
    mine = a.open("f")
    mid = b.ask("f", [s.v2(s.key(2), RWH)], disposition=5)
    a.lease_break(new=0)
    a.close(mine)
    b.grant(mid, [s.v2(s.key(2), RWH, 1)], action=3)
    p.wait(60)
    b.echo()


@good
def lost_connection(p):
    a, b = p.client(1), p.client(2)
    a.open("f")
    a.end()
    b.open("f", lease=2)
    b.plain("f", oplock=s.NONE, access=0x80)


# CREATE: the client.

@case("LEASE-CLIENT-0001")
def level_of_batch(p):
    p.client(1).ask("f", [s.v2(s.key(1), R)], oplock=s.BATCH)
    p.broken("LEASE-CLIENT-0001", "client")


@case("LEASE-CLIENT-0002")
def no_context(p):
    p.client(1).ask("f")
    p.broken("LEASE-CLIENT-0002", "client")


@case("LEASE-CLIENT-0003")
def without_leasing(p):
    p.client(1, capabilities=4).ask("f", [s.v2(s.key(1), R)])
    p.broken("LEASE-CLIENT-0003", "client")


@case("LEASE-CLIENT-0004")
def first_version(p):
    p.client(1).ask("f", [s.v1(s.key(1), R)])
    p.broken("LEASE-CLIENT-0004", "client")


@case("LEASE-CLIENT-0005", "LEASE-GRANT-0004")
def second_version(p):
    a = p.client(1, dialect=0x0210)
    mid = a.ask("f", [s.v2(s.key(1), R)])
    p.broken("LEASE-CLIENT-0005", "client")
    a.grant(mid, [s.v2(s.key(1), R, 1)])
    p.broken("LEASE-GRANT-0004", "server")


@case("LEASE-CLIENT-0006", "LEASE-CLIENT-0007", "LEASE-CLIENT-0008")
def odd_context(p):
    a = p.client(1)
    a.ask("f", [s.v2(s.key(1), R | 8)])
    p.broken("LEASE-CLIENT-0006", "client")
    a.ask("f", [s.v2(s.key(1), R, flags=2)])
    p.broken("LEASE-CLIENT-0007", "client")
    a.ask("f", [s.v2(s.key(1), R, reserved=1)])
    p.broken("LEASE-CLIENT-0008", "client")
    a.ask("f", [s.v2(s.key(1), R, duration=1)])
    p.broken("LEASE-CLIENT-0008", "client")


@case("LEASE-CLIENT-0009", "LEASE-GRANT-0007")
def without_read(p):
    a = p.client(1)
    mid = a.ask("f", [s.v2(s.key(1), H | W)])
    p.broken("LEASE-CLIENT-0009", "client")
    a.grant(mid, [s.v2(s.key(1), R, 1)])
    p.broken("LEASE-GRANT-0007", "server")


@case("LEASE-CLIENT-0010", "LEASE-GRANT-0012")
def one_key(p):
    a = p.client(1)
    a.open("f", state=R)
    mid = a.ask("g", [s.v2(s.key(1), R, 1)])
    p.broken("LEASE-CLIENT-0010", "client")
    a.grant(mid, [s.v2(s.key(1), R, 1)], created=8)
    p.broken("LEASE-GRANT-0012", "server")


@case("LEASE-CLIENT-0011")
def two_keys(p):
    a = p.client(1)
    a.open("f", state=R)
    a.ask("F", [s.v2(s.key(2), R)])
    p.broken("LEASE-CLIENT-0011", "client")


@case("DIRL-CLIENT-0001", "DIRL-GRANT-0006")
def without_directory_leasing(p):
    a = p.client(1, capabilities=0xF)
    mid = a.ask("d", [s.v2(s.key(1), R)], options=1)
    p.broken("DIRL-CLIENT-0001", "client")
    a.grant(mid, [s.v2(s.key(1), R, 1)], attributes=0x10)
    p.broken("DIRL-GRANT-0006", "server")


@case("DIRL-CLIENT-0002", "DIRL-CLIENT-0003", "DIRL-CLIENT-0004")
def parent_forgotten(p):
    a = p.client(1)
    a.directory("d")
    a.ask("d\\f", [s.v2(s.key(2), R)])
    p.broken("DIRL-CLIENT-0002", "client")
    a.ask("d\\f", [s.v2(s.key(2), R, parent=s.key(7))])
    p.broken("DIRL-CLIENT-0003", "client")
    a.ask("d\\g", oplock=s.NONE, disposition=2)
    p.broken("DIRL-CLIENT-0004", "client")


# CREATE: the server.

@case("LEASE-GRANT-0002")
def not_asked(p):
    a = p.client(1)
    mid = a.ask("f", [s.v2(s.key(1), R)], oplock=s.BATCH)
    p.broken("LEASE-CLIENT-0001", "client")
    a.grant(mid, [s.v2(s.key(1), R, 1)])
    p.broken("LEASE-GRANT-0002", "server")
    p.broken("CORE-CREATE-0063", "server")


@case("LEASE-GRANT-0003")
def odd_length(p):
    a = p.client(1)
    mid = a.ask("f", [(b"RqLs", bytes(33))])
    a.grant(mid, oplock=s.NONE)
    p.broken("LEASE-GRANT-0003", "server")


@case("LEASE-GRANT-0005")
def answer_form(p):
    a = p.client(1)
    mid = a.ask("f", [s.v2(s.key(1), R)])
    a.grant(mid, [s.v2(s.key(2), R, 1)])
    p.broken("LEASE-GRANT-0005", "server")
    mid = a.ask("g", [s.v2(s.key(3), R)])
    a.grant(mid)
    p.broken("LEASE-GRANT-0005", "server")
    mid = a.ask("h", [s.v2(s.key(4), R)])
    a.grant(mid, [s.v2(s.key(4), R, 1)], oplock=s.LEVEL2)
    p.broken("LEASE-GRANT-0005", "server")


@case("LEASE-GRANT-0008", "LEASE-GRANT-0017", "LEASE-GRANT-0018")
def answer_fields(p):
    a = p.client(1)
    a.open("f", answer=s.v2(s.key(1), RWH, 1, duration=1))
    p.broken("LEASE-GRANT-0008", "server")
    a.open("d\\g", lease=2, parent=s.key(9), answer=s.v2(s.key(2), RWH, 1))
    p.broken("LEASE-GRANT-0017", "server")
    a.open("d\\h", lease=3, answer=s.v2(s.key(3), RWH, 1, s.key(9)))
    p.broken("LEASE-GRANT-0018", "server")


@case("LEASE-GRANT-0011", "LEASE-EPOCH-0003", "LEASE-EPOCH-0004")
def joined(p):
    a = p.client(1)
    a.open("f", state=RH)
    a.open("f", state=R, epoch=1, answer=s.v2(s.key(1), R, 1))
    p.broken("LEASE-GRANT-0011", "server")
    a.open("f", state=RWH, epoch=1, answer=s.v2(s.key(1), RWH, 3))
    p.broken("LEASE-EPOCH-0003", "server")
    a.open("f", state=RWH, epoch=3, answer=s.v2(s.key(1), RWH, 4))
    p.broken("LEASE-EPOCH-0004", "server")


@case("LEASE-EPOCH-0001", "LEASE-EPOCH-0002", "LEASE-GRANT-0019")
def new_epoch(p):
    a = p.client(1)
    a.open("f", answer=s.v2(s.key(1), RWH, 5))
    p.broken("LEASE-EPOCH-0001", "server")
    a.open("g", lease=2, answer=s.v2(s.key(2), 0, 1))
    p.broken("LEASE-EPOCH-0002", "server")
    a.open("h", lease=3, answer=s.v1(s.key(3), RWH))
    p.broken("LEASE-GRANT-0019", "server")
    a.open("h", lease=3, answer=s.v2(s.key(3), RWH, 1))
    p.broken("LEASE-GRANT-0019", "server")


@case("LEASE-GRANT-0023")
def more_than_asked(p):
    p.client(1).open("f", state=R, granted=RWH)
    p.broken("LEASE-GRANT-0023", "server")


@case("LEASE-GRANT-0013", "LEASE-OPLOCK-0004")
def too_much(p):
    a, b = p.client(1), p.client(2)
    a.plain("f")
    b.open("f", state=RWH)
    p.broken("LEASE-GRANT-0013", "server")
    a.plain("g")
    b.plain("g", s.BATCH)
    p.broken("LEASE-OPLOCK-0004", "server")


@case("LEASE-GRANT-0016")
def no_break_in_progress(p):
    a = p.client(1)
    a.open("f")
    a.lease_break()
    a.open("f", state=R, epoch=2, answer=s.v2(s.key(1), RWH, 2))
    p.broken("LEASE-GRANT-0016", "server")


@case("LEASE-OPLOCK-0006", "DIRL-GRANT-0003", "DIRL-GRANT-0005")
def directory_caching(p):
    a = p.client(1)
    a.plain("d", s.LEVEL2, attributes=0x10)
    p.broken("LEASE-OPLOCK-0006", "server")
    a.directory("e", state=RWH)
    p.broken("DIRL-GRANT-0003", "server")
    mid = a.ask("g", [s.v1(s.key(2), R)])
    p.broken("LEASE-CLIENT-0004", "client")
    a.grant(mid, [s.v1(s.key(2), R)], attributes=0x10)
    p.broken("DIRL-GRANT-0005", "server")


# Breaks.

@case("LEASE-BREAK-0001", "LEASE-BREAK-0002")
def not_broken(p):
    a, b = p.client(1), p.client(2)
    a.open("f")
    b.plain("f")
    p.broken("LEASE-BREAK-0001", "server")
    a.open("g", lease=2, state=RW)
    b.plain("g")
    p.broken("LEASE-BREAK-0002", "server")


@case("LEASE-BREAK-0024")
def not_waited(p):
    a, b = p.client(1), p.client(2)
    a.open("f")
    mid = b.ask("f", oplock=s.NONE)
    a.lease_break()
    b.grant(mid, oplock=s.NONE)
    p.broken("LEASE-BREAK-0024", "server")


def change(p, state, later):
    """b changes a file on which a holds a lease; no break comes."""
    a, b = p.client(1), p.client(2)
    a.open("f", state=state)
    later(b)
    p.wait(2)
    b.echo()


@case("LEASE-BREAK-0005")
def overwritten(p):
    change(p, RH, lambda b: b.plain("f", disposition=5, action=3))
    p.broken("LEASE-BREAK-0005", "server")


@case("LEASE-BREAK-0011")
def written(p):
    change(p, R, lambda b: b.write(b.plain("f")))
    p.broken("LEASE-BREAK-0011", "server")


@case("LEASE-BREAK-0013")
def sized(p):
    change(p, R, lambda b: b.set_info(b.plain("f"), 20, bytes(8)))
    p.broken("LEASE-BREAK-0013", "server")


@case("LEASE-BREAK-0014")
def allocated(p):
    change(p, R, lambda b: b.set_info(b.plain("f"), 19, bytes(8)))
    p.broken("LEASE-BREAK-0014", "server")


@case("LEASE-BREAK-0015")
def zeroed(p):
    change(p, R, lambda b: b.ioctl(b.plain("f"), 0x980C8, bytes(16)))
    p.broken("LEASE-BREAK-0015", "server")


@case("LEASE-BREAK-0020", "LEASE-BREAK-0021", "LEASE-BREAK-0022",
      "LEASE-BREAK-0023", "LEASE-OPLOCK-0025", "LEASE-OPLOCK-0027")
def break_form(p):
    a = p.client(1)
    a.open("f")
    a.lease_break(ack=False)
    p.broken("LEASE-BREAK-0020", "server")
    a.open("g", lease=2)
    a.lease_break(lease=2, old=RH, new=R)
    p.broken("LEASE-BREAK-0021", "server")
    a.open("h", lease=3, state=RH)
    a.lease_break(lease=3, old=RH, new=RWH)
    p.broken("LEASE-BREAK-0021", "server")
    a.open("i", lease=4)
    a.lease_break(lease=4, session=7)
    p.broken("LEASE-BREAK-0022", "server")
    a.open("j", lease=5)
    a.lease_break(lease=5, reason=1)
    p.broken("LEASE-BREAK-0023", "server")
    a.open("k", lease=6)
    a.lease_break(lease=6, mid=77)
    p.broken("CORE-HEADER-0004", "server")
    p.broken("LEASE-OPLOCK-0025", "server")
    a.open("l", lease=7)
    a.lease_break(lease=7, flags=9, signature=b"\x55" * 16)
    p.broken("LEASE-OPLOCK-0027", "server")


@case("LEASE-BREAK-0021")
def nobody_holds_it(p):
    a = p.client(1)
    a.close(a.open("f"))
    a.lease_break()
    p.broken("LEASE-BREAK-0021", "server")


@case("LEASE-BREAK-0027", "LEASE-BREAK-0031")
def broken_again(p):
    a, b = p.client(1), p.client(2)
    a.open("f")
    a.lease_break()
    a.lease_break(old=RWH, new=0, epoch=3)
    p.broken("LEASE-BREAK-0027", "server")
    b.lease_break()
    p.broken("LEASE-BREAK-0031", "server")


@case("LEASE-EPOCH-0005", "LEASE-EPOCH-0006")
def break_epoch(p):
    a, b = p.client(1), p.client(2, dialect=0x0210)
    a.open("f")
    a.lease_break(epoch=9)
    p.broken("LEASE-EPOCH-0005", "server")
    mid = b.ask("g", [s.v1(s.key(1), RWH)])
    b.grant(mid, [s.v1(s.key(1), RWH)])
    b.lease_break(epoch=1)
    p.broken("LEASE-EPOCH-0006", "server")


# Acknowledgments.

@case("LEASE-CLIENT-0012")
def never_acknowledged(p):
    a, b = p.client(1), p.client(2)
    a.open("f")
    a.lease_break()
    p.wait(40)
    b.echo()
    p.frame_before("LEASE-CLIENT-0012", "client")


@case("LEASE-CLIENT-0012")
def acknowledged_too_late(p):
    a = p.client(1)
    a.open("f")
    a.lease_break()
    p.wait(6)
    a.fail(18, a.ack(), s.UNSUCCESSFUL)
    p.broken("LEASE-CLIENT-0012", "client")


@case("LEASE-CLIENT-0013", "LEASE-ACK-0004")
def acknowledged_more(p):
    a = p.client(1)
    a.open("f")
    a.lease_break(new=R)
    mid = a.ack(state=RH)
    p.broken("LEASE-CLIENT-0013", "client")
    a.acked(mid, state=RH)
    p.broken("LEASE-ACK-0004", "server")


@case("LEASE-CLIENT-0014", "LEASE-ACK-0003")
def acknowledged_nothing(p):
    a = p.client(1)
    a.open("f")
    mid = a.ack(state=R)
    p.broken("LEASE-CLIENT-0014", "client")
    a.acked(mid, state=R)
    p.broken("LEASE-ACK-0003", "server")


@case("LEASE-CLIENT-0014")
def acknowledged_twice(p):
    a = p.client(1)
    a.open("f")
    a.lease_break()
    a.ack()
    a.ack()
    p.broken("LEASE-CLIENT-0014", "client")


@case("LEASE-CLIENT-0015", "LEASE-ACK-0001")
def acknowledged_by_another(p):
    a, b = p.client(1), p.client(2)
    a.open("f")
    a.lease_break()
    mid = b.ack()
    p.broken("LEASE-CLIENT-0015", "client")
    b.acked(mid)
    p.broken("LEASE-ACK-0001", "server")


@case("LEASE-CLIENT-0016")
def acknowledged_after_close(p):
    a = p.client(1)
    file = a.open("f")
    a.lease_break()
    a.close(file)
    a.ack()
    p.broken("LEASE-CLIENT-0016", "client")


@case("LEASE-CLIENT-0017", "LEASE-ACK-0006", "LEASE-ACK-0007")
def acknowledgment_fields(p):
    a = p.client(1)
    a.open("f")
    a.lease_break()
    mid = a.ack(flags=1)
    p.broken("LEASE-CLIENT-0017", "client")
    a.acked(mid, state=R)
    p.broken("LEASE-ACK-0006", "server")
    a.open("g", lease=2)
    a.lease_break(lease=2)
    a.acked(a.ack(lease=2), lease=2, flags=1)
    p.broken("LEASE-ACK-0007", "server")


@case("LEASE-ACK-0006")
def acknowledgment_refused(p):
    a = p.client(1)
    a.open("f")
    a.lease_break()
    a.fail(18, a.ack(), s.NOT_FOUND)
    p.broken("LEASE-ACK-0006", "server")


# Oplocks.

@case("LEASE-CLIENT-0018")
def oplock_never_acknowledged(p):
    a, b = p.client(1), p.client(2)
    file = a.plain("f", s.BATCH)
    a.oplock_break(file)
    p.wait(40)
    b.echo()
    p.frame_before("LEASE-CLIENT-0018", "client")


@case("LEASE-CLIENT-0019", "LEASE-OPLOCKACK-0005")
def level_two_acknowledged(p):
    a = p.client(1)
    file = a.plain("f", s.LEVEL2)
    a.oplock_break(file, s.NONE)
    mid = a.oplock_ack(file, s.NONE)
    p.broken("LEASE-CLIENT-0019", "client")
    a.oplock_acked(mid, file, s.NONE)
    p.broken("LEASE-OPLOCKACK-0005", "server")


@case("LEASE-CLIENT-0020", "LEASE-OPLOCKACK-0003", "LEASE-OPLOCKACK-0004")
def oplock_acknowledged_more(p):
    a = p.client(1)
    file = a.plain("f", s.BATCH)
    a.oplock_break(file)
    mid = a.oplock_ack(file, s.BATCH)
    p.broken("LEASE-CLIENT-0020", "client")
    a.oplock_acked(mid, file, s.BATCH)
    p.broken("LEASE-OPLOCKACK-0004", "server")
    file = a.plain("g", s.BATCH)
    a.oplock_break(file)
    mid = a.oplock_ack(file, s.LEASE)
    p.broken("LEASE-CLIENT-0020", "client")
    a.oplock_acked(mid, file, s.LEVEL2)
    p.broken("LEASE-OPLOCKACK-0003", "server")


@case("LEASE-OPLOCKACK-0001")
def oplock_acknowledgment_refused(p):
    a = p.client(1)
    file = a.plain("f", s.BATCH)
    a.oplock_break(file)
    a.fail(18, a.oplock_ack(file), s.INVALID)
    p.broken("LEASE-OPLOCKACK-0001", "server")
    file = a.plain("g", s.BATCH)
    a.oplock_break(file)
    a.oplock_acked(a.oplock_ack(file), file, s.NONE)
    p.broken("LEASE-OPLOCKACK-0001", "server")


@case("LEASE-OPLOCK-0008", "LEASE-OPLOCK-0009", "LEASE-OPLOCK-0015")
def oplock_not_broken(p):
    a, b = p.client(1), p.client(2)
    a.plain("f", s.BATCH)
    b.plain("f")
    p.broken("LEASE-OPLOCK-0008", "server")
    a.plain("g", s.EXCLUSIVE)
    b.plain("g")
    p.broken("LEASE-OPLOCK-0009", "server")
    file = a.plain("h", s.BATCH)
    mid = b.ask("h", oplock=s.NONE)
    a.oplock_break(file)
    b.grant(mid, oplock=s.NONE)
    p.broken("LEASE-OPLOCK-0015", "server")


@case("LEASE-OPLOCK-0024", "LEASE-OPLOCK-0026", "LEASE-OPLOCK-0027")
def oplock_break_form(p):
    a = p.client(1)
    file = a.plain("f", s.BATCH)
    a.oplock_break(file, s.EXCLUSIVE)
    p.broken("LEASE-OPLOCK-0024", "server")
    file = a.plain("g", s.BATCH)
    a.oplock_break(file, tree=5)
    p.broken("LEASE-OPLOCK-0026", "server")
    file = a.plain("h", s.BATCH)
    a.oplock_break(file, flags=9, signature=b"\x55" * 16)
    p.broken("LEASE-OPLOCK-0027", "server")

# SPDX-License-Identifier: MIT
"""The scapy layers on foreign bytes: what is dissected builds to the same
bytes, and field by field it is what tshark's own dissector shows."""
import os
import subprocess

import pytest
from conftest import captures
from pcapng import messages, packets
from scapy.packet import Packet
from smb3x_layers import Conversation

# tshark's field -> the fields of ours that it shows, all of them
FIELDS = {
    'smb2.msg_id': ['SMB2_HEADER.MessageId'],
    'smb2.credit.charge': ['SMB2_HEADER.CreditCharge'],
    'smb2.cmd': ['SMB2_HEADER.Command'],
    'smb2.create.disposition': ['SMB2_CREATE_REQUEST.CreateDisposition'],
    'smb.create_options': ['SMB2_CREATE_REQUEST.CreateOptions'],
    'smb.share_access': ['SMB2_CREATE_REQUEST.ShareAccess'],
    'smb2.create.action': ['SMB2_CREATE_RESPONSE.CreateAction'],
    'smb2.create.chain_offset': ['SMB2_CREATE_CONTEXT.Next'],
    'smb2.max_read_size': ['SMB2_NEGOTIATE_RESPONSE.MaxReadSize'],
    'smb2.max_write_size': ['SMB2_NEGOTIATE_RESPONSE.MaxWriteSize'],
    'smb2.lock_length': ['SMB2_LOCK_ELEMENT.Length'],
    'smb2.lock_flags': ['SMB2_LOCK_ELEMENT.Flags'],
    'smb2.ioctl.function': ['SMB2_IOCTL_REQUEST.CtlCode',
                            'SMB2_IOCTL_RESPONSE.CtlCode'],
    'smb2.ioctl.network_interfaces.link_speed':
        ['NETWORK_INTERFACE_INFO.LinkSpeed'],
    'smb2.windows.sockaddr.family': ['NETWORK_INTERFACE_INFO.Family'],
    'smb2.fsctl.cchunk.xfer_len': ['SRV_COPYCHUNK.Length'],
    'smb2.fsctl.cchunk.dst_offset': ['SRV_COPYCHUNK.TargetOffset'],
    'smb2.lease.lease_state': [
        'SMB2_CREATE_REQUEST_LEASE.LeaseState',
        'SMB2_CREATE_REQUEST_LEASE_V2.LeaseState',
        'SMB2_CREATE_RESPONSE_LEASE.LeaseState',
        'SMB2_CREATE_RESPONSE_LEASE_V2.LeaseState',
        'SMB2_LEASE_BREAK_NOTIFICATION.CurrentLeaseState',
        'SMB2_LEASE_BREAK_NOTIFICATION.NewLeaseState',
        'SMB2_LEASE_BREAK_ACKNOWLEDGMENT.LeaseState',
        'SMB2_LEASE_BREAK_RESPONSE.LeaseState'],
    'smb2.lease.lease_oplock': ['SMB2_CREATE_REQUEST_LEASE_V2.Epoch',
                                'SMB2_CREATE_RESPONSE_LEASE_V2.Epoch',
                                'SMB2_LEASE_BREAK_NOTIFICATION.NewEpoch'],
    'smb2.dh2x.timeout': ['SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2.Timeout',
                          'SMB2_CREATE_DURABLE_HANDLE_RESPONSE_V2.Timeout'],
    'smb.stream_size': ['FILE_STREAM_INFORMATION.StreamSize'],
    'smb.fs_sector_per_unit': [
        'FILE_FS_SIZE_INFORMATION.SectorsPerAllocationUnit',
        'FILE_FS_FULL_SIZE_INFORMATION.SectorsPerAllocationUnit'],
    'smb2.rename.replace_if': ['FILE_RENAME_INFORMATION.ReplaceIfExists'],
    'smb2.disposition.delete_on_close':
        ['FILE_DISPOSITION_INFORMATION.DeletePending'],
    'smb2.short_name_len': [
        'FILE_BOTH_DIRECTORY_INFORMATION.ShortNameLength',
        'FILE_ID_BOTH_DIRECTORY_INFORMATION.ShortNameLength'],
    'nt.sec_desc.type': ['SECURITY_DESCRIPTOR.Control'],
    'nt.acl.num_aces': ['ACL.AceCount'],
    'nt.ace.type': ['ACE.AceType'],
    'nt.ace.size': ['ACE.AceSize'],
}
OURS = {name: shown for shown, names in FIELDS.items() for name in names}
# An answer that was cut at the client's limit has no whole structure.
CUT = 'smb2 and not smb2.nt_status == 0x80000005'
SEALED = ('enc-', 'quic-', 'nrpc-')


def walk(pkt):
    """All structures of a message, in wire order of their fields."""
    yield pkt
    for f in pkt.fields_desc:
        value = pkt.getfieldval(f.name)
        for v in value if isinstance(value, list) else [value]:
            if isinstance(v, Packet):
                yield from walk(v)


def dissected(path):
    """(frame, bytes, [(header, body)]) of every plain message."""
    talks = {}
    with open(path, 'rb') as f:
        data = f.read()
    for frame, connection, pdu in messages(data):
        if pdu[:4] == b'\xfeSMB':
            talk = talks.setdefault(connection, Conversation())
            yield frame, pdu, talk.dissect(pdu)


@pytest.mark.parametrize('path', captures(), ids=os.path.basename)
def test_round_trip(path):
    count = 0
    for frame, pdu, parts in dissected(path):
        count += 1
        at = 0
        for header, body in parts:
            built = bytes(header) + bytes(body)
            size = header.NextCommand or len(pdu) - at
            assert built == pdu[at:at + size], f'frame {frame}'
            assert isinstance(body, Packet), f'frame {frame}: no layout'
            at += size
        assert at == len(pdu)
    assert count or os.path.basename(path).startswith(SEALED)


def numbers(path):
    """{(frame, tshark's field): values} as the layers see them."""
    found = {}
    for frame, _, parts in dissected(path):
        if any(header.Status == 0x80000005 for header, _ in parts):
            continue
        for part in (p for pair in parts for p in pair):
            for pkt in walk(part):
                for f in pkt.fields_desc:
                    shown = OURS.get(f'{pkt.name}.{f.name}')
                    if shown:
                        found.setdefault((frame, shown), []).append(
                            pkt.getfieldval(f.name))
    return found


COMPARED = [p for p in captures()
            if not os.path.basename(p).startswith(SEALED)]


@pytest.fixture(scope='module')
def shown(tmp_path_factory):
    """{capture: the same as tshark sees it}. One run for all captures, one
    behind the other in one file, because tshark is slow to start."""
    path = tmp_path_factory.mktemp('tshark') / 'all.pcapng'
    first, at = [], 0
    with open(path, 'wb') as out:
        for name in COMPARED:
            with open(name, 'rb') as f:
                data = f.read()
            out.write(data)
            first.append((at, name))
            at += sum(1 for _ in packets(data))
    names = list(FIELDS)
    run = subprocess.run(
        ['tshark', '-n', '-r', str(path), '-d', 'tcp.port==4463,nbss',
         '-Y', CUT, '-T', 'fields', '-E', 'occurrence=a', '-E',
         'aggregator=;', '-e', 'frame.number'] +
        [a for n in names for a in ('-e', n)],
        text=True, capture_output=True, check=True)
    found = {name: {} for name in COMPARED}
    for line in run.stdout.splitlines():
        frame, *cells = line.split('\t')
        before, name = max(p for p in first if p[0] < int(frame))
        for field, cell in zip(names, cells):
            if cell:
                found[name][int(frame) - before, field] = [
                    int(v, 0) for v in cell.split(';')]
    return found


@pytest.mark.parametrize('path', COMPARED, ids=os.path.basename)
def test_like_tshark(path, shown):
    ours, theirs = numbers(path), shown[path]
    assert theirs
    bad = [f'frame {k[0]} {k[1]}: ours {ours.get(k)}, tshark {v}'
           for k, v in theirs.items() if ours.get(k) != v]
    bad += [f'frame {k[0]} {k[1]}: ours {v}, tshark nothing'
            for k, v in ours.items() if k not in theirs]
    assert not bad, f'{len(bad)} differences:\n' + '\n'.join(bad[:15])


def test_all_fields_were_compared(shown):
    """No entry of the table is idle."""
    seen = {name for frames in shown.values() for _, name in frames}
    assert seen == set(FIELDS)

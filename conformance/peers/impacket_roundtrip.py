#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Drive a server with impacket: write a file, read it back on a second
connection and compare, then names and a listing. Run in the chroot of
samba-chroot by `interop`.

usage: impacket_roundtrip.py HOST PORT SHARE USER PASSWORD DIALECT MIB

DIALECT is hexadecimal (0202, 0210, 0300, 0311). Ends with 0 if all went
well, else prints the step that did not.
"""

import io
import os
import sys

from impacket.smbconnection import SMBConnection

DIRECTORY = "impacket-roundtrip"


def attach(host, port, user, password, dialect):
    """One authenticated connection of exactly that dialect."""
    connection = SMBConnection(
        host, host, sess_port=port, preferredDialect=dialect, timeout=60)
    if connection.getDialect() != dialect:
        raise RuntimeError(
            f"dialect 0x{connection.getDialect():04x} instead of"
            f" 0x{dialect:04x}")
    connection.login(user, password)
    return connection


def listing(connection, share):
    """Names in the directory, without the two dots."""
    found = connection.listPath(share, DIRECTORY + "\\*")
    return sorted(entry.get_longname() for entry in found
                  if entry.get_longname() not in (".", ".."))


def clear(connection, share):
    """What an earlier run may have left behind."""
    try:
        for name in listing(connection, share):
            connection.deleteFile(share, f"{DIRECTORY}\\{name}")
        connection.deleteDirectory(share, DIRECTORY)
    except Exception:  # pylint: disable=broad-except
        pass  # it was not there


def roundtrip(host, port, share, user, password, dialect, size):
    """Returns nothing; raises on the first difference."""
    data = os.urandom(size)
    path = DIRECTORY + "\\data"
    first = attach(host, port, user, password, dialect)
    clear(first, share)
    first.createDirectory(share, DIRECTORY)
    first.putFile(share, path, io.BytesIO(data).read)
    first.logoff()
    second = attach(host, port, user, password, dialect)
    back = io.BytesIO()
    second.getFile(share, path, back.write)
    if back.getvalue() != data:
        raise RuntimeError("what came back differs")
    second.rename(share, path, DIRECTORY + "\\renamed")
    if listing(second, share) != ["renamed"]:
        raise RuntimeError("the listing is wrong")
    second.deleteFile(share, DIRECTORY + "\\renamed")
    second.deleteDirectory(share, DIRECTORY)
    second.logoff()


def main():
    """Command line."""
    if len(sys.argv) != 8:
        sys.exit(__doc__)
    host, port, share, user, password, dialect, mib = sys.argv[1:]
    try:
        roundtrip(host, int(port), share, user, password,
                  int(dialect, 16), int(mib) << 20)
    except Exception as error:  # pylint: disable=broad-except
        print(f"{type(error).__name__}: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""Captures of QUIC packets on loopback, with their TLS secrets inside.

Needs the right to capture (dumpcap) and editcap. smb3xd sends packet by packet
(--quic-offload no), because a capture on loopback would otherwise see several
packets as one.
"""
import os
import pathlib
import socket
import subprocess
import tempfile
import time

USERS = ["--user", "tester:secret", "--user", "other:secret"]


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_server(program, folder, tcp, udp, options):
    """smb3xd on both transports; waits until it listens."""
    for share in ("data", "secret"):
        (folder / share).mkdir()
    server = subprocess.Popen(
        [program, "--listen", f"127.0.0.1:{tcp}", "--quic-offload", "no",
         "--listen", f"quic:127.0.0.1:{udp}",
         "--share", f"data={folder}/data",
         "--share", f"encrypted={folder}/secret,encrypt=required",
         *USERS, *options],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for _ in range(3):
        server.stdout.readline()
    return server


def sniff(port, path):
    """dumpcap that has begun to capture."""
    process = subprocess.Popen(
        ["dumpcap", "-i", "lo", "-f", f"udp port {port}", "-w", path],
        stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("File:"):
            return process
    raise SystemExit("make: dumpcap does not capture on lo")


def end(process):
    process.terminate()
    process.communicate()


def fields(path, *options):
    done = subprocess.run(["tshark", "-r", path, "-T", "fields", *options],
                          check=True, capture_output=True, text=True)
    return done.stdout.split()


def test_only(path, evidence, to):
    """Without what the runner found out before the test: the port of the
    test's first connection is in its evidence."""
    ports = fields(evidence, "-c", "1", "-e", "tcp.srcport") or ["0"]
    first = fields(path, "-Y", f"udp.srcport == {ports[0]}", "-e",
                   "frame.number") or ["1"]
    subprocess.run(["tshark", "-r", path, "-Y", f"frame.number >= {first[0]}",
                    "-w", to], check=True, capture_output=True)


def capture(how, path, programs):
    """One test over QUIC as a capture; how: TEST [smb3xd's options]."""
    test, *options = how.split()
    broken = "--break" in options
    tcp, udp = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        server = start_server(
            programs / ("smb3xd-faulty" if broken else "smb3xd"), folder,
            tcp, udp, options)
        plain, keys = folder / "plain.pcapng", folder / "keys"
        dumpcap = sniff(udp, plain)
        try:
            subprocess.run(
                [programs / "smb3x-check", "run",
                 f"smb+quic://tester:secret@127.0.0.1:{udp}/data", test,
                 "--tcp-port", str(tcp), "--second-user", "other:secret",
                 "--keep", "all", "--seed", "1", "-j", "1", "--report",
                 folder / "report"], check=False,
                stdout=subprocess.DEVNULL,
                env=dict(os.environ, SSLKEYLOGFILE=str(keys)))
            time.sleep(0.5)
        finally:
            end(server)
            end(dumpcap)
        if not keys.exists():
            print(f"make: {path.name}: no connection was made")
            return False
        evidence = next(p for p in (folder / "report/evidence").glob(
            "*.pcapng") if ".decrypted" not in p.suffixes)
        test_only(plain, evidence, folder / "test.pcapng")
        subprocess.run(["editcap", "--inject-secrets", f"tls,{keys}",
                        folder / "test.pcapng", path], check=True)
        smb_keys = evidence.with_suffix(".keys")
        if smb_keys.exists():
            path.with_suffix(".keys").write_bytes(smb_keys.read_bytes())
    return True

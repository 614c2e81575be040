#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""smb3xd and smb3x over QUIC: certificates of both sides, names, lists.

SMB3X_BIN names the folder with smb3xd and smb3x.
"""
import datetime
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BIN = pathlib.Path(os.environ.get('SMB3X_BIN', 'build/bin'))
SMB3XD, SMB3X = str(BIN / 'smb3xd'), str(BIN / 'smb3x')
NOW = datetime.datetime.utcnow()
DAY = datetime.timedelta(days=1)
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Signs certificates and writes them to files."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        builder = self.builder(name_of(name), self.key.public_key(), 30)
        builder = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = builder.sign(self.key, hashes.SHA256())
        self.path = folder / f'{name}.pem'
        self.path.write_bytes(self.certificate.public_bytes(
            serialization.Encoding.PEM))

    def builder(self, subject, key, days):
        return (x509.CertificateBuilder().subject_name(subject)
                .issuer_name(name_of(self.name)).public_key(key)
                .serial_number(x509.random_serial_number())
                .not_valid_before(NOW - 40 * DAY)
                .not_valid_after(NOW + days * DAY))

    def issue(self, name, use, names=(), days=30):
        """One file with certificate and key; its path."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self.builder(name_of(name), key.public_key(), days)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(
                [x509.DNSName(n) for n in names]), critical=False)
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([use]), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        path = self.folder / f'{name}.pem'
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(serialization.Encoding.PEM,
                                serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption()))
        return path

    @staticmethod
    def fingerprint(path):
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        return certificate.fingerprint(hashes.SHA256()).hex()


@pytest.fixture(name='good')
def good_fixture(tmp_path):
    return Authority(tmp_path, 'good')


@pytest.fixture(name='start')
def start_fixture(tmp_path):
    share = tmp_path / 'share'
    share.mkdir()
    running = []

    def start(*arguments):
        log = open(tmp_path / 'log', 'wb')
        process = subprocess.Popen(
            [SMB3XD, '--listen', 'quic:127.0.0.1:0', '--share',
             f'data={share}', '--user', 'tester:secret', *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()
        running.append(process)
        line = process.stdout.readline()
        assert line.startswith('smb3xd: listening on quic:127.0.0.1:'), line
        port = int(line.rsplit(':', 1)[1])
        line = process.stdout.readline()
        while 'listening' in line:
            line = process.stdout.readline()
        return port, re.fullmatch(
            'smb3xd: certificate sha256:([0-9a-f]{64})\n', line).group(1)

    start.running = running
    yield start
    for process in running:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.stdout.close()


def enter(port, *arguments, host='localhost', command='info', code=0,
          user='tester:secret'):
    done = subprocess.run(
        [SMB3X, '-q', '--transport', 'quic', *map(str, arguments), command,
         f'smb://{user}@{host}:{port}/data'],
        capture_output=True, text=True, timeout=30)
    assert (done.returncode == 0) == (code == 0), done.stdout + done.stderr
    return done.stdout + done.stderr


def refused(port, *arguments, **options):
    return enter(port, *arguments, code=1, **options)


def staying(folder, *arguments, port=443):
    """A client that has made a folder and waits for more commands."""
    client = subprocess.Popen(
        [SMB3X, '-q', '--transport', 'quic', *arguments, 'run',
         f'smb://tester:secret@localhost:{port}/data'],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    client.stdin.write(f'mkdir {folder.name}\n')
    client.stdin.flush()
    end = time.monotonic() + 10
    while not folder.exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    return client


def test_the_certificate_made_is_checked(start):
    port, fingerprint = start()
    assert 'not trusted' in refused(port).lower()
    assert 'dialect 0x0311' in enter(port, '--fingerprint', fingerprint)
    enter(port, '--insecure')
    colons = ':'.join(re.findall('..', fingerprint.upper()))
    enter(port, '--fingerprint', colons)
    assert 'fingerprint' in refused(port, '--fingerprint', '00' * 32)
    refused(port, '--fingerprint', 'nonsense')


def test_names_and_issuers_are_checked(start, good, tmp_path):
    path = good.issue('leaf', SERVER, ['localhost'])
    port, fingerprint = start('--quic-certificate', path)
    assert fingerprint == Authority.fingerprint(path)
    enter(port, '--ca', good.path)
    other = Authority(tmp_path, 'other')
    refused(port, '--ca', other.path)
    # The certificate has no address among its names.
    refused(port, '--ca', good.path, host='127.0.0.1')


@pytest.mark.parametrize('case', ['name', 'expired', 'use'])
def test_bad_server_certificates_are_refused(start, good, case):
    if case == 'name':
        path = good.issue('leaf', SERVER, ['other.example'])
    elif case == 'expired':
        path = good.issue('leaf', SERVER, ['localhost'], days=-1)
    else:
        path = good.issue('leaf', CLIENT, ['localhost'])
    port, _ = start('--quic-certificate', path)
    refused(port, '--ca', good.path)
    enter(port, '--insecure')


def test_the_certificate_for_the_name_is_shown(start, good):
    first = good.issue('first', SERVER, ['first.example'])
    second = good.issue('second', SERVER, ['localhost'])
    port, _ = start('--quic-certificate', first, '--quic-certificate', second)
    enter(port, '--ca', good.path)


def own(path):
    return '--certificate', path, '--key', path


def test_client_certificates(start, good, tmp_path):
    other = Authority(tmp_path, 'other')
    listed = good.issue('listed', CLIENT)
    unlisted = good.issue('unlisted', CLIENT)
    port, _ = start(
        '--quic-ca', good.path, '--quic-client-certificate', 'listed',
        '--quic-allow', 'sha256:' + Authority.fingerprint(listed))
    enter(port, '--insecure', *own(listed))
    refused(port, '--insecure')
    refused(port, '--insecure', *own(unlisted))
    refused(port, '--insecure', *own(other.issue('stranger', CLIENT)))
    refused(port, '--insecure', *own(good.issue('late', CLIENT, days=-1)))
    refused(port, '--insecure', *own(good.issue('server', SERVER)))
    log = (tmp_path / 'log').read_text()
    assert 'access control list' in log
    assert 'session.valid' in log and log.count('session.valid') == 1


def test_deny_is_stronger_than_allow(start, good):
    bad = good.issue('bad', CLIENT)
    fine = good.issue('fine', CLIENT)
    port, _ = start(
        '--quic-ca', good.path, '--quic-client-certificate', 'listed',
        '--quic-allow', 'issuer:CN=good',
        '--quic-deny', 'sha256:' + Authority.fingerprint(bad))
    enter(port, '--insecure', *own(fine))
    refused(port, '--insecure', *own(bad))


def test_a_list_may_be_skipped(start, good):
    port, _ = start('--quic-ca', good.path, '--quic-client-certificate', 'any')
    enter(port, '--insecure', *own(good.issue('anybody', CLIENT)))
    refused(port, '--insecure')


def test_a_foreign_chain_lends_no_name(start, good, tmp_path):
    """A certificate sent along that signed nothing allows nothing."""
    friend = Authority(tmp_path, 'friend')
    mine = good.issue('mine', CLIENT)
    text = mine.read_bytes()
    cut = text.index(b'-----BEGIN PRIVATE')
    mine.write_bytes(text[:cut] + friend.path.read_bytes() + text[cut:])
    port, _ = start(
        '--quic-ca', good.path, '--quic-client-certificate', 'listed',
        '--quic-allow', 'issuer:CN=friend')
    refused(port, '--insecure', *own(mine))


class Reloading:
    """smb3xd with a configuration file that changes."""

    def __init__(self, start, folder, *arguments):
        self.conf, self.log = folder / 'conf', folder / 'log'
        self.conf.write_text('')
        self.port, self.fingerprint = start(
            '--config', self.conf, *arguments)
        self.process = start.running[-1]
        self.times = 0

    def reload(self, text, word='reload.done'):
        """A line of the log with the word, that the new text caused."""
        self.conf.write_text(text)
        self.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            lines = [line for line in self.log.read_text().splitlines()
                     if ' reload.' in line]
            if len(lines) > self.times:
                self.times += 1
                assert word in lines[-1], lines[-1]
                return lines[-1]
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())


def test_reload_brings_certificates(start, good, tmp_path):
    server = Reloading(start, tmp_path)
    enter(server.port, '--fingerprint', server.fingerprint)
    # One that was made stays.
    server.reload('')
    enter(server.port, '--fingerprint', server.fingerprint)
    path = good.issue('leaf', SERVER, ['localhost'])
    setting = f'[server]\nquic-certificate = {path}\n'
    server.reload(setting)
    old = Authority.fingerprint(path)
    assert f'quic.certificate sha256={old}' in server.log.read_text()
    enter(server.port, '--ca', good.path)
    refused(server.port, '--fingerprint', server.fingerprint)
    # A client that is there stays, whatever comes.
    there = staying(tmp_path / 'share' / 'before', '--fingerprint', old,
                    port=server.port)
    good.issue('leaf', SERVER, ['localhost'])  # the same file
    server.reload(setting)
    new = Authority.fingerprint(path)
    assert new != old
    refused(server.port, '--fingerprint', old)
    enter(server.port, '--fingerprint', new)
    assert there.communicate('mkdir after\n', timeout=10)
    assert there.returncode == 0 and (tmp_path / 'share' / 'after').exists()
    assert server.log.read_text().count('session.valid') == 5


@pytest.mark.parametrize('case', ['missing', 'broken', 'other key', 'entry'])
def test_bad_files_change_nothing(start, good, tmp_path, case):
    path = good.issue('leaf', SERVER, ['localhost'])
    server = Reloading(start, tmp_path, '--quic-certificate', path)
    bad, why = tmp_path / 'bad.pem', str(tmp_path / 'bad.pem')
    text = f'[server]\nquic-certificate = {bad}\n'
    if case == 'broken':
        bad.write_text('-----BEGIN CERTIFICATE-----\nnonsense\n')
    elif case == 'other key':
        other = good.issue('other', SERVER, ['localhost'])
        bad.write_bytes(path.read_bytes())
        text += f'quic-key = {other}\n'
    elif case == 'entry':
        text, why = '[server]\nquic-deny = sha256:nonsense\n', 'nonsense'
    # A user of the same file does not get in either.
    line = server.reload(text + '[users]\nother = word\n', 'reload.failed')
    assert why in line
    enter(server.port, '--fingerprint', server.fingerprint)
    enter(server.port, '--ca', good.path)
    enter(server.port, '--ca', good.path, user='other:word', code=1)


def test_reload_brings_lists(start, good, tmp_path):
    one, two = good.issue('one', CLIENT), good.issue('two', CLIENT)
    server = Reloading(start, tmp_path)
    text = (f'[server]\nquic-ca = {good.path}\n'
            'quic-client-certificate = listed\nquic-allow = sha256:')
    enter(server.port, '--insecure')
    server.reload(text + Authority.fingerprint(one) + '\n')
    refused(server.port, '--insecure')
    enter(server.port, '--insecure', *own(one))
    refused(server.port, '--insecure', *own(two))
    server.reload(text + Authority.fingerprint(two) + '\n')
    refused(server.port, '--insecure', *own(one))
    enter(server.port, '--insecure', *own(two))
    server.reload('')
    enter(server.port, '--insecure')


def test_retry_and_old_dialects(start):
    port, _ = start('--quic-retry', 'always')
    enter(port, '--insecure')
    refused(port, '--insecure', '--dialect', '3.0-3.0.2')


def test_bad_settings_are_refused(good, tmp_path):
    for arguments in (['--quic-client-certificate', 'perhaps'],
                      ['--quic-allow', 'nobody'], ['--quic-retry', '7'],
                      ['--quic-key', str(good.path)]):
        assert subprocess.run(
            [SMB3XD, '--listen', 'quic:127.0.0.1:0', *arguments],
            capture_output=True, timeout=10).returncode == 2
    for arguments in (['--quic-certificate', '/nonexistent'],
                      ['--quic-client-certificate', 'any'],
                      ['--quic-ca', '/nonexistent']):
        assert subprocess.run(
            [SMB3XD, '--listen', 'quic:127.0.0.1:0', '--share',
             f'data={tmp_path}', *arguments],
            capture_output=True, timeout=10).returncode == 1


def there_and_back(tmp_path, target, *options):
    source, back = tmp_path / 'source', tmp_path / 'back'
    source.write_bytes(os.urandom(3_000_000))
    for command in (['put', source, target], ['get', target, back]):
        subprocess.run([SMB3X, '-q', '--transport', 'quic', '--insecure',
                        *options, *map(str, command)], check=True, timeout=60)
    assert back.read_bytes() == source.read_bytes()


@pytest.mark.parametrize('backend', ['auto', 'epoll'])
@pytest.mark.parametrize('offload', ['yes', 'no'])
def test_files_go_there_and_back(start, tmp_path, backend, offload):
    port, _ = start('--backend', backend, '--quic-offload', offload)
    there_and_back(
        tmp_path, f'smb://tester:secret@localhost:{port}/data/f',
        *(['--no-offload'] if offload == 'no' else []))


@pytest.mark.parametrize('network', [
    'loss=1%,seed=3', 'loss=5%,reorder=5%,duplicate=2%,delay=1ms,seed=4',
    'corrupt=1%,delay=1ms-2ms,pass-first=30,seed=5', 'mtu=1280'])
def test_bad_networks(start, tmp_path, network):
    port, _ = start()
    proxy = subprocess.Popen(
        [str(BIN / 'quic-proxy'), '--listen', '127.0.0.1:0', '--to',
         f'127.0.0.1:{port}', '--both', network],
        stdout=subprocess.PIPE, text=True)
    near = proxy.stdout.readline().rsplit(':', 1)[1].strip()
    there_and_back(tmp_path, f'smb://tester:secret@localhost:{near}/data/f')
    proxy.terminate()
    said, _ = proxy.communicate(timeout=10)
    lost = sum(int(n) for n in re.findall(r'lost (\d+)', said))
    assert lost > 0 or 'corrupt' in network, said


def test_a_local_socket_carries_it(start, tmp_path):
    path = tmp_path / 'socket'
    start('--listen', f'quic-unix:{path}')
    there_and_back(tmp_path, 'smb://tester:secret@localhost/data/f',
                   '--unix', str(path))


def test_an_idle_client_keeps_its_connection(start, tmp_path):
    port, _ = start('--quic-idle', '2')
    client = staying(tmp_path / 'share' / 'a', '--insecure', port=port)
    time.sleep(5)
    _, said = client.communicate('mkdir b\n', timeout=10)
    assert client.returncode == 0, said
    assert (tmp_path / 'log').read_text().count('connection.open') == 1


def test_the_end_of_a_local_server_is_noticed(start, tmp_path):
    """At once, whatever it still said: the kernel throws that away when its
    reader sends first."""
    path = tmp_path / 'socket'
    start('--listen', f'quic-unix:{path}')
    server = start.running.pop()
    client = staying(
        tmp_path / 'share' / 'a', '--insecure', '--unix', str(path))
    server.kill()
    server.wait(10)
    server.stdout.close()
    begin = time.monotonic()
    _, said = client.communicate('mkdir b\n', timeout=90)
    assert client.returncode != 0
    assert time.monotonic() - begin < 5, said


def test_tcp_and_quic_at_one_port(start, tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    start_port, _ = start('--listen', f'127.0.0.1:{port}')
    source = tmp_path / 'source'
    source.write_bytes(os.urandom(3_000_000))
    subprocess.run([SMB3X, '-q', '--transport', 'quic', '--insecure', 'put',
                    str(source),
                    f'smb://tester:secret@localhost:{start_port}/data/f'],
                   check=True, timeout=30)
    back = tmp_path / 'back'
    subprocess.run([SMB3X, '-q', 'get',
                    f'smb://tester:secret@localhost:{port}/data/f',
                    str(back)], check=True, timeout=30)
    assert back.read_bytes() == source.read_bytes()

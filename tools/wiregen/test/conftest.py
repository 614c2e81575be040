# SPDX-License-Identifier: MIT
"""Where the tests find what wiregen made. The environment variable GEN names
the folder of generated files, OUT the folder above it."""
import os
import sys

import pytest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.normpath(os.path.join(HERE, '..', '..', '..'))
sys.path.insert(0, os.path.normpath(os.path.join(HERE, '..')))
GEN = os.path.abspath(os.environ.get('GEN', os.path.join(TOP, 'build/gen')))
OUT = os.path.abspath(os.environ.get('OUT', os.path.join(TOP, 'build')))
sys.path.insert(0, os.path.join(GEN, 'scapy'))


@pytest.fixture(scope='session')
def model():
    import glob

    import load
    return load.load(sorted(glob.glob(os.path.join(TOP, 'spec/wire/*.yaml'))))


@pytest.fixture(scope='session')
def gen():
    return GEN


@pytest.fixture(scope='session')
def out():
    return OUT


def captures():
    folder = os.path.join(TOP, 'captures', 'foreign')
    return [os.path.join(folder, n) for n in sorted(os.listdir(folder))
            if n.endswith('.pcapng')]

# SPDX-License-Identifier: MIT
"""The C decoders give the verdicts that codec.py computed from the layouts."""
import json
import os
import subprocess

import pytest


@pytest.fixture(scope='module')
def structs(gen):
    with open(os.path.join(gen, 'vectors', 'vectors.json'),
              encoding='ascii') as f:
        return json.load(f)['structs']


def bytes_of(struct, vector):
    data = bytearray.fromhex(struct[vector['of']])
    if 'cut' in vector:
        del data[vector['cut']:]
    for at, raw in vector.get('patch', []):
        raw = bytes.fromhex(raw)
        data[at:at + len(raw)] = raw
    return bytes(struct['start']) + bytes(data)


def answers(out, lines):
    run = subprocess.run([os.path.join(out, 'test', 'wire_vectors')],
                         input='\n'.join(lines) + '\n', text=True,
                         capture_output=True, check=False)
    assert run.returncode == 0, run.stderr
    result = run.stdout.splitlines()
    assert len(result) == len(lines)
    return result


def wrong(vector, answer):
    words = answer.split()
    if not vector['accept']:
        return words[0] != 'refuse'
    if words[:2] != ['accept', str(vector['end'])]:
        return True
    whole = 'cut' not in vector and 'patch' not in vector
    return whole and words[2] != 'same'


def test_verdicts(structs, out, model):
    assert set(structs) == set(model.structs)
    cases = [(name, s, v) for name, s in structs.items()
             for v in s['vectors']]
    lines = [f'{name} {bytes_of(s, v).hex()}' for name, s, v in cases]
    bad = [f"{name}: {v['name']}: {answer}"
           for (name, _, v), answer in zip(cases, answers(out, lines))
           if wrong(v, answer)]
    assert not bad, f'{len(bad)} of {len(cases)}:\n' + '\n'.join(bad[:20])


def test_every_structure_has_both_verdicts(structs):
    """Vectors that are all accepted would prove little."""
    for name, s in structs.items():
        verdicts = {v['accept'] for v in s['vectors']}
        assert True in verdicts, name
        if len(s['minimum']) > 0:
            assert False in verdicts, name


def test_wrong_answers_are_noticed(structs, out):
    """The comparison itself: a vector with the wrong verdict is red."""
    s = structs['SID']
    vector = dict(s['vectors'][1], accept=False)
    line = f'SID {bytes_of(s, vector).hex()}'
    assert wrong(vector, answers(out, [line])[0])
    vector = dict(s['vectors'][1], end=1)
    assert wrong(vector, answers(out, [line])[0])

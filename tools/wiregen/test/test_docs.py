# SPDX-License-Identifier: MIT
"""AsciiDoc partials and packet diagrams: complete, well formed, in step with
the layouts."""
import os
import re
import subprocess
import xml.etree.ElementTree as ET

SVG = '{http://www.w3.org/2000/svg}'


def read(gen, name):
    with open(os.path.join(gen, 'spec', name), encoding='utf-8') as f:
        return f.read()


def test_a_partial_for_everything(gen, model):
    for s in model.all_structs():
        text = read(gen, f'{s.name}.adoc')
        rows = re.findall(r'^\|([0-9]*) \|([0-9]+|variable) \|(\w+) \|',
                          text, re.M)
        assert [r[2] for r in rows] == [f.name for f in s.fields], s.name
        assert f'struct {s.c_name}' in text
    for e in model.enums.values():
        text = read(gen, f'enum-{e.name}.adoc')
        rows = re.findall(r'^\|0x([0-9A-F]+) \|(\w+) \|', text, re.M)
        assert [(int(v, 16), n) for v, n in rows] == \
            [(v.value, v.name) for v in e.values], e.name


def test_offsets_of_a_known_structure(gen):
    """[MS-SMB2] 2.2.13.2.10 by hand."""
    rows = re.findall(r'^\|(\d+) \|(\d+) \|(\w+)',
                      read(gen, 'SMB2_CREATE_REQUEST_LEASE_V2.adoc'), re.M)
    assert rows == [('0', '16', 'LeaseKey'), ('16', '4', 'LeaseState'),
                    ('20', '4', 'Flags'), ('24', '8', 'LeaseDuration'),
                    ('32', '16', 'ParentLeaseKey'), ('48', '2', 'Epoch'),
                    ('50', '2', 'Reserved')]


def test_diagrams(gen, model):
    for s in model.all_structs():
        if not s.fields:
            continue
        root = ET.fromstring(read(gen, f'{s.name}.svg'))
        title, desc = root.find(f'{SVG}title'), root.find(f'{SVG}desc')
        assert s.name in title.text
        drawn = {t.text.split(' (')[0] for t in root.iter(f'{SVG}text')}
        for f in s.fields:
            assert f.name in drawn and f.name in desc.text, s.name
        boxes = [r for r in root.iter(f'{SVG}rect')
                 if r.get('class') in ('box', 'res')]
        _, _, width, height = map(float, root.get('viewBox').split())
        for r in boxes:
            assert float(r.get('x')) + float(r.get('width')) <= width
            assert float(r.get('y')) + float(r.get('height')) <= height


def test_asciidoctor_takes_it(gen, tmp_path):
    """Everything in one document: no warning, no anchor twice, no reference
    without a target."""
    doc = tmp_path / 'all.adoc'
    doc.write_text('= Layouts\n\n== Structures\n\ninclude::'
                   f'{gen}/spec/wire-structures.adoc[]\n\n== Enumerations\n\n'
                   f'include::{gen}/spec/wire-enumerations.adoc[]\n')
    run = subprocess.run(
        ['asciidoctor', '-v', '-a', f'wire-images={gen}/spec', '-B', '/',
         '-o', str(tmp_path / 'all.html'), str(doc)],
        text=True, capture_output=True, check=True)
    assert run.stderr == ''

# SPDX-License-Identifier: MIT
"""The Lua tables hold what the layouts say, in Lua 5.2 and 5.4."""
import json
import os
import subprocess

import pytest

DUMP = r'''
local T = dofile(arg[1])
local function quote(s) return '"' .. s:gsub('[\\"]', '\\%0') .. '"' end
local function dump(v)
  if type(v) == "table" then
    local out = {}
    for k, x in pairs(v) do
      local key = type(k) == "number" and string.format("%.0f", k) or k
      out[#out + 1] = quote(key) .. ":" .. dump(x)
    end
    return "{" .. table.concat(out, ",") .. "}"
  elseif type(v) == "number" then return string.format("%.0f", v)
  elseif type(v) == "boolean" then return tostring(v) end
  return quote(v)
end
print(dump(T))
'''


@pytest.fixture(params=['lua5.2', 'lua5.4'])
def tables(request, gen, tmp_path):
    script = tmp_path / 'dump.lua'
    script.write_text(DUMP)
    run = subprocess.run(
        [request.param, str(script),
         os.path.join(gen, 'dissectors', 'smb3x_tables.lua')],
        text=True, capture_output=True, check=True)
    return json.loads(run.stdout)


def test_enums(tables, model):
    assert set(tables['enums']) == set(model.enums)
    for e in model.enums.values():
        first = {}
        for v in e.values:
            first.setdefault(str(v.value), v.name)
        if e.flags:
            first['flags'] = True
        assert tables['enums'][e.name] == first
    assert tables['status'] == tables['enums']['NTSTATUS']


def test_structs(tables, model):
    assert set(tables['structs']) == set(model.structs)
    for s in model.all_structs():
        got = tables['structs'][s.name]
        assert got['fixed'] == model.fixed_size(s)
        fields = got['fields'] or {}
        assert [fields[str(i + 1)]['name'] for i in range(len(fields))] == \
            [f.name for f in s.fields]


def test_registries(tables):
    """[MS-SMB2] and [MS-FSCC] by hand."""
    assert tables['messages']['5']['request'] == {'1': 'SMB2_CREATE_REQUEST'}
    assert set(tables['contexts']['RqLs']['request'].values()) == {
        'SMB2_CREATE_REQUEST_LEASE', 'SMB2_CREATE_REQUEST_LEASE_V2'}
    assert tables['info'][str(256 + 4)]['set'] == {
        '1': 'FILE_BASIC_INFORMATION'}
    assert tables['fsctl'][str(0x00140204)]['response'] == {
        '1': 'VALIDATE_NEGOTIATE_INFO_RESPONSE'}

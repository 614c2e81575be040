# SPDX-License-Identifier: MIT
"""The layout model: reads spec/wire/*.yaml into plain dataclasses.

Everything else in wiregen (checks and emitters) works on this model only.
"""
import os
import re
from dataclasses import dataclass, field as dc_field

import yaml

UINT_SIZES = {'u8': 1, 'u16': 2, 'u32': 4, 'u64': 8, 'filetime': 8}
C_KEYWORDS = {
    'auto', 'break', 'case', 'char', 'const', 'continue', 'default', 'do',
    'double', 'else', 'enum', 'extern', 'float', 'for', 'goto', 'if',
    'inline', 'int', 'long', 'register', 'restrict', 'return', 'short',
    'signed', 'sizeof', 'static', 'struct', 'switch', 'typedef', 'union',
    'unsigned', 'void', 'volatile', 'while', 'linux', 'unix',
}


def snake(name):
    """StructureSize -> structure_size, VolumeGUID -> volume_guid."""
    s = re.sub(r'([a-z0-9])([A-Z])', r'\1_\2', name)
    s = re.sub(r'([A-Z]+)([A-Z][a-z])', r'\1_\2', s).lower()
    return s + '_' if s in C_KEYWORDS else s


class LayoutError(Exception):
    """A layout file that cannot be used; the text says where and why."""


@dataclass
class Value:
    name: str
    value: int
    doc: str = ''
    alias: bool = False


@dataclass
class Enum:
    name: str
    file: str
    size: int = 4
    section: str = ''
    doc: str = ''
    flags: bool = False
    values: list = dc_field(default_factory=list)


@dataclass
class When:
    field: str
    op: str  # equals, not_equals, bit, contains
    value: int


@dataclass
class Choice:
    by: list
    cases: dict
    otherwise: str = None
    registry: str = None


@dataclass
class Field:
    name: str
    type: str
    doc: str = ''
    size: int = 0         # bytes of the fixed part; 0 for a view
    of: str = None
    content: str = None   # of a view
    element: str = None   # of an array: u8..u64
    length: str = None
    length_add: int = 0   # bytes of the view = length field + this
    count: str = None
    offset: str = None
    align: int = 0
    values: str = None
    constant: int = None
    reserved: bool = False
    optional: bool = False
    big_endian: bool = False
    when: When = None
    choice: Choice = None

    @property
    def c_name(self):
        return snake(self.name)

    @property
    def is_uint(self):
        return self.type in UINT_SIZES

    @property
    def is_view(self):
        return self.type == 'view'

    @property
    def takes_rest(self):
        return self.is_view and not (
            self.length or self.count or self.content == 'one')


@dataclass
class Struct:
    name: str
    file: str
    fields: list
    section: str = ''
    doc: str = ''
    start: int = 0
    command: str = None
    direction: str = None
    next: str = None
    list_align: int = 0
    context: str = None
    info: list = dc_field(default_factory=list)
    fsctl: list = dc_field(default_factory=list)
    reparse: list = dc_field(default_factory=list)
    foreign: list = dc_field(default_factory=list)
    waiver: str = None

    @property
    def c_name(self):
        # SMB2_NEGOTIATE_REQUEST and FileIdInformation alike
        if self.name == self.name.upper():
            return self.name.lower()
        return snake(self.name)

    @property
    def is_list(self):
        return bool(self.next or self.list_align)

    def index(self, name):
        for i, f in enumerate(self.fields):
            if f.name == name:
                return i
        raise LayoutError(
            f'{self.file}: {self.name}: there is no field {name}')

    def field(self, name):
        return self.fields[self.index(name)]


@dataclass
class File:
    name: str
    title: str = ''
    enums: list = dc_field(default_factory=list)
    structs: list = dc_field(default_factory=list)


@dataclass
class Model:
    files: list = dc_field(default_factory=list)
    enums: dict = dc_field(default_factory=dict)
    structs: dict = dc_field(default_factory=dict)
    constants: dict = dc_field(default_factory=dict)

    def all_structs(self):
        return [s for f in self.files for s in f.structs]

    def fixed_size(self, struct):
        """Bytes that are there in every instance."""
        return sum(f.size for f in struct.fields
                   if not f.is_view and not f.optional and not f.when)


def _list(value):
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


class Loader:
    """Two passes: enums first, because fields may name their constants."""

    def __init__(self):
        self.model = Model()

    def number(self, where, value):
        if isinstance(value, bool):
            return int(value)
        if isinstance(value, int):
            return value
        if isinstance(value, str) and value in self.model.constants:
            return self.model.constants[value]
        raise LayoutError(f'{where}: {value!r} is neither a number nor a '
                          'constant of an enum')

    def enum(self, file, raw):
        values = [Value(v['name'], v['value'], v.get('doc', ''),
                        v.get('alias', False)) for v in raw['values']]
        enum = Enum(raw['name'], file.name, raw.get('size', 4),
                    raw.get('section', ''), raw.get('doc', ''),
                    raw.get('flags', False), values)
        if enum.name in self.model.enums:
            raise LayoutError(f'{file.name}: enum {enum.name} is there twice')
        for v in values:
            if v.name in self.model.constants:
                raise LayoutError(f'{file.name}: {enum.name}: the constant '
                                  f'{v.name} is there twice')
            self.model.constants[v.name] = v.value
        self.model.enums[enum.name] = enum
        file.enums.append(enum)

    def when(self, where, raw):
        if raw is None:
            return None
        name = raw.get('field') or raw.get('array')
        ops = [k for k in raw if k not in ('field', 'array')]
        if not name or len(ops) != 1 or ops[0] not in (
                'equals', 'not_equals', 'bit', 'contains'):
            raise LayoutError(f'{where}: unusable when: {raw}')
        if ('array' in raw) != (ops[0] == 'contains'):
            raise LayoutError(f'{where}: contains goes with array')
        return When(name, ops[0], self.number(where, raw[ops[0]]))

    def choice(self, where, raw):
        if raw.get('content') != 'choice':
            return None
        cases = {self.number(where, k): v
                 for k, v in raw.get('cases', {}).items()}
        return Choice(_list(raw.get('by')), cases, raw.get('otherwise'),
                      raw.get('registry'))

    def field(self, where, raw):
        where = f"{where}.{raw['name']}"
        kind = raw['type']
        constant = raw.get('constant')
        if constant is not None:
            constant = self.number(where, constant)
        size = UINT_SIZES.get(kind, 0)
        if kind == 'guid':
            size = 16
        elif kind == 'bytes':
            size = raw.get('size', 0)
        return Field(
            raw['name'], kind, raw.get('doc', ''), size, raw.get('of'),
            raw.get('content', 'opaque') if kind == 'view' else None,
            raw.get('element'), raw.get('length'),
            raw.get('length_add', 0), raw.get('count'),
            raw.get('offset'), raw.get('align', 0), raw.get('values'),
            constant, raw.get('reserved', False),
            raw.get('optional', False), raw.get('big_endian', False),
            self.when(where, raw.get('when')), self.choice(where, raw))

    def struct(self, file, raw):
        where = f"{file.name}: {raw['name']}"
        fields = [self.field(where, f) for f in raw['fields']]
        context = raw.get('context')
        info = [{'type': i['type'],
                 'class': self.number(where, i['class']),
                 'use': _list(i.get('use', 'query'))}
                for i in raw.get('info', [])]
        struct = Struct(
            raw['name'], file.name, fields, raw.get('section', ''),
            raw.get('doc', ''), raw.get('start', 0), raw.get('command'),
            raw.get('direction'), raw.get('next'),
            raw.get('list_align', 0), context, info,
            [self.number(where, c) for c in _list(raw.get('fsctl'))],
            [self.number(where, c) for c in _list(raw.get('reparse'))],
            raw.get('foreign', []), raw.get('waiver'))
        if struct.name in self.model.structs:
            raise LayoutError(f'{where} is there twice')
        self.model.structs[struct.name] = struct
        file.structs.append(struct)

    def inline_sizes(self):
        """Sizes of inline structures, innermost first."""
        def size_of(name, above):
            if name in above:
                raise LayoutError(f'{name} contains itself')
            struct = self.model.structs[name]
            for f in struct.fields:
                if f.type == 'struct':
                    if f.of not in self.model.structs:
                        raise LayoutError(f'{struct.file}: {name}.{f.name}: '
                                          f'there is no structure {f.of}')
                    f.size = size_of(f.of, above + [name])
            return sum(f.size for f in struct.fields)
        for name in self.model.structs:
            size_of(name, [])


def load(paths, schema=None):
    """Read layout files (and check them against the JSON schema, if given)."""
    loader = Loader()
    raws = []
    for path in paths:
        name = os.path.splitext(os.path.basename(path))[0]
        with open(path, encoding='utf-8') as f:
            raw = yaml.load(f, Loader=getattr(
                yaml, 'CSafeLoader', yaml.SafeLoader)) or {}
        if schema is not None:
            schema(name, raw)
        raws.append((File(name, raw.get('title', '')), raw))
    for file, raw in raws:
        loader.model.files.append(file)
        for e in raw.get('enums', []):
            loader.enum(file, e)
    for file, raw in raws:
        for s in raw.get('structs', []):
            loader.struct(file, s)
    loader.inline_sizes()
    return loader.model

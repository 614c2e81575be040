# SPDX-License-Identifier: MIT
"""Emits vectors.json: for every structure a smallest and a largest instance,
each truncation of the largest, and each length, count, offset and constant
of it corrupted. The verdict comes from codec.py, which reads the layouts.

{"structs": {NAME: {"start": N, "minimum": HEX, "maximum": HEX,
                    "vectors": [{"name", "of", "cut" | "patch", "accept",
                                 "end"}]}}}
A vector is its base, cut to `cut` bytes, or with `patch`: [[offset, HEX]].
Bytes before `start` (a message's header) are zero and not in the hex.
"""
import json

from codec import Codec, Refused

TEXT = 'Näme'.encode('utf-16-le')
FILLER = bytes(range(0xA1, 0xB1))


class Vectors:
    def __init__(self, model):
        self.model = model
        self.codec = Codec(model)

    # ---- instances ----

    def minimum(self, struct):
        """Everything absent that may be absent, all else zero."""
        values = {}
        for f in struct.fields:
            if f.is_view and f.content == 'one' and not f.optional \
                    and not (f.length or f.offset):
                values[f.name] = self.minimum(self.model.structs[f.of])
        data = self.codec.encode(struct, values)
        while struct.fields[-1:] and struct.fields[-1].optional:
            f = struct.fields[-1]
            if f.is_view:
                break
            return data[:-f.size]
        return data

    def maximum(self, struct, depth=0):
        """Every view holds something, every number is set."""
        values = self.numbers(struct)
        for f in struct.fields:
            if f.is_view:
                self.fill(struct, f, values, depth)
        return self.codec.encode(struct, values)

    def numbers(self, struct):
        values = {}
        extents = {getattr(f, k) for f in struct.fields
                   for k in ('length', 'count', 'offset')} - {None}
        conditions = {f.when.field: f.when for f in struct.fields
                      if f.when and f.when.op in ('equals', 'bit')}
        for i, f in enumerate(struct.fields):
            if f.is_view or f.name in extents or f.name == struct.next \
                    or f.constant is not None:
                continue
            if f.name in conditions:
                values[f.name] = sum({
                    g.when.value for g in struct.fields
                    if g.when and g.when.field == f.name and
                    g.when.op == 'bit'}) or conditions[f.name].value
            elif f.is_uint:
                pattern = 0x0102030405060708 + 0x1010101010101010 * (i % 7)
                values[f.name] = pattern & ((1 << 8 * f.size) - 1)
            elif f.type in ('guid', 'bytes'):
                values[f.name] = bytes((i + j) & 0xFF
                                       for j in range(f.size))
        return values

    def fill(self, struct, f, values, depth):
        contains = [g.when.value for g in struct.fields
                    if g.when and g.when.field == f.name]
        if f.content == 'utf16':
            data = TEXT
        elif f.content == 'array':
            n = self.codec_size(f)
            data = b''.join(v.to_bytes(n, 'little')
                            for v in contains + [2, 3])
            if f.count:
                values[f.count] = len(data) // n
        elif f.content == 'one':
            data = self.maximum(self.model.structs[f.of], depth + 1)
        elif f.content == 'list':
            data = self.list(f, depth, values)
        else:
            data = FILLER
            if f.count:
                values[f.count] = len(data)
        values[f.name] = data

    @staticmethod
    def codec_size(f):
        return {'u8': 1, 'u16': 2, 'u32': 4}.get(f.element, 8)

    def list(self, f, depth, values):
        inner = self.model.structs[f.of]
        one = self.maximum(inner, depth + 1)
        pad = bytes(-len(one) % max(inner.list_align, 1))
        first = bytearray(one + pad)
        if inner.next:
            at = 0
            for g in inner.fields:
                if g.name == inner.next:
                    break
                at += g.size
            size = inner.field(inner.next).size
            first[at:at + size] = len(first).to_bytes(size, 'little')
        if f.count:
            values[f.count] = 2
        return bytes(first) + one

    # ---- vectors ----

    def verdict(self, struct, body):
        data = bytes(struct.start) + body
        try:
            _, end = self.codec.decode(struct, data)
        except Refused:
            return {'accept': False}
        return {'accept': True, 'end': end}

    def sites(self, struct, data):
        """Places of the fixed fields of an instance whose corruption has a
        known consequence: (field, offset in the body)."""
        roles = {}
        for f in struct.fields:
            for k in ('length', 'count', 'offset'):
                if getattr(f, k):
                    roles[getattr(f, k)] = k
        at, values = 0, None
        values, _ = self.codec.decode(struct, bytes(struct.start) + data)
        for f in struct.fields:
            if f.is_view:
                if not f.offset:
                    at += len(values[f.name])
                continue
            if f.name not in values:
                continue
            if f.name in roles or f.constant is not None:
                yield f, at, roles.get(f.name, 'constant')
            at += f.size

    def corrupt(self, struct, data):
        for f, at, role in self.sites(struct, data):
            order = 'big' if f.big_endian else 'little'
            now = int.from_bytes(data[at:at + f.size], order)
            top = (1 << 8 * f.size) - 1
            tries = {0, 1, now + 1, now - 1, now + 2, len(data), top,
                     len(data) + struct.start, top >> 1}
            for value in sorted(v for v in tries
                                if 0 <= v <= top and v != now):
                raw = value.to_bytes(f.size, order)
                yield {'name': f'{role} {f.name} = {value}',
                       'of': 'maximum', 'patch': [[at, raw.hex()]]}

    @staticmethod
    def apply(vector, bases):
        data = bytearray(bases[vector['of']])
        if 'cut' in vector:
            data = data[:vector['cut']]
        for at, raw in vector.get('patch', []):
            raw = bytes.fromhex(raw)
            data[at:at + len(raw)] = raw
        return bytes(data)

    def struct(self, struct):
        bases = {'minimum': self.minimum(struct),
                 'maximum': self.maximum(struct)}
        vectors = [{'name': n, 'of': n} for n in bases]
        vectors += [{'name': f'cut to {n}', 'of': 'maximum', 'cut': n}
                    for n in range(len(bases['maximum']))]
        vectors += list(self.corrupt(struct, bases['maximum']))
        for v in vectors:
            v.update(self.verdict(struct, self.apply(v, bases)))
        return {'start': struct.start, 'minimum': bases['minimum'].hex(),
                'maximum': bases['maximum'].hex(), 'vectors': vectors}


def emit(model):
    vectors = Vectors(model)
    out = {s.name: vectors.struct(s) for s in model.all_structs()}
    return {'vectors.json': json.dumps({'structs': out}, indent=0,
                                       separators=(',', ':')) + '\n'}

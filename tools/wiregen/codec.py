# SPDX-License-Identifier: MIT
"""A second opinion on every layout: decodes and encodes plain dicts.

It follows the format description in ARCHITECTURE.md, not the C runtime, and
serves the vectors and the tests that compare both.
"""
from load import UINT_SIZES

MAX_DEPTH = 8


class Refused(Exception):
    """The bytes break the layout."""


class Codec:
    def __init__(self, model):
        self.model = model

    # ---- decoding ----

    def present(self, struct, field, values):
        when = field.when
        if when is None:
            return True
        other = values.get(when.field)
        if when.op == 'contains':
            f = struct.field(when.field)
            return when.value in self.array(f, other or b'')
        other = other or 0
        if when.op == 'equals':
            return other == when.value
        if when.op == 'not_equals':
            return other != when.value
        return bool(other & when.value)

    @staticmethod
    def array(field, data):
        n = UINT_SIZES[field.element]
        return [int.from_bytes(data[i:i + n], 'little')
                for i in range(0, len(data) - n + 1, n)]

    def decode(self, struct, data, start=None, depth=0):
        """(values, end): numbers as int, all else as bytes; absent views
        are empty, absent fixed fields are missing."""
        if depth > MAX_DEPTH:
            raise Refused('nested too deeply')
        start = struct.start if start is None else start
        fixed = self.model.fixed_size(struct)
        if len(data) < start + fixed:
            raise Refused('shorter than the fixed part')
        values, at, end = {}, start, start
        for f in struct.fields:
            if not self.present(struct, f, values):
                continue
            if f.is_view:
                at = self.view(struct, f, data, start, at, values, depth)
            else:
                at = self.fixed(f, data, at, values, depth)
            end = max(end, at)
        return values, end

    def fixed(self, f, data, at, values, depth):
        left = len(data) - at
        if left < f.size:
            if f.optional and left == 0:
                return at
            raise Refused(f'the bytes end before {f.name}')
        raw = data[at:at + f.size]
        if f.is_uint:
            value = int.from_bytes(raw, 'big' if f.big_endian else 'little')
            if f.constant is not None and value != f.constant:
                raise Refused(f'{f.name} is not its constant')
            values[f.name] = value
        else:
            if f.type == 'struct':
                inner = self.model.structs[f.of]
                self.decode(inner, raw, 0, depth + 1)
            values[f.name] = raw
        return at + f.size

    def extent(self, f, data, at, values, depth):
        if f.length:
            n = values[f.length] + f.length_add
            if n < 0:
                raise Refused(f'{f.name} has a negative length')
            return n
        if f.count and f.content == 'list':
            return self.packed(f, data[at:], values[f.count], depth)
        if f.count:
            size = UINT_SIZES[f.element] if f.element else 1
            return values[f.count] * size
        if f.content == 'one':
            if f.optional and at == len(data):
                return 0
            inner = self.model.structs[f.of]
            _, end = self.decode(inner, data[at:], 0, depth + 1)
            return end
        return len(data) - at

    def packed(self, f, data, count, depth):
        inner, at, end = self.model.structs[f.of], 0, 0
        for _ in range(count):
            if at >= len(data):
                raise Refused(f'{f.name} has fewer elements than it says')
            _, n = self.decode(inner, data[at:], 0, depth + 1)
            if n == 0:
                raise Refused(f'{f.name} has an empty element')
            end = at = at + n
            if inner.list_align > 1:
                at += -at % inner.list_align
        return end

    def empty(self, f, values):
        if f.length:
            return values[f.length] + f.length_add == 0
        if f.count:
            return values[f.count] == 0
        return bool(f.offset) and values[f.offset] == 0

    def view(self, struct, f, data, start, at, values, depth):
        values[f.name] = b''
        if self.empty(f, values):
            return at
        place = at
        if f.offset:
            origin = start - struct.start
            offset = values[f.offset]
            if offset < struct.start + self.model.fixed_size(struct):
                raise Refused(f'{f.name} lies in the fixed part')
            place = origin + offset
            if place > len(data):
                raise Refused(f'{f.name} lies behind the end')
        n = self.extent(f, data, place, values, depth)
        if n > len(data) - place:
            raise Refused(f'{f.name} reaches behind the end')
        values[f.name] = data[place:place + n]
        return max(at, place + n) if n else at

    # ---- encoding ----

    def number(self, struct, f, values):
        """A number field: as given, constant, or derived from its view."""
        if f.name in values:
            return values[f.name]
        return f.constant or 0

    def encode(self, struct, values):
        """The bytes of a structure, without what precedes it. Offsets,
        lengths and counts that are not in values are derived."""
        values = dict(values)
        for f in struct.fields:
            if f.is_view:
                data = values.setdefault(f.name, b'')
                if f.length:
                    values.setdefault(f.length, len(data) - f.length_add)
        out = bytearray()
        places = {}
        for f in struct.fields:
            if not self.present(struct, f, {**{
                    g.name: self.number(struct, g, values)
                    for g in struct.fields if g.is_uint}, **values}):
                continue
            if not f.is_view:
                places[f.name] = len(out)
                out += self.raw(struct, f, values)
                continue
            data = values[f.name]
            if not data:
                continue
            at = struct.start + len(out)
            if f.offset:
                at += -at % max(f.align, 1)
                at = values.setdefault(f.offset, at)
                self.patch(out, struct.field(f.offset),
                           places[f.offset], at)
            at -= struct.start
            out += bytes(max(0, at + len(data) - len(out)))
            out[at:at + len(data)] = data
        return bytes(out)

    @staticmethod
    def patch(out, f, at, value):
        out[at:at + f.size] = value.to_bytes(f.size, 'little')

    def raw(self, struct, f, values):
        if f.is_uint:
            order = 'big' if f.big_endian else 'little'
            return self.number(struct, f, values).to_bytes(f.size, order)
        if f.name in values:
            return values[f.name]
        if f.type == 'struct':
            return self.encode(self.model.structs[f.of], {})
        return bytes(f.size)

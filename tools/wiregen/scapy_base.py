# SPDX-License-Identifier: MIT
"""Scapy layers of SMB 2 and 3: the machinery under the generated classes.

A structure is a Packet whose fields stand in wire order. Variable parts are
fields as well: bytes for opaque data and text, a list of int for arrays, a
Packet for one structure, a list of Packets for lists. Their place and extent
follow the offset, length and count fields of the same structure, counted as
the documents say: from the start of the structure, in messages from the
start of the 64-byte header.

    from smb3x_layers import Conversation
    talk = Conversation()
    for header, body in talk.dissect(pdu): body.show()
"""
import struct

from scapy.fields import ConditionalField, Field
from scapy.packet import Packet, Raw

NAMES = {}          # structure name -> class
MESSAGES = {}       # (command number, is response) -> [classes]
CONTEXTS = {}       # (name bytes, is response) -> [classes]
INFO = {}           # (use, type, class) -> class
FSCTL = {}          # (code, is response) -> class
REPARSE = {}        # tag -> class


class LayoutError(ValueError):
    """The bytes break the layout."""


class Number(Field):
    """An unsigned integer, with the names of its values."""
    __slots__ = ['names', 'constant']

    def __init__(self, name, size, big=False, names=None, constant=None):
        fmt = {1: 'B', 2: 'H', 4: 'I', 8: 'Q'}[size]
        super().__init__(name, constant or 0, ('>' if big else '<') + fmt)
        self.names = names or {}
        self.constant = constant

    def getfield(self, pkt, s):
        s, value = super().getfield(pkt, s)
        if self.constant is not None and value != self.constant:
            raise LayoutError(f'{pkt.name}.{self.name} is {value}')
        return s, value

    def i2repr(self, pkt, x):
        return f'{x:#x} {self.names[x]}' if x in self.names else str(x)


class Flags(Number):
    """Bits with names."""

    def i2repr(self, pkt, x):
        names = [n for v, n in self.names.items() if v and x & v == v]
        return f'{x:#x} {"|".join(names)}'


class Blob(Field):
    """A fixed number of bytes."""

    def __init__(self, name, size):
        super().__init__(name, bytes(size), f'{size}s')

    def i2repr(self, pkt, x):
        return x.hex()


class Inline(Field):
    """A structure of fixed size."""
    __slots__ = ['of', 'size']

    def __init__(self, name, of, size):
        super().__init__(name, None, f'{size}s')
        self.of = of
        self.size = size

    def getfield(self, pkt, s):
        if len(s) < self.size:
            raise LayoutError(f'{pkt.name}.{self.name} is cut')
        return s[self.size:], NAMES[self.of](s[:self.size])

    def addfield(self, pkt, s, val):
        return s + (bytes(val) if val is not None else bytes(self.size))

    def i2repr(self, pkt, x):
        return repr(x)


def parse_one(cls, data):
    """(packet, bytes that it takes)"""
    pkt = cls(data)
    rest = len(pkt.payload)
    pkt.remove_payload()
    return pkt, len(data) - rest


def parse_list(cls, data, count=None):
    """Elements of a chained or packed list; chained ones keep what stands
    between them as payload."""
    out = []
    while data if count is None else len(out) < count:
        if cls.next_field:
            pkt = cls(data)
            step = pkt.getfieldval(cls.next_field)
            if step:
                if step < cls.fixed_size or step >= len(data):
                    raise LayoutError(f'{cls.__name__}: wrong distance')
                pkt = cls(data[:step])
            out.append(pkt)
            data = data[step:] if step else b''
            if not step:
                break
        else:
            pkt, n = parse_one(cls, data)
            step = n + -n % max(cls.list_align, 1)
            if n == 0:
                raise LayoutError(f'{cls.__name__}: empty element')
            if data[n:step]:
                pkt.add_payload(Raw(data[n:step]))
            out.append(pkt)
            data = data[step:]
    return out, len(data)


class View(Field):
    """A variable part."""
    __slots__ = ['islist', 'content', 'length', 'add', 'count', 'offset',
                 'element', 'of', 'cases', 'by', 'registry', 'otherwise',
                 'align']

    def __init__(self, name, content, length=None, add=0, count=None,
                 offset=None, element=0, of=None, cases=None, by=(),
                 registry=None, otherwise=None, align=1):
        super().__init__(name, b'' if content not in ('array', 'list') else [])
        self.islist = content in ('array', 'list')
        self.content, self.length, self.add = content, length, add
        self.count, self.offset, self.element = count, offset, element
        self.of, self.cases, self.by = of, cases or {}, by
        self.registry, self.otherwise = registry, otherwise
        self.align = align

    def empty(self, pkt):
        if self.length:
            return pkt.getfieldval(self.length) + self.add == 0
        if self.count:
            return pkt.getfieldval(self.count) == 0
        return bool(self.offset) and pkt.getfieldval(self.offset) == 0

    def nothing(self):
        return [] if self.content in ('array', 'list') else b''

    def getfield(self, pkt, s):
        whole = pkt.whole
        if self.empty(pkt):
            return s, self.nothing()
        at = len(whole) - len(s)
        if self.offset:
            at = pkt.getfieldval(self.offset) - pkt.start
            if at < pkt.fixed_size or at > len(whole):
                raise LayoutError(f'{pkt.name}.{self.name} lies outside')
        value, n = self.parse(pkt, whole[at:])
        return whole[max(at + n, len(whole) - len(s)):], value

    def parse(self, pkt, data):
        if self.length:
            n = pkt.getfieldval(self.length) + self.add
            if n < 0 or n > len(data):
                raise LayoutError(f'{pkt.name}.{self.name} is cut')
            return self.typed(pkt, data[:n]), n
        if self.content == 'one':
            return parse_one(NAMES[self.of], data)
        if self.count and self.content == 'list':
            out, left = parse_list(
                NAMES[self.of], data, pkt.getfieldval(self.count))
            return out, len(data) - left
        if self.count:
            n = pkt.getfieldval(self.count) * (self.element or 1)
            if n > len(data):
                raise LayoutError(f'{pkt.name}.{self.name} is cut')
            return self.typed(pkt, data[:n]), n
        return self.typed(pkt, data), len(data)

    def chosen(self, pkt, size):
        """Class of a choice, or None."""
        keys = [pkt.getfieldval(b) for b in self.by]
        if self.registry == 'context':
            found = CONTEXTS.get((keys[0], pkt.is_response), [])
            fitting = [c for c in found if c.fixed_size <= size]
            return max(fitting, key=lambda c: c.fixed_size, default=None)
        if self.registry == 'fsctl':
            return FSCTL.get((keys[0], pkt.is_response))
        if self.registry == 'info_set':
            return INFO.get(('set', *keys))
        if self.registry == 'info_input':
            return INFO.get(('input', *keys))
        if self.registry == 'reparse':
            return REPARSE.get(keys[0])
        return NAMES.get(self.cases.get(keys[0], self.otherwise))

    def typed(self, pkt, data):
        """Bytes of known extent, as what they hold. What does not follow
        its layout stays bytes, as the documents leave it to the server."""
        if self.content == 'array':
            n = self.element
            return [int.from_bytes(data[i:i + n], 'little')
                    for i in range(0, len(data) // n * n, n)]
        cls, chained = None, False
        if self.content in ('one', 'list'):
            cls, chained = NAMES[self.of], self.content == 'list'
        elif self.content == 'choice':
            cls = self.chosen(pkt, len(data))
            chained = cls is not None and cls.is_list
        if cls is None or not data:
            return data if data else self.nothing()
        try:
            with direction(pkt.is_response):
                return parse_list(cls, data)[0] if chained else cls(data)
        except LayoutError:
            return data

    def raw(self, val):
        if isinstance(val, (bytes, bytearray)):
            return bytes(val)
        if self.content == 'array':
            return b''.join(v.to_bytes(self.element, 'little') for v in val)
        if isinstance(val, Packet):
            return bytes(val)
        return b''.join(bytes(v) for v in val)

    def addfield(self, pkt, s, val):
        data = self.raw(val or b'')
        if not data:
            return s
        at = len(s)
        if self.offset:
            at = pkt.getfieldval(self.offset) - pkt.start
        if at > len(s):
            s += bytes(at - len(s))
        return s[:at] + data + s[at + len(data):]

    def i2repr(self, pkt, x):
        if self.content == 'utf16' and isinstance(x, bytes):
            return repr(x.decode('utf-16-le', 'replace'))
        return repr(x)


class Optional(ConditionalField):
    """A fixed field that may be missing at the end."""

    def __init__(self, fld):
        super().__init__(fld, lambda pkt: True)

    def getfield(self, pkt, s):
        return (s, None) if not s else self.fld.getfield(pkt, s)

    def addfield(self, pkt, s, val):
        return s if val is None else self.fld.addfield(pkt, s, val)


class direction:
    """While it lasts, structures that are parsed belong to a response (or
    request)."""
    now = False

    def __init__(self, is_response):
        self.value = is_response

    def __enter__(self):
        self.before, direction.now = direction.now, self.value

    def __exit__(self, *exc):
        direction.now = self.before


class Layout(Packet):
    """Any structure of the layouts."""
    __slots__ = ['whole', 'is_response']
    start = 0          # where it begins in its message
    fixed_size = 0
    next_field = None
    list_align = 0
    is_list = False

    def do_dissect(self, s):
        self.whole = s
        self.is_response = direction.now
        if len(s) < self.fixed_size:
            raise LayoutError(f'{self.name} is shorter than its fixed part')
        for f in self.fields_desc:
            try:
                s, value = f.getfield(self, s)
            except struct.error as e:
                raise LayoutError(f'{self.name}.{f.name} is cut') from e
            if value is not None:
                self.fields[f.name] = value
        return s

    def guess_payload_class(self, payload):
        return Raw

    def self_build(self):
        """Always from the fields, never from a cache."""
        out = b''
        for f in self.fields_desc:
            out = f.addfield(self, out, self.getfieldval(f.name))
        return out

    def do_build(self):
        return self.self_build() + self.do_build_payload()


# Commands whose response may carry data with these statuses.
PARTIAL = {
    0x80000005: {8, 11, 14, 16},   # STATUS_BUFFER_OVERFLOW
    0xC0000016: {1},               # STATUS_MORE_PROCESSING_REQUIRED
}


def is_error(header, data):
    """Whether a response carries an error in place of its own body."""
    if not header.Flags & 1 or data[:2] != b'\x09\x00':
        return False
    if header.Status < 0x80000000:
        return False
    return header.Command not in PARTIAL.get(header.Status, ())


def dissect_body(header, data):
    """The body of a message; bytes when no layout fits."""
    own = MESSAGES.get((header.Command, bool(header.Flags & 1)), [])
    error = NAMES['SMB2_ERROR_RESPONSE']
    with direction(bool(header.Flags & 1)):
        for cls in [error] if is_error(header, data) else own + [error]:
            try:
                return cls(data)
            except LayoutError:
                continue
    return data


class Conversation:
    """One connection: remembers what requests asked for, so that the
    buffers of QUERY_INFO and QUERY_DIRECTORY responses have a layout."""

    def __init__(self):
        self.asked = {}

    def dissect(self, pdu):
        """[(header, body)] of a message with its compound chain."""
        out = []
        while len(pdu) >= 64:
            header = NAMES['SMB2_HEADER'](pdu[:64])
            step = header.NextCommand
            body = dissect_body(header, (pdu[:step] if step else pdu)[64:])
            self.remember(header, body)
            out.append((header, body))
            if not step:
                break
            pdu = pdu[step:]
        return out

    def remember(self, header, body):
        if isinstance(body, NAMES['SMB2_QUERY_INFO_REQUEST']):
            key = ('query', body.InfoType, body.FileInfoClass)
            self.asked[header.MessageId] = key
        elif isinstance(body, NAMES['SMB2_QUERY_DIRECTORY_REQUEST']):
            key = ('directory', 1, body.FileInformationClass)
            self.asked[header.MessageId] = key
        elif isinstance(body, (NAMES['SMB2_QUERY_INFO_RESPONSE'],
                               NAMES['SMB2_QUERY_DIRECTORY_RESPONSE'])):
            cls = INFO.get(self.asked.pop(header.MessageId, None))
            if cls is not None and body.Buffer:
                self.type_buffer(cls, body)

    @staticmethod
    def type_buffer(cls, body):
        """What is cut (STATUS_BUFFER_OVERFLOW) stays bytes."""
        try:
            with direction(True):
                body.Buffer = parse_list(cls, body.Buffer)[0] \
                    if cls.is_list else cls(body.Buffer)
        except LayoutError:
            pass


def dissect(pdu):
    """[(header, body)] of one message on its own."""
    return Conversation().dissect(pdu)

# SPDX-License-Identifier: MIT
"""Emits a packet diagram per structure: NAME.svg, 32 bits in a row.

Colours are plain attributes, for printers, and a media query turns them for
dark screens. Each figure carries its own background.
"""
from xml.sax.saxutils import escape

BIT = 20          # width of a bit
ROW = 34          # height of four bytes
LEFT = 46         # room for the offsets
TOP = 30          # room for the bit ruler
TALL = 4          # fields of more rows than this are drawn as TALL - 1 rows
STYLE = (
    '<style>@media (prefers-color-scheme: dark){'
    '.bg{fill:#161b22}.box{fill:#21262d;stroke:#8b949e}'
    '.res{fill:#30363d;stroke:#8b949e}.var{fill:#1c2b41;stroke:#8b949e}'
    '.name{fill:#e6edf3}.num{fill:#9da7b3}.tick{stroke:#8b949e}}</style>')
FONT = 'font-family="Helvetica,Arial,sans-serif"'


def words(f):
    """Second line of a box."""
    if f.optional:
        return 'may be missing'
    if f.when:
        return f'when {f.when.field}'
    return ''


class Diagram:
    def __init__(self, struct):
        self.struct = struct
        self.parts = []
        self.y = TOP
        self.bit = 0       # in the current row
        self.offset = 0
        self.known = True  # whether offsets are still fixed

    def label(self, x, y, s, cls='name', size=12, anchor='middle'):
        fill = '#1f2328' if cls == 'name' else '#57606a'
        self.parts.append(
            f'<text class="{cls}" x="{x}" y="{y}" {FONT} font-size="{size}" '
            f'text-anchor="{anchor}" fill="{fill}">{escape(s)}</text>')

    def ruler(self):
        for i in range(32):
            x = LEFT + i * BIT + BIT / 2
            if i % 8 in (0, 7):
                self.label(x, TOP - 12, str(i), 'num', 10)
        for i in range(33):
            x = LEFT + i * BIT
            h = 8 if i % 8 == 0 else 4
            self.parts.append(
                f'<line class="tick" x1="{x}" y1="{TOP - h}" x2="{x}" '
                f'y2="{TOP}" stroke="#57606a"/>')

    def box(self, f, bits, rows, name, cls):
        x, w, h = LEFT + self.bit * BIT, bits * BIT, rows * ROW
        fill = {'box': '#f6f8fa', 'res': '#e4e7eb', 'var': '#ddf4ff'}[cls]
        dash = ' stroke-dasharray="5 3"' if cls == 'var' else ''
        self.parts.append(
            f'<rect class="{cls}" x="{x}" y="{self.y}" width="{w}" '
            f'height="{h}" fill="{fill}" stroke="#57606a"{dash}/>')
        if name:
            size = self.font(name, w)
            mid = self.y + h / 2 + size / 3
            note = words(f) if bits == 32 else ''
            self.label(x + w / 2, mid - (6 if note else 0), name,
                       size=size)
            if note:
                self.label(x + w / 2, mid + 8, note, 'num', 9)

    @staticmethod
    def font(name, width):
        """The largest size at which the name fits, at least 5."""
        return max(5, min(12, int((width - 4) / (0.58 * len(name)))))

    def mark(self):
        """Offset of the row, left of it."""
        if self.known and self.bit == 0:
            self.label(LEFT - 6, self.y + 21, str(self.offset), 'num', 10,
                       'end')

    def advance(self, bits, rows=1):
        self.bit += bits
        if self.bit >= 32:
            self.bit = 0
            self.y += rows * ROW

    def fixed(self, f):
        """Cut a field at row ends; the longest piece bears the name."""
        cls = 'res' if f.reserved else 'box'
        left = f.size * 8
        pieces = []
        bit = self.bit
        while left:
            if bit == 0 and left >= 32:
                rows = left // 32
                pieces.append((32, rows))
                left -= rows * 32
            else:
                n = min(left, 32 - bit)
                pieces.append((n, 1))
                left -= n
                bit = (bit + n) % 32
        longest = max(pieces, key=lambda p: p[0] * p[1])
        named = False
        for bits, rows in pieces:
            name = ''
            if (bits, rows) == longest and not named:
                named = True
                name = f.name
                if f.size > 8:
                    name += f' ({f.size} bytes)'
            self.mark()
            drawn = rows if rows <= TALL else TALL - 1
            self.box(f, bits, drawn, name, cls)
            self.offset += bits * rows // 8
            self.advance(bits, drawn)
        if f.when or f.optional:
            self.known = False

    def view(self, f):
        if self.bit:
            self.bit = 0
            self.y += ROW
        if not f.offset:
            self.mark()
        self.known = False
        self.box(f, 32, 1, f'{f.name} (variable)', 'var')
        self.advance(32)

    def text(self):
        s = self.struct
        self.ruler()
        for f in s.fields:
            if f.is_view:
                self.view(f)
            else:
                self.fixed(f)
        if self.bit:
            self.y += ROW
        width, height = LEFT + 32 * BIT + 14, self.y + 12
        desc = '; '.join(
            f.name + (' variable' if f.is_view else
                      f' {f.size} byte{"" if f.size == 1 else "s"}')
            for f in s.fields)
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<!-- Generated by tools/wiregen: do not edit. -->\n'
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'aria-labelledby="t-{s.name} d-{s.name}" '
            f'viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}">\n'
            f'<title id="t-{s.name}">Layout of {escape(s.name)}</title>\n'
            f'<desc id="d-{s.name}">{escape(desc)}</desc>\n{STYLE}\n'
            f'<rect class="bg" width="{width}" height="{height}" rx="6" '
            'fill="#ffffff"/>\n' + '\n'.join(self.parts) + '\n</svg>\n')


def emit(model):
    return {f'{s.name}.svg': Diagram(s).text()
            for s in model.all_structs() if s.fields}

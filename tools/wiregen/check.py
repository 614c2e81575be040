# SPDX-License-Identifier: MIT
"""What a layout must obey beyond its JSON schema.

check() returns a list of complaints; each names file, structure and field.
"""
from load import UINT_SIZES

MAX_FIELDS = 48      # WIRE_MAX_FIELDS
MAX_FIXED = 384      # keeps C structs below WIRE_MAX_STRUCT
COMMANDS = [
    'NEGOTIATE', 'SESSION_SETUP', 'LOGOFF', 'TREE_CONNECT',
    'TREE_DISCONNECT', 'CREATE', 'CLOSE', 'FLUSH', 'READ', 'WRITE', 'LOCK',
    'IOCTL', 'CANCEL', 'ECHO', 'QUERY_DIRECTORY', 'CHANGE_NOTIFY',
    'QUERY_INFO', 'SET_INFO', 'OPLOCK_BREAK', 'SERVER_TO_CLIENT_NOTIFICATION',
]
REGISTRIES = {'context', 'fsctl', 'info_set', 'info_input', 'reparse'}


class Checker:
    def __init__(self, model):
        self.model = model
        self.complaints = []
        self.where = ''

    def bad(self, text):
        self.complaints.append(f'{self.where}: {text}')

    def enum(self, enum):
        self.where = f'{enum.file}: {enum.name}'
        if enum.size not in (1, 2, 4, 8):
            self.bad(f'size {enum.size}')
        seen = {}
        for v in enum.values:
            if v.value < 0 or v.value >> (8 * enum.size):
                self.bad(f'{v.name} does not fit {enum.size} bytes')
            if v.value in seen and not v.alias:
                self.bad(f'{v.name} has the value of {seen[v.value]} '
                         '(say alias: true if that is meant)')
            seen.setdefault(v.value, v.name)

    def sibling(self, struct, field, name, what, kinds=None):
        names = [f.name for f in struct.fields]
        if name not in names:
            self.bad(f'{what} names {name}, which is no field')
            return None
        other = struct.field(name)
        if names.index(name) >= names.index(field.name):
            self.bad(f'{what} names {name}, which does not come before it')
        if kinds and other.type not in kinds:
            self.bad(f'{what} names {name}, which is a {other.type}')
        return other

    def values(self, field):
        if not field.values:
            return
        enum = self.model.enums.get(field.values)
        if enum is None:
            self.bad(f'there is no enum {field.values}')
        elif field.is_uint and enum.size > field.size:
            self.bad(f'enum {enum.name} has {enum.size} bytes, the field '
                     f'{field.size}')
        elif not field.is_uint and field.content != 'array':
            self.bad('values on something that is no number')

    def known(self, name):
        if name not in self.model.structs:
            self.bad(f'there is no structure {name}')

    def view(self, struct, field):
        uints = set(UINT_SIZES)
        for what in ('length', 'count', 'offset'):
            name = getattr(field, what)
            if name:
                self.sibling(struct, field, name, what, uints)
        if field.length and field.count and field.content not in (
                'list', 'array'):
            self.bad('count on something that has no elements')
        if field.content == 'array' and field.element not in UINT_SIZES:
            self.bad('an array needs element: u8, u16, u32 or u64')
        if field.content in ('one', 'list'):
            self.known(field.of)
        if field.content == 'choice':
            self.choice(struct, field)
        elif field.content not in ('opaque', 'utf16', 'ascii', 'array',
                                   'one', 'list'):
            self.bad(f'content {field.content}')

    def choice(self, struct, field):
        choice = field.choice
        if not 1 <= len(choice.by) <= 2:
            self.bad('a choice needs by: one or two fields')
        for name in choice.by:
            self.sibling(struct, field, name, 'by')
        if choice.registry:
            if choice.registry not in REGISTRIES:
                self.bad(f'there is no registry {choice.registry}')
        elif not choice.cases and not choice.otherwise:
            self.bad('a choice needs cases or a registry')
        for name in list(choice.cases.values()) + [choice.otherwise]:
            if name:
                self.known(name)

    def fixed(self, field):
        if field.type not in UINT_SIZES and field.type not in (
                'guid', 'bytes', 'struct'):
            self.bad(f'type {field.type}')
        if not field.size:
            self.bad('has no size')
        if field.constant is not None:
            if not field.is_uint:
                self.bad('constant on something that is no number')
            elif field.constant >> (8 * field.size):
                self.bad(f'constant {field.constant} does not fit')
        if field.type == 'struct':
            inner = self.model.structs[field.of]
            if any(f.is_view or f.when or f.optional for f in inner.fields):
                self.bad(f'{field.of} is not of fixed size')

    def field(self, struct, field):
        self.where = f'{struct.file}: {struct.name}.{field.name}'
        self.values(field)
        if field.is_view:
            self.view(struct, field)
        else:
            self.fixed(field)
        if field.when:
            kinds = {'view'} if field.when.op == 'contains' else None
            other = self.sibling(struct, field, field.when.field, 'when',
                                 kinds)
            if other is not None and field.when.op == 'contains' and \
                    other.content != 'array':
                self.bad('contains needs an array')

    def order(self, struct):
        """Nothing fixed behind what has no known end."""
        behind, optional = None, None
        for f in struct.fields:
            self.where = f'{struct.file}: {struct.name}.{f.name}'
            if behind and not (f.is_view and f.offset):
                self.bad(f'stands behind {behind}, which has no known end')
            if f.is_view and (f.offset or f.takes_rest):
                if not f.offset:
                    behind = f.name
                elif not behind and f.takes_rest:
                    behind = f.name
            if optional and not f.optional and not f.is_view:
                self.bad(f'must stand before the optional {optional}')
            if f.optional:
                optional = f.name

    def struct(self, struct):
        self.where = f'{struct.file}: {struct.name}'
        if len(struct.fields) > MAX_FIELDS:
            self.bad(f'more than {MAX_FIELDS} fields')
        if sum(f.size for f in struct.fields) > MAX_FIXED:
            self.bad(f'more than {MAX_FIXED} bytes')
        names = set()
        for f in struct.fields:
            if f.c_name in names:
                self.bad(f'two fields are called {f.name}')
            names.add(f.c_name)
        if struct.next and struct.next not in [f.name for f in struct.fields]:
            self.bad(f'next names {struct.next}, which is no field')
        elif struct.next:
            for f in struct.fields[:struct.index(struct.next)]:
                if f.is_view or f.optional or f.when:
                    self.bad(f'{f.name} stands before {struct.next}')
        self.keys(struct)
        for f in struct.fields:
            self.field(struct, f)
        self.order(struct)
        self.where = f'{struct.file}: {struct.name}'
        self.structure_size(struct)
        if bool(struct.foreign) == bool(struct.waiver):
            self.bad('needs either foreign: or waiver:')

    def keys(self, struct):
        if struct.command:
            if struct.command not in COMMANDS:
                self.bad(f'command {struct.command}')
            if struct.direction not in ('request', 'response'):
                self.bad('a message needs direction: request or response')
            if struct.start != 64:
                self.bad('a message starts at 64')
        if (struct.context or struct.fsctl) and not struct.direction:
            self.bad('context and fsctl need a direction')

    def counted(self, struct, size):
        """What StructureSize may be: the fixed part, or with one byte or one
        element of the variable part."""
        sizes = {size}
        for f in struct.fields:
            if f.is_view:
                sizes.add(size + 1)
            if f.content == 'list':
                sizes.add(size + self.model.fixed_size(
                    self.model.structs[f.of]))
            for case in f.choice.cases.values() if f.choice else ():
                sizes.add(size + self.model.fixed_size(
                    self.model.structs[case]))
        # WRITE responses lost their variable part, not its byte
        if struct.name == 'SMB2_WRITE_RESPONSE':
            sizes.add(size + 1)
        return sizes

    def structure_size(self, struct):
        """A message's StructureSize counts its fixed part."""
        if not struct.command and struct.name != 'SMB2_ERROR_RESPONSE':
            return
        const = struct.fields[0].constant
        size = self.model.fixed_size(struct)
        if const is None:
            self.bad('a message begins with a constant StructureSize')
        elif const not in self.counted(struct, size):
            self.bad(f'StructureSize is {const}, the fixed part {size}')

    def endless(self):
        """No structure may reach itself through views of open extent."""
        def visit(name, above):
            if name in above:
                self.where = self.model.structs[name].file
                self.bad(f'{name} contains itself')
                return
            for f in self.model.structs[name].fields:
                if f.content in ('one', 'list') and not f.length and \
                        f.of in self.model.structs:
                    visit(f.of, above + [name])
        for name in self.model.structs:
            visit(name, [])

    def names(self):
        """C names are unique across enums and structures."""
        seen = {}
        for s in self.model.all_structs():
            self.where = f'{s.file}: {s.name}'
            if s.c_name in seen:
                self.bad(f'same C name as {seen[s.c_name]}')
            seen[s.c_name] = s.name

    def run(self):
        for e in self.model.enums.values():
            self.enum(e)
        for s in self.model.all_structs():
            self.struct(s)
        self.names()
        self.endless()
        return self.complaints


def check(model):
    return Checker(model).run()

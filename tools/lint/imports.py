# SPDX-License-Identifier: MIT
"""Who may include whom: the table of ARCHITECTURE.md, checked."""
import glob
import os
import re
import subprocess

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.MULTILINE)

# What a module may include besides itself.
WIRE = {"wire"}
MAY = {
    "wire": set(),
    "crypto": WIRE,
    "ports": WIRE,
    "engine": {"wire", "crypto", "ports"},
    "files": {"ports", "wire"},
    "store": {"ports", "wire"},
    # both sides write the same SPNEGO tokens
    "auth": {"ports", "wire", "authclient"},
    "transport": {"ports", "wire"},
    "loop": {"ports", "wire"},
    "authclient": {"wire", "crypto"},
    "netlogon": {"ports", "wire", "crypto"},
    "sidfilter": {"ports", "wire"},
}
REFERENCE = set(MAY) | {"server", "client"}
MAY["server"] = REFERENCE
MAY["client"] = REFERENCE
# The suite knows codecs, crypto and what a client needs; nothing of a server.
CLIENT_SIDE = {"wire", "crypto", "authclient"}
CONFORMANCE = {"suite", "runner"}
# The one part of conformance/ that puts suite and server together; nobody
# else includes it.
ROOT = "sim"
# Tests that use the words of those of leases.
WITH_LEASES = {"dirlease", "durable", "replay"}
# Of the transports, the suite knows the client's side.
TRANSPORT_SEAM = {"transport/quic_client.h", "transport/quic_ep.h",
                  "transport/quic_tls.h"}

# The protocol does no I/O: what these may not include of the system, and
# which functions of it they may not call. Types and constants of sockets and
# files are no I/O.
SYSTEM_BANNED = re.compile(
    r"^(unistd|fcntl|dirent|poll|pthread|threads|time|signal|liburing)\.h$"
    r"|^sys/(mman|time|epoll|xattr|ioctl|random)\.h$"
    r"|^(gssapi|linux|ngtcp2)/")
CALLS_BANNED = re.compile(
    r"^(open(at|at2)?(64)?|close|read|write|p(read|write)v?(64)?|socket|bind"
    r"|listen|accept4?|connect|send(to|msg)?|recv(from|msg)?|poll|select"
    r"|epoll_\w+|io_uring_\w+|clock_\w+|gettimeofday|time|nanosleep|usleep"
    r"|sleep|[fl]?stat(at)?(64)?|statx|mkdir(at)?|unlink(at)?|rename(at2?)?"
    r"|f?chmod(at)?|opendir|readdir(64)?|pthread_create|fork|exec\w*|system"
    r"|popen|getrandom|rand|random"
    r"|f(open|read|write)(64)?|puts|printf)$")
NO_IO = {"wire", "engine", "ports"}
NO_IO_LIBRARIES = ("engine", "wire", "ports")
GNUTLS = {"crypto", "authclient", "auth", "transport", "conformance",
          "server", "client", "netlogon"}
# A generated header belongs to the part that owns its generator.
GENERATED = {"rules.h", "model.h"}


def module_of(name):
    """(folder, module) of a source file, or None."""
    parts = name.split("/")
    if len(parts) > 2 and parts[0] in ("reference", "conformance"):
        return parts[0], parts[1]
    return None


def is_test(name):
    return "/test/" in name or "/fuzz/" in name


def allowed(name, target):
    """Whether the source file may include the module `target`."""
    folder, module = module_of(name)
    if target == module:
        return True
    if folder == "conformance" and module == ROOT:
        return target in CONFORMANCE | REFERENCE
    if folder == "conformance" and module == "suite":
        # Connections over QUIC are dialled through its client's end.
        return target in CLIENT_SIDE | CONFORMANCE | {"transport", "ports"}
    if folder == "conformance" and module in WITH_LEASES:
        return target in CLIENT_SIDE | CONFORMANCE | {"lease", "durable"}
    if folder == "conformance":
        return target in CLIENT_SIDE | CONFORMANCE
    if is_test(name):
        # A unit test puts parts together, but stays within the reference.
        return target in REFERENCE
    return target in MAY.get(module, set())


def target_module(path):
    """The module that an #include path belongs to, or None."""
    first = path.split("/")[0]
    if "/" in path and first in REFERENCE | CONFORMANCE | {"core", ROOT}:
        return first
    return None


def check_system(name, path):
    if is_test(name):
        return None
    folder, module = module_of(name)
    if module in NO_IO and SYSTEM_BANNED.search(path):
        return "%s: %s does no I/O, but includes <%s>" % (name, module, path)
    owner = "conformance" if folder == "conformance" else module
    if path.startswith("gnutls/") and owner not in GNUTLS:
        return "%s: %s includes <%s>" % (name, module, path)
    return None


def check_file(name, source):
    problems = []
    for mark, path in INCLUDE.findall(source):
        if mark == "<":
            problem = check_system(name, path)
            problems += [problem] if problem else []
            continue
        if path in GENERATED or path.startswith("../"):
            problems += ["%s: path with ..: %s" % (name, path)] \
                if path.startswith("../") else []
            continue
        target = target_module(path)
        if path in TRANSPORT_SEAM and name.startswith("conformance/"):
            continue
        if target and not allowed(name, target):
            problems.append("%s: %s may not include %s"
                            % (name, "/".join(module_of(name)), path))
    return problems


def dependencies(folder):
    """{source: [header, ...]} of the .d files of a build."""
    found = {}
    for path in glob.glob(os.path.join(folder, "**/*.d"), recursive=True):
        with open(path, encoding="utf-8") as stream:
            rule = stream.read().split("\n\n")[0].replace("\\\n", " ")
        names = rule.partition(":")[2].split()
        if names:
            found[names[0]] = names[1:]
    return found


def check_dependencies(folder):
    """What is reached by way of other headers counts as well."""
    problems = []
    for source, headers in sorted(dependencies(folder).items()):
        if not module_of(source):
            continue
        for header in headers:
            owner = module_of(header)
            if owner and not allowed(source, owner[1]):
                problems.append("%s: reaches %s through its headers"
                                % (source, header))
    return problems


def undefined_symbols(library):
    run = subprocess.run(["nm", "-u", library], capture_output=True,
                         text=True, check=False)
    return sorted({line.split()[-1] for line in run.stdout.split("\n")
                   if line.strip().startswith("U ")})


def check_libraries(folder):
    """What the compiled protocol calls, whatever it includes."""
    problems = []
    for name in NO_IO_LIBRARIES:
        library = os.path.join(folder, "lib%s.a" % name)
        if os.path.exists(library):
            problems += ["lib%s.a calls %s()" % (name, symbol)
                         for symbol in undefined_symbols(library)
                         if CALLS_BANNED.search(symbol.split("@")[0])]
    return problems


def check_readers(tree):
    """The dissector and wiregen read spec/wire, never what C was made."""
    problems = []
    for name in tree.names:
        if name.startswith("dissectors/") and name.endswith((".lua", ".py")):
            if re.search(r"gen/wire|reference/(wire|engine)",
                         tree.read(name)):
                problems.append("%s: reads output that was made for C" % name)
    return problems


def check(tree):
    problems = []
    count = 0
    for name in tree.names:
        if name.endswith((".c", ".h")) and module_of(name):
            problems += check_file(name, tree.read(name))
            count += 1
    problems += check_readers(tree)
    if tree.depends and os.path.isdir(tree.depends):
        problems += check_dependencies(os.path.join(tree.depends, "obj"))
        problems += check_libraries(os.path.join(tree.depends, "lib"))
    return problems, "%d files" % count

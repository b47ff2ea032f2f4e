# SPDX-License-Identifier: GPL-2.0
"""The lab's root file system: a tree in memory and its archive, the same for the same input."""
import os
import re
import shutil
import stat

from labelf import Elf, NotElf
from labkernel import LabError, tool

CONSOLE = (5, 1)
FOLDERS = ("bin", "dev", "etc", "lab", "lib", "proc", "root", "run", "sbin", "sys", "usr",
           "usr/bin", "usr/sbin", "var")
PASSWD = "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n"
GROUP = "root:x:0:\nuser:x:1000:\n"


class Tree:
    """Paths (without a leading slash) and what is there: mode, content, device number."""

    def __init__(self):
        self.nodes = {}

    def folder(self, path, mode=0o755):
        path = path.strip("/")
        if path and path not in self.nodes:
            self.folder(os.path.dirname(path))
            self.nodes[path] = (stat.S_IFDIR | mode, b"", (0, 0))

    def put(self, path, data, mode=0o644):
        path = path.strip("/")
        self.folder(os.path.dirname(path))
        self.nodes[path] = (stat.S_IFREG | mode, bytes(data), (0, 0))

    def link(self, path, target):
        path = path.strip("/")
        self.folder(os.path.dirname(path))
        self.nodes.setdefault(path, (stat.S_IFLNK | 0o777, target.encode(), (0, 0)))

    def device(self, path, number, mode=0o600):
        path = path.strip("/")
        self.folder(os.path.dirname(path))
        self.nodes[path] = (stat.S_IFCHR | mode, b"", number)

    def cpio(self):
        """The tree as a "newc" archive, which is what the kernel unpacks; owner root, time 0."""
        out = bytearray()
        ordered = sorted(self.nodes.items()) + [("TRAILER!!!", (0, b"", (0, 0)))]
        for inode, (path, (mode, data, device)) in enumerate(ordered, 1):
            name = path.encode() + b"\0"
            links = 2 if stat.S_ISDIR(mode) else 1
            fields = (inode, mode, 0, 0, links, 0, len(data), 0, 0, *device, len(name), 0)
            out += b"070701" + b"".join(b"%08x" % f for f in fields) + name
            out += bytes(-len(out) % 4) + data
            out += bytes(-len(out) % 4)
        return bytes(out)

    def write(self, folder):
        """The tree as files, without devices; for an image of a disk."""
        for path, (mode, data, _device) in sorted(self.nodes.items()):
            where = os.path.join(folder, path)
            if stat.S_ISDIR(mode):
                os.mkdir(where)
                os.chmod(where, stat.S_IMODE(mode))
            elif stat.S_ISLNK(mode):
                os.symlink(data, where)
            elif stat.S_ISREG(mode):
                with open(where, "wb") as f:
                    f.write(data)
                os.chmod(where, stat.S_IMODE(mode))


def base_tree():
    """busybox and what every lab has."""
    tree = Tree()
    for path in FOLDERS:
        tree.folder(path)
    tree.folder("tmp", 0o1777)
    tree.device("dev/console", CONSOLE)
    tree.put("etc/passwd", PASSWD.encode())
    tree.put("etc/group", GROUP.encode())
    busybox = shutil.which("busybox")
    if not busybox:
        raise LabError("busybox: no such program here; `make setup` installs it")
    add_file(tree, busybox, "/bin/busybox")
    for applet in tool(busybox, "--list-full").decode().split():
        if os.path.basename(applet) != "busybox":
            tree.link(applet, "/bin/busybox")
    return tree


def split_add(spec):
    """FILE[:DEST]; an executable goes to /bin unless told, another file to /."""
    source, colon, dest = spec.partition(":")
    if not os.path.exists(source):
        raise LabError(f"--add {spec}: {source}: no such file")
    name = os.path.basename(os.path.normpath(source))
    if not colon or not dest:
        runs = os.path.isfile(source) and os.access(source, os.X_OK)
        dest = f"/bin/{name}" if runs else f"/{name}"
    elif dest.endswith("/"):
        dest += name
    return source, dest


def add(tree, spec):
    """Add a file, or a folder with what is in it; dynamic executables bring their libraries."""
    source, dest = split_add(spec)
    if not os.path.isdir(source):
        add_file(tree, source, dest)
        return
    tree.folder(dest)
    for folder, dirs, files in os.walk(source):
        dirs.sort()
        inside = os.path.normpath(os.path.join(dest, os.path.relpath(folder, source)))
        for name in dirs:
            tree.folder(os.path.join(inside, name))
        for name in files:
            add_file(tree, os.path.join(folder, name), os.path.join(inside, name))


def add_file(tree, source, dest):
    if not os.path.isfile(source):
        return
    try:
        with open(source, "rb") as f:
            data = f.read()
    except OSError as e:
        raise LabError(f"{source}: {e.strerror}") from None
    tree.put(dest, data, 0o755 if os.access(source, os.X_OK) else 0o644)
    for library in libraries(source, data):
        if library.strip("/") not in tree.nodes:
            with open(library, "rb") as f:
                tree.put(library, f.read(), 0o755)


def libraries(source, data):
    """The interpreter of a dynamic executable and the libraries that it would load."""
    if data[:4] != b"\x7fELF":
        return []
    try:
        interpreter = Elf(data).interpreter()
    except NotElf:
        return []
    if not interpreter:
        return []
    listing = tool(interpreter, "--list", os.path.abspath(source)).decode()
    missing = re.findall(r"^\s*(\S+) => not found", listing, re.M)
    if missing:
        raise LabError(f"{source} needs {', '.join(missing)}, which is not here")
    return [interpreter] + re.findall(r"=> (/\S+) \(0x", listing)

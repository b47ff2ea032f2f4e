# SPDX-License-Identifier: GPL-2.0
"""Kernel packages: which one a name means, fetching it with apt, and what the lab keeps of it.

Nothing is installed. A package is downloaded into the cache folder, unpacked there, and reduced to
vmlinuz, vmlinux, config and the few modules that a lab can load. What a name such as
"X.Y" means is remembered, so that only `lab fetch` ever needs apt or a network.
"""
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
import tempfile
import zlib

from labelf import Elf, compact

# What a lab can load from the kernel's own package, by module name; dependencies come along.
MODULES = ("kvm-intel", "msr", "cpuid", "zram", "tun")
# What a Linux guest may load, likewise: its disks, and a file system there; a network and others.
DISK_MODULES = ("virtio_pci", "virtio_blk")
NET_MODULES = ("virtio_pci", "virtio_net", "virtio-rng", "virtio_console")
GUEST_MODULES = DISK_MODULES + ("ext4",) + NET_MODULES
# What a module asks the kernel for by another name, if the kernel does not have it built in.
ASKS_FOR = {"ext4": ["crc32c_generic"]}
# Sections that only debuggers and tracers read; loading them costs 600 M instructions.
STRIP = ("--strip-debug", "-R", ".BTF", "-R", ".BTF_ids")
ZSTD = b"\x28\xb5\x2f\xfd"
STRIP_FTRACE = ("-R", "__mcount_loc", "-R", ".rela__mcount_loc")


class LabError(Exception):
    """Something the user can mend; the text says what and how."""


def cache_dir():
    base = os.environ.get("KVMLET_CACHE")
    if not base:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        base = os.path.join(home, "kvmlet")
    os.makedirs(base, exist_ok=True)
    return os.path.abspath(base)


def publish(path, data, mode=0o644):
    """Write a cache file so that other labs see all of it or nothing."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fd, temp = tempfile.mkstemp(dir=os.path.dirname(path))
    try:
        with os.fdopen(fd, "wb") as f:
            f.write(data)
        os.chmod(temp, mode)
        os.rename(temp, path)
    except BaseException:
        os.unlink(temp)
        raise


def tool(*argv, **options):
    """Run a tool of the user's machine; its failure is an error with its own words."""
    options.setdefault("stdin", subprocess.DEVNULL)
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              env=dict(os.environ, LC_ALL="C"), **options)
    except FileNotFoundError:
        raise LabError(f"{argv[0]}: no such program here; `make setup` installs it") from None
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip()
        raise LabError(f"{' '.join(argv[:2])} failed ({done.returncode}): {words}")
    return done.stdout


# --- names -------------------------------------------------------------------------------------

def meta_package(name):
    """The package a user's name for a kernel stands for: none, a series, or a full release."""
    if not name:
        return "linux-image-amd64"
    if not re.fullmatch(r"[0-9][0-9a-z.+~-]*", name):
        raise LabError(f"--kernel {name}: expected a series such as X.Y or a release `uname -r`")
    return f"linux-image-{name}" if name.endswith("-amd64") else f"linux-image-{name}-amd64"


def memory_of(name):
    return os.path.join(cache_dir(), "names", meta_package(name))


def release_of(name):
    """The release (`uname -r`) that a name stands for, as the last fetch learnt it."""
    if name and os.path.isdir(folder_of(name)):
        return name
    try:
        with open(memory_of(name), encoding="ascii") as f:
            release = f.read().strip()
    except FileNotFoundError:
        option = f" --kernel {name}" if name else ""
        raise LabError(f"no kernel for {meta_package(name)} in {cache_dir()}: "
                       f"run `lab fetch{option}` first (needs a network)") from None
    return release


def folder_of(release):
    return os.path.join(cache_dir(), "kernels", release)


def symbols_of(release):
    """The kernel's functions, as lines of /proc/kallsyms; empty when nobody has asked yet."""
    try:
        with open(os.path.join(folder_of(release), "symbols"), encoding="ascii") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def keep_symbols(release, kallsyms):
    """Remember the functions of the kernel itself (a module's have a fourth column)."""
    kept = [line for line in kallsyms.splitlines()
            if len(line.split()) == 3 and line.split()[1] in (b"t", b"T", b"w", b"W")]
    publish(os.path.join(folder_of(release), "symbols"), b"\n".join(kept) + b"\n")


# --- apt ---------------------------------------------------------------------------------------

def apt_options(private):
    """Options of apt; with private, package lists of the lab's own, which need no root."""
    options = ["-qq"]
    if os.geteuid() == 0:
        options += ["-o", "APT::Sandbox::User=root"]
    if private:
        state = os.path.join(cache_dir(), "apt")
        os.makedirs(os.path.join(state, "lists", "partial"), exist_ok=True)
        options += ["-o", f"Dir::State::Lists={state}/lists", "-o", f"Dir::Cache={state}"]
    return options


def resolve(package, options):
    """Follow a meta package to the kernel's own; returns its name."""
    listing = tool("apt-cache", *options, "depends", package).decode()
    found = re.search(r"^ +Depends: (linux-image-[0-9]\S*)$", listing, re.M)
    return found.group(1) if found else package


def fetch(name, say):
    """Make the kernel of a name available in the cache; returns its release."""
    try:
        return fetch_with(name, apt_options(False), say)
    except LabError as first:
        say(f"{first}; trying with package lists of the lab's own")
    options = apt_options(True)
    try:
        tool("apt-get", *options, "update")
        return fetch_with(name, options, say)
    except LabError as second:
        if not os.path.exists(memory_of(name)):
            raise
        say(f"{second}; keeping what is here")
        return release_of(name)


def fetch_with(name, options, say):
    package = resolve(meta_package(name), options)
    release = package[len("linux-image-"):]
    if "-" not in release:
        raise LabError(f"{package}: the package lists name no kernel for it")
    if not is_whole(release):
        say(f"downloading {package}")
        download(package, release, options)
    publish(memory_of(name), release.encode() + b"\n")
    return release


def is_whole(release):
    """Is all of it in the cache, that of a later list of modules, too?"""
    folder = folder_of(release)
    return all(os.path.isfile(os.path.join(folder, n))
               for n in ["vmlinux"] + [f"modules/{m}.ko" for m in MODULES] +
               [f"guest-modules/{m}.ko" for m in GUEST_MODULES])


def download(package, release, options):
    kernels = os.path.join(cache_dir(), "kernels")
    os.makedirs(kernels, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=kernels) as temp:
        tool("apt-get", *options, "download", package, cwd=temp)
        deb = [f for f in os.listdir(temp) if f.endswith(".deb")]
        if len(deb) != 1:
            raise LabError(f"apt-get download {package} left no package")
        tree, out = os.path.join(temp, "tree"), os.path.join(temp, "out")
        tool("dpkg-deb", "-x", os.path.join(temp, deb[0]), tree)
        reduce_package(tree, release, out)
        final = folder_of(release)
        shutil.rmtree(final, ignore_errors=True)
        try:
            os.rename(out, final)
        except OSError:
            if not os.path.isfile(os.path.join(final, "vmlinux")):
                raise


def reduce_package(tree, release, out):
    """Keep of an unpacked package what the lab uses."""
    os.makedirs(os.path.join(out, "modules"))
    for kind in ("vmlinuz", "config"):
        shutil.copy(os.path.join(tree, "boot", f"{kind}-{release}"), os.path.join(out, kind))
    with open(os.path.join(out, "vmlinuz"), "rb") as f:
        publish(os.path.join(out, "vmlinux"), vmlinux_of(f.read()))
    copy_modules(tree, MODULES, os.path.join(out, "modules"))
    copy_modules(tree, GUEST_MODULES, os.path.join(out, "guest-modules"))


def copy_modules(tree, wanted, out):
    """Modules of an unpacked package, with those that they need."""
    files = {}
    for folder, _dirs, names in os.walk(tree):
        for n in names:
            if re.search(r"\.ko(\.xz|\.gz|\.zst)?$", n):
                files[n.split(".ko")[0]] = os.path.join(folder, n)
    queue, done = list(wanted), []
    while queue:
        module = queue.pop(0)
        if module in done or module not in files:
            continue
        with open(files[module], "rb") as f:
            data = unpack(f.read())
        publish(os.path.join(out, module + ".ko"), data)
        done.append(module)
        queue += depends(data) + ASKS_FOR.get(module, [])


def depends(data):
    """The names of the modules that a module needs."""
    return [d for line in Elf(data).modinfo("depends") for d in line.split(",") if d]


def unpack(data):
    """Undo the compression of a kernel or a module, whichever it is."""
    if data[:6] == b"\xfd7zXZ\0":
        return lzma.LZMADecompressor().decompress(data)
    if data[:2] == b"\x1f\x8b":
        return zlib.decompressobj(31).decompress(data)
    if data[:4] == ZSTD:
        with tempfile.TemporaryFile() as f:
            f.write(data)
            f.seek(0)
            return tool("zstd", "-dc", stdin=f)
    return data


def vmlinux_of(bzimage):
    """The ELF file inside a bzImage (boot protocol 2.08: payload_offset, payload_length)."""
    if bzimage[0x202:0x206] != b"HdrS":
        raise LabError("the kernel is not a bzImage")
    setup = ((bzimage[0x1f1] or 4) + 1) * 512
    offset, length = struct.unpack_from("<II", bzimage, 0x248)
    payload = bzimage[setup + offset:setup + offset + length]
    if payload[:4] == ZSTD:
        payload = payload[:-4]          # the size that the kernel's build appends
    vmlinux = unpack(payload)
    Elf(vmlinux)
    return vmlinux


def guest_vmlinux(release):
    """The path of a vmlinux for a guest: half as large, as a lab unpacks and its guest's runner
    reads all of it.
    """
    path = os.path.join(folder_of(release), "vmlinux")
    status = os.stat(path)
    words = repr((path, status.st_size, status.st_mtime_ns))
    kept = os.path.join(cache_dir(), "stripped",
                        hashlib.sha256(words.encode()).hexdigest()[:24] + ".vmlinux")
    if not os.path.exists(kept):
        with open(path, "rb") as f:
            publish(kept, compact(f.read()))
    return kept


# --- modules -----------------------------------------------------------------------------------

def package_modules(release):
    """Paths of the modules that the lab kept from the kernel's package, by name."""
    folder = os.path.join(folder_of(release), "modules")
    return {f[:-3]: os.path.join(folder, f) for f in sorted(os.listdir(folder))}


def guest_modules(release, names):
    """[(name, content)] of modules for a Linux guest, each behind those that it needs."""
    folder, order = os.path.join(folder_of(release), "guest-modules"), []

    def load(name):
        path = os.path.join(folder, name + ".ko")
        if os.path.isfile(path) and name not in [n for n, _data in order]:
            with open(path, "rb") as f:
                needed = depends(f.read()) + ASKS_FOR.get(name, [])
            for other in needed:
                load(other)
            order.append((name, stripped(path, False)))

    for name in names:
        if not os.path.isfile(os.path.join(folder, name + ".ko")):
            raise LabError(f"no module {name} for a guest in the cache: run `lab fetch` (needs a "
                           "network)")
        load(name)
    return order


def stripped(path, ftrace):
    """A module's bytes without what only debuggers (and, unless ftrace, tracers) read."""
    with open(path, "rb") as f:
        data = f.read()
    flags = STRIP if ftrace else STRIP + STRIP_FTRACE
    key = hashlib.sha256(repr(flags).encode() + data).hexdigest()[:24]
    kept = os.path.join(cache_dir(), "stripped", key + ".ko")
    if not os.path.exists(kept):
        with tempfile.TemporaryDirectory() as temp:
            out = os.path.join(temp, "out.ko")
            tool("objcopy", *flags, path, out)
            with open(out, "rb") as f:
                publish(kept, f.read())
    with open(kept, "rb") as f:
        return f.read()

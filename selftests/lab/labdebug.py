# SPDX-License-Identifier: GPL-2.0
"""The debug host's kernel: built from Debian's linux-source with debug.config, once, and cached.

Its release is VERSION-debug-HASH, HASH of debug.config: a change of the file is a new kernel.
The folder in the cache is like that of a downloaded kernel, and holds besides, in build/, what
building a module against it needs.
"""
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time

from labimage import HERE
from labkernel import LabError, apt_options, cache_dir, folder_of, publish, tool

FRAGMENT = os.path.join(HERE, "debug.config")
PROGRESS = 15                           # seconds between two lines
TARGETS = ("bzImage", "modules")
# kmemleak reads every word of the host's memory; its own code need not be watched meanwhile.
FLAGS = tuple(f"{tool}_SANITIZE_kmemleak.o=n" for tool in ("KASAN", "UBSAN"))
# Of source and objects, what kbuild reads when it builds a module.
KEPT_SOURCE = ("Makefile", "Kbuild", "Kconfig", "scripts", "include", "arch/x86/Makefile",
               "arch/x86/Makefile_32.cpu", "arch/x86/Makefile.um", "arch/x86/include",
               "arch/x86/Kbuild", "arch/x86/Kconfig", "tools/objtool")
KEPT_OBJECTS = ("Makefile", ".config", "Module.symvers", "include", "scripts",
                "arch/x86/include", "tools/objtool/objtool")


def fragment_hash():
    with open(FRAGMENT, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()[:8]


def settings(text):
    """{symbol: value} of a configuration; a value of None says that it is not set."""
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(r"(CONFIG_\w+)=(.*)|# (CONFIG_\w+) is not set", line)
        if match:
            found[match.group(1) or match.group(3)] = match.group(2)
    return found


def dropped(wanted, actual):
    """The settings that Kconfig did not take over."""
    return [symbol for symbol, value in settings(wanted).items()
            if settings(actual).get(symbol) != value]


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


class Build:
    """One build, in a temporary folder of the cache."""

    def __init__(self, folder, say):
        self.say = say
        self.source, self.objects = os.path.join(folder, "source"), os.path.join(folder, "objects")
        self.out, self.log = os.path.join(folder, "out"), os.path.join(folder, "log")
        self.folder = folder

    def unpack(self):
        """Download the source of the archive's default series, and unpack it."""
        options = apt_options(False)
        listing = tool("apt-cache", *options, "depends", "linux-source").decode()
        package = re.search(r"Depends: (linux-source-\S+)", listing)
        if not package:
            raise LabError("the package lists name no linux-source")
        self.say(f"downloading {package.group(1)} (140 MB)")
        tool("apt-get", *options, "download", package.group(1), cwd=self.folder)
        deb = [f for f in os.listdir(self.folder) if f.endswith(".deb")][0]
        tree = os.path.join(self.folder, "tree")
        tool("dpkg-deb", "-x", os.path.join(self.folder, deb), tree)
        self.say("unpacking")
        archive = os.path.join(tree, "usr", "src", package.group(1) + ".tar.xz")
        os.makedirs(self.source)
        tool("tar", "-xJf", archive, "-C", self.source, "--strip-components=1")
        shutil.rmtree(tree)

    def make(self, *words):
        tool("make", "-s", "-C", self.source, f"O={self.objects}", *words)

    def configure(self):
        """tinyconfig and the fragment; a line that Kconfig drops is an error."""
        config = os.path.join(self.objects, ".config")
        os.makedirs(self.objects)
        self.make("tinyconfig")
        with open(config, "a", encoding="utf-8") as f:
            f.write(read(FRAGMENT))
        self.make("olddefconfig")
        lost = dropped(read(FRAGMENT), read(config))
        if lost:
            raise LabError(f"{FRAGMENT}: not taken over: {' '.join(lost)}")

    def compile(self):
        """Compile; a line of progress now and then."""
        began = last = time.monotonic()
        objects = 0
        argv = ["nice", "make", "-C", self.source, f"O={self.objects}", f"-j{os.cpu_count()}",
                f"LOCALVERSION=-debug-{fragment_hash()}", *FLAGS, *TARGETS]
        with open(self.log, "w", encoding="utf-8") as log, subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, errors="replace", env=dict(os.environ, LC_ALL="C")) as process:
            for line in process.stdout:
                log.write(line)
                objects += line.startswith("  CC ")
                if time.monotonic() - last > PROGRESS:
                    last = time.monotonic()
                    self.say(f"compiling: {objects} files in {last - began:.0f} s (of 5 to 15 min)")
        if process.returncode:
            tail = "".join(read(self.log).splitlines(True)[-20:])
            raise LabError(f"the debug kernel does not compile:\n{tail}")

    def release(self):
        return read(os.path.join(self.objects, "include/config/kernel.release")).strip()

    def keep(self, final):
        """Lay out what the cache keeps, as it will be found in the folder `final`."""
        modules, build = os.path.join(self.out, "modules"), os.path.join(self.out, "build")
        os.makedirs(modules)
        shutil.copy(os.path.join(self.objects, "arch/x86/boot/bzImage"),
                    os.path.join(self.out, "vmlinuz"))
        shutil.copy(os.path.join(self.objects, ".config"), os.path.join(self.out, "config"))
        tool("strip", "-o", os.path.join(self.out, "vmlinux"),
             os.path.join(self.objects, "vmlinux"))
        for folder, _dirs, names in os.walk(self.objects):
            for n in names:
                if n.endswith(".ko"):
                    shutil.copy(os.path.join(folder, n), modules)
        functions = [line for line in read(os.path.join(self.objects, "System.map")).splitlines()
                     if line.split()[1] in "tTwW"]
        publish(os.path.join(self.out, "symbols"), "\n".join(functions).encode() + b"\n")
        self.keep_tree(self.source, KEPT_SOURCE, os.path.join(build, "source"))
        self.keep_tree(self.objects, KEPT_OBJECTS, build)
        with open(os.path.join(build, "Makefile"), "w", encoding="ascii") as f:
            f.write(f"include {final}/build/source/Makefile\n")

    @staticmethod
    def keep_tree(origin, names, target):
        for name in names:
            source, dest = os.path.join(origin, name), os.path.join(target, name)
            os.makedirs(os.path.dirname(dest), exist_ok=True)
            if os.path.isdir(source):
                shutil.copytree(source, dest, symlinks=True, dirs_exist_ok=True,
                                ignore=shutil.ignore_patterns("*.o", "*.cmd", "*.a"))
            elif os.path.exists(source):
                shutil.copy(source, dest)


def memory():
    return os.path.join(cache_dir(), "names", f"debug-{fragment_hash()}")


def release_here():
    """The release of the debug kernel, which fetch() has built."""
    try:
        release = read(memory()).strip()
    except FileNotFoundError:
        release = ""
    if not release or not os.path.isfile(os.path.join(folder_of(release), "vmlinux")):
        raise LabError(f"no debug kernel of this debug.config in {cache_dir()}: "
                       "`lab fetch --debug` builds it (5 to 15 minutes, needs a network)")
    return release


def fetch(say):
    """Build the debug kernel if the cache has none of this debug.config; returns its release."""
    try:
        return release_here()
    except LabError:
        say("building the debug kernel: once, 5 to 15 minutes")
    kernels = os.path.join(cache_dir(), "kernels")
    os.makedirs(kernels, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".debug-", dir=kernels) as folder:
        build = Build(folder, say)
        build.unpack()
        build.configure()
        build.compile()
        release = build.release()
        final = folder_of(release)
        build.keep(final)
        shutil.rmtree(final, ignore_errors=True)
        os.rename(build.out, final)
    publish(memory(), release.encode() + b"\n")
    return release

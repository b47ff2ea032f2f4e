# SPDX-License-Identifier: GPL-2.0
"""The newer emulator, Bochs 3 of the Debian after this one, for models that Debian 12's lacks.

It is unpacked into the cache with the libraries that it is linked with, and started by their own
loader: nothing is installed. Only `lab fetch --newer` needs apt and a network.
"""
import os
import re
import shutil
import tempfile

from labkernel import LabError, apt_options, cache_dir, tool

SUITE = "trixie"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
LOADER, PROGRAM = "ld-linux-x86-64.so.2", "bochs-bin"


def folder():
    return os.path.join(cache_dir(), "bochs-newer")


def is_here():
    return os.path.isfile(os.path.join(folder(), PROGRAM))


def command(model):
    """(how it is started with another library loaded first, its environment)"""
    if not is_here():
        raise LabError(f"{model} needs the newer Bochs: `lab fetch --newer`, once, with a network")
    return (os.path.join(folder(), LOADER), "--preload", "./detrand.so", "--library-path",
            folder(), os.path.join(folder(), PROGRAM), "-debugger"), \
        {"LTDL_LIBRARY_PATH": os.path.join(folder(), "plugins")}


# --- apt ---------------------------------------------------------------------------------------

def archive():
    """Where this machine's own Debian comes from."""
    listing = tool("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)",
                   "Created-By: Packages").decode()
    found = re.search(r"^(\S+) (?:bookworm|trixie) main$", listing, re.M)
    if not found:
        raise LabError("apt has no package lists of Debian's: `apt-get update`")
    return found.group(1)


def suite_options(temp):
    """Of an apt with lists of its own and no package installed, so that it names all it needs."""
    for name in ("lists/partial", "archives/partial", "parts"):
        os.makedirs(os.path.join(temp, name))
    with open(os.path.join(temp, "sources.list"), "w", encoding="ascii") as f:
        f.write(f"deb [signed-by={KEYS}] {archive()} {SUITE} main\n")
    with open(os.path.join(temp, "status"), "w", encoding="ascii"):
        pass
    settings = {
        "Dir::Etc::SourceList": "sources.list", "Dir::Etc::SourceParts": "parts",
        "Dir::Etc::PreferencesParts": "parts", "Dir::State::Lists": "lists",
        "Dir::State::status": "status", "Dir::Cache": "", "Dir::Cache::archives": "archives",
    }
    options = ["-o", "APT::Install-Recommends=0", "-o", "Debug::NoLocking=1"]
    for name, value in settings.items():
        options += ["-o", f"{name}={os.path.join(temp, value)}"]
    return apt_options(False) + options


def download(temp):
    """Unpack the emulator and all that it depends on; returns the tree."""
    options, tree = suite_options(temp), os.path.join(temp, "tree")
    tool("apt-get", *options, "update")
    tool("apt-get", *options, "-y", "install", "--download-only", "bochs-term")
    archives = os.path.join(temp, "archives")
    for name in sorted(os.listdir(archives)):
        if re.match(r"(bochs|lib\w.*)_.*\.deb$", name):
            tool("dpkg-deb", "-x", os.path.join(archives, name), tree)
    return tree


# --- what is kept ------------------------------------------------------------------------------

def linked_with(tree, binary):
    """The libraries of the tree that a binary needs."""
    libraries = os.path.join(tree, LIBRARIES)
    listing = tool(os.path.join(libraries, LOADER), "--library-path", libraries, "--list",
                   binary).decode()
    if "not found" in listing:
        raise LabError(f"{os.path.basename(binary)}: {listing}")
    return re.findall(rf"=> ({re.escape(libraries)}/\S+)", listing)


def keep(tree, out):
    """Lay out the program, the loader, the plugins and their libraries."""
    libraries = os.path.join(tree, LIBRARIES)
    program = os.path.join(tree, "usr", "bin", PROGRAM)
    shutil.copytree(os.path.join(libraries, "bochs", "plugins"), os.path.join(out, "plugins"),
                    symlinks=True)
    rfb = os.path.join(out, "plugins", "libbx_rfb_gui.so")
    for path in {program, os.path.join(libraries, LOADER), *linked_with(tree, program),
                 *linked_with(tree, rfb)}:
        shutil.copy(path, out)


def fetch(say):
    """Make the newer emulator available in the cache; returns its version."""
    if not is_here():
        say("downloading Bochs 3")
        with tempfile.TemporaryDirectory(prefix=".bochs-", dir=cache_dir()) as temp:
            out = os.path.join(temp, "out")
            os.makedirs(out)
            keep(download(temp), out)
            shutil.rmtree(folder(), ignore_errors=True)
            os.rename(out, folder())
    return "Bochs 3"

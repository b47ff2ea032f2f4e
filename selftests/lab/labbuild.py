# SPDX-License-Identifier: GPL-2.0
"""The lab's three small binaries, built on first use and cached by their sources' hash."""
import hashlib
import os
import tempfile

from labimage import HERE, option_rom
from labkernel import cache_dir, publish, tool

CFLAGS = ("-O2", "-Wall", "-Wextra", "-std=gnu11")


def built(name, sources, recipe, mode=0o755):
    """The cached product `name`, made by recipe(temporary folder) when a source has changed."""
    digest = hashlib.sha256()
    for source in sources + (os.path.basename(__file__),):
        with open(os.path.join(HERE, source), "rb") as f:
            digest.update(f.read())
    path = os.path.join(cache_dir(), "built", f"{digest.hexdigest()[:16]}-{name}")
    if not os.path.exists(path):
        with tempfile.TemporaryDirectory() as temp:
            publish(path, recipe(temp), mode)
    return path


def compiled(temp, source, *flags):
    out = os.path.join(temp, "out")
    tool("gcc", *CFLAGS, *flags, "-o", out, os.path.join(HERE, source))
    with open(out, "rb") as f:
        return f.read()


def agent():
    """Path of the lab's process 1."""
    return built("agent", ("agent.c",), lambda t: compiled(t, "agent.c", "-static", "-lutil"))


def detrand():
    """Path of the library that makes Bochs' random numbers constant."""
    return built("detrand.so", ("detrand.c",),
                 lambda t: compiled(t, "detrand.c", "-shared", "-fPIC"))


def assembled_rom(temp):
    code, obj = os.path.join(temp, "code"), os.path.join(temp, "loader.o")
    tool("gcc", "-c", "-I", HERE, "-o", obj, os.path.join(HERE, "loader.S"))
    tool("ld", "-m", "elf_x86_64", "-Ttext", "0", "--oformat", "binary", "-e", "_start",
         "-o", code, obj)
    with open(code, "rb") as f:
        return option_rom(f.read())


def loader():
    """Path of the boot loader's ROM."""
    return built("loader.rom", ("loader.S", "layout.h"), assembled_rom, 0o644)

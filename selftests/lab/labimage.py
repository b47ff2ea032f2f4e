# SPDX-License-Identifier: GPL-2.0
"""The lab's RAM at power-on: kernel, initrd, boot_params, command line, identity map, option ROM.

Bochs reads one flat file into RAM from 1 MiB up (optramimage1). Bochs 2.7 reads that file to the
host address of its first block, and guest blocks of 128 KiB get host memory in the order in which
they are first touched: the debugger has to touch every block in order before the first instruction
runs, which touch_blocks() does.
"""
import os
import re
import struct

from labelf import Elf, PT_LOAD
from labkernel import LabError

HERE = os.path.dirname(os.path.abspath(__file__))
RAM_BASE = 0x100000
BLOCK = 0x20000                 # BX_MEM_BLOCK_LEN of Bochs 2.7
PAGE = 0x1000
HUGE = 0x200000
CMDLINE_MAX = 2047              # COMMAND_LINE_SIZE of x86, less the NUL


def layout():
    """The addresses of layout.h, by name."""
    with open(os.path.join(HERE, "layout.h"), encoding="ascii") as f:
        return {name: int(value, 0)
                for name, value in re.findall(r"^#define (\w+)\s+(\w+)$", f.read(), re.M)}


def write_ram(path, vmlinux, vmlinuz, initrd, cmdline):
    """Lay RAM out in a sparse file; returns the address at which what is in use ends."""
    at = layout()
    if len(cmdline) > CMDLINE_MAX:
        raise LabError(f"the kernel's command line has {len(cmdline)} bytes, "
                       f"at most {CMDLINE_MAX} fit")
    with open(path, "wb") as ram:
        entry, end = put_kernel(ram, vmlinux)
        initrd_at = (end + 2 * HUGE - 1) & -HUGE
        put(ram, initrd_at, initrd)
        put(ram, at["BOOT_PARAMS"], boot_params(vmlinuz, at, initrd_at, len(initrd)))
        put(ram, at["CMDLINE"], cmdline.encode() + b"\0")
        put(ram, at["ENTRY"], struct.pack("<Q", entry))
        put(ram, at["PML4"], identity_map(at["PML4"]))
        top = (initrd_at + len(initrd) + RAM_BASE - 1) & -RAM_BASE
        ram.truncate(top - RAM_BASE)
    return top


def write_program(path, elf):
    """The same with a program of one's own in place of the kernel, and nothing else."""
    at = layout()
    with open(path, "wb") as ram:
        entry, end = put_kernel(ram, elf)
        put(ram, at["ENTRY"], struct.pack("<Q", entry))
        put(ram, at["PML4"], identity_map(at["PML4"]))
        top = (end + RAM_BASE - 1) & -RAM_BASE
        ram.truncate(top - RAM_BASE)
    return top


def put(ram, address, data):
    ram.seek(address - RAM_BASE)
    ram.write(data)


def put_kernel(ram, vmlinux):
    """Copy the load segments to their physical addresses; returns the entry and the end."""
    with open(vmlinux, "rb") as f:
        elf = Elf(f.read())
    end = 0
    for seg in elf.segments:
        if seg.type == PT_LOAD:
            put(ram, seg.paddr, memoryview(elf.data)[seg.offset:seg.offset + seg.filesz])
            end = max(end, seg.paddr + seg.memsz)
    return elf.entry, end


def boot_params(vmlinuz, at, initrd_at, initrd_size):
    """The zero page (Documentation/x86/boot.rst): the bzImage's own header, completed."""
    with open(vmlinuz, "rb") as f:
        setup = f.read(PAGE)
    params = bytearray(PAGE)
    header_end = 0x202 + setup[0x201]
    params[0x1f1:header_end] = setup[0x1f1:header_end]
    params[0x210] = 0xff                                        # type_of_loader: none registered
    struct.pack_into("<II", params, 0x218, initrd_at, initrd_size)  # ramdisk_image, _size
    struct.pack_into("<I", params, 0x228, at["CMDLINE"])        # cmd_line_ptr
    return params


def identity_map(pml4):
    """Page tables for the first 4 GiB in 2 MiB pages, to be loaded at address pml4."""
    present, big = 3, 0x83
    top = struct.pack("<Q", pml4 + PAGE | present).ljust(PAGE, b"\0")
    middle = b"".join(struct.pack("<Q", pml4 + (2 + i) * PAGE | present) for i in range(4))
    low = b"".join(struct.pack("<Q", i * HUGE | big) for i in range(2048))
    return top + middle.ljust(PAGE, b"\0") + low


def touch_blocks(top):
    """Debugger commands that make Bochs allocate the image's blocks in order."""
    return "".join(f"xp /1bx {a:#x}\n" for a in range(RAM_BASE, top, BLOCK))


def option_rom(code):
    """A ROM of the size its header names, with a checksum of zero."""
    size = code[2] * 512
    if len(code) >= size:
        raise LabError(f"the loader has {len(code)} bytes, its ROM {size}")
    rom = bytearray(code.ljust(size, b"\0"))
    rom[-1] = -sum(rom) & 0xff
    return bytes(rom)

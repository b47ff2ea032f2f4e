# SPDX-License-Identifier: GPL-2.0
"""Names for addresses of a host that hangs: the kernel's own symbols, and those of loaded modules.

Debian's packages hold no System.map, so `lab fetch` asks a booted kernel for /proc/kallsyms; with
nokaslr the addresses hold for every run.
"""
import bisect
import struct

from labelf import Elf

FUNCTION_MAX = 1 << 16          # bytes; an address farther from its symbol is in no function
STT_FUNC = 2


class Symbols:
    """Functions by address; add first, then ask."""

    def __init__(self):
        self.known = []
        self.sorted = False

    def add_kernel(self, kallsyms):
        """Lines "address kind name", as labkernel.symbols_of() has them."""
        for line in kallsyms.splitlines():
            address, _kind, name = line.split()
            self.known.append((int(address, 16), name))

    def add_module(self, name, data, base):
        """The functions of a module's .text, which was loaded at base."""
        elf = Elf(data)
        text = elf.section_number(".text")
        symbols, strings = elf.section(".symtab"), elf.section(".strtab")
        for at, info, _other, number, value, _size in struct.iter_unpack("<IBBHQQ", symbols):
            if number == text and info & 0xf == STT_FUNC:
                end = strings.index(b"\0", at)
                self.known.append((base + value, f"{strings[at:end].decode()} [{name}]"))

    def name(self, address):
        """"function+0x10" for an address in a function, else None."""
        if not self.sorted:
            self.known.sort()
            self.sorted = True
        i = bisect.bisect(self.known, (address, "\x7f")) - 1
        if i < 0 or address - self.known[i][0] > FUNCTION_MAX:
            return None
        function, space, module = self.known[i][1].partition(" ")
        return f"{function}+{address - self.known[i][0]:#x}{space}{module}"

# SPDX-License-Identifier: GPL-2.0
"""The code of a module's functions as a processor with given features runs it.

A kernel module brings alternatives: places, and what the kernel writes there when the processor has
a feature or the command line asks for a mitigation. It brings a table of jumps that static keys
switch on and off. This applies both to the file, as the kernel does when it loads it
(arch/x86/kernel/alternative.c, jump_label.c), and disassembles the outcome with objdump.
"""
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))
import labelf                                                           # noqa: E402

SHT_RELA = 4
STT_SECTION = 3
RELATIVE = 2, 4                 # R_X86_64_PC32, R_X86_64_PLT32
INVERTED = 1 << 15              # of a feature's number, where an alternative has no flags
ALTERNATIVE_FLAGS = 14          # bytes of a struct alt_instr that has them
NOP = b"\x90"
KEY_FLAGS = 3                   # low bits of a static key's address in the table of jumps
SHORT_JUMPS = 0x66, 0xeb        # first byte of a place of 2 bytes; the others have 5
ENDS = "jmp", "ret", "ud2", "int3", "hlt"


def features(header):
    """{name: number} of a kernel's asm/cpufeatures.h."""
    with open(header, encoding="utf-8") as f:
        found = re.findall(r"#define\s+(X86_FEATURE_\w+)\s+\(\s*(\d+)\s*\*\s*32\s*\+\s*(\d+)\)",
                           f.read())
    return {name: int(word) * 32 + int(bit) for name, word, bit in found}


class Instruction:
    """An instruction, its address, and where it jumps to."""

    def __init__(self, address, text):
        self.address, self.text = address, text
        self.name = text.split()[0] if text else ""
        target = re.match(r"(?:j\w+|call) 0x([0-9a-f]+)", text)
        self.target = int(target.group(1), 16) if target else None


class Code:
    """Instructions of one function, in the order of their addresses."""

    def __init__(self, data, base, names, functions):
        """`names` belong to the instructions at their addresses, `functions` start at theirs."""
        self.list = [Instruction(*found) for found in disassemble(data, base)]
        ends = [one.address for one in self.list[1:]] + [base + len(data)]
        for one, end in zip(self.list, ends):
            far = [n for at, n in names.items() if one.address <= at < end]
            if not far and one.target and not base <= one.target < base + len(data):
                far = [functions.get(one.target, "elsewhere")]
            one.text += "".join(f" <{n}>" for n in far)
            one.target = None if far else one.target
        self.at = {one.address: one for one in self.list}
        self.next = dict(zip(self.at, self.list[1:]))
        self.base = base

    def path(self, start=0, taken=()):
        """The way from an offset on. Conditional jumps are not taken but those that `taken`
        names; a call within the function is one that fills the return stack, and has no return.
        """
        one, found = self.at.get(self.base + start), []
        while one and one not in found:
            found.append(one)
            if one.name == "jmp" or one.name in taken or one.name == "call" and one.target:
                one = self.at.get(one.target)
            else:
                one = None if one.name in ENDS else self.next.get(one.address)
        return [one.text for one in found]

    def reached(self):
        """All that can be reached from the start, in the order of addresses."""
        seen, todo = set(), [self.base]
        while todo:
            one = self.at.get(todo.pop())
            if not one or one.address in seen:
                continue
            seen.add(one.address)
            todo.append(one.target)
            if one.name not in ENDS and one.address in self.next:
                todo.append(self.next[one.address].address)
        return [self.at[address].text for address in sorted(seen)]


def disassemble(data, base):
    """[(address, text)] of objdump, with the prefixes that only make room left out."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        out = subprocess.run(
            ["objdump", "-D", "-w", "--no-show-raw-insn", "-b", "binary", "-m", "i386:x86-64",
             f"--adjust-vma={base:#x}", f.name], check=True, capture_output=True, text=True)
    lines = re.findall(r"^\s*([0-9a-f]+):\s+(.*?)\s*$", out.stdout, re.M)
    return [(int(at, 16), re.sub(r"^((cs|ds|data16|notrack) )+", "", re.sub(r"\s+", " ", text)))
            for at, text in lines]


class Module:
    """A kernel module's file."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.elf = labelf.Elf(f.read())
        self.symbols = self.read_symbols()
        self.relocations = {}
        for name, kind, _flags, _addr, offset, size in self.elf.headers:
            label = labelf.string_at(self.elf.data, self.elf.headers[self.elf.shstr][4] + name)
            if kind == SHT_RELA:
                section = self.elf.section_number(label[len(".rela"):])
                self.relocations[section] = [
                    (at, info & 0xffffffff, info >> 32, addend) for at, info, addend
                    in struct.iter_unpack("<QQq", self.elf.data[offset:offset + size])]
        self.alternatives = self.read_alternatives()
        self.jumps = self.read_jumps()

    def read_symbols(self):
        """[(name, section, value, size)]; a section's own symbol has its name."""
        strings = self.elf.headers[self.elf.section_number(".strtab")][4]
        names = self.elf.headers[self.elf.shstr][4]
        found = []
        for name, info, _other, section, value, size in struct.iter_unpack(
                "<IBBHQQ", self.elf.section(".symtab")):
            if info & 15 == STT_SECTION:
                text = labelf.string_at(self.elf.data, names + self.elf.headers[section][0])
            else:
                text = labelf.string_at(self.elf.data, strings + name)
            found.append((text, section, value, size))
        return found

    def read_alternatives(self):
        """[(section, place, bytes there, replacement's place, bytes of it, feature, inverted)]."""
        number = self.elf.section_number(".altinstructions")
        data = self.elf.section(".altinstructions")
        to = {at: (symbol, addend) for at, _kind, symbol, addend in self.relocations[number]}
        places = sorted(to)
        size = places[2] - places[0]
        found = []
        for at in range(0, len(data), size):
            place, replacement = (self.resolve(*to[at + i]) for i in (0, 4))
            feature, flags = struct.unpack_from("<HH", data, at + 8)
            inverted = flags & 1 if size == ALTERNATIVE_FLAGS else feature & INVERTED
            found.append((*place, data[at + size - 2], replacement[1], data[at + size - 1],
                          feature & ~INVERTED, bool(inverted)))
        return found

    def read_jumps(self):
        """[(section, place, target's section, target's place, key's name, on: no jump)]."""
        number = self.elf.section_number("__jump_table")
        to = {at: (symbol, addend) for at, _kind, symbol, addend in self.relocations[number]}
        found = []
        for at in range(0, len(self.elf.section("__jump_table")), 16):
            section, offset = self.resolve(*to[at + 8])
            key = self.symbols[to[at + 8][0]][0]
            for text, where, value, size in self.symbols:
                if section and where == section and size and value == offset & ~KEY_FLAGS:
                    key = text
            found.append((*self.resolve(*to[at]), *self.resolve(*to[at + 4]), key, offset & 1))
        return found

    def resolve(self, symbol, addend):
        """(section, offset) that a relocation means."""
        _name, section, value, _size = self.symbols[symbol]
        return section, value + addend

    def symbol(self, name):
        """(section, offset, size)."""
        for text, section, value, size in self.symbols:
            if text == name and section:
                return section, value, size
        raise KeyError(f"the module has no {name}")

    def code(self, function, has, keys=()):
        """The function where the features of these numbers are set, and these static keys."""
        section, start, size = self.symbol(function)
        _name, _kind, _flags, _addr, offset, length = self.elf.headers[section]
        data = bytearray(self.elf.data[offset:offset + length])
        names = {}
        for relocation in self.relocations.get(section, ()):
            self.relocate(data, names, section, relocation, 0)
        for where, place, room, replacement, used, feature, inverted in self.alternatives:
            if where == section and start <= place < start + size and (feature in has) != inverted:
                self.replace(data, names, section, place, room, replacement, used)
        for where, place, to, target, key, inverted in self.jumps:
            if where == section and start <= place < start + size:
                jumps = (key in keys) != bool(inverted)
                self.switch(data, names, place, target if to == section else None, jumps)
        functions = {value: text for text, where, value, _size in self.symbols
                     if where == section and value != start}
        return Code(bytes(data[start:start + size]), start, names, functions)

    @staticmethod
    def switch(data, names, place, target, jumps):
        """Write a static key's jump, or nothing, into its place."""
        room = 2 if data[place] in SHORT_JUMPS else 5
        for at in [at for at in names if place <= at < place + room]:
            del names[at]
        data[place:place + room] = NOP * room
        if jumps and target is None:
            data[place:place + room] = b"\xe9" + bytes(4)
            names[place + 1] = "elsewhere"
        elif jumps:
            data[place] = 0xeb if room == 2 else 0xe9
            struct.pack_into("<b" if room == 2 else "<i", data, place + 1, target - place - room)

    def replace(self, data, names, section, place, room, replacement, used):
        """Write one alternative into its place."""
        source = self.elf.section_number(".altinstr_replacement")
        new = self.elf.section(".altinstr_replacement")[replacement:replacement + used]
        data[place:place + room] = new + NOP * (room - used)
        for at in [at for at in names if place <= at < place + room]:
            del names[at]
        for relocation in self.relocations.get(source, ()):
            if replacement <= relocation[0] < replacement + used:
                self.relocate(data, names, section, relocation, place - replacement)

    def relocate(self, data, names, section, relocation, shift):
        """Fill in a distance within the section, and give anything else its name."""
        at, kind, symbol, addend = relocation
        at += shift
        target, value = self.resolve(symbol, addend)
        if kind in RELATIVE and target == section:
            struct.pack_into("<i", data, at, value - at)
        else:
            names[at] = self.symbols[symbol][0]

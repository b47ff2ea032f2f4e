# SPDX-License-Identifier: GPL-2.0
"""The little of ELF that the lab needs: load segments, sections, .modinfo, the interpreter."""
import struct

PT_LOAD, PT_INTERP = 1, 3
HEADER, PROGRAM_HEADER, PAGE = 64, 56, 4096


class NotElf(ValueError):
    """The bytes are not a little-endian 64-bit ELF file."""


class Elf:
    """A 64-bit little-endian ELF file held in memory."""

    def __init__(self, data):
        if data[:6] != b"\x7fELF\x02\x01":
            raise NotElf("not a 64-bit little-endian ELF file")
        self.data = data
        self.entry, phoff, shoff = struct.unpack_from("<QQQ", data, 24)
        phsize, phnum, shsize, shnum, shstr = struct.unpack_from("<HHHHH", data, 54)
        self.segments = [Segment(*struct.unpack_from("<IIQQQQQQ", data, phoff + i * phsize))
                         for i in range(phnum)]
        self.headers = [struct.unpack_from("<IIQQQQ", data, shoff + i * shsize)
                        for i in range(shnum)]
        self.shstr = shstr

    def section_number(self, name):
        """The index of a section, None when there is none of that name."""
        for number, header in enumerate(self.headers):
            if string_at(self.data, self.headers[self.shstr][4] + header[0]) == name:
                return number
        return None

    def section(self, name):
        """The bytes of a section, b'' when there is none of that name."""
        number = self.section_number(name)
        if number is None:
            return b""
        _name, _type, _flags, _addr, offset, size = self.headers[number]
        return self.data[offset:offset + size]

    def modinfo(self, key):
        """All values of a key of a kernel module's .modinfo section."""
        start = key.encode() + b"="
        return [s[len(start):].decode() for s in self.section(".modinfo").split(b"\0")
                if s.startswith(start)]

    def interpreter(self):
        """The program interpreter's path, or None for a static file."""
        for seg in self.segments:
            if seg.type == PT_INTERP:
                return string_at(self.data, seg.offset)
        return None


class Segment:
    """One program header."""

    def __init__(self, kind, flags, offset, vaddr, paddr, filesz, memsz, align):
        self.type, self.flags, self.align = kind, flags, align
        self.offset, self.vaddr, self.paddr = offset, vaddr, paddr
        self.filesz, self.memsz = filesz, memsz


def compact(data):
    """An executable's load segments alone, without gaps, and without the zeros at their ends."""
    head, body, at = bytearray(data[:HEADER]), b"", PAGE
    headers = b""
    for seg in (s for s in Elf(data).segments if s.type == PT_LOAD):
        content = data[seg.offset:seg.offset + seg.filesz].rstrip(b"\0")
        headers += struct.pack("<IIQQQQQQ", seg.type, seg.flags, at, seg.vaddr, seg.paddr,
                               len(content), seg.memsz, PAGE)
        body += content + bytes(-len(content) % PAGE)
        at = PAGE + len(body)
    struct.pack_into("<QQ", head, 32, HEADER, 0)
    struct.pack_into("<HHHHH", head, 54, PROGRAM_HEADER, len(headers) // PROGRAM_HEADER, 0, 0, 0)
    return bytes(head) + headers + bytes(PAGE - HEADER - len(headers)) + body


def string_at(data, offset):
    """The NUL-terminated string at an offset."""
    return data[offset:data.index(b"\0", offset)].decode()

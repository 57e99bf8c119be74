#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that a shared library of macOS or a BSD exports one function alone.

usage: exports.py FILE NAME
Reads the symbol table itself: the binutils of Linux know no Mach-O files.
"""
import struct
import sys

MACHO_64 = 0xFEEDFACF
MACHO_BUNDLE = 8
LC_SYMTAB = 2
N_EXT, N_PEXT, N_TYPE, N_STAB = 0x01, 0x10, 0x0E, 0xE0
SHT_DYNSYM = 11


def text_at(data, at):
    return data[at:data.index(b"\0", at)].decode()


def of_macho(data):
    """Returns the exported names of a Mach-O bundle."""
    kind, count = struct.unpack_from("<II", data, 12)[0:2]
    if kind != MACHO_BUNDLE:
        sys.exit(f"the file's type is {kind}, not a bundle")
    names, at = [], 32
    for _ in range(count):
        command, size = struct.unpack_from("<II", data, at)
        if command == LC_SYMTAB:
            symbols, n, strings = struct.unpack_from("<III", data, at + 8)
            for i in range(n):
                name, flags = struct.unpack_from("<IB", data, symbols + 16 * i)
                is_defined = flags & N_TYPE and not flags & N_STAB
                if is_defined and flags & N_EXT and not flags & N_PEXT:
                    names.append(text_at(data, strings + name).removeprefix("_"))
        at += size
    return names


def of_elf(data):
    """Returns the exported names of a 64-bit ELF library."""
    table, = struct.unpack_from("<Q", data, 40)
    size, count = struct.unpack_from("<HH", data, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + size * i) for i in range(count)]
    names = []
    for section in sections:
        if section[1] != SHT_DYNSYM:
            continue
        strings = sections[section[6]][4]
        for at in range(section[4], section[4] + section[5], 24):
            name, info, _, where = struct.unpack_from("<IBBH", data, at)
            if where != 0 and info >> 4 in (1, 2):
                names.append(text_at(data, strings + name))
    return names


def main():
    path, wanted = sys.argv[1:]
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] == b"\x7fELF":
        names = of_elf(data)
    elif struct.unpack_from("<I", data)[0] == MACHO_64:
        names = of_macho(data)
    else:
        sys.exit(f"{path} is neither ELF nor Mach-O")
    if names != [wanted]:
        sys.exit(f"{path} exports {names}")


main()

#!/usr/bin/env python3
"""Packs a storage trace: pack.py NAME.lis NAME.zst

A line of a .lis file is "first block, number of blocks, ignored, ignored". Packed, it is a
little-endian word of 32 bits: the number in the lowest eight, the first block above them. All is
compressed by the zstd program.
"""

import struct
import subprocess
import sys

lis, packed = sys.argv[1:]
words = []
with open(lis, encoding="ascii") as lines:
    for line in lines:
        first, blocks = map(int, line.split()[:2])
        if not (0 <= first < 1 << 24 and 0 < blocks < 1 << 8):
            sys.exit(f"{lis}: {line.strip()!r} does not fit a word of 32 bits")
        words.append(struct.pack("<I", first << 8 | blocks))
command = ["zstd", "-q", "-f", "--ultra", "-22", "-o", packed]
subprocess.run(command, input=b"".join(words), check=True)

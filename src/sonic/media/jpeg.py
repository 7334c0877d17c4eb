"""How much work a JPEG file is, before it is decoded."""

import re
from dataclasses import dataclass

MOST_SEGMENTS = 10_000
"""Segments that are counted. Cameras write some hundred: a depth map comes in parts of 64 kB."""

_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""A marker in entropy-coded data; what is none of its own is stuffed there with 0, or a restart."""
_ALONE, _START_OF_SCAN, _END = 0x01, 0xDA, 0xD9
_ARITHMETIC = (0xC9, 0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF)


@dataclass(frozen=True, slots=True)
class Work:
    """What the first picture of a JPEG file asks of a decoder."""

    scans: int
    """1 for a plain JPEG, some ten for a progressive one. Each scan of a progressive JPEG passes over all of its
    pixels, however few bytes it has."""
    n_segments: int
    """At most MOST_SEGMENTS + 1: behind that nothing is counted."""
    is_arithmetic: bool
    """Coded arithmetically: some ten times the work for each pixel and scan, without any bytes."""


def work_of(data: bytes) -> Work:
    """Of the first picture in these bytes."""
    scans = n_segments = 0
    is_arithmetic, position = False, 2
    while n_segments <= MOST_SEGMENTS and (match := _MARKER.search(data, position)):
        marker = match[1][0]
        if marker == _END:
            break
        n_segments += 1
        scans += marker == _START_OF_SCAN
        is_arithmetic |= marker in _ARITHMETIC
        length = 0 if marker == _ALONE else max(int.from_bytes(data[match.end() : match.end() + 2]), 2)
        position = match.end() + length
    return Work(scans, n_segments, is_arithmetic)

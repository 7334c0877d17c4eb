"""How much work a JPEG file is, before it is decoded."""

import re

_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""A marker in entropy-coded data; what is none of its own is stuffed there with 0, or a restart."""
_START_OF_SCAN, _END = 0xDA, 0xD9


def count_scans(data: bytes) -> int:
    """Scans of the first picture in these bytes: 1 for a plain JPEG, some ten for a progressive one.

    Each scan of a progressive JPEG passes over all of its pixels, however few bytes it has.
    """
    scans, position = 0, 2
    while match := _MARKER.search(data, position):
        marker = match[1][0]
        if marker == _END:
            break
        scans += marker == _START_OF_SCAN
        length = int.from_bytes(data[match.end() : match.end() + 2])
        position = match.end() + max(length, 2)
    return scans

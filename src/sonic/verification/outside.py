"""Bytes of an MP4 that a C2PA signature does not cover: boxes that players skip, in which anything can be put."""

from pathlib import Path

from sonic.media.container import open_file

SKIPPED = (b"free", b"skip", b"mfra")
"""Boxes at the top of the file that the hash of C2PA leaves out; an empty one says nothing."""
_MOST_BOXES = 10_000
_HEAD = 8


def unsigned_bytes(path: Path, max_bytes: int) -> int:
    """How many bytes lie in boxes that no signature covers; 0 for what is no chain of boxes. Raises MediaError."""
    total, at = 0, 0
    with open_file(path, max_bytes, "file") as file:
        end = file.seek(0, 2)
        for _ in range(_MOST_BOXES):
            file.seek(at)
            head = file.read(2 * _HEAD)
            if len(head) < _HEAD:
                break
            size, name = int.from_bytes(head[:4]), head[4:8]
            size = int.from_bytes(head[8:16]) if size == 1 else size or end - at
            if size < _HEAD or at + size > end:
                break
            total += size - _HEAD if name in SKIPPED else 0
            at += size
    return total

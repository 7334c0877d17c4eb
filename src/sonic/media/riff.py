"""How much sound the header of a WAV file states: FFmpeg tells no more than there is."""

import struct
from pathlib import Path

_MOST_CHUNKS = 64
_UNKNOWN_BYTES = 0x7FFF_0000
"""Programs that write into a pipe state 0, or the largest number they have."""


def stated_s(path: Path) -> float | None:
    """Seconds of sound by the header of this RIFF WAVE file; None where it does not say."""
    rate = 0
    with path.open("rb") as file:
        file.seek(12)
        for _ in range(_MOST_CHUNKS):
            head = file.read(8)
            if len(head) < 8:
                return None
            name, size = head[:4], struct.unpack("<I", head[4:])[0]
            if name == b"data":
                return size / rate if rate and 0 < size < _UNKNOWN_BYTES else None
            start = file.tell()
            if name == b"fmt ":
                rate = struct.unpack("<I", file.read(12)[8:12].ljust(4, b"\0"))[0]
            file.seek(start + size + size % 2)
    return None

"""Safetensors files made by hand, right and wrong ones, where neither PyTorch nor safetensors is installed."""

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path


def write(file: Path, shapes: Mapping[str, tuple[int, ...]], notes: Mapping[str, str] | None = None) -> Path:
    """A file of float32 zeros, of these names and shapes; large ones take no room on the disk."""
    header, at = header_of(shapes, notes)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        stream.write(header)
        stream.truncate(len(header) + at)
    return file


def header_of(shapes: Mapping[str, tuple[int, ...]], notes: Mapping[str, str] | None = None) -> tuple[bytes, int]:
    """(The bytes before the tensors, how many bytes of tensors belong after them)."""
    entries: dict[str, object] = {"__metadata__": dict(notes)} if notes else {}
    at = 0
    for name, shape in shapes.items():
        n_bytes = 4 * math.prod(shape)
        entries[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + n_bytes]}
        at += n_bytes
    return packed(json.dumps(entries).encode()), at


def packed(text: bytes) -> bytes:
    """A header with its length before it."""
    return struct.pack("<Q", len(text)) + text

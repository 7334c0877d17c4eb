"""Still pictures that commands write: contact sheets, plots, inspections."""

import math
import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from sonic.errors import OutputError
from sonic.files import open_regular, rename_over
from sonic.types import U8
from sonic.unfinished import unfinished

GAP_PX = 6
MADE_BY = b"Software\0Sonic"
"""In the head of every picture, by which an earlier one is known."""
JPEG_QUALITIES = (95, 90, 85, 80, 70, 60, 50, 40)
"""Tried in this order, where a picture must not be larger than so many bytes."""
_HEAD_BYTES = 256
_PNG_HEAD = 33


def tile(pictures: list[U8], *, columns: int) -> U8:
    """Pictures of one size (h, w, 3), row by row on white."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    shape = (rows * (height + GAP_PX) + GAP_PX, columns * (width + GAP_PX) + GAP_PX, 3)
    sheet = np.full(shape, 255, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = (i // columns) * (height + GAP_PX) + GAP_PX, (i % columns) * (width + GAP_PX) + GAP_PX
        sheet[top : top + height, left : left + width] = picture
    return sheet


def check_picture_name(out: Path) -> None:
    """Raise OutputError, before any work is done, if this cannot become a picture."""
    if out.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise OutputError(f"{out.name!r} is not an image file name; use .png or .jpg")
    if not os.path.isdir(out.parent):
        raise OutputError(f"output folder {str(out.parent)!r} does not exist; create it first")


def is_foreign(out: Path) -> bool:
    """Whether something is at ``out`` that save_picture did not write."""
    try:
        with open_regular(out) as file:
            return out.is_symlink() or MADE_BY not in file.read(_HEAD_BYTES)
    except OSError:
        with suppress(OSError, ValueError):
            return os.path.lexists(out)
        return False


def save_picture(rgb: U8, out: Path, *, max_bytes: float = math.inf) -> None:
    """Write (h, w, 3) sRGB as PNG or JPEG, marked as ours; a JPEG as fine as ``max_bytes`` allow.

    The file appears under its name only when it is complete. Raises OutputError if folder or suffix do not allow it, or
    it cannot be that small.
    """
    check_picture_name(out)
    suffix = out.suffix.lower()
    try:
        with unfinished(out.parent) as place, place.file(suffix) as part:
            part.write_bytes(_encoded(rgb, out, max_bytes))
            rename_over(part, out)
    except OSError as error:
        raise OutputError(
            f"{str(out)!r} cannot be written ({error.strerror}); choose another folder with -o"
        ) from error


def _encoded(rgb: U8, out: Path, max_bytes: float) -> bytes:
    suffix, bgr = out.suffix.lower(), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    found = b""
    for quality in JPEG_QUALITIES if suffix != ".png" else (0,):
        options = [cv2.IMWRITE_JPEG_QUALITY, quality] if quality else []
        found = _marked(cv2.imencode(suffix, bgr, options)[1].tobytes(), suffix)
        if len(found) <= max_bytes:
            return found
    better = "call it .jpg, which is smaller" if suffix == ".png" else "it does not get smaller; use another picture"
    raise OutputError(f"{out.name!r} has {len(found) / 1e6:.2f} MB and may have {max_bytes / 1e6:g} MB; {better}")


def _marked(encoded: bytes, suffix: str) -> bytes:
    """The picture with a text in its head that says who made it."""
    if suffix == ".png":  # a chunk tEXt after signature and IHDR
        chunk = b"tEXt" + MADE_BY
        text = struct.pack(">I", len(MADE_BY)) + chunk + struct.pack(">I", zlib.crc32(chunk))
        return encoded[:_PNG_HEAD] + text + encoded[_PNG_HEAD:]
    return encoded[:2] + b"\xff\xfe" + struct.pack(">H", len(MADE_BY) + 2) + MADE_BY + encoded[2:]  # a JPEG comment

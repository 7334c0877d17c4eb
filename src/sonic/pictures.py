"""Still pictures that commands write: contact sheets, plots, inspections."""

from pathlib import Path

import cv2
import numpy as np

from sonic.errors import OutputError
from sonic.types import U8

GAP_PX = 6


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
        raise OutputError(f"{out.name} is no picture name; end it in .png or .jpg")


def save_picture(rgb: U8, out: Path) -> None:
    """Write (h, w, 3) sRGB as PNG or JPEG; raises OutputError if the folder or the suffix does not allow it."""
    check_picture_name(out)
    encoded = cv2.imencode(out.suffix.lower(), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1]
    try:
        out.write_bytes(encoded.tobytes())
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}; choose another folder with -o") from error

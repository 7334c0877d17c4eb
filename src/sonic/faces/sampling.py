"""Parts of a picture, turned and scaled, as the face networks were trained to see them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sonic.types import F32, F64, U8

_BITS = 5
_GRID = 1 << _BITS
"""Places are rounded to this part of a pixel, as MediaPipe's are."""


@dataclass(frozen=True, slots=True)
class Region:
    """A turned rectangle of a picture, in px; the first pixel's corner, not its centre, is (0, 0)."""

    x: float
    """Of its centre."""
    y: float
    width: float
    height: float
    angle: float = 0.0
    """Rad, clockwise as one sees it."""


def view(rgb: U8, region: Region, side_px: int, *, beyond_black: bool) -> F32:
    """(1, side, side, 3) in whole numbers 0..255; beyond the picture lies black, or its edge repeated.

    Pixel (i, j) is the picture at centre + turn((i / side - 1/2) width, (j / side - 1/2) height): corner to corner,
    bilinear, without a low-pass, as MediaPipe's ImageToTensorCalculator places it.
    """
    steps = np.arange(side_px) / side_px - 0.5
    right, down = steps[None, :] * region.width, steps[:, None] * region.height
    cos, sin = np.cos(region.angle), np.sin(region.angle)
    x = _on_grid(region.x + cos * right - sin * down, rgb.shape[1])
    y = _on_grid(region.y + sin * right + cos * down, rgb.shape[0])
    # Places as whole numbers, for OpenCV 4 and 5 round other ones differently.
    pixels, parts = np.stack([x >> _BITS, y >> _BITS], -1).astype(np.int16), (y % _GRID * _GRID + x % _GRID)
    border = cv2.BORDER_CONSTANT if beyond_black else cv2.BORDER_REPLICATE
    seen = cv2.remap(rgb, pixels, parts.astype(np.uint16), cv2.INTER_LINEAR, borderMode=border)
    return np.asarray(seen, np.float32)[None]


def _on_grid(places: F64, n_px: int) -> NDArray[np.int32]:
    """Places on an axis of n pixels in parts of a pixel; what is farther outside than a pixel is as if it were one."""
    return np.asarray(np.rint(np.clip(places, -1, n_px) * _GRID), np.int32)

"""Putting the watermark into frames: one addition a frame, of a pattern that is made once for a video."""

import math

import cv2
import numpy as np

from sonic.provenance.watermark.code import ID_BITS, encode
from sonic.provenance.watermark.pattern import TILE, amplitudes, cell_px, tile
from sonic.types import F32, U8

FLAT = 0.4
"""RMS of the pattern where the picture is smooth, in levels of 255."""
PER_ACTIVITY = 0.22
"""What each level of local activity (RMS of detail) adds: detail hides the pattern."""
MOST = 3.2
"""RMS of the pattern where there is most detail."""
MOST_OF_ALL = 1.9
"""RMS of the pattern over the picture, at most: a PSNR of 42.5 dB."""

_DETAIL_CELLS = 4.0  # standard deviation of the window in which detail is measured
_LOUD = 14.0  # levels: detail above counts as this, or an edge would allow the pattern on the smooth side too
_SHY_CELLS = 6  # this near to a smooth place the pattern is as weak as there: what moves must not uncover it


def content_id_of(produce_id: str) -> int:
    """The 48-bit content id of a video: the first 12 hexadecimal digits of its record's produce_id."""
    return int(produce_id[: ID_BITS // 4], 16)


class Watermark:
    """One video's pattern."""

    def __init__(self, more: U8, less: U8) -> None:
        self._more, self._less = more, less

    @classmethod
    def of(cls, content_id: int, like: U8) -> "Watermark":
        """The pattern for frames that look like ``like`` (h, w, 3) sRGB: its detail decides how strong it is where.

        Raises ValueError unless 0 <= content_id < 2**48.
        """
        change = np.rint(_pattern(content_id, like.shape[:2]) * _strength(like)).astype(np.int8)
        # OpenCV adds and subtracts bytes with saturation several times faster than signed numbers.
        return cls(_grey(np.maximum(change, 0)), _grey(np.maximum(-change, 0)))

    def embed(self, rgb: U8) -> None:
        """Draw it on a frame (h, w, 3) of the size of ``like``, in place."""
        cv2.subtract(cv2.add(rgb, self._more, dst=rgb), self._less, dst=rgb)


def _pattern(content_id: int, shape: tuple[int, ...]) -> F32:
    """(h, w), RMS 1: tiles from the top left corner of the picture."""
    height, width = shape
    cell = cell_px((width, height))
    rows, columns = (math.ceil(n / cell / TILE) + 1 for n in shape)
    cells = np.tile(tile(amplitudes(encode(content_id))), (rows, columns))
    shift = 0.5 / cell - 0.5  # corners on corners, not centres on centres
    to_cells = np.array([[1 / cell, 0, shift], [0, 1 / cell, shift]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    pixels: F32 = cv2.warpAffine(cells, to_cells, (width, height), flags=flags, borderMode=cv2.BORDER_WRAP)
    return pixels


def _strength(like: U8) -> F32:
    """(h, w) RMS of the pattern at every pixel, in levels: weak where the picture is smooth, or nearly."""
    height, width = like.shape[:2]
    cell = cell_px((width, height))
    small = cv2.resize(like, (math.ceil(width / cell), math.ceil(height / cell)), interpolation=cv2.INTER_AREA)
    luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = luma - cv2.GaussianBlur(luma, (0, 0), _DETAIL_CELLS)
    detail = np.clip(detail, -_LOUD, _LOUD)
    activity = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), _DETAIL_CELLS))
    near = cv2.erode(activity, np.ones((2 * _SHY_CELLS + 1, 2 * _SHY_CELLS + 1), np.uint8))
    strength = np.minimum(FLAT + PER_ACTIVITY * cv2.GaussianBlur(near, (0, 0), _SHY_CELLS / 2), MOST)
    full: F32 = cv2.resize(strength, (width, height), interpolation=cv2.INTER_LINEAR)
    return full * min(1.0, MOST_OF_ALL / float(np.sqrt(np.mean(full * full))))


def _grey(levels: np.ndarray[tuple[int, ...], np.dtype[np.int8]]) -> U8:
    """(h, w) -> (h, w, 3), the same in every colour: luma alone."""
    return np.repeat(levels.astype(np.uint8)[..., None], 3, axis=2)

"""Putting the watermark into frames: one addition a frame, of a pattern that is weak where the picture is smooth."""

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
_LOOK_FRAMES = 5  # every so many frames it is seen anew where the picture is smooth; in between little moves further
_NOTICED = 0.15  # changes of the strength up to this share are left alone: what stands still gets a pattern that does
_GRID_CELLS = 2  # strength is kept for squares of this side


def content_id_of(produce_id: str) -> int:
    """The 48-bit content id of a video: the first 12 hexadecimal digits of its record's produce_id."""
    return int(produce_id[: ID_BITS // 4], 16)


class Watermark:
    """One video's pattern. It stays in its place; where a head moved away from a wall, it becomes as weak as there."""

    def __init__(self, pattern: F32, strength: F32) -> None:
        self._pattern, self._most, self._strength = pattern, strength, strength
        self._n_followed = 0
        self._build()

    @classmethod
    def of(cls, content_id: int, like: U8) -> "Watermark":
        """The pattern for a video whose first frame is ``like`` (h, w, 3) sRGB: its detail decides how strong it is
        where, at most.

        Raises ValueError unless 0 <= content_id < 2**48.
        """
        strength = _strength(like)
        loudest = MOST_OF_ALL / float(np.sqrt(np.mean(strength * strength)))
        return cls(_pattern(content_id, like.shape[:2]), strength * np.float32(min(1.0, loudest)))

    def follow(self, rgb: U8) -> None:
        """Look at the next frame (h, w, 3), before anything is drawn on it; every fifth one is looked at closely."""
        self._n_followed += 1
        if self._n_followed % _LOOK_FRAMES:
            return
        wanted = np.minimum(_strength(rgb), self._most)
        noticed = np.abs(wanted - self._strength) > _NOTICED * self._strength
        if noticed.any():
            self._strength = np.where(noticed, wanted, self._strength)
            self._build()

    def embed(self, rgb: U8) -> None:
        """Draw it on a frame (h, w, 3) of the size of ``like``, in place."""
        cv2.subtract(cv2.add(rgb, self._more, dst=rgb), self._less, dst=rgb)

    def _build(self) -> None:
        height, width = self._pattern.shape
        change = self._pattern * cv2.resize(self._strength, (width, height), interpolation=cv2.INTER_LINEAR)
        # OpenCV adds and subtracts bytes with saturation several times faster than signed numbers.
        self._more, self._less = (
            cv2.cvtColor(cv2.convertScaleAbs(part), cv2.COLOR_GRAY2RGB)
            for part in (np.maximum(change, 0), np.minimum(change, 0))
        )


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
    """RMS of the pattern in squares of _GRID_CELLS cells, in levels: weak where the picture is smooth, or nearly."""
    height, width = like.shape[:2]
    cell = cell_px((width, height))
    size = tuple(math.ceil(n / cell / _GRID_CELLS) for n in (width, height))
    fine = size[0] * _GRID_CELLS, size[1] * _GRID_CELLS
    luma = cv2.cvtColor(cv2.resize(like, fine, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY).astype(np.float32)
    sigma = _DETAIL_CELLS / _GRID_CELLS
    smooth = cv2.GaussianBlur(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), (0, 0), sigma)
    detail = np.clip(luma - cv2.resize(smooth, fine, interpolation=cv2.INTER_LINEAR), -_LOUD, _LOUD)
    power = cv2.resize(detail * detail, size, interpolation=cv2.INTER_AREA)
    activity = np.sqrt(cv2.GaussianBlur(power, (0, 0), sigma))
    shy = 2 * (_SHY_CELLS // _GRID_CELLS) + 1
    near = cv2.GaussianBlur(cv2.erode(activity, np.ones((shy, shy), np.uint8)), (0, 0), _SHY_CELLS / _GRID_CELLS / 2)
    return np.asarray(np.minimum(FLAT + PER_ACTIVITY * near, MOST), np.float32)

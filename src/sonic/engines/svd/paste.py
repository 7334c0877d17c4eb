"""Made frames back into the picture: the model's square at the model's size becomes a frame of the video.

The person comes from the model, with room around for a head that moves; everything else stays the photo, bit for bit.
"""

from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from sonic.engines.svd.colour import ColourLock
from sonic.faces.geometry import own_person, smoothstep
from sonic.faces.topology import CHEEK_LEFT, CHEEK_RIGHT, OVAL
from sonic.types import F32, F64, U8, Face

REACH = 0.34
"""How far around the person the model's picture is shown, in face widths: heads move, hair swings."""
FEATHER = 0.30
"""Over this distance beyond, in face widths, it passes into the photo."""
EDGE = 0.10
"""The same inside those sides of the region that lie within the picture, as a share of the region's side."""
OTHERS = 0.06
"""Over this distance, in face widths, it passes into the photo of somebody else beside the person."""
_MASK_PX = 100
"""Masks are smooth: they are made on a picture whose face is this wide."""

Region = tuple[int, int, int, int]
"""(left, top, right, bottom) in px of the picture; right and bottom lie outside."""


class Paster:
    """One portrait's way to the model and back; everything that depends on the portrait alone is made once, here."""

    def __init__(
        self,
        crop: U8,
        matte: F32,
        face: Face,
        region: Region,
        working_size: tuple[int, int],
        *,
        fps: Fraction = Fraction(25),
        still: NDArray[np.bool_] | None = None,
    ) -> None:
        """``crop`` (h, w, 3), ``matte`` (h, w) and ``face`` as in Portrait; ``region`` is what the model sees of it.

        ``working_size`` is (width, height) of the model's frames; ``fps`` how many of them will be pasted a second;
        ``still`` (h, w) what stays the photo because it belongs to other people.
        Raises ValueError for a region that is not inside the picture.
        """
        left, top, right, bottom = region
        if not (0 <= left < right <= crop.shape[1] and 0 <= top < bottom <= crop.shape[0]):
            raise ValueError(f"region {region} does not lie in a picture of {crop.shape[1]}x{crop.shape[0]} px")
        self._crop, self._region, self._working_size = crop, region, working_size
        away = _distance(matte, face)[top:bottom, left:right]
        share = smoothstep(REACH + FEATHER, REACH, away) * _inside(region, crop.shape)
        if still is not None:
            share *= _beside_others(still[top:bottom, left:right], face)
        self._lock = ColourLock(self.source(), away.astype(np.float32), working_size, fps)
        rows, columns = np.flatnonzero(share.any(1)), np.flatnonzero(share.any(0))
        self._part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        self._share = np.ascontiguousarray(share[self._part], np.float32)
        self._keep = 1 - self._share

    def source(self) -> U8:
        """The region (h, w, 3) of the picture, as it is: what the model's preprocessing gets."""
        left, top, right, bottom = self._region
        return self._crop[top:bottom, left:right]

    def paste(self, frame: F32) -> U8:
        """The video's frame (h, w, 3), the receiver's own, of a made one (3, H, W) in 0..1; frames come in order.

        Colours are held (see ColourLock). Nothing is resampled where the region has the working size.
        """
        locked = np.clip(self._lock(cv2.merge(list(np.asarray(frame, np.float32)))), 0, 1)
        made = cv2.convertScaleAbs(locked, alpha=255)
        left, top, right, bottom = self._region
        size = right - left, bottom - top
        if size != self._working_size:
            enlarged = size[0] * size[1] > self._working_size[0] * self._working_size[1]
            made = cv2.resize(made, size, interpolation=cv2.INTER_CUBIC if enlarged else cv2.INTER_AREA)
        out = self._crop.copy()
        place = out[top:bottom, left:right][self._part]
        # Its weights need not add up to 1: it divides by their sum, and exact 0 and 1 stay exact.
        place[...] = cv2.blendLinear(made[self._part], place, self._share, self._keep)
        return out


def _distance(matte: F32, face: Face) -> F64:
    """(h, w): how far each pixel is from the person, in face widths."""
    height, width = matte.shape
    points = face.points_px[:, :2].astype(np.float64)
    face_width = float(np.linalg.norm(points[CHEEK_RIGHT] - points[CHEEK_LEFT]))
    scale = min(1.0, _MASK_PX / face_width)
    small = max(8, round(width * scale)), max(8, round(height * scale))
    ratio = np.array(small) / (width, height)
    person = own_person(cv2.resize(matte, small, interpolation=cv2.INTER_AREA), points[list(OVAL)] * ratio)
    away = cv2.distanceTransform(1 - person.astype(np.uint8), cv2.DIST_L2, 5) / (face_width * ratio.mean())
    away = cv2.GaussianBlur(away, (0, 0), max(0.5, 0.04 * face_width * ratio.mean()))
    return np.asarray(cv2.resize(away, (width, height), interpolation=cv2.INTER_LINEAR), np.float64)


def _beside_others(still: NDArray[np.bool_], face: Face) -> F64:
    """(h, w): 0 in what is still, 1 a little beside it."""
    points = face.points_px[:, :2].astype(np.float64)
    feather = OTHERS * float(np.linalg.norm(points[CHEEK_RIGHT] - points[CHEEK_LEFT]))
    away = cv2.distanceTransform(1 - still.astype(np.uint8), cv2.DIST_L2, 5)
    return smoothstep(0.0, max(1.0, feather), away)


def _inside(region: Region, shape: tuple[int, ...]) -> F64:
    """(h, w) of the region: 1, falling to 0 towards those of its sides that are not the picture's."""
    ramps = []
    for low, high, end in ((region[1], region[3], shape[0]), (region[0], region[2], shape[1])):
        at, reach = np.arange(high - low, dtype=np.float64), EDGE * (high - low)
        # A strip of the photo that is left beyond a side is hidden by a slope in proportion: wide ones show twice what
        # moves in them.
        first, last = (max(1.0, min(reach, 4 * left_over)) for left_over in (low, end - high))
        rise = smoothstep(0, first, at) if low > 0 else np.ones_like(at)
        fall = smoothstep(0, last, at[::-1]) if high < end else np.ones_like(at)
        ramps.append(rise * fall)
    return np.asarray(ramps[0][:, None] * ramps[1])

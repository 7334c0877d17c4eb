"""The colours of made frames held to those of the photo: a model drifts and pulses, a filmed room does not."""

from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from sonic.faces.geometry import smoothstep
from sonic.types import F32, F64, U8

CELL_PX = 8
"""Colours are compared as means over cells of this side, in px of the made frame."""
STILL = (0.34, 0.1)
"""Background begins this far from the person, in face widths; the second where there is too little beyond the first."""
FEWEST = 0.015
"""With a smaller share of the cells there is no background to trust."""
MID_TONES = (12 / 255, 242 / 255)
"""Darker and lighter cells do not tell: what was added to them may have been clipped."""
FREE_STEP = 0.6 / 255
"""How much a model's colour may change by itself from a frame to the next at 25 a second."""
SLOW_S = 2.0
"""Without background: what changes the whole frame for longer than this is drift."""
FIELD_SIDES = 1 / 10
"""Colour differs smoothly over the picture: radius of what counts as one place, as a share of the frame's side."""
FIELD_S = 0.2
"""And changes there no faster than this."""
CELL_LIMIT = 8 / 255
"""A cell that differs by more than this from the others shows something else, such as a strand of hair."""

SHOULDER = 20 / 255
"""Nearer to black or white than this, less and less is added."""


class ColourLock:
    """Corrects frames (H, W, 3) float32 in 0..1, in order, by what changed where nothing should.

    The correction is an offset for each channel and a smooth field around it. The offset is the robust mean of what
    the still cells differ by, followed by a Kalman filter (1960) whose measurement noise is their own spread: many
    cells are believed at once, so that pulsing goes, few ones slowly. Where nothing is known to be still, the whole
    frame's median is taken for a drift, at the pace of SLOW_S.
    """

    def __init__(self, reference: U8, away: F32, size: tuple[int, int], fps: Fraction) -> None:
        """``reference`` (h, w, 3) is the part of the photo that the frames show, ``away`` (h, w) how far each of its
        pixels is from the person, in face widths; ``size`` is (width, height) of the frames, ``fps`` their rate."""
        self._size, cells = size, (size[0] // CELL_PX, size[1] // CELL_PX)
        self._reference = _shrunk(reference.astype(np.float32) / np.float32(255), cells)
        mid = np.asarray(((self._reference > MID_TONES[0]) & (self._reference < MID_TONES[1])).all(2))
        away_cells = _shrunk(away, cells)
        still = _background(away_cells)
        self._weight = (still & mid).astype(np.float32)
        self._known = _enough(still & mid)
        self._counts = next((c for c in (still & mid, mid) if _enough(c)), np.ones_like(mid))
        self._sigma = FIELD_SIDES * max(cells)
        # The field is for the seam in the background; a face takes no colour from the wall behind it.
        self._outside = smoothstep(0, STILL[0], away_cells).astype(np.float32)[..., None]
        self._near = cv2.GaussianBlur(self._weight, (0, 0), self._sigma, borderType=cv2.BORDER_CONSTANT) + 0.02
        self._free = FREE_STEP**2 * float(25 / fps)
        self._slow = self._free * float(SLOW_S * fps) ** 2
        self._field_gain = min(1.0, 1 / float(FIELD_S * fps))
        self._offset, self._variance = np.zeros(3), np.inf
        self._field = np.zeros_like(self._reference)

    def __call__(self, frame: F32) -> F32:
        """The corrected frame; its numbers may leave 0..1 by as much as was added."""
        lack = self._reference - _shrunk(frame, self._reference.shape[1::-1])
        self._follow(lack[self._counts].astype(np.float64))
        rest = lack - (self._offset + self._field).astype(np.float32)
        rest = np.clip(rest, -CELL_LIMIT, CELL_LIMIT) * self._weight[..., None]
        smooth = cv2.GaussianBlur(rest, (0, 0), self._sigma, borderType=cv2.BORDER_CONSTANT)
        self._field += np.float32(self._field_gain) * smooth / self._near[..., None]
        correction = (self._offset + self._outside * self._field).astype(np.float32)
        return _added(frame, cv2.resize(correction, self._size, interpolation=cv2.INTER_LINEAR))

    def _follow(self, lack: F64) -> None:
        """One step of the filter with (n, 3) differences of the cells that count."""
        middle = np.median(lack, 0)
        noise = self._noise(lack, middle)
        expected = self._variance + self._free
        gain = 1.0 if np.isinf(expected) else expected / (expected + noise)  # the first frame is all that is known
        self._offset = self._offset + gain * (middle - self._offset)
        self._variance = gain * noise

    def _noise(self, lack: F64, middle: F64) -> float:
        """Variance of the measured offset: that of a median of cells, of which neighbours are alike."""
        if not self._known:
            return self._slow
        spread = 1.4826 * float(np.median(np.abs(lack - middle)))
        return float(np.pi / 2 * spread**2 / (len(lack) / 9) + (0.02 / 255) ** 2)


def _added(frame: F32, correction: F32) -> F32:
    """Their sum, but white is not darkened nor black lightened: they may have been clipped, and were in the photo."""
    out = np.subtract(1, frame)
    np.copyto(out, frame, where=correction >= 0)
    out *= np.float32(1 / SHOULDER)
    np.minimum(out, 1, out=out)
    out *= correction
    out += frame
    return out


def _background(away: F32) -> NDArray[np.bool_]:
    """(h, w) cells that should not change: as far from the person as leaves enough of them; none if none does."""
    return next((away > least for least in STILL if _enough(away > least)), np.zeros(away.shape, np.bool_))


def _enough(cells: NDArray[np.bool_]) -> bool:
    return bool(cells.mean() >= FEWEST)


def _shrunk(picture: F32, cells: tuple[int, ...]) -> F32:
    return np.asarray(cv2.resize(picture, cells, interpolation=cv2.INTER_AREA), np.float32)

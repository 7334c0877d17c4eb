"""Is this the same photo? Recognises a copy that was saved again, scaled or trimmed a little; nothing else.

The fingerprint is a difference hash with three values: the picture is averaged down to GRID x GRID cells, and for each
cell the change to its right and lower neighbour is kept as darker, the same, or brighter. A copy agrees in all parts of
the picture; another photo of the same scene disagrees where the person has moved, another face where the face is. So
the judgement is by the worst part of the picture, not by the mean over it. A trimmed copy is found by trying margins.

A face may be a few cells of the whole: in a group photo another face there would pass. So the part that shows the face
has a fingerprint of its own (FACE_GRID), looked for where the whole says that this part lies.

It recognises copies; it is no protection against somebody who makes a picture in order to deceive it.
`bench/consent.py` measures both kinds of error.
"""

import base64
import binascii
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from sonic.types import F32, U8

GRID = 48
"""Cells along each side of the picture."""
FACE_GRID = 24
"""Cells along each side of the part that shows a face."""
MAX_FACE = 0.15
"""A copy of a face disagrees in no more than this share of its changes; another face in a quarter or more."""
FACE_ROOM = 0.04
"""Share of a face's sides by which it may lie elsewhere than the whole picture says."""
STEP = 6.0
"""Smallest change between neighbouring cells that counts as one, in grey levels of 255."""
MAX_TRIM = 0.02
"""Widest margin that a copy may lack, over the length of that side of the picture."""
MAX_PART = 0.22
"""A copy disagrees nowhere in more than this share of the changes of one part of the picture."""
PART = 6
"""Side of such a part, in cells."""
MAX_STRETCH = 0.05
"""Most by which the proportions of a copy may differ."""

_MIN_CHANGES = 16  # a part of the picture with fewer changes says nothing
_TRIMS = (0.0, 0.5 * MAX_TRIM, MAX_TRIM)
_FINER = (0.005, 0.0025, 0.00125, 0.0006)
_ENOUGH = 2 * STEP  # a stronger one says no more about where the picture lies

Box = tuple[float, float, float, float]
"""(left, top, right, bottom) as shares of a picture's width and height."""
Trim = tuple[float, ...]
"""(left, top, right, bottom): margins that a picture lacks of the original, over its sides; negative for more."""
Changes = NDArray[np.int8]
"""(2, cells, cells): to the right neighbour and to the lower one; -1 darker, 0 the same, 1 brighter."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is kept of a photo in order to know its copies."""

    aspect: float
    """Width over height."""
    changes: Changes

    @classmethod
    def of(cls, rgb: U8, n_cells: int = GRID) -> "Likeness":
        """Of an upright (H, W, 3) sRGB picture."""
        cells = _cells(_grey(rgb, n_cells), (0, 0, 0, 0), n_cells)
        return cls(rgb.shape[1] / rgb.shape[0], _three_valued(_differences(cells)))

    @classmethod
    def of_face(cls, rgb: U8, box: Box) -> "Likeness":
        """Of the part of an upright (H, W, 3) picture that shows a face."""
        return cls.of(_part_of(rgb, box, 0.0)[0], FACE_GRID)

    def disagreement(self, rgb: U8) -> float:
        """How much the most different part of the (H, W, 3) picture differs: 0 (a copy) .. 1.

        Up to MAX_PART it is a copy. Pictures of other proportions are at 1.
        """
        if not 1 / (1 + MAX_STRETCH) <= rgb.shape[1] / rgb.shape[0] / self.aspect <= 1 + MAX_STRETCH:
            return 1.0
        grey = _grey(rgb, self.n_cells)
        return _worst_part(*self._compare(grey, self._best_trim(grey, _TRIMS, lowest=0.0)))

    def place_in(self, rgb: U8, box: Box) -> Box:
        """Where a part of the original lies in this copy of it."""
        left, top, right, bottom = self._best_trim(_grey(rgb, self.n_cells), _TRIMS, lowest=0.0)
        width, height = 1 - left - right, 1 - top - bottom
        return (box[0] - left) / width, (box[1] - top) / height, (box[2] - left) / width, (box[3] - top) / height

    def face_disagreement(self, rgb: U8, box: Box) -> float:
        """How much of a likeness ``of_face`` the (H, W, 3) picture does not show at this place: 0 (a copy) .. 1.

        Up to MAX_FACE it is the same face. Over the whole face: its parts are too small to be judged one by one.
        """
        part, (right, down) = _part_of(rgb, box, FACE_ROOM)
        grey = _grey(part, self.n_cells)
        moves = (-FACE_ROOM / 2, 0.0, FACE_ROOM / 2)
        starts = [(x - right, y - down, -x - right, -y - down) for x, y in product(moves, repeat=2)]
        best = min(starts, key=lambda trim: self._misfit(grey, trim))
        wrong, counted = self._compare(grey, self._refined(grey, best, (0.01, *_FINER[:-1]), lowest=-1.0))
        return float(wrong.sum() / max(1.0, float(counted.sum())))

    @property
    def n_cells(self) -> int:
        """Along each side."""
        return int(self.changes.shape[1])

    def is_copy(self, rgb: U8) -> bool:
        """Whether this (H, W, 3) picture is the same photo."""
        return self.disagreement(rgb) <= MAX_PART

    def is_alike(self, other: "Likeness") -> bool:
        """Whether both can be of one photo, as far as that is seen without it: of copies that were not trimmed."""
        if self.n_cells != other.n_cells or not 1 / (1 + MAX_STRETCH) <= other.aspect / self.aspect <= 1 + MAX_STRETCH:
            return False
        both = self.changes * other.changes
        wrong, counted = ((each).sum(0, dtype=np.float32) for each in (both < 0, both != 0))
        enough = 4 * float(counted.sum()) >= float((self.changes != 0).sum())
        return enough and _worst_part(wrong, counted) <= MAX_PART

    def to_text(self) -> str:
        """For JSON: the aspect and the changes, two bits each, in Base64."""
        bits = np.stack([self.changes < 0, self.changes > 0])
        return f"{self.aspect:.5f}:{base64.b64encode(np.packbits(bits).tobytes()).decode()}"

    @classmethod
    def from_text(cls, text: str) -> "Likeness":
        """The inverse of ``to_text``. Raises ValueError for anything else."""
        aspect, _, code = text.partition(":")
        try:
            data = base64.b64decode(code, validate=True)
        except binascii.Error as error:
            raise ValueError("not Base64") from error
        n_cells = next((n for n in (GRID, FACE_GRID) if len(data) == n * n // 2), 0)
        if not n_cells or not 0.01 <= float(aspect) <= 100:
            raise ValueError("not a likeness of this version")
        darker, brighter = np.unpackbits(np.frombuffer(data, np.uint8)).reshape(2, 2, n_cells, n_cells).astype(np.int8)
        return cls(float(aspect), brighter - darker)

    def _best_trim(self, grey: F32, trims: tuple[float, ...], lowest: float) -> Trim:
        """How the picture lies in the original, to within the last step of _FINER."""
        best = min(product(trims, repeat=4), key=lambda trim: self._misfit(grey, trim))
        return self._refined(grey, best, _FINER, lowest)

    def _refined(self, grey: F32, best: Trim, steps: tuple[float, ...], lowest: float) -> Trim:
        for step in steps:
            for sides in ((0, 2), (1, 3)) * 2:  # left and right, top and bottom: the two hardly depend on each other
                best = min(_near(best, step, sides, lowest), key=lambda trim: self._misfit(grey, trim))
        return best

    def _misfit(self, grey: F32, trim: Trim) -> float:
        """How far the candidate's changes are from having the kept values; 0 where it lies exactly."""
        found, kept = _differences(_cells(grey, trim, self.n_cells)), self.changes
        beyond = np.where(kept == 0, np.abs(found) - STEP, STEP - kept * found)
        # The same cells for every trim, which all of them show: else leaving out a weak edge would look like a fit.
        return float(np.clip(beyond, 0, _ENOUGH)[:, 2:-2, 2:-2].mean())

    def _compare(self, grey: F32, trim: Trim) -> tuple[F32, F32]:
        """(cells, cells) each: changes that disagree, and changes that either picture has.

        Between "the same" and a change there is half a STEP of doubt on either side: rounding is no disagreement.
        """
        found = _differences(_cells(grey, trim, self.n_cells))
        kept = self.changes
        lost = (kept * found < 0.5 * STEP) & (kept != 0)
        new = (kept == 0) & (np.abs(found) > 1.5 * STEP)
        counted = (kept != 0) | new
        inside = _inside(trim, self.n_cells)
        return ((lost | new) & inside).sum(0, dtype=np.float32), (counted & inside).sum(0, dtype=np.float32)


def _part_of(rgb: U8, box: Box, room: float) -> tuple[U8, tuple[float, float]]:
    """The part with this share of its sides more around it, repeated beyond the edge; and the shares that it got."""
    height, width = rgb.shape[:2]
    left, right = round(box[0] * width), max(round(box[2] * width), round(box[0] * width) + 2)
    top, bottom = round(box[1] * height), max(round(box[3] * height), round(box[1] * height) + 2)
    across, along = math.ceil(room * (right - left)), math.ceil(room * (bottom - top))
    columns = np.clip(np.arange(left - across, right + across), 0, width - 1)
    rows = np.clip(np.arange(top - along, bottom + along), 0, height - 1)
    return rgb[rows[:, None], columns], (across / (right - left), along / (bottom - top))


def _grey(rgb: U8, n_cells: int) -> F32:
    """(H, W) luma, at most 4 px a cell where the picture is larger: enough for the cells."""
    height, width = rgb.shape[:2]
    most = 4 * n_cells
    small = cv2.resize(rgb, (min(width, most), min(height, most)), interpolation=cv2.INTER_AREA)
    grey: F32 = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return grey


def _near(trim: Trim, step: float, sides: tuple[int, int], lowest: float) -> Iterator[Trim]:
    """The trim itself, and those with one or both of these sides a step wider or narrower, never below ``lowest``."""
    for moves in product((0.0, -step, step), repeat=2):
        moved = list(trim)
        for side, move in zip(sides, moves, strict=True):
            moved[side] = max(lowest, moved[side] + move)
        yield tuple(moved)


def _cells(grey: F32, trim: Trim, n_cells: int) -> F32:
    """(n_cells + 1, n_cells + 1) means; the picture lacks these margins of the original's sides."""
    left, top, right, bottom = trim
    height, width = grey.shape
    k = 4
    n = k * (n_cells + 1)
    # Cell centres in the original, in units of its sides, seen from the trimmed picture.
    at = (np.arange(n, dtype=np.float32) + 0.5) / n
    x = (at - left) / (1 - left - right) * width - 0.5
    y = (at - top) / (1 - top - bottom) * height - 0.5
    matrix = np.array([[x[1] - x[0], 0, x[0]], [0, y[1] - y[0], y[0]]])
    laid = cv2.warpAffine(
        grey, matrix, (n, n), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    cells: F32 = cv2.resize(laid, (n_cells + 1, n_cells + 1), interpolation=cv2.INTER_AREA)
    return cells


def _differences(cells: F32) -> F32:
    """(2, cells, cells): right neighbour and lower neighbour less the cell."""
    return np.stack([cells[:-1, 1:] - cells[:-1, :-1], cells[1:, :-1] - cells[:-1, :-1]])


def _three_valued(differences: F32) -> Changes:
    return (np.sign(differences) * (np.abs(differences) > STEP)).astype(np.int8)


def _inside(trim: Trim, n_cells: int) -> NDArray[np.bool_]:
    """(cells, cells): cells that the trimmed picture still shows, with their neighbours."""
    left, top, right, bottom = trim
    low, high = np.arange(n_cells) / (n_cells + 1), (np.arange(n_cells) + 2) / (n_cells + 1)
    return ((low >= top) & (high <= 1 - bottom))[:, None] & ((low >= left) & (high <= 1 - right))[None, :]


def _worst_part(wrong: F32, counted: F32) -> float:
    """Greatest share of disagreeing changes in any PART x PART cells that have enough of them, or in the whole."""
    whole = float(wrong.sum() / max(1.0, float(counted.sum())))
    wrongs, counts = (cv2.boxFilter(a, -1, (PART, PART), normalize=False, borderType=cv2.BORDER_CONSTANT)
                      for a in (wrong, counted))  # fmt: skip
    shares = np.where(counts >= _MIN_CHANGES, wrongs / np.maximum(counts, 1), 0)
    return max(whole, float(shares.max()))

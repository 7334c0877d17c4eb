"""Finding the watermark, in frames of any size, cropped, scaled or compressed, and saying how sure it is.

1. The luma of all frames is added up: the pattern adds up, what moves and what a codec does to single frames less so.
2. The sum becomes a residual: detail over its local power, so that no edge outweighs the faint pattern.
3. At each of some 290 sizes of a cell the residual is folded into one tile, its spectrum is whitened, and correlated
   with the pilot at all offsets at once, by FFT.
4. The best few are refined and their payload is decoded.

A payload counts only if chance explains it with at most MAX_FALSE_POSITIVE. That is bounded by the product of: the
payloads that are decoded; the chance that white noise reaches this correlation with the pilot at any of the sizes and
offsets; and the smaller of the chance that noise passes the CRC, LIST / 2^16, and that any of the 2^48 possible
payloads correlates with noise as well as this one (union bounds over normal tails).
"""

import itertools
import math
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sonic.media.video import sample_video
from sonic.provenance.watermark.code import CHECK_BITS, ID_BITS, LIST, N_CHIPS, decode, encode
from sonic.provenance.watermark.pattern import SIDE, TILE, waves
from sonic.provenance.watermark.reading import luma, residual, waves_of
from sonic.types import F32, F64, U8

MAX_FALSE_POSITIVE = 1e-9
"""Of one call of ``detect``, on frames without a watermark."""
SURELY = 1e-15
LOOKS = (4, 24, 96)
"""After so many frames, and at their end, they are searched; more are not looked at."""
ZOOMS = (0.5, 2.1)
"""Searched: 1 is a whole picture of any size, a 10 % crop makes 1.11, an upright video between black bars 0.56, a whole
picture of 128 px 2."""

_ZOOM_STEP = 0.005  # over the 512 cells of a picture an error of at most 1.3 cells, where the finest wave has 11
_FINER = np.linspace(-0.006, 0.006, 13)
_N_PAYLOAD = N_CHIPS // 2  # waves
_COARSE = TILE // 2  # side of a tile in the first search
_CANDIDATES = 8


@dataclass(frozen=True, slots=True)
class Found:
    """A watermark that was read."""

    content_id: int
    """The first 12 hexadecimal digits of the record's produce_id."""
    false_positive: float
    """Bound on the chance that frames without a watermark give anything with as good a correlation; at least
    SURELY, because the model of noise behind it is not trusted further."""
    chip_errors: float
    """Share of the payload's chips that were received wrong, 0 .. 0.5: how much of the watermark is lost."""
    zoom: float
    """1 if the picture is whole, at any size (2 if it was made with 128 px); 1.11 if 10 % are cropped away."""
    offset_px: tuple[float, float]
    """(x, y) by which the pattern is moved to the right and down, in px of these frames, to within half a tile: a crop
    at the left makes x negative, a border positive."""
    mirrored: bool
    """Whether left and right are exchanged."""
    n_frames: int
    """Frames that were added up."""


@dataclass(frozen=True, slots=True, order=True)
class _Peak:
    """The best place of the pilot at one zoom."""

    height: float
    """In standard deviations of all places."""
    zoom: float
    x: int
    y: int
    """In samples of the tile."""


def detect_video(path: Path) -> Found | None:
    """As ``detect``, on frames spread over a video. Raises MediaError as sample_video."""
    with closing(sample_video(path, LOOKS[-1])) as frames:
        return detect(frames)


def detect(frames: Iterable[U8]) -> Found | None:
    """The watermark in these frames (h, w, 3) sRGB of one picture or video, or None if there is no certainty of one.

    Takes frames until it is sure, at most LOOKS[-1]; they should differ, so every few of a video are best. Frames of
    another size than those before begin a new sum.
    """
    total, n, looked = np.zeros((0, 0), np.float32), 0, 0
    for n_taken, rgb in enumerate(itertools.islice(frames, LOOKS[-1]), 1):
        one = luma(rgb)
        total, n = (total + one, n + 1) if total.shape == one.shape else (one, 1)
        if n_taken in LOOKS:
            looked = n_taken
            if found := _search(residual(total / np.float32(n)), n, min(rgb.shape[:2])):
                return found
    return _search(residual(total / np.float32(n)), n, min(rgb.shape[:2])) if n and looked != n_taken else None


def _search(seen: F32, n_frames: int, short_px: int) -> Found | None:
    for mirrored in (False, True):
        seen = np.ascontiguousarray(seen[:, ::-1]) if mirrored else seen
        for peak in _candidates(seen):
            soft = chips_at(seen, peak.zoom, peak.x, peak.y)
            content_id = decode(soft)
            if content_id is None:
                continue
            chance = _false_positive(peak, soft, content_id)
            if chance <= MAX_FALSE_POSITIVE:
                cell = peak.zoom * short_px / SIDE
                offset = (_signed(peak.x) * cell, _signed(peak.y) * cell)
                errors = float(np.mean(soft * encode(content_id) < 0))
                return Found(content_id, chance, errors, peak.zoom, offset, mirrored, n_frames)
    return None


def _signed(place: int) -> int:
    """A place in the tile, -TILE / 2 .. TILE / 2 - 1 instead of 0 .. TILE - 1."""
    return (place + TILE // 2) % TILE - TILE // 2


def _candidates(seen: F32) -> list[_Peak]:
    """The best zooms of the coarse search, refined, best first."""
    half = cv2.resize(seen, None, fx=_COARSE / TILE, fy=_COARSE / TILE, interpolation=cv2.INTER_AREA)
    coarse = sorted((_pilot_peak(half, zoom, _COARSE) for zoom in _zooms()), reverse=True)
    best: list[_Peak] = []
    for peak in coarse:
        if all(abs(math.log(peak.zoom / other.zoom)) > 2 * _ZOOM_STEP for other in best):
            best.append(peak)
        if len(best) == _CANDIDATES:
            break
    return [max(_pilot_peak(seen, peak.zoom * (1 + finer), TILE) for finer in _FINER) for peak in best]


def _zooms() -> F64:
    zooms: F64 = np.exp(np.arange(math.log(ZOOMS[0]), math.log(ZOOMS[1]), _ZOOM_STEP))
    return zooms


def _pilot_peak(seen: F32, zoom: float, side: int) -> _Peak:
    used = waves(side)
    match = np.zeros(side * side, np.complex64)
    match[used.place[_N_PAYLOAD:]] = waves_of(seen, zoom, side)[_N_PAYLOAD:] * used.pilot.conj()
    likeness = cv2.dft(match.view(np.float32).reshape(side, side, 2), flags=cv2.DFT_INVERSE)[..., 0]
    y, x = divmod(int(likeness.argmax()), side)
    return _Peak(float(likeness[y, x] / max(likeness.std(), 1e-30)), zoom, x, y)


def chips_at(seen: F32, zoom: float, x: int = 0, y: int = 0) -> F64:
    """(N_CHIPS,) soft values of a residual at this zoom, with the tile moved back by (x, y) samples."""
    place = waves().place[:_N_PAYLOAD]
    cycles = np.fft.fftfreq(TILE)
    turn = np.exp(2j * math.pi * (cycles[place // TILE] * y + cycles[place % TILE] * x))
    payload = waves_of(seen, zoom, TILE)[:_N_PAYLOAD] * turn
    soft: F64 = np.stack([payload.real, payload.imag], axis=1).ravel()
    return soft


def _false_positive(peak: _Peak, soft: F64, content_id: int) -> float:
    """See the top of this module."""
    likeness = float(soft @ encode(content_id)) / max(math.sqrt(float(soft @ soft)), 1e-30)
    tries = 2 * (len(LOOKS) + 1) * _CANDIDATES
    pilot = min(1.0, len(_zooms()) * TILE**2 * _normal_tail(peak.height))
    payload = min(LIST * 2.0**-CHECK_BITS, 2.0**ID_BITS * _normal_tail(likeness))
    return max(tries * pilot * payload, SURELY)


def _normal_tail(z: float) -> float:
    return 0.5 * math.erfc(z / math.sqrt(2))

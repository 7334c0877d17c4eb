"""The pattern of the watermark: which waves a tile is made of, and where the tiles lie in a picture."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sonic.provenance.watermark.code import N_CHIPS, raw
from sonic.types import F32, F64

C128 = NDArray[np.complex128]

SIDE = 512
"""Shorter side of the picture in cells; a cell is the unit of the pattern."""
TILE = 256
"""Side of a tile in cells."""
BAND = (6, 24)
"""Cycles a tile: below, the picture itself is too strong; above, compression and scaling take too much."""
PILOT_SHARE = 0.25
"""Of the power."""
MIN_CELL_PX = 0.5
"""In smaller pictures (below 256 px) the finest waves would be lost between pixels, so the tiles become larger."""

_SEED = 0x57_41_56_45_53


def cell_px(size_px: tuple[int, int]) -> float:
    """Side of a cell in a picture of ``size_px``."""
    return max(min(size_px) / SIDE, MIN_CELL_PX)


@dataclass(frozen=True, slots=True)
class Waves:
    """The waves of a tile of ``side`` x ``side`` samples, as indices into its flattened discrete Fourier transform."""

    place: NDArray[np.intp]
    """First N_CHIPS / 2 for the payload, of which real and imaginary part carry a chip each, then the pilot's."""
    ring: NDArray[np.intp]
    """Cycles a tile of each, rounded."""
    pilot: C128
    """The pilot's values, of modulus 1."""


@cache
def waves(side: int = TILE) -> Waves:
    """The waves in use: half a plane of frequencies, since the other half mirrors it, in a random order.

    A tile may be sampled at fewer points than it has cells, down to a ``side`` of twice BAND's end.
    """
    x, y = (grid.ravel() for grid in np.meshgrid(_cycles(TILE), _cycles(TILE)))
    radius = np.hypot(x, y)
    used = np.flatnonzero((radius >= BAND[0]) & (radius < BAND[1]) & ((x > 0) | ((x == 0) & (y > 0))))
    words = raw(_SEED, 2 * len(used))
    order = used[words[: len(used)].argsort(kind="stable")]
    place = y[order] % side * side + x[order] % side
    quarter = (words[len(used) + N_CHIPS // 2 :] >> np.uint64(62)).astype(float)
    return Waves(place, radius[order].round().astype(np.intp), np.exp(0.5j * math.pi * (quarter + 0.5)))


def _cycles(side: int) -> NDArray[np.intp]:
    return np.fft.fftfreq(side, 1 / side).round().astype(np.intp)


def amplitudes(chips: F64) -> C128:
    """All used waves for these (N_CHIPS,) chips: the payload's, then the pilot's."""
    pilot = waves().pilot
    payload = (chips[0::2] + 1j * chips[1::2]) * math.sqrt((1 - PILOT_SHARE) / N_CHIPS)
    return np.concatenate([payload, pilot * math.sqrt(PILOT_SHARE / len(pilot))])


def tile(amplitude: C128) -> F32:
    """(TILE, TILE), periodic, mean 0, RMS 1: the sum of the used waves with these amplitudes."""
    spectrum = np.zeros(TILE * TILE, np.complex128)
    spectrum[waves().place] = amplitude
    cells = np.fft.ifft2(spectrum.reshape(TILE, TILE)).real
    scaled: F32 = (cells / cells.std()).astype(np.float32)
    return scaled

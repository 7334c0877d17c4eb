"""Moments that must survive whatever is done to a motion: lips that close, lids that shut."""

import numpy as np
from numpy.typing import NDArray

from sonic.motion.data import Floats
from sonic.types import F32, F64


def closure(gap: F32, fps: float) -> F64:
    """(T,) 1 at minima of lip_gap that are closures, fading to 0 at 60 % of the largest gap within 0.25 s."""
    reach = max(1, round(0.25 * fps))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(gap, reach, mode="edge"), 2 * reach + 1)
    around = np.maximum(windows.max(1), 1e-3)
    weight = fall((gap / around - 0.3) / 0.3)
    return np.where(is_minimum(gap) | (gap == 0), weight, 0.0)


def is_minimum(x: Floats) -> NDArray[np.bool_]:
    """(T,) where a sample is not above its neighbours."""
    padded = np.pad(np.asarray(x, np.float64), 1, mode="edge")
    return np.asarray((padded[1:-1] <= padded[:-2]) & (padded[1:-1] <= padded[2:]))


def fall(x: Floats) -> F64:
    """1 at x <= 0, 0 at x >= 1, zero slope at both."""
    t = np.clip(1.0 - x, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))

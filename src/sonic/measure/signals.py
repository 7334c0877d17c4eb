"""Tracks over time: correlation, lag, runs, flicker, drift."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sonic.motion.alignment import best_lag, lag_curve
from sonic.types import F64

Mask = NDArray[np.bool_]


def lag_and_correlation(track: ArrayLike, reference: ArrayLike, fps: float) -> tuple[float, float]:
    """(lag in s, correlation there) of two (T,) tracks; a positive lag means that ``track`` comes later."""
    lag, r = best_lag(*lag_curve(track, reference, fps))
    return lag / fps, r


def as_heard(loudness: ArrayLike) -> F64:
    """Linear level -> loudness as it is heard, its power 0.6 (Stevens 1957)."""
    return np.asarray(np.maximum(np.asarray(loudness, np.float64), 0) ** 0.6)


def flicker(means: ArrayLike) -> float:
    """RMS second difference of frame means (T, C), in their own unit."""
    x = np.asarray(means, np.float64)
    return float(np.sqrt((np.diff(x, n=2, axis=0) ** 2).mean())) if len(x) > 2 else 0.0


def drift_per_minute(means: ArrayLike, fps: float) -> float:
    """Slope of a line through the frame means (T,), in their unit per minute."""
    x = np.asarray(means, np.float64)
    return float(np.polyfit(np.arange(len(x)) / fps / 60, x, 1)[0]) if len(x) > 1 else 0.0


def long_runs(mask: Mask, shortest: float) -> Mask:
    """The runs of True of at least ``shortest`` frames."""
    out = np.zeros_like(mask)
    for start, stop in zip(*runs(mask), strict=True):
        out[start:stop] = stop - start >= shortest
    return out


def runs(mask: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(starts, stops) of the runs of True."""
    edges = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    return np.asarray(np.flatnonzero(edges == 1)), np.asarray(np.flatnonzero(edges == -1))

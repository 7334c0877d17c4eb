"""Tracks over time: correlation, lag, runs, flicker, drift."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sonic.types import F64

REACH_S = 0.3
"""Lags are looked for within this."""
NEARLY_BEST = 0.7
"""Syllables repeat, so two tracks of few words agree at several lags: those of this share of the best one compete."""
TRUSTED = 4.0
"""Least certainty of a lag that align_lips removes: of 5400 unrelated pairs, 3 to 60 s long, none reached it; of 2300
that tests/motion/test_alignment.py makes, 12 s long, one did."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How much later than the reference the lips are."""

    ms: float
    """Positive: the lips are late."""
    correlation: float
    """Of lips and reference at this lag."""
    certainty: float
    """The correlation in standard deviations of what unrelated tracks of this length and smoothness give; 0 where the
    tracks agree best at the end of the range."""

    @property
    def trusted(self) -> bool:
        """Whether the lag is more than chance."""
        return self.certainty >= TRUSTED


def estimate_lag(lips: ArrayLike, reference: ArrayLike, fps: float) -> Lag:
    """The constant lag of (T,) mouth opening behind a (T,) reference, to a fraction of a frame.

    Its certainty by Bartlett 1946 (variance of the correlation of unrelated series). Raises ValueError if the tracks
    differ in length.
    """
    lags, r = lag_curve(lips, reference, fps)
    lag, height = best_lag(lags, r)
    if not len(lags) or not lags[0] < lag < lags[-1]:
        return Lag(lag / fps * 1000, height, 0.0)
    chance = _by_chance(np.asarray(lips, np.float64), np.asarray(reference, np.float64), round(2 * fps))
    return Lag(lag / fps * 1000, height, height / chance)


def correlation(a: ArrayLike, b: ArrayLike) -> float:
    """Pearson's, of two tracks of the same length; 0 where either is constant."""
    x, y = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    if x.shape != y.shape:
        raise ValueError(f"tracks must have the same length, got {x.shape} and {y.shape}")
    x, y = x - x.mean(), y - y.mean()
    energy = float((x * x).sum() * (y * y).sum())
    return float((x * y).sum()) / energy**0.5 if energy > 1e-18 else 0.0


def lag_curve(track: ArrayLike, reference: ArrayLike, fps: float) -> tuple[NDArray[np.intp], F64]:
    """(lags in frames, correlation at each) of two (T,) tracks, within REACH_S; a positive lag: ``track`` is later."""
    a, b = np.asarray(track, np.float64), np.asarray(reference, np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"tracks must be (T,) and of the same length, got {a.shape} and {b.shape}")
    reach = min(int(REACH_S * fps), len(a) - 3)
    lags = np.arange(-reach, reach + 1) if reach >= 1 else np.zeros(0, np.intp)
    pairs = ((a[max(k, 0) : len(a) + min(k, 0)], b[max(-k, 0) : len(b) - max(k, 0)]) for k in lags.tolist())
    return lags, np.array([correlation(x, y) for x, y in pairs])


def best_lag(lags: NDArray[np.intp], r: F64) -> tuple[float, float]:
    """(lag in frames, correlation there) of a lag_curve, to a fraction of a frame by a parabola.

    Of the peaks that reach NEARLY_BEST of the highest one the nearest to 0 counts; (0, 0) where nothing correlates.
    """
    if not len(r) or r.max() <= 0:
        return 0.0, 0.0
    high = np.flatnonzero(_is_peak(r) & (r >= NEARLY_BEST * r.max()))
    top = int(high[np.argmin(np.abs(lags[high]))])
    shift, peak = 0.0, float(r[top])
    if 0 < top < len(r) - 1 and (bend := r[top - 1] - 2 * r[top] + r[top + 1]) < 0:
        shift = float(0.5 * (r[top - 1] - r[top + 1]) / bend)
        peak -= float(0.25 * (r[top - 1] - r[top + 1]) * shift)
    return float(lags[top]) + shift, min(peak, 1.0)


def _by_chance(a: F64, b: F64, reach: int) -> float:
    """Standard deviation of the correlation of two unrelated series that are as smooth as these."""
    own = [_autocorrelation(x, min(reach, len(x) - 1)) for x in (a, b)]
    product = own[0] * own[1]
    return float(np.sqrt(max(2 * product.sum() - product[0], 1.0) / len(a)))


def _autocorrelation(x: F64, reach: int) -> F64:
    """At lags 0 .. reach; 1 at 0."""
    x = x - x.mean()
    return np.asarray(np.array([x[k:] @ x[: len(x) - k] for k in range(reach + 1)]) / max(float(x @ x), 1e-18))


def _is_peak(x: F64) -> NDArray[np.bool_]:
    """Samples that no neighbour exceeds."""
    padded = np.concatenate([[-np.inf], x, [-np.inf]])
    return np.asarray((x >= padded[:-2]) & (x >= padded[2:]))


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

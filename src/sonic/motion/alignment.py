"""Lips on the sound: a constant lag between two tracks is estimated, judged and removed.

The reference is any track that says how open the mouth should be: the same mouth in a real video, loudness, another
model's lips. What comes of it is only as good as that: lips and loudness of real people differ by some 20 ms.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sonic.motion.data import Motion
from sonic.motion.timing import offset
from sonic.types import F64

REACH_S = 0.3
"""Lags are looked for within this."""
NEARLY_BEST = 0.7
"""Syllables repeat, so two tracks of few words agree at several lags: those of this share of the best one compete."""
TRUSTED = 4.0
"""Least certainty of a lag that align_lips removes: of 5400 unrelated pairs, 3 to 60 s long, none reached it; of 2300
that tests/test_alignment.py makes, 12 s long, one did."""


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


def align_lips(motion: Motion, reference: ArrayLike) -> tuple[Motion, Lag]:
    """(the motion with its mouth moved onto the (T,) reference at its own fps, the lag that it had).

    Head and eyes stay. A lag that may be chance is reported but not removed.
    """
    lag = estimate_lag(motion.lip_gap, reference, float(motion.fps))
    if not lag.trusted:
        return motion, lag
    moved = offset(motion, -lag.ms / 1000)
    return replace(motion, shape=moved.shape, lip_gap=moved.lip_gap), lag


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
    pairs = ((a[max(k, 0) : len(a) + min(k, 0)], b[max(-k, 0) : len(b) - max(k, 0)]) for k in lags)
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

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
"""Lags up to this are looked for."""
TRUSTED = 4.0
"""Least certainty of a lag that align_lips removes: of 5400 unrelated pairs, 3 to 60 s long, none reached it."""
_NEAR = 0.7
"""Syllables repeat, so there are several peaks: of those of this share of the highest, the one nearest to 0 counts."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How much later than the reference the lips are."""

    ms: float
    """Positive: the lips are late."""
    correlation: float
    """Of lips and reference at this lag."""
    certainty: float
    """The correlation in standard deviations of what unrelated tracks of this length and smoothness give; 0 where the
    lag is at the end of the range or a track is constant."""

    @property
    def trusted(self) -> bool:
        """Whether the lag is more than chance."""
        return self.certainty >= TRUSTED


def estimate_lag(lips: ArrayLike, reference: ArrayLike, fps: float) -> Lag:
    """The constant lag of (T,) mouth opening behind a (T,) reference, to a fraction of a frame.

    Peak of the normalised cross-correlation with a parabola through it; its certainty by Bartlett 1946 (variance of the
    correlation of unrelated series). Raises ValueError if the tracks differ in length.
    """
    a, b = np.asarray(lips, np.float64), np.asarray(reference, np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"lips and reference must be tracks of one length, got {a.shape} and {b.shape}")
    reach = min(int(REACH_S * fps), len(a) // 2 - 2)
    if reach < 1 or not np.ptp(a) or not np.ptp(b):
        return Lag(0.0, 0.0, 0.0)
    lags = np.arange(-reach, reach + 1)
    r = np.array([_pearson(a[max(k, 0) : len(a) + min(k, 0)], b[max(-k, 0) : len(b) - max(k, 0)]) for k in lags])
    top = _peak(r, lags)
    if top is None:
        return Lag(0.0, float(r[reach]), 0.0)
    left, middle, right = r[top - 1 : top + 2]
    shift = 0.5 * (left - right) / (left - 2 * middle + right)
    height = float(middle - 0.25 * (left - right) * shift)
    return Lag(float(lags[top] + shift) / fps * 1000, height, height / _by_chance(a, b, round(2 * fps)))


def align_lips(motion: Motion, reference: ArrayLike) -> tuple[Motion, Lag]:
    """(the motion with its mouth moved onto the (T,) reference at its own fps, the lag that it had).

    Head and eyes stay. A lag that may be chance is reported but not removed.
    """
    lag = estimate_lag(motion.lip_gap, reference, float(motion.fps))
    if not lag.trusted:
        return motion, lag
    moved = offset(motion, -lag.ms / 1000)
    return replace(motion, shape=moved.shape, lip_gap=moved.lip_gap), lag


def _peak(r: F64, lags: NDArray[np.int64]) -> int | None:
    """Index of the peak that counts; None where the tracks only agree at the end of the range, or not at all."""
    inner = np.flatnonzero((r[1:-1] > r[:-2]) & (r[1:-1] >= r[2:]) & (r[1:-1] >= _NEAR * r.max()) & (r[1:-1] > 0)) + 1
    return int(inner[np.argmin(np.abs(lags[inner]))]) if len(inner) else None


def _by_chance(a: F64, b: F64, reach: int) -> float:
    """Standard deviation of the correlation of two unrelated series that are as smooth as these."""
    own = [_autocorrelation(x, min(reach, len(x) - 1)) for x in (a, b)]
    product = own[0] * own[1]
    return float(np.sqrt(max(2 * product.sum() - product[0], 1.0) / len(a)))


def _autocorrelation(x: F64, reach: int) -> F64:
    """At lags 0 .. reach; 1 at 0."""
    x = x - x.mean()
    return np.asarray(np.array([x[k:] @ x[: len(x) - k] for k in range(reach + 1)]) / (x @ x))


def _pearson(a: F64, b: F64) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 0 else 0.0

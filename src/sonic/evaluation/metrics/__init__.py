"""How natural a talking face is, from landmarks tracked in its pixels and the loudness of its sound.

Formulas follow THEval ("Evaluation Framework for Talking Head Video Generation", 2025) where a docstring says so, on
FaceMesh landmarks. Distances are relative to the outer-eye distance (between landmarks 33 and 263) unless a name says
otherwise, so that the size of the picture does not matter. A figure that a clip cannot give (no silence, say) is None.
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from sonic.evaluation.metrics.compare import MANNERS, closeness, mouth_distance, moving_mouth_distance
from sonic.evaluation.metrics.eyes import brow_dynamics, eye_openness, find_blinks
from sonic.evaluation.metrics.head import head, head_complexity
from sonic.evaluation.metrics.lips import (
    closes,
    closures_shown,
    lip_dynamics_px,
    lip_gap_sd,
    lip_opening,
    loudness_mismatch,
    silent_lip_deviation,
)
from sonic.evaluation.metrics.offset import ClipOffset, clip_offset, heard_closures
from sonic.evaluation.metrics.picture import background_change, identity, mean_ycc
from sonic.signals import (
    Mask,
    as_heard,
    best_lag,
    correlation,
    drift_per_minute,
    estimate_lag,
    flicker,
    lag_and_correlation,
    lag_curve,
    long_runs,
)
from sonic.types import F32, N_LANDMARKS

__all__ = [
    "MANNERS",
    "ClipOffset",
    "Report",
    "as_heard",
    "background_change",
    "best_lag",
    "clip_offset",
    "closeness",
    "closes",
    "closures_shown",
    "correlation",
    "heard_closures",
    "identity",
    "lag_and_correlation",
    "lag_curve",
    "lip_opening",
    "mean_ycc",
    "measure",
    "mouth_distance",
    "moving_mouth_distance",
]


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured; natural ranges are medians of real talkers tracked with the same landmark model."""

    seconds: float
    silent_s: float
    """Silence in runs of at least 300 ms."""
    silent_lip_deviation: float | None
    """THEval silent lip stability; real 0.014 .. 0.026."""
    loudness_mismatch: float | None
    """THEval lip-sync; real 0.24 .. 0.26, lower is not better."""
    opening_loudness_correlation: float
    """At the best lag."""
    lag_ms: float
    """Positive: the lips come later than the sound."""
    lag_certainty: float
    """Below some 4 the lag may be chance: loudness tells little about the lips in a few seconds of speech."""
    lip_gap_sd: float
    """Standard deviation of the inner-lip gap over the distance of the eyes' centres; real 0.048 .. 0.056."""
    lip_dynamics_px: float
    """THEval lip dynamics at an outer-eye distance of 62 px; real 1.4 .. 1.9."""
    brow_dynamics: float
    """THEval eyebrow dynamics; real 0.006 .. 0.007."""
    yaw_sd_deg: float
    pitch_sd_deg: float
    roll_sd_deg: float
    """Real free speech: 3.6, 3.5 and 1.8."""
    head_complexity: float
    """THEval head motion dynamics at an outer-eye distance of 62 px; real 5.0 .. 6.5."""
    blinks_per_minute: float
    """Real 15 .. 24."""
    blink_ms: float | None
    """Median time that a blink keeps the eyes less than 60 % open."""
    jitter: float
    """RMS second difference of eye corners and nose bridge after removing the head's motion."""
    flicker_luma: float | None
    """RMS second difference of the frame mean of luma, of 255; below 0.5 is not seen."""
    flicker_chroma: float | None
    drift_luma_per_minute: float | None
    background_difference: float | None
    """Difference to the picture at rest outside what may move, of 255."""
    identity: float | None
    """Correlation of the aligned eyes and nose with the first frame, median: 1 is the same pixels."""

    def to_dict(self) -> dict[str, float | None]:
        """Name -> value, for JSON."""
        return asdict(self)


def measure(
    points_px: F32,
    *,
    fps: float,
    loudness: ArrayLike,
    speaking: Mask,
    frame_means: ArrayLike | None = None,
    background_difference: float | None = None,
    identity: float | None = None,
) -> Report:
    """The report of one clip.

    ``points_px`` is (T, 478, 3) landmarks in px of the video; ``loudness`` (T,) linear RMS of 80 to 3000 Hz at each
    frame; ``speaking`` (T,); ``frame_means`` (T, 3) mean Y, Cb, Cr of each frame, 0 .. 255. Raises ValueError for other
    shapes or less than 3 frames.
    """
    n = len(points_px)
    if points_px.shape != (n, N_LANDMARKS, 3) or n < 3:
        raise ValueError(f"points_px must have shape (N >= 3, {N_LANDMARKS}, 3), got {points_px.shape}")
    if np.shape(loudness) != (n,) or speaking.shape != (n,):
        raise ValueError(f"loudness and speaking must have shape ({n},), got {np.shape(loudness)} and {speaking.shape}")
    points = points_px.astype(np.float64)
    pose_deg, jitter = head(points)
    opening = lip_opening(points)
    silent = long_runs(~speaking, 0.3 * fps)
    lag = estimate_lag(opening, as_heard(loudness), fps)
    blinks = find_blinks(eye_openness(points), fps)
    means = None if frame_means is None else np.asarray(frame_means, np.float64)
    sd = pose_deg.std(0)
    return Report(
        seconds=n / fps,
        silent_s=float(silent.sum()) / fps,
        silent_lip_deviation=silent_lip_deviation(opening, silent),
        loudness_mismatch=loudness_mismatch(opening, loudness, speaking),
        opening_loudness_correlation=lag.correlation,
        lag_ms=lag.ms,
        lag_certainty=lag.certainty,
        lip_gap_sd=lip_gap_sd(points),
        lip_dynamics_px=lip_dynamics_px(points),
        brow_dynamics=brow_dynamics(points),
        yaw_sd_deg=float(sd[0]),
        pitch_sd_deg=float(sd[1]),
        roll_sd_deg=float(sd[2]),
        head_complexity=head_complexity(points, pose_deg),
        blinks_per_minute=60 * len(blinks) * fps / n,
        blink_ms=float(np.median(blinks[:, 1] - blinks[:, 0])) / fps * 1000 if len(blinks) else None,
        jitter=jitter,
        flicker_luma=None if means is None else flicker(means[:, :1]),
        flicker_chroma=None if means is None else flicker(means[:, 1:]),
        drift_luma_per_minute=None if means is None else drift_per_minute(means[:, 0], fps),
        background_difference=background_difference,
        identity=identity,
    )

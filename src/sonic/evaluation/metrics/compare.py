"""A made video beside the filmed one of the same person, words and camera; landmarks of both at the same rate."""

import numpy as np

from sonic.evaluation.metrics.eyes import outer_eye_distance
from sonic.evaluation.metrics.head import without_head_motion
from sonic.evaluation.metrics.lips import LIPS
from sonic.types import F64

MANNERS = {
    "silent lips": "silent_lip_deviation",
    "lip dynamics": "lip_dynamics_px",
    "brows": "brow_dynamics",
    "head motion": "head_complexity",
    "lip-sync": "loudness_mismatch",
}
"""What THEval compares with real people -> field of Report."""


def mouth_distance(made: F64, real: F64) -> float:
    """Mouth landmark distance: how far the 40 lip points of (T, 478, 3) ``made`` are from those of ``real``.

    Mean over points and frames of the distance in the picture, over the outer-eye distance. The head's motion is taken
    out first: every frame of both is laid on the first filmed face by the points that speech does not move.
    """
    a, b = _mouths(made, real)
    return float(np.linalg.norm(a - b, axis=-1).mean())


def moving_mouth_distance(made: F64, real: F64) -> float:
    """The same after each point's own mean over time is taken out of both: what is left is how they move, not where
    the mouth rests."""
    a, b = _mouths(made, real)
    return float(np.linalg.norm((a - a.mean(0)) - (b - b.mean(0)), axis=-1).mean())


def _mouths(made: F64, real: F64) -> tuple[F64, F64]:
    """(T, 40, 2) lip points of both over the outer-eye distance."""
    if made.shape != real.shape:
        raise ValueError(f"made and real must have the same shape, got {made.shape} and {real.shape}")
    face = real[0]
    size = float(outer_eye_distance(face[None])[0])
    a, b = (without_head_motion(points, face)[:, LIPS, :2] / size for points in (made, real))
    return a, b


def closeness(made: float, real: float) -> float:
    """1 - |made - real| / real (THEval): 1 is as real people, 0 is twice as much or nothing; -inf beside a real 0."""
    if real == 0:
        return 1.0 if made == 0 else float("-inf")
    return 1 - abs(made - real) / real

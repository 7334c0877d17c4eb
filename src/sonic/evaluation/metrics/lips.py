"""What the lips do. Distances are relative to the outer-eye distance unless a name says otherwise."""

import numpy as np
from numpy.typing import ArrayLike

from sonic.evaluation.metrics.eyes import SCALE_PX, eye_distance, outer_eye_distance
from sonic.faces.topology import LOWER_INNER, LOWER_OUTER, UPPER_INNER, UPPER_OUTER
from sonic.signals import Mask
from sonic.types import F64

LIPS = tuple(sorted({*UPPER_INNER, *LOWER_INNER, *UPPER_OUTER, *LOWER_OUTER}))
"""The 40 points of both lip contours."""
CLOSED_SHARE = 0.15
"""Lips are closed when the opening gets below this share of its range (5th to 95th percentile)."""

FEWEST_CLOSURES = 5
"""Of p b m in a recording, for a share of them to mean something."""


def lip_opening(points: F64) -> F64:
    """(T,) mean vertical gap of the 8 inner-lip pairs over the outer-eye distance (THEval's opening)."""
    upper, lower = points[:, UPPER_INNER[1:9], 1], points[:, LOWER_INNER[1:9], 1]
    return np.asarray(np.abs(lower - upper).mean(1) / outer_eye_distance(points))


def silent_lip_deviation(opening: F64, silent: Mask) -> float | None:
    """Median absolute deviation of the opening about its mean in the silent frames (THEval silent lip stability)."""
    if silent.sum() < 2:
        return None
    x = opening[silent]
    return float(np.median(np.abs(x - x.mean())))


def loudness_mismatch(opening: F64, loudness: ArrayLike, speaking: Mask) -> float | None:
    """Mean absolute difference of opening and RMS, each scaled to 0 .. 1 over the spoken frames (THEval lip-sync)."""
    if speaking.sum() < max(2.0, 0.1 * len(speaking)):
        return None
    a, b = (x[speaking] - x[speaking].min() for x in (opening, np.asarray(loudness, np.float64)))
    return float(np.abs(a / (a.max() + 1e-8) - b / (b.max() + 1e-8)).mean())


def lip_gap_sd(points: F64) -> float:
    """Standard deviation of the distance between the centres of the inner lips over the eyes' centre distance."""
    gap = np.linalg.norm(points[:, UPPER_INNER[5], :2] - points[:, LOWER_INNER[5], :2], axis=1)
    return float((gap / eye_distance(points)).std())


def lip_dynamics_px(points: F64) -> float:
    """Standard deviation over time of every distance between two lip points, averaged, at 62 px outer-eye distance."""
    lips = points[:, LIPS, :2] / outer_eye_distance(points)[:, None, None] * SCALE_PX
    first, second = np.triu_indices(len(LIPS), 1)
    return float(np.mean([np.linalg.norm(lips[:, i] - lips[:, j], axis=1).std() for i, j in zip(first, second)]))  # noqa: B905


def closes(opening: ArrayLike, start: float, end: float) -> bool:
    """Whether the opening (T,) falls to CLOSED_SHARE of its range between a frame before and a frame after a phone.

    ``start`` and ``end`` of the phone are in frames.
    """
    x = np.asarray(opening, np.float64)
    low, high = np.percentile(x, [5, 95])
    part = x[max(int(start) - 1, 0) : int(np.ceil(end)) + 1]
    return bool(len(part) and part.min() <= low + CLOSED_SHARE * (high - low))


def closures_shown(opening: ArrayLike, heard: ArrayLike) -> float | None:
    """Share of the p b m that are heard, (T,) probabilities, at which the opening (T,) falls shut; None of too few."""
    sure = np.pad((np.asarray(heard) >= 0.5).astype(int), 1)
    edges = np.flatnonzero(np.diff(sure))
    spans = list(zip(edges[::2], edges[1::2], strict=True))
    if len(spans) < FEWEST_CLOSURES:
        return None
    return float(np.mean([closes(opening, start, end) for start, end in spans]))

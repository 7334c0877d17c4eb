"""Eyes and brows, and the distances between the eyes that everything else is measured by."""

import numpy as np
from numpy.typing import NDArray

from sonic.faces.topology import EYES, LEFT_BROW, RIGHT_BROW, Eye
from sonic.signals import runs
from sonic.types import F64

_OUTER_EYES = (33, 263)
SCALE_PX = 62.0
"""Outer-eye distance in the tables of the docs: a face of some 130 px in a picture of 256 px."""


def outer_eye_distance(points: F64) -> F64:
    """(T,) outer-eye distance in px."""
    a, b = _OUTER_EYES
    return np.asarray(np.maximum(np.linalg.norm(points[:, a, :2] - points[:, b, :2], axis=1), 1e-6))


def eye_distance(points: F64) -> F64:
    """(T,) between the centres of the eyes in px."""
    left, right = (_eye_centre(points, eye) for eye in EYES)
    return np.asarray(np.maximum(np.linalg.norm(left - right, axis=1), 1e-6))


def eye_openness(points: F64) -> F64:
    """(T,) height of the eyes over their width, mean of both eyes (eye aspect ratio, Soukupova and Cech 2016)."""
    return np.asarray(np.mean([_eye_ratio(points, eye) for eye in EYES], axis=0))


def find_blinks(openness: F64, fps: float) -> NDArray[np.int64]:
    """(B, 2) first frame and end of each blink: less than 60 % open for 60 to 500 ms, below 50 % at its deepest.

    Open is the 75th percentile over the 2 s to either side: a nod changes the ratio slowly, a blink quickly.
    """
    reach = max(2, round(2 * fps))
    usual = np.array([np.percentile(openness[max(i - reach, 0) : i + reach + 1], 75) for i in range(len(openness))])
    relative = openness / np.maximum(usual, 1e-6)
    starts, stops = runs(relative < 0.6)
    fits = [
        0.06 <= (stop - start + 0.5) / fps <= 0.55 and relative[start:stop].min() < 0.5
        for start, stop in zip(starts, stops, strict=True)
    ]
    return np.asarray(np.stack([starts, stops], 1)[np.array(fits, bool)].reshape(-1, 2))


def brow_dynamics(points: F64) -> float:
    """Mean absolute frame difference of the distance of brow and eye centres over the eye distance (THEval)."""
    distances = [
        np.linalg.norm(points[:, brow, :2].mean(1) - _eye_centre(points, eye), axis=1) / eye_distance(points)
        for brow, eye in zip((LEFT_BROW, RIGHT_BROW), EYES, strict=True)
    ]
    return float(np.mean([np.abs(np.diff(d)).mean() for d in distances]))


def _eye_centre(points: F64, eye: Eye) -> F64:
    return np.asarray(points[:, [*eye.corners, *eye.upper, *eye.lower], :2].mean(1))


def _eye_ratio(points: F64, eye: Eye) -> F64:
    """(T,) mean height of the middle of the eye over its width."""
    upper, lower = points[:, eye.upper[2:5], :2], points[:, eye.lower[2:5], :2]
    width = np.linalg.norm(points[:, eye.corners[0], :2] - points[:, eye.corners[1], :2], axis=1)
    return np.asarray(np.linalg.norm(upper - lower, axis=2).mean(1) / np.maximum(width, 1e-6))

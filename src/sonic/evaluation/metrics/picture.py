"""What pixels say beyond landmarks: identity, background, mean colour."""

import numpy as np

from sonic.evaluation.metrics.head import BONE
from sonic.faces.geometry import similarity
from sonic.signals import correlation
from sonic.types import F64, U8

_PATCH_ANCHORS = ((6, 20), (25, 20), (39, 20), (58, 20), (32, 19), (32, 24), (32, 36), (32, 42))
"""Where BONE lies in the patch of 64 x 64 that identity compares."""
_LEAST_BACKGROUND = 0.02


def identity(pictures: list[U8], points: F64) -> float | None:
    """Median correlation of the upright patch of eyes and nose in each grey picture (H, W) with that in the first.

    ``points`` is (len(pictures), 478, 3) landmarks in px of these pictures. No network knows a face here: pixels that
    were warped keep what makes a person, and a face that drifts into another loses correlation. None for one picture.
    """
    patches = [_eyes_and_nose(picture, p) for picture, p in zip(pictures, points, strict=True)]
    scores = [correlation(patches[0], patch) for patch in patches[1:]]
    return float(np.median(scores)) if scores else None


def background_change(pictures: list[U8], points: F64) -> float | None:
    """95th percentile of the difference to the first grey picture, of 255, away from the person; None if nothing is.

    Away: farther from the faces' common box than half of its size, and not below it, where a body is.
    """
    flat = points[..., :2].reshape(-1, 2)
    low, high = flat.min(0), flat.max(0)
    margin = 0.5 * (high - low)
    (left, top), right = np.maximum(low - margin, 0).astype(int), int(high[0] + margin[0])
    away = np.ones(pictures[0].shape, bool)
    away[top:, left : max(right, 0)] = False
    away[int(high[1]) :] = False
    if away.mean() < _LEAST_BACKGROUND or len(pictures) < 2:
        return None
    first = pictures[0][away].astype(np.int16)
    return float(max(np.percentile(np.abs(p[away].astype(np.int16) - first), 95) for p in pictures[1:]))


def mean_ycc(rgb: U8) -> F64:
    """Mean Y, Cb, Cr of a frame (H, W, 3), 0 .. 255 (ITU-R BT.709)."""
    r, g, b = (float(v) for v in rgb.reshape(-1, 3).mean(0))
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    return np.array([y, (b - y) / 1.8556, (r - y) / 1.5748])


def _eyes_and_nose(picture: U8, points: F64) -> F64:
    """(64, 64) the picture sampled on a grid that goes with the eyes: nearest pixels, softened."""
    scale, rotation, shift = similarity(_PATCH_ANCHORS, points[list(BONE), :2])
    y, x = np.mgrid[0:64, 0:64].reshape(2, -1)
    places = scale * np.stack([x, y], 1) @ rotation.T + shift
    column, row = np.clip(np.rint(places).astype(int).T, 0, np.array(picture.shape[::-1])[:, None] - 1)
    patch = picture[row, column].reshape(64, 64).astype(np.float64)
    return np.asarray(patch.reshape(32, 2, 32, 2).mean((1, 3)))

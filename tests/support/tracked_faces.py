"""Landmarks of made-up faces, as a tracker gives them."""

import numpy as np

from sonic.faces.geometry import rotation_from_pose
from sonic.faces.topology import (
    EYES,
    LEFT_BROW,
    LOWER_INNER,
    LOWER_OUTER,
    RIGHT_BROW,
    STABLE,
    UPPER_INNER,
    UPPER_OUTER,
)
from sonic.types import F32

FPS = 25.0


def face(n: int = 250, *, pose_deg=None, gap=None, lids=None, brow=None, scale: float = 2.0, noise: float = 0.0) -> F32:
    """(n, 478, 3) px of a made-up face 130 mm wide; gap and brow in mm (n,), lids 1 .. 0 (n,)."""
    rng = np.random.default_rng(0)
    base = rng.uniform([-65, -60, -30], [65, 100, 30], (478, 3))
    base[list(STABLE)] = rng.uniform([-60, -60, -30], [60, 30, 30], (len(STABLE), 3))
    points = np.repeat(base[None], n, 0)
    for eye, x in zip(EYES, (-31.5, 31.5), strict=True):
        side = np.sign(x)
        points[:, eye.corners[0]] = (x + 14 * side, 0, 0)
        points[:, eye.corners[1]] = (x - 14 * side, 0, 0)
        across = np.linspace(x + 12 * side, x - 12 * side, 7)
        for k in range(7):
            height = 10 * (np.ones(n) if lids is None else lids)
            points[:, eye.upper[k]] = np.stack([np.full(n, across[k]), -height / 2, np.zeros(n)], 1)
            points[:, eye.lower[k]] = np.stack([np.full(n, across[k]), height / 2, np.zeros(n)], 1)
    for ring, x in ((LEFT_BROW, -31.5), (RIGHT_BROW, 31.5)):
        points[:, ring] = (x, -20, 0)
        if brow is not None:
            points[:, ring, 1] -= brow[:, None]
    opening = np.zeros(n) if gap is None else gap
    for upper, lower, outer in ((UPPER_INNER, LOWER_INNER, 0), (UPPER_OUTER, LOWER_OUTER, 5)):
        x = np.linspace(-25, 25, len(upper))
        for k in range(len(upper)):
            half = (opening / 2 + outer) * (0 < k < len(upper) - 1)
            points[:, upper[k]] = np.stack([np.full(n, x[k]), 60 - half, np.zeros(n)], 1)
            points[:, lower[k]] = np.stack([np.full(n, x[k]), 60 + half, np.zeros(n)], 1)
    if pose_deg is not None:
        points = points @ np.swapaxes(rotation_from_pose(pose_deg), -1, -2)
    points = points * scale + [300, 200, 0] + noise * rng.standard_normal(points.shape)
    return points.astype(np.float32)

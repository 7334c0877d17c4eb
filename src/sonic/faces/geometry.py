"""Small geometry of faces. Axes everywhere: x right, y down, z away from the camera."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sonic.types import F32, F64

_PERSON = 0.4
"""Matte above this belongs to a person."""


def smoothstep(low: float, high: float, x: ArrayLike) -> F64:
    """0 at ``low``, 1 at ``high``, with zero slope at both; ``low`` may be the larger one."""
    t = np.clip((np.asarray(x, np.float64) - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def rotation_from_pose(pose_deg: ArrayLike) -> F64:
    """(..., 3) of (yaw, pitch, roll) in degrees -> (..., 3, 3) rotation of points in camera axes.

    Positive yaw turns the face towards the right of the picture, positive pitch tilts it down (a nod), positive roll
    leans the head clockwise as seen in the picture. Order: roll first, then pitch, then yaw.
    """
    yaw, pitch, roll = np.moveaxis(np.deg2rad(np.asarray(pose_deg, np.float64)), -1, 0)
    one, zero = np.ones_like(yaw), np.zeros_like(yaw)

    def matrix(*entries: F64) -> F64:
        return np.stack(entries, -1).reshape(*yaw.shape, 3, 3)

    turn = matrix(np.cos(yaw), zero, -np.sin(yaw), zero, one, zero, np.sin(yaw), zero, np.cos(yaw))
    nod = matrix(one, zero, zero, zero, np.cos(pitch), -np.sin(pitch), zero, np.sin(pitch), np.cos(pitch))
    lean = matrix(np.cos(roll), -np.sin(roll), zero, np.sin(roll), np.cos(roll), zero, zero, zero, one)
    return np.asarray(turn @ nod @ lean)


def pose_from_rotation(rotation: ArrayLike) -> F64:
    """Inverse of rotation_from_pose: (..., 3, 3) -> (..., 3) degrees, pitch in [-90, 90]."""
    r = np.asarray(rotation, np.float64)
    pitch = np.arcsin(np.clip(-r[..., 1, 2], -1.0, 1.0))
    yaw = np.arctan2(-r[..., 0, 2], r[..., 2, 2])
    roll = np.arctan2(r[..., 1, 0], r[..., 1, 1])
    return np.asarray(np.rad2deg(np.stack([yaw, pitch, roll], -1)))


def similarity(source: ArrayLike, target: ArrayLike) -> tuple[float, F64, F64]:
    """Least-squares (scale, rotation, translation) with target ~ scale * rotation @ source + translation.

    Both (N, D). Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns".
    """
    a, b = np.asarray(source, np.float64), np.asarray(target, np.float64)
    mean_a, mean_b = a.mean(0), b.mean(0)
    a, b = a - mean_a, b - mean_b
    u, s, vt = np.linalg.svd(b.T @ a)
    signs = np.ones(len(s))
    signs[-1] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * signs) @ vt
    scale = float((s * signs).sum() / (a * a).sum())
    return scale, rotation, mean_b - scale * rotation @ mean_a


def catmull_rom(points: ArrayLike, per_segment: int = 4) -> F64:
    """Smooth open curve through (N, D) points: ``per_segment`` samples a segment, the last point included.

    Catmull and Rom 1974, uniform knots, ends extended by reflection.
    """
    p = np.asarray(points, np.float64)
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = (np.arange(per_segment) / per_segment)[:, None, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.vstack([curve.swapaxes(0, 1).reshape(-1, p.shape[1]), p[-2]])


def own_person(matte: F32, oval: ArrayLike) -> NDArray[np.bool_]:
    """(h, w): the part of a matte (h, w) in [0, 1] that hangs together with the face of this outline (N, 2) px.

    Other people in the picture are not in it, unless they touch.
    """
    import cv2

    face = np.zeros(matte.shape, np.uint8)
    cv2.fillPoly(face, [np.round(np.asarray(oval)).astype(np.int32)], 1)
    _, parts = cv2.connectedComponents(((matte > _PERSON) | (face > 0)).astype(np.uint8))
    own = parts[face > 0]
    return np.isin(parts, own[own > 0]) if own.any() else face > 0

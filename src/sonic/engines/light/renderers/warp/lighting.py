"""Where the light of a portrait comes from, read off the face itself."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sonic.engines.light.renderers.warp.native import colour_tables
from sonic.faces import topology
from sonic.faces.topology import EYES, N_SURFACE
from sonic.types import F64, U8

_USUAL = np.array([0.0, -0.45, -0.89])
"""From above and in front, as most light comes."""
_LUMA = np.array([0.2126, 0.7152, 0.0722])
_NOT_SKIN = {
    *topology.UPPER_INNER, *topology.LOWER_INNER, *topology.UPPER_OUTER, *topology.LOWER_OUTER, *topology.LEFT_BROW,
    *topology.RIGHT_BROW, *topology.OVAL,
    *(i for eye in EYES for i in (*eye.corners, *eye.upper, *eye.lower, *eye.upper2, *eye.lower2)),
}  # fmt: skip
_USUAL_WRAP, _ENOUGH = 0.45, 20
"""Light without direction, and landmarks on skin that are needed to tell."""
_TRUST = 0.35
"""Contrast between lit and unlit skin from which on the face alone is believed."""


@dataclass(frozen=True, slots=True)
class Light:
    """One light in front of the face, and what comes from everywhere."""

    towards: F64
    """(3,) unit vector in picture axes: x right, y down, z away from the camera."""
    wrap: float
    """0..1: share of the light that has no direction."""


def estimate_light(rgb: U8, points_px: F64, triangles: NDArray[np.int32]) -> Light:
    """Least squares of the skin's luminance over the face's normals; near the usual light where that says little."""
    points = points_px[:N_SURFACE]
    normals = _normals(points, triangles)
    skin = [i for i in range(N_SURFACE) if i not in _NOT_SKIN and normals[i, 2] < -0.2]
    x, y = np.clip(np.round(points[skin, :2]), 0, [rgb.shape[1] - 1, rgb.shape[0] - 1]).astype(int).T
    luminance = colour_tables()[0][rgb[y, x]] @ _LUMA
    if len(skin) < _ENOUGH:
        return Light(_USUAL / np.linalg.norm(_USUAL), _USUAL_WRAP)
    keep = (luminance >= np.percentile(luminance, 8)) & (luminance <= np.percentile(luminance, 97))
    a = np.column_stack([np.ones(len(skin)), normals[skin]])[keep]
    ridge = np.diag([1e-6, 0.02, 0.02, 0.02]) * len(a)
    found = np.linalg.solve(a.T @ a + ridge, a.T @ luminance[keep])
    slope = found[1:] / max(float(luminance[keep].mean()), 1e-3)
    direction = slope + _TRUST * _USUAL
    direction[2] = min(direction[2], -0.5 * float(np.linalg.norm(direction[:2])))
    strength = float(np.linalg.norm(slope))
    return Light(direction / np.linalg.norm(direction), float(np.clip(_USUAL_WRAP + 0.1 - 0.3 * strength, 0.28, 0.5)))


def _normals(points: F64, triangles: NDArray[np.int32]) -> F64:
    """(468, 3) unit normals that look at the camera."""
    a, b, c = points[triangles[:, 0]], points[triangles[:, 1]], points[triangles[:, 2]]
    face = np.cross(b - a, c - a)
    face *= -np.sign(face[:, 2:])
    normals = np.zeros((N_SURFACE, 3))
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], face)
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9))

"""From the vertices of one head to the landmarks of another: where each landmark lies on the foreign skin.

A similarity lays the foreign head on ours and its identity modes make it alike, both by the Multi-PIE landmarks;
radial basis functions take away what is left at them; then each landmark takes the mean of the vertices around it.
"""

import numpy as np
from numpy.typing import NDArray
from recipes.face.head import IctHead

from sonic.faces.geometry import similarity
from sonic.faces.topology import LOWER_INNER, LOWER_OUTER, UPPER_INNER, UPPER_OUTER
from sonic.types import F64

# fmt: off
PAIRS = {
    36: 33, 39: 133, 42: 362, 45: 263, 37: 160, 38: 158, 41: 144, 40: 153, 43: 385, 44: 387, 47: 380, 46: 373, 27: 168,
    28: 197, 29: 195, 30: 4, 31: 98, 33: 2, 35: 327, 48: 61, 54: 291, 50: 37, 51: 0, 52: 267, 49: 39, 53: 269, 57: 17,
    58: 84, 56: 314, 59: 181, 55: 405, 60: 78, 64: 308, 61: 81, 62: 13, 63: 311, 67: 178, 66: 14, 65: 402, 8: 152,
    7: 148, 9: 377, 4: 172, 12: 397, 2: 58, 14: 288, 0: 127, 16: 356, 17: 70, 19: 105, 21: 107, 22: 336, 24: 334,
    26: 300,
}
"""Landmark of Multi-PIE -> of FaceMesh."""
FIRM = (36, 39, 42, 45, 27, 30, 33, 48, 54, 51, 57)
"""Those that a similarity is fitted to."""
UPPER_LIP = {
    *UPPER_INNER[1:-1], *UPPER_OUTER[1:-1], 11, 12, 72, 38, 73, 41, 74, 42, 183, 302, 268, 303, 271, 304, 272, 407,
}
LOWER_LIP = {
    *LOWER_INNER[1:-1], *LOWER_OUTER[1:-1], 15, 16, 85, 86, 315, 316, 180, 179, 404, 403, 90, 89, 320, 319, 77, 96, 307,
    325,
}
LIP_ROWS = (
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291), (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306),
    (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292), (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291), (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),
    (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292), (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
)
"""Landmarks from corner to corner, outer to inner edge, of the upper and of the lower lip."""
# fmt: on
_SHRINKAGE = 30.0
"""Of the identity modes, whose weights have unit variance; mm^2."""
_STIFFNESS = 2.0
"""Of the radial basis functions at the landmarks, which are not exact to a millimetre, mm."""
_NEIGHBOURS, _NEAR_MM, _DEPTH_WEIGHT = 5, 0.3, 0.5


class Transfer:
    """Displacements of IctHead's skin as displacements of our landmarks."""

    def __init__(self, head: IctHead, template: F64) -> None:
        """``template``: (468, 3) mm, our mean face."""
        marks, ours = [head.landmarks[i] for i in PAIRS], template[list(PAIRS.values())]
        firm = [list(PAIRS).index(i) for i in FIRM]
        skin = head.skin
        for _ in range(3):
            self._scale, self._rotation, shift = similarity(skin[marks][firm], ours[firm])
            wanted = ((ours - shift) @ self._rotation / self._scale - head.skin[marks]).ravel()
            modes = head.identities[:, marks].reshape(len(head.identities), -1)
            weights = np.linalg.solve(modes @ modes.T + _SHRINKAGE * np.eye(len(modes)), modes @ wanted)
            skin = head.skin + np.tensordot(weights, head.identities, 1)
        laid = self._turned(skin) + shift
        laid += _interpolated(laid[marks], ours - laid[marks], laid)
        self._ids, self._shares, self.distance_mm = _neighbours(laid, template, self._jaw_share(head))

    def __call__(self, displacement: F64) -> F64:
        """(N_SKIN, 3) mm of the foreign head -> (468, 3) mm of ours."""
        found = (self._turned(displacement)[self._ids] * self._shares[..., None]).sum(1)
        for row in LIP_ROWS:  # eleven points a lip draw a smooth curve only where they move smoothly
            ids = list(row)
            found[ids] = _smoothed(_smoothed(found[ids]))
        return np.asarray(found)

    def _turned(self, vectors: F64) -> F64:
        return np.asarray(self._scale * vectors @ self._rotation.T)

    @staticmethod
    def _jaw_share(head: IctHead) -> F64:
        """(N_SKIN,) how much each vertex moves with the jaw; 1 at the middle of the lower lip."""
        moved = np.linalg.norm(head.expressions["jawOpen"], axis=1)
        return np.asarray(moved / moved[head.landmarks[66]])


def _smoothed(row: F64) -> F64:
    """(11, 3) each the mean of itself and its neighbours; the corners stay."""
    inner = (row[:-2] + 2 * row[1:-1] + row[2:]) / 4
    return np.vstack([row[:1], inner, row[-1:]])


def _interpolated(points: F64, values: F64, at: F64) -> F64:
    """Values (N, 3) at ``points`` carried to ``at`` by |r| and an affine part."""
    n = len(points)
    affine = np.c_[np.ones(n), points]
    kernel = np.linalg.norm(points[:, None] - points[None], axis=2) + _STIFFNESS * np.eye(n)
    system = np.block([[kernel, affine], [affine.T, np.zeros((4, 4))]])
    solution = np.linalg.solve(system, np.vstack([values, np.zeros((4, 3))]))
    away = np.linalg.norm(at[:, None] - points[None], axis=2)
    return np.asarray(away @ solution[:n] + np.c_[np.ones(len(at)), at] @ solution[n:])


def _neighbours(laid: F64, template: F64, jaw_share: F64) -> tuple[NDArray[np.intp], F64, F64]:
    """(468, 5) nearest vertices, their shares, and the distance of the nearest; lips only from their own side."""
    away = np.linalg.norm((template[:, None] - laid[None]) * [1, 1, _DEPTH_WEIGHT], axis=2)
    corners = template[[61, 291]]
    mouth = (np.abs(laid[:, 0]) < abs(corners[0, 0]) + 1.5) & (np.abs(laid[:, 1] - corners[:, 1].mean()) < 15)
    away[np.ix_(sorted(UPPER_LIP), np.flatnonzero(mouth & (jaw_share > 0.5)))] = np.inf
    away[np.ix_(sorted(LOWER_LIP), np.flatnonzero(mouth & (jaw_share < 0.5)))] = np.inf
    ids = np.argsort(away, axis=1)[:, :_NEIGHBOURS]
    near = np.take_along_axis(away, ids, 1)
    shares = 1 / (near + _NEAR_MM) ** 2
    return ids, shares / shares.sum(1, keepdims=True), near[:, 0]

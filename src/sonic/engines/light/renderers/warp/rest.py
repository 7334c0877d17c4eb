"""The face at rest behind a smile or an open mouth: a regression learnt from photos of people who show both."""

import io
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sonic.faces import topology
from sonic.faces.geometry import smoothstep
from sonic.faces.model import FaceModel
from sonic.faces.topology import N_SURFACE
from sonic.motion import shape_column
from sonic.types import F64
from sonic.weights import read

_FARTHEST = 2.5
"""Standard deviations of each mode that are believed: beyond, a face is none that was learnt from."""
_OPEN_MM = (2.2, 4.5)
"""Gap of the lips from which a mouth is led to rest, and from which all the way."""
_TURNED_DEG = (18.0, 35.0)
"""Yaw up to which landmarks are trusted with a regression, and beyond which not at all."""
_EYES_MM = (6.0, 34.0)
"""Down from the origin between the eyes: they stay as they are, the lower face moves fully."""
_FLANKS_MM = (40.0, 66.0)
"""To either side, over which the way fades out: landmarks of flanks run along the silhouette."""
_LEAST_AREA = 0.3
"""To which no triangle of the skin is compressed further."""
_SMILING = (0.1, 0.3)
"""Weight of mouthSmile below which landmarks do not tell a smile from a face, and from which it is one."""
_CORNERS = [topology.MOUTH_LEFT, topology.MOUTH_RIGHT]
_SEEN_MM2 = 10.0
"""Twice the area of the smallest triangle that this counts for: others are seen from the side, or lie in a corner of
the mouth."""


@dataclass(frozen=True, slots=True)
class RestModel:
    """Linear in principal components of a face."""

    mean: F64
    """(468, 3) mm"""
    modes: F64
    """(K, 1404) with unit variance."""
    way: F64
    """(1 + K, 1404) mm: displacement to rest of the mean face, and per unit of each mode."""

    def __call__(self, face_mm: F64) -> F64:
        """(468, 3) canonical mm -> (468, 3) mm, what leads to this person's neutral face."""
        seen = np.clip(self.modes @ (face_mm - self.mean).ravel(), -_FARTHEST, _FARTHEST)
        return np.asarray((np.r_[1, seen] @ self.way).reshape(N_SURFACE, 3))


@cache
def rest_model() -> RestModel:
    """The shipped one. Raises InstallError if its file is missing or damaged."""
    with np.load(io.BytesIO(read("rest")), allow_pickle=False) as arrays:
        return RestModel(*(arrays[name].astype(np.float64) for name in ("mean", "modes", "way")))


@dataclass(frozen=True, slots=True)
class Rest:
    """How one portrait's mouth comes to rest."""

    way_mm: F64
    """(468, 3) to add to the photo's face; zeros where its lips are closed: that face is its own rest."""
    left_mm: F64
    """(468, 3) what would still lead from there to a neutral face: the rest of a smile with closed lips."""
    smiling: float
    """0 .. 1: the weight of mouthSmile that is left in it."""


def find_rest(face_mm: F64, yaw_deg: float, model: FaceModel) -> Rest:
    """The rest of a face given as (468, 3) canonical mm; turned heads are believed less."""
    gap = float(np.linalg.norm(face_mm[topology.LIP_TOP] - face_mm[topology.LIP_BOTTOM]))
    reach = smoothstep(*_EYES_MM, face_mm[:, 1]) * smoothstep(*_FLANKS_MM[::-1], np.abs(face_mm[:, 0]))
    full = rest_model()(face_mm) * reach[:, None] * smoothstep(*_TURNED_DEG[::-1], abs(yaw_deg))
    full *= _bearable(face_mm, full)
    way = full * smoothstep(*_OPEN_MM, gap)
    smile = model.shapes[[shape_column("mouthSmileLeft"), shape_column("mouthSmileRight")]].sum(0)[_CORNERS, :2]
    left = full - way
    weight = -float((left[_CORNERS, :2] * smile).sum() / (smile**2).sum())
    smiling = float(np.clip(weight, 0, 1) * smoothstep(*_SMILING, weight))
    return Rest(way, left * smoothstep(*_SMILING, weight), smiling)


def _bearable(face_mm: F64, way: F64) -> float:
    """The largest share of ``way`` that leaves every triangle of the skin _LEAST_AREA of its size."""
    from sonic.faces.model import face_triangles

    triangles = face_triangles()
    before = _areas(face_mm, triangles)
    seen = np.abs(before) > _SEEN_MM2
    triangles, before = triangles[seen], before[seen]
    for share in np.arange(1.0, 0.0, -0.1):
        after = _areas(face_mm + share * way, triangles)
        if (after * np.sign(before) >= _LEAST_AREA * np.abs(before)).all():
            return float(share)
    return 0.0


def _areas(points: F64, triangles: NDArray[np.int32]) -> F64:
    """(M,) twice the area as seen from the front, with its sign."""
    a, b, c = (points[triangles[:, k], :2] for k in range(3))
    return np.asarray((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])

"""The portrait's own neutral: its face in canonical millimetres with the lips closed."""

from dataclasses import dataclass

import numpy as np

from sonic.faces import topology
from sonic.faces.geometry import similarity, smoothstep
from sonic.faces.topology import N_SURFACE
from sonic.types import F64

CLOSED_GAP_MM = 2.2
"""Below this gap of the inner lips a mouth counts as closed: landmarks do not tell finer."""

_N_PAIRS = len(topology.UPPER_INNER)


@dataclass(frozen=True, slots=True)
class HeadFit:
    """Where the canonical head (mm, origin at the mean of facemesh.STABLE) lies in the picture."""

    px_per_mm: float
    rotation: F64
    """(3, 3) canonical -> picture axes."""
    origin_px: F64
    """(3,)"""

    @property
    def yaw_deg(self) -> float:
        """How far the head is turned in the photo."""
        return float(np.rad2deg(np.arcsin(np.clip(self.rotation[0, 2], -1, 1))))

    def to_px(self, mm: F64) -> F64:
        """(..., 3) canonical mm -> crop px."""
        return self.px_per_mm * mm @ self.rotation.T + self.origin_px

    def to_mm(self, px: F64) -> F64:
        """(..., 3) crop px -> canonical mm."""
        return (px - self.origin_px) @ self.rotation / self.px_per_mm


def fit_head(points_px: F64, template_mm: F64) -> HeadFit:
    """Similarity that lays the template on the landmarks, by the points that speech does not move."""
    stable = list(topology.STABLE)
    return HeadFit(*similarity(template_mm[stable], points_px[stable]))


@dataclass(frozen=True, slots=True)
class LipField:
    """How the skin follows when the lips part: one millimetre of opening at each of 11 places along the lips."""

    upper: F64
    """(468, 11) upward share of the upper lip; 1 on its inner edge."""
    lower: F64
    """(468, 11) downward share of the lower lip, jaw and chin; 1 on the inner edge."""

    def displacement(self, opening_mm: F64, upper_share: float) -> F64:
        """(468,) downward displacement that adds ``opening_mm`` (11,) between the inner lips."""
        return (1 - upper_share) * (self.lower @ opening_mm) - upper_share * (self.upper @ opening_mm)


def lip_field(points_mm: F64) -> LipField:
    """The field of a face given as (468, 3) canonical mm."""
    upper, lower = list(topology.UPPER_INNER), list(topology.LOWER_INNER)
    x, y = points_mm[:, 0], points_mm[:, 1]
    seam = (points_mm[upper, :2] + points_mm[lower, :2]) / 2
    order = np.argsort(seam[:, 0])
    along = np.stack([np.interp(x, seam[order, 0], row[order], left=0, right=0) for row in np.eye(_N_PAIRS)], 1)
    above = y < np.interp(x, seam[order, 0], seam[order, 1])
    above[upper], above[lower] = True, False
    top, bottom = points_mm[topology.LIP_TOP, 1], points_mm[topology.LIP_BOTTOM, 1]
    nose, chin = points_mm[2, 1], points_mm[topology.CHIN_TIP, 1]
    half = abs(points_mm[topology.MOUTH_RIGHT, 0] - points_mm[topology.MOUTH_LEFT, 0]) / 2
    middle = (points_mm[topology.MOUTH_RIGHT, 0] + points_mm[topology.MOUTH_LEFT, 0]) / 2
    rise = np.clip((top - y) / (top - nose), 0, 1)
    fall = np.clip((y - bottom) / (chin - bottom), 0, 1.2)
    broad = np.exp(-(((x - middle) / (1.5 * half)) ** 2))
    jaw = np.zeros(_N_PAIRS)
    jaw[_N_PAIRS // 2] = 1
    chin_follows = 0.8 * np.minimum(fall, 1) * broad
    field = LipField(
        np.where(above[:, None], along * (1 - smoothstep(0, 1, rise))[:, None], 0),
        np.where(above[:, None], 0, along * (1 - np.minimum(fall, 1))[:, None] + chin_follows[:, None] * jaw),
    )
    field.upper[upper[1:-1]], field.lower[lower[1:-1]] = np.eye(_N_PAIRS)[1:-1], np.eye(_N_PAIRS)[1:-1]
    return field


@dataclass(frozen=True, slots=True)
class Neutral:
    """The face at rest."""

    source_mm: F64
    """(468, 3) as in the photo."""
    points_mm: F64
    """(468, 3) with the lips closed."""
    lips: LipField
    """Of points_mm."""
    source_gap_mm: float
    """Between the inner lips in the photo."""
    anchor_mm: F64
    """(3,) where the lips meet."""
    mouth_width_mm: float


def neutral_face(points_mm: F64, way_mm: F64 | None = None) -> Neutral:
    """The neutral of a face given as (>= 468, 3) canonical mm; a mouth that is closed stays exactly as it is.

    ``way_mm`` (468, 3): what leads an open mouth to rest, before its lips are closed (rest.Rest.way_mm).
    """
    source = points_mm[:N_SURFACE]
    gap = float(np.linalg.norm(source[topology.LIP_TOP] - source[topology.LIP_BOTTOM]))
    closed = source
    if gap >= CLOSED_GAP_MM:
        closed = _with_lips_closed(source if way_mm is None else source + way_mm)
    anchor = (closed[topology.LIP_TOP] + closed[topology.LIP_BOTTOM]) / 2
    width = float(np.linalg.norm(closed[topology.MOUTH_LEFT] - closed[topology.MOUTH_RIGHT]))
    return Neutral(source, closed, lip_field(closed), gap, anchor, width)


def _with_lips_closed(source: F64) -> F64:
    """Close the lips: the jaw comes up by three quarters of the opening, the upper lip down by the rest."""
    upper, lower = list(topology.UPPER_INNER[1:-1]), list(topology.LOWER_INNER[1:-1])
    opening = np.zeros(_N_PAIRS)
    opening[1:-1] = np.maximum(source[lower, 1] - source[upper, 1], 0)
    closed = source.copy()
    closed[:, 1] += lip_field(source).displacement(-opening, 0.25)
    middle = (closed[upper] + closed[lower]) / 2
    closed[upper], closed[lower] = middle, middle
    return closed

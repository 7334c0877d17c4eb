"""Motion numbers -> the face in canonical millimetres."""

from dataclasses import dataclass

import numpy as np

from sonic.engines.light.renderers.warp.neutral import Neutral
from sonic.engines.light.renderers.warp.opening import LidPath
from sonic.faces import topology
from sonic.faces.geometry import smoothstep
from sonic.faces.topology import N_SURFACE
from sonic.motion import shape_column
from sonic.types import F32, F64

_UPPER, _LOWER = list(topology.UPPER_INNER), list(topology.LOWER_INNER)
_CENTRE = len(_UPPER) // 2
_INSIDE = [shape_column(name) for name in ("mouthRollLower", "tongueUp", "tongueOut")]
_UPPER_SHARE = 0.3
"""Of an opening that the shape does not explain: how much the upper lip rises; the jaw takes the rest."""
_WIDEST_MM, _MOST_WEIGHT = 40.0, 1.5
"""What no face exceeds: beyond, motion is cut off rather than drawn."""


@dataclass(frozen=True, slots=True)
class Pose:
    """One frame of the face itself, before the head moves."""

    points_mm: F64
    """(468, 3)"""
    gap_mm: float
    jaw_mm: F64
    """(2,) how far the chin has moved: right, down."""
    tuck: float
    """0 .. 1: how far the lower lip lies under the upper teeth, which then stand on it."""
    tongue: tuple[float, float]
    """0 .. 1 each: its tip on the upper teeth, and between the teeth."""
    narrowed_mm: tuple[float, float]
    """How far the skin below the (image-left, image-right) eye has pushed its lower lid up."""


class Deformer:
    """Deforms one portrait's neutral; all tables are made once."""

    def __init__(self, neutral: Neutral, shapes_mm: F64, template_mm: F64, lids: list[LidPath]) -> None:
        self._neutral, self._lids = neutral, lids
        width = float(np.linalg.norm(template_mm[topology.MOUTH_LEFT] - template_mm[topology.MOUTH_RIGHT]))
        scale = np.array([np.clip(neutral.mouth_width_mm / width, 0.7, 1.3), 1.0, 1.0])
        self._shapes = (shapes_mm * scale).reshape(len(shapes_mm), -1)
        x = neutral.points_mm[_UPPER, 0]
        t = np.clip(np.abs((x - x[_CENTRE]) / np.where(x < x[_CENTRE], x[_CENTRE] - x[0], x[-1] - x[_CENTRE])), 0, 1)
        self._profile = 1 - t**2.2
        self._smile = _SmileGuard(neutral, template_mm) if neutral.smile > 0 else None

    def __call__(self, shape: F32, lip_gap: float, lids: F32) -> Pose:
        """The face for one sample of Motion (the fields of the same names)."""
        lip_gap = min(lip_gap, _WIDEST_MM)
        shape = np.clip(shape, -_MOST_WEIGHT, _MOST_WEIGHT)
        d = np.einsum("k,kn->n", shape, self._shapes).reshape(N_SURFACE, 3)
        jaw = d[list(topology.CHIN), :2].mean(0)
        if self._smile:
            self._smile(d)
        self._part_lips(d, lip_gap)
        points = self._neutral.points_mm + d
        narrowed = [
            path.move(points, d, self._neutral.source_mm, opening)
            for path, opening in zip(self._lids, lids.tolist(), strict=True)
        ]
        tuck, up, out = np.clip(shape[_INSIDE], 0, 1).tolist()
        return Pose(points, lip_gap, jaw, tuck, (up, out), (narrowed[0], narrowed[1]))

    def _part_lips(self, d: F64, gap: float) -> None:
        """Correct ``d`` so that the inner lips are ``gap`` apart at their centre, and touch everywhere when it is 0."""
        opening = d[_LOWER, 1] - d[_UPPER, 1]
        trust = float(smoothstep(0.5, 2.0, opening[_CENTRE]))
        own = np.clip(opening / max(opening[_CENTRE], 0.1), 0, 1.3)
        profile = trust * own + (1 - trust) * self._profile
        wanted = gap * profile
        wanted[[0, -1]] = opening[[0, -1]]
        d[:, 1] += self._neutral.lips.displacement(wanted - opening, _UPPER_SHARE)
        touching = (1 - smoothstep(0.0, 2.0, wanted))[1:-1, None] / 2
        upper, lower = _UPPER[1:-1], _LOWER[1:-1]
        difference = (d[lower] - d[upper])[:, ::2] * touching
        d[np.ix_(upper, [0, 2])] += difference
        d[np.ix_(lower, [0, 2])] -= difference


class _SmileGuard:
    """Keeps a mouth that smiles already from stretching further, and its lip from baring the gum."""

    def __init__(self, neutral: Neutral, template_mm: F64) -> None:
        middle = (neutral.points_mm[topology.MOUTH_LEFT] + neutral.points_mm[topology.MOUTH_RIGHT])[0] / 2
        self._side = np.sign(neutral.points_mm[:, 0] - middle)
        self._lower_face = template_mm[:, 1] > 45
        self._keep = 1 - 0.6 * neutral.smile
        lower = set(topology.LOWER_INNER[1:-1]) | set(topology.LOWER_OUTER[1:-1])
        y, x = template_mm[:, 1], np.abs(template_mm[:, 0])
        self._lip = np.array([i for i in np.flatnonzero((y > 60) & (y < 79.5) & (x < 28)) if i not in lower])
        self._strength = neutral.smile * smoothstep(29, 16, x[self._lip])
        self._highest = (neutral.source_mm - neutral.points_mm)[self._lip, 1] - 0.3

    def __call__(self, d: F64) -> None:
        outward = self._lower_face & (self._side * d[:, 0] > 0)
        d[outward, 0] *= self._keep
        d[self._lip, 1] -= np.minimum(d[self._lip, 1] - self._highest, 0) * self._strength

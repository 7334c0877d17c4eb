"""Motion numbers -> the face in canonical millimetres."""

from dataclasses import dataclass

import numpy as np

from sonic.engines.light.renderers.warp.neutral import Neutral
from sonic.engines.light.renderers.warp.opening import LidPath
from sonic.engines.light.renderers.warp.rest import Rest
from sonic.faces import topology
from sonic.faces.geometry import smoothstep
from sonic.faces.model import FaceModel
from sonic.faces.topology import N_SURFACE
from sonic.motion import shape_column
from sonic.types import F32, F64

_UPPER, _LOWER = list(topology.UPPER_INNER), list(topology.LOWER_INNER)
_CENTRE = len(_UPPER) // 2
_SMILE = [shape_column(f"mouthSmile{side}") for side in ("Left", "Right")]
_SPREAD = [shape_column(f"{name}{side}") for name in ("mouthStretch", "mouthDimple") for side in ("Left", "Right")]
"""What a mouth that smiles in the photo already does less."""
_RELAXING = [shape_column(name) for name in ("mouthPucker", "mouthFunnel", "jawOpen")]
_RELAX = np.array([1.0, 1.0, 0.6])
"""A smile with closed lips goes with rounding and with an open jaw, by this share of their weights, and comes back."""
_LIPS = [np.array(rows)[:, 1:-1] for rows in (topology.LIP_ROWS[:4], topology.LIP_ROWS[4:])]
"""(4, 9) each: rows of a lip from its outer to its inner edge, without the corners."""
_THINNING = 0.8
"""Of what would keep the area of lips that are pulled wider."""
_ROLLS = {"mouthRollUpper": (0, topology.LIP_TOP), "mouthRollLower": (17, topology.LIP_BOTTOM)}
"""Shape -> middle of the lip's outer and inner edge."""
_INSIDE = [shape_column(name) for name in ("mouthRollLower", "tongueUp", "tongueOut")]
_OWN_OUTLINE = 0.6
"""How much of an opening's outline is that of its shapes; the rest is a lens, which rounds the corners."""
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
    narrowed_mm: tuple[float, ...]
    """How far the skin below the (image-left, image-right) eye has pushed its lower lid up."""


class Deformer:
    """Deforms one portrait's neutral; all tables are made once."""

    def __init__(self, neutral: Neutral, rest: Rest, model: FaceModel, lids: list[LidPath]) -> None:
        self._neutral, self._lids, self._rest = neutral, lids, rest
        self._shapes = _fitted(model, neutral).reshape(len(model.shapes), -1)
        self._profile = _profile(neutral.points_mm)

    def __call__(self, shape: F32, lip_gap: float, lids: F32) -> Pose:
        """The face for one sample of Motion (the fields of the same names)."""
        lip_gap = min(lip_gap, _WIDEST_MM)
        shape = np.clip(shape, -_MOST_WEIGHT, _MOST_WEIGHT).astype(np.float64)
        tuck, up, out = np.clip(shape[_INSIDE], 0, 1).tolist()
        relaxed = float(np.clip(shape[_RELAXING] @ _RELAX, 0, 1))
        if self._rest.smiling:
            shape[_SMILE] -= np.clip(shape[_SMILE], 0, self._rest.smiling * (1 - relaxed))
            shape[_SPREAD] *= 1 - self._rest.smiling * (1 - relaxed)
        d = np.einsum("k,kn->n", shape, self._shapes).reshape(N_SURFACE, 3) + relaxed * self._rest.left_mm
        jaw = d[list(topology.CHIN), :2].mean(0)
        self._keep_volume(d)
        self._part_lips(d, lip_gap)
        points = self._neutral.points_mm + d
        narrowed = [
            path.move(points, d, self._neutral.source_mm, opening)
            for path, opening in zip(self._lids, lids.tolist(), strict=True)
        ]
        return Pose(points, lip_gap, jaw, tuck, (up, out), tuple(narrowed))

    def _keep_volume(self, d: F64) -> None:
        """Lips that are pulled wider get thinner: correct ``d`` so that their rows lie closer to the inner edge."""
        corners = [topology.MOUTH_LEFT, topology.MOUTH_RIGHT]
        before, now = (float(np.ptp(x[corners, 0])) for x in (self._neutral.points_mm, self._neutral.points_mm + d))
        if now <= before:
            return
        thinner = _THINNING * (1 - before / now)
        for rows in _LIPS:
            y = self._neutral.points_mm[rows, 1] + d[rows, 1]
            d[rows[:-1], 1] += thinner * (y[-1] - y[:-1])

    def _part_lips(self, d: F64, gap: float) -> None:
        """Correct ``d`` so that the inner lips are ``gap`` apart at their centre, and touch everywhere when it is 0."""
        opening = d[_LOWER, 1] - d[_UPPER, 1]
        trust = _OWN_OUTLINE * float(smoothstep(0.5, 2.0, opening[_CENTRE]))
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


def _profile(points: F64) -> F64:
    """(11,) a lens: 1 in the middle of the lips, 0 at their corners."""
    x = points[_UPPER, 0]
    t = np.abs((x - x[_CENTRE]) / np.where(x < x[_CENTRE], x[_CENTRE] - x[0], x[-1] - x[_CENTRE]))
    return np.asarray(1 - np.clip(t, 0, 1) ** 2.2)


def _fitted(model: FaceModel, neutral: Neutral) -> F64:
    """The shapes at the size of this mouth: as wide as it is, and lips roll in by what there is of them.

    The upper lip stays where it is when the jaw sinks: in filmed people it rises by a quarter of the lips' gap.
    """
    own, mean = neutral.points_mm, model.template.astype(np.float64)
    width = neutral.mouth_width_mm / np.linalg.norm(mean[topology.MOUTH_LEFT] - mean[topology.MOUTH_RIGHT])
    fitted = model.shapes.astype(np.float64) * np.array([np.clip(width, 0.7, 1.3), 1.0, 1.0])
    for name, (outer, inner) in _ROLLS.items():
        height = (own[inner, 1] - own[outer, 1]) / (mean[inner, 1] - mean[outer, 1])
        fitted[shape_column(name), :, 1] *= np.clip(height, 0.2, 1.2)
    jaw = fitted[shape_column("jawOpen")]
    jaw[:, 1] -= neutral.lips.upper @ (jaw[topology.LIP_TOP, 1] * _profile(own))
    return np.asarray(fitted)

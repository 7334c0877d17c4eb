"""Does the person wear glasses? Lids that pull the skin along would bend their rims, and rims are no skin."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sonic.engines.light.renderers.warp.fill import fill_outwards
from sonic.engines.light.renderers.warp.seam import darkest_path, lightness
from sonic.faces import topology
from sonic.types import F32, F64, U8

_CONTRAST = 20.0
"""In L*: a bridge shows 40 and more; wrinkles and light on a bare nose reach 12 on the pictures this was tried on."""
_TOP_MM, _BOTTOM_MM = -12.0, 14.0
_JUMP_COST = 4.0
_SKIN_FROM_MM, _SKIN_TO_MM = 0.7, 5.0
_EDGE_MM, _SHADOW_MM, _WHITE_MM = 0.9, 2.4, 1.8
"""How far the lid covers its own edge, lashes and shadow, and the white of the eye."""
_RIM_MM, _RIM_FROM_MM = 1.2, 2.5
"""How far it keeps from a rim, and where rims lie."""
_ENOUGH_SKIN, _HALF = 0.12, 0.55


_LENS_MM, _LENS_MOVES = 24.0, 0.25
"""Around each eye lie rims, which no expression bends: the skin there moves this share of what it would."""


@dataclass(frozen=True, slots=True)
class LidSkin:
    """What a closed lid is made of."""

    rgb: F32
    """(h, w, 3)"""
    known: F64
    """(h, w) 0 .. 1: what is surely skin."""
    covered: U8
    """(h, w) 0 or 1."""
    closes: float = 1.0
    """How far the lid may close."""
    wing: bool = False
    """Whether lashes or make-up go on beyond the outer corner."""


def wears_glasses(points_px: F64, rgb: U8, px_per_mm: float) -> bool:
    """Whether a line darker than the skin crosses the root of the nose from eye to eye."""
    import cv2

    inner = points_px[[topology.LEFT_EYE.corners[1], topology.RIGHT_EYE.corners[1]], :2]
    span = float(np.linalg.norm(inner[1] - inner[0]))
    if span < 4:
        return False
    along = (inner[1] - inner[0]) / span
    across = np.array([-along[1], along[0]])
    x = np.linspace(-0.3, 0.3, 25) * span
    offsets = np.arange(_TOP_MM, _BOTTOM_MM, 0.4)
    middle = points_px[list(topology.NOSE_ROOT), :2].mean(0)
    places = middle + x[:, None, None] * along + (offsets * px_per_mm)[:, None] * across
    light = lightness(rgb, places, px_per_mm)
    detail = light - cv2.GaussianBlur(light, (0, 0), sigmaX=8, sigmaY=0.01)
    line = detail[np.arange(len(x)), darkest_path(detail, offsets, _JUMP_COST)]
    return float(np.percentile(-line, 20)) > _CONTRAST


def behind_lenses(template_mm: F64) -> F64:
    """(468, 1) how much of its expression each point of a face with glasses shows."""
    centres = [template_mm[list(eye.corners), :2].mean(0) for eye in topology.EYES]
    away = np.min([np.linalg.norm(template_mm[:, :2] - centre, axis=1) for centre in centres], axis=0)
    return np.asarray(1 - (1 - _LENS_MOVES) * np.exp(-((away / _LENS_MM) ** 6)))[:, None]


def lid_behind_glasses(patch: U8, away_mm: F64, deep_mm: F64, px_per_mm: float) -> LidSkin:
    """Smooth skin for an eye in ``patch`` (h, w, 3), in the colour between eye and rim, without rims and glare.

    ``away_mm``, ``deep_mm`` (h, w): distance to the opening of the eye from outside and from inside.
    """
    import cv2

    near = (away_mm > _SKIN_FROM_MM) & (away_mm < _SKIN_TO_MM)
    lab = cv2.cvtColor(patch, cv2.COLOR_RGB2LAB).astype(np.float32)
    base = np.median(lab[_skin_like(lab, near)], 0)
    difference = np.abs(lab - base) / [22.0, 9.0, 11.0]
    known = np.exp(-((difference**2).sum(-1) ** 2)) * near
    rgb = cv2.cvtColor(base.round().astype(np.uint8)[None, None], cv2.COLOR_LAB2RGB)[0, 0].astype(np.float32)
    # the median leads, the pixels nearby vary it
    share = np.maximum(known, 0.004).astype(np.float32)
    mixed = rgb + (patch.astype(np.float32) - rgb) * (known / share)[..., None].astype(np.float32)
    filled = cv2.GaussianBlur(fill_outwards(mixed, share), (0, 0), 1.2 * px_per_mm)
    unlike = difference.max(-1) > 1.3
    colourful, usual = _chroma(lab), float(np.hypot(base[1] - 128, base[2] - 128))
    far = parts_touching(unlike & (colourful <= 0.6 * usual) & (away_mm > _EDGE_MM), away_mm > _RIM_FROM_MM)
    from_rim_mm = cv2.distanceTransform(1 - far.astype(np.uint8), cv2.DIST_L2, 5) / px_per_mm
    # shadow above it, and what the landmarks leave of the white of the eye
    reach_mm = np.where(lab[..., 0] < base[0], _SHADOW_MM, _WHITE_MM)
    shadow = parts_touching(unlike & (away_mm < reach_mm), away_mm <= 0)
    covered = (deep_mm > 0.5) | (((away_mm < _EDGE_MM) | shadow) & (from_rim_mm > _RIM_MM))
    enough = float(known.sum()) > _ENOUGH_SKIN * max(int(near.sum()), 1)
    return LidSkin(filled.astype(np.float32), known, covered.astype(np.uint8), 1.0 if enough else _HALF)


def _skin_like(lab: F32, near: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(h, w) pixels of these that are neither dark as rims nor pale as glare; all of them if none is."""
    if not near.any():
        return np.ones(near.shape, np.bool_)
    light, colourful = lab[..., 0], _chroma(lab)
    bright = float(np.percentile(light[near], 75))
    kept = near & (light > 0.75 * bright) & (light < min(bright + 30, 235.0))
    if kept.any():
        kept &= colourful >= 0.5 * np.percentile(colourful[kept], 70)
    return kept if kept.any() else near


def _chroma(lab: F32) -> F32:
    return np.asarray(np.hypot(lab[..., 1] - 128, lab[..., 2] - 128), np.float32)


def parts_touching(marked: NDArray[np.bool_], there: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(h, w) the connected parts of ``marked`` that reach some place of ``there``."""
    import cv2

    _, parts = cv2.connectedComponents(marked.astype(np.uint8))
    return np.asarray(np.isin(parts, np.unique(parts[there & marked])) & marked)

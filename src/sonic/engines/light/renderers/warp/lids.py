"""The closed lid that an open eye hides: skin of its surroundings, continued over the eye."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sonic.engines.light.renderers.warp.fill import fill_outwards
from sonic.engines.light.renderers.warp.glasses import LidSkin, lid_behind_glasses, parts_touching
from sonic.faces.geometry import smoothstep
from sonic.types import F32, F64, U8

_ZONE_MM, _WING_MM2 = 3.4, 3.0
"""How far beyond the lid edges lashes, make-up and drawn outlines may reach, and how much further out is a wing."""
_EDGE_MM = 0.8
_SKIN_FROM_MM, _SKIN_TO_MM = 2.5, 6.5
_FROM_BELOW = 0.15
"""How much the skin below an eye has to say about the colour of its lid."""
_DARKEST = 0.78
"""Of the lightness (L*) around the eye: a lid's own."""


@dataclass(frozen=True, slots=True)
class ClosedLid:
    """What lies over a shut eye, without the line of the lashes."""

    rgb: U8
    """(h, w, 3) of the eye's patch."""
    cover: U8
    """(h, w) 0 .. 255: where it replaces the open eye."""
    closes: float = 1.0
    """How far it may close: less than 1 where too little of the skin around the eye is seen to know its colour."""
    wing: bool = False
    """Whether lashes or make-up go on beyond the outer corner."""


def closed_lid(patch: U8, upper: F64, lower: F64, px_per_mm: float, *, glasses: bool) -> ClosedLid:
    """The lid for an eye in ``patch`` (h, w, 3); ``upper``, ``lower`` (9, 2): its lid edges in px of the patch."""
    import cv2

    inside = np.zeros(patch.shape[:2], np.uint8)
    contour = np.vstack([upper, lower[::-1][1:-1]])
    cv2.fillPoly(inside, [np.round(contour * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    away_mm = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5) / px_per_mm
    deep_mm = cv2.distanceTransform(inside, cv2.DIST_L2, 5) / px_per_mm
    lid = (
        lid_behind_glasses(patch, away_mm, deep_mm, _below(lower, patch.shape), px_per_mm)
        if glasses
        else _bare_lid(patch, upper, lower, away_mm, px_per_mm)
    )
    filled = cv2.GaussianBlur(lid.rgb, (0, 0), max(0.5, 0.5 * px_per_mm))
    shading = _shading(patch.shape, upper, lower, crease=not glasses)
    skin = filled * shading[..., None] + _grain(patch, lid.known)
    soft = cv2.GaussianBlur(lid.covered.astype(np.float32), (0, 0), max(0.6, (0.7 if glasses else 1.0) * px_per_mm))
    soft = np.asarray(soft * lid.free, np.float32)
    rgb, cover = np.clip(skin, 0, 255).astype(np.uint8), np.clip(soft * 255 + 0.5, 0, 255).astype(np.uint8)
    return ClosedLid(rgb, cover, lid.closes, lid.wing)


def _bare_lid(patch: U8, upper: F64, lower: F64, away_mm: F64, px_per_mm: float) -> LidSkin:
    """The lid of an eye without glasses: lashes and make-up give way to the skin beyond."""
    import cv2

    ring = (away_mm > _SKIN_FROM_MM) & (away_mm < _SKIN_TO_MM)
    unlike, light = _unlike_skin(patch, ring), patch.mean(-1)
    dark = light < np.median(light[ring] if ring.any() else 0)
    within_mm = _within_mm(patch.shape, upper, px_per_mm)
    reaching = parts_touching(((unlike > 1.5) & dark & (away_mm < _ZONE_MM + 1)) | (away_mm <= 0), away_mm <= 0)
    wing = float((reaching & (away_mm > _ZONE_MM) & (within_mm < -1.5)).sum()) > _WING_MM2 * px_per_mm**2
    # what reaches far beyond the outer corner stays whole, and the closed lids' line goes on into it
    taper = smoothstep(-1.5, 2.5, within_mm) if wing else 1.0
    zone = _ZONE_MM * np.where(dark, taper, 1.0)
    # lower lashes stay where they are when an eye closes; the white of a drawn eye does not
    lashes = _below(lower, patch.shape) & dark
    edge = np.minimum(zone, np.where(lashes, _EDGE_MM / 2, _EDGE_MM))
    marked = ((unlike > 1) & (away_mm < zone) & ~lashes) | (away_mm < edge) | (away_mm <= 0)
    own = parts_touching(marked, away_mm <= 0)
    reach = 2 * max(1, round(0.7 * px_per_mm)) + 1
    covered = cv2.dilate(own.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    known = np.exp(-((1.1 * unlike) ** 2)) * (1 - covered)
    # a lid has the colour of the skin above it rather than of the shadows below the eye
    known *= np.where(_below(lower, patch.shape), _FROM_BELOW, 1.0)
    filled = fill_outwards(patch.astype(np.float32), (known + 1e-4 * (away_mm > _ZONE_MM)).astype(np.float32))
    rgb = _no_darker_than_skin(filled, patch[ring]) if ring.any() else filled
    return LidSkin(rgb, known, covered, wing=wing)


def _no_darker_than_skin(filled: F32, skin: U8) -> F32:
    """(h, w, 3): what lashes and the edges of brows leave is neither much darker nor greener than (N, 3) skin."""
    import cv2

    base = np.median(cv2.cvtColor(skin[None], cv2.COLOR_RGB2LAB)[0].astype(np.float32), 0)
    lab = cv2.cvtColor(np.clip(filled, 0, 255).astype(np.uint8), cv2.COLOR_RGB2LAB)
    lab[..., 0] = np.maximum(lab[..., 0], _DARKEST * base[0])
    lab[..., 1] = np.maximum(lab[..., 1], base[1] - 1)
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.float32)


def _within_mm(shape: tuple[int, ...], upper: F64, px_per_mm: float) -> F64:
    """(h, w) how far inwards of the outer corner, along the eye."""
    inwards = upper[-1] - upper[0]
    inwards = inwards / max(float(np.linalg.norm(inwards)), 1.0)
    x, y = np.arange(shape[1]), np.arange(shape[0])[:, None]
    return np.asarray(((x - upper[0, 0]) * inwards[0] + (y - upper[0, 1]) * inwards[1]) / px_per_mm)


def _below(line: F64, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(h, w) which pixels lie below the middle of a line; its ends, where upper lashes point outwards, do not count."""
    order = np.argsort(line[:, 0])
    x, y = np.arange(shape[1]), np.arange(shape[0])[:, None]
    left, right = np.quantile(line[:, 0], [0.15, 0.85])
    return np.asarray((y > np.interp(x, line[order, 0], line[order, 1])) & (x > left) & (x < right))


def _unlike_skin(patch: U8, ring: NDArray[np.bool_]) -> F32:
    """(h, w) colour difference from the skin around the eye; above 1 it is something else."""
    import cv2

    lab = cv2.cvtColor(patch, cv2.COLOR_RGB2LAB).astype(np.float32)
    samples = lab[ring] if ring.any() else lab.reshape(-1, 3)
    skin = np.median(samples, 0)
    difference, spread = _distance(lab - skin), float(np.median(_distance(samples - skin)))
    return np.asarray(difference / np.clip(3.0 * spread, 10.0, 24.0), np.float32)


def _distance(lab: F32) -> F32:
    """Length of (..., 3) colour differences; darker than skin is less likely to be skin than lighter."""
    light = np.where(lab[..., 0] < 0, 1.0, 0.6) * lab[..., 0]
    # redder and warmer is make-up or shadow and belongs to the lid; greener and bluer is the eye
    red = np.where(lab[..., 1] > 0, 0.55, 1.0) * lab[..., 1]
    yellow = np.where(lab[..., 2] > 0, 0.55, 1.0) * lab[..., 2]
    return np.asarray(np.sqrt(light**2 + red**2 + yellow**2), np.float32)


def _shading(shape: tuple[int, ...], upper: F64, lower: F64, *, crease: bool) -> F32:
    """(h, w) light on a lid over a round eye: a crease above or, without one, a bulge; a shadow along the lashes."""
    order_u, order_l = np.argsort(upper[:, 0]), np.argsort(lower[:, 0])
    x, y = np.arange(shape[1]), np.arange(shape[0])[:, None]
    top = np.interp(x, upper[order_u, 0], upper[order_u, 1])
    bottom = np.interp(x, lower[order_l, 0], lower[order_l, 1])
    tallest = float(np.max(bottom - top))
    down = (y - top) / max(tallest, 1.0)
    ends = smoothstep(0.0, 0.35, (bottom - top) / max(tallest, 1.0))
    fold = (
        0.10 * np.exp(-(((down + 0.12) / 0.16) ** 2))
        if crease
        else 0.12 * np.exp(-(((down + 0.02) / 0.14) ** 2)) - 0.08 * np.exp(-(((down - 0.45) / 0.25) ** 2))
    )
    shade = fold + 0.10 * np.exp(-(((y - bottom) / max(tallest, 1.0) / 0.25) ** 2))
    return np.asarray(1 - shade * ends, np.float32)


def _grain(patch: U8, known: F64) -> F32:
    """(h, w, 1) noise as strong as that of the skin beside, so that the lid is no smoother than the picture."""
    import cv2

    light = patch.astype(np.float32).mean(-1)
    rough = light - cv2.GaussianBlur(light, (0, 0), 1.5)
    sure = known > 0.7
    # a low percentile: wrinkles and hair are no grain
    size = min(float(np.percentile(np.abs(rough[sure]), 30)) / 0.385, 4.0) if sure.sum() > 20 else 0.0
    noise = np.random.default_rng(0).standard_normal(light.shape).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.7)[..., None] * np.float32(1.6 * size))

"""Rows of teeth, drawn once for each portrait: no two mouths are alike, and no row is perfectly even."""

from dataclasses import dataclass

import numpy as np

from sonic.engines.light.renderers.warp.native import ToothStrip
from sonic.faces.geometry import smoothstep
from sonic.types import F64

_PER_MM = 6.0
_MARGIN_MM = 1.6
_HEIGHT_MM = 12.0
_HALF_MM = 27.0


@dataclass(frozen=True, slots=True)
class _Tooth:
    """Lengths in mm; the edge is how much further from the lips' line this tooth ends than the front ones."""

    width: float
    height: float
    edge: float
    round: float
    """Of the corner away from the middle."""
    point: float = 0.0
    """How far the middle of the edge stands out."""


# Average crown sizes of adults, middle to side.
_UPPER = (
    _Tooth(8.5, 10.2, 0.0, 1.2), _Tooth(6.5, 8.8, 0.65, 1.4), _Tooth(7.5, 9.8, 0.25, 0.5, 1.1),
    _Tooth(6.9, 8.4, 0.9, 0.6, 0.7), _Tooth(6.7, 8.0, 1.1, 0.5, 0.5),
)  # fmt: skip
_LOWER = (
    _Tooth(5.3, 8.8, 0.0, 0.35), _Tooth(5.8, 9.0, 0.05, 0.45), _Tooth(6.7, 9.8, -0.1, 0.4, 0.8),
    _Tooth(6.9, 8.4, 0.4, 0.5, 0.5), _Tooth(7.0, 8.0, 0.5, 0.4, 0.4),
)  # fmt: skip


def tooth_rows(teeth: F64, gum: F64, rng: np.random.Generator) -> tuple[ToothStrip, ToothStrip]:
    """(upper, lower) rows in these linear colours; ``rng`` gives them their own shapes."""
    return _row(_UPPER, teeth, gum, rng), _row(_LOWER, teeth * np.array([1.0, 0.88, 0.76]), gum, rng)


def _row(kinds: tuple[_Tooth, ...], teeth: F64, gum: F64, rng: np.random.Generator) -> ToothStrip:
    n_s, n_v = int(2 * _HALF_MM * _PER_MM) + 1, int((_HEIGHT_MM + _MARGIN_MM) * _PER_MM) + 1
    s = (np.arange(n_s) / _PER_MM - _HALF_MM)[None]
    v = (np.arange(n_v) / _PER_MM - _MARGIN_MM)[:, None]
    # what shows between and above the teeth: shadow, then gum
    rgb = np.broadcast_to(teeth * 0.66 * np.array([1.0, 0.86, 0.78]), (n_v, n_s, 3)).copy()
    alpha = smoothstep(0.9, 2.6, v) * smoothstep(26, 22, np.abs(s)) * 0.9
    pink = (smoothstep(7.3, 9.0, v) * np.ones_like(s))[..., None]
    rgb, alpha = rgb * (1 - pink) + gum * pink, np.maximum(alpha, pink[..., 0])
    size = 1 + 0.035 * rng.standard_normal()
    middle = 0.35 * rng.standard_normal()
    for side in (-1, 1):
        start = 0.0
        for kind in kinds:
            width = kind.width * size * (1 + 0.035 * rng.standard_normal())
            around = _Place(middle + side * (start + width / 2), width, side)
            start += width
            cover, light, warmth = _tooth(kind, around, s, v, rng)
            colour = teeth * (1 - warmth[..., None] * np.array([0.0, 0.06, 0.20])) * light[..., None]
            shown = cover[..., None]
            rgb, alpha = rgb * (1 - shown) + colour * shown, alpha * (1 - cover) + cover
    rgba = np.dstack([rgb * alpha[..., None], alpha]).astype(np.float32)
    return ToothStrip(np.ascontiguousarray(rgba), _PER_MM, _MARGIN_MM)


@dataclass(frozen=True, slots=True)
class _Place:
    centre: float
    width: float
    side: int


def _tooth(kind: _Tooth, place: _Place, s: F64, v: F64, rng: np.random.Generator) -> tuple[F64, F64, F64]:
    """(cover, light, warmth) of one tooth over the strip."""
    lean = 0.020 * rng.standard_normal()
    edge = kind.edge + 0.14 * rng.standard_normal()
    height = kind.height * (1 + 0.04 * rng.standard_normal())
    shade = 1 + 0.035 * rng.standard_normal()
    outward = place.side * (s - place.centre + lean * v) / (place.width / 2)
    away = np.abs(outward)
    end = edge + kind.round * np.clip((outward - 0.45) / 0.55, 0, None) ** 2 + kind.point * away
    end = end + 0.45 * np.clip((-outward - 0.65) / 0.35, 0, None) ** 2
    root = height + edge - 1.5 * away**2.5
    narrow = away / (1 - 0.09 * np.clip(v / height, 0, 1))
    cover = (
        smoothstep(1.03, 0.95, narrow) * smoothstep(end - 0.20, end + 0.22, v) * smoothstep(root + 0.3, root - 0.3, v)
    )
    rounded = 1 - 0.10 * np.clip(narrow, 0, 1) ** 4 - 0.05 * np.clip(-outward, 0, 1) ** 3
    glassy = 0.92 + 0.08 * smoothstep(0.0, 1.6, v - end)
    body = 1 - 0.16 * smoothstep(0.40 * height, height, v)
    light = shade * rounded * glassy * body
    warmth = 0.25 + 0.75 * smoothstep(0.2 * height, height, v)
    return cover, light, warmth * np.ones_like(light)

"""The opening between two lips in the picture: what of each pixel it covers, and how far pixels are from the lips."""

from dataclasses import dataclass

import numpy as np

from sonic.engines.light.renderers.warp.mask import box_around
from sonic.engines.light.renderers.warp.mesh import Box
from sonic.types import F32, F64


@dataclass(frozen=True, slots=True)
class Between:
    """Pixels around an opening; all follow the lips by fractions of a pixel, or their edges would tremble."""

    box: Box
    alpha: F32
    """(h, w) 0 .. 1, softened."""
    inside_mm: F32
    """(h, w) distance to the lips' edge, negative outside."""
    below_mm: F32
    """(h, w) distance below the upper lip's edge."""
    open_mm: F64
    """(w,) between the lips in each column."""
    left: float
    right: float
    """Corners of the opening, px of the picture."""

    @property
    def columns(self) -> F64:
        """(w,) px of the picture."""
        return np.arange(self.box.left, self.box.right, dtype=np.float64)


def between(
    upper: F64, lower: F64, shape: tuple[int, ...], *, px_per_mm: float, pad_px: float, soft_px: float
) -> Between | None:
    """The opening between the curves (N, 2) px of the lips' edges, and ``pad_px`` around it.

    None if none of it lies within a picture of ``shape``.
    """
    import cv2

    both = np.vstack([upper, lower])
    if (box := box_around(both, shape, pad_px)) is None:
        return None
    x, y = np.arange(box.left, box.right, dtype=np.float64), np.arange(box.top, box.bottom, dtype=np.float32)[:, None]
    (up, up_across), (down, down_across) = _edge(upper, x), _edge(lower, x)
    below = y - up.astype(np.float32)
    above = down.astype(np.float32) - y
    from_upper, from_lower = below * up_across, above * down_across
    cover = np.clip(from_upper + 0.5, 0, 1) + np.clip(from_lower + 0.5, 0, 1) - 1
    alpha = cv2.GaussianBlur(np.maximum(cover, 0), (0, 0), soft_px)
    first, last = float(both[:, 0].min()), float(both[:, 0].max())
    beside = np.maximum(np.maximum(first - x, x - last), 0).astype(np.float32)
    inside = np.minimum(from_upper, from_lower)
    inside = np.where(beside > 0, -np.hypot(beside, inside), inside)
    gap = np.where((x > first) & (x < last), np.maximum(down - up, 0), 0)
    return Between(
        box, alpha, inside / np.float32(px_per_mm), below / np.float32(px_per_mm),
        gap / px_per_mm, first, last,
    )  # fmt: skip


def _edge(curve: F64, x: F64) -> tuple[F64, F32]:
    """((w,) height of a lip's edge in each column, (w,) how much of a vertical distance from it lies across it)."""
    order = np.argsort(curve[:, 0])
    y = np.interp(x, curve[order, 0], curve[order, 1])
    return y, (1 / np.hypot(1, np.gradient(y))).astype(np.float32)

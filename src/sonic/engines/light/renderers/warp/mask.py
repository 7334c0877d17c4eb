"""Anti-aliased masks of polygons."""

from dataclasses import dataclass

import numpy as np

from sonic.engines.light.renderers.warp.mesh import Box
from sonic.types import F32, F64, U8


@dataclass(frozen=True, slots=True)
class Cut:
    """A mask and where it lies."""

    box: Box
    mask: U8
    """(h, w) 0 .. 255, hard up to its anti-aliased edge."""
    alpha: F32
    """(h, w) 0 .. 1, softened."""


def box_around(points: F64, shape: tuple[int, ...], pad_px: float) -> Box | None:
    """The pixels of a picture of ``shape`` that lie ``pad_px`` around (N, 2) px; None if next to none are left."""
    height, width = shape[:2]
    low, high = np.floor(points.min(0) - pad_px), np.ceil(points.max(0) + pad_px) + 1
    left, top = (int(v) for v in np.clip(low, 0, [width, height]))
    right, bottom = (int(v) for v in np.clip(high, 0, [width, height]))
    return Box(left, top, right, bottom) if min(right - left, bottom - top) >= 3 else None


def polygon_mask(polygon: F64, shape: tuple[int, ...], *, pad_px: float, soft_px: float) -> Cut | None:
    """The polygon (N, 2) px and ``pad_px`` around it, within a picture of ``shape``; None if none of it is left."""
    import cv2

    if (box := box_around(polygon, shape, pad_px)) is None:
        return None
    mask = np.zeros(box.size[::-1], np.uint8)
    cv2.fillPoly(mask, [np.round((polygon - [box.left, box.top]) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    alpha = mask.astype(np.float32) / np.float32(255)
    if soft_px > 0.3:
        alpha = cv2.GaussianBlur(alpha, (0, 0), soft_px)
    return Cut(box, mask, alpha)

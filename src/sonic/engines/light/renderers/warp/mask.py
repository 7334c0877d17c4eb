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


def polygon_mask(polygon: F64, shape: tuple[int, ...], *, pad_px: float, soft_px: float) -> Cut | None:
    """The polygon (N, 2) px and ``pad_px`` around it, within a picture of ``shape``; None if none of it is left."""
    import cv2

    height, width = shape[:2]
    low, high = np.floor(polygon.min(0) - pad_px), np.ceil(polygon.max(0) + pad_px) + 1
    left, top = (int(v) for v in np.clip(low, 0, [width, height]))
    right, bottom = (int(v) for v in np.clip(high, 0, [width, height]))
    if right - left < 3 or bottom - top < 3:
        return None
    mask = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillPoly(mask, [np.round((polygon - [left, top]) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    alpha = mask.astype(np.float32) / np.float32(255)
    if soft_px > 0.3:
        alpha = cv2.GaussianBlur(alpha, (0, 0), soft_px)
    return Cut(Box(left, top, right, bottom), mask, alpha)

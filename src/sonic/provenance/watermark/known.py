"""Is the watermark of a known video in these whole pictures? No search: size, place and payload are given.

What ``detect`` may miss in small or smooth pictures is still certain here, and costs some milliseconds.
"""

import math
from collections.abc import Iterable

import numpy as np

from sonic.provenance.watermark.code import encode, names_id
from sonic.provenance.watermark.pattern import SIDE, cell_px
from sonic.provenance.watermark.reading import luma, residual
from sonic.provenance.watermark.search import chips_at
from sonic.types import U8

CERTAIN = 6.0
"""Deviations from which it is there: chance gives as much once in a thousand million videos."""


def presence(frames: Iterable[U8], content_id: int) -> float:
    """How far these frames (h, w, 3), uncropped and unscaled, lean towards this id, in standard deviations.

    0 where there is no frame; another id, or none, gives a normal deviate. From CERTAIN on it is there. Frames of
    another size than those before begin a new sum.
    """
    total, n, zoom = np.zeros((0, 0), np.float32), 0, 1.0
    for rgb in frames:
        one = luma(rgb)
        total, n = (total + one, n + 1) if total.shape == one.shape else (one, 1)
        height, width = rgb.shape[:2]
        zoom = cell_px((width, height)) * SIDE / min(height, width)
    if not n:
        return 0.0
    own = names_id()
    soft = chips_at(residual(total / np.float32(n)), zoom)[own]
    return float(soft @ encode(content_id)[own]) / max(math.sqrt(float(soft @ soft)), 1e-30)

"""Brows in millimetres, as a tracker sees them, and as weights of expression shapes."""

import numpy as np

from sonic.motion.data import Floats, f32
from sonic.motion.shapes import BROW_SHAPES, BROWS
from sonic.types import F32

_SEEN = 0.6
"""A tracker sees 0.6 of how far the mesh lifts a brow (medians of six portraits, 1.5 to 4.5 mm)."""
_INNER_MM, _OUTER_MM, _DOWN_MM = 3.4, 6.2, 2.7
"""How far a brow moves on the mean at full weight of browInnerUp, browOuterUp and browDown."""
_INNER_SHARE = 0.5
"""Of a raise of both brows that is browInnerUp."""
_NAMES = ("browInnerUp", "browOuterUpRight", "browOuterUpLeft", "browDownRight", "browDownLeft")
_INNER, *_SIDES = (BROW_SHAPES.index(name) for name in _NAMES)
_UP, _DOWN = _SIDES[:2], _SIDES[2:]


def brow_raise(shape: F32) -> F32:
    """(T, N_SHAPE) weights -> (T, 2) mm that the (image-left, image-right) brow is seen raised; negative is a frown."""
    weights = shape[:, BROWS]
    return f32(_SEEN * (_INNER_MM * weights[:, [_INNER]] + _OUTER_MM * weights[:, _UP] - _DOWN_MM * weights[:, _DOWN]))


def brow_weights(raise_mm: Floats) -> F32:
    """(T, 2) mm of brow_raise -> (T, 7) weights of BROW_SHAPES that show it."""
    up, down = np.maximum(raise_mm, 0) / _SEEN, np.maximum(-raise_mm, 0) / _SEEN
    inner = _INNER_SHARE * up.min(1)
    weights = np.zeros((len(raise_mm), len(BROW_SHAPES)))
    weights[:, _INNER] = inner / _INNER_MM
    weights[:, _UP] = (up - inner[:, None]) / _OUTER_MM
    weights[:, _DOWN] = down / _DOWN_MM
    return f32(weights)

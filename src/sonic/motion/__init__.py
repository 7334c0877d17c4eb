"""Motion and its algebra: every function is pure and returns a new Motion."""

from sonic.motion.alignment import align_lips
from sonic.motion.brows import brow_raise, brow_weights
from sonic.motion.data import Motion, join, part
from sonic.motion.gains import lid_follow, limit, scale_mouth, scale_rest, soft_limit
from sonic.motion.shapes import BROWS, MIRRORED, MOUTH, N_SHAPE, SHAPES, shape_column
from sonic.motion.smoothing import close_in_silence, smooth, start_at_rest
from sonic.motion.timing import offset, retime
from sonic.motion.windows import Window, windows
from sonic.signals import Lag, estimate_lag

__all__ = [
    "BROWS",
    "MIRRORED",
    "MOUTH",
    "N_SHAPE",
    "SHAPES",
    "Lag",
    "Motion",
    "Window",
    "align_lips",
    "brow_raise",
    "brow_weights",
    "close_in_silence",
    "estimate_lag",
    "join",
    "lid_follow",
    "limit",
    "offset",
    "part",
    "retime",
    "scale_mouth",
    "scale_rest",
    "shape_column",
    "smooth",
    "soft_limit",
    "start_at_rest",
    "windows",
]

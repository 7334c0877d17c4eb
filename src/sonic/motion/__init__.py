"""Motion and its algebra: every function is pure and returns a new Motion."""

from sonic.motion.alignment import align_lips
from sonic.motion.data import N_SHAPE, Motion, join, part
from sonic.motion.gains import lid_follow, limit, scale_mouth, scale_rest
from sonic.motion.smoothing import close_in_silence, smooth
from sonic.motion.timing import offset, retime
from sonic.motion.windows import Window, windows
from sonic.signals import Lag, estimate_lag

__all__ = [
    "N_SHAPE",
    "Lag",
    "Motion",
    "Window",
    "align_lips",
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
    "smooth",
    "windows",
]

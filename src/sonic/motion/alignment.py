"""Lips on the sound: a constant lag is removed from a motion."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from sonic.motion.data import Motion
from sonic.motion.shapes import BROWS, MOUTH
from sonic.motion.timing import offset
from sonic.signals import Lag, estimate_lag


def align_lips(motion: Motion, reference: ArrayLike) -> tuple[Motion, Lag]:
    """(the motion with its mouth moved onto the (T,) reference at its own fps, the lag that it had).

    Head and eyes stay. A lag that may be chance is reported but not removed.
    """
    lag = estimate_lag(motion.lip_gap, reference, float(motion.fps))
    if not lag.trusted:
        return motion, lag
    moved = offset(motion, -lag.ms / 1000)
    shape = np.hstack([moved.shape[:, MOUTH], motion.shape[:, BROWS]])
    return replace(motion, shape=shape, lip_gap=moved.lip_gap), lag

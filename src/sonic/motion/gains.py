"""How much moves: limits, independent gains with a true zero, and mixtures of two motions."""

from dataclasses import replace

import numpy as np

from sonic.motion.brows import brow_raise
from sonic.motion.data import Floats, Motion, f32
from sonic.motion.shapes import BROWS, MOUTH
from sonic.types import F32


def limit(motion: Motion) -> Motion:
    """Soft limits of what a renderer can show from one photo; values up to 70 % of a limit stay as they are.

    Rotation 12 degrees (length of the vector), shift 0.12 face widths in the picture and 0.08 in depth, 1.4 a weight of
    an expression shape, lip gap 24 mm, gaze 2 mm; lids are cut to 0 .. 1.15.
    """
    return replace(
        motion,
        shape=soft_limit(motion.shape, 1.4),
        lip_gap=soft_limit(motion.lip_gap, 24.0),
        lids=np.clip(motion.lids, np.float32(0), np.float32(1.15)),
        gaze=_soft_length(motion.gaze, 2.0),
        pose_deg=_soft_length(motion.pose_deg, 12.0),
        shift=np.hstack([_soft_length(motion.shift[:, :2], 0.12), soft_limit(motion.shift[:, 2:], 0.08)]),
    )


def scale_mouth(motion: Motion, gain: float) -> Motion:
    """Mouth motion times ``gain``; 0 leaves the lips closed and still."""
    return replace(motion, shape=_scaled(motion.shape, MOUTH, gain), lip_gap=f32(motion.lip_gap * gain))


def scale_rest(motion: Motion, gain: float) -> Motion:
    """Head, gaze and brow motion times ``gain``, and the part of the lids that follows them; blinks stay."""
    gaze, shape = f32(motion.gaze * gain), _scaled(motion.shape, BROWS, gain)
    blink = motion.lids / lid_follow(motion.gaze, brow_raise(motion.shape))
    blink = np.where(np.abs(blink - 1) < 1e-5, np.float32(1), blink)
    return replace(
        motion,
        shape=shape,
        lids=f32(blink * lid_follow(gaze, brow_raise(shape))),
        gaze=gaze,
        pose_deg=f32(motion.pose_deg * gain),
        shift=f32(motion.shift * gain),
    )


def lid_follow(gaze: F32, raise_mm: F32) -> F32:
    """(T, 2) factor on the lids for a gaze (T, 2) and a brow_raise (T, 2).

    The upper lid sinks with a look down and rises with a look up or a raised brow.
    """
    return f32(np.clip(1.0 - 0.07 * gaze[:, 1:] + 0.012 * raise_mm, 0.7, 1.15))


def _scaled(shape: F32, part: slice, gain: float) -> F32:
    """A copy of the weights with one part of them times ``gain``."""
    scaled = shape.copy()
    scaled[:, part] *= np.float32(gain)
    return scaled


def soft_limit(x: Floats, most: float) -> F32:
    """Odd and monotone: identity up to 70 % of ``most``, then bending towards it."""
    size = np.abs(x)
    knee = 0.7 * most
    bent = knee + (most - knee) * np.tanh((size - knee) / (most - knee))
    return f32(np.where(size <= knee, x, np.sign(x) * bent))


def _soft_length(x: F32, most: float) -> F32:
    """soft_limit on the length of each row."""
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return f32(x * (soft_limit(length, most) / np.maximum(length, 1e-9)))

"""Less jitter without blunting bilabials, and lips that close when nobody speaks."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sonic.motion.closures import closure, fall
from sonic.motion.data import Motion, column, f32
from sonic.motion.shapes import BROWS, MOUTH
from sonic.types import F32, F64


def smooth(motion: Motion, strength: float) -> Motion:
    """Less jitter, same timing: a zero-phase Gaussian over mouth, head and brows; 0 is off, 1 is strong.

    Lip closures keep their depth: at a minimum of lip_gap that is low against its neighbourhood the mouth is what it
    was before. Lids and gaze pass unchanged, because blinks and saccades are as quick as frames.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must be between 0 and 1, got {strength:g}")
    if strength == 0 or len(motion) < 2:
        return motion
    fps = float(motion.fps)
    mouth_sigma, head_sigma = 0.055 * strength * fps, 0.06 * strength * fps
    kept = _spread(closure(motion.lip_gap, fps), 0.04 * fps)

    def mouth(x: F32) -> F32:
        y = _gaussian(x, mouth_sigma)
        return f32(y + column(kept, x) * (x - y))

    return replace(
        motion,
        shape=np.hstack([mouth(motion.shape[:, MOUTH]), f32(_gaussian(motion.shape[:, BROWS], head_sigma))]),
        lip_gap=np.maximum(mouth(motion.lip_gap), 0),
        pose_deg=f32(_gaussian(motion.pose_deg, head_sigma)),
        shift=f32(_gaussian(motion.shift, head_sigma)),
    )


SLOW_S, KEPT, CALM_S = 0.32, 0.6, 0.12
"""In silence the mouth's own motion is averaged over a Gaussian of SLOW_S, and the share KEPT of it stays; both come
within CALM_S of a voice. Lips that nothing is heard of drift, they do not speak on (docs/log.md)."""


def close_in_silence(
    motion: Motion, speaking: NDArray[np.bool_], *, close_s: float = 0.16, open_s: float = 0.12
) -> Motion:
    """Closes the lips within ``close_s`` after speech and opens them from ``open_s`` before it; keeps speech as it is.

    ``speaking`` is (T,) at motion.fps, without gaps that a mouth would not close in (below some 0.2 s). The opening
    ahead of speech goes towards the first spoken frame, so a word that starts with p, b or m starts closed; what moves
    farther from speech than CALM_S moves slowly.
    """
    n, fps = len(motion), float(motion.fps)
    if speaking.shape != (n,):
        raise ValueError(f"speaking must have shape ({n},), got {speaking.shape}")
    frames = np.arange(n)
    last = np.maximum.accumulate(np.where(speaking, frames, -(10**9)))
    following = np.minimum.accumulate(np.where(speaking, frames, 10**9)[::-1])[::-1]
    after = fall((frames - last) / fps / close_s)
    before = fall((following - frames) / fps / open_s)
    gate = np.maximum(after, before)
    calm = 1 - fall(np.minimum(frames - last, following - frames) / fps / CALM_S)
    toward = f32(motion.lip_gap[np.minimum(following, n - 1)] * np.where(speaking, 0, 0.6 * before)) if n else 0

    def gated(x: F32) -> F32:
        return f32(column(gate, x) * (x + column(calm, x) * (KEPT * _within(~speaking, x, SLOW_S * fps) - x)))

    return replace(
        motion,
        shape=np.hstack([gated(motion.shape[:, MOUTH]), motion.shape[:, BROWS]]),
        lip_gap=np.maximum(gated(motion.lip_gap), toward),
    )


def start_at_rest(motion: Motion, speaking: NDArray[np.bool_], *, within_s: float = 0.3) -> Motion:
    """The mouth leaves its rest with the first frame: in full after ``within_s``, or at the first word if that is
    sooner. ``speaking`` is (T,) at motion.fps. A video begins as its photo, not with lips that hang open."""
    n = len(motion)
    first_word = int(np.argmax(speaking)) if speaking.any() else n
    frames = max(1.0, min(within_s * float(motion.fps), first_word))
    share = 1 - fall(np.arange(n) / frames) if first_word else np.ones(n)
    shape = np.hstack([motion.shape[:, MOUTH] * f32(share)[:, None], motion.shape[:, BROWS]])
    return replace(motion, shape=shape, lip_gap=f32(motion.lip_gap * share))


def _within(where: NDArray[np.bool_], x: F32, sigma: float) -> F64:
    """_gaussian over the frames of ``where`` alone: what lies outside weighs nothing."""
    counted = f32(where)
    weight = _gaussian(counted, sigma)
    total = _gaussian(f32(x * column(counted, x)), sigma)
    return np.asarray(total / np.maximum(column(weight, x), 1e-9))


def _gaussian(x: F32, sigma: float) -> F64:
    """Gaussian filter along axis 0, the ends held; sigma in frames."""
    reach = int(np.ceil(3 * sigma))
    if sigma < 0.05 or not len(x):
        return np.asarray(x, np.float64)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    taps /= taps.sum()
    padded = np.pad(x.astype(np.float64), [(reach, reach), *[(0, 0)] * (x.ndim - 1)], mode="edge")
    return np.asarray(sum(tap * padded[i : i + len(x)] for i, tap in enumerate(taps)))


def _spread(weight: F64, width: float) -> F64:
    """Each peak of (T,) as a triangle of ``width`` frames to either side."""
    out = weight.copy()
    for k in range(1, int(np.ceil(width)) + 1):
        fade = max(0.0, 1 - k / (width + 1))
        out[k:] = np.maximum(out[k:], fade * weight[:-k])
        out[:-k] = np.maximum(out[:-k], fade * weight[k:])
    return out

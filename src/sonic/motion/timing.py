"""When things move: another start, another frame rate.

Positions are worked out from the number of a sample in the whole motion, so that a part of a motion gives, bit for bit,
what the whole gives there.
"""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from sonic.motion.closures import closure, is_minimum
from sonic.motion.data import Motion, f32
from sonic.types import F32, F64

Indices = NDArray[np.int64]


def offset(motion: Motion, seconds: float) -> Motion:
    """All channels later by ``seconds`` (earlier if negative) at the same length; the ends hold."""
    frames = seconds * float(motion.fps)
    n = len(motion)
    back = int(np.ceil(frames))
    low = np.arange(n) - back
    return _sample(motion, low, np.full(n, back - frames), np.arange(n) + int(np.rint(frames)), motion.fps)


def retime(motion: Motion, fps: Fraction, n_frames: int, *, begins: int = 0, first: int = 0) -> Motion:
    """The same motion at another frame rate; after its end the last sample holds.

    Head and shape are cubic, the rest linear between samples. Each blink and each lip closure lands on the nearest new
    frame at its full depth, so that neither is lost at 12.5 frames a second.

    ``motion`` may be a part of a longer one, from whose sample ``begins`` it starts; the result starts at frame
    ``first`` of the longer one's.
    """
    if fps == motion.fps and (begins, n_frames) == (first, len(motion)):
        return motion
    at = np.arange(first, first + n_frames) * float(motion.fps / fps)
    low = np.floor(at).astype(np.int64)
    nearest = np.rint(np.arange(begins, begins + len(motion)) * float(fps / motion.fps)).astype(np.int64)
    return _sample(motion, low - begins, at - low, nearest - first, fps)


def _sample(motion: Motion, low: Indices, share: F64, nearest: Indices, fps: Fraction) -> Motion:
    """The motion ``share`` of the way from sample ``low`` to the next, beyond its ends the last ones.

    The minima of lids and lip_gap are kept on the new frames ``nearest`` to them, (T,) for motion's own samples.
    """
    last = len(motion) - 1
    share = np.where((low < 0) | (low >= last), 0.0, share)
    low = np.clip(low, 0, max(last, 0))
    out = {n: _cubic(getattr(motion, n), low, share) for n in ("shape", "pose_deg", "shift")}
    out |= {n: _linear(getattr(motion, n), low, share) for n in ("lip_gap", "lids", "gaze")}
    if len(motion) and len(low):
        _keep_minima(out["lip_gap"], motion.lip_gap, nearest, closure(motion.lip_gap, float(motion.fps)) > 0.5)
        for eye in range(2):
            lid = motion.lids[:, eye]
            _keep_minima(out["lids"][:, eye], lid, nearest, is_minimum(lid) & (lid < 0.9))
    return Motion(fps=fps, **out)


def _keep_minima(out: F32, source: F32, nearest: Indices, chosen: NDArray[np.bool_]) -> None:
    """Lowers ``out`` in place to the chosen source samples, each at its nearest place."""
    chosen = chosen & (nearest >= 0) & (nearest < len(out))
    np.minimum.at(out, nearest[chosen], source[chosen])


def _linear(x: F32, low: Indices, share: F64) -> F32:
    """Rows of ``x`` between its samples."""
    f = share.reshape(-1, *[1] * (x.ndim - 1))
    return f32(x[low] * (1 - f) + x[np.minimum(low + 1, max(len(x) - 1, 0))] * f)


def _cubic(x: F32, low: Indices, share: F64) -> F32:
    """Rows of ``x`` between its samples, through them (Catmull and Rom 1974)."""
    f = share[:, None]
    a, b, c, d = (x[np.clip(low + k, 0, max(len(x) - 1, 0))].astype(np.float64) for k in (-1, 0, 1, 2))
    return f32(b + 0.5 * f * (c - a + f * (2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a))))

"""Motion as people look at it: curves over time beside the loudness of the speech, and how far the lips are from it."""

from fractions import Fraction

import numpy as np

from sonic.counts import samples_of
from sonic.evaluation.figures import Curve, Panel, draw_chart
from sonic.motion import Lag, Motion, estimate_lag, join
from sonic.pipeline.stages import MotionTake
from sonic.speech.prosody import prosody
from sonic.types import F64, U8, Opening

_MIN_FRAMES = 10
_LOUD, _LIPS, _HEAD, _EYES = "#c9d6e8", "#b3312c", ("#3b6ea5", "#6f9a3e", "#8a63a8"), "#444444"


def motion_of(take: MotionTake) -> Motion | None:
    """The decoded motion of a kept take; None where the engine has another kind, such as latents."""
    pieces = [piece for piece in take.motion if isinstance(piece, Motion)]
    return join(pieces) if pieces else None


def lag_of(take: MotionTake) -> Lag | None:
    """How late the lips of a kept take are, against loudness; None where there is no decoded motion to measure.

    Loudness is a poor judge of a few words: see Lag.certainty.
    """
    motion = motion_of(take)
    if motion is None or len(motion) < _MIN_FRAMES:
        return None
    return estimate_lag(motion.lip_gap, loudness(take, motion.fps, len(motion)), float(motion.fps))


def describe_lag(lag: Lag | None) -> str:
    """One line for people."""
    if lag is None:
        return "lip offset: not measurable before the frames are decoded; Quality Report measures it in the video"
    sure = f"certainty {lag.certainty:.1f}" if lag.trusted else f"certainty {lag.certainty:.1f}: may be chance"
    return f"lip offset: {lag.ms:+.0f} ms against loudness ({sure}); positive means late lips"


def loudness(take: MotionTake, fps: Fraction, n: int) -> F64:
    """(n,) loudness of the speech at ``fps``, linear, relative to loud speech."""
    samples = Opening(take.prepared.speech.samples, samples_of(take.prepared.duration_s))
    heard = np.asarray(prosody(samples, fps).loudness, np.float64)
    return np.pad(heard[:n], (0, max(0, n - len(heard))))


def draw(take: MotionTake) -> U8:
    """(h, w, 3) curves of a kept take: lips, head and lids; of latents, how much they change from frame to frame."""
    motion = motion_of(take)
    return _draw_latents(take) if motion is None else _draw_motion(take, motion)


def _draw_motion(take: MotionTake, motion: Motion) -> U8:
    time_s = np.arange(len(motion)) / float(motion.fps)
    lips = (
        Curve(time_s, loudness(take, motion.fps, len(motion)), _LOUD, "loudness, relative", filled=True),
        Curve(time_s, motion.lip_gap, _LIPS, "lip gap, mm", right=True),
    )
    names = ("head: yaw, degrees", "pitch", "roll")
    head = [Curve(time_s, a, c, n) for a, n, c in zip(motion.pose_deg.T, names, _HEAD, strict=True)]
    lids = Curve(time_s, motion.lids.mean(1), _EYES, "lids, 0 is shut")
    panels = (Panel(lips, 3, low=0), Panel(head, 2), Panel((lids,), low=-0.05))
    return draw_chart(panels, (1000, 500), title=describe_lag(lag_of(take)), x_name="seconds")


def _draw_latents(take: MotionTake) -> U8:
    pieces = [np.asarray(piece.values, np.float32) for piece in take.motion if hasattr(piece, "values")]
    latents = np.concatenate(pieces) if pieces else np.zeros((1, 1, 1, 1), np.float32)
    change = np.sqrt(np.mean(np.diff(latents, axis=0) ** 2, axis=(1, 2, 3)))
    curve = Curve(np.arange(len(change)), change, _LIPS, "RMS change from frame to frame")
    return draw_chart(
        [Panel((curve,), low=0)], (1000, 260), title="motion latents", x_name="frames of the model, 12.5 a second"
    )

"""Motion as people look at it: curves over time beside the loudness of the speech, and how far the lips are from it."""

from fractions import Fraction
from typing import Any

import numpy as np

from sonic.counts import samples_of
from sonic.evaluation.figures import drawn, new_figure
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
    figure = new_figure(10, 5.0 if motion else 2.6)
    if motion is None:
        _draw_latents(figure.subplots(), take)
    else:
        _draw_motion(figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 1)), take, motion)
    return drawn(figure)


def _draw_motion(axes: Any, take: MotionTake, motion: Motion) -> None:
    lips, head, eyes = axes
    time_s = np.arange(len(motion)) / float(motion.fps)
    lips.fill_between(time_s, loudness(take, motion.fps, len(motion)), color=_LOUD)
    lips.set(ylabel="loudness", ylim=(0, None), title=describe_lag(lag_of(take)))
    opening = lips.twinx()
    opening.plot(time_s, motion.lip_gap, color=_LIPS, linewidth=1.3)
    opening.set(ylabel="lip gap, mm", ylim=(0, None))
    for angle, name, colour in zip(motion.pose_deg.T, ("yaw", "pitch", "roll"), _HEAD, strict=True):
        head.plot(time_s, angle, color=colour, linewidth=1.1, label=name)
    head.set(ylabel="head, degrees")
    head.legend(ncols=3, frameon=False, fontsize=8, loc="upper right")
    eyes.plot(time_s, motion.lids.mean(1), color=_EYES, linewidth=1.1)
    eyes.set(ylabel="lids", xlabel="seconds", xlim=(0, max(time_s[-1], 0.1)), ylim=(-0.1, 1.25))


def _draw_latents(axes: Any, take: MotionTake) -> None:
    pieces = [np.asarray(piece.values, np.float32) for piece in take.motion if hasattr(piece, "values")]
    axes.set(xlabel="frames of the model, 12.5 a second", ylabel="change", title="motion latents: RMS change by frame")
    if pieces:
        latents = np.concatenate(pieces)
        axes.plot(np.sqrt(np.mean(np.diff(latents, axis=0) ** 2, axis=(1, 2, 3))), color=_LIPS, linewidth=1.2)

"""Motion from speech: the lips from a diffusion model, the rest from seeded generators, then the motion's algebra."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from math import ceil

import numpy as np

from sonic.counts import covering_frames, samples_of, video_frames
from sonic.engines.light.lips.diffusion import FPS, PIECE
from sonic.engines.light.lips.predict import lips_from_speech
from sonic.engines.light.nonverbal.breath import breathe
from sonic.engines.light.nonverbal.expression import MANNERS, Manner, between, expressed
from sonic.engines.light.nonverbal.motion import NonverbalGenerator, NonverbalMotion
from sonic.motion import (
    MOUTH,
    Motion,
    Window,
    brow_weights,
    close_in_silence,
    limit,
    offset,
    retime,
    scale_mouth,
    scale_rest,
    smooth,
    start_at_rest,
    windows,
)
from sonic.settings import Settings
from sonic.types import F32, Opening, Speech

_LATER_S = 0.001
"""By how much the networks' lips are delayed to fall together with filmed ones (unseen GRID speakers, docs/log.md)."""
_CLOSE_S, _OPEN_S = 0.2, 0.8
"""Within which the lips close after speech, and from which they may open before it: the networks know better than a
rule when they do."""
_MARGIN = 64
"""Frames around a sample that its shaping depends on: offset 14, silence 24, smoothing 15, retiming 9, in all 62."""


def drive(speech: Speech, settings: Settings, duration_s: float, *, piece: int = PIECE) -> Iterator[Motion]:
    """Motion for the first ``duration_s`` seconds, at settings.fps, in pieces of some 12 s, each made when asked for.

    Together they are video_frames(duration_s, settings.fps) samples. The same speech and settings give the same motion,
    and so does any length of the pieces (``piece`` frames at 25 fps), to some 1e-5. Each gain has a true zero:
    dynamic_scale stills the mouth, motion_scale the head, the gaze, the brows and smiles that come and go, blink_scale
    the blinks. What settings.expression holds does not move; expression_scale 0 takes it away.
    """
    fps = Fraction(FPS)
    samples = Opening(speech.samples, samples_of(duration_s))
    manner = between(MANNERS[settings.expression], settings.expression_scale)
    generator = NonverbalGenerator(samples, fps, seed=settings.seed, blink_scale=settings.blink_scale, manner=manner)
    lips = lips_from_speech(
        samples, steps=settings.inference_steps, seed=settings.seed, articulation=settings.articulation, piece=piece
    )
    n, n_asked, n_given = covering_frames(len(samples), fps), video_frames(duration_s, settings.fps), 0
    for window in windows((_lips_alone(shape, gap) for shape, gap in lips), n, _MARGIN):
        motion = _shaped(window, generator.until(window.end), manner, settings)
        ready = n_asked if window.final == n else min(ceil(window.final * settings.fps / fps), n_asked)
        if ready > n_given:
            yield retime(motion, settings.fps, ready - n_given, begins=window.begins, first=n_given)
            n_given = ready


def _lips_alone(shape: F32, lip_gap: F32) -> Motion:
    return replace(Motion.still(len(lip_gap), Fraction(FPS)), shape=shape, lip_gap=lip_gap)


def _shaped(window: Window, nonverbal: NonverbalMotion, manner: Manner, settings: Settings) -> Motion:
    """The window's lips with timing and silence, and the rest of the face around them; at FPS."""
    now = slice(window.begins, window.end)
    late_s = _LATER_S + settings.audio_offset_ms / 1000
    mouth = offset(window.motion, late_s)
    mouth = close_in_silence(mouth, nonverbal.voice.speaking[now], close_s=_CLOSE_S, open_s=_OPEN_S)
    mouth = breathe(mouth, nonverbal.parted_mm[now])
    if not window.begins:
        mouth = start_at_rest(mouth, nonverbal.voice.speaking[now])
    motion = replace(
        mouth,
        shape=np.hstack([mouth.shape[:, MOUTH], brow_weights(nonverbal.brows[now])]),
        lids=nonverbal.lids[now],
        gaze=nonverbal.gaze[now],
        pose_deg=nonverbal.pose_deg[now],
        shift=nonverbal.shift[now],
    )
    # Gains come first: scale_rest undoes the lids' share of gaze and brows, which only matches before smoothing.
    motion = scale_rest(scale_mouth(motion, settings.dynamic_scale), settings.motion_scale)
    motion = smooth(motion, settings.smoothing)
    gains = {"rest_gain": settings.motion_scale, "mouth_gain": settings.dynamic_scale}
    return limit(expressed(motion, nonverbal.smile[now], manner, **gains))

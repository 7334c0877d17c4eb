"""Motion from speech: the lips from a diffusion model, the rest from seeded generators, then the motion's algebra."""

from fractions import Fraction

import numpy as np

from sonic.diffusion import FPS
from sonic.drive.eyes import eye_motion
from sonic.drive.head import head_motion
from sonic.drive.lips import lips_from_speech
from sonic.drive.prosody import prosody
from sonic.geometry import smoothstep
from sonic.motion import Motion, close_in_silence, limit, offset, retime, scale_mouth, scale_rest, smooth
from sonic.settings import Settings
from sonic.types import SPEECH_RATE_HZ, OnProgress, Speech

_MODEL_LEAD_S = -0.01
"""Measured: how much earlier than the sound the model's lips are (negative: later); see docs/log.md."""
_WANTED_LEAD_S = 0.01
"""How much earlier people like lips to be; they notice late lips more than early ones."""


def drive(speech: Speech, settings: Settings, duration_s: float, on_progress: OnProgress) -> Motion:
    """Motion for the first ``duration_s`` seconds, at settings.fps: max(1, round(duration_s * fps)) samples.

    The same speech and settings give the same motion. Each gain has a true zero: dynamic_scale stills the mouth,
    motion_scale the head, the gaze and the brows, blink_scale the blinks.
    """
    samples = speech.samples[: max(1, round(duration_s * SPEECH_RATE_HZ))]
    voice = prosody(samples, Fraction(FPS))
    shape, lip_gap = lips_from_speech(
        samples, steps=settings.inference_steps, seed=settings.seed, on_progress=on_progress
    )
    n = len(voice)
    for_head, for_eyes = np.random.default_rng(settings.seed).spawn(2)
    pose_deg, shift = head_motion(voice, for_head)
    lids, gaze, brows = eye_motion(voice, for_eyes, blink_scale=settings.blink_scale, pose_deg=pose_deg)
    still = Motion.still(n, Fraction(FPS))
    # The speech features know phones, not how loudly they are said: people open wider when they speak up. Over 1 on
    # average, because the readers that the model learned from open less than people who speak freely (docs/log.md).
    effort = (0.85 + 0.55 * smoothstep(-30.0, 0.0, voice.loudness_db)).astype(np.float32)
    shape, lip_gap = shape[:n] * effort[:, None], lip_gap[:n] * effort
    mouth = Motion(still.fps, shape, lip_gap, still.lids, still.gaze, still.brows, still.pose_deg, still.shift)
    late_s = _MODEL_LEAD_S - _WANTED_LEAD_S + settings.audio_offset_ms / 1000
    mouth = close_in_silence(offset(mouth, late_s), voice.speaking)
    motion = Motion(still.fps, mouth.shape, mouth.lip_gap, lids, gaze, brows, pose_deg, shift)
    # Gains come first: scale_rest undoes the lids' share of gaze and brows, which only matches before smoothing.
    motion = scale_rest(scale_mouth(motion, settings.dynamic_scale), settings.motion_scale)
    return retime(limit(smooth(motion, settings.smoothing)), settings.fps, max(1, round(duration_s * settings.fps)))

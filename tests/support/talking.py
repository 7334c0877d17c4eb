"""Prosody of made-up speech."""

from fractions import Fraction

import numpy as np

from sonic.speech.prosody import Prosody


def talk(seconds: float, *, speaking: bool = True) -> Prosody:
    """Phrases of 2.4 s with pauses of 0.6 s, an emphasised syllable a second; or silence throughout."""
    n = round(seconds * 25) + 1
    t = np.arange(n) / 25
    voice = (t % 3.0 < 2.4) & speaking
    emphasis = np.where(voice, 0.8 * np.exp(-(((t % 1.1 - 0.5) / 0.12) ** 2)), 0.0)
    ends = np.concatenate([[False], voice[:-1] & ~voice[1:]])
    level = np.where(voice, -6.0, -50.0)
    pitch = np.where(voice, 2 * np.sin(2.1 * t), 0.0)
    f32 = np.float32
    return Prosody(Fraction(25), level.astype(f32), voice, pitch.astype(f32), emphasis.astype(f32), ends)

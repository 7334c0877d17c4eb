"""All that is not lips: the voice, head, eyes and breath of a recording's opening, of more as it is asked for.

The generators are causal in their random numbers and look ahead a few seconds: a longer opening begins as a shorter
one does, except for its last SETTLED_S. So a recording of any length starts at once, and what is asked for later is
made anew in openings that grow by a constant factor, which costs a constant share a second.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from sonic.counts import covering_frames
from sonic.engines.light.nonverbal.breath import parted_lips
from sonic.engines.light.nonverbal.expression import Manner, smiles
from sonic.engines.light.nonverbal.eyes import eye_motion
from sonic.engines.light.nonverbal.head import head_motion
from sonic.speech.prosody import REACH_S, Prosody, heard, judged
from sonic.types import F32, F64, Samples

SETTLED_S = REACH_S + 6.0
"""The end of an opening that depends on what follows it; the generators add 6 s to the prosody's own reach."""
GROWTH = 1.5
"""How much more of the recording is listened to than is asked for."""


@dataclass(frozen=True, slots=True)
class NonverbalMotion:
    """T frames of everything but the lips; arrays as in Motion."""

    voice: Prosody
    pose_deg: F32
    shift: F32
    lids: F32
    gaze: F32
    brows: F32
    smile: F32
    """(T,) as from expression.smiles"""
    parted_mm: F32
    """(T,) how far the lips are apart at least: breath."""


class NonverbalGenerator:
    """The bearing of one recording, (N,) samples; the same seed gives the same."""

    def __init__(self, samples: Samples, fps: Fraction, *, seed: int, blink_scale: float, manner: Manner) -> None:
        self._samples, self._fps, self._seed = samples, fps, seed
        self._blink_scale, self._manner = blink_scale, manner
        self._n_frames, self._margin = covering_frames(len(samples), fps), round(SETTLED_S * fps)
        self._heard: F64 = np.empty((2, 0))
        self._made: NonverbalMotion | None = None
        self._settled = 0

    def until(self, end: int) -> NonverbalMotion:
        """A bearing of at least ``end`` frames, of which these are final."""
        have, n = self._heard.shape[1], min(round(GROWTH * end) + self._margin, self._n_frames)
        if n > have:
            self._heard = np.hstack([self._heard, heard(self._samples, self._fps, have, n)])
        if self._made is None or end > self._settled:
            self._made = None  # not both in memory
            self._made = self._bearing(judged(self._heard, self._fps))
            self._settled = n if n == self._n_frames else n - self._margin
        return self._made

    def _bearing(self, voice: Prosody) -> NonverbalMotion:
        for_head, for_eyes, for_breath, for_smiles = np.random.default_rng(self._seed).spawn(4)
        pose_deg, shift = head_motion(voice, for_head, gain=self._manner.head_gain)
        lids, gaze, brows = eye_motion(
            voice, for_eyes, blink_scale=self._blink_scale, brow_gain=self._manner.brow_gain, pose_deg=pose_deg
        )
        smile = smiles(voice, for_smiles)
        return NonverbalMotion(voice, pose_deg, shift, lids, gaze, brows, smile, parted_lips(voice, for_breath))

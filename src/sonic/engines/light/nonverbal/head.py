"""A head that is never still and never a pendulum: seeded posture, nods and breathing, led by the voice.

Spreads and spectra follow filmed talkers, tracked with the same landmark model: over 8 s, standard deviations of yaw,
pitch and roll near 2.2, 2.3 and 1.6 degrees (over a minute near 3.6, 3.5 and 1.8), most of it below 1 Hz, and 0.2 to
0.4 degrees each from 1.5 Hz to 4 Hz, where heads beat time with the syllables. The generator is causal in its random
numbers: the beginning of the motion does not depend on how long the recording is, as far as its prosody does not.
"""

import numpy as np
from numpy.typing import NDArray

from sonic.faces.geometry import rotation_from_pose, smoothstep
from sonic.speech.prosody import Prosody
from sonic.types import F32, F64

POSTURE_SD_DEG = np.array([3.0, 2.9, 1.7])
"""Yaw, pitch, roll of the postures between which a talker changes."""
SWAY_SD_DEG = np.array([1.9, 1.9, 1.2])
"""Wandering around a posture, at three time scales together."""
BEAT_DEG = np.array([0.75, 0.75, 0.4])
"""Beating time: for a rise of the loudness by a standard deviation of its rhythm."""
NOD_DEG = np.array([1.9, 4.6, 1.2])
"""Largest typical excursion on an emphasised syllable."""
NECK_FROM_FACE = np.array([0.0, 0.65, 0.56])
"""Pivot of the head from the middle of the upper face (right, down, away) in face widths: the neck. Regression of
position on rotation in a dozen clips of real talkers: medians 0.6 and 0.55, explaining some 60 % of the variance."""
LEAN_SD = np.array([0.022, 0.021, 0.03])
"""Wandering of the trunk (right, down, away) in face widths, slower than the head."""
_SWAY_S, _SWAY_SHARE = (0.25, 0.8, 4.0), (0.7, 0.7, 0.5)
_LEAN_S, _LEAN_SHARE = (0.5, 1.5, 6.0), (0.25, 0.6, 0.8)
_BLOCK = 64


def head_motion(prosody: Prosody, rng: np.random.Generator, *, gain: float = 1.0) -> tuple[F32, F32]:
    """(pose_deg (T, 3), shift (T, 3)) at prosody.fps, as in Motion; both start at the photo's own.

    ``gain`` multiplies how far the head turns, but not how far the trunk leans.
    ``rng`` must come from numpy.random.default_rng (it is split into streams); the same state gives the same motion.
    """
    rate, n = float(prosody.fps), len(prosody)
    postures, sway, beats, accents, breath, drift = rng.spawn(6)
    activity = _activity(prosody, rate)
    pose = _postures(prosody, postures, rate) + _sway(sway, activity, rate, _SWAY_S, _SWAY_SHARE) * SWAY_SD_DEG
    pose += _beats(prosody, beats, rate) + _accents(prosody, accents, rate)
    lift = _breathing(breath, n, rate)
    pose[:, 1] -= 0.25 * lift
    pose[:, 2] += 0.2 * pose[:, 0]  # a turned head leans a little
    pose *= gain * smoothstep(0.0, 1.2, np.arange(n) / rate)[:, None]
    shift = _neck(pose) + _sway(drift, activity, rate, _LEAN_S, _LEAN_SHARE) * LEAN_SD
    shift[:, 1] -= 0.0022 * lift
    return pose.astype(np.float32), (shift - shift[:1]).astype(np.float32)


def _activity(prosody: Prosody, rate: float) -> F64:
    """(T,) how lively: 1 in speech, 0.4 in silence, changing within a second."""
    return 0.4 + 0.6 * one_pole(prosody.speaking.astype(np.float64)[:, None], 0.5 * rate)[:, 0]


def _postures(prosody: Prosody, rng: np.random.Generator, rate: float) -> F64:
    """(T, 3) degrees: held postures, changed after phrases and now and then within them.

    A new posture keeps a third of the last one (so that it returns softly) and is reached like a real movement, within
    half a second to a second.
    """
    n = len(prosody)
    for_lots, for_steps = rng.spawn(2)
    lots, steps = for_lots.random((n, 2)), for_steps.standard_normal((n, 3))
    chance = np.where(prosody.speaking, 0.28, 0.12) / rate  # changes a second
    wanted = (lots[:, 0] < chance) | (prosody.phrase_end & (lots[:, 1] < 0.7))
    target, posture, last = np.zeros((n, 3)), np.zeros(3), -10.0 * rate
    for i in np.flatnonzero(wanted).tolist():
        if i - last < 0.9 * rate:
            continue
        calm = 1.0 if prosody.speaking[i] or prosody.phrase_end[i] else 0.5
        keep = 0.35
        goal = keep * posture + (1 - keep**2) ** 0.5 * calm * np.clip(steps[i], -1.6, 1.6) * POSTURE_SD_DEG
        target[i] += goal - posture
        posture, last = goal, i
    return one_pole(one_pole(one_pole(np.cumsum(target, 0), 0.13 * rate), 0.13 * rate), 0.1 * rate)


def _sway(
    rng: np.random.Generator, activity: F64, rate: float, scales_s: tuple[float, ...], shares: tuple[float, ...]
) -> F64:
    """(T, 3) of unit variance where activity is 1: smoothed Ornstein-Uhlenbeck processes at several time scales.

    Uhlenbeck and Ornstein 1930: noise with a pull to the middle wanders, but has no period.
    """
    n = len(activity)
    noise = rng.standard_normal((n, len(scales_s), 3))
    noise *= activity[:, None, None]  # in place: of all arrays this one is the largest for an hour
    total = np.zeros((n, 3))
    for k, (seconds, share) in enumerate(zip(scales_s, shares, strict=True)):
        slow, quick = seconds * rate, max(0.13, 0.35 * seconds) * rate
        # variance of white noise through two one-pole filters with decays p and q
        p, q = np.exp(-1 / slow), np.exp(-1 / quick)
        variance = (1 - p) * (1 - q) / ((1 + p) * (1 + q)) * (1 + p * q) / (1 - p * q)
        total += share / variance**0.5 * one_pole(one_pole(noise[:, k], slow), quick)
    return total / np.linalg.norm(shares)


def _beats(prosody: Prosody, rng: np.random.Generator, rate: float) -> F64:
    """(T, 3) degrees: the head goes with the rhythm of the syllables, down with most, in a direction that wanders.

    Munhall et al. 2004: the loudness of speech explains much of the head's motion, and differently from phrase to
    phrase. Silence has no rhythm, so that a pause is still.
    """
    level = np.where(prosody.speaking, np.maximum(prosody.loudness_db, -30.0), -30.0).astype(np.float64)[:, None]
    rhythm = one_pole(one_pole(level, 0.045 * rate), 0.045 * rate) - one_pole(level, 0.3 * rate)
    rhythm *= one_pole(prosody.speaking[:, None].astype(np.float64), 0.15 * rate) / 4.0
    wander = one_pole(rng.standard_normal((len(prosody), 3)), 0.8 * rate) * (2 * 0.8 * rate) ** 0.5
    return np.asarray(np.clip(rhythm, -2.0, 2.0) * (wander + np.array([0.0, 0.6, 0.0])) * BEAT_DEG)


def _accents(prosody: Prosody, rng: np.random.Generator, rate: float) -> F64:
    """(T, 3) degrees: nods with small turns on emphasised syllables, lifted just before; the chin rises with the pitch.

    Munhall et al. 2004: head motion goes with loudness and pitch.
    """
    n = len(prosody)
    for_lots, for_sizes = rng.spawn(2)
    lots, sizes = for_lots.random((n, 2)), for_sizes.standard_normal((n, 3))
    out = np.zeros((n, 3))
    last = -rate
    for i in peaks(prosody.emphasis, 0.35):
        if i - last < 0.3 * rate or lots[i, 0] > 0.85:
            continue
        last = i
        strength = prosody.emphasis[i] * np.array([0.5, 0.55, 0.5]) * sizes[i]
        strength[1] = prosody.emphasis[i] * (0.55 + 0.25 * sizes[i, 1])
        width = (0.08 + 0.1 * lots[i, 1]) * rate
        _add_nod(out, i + 0.03 * rate, width, strength * NOD_DEG)
    song = one_pole(one_pole(prosody.pitch_st.astype(np.float64)[:, None], 0.12 * rate), 0.12 * rate)[:, 0]
    out[:, 1] -= 0.12 * np.clip(song, -5, 5)
    return out


def _add_nod(out: F64, centre: float, width: float, size: F64) -> None:
    """Adds a bump with a smaller counter-movement before and a slow return, in place; all in frames."""
    reach = int(5 * width)
    frames = np.arange(max(0, int(centre) - reach), min(len(out), int(centre) + reach + 1))
    t = (frames - centre) / width
    late = np.where(t > 0, t / 1.5, t)
    bump = np.exp(-0.5 * late**2) - 0.35 * np.exp(-0.5 * ((t + 1.9) / 0.9) ** 2)
    out[frames] += bump[:, None] * size


def _breathing(rng: np.random.Generator, n: int, rate: float) -> F64:
    """(T,) about -1 .. 1: breaths of some 4 s whose length and depth wander."""
    wander = one_pole(rng.standard_normal((n, 2)), 4.0 * rate) * (8.0 * rate) ** 0.5
    phase = np.cumsum(2 * np.pi * 0.25 / rate * np.clip(1 + 0.35 * wander[:, 0], 0.4, 2.0))
    return np.asarray(np.cos(phase + 0.5 * np.sin(phase)) * np.clip(1 + 0.4 * wander[:, 1], 0.2, 2.0))


def _neck(pose_deg: F64) -> F64:
    """(T, 3) shift of the face, in face widths, when the head turns about the base of the neck."""
    arm = -NECK_FROM_FACE  # from the pivot to the face
    blocks = [pose_deg[i : i + 1024] for i in range(0, len(pose_deg), 1024)]
    return np.concatenate([rotation_from_pose(block) @ arm - arm for block in blocks])


def peaks(x: F32, least: float) -> NDArray[np.intp]:
    """Indices of the local maxima of (T,) that are at least ``least``."""
    middle = (x[1:-1] > x[:-2]) & (x[1:-1] >= x[2:]) & (x[1:-1] >= least)
    return np.flatnonzero(middle) + 1


def one_pole(x: F64, frames: float) -> F64:
    """(T, C) through y[i] = a y[i-1] + (1 - a) x[i], from 0, with a = exp(-1 / frames); exact, in blocks."""
    a = np.exp(-1.0 / frames)
    steps = np.arange(_BLOCK)
    response = np.where(steps[:, None] >= steps, (1 - a) * a ** np.maximum(steps[:, None] - steps, 0), 0.0)
    fading = a ** (steps + 1)
    out, last = np.empty_like(x), np.zeros(x.shape[1])
    for i in range(0, len(x), _BLOCK):
        piece = x[i : i + _BLOCK]
        k = len(piece)
        out[i : i + k] = response[:k, :k] @ piece + fading[:k, None] * last
        last = out[i + k - 1]
    return out

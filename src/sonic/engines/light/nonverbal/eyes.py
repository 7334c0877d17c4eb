"""Eyes that live: blinks at the pace of a talker, a gaze that stays with the viewer, brows that go with the voice.

All events come from one clock: a rate (events a second) that follows the voice is summed up, and an event happens each
time the sum passes the next random threshold. So rates can follow anything, and the beginning does not depend on how
long the recording is.
"""

import numpy as np
from numpy.typing import NDArray

from sonic.engines.light.nonverbal.head import one_pole, peaks
from sonic.motion import lid_follow
from sonic.speech.prosody import Prosody
from sonic.types import F32, F64

BLINKS_PER_MINUTE_SPEAKING = 22.0
BLINKS_PER_MINUTE_SILENT = 17.0
"""Bentivoglio et al. 1997 and Karson 1981: 22 to 26 in conversation, 17 to 19 at rest."""
MIN_BLINK_GAP_S = 0.7
EYE_RADIUS_MM = 11.5
"""From the centre of rotation to the iris."""


def eye_motion(
    prosody: Prosody,
    rng: np.random.Generator,
    *,
    blink_scale: float = 1.0,
    brow_gain: float = 1.0,
    pose_deg: F32 | None = None,
) -> tuple[F32, F32, F32]:
    """(lids (T, 2), gaze (T, 2), brows (T, 2)) at prosody.fps, as in Motion.

    ``blink_scale`` multiplies the rate of blinks, 0 is never; it changes nothing else. ``brow_gain`` multiplies the
    motion of the brows. With ``pose_deg`` (T, 3) the
    eyes stay on the viewer while the head turns. ``rng`` must come from numpy.random.default_rng (it is split).
    """
    for_blinks, for_gaze, for_brows = rng.spawn(3)
    gaze = _gaze(prosody, for_gaze, pose_deg)
    brows = np.float32(brow_gain) * _brows(prosody, for_brows, gaze)
    lids = _blinks(prosody, for_blinks, blink_scale)[:, None] * lid_follow(gaze, brows)
    return lids.astype(np.float32), gaze, brows


def _blinks(prosody: Prosody, rng: np.random.Generator, scale: float) -> F64:
    """(T,) factor on the lids: 1 open, 0 shut."""
    for_times, for_shapes = rng.spawn(2)
    rate = float(prosody.fps)
    times = events(_blink_pace(prosody, rate) * scale, for_times, spread=0.55, rate=rate)
    out, last = np.ones(len(prosody)), -MIN_BLINK_GAP_S
    for frame, lot in zip(times, for_shapes.random((len(times), 5)), strict=True):
        if frame / rate - last < MIN_BLINK_GAP_S:
            continue
        last = frame / rate
        half, double, quick, slow, depth = lot
        deep = 1.0 if half > 0.08 else 0.45 + 0.25 * depth
        closing, opening = 0.075 + 0.045 * quick, 0.16 + 0.09 * slow
        _add_blink(out, rate, last, closing, opening, deep)
        if double < 0.06:
            _add_blink(out, rate, round((last + 0.28 + 0.08 * depth) * rate) / rate, closing, opening, 0.9 + 0.1 * deep)
    return out


def _blink_pace(prosody: Prosody, rate: float) -> F64:
    """(T,) blinks a second: quicker where a phrase ends and after emphasis, slower within phrases."""
    speaking = BLINKS_PER_MINUTE_SPEAKING / 60
    base = np.where(prosody.speaking, 0.72 * speaking, 0.94 * BLINKS_PER_MINUTE_SILENT / 60)
    ends = np.zeros(len(prosody))
    ends[np.flatnonzero(prosody.phrase_end)] = 1.0
    near_end = _box(ends, back_s=0.12, on_s=0.35, rate=rate)
    stressed = np.zeros(len(prosody))
    stressed[peaks(prosody.emphasis, 0.5)] = 1.0
    after = _box(stressed, back_s=-0.15, on_s=0.45, rate=rate)
    return np.asarray(base * (1 + 1.5 * near_end + 0.35 * after))


def _box(marks: F64, *, back_s: float, on_s: float, rate: float) -> F64:
    """(T,) 1 from ``back_s`` before each mark to ``on_s`` after it."""
    first, last = round(-back_s * rate), round(on_s * rate)
    out = np.zeros(len(marks))
    for i in np.flatnonzero(marks):
        out[max(i + first, 0) : max(i + last, 0)] = 1.0
    return out


def events(pace: F64, rng: np.random.Generator, *, spread: float, rate: float) -> NDArray[np.intp]:
    """Frames at which the sum of ``pace`` ((T,) events a second) passes log-normal steps of mean 1 and that spread."""
    clock = np.cumsum(pace) / rate
    steps = np.exp(spread * rng.standard_normal(int(1.5 * clock[-1]) + 64) - 0.5 * spread**2)
    frames = np.searchsorted(clock, np.cumsum(steps) - 0.6 * steps[0])
    return np.asarray(frames[frames < len(pace)])


def _add_blink(out: F64, rate: float, at_s: float, closing_s: float, opening_s: float, depth: float) -> None:
    """Lowers ``out`` in place by one blink that is shut at ``at_s``: a quick fall, 40 ms of hold, a slower return."""
    reach = int((closing_s + opening_s + 0.1) * rate) + 2
    centre = round(at_s * rate)
    frames = np.arange(max(0, centre - reach), min(len(out), centre + reach + 1))
    t = frames / rate - at_s
    fall = np.clip(1 + t / closing_s, 0, 1)
    rise = np.clip(1 - (t - 0.04) / opening_s, 0, 1)
    shut = np.where(t < 0, fall**2 * (3 - 2 * fall), rise**2.2 * (1 + 1.2 * (1 - rise)))
    out[frames] = np.minimum(out[frames], 1 - depth * np.clip(shut, 0, 1))


def _gaze(prosody: Prosody, rng: np.random.Generator, pose_deg: F32 | None) -> F32:
    """(T, 2) mm right and down: fixations near the viewer's eyes with small saccades, against the head's turning."""
    for_times, for_places, for_drift = rng.spawn(3)
    rate, n = float(prosody.fps), len(prosody)
    times = events(np.where(prosody.speaking, 1.1, 0.8), for_times, spread=0.6, rate=rate)
    target, place = np.zeros((n, 2)), np.zeros(2)
    for frame, lot in zip(times, for_places.random((len(times), 4)), strict=True):
        goal = _next_fixation(place, lot)
        target[frame] += goal - place
        place = goal
    fixation = np.cumsum(target, 0)
    # a saccade takes some 40 ms: one frame on the way
    fixation = 0.65 * fixation + 0.35 * np.vstack([np.zeros((1, 2)), fixation[:-1]])
    drift = one_pole(one_pole(for_drift.standard_normal((n, 2)), 0.4 * rate), 0.08 * rate) * 0.2
    gaze = np.asarray(fixation + drift)
    if pose_deg is not None:
        gaze -= 0.75 * EYE_RADIUS_MM * np.sin(np.deg2rad(pose_deg[:, :2].astype(np.float64)))
    return np.asarray(gaze, np.float32)


def _next_fixation(place: F64, lot: F64) -> F64:
    """Where the eyes go: mostly back to the viewer, else 0.3 to 0.6 mm beside, now and then 0.6 to 1.2 mm away."""
    kind, size, side, small = lot
    angle = 2 * np.pi * side
    home = np.array([np.cos(angle), np.sin(angle)]) * (0.12 * small)
    if kind < (0.75 if np.hypot(*place) > 0.25 else 0.3):
        return np.asarray(home)
    length = 0.6 + 0.6 * size if kind > 0.93 else 0.3 + 0.3 * size
    return np.asarray(length * np.array([np.cos(angle), 0.6 * np.sin(angle)]))


def _brows(prosody: Prosody, rng: np.random.Generator, gaze: F32) -> F32:
    """(T, 2) mm: raised on some emphasised syllables (1 to 3 mm), at times drawn down, and never quite still.

    They go up with the pitch (Cave et al. 1996: most rises of the one come with the other) and a little with a look
    up. Filmed brows, tracked: 0.4 mm in each octave up to 1 Hz, 0.2 to 0.3 mm from there to 3 Hz; with a blink they do
    not sink.
    """
    for_lots, for_life = rng.spawn(2)
    rate, n = float(prosody.fps), len(prosody)
    lots, noise = for_lots.random((n, 5)), for_life.standard_normal((n, 6))
    slow = one_pole(one_pole(noise[:, :3], 1.5 * rate), 0.3 * rate) * (2 * 1.8 * rate) ** 0.5
    quick = one_pole(one_pole(noise[:, 3:], 0.1 * rate), 0.05 * rate) * (2 * 0.15 * rate) ** 0.5
    both = 0.6 * slow[:, :1] + 0.64 * quick[:, :1] + 0.24 * slow[:, 1:] + 0.31 * quick[:, 1:]
    tune = one_pole(one_pole(prosody.pitch_st.astype(np.float64)[:, None], 0.08 * rate), 0.05 * rate)
    both += 0.13 * np.clip(tune, -5, 5) - 0.25 * one_pole(gaze[:, 1:].astype(np.float64), 0.08 * rate)
    last = -rate
    for i in peaks(prosody.emphasis, 0.35):
        use, size, frown, lean, hold = lots[i]
        if i - last < 0.5 * rate or use > 0.6:
            continue
        last = i
        height = float(prosody.emphasis[i]) * (0.9 + 1.9 * size**1.5) * (-0.4 if frown < 0.15 else 1.0)
        _add_raise(both, i - 0.04 * rate, (0.08 + 0.04 * hold) * rate, (0.12 + 0.2 * hold) * rate, height, lean)
    return np.asarray(np.where(both < 0, 0.8 * both, both), np.float32)  # a brow has less room to sink


def _add_raise(out: F64, centre: float, rise: float, fall: float, height: float, lean: float) -> None:
    """Adds one raise of both brows, in place: a quick rise and a slower fall (frames), one brow up to 20 % more."""
    frames = np.arange(max(0, int(centre - 4 * rise)), min(len(out), int(centre + 4 * fall) + 1))
    t = frames - centre
    bump = np.exp(-0.5 * (t / np.where(t < 0, rise, fall)) ** 2)
    out[frames] += height * bump[:, None] * np.array([0.8 + 0.4 * lean, 1.2 - 0.4 * lean])

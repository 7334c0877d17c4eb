"""What makes a tracked clip unfit for training, as one check each, and how far its picture and sound are apart."""

from collections.abc import Sequence

import numpy as np

from sonic.evaluation.metrics.eyes import eye_distance
from sonic.speech.mel import log_mel, speech_level
from sonic.types import F32, F64, SPEECH_RATE_HZ, U8

MIN_SECONDS = 1.0
MIN_FPS = 15.0
"""Lips close and open again within two frames of less."""
MIN_EYE_DISTANCE_PX = 20
MAX_MISSING = 0.05
"""Clips without a face in more than this share of their frames are rejected."""
MAX_JUMP = 0.35
"""A face that moves by more than this many eye distances between two frames is a cut."""
MAX_CHANGE = 0.1
"""A picture that changes by more than this share of its range, and MAX_CHANGE_RATIO times the usual, is a cut; without
one, 24 filmed clips of free speech changed by 0.07 and 5 times the usual at most, but for 0.034 and 19 times."""
MAX_CHANGE_RATIO = 8.0
OTHER_FACE = 0.6
"""A second face that is this wide against the widest is another person who may be the one that speaks."""
MAX_SHARED = 0.2
"""Share of the looked-at pictures that may show such a second face."""
MIN_LOUD_DB = -55.0
"""Of full scale: sound whose loud parts are below this is silence."""
MIN_SWING_DB = 6.0
"""Between the loud and the quiet parts of speech; hums, tones and hiss are steadier."""
MIN_VOICED = 0.08
"""Share of the loud blocks that have a pitch."""


class RejectedError(Exception):
    """A clip that cannot be used: ``reason`` is one of a few, ``detail`` belongs to this clip."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason} ({detail})" if detail else reason)
        self.reason, self.detail = reason, detail


def check_times(times: F64) -> float:
    """Frame rate of pictures at these times in s, which are many and quick enough."""
    if len(times) < 2 or times[-1] - times[0] < MIN_SECONDS:
        raise RejectedError("short", f"less than {MIN_SECONDS:g} s of pictures")
    fps = float((len(times) - 1) / (times[-1] - times[0]))
    if fps < MIN_FPS:
        raise RejectedError("slow", f"{fps:.0f} pictures a second, {MIN_FPS:g} needed")
    return fps


def check_found(found: Sequence[F32 | None]) -> None:
    """Enough frames have a face."""
    missing = sum(points is None for points in found)
    if missing > MAX_MISSING * len(found):
        raise RejectedError("no face", f"in {missing} of {len(found)} frames")


def check_face(points: F32) -> None:
    """The face of (T, 478, 3) px is large enough and stays where it is."""
    distance = float(np.median(eye_distance(points.astype(np.float64))))
    if distance < MIN_EYE_DISTANCE_PX:
        raise RejectedError("small face", f"eyes {distance:.0f} px apart, {MIN_EYE_DISTANCE_PX} needed")
    step = np.linalg.norm(np.diff(points[:, 168, :2], axis=0), axis=-1) / distance
    if step.max() > MAX_JUMP:
        raise RejectedError("cut", f"the face jumps by {step.max():.2f} eye distances")


def check_cut(thumbnails: Sequence[U8]) -> None:
    """No picture is wholly unlike the one before it: a cut to another person at the same place."""
    small = np.stack(thumbnails).astype(np.float32) / 255
    change = np.abs(np.diff(small, axis=0)).mean(axis=tuple(range(1, small.ndim)))
    if change.max() > max(MAX_CHANGE, MAX_CHANGE_RATIO * float(np.median(change))):
        raise RejectedError("cut", f"picture {int(change.argmax()) + 1} is unlike the one before it")


def check_alone(widths: Sequence[Sequence[float]]) -> None:
    """One face is the widest by far: ``widths`` has the faces' widths of each looked-at picture."""
    shared = [len(row) > 1 and sorted(row)[-2] > OTHER_FACE * max(row) for row in widths]
    if shared and np.mean(shared) > MAX_SHARED:
        raise RejectedError("several faces", f"in {sum(shared)} of {len(shared)} pictures")


def check_speech(samples: F32) -> None:
    """(N,) at 16 kHz is not silent, not steady, and has a voice. Music and noise with a voice pass."""
    if len(samples) < MIN_SECONDS * SPEECH_RATE_HZ:
        raise RejectedError("short", f"less than {MIN_SECONDS:g} s of sound")
    block = SPEECH_RATE_HZ // 50
    power = (samples[: len(samples) // block * block].reshape(-1, block).astype(np.float64) ** 2).mean(1)
    level_db = 10 * np.log10(power + 1e-12)
    quiet, loud = np.percentile(level_db, [10, 95])
    if loud < MIN_LOUD_DB:
        raise RejectedError("no speech", f"loud parts at {loud:.0f} dB of full scale")
    if loud - quiet < MIN_SWING_DB:
        raise RejectedError("no speech", f"the level varies by {loud - quiet:.0f} dB only")
    voiced = voiced_share(samples)
    if voiced < MIN_VOICED:
        raise RejectedError("no speech", f"a pitch in {voiced:.0%} of the loud parts")


def voiced_share(samples: F32) -> float:
    """Share of the loud 40 ms blocks whose autocorrelation has a peak above a half between 70 and 400 Hz."""
    size = SPEECH_RATE_HZ // 25
    blocks = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    power = (blocks**2).mean(1)
    blocks = blocks[power > 0.01 * np.percentile(power, 95)] * np.hanning(size)
    spectrum = np.abs(np.fft.rfft(blocks, 2 * size)) ** 2
    echo = np.fft.irfft(spectrum)[:, :size]
    taper = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(size), 2 * size)) ** 2)[:size]
    echo = echo / np.maximum(echo[:, :1], 1e-12) / (taper / taper[0] + 1e-3)
    periods = echo[:, SPEECH_RATE_HZ // 400 : SPEECH_RATE_HZ // 70]
    return float((periods.max(1) > 0.5).mean()) if len(blocks) else 0.0


def loudness(samples: F32, n: int) -> F32:
    """(n,) level in dB around each frame at 25 fps."""
    mel = log_mel(samples, speech_level(samples)).mean(1)
    padded = np.pad(mel, (2, 4 * n), mode="edge")
    return np.asarray(padded[: 4 * n].reshape(n, 4).mean(1), np.float32)

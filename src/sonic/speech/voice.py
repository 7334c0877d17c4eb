"""Is there a voice? Syllables and pauses move the level of speech, where chords, hum and hiss hold theirs.

Over 2 s, the level of read and of conversational speech has a standard deviation of 5 dB and more, beneath noise of the
same power still 2.4; chords and plucked strings have less than 2.2, noise less than 1. A beat of drums is as lively as
speech and is taken for it: this measure only says what is certainly none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sonic.types import F32, F64, SPEECH_RATE_HZ

FRAME = SPEECH_RATE_HZ // 50
WINDOW_S, STEP_S = 2, 1
STEADY_DB = 2.3
"""Standard deviation of the level below which two seconds hold no speech."""
BELOW_TOP_DB = 15.0
"""What is quieter than the loud parts by more than this is background, whatever it is."""
AUDIBLE_DB = -60.0
_RANGE_DB = 40.0
_BAND_HZ = (150.0, 5000.0)


class Recorded(Protocol):
    """(N,) samples at SPEECH_RATE_HZ as they came from the decoder, read in slices."""

    def __len__(self) -> int: ...

    def decoded(self, first: int, last: int) -> F32:
        """Samples first to last - 1."""


@dataclass(frozen=True, slots=True)
class Voice:
    """What two seconds after two seconds of a recording may be."""

    lively: bool
    """Whether any of them moves as speech does, or the recording is too short to tell."""
    steady_s: tuple[tuple[float, float], ...]
    """(begin, end) of each passage that is loud and holds no speech."""


def listen(samples: Recorded) -> Voice:
    """Where a recording at SPEECH_RATE_HZ may hold speech and where it cannot."""
    levels = np.concatenate([np.zeros(0), *_levels(samples)])
    if not len(levels) or levels.max() < AUDIBLE_DB:
        return Voice(lively=False, steady_s=())
    window, step = 50 * WINDOW_S, 50 * STEP_S
    if len(levels) < window:
        return Voice(lively=True, steady_s=())
    views = np.lib.stride_tricks.sliding_window_view(levels, window)[::step]
    heard = np.percentile(views, 90, axis=1) > max(float(np.percentile(levels, 95)) - BELOW_TOP_DB, AUDIBLE_DB)
    moved = np.maximum(views, views.max(1, keepdims=True) - _RANGE_DB).std(1)
    return Voice(lively=bool((heard & (moved >= STEADY_DB)).any()), steady_s=_passages(heard & (moved < STEADY_DB)))


def _levels(samples: Recorded) -> Iterator[F64]:
    """Level of the voice's band in dB of full scale, 50 a second, a block at a time."""
    hz = np.fft.rfftfreq(2 * FRAME, 1 / SPEECH_RATE_HZ)
    band = (hz >= _BAND_HZ[0]) & (hz <= _BAND_HZ[1])
    window = np.hanning(FRAME)
    for first in range(0, len(samples) - FRAME + 1, 400 * FRAME):
        block = samples.decoded(first, min(first + 400 * FRAME, len(samples)))
        frames = block[: len(block) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
        power = np.abs(np.fft.rfft(frames * window, 2 * FRAME)[:, band]) ** 2
        yield 10 * np.log10(power.sum(1) / (FRAME * (window**2).sum()) + 1e-12)


def _passages(steady: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[tuple[float, float], ...]:
    """Windows that follow one another as one passage."""
    passages: list[tuple[float, float]] = []
    for index in np.flatnonzero(steady):
        begin, end = float(index * STEP_S), float(index * STEP_S + WINDOW_S)
        if passages and begin <= passages[-1][1]:
            begin = passages.pop()[0]
        passages.append((begin, end))
    return tuple(passages)

"""Held vowels, as in song: clips whose voiced sounds last longer, with their motion.

Readers and talkers hold no vowel for longer than some 0.3 s, so a network that has heard nothing else lets the lips
fall together in the middle of a note.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sonic.signals import runs
from sonic.training.sound import UNKNOWN, Utterance, n_labels
from sonic.types import F32, F64, SPEECH_RATE_HZ

HELD = "+held"
"""What the key of such a clip ends with."""
SHARE = 0.6
"""Of the voiced sounds that are held."""
FACTOR = (1.5, 5.0)
TEMPO = (0.8, 1.25)
"""Of the whole clip besides."""
HOP, WINDOW, SEARCH = 160, 480, 96
"""Samples: 10 ms, 30 ms and 6 ms."""
LEAST_S = 0.06
VOICED = 0.6
"""Least correlation with itself one pitch period later."""
LOUD_DB = 25.0
"""Below the loud parts: quieter sounds are not held."""
_PITCH_S = (1 / 400, 1 / 70)


def held_utterances(clips: Iterable[Utterance]) -> Iterator[Utterance]:
    """Each clip once more with held vowels, under its key and HELD."""
    for clip in clips:
        sound = stretched(_sound(clip), held_places(clip))
        labels = np.full(n_labels(len(sound)), UNKNOWN, np.uint8)
        whole = (np.clip(sound, -1, 1) * 32767).astype(np.int16)
        yield replace(clip, key=clip.key + HELD, samples=whole, phones="", labels=labels)


def held_motion(clip: Utterance, latents: F32) -> F32:
    """(T, C) latents of a clip at 25 Hz, as long as its held sound."""
    places = held_places(clip)
    wanted = np.arange(len(places) * HOP // (SPEECH_RATE_HZ // 25)) / 25
    at = 25 * np.interp(wanted, np.arange(len(places)) * HOP / SPEECH_RATE_HZ, places)
    columns = [np.interp(at, np.arange(len(latents)), column) for column in latents.T]
    return np.asarray(np.stack(columns, 1), np.float32)


def _sound(clip: Utterance) -> F32:
    return np.asarray(clip.samples.astype(np.float32) / 32768)


def held_places(clip: Utterance) -> F64:
    """(N,) s: where in a clip's sound each 10 ms of its held sound come from; the same for the same clip."""
    samples, rng = _sound(clip), np.random.default_rng(zlib.crc32(clip.key.encode()))
    tempo = rng.uniform(*TEMPO)
    speed = np.full(len(samples) // HOP, tempo)
    for start, stop in zip(*runs(voiced(samples)), strict=True):
        if (stop - start) * HOP >= LEAST_S * SPEECH_RATE_HZ and rng.random() < SHARE:
            inner = slice(start + 1, stop - 1)  # the way in and out keeps its pace
            speed[inner] = tempo / rng.uniform(*FACTOR)
    ends = np.cumsum(1 / speed)
    grid = np.arange(int(ends[-1]) if len(ends) else 0)
    return np.asarray(np.interp(grid, np.r_[0, ends], np.arange(len(speed) + 1)) * HOP / SPEECH_RATE_HZ)


def voiced(samples: F32) -> NDArray[np.bool_]:
    """(N,) every 10 ms, whether the loud sound there repeats itself at some pitch."""
    n = len(samples) // HOP
    padded = np.pad(samples.astype(np.float64), WINDOW + HOP)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * WINDOW)[HOP + HOP // 2 :: HOP][:n]
    frames = (frames - frames.mean(1, keepdims=True)) * np.hanning(2 * WINDOW)
    power = np.abs(np.fft.rfft(frames, 4 * WINDOW)) ** 2
    own = np.fft.irfft(power)[:, : 2 * WINDOW]
    taper = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(2 * WINDOW), 4 * WINDOW)) ** 2)[: 2 * WINDOW]
    low, high = (round(s * SPEECH_RATE_HZ) for s in _PITCH_S)
    repeats = (own[:, low:high] / taper[low:high]).max(1) / np.maximum(own[:, 0] / taper[0], 1e-12)
    level = 10 * np.log10(own[:, 0] + 1e-9)
    return np.asarray((repeats > VOICED) & (level > np.percentile(level, 95) - LOUD_DB)) if n else np.zeros(0, bool)


def stretched(samples: F32, places: F64) -> F32:
    """Sound whose every 10 ms come from ``places`` (N,) s of ``samples``, at their pitch.

    WSOLA (Verhelst and Roelands 1993): each window is taken where it goes on best from the one before.
    """
    margin = WINDOW + SEARCH
    sound = np.pad(samples.astype(np.float64), margin + HOP)
    shape = np.hanning(WINDOW + 1)[:-1]
    out, weight = np.zeros(len(places) * HOP + WINDOW), np.zeros(len(places) * HOP + WINDOW)
    follows: int | None = None
    for i, place in enumerate(np.rint(places * SPEECH_RATE_HZ).astype(int) + margin + HOP - WINDOW // 2):
        at = place if follows is None else _best(sound, int(place), follows)
        out[i * HOP :][:WINDOW] += shape * sound[at : at + WINDOW]
        weight[i * HOP :][:WINDOW] += shape
        follows = at + HOP
    first = WINDOW // 2
    return np.asarray((out / np.maximum(weight, 1e-3))[first : first + len(places) * HOP], np.float32)


def _best(sound: F64, place: int, follows: int) -> int:
    """Within SEARCH of ``place``, where the sound is most like what follows at ``follows``."""
    last = len(sound) - WINDOW
    low, high = max(place - SEARCH, 0), min(place + SEARCH, last)
    wanted = sound[min(follows, last) :][:WINDOW]
    if high <= low or abs(place - follows) < 2:
        return min(max(follows if abs(place - follows) < 2 else place, 0), last)
    match = np.correlate(sound[low : high + WINDOW], wanted, "valid")
    return low + int(match.argmax())

"""Forced alignment without a model of any language: the recording beside the same words as espeak-ng says them.

Both are heard by the shipped speech encoder, whose features depend little on the voice; dynamic time warping (Sakoe and
Chiba 1978) finds which moment of one is which of the other, in a band around a coarse path so that hours stay small.
"""

from collections.abc import Sequence

import numpy as np

from sonic.speech.encoders import FEATURE_HZ
from sonic.speech.encoders.whisper import WhisperListener, shipped_encode
from sonic.types import F32, F64, SPEECH_RATE_HZ, Samples

PAUSE_S, GAP_S = 0.16, 0.02
"""Silence in the spoken words after punctuation, and between others."""
COARSE = 6
"""Frames that the coarse path takes as one."""
BAND_S = 4.0
"""The fine path keeps this close to the coarse one."""
SHORT_S = 40.0
"""Recordings up to this length need no coarse path."""
LEVEL_WEIGHT = 1.0
"""Cost of silence beside loud speech; features cost 0 to 2."""
AUDIBLE = 0.3
"""Level below which a frame is silence: 27 dB below the loud ones."""
STRETCH = 0.12
"""Cost of a step that takes a frame of one side alone: keeps the pace even where sounds do not tell."""
_LAST_PUNCTUATION = ".,;:!?…。，、；：！？।؟،"


def align(samples: Samples, sounds: Sequence[F32], texts: Sequence[str]) -> list[tuple[float, float]]:
    """(begin, end) in seconds of each word in a recording; ``sounds`` are the words as a synthetic voice says them.

    A word without sound gets no length, at the end of the one before it.
    """
    spoken, places = _reference(sounds, texts)
    recording, reference = _features(samples), _features(spoken)
    path = _path(recording, reference)  # of each reference frame, the first and the last recording frame
    times: list[tuple[float, float]] = []
    for first, last in places:
        if last <= first:
            at = times[-1][1] if times else 0.0
            times.append((at, at))
            continue
        begin, end = path[first, 0], path[min(last, len(path)) - 1, 1] + 1
        begin, end = _without_silence(recording[:, -1], int(begin), int(end))
        times.append((begin / FEATURE_HZ, end / FEATURE_HZ))
    return times


def _without_silence(level: F32, begin: int, end: int) -> tuple[int, int]:
    """The part of a word's frames that is heard: a pause beside it is no part of it."""
    heard = np.flatnonzero(level[begin:end] > AUDIBLE)
    if not len(heard):
        return begin, max(begin + 1, end)
    return begin + int(heard[0]), begin + int(heard[-1]) + 1


def _reference(sounds: Sequence[F32], texts: Sequence[str]) -> tuple[F32, list[tuple[int, int]]]:
    """All words in a row, and (first, last) feature frame of each."""
    blocks: list[F32] = [np.zeros(round(GAP_S * SPEECH_RATE_HZ), np.float32)]
    places, n = [], len(blocks[0])
    for sound, text in zip(sounds, texts, strict=True):
        step = SPEECH_RATE_HZ / FEATURE_HZ
        places.append((round(n / step), round((n + len(sound)) / step)))
        pause_s = PAUSE_S if text[-1:] in _LAST_PUNCTUATION else GAP_S
        blocks += [sound, np.zeros(round(pause_s * SPEECH_RATE_HZ), np.float32)]
        n += len(sound) + len(blocks[-1])
    return np.concatenate(blocks), places


def _features(samples: Samples) -> F32:
    """(T, width + 1) features of unit variance, and the level, which tells speech from pauses."""
    n = max(2, len(samples) * FEATURE_HZ // SPEECH_RATE_HZ)
    listener = WhisperListener(samples, shipped_encode())
    heard = np.concatenate([listener.frames(k, min(k + 300, n)) for k in range(0, n, 300)])
    heard = (heard - heard.mean(0)) / (heard.std(0) + 1e-3)
    heard /= np.linalg.norm(heard, axis=1, keepdims=True) + 1e-6
    return np.asarray(np.concatenate([heard, _level(samples, n)[:, None]], axis=1), np.float32)


def _level(samples: Samples, n: int) -> F32:
    """(n,) 0 in silence to 1 in loud speech."""
    step = SPEECH_RATE_HZ // FEATURE_HZ
    sound = np.concatenate([samples[k : k + 400 * step] for k in range(0, n * step, 400 * step)])
    sound = np.pad(sound, (0, max(0, n * step - len(sound))))[: n * step].astype(np.float64)
    level = 10 * np.log10((sound.reshape(n, step) ** 2).mean(1) + 1e-9)
    top = np.percentile(level, 95)
    return np.asarray(np.clip(1 + (level - top + 6) / 30, 0, 1), np.float32)


def _path(recording: F32, reference: F32) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    """(M, 2) first and last frame of the recording for each frame of the reference."""
    n, m = len(recording), len(reference)
    if n <= SHORT_S * FEATURE_HZ:
        return _warp(recording, reference, np.zeros(m, np.int64), np.full(m, n, np.int64))
    coarse = _path(_thinned(recording), _thinned(reference))
    at = np.minimum(np.arange(m) // COARSE, len(coarse) - 1)
    reach = round(BAND_S * FEATURE_HZ)
    low = np.maximum.accumulate(np.clip(coarse[at, 0] * COARSE - reach, 0, n - 1))
    high = np.maximum.accumulate(np.clip(coarse[at, 1] * COARSE + COARSE + reach, 1, n))
    low[0], high[-1] = 0, n
    return _warp(recording, reference, low, high)


def _thinned(side: F32) -> F32:
    whole = len(side) // COARSE * COARSE
    return np.asarray(side[:whole].reshape(-1, COARSE, side.shape[1]).mean(1), np.float32)


def _warp(recording: F32, reference: F32, low: "np.ndarray", high: "np.ndarray") -> "np.ndarray":
    """The cheapest monotonous path; column j may use frames low[j] to high[j] - 1 of the recording.

    A row is one reference frame. Staying in it while the recording goes on is a running minimum, so that each row is a
    few operations on arrays: cost[i] = min over k <= i of entry[k] + (sum of distances from k to i).
    """
    m = len(reference)
    before = np.zeros(0)
    before_low = 0
    choices: list[tuple[int, np.ndarray, np.ndarray]] = []
    for j in range(m):
        first, last = int(low[j]), int(high[j])
        part = recording[first:last]
        away = 1 - part[:, :-1] @ reference[j, :-1] + LEVEL_WEIGHT * (part[:, -1] - reference[j, -1]) ** 2
        if j == 0:
            entry, came = np.full(last - first, np.inf), np.zeros(last - first, np.int8)
            entry[0] = 0.0
        else:
            entry, came = _entries(before, before_low, first, last)
        total = np.cumsum(away + STRETCH)
        start = entry + away - total
        best = np.minimum.accumulate(start)
        at = np.maximum.accumulate(np.where(start <= best, np.arange(last - first, dtype=np.int16), np.int16(0)))
        before, before_low = total + best, first
        choices.append((first, at, came))
    out = np.zeros((m, 2), np.int64)
    i = int(high[-1]) - 1
    for j in range(m - 1, -1, -1):
        first, at, came = choices[j]
        k = int(at[i - first])
        out[j] = first + k, i
        i = first + k - (1 if came[k] else 0)
    return out


def _entries(before: F64, before_low: int, first: int, last: int) -> tuple[F64, "np.ndarray"]:
    """Cost of coming into a row from the one before: from the same frame of the recording, or from the one before it.

    Also which of both it was: 1 for the frame before.
    """
    padded = np.full(last - before_low + 1, np.inf)
    padded[1 : 1 + min(len(before), last - before_low)] = before[: last - before_low]
    offset = first - before_low
    straight = padded[offset + 1 : offset + 1 + last - first] + STRETCH
    diagonal = padded[offset : offset + last - first]
    return np.minimum(straight, diagonal), (diagonal <= straight).astype(np.int8)

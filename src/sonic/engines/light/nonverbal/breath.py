"""Lips in silence: shut after speech, parted to draw breath before the next words, now and then apart at rest.

In filmed free speech (24 clips, tracked with the same landmark model) the lips are apart for three quarters of the
silence in pauses of 0.3 to 1.6 s: by 0.05 outer-eye distances, widest just before the next word. Here they close first,
because a mouth that stays open after a word looks late, and part again for the breath; in short pauses they stay apart.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sonic.engines.light.nonverbal.eyes import events
from sonic.faces.geometry import smoothstep
from sonic.motion import Motion
from sonic.speech.prosody import Prosody
from sonic.types import F32, F64

BREATH_MM = 2.0
"""Median opening of a breath between two phrases of some 2 s that nothing says: filmed free speech has 4.6 mm, but most
of that is where the next words begin, which the lips' networks hear themselves."""
BREATH_S = 0.8
"""Median length of a breath where the pause has room for it."""
REST_MM, REST_S = 1.8, 1.2
"""Medians of lips that come apart at rest."""
CLOSURE_S = 0.08
"""Before the first sound of a phrase in which lips are shut again where it is p, b or m: they shut unheard."""
SHORT_PAUSE_S = 0.5
"""In pauses shorter than this the lips mostly do not shut at all: filmed lips spend a seventh of them shut."""
_SHUT_S = 0.2
"""After speech, in longer pauses: what it takes the lips to close."""
_LONGEST_S = 1.8
_LONG_PHRASE_S = 3.0
_REST_AFTER_S, _RESTS_A_SECOND = 2.0, 0.12


def parted_lips(prosody: Prosody, rng: np.random.Generator) -> F32:
    """(T,) mm, at least this far the lips are apart, at prosody.fps; 0 in speech and in most of a long silence.

    ``rng`` must come from numpy.random.default_rng (it is split into streams); the same state gives the same lips, and
    a sample depends on the prosody of the next 5 s only: _LONGEST_S and _LONG_PHRASE_S.
    """
    rate, n = float(prosody.fps), len(prosody)
    for_lots, for_sizes, for_rest = rng.spawn(3)
    lots, sizes = for_lots.random((n, 2)), for_sizes.standard_normal((n, 2))
    out = _at_rest(prosody, for_rest, rate)
    starts, stops = _pauses(prosody)
    following = np.append(starts[1:], n) - stops
    for start, stop, words in zip(starts, stops, following, strict=True):
        pause_s = (stop - start) / rate
        short = start > 0 and pause_s < SHORT_PAUSE_S
        if lots[start, 0] > (0.7 if short else 0.92):
            continue
        room_s = pause_s if short else pause_s - CLOSURE_S - (0.0 if start == 0 else _SHUT_S)
        length_s = room_s if short else min(BREATH_S * float(np.exp(0.35 * sizes[start, 0])), room_s, _LONGEST_S)
        if length_s <= 0:
            continue
        full = 0.75 + 0.5 * min(words / rate / _LONG_PHRASE_S, 1.0)
        depth = BREATH_MM * float(np.exp(0.25 * sizes[start, 1])) * full * float(smoothstep(-0.15, 0.6, length_s))
        end_s = stop / rate - (0.0 if short else CLOSURE_S)
        _part(out, end_s - length_s, end_s, depth, lean=0.4 * lots[start, 1], rate=rate)
    return out.astype(np.float32)


def breathe(motion: Motion, parted_mm: F32) -> Motion:
    """The motion with its lips at least ``parted_mm`` (T,) apart."""
    return replace(motion, lip_gap=np.maximum(motion.lip_gap, parted_mm))


def _pauses(prosody: Prosody) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(starts, stops) of the silences that speech follows."""
    edges = np.diff(np.concatenate([[True], prosody.speaking, [True]]).astype(np.int8))
    starts, stops = np.flatnonzero(edges == -1), np.flatnonzero(edges == 1)
    heard = stops < len(prosody)
    return starts[heard], stops[heard]


def _at_rest(prosody: Prosody, rng: np.random.Generator, rate: float) -> F64:
    """(T,) mm: lips that come apart a little, for a second or two, in silences that last."""
    n = len(prosody)
    for_times, for_sizes = rng.spawn(2)
    frames = np.arange(n)
    last = np.maximum.accumulate(np.where(prosody.speaking, frames, -1))
    long_silent = (frames - last) / rate > _REST_AFTER_S
    at = events(np.where(long_silent, _RESTS_A_SECOND, 0.0), for_times, spread=0.6, rate=rate)
    out = np.zeros(n)
    for frame, (size, length) in zip(at, for_sizes.standard_normal((len(at), 2)), strict=True):
        stop_s = frame / rate + REST_S * float(np.exp(0.5 * length))
        _part(out, frame / rate, stop_s, REST_MM * float(np.exp(0.3 * size)), lean=0.0, rate=rate)
    return np.where(prosody.speaking, 0.0, out)


def _part(out: F64, start_s: float, stop_s: float, depth: float, *, lean: float, rate: float) -> None:
    """Raises ``out`` in place to one opening: apart within a third, wider by ``lean`` towards its end, then shut."""
    length = stop_s - start_s
    frames = np.arange(max(0, int(start_s * rate)), min(len(out), int(stop_s * rate) + 1))
    t = frames / rate - start_s
    rise = smoothstep(0.0, min(0.3, 0.45 * length), t)
    fall = smoothstep(length, length - min(0.2, 0.45 * length), t)
    out[frames] = np.maximum(out[frames], depth * rise * fall * (1 - lean / 2 + lean * t / length))

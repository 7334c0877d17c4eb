"""When each word is said: by alignment where espeak-ng has a voice, else by length over what is voiced."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from sonic.captions import espeak
from sonic.captions.align import align
from sonic.captions.lines import Cue, Word, cues_of, kept_cues
from sonic.captions.recogniser import Recognised
from sonic.captions.script import Script, Unit, is_wide
from sonic.speech.prosody import prosody
from sonic.types import OnNotice, Opening, Samples

_SPEECH_HZ = 25


@dataclass(frozen=True, slots=True)
class Captions:
    """Cues, ready to be written and drawn."""

    cues: tuple[Cue, ...]
    method: str
    """How their times were found: aligned, estimated, or the author's own."""
    source: str = ""
    """Name of the file that they are from."""
    recogniser: str = ""
    """Which model recognised their words; empty for words of an author."""


def timed(
    script: Script, samples: Samples, on_notice: OnNotice, *, language: str | None = None, begin_s: float = 0.0
) -> Captions:
    """Captions of a recording at 16 kHz.

    Subtitles that have times keep them; ``begin_s`` is where on their clock the recording begins. A text is aligned
    where espeak-ng is installed and says its language; else its times are estimated from what is voiced, with a notice.
    """
    length_s = len(samples) / 16_000
    if script.subtitles:
        moved = (replace(one, begin_s=one.begin_s - begin_s, end_s=one.end_s - begin_s) for one in script.subtitles)
        inside = tuple(one for one in moved if one.begin_s < length_s and one.end_s > 0)
        if len(inside) < len(script.subtitles):
            n = len(script.subtitles) - len(inside)
            on_notice(f"{n} of {len(script.subtitles)} subtitles of {script.name!r} lie outside of the video")
        return Captions(kept_cues(inside, length_s), "the author's own", script.name)
    spoken = language or espeak.language_by_script(script.units)
    times, method = _aligned(script.units, samples, spoken), "aligned"
    if times is None:
        why = "espeak-ng is not installed" if espeak.program() is None else f"espeak-ng has no voice for {spoken}"
        on_notice(f"{why}: the captions' times are estimated, not aligned; words may be off by half a second")
        times, method = estimated(script.units, samples), "estimated"
    words = tuple(Word(unit, *_clipped(time, length_s)) for unit, time in zip(script.units, times, strict=True))
    return Captions(cues_of(words, length_s), method, script.name)


def recognised(found: Recognised, samples: Samples) -> Captions:
    """Captions of what a machine has heard in a recording at 16 kHz.

    Times are found by alignment, as those of a text are, where espeak-ng says the language; else they are its own.
    """
    length_s = len(samples) / 16_000
    times, method = _aligned(found.units, samples, found.language.tag), "aligned"
    if times is None:
        times, method = list(found.times), "the recogniser's"
    words = tuple(Word(unit, *_clipped(time, length_s)) for unit, time in zip(found.units, times, strict=True))
    return Captions(cues_of(words, length_s), method, recogniser=found.model)


def opening(captions: Captions, length_s: float) -> Captions:
    """What of the captions lies in the first seconds."""
    kept = tuple(cue for cue in captions.cues if cue.begin_s < length_s)
    return replace(captions, cues=kept)


def _aligned(units: Sequence[Unit], samples: Samples, language: str) -> list[tuple[float, float]] | None:
    sounds = espeak.say(units, language)
    if sounds is None or not any(len(sound) for sound in sounds):
        return None
    return align(samples, sounds, [unit.text for unit in units])


def estimated(units: Sequence[Unit], samples: Samples) -> list[tuple[float, float]]:
    """(begin, end) of each unit: its share of the letters is its share of what is voiced."""
    speaking = prosody(Opening(samples, len(samples))).speaking
    moments = np.flatnonzero(speaking) / _SPEECH_HZ
    if not len(moments):
        moments = np.arange(max(1, len(samples) * _SPEECH_HZ // 16_000)) / _SPEECH_HZ
    weights = np.array([max(0.5, sum(2.5 if is_wide(c) else 1.0 for c in unit.spoken)) + 0.5 for unit in units])
    ends = np.cumsum(weights) / weights.sum()
    places = np.concatenate([[0.0], ends]) * (len(moments) - 1)
    at = moments[np.round(places).astype(int)]
    return [(float(a), float(max(b, a + 0.02))) for a, b in pairwise(at)]


def _clipped(time: tuple[float, float], length_s: float) -> tuple[float, float]:
    begin = min(time[0], length_s)
    return begin, min(max(time[1], begin), length_s)

"""What a recording says and in which language, recognised by Whisper (Radford et al. 2022) through faster-whisper.

The extra ``captions`` brings the program; the weights are fetched by `sonic weights fetch --for captions`, never here.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sonic.captions.recogniser_weights import locate, named
from sonic.captions.script import Unit, units_of
from sonic.types import F32, SPEECH_RATE_HZ, OnNotice, Samples

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

SURE = 0.5
"""A language that is less probable than this is not taken for known."""
LANGUAGE_S = 30.0
"""Seconds of speech by which a language is judged: what Whisper sees at once."""
BEAMS = 5
_ALIASES = {"cmn": "zh", "yue": "zh", "nb": "no", "fil": "tl", "iw": "he", "jv": "jw"}
"""Tags that Whisper knows by another name, or as part of another language."""


@dataclass(frozen=True, slots=True)
class Language:
    """What a recording is spoken in."""

    tag: str
    probability: float

    @property
    def is_clear(self) -> bool:
        """Whether it may be taken for known."""
        return self.probability >= SURE

    def __str__(self) -> str:
        return f"{self.tag} ({self.probability:.0%})"


@dataclass(frozen=True, slots=True)
class Recognised:
    """A text with times, as a machine heard it."""

    units: tuple[Unit, ...]
    times: tuple[tuple[float, float], ...]
    """(begin, end) of each unit in seconds, by Whisper's attention."""
    language: Language
    model: str


def recognise(
    samples: Samples, on_notice: OnNotice, *, language: str | None = None, folder: Path | None = None
) -> Recognised:
    """The words of a recording at 16 kHz; ``language`` is a tag where it is known. Raises InstallError."""
    place = locate(folder)
    model, sound = _model(place), _sound(samples)
    tag = _known(model, language, on_notice)
    segments, about = model.transcribe(
        sound, language=tag, beam_size=BEAMS, word_timestamps=True, condition_on_previous_text=False, vad_filter=True
    )
    units: list[Unit] = []
    times: list[tuple[float, float]] = []
    for segment in segments:
        new = units_of(segment.text)
        units += new
        times += _times(new, [(word.word, float(word.start), float(word.end)) for word in segment.words or ()])
    heard = Language(about.language, float(about.language_probability))
    return Recognised(tuple(units), tuple(times), heard, named(place))


def find_language(samples: Samples, *, folder: Path | None = None) -> Language:
    """What a recording at 16 kHz is spoken in, by its opening. Raises InstallError."""
    sound = _sound(samples[: round(LANGUAGE_S * SPEECH_RATE_HZ)])
    tag, probability, _ = _model(locate(folder)).detect_language(sound, vad_filter=True)
    return Language(tag, float(probability))


@cache
def _model(folder: Path) -> "WhisperModel":
    from faster_whisper import WhisperModel

    return WhisperModel(str(folder), device="cpu", compute_type="int8", local_files_only=True)


# Its threads stay behind when the process forks, as those of onnxruntime do: see sonic.weights.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_model.cache_clear)


def _sound(samples: Samples) -> F32:
    return np.ascontiguousarray(samples[: len(samples)], np.float32)


def _known(model: Any, language: str | None, on_notice: OnNotice) -> str | None:
    """Whisper's own tag of a language; None, with a notice, where it has none."""
    if language is None:
        return None
    first = language.lower().split("-")[0]
    tag = _ALIASES.get(first, first)
    if tag in model.supported_languages:
        return str(tag)
    on_notice(f"the recogniser does not know the language {language!r}; it takes what it hears for the nearest one")
    return None


def _times(units: Sequence[Unit], words: Iterable[tuple[str, float, float]]) -> list[tuple[float, float]]:
    """Of each unit: a recogniser's words are cut elsewhere, so both are laid along the letters of the text."""
    begins, ends = _by_letter(words)
    if not begins:
        return [(0.0, 0.0)] * len(units)
    stops = list(accumulate(len(unit.text) for unit in units))
    last = len(begins) - 1
    return [
        (begins[min(stop - len(unit.text), last)], ends[min(stop - 1, last)])
        for unit, stop in zip(units, stops, strict=True)
    ]


def _by_letter(words: Iterable[tuple[str, float, float]]) -> tuple[list[float], list[float]]:
    """When each letter of the words begins and ends; those of one word share its time evenly."""
    begins: list[float] = []
    ends: list[float] = []
    for text, begin_s, end_s in words:
        n = len("".join(text.split()))
        step = (end_s - begin_s) / max(n, 1)
        begins += [begin_s + k * step for k in range(n)]
        ends += [begin_s + (k + 1) * step for k in range(n)]
    return begins, ends

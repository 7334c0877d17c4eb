"""espeak-ng as a program of the user: says single words, so that a recording can be compared with them.

It is GPL software and no part of Sonic: it is started as a process where it is installed, and nothing of it is linked.
"""

import io
import shutil
import subprocess
import unicodedata
import wave
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

from sonic.captions.script import Unit
from sonic.types import F32, SPEECH_RATE_HZ

PROGRAMS = ("espeak-ng", "espeak")
VOICES = {"zh": "cmn", "yue": "yue", "pt": "pt-br", "en": "en-us", "nb": "nb", "no": "nb", "jw": "jv", "tl": "fil"}
"""Language -> voice, where they are not called the same."""
_SCRIPTS = (
    ("HIRAGANA", "ja"), ("KATAKANA", "ja"), ("CJK", "zh"), ("HANGUL", "ko"), ("ARABIC", "ar"), ("HEBREW", "he"),
    ("DEVANAGARI", "hi"), ("BENGALI", "bn"), ("TAMIL", "ta"), ("TELUGU", "te"), ("GUJARATI", "gu"), ("GURMUKHI", "pa"),
    ("KANNADA", "kn"), ("MALAYALAM", "ml"), ("THAI", "th"), ("GREEK", "el"), ("CYRILLIC", "ru"), ("GEORGIAN", "ka"),
    ("ARMENIAN", "hy"), ("ETHIOPIC", "am"),
)  # fmt: skip
_TIMEOUT_S = 20
_QUIET = 0.01


@cache
def program() -> str | None:
    """Where espeak-ng is; None where it is not installed."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


def language_by_script(units: Sequence[Unit]) -> str:
    """The language that a text's letters speak for: good enough to say its words; English for Latin letters."""
    names = [unicodedata.name(c, "") for unit in units[:400] for c in unit.spoken]
    counts = {language: sum(name.startswith(script) for name in names) for script, language in _SCRIPTS}
    if counts["ja"]:
        return "ja"
    best = max(counts, key=lambda language: counts[language])
    return best if 2 * counts[best] > len(names) / 2 else "en"


def say(units: Sequence[Unit], language: str) -> list[F32] | None:
    """Each unit's sound at 16 kHz, without the silence around it; None where no voice says this language."""
    voice = VOICES.get(language.lower()) or VOICES.get(language.split("-")[0].lower(), language.split("-")[0].lower())
    if program() is None or _say("a", voice) is None:
        return None
    texts = sorted({unit.spoken for unit in units} - {""})
    with ThreadPoolExecutor(2) as pool:
        sounds = dict(zip(texts, pool.map(lambda text: _say(text, voice), texts), strict=True))
    nothing = np.zeros(0, np.float32)
    return [_or(sounds.get(unit.spoken), nothing) for unit in units]


def _or(sound: F32 | None, nothing: F32) -> F32:
    return nothing if sound is None else sound


def _say(text: str, voice: str) -> F32 | None:
    command = [str(program()), "-v", voice, "-s", "160", "-z", "--stdin", "--stdout"]
    try:
        made = subprocess.run(command, input=text.encode(), capture_output=True, timeout=_TIMEOUT_S, check=True)  # noqa: S603
        with wave.open(io.BytesIO(made.stdout)) as file:
            rate = file.getframerate()
            data = np.frombuffer(file.readframes(len(made.stdout)), "<i2").astype(np.float32) / 32768
    except (OSError, subprocess.SubprocessError, wave.Error, EOFError):
        return None
    loud = np.flatnonzero(np.abs(data) > _QUIET * max(float(np.abs(data).max(initial=0)), 1e-6))
    if not len(loud):
        return None
    data = data[loud[0] : loud[-1] + 1]
    at = np.arange(int(len(data) * SPEECH_RATE_HZ / rate)) * (rate / SPEECH_RATE_HZ)
    return np.asarray(np.interp(at, np.arange(len(data)), data), np.float32)

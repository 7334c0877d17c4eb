"""What is said, as its author has it: a text, or subtitles in SRT or WebVTT, in units that can be timed and broken.

A unit is a word of scripts that put spaces between words, and a character of those that do not; punctuation belongs to
the unit before it.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sonic.errors import MediaError
from sonic.files import read_small_text

MAX_BYTES = 4 * 1024 * 1024
"""Of a file."""
MAX_UNITS = 60_000
"""Ten hours of fast speech."""
SUFFIXES = (".txt", ".srt", ".vtt")
_TIME = r"(?:([0-9]{1,4}):)?([0-9]{1,2}):([0-9]{2})[.,]([0-9]{1,3})"
_TIMES = re.compile(rf"{_TIME}\s{{0,20}}-->\s{{0,20}}{_TIME}")
"""Everything in it has an end: a line of a million digits or spaces must not be tried from each of them."""
_TAGS = re.compile(r"<[^<>]{0,200}>|\{\\[^{}]{0,200}\}")
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "IDEOGRAPHIC", "THAI", "LAO", "KHMER", "MYANMAR")
_OPENING = ("Ps", "Pi")


@dataclass(frozen=True, slots=True)
class Unit:
    """One word, or one character of a script without spaces."""

    text: str
    spaced: bool
    """Whether a space follows in the text."""
    ends_line: bool = False
    """Whether the author began a new line or subtitle after it."""

    @property
    def spoken(self) -> str:
        """Letters and digits, without punctuation; may be empty."""
        return "".join(c for c in self.text if unicodedata.category(c)[0] in "LMN" or c in "'’-")


@dataclass(frozen=True, slots=True)
class TimedText:
    """One subtitle of a file that has times."""

    begin_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Script:
    """A text to be timed, or subtitles that are."""

    units: tuple[Unit, ...]
    subtitles: tuple[TimedText, ...] = ()
    """Empty for a text without times."""
    name: str = ""
    """Of the file, for messages and records."""


def read_captions(path: Path) -> Script:
    """The script in a file of text, SRT or WebVTT. Raises MediaError for what is none."""
    if path.suffix.lower() not in SUFFIXES:
        raise MediaError(f"captions {path.name!r} end in none of {', '.join(SUFFIXES)}; give a text or subtitles")
    try:
        text = read_small_text(path, MAX_BYTES)
    except OSError as error:
        raise MediaError(f"captions {str(path)!r} cannot be read ({error.strerror}); give text in UTF-8") from error
    subtitles = tuple(_subtitles(text)) if path.suffix.lower() != ".txt" else ()
    if path.suffix.lower() != ".txt" and not subtitles:
        raise MediaError(f"captions {path.name!r} hold no times like 00:01:02,500 --> 00:01:04,000; name a text .txt")
    units = units_of("\n".join(one.text for one in subtitles) if subtitles else text)
    if not units or len(units) > MAX_UNITS:
        raise MediaError(f"captions {path.name!r} hold {len(units)} words; give 1 to {MAX_UNITS}")
    return Script(units, subtitles, path.name)


def units_of(text: str) -> tuple[Unit, ...]:
    """The units of a text, in the order in which they are said."""
    units: list[Unit] = []
    for line in text.splitlines():
        words = "".join(c if c.isprintable() or c in "\u200c\u200d" else " " for c in line).split()
        for word in words:
            parts = list(_parts(word))
            units += [Unit(part, spaced=place == len(parts) - 1) for place, part in enumerate(parts)]
        if words and units:
            last = units[-1]
            units[-1] = Unit(last.text, last.spaced, ends_line=True)
    return tuple(units)


def is_wide(character: str) -> bool:
    """Whether a character takes the room and the time to read of an ideograph."""
    return unicodedata.east_asian_width(character) in "WF"


def is_rtl(text: str) -> bool:
    """Whether a text runs from right to left, by its first letter that says so."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in ("L", "R", "AL"):
            return kind != "L"
    return False


def joined(units: Iterable[Unit]) -> str:
    """The text of these units, without a space at its end."""
    return "".join(unit.text + " " * unit.spaced for unit in units).rstrip()


def _parts(word: str) -> Iterable[str]:
    """The word, or its characters where its script has no spaces, each with the punctuation that clings to it."""
    part, opening = "", ""
    for character in word:
        category = unicodedata.category(character)
        if category in _OPENING:
            opening += character
            continue
        clings = category[0] in "PSM" or character in "\u200c\u200d"
        if part and not clings and (_unspaced(character) or _unspaced(part[-1]) or _ends_unspaced(part)):
            yield part
            part = ""
        part += opening + character
        opening = ""
    if part or opening:
        yield part + opening


def _unspaced(character: str) -> bool:
    return unicodedata.name(character, "").startswith(_UNSPACED)


def _ends_unspaced(part: str) -> bool:
    """Whether punctuation at the end of a part follows a character of such a script."""
    letter = next((c for c in reversed(part) if unicodedata.category(c)[0] in "LN"), "")
    return letter != "" and _unspaced(letter)


def _subtitles(text: str) -> Iterable[TimedText]:
    lines = text.splitlines()
    times = [(place, found) for place, line in enumerate(lines) if (found := _TIMES.search(line))]
    for number, (place, found) in enumerate(times, 1):
        following = times[number][0] if number < len(times) else len(lines)
        begin_s, end_s = _seconds(*found.groups()[:4]), _seconds(*found.groups()[4:])
        body: list[str] = []
        for line in lines[place + 1 : following]:
            if not line.strip():
                break
            body.append(" ".join(_TAGS.sub("", line).split()))
        if end_s > begin_s and any(body):
            yield TimedText(begin_s, end_s, "\n".join(filter(None, body)))


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction}")

"""Words become cues that can be read: at most two lines, not too fast, not too short, broken where sense breaks.

The limits are those of broadcasters: 42 characters a line, 20 a second; an ideograph counts as 42/16 of a character in
the line (16 a line) and as 20/9 in time (9 a second).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sonic.captions.script import TimedText, Unit, is_wide, joined, units_of

LINE = 42.0
MAX_LINES = 2
WIDE = LINE / 16
PER_S = 20.0
WIDE_TO_READ = PER_S / 9
SHORTEST_S = 5 / 6
LONGEST_S = 7.0
PAUSE_S = 0.6
"""A silence this long ends a cue."""
LINGER_S = 0.25
"""A cue stays this long after its last word, where the next one leaves room."""
GAP_S = 0.08
"""Two frames between cues: the eye notices that the text has changed."""
_SENTENCE, _CLAUSE = ".!?…。！？।؟", ",;:，、；：،؛—–"


@dataclass(frozen=True, slots=True)
class Word:
    """One unit and when it is said."""

    unit: Unit
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption."""

    begin_s: float
    end_s: float
    lines: tuple[tuple[Word, ...], ...]
    """One or two."""

    def texts(self) -> tuple[str, ...]:
        """The lines as text."""
        return tuple(joined(word.unit for word in line) for line in self.lines)

    @property
    def per_s(self) -> float:
        """How fast it has to be read, in narrow characters a second."""
        return to_read("".join(self.texts())) / max(self.end_s - self.begin_s, 1e-3)


def width(text: str) -> float:
    """Room in a line, in narrow characters."""
    return sum(WIDE if is_wide(c) else 1.0 for c in text)


def to_read(text: str) -> float:
    """Characters to read, in narrow ones."""
    return sum(WIDE_TO_READ if is_wide(c) else 1.0 for c in text)


def cues_of(words: Sequence[Word], length_s: float) -> tuple[Cue, ...]:
    """The cues of timed words; ``length_s`` is where the video ends."""
    return _spaced([Cue(part[0].begin_s, part[-1].end_s, broken(part)) for part in _parts(words)], length_s)


def kept_cues(subtitles: Iterable[TimedText], length_s: float) -> tuple[Cue, ...]:
    """An author's subtitles with their own times and lines; a word's time is its share of the letters.

    Of a subtitle that begins before 0 or ends after ``length_s`` the words in between are kept.
    """
    cues = []
    for one in subtitles:
        lines, begin_s, total = [], one.begin_s, max(to_read(one.text), 1)
        for text in one.text.split("\n"):
            line = []
            for unit in units_of(text):
                upto = min(
                    begin_s + (one.end_s - one.begin_s) * to_read(unit.text + " " * unit.spaced) / total, one.end_s
                )
                if upto > 0 and begin_s < length_s:
                    line.append(Word(unit, max(begin_s, 0.0), min(upto, length_s)))
                begin_s = upto
            lines.append(tuple(line))
        cues.append(Cue(max(one.begin_s, 0.0), min(one.end_s, length_s), tuple(filter(None, lines))))
    return tuple(cue for cue in cues if cue.lines and cue.end_s > cue.begin_s)


def broken(words: Sequence[Word]) -> tuple[tuple[Word, ...], ...]:
    """One line, or two of which the lower is rather the longer, broken after punctuation where that is near."""
    words = tuple(words)
    if width(joined(word.unit for word in words)) <= LINE:
        return (words,)
    best, cost = len(words), float("inf")
    for place in range(1, len(words)):
        first, second = (width(joined(w.unit for w in part)) for part in (words[:place], words[place:]))
        over = max(0.0, first - LINE) + max(0.0, second - LINE)
        ends = words[place - 1].unit.text[-1:] in _SENTENCE + _CLAUSE
        here = 100 * over + abs(first - second) + 0.3 * max(0.0, first - second) - 8 * ends
        if here < cost:
            best, cost = place, here
    return tuple(filter(None, (words[:best], words[best:])))


def _parts(words: Sequence[Word]) -> list[list[Word]]:
    """Words that are shown together."""
    parts: list[list[Word]] = []
    part: list[Word] = []
    for place, word in enumerate(words):
        if part and (_full([*part, word]) or word.begin_s - part[-1].end_s >= PAUSE_S):
            held = _better_end(part) if _full([*part, word]) else len(part)
            parts.append(part[:held])
            part = part[held:]
        part.append(word)
        following = words[place + 1] if place + 1 < len(words) else None
        if following is None or _ends(part, following):
            parts.append(part)
            part = []
    return [part for part in parts if part]


def _full(part: Sequence[Word]) -> bool:
    lines = broken(part)
    too_wide = any(width(joined(word.unit for word in line)) > LINE for line in lines) and len(part) > 1
    return too_wide or (part[-1].end_s - part[0].begin_s > LONGEST_S and len(part) > 1)


def _ends(part: Sequence[Word], following: Word) -> bool:
    """Whether a cue is better ended here than filled: a sentence is over and it can be read in its time."""
    text, end = joined(word.unit for word in part), part[-1].unit
    if end.text[-1:] in _SENTENCE or (end.ends_line and end.text[-1:] not in _CLAUSE):
        return following.begin_s - part[0].begin_s >= SHORTEST_S
    return end.text[-1:] in _CLAUSE and width(text) > 0.8 * LINE


def _better_end(part: Sequence[Word]) -> int:
    """Where a full part is cut: after its last punctuation if that lies in its later half, else at its end."""
    for place in range(len(part), len(part) // 2, -1):
        if part[place - 1].unit.text[-1:] in _SENTENCE + _CLAUSE:
            return place
    return len(part)


def _spaced(cues: Sequence[Cue], length_s: float) -> tuple[Cue, ...]:
    """The cues with the time that reading takes, as far as the next one leaves it, in order and without overlap."""
    made: list[Cue] = []
    for place, cue in enumerate(cues):
        following = cues[place + 1].begin_s if place + 1 < len(cues) else length_s
        begin_s = max(cue.begin_s, made[-1].end_s if made else 0.0)
        needed_s = max(SHORTEST_S, to_read("".join(cue.texts())) / PER_S)
        room = following - GAP_S if place + 1 < len(cues) else length_s
        end_s = min(max(cue.end_s + LINGER_S, begin_s + needed_s), max(room, cue.end_s))
        made.append(replace(cue, begin_s=begin_s, end_s=min(max(end_s, begin_s + 0.1), max(length_s, begin_s + 0.04))))
    return tuple(made)

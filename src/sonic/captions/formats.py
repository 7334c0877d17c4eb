"""Captions as files beside a video: WebVTT for the web, SRT for everything else."""

from sonic.captions.lines import Cue, Word
from sonic.captions.timing import Captions

NOTE = "NOTE Made with Sonic"
"""By this line a file is known to be ours, and may be replaced."""


def to_vtt(captions: Captions, *, words: bool = False) -> str:
    """WebVTT; ``words``: with the time of each word, which players colour as they are said."""
    words_by = f"words recognised by {captions.recogniser}, to be read and corrected; " if captions.recogniser else ""
    parts = [f"WEBVTT\n\n{NOTE}: {words_by}times {captions.method}\n"]
    for cue in captions.cues:
        lines = [_timed_line(line, cue) for line in cue.lines] if words else [_escaped(t) for t in cue.texts()]
        parts.append(f"{_clock(cue.begin_s, '.')} --> {_clock(cue.end_s, '.')}\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def to_srt(captions: Captions) -> str:
    """SubRip."""
    parts = [
        f"{n}\n{_clock(cue.begin_s, ',')} --> {_clock(cue.end_s, ',')}\n" + "\n".join(cue.texts()) + "\n"
        for n, cue in enumerate(captions.cues, 1)
    ]
    return "\n".join(parts)


def _timed_line(line: tuple[Word, ...], cue: Cue) -> str:
    """The words with their times; the first needs none."""
    text = ""
    for place, word in enumerate(line):
        inside = cue.begin_s < word.begin_s < cue.end_s
        stamp = f"<{_clock(word.begin_s, '.')}>" if inside else ""
        text += stamp + _escaped(word.unit.text) + " " * (word.unit.spaced and place + 1 < len(line))
    return text


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: float, point: str) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}{point}{ms % 1000:03d}"

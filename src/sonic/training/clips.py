"""Which clips a folder holds: GRID, LRS3, VoxCeleb2, or any folder; with speaker and transcript where they are known.

- GRID: a file name that ends in a six-letter sentence code is its own transcript; ``s1_bbaf2n.mpg`` names its speaker.
- LRS3: ``trainval/SPEAKER/00001.mp4`` with ``00001.txt`` beside it.
- VoxCeleb2: ``dev/mp4/SPEAKER/VIDEO/00001.mp4``; sound without picture is found in ``dev/aac/SPEAKER/VIDEO/00001.m4a``.
- Any other folder: its first level of folders are the speakers; a file at the top is a speaker of its own.

A ``clips.csv`` with the columns file and speaker, if there is one, names the speakers.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from sonic.errors import MediaError

SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".mpg", ".m4v")
SOUND_SUFFIXES = (".m4a", ".wav", ".flac", ".opus", ".ogg", ".mp3")
PARTITIONS = ("dev", "train", "trainval", "pretrain", "val", "test", "mp4", "mpg", "video", "videos", "clips", "data")
"""Folders above the speakers in the corpora's own layouts; ``test`` is never trained on."""

GRID_CODE = re.compile(r"(?:(s\d+)_)?.*?([bpls])([bgrw])([abiw])([a-vx-z])([0-9z])([apns])$")
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GRID_WORDS: tuple[dict[str, str], ...] = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {},
    dict(zip("z123456789", _DIGITS, strict=True)),
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)


@dataclass(frozen=True, slots=True)
class Source:
    """One clip on disk before it is tracked."""

    file: str
    """Path below the folder that was given, that folder's name included."""
    path: Path
    sound: Path
    """The file whose sound belongs to the picture: the clip itself, or one beside it."""
    key: str
    """Name in the store, unique in the corpus."""
    speaker: str
    split: str
    """train or test"""
    text: str
    """Transcript in lower case, or empty."""


def find_clips(root: Path) -> list[Source]:
    """Every clip under ``root`` with its speaker and transcript, sorted by path. Raises MediaError without any."""
    root = root.resolve()
    if not root.is_dir():
        raise MediaError(f"{root} is no folder; give a folder of clips")
    files = (p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    named = _speaker_table(root / "clips.csv")
    found = [_source(root, path, named) for path in sorted(files)]
    if not found:
        raise MediaError(f"{root} holds no clips; give a folder with files of {', '.join(SUFFIXES)}")
    return found


def grid_sentence(stem: str) -> str:
    """The sentence that a GRID file name encodes (``bbaf2n`` -> "bin blue at f two now"), or an empty text."""
    code = GRID_CODE.match(stem)
    if not code:
        return ""
    return " ".join(words.get(letter, letter) for words, letter in zip(GRID_WORDS, code.groups()[1:], strict=True))


def _speaker_table(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["file"]: str(row.get("speaker") or Path(row["file"]).stem) for row in csv.DictReader(file)}


def _source(root: Path, path: Path, named: dict[str, str]) -> Source:
    parts = path.relative_to(root).parts[:-1]
    above = 0
    while above < len(parts) and parts[above].lower() in PARTITIONS:
        above += 1
    code = GRID_CODE.match(path.stem)
    # A partition without speakers below it (videos/a.mp4) is a flat folder.
    below = parts[above] if above < len(parts) else (code[1] if code else None) or path.stem
    speaker = named.get(path.name, below)
    middle = "_".join([*parts[:above], *parts[above + 1 :]]) or path.parent.name
    return Source(
        file=f"{root.name}/{path.relative_to(root).as_posix()}",
        path=path,
        sound=_sound(path),
        key=f"{speaker}__{middle}_{path.stem}",
        speaker=speaker,
        split="test" if "test" in parts[:above] else "train",
        text=_transcript(path),
    )


def _sound(path: Path) -> Path:
    """The clip itself, unless its sound lies beside it or in VoxCeleb2's tree ``aac``."""
    places = [path]
    if "mp4" in path.parts:
        at = len(path.parts) - 1 - path.parts[::-1].index("mp4")
        places.append(Path(*path.parts[:at], "aac", *path.parts[at + 1 :]))
    found = (place.with_suffix(suffix) for place in places for suffix in SOUND_SUFFIXES)
    return next((file for file in found if file.is_file()), path)


def _transcript(path: Path) -> str:
    beside = path.with_suffix(".txt")
    if beside.is_file():
        first = beside.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
        return " ".join(first.removeprefix("Text:").lower().split())
    return grid_sentence(path.stem)

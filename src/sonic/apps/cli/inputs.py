"""What a command line gives for portraits and recordings: names, patterns where the shell expands none, and "-"."""

import glob
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sonic.apps.cli.show import is_terminal
from sonic.errors import SettingError, SpeechError
from sonic.files import open_regular, read_small_text

STDIN = "-"
TEXT = "text"
"""Stands for a recording that is yet to be spoken."""
MAX_TEXT_BYTES = 1024 * 1024
_BLOCK_BYTES = 1 << 20
_PATTERN = "*?["
_PICTURES = ("JPEG", "PNG", "WebP picture", "BMP", "TIFF", "GIF", "AVIF", "HEIC", "SVG", "PDF")


@dataclass(frozen=True, slots=True)
class Inputs:
    """Every portrait says every recording."""

    portraits: tuple[str, ...]
    recordings: tuple[str, ...]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """(portrait, recording), recording by recording of each portrait."""
        return [(portrait, recording) for portrait in self.portraits for recording in self.recordings]


def sorted_inputs(first: str, others: Iterable[str]) -> Inputs:
    """The first is a portrait; of more than one other, those that are pictures by their content are portraits as well.

    Raises SettingError where nothing is left to be spoken, where the two are the wrong way round, and for standard
    input that is a terminal.
    """
    portraits, rest = expanded([first]), expanded(others)
    if len(portraits) + len(rest) == 2:
        if is_picture(rest[0]) and not is_picture(portraits[0]):
            raise SettingError(
                f"{rest[0]!r} is a picture and {portraits[0]!r} is none; name the portrait first, then the recording"
            )
        return Inputs(tuple(portraits), tuple(_readable(rest)))
    pictures = [name for name in rest if is_picture(name)]
    recordings = [name for name in rest if name not in pictures]
    if not recordings:
        raise SettingError(f"{', '.join([*portraits, *pictures])} are pictures; add the recording that they speak")
    return Inputs((*portraits, *pictures), tuple(_readable(recordings)))


def spoken_text(given: str | None, voice: str | None, recordings: list[str]) -> str | None:
    """What --text says, itself or in a file (@FILE); None where a recording is given. Raises SettingError."""
    if given is None:
        if voice is not None:
            raise SettingError("--voice is for a text; add --text, or leave it out")
        if not recordings:
            raise SettingError("nothing is to be said; name a recording, or add --text and --voice")
        return None
    if recordings:
        raise SettingError(f"--text and the recording {recordings[0]!r} cannot both be spoken; leave one out")
    if voice is None:
        raise SettingError("--text needs --voice: a language of espeak-ng, such as en, or the .onnx of a piper voice")
    if not given.startswith("@"):
        return given
    try:
        return read_small_text(Path(given[1:]), MAX_TEXT_BYTES)
    except OSError as error:
        raise SpeechError(f"text {given[1:]!r} cannot be read ({error.strerror}); give a file of UTF-8 text") from error


def piped(name: str, folder: Path) -> str | Path:
    """``name``, or where it is "-" a file in ``folder`` with what standard input holds, to be read as often as needed.

    Raises SettingError for a terminal, SpeechError for more than a recording may have and where there is no room.
    """
    from sonic.media.container import MAX_SOUND_BYTES

    if _readable([name]) != [STDIN]:
        return name
    file, n_bytes = folder / stem(STDIN), 0
    try:
        with file.open("wb") as copy:
            while block := sys.stdin.buffer.read(_BLOCK_BYTES):
                n_bytes += len(block)
                if n_bytes > MAX_SOUND_BYTES:
                    raise SpeechError(f"standard input has more than {MAX_SOUND_BYTES // 1024**2} MB; cut it in parts")
                copy.write(block)
    except OSError as error:
        raise SpeechError(f"standard input cannot be kept in {str(folder)!r} ({error.strerror}); make room") from error
    return file


def expanded(names: Iterable[str]) -> list[str]:
    """Patterns as the files that match them, in order: the shells of Windows leave them to programs."""
    found: list[str] = []
    for name in names:
        matches = sorted(glob.glob(name)) if set(name) & set(_PATTERN) and not os.path.lexists(name) else []
        found += matches or [name]
    return list(dict.fromkeys(found))


def is_picture(name: str) -> bool:
    """Whether the file of this name is a picture by its content."""
    from sonic.media.sniff import HEAD_BYTES, sniff

    with suppress(OSError), open_regular(name) as file:
        return sniff(file.read(HEAD_BYTES)) in _PICTURES
    return False


def _readable(recordings: list[str]) -> list[str]:
    if STDIN in recordings and is_terminal(sys.stdin):
        raise SettingError("- is standard input, and that is a terminal; pipe a recording into it, or name a file")
    return recordings


def stem(name: str) -> str:
    """What an output is called after this input."""
    return "stdin" if name == STDIN else Path(name).stem

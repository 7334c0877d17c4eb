"""Names of outputs that nobody named, or only a folder for them: after the inputs, free, and not too long."""

import os
import unicodedata
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from sonic.errors import OutputError

LONGEST_BYTES = 255
"""Of a file name where the system does not say; bytes, because most file systems count those."""
_ROOM_BYTES = 12
"""Kept free for a number, and for the record, whose suffix is longer than the video's."""
_JOINER = "\u200d"
_SKIN_TONES = ("\U0001f3fb", "\U0001f3ff")


def is_folder(given: str) -> bool:
    """Whether an output that was given names a folder: there is one, or it ends as only folders do."""
    return given.endswith(tuple(filter(None, ("/", os.sep, os.altsep)))) or os.path.isdir(given)


def named(given: str | None, inputs: Sequence[str | os.PathLike[str]], suffix: str) -> tuple[Path, bool]:
    """(output, whether its name was made up): ``given``, or a name after ``inputs`` in that or in this folder.

    Raises OutputError if the folder is not there.
    """
    if given is not None and not is_folder(given):
        return Path(given), False
    folder = Path(given or ".")
    if not os.path.isdir(folder):
        raise OutputError(f"output folder {given!r} does not exist; create it first")
    return folder / fitting([Path(path).stem for path in inputs], suffix, folder), True


def free(path: Path, suffix: str, *others: str, taken: Collection[Path | None] = ()) -> Path:
    """``path``, which ends in ``suffix``, or the same with -2, -3 ...: nothing is there, also with other suffixes.

    ``taken`` are names that others will get.
    """
    stem, number = path.name.removesuffix(suffix), 1
    while True:
        name = stem if number == 1 else f"{stem}-{number}"
        wanted = path.with_name(name + suffix)
        if wanted not in taken and not any(os.path.lexists(path.with_name(name + end)) for end in (suffix, *others)):
            return wanted
        number += 1


def fitting(stems: Sequence[str], suffix: str, folder: Path) -> str:
    """One or two stems, joined by a dash, and ``suffix``: a name that ``folder`` can hold and a person can type.

    Characters that cannot be seen become underscores; what is too long is cut between characters, each stem by its
    share.
    """
    stems = [_readable(stem) for stem in stems]
    room = _longest(folder) - _ROOM_BYTES - len(suffix) - (len(stems) - 1)
    lengths = [_n_bytes(stem) for stem in stems]
    share = room // len(stems)
    spare = sum(max(0, share - n) for n in lengths)
    return "-".join(shortened(stem, share + spare) for stem in stems) + suffix


def shortened(text: str, max_bytes: int) -> str:
    """The beginning of ``text`` that fits, in UTF-8; a letter keeps its accents, an emoji its parts, or both go."""
    kept = text
    while _n_bytes(kept) > max_bytes:
        kept = kept[:-1]
    while kept and len(kept) < len(text) and (_belongs_to_the_last(text[len(kept)]) or kept[-1] == _JOINER):
        kept = kept[:-1]
    return kept if kept == text else kept.rstrip(" .")


def _belongs_to_the_last(character: str) -> bool:
    is_mark = unicodedata.category(character).startswith("M") or character == _JOINER
    return is_mark or _SKIN_TONES[0] <= character <= _SKIN_TONES[1]


def _readable(stem: str) -> str:
    return "".join(c if c.isprintable() else "_" for c in stem).lstrip("-") or "sonic"


def _longest(folder: Path) -> int:
    with suppress(AttributeError, OSError, ValueError):
        return min(LONGEST_BYTES, os.pathconf(folder, "PC_NAME_MAX"))
    return LONGEST_BYTES


def _n_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))

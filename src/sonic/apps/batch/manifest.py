"""What is to be made, as people write it: JSON lines, CSV, YAML, or options; each row a mapping of plain values.

A row has the fields below and any setting by its name; ``settings`` may hold settings as well. A list of portraits or
of recordings stands for each of them: two portraits and three recordings are six rows. Paths are relative to the
manifest's folder.
"""

import csv
import io
import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sonic.apps.batch import stores
from sonic.apps.batch.places import Place, Url, place_of
from sonic.errors import MediaError, SettingError, SonicError, import_failure
from sonic.files import read_small_text

FIELDS = (
    "portrait", "speech", "out", "consent", "subject", "evidence", "settings", "preset", "platform", "captions",
    "burn_in", "karaoke", "cover",
)  # fmt: skip
KINDS = (".jsonl", ".csv", ".yaml", ".yml")
RECORDINGS = frozenset(re.findall(r"\S+", """
    .wav .mp3 .flac .ogg .oga .opus .m4a .aac .aiff .aif .caf .amr .wma .webm .mp4 .mov .mkv
"""))  # fmt: skip
"""Endings by which a folder's recordings are known; what is in them is looked at later."""
MAX_BYTES = 64 * 1024 * 1024
MAX_ROWS = 100_000
_LANGUAGES = frozenset(re.findall(r"\S+", """
    af am ar as az ba be bg bn bo br bs ca cs cy da de el en eo es et eu fa fi fil fo fr ga gd gl gu ha haw he hi hr
    ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro
    ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh
"""))  # fmt: skip
_TAG = re.compile(r"([a-z]{2,3})(-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class RawRow:
    """One video as it was asked for."""

    where: str
    """For messages: ``line 3``, ``row 3``."""
    values: Mapping[str, Any]
    base: Place
    """What relative paths are relative to."""
    problem: str = ""
    """Why it cannot be understood; empty if it can."""


def read_manifest(path: Place) -> list[RawRow]:
    """The rows of a manifest, those that cannot be understood with their problem.

    Raises SettingError for a file that is no manifest, and InstallError for YAML without a reader of it.
    """
    readers = {".jsonl": _jsonl, ".csv": _csv, ".yaml": _yaml, ".yml": _yaml}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise SettingError(f"manifest {path.name!r} ends in none of {', '.join(KINDS)}; name it by what it is")
    rows: list[RawRow] = []
    for where, values in reader(_text(path), path.name):
        rows += _rows(where, values, path.parent)
        if len(rows) > MAX_ROWS:
            raise SettingError(f"manifest {path.name!r} has more than {MAX_ROWS} rows; split it")
    if not rows:
        raise SettingError(f"manifest {path.name!r} has no rows; write one video a line")
    return rows


def rows_of(portraits: Sequence[str], inputs: Sequence[str], values: Mapping[str, Any], out: Place) -> list[RawRow]:
    """Each portrait with each recording; a folder stands for the recordings in it.

    Raises SettingError where a folder holds none.
    """
    rows: list[RawRow] = []
    for portrait, (speech, name) in itertools.product(portraits, _recordings(inputs)):
        stem = f"{place_of(portrait).stem}-{name}" if len(portraits) > 1 else name
        made = {"portrait": portrait, "speech": str(speech), "out": str(out / f"{stem}.mp4"), **values}
        rows.append(RawRow(f"row {len(rows) + 1}", made, Path()))
    return rows


def language_of(speech: Place) -> str | None:
    """The language that a file's name states, as in lesson.zh.mp3; None where it states none."""
    tag = Path(speech.stem).suffix.removeprefix(".")
    match = _TAG.fullmatch(tag)
    return tag if match and match[1] in _LANGUAGES else None


def _text(place: Place) -> str:
    try:
        if isinstance(place, Url):
            return stores.read(place, MAX_BYTES, SettingError).decode("utf-8-sig")
        return read_small_text(place, MAX_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SettingError(f"manifest {str(place)!r} cannot be read ({reason}); give another file") from error


def _recordings(inputs: Sequence[str]) -> Iterator[tuple[Place, str]]:
    """(file, name of what is made from it)."""
    for given in inputs:
        place = place_of(given)
        inside = _inside(place)
        if inside is None:
            yield place, place.stem
            continue
        found = [name for name in sorted(inside) if Path(name).suffix.lower() in RECORDINGS and name[0] != "."]
        if not found:
            raise SettingError(f"folder {given!r} holds no recordings; leave it out")
        folder = place.name if isinstance(place, Url) else place.resolve().name
        for name in found:
            yield place / name, f"{folder}-{Path(name).stem}"


def _inside(place: Place) -> Iterable[str] | None:
    """The names in a folder; None for what is none."""
    if isinstance(place, Url):
        return stores.listing(place, MediaError) if stores.is_folder(place) else None
    return [path.name for path in place.iterdir()] if place.is_dir() else None


def _rows(where: str, values: Any, base: Place) -> Iterable[RawRow]:
    """One row, or each of the matrix that its lists stand for."""
    if isinstance(values, SonicError):
        return [RawRow(where, {}, base, str(values))]
    if not isinstance(values, Mapping):
        return [RawRow(where, {}, base, f"is {_shown(values)}; write an object with portrait and speech")]
    lists = {name: values[name] for name in ("portrait", "speech") if isinstance(values.get(name), list)}
    if not lists:
        return [RawRow(where, dict(values), base)]
    if values.get("out") is not None:
        return [RawRow(where, {}, base, "names one out for a list of inputs; leave out out, or write single rows")]
    if (n := math.prod(map(len, lists.values()))) > MAX_ROWS:
        return [RawRow(where, {}, base, f"stands for {n} rows; at most {MAX_ROWS} are made, split it")]
    choices = itertools.product(*(enumerate(given, 1) for given in lists.values()))
    return [
        RawRow(
            f"{where} ({', '.join(f'{name} {n}' for name, (n, _) in zip(lists, choice, strict=True))})",
            {**values, **{name: one for name, (_, one) in zip(lists, choice, strict=True)}},
            base,
        )
        for choice in choices
    ]


def _shown(value: Any) -> str:
    """A value for a message; what holds others by its kind alone, for YAML lets a few lines stand for any number."""
    return type(value).__name__ if isinstance(value, list | set) else f"{value!r:.60}"


def _jsonl(text: str, name: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", json.loads(line)
        except (ValueError, RecursionError) as error:
            yield f"line {number}", SettingError(f"is not JSON ({error}); write one object a line")


def _csv(text: str, name: str) -> Iterator[tuple[str, Any]]:
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    try:
        for number, row in enumerate(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator), 1):
            if None in row:
                yield f"row {number}", SettingError("has more cells than the head of the table; quote its commas")
                continue
            yield f"row {number}", {key.strip(): cell.strip() for key, cell in row.items() if cell and cell.strip()}
    except csv.Error as error:
        raise SettingError(f"manifest {name!r} is no table ({error}); save it as CSV in UTF-8") from error


def _yaml(text: str, name: str) -> Iterator[tuple[str, Any]]:
    try:
        import yaml
    except ImportError as error:
        raise import_failure(error, "a YAML manifest", "pyyaml, or write it as JSON lines or CSV") from error
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SettingError(f"manifest {name!r} is not YAML: {' '.join(str(error).split())[:200]}") from error
    listed = values.get("rows") if isinstance(values, dict) else values
    if not isinstance(listed, list):
        raise SettingError(f"manifest {name!r} holds no list of rows; write a list, each with portrait and speech")
    for number, row in enumerate(listed, 1):
        yield f"row {number}", row

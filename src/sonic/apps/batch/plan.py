"""Every row is checked before the first starts: files, consent, names, duplicates, lengths, room on the disk."""

import os
import shutil
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from sonic.apps.batch import stores
from sonic.apps.batch.inputs import LIMITS, Found, Inputs, hash_of, remote_folder
from sonic.apps.batch.manifest import RawRow
from sonic.apps.batch.outcome import Outcome
from sonic.apps.batch.places import Place, Url
from sonic.apps.batch.publish import standing
from sonic.apps.batch.rows import Defaults, Row, estimated_pixels, key_of, row_of
from sonic.captions.fonts import font_for
from sonic.engines import check_engine
from sonic.errors import MediaError, OutputError, SonicError
from sonic.media.decode import sound_format
from sonic.media.images import is_foreign
from sonic.media.photo import load_photo
from sonic.pipeline.captioning import SUFFIXES
from sonic.pipeline.preflight import Permit, check_photo, request_permit
from sonic.settings.common import AUTO_LANGUAGE
from sonic.settings.platforms import platform

BYTES_PER_PIXEL_S = 0.35
"""Of a file at crf 18 and 25 fps, talking heads, with a margin; the record and the signature come on top."""
BYTES_PER_VIDEO = 300_000
SPARE_BYTES = 200_000_000
"""Left free on the disk: unfinished files of the rows at work, and other programs."""
PHOTOS_KEPT = 4
"""Decoded at a time: consents ask for the pixels, and a batch may have a thousand photos."""
_UNKNOWN_S = 60.0

Value = TypeVar("Value")


@dataclass(slots=True)
class Plan:
    """What is to be made, and all that stands against it."""

    rows: list[Row] = field(default_factory=list)
    """Rows without a problem, in their order."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """(where, what is wrong and how to mend it), of every row that has any."""


class _Looks:
    """Files are looked at once, however many rows name them; a failure is kept as well, of photos the latest few."""

    def __init__(self, inputs: Inputs, earlier: Mapping[str, Outcome]) -> None:
        self.inputs, self.earlier = inputs, earlier
        self._kept: dict[Hashable, object] = {}
        self._photos: deque[Hashable] = deque()

    def of(self, kind: str, path: Place, look: Callable[[], Value]) -> Value:
        """What ``look`` gave or raised."""
        key = (kind, path)
        if key not in self._kept:
            try:
                self._kept[key] = look()
            except SonicError as error:
                self._kept[key] = error
            if kind == "photo":
                self._photos.append(key)
        while len(self._photos) > PHOTOS_KEPT:
            del self._kept[self._photos.popleft()]
        value = self._kept[key]
        if isinstance(value, SonicError):
            raise value
        return value  # type: ignore[return-value]


def check_rows(
    raw_rows: Sequence[RawRow],
    defaults: Defaults,
    *,
    earlier: Mapping[str, Outcome] = {},
    overwrite: bool = False,
    on_checked: Callable[[int, int], None] = lambda done, total: None,
) -> Plan:
    """All rows and all problems; raises nothing that concerns one row.

    ``earlier`` is what is known of outputs by name: videos in stores that are as they were left need not be read.
    """
    plan, looks = Plan(), _Looks(Inputs(), earlier)
    for number, raw in enumerate(raw_rows, 1):
        try:
            row = _looked_at(row_of(raw, number, defaults, looks.inputs), looks, overwrite=overwrite)
            plan.rows.append(row)
        except SonicError as error:
            plan.problems.append((raw.where, str(error)))
        on_checked(number, len(raw_rows))
    plan.problems += _clashes(plan.rows)
    plan.problems += _short_of_room(plan.rows)
    return plan


def _looked_at(row: Row, looks: _Looks, *, overwrite: bool) -> Row:
    """The row with its length and key. Raises what making it would raise, as far as that is known without work."""
    settings = row.settings
    check_engine(settings.engine)
    here = dict(zip(row.inputs(), (_near(row, looks, n) for n in range(len(row.inputs()))), strict=True))
    photo = looks.of("photo", row.portrait, lambda: load_photo(here[row.portrait]))
    speech = here[row.speech]
    seconds = looks.of("speech", row.speech, lambda: sound_format(speech, settings.audio_track).claimed_s) or 0.0
    _check_captions(row, here.get(row.captions) if row.captions else None, looks, overwrite=overwrite)
    if isinstance(row.cover, Path) and not overwrite and is_foreign(row.cover):
        raise OutputError(f"{str(row.cover)!r} exists and no earlier job made it; give the video another name")
    _check_length(row, seconds)
    there = None if isinstance(row.out, Url) else _there(row.out)
    if settings.language == AUTO_LANGUAGE:  # found when the row is made; a consent that is limited wants it stated
        settings = settings.replace(language=None)
    permit: Permit = request_permit(row.consent, settings, there, *here.values(), overwrite=overwrite)
    check_photo(permit, photo, settings)
    if isinstance(row.out, Url):
        row = replace(row, replaces=_standing(row.out, looks, overwrite=overwrite))
    found = tuple(looks.of("found", place, lambda p=place: _found(p, here[p], looks)) for place in row.inputs())  # type: ignore[misc]
    row = replace(row, seconds=min(settings.duration or seconds, seconds or _UNKNOWN_S), found=found)
    return replace(row, key=key_of(row))


def _near(row: Row, looks: _Looks, n: int) -> Path:
    """An input where it can be read now."""
    place = row.inputs()[n]
    return looks.inputs.path(place, LIMITS[n])


def _found(place: Place, here: Path, looks: _Looks) -> Found:
    return Found(hash_of(here, str(place)), looks.inputs.stamp(place) if isinstance(place, Url) else "")


def _check_captions(row: Row, source: Path | None, looks: _Looks, *, overwrite: bool) -> None:
    if (request := row.caption_request(source)) is None:
        return
    script = request.read(None if isinstance(row.out, Url) else row.out, overwrite=overwrite)
    if script is not None and (style := row.style) is not None:
        looks.of("font", source or row.speech, lambda: font_for("".join(u.text for u in script.units), style.font))


def _standing(out: Url, looks: _Looks, *, overwrite: bool) -> str:
    """The stamp of the earlier output in a store. Raises OutputError where it is none, or nothing can be written."""
    if out.suffix.lower() != ".mp4":
        raise OutputError(f"output {out.name!r} does not end in .mp4; only MP4 is written")
    looks.of("writable", out.parent, lambda: stores.try_folder(out.parent))
    found = looks.of("listing", out.parent, lambda: stores.listing(out.parent))
    known = looks.earlier.get(str(out))
    return standing(out, found, known.stamps if known else None, overwrite=overwrite)


def _check_length(row: Row, seconds: float) -> None:
    if row.settings.platform is None or not seconds:
        return
    rules, length = platform(row.settings.platform), row.settings.duration or seconds
    if not rules.shortest_s <= length <= rules.longest_s:
        raise MediaError(
            f"{row.speech.name!r} has {length:.1f} s and {rules.title['en']} takes {rules.shortest_s:g} to "
            f"{rules.longest_s:g} s; cut it, or leave platform out"
        )


def _there(out: Path) -> Path | None:
    """``out`` where it can be looked at; None in a folder that will be made. Raises OutputError if it cannot be."""
    if out.parent.is_dir():
        return out
    if out.suffix.lower() != ".mp4":
        raise OutputError(f"output {out.name!r} does not end in .mp4; only MP4 is written")
    above = next((p for p in out.parent.parents if p.exists()), Path())
    if not above.is_dir() or out.parent.exists() or not os.access(above, os.W_OK):
        raise OutputError(f"output folder {str(out.parent)!r} cannot be made; choose another folder")
    return None


def _clashes(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Rows that write the same file, or one that another row reads."""
    problems: list[tuple[str, str]] = []
    writers: dict[str, Row] = {}
    inputs = {_name(path): row for row in rows for path in row.inputs()}
    for row in rows:
        for path in _outputs(row):
            name = _name(path)
            if (other := writers.get(name)) is not None:
                problems.append((row.where, f"writes {str(path)!r} like {other.where}; give one of them another out"))
                break
            if (reader := inputs.get(name)) is not None:
                problems.append((row.where, f"writes {str(path)!r}, which {reader.where} reads; give it another out"))
                break
            writers[name] = row
    return problems


def _outputs(row: Row) -> tuple[Place, ...]:
    captions = SUFFIXES if row.captions or row.recognise else ()
    beside = tuple(row.out.with_suffix(suffix) for suffix in (".json", *captions))
    return row.out, *beside, *((row.cover,) if row.cover else ())


def _name(place: Place) -> str:
    """One name for one file, also where case does not count: a batch that is moved must not lose videos."""
    return (str(place) if isinstance(place, Url) else os.path.realpath(place)).casefold()


def estimated_bytes(row: Row) -> float:
    """Of the finished files of a row."""
    pixels = estimated_pixels(row.settings)
    finer = 2 ** ((18 - row.settings.crf) / 6)
    return BYTES_PER_VIDEO + pixels * BYTES_PER_PIXEL_S * finer * (row.seconds or _UNKNOWN_S) + 16_000 * row.seconds


def _short_of_room(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """One problem a disk that cannot hold what its rows make."""
    needed: dict[int, float] = {}
    places: dict[int, Path] = {}
    for row in rows:
        parent = remote_folder() if isinstance(row.out, Url) else row.out.parent
        folder = next((p for p in (parent, *parent.parents) if p.is_dir()), Path())
        device = os.stat(folder).st_dev
        places[device] = folder
        if isinstance(row.out, Url):  # here until it is there, and then gone
            needed[device] = max(needed.get(device, 0.0), estimated_bytes(row))
        elif not row.out.exists():
            needed[device] = needed.get(device, 0.0) + estimated_bytes(row)
    problems = []
    for device, total in needed.items():
        free = shutil.disk_usage(places[device]).free
        if total + SPARE_BYTES > free:
            problems.append(
                (
                    str(places[device]),
                    f"the videos need about {total / 1e6:.0f} MB and {free / 1e6:.0f} MB are free; make room, or write "
                    "elsewhere",
                )
            )
    return problems

"""What came of rows, as lines of results.jsonl: appended as they happen, read again by the next call."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from sonic.apps.batch.folder import lines_of
from sonic.apps.batch.places import Place, Url
from sonic.apps.batch.publish import Stamps, is_whole
from sonic.apps.batch.rows import Row
from sonic.apps.batch.stores import Stat, listing
from sonic.errors import OutputError
from sonic.pipeline.write import is_foreign

RESULTS = "results.jsonl"
DONE, FAILED = "done", "failed"
FINAL = ("SettingError", "MediaError", "PhotoError", "SpeechError", "FaceError", "ConsentError")
"""Failures that the same inputs and settings meet again; others (disk, memory, a kill) are tried again unasked."""
_TUPLES = ("size_px", "notices", "checks", "stamps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one row."""

    row: int
    where: str
    key: str
    state: str
    """done | failed"""
    out: str
    portrait: str = ""
    speech: str = ""
    language: str | None = None
    kind: str = ""
    """Name of the error's class."""
    message: str = ""
    """Of the error: what, and how to mend it."""
    notices: tuple[str, ...] = ()
    seconds: float = 0.0
    """Length of the video."""
    wall_s: float = 0.0
    size_px: tuple[int, int] = (0, 0)
    measures: dict[str, float | None] = field(default_factory=dict)
    """Of the video's own pixels, where that was asked for."""
    checks: tuple[str, ...] = ()
    """What the platform's rules say of it, where it is not right."""
    stamps: Stamps = ("", "")
    """What the object store said of video and record when they were there; empty for files on disk."""
    thumbnail: str = ""
    """JPEG in base64, of a video in a store."""
    at: str = ""
    worker: int = 0

    @classmethod
    def of(cls, row: Row, state: str, **rest: Any) -> "Outcome":
        """An outcome of this row, now."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return cls(
            row=row.number, where=row.where, key=row.key, state=state, out=str(row.out), portrait=str(row.portrait),
            speech=str(row.speech), at=now, **({"language": row.settings.language} | rest),
        )  # fmt: skip

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self), ensure_ascii=False)


class Results:
    """The file of outcomes. A line that was cut off by a kill or a full disk is passed over."""

    def __init__(self, place: Place) -> None:
        self._lines = lines_of(place)
        self._unsaved: list[str] = []
        self._listings: dict[Url, dict[str, Stat]] = {}
        self.latest = _latest(self._lines.read())
        """Name of each output -> what came of it last."""

    def add(self, outcome: Outcome) -> None:
        """Append one line, on the disk when this returns; where the disk is full it is kept for the next time."""
        self.latest[outcome.out] = outcome
        self._unsaved.append(outcome.to_json())
        with suppress(OutputError):
            self._save()

    def close(self) -> None:
        """Write what is still unsaved. Raises OutputError if that cannot be."""
        self._save()
        self._lines.close()

    def is_done(self, row: Row) -> bool:
        """Whether this very video was made and is still there, unchanged."""
        earlier = self.latest.get(str(row.out))
        if earlier is None or (earlier.key, earlier.state) != (row.key, DONE):
            return False
        if isinstance(row.out, Url):
            return is_whole(row.out, self._listing(row.out.parent), earlier.stamps)
        return row.out.is_file() and not is_foreign(row.out)

    def failed_for_good(self, row: Row) -> Outcome | None:
        """The failure that this very row would meet again; None if there is none."""
        earlier = self.latest.get(str(row.out))
        known = earlier is not None and (earlier.key, earlier.state) == (row.key, FAILED) and earlier.kind in FINAL
        return earlier if known else None

    def _save(self) -> None:
        if self._unsaved:
            self._lines.append(self._unsaved)
            self._unsaved.clear()

    def _listing(self, folder: Url) -> dict[str, Stat]:
        """Of a folder in a store, asked for once: before the work, when all rows are looked for."""
        if folder not in self._listings:
            self._listings[folder] = listing(folder)
        return self._listings[folder]


def _latest(text: str) -> dict[str, Outcome]:
    latest: dict[str, Outcome] = {}
    for line in text.splitlines():
        try:
            values = json.loads(line)
            for name in _TUPLES:
                values[name] = tuple(values.get(name, ()))
            outcome = Outcome(**{**values, "stamps": values["stamps"] or ("", "")})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
        latest[outcome.out] = outcome
    return latest

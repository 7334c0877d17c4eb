"""What came of rows, as lines of results.jsonl: appended as they happen, read again by the next call."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sonic.apps.batch.rows import Row
from sonic.errors import OutputError
from sonic.pipeline.write import is_foreign

RESULTS = "results.jsonl"
DONE, FAILED = "done", "failed"
FINAL = ("SettingError", "MediaError", "PhotoError", "SpeechError", "FaceError", "ConsentError")
"""Failures that the same inputs and settings meet again; others (disk, memory, a kill) are tried again unasked."""


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

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unsaved: list[str] = []
        self.latest = _read(path)
        """Name of each output -> what came of it last."""

    def add(self, outcome: Outcome) -> None:
        """Append one line, on the disk when this returns; where the disk is full it is kept for the next time."""
        self.latest[outcome.out] = outcome
        self._unsaved.append(outcome.to_json())
        try:
            _append(self.path, self._unsaved)
        except OSError:
            return
        self._unsaved.clear()

    def close(self) -> None:
        """Write what is still unsaved. Raises OutputError if that cannot be."""
        try:
            _append(self.path, self._unsaved)
        except OSError as error:
            raise OutputError(
                f"{str(self.path)!r} cannot be written ({error.strerror}); make room and run the same command again"
            ) from error

    def is_done(self, row: Row) -> bool:
        """Whether this very video was made and is still there, unchanged."""
        earlier = self.latest.get(str(row.out))
        if earlier is None or (earlier.key, earlier.state) != (row.key, DONE):
            return False
        return row.out.is_file() and not is_foreign(row.out)

    def failed_for_good(self, row: Row) -> Outcome | None:
        """The failure that this very row would meet again; None if there is none."""
        earlier = self.latest.get(str(row.out))
        known = earlier is not None and (earlier.key, earlier.state) == (row.key, FAILED) and earlier.kind in FINAL
        return earlier if known else None


def _read(path: Path) -> dict[str, Outcome]:
    latest: dict[str, Outcome] = {}
    try:
        lines: Iterable[str] = path.read_text("utf-8", "replace").splitlines() if path.exists() else ()
    except OSError as error:
        raise OutputError(f"{str(path)!r} cannot be read ({error.strerror}); choose another folder") from error
    for line in lines:
        try:
            values = json.loads(line)
            values["size_px"], values["notices"] = tuple(values["size_px"]), tuple(values["notices"])
            values["checks"] = tuple(values["checks"])
            outcome = Outcome(**values)
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
        latest[outcome.out] = outcome
    return latest


def _append(path: Path, lines: list[str]) -> None:
    if not lines:
        return
    with open(path, "ab+", buffering=0) as file:  # a buffer would try again to write what was taken back
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(-1, os.SEEK_END)
        torn = end and file.read(1) != b"\n"
        data = ("\n" * bool(torn) + "\n".join(lines) + "\n").encode("utf-8", "backslashreplace")
        try:
            while data:
                data = data[file.write(data) :]
            os.fsync(file.fileno())
        except OSError:
            os.truncate(path, end)
            raise

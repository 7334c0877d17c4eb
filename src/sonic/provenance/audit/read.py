"""Reading the log: its entries, one by its content id, and whether all of it is as it was written."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sonic.errors import OutputError
from sonic.files import open_regular
from sonic.provenance.audit import head
from sonic.provenance.audit.chain import LOG, MAX_LINE, Entry, entry_hash, parsed, while_nobody_writes
from sonic.provenance.audit.head import GENESIS
from sonic.provenance.keys import home

MIN_PREFIX = 4
"""Fewer digits of a content id name none."""
EARLIEST = "2026-01-01"
"""No line is older."""
MAX_TOLD = 100
"""More problems than this are counted, not told."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What ``verify`` found."""

    n_entries: int
    """Lines that hold an entry."""
    head: str
    """Hash of the last one."""
    problems: tuple[str, ...]
    """One line each, with the number of the line in the file: what was changed, or is missing."""
    notices: tuple[str, ...]
    """One line each: what crashes left and was set right."""


def entries(kind: str | None = None) -> Iterator[Entry]:
    """Every entry that can be read, or those of one kind, in order; ``verify`` tells of others. Raises OutputError."""
    mark = b"" if kind is None else f'"{kind}"'.encode("ascii")
    for _, line in _lines():
        if mark not in line:  # most lines need not be understood
            continue
        if (entry := _whole(line)) and kind in (None, entry.kind):
            yield entry


def find(prefix: str) -> Entry | None:
    """The latest video or stream whose content id (produce_id) begins with these hexadecimal digits.

    None if there is none, or fewer than MIN_PREFIX digits. Raises OutputError if the log cannot be read.
    """
    if not re.fullmatch(rf"[0-9a-f]{{{MIN_PREFIX},32}}", prefix):
        return None
    found = None
    for entry in entries():
        if entry.kind in ("video", "stream") and str(entry.facts.get("produce_id", "")).startswith(prefix):
            found = entry
    return found


def verify() -> Verdict:
    """Read the whole log and say whether every line is as it was written and none is missing. Raises OutputError."""
    last, n_entries = None, 0
    problems, notices = _Told(), _Told()
    with while_nobody_writes():
        for number, line in _lines():
            if entry := _whole(line):
                for what in _faults(entry, last):
                    problems.add(f"line {number} {what}")
                for what in _odd_times(entry, last):
                    notices.add(f"line {number} {what}")
                if entry.kind == "repair":
                    (problems if "missing" in entry.facts else notices).add(f"line {number}: {_repaired(entry.facts)}")
                last, n_entries = entry, n_entries + 1
            elif line.endswith(b"\n"):
                problems.add(f"line {number} is no entry: it was changed")
            else:
                notices.add(f"line {number} is torn, as a crash leaves it; the next entry sets it aside")
        if lost := head.fault(home(), last, head.sealed_by(home())):
            problems.add(lost)
    return Verdict(n_entries, last.hash if last else GENESIS, problems.lines(), notices.lines())


class _Told:
    """Lines for people, at most MAX_TOLD and the number of the others."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._more = 0

    def add(self, line: str) -> None:
        if len(self._lines) < MAX_TOLD:
            self._lines.append(line)
        else:
            self._more += 1

    def lines(self) -> tuple[str, ...]:
        return (*self._lines, f"and {self._more} more") if self._more else tuple(self._lines)


def _whole(line: bytes) -> Entry | None:
    """The entry of a line that was finished; None if it is none, or lacks its line feed: that is about to be undone."""
    return parsed(line) if line.endswith(b"\n") else None


def _faults(entry: Entry, last: Entry | None) -> list[str]:
    """What is wrong with an entry by itself and after the one before it."""
    found = []
    if entry_hash(entry) != entry.hash:
        found.append("was changed: its hash is another one")
    if entry.previous != (last.hash if last else GENESIS) or entry.n != (last.n + 1 if last else 1):
        found.append(f"does not follow the line before it (entry {last.n if last else 0}): one was changed or removed")
    return found


def _odd_times(entry: Entry, last: Entry | None) -> list[str]:
    """What the clock cannot have said if it was right all the time; times of one form are compared as texts."""
    if last and entry.at < last.at:
        return [f"is of {entry.at}, the line before it of {last.at}: the clock was wrong, or was set back"]
    if entry.at > f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}":
        return [f"is of {entry.at}, after today: the clock was wrong"]
    return [] if entry.at >= EARLIEST else [f"is of {entry.at}, before Sonic was: the clock was wrong"]


def _repaired(repair: Mapping[str, Any]) -> str:
    parts = []
    if "torn_bytes" in repair:
        parts.append(f"{repair['torn_bytes']} bytes of a torn entry were set aside in {repair.get('kept_as')}")
    if "missing" in repair:
        parts.append(f"found when the log went on: {repair['missing']}")
    return " and ".join(map(str, parts)) or "the log was repaired"


def _lines() -> Iterator[tuple[int, bytes]]:
    """(number, bytes with their line feed) of every line there was when it began; overlong ones cut."""
    path = home() / LOG
    try:
        with open_regular(path) as log:
            left, number, inside = os.fstat(log.fileno()).st_size, 0, False
            while left > 0 and (line := log.readline(min(left, MAX_LINE))):
                left -= len(line)
                number += not inside
                if not inside:
                    yield number, line if line.endswith(b"\n") or left == 0 else line + b"\n"
                inside = not line.endswith(b"\n")
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"the audit log {str(path)!r} cannot be read ({error.strerror}); make it readable") from error

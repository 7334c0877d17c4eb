"""The lines of the log: what one holds, how one is written so that a crash at any byte leaves the rest whole.

A last line that is not JSON counts as torn, not only one without a line feed: pages of a line may reach the disk in any
order. One that is JSON and was changed is kept and followed; ``verify`` finds it.
"""

import json
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from sonic.errors import OutputError
from sonic.files import atomic_write
from sonic.hashing import sha256_of
from sonic.provenance.keys import HOME_VARIABLE, home

GENESIS = "0" * 64
"""``previous`` of the first line."""
MAX_LINE = 64 * 1024
"""Bytes of a line; longer ones are not ours."""
LOG, HEAD, LOCK, TORN = "audit.jsonl", "audit.head", "audit.lock", "audit.torn-"
_FIELDS = ("n", "at", "kind", "facts", "previous", "hash")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line."""

    n: int
    at: str
    kind: str
    facts: Mapping[str, Any]
    previous: str
    hash: str

    def to_dict(self) -> dict[str, Any]:
        """As in the file."""
        return {name: getattr(self, name) for name in _FIELDS}


def append(kind: str, facts: Mapping[str, Any]) -> Entry:
    """Write one entry and return it when it is on the disk.

    Any number of processes may do so at once. Raises OutputError, with the log as it was, if it cannot be written.
    """
    with _open_log() as (log, folder):
        last, torn_at = _tail(log)
        n, previous = (last.n, last.hash) if last else (0, GENESIS)
        if repair := _repair(log, folder, torn_at, last):
            first = _entry(n + 1, "repair", repair, previous)
            _write_line(log, folder, first)
            n, previous = first.n, first.hash
        entry = _entry(n + 1, kind, facts, previous)
        _write_line(log, folder, entry)
    return entry


def ready() -> None:
    """Raise OutputError if no entry could be written now: asked before hours of work."""
    with _open_log():
        pass


def entry_hash(entry: Entry) -> str:
    """What ``hash`` of this entry has to be; empty if it cannot have one."""
    values = entry.to_dict()
    del values["hash"]
    try:
        return sha256_of(values)
    except (ValueError, TypeError, RecursionError):
        return ""


def parsed(line: bytes) -> Entry | None:
    """The entry of a line, whether or not its hash is right; None if the line is none."""
    try:
        values = json.loads(line)
        entry = Entry(**values)
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (entry.at, entry.kind, entry.previous, entry.hash)
    fits = type(entry.n) is int and all(isinstance(text, str) for text in texts) and isinstance(entry.facts, dict)
    return entry if fits else None


def missing(folder: Path, last: Entry | None) -> str:
    """The entries that audit.head knows of and the log does not have; empty if there are none."""
    try:
        head = json.loads((folder / HEAD).read_bytes()[:MAX_LINE])
        n, expected = int(head["n"]), str(head["hash"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    have = last.n if last else 0
    if n > have:
        return f"entry {n}" if n == have + 1 else f"entries {have + 1} to {n}"
    return f"entry {n} as it was written" if last and n == have and expected != last.hash else ""


@contextmanager
def while_nobody_writes() -> Iterator[None]:
    """So that a reader does not take a line for torn that is being written; where nothing can be locked, as it is."""
    with ExitStack() as stack:
        with suppress(OSError):
            _lock(stack.enter_context(open(home() / LOCK, "r+b", buffering=0)).fileno())
        yield


def _repair(log: IO[bytes], folder: Path, torn_at: int, last: Entry | None) -> dict[str, Any]:
    """Set aside what a crash left after ``torn_at``; the facts of the repair, empty if there was nothing to do."""
    facts: dict[str, Any] = {}
    log.seek(torn_at)
    if torn := log.read():
        kept = folder / f"{TORN}{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(8)}"
        _write_file(kept, torn)
        log.truncate(torn_at)
        facts = {"torn_bytes": len(torn), "torn_sha256": sha256(torn).hexdigest(), "kept_as": kept.name}
    if lost := missing(folder, last):
        facts["missing"] = lost
    return facts


def _tail(log: IO[bytes]) -> tuple[Entry | None, int]:
    """(last entry, where what follows it begins)."""
    end, reach = log.seek(0, os.SEEK_END), 2 * MAX_LINE
    while True:
        start = max(0, end - reach)
        log.seek(start)
        lines = log.read(end - start).split(b"\n")
        at = end - len(lines.pop())
        while len(lines) > (start > 0):  # the first may be half a line
            line = lines.pop()
            if entry := parsed(line):
                return entry, at
            at -= len(line) + 1
        if start == 0:
            return None, 0
        reach *= 2


def _entry(n: int, kind: str, facts: Mapping[str, Any], previous: str) -> Entry:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    bare = Entry(n, at, kind, dict(facts), previous, "")
    return Entry(n, at, kind, bare.facts, previous, entry_hash(bare))


def _write_line(log: IO[bytes], folder: Path, entry: Entry) -> None:
    """The line on the disk, then the head; if either fails, the log is as it was."""
    line = json.dumps(entry.to_dict(), separators=(",", ":"), ensure_ascii=True).encode("ascii") + b"\n"
    if len(line) > MAX_LINE:
        raise OutputError(f"an entry of the audit log has {len(line)} bytes; at most {MAX_LINE} are written")
    end = log.seek(0, os.SEEK_END)
    try:
        view = memoryview(line)
        while view:
            view = view[log.write(view) :]
        os.fsync(log.fileno())
        atomic_write(folder / HEAD, json.dumps({"n": entry.n, "hash": entry.hash}).encode("ascii"), private=True)
    except BaseException:
        with suppress(OSError):
            log.truncate(end)
        raise


def _write_file(path: Path, data: bytes) -> None:
    with open(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _open_log() -> Iterator[tuple[IO[bytes], Path]]:
    """(the log, its folder), for this process alone. Raises OutputError for whatever the file system refuses."""
    folder = home()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o600), "r+b", buffering=0) as lock:
            _lock(lock.fileno())
            flags = os.O_CREAT | os.O_RDWR | getattr(os, "O_BINARY", 0)
            with open(os.open(folder / LOG, flags, 0o600), "r+b", buffering=0) as log:
                yield log, folder
    except OSError as error:
        raise OutputError(
            f"the audit log in {str(folder)!r} cannot be written ({error.strerror}), and no video is made without it; "
            f"make room, or set {HOME_VARIABLE} to a folder that can be written"
        ) from error


def _lock(fd: int) -> None:
    """Wait until no other process or thread holds it; closing the file ends it."""
    if sys.platform == "win32":
        import msvcrt

        while True:
            with suppress(OSError):  # it gives up after ten seconds
                return msvcrt.locking(fd, msvcrt.LK_LOCK, 1)
    import fcntl

    fcntl.flock(fd, fcntl.LOCK_EX)

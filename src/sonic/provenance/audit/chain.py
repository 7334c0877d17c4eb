"""The lines of the log: what one holds, how one is written so that a crash at any byte leaves the rest whole.

A last line that is not JSON counts as torn, not only one without a line feed: pages of a line may reach the disk in any
order. One that is JSON and was changed is kept and followed; ``verify`` finds it.
"""

import errno
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
from typing import IO, TYPE_CHECKING, Any

from sonic.errors import OutputError
from sonic.files import flush_to_disk, open_regular
from sonic.hashing import sha256_of
from sonic.provenance.audit import head
from sonic.provenance.audit.head import GENESIS
from sonic.provenance.keys import HOME_VARIABLE, home

MAX_LINE = 64 * 1024
"""Bytes of a line; longer ones are not ours."""
LOG, LOCK, TORN, RESERVE = "audit.jsonl", "audit.lock", "audit.torn-", "audit.reserve"
RESERVED = 4 * MAX_LINE
"""Bytes that are kept for the entry of a video that is finished when the disk is full."""
_FIELDS = ("n", "at", "kind", "facts", "previous", "hash")

if TYPE_CHECKING:
    from sonic.provenance.keys import Identity


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


class Log:
    """The log while no other process may touch it."""

    def __init__(self, file: IO[bytes], folder: Path, signer: "Identity") -> None:
        self._file, self._folder, self._signer = file, folder, signer

    def append(self, kind: str, facts: Mapping[str, Any]) -> Entry:
        """Write one entry and return it when it is on the disk; the log stays as it was if it cannot be written."""
        return self._append(kind, facts, self._signer.public_key_pem)

    def begin(self) -> None:
        """Say that a new key seals from here on: with a head, or with an entry where there was a log before."""
        last, _ = _tail(self._file)
        if last is None and not (self._folder / head.HEAD).exists():
            head.seal(self._folder, 0, GENESIS, _now(), self._signer)
        else:
            self._append("key", {"fingerprint": self._signer.fingerprint}, None)

    def _append(self, kind: str, facts: Mapping[str, Any], sealed_by: str | None) -> Entry:
        last, torn_at = _tail(self._file)
        n, previous = (last.n, last.hash) if last else (0, GENESIS)
        if repair := _repair(self._file, self._folder, torn_at, head.fault(self._folder, last, sealed_by)):
            first = _entry(n + 1, "repair", repair, previous)
            self._write(first)
            n, previous = first.n, first.hash
        entry = _entry(n + 1, kind, facts, previous)
        self._write(entry)
        return entry

    def _write(self, entry: Entry) -> None:
        """The entry on the disk, if need be in the room that ``ready`` kept for it."""
        try:
            self._put(entry)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not (self._folder / RESERVE).exists():
                raise
            (self._folder / RESERVE).unlink()
            self._put(entry)

    def _put(self, entry: Entry) -> None:
        """The line on the disk, then the head; if either fails, the log is as it was."""
        line = json.dumps(entry.to_dict(), separators=(",", ":"), ensure_ascii=True).encode("ascii") + b"\n"
        if len(line) > MAX_LINE:
            raise OutputError(f"an entry of the audit log has {len(line)} bytes; at most {MAX_LINE} are written")
        end = self._file.seek(0, os.SEEK_END)
        try:
            view = memoryview(line)
            while view:
                view = view[self._file.write(view) :]
            flush_to_disk(self._file.fileno())
            head.seal(self._folder, entry.n, entry.hash, entry.at, self._signer)
        except BaseException:
            with suppress(OSError):
                self._file.truncate(end)
            raise


@contextmanager
def opened() -> Iterator[Log]:
    """The log, for this process alone; the key that seals it is made where there is none.

    Any number of processes may ask at once. Raises OutputError for whatever the file system refuses.
    """
    with _locked() as (file, folder):
        from sonic.provenance import certificates

        if (folder / head.KEYS).exists():
            yield Log(file, folder, certificates.local_identity(folder / head.KEYS, None))
            return
        with certificates.making(folder / head.KEYS) as signer:
            log = Log(file, folder, signer)
            log.begin()
        yield log


def append(kind: str, facts: Mapping[str, Any]) -> Entry:
    """Write one entry and return it when it is on the disk.

    Any number of processes may do so at once. Raises OutputError, with the log as it was, if it cannot be written.
    """
    with opened() as log:
        return log.append(kind, facts)


def ready() -> None:
    """Raise OutputError if no entry could be written now, or room for some not be kept: asked before hours of work."""
    with _locked() as (_, folder):
        if not _is_reserved(folder):
            _write_file(folder / RESERVE, bytes(RESERVED))
    with opened():
        pass


def last() -> Entry | None:
    """The last whole entry; None if there is none. Raises OutputError if the log cannot be read."""
    path = home() / LOG
    try:
        with open_regular(path) as file:
            return _tail(file)[0]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"the audit log {str(path)!r} cannot be read ({error.strerror}); make it readable") from error


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


@contextmanager
def while_nobody_writes() -> Iterator[None]:
    """So that a reader does not take a line for torn that is being written; where nothing can be locked, as it is."""
    with ExitStack() as stack:
        with suppress(OSError):
            _lock(stack.enter_context(open(home() / LOCK, "r+b", buffering=0)).fileno())
        yield


def _repair(file: IO[bytes], folder: Path, torn_at: int, lost: str) -> dict[str, Any]:
    """Set aside what a crash left after ``torn_at``; the facts of the repair, empty if there was nothing to do."""
    facts: dict[str, Any] = {}
    file.seek(torn_at)
    if torn := file.read():
        kept = folder / f"{TORN}{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(8)}"
        _write_file(kept, torn)
        file.truncate(torn_at)
        facts = {"torn_bytes": len(torn), "torn_sha256": sha256(torn).hexdigest(), "kept_as": kept.name}
    return facts | ({"missing": lost} if lost else {})


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
    at = _now()
    bare = Entry(n, at, kind, dict(facts), previous, "")
    return Entry(n, at, kind, bare.facts, previous, entry_hash(bare))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_reserved(folder: Path) -> bool:
    try:
        return (folder / RESERVE).stat().st_size >= RESERVED
    except FileNotFoundError:
        return False


def _write_file(path: Path, data: bytes) -> None:
    with open(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        flush_to_disk(file.fileno())


@contextmanager
def _locked() -> Iterator[tuple[IO[bytes], Path]]:
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

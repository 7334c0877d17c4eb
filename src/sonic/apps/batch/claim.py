"""One batch at a time has a folder of results: whoever comes second is told who holds it.

In a folder of this machine it is a lock of the system, which ends with the process, whatever ends it. A store has no
locks: there it is an object that its holder writes anew every few seconds. Whoever finds one watches it, and takes it
over when it has not changed for a while; no clock of another machine is believed.
"""

import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from sonic.apps.batch import stores
from sonic.apps.batch.places import Place, Url
from sonic.errors import OutputError, SonicError
from sonic.files import read_small, try_lock

NAME = ".sonic-batch.lock"
BEAT_S = 10.0
"""So often a holder in a store says that it lives."""
SILENT_S = 35.0
"""A holder that has said nothing for so long is dead."""
_FAR = 1 << 20
"""The locked byte: Windows lets nobody read one that is locked, and the text is at the beginning."""
_MAX_BYTES = 4096


class Claim:
    """What one batch holds."""

    def check(self) -> None:
        """Raise OutputError if another batch has taken the folder meanwhile."""


@contextmanager
def claimed(folder: Place) -> Iterator[Claim]:
    """Hold ``folder``, which exists. Raises OutputError where another batch does, or nothing can be written."""
    if isinstance(folder, Url):
        with _Lease(folder).held() as lease:
            yield lease
        return
    descriptor = _locked(folder / NAME)
    try:
        yield Claim()
    finally:
        if descriptor is not None:
            _let_go(folder / NAME, descriptor)


def _locked(path: Path) -> int | None:
    """The open file that is locked; None where nothing can be locked, as in some network folders."""
    while True:
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        except OSError as error:
            raise OutputError(
                f"{str(path)!r} cannot be written ({error.strerror}); choose another folder: -o"
            ) from error
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        if not try_lock(descriptor):
            os.close(descriptor)
            if (holder := _holder(path)) is None:
                return None
            raise OutputError(_taken(path.parent, holder))
        if _is(path, descriptor):
            break
        os.close(descriptor)  # its holder removed it between opening and locking
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, _who())
    return descriptor


def _is(path: Path, descriptor: int) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    return False


def _holder(path: Path) -> bytes | None:
    """What its holder wrote; None if nobody did, so that it is no lock."""
    for _ in range(10):
        with suppress(OSError):
            if said := read_small(path, _MAX_BYTES):
                return said
        time.sleep(0.02)  # it has the lock and is about to write
    return None


def _let_go(path: Path, descriptor: int) -> None:
    for _ in range(2):  # Windows removes no open file, elsewhere the lock must still be held
        with suppress(OSError):
            path.unlink()
            break
        with suppress(OSError):
            os.close(descriptor)
    with suppress(OSError):
        os.close(descriptor)


class _Lease(Claim):
    """An object in a store that is written anew as long as its holder lives."""

    def __init__(self, folder: Url) -> None:
        self._folder, self._url = folder, folder / NAME
        self._token = secrets.token_hex(8)
        self._over = threading.Event()
        self._lost: bytes | None = None

    @contextmanager
    def held(self) -> Iterator["_Lease"]:
        """Take it, and keep it until the block ends."""
        self._take()
        thread = threading.Thread(target=self._beat, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join(BEAT_S)
            with suppress(SonicError):
                if self._said().get("token") == self._token:
                    stores.remove(self._url)

    def check(self) -> None:
        """As Claim."""
        if self._lost is not None:
            raise OutputError(_taken(self._folder, self._lost))

    def _take(self) -> None:
        if stores.create(self._text(), self._url):
            return
        first = self._read()
        silent_until = time.monotonic() + SILENT_S
        while time.monotonic() < silent_until:
            time.sleep(min(1.0, BEAT_S / 5))
            now = self._read()
            if now != first and now:
                raise OutputError(_taken(self._folder, now))
            if not now:
                break
        stores.remove(self._url)
        if not stores.create(self._text(), self._url) or self._said().get("token") != self._token:
            raise OutputError(_taken(self._folder, self._read()))

    def _beat(self) -> None:
        while not self._over.wait(BEAT_S):
            with suppress(SonicError):  # a store that does not answer: the next beat comes soon enough
                if self._said().get("token") != self._token:
                    self._lost = self._read() or b"{}"
                    return
                stores.put_bytes(self._text(), self._url)

    def _read(self) -> bytes:
        """What is written there; empty if nothing is."""
        if stores.stat(self._url, OutputError) is None:
            return b""
        return stores.read(self._url, _MAX_BYTES, OutputError)

    def _said(self) -> dict[str, object]:
        return _values(self._read())

    def _text(self) -> bytes:
        return _who(token=self._token, beat=secrets.token_hex(4))


def _who(**more: str) -> bytes:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"host": platform.node(), "process": os.getpid(), "at": now, **more}).encode("ascii")


def _values(said: bytes) -> dict[str, object]:
    with suppress(ValueError, RecursionError):
        values = json.loads(said)
        return values if isinstance(values, dict) else {}
    return {}


def _taken(folder: Place, holder: bytes) -> str:
    values = _values(holder)
    who = f"process {values.get('process', '?')} on {values.get('host', '?')!s:.60}"
    return (
        f"another batch is at work in {str(folder)!r} ({who}, last heard of {values.get('at', '?')!s:.20}); "
        "wait for it, or give another folder: -o"
    )

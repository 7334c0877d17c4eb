"""Where a process makes rows whose files lie in object stores: copies of the inputs, and the video until it is there.

The folder goes with its process; one whose process was killed is removed by the next. The copies of a row stay until
the next row needs others, so that the analysis of a portrait is kept as it is for files on disk.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sonic.apps.batch.inputs import LIMITS, Found, Inputs, fit, remote_folder
from sonic.apps.batch.places import Place, Url, on_disk
from sonic.apps.batch.publish import publish
from sonic.apps.batch.rows import COVER_SUFFIX, Row
from sonic.errors import OutputError, SonicError
from sonic.files import try_lock
from sonic.hashing import sha256_of_file

_LOCK = "lock"


class Desk:
    """One a process, for a row at a time; a batch without URLs leaves it empty."""

    def __init__(self, folder: Path | None = None, inputs: Inputs | None = None) -> None:
        self._root, self._inputs = folder, inputs or Inputs()
        self._folder: Path | None = None
        self._lock = -1

    @contextmanager
    def holding(self, row: Row) -> Iterator[Row]:
        """The row with all of its files on this machine. Raises OutputError where one is not what was checked."""
        places = row.inputs()
        if not any(isinstance(place, Url) for place in (*places, row.out)):
            yield row
            return
        try:
            folder = self._opened()
            found = row.found or tuple(Found("") for _ in places)
            paths = [self._copy(folder, *one) for one in zip(places, found, LIMITS, strict=False)]
            self._forget_others(folder, paths)
            out = folder / "out" / fit(row.out.name) if isinstance(row.out, Url) else row.out
            (folder / "out").mkdir()
        except OSError as error:
            raise OutputError(f"a row's files find no place ({error.strerror}); make room in {self._root}") from error
        try:
            captions = paths[2] if row.captions is not None else None
            cover = out.with_suffix(COVER_SUFFIX) if row.cover else None
            yield replace(row, portrait=paths[0], speech=paths[1], captions=captions, out=out, cover=cover)
        finally:
            shutil.rmtree(folder / "out", ignore_errors=True)

    def deliver(self, row: Row, here: Row, *, overwrite: bool = False) -> dict[str, Any]:
        """Publish what was made ``here``; what is to be noted of it. Raises OutputError."""
        if not isinstance(row.out, Url):
            return {}
        from sonic.apps.batch.report import thumbnail

        picture = thumbnail(on_disk(here.out))
        stamps = publish(on_disk(here.out), row.out, replaces=row.replaces, overwrite=overwrite)
        return {"stamps": stamps, "thumbnail": picture}

    def close(self) -> None:
        """Remove the folder."""
        if self._folder is not None:
            os.close(self._lock)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _opened(self) -> Path:
        if self._folder is None:
            self._root = self._root or remote_folder() / "rows"
            self._root.mkdir(parents=True, exist_ok=True)
            _sweep(self._root)
            self._folder = self._root / secrets.token_hex(6)
            self._folder.mkdir(mode=0o700)
            self._lock = os.open(self._folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
            try_lock(self._lock)
        shutil.rmtree(self._folder / "out", ignore_errors=True)
        return self._folder

    def _copy(self, folder: Path, place: Place, found: Found, max_bytes: int) -> Path:
        """The input on this machine, as it was checked. Raises OutputError and OSError."""
        if not isinstance(place, Url):
            return place
        name = f"{place}\n{found.sha256}".encode()
        copy = folder / sha256(name).hexdigest()[:16] / fit(place.name)
        if copy.exists():
            return copy
        copy.parent.mkdir(exist_ok=True)
        for _ in range(2):
            kept = self._inputs.fetched(place, found.stamp, max_bytes, OutputError)
            with suppress(FileNotFoundError):  # removed to make room, just now
                shutil.copyfile(kept, copy)
                if sha256_of_file(copy) == found.sha256:
                    return copy
                kept.unlink()
        shutil.rmtree(copy.parent, ignore_errors=True)
        raise OutputError(f"{str(place)!r} was changed since it was checked; run this again")

    def _forget_others(self, folder: Path, paths: list[Path]) -> None:
        for other in folder.iterdir():
            if other.is_dir() and all(other != path.parent for path in paths):
                shutil.rmtree(other, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove the folders of processes that are dead."""
    for folder in root.iterdir():
        with suppress(OSError, SonicError):
            lock = os.open(folder / _LOCK, os.O_RDWR)
            dead = try_lock(lock)
            os.close(lock)
            if dead:
                shutil.rmtree(folder, ignore_errors=True)

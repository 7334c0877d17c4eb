"""Inputs from object stores: fetched once into a folder of this machine that never grows beyond a limit.

A file is kept under its URL and what the store said of its content, so another content is another file. Programs that
work with one copy it first (desk.py): it may be removed at any moment to make room.
"""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sonic.apps.batch import stores
from sonic.apps.batch.places import Place, Url
from sonic.errors import MediaError, OutputError, SonicError
from sonic.files import cache_folder
from sonic.hashing import sha256_of_file
from sonic.media.container import MAX_SOUND_BYTES
from sonic.media.photo import MAX_PHOTO_BYTES

CACHE_BYTES = 8 * 1024**3
"""Of all inputs that are kept on a machine."""
MAX_TEXT_BYTES = 4 * 1024**2
LIMITS = (MAX_PHOTO_BYTES, MAX_SOUND_BYTES, MAX_TEXT_BYTES)
"""Of portrait, speech and captions, in the order of Row.inputs."""
_UNFIT = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


@dataclass(frozen=True, slots=True)
class Found:
    """What an input was when the row was checked."""

    sha256: str
    stamp: str = ""
    """Of the store; empty for files on disk."""


class Inputs:
    """The inputs of one batch or one worker."""

    def __init__(self, folder: Path | None = None, most_bytes: int = CACHE_BYTES) -> None:
        self._given, self._most_bytes = folder, most_bytes
        self._stamps: dict[Url, str] = {}
        self._there: dict[Url, bool] = {}

    def is_there(self, place: Place) -> bool:
        """Whether there is such a file; a store is asked once."""
        if not isinstance(place, Url):
            return place.is_file()
        if place not in self._there:
            self._there[place] = stores.stat(place) is not None
        return self._there[place]

    def path(self, place: Place, max_bytes: int, error: type[SonicError] = MediaError) -> Path:
        """Where it can be read on this machine. Raises ``error`` if it cannot be had."""
        if not isinstance(place, Url):
            return place
        return self.fetched(place, self.stamp(place, error), max_bytes, error)

    def stamp(self, url: Url, error: type[SonicError] = MediaError) -> str:
        """What the store says of the content, asked for once."""
        if url not in self._stamps:
            found = stores.stat(url, error)
            if found is None:
                raise error(f"{str(url)!r} is not there; check the bucket and the name")
            self._stamps[url] = found.stamp or f"of process {os.getpid()}, {id(self)}"
        return self._stamps[url]

    def fetched(self, url: Url, stamp: str, max_bytes: int, error: type[SonicError] = MediaError) -> Path:
        """The file of that content, fetched if it is not here."""
        folder = self._given or remote_folder() / "inputs"
        path = folder / sha256(f"{url}\n{stamp}".encode()).hexdigest()[:32] / fit(url.name)
        with suppress(OSError):
            os.utime(path)
            return path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as cause:
            raise OutputError(f"{str(path.parent)!r} cannot be made ({cause.strerror}); make room") from cause
        stores.fetch(url, path, max_bytes, error)
        self._make_room(folder, path)
        return path

    def _make_room(self, folder: Path, newest: Path) -> None:
        """Remove what was not used for longest until the rest is within the limit."""
        kept: Sequence[tuple[float, int, Path]] = sorted(_files(folder))
        total = sum(n_bytes for _, n_bytes, _ in kept)
        for _, n_bytes, path in kept:
            if total <= self._most_bytes:
                return
            if path == newest:
                continue
            with suppress(OSError):
                path.unlink()
                path.parent.rmdir()
            total -= n_bytes


def remote_folder() -> Path:
    """Where files of stores are on this machine. Raises OutputError where the user has no folder."""
    try:
        return cache_folder() / "remote"
    except RuntimeError as error:
        raise OutputError("this user has no home folder for files of object stores; set XDG_CACHE_HOME") from error


def fit(name: str) -> str:
    """A name that a file can have on every system."""
    return _UNFIT.sub("_", name)[-120:]


def hash_of(path: Path, name: str) -> str:
    """SHA-256 of an input. Raises MediaError."""
    try:
        return sha256_of_file(path)
    except OSError as error:
        raise MediaError(f"{name!r} cannot be read ({error.strerror}); give a file") from error


def _files(folder: Path) -> list[tuple[float, int, Path]]:
    found = []
    for path in folder.glob("*/*"):
        with suppress(OSError):
            status = path.stat()
            found.append((status.st_mtime, status.st_size, path))
    return found

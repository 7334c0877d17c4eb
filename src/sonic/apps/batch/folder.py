"""The folder of results, on a disk or in a store: lines that are appended as things happen, and whole files.

Nothing can be appended to an object. In a store the lines of a call go to small objects of their own,
``results.0001.jsonl`` and so on, each written anew with every line; at its end they become part of ``results.jsonl``.
"""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sonic.apps.batch import stores
from sonic.apps.batch.places import Place, Url
from sonic.errors import OutputError, SonicError
from sonic.files import atomic_write, open_regular

PART_BYTES = 256 * 1024
"""An object of lines that is larger than this is written no more, and another begun."""
_MAX_BYTES = 1024**3
_PART = re.compile(r"results\.(\d+)\.jsonl")


class Lines(Protocol):
    """Lines of text in one file."""

    place: Place

    def read(self) -> str:
        """All of them. Raises OutputError."""

    def append(self, lines: Sequence[str]) -> None:
        """All or none of them, on the disk or in the store when this returns. Raises OutputError."""

    def close(self) -> None:
        """They are all in the one file. Raises OutputError."""


def lines_of(place: Place) -> Lines:
    """Those of the file ``place``, which need not be there."""
    return _InStore(place) if isinstance(place, Url) else _OnDisk(place)


def save(place: Place, data: bytes) -> None:
    """Write a whole file, or nothing. Raises OutputError."""
    if isinstance(place, Url):
        stores.put_bytes(data, place)
        return
    try:
        atomic_write(place, data)
    except OSError as error:
        raise OutputError(f"{str(place)!r} cannot be written ({error.strerror}); make room") from error


class _OnDisk:
    def __init__(self, path: Path) -> None:
        self.place: Place = path
        self._path = path

    def read(self) -> str:
        try:
            if not os.path.lexists(self._path):
                return ""
            with open_regular(self._path) as file:
                return file.read().decode("utf-8", "replace")
        except OSError as error:
            raise OutputError(
                f"{str(self._path)!r} cannot be read ({error.strerror}); choose another folder"
            ) from error

    def append(self, lines: Sequence[str]) -> None:
        try:
            _append(self._path, lines)
        except OSError as error:
            raise OutputError(
                f"{str(self._path)!r} cannot be written ({error.strerror}); make room and run the same command again"
            ) from error

    def close(self) -> None:
        pass


def _append(path: Path, lines: Sequence[str]) -> None:
    with open(path, "ab+", buffering=0) as file:  # a buffer would try again to write what was taken back
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(-1, os.SEEK_END)
        torn = end and file.read(1) != b"\n"
        data = b"\n" * bool(torn) + _bytes(lines)
        try:
            while data:
                data = data[file.write(data) :]
            os.fsync(file.fileno())
        except OSError:
            os.truncate(path, end)
            raise


class _InStore:
    def __init__(self, url: Url) -> None:
        self.place: Place = url
        self._url = url
        self._part = b""
        self._number = 0

    def read(self) -> str:
        found = stores.listing(self._url.parent)
        parts = self._parts(found)
        self._number = max(parts, default=0) + 1
        whole = [self._url] if self._url.name in found else []
        return "\n".join(self._text(url) for url in (*whole, *(parts[number] for number in sorted(parts))))

    def append(self, lines: Sequence[str]) -> None:
        data = self._part + _bytes(lines)
        stores.put_bytes(data, self._named(self._number))
        self._part = data
        if len(data) > PART_BYTES:
            self._part, self._number = b"", self._number + 1

    def close(self) -> None:
        parts = self._parts(stores.listing(self._url.parent))
        if not parts:
            return
        stores.put_bytes(_bytes([line for line in self.read().splitlines() if line]), self._url)
        for url in parts.values():
            stores.remove(url)
        self._part = b""

    def _parts(self, found: dict[str, stores.Stat]) -> dict[int, Url]:
        matches = (_PART.fullmatch(name) for name in found)
        return {int(match[1]): self._url.with_name(match[0]) for match in matches if match}

    def _named(self, number: int) -> Url:
        return self._url.with_name(f"results.{number:04d}.jsonl")

    def _text(self, url: Url) -> str:
        return stores.read(url, _MAX_BYTES, OutputError).decode("utf-8", "replace")


def _bytes(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


def save_if_possible(place: Place, data: bytes) -> None:
    """As ``save``; what cannot be written is made again by the next call."""
    with suppress(SonicError):
        save(place, data)

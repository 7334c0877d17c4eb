"""Records in sharded flat files, mapped and not loaded; a store only grows, and a kill cannot leave half a record.

A store is a folder: ``index.csv`` has one line for each record, and each column of arrays lies in files of at most
SHARD_BYTES (``points-00003.int16``). A record exists once its line is complete; bytes beyond the last line are cut off
when the store is opened for writing.
"""

import csv
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from sonic.errors import MediaError

INDEX = "index.csv"
SHARD_BYTES = 256 * 2**20
MAX_OPEN = 100
"""Shards that are mapped at a time: each holds a file open, and systems allow some hundreds."""
REMEDY = "delete that folder and run the command that made it again"


@dataclass(frozen=True, slots=True)
class Column:
    """One array of every record."""

    name: str
    dtype: type[np.generic]
    shape: tuple[int, ...] = ()
    """Of one element of the array; the first axis differs from record to record."""

    @property
    def element_bytes(self) -> int:
        """Size of one element of the first axis."""
        return int(np.dtype(self.dtype).itemsize * np.prod(self.shape, dtype=int))

    def file(self, folder: Path, shard: int) -> Path:
        """Where a shard of this column lies."""
        return folder / f"{self.name}-{shard:05d}.{np.dtype(self.dtype).name}"


def read_index(folder: Path) -> list[dict[str, str]]:
    """The complete lines of a store's index; empty where there is no store."""
    try:
        text = (folder / INDEX).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return list(csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1])))


class Shards:
    """A store opened for reading. Raises MediaError if a shard is missing, shorter than its index says or damaged."""

    def __init__(self, folder: Path, columns: Sequence[Column]) -> None:
        self.folder = folder
        self.rows = read_index(folder)
        """The index: every field as text."""
        self._columns = {column.name: column for column in columns}
        self._maps: dict[Path, NDArray[Any]] = {}
        self._checked: set[tuple[int, str]] = set()
        for name, column in self._columns.items():
            ends = {int(row["shard"]): int(row[f"{name}_start"]) + int(row[f"{name}_length"]) for row in self.rows}
            for shard, end in ends.items():
                _check_size(column.file(folder, shard), end * column.element_bytes)

    def __len__(self) -> int:
        return len(self.rows)

    def array(self, i: int, name: str) -> NDArray[Any]:
        """One array of record i, read-only; its checksum is verified at the first access."""
        row, column = self.rows[i], self._columns[name]
        path = column.file(self.folder, int(row["shard"]))
        length, start = int(row[f"{name}_length"]), int(row[f"{name}_start"])
        if length == 0:
            return np.zeros((0, *column.shape), column.dtype)
        if path not in self._maps:
            if len(self._maps) >= MAX_OPEN:
                del self._maps[next(iter(self._maps))]
            self._maps[path] = np.memmap(path, column.dtype, "r").reshape(-1, *column.shape)
        array = self._maps[path][start : start + length]
        if (i, name) not in self._checked:
            if zlib.crc32(array.tobytes()) != int(row[f"{name}_crc"]):
                raise MediaError(f"record {row['key']!r} in {path} differs from its checksum; {REMEDY}")
            self._checked.add((i, name))
        return array


def _check_size(path: Path, needed: int) -> None:
    found = path.stat().st_size if path.is_file() else None
    if found is None:
        raise MediaError(f"shard {path} is missing; {REMEDY}")
    if found < needed:
        raise MediaError(f"shard {path} has {found} bytes, its index says {needed}; {REMEDY}")


class ShardWriter:
    """A store opened for appending; keeps what it holds. ``fields`` names the text of each record; ``key`` is one."""

    def __init__(
        self, folder: Path, columns: Sequence[Column], fields: Sequence[str], *, shard_bytes: int = SHARD_BYTES
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._columns, self._fields, self._shard_bytes = folder, columns, list(fields), shard_bytes
        rows = Shards(folder, columns).rows
        self.keys = {row["key"] for row in rows}
        """Records that the store holds."""
        self._shard = int(rows[-1]["shard"]) if rows else 0
        self._ends = {c.name: 0 for c in columns}
        if rows:
            self._ends = {c.name: int(rows[-1][f"{c.name}_start"]) + int(rows[-1][f"{c.name}_length"]) for c in columns}
        self._files: dict[str, BinaryIO] = {}
        self._index = self._open_index()
        self._open_shard()

    def append(self, values: Mapping[str, object], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Add one record; it survives a kill from the moment this returns."""
        sizes = {c.name: len(arrays[c.name]) * c.element_bytes for c in self._columns}
        if any(self._ends[c.name] * c.element_bytes + sizes[c.name] > self._shard_bytes for c in self._columns) and any(
            self._ends.values()
        ):
            self._shard += 1
            self._ends = dict.fromkeys(self._ends, 0)
            self._open_shard()
        row: dict[str, object] = {**values, "shard": self._shard}
        for c in self._columns:
            data = np.ascontiguousarray(arrays[c.name], c.dtype)
            self._files[c.name].write(data.tobytes())
            self._files[c.name].flush()
            row |= {f"{c.name}_start": self._ends[c.name], f"{c.name}_length": len(data)}
            row[f"{c.name}_crc"] = zlib.crc32(data.tobytes())
            self._ends[c.name] += len(data)
        self._write_line([row[name] for name in self._header])
        self.keys.add(str(values["key"]))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self._index, *self._files.values()):
            file.close()

    @property
    def _header(self) -> list[str]:
        return [
            *(*self._fields, "shard"),
            *(f"{c.name}_{part}" for c in self._columns for part in ("start", "length", "crc")),
        ]

    def _open_index(self) -> BinaryIO:
        path = self._folder / INDEX
        complete = path.read_bytes().rfind(b"\n") + 1 if path.exists() else 0
        file = path.open("r+b" if path.exists() else "w+b")
        file.truncate(complete)
        file.seek(complete)
        self._index = file
        if not complete:
            self._write_line(self._header)
        return file

    def _write_line(self, cells: Sequence[object]) -> None:
        # A line ends where its record ends: no cell may hold a line break.
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow([" ".join(str(cell).split()) for cell in cells])
        self._index.write(text.getvalue().encode())
        self._index.flush()

    def _open_shard(self) -> None:
        for c in self._columns:
            if c.name in self._files:
                self._files[c.name].close()
            path = c.file(self._folder, self._shard)
            file = path.open("r+b" if path.exists() else "w+b")
            file.truncate(self._ends[c.name] * c.element_bytes)
            file.seek(0, io.SEEK_END)
            self._files[c.name] = file

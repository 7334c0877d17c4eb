"""What a studio remembers, in one SQLite file: tokens, uploads, consents that were made here, jobs.

Written ahead (WAL) and synchronised at every commit: killed at any moment, it opens as it was after the last one.
"""

import json
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sonic.errors import OutputError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (name TEXT PRIMARY KEY, token_sha256 TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS media (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL,
    state TEXT NOT NULL, about TEXT NOT NULL, created_at TEXT NOT NULL, number INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS media_of ON media (owner, kind, number);
CREATE TABLE IF NOT EXISTS consents (id TEXT NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (id, owner));
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, kind TEXT NOT NULL, lane TEXT NOT NULL, state TEXT NOT NULL,
    title TEXT NOT NULL, request TEXT NOT NULL, notices TEXT NOT NULL, error TEXT, result TEXT,
    attempts INTEGER NOT NULL, created_at TEXT NOT NULL, started_at TEXT, finished_at TEXT, number INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS jobs_of ON jobs (owner, number);
CREATE INDEX IF NOT EXISTS jobs_waiting ON jobs (lane, state, number);
"""
_JSON = ("about", "request", "notices", "error", "result")
ACTIVE = ("queued", "running")

Row = dict[str, Any]


def new_id() -> str:
    """Unguessable: 128 bits."""
    return secrets.token_urlsafe(16).replace("-", "a").replace("_", "b")


def now() -> str:
    """UTC, 2026-05-31T12:00:00.123Z"""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Store:
    """One connection for all threads, one statement at a time."""

    def __init__(self, path: Path) -> None:
        """Raises OutputError if there can be no such file."""
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; {_SCHEMA}")
        except sqlite3.Error as error:
            raise OutputError(f"{str(path)!r} cannot be used ({error}); choose another folder with --folder") from error

    def add(self, table: str, **values: Any) -> None:
        """One row more."""
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        self._run(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", *_texts(values).values())  # noqa: S608

    def change(self, table: str, id_: str, **values: Any) -> None:
        """Other values in the row with this id."""
        names = ", ".join(f"{name} = ?" for name in values)
        self._run(f"UPDATE {table} SET {names} WHERE id = ?", *_texts(values).values(), id_)  # noqa: S608

    def remove(self, table: str, id_: str, folder: Path) -> None:
        """The row with this id and the folder of its files are gone.

        The row goes first, so that none has lost its files; but on a full disk it can only go once they made room.
        """
        query = f"DELETE FROM {table} WHERE id = ?"  # noqa: S608
        try:
            self._run(query, id_)
        except OutputError:
            shutil.rmtree(folder, ignore_errors=True)
            self._run(query, id_)
        shutil.rmtree(folder, ignore_errors=True)

    def row(self, query: str, *values: Any) -> Row | None:
        """The first row of a SELECT."""
        rows = self.rows(query, *values)
        return rows[0] if rows else None

    def rows(self, query: str, *values: Any) -> list[Row]:
        """All rows of a SELECT, or of what a statement returns."""
        return [_parsed(row) for row in self._run(query, *values)]

    def next_number(self, table: str) -> int:
        """Rows are shown and worked off in the order of their numbers."""
        found = self._run(f"SELECT coalesce(max(number), 0) + 1 AS n FROM {table}")  # noqa: S608
        return int(found[0]["n"])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing; nobody else writes meanwhile. Raises OutputError where it cannot be written."""
        with self._lock:
            self._run("BEGIN IMMEDIATE")
            try:
                yield
                self._run("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a disk that is full may have ended it
                    self._run("ROLLBACK")
                raise

    def claim(self, lane: str) -> Row | None:
        """The job of this lane whose turn it is; it is running now.

        Users take turns: it is that of the user who was served longest ago, and of one user the one that waits longest.
        """
        return next(
            iter(
                self.rows(
                    "UPDATE jobs SET state = 'running', attempts = attempts + 1, started_at = ? WHERE id = (SELECT id "
                    "FROM jobs AS waiting WHERE lane = ? AND state = 'queued' ORDER BY (SELECT max(started_at) FROM "
                    "jobs WHERE owner = waiting.owner AND lane = waiting.lane), number LIMIT 1) RETURNING *",
                    now(),
                    lane,
                )
            ),
            None,
        )

    def close(self) -> None:
        """No statement follows."""
        with self._lock:
            self._db.close()

    def _run(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.OperationalError as error:  # the disk, for what else could be wrong is in the tests
                raise OutputError(f"the studio's notes cannot be written ({error}); make room on the disk") from error


def _texts(values: Row) -> Row:
    return {
        name: json.dumps(value, ensure_ascii=False) if name in _JSON and value is not None else value
        for name, value in values.items()
    }


def _parsed(row: sqlite3.Row) -> Row:
    return {
        name: json.loads(row[name]) if name in _JSON and row[name] is not None else row[name]
        for name in row.keys()  # noqa: SIM118
    }

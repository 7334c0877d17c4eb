"""The queue and its workers: jobs wait in the notes of the studio, one thread a lane takes the next."""

import contextlib
import logging
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from sonic.apps.studio import work
from sonic.apps.studio.config import Config
from sonic.apps.studio.hub import Hub
from sonic.apps.studio.library import Library
from sonic.apps.studio.problems import Missing, Refused, as_sonic
from sonic.apps.studio.quota import check_room
from sonic.apps.studio.store import ACTIVE, Row, Store, new_id, now
from sonic.errors import Cancelled, SonicError
from sonic.pipeline.job import Job, Pace
from sonic.session import Session
from sonic.types import Observer, Progress

MAX_ATTEMPTS = 3
"""A job during which the server died so often is not begun again."""
NEWS_EVERY_S = 0.2
KEPT = {"preview": 3, "verification": 100}
"""Of each user; they are no part of the history."""
_log = logging.getLogger(__name__)


class Queue:
    """Jobs of a studio, waiting, running and done."""

    def __init__(self, config: Config, store: Store, library: Library, hub: Hub) -> None:
        self._config, self._store, self._library, self._hub = config, store, library, hub
        self._session = Session()
        self._folder = config.folder / "jobs"
        self._live = config.folder / "live"
        self._running: dict[str, tuple[Job, dict[str, Any]]] = {}
        self._unwanted: set[str] = set()
        """Jobs that were cancelled between being claimed and being begun."""
        self._wake = threading.Condition()
        self._stopping = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Take up what was left, and work."""
        for folder in (self._folder, self._live):
            folder.mkdir(parents=True, exist_ok=True)
        self._recover()
        lanes = ["quick"] + ["slow"] * self._config.workers
        self._threads = [
            threading.Thread(target=self._work, args=(lane,), name=f"sonic-{lane}", daemon=True) for lane in lanes
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, longest_s: float = 10.0) -> None:
        """Stop; what runs is queued again for the next start."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        for job, _ in list(self._running.values()):
            job.cancel()
        until = time.monotonic() + longest_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        if not any(thread.is_alive() for thread in self._threads):
            self._session.close()

    def add(self, owner: str, kind: str, title: str, request: dict[str, Any]) -> Row:
        """One job more. Raises Refused 429 where too many wait."""
        check_room(self._store, self._config, owner)
        with self._store.transaction():
            self._check_length(owner)
            row: Row = {
                "id": new_id(), "owner": owner, "kind": kind, "lane": work.LANES[kind], "state": "queued",
                "title": title, "request": request, "notices": [], "error": None, "result": None, "attempts": 0,
                "created_at": now(), "number": self._store.next_number("jobs"),
            }  # fmt: skip
            self._store.add("jobs", **row)
        with self._wake:
            self._wake.notify_all()
        return self._told(row["id"])

    def get(self, owner: str, id_: str) -> Row:
        """A job of this user. Raises Refused 404."""
        row = self._store.row("SELECT * FROM jobs WHERE id = ? AND owner = ?", id_, owner)
        if row is None:
            raise Missing("job")
        return row

    def list(self, owner: str, *, kind: str, state: str, text: str, before: int, limit: int) -> list[Row]:
        """The latest first."""
        query = "SELECT * FROM jobs WHERE owner = ? AND kind = ? AND number < ?"
        values: list[Any] = [owner, kind, before]
        if state:
            query += " AND state = ?"
            values.append(state)
        if text:
            query += r" AND title LIKE ? ESCAPE '\'"
            escaped = text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
            values.append(f"%{escaped}%")
        return self._store.rows(f"{query} ORDER BY number DESC LIMIT ?", *values, limit)

    def cancel(self, row: Row) -> Row:
        """A waiting job never begins, a running one stops at its next report."""
        query = "UPDATE jobs SET state = 'cancelled', finished_at = ? WHERE id = ? AND state = 'queued' RETURNING id"
        if not self._store.rows(query, now(), row["id"]) and self.get(row["owner"], row["id"])["state"] == "running":
            self._unwanted.add(row["id"])
            if running := self._running.get(row["id"]):
                running[0].cancel()
        return self._told(row["id"])

    def remove(self, row: Row) -> None:
        """A finished job and its files are gone; its line in the audit log stays. Raises Refused 409 for another."""
        if row["state"] in ACTIVE:
            raise Refused(409, "JobActive", "the job is not finished; cancel it first")
        self._store.remove("jobs", row["id"], self._folder / row["id"])
        self._hub.tell(row["owner"], row["id"], {"id": row["id"], "state": "deleted"})

    def shown(self, row: Row) -> dict[str, Any]:
        """A job as clients see it."""
        running = self._running.get(row["id"])
        names = (
            "id",
            "kind",
            "state",
            "title",
            "created_at",
            "started_at",
            "finished_at",
            "notices",
            "error",
            "result",
        )
        values = {name: row.get(name) for name in names} | {"number": row["number"], "request": row["request"]}
        if running:
            values |= {"progress": running[1] or None, "notices": running[0].notices}
        return values

    def file(self, row: Row, name: str) -> Path:
        """A file that a job made."""
        return self._folder / str(row["id"]) / name

    def live(self, id_: str) -> Path:
        """What can be watched of a job that runs."""
        return self._live / f"{id_}.mp4"

    def is_running(self, id_: str) -> bool:
        """Whether it is being worked on in this moment."""
        return id_ in self._running

    @property
    def n_waiting(self) -> int:
        """Of all users."""
        found = self._store.row("SELECT count(*) AS n FROM jobs WHERE state = 'queued'")
        return int(found["n"]) if found else 0

    def _check_length(self, owner: str) -> None:
        query, own = "SELECT count(*) AS n FROM jobs WHERE state = 'queued' AND owner = ?", self._config.max_queued_each
        found = self._store.row(query, owner)
        if found and found["n"] >= own:
            raise Refused(429, "QueueFull", f"{own} of your jobs wait, as many as may; order more when some are done")
        if self.n_waiting >= (most := self._config.max_queued):
            raise Refused(429, "QueueFull", f"{most} jobs wait, as many as may; try again when some are done")

    def _recover(self) -> None:
        """After a stop or a kill: what ran is queued again; what can only be half-made is gone."""
        for row in self._store.rows("SELECT * FROM jobs WHERE state = 'running'"):
            if row["attempts"] >= MAX_ATTEMPTS or row["kind"] == "preview":
                text = f"the server stopped during each of {row['attempts']} attempts; it is not begun again"
                self._finish(row, "failed", error={"kind": "SonicError", "message": text})
            else:
                self._store.change("jobs", row["id"], state="queued", started_at=None)
        known = {row["id"] for row in self._store.rows("SELECT id FROM jobs")}
        for folder in self._folder.iterdir():
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)
        for left in self._live.iterdir():
            _unlink(left)

    def _work(self, lane: str) -> None:
        while True:
            try:
                row = self._next(lane)
                if row is None:
                    return
                self._do(row)
            except SonicError:  # the disk is full: neither the next job nor its state can be noted
                _log.exception("the queue waits")
                time.sleep(1.0)

    def _next(self, lane: str) -> Row | None:
        with self._wake:
            while not self._stopping:
                if row := self._store.claim(lane):
                    return row
                self._wake.wait(1.0)
        return None

    def _do(self, row: Row) -> None:
        live = self.live(row["id"])
        place = work.Place(self._session, self._library, self._store, self._folder / row["id"], live)
        try:
            shutil.rmtree(place.folder, ignore_errors=True)
            place.folder.mkdir()
            job = self._job(row)
            result = work.WORK[row["kind"]](row, job, place)
        except Exception as error:  # whatever it is, the queue goes on
            shutil.rmtree(place.folder, ignore_errors=True)
            self._failed(row, error)
        else:
            self._finish(row, "done", notices=job.notices, result=result)
        finally:
            self._running.pop(row["id"], None)
            self._unwanted.discard(row["id"])
            self._told(row["id"])
            _unlink(live)
            if row["kind"] in KEPT:
                self._forget(row["owner"], row["kind"])

    def _failed(self, row: Row, error: Exception) -> None:
        if isinstance(error, Cancelled):
            if self._stopping:
                self._store.change("jobs", row["id"], state="queued", attempts=row["attempts"] - 1, started_at=None)
            else:
                self._finish(row, "cancelled")
            return
        known = as_sonic(error)
        self._finish(row, "failed", error={"kind": type(known).__name__, "message": str(known)})

    def _finish(self, row: Row, state: str, **values: Any) -> None:
        self._store.change("jobs", row["id"], state=state, finished_at=now(), **values)

    def _job(self, row: Row) -> Job:
        """The job, whose progress is told to watchers a few times a second."""
        pace, last_s = Pace(), 0.0
        progress: dict[str, Any] = {}

        def report(at: Progress) -> None:
            nonlocal last_s
            rate, left_s = pace.of(at)
            progress.update(
                stage=at.stage, done=at.done, total=at.total, rate=round(rate, 2), remaining_s=round(left_s, 1)
            )
            if time.monotonic() - last_s >= NEWS_EVERY_S:
                last_s = time.monotonic()
                self._told(row["id"])

        job = Job(work.settings_of(row), Observer(report))
        self._running[row["id"]] = (job, progress)
        if row["id"] in self._unwanted:
            job.cancel()
        self._told(row["id"])
        return job

    def _told(self, id_: str) -> Row:
        row = self._store.row("SELECT * FROM jobs WHERE id = ?", id_)
        if row is None:
            raise Missing("job")
        self._hub.tell(row["owner"], id_, self.shown(row))
        return row

    def _forget(self, owner: str, kind: str) -> None:
        query = "SELECT * FROM jobs WHERE owner = ? AND kind = ? AND state NOT IN ('queued', 'running') "
        for row in self._store.rows(f"{query} ORDER BY number DESC LIMIT -1 OFFSET ?", owner, kind, KEPT[kind]):
            self._store.remove("jobs", row["id"], self._folder / row["id"])


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):  # Windows keeps what somebody still reads; the next start sweeps it
        path.unlink(missing_ok=True)

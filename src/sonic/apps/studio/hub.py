"""News of jobs for everybody who watches: the latest of each job, however slow the watcher is."""

import asyncio
import threading
from typing import Any

MAX_WATCHERS = 200
MAX_EACH = 50
"""Of one user."""


class Watcher:
    """One open stream of events. What it has not taken yet is replaced by what is newer, so that it never grows."""

    def __init__(self, owner: str, job: str | None) -> None:
        self.owner, self.job = owner, job
        self._news: dict[str, dict[str, Any]] = {}
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._lock = threading.Lock()

    def tell(self, job_id: str, news: dict[str, Any]) -> None:
        """From any thread."""
        with self._lock:
            self._news[job_id] = news
        self._loop.call_soon_threadsafe(self._wake.set)

    async def taken(self, longest_s: float) -> list[dict[str, Any]]:
        """What is new; nothing after ``longest_s``."""
        try:
            await asyncio.wait_for(self._wake.wait(), longest_s)
        except TimeoutError:
            return []
        self._wake.clear()
        with self._lock:
            news, self._news = list(self._news.values()), {}
        return news


class Hub:
    """All watchers."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()
        self._lock = threading.Lock()

    def watch(self, owner: str, job: str | None = None) -> Watcher | None:
        """A new watcher of one job, or of all of this owner; None where there are too many already."""
        watcher = Watcher(owner, job)
        with self._lock:
            own = sum(each.owner == owner for each in self._watchers)
            if len(self._watchers) >= MAX_WATCHERS or own >= MAX_EACH:
                return None
            self._watchers.add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """It hears no more."""
        with self._lock:
            self._watchers.discard(watcher)

    def tell(self, owner: str, job_id: str, news: dict[str, Any]) -> None:
        """From any thread, to everybody whom it concerns."""
        with self._lock:
            watchers = [w for w in self._watchers if w.owner == owner and w.job in (None, job_id)]
        for watcher in watchers:
            watcher.tell(job_id, news)

    @property
    def n_watchers(self) -> int:
        """How many watch."""
        return len(self._watchers)

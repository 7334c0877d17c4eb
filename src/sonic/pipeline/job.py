"""One piece of work as its front end sees it: settings, progress with its pace, notices, and a way to cancel it."""

import logging
import threading
import time
from collections.abc import Iterable

from sonic.errors import Cancelled
from sonic.settings import Settings
from sonic.types import Frame, Observer, Progress, ignore

_log = logging.getLogger(__name__)

MIN_ELAPSED_S = 0.05
"""No rate is given before a stage has run this long."""


class Job:
    """Passes progress, notices and frames of one job on to whoever observes it.

    Observers run in the thread that does the work; an exception that one raises stops the job.
    """

    def __init__(self, settings: Settings, *observers: Observer, earlier: Iterable[str] = ()) -> None:
        """``earlier``: notices of steps whose results are used again, for the record; they are not passed on."""
        self.settings = settings
        self.notices = list(earlier)
        """Everything that a person should read about this job, once each."""
        self.observer = Observer(self._progress, self._notice, self._frame)
        """What the steps report to."""
        self._observers = observers
        self._cancelled = threading.Event()
        self._stage = ""
        for line in settings.notices():
            self._notice(line)

    @property
    def shows_frames(self) -> bool:
        """Whether anybody looks at frames."""
        return any(observer.frame is not ignore for observer in self._observers)

    def cancel(self) -> None:
        """Stop at the next report of progress, from any thread: the work then raises Cancelled."""
        self._cancelled.set()

    def _progress(self, report: Progress) -> None:
        if report.stage != self._stage:
            self._stage = report.stage
            _log.info("%s begins, %d units", report.stage, report.total)
        if self._cancelled.is_set():
            raise Cancelled("the job was cancelled; nothing was written")
        for observer in self._observers:
            observer.progress(report)

    def _notice(self, line: str) -> None:
        if line not in self.notices:
            self.notices.append(line)
            for observer in self._observers:
                observer.notice(line)

    def _frame(self, frame: Frame) -> None:
        for observer in self._observers:
            observer.frame(frame)


class Pace:
    """How fast the present stage goes, and how long it still takes."""

    def __init__(self) -> None:
        self._stage = ""
        self._began_s = 0.0

    def of(self, report: Progress) -> tuple[float, float]:
        """(units per second, seconds that the stage still takes); zeros while it is too early to tell."""
        now_s = time.monotonic()
        if report.stage != self._stage:
            self._stage, self._began_s = report.stage, now_s
        elapsed_s = now_s - self._began_s
        if elapsed_s < MIN_ELAPSED_S:
            return 0.0, 0.0
        rate = report.done / elapsed_s
        return rate, (report.total - report.done) / rate if rate > 0 else 0.0

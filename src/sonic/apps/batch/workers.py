"""Workers: processes that hold a warm session each, take a row at a time, and may die without harm to any other row."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from sonic.apps.batch.outcome import FAILED, Outcome
from sonic.apps.batch.rows import Row, estimated_pixels

TRIES = 2
"""A row whose worker dies is given to another once."""
WORKER_BYTES, BYTES_PER_PIXEL = 350_000_000, 170
"""Memory that one worker of engine light needs, and more for each pixel of the picture: `bench/bulk.py memory`, with a
fifth on top for larger photos and longer recordings."""
KILLED = "SonicError"


@dataclass(frozen=True, slots=True)
class Options:
    """How rows are made."""

    measure: bool = False
    overwrite: bool = False


def n_workers(rows: Sequence[Row]) -> int:
    """As many as pay: one a core, as far as memory goes; an engine that holds a GPU gets one."""
    if any(row.settings.engine != "light" for row in rows):
        return 1
    return int(max(1, min(len(rows), cores(), _free_bytes() // worker_bytes(rows))))


def worker_bytes(rows: Sequence[Row]) -> int:
    """Memory that one worker needs for the largest picture among these rows."""
    return WORKER_BYTES + round(BYTES_PER_PIXEL * max(estimated_pixels(row.settings) for row in rows))


def run_rows(
    rows: Sequence[Row],
    workers: int,
    options: Options,
    on_share: Callable[[Row, float], None] = lambda row, share: None,
) -> Iterator[Outcome]:
    """The outcome of every row, as they come. Closing the iterator ends the workers and what they are at."""
    waiting = sorted(rows, key=lambda row: str(row.portrait))
    crew = [_Worker(number, options) for number in range(1, min(workers, len(rows)) + 1)]
    tries: dict[int, int] = {}
    try:
        while waiting or any(worker.row for worker in crew):
            for place, worker in enumerate(crew):
                if worker.row is None and waiting:
                    if not worker.alive:
                        crew[place] = worker = _Worker(worker.number, options)
                    worker.give(_next(waiting, worker.portrait))
            yield from _news(crew, waiting, tries, on_share)
    finally:
        for worker in crew:
            worker.end()


def _news(
    crew: "list[_Worker]", waiting: list[Row], tries: dict[int, int], on_share: Callable[[Row, float], None]
) -> Iterator[Outcome]:
    """What the workers say next; a row whose worker died goes back to those that wait, or is given up."""
    busy = {worker.connection: worker for worker in crew if worker.row is not None}
    for ready in wait(list(busy), timeout=1.0):
        worker = busy[ready]  # type: ignore[index]
        row = worker.row
        if row is None:
            continue
        try:
            said = worker.connection.recv()
        except (EOFError, OSError):
            code = worker.buried()
            tries[row.number] = tries.get(row.number, 0) + 1
            if tries[row.number] < TRIES:
                waiting.insert(0, row)
            else:
                yield Outcome.of(row, FAILED, kind=KILLED, message=_death(code), worker=worker.number)
            continue
        if isinstance(said, float):
            on_share(row, said)
        else:
            worker.row = None
            yield said


class _Worker:
    """The near end of a process."""

    def __init__(self, number: int, options: Options) -> None:
        context = multiprocessing.get_context("spawn")
        self.number = number
        self.connection, far = context.Pipe()
        self._process = context.Process(target=_serve, args=(far, number, options), daemon=True)
        self._process.start()
        far.close()
        self.row: Row | None = None
        self.portrait = ""
        """Of the row before: its analysis is still there."""

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def give(self, row: Row) -> None:
        self.row, self.portrait = row, str(row.portrait)
        with suppress(OSError):  # it died meanwhile: its connection says so
            self.connection.send(row)

    def buried(self) -> int:
        """Its exit code; it is over."""
        self._process.join(10)
        self.row, self.portrait = None, ""
        return self._process.exitcode or 0

    def end(self) -> None:
        with suppress(OSError):
            self.connection.close()
        if self.row is not None:
            self._process.terminate()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()


def _next(waiting: list[Row], portrait: str) -> Row:
    """The next row, one of the same portrait if there is any; else of the one that most wait for."""
    for place, row in enumerate(waiting):
        if str(row.portrait) == portrait:
            return waiting.pop(place)
    return waiting.pop(0)


def _serve(connection: Connection, number: int, options: Options) -> None:
    """The far end: rows in, shares and outcomes out."""
    from dataclasses import replace

    from sonic.apps.batch.desk import Desk
    from sonic.apps.batch.work import make
    from sonic.session import Session

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that started us
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _keep_quiet()
    with suppress(EOFError, OSError), Session() as session, Desk() as desk:
        while True:
            row = connection.recv()
            outcome = make(
                row, session, desk, measure=options.measure, overwrite=options.overwrite,
                on_share=_Shares(connection).send,
            )  # fmt: skip
            connection.send(replace(outcome, worker=number))


class _Shares:
    """Progress in steps that somebody can see."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._said = connection, 0.0

    def send(self, share: float) -> None:
        if share - self._said >= 0.05:
            self._said = share
            self._connection.send(share)


def _die_with_parent() -> None:
    """A batch that is killed must not leave workers that go on making what nobody waits for."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _keep_quiet() -> None:
    """Native libraries write to descriptor 2 as they start."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _death(code: int) -> str:
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"its worker died twice ({how}); is memory short? Try --workers 1, or a smaller picture (min_resolution)"


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _free_bytes() -> int:
    """Memory that programs can still have; plenty where the system does not say."""
    if sys.platform == "linux":
        with suppress(OSError, ValueError, StopIteration), open("/proc/meminfo", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    with suppress(AttributeError, OSError, ValueError):
        return int(os.sysconf("SC_PHYS_PAGES")) * int(os.sysconf("SC_PAGE_SIZE")) // 2
    return 8 * 1024**3

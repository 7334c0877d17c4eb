"""The store of tracked clips, and the worker processes that fill it: resumable, in the order of the files."""

import csv
import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sonic.engines.light.lips.diffusion import FPS
from sonic.errors import MediaError, SonicError
from sonic.training.clips import Source
from sonic.training.offsets import read_apart, read_removed
from sonic.training.shards import Column, Shards, ShardWriter
from sonic.types import F32, N_LANDMARKS, SPEECH_RATE_HZ, Observer, Progress

COLUMNS = (Column("points", np.int16, (N_LANDMARKS, 3)), Column("sound", np.int16))
FIELDS = ("key", "file", "speaker", "split", "text", "seconds", "fps", "lag_curve", "unit_px")
REJECTED = "rejected.csv"
REJECTED_FIELDS = ("key", "file", "speaker", "reason", "detail")
FULL = 32767
Result = tuple[dict[str, object], dict[str, NDArray[Any]] | None]
"""(FIELDS, arrays of COLUMNS) of a clip that is fit, or (REJECTED_FIELDS, None)."""
AHEAD = 3
"""Clips handed out for each worker: enough that none waits while a slow one is finished."""


class Tracks:
    """Tracked clips, mapped and not loaded. Raises MediaError for a damaged store."""

    def __init__(self, folder: Path) -> None:
        self._shards = Shards(folder, COLUMNS)
        self.rows = self._shards.rows
        """FIELDS of every clip, as text."""
        self._removed_ms = read_removed(folder)
        self.apart = read_apart(folder)
        """Keys of clips whose picture and sound do not belong together."""

    def __len__(self) -> int:
        return len(self.rows)

    def points(self, i: int) -> F32:
        """(T, 478, 3) px at 25 fps."""
        return self._shards.array(i, "points") * np.float32(self.rows[i]["unit_px"])

    def samples(self, i: int) -> F32:
        """(T * 640,) at 16 kHz in [-1, 1], from the first picture on; a known offset to the picture is removed."""
        samples = self._shards.array(i, "sound") * np.float32(1 / FULL)
        late = round(self._removed_ms.get(self.rows[i]["key"], 0.0) * SPEECH_RATE_HZ / 1000)
        if late < 0:
            return np.pad(samples[-late:], (0, min(-late, len(samples))))
        return np.pad(samples, (late, 0))[: len(samples)]


def record(source: Source) -> Result:
    """Track one clip, in a worker.

    A clip that fails is a line in the report, never the end of the run.
    """
    import av

    from sonic.training.clean import RejectedError
    from sonic.training.track import track_clip

    named: dict[str, object] = {"key": source.key, "file": source.file, "speaker": source.speaker}
    try:
        track = track_clip(source.path, source.sound)
    except RejectedError as fault:
        return {**named, "reason": fault.reason, "detail": fault.detail}, None
    except (MediaError, av.FFmpegError, OSError, ValueError, EOFError) as error:
        return {**named, "reason": "cannot be decoded", "detail": type(error).__name__}, None
    unit_px = float(np.abs(track.points).max()) / FULL
    values = {
        **named,
        "split": source.split,
        "text": source.text,
        "seconds": f"{len(track.points) / FPS:.2f}",
        "fps": f"{track.fps:.3f}",
        "lag_curve": " ".join(f"{value:.2f}" for value in track.lag_curve),
        "unit_px": repr(unit_px),
    }
    points = np.round(track.points / unit_px).astype(np.int16)
    return values, {"points": points, "sound": (np.clip(track.samples, -1, 1) * FULL).astype(np.int16)}


def track_all(sources: Sequence[Source], folder: Path, *, workers: int, observer: Observer) -> None:
    """Track the clips that the store does not know yet; an interruption keeps all that are finished.

    Raises SonicError if a worker process dies.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = {row["key"] for row in rejected(folder)}
    with ShardWriter(folder, COLUMNS, FIELDS) as store, _RejectedList(folder / REJECTED) as faults:
        taken: dict[str, str] = {}
        todo = []
        for source in sources:
            first = taken.setdefault(source.key, source.file)
            if first != source.file and source.key not in known:
                fault = {"key": f"{source.key} ({source.file})", "file": source.file, "speaker": source.speaker}
                if fault["key"] not in known:
                    faults.append({**fault, "reason": "same name", "detail": f"as {first}"})
            elif source.key not in known | store.keys:
                todo.append(source)
        if len(todo) < len(taken):
            observer.notice(f"{len(taken) - len(todo)} of {len(taken)} clips were tracked before")
        for done, (values, arrays) in enumerate(_in_parallel(todo, workers), 1):
            if arrays is None:
                faults.append(values)
            else:
                store.append(values, arrays)
            observer.progress(Progress("clips", done, len(todo)))


def rejected(folder: Path) -> list[dict[str, str]]:
    """REJECTED_FIELDS of every clip that was refused."""
    path = folder / REJECTED
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["detail"] is not None]


class _RejectedList:
    """The list of refused clips, a line at a time."""

    def __init__(self, path: Path) -> None:
        complete = path.read_bytes().rfind(b"\n") + 1 if path.exists() else 0
        self._file = path.open("r+" if path.exists() else "w+", newline="", encoding="utf-8")
        self._file.truncate(complete)
        self._file.seek(complete)
        self._table = csv.DictWriter(self._file, REJECTED_FIELDS, lineterminator="\n")
        if not complete:
            self._table.writeheader()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def append(self, values: dict[str, object]) -> None:
        self._table.writerow(values)
        self._file.flush()


def _in_parallel(sources: Sequence[Source], workers: int) -> Iterator[Result]:
    """``record`` of every source, in order; closing the generator stops the workers at once."""
    if not sources:
        return
    # Spawned, not forked: a fork copies the locks of threads that it leaves behind.
    pool = ProcessPoolExecutor(
        min(workers, len(sources)), mp_context=multiprocessing.get_context("spawn"), initializer=_leave_interrupts
    )
    waiting: deque[Future[Result]] = deque()
    ahead, last = iter(sources), sources[0]
    try:
        for source in sources:
            while len(waiting) < AHEAD * workers and (following := next(ahead, None)) is not None:
                waiting.append(pool.submit(record, following))
            last = source
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise SonicError(
            f"a worker died near {last.file}, perhaps for want of memory; run again with fewer --workers"
            " (finished clips are kept)"
        ) from error
    finally:
        # An unfinished clip may take minutes: its result is not waited for.
        for process in list((pool._processes or {}).values()) if waiting else []:
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts() -> None:
    """Ctrl-C reaches every process of the terminal; only the first one answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

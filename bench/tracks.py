"""Faces tracked in pixels, rendered or filmed, several at a time and remembered on disk.

A result is kept under a name made from everything that it depends on: the portrait's pixels, the motion's numbers and
the source of the renderer and the tracker; or the clip's bytes and the source of the tracker. A rerun after a new model
renders what moves differently and nothing else.
"""

import hashlib
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import sonic
from sonic.engines import Engine
from sonic.engines.light.renderers.warp import Renderer
from sonic.faces.landmarks import fill_lost, track_face
from sonic.faces.portrait import analyse_portrait
from sonic.media.recording import load_speech
from sonic.media.video import decode_video
from sonic.motion import Motion, join
from sonic.settings import Settings
from sonic.speech.prosody import Prosody, prosody
from sonic.types import F32, F64, SPEECH_RATE_HZ, U8, Observer, Photo, Portrait, Speech, Waveform

FPS = Fraction(25)
MAX_SIDE_PX = 384
MAX_LOST = 0.1
"""Share of frames that may be without a face; FIELD calls such a clip unusable."""
SOURCE = Path(sonic.__file__).parent
TRACKING = ("faces/landmarks.py", "faces/boxes.py", "faces/detect.py", "faces/sampling.py")
RENDERING = (
    *TRACKING,
    "engines/light/renderers",
    "faces",
    "assets/face_model.npz",
    "assets/weights/mouth.npz",
    "assets/weights/rest.npz",
)
_SECONDS_A_FRAME = 0.04  # first guess of the time left


@dataclass(frozen=True)
class Track:
    """A face followed through a video at FPS."""

    points: F64
    """(T, 478, 3) px."""
    lost: int
    """Frames without a face; they repeat the one before."""

    @property
    def usable(self) -> bool:
        return self.lost <= MAX_LOST * len(self.points)


@dataclass(frozen=True)
class Task:
    """Something to track: ``work(*arguments)`` gives the landmarks of each frame, or None where there is no face."""

    name: str
    key: str
    n_frames: int
    work: Callable[..., list[F32 | None]]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Filmed:
    """A clip of a real speaker."""

    name: str
    path: Path
    photo: Photo
    """Its first picture."""
    speech: Speech
    voice: Prosody
    """At FPS."""
    n_frames: int
    """At FPS: what is measured of it."""

    @property
    def seconds(self) -> float:
        return float(self.n_frames / FPS)

    @property
    def samples(self) -> Waveform:
        """The sound of what is measured."""
        return self.speech.samples[: round(self.seconds * SPEECH_RATE_HZ)]


class Tracker:
    """Tracks what it is asked to, ``jobs`` videos at a time; results lie in ``cache``."""

    def __init__(self, cache: Path, jobs: int) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        self._cache, self._jobs = cache, jobs

    def track(self, tasks: Sequence[Task]) -> list[Track]:
        """One track for each task, in order."""
        todo = {task.key: task for task in tasks if not self._file(task).exists()}
        if todo:
            self._do(list(todo.values()))
        return [_read(self._file(task)) for task in tasks]

    def _file(self, task: Task) -> Path:
        return self._cache / f"{task.key}.npz"

    def _do(self, tasks: list[Task]) -> None:
        began, total, done = time.perf_counter(), sum(t.n_frames for t in tasks), 0
        jobs = min(self._jobs, len(tasks))
        # A fresh process: a fork copies the locks of threads that it leaves behind.
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
            futures = [(task, pool.submit(_quietly, task.work, task.arguments)) for task in tasks]
            for i, (task, future) in enumerate(futures):
                points, lost = fill_lost(future.result())
                part = self._file(task).with_suffix(".part.npz")
                np.savez_compressed(part, points=points, lost=lost)
                part.replace(self._file(task))
                done += task.n_frames
                spent = time.perf_counter() - began
                left = (total - done) * (spent / done if i else _SECONDS_A_FRAME)
                line = f"{i + 1} of {len(tasks)} videos tracked, {left / 60:.1f} min left: {task.name}"
                print(f"\r{line[:100]:<100}", end="\n" if i + 1 == len(tasks) else "", file=sys.stderr, flush=True)


def rendered(name: str, portrait: Portrait, motion: Motion) -> Task:
    """The task of rendering this and tracking it in the frames, before label and encoding."""
    arrays = [portrait.crop, portrait.face.points_px, portrait.matte]
    arrays += [getattr(motion, f.name) for f in fields(motion) if f.name != "fps"]
    key = f"made-{_digest([*arrays, *_sources(RENDERING)])}"
    return Task(name, key, len(motion), _track_rendered, (portrait, motion))


def filmed(clip: Filmed) -> Task:
    """The task of tracking a real clip."""
    key = f"real-{_digest([clip.path.read_bytes(), str(clip.n_frames).encode(), *_sources(TRACKING)])}"
    return Task(clip.name, key, clip.n_frames, _track_filmed, (clip.path, clip.n_frames))


def open_clip(path: Path, seconds: float) -> Filmed:
    """The first ``seconds`` of a clip."""
    speech = load_speech(path, lambda line: None)
    times = [time_s for time_s, _ in _pictures(path, seconds)]
    n_frames = int(min(times[-1] + 1e-6, speech.duration_s - 0.04, seconds) * FPS)
    _, first = next(decode_video(path))
    photo = Photo(np.ascontiguousarray(first), hashlib.sha256(first.tobytes()).hexdigest(), path.name)
    return Filmed(path.stem, path, photo, speech, prosody(speech.samples, FPS), n_frames)


def portrait_of(photo: Photo) -> Portrait:
    """The portrait at the photo's own size, at most MAX_SIDE_PX. Raises FaceError as the product does."""
    side = max(128, min(MAX_SIDE_PX, *photo.size_px)) // 2 * 2
    return analyse_portrait(photo, Settings(min_resolution=side), lambda line: None)


def driven(engine: Engine[Any], portrait: Portrait, speech: Speech, seconds: float, **changes: Any) -> Motion:
    """The product's own motion, whole; with the default settings but for ``changes``."""
    return join(list(engine.drive(portrait, speech, Settings(fps=FPS, **changes), seconds, Observer())))


def _track_rendered(portrait: Portrait, motion: Motion) -> list[F32 | None]:
    return list(track_face(frame.rgb for frame in Renderer(portrait).render(iter([motion]))))


def _track_filmed(path: Path, n_frames: int) -> list[F32 | None]:
    """At FPS by linear interpolation between the clip's own times; those between an unseen face and any are lost."""
    times: list[float] = []

    def frames() -> Iterator[U8]:
        for time_s, rgb in _pictures(path, n_frames / float(FPS)):
            times.append(time_s)
            yield rgb

    found = list(track_face(frames()))
    at = np.arange(n_frames) / float(FPS)
    right = np.clip(np.searchsorted(times, at), 1, len(times) - 1)
    points: list[F32 | None] = []
    for i, t in zip(right, at, strict=True):
        before, after = found[i - 1], found[i]
        share = np.float32(np.clip((t - times[i - 1]) / (times[i] - times[i - 1]), 0, 1))
        missing = before is None or after is None
        points.append(None if missing else before * (1 - share) + after * share)
    return points


def _pictures(path: Path, seconds: float) -> Iterator[tuple[float, U8]]:
    """(time in s, picture) up to one beyond ``seconds``."""
    for time_s, rgb in decode_video(path):
        yield time_s, rgb
        if time_s > seconds:
            return


def _quietly(work: Callable[..., list[F32 | None]], arguments: tuple[Any, ...]) -> list[F32 | None]:
    """In a worker: MediaPipe talks to the error stream, over the progress."""
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    return work(*arguments)


def _read(file: Path) -> Track:
    with np.load(file) as data:
        return Track(data["points"].astype(np.float64), int(data["lost"]))


def _sources(names: Iterable[str]) -> list[bytes]:
    """The bytes of these files and of all code below these folders, and the version of the tracker."""
    paths = [SOURCE / name for name in names]
    files = [f for p in paths for f in (sorted([*p.rglob("*.py"), *p.rglob("*.c")]) if p.is_dir() else [p])]
    return [version("onnxruntime").encode(), *(f.read_bytes() for f in files)]


def _digest(parts: Iterable[Any]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:24]

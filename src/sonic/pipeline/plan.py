"""What a video would be and how long it would take here, found out by making its first second and throwing it away."""

import dataclasses
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sonic.engines import Engine
from sonic.media.encode import encode
from sonic.pipeline import stages
from sonic.pipeline.job import Job
from sonic.pipeline.prepare import Prepared
from sonic.types import Observer, ignore

SAMPLE_S = 1.2
"""Of the video is made for the estimate ..."""
WARM_S = 0.4
"""... of which the beginning is start-up, which comes once."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One video that could be made."""

    size_px: tuple[int, int]
    """(width, height)"""
    duration_s: float
    n_frames: int
    takes_s: float | None
    """Estimated seconds of work on this machine; None where an engine is not tried beforehand."""


def time_of(prepared: Prepared, engine: Engine[Any]) -> float:
    """Seconds that making this video takes here: start-up, and the pace of its first second."""
    sample = dataclasses.replace(prepared, duration_s=min(prepared.duration_s, SAMPLE_S))
    fps = float(prepared.settings.fps)
    begin, n_warm = time.monotonic(), max(1, round(WARM_S * fps))
    seen: list[float] = []
    job = Job(prepared.settings, Observer(frame=lambda _: seen.append(time.monotonic())))
    with tempfile.TemporaryDirectory(prefix="sonic-", ignore_cleanup_errors=True) as folder:
        # thrown away before anybody sees it, so that it needs no entry in the audit log
        clip = stages._clip_of(stages.drive(sample, Observer(), engine), job)
        with clip.frames:
            encode(clip, Path(folder) / "sample.mp4", settings=prepared.settings, metadata={}, on_progress=ignore)
    end = time.monotonic()
    if clip.n_frames <= n_warm:
        return end - begin
    warm_s = seen[n_warm - 1]
    pace_s = (end - warm_s) / (clip.n_frames - n_warm)
    return warm_s - begin + pace_s * (prepared.duration_s * fps - n_warm)

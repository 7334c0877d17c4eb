"""One clip of any frame rate becomes landmarks at 25 fps and the 16 kHz sound that starts with the first picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sonic.engines.light.lips.diffusion import FPS
from sonic.evaluation.metrics.offset import agreement
from sonic.faces.boxes import face_boxes
from sonic.faces.landmarks import track_face
from sonic.media.video import decode_video
from sonic.training import clean
from sonic.training.clean import RejectedError
from sonic.types import F32, F64, SPEECH_RATE_HZ, U8

LOOK_S = 1.0
"""Other people are looked for in one picture of so many seconds."""
LOOK_WIDTH_PX = 640
THUMBNAIL = 24
MAX_LOOKS = 60


@dataclass(frozen=True, slots=True)
class Track:
    """A clip that passed every check."""

    points: F32
    """(T, 478, 3) px at 25 fps."""
    samples: F32
    """(N,) at 16 kHz in [-1, 1], N = T * 640."""
    fps: float
    """Of the clip before it was resampled."""
    lag_curve: F64
    """How lips and sound agree at each lag: sonic.evaluation.metrics.offset.agreement."""


class _Glimpses:
    """What is kept of the pictures that go by: their times, thumbnails, and now and then one to look for people."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.thumbnails: list[U8] = []
        self.looks: list[U8] = []

    def passing(self, pictures: Iterator[tuple[float, U8]]) -> Iterator[U8]:
        next_look_s = -np.inf
        for time_s, rgb in pictures:
            if self.times and time_s <= self.times[-1]:
                continue  # a repeated or disordered time stamp
            self.times.append(time_s)
            rows = np.linspace(0, rgb.shape[0] - 1, THUMBNAIL).astype(int)
            columns = np.linspace(0, rgb.shape[1] - 1, THUMBNAIL).astype(int)
            self.thumbnails.append(rgb[rows][:, columns])
            if time_s >= next_look_s and len(self.looks) < MAX_LOOKS:
                step = max(1, round(rgb.shape[1] / LOOK_WIDTH_PX))
                self.looks.append(np.ascontiguousarray(rgb[::step, ::step]))
                next_look_s = time_s + LOOK_S
            yield rgb


def track_clip(path: Path, sound: Path | None = None) -> Track:
    """Track, check, resample and align one clip; ``sound`` is the file of its sound, if not the clip.

    Raises MediaError for a file that shows no picture, RejectedError if the clip is too short, has no speech, is cut,
    or shows no usable face or several.
    """
    samples, sound_s = decode_sound(sound or path)
    clean.check_speech(samples)
    glimpses = _Glimpses()
    found = list(track_face(glimpses.passing(decode_video(path))))
    times = np.asarray(glimpses.times)
    fps = clean.check_times(times)
    clean.check_found(found)
    points = _filled(found)
    clean.check_face(points)
    clean.check_cut(glimpses.thumbnails)
    boxes = face_boxes(glimpses.looks, far=True)
    clean.check_alone([[right - left for _, (left, _, right, _) in row] for row in boxes])
    at = np.arange(0, times[-1] - times[0] + 1e-6, 1 / FPS)
    points = _resample(points, times - times[0], at)
    # A separate sound file has a clock of its own that starts with the picture.
    samples = _aligned(samples, 0.0 if sound not in (None, path) else times[0] - sound_s, len(at))
    return Track(points, samples, fps, agreement(samples, points))


def decode_sound(path: Path) -> tuple[F32, float]:
    """((N,) mono at 16 kHz, time of the first sample in s). Raises RejectedError for a file without sound."""
    import av

    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise RejectedError("no sound")
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=SPEECH_RATE_HZ)
        blocks: list[F32] = []
        start: float | None = None
        for frame in container.decode(audio=0):
            if start is None:
                start = float(frame.time or 0.0)
            blocks += [block.to_ndarray()[0] for block in resampler.resample(frame)]
        blocks += [block.to_ndarray()[0] for block in resampler.resample(None)]
    if not blocks:
        raise RejectedError("no sound")
    return np.concatenate(blocks).astype(np.float32), start or 0.0


def _filled(found: list[F32 | None]) -> F32:
    """The few frames without a face, by interpolation."""
    good = np.flatnonzero([points is not None for points in found])
    known = np.stack([p for p in found if p is not None])
    return _resample(known, good.astype(np.float64), np.arange(len(found), dtype=np.float64))


def _resample(values: F32, times: F64, at: F64) -> F32:
    """Linear interpolation along the first axis."""
    right = np.clip(np.searchsorted(times, at, side="right"), 1, len(times) - 1)
    left = right - 1
    share = np.clip((at - times[left]) / (times[right] - times[left]), 0, 1)[:, None, None]
    return np.asarray(values[left] * (1 - share) + values[right] * share, np.float32)


def _aligned(samples: F32, skip_s: float, n_frames: int) -> F32:
    """Cut or pad the sound so that it starts with the first picture and ends with the last one's time."""
    skip = round(skip_s * SPEECH_RATE_HZ)
    samples = samples[skip:] if skip >= 0 else np.concatenate([np.zeros(-skip, np.float32), samples])
    n = n_frames * SPEECH_RATE_HZ // FPS
    return np.pad(samples[:n], (0, max(0, n - len(samples))))

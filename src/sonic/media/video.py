"""The pictures of a video, decoded in process with PyAV, one frame at a time."""

import itertools
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import av.container
import av.error
import numpy as np

from sonic.errors import MediaError
from sonic.media.container import FAILURES, check_codec, frames_of, open_media
from sonic.types import U8

MAX_VIDEO_PIXELS = 40_000_000
READ_THROUGH_S = 20.0
"""Of longer videos sample_video looks at keyframes."""
BEHIND_KEYFRAME = 50
"""Frames that sample_video decodes at most after a keyframe to find one that it has not given yet."""

_Frames = Callable[[], Iterator[Any]]
"""The frames of a video from where its container stands."""


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """How the picture of a video is stored."""

    size_px: tuple[int, int]
    """(width, height) as shown, after the file's rotation."""
    fps: Fraction
    """On average; 0 where the file does not say."""


def video_format(source: Path) -> VideoFormat:
    """Size and rate of a video, without decoding it. Raises MediaError as decode_video."""
    with open_media(source, MediaError) as container:
        stream = _video_stream(container, source)
        first = next(frames_of(container, stream, source, MediaError), None)
        size = (stream.width, stream.height)
        turned = first is not None and first.rotation % 180 != 0
        return VideoFormat(size[::-1] if turned else size, Fraction(stream.average_rate or 0))


def decode_video(source: Path) -> Iterator[tuple[float, U8]]:
    """The pictures of a video: (time_s, rgb (H, W, 3) uint8), upright, in order, at the file's own times.

    Closing the generator closes the file. Raises MediaError if the file is not an accepted kind, has no picture, is
    damaged, or has more than MAX_VIDEO_PIXELS in a picture.
    """
    with open_media(source, MediaError) as container:
        stream = _video_stream(container, source)
        stream.thread_type = "AUTO"
        for index, frame in enumerate(frames_of(container, stream, source, MediaError)):
            time_s = frame.time if frame.time is not None else index / float(stream.average_rate or 25)
            _check_pixels(frame.width, frame.height, source)  # it may change in mid-stream
            yield time_s, _picture(frame)


def sample_video(
    source: Path, n_pictures: int, is_over: Callable[[], bool] = lambda: False
) -> Generator[U8, None, None]:
    """At most ``n_pictures`` of a video, (H, W, 3) as decode_video gives them, spread over all of it, the first first.

    A long video is read at its keyframes, so an hour takes no longer than a minute; a short one from its beginning.
    No more is decoded once ``is_over`` says so. Raises MediaError as decode_video.
    """
    with open_media(source, MediaError) as container:
        stream = _video_stream(container, source)
        stream.thread_type = "AUTO"
        duration_s = (container.duration or 0) / av.time_base
        pick = _at_keyframes if duration_s > READ_THROUGH_S else _every_few
        frames = partial(frames_of, container, stream, source, MediaError, is_over)
        for frame in pick(container, stream, frames, n_pictures, duration_s):
            _check_pixels(frame.width, frame.height, source)
            yield _picture(frame)


def spread_keyframes(
    source: Path, most: int, is_over: Callable[[], bool] = lambda: False
) -> Generator[tuple[float, U8], None, None]:
    """At most ``most`` keyframes of a video, spread over it, the first first: (time_s, rgb) as decode_video gives them.

    Nothing between them is decoded, so it takes some milliseconds each. ``is_over`` as of sample_video. Raises
    MediaError as decode_video.
    """
    with open_media(source, MediaError) as container:
        stream = _video_stream(container, source)
        duration_s, last_s = (container.duration or 0) / av.time_base, -1.0
        for index in range(most):
            with suppress(*FAILURES):
                container.seek(round(index * duration_s / most * av.time_base))
            frame = next(frames_of(container, stream, source, MediaError, is_over), None)
            if frame is not None and frame.time is not None and frame.time > last_s:
                last_s = frame.time
                _check_pixels(frame.width, frame.height, source)
                yield last_s, _picture(frame)


def _picture(frame: av.VideoFrame) -> U8:
    """(H, W, 3) sRGB of a frame, upright.

    On one thread: PyAV keeps what converts frames for the next ones, and a process that is forked would wait for ever
    for the others.
    """
    rgb = frame.reformat(format="rgb24", threads=1).to_ndarray()
    return np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90)))


def _video_stream(container: av.container.InputContainer, source: Path) -> av.VideoStream:
    if not container.streams.video:
        raise MediaError(f"video {source.name!r} has no picture; give a video")
    stream = container.streams.video[0]
    check_codec(stream, f"video {source.name!r}", MediaError, "H.264")
    _check_pixels(stream.width, stream.height, source)
    return stream


def _check_pixels(width: int, height: int, source: Path) -> None:
    if width * height > MAX_VIDEO_PIXELS:
        size, most = f"{width}x{height}", MAX_VIDEO_PIXELS // 10**6
        raise MediaError(f"video {source.name!r} is {size} px; at most {most} MP are decoded, scale it down")


def _every_few(
    container: av.container.InputContainer, stream: av.VideoStream, frames: _Frames, n: int, duration_s: float
) -> Iterator[av.VideoFrame]:
    """``n`` frames from the beginning, so many apart as ``duration_s`` needs at the stream's rate."""
    step = max(1, round(duration_s * float(stream.average_rate or 25) / n))
    yield from itertools.islice(frames(), 0, n * step, step)


def _at_keyframes(
    container: av.container.InputContainer, stream: av.VideoStream, frames: _Frames, n: int, duration_s: float
) -> Iterator[av.VideoFrame]:
    """The keyframe before each of ``n`` times, or where that was given already, one of the frames behind it."""
    last_s = -1.0
    for index in range(n):
        with suppress(*FAILURES):
            container.seek(round(index * duration_s / n * av.time_base))
        for frame in itertools.islice(frames(), BEHIND_KEYFRAME):
            if frame.time is not None and frame.time > last_s:
                last_s = frame.time
                yield frame
                break

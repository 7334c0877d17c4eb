"""Opening files that strangers made: the content decides, never the name, and everything has a limit.

Photos are read whole (read_file); sound and video are decoded in process with PyAV, one chunk or frame at a time. A
file must be a regular file, is recognised by its first bytes, and goes to the one demuxer of that kind, of which none
follows references to other files: no playlists, no network, and only codecs of an allow-list. Lengths that a header
claims are not believed.
"""

import itertools
import os
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import av.container
import av.error
import numpy as np

from sonic.errors import MediaError, SpeechError
from sonic.files import open_regular
from sonic.media.clock import Clock
from sonic.media.kinds import ACCEPTED, CODECS, DEMUXERS, REMEDIES, STATING, named
from sonic.media.riff import stated_s
from sonic.media.sniff import sniff_file
from sonic.types import F32, U8

MAX_SOUND_BYTES = 2 * 1024**3
MAX_SOUND_S = 36_000
"""Ten hours of decoded sound, whatever the header says."""
MAX_VIDEO_PIXELS = 40_000_000
MAX_CHANNELS = 32
RATES_HZ = (4_000, 768_000)
READ_THROUGH_S = 20.0
"""Of longer videos sample_video looks at keyframes."""
BEHIND_KEYFRAME = 50
"""Frames that sample_video decodes at most after a keyframe to find one that it has not given yet."""
STALL_PACKETS = 2_000
"""Packets in a row that may decode to nothing."""

MANY_FRAMES, SMALLEST_FRAME = 100_000, 16
"""So many frames must hold this many samples each: AMR has 160, and only a damaged header makes a frame of one."""
SILENCE_BLOCK = 16_384
"""Samples of a gap that are given at once."""
MIXED_BY_FFMPEG = 8
"""Channels for whose layouts FFmpeg knows a mix; of more, or without a layout, the mean is taken."""

_FAILURES = (av.error.FFmpegError, ValueError, LookupError, OverflowError, MemoryError, NotImplementedError)
"""What PyAV raises for files that no decoder, filter or conversion can make anything of."""


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """How the sound of a file is stored."""

    rate_hz: int
    channels: int
    claimed_s: float | None = None
    """Length that the file states for it; None where it states none."""


@dataclass(frozen=True, slots=True)
class SoundTrack:
    """One of several audio tracks of a file."""

    number: int
    """Counted from 1, as people choose it."""
    title: str
    """What the file calls it, or its language; may be empty."""
    channels: int

    def __str__(self) -> str:
        return f"{self.number} {self.title!r}" if self.title else str(self.number)


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """How the picture of a video is stored."""

    size_px: tuple[int, int]
    """(width, height) as shown, after the file's rotation."""
    fps: Fraction
    """On average; 0 where the file does not say."""


def read_file(path: Path, max_bytes: int, what: str, *, error: type[MediaError] = MediaError) -> bytes:
    """The bytes of a regular file of at most ``max_bytes``; ``what`` names it in messages ("photo").

    Raises ``error`` if it is missing, unreadable, empty, larger, or no regular file (a pipe, a device, a folder).
    """
    with open_file(path, max_bytes, what, error=error) as file:
        return file.read(max_bytes)


@contextmanager
def open_file(path: Path, max_bytes: int, what: str, *, error: type[MediaError] = MediaError) -> Iterator[BinaryIO]:
    """As read_file, but the open file."""
    name = path.name
    try:
        opened = open_regular(path)
    except OSError as cause:
        raise error(f"{what} {str(path)[:300]!r} cannot be opened ({cause.strerror}); check the path") from cause
    with opened as file:
        n_bytes = os.fstat(file.fileno()).st_size
        if not n_bytes:
            raise error(f"{what} {name!r} is empty (0 bytes); give a complete file")
        if n_bytes > max_bytes:
            size, most = n_bytes / 1e6, max_bytes / 1e6
            raise error(f"{what} {name!r} has {size:.0f} MB; at most {most:.0f} MB are read, give a smaller file")
        yield file


def sound_format(source: Path, track: int | None = None) -> SoundFormat:
    """Rate, channels and stated length of a file's sound, without decoding it. Raises SpeechError as decode_sound."""
    with _open_media(source, SpeechError) as container:
        stream = _sound_stream(container, source, track)
        return SoundFormat(stream.rate, stream.channels, _claimed_s(container, stream, source))


def sound_tracks(source: Path) -> tuple[SoundTrack, ...]:
    """The audio tracks of a file that can be decoded, at least one, the one that players take first.

    Raises SpeechError as decode_sound.
    """
    with _open_media(source, SpeechError) as container:
        best = container.streams.best("audio")
        tracks = [
            (stream is not best, number, SoundTrack(number, _title(stream.metadata), stream.channels))
            for number, stream in enumerate(container.streams.audio, 1)
            if stream.codec_context is not None and stream.codec_context.name in CODECS
        ]
        if not tracks:
            _sound_stream(container, source, None)  # says why
        return tuple(track for *_, track in sorted(tracks, key=lambda found: found[:2]))


def decode_sound(
    source: Path,
    *,
    rate_hz: int | None = None,
    channels: int | None = None,
    track: int | None = None,
    on_gap: Callable[[float], None] | None = None,
) -> Generator[F32, None, None]:
    """The sound of a recording or video in chunks, each (n, C) float32, nominally in [-1, 1], at ``rate_hz``.

    None keeps the file's own rate or channels; ``channels`` 1 or 2 asks for a mix of them. ``track`` counts from 1;
    None is the one that players take. Gaps in the file's time stamps are silence, and ``on_gap`` hears their seconds.
    Samples may be NaN or exceed the range where the file says so. Closing the generator closes the file. Raises
    SpeechError if the file is not an accepted kind, has no such sound, is damaged, or decodes to more than ten hours.
    """
    with _open_media(source, SpeechError) as container:
        stream = _sound_stream(container, source, track)
        rate = rate_hz or stream.rate
        layout, mixed = _target(stream, channels)
        frames = _frames(container, stream, source, SpeechError)
        n_samples = 0
        for chunk in _resampled(_with_gaps(frames, _clock(stream), on_gap), layout, rate):
            n_samples += len(chunk)
            if n_samples > MAX_SOUND_S * rate:
                raise SpeechError(f"recording {source.name!r} is longer than {MAX_SOUND_S // 3600} h; cut it")
            yield chunk if mixed is None else np.repeat(chunk.mean(1, keepdims=True), mixed, axis=1)


def video_format(source: Path) -> VideoFormat:
    """Size and rate of a video, without decoding it. Raises MediaError as decode_video."""
    with _open_media(source, MediaError) as container:
        stream = _video_stream(container, source)
        first = next(_frames(container, stream, source, MediaError), None)
        size = (stream.width, stream.height)
        turned = first is not None and first.rotation % 180 != 0
        return VideoFormat(size[::-1] if turned else size, Fraction(stream.average_rate or 0))


def decode_video(source: Path) -> Iterator[tuple[float, U8]]:
    """The pictures of a video: (time_s, rgb (H, W, 3) uint8), upright, in order, at the file's own times.

    Closing the generator closes the file. Raises MediaError if the file is not an accepted kind, has no picture, is
    damaged, or has more than MAX_VIDEO_PIXELS in a picture.
    """
    with _open_media(source, MediaError) as container:
        stream = _video_stream(container, source)
        stream.thread_type = "AUTO"
        for index, frame in enumerate(_frames(container, stream, source, MediaError)):
            time_s = frame.time if frame.time is not None else index / float(stream.average_rate or 25)
            _check_pixels(frame.width, frame.height, source)  # it may change in mid-stream
            rgb = frame.to_ndarray(format="rgb24")
            yield time_s, np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90)))


def sample_video(source: Path, n_pictures: int) -> Generator[U8, None, None]:
    """At most ``n_pictures`` of a video, (H, W, 3) as decode_video gives them, spread over all of it, the first first.

    A long video is read at its keyframes, so an hour takes no longer than a minute; a short one from its beginning.
    Raises MediaError as decode_video.
    """
    with _open_media(source, MediaError) as container:
        stream = _video_stream(container, source)
        stream.thread_type = "AUTO"
        duration_s = (container.duration or 0) / av.time_base
        pick = _at_keyframes if duration_s > READ_THROUGH_S else _every_few
        for frame in pick(container, stream, source, n_pictures, duration_s):
            _check_pixels(frame.width, frame.height, source)
            yield np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90)))


def container_tags(source: Path) -> dict[str, str]:
    """The tags of a recording or video as a whole, such as its title, as the file has them. Raises MediaError."""
    with _open_media(source, MediaError) as container:
        return dict(container.metadata)


@contextmanager
def _open_media(source: Path, error: type[MediaError]) -> Iterator[av.container.InputContainer]:
    """The container; whatever FFmpeg raises while it is open means that the file is damaged."""
    what = "recording" if error is SpeechError else "video"
    with open_file(source, MAX_SOUND_BYTES, what, error=error) as file:
        kind = sniff_file(file)
    if kind not in DEMUXERS:
        about = f" ({REMEDIES[kind]})" if kind in REMEDIES else ""
        raise error(f"{what} {source.name!r} is {named(kind)}{about}, by its content; give a {ACCEPTED} file")
    limits = {
        "format_whitelist": DEMUXERS[kind], "protocol_whitelist": "file", "codec_whitelist": ",".join(sorted(CODECS)),
    }  # fmt: skip
    try:
        # By name, because a Python file lets demuxers seek beyond its end and search there for seconds; with "file:",
        # because names may look like options or protocols.
        with av.open(f"file:{source}", "r", format=DEMUXERS[kind], container_options=limits, timeout=20.0) as container:
            yield container
    except _FAILURES as cause:
        raise error(f"{what} {source.name!r} is {named(f'damaged {kind}')}; save or export it again") from cause


def _sound_stream(container: av.container.InputContainer, source: Path, track: int | None) -> av.AudioStream:
    name, streams = source.name, container.streams.audio
    if not streams:
        raise SpeechError(f"recording {name!r} has no sound; give a recording or a video with sound")
    if track is not None and not 1 <= track <= len(streams):
        raise SpeechError(
            f"audio_track is {track}, but recording {name!r} has {len(streams)}; give 1 to {len(streams)}"
        )
    stream = streams[track - 1] if track is not None else container.streams.best("audio") or streams[0]
    assert isinstance(stream, av.AudioStream)  # noqa: S101 - the library's own promise, for the type checker
    _check_codec(stream, f"recording {name!r}", SpeechError, "WAV or MP3")
    low, high = RATES_HZ
    if not low <= stream.rate <= high:
        raise SpeechError(f"recording {name!r} claims {stream.rate} Hz; {low} to {high} are accepted, resample it")
    if not 1 <= stream.channels <= MAX_CHANNELS:
        raise SpeechError(f"recording {name!r} claims {stream.channels} channels; 1 to {MAX_CHANNELS} are accepted")
    return stream


def _video_stream(container: av.container.InputContainer, source: Path) -> av.VideoStream:
    if not container.streams.video:
        raise MediaError(f"video {source.name!r} has no picture; give a video")
    stream = container.streams.video[0]
    _check_codec(stream, f"video {source.name!r}", MediaError, "H.264")
    _check_pixels(stream.width, stream.height, source)
    return stream


def _check_codec(stream: av.AudioStream | av.VideoStream, file: str, error: type[MediaError], remedy: str) -> None:
    context = stream.codec_context
    if context is None or context.name not in CODECS:
        codec = "an unknown codec" if context is None else f"the codec {context.name}"
        raise error(f"{file} uses {codec}, which is not accepted; export it as {remedy}")


def _title(tags: Mapping[str, str]) -> str:
    """What a track is called: its title, or its language."""
    language = tags.get("language", "und")
    return (tags.get("title") or ("" if language == "und" else language))[:80]


def _claimed_s(container: av.container.InputContainer, stream: av.AudioStream, source: Path) -> float | None:
    """Seconds of sound that the file states; None where it does not, or where FFmpeg could only estimate."""
    demuxer = container.format.name.split(",")[0]
    if demuxer not in {DEMUXERS[kind] for kind in STATING}:
        return None
    if demuxer == "wav" and (stated := stated_s(source)):
        return stated
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if match := re.fullmatch(r"(\d{1,3}):(\d\d):(\d\d(?:\.\d{1,9})?)", stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = match.groups()
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    alone = len(container.streams) == 1
    return container.duration / av.time_base if alone and container.duration else None


def _clock(stream: av.AudioStream) -> Clock:
    start_s = None if stream.start_time is None or stream.time_base is None else stream.start_time * stream.time_base
    return Clock(None if start_s is None else max(float(start_s), 0.0))


def _target(stream: av.AudioStream, channels: int | None) -> tuple[str | av.AudioLayout, int | None]:
    """(layout to resample to, how many equal channels to make of the mean of its channels; None: it stays as it is)."""
    if channels is None:
        return stream.layout, None
    known = stream.channels <= 2 or (stream.channels <= MIXED_BY_FFMPEG and "channels" not in stream.layout.name)
    return ({1: "mono", 2: "stereo"}[channels], None) if known else (stream.layout, channels)


def _check_pixels(width: int, height: int, source: Path) -> None:
    if width * height > MAX_VIDEO_PIXELS:
        size, most = f"{width}x{height}", MAX_VIDEO_PIXELS // 10**6
        raise MediaError(f"video {source.name!r} is {size} px; at most {most} MP are decoded, scale it down")


def _frames(
    container: av.container.InputContainer,
    stream: av.AudioStream | av.VideoStream,
    source: Path,
    error: type[MediaError],
) -> Iterator[Any]:
    """Decoded frames of one stream. A damaged packet is skipped; a file that yields nothing for long is refused."""
    barren = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except _FAILURES:
            return  # cut off in mid-file: what was decoded so far is what there is
        if packet is None:
            return
        frames: Sequence[Any] = ()
        with suppress(*_FAILURES):
            frames = packet.decode()
        barren = 0 if frames else barren + 1
        if barren > STALL_PACKETS:
            raise error(f"{source.name!r} holds no decodable data over {STALL_PACKETS} packets; export it again")
        yield from frames


def _every_few(
    container: av.container.InputContainer, stream: av.VideoStream, source: Path, n: int, duration_s: float
) -> Iterator[av.VideoFrame]:
    """``n`` frames from the beginning, so many apart as ``duration_s`` needs at the stream's rate."""
    step = max(1, round(duration_s * float(stream.average_rate or 25) / n))
    yield from itertools.islice(_frames(container, stream, source, MediaError), 0, n * step, step)


def _at_keyframes(
    container: av.container.InputContainer, stream: av.VideoStream, source: Path, n: int, duration_s: float
) -> Iterator[av.VideoFrame]:
    """The keyframe before each of ``n`` times, or where that was given already, one of the frames behind it."""
    last_s = -1.0
    for index in range(n):
        with suppress(*_FAILURES):
            container.seek(round(index * duration_s / n * av.time_base))
        for frame in itertools.islice(_frames(container, stream, source, MediaError), BEHIND_KEYFRAME):
            if frame.time is not None and frame.time > last_s:
                last_s = frame.time
                yield frame
                break


def _with_gaps(
    frames: Iterator[av.AudioFrame], clock: Clock, on_gap: Callable[[float], None] | None
) -> Iterator[av.AudioFrame | float]:
    """The frames, and between them the seconds that are missing. Raises ValueError if frames hold next to nothing."""
    n_samples = 0
    for n_frames, frame in enumerate(frames, 1):
        n_samples += frame.samples
        if n_frames > MANY_FRAMES and n_samples < SMALLEST_FRAME * n_frames:
            raise ValueError(f"{n_frames} frames hold {n_samples} samples")  # hours of work for seconds of sound
        gap_s = clock.gap_before(frame.time, frame.samples / frame.sample_rate) if frame.sample_rate else 0.0
        if gap_s:
            if on_gap is not None:
                on_gap(gap_s)
            yield gap_s
        frame.pts = None  # all that the stamps say is said
        yield frame


def _resampled(frames: Iterator[av.AudioFrame | float], layout: str | av.AudioLayout, rate_hz: int) -> Iterator[F32]:
    """(n, C) float32 at one rate and layout, also where the source changes in mid-stream; zeros where it is missing.

    Packed, not planar: PyAV 18.1 reads planes beyond the seventh from outside the frame.
    """
    resampler: av.AudioResampler | None = None
    stored, channels = None, av.AudioLayout(layout).nb_channels
    for frame in frames:
        if isinstance(frame, float):
            yield from _converted(resampler, None)
            resampler = None
            yield from _silence(round(frame * rate_hz), channels)
            continue
        if resampler is None or (frame.format.name, frame.layout.name, frame.sample_rate) != stored:
            yield from _converted(resampler, None)
            stored = (frame.format.name, frame.layout.name, frame.sample_rate)
            resampler = av.AudioResampler("flt", layout, rate_hz)
        yield from _converted(resampler, frame)
    yield from _converted(resampler, None)


def _converted(resampler: av.AudioResampler | None, frame: av.AudioFrame | None) -> Iterator[F32]:
    """A frame through the resampler, None for what is left in it; nothing where the frame claims the impossible."""
    pieces: Sequence[av.AudioFrame] = ()
    if resampler is not None:
        with suppress(*_FAILURES):
            pieces = resampler.resample(frame)
    for piece in pieces:
        yield piece.to_ndarray().reshape(piece.samples, -1).astype(np.float32, copy=False)


def _silence(n: int, channels: int) -> Iterator[F32]:
    for first in range(0, n, SILENCE_BLOCK):
        yield np.zeros((min(SILENCE_BLOCK, n - first), channels), np.float32)

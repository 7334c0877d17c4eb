"""Opening files that strangers made: the content decides, never the name, and everything has a limit.

Photos are read whole (read_file); sound and video are decoded in process with PyAV, one chunk or frame at a time. A
file must be a regular file, is recognised by its first bytes, and goes to the one demuxer of that kind, of which none
follows references to other files: no playlists, no network, and only codecs of an allow-list. Lengths that a header
claims are not believed.
"""

import itertools
import os
from collections.abc import Generator, Iterator, Sequence
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

_DEMUXERS = {
    "WAV": "wav", "MP3": "mp3", "FLAC": "flac", "OGG": "ogg", "AAC": "aac", "MP4": "mov", "WebM": "matroska",
}  # fmt: skip
_CODECS = (
    "pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,"
    "pcm_alaw,pcm_mulaw,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,mp2,mp2float,mp3,mp3float,aac,flac,alac,opus,libopus,vorbis,"
    "amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,ac3,eac3,h264,hevc,vp8,vp9,libvpx,libvpx-vp9,av1,libdav1d,mpeg4,mjpeg"
)


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """How the sound of a file is stored."""

    rate_hz: int
    channels: int


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


def sound_format(source: Path) -> SoundFormat:
    """Rate and channels of a file's sound, without decoding it. Raises SpeechError as decode_sound."""
    with _open_media(source, SpeechError) as container:
        stream = _sound_stream(container, source)
        return SoundFormat(stream.rate, stream.channels)


def decode_sound(
    source: Path, *, rate_hz: int | None = None, channels: int | None = None
) -> Generator[F32, None, None]:
    """The sound of a recording or video in chunks, each (n, C) float32, nominally in [-1, 1], at ``rate_hz``.

    None keeps the file's own rate or channels; ``channels`` 1 or 2 asks for FFmpeg's mix. Samples may be NaN or exceed
    the range where the file says so. Closing the generator closes the file. Raises SpeechError if the file is not an
    accepted kind, has no sound, is damaged, or decodes to more than ten hours.
    """
    with _open_media(source, SpeechError) as container:
        stream = _sound_stream(container, source)
        rate = rate_hz or stream.rate
        layout = stream.layout if channels is None else {1: "mono", 2: "stereo"}[channels]
        n_samples = 0
        for frame in _resampled(_frames(container, stream, source, SpeechError), layout, rate):
            n_samples += frame.samples
            if n_samples > MAX_SOUND_S * rate:
                raise SpeechError(f"recording {source.name!r} is longer than {MAX_SOUND_S // 3600} h; cut it")
            yield frame.to_ndarray().reshape(frame.samples, -1).astype(np.float32, copy=False)


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
    what = "recording" if error is SpeechError else "video"
    accepted = "WAV, MP3, FLAC, OGG, AAC, M4A/MP4, WebM or MKV"
    with open_file(source, MAX_SOUND_BYTES, what, error=error) as file:
        kind = sniff_file(file)
    if kind not in _DEMUXERS:
        raise error(f"{what} {source.name!r} is {_article(kind)}, by its content; give a {accepted} file")
    limits = {"format_whitelist": _DEMUXERS[kind], "protocol_whitelist": "file", "codec_whitelist": _CODECS}
    try:
        # By name, because a Python file lets demuxers seek beyond its end and search there for seconds; with "file:",
        # because names may look like options or protocols.
        container = av.open(f"file:{source}", "r", format=_DEMUXERS[kind], container_options=limits, timeout=20.0)
    except (av.error.FFmpegError, ValueError, OverflowError, MemoryError) as cause:
        raise error(f"{what} {source.name!r} is a damaged {kind} file; save or export it again") from cause
    with container:
        yield container


def _article(kind: str) -> str:
    if kind == "text":
        return "a text"
    if kind == "unknown":
        return "no media that Sonic knows"
    return f"a {kind}" + (", which may open other files" if kind == "playlist" else "")


def _sound_stream(container: av.container.InputContainer, source: Path) -> av.AudioStream:
    if not container.streams.audio:
        raise SpeechError(f"recording {source.name!r} has no sound; give a recording or a video with sound")
    stream = container.streams.best("audio") or container.streams.audio[0]
    assert isinstance(stream, av.AudioStream)  # noqa: S101 - the library's own promise, for the type checker
    context = stream.codec_context
    if context is None or context.name not in _CODECS.split(","):
        raise SpeechError(f"recording {source.name!r} uses a codec that is not accepted; export it as WAV or MP3")
    low, high = RATES_HZ
    if not low <= stream.rate <= high:
        raise SpeechError(
            f"recording {source.name!r} claims {stream.rate} Hz; {low} to {high} are accepted, resample it"
        )
    if not 1 <= stream.channels <= MAX_CHANNELS:
        raise SpeechError(
            f"recording {source.name!r} claims {stream.channels} channels; 1 to {MAX_CHANNELS} are accepted"
        )
    return stream


def _video_stream(container: av.container.InputContainer, source: Path) -> av.VideoStream:
    if not container.streams.video:
        raise MediaError(f"video {source.name!r} has no picture; give a video")
    stream = container.streams.video[0]
    context = stream.codec_context
    if context is None or context.name not in _CODECS.split(","):
        raise MediaError(f"video {source.name!r} uses a codec that is not accepted; export it as H.264")
    _check_pixels(stream.width, stream.height, source)
    return stream


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
        except (av.error.FFmpegError, ValueError):
            return  # cut off in mid-file: what was decoded so far is what there is
        if packet is None:
            return
        frames: Sequence[Any] = ()
        with suppress(av.error.FFmpegError):
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
        with suppress(av.error.FFmpegError, ValueError):
            container.seek(round(index * duration_s / n * av.time_base))
        for frame in itertools.islice(_frames(container, stream, source, MediaError), BEHIND_KEYFRAME):
            if frame.time is not None and frame.time > last_s:
                last_s = frame.time
                yield frame
                break


def _resampled(frames: Iterator[av.AudioFrame], layout: str | av.AudioLayout, rate_hz: int) -> Iterator[av.AudioFrame]:
    """Frames as interleaved float32 at one rate and layout, also where the source changes in mid-stream.

    Packed, not planar: PyAV 18.1 reads planes beyond the seventh from outside the frame.
    """
    resampler: av.AudioResampler | None = None
    stored = None
    for frame in frames:
        frame.pts = None  # gaps and jumps of a file's clock are no sound
        if resampler is None or (frame.format.name, frame.layout.name, frame.sample_rate) != stored:
            if resampler is not None:
                yield from resampler.resample(None)
            stored = (frame.format.name, frame.layout.name, frame.sample_rate)
            resampler = av.AudioResampler("flt", layout, rate_hz)
        pieces: Sequence[av.AudioFrame] = ()
        with suppress(av.error.FFmpegError):  # a damaged frame may claim what no resampler can convert
            pieces = resampler.resample(frame)
        yield from pieces
    if resampler is not None:
        yield from resampler.resample(None)

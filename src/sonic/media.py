"""Opening files that strangers made: the content decides, never the name, and everything has a limit.

Photos are read whole (read_file); sound and video are decoded in process with PyAV, one chunk or frame at a time. A file is
opened once, must be a regular file, is recognised by its first bytes, and goes to the one demuxer of that kind: no other
demuxer, no network, no second file, and only codecs of an allow-list. Lengths that a header claims are not believed.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import av.container
import av.error
import numpy as np

from sonic.errors import MediaError, SpeechError
from sonic.types import F32, U8

MAX_SOUND_BYTES = 2 * 1024**3
MAX_SOUND_S = 36_000
"""Ten hours of decoded sound, whatever the header says."""
MAX_VIDEO_PIXELS = 40_000_000
MAX_CHANNELS = 32
RATES_HZ = (4_000, 768_000)
STALL_PACKETS = 2_000
"""Packets in a row that may decode to nothing."""

_HEAD_BYTES = 65_536
_DEMUXERS = {
    "WAV": "wav", "MP3": "mp3", "FLAC": "flac", "OGG": "ogg", "AAC": "aac", "MP4": "mov", "WebM": "matroska",
}  # fmt: skip
_CODECS = (
    "pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,"
    "pcm_alaw,pcm_mulaw,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,mp2,mp2float,mp3,mp3float,aac,flac,alac,opus,libopus,vorbis,"
    "amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,ac3,eac3,h264,hevc,vp8,vp9,libvpx,libvpx-vp9,av1,libdav1d,mpeg4,mjpeg"
)
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (8, b"WEBP", "WebP picture"),
    (0, b"BM", "BMP"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"GIF8", "GIF"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"PK\x03\x04", "ZIP archive"),
    (8, b"WAVE", "WAV"),
    (8, b"AVI ", "AVI"),
    (8, b"AIFF", "AIFF"),
    (8, b"AIFC", "AIFF"),
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "OGG"),
    (0, b"\x1aE\xdf\xa3", "WebM"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "WMA"),
    (0, b"#!AMR", "AMR"),
    (0, b"#EXTM3U", "playlist"),
    (0, b"ffconcat", "playlist"),
)
_ISO_STARTS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_ISO_PICTURES = {
    b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"heim": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC",
    b"avif": "AVIF", b"avis": "AVIF",
}  # fmt: skip


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
        # O_NONBLOCK: opening a pipe must not wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else "not a file name"
        raise error(f"{what} {str(path)!r} cannot be opened ({reason}); check the path") from cause
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise error(f"{what} {name!r} is not a regular file; give the path of a file")
        if not status.st_size:
            raise error(f"{what} {name!r} is empty (0 bytes); give a complete file")
        if status.st_size > max_bytes:
            size, most = status.st_size / 1e6, max_bytes / 1e6
            raise error(f"{what} {name!r} has {size:.0f} MB; at most {most:.0f} MB are read, give a smaller file")
        yield file


def sniff(head: bytes) -> str:
    """What a file is, by its first bytes: "JPEG", "WAV", "playlist", ...; "text" or "unknown" for anything else."""
    for offset, magic, kind in _MAGIC:
        if head.startswith(magic, offset) and (offset == 0 or head[:4] in (b"RIFF", b"RF64", b"FORM")):
            return kind
    if head[4:8] in _ISO_STARTS:
        return _ISO_PICTURES.get(head[8:12], "MP4") if head[4:8] == b"ftyp" else "MP4"
    if kind := _mpeg_audio(head):
        return kind
    opening = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if opening.startswith((b"<mpd", b"#extm3u", b"ffconcat")) or b"<mpd" in opening[:2048]:
        return "playlist"
    if b"<svg" in opening[:2048]:
        return "SVG"
    return "unknown" if b"\x00" in head[:2048] or not _is_text(head[:2048]) else "text"


def sound_format(source: Path) -> SoundFormat:
    """Rate and channels of a file's sound, without decoding it. Raises SpeechError as decode_sound."""
    with _open_media(source, SpeechError) as container:
        stream = _sound_stream(container, source)
        return SoundFormat(stream.rate, stream.channels)


def decode_sound(source: Path, *, rate_hz: int | None = None, channels: int | None = None) -> Iterator[F32]:
    """The sound of a recording or video in chunks, each (n, C) float32, nominally in [-1, 1], at ``rate_hz``.

    None keeps the file's own rate or channels. ``channels`` 1 or 2 asks for FFmpeg's down-mix. Samples may be NaN or exceed
    the range where the file says so. Closing the generator closes the file. Raises SpeechError if the file is not an
    accepted kind, has no sound, is damaged, or decodes to more than ten hours.
    """
    with _open_media(source, SpeechError) as container:
        stream = _sound_stream(container, source)
        rate = rate_hz or stream.rate
        layout = {None: stream.layout, 1: "mono", 2: "stereo"}[channels]
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
    """The pictures of a video: (time_s, rgb (H, W, 3) uint8), upright, in order; the first is at its own time, mostly 0.

    Closing the generator closes the file. Raises MediaError if the file is not an accepted kind, has no picture, is damaged,
    or has more than MAX_VIDEO_PIXELS in a picture.
    """
    with _open_media(source, MediaError) as container:
        stream = _video_stream(container, source)
        stream.thread_type = "AUTO"
        for index, frame in enumerate(_frames(container, stream, source, MediaError)):
            time_s = frame.time if frame.time is not None else index / float(stream.average_rate or 25)
            rgb = frame.to_ndarray(format="rgb24")
            yield time_s, np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90)))


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(data) - 4
    return True


def _mpeg_audio(head: bytes) -> str:
    """ "MP3" or "AAC" if a chain of three frame headers is found near the beginning (rubbish may precede it), else ""."""
    start = head.find(b"\xff")
    while 0 <= start < len(head) - 7:
        for kind, length in (("AAC", _adts_length), ("MP3", _mp3_length)):
            position, frames = start, 0
            while frames < 3 and (step := length(head[position : position + 7])):
                position, frames = position + step, frames + 1
            # A file of one or two frames is one as well, if it begins and ends with them.
            if frames == 3 or (frames and start == 0 and position >= len(head)):
                return kind
        start = head.find(b"\xff", start + 1)
    return ""


def _adts_length(header: bytes) -> int:
    """Bytes of the ADTS frame with this header; 0 if it is none."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or (header[2] >> 2) & 15 > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0


def _mp3_length(header: bytes) -> int:
    """Bytes of the MPEG audio layer III frame with this header; 0 if it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, bitrate, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or bitrate in (0, 15) or rate == 3:
        return 0
    mpeg1 = version == 3
    table = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    table2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    kbits = (table if mpeg1 else table2)[bitrate - 1]
    rate_hz = (44_100, 48_000, 32_000)[rate] // {3: 1, 2: 2, 0: 4}[version]
    return (144_000 if mpeg1 else 72_000) * kbits // rate_hz + (header[2] >> 1 & 1)


def _kind(file: BinaryIO) -> str:
    """sniff(), looking behind an ID3 tag; leaves the file at its beginning."""
    head = file.read(_HEAD_BYTES)
    if head[:3] == b"ID3" and len(head) > 10:
        size = sum((byte & 127) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        file.seek(10 + size)
        behind = sniff(file.read(_HEAD_BYTES))
        kind = behind if behind in ("FLAC", "AAC") else "MP3"
    else:
        kind = sniff(head)
    file.seek(0)
    return kind


@contextmanager
def _open_media(source: Path, error: type[MediaError]) -> Iterator[av.container.InputContainer]:
    what = "recording" if error is SpeechError else "video"
    accepted = "WAV, MP3, FLAC, OGG, AAC, M4A/MP4, WebM or MKV"
    with open_file(source, MAX_SOUND_BYTES, what, error=error) as file:
        kind = _kind(file)
        if kind not in _DEMUXERS:
            raise error(f"{what} {source.name!r} is {_article(kind)}, by its content; give a {accepted} file")
        limits = {"format_whitelist": _DEMUXERS[kind], "protocol_whitelist": "none", "codec_whitelist": _CODECS}
        try:
            container = av.open(file, "r", format=_DEMUXERS[kind], container_options=limits, timeout=(20.0, 20.0))
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
    if stream.width * stream.height > MAX_VIDEO_PIXELS:
        size = f"{stream.width}x{stream.height}"
        raise MediaError(
            f"video {source.name!r} is {size}; at most {MAX_VIDEO_PIXELS // 10**6} MP are decoded, scale it down"
        )
    return stream


def _frames(container, stream, source: Path, error: type[MediaError]):  # type: ignore[no-untyped-def]
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
        frames = []
        with suppress(av.error.InvalidDataError, av.error.UnknownError, av.error.EOFError):
            frames = packet.decode()
        barren = 0 if frames else barren + 1
        if barren > STALL_PACKETS:
            raise error(f"{source.name!r} holds no decodable data over {STALL_PACKETS} packets; export it again")
        yield from frames


def _resampled(frames, layout, rate_hz: int):  # type: ignore[no-untyped-def]
    """Frames as interleaved float32 at one rate and layout, also where the source changes in mid-stream.

    Packed, not planar: PyAV 18.1 reads planes beyond the seventh from outside the frame.
    """
    resampler, source = None, None
    for frame in frames:
        frame.pts = None  # gaps and jumps of a file's clock are no sound
        if (frame.format.name, frame.layout.name, frame.sample_rate) != source:
            if resampler is not None:
                yield from resampler.resample(None)
            source = (frame.format.name, frame.layout.name, frame.sample_rate)
            resampler = av.AudioResampler("flt", layout, rate_hz)
        yield from resampler.resample(frame)
    if resampler is not None:
        yield from resampler.resample(None)

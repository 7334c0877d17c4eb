"""Media as strangers send it, made by code: sound and pictures of every kind, and files that lie."""

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from sonic.types import F32, U8

PCM_U8, PCM_S16, PCM_S24, PCM_F32 = "u8", "s16", "s24", "f32"


def tone(seconds: float, rate_hz: int, *, channels: int = 1, hz: float = 200.0, level: float = 0.5) -> F32:
    """(n, channels) of a sine."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = (level * np.sin(2 * np.pi * hz * t)).astype(np.float32)
    return np.repeat(wave[:, None], channels, axis=1)


def wav(
    samples: F32, rate_hz: int, kind: str = PCM_S16, *, riff_size: int | None = None, data_size: int | None = None
) -> bytes:
    """The bytes of a WAV file of (n, C) samples in [-1, 1]; the sizes in its headers may lie."""
    data = _pcm(samples, kind)
    width = {PCM_U8: 1, PCM_S16: 2, PCM_S24: 3, PCM_F32: 4}[kind]
    channels = samples.shape[1]
    tag = 3 if kind == PCM_F32 else 1
    block = channels * width
    form = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * block, block, 8 * width)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(data) if data_size is None else data_size) + data
    return b"RIFF" + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


def _pcm(samples: F32, kind: str) -> bytes:
    if kind == PCM_F32:
        return samples.astype("<f4").tobytes()
    if kind == PCM_U8:
        return np.clip(samples * 127 + 128, 0, 255).astype(np.uint8).tobytes()
    if kind == PCM_S16:
        return np.clip(samples * 32767, -32768, 32767).astype("<i2").tobytes()
    wide = np.clip(samples * (2**23 - 1), -(2**23), 2**23 - 1).astype("<i4")
    return wide.reshape(-1, 1).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def encode_sound(
    path: Path, samples: F32, rate_hz: int, *, container: str, codec: str, options: dict[str, str] | None = None,
    index_first: bool = False,
) -> Path:  # fmt: skip
    """Write (n, 1 or 2) samples with PyAV; an MP4 with its index at the front where asked."""
    if codec == "amr_nb" and "libopencore_amrnb" not in av.codecs_available:
        pytest.skip("the FFmpeg of this PyAV reads AMR and does not write it")
    with av.open(str(path), "w", format=container, options={"movflags": "faststart"} if index_first else {}) as out:
        layout = "mono" if samples.shape[1] == 1 else "stereo"
        stream = out.add_stream(codec, rate=rate_hz, options=options, layout=layout)
        if codec == "wmav2":
            stream.codec_context.bit_rate = 64_000
        _encode(out, stream, samples, rate_hz)
    return path


def encode_tracks(path: Path, tracks: Sequence[tuple[str, F32]], *, first: str = "aac") -> Path:
    """Write audio tracks (title, (n, 1 or 2) samples at 48 kHz) as screen recorders do: AAC, the first perhaps not."""
    with av.open(str(path), "w", format="matroska") as out:
        streams: list[tuple[Any, F32]] = []
        for title, samples in tracks:
            codec = "aac" if streams else first
            stream: Any = out.add_stream(codec, rate=48_000, layout="mono" if samples.shape[1] == 1 else "stereo")
            stream.metadata["title"] = title
            streams.append((stream, samples))
        for stream, samples in streams:
            _encode(out, stream, samples, 48_000)
    return path


def without_packets(path: Path, lost: Callable[[float], bool], *, container: str, track: int = 0) -> Path:
    """Take the packets out of an audio track whose time in seconds is ``lost``: what a bad connection leaves."""
    kept = path.with_name("kept")
    with av.open(str(path)) as source, av.open(str(kept), "w", format=container) as out:
        streams = [out.add_stream_from_template(stream) for stream in source.streams.audio]
        for packet in source.demux(source.streams.audio):
            number = source.streams.audio.index(packet.stream)
            if packet.dts is not None and not (number == track and lost(float(packet.pts * packet.time_base))):
                packet.stream = streams[number]
                out.mux(packet)
    return kept.replace(path)


def syllables(seconds: float, rate_hz: int, *, channels: int = 1, level: float = 0.5) -> F32:
    """(n, channels) of a buzz that comes and goes four times a second, as the level of speech does."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    buzz = sum(np.sin(2 * np.pi * 130 * k * t) / k for k in range(1, 12))
    wave = (level * buzz / 2 * np.clip(np.sin(2 * np.pi * 4 * t), 0, 1)).astype(np.float32)
    return np.repeat(wave[:, None], channels, axis=1)


def encode_video(
    path: Path, pictures: Sequence[U8], fps: int, samples: F32 | None = None, *, rotation: int = 0
) -> Path:
    """Write an MP4 of (h, w, 3) pictures, with (n, 1 or 2) samples at 44.1 kHz as its sound if there are any."""
    with av.open(str(path), "w", format="mp4") as out:
        video: Any = out.add_stream("libx264", rate=fps, options={"crf": "10"})
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "yuv420p"
        if rotation:
            video.set_display_rotation(rotation)
        layout = "stereo" if samples is not None and samples.shape[1] == 2 else "mono"
        sound = out.add_stream("aac", rate=44_100, layout=layout) if samples is not None else None
        for picture in pictures:
            for packet in video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                out.mux(packet)
        for packet in video.encode():
            out.mux(packet)
        if sound is not None and samples is not None:
            _encode(out, sound, samples, 44_100)
    return path


def _encode(out: Any, stream: Any, samples: F32, rate_hz: int) -> None:
    layout = stream.layout.name
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.reshape(1, -1)), format="flt", layout=layout)
    frame.sample_rate = rate_hz
    frame_size = stream.codec_context.frame_size or 1024
    resampler = av.AudioResampler(stream.format.name, layout, rate_hz, frame_size=frame_size)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        for packet in stream.encode(piece):
            out.mux(packet)
    for packet in stream.encode():
        out.mux(packet)


def quarters(width: int = 120, height: int = 200) -> Image.Image:
    """A picture whose corners tell how it lies: red, green / blue, grey."""
    colours = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [90, 90, 90]]], np.uint8)
    return Image.fromarray(np.kron(colours, np.ones((height // 2, width // 2, 1), np.uint8)))


def saved(image: Image.Image, format_name: str, **options: Any) -> bytes:
    """The bytes of a picture file."""
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header claims a size, with hardly any pixels behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")
    )


PLAYLISTS = {
    "m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "dash": b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>file:///etc/</BaseURL></MPD>',
    "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "m3u8 behind a byte order mark": b"\xef\xbb\xbf#EXTM3U\nfile:///etc/passwd\n",
}
NO_MEDIA = {
    "text": b"Dear Sir or Madam,\n",
    "html": b"<!DOCTYPE html><html></html>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "pdf": b"%PDF-1.7\n",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "zip": b"PK\x03\x04" + bytes(60),
    "zeros": bytes(5000),
    "random": np.random.default_rng(1).bytes(20_000),
}
ODD_NAMES = (
    "with space.{}", "quote'\".{}", ";$(touch x).{}", "new\nline.{}", "-leading.{}", "nu\u0308.{}", "录音.{}",
    "x" * 240 + ".{}",
)  # fmt: skip

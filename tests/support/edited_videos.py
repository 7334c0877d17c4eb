"""What happens to a video after it is made: the edits that sonic verify is judged by, all in process with PyAV."""

import shutil
import struct
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image
from small_videos import PORTRAIT

from sonic.types import U8

KEEP_TAGS = {"movflags": "use_metadata_tags"}
OTHERS_TAG = (
    '{"Label":"1","ContentProducer":"OtherTool","ProduceID":"ot-2026-17","ReservedCode1":"",'
    '"ContentPropagator":"","PropagateID":"","ReservedCode2":""}'
)


def portrait_frames(size_px: tuple[int, int]) -> Callable[[int, U8], None]:
    """Draws the demo's portrait, filling the picture and moving a little, as small_videos.Job wants it."""
    width, height = size_px
    picture = np.asarray(Image.open(PORTRAIT).convert("RGB"))
    scale = max((width + 8) / picture.shape[1], (height + 8) / picture.shape[0])
    larger = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    picture = cv2.resize(picture, larger, interpolation=cv2.INTER_AREA)

    def draw(index: int, rgb: U8) -> None:
        x, y = round(4 + 3 * np.sin(index / 5)), round(4 + 3 * np.cos(index / 7))
        rgb[:] = picture[y : y + height, x : x + width]

    return draw


def renamed(video: Path, out: Path) -> Path:
    return Path(shutil.copy(video, out.with_suffix(".mp4")))


def one_bit(box: str) -> Callable[[Path, Path], Path]:
    """An edit that turns one bit in the middle of a box at the top of the file; LookupError where there is none."""

    def edit(video: Path, out: Path) -> Path:
        data, at = bytearray(video.read_bytes()), 0
        while at < len(data):
            size, name = struct.unpack(">I4s", data[at : at + 8])
            if name == box.encode():
                data[at + size // 2] ^= 1
                out.with_suffix(".mp4").write_bytes(data)
                return out.with_suffix(".mp4")
            at += size
        raise LookupError(f"no {box}")

    return edit


def trimmed(video: Path, out: Path) -> Path:
    """The first two thirds without encoding anew, by a program that keeps tags."""
    return _remuxed(video, out.with_suffix(".mp4"), options=KEEP_TAGS, keep=True, share=Fraction(2, 3))


def stripped(video: Path, out: Path) -> Path:
    """All packets in a new file without its tags."""
    return _remuxed(video, out.with_suffix(".mp4"), options={}, keep=False)


def as_mkv(video: Path, out: Path) -> Path:
    """Another container, by a program that keeps tags."""
    return _remuxed(video, out.with_suffix(".mkv"), options={}, keep=True)


def half_bit_rate(video: Path, out: Path) -> Path:
    with av.open(str(video)) as source:
        stream = source.streams.video[0]
        seconds = float((stream.duration or 0) * (stream.time_base or 0))
        rate = 8 * sum(packet.size for packet in source.demux(stream)) / seconds
    return encoded(_frames(video), out.with_suffix(".mp4"), rate_of(video), bit_rate=round(rate / 2))


def half_size(video: Path, out: Path) -> Path:
    frames = (cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for rgb in _frames(video))
    return encoded(frames, out.with_suffix(".mp4"), rate_of(video))


def cropped(video: Path, out: Path) -> Path:
    """A tenth of width and height gone, half of it on each side."""
    return encoded(map(_inner, _frames(video)), out.with_suffix(".mp4"), rate_of(video))


def screenshot(video: Path, out: Path) -> Path:
    """One frame as PNG, from the middle."""
    frames = list(_frames(video))
    Image.fromarray(frames[len(frames) // 2]).save(out.with_suffix(".png"))
    return out.with_suffix(".png")


EDITS: dict[str, Callable[[Path, Path], Path]] = {
    "none": renamed,  # a copy under another name and in another folder, so without its record
    "bit flipped in mdat": one_bit("mdat"),
    "bit flipped in moov": one_bit("moov"),
    "bit flipped in uuid": one_bit("uuid"),
    "trimmed, stream copy": trimmed,
    "half the bit rate": half_bit_rate,
    "scaled to 50 %": half_size,
    "cropped by 10 %": cropped,
    "tags dropped": stripped,
    "as MKV": as_mkv,
    "screenshot as PNG": screenshot,
}
"""Name -> (video, out) -> the edited file, named like ``out`` with its own suffix."""


def encoded(
    frames: Iterator[U8], out: Path, rate: Fraction, *, bit_rate: int = 0, tags: Mapping[str, str] | None = None
) -> Path:
    """H.264 of these frames, as any program writes it."""
    with av.open(str(out), "w", options=KEEP_TAGS if tags else {}) as container:
        container.metadata.update(tags or {})
        stream = container.add_stream("libx264", rate=rate)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 2
        if bit_rate:
            stream.codec_context.bit_rate = bit_rate
        for index, rgb in enumerate(frames):
            if not index:
                stream.height, stream.width = (side // 2 * 2 for side in rgb.shape[:2])
            even = np.ascontiguousarray(rgb[: stream.height, : stream.width])
            frame = av.VideoFrame.from_ndarray(even, format="rgb24")
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out


def of_another_tool(out: Path, *, size_px: tuple[int, int], rate: Fraction, n_frames: int) -> Path:
    """A video with AIGC metadata that Sonic did not make: no label, no watermark, no credentials."""
    draw, frames = portrait_frames(size_px), []
    for index in range(n_frames):
        frames.append(np.empty((size_px[1], size_px[0], 3), np.uint8))
        draw(index, frames[-1])
    return encoded(iter(frames), out, rate, tags={"AIGC": OTHERS_TAG})


def rate_of(video: Path) -> Fraction:
    with av.open(str(video)) as container:
        return Fraction(container.streams.video[0].average_rate or 25)


def _remuxed(video: Path, out: Path, *, options: Mapping[str, str], keep: bool, share: Fraction = Fraction(1)) -> Path:
    with av.open(str(video)) as source, av.open(str(out), "w", options=dict(options)) as target:
        if keep:
            target.metadata.update(source.metadata)
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        until = share * Fraction(source.duration or 0, av.time_base)
        for packet in source.demux():
            if packet.dts is not None and packet.pts * packet.time_base < until:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return out


def _frames(video: Path) -> Iterator[U8]:
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def _inner(rgb: U8) -> U8:
    height, width = rgb.shape[:2]
    top, left = height // 20, width // 20
    return rgb[top : height - top, left : width - left]

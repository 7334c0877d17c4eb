"""How an MP4 is put together: the order of its boxes, edit lists, key frames, colour tags; read without trust.

Source: ISO/IEC 14496-12 (boxes, elst, stss, colr). Sizes of boxes are believed only inside the file.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av

from sonic.errors import MediaError
from sonic.files import open_regular
from sonic.media.container import FAILURES, open_media

_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"}
_MAX_BOXES = 10_000
_IDR = 5
"""Kind of the H.264 unit from which decoding can start with nothing known."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box of the file."""

    kind: bytes
    offset: int
    """Of its content."""
    size: int
    """Of its content, in bytes."""


@dataclass(slots=True)
class Layout:
    """What the boxes say."""

    order: list[bytes] = field(default_factory=list)
    """Kinds of the outermost boxes."""
    edits: int = 0
    """Edit lists that change what is shown: not those that say "all of it from the start"."""

    @property
    def index_first(self) -> bool:
        """Whether a player has the index before the media."""
        places = {kind: place for place, kind in reversed(list(enumerate(self.order)))}
        return places.get(b"moov", len(self.order)) < places.get(b"mdat", len(self.order))

    @property
    def fragmented(self) -> bool:
        """Whether the index is spread over the file, as in streams."""
        return b"moof" in self.order


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a video file is, as those who take it ask."""

    layout: Layout | None
    """None where the file is no MP4."""
    video_codec: str
    pixel_format: str
    size_px: tuple[int, int]
    fps: float
    duration_s: float
    mbit_s: float
    """Of the whole file."""
    colour: tuple[int, int, int]
    """Primaries, transfer and matrix as numbers of ITU-T H.273; 2 is "not said"."""
    full_range: bool
    longest_gop_s: float
    """Between two key frames, and from the last one to the end."""
    open_gops: int
    """Key frames that are followed by pictures from before them, or with which decoding cannot start."""
    audio_codec: str | None
    audio_rate_hz: int
    start_gap_s: float
    """How much later the sound starts than the picture."""


def read_delivery(path: Path) -> Delivery:
    """What ``path`` is, without decoding it. Raises MediaError for what is no video."""
    layout = _layout(path)
    with open_media(path, MediaError) as container:
        video = container.streams.best("video")
        if not isinstance(video, av.VideoStream) or video.codec_context is None:
            raise MediaError(f"{path.name!r} holds no picture; give a video")
        sound = container.streams.best("audio")
        audio = sound if isinstance(sound, av.AudioStream) and sound.codec_context is not None else None
        context = video.codec_context
        keys = _Keys(video)
        audio_start: float | None = None
        for packet in _packets(container):
            if packet.stream_index == video.index:
                keys.see(packet)
            elif audio and packet.stream_index == audio.index and audio_start is None and packet.pts is not None:
                audio_start = float(packet.pts * (packet.time_base or 0))
        duration_s = float((container.duration or 0) / av.time_base)
        return Delivery(
            layout=layout,
            video_codec=context.name,
            pixel_format=str(context.pix_fmt),
            size_px=(context.width, context.height),
            fps=float(video.average_rate or 0),
            duration_s=duration_s,
            mbit_s=path.stat().st_size * 8e-6 / max(duration_s, 1e-3),
            colour=(int(context.color_primaries), int(context.color_trc), int(context.colorspace)),
            full_range=int(context.color_range) == 2,
            longest_gop_s=keys.longest_s,
            open_gops=keys.n_open,
            audio_codec=audio.codec_context.name if audio else None,
            audio_rate_hz=audio.rate if audio else 0,
            start_gap_s=max(audio_start or 0.0, 0.0) - keys.first_s,  # what is before 0 is not heard
        )


class _Keys:
    """Key frames as they pass, in the order of decoding."""

    def __init__(self, stream: av.VideoStream) -> None:
        self._is_h264 = stream.codec_context.name == "h264"
        self._length = _nal_length(stream)
        self._key: Fraction | None = None
        self._is_open = False
        self._first: Fraction | None = None
        self._end = Fraction(0)
        self._longest = Fraction(0)
        self.n_open = 0

    def see(self, packet: "av.Packet[Any]") -> None:
        if packet.pts is None or packet.time_base is None:
            return
        at = packet.pts * packet.time_base
        self._first = at if self._first is None else min(self._first, at)
        self._end = max(self._end, at + (packet.duration or 0) * packet.time_base)
        if packet.is_keyframe:
            if self._key is not None:
                self._longest = max(self._longest, at - self._key)
            self._key = at
            self._is_open = self._is_h264 and not _has_idr(bytes(packet), self._length)
            self.n_open += self._is_open
        elif self._key is not None and at < self._key and not self._is_open:
            self._is_open = True
            self.n_open += 1

    @property
    def longest_s(self) -> float:
        return float(max(self._longest, self._end - (self._key or Fraction(0))))

    @property
    def first_s(self) -> float:
        return float(self._first or 0)


def _packets(container: av.container.InputContainer) -> "Iterator[av.Packet[Any]]":
    packets = container.demux()
    while True:
        try:
            packet = next(packets, None)
        except FAILURES:
            return  # cut off: what was read so far is what there is
        if packet is None:
            return
        yield packet


def _nal_length(stream: av.VideoStream) -> int:
    """Bytes of the length before each unit of H.264 in an MP4; 0 where units have start codes."""
    extra = stream.codec_context.extradata or b""
    return (extra[4] & 3) + 1 if len(extra) > 4 and extra[0] == 1 else 0


def _has_idr(data: bytes, length: int) -> bool:
    if not length:
        return any(data[k + 3] & 31 == _IDR for k in range(len(data) - 3) if data[k : k + 3] == b"\0\0\1")
    at = 0
    while at + length < len(data):
        if data[at + length] & 31 == _IDR:
            return True
        at += length + int.from_bytes(data[at : at + length], "big")
    return False


def _layout(path: Path) -> Layout | None:
    try:
        with open_regular(path) as file:
            if file.read(8)[4:] not in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
                return None
            layout = Layout()
            for box, depth in _boxes(file, 0, file.seek(0, os.SEEK_END)):
                if depth == 0:
                    layout.order.append(box.kind)
                if box.kind == b"elst":
                    layout.edits += _edits(file, box)
            return layout
    except OSError as error:
        raise MediaError(f"{str(path)!r} cannot be read ({error.strerror}); give a video") from error


def _boxes(file: BinaryIO, first: int, last: int, depth: int = 0) -> Iterator[tuple[Box, int]]:
    """All boxes from ``first`` to ``last``, with those inside the containers among them, and how deep they lie."""
    at = first
    for _ in range(_MAX_BOXES):
        if at + 8 > last:
            return
        file.seek(at)
        head = file.read(16)
        size, kind, skip = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1 and len(head) == 16:
            size, skip = int.from_bytes(head[8:], "big"), 16
        end = last if size == 0 else at + size
        if end < at + skip or end > last:
            return
        yield Box(kind, at + skip, end - at - skip), depth
        if kind in _CONTAINERS:
            yield from _boxes(file, at + skip, end, depth + 1)
        at = end


def _edits(file: BinaryIO, box: Box) -> int:
    """1 for an edit list that shows anything else than the whole track from its start, else 0."""
    file.seek(box.offset)
    data = file.read(min(box.size, 64))
    if len(data) < 8:
        return 0
    version, count = data[0], int.from_bytes(data[4:8], "big")
    form = ">Qqi" if version == 1 else ">Iii"
    if count == 0:
        return 0
    if count > 1 or len(data) < 8 + struct.calcsize(form):
        return 1
    _, start, rate = struct.unpack_from(form, data, 8)
    return int(start != 0 or rate != 0x10000)

"""The sound of a file, decoded in process with PyAV, one chunk at a time, gaps filled with silence."""

import re
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av
import av.container
import av.error
import numpy as np

from sonic.errors import SpeechError
from sonic.media.clock import Clock
from sonic.media.container import FAILURES, check_codec, frames_of, open_media, title_of
from sonic.media.kinds import CODECS, DEMUXERS, STATING
from sonic.media.riff import stated_s
from sonic.types import F32

MAX_SOUND_S = 36_000
"""Ten hours of decoded sound, whatever the header says."""
MAX_CHANNELS = 32
RATES_HZ = (4_000, 768_000)
SLOW_S, SLOW_SHARE = 20.0, 0.1
"""Decoding may take so long, and so much of what it gives: every usual codec needs less than a hundredth."""

MANY_FRAMES, SMALLEST_FRAME = 100_000, 16
"""So many frames must hold this many samples each: AMR has 160, and only a damaged header makes a frame of one."""
SILENCE_BLOCK = 16_384
"""Samples of a gap that are given at once."""
MIXED_BY_FFMPEG = 8
"""Channels for whose layouts FFmpeg knows a mix; of more, or without a layout, the mean is taken."""


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


def sound_format(source: Path, track: int | None = None) -> SoundFormat:
    """Rate, channels and stated length of a file's sound, without decoding it. Raises SpeechError as decode_sound."""
    with open_media(source, SpeechError) as container:
        stream = _sound_stream(container, source, track)
        return SoundFormat(stream.rate, stream.channels, _claimed_s(container, stream, source))


def sound_tracks(source: Path) -> tuple[SoundTrack, ...]:
    """The audio tracks of a file that can be decoded, at least one, the one that players take first.

    Raises SpeechError as decode_sound.
    """
    with open_media(source, SpeechError) as container:
        best = container.streams.best("audio")
        tracks = [
            (stream is not best, number, SoundTrack(number, title_of(stream.metadata), stream.channels))
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
    SpeechError if the file is not an accepted kind, has no such sound, is damaged, decodes to more than ten hours, or
    is slow to decode: beyond SLOW_S seconds of processor time and a SLOW_SHARE of what was decoded.
    """
    with open_media(source, SpeechError) as container:
        stream = _sound_stream(container, source, track)
        rate = rate_hz or stream.rate
        layout, mixed = _target(stream, channels)
        frames = frames_of(container, stream, source, SpeechError)
        n_samples = 0
        for chunk, spent_s in _timed(_resampled(_with_gaps(frames, _clock(stream), on_gap), layout, rate)):
            n_samples += len(chunk)
            if n_samples > MAX_SOUND_S * rate:
                raise SpeechError(f"recording {source.name!r} is longer than {MAX_SOUND_S // 3600} h; cut it")
            if spent_s > SLOW_S + SLOW_SHARE * n_samples / rate:
                raise SpeechError(
                    f"recording {source.name!r} took {spent_s:.0f} s to decode to {n_samples / rate:.0f} s of sound; "
                    "export it again, as WAV or MP3 of at most 48 kHz"
                )
            yield chunk if mixed is None else np.repeat(chunk.mean(1, keepdims=True), mixed, axis=1)


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
    check_codec(stream, f"recording {name!r}", SpeechError, "WAV or MP3")
    low, high = RATES_HZ
    if not low <= stream.rate <= high:
        raise SpeechError(f"recording {name!r} claims {stream.rate} Hz; {low} to {high} are accepted, resample it")
    if not 1 <= stream.channels <= MAX_CHANNELS:
        raise SpeechError(f"recording {name!r} claims {stream.channels} channels; 1 to {MAX_CHANNELS} are accepted")
    return stream


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
        with suppress(*FAILURES):
            pieces = resampler.resample(frame)
    for piece in pieces:
        yield piece.to_ndarray().reshape(piece.samples, -1).astype(np.float32, copy=False)


def _timed(chunks: Iterator[F32]) -> Iterator[tuple[F32, float]]:
    """Each chunk, and the processor time in s that all of them took to come; whoever uses them is not counted."""
    spent_s = 0.0
    while True:
        began_s = time.thread_time()
        chunk = next(chunks, None)
        spent_s += time.thread_time() - began_s
        if chunk is None:
            return
        yield chunk, spent_s


def _silence(n: int, channels: int) -> Iterator[F32]:
    for first in range(0, n, SILENCE_BLOCK):
        yield np.zeros((min(SILENCE_BLOCK, n - first), channels), np.float32)

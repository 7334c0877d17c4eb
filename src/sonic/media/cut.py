"""A part of a recording as a file of its own: what people mark on its waveform."""

import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from sonic.counts import samples_of
from sonic.errors import OutputError, SpeechError
from sonic.files import replacing
from sonic.media.arrays import MAX_WAV_BYTES, wav_head
from sonic.media.decode import decode_sound, sound_format
from sonic.types import F32


def cut_sound(source: Path, out: Path, start_s: float, end_s: float, *, track: int | None = None) -> None:
    """Write the sound of ``source`` from ``start_s`` to ``end_s`` to ``out``, a WAV of 32-bit floats, as it was stored.

    Rate and channels stay; of several tracks ``track`` is taken, counted from 1. ``out`` appears when it is complete.
    Raises SpeechError for a part that the recording does not have or of more than 4 GB, OutputError if ``out`` cannot
    be written.
    """
    if not 0 <= start_s < end_s:
        raise SpeechError(f"the part from {start_s:g} to {end_s:g} s is none; it must end after it begins")
    rate, chunks = sound_format(source, track).rate_hz, decode_sound(source, track=track)
    with closing(chunks):
        part = _between(chunks, samples_of(start_s, rate), samples_of(end_s, rate))
        first = next(part, None)
        if first is None:
            raise SpeechError(f"recording {source.name!r} ends before {start_s:g} s; mark a part that it has")
        try:
            _write(itertools.chain([first], part), first.shape[1], rate, out)
        except OSError as error:
            raise OutputError(f"{str(out)!r} cannot be written ({error.strerror}); make room") from error


def _between(chunks: Iterator[F32], first: int, last: int) -> Iterator[F32]:
    """The samples first to last - 1 of all chunks."""
    at = 0
    for chunk in chunks:
        part = chunk[max(first - at, 0) : max(last - at, 0)]
        at += len(chunk)
        if len(part):
            yield part
        if at >= last:
            return


def _write(chunks: Iterator[F32], n_channels: int, rate_hz: int, out: Path) -> None:
    with replacing(out) as new, new.open("r+b") as file:
        file.write(wav_head(0, n_channels, rate_hz))
        n = 0
        for chunk in chunks:
            n += len(chunk)
            if 4 * n * n_channels > MAX_WAV_BYTES:
                raise SpeechError("the part has more than 4 GB; mark a shorter one")
            file.write(np.ascontiguousarray(chunk, "<f4").tobytes())
        file.seek(0)
        file.write(wav_head(n, n_channels, rate_hz))

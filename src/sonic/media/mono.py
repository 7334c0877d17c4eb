"""One channel from all channels of a recording, kept outside memory."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sonic.media.decode import decode_sound
from sonic.media.samples import StoredSamples, store
from sonic.types import F32, F64, Sound

_CANCELLED = 0.25
"""If the mean of the channels keeps less than this share of the loudest one's power, they cancel each other."""
NONSENSE = 1e6
"""Sample values beyond this are no sound; 32768 still is: a file of floats on the scale of 16 bits."""
_GATHERED = 32_000
"""Samples worked on at once while a recording is decoded."""


@dataclass(slots=True)
class Tally:
    """What one pass over a recording finds out."""

    total: float = 0.0
    """Sum of the samples."""
    squares: float = 0.0
    """Sum of their squares."""
    power: F64 = field(default_factory=lambda: np.zeros(1))
    """Sum of the squares of each channel."""
    n_broken: int = 0
    """Values that were no numbers."""
    missing_s: float = 0.0
    """Gaps in the time stamps, which are silence now."""

    def missed(self, gap_s: float) -> None:
        """A gap was filled."""
        self.missing_s += gap_s


def mono(path: Path, rate_hz: int | None = None, *, track: int | None = None) -> tuple[StoredSamples, Tally]:
    """The mean of all channels, or the loudest one if that mean cancels, at ``rate_hz`` or the file's own rate (None).

    Values that are no sound count as silence. Raises SpeechError as decode_sound, and if there is no room to keep it.
    """
    tally = Tally()
    mixed = store(_channel(path, track, None, rate_hz, tally))
    # A mean of n channels of which one speaks keeps 1/n^2 of its power: that is no cancelling.
    if len(tally.power) > 1 and tally.squares < _CANCELLED * tally.power.max() / len(tally.power) ** 2:
        loudest, tally = int(tally.power.argmax()), Tally()
        mixed = store(_channel(path, track, loudest, rate_hz, tally))
    return mixed, tally


def _channel(path: Path, track: int | None, channel: int | None, rate_hz: int | None, tally: Tally) -> Iterator[F32]:
    """The recording's channel, or the mean of all (None), in blocks; ``tally`` counts along."""
    with closing(decode_sound(path, rate_hz=rate_hz, track=track, on_gap=tally.missed)) as chunks:
        for chunk in _gathered(chunks):
            sound = np.abs(chunk) < NONSENSE
            tally.n_broken += int(sound.size - np.count_nonzero(sound))
            chunk = np.where(sound, chunk, np.float32(0))
            one = chunk.mean(1) if channel is None else chunk[:, channel]
            tally.power = tally.power + np.square(chunk, dtype=np.float64).sum(0)
            tally.total += float(one.sum(dtype=np.float64))
            tally.squares += float(np.square(one, dtype=np.float64).sum())
            yield one


def as_heard(sound: Sound, *, rate_hz: int | None = None, channels: int | None = None) -> Generator[F32, None, None]:
    """A recording's sound as its video has it, chunks as of decode_sound: of its track, at its gain, in [-1, 1].

    What is no sound is silence, as it was for the analysis.
    """
    with closing(decode_sound(sound.source, rate_hz=rate_hz, channels=channels, track=sound.track)) as chunks:
        for chunk in chunks:
            samples = np.where(np.abs(chunk) < NONSENSE, chunk, np.float32(0)) * np.float32(sound.gain)
            yield np.asarray(samples.clip(-1, 1), np.float32)


def _gathered(chunks: Iterator[F32]) -> Iterator[F32]:
    """Chunks joined to some seconds: decoders give tens a second, and each costs as much as its arithmetic."""
    gathered: list[F32] = []
    for chunk in chunks:
        gathered.append(chunk)
        if sum(map(len, gathered)) >= _GATHERED:
            yield np.concatenate(gathered)
            gathered = []
    if gathered:
        yield np.concatenate(gathered)

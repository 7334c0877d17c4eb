"""Sound kept outside memory: an hour of samples is read in slices from a file without a name."""

import itertools
import tempfile
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from sonic.errors import SpeechError
from sonic.types import F32, Samples

IN_MEMORY_BYTES = 4 * 1024**2
"""Shorter sound, about a minute, stays in memory."""
BLOCK = 1 << 18
"""Samples read at once by ``blocks``: 1 MB."""


@dataclass(frozen=True, slots=True)
class StoredSamples:
    """(N,) mono samples in a file; implements types.Samples. May be read from several threads.

    A slice is (stored - centre) * gain, in [-1, 1]. The file vanishes with the object, also if the process is killed.
    Reads are explicit: the pages of a mapped file would count as this process's memory.
    """

    file: "_Unnamed"
    """Little-endian float32, as decoded."""
    n: int
    centre: float = 0.0
    gain: float = 1.0

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, part: slice, /) -> F32:
        first, last, step = part.indices(self.n)
        if step != 1:
            raise ValueError(f"samples are read one after another, got a slice with step {step}")
        samples = (self.decoded(first, last) - np.float32(self.centre)) * np.float32(self.gain)
        return np.asarray(np.clip(samples, -1, 1, out=samples))

    def decoded(self, first: int, last: int) -> F32:
        """Samples first to last - 1 as they came from the decoder."""
        with self.file.reading:
            self.file.seek(4 * first)
            data = self.file.read(4 * max(last - first, 0))
        return np.frombuffer(data, "<f4").astype(np.float32, copy=False)

    def blocks(self) -> Iterator[F32]:
        """All samples as they came from the decoder, a block at a time."""
        for first in range(0, self.n, BLOCK):
            yield self.decoded(first, min(first + BLOCK, self.n))


def envelope(samples: Samples, n: int) -> list[float]:
    """The highest |sample| of each of ``n`` equal parts, in order: what a waveform is drawn from."""
    edges = [round(i * len(samples) / n) for i in range(n + 1)]
    parts = (samples[first:last] for first, last in itertools.pairwise(edges))
    return [round(float(np.abs(part).max()), 4) if len(part) else 0.0 for part in parts]


def store(blocks: Iterable[F32], what: str = "sound") -> StoredSamples:
    """Keep these (n,) blocks one after another; ``what`` names them in messages.

    Raises SpeechError if there is no room for them.
    """
    file, n = _Unnamed(max_size=IN_MEMORY_BYTES), 0
    for block in blocks:
        data = block.astype("<f4", copy=False).tobytes()
        try:
            file.write(data)
        except OSError as error:
            raise SpeechError(
                f"{4e-6 * (n + len(block)):.0f} MB of {what} do not fit into {tempfile.gettempdir()!r} "
                f"({error.strerror}); make room there or name another folder in TMPDIR"
            ) from error
        n += len(block)
    return StoredSamples(file, n)


class _Unnamed(tempfile.SpooledTemporaryFile[bytes]):
    """Closed when nobody holds it any more: samples go from hand to hand, and none of them knows who is last."""

    def __init__(self, max_size: int) -> None:
        super().__init__(max_size=max_size)
        self.reading = threading.Lock()
        """Held from seek to read: a session gives one recording to several jobs at once."""

    def __del__(self) -> None:
        self.close()

"""Sound kept outside memory: an hour of samples is read in slices from a file without a name."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from sonic.errors import SpeechError
from sonic.types import F32

IN_MEMORY_BYTES = 4 * 1024**2
"""Shorter sound, about a minute, stays in memory."""
BLOCK = 1 << 18
"""Samples read at once by ``blocks``: 1 MB."""


@dataclass(frozen=True, slots=True)
class StoredSamples:
    """(N,) mono samples in a file; implements types.Samples. Read by one thread at a time.

    A slice is (stored - centre) * gain, in [-1, 1]. The file vanishes with the object, also if the process is killed.
    Reads are explicit: the pages of a mapped file would count as this process's memory.
    """

    file: tempfile.SpooledTemporaryFile[bytes]
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
        self.file.seek(4 * first)
        return np.frombuffer(self.file.read(4 * max(last - first, 0)), "<f4").astype(np.float32, copy=False)

    def blocks(self) -> Iterator[F32]:
        """All samples as they came from the decoder, a block at a time."""
        for first in range(0, self.n, BLOCK):
            yield self.decoded(first, min(first + BLOCK, self.n))


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

    def __del__(self) -> None:
        self.close()

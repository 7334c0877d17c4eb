"""Speech encoders: recordings of any length become features at 50 Hz, in flat memory, the same in any pieces."""

from typing import Protocol

from sonic.types import F32

FEATURE_HZ = 50
"""Feature frame j describes the sound around j / 50 s."""


class Listener(Protocol):
    """A recording, heard piece by piece."""

    width: int
    """Numbers in a frame."""

    def frames(self, first: int, last: int) -> F32:
        """(last - first, width) of these frames, which may lie before the recording or after it: there is silence.

        The same for any ``first`` and ``last``; cheap where they only go forward.
        """

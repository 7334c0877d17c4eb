"""A motion that comes in pieces, shaped as if it had come whole: windows with a margin of what lies around."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sonic.motion.data import Motion, join, part


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a longer motion. What is done to it holds for its samples from the last window's ``final`` to its own;
    the others are there to be looked at."""

    motion: Motion
    begins: int
    """Number of its first sample in the whole motion."""
    final: int
    """Number in the whole motion after the last sample that has enough around it."""

    @property
    def end(self) -> int:
        """Number in the whole motion after its last sample."""
        return self.begins + len(self.motion)


def windows(pieces: Iterable[Motion], n: int, margin: int) -> Iterator[Window]:
    """Windows over pieces of ``n`` samples in all, as these come.

    Around the samples that each window is for lie ``margin`` more, or all there are: filters that look no further give
    in the windows what they give in the whole.
    """
    kept: list[Motion] = []
    begins = final = 0
    for piece in pieces:
        motion = join([*kept, piece])
        end = begins + len(motion)
        if (ready := n if end >= n else end - margin) > final:
            yield Window(motion, begins, ready)
            final = ready
        first = max(final - margin, begins)
        kept, begins = [part(motion, first - begins)], first

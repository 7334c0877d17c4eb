"""From the 12.5 frames a second that the model makes to any other rate."""

from collections.abc import Callable, Generator
from fractions import Fraction
from typing import TypeVar

from sonic.engines.svd.inference import FPS

LEVELS = 3
"""How often the time between two frames is halved: moments are met to within half of 80 / 2**3 = 10 ms."""
_PARTS = 2**LEVELS

T = TypeVar("T")


def retime(
    frames: Generator[T, None, None], n_out: int, fps: Fraction, *, middle: Callable[[T, T], T]
) -> Generator[T, None, None]:
    """``n_out`` frames at ``fps`` of ``frames`` at inference.FPS; ``middle(a, b)`` makes the one half-way between two.

    A moment that has a frame of its own gets it untouched: at 25 a second every other one. Others are made by halving
    the time between their neighbours, at most LEVELS times. After the last frame it is held: the model makes one frame
    for two of sound, which leaves up to 3 frames of 25 a second without one. Keeps two frames and what was made
    between them. Closing closes ``frames``. Raises ValueError if there are none.
    """
    try:
        between = _Between(next(frames, None), next(frames, None), middle)
        for index in range(n_out):
            # half up, not to even: equal steps of time give equal steps of parts
            part = int(index * FPS / fps * _PARTS + Fraction(1, 2))
            while between.ends_by(part):
                between = between.followed_by(next(frames, None))
            yield between[part]
    finally:
        frames.close()


class _Between(dict[int, T]):
    """Two neighbouring frames and what was made between them, by time in parts of a source frame."""

    def __init__(self, first: T | None, second: T | None, middle: Callable[[T, T], T], at: int = 0) -> None:
        if first is None:
            raise ValueError("there is no frame to make others from")
        super().__init__({at: first})
        self._at, self._second, self._middle = at, second, middle
        if second is not None:
            self[at + _PARTS] = second

    def ends_by(self, part: int) -> bool:
        """Whether this moment lies at or beyond the second frame."""
        return self._second is not None and part >= self._at + _PARTS

    def followed_by(self, third: T | None) -> "_Between[T]":
        return _Between(self._second, third, self._middle, self._at + _PARTS)

    def __missing__(self, part: int) -> T:
        if self._second is None:  # held
            return self[self._at]
        step = (part - self._at) & -(part - self._at)  # the largest power of two that divides it
        self[part] = self._middle(self[part - step], self[part + step])
        return self[part]

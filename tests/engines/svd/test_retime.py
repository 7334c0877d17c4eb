"""Engine svd: from 12.5 frames a second to any other rate. Frames are numbers here: their own times."""

from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonic.engines.svd.inference import FPS
from sonic.engines.svd.retime import retime

rates = st.sampled_from([Fraction(n) for n in (10, 12, 24, 25, 30, 48, 50, 60, 120)] + [Fraction(30_000, 1001)])


class Source:
    """Frames that are their own positions; remembers what happened to it."""

    def __init__(self, n: int) -> None:
        self.n, self.taken, self.closed = n, 0, False

    def __iter__(self) -> Iterator[float]:
        return self

    def __next__(self) -> float:
        if self.taken == self.n:
            raise StopIteration
        self.taken += 1
        return float(self.taken - 1)

    def close(self) -> None:
        self.closed = True


class Middle:
    """Counts what it makes."""

    def __init__(self) -> None:
        self.made: list[float] = []

    def __call__(self, a: float, b: float) -> float:
        self.made.append((a + b) / 2)
        return self.made[-1]


def positions(n: int, n_out: int, fps: Fraction) -> list[float]:
    return list(retime(iter(Source(n)), n_out, fps, middle=Middle()))


@given(st.integers(1, 20), st.integers(1, 60), rates)
def test_frames_are_as_many_as_asked_for_in_order_and_on_time(n: int, n_out: int, fps: Fraction) -> None:
    got = positions(n, n_out, fps)
    assert len(got) == n_out
    assert got == sorted(got)
    for index, position in enumerate(got):
        wanted = min(float(index * FPS / fps), n - 1)
        assert abs(position - wanted) <= 1 / 16, "half of an eighth of a frame: 5 ms"


@given(st.integers(1, 20), st.integers(1, 80), rates)
def test_nothing_is_made_twice_and_own_frames_are_untouched(n: int, n_out: int, fps: Fraction) -> None:
    middle = Middle()
    got = list(retime(iter(Source(n)), n_out, fps, middle=middle))
    assert len(middle.made) == len(set(middle.made))
    assert not any(made.is_integer() for made in middle.made)
    assert all(position.is_integer() or position in middle.made for position in got)


def test_25_a_second_is_the_published_order_and_the_last_frame_is_held() -> None:
    assert positions(4, 9, Fraction(25)) == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3, 3]


def test_own_rate_makes_nothing() -> None:
    middle = Middle()
    assert list(retime(iter(Source(3)), 3, FPS, middle=middle)) == [0, 1, 2]
    assert middle.made == []


def test_50_a_second_is_exact() -> None:
    assert positions(3, 9, Fraction(50)) == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]


def test_frames_are_taken_as_they_are_needed() -> None:
    source = Source(1000)
    frames = retime(iter(source), 2000, Fraction(25), middle=Middle())
    for _ in range(10):
        next(frames)
    assert source.taken <= 6


def test_closing_closes_what_is_behind() -> None:
    source = Source(100)
    frames = retime(iter(source), 50, Fraction(25), middle=Middle())
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    assert source.closed


def test_an_error_closes_what_is_behind() -> None:
    def broken(a: float, b: float) -> float:
        raise RuntimeError("out of memory")

    source = Source(100)
    frames = retime(iter(source), 50, Fraction(25), middle=broken)
    next(frames)
    with pytest.raises(RuntimeError, match="memory"):
        next(frames)
    assert source.closed


def test_no_frames_are_an_error() -> None:
    with pytest.raises(ValueError, match="no frame"):
        positions(0, 5, Fraction(25))

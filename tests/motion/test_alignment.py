"""Lip alignment: a known offset is found to within 5 ms and put back, and chance moves nothing."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonic.motion import N_SHAPE, Motion, align_lips, estimate_lag, offset
from sonic.types import F32, F64

FPS = Fraction(25)


def opening(rng: np.random.Generator, n: int) -> F64:
    """(n,) like speech: syllables of random height and length, between them shut."""
    rough = np.convolve(rng.standard_normal(n + 40), np.hanning(7) / 3.0, "same")[20 : n + 20]
    return np.maximum(4 + 6 * rough, 0)


def talking(seed: int, seconds: float = 12.0) -> tuple[Motion, F64]:
    """A motion and the opening that its sound asks for, which loudness would tell with some error."""
    rng = np.random.default_rng(seed)
    n = round(seconds * FPS)
    gap = opening(rng, n)
    shape = (gap[:, None] * rng.standard_normal(N_SHAPE) / 10).astype(np.float32)
    motion = replace(Motion.still(n, FPS), lip_gap=gap.astype(np.float32), shape=shape)
    return motion, gap + 0.5 * gap.std() * opening(rng, n)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), ms=st.floats(-180, 180))
def test_a_known_lag_is_found_to_within_5_ms_and_put_back(seed: int, ms: float) -> None:
    motion, _ = talking(seed)
    late = offset(motion, ms / 1000)
    aligned, lag = align_lips(late, motion.lip_gap)
    assert lag.trusted
    assert lag.ms == pytest.approx(ms, abs=5)
    again = estimate_lag(aligned.lip_gap, motion.lip_gap, 25)
    assert abs(again.ms) < 5
    assert np.array_equal(aligned.pose_deg, late.pose_deg)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), ms=st.floats(-150, 150))
def test_a_reference_that_only_resembles_the_mouth_is_enough(seed: int, ms: float) -> None:
    motion, reference = talking(seed, seconds=30)
    lag = align_lips(offset(motion, ms / 1000), reference)[1]
    assert lag.trusted
    assert lag.ms == pytest.approx(ms, abs=15)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_an_unrelated_reference_moves_nothing(seed: int) -> None:
    motion, _ = talking(seed)
    same, lag = align_lips(motion, talking(seed + 20_000)[0].lip_gap)
    assert not lag.trusted
    assert same is motion


@pytest.mark.parametrize("reference", [np.zeros(300), np.linspace(0, 1, 300)], ids=["silence", "ramp"])
def test_a_reference_without_syllables_moves_nothing(reference: F32) -> None:
    motion, _ = talking(1)
    assert align_lips(motion, reference)[0] is motion


@pytest.mark.parametrize("n", [0, 1, 3, 6])
def test_too_short_for_a_lag(n: int) -> None:
    assert not estimate_lag(np.arange(n), np.arange(n) % 2, 25).trusted


def test_tracks_of_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="same length"):
        estimate_lag(np.zeros(5), np.zeros(6), 25)

"""What the algebra of motion promises: timing, closures, blinks and true zeros survive everything done to a motion."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonic.evaluation.metrics import lag_and_correlation
from sonic.motion import (
    BROWS,
    MOUTH,
    N_SHAPE,
    Motion,
    brow_raise,
    brow_weights,
    close_in_silence,
    lid_follow,
    limit,
    offset,
    retime,
    scale_mouth,
    scale_rest,
    smooth,
    start_at_rest,
)

CHANNELS = ("shape", "lip_gap", "lids", "gaze", "pose_deg", "shift")
FPS = Fraction(25)
RATES = st.sampled_from([Fraction(25, 2), Fraction(24000, 1001), Fraction(25), Fraction(30), Fraction(60)])


def random_motion(seed: int, n: int = 60, size: float = 1.0) -> Motion:
    """Speech-like: a gap that often closes, two blinks, everything else noise of a natural size."""
    rng = np.random.default_rng(seed)

    def noise(width: int, scale: float) -> np.ndarray:
        return (size * scale * rng.standard_normal((n, width))).astype(np.float32)

    gap = np.maximum(rng.normal(3, 4, n), 0).astype(np.float32)
    lids = np.ones((n, 2), np.float32)
    for at in (n // 4, n // 2):
        lids[at : at + 1] = 0
    return Motion(FPS, noise(N_SHAPE, 0.3), gap, lids, noise(2, 0.4), noise(3, 2), noise(3, 0.02))


motions = st.builds(random_motion, st.integers(0, 10_000), st.integers(1, 80))


def same(a: Motion, b: Motion) -> bool:
    return a.fps == b.fps and all(np.array_equal(getattr(a, c), getattr(b, c)) for c in CHANNELS)


def test_a_wrong_array_is_named() -> None:
    still = Motion.still(5, FPS)
    with pytest.raises(ValueError, match=r"Motion\.gaze must have shape \(5, 2\)"):
        replace(still, gaze=np.zeros((4, 2), np.float32))
    with pytest.raises(ValueError, match="finite"):
        replace(still, lip_gap=np.full(5, np.nan, np.float32))
    with pytest.raises(ValueError, match="not be negative"):
        replace(still, lip_gap=np.full(5, -1, np.float32))


@given(motions, st.floats(0, 1))
@settings(max_examples=40)
def test_smoothing_keeps_closed_lips_closed_and_blinks_shut(motion: Motion, strength: float) -> None:
    out = smooth(motion, strength)
    assert (out.lip_gap[motion.lip_gap == 0] == 0).all()
    assert np.array_equal(out.lids, motion.lids)
    assert len(out) == len(motion)


def test_smoothing_keeps_the_depth_of_a_short_closure_that_is_not_zero() -> None:
    gap = np.full(50, 8, np.float32)
    gap[25] = 0.6
    out = smooth(replace(Motion.still(50, FPS), lip_gap=gap), 1.0)
    assert out.lip_gap[25] == pytest.approx(0.6)


def test_smoothing_removes_jitter_and_zero_is_off() -> None:
    motion = random_motion(1)
    assert same(smooth(motion, 0), motion)
    shaken = np.abs(np.diff(motion.pose_deg, n=2, axis=0)).mean()
    assert np.abs(np.diff(smooth(motion, 0.5).pose_deg, n=2, axis=0)).mean() < 0.7 * shaken
    with pytest.raises(ValueError, match="between 0 and 1"):
        smooth(motion, 1.5)


def test_smoothing_does_not_shift_in_time() -> None:
    t = np.arange(200) / 25
    gap = (5 + 4 * np.sin(2 * np.pi * 2 * t)).astype(np.float32)
    motion = replace(Motion.still(200, FPS), lip_gap=gap)
    assert abs(lag_and_correlation(smooth(motion, 1.0).lip_gap, gap, 25)[0]) < 0.004


@given(st.integers(0, 1000), st.floats(0.1, 20))
@settings(max_examples=40)
def test_limits_hold_and_keep_small_motion_and_its_direction(seed: int, size: float) -> None:
    motion = random_motion(seed, size=size)
    out = limit(motion)
    assert np.linalg.norm(out.pose_deg, axis=1).max() <= 12.001
    assert np.abs(out.shift).max() <= 0.12001
    assert np.abs(out.shape).max() <= 1.4001
    small = np.linalg.norm(motion.pose_deg, axis=1) < 7
    assert np.allclose(out.pose_deg[small], motion.pose_deg[small], atol=1e-5)
    cosine = (out.pose_deg * motion.pose_deg).sum(1)
    assert (cosine >= 0).all()


@given(motions, st.floats(0, 2))
@settings(max_examples=40)
def test_gains_are_independent_and_have_a_true_zero(motion: Motion, gain: float) -> None:
    mouth, rest = scale_mouth(motion, gain), scale_rest(motion, gain)
    for name in ("lids", "gaze", "pose_deg", "shift"):
        assert np.array_equal(getattr(mouth, name), getattr(motion, name))
    assert np.array_equal(mouth.shape[:, BROWS], motion.shape[:, BROWS])
    assert np.array_equal(rest.shape[:, MOUTH], motion.shape[:, MOUTH])
    assert np.array_equal(rest.lip_gap, motion.lip_gap)
    assert (rest.lids[motion.lids == 0] == 0).all()
    never_blinking = replace(motion, lids=lid_follow(motion.gaze, brow_raise(motion.shape)))
    nothing = scale_rest(scale_mouth(never_blinking, 0), 0)
    assert same(nothing, Motion.still(len(motion), FPS))


def test_a_gain_of_one_changes_nothing_that_can_be_seen() -> None:
    motion = random_motion(3)
    again = scale_rest(scale_mouth(motion, 1), 1)
    for name in CHANNELS:
        assert np.allclose(getattr(again, name), getattr(motion, name), atol=1e-5)


@given(st.integers(-8, 8))
def test_offset_moves_by_whole_frames_exactly_and_keeps_the_length(frames: int) -> None:
    motion = random_motion(5)
    out = offset(motion, frames / 25)
    assert len(out) == len(motion)
    inner = slice(10, 50)
    source = slice(10 - frames, 50 - frames)
    assert np.allclose(out.lip_gap[inner], motion.lip_gap[source], atol=1e-4)
    assert np.allclose(out.pose_deg[inner], motion.pose_deg[source], atol=1e-4)


@given(motions, RATES)
@settings(max_examples=40)
def test_retiming_keeps_blinks_closures_and_time(motion: Motion, fps: Fraction) -> None:
    n = max(1, round(len(motion) / FPS * fps))
    out = retime(motion, fps, n)
    assert len(out) == n
    assert out.fps == fps
    for frame in np.flatnonzero(motion.lids[:, 0] == 0):
        place = round(frame / 25 * float(fps))
        assert place >= n or out.lids[place, 0] == 0
    for frame in np.flatnonzero(motion.lip_gap == 0):
        place = round(frame / 25 * float(fps))
        assert place >= n or out.lip_gap[place] < 1e-6


def test_retiming_holds_the_end_and_is_the_identity_at_its_own_rate() -> None:
    motion = random_motion(6)
    assert same(retime(motion, FPS, 60), motion)
    longer = retime(motion, FPS, 70)
    assert np.array_equal(longer.pose_deg[59:], np.repeat(motion.pose_deg[59:], 11, 0))


def test_retiming_a_slow_movement_there_and_back_gives_it_back() -> None:
    t = np.arange(100) / 25
    pose = np.stack([np.sin(t), np.cos(2 * t), 0.3 * t], 1).astype(np.float32)
    motion = replace(Motion.still(100, FPS), pose_deg=pose)
    back = retime(retime(motion, Fraction(60), 240), FPS, 100)
    assert np.abs(back.pose_deg - pose)[2:-4].max() < 2e-3


def test_silence_closes_the_mouth_within_200_ms_and_speech_stays() -> None:
    gap = np.full(100, 6, np.float32)
    motion = replace(Motion.still(100, FPS), lip_gap=gap, shape=np.ones((100, N_SHAPE), np.float32))
    speaking = np.zeros(100, bool)
    speaking[20:50] = True
    out = close_in_silence(motion, speaking)
    assert np.array_equal(out.lip_gap[speaking], gap[speaking])
    assert not out.lip_gap[54:].any()
    assert not out.shape[54:, MOUTH].any()
    assert (out.shape[:, BROWS] == 1).all()  # a face is not switched off with its voice
    assert not out.lip_gap[:17].any()
    assert 0 < out.lip_gap[18] < out.lip_gap[19] < 6  # opens shortly before the first word


def test_a_word_that_starts_with_closed_lips_is_not_opened_early() -> None:
    gap = np.zeros(60, np.float32)
    gap[33:50] = 7
    speaking = np.zeros(60, bool)
    speaking[30:50] = True
    out = close_in_silence(replace(Motion.still(60, FPS), lip_gap=gap), speaking)
    assert not out.lip_gap[:33].any()


def test_lips_do_not_speak_on_in_a_pause() -> None:
    gap = (3 + 2 * np.sin(2 * np.pi * 4 * np.arange(80) / 25)).astype(np.float32)
    speaking = np.ones(80, bool)
    speaking[30:50] = False
    out = close_in_silence(replace(Motion.still(80, FPS), lip_gap=gap), speaking, close_s=0.2, open_s=0.8)
    there, before = (np.abs(np.diff(x[34:46], 2)).max() for x in (out.lip_gap, gap))
    assert there < 0.1 * before
    assert np.array_equal(out.lip_gap[speaking], gap[speaking])


@pytest.mark.parametrize("first_word", [1, 4, 20, None])
def test_a_video_begins_as_its_photo_unless_it_begins_in_a_word(first_word: int | None) -> None:
    motion, speaking = random_motion(5), np.zeros(60, bool)
    if first_word is not None:
        speaking[first_word:] = True
    out = start_at_rest(motion, speaking)
    assert not out.lip_gap[0] and not out.shape[0, MOUTH].any()
    full = min(8, first_word or 8)
    assert np.array_equal(out.lip_gap[full:], motion.lip_gap[full:])
    assert np.array_equal(out.shape[:, BROWS], motion.shape[:, BROWS])
    at_once = start_at_rest(motion, np.ones(60, bool))
    assert np.array_equal(at_once.lip_gap, motion.lip_gap)


def test_without_any_speech_the_mouth_is_shut_throughout() -> None:
    out = close_in_silence(random_motion(7), np.zeros(60, bool))
    assert not out.lip_gap.any()
    assert not out.shape[:, MOUTH].any()
    assert len(close_in_silence(Motion.still(0, FPS), np.zeros(0, bool))) == 0


@given(st.lists(st.tuples(st.floats(-3, 4), st.floats(-3, 4)), min_size=1, max_size=9))
def test_brows_are_seen_raised_as_far_as_was_asked(wanted: list[tuple[float, float]]) -> None:
    weights = brow_weights(np.array(wanted))
    shape = np.hstack([np.zeros((len(wanted), MOUTH.stop), np.float32), weights])
    np.testing.assert_allclose(brow_raise(shape), wanted, atol=1e-5)
    assert (weights >= -1e-6).all()

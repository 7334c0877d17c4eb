"""A bearing that is held, smiles that come with the voice, and sounds that win over both."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from talking import talk

from sonic.engines.light.nonverbal.expression import MANNERS, MOST_SMILE, Manner, between, expressed, smiles
from sonic.motion import MOUTH, SHAPES, Motion, brow_raise, shape_column

FPS = Fraction(25)
SMILE = [shape_column("mouthSmileLeft"), shape_column("mouthSmileRight")]


def voice_smiles(seconds: float = 300, seed: int = 0, *, speaking: bool = True) -> np.ndarray:
    return smiles(talk(seconds, speaking=speaking), np.random.default_rng(seed))


def borne(motion: Motion, smile: float, manner: Manner, *, rest_gain: float = 1.0, mouth_gain: float = 1.0) -> Motion:
    track = np.full(len(motion), smile, np.float32)
    return expressed(motion, track, manner, rest_gain=rest_gain, mouth_gain=mouth_gain)


def at_rest(**weights: float) -> Motion:
    motion = Motion.still(1, FPS)
    for name, weight in weights.items():
        motion.shape[0, shape_column(name)] = weight
    return motion


def test_the_same_seed_gives_the_same_smiles_and_another_seed_others() -> None:
    assert np.array_equal(voice_smiles(60), voice_smiles(60))
    assert not np.array_equal(voice_smiles(60), voice_smiles(60, seed=1))


def test_a_longer_recording_does_not_change_the_beginning() -> None:
    assert np.array_equal(voice_smiles(20)[:400], voice_smiles(60)[:400])


def test_smiles_come_where_phrases_end_grow_softly_and_never_twice_the_same() -> None:
    smile = np.mean([voice_smiles(seed=seed) for seed in range(8)], axis=0)
    after = np.convolve(talk(300).phrase_end, np.ones(25))[: len(smile)] > 0
    assert smile[after].mean() > 1.2 * smile[~after].mean()
    one = voice_smiles()
    assert one.min() >= 0
    assert one.max() < 1.7
    assert np.abs(np.diff(one)).max() < 0.25
    peaks = one[1:-1][(one[1:-1] > one[:-2]) & (one[1:-1] >= one[2:]) & (one[1:-1] > 0.3)]
    assert peaks.std() > 0.1


def test_nobody_smiles_at_silence() -> None:
    assert voice_smiles(60, speaking=False).max() < 0.05


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_clips_work(frames: int) -> None:
    assert voice_smiles((frames - 1) / 25).shape == (frames,)


@given(st.floats(0, 2), st.floats(0, 2), st.floats(0, 2))
@settings(max_examples=50, deadline=None)
def test_neutral_and_a_scale_of_zero_add_nothing(smile: float, rest_gain: float, mouth_gain: float) -> None:
    motion = at_rest(jawOpen=0.3, mouthPucker=0.2, browInnerUp=0.1)
    for manner in (MANNERS["neutral"], *(between(manner, 0.0) for manner in MANNERS.values())):
        assert manner.brow_gain == manner.head_gain == 1
        same = borne(motion, smile, manner, rest_gain=rest_gain, mouth_gain=mouth_gain)
        assert np.array_equal(same.shape, motion.shape)


@given(st.sampled_from(sorted(MANNERS)), st.floats(0, 1.5), st.floats(0, 1.7), st.floats(0, 2))
@settings(max_examples=100, deadline=None)
def test_no_expression_becomes_a_grimace_or_opens_lips(name: str, scale: float, smile: float, gain: float) -> None:
    shown = borne(at_rest(), smile, between(MANNERS[name], scale), rest_gain=gain)
    assert shown.shape[:, SMILE].max() <= MOST_SMILE
    assert shown.shape.min() >= 0
    assert shown.shape.max() < 1
    assert shown.lip_gap[0] == 0
    opening = [shape_column(n) for n in SHAPES[MOUTH] if n.startswith(("jaw", "mouthLower", "mouthUpper", "mouthF"))]
    assert shown.shape[:, [k for k in opening if "Frown" not in SHAPES[k]]].max() == 0


def test_friendly_lifts_corners_cheeks_and_lower_lids_and_serious_knits_the_brows() -> None:
    friendly, serious = (borne(at_rest(), 1.0, MANNERS[name]).shape[0] for name in ("friendly", "serious"))
    for side in ("Left", "Right"):
        for name in ("mouthSmile", "cheekSquint", "eyeSquint"):
            assert friendly[shape_column(name + side)] > 0.1
        assert serious[shape_column("mouthSmile" + side)] == 0
    assert brow_raise(friendly[None]).min() > 0.3
    assert brow_raise(serious[None]).max() < -0.5


def test_round_lips_win_over_a_smile() -> None:
    manner = MANNERS["friendly"]
    spread, round_ = (borne(at_rest(mouthPucker=w), 1.0, manner).shape[0, SMILE].max() for w in (0.0, 0.7))
    assert round_ < 0.25 * spread
    steps = [borne(at_rest(mouthPucker=w), 1.0, manner).shape[0, SMILE].max() for w in np.linspace(0, 1, 21)]
    assert (np.diff(steps) <= 1e-6).all()


@pytest.mark.parametrize("gains", [{"rest_gain": 0.0}, {"mouth_gain": 0.0}])
def test_gains_of_zero_still_what_moves_and_leave_what_is_held(gains: dict[str, float]) -> None:
    motion = Motion.still(250, FPS)
    track = voice_smiles(10)[:250]
    both = {"rest_gain": 1.0, "mouth_gain": 1.0} | gains
    shown = expressed(motion, track, MANNERS["friendly"], **both)
    assert np.ptp(shown.shape[:, MOUTH], axis=0).max() == 0
    assert shown.shape[0, SMILE].min() > 0.1
    assert np.ptp(expressed(motion, track, MANNERS["friendly"], rest_gain=1, mouth_gain=1).shape[:, SMILE]) > 0.1


def test_the_motion_s_other_channels_pass_unchanged() -> None:
    motion = replace(at_rest(), lids=np.full((1, 2), 0.4, np.float32), gaze=np.full((1, 2), 0.3, np.float32))
    shown = borne(motion, 1.0, MANNERS["lively"])
    for name in ("lip_gap", "lids", "gaze", "pose_deg", "shift"):
        assert np.array_equal(getattr(shown, name), getattr(motion, name))

"""Eyes that live: blinks at a talker's pace that close fully, a gaze that stays with the viewer, living brows."""

import numpy as np
import pytest
from talking import talk

from sonic.engines.light.nonverbal.eyes import EYE_RADIUS_MM, eye_motion
from sonic.engines.light.nonverbal.head import head_motion


def eyes(seconds: float = 300, seed: int = 0, *, speaking: bool = True, blink_scale: float = 1.0, pose=None):
    return eye_motion(
        talk(seconds, speaking=speaking), np.random.default_rng(seed), blink_scale=blink_scale, pose_deg=pose
    )


def blinks(lids: np.ndarray) -> list[tuple[int, int]]:
    """(first, end) of each run below 60 % open."""
    shut = np.concatenate([[0], (lids[:, 0] < 0.6).astype(int), [0]])
    return list(zip(np.flatnonzero(np.diff(shut) == 1), np.flatnonzero(np.diff(shut) == -1), strict=True))


def per_minute(lids: np.ndarray) -> float:
    return len(blinks(lids)) / len(lids) * 25 * 60


def test_the_same_seed_gives_the_same_eyes_bit_for_bit() -> None:
    for one, two, other in zip(eyes(30), eyes(30), eyes(30, seed=1), strict=True):
        assert np.array_equal(one, two)
        assert not np.array_equal(one, other)


def test_people_blink_at_a_talkers_pace_and_less_in_silence() -> None:
    speaking = np.mean([per_minute(eyes(seed=s)[0]) for s in range(4)])
    silent = np.mean([per_minute(eyes(seed=s, speaking=False)[0]) for s in range(4)])
    assert 18 <= speaking <= 26
    assert 13 <= silent <= 19


def test_a_blink_closes_fast_fully_and_opens_slower() -> None:
    lids = eyes()[0] / eyes(blink_scale=0)[0]
    found = blinks(lids)
    depth = np.array([lids[a:b].min() for a, b in found])
    assert (depth < 0.05).mean() > 0.85  # the others are half blinks
    alone = np.diff([a for a, _ in found], prepend=-100, append=10**9) > 18
    closing, opening = [], []
    for k in np.flatnonzero((depth < 0.05) & alone[:-1] & alone[1:]):
        a, b = found[k]
        shut = a + np.flatnonzero(lids[a:b, 0] < 0.05)
        closing.append(shut[0] - np.flatnonzero(lids[:a, 0] > 0.9)[-1])
        opening.append(np.flatnonzero(lids[shut[-1] :, 0] > 0.85)[0])
    assert 1.5 <= np.mean(closing) <= 4  # frames of 40 ms
    assert np.mean(opening) > np.mean(closing)
    assert np.mean(opening) <= 6.5


def test_blinks_keep_apart_except_for_double_blinks() -> None:
    starts = np.array([a for a, _ in blinks(eyes(600)[0])]) / 25
    gaps = np.diff(starts)
    assert (gaps < 0.65).mean() < 0.12
    assert gaps.min() > 0.2


def test_blinks_prefer_the_ends_of_phrases() -> None:
    lids = eyes(600)[0]
    stressed = np.zeros(len(lids), bool)
    for end in np.flatnonzero(talk(600).phrase_end):
        stressed[end - 3 : end + 10] = True
    middle = [(a + b) // 2 for a, b in blinks(lids)]
    assert stressed[middle].mean() > 1.3 * stressed.mean()


def test_blink_scale_is_a_rate_with_a_true_zero_and_touches_nothing_else() -> None:
    none, gaze, brows = eyes(blink_scale=0)
    lids, gaze_1, brows_1 = eyes(blink_scale=1)
    assert none.min() > 0.8
    assert np.array_equal(gaze, gaze_1)
    assert np.array_equal(brows, brows_1)
    assert 1.5 * per_minute(lids) < per_minute(eyes(blink_scale=2)[0]) < 2.4 * per_minute(lids)


def test_open_lids_live_a_little_and_follow_the_gaze() -> None:
    lids, gaze, _ = eyes(blink_scale=0)
    assert 0.005 < lids.std() < 0.08
    assert lids.max() <= 1.15
    assert np.corrcoef(lids[:, 0], gaze[:, 1])[0, 1] < -0.5  # down is positive


def test_the_gaze_stays_near_the_viewer_and_moves_in_jumps() -> None:
    gaze = eyes()[1]
    assert np.abs(np.median(gaze, 0)).max() < 0.15
    assert np.linalg.norm(gaze, axis=1).max() < 1.6
    step = np.linalg.norm(np.diff(gaze, axis=0), axis=1)
    jumps = step > 0.15
    assert 0.3 < jumps.sum() / 300 < 4  # a second
    assert np.median(step) < 0.04


def test_the_eyes_stay_on_the_viewer_while_the_head_turns() -> None:
    pose = head_motion(talk(300), np.random.default_rng(9))[0]
    gaze = eyes(pose=pose)[1]
    assert np.corrcoef(gaze[:, 0], pose[:, 0])[0, 1] < -0.5
    assert np.corrcoef(gaze[:, 1], pose[:, 1])[0, 1] < -0.5
    seen = gaze + EYE_RADIUS_MM * np.sin(np.deg2rad(pose[:, :2]))  # what is left of the head's turning
    assert seen[:, 0].std() < (EYE_RADIUS_MM * np.sin(np.deg2rad(pose[:, 0]))).std()


def test_brows_rise_with_emphasis_and_stay_within_three_millimetres_or_so() -> None:
    brows = np.mean([eyes(seed=s)[2] for s in range(6)], axis=(0, 2))
    stress = talk(300).emphasis > 0.7
    assert brows[stress].mean() > brows[~stress].mean() + 0.3
    for seed in range(4):
        one = eyes(seed=seed)[2]
        assert one.min() > -3.5
        assert one.max() < 5
        assert np.quantile(one, 0.99) < 3.6
        assert np.corrcoef(one.T)[0, 1] > 0.8


def test_a_longer_recording_does_not_change_the_beginning() -> None:
    for short, long in zip(eyes(20), eyes(60), strict=True):
        assert np.array_equal(short[:450], long[:450])


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_clips_work(frames: int) -> None:
    for channel in eyes((frames - 1) / 25):
        assert channel.shape == (frames, 2)
        assert channel.dtype == np.float32


def test_brows_are_not_one_and_never_repeat_themselves() -> None:
    left, right = eyes()[2].astype(np.float64).T
    assert 0.2 < (left - right).std() < 1.0
    x = left - left.mean()
    echo = np.correlate(x, x, "full")[len(x) - 1 :] / (x @ x)
    # syllables of the voice above come every 1.1 s, so its brows may; at random times nothing returns
    assert np.median(np.abs(echo[50:2500])) < 0.12


def test_brows_move_at_the_pace_of_filmed_ones() -> None:
    brows = eyes()[2].astype(np.float64)
    assert 0.6 < brows.std(0).mean() < 1.4  # mm
    assert 2.5 < 25 * np.abs(np.diff(brows, axis=0)).mean() < 9  # mm a second; filmed 3 to 8

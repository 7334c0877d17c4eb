"""The measures see what was put in: a known nod, blink, lag, closure, flicker; and refuse what they cannot judge."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracked_faces import FPS, face

from sonic.evaluation import metrics as m
from sonic.types import F32


def report(points: F32, **kwargs) -> m.Report:
    n = len(points)
    defaults = {"fps": FPS, "loudness": np.ones(n), "speaking": np.ones(n, bool)}
    return m.measure(points, **(defaults | kwargs))


def test_a_still_face_measures_zero_everywhere() -> None:
    found = report(face(), speaking=np.arange(250) < 100, frame_means=np.full((250, 3), 128.0))
    for name, value in found.to_dict().items():
        if name not in ("seconds", "silent_s", "blink_ms", "background_difference", "identity", "loudness_mismatch"):
            assert value == pytest.approx(0, abs=2e-3), name
    assert found.seconds == 10
    assert found.silent_s == 6


def test_the_report_is_plain_json_with_units_in_its_names() -> None:
    values = json.loads(json.dumps(report(face(50)).to_dict()))
    assert {"lag_ms", "yaw_sd_deg", "blinks_per_minute", "lip_dynamics_px"} <= set(values)


def test_a_turning_head_is_measured_in_degrees_whatever_the_size_of_the_picture() -> None:
    t = np.arange(250) / 25
    pose = np.stack([4 * np.sin(t), 3 * np.sin(1.7 * t), 2 * np.sin(2.3 * t)], 1)
    for scale in (1.0, 4.0):
        found = report(face(pose_deg=pose, scale=scale))
        assert [found.yaw_sd_deg, found.pitch_sd_deg, found.roll_sd_deg] == pytest.approx(pose.std(0), rel=0.06)
        assert found.head_complexity == pytest.approx(report(face(pose_deg=pose)).head_complexity, rel=1e-3)
        assert found.jitter < 1e-3


def test_blinks_are_counted_and_timed_even_while_nodding() -> None:
    lids = np.ones(250)
    for at in (40, 90, 160, 220):
        lids[at : at + 4] = [0.3, 0.05, 0.1, 0.5]
    lids[120:170] = np.where(lids[120:170] == 1, 0.8, lids[120:170])  # looks down for two seconds: no blink
    pose = np.stack([np.zeros(250), 5 * np.sin(np.arange(250) / 12), np.zeros(250)], 1)
    found = report(face(lids=lids, pose_deg=pose))
    assert found.blinks_per_minute == 24
    assert found.blink_ms == pytest.approx(160, abs=41)


def test_eyes_shut_for_seconds_are_no_blink() -> None:
    lids = np.ones(250)
    lids[100:150] = 0.05
    assert report(face(lids=lids)).blinks_per_minute == 0


@pytest.mark.parametrize("lag_frames", [-4, 0, 3])
def test_a_lag_of_the_lips_is_found_with_its_sign(lag_frames: int) -> None:
    loudness = np.abs(np.random.default_rng(1).standard_normal(270)).cumsum()
    loudness = np.abs(np.sin(loudness / 2)) + 0.1
    gap = 10 * loudness[10 - lag_frames : 260 - lag_frames]
    found = report(face(gap=gap), loudness=loudness[10:260])
    assert found.lag_ms == pytest.approx(lag_frames * 40, abs=12)
    assert found.opening_loudness_correlation > 0.95
    assert (found.loudness_mismatch < 0.01) == (lag_frames == 0)


def test_a_mouth_that_chatters_in_silence_is_caught() -> None:
    speaking = np.arange(250) < 120
    chatter = np.where(speaking, 6, 5 + 5 * np.sign(np.sin(np.arange(250))))
    calm = np.where(speaking, 6, 0.0)
    assert report(face(gap=chatter), speaking=speaking).silent_lip_deviation == pytest.approx(5 / 91, rel=0.05)
    assert report(face(gap=calm), speaking=speaking).silent_lip_deviation == pytest.approx(0, abs=1e-6)
    assert report(face(gap=calm)).silent_lip_deviation is None  # nobody is silent


def test_short_pauses_are_not_silence() -> None:
    speaking = np.ones(250, bool)
    speaking[50:56] = False
    assert report(face(), speaking=speaking).silent_s == 0


def test_mouth_and_brow_movement_are_measured_relative_to_the_face() -> None:
    gap = 5 + 5 * np.sin(np.arange(250))
    brow = np.where(np.arange(250) % 2, 0.63, 0.0)
    one, two = report(face(gap=gap, brow=brow)), report(face(gap=gap, brow=brow, scale=5))
    assert one.lip_gap_sd == pytest.approx(gap.std() / 63, rel=0.02)
    assert one.brow_dynamics == pytest.approx(0.01, rel=0.02)
    assert one.lip_dynamics_px > 0.5
    assert one.lip_dynamics_px == pytest.approx(two.lip_dynamics_px, rel=1e-3)


def test_jitter_is_the_trembling_of_bone_points() -> None:
    small, large = report(face(noise=0.1)).jitter, report(face(noise=0.4)).jitter
    assert large == pytest.approx(4 * small, rel=0.1)


def test_flicker_and_drift_of_the_picture() -> None:
    means = np.full((250, 3), 120.0)
    assert report(face(), frame_means=means).flicker_luma == 0
    means[:, 0] += np.arange(250) * 0.01
    drifting = report(face(), frame_means=means)
    assert drifting.flicker_luma == pytest.approx(0, abs=1e-9)
    assert drifting.drift_luma_per_minute == pytest.approx(15, rel=1e-6)
    means[::2, 0] += 1
    assert report(face(), frame_means=means).flicker_luma == pytest.approx(2, rel=1e-6)
    assert report(face(), frame_means=means).flicker_chroma == 0


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="points_px must have shape"):
        report(face()[:, :468])
    with pytest.raises(ValueError, match="N >= 3"):
        report(face(2))
    with pytest.raises(ValueError, match="loudness and speaking"):
        report(face(), loudness=np.ones(3))


@given(st.floats(-0.2, 0.2))
@settings(max_examples=30)
def test_a_known_lag_is_found_to_a_few_milliseconds(lag_s: float) -> None:
    t = np.arange(250) / 25

    def babble(time: np.ndarray) -> np.ndarray:
        return 4 + np.sin(2 * np.pi * 1.7 * time) + np.sin(2 * np.pi * 2.9 * time + 1) + np.sin(2 * np.pi * 0.8 * time)

    assert m.lag_and_correlation(babble(t - lag_s), babble(t), 25)[0] == pytest.approx(lag_s, abs=0.005)


def test_constant_loudness_has_no_lag() -> None:
    opening = np.random.default_rng(1).random(60)
    assert m.lag_and_correlation(opening, np.zeros(60), 25)[0] == 0
    assert m.lag_and_correlation(opening[:2], np.zeros(2), 25)[0] == 0


def blobs(seed: int) -> np.ndarray:
    return np.kron(np.random.default_rng(seed).integers(0, 255, (60, 80)), np.ones((8, 8))).astype(np.uint8)


def test_identity_is_one_for_a_picture_that_only_moves_and_low_for_another() -> None:
    points = face(2).astype(np.float64)
    points[1, :, 0] += 5
    assert m.identity([blobs(0), np.roll(blobs(0), 5, axis=1)], points) == pytest.approx(1, abs=0.02)
    assert m.identity([blobs(0), blobs(1)], points) < 0.5
    assert m.identity([blobs(0)], points[:1]) is None


def test_background_change_sees_the_background_and_not_the_face() -> None:
    points = face(2, scale=1.0).astype(np.float64)
    calm = np.full((480, 640), 100, np.uint8)
    talking, shaken = calm.copy(), calm + np.uint8(20)
    talking[150:300, 240:360] = 0
    assert m.background_change([calm, talking], points) == 0
    assert m.background_change([calm, shaken], points) == 20
    assert m.background_change([calm[140:300, 200:400]] * 2, points - np.array([200, 140, 0])) is None


def test_the_mouth_of_the_same_person_is_compared_whatever_the_head_does() -> None:
    t = np.arange(250) / 25
    gap = 5 + 4 * np.sin(7 * t)
    pose = np.stack([6 * np.sin(t), 4 * np.sin(1.7 * t), 3 * np.sin(2.3 * t)], 1)
    real, turned = face(gap=gap).astype(np.float64), face(gap=gap, pose_deg=pose, scale=3.0).astype(np.float64)
    assert m.mouth_distance(turned, real) < 0.005
    silent = face(gap=np.zeros(250)).astype(np.float64)
    inner = 18 / 40  # of the lip points: those that open, each by half of the gap
    wide = m.mouth_distance(silent, real)
    assert wide == pytest.approx(2 * inner * np.abs(gap).mean() / 2 / 91, rel=0.1)
    assert m.moving_mouth_distance(silent, real) < 0.8 * wide  # a mouth that rests elsewhere is no wrong movement
    with pytest.raises(ValueError, match="same shape"):
        m.mouth_distance(real[:10], real)


def test_closeness_is_one_for_the_same_figure_and_falls_to_both_sides() -> None:
    assert m.closeness(0.02, 0.02) == 1
    assert [m.closeness(0.01, 0.02), m.closeness(0.03, 0.02)] == pytest.approx([0.5, 0.5])


def test_lips_count_as_closed_where_the_opening_gets_to_the_bottom_of_its_range() -> None:
    opening = np.tile([0.0, 1, 4, 10, 4, 1], 20)
    assert m.closes(opening, 6, 7)
    assert not m.closes(opening, 3, 3)


def test_correlation_needs_tracks_of_the_same_length() -> None:
    assert m.correlation([1, 2, 4], [2, 4, 8]) == pytest.approx(1)
    assert m.correlation([1, 1, 1], [2, 4, 8]) == 0
    with pytest.raises(ValueError, match="same length"):
        m.correlation([1, 2], [1, 2, 3])


def test_closures_are_counted_where_p_b_m_are_heard() -> None:
    heard, opening = np.zeros(200), np.full(200, 0.1)
    for k in range(5):
        heard[20 + 30 * k : 23 + 30 * k] = 0.9
    opening[[21, 51, 81, 111, *range(160, 180)]] = 0.0  # four of five, and where nothing asks for it
    assert m.closures_shown(opening, heard) == pytest.approx(0.8)
    heard[130:] = 0
    assert m.closures_shown(opening, heard) is None, "four say little"

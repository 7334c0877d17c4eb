"""A head that moves as people's do: never still, never a pendulum, within what a renderer can show, and repeatable."""

from dataclasses import replace

import numpy as np
import pytest
from talking import talk

from sonic.engines.light.nonverbal.head import head_motion, one_pole
from sonic.faces.geometry import rotation_from_pose
from sonic.speech.prosody import Prosody


def head(seconds: float = 120, seed: int = 0, *, speaking: bool = True) -> tuple[np.ndarray, np.ndarray]:
    return head_motion(talk(seconds, speaking=speaking), np.random.default_rng(seed))


def test_the_same_seed_gives_the_same_motion_bit_for_bit_and_another_seed_another() -> None:
    pose, shift = head(seed=0)
    again, shift_again = head(seed=0)
    assert np.array_equal(pose, again)
    assert np.array_equal(shift, shift_again)
    other = head(seed=1)[0]
    assert abs(np.corrcoef(pose[:, 0], other[:, 0])[0, 1]) < 0.5


@pytest.mark.parametrize("seed", range(4))
def test_spreads_are_those_of_real_talkers(seed: int) -> None:
    pose, shift = head(240, seed)
    yaw, pitch, roll = pose.std(0)
    assert 1.8 < yaw < 4.0
    assert 1.8 < pitch < 3.6
    assert 0.9 < roll < 2.2
    assert np.linalg.norm(pose, axis=1).max() < 14
    assert np.quantile(np.linalg.norm(pose, axis=1), 0.98) < 10
    assert shift[:, 0].std() < 0.06


def test_it_starts_with_the_photo_and_leaves_it_gently() -> None:
    pose, shift = head()
    assert not pose[0].any()
    assert not shift[0].any()
    assert np.abs(pose[:5]).max() < 0.4


def test_it_moves_smoothly_and_never_stops() -> None:
    pose = head()[0]
    step = np.linalg.norm(np.diff(pose, axis=0), axis=1)
    assert step.max() < 3.0  # degrees a frame: 75 degrees a second
    still = np.convolve(step, np.ones(25), mode="valid")  # degrees a second, over each second
    assert still[25:].min() > 0.3


def test_most_energy_is_slow_and_none_of_it_is_a_pendulum() -> None:
    pose = head(300)[0]
    for axis in range(3):
        power = np.abs(np.fft.rfft((pose[:, axis] - pose[:, axis].mean()) * np.hanning(len(pose)))) ** 2
        hz = np.fft.rfftfreq(len(pose), 1 / 25)
        assert power[hz < 2].sum() > 0.9 * power.sum()
        bands = [power[(hz >= f) & (hz < f * 1.15)].sum() for f in 0.1 * 1.15 ** np.arange(22)]
        assert max(bands) < 0.3 * power.sum()


def test_silence_is_calmer_but_alive() -> None:
    speed = {s: np.abs(np.diff(head(120, speaking=s)[0], axis=0)).mean() for s in (True, False)}
    assert 0.15 * speed[True] < speed[False] < 0.7 * speed[True]


def test_the_chin_goes_down_on_emphasised_syllables() -> None:
    stress = talk(240)
    on = np.mean([head_motion(stress, np.random.default_rng(s))[0][:, 1] for s in range(6)], axis=0)
    peak = (stress.emphasis > 0.7) & stress.speaking
    assert on[peak].mean() > on[stress.emphasis < 0.05].mean() + 0.3


def test_the_head_turns_about_the_neck() -> None:
    pose, shift = head()
    assert np.corrcoef(pose[:, 0], shift[:, 0])[0, 1] > 0.6
    assert np.corrcoef(pose[:, 1], shift[:, 1])[0, 1] > 0.8
    turned = rotation_from_pose([5.0, 0.0, 0.0]) @ [0.0, 0.0, -1.0]
    assert turned[0] > 0  # a positive yaw moves the nose, and so the face, to the right


def test_a_longer_recording_does_not_change_the_beginning() -> None:
    short, long = head(20), head(60)
    assert np.array_equal(short[0][:450], long[0][:450])
    assert np.array_equal(short[1][:450], long[1][:450])


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_clips_work(frames: int) -> None:
    pose, shift = head((frames - 1) / 25)
    assert pose.shape == shift.shape == (frames, 3)
    assert pose.dtype == shift.dtype == np.float32


def test_the_blockwise_filter_is_the_plain_recursion() -> None:
    x = np.random.default_rng(0).standard_normal((200, 2))
    a, y, plain = np.exp(-1 / 7.0), np.zeros(2), []
    for row in x:
        y = a * y + (1 - a) * row
        plain.append(y)
    assert np.allclose(one_pole(x, 7.0), plain, atol=1e-12)


def test_the_head_beats_time_with_speech_at_the_pace_of_filmed_heads() -> None:
    voice = talk(240)
    syllables = 2 * np.pi * np.cumsum(2.4 + np.sin(np.arange(len(voice)) / 31)) / 25
    rhythm = np.where(voice.speaking, -6 + 5 * np.sin(syllables), -50)
    spoken = replace(voice, loudness_db=rhythm.astype(np.float32))

    def speed(prosody: Prosody, where: np.ndarray) -> float:
        pose = head_motion(prosody, np.random.default_rng(2))[0].astype(np.float64)
        quick = pose - one_pole(pose, 6.0)
        return float(np.abs(np.diff(quick, axis=0))[where[1:]].mean())

    well_into_silence = ~spoken.speaking & np.roll(~spoken.speaking, 8)
    assert speed(spoken, spoken.speaking) > 1.15 * speed(voice, voice.speaking)
    assert speed(spoken, well_into_silence) < 0.8 * speed(spoken, spoken.speaking)


def test_no_movement_repeats_itself() -> None:
    pose = head(300)[0].astype(np.float64)
    for axis in range(3):
        x = pose[:, axis] - pose[:, axis].mean()
        echo = np.correlate(x, x, "full")[len(x) - 1 :] / (x @ x)
        assert echo[50:2500].max() < 0.45  # between 2 s and 100 s; a pendulum has 0.9 and more

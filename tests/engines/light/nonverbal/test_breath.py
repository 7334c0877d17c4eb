"""Lips in silence: shut after speech, parted for the breath before the next words, mostly shut in long silences."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from talking import talk

from sonic.engines.light.nonverbal.breath import BREATH_MM, breathe, parted_lips
from sonic.motion import Motion, scale_mouth
from sonic.speech.prosody import Prosody


def pauses_of(lengths_s: list[float], phrase_s: float = 1.6) -> Prosody:
    """A phrase, a pause of each length and a phrase after it, in turn."""
    speaking = np.concatenate([np.r_[np.ones(round(phrase_s * 25)), np.zeros(round(s * 25))] for s in lengths_s])
    voice = np.r_[speaking, np.ones(40)].astype(bool)
    n = len(voice)
    flat = np.zeros(n, np.float32)
    ends = np.concatenate([[False], voice[:-1] & ~voice[1:]])
    return Prosody(Fraction(25), np.where(voice, -6, -50).astype(np.float32), voice, flat, flat, ends)


def lips(voice: Prosody, seed: int = 0) -> np.ndarray:
    return parted_lips(voice, np.random.default_rng(seed))


def test_the_same_seed_gives_the_same_lips_bit_for_bit_and_another_seed_others() -> None:
    assert np.array_equal(lips(talk(60)), lips(talk(60)))
    assert not np.array_equal(lips(talk(60)), lips(talk(60), seed=1))


def test_lips_are_left_to_the_words_while_somebody_speaks() -> None:
    voice = talk(120)
    assert not lips(voice)[voice.speaking].any()
    assert lips(voice).dtype == np.float32


@pytest.mark.parametrize("seed", range(4))
def test_lips_close_after_speech_and_part_before_the_next_words(seed: int) -> None:
    voice = pauses_of([0.6, 0.9, 1.4, 2.0] * 8)
    parted = lips(voice, seed)
    ends = np.flatnonzero(voice.phrase_end)
    onsets = np.flatnonzero(~voice.speaking[:-1] & voice.speaking[1:]) + 1
    assert max(parted[end : end + 5].max() for end in ends) < 0.5  # 200 ms
    breaths = np.array([parted[onset - 9 : onset].max() for onset in onsets])
    assert (breaths > BREATH_MM / 2).mean() > 0.7
    assert breaths.max() < 11
    assert parted[onsets - 1].max() < 0.6 * breaths.max()


def test_in_short_pauses_lips_stay_apart_more_often_than_not() -> None:
    voice = pauses_of([0.36] * 60)
    parted = lips(voice)
    in_pauses = parted[~voice.speaking].reshape(60, 9).max(1)
    assert 0.5 < (in_pauses > 1).mean() < 0.9
    assert in_pauses.max() < 8


def test_breaths_are_never_the_same() -> None:
    voice = pauses_of([0.9] * 60)
    parted = lips(voice)
    onsets = np.flatnonzero(~voice.speaking[:-1] & voice.speaking[1:]) + 1
    depths = np.array([parted[onset - 15 : onset].max() for onset in onsets])
    lengths = np.array([(parted[onset - 22 : onset] > 0.5).sum() for onset in onsets])
    assert 0.15 < depths[depths > 0].std() / depths[depths > 0].mean() < 0.6
    assert len(set(lengths)) > 4


def test_a_longer_phrase_takes_a_deeper_breath() -> None:
    short, long = (
        np.mean([lips(pauses_of([0.9] * 20, phrase_s), seed).max() for seed in range(8)]) for phrase_s in (0.5, 3.5)
    )
    assert long > 1.15 * short


def test_a_long_silence_is_mostly_shut_and_lips_do_not_tremble() -> None:
    silence = lips(talk(300, speaking=False))
    assert (silence < 0.2).mean() > 0.6
    assert silence.max() < 6
    parted = lips(talk(300))
    turns = np.diff(np.sign(np.diff(parted.astype(np.float64)))) != 0
    assert turns.sum() / 300 < 4  # a second: up, on, down and still
    assert np.abs(np.diff(parted)).max() < 4


def test_a_longer_recording_does_not_change_the_beginning() -> None:
    assert np.array_equal(lips(talk(20))[:400], lips(talk(60))[:400])


def test_breath_only_ever_opens_and_a_mouth_gain_of_zero_stills_it() -> None:
    voice = talk(20)
    still = Motion.still(len(voice), voice.fps)
    spoken = replace(still, lip_gap=np.where(voice.speaking, 5, 0).astype(np.float32))
    breathing = breathe(spoken, lips(voice))
    assert (breathing.lip_gap >= spoken.lip_gap).all()
    assert np.array_equal(breathing.lip_gap[voice.speaking], spoken.lip_gap[voice.speaking])
    assert not scale_mouth(breathing, 0).lip_gap.any()


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_clips_work(frames: int) -> None:
    for speaking in (True, False):
        assert lips(talk((frames - 1) / 25, speaking=speaking)).shape == (frames,)


def test_a_recording_that_starts_with_a_moment_of_silence_draws_no_breath_before_it() -> None:
    voice = talk(4)
    voice.speaking[:1] = False
    for seed in range(20):
        assert np.isfinite(lips(voice, seed)).all()


def test_a_breath_is_over_before_the_first_sound_of_a_phrase() -> None:
    voice = pauses_of([1.5] * 40)
    onsets = np.flatnonzero(~voice.speaking[:-1] & voice.speaking[1:]) + 1
    assert lips(voice)[onsets - 1].max() < 0.3  # lips that say p, b or m are shut by then

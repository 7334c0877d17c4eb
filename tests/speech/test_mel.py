"""The spectrogram: where a tone lands, what gain does to it, and that pieces equal the whole."""

import numpy as np
import pytest

from sonic.speech.mel import HOP, N_MELS, hz_from_mel, log_mel, mel_filters, power_frames, speech_level
from sonic.types import SPEECH_RATE_HZ


def tone(hz: float, seconds: float = 1.0, amplitude: float = 0.5) -> np.ndarray:
    t = np.arange(int(seconds * SPEECH_RATE_HZ)) / SPEECH_RATE_HZ
    return (amplitude * np.sin(2 * np.pi * hz * t)).astype(np.float32)


@pytest.mark.parametrize("hz", [150, 440, 1000, 2500, 6000])
def test_a_tone_lands_in_its_band(hz: float) -> None:
    bands = np.fft.rfftfreq(512, 1 / SPEECH_RATE_HZ) @ mel_filters().T
    loudest = int(log_mel(tone(hz), 0.1)[50].argmax())
    assert bands[loudest] == pytest.approx(hz, rel=0.06, abs=25)


def test_a_full_scale_sine_has_0_db() -> None:
    peak = power_frames(tone(1000, amplitude=1.0))[50].max()
    assert 10 * np.log10(peak) == pytest.approx(0, abs=0.1)


def test_gain_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    sound = (rng.standard_normal(16000) * np.linspace(0.01, 0.3, 16000)).astype(np.float32)
    quiet = sound * np.float32(0.05)
    difference = log_mel(sound, speech_level(sound)) - log_mel(quiet, speech_level(quiet))
    assert np.abs(difference).max() < 1e-3


def test_pieces_equal_the_whole() -> None:
    sound = np.random.default_rng(1).standard_normal(16000 * 70).astype(np.float32) * np.float32(0.1)
    whole = log_mel(sound, 0.01)  # several blocks inside
    part = log_mel(sound[5990 * HOP :], 0.01)
    np.testing.assert_allclose(whole[5993:6200], part[3:210], atol=1e-5)
    np.testing.assert_allclose(log_mel(sound, 0.01, start=990, stop=2011), whole[990:2011], atol=1e-5)
    assert log_mel(sound, 0.01, start=50, stop=50).shape == (0, 80)


def test_frames_are_centred_on_their_samples() -> None:
    click = np.zeros(16000, np.float32)
    click[40 * HOP] = 1
    assert int(log_mel(click, 0.01).mean(1).argmax()) == 40


@pytest.mark.parametrize("n", [0, 1, 159, 160, 511, 16001])
def test_any_length_gives_one_frame_every_10_ms(n: int) -> None:
    mel = log_mel(np.zeros(n, np.float32), speech_level(np.zeros(n, np.float32)))
    assert mel.shape == (n // HOP + 1, N_MELS)
    assert np.isfinite(mel).all()


def test_hiss_is_not_amplified_to_speech() -> None:
    hiss = np.random.default_rng(2).standard_normal(32000).astype(np.float32) * np.float32(1e-5)
    assert log_mel(hiss, speech_level(hiss)).mean() < -1


def test_the_scale_is_slaneys() -> None:
    np.testing.assert_allclose(hz_from_mel([0, 15, 42]), [0, 1000, 6400])

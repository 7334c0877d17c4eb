"""The sampler on distributions whose best denoiser is known, and pieces against the whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonic.engines.light.lips.diffusion import HALO, Networks, alpha_sigma, noise, sample, speech_latents
from sonic.types import F32, Samples

MEAN, SPREAD = 2.0, 0.5


def gaussian(x: F32, t: float) -> F32:
    """Best prediction of x_0 for data that are N(MEAN, SPREAD^2)."""
    a, s = alpha_sigma(t)
    gain = a * SPREAD**2 / (a**2 * SPREAD**2 + s**2)
    return np.asarray(MEAN + gain * (x - a * MEAN), np.float32)


@pytest.mark.parametrize(("steps", "tolerance"), [(10, 0.15), (25, 0.05), (100, 0.03)])
def test_samples_have_the_mean_and_the_spread_of_the_data(steps: int, tolerance: float) -> None:
    x = sample(gaussian, noise(4000, 1, np.random.default_rng(0)), steps)
    assert x.mean() == pytest.approx(MEAN, abs=0.03)
    assert x.std() == pytest.approx(SPREAD, abs=tolerance)


@pytest.mark.parametrize("chance", [0.0, 0.25, 1.0])
def test_chance_scales_the_spread_about_the_mean(chance: float) -> None:
    x = sample(gaussian, noise(4000, 1, np.random.default_rng(0)), 25, chance=chance)
    assert x.mean() == pytest.approx(MEAN, abs=0.03)
    assert x.std() == pytest.approx(SPREAD * chance, abs=0.04)


@pytest.mark.parametrize("steps", [1, 2, 3, 100])
def test_any_number_of_steps_is_finite(steps: int) -> None:
    x = sample(gaussian, noise(5, 3, np.random.default_rng(0)), steps)
    assert np.isfinite(x).all()
    assert x.dtype == np.float32


def test_no_steps_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        sample(gaussian, np.zeros((1, 1), np.float32), 0)


def test_noise_of_a_frame_does_not_depend_on_the_length() -> None:
    short, long = (noise(n, 33, np.random.default_rng(7)) for n in (40, 400))
    np.testing.assert_array_equal(short, long[:40])


def blur(x: F32, taps: F32) -> F32:
    """Each channel through a filter, zeros beyond the ends: a network that sees ``len(taps) // 2`` frames around."""
    reach = len(taps) // 2
    views = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((reach, reach), (0, 0))), len(taps), axis=0)
    return np.asarray(views @ taps, np.float32)


class Ear:
    """Stands in for the speech encoder: three loudnesses of the 20 ms around each frame."""

    width = 3

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def frames(self, first: int, last: int) -> F32:
        start, stop = 320 * first - 160, 320 * last - 160
        inside = self._samples[max(start, 0) : max(stop, 0)]
        before = min(max(-start, 0), stop - start)
        power = np.pad(inside**2, (before, stop - start - before - len(inside))).reshape(-1, 320).mean(1)
        return np.stack([power, power**0.5, np.log10(power + 1e-3)], 1).astype(np.float32)


def listening() -> Networks:
    """Networks that use every frame of their reach, mostly the near ones, as trained ones do."""
    taps = np.exp(-np.abs(np.arange(-HALO, HALO + 1)) / 1.5).astype(np.float32)
    taps /= taps.sum()
    return Networks(
        listen=Ear,
        hear=lambda features: blur(features.reshape(-1, 2, 3).mean(1), taps),
        denoise=lambda x, t, heard: np.tanh(0.6 * blur(x, taps) + 0.3 * x + blur(heard, taps)),
        channels=3,
    )


@settings(max_examples=15, deadline=None)
@given(seconds=st.floats(0.1, 20), piece=st.integers(5, 300), seed=st.integers(0, 5))
def test_any_length_of_the_pieces_gives_the_same_motion(seconds: float, piece: int, seed: int) -> None:
    sound = np.random.default_rng(seed).uniform(-0.3, 0.3, round(16000 * seconds)).astype(np.float32)
    whole = np.concatenate(list(speech_latents(sound, listening(), steps=8, seed=seed, piece=10_000)))
    pieces = list(speech_latents(sound, listening(), steps=8, seed=seed, piece=piece))
    assert max(map(len, pieces)) <= piece
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-4)


def test_a_piece_is_made_when_it_is_asked_for() -> None:
    calls: list[int] = []

    def denoise(x: F32, t: float, heard: F32) -> F32:
        calls.append(len(x))
        return x * 0

    networks = Networks(Ear, lambda features: features[::2, :1], denoise, 1)
    next(speech_latents(np.zeros(16000 * 600, np.float32), networks, steps=3, seed=0, piece=100))
    assert calls == [100 + 2 * HALO] * 3


@pytest.mark.parametrize("samples", [1, 640, 641, 16000 * 30])
def test_motion_covers_the_sound(samples: int) -> None:
    networks = Networks(Ear, lambda features: features[::2, :3], lambda x, t, heard: x * 0 + heard[:, :2], 2)
    latents = np.concatenate(list(speech_latents(np.zeros(samples, np.float32), networks, steps=2, seed=0)))
    assert latents.shape == (-(-samples // 640) + 1, 3)  # two latents, and what else is heard


def test_sound_and_motion_are_aligned() -> None:
    sound = np.zeros(16000 * 4, np.float32)
    sound[16000 * 2 : 16000 * 2 + 320] = 0.5
    networks = Networks(Ear, lambda features: features[::2, :1], lambda x, t, heard: heard[:, :1], 1)
    assert int(np.concatenate(list(speech_latents(sound, networks, steps=1, seed=0)))[:, 0].argmax()) == 50

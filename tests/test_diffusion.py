"""The sampler on distributions whose best denoiser is known, and pieces against the whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonic.diffusion import Networks, alpha_sigma, in_pieces, noise, sample, speech_latents
from sonic.types import F32

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
def test_any_number_of_steps_is_finite_and_counted(steps: int) -> None:
    seen: list[int] = []
    x = sample(gaussian, noise(5, 3, np.random.default_rng(0)), steps, seen.append)
    assert np.isfinite(x).all()
    assert x.dtype == np.float32
    assert seen == list(range(1, steps + 1))


def test_no_steps_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        sample(gaussian, np.zeros((1, 1), np.float32), 0)


def test_noise_of_a_frame_does_not_depend_on_the_length() -> None:
    short, long = (noise(n, 33, np.random.default_rng(7)) for n in (40, 400))
    np.testing.assert_array_equal(short, long[:40])


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 90), piece=st.integers(1, 40))
def test_pieces_equal_the_whole(n: int, piece: int) -> None:
    rng = np.random.default_rng(n)
    x = rng.standard_normal((n, 2)).astype(np.float32)
    taps = rng.standard_normal(7).astype(np.float32)

    def run(first: int, last: int) -> F32:
        down = x[first:last, 0]
        return np.asarray(np.convolve(np.pad(down, 3), taps, "valid")[:, None], np.float32)

    np.testing.assert_allclose(in_pieces(run, n, piece=piece, halo=3), run(0, n), atol=1e-5)


@pytest.mark.parametrize("samples", [1, 640, 641, 16000 * 30])
def test_motion_covers_the_sound(samples: int) -> None:
    networks = Networks(lambda mel: mel[::4, :5], lambda x, t, heard: x * 0 + heard[:, :2], 2)
    steps: list[int] = []
    latents = speech_latents(np.zeros(samples, np.float32), networks, steps=2, seed=0, on_step=steps.append)
    assert latents.shape == (-(-samples // 640) + 1, 2)
    assert steps == [1, 2]


def test_sound_and_motion_are_aligned() -> None:
    sound = np.zeros(16000 * 4, np.float32)
    sound[16000 * 2 : 16000 * 2 + 320] = 0.5
    networks = Networks(lambda mel: mel.reshape(-1, 4, 80).mean((1, 2))[:, None], lambda x, t, heard: heard[:, :1], 1)
    assert int(speech_latents(sound, networks, steps=1, seed=0)[:, 0].argmax()) == 50

"""Lips from sound with the shipped weights: closed in silence, moving in speech, the same again, at any length and
rate."""

from fractions import Fraction
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from sonic.engines.light.drive import drive
from sonic.engines.light.lips.predict import lips_from_speech
from sonic.media.recording import load_speech
from sonic.motion import BROWS, MOUTH, N_SHAPE, Motion, join
from sonic.settings import Settings
from sonic.speech.prosody import prosody
from sonic.types import F32, SPEECH_RATE_HZ, Sound, Speech

DEMO = Path(str(resources.files("sonic"))) / "assets" / "demo" / "speech.flac"


def syllables(seconds: float = 3.0, *, level: float = 0.3) -> F32:
    """The bundled recording between 0.6 s and 0.8 s before the end, silence at both ends. At least 2 s."""
    sound = np.zeros(int(seconds * SPEECH_RATE_HZ), np.float32)
    n = len(sound) - int(1.4 * SPEECH_RATE_HZ)
    spoken = voice()[:n]
    sound[int(0.6 * SPEECH_RATE_HZ) :][:n] = spoken
    return (level * sound / np.abs(sound).max()).astype(np.float32)


@cache
def voice() -> F32:
    """The bundled recording from its first word on, without long pauses."""
    samples = load_speech(DEMO, lambda line: None).samples[:]
    speaking = np.repeat(prosody(samples).speaking, SPEECH_RATE_HZ // 25)[: len(samples)]
    return np.asarray(samples[: len(speaking)][speaking], np.float32)


def speech(samples: F32) -> Speech:
    return Speech(samples=samples, sound=Sound(Path("speech.wav"), "0" * 64))


def lips(samples: F32, steps: int = 8, seed: int = 0) -> tuple[F32, F32]:
    shapes, gaps = zip(*lips_from_speech(samples, steps=steps, seed=seed), strict=True)
    return np.concatenate(shapes), np.concatenate(gaps)


def driven(samples: F32, settings: Settings, duration_s: float) -> Motion:
    return join(list(drive(speech(samples), settings, duration_s)))


def test_speech_opens_the_mouth_and_silence_closes_it() -> None:
    _, gap = lips(syllables())
    assert gap[20:50].max() > 3
    assert gap[:4].max() < 1  # lips part some 0.4 s before the first word
    assert gap[-4:].max() < 1


@pytest.mark.parametrize("kind", ["digital silence", "hiss"])
def test_without_speech_the_lips_stay_closed(kind: str) -> None:
    noise = np.random.default_rng(0).standard_normal(32000).astype(np.float32)
    motion = driven(noise * np.float32(0.0 if kind == "digital silence" else 3e-4), Settings(), 2.0)
    assert motion.lip_gap.max() < 0.1


def test_the_same_seed_gives_the_same_lips() -> None:
    sound = syllables(2.0)
    for a, b in zip(lips(sound, seed=3), lips(sound, seed=3), strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.abs(lips(sound, seed=3)[0] - lips(sound, seed=4)[0]).max() > 0.01


def test_gain_of_the_recording_does_not_matter() -> None:
    loud, quiet = lips(syllables(2.0, level=0.8))[1], lips(syllables(2.0, level=0.02))[1]
    np.testing.assert_allclose(loud, quiet, atol=0.3)


@pytest.mark.parametrize("n", [0, 1, 639, 640, 641, 16001])
def test_any_length(n: int) -> None:
    shape, gap = lips(np.zeros(n, np.float32), steps=1)
    assert shape.shape == (-(-n // 640) + 1, N_SHAPE)
    assert gap.shape == (len(shape),)
    assert shape.dtype == gap.dtype == np.float32


def test_the_beginning_does_not_depend_on_what_comes_later() -> None:
    sound = np.concatenate([syllables(3.0), np.zeros(16000, np.float32), 2 * syllables(3.0)] * 3)
    short, long = (lips(part, steps=3)[1] for part in (sound[: 16000 * 16], sound))
    # The speech encoder hears eight seconds at once, from 1 s before to 1 s after every six seconds of the recording.
    np.testing.assert_allclose(short[:250], long[:250], atol=1e-3)


@pytest.mark.parametrize("fps", [Fraction(25, 2), Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_drive_covers_the_duration_at_any_rate(fps: Fraction) -> None:
    motion = driven(syllables(2.0), Settings(fps=fps, inference_steps=2), 1.7)
    assert len(motion) == round(1.7 * fps)
    assert motion.fps == fps


def test_each_gain_has_a_true_zero() -> None:
    def with_settings(**changes: float) -> dict[str, float]:
        motion = driven(syllables(3.0), Settings(inference_steps=2, **changes), 3.0)
        rest = {"shape": 0.0, "lip_gap": 0.0, "lids": 1.0, "gaze": 0.0, "pose_deg": 0.0, "shift": 0.0}
        most = {name: float(np.abs(getattr(motion, name) - value).max()) for name, value in rest.items()}
        del most["shape"]
        return most | {"mouth": float(motion.shape[:, MOUTH].max()), "brows": float(motion.shape[:, BROWS].max())}

    everything = with_settings()
    assert all(v > 0 for v in everything.values())
    no_mouth = with_settings(dynamic_scale=0.0)
    assert no_mouth["mouth"] == no_mouth["lip_gap"] == 0
    assert no_mouth["pose_deg"] == everything["pose_deg"]
    no_head = with_settings(motion_scale=0.0, blink_scale=0.0)
    assert no_head["lids"] == no_head["gaze"] == no_head["brows"] == no_head["pose_deg"] == no_head["shift"] == 0
    assert no_head["lip_gap"] == everything["lip_gap"]


def test_the_mouth_closes_within_200_ms_of_silence() -> None:
    motion = driven(syllables(3.0), Settings(), 3.0)
    last_sound = (3.0 - 0.8) * 25
    assert motion.lip_gap[int(np.ceil(last_sound + 5)) :].max() < 0.5

"""What lips show for single sounds, in both manners; and that nothing moves without a voice."""

from pathlib import Path

import numpy as np
import pytest

from sonic.engines.light.drive import drive
from sonic.engines.light.lips.articulation import MANNERS, REACH, SOUNDS, Manner, articulated, emphasis
from sonic.faces.model import face_model
from sonic.faces.topology import MOUTH_LEFT, MOUTH_RIGHT
from sonic.motion import MOUTH, N_SHAPE, Motion, join, shape_column
from sonic.settings import Settings
from sonic.types import F32, SPEECH_RATE_HZ, Sound, Speech

NATURAL, CLEAR = MANNERS["natural"], MANNERS["clear"]


def sounds(n: int = 60, **shown: float) -> F32:
    """(n, 7) posteriors: a voice throughout, and ``shown`` in frames 30 and 31."""
    out = np.zeros((n, len(SOUNDS)), np.float32)
    out[:, SOUNDS.index("voice")] = 1
    for name, posterior in shown.items():
        out[30:32, SOUNDS.index(name)] = posterior
    return out


def width(shape: F32) -> F32:
    """(T,) mm against the neutral."""
    moved = face_model().displacement(shape)
    return moved[:, MOUTH_RIGHT, 0] - moved[:, MOUTH_LEFT, 0]


def weight(shape: F32, name: str) -> float:
    return float(shape[30, shape_column(name)])


def open_mouth(n: int = 60) -> tuple[F32, F32]:
    """A mouth 8 mm open and spread."""
    shape = np.zeros((n, N_SHAPE), np.float32)
    for name in ("mouthStretchLeft", "mouthStretchRight", "mouthLowerDownLeft", "mouthLowerDownRight", "jawOpen"):
        shape[:, shape_column(name)] = 0.3
    return shape, np.full(n, 8.0, np.float32)


def said(manner: Manner, **shown: float) -> tuple[F32, F32]:
    return articulated(*open_mouth(), emphasis(sounds(**shown), manner), manner)


def test_p_b_and_m_close_and_press_the_lips_and_their_neighbours_do_not() -> None:
    shape, gap = said(NATURAL, shut=0.6)
    assert (gap[30:32] == 0).all()
    assert gap[29] == gap[32] > 2
    assert weight(shape, "mouthPressLeft") >= 0.2


def test_f_and_v_roll_the_lower_lip_under_the_teeth() -> None:
    shape, gap = said(NATURAL, teeth=0.8)
    assert 0 < gap[30] <= NATURAL.contact_mm < gap[20]
    assert weight(shape, "mouthRollLower") >= 0.3
    assert weight(shape, "mouthUpperUpLeft") > 0
    assert weight(shape, "mouthLowerDownLeft") == 0


def test_u_makes_the_mouth_narrow_and_sh_brings_the_lips_forward() -> None:
    for sound, name in (("round", "mouthPucker"), ("hush", "mouthFunnel")):
        shape, _ = said(NATURAL, **{sound: 0.9})
        assert weight(shape, name) > 0.2
        assert width(shape)[30] < width(shape)[20] - 2


def test_the_tongue_rises_for_t_and_shows_for_th() -> None:
    assert weight(said(NATURAL, tip=0.9)[0], "tongueUp") > 0.5
    assert weight(said(NATURAL, between=0.9)[0], "tongueOut") > 0.5
    assert weight(said(NATURAL)[0], "tongueUp") == weight(said(NATURAL)[0], "tongueOut") == 0


def test_clear_shows_less_certain_sounds_longer_and_opens_no_wider() -> None:
    heard = {"shut": 0.17, "teeth": 0.28, "round": 0.4}
    natural, clear = said(NATURAL, **heard), said(CLEAR, **heard)
    assert clear[1][30] == 0 < natural[1][30]
    assert clear[1][29] == 0  # held a frame longer
    assert weight(clear[0], "mouthPucker") > 1.4 * weight(natural[0], "mouthPucker")
    assert (clear[1] <= natural[1] + 1e-5).all()


def test_without_a_voice_nothing_moves() -> None:
    heard = sounds()
    heard[:, SOUNDS.index("voice")] = 0.1
    shape = np.random.default_rng(0).random((60, N_SHAPE), dtype=np.float32)
    moved, gap = articulated(shape, np.full(60, 8.0, np.float32), emphasis(heard, NATURAL), NATURAL)
    assert not moved.any() and not gap.any()


def test_weights_stay_at_or_above_zero() -> None:
    rng = np.random.default_rng(0)
    heard, shape = rng.random((60, len(SOUNDS)), dtype=np.float32), rng.random((60, N_SHAPE), dtype=np.float32)
    moved, gap = articulated(shape, 9 * rng.random(60, dtype=np.float32), emphasis(heard, NATURAL), NATURAL)
    assert moved.min() >= 0 and gap.min() >= 0


@pytest.mark.parametrize("manner", list(MANNERS))
def test_emphasis_looks_no_further_than_it_says(manner: str) -> None:
    heard = np.random.default_rng(0).random((120, len(SOUNDS)), dtype=np.float32)
    whole = emphasis(heard, MANNERS[manner])
    part = emphasis(heard[40 - REACH : 80 + REACH], MANNERS[manner])[REACH:-REACH]
    np.testing.assert_allclose(part, whole[40:80], atol=1e-6)


def driven(samples: F32, **changes: str) -> Motion:
    speech = Speech(samples, Sound(Path("a.wav"), "0" * 64))
    return join(list(drive(speech, Settings(inference_steps=2, **changes), len(samples) / SPEECH_RATE_HZ)))


def music(seconds: float) -> F32:
    """Chords that change twice a second, each over a click."""
    t = np.arange(round(seconds * SPEECH_RATE_HZ)) / SPEECH_RATE_HZ
    bar = (2 * t).astype(int) % 4
    roots = np.array([130.8, 174.6, 196.0, 220.0])[bar]
    phase = 2 * np.pi * np.cumsum(roots) / SPEECH_RATE_HZ
    chord = sum(np.sin(k * r * phase) / k for k in (1, 2, 3) for r in (1, 1.25, 1.5)) * np.exp(-4 * (t % 0.5))
    click = np.random.default_rng(0).standard_normal(len(t)) * np.exp(-60 * (t % 0.5))
    return np.asarray(0.05 * (chord + click), np.float32)


@pytest.mark.parametrize("kind", ["music", "noise"])
def test_music_and_noise_move_no_lips(kind: str) -> None:
    noise = 0.1 * np.random.default_rng(1).standard_normal(6 * SPEECH_RATE_HZ).astype(np.float32)
    noise *= np.repeat(np.tile([0.05, 1.0], 12), SPEECH_RATE_HZ // 4)  # comes and goes, as syllables do
    motion = driven(music(6.0) if kind == "music" else noise)
    assert np.percentile(motion.lip_gap, 80) < 1.5  # a breath may part them
    assert motion.shape[:, MOUTH].max() < 0.1

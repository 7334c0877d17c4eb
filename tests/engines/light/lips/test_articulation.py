"""What lips show for single sounds, in both manners; and that nothing moves without a voice."""

from pathlib import Path

import numpy as np
import pytest

from sonic.engines.light.drive import drive
from sonic.engines.light.lips.articulation import MANNERS, REACH, SOUNDS, articulated, emphasis
from sonic.engines.light.lips.former import measures
from sonic.motion import MOUTH, Motion, join
from sonic.settings import Settings
from sonic.types import F32, SPEECH_RATE_HZ, Sound, Speech

NATURAL, CLEAR = MANNERS["natural"], MANNERS["clear"]


def sounds(n: int = 60, **shown: float) -> F32:
    """(n, 4) posteriors: a voice throughout, and ``shown`` in frames 30 and 31."""
    out = np.zeros((n, len(SOUNDS)), np.float32)
    out[:, SOUNDS.index("voice")] = 1
    for name, posterior in shown.items():
        out[30:32, SOUNDS.index(name)] = posterior
    return out


def width(shape: F32) -> F32:
    """(T,) mm against the neutral."""
    return shape @ measures()[0].astype(np.float32)


def open_mouth(n: int = 60) -> tuple[F32, F32]:
    """A mouth 8 mm open and 5 mm wider than at rest."""
    wider = measures()[0]
    return np.tile(5 * wider / (wider @ wider), (n, 1)).astype(np.float32), np.full(n, 8.0, np.float32)


def test_p_b_and_m_close_the_lips_and_their_neighbours_do_not() -> None:
    _, gap = articulated(*open_mouth(), emphasis(sounds(shut=0.6), NATURAL), NATURAL)
    assert (gap[30:32] == 0).all()
    assert gap[29] == gap[32] > 3


def test_f_and_v_bring_the_lips_near_and_u_makes_them_narrow() -> None:
    _, gap = articulated(*open_mouth(), emphasis(sounds(teeth=0.8), NATURAL), NATURAL)
    assert 0 < gap[30] <= NATURAL.contact_mm < gap[20]
    shape, _ = articulated(*open_mouth(), emphasis(sounds(round=0.9), NATURAL), NATURAL)
    assert width(shape)[30] == pytest.approx(-NATURAL.narrow_mm, abs=0.1)
    assert width(shape)[20] > 3


def test_clear_shows_less_certain_sounds_longer_and_opens_no_wider() -> None:
    heard = sounds(shut=0.17, teeth=0.28, round=0.4)
    natural, clear = (articulated(*open_mouth(), emphasis(heard, m), m) for m in (NATURAL, CLEAR))
    assert clear[1][30] == 0 < natural[1][30]
    assert clear[1][29] == 0  # held a frame longer
    assert width(clear[0])[30] < width(natural[0])[30] - 1
    assert (clear[1] <= natural[1] + 1e-5).all()


def test_without_a_voice_nothing_moves() -> None:
    heard = sounds()
    heard[:, SOUNDS.index("voice")] = 0.1
    shape = np.random.default_rng(0).standard_normal((60, 32)).astype(np.float32)
    moved, gap = articulated(shape, np.full(60, 8.0, np.float32), emphasis(heard, NATURAL), NATURAL)
    assert not moved.any() and not gap.any()


@pytest.mark.parametrize("manner", list(MANNERS))
def test_emphasis_looks_no_further_than_it_says(manner: str) -> None:
    heard = np.random.default_rng(0).random((120, 4), dtype=np.float32)
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

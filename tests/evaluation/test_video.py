"""A made video beside the filmed one: the same mouth is like it, a still one is not, whatever their frame rates."""

import json

import numpy as np
import pytest
from tracked_faces import face

from sonic.errors import MediaError
from sonic.evaluation.metrics import lip_opening, measure
from sonic.evaluation.video import Evaluation, compare


def talk(fps: float, *, seconds: float = 8.0, gain: float = 1.0, late_s: float = 0.0) -> Evaluation:
    """A face that opens its mouth to a babble."""
    t = np.arange(round(seconds * fps)) / fps - late_s
    babble = 1 + np.sin(2 * np.pi * 1.7 * t) * np.sin(2 * np.pi * 0.45 * t + 1)
    points = face(len(t), gap=4 * gain * babble)
    loudness, speaking = babble + 0.1, np.abs(t - 4) > 0.4
    report = measure(points, fps=fps, loudness=loudness, speaking=speaking)
    return Evaluation(report, 0, fps, lip_opening(points.astype(np.float64)), loudness, points)


def test_the_same_speech_at_another_frame_rate_is_the_same() -> None:
    found = compare(talk(25), talk(30, seconds=7))
    assert found.mouth_correlation > 0.995
    assert found.mouth_distance < 0.002
    assert found.mouth_lag_ms == pytest.approx(0, abs=5)
    assert found.closeness["lip dynamics"] == pytest.approx(1, abs=0.05)


def test_late_and_lazy_lips_are_told() -> None:
    late, lazy = compare(talk(25, late_s=0.12), talk(25)), compare(talk(25, gain=0.5), talk(25))
    assert late.mouth_lag_ms == pytest.approx(120, abs=10)
    assert late.best_mouth_correlation > late.mouth_correlation
    assert 0.3 < lazy.closeness["lip dynamics"] < 0.6
    assert lazy.mouth_correlation == pytest.approx(1)
    assert lazy.mouth_distance > 0.005


def test_a_likeness_is_json_and_text() -> None:
    found = compare(talk(25), talk(25))
    assert json.loads(json.dumps(found.to_dict()))["closeness"]["brows"] is None  # brows that never move tell nothing
    assert "not measurable" in found.to_text()
    assert "mouth distance" in found.to_text()


def test_videos_with_nothing_in_common_are_refused() -> None:
    with pytest.raises(MediaError, match="frames in common"):
        compare(talk(25), talk(25, seconds=0.2))

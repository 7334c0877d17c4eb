"""A marked part of a recording, as it was stored."""

from pathlib import Path

import numpy as np
import pytest

from sonic.errors import OutputError, SpeechError
from sonic.media.arrays import sound_file
from sonic.media.cut import cut_sound
from sonic.media.decode import decode_sound, sound_format
from sonic.media.samples import envelope
from sonic.types import F32


def decoded(path: Path) -> F32:
    return np.concatenate(list(decode_sound(path)))


@pytest.fixture
def recording(tmp_path: Path) -> tuple[Path, F32]:
    samples = np.random.default_rng(0).uniform(-1, 1, (2, 44_100 * 3)).astype(np.float32)
    return sound_file(samples, 44_100, tmp_path), samples.T


def test_a_part_has_the_same_samples_rate_and_channels(recording: tuple[Path, F32], tmp_path: Path) -> None:
    source, samples = recording
    cut_sound(source, tmp_path / "part.wav", 0.5, 1.25)
    stored = sound_format(tmp_path / "part.wav")
    assert (stored.rate_hz, stored.channels) == (44_100, 2)
    assert np.array_equal(decoded(tmp_path / "part.wav"), samples[22_050:55_125])


def test_an_end_beyond_the_recording_is_its_end(recording: tuple[Path, F32], tmp_path: Path) -> None:
    cut_sound(recording[0], tmp_path / "part.wav", 2.0, 99.0)
    assert len(decoded(tmp_path / "part.wav")) == 44_100


@pytest.mark.parametrize(("start", "end"), [(1, 1), (2, 1), (-1, 1), (5, 6), (float("nan"), 1)])
def test_no_such_part_is_refused_and_nothing_is_left(
    recording: tuple[Path, F32], tmp_path: Path, start: float, end: float
) -> None:
    with pytest.raises(SpeechError):
        cut_sound(recording[0], tmp_path / "part.wav", start, end)
    assert sorted(tmp_path.iterdir()) == [recording[0]]


def test_a_folder_that_is_not_there_is_an_output_error(recording: tuple[Path, F32], tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        cut_sound(recording[0], tmp_path / "none" / "part.wav", 0, 1)


def test_an_envelope_has_the_peak_of_each_part() -> None:
    samples = np.zeros(1000, np.float32)
    samples[250] = -0.5
    assert envelope(samples, 4) == [0.0, 0.5, 0.0, 0.0]
    assert envelope(samples[:3], 6) == [0.0] * 6

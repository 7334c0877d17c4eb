"""The steps one by one give what generate() gives, and nothing leaves unmarked or without consent."""

import dataclasses
import uuid
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sonic
from sonic import demo
from sonic.errors import ConsentError, PhotoError, SpeechError
from sonic.evaluation.curves import describe_lag, draw, lag_of
from sonic.media.arrays import picture_file, pixels_of, sound_file
from sonic.media.photo import load_photo
from sonic.media.recording import load_speech
from sonic.motion import Motion
from sonic.pipeline import stages
from sonic.pipeline.job import Job
from sonic.pipeline.preflight import request_permit
from sonic.pipeline.prepare import prepare
from sonic.pipeline.stages import MotionTake
from sonic.provenance.audit.read import entries
from sonic.provenance.watermark import detect
from sonic.settings import Settings
from sonic.types import Observer, Progress

SMALL = Settings(min_resolution=160, duration=0.6, inference_steps=2, fps=Fraction(15))


@pytest.fixture(scope="module")
def take() -> MotionTake:
    prepared = prepare(demo.PORTRAIT, demo.SPEECH, SMALL, Observer())
    return stages.materialize(stages.drive(prepared, Observer()), Observer())


@pytest.fixture
def one_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonic.pipeline.stages.uuid.uuid4", lambda: uuid.UUID(int=1))


def pictures(frames: Iterator[sonic.Frame]) -> Any:
    with closing(frames):
        return np.stack([frame.rgb for frame in frames])


@pytest.mark.usefixtures("one_id")
def test_the_steps_give_the_frames_of_generate_as_often_as_one_likes(take: MotionTake) -> None:
    streamed = pictures(sonic.stream(demo.PORTRAIT, demo.SPEECH, consent=demo.consent(), settings=SMALL))
    for _ in range(2):
        clip = stages.stream_clip(take, permit=request_permit(demo.consent(), SMALL), job=Job(SMALL))
        assert np.array_equal(pictures(clip.frames), streamed)


def test_only_settings_that_concern_motion_make_it_anew(take: MotionTake) -> None:
    assert (
        stages.changed(take, SMALL.replace(crf=30, label_span="opening", language="en"), Observer()).motion
        is take.motion
    )
    assert stages.changed(take, SMALL.replace(audio_guidance=3), Observer()).motion is take.motion, (
        "heeded by svd alone"
    )
    later = stages.changed(take, SMALL.replace(audio_offset_ms=80), Observer())
    assert isinstance(later.motion, tuple) and later.motion is not take.motion
    assert later.settings.audio_offset_ms == 80


def test_somebody_who_watches_can_stop_the_work_by_raising(take: MotionTake, tmp_path: Path) -> None:
    class Stopped(BaseException):
        """As interruptions of other programs are."""

    def stop(report: Progress) -> None:
        if report.done >= 3:
            raise Stopped

    job = Job(SMALL, Observer(stop))
    with pytest.raises(Stopped):
        stages.save(take, tmp_path / "out.mp4", permit=request_permit(demo.consent(), SMALL), job=job)
    assert not list(tmp_path.iterdir())


def test_frames_are_seen_on_their_way_and_notices_are_kept(take: MotionTake, tmp_path: Path) -> None:
    seen: list[int] = []
    job = Job(SMALL, Observer(frame=lambda frame: seen.append(frame.index)), earlier=["said before"])
    result = stages.save(take, tmp_path / "out.mp4", permit=request_permit(demo.consent(), SMALL), job=job)
    assert seen == list(range(9)) and result.n_frames == 9
    assert result.notices[0] == "said before"


def test_frames_without_a_file_are_marked_and_logged(take: MotionTake) -> None:
    clip = stages.stream_clip(take, permit=request_permit(demo.consent(), SMALL), job=Job(SMALL))
    with closing(clip.frames):
        frames = [frame.rgb for frame in clip.frames]
    assert detect(frames)
    assert list(entries())[-1].kind == "stream"
    with pytest.raises(ConsentError):
        request_permit(None, SMALL)


def test_the_demos_consent_is_for_its_portrait_alone(tmp_path: Path) -> None:
    mirrored = tmp_path / "mirrored.png"
    Image.open(demo.PORTRAIT).convert("RGB").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(mirrored)
    with pytest.raises(ConsentError, match="no copy of it"):
        sonic.stream(mirrored, demo.SPEECH, consent=demo.consent(), settings=SMALL)


def test_a_picture_and_a_sound_of_arrays_load_as_they_were(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (70, 80, 3), np.uint8)
    first, again = picture_file(rgb, tmp_path), picture_file(rgb.copy(), tmp_path)
    assert first == again and np.array_equal(load_photo(first).rgb, rgb)
    sound = np.stack([0.5 * np.sin(np.arange(16_000) / 20), np.zeros(16_000)]).astype(np.float32)
    speech = load_speech(sound_file(sound, 16_000, tmp_path), lambda line: None)
    assert speech.duration_s == pytest.approx(1.0)
    assert np.abs(speech.samples[1000:2000]).max() > 0.2
    assert len(list(tmp_path.iterdir())) == 2


def test_arrays_of_other_shapes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="uint8"):
        picture_file(np.zeros((4, 4), np.uint8), tmp_path)
    with pytest.raises(SpeechError, match="channels"):
        sound_file(np.zeros(100, np.float32), 16_000, tmp_path)
    assert pixels_of(np.array([[[np.nan, -1.0, 2.0]]], np.float32)).tolist() == [[[0, 0, 255]]]


def test_curves_are_drawn_and_say_when_a_lag_may_be_chance(take: MotionTake) -> None:
    still = dataclasses.replace(take, motion=(Motion.still(30, Fraction(15)),))
    assert draw(take).shape[2] == 3 and draw(still).shape[2] == 3
    assert "may be chance" in describe_lag(lag_of(still))
    assert "not measurable" in describe_lag(lag_of(dataclasses.replace(take, motion=())))

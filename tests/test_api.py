"""generate() and stream() from end to end on small real media: what comes out, and what must not."""

import json
import uuid
import wave
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hostile import encode_tracks, syllables, without_packets

import sonic
from sonic.media.decode import decode_sound
from sonic.motion import Motion
from sonic.provenance.watermark import detect_video
from sonic.types import Progress

ASSETS = Path(__file__).parents[1] / "src" / "sonic" / "assets" / "demo"
PORTRAIT, SPEECH = ASSETS / "portrait.png", ASSETS / "speech.flac"
CONSENT = sonic.Consent(subject="nobody, a drawing", basis="synthetic", given_on=date(2026, 1, 1))
SMALL = sonic.Settings(min_resolution=192, duration=1.2, inference_steps=4)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[sonic.Result, list[Progress]]:
    reports: list[Progress] = []
    out = tmp_path_factory.mktemp("made") / "out.mp4"
    result = sonic.generate(PORTRAIT, SPEECH, out, consent=CONSENT, settings=SMALL, on_progress=reports.append)
    return result, reports


def test_picture_and_sound_have_the_asked_length(made: tuple[sonic.Result, list[Progress]]) -> None:
    with av.open(str(made[0].video)) as video:
        picture, sound = video.streams.video[0], video.streams.audio[0]
        assert picture.frames == made[0].n_frames == 30
        assert float(picture.duration * picture.time_base) == pytest.approx(1.2, abs=0.001)
        assert float(sound.duration * sound.time_base) == pytest.approx(1.2, abs=0.04)
        assert (picture.codec_context.pix_fmt, picture.codec_context.name) == ("yuv420p", "h264")


def test_the_video_says_what_it_is_and_the_record_who_allowed_it(made: tuple[sonic.Result, list[Progress]]) -> None:
    with av.open(str(made[0].video)) as video:
        assert json.loads(video.metadata["AIGC"])["Label"] == "1"
    record = made[0].record.read_text(encoding="utf-8")
    assert "nobody, a drawing" in record and "synthetic" in record


def test_the_watermark_names_the_record(made: tuple[sonic.Result, list[Progress]]) -> None:
    found = detect_video(made[0].video)
    assert found is not None
    record = json.loads(made[0].record.read_text(encoding="utf-8"))
    assert record["produce_id"].startswith(f"{found.content_id:012x}")
    assert record["watermark"] == record["produce_id"][:12]


def test_progress_counts_every_frame(made: tuple[sonic.Result, list[Progress]]) -> None:
    video = [p for p in made[1] if p.stage == "video"]
    assert video[-1] == Progress("video", 30, 30)
    assert [p.done for p in video] == sorted(p.done for p in video)


def test_the_notice_about_trimming_names_both_lengths(made: tuple[sonic.Result, list[Progress]]) -> None:
    (notice,) = [line for line in made[0].notices if "duration" in line]
    assert "1.2 s" in notice


def test_the_record_holds_what_of_a_recording_was_chosen_and_what_is_missing(tmp_path: Path) -> None:
    quiet, voice = np.zeros((96_000, 2), np.float32), syllables(2.0, 48_000)
    source = encode_tracks(tmp_path / "screen.mkv", [("Desktop", quiet), ("Mic", voice)])
    without_packets(source, lambda s: 0.4 <= s < 0.7, container="matroska", track=1)
    settings = SMALL.replace(duration=None, inference_steps=1, min_resolution=128, fps=15, audio_track=2)
    result = sonic.generate(PORTRAIT, source, tmp_path / "out.mp4", consent=CONSENT, settings=settings)
    record = json.loads(result.record.read_text(encoding="utf-8"))
    assert record["settings"]["audio_track"] == 2
    assert any("0.3 of 2.0 s are missing" in line for line in record["notices"])
    heard = np.concatenate(list(decode_sound(result.video, rate_hz=16_000, channels=1)))[:, 0]
    assert len(heard) == pytest.approx(2.0 * 16_000, abs=700)
    assert np.abs(heard[8_000:10_000]).max() < 0.01, "what is missing is silent"
    assert np.abs(heard[12_000:]).max() > 0.2, "and the rest is the microphone's"


def frames(**changes: object) -> np.ndarray:
    with closing(sonic.stream(PORTRAIT, SPEECH, consent=CONSENT, settings=SMALL.replace(**changes))) as stream:
        return np.stack([frame.rgb for frame in stream])


@pytest.fixture
def one_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """All videos get the same id, so that their watermarks are alike."""
    monkeypatch.setattr("sonic.pipeline.stages.uuid.uuid4", lambda: uuid.UUID(int=1))


@pytest.mark.usefixtures("one_id")
def test_same_seed_same_video_but_for_its_id_and_another_seed_another() -> None:
    first, again, other = frames(seed=0), frames(seed=0), frames(seed=1)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_first_frame_waits_for_little_motion_and_closing_ends_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def endless(*arguments: object) -> Iterator[Motion]:
        try:
            while True:
                made.append("piece")
                yield Motion.still(5, SMALL.fps)
        finally:
            made.append("closed")

    monkeypatch.setattr("sonic.engines.light.engine.drive", endless)
    stream = sonic.stream(PORTRAIT, SPEECH, consent=CONSENT, settings=SMALL)
    assert not made
    for _ in range(6):
        next(stream)
    stream.close()  # type: ignore[attr-defined]  # LabelledFrames
    assert made == ["piece", "piece", "closed"]


def test_with_every_gain_at_zero_nothing_moves() -> None:
    still = frames(dynamic_scale=0, motion_scale=0, blink_scale=0)
    assert np.array_equal(still.min(0), still.max(0))


def test_mouth_and_head_are_independent() -> None:
    only_mouth = frames(motion_scale=0, blink_scale=0).astype(int)
    change = np.ptp(only_mouth, axis=0).max(-1)
    rows = np.flatnonzero(change.max(1) > 12)
    assert rows.min() > 0.35 * len(change), "with the head still, only the lower face may change"


@pytest.mark.usefixtures("one_id")
def test_every_frame_is_labelled_and_stays_inside_its_corner() -> None:
    labelled = frames(dynamic_scale=0, motion_scale=0, blink_scale=0, duration=0.2, label_position="top-left")
    other = frames(dynamic_scale=0, motion_scale=0, blink_scale=0, duration=0.2, label_position="bottom-right")
    differs = (labelled != other).any((0, 3))
    height, width = differs.shape
    assert differs[: height // 3, : width // 2].any() and differs[-height // 3 :, -width // 2 :].any()
    assert not differs[height // 3 : -height // 3].any()


@pytest.mark.parametrize("fps", [Fraction(25, 2), Fraction(30000, 1001), Fraction(60)])
def test_fps_changes_how_often_we_look_not_how_long_it_lasts(fps: Fraction) -> None:
    n = len(frames(fps=fps, duration=0.6))
    assert abs(n / fps - Fraction(6, 10)) <= 1 / fps


def test_lengths_whose_frames_floating_point_miscounts_are_made_whole(tmp_path: Path) -> None:
    assert len(frames(duration=2.2)) == 55
    recording = tmp_path / "short.wav"
    with av.open(str(SPEECH)) as source:
        samples = next(source.decode(audio=0)).to_ndarray().ravel()
        rate_hz = source.streams.audio[0].rate
    n = rate_hz * 7 // 25
    with wave.open(str(recording), "wb") as file:
        file.setparams((1, 2, rate_hz, n, "NONE", ""))
        file.writeframes(np.resize(samples, n).astype(np.int16).tobytes())
    result = sonic.generate(
        PORTRAIT, recording, tmp_path / "out.mp4", consent=CONSENT, settings=SMALL.replace(duration=None)
    )
    with av.open(str(result.video)) as video:
        assert video.streams.video[0].frames == result.n_frames == 7


def test_a_duration_beyond_the_recording_names_both() -> None:
    with pytest.raises(sonic.SettingError, match=r"60 s but the recording has \d+\.\d\d s"):
        sonic.stream(PORTRAIT, SPEECH, consent=CONSENT, settings=SMALL.replace(duration=60))


def test_an_input_is_never_overwritten(tmp_path: Path) -> None:
    portrait = tmp_path / "same.mp4"
    portrait.write_bytes(PORTRAIT.read_bytes())
    with pytest.raises(sonic.OutputError, match="input"):
        sonic.generate(portrait, SPEECH, portrait, consent=CONSENT, settings=SMALL)
    assert portrait.read_bytes() == PORTRAIT.read_bytes()


def test_consent_for_another_photo_is_refused(tmp_path: Path) -> None:
    elsewhere = sonic.Consent(subject="Ada", basis="self", given_on=date(2026, 1, 1), photo_sha256="0" * 64)
    with pytest.raises(sonic.ConsentError):
        sonic.generate(PORTRAIT, SPEECH, tmp_path / "out.mp4", consent=elsewhere, settings=SMALL)
    assert not list(tmp_path.iterdir())


def test_no_video_without_grounds() -> None:
    with pytest.raises(sonic.ConsentError, match="every video needs one"):
        sonic.stream(PORTRAIT, SPEECH, consent=None, settings=SMALL)  # type: ignore[arg-type]

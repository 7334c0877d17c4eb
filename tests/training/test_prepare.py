"""Preparing clips: the layouts of the corpora, what is rejected and why, resuming, the report. Media made by code."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import matplotlib.cbook
import numpy as np
import pytest
from PIL import Image

from sonic.errors import MediaError
from sonic.evaluation.metrics import clip_offset
from sonic.evaluation.metrics.offset import agreement, expected_mouth
from sonic.training import clean, clips
from sonic.training.offsets import APART, estimate, read_removed
from sonic.training.prepare import align, prepare, write_report
from sonic.training.shards import ShardWriter
from sonic.training.track import decode_sound, track_clip
from sonic.training.tracks import COLUMNS, FIELDS, Tracks, rejected, track_all
from sonic.training.workspace import open_workspace
from sonic.types import F32, U8, Observer

DEMO = Path(clean.__file__).parents[1] / "assets" / "demo" / "speech.flac"
SECONDS = 1.4


def face(width: int = 200) -> U8:
    """The one photograph that every installation has."""
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file, Image.open(file) as picture:
        small = picture.convert("RGB").resize((width, width * picture.height // picture.width // 2 * 2))
        return np.asarray(small, np.uint8)


def speech(seconds: float = SECONDS) -> F32:
    return decode_sound(DEMO)[0][: int(16000 * seconds)]


def panned(rgb: U8, n: int) -> list[U8]:
    """The picture as a camera sees it that sways by a few pixels."""
    return [np.roll(rgb, round(3 * np.sin(i / 5)), axis=1) for i in range(n)]


def write_clip(path: Path, frames: list[U8], sound: F32 | None, fps: Fraction = Fraction(25)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "18"})
        video.height, video.width, video.pix_fmt = *frames[0].shape[:2], "yuv420p"
        audio = container.add_stream("aac", rate=16000, layout="mono") if sound is not None else None
        for rgb in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(video.encode(None))
        if audio is not None and sound is not None:
            block = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = 16000, 0, Fraction(1, 16000)
            container.mux(audio.encode(block))
            container.mux(audio.encode(None))


def good_clip(path: Path, fps: Fraction = Fraction(25)) -> None:
    write_clip(path, panned(face(), int(SECONDS * fps)), speech(), fps)


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize(
    ("stem", "sentence"),
    [
        ("s1_bbaf2n", "bin blue at f two now"),
        ("swwzzs", "set white with z zero soon"),
        ("s30_video", ""),
        ("lgib8a", "lay green in b eight again"),
        ("lgiw8a", ""),  # the grammar has no letter w
    ],
)
def test_a_grid_name_is_its_sentence(stem: str, sentence: str) -> None:
    assert clips.grid_sentence(stem) == sentence


def test_layout_of_grid(tmp_path: Path) -> None:
    touch(tmp_path, "grid/s2/bbaf2n.mpg", "grid/s2/._bbaf2n.mpg", "grid/s3_lgib8a.mpg")
    found = clips.find_clips(tmp_path / "grid")
    assert [(s.speaker, s.text) for s in found] == [
        ("s2", "bin blue at f two now"),
        ("s3", "lay green in b eight again"),
    ]


def test_layout_of_lrs3(tmp_path: Path) -> None:
    touch(tmp_path, "trainval/0af00/50001.mp4", "pretrain/0af00/50001.mp4", "test/0bx11/50001.mp4")
    (tmp_path / "trainval/0af00/50001.txt").write_text("Text:  HELLO THERE\nConf: 3\n\nWORD START END\n")
    found = clips.find_clips(tmp_path)
    assert [(s.speaker, s.text, s.split) for s in found] == [
        ("0af00", "", "train"),
        ("0bx11", "", "test"),
        ("0af00", "hello there", "train"),
    ]
    assert len({s.key for s in found}) == 3


def test_layout_of_voxceleb2(tmp_path: Path) -> None:
    touch(tmp_path, "dev/mp4/id1/v7/00001.mp4", "dev/aac/id1/v7/00001.m4a", "dev/mp4/id1/v8/00001.mp4")
    first, second = clips.find_clips(tmp_path)
    assert first.speaker == second.speaker == "id1"
    assert first.key != second.key
    assert first.sound == tmp_path.resolve() / "dev/aac/id1/v7/00001.m4a"
    assert second.sound == second.path


def test_layout_without_partitions(tmp_path: Path) -> None:
    touch(tmp_path, "id1/video7/00001.mp4", "id1/video8/00001.mp4", "id2/video1/00001.MP4")
    found = clips.find_clips(tmp_path)
    assert [s.speaker for s in found] == ["id1", "id1", "id2"]
    assert [s.key for s in found] == ["id1__video7_00001", "id1__video8_00001", "id2__video1_00001"]


def test_a_table_names_the_speakers_of_a_flat_folder(tmp_path: Path) -> None:
    touch(tmp_path, "flat/a.mp4", "flat/b.mkv")
    (tmp_path / "flat/clips.csv").write_text("file,speaker\na.mp4,anna\n")
    assert [(s.speaker, s.key) for s in clips.find_clips(tmp_path / "flat")] == [
        ("anna", "anna__flat_a"),
        ("b", "b__flat_b"),
    ]


@pytest.mark.parametrize(("name", "words"), [("nowhere", "is no folder"), (".", "holds no clips")])
def test_a_folder_without_clips_is_refused(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(MediaError, match=words):
        clips.find_clips(tmp_path / name)


def test_a_clip_of_another_rate_is_tracked_at_25_fps(tmp_path: Path) -> None:
    good_clip(tmp_path / "a.mp4", Fraction(30000, 1001))
    track = track_clip(tmp_path / "a.mp4")
    assert track.fps == pytest.approx(29.97, abs=0.01)
    assert abs(len(track.points) - SECONDS * 25) <= 2
    assert len(track.samples) == 640 * len(track.points)
    want = speech()[: len(track.samples)]
    assert np.corrcoef(track.samples[: len(want)], want)[0, 1] > 0.99  # AAC delays its sound by 64 ms


def test_sound_beside_the_clip_is_used(tmp_path: Path) -> None:
    write_clip(tmp_path / "mp4/anna/v/1.mp4", panned(face(), 35), None)
    write_clip(tmp_path / "beside.mp4", panned(face(), 35), speech())
    (tmp_path / "aac/anna/v").mkdir(parents=True)
    (tmp_path / "beside.mp4").rename(tmp_path / "aac/anna/v/1.m4a")
    (source,) = clips.find_clips(tmp_path)
    assert track_clip(source.path, source.sound).samples.std() > 0.01


def tone(n: int = int(16000 * SECONDS)) -> F32:
    return np.sin(np.arange(n) / 10, dtype=np.float32) * np.float32(0.3)


def swelling_noise(n: int = int(16000 * SECONDS)) -> F32:
    noise = np.random.default_rng(0).standard_normal(n) * np.abs(np.sin(np.arange(n) / 3000)) * 0.1
    return noise.astype(np.float32)


def cut() -> list[U8]:
    """To another picture with the face at the same place: inverted hair, hat and background."""
    rgb, other = face(), face().copy()
    other[:60] = 255 - other[:60]
    other[-90:] = 255 - other[-90:]
    return panned(rgb, 20)[:15] + panned(other, 40)[20:]


UNFIT: dict[str, tuple[Callable[[], list[U8]], Callable[[], F32 | None], str]] = {
    "mute": (lambda: panned(face(), 35), lambda: None, "no sound"),
    "short": (lambda: panned(face(), 10), lambda: speech(0.4), "short"),
    "silent": (lambda: panned(face(), 35), lambda: tone() * np.float32(1e-4), "no speech"),
    "hum": (lambda: panned(face(), 35), tone, "no speech"),
    "hiss": (lambda: panned(face(), 35), swelling_noise, "no speech"),
    "wall": (lambda: panned(np.full((200, 200, 3), 90, np.uint8), 35), speech, "no face"),
    "far": (lambda: [np.pad(f, ((0, 150), (0, 150), (0, 0))) for f in panned(face(70), 35)], speech, "small face"),
    "two": (lambda: panned(np.concatenate([face(), face()], axis=1), 35), speech, "several faces"),
    "cut": (cut, speech, "cut"),
    "jump": (lambda: panned(face(), 15) + panned(np.roll(face(), 40, axis=1), 20), speech, "cut"),
}


@pytest.mark.parametrize("name", list(UNFIT))
def test_an_unfit_clip_is_rejected_with_its_reason(name: str, tmp_path: Path) -> None:
    frames, sound, reason = UNFIT[name]
    write_clip(tmp_path / "a.mp4", frames(), sound())
    with pytest.raises(clean.RejectedError) as fault:
        track_clip(tmp_path / "a.mp4")
    assert fault.value.reason == reason


def test_slow_pictures_are_rejected() -> None:
    with pytest.raises(clean.RejectedError, match="10 pictures a second"):
        clean.check_times(np.arange(30) / 10)


@cache
def spoken() -> tuple[F32, np.ndarray]:
    """The bundled recording at 16 kHz, and (T, 478, 3) px of a face that says it as the shipped networks would."""
    samples = decode_sound(DEMO)[0]
    mouth, n = expected_mouth(samples, len(samples) // 640), len(samples) // 640
    points = np.zeros((n, 478, 3), np.float32)
    points[:, [263, 362], 0] = 100
    points[:, 14, 1] = 40 * mouth[:, 0]
    points[:, 291, 0] = 80 + 4 * mouth[:, 1]
    points[:, 152, 1] = 200 + 4 * mouth[:, 2]
    return samples, points


@pytest.mark.parametrize("late", [-5, -2, 0, 3, 6])
def test_a_clips_own_offset_is_found(late: int) -> None:
    samples, points = spoken()
    found = clip_offset(samples, np.roll(points, late, axis=0))
    assert found.clear
    assert found.ms == pytest.approx(40 * late, abs=20)
    assert found.there > found.here or late == 0


def test_lips_that_say_something_else_have_no_offset() -> None:
    samples, points = spoken()
    assert not clip_offset(samples, points[::-1]).clear
    assert not clip_offset(samples, np.zeros((3, 478, 3), np.float32)).clear


def rows(lates: list[int], *, other: int = 0) -> list[dict[str, str]]:
    """Index rows of three-second clips of one recording, and of some that say something else."""
    samples, points = spoken()
    made = []
    for i, late in enumerate([*lates, *([0] * other)]):
        part = points[20:95][::-1] if i >= len(lates) else np.roll(points, late, axis=0)[20:95]
        curve = " ".join(f"{v:.2f}" for v in agreement(samples[20 * 640 : 95 * 640], part))
        made.append(
            {"key": f"k{i}", "file": f"c/anna/v/{i}.mp4", "speaker": "anna", "seconds": "3", "lag_curve": curve}
        )
    return made


def test_offsets_are_removed_clip_by_clip_and_disagreement_is_told() -> None:
    found = estimate(rows([4, 4, 4, 4], other=1))
    assert [round(offset.removed_ms / 40) for offset in found[:4]] == [4] * 4
    assert not found[4].clear
    assert found[4].removed_ms == 0
    assert [offset.removed_ms for offset in estimate(rows([0, 0, 0]))] == [0, 0, 0]


def test_an_older_store_is_named() -> None:
    with pytest.raises(MediaError, match="tracked by an older version; delete"):
        estimate([{**rows([0])[0], "lag_curve": "0 " * 21}])


def test_the_sound_is_read_where_the_lips_are(tmp_path: Path) -> None:
    samples, points = spoken()
    values = {"split": "train", "text": "", "fps": 25, "unit_px": 0.02}
    with ShardWriter(tmp_path, COLUMNS, FIELDS) as store:
        for row in rows([4, 4, -3]):
            arrays = {"points": np.round(points[20:95] / 0.02).astype(np.int16)}
            store.append(row | values, arrays | {"sound": (samples[20 * 640 : 95 * 640] * 32767).astype(np.int16)})
    before, notices = [Tracks(tmp_path).samples(i) for i in range(3)], []
    align(tmp_path, Observer(notice=notices.append))
    assert len(notices) == 1
    tracks = Tracks(tmp_path)
    assert all(tracks.samples(i).shape == before[i].shape for i in range(3))
    late = round(float(read_removed(tmp_path)["k0"]) * 16)
    np.testing.assert_allclose(tracks.samples(0)[late:], before[0][:-late], atol=1e-6)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    for name in ("anna/v1/1.mp4", "anna/v1/2.mp4", "bert/v1/1.mp4"):
        good_clip(root / name)
    (root / "anna/v1/1.txt").write_text("Text:  HELLO, THERE\n")
    write_clip(root / "bert/v1/2.mp4", panned(face(), 35), None)
    (root / "bert/v1/3.mp4").write_bytes(b"no video")
    (root / "bert/v1/1.mkv").write_bytes((root / "bert/v1/1.mp4").read_bytes())
    return root


def test_clips_become_shards_and_a_report(corpus: Path, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    observer = Observer(progress=lambda report: heard.append((report.done, report.total)))
    track_all(clips.find_clips(corpus), tmp_path / "tracks", workers=2, observer=observer)
    assert heard == [(i + 1, 5) for i in range(5)]
    tracks = Tracks(tmp_path / "tracks")
    assert [row["key"] for row in tracks.rows] == ["anna__v1_1", "anna__v1_2", "bert__v1_1"]
    assert tracks.rows[0]["text"] == "hello, there"
    alone = track_clip(corpus / "anna/v1/1.mp4")
    np.testing.assert_allclose(tracks.points(0), alone.points, atol=0.01)
    np.testing.assert_allclose(tracks.samples(0), alone.samples, atol=1e-4)

    summary = write_report(tmp_path / "tracks", tmp_path / "report.csv")
    assert (summary.used, summary.speakers) == (0, 0)  # these lips do not say what is heard
    assert summary.reasons == {APART: 3, "no sound": 1, "cannot be decoded": 1, "same name": 1}
    with (tmp_path / "report.csv").open() as file:
        verdicts = {row["file"].partition("/")[2]: (row["verdict"], row["reason"]) for row in csv.DictReader(file)}
    assert verdicts["anna/v1/1.mp4"] == ("rejected", APART)
    assert verdicts["bert/v1/2.mp4"] == ("rejected", "no sound")
    assert len(verdicts) == 6

    notices: list[str] = []
    track_all(clips.find_clips(corpus), tmp_path / "tracks", workers=2, observer=Observer(notice=notices.append))
    assert notices == ["5 of 5 clips were tracked before"]
    assert len(rejected(tmp_path / "tracks")) == 3
    assert len(Tracks(tmp_path / "tracks")) == 3


def test_nothing_usable_is_an_error_and_the_report_says_why(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/broken.mp4").write_bytes(b"no video")
    workspace = open_workspace(tmp_path / "work")
    with pytest.raises(MediaError, match=r"none of 1 clips can be used; the reasons are in .*report\.csv"):
        prepare([tmp_path / "in"], workspace, speech=None, workers=1, observer=Observer())
    assert "cannot be decoded" in workspace.report.read_text()


def test_a_missing_table_of_speech_is_reported_before_any_clip_is_tracked(corpus: Path, tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "work")
    with pytest.raises(MediaError, match=r"utterances\.tsv is missing"):
        prepare([corpus], workspace, speech=tmp_path, workers=1, observer=Observer())
    assert not workspace.tracks.exists()


@pytest.mark.skipif(os.name == "nt", reason="no signals to send on Windows")
def test_stopping_keeps_finished_clips_and_the_next_run_goes_on(corpus: Path, tmp_path: Path) -> None:
    for i in range(8):
        (tmp_path / f"in/anna/v/{i:02d}.mp4").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"in/anna/v/{i:02d}.mp4").write_bytes((corpus / "anna/v1/1.mp4").read_bytes())
    work = tmp_path / "work"
    command = [str(Path(sys.executable).with_name("sonic")), *("train", "prepare", str(tmp_path / "in"), "--json")]
    run = subprocess.Popen([*command, "--work", str(work), "--workers", "1"], stdout=subprocess.PIPE, text=True)
    assert run.stdout
    for line in run.stdout:
        if json.loads(line).get("done", 0) >= 2:
            break
    run.send_signal(signal.SIGINT)
    began = time.monotonic()
    last = run.communicate(timeout=20)[0].splitlines()[-1]
    assert run.returncode == 130
    assert time.monotonic() - began < 10
    assert "what is finished is kept" in json.loads(last)["message"]
    kept = len(Tracks(work / "tracks"))
    assert 2 <= kept < 8
    with (work / "report.csv").open() as file:
        assert len(list(csv.DictReader(file))) == kept

    notices: list[str] = []
    track_all(clips.find_clips(tmp_path / "in"), work / "tracks", workers=2, observer=Observer(notice=notices.append))
    assert notices == [f"{kept} of 8 clips were tracked before"]
    assert [row["key"] for row in Tracks(work / "tracks").rows] == [f"anna__v_{i:02d}" for i in range(8)]

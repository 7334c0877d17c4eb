"""The video is complete or absent, exactly as long as its sound, in sync, in true colour, and says what it is."""

import errno
import hashlib
import json
import os
import stat
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from small_videos import Job, save_sound, tone

import sonic
import sonic.pipeline.write
from sonic.errors import OutputError, SonicError
from sonic.media import encode
from sonic.pipeline.write import check_output, record_path
from sonic.provenance.c2pa.signing import Signed, sign
from sonic.provenance.label import MIN_INK, label_pixels
from sonic.provenance.signer import identity
from sonic.types import F64, U8, Frame, Progress

FPS = [Fraction(25, 2), Fraction(24_000, 1001), Fraction(25), Fraction(30_000, 1001), Fraction(60)]


def pictures(path: Path) -> list[tuple[float, U8]]:
    with av.open(str(path)) as container:
        return [(float(frame.time or 0), frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def sound(path: Path) -> tuple[float, F64, int]:
    """(time of the first sample in s, samples (N, C), rate in Hz)"""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
        rate = container.streams.audio[0].rate
    return float(frames[0].time or 0), np.concatenate([frame.to_ndarray().T for frame in frames]), rate


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "speech.wav")


@pytest.mark.parametrize("fps", FPS, ids=str)
@pytest.mark.parametrize("duration_s", [0.01, 0.04, 0.613, 2.0])
def test_picture_and_sound_are_as_long_as_the_clip(tmp_path: Path, fps: Fraction, duration_s: float) -> None:
    out = Job(tmp_path, duration_s=duration_s, fps=fps).write(tmp_path / "out.mp4")
    with av.open(str(out)) as container:
        picture, heard = container.streams.video[0], container.streams.audio[0]
        lengths = [float(stream.duration * stream.time_base) for stream in (picture, heard)]  # type: ignore[operator]
        assert picture.average_rate == fps
        assert picture.frames == max(1, round(duration_s * fps))
    assert abs(lengths[0] - lengths[1]) <= 1 / fps
    assert lengths[1] == pytest.approx(duration_s, abs=0.001)
    assert len(pictures(out)) == max(1, round(duration_s * fps))


def test_a_shorter_duration_trims_the_sound(tmp_path: Path) -> None:
    speech = save_sound(tmp_path / "speech.wav", tone(3.0, 44_100), 44_100)
    out = Job(tmp_path, duration_s=1.0, speech=speech).write(tmp_path / "out.mp4")
    with av.open(str(out)) as container:
        assert container.streams.audio[0].duration == 44_100
    assert len(pictures(out)) == 25


@pytest.mark.parametrize(
    ("rate_hz", "channels", "written_hz", "written_channels"),
    [
        (4_000, 1, 8_000, 1),
        (8_000, 1, 8_000, 1),
        (16_000, 2, 16_000, 2),
        (37_800, 1, 44_100, 1),
        (44_100, 2, 44_100, 2),
        (48_000, 6, 48_000, 2),
        (16_000, 11, 16_000, 2),
        (44_100, 25, 44_100, 2),
        (96_000, 1, 48_000, 1),
    ],
)
def test_the_sound_keeps_its_rate_and_channels(
    tmp_path: Path, rate_hz: int, channels: int, written_hz: int, written_channels: int
) -> None:
    samples = np.repeat(tone(1.0, rate_hz)[:, None], channels, axis=1)
    speech = save_sound(tmp_path / "speech.wav", samples, rate_hz)
    _, heard, rate = sound(Job(tmp_path, duration_s=1.0, speech=speech).write(tmp_path / "out.mp4"))
    assert (rate, heard.shape[1]) == (written_hz, written_channels)
    spectrum = np.abs(np.fft.rfft(heard[: rate // 2, 0]))
    assert spectrum.argmax() * 2 == pytest.approx(300, abs=4)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EINVAL, "cannot be encoded .*fault of Sonic, please report it"),
        (errno.EACCES, "choose another folder"),
        (errno.ENOSPC, "free some space"),
    ],
)
def test_a_cause_is_named_only_where_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def fail(*rest: object) -> None:
        raise av.error.FFmpegError(number, os.strerror(number))

    monkeypatch.setattr(encode, "_video_stream", fail)
    with pytest.raises(OutputError, match=words):
        Job(tmp_path, duration_s=0.2).write(tmp_path / "out.mp4")
    assert not left_behind(tmp_path)


@pytest.mark.parametrize("fps", [Fraction(25, 2), Fraction(25), Fraction(60)], ids=str)
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
def test_flash_and_click_stay_together(tmp_path: Path, fps: Fraction, rate_hz: int) -> None:
    """An encoder delays sound by 1024 samples, 128 ms at 8 kHz; the file has to make up for it."""
    at = int(fps)  # frame
    samples = np.zeros(2 * rate_hz)
    click = round(at / fps * rate_hz)
    samples[click : click + 8] = 0.9

    def flash(index: int, rgb: U8) -> None:
        rgb[:] = 230 if index == at else 20

    speech = save_sound(tmp_path / "speech.wav", samples, rate_hz)
    out = Job(tmp_path, duration_s=2.0, fps=fps, speech=speech, draw=flash).write(tmp_path / "out.mp4")
    seen_s = max(pictures(out), key=lambda item: float(item[1][64:].mean()))[0]
    start_s, heard, rate = sound(out)
    heard_s = start_s + (int(np.abs(heard[:, 0]).argmax()) - 4) / rate
    assert seen_s == pytest.approx(float(at / fps), abs=0.001)
    assert heard_s == pytest.approx(float(at / fps), abs=0.001)


@pytest.mark.parametrize("size_px", [(128, 128), (360, 640), (512, 512)])
def test_the_label_is_legible_on_the_first_and_the_last_frame(tmp_path: Path, size_px: tuple[int, int]) -> None:
    out = Job(tmp_path, size_px=size_px).write(tmp_path / "out.mp4")
    for _, rgb in (pictures(out)[0], pictures(out)[-1]):
        h, w = label_pixels(size_px).shape[:2]
        plate = rgb[4 : 4 + h, 4 : 4 + w].mean(axis=2)
        bright = (plate > 150).any(axis=1)
        first = int(bright.argmax())
        first_line = int((~bright[first:]).argmax())
        assert first_line >= MIN_INK * min(size_px)
        assert plate.max() > 220
        assert np.median(plate) < 90


def test_the_aigc_metadata_reads_back_and_is_the_only_one(tmp_path: Path) -> None:
    job = Job(tmp_path)
    out = job.write(tmp_path / "out.mp4")
    with av.open(str(out)) as container:
        assert container.metadata["AIGC"] == job.record.aigc()
        assert container.metadata["title"] == "out"
        assert "AI-generated" in container.metadata["comment"]
        assert [name for name in container.metadata if "aigc" in name.lower()] == ["AIGC"]
    assert out.read_bytes().count(b'"ProduceID"') == 1


def test_browsers_can_play_it(tmp_path: Path) -> None:
    """Index before the data, H.264 High 4:2:0, tagged BT.709, even with crf 0."""
    out = Job(tmp_path, crf=0, encoder_preset="ultrafast").write(tmp_path / "out.mp4")
    data = out.read_bytes()
    boxes = []
    position = 0
    while position < len(data):
        size, name = struct.unpack(">I4s", data[position : position + 8])
        boxes.append(name)
        position += size
    assert boxes.index(b"moov") < boxes.index(b"mdat")
    assert data[data.index(b"avcC") + 5] <= 100  # Baseline 66, Main 77, High 100; lossless would be 244
    colr = data.index(b"colrnclx")
    assert struct.unpack(">HHHB", data[colr + 8 : colr + 15]) == (1, 1, 1, 0)
    with av.open(str(out)) as container:
        picture, heard = container.streams.video[0].codec_context, container.streams.audio[0].codec_context
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert (picture.name, picture.pix_fmt, heard.name, heard.profile) == ("h264", "yuv420p", "aac", "LC")
        assert (picture.colorspace, picture.color_range, picture.color_primaries, picture.color_trc) == (1, 1, 1, 1)


def test_colours_come_back_as_they_were(tmp_path: Path) -> None:
    """Decoded by the definition of BT.709: no matrix of standard-definition video slipped in, no tint."""
    colours = np.array([[224, 172, 140], [180, 60, 40], [0, 200, 220], [200, 0, 200], [90, 130, 60], [255, 255, 255]])

    def stripes(index: int, rgb: U8) -> None:
        for i, colour in enumerate(colours):
            rgb[64:, 32 * i : 32 * i + 32] = colour

    out = Job(tmp_path, size_px=(192, 128), draw=stripes, crf=8).write(tmp_path / "out.mp4")
    with av.open(str(out)) as container:
        yuv = next(container.decode(video=0)).to_ndarray().astype(float)
    y = (yuv[:128] - 16) / 219
    cb = (yuv[128:160].reshape(64, 96) - 128).repeat(2, 0).repeat(2, 1) / 224
    cr = (yuv[160:].reshape(64, 96) - 128).repeat(2, 0).repeat(2, 1) / 224
    rgb = 255 * np.stack([y + 1.5748 * cr, y - 0.1873 * cb - 0.4681 * cr, y + 1.8556 * cb], axis=-1)
    for i, colour in enumerate(colours):
        np.testing.assert_allclose(rgb[80:120, 32 * i + 8 : 32 * i + 24].mean((0, 1)), colour, atol=2)


def test_the_record_beside_it_has_the_hash_of_the_very_file(tmp_path: Path) -> None:
    out = Job(tmp_path).write(tmp_path / "out.mp4")
    values = json.loads(record_path(out).read_text(encoding="utf-8"))
    assert values["video"]["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert values["audio"]["sha256"] == hashlib.sha256((tmp_path / "speech.wav").read_bytes()).hexdigest()
    assert values["video"]["n_frames"] == 15
    assert left_behind(tmp_path) == ["out.json", "out.mp4"]


@pytest.mark.parametrize(
    "name",
    [
        "a b.mp4",
        'it\'s "q" $(x);&.mp4',
        "-y.mp4",
        "http:x.mp4",
        "视频é.MP4",
        "%03d.mp4",
        "new\nline.mp4",
        "x" * 250 + ".mp4",
    ],
)
def test_any_file_name_works(tmp_path: Path, name: str) -> None:
    out = Job(tmp_path, duration_s=0.1).write(tmp_path / name)
    assert len(pictures(out)) == 2
    assert json.loads(record_path(out).read_text(encoding="utf-8"))["video"]["name"] == name


def test_relative_names_lie_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Job(tmp_path, duration_s=0.1).write(Path("-out.mp4"))
    assert left_behind(tmp_path) == ["-out.json", "-out.mp4"]


def test_it_reports_every_frame(tmp_path: Path) -> None:
    seen: list[Progress] = []
    job = Job(tmp_path)
    job.write(tmp_path / "out.mp4", seen.append)
    assert [(p.stage, p.done, p.total) for p in seen] == [("video", n, 15) for n in range(16)]


class Boom(BaseException):
    """Stands for Ctrl-C and everything else."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, Boom, MemoryError])
def test_an_error_while_rendering_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def draw(index: int, rgb: U8) -> None:
        if index == 30:
            raise error

    job = Job(tmp_path, duration_s=2.0, draw=draw)
    with pytest.raises(error):
        job.write(tmp_path / "out.mp4")
    assert left_behind(tmp_path) == []
    assert job.closed
    assert "sonic-encoder" not in {thread.name for thread in threading.enumerate()}


def test_cancelling_half_way_leaves_nothing_and_stops_the_renderer(tmp_path: Path) -> None:
    def cancel(progress: Progress) -> None:
        if progress.done == 20:
            assert any(name.startswith(".sonic-") for name in left_behind(tmp_path))
            raise KeyboardInterrupt

    job = Job(tmp_path, duration_s=20.0)
    with pytest.raises(KeyboardInterrupt):
        job.write(tmp_path / "out.mp4", cancel)
    assert left_behind(tmp_path) == []
    assert job.closed
    assert job.taken == 20


def test_an_earlier_video_is_replaced_only_by_a_complete_one(tmp_path: Path) -> None:
    out = Job(tmp_path).write(tmp_path / "out.mp4")
    before = out.read_bytes(), record_path(out).read_bytes()
    with pytest.raises(KeyboardInterrupt):
        Job(tmp_path, draw=lambda index, rgb: (_ for _ in ()).throw(KeyboardInterrupt)).write(out)
    assert (out.read_bytes(), record_path(out).read_bytes()) == before
    Job(tmp_path, duration_s=1.0).write(out)
    assert len(pictures(out)) == 25
    assert left_behind(tmp_path) == ["out.json", "out.mp4"]


def test_sound_that_fails_to_decode_leaves_nothing(tmp_path: Path) -> None:
    job = Job(tmp_path)
    (tmp_path / "speech.wav").write_bytes(b"#EXTM3U\nhttp://example.org/a.mp3\n")
    with pytest.raises(SonicError, match="playlist"):
        job.write(tmp_path / "out.mp4")
    assert left_behind(tmp_path) == []
    assert job.closed


def test_a_source_that_got_shorter_since_it_was_loaded_is_noticed(tmp_path: Path) -> None:
    job = Job(tmp_path, duration_s=2.0)
    save_sound(tmp_path / "speech.wav", tone(1.0, 16_000), 16_000)
    with pytest.raises(OutputError, match=r"last 2\.000 and 1\.000 s, not 2\.000"):
        job.write(tmp_path / "out.mp4")
    assert left_behind(tmp_path) == []


@contextmanager
def small_disk(n_bytes: int) -> Iterator[None]:
    """Writing more than this to one file fails, as on a full disk."""
    resource = pytest.importorskip("resource", reason="needs a Unix with file size limits")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("n_bytes", [100, 20_000])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, n_bytes: int) -> None:
    rng = np.random.default_rng(0)

    def noise(index: int, rgb: U8) -> None:
        rgb[:] = rng.integers(0, 256, rgb.shape, np.uint8)

    job = Job(tmp_path, duration_s=2.0, draw=noise)
    with small_disk(n_bytes), pytest.raises(OutputError) as caught:
        job.write(tmp_path / "out.mp4")
    assert "\n" not in str(caught.value)
    assert left_behind(tmp_path) == []
    assert job.closed


def test_a_disk_that_is_full_when_it_comes_to_signing_leaves_nothing(tmp_path: Path) -> None:
    size = Job(tmp_path).write(tmp_path / "out.mp4").stat().st_size
    (tmp_path / "out.mp4").unlink()
    record_path(tmp_path / "out.mp4").unlink()
    job = Job(tmp_path)
    with small_disk(size - 3000), pytest.raises(OutputError, match="Credentials cannot be written") as caught:
        job.write(tmp_path / "out.mp4")
    assert "\n" not in str(caught.value)
    assert left_behind(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.access(folder, os.W_OK):  # root may write anywhere but here
        folder = Path("/proc/self")
        if not folder.is_dir():
            pytest.skip("as root, and without /proc, every folder can be written")
    with pytest.raises(OutputError, match="cannot be written"):
        Job(tmp_path).write(folder / "out.mp4")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("out.avi", r"only MP4 is written, name it out\.mp4"),
        ("out", "does not end in .mp4"),
        ("no/out.mp4", "does not exist; create it"),
        ("folder.mp4", "is a folder"),
        ("taken.mp4", "taken.json. exists and is not the record"),
        ("x" * 251 + ".mp4", "cannot be written"),
        ("nul\0.mp4", "cannot be written"),
        ("speech.wav/out.mp4", "does not exist"),
    ],
)
def test_names_that_cannot_be_are_refused_before_the_work(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "taken.json").write_text('{"subject": "Ada"}')
    with pytest.raises(OutputError, match=words) as caught:
        check_output(tmp_path / name, save_sound(tmp_path / "speech.wav", tone(0.2, 16_000), 16_000).source)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "taken.json").read_text() == '{"subject": "Ada"}'
    assert left_behind(tmp_path) == ["folder.mp4", "taken.json"]


def test_inputs_are_never_overwritten(tmp_path: Path) -> None:
    speech = save_sound(tmp_path / "speech.mp4", tone(1.0, 16_000), 16_000)
    before = speech.source.read_bytes()
    with pytest.raises(OutputError, match="is an input of this job"):
        Job(tmp_path, speech=speech).write(tmp_path / "speech.mp4")
    (tmp_path / "link.mp4").symlink_to(speech.source)
    with pytest.raises(OutputError, match="is an input of this job"):
        Job(tmp_path, speech=speech).write(tmp_path / "link.mp4")
    with pytest.raises(OutputError, match="is an input of this job"):
        check_output(tmp_path / "link.mp4", tmp_path / "speech.mp4", tmp_path / "absent.png")
    assert speech.source.read_bytes() == before


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.bin"
    target.write_bytes(b"precious")
    (tmp_path / "out.mp4").symlink_to(target)
    with pytest.raises(OutputError, match="--overwrite"):
        Job(tmp_path, duration_s=0.1).write(tmp_path / "out.mp4")
    out = Job(tmp_path, duration_s=0.1).write(tmp_path / "out.mp4", overwrite=True)
    assert not out.is_symlink()
    assert target.read_bytes() == b"precious"


def test_signing_gets_the_complete_file_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def looked_at(unsigned: Path, signed: Path, **rest: Any) -> Signed:
        assert not (tmp_path / "out.mp4").exists()
        assert len(pictures(unsigned)) == 15
        return sign(unsigned, signed, **rest)

    monkeypatch.setattr(sonic.pipeline.write, "sign", looked_at)
    out = Job(tmp_path).write(tmp_path / "out.mp4")
    values = json.loads(record_path(out).read_text(encoding="utf-8"))
    assert values["video"]["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert values["credentials"] == {
        "signer": identity().name, "fingerprint": identity().fingerprint, "certificate": "local", "timestamp": None,
    }  # fmt: skip
    assert left_behind(tmp_path) == ["out.json", "out.mp4"]


def test_signing_that_fails_or_spoils_the_file_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(unsigned: Path, signed: Path, **rest: Any) -> Signed:
        raise OutputError("no key")

    def spoils(old: bytes, new: bytes) -> Callable[..., Signed]:
        def spoil(unsigned: Path, signed: Path, **rest: Any) -> Signed:
            made = sign(unsigned, signed, **rest)
            signed.write_bytes(signed.read_bytes().replace(old, new))
            return made

        return spoil

    def forgets(unsigned: Path, signed: Path, **rest: Any) -> Signed:
        made = sign(unsigned, signed, **rest)
        signed.write_bytes(unsigned.read_bytes())
        return made

    for wrong, words in (
        (fails, "no key"),
        (spoils(b"ProduceID", b"ProduceXX"), "AIGC"),
        (spoils(b"Made with Sonic", b"Made with nobody"[:15]), r"do not read back .*bmffHash\.mismatch"),
        (forgets, "do not read back .there are none"),
    ):
        monkeypatch.setattr(sonic.pipeline.write, "sign", wrong)
        with pytest.raises(OutputError, match=words):
            Job(tmp_path).write(tmp_path / "out.mp4")
        assert left_behind(tmp_path) == []


def test_the_file_has_the_rights_of_any_new_file(tmp_path: Path) -> None:
    out = Job(tmp_path, duration_s=0.1).write(tmp_path / "out.mp4")
    (tmp_path / "other").write_bytes(b"")
    assert out.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_the_renderer_waits_for_a_slow_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames in flight do not grow with the clip: that keeps memory flat."""
    job = Job(tmp_path, duration_s=4.0)
    taken = []

    def stuck(frames: Iterator[Frame], *_: Any) -> None:
        next(frames)
        for _ in range(20):
            time.sleep(0.02)
            taken.append(job.taken)
        raise OutputError("stuck")

    monkeypatch.setattr(encode, "_mux", stuck)
    with pytest.raises(OutputError, match="stuck"):
        job.write(tmp_path / "out.mp4")
    assert taken[-1] == taken[-10] == encode.QUEUE_FRAMES + 2
    assert job.closed

"""Video and record change together or not at all; what is signed is of the files that its record names."""

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from small_videos import Job, save_sound, tone

import sonic
import sonic.unfinished
from sonic import demo
from sonic.captions.draw import CaptionStyle
from sonic.errors import OutputError
from sonic.pipeline.captioning import CaptionRequest
from sonic.pipeline.kept import kept_names
from sonic.pipeline.mark import LabelledFrames
from sonic.pipeline.write import is_foreign, record_path
from sonic.provenance import audit
from sonic.provenance.audit import chain
from sonic.settings import Settings
from sonic.types import Progress
from sonic.verification import verify

SMALL = Settings(min_resolution=160, duration=0.2, inference_steps=1, fps=Fraction(15))


def small(folder: Path, **options: Any) -> Job:
    return Job(folder, size_px=(160, 160), **options)


def both(out: Path) -> tuple[bytes, bytes]:
    return out.read_bytes(), record_path(out).read_bytes()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in ("speech.wav", "home"))


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonic.verification.pixels.Clock.passed", lambda clock, pictures: iter(()))


def test_a_video_that_cannot_get_its_name_leaves_the_older_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = small(tmp_path).write(tmp_path / "out.mp4")
    before, replace = both(out), os.replace

    def held(source: Any, target: Any) -> None:
        if Path(target) == out:  # as on Windows while a player has it open
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", held)
    with pytest.raises(OutputError, match=r"Permission denied.*kept as 'out.kept.mp4'") as caught:
        small(tmp_path, duration_s=1.0).write(out)
    assert both(out) == before and "\n" not in str(caught.value)
    assert names(tmp_path) == ["out.json", "out.kept.json", "out.kept.mp4", "out.mp4"]
    assert [e.kind for e in audit.entries()][-2:] == ["video", "unpublished"]


KILLED = """
import os, sys
from pathlib import Path
from small_videos import Job
folder, replace = Path(sys.argv[1]), os.replace
def dying(source, target):
    if Path(target).name == "out.mp4":
        os._exit(9)
    replace(source, target)
job = Job(folder, size_px=(160, 160), duration_s=1.0)
os.replace = dying
job.write(folder / "out.mp4")
"""


def kill_between(folder: Path) -> None:
    places = (str(Path(__file__).parents[1] / "support"), os.environ.get("PYTHONPATH", ""))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))}
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], env=environment, capture_output=True, text=True)
    assert done.returncode == 9, done.stderr


@pytest.mark.usefixtures("no_pictures")
def test_killed_between_the_two_names_the_older_pair_counts_and_comes_back(tmp_path: Path) -> None:
    out = small(tmp_path).write(tmp_path / "out.mp4")
    before = both(out)
    kill_between(tmp_path)
    assert out.read_bytes() == before[0] and record_path(out).read_bytes() != before[1]
    found = verify(out)
    assert (found.verdict, found.layer("record").state) == ("intact", "intact"), "verify reads the record that counts"
    assert not is_foreign(out), "the next job needs no --force"
    assert both(out) == before and names(tmp_path) == ["out.json", "out.mp4"]
    small(tmp_path, duration_s=1.0).write(out)
    assert both(out) != before


def test_killed_between_the_two_names_of_a_first_video_leaves_nothing(tmp_path: Path) -> None:
    kill_between(tmp_path)
    assert record_path(tmp_path / "out.mp4").exists()
    small(tmp_path).write(tmp_path / "other.mp4")
    assert names(tmp_path) == ["other.json", "other.mp4"]


def test_a_file_that_somebody_put_there_meanwhile_is_not_undone(tmp_path: Path) -> None:
    small(tmp_path).write(tmp_path / "out.mp4")
    kill_between(tmp_path)
    record_path(tmp_path / "out.mp4").write_text("mine")
    sonic.unfinished.sweep(tmp_path)
    assert record_path(tmp_path / "out.mp4").read_text() == "mine"


@pytest.mark.parametrize("journal", ["", "[]", "{}", '{"final": "../x", "sha256": "0", "last": "../y"}', "[" * 9999])
def test_a_forged_journal_moves_nothing(journal: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("precious")
    folder = tmp_path / "folder"
    folder.mkdir()
    for suffix, text in ((".lock", ""), (".journal", journal), (".before", "evil")):
        (folder / f".sonic-0123456789ab.part{suffix}").write_text(text)
    sonic.unfinished.sweep(folder)
    assert (tmp_path / "x").read_text() == "precious" and not list(folder.iterdir())


def generate(out: Path, **options: Any) -> sonic.Result:
    return sonic.generate(demo.PORTRAIT, demo.SPEECH, out, consent=demo.consent(), settings=SMALL, **options)


def test_a_finished_video_waits_for_a_second_attempt(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, append = tmp_path / "out.mp4", audit.append

    def full(kind: str, facts: Any) -> Any:
        raise OutputError("the audit log cannot be written (No space left on device)")

    monkeypatch.setattr(audit, "append", full)
    with pytest.raises(OutputError, match=r"No space left.*kept as 'out.kept.mp4'.*same command again"):
        generate(out)
    monkeypatch.setattr(audit, "append", append)
    kept, _ = kept_names(out)
    assert not out.exists() and verify(kept).verdict == "contradictory", "it has no entry yet"
    data = kept.read_bytes()
    other = tmp_path / "other.mp4"
    generate(other)
    monkeypatch.setattr(LabelledFrames, "__next__", lambda self: pytest.fail("nothing is to be rendered"))
    notices: list[str] = []
    generate(out, on_notice=notices.append)
    assert out.read_bytes() == data and any("taken up again" in line for line in notices)
    assert verify(out).verdict == "intact" and names(tmp_path) == ["other.json", "other.mp4", "out.json", "out.mp4"]


@pytest.mark.parametrize("change", ["video", "seed", "captions"])
def test_what_was_kept_of_another_job_or_changed_is_not_taken_up(
    change: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.mp4"
    generate(out)
    kept, kept_record = kept_names(out)
    out.rename(kept)
    record_path(out).rename(kept_record)
    if change == "video":
        data = bytearray(kept.read_bytes())
        data[-1] ^= 1
        kept.write_bytes(data)
        generate(out)
    elif change == "captions":
        text = tmp_path / "said.srt"
        text.write_text("1\n00:00:00,000 --> 00:00:00,500\nHello\n")
        generate(out, captions=CaptionRequest(text, CaptionStyle()))
    else:
        settings = SMALL.replace(seed=99)
        sonic.generate(demo.PORTRAIT, demo.SPEECH, out, consent=demo.consent(), settings=settings)
    assert json.loads(record_path(out).read_text())["produce_id"] != json.loads(kept_record.read_text())["produce_id"]


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is read there cannot be moved away")
@pytest.mark.parametrize("what", ["recording", "recording and back", "photo"])
def test_inputs_that_are_replaced_while_the_video_is_made_are_noticed(what: str, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(demo.PORTRAIT.read_bytes())
    job = small(tmp_path, duration_s=1.0, photo_file=photo)
    speech = job.speech.source
    other = save_sound(tmp_path / "other.wav", -tone(1.0, 16_000), 16_000).source
    aside = tmp_path / "aside.wav"

    def attack(progress: Progress) -> None:
        if progress.done == 1 and what.startswith("recording"):
            speech.rename(aside)
            other.rename(speech)
        if progress.done == progress.total and what == "recording and back":
            speech.rename(other)
            aside.rename(speech)
        if progress.done == 1 and what == "photo":
            photo.write_bytes(photo.read_bytes() + b"\0")

    with pytest.raises(
        OutputError, match=rf"the {what.split()[0]} '.*' was changed while the video was made"
    ) as caught:
        job.write(tmp_path / "out.mp4", attack)
    assert "\n" not in str(caught.value) and not [name for name in names(tmp_path) if name.startswith(("out", "."))]


def test_a_disk_that_fills_up_while_rendering_has_room_for_the_entry(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit.ready()
    reserve, flush = home / "audit.reserve", chain.flush_to_disk
    assert reserve.stat().st_size == chain.RESERVED

    def full_until_room_is_made(descriptor: int) -> None:
        if reserve.exists():
            raise OSError(28, "No space left on device")
        flush(descriptor)

    monkeypatch.setattr(chain, "flush_to_disk", full_until_room_is_made)
    audit.append("consent", {})
    assert audit.verify().n_entries == 1 and audit.verify().problems == () and not reserve.exists()


def test_a_full_home_or_folder_is_noticed_before_the_work(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    for place, words in ((chain, "audit log"), (Path, "out.mp4")):
        with monkeypatch.context() as patch:
            patch.setattr(place, "_write_file" if place is chain else "write_bytes", full)
            patch.setattr("sonic.pipeline.latest.load_photo", lambda path: pytest.fail("no work may begin"))
            with pytest.raises(OutputError, match=rf"{words}.*No space left"):
                generate(tmp_path / "out.mp4")

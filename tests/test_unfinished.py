"""Unfinished files never outlive their job for long: not even one that was killed; and a living job keeps its own."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from small_videos import Job

from sonic.unfinished import standing, sweep, unfinished

ENDLESS = """
import sys, time
from pathlib import Path
from small_videos import Job

def draw(index, rgb):
    if index == 8:
        print("writing", flush=True)
        time.sleep(600)

Job(Path(sys.argv[1]), draw=draw).write(Path(sys.argv[2]))
"""


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(".sonic-"))


@contextmanager
def writing(folder: Path, out: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process in the middle of writing a video."""
    command = [sys.executable, "-c", ENDLESS, str(folder), str(out)]
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": paths}) as job:
        assert job.stdout and job.stdout.readline() == "writing\n"
        try:
            yield job
        finally:
            job.kill()


def test_the_next_job_removes_what_a_killed_one_left_and_nothing_of_a_living_one(tmp_path: Path) -> None:
    sound, folder = tmp_path / "sound", tmp_path / "made"
    sound.mkdir()
    folder.mkdir()
    (folder / ".sonic-notes.part.txt").write_text("mine")
    with writing(sound, folder / "a.mp4") as dead:
        dead.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        dead.wait()
    left = set(hidden(folder))
    assert {name.rpartition(".")[2] for name in left} >= {"mp4", "lock"}
    with writing(sound, folder / "b.mp4") as alive:
        kept = set(hidden(folder))
        assert not kept & left - {".sonic-notes.part.txt"}  # its own start swept
        Job(tmp_path).write(folder / "c.mp4")
        assert set(hidden(folder)) == kept and alive.poll() is None
    Job(tmp_path).write(folder / "d.mp4")
    assert sorted(os.listdir(folder)) == [".sonic-notes.part.txt", "c.json", "c.mp4", "d.json", "d.mp4"]


def test_a_job_that_is_alive_in_this_process_keeps_its_files(tmp_path: Path) -> None:
    with unfinished(tmp_path) as one, one.file(".mp4") as path:
        path.write_bytes(b"half")
        for _ in range(3):
            sweep(tmp_path)
            with unfinished(tmp_path) as other, other.file(".mp4") as its:
                assert its != path
        assert path.read_bytes() == b"half"
    assert not hidden(tmp_path)


def test_jobs_that_begin_and_sweep_at_once_leave_each_other_alone(tmp_path: Path) -> None:
    lost: list[str] = []

    def work() -> None:
        for _ in range(40):
            with unfinished(tmp_path) as place, place.file(".mp4") as path:
                sweep(tmp_path)
                if not path.exists():
                    lost.append(path.name)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not lost and not hidden(tmp_path)


def test_where_nothing_can_be_locked_nothing_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tmp_path / ".sonic-0123456789ab.part.mp4"
    left.with_suffix(".lock").write_bytes(b"")
    left.write_bytes(b"who knows")
    monkeypatch.setattr("sonic.unfinished.try_lock", lambda descriptor: False)
    with unfinished(tmp_path) as place, place.file(".mp4"):
        pass
    assert hidden(tmp_path) == [".sonic-0123456789ab.part.lock", ".sonic-0123456789ab.part.mp4"]
    monkeypatch.undo()
    sweep(tmp_path)
    assert not hidden(tmp_path)


def test_a_lock_that_leads_elsewhere_sweeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / ".sonic-0123456789ab.part.lock").symlink_to("mine")
    (tmp_path / ".sonic-0123456789ab.part.mp4").write_bytes(b"")
    sweep(tmp_path)
    assert (tmp_path / "mine").read_bytes() == b"mine" and len(hidden(tmp_path)) == 2
    sweep(tmp_path / "no such folder")


def _as_if_killed(folder: Path, name: str, content: bytes) -> None:
    """Lock, journal and second half of a renaming that says ``name`` is to be taken back."""
    stem = folder / ".sonic-0123456789ab.part"
    told = {"final": name, "sha256": hashlib.sha256(content).hexdigest(), "last": f"{stem.name}.mp4"}
    stem.with_name(f"{stem.name}.journal").write_text(json.dumps(told))
    stem.with_name(f"{stem.name}.mp4").write_bytes(b"")
    stem.with_name(f"{stem.name}.lock").write_bytes(b"")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owners of POSIX")
def test_a_journal_that_somebody_else_put_there_removes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In /tmp anybody can name a file of ours as the half of a renaming that a dead job has to take back."""
    (tmp_path / "mine.txt").write_bytes(b"mine")
    _as_if_killed(tmp_path, "mine.txt", b"mine")
    own = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)
    assert standing(tmp_path / "mine.txt") == tmp_path / "mine.txt"
    sweep(tmp_path)
    assert (tmp_path / "mine.txt").read_bytes() == b"mine" and len(hidden(tmp_path)) == 3
    monkeypatch.undo()
    sweep(tmp_path)
    assert not hidden(tmp_path) and not (tmp_path / "mine.txt").exists(), "what is our own is taken back"


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owners of POSIX")
def test_a_link_in_the_place_of_the_earlier_file_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / "out.json").write_bytes(b"earlier")
    with unfinished(tmp_path) as place, place.file(".json") as first, place.file(".mp4") as last:
        first.with_suffix(".before").symlink_to(victim)
        with pytest.raises(OSError, match=r"exists"):
            place.rename_together((first, tmp_path / "out.json"), (last, tmp_path / "out.mp4"))
    assert victim.read_bytes() == b"mine" and (tmp_path / "out.json").read_bytes() == b"earlier"

"""A studio that is stopped, killed or starved: nothing half-made, nothing lost."""

import os
import signal
import time
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="needs the extra studio")

from studio_client import started

from sonic.apps.cli import main
from sonic.apps.studio.config import Config
from sonic.apps.studio.library import Library
from sonic.apps.studio.store import Store
from sonic.apps.studio.studio import Studio
from sonic.errors import OutputError, SettingError


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no kill -9 there")
def test_jobs_survive_kill_9_in_the_middle(tmp_path: Path) -> None:
    folder = str(tmp_path / "studio")
    with started("--folder", folder) as (client, process):
        example = client.post("demo").json
        begun = client.post("uploads", kind="photo", name="p.png", bytes=100).json
        client.call("PUT", f"uploads/{begun['id']}", b"x" * 40, Content_Range="bytes 0-39/100")
        long = client.order(example, settings={"duration": 6}, title="long")
        rest = [client.order(example, title=f"short {n}") for n in range(2)]
        client.when(long["id"], lambda job: (job.get("progress") or {}).get("stage") == "video")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert [path for path in (tmp_path / "studio" / "jobs").rglob("*.part*")], "it was in the middle"
    with started("--folder", folder) as (client, _):
        for job in (long, *rest):
            assert client.finished(job["id"])["state"] == "done"
        assert len(client.get("jobs").json["jobs"]) == 3
        assert client.get(f"uploads/{begun['id']}").json["offset"] == 40
        assert client.get(f"jobs/{long['id']}/video").status == 200
    left = [path.name for path in (tmp_path / "studio" / "jobs").rglob("*") if ".part" in path.name]
    assert not left and not list((tmp_path / "studio" / "live").iterdir())


def test_a_stop_queues_what_runs_again(tmp_path: Path) -> None:
    config = Config(tmp_path)
    with started("--folder", str(tmp_path)) as (client, process):
        job = client.order(client.post("demo").json, settings={"duration": 8})
        client.when(job["id"], lambda now: now["state"] == "running")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in (0, 130)
    studio = Studio(config)
    row = studio.store.row("SELECT * FROM jobs WHERE id = ?", job["id"])
    assert row and (row["state"], row["attempts"]) == ("queued", 0)
    studio.store.close()
    os.close(studio._lock)


def test_a_job_that_kills_the_server_again_and_again_is_given_up(tmp_path: Path) -> None:
    studio = Studio(Config(tmp_path))
    row = studio.queue.add("local", "video", "bad", {"photo": "x", "speech": "y", "consent": "z"})
    for _ in range(3):
        studio.store.change("jobs", row["id"], state="queued")
        assert studio.store.claim("slow")
    with studio:
        failed = studio.queue.get("local", row["id"])
        assert failed["state"] == "failed" and "3 attempts" in failed["error"]["message"]


def test_two_studios_do_not_share_a_folder(tmp_path: Path) -> None:
    with Studio(Config(tmp_path)), pytest.raises(SettingError, match="running"):
        Studio(Config(tmp_path))


def test_a_full_disk_fails_the_job_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from sonic.apps.studio import work

    def full(row: dict[str, str], *_: object) -> None:
        (tmp_path / "jobs" / row["id"] / "half.mp4").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(work.WORK, "video", full)
    with Studio(Config(tmp_path)) as studio:
        row = studio.queue.add("local", "video", "t", {"photo": "x", "speech": "y", "consent": "z"})
        until = time.monotonic() + 20
        while (now := studio.queue.get("local", row["id"]))["state"] in ("queued", "running"):
            assert time.monotonic() < until
            time.sleep(0.01)
    assert now["state"] == "failed" and "full" in now["error"]["message"]
    assert not (tmp_path / "jobs" / row["id"]).exists()


def test_full_notes_lose_nothing_and_deleting_makes_room(tmp_path: Path) -> None:
    """As on a full disk: SQLite may use no more pages than it has."""
    library, store = _library(tmp_path)
    row = library.begin("local", "evidence", "a.txt", 9)
    pages = int(store.rows("PRAGMA page_count")[0]["page_count"])
    store.rows(f"PRAGMA max_page_count = {pages}")
    kept = 0
    with pytest.raises(OutputError, match="make room"):
        while True:
            library.begin("local", "evidence", f"{'x' * 99}.txt", 9)
            kept += 1
    assert len(list((tmp_path / "media").iterdir())) == len(store.rows("SELECT id FROM media")) == kept + 1
    library.remove(row)
    assert not (tmp_path / "media" / row["id"]).exists()
    store.rows("PRAGMA max_page_count = 100000")
    assert library.begin("local", "evidence", "b.txt", 9)
    store.close()


def test_media_whose_files_are_gone_are_forgotten_at_the_next_start(tmp_path: Path) -> None:
    library, store = _library(tmp_path)
    (tmp_path / "proof.txt").write_text("proof")
    row = library.keep("local", "evidence", "proof.txt", tmp_path / "proof.txt")
    library.path(row).unlink()
    library.sweep()
    assert store.rows("SELECT id FROM media") == [] and list((tmp_path / "media").iterdir()) == []
    store.close()


def _library(folder: Path) -> tuple[Library, Store]:
    store = Store(folder / "notes.sqlite3")
    return Library(Config(folder, spare_bytes=-(10**12)), store), store


def test_the_network_is_not_served_without_tokens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["studio", "--folder", str(tmp_path), "--host", "0.0.0.0", "--port", "0", "--no-browser"]
    assert main(arguments) == 2
    assert "--add-token" in capsys.readouterr().err
    assert main(["studio", "--folder", str(tmp_path), "--add-token", "ada"]) == 0
    assert "shown this once" in capsys.readouterr().out
    assert main(["studio", "--folder", str(tmp_path), "--port", "70000"]) == 2
    assert main(["studio", "--folder", "/dev/null/x"]) == 6

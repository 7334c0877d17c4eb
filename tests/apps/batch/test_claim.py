"""Two batches in one folder: the second is refused and told who holds it; the lock dies with its holder."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sonic.apps.batch import claim
from sonic.apps.batch.claim import claimed
from sonic.apps.batch.places import Url
from sonic.errors import OutputError

HOLDING = """
import sys, time
from pathlib import Path
from sonic.apps.batch.claim import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_is_refused_and_the_third_not(tmp_path: Path) -> None:
    with claimed(tmp_path), pytest.raises(OutputError, match=f"process {os.getpid()} on"), claimed(tmp_path):
        pass
    with claimed(tmp_path):
        pass
    assert not list(tmp_path.iterdir()), "nothing is left in the user's folder"


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLDING, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "held\n"
    with pytest.raises(OutputError, match=str(process.pid)), claimed(tmp_path):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with claimed(tmp_path):
        pass


def test_where_nothing_can_be_locked_a_batch_still_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonic.apps.batch.claim.try_lock", lambda descriptor: False)
    with claimed(tmp_path), claimed(tmp_path):
        pass


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Any:
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.setattr(claim, "BEAT_S", 0.02)
    monkeypatch.setattr(claim, "SILENT_S", 1.0)
    memory = fsspec.filesystem("memory", use_listings_cache=False)
    memory.store.clear()
    return memory


def test_in_a_store_a_living_holder_is_believed_and_a_silent_one_is_not(bucket: Any) -> None:
    folder = Url("memory://bucket/videos")
    with claimed(folder) as first:
        with pytest.raises(OutputError, match="another batch"), claimed(folder):
            pass
        first.check()
    assert not bucket.find("/bucket"), "it is given back"
    bucket.pipe(f"/bucket/videos/{claim.NAME}", b'{"host": "dead", "process": 1, "token": "x"}')
    with claimed(folder) as second:
        second.check()
        bucket.pipe(f"/bucket/videos/{claim.NAME}", b'{"host": "other", "process": 2, "token": "y"}')
        for _ in range(200):
            try:
                second.check()
            except OutputError as error:
                assert "other" in str(error)
                break
            time.sleep(0.02)
        else:
            pytest.fail("it was taken over and does not know")
    assert bucket.find("/bucket"), "the other's is left"

"""The training store: what is written is read back, shards stay small, and neither a kill nor damage goes unnoticed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sonic.errors import MediaError
from sonic.training import shards
from sonic.training.shards import Column, Shards, ShardWriter

COLUMNS = (Column("points", np.int16, (4, 3)), Column("sound", np.int16))


def records(n: int) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    rng = np.random.default_rng(0)
    for i in range(n):
        points = rng.integers(-99, 99, (i + 1, 4, 3)).astype(np.int16)
        yield f"clip{i}", {"points": points, "sound": rng.integers(-99, 99, 30).astype(np.int16)}


def fill(folder: Path, n: int = 9) -> None:
    with ShardWriter(folder, COLUMNS, ("key", "text"), shard_bytes=400) as store:
        for key, arrays in records(n):
            if key not in store.keys:
                store.append({"key": key, "text": 'two\nlines, "quoted"'}, arrays)


def check(folder: Path, n: int = 9) -> None:
    store = Shards(folder, COLUMNS)
    assert [row["key"] for row in store.rows] == [key for key, _ in records(n)]
    for i, (_, arrays) in enumerate(records(n)):
        for name, want in arrays.items():
            np.testing.assert_array_equal(store.array(i, name), want)
    assert store.rows[0]["text"] == 'two lines, "quoted"'


def test_records_come_back_from_several_small_shards(tmp_path: Path) -> None:
    fill(tmp_path)
    check(tmp_path)
    files = sorted(tmp_path.glob("points-*.int16"))
    assert len(files) > 2
    assert all(path.stat().st_size <= 400 for path in files)


def test_few_files_are_open_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "MAX_OPEN", 2)
    fill(tmp_path)
    check(tmp_path)


def test_arrays_are_mapped_and_read_only(tmp_path: Path) -> None:
    fill(tmp_path)
    with pytest.raises(ValueError, match="read-only"):
        Shards(tmp_path, COLUMNS).array(0, "points")[0] = 0


@pytest.mark.parametrize("lost", [1, 40, 61])
def test_a_kill_costs_only_the_record_that_was_being_written(tmp_path: Path, lost: int) -> None:
    fill(tmp_path, 5)
    index = tmp_path / "index.csv"
    index.write_bytes(index.read_bytes()[:-lost])
    with (tmp_path / "sound-00000.int16").open("ab") as file:
        file.write(b"half a record")
    left = len(Shards(tmp_path, COLUMNS))
    assert 3 <= left <= 4
    fill(tmp_path)
    check(tmp_path)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "points-00001.int16").unlink()
    with pytest.raises(MediaError, match=r"points-00001\.int16 is missing; delete that folder"):
        Shards(tmp_path, COLUMNS)


def test_a_shard_that_was_cut_off_is_named(tmp_path: Path) -> None:
    fill(tmp_path)
    path = tmp_path / "points-00001.int16"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(MediaError, match=r"points-00001\.int16 has \d+ bytes, its index says \d+"):
        ShardWriter(tmp_path, COLUMNS, ("key", "text"))


def test_a_damaged_record_is_named_when_it_is_read(tmp_path: Path) -> None:
    fill(tmp_path)
    path = tmp_path / "sound-00000.int16"
    path.write_bytes(b"\xff" + path.read_bytes()[1:])
    store = Shards(tmp_path, COLUMNS)
    store.array(1, "sound")
    with pytest.raises(MediaError, match=r"'clip0' in .*sound-00000\.int16 differs from its checksum"):
        store.array(0, "sound")


def test_no_store_is_an_empty_store(tmp_path: Path) -> None:
    assert len(Shards(tmp_path / "nowhere", COLUMNS)) == 0

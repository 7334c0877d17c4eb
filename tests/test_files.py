"""Small files that a user names: whatever is at their path, reading one ends at once, in bounded memory."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from special_files import SPECIAL, special

from sonic.files import atomic_write, open_regular, read_small, read_small_text, replacing


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("read", [read_small, read_small_text])
def test_what_is_no_small_file_is_refused_at_once(
    kind: str, read: Callable[[Path, int], object], tmp_path: Path
) -> None:
    before = _n_open()
    with pytest.raises(OSError) as caught:
        read(special(kind, tmp_path), 1024**2)
    assert caught.value.strerror and "\n" not in caught.value.strerror
    assert _n_open() == before


def test_the_limit_is_the_last_size_that_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 1024)
    assert read_small(path, 1024) == b"x" * 1024
    with pytest.raises(OSError, match="larger than"):
        read_small(path, 1023)


def test_text_may_have_a_byte_order_mark_and_must_be_text(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes("\ufeffé".encode())
    assert read_small_text(path, 10) == "é"
    path.write_bytes(b"\xff")
    with pytest.raises(OSError, match="not UTF-8"):
        read_small_text(path, 10)


def test_files_whose_size_says_nothing_are_read(tmp_path: Path) -> None:
    path = Path("/proc/self/status")
    if not path.exists():
        pytest.skip("this system has no /proc")
    assert b"Pid" in read_small(path, 1024**2)


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to("a")
    with open_regular(tmp_path / "link") as file:
        assert file.read() == b"x"


def _n_open() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    atomic_write(path, b"first")
    with pytest.raises(RuntimeError), replacing(path) as part:
        part.write_bytes(b"half")
        assert part.suffix == ".json" and path.read_bytes() == b"first"
        raise RuntimeError
    assert path.read_bytes() == b"first"
    atomic_write(path, b"second", private=True)
    assert path.read_bytes() == b"second"
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["kept.json"], "nothing unfinished is left"

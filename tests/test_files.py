"""Small files that a user names: whatever is at their path, reading one ends at once, in bounded memory."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from special_files import SPECIAL, special

from sonic import files
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


class Busy:
    """os.replace on Windows, while another program reads the file: refuses so many times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.left, self._replace, self.waited_s = times, os.replace, 0.0
        monkeypatch.setattr(files.sys, "platform", "win32")
        monkeypatch.setattr(files.os, "replace", self)
        monkeypatch.setattr(files.time, "sleep", self.wait)

    def __call__(self, part: Path, path: Path) -> None:
        if self.left:
            self.left -= 1
            raise PermissionError(13, "Access is denied", str(part))
        self._replace(part, path)

    def wait(self, seconds: float) -> None:
        self.waited_s += seconds


def test_on_windows_a_file_that_is_being_read_is_replaced_when_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "head.json"
    atomic_write(path, b"old")
    busy = Busy(monkeypatch, 3)
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"
    assert 0 < busy.waited_s < 1


def test_on_windows_a_file_that_stays_in_use_is_kept_and_nothing_is_left_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "head.json"
    atomic_write(path, b"old")
    busy = Busy(monkeypatch, 1000)
    with pytest.raises(PermissionError, match="Access is denied"):
        atomic_write(path, b"new")
    assert busy.waited_s == pytest.approx(2, abs=0.1)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("head.json", b"old")]


def test_a_folder_is_called_a_folder_where_it_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(path: Path, flags: int) -> int:  # as Windows does
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(files.os, "open", refuses)
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)
    with pytest.raises(PermissionError):
        open_regular(tmp_path / "file")

"""Locks and flushing as Windows and macOS want them, with stand-ins for what these systems alone have."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sonic import files, unfinished
from sonic.provenance import audit
from sonic.provenance.audit import chain


class Msvcrt:
    """msvcrt.locking: LK_LOCK gives up after ten seconds while another process holds the byte."""

    LK_LOCK, LK_NBLCK = 1, 2

    def __init__(self, refusals: int) -> None:
        self.refusals, self.calls = refusals, 0

    def locking(self, descriptor: int, mode: int, n_bytes: int) -> None:
        self.calls += 1
        os.fstat(descriptor)
        assert n_bytes == 1
        if self.calls <= self.refusals:
            raise OSError(36, "Resource deadlock avoided")


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Msvcrt:
    stand_in = Msvcrt(refusals=2)
    monkeypatch.setitem(sys.modules, "msvcrt", stand_in)  # type: ignore[arg-type]
    for module in (chain, files, unfinished):
        monkeypatch.setattr(module, "sys", SimpleNamespace(platform="win32"))
    return stand_in


def test_on_windows_the_log_waits_for_its_lock_however_long_it_takes(home: Path, windows: Msvcrt) -> None:
    audit.append("consent", {})
    assert windows.calls == 3 and audit.verify().problems == ()


def test_on_windows_a_job_whose_lock_is_held_is_not_swept(tmp_path: Path, windows: Msvcrt) -> None:
    lock = tmp_path / ".sonic-0123456789ab.part.lock"
    lock.touch()
    unfinished.sweep(tmp_path)
    assert lock.exists() and windows.calls == 1
    windows.refusals = 0
    unfinished.sweep(tmp_path)
    assert not lock.exists()


@pytest.mark.parametrize("has_it", [True, False])
def test_on_macos_the_disk_itself_is_flushed(has_it: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def fcntl(descriptor: int, command: int) -> None:
        asked.append(command)
        if not has_it:
            raise OSError(45, "Operation not supported")

    monkeypatch.setitem(sys.modules, "fcntl", SimpleNamespace(F_FULLFSYNC=51, fcntl=fcntl))  # type: ignore[arg-type]
    monkeypatch.setattr(files, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: asked.append("fsync"))
    with (tmp_path / "x").open("wb") as file:
        files.flush_to_disk(file.fileno())
    assert asked == ([51] if has_it else [51, "fsync"])

"""What can be at a path and is no small file."""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


def _pipe(path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(path)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(40 * 1024**3)


def _socket(path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("no sockets in the file system")
    here = Path.cwd()
    os.chdir(path.parent)  # the address of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


MADE: dict[str, Callable[[Path], object]] = {
    "folder": Path.mkdir,
    "pipe": _pipe,
    "socket": _socket,
    "loop": lambda path: path.symlink_to(path),
    "sparse": _sparse,
}
SPECIAL = (*MADE, "missing", "endless device", "nul", "too long")
"""What can be at a path and is no small file; ``special`` makes one."""


def special(kind: str, folder: Path) -> Path:
    """A path of this kind in ``folder``; skips the test where the system has none."""
    path = folder / kind
    if kind in MADE:
        MADE[kind](path)
    elif kind == "endless device":
        if not (path := Path("/dev/zero")).exists():
            pytest.skip("this system has no /dev/zero")
    elif kind in ("nul", "too long"):
        path = folder / {"nul": "nul\0.json", "too long": "x" * 300}[kind]
    return path

"""Weights that others publish and Sonic does not contain: what is known of each, and where they lie on a machine.

Nothing is downloaded here; ``sonic.downloads`` does that, and only because somebody asked.
"""

import contextlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sonic.errors import InstallError
from sonic.files import read_small_text
from sonic.hashing import sha256_of_file

FOLDER_VARIABLE = "SONIC_WEIGHTS"
_MAX_TEXT_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class Licence:
    """What the user of a file may do with it."""

    name: str
    meaning: str
    url: str


@dataclass(frozen=True, slots=True)
class File:
    """One file of a repository."""

    path: str
    """In the repository."""
    n_bytes: int | None = None
    sha256: str | None = None
    """None: not known."""


@dataclass(frozen=True, slots=True)
class Part:
    """One network, or one group of settings, and where it is published."""

    name: str
    purpose: str
    repository: str
    """On huggingface.co."""
    revision: str | None
    """Commit that the sizes and hashes are those of; None: not known, the newest is taken."""
    files: tuple[File, ...]
    """What is needed of it, weights last."""
    licence: Licence
    n_parameters: int = 0
    n_tensors: int = 0
    half: tuple[File, ...] = ()
    """The same in half precision, where that is published."""
    folder: str = "."
    """Where its files go below a folder of the user's."""
    extra: str = "gpu"
    """Which extra of Sonic uses it, and brings what downloads it."""

    @property
    def n_bytes(self) -> int:
        """Of what would be downloaded; in single precision where the size of a file is not known."""
        return sum(file.n_bytes or 4 * self.n_parameters for file in self.files)


def named_folder(folder: Path | None) -> Path | None:
    """The folder that is given, else the one that SONIC_WEIGHTS names. Raises InstallError if it is none."""
    named = folder or (Path(os.environ[FOLDER_VARIABLE]) if os.environ.get(FOLDER_VARIABLE) else None)
    if named and not os.path.isdir(named):
        raise InstallError(f"weights folder {named} is not a folder; name one, or leave it out")
    return named


def hub_cache() -> Path | None:
    """The Hugging Face cache as its documentation places it; None where the user has no home folder."""
    if os.environ.get("HF_HUB_CACHE"):
        return Path(os.environ["HF_HUB_CACHE"])
    if os.environ.get("HF_HOME"):
        return Path(os.environ["HF_HOME"]) / "hub"
    caches = os.environ.get("XDG_CACHE_HOME")
    if not caches and not has_home():
        return None
    return (Path(caches) if caches else Path.home() / ".cache") / "huggingface" / "hub"


def snapshots(cache_folder: Path, repository: str, revision: str | None) -> list[Path]:
    """Folders of a repository's files in a Hugging Face cache: the known revision first, then what ``main`` was."""
    home = cache_folder / f"models--{repository.replace('/', '--')}"
    wanted = [revision] if revision else []
    with contextlib.suppress(OSError, ValueError):
        wanted.append(read_small_text(home / "refs" / "main", _MAX_TEXT_BYTES).strip())
    found = [p for p in (home / "snapshots").glob("*") if p.is_dir()]
    first = {name: place for place, name in enumerate(wanted)}
    return sorted(found, key=lambda p: (first.get(p.name, len(first)), -p.stat().st_mtime))


def digest(file: Path) -> str:
    """SHA-256 of a file; read once as long as it does not change. Raises InstallError if it cannot be read."""
    try:
        status = file.stat()
        return _digest(file, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise InstallError(f"weights {file} cannot be read: {error.strerror}") from error


@cache
def _digest(file: Path, n_bytes: int, changed_ns: int) -> str:
    return sha256_of_file(file)


def has_home() -> bool:
    """Whether the user has a home folder."""
    try:
        Path.home()
    except RuntimeError:
        return False
    return True

"""Downloading published weights, only ever because somebody asked: how large they are, whether they fit, getting them.

huggingface_hub does the transfer and takes up again what was cut short. No engine downloads anything itself.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sonic.errors import InstallError, OutputError
from sonic.published import File, Part, digest, hub_cache

KEPT = "what has arrived is kept; the same command goes on from there"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that is to be downloaded."""

    part: Part
    file: File

    @property
    def n_bytes(self) -> int:
        """As published; where that is not known, parameters in single precision."""
        return self.file.n_bytes or 4 * self.part.n_parameters


Download = Callable[[Wanted, Path | None], Path]
"""(what, folder or None for the Hugging Face cache) -> where it lies now."""


def destination(folder: Path | None) -> Path:
    """Where downloads go. Raises InstallError if there is no such place."""
    found = folder or hub_cache()
    if found is None:
        raise InstallError("there is no home folder for a cache; say where the weights go with --folder")
    return found


def free_bytes(folder: Path) -> int:
    """Room on the disk of a folder that may not exist yet."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    return shutil.disk_usage(there).free


def fetch(
    wanted: Sequence[Wanted],
    folder: Path | None = None,
    *,
    download: Download | None = None,
    on_file: Callable[[Wanted, int, int], None] = lambda *_: None,
) -> list[Path]:
    """Download, file by file, and verify what is known of each. ``on_file`` hears (file, done, total).

    Raises OutputError if the disk has no room for all, InstallError if a file cannot be had or is not as published.
    """
    needed, free = sum(item.n_bytes for item in wanted), free_bytes(destination(folder))
    if needed > free:
        raise OutputError(
            f"{destination(folder)} has {free / 1e9:.1f} GB free where {needed / 1e9:.1f} GB are needed; "
            "make room, or choose another disk with --folder"
        )
    get = download or from_hub
    files = []
    for done, item in enumerate(wanted):
        on_file(item, done, len(wanted))
        files.append(_verified(item, get(item, folder)))
    return files


def from_hub(item: Wanted, folder: Path | None) -> Path:
    """Download one file with huggingface_hub. Raises InstallError with what to do about a failure."""
    require_hub(item.part.extra)
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import GatedRepoError, OfflineModeIsEnabled

    repository = item.part.repository
    place = {"local_dir": folder / item.part.folder} if folder else {"cache_dir": hub_cache()}
    name = f"{repository}/{item.file.path}"
    try:
        return Path(hf_hub_download(repository, item.file.path, revision=item.part.revision, **place))
    except GatedRepoError as error:
        raise InstallError(
            f"{name} is given only to those who agree to its licence: do so on https://huggingface.co/{repository}, "
            "then `hf auth login`, then this again"
        ) from error
    except OfflineModeIsEnabled as error:
        raise InstallError(f"{name} cannot be downloaded while HF_HUB_OFFLINE is set; unset it") from error
    except Exception as error:  # what fails below is another HTTP library's from version to version
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InstallError(f"{name} cannot be downloaded: {reason}; {KEPT}") from error


def require_hub(extra: str) -> None:
    """Raises InstallError without huggingface_hub, which this extra brings."""
    from importlib.util import find_spec

    if find_spec("huggingface_hub") is None:
        raise InstallError(f"downloading needs huggingface_hub; pip install 'sonic-talk[{extra}]'")


def _verified(item: Wanted, file: Path) -> Path:
    """Raises InstallError unless size and SHA-256 are the published ones, as far as they are known."""
    n_bytes = file.stat().st_size
    if item.file.sha256 and digest(file) != item.file.sha256:
        raise InstallError(f"{file} is not the published file, its SHA-256 differs; delete it and run this again")
    if item.file.n_bytes and n_bytes != item.file.n_bytes:
        raise InstallError(f"{file} has {n_bytes:,} bytes where {item.file.n_bytes:,} belong; delete it and try again")
    return file

"""Reading the files that a user names, bounded and without waiting, and writing files whole or not at all.

A path may lead to a pipe that nobody writes to, to a device without end, or to a file that another program replaces
meanwhile: what counts is what was opened, not what the path was a moment before.
"""

import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_APP_NAME = "Sonic" if sys.platform in ("darwin", "win32") else "sonic"
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_NONBLOCK", 0)  # opening a pipe must not wait for its writer
)


def open_regular(path: str | os.PathLike[str], max_bytes: int | None = None) -> BinaryIO:
    """The regular file at ``path``, open for reading bytes.

    Raises OSError, whose ``strerror`` says in a few words what is wrong, also for a pipe, a device, a folder, a name
    that no file can have, and a file of more than ``max_bytes``.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except ValueError as error:  # a NUL in it
        raise OSError(errno.EINVAL, "not a file name") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            raise OSError(errno.EINVAL, "a pipe or a device, not a regular file")
        if max_bytes is not None and status.st_size > max_bytes:
            raise _too_large(max_bytes)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_small(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """All bytes of the regular file at ``path``, at most ``max_bytes``. Raises OSError as open_regular."""
    with open_regular(path, max_bytes) as file:
        data = file.read(max_bytes + 1)  # not by its size: what /proc holds says 0, and a file may grow
    if len(data) > max_bytes:
        raise _too_large(max_bytes)
    return data


def read_small_text(path: Path, max_bytes: int) -> str:
    """As read_small, decoded as UTF-8. Raises OSError for bytes that are no text, too."""
    try:
        return read_small(path, max_bytes).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OSError(errno.EILSEQ, "not UTF-8 text") from error


def data_folder() -> Path:
    """Where programs keep a user's data on this system; RuntimeError where the user has no home folder."""
    import platformdirs

    folder = platformdirs.user_data_path(_APP_NAME, appauthor=False)
    # The specification of XDG_DATA_HOME: a relative path is to be ignored.
    return folder if folder.is_absolute() else Path.home() / ".local" / "share" / _APP_NAME


def cache_folder() -> Path:
    """Where programs keep what may be deleted; RuntimeError where the user has no home folder."""
    import platformdirs

    folder = platformdirs.user_cache_path(_APP_NAME, appauthor=False)
    return folder if folder.is_absolute() else Path.home() / ".cache" / _APP_NAME


def config_folder() -> Path:
    """Where programs keep what a user chose; RuntimeError where the user has no home folder."""
    import platformdirs

    folder = platformdirs.user_config_path(_APP_NAME, appauthor=False)
    return folder if folder.is_absolute() else Path.home() / ".config" / _APP_NAME


@contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[Path]:
    """A new empty file beside ``path``, of the same suffix, that takes its name at the end of the block.

    A failure, or a kill at any moment, leaves what was at ``path``. ``private``: only this user may read it. For
    outputs in a user's folder see unfinished.py, whose left-overs the next job sweeps. Raises OSError.
    """
    part = path.with_name(f".{secrets.token_hex(6)}.part{path.suffix}")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 if private else 0o666))
        yield part
        with open(part, "r+b") as file:
            flush_to_disk(file.fileno())
        os.replace(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def atomic_write(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write ``data`` to ``path`` as ``replacing`` does. Raises OSError."""
    with replacing(path, private=private) as part:
        part.write_bytes(data)


def flush_to_disk(descriptor: int) -> None:
    """Return when what was written is on the disk: on macOS fsync leaves it in the disk's cache. Raises OSError."""
    if sys.platform == "darwin":
        import fcntl

        with suppress(OSError):  # not every file system there has it
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def _too_large(max_bytes: int) -> OSError:
    size = f"{max_bytes // 1024**2} MB" if max_bytes >= 1024**2 else f"{max_bytes // 1024} kB"
    return OSError(errno.EFBIG, f"larger than {size}")

"""Reading the files that a user names, bounded and without waiting, and writing files whole or not at all.

A path may lead to a pipe that nobody writes to, to a device without end, or to a file that another program replaces
meanwhile: what counts is what was opened, not what the path was a moment before.
"""

import errno
import os
import secrets
import stat
import sys
import time
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
RENAME_WAITS_S = (0.02, 0.05, 0.13, 0.3, 0.5, 1.0)


def open_regular(path: str | os.PathLike[str], max_bytes: int | None = None) -> BinaryIO:
    """The regular file at ``path``, open for reading bytes.

    Raises OSError, whose ``strerror`` says in a few words what is wrong, also for a pipe, a device, a folder, a name
    that no file can have, and a file of more than ``max_bytes``.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except ValueError as error:  # a NUL in it
        raise OSError(errno.EINVAL, "not a file name") from error
    except PermissionError:
        if os.path.isdir(path):  # which Windows does not open
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
        raise
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
        rename_over(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def rename_over(part: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Give a finished file its name, in place of the file that has it. Raises OSError.

    Windows refuses while another program reads either of them, such as a virus scanner or a process that looks at the
    audit log: those are waited for, two seconds in all.
    """
    for wait_s in RENAME_WAITS_S if sys.platform == "win32" else ():
        with suppress(PermissionError):
            os.replace(part, path)
            return
        time.sleep(wait_s)
    os.replace(part, path)


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


def try_lock(descriptor: int) -> bool:
    """Whether this process has got the lock of an open file now, without waiting.

    The system lets go of it when the file is closed or the process dies, whatever it dies of.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _too_large(max_bytes: int) -> OSError:
    size = f"{max_bytes // 1024**2} MB" if max_bytes >= 1024**2 else f"{max_bytes // 1024} kB"
    return OSError(errno.EFBIG, f"larger than {size}")

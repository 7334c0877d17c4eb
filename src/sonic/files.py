"""Reading the files that a user names: regular files only, of bounded size, never waiting for anybody.

A path may lead to a pipe that nobody writes to, to a device without end, or to a file that another program replaces
meanwhile: what counts is what was opened, not what the path was a moment before.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

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


def _too_large(max_bytes: int) -> OSError:
    size = f"{max_bytes // 1024**2} MB" if max_bytes >= 1024**2 else f"{max_bytes // 1024} kB"
    return OSError(errno.EFBIG, f"larger than {size}")

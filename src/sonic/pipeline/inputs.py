"""The files that a video is made from are the same from the first byte that is written to the signature."""

import os
from dataclasses import dataclass
from pathlib import Path

from sonic.errors import OutputError
from sonic.hashing import sha256_of_file

_State = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Input:
    """One file, as it was when writing began."""

    what: str
    """photo or recording, for messages."""
    path: Path
    sha256: str
    """Of the bytes that were loaded, as the record says."""
    state: _State | None

    @classmethod
    def now(cls, what: str, path: Path, sha256: str) -> "Input":
        """The file as it is at this moment."""
        return cls(what, path, sha256, _state(path))

    def check(self) -> None:
        """Raise OutputError unless it is the file that was loaded, and was all the time.

        Bytes that were changed and changed back leave another time of change, which no program can set.
        """
        if self.state is None and _state(self.path) is None:
            return  # gone since it was loaded: nothing else was read in its place
        try:
            same = self.state == _state(self.path) and sha256_of_file(self.path) == self.sha256
        except OSError:
            same = False
        if not same:
            raise OutputError(
                f"the {self.what} {self.path.name!r} was changed while the video was made, which would not be of "
                "what its record says; run this again"
            )


def _state(path: Path) -> _State | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns

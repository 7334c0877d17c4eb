"""How long a file may keep a decoder busy: a few bytes can ask for hours of work.

Counted is the processor time of the thread that decodes, so a busy machine refuses nothing that an idle one reads. It
is looked at whenever the decoder asks for more of the file or has given something; what a decoder does in one go is
bounded by the limits on what it is given, see photo.py and pillow.py.
"""

import time
from typing import BinaryIO


class TooSlow(Exception):
    """The decoder was busy for longer than that."""


class Patience:
    """Processor time that is left, in seconds."""

    def __init__(self, longest_s: float) -> None:
        self._until = time.thread_time() + longest_s

    def check(self) -> None:
        """Raise TooSlow if it is over."""
        if time.thread_time() > self._until:
            raise TooSlow


class TimedFile:
    """An open file as far as Pillow needs one; reading raises TooSlow when the patience is over."""

    def __init__(self, file: BinaryIO, patience: Patience) -> None:
        self._file, self._patience = file, patience
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """As of the file."""
        self._patience.check()
        return self._file.read(size)

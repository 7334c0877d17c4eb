"""How the C2PA library is called: without a network, in a thread of its own, its failures as one exception.

A thread, because an interruption that arrives while the library calls back into Python would be lost there, and because
a caller must be able to stop waiting for a damaged file.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from sonic.files import open_regular
from sonic.media.sniff import sniff_file

MEDIA_TYPES = {
    "JPEG": "image/jpeg", "PNG": "image/png", "WebP picture": "image/webp", "TIFF": "image/tiff", "GIF": "image/gif",
    "HEIC": "image/heic", "AVIF": "image/avif", "WAV": "audio/wav", "FLAC": "audio/flac", "MP3": "audio/mpeg",
    "MP4": "video/mp4", "AVI": "video/x-msvideo", "PDF": "application/pdf",
}  # fmt: skip
"""Kinds of file, as media.sniff names them, that can hold Content Credentials -> their media types."""
SPOOL_MB = 16
"""The library keeps this much of a file in memory, the rest in a temporary file."""


_T = TypeVar("_T")


class ToolkitError(Exception):
    """The library refused, in its own words, on one line."""


class TooSlow(ToolkitError):
    """It was not ready within the time that it was given."""


def call(work: Callable[[], _T], longest_s: float = math.inf) -> _T:
    """``work()`` in another thread. Raises ToolkitError for what the library raises, TooSlow after ``longest_s``."""
    results: list[_T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # raised again in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=run, name="sonic-credentials", daemon=True)
    thread.start()
    until = time.monotonic() + longest_s
    while thread.is_alive():
        thread.join(0.2)  # short, so that Ctrl-C is noticed
        if thread.is_alive() and time.monotonic() > until:
            raise TooSlow(f"not ready within {longest_s:g} s")
    if failures:
        raise _translated(failures[0])
    return results[0]


def context(**settings: Mapping[str, Any]) -> Any:
    """A c2pa.Context that asks no network and makes no thumbnails, with these settings on top."""
    import c2pa

    base: dict[str, Any] = {
        "builder": {"thumbnail": {"enabled": False}},
        "core": {"backing_store_memory_threshold_in_mb": SPOOL_MB},
        "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
    }
    for name, values in settings.items():
        base[name] = {**base.get(name, {}), **values}
    return c2pa.Context.from_dict(base)


def media_type(path: Path) -> str | None:
    """What the library is told that this file is, by its content; None if it cannot hold Content Credentials."""
    with open_regular(path) as file:
        return MEDIA_TYPES.get(sniff_file(file))


def one_line(error: Exception) -> str:
    """What the library says, for a message."""
    return " ".join(str(error).split())[:300]


def _translated(error: BaseException) -> BaseException:
    import c2pa

    return ToolkitError(one_line(error)) if isinstance(error, c2pa.C2paError) else error

"""The engine seam: what a video is made with. Built-ins and strangers come through the same door.

An engine is a class named in the entry-point group ``sonic.engines``; ``open_engine(name)`` makes one.
"""

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any, Protocol, TypeVar

from sonic.errors import InstallError, SettingError
from sonic.settings import Settings
from sonic.types import Frame, Portrait, Speech

M = TypeVar("M")


class Engine(Protocol[M]):
    """Motion from speech, and frames from motion. ``M`` is the engine's own kind of motion, a piece of it.

    Both methods are generators: whoever takes frames decides when motion is made, and memory does not grow with the
    length of the recording. Closing the frames ends all work.
    """

    name: str

    def weights(self) -> dict[str, str]:
        """File -> SHA-256 of everything trained that this engine uses: for the record beside the video."""

    def drive(self, portrait: Portrait, speech: Speech, settings: Settings, duration_s: float) -> Iterator[M]:
        """Motion for the first ``duration_s`` seconds of the speech, at settings.fps, in pieces; lips on the sound."""

    def render(self, portrait: Portrait, motion: Iterator[M]) -> Iterator[Frame]:
        """The frames of this motion, in order, one at a time."""


def engine_names() -> tuple[str, ...]:
    """Engines that are installed."""
    return tuple(sorted(entry_points(group="sonic.engines").names))


def open_engine(name: str) -> Engine[Any]:
    """The engine of this name, ready to use.

    Raises SettingError for an unknown name, InstallError if a package that it needs is missing.
    """
    found = {entry.name: entry for entry in entry_points(group="sonic.engines")}
    if name not in found:
        raise SettingError(f"engine is {name!r}; installed are {', '.join(sorted(found))}")
    try:
        engine: Engine[Any] = found[name].load()()
    except ImportError as error:
        extra = found[name].extras[0] if found[name].extras else name
        raise InstallError(f"engine {name!r} needs {error.name}; pip install 'sonic-talk[{extra}]'") from error
    return engine

"""The engine seam: what a video is made with. Built-ins and strangers come through the same door.

An engine is a class named in the entry-point group ``sonic.engines``; ``open_engine(name)`` makes one.
"""

from collections.abc import Generator, Iterator
from importlib.metadata import entry_points
from typing import Any, Protocol, TypeVar

from sonic.errors import SettingError, import_failure
from sonic.settings import Settings
from sonic.types import Frame, Portrait, Speech, Watch

M = TypeVar("M")
_EXTRAS = {"svd": "gpu"}
"""Engine -> the extra that it needs; a stranger's extra is called like the engine."""


class Engine(Protocol[M]):
    """Motion from speech, and frames from motion. ``M`` is the engine's own kind of motion, a piece of it.

    Motion and frames are made lazily: whoever takes frames decides when motion is made. Closing the frames ends all
    work.
    """

    name: str

    def weights(self) -> dict[str, str]:
        """File -> SHA-256 of everything trained that this engine uses, once it drives: for the record of the video."""

    def drive(
        self, portrait: Portrait, speech: Speech, settings: Settings, duration_s: float, watch: Watch
    ) -> Iterator[M]:
        """Motion for the first ``duration_s`` seconds of the speech, at settings.fps, in pieces; lips on the sound.

        What can be refused (weights, memory, settings) is refused by the call; the work is done when pieces are asked
        for. ``watch`` hears of stages before the first frame, and what a person should read.
        """

    def render(self, portrait: Portrait, motion: Iterator[M]) -> Generator[Frame, None, None]:
        """The frames of this motion, in order, one at a time; closing the generator stops all work."""

    def close(self) -> None:
        """Give back what the engine holds, a device's memory for instance; harmless when repeated."""


def engine_names() -> tuple[str, ...]:
    """Engines that are installed."""
    return tuple(sorted(entry_points(group="sonic.engines").names))


def check_engine(name: str) -> None:
    """Raise SettingError if no engine of this name is installed; loads nothing, so ask before the work."""
    if name not in (installed := engine_names()):
        raise SettingError(f"engine is {name!r}; installed are {', '.join(installed)}")


def open_engine(name: str) -> Engine[Any]:
    """The engine of this name, ready to use.

    Raises SettingError for an unknown name, and as errors.import_failure if its packages cannot be loaded.
    """
    check_engine(name)
    found = {entry.name: entry for entry in entry_points(group="sonic.engines")}
    try:
        engine: Engine[Any] = found[name].load()()
    except ImportError as error:
        extra = _EXTRAS.get(name, name)
        raise import_failure(error, f"engine {name!r}", f"'sonic-talk[{extra}]'") from error
    return engine

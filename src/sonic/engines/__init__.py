"""The engine seam: what a video is made with. Built-in and third-party engines use the same entry points.

An engine is an ``EngineSpec`` named in the entry-point group ``sonic.engines``; ``open_engine(name)`` opens one.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, TypeVar

from sonic.errors import SettingError, import_failure
from sonic.settings import Settings
from sonic.types import Frame, Observer, Portrait, Speech

M = TypeVar("M")


class Engine(Protocol[M]):
    """Motion from speech, and frames from motion. ``M`` is the engine's own kind of motion, a piece of it.

    Motion and frames are made lazily: whoever takes frames decides when motion is made.
    """

    name: str

    def weights(self) -> dict[str, str]:
        """File -> SHA-256 of everything trained that this engine uses, once it drives: for the record of the video."""

    def drive(
        self, portrait: Portrait, speech: Speech, settings: Settings, duration_s: float, observer: Observer
    ) -> Iterator[M]:
        """Motion for the first ``duration_s`` seconds of the speech, at settings.fps, in pieces; lips on the sound.

        What can be refused (weights, memory, settings) is refused by the call; the work is done when pieces are asked
        for. ``observer`` observes the stages before the first frame, and gets what a person should read.
        """

    def render(self, portrait: Portrait, motion: Iterator[M]) -> Generator[Frame, None, None]:
        """The frames of this motion, in order, one at a time; closing the generator stops all work."""

    def close(self) -> None:
        """Give back what the engine holds, a device's memory for instance; harmless when repeated."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What is known of an engine before it is opened; reading it imports nothing heavy.

    Its settings are those entries of the table that name it (``Setting.engine``).
    """

    summary: str
    """What it is for, in one line."""
    load: Callable[[], Engine[Any]]
    """Opens it; an ImportError means that ``extra`` is not installed."""
    diagnose: Callable[[], str]
    """Whether it could run here, and what it lacks with the remedy, in one line: for `sonic doctor`."""
    extra: str = ""
    """The extra of sonic-talk that it needs, or the name of the package that brings it."""
    lacks: Callable[[], str] = str
    """What keeps it from running here, with the remedy, in one line; empty where nothing does. Loads nothing heavy."""


def engine_names() -> tuple[str, ...]:
    """Engines that are installed."""
    return tuple(sorted(_entries()))


def runnable_names() -> tuple[str, ...]:
    """Installed engines that lack nothing here: what a front end offers."""
    return tuple(name for name in engine_names() if _lacks_nothing(name))


def engine_spec(name: str) -> EngineSpec:
    """What is known of the engine of this name. Raises SettingError for an unknown one."""
    check_engine(name)
    spec: EngineSpec = _entries()[name].load()
    return spec


def check_engine(name: str) -> None:
    """Raise SettingError if no engine of this name is installed; loads nothing, so ask before the work."""
    if name not in (installed := engine_names()):
        raise SettingError(f"engine is {name!r}; installed are {', '.join(installed)}")


def open_engine(name: str) -> Engine[Any]:
    """The engine of this name, ready to use.

    Raises SettingError for an unknown name, and as errors.import_failure if its packages cannot be loaded.
    """
    spec = engine_spec(name)
    try:
        return spec.load()
    except ImportError as error:
        raise import_failure(error, f"engine {name!r}", f"'sonic-talk[{spec.extra}]'") from error


def _lacks_nothing(name: str) -> bool:
    try:
        return not engine_spec(name).lacks()
    except ImportError:  # of a package that brings an engine and is broken itself
        return False


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="sonic.engines")}

"""Engine ``light``: our own small weights on a CPU, motion decoded and rendered by warping the photo."""

from collections.abc import Generator, Iterator

from sonic.engines.light.drive import drive
from sonic.engines.light.renderers.warp import Renderer
from sonic.motion import Motion
from sonic.settings import Settings
from sonic.types import Frame, Observer, Portrait, Speech
from sonic.weights import TABLE


class LightEngine:
    """The default engine. Implements engines.Engine[Motion]."""

    name = "light"

    def weights(self) -> dict[str, str]:
        """File -> SHA-256 of the shipped weights."""
        return {entry.file: entry.sha256 for entry in TABLE.values()}

    def drive(
        self, portrait: Portrait, speech: Speech, settings: Settings, duration_s: float, observer: Observer
    ) -> Iterator[Motion]:
        """Motion for this speech; the same for every portrait, because Motion is relative to its neutral."""
        return drive(speech, settings, duration_s)

    def render(self, portrait: Portrait, motion: Iterator[Motion]) -> Generator[Frame, None, None]:
        """Frames at the size of portrait.crop."""
        return Renderer(portrait).render(motion)

    def close(self) -> None:
        """Nothing to give back: the networks are small and shared."""

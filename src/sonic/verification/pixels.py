"""What the pixels of a file say: the invisible watermark and the visible label, within a time limit."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path

from sonic.media.photo import load_photo
from sonic.media.video import sample_video, spread_keyframes
from sonic.provenance.read_back import MOST_PICTURES
from sonic.provenance.watermark import CERTAIN, Found, detect, presence
from sonic.types import U8
from sonic.verification.findings import LabelSeen
from sonic.verification.labels import LabelFound, find_label

PICTURES = ("JPEG", "PNG", "WebP picture", "BMP", "TIFF")
"""Kinds of file that are one picture, as media.sniff names them."""
VIDEOS = ("MP4", "WebM")
LABEL_FRAMES = 5
"""The first, where an opening label is, and four more."""
WATERMARK_FRAMES = 96
"""As many as ``detect`` takes."""


class Clock:
    """How much time is left for looking, and who observes each picture."""

    def __init__(self, longest_s: float, on_picture: Callable[[], None]) -> None:
        self._until = time.monotonic() + longest_s
        self._on_picture = on_picture
        self.rang = False
        """Whether pictures may have been left out because the time was over."""

    def is_over(self) -> bool:
        """Whether it is; from then on ``rang``."""
        self.rang = self.rang or time.monotonic() > self._until
        return self.rang

    def passed(self, pictures: Iterable[U8]) -> Iterator[U8]:
        """The pictures, until the time is over."""
        for rgb in pictures:
            if self.is_over():
                return
            self._on_picture()
            yield rgb


def look_for_label(path: Path, kind: str, clock: Clock) -> LabelSeen:
    """The visible label in some pictures of the file. Raises MediaError if none can be decoded."""
    seen: list[LabelFound | None] = []
    with closing(_pictures(path, kind, LABEL_FRAMES, clock)) as pictures:
        for rgb in clock.passed(pictures):
            seen.append(find_label(rgb))
    found = [one for one in seen if one is not None]
    best = max(found, key=lambda one: one.likeness, default=None)
    return LabelSeen(len(found), sum(one.is_label for one in found), best)


def look_for_watermark(path: Path, kind: str, clock: Clock) -> Found | None:
    """The watermark in pictures spread over the file. Raises MediaError if none can be decoded."""
    with closing(_pictures(path, kind, WATERMARK_FRAMES, clock)) as pictures:
        return detect(clock.passed(pictures))


def knows_watermark(path: Path, content_id: int, clock: Clock) -> bool:
    """Whether this id is in a whole, unchanged video; certain where ``look_for_watermark`` finds nothing too faint."""
    with closing(spread_keyframes(path, MOST_PICTURES, clock.is_over)) as frames:
        return presence((rgb for _, rgb in frames), content_id) >= CERTAIN


def _pictures(path: Path, kind: str, n: int, clock: Clock) -> Generator[U8, None, None]:
    if clock.is_over():
        return
    if kind in PICTURES:
        yield load_photo(path).rgb
    else:
        yield from sample_video(path, n, clock.is_over)

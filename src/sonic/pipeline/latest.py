"""What a session analysed last: another seed needs no new analysis, another recording none of the photo."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from sonic.faces.portrait import analyse_portrait
from sonic.media.photo import load_photo
from sonic.media.recording import load_speech
from sonic.pipeline.job import Job
from sonic.pipeline.preflight import Permit, check_photo, require_consent
from sonic.pipeline.prepare import PortraitOf, Prepared, analyse, report_opening
from sonic.settings import Settings, settings_table
from sonic.types import OnNotice, Photo, Portrait, Speech

Value = TypeVar("Value")
Key = tuple[object, ...]


class _Latest(Generic[Value]):
    """The value that was made last and the notices of making it, for as long as its key stays."""

    def __init__(self) -> None:
        self._kept: tuple[Key, Value, tuple[str, ...]] | None = None

    def get(self, key: Key | None, on_notice: OnNotice, make: Callable[[OnNotice], Value]) -> Value:
        """The value for this key, its notices given again where it is not made anew; without a key it always is."""
        kept = self._kept
        if kept is None or key is None or kept[0] != key:
            said: list[str] = []
            value = make(said.append)
            kept = self._kept = (key or (), value, tuple(said))
        for line in kept[2]:
            on_notice(line)
        return kept[1]

    def forget(self) -> None:
        """Give its memory back."""
        self._kept = None


class LatestAnalysis:
    """Keeps photo, speech and portrait of the latest job, each while its file and the settings it depends on stay."""

    def __init__(self) -> None:
        self._photo: _Latest[Photo] = _Latest()
        self._speech: _Latest[Speech] = _Latest()
        self._portrait: _Latest[Portrait] = _Latest()

    def prepared(
        self, job: Job, portrait: Path, speech: Path, permit: Permit, *, chin_at: float | None = None
    ) -> tuple[Prepared, Permit]:
        """Steps 1 and 2, refused as soon as it is known that there will be no video; and the permit for this photo.

        ``chin_at`` as for framing.frame_for: where captions will lie below the face.
        """
        settings, observer = job.settings, job.observer
        report_opening(observer, 0)
        photo = self._photo.get(_key(portrait), observer.notice, lambda _: load_photo(portrait))
        report_opening(observer, 1)
        recording = self._speech.get(
            _key(speech, settings.audio_track),
            observer.notice,
            lambda said: load_speech(speech, said, audio_track=settings.audio_track),
        )
        report_opening(observer, 2)
        check_photo(permit, photo, settings)
        framed = self._portrait_of(_key(portrait, *_framing(settings), chin_at), chin_at)
        prepared = analyse(portrait, photo, recording, settings, observer, portrait_of=framed)
        return prepared, require_consent(permit, prepared.portrait, settings)

    def forget(self) -> None:
        """Give its memory back."""
        for kept in (self._photo, self._speech, self._portrait):
            kept.forget()

    def _portrait_of(self, key: Key | None, chin_at: float | None) -> PortraitOf:
        return lambda photo, settings, on_notice: self._portrait.get(
            key, on_notice, lambda said: analyse_portrait(photo, settings, said, chin_at=chin_at)
        )


def _key(path: Path, *settings: object) -> Key | None:
    """What changes when the file or one of these settings does; None for a file that cannot be looked at."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return os.path.realpath(path), status.st_size, status.st_mtime_ns, status.st_ino, *settings


def _framing(settings: Settings) -> Key:
    """The values of all settings that the analysis of a portrait depends on."""
    return tuple(getattr(settings, name) for name, entry in settings_table().items() if entry.phase == "frame")

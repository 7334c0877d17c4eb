"""Steps 1 and 2: a photo and a recording become Prepared: both read, the face found, the picture framed."""

import ctypes
import math
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sonic.errors import SettingError
from sonic.faces.portrait import analyse_portrait
from sonic.media.photo import load_photo
from sonic.media.recording import load_speech
from sonic.settings import Settings
from sonic.types import Observer, OnNotice, Photo, Portrait, Progress, Speech

SAME_LENGTH_S = 0.1
"""A duration this close to the recording's own counts as equal to it."""
N_OPENING_STAGES = 3
"""Units of the stage "analyse": photo, speech, face."""

PortraitOf = Callable[[Photo, Settings, OnNotice], Portrait]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A portrait and a recording, ready to be animated."""

    photo_file: Path
    portrait: Portrait
    speech: Speech
    duration_s: float
    """Of the video."""
    settings: Settings


def report_opening(observer: Observer, done: int) -> None:
    """Say how many of photo, speech and face are done."""
    observer.progress(Progress("analyse", done, N_OPENING_STAGES))


def load(portrait: Path, speech: Path, settings: Settings, observer: Observer) -> tuple[Photo, Speech]:
    """Step 1 for both files, of the speech the track that settings name. Raises PhotoError and SpeechError."""
    report_opening(observer, 0)
    photo = load_photo(portrait)
    report_opening(observer, 1)
    recording = load_speech(speech, observer.notice, audio_track=settings.audio_track)
    report_opening(observer, 2)
    return photo, recording


def prepare(portrait: Path, speech: Path, settings: Settings, observer: Observer) -> Prepared:
    """Steps 1 and 2 from files. Raises as ``load`` and ``analyse``."""
    return analyse(portrait, *load(portrait, speech, settings, observer), settings, observer)


def analyse(
    photo_file: Path,
    photo: Photo,
    speech: Speech,
    settings: Settings,
    observer: Observer,
    *,
    longest_s: float = math.inf,
    portrait_of: PortraitOf | None = None,
) -> Prepared:
    """Step 2: the face that settings name, the picture that they frame, and how long the video gets.

    ``portrait_of`` is asked instead of the analysis, by who may have it already.

    Raises FaceError, and SettingError where settings.duration is longer than the recording.
    """
    duration_s = min(_duration_s(speech, settings, observer.notice), longest_s)
    portrait = (portrait_of or analyse_portrait)(photo, settings, observer.notice)
    report_opening(observer, 3)
    _return_freed_memory()
    return Prepared(photo_file, portrait, speech, duration_s, settings)


def _return_freed_memory() -> None:
    """glibc keeps freed memory for later: 25 MB after the face analysis."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library, such as musl
            ctypes.CDLL(None).malloc_trim(0)


def _duration_s(speech: Speech, settings: Settings, on_notice: OnNotice) -> float:
    """Audio decides the length: settings.duration may only shorten it."""
    wanted, own = settings.duration, speech.duration_s
    if wanted is None or abs(wanted - own) <= SAME_LENGTH_S:
        return own
    if wanted > own:
        raise SettingError(
            f"duration is {wanted:g} s but the recording has {own:.2f} s: the rest would be silent; "
            f"leave duration out or give at most {own:.2f}"
        )
    on_notice(f"duration {wanted:g} s trims the recording of {own:.2f} s; picture and sound end together")
    return wanted

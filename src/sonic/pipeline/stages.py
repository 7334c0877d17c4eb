"""The steps of generate() one by one, with values between them: for graphs of nodes, and for generate() itself.

    prepared = prepare(portrait_file, speech_file, settings, watch)     the face is found, the picture framed
    take = drive(prepared, watch)                                       there is motion; kept(take) makes all of it
    clip = clip_of(take)                                                labelled, watermarked frames, when asked for
    save(take, "out.mp4", consent=consent, job=Listener(watch, settings))   the signed video with its record

Nothing leaves without label and watermark; ``save`` and ``give`` ask for consent and enter what they give out in the
audit log.
"""

import ctypes
import dataclasses
import math
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sonic.counts import video_frames
from sonic.engines import Engine, open_engine
from sonic.errors import SettingError
from sonic.faces.portrait import analyse
from sonic.media.photo import load_photo
from sonic.media.recording import load_speech
from sonic.pipeline.mark import finish
from sonic.pipeline.preflight import grounds, ready
from sonic.pipeline.write import check_output, record_path, write
from sonic.provenance import audit
from sonic.provenance.consent import Consent
from sonic.provenance.label import make_label
from sonic.provenance.record import Record
from sonic.provenance.signer import identity
from sonic.settings import Settings, knobs
from sonic.types import Clip, Frame, OnNotice, Photo, Portrait, Progress, Speech, Watch

SAME_LENGTH_S = 0.1
"""A duration this close to the recording's own counts as equal to it."""
N_OPENING_STAGES = 3
"""Units of the stage "analyse": photo, speech, face."""
NOT_MOTION = ("crf", "encoder_preset", "label_position", "label_span", "language", "purpose")
"""Settings that come after motion: another value of these leaves it as it is."""

OnFrame = Callable[[Frame], None]
"""Sees each labelled frame before it is encoded; must not draw on it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What generate() made."""

    video: Path
    record: Path
    """JSON: who allowed what, and what the video was made from and with."""
    duration_s: float
    n_frames: int
    size_px: tuple[int, int]
    notices: tuple[str, ...]
    """Everything that a person should read about this job."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A portrait and a recording, ready to be animated."""

    photo_file: Path
    portrait: Portrait
    speech: Speech
    duration_s: float
    """Of the video."""
    settings: Settings


@dataclass(frozen=True, slots=True)
class Take:
    """Motion for a prepared portrait."""

    prepared: Prepared
    """Its settings are those that the motion was made with, apart from NOT_MOTION."""
    engine: Engine[Any]
    motion: Iterable[Any]
    """The engine's pieces: a tuple in a take that is kept, else an iterator that can be used once."""

    @property
    def settings(self) -> Settings:
        """All that were chosen."""
        return self.prepared.settings

    @property
    def n_frames(self) -> int:
        """Of the video."""
        return video_frames(self.prepared.duration_s, self.settings.fps)


class Listener:
    """Who hears of one job: passes on progress, and collects the notices for the record."""

    def __init__(self, watch: Watch, settings: Settings, earlier: Iterable[str] = ()) -> None:
        """``earlier``: notices that were heard before, of steps whose results are used again."""
        self._watch = watch
        self.settings = settings
        self.notices = list(earlier)
        self.watch = Watch(watch.progress, self._noticed)
        for line in settings.notices():
            self._noticed(line)

    def _noticed(self, line: str) -> None:
        if line not in self.notices:
            self.notices.append(line)
            self._watch.notice(line)


def load(portrait: Path, speech: Path, settings: Settings, watch: Watch) -> tuple[Photo, Speech]:
    """Step 1 for both files, of the speech the track that settings name. Raises PhotoError and SpeechError."""
    _opening(watch, 0)
    photo = load_photo(portrait)
    _opening(watch, 1)
    recording = load_speech(speech, watch.notice, audio_track=settings.audio_track)
    _opening(watch, 2)
    return photo, recording


def prepare(portrait: Path, speech: Path, settings: Settings, watch: Watch) -> Prepared:
    """Steps 1 and 2 from files. Raises as ``load`` and ``framed``."""
    return framed(portrait, *load(portrait, speech, settings, watch), settings, watch)


def framed(
    photo_file: Path, photo: Photo, speech: Speech, settings: Settings, watch: Watch, *, longest_s: float = math.inf
) -> Prepared:
    """Step 2: the face that settings name, the picture that they frame, and how long the video gets.

    Raises FaceError, and SettingError where settings.duration is longer than the recording.
    """
    duration_s = min(_duration_s(speech, settings, watch.notice), longest_s)
    portrait = analyse(photo, settings, watch.notice)
    _opening(watch, 3)
    _return_freed_memory()
    return Prepared(photo_file, portrait, speech, duration_s, settings)


def drive(prepared: Prepared, watch: Watch, engine: Engine[Any] | None = None) -> Take:
    """Step 3, lazily: motion is made as frames are asked for. ``engine`` None opens the one that settings name.

    What the engine refuses (weights, memory, settings) it refuses now.
    """
    engine = engine or open_engine(prepared.settings.engine)
    motion = engine.drive(prepared.portrait, prepared.speech, prepared.settings, prepared.duration_s, watch)
    return Take(prepared, engine, motion)


def kept(take: Take, watch: Watch) -> Take:
    """The same take with all of its motion made now, to be looked at and rendered as often as one likes.

    ``watch`` hears of stage "drive" in pieces, so that it can stop the work by raising.
    """
    pieces = []
    watch.progress(Progress("drive", 0, take.n_frames))
    for piece in take.motion:
        pieces.append(piece)
        done = sum(len(p) for p in pieces if hasattr(p, "__len__"))
        watch.progress(Progress("drive", min(done, take.n_frames) or take.n_frames, take.n_frames))
    return dataclasses.replace(take, motion=tuple(pieces))


def changed(take: Take, settings: Settings, watch: Watch) -> Take:
    """The take with other settings; its motion is made anew, and kept, only where they concern it."""
    prepared = dataclasses.replace(take.prepared, settings=settings)
    if not _differ(take.settings, settings):
        return dataclasses.replace(take, prepared=prepared)
    return kept(drive(prepared, watch, take.engine), watch)


def clip_of(take: Take, on_frame: OnFrame | None = None) -> Clip:
    """Steps 4 and 5: frames as they are asked for, with label and watermark. A kept take gives any number of clips."""
    prepared, settings = take.prepared, take.settings
    label = make_label(prepared.portrait, settings, take.n_frames)
    clip = finish(
        take.engine.render(prepared.portrait, iter(take.motion)),
        size_px=prepared.portrait.size_px,
        n_frames=take.n_frames,
        fps=settings.fps,
        sound=prepared.speech.sound,
        duration_s=prepared.duration_s,
        label=label,
        produce_id=uuid.uuid4().hex,
    )
    return clip if on_frame is None else dataclasses.replace(clip, frames=_Seen(clip.frames, on_frame))


def permitted(
    job: Listener, portrait: Path, speech: Path, consent: Consent, engine: Engine[Any] | None = None
) -> tuple[Take, Consent]:
    """Steps 1 to 3, refused as early as is known that there will be no video; and the consent, signed."""
    policy = ready(consent, job.settings)
    photo, recording = load(portrait, speech, job.settings, job.watch)
    signed = grounds(consent, photo, job.settings, policy)
    return drive(framed(portrait, photo, recording, job.settings, job.watch), job.watch, engine), signed


def save(
    take: Take,
    out: str | Path,
    *,
    consent: Consent,
    job: Listener,
    on_frame: OnFrame | None = None,
    overwrite: bool = False,
) -> Result:
    """Steps 4 to 6: the video ``out`` (.mp4), signed, with its record and its entry in the audit log.

    An earlier output of that name is replaced; another file only with ``overwrite``, see write.is_foreign.
    The record holds the notices that ``job`` heard. The file appears under its final name only when it is complete.
    """
    out, prepared, settings = Path(out), take.prepared, take.settings
    check_output(out, prepared.photo_file, prepared.speech.sound.source, overwrite=overwrite)
    policy = ready(consent, settings)
    signer = identity()
    photo = prepared.portrait.photo
    signed = grounds(consent, photo, settings, policy)
    clip = clip_of(take, on_frame)
    with closing(clip.frames):  # type: ignore[type-var]
        video = write(
            clip, out, record=_record(take, signed, clip, job), photo_file=prepared.photo_file, signer=signer,
            settings=settings, watch=job.watch, overwrite=overwrite,
        )  # fmt: skip
    return Result(video, record_path(video), clip.duration_s, clip.n_frames, clip.size_px, tuple(job.notices))


def give(take: Take, *, consent: Consent, job: Listener, on_frame: OnFrame | None = None) -> Clip:
    """Steps 4 and 5 for a program that takes the frames itself; closing clip.frames stops all work.

    The audit log has an entry; metadata, signature and sound are lost where no file is written.
    """
    policy = ready(consent, take.settings)
    signed = grounds(consent, take.prepared.portrait.photo, take.settings, policy)
    clip = clip_of(take, on_frame)
    audit.append("stream", audit.facts_of(_record(take, signed, clip, job)))
    return clip


def _record(take: Take, signed: Consent, clip: Clip, job: Listener) -> Record:
    return Record.of(
        consent=signed,
        photo=take.prepared.portrait.photo,
        sound=clip.sound,
        settings=take.settings,
        clip=clip,
        notices=tuple(job.notices),
        weights=take.engine.weights(),
    )


class _Seen(Iterator[Frame]):
    """Frames that somebody looks at in passing."""

    def __init__(self, frames: Iterator[Frame], on_frame: OnFrame) -> None:
        self._frames, self._on_frame = frames, on_frame

    def __next__(self) -> Frame:
        frame = next(self._frames)
        self._on_frame(frame)
        return frame

    def close(self) -> None:
        """Stop the work behind the frames."""
        if close := getattr(self._frames, "close", None):
            close()


def _differ(before: Settings, after: Settings) -> bool:
    """Whether these settings ask for different motion."""
    return any(
        getattr(before, name) != getattr(after, name) and knob.engine in ("", after.engine)
        for name, knob in knobs().items()
        if name not in NOT_MOTION
    )


def _opening(watch: Watch, done: int) -> None:
    watch.progress(Progress("analyse", done, N_OPENING_STAGES))


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

"""generate(): the six steps, in order. load -> analyse -> drive -> render -> finish -> write."""

import ctypes
import math
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sonic.analyse import analyse
from sonic.engines import Engine, open_engine
from sonic.errors import ConsentError, SettingError
from sonic.finish import finish
from sonic.load import load_photo, load_speech
from sonic.provenance import audit
from sonic.provenance.consent import Consent
from sonic.provenance.consent.check import authorise
from sonic.provenance.keys import identity
from sonic.provenance.label import make_label
from sonic.provenance.manifest import Record
from sonic.provenance.policy import Policy, active
from sonic.settings import Settings
from sonic.types import Clip, Frame, OnNotice, OnProgress, Photo, Progress, Speech, Watch
from sonic.write import check_output, record_path, write

SAME_LENGTH_S = 0.1
"""A duration this close to the recording's own counts as equal to it."""
N_OPENING_STAGES = 3
"""Units of the stage "analyse": photo, speech, face."""


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


def generate(
    portrait: str | Path,
    speech: str | Path,
    out: str | Path,
    *,
    consent: Consent,
    settings: Settings | None = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
) -> Result:
    """Make the video ``out`` (.mp4) of ``portrait`` saying ``speech``, with its record beside it.

    The output appears under its final name only when it is complete. Raises a SonicError for anything a user can mend.
    """
    out = Path(out)
    check_output(out, Path(portrait), Path(speech))
    job = _Job(settings or Settings(), on_progress, on_notice)
    policy = _policy(job, consent)
    signer = identity()
    photo, recording = _load(job, portrait, speech)
    grounds = _grounds(job, consent, photo, policy)
    engine = open_engine(job.settings.engine)
    clip = _make_clip(job, engine, photo, recording)
    record = _record(job, grounds, photo, clip, engine)
    with closing(clip.frames):  # type: ignore[type-var]
        video = write(
            clip, out, record=record, photo_file=Path(portrait), signer=signer, settings=job.settings,
            on_progress=job.on_progress, on_notice=job.notice,
        )  # fmt: skip
    return Result(video, record_path(video), clip.duration_s, clip.n_frames, clip.size_px, tuple(job.notices))


def stream(
    portrait: str | Path,
    speech: str | Path,
    *,
    consent: Consent,
    settings: Settings | None = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
) -> Iterator[Frame]:
    """The labelled frames of the video, one at a time, at settings.fps; closing the iterator stops all work.

    Sound is not part of the stream: frame i belongs to the sound from i / fps.
    """
    job = _Job(settings or Settings(), on_progress, on_notice)
    policy = _policy(job, consent)
    photo, recording = _load(job, portrait, speech)
    grounds = _grounds(job, consent, photo, policy)
    engine = open_engine(job.settings.engine)
    clip = _make_clip(job, engine, photo, recording)
    audit.append("stream", audit.facts_of(_record(job, grounds, photo, clip, engine)))
    return clip.frames


def preview(
    portrait: str | Path,
    speech: str | Path,
    *,
    longest_s: float,
    settings: Settings | None = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
) -> Clip:
    """The labelled opening of a video, at most ``longest_s``, for looking at stills."""
    job = _Job(settings or Settings(), on_progress, on_notice)
    photo, recording = _load(job, portrait, speech)
    return _make_clip(job, open_engine(job.settings.engine), photo, recording, longest_s=longest_s)


class _Job:
    """The settings and listeners of one call; collects the notices for the record."""

    def __init__(self, settings: Settings, on_progress: OnProgress | None, on_notice: OnNotice | None) -> None:
        self.settings = settings
        self.on_progress: OnProgress = on_progress or (lambda progress: None)
        self.notices: list[str] = []
        self._tell = on_notice or (lambda line: None)
        for line in settings.notices():
            self.notice(line)

    def notice(self, line: str) -> None:
        self.notices.append(line)
        self._tell(line)

    def analysed(self, done: int) -> None:
        self.on_progress(Progress("analyse", done, N_OPENING_STAGES))


def _policy(job: _Job, consent: object) -> Policy:
    """The policy that holds, once it is known that there are grounds, a place for the log, and allowed settings."""
    if not isinstance(consent, Consent):
        raise ConsentError(f"consent is {consent!r}; every video needs grounds, give a sonic.Consent")
    policy = active()
    policy.check_settings(job.settings)
    audit.ready()
    return policy


def _grounds(job: _Job, consent: Consent, photo: Photo, policy: Policy) -> Consent:
    """The signed consent for this photo, language and purpose."""
    return authorise(consent, photo, language=job.settings.language, purpose=job.settings.purpose, policy=policy)


def _record(job: _Job, grounds: Consent, photo: Photo, clip: Clip, engine: Engine[Any]) -> Record:
    return Record.of(
        consent=grounds,
        photo=photo,
        sound=clip.sound,
        settings=job.settings,
        clip=clip,
        notices=tuple(job.notices),
        weights=engine.weights(),
    )


def _load(job: _Job, portrait: str | Path, speech: str | Path) -> tuple[Photo, Speech]:
    job.analysed(0)
    photo = load_photo(Path(portrait))
    job.analysed(1)
    recording = load_speech(Path(speech), job.notice)
    job.analysed(2)
    return photo, recording


def _make_clip(job: _Job, engine: Engine[Any], photo: Photo, recording: Speech, *, longest_s: float = math.inf) -> Clip:
    settings = job.settings
    duration_s = min(_duration_s(recording, settings, job.notice), longest_s)
    portrait = analyse(photo, settings, job.notice)
    job.analysed(3)
    _return_freed_memory()
    motion = engine.drive(portrait, recording, settings, duration_s, Watch(job.on_progress, job.notice))
    n_frames = max(1, round(duration_s * settings.fps))
    label = make_label(portrait, settings, n_frames)
    return finish(
        engine.render(portrait, motion),
        size_px=portrait.size_px,
        n_frames=n_frames,
        fps=settings.fps,
        sound=recording.sound,
        duration_s=duration_s,
        label=label,
        produce_id=uuid.uuid4().hex,
    )


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

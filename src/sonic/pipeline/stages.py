"""The steps of generate() one by one, with values between them: for graphs of nodes, and for generate() itself.

    job = Job(settings, observer)
    prepared = prepare(photo, recording, settings, job.observer)   (in prepare.py) the face is found, the picture framed
    take = drive(prepared, job.observer)                           there is motion; materialize(take) makes all of it
    pictures = stills(take, 8)                                     some labelled, watermarked frames to look at
    permit = request_permit(consent, settings, out)
    save(take, out, permit=permit, job=job)                        the signed video with its record

Nothing leaves without label and watermark. ``save`` and ``stream_clip``, which alone give a run of frames, require
consent and enter what they give out in the audit log; ``stills`` gives a few, too far apart to be a video.
"""

import dataclasses
import itertools
import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sonic.captions import Captions
from sonic.captions.draw import CaptionPainter, CaptionStyle, captioned
from sonic.counts import video_frames
from sonic.engines import Engine, open_engine
from sonic.errors import SettingError
from sonic.pipeline.job import Job
from sonic.pipeline.mark import finish
from sonic.pipeline.preflight import Permit, require_consent
from sonic.pipeline.prepare import Prepared
from sonic.pipeline.write import record_path, write
from sonic.provenance import audit
from sonic.provenance.label import make_label
from sonic.provenance.read_back import FAINT_SIDE_PX
from sonic.provenance.record import Record
from sonic.provenance.signer import exposed_keys
from sonic.settings import Settings, settings_table
from sonic.settings.platforms import platform
from sonic.types import (
    Clip,
    Frame,
    Frames,
    Observer,
    OnFrame,
    OnProgress,
    Progress,
    ignore,
)

MOTION_PHASES = ("load", "speech", "frame", "drive", "time")
"""Settings of later phases leave the motion as it is."""

MOST_STILLS = 24
"""Pictures of one take that ``stills`` gives."""
STILLS_APART_S = 0.25
"""Least time between two of them."""
OPENING_S = 6.0
"""How much of the speech they are of: enough to judge mouth, head and label, and quick."""


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
class MotionTake:
    """Motion for a prepared portrait."""

    prepared: Prepared
    """Its settings are those that the motion was made with, apart from those of the phases mark and encode."""
    motion: Iterable[Any]
    """The engine's pieces: a tuple once it was materialized, else an iterator that can be used once."""
    _engine: Engine[Any]
    """Private: what it renders is not marked yet."""

    @property
    def settings(self) -> Settings:
        """All that were chosen."""
        return self.prepared.settings

    @property
    def n_frames(self) -> int:
        """Of the video."""
        return video_frames(self.prepared.duration_s, self.settings.fps)


def drive(prepared: Prepared, observer: Observer, engine: Engine[Any] | None = None) -> MotionTake:
    """Step 3, lazily: motion is made as frames are asked for. ``engine`` None opens the one that settings name.

    What the engine refuses (weights, memory, settings) it refuses now.
    """
    engine = engine or open_engine(prepared.settings.engine)
    motion = engine.drive(prepared.portrait, prepared.speech, prepared.settings, prepared.duration_s, observer)
    return MotionTake(prepared, motion, engine)


def materialize(take: MotionTake, observer: Observer) -> MotionTake:
    """The same take with all of its motion made now, to be looked at and rendered as often as one likes.

    ``observer`` observes the stage "drive" piece by piece and can stop it by raising.
    """
    pieces = []
    observer.progress(Progress("drive", 0, take.n_frames))
    for piece in take.motion:
        pieces.append(piece)
        done = sum(len(p) for p in pieces if hasattr(p, "__len__"))
        observer.progress(Progress("drive", min(done, take.n_frames) or take.n_frames, take.n_frames))
    return dataclasses.replace(take, motion=tuple(pieces))


def changed(take: MotionTake, settings: Settings, observer: Observer) -> MotionTake:
    """The take with other settings; its motion is made anew, and kept, only where they concern it."""
    prepared = dataclasses.replace(take.prepared, settings=settings)
    if not _differ(take.settings, settings):
        return dataclasses.replace(take, prepared=prepared)
    return materialize(drive(prepared, observer, take._engine), observer)


def stills(
    take: MotionTake, n_pictures: int, on_progress: OnProgress = ignore, *, longest_s: float = OPENING_S
) -> tuple[Frame, ...]:
    """Labelled, watermarked frames to look at, evenly spaced over the first ``longest_s`` seconds of the take.

    At most MOST_STILLS, and fewer than asked for where they would be closer than STILLS_APART_S. Raises SettingError
    for more.
    """
    if not 1 <= n_pictures <= MOST_STILLS:
        raise SettingError(f"{n_pictures} pictures are asked for; 1 to {MOST_STILLS} are given without consent")
    clip = _clip_of(take, None)
    end = min(clip.n_frames, math.ceil(longest_s * clip.fps))
    apart = max(math.ceil(STILLS_APART_S * clip.fps), (end - 1) / max(1, n_pictures - 1))
    wanted = {round(i * apart) for i in range(n_pictures) if round(i * apart) < end}
    kept = []
    with clip.frames as frames:
        for frame in itertools.islice(frames, max(wanted) + 1):
            on_progress(Progress("preview", frame.index + 1, max(wanted) + 1))
            if frame.index in wanted:
                kept.append(frame)
    return tuple(kept)


def _clip_of(
    take: MotionTake, job: Job | None, captions: Captions | None = None, style: CaptionStyle | None = None
) -> Clip:
    """Steps 4 and 5: frames as they are asked for, with label and watermark; who observes the job sees copies.

    Captions are drawn where there is a style: before the label and the watermark, which nothing may cover.
    """
    prepared, settings = take.prepared, take.settings
    label = make_label(prepared.portrait, settings, take.n_frames)
    frames = take._engine.render(prepared.portrait, iter(take.motion))
    if captions is not None and style is not None and captions.cues:
        safe = platform(settings.platform).safe_area if settings.platform else None
        notice = job.observer.notice if job else ignore
        painter = CaptionPainter(captions, prepared.portrait, label, style, safe, notice)
        frames = captioned(frames, painter, settings.fps)
    clip = finish(
        frames,
        size_px=prepared.portrait.size_px,
        n_frames=take.n_frames,
        fps=settings.fps,
        sound=prepared.speech.sound,
        duration_s=prepared.duration_s,
        label=label,
        produce_id=uuid.uuid4().hex,
    )
    if job is None or not job.shows_frames:
        return clip
    return dataclasses.replace(clip, frames=_Observed(clip.frames, job.observer.frame))


def save(
    take: MotionTake,
    out: str | Path,
    *,
    permit: Permit,
    job: Job,
    live: Path | None = None,
    captions: Captions | None = None,
    style: CaptionStyle | None = None,
) -> Result:
    """Steps 4 to 6: the video ``out`` (.mp4), signed, with its record and its entry in the audit log.

    An earlier output of that name is replaced; another file only as the permit says, see write.is_foreign. The record
    holds the notices of ``job``. The file appears under its final name only when it is complete; ``live`` is a file
    that can be watched meanwhile, see media.encode.
    """
    prepared = take.prepared
    permit = require_consent(permit, prepared.portrait, take.settings)
    clip = _clip_of(take, job, captions, style)
    _say_what_is_weak(clip, job)
    record = _record(take, permit, clip, job)
    if live is not None:  # seen before the video has its own entry, and even if it never gets one
        audit.append("stream", audit.facts_of(record))
    with clip.frames:
        video = write(
            clip, Path(out), record=record, photo_file=prepared.photo_file,
            signer=permit.signer, settings=take.settings, observer=job.observer, overwrite=permit.overwrite,
            live=live,
        )  # fmt: skip
    return Result(video, record_path(video), clip.duration_s, clip.n_frames, clip.size_px, tuple(job.notices))


def stream_clip(
    take: MotionTake, *, permit: Permit, job: Job, captions: Captions | None = None, style: CaptionStyle | None = None
) -> Clip:
    """Steps 4 and 5 for a program that takes the frames itself; closing clip.frames stops all work.

    The audit log has an entry; metadata, signature and sound are lost where no file is written.
    """
    permit = require_consent(permit, take.prepared.portrait, take.settings)
    clip = _clip_of(take, job, captions, style)
    _say_what_is_weak(clip, job)
    audit.append("stream", audit.facts_of(_record(take, permit, clip, job)))
    return clip


def _record(take: MotionTake, permit: Permit, clip: Clip, job: Job) -> Record:
    return Record.of(
        consent=permit.consent,
        producer=permit.producer,
        photo=take.prepared.portrait.photo,
        sound=clip.sound,
        settings=take.settings,
        clip=clip,
        notices=tuple(job.notices),
        weights=take._engine.weights(),
    )


def _say_what_is_weak(clip: Clip, job: Job) -> None:
    """Before the record is made, so that it says so too."""
    for line in exposed_keys():
        job.observer.notice(line)
    if min(clip.size_px) < FAINT_SIDE_PX:
        width, height = clip.size_px
        job.observer.notice(
            f"in a picture of {width}x{height} px the invisible watermark is too faint to be read in most videos; "
            f"choose a min_resolution of {FAINT_SIDE_PX} or more"
        )


class _Observed(Frames):
    """Frames of which somebody sees a copy in passing: whatever is drawn on it, the video has the frame itself."""

    def __init__(self, frames: Frames, on_frame: OnFrame) -> None:
        self._frames, self._on_frame = frames, on_frame

    def __next__(self) -> Frame:
        frame = next(self._frames)
        seen = frame.rgb.copy()  # a view would do for the honest only: its base can be written
        seen.flags.writeable = False
        self._on_frame(Frame(seen, frame.index))
        return frame

    def close(self) -> None:
        """Stop the work behind the frames."""
        self._frames.close()


def _differ(before: Settings, after: Settings) -> bool:
    """Whether these settings ask for different motion."""
    return any(
        getattr(before, name) != getattr(after, name) and entry.engine in ("", after.engine)
        for name, entry in settings_table().items()
        if entry.phase in MOTION_PHASES
    )

"""What every front end holds one of: engines that stay warm between jobs, and the jobs that are done with them."""

import os
import shutil
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, overload

from sonic.captions import Script
from sonic.counts import video_frames
from sonic.engines import Engine, check_engine, open_engine
from sonic.errors import OutputError
from sonic.media.inputs import PathInput, PictureInput, SoundInput, as_files
from sonic.pipeline import stages
from sonic.pipeline.captioning import CaptionRequest
from sonic.pipeline.job import Job
from sonic.pipeline.language import settle_language
from sonic.pipeline.latest import LatestAnalysis
from sonic.pipeline.plan import Plan, time_of
from sonic.pipeline.preflight import request_permit
from sonic.pipeline.prepare import Prepared, analyse, load
from sonic.pipeline.stages import Result
from sonic.provenance.consent import Consent
from sonic.provenance.consent.resolve import ConsentInput, consent_from
from sonic.settings import DEFAULTS
from sonic.settings.common import AUTO_LANGUAGE
from sonic.types import Frame, Frames, Observer


@dataclass(frozen=True, slots=True)
class Delivered:
    """A video that was made without a file of its own."""

    video: bytes | None
    """The MP4; None where a file object took it."""
    record: str
    """JSON, what would lie beside a file: keep it with the video, sonic.verify looks for it there."""
    duration_s: float
    n_frames: int
    size_px: tuple[int, int]
    notices: tuple[str, ...]


class Session:
    """Engines are opened when a job first needs them and stay open until ``close``; the latest analysis is kept too.

        with Session() as session:
            for speech in lessons:
                session.generate("teacher.jpg", speech, f"{speech.stem}.mp4", consent=consent, job=Job(settings))

    May be used from several threads. Engine ``light`` does any number of jobs at once; engine ``svd`` holds a device
    and is meant for one at a time.
    """

    def __init__(self) -> None:
        self._engines: dict[str, Engine[Any]] = {}
        self._opening = threading.Lock()
        self._latest = LatestAnalysis()

    def warm(self, name: str) -> None:
        """Open the engine of this name, if it is not. Raises SettingError and InstallError as ``open_engine``."""
        self._opened(name)

    def drive(self, prepared: Prepared, observer: Observer) -> stages.MotionTake:
        """stages.drive with the session's engine."""
        return stages.drive(prepared, observer, self._opened(prepared.settings.engine))

    @overload
    def generate(
        self,
        portrait: PictureInput,
        speech: SoundInput,
        out: PathInput,
        *,
        consent: ConsentInput,
        job: Job,
        overwrite: bool = False,
        live: Path | None = None,
        captions: CaptionRequest | None = None,
    ) -> Result: ...
    @overload
    def generate(
        self,
        portrait: PictureInput,
        speech: SoundInput,
        out: BinaryIO | None = None,
        *,
        consent: ConsentInput,
        job: Job,
        overwrite: bool = False,
        live: Path | None = None,
    ) -> Delivered: ...
    def generate(
        self,
        portrait: PictureInput,
        speech: SoundInput,
        out: PathInput | BinaryIO | None = None,
        *,
        consent: ConsentInput,
        job: Job,
        overwrite: bool = False,
        live: Path | None = None,
        captions: CaptionRequest | None = None,
    ) -> Result | Delivered:
        """Make the video ``out`` (.mp4) of ``portrait`` saying ``speech``, with its record beside it.

        It appears under its final name only when it is complete; ``overwrite`` allows it to replace a file that is no
        earlier output. A file object gets the video instead; without ``out`` it is returned. ``live`` is a file that
        can be watched while it grows, a fragmented MP4 with the same marks; the audit log has an entry for it, and the
        caller removes it. With ``captions``, which need a path, ``out`` as .vtt and .srt lie beside it, and are drawn
        into it where that is asked for. Raises a SonicError for anything a user can mend.
        """
        grounds = consent_from(consent)
        with as_files(portrait, speech) as (photo, sound):
            if isinstance(out, str | os.PathLike):
                return self._made(
                    photo, sound, Path(out), grounds, job, overwrite=overwrite, live=live, captions=captions
                )
            if captions is not None:
                raise OutputError("captions lie beside a video; give out as a path that ends in .mp4")
            if out is not None and not hasattr(out, "write"):
                raise OutputError(f"out is {out!r}; give a path that ends in .mp4, a binary file object, or None")
            with tempfile.TemporaryDirectory(prefix="sonic-", ignore_cleanup_errors=True) as folder:
                return _delivered(self._made(photo, sound, Path(folder) / "video.mp4", grounds, job), out)

    def _made(
        self,
        portrait: Path,
        speech: Path,
        out: Path,
        consent: Consent,
        job: Job,
        *,
        overwrite: bool = False,
        live: Path | None = None,
        captions: CaptionRequest | None = None,
    ) -> Result:
        check_engine(job.settings.engine)
        script = self._heard(captions, job, speech, out, overwrite=overwrite)
        permit = request_permit(consent, job.settings, out, portrait, speech, overwrite=overwrite)
        engine = self._opened(job.settings.engine)
        chin_at = captions.chin_at(job.settings) if captions else None
        prepared, permit = self._latest.prepared(job, portrait, speech, permit, chin_at=chin_at)
        take = stages.drive(prepared, job.observer, engine)
        if captions is None:
            return stages.save(take, out, permit=permit, job=job, live=live)
        times = captions.timed(script, prepared, job)
        made = stages.save(take, out, permit=permit, job=job, live=live, captions=times, style=captions.style)
        captions.write(times, out)
        return made

    @staticmethod
    def _heard(
        captions: CaptionRequest | None, job: Job, speech: Path, out: Path | None, *, overwrite: bool = False
    ) -> Script | None:
        """The text of captions, and the language of the recording where it is to be found."""
        script = captions.read(out, overwrite=overwrite) if captions else None
        if captions is not None and captions.source is None and job.settings.language is None:
            job.settings = job.settings.replace(language=AUTO_LANGUAGE)
        settle_language(job, speech, weights=captions.weights if captions else None)
        return script

    def plan(
        self,
        portrait: PictureInput,
        speech: SoundInput,
        out: PathInput | None = None,
        *,
        consent: ConsentInput,
        job: Job,
        overwrite: bool = False,
    ) -> Plan:
        """What ``generate`` would make of this, after all of its checks; writes and logs nothing.

        Raises what ``generate`` raises before its first frame.
        """
        check_engine(job.settings.engine)
        with as_files(portrait, speech) as (photo, sound):
            settle_language(job, sound)
            settings = job.settings
            files = () if out is None else (photo, sound)
            where = None if out is None else Path(out)
            permit = request_permit(consent_from(consent), settings, where, *files, overwrite=overwrite)
            prepared, _ = self._latest.prepared(job, photo, sound, permit)
            takes_s = (
                time_of(prepared, self._opened(settings.engine)) if settings.engine == DEFAULTS["engine"] else None
            )
            n_frames = video_frames(prepared.duration_s, settings.fps)
            return Plan(prepared.portrait.size_px, prepared.duration_s, n_frames, takes_s)

    def stream(
        self,
        portrait: PictureInput,
        speech: SoundInput,
        *,
        consent: ConsentInput,
        job: Job,
        captions: CaptionRequest | None = None,
    ) -> Frames:
        """The labelled frames of the video, one at a time, at settings.fps; closing them stops all work.

        Sound is not part of the stream: frame i belongs to the sound from i / fps. ``captions`` are drawn if they have
        a style; there is no file beside which others could lie.
        """
        check_engine(job.settings.engine)
        with ExitStack() as stack:
            photo, sound = stack.enter_context(as_files(portrait, speech))
            drawn = captions if captions is not None and captions.style is not None else None
            script = self._heard(drawn, job, sound, None)
            permit = request_permit(consent_from(consent), job.settings)
            engine = self._opened(job.settings.engine)
            chin_at = drawn.chin_at(job.settings) if drawn else None
            prepared, permit = self._latest.prepared(job, photo, sound, permit, chin_at=chin_at)
            take = stages.drive(prepared, job.observer, engine)
            times, style = (drawn.timed(script, prepared, job), drawn.style) if drawn else (None, None)
            clip = stages.stream_clip(take, permit=permit, job=job, captions=times, style=style)
            return _Streamed(stack.enter_context(clip.frames), stack.pop_all())

    def preview(
        self, portrait: PictureInput, speech: SoundInput, *, n_pictures: int = 8, job: Job
    ) -> tuple[Frame, ...]:
        """Labelled frames evenly spaced over the opening of a video, to look at before there is consent.

        At most stages.MOST_STILLS, from the first stages.OPENING_S seconds and too far apart to be a video: a run of
        frames is given by ``stream``, with consent and an entry in the audit log.
        """
        engine = self._opened(job.settings.engine)
        with as_files(portrait, speech) as (photo_file, sound):
            photo, recording = load(photo_file, sound, job.settings, job.observer)
            prepared = analyse(photo_file, photo, recording, job.settings, job.observer, longest_s=stages.OPENING_S)
            return stages.stills(stages.drive(prepared, job.observer, engine), n_pictures, job.observer.progress)

    def close(self) -> None:
        """Give back what the engines hold; the next job opens them anew."""
        self._latest.forget()
        with self._opening:
            while self._engines:
                self._engines.popitem()[1].close()

    def _opened(self, name: str) -> Engine[Any]:
        """The engine of this name, opened once; private, for what it renders is not marked yet."""
        with self._opening:
            if name not in self._engines:
                self._engines[name] = open_engine(name)
            return self._engines[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _delivered(made: Result, out: BinaryIO | None) -> Delivered:
    """Hand over what was made in a folder that is about to vanish."""
    record, video = made.record.read_text(encoding="utf-8"), None
    if out is None:
        video = made.video.read_bytes()
    else:
        try:
            with made.video.open("rb") as file:
                shutil.copyfileobj(file, out)
        except (OSError, TypeError, ValueError) as error:
            raise OutputError(f"the video cannot be written to {out!r} ({error}); open it with mode 'wb'") from error
    return Delivered(video, record, made.duration_s, made.n_frames, made.size_px, made.notices)


class _Streamed(Frames):
    """Frames, and the files that they are made from, which go with them."""

    def __init__(self, frames: Frames, behind: ExitStack) -> None:
        self._frames, self._behind = frames, behind

    def __next__(self) -> Frame:
        try:
            return next(self._frames)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop the work and remove the files."""
        self._behind.close()

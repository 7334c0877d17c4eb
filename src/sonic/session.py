"""What every front end holds one of: engines that stay warm between jobs, and the jobs that are done with them."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sonic.engines import Engine, check_engine, open_engine
from sonic.pipeline import stages
from sonic.pipeline.captioning import CaptionRequest
from sonic.pipeline.job import Job
from sonic.pipeline.latest import LatestAnalysis
from sonic.pipeline.preflight import request_permit
from sonic.provenance.consent import Consent
from sonic.types import Clip, Frames


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

    def engine(self, name: str) -> Engine[Any]:
        """The engine of this name, opened once. Raises SettingError and InstallError as ``open_engine``."""
        with self._opening:
            if name not in self._engines:
                self._engines[name] = open_engine(name)
            return self._engines[name]

    def generate(
        self,
        portrait: str | Path,
        speech: str | Path,
        out: str | Path,
        *,
        consent: Consent,
        job: Job,
        overwrite: bool = False,
        captions: CaptionRequest | None = None,
    ) -> stages.Result:
        """Make the video ``out`` (.mp4) of ``portrait`` saying ``speech``, with its record beside it.

        With ``captions``, ``out`` as .vtt and .srt lie beside it, and are drawn into it where that is asked for.
        It appears under its final name only when it is complete; ``overwrite`` allows it to replace a file that is no
        earlier output. Raises a SonicError for anything a user can mend.
        """
        portrait, speech, out = Path(portrait), Path(speech), Path(out)
        check_engine(job.settings.engine)
        permit = request_permit(consent, job.settings, out, portrait, speech, overwrite=overwrite)
        script = captions.read(out, overwrite=overwrite) if captions else None
        engine = self.engine(job.settings.engine)
        prepared, permit = self._latest.prepared(job, portrait, speech, permit)
        take = stages.drive(prepared, job.observer, engine)
        if captions is None or script is None:
            return stages.save(take, out, permit=permit, job=job)
        times = captions.timed(script, prepared, job)
        result = stages.save(take, out, permit=permit, job=job, captions=times, style=captions.style)
        captions.write(times, out)
        return result

    def stream(self, portrait: str | Path, speech: str | Path, *, consent: Consent, job: Job) -> Frames:
        """The labelled frames of the video, one at a time, at settings.fps; closing them stops all work.

        Sound is not part of the stream: frame i belongs to the sound from i / fps.
        """
        check_engine(job.settings.engine)
        permit = request_permit(consent, job.settings)
        engine = self.engine(job.settings.engine)
        prepared, permit = self._latest.prepared(job, Path(portrait), Path(speech), permit)
        return stages.stream_clip(stages.drive(prepared, job.observer, engine), permit=permit, job=job).frames

    def preview(self, portrait: str | Path, speech: str | Path, *, longest_s: float, job: Job) -> Clip:
        """The labelled opening of a video, at most ``longest_s``, for looking at stills."""
        engine = self.engine(job.settings.engine)
        photo, recording = stages.load(Path(portrait), Path(speech), job.settings, job.observer)
        prepared = stages.analyse(Path(portrait), photo, recording, job.settings, job.observer, longest_s=longest_s)
        return stages.clip_of(stages.drive(prepared, job.observer, engine))

    def close(self) -> None:
        """Give back what the engines hold; the next job opens them anew."""
        self._latest.forget()
        with self._opening:
            while self._engines:
                self._engines.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

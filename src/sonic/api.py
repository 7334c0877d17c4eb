"""generate(): the six steps, in order. load -> analyse -> drive -> render -> finish -> write."""

from collections.abc import Iterator
from pathlib import Path

from sonic.engines import check_engine
from sonic.pipeline import stages
from sonic.pipeline.stages import Listener, OnFrame, Result
from sonic.pipeline.write import check_output
from sonic.provenance.consent import Consent
from sonic.provenance.signer import identity
from sonic.settings import Settings
from sonic.types import Clip, Frame, OnNotice, OnProgress, Watch

__all__ = ["Result", "generate", "preview", "stream"]


def generate(  # noqa: PLR0913 - the one function of the library: what to make, then how, then who hears of it
    portrait: str | Path,
    speech: str | Path,
    out: str | Path,
    *,
    consent: Consent,
    settings: Settings | None = None,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
    on_frame: OnFrame | None = None,
) -> Result:
    """Make the video ``out`` (.mp4) of ``portrait`` saying ``speech``, with its record beside it.

    The output appears under its final name only when it is complete. It replaces an earlier output, which is a video
    whose hash the record beside it names; any other file is kept, and raises OutputError, unless ``overwrite`` is true.
    ``on_frame`` sees each labelled frame on its way there. Raises a SonicError for anything a user can mend.

    Works in any number of threads, and of processes that are spawned, or forked before the first video. A process that
    is forked after it (the default of multiprocessing on Linux before Python 3.14) gets a SonicError: MediaPipe's
    threads do not survive a fork, so take multiprocessing.get_context("spawn").
    """
    check_output(Path(out), Path(portrait), Path(speech), overwrite=overwrite)
    job = _job(settings, on_progress, on_notice)
    identity()  # a certificate that cannot sign is refused before the work
    take, signed = stages.permitted(job, Path(portrait), Path(speech), consent)
    return stages.save(take, out, consent=signed, job=job, on_frame=on_frame, overwrite=overwrite)


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
    job = _job(settings, on_progress, on_notice)
    take, signed = stages.permitted(job, Path(portrait), Path(speech), consent)
    return stages.give(take, consent=signed, job=job).frames


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
    job = _job(settings, on_progress, on_notice)
    photo, recording = stages.load(Path(portrait), Path(speech), job.settings, job.watch)
    prepared = stages.framed(Path(portrait), photo, recording, job.settings, job.watch, longest_s=longest_s)
    return stages.clip_of(stages.drive(prepared, job.watch))


def _job(settings: Settings | None, on_progress: OnProgress | None, on_notice: OnNotice | None) -> Listener:
    settings = settings or Settings()
    check_engine(settings.engine)
    return Listener(Watch(on_progress or (lambda progress: None), on_notice or (lambda line: None)), settings)

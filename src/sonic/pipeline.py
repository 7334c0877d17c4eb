"""generate(): the six steps, in order. load -> analyse -> drive -> render -> finish -> write."""

from collections.abc import Iterator
from pathlib import Path

from sonic import stages
from sonic.provenance.consent import Consent
from sonic.provenance.keys import identity
from sonic.settings import Settings
from sonic.stages import Listener, OnFrame, Result
from sonic.types import Clip, Frame, OnNotice, OnProgress, Watch
from sonic.write import check_output

__all__ = ["Result", "generate", "preview", "stream"]


def generate(
    portrait: str | Path,
    speech: str | Path,
    out: str | Path,
    *,
    consent: Consent,
    settings: Settings | None = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
    on_frame: OnFrame | None = None,
) -> Result:
    """Make the video ``out`` (.mp4) of ``portrait`` saying ``speech``, with its record beside it.

    The output appears under its final name only when it is complete; ``on_frame`` sees each labelled frame on its way
    there. Raises a SonicError for anything a user can mend.

    Works in any number of threads, and of processes that are spawned, or forked before the first video. A process that
    is forked after it (the default of multiprocessing on Linux before Python 3.14) gets a SonicError: MediaPipe's
    threads do not survive a fork, so take multiprocessing.get_context("spawn").
    """
    check_output(Path(out), Path(portrait), Path(speech))
    identity()  # a certificate that cannot sign is refused before the work
    job = _job(settings, on_progress, on_notice)
    take, signed = stages.permitted(job, Path(portrait), Path(speech), consent)
    return stages.save(take, out, consent=signed, job=job, on_frame=on_frame)


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
    photo, recording = stages.load(Path(portrait), Path(speech), job.watch)
    prepared = stages.framed(Path(portrait), photo, recording, job.settings, job.watch, longest_s=longest_s)
    return stages.clip_of(stages.drive(prepared, job.watch))


def _job(settings: Settings | None, on_progress: OnProgress | None, on_notice: OnNotice | None) -> Listener:
    heard = Watch(on_progress or (lambda progress: None), on_notice or (lambda line: None))
    return Listener(heard, settings or Settings())
